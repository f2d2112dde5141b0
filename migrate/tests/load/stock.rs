//! Tables that are large enough to be cut, and somebody who changes them.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use switchback_engines::{Endpoint, Engine, StreamName};
use switchback_fixtures::{Server, Side};
use switchback_migrate::load::{Load, Settings};
use switchback_replicate::{Spec, Stream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::harness::end::{End, On, open};
use crate::harness::shop;
use crate::harness::stage::all_pairs;

/// Rows of `parts` and of `names` at first.
pub(crate) const PARTS: i64 = 2_000;
const NAMES: i64 = 700;

/// The shop, with two tables more: one keyed by a number, one by text that
/// servers sort differently; and one that nobody changes.
fn tables() -> String {
    let shop: String =
        shop::schema().lines().filter(|line| !line.starts_with("INSERT")).map(|l| format!("{l}\n")).collect();
    shop + "CREATE TABLE parts (id BIGINT NOT NULL PRIMARY KEY, label VARCHAR(300), price DECIMAL(12,2), n INT);\n\
     CREATE TABLE names (name VARCHAR(60) NOT NULL PRIMARY KEY, n INT);\n\
     CREATE TABLE quiet (n INT, label VARCHAR(60));\n"
}

fn name(n: i64) -> String {
    const LETTERS: [&str; 8] = ["ä", "Z", "a", "_", "é", "B", "zz", "ß"];
    let letters: String = (0..3).map(|i| LETTERS[usize::try_from((n * 7 + i * 3 + n / 8) % 8).unwrap()]).collect();
    format!("{letters}{n}")
}

fn rows() -> String {
    let inserts: String =
        shop::schema().lines().filter(|l| l.starts_with("INSERT")).map(|l| format!("{l}\n")).collect();
    let part = |id: i64| format!("({}, 'part {id} \\ it''s {}', {id}.50, NULL)", id * 3, "x".repeat(100));
    let mut script = inserts;
    let mut insert = |table: &str, rows: Vec<String>| {
        for some in rows.chunks(500) {
            script.push_str(&format!("INSERT INTO {table} VALUES {};\n", some.join(", ")));
        }
    };
    insert("parts", (0..PARTS).map(part).collect());
    insert("names", (0..NAMES).map(|n| format!("('{}', {n})", name(n))).collect());
    insert("quiet", (0..300).map(|n| format!("({}, 'twice')", n / 2)).collect());
    script
}

/// A source with rows, and a target with none.
pub(crate) async fn stocked(from: On, to: On) -> (End, End) {
    let origin = End::new(from, Side::Source, &(tables() + &rows())).await;
    origin.execute(analyze(from)).await;
    (origin, End::new(to, Side::Target, &tables()).await)
}

/// The same on two servers of a test's own.
pub(crate) async fn stocked_on(servers: (&Server, &Server), on: On) -> (End, End) {
    let origin = End::on(servers.0, "stock", &(tables() + &rows())).await;
    origin.execute(analyze(on)).await;
    (origin, End::on(servers.1, "stock", &tables()).await)
}

fn analyze(on: On) -> &'static str {
    match on {
        On::Postgres => "ANALYZE",
        On::MySql | On::MariaDb => "ANALYZE TABLE parts; ANALYZE TABLE names; ANALYZE TABLE quiet",
        // Or nobody could write while it is read.
        On::Sqlite => "PRAGMA journal_mode = WAL",
    }
}

pub(crate) async fn stream(origin: &End, sink: &End) -> Stream {
    of_all(Arc::clone(&origin.endpoint), Arc::clone(&sink.endpoint)).await
}

pub(crate) async fn stream_between(origin: &str, sink: &str) -> Arc<Stream> {
    Arc::new(of_all(open(origin).await, open(sink).await).await)
}

pub(crate) async fn of_all(origin: Arc<dyn Endpoint>, sink: Arc<dyn Endpoint>) -> Stream {
    let tables = all_pairs(&origin, &sink).await;
    let settings = switchback_replicate::Settings::default();
    let spec = Spec { name: StreamName::new("forward").unwrap(), opposite: None, tables, settings };
    Stream::new(origin, sink, spec).unwrap_or_else(|e| panic!("{e:?}"))
}

/// Small ranges, so that there are many boundaries to be killed at.
pub(crate) fn settings() -> Settings {
    Settings { workers: 3, range_bytes: 16 << 10, ..Settings::default() }
}

pub(crate) async fn load(origin: &End, sink: &End, settings: Settings) -> Load {
    Load::new(Arc::new(stream(origin, sink).await), settings)
}

/// Somebody who changes parts and names until told to stop.
pub(crate) struct Clerk {
    home: CancellationToken,
    task: JoinHandle<u64>,
}

impl Clerk {
    pub(crate) fn start(end: &End, seed: u64, pause: Duration) -> Self {
        let home = CancellationToken::new();
        let (session, until) = (end.session(), home.clone());
        let task = tokio::spawn(async move {
            let mut random = StdRng::seed_from_u64(seed);
            let mut writer = session.open().await;
            let mut done = 0;
            let mut next = 1_000_000;
            while !until.is_cancelled() {
                // A write lock that is taken late may be refused.
                let begin = if session.engine() == Engine::Sqlite { "BEGIN IMMEDIATE" } else { "BEGIN" };
                let mut statements = vec![begin.to_owned()];
                statements.extend(changes(&mut random, &mut next));
                statements.push("COMMIT".to_owned());
                match writer.run(&statements).await {
                    Ok(_) => done += 1,
                    Err(failed) => {
                        assert!(failed.violation.is_some(), "{failed:?}");
                        writer.run(&["ROLLBACK".to_owned()]).await.unwrap_or_else(|e| panic!("{e:?}"));
                    }
                }
                tokio::time::sleep(pause).await;
            }
            done
        });
        Self { home, task }
    }

    pub(crate) async fn stop(self) -> u64 {
        self.home.cancel();
        self.task.await.unwrap()
    }
}

/// Rows change, come, go, and move to the other end of the table.
fn changes(random: &mut StdRng, next: &mut i64) -> Vec<String> {
    *next += 1;
    let (n, id) = (*next, random.random_range(0..PARTS) * 3);
    let other = random.random_range(0..NAMES);
    vec![
        format!("UPDATE parts SET n = {n} WHERE id = {id}"),
        match random.random_range(0..5) {
            0 => format!("DELETE FROM parts WHERE id = {}", random.random_range(0..PARTS) * 3),
            1 => format!("INSERT INTO parts VALUES ({}, 'new', 1.00, {n})", id + 1),
            2 => format!("UPDATE parts SET id = {n} WHERE id = {id}"),
            3 => format!("UPDATE names SET name = 'm{n}' WHERE name = '{}'", name(other)),
            _ => format!("UPDATE names SET n = {n} WHERE name = '{}'", name(other)),
        },
    ]
}
