//! `summary.json`: a run's outcome as it is, for this tool to read again.
//!
//! It is what `report` and `repair` start from. For other programs and for
//! people there is the certificate, which says the same in their words.

use std::path::{Path, PathBuf};

use switchback_verify::outcome::{RunOutcome, SCHEMA_VERSION};

use crate::durable;
use crate::error::Result;

pub const FILE_NAME: &str = "summary.json";

/// Writes the summary into the run's folder, whole or not at all.
///
/// # Errors
/// [`crate::Error::Write`]; a summary that was there before is then still there.
pub fn write(run_dir: &Path, outcome: &RunOutcome) -> Result<PathBuf> {
    let path = run_dir.join(FILE_NAME);
    durable::write_json(&path, outcome)?;
    Ok(path)
}

/// Reads the summary of a run.
///
/// # Errors
/// [`crate::Error::Newer`] for a summary of a later format, and the other
/// variants for one that is missing or damaged.
pub fn read(run_dir: &Path) -> Result<RunOutcome> {
    durable::read_json(&run_dir.join(FILE_NAME), SCHEMA_VERSION)
}
