//! The folder that the demo lives in.
//!
//! The demo makes it anew each time, so it must be sure that it is its own: the
//! config that it writes there first says so. Nothing else than the files named here is
//! ever removed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::error::Mistake;

/// The first line of the config, by which a folder is known for the demo's.
const MARK: &str = "# Made by `switchback demo`, which replaces this folder's content when it runs again.";
const CONFIG: &str = "demo.toml";
const SOURCE: &str = "source.db";
const TARGET: &str = "target.db";
const RUN: &str = "run";

/// What SQLite may leave beside a database.
const COMPANIONS: [&str; 4] = ["", "-journal", "-wal", "-shm"];

#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes the folder, or empties it of what an earlier demo left.
    ///
    /// # Errors
    /// When it holds anything that is not the demo's, or can't be written.
    pub(crate) fn prepare(path: &Path) -> anyhow::Result<Self> {
        let folder = Self { path: path.to_owned() };
        fs::create_dir_all(path).with_context(|| format!("cannot make the folder `{}`", path.display()))?;
        folder
            .refuse_foreign()
            .and_then(|()| folder.clear().map_err(anyhow::Error::from))
            .with_context(|| format!("cannot use the folder `{}`", path.display()))?;
        fs::write(folder.config(), folder.config_text())
            .with_context(|| format!("cannot write `{}`", folder.config().display()))?;
        Ok(folder)
    }

    pub(crate) fn source(&self) -> PathBuf {
        self.path.join(SOURCE)
    }

    pub(crate) fn target(&self) -> PathBuf {
        self.path.join(TARGET)
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path.join(CONFIG)
    }

    /// The folder of the run that the demo makes.
    pub(crate) fn run(&self) -> PathBuf {
        self.path.join(RUN)
    }

    fn refuse_foreign(&self) -> anyhow::Result<()> {
        if fs::read_dir(&self.path)?.next().is_none() {
            return Ok(());
        }
        let is_ours = match fs::read_to_string(self.config()) {
            Ok(text) => text.starts_with(MARK),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => false,
            Err(error) => return Err(error.into()),
        };
        if is_ours {
            return Ok(());
        }
        Err(Mistake::new("it holds something else", "name an empty folder, or a new one: switchback demo --dir DIR")
            .into())
    }

    fn clear(&self) -> io::Result<()> {
        for database in [SOURCE, TARGET] {
            for companion in COMPANIONS {
                remove(fs::remove_file(self.path.join(format!("{database}{companion}"))))?;
            }
        }
        remove(fs::remove_dir_all(self.run()))
    }

    /// A config with which the comparison can be made again by hand.
    fn config_text(&self) -> String {
        let url = |path: PathBuf| toml::Value::String(format!("sqlite:{}", path.display()));
        format!(
            "{MARK}\n# Paths are seen from where the demo was started:\n#     switchback verify -c {}\n\
             source = {}\ntarget = {}\n",
            self.config().display(),
            url(self.source()),
            url(self.target())
        )
    }
}

fn remove(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_earlier_demo_left_is_replaced_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("demo");
        let folder = Folder::prepare(&path).unwrap();
        fs::write(folder.source(), "old").unwrap();
        fs::create_dir(folder.run()).unwrap();
        fs::write(folder.run().join("summary.json"), "old").unwrap();
        fs::write(path.join("notes.txt"), "mine").unwrap();
        Folder::prepare(&path).unwrap();
        let mut names: Vec<_> = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, [CONFIG, "notes.txt"]);
    }

    #[test]
    fn a_folder_with_something_else_is_refused() {
        let root = tempfile::tempdir().unwrap();
        for file in ["source.db", CONFIG] {
            let path = root.path().join(file);
            fs::create_dir(&path).unwrap();
            fs::write(path.join(file), "not the demo's").unwrap();
            assert!(Folder::prepare(&path).is_err());
            assert_eq!(fs::read_to_string(path.join(file)).unwrap(), "not the demo's");
        }
    }

    #[test]
    fn the_config_can_be_read() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::prepare(&root.path().join("a \"b\"")).unwrap();
        let file = crate::config::ConfigFile::read(&folder.config()).unwrap();
        assert!(file.source().unwrap().is_some());
    }
}
