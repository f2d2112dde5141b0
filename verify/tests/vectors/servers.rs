//! A database for each engine and side, with a table for each case.
//!
//! What an engine refuses to store is a fault of the data: it is listed by
//! table and row, all of it at once.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use fixtures::Side;
use fixtures::dataset::Dialect;
use fixtures::vectors::{Corner, KeyCase, PerEngine, Suite, VectorTable};
use futures_util::future::join_all;
use switchback_engines::Database;
use switchback_engines::canon::Settings;
use switchback_fixtures as fixtures;
use switchback_verify::{Options, RunOutcome, Selection};
use tokio_util::sync::CancellationToken;

use crate::collect::Found;
use crate::home::{Place, compare_with};

/// Both of an engine's databases.
pub(super) struct Server {
    pub(super) dialect: Dialect,
    source: Filled,
    target: Filled,
}

struct Filled {
    connected: Arc<dyn Database>,
    tables: Vec<String>,
    _place: Place,
}

/// What holds for a whole run: cases that differ in it are compared in runs of
/// their own.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Setting {
    equality: Settings,
    range_rows: Option<u64>,
}

/// A run over all tables of a [`Setting`].
pub(super) struct Run {
    pub(super) source: Dialect,
    pub(super) target: Dialect,
    pub(super) outcome: RunOutcome,
    pub(super) found: Found,
}

impl Setting {
    pub(super) fn of_values(table: &VectorTable<'_>) -> Self {
        Self { equality: settings_of(&table.case.settings, &table.name), range_rows: None }
    }

    pub(super) fn of_keys(case: &KeyCase) -> Self {
        Self { equality: settings_of(&case.settings, &case.name), range_rows: case.range_rows }
    }
}

fn settings_of(table: &fixtures::vectors::Declared, place: &str) -> Settings {
    table.read().unwrap_or_else(|e| panic!("{place}: settings: {e}"))
}

/// All settings that occur.
pub(super) fn settings(suite: &Suite) -> Vec<Setting> {
    let mut all = Vec::new();
    let values = value_tables(suite).map(|table| Setting::of_values(&table));
    for setting in values.chain(key_cases(suite).map(|(_, case)| Setting::of_keys(case))) {
        if !all.contains(&setting) {
            all.push(setting);
        }
    }
    all
}

pub(super) fn value_tables(suite: &Suite) -> impl Iterator<Item = VectorTable<'_>> {
    suite.corners().flat_map(|corner| corner.values.iter().flat_map(move |case| case.tables(corner)))
}

pub(super) fn key_cases(suite: &Suite) -> impl Iterator<Item = (&Corner, &KeyCase)> {
    suite.corners().flat_map(|corner| corner.keys.iter().map(move |case| (corner, case)))
}

pub(super) fn key_table(corner: &Corner, case: &KeyCase) -> String {
    format!("{}_{}", corner.id.to_lowercase(), case.name)
}

pub(super) async fn fill(suite: &Suite) -> BTreeMap<Dialect, Server> {
    let servers = join_all(Dialect::ALL.map(|dialect| async move {
        let (source, target) =
            tokio::join!(fill_side(suite, dialect, Side::Source), fill_side(suite, dialect, Side::Target));
        (dialect, source, target)
    }))
    .await;
    let mut refused = String::new();
    let mut filled = BTreeMap::new();
    for (dialect, source, target) in servers {
        match (source, target) {
            (Ok(source), Ok(target)) => {
                filled.insert(dialect, Server { dialect, source, target });
            }
            (source, target) => refused.extend([source, target].into_iter().filter_map(Result::err)),
        }
    }
    assert!(refused.is_empty(), "servers refuse some of the data:\n{refused}");
    filled
}

/// Compares all tables of `setting` in one run.
pub(super) async fn run(suite: &Suite, source: &Server, target: &Server, setting: &Setting) -> Run {
    let values = value_tables(suite).filter(|t| Setting::of_values(t) == *setting).map(|t| t.name);
    let keys = key_cases(suite).filter(|(_, c)| Setting::of_keys(c) == *setting).map(|(c, k)| key_table(c, k));
    let (source_side, target_side) = (&source.source, &target.target);
    let is_there = |name: &String| source_side.tables.contains(name) || target_side.tables.contains(name);
    let include = values.chain(keys).filter(is_there).map(|name| name.parse().unwrap()).collect();
    let options = Options {
        selection: Selection { include, ..Selection::default() },
        equality: setting.equality.clone(),
        range_rows: setting.range_rows.unwrap_or(Options::default().range_rows),
        ..Options::default()
    };
    let (s, t) = (Arc::clone(&source_side.connected), Arc::clone(&target_side.connected));
    let (outcome, found) = compare_with(s, t, options, CancellationToken::new()).await;
    Run { source: source.dialect, target: target.dialect, outcome, found }
}

async fn fill_side(suite: &Suite, dialect: Dialect, side: Side) -> Result<Filled, String> {
    let scripts = scripts(suite, dialect, side);
    let place = Place::new(dialect, side, "vectors").await;
    let whole: Vec<String> = scripts.iter().map(Script::whole).collect();
    let whole = match dialect {
        // One transaction, or each statement would flush the file.
        Dialect::Sqlite => format!("BEGIN;\n{};\nCOMMIT", whole.join(";\n")),
        Dialect::Postgres | Dialect::MySql | Dialect::MariaDb => whole.join(";\n"),
    };
    if let Err(error) = place.try_execute(&whole).await {
        return Err(refusals(&scripts, dialect, side, &error).await);
    }
    let tables = scripts.into_iter().map(|script| script.table).collect();
    Ok(Filled { connected: place.connect().await, tables, _place: place })
}

/// Runs the scripts statement by statement in a fresh database, to name those
/// that are refused.
async fn refusals(scripts: &[Script], dialect: Dialect, side: Side, error: &str) -> String {
    let place = Place::new(dialect, side, "vectors").await;
    let mut refused = String::new();
    for script in scripts {
        let table = &script.table;
        let created =
            format!("{};\n{};\n{}", script.types.as_deref().unwrap_or("SELECT 1"), script.prepare, script.create);
        if let Err(e) = place.try_execute(&created).await {
            let _ = writeln!(refused, "{dialect:?} {table}: {}: {e}", script.create);
            continue;
        }
        for insert in &script.inserts {
            if let Err(e) = place.try_execute(&format!("{};\n{insert}", script.prepare)).await {
                let _ = writeln!(refused, "{dialect:?} {table}: {insert}: {e}");
            }
        }
    }
    if refused.is_empty() { format!("{dialect:?}: {error}\n") } else { refused }
}

/// One table.
struct Script {
    table: String,
    types: Option<String>,
    prepare: String,
    create: String,
    inserts: Vec<String>,
}

impl Script {
    fn whole(&self) -> String {
        let mut all: Vec<&str> =
            self.types.as_deref().into_iter().chain([self.prepare.as_str(), &self.create]).collect();
        all.extend(self.inserts.iter().map(String::as_str));
        all.join(";\n")
    }
}

/// What an engine cannot hold has no statement here.
fn scripts(suite: &Suite, dialect: Dialect, side: Side) -> Vec<Script> {
    let mut scripts = Vec::new();
    for table in value_tables(suite) {
        let types = if side == Side::Source { table.source_types() } else { table.target_types() };
        let Some(native) = types.get(&dialect) else { continue };
        let inserts = table.comparisons.iter().filter_map(|row| {
            let literal = if side == Side::Source { row.source } else { row.target };
            let sql = literal.sql.get(&dialect)?;
            Some(format!("INSERT INTO {} VALUES ({}, {sql})", table.name, row.id))
        });
        scripts.push(Script {
            // The mirrored table comes second and finds the types there.
            types: table.case.types.get(&dialect).filter(|_| !table.is_mirrored).cloned(),
            prepare: prepare(dialect, &table.case.prepare),
            create: format!("CREATE TABLE {} (id integer PRIMARY KEY, v {native})", table.name),
            inserts: inserts.collect(),
            table: table.name.clone(),
        });
    }
    for (corner, case) in key_cases(suite) {
        let (tables, rows) = match side {
            Side::Source => (&case.source, &case.source_rows),
            Side::Target => (&case.target, &case.target_rows),
        };
        let (Some(body), table) = (tables.get(&dialect), key_table(corner, case)) else { continue };
        let values = rows.iter().filter_map(|row| row.sql.get(&dialect));
        scripts.push(Script {
            types: None,
            prepare: prepare(dialect, &case.prepare),
            create: format!("CREATE TABLE {table} ({body})"),
            inserts: values.map(|sql| format!("INSERT INTO {table} VALUES ({sql})")).collect(),
            table,
        });
    }
    scripts
}

/// The session in UTC, with literals as in standard SQL, and then as the case
/// wants it.
fn prepare(dialect: Dialect, case: &PerEngine<String>) -> String {
    let default = match dialect {
        Dialect::Postgres => "SET TIME ZONE 'UTC'",
        Dialect::MySql | Dialect::MariaDb => {
            "SET time_zone = '+00:00', sql_mode = CONCAT(@@global.sql_mode, ',NO_BACKSLASH_ESCAPES'), NAMES utf8mb4"
        }
        Dialect::Sqlite => "SELECT 1",
    };
    case.get(&dialect).map_or_else(|| default.to_owned(), |own| format!("{default};\n{own}"))
}
