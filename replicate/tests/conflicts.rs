//! What happens when a change does not fit: each class, under each policy, at
//! each sink.
//!
//! One pair of databases has a table for each class, and a way for the two sides
//! to come apart in it. The origin is one that has all of a row that it changes.

use std::time::Duration;

use switchback_engines::Engine;
use switchback_fixtures::Side;
use switchback_replicate::{
    Conflict, ConflictClass, DeadLetter, Error, LetterState, Policies, Policy, Settings, Stream,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::harness::end::{ALL, End, On, ask};
use crate::harness::judge::{same_tables, wait_for_same};
use crate::harness::stage::{Running, stream_of_all as stream};

const PATIENCE: Duration = Duration::from_secs(60);
const LAST: &str = "SELECT COALESCE(MAX(n), 0) FROM marks";

/// A way for two databases to come apart, and together again.
struct Case {
    class: ConflictClass,
    table: &'static str,
    /// Done to the sink by somebody who should not.
    drift: &'static str,
    /// Done at the origin by the application.
    change: &'static str,
    operation: &'static str,
    key: &'static str,
    /// Undoes the harm.
    mend: &'static str,
    /// A cell of the sink's row that was in the way.
    in_the_way: Option<(&'static str, &'static str)>,
    /// Whether the row can be made what the origin has, without touching others.
    overwrites: bool,
}

/// In each table these rows are on both sides, and row 2 is left alone by drift.
const ROWS: &str = "(1, 1, 10, 'one'), (2, 2, 20, 'two'), (3, 3, 30, 'three')";

const CASES: [Case; 9] = [
    Case {
        class: ConflictClass::InsertExists,
        table: "insert_exists",
        drift: "INSERT INTO insert_exists VALUES (9, 90, 1, 'theirs')",
        change: "INSERT INTO insert_exists VALUES (9, 91, 2, 'it''s ours')",
        operation: "insert",
        key: "id=9",
        mend: "DELETE FROM insert_exists WHERE id = 9",
        in_the_way: Some(("v", "theirs")),
        overwrites: true,
    },
    Case {
        class: ConflictClass::UpdateMissing,
        table: "update_missing",
        drift: "DELETE FROM update_missing WHERE id = 1",
        change: "UPDATE update_missing SET v = NULL WHERE id = 1",
        operation: "update",
        key: "id=1",
        mend: "INSERT INTO update_missing VALUES (1, 1, 10, 'one')",
        in_the_way: None,
        overwrites: true,
    },
    Case {
        class: ConflictClass::UpdateDiffers,
        table: "update_differs",
        drift: "UPDATE update_differs SET n = 77 WHERE id = 1",
        change: "UPDATE update_differs SET v = 'new' WHERE id = 1",
        operation: "update",
        key: "id=1",
        mend: "UPDATE update_differs SET n = 10 WHERE id = 1",
        in_the_way: Some(("n", "77")),
        overwrites: true,
    },
    Case {
        class: ConflictClass::DeleteMissing,
        table: "delete_missing",
        drift: "DELETE FROM delete_missing WHERE id = 1",
        change: "DELETE FROM delete_missing WHERE id = 1",
        operation: "delete",
        key: "id=1",
        mend: "INSERT INTO delete_missing VALUES (1, 1, 10, 'one')",
        in_the_way: None,
        overwrites: true,
    },
    Case {
        class: ConflictClass::DeleteDiffers,
        table: "delete_differs",
        drift: "UPDATE delete_differs SET n = NULL WHERE id = 1",
        change: "DELETE FROM delete_differs WHERE id = 1",
        operation: "delete",
        key: "id=1",
        mend: "UPDATE delete_differs SET n = 10 WHERE id = 1",
        in_the_way: Some(("u", "1")),
        overwrites: true,
    },
    Case {
        class: ConflictClass::UniqueOtherRow,
        table: "unique_other_row",
        drift: "INSERT INTO unique_other_row VALUES (50, 7, 1, 'theirs')",
        change: "UPDATE unique_other_row SET u = 7 WHERE id = 1",
        operation: "update",
        key: "id=1",
        mend: "DELETE FROM unique_other_row WHERE id = 50",
        in_the_way: Some(("id", "50")),
        overwrites: false,
    },
    Case {
        class: ConflictClass::Ambiguous,
        table: "ambiguous",
        drift: "INSERT INTO ambiguous VALUES (1, 1, 10, 'one')",
        change: "UPDATE ambiguous SET v = 'new' WHERE id = 1",
        operation: "update",
        key: "id=1",
        mend: "CREATE TABLE keyed (id INT NOT NULL PRIMARY KEY, u INT UNIQUE, n INT, v VARCHAR(40)); \
               INSERT INTO keyed SELECT DISTINCT * FROM ambiguous; DROP TABLE ambiguous; \
               ALTER TABLE keyed RENAME TO ambiguous",
        in_the_way: Some(("v", "one")),
        overwrites: false,
    },
    Case {
        class: ConflictClass::Constraint,
        table: "constrained",
        drift: "",
        change: "UPDATE constrained SET n = 500 WHERE id = 1",
        operation: "update",
        key: "id=1",
        mend: "CREATE TABLE copy (id INT NOT NULL PRIMARY KEY, u INT UNIQUE, n INT, v VARCHAR(40)); \
               INSERT INTO copy SELECT * FROM constrained; DROP TABLE constrained; \
               ALTER TABLE copy RENAME TO constrained",
        in_the_way: None,
        overwrites: false,
    },
    Case {
        class: ConflictClass::Value,
        table: "short",
        drift: "",
        change: "INSERT INTO short VALUES (9, 9, 9, 12345678901234567890.5)",
        operation: "insert",
        key: "id=9",
        mend: "",
        in_the_way: None,
        overwrites: false,
    },
];

/// The tables, as the origin has them or as the sink does.
fn schema(of: Side, on: On) -> String {
    let mut script = "CREATE TABLE marks (n INT NOT NULL PRIMARY KEY);".to_owned();
    for case in &CASES {
        let table = case.table;
        let columns = match (of, case.class) {
            (Side::Target, ConflictClass::Ambiguous) => "id INT NOT NULL, u INT, n INT, v VARCHAR(40)",
            (Side::Target, ConflictClass::Constraint) => {
                "id INT NOT NULL PRIMARY KEY, u INT UNIQUE, n INT CHECK (n < 100), v VARCHAR(40)"
            }
            (Side::Source, ConflictClass::Value) => {
                "id INT NOT NULL PRIMARY KEY, u INT UNIQUE, n INT, v DECIMAL(30,10)"
            }
            // A decimal column of SQLite's would take it as a double.
            (Side::Target, ConflictClass::Value) if on == On::Sqlite => {
                "id INT NOT NULL PRIMARY KEY, u INT UNIQUE, n INT, v BIGINT"
            }
            (Side::Target, ConflictClass::Value) => "id INT NOT NULL PRIMARY KEY, u INT UNIQUE, n INT, v DECIMAL(12,2)",
            _ => "id INT NOT NULL PRIMARY KEY, u INT UNIQUE, n INT, v VARCHAR(40)",
        };
        let rows =
            if case.class == ConflictClass::Value { "(1, 1, 10, 1), (2, 2, 20, 2), (3, 3, 30, 3)" } else { ROWS };
        script.push_str(&format!("CREATE TABLE {table} ({columns}); INSERT INTO {table} VALUES {rows};\n"));
    }
    script
}

async fn ends(from: On, to: On) -> (End, End) {
    let origin = End::new(from, Side::Source, &schema(Side::Source, from)).await;
    eprintln!("{from:?} to {to:?}");
    let sink = End::new(to, Side::Target, &schema(Side::Target, to)).await;
    if from == On::Postgres {
        let full = CASES.iter().map(|case| format!("ALTER TABLE {} REPLICA IDENTITY FULL;", case.table));
        origin.execute(&full.collect::<String>()).await;
    }
    (origin, sink)
}

fn settings(policy: Policy) -> Settings {
    Settings { policies: Policies::all(policy), ..Settings::default() }
}

/// What makes the sink's column take the value that was too large.
fn widen(sink: &End) -> &'static str {
    match sink.engine() {
        Engine::Postgres => "ALTER TABLE short ALTER COLUMN v TYPE DECIMAL(30,10)",
        Engine::MySql => "ALTER TABLE short MODIFY v DECIMAL(30,10)",
        _ => "ALTER TABLE short DROP COLUMN v; ALTER TABLE short ADD COLUMN v DECIMAL(30,10); UPDATE short SET v = id",
    }
}

impl Case {
    async fn mend(&self, sink: &End) {
        sink.execute(if self.class == ConflictClass::Value { widen(sink) } else { self.mend }).await;
    }
}

/// Runs a stream until it ends by itself.
async fn run(stream: &Stream) -> Result<(), Error> {
    let (status, _) = watch::channel(switchback_replicate::Status::default());
    let stop = CancellationToken::new();
    tokio::time::timeout(PATIENCE, stream.run(&stop, &status)).await.expect("it does not end")
}

async fn conflict(stream: &Stream) -> Conflict {
    match run(stream).await {
        Err(Error::Conflict(conflict)) => *conflict,
        other => panic!("{other:?}"),
    }
}

async fn count(end: &End, query: &str) -> String {
    let mut writer = end.writer().await;
    ask(writer.as_mut(), query).await.unwrap().unwrap()
}

async fn stops_and_goes_on(from: On, to: On) {
    let (origin, sink) = ends(from, to).await;
    let mut one = stream(&origin, &sink, settings(Policy::Stop)).await;
    one.arm().await.unwrap_or_else(|e| panic!("{e:?}"));
    for (i, case) in CASES.iter().enumerate() {
        let what = format!("{:?} at {to:?}", case.class);
        let mark = 3 * i;
        if !case.drift.is_empty() {
            sink.execute(case.drift).await;
        }
        let before = format!("INSERT INTO marks VALUES ({}); UPDATE {} SET n = 21 WHERE id = 2", mark + 1, case.table);
        origin.execute(&before).await;
        let (within, behind) = (mark + 2, mark + 3);
        origin.execute(&format!("BEGIN; INSERT INTO marks VALUES ({within}); {}; COMMIT", case.change)).await;
        origin.execute(&format!("INSERT INTO marks VALUES ({behind})")).await;

        let first = conflict(&one).await;
        assert_eq!(
            (first.class, first.operation, first.key.as_str()),
            (case.class, case.operation, case.key),
            "{what}"
        );
        assert!(first.table.ends_with(case.table), "{what}: {first:?}");
        assert_eq!(
            count(&sink, LAST).await,
            (mark + 1).to_string(),
            "{what}: a part of it is there, or nothing before"
        );
        let left_alone = format!("SELECT n FROM {} WHERE id = 2", case.table);
        assert_eq!(count(&sink, &left_alone).await, "21", "{what}: what was before it is not there");
        let second = conflict(&one).await;
        assert_eq!(second, first, "{what}");
        assert!(one.dead_letters(0, 10).await.unwrap().is_empty());

        case.mend(&sink).await;
        // The sink's table may have another description now.
        one = stream(&origin, &sink, settings(Policy::Stop)).await;
        let running = Running::start(stream(&origin, &sink, settings(Policy::Stop)).await);
        wait_for_same(&origin, &sink, LAST, PATIENCE).await;
        running.stop().await;
    }
    assert_eq!(same_tables(&origin, &sink).await, CASES.len() + 1);
}

fn of<'l>(letters: &'l [DeadLetter], table: &str) -> Vec<&'l DeadLetter> {
    letters.iter().filter(|letter| letter.table.rsplit('.').next() == Some(table)).collect()
}

async fn puts_aside_and_replays(from: On, to: On, sessions: usize) {
    let (origin, sink) = ends(from, to).await;
    // A group with a value that has no place in the sink is not divided, and others are.
    let group_transactions = if sessions > 1 { 2 } else { 2_000 };
    let settings_of_one = Settings { sessions, group_transactions, ..settings(Policy::DeadLetter) };
    let one = stream(&origin, &sink, settings_of_one).await;
    one.arm().await.unwrap_or_else(|e| panic!("{e:?}"));
    for case in &CASES {
        if !case.drift.is_empty() {
            sink.execute(case.drift).await;
        }
        let table = case.table;
        let key = case.key;
        let held = match case.operation {
            "delete" => format!("INSERT INTO {table} VALUES (1, 1, 11, NULL)"),
            _ => format!("UPDATE {table} SET n = 12 WHERE {key}"),
        };
        // In one transaction, and in the next.
        origin.execute(&format!("BEGIN; {}; UPDATE {table} SET n = 31 WHERE id = 3; COMMIT", case.change)).await;
        origin.execute(&format!("BEGIN; {held}; UPDATE {table} SET n = 21 WHERE id = 2; COMMIT")).await;
    }
    origin.execute("INSERT INTO marks VALUES (1)").await;
    let running = Running::start(one);
    wait_for_same(&origin, &sink, LAST, PATIENCE).await;
    let status = running.stop().await;
    assert_eq!(status.dead_letters, 2 * CASES.len() as u64);
    assert_eq!(status.divided > 0, sessions > 1);

    let one = stream(&origin, &sink, settings(Policy::DeadLetter)).await;
    let letters = one.dead_letters(0, 100).await.unwrap_or_else(|e| panic!("{e:?}"));
    assert!(letters.is_sorted_by_key(|letter| letter.id));
    for case in &CASES {
        let what = format!("{:?} at {to:?}", case.class);
        let [first, second] = of(&letters, case.table)[..] else { panic!("{what}: {letters:#?}") };
        assert_letter(case, first, &what);
        assert_eq!((second.class, second.state), (ConflictClass::Held, LetterState::Waiting), "{what}");
        assert!(second.seq == first.seq + 1 && second.ordinal == 1, "{what}");
        for (id, n) in [(2, "21"), (3, "31")] {
            let query = format!("SELECT n FROM {} WHERE id = {id}", case.table);
            assert_eq!(count(&sink, &query).await, n, "{what}: other keys must flow");
        }
    }

    // As long as nothing was mended, all of them stay.
    let ids: Vec<i64> = letters.iter().map(|letter| letter.id).collect();
    let replayed = one.replay(&ids).await.unwrap_or_else(|e| panic!("{e:?}"));
    assert!(replayed.made.is_empty(), "{replayed:?}");
    assert_eq!(replayed.left.len(), ids.len());
    for case in &CASES {
        case.mend(&sink).await;
        let [first, second] = of(&letters, case.table)[..] else { panic!() };
        let one = stream(&origin, &sink, settings(Policy::DeadLetter)).await;
        // Not past the earlier one.
        let replayed = one.replay(&[second.id]).await.unwrap();
        assert_eq!(replayed.left.first().map(|left| left.class), Some(ConflictClass::Held), "{:?}", case.class);
        let replayed = one.replay(&[second.id, first.id]).await.unwrap();
        assert_eq!((replayed.made, replayed.left), (vec![first.id, second.id], vec![]), "{:?}", case.class);
    }
    // The keys are free again.
    let running = Running::start(stream(&origin, &sink, settings(Policy::Stop)).await);
    for case in &CASES {
        origin.execute(&format!("UPDATE {} SET n = 13 WHERE {}", case.table, case.key)).await;
    }
    origin.execute("INSERT INTO marks VALUES (2)").await;
    wait_for_same(&origin, &sink, LAST, PATIENCE).await;
    running.stop().await;
    assert_eq!(same_tables(&origin, &sink).await, CASES.len() + 1);
    assert!(one.dead_letters(0, 10).await.unwrap().is_empty());
}

fn assert_letter(case: &Case, letter: &DeadLetter, what: &str) {
    assert_eq!(
        (letter.class, letter.state, letter.policy, letter.operation.as_str(), letter.key.as_str()),
        (case.class, LetterState::Waiting, Policy::DeadLetter, case.operation, case.key),
        "{what}"
    );
    assert_eq!((letter.stream.as_str(), letter.ordinal), ("forward", 1), "{what}");
    assert!(!letter.incarnation.is_empty() && !letter.position.0.is_empty() && letter.committed_at > 0, "{what}");
    let cell = |row: &switchback_replicate::TextRow, name: &str| {
        row.0.iter().find(|(column, _)| column == name).map(|(_, value)| value.clone().unwrap_or_default())
    };
    let in_the_way = letter.sink_row.as_ref().map(|row| cell(row, case.in_the_way.map_or("", |(name, _)| name)));
    assert_eq!(in_the_way, case.in_the_way.map(|(_, value)| Some(value.to_owned())), "{what}: {letter:#?}");
    assert_eq!(letter.before.is_some(), case.operation != "insert", "{what}");
    assert_eq!(letter.after.is_some(), case.operation != "delete", "{what}");
    match case.class {
        ConflictClass::Value => {
            let value = cell(letter.after.as_ref().unwrap(), "v").unwrap();
            assert!(
                value.starts_with("12345678901234567890.5"),
                "{what}: the value is what an operator needs: {value}"
            );
            assert!(letter.reason.as_ref().is_some_and(|why| why.contains("`v`")), "{what}: {letter:#?}");
        }
        ConflictClass::InsertExists => {
            assert_eq!(cell(letter.after.as_ref().unwrap(), "v").as_deref(), Some("it's ours"), "{what}");
        }
        ConflictClass::Constraint | ConflictClass::Ambiguous => assert!(letter.reason.is_some(), "{what}"),
        ConflictClass::UniqueOtherRow => {
            let why = letter.reason.as_deref().unwrap_or_default();
            assert!(why.contains("unique_other_row") || why.contains("'u'"), "{what}: {why} does not say which key");
        }
        _ => {}
    }
}

/// A row of somebody else's is in the way of one that the origin made and removed
/// again: what the two come to is nothing, and still it is a conflict.
async fn finds_what_came_and_went(from: On, to: On) {
    let (origin, sink) = ends(from, to).await;
    let one = stream(&origin, &sink, settings(Policy::Stop)).await;
    one.arm().await.unwrap_or_else(|e| panic!("{e:?}"));
    sink.execute("INSERT INTO insert_exists VALUES (9, 90, 1, 'theirs')").await;
    origin
        .execute(
            "BEGIN; INSERT INTO insert_exists VALUES (9, 91, 2, 'x'); DELETE FROM insert_exists WHERE id = 9; COMMIT",
        )
        .await;
    let found = conflict(&one).await;
    assert_eq!(
        (found.class, found.operation, found.key.as_str()),
        (ConflictClass::InsertExists, "insert", "id=9"),
        "{to:?}"
    );
    assert_eq!(count(&sink, "SELECT v FROM insert_exists WHERE id = 9").await, "theirs");
    sink.execute("DELETE FROM insert_exists WHERE id = 9").await;
    origin.execute("INSERT INTO marks VALUES (1)").await;
    let running = Running::start(one);
    wait_for_same(&origin, &sink, LAST, PATIENCE).await;
    running.stop().await;
    assert_eq!(count(&sink, "SELECT COUNT(*) FROM insert_exists WHERE id = 9").await, "0");
}

async fn overwrites_what_it_may(from: On, to: On) {
    let (origin, sink) = ends(from, to).await;
    let one = stream(&origin, &sink, settings(Policy::Overwrite)).await;
    one.arm().await.unwrap_or_else(|e| panic!("{e:?}"));
    for case in &CASES {
        if !case.drift.is_empty() {
            sink.execute(case.drift).await;
        }
        origin.execute(case.change).await;
    }
    origin.execute("INSERT INTO marks VALUES (1)").await;
    let running = Running::start(one);
    wait_for_same(&origin, &sink, LAST, PATIENCE).await;
    running.stop().await;
    let one = stream(&origin, &sink, settings(Policy::Overwrite)).await;
    let letters = one.dead_letters(0, 100).await.unwrap();
    assert_eq!(letters.len(), CASES.len());
    for case in &CASES {
        let what = format!("{:?} at {to:?}", case.class);
        let [letter] = of(&letters, case.table)[..] else { panic!("{what}: {letters:#?}") };
        let state = if case.overwrites { LetterState::Overwrote } else { LetterState::Waiting };
        assert_eq!((letter.class, letter.policy, letter.state), (case.class, Policy::Overwrite, state), "{what}");
        if let Some((name, value)) = case.in_the_way {
            let row = letter.sink_row.as_ref().unwrap_or_else(|| panic!("{what}: what was replaced is not kept"));
            assert!(row.0.contains(&(name.to_owned(), Some(value.to_owned()))), "{what}: {row:?}");
        }
        if !case.overwrites && case.class != ConflictClass::Value {
            case.mend(&sink).await;
            let one = stream(&origin, &sink, settings(Policy::Overwrite)).await;
            assert_eq!(one.replay(&[letter.id]).await.unwrap().made, [letter.id], "{what}");
        } else if case.class == ConflictClass::Value {
            // Given up: it is not in the sink, nothing waits for it, and it is kept.
            assert_eq!(one.discard(&[letter.id]).await.unwrap(), 1);
            let letters = one.dead_letters(letter.id - 1, 1).await.unwrap();
            assert_eq!(letters.first().map(|l| (l.id, l.state)), Some((letter.id, LetterState::Discarded)));
            origin.execute("DELETE FROM short WHERE id = 9").await;
            case.mend(&sink).await;
        }
    }
    let running = Running::start(stream(&origin, &sink, settings(Policy::DeadLetter)).await);
    origin.execute("INSERT INTO marks VALUES (2)").await;
    wait_for_same(&origin, &sink, LAST, PATIENCE).await;
    running.stop().await;
    assert_eq!(same_tables(&origin, &sink).await, CASES.len() + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_stops_the_stream_until_the_sink_is_mended() {
    for to in ALL {
        stops_and_goes_on(On::Postgres, to).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_put_aside_and_made_later() {
    for to in ALL {
        puts_aside_and_replays(On::Postgres, to, 1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_overwritten_and_what_they_were_is_kept() {
    for to in ALL {
        overwrites_what_it_may(On::Postgres, to).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_came_and_went_meets_what_is_in_its_way() {
    for to in ALL {
        finds_what_came_and_went(On::Postgres, to).await;
    }
}

/// What does not fit is found by one of several sessions, and put aside behind the
/// others.
#[tokio::test(flavor = "multi_thread")]
async fn several_sessions_put_the_same_aside() {
    for to in [On::Postgres, On::MySql] {
        puts_aside_and_replays(On::Postgres, to, 3).await;
    }
}
