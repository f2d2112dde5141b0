//! Rows of `COPY … (FORMAT binary)` to values.

use crate::batch::{DecodeRows, RawBatch};
use crate::error::{Error, Result};
use crate::table::{Column, Table};
use crate::value::{OwnedValue, Value};

use super::bytes::{Fault, Fields};
use super::frame::NULL;
use super::types::{self, Decode};

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
    decode: Decode,
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
            Ok(ColumnDecoder { name: column.name.clone(), decode })
        };
        Ok(Self { table: table.name.to_string(), columns: columns.into_iter().map(decoder).collect::<Result<_>>()? })
    }

    /// A decoder for a result of our own that is no table's.
    pub(super) fn of_one(table: &Table, name: &str, decode: Decode) -> Self {
        Self { table: table.name.to_string(), columns: vec![ColumnDecoder { name: name.to_owned(), decode }] }
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
                    (column.decode)(field).map_err(|why| self.fault(&column.name, why))?
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
