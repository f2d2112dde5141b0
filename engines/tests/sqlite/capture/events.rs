//! Which events there are, and from where on.

use std::time::Duration;

use switchback_engines::{Change, Endpoint as _, Event, OwnedValue};

use super::super::{eventually, int, text};
use super::{Copy, File, arm, changes, delete, drain, insert, last, number, seq, until, update};

const MODES: [&str; 2] = ["WAL", "DELETE"];

#[tokio::test]
async fn rows_are_inserted_updated_and_deleted() {
    let mut file = File::with(
        "CREATE TABLE a(id INTEGER PRIMARY KEY, twice AS (id * 2), v); CREATE TABLE b(x, y); \
         CREATE TABLE c(k TEXT PRIMARY KEY, v) WITHOUT ROWID; CREATE TABLE other(x); \
         INSERT INTO a VALUES (1, 'old')",
    )
    .await;
    let stream = arm(&file, &["b", "c", "a"]).await;
    file.run(
        "BEGIN; INSERT INTO other VALUES (1); INSERT INTO a VALUES (2, 'n'); UPDATE a SET id = 7 WHERE id = 1; \
         INSERT INTO b VALUES (1, NULL), (1, NULL); UPDATE b SET rowid = 9 WHERE rowid = 1; \
         INSERT INTO c VALUES ('k', 1); UPDATE c SET k = 'K'; DELETE FROM a WHERE id = 2; \
         INSERT INTO a VALUES (2, 'again'); DELETE FROM b; COMMIT",
    )
    .await;
    let (null, row) = (OwnedValue::Null, |id, v: &str| [int(id), text(v)]);
    let twin = [int(1), null];
    let expected = [
        insert(2, &row(2, "n")),
        update(2, &row(1, "old"), &row(7, "old")),
        insert(0, &twin),
        insert(0, &twin),
        update(0, &twin, &twin),
        insert(1, &[text("k"), int(1)]),
        update(1, &[text("k"), int(1)], &[text("K"), int(1)]),
        delete(2, &row(2, "n")),
        insert(2, &row(2, "again")),
        // Without a condition SQLite would drop all pages at once, but for triggers.
        delete(0, &twin),
        delete(0, &twin),
    ];
    let groups = stream.all(&mut file).await;
    assert_eq!(groups.len(), 1);
    assert_eq!(changes(&groups), expected);
}

#[tokio::test]
async fn what_is_undone_was_never_there() {
    let mut file = File::with("CREATE TABLE t(a UNIQUE)").await;
    let stream = arm(&file, &["t"]).await;
    file.run("BEGIN; INSERT INTO t VALUES (1); ROLLBACK").await;
    file.run("BEGIN; INSERT INTO t VALUES (2); SAVEPOINT s; INSERT INTO t VALUES (3); ROLLBACK TO s; COMMIT").await;
    assert!(file.try_run("INSERT INTO t VALUES (4), (2)").await.is_err());
    file.run("INSERT INTO t VALUES (5)").await;
    assert_eq!(changes(&stream.all(&mut file).await), [insert(0, &[int(2)]), insert(0, &[int(5)])]);
}

#[tokio::test]
async fn the_application_notices_nothing() {
    let mut file = File::with("CREATE TABLE t(id INTEGER PRIMARY KEY, v)").await;
    let _stream = arm(&file, &["t"]).await;
    file.run("INSERT INTO t VALUES (41, 1), (42, 1)").await;
    assert_eq!(number(&mut file, "SELECT last_insert_rowid() * 10 + changes()").await, 422);
    assert_eq!(number(&mut file, "UPDATE t SET v = 2 WHERE id = 41 RETURNING id").await, 41);
    file.run("DELETE FROM t").await;
    assert_eq!(number(&mut file, "SELECT changes()").await, 2);
}

#[tokio::test]
async fn each_position_resumes_with_exactly_the_rest() {
    for mode in MODES {
        let mut file = File::with(&format!("PRAGMA journal_mode = {mode}; CREATE TABLE t(tx, n)")).await;
        let stream = arm(&file, &["t"]).await;
        let mut capture = stream.start().await;
        let mut read = seq(&stream.armed.position);
        let mut groups = Vec::new();
        for tx in 0..40 {
            let rows: Vec<String> = (0..=tx % 5).map(|n| format!("({tx}, {n})")).collect();
            file.run(&format!("INSERT INTO t VALUES {}", rows.join(", "))).await;
            if tx % 3 > 0 {
                let more = drain(&mut file, &mut capture, read).await;
                read = more.last().map_or(read, |group| seq(&group.position));
                groups.extend(more);
            }
        }
        groups.extend(drain(&mut file, &mut capture, read).await);
        assert!(groups.len() > 20);
        assert_eq!(changes(&groups).len(), usize::try_from(number(&mut file, "SELECT count(*) FROM t").await).unwrap());
        for (i, group) in groups.iter().enumerate() {
            let rest = stream.behind(&mut file, &group.position).await;
            assert_eq!(changes(&rest), changes(&groups[i + 1..]), "{mode} {i}");
        }
    }
}

#[tokio::test]
async fn a_transaction_of_many_pages_is_one_group_while_others_commit() {
    for mode in MODES {
        let mut file = File::with(&format!("PRAGMA journal_mode = {mode}; CREATE TABLE t(tx, n)")).await;
        let stream = arm(&file, &["t"]).await;
        file.run("INSERT INTO t WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 3000) SELECT 0, i FROM n")
            .await;
        let mut capture = stream.start().await;
        let (mut events, mut pages) = (Vec::new(), 0);
        while !matches!(events.last(), Some(Event::Commit { .. })) {
            events.extend(capture.next().await.unwrap());
            pages += 1;
            file.run("INSERT INTO t VALUES (1, 0)").await;
        }
        assert!(pages > 8, "{pages}");
        // The first snapshot was fixed before any of the small ones.
        let rows = events.iter().filter(|event| matches!(event, Event::Change(_))).count();
        assert_eq!(rows, 3000, "{mode}");
        let end = last(&mut file).await;
        let rest = until(&mut capture, 3000, end).await;
        assert_eq!(changes(&rest).len(), pages);
    }
}

#[tokio::test]
async fn a_call_may_be_dropped_at_any_moment() {
    let mut file = File::with("PRAGMA journal_mode = WAL; CREATE TABLE t(a)").await;
    let stream = arm(&file, &["t"]).await;
    let mut capture = stream.start().await;
    let (mut next, mut dropped, mut tries) = (0, 0, 0u64);
    let mut delivered = Vec::new();
    while delivered.len() < 600 {
        if next < 600 {
            file.run(&format!("INSERT INTO t VALUES ({next})")).await;
            next += 1;
        }
        tries += 1;
        match tokio::time::timeout(Duration::from_micros(tries * 37 % 300), capture.next()).await {
            Ok(events) => delivered.extend(events.unwrap().into_iter().filter_map(|event| match event {
                Event::Change(Change::Insert { new, .. }) => new[0].clone(),
                _ => None,
            })),
            Err(_) => dropped += 1,
        }
    }
    assert!(dropped > 10, "{dropped}");
    assert_eq!(delivered, (0..600).map(int).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_was_acknowledged_is_let_go_of() {
    for mode in MODES {
        let mut file = File::with(&format!("PRAGMA journal_mode = {mode}; CREATE TABLE t(a UNIQUE)")).await;
        let stream = arm(&file, &["t"]).await;
        let mut capture = stream.start().await;
        file.run("INSERT INTO t WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 5000) SELECT i FROM n").await;
        file.run("INSERT OR IGNORE INTO t VALUES (1), (2)").await;
        let first = drain(&mut file, &mut capture, 0).await;
        file.run("INSERT INTO t VALUES (6000)").await;
        let at = first.last().unwrap().position.clone();
        assert_eq!(seq(&at), 5000);
        let before = stream.db.distance(&stream.request.stream, &stream.armed.position).await.unwrap();
        capture.acknowledge(&at);
        eventually("the log is trimmed", async || {
            (number(&mut file, "SELECT count(*) FROM _switchback_log_s").await == 2).then_some(())
        })
        .await;
        eventually("what was put down is gone", async || {
            (number(&mut file, "SELECT count(*) FROM _switchback_replaced_s").await == 0).then_some(())
        })
        .await;
        assert_eq!(drain(&mut file, &mut capture, 5000).await.len(), 1);
        assert_eq!(changes(&stream.behind(&mut file, &at).await), [insert(0, &[int(6000)])], "{mode}");

        let after = stream.db.distance(&stream.request.stream, &at).await.unwrap();
        assert!(before.log_bytes.unwrap() > 1000 * after.log_bytes.unwrap(), "{before:?} {after:?}");
        assert!(before.retained_bytes.unwrap() > 1000 * after.retained_bytes.unwrap(), "{before:?} {after:?}");
        // Numbers go on.
        file.run("DELETE FROM t; INSERT INTO t VALUES (1)").await;
        assert_eq!(last(&mut file).await, 5001 + 5001 + 1);
    }
}

/// After a statement that fails under OR FAIL, SQLite's own count of row
/// numbers is behind.
#[tokio::test]
async fn numbers_never_begin_anew() {
    let mut file = File::with("CREATE TABLE t(a UNIQUE)").await;
    let stream = arm(&file, &["t"]).await;
    let mut capture = stream.start().await;
    assert!(file.try_run("INSERT OR FAIL INTO t VALUES (1), (2), (3), (1)").await.is_err());
    let groups = drain(&mut file, &mut capture, 0).await;
    let at = groups[0].position.clone();
    capture.acknowledge(&at);
    eventually("the log is trimmed", async || {
        (number(&mut file, "SELECT min(seq) FROM _switchback_log_s").await == 3).then_some(())
    })
    .await;
    file.run("INSERT INTO t VALUES (4)").await;
    assert_eq!(changes(&drain(&mut file, &mut capture, 3).await), [insert(0, &[int(4)])]);
}

/// Without a change nothing is delivered, and no time is lost.
#[tokio::test]
async fn a_quiet_file_is_waited_for() {
    let mut file = File::with("CREATE TABLE t(a); CREATE TABLE other(a)").await;
    let stream = arm(&file, &["t"]).await;
    let mut capture = stream.start().await;
    file.run("INSERT INTO other VALUES (1)").await;
    assert!(tokio::time::timeout(Duration::from_millis(100), capture.next()).await.is_err());
    let next = async { capture.next().await.unwrap() };
    let write = async {
        tokio::task::yield_now().await;
        file.run("INSERT INTO t VALUES (1)").await;
    };
    let (events, ()) =
        tokio::time::timeout(Duration::from_secs(10), async { tokio::join!(next, write) }).await.unwrap();
    assert_eq!(events.len(), 3);
}

#[tokio::test]
async fn a_copy_made_of_all_groups_is_the_table() {
    let mut file = File::with("CREATE TABLE t(id INTEGER PRIMARY KEY, v)").await;
    let stream = arm(&file, &["t"]).await;
    for i in 0..60 {
        file.run(&format!(
            "INSERT INTO t(v) VALUES ({i}); UPDATE t SET v = v + 1 WHERE id % 7 = {}; DELETE FROM t WHERE id = {}",
            i % 7,
            i / 2
        ))
        .await;
    }
    let mut copy = Copy::default();
    let groups = stream.all(&mut file).await;
    copy.apply(&changes(&groups)).unwrap();
    copy.is(&file, "t").await.unwrap();
}
