//! The config file: one TOML document, read and checked as far as it can be
//! checked alone.
//!
//! A key that isn't known is an error, with its line: a misspelt `exclude`
//! must not silently compare everything. What toml says of an error shows the
//! line itself, which may hold a password; so only position and message are taken
//! from it.

pub(crate) mod moving;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use switchback_engines::canon::Settings as Equality;
use toml::Spanned;

use crate::error::Mistake;
use crate::redact;
use crate::words::{Duration, IgnoredColumnWord, PatternWord};

/// A whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    source: Option<Spanned<String>>,
    source_env: Option<Spanned<String>>,
    source_file: Option<Spanned<PathBuf>>,
    target: Option<Spanned<String>>,
    target_env: Option<Spanned<String>>,
    target_file: Option<Spanned<PathBuf>>,
    pub(crate) jobs: Option<Jobs>,
    pub(crate) tables: Tables,
    table: Vec<Spanned<Table>>,
    equality: Option<Spanned<Equality>>,
    pub(crate) stop: Stop,
    pub(crate) confirm: Confirm,
    pub(crate) output: Output,
    #[serde(rename = "move")]
    pub(crate) moving: moving::Move,
    pub(crate) load: moving::Load,
    pub(crate) follow: moving::Follow,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Tables {
    pub(crate) include: Vec<PatternWord>,
    pub(crate) exclude: Vec<PatternWord>,
    pub(crate) ignore_columns: Vec<IgnoredColumnWord>,
}

/// What holds for one table, by the source's name of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) target: Option<String>,
    pub(crate) key: Option<KeyColumns>,
    #[serde(default)]
    pub(crate) ignore_columns: Vec<String>,
    #[serde(default)]
    pub(crate) rename_columns: BTreeMap<String, String>,
    /// Columns that are not moved.
    #[serde(default)]
    pub(crate) skip_columns: Vec<String>,
    pub(crate) source_filter: Option<String>,
    pub(crate) target_filter: Option<String>,
    equality: Option<Spanned<Equality>>,
    /// What equal means in single columns, by the source's names of them.
    #[serde(default)]
    columns: BTreeMap<String, Spanned<Equality>>,
}

impl Table {
    pub(crate) fn equality(&self) -> Equality {
        get(self.equality.as_ref())
    }

    pub(crate) fn columns(&self) -> BTreeMap<String, Equality> {
        self.columns.iter().map(|(name, equality)| (name.clone(), equality.get_ref().clone())).collect()
    }
}

fn get(equality: Option<&Spanned<Equality>>) -> Equality {
    equality.map(|equality| equality.get_ref().clone()).unwrap_or_default()
}

impl Config {
    /// What equal means in the whole run.
    pub(crate) fn equality(&self) -> Equality {
        get(self.equality.as_ref())
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Stop {
    pub(crate) max_differences: Option<std::num::NonZeroU64>,
    pub(crate) max_time: Option<Duration>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Confirm {
    pub(crate) attempts: Option<std::num::NonZeroU32>,
    pub(crate) backoff: Option<Duration>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Output {
    pub(crate) run_dir: Option<PathBuf>,
}

/// Within the bounds that the flag has too.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "u16")]
pub(crate) struct Jobs(pub(crate) u16);

impl TryFrom<u16> for Jobs {
    type Error = &'static str;

    fn try_from(jobs: u16) -> Result<Self, Self::Error> {
        if (1..=256).contains(&jobs) { Ok(Self(jobs)) } else { Err("it must be from 1 to 256") }
    }
}

/// At least one column.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub(crate) struct KeyColumns(pub(crate) Vec<String>);

impl TryFrom<Vec<String>> for KeyColumns {
    type Error = &'static str;

    fn try_from(columns: Vec<String>) -> Result<Self, Self::Error> {
        if columns.is_empty() || columns.iter().any(String::is_empty) {
            return Err("a key needs the name of at least one column");
        }
        Ok(Self(columns))
    }
}

/// Where a database's URL is to be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum UrlPlace {
    /// In the file itself.
    Here(String),
    /// In the environment variable of this name.
    Variable(String),
    /// In a file that holds nothing else.
    File(PathBuf),
}

/// The config can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("cannot read the config file `{}`", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{place}: {message}")]
    Content { place: String, message: String },
}

/// A config and where it came from.
#[derive(Debug)]
pub(crate) struct ConfigFile {
    pub(crate) path: PathBuf,
    text: String,
    pub(crate) config: Config,
}

impl ConfigFile {
    /// # Errors
    /// When the file can't be read or is not what it should be.
    pub(crate) fn read(path: &Path) -> Result<Self, ConfigError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Self::parse(path, text)
    }

    fn parse(path: &Path, text: String) -> Result<Self, ConfigError> {
        let config = toml::from_str(&text).map_err(|error| content_error(path, &text, &error))?;
        let file = Self { path: path.to_owned(), text, config };
        file.check_tables()?;
        file.check_equality()?;
        file.source()?;
        file.target()?;
        Ok(file)
    }

    /// Where the source's URL is; `None` when the file does not say.
    pub(crate) fn source(&self) -> Result<Option<UrlPlace>, ConfigError> {
        let config = &self.config;
        self.place("source", config.source.as_ref(), config.source_env.as_ref(), config.source_file.as_ref())
    }

    pub(crate) fn target(&self) -> Result<Option<UrlPlace>, ConfigError> {
        let config = &self.config;
        self.place("target", config.target.as_ref(), config.target_env.as_ref(), config.target_file.as_ref())
    }

    /// What the file says of single tables.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &Table> {
        self.config.table.iter().map(Spanned::get_ref)
    }

    fn place(
        &self,
        side: &str,
        here: Option<&Spanned<String>>,
        variable: Option<&Spanned<String>>,
        file: Option<&Spanned<PathBuf>>,
    ) -> Result<Option<UrlPlace>, ConfigError> {
        let mut places = [
            here.map(|s| (s.span(), UrlPlace::Here(s.get_ref().clone()))),
            variable.map(|s| (s.span(), UrlPlace::Variable(s.get_ref().clone()))),
            file.map(|s| (s.span(), UrlPlace::File(s.get_ref().clone()))),
        ]
        .into_iter()
        .flatten();
        let first = places.next();
        if let Some((span, _)) = places.next() {
            let message = format!("only one of `{side}`, `{side}_env` and `{side}_file` can be set");
            return Err(self.error_at(&span, &message));
        }
        Ok(first.map(|(_, place)| place))
    }

    /// Two entries for one table would leave open which one counts.
    fn check_tables(&self) -> Result<(), ConfigError> {
        let mut names = std::collections::BTreeSet::new();
        for table in &self.config.table {
            let name = &table.get_ref().name;
            if name.is_empty() {
                return Err(self.error_at(&table.span(), "`name` of a `[[table]]` cannot be empty"));
            }
            if !names.insert(name) {
                return Err(self.error_at(&table.span(), &format!("there is another `[[table]]` for `{name}`")));
            }
        }
        Ok(())
    }

    /// Settings that contradict each other within one level.
    fn check_equality(&self) -> Result<(), ConfigError> {
        let of_tables = self.tables().flat_map(|table| table.equality.iter().chain(table.columns.values()));
        for equality in self.config.equality.iter().chain(of_tables) {
            equality.get_ref().check().map_err(|message| self.error_at(&equality.span(), &message))?;
        }
        Ok(())
    }

    fn error_at(&self, span: &Range<usize>, message: &str) -> ConfigError {
        let place = format!("{}, line {}", self.path.display(), line_number(&self.text, span.start));
        ConfigError::Content { place, message: message.to_owned() }
    }
}

/// toml's error without the line that it would show.
fn content_error(path: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let mut place = path.display().to_string();
    if let Some(span) = error.span() {
        place.push_str(&format!(", line {}", line_number(text, span.start)));
    }
    // Without its input the error shows the path of keys in its place: `in `stop.max_time``.
    let mut bare = error.clone();
    bare.set_input(None);
    let keys = bare.to_string().lines().find(|line| line.starts_with("in `")).map(str::to_owned);
    if let Some(keys) = keys {
        place.push_str(&format!(", {keys}"));
    }
    ConfigError::Content { place, message: without_value(error.message().trim()).replace('\n', "; ") }
}

/// serde repeats a text of the wrong type, and that may be a URL.
fn without_value(message: &str) -> String {
    match (message.find("string \""), message.rfind("\", expected")) {
        (Some(start), Some(end)) if start < end => format!("{}a text{}", &message[..start], &message[end + 1..]),
        _ => message.to_owned(),
    }
}

fn line_number(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|&b| b == b'\n').count() + 1
}

/// The URL that a file of secrets holds.
pub(crate) fn read_secret(path: &Path) -> anyhow::Result<String> {
    use anyhow::Context;
    let name = redact::word(&path.display().to_string());
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the URL in `{name}`"))?;
    let text = text.trim();
    if text.is_empty() || text.lines().count() > 1 {
        return Err(Mistake::new(
            format!("`{name}` does not hold a URL"),
            "the file holds one line: the database's URL",
        )
        .into());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ConfigFile, ConfigError> {
        ConfigFile::parse(Path::new("move.toml"), text.to_owned())
    }

    fn error(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn unknown_keys_are_named_with_their_line() {
        let text = error("jobs = 2\njbos = 3\n");
        assert!(text.starts_with("move.toml, line 2: unknown field `jbos`"), "{text}");
        let text = error("[stop]\nmax_differences = 1\n\nmax_tiem = \"2h\"\n");
        assert!(text.starts_with("move.toml, line 4, in `stop`: unknown field `max_tiem`"), "{text}");
        let text = error("[[table]]\nname = \"a\"\n[[table]]\nname = \"b\"\nkeys = [\"id\"]\n");
        assert!(text.contains("line 5") && text.contains("unknown field `keys`"), "{text}");
    }

    #[test]
    fn values_that_mean_nothing_are_named_with_their_line() {
        for (text, place) in [
            ("jobs = 0", "line 1, in `jobs`"),
            ("\njobs = \"four\"", "line 2, in `jobs`"),
            ("[stop]\nmax_time = \"90\"", "line 2, in `stop.max_time`"),
            ("[stop]\nmax_differences = 0", "line 2, in `stop.max_differences`"),
            ("[equality]\nnaive_zone = \"Europe/Berlin\"", "line 2, in `equality.naive_zone`"),
            ("[tables]\ninclude = [\"\"]", "line 2, in `tables.include"),
            ("[[table]]\nname = \"a\"\nkey = []", "line 3, in `table"),
            ("[[table]]\ntarget = \"a\"", "line 1, in `table"),
        ] {
            let error = error(text);
            assert!(error.contains(place), "{text}: {error}");
        }
    }

    #[test]
    fn one_table_has_one_entry() {
        let text = error("[[table]]\nname = \"a\"\n[[table]]\nname = \"a\"\n");
        assert_eq!(text, "move.toml, line 3: there is another `[[table]]` for `a`");
    }

    #[test]
    fn a_url_has_one_place() {
        let text = error("source = \"sqlite:a\"\nsource_env = \"A\"\n");
        assert_eq!(text, "move.toml, line 2: only one of `source`, `source_env` and `source_file` can be set");
        let file = parse("source_file = \"secret\"\ntarget_env = \"NEW\"").unwrap();
        assert_eq!(file.source().unwrap(), Some(UrlPlace::File("secret".into())));
        assert_eq!(file.target().unwrap(), Some(UrlPlace::Variable("NEW".to_owned())));
    }

    #[test]
    fn a_line_with_a_password_is_not_repeated() {
        for text in [
            "source = \"postgres://ada:s3cret@h/x",
            "source = [\"postgres://ada:s3cret@h/x\"]",
            "source = postgres://ada:s3cret@h/x",
            "soruce = \"postgres://ada:s3cret@h/x\"",
            "jobs = \"ada:s3cret\"",
            "[stop]\nmax_time = \"s3cret\", expected \"",
        ] {
            let error = error(text);
            assert!(!error.contains("s3cret"), "{text}: {error}");
            assert!(error.contains("line "), "{text}: {error}");
        }
    }
}
