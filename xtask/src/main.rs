//! Commands of more than one step, so that a person and CI run the same ones.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it talks to the person who started it")]

mod servers;
mod setup;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The workspace's commands of more than one step")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make the database servers that the tests need available on this machine
    Setup,
    /// Start one server of each kind and side, print how to reach them, and wait
    /// for Ctrl-C
    Servers,
    /// Check the formatting, lint, and run every test against real servers
    Test {
        /// Arguments for the test runner, such as `-p switchback-engines` or a
        /// test's name
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        runner: Vec<String>,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    match Arguments::parse().command {
        Command::Setup => setup::run().map(|()| ExitCode::SUCCESS),
        Command::Servers => servers::run().await.map(|()| ExitCode::SUCCESS),
        Command::Test { runner } => test::run(&runner).await,
    }
}
