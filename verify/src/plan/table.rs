//! One pair of tables.

use serde::{Deserialize, Serialize};
use switchback_engines::canon::{Policy, Rule, Tolerance};
use switchback_engines::{Column, Engine, Table};

/// How one pair of tables is compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TablePlan {
    pub source_engine: Engine,
    pub target_engine: Engine,
    pub source: Table,
    pub target: Table,
    /// The columns that are compared: those of the key first, in its order,
    /// the others in the order of the source table.
    pub columns: Vec<ColumnPair>,
    /// How many of `columns` are the key; 0 compares the rows as a multiset.
    pub key_len: usize,
    pub source_filter: Option<String>,
    pub target_filter: Option<String>,
}

/// Two columns that hold the same thing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnPair {
    /// Positions in the two tables' columns.
    pub source: usize,
    pub target: usize,
    pub rule: Rule,
    pub policies: Vec<Policy>,
    /// What the types call for and the settings switch off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub strict: Vec<Policy>,
    /// By how much values may differ that the rule tells apart. Never of a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<Tolerance>,
}

impl TablePlan {
    /// Whether rows can differ and still count as equal.
    #[must_use]
    pub fn has_tolerance(&self) -> bool {
        self.columns.iter().any(|c| c.tolerance.is_some())
    }

    /// Positions in the source table of the compared columns, in their order.
    #[must_use]
    pub fn source_columns(&self) -> Vec<usize> {
        self.columns.iter().map(|c| c.source).collect()
    }

    #[must_use]
    pub fn target_columns(&self) -> Vec<usize> {
        self.columns.iter().map(|c| c.target).collect()
    }

    /// The source's column of a pair.
    #[must_use]
    pub fn source_column(&self, pair: &ColumnPair) -> Option<&Column> {
        self.source.columns.get(pair.source)
    }

    #[must_use]
    pub fn target_column(&self, pair: &ColumnPair) -> Option<&Column> {
        self.target.columns.get(pair.target)
    }
}
