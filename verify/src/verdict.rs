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

#[cfg(test)]
mod tests {
    use switchback_engines::TableRef;

    use super::*;
    use crate::difference::Kind;
    use crate::options::TableSettings;
    use crate::outcome::{Coverage, Problem, Side, StructureDifference};
    use crate::plan::selection::Pairing;
    use crate::table_outcome::empty;

    fn named() -> Option<TableRef> {
        Some(TableRef { schema: None, name: "t".to_owned() })
    }

    fn of(source: Option<TableRef>, target: Option<TableRef>) -> TableOutcome {
        empty(&Pairing { source, target, settings: TableSettings::default(), ignored: Vec::new() })
    }

    /// A table that was compared to its end, in which nothing differs.
    fn equal() -> TableOutcome {
        let mut table = of(named(), named());
        table.method = Method::Keyed { key: vec!["id".to_owned()] };
        table.coverage = Coverage { ranges_total: 3, ranges_done: 3, sampled: None };
        table
    }

    fn after(change: impl FnOnce(&mut TableOutcome)) -> Verdict {
        let mut table = equal();
        change(&mut table);
        of_table(&table)
    }

    fn problem() -> Problem {
        Problem { message: "a file could not be written".to_owned(), hint: None }
    }

    fn differs(table: &mut TableOutcome) {
        table.differences.insert(Kind::Changed, 1);
    }

    #[test]
    fn equal_is_what_was_compared_to_its_end_without_a_difference() {
        assert_eq!(of_table(&equal()), Verdict::Equal);
        assert_eq!(after(|t| t.method = Method::Multiset), Verdict::Equal);
        // What had changed when it was first read and was the same when read again.
        assert_eq!(after(|t| t.in_sync = 5), Verdict::Equal);
    }

    #[test]
    fn what_was_skipped_or_failed_or_stayed_open_is_incomplete() {
        assert_eq!(of_table(&of(named(), named())), Verdict::Incomplete, "nothing was done yet");
        assert_eq!(after(|t| t.method = Method::NotCompared), Verdict::Incomplete);
        assert_eq!(after(|t| t.coverage.ranges_done = 2), Verdict::Incomplete);
        assert_eq!(after(|t| (t.coverage.ranges_done, t.coverage.ranges_total) = (0, 0)), Verdict::Incomplete);
        assert_eq!(after(|t| t.unresolved = 1), Verdict::Incomplete);
        assert_eq!(after(|t| t.problems.push(problem())), Verdict::Incomplete);
        // Differences make none of it complete.
        let open: [fn(&mut TableOutcome); 3] =
            [|t| t.unresolved = 1, |t| t.coverage.ranges_done = 2, |t| t.problems.push(problem())];
        for open in open {
            let both = |t: &mut TableOutcome| {
                differs(t);
                open(t);
            };
            assert_eq!(after(both), Verdict::Incomplete);
        }
    }

    #[test]
    fn a_difference_of_any_kind_is_different() {
        assert_eq!(after(differs), Verdict::Different);
        assert_eq!(
            after(|t| t.structure.push(StructureDifference::MissingTable { on: Side::Target })),
            Verdict::Different
        );
        assert_eq!(
            after(|t| {
                t.coverage.sampled = Some(0.1);
                differs(t);
            }),
            Verdict::Different,
            "a sample may prove a table different"
        );
        for (source, target) in [(named(), None), (None, named())] {
            assert_eq!(of_table(&of(source.clone(), target.clone())), Verdict::Different);
            let mut failed = of(source, target);
            failed.problems.push(problem());
            assert_eq!(of_table(&failed), Verdict::Incomplete);
        }
    }

    #[test]
    fn a_part_proves_nothing_equal() {
        assert_eq!(after(|t| t.method = Method::CountOnly), Verdict::NoDifferenceFound);
        assert_eq!(after(|t| t.coverage.sampled = Some(0.5)), Verdict::NoDifferenceFound);
        // All ranges of a small table may have been chosen.
        assert_eq!(after(|t| t.coverage.sampled = Some(1.0)), Verdict::Equal);
        assert_eq!(
            after(|t| {
                t.method = Method::CountOnly;
                differs(t);
            }),
            Verdict::Different
        );
    }

    #[test]
    fn a_run_is_as_good_as_its_worst_table_and_its_end() {
        let table = |verdict| TableOutcome { verdict, ..equal() };
        let all = [Verdict::Equal, Verdict::NoDifferenceFound, Verdict::Different, Verdict::Incomplete];
        for (i, worst) in all.into_iter().enumerate() {
            let tables: Vec<_> = all[..=i].iter().rev().map(|verdict| table(*verdict)).collect();
            assert_eq!(of_run(&tables, false), worst);
            assert_eq!(of_run(&tables, true), Verdict::Incomplete);
        }
        assert_eq!(of_run(&[], false), Verdict::Incomplete, "a run without tables has compared nothing");
    }
}
