//! How the rows of a table are laid out in the log, and whether that is the
//! table that the stream was armed for.
//!
//! A server writes a map before the rows of each statement. With
//! `binlog_row_metadata=FULL` it has the names of the columns, so columns are
//! found by name and nothing depends on their order; and the labels of ENUM and
//! SET, which the catalog would only show in three bytes of UTF-8 a letter.

use super::cell::{Layout, Reading, fraction_bytes};
use super::charset::{Charset, Charsets};
use super::decimal;
use crate::capture;
use crate::mysql::wire::cursor::Cursor;
use crate::table::{Column, Logical, Table};

/// A map as it is in the log.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TableMap<'a> {
    pub(super) schema: &'a str,
    pub(super) name: &'a str,
    pub(super) columns: Vec<Wire>,
    /// Empty without FULL metadata; so are the labels.
    names: Vec<&'a str>,
    enums: Vec<Vec<&'a [u8]>>,
    sets: Vec<Vec<&'a [u8]>>,
    /// A bit for each numeric column, the first one in the highest bit.
    unsigned: Option<&'a [u8]>,
}

/// The type of a column in the log: its number, and what belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wire {
    kind: u8,
    low: u8,
    high: u8,
}

/// The numbers of the types.
mod kind {
    pub(super) const TINY: u8 = 1;
    pub(super) const SHORT: u8 = 2;
    pub(super) const LONG: u8 = 3;
    pub(super) const FLOAT: u8 = 4;
    pub(super) const DOUBLE: u8 = 5;
    pub(super) const LONGLONG: u8 = 8;
    pub(super) const INT24: u8 = 9;
    pub(super) const DATE: u8 = 10;
    pub(super) const YEAR: u8 = 13;
    pub(super) const VARCHAR: u8 = 15;
    pub(super) const BIT: u8 = 16;
    pub(super) const TIMESTAMP: u8 = 17;
    pub(super) const DATETIME: u8 = 18;
    pub(super) const TIME: u8 = 19;
    pub(super) const VECTOR: u8 = 242;
    pub(super) const JSON: u8 = 245;
    pub(super) const DECIMAL: u8 = 246;
    pub(super) const ENUM: u8 = 247;
    pub(super) const SET: u8 = 248;
    pub(super) const BLOB: u8 = 252;
    pub(super) const STRING: u8 = 254;
    pub(super) const GEOMETRY: u8 = 255;
}

impl<'a> TableMap<'a> {
    /// Reads the names alone, which is all that matters of most tables.
    pub(super) fn names(body: &'a [u8]) -> Option<(&'a str, &'a str)> {
        let mut cursor = Cursor::new(body);
        Some((name(&mut cursor)?, name(&mut cursor)?))
    }

    /// Reads what follows the number of the table.
    pub(super) fn parse(body: &'a [u8]) -> Option<Self> {
        let mut cursor = Cursor::new(body);
        let (schema, table) = (name(&mut cursor)?, name(&mut cursor)?);
        let count = usize::try_from(cursor.length()?).ok()?;
        let kinds = cursor.take(count)?;
        let mut metadata = Cursor::new(cursor.block()?);
        let columns = kinds.iter().map(|&kind| Wire::read(kind, &mut metadata)).collect::<Option<_>>()?;
        // Which columns take NULL.
        cursor.take(count.div_ceil(8))?;
        let mut map = Self {
            schema,
            name: table,
            columns,
            names: Vec::new(),
            enums: Vec::new(),
            sets: Vec::new(),
            unsigned: None,
        };
        while !cursor.is_empty() {
            let field = cursor.byte()?;
            let value = cursor.block()?;
            match field {
                1 => map.unsigned = Some(value),
                4 => {
                    for name in blocks(value)? {
                        map.names.push(std::str::from_utf8(name).ok()?);
                    }
                }
                5 => map.sets = labels(value)?,
                6 => map.enums = labels(value)?,
                _ => {}
            }
        }
        Some(map)
    }

    /// Whether each column's integers have no sign; `None` where the log does
    /// not say.
    fn signs(&self) -> Vec<Option<bool>> {
        let mut bits = (0usize..).map(|i| {
            let bits = self.unsigned?;
            bits.get(i / 8).map(|byte| byte >> (7 - i % 8) & 1 == 1)
        });
        self.columns.iter().map(|wire| if wire.is_numeric() { bits.next().flatten() } else { None }).collect()
    }
}

fn name<'a>(cursor: &mut Cursor<'a>) -> Option<&'a str> {
    let len = usize::from(cursor.byte()?);
    let name = std::str::from_utf8(cursor.take(len)?).ok()?;
    cursor.take(1)?;
    Some(name)
}

fn blocks(value: &[u8]) -> Option<Vec<&[u8]>> {
    let mut cursor = Cursor::new(value);
    let mut blocks = Vec::new();
    while !cursor.is_empty() {
        blocks.push(cursor.block()?);
    }
    Some(blocks)
}

/// Of each column the number of its labels, and the labels.
fn labels(value: &[u8]) -> Option<Vec<Vec<&[u8]>>> {
    let mut cursor = Cursor::new(value);
    let mut columns = Vec::new();
    while !cursor.is_empty() {
        let count = cursor.length()?;
        columns.push((0..count).map(|_| cursor.block()).collect::<Option<_>>()?);
    }
    Some(columns)
}

impl Wire {
    fn read(kind: u8, metadata: &mut Cursor<'_>) -> Option<Self> {
        let (low, high) = match kind {
            kind::FLOAT
            | kind::DOUBLE
            | kind::TIMESTAMP
            | kind::DATETIME
            | kind::TIME
            | kind::BLOB
            | kind::JSON
            | kind::GEOMETRY
            | kind::VECTOR
            // MariaDB's compressed texts.
            | 140 => (metadata.byte()?, 0),
            kind::VARCHAR | kind::BIT | kind::DECIMAL | kind::STRING | kind::ENUM | kind::SET | 141 | 253 => {
                (metadata.byte()?, metadata.byte()?)
            }
            // An element type and what belongs to that: not for columns that
            // anybody can read.
            243 => {
                let inner = metadata.byte()?;
                let _ = Self::read(inner, metadata)?;
                (inner, 0)
            }
            _ => (0, 0),
        };
        Some(Self { kind, low, high })
    }

    /// A STRING says in two bytes that it is an ENUM or a SET, or how long it is,
    /// which needs ten bits: two of them are in the first byte, turned over.
    fn resolved(self) -> Self {
        if self.kind != kind::STRING {
            return self;
        }
        match self.low {
            kind::ENUM | kind::SET => Self { kind: self.low, low: self.high, high: 0 },
            low => Self { kind: kind::STRING, low: self.high, high: (low & 0x30 ^ 0x30) >> 4 },
        }
    }

    fn len(self) -> usize {
        usize::from(u16::from_le_bytes([self.low, self.high]))
    }

    fn is_numeric(self) -> bool {
        matches!(
            self.kind,
            kind::TINY
                | kind::SHORT
                | kind::INT24
                | kind::LONG
                | kind::LONGLONG
                | kind::FLOAT
                | kind::DOUBLE
                | kind::DECIMAL
                | kind::YEAR
        )
    }

    /// `None` for a type whose values have no known end.
    fn layout(self) -> Option<Layout> {
        let wire = self.resolved();
        let prefixed = |len: usize| Layout::Prefixed(if len > 255 { 2 } else { 1 });
        let digits = |bytes: usize| Some(Layout::Fixed(bytes + fraction_bytes(wire.low)?));
        Some(match wire.kind {
            kind::TINY | kind::YEAR => Layout::Fixed(1),
            kind::SHORT => Layout::Fixed(2),
            kind::INT24 | kind::DATE => Layout::Fixed(3),
            kind::LONG | kind::FLOAT => Layout::Fixed(4),
            kind::LONGLONG | kind::DOUBLE => Layout::Fixed(8),
            kind::TIMESTAMP => digits(4)?,
            kind::DATETIME => digits(5)?,
            kind::TIME => digits(3)?,
            kind::DECIMAL => Layout::Fixed(decimal::len(u32::from(wire.low), u32::from(wire.high))?),
            kind::BIT => Layout::Fixed(usize::from(wire.high) + usize::from(wire.low > 0)),
            kind::ENUM | kind::SET => Layout::Fixed(usize::from(wire.low)),
            kind::STRING | kind::VARCHAR => prefixed(wire.len()),
            kind::BLOB | kind::JSON | kind::GEOMETRY | kind::VECTOR => {
                Layout::Prefixed(usize::from(wire.low).clamp(1, 4))
            }
            _ => return None,
        })
    }
}

/// How the rows of a captured table are read, for one layout of it in the log.
#[derive(Debug)]
pub(super) struct Plan {
    /// In [`capture::CaptureRequest::tables`].
    pub(super) table: usize,
    pub(super) columns: Vec<Planned>,
    /// How many cells an image has.
    pub(super) width: usize,
}

#[derive(Debug)]
pub(super) struct Planned {
    pub(super) layout: Layout,
    /// The cell in an image, and what it holds; `None` for what is computed.
    pub(super) cell: Option<(usize, Reading)>,
    /// For errors.
    pub(super) name: String,
}

/// Why there is no plan.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoPlan {
    /// The log does not say enough.
    Unfaithful(String),
    /// The table is another.
    Changed(String),
}

/// Behind MariaDB's unique keys over long texts.
const HIDDEN_HASH: &str = "DB_ROW_HASH_";

impl Plan {
    /// # Errors
    /// With what is not as it was described.
    pub(super) fn new(map: &TableMap<'_>, index: usize, table: &Table, charsets: &Charsets) -> Result<Self, NoPlan> {
        if map.names.len() != map.columns.len() {
            return Err(NoPlan::Unfaithful("binlog_row_metadata is not FULL".to_owned()));
        }
        let wanted = capture::columns(table);
        let signs = map.signs();
        let (mut enums, mut sets) = (map.enums.iter(), map.sets.iter());
        let mut columns = Vec::with_capacity(map.columns.len());
        let mut found = 0;
        for ((wire, &name), unsigned) in map.columns.iter().zip(&map.names).zip(signs) {
            let labels = match wire.resolved().kind {
                kind::ENUM => enums.next(),
                kind::SET => sets.next(),
                _ => None,
            };
            let changed = |what: &str| NoPlan::Changed(format!("the column `{name}` {what}"));
            let layout = wire.layout().ok_or_else(|| changed("has a type that is not known"))?;
            let cell = match table.column(name) {
                Some((at, column)) if !column.generated => {
                    let place = wanted.iter().position(|&w| w == at).ok_or_else(|| changed("has no place"))?;
                    found += 1;
                    let reading = reading(wire.resolved(), column, unsigned, labels, charsets)
                        .ok_or_else(|| changed("has another type"))?;
                    Some((place, reading))
                }
                Some(_) => None,
                None if name.starts_with(HIDDEN_HASH) => None,
                None => return Err(changed("was added")),
            };
            columns.push(Planned { layout, cell, name: name.to_owned() });
        }
        // A computed column may be left out of the log, others may not.
        if found != wanted.len() {
            let is_there =
                |at: &usize| table.columns.get(*at).is_some_and(|column| map.names.contains(&column.name.as_str()));
            let gone = wanted.iter().find(|at| !is_there(at)).and_then(|&at| table.columns.get(at));
            let gone = gone.map_or("?", |column| column.name.as_str());
            return Err(NoPlan::Changed(format!("the column `{gone}` is gone")));
        }
        Ok(Self { table: index, columns, width: wanted.len() })
    }
}

/// How to read a column of this type in the log as what was described; `None`
/// where that is another type.
fn reading(
    wire: Wire,
    column: &Column,
    unsigned: Option<bool>,
    labels: Option<&Vec<&[u8]>>,
    charsets: &Charsets,
) -> Option<Reading> {
    let charset = || charsets.of(column.collation.as_deref());
    let labels = || {
        let charset: Charset = charset()?;
        labels?.iter().map(|label| charset.text(label).ok().map(std::borrow::Cow::into_owned)).collect::<Option<_>>()
    };
    Some(match (column.logical.as_ref()?, wire.kind) {
        (Logical::Int { bits: 8, unsigned: is }, kind::TINY)
        | (Logical::Int { bits: 16, unsigned: is }, kind::SHORT)
        | (Logical::Int { bits: 24, unsigned: is }, kind::INT24)
        | (Logical::Int { bits: 32, unsigned: is }, kind::LONG)
        | (Logical::Int { bits: 64, unsigned: is }, kind::LONGLONG)
            if unsigned.is_none_or(|u| u == *is) =>
        {
            if *is {
                Reading::UInt
            } else {
                Reading::Int
            }
        }
        (Logical::Year, kind::YEAR) => Reading::Year,
        (Logical::Float32, kind::FLOAT) => Reading::Float32,
        (Logical::Float64, kind::DOUBLE) => Reading::Float64,
        (Logical::Decimal { precision: Some(precision), scale }, kind::DECIMAL)
            if *precision == u32::from(wire.low) && *scale == u32::from(wire.high) =>
        {
            Reading::Decimal { precision: *precision, scale: *scale }
        }
        (Logical::Bool, kind::BIT) if bits(wire) == 1 => Reading::Bool,
        (Logical::Bits { len: Some(len) }, kind::BIT) if bits(wire) == *len => Reading::Bits { len: *len },
        (Logical::Char { .. }, kind::STRING) => Reading::Char(charset()?),
        (Logical::Text { .. }, kind::VARCHAR | kind::BLOB) => Reading::Text(charset()?),
        (Logical::Binary { bytes }, kind::STRING) if wire.len() == *bytes as usize => {
            Reading::Binary { bytes: wire.len() }
        }
        (Logical::Bytes { .. }, kind::VARCHAR | kind::BLOB) => Reading::Bytes,
        (Logical::Date, kind::DATE) => Reading::Date,
        (Logical::Time { digits }, kind::TIME) if *digits == wire.low => Reading::Time { digits: *digits },
        (Logical::Timestamp { digits }, kind::DATETIME) if *digits == wire.low => Reading::DateTime { digits: *digits },
        (Logical::Instant { digits }, kind::TIMESTAMP) if *digits == wire.low => Reading::Instant { digits: *digits },
        (Logical::Json { ordered: false }, kind::JSON) => Reading::JsonBinary,
        (Logical::Json { ordered: true }, kind::BLOB) => Reading::JsonText(charset()?),
        (Logical::Enum, kind::ENUM) => Reading::Enum(labels()?),
        (Logical::Set, kind::SET) => Reading::Set(labels()?),
        (Logical::Uuid, kind::STRING) if wire.len() == 16 => Reading::Uuid,
        (Logical::Network, kind::STRING) if wire.len() == 4 => Reading::Inet4,
        (Logical::Network, kind::STRING) if wire.len() == 16 => Reading::Inet6,
        (Logical::Geometry { .. }, kind::GEOMETRY) => Reading::Geometry,
        (Logical::Vector { .. }, kind::VECTOR | kind::VARCHAR | kind::BLOB) => Reading::Vector,
        _ => return None,
    })
}

fn bits(wire: Wire) -> u32 {
    u32::from(wire.high) * 8 + u32::from(wire.low)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::table::TableRef;

    fn column(name: &str, logical: Logical, generated: bool) -> Column {
        Column {
            name: name.to_owned(),
            native: String::new(),
            logical: Some(logical),
            nullable: true,
            generated,
            collation: None,
        }
    }

    fn table(columns: Vec<Column>) -> Table {
        Table {
            name: TableRef { schema: Some("s".to_owned()), name: "t".to_owned() },
            columns,
            primary_key: None,
            unique_keys: Vec::new(),
            foreign_keys: Vec::new(),
            children: Vec::new(),
            row_estimate: 0,
            bytes_estimate: 0,
        }
    }

    /// `id INT UNSIGNED, twice BIGINT, e ENUM('x')` as a server writes it.
    fn body() -> Vec<u8> {
        let mut body = b"\x01s\0\x01t\0\x03".to_vec();
        body.extend_from_slice(&[3, 8, 254, 2, 247, 1, 0x07]);
        body.extend_from_slice(&[1, 1, 0x80, 4, 11, 2, b'i', b'd', 5, b't', b'w', b'i', b'c', b'e', 1, b'e']);
        body.extend_from_slice(&[6, 3, 1, 1, b'x']);
        body
    }

    fn described() -> Vec<Column> {
        vec![
            column("id", Logical::Int { bits: 32, unsigned: true }, false),
            column("e", Logical::Enum, false),
            column("twice", Logical::Int { bits: 64, unsigned: false }, true),
        ]
    }

    fn plan(columns: Vec<Column>) -> Result<Plan, NoPlan> {
        let body = body();
        Plan::new(&TableMap::parse(&body).unwrap(), 4, &table(columns), &Charsets::utf8())
    }

    #[test]
    fn columns_are_found_by_name() {
        let plan = plan(described()).unwrap();
        assert_eq!((plan.table, plan.width), (4, 2));
        let cells: Vec<_> = plan.columns.iter().map(|c| c.cell.as_ref().map(|(at, _)| *at)).collect();
        assert_eq!(cells, [Some(0), None, Some(1)]);
        assert!(matches!(&plan.columns[2].cell, Some((_, Reading::Enum(labels))) if labels == &["x"]));
    }

    #[test]
    fn another_table_is_no_longer_the_same() {
        let mut columns = described();
        columns[0].logical = Some(Logical::Int { bits: 32, unsigned: false });
        assert_eq!(plan(columns).unwrap_err(), NoPlan::Changed("the column `id` has another type".to_owned()));
        let mut columns = described();
        columns.push(column("more", Logical::Date, false));
        assert_eq!(plan(columns).unwrap_err(), NoPlan::Changed("the column `more` is gone".to_owned()));
        let mut columns = described();
        columns.remove(1);
        assert_eq!(plan(columns).unwrap_err(), NoPlan::Changed("the column `e` was added".to_owned()));
        let minimal = &body()[..14];
        let map = TableMap::parse(minimal).unwrap();
        let refused = Plan::new(&map, 0, &table(described()), &Charsets::utf8());
        assert!(matches!(refused, Err(NoPlan::Unfaithful(_))));
    }

    #[test]
    fn long_strings_hide_two_bits() {
        // CHAR(255) of four bytes a letter: 1,020.
        let wire = Wire { kind: kind::STRING, low: 0xCE, high: 0xFC }.resolved();
        assert_eq!((wire.kind, wire.len()), (kind::STRING, 0x3FC));
        let wire = Wire { kind: kind::STRING, low: 0xFE, high: 5 }.resolved();
        assert_eq!((wire.kind, wire.len()), (kind::STRING, 5));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut tail in proptest::collection::vec(any::<u8>(), 0..120), keep in 0usize..40) {
            let mut bytes = body();
            bytes.truncate(keep);
            bytes.append(&mut tail);
            let _ = TableMap::names(&bytes);
            if let Some(map) = TableMap::parse(&bytes) {
                let _ = Plan::new(&map, 0, &table(described()), &Charsets::utf8());
            }
        }
    }
}
