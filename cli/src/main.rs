//! The `switchback` binary: what was typed, to what is done, to an exit code.
//!
//! - [`args`], [`config`]: what was typed, as it stands there.
//! - [`settings`], [`task_settings`]: what it means.
//! - [`commands`]: doing it.
//! - [`error`], [`exit`], [`output`], [`progress`]: what the operator gets to see; of
//!   moves [`task_text`] and [`task_progress`].
//!
//! What it does not do: compare ([`switchback_verify`]), move
//! ([`switchback_migrate`]), or write and render results ([`switchback_reports`]).

use std::process::ExitCode;

use args::Command;
use error::{Failure, Result};
use exit::Exit;

mod args;
mod commands;
mod config;
mod demo;
mod error;
mod exit;
mod help;
mod output;
mod progress;
mod redact;
mod run_dir;
mod settings;
mod signals;
mod task_progress;
mod task_settings;
mod task_text;
mod words;

/// Rows come and go by the million, on one thread and on another. With every row
/// different 115 MiB are in use at most, and glibc kept 340: its arenas, one for
/// each thread, give back little. See `.cargo/config.toml` for the settings.
#[cfg(unix)]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let args = match args::read() {
        Ok(args) => args,
        Err(exit) => return exit.into(),
    };
    let format = args.format();
    match run(args.command) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            failure.print(format);
            failure.exit.into()
        }
    }
}

fn run(command: Command) -> Result<Exit> {
    match command {
        Command::Verify(args) => wait_for(commands::verify::run(&args)),
        Command::Account(args) => wait_for(commands::account::run(&args)),
        Command::Check(args) => wait_for(commands::check::run(&args)),
        Command::Migrate(args) => wait_for(commands::migrate::run(&args)),
        Command::Status(args) => wait_for(commands::task::status(&args)),
        Command::Task(args) => wait_for(commands::task::run(&args.command)),
        Command::Report(args) => commands::report::run(&args),
        Command::Repair(args) => commands::repair::run(&args),
        Command::Demo(args) => wait_for(commands::demo::run(&args)),
        Command::Completions(args) => commands::completions::run(&args),
    }
}

fn wait_for(work: impl Future<Output = Result<Exit>>) -> Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| {
        Failure::unfinished(anyhow::Error::new(error).context("cannot start the runtime's threads"))
    })?;
    let result = runtime.block_on(work);
    // Not a plain drop: that waits for reads that a signal has made pointless.
    runtime.shutdown_background();
    result
}
