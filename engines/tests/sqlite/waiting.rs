//! Readers that stop, leave, or queue.

use std::time::Duration;

use switchback_engines::{ConnectOptions, Database, RawBatch, ReadRequest, Scope};
use tokio::sync::mpsc;

use super::{File, describe, eventually, read_all};

/// Never true, and never done.
const ENDLESS: &str = "(WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT 1 FROM n) SELECT count(*) FROM n) = 0";

/// Ten thousand rows of a thousand bytes: ten batches.
const TEN_BATCHES: &str = "CREATE TABLE t(a INTEGER PRIMARY KEY, b BLOB); \
    WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 10000) \
    INSERT INTO t SELECT i, zeroblob(1050) FROM n";

fn one_connection() -> ConnectOptions {
    // The time-out is for locks, not for the turn.
    ConnectOptions { connections_max: 1, connect_timeout: Duration::from_millis(50) }
}

#[tokio::test]
async fn a_read_waits_for_its_turn_however_long() {
    let file = File::with(TEN_BATCHES).await;
    let db = file.open_with("", &one_connection()).await.unwrap();
    let table = describe(&db, "t").await;
    let request = ReadRequest { table: &table, columns: &[0, 1], scope: Scope::All, filter: None };
    let (out, mut batches) = mpsc::channel::<RawBatch>(1);

    let first = db.read(request, out);
    let second = async { db.count(&table, None).await.unwrap() };
    let drain = async {
        let mut rows = 0;
        while let Some(batch) = batches.recv().await {
            rows += batch.row_count;
            // Longer than the time-out, while the second waits for the first.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        rows
    };
    let (sent, count, rows) = tokio::join!(first, second, drain);
    assert_eq!((sent.unwrap(), count, rows), (10_000, 10_000, 10_000));
}

#[tokio::test]
async fn a_read_stops_when_the_receiver_is_gone() {
    let file = File::with(TEN_BATCHES).await;
    let db = file.open_with("", &one_connection()).await.unwrap();
    let table = describe(&db, "t").await;
    let request = ReadRequest { table: &table, columns: &[0, 1], scope: Scope::All, filter: None };

    let (out, mut batches) = mpsc::channel::<RawBatch>(1);
    let take_one = async {
        let rows = batches.recv().await.unwrap().row_count as u64;
        drop(batches);
        rows
    };
    let (sent, taken) = tokio::join!(db.read(request.clone(), out), take_one);
    let sent = sent.unwrap();
    assert!(sent >= taken && sent <= 3 * taken, "sent {sent}, taken {taken}");

    // Also while SQLite finds nothing to send.
    let (out, batches) = mpsc::channel::<RawBatch>(1);
    let endless = ReadRequest { filter: Some(ENDLESS), ..request };
    let leave = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        drop(batches);
    };
    let both = async { tokio::join!(db.read(endless, out), leave).0 };
    let sent = tokio::time::timeout(Duration::from_secs(10), both).await.expect("the read goes on for nobody");
    assert_eq!(sent.unwrap(), 0);

    assert_eq!(read_all(&db, "t").await.len(), 10_000);
}

#[tokio::test]
async fn a_call_that_is_dropped_is_interrupted() {
    let mut file = File::with("CREATE TABLE t(a INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)").await;
    file.run("PRAGMA busy_timeout = 1").await;
    let db = file.open_with("", &one_connection()).await.unwrap();
    let table = describe(&db, "t").await;

    let endless = db.count(&table, Some(ENDLESS));
    assert!(tokio::time::timeout(Duration::from_millis(100), endless).await.is_err());
    // The pool has its place back at once, and the statement that nobody waits
    // for lets go of its lock.
    assert_eq!(db.count(&table, None).await.unwrap(), 1);
    eventually("the lock of the dropped call", async || file.try_run("BEGIN EXCLUSIVE").await.ok()).await;
}

#[tokio::test]
async fn many_reads_at_once_share_few_connections() {
    let file = File::with(TEN_BATCHES).await;
    let options = ConnectOptions { connections_max: 3, ..ConnectOptions::default() };
    let db = std::sync::Arc::new(file.open_with("", &options).await.unwrap());
    let reads: Vec<_> = (0..12)
        .map(|_| {
            let db = std::sync::Arc::clone(&db);
            tokio::spawn(async move { read_all(&db, "t").await.len() })
        })
        .collect();
    for read in reads {
        assert_eq!(read.await.unwrap(), 10_000);
    }
}
