//! Changes as bytes: for the disk, the chain, and dead letters.
//!
//! A change is one packed list of values (see [`switchback_engines::pack`]): the
//! table, the operation, which cells are there, and the cells.
//!
//! A letter outlives the process, and the settings under which a table has its
//! number and its cells their order: there, the cells have their columns' names
//! and the table is named beside it. Its form has a version.

use switchback_engines::fit::Unfit;
use switchback_engines::pack::{pack, unpack_all};
use switchback_engines::{Image, OwnedValue, Value};

use crate::plan::Mapped;
use crate::transaction::{Misfitting, Op, RowChange};

/// Raised with every change of the form of letters, or of `pack`'s.
const VERSION: u64 = 1;

const INSERT: i64 = 0;
const UPDATE: i64 = 1;
const DELETE: i64 = 2;
const TRUNCATE: i64 = 3;

pub(crate) fn encode(change: &RowChange, out: &mut Vec<u8>) {
    pack(&Value::UInt(change.table as u64), out);
    encode_op(&change.op, out);
    let Some(unfit) = &change.unfit else { return };
    let (kind, column, native) = parts(&unfit.why);
    pack(&Value::UInt(kind), out);
    pack(&Value::Text(column.into()), out);
    pack(&Value::Text(native.into()), out);
    encode_op(&unfit.origin, out);
}

fn encode_op(op: &Op, out: &mut Vec<u8>) {
    let kind = match op {
        Op::Insert { .. } => INSERT,
        Op::Update { .. } => UPDATE,
        Op::Delete { .. } => DELETE,
        Op::Truncate { .. } => TRUNCATE,
    };
    let mut put = |value: &Value<'_>| pack(value, out);
    put(&Value::Int(kind));
    if let Op::Truncate { with } = op {
        put(&Value::UInt(with.len() as u64));
        with.iter().for_each(|&table| put(&Value::UInt(table as u64)));
        return;
    }
    for image in op.images() {
        let Some(image) = image else {
            put(&Value::Null);
            continue;
        };
        put(&Value::UInt(image.len() as u64));
        for cell in image {
            // A cell that is not there has a mark of its own: NULL is a value.
            match cell {
                Some(value) => {
                    put(&Value::Bool(true));
                    put(value);
                }
                None => put(&Value::Bool(false)),
            }
        }
    }
}

/// `None` for bytes that [`encode`] did not write.
pub(crate) fn decode(bytes: &[u8]) -> Option<RowChange> {
    let mut values = unpack_all(bytes)?.into_iter().map(Value::into_owned);
    let values = &mut values;
    let table = usize::try_from(number(values.next()?)?).ok()?;
    let op = decode_op(values)?;
    let unfit = match values.next() {
        None => None,
        Some(kind) => {
            let why = unfit(number(kind)?, text(values.next()?)?, text(values.next()?)?)?;
            Some(Box::new(Misfitting { why, origin: decode_op(values)? }))
        }
    };
    values.next().is_none().then_some(RowChange { table, op, unfit })
}

fn decode_op(values: &mut impl Iterator<Item = OwnedValue>) -> Option<Op> {
    let Value::Int(kind) = values.next()? else { return None };
    if kind == TRUNCATE {
        let len = number(values.next()?)?;
        let with = (0..len).map(|_| number(values.next()?).and_then(|n| usize::try_from(n).ok()));
        return Some(Op::Truncate { with: with.collect::<Option<_>>()? });
    }
    let old = image(values)?;
    let new = image(values)?;
    match (kind, old, new) {
        (INSERT, None, Some(new)) => Some(Op::Insert { new }),
        (UPDATE, old, Some(new)) => Some(Op::Update { old, new }),
        (DELETE, Some(old), None) => Some(Op::Delete { old }),
        _ => None,
    }
}

/// A change for a letter: as the origin made it where a value does not fit, so
/// that it may fit another time, and else as the sink would have it.
pub(crate) fn encode_letter(mapped: &Mapped, change: &RowChange) -> Vec<u8> {
    let (op, names) = lettered(mapped, change);
    let mut out = Vec::new();
    pack(&Value::UInt(VERSION), &mut out);
    pack(&Value::Bool(change.unfit.is_some()), &mut out);
    pack(&Value::UInt(names.len() as u64), &mut out);
    names.iter().for_each(|name| pack(&Value::Text((*name).into()), &mut out));
    encode_op(op, &mut out);
    out
}

/// What a letter shows of a change, and the names of its cells.
pub(crate) fn lettered<'c>(mapped: &'c Mapped, change: &'c RowChange) -> (&'c Op, Vec<&'c str>) {
    match &change.unfit {
        Some(unfit) => (&unfit.origin, mapped.origin_names.iter().map(String::as_str).collect()),
        None => (&change.op, (0..mapped.columns.len()).map(|place| mapped.cell_name(place)).collect()),
    }
}

/// Why a letter is not a change of a table as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// It is not what [`encode_letter`] writes.
    Malformed,
    /// It has a value for a column that is streamed no more.
    OtherColumns,
}

/// Whether a letter's values must all have a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strict {
    Yes,
    /// Only the key is wanted.
    No,
}

/// A letter as a change of the table that has the place `table` now.
pub(crate) fn decode_letter(
    mapped: &Mapped,
    table: usize,
    bytes: &[u8],
    strict: Strict,
) -> Result<RowChange, Unreadable> {
    let (is_origins, names, op) = parse_letter(bytes).ok_or(Unreadable::Malformed)?;
    let now: Vec<&str> = if is_origins {
        mapped.origin_names.iter().map(String::as_str).collect()
    } else {
        (0..mapped.columns.len()).map(|place| mapped.cell_name(place)).collect()
    };
    if strict == Strict::Yes && names.iter().any(|name| !now.contains(&name.as_str())) {
        return Err(Unreadable::OtherColumns);
    }
    let place = |name: &&str| names.iter().position(|then| then == name);
    let places: Vec<Option<usize>> = now.iter().map(place).collect();
    let op = op.map(|mut image| places.iter().map(|&from| image.get_mut(from?)?.take()).collect());
    Ok(if is_origins { mapped.map(table, op) } else { RowChange { table, op, unfit: None } })
}

fn parse_letter(bytes: &[u8]) -> Option<(bool, Vec<String>, Op)> {
    let mut values = unpack_all(bytes)?.into_iter().map(Value::into_owned);
    if number(values.next()?)? != VERSION {
        return None;
    }
    let Value::Bool(is_origins) = values.next()? else { return None };
    let len = number(values.next()?)?;
    let names = (0..len).map(|_| text(values.next()?)).collect::<Option<Vec<_>>>()?;
    let op = decode_op(&mut values)?;
    let fits = op.images().into_iter().flatten().all(|image| image.len() == names.len());
    (fits && values.next().is_none()).then_some((is_origins, names, op))
}

#[expect(clippy::option_option, reason = "no image, or none that can be read")]
fn image(values: &mut impl Iterator<Item = OwnedValue>) -> Option<Option<Image>> {
    let len = match values.next()? {
        Value::Null => return Some(None),
        value => number(value)?,
    };
    let mut image = Image::new();
    for _ in 0..len {
        image.push(match values.next()? {
            Value::Bool(true) => Some(values.next()?),
            Value::Bool(false) => None,
            _ => return None,
        });
    }
    Some(Some(image))
}

fn number(value: OwnedValue) -> Option<u64> {
    match value {
        Value::UInt(v) => Some(v),
        _ => None,
    }
}

fn text(value: OwnedValue) -> Option<String> {
    match value {
        Value::Text(v) => Some(v.into_owned()),
        _ => None,
    }
}

fn parts(unfit: &Unfit) -> (u64, &str, &str) {
    match unfit {
        Unfit::Null { column } => (0, column, ""),
        Unfit::Range { column, native } => (1, column, native),
        Unfit::NoEqual { column, native } => (2, column, native),
    }
}

fn unfit(kind: u64, column: String, native: String) -> Option<Unfit> {
    match kind {
        0 => Some(Unfit::Null { column }),
        1 => Some(Unfit::Range { column, native }),
        2 => Some(Unfit::NoEqual { column, native }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(change: &RowChange) {
        let mut bytes = Vec::new();
        encode(change, &mut bytes);
        assert_eq!(decode(&bytes).as_ref(), Some(change));
        bytes.push(0);
        assert_eq!(decode(&bytes), None, "what follows a change is not passed over");
        let mut whole = Vec::new();
        if change.unfit.is_some() {
            encode(&RowChange { unfit: None, ..change.clone() }, &mut whole);
        }
        for len in (0..bytes.len() - 1).filter(|&len| len != whole.len()) {
            assert_eq!(decode(bytes.get(..len).unwrap()), None, "cut at {len}");
        }
    }

    #[test]
    fn changes_come_back() {
        let image = || vec![Some(Value::Int(7)), None, Some(Value::Null), Some(Value::Text("é\0".into()))];
        for op in [
            Op::Insert { new: image() },
            Op::Update { old: None, new: image() },
            Op::Update { old: Some(image()), new: image() },
            Op::Delete { old: image() },
        ] {
            there_and_back(&RowChange { table: 3, op, unfit: None });
        }
        let why = Unfit::NoEqual { column: "c".to_owned(), native: "int".to_owned() };
        let origin = Op::Insert { new: vec![Some(Value::Text("many".into())), None] };
        let unfit = Some(Box::new(Misfitting { why, origin }));
        there_and_back(&RowChange { table: 0, op: Op::Insert { new: vec![None] }, unfit });
    }

    #[test]
    fn emptied_tables_come_back() {
        let change = RowChange { table: 1, op: Op::Truncate { with: vec![2, 5] }, unfit: None };
        there_and_back(&change);
    }
}
