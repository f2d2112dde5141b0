//! For which end of a move an account is, and for what.

use std::collections::BTreeSet;

use switchback_engines::TableRef;

use crate::check::End;

/// What an account is to be for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRequest {
    pub end: End,
    /// Whether changes are followed; a full load alone needs no log.
    pub follow: bool,
    /// Whether the way back is to be held open.
    pub rollback: bool,
    /// Whether the structure is moved too: read here at the source, created here at
    /// the target.
    pub structure: bool,
    /// The account's name.
    pub name: String,
    /// From where it may come, as MySQL and MariaDB have it: `%` for anywhere.
    pub host: String,
    /// The tables of this end that are moved, at the target those that are there
    /// already; `None` for all of the database.
    pub tables: Option<Vec<TableRef>>,
    /// PostgreSQL: schemas of the target that tables are created in. Those that are
    /// not there yet are created by the account.
    pub schemas: Vec<String>,
    /// PostgreSQL: who gets what the account has made when it goes; the owner of the
    /// database where it is not said.
    pub heir: Option<String>,
    /// Whether the tool's own tables go with the account.
    pub drop_own: bool,
}

/// One of the things that an account does at an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Keeps the tool's own tables, as at either end in any case.
    Keep,
    /// Reads rows.
    Read,
    /// Follows the log.
    Capture,
    /// Takes a snapshot for several readers.
    Snapshot,
    /// Writes changes.
    Apply,
    /// Writes down how far a load is.
    Load,
    /// Reads the structure.
    Describe,
    /// Creates it.
    Create,
}

impl AccountRequest {
    /// For a move of everything in the database, with the way back.
    #[must_use]
    pub fn new(end: End, name: &str) -> Self {
        Self {
            end,
            follow: true,
            rollback: true,
            structure: true,
            name: name.to_owned(),
            host: "%".to_owned(),
            tables: None,
            schemas: Vec::new(),
            heir: None,
            drop_own: false,
        }
    }

    /// What the account does.
    #[must_use]
    pub fn parts(&self) -> BTreeSet<Part> {
        parts(self.end, self.follow, self.rollback, self.structure)
    }
}

/// The source is read, and followed, and written to on the way back; the target is
/// written to, and followed on the way back.
pub(crate) fn parts(end: End, follow: bool, rollback: bool, structure: bool) -> BTreeSet<Part> {
    let does: &[(Part, bool)] = match end {
        End::Source => &[
            (Part::Read, true),
            (Part::Capture, follow),
            (Part::Snapshot, true),
            (Part::Apply, rollback),
            (Part::Describe, structure),
        ],
        End::Target => &[(Part::Apply, true), (Part::Load, true), (Part::Capture, rollback), (Part::Create, structure)],
    };
    does.iter().filter(|(_, does)| *does).map(|(part, _)| *part).chain([Part::Keep]).collect()
}

impl Part {
    /// For people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Keep => "always",
            Self::Read => "to load from",
            Self::Capture => "to follow",
            Self::Snapshot => "to load from by several readers",
            Self::Apply => "to write to",
            Self::Load => "to load into",
            Self::Describe => "to read the structure",
            Self::Create => "to create the structure",
        }
    }
}
