//! The messages of `pgoutput`, protocol version 1: bytes to what they say.
//!
//! Nothing is known here of tables or types. Whatever the bytes are, they make a
//! message or an error and never a panic, and nothing is set aside that the
//! bytes do not hold.
//!
//! Where a transaction begins and ends comes by another way: the connection
//! reads those messages itself.

use super::super::bytes::{Fault, Fields};

/// A message that stands between the beginning and the end of a transaction.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message<'a> {
    Relation(Relation),
    Insert {
        relation: u32,
        new: Tuple<'a>,
    },
    Update {
        relation: u32,
        old: Option<Old<'a>>,
        new: Tuple<'a>,
    },
    Delete {
        relation: u32,
        old: Old<'a>,
    },
    Truncate {
        relations: Vec<u32>,
    },
    /// Names of types, or where a transaction came from originally: nothing
    /// that a change depends on.
    Remark,
}

/// What a table looks like from here on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Relation {
    pub(super) id: u32,
    pub(super) schema: String,
    pub(super) name: String,
    /// `relreplident`.
    pub(super) identity: u8,
    pub(super) columns: Vec<RelationColumn>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RelationColumn {
    pub(super) name: String,
    pub(super) type_oid: u32,
    pub(super) modifier: i32,
    /// Part of what identifies a row.
    pub(super) key: bool,
}

/// A row before a change.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Old<'a> {
    /// All of it.
    Row(Tuple<'a>),
    /// What identifies it; the rest stands there as if it were NULL.
    Key(Tuple<'a>),
}

pub(super) type Tuple<'a> = Vec<Cell<'a>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cell<'a> {
    Null,
    /// Stored apart and left alone by the update.
    Unchanged,
    Binary(&'a [u8]),
    /// Of a type that has no binary form.
    Text(&'a [u8]),
}

const SHORT: Fault = "a message ends early";

/// A cell is one byte at least.
const CELL_BYTES: usize = 1;
/// A flag, an empty name, a type and its modifier.
const COLUMN_BYTES: usize = 10;
const ID_BYTES: usize = 4;

pub(super) fn message(bytes: &[u8]) -> Result<Message<'_>, Fault> {
    let mut fields = Fields::new(bytes);
    let message = match fields.u8().ok_or(SHORT)? {
        b'R' => Message::Relation(relation(&mut fields)?),
        b'I' => {
            let relation = id(&mut fields)?;
            if fields.u8() != Some(b'N') {
                return Err("an insert has no new row");
            }
            Message::Insert { relation, new: tuple(&mut fields)? }
        }
        b'U' => update(&mut fields)?,
        b'D' => {
            let relation = id(&mut fields)?;
            let kind = fields.u8().ok_or(SHORT)?;
            let old = old(kind, &mut fields)?.ok_or("a delete does not say of which row")?;
            Message::Delete { relation, old }
        }
        b'T' => truncate(&mut fields)?,
        b'Y' | b'O' => return Ok(Message::Remark),
        _ => return Err("a message of a kind that this version does not know"),
    };
    if fields.is_empty() { Ok(message) } else { Err("a message goes on behind its end") }
}

fn update<'a>(fields: &mut Fields<'a>) -> Result<Message<'a>, Fault> {
    let relation = id(fields)?;
    let mut kind = fields.u8().ok_or(SHORT)?;
    let old = old(kind, fields)?;
    if old.is_some() {
        kind = fields.u8().ok_or(SHORT)?;
    }
    if kind != b'N' {
        return Err("an update has no new row");
    }
    Ok(Message::Update { relation, old, new: tuple(fields)? })
}

fn old<'a>(kind: u8, fields: &mut Fields<'a>) -> Result<Option<Old<'a>>, Fault> {
    Ok(match kind {
        b'O' => Some(Old::Row(tuple(fields)?)),
        b'K' => Some(Old::Key(tuple(fields)?)),
        _ => None,
    })
}

fn truncate<'a>(fields: &mut Fields<'a>) -> Result<Message<'a>, Fault> {
    let count = fields.i32().and_then(|n| usize::try_from(n).ok()).ok_or(SHORT)?;
    // Whether it cascaded and restarted sequences: the tables that it reached
    // are all named.
    fields.u8().ok_or(SHORT)?;
    bounded(count, ID_BYTES, *fields)?;
    let relations = (0..count).map(|_| id(fields)).collect::<Result<_, _>>()?;
    Ok(Message::Truncate { relations })
}

fn relation(fields: &mut Fields<'_>) -> Result<Relation, Fault> {
    let id = id(fields)?;
    let schema = string(fields)?;
    let name = string(fields)?;
    let identity = fields.u8().ok_or(SHORT)?;
    let count = usize::from(fields.u16().ok_or(SHORT)?);
    bounded(count, COLUMN_BYTES, *fields)?;
    let mut columns = Vec::with_capacity(count);
    for _ in 0..count {
        let key = fields.u8().ok_or(SHORT)? & 1 != 0;
        let name = string(fields)?;
        let type_oid = self::id(fields)?;
        let modifier = fields.i32().ok_or(SHORT)?;
        columns.push(RelationColumn { name, type_oid, modifier, key });
    }
    // The server's own schema is sent as nothing.
    let schema = if schema.is_empty() { "pg_catalog".to_owned() } else { schema };
    Ok(Relation { id, schema, name, identity, columns })
}

fn tuple<'a>(fields: &mut Fields<'a>) -> Result<Tuple<'a>, Fault> {
    let count = usize::from(fields.u16().ok_or(SHORT)?);
    bounded(count, CELL_BYTES, *fields)?;
    let mut cells = Vec::with_capacity(count);
    for _ in 0..count {
        cells.push(match fields.u8().ok_or(SHORT)? {
            b'n' => Cell::Null,
            b'u' => Cell::Unchanged,
            b'b' => Cell::Binary(block(fields)?),
            b't' => Cell::Text(block(fields)?),
            _ => return Err("a cell is of a kind that this version does not know"),
        });
    }
    Ok(cells)
}

fn block<'a>(fields: &mut Fields<'a>) -> Result<&'a [u8], Fault> {
    let len = fields.i32().and_then(|len| usize::try_from(len).ok()).ok_or(SHORT)?;
    fields.take(len).ok_or(SHORT)
}

fn id(fields: &mut Fields<'_>) -> Result<u32, Fault> {
    fields.i32().map(i32::cast_unsigned).ok_or(SHORT)
}

/// Up to its zero byte.
fn string(fields: &mut Fields<'_>) -> Result<String, Fault> {
    let len = fields.rest().iter().position(|&b| b == 0).ok_or(SHORT)?;
    let bytes = fields.take(len).ok_or(SHORT)?;
    fields.u8();
    String::from_utf8(bytes.to_vec()).map_err(|_| "a name is not UTF-8")
}

fn bounded(count: usize, bytes_each: usize, fields: Fields<'_>) -> Result<(), Fault> {
    if count <= fields.rest().len() / bytes_each { Ok(()) } else { Err(SHORT) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CELLS: &[u8] = b"\0\x03nub\0\0\0\x01x";

    fn cells() -> Tuple<'static> {
        vec![Cell::Null, Cell::Unchanged, Cell::Binary(b"x")]
    }

    fn bytes(parts: &[&[u8]]) -> Vec<u8> {
        parts.concat()
    }

    fn samples() -> Vec<Vec<u8>> {
        let id: &[u8] = &[0, 0, 0x40, 1];
        vec![
            bytes(&[
                b"R",
                id,
                b"public\0t\0d\0\x02",
                b"\x01id\0\0\0\0\x17\xFF\xFF\xFF\xFF",
                b"\0v\0\0\0\0\x19\0\0\0\x04",
            ]),
            bytes(&[b"I", id, b"N", CELLS]),
            bytes(&[b"U", id, b"N", CELLS]),
            bytes(&[b"U", id, b"K", CELLS, b"N", CELLS]),
            bytes(&[b"U", id, b"O", CELLS, b"N", CELLS]),
            bytes(&[b"D", id, b"K", CELLS]),
            bytes(&[b"D", id, b"O", CELLS]),
            bytes(&[b"T", &[0, 0, 0, 2, 3], id, id]),
        ]
    }

    #[test]
    fn messages_are_read() {
        let samples = samples();
        let read: Vec<Message<'_>> = samples.iter().map(|s| message(s).expect("a message")).collect();
        let column =
            |name: &str, type_oid, modifier, key| RelationColumn { name: name.to_owned(), type_oid, modifier, key };
        let columns = vec![column("id", 23, -1, true), column("v", 25, 4, false)];
        let relation = 0x4001;
        let (schema, name) = ("public".to_owned(), "t".to_owned());
        assert_eq!(read[0], Message::Relation(Relation { id: relation, schema, name, identity: b'd', columns }));
        assert_eq!(read[1], Message::Insert { relation, new: cells() });
        assert_eq!(read[2], Message::Update { relation, old: None, new: cells() });
        assert_eq!(read[3], Message::Update { relation, old: Some(Old::Key(cells())), new: cells() });
        assert_eq!(read[4], Message::Update { relation, old: Some(Old::Row(cells())), new: cells() });
        assert_eq!(read[5], Message::Delete { relation, old: Old::Key(cells()) });
        assert_eq!(read[6], Message::Delete { relation, old: Old::Row(cells()) });
        assert_eq!(read[7], Message::Truncate { relations: vec![relation, relation] });
        assert_eq!(message(b"Y whatever"), Ok(Message::Remark));
    }

    #[test]
    fn a_message_is_whole_or_an_error() {
        for sample in samples() {
            for len in 0..sample.len() {
                assert!(message(&sample[..len]).is_err(), "{len} of {sample:?}");
            }
            assert!(message(&bytes(&[&sample, b"x"])).is_err());
        }
        for other in [&b""[..], b"B", b"C", b"S", b"I\0\0\0\x01O\0\0", b"U\0\0\0\x01X\0\0", b"D\0\0\0\x01N\0\0"] {
            assert!(message(other).is_err(), "{other:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8000))]

        #[test]
        fn no_bytes_make_it_panic(
            kind in prop::sample::select(b"RIUDTYO".to_vec()),
            mut rest in prop::collection::vec(prop_oneof![4 => Just(0u8), 1 => Just(0xFF), 2 => prop::sample::select(b"NOKnubt".to_vec()), 1 => any::<u8>()], 0..80),
        ) {
            rest.insert(0, kind);
            let _ = message(&rest);
        }

        #[test]
        fn no_change_of_a_byte_makes_it_panic(sample in 0..8usize, at in 0..40usize, byte in any::<u8>()) {
            let mut bytes = samples()[sample].clone();
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = message(&bytes);
        }
    }
}
