//! What was measured, as JSON for programs and as a table for people.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use switchback_benches::machine::Machine;

use crate::measure::Cost;

pub(crate) const SCHEMA_VERSION: u32 = 1;

/// All of one call of this program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Results {
    pub(crate) schema_version: u32,
    pub(crate) date: String,
    /// Of this repository; with `-modified` when files differed from it.
    pub(crate) commit: String,
    pub(crate) command: String,
    pub(crate) machine: Machine,
    /// What was compared with: name and version.
    pub(crate) tools: Vec<String>,
    pub(crate) pairs: Vec<PairResults>,
}

/// All that was measured on two servers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PairResults {
    pub(crate) pair: String,
    pub(crate) source: ServerSaid,
    pub(crate) target: ServerSaid,
    pub(crate) rows: u64,
    /// Of one row on the wire, on average, both sides.
    pub(crate) row_bytes: f64,
    pub(crate) series: Vec<Series>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServerSaid {
    pub(crate) version: String,
    pub(crate) settings: Vec<String>,
}

/// The same thing, measured several times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Series {
    pub(crate) contender: Contender,
    pub(crate) case: Case,
    pub(crate) runs: Vec<Cost>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Contender {
    BareRead,
    Switchback,
    Reladiff,
}

impl Contender {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::BareRead => "bare read",
            Self::Switchback => "switchback",
            Self::Reladiff => "reladiff",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Case {
    Identical,
    Scattered,
    EveryRow,
}

impl Case {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Identical => "identical",
            Self::Scattered => "1,000 rows differ",
            Self::EveryRow => "every row differs",
        }
    }
}

/// The least, the middle and the greatest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
}

impl Series {
    pub(crate) fn spread(&self, of: impl Fn(&Cost) -> f64) -> Option<Spread> {
        let mut values: Vec<f64> = self.runs.iter().map(of).collect();
        values.sort_unstable_by(f64::total_cmp);
        let (first, last) = (*values.first()?, *values.last()?);
        // Of an even number the greater of the two in the middle.
        Some(Spread { min: first, median: *values.get(values.len() / 2)?, max: last })
    }
}

impl PairResults {
    fn series(&self, contender: Contender, case: Case) -> Option<&Series> {
        self.series.iter().find(|series| series.contender == contender && series.case == case)
    }

    /// `series` as a multiple of another contender, by the medians. The bare
    /// read reads the same rows whatever differs in them.
    fn ratio(&self, series: &Series, to: Contender, of: impl Fn(&Cost) -> f64) -> Option<f64> {
        let case = match to {
            Contender::BareRead => self.series.iter().find(|s| s.contender == to)?.case,
            Contender::Switchback | Contender::Reladiff => series.case,
        };
        let median = |series: &Series| series.spread(&of).map(|spread| spread.median);
        Some(median(series)? / median(self.series(to, case)?)?)
    }
}

impl Results {
    pub(crate) fn markdown(&self) -> String {
        let mut out = String::new();
        let machine = &self.machine;
        let _ = write!(
            out,
            "# Side by side, {}\n\n    {}\n\nCommit {}. {} cores ({}), {} MiB, {}; load {:.1} before and {:.1} after.\n\
             Client and servers share the machine; servers are on the loopback without TLS and hold all data in memory.\n\
             Times are least / median / greatest, ratios those of medians. With a load above the cores the wall clock\n\
             also measures others; CPU seconds, those of client and both servers together, do so much less.\n",
            self.date,
            self.command,
            self.commit,
            machine.cores,
            machine.processor,
            machine.memory_mib,
            machine.system,
            machine.load_before,
            machine.load_after,
        );
        for pair in &self.pairs {
            pair.markdown(&mut out);
        }
        let _ = writeln!(out, "\nCompared with: {}.", self.tools.join(", "));
        out
    }
}

impl PairResults {
    fn markdown(&self, out: &mut String) {
        let _ = write!(
            out,
            "\n## {}: {} rows, {:.0} bytes each on the wire\n\nSource {} ({}); target {} ({}).\n\n",
            self.pair,
            self.rows,
            self.row_bytes,
            self.source.version,
            self.source.settings.join(", "),
            self.target.version,
            self.target.settings.join(", "),
        );
        out.push_str(
            "| what | case | wall s | ÷ reladiff | ÷ bare read | all CPU s | ÷ reladiff | ÷ bare read | client CPU s \
             | servers' CPU s | peak MiB |\n|---|---|---|---|---|---|---|---|---|---|---|\n",
        );
        for series in &self.series {
            let text = |of: &dyn Fn(&Cost) -> f64, digits: usize| match series.spread(of) {
                Some(Spread { min, median, max }) => format!("{min:.digits$} / {median:.digits$} / {max:.digits$}"),
                None => "–".to_owned(),
            };
            let ratios = |of: &dyn Fn(&Cost) -> f64| {
                let one = |to| self.ratio(series, to, of).map_or("–".to_owned(), |ratio| format!("{ratio:.2}"));
                format!("{} | {}", one(Contender::Reladiff), one(Contender::BareRead))
            };
            let _ = writeln!(
                out,
                "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
                series.contender.name(),
                series.case.name(),
                text(&|cost| cost.wall_seconds, 2),
                ratios(&|cost| cost.wall_seconds),
                text(&Cost::cpu_seconds, 2),
                ratios(&Cost::cpu_seconds),
                text(&|cost| cost.client_cpu_seconds, 2),
                text(&|cost| cost.source_cpu_seconds + cost.target_cpu_seconds, 2),
                text(&|cost| cost.peak_memory_bytes as f64 / f64::from(1 << 20), 0),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(contender: Contender, walls: &[f64]) -> Series {
        let cost = |wall_seconds: &f64| Cost {
            wall_seconds: *wall_seconds,
            client_cpu_seconds: 1.0,
            source_cpu_seconds: 2.0,
            target_cpu_seconds: 3.0,
            peak_memory_bytes: 1 << 20,
        };
        Series { contender, case: Case::Identical, runs: walls.iter().map(cost).collect() }
    }

    #[test]
    fn ratios_are_of_medians() {
        let ours = series(Contender::Switchback, &[9.0, 2.0, 1.0]);
        let theirs = series(Contender::Reladiff, &[8.0, 1.0, 90.0]);
        let said = ServerSaid { version: String::new(), settings: Vec::new() };
        let pair = PairResults {
            pair: "postgres".to_owned(),
            source: said.clone(),
            target: said,
            rows: 1,
            row_bytes: 1.0,
            series: vec![ours.clone(), theirs],
        };
        assert_eq!(ours.spread(|cost| cost.wall_seconds), Some(Spread { min: 1.0, median: 2.0, max: 9.0 }));
        let wall = |cost: &Cost| cost.wall_seconds;
        assert_eq!(pair.ratio(&ours, Contender::Reladiff, wall), Some(0.25));
        assert_eq!(pair.ratio(&ours, Contender::Reladiff, Cost::cpu_seconds), Some(1.0));
        assert_eq!(pair.ratio(&ours, Contender::BareRead, wall), None);
    }
}
