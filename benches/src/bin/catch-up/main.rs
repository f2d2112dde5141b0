//! Measures how fast a stream catches up a backlog, beside the server's own
//! replication.
//!
//! The backlog is single-row updates, each a transaction, of one table. It is made
//! while nobody reads it; then the server's own replica and `switchback` take it
//! in turn, into databases of their own, each with its default settings. Both ends
//! are durable: `fsync` on, and every commit of the sink flushed; but PostgreSQL's
//! own subscription commits asynchronously unless told otherwise.

mod backlog;
mod native;
mod ours;

use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Parser;
use serde::Serialize;
use switchback_benches::machine::Machine;
use switchback_benches::record;
use switchback_fixtures::{Kind, Server};

/// As the `switchback` binary has it.
#[cfg(unix)]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Catches up a backlog: the server's own replica, and switchback.
#[derive(Debug, Parser)]
struct Arguments {
    /// Which servers.
    #[arg(long, value_delimiter = ',', default_value = "postgres,mysql,mariadb")]
    engines: Vec<Of>,
    /// Transactions of the backlog, one updated row each.
    #[arg(long, default_value_t = 200_000)]
    transactions: u64,
    /// Rows of the table.
    #[arg(long, default_value_t = 100_000)]
    rows: u64,
    /// How often each takes a backlog.
    #[arg(long, default_value_t = 3)]
    runs: u32,
    /// A name for the machine in the folder of the results.
    #[arg(long, default_value = "local")]
    machine: String,
    /// Where the results go.
    #[arg(long)]
    out: Option<std::path::PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Of {
    Postgres,
    Mysql,
    Mariadb,
}

/// One backlog, taken once.
#[derive(Debug, Serialize)]
struct Turn {
    who: &'static str,
    seconds: f64,
    transactions_per_second: f64,
    /// The most that the tool's own process held; of a server it is not known.
    resident_bytes: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Results {
    schema_version: u32,
    date: String,
    commit: String,
    command: String,
    machine: Machine,
    transactions: u64,
    durability: &'static str,
    engines: Vec<OfEngine>,
}

#[derive(Debug, Serialize)]
struct OfEngine {
    engine: Of,
    version: String,
    turns: Vec<Turn>,
    /// Of the medians: how many times faster than the server's own replica.
    times_the_server: f64,
}

/// Neither of the two takes longer than this.
pub(crate) const PATIENCE: Duration = Duration::from_secs(600);

#[tokio::main]
async fn main() -> Result<()> {
    if let Some(task) = ours::own_task()? {
        return ours::work(&task).await;
    }
    let arguments = Arguments::parse();
    let mut engines = Vec::new();
    for &engine in &arguments.engines {
        engines.push(measure(engine, &arguments).await?);
    }
    let results = Results {
        schema_version: 1,
        date: record::today(),
        commit: record::commit(),
        command: record::command_line("catch-up", &["--out"]),
        machine: Machine::look(),
        transactions: arguments.transactions,
        durability: "origin and sink: fsync on, each commit of the sink flushed \
                     (synchronous_commit=on; innodb_flush_log_at_trx_commit=1, sync_binlog=1), \
                     except PostgreSQL's own subscription, which commits asynchronously by default",
        engines,
    };
    let folder = record::folder(arguments.out.as_deref(), &results.date, &arguments.machine)?;
    record::write(&folder, "catch-up.json", &results)?;
    say(&serde_json::to_string_pretty(&results)?)
}

async fn measure(engine: Of, arguments: &Arguments) -> Result<OfEngine> {
    let kind = match engine {
        Of::Postgres => Kind::Postgres17,
        Of::Mysql => Kind::MySql,
        Of::Mariadb => Kind::MariaDb,
    };
    let start = || Server::builder(kind).durable(true).start();
    let (origin, sink, replica) = (start().await?, start().await?, start().await?);
    for server in [&origin, &sink] {
        server.create_database("bench").await?;
        server.execute("bench", &backlog::table(engine, arguments.rows)).await?;
    }
    native::prepare(engine, &origin, &replica, arguments.rows).await?;
    let ends = ours::Ends { origin: origin.url("bench"), sink: sink.url("bench") };
    ours::arm(&ends).await?;
    let mut turns = Vec::new();
    for run in 1..=arguments.runs {
        backlog::make(engine, &origin, arguments.transactions, i64::from(run)).await?;
        let expected = backlog::expected(engine, &origin, arguments.transactions).await?;
        let native = native::catch_up(engine, &origin, &replica, &expected).await?;
        turns.push(turn("the server", arguments, native, None));
        let ours = ours::catch_up(&ends, &expected).await?;
        turns.push(turn("switchback", arguments, ours.seconds, Some(ours.resident_bytes)));
        for turn in turns.iter().rev().take(2).rev() {
            say(&format!("{engine:?} run {run}: {} {:.2} s", turn.who, turn.seconds))?;
        }
    }
    let median = |who: &str| -> Result<f64> {
        let mut seconds: Vec<f64> = turns.iter().filter(|t| t.who == who).map(|t| t.seconds).collect();
        seconds.sort_by(f64::total_cmp);
        seconds.get(seconds.len() / 2).copied().context("there was no run")
    };
    let times_the_server = median("the server")? / median("switchback")?;
    Ok(OfEngine { engine, version: origin.version().to_owned(), turns, times_the_server })
}

fn turn(who: &'static str, arguments: &Arguments, seconds: f64, resident_bytes: Option<u64>) -> Turn {
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let transactions_per_second = arguments.transactions as f64 / seconds;
    Turn { who, seconds, transactions_per_second, resident_bytes }
}

fn say(text: &str) -> Result<()> {
    use std::io::Write as _;
    Ok(writeln!(std::io::stdout(), "{text}")?)
}
