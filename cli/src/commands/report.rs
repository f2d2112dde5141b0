//! `switchback report`: the result of a run again, from its folder.

use switchback_reports::summary;

use crate::args::ReportArgs;
use crate::commands::show::{self, Detail, Shown};
use crate::error::Result;
use crate::exit::Exit;
use crate::run_dir;

pub(crate) fn run(args: &ReportArgs) -> Result<Exit> {
    let outcome = summary::read(&args.run).map_err(|error| run_dir::unreadable(&args.run, error))?;
    let shown = Shown { outcome: &outcome, run_dir: &args.run, exit: Exit::of(&outcome), error: None };
    show::print(&shown, args.format, &Detail { samples: args.show, verbose: args.verbose })?;
    Ok(Exit::Done)
}
