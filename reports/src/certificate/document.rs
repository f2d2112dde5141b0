//! The certificate's form, and how an outcome becomes one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use switchback_engines::ServerInfo;
use switchback_engines::canon::{Origin, Policy};
use switchback_verify::Kind;
use switchback_verify::outcome::{
    ColumnOutcome, ExcludedColumn, HashInfo, Method, Positions, Problem, RunOutcome, Stop, StructureDifference,
    TableOutcome, Verdict,
};

use super::gaps::{self, NotCovered};
use crate::durable;
use crate::error::Result;

/// Raised whenever a reader of the old form would misunderstand the new one.
pub const SCHEMA_VERSION: u32 = 1;

pub const FILE_NAME: &str = "certificate.json";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    pub schema_version: u32,
    pub tool: Tool,
    pub run_id: String,
    pub started: DateTime<Utc>,
    pub finished: DateTime<Utc>,
    pub source: Server,
    pub target: Server,
    pub verdict: Verdict,
    /// The verdict in one sentence.
    pub statement: String,
    pub stopped: Option<Stop>,
    pub hash: HashInfo,
    pub totals: Totals,
    /// All that were used anywhere in the run.
    pub policies: Vec<PolicyMeaning>,
    /// All that was not compared; empty never means unknown.
    pub not_covered: Vec<NotCovered>,
    pub tables: Vec<TableCertificate>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    pub name: String,
    pub version: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// `PostgreSQL`, `MariaDB` and so on.
    pub product: String,
    pub version: String,
    /// Without user and password.
    pub location: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    pub tables: u64,
    pub tables_equal: u64,
    /// Of which only a sample or the number of rows was compared.
    pub tables_without_difference_found: u64,
    pub tables_different: u64,
    pub tables_incomplete: u64,
    pub source_rows: u64,
    pub target_rows: u64,
    /// Confirmed, of all kinds.
    pub differences: u64,
    pub unresolved: u64,
    /// Rows that differ, and in no value by more than is declared for its column.
    #[serde(default)]
    pub within_tolerance: u64,
}

/// A way in which values that are not the same counted as equal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyMeaning {
    pub policy: Policy,
    pub meaning: String,
    /// Whether it holds by itself or because somebody declared it; missing in files
    /// of before it was kept.
    #[serde(default)]
    pub origin: Option<Origin>,
}

/// One table, or pair of tables.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableCertificate {
    pub source: Option<String>,
    pub target: Option<String>,
    pub verdict: Verdict,
    pub method: MethodName,
    /// The source columns that rows were matched by; empty without a key.
    pub key: Vec<String>,
    pub source_rows: u64,
    pub target_rows: u64,
    pub coverage: TableCoverage,
    pub columns: Vec<ColumnOutcome>,
    pub excluded: Vec<ExcludedColumn>,
    pub policies: Vec<PolicyMeaning>,
    pub source_filter: Option<String>,
    pub target_filter: Option<String>,
    pub source_positions: Positions,
    pub target_positions: Positions,
    pub structure: Vec<StructureDifference>,
    /// Confirmed, with every kind named.
    pub differences: BTreeMap<Kind, u64>,
    pub unresolved: u64,
    pub in_sync: u64,
    #[serde(default)]
    pub within_tolerance: u64,
    pub problems: Vec<Problem>,
    pub elapsed_ms: u64,
    /// The differences, relative to the run's folder.
    pub files: Vec<String>,
}

/// How a table was compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MethodName {
    Keyed,
    Multiset,
    CountOnly,
    NotCompared,
}

/// How much of the table the verdict speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableCoverage {
    /// Whether every row (that meets the filter, where there is one) was
    /// compared with its values.
    pub complete: bool,
    /// The share of ranges that was asked for, where it was not all of them.
    pub sampled: Option<f64>,
    pub ranges_total: u32,
    pub ranges_done: u32,
}

/// Makes the certificate of a run.
#[must_use]
pub fn certify(outcome: &RunOutcome) -> Certificate {
    let totals = totals(&outcome.tables);
    Certificate {
        schema_version: SCHEMA_VERSION,
        tool: Tool { name: "switchback".to_owned(), version: outcome.tool_version.clone() },
        run_id: outcome.run_id.clone(),
        started: outcome.started,
        finished: outcome.finished,
        source: server(&outcome.source),
        target: server(&outcome.target),
        verdict: outcome.verdict,
        statement: statement(outcome.verdict, &totals),
        stopped: outcome.stopped,
        hash: outcome.hash.clone(),
        totals,
        policies: meanings(outcome.tables.iter().flat_map(|t| t.policies.iter().copied())),
        not_covered: gaps::of(outcome),
        tables: outcome.tables.iter().map(table).collect(),
    }
}

/// Writes the certificate into the run's folder, whole or not at all.
///
/// # Errors
/// [`crate::Error::Write`]; a certificate that was there before is then still
/// there.
pub fn write(run_dir: &Path, outcome: &RunOutcome) -> Result<PathBuf> {
    let path = run_dir.join(FILE_NAME);
    durable::write_json(&path, &certify(outcome))?;
    Ok(path)
}

/// Reads the certificate of a run.
///
/// # Errors
/// [`crate::Error::Newer`] for one of a later format, and the other variants
/// for one that is missing or damaged.
pub fn read(run_dir: &Path) -> Result<Certificate> {
    durable::read_json(&run_dir.join(FILE_NAME), SCHEMA_VERSION)
}

fn server(info: &ServerInfo) -> Server {
    Server { product: info.product().to_owned(), version: info.version.clone(), location: info.location.clone() }
}

pub(crate) fn totals(tables: &[TableOutcome]) -> Totals {
    tables.iter().fold(Totals::default(), |mut totals, table| {
        totals.tables += 1;
        match table.verdict {
            Verdict::Equal => totals.tables_equal += 1,
            Verdict::NoDifferenceFound => totals.tables_without_difference_found += 1,
            Verdict::Different => totals.tables_different += 1,
            Verdict::Incomplete => totals.tables_incomplete += 1,
        }
        totals.source_rows += table.source_rows;
        totals.target_rows += table.target_rows;
        totals.differences += table.difference_count();
        totals.unresolved += table.unresolved;
        totals.within_tolerance += table.within_tolerance;
        totals
    })
}

fn statement(verdict: Verdict, totals: &Totals) -> String {
    let Totals { tables, tables_without_difference_found, tables_different, tables_incomplete, differences, .. } =
        totals;
    let sentence = match verdict {
        Verdict::Equal => {
            let tables = count(*tables, "table");
            format!("Every compared row of {tables} is equal on both sides, under the policies listed.")
        }
        Verdict::NoDifferenceFound => format!(
            "No difference was found in {}; of {tables_without_difference_found} of them only a sample \
             or the number of rows was compared, which does not prove them equal.",
            count(*tables, "table")
        ),
        // Tables can differ in their structure alone.
        Verdict::Different => {
            let verb = if *tables_different == 1 { "differs" } else { "differ" };
            format!("{tables_different} of {} {verb}; {}.", count(*tables, "table"), confirmed(*differences))
        }
        Verdict::Incomplete => {
            let verb = if *tables_incomplete == 1 { "is" } else { "are" };
            let (tables, confirmed) = (count(*tables, "table"), confirmed(*differences));
            format!(
                "Not everything was compared or decided: {tables_incomplete} of {tables} {verb} incomplete. {confirmed}."
            )
        }
    };
    match totals.within_tolerance {
        0 => sentence,
        rows => format!("{sentence} {rows} rows differ by no more than the declared tolerances."),
    }
}

fn confirmed(differences: u64) -> String {
    let verb = if differences == 1 { "was" } else { "were" };
    format!("{} {verb} confirmed", count(differences, "differing row"))
}

fn count(n: u64, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{n} {noun}{plural}")
}

fn meanings(policies: impl Iterator<Item = Policy>) -> Vec<PolicyMeaning> {
    let mut policies: Vec<Policy> = policies.collect();
    policies.sort_unstable();
    policies.dedup();
    policies.into_iter().map(meaning).collect()
}

fn meaning(policy: Policy) -> PolicyMeaning {
    PolicyMeaning { policy, meaning: policy.meaning().to_owned(), origin: Some(policy.origin()) }
}

fn table(table: &TableOutcome) -> TableCertificate {
    let (method, key) = match &table.method {
        Method::Keyed { key } => (MethodName::Keyed, key.clone()),
        Method::Multiset => (MethodName::Multiset, Vec::new()),
        Method::CountOnly => (MethodName::CountOnly, Vec::new()),
        Method::NotCompared => (MethodName::NotCompared, Vec::new()),
    };
    let mut differences: BTreeMap<Kind, u64> =
        [Kind::SourceOnly, Kind::TargetOnly, Kind::Changed, Kind::KeyCollision].map(|kind| (kind, 0)).into();
    differences.extend(&table.differences);
    TableCertificate {
        source: table.source.as_ref().map(ToString::to_string),
        target: table.target.as_ref().map(ToString::to_string),
        verdict: table.verdict,
        method,
        key,
        source_rows: table.source_rows,
        target_rows: table.target_rows,
        coverage: TableCoverage {
            complete: gaps::rows_complete(table),
            sampled: table.coverage.sampled,
            ranges_total: table.coverage.ranges_total,
            ranges_done: table.coverage.ranges_done,
        },
        columns: table.columns.clone(),
        excluded: table.excluded.clone(),
        policies: meanings(table.policies.iter().copied()),
        source_filter: table.source_filter.clone(),
        target_filter: table.target_filter.clone(),
        source_positions: table.source_positions.clone(),
        target_positions: table.target_positions.clone(),
        structure: table.structure.clone(),
        differences,
        unresolved: table.unresolved,
        in_sync: table.in_sync,
        within_tolerance: table.within_tolerance,
        problems: table.problems.clone(),
        elapsed_ms: table.elapsed_ms,
        files: table.files.clone(),
    }
}
