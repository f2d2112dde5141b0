//! `switchback repair`: the differences as SQL. Nothing is sent to a database.

use crate::args::RepairArgs;
use crate::error::Result;
use crate::exit::Exit;

pub(crate) fn run(args: &RepairArgs) -> Result<Exit> {
    let _ = (&args.run, &args.output);
    Ok(Exit::Done)
}
