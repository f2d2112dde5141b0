//! The session that writes.

use std::time::Duration;

use switchback_engines::{
    Class, ConnectOptions, Endpoint as _, Engine, Error, Neutral, Outcome, QueryFault, StatementFailed, TableRef,
    Violation, Writer, WriterOptions, sql,
};

use super::{File, chain, int, read_all, text};

fn impatient() -> WriterOptions {
    WriterOptions { lock_timeout: Duration::from_millis(20), ..WriterOptions::default() }
}

async fn writer(file: &File) -> Box<dyn Writer> {
    file.open().await.writer(&impatient()).await.unwrap()
}

async fn run(writer: &mut Box<dyn Writer>, statements: &[&str]) -> Result<Vec<Outcome>, StatementFailed> {
    writer.run(&statements.iter().map(|&s| s.to_owned()).collect::<Vec<_>>()).await
}

/// What failed: which, the class of it, and all that it says.
async fn failure(writer: &mut Box<dyn Writer>, statements: &[&str]) -> (usize, Option<Violation>, String) {
    let failed = run(writer, statements).await.unwrap_err();
    (failed.index, failed.violation, chain(&failed.error))
}

fn affected(n: u64) -> Outcome {
    Outcome { affected: n, rows: Vec::new() }
}

fn row(cells: &[Option<&str>]) -> Vec<Option<String>> {
    cells.iter().map(|cell| cell.map(str::to_owned)).collect()
}

#[tokio::test]
async fn a_transaction_says_what_each_statement_did() {
    let file = File::with("CREATE TABLE t(a INTEGER PRIMARY KEY, b)").await;
    let mut writer = writer(&file).await;
    let outcomes = run(
        &mut writer,
        &[
            "BEGIN",
            "INSERT INTO t VALUES (1, 'x;y'), (2, NULL), (3, x'00ff') -- three",
            "SELECT a, b FROM t ORDER BY a",
            "UPDATE t SET b = b",
            "WITH w(v) AS (VALUES (2)) SELECT v + 0.5 FROM w",
            "WITH w(v) AS (VALUES (2)) DELETE FROM t WHERE a IN (SELECT v FROM w)",
            "DELETE FROM t WHERE a = 9",
            "UPDATE t SET b = 7 RETURNING a",
            "COMMIT",
        ],
    )
    .await
    .unwrap();
    let selected = vec![row(&[Some("1"), Some("x;y")]), row(&[Some("2"), None]), row(&[Some("3"), Some("00ff")])];
    assert_eq!(
        outcomes,
        [
            affected(0),
            affected(3),
            Outcome { affected: 0, rows: selected },
            // Found, whether or not they are changed by it.
            affected(3),
            Outcome { affected: 0, rows: vec![row(&[Some("2.5")])] },
            affected(1),
            affected(0),
            Outcome { affected: 2, rows: vec![row(&[Some("1")]), row(&[Some("3")])] },
            affected(0),
        ]
    );
    assert_eq!(read_all(&file.open().await, "t").await, [[int(1), int(7)], [int(3), int(7)]]);
    assert_eq!(writer.neutral(), Neutral::TriggersFire);
    writer.close().await.unwrap();
}

#[tokio::test]
async fn many_statements_are_counted_one_by_one() {
    let file = File::with("CREATE TABLE t(a INTEGER PRIMARY KEY, b)").await;
    let mut writer = writer(&file).await;
    let filler = "x".repeat(700);
    let mut statements = vec!["BEGIN".to_owned()];
    statements.extend((0..500).map(|i| format!("INSERT INTO t VALUES ({i}, '{filler}')")));
    statements.push("UPDATE t SET b = a".to_owned());
    statements.push("COMMIT".to_owned());
    let outcomes = writer.run(&statements).await.unwrap();
    let expected: Vec<u64> = [0].into_iter().chain([1; 500]).chain([500, 0]).collect();
    assert_eq!(outcomes.iter().map(|o| o.affected).collect::<Vec<_>>(), expected);

    // The failure in the middle of a script is that of its own statement.
    statements.truncate(1);
    statements.extend((500..800).map(|i| format!("INSERT INTO t VALUES ({i}, '{filler}')")));
    statements[137] = "INSERT INTO t VALUES (7, 0)".to_owned();
    let failed = writer.run(&statements).await.unwrap_err();
    assert_eq!((failed.index, failed.violation), (137, Some(Violation::Unique)));
    run(&mut writer, &["ROLLBACK"]).await.unwrap();
    let count = run(&mut writer, &["SELECT count(*) FROM t"]).await.unwrap();
    assert_eq!(count[0].rows, [row(&[Some("500")])]);
}

#[tokio::test]
async fn the_session_is_pinned() {
    for mode in ["WAL", "DELETE"] {
        let file = File::with(&format!("PRAGMA journal_mode = {mode}; CREATE TABLE t(a)")).await;
        let mut writer = writer(&file).await;
        for (pragma, expected) in [
            ("synchronous", "3"),
            ("foreign_keys", "0"),
            ("recursive_triggers", "0"),
            ("trusted_schema", "0"),
            ("busy_timeout", "20"),
            ("journal_mode", &mode.to_lowercase()),
        ] {
            let outcomes = run(&mut writer, &[&format!("PRAGMA {pragma}")]).await.unwrap();
            assert_eq!(outcomes[0].rows, [row(&[Some(expected)])], "{pragma}");
        }
    }
}

#[tokio::test]
async fn a_transaction_has_the_write_lock_from_its_first_moment() {
    for mode in ["WAL", "DELETE"] {
        let mut file = File::with(&format!("PRAGMA journal_mode = {mode}; CREATE TABLE t(a)")).await;
        let (mut first, mut second) = (writer(&file).await, writer(&file).await);
        run(&mut first, &["BEGIN"]).await.unwrap();
        let (index, violation, message) = failure(&mut second, &["SELECT 1", "BEGIN", "SELECT 2"]).await;
        assert_eq!((index, violation), (1, Some(Violation::Deadlock)), "{message}");
        file.run("PRAGMA busy_timeout = 1").await;
        assert!(file.try_run("INSERT INTO t VALUES (0)").await.is_err());
        run(&mut first, &["INSERT INTO t VALUES (1)", "COMMIT"]).await.unwrap();
        run(&mut second, &["BEGIN", "INSERT INTO t VALUES (2)", "COMMIT"]).await.unwrap();
        assert_eq!(read_all(&file.open().await, "t").await, [[int(1)], [int(2)]], "{mode}");
    }
}

#[tokio::test]
async fn a_change_alone_is_a_transaction_of_its_own() {
    let file = File::with("CREATE TABLE t(a UNIQUE)").await;
    let mut writer = writer(&file).await;
    let outcomes =
        run(&mut writer, &["INSERT INTO t VALUES (1)", "CREATE TABLE u(a)", "INSERT INTO u VALUES (1)"]).await.unwrap();
    assert_eq!(outcomes, [affected(1), affected(0), affected(1)]);
    let (index, ..) = failure(&mut writer, &["INSERT INTO t VALUES (2)", "INSERT INTO t VALUES (1)"]).await;
    assert_eq!(index, 1);
    // The one before stays, the failed one left nothing open.
    run(&mut writer, &["INSERT INTO t VALUES (3)"]).await.unwrap();
    assert_eq!(read_all(&file.open().await, "t").await, [[int(1)], [int(2)], [int(3)]]);
}

#[tokio::test]
async fn violations_are_told_apart_and_quote_no_value() {
    let file = File::with(
        "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT UNIQUE, c NOT NULL DEFAULT 0, d CHECK (d < 1000)); \
         CREATE TABLE w(a TEXT PRIMARY KEY) WITHOUT ROWID; CREATE TABLE s(a INTEGER) STRICT; CREATE TABLE v(a); \
         CREATE TRIGGER refuse BEFORE INSERT ON v BEGIN SELECT RAISE(ABORT, 'not secret-7 again'); END; \
         INSERT INTO t VALUES (1, 'secret-7', 1, 1); INSERT INTO w VALUES ('secret-7')",
    )
    .await;
    let mut writer = writer(&file).await;
    let cases = [
        ("INSERT INTO t(a) VALUES (1)", Some(Violation::Unique)),
        ("INSERT INTO t(b) VALUES ('secret-7')", Some(Violation::Unique)),
        ("INSERT INTO w VALUES ('secret-7')", Some(Violation::Unique)),
        ("UPDATE t SET c = NULL", Some(Violation::NotNull)),
        ("INSERT INTO t(b, d) VALUES ('secret-8', 7777)", Some(Violation::Check)),
        ("INSERT INTO v VALUES ('secret-7')", Some(Violation::Check)),
        ("INSERT INTO s VALUES ('secret-7')", Some(Violation::Type)),
        ("INSERT INTO t(a) VALUES ('secret-7')", Some(Violation::Type)),
        ("INSERT INTO t(a) VALUES ('secret-7' secret-7)", None),
        ("INSERT INTO t(a) VALUES ('secret-7", None),
        ("INSERT INTO nowhere VALUES ('secret-7')", None),
    ];
    for (sql, expected) in cases {
        let (index, violation, message) = failure(&mut writer, &["BEGIN", sql]).await;
        assert_eq!((index, violation), (1, expected), "{sql}: {message}");
        assert!(!message.contains("secret") && !message.contains("7777"), "{message}");
        run(&mut writer, &["ROLLBACK"]).await.unwrap();
    }
}

#[tokio::test]
async fn foreign_keys_and_cascades_are_off() {
    let file = File::with(
        "CREATE TABLE p(a INTEGER PRIMARY KEY); CREATE TABLE c(a REFERENCES p ON DELETE CASCADE); \
         INSERT INTO p VALUES (1); INSERT INTO c VALUES (1)",
    )
    .await;
    let mut writer = writer(&file).await;
    run(&mut writer, &["BEGIN", "INSERT INTO c VALUES (9)", "DELETE FROM p", "COMMIT"]).await.unwrap();
    assert_eq!(read_all(&file.open().await, "c").await, [[int(1)], [int(9)]]);
}

#[tokio::test]
async fn after_a_failure_only_a_rollback_is_taken() {
    let file = File::with("CREATE TABLE t(a UNIQUE); INSERT INTO t VALUES (1)").await;
    let mut writer = writer(&file).await;
    failure(&mut writer, &["BEGIN", "INSERT INTO t VALUES (2)", "INSERT INTO t VALUES (1)", "COMMIT"]).await;
    for statement in ["INSERT INTO t VALUES (3)", "COMMIT", "BEGIN", "SELECT 1"] {
        let (.., message) = failure(&mut writer, &[statement]).await;
        assert!(message.contains("has not been rolled back"), "{message}");
    }
    run(&mut writer, &["ROLLBACK", "ROLLBACK"]).await.unwrap();
    // Also where SQLite has undone the transaction by itself.
    failure(&mut writer, &["BEGIN", "INSERT INTO t VALUES (4)", "INSERT OR ROLLBACK INTO t VALUES (1)"]).await;
    assert_eq!(run(&mut writer, &["ROLLBACK"]).await.unwrap(), [affected(0)]);
    assert_eq!(read_all(&file.open().await, "t").await, [[int(1)]]);
}

#[tokio::test]
async fn a_savepoint_takes_back_what_failed() {
    let file = File::with("CREATE TABLE t(a UNIQUE)").await;
    let mut writer = writer(&file).await;
    run(&mut writer, &["BEGIN", "INSERT INTO t VALUES (1)"]).await.unwrap();
    failure(&mut writer, &["SAVEPOINT s", "INSERT INTO t VALUES (2)", "INSERT INTO t VALUES (1)"]).await;
    run(&mut writer, &["ROLLBACK TO SAVEPOINT s", "RELEASE SAVEPOINT s", "INSERT INTO t VALUES (3)"]).await.unwrap();
    run(&mut writer, &["COMMIT"]).await.unwrap();
    assert_eq!(read_all(&file.open().await, "t").await, [[int(1)], [int(3)]]);
    // Where SQLite has undone the transaction by itself there is no savepoint.
    failure(&mut writer, &["BEGIN", "SAVEPOINT s", "INSERT OR ROLLBACK INTO t VALUES (1)"]).await;
    failure(&mut writer, &["ROLLBACK TO SAVEPOINT s"]).await;
    failure(&mut writer, &["INSERT INTO t VALUES (4)"]).await;
    run(&mut writer, &["ROLLBACK"]).await.unwrap();
}

#[tokio::test]
async fn triggers_are_listed_but_for_the_tools_own() {
    let file = File::with(
        "CREATE TABLE \"it's\"(a); CREATE TRIGGER one AFTER INSERT ON \"It's\" BEGIN SELECT 1; END; \
         CREATE TRIGGER _switchback_two AFTER INSERT ON \"it's\" BEGIN SELECT 1; END; CREATE TABLE quiet(a)",
    )
    .await;
    let mut writer = writer(&file).await;
    let doings = |name: &str| sql::doings(Engine::Sqlite, &TableRef { schema: None, name: name.to_owned() });
    let listed = run(&mut writer, &[&doings("It's"), &doings("quiet")]).await.unwrap();
    assert_eq!(listed[0].rows, [row(&[Some("the trigger `one`")])]);
    assert!(listed[1].rows.is_empty());
}

#[tokio::test]
async fn one_text_is_one_statement() {
    let file = File::with("CREATE TABLE t(a)").await;
    let mut writer = writer(&file).await;
    for statements in [&["-- nothing"][..], &["SELECT 1; SELECT 2"], &["BEGIN", "INSERT INTO t VALUES (1); SELECT 1"]] {
        let failed = run(&mut writer, statements).await.unwrap_err();
        assert!(matches!(failed.error, Error::Query { fault: QueryFault::Syntax, .. }), "{}", chain(&failed.error));
        run(&mut writer, &["ROLLBACK"]).await.unwrap();
    }
    assert_eq!(run(&mut writer, &[]).await.unwrap(), []);
}

#[tokio::test]
async fn a_session_whose_call_was_dropped_is_of_no_use() {
    let file = File::with("CREATE TABLE t(a)").await;
    let mut writer = writer(&file).await;
    let endless = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT 1 FROM n) SELECT count(*) FROM n".to_owned();
    let statements = ["BEGIN".to_owned(), endless];
    assert!(tokio::time::timeout(Duration::from_millis(50), writer.run(&statements)).await.is_err());
    let failed = run(&mut writer, &["SELECT 1"]).await.unwrap_err();
    assert_eq!(failed.error.class(), Class::Transient);
    // With the session goes its lock.
    drop(writer);
    let mut next = file.open().await.writer(&WriterOptions::default()).await.unwrap();
    run(&mut next, &["BEGIN", "INSERT INTO t VALUES ('é')", "COMMIT"]).await.unwrap();
    assert_eq!(read_all(&file.open().await, "t").await, [[text("é")]]);
}

#[tokio::test]
async fn a_file_that_is_declared_immutable_is_no_sink() {
    let file = File::with("CREATE TABLE t(a)").await;
    let db = file.open_with("?immutable=1", &ConnectOptions::default()).await.unwrap();
    let error = db.writer(&impatient()).await.map(drop).unwrap_err();
    assert!(matches!(error, Error::Url { .. }), "{error}");
}
