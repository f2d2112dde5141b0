//! Which rows are read, and what stops a read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use switchback_engines::mysql::MySql;
use switchback_engines::{
    ConnectOptions, Database, DatabaseUrl, Error, KeyRange, Moment, QueryFault, ReadRequest, Scope, TableRef, Value,
};
use switchback_fixtures::Family;
use tokio::sync::mpsc;

use super::{Here, chain, connect, numbers, private, read, read_columns, text};

on_both!(
    reads_the_columns_that_are_asked_for,
    filters_in_the_servers_own_dialect,
    large_tables_come_in_many_batches,
    settings_of_the_server_change_nothing,
    a_timestamp_is_a_moment_in_any_zone,
    rows_over_the_limit_of_a_packet_are_read,
    stops_when_nobody_listens,
    a_dropped_read_leaves_no_trace,
    never_opens_more_connections_than_it_may,
    an_altered_table_is_noticed,
);

async fn reads_the_columns_that_are_asked_for(family: Family) {
    let here = Here::new(family, "columns").await;
    here.execute("CREATE TABLE t (a INT PRIMARY KEY, b VARCHAR(9), c BIGINT); INSERT INTO t VALUES (1, 'x', 2)").await;
    let table = here.table("t").await;
    let engine = &*here.engine;
    for (columns, expected) in
        [(vec![2, 0], vec![Value::Int(2), Value::Int(1)]), (vec![1, 1], vec![text("x"), text("x")]), (vec![], vec![])]
    {
        assert_eq!(read_columns(engine, &table, &columns, Scope::All, None).await.unwrap(), [expected]);
    }
}

async fn filters_in_the_servers_own_dialect(family: Family) {
    let here = Here::new(family, "filters").await;
    here.execute(
        "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(9)); INSERT INTO t VALUES (1, 'a'), (2, '?'), (3, 'b')",
    )
    .await;
    let table = here.table("t").await;
    let engine = &*here.engine;
    let range = KeyRange { lower: Some(vec![Value::Int(2)]), upper: None };
    for (filter, all, ranged) in [
        ("v = 'a' OR v = '?'", 2, 1),
        ("id IN (SELECT 3)", 1, 1),
        ("v = \"b\"", 1, 1),
        ("FALSE", 0, 0),
        ("id % 2 = 1 -- odd\n", 2, 1),
    ] {
        assert_eq!(read(engine, &table, Scope::All, Some(filter)).await.unwrap().len(), all, "{filter}");
        let scope = Scope::Range { key: &[0], range: &range };
        assert_eq!(read(engine, &table, scope, Some(filter)).await.unwrap().len(), ranged, "{filter}");
        assert_eq!(engine.count(&table, Some(filter)).await.unwrap(), all as u64, "{filter}");
    }
    assert_eq!(engine.count(&table, None).await.unwrap(), 3);
    for (filter, expected) in
        [("v = ?", QueryFault::Syntax), ("id =", QueryFault::Syntax), ("nowhere = 1", QueryFault::Missing)]
    {
        let error = read(engine, &table, Scope::All, Some(filter)).await.unwrap_err();
        assert!(matches!(&error, Error::Query { fault, .. } if *fault == expected), "{filter}: {error:?}");
    }
    // A statement that failed leaves the connection as good as before.
    assert_eq!(engine.count(&table, None).await.unwrap(), 3);
    // The server quotes what it could not read, and we don't.
    let error = engine.count(&table, Some("v = 's3cret' AND AND 's3cret'")).await.unwrap_err();
    assert!(matches!(error, Error::Query { fault: QueryFault::Syntax, .. }));
    assert!(!format!("{} {error:?}", chain(&error)).contains("s3cret"), "{error:?}");
}

async fn large_tables_come_in_many_batches(family: Family) {
    let here = Here::new(family, "large").await;
    here.execute(&format!("CREATE TABLE t (id INT PRIMARY KEY, pad VARCHAR(300)); {}", numbers("t", 50_000))).await;
    here.execute("UPDATE t SET pad = REPEAT(CHAR(65 + id % 26), id % 300)").await;
    let table = here.table("t").await;
    let decoder = here.engine.decoder(&table, &[0, 1]).unwrap();
    let (sender, mut receiver) = mpsc::channel(1);
    let engine = Arc::clone(&here.engine);
    let request = async move {
        engine.read(ReadRequest { table: &table, columns: &[0, 1], scope: Scope::All, filter: None }, sender).await
    };
    let collected = async {
        let (mut batches, mut ids) = (0, Vec::new());
        while let Some(batch) = receiver.recv().await {
            batches += 1;
            assert!(batch.row_count > 0);
            decoder
                .decode(&batch, &mut |row| {
                    let (Value::Int(id), Value::Text(pad)) = (&row[0], &row[1]) else { panic!("{row:?}") };
                    let letter = char::from(u8::try_from(65 + id % 26).unwrap());
                    assert_eq!(pad.len() as i64, id % 300);
                    assert!(pad.chars().all(|c| c == letter));
                    ids.push(*id);
                })
                .unwrap();
        }
        (batches, ids)
    };
    let (count, (batches, mut ids)) = tokio::join!(request, collected);
    assert_eq!(count.unwrap(), 50_000);
    assert!(batches > 3, "{batches}");
    ids.sort_unstable();
    assert_eq!(ids, (1..=50_000).collect::<Vec<_>>());
}

/// A server whose defaults would change what is read, or end it early.
async fn settings_of_the_server_change_nothing(family: Family) {
    let mut arguments = vec![
        "--sql-mode=PAD_CHAR_TO_FULL_LENGTH,ANSI_QUOTES,NO_BACKSLASH_ESCAPES,NO_ZERO_DATE,NO_ZERO_IN_DATE,STRICT_ALL_TABLES",
        "--default-time-zone=-03:30",
        "--autocommit=0",
        "--max-join-size=10",
        "--net-write-timeout=1",
        "--wait-timeout=5",
        "--transaction-isolation=READ-UNCOMMITTED",
        "--character-set-server=latin1",
        "--max-sort-length=64",
    ];
    arguments.push(if family == Family::MySql { "--max-execution-time=1" } else { "--max-statement-time=0.1" });
    let server = private(family, &arguments).await;
    server.create_database("here").await.unwrap();
    let script = "SET time_zone = '+00:00', sql_mode = '', sql_big_selects = 1, autocommit = 1; \
         CREATE TABLE t (id INT PRIMARY KEY, c CHAR(9), at TIMESTAMP NULL, d DATE, v VARCHAR(9) CHARACTER SET utf8mb4); \
         INSERT INTO t VALUES (1, 'a', '2024-01-01 12:00:00', '0000-00-00', '😀')";
    let statement_time = if family == Family::MySql { "" } else { "SET max_statement_time = 0; " };
    server.execute("here", &format!("{statement_time}{script}")).await.unwrap();
    let fill = numbers("t", 60_000).replace("<= 60000", "BETWEEN 2 AND 60000");
    server.execute("here", &format!("{statement_time}SET sql_big_selects = 1, autocommit = 1; {fill}")).await.unwrap();
    server.execute("here", &format!("{statement_time}SET GLOBAL sql_select_limit = 7")).await.unwrap();
    if family == Family::MariaDb {
        let past = "SET autocommit = 1; CREATE TABLE kept (id INT PRIMARY KEY) WITH SYSTEM VERSIONING; \
             INSERT INTO kept VALUES (1); SET GLOBAL system_versioning_asof = '2001-01-01 00:00:00'";
        server.execute("here", &format!("{statement_time}{past}")).await.unwrap();
        let engine = connect(&server.url("here")).await.unwrap();
        let kept = engine.describe(&TableRef { schema: None, name: "kept".to_owned() }).await.unwrap().unwrap();
        assert_eq!(
            read(&engine, &kept, Scope::All, None).await.unwrap(),
            [[Value::Int(1)]],
            "its present, not its past"
        );
    }
    let engine = connect(&server.url("here")).await.unwrap();
    let table = engine.describe(&TableRef { schema: None, name: "t".to_owned() }).await.unwrap().unwrap();
    let first = read(&engine, &table, Scope::All, Some("id = 1")).await.unwrap();
    let at = Value::Instant(Moment::Micros(1_704_110_400_000_000));
    let zero = Value::Date(switchback_engines::Date::OffCalendar { year: 0, month: 0, day: 0 });
    assert_eq!(first, [[Value::Int(1), text("a"), at, zero, text("😀")]]);
    assert_eq!(read(&engine, &table, Scope::All, None).await.unwrap().len(), 60_000);
    // A string in double quotes; and longer than a statement may take there.
    assert_eq!(engine.count(&table, Some("\"id\" = 'id' AND (id > 1 OR SLEEP(0.5) = 0)")).await.unwrap(), 60_000);
    assert!(engine.split_keys(&table, &[0], 10_000).await.unwrap().len() > 2);
    let long = |end: &str| vec![text(&format!("{}{end}", "k".repeat(100)))];
    assert_eq!(engine.rank_keys(&table, &[4], &[long("b"), long("a"), long("B")]).await.unwrap(), [2, 1, 2]);
}

async fn a_timestamp_is_a_moment_in_any_zone(family: Family) {
    let here = Here::new(family, "zones").await;
    here.execute(
        "CREATE TABLE t (id INT PRIMARY KEY, at TIMESTAMP NULL, local DATETIME); \
         SET time_zone = '+00:00'; INSERT INTO t VALUES (1, '2024-10-27 00:30:00', '2024-10-27 00:30:00'); \
         SET time_zone = '+02:00'; INSERT INTO t VALUES (2, '2024-10-27 02:30:00', '2024-10-27 02:30:00'); \
         SET time_zone = '-09:30'; INSERT INTO t VALUES (3, '2024-10-26 15:00:00', '2024-10-26 15:00:00')",
    )
    .await;
    let half_past = 1_729_989_000_000_000;
    let rows = here.rows("t").await;
    assert!(rows.iter().all(|row| row[1] == Value::Instant(Moment::Micros(half_past))), "{rows:?}");
    let local = |hours: i64| Value::Timestamp(Moment::Micros(half_past + hours * 3_600_000_000));
    assert_eq!(
        rows.iter().map(|row| row[2].clone()).collect::<Vec<_>>(),
        [local(0), local(2), Value::Timestamp(Moment::Micros(half_past - 34_200_000_000)),]
    );
}

/// 16 MiB is where a packet is cut into frames.
async fn rows_over_the_limit_of_a_packet_are_read(family: Family) {
    let server = private(family, &["--max-allowed-packet=64M"]).await;
    server.create_database("here").await.unwrap();
    let script = "CREATE TABLE t (id INT PRIMARY KEY, b LONGBLOB); INSERT INTO t VALUES (1, 'a'), (3, 'c'), \
         (2, REPEAT('x', 16777205)), (4, REPEAT('y', 16777206)), (5, REPEAT('z', 33554432))";
    server.execute("here", script).await.unwrap();
    let engine = connect(&server.url("here")).await.unwrap();
    let table = engine.describe(&TableRef { schema: None, name: "t".to_owned() }).await.unwrap().unwrap();
    let rows = read(&engine, &table, Scope::All, Some("id IN (1, 3)")).await.unwrap();
    assert_eq!(rows.len(), 2);
    let decoder = engine.decoder(&table, &[0, 1]).unwrap();
    let (sender, mut receiver) = mpsc::channel(8);
    let request = ReadRequest { table: &table, columns: &[0, 1], scope: Scope::All, filter: None };
    assert_eq!(engine.read(request, sender).await.unwrap(), 5);
    let mut seen = Vec::new();
    while let Some(batch) = receiver.recv().await {
        decoder
            .decode(&batch, &mut |row| {
                let (Value::Int(id), Value::Bytes(b)) = (&row[0], &row[1]) else { panic!("no row") };
                assert!(b.iter().all(|byte| Some(byte) == b.first()));
                seen.push((*id, b.len()));
            })
            .unwrap();
    }
    seen.sort_unstable();
    assert_eq!(seen, [(1, 1), (2, 16_777_205), (3, 1), (4, 16_777_206), (5, 33_554_432)]);
}

/// A table that doesn't fit into the buffers between the server and us.
async fn wide(here: &Here) {
    here.execute(&format!("CREATE TABLE t (id INT PRIMARY KEY, pad CHAR(250) DEFAULT 'x'); {}", numbers("t", 100_000)))
        .await;
    here.execute("UPDATE t SET pad = REPEAT('y', 250)").await;
}

/// Looks at the sessions in this database; of its own it has one.
struct Watch {
    engine: MySql,
    database: String,
}

impl Watch {
    async fn new(here: &Here) -> Self {
        Self { engine: with_connections(here, 1).await, database: here.server.name().to_owned() }
    }

    async fn sessions(&self, condition: &str) -> u64 {
        let process_list = switchback_engines::Table {
            name: TableRef { schema: Some("information_schema".to_owned()), name: "PROCESSLIST".to_owned() },
            columns: Vec::new(),
            primary_key: None,
            unique_keys: Vec::new(),
            foreign_keys: Vec::new(),
            row_estimate: 0,
            bytes_estimate: 0,
            children: Vec::new(),
        };
        let filter = format!("DB = '{}' AND ID <> CONNECTION_ID() AND ({condition})", self.database);
        self.engine.count(&process_list, Some(&filter)).await.unwrap()
    }
}

async fn until(what: &str, mut check: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !check().await {
        assert!(Instant::now() < deadline, "{what}");
        tokio::task::yield_now().await;
    }
}

async fn with_connections(here: &Here, connections_max: u32) -> MySql {
    let options = ConnectOptions { connections_max, ..ConnectOptions::default() };
    MySql::connect(&DatabaseUrl::parse(here.server.url()).unwrap(), &options).await.unwrap()
}

async fn stops_when_nobody_listens(family: Family) {
    let here = Here::new(family, "deaf").await;
    wide(&here).await;
    let engine = with_connections(&here, 1).await;
    let table = here.table("t").await;
    let (sender, mut receiver) = mpsc::channel::<switchback_engines::RawBatch>(1);
    let request = ReadRequest { table: &table, columns: &[0, 1], scope: Scope::All, filter: None };
    let listener = async {
        receiver.recv().await.expect("a batch");
        receiver.close();
        let mut rows = 0;
        while let Some(batch) = receiver.recv().await {
            rows += batch.row_count;
        }
        rows
    };
    let (sent, _) = tokio::join!(engine.read(request, sender), listener);
    let sent = sent.unwrap();
    assert!(sent > 0 && sent < 100_000, "{sent}");
    // Its only connection was in the middle of a result, and is another now.
    assert_eq!(engine.count(&table, None).await.unwrap(), 100_000);
    let watch = Watch::new(&here).await;
    until("the server stops reading", async || watch.sessions("INFO LIKE '%`pad`%'").await == 0).await;
}

async fn a_dropped_read_leaves_no_trace(family: Family) {
    let here = Here::new(family, "dropped").await;
    wide(&here).await;
    let engine = with_connections(&here, 1).await;
    let table = here.table("t").await;
    for patience in [0, 1, 3, 10, 30, 100] {
        let (sender, mut receiver) = mpsc::channel(1);
        let request = ReadRequest { table: &table, columns: &[0, 1], scope: Scope::All, filter: None };
        let read = engine.read(request, sender);
        assert!(tokio::time::timeout(Duration::from_millis(patience), read).await.is_err(), "nobody receives");
        receiver.close();
        assert_eq!(engine.count(&table, Some("id = 7")).await.unwrap(), 1, "after {patience} ms");
        let described = tokio::time::timeout(Duration::from_millis(patience % 7), engine.describe(&table.name)).await;
        drop(described);
        assert_eq!(engine.count(&table, Some("id = 7")).await.unwrap(), 1, "after {patience} ms");
    }
    let watch = Watch::new(&here).await;
    until("the server stops reading", async || watch.sessions("INFO LIKE '%`pad`%'").await == 0).await;
    // Nothing that was dropped holds the table's definition.
    here.execute("SET lock_wait_timeout = 5; ALTER TABLE t ADD COLUMN more INT").await;
}

async fn never_opens_more_connections_than_it_may(family: Family) {
    let here = Here::new(family, "bound").await;
    wide(&here).await;
    let engine = with_connections(&here, 3).await;
    let table = here.table("t").await;
    let watcher = Watch::new(&here).await;
    let reads = (0..12).map(|_| async {
        let (sender, mut receiver) = mpsc::channel(1);
        let request = ReadRequest { table: &table, columns: &[0], scope: Scope::All, filter: None };
        let drain = async { while receiver.recv().await.is_some() {} };
        let (read, ()) = tokio::join!(engine.read(request, sender), drain);
        engine.count(&table, None).await.unwrap();
        read.unwrap()
    });
    let done = AtomicBool::new(false);
    let watch = async {
        let mut most = 0;
        while !done.load(Ordering::Relaxed) {
            // One of them is the idle connection of the test's own engine.
            most = most.max(watcher.sessions("TRUE").await);
        }
        most
    };
    let all = async {
        let sent = futures_util::future::join_all(reads).await;
        done.store(true, Ordering::Relaxed);
        sent
    };
    let (sent, most) = tokio::join!(all, watch);
    assert_eq!(sent, [100_000; 12]);
    assert!((3..=4).contains(&most), "{most}");
}

async fn an_altered_table_is_noticed(family: Family) {
    let here = Here::new(family, "altered").await;
    here.execute("CREATE TABLE t (id INT PRIMARY KEY, v INT, w INT); INSERT INTO t VALUES (1, 2, 3)").await;
    let table = here.table("t").await;
    for alter in ["v BIGINT", "v INT UNSIGNED", "v VARCHAR(9)", "v DATETIME"] {
        here.execute(&format!("UPDATE t SET v = NULL; ALTER TABLE t MODIFY {alter}")).await;
        let error = read(&*here.engine, &table, Scope::All, None).await.unwrap_err();
        assert!(matches!(&error, Error::Decode { column, .. } if column == "v"), "{alter}: {error:?}");
    }
    here.execute("ALTER TABLE t DROP COLUMN v").await;
    let error = read(&*here.engine, &table, Scope::All, None).await.unwrap_err();
    assert!(matches!(error, Error::Query { fault: QueryFault::Missing, .. }), "{error:?}");
    here.execute("DROP TABLE t").await;
    let error = here.engine.count(&table, None).await.unwrap_err();
    assert!(matches!(error, Error::Query { fault: QueryFault::Missing, .. }), "{error:?}");
}
