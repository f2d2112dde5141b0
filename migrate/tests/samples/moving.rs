//! One move of the sample, from an empty target to the last change.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use switchback_engines::{DatabaseUrl, StreamName, TableRef, WriterOptions};
use switchback_fixtures::{Family, Side, samples};
use switchback_migrate::load::{Error, Load, Phase, Progress, Settings};
use switchback_migrate::structure::{self, ColumnRef, Part, Rename, StructureOptions, StructurePlan};
use switchback_replicate::{Spec, Stream, TablePair};
use switchback_verify::options::{IgnoredColumn, Selection, TableSettings};
use switchback_verify::outcome::StructureDifference;
use switchback_verify::plan::selection::Pattern;
use switchback_verify::{TableOutcome, Verdict};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::application::Working;
use crate::harness::end::{End, On};
use crate::harness::judge::{compared_with, tables, wait_for_same};
use crate::harness::stage::{PATIENCE, Running};

/// What is to be moved, and what is known beforehand to be otherwise there.
#[derive(Default)]
pub(crate) struct Wanted {
    /// Tables that are left out, as no stream can follow them.
    pub(crate) exclude: Vec<&'static str>,
    /// Columns of types that the target has no counterpart of.
    pub(crate) left_out: Vec<(&'static str, &'static str)>,
    /// Columns that the source computes, which go without being asked.
    pub(crate) computed: Vec<(&'static str, &'static str)>,
    /// Differences between definitions that the comparison tells, by table and
    /// column: each of them is one that the plan has warned of.
    pub(crate) structure: Vec<&'static str>,
    /// Other names at the target.
    pub(crate) rename: Rename,
    /// A row that the target can't hold, which the load has to name.
    pub(crate) refused: Option<Refused>,
}

/// By table, key and column; and what the operator does about it at the source.
pub(crate) struct Refused {
    pub(crate) table: &'static str,
    pub(crate) key: &'static str,
    pub(crate) column: &'static str,
    pub(crate) mend: &'static str,
}

pub(crate) struct Moved {
    pub(crate) origin: Arc<End>,
    pub(crate) target: Arc<End>,
}

fn family(on: On) -> Option<Family> {
    match on {
        On::Postgres => Some(Family::Postgres),
        On::MySql => Some(Family::MySql),
        On::MariaDb => Some(Family::MariaDb),
        On::Sqlite => None,
    }
}

/// What a load of the sample as it is ends with, all of it moved to an engine of the
/// same kind; nothing is at the target then.
pub(crate) async fn refused(on: On) -> String {
    let origin = sample(on, str::to_owned).await;
    let target = Arc::new(End::new(on, Side::Target, "SELECT 1").await);
    let options = StructureOptions::default();
    let plan = planned(&origin, &target, &options).await;
    create(&target, &plan, Part::BeforeLoad).await;
    let pairs = pairs(&origin, &target, &options).await;
    let mut cause: Option<Box<dyn std::error::Error>> =
        Some(load(&origin, &target, &pairs).await.expect_err("it can be followed").into());
    let mut said = String::new();
    while let Some(error) = cause {
        said.push_str(&format!("{error}: "));
        cause = error.source().map(|source| source.to_string().into());
    }
    let rows = target.writer().await.run(&["SELECT COUNT(*) FROM customer".to_owned()]).await;
    assert_eq!(rows.unwrap()[0].rows, [[Some("0".to_owned())]]);
    said
}

async fn planned(origin: &End, target: &End, options: &StructureOptions) -> StructurePlan {
    let url = DatabaseUrl::parse(&origin.url).unwrap();
    let planned = structure::plan(origin.endpoint.as_ref(), &url, target.endpoint.as_ref(), options).await;
    let plan = planned.unwrap_or_else(|e| panic!("{e:?}"));
    assert_eq!(plan.conflicts, [], "{plan}");
    plan
}

/// The sample with all its rows.
async fn sample(on: On, adapted: impl Fn(&str) -> String) -> Arc<End> {
    // Or nobody could write to a file while it is read.
    let origin =
        End::new(on, Side::Source, if on == On::Sqlite { "PRAGMA journal_mode = WAL" } else { "SELECT 1" }).await;
    for script in samples::rental(family(on)).into_iter().chain(samples::rental_rows(family(on))) {
        origin.execute(&adapted(script)).await;
    }
    if on == On::Postgres {
        origin.execute("ANALYZE").await;
    }
    Arc::new(origin)
}

/// What MariaDB's foreign keys do by themselves is not in its log, and such a source
/// is refused by name (see `refusals`). So its sample has keys that refuse.
fn adapted(on: On, script: &str) -> String {
    if on != On::MariaDb {
        return script.to_owned();
    }
    ["ON UPDATE CASCADE", "ON DELETE CASCADE", "ON DELETE SET NULL"]
        .iter()
        .fold(script.to_owned(), |script, action| script.replace(action, ""))
}

fn named(name: &str) -> TableRef {
    TableRef { schema: None, name: name.to_owned() }
}

/// Moves the sample while its application goes on, and holds the two against each
/// other when it has stopped.
pub(crate) async fn moved(from: On, to: On, wanted: &Wanted) -> Moved {
    let origin = sample(from, |script| adapted(from, script)).await;
    let target = Arc::new(End::new(to, Side::Target, "SELECT 1").await);
    let column = |&(table, column): &(&str, &str)| ColumnRef { table: named(table), column: column.to_owned() };
    let options = StructureOptions {
        exclude: wanted.exclude.iter().copied().map(named).collect(),
        columns_left_out: wanted.left_out.iter().map(column).collect(),
        rename: wanted.rename.clone(),
        ..StructureOptions::default()
    };
    let plan = planned(&origin, &target, &options).await;
    assert_left_out(&plan, wanted);
    create(&target, &plan, Part::BeforeLoad).await;

    let pairs = pairs(&origin, &target, &options).await;
    let count = pairs.len();
    let application = Working::start(&origin, from, Duration::from_millis(2));
    cut_off(&origin, &target, &pairs).await;
    if let Some(refused) = &wanted.refused {
        is_refused(load(&origin, &target, &pairs).await, refused);
        origin.execute(refused.mend).await;
    }
    let loaded = load(&origin, &target, &pairs).await.unwrap_or_else(|e| panic!("{e:?}"));
    assert_eq!(loaded.phase, Phase::Done);
    create(&target, &plan, Part::AfterLoad).await;
    let mut running = Running::start(stream(&origin, &target, &pairs));
    running.until("the stream follows", |now| now.transactions > 20).await;
    let transactions = application.stop().await;
    drain(from, &origin, &target).await;
    let ended = running.stop().await;
    set_numbers(&origin, &target, &options).await;

    assert_equal(&origin, &target, &plan, wanted, &pairs).await;
    eprintln!(
        "{from:?} to {to:?}: {count} tables, {} rows in {} ranges, {transactions} transactions meanwhile, {} streamed",
        loaded.rows, loaded.ranges_total, ended.transactions
    );
    assert!(loaded.rows > 8_000 && loaded.mended_keys > 0 && transactions > 20, "{loaded:?} {transactions}");
    create(&target, &plan, Part::AtCutover).await;
    Moved { origin, target }
}

fn assert_left_out(plan: &StructurePlan, wanted: &Wanted) {
    let found: BTreeSet<(&str, &str)> =
        plan.left_out.iter().map(|of| (of.table.name.as_str(), of.column.as_str())).collect();
    let expected: BTreeSet<(&str, &str)> = wanted.left_out.iter().chain(&wanted.computed).copied().collect();
    assert_eq!(found, expected, "{plan}");
}

async fn create(target: &End, plan: &StructurePlan, part: Part) {
    let mut last = String::new();
    let options = WriterOptions::default();
    let ran = structure::run(target.endpoint.as_ref(), &options, plan, part, &mut |o| last = o.to_string()).await;
    ran.unwrap_or_else(|e| panic!("{last}: {e:?}"));
}

/// Each table of the source with the one that was created for it.
async fn pairs(origin: &End, target: &End, options: &StructureOptions) -> Vec<TablePair> {
    let (from, to) = (&origin.endpoint, &target.endpoint);
    let mut pairs = Vec::new();
    for table in from.tables().await.unwrap() {
        if options.exclude.iter().any(|t| t.name == table.name) {
            continue;
        }
        let there = structure::target_table(from.info().engine, to.info().engine, &options.rename, &table);
        let (a, b) = (from.describe(&table).await.unwrap().unwrap(), to.describe(&there).await.unwrap());
        let ignored = options.columns_left_out.iter().filter(|of| of.table.name == table.name);
        let ignored = ignored.map(|of| of.column.clone()).collect();
        let b = b.unwrap_or_else(|| panic!("there is no {there}"));
        pairs.push(TablePair { ignored, ..TablePair::new(a, b) });
    }
    pairs
}

fn stream(origin: &End, target: &End, tables: &[TablePair]) -> Stream {
    let spec = Spec {
        name: StreamName::new("forward").unwrap(),
        opposite: None,
        tables: tables.to_vec(),
        // Where a file is at either end there is one, whatever is set.
        settings: switchback_replicate::Settings { sessions: 3, ..switchback_replicate::Settings::default() },
    };
    Stream::new(origin.endpoint.clone(), target.endpoint.clone(), spec).unwrap_or_else(|e| panic!("{e:?}"))
}

/// A load that ends half-way: its snapshot is lost, and what is changed meanwhile has
/// to be mended by the next one.
async fn cut_off(origin: &End, target: &End, tables: &[TablePair]) {
    let (progress, mut seen) = watch::channel(Progress::default());
    let slowly = Settings { bytes_per_second: Some(200_000), ..settings() };
    let (load, stop) = (Load::new(stream(origin, target, tables).into(), slowly), CancellationToken::new());
    let half_way = async {
        seen.wait_for(|now| now.ranges_loaded > 6).await.unwrap();
        stop.cancel();
        std::future::pending().await
    };
    let ended = tokio::select! {
        ended = load.run(&stop, &progress) => ended,
        () = half_way => Ok(()),
    };
    // What can't be held may be met first.
    assert!(matches!(ended, Err(Error::Stopped | Error::Unfit { .. })), "{ended:?}");
}

/// Small ranges, so that there are some of each larger table.
fn settings() -> Settings {
    Settings { workers: 3, range_bytes: 64 << 10, ..Settings::default() }
}

async fn load(origin: &End, target: &End, tables: &[TablePair]) -> Result<Progress, Error> {
    let (progress, seen) = watch::channel(Progress::default());
    let load = Load::new(stream(origin, target, tables).into(), settings());
    load.run(&CancellationToken::new(), &progress).await?;
    let seen = seen.borrow().clone();
    Ok(seen)
}

fn is_refused(ended: Result<Progress, Error>, expected: &Refused) {
    let Err(Error::Unfit { table, key, source }) = ended else { panic!("{ended:?}") };
    assert!(table.ends_with(expected.table) && key.starts_with(expected.key), "{table}, {key}: {source}");
    assert!(source.to_string().starts_with(&format!("`{}`:", expected.column)), "{source}");
}

/// Writes what the target must have in the end, and waits until it does.
async fn drain(on: On, origin: &End, target: &End) {
    let last = if on == On::Postgres {
        "INSERT INTO public.note (body) VALUES ('the end')"
    } else {
        "INSERT INTO note (body) VALUES ('the end')"
    };
    origin.execute(last).await;
    wait_for_same(origin, target, "SELECT COUNT(*) FROM note WHERE body = 'the end'", PATIENCE).await;
}

async fn set_numbers(origin: &End, target: &End, options: &StructureOptions) {
    let (from, to) = (origin.endpoint.as_ref(), target.endpoint.as_ref());
    let steps = structure::positions(from, to, options).await.unwrap_or_else(|e| panic!("{e:?}"));
    assert!(!steps.is_empty());
    let set = structure::run_steps(to, &WriterOptions::default(), &steps, &mut |_| {}).await;
    set.unwrap_or_else(|e| panic!("{e:?}"));
}

/// Every table was compared to its end, without a difference.
async fn assert_equal(origin: &End, target: &End, plan: &StructurePlan, wanted: &Wanted, pairs: &[TablePair]) {
    // Namesakes are found without being named.
    let named = |pair: &TablePair| TableSettings {
        source: pair.origin.name.to_string(),
        target: Some(pair.sink.name.to_string()),
        ..TableSettings::default()
    };
    let is_renamed = wanted.rename != Rename::default();
    let pattern = |name: &str| name.parse::<Pattern>().unwrap_or_else(|e| panic!("{name}: {e:?}"));
    let ignored = |of: &ColumnRef| IgnoredColumn { table: Some(pattern(&of.table.name)), column: of.column.clone() };
    let selection = Selection {
        exclude: wanted.exclude.iter().map(|name| pattern(name)).collect(),
        ignore_columns: plan.left_out.iter().map(ignored).collect(),
        tables: pairs.iter().filter(|_| is_renamed).map(named).collect(),
        ..Selection::default()
    };
    let (outcome, found) = compared_with(origin, target, selection).await;
    let said = || format!("{}\n{}", tables(&outcome), found.join("\n"));
    assert!(found.is_empty(), "{}", said());
    assert_eq!(outcome.tables.len(), pairs.len(), "{}", said());
    let whole = |t: &TableOutcome| t.problems.is_empty() && t.source_rows == t.target_rows && t.unresolved == 0;
    assert!(outcome.tables.iter().all(whole), "{}", said());
    let differing = |t: &TableOutcome| {
        let name = t.source.as_ref().map_or("", |table| table.name.as_str());
        t.structure.iter().map(|d| format!("{name} {}", spelled(d))).collect::<Vec<_>>()
    };
    let structure: Vec<String> = outcome.tables.iter().flat_map(differing).collect();
    assert_eq!(structure, wanted.structure, "{}", said());
    let expected = if structure.is_empty() { Verdict::Equal } else { Verdict::Different };
    assert_eq!(outcome.verdict, expected, "{}", said());
    for difference in &structure {
        let (table, rest) = difference.split_once(' ').unwrap_or_default();
        let column = format!("{table}.{}`", rest.split(':').next().unwrap_or_default());
        assert!(plan.warnings.iter().any(|w| w.to_string().contains(&column)), "{column}: {plan}");
    }
}

fn spelled(difference: &StructureDifference) -> String {
    match difference {
        StructureDifference::Type { column, source, target } => {
            format!("{column}: {} {target}", source.replace("(20)", ""))
        }
        other => format!("{other:?}"),
    }
}
