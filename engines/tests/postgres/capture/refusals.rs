//! Positions that can't be served, and structures that changed.

use switchback_engines::error::Class;
use switchback_engines::{
    CaptureFault, CaptureRequest, Change, Database as _, Endpoint as _, Error, Position, QueryFault,
};
use switchback_fixtures::{Kind, Server, Side};

use super::{
    Stream, chain, connect, end, failure, fault, next, on_both_versions, stream_name, table_ref, transactions, until,
};

on_both_versions!(
    a_change_of_structure_stops_the_stream,
    a_table_that_was_renamed_stops_the_stream,
    other_changes_of_structure_do_not,
    a_slot_that_is_gone_is_not_armed,
    a_slot_that_was_told_more_is_ahead,
    another_incarnation_is_refused,
    a_terminated_stream_can_be_resumed,
    a_second_reader_takes_over,
    a_table_taken_out_of_the_publication_is_missed,
);

const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, v varchar(20), n int)";

async fn a_change_of_structure_stops_the_stream(side: Side) {
    for (hint, change, words) in [
        ("add", "ALTER TABLE t ADD x text", "has a new column `x` of the type text"),
        ("drop", "ALTER TABLE t DROP n", "has no column `n` any more"),
        (
            "rename",
            "ALTER TABLE t RENAME n TO m",
            "has no column `n` any more; has a new column `m` of the type integer",
        ),
        (
            "type",
            "ALTER TABLE t ALTER v TYPE varchar(30)",
            "has `v` as character varying(30), which was character varying(20)",
        ),
        ("int", "ALTER TABLE t ALTER n TYPE bigint", "has `n` as bigint, which was integer"),
        ("key", "ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (n)", "identified by n in the log, and by id"),
        ("domain", "CREATE DOMAIN d AS int; ALTER TABLE t ALTER n TYPE d", "has `n` as integer (domain public.d)"),
    ] {
        let stream = Stream::new(side, hint, TABLE, &["t"]).await;
        stream.execute("INSERT INTO t VALUES (1, 'a', 1)").await;
        let mut capture = stream.capture(&stream.armed.position).await;
        stream.execute(change).await;
        stream.execute("UPDATE t SET v = 'b'").await;
        let (events, error) = failure(&mut capture).await;
        assert_eq!(fault(&error), CaptureFault::SchemaChanged, "{change}");
        assert!(chain(&error).contains(words), "{change}: {}", chain(&error));
        // What was before is handed on whole.
        assert_eq!(transactions(&events).len(), 1, "{change}");
        // And it is the same when started again, also from behind that.
        let mut again = stream.capture(&stream.armed.position).await;
        assert_eq!(fault(&failure(&mut again).await.1), CaptureFault::SchemaChanged);
        stream.done().await;
    }
}

async fn a_table_that_was_renamed_stops_the_stream(side: Side) {
    let stream = Stream::new(side, "renamed", TABLE, &["t"]).await;
    stream.execute("INSERT INTO t VALUES (1, 'a', 1)").await;
    let mut capture = stream.capture(&stream.armed.position).await;
    let before = next(&mut capture).await.expect("events");
    stream.execute("ALTER TABLE t RENAME TO t2; INSERT INTO t2 VALUES (2, 'b', 2)").await;
    let (_, error) = failure(&mut capture).await;
    assert_eq!(fault(&error), CaptureFault::SchemaChanged);
    assert!(chain(&error).contains("public.t2"), "{}", chain(&error));
    // At the start it is seen at once.
    let position = before.iter().filter_map(super::position).next_back().expect("a position");
    let error = stream.try_capture(position).await.err().expect("a refusal");
    assert_eq!(fault(&error), CaptureFault::NotArmed);
    stream.done().await;
}

async fn other_changes_of_structure_do_not(side: Side) {
    let stream = Stream::new(side, "harmless", TABLE, &["t"]).await;
    let mut capture = stream.capture(&stream.armed.position).await;
    for statement in [
        "INSERT INTO t VALUES (1, 'a', 1)",
        "CREATE INDEX t_n ON t (n); ALTER TABLE t ALTER n SET DEFAULT 5; ALTER TABLE t ADD CHECK (n > 0)",
        "ALTER TABLE t ADD g int GENERATED ALWAYS AS (id + 1) STORED",
        "UPDATE t SET n = 2",
        "ALTER TABLE t REPLICA IDENTITY FULL",
        "DELETE FROM t",
    ] {
        stream.execute(statement).await;
    }
    let events = until(&mut capture, stream.end().await).await;
    assert_eq!(transactions(&events).len(), 3);
    drop(capture);
    stream.done().await;
}

async fn a_slot_that_is_gone_is_not_armed(side: Side) {
    let stream = Stream::new(side, "gone", TABLE, &["t"]).await;
    let name = stream.slot();
    let mut capture = stream.capture(&stream.armed.position).await;
    stream
        .execute(&format!(
            "SELECT pg_terminate_backend(active_pid, 10000) FROM pg_replication_slots WHERE slot_name = '{name}'"
        ))
        .await;
    failure(&mut capture).await;
    stream.execute(&format!("SELECT pg_drop_replication_slot('{name}')")).await;
    let error = stream.try_capture(&stream.armed.position).await.err().expect("a refusal");
    assert_eq!((fault(&error), error.class()), (CaptureFault::NotArmed, Class::Operator));
    // One that somebody made anew begins too late.
    stream.execute("INSERT INTO t VALUES (1, 'a', 1)").await;
    stream.execute(&format!("SELECT pg_create_logical_replication_slot('{name}', 'pgoutput')")).await;
    let error = stream.try_capture(&stream.armed.position).await.err().expect("a refusal");
    assert_eq!(fault(&error), CaptureFault::Ahead);
    stream.execute(&format!("DROP PUBLICATION \"{}\"", stream.publication())).await;
    let error = stream.try_capture(&stream.armed.position).await.err().expect("a refusal");
    assert_eq!(fault(&error), CaptureFault::NotArmed);
    stream.done().await;
}

async fn a_slot_that_was_told_more_is_ahead(side: Side) {
    let stream = Stream::new(side, "ahead", TABLE, &["t"]).await;
    stream.execute("INSERT INTO t VALUES (1, 'a', 1)").await;
    let name = stream.slot();
    stream.execute(&format!("SELECT pg_replication_slot_advance('{name}', pg_current_wal_flush_lsn())")).await;
    let error = stream.try_capture(&stream.armed.position).await.err().expect("a refusal");
    assert_eq!(fault(&error), CaptureFault::Ahead, "{}", chain(&error));
    stream.done().await;
}

async fn another_incarnation_is_refused(side: Side) {
    let stream = Stream::new(side, "incarnation", TABLE, &["t"]).await;
    let postgres = &stream.fixture.postgres;
    let refused = async |from: &str, incarnation: &str| {
        let from = Position(from.to_owned());
        let error = postgres.capture(&stream.request, &from, incarnation).await.err().expect("a refusal");
        assert_eq!(fault(&error), CaptureFault::OtherIncarnation, "{}", chain(&error));
    };
    refused(&stream.armed.position.0, "1234 switchback_other 0/1").await;
    // Beyond the end of the log, and no position at all.
    refused("FFFF/0", &stream.armed.incarnation).await;
    refused("gtid:1-2-3", &stream.armed.incarnation).await;
    stream.fixture.postgres.disarm(&stream.request).await.expect("disarmed");
    stream.fixture.postgres.arm(&stream.request).await.expect("armed");
    refused(&stream.armed.position.0, &stream.armed.incarnation).await;
    stream.done().await;
}

async fn a_terminated_stream_can_be_resumed(side: Side) {
    let stream = Stream::new(side, "terminated", TABLE, &["t"]).await;
    let name = stream.slot();
    let mut capture = stream.capture(&stream.armed.position).await;
    stream.execute("INSERT INTO t VALUES (1, 'a', 1)").await;
    let first = until(&mut capture, stream.end().await).await;
    stream
        .execute(&format!(
            "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '{name}'"
        ))
        .await;
    let (_, error) = failure(&mut capture).await;
    assert!(matches!(error, Error::Query { fault: QueryFault::ConnectionLost, .. }), "{}", chain(&error));
    assert_eq!(error.class(), Class::Transient);
    stream.execute("INSERT INTO t VALUES (2, 'b', 2)").await;
    let last = first.iter().filter_map(super::position).next_back().expect("a position");
    let mut capture = stream.capture(last).await;
    let rest = until(&mut capture, stream.end().await).await;
    assert_eq!(transactions(&rest).len(), 1);
    drop(capture);
    stream.done().await;
}

async fn a_second_reader_takes_over(side: Side) {
    let stream = Stream::new(side, "second", TABLE, &["t"]).await;
    let mut first = stream.capture(&stream.armed.position).await;
    stream.execute("INSERT INTO t VALUES (1, 'a', 1)").await;
    until(&mut first, stream.end().await).await;
    let mut second = stream.capture(&stream.armed.position).await;
    failure(&mut first).await;
    assert_eq!(transactions(&until(&mut second, stream.end().await).await).len(), 1);
    drop(second);
    stream.done().await;
}

async fn a_table_taken_out_of_the_publication_is_missed(side: Side) {
    let stream =
        Stream::new(side, "taken", &format!("{TABLE}; CREATE TABLE u (id int PRIMARY KEY)"), &["t", "u"]).await;
    let name = stream.publication();
    stream.execute(&format!("ALTER PUBLICATION \"{name}\" SET (publish = 'insert')")).await;
    let error = stream.try_capture(&stream.armed.position).await.err().expect("a refusal");
    assert_eq!(fault(&error), CaptureFault::Unfaithful);
    stream.execute(&format!(
        "ALTER PUBLICATION \"{name}\" SET (publish = 'insert, update, delete, truncate'); ALTER PUBLICATION \"{name}\" SET TABLE u, t WHERE (id > 3)"
    )).await;
    let error = stream.try_capture(&stream.armed.position).await.err().expect("a refusal");
    assert_eq!(fault(&error), CaptureFault::NotArmed);
    stream.execute(&format!("ALTER PUBLICATION \"{name}\" SET TABLE u, t (id)")).await;
    let error = stream.try_capture(&stream.armed.position).await.err().expect("a refusal");
    assert_eq!(fault(&error), CaptureFault::NotArmed);
    stream.done().await;
}

/// A server that may be killed.
async fn own_server(arguments: &[&str]) -> Server {
    let builder =
        arguments.iter().fold(Server::builder(Kind::Postgres17), |b, argument| b.argument("-c").argument(argument));
    let server = builder.start().await.expect("a server");
    server.create_database("d").await.expect("a database");
    server.execute("d", TABLE).await.expect("the test's own SQL");
    server
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_is_resumed_from() {
    let mut server = own_server(&[]).await;
    let postgres = connect(&server.url("d")).await.expect("a connection");
    let table = postgres.describe(&table_ref("t")).await.expect("a description").expect("a table");
    let request = CaptureRequest { stream: stream_name("killed"), tables: vec![table] };
    let armed = postgres.arm(&request).await.expect("armed");
    let mut capture = postgres.capture(&request, &armed.position, &armed.incarnation).await.expect("a capture");
    server.execute("d", "INSERT INTO t VALUES (1, 'a', 1)").await.expect("an insert");
    let first = until(&mut capture, end(&postgres).await).await;
    server.kill().expect("a kill");
    let (_, error) = failure(&mut capture).await;
    assert_eq!(error.class(), Class::Transient, "{}", chain(&error));
    let error = postgres.capture(&request, &armed.position, &armed.incarnation).await.err().expect("it is down");
    assert_eq!(error.class(), Class::Transient, "{}", chain(&error));
    server.start_again().await.expect("a server");
    server.execute("d", "INSERT INTO t VALUES (2, 'b', 2)").await.expect("an insert");
    let last = first.iter().filter_map(super::position).next_back().expect("a position");
    let mut capture = postgres.capture(&request, last, &armed.incarnation).await.expect("a capture");
    let rest = transactions(&until(&mut capture, end(&postgres).await).await);
    assert_eq!(rest.len(), 1);
    assert!(matches!(rest[0][..], [Change::Insert { .. }]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_was_removed_is_gone() {
    let server = own_server(&["max_slot_wal_keep_size=16MB", "min_wal_size=32MB", "max_wal_size=48MB"]).await;
    let postgres = connect(&server.url("d")).await.expect("a connection");
    let table = postgres.describe(&table_ref("t")).await.expect("a description").expect("a table");
    let request = CaptureRequest { stream: stream_name("purged"), tables: vec![table] };
    let armed = postgres.arm(&request).await.expect("armed");
    for _ in 0..8 {
        let fill = "CREATE TABLE IF NOT EXISTS filler (v text); INSERT INTO filler SELECT repeat('x', 1000) FROM generate_series(1, 20000)";
        server.execute("d", fill).await.expect("log");
        server.execute("d", "SELECT pg_switch_wal()").await.expect("a segment");
        server.execute("d", "CHECKPOINT").await.expect("a checkpoint");
    }
    let error = postgres.capture(&request, &armed.position, &armed.incarnation).await.err().expect("a refusal");
    assert_eq!(fault(&error), CaptureFault::LogGone, "{}", chain(&error));
    postgres.disarm(&request).await.expect("disarmed");
}
