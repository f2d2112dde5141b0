//! What the operator wants of a move, resolved: the same layers as [`crate::settings`].

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use switchback_engines::{ConnectOptions, StreamName};
use switchback_migrate::load;
use switchback_migrate::task::{Accept, Ends, Folder, FollowRequest, Parts, Request, TableRequest};
use switchback_replicate::{Beyond, Retained};

use crate::config::moving::{self, Follow, Load, Move};
use crate::config::{ConfigFile, Table};
use crate::error::{Failure, Mistake, Result};
use crate::settings::{self, Environment};

/// Where tasks are kept, beside the config that says nothing else.
pub(crate) const STATE_DIR: &str = "switchback-tasks";
const DEFAULT_NAME: &str = "move";

/// Everything that a task needs to begin.
#[derive(Debug)]
pub(crate) struct TaskSettings {
    pub(crate) ends: Ends,
    pub(crate) request: Request,
    pub(crate) folder: Folder,
}

impl TaskSettings {
    /// # Errors
    /// When the config can't be used, or a URL is missing or none.
    pub(crate) fn resolve(config: &Path, accept_all: bool, environment: Environment<'_>) -> Result<Self> {
        let file = ConfigFile::read(config).map_err(Failure::usage)?;
        let source = settings::source_url(&file, environment)?;
        let target = settings::target_url(&file, environment)?;
        let mut request = request(&file, source.engine() == target.engine())?;
        if accept_all {
            request.accept = Accept::All;
        }
        let connections_max = u32::try_from(request.load.workers).unwrap_or(u32::MAX).saturating_add(4);
        let connect = ConnectOptions { connections_max, ..ConnectOptions::default() };
        let folder = Folder::new(state_dir(config, &file));
        Ok(Self { ends: Ends { source, target, connect }, request, folder })
    }

    /// The folder and name alone: for who only looks.
    pub(crate) fn place(config: &Path) -> Result<(Folder, String)> {
        let file = ConfigFile::read(config).map_err(Failure::usage)?;
        Ok((Folder::new(state_dir(config, &file)), name(&file.config.moving)?.to_string()))
    }
}

/// A relative one is relative to the config, so that it is the same from wherever the
/// tool is called.
fn state_dir(config: &Path, file: &ConfigFile) -> PathBuf {
    let beside = config.parent().unwrap_or(Path::new(""));
    let wanted = file.config.moving.state_dir.clone().unwrap_or_else(|| PathBuf::from(STATE_DIR));
    beside.join(wanted)
}

fn name(moving: &Move) -> Result<StreamName> {
    let name = moving.name.as_ref().map_or(DEFAULT_NAME, |name| name.0.as_str());
    StreamName::new(name).map_err(|why| Failure::usage(Mistake::new(why, "give the task another name")))
}

/// `within`: one engine, where tables are made whole.
fn request(file: &ConfigFile, within: bool) -> Result<Request> {
    let config = &file.config;
    let Move { parts, start_at, structure, existing, definer, roles, schemas, way_back, log_retention, accept, .. } =
        config.moving.clone();
    let mut request = Request::new(name(&config.moving)?);
    request.parts = parts.unwrap_or_default();
    request.start_at = start_at.map(|at| at.0);
    request.include = config.tables.include.iter().map(|pattern| pattern.0.clone()).collect();
    request.exclude = config.tables.exclude.iter().map(|pattern| pattern.0.clone()).collect();
    request.tables = file.tables().map(|table| table_request(file, table)).collect::<Result<_>>()?;
    request.schemas = schemas;
    request.create = structure.unwrap_or(true);
    (request.existing, request.definer, request.roles) = (existing, definer, roles);
    request.check.rollback = way_back.unwrap_or(true);
    if let Some(retention) = log_retention {
        request.check.retention_hours = retention.0.as_secs().div_ceil(3_600);
    }
    request.accept = Accept::These(accept.into_iter().collect::<BTreeSet<_>>());
    request.load = load_settings(&config.load);
    request.follow = follow_request(&config.follow);
    if request.parts == Parts::Structure && !request.create {
        return Err(Failure::usage(Mistake::new(
            "a move of the type `structure` with `structure = false` has nothing to do",
            "leave one of the two out of `[move]`",
        )));
    }
    let is_other =
        |table: &&TableRequest| !table.rename_columns.is_empty() || (within && !table.ignore_columns.is_empty());
    let other = request.tables.iter().find(is_other);
    // Also with `existing = "keep"`: indexes and keys are made by the source's names.
    if let Some(table) = other.filter(|_| request.create) {
        let what = if within { "columns to skip or to rename" } else { "columns to rename" };
        return Err(Failure::usage(Mistake::new(
            format!("`{}` has {what}, and tables are made as the source has them", table.name),
            "make the tables yourself, and say `structure = false` in `[move]`",
        )));
    }
    Ok(request)
}

fn table_request(file: &ConfigFile, table: &Table) -> Result<TableRequest> {
    // To move all rows where some were asked for would be worse than to refuse.
    if table.source_filter.is_some() || table.target_filter.is_some() {
        return Err(Failure::usage(Mistake::new(
            format!("`{}` has a filter, and a move takes all rows of a table", table.name),
            "use another config to compare with filters",
        )));
    }
    Ok(TableRequest {
        name: table.name.clone(),
        target: table.target.clone(),
        rename_columns: table.rename_columns.clone(),
        ignore_columns: table.skip_columns.clone(),
        equality: table.equality().within(&file.config.equality()),
    })
}

fn load_settings(config: &Load) -> load::Settings {
    let defaults = load::Settings::default();
    load::Settings {
        workers: config.workers.map_or(defaults.workers, |workers| usize::from(workers.0)),
        range_bytes: config.range_mib.map_or(defaults.range_bytes, |mib| u64::from(mib.get()) << 20),
        bytes_per_second: config.mib_per_second.map(|mib| u64::from(mib.get()) << 20),
        patience: config.patience.map_or(defaults.patience, |patience| patience.0),
        ..defaults
    }
}

fn follow_request(config: &Follow) -> FollowRequest {
    FollowRequest {
        policies: config.on_conflict.clone(),
        sessions: config.sessions.map(|sessions| usize::from(sessions.0)),
        retained: Retained {
            bytes_max: config.retained_log_mib.map(|mib| mib.get().saturating_mul(1 << 20)),
            beyond: match config.beyond {
                moving::Beyond::Tell => Beyond::Tell,
                moving::Beyond::LetGo => Beyond::LetGo,
            },
            look_interval: Duration::from_secs(1),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str) -> Result<TaskSettings> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("move.toml");
        std::fs::write(&path, format!("source = \"sqlite:a\"\ntarget = \"sqlite:b\"\n{text}")).unwrap();
        let settings = TaskSettings::resolve(&path, false, &|_| None)?;
        assert!(settings.folder.path().starts_with(folder.path()), "{settings:?}");
        Ok(settings)
    }

    #[test]
    fn what_is_not_said_is_the_whole_move() {
        let request = resolve("").unwrap().request;
        assert_eq!((request.name.as_str(), request.parts, request.create), ("move", Parts::FullAndIncremental, true));
        assert!(request.check.rollback && request.start_at.is_none() && !request.accept.has("log_bin"));
    }

    #[test]
    fn what_is_said_is_asked_for() {
        let request = resolve(
            "[move]\nname = \"shop\"\ntype = \"full\"\nstructure = false\nstart_at = \"2026-11-22T02:00:00+01:00\"\naccept = [\"log_bin\"]\n\
             log_retention = \"90m\"\n[load]\nworkers = 2\nrange_mib = 8\n[follow]\nsessions = 3\n\
             on_conflict = { value = \"dead_letter\" }\n[[table]]\nname = \"users\"\ntarget = \"accounts\"\n\
             skip_columns = [\"avatar\"]",
        );
        let request = request.unwrap().request;
        assert_eq!((request.name.as_str(), request.parts), ("shop", Parts::Full));
        assert_eq!((request.load.workers, request.load.range_bytes, request.follow.sessions), (2, 8 << 20, Some(3)));
        assert!(request.accept.has("log_bin") && !request.accept.has("server_id"));
        assert_eq!(request.check.retention_hours, 2);
        let at = request.start_at.unwrap().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(at.as_secs(), 1_795_309_200);
        assert_eq!(request.tables[0].target.as_deref(), Some("accounts"));
        assert_eq!(request.tables[0].ignore_columns, ["avatar"]);
    }

    #[test]
    fn what_can_not_be_done_is_refused() {
        for (text, says) in [
            ("[[table]]\nname = \"a\"\nsource_filter = \"id > 1\"", "has a filter"),
            ("[move]\ntype = \"structure\"\nstructure = false", "nothing to do"),
            ("[[table]]\nname = \"a\"\nskip_columns = [\"b\"]", "columns to skip"),
            ("[move]\nname = \"Shop!\"", "line 4"),
            ("[move]\ntype = \"half\"", "line 4"),
            ("[move]\nstart_at = \"tomorrow\"", "line 4"),
            ("[load]\nworkers = 0", "line 4"),
            ("[follow]\non_conflict = { vlaue = \"stop\" }", "line 4"),
        ] {
            let told = resolve(text).expect_err(text).describe().to_string();
            assert!(told.contains(says), "{text}: {told}");
        }
    }
}
