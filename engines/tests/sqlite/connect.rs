//! Opening files: what is one, what is none, and what is left beside it.

use std::time::{Duration, Instant};

use sqlx::Connection as _;
use switchback_engines::sqlite::Sqlite;
use switchback_engines::{
    Class, ConnectFault, ConnectOptions, Database, DatabaseUrl, Engine, Error, QueryFault, ReadRequest, Scope,
};

use super::{File, chain, describe, int, named, read_all, text, try_read};

fn impatient() -> ConnectOptions {
    ConnectOptions { connect_timeout: Duration::from_millis(200), ..ConnectOptions::default() }
}

fn fault(error: &Error) -> ConnectFault {
    match error {
        Error::Connect { fault, .. } => *fault,
        other => panic!("no connect error: {other}"),
    }
}

#[tokio::test]
async fn says_what_it_opened() {
    let file = File::with("").await;
    let db = file.open().await;
    assert_eq!(db.info().engine, Engine::Sqlite);
    assert_eq!(db.info().location, file.path().display().to_string());
    assert!(db.info().version.starts_with("3."), "{}", db.info().version);
}

#[tokio::test]
async fn a_missing_file_is_not_created() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing.db");
    for parameters in ["", "?immutable=1"] {
        let url = DatabaseUrl::parse(&format!("sqlite:{}{parameters}", path.display())).unwrap();
        let error = Sqlite::connect(&url, &ConnectOptions::default()).await.err().unwrap();
        assert_eq!(fault(&error), ConnectFault::File, "{}", chain(&error));
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "no database, ".repeat(1000)).unwrap();
    for path in [path.as_path(), folder.path()] {
        let url = DatabaseUrl::parse(&format!("sqlite:{}", path.display())).unwrap();
        let error = Sqlite::connect(&url, &ConnectOptions::default()).await.err().unwrap();
        assert_eq!(fault(&error), ConnectFault::File, "{}", chain(&error));
    }
}

#[tokio::test]
async fn parameters_without_a_meaning_are_refused_and_not_repeated() {
    let file = File::with("").await;
    for parameters in ["?mode=rwc", "?key=s3cret", "?immutable=maybe", "?immutable"] {
        let error = file.open_with(parameters, &ConnectOptions::default()).await.err().unwrap();
        assert!(matches!(error, Error::Url { .. }), "{parameters}: {error}");
        assert!(!chain(&error).contains("s3cret"));
    }
    file.open_with("?mode=ro&immutable=0", &ConnectOptions::default()).await.unwrap();
}

#[tokio::test]
async fn nothing_can_be_written() {
    let mut file = File::with("CREATE TABLE t(a INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)").await;
    let db = file.open().await;
    let table = describe(&db, "t").await;
    let columns = [0];
    for filter in ["a = 1); DELETE FROM t; SELECT (1", "a = 1); PRAGMA query_only = OFF; DELETE FROM t; SELECT (1"] {
        let request = ReadRequest { table: &table, columns: &columns, scope: Scope::All, filter: Some(filter) };
        let error = try_read(&db, request).await.unwrap_err();
        assert!(chain(&error).contains("readonly"), "{}", chain(&error));
    }
    file.run("INSERT INTO t VALUES (2)").await;
    assert_eq!(read_all(&db, "t").await, [[int(1)], [int(2)]]);
}

#[tokio::test]
async fn a_wal_file_is_read_with_what_is_not_checkpointed() {
    let mut file = File::with(
        "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t(a TEXT); INSERT INTO t VALUES ('x')",
    )
    .await;
    let db = file.open().await;
    assert_eq!(read_all(&db, "t").await, [[text("x")]]);
    file.run("INSERT INTO t VALUES ('y')").await;
    assert_eq!(read_all(&db, "t").await, [[text("x")], [text("y")]]);
    file.run("BEGIN; INSERT INTO t VALUES ('not committed')").await;
    assert_eq!(read_all(&db, "t").await.len(), 2);
    file.run("ROLLBACK").await;

    // Without any other connection the log has to be set up anew.
    drop(db);
    let path = file.path();
    file.writer.close().await.unwrap();
    let url = DatabaseUrl::parse(&format!("sqlite:{}", path.display())).unwrap();
    let db = Sqlite::connect(&url, &ConnectOptions::default()).await.unwrap();
    assert_eq!(read_all(&db, "t").await.len(), 2);
}

#[tokio::test]
async fn an_immutable_file_gets_no_company() {
    let mut file = File::with("PRAGMA journal_mode = WAL; CREATE TABLE t(a TEXT); INSERT INTO t VALUES ('x')").await;
    file.run("PRAGMA wal_checkpoint(TRUNCATE)").await;
    let copy = file.folder.path().join("copy");
    std::fs::create_dir(&copy).unwrap();
    std::fs::copy(file.path(), copy.join("test.db")).unwrap();
    let url = DatabaseUrl::parse(&format!("sqlite:{}?immutable=1", copy.join("test.db").display())).unwrap();
    let db = Sqlite::connect(&url, &ConnectOptions::default()).await.unwrap();
    assert_eq!(read_all(&db, "t").await, [[text("x")]]);
    assert_eq!(std::fs::read_dir(copy).unwrap().count(), 1);
}

#[tokio::test]
async fn a_wal_file_that_cannot_have_its_log_says_so() {
    let file = File::with("PRAGMA journal_mode = WAL; CREATE TABLE t(a TEXT); INSERT INTO t VALUES ('x')").await;
    let path = file.path();
    file.writer.close().await.unwrap();
    // As in a folder where nothing may be written, which stops no root.
    let log = path.with_extension("db-wal");
    std::fs::create_dir(&log).unwrap();
    let open = async |parameters| {
        let url = DatabaseUrl::parse(&format!("sqlite:{}{parameters}", path.display())).unwrap();
        Sqlite::connect(&url, &ConnectOptions::default()).await
    };
    let error = open("").await.err().unwrap();
    assert_eq!(fault(&error), ConnectFault::File, "{}", chain(&error));
    assert!(chain(&error).contains("?immutable=1"), "{}", chain(&error));
    assert_eq!(read_all(&open("?immutable=1").await.unwrap(), "t").await, [[text("x")]]);
}

#[tokio::test]
async fn broken_pages_are_an_error() {
    let file = File::with(
        "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT); \
         WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 1000) \
         INSERT INTO t SELECT i, hex(randomblob(50)) FROM n",
    )
    .await;
    let path = file.path();
    file.writer.close().await.unwrap();
    let mut content = std::fs::read(&path).unwrap();
    let middle = content.len() / 2 / 4096 * 4096;
    content[middle..middle + 4096].fill(0xAA);
    std::fs::write(&path, content).unwrap();

    let url = DatabaseUrl::parse(&format!("sqlite:{}", path.display())).unwrap();
    let db = Sqlite::connect(&url, &ConnectOptions::default()).await.unwrap();
    let error = match db.describe(&named("t")).await {
        Err(error) => error,
        Ok(table) => {
            let request = ReadRequest { table: &table.unwrap(), columns: &[0, 1], scope: Scope::All, filter: None };
            try_read(&db, request).await.unwrap_err()
        }
    };
    assert!(matches!(error, Error::Query { fault: QueryFault::Other, .. }), "{}", chain(&error));
    assert!(chain(&error).contains("malformed"), "{}", chain(&error));
}

#[tokio::test]
async fn a_reader_of_a_rollback_journal_file_leaves_nothing_behind() {
    let file = File::with("CREATE TABLE t(a TEXT); INSERT INTO t VALUES ('x')").await;
    let db = file.open().await;
    assert_eq!(read_all(&db, "t").await.len(), 1);
    assert_eq!(file.neighbours(), ["test.db"]);
}

/// A copy of a file in the middle of a transaction is what a process leaves that
/// is killed there.
#[tokio::test]
async fn what_a_dead_process_left_is_undone_by_an_end_of_a_stream_alone() {
    let mut file = File::with(
        "PRAGMA cache_size = 1; CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT); \
         WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 1000) \
         INSERT INTO t SELECT i, hex(zeroblob(50)) FROM n",
    )
    .await;
    file.run("BEGIN; UPDATE t SET b = hex(randomblob(50))").await;
    let folder = tempfile::tempdir().unwrap();
    for name in ["test.db", "test.db-journal"] {
        std::fs::copy(file.folder.path().join(name), folder.path().join(name)).unwrap();
    }
    let url = DatabaseUrl::parse(&format!("sqlite:{}", folder.path().join("test.db").display())).unwrap();
    let error = Sqlite::connect(&url, &ConnectOptions::default()).await.err().unwrap();
    assert_eq!(fault(&error), ConnectFault::File, "{}", chain(&error));
    assert!(chain(&error).contains("a transaction to roll back"), "{}", chain(&error));

    let end = Sqlite::connect_end(&url, &ConnectOptions::default()).await.unwrap();
    let rows = read_all(&end, "t").await;
    assert_eq!(rows.len(), 1000);
    assert!(rows.iter().all(|row| row[1] == text(&"00".repeat(50))));
}

#[tokio::test]
async fn a_locked_file_is_reported_within_the_time_out() {
    let mut file = File::with("CREATE TABLE t(a TEXT)").await;
    let db = file.open_with("", &impatient()).await.unwrap();
    let table = describe(&db, "t").await;

    file.run("BEGIN EXCLUSIVE").await;
    let started = Instant::now();
    let error = db.count(&table, None).await.unwrap_err();
    assert!(matches!(error, Error::Query { fault: QueryFault::TimedOut, .. }), "{}", chain(&error));
    assert!(chain(&error).contains("counting `t` failed: database is locked"), "{}", chain(&error));
    let error = file.open_with("", &impatient()).await.err().unwrap();
    assert_eq!(fault(&error), ConnectFault::Locked);
    assert_eq!(error.class(), Class::Transient);
    assert!(chain(&error).contains("database is locked"), "{}", chain(&error));
    assert!(started.elapsed() > Duration::from_millis(300), "gave up before the time was over");
    assert!(started.elapsed() < Duration::from_secs(5), "waited {:?}", started.elapsed());

    file.run("COMMIT").await;
    assert_eq!(db.count(&table, None).await.unwrap(), 0);
}

#[tokio::test]
async fn position_moves_when_somebody_else_commits() {
    for journal in ["DELETE", "WAL"] {
        let mut file = File::with(&format!("PRAGMA journal_mode = {journal}; CREATE TABLE t(a TEXT)")).await;
        let db = file.open().await;
        let before = db.position().await.unwrap().unwrap();
        assert!(before.starts_with("data version "), "{before}");
        assert_eq!(db.count(&describe(&db, "t").await, None).await.unwrap(), 0);
        file.run("BEGIN; INSERT INTO t VALUES ('x'); ROLLBACK").await;
        assert_eq!(db.position().await.unwrap().unwrap(), before, "{journal}: reads and rollbacks are no change");
        file.run("INSERT INTO t VALUES ('x')").await;
        assert_ne!(db.position().await.unwrap().unwrap(), before, "{journal}");
    }
}

#[tokio::test]
async fn a_table_that_is_gone_is_missing() {
    let mut file = File::with("CREATE TABLE t(a TEXT, b TEXT)").await;
    let db = file.open().await;
    let table = describe(&db, "t").await;
    let missing = |error: &Error| matches!(error, Error::Query { fault: QueryFault::Missing, .. });
    let read = async |columns: &[usize]| {
        let request = ReadRequest { table: &table, columns, scope: Scope::All, filter: None };
        try_read(&db, request).await.unwrap_err()
    };

    // Not a string called `b`, which is what SQLite makes of a lone name in
    // double quotes.
    file.run("INSERT INTO t VALUES ('x', 'y'); ALTER TABLE t DROP COLUMN b").await;
    let error = read(&[0, 1]).await;
    assert!(missing(&error), "{}", chain(&error));
    let range = switchback_engines::KeyRange { lower: Some(vec![text("a")]), upper: None };
    let scope = Scope::Range { key: &[1], range: &range };
    let error = try_read(&db, ReadRequest { table: &table, columns: &[0], scope, filter: None }).await.unwrap_err();
    assert!(missing(&error), "{}", chain(&error));

    file.run("DROP TABLE t").await;
    for error in [read(&[0]).await, db.count(&table, None).await.unwrap_err()] {
        assert!(missing(&error), "{}", chain(&error));
    }
    assert_eq!(db.describe(&named("t")).await.unwrap(), None);
}

#[tokio::test]
async fn a_filter_that_is_no_condition_is_a_matter_of_syntax() {
    let file = File::with("CREATE TABLE t(a TEXT)").await;
    let db = file.open().await;
    let table = describe(&db, "t").await;
    for filter in ["a = = 1", "nonsense(a)", "a = 1)"] {
        let error = db.count(&table, Some(filter)).await.unwrap_err();
        assert!(matches!(error, Error::Query { fault: QueryFault::Syntax, .. }), "{filter}: {}", chain(&error));
    }
    let error = db.count(&table, Some("c = 1")).await.unwrap_err();
    assert!(matches!(error, Error::Query { fault: QueryFault::Missing, .. }), "{}", chain(&error));
}
