//! Tables, plans and outcomes to make reports from.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use switchback_engines::canon::{self, Settings, rule};
use switchback_engines::{Column, Engine, Flavor, Key, Logical, OwnedValue, ServerInfo, Table, TableRef, Value};
use switchback_verify::outcome::{
    ColumnOutcome, Coverage, HashInfo, Method, Positions, RunOutcome, SCHEMA_VERSION, TableOutcome, Verdict,
};
use switchback_verify::{Began, ColumnPair, Difference, DifferenceSink, Kind, Status, TablePlan};

pub(crate) const INT: Logical = Logical::Int { bits: 64, unsigned: false };
pub(crate) const TEXT: Logical = Logical::Text { chars_max: None };

pub(crate) fn column(name: &str, native: &str, logical: Logical) -> Column {
    Column {
        name: name.to_owned(),
        native: native.to_owned(),
        logical: Some(logical),
        nullable: true,
        generated: false,
        collation: None,
    }
}

pub(crate) fn required(name: &str, native: &str, logical: Logical) -> Column {
    Column { nullable: false, ..column(name, native, logical) }
}

pub(crate) fn table(schema: Option<&str>, name: &str, columns: Vec<Column>, key: &[usize]) -> Table {
    Table {
        name: TableRef { schema: schema.map(str::to_owned), name: name.to_owned() },
        columns,
        primary_key: (!key.is_empty()).then(|| Key { name: "primary".to_owned(), columns: key.to_vec() }),
        unique_keys: Vec::new(),
        foreign_keys: Vec::new(),
        row_estimate: 0,
        bytes_estimate: 0,
        children: Vec::new(),
    }
}

/// Compares the columns of one name, those of the source's key first.
pub(crate) fn plan(source_engine: Engine, source: Table, target_engine: Engine, target: Table) -> TablePlan {
    let settings = Settings { naive_zone_minutes: Some(120), ..Settings::default() };
    plan_with(&settings, source_engine, source, target_engine, target)
}

/// [`plan`] where this is what equal means.
pub(crate) fn plan_with(
    settings: &Settings,
    source_engine: Engine,
    source: Table,
    target_engine: Engine,
    target: Table,
) -> TablePlan {
    let key = source.primary_key.as_ref().map(|k| k.columns.clone()).unwrap_or_default();
    let others = (0..source.columns.len()).filter(|i| !key.contains(i));
    let columns = key
        .iter()
        .copied()
        .chain(others)
        .filter_map(|i| {
            let column = &source.columns[i];
            let (j, other) = target.column(&column.name)?;
            let pair = canon::pair(
                rule::Side { engine: source_engine, flavor: Flavor::Original, column },
                rule::Side { engine: target_engine, flavor: Flavor::Original, column: other },
                settings,
            );
            let pair = pair.unwrap_or_else(|e| panic!("{}: {e}", column.name));
            Some(ColumnPair {
                source: i,
                target: j,
                rule: pair.rule,
                policies: pair.policies,
                strict: pair.strict,
                tolerance: pair.tolerance,
            })
        })
        .collect();
    TablePlan {
        source_engine,
        target_engine,
        source,
        target,
        columns,
        key_len: key.len(),
        source_filter: None,
        target_filter: None,
    }
}

pub(crate) fn text(v: &str) -> OwnedValue {
    Value::Text(v.to_owned().into())
}

pub(crate) fn moment() -> DateTime<Utc> {
    DateTime::from_timestamp_micros(1_795_255_200_123_456).unwrap()
}

pub(crate) fn source_only(values: Vec<OwnedValue>) -> Difference {
    difference(Kind::SourceOnly, Some(values), None)
}

pub(crate) fn target_only(values: Vec<OwnedValue>) -> Difference {
    difference(Kind::TargetOnly, None, Some(values))
}

pub(crate) fn changed(columns: &[usize], source: Vec<OwnedValue>, target: Vec<OwnedValue>) -> Difference {
    Difference { changed: columns.to_vec(), ..difference(Kind::Changed, Some(source), Some(target)) }
}

pub(crate) fn difference(kind: Kind, source: Option<Vec<OwnedValue>>, target: Option<Vec<OwnedValue>>) -> Difference {
    Difference {
        kind,
        status: Status::Confirmed,
        range: 3,
        changed: Vec::new(),
        source_count: source.is_some().into(),
        target_count: target.is_some().into(),
        source,
        target,
        first_seen: moment(),
        decided: moment(),
    }
}

/// Writes the differences and says of the table what a run would.
pub(crate) fn write(sink: &dyn DifferenceSink, plan: &TablePlan, differences: &[Difference]) -> TableOutcome {
    let mut writer = sink.open(plan, &Began::default()).unwrap();
    writer.write(differences).unwrap();
    let files = writer.finish().unwrap();
    let mut outcome = outcome_of(plan);
    outcome.files = files.iter().map(|f| f.to_str().unwrap().to_owned()).collect();
    for difference in differences {
        match difference.status {
            Status::Unresolved => outcome.unresolved += 1,
            Status::Confirmed => *outcome.differences.entry(difference.kind).or_default() += 1,
        }
        for &i in &difference.changed {
            outcome.columns[i].changed += 1;
        }
    }
    outcome.verdict = if outcome.unresolved > 0 {
        Verdict::Incomplete
    } else if outcome.differences.is_empty() {
        Verdict::Equal
    } else {
        Verdict::Different
    };
    outcome
}

pub(crate) fn outcome_of(plan: &TablePlan) -> TableOutcome {
    let columns = plan.columns.iter().map(|pair| {
        let (source, target) = (plan.source_column(pair).unwrap(), plan.target_column(pair).unwrap());
        ColumnOutcome {
            source: source.name.clone(),
            target: target.name.clone(),
            source_type: source.native.clone(),
            target_type: target.native.clone(),
            rule: pair.rule.words(),
            policies: pair.policies.clone(),
            strict: pair.strict.clone(),
            tolerance: pair.tolerance.clone(),
            changed: 0,
            within_tolerance: 0,
        }
    });
    let columns: Vec<ColumnOutcome> = columns.collect();
    let mut policies: Vec<_> = columns.iter().flat_map(|c| c.policies.clone()).collect();
    policies.sort_unstable();
    policies.dedup();
    TableOutcome {
        source: Some(plan.source.name.clone()),
        target: Some(plan.target.name.clone()),
        verdict: Verdict::Equal,
        method: if plan.key_len == 0 {
            Method::Multiset
        } else {
            Method::Keyed { key: columns[..plan.key_len].iter().map(|c| c.source.clone()).collect() }
        },
        problems: Vec::new(),
        structure: Vec::new(),
        columns,
        excluded: Vec::new(),
        policies,
        source_filter: plan.source_filter.clone(),
        target_filter: plan.target_filter.clone(),
        coverage: Coverage { ranges_total: 4, ranges_done: 4, sampled: None },
        source_rows: 1_000,
        target_rows: 1_000,
        source_bytes: 64_000,
        target_bytes: 64_000,
        differences: BTreeMap::new(),
        unresolved: 0,
        in_sync: 0,
        within_tolerance: 0,
        source_positions: Positions::default(),
        target_positions: Positions::default(),
        elapsed_ms: 1_234,
        files: Vec::new(),
        plan: Some(plan.clone()),
    }
}

pub(crate) fn server(engine: Engine, flavor: Flavor, version: &str, location: &str) -> ServerInfo {
    ServerInfo { engine, flavor, version: version.to_owned(), location: location.to_owned() }
}

pub(crate) fn run(source: ServerInfo, target: ServerInfo, tables: Vec<TableOutcome>) -> RunOutcome {
    RunOutcome {
        schema_version: SCHEMA_VERSION,
        tool_version: "0.1.0".to_owned(),
        run_id: "2026-11-21T10-00-00-7f3a".to_owned(),
        started: moment(),
        finished: moment() + chrono::TimeDelta::milliseconds(65_432),
        source,
        target,
        verdict: tables.iter().map(|t| t.verdict).max().unwrap_or(Verdict::Incomplete),
        stopped: None,
        hash: HashInfo {
            algorithm: "BLAKE3-128, keyed".to_owned(),
            key_id: "0011223344556677".to_owned(),
            cell_format: 1,
        },
        tables,
    }
}
