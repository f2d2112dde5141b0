//! What arming makes, and disarming removes.

use switchback_engines::{CaptureFault, Database as _, Endpoint as _, Table};
use switchback_fixtures::{Kind, Server, Side};

use super::{Fixture, Stream, chain, connect, fault, on_both_versions, request, stream_name, table_ref};

on_both_versions!(
    disarming_leaves_nothing_behind,
    what_is_armed_stays_as_it_is,
    namesakes_in_other_databases_are_left_alone,
    a_half_that_was_cut_off_is_removed,
    what_the_log_does_not_have_is_refused,
    an_account_that_may_not_replicate_is_refused,
    an_identity_that_others_need_is_left,
);

const TABLES: &str =
    "CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int); CREATE TABLE n (id int PRIMARY KEY);
    ALTER TABLE n REPLICA IDENTITY NOTHING; CREATE TABLE one (v int); INSERT INTO one VALUES (1)";

/// Whether `condition` holds in the database.
async fn holds(fixture: &Fixture, condition: &str) -> bool {
    let one = fixture.table("one").await;
    fixture.postgres.count(&one, Some(condition)).await.expect("a count") == 1
}

fn exists(fixture: &Fixture, what: &str) -> String {
    let name = format!("switchback_{}", stream_name(fixture.database.name()));
    match what {
        "slot" => format!("EXISTS (SELECT FROM pg_replication_slots WHERE slot_name ~ '^{name}_[0-9]+$')"),
        _ => format!("EXISTS (SELECT FROM pg_publication WHERE pubname = '{name}')"),
    }
}

fn identities(t: char, u: char, n: char) -> String {
    format!(
        "(SELECT string_agg(relreplident::text, '' ORDER BY relname DESC) FROM pg_class WHERE relname IN ('t', 'u', 'n') AND relkind = 'r') = '{u}{t}{n}'"
    )
}

async fn disarming_leaves_nothing_behind(side: Side) {
    let stream = Stream::new(side, "disarm", TABLES, &["t", "u", "n"]).await;
    let fixture = &stream.fixture;
    assert!(holds(fixture, &identities('d', 'f', 'f')).await);
    assert_eq!(stream.armed.done.iter().filter(|d| d.contains("REPLICA IDENTITY FULL")).count(), 2);
    assert!(holds(fixture, &exists(fixture, "slot")).await);
    // With a capture that still runs.
    let _capture = stream.capture(&stream.armed.position).await;
    let done = fixture.postgres.disarm(&stream.request).await.expect("disarmed");
    assert_eq!(done.len(), 4, "{done:?}");
    assert!(holds(fixture, &identities('d', 'd', 'n')).await);
    assert!(!holds(fixture, &exists(fixture, "slot")).await);
    assert!(!holds(fixture, &exists(fixture, "publication")).await);
    assert!(fixture.postgres.disarm(&stream.request).await.expect("nothing to do").is_empty());
    // And it can be armed again, as another one.
    let again = fixture.postgres.arm(&stream.request).await.expect("armed");
    assert_ne!(again.incarnation, stream.armed.incarnation);
    stream.done().await;
}

async fn what_is_armed_stays_as_it_is(side: Side) {
    let stream = Stream::new(side, "again", TABLES, &["t", "u"]).await;
    let error = stream.fixture.postgres.arm(&stream.request).await.expect_err("it is armed");
    assert_eq!(fault(&error), CaptureFault::AlreadyArmed);
    stream.execute("INSERT INTO t VALUES (1)").await;
    assert_eq!(super::transactions(&stream.all().await).len(), 1);
    stream.done().await;
}

async fn a_half_that_was_cut_off_is_removed(side: Side) {
    let stream = Stream::new(side, "half", TABLES, &["t", "u"]).await;
    let half = |comment: &str| format!("COMMENT ON PUBLICATION \"{}\" IS '{comment}'", stream.publication());
    let restore = r#"[{"schema":"public","name":"u","was":"d"}]"#;
    // Behind the slot, and before it.
    stream.execute(&half(&format!(r#"{{"armed_at":null,"restore":{restore}}}"#))).await;
    let armed = stream.fixture.postgres.arm(&stream.request).await.expect("armed");
    assert!(armed.done[0].contains("cut off"), "{:?}", armed.done);
    stream.execute(&half(&format!(r#"{{"armed_at":null,"restore":{restore}}}"#))).await;
    stream.execute(&format!("SELECT pg_drop_replication_slot('{}')", stream.slot())).await;
    stream.fixture.postgres.arm(&stream.request).await.expect("armed");
    stream.fixture.postgres.disarm(&stream.request).await.expect("disarmed");
    assert!(holds(&stream.fixture, &identities('d', 'd', 'n')).await, "what was remembered is not lost");
}

/// All databases of a server share one list of slots.
async fn namesakes_in_other_databases_are_left_alone(side: Side) {
    let stream = Stream::new(side, "one", TABLES, &["t", "u"]).await;
    let other = Fixture::new(side, "other", TABLES).await;
    let mut namesake = request(&other, &["t"]).await;
    namesake.stream = stream.request.stream.clone();
    // Where it never was armed, and where it was.
    assert!(other.postgres.disarm(&namesake).await.expect("nothing to do").is_empty());
    let armed = other.postgres.arm(&namesake).await.unwrap_or_else(|e| panic!("{}", chain(&e)));
    assert_ne!(armed.incarnation, stream.armed.incarnation);
    stream.execute("INSERT INTO t VALUES (1)").await;
    other.execute("INSERT INTO t VALUES (2), (3)").await;
    let distance = stream.fixture.postgres.distance(&stream.request.stream, &stream.armed.position).await.unwrap();
    assert!(distance.retained_bytes.is_some_and(|bytes| bytes > 0), "{distance:?}");
    let done = other.postgres.disarm(&namesake).await.expect("disarmed");
    assert_eq!(done.len(), 2, "{done:?}");
    assert_eq!(super::transactions(&stream.all().await).len(), 1);
    stream.done().await;
}

async fn what_the_log_does_not_have_is_refused(side: Side) {
    let sql = "CREATE UNLOGGED TABLE l (id int PRIMARY KEY); CREATE TABLE t (id int PRIMARY KEY)";
    let fixture = Fixture::new(side, "refused", sql).await;
    let arm = async |tables: Vec<Table>| {
        let stream = stream_name(fixture.database.name());
        fixture.postgres.arm(&switchback_engines::CaptureRequest { stream, tables }).await.expect_err("a refusal")
    };
    let error = arm(vec![fixture.table("l").await]).await;
    assert_eq!((fault(&error), chain(&error).contains("unlogged")), (CaptureFault::Unfaithful, true));
    let described = fixture.table("t").await;
    fixture.execute("ALTER TABLE t ADD v int").await;
    assert_eq!(fault(&arm(vec![described.clone()]).await), CaptureFault::SchemaChanged);
    fixture.execute("DROP TABLE t").await;
    assert_eq!(fault(&arm(vec![described]).await), CaptureFault::SchemaChanged);
}

async fn an_account_that_may_not_replicate_is_refused(side: Side) {
    let fixture = Fixture::new(side, "may", "CREATE TABLE t (id int PRIMARY KEY)").await;
    let role = format!("r_{}", fixture.database.name());
    fixture.execute(&format!("CREATE ROLE \"{role}\" LOGIN PASSWORD 'pw'; GRANT ALL ON DATABASE \"{}\" TO \"{role}\"; ALTER TABLE t OWNER TO \"{role}\"", fixture.database.name())).await;
    let plain = connect(&fixture.url_as(&role, "pw")).await.expect("a connection");
    let request = request(&fixture, &["t"]).await;
    let error = plain.arm(&request).await.expect_err("a refusal");
    assert_eq!(fault(&error), CaptureFault::Denied, "{}", chain(&error));
    fixture.execute(&format!("ALTER ROLE \"{role}\" REPLICATION")).await;
    let armed = plain.arm(&request).await.unwrap_or_else(|e| panic!("{}", chain(&e)));
    plain.capture(&request, &armed.position, &armed.incarnation).await.unwrap_or_else(|e| panic!("{}", chain(&e)));
    plain.disarm(&request).await.expect("disarmed");
    fixture.execute(&format!("DROP OWNED BY \"{role}\"; DROP ROLE \"{role}\"")).await;
}

async fn an_identity_that_others_need_is_left(side: Side) {
    let stream = Stream::new(side, "shared", TABLES, &["u"]).await;
    stream.execute("CREATE PUBLICATION other FOR TABLE u").await;
    let done = stream.fixture.postgres.disarm(&stream.request).await.expect("disarmed");
    assert!(done.iter().any(|d| d.contains("left REPLICA IDENTITY FULL")), "{done:?}");
    assert!(holds(&stream.fixture, &identities('d', 'f', 'n')).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_cannot_is_refused() {
    let builder = Server::builder(Kind::Postgres17).argument("-c").argument("wal_level=replica");
    let server = builder.start().await.expect("a server");
    server.create_database("d").await.expect("a database");
    server.execute("d", "CREATE TABLE t (id int PRIMARY KEY)").await.expect("the test's own SQL");
    let postgres = connect(&server.url("d")).await.expect("a connection");
    let table = postgres.describe(&table_ref("t")).await.expect("a description").expect("a table");
    let stream = stream_name("s");
    let error = postgres.arm(&switchback_engines::CaptureRequest { stream, tables: vec![table] }).await;
    let error = error.expect_err("a refusal");
    assert_eq!(fault(&error), CaptureFault::Unfaithful);
    assert!(chain(&error).contains("wal_level"), "{}", chain(&error));
}

/// The stream's connection means by a URL what all others mean.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_is_what_the_url_asks_for() {
    let server = Server::start(Kind::Postgres15).await.expect("a server");
    let other = Server::start(Kind::Postgres17).await.expect("a server");
    server.create_database("d").await.expect("a database");
    server.execute("d", "CREATE TABLE t (id int PRIMARY KEY)").await.expect("the test's own SQL");
    let url = server.url("d");
    let (authority, foreign) = (server.authority_certificate(), other.authority_certificate());
    let (authority, foreign) = (authority.to_str().expect("UTF-8"), foreign.to_str().expect("UTF-8"));
    for query in [
        "?sslmode=require".to_owned(),
        "?sslmode=disable".to_owned(),
        String::new(),
        format!("?sslmode=verify-full&sslrootcert={authority}"),
        format!("?sslrootcert={authority}"),
    ] {
        let postgres = connect(&format!("{url}{query}")).await.expect("a connection");
        let table = postgres.describe(&table_ref("t")).await.expect("a description").expect("a table");
        let request = switchback_engines::CaptureRequest { stream: stream_name("tls"), tables: vec![table] };
        let armed = postgres.arm(&request).await.unwrap_or_else(|e| panic!("{query}: {}", chain(&e)));
        let capture = postgres.capture(&request, &armed.position, &armed.incarnation).await;
        let capture = capture.unwrap_or_else(|e| panic!("{query}: {}", chain(&e)));
        drop(capture);
        postgres.disarm(&request).await.unwrap_or_else(|e| panic!("{query}: {}", chain(&e)));
    }
    // Both kinds of connection refuse, so neither could have got in; the
    // stream's own refusal is in `capture::wire`.
    assert!(connect(&format!("{url}?sslrootcert={foreign}")).await.is_err());
}
