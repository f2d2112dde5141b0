//! What is to be done, as a value.
//!
//! A plan is made before anything is created, printed for a dry run, and kept by
//! whoever runs it: the conflicts in it are those of the moment at which it was
//! made. A run that was killed goes on with *the same plan*, where what is there
//! is its own work; a new plan would take that for somebody else's.

use std::fmt;

use serde::{Deserialize, Serialize};
use switchback_engines::Engine;

use super::options::ColumnRef;

/// The structure of a database, as steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StructurePlan {
    pub source: Engine,
    pub target: Engine,
    pub warnings: Vec<Warning>,
    /// While there is one, nothing is run.
    pub conflicts: Vec<Conflict>,
    /// Columns of moved tables that the target will not have: for whoever compares.
    #[serde(default)]
    pub left_out: Vec<ColumnRef>,
    /// What the rows need: schemas, types, tables with their primary keys.
    pub before_load: Vec<Step>,
    /// What is made faster, or only possible, when the rows are there.
    pub after_load: Vec<Step>,
    /// What would act on rows by itself in the applier's sessions too: only when
    /// no stream writes to the target any more.
    pub at_cutover: Vec<Step>,
}

/// One object, and how it is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub object: Object,
    /// Run in order and, where the engine can, in one transaction.
    pub statements: Vec<String>,
    pub check: Check,
}

/// How to see whether a step has been done.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Check {
    /// A question to the target that has a row when the object is there.
    Query(String),
    /// Doing it again changes nothing.
    Repeatable,
}

/// Something that a structure is made of.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Object {
    pub kind: Kind,
    /// As people write it: `schema.table`, `schema.table.column`, `f(integer)`.
    pub name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Role,
    Schema,
    Extension,
    Type,
    Domain,
    Sequence,
    Table,
    Partition,
    Column,
    Default,
    PrimaryKey,
    UniqueKey,
    Index,
    ForeignKey,
    Check,
    View,
    MaterializedView,
    Function,
    Trigger,
    Event,
    Rule,
    Policy,
    Comment,
    Privilege,
    Position,
    /// What has no kind of its own here, such as a text search configuration.
    Other,
}

/// Something that the target will not have as the source has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Warning {
    pub object: Object,
    pub what: String,
}

/// Why nothing may be run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conflict {
    pub object: Object,
    pub why: Clash,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Clash {
    /// The target has something of that name.
    Exists,
    NameTooLong {
        max: usize,
        unit: NameUnit,
    },
    /// Two objects of the source would have one name on the target.
    SameName {
        other: String,
    },
    /// The target's server has no such extension installed.
    ExtensionUnavailable,
    /// The target has no type that keeps every value of this one.
    NoType {
        native: String,
    },
    /// A column that is left out can't be in its table's primary key.
    InPrimaryKey,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NameUnit {
    Bytes,
    Characters,
}

impl Object {
    pub fn new(kind: Kind, name: impl Into<String>) -> Self {
        Self { kind, name: name.into() }
    }
}

impl Step {
    pub(super) fn new(object: Object, statement: impl Into<String>, check: Check) -> Self {
        Self { object, statements: vec![statement.into()], check }
    }
}

impl StructurePlan {
    pub(super) fn new(source: Engine, target: Engine) -> Self {
        Self {
            source,
            target,
            warnings: Vec::new(),
            conflicts: Vec::new(),
            left_out: Vec::new(),
            before_load: Vec::new(),
            after_load: Vec::new(),
            at_cutover: Vec::new(),
        }
    }

    pub(super) fn warn(&mut self, object: Object, what: impl Into<String>) {
        let warning = Warning { object, what: what.into() };
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    pub(super) fn clash(&mut self, object: Object, why: Clash) {
        let conflict = Conflict { object, why };
        if !self.conflicts.contains(&conflict) {
            self.conflicts.push(conflict);
        }
    }

    /// All steps, in the order in which they are run.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.before_load.iter().chain(&self.after_load).chain(&self.at_cutover)
    }
}

impl Kind {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::Schema => "schema",
            Self::Extension => "extension",
            Self::Type => "type",
            Self::Domain => "domain",
            Self::Sequence => "sequence",
            Self::Table => "table",
            Self::Partition => "partition",
            Self::Column => "column",
            Self::Default => "default",
            Self::PrimaryKey => "primary key",
            Self::UniqueKey => "unique key",
            Self::Index => "index",
            Self::ForeignKey => "foreign key",
            Self::Check => "check",
            Self::View => "view",
            Self::MaterializedView => "materialized view",
            Self::Function => "function",
            Self::Trigger => "trigger",
            Self::Event => "event",
            Self::Rule => "rule",
            Self::Policy => "policy",
            Self::Comment => "comment",
            Self::Privilege => "privilege",
            Self::Position => "position",
            Self::Other => "object",
        }
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.kind.name(), self.name)
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.object, self.what)
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.object)?;
        match &self.why {
            Clash::Exists => f.write_str("the target has something of this name already"),
            Clash::NameTooLong { max, unit: NameUnit::Bytes } => {
                write!(f, "the target's names have at most {max} bytes")
            }
            Clash::NameTooLong { max, unit: NameUnit::Characters } => {
                write!(f, "the target's names have at most {max} characters")
            }
            Clash::SameName { other } => write!(f, "on the target it would have the name of `{other}`"),
            Clash::ExtensionUnavailable => f.write_str("the target's server does not have it installed"),
            Clash::NoType { native } => write!(f, "the target has no type for `{native}`"),
            Clash::InPrimaryKey => f.write_str("it is in the primary key, and can't be left out"),
        }
    }
}

/// As a script for people, which a client program of the target also takes.
impl fmt::Display for StructurePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for conflict in &self.conflicts {
            writeln!(f, "-- CONFLICT: {}", one_line(&conflict.to_string()))?;
        }
        for warning in &self.warnings {
            writeln!(f, "-- warning: {}", one_line(&warning.to_string()))?;
        }
        let parts = [
            ("before the load", &self.before_load),
            ("after the load", &self.after_load),
            ("at cutover", &self.at_cutover),
        ];
        for (title, steps) in parts {
            writeln!(f, "\n-- {title}: {} steps", steps.len())?;
            steps.iter().try_for_each(|step| script(step, self.target, f))?;
        }
        Ok(())
    }
}

fn script(step: &Step, engine: Engine, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    writeln!(f, "\n-- {}", one_line(&step.object.to_string()))?;
    // A client program ends a statement at the first semicolon.
    let has_body = matches!(step.object.kind, Kind::Function | Kind::Trigger | Kind::Event);
    let delimiter = if engine == Engine::MySql && has_body { "//" } else { ";" };
    if delimiter != ";" {
        writeln!(f, "DELIMITER {delimiter}")?;
    }
    for statement in &step.statements {
        writeln!(f, "{statement}{delimiter}")?;
    }
    if delimiter != ";" {
        writeln!(f, "DELIMITER ;")?;
    }
    Ok(())
}

/// A name may hold a line break, and what follows would be no comment.
fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}
