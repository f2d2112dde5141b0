//! Kills streams for as long as one likes: the long run of what
//! `replicate/tests/kills.rs` does, by the same code.
//!
//! A shop is open at the origin, a reader of the sink looks for parts of
//! transactions, and the process of the stream is killed at a named place or at
//! any time, and started again. In the end every row of both sides is compared:
//! a row that was lost, is there twice, or came in part is a difference.
//!
//!     cargo run --release -p switchback-benches --features soak --bin soak

#[allow(
    dead_code,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "the tests of streams use more of it, and say how they do"
)]
#[path = "../../../../replicate/tests/harness/mod.rs"]
mod harness;

use std::time::Instant;

use anyhow::{Result, bail};
use clap::Parser;
use serde::Serialize;
use switchback_benches::machine::{Machine, load};
use switchback_benches::record;

use crate::harness::end::{ALL, On};
use crate::harness::{child, killing};

/// Kills streams, over and over, and compares what arrived.
#[derive(Debug, Parser)]
struct Arguments {
    /// Which streams, each as ORIGIN-SINK, of postgres, mysql, mariadb and sqlite;
    /// all of them unless given.
    #[arg(long, value_delimiter = ',', value_parser = pair)]
    pairs: Vec<(On, On)>,
    /// How often each is killed.
    #[arg(long, default_value_t = 1_000)]
    kills: usize,
    /// How many sessions apply; only where neither end is SQLite.
    #[arg(long, default_value_t = 1)]
    sessions: usize,
    /// Where chance begins.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A name for the machine in the folder of the results.
    #[arg(long, default_value = "local")]
    machine: String,
    /// Where the results go.
    #[arg(long)]
    out: Option<std::path::PathBuf>,
}

#[derive(Debug, Serialize)]
struct Results {
    schema_version: u32,
    date: String,
    commit: String,
    command: String,
    machine: Machine,
    seed: u64,
    sessions: usize,
    pairs: Vec<OfPair>,
}

#[derive(Debug, Serialize)]
struct OfPair {
    origin: &'static str,
    sink: &'static str,
    kills: usize,
    /// How many of them at a named place; the others at any time.
    at_places: usize,
    seconds: f64,
    /// Transactions of the application, and how often a reader looked for a part
    /// of one.
    transactions: u64,
    looks: u64,
    /// What was found: differences, or a part of a transaction; `None` is what is
    /// wanted.
    failure: Option<String>,
}

#[tokio::main]
async fn main() -> Result<()> {
    child::run_if_asked().await;
    let arguments = Arguments::parse();
    let mut pairs = arguments.pairs.clone();
    if pairs.is_empty() {
        pairs.extend(ALL.into_iter().flat_map(|origin| ALL.map(|sink| (origin, sink))));
    }
    let mut machine = Machine::look();
    let mut done = Vec::new();
    for (n, (origin, sink)) in (0..).zip(pairs) {
        let result = one(origin, sink, &arguments, arguments.seed + n).await?;
        say(&serde_json::to_string(&result)?);
        done.push(result);
    }
    machine.load_after = load();
    let results = Results {
        schema_version: 1,
        date: record::today(),
        commit: record::commit(),
        command: record::command_line("soak", &["--out"])
            .replace("-p switchback-benches", "-p switchback-benches --features soak"),
        machine,
        seed: arguments.seed,
        sessions: arguments.sessions,
        pairs: done,
    };
    let folder = record::folder(arguments.out.as_deref(), &results.date, &arguments.machine)?;
    record::write(&folder, "soak.json", &results)?;
    let failed = results.pairs.iter().filter(|pair| pair.failure.is_some()).count();
    if failed > 0 {
        bail!("{failed} of {} streams are not what they should be", results.pairs.len());
    }
    Ok(())
}

async fn one(origin: On, sink: On, arguments: &Arguments, seed: u64) -> Result<OfPair> {
    let (kills, sessions) = (arguments.kills, arguments.sessions);
    let begin = Instant::now();
    // The harness panics with what it found, as a test does.
    let outcome = tokio::spawn(killing::survives(origin, sink, kills, seed, sessions)).await;
    let seconds = begin.elapsed().as_secs_f64();
    let (survived, failure) = match outcome {
        Ok(survived) => (Some(survived), None),
        Err(error) if error.is_panic() => (None, Some(said(error.into_panic().as_ref()))),
        Err(error) => return Err(error.into()),
    };
    Ok(OfPair {
        origin: name(origin),
        sink: name(sink),
        kills: survived.as_ref().map_or(0, |s| s.kills),
        at_places: survived.as_ref().map_or(0, |s| s.at_places),
        seconds,
        transactions: survived.as_ref().map_or(0, |s| s.transactions),
        looks: survived.as_ref().map_or(0, |s| s.looks),
        failure,
    })
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned())).unwrap_or_default()
}

fn name(on: On) -> &'static str {
    match on {
        On::Postgres => "postgres",
        On::MySql => "mysql",
        On::MariaDb => "mariadb",
        On::Sqlite => "sqlite",
    }
}

fn pair(text: &str) -> Result<(On, On), String> {
    let on = |text: &str| ALL.into_iter().find(|&on| name(on) == text);
    let ends = text.split_once('-').and_then(|(origin, sink)| Some((on(origin)?, on(sink)?)));
    ends.ok_or_else(|| format!("`{text}` is no pair, such as postgres-mysql"))
}

#[expect(clippy::print_stdout, reason = "a program that says how far it is")]
fn say(line: &str) {
    println!("{line}");
}
