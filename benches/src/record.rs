//! Where results are kept, and what they say of how they came about.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde::Serialize;

/// The results' folder: one for each day and machine, the last call's.
///
/// # Errors
/// When it can't be made.
pub fn folder(out: Option<&Path>, date: &str, machine: &str) -> Result<PathBuf> {
    let runs = out.map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("runs"), Path::to_owned);
    let folder = runs.join(format!("{date}-{machine}"));
    fs::create_dir_all(&folder).context("cannot make the folder of the results")?;
    Ok(folder)
}

/// # Errors
/// When the file can't be written.
pub fn write(folder: &Path, name: &str, results: &impl Serialize) -> Result<()> {
    let mut json = serde_json::to_string_pretty(results)?;
    json.push('\n');
    write_text(folder, name, &json)
}

/// # Errors
/// When the file can't be written.
pub fn write_text(folder: &Path, name: &str, text: &str) -> Result<()> {
    fs::write(folder.join(name), text).context("cannot write the results")
}

#[must_use]
pub fn today() -> String {
    chrono::Utc::now().format("%Y-%m-%d").to_string()
}

/// Of this repository; with `-modified` when files differ from it.
#[must_use]
pub fn commit() -> String {
    let output = Command::new("git")
        .args(["-C", env!("CARGO_MANIFEST_DIR"), "describe", "--always", "--abbrev=12", "--dirty=-modified"])
        .output();
    match output {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        _ => "unknown".to_owned(),
    }
}

/// How to do it again: without the arguments in `local`, which name files of
/// this machine.
#[must_use]
pub fn command_line(program: &str, local: &[&str]) -> String {
    let mut line = format!("cargo run --release -p switchback-benches --bin {program} --");
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let name = argument.split('=').next().unwrap_or_default();
        if local.contains(&name) {
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
