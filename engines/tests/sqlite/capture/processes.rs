//! Programs that write at the same time, and die.

use std::collections::HashMap;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _};
use switchback_engines::{Change, OwnedValue};

use super::{Copy, File, Group, arm, changes, drain, last, number, seq, until};

const FILE: &str = "SWITCHBACK_TEST_SQLITE_WRITER";
const ROWS: usize = 40;

/// Not a test of its own: the program that is killed. It commits transactions of
/// [`ROWS`] rows with one number each, until it dies.
#[tokio::test]
async fn writing_child() {
    let Ok(path) = std::env::var(FILE) else { return };
    let mut connection = SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(Duration::from_secs(60))
        .foreign_keys(false)
        .connect()
        .await
        .unwrap();
    let mut n = 0u64;
    loop {
        let tx = format!("'{}-{n}'", std::process::id());
        n += 1;
        let mut sql = "BEGIN IMMEDIATE;".to_owned();
        for row in 0..ROWS - 2 {
            sql.push_str(&format!(
                "INSERT OR REPLACE INTO t(k, tx, n) VALUES ({}, {tx}, {row});",
                (n + 7 * row as u64) % 97
            ));
        }
        sql.push_str(&format!("INSERT INTO done VALUES ({tx}); UPDATE total SET n = n + 1, tx = {tx}; COMMIT"));
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    }
}

struct Killed(Child);

impl Killed {
    fn start(file: &File) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "sqlite::capture::processes::writing_child"])
            .env(FILE, file.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        // On Unix this is kill -9.
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test]
async fn a_killed_program_leaves_no_cut_transaction() {
    for mode in ["WAL", "DELETE"] {
        let mut file = File::with(&format!(
            "PRAGMA journal_mode = {mode}; PRAGMA busy_timeout = 60000; CREATE TABLE t(k INTEGER PRIMARY KEY, tx, n); \
             CREATE TABLE done(tx); CREATE TABLE total(id INTEGER PRIMARY KEY, n, tx)"
        ))
        .await;
        let stream = arm(&file, &["t", "done", "total"]).await;
        file.run("INSERT INTO total VALUES (1, 0, NULL)").await;
        let mut capture = stream.start().await;
        let (mut groups, mut read) = (Vec::new(), seq(&stream.armed.position));
        for kill in 0..6 {
            let enough = last(&mut file).await + 120 + 37 * kill;
            // Two at once.
            let _children = [Killed::start(&file), Killed::start(&file)];
            let some = until_at_least(&mut capture, &mut read, enough).await;
            groups.extend(some);
            // Every other time the reader goes as well, with what it has read.
            if kill % 2 == 0 {
                let from = groups.last().map_or(&stream.armed.position, |group: &Group| &group.position);
                capture = stream.capture(&from.clone()).await;
            }
        }
        groups.extend(drain(&mut file, &mut capture, read).await);
        check(&mut file, &groups).await;
        // In one go it is the same.
        assert_eq!(changes(&stream.all(&mut file).await), changes(&groups), "{mode}");
    }
}

/// Whole groups, until the log was read to `end` or further.
async fn until_at_least(capture: &mut Box<dyn switchback_engines::Capture>, read: &mut i64, end: i64) -> Vec<Group> {
    use switchback_engines::Event;
    let (mut groups, mut open) = (Vec::new(), Vec::new());
    while *read < end {
        let next = tokio::time::timeout(Duration::from_secs(60), capture.next()).await.expect("events in time");
        for event in next.unwrap() {
            match event {
                Event::Change(change) => open.push(change),
                Event::Commit { position, .. } => {
                    *read = seq(&position);
                    groups.push(Group { changes: std::mem::take(&mut open), position });
                }
                Event::Begin | Event::Idle { .. } => {}
            }
        }
    }
    // What lies behind the last whole group is read again by whoever comes next.
    while !open.is_empty() {
        for event in capture.next().await.unwrap() {
            match event {
                Event::Change(change) => open.push(change),
                Event::Commit { position, .. } => {
                    *read = seq(&position);
                    groups.push(Group { changes: std::mem::take(&mut open), position });
                }
                Event::Begin | Event::Idle { .. } => {}
            }
        }
    }
    groups
}

/// Each transaction is whole within one group, there are as many as the table
/// says, and the copies are the tables.
async fn check(file: &mut File, groups: &[Group]) {
    let mut whole = 0;
    for group in groups {
        let mut rows: HashMap<String, usize> = HashMap::new();
        for change in &group.changes {
            let (new, tx) = match change {
                Change::Insert { table: 0, new } => (new, 1),
                Change::Insert { table: 1, new } => (new, 0),
                Change::Update { table: 2, new, .. } => (new, 2),
                _ => continue,
            };
            if let Some(OwnedValue::Text(tx)) = &new[tx] {
                *rows.entry(tx.to_string()).or_default() += 1;
            }
        }
        for (tx, count) in rows {
            assert_eq!(count, ROWS, "{tx} is cut");
            whole += 1;
        }
    }
    assert_eq!(whole, number(file, "SELECT n FROM total").await);
    assert_eq!(whole, number(file, "SELECT count(*) FROM done").await);
    assert!(whole >= 12, "{whole}");
    for (number, table) in ["t", "done", "total"].into_iter().enumerate() {
        let mut copy = Copy::default();
        let of_table: Vec<Change> = changes(groups)
            .into_iter()
            .filter(|change| {
                matches!(change, Change::Insert { table, .. } | Change::Update { table, .. } | Change::Delete { table, .. } if *table == number)
            })
            .collect();
        copy.apply(&of_table).unwrap();
        copy.is(file, table).await.unwrap();
    }
}

/// Four connections at once, each with its own transactions.
#[tokio::test]
async fn writers_at_once_are_delivered_in_the_order_of_their_commits() {
    for mode in ["WAL", "DELETE"] {
        let mut file = File::with(&format!(
            "PRAGMA journal_mode = {mode}; PRAGMA busy_timeout = 60000; CREATE TABLE t(at INTEGER PRIMARY KEY, who, n); \
             CREATE TABLE clock(n); INSERT INTO clock VALUES (0)"
        ))
        .await;
        let stream = arm(&file, &["t"]).await;
        let mut capture = stream.start().await;
        let path = file.path();
        let writers: Vec<_> = (0..4)
            .map(|who| {
                let options = SqliteConnectOptions::new().filename(&path).busy_timeout(Duration::from_secs(60));
                tokio::spawn(async move {
                    let mut connection = options.connect().await.unwrap();
                    for n in 0..50 {
                        let row = format!(
                            "INSERT INTO t VALUES ((SELECT n FROM clock), {who}, {n}); UPDATE clock SET n = n + 1;"
                        );
                        let sql = format!("BEGIN IMMEDIATE; {row} {row} COMMIT");
                        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
                    }
                })
            })
            .collect();
        let groups = until(&mut capture, 0, 400).await;
        for writer in writers {
            writer.await.unwrap();
        }
        let at: Vec<OwnedValue> = changes(&groups)
            .iter()
            .map(|change| match change {
                Change::Insert { new, .. } => new[0].clone().unwrap(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(at, (0..400).map(super::super::int).collect::<Vec<_>>(), "{mode}");
        assert!(groups.iter().all(|group| group.changes.len() % 2 == 0), "{mode}");
        assert_eq!(last(&mut file).await, 400);
    }
}

/// Who can't get in waits, however long.
#[tokio::test]
async fn a_locked_file_is_waited_for() {
    let mut file = File::with("CREATE TABLE t(a)").await;
    let mut stream = arm(&file, &["t"]).await;
    let options =
        switchback_engines::ConnectOptions { connect_timeout: Duration::from_millis(20), ..Default::default() };
    stream.db = file.open_with("", &options).await.unwrap();
    let mut capture = stream.start().await;
    file.run("INSERT INTO t VALUES (1); BEGIN EXCLUSIVE; INSERT INTO t VALUES (2)").await;
    assert!(tokio::time::timeout(Duration::from_millis(200), capture.next()).await.is_err());
    file.run("COMMIT").await;
    let groups = until(&mut capture, 0, 2).await;
    assert_eq!(changes(&groups).len(), 2);
}
