//! The tool's own transactions among those of others.

use switchback_engines::{CaptureFault, Change, Endpoint as _, Event, Writer, WriterOptions};

use super::super::int;
use super::{File, Group, arm, arm_as, changes, drain, insert, last, next_error, number};

const SCHEMA: &str = "CREATE TABLE t(a INTEGER PRIMARY KEY); CREATE TABLE other(a); \
    CREATE TABLE _switchback_progress(stream TEXT PRIMARY KEY, pos INT); INSERT INTO _switchback_progress VALUES ('f', 0)";

async fn run(writer: &mut Box<dyn Writer>, statements: &[&str]) {
    let statements: Vec<String> = statements.iter().map(|&s| s.to_owned()).collect();
    writer.run(&statements).await.map_err(|failed| failed.error).unwrap();
}

/// As an applier writes.
async fn apply(writer: &mut Box<dyn Writer>, pos: i64, statements: &[&str]) {
    let progress = format!("UPDATE _switchback_progress SET pos = {pos} WHERE pos = {}", pos - 1);
    let all: Vec<&str> = [&["BEGIN", &progress], statements, &["COMMIT"]].concat();
    run(writer, &all).await;
}

/// Whether the tool's progress is among the changes: the second table.
fn ours(group: &Group) -> bool {
    group.changes.iter().any(|change| matches!(change, Change::Update { table: 1, .. }))
}

#[tokio::test]
async fn an_appliers_transaction_is_a_group_of_its_own() {
    let mut file = File::with(SCHEMA).await;
    let stream = arm(&file, &["t", "_switchback_progress"]).await;
    let mut writer = stream.db.writer(&WriterOptions::default()).await.unwrap();
    // All of it between two looks of the capture.
    file.run("INSERT INTO t VALUES (1)").await;
    file.run("INSERT INTO t VALUES (2)").await;
    apply(&mut writer, 1, &["INSERT INTO t VALUES (11), (12)", "DELETE FROM t WHERE a = 11"]).await;
    apply(&mut writer, 2, &["INSERT INTO t VALUES (13)"]).await;
    file.run("INSERT INTO t VALUES (3)").await;
    run(&mut writer, &["BEGIN", "INSERT INTO t VALUES (14)", "ROLLBACK"]).await;
    run(&mut writer, &["UPDATE _switchback_progress SET pos = pos + 1"]).await;
    file.run("INSERT INTO t VALUES (4)").await;
    let groups = stream.all(&mut file).await;
    let kinds: Vec<(bool, usize)> = groups.iter().map(|group| (ours(group), group.changes.len())).collect();
    assert_eq!(kinds, [(false, 2), (true, 4), (true, 2), (false, 1), (true, 1), (false, 1)]);
    let theirs: Vec<Group> = groups.iter().filter(|group| !ours(group)).cloned().collect();
    assert_eq!(changes(&theirs), [1, 2, 3, 4].map(|a| insert(0, &[int(a)])));
    // And from each position behind one of them.
    for (i, group) in groups.iter().enumerate() {
        assert_eq!(stream.behind(&mut file, &group.position).await, groups[i + 1..]);
    }
}

#[tokio::test]
async fn a_writer_that_was_there_before_marks_from_the_moment_of_arming() {
    let mut file = File::with(SCHEMA).await;
    let db = file.open().await;
    let mut writer = db.writer(&WriterOptions::default()).await.unwrap();
    apply(&mut writer, 1, &["INSERT INTO t VALUES (1)"]).await;
    let first = arm(&file, &["t", "_switchback_progress"]).await;
    apply(&mut writer, 2, &["INSERT INTO t VALUES (2)"]).await;
    file.run("INSERT INTO t VALUES (3)").await;
    let groups = first.all(&mut file).await;
    assert_eq!(groups.iter().map(ours).collect::<Vec<_>>(), [true, false]);
    // A second stream of the same file has its own log and its own marks.
    let second = arm_as(&file, "z", &["t", "_switchback_progress"]).await;
    apply(&mut writer, 3, &["INSERT INTO t VALUES (4)"]).await;
    assert_eq!(first.db.disarm(&first.request).await.unwrap().len(), 4);
    apply(&mut writer, 4, &["INSERT INTO t VALUES (5)"]).await;
    let end = number(&mut file, "SELECT max(seq) FROM _switchback_log_z").await;
    let groups = super::until(&mut second.start().await, 0, end).await;
    assert_eq!(groups.iter().map(ours).collect::<Vec<_>>(), [true, true]);
    // What only reads leaves none.
    run(&mut writer, &["BEGIN", "SELECT pos FROM _switchback_progress", "COMMIT", "SELECT 1"]).await;
    assert_eq!(number(&mut file, "SELECT max(seq) FROM _switchback_log_z").await, end);
    // Without a stream there are no marks.
    second.db.disarm(&second.request).await.unwrap();
    apply(&mut writer, 5, &["INSERT INTO t VALUES (6)"]).await;
    assert_eq!(number(&mut file, "SELECT pos FROM _switchback_progress").await, 5);
    assert_eq!(number(&mut file, "SELECT count(*) FROM sqlite_schema WHERE name LIKE '%context%'").await, 0);
}

#[tokio::test]
async fn own_transactions_without_captured_changes_move_the_position_on() {
    let mut file = File::with(SCHEMA).await;
    let stream = arm(&file, &["t"]).await;
    let mut writer = stream.db.writer(&WriterOptions::default()).await.unwrap();
    apply(&mut writer, 1, &["INSERT INTO other VALUES (1)"]).await;
    apply(&mut writer, 2, &[]).await;
    let mut capture = stream.start().await;
    let events = capture.next().await.unwrap();
    let [Event::Idle { position }] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(super::seq(position), last(&mut file).await);
    file.run("INSERT INTO t VALUES (1)").await;
    assert_eq!(changes(&drain(&mut file, &mut capture, super::seq(position)).await), [insert(0, &[int(1)])]);
    // Many marks and no change: a page of nothing is passed over.
    for pos in 3..200 {
        apply(&mut writer, pos, &[]).await;
    }
    assert_eq!(stream.behind(&mut file, position).await.len(), 1);
}

#[tokio::test]
async fn foreign_changes_of_own_tables_are_refused() {
    let mut file = File::with(SCHEMA).await;
    let stream = arm(&file, &["t", "_switchback_progress"]).await;
    file.run("INSERT INTO t VALUES (1)").await;
    file.run("UPDATE _switchback_progress SET pos = 7").await;
    let (fault, why) = next_error(&mut stream.start().await).await;
    assert_eq!(fault, CaptureFault::Unfaithful);
    assert_eq!(why, "`_switchback_progress` was changed by something else than the tool");
    assert_eq!(next_error(&mut stream.start().await).await.0, fault);
}

#[tokio::test]
async fn marks_that_do_not_pair_are_refused() {
    for (statement, expected) in [
        ("REPLACE INTO _switchback_context VALUES (1, 1)", "has no end"),
        ("REPLACE INTO _switchback_context VALUES (1, 0)", "does not fit"),
        (
            "REPLACE INTO _switchback_context VALUES (1, 1); REPLACE INTO _switchback_context VALUES (1, 1)",
            "does not fit",
        ),
    ] {
        let mut file = File::with(SCHEMA).await;
        let stream = arm(&file, &["t"]).await;
        file.run(statement).await;
        let (fault, why) = next_error(&mut stream.start().await).await;
        assert_eq!(fault, CaptureFault::Unfaithful);
        assert!(why.contains(expected), "{why}");
    }
}

#[tokio::test]
async fn a_mark_cannot_get_lost() {
    let mut file = File::with(SCHEMA).await;
    let stream = arm(&file, &["t", "_switchback_progress"]).await;
    let mut writer = stream.db.writer(&WriterOptions::default()).await.unwrap();
    file.run("DELETE FROM _switchback_context").await;
    apply(&mut writer, 1, &["INSERT INTO t VALUES (1)"]).await;
    file.run("INSERT INTO t VALUES (2); DELETE FROM _switchback_context; INSERT INTO t VALUES (3)").await;
    apply(&mut writer, 2, &[]).await;
    let groups = stream.all(&mut file).await;
    assert_eq!(groups.iter().map(ours).collect::<Vec<_>>(), [true, false, true]);
    // Where there is no place for one, nothing is written.
    file.run("DROP TABLE _switchback_context; CREATE TABLE _switchback_context(a)").await;
    assert!(writer.run(&["INSERT INTO t VALUES (4)".to_owned()]).await.is_err());
    assert_eq!(number(&mut file, "SELECT count(*) FROM t").await, 3);
}
