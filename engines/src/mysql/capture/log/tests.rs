use proptest::prelude::*;

use super::*;
use crate::engine::Flavor;
use crate::table::{Column, Logical, TableRef};
use crate::value::Value;

const UUID: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
const GTID: u8 = 33;
const QUERY: u8 = 2;
const XID: u8 = 16;
const TABLE_MAP: u8 = 19;
const WRITE_ROWS: u8 = 30;

/// A table `s.t (id INT)`.
fn log() -> Log {
    let id = Column {
        name: "id".to_owned(),
        native: "int".to_owned(),
        logical: Some(Logical::Int { bits: 32, unsigned: false }),
        nullable: false,
        generated: false,
        collation: None,
    };
    let table = Table {
        name: TableRef { schema: Some("s".to_owned()), name: "t".to_owned() },
        columns: vec![id],
        primary_key: None,
        unique_keys: Vec::new(),
        foreign_keys: Vec::new(),
        children: Vec::new(),
        row_estimate: 0,
        bytes_estimate: 0,
    };
    let reached = Reached::parse(Flavor::Original, &format!("{UUID}:1-4")).unwrap();
    Log::new("here".to_owned(), vec![table], Charsets::utf8(), reached, false)
}

fn event(kind: u8, body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(19 + body.len()).unwrap().to_le_bytes();
    [&[7, 0, 0, 0, kind, 1, 0, 0, 0], &len[..], &[0, 1, 0, 0, 0, 0], body].concat()
}

fn gtid(number: u64) -> Vec<u8> {
    let uuid = uuid::Uuid::try_parse(UUID).unwrap();
    event(GTID, &[&[1][..], uuid.as_bytes(), &number.to_le_bytes()].concat())
}

fn query(text: &str) -> Vec<u8> {
    let head = [0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
    event(QUERY, &[&head[..], b"s\0", text.as_bytes()].concat())
}

fn map() -> Vec<u8> {
    event(TABLE_MAP, &[&[9, 0, 0, 0, 0, 0, 0, 0][..], b"\x01s\0\x01t\0", &[1, 3, 0, 0, 4, 3, 2, b'i', b'd']].concat())
}

fn rows(images: &[u8]) -> Vec<u8> {
    event(WRITE_ROWS, &[&[9, 0, 0, 0, 0, 0, 1, 0, 2, 0, 1, 1], images].concat())
}

fn feed(log: &mut Log, events: &[Vec<u8>]) -> Result<Vec<Event>> {
    for event in events {
        log.feed(event)?;
    }
    Ok(log.take().events)
}

fn fault(error: &Error) -> CaptureFault {
    match error {
        Error::Capture { fault, .. } => *fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_transaction_is_handed_on() {
    let mut log = log();
    let row = [0, 42, 0, 0, 0];
    let events = [gtid(5), query("BEGIN"), map(), rows(&row), event(XID, &[0; 8])];
    let position = crate::change::Position(format!("{UUID}:1-5"));
    let new = vec![Some(Value::Int(42))];
    assert_eq!(
        feed(&mut log, &events).unwrap(),
        [
            Event::Begin,
            Event::Change(Change::Insert { table: 0, new }),
            Event::Commit { position, committed_at: 7_000_000 },
        ]
    );
    // One that changes nothing of ours only moves the position.
    assert!(feed(&mut log, &[gtid(6), query("CREATE TABLE u (id INT)")]).unwrap().is_empty());
    log.pass();
    let position = crate::change::Position(format!("{UUID}:1-6"));
    assert_eq!(log.take().events, [Event::Idle { position }]);
}

#[test]
fn what_is_no_whole_transaction_is_refused() {
    let row = rows(&[0, 42, 0, 0, 0]);
    for (events, expected) in [
        // It begins again without an end, is rolled back, or was prepared.
        (vec![gtid(5), query("BEGIN"), map(), row.clone(), gtid(6)], CaptureFault::Unfaithful),
        (vec![gtid(5), query("BEGIN"), map(), row.clone(), query("ROLLBACK")], CaptureFault::Unfaithful),
        (vec![gtid(5), query("BEGIN"), map(), row.clone(), query("ROLLBACK TO `a`")], CaptureFault::Unfaithful),
        (vec![gtid(5), query("XA START 'a'"), map(), row.clone(), event(38, &[0])], CaptureFault::Unfaithful),
        // It has no number.
        (vec![event(34, &[0; 25])], CaptureFault::Unfaithful),
        (vec![query("INSERT INTO t VALUES (1)")], CaptureFault::Unfaithful),
        (vec![event(26, &[1, 0])], CaptureFault::Unfaithful),
        (vec![event(39, &[])], CaptureFault::Unfaithful),
        (vec![event(200, &[])], CaptureFault::Unfaithful),
        (vec![gtid(5), query("ALTER TABLE t ADD a INT")], CaptureFault::SchemaChanged),
    ] {
        let mut log = log();
        assert_eq!(fault(&feed(&mut log, &events).unwrap_err()), expected, "{}", events.len());
    }
    // Not all of its columns.
    let mut some = row.clone();
    some[19 + 11] = 0;
    let mut log = log();
    let error = feed(&mut log, &[gtid(5), query("BEGIN"), map(), some]).unwrap_err();
    assert!(error.to_string().contains("binlog_row_image"), "{error}");
}

#[test]
fn an_event_that_was_damaged_is_refused() {
    let mut log = log();
    log.has_checksums = true;
    let mut whole = event(XID, &[0; 12]);
    assert!(log.feed(&whole).is_err());
    let mut crc = flate2::Crc::new();
    let end = whole.len() - 4;
    crc.update(&whole[..end]);
    whole[end..].copy_from_slice(&crc.sum().to_le_bytes());
    let error = log.feed(&whole).unwrap_err();
    // Not for its checksum.
    assert_eq!(fault(&error), CaptureFault::Unfaithful);
}

proptest! {
    #[test]
    fn no_events_make_it_panic(
        kinds in proptest::collection::vec((0u8..6, any::<u8>(), proptest::collection::vec(any::<u8>(), 0..60)), 0..12)
    ) {
        let mut log = log();
        for (choice, kind, body) in kinds {
            let event = match choice {
                0 => gtid(u64::from(kind)),
                1 => query(["BEGIN", "COMMIT", "TRUNCATE t", "XA END"][usize::from(kind) % 4]),
                2 => map(),
                3 => rows(&body),
                4 => event(40, &[&[2, 3, 252, 255, 0, 0][..], &map(), &rows(&body)].concat()),
                _ => event(kind, &body),
            };
            let _ = log.feed(&event);
            while log.is_expanding() {
                if log.expand().is_err() {
                    break;
                }
            }
            log.pass();
        }
    }

    #[test]
    fn no_rows_make_it_panic(images in proptest::collection::vec(any::<u8>(), 0..60), kind in 23u8..33) {
        let mut log = log();
        let mut rows = rows(&images);
        rows[4] = kind;
        let _ = feed(&mut log, &[gtid(5), query("BEGIN"), map(), rows]);
    }
}
