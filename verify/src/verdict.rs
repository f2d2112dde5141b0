//! From what was found to the answer.
//!
//! There are two ways to be wrong: to call different data equal, and to call
//! equal what was not compared. So `Equal` is what is left when nothing else
//! applies, and anything that was skipped, failed or stayed open forbids it.

use crate::outcome::{Method, TableOutcome, Verdict};

pub(crate) fn of_table(table: &TableOutcome) -> Verdict {
    let one_sided = table.source.is_none() || table.target.is_none();
    let compared = table.method != Method::NotCompared
        && table.coverage.ranges_total > 0
        && table.coverage.ranges_done == table.coverage.ranges_total;
    if !table.problems.is_empty() || table.unresolved > 0 || (!compared && !one_sided) {
        Verdict::Incomplete
    } else if one_sided || table.difference_count() > 0 || !table.structure.is_empty() {
        Verdict::Different
    } else if table.method == Method::CountOnly || table.coverage.sampled.is_some_and(|share| share < 1.0) {
        Verdict::NoDifferenceFound
    } else {
        Verdict::Equal
    }
}

/// As bad as the worst table; a run without tables has compared nothing.
pub(crate) fn of_run(tables: &[TableOutcome], ended_early: bool) -> Verdict {
    if ended_early {
        return Verdict::Incomplete;
    }
    tables.iter().map(|t| t.verdict).max().unwrap_or(Verdict::Incomplete)
}
