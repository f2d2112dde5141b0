//! Measures `switchback verify` beside reladiff and a bare read.
//!
//! Everything that is compared with each other is measured in one call, in turn,
//! so that a machine that gets slower gets slower for all of them. Each
//! measurement is a process of its own, watched from outside; one that finds
//! anything else than what is there ends the call with an error.

mod arguments;
mod bare;
mod contender;
mod machine;
mod measure;
mod processes;
mod reladiff;
mod results;
mod stage;
mod turn;

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use clap::Parser as _;

use arguments::Arguments;
use machine::Machine;
use reladiff::Reladiff;
use results::Results;
use stage::Stages;

/// As the `switchback` binary has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
    let folder = write(&arguments, &results, &markdown)?;
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
        date: chrono::Utc::now().format("%Y-%m-%d").to_string(),
        commit: commit(),
        command: command_line(),
        machine,
        tools: reladiff.map(|reladiff| reladiff.packages).unwrap_or_default(),
        pairs,
    })
}

/// The results' folder: one for each day and machine, the last call's.
fn write(arguments: &Arguments, results: &Results, markdown: &str) -> Result<PathBuf> {
    let runs = arguments.out.clone().unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("runs"));
    let folder = runs.join(format!("{}-{}", results.date, arguments.machine));
    fs::create_dir_all(&folder).context("cannot make the folder of the results")?;
    let mut json = serde_json::to_vec_pretty(results)?;
    json.push(b'\n');
    fs::write(folder.join("results.json"), json).context("cannot write the results")?;
    fs::write(folder.join("results.md"), markdown).context("cannot write the results")?;
    Ok(folder)
}

fn commit() -> String {
    let output = Command::new("git")
        .args(["-C", env!("CARGO_MANIFEST_DIR"), "describe", "--always", "--abbrev=12", "--dirty=-modified"])
        .output();
    match output {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        _ => "unknown".to_owned(),
    }
}

/// How to do it again: without the arguments that name files.
fn command_line() -> String {
    let mut line = "cargo run --release -p switchback-benches --bin side-by-side --".to_owned();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let name = argument.split('=').next().unwrap_or_default();
        if ["--out", "--attach", "--hold"].contains(&name) {
            if name == argument {
                arguments.next();
            }
            continue;
        }
        line.push(' ');
        line.push_str(&argument);
    }
    line
}

fn print(text: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{text}").context("cannot write to standard output")
}

/// Tells whoever waits what is being done.
pub(crate) fn say(text: &str) {
    // Nobody may be there to read it.
    let _ = writeln!(std::io::stderr(), "{text}");
}
