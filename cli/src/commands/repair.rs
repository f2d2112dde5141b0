//! `switchback repair`: the differences as SQL. Nothing is sent to a database.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use anyhow::Context;
use switchback_reports::{RepairSummary, repair_sql};

use crate::args::RepairArgs;
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::{output, run_dir};

pub(crate) fn run(args: &RepairArgs) -> Result<Exit> {
    let written = match &args.output {
        Some(path) => to_file(&args.run, path)?,
        None => match repair_sql(&args.run, io::stdout().lock()) {
            Err(error) if output::is_broken_pipe(&error) => return Ok(Exit::Done),
            written => written.map_err(|error| run_dir::unreadable(&args.run, error))?,
        },
    };
    if written.not_repaired > 0 {
        let left = match written.not_repaired {
            1 => "1 difference is left".to_owned(),
            count => format!("{count} differences are left"),
        };
        output::message(&format!("{left} that no statement can mend by itself: the script says which, and why"));
    }
    if written.not_covered > 0 {
        let tables = match written.not_covered {
            1 => "1 table is".to_owned(),
            count => format!("{count} tables are"),
        };
        output::message(&format!("{tables} not covered, or not wholly: the script says which, and why"));
    }
    Ok(if written.not_repaired == 0 && written.not_covered == 0 { Exit::Done } else { Exit::Unfinished })
}

/// Into a new file only: half a script, or two in one, would do damage.
fn to_file(run: &Path, path: &Path) -> Result<RepairSummary> {
    let file = File::create_new(path)
        .with_context(|| format!("cannot make the new file `{}`", path.display()))
        .map_err(Failure::usage)?;
    let written = fill(run, &file);
    if written.is_err() {
        // What is left would pass for the whole.
        let _ = fs::remove_file(path);
    }
    written
}

fn fill(run: &Path, file: &File) -> Result<RepairSummary> {
    let written = repair_sql(run, file).map_err(|error| run_dir::unreadable(run, error))?;
    file.sync_all().context("cannot write the repair script").map_err(Failure::unfinished)?;
    Ok(written)
}
