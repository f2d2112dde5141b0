//! What a run found: the types that reports are made from.
//!
//! They are written to disk as JSON; [`SCHEMA_VERSION`] rises whenever a reader
//! of the old form would misunderstand the new one.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use switchback_engines::canon::{Policy, Tolerance};
use switchback_engines::{ServerInfo, TableRef};

use crate::difference::Kind;
use crate::plan::TablePlan;

pub const SCHEMA_VERSION: u32 = 1;

/// The answer, for a table and for a run.
///
/// A run is as good as its worst table: one table that could not be compared
/// makes it incomplete, whatever the others say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// All of it was compared and no difference is left.
    Equal,
    /// As much as was asked for was compared, a sample or the numbers of rows,
    /// and no difference was found. That proves no table equal.
    NoDifferenceFound,
    /// All of it was compared and there are differences.
    Different,
    /// Something was not compared, or stayed unresolved. There may be
    /// differences too.
    Incomplete,
}

impl Verdict {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::NoDifferenceFound => "no difference found",
            Self::Different => "different",
            Self::Incomplete => "incomplete",
        }
    }
}

/// Why a run ended before it was through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// Somebody asked it to.
    Interrupted,
    MaxDifferences,
    MaxTime,
}

/// All of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunOutcome {
    pub schema_version: u32,
    pub tool_version: String,
    pub run_id: String,
    pub started: DateTime<Utc>,
    pub finished: DateTime<Utc>,
    pub source: ServerInfo,
    pub target: ServerInfo,
    pub verdict: Verdict,
    pub stopped: Option<Stop>,
    pub hash: HashInfo,
    pub tables: Vec<TableOutcome>,
}

/// How rows were hashed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HashInfo {
    pub algorithm: String,
    /// The first 8 bytes of the hash of this run's random key, in hex: it tells
    /// two runs' hashes apart and gives nothing away.
    pub key_id: String,
    /// See `switchback_engines::canon::cell::FORMAT_VERSION`.
    pub cell_format: u32,
}

/// How a table was compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Row by row, by the key of these source columns.
    Keyed { key: Vec<String> },
    /// There is no key: rows as a multiset, duplicates counted.
    Multiset,
    /// Only the numbers of rows.
    CountOnly,
    /// Not at all; the problems say why.
    NotCompared,
}

/// One table, or pair of tables.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableOutcome {
    pub source: Option<TableRef>,
    pub target: Option<TableRef>,
    pub verdict: Verdict,
    pub method: Method,
    /// What kept the table, or a part of it, from being compared.
    pub problems: Vec<Problem>,
    pub structure: Vec<StructureDifference>,
    pub columns: Vec<ColumnOutcome>,
    pub excluded: Vec<ExcludedColumn>,
    pub policies: Vec<Policy>,
    pub source_filter: Option<String>,
    pub target_filter: Option<String>,
    pub coverage: Coverage,
    /// Rows read (or counted) on each side, and their bytes on the wire.
    pub source_rows: u64,
    pub target_rows: u64,
    pub source_bytes: u64,
    pub target_bytes: u64,
    /// Confirmed differences by kind; a row of a keyless table counts as often
    /// as it is there too often.
    pub differences: BTreeMap<Kind, u64>,
    pub unresolved: u64,
    /// Rows that differed when first read and no more when read again.
    pub in_sync: u64,
    /// Rows that differ, and in no value by more than its column's tolerance.
    /// They are no differences.
    #[serde(default)]
    pub within_tolerance: u64,
    pub source_positions: Positions,
    pub target_positions: Positions,
    pub elapsed_ms: u64,
    /// Files with this table's differences, relative to the run's folder.
    pub files: Vec<String>,
    /// What was decided before reading; `None` when it did not come to that.
    pub plan: Option<TablePlan>,
}

impl TableOutcome {
    /// The name to show: the source's, or the target's where there is no source.
    #[must_use]
    pub fn name(&self) -> String {
        self.source.as_ref().or(self.target.as_ref()).map(ToString::to_string).unwrap_or_default()
    }

    /// Confirmed differences of all kinds.
    #[must_use]
    pub fn difference_count(&self) -> u64 {
        self.differences.values().sum()
    }
}

/// Something that went wrong, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Problem {
    /// The whole chain of causes, joined by `: `.
    pub message: String,
    pub hint: Option<String>,
}

/// A difference between the two tables' definitions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum StructureDifference {
    MissingTable {
        on: Side,
    },
    MissingColumn {
        on: Side,
        column: String,
    },
    /// The target's type can't hold, or doesn't tell apart, all that the
    /// source's does; or the types differ within one engine.
    Type {
        column: String,
        source: String,
        target: String,
    },
    Nullability {
        column: String,
        source_nullable: bool,
        target_nullable: bool,
    },
    Key {
        source: Vec<String>,
        target: Vec<String>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    Source,
    Target,
}

impl Side {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Target => "target",
        }
    }
}

/// A pair of columns that was compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnOutcome {
    pub source: String,
    pub target: String,
    pub source_type: String,
    pub target_type: String,
    /// How the two are compared, in words; empty in files of before it was kept.
    #[serde(default)]
    pub rule: String,
    /// What the rule stands on.
    pub policies: Vec<Policy>,
    /// What the types call for and the settings switch off.
    #[serde(default)]
    pub strict: Vec<Policy>,
    /// By how much values may differ that the rule tells apart.
    #[serde(default)]
    pub tolerance: Option<Tolerance>,
    /// Confirmed changed rows in which this column differs.
    pub changed: u64,
    /// Rows in which this column differs by no more than its tolerance, whatever
    /// the others do.
    #[serde(default)]
    pub within_tolerance: u64,
}

/// A column that was left out, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExcludedColumn {
    pub side: Side,
    pub column: String,
    pub why: String,
}

/// How much of the table the verdict speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coverage {
    pub ranges_total: u32,
    pub ranges_done: u32,
    /// Set when only a random sample of the ranges was asked for: the share
    /// of ranges, between 0 and 1.
    pub sampled: Option<f64>,
}

/// Where a server's log stood around the comparison.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Positions {
    pub start: Option<String>,
    pub end: Option<String>,
}
