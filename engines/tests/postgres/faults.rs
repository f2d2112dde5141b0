//! What happens when something goes away in the middle.

use std::time::{Duration, Instant};

use switchback_engines::error::Class;
use switchback_engines::{ConnectFault, Database as _, Error, QueryFault, RawBatch, ReadRequest, Scope, Table, Value};
use switchback_fixtures::{Kind, Server, Side};
use tokio::sync::mpsc;

use super::{Fixture, chain, connect, filtered, on_both_versions, rows, table_ref};

on_both_versions!(
    a_dropped_receiver_stops_the_read,
    a_dropped_receiver_stops_a_read_that_sends_nothing,
    a_dropped_read_leaves_no_half_result_behind,
    a_missing_table_or_column_is_said,
    a_wrong_filter_is_a_syntax_error,
    a_cancelled_statement_is_timed_out,
    a_terminated_session_is_a_lost_connection,
    an_error_in_the_middle_of_a_read_is_no_short_result,
    values_are_in_no_error,
);

fn query_fault(error: &Error) -> QueryFault {
    match error {
        Error::Query { fault, .. } => *fault,
        other => panic!("another error: {}", chain(other)),
    }
}

/// Polls until `condition` holds.
async fn until<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition().await {
        assert!(Instant::now() < deadline, "{what} has not come to pass");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn all(table: &Table) -> ReadRequest<'_> {
    ReadRequest { table, columns: &[0, 1], scope: Scope::All, filter: None }
}

const LARGE: &str =
    "CREATE TABLE t (id int, v text); INSERT INTO t SELECT i, repeat('x', 200) FROM generate_series(1, 200000) i";

/// Statements of the product that the server is still working on.
async fn running(watcher: &Fixture) -> bool {
    let one = watcher.table("one").await;
    let active = "EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE 'COPY%')";
    watcher.postgres.count(&one, Some(active)).await.expect("a count") > 0
}

async fn a_dropped_receiver_stops_the_read(side: Side) {
    let fixture =
        Fixture::new(side, "receiver", &format!("{LARGE}; CREATE TABLE one (v int); INSERT INTO one VALUES (1)")).await;
    let table = fixture.table("t").await;
    let (out, mut batches) = mpsc::channel::<RawBatch>(1);
    let read = fixture.postgres.read(all(&table), out);
    let receive = async {
        let first = batches.recv().await.expect("a batch");
        drop(batches);
        first.row_count
    };
    let (sent, first) = tokio::join!(read, receive);
    let sent = sent.expect("a stopped read is no error");
    assert!(sent >= first as u64 && sent < 200_000, "{sent}");
    until("the end of the statement", || async { !running(&fixture).await }).await;
}

async fn a_dropped_receiver_stops_a_read_that_sends_nothing(side: Side) {
    let fixture = Fixture::new(side, "silent", "CREATE TABLE t (id int, v text); INSERT INTO t VALUES (1, 'x'); CREATE TABLE one (v int); INSERT INTO one VALUES (1)").await;
    let table = fixture.table("t").await;
    let (out, batches) = mpsc::channel::<RawBatch>(1);
    let request = ReadRequest { filter: Some("pg_sleep(60) IS NOT NULL"), ..all(&table) };
    let read = fixture.postgres.read(request, out);
    let stop = async {
        until("the statement", || running(&fixture)).await;
        drop(batches);
    };
    let (sent, ()) = tokio::join!(read, stop);
    assert_eq!(sent.expect("a stopped read is no error"), 0);
    // The server looks after its client every five seconds.
    until("the end of the statement", || async { !running(&fixture).await }).await;
}

async fn a_dropped_read_leaves_no_half_result_behind(side: Side) {
    let fixture = Fixture::new(side, "dropped", LARGE).await;
    let table = fixture.table("t").await;
    // More often than there are sessions, at all kinds of moments.
    for i in 0..24u64 {
        let (out, mut batches) = mpsc::channel::<RawBatch>(1);
        tokio::select! {
            result = fixture.postgres.read(all(&table), out) => panic!("it ended: {result:?}"),
            () = async {
                for _ in 0..i % 4 {
                    batches.recv().await;
                }
                tokio::time::sleep(Duration::from_micros(i * 300)).await;
            } => {}
        }
    }
    for _ in 0..8 {
        assert_eq!(fixture.postgres.count(&table, None).await.expect("a count"), 200_000);
    }
    assert_eq!(rows(&fixture.postgres, &table, Scope::All).await.expect("rows").len(), 200_000);
}

async fn a_missing_table_or_column_is_said(side: Side) {
    let fixture = Fixture::new(side, "missing", "CREATE TABLE t (id int, v int); CREATE TABLE u (id int, v int)").await;
    let (t, u) = (fixture.table("t").await, fixture.table("u").await);
    fixture.execute("DROP TABLE t; ALTER TABLE u DROP COLUMN v").await;
    for table in [&t, &u] {
        let error = rows(&fixture.postgres, table, Scope::All).await.expect_err("an error");
        assert_eq!(query_fault(&error), QueryFault::Missing, "{}", chain(&error));
        assert_eq!(error.class(), Class::Operator);
        assert!(error.to_string().contains(&table.name.to_string()), "{error}");
    }
    let mut never = t.clone();
    never.name = table_ref("never");
    let error = fixture.postgres.count(&never, None).await.expect_err("an error");
    assert_eq!(query_fault(&error), QueryFault::Missing);
}

async fn a_wrong_filter_is_a_syntax_error(side: Side) {
    let fixture = Fixture::new(side, "syntax", "CREATE TABLE t (id int, v int)").await;
    let table = fixture.table("t").await;
    for filter in ["id = = 1", "id", "id = 'x' OR", "nonesuch(id) = 1", "id = 'a'::nonesuch"] {
        let counted = fixture.postgres.count(&table, Some(filter)).await.expect_err("an error");
        assert_eq!(query_fault(&counted), QueryFault::Syntax, "{filter}: {}", chain(&counted));
        let read = filtered(&fixture.postgres, &table, &[0], Scope::All, Some(filter)).await.expect_err("an error");
        assert_eq!(query_fault(&read), QueryFault::Syntax, "{filter}: {}", chain(&read));
    }
    assert_eq!(fixture.postgres.count(&table, None).await.expect("the sessions are in order"), 0);
}

/// Reads with a filter that never ends, lets `interfere` do its work, and
/// returns the error.
async fn interrupted(fixture: &Fixture, interfere: &str) -> Error {
    let table = fixture.table("t").await;
    let read = filtered(&fixture.postgres, &table, &[0], Scope::All, Some("pg_sleep(60) IS NOT NULL"));
    let interfere = async {
        until("the statement", || running(fixture)).await;
        fixture.execute(interfere).await;
    };
    let (read, ()) = tokio::join!(read, interfere);
    read.expect_err("an error")
}

const SLOW: &str =
    "CREATE TABLE t (id int); INSERT INTO t VALUES (1); CREATE TABLE one (v int); INSERT INTO one VALUES (1)";

async fn a_cancelled_statement_is_timed_out(side: Side) {
    let fixture = Fixture::new(side, "cancel", SLOW).await;
    let cancel =
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY%'";
    let error = interrupted(&fixture, cancel).await;
    assert_eq!(query_fault(&error), QueryFault::TimedOut, "{}", chain(&error));
}

async fn a_terminated_session_is_a_lost_connection(side: Side) {
    let fixture = Fixture::new(side, "terminate", SLOW).await;
    let terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let error = interrupted(&fixture, terminate).await;
    assert_eq!(query_fault(&error), QueryFault::ConnectionLost, "{}", chain(&error));
    assert_eq!(error.class(), Class::Transient);
    // All idle sessions were terminated too; none of them may be lent again.
    let table = fixture.table("t").await;
    assert_eq!(fixture.postgres.count(&table, None).await.expect("a count"), 1);
}

async fn an_error_in_the_middle_of_a_read_is_no_short_result(side: Side) {
    let fixture = Fixture::new(side, "middle", LARGE).await;
    let table = fixture.table("t").await;
    let filter = Some("1 / (150000 - id) IS NOT NULL");
    let error = filtered(&fixture.postgres, &table, &[0, 1], Scope::All, filter).await.expect_err("a division by zero");
    assert_eq!(query_fault(&error), QueryFault::Other);
    assert!(chain(&error).contains("22012"), "{}", chain(&error));
    assert_eq!(fixture.postgres.count(&table, None).await.expect("a count"), 200_000);
}

async fn values_are_in_no_error(side: Side) {
    let fixture = Fixture::new(side, "values", "CREATE TABLE t (id uuid, d date)").await;
    let table = fixture.table("t").await;
    let key = [vec![Value::Text("s3cret".into())]];
    for column in [0, 1] {
        let scope = Scope::Keys { key: &[column], values: &key };
        let read = filtered(&fixture.postgres, &table, &[0], scope, None).await.expect_err("no such value");
        let ranked = fixture.postgres.rank_keys(&table, &[column], &key).await.expect_err("no such value");
        for error in [read, ranked] {
            let text = format!("{} {error:?}", chain(&error));
            assert!(!text.contains("s3cret"), "{text}");
            assert!(text.contains("SQLSTATE 22"), "{text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_in_the_middle_is_a_lost_connection() {
    let mut server = Server::start(Kind::Postgres17).await.expect("a server");
    server.create_database("d").await.expect("a database");
    server.execute("d", LARGE).await.expect("the test's own SQL");
    let postgres = connect(&server.url("d")).await.expect("a connection");
    let table = postgres.describe(&table_ref("t")).await.expect("a description").expect("a table");
    // Sessions that are idle when it happens.
    let counts = [postgres.count(&table, None), postgres.count(&table, None)];
    for count in futures_util::future::join_all(counts).await {
        assert_eq!(count.expect("a count"), 200_000);
    }
    let (out, mut batches) = mpsc::channel::<RawBatch>(1);
    let read = postgres.read(all(&table), out);
    let kill = async {
        batches.recv().await.expect("a batch");
        server.kill().expect("a kill");
        while batches.recv().await.is_some() {}
    };
    let (read, ()) = tokio::join!(read, kill);
    let error = read.expect_err("an error");
    assert_eq!(query_fault(&error), QueryFault::ConnectionLost, "{}", chain(&error));
    match postgres.count(&table, None).await {
        Err(Error::Connect { fault: ConnectFault::Unreachable, .. }) => {}
        other => panic!("the server is down: {other:?}"),
    }
    server.start_again().await.expect("a server");
    assert_eq!(postgres.count(&table, None).await.expect("a count"), 200_000);
}
