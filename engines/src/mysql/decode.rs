//! Binary rows to values, on any thread.
//!
//! A batch is whole packets as they came, frames and all. A row is a zero byte,
//! a bit for each column that is NULL, and the values of the others, each in
//! the layout of its column's type. Nothing here trusts a length, and what the
//! protocol doesn't allow is an error that names the column.

use std::borrow::Cow;

use super::types::{self, Charset};
use super::wire::channel::{FRAME_BYTES_MAX, HEADER_BYTES, Header};
use super::wire::cursor::Cursor;
use super::wire::packet::{ColumnDefinition, mark};
use crate::batch::{DecodeRows, RawBatch};
use crate::canon::text::days_from_civil;
use crate::decimal::Decimal;
use crate::error::{Error, Result};
use crate::table::{Column, Logical, Table};
use crate::value::{Date, Moment, Value};

pub(super) const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Decodes the rows of one read.
#[derive(Debug)]
pub(super) struct RowDecoder {
    table: String,
    columns: Vec<Cell>,
}

#[derive(Debug)]
struct Cell {
    name: String,
    logical: Logical,
    text: Text,
}

/// What the bytes of a text must not be.
#[derive(Debug, Clone, Copy)]
enum Text {
    /// Anything but UTF-8.
    Any,
    /// Beyond ASCII.
    Ascii,
    /// The mark of something that was not converted.
    Converted,
}

/// What is wrong with a value.
pub(super) type Fault = &'static str;

impl RowDecoder {
    /// # Errors
    /// [`Error::UnknownType`] for a column that has no canonical form.
    pub(super) fn new(table: &Table, columns: &[usize]) -> Result<Self> {
        let cells: Result<Vec<Cell>> =
            columns.iter().filter_map(|&i| table.columns.get(i)).map(|column| cell(table, column)).collect();
        Ok(Self { table: table.name.to_string(), columns: cells? })
    }

    /// Makes sure that the server is about to send what this decodes: the table
    /// may have been altered since it was described.
    pub(super) fn expect(&self, definitions: &[ColumnDefinition]) -> Result<()> {
        if definitions.len() != self.columns.len().max(1) {
            return Err(self.fault(None, "the server sends another number of columns than were asked for"));
        }
        for (cell, definition) in self.columns.iter().zip(definitions) {
            let expected = types::layout(&cell.logical);
            let is_integer = matches!(cell.logical, Logical::Int { .. });
            if !expected.is_some_and(|(kind, unsigned)| {
                kind == definition.kind && (!is_integer || unsigned == definition.unsigned)
            }) {
                return Err(self.fault(Some(cell), "its type has changed since the table was described"));
            }
        }
        Ok(())
    }

    /// Appends the values of one packet. With an error they are incomplete.
    fn row<'p>(&self, packet: &'p [u8], values: &mut Vec<Value<'p>>) -> Result<()> {
        // A read of no columns is one of a constant, see `read`.
        if self.columns.is_empty() {
            return Ok(());
        }
        let cut_short = || self.fault(None, "a row is cut short");
        let mut cursor = Cursor::new(packet);
        if cursor.byte() != Some(mark::ROW) {
            return Err(self.fault(None, "a row does not begin like one"));
        }
        let nulls = cursor.take((self.columns.len() + 9) / 8).ok_or_else(cut_short)?;
        for (i, cell) in self.columns.iter().enumerate() {
            // The first two bits are not in use.
            let bit = i + 2;
            let is_null = nulls.get(bit / 8).is_some_and(|byte| byte >> (bit % 8) & 1 == 1);
            values.push(if is_null {
                Value::Null
            } else {
                cell.value(&mut cursor).map_err(|why| self.fault(Some(cell), why))?
            });
        }
        if cursor.is_empty() { Ok(()) } else { Err(self.fault(None, "a row goes on behind its last column")) }
    }

    #[cold]
    fn fault(&self, cell: Option<&Cell>, why: Fault) -> Error {
        let column = cell.map_or("*", |c| c.name.as_str()).to_owned();
        Error::Decode { table: self.table.clone(), column, why: why.to_owned() }
    }
}

impl DecodeRows for RowDecoder {
    fn decode(&self, batch: &RawBatch, row: &mut dyn FnMut(&[Value<'_>])) -> Result<()> {
        let bytes = batch.bytes.as_slice();
        let mut values = Vec::with_capacity(self.columns.len());
        let mut at = 0;
        while at < bytes.len() {
            let cut_short = || self.fault(None, "a batch ends inside of a row");
            let header = Header::at(bytes, at).ok_or_else(cut_short)?;
            let start = at + HEADER_BYTES;
            if header.len < FRAME_BYTES_MAX {
                at = start + header.len;
                let packet = bytes.get(start..at).ok_or_else(cut_short)?;
                values.clear();
                self.row(packet, &mut values)?;
                row(&values);
            } else {
                let (packet, next) = joined(bytes, at).ok_or_else(cut_short)?;
                at = next;
                let mut values = Vec::with_capacity(self.columns.len());
                self.row(&packet, &mut values)?;
                row(&values);
            }
        }
        Ok(())
    }

    /// MySQL and MariaDB send the same bytes for the same type. The mark of text
    /// that was not converted is the same whatever the text was; and bytes that are
    /// text in UTF-8 may be none in a column of ASCII, where MariaDB stores them.
    fn layout(&self) -> Option<String> {
        let kinds: Option<Vec<String>> = self
            .columns
            .iter()
            .map(|cell| match cell.text {
                Text::Any => Some(format!("{:?}", cell.logical)),
                Text::Ascii => Some(format!("{:?} in ASCII", cell.logical)),
                Text::Converted => None,
            })
            .collect();
        Some(format!("mysql {}", kinds?.join(" ")))
    }

    fn row_ends(&self, batch: &RawBatch) -> Option<Vec<usize>> {
        let bytes = batch.bytes.as_slice();
        let mut ends = Vec::with_capacity(batch.row_count);
        let mut at = 0;
        while at < bytes.len() {
            let header = Header::at(bytes, at)?;
            at += HEADER_BYTES + header.len;
            if header.len < FRAME_BYTES_MAX {
                ends.push(at);
            }
        }
        (at == bytes.len()).then_some(ends)
    }
}

/// A packet of several frames, and where the next one begins.
fn joined(bytes: &[u8], mut at: usize) -> Option<(Vec<u8>, usize)> {
    let mut packet = Vec::new();
    loop {
        let header = Header::at(bytes, at)?;
        let start = at + HEADER_BYTES;
        at = start + header.len;
        packet.extend_from_slice(bytes.get(start..at)?);
        if header.len < FRAME_BYTES_MAX {
            return Some((packet, at));
        }
    }
}

fn cell(table: &Table, column: &Column) -> Result<Cell> {
    match &column.logical {
        Some(logical) if types::layout(logical).is_some() => Ok(Cell {
            name: column.name.clone(),
            logical: logical.clone(),
            text: match Charset::of(column.collation.as_deref()) {
                Charset::Utf8 | Charset::Whole(_) => Text::Any,
                Charset::Ascii => Text::Ascii,
                Charset::Leaky(_) => Text::Converted,
            },
        }),
        _ => Err(Error::UnknownType {
            table: table.name.to_string(),
            column: column.name.clone(),
            native: column.native.clone(),
        }),
    }
}

pub(super) const CUT_SHORT: Fault = "a value is cut short";
pub(super) const NOT_TEXT: Fault = "it holds text that its character set cannot express in Unicode";

impl Cell {
    #[inline]
    fn value<'p>(&self, cursor: &mut Cursor<'p>) -> Result<Value<'p>, Fault> {
        Ok(match self.logical {
            Logical::Int { bits, unsigned } => integer(bits, unsigned, cursor)?,
            Logical::Year => Value::Int(i64::from(cursor.u16().ok_or(CUT_SHORT)?)),
            Logical::Float32 => Value::F32(f32::from_le_bytes(cursor.array().ok_or(CUT_SHORT)?)),
            Logical::Float64 => Value::F64(f64::from_le_bytes(cursor.array().ok_or(CUT_SHORT)?)),
            Logical::Decimal { .. } => Value::Decimal(decimal(block(cursor)?)?),
            Logical::Char { .. } | Logical::Text { .. } | Logical::Enum | Logical::Network => {
                Value::Text(Cow::Borrowed(self.text(cursor)?))
            }
            Logical::Json { .. } => Value::Json(Cow::Borrowed(self.text(cursor)?)),
            Logical::Set => Value::Set(Cow::Borrowed(self.text(cursor)?)),
            Logical::Binary { .. } | Logical::Bytes { .. } => Value::Bytes(Cow::Borrowed(block(cursor)?)),
            Logical::Date => Value::Date(date(block(cursor)?)?),
            Logical::Timestamp { .. } => Value::Timestamp(moment(block(cursor)?)?),
            Logical::Instant { .. } => Value::Instant(moment(block(cursor)?)?),
            Logical::Time { .. } => Value::Time(time(block(cursor)?)?),
            Logical::Uuid => Value::Uuid(uuid(block(cursor)?)?),
            Logical::Bool => match block(cursor)? {
                [bit @ (0 | 1)] => Value::Bool(*bit == 1),
                _ => return Err("a BIT(1) is neither 0 nor 1"),
            },
            Logical::Bits { len } => bits(len.unwrap_or(0), block(cursor)?)?,
            Logical::Geometry { .. } => geometry(block(cursor)?)?,
            Logical::Vector { .. } => Value::Vector(Cow::Borrowed(block(cursor)?)),
            Logical::SqliteNumeric
            | Logical::TimeTz { .. }
            | Logical::Interval
            | Logical::Array { .. }
            | Logical::Range { .. }
            | Logical::Multirange { .. }
            | Logical::Composite { .. }
            | Logical::Map
            | Logical::Shape { .. }
            | Logical::Notation { .. } => return Err("MySQL has no such type"),
        })
    }

    #[inline]
    fn text<'p>(&self, cursor: &mut Cursor<'p>) -> Result<&'p str, Fault> {
        let bytes = block(cursor)?;
        let text = std::str::from_utf8(bytes).map_err(|_| NOT_TEXT)?;
        let whole = match self.text {
            Text::Any => true,
            Text::Ascii => text.is_ascii(),
            Text::Converted => !text.contains(types::REPLACEMENT),
        };
        if whole { Ok(text) } else { Err(NOT_TEXT) }
    }
}

#[inline]
fn block<'p>(cursor: &mut Cursor<'p>) -> Result<&'p [u8], Fault> {
    cursor.block().ok_or(CUT_SHORT)
}

#[inline]
fn integer(bits: u8, unsigned: bool, cursor: &mut Cursor<'_>) -> Result<Value<'static>, Fault> {
    let value = match (bits, unsigned) {
        (8, false) => cursor.array().map(|b| Value::Int(i64::from(i8::from_le_bytes(b)))),
        (8, true) => cursor.array().map(|b| Value::UInt(u64::from(u8::from_le_bytes(b)))),
        (16, false) => cursor.array().map(|b| Value::Int(i64::from(i16::from_le_bytes(b)))),
        (16, true) => cursor.array().map(|b| Value::UInt(u64::from(u16::from_le_bytes(b)))),
        (24 | 32, false) => cursor.array().map(|b| Value::Int(i64::from(i32::from_le_bytes(b)))),
        (24 | 32, true) => cursor.array().map(|b| Value::UInt(u64::from(u32::from_le_bytes(b)))),
        (_, false) => cursor.array().map(|b| Value::Int(i64::from_le_bytes(b))),
        (_, true) => cursor.array().map(|b| Value::UInt(u64::from_le_bytes(b))),
    };
    value.ok_or(CUT_SHORT)
}

/// `-?digits(.digits)?`, and nothing that other engines may write.
fn decimal(bytes: &[u8]) -> Result<Decimal<'_>, Fault> {
    const NO_DECIMAL: Fault = "a decimal is no number";
    if let Some(small) = small_decimal(bytes) {
        return Ok(small);
    }
    if !bytes.iter().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'-')) {
        return Err(NO_DECIMAL);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| NO_DECIMAL)?;
    Decimal::parse(text).ok_or(NO_DECIMAL)
}

/// The same for up to 18 digits, which are most, in 64 bits.
#[inline]
fn small_decimal(bytes: &[u8]) -> Option<Decimal<'static>> {
    let (negative, digits) = match bytes.split_first()? {
        (b'-', rest) => (true, rest),
        _ => (false, bytes),
    };
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    let mut coefficient = 0i64;
    let mut fraction = None;
    for (i, &b) in digits.iter().enumerate() {
        match b {
            b'0'..=b'9' => coefficient = coefficient * 10 + i64::from(b - b'0'),
            b'.' if fraction.is_none() && i > 0 => fraction = Some(i + 1),
            _ => return None,
        }
    }
    let scale = u32::try_from(fraction.map_or(0, |at| digits.len() - at)).ok()?;
    let coefficient = if negative { -coefficient } else { coefficient };
    Some(Decimal::Small { coefficient: i128::from(coefficient), scale })
}

pub(super) const NO_DATE: Fault = "a date is out of bounds";

/// Year, month and day as they are stored, on the calendar or not.
#[derive(Debug, Clone, Copy)]
pub(super) enum Day {
    Days(i32),
    OffCalendar { year: u16, month: u8, day: u8 },
}

impl Day {
    #[inline]
    pub(super) fn of(year: u16, month: u8, day: u8) -> Option<Self> {
        if year > 9999 || month > 12 || day > 31 {
            return None;
        }
        Some(match days_from_civil(i32::from(year), month, day) {
            Some(days) => Self::Days(days),
            None => Self::OffCalendar { year, month, day },
        })
    }

    pub(super) fn date(self) -> Date {
        match self {
            Self::Days(days) => Date::Days(days),
            Self::OffCalendar { year, month, day } => Date::OffCalendar { year, month, day },
        }
    }

    /// `micros` after it has begun.
    #[inline]
    pub(super) fn at(self, micros: i64) -> Moment {
        match self {
            Self::Days(days) => Moment::Micros(i64::from(days) * MICROS_PER_DAY + micros),
            Self::OffCalendar { year, month, day } => Moment::OffCalendar { year, month, day, micros },
        }
    }
}

#[inline]
fn day(cursor: &mut Cursor<'_>) -> Option<Day> {
    Day::of(cursor.u16()?, cursor.byte()?, cursor.byte()?)
}

/// An empty one is `0000-00-00`.
fn date(bytes: &[u8]) -> Result<Date, Fault> {
    if bytes.is_empty() {
        return Ok(Date::OffCalendar { year: 0, month: 0, day: 0 });
    }
    let mut cursor = Cursor::new(bytes);
    let day = day(&mut cursor).ok_or(NO_DATE)?;
    // A time of day would be lost, so there must be none.
    if cursor.rest().iter().any(|&b| b != 0) {
        return Err("a date has a time of day");
    }
    Ok(day.date())
}

fn moment(bytes: &[u8]) -> Result<Moment, Fault> {
    if bytes.is_empty() {
        return Ok(Moment::OffCalendar { year: 0, month: 0, day: 0, micros: 0 });
    }
    let mut cursor = Cursor::new(bytes);
    let day = day(&mut cursor).ok_or(NO_DATE)?;
    let micros = if cursor.is_empty() { 0 } else { clock(&mut cursor).ok_or(NO_DATE)? };
    if !cursor.is_empty() {
        return Err(NO_DATE);
    }
    Ok(day.at(micros))
}

/// Hour, minute, second, and microseconds where there are any.
#[inline]
fn clock(cursor: &mut Cursor<'_>) -> Option<i64> {
    let [hour, minute, second] = cursor.array()?;
    let micros = if cursor.is_empty() { 0 } else { cursor.u32()? };
    micros_of_day(hour, minute, second, micros)
}

#[inline]
pub(super) fn micros_of_day(hour: u8, minute: u8, second: u8, micros: u32) -> Option<i64> {
    if hour > 23 || minute > 59 || second > 59 || micros > 999_999 {
        return None;
    }
    let seconds = (i64::from(hour) * 60 + i64::from(minute)) * 60 + i64::from(second);
    Some(seconds * 1_000_000 + i64::from(micros))
}

/// An empty one is midnight.
fn time(bytes: &[u8]) -> Result<i64, Fault> {
    /// TIME ends at 838:59:59.
    const DAYS_MAX: u32 = 34;
    if bytes.is_empty() {
        return Ok(0);
    }
    let mut cursor = Cursor::new(bytes);
    let mut read = || {
        let negative = cursor.byte().filter(|&b| b <= 1)? == 1;
        let days = cursor.u32().filter(|&d| d <= DAYS_MAX)?;
        let micros = i64::from(days) * MICROS_PER_DAY + clock(&mut cursor)?;
        cursor.is_empty().then_some(if negative { -micros } else { micros })
    };
    read().ok_or("a time is out of bounds")
}

/// 36 characters, as MariaDB writes it.
fn uuid(bytes: &[u8]) -> Result<[u8; 16], Fault> {
    uuid::Uuid::try_parse_ascii(bytes).map(uuid::Uuid::into_bytes).map_err(|_| "a UUID is none")
}

/// The number of the coordinate system, and WKB: the form in which both servers
/// keep a geometry.
pub(super) fn geometry(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    let (srid, wkb) = bytes.split_first_chunk().ok_or("a geometry has no coordinate system")?;
    Ok(Value::Geometry { srid: u32::from_le_bytes(*srid), wkb: Cow::Borrowed(wkb) })
}

/// MySQL puts the unused bits first; we want them last.
pub(super) fn bits(len: u32, bytes: &[u8]) -> Result<Value<'_>, Fault> {
    const NO_BITS: Fault = "a BIT has another length than its type";
    let unused = (8 - len % 8) % 8;
    if bytes.len() != len.div_ceil(8) as usize {
        return Err(NO_BITS);
    }
    if unused == 0 {
        return Ok(Value::Bits { len, bytes: Cow::Borrowed(bytes) });
    }
    if bytes.first().is_some_and(|&b| u32::from(b) >> (8 - unused) != 0) {
        return Err(NO_BITS);
    }
    let next = bytes.iter().skip(1).chain([&0]);
    let shifted = bytes.iter().zip(next).map(|(&b, &next)| b << unused | next >> (8 - unused)).collect();
    Ok(Value::Bits { len, bytes: Cow::Owned(shifted) })
}

#[cfg(test)]
mod tests;
