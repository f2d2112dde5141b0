//! Rows of `COPY … (FORMAT binary)` to values.

use crate::batch::{DecodeRows, RawBatch};
use crate::error::{Error, Result};
use crate::sql;
use crate::table::{Column, Table};
use crate::value::{OwnedValue, Value};

use super::bytes::{Fault, Fields};
use super::frame::{NULL, tuple_ends};
use super::nested::{Decoder, Plain};
use super::types;

/// Stands in an error for a column where the fault lies between columns.
const WHOLE_ROW: &str = "(the whole row)";

/// Reads the tuples that one read of one table sends.
#[derive(Debug)]
pub(super) struct CopyDecoder {
    table: String,
    columns: Vec<ColumnDecoder>,
}

#[derive(Debug)]
struct ColumnDecoder {
    name: String,
    /// All that `decode` was chosen by.
    layout: String,
    decode: Decoder,
}

impl CopyDecoder {
    pub(super) fn new(table: &Table, columns: &[usize]) -> Result<Self> {
        let columns = self::columns(table, columns)?;
        let decoder = |column: &Column| {
            let decode = types::decoder(column).ok_or_else(|| Error::UnknownType {
                table: table.name.to_string(),
                column: column.name.clone(),
                native: column.native.clone(),
            })?;
            let layout = format!("{:?} {}", column.logical, sql::postgres_base(column));
            Ok(ColumnDecoder { name: column.name.clone(), layout, decode })
        };
        Ok(Self { table: table.name.to_string(), columns: columns.into_iter().map(decoder).collect::<Result<_>>()? })
    }

    /// A decoder for a result of our own that is no table's.
    pub(super) fn of_one(table: &Table, name: &str, decode: Plain) -> Self {
        let column = ColumnDecoder { name: name.to_owned(), layout: name.to_owned(), decode: Decoder::Plain(decode) };
        Self { table: table.name.to_string(), columns: vec![column] }
    }

    fn fault(&self, column: &str, why: Fault) -> Error {
        Error::Decode { table: self.table.clone(), column: column.to_owned(), why: why.to_owned() }
    }

    fn row_fault(&self, why: Fault) -> Error {
        self.fault(WHOLE_ROW, why)
    }

    /// All rows of a batch at once, for the few that we need ourselves.
    pub(super) fn decode_owned(&self, batch: &RawBatch) -> Result<Vec<Vec<OwnedValue>>> {
        let mut rows = Vec::with_capacity(batch.row_count);
        self.decode(batch, &mut |row| rows.push(row.iter().cloned().map(Value::into_owned).collect()))?;
        Ok(rows)
    }

    fn row<'a>(&self, fields: &mut Fields<'a>, values: &mut Vec<Value<'a>>) -> Result<()> {
        let count = fields.i16().ok_or_else(|| self.row_fault("the row ends early"))?;
        if usize::try_from(count) != Ok(self.columns.len()) {
            return Err(self.row_fault("the row has another number of fields than was asked for"));
        }
        for column in &self.columns {
            let value = match fields.i32() {
                Some(NULL) => Value::Null,
                Some(len) => {
                    let field = usize::try_from(len).ok().and_then(|len| fields.take(len));
                    let field = field.ok_or_else(|| self.fault(&column.name, "the field ends early"))?;
                    column.decode.value(field).map_err(|why| self.fault(&column.name, why))?
                }
                None => return Err(self.fault(&column.name, "the field ends early")),
            };
            values.push(value);
        }
        Ok(())
    }
}

impl DecodeRows for CopyDecoder {
    fn decode(&self, batch: &RawBatch, row: &mut dyn FnMut(&[Value<'_>])) -> Result<()> {
        let mut fields = Fields::new(&batch.bytes);
        let mut values = Vec::with_capacity(self.columns.len());
        let mut row_count = 0;
        while !fields.is_empty() {
            values.clear();
            self.row(&mut fields, &mut values)?;
            row(&values);
            row_count += 1;
        }
        if row_count == batch.row_count {
            Ok(())
        } else {
            Err(self.row_fault("the batch has another number of rows than was read"))
        }
    }

    fn layout(&self) -> Option<String> {
        let kinds: Vec<&str> = self.columns.iter().map(|column| column.layout.as_str()).collect();
        Some(format!("postgres {}", kinds.join(" ")))
    }

    fn row_ends(&self, batch: &RawBatch) -> Option<Vec<usize>> {
        tuple_ends(&batch.bytes)
    }
}

/// The columns at `positions`.
///
/// # Errors
/// [`Error::Decode`] for a position that the table doesn't have: a description
/// that belongs to another table must not read some other column.
pub(super) fn columns<'a>(table: &'a Table, positions: &[usize]) -> Result<Vec<&'a Column>> {
    let column = |&i: &usize| {
        table.columns.get(i).ok_or_else(|| Error::Decode {
            table: table.name.to_string(),
            column: format!("(column {})", i + 1),
            why: "the table has no column at this position".to_owned(),
        })
    };
    positions.iter().map(column).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::table::{Element, Field, Logical, Notation, Shape, TableRef};

    const PLAIN: [(&str, Logical); 27] = [
        ("boolean", Logical::Bool),
        ("smallint", Logical::Int { bits: 16, unsigned: false }),
        ("integer", Logical::Int { bits: 32, unsigned: false }),
        ("bigint", Logical::Int { bits: 64, unsigned: false }),
        ("oid", Logical::Int { bits: 32, unsigned: true }),
        ("numeric", Logical::Decimal { precision: None, scale: 0 }),
        ("real", Logical::Float32),
        ("double precision", Logical::Float64),
        ("text", Logical::Text { chars_max: None }),
        ("\"char\"", Logical::Text { chars_max: Some(1) }),
        ("character(3)", Logical::Char { chars_max: 3 }),
        ("public.mood", Logical::Enum),
        ("bytea", Logical::Bytes { bytes_max: None }),
        ("date", Logical::Date),
        ("time without time zone", Logical::Time { digits: 6 }),
        ("time with time zone", Logical::TimeTz { digits: 6 }),
        ("timestamp without time zone", Logical::Timestamp { digits: 6 }),
        ("timestamp with time zone", Logical::Instant { digits: 6 }),
        ("interval", Logical::Interval),
        ("uuid", Logical::Uuid),
        ("json", Logical::Json { ordered: true }),
        ("jsonb", Logical::Json { ordered: false }),
        ("bit varying", Logical::Bits { len: None }),
        ("inet", Logical::Network),
        ("cidr", Logical::Network),
        ("macaddr", Logical::Network),
        ("macaddr8 (domain public.station)", Logical::Network),
    ];

    /// Those above first, at the same positions.
    fn types() -> Vec<(String, Logical)> {
        let mut types: Vec<(String, Logical)> =
            PLAIN.iter().map(|(native, l)| ((*native).to_owned(), l.clone())).collect();
        types.push(("public.hstore".to_owned(), Logical::Map));
        types.push(("public.vector".to_owned(), Logical::Vector { dimensions: None }));
        types.push(("public.geometry".to_owned(), Logical::Geometry { srid: None }));
        for kind in [Shape::Point, Shape::Line, Shape::Segment, Shape::Box, Shape::Path, Shape::Polygon, Shape::Circle]
        {
            types.push((String::new(), Logical::Shape { kind }));
        }
        for kind in [
            Notation::TextSearchVector,
            Notation::TextSearchQuery,
            Notation::JsonPath,
            Notation::LogPosition,
            Notation::LabelPath,
            Notation::ObjectName,
            Notation::Snapshot,
            Notation::RowPosition,
        ] {
            types.push((String::new(), Logical::Notation { kind }));
        }
        let element = |native: &str, logical| Element { native: native.to_owned(), logical };
        let made: Vec<Logical> = ["money", "text", "\"char\"", "macaddr"]
            .into_iter()
            .zip([
                Logical::Decimal { precision: Some(19), scale: 2 },
                Logical::Text { chars_max: None },
                Logical::Text { chars_max: Some(1) },
                Logical::Network,
            ])
            .flat_map(|(native, logical)| {
                let one = || Box::new(element(native, logical.clone()));
                let row = Logical::Composite { fields: vec![Field { name: "f".to_owned(), element: *one() }; 2] };
                [
                    Logical::Array { element: one() },
                    Logical::Range { bound: one() },
                    Logical::Multirange { bound: one() },
                    Logical::Array { element: Box::new(element("public.pair", row.clone())) },
                    row,
                ]
            })
            .collect();
        types.extend(made.into_iter().map(|logical| (String::new(), logical)));
        types
    }

    fn table() -> Table {
        let column = |(i, (native, logical)): (usize, (String, Logical))| Column {
            name: format!("c{i}"),
            native,
            logical: Some(logical),
            nullable: true,
            generated: false,
            collation: None,
        };
        Table {
            name: TableRef { schema: Some("s".to_owned()), name: "t".to_owned() },
            columns: types().into_iter().enumerate().map(column).collect(),
            primary_key: None,
            unique_keys: Vec::new(),
            foreign_keys: Vec::new(),
            row_estimate: 0,
            bytes_estimate: 0,
            children: Vec::new(),
        }
    }

    fn batch_of(fields: &[Option<&[u8]>]) -> RawBatch {
        let mut bytes = (fields.len() as i16).to_be_bytes().to_vec();
        for field in fields {
            bytes.extend_from_slice(&field.map_or(NULL, |f| f.len() as i32).to_be_bytes());
            bytes.extend_from_slice(field.unwrap_or_default());
        }
        RawBatch { bytes, row_count: 1 }
    }

    fn decode(columns: &[usize], batch: &RawBatch) -> Result<Vec<Vec<OwnedValue>>> {
        CopyDecoder::new(&table(), columns).unwrap().decode_owned(batch)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn no_field_makes_a_decoder_panic(
            column in 0..types().len(),
            field in prop::collection::vec(prop_oneof![4 => Just(0u8), 1 => Just(0xFF), 2 => 0u8..9, 1 => any::<u8>()], 0..60),
        ) {
            if let Err(error) = decode(&[column], &batch_of(&[Some(&field)])) {
                // The error says which column.
                let named = matches!(&error, Error::Decode { table, column: c, .. } if table == "s.t" && *c == format!("c{column}"));
                prop_assert!(named, "{:?}", error);
            }
        }

        #[test]
        fn no_batch_makes_the_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), row_count in 0usize..4) {
            let columns: Vec<usize> = (0..PLAIN.len()).collect();
            let _ = decode(&columns, &RawBatch { bytes: bytes.clone(), row_count });
            let _ = decode(&[8, 3], &RawBatch { bytes, row_count });
        }

        #[test]
        fn a_field_of_a_fixed_type_that_is_too_long_is_refused(column in 0..8usize, excess in 1usize..9) {
            let lens = [1, 2, 4, 8, 4, 8, 4, 8];
            // For a numeric these are a zero's header and then more.
            let field = vec![0u8; lens[column] + excess];
            prop_assert!(decode(&[column], &batch_of(&[Some(&field)])).is_err());
        }
    }

    #[test]
    fn rows_are_whole_or_an_error() {
        let batch = batch_of(&[Some(b"ada"), None, Some(&[0, 0, 0, 7])]);
        let columns = [8, 2, 2];
        let row = [Value::Text("ada".into()), Value::Null, Value::Int(7)];
        assert_eq!(decode(&columns, &batch).unwrap(), [row]);
        for len in 0..batch.bytes.len() {
            let cut = RawBatch { bytes: batch.bytes[..len].to_vec(), row_count: 1 };
            assert!(decode(&columns, &cut).is_err(), "{len}");
        }
        for wrong in [&[8, 2][..], &[8, 2, 2, 2]] {
            assert!(decode(wrong, &batch).is_err());
        }
        assert!(decode(&columns, &RawBatch { row_count: 2, ..batch }).is_err());
    }

    #[test]
    fn every_value_is_read_by_its_own_rules() {
        let one = |column, field: &[u8]| {
            decode(&[column], &batch_of(&[Some(field)])).map(|mut rows| rows.remove(0).remove(0))
        };
        assert_eq!(one(9, b"\0").unwrap(), Value::Text("".into()));
        assert_eq!(one(9, b"\xFE").unwrap(), Value::Text("\\376".into()));
        assert!(one(8, b"\xFE").is_err());
        assert!(one(21, b"\x02{}").is_err());
        assert_eq!(one(26, &[8, 0, 0x2b, 0xff, 0xfe, 1, 2, 3]).unwrap(), Value::Text("08:00:2b:ff:fe:01:02:03".into()));
        assert!(one(25, &[8, 0, 0x2b, 0xff, 0xfe, 1, 2, 3]).is_err());
        assert!(one(16, &(i64::MAX - 1).to_be_bytes()).is_err(), "beyond our calendar");
        assert!(one(13, &(i32::MAX - 1).to_be_bytes()).is_err(), "beyond the server's calendar");
    }

    #[test]
    fn a_position_beyond_the_table_is_an_error() {
        assert!(CopyDecoder::new(&table(), &[types().len()]).is_err());
    }
}
