//! What the operator wants: file, environment and flags together, resolved to
//! values that can't be wrong any more.
//!
//! Each layer goes before the one below it: file, environment, flags. No
//! database is asked here; whether tables and columns exist is found out by
//! the run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use switchback_engines::{ConnectOptions, DatabaseUrl};
use switchback_verify::options::{Confirm, StopConditions, TableSettings};
use switchback_verify::{Mode, Options, Selection};

use crate::args::{ExtentArgs, SelectionArgs, VerifyArgs};
use crate::config::{Config, ConfigFile, Table, UrlPlace, read_secret};
use crate::error::{Failure, Mistake, Result};

pub(crate) const SOURCE_VARIABLE: &str = "SWITCHBACK_SOURCE_URL";
pub(crate) const TARGET_VARIABLE: &str = "SWITCHBACK_TARGET_URL";

/// Everything that `verify` needs to begin.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) source: DatabaseUrl,
    pub(crate) target: DatabaseUrl,
    pub(crate) connect: ConnectOptions,
    pub(crate) run_dir: PathBuf,
    pub(crate) options: Options,
}

/// Reads an environment variable; `None` when it isn't set, or set to nothing.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The process's own environment.
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl Settings {
    /// # Errors
    /// When the config can't be used, a URL is missing or none, or the layers
    /// contradict each other.
    pub(crate) fn resolve(args: &VerifyArgs, environment: Environment<'_>, run_id: &str) -> Result<Self> {
        let file = args.config.as_deref().map(ConfigFile::read).transpose().map_err(Failure::usage)?;
        let place = |of: fn(&ConfigFile) -> Result<Option<UrlPlace>, crate::config::ConfigError>| {
            file.as_ref().map(of).transpose().map(Option::flatten).map_err(Failure::usage)
        };
        let source = find_url(&SOURCE, args.source.as_deref(), environment, place(ConfigFile::source)?)?;
        let target = find_url(&TARGET, args.target.as_deref(), environment, place(ConfigFile::target)?)?;
        let tables = file.as_ref().map(|file| file.tables().cloned().collect()).unwrap_or_default();
        let config = file.map(|file| file.config).unwrap_or_default();
        let run_dir = run_dir(args.output.run_dir.as_deref().or(config.output.run_dir.as_deref()), run_id);
        let options = options(args, config, tables, run_id);
        Ok(Self { source, target, connect: connect_options(options.jobs), run_dir, options })
    }
}

/// When and how often: unique, and sorted by time in a listing of folders.
pub(crate) fn new_run_id(now: DateTime<Utc>, random: u16) -> String {
    format!("{}-{random:04x}", now.format("%Y-%m-%dT%H%M%SZ"))
}

pub(crate) fn connect_options(jobs: usize) -> ConnectOptions {
    // Beside the ranges being read, rows are confirmed and the next tables are described.
    let connections_max = u32::try_from(jobs).unwrap_or(u32::MAX).saturating_add(2);
    ConnectOptions { connections_max, ..ConnectOptions::default() }
}

/// One of the two databases, in the words of the operator.
struct Side {
    name: &'static str,
    argument: &'static str,
    variable: &'static str,
}

const SOURCE: Side = Side { name: "source", argument: "SOURCE_URL", variable: SOURCE_VARIABLE };
const TARGET: Side = Side { name: "target", argument: "TARGET_URL", variable: TARGET_VARIABLE };

/// The source's URL for a command that takes it from a config alone.
pub(crate) fn source_url(file: &ConfigFile, environment: Environment<'_>) -> Result<DatabaseUrl> {
    find_url(&SOURCE, None, environment, file.source().map_err(Failure::usage)?)
}

/// Likewise the target's.
pub(crate) fn target_url(file: &ConfigFile, environment: Environment<'_>) -> Result<DatabaseUrl> {
    find_url(&TARGET, None, environment, file.target().map_err(Failure::usage)?)
}

fn find_url(
    side: &Side,
    argument: Option<&str>,
    environment: Environment<'_>,
    place: Option<UrlPlace>,
) -> Result<DatabaseUrl> {
    if let Some(text) = argument {
        return parse_url(text, side, &format!("`{}`", side.argument));
    }
    if let Some(text) = environment(side.variable) {
        return parse_url(&text, side, &format!("`{}`", side.variable));
    }
    match place {
        Some(UrlPlace::Here(text)) => parse_url(&text, side, "the config"),
        Some(UrlPlace::Variable(name)) => match environment(&name) {
            Some(text) => parse_url(&text, side, &format!("`{name}`")),
            None => Err(variable_missing(side, &name)),
        },
        Some(UrlPlace::File(path)) => {
            let text = read_secret(&path).map_err(Failure::usage)?;
            parse_url(&text, side, &format!("`{}`", path.display()))
        }
        None => Err(Failure::usage(Mistake::new(
            format!("it is not said where the {} is", side.name),
            format!("set the environment variable {}, name a config with -c, or give {}", side.variable, side.argument),
        ))),
    }
}

fn variable_missing(side: &Side, name: &str) -> Failure {
    // A URL that was written where its variable's name belongs is not repeated.
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let named = if is_name { format!(" `{name}`") } else { String::new() };
    Failure::usage(Mistake::new(
        format!("the environment variable{named} is not set"),
        format!("the config names it as `{}_env`", side.name),
    ))
}

fn parse_url(text: &str, side: &Side, place: &str) -> Result<DatabaseUrl> {
    DatabaseUrl::parse(text.trim()).map_err(|error| {
        Failure::usage(anyhow::Error::new(error).context(format!("cannot use the {} that {place} names", side.name)))
    })
}

fn run_dir(wanted: Option<&Path>, run_id: &str) -> PathBuf {
    match wanted {
        Some(path) => match path.to_str() {
            Some(text) => PathBuf::from(text.replace("{run_id}", run_id)),
            None => path.to_owned(),
        },
        None => Path::new("switchback-runs").join(run_id),
    }
}

fn options(args: &VerifyArgs, config: Config, tables: Vec<Table>, run_id: &str) -> Options {
    let defaults = Options::default();
    Options {
        run_id: run_id.to_owned(),
        mode: mode(&args.extent),
        jobs: args.extent.jobs.or(config.jobs.map(|jobs| jobs.0)).map_or(defaults.jobs, usize::from),
        stop: StopConditions {
            differences_max: args.extent.max_differences.or(config.stop.max_differences.map(Into::into)),
            time_max: args.extent.max_time.or(config.stop.max_time).map(|time| time.0),
        },
        confirm: Confirm {
            attempts_max: config.confirm.attempts.map_or(defaults.confirm.attempts_max, Into::into),
            backoff: config.confirm.backoff.map_or(defaults.confirm.backoff, |backoff| backoff.0),
        },
        equality: args.equality.settings().within(&config.equality()),
        selection: selection(&args.selection, config, tables),
        // What else there is to set is no matter of taste, so it has no word of its own.
        ..defaults
    }
}

fn mode(extent: &ExtentArgs) -> Mode {
    match (extent.count_only, extent.sample) {
        (true, _) => Mode::CountOnly,
        (false, Some(percent)) => Mode::Sample { share: percent.share },
        (false, None) => Mode::Rows,
    }
}

fn selection(args: &SelectionArgs, config: Config, tables: Vec<Table>) -> Selection {
    let include = if args.tables.is_empty() {
        config.tables.include.into_iter().map(|pattern| pattern.0).collect()
    } else {
        args.tables.clone()
    };
    // What leaves something out adds up: a flag for one more table must not
    // bring back those that the file excludes.
    let exclude = config.tables.exclude.into_iter().map(|pattern| pattern.0).chain(args.exclude.iter().cloned());
    let ignored = config.tables.ignore_columns.into_iter().map(|column| column.0);
    Selection {
        include,
        exclude: exclude.collect(),
        tables: table_settings(args, tables),
        schemas: config.moving.schemas,
        ignore_columns: ignored.chain(args.ignore_columns.iter().cloned()).collect(),
    }
}

/// The file's entries, with the flags laid over those of the same name.
fn table_settings(args: &SelectionArgs, tables: Vec<Table>) -> Vec<TableSettings> {
    let mut merged: BTreeMap<String, TableSettings> = tables
        .into_iter()
        .map(|table| {
            let settings = TableSettings {
                source: table.name.clone(),
                equality: table.equality(),
                columns: table.columns(),
                target: table.target,
                rename_columns: table.rename_columns,
                // What was not moved can't be the same.
                ignore_columns: table.ignore_columns.into_iter().chain(table.skip_columns).collect(),
                key: table.key.map(|key| key.0),
                source_filter: table.source_filter,
                target_filter: table.target_filter,
            };
            (table.name, settings)
        })
        .collect();
    let mut settings_of = |name: &str, change: &dyn Fn(&mut TableSettings)| {
        let fresh = || TableSettings { source: name.to_owned(), ..TableSettings::default() };
        change(merged.entry(name.to_owned()).or_insert_with(fresh));
    };
    for key in &args.keys {
        settings_of(&key.name, &|table| table.key = Some(key.value.0.clone()));
    }
    for rename in &args.renames {
        settings_of(&rename.name, &|table| table.target = Some(rename.value.clone()));
    }
    for filter in &args.source_filters {
        settings_of(&filter.name, &|table| table.source_filter = Some(filter.value.clone()));
    }
    for filter in &args.target_filters {
        settings_of(&filter.name, &|table| table.target_filter = Some(filter.value.clone()));
    }
    merged.into_values().collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::Parser;

    use super::*;
    use crate::args::{Args, Command};

    fn resolve(words: &[&str], variables: &[(&str, &str)]) -> Result<Settings> {
        let args = Args::try_parse_from(["switchback", "verify"].iter().chain(words)).unwrap();
        let Command::Verify(args) = args.command else { panic!("not verify") };
        let environment = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        Settings::resolve(&args, &environment, "RUN")
    }

    fn config(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn the_environment_goes_before_the_file() {
        let file = config("source = \"sqlite:file-a\"\ntarget = \"sqlite:file-b\"\n");
        let path = file.path().to_str().unwrap();
        let settings = resolve(&["-c", path], &[(TARGET_VARIABLE, "sqlite:env-b")]).unwrap();
        assert_eq!((settings.source.location(), settings.target.location()), ("file-a", "env-b"));
    }

    #[test]
    fn an_argument_goes_before_the_environment() {
        let variables = [(SOURCE_VARIABLE, "sqlite:env-a"), (TARGET_VARIABLE, "sqlite:env-b")];
        let settings = resolve(&["sqlite:a"], &variables).unwrap();
        assert_eq!((settings.source.location(), settings.target.location()), ("a", "env-b"));
    }

    #[test]
    fn flags_go_before_the_file() {
        let file = config(
            "source = \"sqlite:a\"\ntarget = \"sqlite:b\"\njobs = 2\n[tables]\ninclude = [\"x*\"]\n\
             exclude = [\"xa\"]\n[[table]]\nname = \"xb\"\nkey = [\"id\"]\nsource_filter = \"1\"\n[stop]\nmax_time = \"1h\"\n\
             max_differences = 7\n[confirm]\nattempts = 9\nbackoff = \"1s\"\n[equality]\nnaive_zone = \"+01:00\"\n\
             [output]\nrun_dir = \"runs/{run_id}\"\n",
        );
        let path = file.path().to_str().unwrap();
        let options = |words: &[&str]| resolve(&[&["-c", path], words].concat(), &[]).unwrap().options;

        let plain = options(&[]);
        assert_eq!(plain.jobs, 2);
        assert_eq!(plain.stop.time_max, Some(Duration::from_secs(3600)));
        assert_eq!(plain.stop.differences_max, Some(7));
        assert_eq!(plain.confirm, Confirm { attempts_max: 9, backoff: Duration::from_secs(1) });
        assert_eq!(plain.equality.naive_zone_minutes, Some(60));

        let flags = options(&["-j", "8", "-t", "y", "-x", "xc", "--max-time", "5s", "--naive-zone", "-01:00"]);
        assert_eq!(flags.jobs, 8);
        assert_eq!(flags.stop.time_max, Some(Duration::from_secs(5)));
        assert_eq!(flags.equality.naive_zone_minutes, Some(-60));
        let names = |patterns: &[switchback_verify::plan::selection::Pattern]| {
            patterns.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(names(&flags.selection.include), ["y"]);
        assert_eq!(names(&flags.selection.exclude), ["xa", "xc"]);

        let flags = options(&["--key", "xb=a,b", "--rename-table", "xb=yb", "--target-filter", "other=c = 1"]);
        let [other, xb] = &flags.selection.tables[..] else { panic!("{:?}", flags.selection.tables) };
        assert_eq!((other.source.as_str(), other.target_filter.as_deref()), ("other", Some("c = 1")));
        assert_eq!(xb.key.as_deref(), Some(&["a".to_owned(), "b".to_owned()][..]));
        assert_eq!((xb.target.as_deref(), xb.source_filter.as_deref()), (Some("yb"), Some("1")));
    }

    #[test]
    fn a_secret_comes_from_a_file_or_a_named_variable() {
        let secret = config("sqlite:secret\n");
        let file = config(&format!("source_file = {:?}\ntarget_env = \"NEW\"\n", secret.path()));
        let path = file.path().to_str().unwrap();
        let settings = resolve(&["-c", path], &[("NEW", "sqlite:new")]).unwrap();
        assert_eq!((settings.source.location(), settings.target.location()), ("secret", "new"));
        let failure = resolve(&["-c", path], &[]).unwrap_err();
        assert!(failure.describe().message.contains("`NEW` is not set"));
    }

    #[test]
    fn a_missing_url_says_where_it_could_be() {
        let text = resolve(&["sqlite:a"], &[]).unwrap_err().describe();
        assert_eq!(text.message, "it is not said where the target is");
        assert!(text.hint.unwrap().contains(TARGET_VARIABLE));
    }

    #[test]
    fn a_run_has_a_folder_of_its_own() {
        let urls = ["sqlite:a", "sqlite:b"];
        assert_eq!(resolve(&urls, &[]).unwrap().run_dir, Path::new("switchback-runs/RUN"));
        let named = resolve(&[&urls[..], &["--run-dir", "x/{run_id}/y"]].concat(), &[]).unwrap();
        assert_eq!(named.run_dir, Path::new("x/RUN/y"));
    }

    #[test]
    fn run_ids_sort_by_time() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        assert_eq!(new_run_id(at("2026-11-21T09:05:07Z"), 0xab), "2026-11-21T090507Z-00ab");
    }
}
