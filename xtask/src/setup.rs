//! `cargo xtask setup`.

use std::time::Instant;

use anyhow::Context as _;
use switchback_fixtures::{Kind, install};

/// Makes every kind of server available.
pub(crate) fn run() -> anyhow::Result<()> {
    let installations = install(&Kind::ALL)?;
    for installation in installations {
        eprintln!("{installation}");
    }
    Ok(())
}

/// The same for some kinds, telling only what takes time.
pub(crate) fn install(kinds: &[Kind]) -> anyhow::Result<Vec<install::Installation>> {
    let begin = Instant::now();
    let mut changed = false;
    let mut report = |step: &str| {
        changed = true;
        eprintln!("setup: {step}");
    };
    let installations = install::install(kinds, &mut report).context("the servers could not be set up")?;
    if changed {
        eprintln!("setup: done after {:.1} s", begin.elapsed().as_secs_f64());
    }
    Ok(installations)
}
