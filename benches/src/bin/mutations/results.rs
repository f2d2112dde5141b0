//! What was found, as JSON for programs and as tables for people.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use switchback_benches::machine::Machine;

pub(crate) const SCHEMA_VERSION: u32 = 1;

/// All of one call of this program, its rounds together.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Results {
    pub(crate) schema_version: u32,
    pub(crate) date: String,
    /// Of this repository; with `-modified` when files differed from it.
    pub(crate) commit: String,
    pub(crate) command: String,
    pub(crate) machine: Machine,
    /// Of each round.
    pub(crate) seeds: Vec<u64>,
    pub(crate) mutations: u64,
    /// What they come to in differences: a key that is changed is two.
    pub(crate) differences: u64,
    pub(crate) source_rows: u64,
    pub(crate) target_rows: u64,
    pub(crate) made: Vec<Count>,
    pub(crate) pairs: Vec<PairResults>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Count {
    pub(crate) kind: String,
    pub(crate) made: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PairResults {
    pub(crate) source: String,
    pub(crate) target: String,
    pub(crate) source_version: String,
    pub(crate) target_version: String,
    /// Of the unmutated table with its copy.
    pub(crate) twin: Findings,
    pub(crate) mutated: Findings,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Findings {
    /// Differences that were found and described rightly.
    pub(crate) found: u64,
    /// False equals.
    pub(crate) missed: u64,
    /// False differences.
    pub(crate) extra: u64,
    pub(crate) verdict: String,
    /// The verdict, the number of rows and all else included.
    pub(crate) is_right: bool,
    pub(crate) seconds: f64,
}

impl Findings {
    fn add(&mut self, more: Self) {
        self.found += more.found;
        self.missed += more.missed;
        self.extra += more.extra;
        self.is_right &= more.is_right;
        self.seconds += more.seconds;
        // A verdict that was not always the same is shown as that.
        if !self.verdict.split(", ").any(|verdict| verdict == more.verdict) {
            self.verdict = format!("{}, {}", self.verdict, more.verdict);
        }
    }
}

impl Results {
    /// One more comparison of two engines.
    pub(crate) fn add_pair(&mut self, more: PairResults) {
        let same = |pair: &&mut PairResults| (&pair.source, &pair.target) == (&more.source, &more.target);
        match self.pairs.iter_mut().find(same) {
            Some(pair) => {
                pair.twin.add(more.twin);
                pair.mutated.add(more.mutated);
            }
            None => self.pairs.push(more),
        }
    }

    /// False equals and false differences, and comparisons that were wrong in any
    /// other way.
    pub(crate) fn wrong(&self) -> u64 {
        let wrong = |f: &Findings| (f.missed + f.extra).max(u64::from(!f.is_right));
        self.pairs.iter().map(|pair| wrong(&pair.twin) + wrong(&pair.mutated)).sum()
    }

    pub(crate) fn markdown(&self) -> String {
        let mut out = String::new();
        let machine = &self.machine;
        let _ = write!(
            out,
            "# Mutations, {}\n\n    {}\n\nCommit {}. {} cores ({}), {} MiB, {}; load {:.1} before and {:.1} after.\n\
             {} mutations in {} rows of two tables, one of them without a key; they are {} differences for each\n\
             pair. They were made in {} rounds, the first with the seed {}. A false equal is a difference that was not found; a false difference one that is not there, or that\n\
             was found in another column, or another number of times, or twice. Twins are two copies of the unmutated\n\
             tables.\n\n",
            self.date,
            self.command,
            self.commit,
            machine.cores,
            machine.processor,
            machine.memory_mib,
            machine.system,
            machine.load_before,
            machine.load_after,
            self.mutations,
            self.source_rows,
            self.differences,
            self.seeds.len(),
            self.seeds.first().copied().unwrap_or_default(),
        );
        out.push_str(
            "| source | target | found | false equals | false differences | verdict | s | twins: false differences | verdict | s |\n\
             |---|---|---|---|---|---|---|---|---|---|\n",
        );
        for pair in &self.pairs {
            let (m, t) = (&pair.mutated, &pair.twin);
            let _ = writeln!(
                out,
                "| {} {} | {} {} | {} | {} | {} | {} | {:.1} | {} | {} | {:.1} |",
                pair.source,
                pair.source_version,
                pair.target,
                pair.target_version,
                m.found,
                m.missed,
                m.extra,
                m.verdict,
                m.seconds,
                t.extra,
                t.verdict,
                t.seconds,
            );
        }
        out.push_str("\n| mutation | made |\n|---|---|\n");
        for Count { kind, made } in &self.made {
            let _ = writeln!(out, "| {kind} | {made} |");
        }
        out
    }
}
