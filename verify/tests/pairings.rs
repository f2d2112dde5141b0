//! The same drift on every pairing of engines.
//!
//! What the tool finds is held against the list that the generator of the drift
//! wrote: the same rows, of the same kind, with the same columns, as often, and
//! none besides.

use std::collections::BTreeMap;

use fixtures::dataset::{Cell, Dialect, Expected, ExpectedKind, Role, drift, source};
use switchback_engines::canon::{self, Rule};
use switchback_engines::{Date, Decimal, Moment, Value};
use switchback_fixtures as fixtures;
use switchback_verify::options::Memory;
use switchback_verify::outcome::StructureDifference;
use switchback_verify::{Difference, Kind, Options, Progress, RunOutcome, Status, TablePlan, Verdict, run};
use tokio_util::sync::CancellationToken;

use crate::collect::{Collected, Found};
use crate::load::{Loaded, load};

const ALL: [Dialect; 4] = [Dialect::Postgres, Dialect::MySql, Dialect::MariaDb, Dialect::Sqlite];

/// One source for each engine against four targets: a test each, so that they
/// share the machine and a failure names the source.
#[tokio::test(flavor = "multi_thread")]
async fn postgres_against_all() {
    against_all(Dialect::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_against_all() {
    against_all(Dialect::MySql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_against_all() {
    against_all(Dialect::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_against_all() {
    against_all(Dialect::Sqlite).await;
}

async fn against_all(dialect: Dialect) {
    let tables = source();
    let source = load(dialect, Role::Source, &tables).await;
    for target_dialect in ALL {
        let name = format!("{dialect:?} → {target_dialect:?}");
        let drifted = drift(&tables, target_dialect);
        let target = load(target_dialect, Role::Target, &drifted.target).await;
        // Many ranges in every table; one range in each; and next to no memory,
        // so that all rows go through the pool and its files.
        let little = Memory { range_bytes: 2_000, pool_bytes: 5_000 };
        for (range_rows, memory) in [(300, Memory::default()), (1_000_000, Memory::default()), (1_000, little)] {
            let (outcome, found) = compare(&source, &target, range_rows, memory).await;
            let name = format!("{name}, {range_rows} rows a range, {memory:?}");
            judge(&name, &outcome, &found, &drifted.expected);
        }
        let twin = load(target_dialect, Role::Target, &tables).await;
        let (outcome, found) = compare(&source, &twin, 300, Memory::default()).await;
        assert!(found.is_empty(), "{name}, no drift: {:?}", found.first());
        for table in &outcome.tables {
            assert_eq!(
                table.verdict,
                Verdict::Equal,
                "{name}, no drift: {} {:?} {:?}",
                table.name(),
                table.problems,
                table.structure
            );
        }
        assert_eq!(outcome.verdict, Verdict::Equal, "{name}");
    }
}

async fn compare(source: &Loaded, target: &Loaded, range_rows: u64, memory: Memory) -> (RunOutcome, Found) {
    let sink = Collected::default();
    let options = Options { run_id: "test".to_owned(), range_rows, memory, ..Options::default() };
    let outcome = run(
        source.database.clone(),
        target.database.clone(),
        options,
        std::sync::Arc::new(sink.clone()),
        Progress::new(),
        CancellationToken::new(),
    )
    .await
    .unwrap();
    (outcome, sink.take())
}

fn judge(name: &str, outcome: &RunOutcome, found: &Found, expected: &[Expected]) {
    for table in &outcome.tables {
        assert!(table.problems.is_empty(), "{name}: {} {:?}", table.name(), table.problems);
        assert_eq!(table.unresolved, 0, "{name}: {}", table.name());
        let one_sided = table.source.is_none() || table.target.is_none();
        let structure: Vec<_> =
            table.structure.iter().filter(|s| !matches!(s, StructureDifference::MissingTable { .. })).collect();
        assert!(structure.is_empty(), "{name}: {} {structure:?}", table.name());
        assert_eq!(one_sided, ["only_in_source", "only_in_target"].contains(&short_name(&table.name())), "{name}");
    }
    assert_eq!(outcome.verdict, Verdict::Different, "{name}");
    let mut missing: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut wanted: Vec<String> = expected.iter().filter_map(|e| spell_expected(found, e, &mut missing)).collect();
    let mut got: Vec<String> = found.iter().map(|(plan, d)| spell_found(plan, d)).collect();
    assert!(missing.is_empty(), "{name}: tables without any difference: {missing:?}");
    wanted.sort();
    got.sort();
    let lost: Vec<_> = wanted.iter().filter(|w| got.binary_search(w).is_err()).collect();
    let extra: Vec<_> = got.iter().filter(|g| wanted.binary_search(g).is_err()).collect();
    assert!(lost.is_empty() && extra.is_empty(), "{name}:\nmissed {lost:#?}\nextra {extra:#?}");
    assert_eq!(got.len(), wanted.len(), "{name}: something is reported twice");
}

fn short_name(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// A difference in one line, its key as canonical cells under the plan's own
/// rules, since `1.50` and `1.5` are one key.
fn spell_found(plan: &TablePlan, d: &Difference) -> String {
    assert_eq!(d.status, Status::Confirmed);
    let row = d.source.as_ref().or(d.target.as_ref()).unwrap();
    let len = if plan.key_len == 0 { plan.columns.len() } else { plan.key_len };
    let changed: Vec<&str> =
        d.changed.iter().map(|&c| plan.source_column(&plan.columns[c]).unwrap().name.as_str()).collect();
    line(&plan.source.name.name, kind(d.kind), &cells(plan, &row[..len]), &changed, d.source_count, d.target_count)
}

fn spell_expected(found: &Found, e: &Expected, missing: &mut BTreeMap<String, Vec<String>>) -> Option<String> {
    let Some((plan, _)) = found.iter().find(|(plan, _)| plan.source.name.name == e.table) else {
        missing.entry(e.table.to_owned()).or_default().push(format!("{:?}", e.kind));
        return None;
    };
    let values: Vec<Value<'static>> = e.identity.iter().map(value).collect();
    let mut changed = e.changed.clone();
    // In the order of the plan: keys first, then as in the table.
    changed.sort_by_key(|name| plan.columns.iter().position(|c| plan.source_column(c).unwrap().name == *name));
    let kind = match e.kind {
        ExpectedKind::SourceOnly => "source_only",
        ExpectedKind::TargetOnly => "target_only",
        ExpectedKind::Changed => "changed",
        ExpectedKind::KeyCollision => "key_collision",
    };
    Some(line(e.table, kind, &cells(plan, &values), &changed, e.source_count, e.target_count))
}

fn kind(kind: Kind) -> &'static str {
    kind.name()
}

fn line(table: &str, kind: &str, key: &str, changed: &[&str], source: u64, target: u64) -> String {
    format!("{table} {kind} {key} {changed:?} {source}/{target}")
}

fn cells(plan: &TablePlan, values: &[Value<'_>]) -> String {
    let mut out = Vec::new();
    for (pair, value) in plan.columns.iter().zip(values) {
        match (&pair.rule, value) {
            // Between two MySQL servers the sample's UUIDs are 16 bytes.
            (Rule::Bytes { .. }, Value::Uuid(v)) => {
                canon::encode(&pair.rule, &Value::Bytes(v.to_vec().into()), &mut out)
            }
            _ => canon::encode(&pair.rule, value, &mut out),
        }
    }
    // The kinds of key in the sample; a new one must be thought about.
    assert!(plan.columns.iter().all(|c| c.rule != Rule::TimeTz));
    switchback_engines::display::hex(&out)
}

fn value(cell: &Cell) -> Value<'static> {
    match cell {
        Cell::Null => Value::Null,
        Cell::Int(v) => Value::Int(*v),
        Cell::Text(v) => Value::Text(v.clone().into()),
        Cell::Decimal { coefficient, scale } => {
            Value::Decimal(Decimal::Small { coefficient: i128::from(*coefficient), scale: u32::from(*scale) })
        }
        Cell::Double(v) => Value::F64(*v),
        Cell::Bool(v) => Value::Bool(*v),
        Cell::Date(v) => Value::Date(Date::Days(*v)),
        Cell::Timestamp(v) => Value::Timestamp(Moment::Micros(*v)),
        Cell::Instant(v) => Value::Instant(Moment::Micros(*v)),
        Cell::Uuid(v) => Value::Uuid(v.to_be_bytes()),
        Cell::Bytes(v) => Value::Bytes(v.clone().into()),
        Cell::Json(v) => Value::Json(v.clone().into()),
    }
}
