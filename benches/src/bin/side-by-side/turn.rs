//! What is measured on one pair of servers, in turn.

use anyhow::{Context as _, Result, bail, ensure};

use crate::arguments::{Arguments, Pair};
use crate::contender::{self, Found, Task, What};
use crate::measure::{self, Cost, Ended};
use crate::reladiff::{self, Reladiff};
use crate::results::{Case, Contender, PairResults, Series, ServerSaid};
use crate::say;
use crate::stage::{Place, Stage};
use switchback_benches::orders::Drift;

/// Where one measurement takes place.
struct Turn<'a> {
    stage: &'a Stage,
    arguments: &'a Arguments,
    reladiff: Option<&'a Reladiff>,
    /// Of a row, once it is known.
    row_bytes: f64,
}

pub(crate) fn measure(
    pair: Pair,
    stage: &Stage,
    arguments: &Arguments,
    reladiff: Option<&Reladiff>,
) -> Result<PairResults> {
    let mut turn = Turn { stage, arguments, reladiff, row_bytes: 0.0 };
    let mut series: Vec<Series> = plan(pair, arguments, reladiff.is_some())
        .into_iter()
        .map(|(contender, case)| Series { contender, case, runs: Vec::new() })
        .collect();
    for run in 1..=arguments.runs {
        for series in &mut series {
            let cost = turn.measure(series.contender, series.case)?;
            say(&format!(
                "{pair} {run}/{}: {} {}: {:.2} s, CPU {:.2} + {:.2} + {:.2} s, {} MiB",
                arguments.runs,
                series.contender.name(),
                series.case.name(),
                cost.wall_seconds,
                cost.client_cpu_seconds,
                cost.source_cpu_seconds,
                cost.target_cpu_seconds,
                cost.peak_memory_bytes >> 20,
            ));
            series.runs.push(cost);
        }
    }
    let said = |place: &Place| ServerSaid { version: place.version.clone(), settings: place.settings.clone() };
    Ok(PairResults {
        pair: pair.name().to_owned(),
        source: said(&stage.source),
        target: said(&stage.target),
        rows: stage.rows,
        row_bytes: turn.row_bytes,
        series,
    })
}

/// In the order in which they take turns.
fn plan(pair: Pair, arguments: &Arguments, with_reladiff: bool) -> Vec<(Contender, Case)> {
    use Contender::{BareRead, Reladiff, Switchback};
    if pair == Pair::AllDifferent {
        return vec![(BareRead, Case::EveryRow), (Switchback, Case::EveryRow)];
    }
    let mut plan = vec![(BareRead, Case::Identical), (Switchback, Case::Identical), (Switchback, Case::Scattered)];
    if with_reladiff {
        plan.push((Reladiff, Case::Identical));
        if arguments.reladiff_scattered {
            plan.push((Reladiff, Case::Scattered));
        }
    }
    plan
}

fn drift(case: Case) -> Drift {
    match case {
        Case::Identical => Drift::None,
        Case::Scattered => Drift::Scattered,
        Case::EveryRow => Drift::EveryRow,
    }
}

impl Turn<'_> {
    fn measure(&mut self, contender: Contender, case: Case) -> Result<Cost> {
        let drift = drift(case);
        match contender {
            Contender::BareRead => self.own(What::BareRead, drift),
            Contender::Switchback => self.own(What::Verify, drift),
            Contender::Reladiff => match self.reladiff {
                Some(reladiff) => self.reladiff(reladiff, drift),
                None => bail!("reladiff was left out"),
            },
        }
    }

    fn own(&mut self, what: What, drift: Drift) -> Result<Cost> {
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let task = Task {
            what,
            source: self.stage.source.url(Drift::None)?,
            target: self.stage.target.url(drift)?,
            jobs: self.arguments.jobs,
            folder: folder.path().to_owned(),
        };
        let ended = measure::run(contender::command(&task)?, self.stage)?;
        let found: Found = match ended.code {
            Some(0) => serde_json::from_str(ended.stdout.trim()).context("a child says nothing that can be read")?,
            _ => bail!("a child failed: {}", ended.stderr),
        };
        let (rows, differing) = (self.stage.rows, drift.differing(self.stage.rows));
        ensure!(found.source_rows >= rows && found.target_rows >= rows, "not all rows were read: {found:?}");
        match what {
            // Two kinds of servers send a row in different bytes.
            What::BareRead => {
                self.row_bytes = (found.source_bytes + found.target_bytes) as f64 / (2 * rows) as f64;
            }
            What::Verify => {
                let verdict = if differing == 0 { "equal" } else { "different" };
                ensure!(
                    found.verdict == verdict && found.differences == differing,
                    "{differing} rows differ, and it found: {found:?}"
                );
                let written = contender::folder_bytes(folder.path())?;
                ensure!((written > 0) == (differing > 0), "{written} bytes were written for {differing} differences");
            }
        }
        Ok(ended.cost)
    }

    fn reladiff(&self, reladiff: &Reladiff, drift: Drift) -> Result<Cost> {
        let command = reladiff.command(self.stage, drift, self.arguments.jobs)?;
        let Ended { cost, stdout, stderr, .. } = measure::run(command, self.stage)?;
        let counted = reladiff::counted(&stdout).with_context(|| format!("reladiff failed: {stdout}{stderr}"))?;
        let (rows, differing) = (self.stage.rows, drift.differing(self.stage.rows));
        ensure!(
            (counted.source_rows, counted.target_rows, counted.differences) == (rows, rows, differing),
            "{differing} rows of {rows} differ, and reladiff found: {counted:?}"
        );
        Ok(cost)
    }
}
