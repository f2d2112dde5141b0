//! reladiff, from PyPI, in an environment of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use url::Url;

use crate::say;
use crate::stage::Stage;
use switchback_benches::orders::{self, Drift};

/// What is installed; the drivers as they come, and their versions are reported.
const VERSION: &str = "0.6.0";
const DRIVERS: [&str; 2] = ["psycopg2-binary", "mysql-connector-python"];

/// An environment with reladiff in it.
#[derive(Debug)]
pub(crate) struct Reladiff {
    bin: PathBuf,
    /// `name==version` of everything that is installed.
    pub(crate) packages: Vec<String>,
}

impl Reladiff {
    /// Makes the environment, unless it is there from the last time.
    pub(crate) fn install() -> Result<Self> {
        let folder = cache_folder()?.join(format!("switchback/benches/reladiff-{VERSION}"));
        let bin = folder.join("bin");
        // Written last, so that an installation that was broken off counts for nothing.
        let whole = folder.join("installed");
        if !whole.exists() {
            say(&format!("installing reladiff {VERSION}"));
            fs::create_dir_all(&folder).context("cannot make the folder for reladiff")?;
            succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
            succeed(
                Command::new(bin.join("pip"))
                    .args(["install", "--quiet", "--disable-pip-version-check", &format!("reladiff=={VERSION}")])
                    .args(DRIVERS),
            )?;
            fs::write(&whole, VERSION).context("cannot note that reladiff is installed")?;
        }
        let packages = succeed(Command::new(bin.join("pip")).args(["freeze", "--all", "--disable-pip-version-check"]))?;
        Ok(Self { bin, packages: packages.lines().map(str::to_owned).collect() })
    }

    /// The process that compares all columns with `jobs` threads a database.
    pub(crate) fn command(&self, stage: &Stage, drift: Drift, jobs: usize) -> Result<Command> {
        let mut command = Command::new(self.bin.join("reladiff"));
        let (source, target) = (plain(&stage.source.url(Drift::None)?)?, plain(&stage.target.url(drift)?)?);
        command.args([&source, orders::TABLE, &target, orders::TABLE]);
        command.args(["-k", orders::KEY, "-j", &jobs.to_string(), "--stats"]);
        for column in orders::COLUMNS.iter().filter(|column| **column != orders::KEY) {
            command.args(["-c", column]);
        }
        // As the URLs say for the others; they can't say it here.
        command.env("PGSSLMODE", "disable");
        Ok(command)
    }
}

/// What reladiff has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) source_rows: u64,
    pub(crate) target_rows: u64,
    pub(crate) differences: u64,
}

/// Reads what `--stats` prints. reladiff ends with 0 even after an exception,
/// so a text without these numbers is a failure.
pub(crate) fn counted(stdout: &str) -> Option<Counted> {
    let number = |what: &str| {
        let line = stdout.lines().find(|line| line.contains(what))?;
        line.split_whitespace().next()?.replace(',', "").parse::<u64>().ok()
    };
    Some(Counted {
        source_rows: number("rows in table A")?,
        target_rows: number("rows in table B")?,
        differences: number("rows exclusive to table A")?
            + number("rows exclusive to table B")?
            + number("rows updated")?,
    })
}

/// The URL without the parameters, which mean something else to its drivers.
fn plain(url: &str) -> Result<String> {
    let mut url = Url::parse(url).context("a server's URL cannot be read")?;
    url.set_query(None);
    if url.scheme() == "postgres" {
        url = Url::parse(&url.as_str().replacen("postgres:", "postgresql:", 1))?;
    }
    Ok(url.into())
}

fn cache_folder() -> Result<PathBuf> {
    let set = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    set.or_else(|| Some(std::env::home_dir()?.join(".cache")))
        .filter(|path| path != Path::new(""))
        .context("there is no home folder")
}

fn succeed(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start {:?}", command.get_program()))?;
    if !output.status.success() {
        bail!("{:?} failed: {}", command.get_program(), String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_is_no_result() {
        let text = "10 rows in table A\n10 rows in table B\n1 rows exclusive to table A (not present in B)\n\
                    2 rows exclusive to table B (not present in A)\n3 rows updated\n4 rows unchanged\n";
        assert_eq!(counted(text), Some(Counted { source_rows: 10, target_rows: 10, differences: 6 }));
        assert_eq!(counted("Traceback"), None);
    }
}
