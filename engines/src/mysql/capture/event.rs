//! The events of a binary log, as far as they matter here.
//!
//! Both servers write the version 4 of the format: a header of 19 bytes, and a
//! body that the event's number gives its layout. Nothing here trusts a length.

use super::gtid::{Gtid, Source};
use super::inflate;
use crate::mysql::wire::cursor::Cursor;

/// What precedes every event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// Seconds since 1970.
    pub(super) timestamp: u32,
    pub(super) kind: u8,
    pub(super) server_id: u32,
    /// Where the next event begins in the file; 0 for one that is in no file.
    pub(super) next: u32,
    flags: u16,
}

pub(super) const HEADER_BYTES: usize = 19;
/// Whoever does not know the event may pass over it.
const IGNORABLE: u16 = 0x80;

/// The numbers of the events that are told apart.
pub(super) mod kind {
    pub(in super::super) const ROTATE: u8 = 4;
    pub(in super::super) const FORMAT: u8 = 15;
    pub(in super::super) const TABLE_MAP: u8 = 19;
}

/// An event.
#[derive(Debug, PartialEq)]
pub(super) enum Event<'a> {
    /// A transaction, or a statement that is one, begins.
    Gtid {
        gtid: Gtid,
        /// Microseconds since 1970, where the server keeps them.
        committed_at: Option<i64>,
        group: Group,
    },
    /// A transaction that has no number.
    Anonymous,
    Statement(Statement<'a>),
    TableMap {
        id: u64,
        body: &'a [u8],
    },
    Rows(Rows<'a>),
    /// The end of a transaction.
    Commit,
    /// What an XA transaction has done; whether that is committed now.
    Prepared {
        one_phase: bool,
    },
    /// A transaction, compressed.
    Payload(&'a [u8]),
    /// The log goes on in another file.
    Rotate {
        position: u64,
        file: &'a [u8],
    },
    /// The layout of what follows; `false` when it is another than the one that
    /// is read here.
    Format {
        is_known: bool,
    },
    /// The server has lost changes.
    Incident,
    /// Changes of JSON documents instead of the documents.
    PartialRows,
    /// Files that were loaded by a statement.
    LoadedFile,
    /// Nothing that matters.
    Ignored,
    /// An event that nobody may pass over, and that is not known.
    Unknown,
}

/// What ends what a Gtid begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    /// A statement says whether more follows.
    Open,
    /// Rows follow, up to a commit.
    Transaction,
    /// The one event that follows.
    Standalone,
}

/// A statement in the log.
#[derive(Debug, PartialEq)]
pub(super) struct Statement<'a> {
    pub(super) database: &'a [u8],
    pub(super) text: std::borrow::Cow<'a, [u8]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Insert,
    Update,
    Delete,
}

/// Changed rows of one table.
#[derive(Debug, PartialEq)]
pub(super) struct Rows<'a> {
    pub(super) verb: Verb,
    pub(super) table_id: u64,
    pub(super) column_count: usize,
    /// A bit for each column that the images have; of what was before and of
    /// what is after for an update, and else of the only one.
    pub(super) present: [&'a [u8]; 2],
    pub(super) images: std::borrow::Cow<'a, [u8]>,
}

/// The header and the body of an event.
pub(super) fn split(event: &[u8]) -> Option<(Header, &[u8])> {
    let mut cursor = Cursor::new(event);
    let timestamp = cursor.u32()?;
    let kind = cursor.byte()?;
    let server_id = cursor.u32()?;
    let len = cursor.u32()? as usize;
    let header = Header { timestamp, kind, server_id, next: cursor.u32()?, flags: cursor.u16()? };
    (len == event.len()).then_some((header, cursor.rest()))
}

pub(super) const CHECKSUM_BYTES: usize = 4;

/// Whether the events of a file have checksums, from the file's description:
/// the byte before its own.
pub(super) fn says_checksums(body: &[u8]) -> Option<bool> {
    let at = body.len().checked_sub(CHECKSUM_BYTES + 1)?;
    Some(*body.get(at)? != 0)
}

/// Whether the checksum that an event ends in is that of the event.
pub(super) fn is_whole(event: &[u8]) -> bool {
    let Some((event, sum)) = event.split_last_chunk() else { return false };
    let mut crc = flate2::Crc::new();
    crc.update(event);
    crc.sum() == u32::from_le_bytes(*sum)
}

/// Reads an event; `None` when it is cut short.
pub(super) fn parse(header: Header, body: &[u8]) -> Option<Event<'_>> {
    let mut cursor = Cursor::new(body);
    Some(match header.kind {
        2 => Event::Statement(statement(body, false)?),
        165 => Event::Statement(statement(body, true)?),
        kind::ROTATE => Event::Rotate { position: u64::from_le_bytes(cursor.array()?), file: cursor.rest() },
        kind::FORMAT => Event::Format { is_known: is_known(body)? },
        16 => Event::Commit,
        kind::TABLE_MAP => Event::TableMap { id: table_id(&mut cursor)?, body: body.get(8..)? },
        23 => Event::Rows(rows(Verb::Insert, body, false, false)?),
        24 => Event::Rows(rows(Verb::Update, body, false, false)?),
        25 => Event::Rows(rows(Verb::Delete, body, false, false)?),
        30 => Event::Rows(rows(Verb::Insert, body, true, false)?),
        31 => Event::Rows(rows(Verb::Update, body, true, false)?),
        32 => Event::Rows(rows(Verb::Delete, body, true, false)?),
        // MariaDB's own, compressed.
        166 => Event::Rows(rows(Verb::Insert, body, false, true)?),
        167 => Event::Rows(rows(Verb::Update, body, false, true)?),
        168 => Event::Rows(rows(Verb::Delete, body, false, true)?),
        26 => Event::Incident,
        33 => gtid(body)?,
        34 => Event::Anonymous,
        42 => tagged_gtid(body)?,
        162 => mariadb_gtid(header, body)?,
        38 => Event::Prepared { one_phase: cursor.byte()? != 0 },
        39 => Event::PartialRows,
        40 => Event::Payload(body),
        17 | 18 => Event::LoadedFile,
        // Stop, what a statement in the log refers to, heartbeats, the text of a
        // statement whose rows follow, sets of transactions, groups of servers.
        3 | 5 | 13 | 14 | 27 | 28 | 29 | 35 | 36 | 37 | 41 | 160 | 161 | 163 | 164 => Event::Ignored,
        _ if header.flags & IGNORABLE != 0 => Event::Ignored,
        _ => Event::Unknown,
    })
}

/// Whether the lengths of all fixed parts are those that are read here.
fn is_known(body: &[u8]) -> Option<bool> {
    let mut cursor = Cursor::new(body);
    let version = cursor.u16()?;
    // The server's version, and when it began to write.
    cursor.take(50 + 4)?;
    let header_bytes = usize::from(cursor.byte()?);
    let lengths = cursor.rest();
    let is = |kind: usize, len: u8| lengths.get(kind - 1).is_none_or(|&l| l == len);
    let rows = [(23, 8), (24, 8), (25, 8), (30, 10), (31, 10), (32, 10)];
    Some(
        version == 4
            && header_bytes == HEADER_BYTES
            && is(2, 13)
            && is(19, 8)
            && rows.into_iter().all(|(kind, len)| lengths.get(kind - 1).is_none_or(|&l| l == len || l == 0)),
    )
}

fn table_id(cursor: &mut Cursor<'_>) -> Option<u64> {
    let [a, b, c, d, e, f] = cursor.array()?;
    Some(u64::from_le_bytes([a, b, c, d, e, f, 0, 0]))
}

fn statement(body: &[u8], is_compressed: bool) -> Option<Statement<'_>> {
    let mut cursor = Cursor::new(body);
    // Thread and duration.
    cursor.take(8)?;
    let database_len = usize::from(cursor.byte()?);
    // The error that the statement ended with.
    cursor.take(2)?;
    let variables_len = usize::from(cursor.u16()?);
    cursor.take(variables_len)?;
    let database = cursor.take(database_len)?;
    cursor.take(1)?;
    let text = if is_compressed { inflate::mariadb(cursor.rest())?.into() } else { cursor.rest().into() };
    Some(Statement { database, text })
}

fn rows(verb: Verb, body: &[u8], has_extra: bool, is_compressed: bool) -> Option<Rows<'_>> {
    let mut cursor = Cursor::new(body);
    let table_id = table_id(&mut cursor)?;
    // Flags.
    cursor.take(2)?;
    if has_extra {
        let len = usize::from(cursor.u16()?);
        cursor.take(len.checked_sub(2)?)?;
    }
    let column_count = usize::try_from(cursor.length()?).ok()?;
    let bits = column_count.div_ceil(8);
    let first = cursor.take(bits)?;
    let second = if verb == Verb::Update { cursor.take(bits)? } else { first };
    let images = if is_compressed { inflate::mariadb(cursor.rest())?.into() } else { cursor.rest().into() };
    Some(Rows { verb, table_id, column_count, present: [first, second], images })
}

fn gtid(body: &[u8]) -> Option<Event<'_>> {
    /// The commit was somewhere else first, and its time there follows.
    const HAS_ORIGINAL: u64 = 1 << 55;
    let mut cursor = Cursor::new(body);
    cursor.byte()?;
    let uuid = cursor.array()?;
    let number = u64::from_le_bytes(cursor.array()?);
    let committed_at = || {
        let mut cursor = cursor;
        // The mark of a logical clock, and its two times.
        if cursor.byte()? != 2 {
            return None;
        }
        cursor.take(16)?;
        let [a, b, c, d, e, f, g] = cursor.array()?;
        i64::try_from(u64::from_le_bytes([a, b, c, d, e, f, g, 0]) & !HAS_ORIGINAL).ok()
    };
    let gtid = Gtid::MySql { source: Source { uuid, tag: String::new() }, number };
    Some(Event::Gtid { gtid, committed_at: committed_at(), group: Group::Open })
}

/// Of MySQL's serialisation: fields behind their numbers, in ascending order.
fn tagged_gtid(body: &[u8]) -> Option<Event<'_>> {
    let mut cursor = Cursor::new(body);
    // Version, length, and the last field that must be understood.
    for _ in 0..3 {
        varint(&mut cursor)?;
    }
    let (mut uuid, mut tag, mut number, mut committed_at) = ([0; 16], String::new(), 0, None);
    while !cursor.is_empty() {
        match varint(&mut cursor)? {
            0 => drop(varint(&mut cursor)?),
            1 => {
                for byte in &mut uuid {
                    *byte = u8::try_from(varint(&mut cursor)?).ok()?;
                }
            }
            // Signed numbers have their sign in the lowest bit.
            2 => number = varint(&mut cursor)? >> 1,
            3 => {
                let len = usize::try_from(varint(&mut cursor)?).ok()?;
                tag = std::str::from_utf8(cursor.take(len)?).ok()?.to_owned();
            }
            4 | 5 => drop(varint(&mut cursor)?),
            6 => committed_at = i64::try_from(varint(&mut cursor)?).ok(),
            // Nothing behind it matters.
            _ => break,
        }
    }
    let gtid = Gtid::MySql { source: Source { uuid, tag }, number };
    (number > 0).then_some(Event::Gtid { gtid, committed_at, group: Group::Open })
}

/// As many bytes as the first has ones at its low end, and one more.
fn varint(cursor: &mut Cursor<'_>) -> Option<u64> {
    let first = cursor.byte()?;
    let more = first.trailing_ones() as usize;
    if more == 8 {
        return Some(u64::from_le_bytes(cursor.array()?));
    }
    let mut bytes = [0; 8];
    *bytes.first_mut()? = first;
    bytes.get_mut(1..=more)?.copy_from_slice(cursor.take(more)?);
    Some(u64::from_le_bytes(bytes) >> (more + 1))
}

fn mariadb_gtid(header: Header, body: &[u8]) -> Option<Event<'_>> {
    const STANDALONE: u8 = 1;
    let mut cursor = Cursor::new(body);
    let number = u64::from_le_bytes(cursor.array()?);
    let domain = cursor.u32()?;
    let group = if cursor.byte()? & STANDALONE != 0 { Group::Standalone } else { Group::Transaction };
    let gtid = Gtid::MariaDb { domain, server: header.server_id, number };
    Some(Event::Gtid { gtid, committed_at: None, group })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_of_any_length_are_read() {
        for (bytes, expected) in [
            (&[0x00][..], 0),
            (&[0x02], 1),
            (&[0xFE], 127),
            (&[0x01, 0x02], 128),
            (&[0xFF, 1, 0, 0, 0, 0, 0, 0, 0x80], 1 << 63 | 1),
        ] {
            let mut cursor = Cursor::new(bytes);
            assert_eq!(varint(&mut cursor), Some(expected));
            assert!(cursor.is_empty());
        }
        assert_eq!(varint(&mut Cursor::new(&[0x01])), None);
    }

    #[test]
    fn an_event_says_how_long_it_is() {
        let mut event = vec![0, 0, 0, 0, 16, 7, 0, 0, 0, 27, 0, 0, 0, 0, 1, 0, 0, 0, 0];
        event.extend_from_slice(&[0; 8]);
        let (header, body) = split(&event).unwrap();
        assert_eq!((header.kind, header.server_id, header.next, body.len()), (16, 7, 256, 8));
        assert_eq!(parse(header, body), Some(Event::Commit));
        assert_eq!(split(&event[..26]), None);
        assert_eq!(parse(Header { kind: 99, ..header }, body), Some(Event::Unknown));
        assert_eq!(parse(Header { kind: 99, flags: 0x80, ..header }, body), Some(Event::Ignored));
    }

    proptest! {
        #[test]
        fn no_event_makes_it_panic(kind: u8, body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let header = Header { timestamp: 0, kind, server_id: 1, next: 0, flags: 0 };
            let _ = parse(header, &body);
            let _ = split(&body);
        }
    }
}
