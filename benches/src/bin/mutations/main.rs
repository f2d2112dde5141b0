//! A million mutations between every two engines, and what was made of them.
//!
//! The same generator and the same judge as in the test of `verify`, ten times
//! over, and the result is recorded: a count of zero is worth something only
//! beside how often it could have been another. Ends with an error when any
//! mutation was missed or anything else was found.

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

    /// Another seed makes other rows and other changes
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
    let results = measure(&arguments).await?;
    let folder = record::folder(arguments.out.as_deref(), &results.date, &arguments.machine)?;
    let markdown = results.markdown();
    record::write(&folder, "mutations.json", &results)?;
    record::write_text(&folder, "mutations.md", &markdown)?;
    writeln!(std::io::stdout(), "{markdown}").context("cannot write to standard output")?;
    say(&format!("written to {}", folder.display()));
    match results.wrong() {
        0 => Ok(()),
        wrong => bail!("{wrong} differences were missed or are none"),
    }
}

async fn measure(arguments: &Arguments) -> Result<Results> {
    let mut machine = Machine::look();
    // Of what runs: by the end, the files may be others.
    let commit = record::commit();
    let mutants = Mutants::new(arguments.seed, arguments.mutations);
    let (truth, twins) = (Arc::new(Truth::of(&mutants)), Arc::new(Truth::of_twins(&mutants)));
    say(&format!("{} mutations of {} rows are being loaded twelve times", truth.mutations(), truth.source_rows));
    let mut engines = Vec::new();
    for dialect in ALL {
        engines.push(Filled::load(&mutants, dialect).await.with_context(|| format!("cannot fill {dialect:?}"))?);
        say(&format!("{dialect:?} is filled"));
    }
    let mut pairs = Vec::new();
    for source in &engines {
        for target in &engines {
            pairs.push(pair(source, target, &truth, &twins).await?);
        }
    }
    machine.load_after = load();
    let made =
        |kind: Mutation| Count { kind: kind.name().to_owned(), made: truth.made().get(&kind).copied().unwrap_or(0) };
    Ok(Results {
        schema_version: SCHEMA_VERSION,
        date: record::today(),
        commit,
        command: record::command_line("mutations", &["--out"]),
        machine,
        seed: arguments.seed,
        mutations: truth.mutations(),
        differences: truth.differences() as u64,
        source_rows: truth.source_rows,
        target_rows: truth.target_rows,
        made: Mutation::ALL.map(made).into(),
        pairs,
    })
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
