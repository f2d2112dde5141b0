//! What is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use switchback_engines::{ConnectOptions, DatabaseUrl, StreamName, canon};
use switchback_replicate as replicate;
use switchback_verify::plan::selection::Pattern;

use crate::check::CheckOptions;
use crate::load;
use crate::structure::{Definer, Existing};

/// Where a task's two databases are.
#[derive(Debug, Clone)]
pub struct Ends {
    pub source: DatabaseUrl,
    pub target: DatabaseUrl,
    pub connect: ConnectOptions,
}

/// How much of a move is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Parts {
    /// Tables, and all that belongs to them, without rows.
    #[serde(rename = "structure")]
    Structure,
    /// And the rows, as they are at one moment.
    #[serde(rename = "full")]
    Full,
    /// And what changes from that moment on.
    #[default]
    #[serde(rename = "full+incremental")]
    FullAndIncremental,
}

impl Parts {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Structure => "structure",
            Self::Full => "full",
            Self::FullAndIncremental => "full+incremental",
        }
    }
}

/// Which warnings are known and wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accept {
    All,
    /// Items of the check, by their names; [`Accept::STRUCTURE`] for those of the
    /// structure's plan.
    These(BTreeSet<String>),
}

impl Accept {
    pub const STRUCTURE: &'static str = "structure";

    #[must_use]
    pub fn has(&self, item: &str) -> bool {
        match self {
            Self::All => true,
            Self::These(items) => items.contains(item),
        }
    }
}

impl Default for Accept {
    fn default() -> Self {
        Self::These(BTreeSet::new())
    }
}

/// What holds for one table.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TableRequest {
    /// The source's name of it: `table` or `schema.table`.
    pub name: String,
    /// The target's, where it is another, likewise.
    pub target: Option<String>,
    pub rename_columns: BTreeMap<String, String>,
    /// Columns of the source that are not moved. A table that is made on another engine
    /// does without them; within an engine it is made whole.
    pub ignore_columns: Vec<String>,
    pub equality: canon::Settings,
}

/// How the stream goes about it; what is not here is as [`replicate::Settings`] has it.
#[derive(Debug, Clone, Default)]
pub struct FollowRequest {
    pub policies: replicate::Policies,
    /// Sessions that apply at the same time.
    pub sessions: Option<usize>,
    pub retained: replicate::Retained,
}

/// A whole task.
#[derive(Debug, Clone)]
pub struct Request {
    /// Of the task and of its stream: see [`Request::NAME_BYTES_MAX`].
    pub name: StreamName,
    pub parts: Parts,
    /// Not before this.
    pub start_at: Option<SystemTime>,
    /// Tables to move; all of them where it is empty.
    pub include: Vec<Pattern>,
    pub exclude: Vec<Pattern>,
    pub tables: Vec<TableRequest>,
    /// From a schema of the source to one of the target.
    pub schemas: BTreeMap<String, String>,
    /// Whether tables are made. Where they are not, they have to be there.
    pub create: bool,
    pub existing: Existing,
    pub definer: Definer,
    pub roles: bool,
    pub check: CheckOptions,
    pub accept: Accept,
    pub load: load::Settings,
    pub follow: FollowRequest,
}

impl Request {
    /// A longer name would leave no room for the way back's, which ends in `_back`.
    pub const NAME_BYTES_MAX: usize = 35;

    /// Everything from here to there.
    #[must_use]
    pub fn new(name: StreamName) -> Self {
        Self {
            name,
            parts: Parts::default(),
            start_at: None,
            include: Vec::new(),
            exclude: Vec::new(),
            tables: Vec::new(),
            schemas: BTreeMap::new(),
            create: true,
            existing: Existing::default(),
            definer: Definer::default(),
            roles: false,
            check: CheckOptions::default(),
            accept: Accept::default(),
            load: load::Settings::default(),
            follow: FollowRequest::default(),
        }
    }

    /// The name of the stream that will run the other way.
    ///
    /// # Errors
    /// When the name is too long for it.
    pub fn way_back(&self) -> Result<StreamName, String> {
        StreamName::new(&format!("{}_back", self.name))
            .map_err(|_| format!("the name of a task has at most {} characters", Self::NAME_BYTES_MAX))
    }

    /// What can't be changed once a task has begun, as text: another run has to ask for
    /// the same.
    pub(super) fn scope(&self, ends: &Ends) -> String {
        let list = |patterns: &[Pattern]| patterns.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let mut lines = vec![
            format!("source: {} {}", ends.source.engine(), ends.source.location()),
            format!("target: {} {}", ends.target.engine(), ends.target.location()),
            format!("type: {}", self.parts.name()),
            format!("create: {}", self.create),
            format!("existing: {:?}", self.existing),
            format!("definer: {:?}", self.definer),
            format!("roles: {}", self.roles),
            format!("include: {}", list(&self.include)),
            format!("exclude: {}", list(&self.exclude)),
        ];
        lines.extend(self.schemas.iter().map(|(from, to)| format!("schema: {from} to {to}")));
        let mut tables: Vec<String> = self.tables.iter().map(|table| format!("table: {table:?}")).collect();
        tables.sort();
        lines.append(&mut tables);
        lines.join("\n")
    }
}
