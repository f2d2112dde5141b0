//! `switchback completions`: the script that lets a shell complete our words.

use clap::CommandFactory;

use crate::args::{Args, CompletionsArgs};
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::output;

pub(crate) fn run(args: &CompletionsArgs) -> Result<Exit> {
    // Into memory first: clap_complete panics when the writer fails.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "switchback", &mut script);
    output::data(&String::from_utf8_lossy(&script)).map_err(Failure::stdout)?;
    Ok(Exit::Done)
}
