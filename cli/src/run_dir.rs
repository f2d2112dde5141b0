//! The folder of a run.

use std::fs;
use std::path::Path;

use anyhow::Context;

use crate::error::{Failure, Mistake, Result};

/// Makes the folder, or takes an empty one.
///
/// # Errors
/// When it holds anything: two runs in one folder would be one wrong result.
pub(crate) fn create(path: &Path) -> Result<()> {
    prepare(path).map_err(Failure::usage)
}

fn prepare(path: &Path) -> anyhow::Result<()> {
    let place = || format!("cannot use `{}` for the run", path.display());
    fs::create_dir_all(path).with_context(place)?;
    if fs::read_dir(path).with_context(place)?.next().is_some() {
        let mistake = Mistake::new(
            "the folder is not empty",
            "each run needs a folder of its own: name a new one with --run-dir (`{run_id}` in it makes it new each time)",
        );
        return Err(mistake).with_context(place);
    }
    Ok(())
}

/// Removes a folder that nothing was put into, so that a run that could not
/// start leaves nothing behind.
pub(crate) fn remove_if_empty(path: &Path) {
    // Fails for a folder with content, which is what is wanted.
    let _ = fs::remove_dir(path);
}

/// A run's folder can't be read: either it is no such folder, which the
/// operator can mend, or what is in it is damaged.
pub(crate) fn unreadable(path: &Path, error: switchback_reports::Error) -> Failure {
    let is_missing = matches!(
        &error,
        switchback_reports::Error::Read { source, .. }
            if matches!(source.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
    );
    if is_missing {
        let message = format!("`{}` is not the folder of a run", path.display());
        Failure::usage(anyhow::Error::new(error).context(message))
    } else {
        Failure::unfinished(error)
    }
}
