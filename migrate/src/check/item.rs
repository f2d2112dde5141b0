//! What a check comes to.

use std::fmt;

use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    Source,
    Target,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the source to the target.
    Forward,
    /// From the target to the source, after the cutover.
    Back,
}

/// In the order of what it means for the move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    Pass,
    /// Somebody has to say that it is known and wanted.
    Warn,
    /// The move would not be faithful, or would not work.
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    pub end: End,
    pub direction: Direction,
    /// A name for scripts, which does not change.
    pub item: &'static str,
    pub grade: Grade,
    pub found: String,
    pub why: &'static str,
    /// A statement, or what to do otherwise.
    pub remedy: Option<String>,
}

/// All of a check.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    pub items: Vec<Item>,
}

impl Report {
    /// The worst of all.
    #[must_use]
    pub fn grade(&self) -> Grade {
        self.items.iter().map(|item| item.grade).max().unwrap_or(Grade::Pass)
    }

    pub fn of(&self, grade: Grade) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(move |item| item.grade == grade)
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "source",
            Self::Target => "target",
        })
    }
}
