//! Logs that no server has written.

use super::charset::Charsets;
use super::gtid::Reached;
use super::log::Log;
use crate::engine::Flavor;
use crate::table::{Column, Logical, Table, TableRef};

/// Some types, and how a map has them: the number, and what belongs to it.
const TYPES: &[(Logical, u8, &[u8])] = &[
    (Logical::Int { bits: 32, unsigned: false }, 3, &[]),
    (Logical::Text { chars_max: Some(300) }, 15, &[0xB0, 4]),
    (Logical::Decimal { precision: Some(12), scale: 2 }, 246, &[12, 2]),
    (Logical::Time { digits: 6 }, 19, &[6]),
    (Logical::Timestamp { digits: 3 }, 18, &[3]),
    (Logical::Json { ordered: false }, 245, &[4]),
    (Logical::Bits { len: Some(12) }, 16, &[4, 1]),
    (Logical::Bytes { bytes_max: None }, 252, &[2]),
];

fn log() -> Log {
    let column = |(i, (logical, ..)): (usize, &(Logical, u8, &[u8]))| Column {
        name: name(i),
        native: String::new(),
        logical: Some(logical.clone()),
        nullable: true,
        generated: false,
        collation: None,
    };
    let table = Table {
        name: TableRef { schema: Some("s".to_owned()), name: "t".to_owned() },
        columns: TYPES.iter().enumerate().map(column).collect(),
        primary_key: None,
        unique_keys: Vec::new(),
        foreign_keys: Vec::new(),
        children: Vec::new(),
        row_estimate: 0,
        bytes_estimate: 0,
    };
    let reached = Reached::parse(Flavor::MariaDb, "0-1-1").expect("a position");
    Log::new("here".to_owned(), vec![table], Charsets::utf8(), reached, false)
}

fn name(column: usize) -> String {
    format!("c{column}")
}

/// Events one behind the other, each with a header that says how long it is.
pub(in crate::mysql) fn events(mut bytes: &[u8]) {
    let mut log = log();
    while let Some(len) = bytes.get(9..13).and_then(|len| len.first_chunk()) {
        let len = (u32::from_le_bytes(*len) as usize).clamp(1, bytes.len());
        let (event, rest) = bytes.split_at(len);
        let _ = log.feed(event);
        while log.is_expanding() && log.expand().is_ok() {}
        log.pass();
        bytes = rest;
    }
}

fn event(kind: u8, body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(19 + body.len()).unwrap_or(u32::MAX).to_le_bytes();
    [&[7, 0, 0, 0, kind, 1, 0, 0, 0], &len[..], &[0, 1, 0, 0, 0, 0], body].concat()
}

fn map() -> Vec<u8> {
    let count = u8::try_from(TYPES.len()).unwrap_or(u8::MAX);
    let mut body = [&[9, 0, 0, 0, 0, 0, 0, 0][..], b"\x01s\0\x01t\0", &[count]].concat();
    body.extend(TYPES.iter().map(|(_, kind, _)| kind));
    let metadata = TYPES.iter().map(|(.., metadata)| *metadata).collect::<Vec<_>>().concat();
    body.push(u8::try_from(metadata.len()).unwrap_or(u8::MAX));
    body.extend(metadata);
    body.push(0xFF);
    let names: Vec<u8> = (0..TYPES.len()).flat_map(|i| [&[2][..], name(i).as_bytes()].concat()).collect();
    body.extend([4, u8::try_from(names.len()).unwrap_or(u8::MAX)]);
    body.extend(names);
    event(19, &body)
}

/// A transaction of MariaDB's that writes a row and the same with NULLs.
pub(in crate::mysql) fn seeds() -> Vec<Vec<u8>> {
    let gtid = event(162, &[2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let alone = event(162, &[2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    let mut row = vec![0];
    row.extend([42, 0, 0, 0]);
    row.extend([1, 0, b'a']);
    row.extend([0x80, 0, 0, 0, 1, 10]);
    row.extend([0x80, 0, 0, 0, 0, 1]);
    row.extend([0x99, 0xB2, 0xBA, 0xC8, 0xB8, 0x04, 0xD2]);
    row.extend([5, 0, 0, 0, 12, 3, b'a', b'"', b'\n']);
    row.extend([0x0F, 0xFF]);
    row.extend([2, 0, 0, 255]);
    row.push(0xFF);
    let rows = event(23, &[&[9, 0, 0, 0, 0, 0, 1, 0, 8, 0xFF][..], &row].concat());
    let query =
        |text: &str| event(2, &[&[0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0][..], b"s\0", text.as_bytes()].concat());
    let truncate = [alone, query("TRUNCATE TABLE `s`.`t` /* all */")].concat();
    let inner = [map(), rows.clone(), event(16, &[0; 8])].concat();
    let payload = event(40, &[&[2, 3, 252, 255, 0, 0][..], &inner].concat());
    vec![[gtid.clone(), map(), rows, event(16, &[0; 8])].concat(), truncate, [gtid, payload].concat()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::Event;

    /// A harness whose seeds are refused at the door would prove nothing.
    #[test]
    fn seeds_get_all_the_way() {
        let changes: Vec<usize> = seeds()
            .iter()
            .map(|seed| {
                let (mut log, mut bytes) = (log(), seed.as_slice());
                while !bytes.is_empty() {
                    let len = u32::from_le_bytes(bytes[9..13].try_into().unwrap()) as usize;
                    let (event, rest) = bytes.split_at(len);
                    log.feed(event).unwrap();
                    while log.is_expanding() {
                        log.expand().unwrap();
                    }
                    bytes = rest;
                }
                let events = log.take().events;
                assert!(matches!(events.last(), Some(Event::Commit { .. })));
                events.len() - 2
            })
            .collect();
        assert_eq!(changes, [2, 1, 2]);
    }
}
