//! Whole transactions, each once, in the order of commit, from any position on.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use switchback_engines::{Change, Database as _, Endpoint as _, Event, Position, Value, Writer, WriterOptions};
use switchback_fixtures::Family;

use super::{Follower, Here, PATIENCE, Transaction, chain, connect, describe, numbers, private, resume};

on_both!(
    transactions_of_many_writers_are_whole,
    every_position_resumes_with_exactly_the_rest,
    what_is_rolled_back_is_not_there,
    positions_move_with_what_is_not_captured,
    waiting_may_be_given_up_at_any_time,
    a_large_transaction_comes_in_pieces,
    compressed_logs_are_read,
    files_that_end_are_followed,
    the_newer_capture_of_a_stream_wins,
    the_distance_to_the_end_is_known,
    xa_transactions_of_one_phase_are_followed,
    what_is_captured_can_be_written,
);

/// Sessions that each move an amount from one row to another, and log it.
async fn work(here: &Here, writers: u32, rounds: u32) {
    let mut tasks = Vec::new();
    for writer in 0..writers {
        let engine = here.engine.clone();
        tasks.push(tokio::spawn(async move {
            let mut session = engine.writer(&WriterOptions::default()).await.expect("a session");
            for round in 0..rounds {
                let (from, to) = ((writer + round) % 10, (writer * 7 + round * 3 + 1) % 10);
                // In the order of their keys, so that none waits for the other.
                let mut rows = [(from, -1), (to, 1)];
                rows.sort_unstable();
                let mut statements = vec!["BEGIN".to_owned()];
                for (id, change) in rows {
                    statements.push(format!("UPDATE account SET amount = amount + {change} WHERE id = {id}"));
                }
                statements.push(format!("INSERT INTO entry VALUES ({writer}, {round}, {from}, {to})"));
                statements.push("COMMIT".to_owned());
                session.run(&statements).await.unwrap_or_else(|f| panic!("{}", chain(&f.error)));
            }
        }));
    }
    for task in tasks {
        task.await.expect("a writer");
    }
}

const BANK: &str = "CREATE TABLE account (id INT PRIMARY KEY, amount INT NOT NULL); \
                    CREATE TABLE entry (writer INT, round INT, source INT, target INT, PRIMARY KEY (writer, round))";
const ACCOUNTS: &str =
    "INSERT INTO account VALUES (0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (6, 0), (7, 0), (8, 0), (9, 0)";

async fn transactions_of_many_writers_are_whole(family: Family) {
    let here = Here::new(family, "captured_writers").await;
    here.execute(BANK).await;
    let mut follower = Follower::new(&here, &["account", "entry"]).await;
    here.execute(ACCOUNTS).await;
    let begin = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    work(&here, 4, 100).await;
    let transactions = follower.catch_up(&here, 1).await;
    assert_eq!(transactions.len(), 401);
    let mut rounds = [0; 4];
    for transaction in &transactions[1..] {
        // Equal source and target leave one update that changes nothing after all.
        let Some(Change::Insert { table: 1, new }) = transaction.changes.last() else { panic!("{transaction:?}") };
        let [Some(Value::Int(writer)), Some(Value::Int(round)), ..] = new[..] else { panic!("{new:?}") };
        let slot = &mut rounds[usize::try_from(writer).unwrap()];
        assert_eq!(*slot, round, "the order of a session");
        *slot += 1;
        assert_eq!(transaction.changes.len(), 3);
        let at = Duration::from_micros(transaction.committed_at.try_into().unwrap());
        // MariaDB tells whole seconds.
        assert!(at + Duration::from_secs(2) > begin && at < begin + PATIENCE, "{at:?} {begin:?}");
    }
    follower.agrees(&here.engine).await;
}

async fn every_position_resumes_with_exactly_the_rest(family: Family) {
    let here = Here::new(family, "captured_resume").await;
    here.execute(BANK).await;
    let mut follower = Follower::new(&here, &["account", "entry"]).await;
    here.execute(ACCOUNTS).await;
    work(&here, 3, 4).await;
    here.execute("CREATE TABLE other (id INT); INSERT INTO other VALUES (1); TRUNCATE entry").await;
    work(&here, 2, 2).await;
    let all = follower.catch_up(&here, 1).await;
    assert_eq!(all.len(), 1 + 12 + 1 + 4);
    let mut from = vec![follower.armed.position.clone()];
    from.extend(all.iter().map(|t| t.position.clone()));
    for (seen, position) in from.iter().enumerate() {
        let (request, armed) = (follower.request.clone(), follower.armed.clone());
        let capture = resume(&here.engine, &request, position, &armed).await.unwrap();
        let rest = only(capture, 2).await;
        assert_eq!(rest, all[seen..], "from {position}");
    }
}

/// The transactions up to the first of the table numbered so.
async fn only(mut capture: Box<dyn switchback_engines::Capture>, marker: usize) -> Vec<Transaction> {
    let (mut transactions, mut changes) = (Vec::new(), Vec::new());
    loop {
        let events = tokio::time::timeout(PATIENCE, capture.next()).await.expect("something").expect("events");
        for event in events {
            match event {
                Event::Begin => assert!(changes.is_empty()),
                Event::Change(Change::Insert { table, .. }) if table == marker => return transactions,
                Event::Change(change) => changes.push(change),
                Event::Commit { position, committed_at } => {
                    transactions.push(Transaction { changes: std::mem::take(&mut changes), position, committed_at });
                }
                Event::Idle { .. } => {}
            }
        }
    }
}

async fn what_is_rolled_back_is_not_there(family: Family) {
    let here = Here::new(family, "captured_rollback").await;
    here.execute("CREATE TABLE t (id INT PRIMARY KEY); CREATE TABLE m (id INT) ENGINE=MyISAM").await;
    let mut follower = Follower::new(&here, &["t"]).await;
    here.execute("BEGIN; INSERT INTO t VALUES (1); ROLLBACK; BEGIN; COMMIT").await;
    here.execute(
        "BEGIN; INSERT INTO t VALUES (2); SAVEPOINT a; INSERT INTO t VALUES (3); ROLLBACK TO a; \
         INSERT INTO t VALUES (4); COMMIT; INSERT INTO t VALUES (5), (6) ON DUPLICATE KEY UPDATE id = id",
    )
    .await;
    let transactions = follower.catch_up(&here, 1).await;
    assert_eq!(transactions.iter().map(|t| t.changes.len()).collect::<Vec<_>>(), [2, 2]);
    follower.agrees(&here.engine).await;
}

async fn positions_move_with_what_is_not_captured(family: Family) {
    let here = Here::new(family, "captured_idle").await;
    here.execute("CREATE TABLE t (id INT PRIMARY KEY); CREATE TABLE other (id INT)").await;
    let mut follower = Follower::new(&here, &["t"]).await;
    here.execute("INSERT INTO other VALUES (1); INSERT INTO other VALUES (2); CREATE TABLE more (id INT)").await;
    let end = here.engine.position().await.unwrap().expect("a position");
    // Others use the server, so it may be further already.
    let last = end.rsplit(['-', ':']).next().unwrap().parse::<u64>().unwrap();
    loop {
        assert!(follower.next().await.unwrap().is_empty());
        let reached = follower.position.0.rsplit(['-', ':']).next().unwrap().parse::<u64>().unwrap();
        if reached >= last {
            break;
        }
    }
    let (request, armed) = (follower.request.clone(), follower.armed.clone());
    drop(follower.capture);
    let capture = resume(&here.engine, &request, &follower.position, &armed).await.unwrap();
    here.execute("INSERT INTO t VALUES (7); INSERT INTO marker VALUES (1)").await;
    assert_eq!(only(capture, 1).await.len(), 1);
}

async fn waiting_may_be_given_up_at_any_time(family: Family) {
    let here = Here::new(family, "captured_cancel").await;
    here.execute(&format!("{BANK}; CREATE TABLE blob_ (id INT PRIMARY KEY, v LONGBLOB, w LONGBLOB)")).await;
    let mut follower = Follower::new(&here, &["account", "entry", "blob_"]).await;
    here.execute(ACCOUNTS).await;
    let writing = async {
        work(&here, 2, 60).await;
        // In more than one frame.
        here.execute(
            "INSERT INTO blob_ VALUES (1, REPEAT('x', 10000000), REPEAT('y', 10000000)); INSERT INTO marker VALUES (1)",
        )
        .await;
    };
    let reading = async {
        let (mut count, mut given_up) = (0, 0);
        loop {
            match tokio::time::timeout(Duration::from_micros(300), follower.capture.next()).await {
                Err(_) => given_up += 1,
                Ok(events) => {
                    for event in events.expect("events") {
                        if let Event::Change(change) = event {
                            follower.apply(&change);
                            count += 1;
                        }
                    }
                    if !follower.model[3].is_empty() {
                        return (count, given_up);
                    }
                }
            }
        }
    };
    let ((), (count, given_up)) = tokio::join!(writing, reading);
    assert!(given_up > 0, "it never waited");
    assert_eq!(count, 10 + 120 * 3 + 1 + 1);
    follower.agrees(&here.engine).await;
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS")).expect("a line");
    line.split_whitespace().nth(1).expect("a number").parse().expect("a number")
}

/// Also a compressed one, which is in memory as it came but never expanded.
async fn a_large_transaction_comes_in_pieces(family: Family) {
    for arguments in [&[][..], &["--binlog-transaction-compression=ON"]] {
        if family == Family::MariaDb && !arguments.is_empty() {
            continue;
        }
        let server = private(family, arguments).await;
        server.create_database("here").await.unwrap();
        server
            .execute("here", "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(500)); CREATE TABLE marker (id INT)")
            .await
            .unwrap();
        let engine = connect(&server.url("here")).await.unwrap();
        let tables = vec![describe(&engine, "t").await, describe(&engine, "marker").await];
        let mut follower = Follower::of(&engine, tables).await;
        server
            .execute("here", &format!("BEGIN; {}; UPDATE t SET v = REPEAT('y', 400); COMMIT", numbers("t", 80_000)))
            .await
            .unwrap();
        let before = resident_kib();
        let (mut changes, mut most, mut ended) = (0u32, 0, false);
        while !ended {
            let events = tokio::time::timeout(PATIENCE, follower.capture.next()).await.unwrap().unwrap();
            most = most.max(events.len());
            for event in events {
                match event {
                    Event::Change(_) => changes += 1,
                    Event::Commit { .. } => ended = true,
                    Event::Begin | Event::Idle { .. } => {}
                }
            }
        }
        assert_eq!(changes, 160_000);
        assert!(most < 2_000, "{most} events at once");
        // About 70 MB were logged.
        let grown = resident_kib().saturating_sub(before);
        assert!(grown < 25_000, "{grown} KiB more than before");
    }
}

async fn compressed_logs_are_read(family: Family) {
    let arguments: &[&str] = match family {
        Family::MariaDb => &["--log-bin-compress=ON", "--log-bin-compress-min-len=10"],
        _ => &["--binlog-transaction-compression=ON"],
    };
    let server = private(family, arguments).await;
    server.create_database("here").await.unwrap();
    server
        .execute("here", "CREATE TABLE t (id INT PRIMARY KEY, v LONGTEXT); CREATE TABLE marker (id INT PRIMARY KEY)")
        .await
        .unwrap();
    let engine = connect(&server.url("here")).await.unwrap();
    let mut follower =
        Follower::of(&engine, vec![describe(&engine, "t").await, describe(&engine, "marker").await]).await;
    server
        .execute(
            "here",
            "INSERT INTO t VALUES (1, REPEAT('x', 5000)), (2, NULL); UPDATE t SET v = REPEAT('é', 3000); \
             BEGIN; DELETE FROM t WHERE id = 1; INSERT INTO t VALUES (3, ''); COMMIT; \
             CREATE TABLE other (id INT COMMENT 'a statement that is long enough to be compressed, as it says itself'); \
             INSERT INTO marker VALUES (1)",
        )
        .await
        .unwrap();
    let transactions = follower.until(1).await.unwrap();
    assert_eq!(transactions.len(), 3);
    follower.agrees(&engine).await;
    if family == Family::MariaDb {
        server.execute("here", "TRUNCATE TABLE t /* and this one is compressed, too, since it has a long comment */; INSERT INTO marker VALUES (2)").await.unwrap();
        follower.until(2).await.unwrap();
        follower.agrees(&engine).await;
    }
}

async fn files_that_end_are_followed(family: Family) {
    let server = private(family, &["--max-binlog-size=4096"]).await;
    server.create_database("here").await.unwrap();
    server
        .execute(
            "here",
            "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(500)); CREATE TABLE marker (id INT PRIMARY KEY)",
        )
        .await
        .unwrap();
    let engine = connect(&server.url("here")).await.unwrap();
    let mut follower =
        Follower::of(&engine, vec![describe(&engine, "t").await, describe(&engine, "marker").await]).await;
    let mut positions: Vec<Position> = Vec::new();
    for i in 0..60 {
        let insert = format!("INSERT INTO t VALUES ({i}, REPEAT('x', 400)); INSERT INTO marker VALUES ({i})");
        server.execute("here", &insert).await.unwrap();
        if i % 7 == 0 {
            server.execute("here", "FLUSH BINARY LOGS").await.unwrap();
        }
        assert_eq!(follower.until(i).await.unwrap().len(), 1);
        positions.push(follower.position.clone());
    }
    follower.agrees(&engine).await;
    for position in [&positions[0], &positions[30], &positions[58]] {
        let capture = resume(&engine, &follower.request, position, &follower.armed).await.unwrap();
        assert_eq!(only(capture, 1).await.len(), usize::from(position != &positions[59]));
    }
}

async fn the_newer_capture_of_a_stream_wins(family: Family) {
    let here = Here::new(family, "captured_twice").await;
    here.execute("CREATE TABLE t (id INT PRIMARY KEY)").await;
    let mut older = Follower::new(&here, &["t"]).await;
    let newer = resume(&here.engine, &older.request, &older.position, &older.armed).await.unwrap();
    let error = older.fails().await;
    assert!(!chain(&error).is_empty());
    here.execute("INSERT INTO t VALUES (1); INSERT INTO marker VALUES (1)").await;
    assert_eq!(only(newer, 1).await.len(), 1);
}

async fn the_distance_to_the_end_is_known(family: Family) {
    let server = private(family, &[]).await;
    server.create_database("here").await.unwrap();
    server
        .execute("here", "CREATE TABLE t (id INT PRIMARY KEY, v LONGTEXT); CREATE TABLE marker (id INT PRIMARY KEY)")
        .await
        .unwrap();
    let engine = connect(&server.url("here")).await.unwrap();
    let mut follower =
        Follower::of(&engine, vec![describe(&engine, "t").await, describe(&engine, "marker").await]).await;
    server.execute("here", "INSERT INTO marker VALUES (1)").await.unwrap();
    follower.until(1).await.unwrap();
    let (stream, position) = (follower.request.stream.clone(), follower.position.clone());
    let none = engine.distance(&stream, &position).await.unwrap();
    assert_eq!(none.log_bytes, Some(0));
    server.execute("here", "INSERT INTO t VALUES (1, REPEAT('x', 1000000)); FLUSH BINARY LOGS; INSERT INTO t VALUES (2, REPEAT('x', 1000000))").await.unwrap();
    let some = engine.distance(&stream, &position).await.unwrap().log_bytes.expect("a distance");
    assert!((2_000_000..2_010_000).contains(&some), "{some}");
    let unknown = engine.distance(&stream, &follower.armed.position).await.unwrap();
    assert_eq!(unknown.log_bytes, None);
}

async fn xa_transactions_of_one_phase_are_followed(family: Family) {
    let here = Here::new(family, "captured_xa").await;
    here.execute("CREATE TABLE t (id INT PRIMARY KEY); CREATE TABLE other (id INT)").await;
    let mut follower = Follower::new(&here, &["t"]).await;
    let xid = format!("'{}'", here.server.name());
    here.execute(&format!(
        "XA START {xid}; INSERT INTO t VALUES (1); XA END {xid}; XA COMMIT {xid} ONE PHASE; \
         XA START {xid}; INSERT INTO other VALUES (1); XA END {xid}; XA PREPARE {xid}; XA COMMIT {xid}; \
         INSERT INTO t VALUES (2)"
    ))
    .await;
    assert_eq!(follower.catch_up(&here, 1).await.len(), 2);
    follower.agrees(&here.engine).await;
}

/// The writer's own transactions are captured like any other.
async fn what_is_captured_can_be_written(family: Family) {
    let here = Here::new(family, "captured_written").await;
    here.execute("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(9))").await;
    let mut follower = Follower::new(&here, &["t"]).await;
    let mut writer: Box<dyn Writer> = here.engine.writer(&WriterOptions::default()).await.unwrap();
    let statements = ["BEGIN", "INSERT INTO t VALUES (1, 'a')", "UPDATE t SET v = 'b'", "COMMIT"].map(str::to_owned);
    writer.run(&statements).await.unwrap();
    let transactions = follower.catch_up(&here, 1).await;
    assert_eq!(transactions.len(), 1);
    assert_eq!(transactions[0].changes.len(), 2);
    // An update that changes nothing is in no log.
    writer.run(&["UPDATE t SET v = 'b'".to_owned()]).await.unwrap();
    assert!(follower.catch_up(&here, 2).await.is_empty());
}

#[tokio::test]
async fn gtids_with_tags_are_followed() {
    let server = private(Family::MySql, &[]).await;
    server.create_database("here").await.unwrap();
    server
        .execute("here", "CREATE TABLE t (id INT PRIMARY KEY); CREATE TABLE marker (id INT PRIMARY KEY)")
        .await
        .unwrap();
    let tagged =
        |id: u32| format!("SET gtid_next = 'AUTOMATIC:blue'; INSERT INTO t VALUES ({id}); SET gtid_next = 'AUTOMATIC'");
    server.execute("here", &tagged(1)).await.unwrap();
    let engine = connect(&server.url("here")).await.unwrap();
    let mut follower =
        Follower::of(&engine, vec![describe(&engine, "t").await, describe(&engine, "marker").await]).await;
    assert!(follower.position.0.contains(":blue:1"), "{}", follower.position);
    server
        .execute(
            "here",
            &format!("{}; {}; INSERT INTO t VALUES (4); INSERT INTO marker VALUES (1)", tagged(2), tagged(3)),
        )
        .await
        .unwrap();
    let transactions = follower.until(1).await.unwrap();
    assert_eq!(transactions.len(), 3);
    assert!(follower.position.0.contains(":blue:1-3"), "{}", follower.position);
    assert!(transactions[0].committed_at > 1_700_000_000_000_000);
    let capture = resume(&engine, &follower.request, &transactions[0].position, &follower.armed).await.unwrap();
    assert_eq!(only(capture, 1).await, transactions[1..]);
}
