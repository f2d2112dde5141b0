//! A run's result on stdout, for `verify` and `report` alike.

use std::path::Path;

use serde::Serialize;
use switchback_verify::RunOutcome;

use crate::args::Format;
use crate::error::{ErrorText, Failure, Result, SCHEMA_VERSION};
use crate::exit::Exit;
use crate::output;

/// How much of a result to show.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Detail {
    /// Sample differences for each table.
    pub(crate) samples: usize,
    pub(crate) verbose: bool,
}

/// A result and what goes with it.
pub(crate) struct Shown<'a> {
    pub(crate) outcome: &'a RunOutcome,
    pub(crate) run_dir: &'a Path,
    /// What `verify` ends with for this outcome.
    pub(crate) exit: Exit,
    /// What went wrong after the comparison.
    pub(crate) error: Option<ErrorText>,
}

/// The JSON around an outcome. [`SCHEMA_VERSION`] is of this; the outcome has
/// its own.
#[derive(Serialize)]
struct Document<'a> {
    schema_version: u32,
    exit_code: u8,
    run_dir: String,
    outcome: &'a RunOutcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a ErrorText>,
}

/// # Errors
/// When stdout can't be written.
pub(crate) fn print(shown: &Shown<'_>, format: Format, detail: &Detail) -> Result<()> {
    let text = match format {
        Format::Text => text(shown, detail)?,
        Format::Json => json(shown)?,
    };
    output::data(&text).map_err(Failure::stdout)?;
    if let Some(error) = &shown.error {
        output::message(&error.to_string());
    }
    Ok(())
}

fn json(shown: &Shown<'_>) -> Result<String> {
    let document = Document {
        schema_version: SCHEMA_VERSION,
        exit_code: shown.exit.code(),
        run_dir: shown.run_dir.display().to_string(),
        outcome: shown.outcome,
        error: shown.error.as_ref(),
    };
    serde_json::to_string_pretty(&document)
        .map_err(|error| Failure::unfinished(anyhow::Error::new(error).context("the result has no JSON form")))
}
fn text(shown: &Shown<'_>, detail: &Detail) -> Result<String> {
    let _ = (detail.samples, detail.verbose);
    Ok(format!("{:?}", shown.outcome.verdict))
}
