//! States of a task, and what others wish of it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing was done yet; it may wait for its time.
    Created,
    /// Both ends were looked at, and nothing is in the way.
    Checked,
    /// Making schemas, types and tables.
    Structuring,
    /// Copying rows, and making indexes and foreign keys when they are there.
    Loading,
    /// Applying what changes at the source.
    Following,
    /// Told to stop for a while. It goes on where it was.
    Paused,
    /// Nothing is left to do, and nothing of it writes to the target any more.
    Completed,
    /// Stopped by an error. It goes on where it was when it is tried again.
    Failed,
}

impl State {
    pub const ALL: [Self; 8] = [
        Self::Created,
        Self::Checked,
        Self::Structuring,
        Self::Loading,
        Self::Following,
        Self::Paused,
        Self::Completed,
        Self::Failed,
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Checked => "checked",
            Self::Structuring => "structuring",
            Self::Loading => "loading",
            Self::Following => "following",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }

    /// Whether it is one that a task works in, and goes on in after it was stopped.
    #[must_use]
    pub fn is_phase(self) -> bool {
        matches!(self, Self::Created | Self::Checked | Self::Structuring | Self::Loading | Self::Following)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for State {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|state| state.name() == name).ok_or(())
    }
}

/// What somebody else wants the process at work to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// To go on.
    Run,
    /// To stop in order.
    Pause,
    /// To end the move: everything that is committed at the source now goes to the
    /// target, and nothing after it. Kept until it is done, also by a later process.
    Complete,
}

impl Wish {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Pause => "pause",
            Self::Complete => "complete",
        }
    }
}

impl FromStr for Wish {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        [Self::Run, Self::Pause, Self::Complete].into_iter().find(|wish| wish.name() == name).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for state in State::ALL {
            assert_eq!(state.name().parse(), Ok(state));
        }
        for wish in [Wish::Run, Wish::Pause, Wish::Complete] {
            assert_eq!(wish.name().parse(), Ok(wish));
        }
        assert!("done".parse::<State>().is_err());
    }
}
