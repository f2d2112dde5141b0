//! Getting in, and what a session is like.

use std::time::{Duration, Instant};

use switchback_engines::error::Class;
use switchback_engines::postgres::Postgres;
use switchback_engines::{ConnectFault, ConnectOptions, Database as _, DatabaseUrl, Engine, Error, Result};
use switchback_fixtures::{Kind, Server, Side};

use super::{Fixture, chain, connect, on_both_versions, options};

on_both_versions!(
    the_server_says_what_it_is,
    a_wrong_password_is_refused_at_once,
    sessions_are_pinned_whatever_the_role_says,
    a_session_writes_nothing,
    sessions_are_bounded_and_shared,
);

fn fault(result: Result<Postgres>) -> (ConnectFault, String) {
    match result {
        Err(error @ Error::Connect { fault, .. }) => (fault, chain(&error)),
        Err(error) => panic!("another error: {error:?}"),
        Ok(_) => panic!("it connected"),
    }
}

async fn the_server_says_what_it_is(side: Side) {
    let fixture = Fixture::new(side, "info", "SELECT 1").await;
    let info = fixture.postgres.info();
    assert_eq!(info.engine, Engine::Postgres);
    let major = if side == Side::Source { "15." } else { "17." };
    assert!(info.version.starts_with(major) && !info.version.contains(' '), "{}", info.version);
    assert!(!info.location.contains('@'), "{}", info.location);
    let position = fixture.postgres.position().await.expect("a position").expect("a log");
    assert!(position.contains('/'), "{position}");
}

async fn a_wrong_password_is_refused_at_once(side: Side) {
    let fixture = Fixture::new(side, "password", "SELECT 1").await;
    let begin = Instant::now();
    let (found, text) = fault(connect(&fixture.url_as("switchback", "wr0ng")).await);
    assert_eq!(found, ConnectFault::Refused);
    assert!(text.contains("28P01") && !text.contains("wr0ng"), "{text}");
    let (found, _) = fault(connect(&fixture.url_as("nobody", "wr0ng")).await);
    assert_eq!(found, ConnectFault::Refused);
    let missing = fixture.database.url().replace(fixture.database.name(), "no_such_database");
    let (found, text) = fault(connect(&missing).await);
    assert_eq!(found, ConnectFault::Refused);
    assert!(text.contains("3D000"), "{text}");
    assert!(begin.elapsed() < options().connect_timeout, "it tried again: {:?}", begin.elapsed());
}

#[tokio::test]
async fn nobody_at_the_port_is_said_at_once() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let begin = Instant::now();
    let url = format!("postgres://u:s3cret@127.0.0.1:{port}/db");
    let (found, text) = fault(connect(&url).await);
    assert_eq!(found, ConnectFault::Unreachable);
    assert!(!text.contains("s3cret"), "{text}");
    assert!(begin.elapsed() < Duration::from_secs(5), "it tried again: {:?}", begin.elapsed());
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up_in_time() {
    // It accepts, into its backlog, and says nothing.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let url = DatabaseUrl::parse(&format!("postgres://u@127.0.0.1:{port}/db")).expect("a URL");
    let options = ConnectOptions { connections_max: 1, connect_timeout: Duration::from_millis(300) };
    let (found, text) = fault(Postgres::connect(&url, &options).await);
    assert_eq!(found, ConnectFault::Unreachable);
    assert!(text.contains("no answer within 0.3 s"), "{text}");
}

#[tokio::test]
async fn what_is_no_postgres_is_not_taken_for_one() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        use std::io::Write as _;
        while let Ok((mut stream, _)) = listener.accept() {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let (found, _) = fault(connect(&format!("postgres://u@127.0.0.1:{port}/db")).await);
    assert_ne!(found, ConnectFault::Refused);
}

#[tokio::test]
async fn tls_is_what_the_url_asks_for() {
    let server = Server::start(Kind::Postgres15).await.expect("a server");
    let url = server.url("postgres");
    let authority = server.authority_certificate();
    let authority = authority.to_str().expect("a path in UTF-8");
    for query in [
        "?sslmode=require".to_owned(),
        "?sslmode=disable".to_owned(),
        String::new(),
        format!("?sslmode=verify-full&sslrootcert={authority}"),
        format!("?sslrootcert={authority}"),
    ] {
        connect(&format!("{url}{query}")).await.unwrap_or_else(|e| panic!("{query}: {}", chain(&e)));
    }
    // Its authority is none that the world knows.
    for query in ["?sslmode=verify-full", "?sslmode=verify-ca"] {
        let (found, text) = fault(connect(&format!("{url}{query}")).await);
        assert_eq!(found, ConnectFault::Tls, "{query}: {text}");
    }
    // Another server's authority, and a name that is not in the certificate.
    let other = Server::start(Kind::Postgres17).await.expect("a server");
    let foreign = other.authority_certificate();
    let foreign = foreign.to_str().expect("a path in UTF-8");
    for query in [
        format!("?sslmode=require&sslrootcert={foreign}"),
        format!("?sslmode=verify-full&sslrootcert={foreign}"),
        format!("?sslmode=verify-full&sslrootcert={authority}&hostaddr=127.0.0.2"),
    ] {
        let (found, text) = fault(connect(&format!("{url}{query}")).await);
        let refused = if query.contains("127.0.0.2") { ConnectFault::Unreachable } else { ConnectFault::Tls };
        assert_eq!(found, refused, "{query}: {text}");
    }
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_tls_is_required() {
    let server = Server::builder(Kind::Postgres15).argument("-c").argument("ssl=off").start().await.expect("a server");
    let url = server.url("postgres");
    connect(&url).await.expect("TLS is only preferred");
    for mode in ["require", "verify-ca", "verify-full"] {
        let (found, text) = fault(connect(&format!("{url}?sslmode={mode}")).await);
        assert_eq!(found, ConnectFault::Tls, "{mode}: {text}");
    }
}

#[tokio::test]
async fn a_full_or_stopping_server_may_answer_later() {
    let server = Server::builder(Kind::Postgres15)
        .argument("-c")
        .argument("max_connections=4")
        .argument("-c")
        .argument("superuser_reserved_connections=0")
        .argument("-c")
        .argument("max_wal_senders=0")
        .start()
        .await
        .expect("a server");
    let mut open = Vec::new();
    let error = loop {
        match connect(&server.url("postgres")).await {
            Ok(postgres) => open.push(postgres),
            Err(error) => break error,
        }
        assert!(open.len() < 10, "the server takes any number");
    };
    assert_eq!(error.class(), Class::Transient, "{}", chain(&error));
}

async fn sessions_are_pinned_whatever_the_role_says(side: Side) {
    let fixture = Fixture::new(
        side,
        "pins",
        "CREATE TABLE t (v text); INSERT INTO t VALUES ('x');
         CREATE SCHEMA evil; CREATE FUNCTION evil.upper(text) RETURNS text LANGUAGE sql AS $$ SELECT 'evil' $$;
         DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET TimeZone = ''Asia/Tokyo''', current_database());
             EXECUTE format('ALTER DATABASE %I SET DateStyle = ''SQL, DMY''', current_database());
             EXECUTE format('ALTER DATABASE %I SET IntervalStyle = ''iso_8601''', current_database());
             EXECUTE format('ALTER DATABASE %I SET standard_conforming_strings = off', current_database());
             EXECUTE format('ALTER DATABASE %I SET statement_timeout = ''200ms''', current_database());
             EXECUTE format('ALTER DATABASE %I SET search_path = evil, pg_catalog', current_database());
             EXECUTE format('ALTER DATABASE %I SET extra_float_digits = 0', current_database());
             EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = ''serializable''', current_database());
         END $$",
    )
    .await;
    // The role's settings hold from the next session on.
    let postgres = connect(fixture.database.url()).await.expect("a connection");
    let table = postgres.describe(&super::table_ref("t")).await.expect("a description").expect("a table");
    for condition in [
        "current_setting('TimeZone') = 'UTC'",
        "'2024-02-01'::date::text = '2024-02-01' AND current_setting('DateStyle') = 'ISO, YMD'",
        "'1 day'::interval::text = '1 day'",
        "'a\\\\b' = 'a' || chr(92) || chr(92) || 'b'",
        "current_setting('statement_timeout') = '0' AND pg_sleep(0.3) IS NOT NULL",
        "upper('x') = 'X'",
        "0.1::float8 + 0.2::float8 = '0.30000000000000004' AND (0.1::float8 + 0.2::float8)::text = '0.30000000000000004'",
        "current_setting('transaction_isolation') = 'read committed'",
        "current_setting('transaction_read_only') = 'on'",
        "current_setting('row_security') = 'off'",
        "current_setting('application_name') = 'switchback'",
        "current_setting('client_encoding') = 'UTF8'",
    ] {
        assert_eq!(postgres.count(&table, Some(condition)).await.expect(condition), 1, "{condition}");
    }
}

async fn a_session_writes_nothing(side: Side) {
    let fixture = Fixture::new(
        side,
        "writes",
        "CREATE TABLE t (v int); INSERT INTO t VALUES (1);
         CREATE FUNCTION sneaky() RETURNS bool LANGUAGE sql AS $$ INSERT INTO public.t VALUES (2) RETURNING true $$",
    )
    .await;
    let table = fixture.table("t").await;
    let error = fixture.postgres.count(&table, Some("public.sneaky()")).await.expect_err("a write");
    assert!(chain(&error).contains("25006"), "{}", chain(&error));
    assert_eq!(fixture.postgres.count(&table, None).await.expect("a count"), 1);
}

async fn sessions_are_bounded_and_shared(side: Side) {
    let fixture = Fixture::new(side, "bound", "CREATE TABLE t (v int); INSERT INTO t VALUES (1)").await;
    let table = fixture.table("t").await;
    let sessions = "(SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'switchback') <= 4";
    let counts = (0..40).map(|_| fixture.postgres.count(&table, Some(sessions)));
    for count in futures_util::future::join_all(counts).await {
        assert_eq!(count.expect("a count"), 1, "more sessions than allowed");
    }
}
