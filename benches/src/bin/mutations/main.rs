//! A million mutations between every two engines, and what was made of them.
//!
//! The same generator and the same judge as in the test of `verify`, ten times
//! over, and the result is recorded: a count of zero is worth something only
//! beside how often it could have been another. Ends with an error when any
//! mutation was missed or anything else was found.
//!
//! They are made in rounds, each with tables of its own that are gone before the
//! next, since twelve tables of a million rows and their servers' logs take tens
//! of gigabytes. What was found is written after each round.

#[path = "../../../../verify/tests/mutations/judging.rs"]
mod judging;
mod results;

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow, bail};
use clap::Parser;
use judging::{ALL, Filled, compare};
use results::{Count, Findings, PairResults, Results, SCHEMA_VERSION};
use switchback_benches::machine::{Machine, load};
use switchback_benches::record;
use switchback_fixtures::dataset::Dialect;
use switchback_fixtures::mutations::{Loaded, Mutants, Mutation, Truth};
use switchback_verify::Options;

/// Compares tables that differ by a million mutations, between every two engines
#[derive(Debug, Clone, Parser)]
#[command(name = "mutations")]
struct Arguments {
    /// How many rows are changed for each pair of engines
    #[arg(long, default_value_t = 1_000_000)]
    mutations: usize,

    /// How many of them are in one comparison: more take more disk
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1..))]
    at_once: u64,

    /// Another seed makes other rows and other changes; each round adds one to it
    #[arg(long, default_value_t = 20_261_121)]
    seed: u64,

    /// Where the results go; by default `benches/runs`
    #[arg(long)]
    out: Option<PathBuf>,

    /// A word for this machine, for the name of the results' folder
    #[arg(long, default_value = "local")]
    machine: String,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    // Of what runs: by the end, the files may be others.
    let (commit, date) = (record::commit(), record::today());
    let folder = record::folder(arguments.out.as_deref(), &date, &arguments.machine)?;
    let mut results = Results {
        schema_version: SCHEMA_VERSION,
        date,
        commit,
        command: record::command_line("mutations", &["--out"]),
        machine: Machine::look(),
        made: Mutation::ALL.map(|kind| Count { kind: kind.name().to_owned(), made: 0 }).into(),
        ..Results::default()
    };
    let at_once = usize::try_from(arguments.at_once).unwrap_or(usize::MAX);
    let (mut seed, mut left) = (arguments.seed, arguments.mutations);
    while left > 0 {
        let count = left.min(at_once);
        round(seed, count, &mut results).await?;
        (seed, left) = (seed.wrapping_add(1), left - count);
        results.machine.load_after = load();
        record::write(&folder, "mutations.json", &results)?;
        record::write_text(&folder, "mutations.md", &results.markdown())?;
    }
    writeln!(std::io::stdout(), "{}", results.markdown()).context("cannot write to standard output")?;
    say(&format!("written to {}", folder.display()));
    match results.wrong() {
        0 => Ok(()),
        wrong => bail!("{wrong} differences were missed or are none"),
    }
}

/// Makes, loads and judges some mutations between all engines.
async fn round(seed: u64, count: usize, results: &mut Results) -> Result<()> {
    let mutants = Mutants::new(seed, count);
    let (truth, twins) = (Arc::new(Truth::of(&mutants)), Arc::new(Truth::of_twins(&mutants)));
    say(&format!("{} mutations of {} rows are being loaded twelve times", truth.mutations(), truth.source_rows));
    let mut engines = Vec::new();
    for dialect in ALL {
        engines.push(Filled::load(&mutants, dialect).await.with_context(|| format!("cannot fill {dialect:?}"))?);
        say(&format!("{dialect:?} is filled"));
    }
    for source in &engines {
        for target in &engines {
            results.add_pair(pair(source, target, &truth, &twins).await?);
        }
    }
    results.seeds.push(seed);
    results.mutations += truth.mutations();
    results.differences += truth.differences() as u64;
    results.source_rows += truth.source_rows;
    results.target_rows += truth.target_rows;
    for (count, kind) in results.made.iter_mut().zip(Mutation::ALL) {
        count.made += truth.made().get(&kind).copied().unwrap_or(0);
    }
    Ok(())
}

async fn pair(source: &Filled, target: &Filled, truth: &Arc<Truth>, twins: &Arc<Truth>) -> Result<PairResults> {
    let names = [source.dialect, target.dialect].map(name);
    let (twin, _) = findings(&source.unchanged, &target.twin, twins).await?;
    let (mutated, versions) = findings(&source.unchanged, &target.mutated, truth).await?;
    say(&format!(
        "{} → {}: {} found, {} missed, {} that are none; twins: {} that are none",
        names[0], names[1], mutated.found, mutated.missed, mutated.extra, twin.extra
    ));
    let [source_version, target_version] = versions;
    let [source, target] = names.map(str::to_owned);
    Ok(PairResults { source, target, source_version, target_version, twin, mutated })
}

async fn findings(source: &Loaded, target: &Loaded, truth: &Arc<Truth>) -> Result<(Findings, [String; 2])> {
    let started = Instant::now();
    let judged = compare(source, target, truth, Options::default()).await.map_err(|error| anyhow!(error))?;
    let seconds = started.elapsed().as_secs_f64();
    let faults = judged.faults(truth);
    faults.iter().for_each(|fault| say(fault));
    let judgement = &judged.judgement;
    let findings = Findings {
        found: judgement.found,
        missed: judgement.missed,
        extra: judgement.extra,
        verdict: judged.outcome.verdict.name().to_owned(),
        is_right: faults.is_empty(),
        seconds,
    };
    Ok((findings, [judged.outcome.source.version, judged.outcome.target.version]))
}

fn name(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Postgres => "PostgreSQL",
        Dialect::MySql => "MySQL",
        Dialect::MariaDb => "MariaDB",
        Dialect::Sqlite => "SQLite",
    }
}

/// Tells whoever waits what is being done.
fn say(text: &str) {
    // Nobody may be there to read it.
    let _ = writeln!(std::io::stderr(), "{text}");
}
