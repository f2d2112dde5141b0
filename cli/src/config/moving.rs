//! What the config says of a move: `[move]`, `[load]` and `[follow]`.

use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroU64};
use std::path::PathBuf;

use serde::Deserialize;
use switchback_migrate::structure::{Definer, Existing};
use switchback_migrate::task::Parts;
use switchback_replicate::Policies;

use crate::words::{Duration, TaskName, Time};

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Move {
    pub(crate) name: Option<TaskName>,
    #[serde(rename = "type")]
    pub(crate) parts: Option<Parts>,
    pub(crate) start_at: Option<Time>,
    /// Whether tables are made.
    pub(crate) structure: Option<bool>,
    pub(crate) existing: Existing,
    pub(crate) definer: Definer,
    pub(crate) roles: bool,
    pub(crate) schemas: BTreeMap<String, String>,
    /// Whether the check looks at what the way back needs.
    pub(crate) way_back: Option<bool>,
    /// For how long the source has to keep its log at least.
    pub(crate) log_retention: Option<Duration>,
    /// Warnings that are known and wanted, by the names of their items.
    pub(crate) accept: Vec<String>,
    pub(crate) state_dir: Option<PathBuf>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Load {
    pub(crate) workers: Option<Workers>,
    pub(crate) range_mib: Option<NonZeroU32>,
    pub(crate) mib_per_second: Option<NonZeroU32>,
    /// How long an end may be away.
    pub(crate) patience: Option<Duration>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Follow {
    pub(crate) sessions: Option<Sessions>,
    pub(crate) on_conflict: Policies,
    pub(crate) retained_log_mib: Option<NonZeroU64>,
    pub(crate) beyond: Beyond,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Beyond {
    #[default]
    Tell,
    LetGo,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "u16")]
pub(crate) struct Workers(pub(crate) u16);

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "u16")]
pub(crate) struct Sessions(pub(crate) u16);

impl TryFrom<u16> for Workers {
    type Error = &'static str;

    fn try_from(workers: u16) -> Result<Self, Self::Error> {
        if (1..=64).contains(&workers) { Ok(Self(workers)) } else { Err("it must be from 1 to 64") }
    }
}

impl TryFrom<u16> for Sessions {
    type Error = &'static str;

    fn try_from(sessions: u16) -> Result<Self, Self::Error> {
        if (1..=32).contains(&sessions) { Ok(Self(sessions)) } else { Err("it must be from 1 to 32") }
    }
}
