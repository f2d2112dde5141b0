//! Changes as bytes: for the disk, the chain, and dead letters.
//!
//! A change is one packed list of values (see [`switchback_engines::pack`]): the
//! table, the operation, which cells are there, and the cells. Dead letters keep
//! it, so its form has a version.

use switchback_engines::fit::Unfit;
use switchback_engines::pack::{pack, unpack_all};
use switchback_engines::{Image, OwnedValue, Value};

use crate::transaction::{Op, RowChange};

/// Raised with every change of this form or of `pack`'s.
const VERSION: u64 = 1;

const INSERT: i64 = 0;
const UPDATE: i64 = 1;
const DELETE: i64 = 2;
const TRUNCATE: i64 = 3;

pub(crate) fn encode(change: &RowChange, out: &mut Vec<u8>) {
    let mut put = |value: &Value<'_>| pack(value, out);
    put(&Value::UInt(VERSION));
    put(&Value::UInt(change.table as u64));
    let (kind, old, new) = match &change.op {
        Op::Insert { new } => (INSERT, None, Some(new)),
        Op::Update { old, new } => (UPDATE, old.as_ref(), Some(new)),
        Op::Delete { old } => (DELETE, Some(old), None),
        Op::Truncate { .. } => (TRUNCATE, None, None),
    };
    put(&Value::Int(kind));
    match &change.unfit {
        None => put(&Value::Null),
        Some(unfit) => {
            let (kind, column, native) = parts(unfit);
            put(&Value::UInt(kind));
            put(&Value::Text(column.into()));
            put(&Value::Text(native.into()));
        }
    }
    if let Op::Truncate { with } = &change.op {
        with.iter().for_each(|&table| put(&Value::UInt(table as u64)));
        return;
    }
    for image in [old, new] {
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
    if number(values.next()?)? != VERSION {
        return None;
    }
    let table = usize::try_from(number(values.next()?)?).ok()?;
    let Value::Int(kind) = values.next()? else { return None };
    let unfit = match values.next()? {
        Value::Null => None,
        value => Some(unfit(number(value)?, text(values.next()?)?, text(values.next()?)?)?),
    };
    if kind == TRUNCATE {
        let with = values.map(|v| number(v).and_then(|n| usize::try_from(n).ok())).collect::<Option<_>>()?;
        return Some(RowChange { table, op: Op::Truncate { with }, unfit });
    }
    let old = image(values)?;
    let new = image(values)?;
    let op = match (kind, old, new) {
        (INSERT, None, Some(new)) => Op::Insert { new },
        (UPDATE, old, Some(new)) => Op::Update { old, new },
        (DELETE, Some(old), None) => Op::Delete { old },
        _ => return None,
    };
    values.next().is_none().then_some(RowChange { table, op, unfit })
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
        for len in 0..bytes.len() - 1 {
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
        let unfit = Some(Unfit::NoEqual { column: "c".to_owned(), native: "int".to_owned() });
        there_and_back(&RowChange { table: 0, op: Op::Insert { new: vec![None] }, unfit });
    }

    #[test]
    fn emptied_tables_come_back() {
        let change = RowChange { table: 1, op: Op::Truncate { with: vec![2, 5] }, unfit: None };
        let mut bytes = Vec::new();
        encode(&change, &mut bytes);
        assert_eq!(decode(&bytes), Some(change));
    }
}
