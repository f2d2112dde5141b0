//! What is about tables and not about rows: they are emptied, they change while
//! the stream runs, and they would do things by themselves.

use std::error::Error as _;
use std::time::Duration;

use switchback_engines::{CaptureFault, QueryFault};
use switchback_fixtures::Side;
use switchback_replicate::{ConflictClass, Error, LetterState, Policies, Policy, Settings, Stream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::harness::end::{ALL, End, On, ask};
use crate::harness::judge::{same_tables, wait_for_same};
use crate::harness::stage::{Running, stream_of_all as stream};

const PATIENCE: Duration = Duration::from_secs(60);
const LAST: &str = "SELECT COALESCE(MAX(n), 0) FROM marks";
const MARKS: &str = "CREATE TABLE marks (n INT NOT NULL PRIMARY KEY);";

async fn ends(from: On, to: On, schema: &str) -> (End, End) {
    eprintln!("{from:?} to {to:?}");
    let script = format!("{MARKS}{schema}");
    (End::new(from, Side::Source, &script).await, End::new(to, Side::Target, &script).await)
}

async fn armed(origin: &End, sink: &End, policies: Policies) -> Stream {
    let stream = stream(origin, sink, Settings { policies, ..Settings::default() }).await;
    stream.arm().await.unwrap_or_else(|e| panic!("{e:?}"));
    stream
}

async fn run(stream: &Stream) -> Error {
    let (status, _) = watch::channel(switchback_replicate::Status::default());
    let stop = CancellationToken::new();
    let ended = tokio::time::timeout(PATIENCE, stream.run(&stop, &status)).await.expect("it does not end");
    ended.expect_err("it ended well")
}

async fn cell(end: &End, query: &str) -> String {
    let mut writer = end.writer().await;
    ask(writer.as_mut(), query).await.unwrap().unwrap()
}

fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}

/// Parents and their children, and a table of its own.
const FAMILY: &str = "CREATE TABLE parents (id INT NOT NULL PRIMARY KEY, v INT);
    CREATE TABLE children (id INT NOT NULL PRIMARY KEY, parent INT NOT NULL,
        FOREIGN KEY (parent) REFERENCES parents (id) ON DELETE CASCADE ON UPDATE CASCADE);
    CREATE TABLE others (id INT NOT NULL PRIMARY KEY, v INT);
    INSERT INTO parents VALUES (1, 1), (2, 2), (3, 3); INSERT INTO children VALUES (10, 1), (11, 1), (20, 2);
    INSERT INTO others VALUES (1, 1), (2, 2);";

async fn tables_are_emptied(from: On, to: On) {
    let (origin, sink) = ends(from, to, FAMILY).await;
    // A table that only the sink has keeps PostgreSQL from truncating what it refers to.
    sink.execute(
        "CREATE TABLE only_here (id INT NOT NULL PRIMARY KEY, other INT, FOREIGN KEY (other) REFERENCES others (id))",
    )
    .await;
    sink.execute("DELETE FROM others WHERE id = 2").await;
    let one = armed(&origin, &sink, Policies::all(Policy::DeadLetter)).await;
    let running = Running::start(one);
    // A row of before that was put aside, which nothing may be held back by afterwards.
    origin.execute("UPDATE others SET v = 3 WHERE id = 2").await;
    origin
        .execute(
            "BEGIN; INSERT INTO parents VALUES (4, 4); TRUNCATE parents, children; INSERT INTO parents VALUES (1, 7); \
             INSERT INTO children VALUES (10, 1); COMMIT",
        )
        .await;
    origin.execute("INSERT INTO marks VALUES (1)").await;
    wait_for_same(&origin, &sink, LAST, PATIENCE).await;
    assert_eq!(cell(&sink, "SELECT COUNT(*) FROM others").await, "1");
    origin
        .execute("TRUNCATE others; INSERT INTO others VALUES (2, 9), (5, 5); UPDATE others SET v = 10 WHERE id = 2")
        .await;
    origin.execute("INSERT INTO marks VALUES (2)").await;
    wait_for_same(&origin, &sink, LAST, PATIENCE).await;
    let status = running.stop().await;
    assert_eq!(status.dead_letters, 1);
    sink.execute("DROP TABLE only_here").await;
    assert_eq!(same_tables(&origin, &sink).await, 4);
    let one = stream(&origin, &sink, Settings::default()).await;
    let letters = one.dead_letters(0, 10).await.unwrap();
    let found: Vec<_> = letters.iter().map(|l| (l.class, l.state)).collect();
    assert_eq!(found, [(ConflictClass::UpdateMissing, LetterState::Superseded)]);
    assert_eq!(one.replay(&[letters[0].id]).await.unwrap().made, Vec::<i64>::new());
}

/// The origin's log has what its own cascades did, so the sink's must not run.
async fn cascades_come_once(from: On, to: On) {
    let (origin, sink) = ends(from, to, FAMILY).await;
    let running = Running::start(armed(&origin, &sink, Policies::default()).await);
    origin.execute("DELETE FROM parents WHERE id = 1; UPDATE parents SET id = 5 WHERE id = 2").await;
    // Children that come before their parents, as they may with checks put off.
    origin.execute("INSERT INTO parents VALUES (6, 6); INSERT INTO children VALUES (60, 6)").await;
    origin.execute("INSERT INTO marks VALUES (1)").await;
    wait_for_same(&origin, &sink, LAST, PATIENCE).await;
    running.stop().await;
    assert_eq!(cell(&sink, "SELECT COUNT(*) FROM children WHERE parent = 5").await, "1");
    assert_eq!(same_tables(&origin, &sink).await, 4);
}

const PLAIN: &str = "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v VARCHAR(20)); INSERT INTO t VALUES (1, 'one');";

/// `alter`: done at the origin between two inserts; `shown`: what the error has
/// to speak of.
async fn the_origin_is_altered(from: On, to: On, alter: &str, insert: &str, shown: &[&str]) {
    let (origin, sink) = ends(from, to, PLAIN).await;
    let one = armed(&origin, &sink, Policies::default()).await;
    origin.execute("INSERT INTO t VALUES (2, 'before')").await;
    origin.execute(alter).await;
    origin.execute(insert).await;
    origin.execute("INSERT INTO marks VALUES (1)").await;
    let mut texts = Vec::new();
    for _ in 0..2 {
        let error = run(&one).await;
        let fault = match &error {
            Error::Engine(switchback_engines::Error::Capture { fault, .. }) => *fault,
            other => panic!("{alter}: {other:?}"),
        };
        assert_eq!(fault, CaptureFault::SchemaChanged, "{alter}: {error:?}");
        let text = chain(&error);
        assert!(shown.iter().all(|word| text.contains(word)), "{alter}: {text}");
        assert_eq!(cell(&sink, "SELECT COUNT(*) FROM t").await, "2", "{alter}: what is before it, and nothing else");
        assert_eq!(cell(&sink, LAST).await, "0", "{alter}");
        texts.push(text);
    }
    assert_eq!(texts[0], texts[1], "{alter}: it stops at the same place again");
}

async fn the_sink_is_altered(from: On, to: On) {
    let (origin, sink) = ends(from, to, PLAIN).await;
    let one = armed(&origin, &sink, Policies::all(Policy::DeadLetter)).await;
    let running = Running::start(stream(&origin, &sink, Settings::default()).await);
    origin.execute("INSERT INTO marks VALUES (1)").await;
    wait_for_same(&origin, &sink, LAST, PATIENCE).await;
    running.stop().await;
    sink.execute("ALTER TABLE t DROP COLUMN v").await;
    origin.execute("INSERT INTO t VALUES (2, 'two')").await;
    let error = run(&one).await;
    match &error {
        Error::Engine(switchback_engines::Error::Query { fault: QueryFault::Missing, .. }) => {}
        other => panic!("{to:?}: {other:?}"),
    }
    let text = chain(&error);
    assert!(text.contains('v') && text.contains("column"), "{to:?}: {text}");
    assert_eq!(cell(&sink, LAST).await, "1", "{to:?}: what was before it is there");
    assert!(one.dead_letters(0, 1).await.unwrap().is_empty());
    // Whoever looks at the table again is told before anything is done.
    let pairs = crate::harness::stage::all_pairs(&origin.endpoint, &sink.endpoint).await;
    let spec = switchback_replicate::Spec { tables: pairs, ..one.spec().clone() };
    let refused = Stream::new(origin.endpoint.clone(), sink.endpoint.clone(), spec).map(drop).expect_err("no column");
    assert!(matches!(&refused, Error::Plan { why, .. } if why.contains("`v`")), "{refused:?}");
    sink.execute("ALTER TABLE t ADD COLUMN v VARCHAR(20); UPDATE t SET v = 'one'").await;
    let running = Running::start(stream(&origin, &sink, Settings::default()).await);
    origin.execute("INSERT INTO marks VALUES (2)").await;
    wait_for_same(&origin, &sink, LAST, PATIENCE).await;
    running.stop().await;
    assert_eq!(same_tables(&origin, &sink).await, 2);
}

/// A trigger on `t` that changes its rows, and one that counts in `seen`.
fn trigger(to: On) -> &'static str {
    match to {
        On::Postgres => {
            "CREATE FUNCTION act() RETURNS trigger LANGUAGE plpgsql AS \
             'BEGIN INSERT INTO seen VALUES (NEW.id); RETURN NEW; END'; \
             CREATE TRIGGER acts BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION act()"
        }
        On::MySql | On::MariaDb => {
            "CREATE TRIGGER acts BEFORE INSERT ON t FOR EACH ROW INSERT INTO seen VALUES (NEW.id)"
        }
        On::Sqlite => "CREATE TRIGGER acts BEFORE INSERT ON t BEGIN INSERT INTO seen VALUES (NEW.id); END",
    }
}

fn assert_refused(error: &Error, to: On) {
    match error {
        Error::Plan { table, why, .. } => {
            assert!(table.ends_with('t') && why.contains("the trigger `acts`"), "{to:?}: {error}");
        }
        other => panic!("{to:?}: {other:?}"),
    }
}

async fn triggers_do_not_run(from: On, to: On) {
    let (origin, sink) = ends(from, to, PLAIN).await;
    sink.execute("CREATE TABLE seen (id INT)").await;
    let one = armed(&origin, &sink, Policies::default()).await;
    sink.execute(trigger(to)).await;
    if to == On::Postgres {
        let running = Running::start(stream(&origin, &sink, Settings::default()).await);
        origin.execute("INSERT INTO t VALUES (2, 'two'); INSERT INTO marks VALUES (1)").await;
        wait_for_same(&origin, &sink, LAST, PATIENCE).await;
        running.stop().await;
        assert_eq!(cell(&sink, "SELECT COUNT(*) FROM seen").await, "0");
        sink.execute("ALTER TABLE t ENABLE ALWAYS TRIGGER acts").await;
    }
    assert_refused(&run(&one).await, to);
    one.disarm().await.unwrap_or_else(|e| panic!("{e:?}"));
    assert_refused(&one.arm().await.expect_err("a trigger"), to);
    sink.execute(if to == On::Postgres { "DROP TRIGGER acts ON t" } else { "DROP TRIGGER acts" }).await;
    one.arm().await.unwrap_or_else(|e| panic!("{e:?}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn truncation_arrives() {
    for to in ALL {
        tables_are_emptied(On::Postgres, to).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_cascade_did_is_not_done_twice() {
    for to in ALL {
        cascades_come_once(On::Postgres, to).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_origins_structure_stops_the_stream() {
    let three = "INSERT INTO t (id, v) VALUES (3, '3')";
    let (add, drop) = ("ALTER TABLE t ADD COLUMN w INT", "ALTER TABLE t DROP COLUMN v");
    the_origin_is_altered(On::Postgres, On::Postgres, add, three, &["t", "w"]).await;
    the_origin_is_altered(On::Postgres, On::MySql, drop, "INSERT INTO t (id) VALUES (3)", &["t", "v"]).await;
    let other = "ALTER TABLE t ALTER COLUMN v TYPE text";
    the_origin_is_altered(On::Postgres, On::Sqlite, other, three, &["v", "text", "character varying(20)"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_the_sink_has_lost_is_named() {
    for to in ALL {
        the_sink_is_altered(On::Postgres, to).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn triggers_of_the_sink_are_silent_or_refused() {
    for to in ALL {
        triggers_do_not_run(On::Postgres, to).await;
    }
}

/// Keys whose `=` is not in PostgreSQL's own schema.
#[tokio::test(flavor = "multi_thread")]
async fn rows_are_found_by_keys_of_extensions() {
    const SCHEMA: &str = "CREATE EXTENSION citext SCHEMA public; CREATE EXTENSION ltree SCHEMA public;
        CREATE EXTENSION hstore SCHEMA public;
        CREATE TABLE by_citext (id citext PRIMARY KEY, v INT); CREATE TABLE by_ltree (id ltree PRIMARY KEY, v INT);
        CREATE TABLE by_both (a citext, n INT, b ltree, v INT, PRIMARY KEY (a, n, b));
        CREATE TABLE by_hstore (id hstore PRIMARY KEY, v INT);
        INSERT INTO by_citext SELECT 'Row' || i, i FROM generate_series(1, 30) i;
        INSERT INTO by_ltree SELECT ('Row.' || i)::ltree, i FROM generate_series(1, 30) i;
        INSERT INTO by_both SELECT 'Row', i, 'Row', i FROM generate_series(1, 30) i;
        INSERT INTO by_hstore SELECT hstore('Row', i::text), i FROM generate_series(1, 30) i;";
    let (origin, sink) = ends(On::Postgres, On::Postgres, SCHEMA).await;
    let stream = armed(&origin, &sink, Policies::all(Policy::Stop)).await;
    let changes = ["by_citext", "by_ltree", "by_both", "by_hstore"].map(|table| {
        format!("UPDATE {table} SET v = v + 100 WHERE v <= 20; DELETE FROM {table} WHERE v BETWEEN 21 AND 28;")
    });
    // A row that the sink spells otherwise is the same one to both servers.
    sink.execute("UPDATE by_citext SET id = 'ROW30' WHERE id = 'row30'").await;
    origin.execute(&format!("BEGIN; {} COMMIT", changes.concat())).await;
    origin.execute("UPDATE by_citext SET v = 7 WHERE id IN ('row29', 'row30'); INSERT INTO marks VALUES (1)").await;
    let running = Running::start(stream);
    wait_for_same(&origin, &sink, LAST, PATIENCE).await;
    running.stop().await;
    assert_eq!(cell(&sink, "SELECT id || v FROM by_citext WHERE id = 'row30'").await, "ROW307");
    sink.execute("UPDATE by_citext SET id = 'Row30' WHERE id = 'row30'").await;
    assert_eq!(same_tables(&origin, &sink).await, 5);
}
