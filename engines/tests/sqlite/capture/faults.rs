//! Streams that must not go on.

use switchback_engines::{CaptureFault, Endpoint as _, Position};

use super::super::int;
use super::{File, Stream, arm, capture_fault, changes, drain, insert, last, next_error, number, seq};

async fn refused(stream: &Stream, from: &str, incarnation: &str) -> (CaptureFault, String) {
    let from = Position(from.to_owned());
    capture_fault(&stream.db.capture(&stream.request, &from, incarnation).await.map(drop).unwrap_err())
}

#[tokio::test]
async fn a_stream_that_is_not_there() {
    let mut file = File::with("CREATE TABLE t(a)").await;
    let stream = arm(&file, &["t"]).await;
    let (position, incarnation) = (stream.armed.position.0.clone(), stream.armed.incarnation.clone());
    stream.db.disarm(&stream.request).await.unwrap();
    let (fault, why) = refused(&stream, &position, &incarnation).await;
    assert_eq!((fault, why.as_str()), (CaptureFault::NotArmed, "the stream `s` is not armed in this file"));
    let error = stream.db.distance(&stream.request.stream, &stream.armed.position).await.unwrap_err();
    assert_eq!(capture_fault(&error).0, CaptureFault::NotArmed);

    // Armed again it is another.
    let again = stream.db.arm(&stream.request).await.unwrap();
    assert_ne!(again.incarnation, incarnation);
    assert_eq!(refused(&stream, &position, &incarnation).await.0, CaptureFault::OtherIncarnation);
    file.run("DROP TABLE _switchback_log_s").await;
    assert_eq!(refused(&stream, &again.position.0, &again.incarnation).await.0, CaptureFault::NotArmed);
}

#[tokio::test]
async fn a_log_that_is_taken_away_under_a_capture() {
    for (sql, expected) in [
        ("DROP TABLE _switchback_log_s", CaptureFault::NotArmed),
        ("DROP TABLE _switchback_state_s", CaptureFault::NotArmed),
        ("DELETE FROM _switchback_state_s", CaptureFault::NotArmed),
        ("UPDATE _switchback_state_s SET format = 2", CaptureFault::NotArmed),
        ("DROP TRIGGER _switchback_ai_0_s", CaptureFault::NotArmed),
        ("DROP TRIGGER _switchback_mark_s", CaptureFault::NotArmed),
        ("DELETE FROM _switchback_log_s", CaptureFault::LogGone),
        ("DELETE FROM _switchback_log_s WHERE seq = 2", CaptureFault::LogGone),
        ("DELETE FROM _switchback_log_s WHERE seq > 0", CaptureFault::Ahead),
        ("UPDATE _switchback_log_s SET tbl = 1 WHERE seq = 3", CaptureFault::SchemaChanged),
        ("UPDATE _switchback_log_s SET op = 'x' WHERE seq = 3", CaptureFault::Unfaithful),
    ] {
        let mut file = File::with("CREATE TABLE t(a)").await;
        let stream = arm(&file, &["t"]).await;
        let mut capture = stream.start().await;
        file.run("INSERT INTO t VALUES (1)").await;
        assert_eq!(drain(&mut file, &mut capture, 0).await.len(), 1);
        file.run(&format!("BEGIN; INSERT INTO t VALUES (2), (3); {sql}; COMMIT")).await;
        let (fault, why) = next_error(&mut capture).await;
        assert_eq!(fault, expected, "{sql}: {why}");
        // It does not go away by asking again.
        assert_eq!(next_error(&mut capture).await.0, expected, "{sql}");
    }
}

#[tokio::test]
async fn positions_that_the_log_does_not_have() {
    let mut file = File::with("CREATE TABLE t(a)").await;
    let stream = arm(&file, &["t"]).await;
    for i in 0..5 {
        file.run(&format!("INSERT INTO t VALUES ({i})")).await;
    }
    let incarnation = stream.armed.incarnation.clone();
    for (position, expected) in [
        ("", CaptureFault::OtherIncarnation),
        ("0/16B3748", CaptureFault::OtherIncarnation),
        ("3@1", CaptureFault::OtherIncarnation),
        ("9@1732205123456", CaptureFault::Ahead),
    ] {
        assert_eq!(refused(&stream, position, &incarnation).await.0, expected, "{position:?}");
    }
    file.run("DELETE FROM _switchback_log_s WHERE seq < 4").await;
    assert_eq!(refused(&stream, &stream.armed.position.0, &incarnation).await.0, CaptureFault::LogGone);
}

/// A SQLite file is restored by copying it.
#[tokio::test]
async fn a_file_that_was_put_back_is_noticed() {
    let mut file = File::with("CREATE TABLE t(a)").await;
    let stream = arm(&file, &["t"]).await;
    file.run("INSERT INTO t VALUES (1)").await;
    let backup = file.path().with_extension("backup");
    file.run(&format!("VACUUM INTO '{}'", backup.display())).await;
    file.run("INSERT INTO t VALUES (2)").await;
    let groups = stream.all(&mut file).await;
    let position = &groups.last().unwrap().position;
    assert_eq!(seq(position), 2);

    let mut restored = File::with("").await;
    std::fs::copy(&backup, restored.path()).unwrap();
    let db = restored.open().await;
    let from = async |position: &Position| {
        db.capture(&stream.request, position, &stream.armed.incarnation).await.map_err(|e| capture_fault(&e).0)
    };
    assert_eq!(from(position).await.map(drop).unwrap_err(), CaptureFault::Ahead);
    // Also when it has grown again: not in the same millisecond.
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    restored.run("INSERT INTO t VALUES (7)").await;
    restored.run("INSERT INTO t VALUES (8)").await;
    assert_eq!(from(position).await.map(drop).unwrap_err(), CaptureFault::OtherIncarnation);
    // What is common to both goes on.
    let groups = super::until(&mut from(&stream.armed.position).await.unwrap(), 0, 3).await;
    assert_eq!(changes(&groups).len(), 3);
}

#[tokio::test]
async fn a_change_of_a_captured_table_stops_the_stream() {
    for (sql, part) in [
        ("ALTER TABLE t ADD COLUMN c", "the column `c` is new"),
        ("ALTER TABLE t RENAME COLUMN b TO c", "the column `b` is gone"),
        ("ALTER TABLE t RENAME TO u", "it is not there"),
        ("DROP TABLE t", "it is not there"),
        ("DROP TABLE t; CREATE TABLE t(a INTEGER PRIMARY KEY, b, w)", "the trigger `_switchback_bi_0_s` is not there"),
        ("DROP TABLE t; CREATE TABLE t(a INTEGER PRIMARY KEY, b INT, w)", "the column `b` is not declared as it was"),
        ("CREATE UNIQUE INDEX i ON t(b)", "its unique keys are others"),
        ("CREATE UNIQUE INDEX i ON t(b) WHERE b > 1", "its trigger `_switchback_bi_0_s` would be another now"),
        ("CREATE UNIQUE INDEX i ON t(b + 1)", "its trigger `_switchback_bi_0_s` would be another now"),
        ("CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END", "the trigger `x` on `t` was made after"),
        ("DROP TRIGGER app; CREATE TRIGGER app AFTER INSERT ON T BEGIN SELECT 1; END", "the trigger `app` on"),
    ] {
        let mut file = File::with(
            "CREATE TABLE t(a INTEGER PRIMARY KEY, b, w); CREATE TRIGGER app AFTER INSERT ON t BEGIN SELECT 1; END",
        )
        .await;
        let stream = arm(&file, &["t"]).await;
        let mut capture = stream.start().await;
        file.run("INSERT INTO t VALUES (1, 1, 1)").await;
        assert_eq!(drain(&mut file, &mut capture, 0).await.len(), 1);
        file.run(&format!("INSERT INTO t VALUES (2, 2, 2); {sql}")).await;
        let (fault, why) = next_error(&mut capture).await;
        let expected =
            if part.contains("_s` is not there") { CaptureFault::NotArmed } else { CaptureFault::SchemaChanged };
        assert_eq!(fault, expected, "{sql}: {why}");
        assert!(why.contains(part), "{sql}: {why}");
        let error = stream.try_capture(&stream.armed.position).await.map(drop).unwrap_err();
        assert_eq!(capture_fault(&error), (fault, why), "{sql}");
    }
}

/// SQLite does not drop a column that a trigger names.
#[tokio::test]
async fn a_captured_column_cannot_be_dropped() {
    let mut file = File::with("CREATE TABLE t(a INTEGER PRIMARY KEY, b)").await;
    let stream = arm(&file, &["t"]).await;
    assert!(file.try_run("ALTER TABLE t DROP COLUMN b").await.is_err());
    file.run("INSERT INTO t VALUES (1, 1)").await;
    assert_eq!(changes(&stream.all(&mut file).await), [insert(0, &[int(1), int(1)])]);
}

#[tokio::test]
async fn other_changes_of_the_schema_do_not() {
    let mut file = File::with("CREATE TABLE t(a INTEGER PRIMARY KEY, b UNIQUE)").await;
    let stream = arm(&file, &["t"]).await;
    let mut capture = stream.start().await;
    for (i, sql) in [
        "CREATE TABLE u(a); CREATE TRIGGER x AFTER INSERT ON u BEGIN SELECT 1; END",
        "CREATE INDEX i ON t(b, a)",
        "ANALYZE",
        "VACUUM",
        "DROP TABLE u",
        "CREATE VIEW v AS SELECT * FROM t",
        "PRAGMA user_version = 7",
    ]
    .into_iter()
    .enumerate()
    {
        file.run(&format!("{sql}; INSERT INTO t(b) VALUES ({i})")).await;
        let row = [int(i64::try_from(i).unwrap() + 1), int(i64::try_from(i).unwrap())];
        let read = last(&mut file).await - 1;
        assert_eq!(changes(&drain(&mut file, &mut capture, read).await), [insert(0, &row)], "{sql}");
    }
}

#[tokio::test]
async fn the_tables_must_be_those_that_were_armed_in_any_order() {
    let mut file = File::with("CREATE TABLE a(x); CREATE TABLE b(x)").await;
    let mut stream = arm(&file, &["a", "b"]).await;
    file.run("INSERT INTO b VALUES (1)").await;
    stream.request.tables.reverse();
    assert_eq!(changes(&stream.all(&mut file).await), [insert(0, &[int(1)])]);
    stream.request.tables.truncate(1);
    let error = stream.try_capture(&stream.armed.position).await.map(drop).unwrap_err();
    assert_eq!(capture_fault(&error).0, CaptureFault::SchemaChanged);
}

#[tokio::test]
async fn the_last_to_capture_is_the_one() {
    let mut file = File::with("CREATE TABLE t(a)").await;
    let stream = arm(&file, &["t"]).await;
    let mut first = stream.start().await;
    let mut second = stream.start().await;
    file.run("INSERT INTO t VALUES (1)").await;
    let error = first.next().await.unwrap_err();
    assert_eq!(error.class(), switchback_engines::Class::Transient, "{error:?}");
    let groups = drain(&mut file, &mut second, 0).await;
    assert_eq!(groups.len(), 1);
    // Nor does the first delete anything.
    first.acknowledge(&groups[0].position);
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert_eq!(number(&mut file, "SELECT min(seq) FROM _switchback_log_s").await, 0);
}
