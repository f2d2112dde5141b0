//! The folder of all tasks, and the lock of each.

use std::fs::{self, File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::{Error, Result};
use super::request::{Ends, Request};
use super::state::State;
use super::store::{FILE, Record, Store};

/// Beside the control database: whoever has it locked works at the task.
const LOCK: &str = "lock";
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// Where tasks are kept, each in a folder of its name.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
}

/// A task of a listing.
#[derive(Debug)]
pub struct Listed {
    pub record: Record,
    /// Whether a process is at work, and which.
    pub at_work: Option<Option<u32>>,
}

/// A task that this process works at.
#[derive(Debug)]
pub struct Held {
    pub store: Store,
    pub(super) dir: PathBuf,
    /// Held as long as it is open.
    _lock: File,
}

impl Folder {
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All tasks, by name.
    pub async fn list(&self) -> Result<Vec<Listed>> {
        let mut names = Vec::new();
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(file(format!("reading the folder {}", self.path.display()), error)),
        };
        for entry in entries {
            let entry = entry.map_err(|e| file(format!("reading the folder {}", self.path.display()), e))?;
            if entry.path().join(FILE).exists() {
                names.push(entry.path());
            }
        }
        names.sort();
        let mut listed = Vec::new();
        for dir in names {
            if let Some(store) = Store::open(&dir).await? {
                listed.push(Listed { record: store.record().await?, at_work: at_work(&dir)? });
                store.close().await;
            }
        }
        Ok(listed)
    }

    /// A task, to look at and to wish something of.
    ///
    /// # Errors
    /// [`Error::Missing`] when there is none of this name.
    pub async fn open(&self, name: &str) -> Result<Store> {
        let dir = self.path.join(name);
        Store::open(&dir).await?.ok_or_else(|| Error::Missing { name: name.to_owned(), folder: self.path.clone() })
    }

    /// Whether a process works at a task, and which.
    pub fn at_work(&self, name: &str) -> Result<Option<Option<u32>>> {
        at_work(&self.path.join(name))
    }

    /// Takes a task to work at, and makes it when it is new.
    ///
    /// # Errors
    /// [`Error::Busy`] when another process has it; [`Error::Changed`] when something was
    /// done for something else than is asked for now.
    pub async fn hold(&self, request: &Request, ends: &Ends) -> Result<Held> {
        self.hold_if(request, ends, &|_| true).await
    }

    /// Takes a task to delete it, which is the same task between the same databases,
    /// whatever else is asked for now.
    ///
    /// # Errors
    /// As [`Folder::hold`].
    pub async fn hold_to_delete(&self, request: &Request, ends: &Ends) -> Result<Held> {
        self.hold_if(request, ends, &|what| matches!(what, "source" | "target")).await
    }

    /// `matters`: which parts of the scope have to be the same.
    async fn hold_if(&self, request: &Request, ends: &Ends, matters: &dyn Fn(&str) -> bool) -> Result<Held> {
        let name = request.name.as_str();
        let dir = self.path.join(name);
        fs::create_dir_all(&dir).map_err(|e| file(format!("making the folder {}", dir.display()), e))?;
        let lock = lock(&dir, name).await?;
        let scope = request.scope(ends);
        let store = match Store::open(&dir).await? {
            Some(store) => {
                let record = store.record().await?;
                match other(&record.scope, &scope, matters) {
                    None => {}
                    // Nothing was done yet, so it may still become another one.
                    Some(_) if record.phase == State::Created => store.begin_again(&scope).await?,
                    Some(what) => return Err(Error::Changed { name: name.to_owned(), what }),
                }
                store
            }
            None => Store::create(&dir, name, &scope).await?,
        };
        Ok(Held { store, dir, _lock: lock })
    }
}

impl Held {
    /// Removes all that is written down of the task here.
    pub(super) async fn remove(self) -> Result<()> {
        let Self { store, dir, _lock: lock } = self;
        store.close().await;
        // While the lock is held, so that nobody begins in the middle of it.
        fs::remove_dir_all(&dir).map_err(|e| file(format!("removing the folder {}", dir.display()), e))?;
        drop(lock);
        Ok(())
    }

    /// What is asked of the record before anything is done.
    pub(super) async fn record(&self) -> Result<Record> {
        self.store.record().await
    }
}

/// Which part of a scope that matters is another one now.
fn other(then: &str, now: &str, matters: &dyn Fn(&str) -> bool) -> Option<String> {
    let lines = |text: &str| -> Vec<String> {
        let what = |line: &str| line.split_once(':').map_or(line.to_owned(), |(what, _)| what.to_owned());
        text.lines().filter(|line| matters(&what(line))).map(str::to_owned).collect()
    };
    let (then, now) = (lines(then), lines(now));
    let line = then.iter().find(|line| !now.contains(line)).or_else(|| now.iter().find(|line| !then.contains(line)))?;
    Some(line.split_once(':').map_or(line.as_str(), |(what, _)| what).to_owned())
}

/// Tried a few times: somebody who only looks has it for a moment.
async fn lock(dir: &Path, name: &str) -> Result<File> {
    for _ in 0..LOCK_TRIES {
        match try_lock(dir, name) {
            Err(Error::Busy { .. }) => tokio::time::sleep(LOCK_PAUSE).await,
            other => return other,
        }
    }
    try_lock(dir, name)
}

fn try_lock(dir: &Path, name: &str) -> Result<File> {
    let path = dir.join(LOCK);
    let failing = |error| file(format!("locking {}", path.display()), error);
    let mut lock = File::options().create(true).truncate(false).read(true).write(true).open(&path).map_err(failing)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(Error::Busy { name: name.to_owned(), pid: pid(&mut lock) }),
        Err(TryLockError::Error(error)) => return Err(failing(error)),
    }
    // For whoever finds it locked; nothing depends on it.
    let written = lock.set_len(0).and_then(|()| lock.rewind()).and_then(|()| writeln!(lock, "{}", std::process::id()));
    written.map_err(failing)?;
    Ok(lock)
}

fn at_work(dir: &Path) -> Result<Option<Option<u32>>> {
    let path = dir.join(LOCK);
    let failing = |error| file(format!("looking at {}", path.display()), error);
    let mut lock = match File::open(&path) {
        Ok(lock) => lock,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failing(error)),
    };
    // Shared, so that two who look at the same time don't take each other for one at work.
    match lock.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => Ok(Some(pid(&mut lock))),
        Err(TryLockError::Error(error)) => Err(failing(error)),
    }
}

fn pid(lock: &mut File) -> Option<u32> {
    let mut text = String::new();
    lock.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

pub(super) fn file(what: String, source: std::io::Error) -> Error {
    Error::File { what, source }
}

impl Listed {
    /// Whether the state is one in which somebody should be at work, and nobody is.
    #[must_use]
    pub fn was_cut_off(&self) -> bool {
        self.at_work.is_none()
            && matches!(self.record.state, State::Checked | State::Structuring | State::Loading | State::Following)
    }
}

#[cfg(test)]
mod tests {
    use super::other;

    #[test]
    fn what_has_changed_is_named() {
        let of = |then, now| other(then, now, &|_| true);
        assert_eq!(of("source: a\ntype: full", "source: a\ntype: full"), None);
        assert_eq!(of("source: a\ntype: full", "source: b\ntype: full").as_deref(), Some("source"));
        assert_eq!(of("source: a", "source: a\ntable: t").as_deref(), Some("table"));
        assert_eq!(other("source: a\ntype: full", "source: a\ntype: structure", &|what| what == "source"), None);
    }
}
