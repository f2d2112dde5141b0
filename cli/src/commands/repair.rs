//! `switchback repair`: the differences as SQL. Nothing is sent to a database.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::Context;
use switchback_reports::repair_sql;

use crate::args::RepairArgs;
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::{output, run_dir};

pub(crate) fn run(args: &RepairArgs) -> Result<Exit> {
    match &args.output {
        Some(path) => to_file(&args.run, path)?,
        None => to_stdout(&args.run)?,
    }
    Ok(Exit::Done)
}

fn to_stdout(run: &Path) -> Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    match repair_sql(run, &mut out) {
        Ok(_) => {}
        Err(error) if output::is_broken_pipe(&error) => return Ok(()),
        Err(error) => return Err(run_dir::unreadable(run, error)),
    }
    match out.flush() {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::stdout(error)),
        _ => Ok(()),
    }
}

/// Into a new file only: half a script, or two in one, would do damage.
fn to_file(run: &Path, path: &Path) -> Result<()> {
    let file = File::create_new(path)
        .with_context(|| format!("cannot make the new file `{}`", path.display()))
        .map_err(Failure::usage)?;
    let written = fill(run, file);
    if written.is_err() {
        // What is left would pass for the whole.
        let _ = fs::remove_file(path);
    }
    written
}

fn fill(run: &Path, file: File) -> Result<()> {
    let mut out = BufWriter::new(file);
    repair_sql(run, &mut out).map_err(|error| run_dir::unreadable(run, error))?;
    out.into_inner()
        .map_err(io::IntoInnerError::into_error)
        .and_then(|file| file.sync_all())
        .context("cannot write the repair script")
        .map_err(Failure::unfinished)
}
