//! `cargo xtask test`.

use std::env;
use std::process::{ExitCode, ExitStatus};

use anyhow::Context as _;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

use crate::servers::Servers;

/// Runs every step, also after one has failed, so that one run shows all there
/// is to mend. The exit code is the first failing step's.
pub(crate) async fn run(runner: &[String]) -> anyhow::Result<ExitCode> {
    // A terminal sends Ctrl-C to the steps too. They end by themselves; we go on
    // to end the servers.
    let mut interrupted = signal(SignalKind::interrupt())?;
    let servers = Servers::start().await?;
    let (mut first_failure, mut outcomes) = (None, Vec::new());
    for step in steps(runner).await {
        let name = format!("cargo {}", step.join(" "));
        eprintln!("\n$ {name}");
        let mut command = cargo();
        command.args(&step).envs(servers.variables.iter().map(|(name, url)| (name, url)));
        let mut child = command.spawn().context("cargo can't be started")?;
        let (status, was_interrupted) = tokio::select! {
            status = child.wait() => (status?, false),
            _ = interrupted.recv() => (child.wait().await?, true),
        };
        if status.success() {
            outcomes.push(format!("passed: {name}"));
        } else {
            outcomes.push(format!("FAILED: {name} ({status})"));
            first_failure.get_or_insert(code(status));
        }
        if was_interrupted {
            return Ok(ExitCode::from(130));
        }
    }
    // Once more at the end: the tests' own closing lines know nothing of a lint.
    eprintln!("\n{}", outcomes.join("\n"));
    Ok(first_failure.map_or(ExitCode::SUCCESS, ExitCode::from))
}

async fn steps(runner: &[String]) -> Vec<Vec<String>> {
    let mut tests: Vec<&str> = if nextest_is_there().await {
        vec!["nextest", "run"]
    } else {
        eprintln!("cargo-nextest is not installed: running the tests with `cargo test` instead");
        vec!["test"]
    };
    // Next to it, cargo would ignore which packages were asked for.
    if !runner.iter().any(|argument| argument.starts_with("-p") || argument.starts_with("--package")) {
        tests.push("--workspace");
    }
    tests.extend(runner.iter().map(String::as_str));
    let steps: [&[&str]; 3] =
        [&["fmt", "--all", "--check"], &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"], &tests];
    steps.map(|step| step.iter().map(|part| (*part).to_owned()).collect()).into()
}

async fn nextest_is_there() -> bool {
    let output = cargo().args(["nextest", "--version"]).output().await;
    output.is_ok_and(|output| output.status.success())
}

/// The cargo that runs us, which sets this variable.
fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// A step that was killed has no code of its own.
fn code(status: ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).filter(|code| *code != 0).unwrap_or(1)
}
