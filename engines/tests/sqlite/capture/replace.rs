//! Rows that make way for others, in every way that SQLite has for it.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use switchback_engines::OwnedValue;

use super::super::{int, text};
use super::{Copy, File, arm, changes, delete, drain, insert, seq, update};

const NULL: OwnedValue = OwnedValue::Null;

#[tokio::test]
async fn rows_that_replace_deletes_are_deletes() {
    for recursive in ["OFF", "ON"] {
        let mut file = File::with(
            "CREATE TABLE t(id INTEGER PRIMARY KEY, u UNIQUE, w); INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 1), (3, 'c', 1)",
        )
        .await;
        let stream = arm(&file, &["t"]).await;
        file.run(&format!("PRAGMA recursive_triggers = {recursive}")).await;
        // Its own key and another's.
        file.run("INSERT OR REPLACE INTO t VALUES (1, 'b', 2)").await;
        file.run("UPDATE OR REPLACE t SET u = 'c' WHERE id = 1").await;
        file.run("REPLACE INTO t(u, w) VALUES ('c', 3), ('d', 3)").await;
        let row = |id, u: &str, w| [int(id), text(u), int(w)];
        let expected = [
            delete(0, &row(1, "a", 1)),
            delete(0, &row(2, "b", 1)),
            insert(0, &row(1, "b", 2)),
            delete(0, &row(3, "c", 1)),
            update(0, &row(1, "b", 2), &row(1, "c", 2)),
            delete(0, &row(1, "c", 2)),
            insert(0, &row(2, "c", 3)),
            insert(0, &row(3, "d", 3)),
        ];
        assert_eq!(changes(&stream.all(&mut file).await), expected, "{recursive}");
    }
}

#[tokio::test]
async fn rows_that_were_only_in_the_way_are_left_alone() {
    let mut file =
        File::with("CREATE TABLE t(id INTEGER PRIMARY KEY, u UNIQUE); INSERT INTO t VALUES (1, 1), (2, 2)").await;
    let stream = arm(&file, &["t"]).await;
    file.run("INSERT OR IGNORE INTO t VALUES (1, 9), (9, 1)").await;
    file.run("INSERT INTO t VALUES (3, 1) ON CONFLICT DO NOTHING").await;
    file.run("UPDATE OR IGNORE t SET u = 2 WHERE id = 1").await;
    assert!(file.try_run("INSERT OR FAIL INTO t VALUES (4, 4), (5, 1), (6, 6)").await.is_err());
    assert!(file.try_run("INSERT INTO t VALUES (7, 7), (8, 1)").await.is_err());
    file.run("INSERT INTO t VALUES (5, 1) ON CONFLICT (u) DO UPDATE SET u = 10").await;
    // The ones that stayed go now, and only once.
    file.run("DELETE FROM t WHERE id IN (1, 2); INSERT INTO t VALUES (1, 2), (2, 1)").await;
    let expected = [
        // OR FAIL keeps what went before.
        insert(0, &[int(4), int(4)]),
        update(0, &[int(1), int(1)], &[int(1), int(10)]),
        delete(0, &[int(1), int(10)]),
        delete(0, &[int(2), int(2)]),
        insert(0, &[int(1), int(2)]),
        insert(0, &[int(2), int(1)]),
    ];
    assert_eq!(changes(&stream.all(&mut file).await), expected);
}

#[tokio::test]
async fn a_null_that_replace_turns_into_a_default_is_a_conflict() {
    let mut file =
        File::with("CREATE TABLE t(a TEXT NOT NULL DEFAULT 'x' UNIQUE, b); INSERT INTO t VALUES ('x', 1)").await;
    let stream = arm(&file, &["t"]).await;
    file.run("INSERT OR REPLACE INTO t VALUES (NULL, 2)").await;
    let expected = [delete(0, &[text("x"), int(1)]), insert(0, &[text("x"), int(2)])];
    assert_eq!(changes(&stream.all(&mut file).await), expected);
}

#[tokio::test]
async fn nested_statements_of_triggers_keep_their_order() {
    // A trigger that makes room by itself, then one that touches what it was
    // fired for.
    let mut file = File::with(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, u UNIQUE, n DEFAULT 0); INSERT INTO t VALUES (1, 1, 0); \
         CREATE TRIGGER room BEFORE INSERT ON t WHEN NEW.n = 7 BEGIN DELETE FROM t WHERE u = NEW.u; \
           INSERT INTO t(u) VALUES (NEW.u + 100); END; \
         CREATE TRIGGER touch AFTER UPDATE ON t BEGIN UPDATE t SET n = n + 1 WHERE id = NEW.id; END",
    )
    .await;
    let stream = arm(&file, &["t"]).await;
    file.run("INSERT OR REPLACE INTO t VALUES (5, 1, 7)").await;
    file.run("UPDATE t SET u = 50 WHERE id = 5").await;
    let row = |id, u, n| [int(id), int(u), int(n)];
    let expected = [
        delete(0, &row(1, 1, 0)),
        insert(0, &row(1, 101, 0)),
        insert(0, &row(5, 1, 7)),
        update(0, &row(5, 1, 7), &row(5, 50, 7)),
        update(0, &row(5, 50, 7), &row(5, 50, 8)),
    ];
    assert_eq!(changes(&stream.all(&mut file).await), expected);
}

/// The row that makes way takes the one it makes way for along.
#[tokio::test]
async fn a_cascade_to_the_row_that_is_being_updated() {
    let mut file = File::with(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, u UNIQUE, up REFERENCES t(id) ON DELETE CASCADE); \
         INSERT INTO t VALUES (1, 'a', 2), (2, 'b', NULL)",
    )
    .await;
    let stream = arm(&file, &["t"]).await;
    file.run("PRAGMA foreign_keys = ON; UPDATE OR REPLACE t SET u = 'b' WHERE id = 1").await;
    let expected = [delete(0, &[int(2), text("b"), NULL]), delete(0, &[int(1), text("a"), int(2)])];
    assert_eq!(changes(&stream.all(&mut file).await), expected);
}

/// Before an update SQLite computes what is generated from the columns that the
/// triggers name, and from nothing where they don't.
#[tokio::test]
async fn computed_keys_are_computed_from_all_columns() {
    let mut file = File::with(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, u, g AS (u % 3) UNIQUE, s AS (u % 5) STORED UNIQUE); \
         INSERT INTO t VALUES (1, 1), (2, 2), (3, 3)",
    )
    .await;
    let stream = arm(&file, &["t"]).await;
    file.run("UPDATE OR REPLACE t SET id = 2 WHERE id = 1").await;
    file.run("UPDATE OR REPLACE t SET u = 6 WHERE id = 3; UPDATE OR REPLACE t SET u = 11 WHERE id = 3").await;
    let row = |id, u| [int(id), int(u)];
    let expected = [
        delete(0, &row(2, 2)),
        update(0, &row(1, 1), &row(2, 1)),
        delete(0, &row(2, 1)),
        update(0, &row(3, 3), &row(3, 6)),
        update(0, &row(3, 6), &row(3, 11)),
    ];
    assert_eq!(changes(&stream.all(&mut file).await), expected);
}

const TABLES: [&str; 9] = [
    "CREATE TABLE t(id INTEGER PRIMARY KEY, u INT UNIQUE, v TEXT COLLATE NOCASE UNIQUE, w)",
    "CREATE TABLE t(id, u, v, w)",
    "CREATE TABLE t(id INT, u INT, v TEXT, w, UNIQUE (u, v), UNIQUE (w))",
    "CREATE TABLE t(id INT NOT NULL, u INT, v TEXT COLLATE NOCASE, w, PRIMARY KEY (v, u), UNIQUE (w)) WITHOUT ROWID",
    "CREATE TABLE t(id INTEGER PRIMARY KEY, u INT, v TEXT, w); CREATE UNIQUE INDEX i ON t(u) WHERE w = 1; \
     CREATE UNIQUE INDEX j ON t(lower(v) DESC, w / 3)",
    "CREATE TABLE t(id INTEGER PRIMARY KEY ON CONFLICT REPLACE, u INT UNIQUE ON CONFLICT REPLACE, v UNIQUE ON CONFLICT IGNORE, w)",
    "CREATE TABLE t(id INTEGER PRIMARY KEY, u INT, v TEXT, w, g INT AS (u % 3) UNIQUE, h AS (v || u) STORED UNIQUE, k AS (w * 2)); \
     CREATE UNIQUE INDEX l ON t(lower(v) || k, h)",
    "CREATE TABLE t(id INTEGER PRIMARY KEY, u INT NOT NULL DEFAULT 2 UNIQUE, v TEXT UNIQUE, w); \
     CREATE TRIGGER room BEFORE INSERT ON t WHEN NEW.w = 3 BEGIN DELETE FROM t WHERE u = NEW.u; \
       INSERT OR IGNORE INTO t(u, v, w) VALUES (NEW.u + 1, NEW.v, 4); END; \
     CREATE TRIGGER after_it AFTER INSERT ON t WHEN NEW.w = 2 BEGIN UPDATE t SET w = 5 WHERE id = NEW.id; END; \
     CREATE TRIGGER touch AFTER UPDATE OF u ON t BEGIN UPDATE t SET w = 6 WHERE id = NEW.id; \
       DELETE FROM t WHERE u = NEW.u + 2; END",
    "CREATE TABLE t(id INTEGER PRIMARY KEY, u INT UNIQUE, v TEXT UNIQUE REFERENCES t(id) ON DELETE CASCADE, \
     w REFERENCES t(u) ON DELETE SET NULL)",
];

const POLICIES: [&str; 6] = ["", " OR REPLACE", " OR IGNORE", " OR FAIL", " OR ABORT", " OR ROLLBACK"];

fn cell() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => (0..6i32).prop_map(|v| v.to_string()),
        1 => Just("NULL".to_owned()),
        2 => prop::sample::select(vec!["'a'", "'A'", "'b'", "'B'", "1.5", "x'61'"]).prop_map(str::to_owned),
    ]
}

fn policy() -> impl Strategy<Value = &'static str> {
    prop_oneof![3 => Just(" OR REPLACE"), 4 => prop::sample::select(POLICIES.to_vec())]
}

fn statement() -> impl Strategy<Value = String> {
    let row = prop::collection::vec(cell(), 4).prop_map(|cells| format!("({})", cells.join(", ")));
    let rows = prop::collection::vec(row, 1..4).prop_map(|rows| rows.join(", ")).boxed();
    let column = prop::sample::select(vec!["id", "u", "v", "w"]);
    let upsert = prop::sample::select(vec![
        "",
        " ON CONFLICT DO NOTHING",
        " ON CONFLICT DO UPDATE SET w = excluded.w, u = u + 1",
    ]);
    prop_oneof![
        5 => (policy(), rows.clone()).prop_map(|(policy, rows)| format!("INSERT{policy} INTO t(id, u, v, w) VALUES {rows}")),
        2 => (upsert, rows.clone()).prop_map(|(upsert, rows)| format!("INSERT INTO t(id, u, v, w) VALUES {rows}{upsert}")),
        1 => (policy(), cell(), cell()).prop_map(|(policy, u, v)| format!("INSERT{policy} INTO t(u, v, w) VALUES ({u}, {v}, 1)")),
        4 => (policy(), column.clone(), cell(), column.clone(), cell())
            .prop_map(|(policy, a, x, b, y)| format!("UPDATE{policy} t SET {a} = {x} WHERE {b} = {y}")),
        2 => (policy(), column.clone(), 1..3i32).prop_map(|(policy, a, n)| format!("UPDATE{policy} t SET {a} = {a} + {n}")),
        2 => (column, cell()).prop_map(|(a, x)| format!("DELETE FROM t WHERE {a} = {x}")),
        1 => Just("DELETE FROM t".to_owned()),
        1 => Just("BEGIN".to_owned()),
        1 => Just("COMMIT".to_owned()),
        1 => Just("ROLLBACK".to_owned()),
        1 => Just("VACUUM".to_owned()),
        1 => any::<bool>().prop_map(|on| format!("PRAGMA recursive_triggers = {on}")),
        1 => any::<bool>().prop_map(|on| format!("PRAGMA foreign_keys = {on}")),
        2 => Just(POLL.to_owned()),
    ]
}

const POLL: &str = "-- poll";

/// Whatever is done to a table, its copy is the same.
#[test]
fn a_copy_follows_whatever_is_done() {
    let cases = std::env::var("SQLITE_CAPTURE_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(40);
    let strategy = (prop::sample::select(TABLES.to_vec()), prop::collection::vec(statement(), 1..60));
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runner
        .run(&strategy, |(table, statements)| runtime.block_on(follow(table, &statements)))
        .unwrap_or_else(|error| panic!("{error}"));
}

async fn follow(table: &str, statements: &[String]) -> Result<(), TestCaseError> {
    let mut file = File::with(&format!("PRAGMA journal_mode = WAL; {table}")).await;
    let stream = arm(&file, &["t"]).await;
    let mut capture = stream.start().await;
    let (mut copy, mut read, mut open) = (Copy::default(), seq(&stream.armed.position), false);
    for statement in statements.iter().map(String::as_str).chain(["COMMIT", POLL]) {
        if statement == POLL {
            if open && file.try_run("COMMIT").await.is_err() {
                file.run("ROLLBACK").await;
            }
            open = false;
            let groups = drain(&mut file, &mut capture, read).await;
            copy.apply(&changes(&groups)).map_err(|why| TestCaseError::fail(format!("{why}: {groups:#?}")))?;
            copy.is(&file, "t").await.map_err(|why| TestCaseError::fail(format!("{why}: {groups:#?}")))?;
            read = groups.last().map_or(read, |group| seq(&group.position));
        } else {
            let done = file.try_run(statement).await.is_ok();
            match statement {
                "BEGIN" if done => open = true,
                "COMMIT" | "ROLLBACK" if done => open = false,
                _ => {}
            }
            if statement.contains("ROLLBACK") && !done {
                open = file.try_run("BEGIN").await.is_err();
                if !open {
                    file.run("ROLLBACK").await;
                }
            }
        }
    }
    Ok(())
}
