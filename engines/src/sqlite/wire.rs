//! The bytes of a batch.
//!
//! A cell is a tag, which is its storage class, and a payload that says its own
//! length: integers zigzag LEB128, doubles eight bytes, text and blobs a length
//! and the bytes. Rows follow each other with nothing in between. The bytes live
//! within one process only, so they carry no version.
//!
//! Whether text is valid Unicode is looked at when it is decoded, so that the
//! thread that waits for the file only copies.

use std::borrow::Cow;
use std::sync::Arc;

use crate::batch::{DecodeRows, RawBatch};
use crate::error::{Error, Result};
use crate::table::{Logical, Table};
use crate::value::Value;

pub(super) mod tag {
    pub(in crate::sqlite) const NULL: u8 = 0;
    pub(in crate::sqlite) const INTEGER: u8 = 1;
    pub(in crate::sqlite) const REAL: u8 = 2;
    pub(in crate::sqlite) const TEXT: u8 = 3;
    pub(in crate::sqlite) const BLOB: u8 = 4;
    /// Text as a file in UTF-16 holds it.
    pub(in crate::sqlite) const TEXT_UTF16LE: u8 = 5;
    pub(in crate::sqlite) const TEXT_UTF16BE: u8 = 6;
}

pub(super) fn put_integer(out: &mut Vec<u8>, v: i64) {
    out.push(tag::INTEGER);
    put_unsigned(out, ((v << 1) ^ (v >> 63)) as u64);
}

pub(super) fn put_real(out: &mut Vec<u8>, v: f64) {
    out.push(tag::REAL);
    out.extend_from_slice(&v.to_bits().to_le_bytes());
}

pub(super) fn put_block(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    put_unsigned(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn put_unsigned(out: &mut Vec<u8>, mut v: u64) {
    while v >= 0x80 {
        out.push((v & 0x7F) as u8 | 0x80);
        v >>= 7;
    }
    out.push(v as u8);
}

/// The decoder for `columns` of `table`.
pub(super) fn decoder(table: &Table, columns: &[usize]) -> Result<Arc<dyn DecodeRows>> {
    let columns = super::read::columns_of(table, columns)?
        .into_iter()
        .map(|column| match &column.logical {
            Some(logical) => Ok(Cell { column: column.name.clone(), json: matches!(logical, Logical::Json { .. }) }),
            None => Err(Error::UnknownType {
                table: table.name.to_string(),
                column: column.name.clone(),
                native: column.native.clone(),
            }),
        })
        .collect::<Result<_>>()?;
    Ok(Arc::new(Decoder { table: table.name.to_string(), columns }))
}

struct Decoder {
    table: String,
    columns: Vec<Cell>,
}

struct Cell {
    column: String,
    /// Text is JSON here. A blob may be JSONB, SQLite's binary form of it; it
    /// stays bytes, and so equals no JSON text.
    json: bool,
}

impl DecodeRows for Decoder {
    fn decode(&self, batch: &RawBatch, row: &mut dyn FnMut(&[Value<'_>])) -> Result<()> {
        let mut rest = batch.bytes.as_slice();
        let mut values = Vec::with_capacity(self.columns.len());
        for _ in 0..batch.row_count {
            values.clear();
            for cell in &self.columns {
                let value = next(&mut rest).map_err(|why| self.fault(&cell.column, why))?;
                values.push(match value {
                    Value::Text(text) if cell.json => Value::Json(text),
                    other => other,
                });
            }
            row(&values);
        }
        if rest.is_empty() {
            return Ok(());
        }
        let last = self.columns.last().map_or("", |cell| cell.column.as_str());
        Err(self.fault(last, "the batch holds more than its rows"))
    }

    /// A cell is its storage class and its bytes, whatever the column declares.
    fn layout(&self) -> Option<String> {
        let kinds: Vec<&str> = self.columns.iter().map(|cell| if cell.json { "json" } else { "cell" }).collect();
        Some(format!("sqlite {}", kinds.join(" ")))
    }

    fn row_ends(&self, batch: &RawBatch) -> Option<Vec<usize>> {
        let mut rest = batch.bytes.as_slice();
        let mut ends = Vec::with_capacity(batch.row_count);
        // Rows of no cells are no bytes, and then nothing tells one from two.
        if self.columns.is_empty() {
            return None;
        }
        for _ in 0..batch.row_count {
            for _ in &self.columns {
                skip(&mut rest)?;
            }
            ends.push(batch.bytes.len() - rest.len());
        }
        rest.is_empty().then_some(ends)
    }
}

impl Decoder {
    fn fault(&self, column: &str, why: &str) -> Error {
        Error::Decode { table: self.table.clone(), column: column.to_owned(), why: why.to_owned() }
    }
}

/// Takes one cell off the front.
fn next<'a>(rest: &mut &'a [u8]) -> Result<Value<'a>, &'static str> {
    const SHORT: &str = "the batch ends within a row";
    let tag = take(rest, 1).and_then(|b| b.first()).ok_or(SHORT)?;
    Ok(match *tag {
        tag::NULL => Value::Null,
        tag::INTEGER => {
            let zigzag = unsigned(rest).ok_or(SHORT)?;
            Value::Int(((zigzag >> 1) as i64) ^ -((zigzag & 1) as i64))
        }
        tag::REAL => {
            let bits = take(rest, 8).and_then(|b| b.try_into().ok()).ok_or(SHORT)?;
            Value::F64(f64::from_bits(u64::from_le_bytes(bits)))
        }
        tag::TEXT => {
            let bytes = block(rest).ok_or(SHORT)?;
            let text = std::str::from_utf8(bytes).map_err(|_| "a text is not valid UTF-8")?;
            Value::Text(Cow::Borrowed(text))
        }
        tag::BLOB => Value::Bytes(Cow::Borrowed(block(rest).ok_or(SHORT)?)),
        tag::TEXT_UTF16LE => utf16(block(rest).ok_or(SHORT)?, u16::from_le_bytes)?,
        tag::TEXT_UTF16BE => utf16(block(rest).ok_or(SHORT)?, u16::from_be_bytes)?,
        _ => return Err("the batch holds a cell of no known kind"),
    })
}

/// Passes over one cell.
fn skip(rest: &mut &[u8]) -> Option<()> {
    match *take(rest, 1)?.first()? {
        tag::NULL => {}
        tag::INTEGER => {
            unsigned(rest)?;
        }
        tag::REAL => {
            take(rest, 8)?;
        }
        _ => {
            block(rest)?;
        }
    }
    Some(())
}

fn utf16<'a>(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Value<'a>, &'static str> {
    const INVALID: &str = "a text is not valid UTF-16";
    let (units, odd) = bytes.as_chunks::<2>();
    if !odd.is_empty() {
        return Err(INVALID);
    }
    let text: String =
        char::decode_utf16(units.iter().map(|&u| unit(u))).collect::<Result<_, _>>().map_err(|_| INVALID)?;
    Ok(Value::Text(Cow::Owned(text)))
}

fn take<'a>(rest: &mut &'a [u8], n: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(n)?;
    *rest = left;
    Some(taken)
}

fn block<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::try_from(unsigned(rest)?).ok()?;
    take(rest, len)
}

fn unsigned(rest: &mut &[u8]) -> Option<u64> {
    let mut v = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = *take(rest, 1)?.first()?;
        v |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Some(v);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::table::{Column, TableRef};

    fn table_of(logicals: &[Logical]) -> Table {
        Table {
            name: TableRef { schema: None, name: "t".to_owned() },
            columns: logicals
                .iter()
                .enumerate()
                .map(|(i, logical)| Column {
                    name: format!("c{i}"),
                    native: String::new(),
                    logical: Some(logical.clone()),
                    nullable: true,
                    generated: false,
                    collation: None,
                })
                .collect(),
            primary_key: None,
            unique_keys: Vec::new(),
            foreign_keys: Vec::new(),
            row_estimate: 0,
            bytes_estimate: 0,
            children: Vec::new(),
        }
    }

    const TEXT: Logical = Logical::Text { chars_max: None };
    const JSON: Logical = Logical::Json { ordered: true };

    fn decode_all(table: &Table, batch: &RawBatch) -> Result<Vec<Vec<Value<'static>>>> {
        let columns: Vec<usize> = (0..table.columns.len()).collect();
        let mut rows = Vec::new();
        decoder(table, &columns)?
            .decode(batch, &mut |row| rows.push(row.iter().map(|v| v.clone().into_owned()).collect()))?;
        Ok(rows)
    }

    #[test]
    fn cells_come_back() {
        let mut bytes = Vec::new();
        let integers = [0, 1, -1, 63, 64, -64, -65, i64::MAX, i64::MIN];
        for v in integers {
            put_integer(&mut bytes, v);
        }
        let reals = [0.0, -0.0, f64::INFINITY, f64::MIN_POSITIVE];
        for v in reals {
            put_real(&mut bytes, v);
        }
        put_block(&mut bytes, tag::TEXT, "a\0é".as_bytes());
        put_block(&mut bytes, tag::BLOB, &[0xFF; 200]);
        put_block(&mut bytes, tag::TEXT_UTF16LE, &[0x61, 0x00, 0x3D, 0xD8, 0x00, 0xDE]);
        put_block(&mut bytes, tag::TEXT_UTF16BE, &[0x00, 0x61]);
        bytes.push(tag::NULL);

        let table = table_of(&[TEXT; 18]);
        let rows = decode_all(&table, &RawBatch { bytes, row_count: 1 }).unwrap();
        let mut expected: Vec<Value<'static>> = integers.into_iter().map(Value::Int).collect();
        expected.extend(reals.into_iter().map(Value::F64));
        expected.extend([
            Value::Text("a\0é".into()),
            Value::Bytes(vec![0xFF; 200].into()),
            Value::Text("a😀".into()),
            Value::Text("a".into()),
            Value::Null,
        ]);
        assert_eq!(rows, [expected]);
    }

    #[test]
    fn text_is_json_only_where_it_is_declared() {
        let mut bytes = Vec::new();
        for _ in 0..2 {
            put_block(&mut bytes, tag::TEXT, b"{}");
        }
        put_block(&mut bytes, tag::BLOB, b"{}");
        let rows = decode_all(&table_of(&[TEXT, JSON, JSON]), &RawBatch { bytes, row_count: 1 }).unwrap();
        assert_eq!(rows[0], [Value::Text("{}".into()), Value::Json("{}".into()), Value::Bytes(b"{}".into())]);
    }

    #[test]
    fn what_is_not_unicode_is_an_error_that_names_the_column() {
        for (tag, bytes) in [
            (tag::TEXT, [0xFF, 0xFE].as_slice()),
            (tag::TEXT_UTF16LE, &[0x00, 0xD8]),
            (tag::TEXT_UTF16LE, &[0x61]),
            (tag::TEXT_UTF16BE, &[0xDC, 0x00]),
        ] {
            let mut batch = RawBatch { bytes: vec![tag::NULL], row_count: 1 };
            put_block(&mut batch.bytes, tag, bytes);
            let error = decode_all(&table_of(&[TEXT, TEXT]), &batch).unwrap_err();
            assert!(error.to_string().starts_with("`t`.`c1`: a text is not valid UTF-"), "{error}");
        }
    }

    #[test]
    fn a_batch_must_hold_its_rows_and_nothing_else() {
        let table = table_of(&[TEXT]);
        for (bytes, row_count) in [(vec![], 1), (vec![tag::NULL; 2], 1), (vec![tag::TEXT, 200, 1], 1), (vec![9], 1)] {
            let error = decode_all(&table, &RawBatch { bytes, row_count }).unwrap_err();
            assert!(matches!(error, Error::Decode { .. }), "{error}");
        }
    }

    #[test]
    fn a_type_that_is_not_known_has_no_decoder() {
        let mut table = table_of(&[TEXT]);
        table.columns[0].logical = None;
        assert!(matches!(decoder(&table, &[0]), Err(Error::UnknownType { .. })));
        assert!(decoder(&table, &[1]).is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(0u8..=8, 0..64), noise in any::<Vec<u8>>(), row_count in 0usize..20) {
            let table = table_of(&[TEXT, JSON, TEXT]);
            for bytes in [bytes, noise] {
                let _ = decode_all(&table, &RawBatch { bytes, row_count });
            }
        }
    }
}
