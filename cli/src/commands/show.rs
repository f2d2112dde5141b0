//! A run's result on stdout, for `verify` and `report` alike.

use std::path::Path;

use serde::Serialize;
use switchback_reports::terminal;
use switchback_verify::RunOutcome;

use crate::args::Format;
use crate::error::{ErrorText, Failure, Result, SCHEMA_VERSION};
use crate::exit::Exit;
use crate::output;

/// Tables whose differences are shown without being asked for all of them.
const SAMPLED_TABLES_MAX: usize = 10;

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
/// When stdout can't be written, or the differences can't be read back; then
/// the rest has been shown.
pub(crate) fn print(shown: &Shown<'_>, format: Format, detail: &Detail) -> Result<()> {
    match format {
        Format::Text => print_text(shown, detail)?,
        Format::Json => output::data(&json(shown)?).map_err(Failure::stdout)?,
    }
    if let Some(error) = &shown.error {
        output::message(&error.to_string());
    }
    Ok(())
}

fn print_text(shown: &Shown<'_>, detail: &Detail) -> Result<()> {
    let style = output::style(detail.verbose);
    output::data(&terminal::render(shown.outcome, Some(shown.run_dir), &style)).map_err(Failure::stdout)?;
    let with_differences = || shown.outcome.tables.iter().filter(|table| table.difference_count() > 0);
    let tables_max = if detail.verbose { usize::MAX } else { SAMPLED_TABLES_MAX };
    if detail.samples == 0 {
        return Ok(());
    }
    for table in with_differences().take(tables_max) {
        let Some(plan) = &table.plan else { continue };
        let differences = terminal::sample_differences(shown.run_dir, table, detail.samples)
            .map_err(|error| Failure::unfinished(anyhow::Error::new(error).context("cannot show the differences")))?;
        // A comparison of mere counts has no rows to show.
        if !differences.is_empty() {
            output::data(&format!("\n{}", terminal::render_sample(plan, &differences, &style)))
                .map_err(Failure::stdout)?;
        }
    }
    match with_differences().count().saturating_sub(tables_max) {
        0 => Ok(()),
        more => {
            output::data(&format!("\n{more} more tables differ: show theirs with --verbose")).map_err(Failure::stdout)
        }
    }
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
