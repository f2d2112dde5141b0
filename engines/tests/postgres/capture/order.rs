//! Transactions: whole, in the order of commit, each once.

use std::time::{Duration, Instant};

use switchback_engines::{Change, Endpoint as _, Event, Position, StreamName, Value, Writer, WriterOptions};
use switchback_fixtures::Side;

use super::{Stream, end, lsn, next, on_both_versions, position, transactions, until};

on_both_versions!(
    transactions_come_in_the_order_of_commit,
    what_was_rolled_back_does_not_come,
    resuming_gives_exactly_the_rest,
    an_idle_database_moves_on,
    empty_transactions_are_nothing,
    a_truncate_names_all_of_its_tables,
    a_partitioned_table_is_one,
    a_large_transaction_needs_little_memory,
    a_dropped_call_loses_nothing,
    the_log_is_let_go_of,
);

const TABLES: &str = "CREATE TABLE t (id int PRIMARY KEY, v int); CREATE TABLE u (id int)";

async fn writer(stream: &Stream) -> Box<dyn Writer> {
    stream.fixture.postgres.writer(&WriterOptions::default()).await.expect("a writer")
}

async fn run(writer: &mut Box<dyn Writer>, statements: &[&str]) {
    let statements: Vec<String> = statements.iter().map(|s| (*s).to_owned()).collect();
    writer.run(&statements).await.expect("the test's own SQL");
}

/// The first column of every new row.
fn ids(transactions: &[Vec<Change>]) -> Vec<Vec<i64>> {
    let id = |change: &Change| match change {
        Change::Insert { new, .. } | Change::Update { new, .. } => match new.first() {
            Some(Some(Value::Int(id))) => *id,
            other => panic!("no number: {other:?}"),
        },
        other => panic!("another change: {other:?}"),
    };
    transactions.iter().map(|changes| changes.iter().map(id).collect()).collect()
}

async fn transactions_come_in_the_order_of_commit(side: Side) {
    let stream = Stream::new(side, "order", TABLES, &["t", "u"]).await;
    let (mut a, mut b) = (writer(&stream).await, writer(&stream).await);
    run(&mut a, &["BEGIN", "INSERT INTO public.t VALUES (1, 0)"]).await;
    run(&mut b, &["BEGIN", "INSERT INTO public.u VALUES (2)"]).await;
    run(&mut a, &["INSERT INTO public.u VALUES (3)"]).await;
    run(&mut b, &["INSERT INTO public.t VALUES (4, 0)", "COMMIT", "INSERT INTO public.u VALUES (5)"]).await;
    run(&mut a, &["INSERT INTO public.t VALUES (6, 0)", "COMMIT"]).await;
    let events = stream.all().await;
    assert_eq!(ids(&transactions(&events)), [vec![2, 4], vec![5], vec![1, 3, 6]]);
    let times: Vec<i64> = events
        .iter()
        .filter_map(|e| if let Event::Commit { committed_at, .. } = e { Some(*committed_at) } else { None })
        .collect();
    assert!(times.is_sorted());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock").as_micros();
    assert!((now as i64 - times[0]).abs() < 600_000_000, "{now} {times:?}");
    stream.done().await;
}

async fn what_was_rolled_back_does_not_come(side: Side) {
    let stream = Stream::new(side, "rollback", TABLES, &["t"]).await;
    let mut a = writer(&stream).await;
    run(&mut a, &["BEGIN", "INSERT INTO public.t VALUES (1, 0)", "ROLLBACK"]).await;
    run(&mut a, &["BEGIN", "INSERT INTO public.t VALUES (2, 0)", "SAVEPOINT s", "INSERT INTO public.t VALUES (3, 0)"])
        .await;
    run(&mut a, &["ROLLBACK TO s", "INSERT INTO public.t VALUES (4, 0)", "COMMIT"]).await;
    assert_eq!(ids(&transactions(&stream.all().await)), [[2, 4]]);
    stream.done().await;
}

async fn resuming_gives_exactly_the_rest(side: Side) {
    let stream = Stream::new(side, "resume", TABLES, &["t"]).await;
    for id in 0..12 {
        stream.execute(&format!("INSERT INTO t VALUES ({id}, 0); INSERT INTO u VALUES ({id})")).await;
        stream.execute("INSERT INTO u VALUES (0)").await;
    }
    let end = stream.end().await;
    let events = stream.all().await;
    assert_eq!(transactions(&events).len(), 12);
    let commits: Vec<(usize, Position)> =
        events.iter().enumerate().filter_map(|(i, event)| Some((i, position(event)?.clone()))).collect();
    for (i, from) in commits {
        // Where the log ended before, nothing is left to wait for.
        stream.execute("INSERT INTO u VALUES (0)").await;
        let last = stream.end().await;
        let mut capture = stream.capture(&from).await;
        let rest = until(&mut capture, last.max(end)).await;
        assert_eq!(transactions(&rest), transactions(&events[i + 1..]), "from {from}");
        assert!(rest.iter().filter_map(position).all(|p| lsn(&p.0) > lsn(&from.0)), "from {from}");
    }
    stream.done().await;
}

async fn an_idle_database_moves_on(side: Side) {
    let stream = Stream::new(side, "idle", TABLES, &["t"]).await;
    let mut capture = stream.capture(&stream.armed.position).await;
    stream.execute("INSERT INTO u SELECT generate_series(1, 1000)").await;
    let events = until(&mut capture, stream.end().await).await;
    assert!(transactions(&events).is_empty());
    let positions: Vec<u64> = events.iter().filter_map(position).map(|p| lsn(&p.0)).collect();
    assert!(positions.is_sorted_by(|a, b| a < b), "{positions:?}");
    stream.done().await;
}

async fn empty_transactions_are_nothing(side: Side) {
    let stream = Stream::new(side, "empty", TABLES, &["t"]).await;
    stream.execute("BEGIN; SELECT pg_current_xact_id(); COMMIT").await;
    stream.execute("SELECT pg_logical_emit_message(true, 'a', 'b'), pg_logical_emit_message(false, 'a', 'b')").await;
    stream.execute("UPDATE t SET v = 0; DELETE FROM t; TRUNCATE u").await;
    let events = stream.all().await;
    assert!(events.iter().all(|e| matches!(e, Event::Idle { .. })), "{events:?}");
    stream.done().await;
}

async fn a_truncate_names_all_of_its_tables(side: Side) {
    let sql = "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (id int REFERENCES p); CREATE TABLE other (id int);
        CREATE TABLE alone (id int)";
    let stream = Stream::new(side, "truncate", sql, &["p", "c", "alone"]).await;
    stream.execute("INSERT INTO p VALUES (1); INSERT INTO c VALUES (1)").await;
    stream.execute("TRUNCATE p, other CASCADE").await;
    stream.execute("TRUNCATE alone").await;
    let all = transactions(&stream.all().await);
    let sorted = |change: &Change| match change {
        Change::Truncate { tables } => {
            let mut tables = tables.clone();
            tables.sort_unstable();
            tables
        }
        other => panic!("another change: {other:?}"),
    };
    assert_eq!(all.len(), 3);
    assert_eq!(all[1].iter().map(sorted).collect::<Vec<_>>(), [[0, 1]]);
    assert_eq!(all[2].iter().map(sorted).collect::<Vec<_>>(), [[2]]);
    stream.done().await;
}

async fn a_partitioned_table_is_one(side: Side) {
    // The second partition has its columns in another order.
    let sql = "CREATE TABLE p (id int, v text) PARTITION BY RANGE (id);
        CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
        CREATE TABLE p2 (gone int, v text, id int); ALTER TABLE p2 DROP gone;
        ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (10) TO (20);
        CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child () INHERITS (parent)";
    let stream = Stream::new(side, "parts", sql, &["p", "parent"]).await;
    assert_eq!(stream.armed.done.iter().filter(|done| done.contains("IDENTITY FULL")).count(), 3);
    stream.execute("INSERT INTO p VALUES (1, 'a'), (11, 'b')").await;
    stream.execute("UPDATE p SET id = 12 WHERE id = 1").await;
    stream.execute("DELETE FROM p2 WHERE id = 11").await;
    stream.execute("INSERT INTO child VALUES (1)").await;
    stream.execute("TRUNCATE p").await;
    let all = transactions(&stream.all().await);
    let row = |id, v: &'static str| vec![Some(Value::Int(id)), Some(Value::Text(v.into()))];
    let expected = [
        vec![Change::Insert { table: 0, new: row(1, "a") }, Change::Insert { table: 0, new: row(11, "b") }],
        vec![Change::Delete { table: 0, old: row(1, "a") }, Change::Insert { table: 0, new: row(12, "a") }],
        vec![Change::Delete { table: 0, old: row(11, "b") }],
        vec![Change::Truncate { tables: vec![0] }],
    ];
    assert_eq!(all, expected);
    stream.done().await;
}

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a line");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("a number") * 1024
}

async fn a_large_transaction_needs_little_memory(side: Side) {
    let stream = Stream::new(side, "large", "CREATE TABLE t (id int PRIMARY KEY, v text)", &["t"]).await;
    stream.execute("INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1, 100000) i").await;
    let mut capture = stream.capture(&stream.armed.position).await;
    let (before, mut most, mut count, mut batch_most) = (resident_bytes(), 0, 0, 0);
    loop {
        let events = next(&mut capture).await.expect("events");
        batch_most = batch_most.max(events.len());
        most = most.max(resident_bytes().saturating_sub(before));
        for event in &events {
            if let Event::Change(Change::Insert { new, .. }) = event {
                count += 1;
                assert_eq!(new[0], Some(Value::Int(count)));
            }
        }
        if events.iter().any(|e| matches!(e, Event::Commit { .. })) {
            break;
        }
    }
    assert_eq!(count, 100_000);
    assert!(batch_most <= 600, "{batch_most}");
    assert!(most < 32 << 20, "{most} bytes more than before");
    drop(capture);
    stream.done().await;
}

async fn a_dropped_call_loses_nothing(side: Side) {
    let stream = Stream::new(side, "dropped", TABLES, &["t"]).await;
    stream.execute("INSERT INTO t SELECT i, 0 FROM generate_series(1, 3000) i").await;
    stream.execute("ALTER TABLE t SET (fillfactor = 50)").await;
    stream.execute("UPDATE t SET v = 1").await;
    let end = stream.end().await;
    let mut capture = stream.capture(&stream.armed.position).await;
    let mut events: Vec<Event> = Vec::new();
    let mut patience = 0;
    while !events.iter().filter_map(position).any(|p| lsn(&p.0) >= end) {
        // So short that most calls are given up, and longer each time.
        match tokio::time::timeout(Duration::from_micros(patience), capture.next()).await {
            Ok(batch) => events.extend(batch.expect("events")),
            Err(_) => patience = (patience + 7).min(3000),
        }
    }
    let all = transactions(&events);
    assert_eq!(all.iter().map(Vec::len).collect::<Vec<_>>(), [3000, 3000]);
    drop(capture);
    stream.done().await;
}

async fn the_log_is_let_go_of(side: Side) {
    let stream = Stream::new(side, "acknowledged", TABLES, &["t"]).await;
    let mut capture = stream.capture(&stream.armed.position).await;
    stream.execute("INSERT INTO t SELECT i, 0 FROM generate_series(1, 1000) i").await;
    let end = end(&stream.fixture.postgres).await;
    let events = until(&mut capture, end).await;
    let last = events.iter().filter_map(position).next_back().expect("a position").clone();
    let stream_name = &stream.request.stream;
    let distance = stream.fixture.postgres.distance(stream_name, &stream.armed.position).await.expect("a distance");
    assert!(distance.log_bytes.expect("a length") >= end - lsn(&stream.armed.position.0));
    assert!(distance.retained_bytes.expect("a length") >= distance.log_bytes.expect("a length"));
    capture.acknowledge(&last);
    let confirmed = format!(
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = '{}'
             AND confirmed_flush_lsn >= '{last}') THEN RAISE 'not yet'; END IF; END $$",
        stream.slot()
    );
    let deadline = Instant::now() + Duration::from_secs(30);
    while stream.fixture.database.execute(&confirmed).await.is_err() {
        assert!(Instant::now() < deadline, "the server was not told");
        let _ = tokio::time::timeout(Duration::from_millis(50), capture.next()).await;
    }
    drop(capture);
    let none = StreamName::new("none").expect("a name");
    let none = stream.fixture.postgres.distance(&none, &last).await.expect("a distance");
    assert_eq!(none.retained_bytes, None);
    stream.done().await;
}
