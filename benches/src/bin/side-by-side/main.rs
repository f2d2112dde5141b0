//! Measures `switchback verify` beside reladiff and a bare read.
//!
//! Everything that is compared with each other is measured in one call, in turn,
//! so that a machine that gets slower gets slower for all of them. Each
//! measurement is a process of its own, watched from outside; one that finds
//! anything else than what is there ends the call with an error.

mod arguments;
mod bare;
mod contender;
mod measure;
mod processes;
mod reladiff;
mod results;
mod stage;
mod turn;

use std::io::{Read as _, Write as _};

use anyhow::{Context as _, Result};
use clap::Parser as _;

use arguments::Arguments;
use reladiff::Reladiff;
use results::Results;
use stage::Stages;
use switchback_benches::machine::{self, Machine};
use switchback_benches::record;

/// As the `switchback` binary has it.
#[cfg(unix)]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main]
async fn main() -> Result<()> {
    if let Some(task) = contender::own_task()? {
        let found = contender::work(task).await?;
        return print(&serde_json::to_string(&found)?);
    }
    let arguments = Arguments::parse();
    let stages = match &arguments.attach {
        Some(file) => Stages::attach(file)?,
        None => Stages::start(&arguments.pairs, &arguments).await?,
    };
    if let Some(file) = &arguments.hold {
        stages.hold(file)?;
        say("the servers are held until standard input ends");
        std::io::stdin().read_to_end(&mut Vec::new())?;
        return Ok(());
    }
    let results = measure_all(&arguments, &stages)?;
    let markdown = results.markdown();
    let folder = record::folder(arguments.out.as_deref(), &results.date, &arguments.machine)?;
    record::write(&folder, "results.json", &results)?;
    record::write_text(&folder, "results.md", &markdown)?;
    print(&markdown)?;
    say(&format!("written to {}", folder.display()));
    Ok(())
}

fn measure_all(arguments: &Arguments, stages: &Stages) -> Result<Results> {
    let reladiff = if arguments.without_reladiff { None } else { Some(Reladiff::install()?) };
    let mut machine = Machine::look();
    let mut pairs = Vec::new();
    for pair in &arguments.pairs {
        pairs.push(turn::measure(*pair, stages.of(*pair)?, arguments, reladiff.as_ref())?);
    }
    machine.load_after = machine::load();
    Ok(Results {
        schema_version: results::SCHEMA_VERSION,
        date: record::today(),
        commit: record::commit(),
        command: record::command_line("side-by-side", &["--out", "--attach", "--hold"]),
        machine,
        tools: reladiff.map(|reladiff| reladiff.packages).unwrap_or_default(),
        pairs,
    })
}

fn print(text: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{text}").context("cannot write to standard output")
}

/// Tells whoever waits what is being done.
pub(crate) fn say(text: &str) {
    // Nobody may be there to read it.
    let _ = writeln!(std::io::stderr(), "{text}");
}
