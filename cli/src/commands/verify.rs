//! `switchback verify`: open both sides, compare, leave the result behind.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use chrono::Utc;
use switchback_engines::{Class, ConnectOptions, Database, DatabaseUrl};
use switchback_reports::parquet::ParquetSink;
use switchback_reports::{certificate, summary};
use switchback_verify::{Progress, RunError, RunOutcome};
use tokio_util::sync::CancellationToken;

use crate::args::VerifyArgs;
use crate::commands::show::{self, Shown};
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::progress::Screen;
use crate::settings::{self, Settings};
use crate::{run_dir, signals};

pub(crate) async fn run(args: &VerifyArgs) -> Result<Exit> {
    let run_id = settings::new_run_id(Utc::now(), rand::random());
    let settings = Settings::resolve(args, &settings::environment, &run_id)?;
    let screen = Screen::new(!args.output.no_progress);
    let finished = compare(settings, &screen).await?;
    let exit = finished.exit();
    let Finished { outcome, run_dir, unwritten } = finished;
    let shown = Shown { outcome: &outcome, run_dir: &run_dir, exit, error: unwritten.as_ref().map(Failure::describe) };
    show::print(&shown, args.format, &args.output.detail())?;
    Ok(exit)
}

/// A comparison that came to an end, of whatever kind.
pub(crate) struct Finished {
    pub(crate) outcome: RunOutcome,
    pub(crate) run_dir: PathBuf,
    /// Set when the result could not be written to the run's folder. It is
    /// still shown: it may have taken a night to find.
    pub(crate) unwritten: Option<Failure>,
}

impl Finished {
    pub(crate) fn exit(&self) -> Exit {
        match &self.unwritten {
            Some(failure) => failure.exit,
            None => Exit::of(&self.outcome),
        }
    }
}

/// Compares as `settings` say, and writes summary and certificate: also when it
/// was interrupted, since what was compared by then is worth keeping.
///
/// # Errors
/// When nothing could be compared.
pub(crate) async fn compare(settings: Settings, screen: &Screen) -> Result<Finished> {
    let cancel = CancellationToken::new();
    let notice = {
        let screen = screen.clone();
        move || screen.say("interrupted: writing down what was compared so far; interrupt again to leave at once")
    };
    signals::cancel_on_signal(cancel.clone(), notice)
        .map_err(|error| Failure::unfinished(anyhow::Error::new(error).context("cannot listen for signals")))?;
    let Settings { source, target, connect, run_dir, options } = settings;
    let (source, target) = open_both(&source, &target, &connect, &cancel).await?;
    run_dir::create(&run_dir)?;
    let sink = ParquetSink::new(&run_dir, &options.run_id);
    let progress = Progress::new();
    let watch = screen.watch(Arc::clone(&progress));
    let compared = switchback_verify::run(source, target, options, Arc::new(sink), progress, cancel).await;
    watch.finish().await;
    let outcome = compared.map_err(|error| {
        run_dir::remove_if_empty(&run_dir);
        not_run(error)
    })?;
    let written = summary::write(&run_dir, &outcome).and_then(|_| certificate::write(&run_dir, &outcome));
    let unwritten = written.err().map(|error| {
        Failure::unfinished(anyhow::Error::new(error).context("the result could not be written to the run's folder"))
    });
    Ok(Finished { outcome, run_dir, unwritten })
}

async fn open_both(
    source: &DatabaseUrl,
    target: &DatabaseUrl,
    options: &ConnectOptions,
    cancel: &CancellationToken,
) -> Result<(Arc<dyn Database>, Arc<dyn Database>)> {
    let both = async { tokio::try_join!(open("source", source, options), open("target", target, options)) };
    match cancel.run_until_cancelled(both).await {
        Some(opened) => opened,
        None => Err(Failure::interrupted(anyhow::anyhow!("interrupted before both databases were open"))),
    }
}

async fn open(side: &str, url: &DatabaseUrl, options: &ConnectOptions) -> Result<Arc<dyn Database>> {
    // Boxed: the three drivers' handshakes make a future of several pages.
    Box::pin(switchback_engines::connect(url, options))
        .await
        .with_context(|| format!("cannot open the {side}"))
        .map_err(Failure::usage)
}

/// Whether the operator has to change something, or may just try again.
fn not_run(error: RunError) -> Failure {
    match &error {
        RunError::Config { .. } => Failure::usage(error),
        RunError::Catalog { source, .. } => match source.class() {
            Class::Operator => Failure::usage(error),
            Class::Transient | Class::Permanent => Failure::unfinished(error),
        },
        RunError::Threads { .. } => Failure::unfinished(error),
    }
}
