//! What can be wrong with a change, and what to do about it.
//!
//! While the sink is fenced, no conflict is expected: each one is evidence that
//! somebody else wrote, that a trigger did, or that we are wrong.

use std::fmt;

use serde::{Deserialize, Serialize};
use switchback_engines::Position;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConflictClass {
    /// The row to insert is there.
    InsertExists,
    /// The row to update is not there.
    UpdateMissing,
    /// The row to update is not what it was at the origin.
    UpdateDiffers,
    /// The row to delete is not there.
    DeleteMissing,
    /// The row to delete is not what it was at the origin.
    DeleteDiffers,
    /// Another row has the value of a unique key.
    UniqueOtherRow,
    /// Several rows where one is meant.
    Ambiguous,
    /// NOT NULL, CHECK, or what else a constraint of the sink may say. Foreign
    /// keys are not looked at in the applier's session, but by who truncates.
    Constraint,
    /// The sink's column can't hold the value, or no value that equals it.
    Value,
    /// The key has an earlier change that was put aside, so this one waits.
    Held,
}

impl ConflictClass {
    pub const ALL: [Self; 10] = [
        Self::InsertExists,
        Self::UpdateMissing,
        Self::UpdateDiffers,
        Self::DeleteMissing,
        Self::DeleteDiffers,
        Self::UniqueOtherRow,
        Self::Ambiguous,
        Self::Constraint,
        Self::Value,
        Self::Held,
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::InsertExists => "insert_exists",
            Self::UpdateMissing => "update_missing",
            Self::UpdateDiffers => "update_differs",
            Self::DeleteMissing => "delete_missing",
            Self::DeleteDiffers => "delete_differs",
            Self::UniqueOtherRow => "unique_other_row",
            Self::Ambiguous => "ambiguous",
            Self::Constraint => "constraint",
            Self::Value => "value",
            Self::Held => "held",
        }
    }
}

impl fmt::Display for ConflictClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What to do with a change that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// Stop the stream in front of the transaction.
    #[default]
    Stop,
    /// Put the change aside, in the same transaction, with all later ones of its
    /// key, and go on.
    DeadLetter,
    /// Make the row what the origin has, and keep what was there as a dead
    /// letter. Where that would touch another row, or can't be done, the change
    /// is put aside; so it is in a table without a key, where a row that is not
    /// there can't be told from one that differs.
    Overwrite,
}

impl Policy {
    pub const ALL: [Self; 3] = [Self::Stop, Self::DeadLetter, Self::Overwrite];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::DeadLetter => "dead_letter",
            Self::Overwrite => "overwrite",
        }
    }
}

/// A policy for each class.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policies {
    pub insert_exists: Policy,
    pub update_missing: Policy,
    pub update_differs: Policy,
    pub delete_missing: Policy,
    pub delete_differs: Policy,
    pub unique_other_row: Policy,
    pub ambiguous: Policy,
    pub constraint: Policy,
    pub value: Policy,
}

impl Policies {
    /// One policy for all.
    #[must_use]
    pub fn all(policy: Policy) -> Self {
        Self {
            insert_exists: policy,
            update_missing: policy,
            update_differs: policy,
            delete_missing: policy,
            delete_differs: policy,
            unique_other_row: policy,
            ambiguous: policy,
            constraint: policy,
            value: policy,
        }
    }

    #[must_use]
    pub fn of(&self, class: ConflictClass) -> Policy {
        match class {
            ConflictClass::InsertExists => self.insert_exists,
            ConflictClass::UpdateMissing => self.update_missing,
            ConflictClass::UpdateDiffers => self.update_differs,
            ConflictClass::DeleteMissing => self.delete_missing,
            ConflictClass::DeleteDiffers => self.delete_differs,
            ConflictClass::UniqueOtherRow => self.unique_other_row,
            ConflictClass::Ambiguous => self.ambiguous,
            ConflictClass::Constraint => self.constraint,
            ConflictClass::Value => self.value,
            ConflictClass::Held => Policy::DeadLetter,
        }
    }
}

/// A change that stopped the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    pub class: ConflictClass,
    /// The sink's table.
    pub table: String,
    /// `insert`, `update`, `delete` or `truncate`.
    pub operation: &'static str,
    /// The row's identity as text: data, to be shown and not to be logged.
    pub key: String,
    /// Where the transaction ends in the origin's log.
    pub position: Position,
    /// What the server said, where it refused; holds no values.
    pub reason: Option<String>,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of `{}` at {}: {}", self.operation, self.table, self.position, self.class)?;
        match &self.reason {
            Some(reason) => write!(f, " ({reason})"),
            None => Ok(()),
        }
    }
}
