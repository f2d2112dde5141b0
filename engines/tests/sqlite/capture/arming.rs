//! Arming and disarming.

use switchback_engines::{CaptureFault, Database as _, Endpoint as _, Error};

use super::super::named;
use super::{File, arm, arm_as, capture_fault, number, request};

const SCHEMA: &str = "CREATE TABLE \"odd \"\"name\"(\"a b\" TEXT COLLATE NOCASE PRIMARY KEY, \"sel\"\"ect\" UNIQUE) WITHOUT ROWID; \
    CREATE TABLE t(id INTEGER PRIMARY KEY, v UNIQUE); CREATE TABLE n(x); \
    CREATE TRIGGER app AFTER INSERT ON t BEGIN INSERT INTO n VALUES (NEW.id); END";

async fn schema(file: &mut File) -> String {
    let query = "SELECT group_concat(sql, char(10)) FROM (SELECT sql FROM sqlite_schema ORDER BY name)";
    sqlx::query_scalar(query).fetch_one(&mut file.writer).await.unwrap()
}

#[tokio::test]
async fn arming_says_what_it_did_and_disarming_takes_it_back() {
    let mut file = File::with(SCHEMA).await;
    let before = schema(&mut file).await;
    let stream = arm(&file, &["odd \"name", "t", "n"]).await;
    assert!(stream.armed.position.0.starts_with("0@"), "{}", stream.armed.position);
    assert_eq!(stream.armed.incarnation.len(), 32);
    let done = stream.armed.done.join("; ");
    for part in
        ["5 triggers on `odd \"name`", "5 triggers on `t`", "the triggers `app` on `t` again", "_switchback_context"]
    {
        assert!(done.contains(part), "{part}: {done}");
    }
    // The tool's tables are none of the database's.
    let names: Vec<String> = stream.db.tables().await.unwrap().into_iter().map(|t| t.name).collect();
    assert_eq!(names, ["n", "odd \"name", "t"]);
    assert!(stream.db.describe(&named("_switchback_log_s")).await.unwrap().is_some());
    file.run("INSERT INTO \"odd \"\"name\" VALUES ('a', 1); INSERT OR REPLACE INTO \"odd \"\"name\" VALUES ('A', 2), ('b', 2)").await;
    file.run("INSERT INTO t VALUES (1, 1)").await;
    assert_eq!(super::changes(&stream.all(&mut file).await).len(), 5 + 2);

    let done = stream.db.disarm(&stream.request).await.unwrap();
    assert_eq!(done[0], "removed 16 triggers");
    assert_eq!(done.len(), 5);
    assert_eq!(schema(&mut file).await, before);
    assert!(stream.db.disarm(&stream.request).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_stream_that_is_armed_stays_as_it_is() {
    let mut file = File::with(SCHEMA).await;
    let stream = arm(&file, &["t"]).await;
    file.run("INSERT INTO n VALUES (1); INSERT INTO t VALUES (1, 1)").await;
    let (fault, why) = capture_fault(&stream.db.arm(&stream.request).await.unwrap_err());
    assert_eq!(fault, CaptureFault::OtherIncarnation);
    assert_eq!(why, "there is a stream `s` in this file already");
    assert_eq!(stream.all(&mut file).await.len(), 1);
    // Another one is nothing to it.
    let other = arm_as(&file, "s_2", &["n"]).await;
    other.db.disarm(&other.request).await.unwrap();
    file.run("INSERT INTO t VALUES (2, 2)").await;
    assert_eq!(super::changes(&stream.all(&mut file).await).len(), 2);
}

#[tokio::test]
async fn what_cannot_be_captured_is_refused_and_leaves_nothing() {
    let wide: Vec<String> = (0..999).map(|i| format!("c{i}")).collect();
    let mut file = File::with(&format!(
        "CREATE TABLE wide({}); CREATE TABLE names(rowid, oid, _rowid_); CREATE TABLE t(a); \
         CREATE TABLE broken(a); CREATE TRIGGER b AFTER INSERT ON broken BEGIN SELECT no_such_function(1); END",
        wide.join(", ")
    ))
    .await;
    let before = schema(&mut file).await;
    let db = file.open().await;
    for (table, part) in [
        ("wide", "more than the 998 columns"),
        ("names", "all the names under which"),
        ("broken", "its own triggers or constraints do not compile here for `broken`: no such function"),
    ] {
        let request = request(&file, "s", &["t", table]).await;
        let (fault, why) = capture_fault(&db.arm(&request).await.unwrap_err());
        assert_eq!(fault, CaptureFault::Unfaithful);
        assert!(why.contains(part), "{why}");
        assert_eq!(schema(&mut file).await, before);
    }
    let mut gone = request(&file, "s", &["t"]).await;
    gone.tables[0].columns[0].name = "b".to_owned();
    let (fault, why) = capture_fault(&db.arm(&gone).await.unwrap_err());
    assert_eq!(
        (fault, why.as_str()),
        (CaptureFault::SchemaChanged, "`t` is not as it was described: the column `b` is gone")
    );
    gone.tables[0].name = named("nowhere");
    let (fault, why) = capture_fault(&db.arm(&gone).await.unwrap_err());
    assert_eq!(
        (fault, why.as_str()),
        (CaptureFault::SchemaChanged, "`nowhere` is not as it was described: it is not there")
    );
    assert_eq!(schema(&mut file).await, before);
    assert_eq!(number(&mut file, "SELECT count(*) FROM t").await, 0);
}

#[tokio::test]
async fn arming_waits_for_the_lock_and_gives_up_in_time() {
    let mut file = File::with("CREATE TABLE t(a)").await;
    let request = request(&file, "s", &["t"]).await;
    let options = switchback_engines::ConnectOptions {
        connect_timeout: std::time::Duration::from_millis(50),
        ..Default::default()
    };
    let db = file.open_with("", &options).await.unwrap();
    file.run("BEGIN IMMEDIATE").await;
    let error = db.arm(&request).await.unwrap_err();
    assert!(matches!(error, Error::Query { fault: switchback_engines::QueryFault::TimedOut, .. }), "{error}");
    file.run("COMMIT").await;
    db.arm(&request).await.unwrap();
}
