//! Text in every character set of MySQL and MariaDB, class by class of code
//! points, held against Unicode on the same server and on PostgreSQL.
//!
//! The server says which sets it has and which of the [`CLASSES`]' code points
//! each of them can hold. For every set there are three tables:
//! - `held_…`: what it holds. Equal to the Unicode twin; and when one code point
//!   of each class becomes its neighbour, exactly those rows differ.
//! - `lost_…`: what the server made of the others. All of it differs.
//! - `raw_…`, of sets with one byte to a character: all 256 bytes. Where a byte
//!   means nothing and the server's own conversion makes `?` of it, equal would be
//!   a lie. Two bytes for one character (ARMSCII-8 has some) are the same text.

mod classes;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use classes::{CLASSES, MADE_FOR, Point, WHOLE, points};
use fixtures::Side;
use fixtures::dataset::Dialect;
use switchback_engines::{Database, OwnedValue, ReadRequest, Scope, TableRef, Value};
use switchback_fixtures as fixtures;
use switchback_verify::{Kind, Options, RunOutcome, Selection, TableOutcome, Verdict};
use tokio::sync::mpsc;

use crate::collect::Found;
use crate::home::{Home, Place, compare, home};

#[tokio::test(flavor = "multi_thread")]
async fn mysql() {
    every_charset(Dialect::MySql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb() {
    every_charset(Dialect::MariaDb).await;
}

async fn every_charset(dialect: Dialect) {
    let points = points();
    let source = Charsets::fill(dialect, &points).await;
    source.are_worth_the_test(&points);
    for target in [dialect, Dialect::Postgres] {
        let twin = source.twin(target, &points, &BTreeMap::new()).await;
        let (outcome, found) = run(&source.home, &twin, &["held_*", "lost_*"]).await;
        source.judge_twin(target, &outcome, &found, &points);
        let changed = source.changed(target, &points);
        let other = source.twin(target, &points, &changed).await;
        let (outcome, found) = run(&source.home, &other, &["held_*"]).await;
        source.judge_changed(&outcome, &found, &changed);
    }
    source.judge_bytes(dialect).await;
}

async fn run(source: &Home, target: &Home, tables: &[&str]) -> (RunOutcome, Found) {
    let include = tables.iter().map(|table| table.parse().unwrap()).collect();
    let selection = Selection { include, ..Selection::default() };
    compare(source, target, Options { selection, ..Options::default() }).await
}

fn hex(char: char) -> String {
    char.encode_utf8(&mut [0; 4]).bytes().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02X}");
        hex
    })
}

/// A source with tables for each of its server's character sets.
struct Charsets {
    home: Home,
    /// For each set the code points that it holds.
    held: BTreeMap<String, BTreeSet<i64>>,
    lost: BTreeMap<String, BTreeSet<i64>>,
    /// Sets of single bytes.
    narrow: BTreeSet<String>,
}

/// Each code point alone, and where marks and neighbours are around it.
const COLUMNS: &str = "v, CONCAT('a', v, '?b'), CONCAT(v, v)";

/// One in so many of the code points that a set can't hold.
const LOST_ONE_IN: i64 = 16;

impl Charsets {
    async fn fill(dialect: Dialect, points: &[Point]) -> Self {
        let rows: Vec<String> = points.iter().map(|p| format!("({}, _utf8mb4 x'{}')", p.id, hex(p.char))).collect();
        let script = format!(
            "CREATE TABLE points (id INT PRIMARY KEY, v VARCHAR(9) CHARACTER SET utf8mb4); \
             INSERT INTO points VALUES {}; \
             CREATE TABLE holds (charset VARCHAR(40) CHARACTER SET utf8mb4, id INT); \
             CREATE TABLE charsets AS SELECT CONVERT(CHARACTER_SET_NAME USING utf8mb4) AS charset, MAXLEN AS bytes \
             FROM information_schema.CHARACTER_SETS WHERE CHARACTER_SET_NAME <> 'binary'",
            rows.join(", ")
        );
        let home = home(dialect, Side::Source, &script).await;
        let mut narrow = BTreeSet::new();
        let mut script = String::new();
        for row in all_rows(&home.connected, "charsets").await {
            let charset = words(&row[0]);
            script += &tables(&charset);
            if number(&row[1]) == 1 {
                script += &bytes(&charset);
                narrow.insert(charset);
            }
        }
        home.place.execute(&script).await;
        let mut held: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
        for row in all_rows(&home.connected, "holds").await {
            held.entry(words(&row[0])).or_default().insert(number(&row[1]));
        }
        let is_sampled = |id: &i64| id % LOST_ONE_IN == 0;
        let lost = |held: &BTreeSet<i64>| {
            points.iter().map(|p| p.id).filter(is_sampled).filter(|id| !held.contains(id)).collect()
        };
        let lost = held.iter().map(|(charset, held)| (charset.clone(), lost(held))).collect();
        Self { home, held, lost, narrow }
    }

    /// That the sets are the known ones, and hold what they are there for.
    fn are_worth_the_test(&self, points: &[Point]) {
        assert!(self.held.len() >= 39, "only {:?}", self.held.keys());
        let count = |class: &str, held: &BTreeSet<i64>| {
            let all: Vec<_> = points.iter().filter(|p| p.class == class).collect();
            (all.iter().filter(|p| held.contains(&p.id)).count(), all.len())
        };
        for (charset, classes) in MADE_FOR {
            for class in classes {
                let (held, all) = count(class, &self.held[charset]);
                assert!(held * 2 >= all, "{charset} holds {held} of {all} of {class}");
            }
        }
        for charset in WHOLE.iter().filter(|charset| self.held.contains_key(**charset)) {
            assert_eq!(self.held[*charset].len(), points.len(), "{charset}");
        }
        for (charset, held) in &self.held {
            assert!(held.len() > 90, "{charset} holds {} code points", held.len());
        }
    }

    /// For each set and class the row that becomes its neighbour.
    fn changed(&self, target: Dialect, points: &[Point]) -> BTreeMap<String, BTreeMap<i64, char>> {
        let of = |held: &BTreeSet<i64>| {
            let mut changed = BTreeMap::new();
            for (class, ..) in CLASSES {
                let here: Vec<_> = points
                    .iter()
                    .filter(|p| p.class == class && held.contains(&p.id) && fits(target, p.char))
                    .collect();
                // Of a class with one member, another class's.
                let next = here.get(1).map_or('x', |next| next.char);
                changed.extend(here.first().map(|first| (first.id, next)));
            }
            changed
        };
        self.held.iter().map(|(charset, held)| (charset.clone(), of(held))).collect()
    }

    /// The same rows in Unicode, but for those in `changed`.
    async fn twin(&self, target: Dialect, points: &[Point], changed: &BTreeMap<String, BTreeMap<i64, char>>) -> Home {
        let place = Place::new(target, Side::Target, "charsets").await;
        let text = match target {
            Dialect::Postgres => "varchar(9)",
            _ => "VARCHAR(9) CHARACTER SET utf8mb4",
        };
        let (no_change, mut script) = (BTreeMap::new(), String::new());
        for (charset, held) in &self.held {
            for (table, ids, changed) in [
                (format!("held_{charset}"), held, changed.get(charset).unwrap_or(&no_change)),
                (format!("lost_{charset}"), &self.lost[charset], &no_change),
            ] {
                let rows = points.iter().filter(|p| ids.contains(&p.id) && fits(target, p.char));
                let rows = rows.map(|p| row(target, p.id, changed.get(&p.id).copied().unwrap_or(p.char)));
                let rows: Vec<String> = rows.collect();
                let _ = write!(script, "CREATE TABLE {table} (id INT PRIMARY KEY, v {text}, w {text}, x {text});");
                if !rows.is_empty() {
                    let _ = write!(script, "INSERT INTO {table} VALUES {};", rows.join(", "));
                }
            }
        }
        place.execute(&script).await;
        Home { connected: place.connect().await, place }
    }

    fn judge_twin(&self, target: Dialect, outcome: &RunOutcome, found: &Found, points: &[Point]) {
        let nul = points.iter().filter(|p| !fits(target, p.char)).map(|p| p.id).collect::<BTreeSet<_>>();
        for (charset, held) in &self.held {
            // A NUL is on the source alone where the target can't hold it.
            let expected = held.intersection(&nul).copied().collect::<BTreeSet<_>>();
            assert_eq!(differing(found, &format!("held_{charset}")), expected, "{charset}");
            let table = table_of(outcome, &format!("held_{charset}"));
            let verdict = if expected.is_empty() { Verdict::Equal } else { Verdict::Different };
            assert_eq!((table.verdict, table.source_rows), (verdict, held.len() as u64), "{charset}: {table:?}");
            let lost = differing(found, &format!("lost_{charset}"));
            assert_eq!(lost, self.lost[charset], "{charset}: what it can't hold");
            let table = table_of(outcome, &format!("lost_{charset}"));
            assert!(table.problems.is_empty(), "{table:?}");
        }
    }

    fn judge_changed(&self, outcome: &RunOutcome, found: &Found, changed: &BTreeMap<String, BTreeMap<i64, char>>) {
        for (charset, changed) in changed {
            let name = format!("held_{charset}");
            let table = table_of(outcome, &name);
            assert!(table.problems.is_empty(), "{table:?}");
            let of_table = found.iter().filter(|(plan, d)| plan.source.name.name == name && d.kind == Kind::Changed);
            let rows: BTreeMap<i64, Vec<usize>> =
                of_table.map(|(_, d)| (number(&d.source.as_ref().unwrap()[0]), d.changed.clone())).collect();
            let expected = changed.keys().map(|id| (*id, vec![1, 2, 3])).collect();
            assert_eq!(rows, expected, "{charset}");
        }
    }

    /// The bytes of the narrow sets against what the server itself makes of them.
    async fn judge_bytes(&self, dialect: Dialect) {
        let mut script = "CREATE TABLE lossy (charset VARCHAR(40), bytes INT);".to_owned();
        for charset in &self.narrow {
            let text = "CAST(CONVERT(v USING utf8mb4) AS BINARY)";
            let _ = write!(
                script,
                "{} INSERT INTO lossy SELECT '{charset}', COUNT(*) FROM raw_{charset} \
                 WHERE {text} IN (x'3F', x'EFBFBD') AND CAST(v AS BINARY) <> x'3F'; \
                 ALTER TABLE raw_{charset} MODIFY v VARCHAR(1) CHARACTER SET utf8mb4;",
                bytes(charset)
            );
        }
        let target = home(dialect, Side::Target, &script).await;
        let lossy = all_rows(&target.connected, "lossy").await.into_iter().filter(|row| number(&row[1]) > 0);
        let lossy: BTreeSet<String> = lossy.map(|row| words(&row[0])).collect();
        assert!(lossy.len() >= 10 && lossy.len() < self.narrow.len(), "{lossy:?}");
        let (outcome, found) = run(&self.home, &target, &["raw_*"]).await;
        for charset in &self.narrow {
            let table = table_of(&outcome, &format!("raw_{charset}"));
            if lossy.contains(charset) {
                assert_eq!(table.verdict, Verdict::Incomplete, "{charset}: {table:?}");
                let [problem] = table.problems.as_slice() else { panic!("{table:?}") };
                assert!(problem.message.contains(&format!("raw_{charset}`.`v`")), "{problem:?}");
            } else {
                assert_eq!(table.verdict, Verdict::Equal, "{charset}: {table:?}");
            }
        }
        assert!(found.is_empty(), "{found:?}");
    }
}

/// Whether text there can have it.
fn fits(target: Dialect, char: char) -> bool {
    target != Dialect::Postgres || char != '\0'
}

fn row(target: Dialect, id: i64, char: char) -> String {
    let text = |text: String| {
        let hex = text.chars().map(hex).collect::<String>();
        match target {
            Dialect::Postgres => format!("convert_from('\\x{hex}', 'UTF8')"),
            _ => format!("_utf8mb4 x'{hex}'"),
        }
    };
    let texts = [char.to_string(), format!("a{char}?b"), format!("{char}{char}")];
    format!("({id}, {})", texts.map(text).join(", "))
}

/// What one character set makes of the code points. Asking for a conversion is
/// no error where a character has no place.
fn tables(charset: &str) -> String {
    let columns = |name: &str| {
        format!(
            "CREATE TABLE {name} (id INT PRIMARY KEY, v VARCHAR(9), w VARCHAR(9), x VARCHAR(9)) CHARACTER SET {charset}"
        )
    };
    let converted = format!("(SELECT id, CONVERT(v USING {charset}) AS v FROM points) AS converted");
    format!(
        "SET sql_mode = ''; INSERT INTO holds SELECT '{charset}', id FROM points \
         WHERE CAST(CONVERT(CONVERT(v USING {charset}) USING utf8mb4) AS BINARY) = CAST(v AS BINARY); \
         {}; {}; \
         INSERT INTO held_{charset} SELECT id, {COLUMNS} FROM {converted} \
         WHERE id IN (SELECT id FROM holds WHERE charset = '{charset}'); \
         INSERT INTO lost_{charset} SELECT id, {COLUMNS} FROM {converted} \
         WHERE id NOT IN (SELECT id FROM holds WHERE charset = '{charset}') AND id % {LOST_ONE_IN} = 0;",
        columns(&format!("held_{charset}")),
        columns(&format!("lost_{charset}")),
    )
}

/// Each byte as a text of its own, by way of a column that takes any.
fn bytes(charset: &str) -> String {
    let rows: Vec<String> = (0..=255).map(|b| format!("({b}, x'{b:02X}')")).collect();
    format!(
        "SET sql_mode = ''; DROP TABLE IF EXISTS bytes; \
         CREATE TABLE bytes (id INT PRIMARY KEY, v VARBINARY(1)); INSERT INTO bytes VALUES {}; \
         CREATE TABLE raw_{charset} (id INT PRIMARY KEY, v VARCHAR(1) CHARACTER SET {charset}); \
         INSERT INTO raw_{charset} SELECT * FROM bytes; DROP TABLE bytes;",
        rows.join(", ")
    )
}

/// The rows of a table that differ.
fn differing(found: &Found, table: &str) -> BTreeSet<i64> {
    let of_table = found.iter().filter(|(plan, _)| plan.source.name.name == table);
    of_table.map(|(_, d)| number(&d.source.as_ref().or(d.target.as_ref()).unwrap()[0])).collect()
}

fn table_of<'a>(outcome: &'a RunOutcome, name: &str) -> &'a TableOutcome {
    let table = outcome.tables.iter().find(|t| t.source.as_ref().is_some_and(|s| s.name == name));
    table.unwrap_or_else(|| panic!("{name} was not compared"))
}

fn number(value: &OwnedValue) -> i64 {
    match value {
        Value::Int(number) => *number,
        Value::UInt(number) => i64::try_from(*number).unwrap(),
        other => panic!("{other:?} is no number"),
    }
}

fn words(value: &OwnedValue) -> String {
    match value {
        Value::Text(text) => text.to_string(),
        other => panic!("{other:?} is no text"),
    }
}

async fn all_rows(database: &Arc<dyn Database>, name: &str) -> Vec<Vec<OwnedValue>> {
    let table = database.describe(&TableRef { schema: None, name: name.to_owned() }).await.unwrap().unwrap();
    let columns: Vec<usize> = (0..table.columns.len()).collect();
    let decoder = database.decoder(&table, &columns).unwrap();
    let (sender, mut receiver) = mpsc::channel(2);
    let request = ReadRequest { table: &table, columns: &columns, scope: Scope::All, filter: None };
    let decoding = async {
        let mut rows = Vec::new();
        while let Some(batch) = receiver.recv().await {
            let mut keep = |values: &[Value<'_>]| rows.push(values.iter().map(|v| v.clone().into_owned()).collect());
            decoder.decode(&batch, &mut keep).unwrap();
        }
        rows
    };
    let (read, rows) = tokio::join!(database.read(request, sender), decoding);
    read.unwrap();
    rows
}
