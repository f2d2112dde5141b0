//! Tables as an engine's catalog describes them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The name of a table in one database.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableRef {
    /// The PostgreSQL schema or the MySQL database; `None` for SQLite.
    pub schema: Option<String>,
    pub name: String,
}

impl fmt::Display for TableRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// One table with all that a comparison needs to know of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    pub name: TableRef,
    /// In the order of the table.
    pub columns: Vec<Column>,
    pub primary_key: Option<Key>,
    /// Unique constraints and indexes over plain columns that hold for every
    /// row: no expression, no predicate, no deferred validation.
    pub unique_keys: Vec<Key>,
    pub foreign_keys: Vec<ForeignKey>,
    /// From statistics: good for planning, not for a verdict. 0 when unknown.
    pub row_estimate: u64,
    /// Of the table's data without its indexes, from statistics; 0 when unknown.
    pub bytes_estimate: u64,
    /// Tables of their own that inherit from this one, so that the server shows
    /// their rows with its own where they are not kept out. Only PostgreSQL has such;
    /// partitions are none, as they are no tables of their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<TableRef>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    pub name: String,
    /// The type as the engine writes it, for people: `numeric(12,2)`.
    pub native: String,
    /// What the type means; `None` for a type that this tool does not know.
    pub logical: Option<Logical>,
    pub nullable: bool,
    /// Computed by the server from other columns, so never written by us.
    pub generated: bool,
    /// The column's own collation, by its name on that server.
    pub collation: Option<String>,
}

/// A key, by positions in [`Table::columns`], in the order of the index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    pub name: String,
    pub columns: Vec<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForeignKey {
    pub columns: Vec<String>,
    pub parent: TableRef,
}

/// What a column's declared type means, whatever the engine calls it.
///
/// A type that is made of others holds their descriptions, so that a column can
/// be decoded and compared without another look into the catalog, also after
/// its description was stored and loaded again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Logical {
    Bool,
    Int {
        bits: u8,
        unsigned: bool,
    },
    /// Unbounded where `precision` is `None`.
    Decimal {
        precision: Option<u32>,
        scale: u32,
    },
    Float32,
    Float64,
    /// SQLite's NUMERIC affinity: whole numbers as integers, others as doubles.
    SqliteNumeric,
    /// Fixed length: the engine pads with spaces, or strips them.
    Char {
        chars_max: u32,
    },
    Text {
        chars_max: Option<u32>,
    },
    /// Fixed length: the engine pads with zero bytes.
    Binary {
        bytes: u32,
    },
    Bytes {
        bytes_max: Option<u32>,
    },
    Date,
    /// `digits` is of the fraction of a second, here and below.
    Time {
        digits: u8,
    },
    TimeTz {
        digits: u8,
    },
    /// Names no zone.
    Timestamp {
        digits: u8,
    },
    /// A point in time.
    Instant {
        digits: u8,
    },
    Year,
    Interval,
    Uuid,
    /// `ordered`: kept as text, so that key order and spelling survive.
    Json {
        ordered: bool,
    },
    Enum,
    Set,
    Bits {
        len: Option<u32>,
    },
    /// A network address in the server's canonical text.
    Network,
    /// Of any number of dimensions, each with its own lower bound.
    Array {
        element: Box<Element>,
    },
    Range {
        bound: Box<Element>,
    },
    Multirange {
        bound: Box<Element>,
    },
    Composite {
        fields: Vec<Field>,
    },
    /// `hstore`: text to text or NULL.
    Map,
    /// PostgreSQL's geometric types, which have no coordinate system.
    Shape {
        kind: Shape,
    },
    /// A geometry with the number of its coordinate system; `srid` where the
    /// column takes no other.
    Geometry {
        srid: Option<u32>,
    },
    /// Single-precision floats, of a fixed number where `dimensions` says so.
    Vector {
        dimensions: Option<u32>,
    },
    /// A type that is known by the text in which its server writes it.
    Notation {
        kind: Notation,
    },
}

/// A type within another.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Element {
    /// As in [`Column::native`], without modifiers.
    pub native: String,
    pub logical: Logical,
}

/// One field of a composite type.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    pub name: String,
    pub element: Element,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    Point,
    /// The three coefficients of its equation.
    Line,
    Segment,
    /// Two opposite corners.
    Box,
    Path,
    Polygon,
    /// The centre and the radius.
    Circle,
}

/// What a [`Logical::Notation`] is a text of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notation {
    TextSearchVector,
    TextSearchQuery,
    JsonPath,
    /// A position in the server's write-ahead log.
    LogPosition,
    /// `ltree`: labels from the root down.
    LabelPath,
    LabelPattern,
    LabelSearch,
    /// The name of a table, type, role or other object of the database.
    ObjectName,
    /// Which transactions were visible.
    Snapshot,
    /// Where a row lies in its table's file.
    RowPosition,
}

impl Table {
    #[must_use]
    pub fn column(&self, name: &str) -> Option<(usize, &Column)> {
        self.columns.iter().enumerate().find(|(_, c)| c.name == name)
    }
}
