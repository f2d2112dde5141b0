//! What a run did not look at.
//!
//! A reader of a certificate asks first what it does *not* say. So each reason
//! for a gap that an outcome can hold becomes an entry here, and the match arms
//! leave none out.

use serde::{Deserialize, Serialize};
use switchback_verify::outcome::{Method, Problem, RunOutcome, Side, Stop, StructureDifference, TableOutcome};

/// Something that was not compared, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotCovered {
    pub what: Gap,
    /// `None`: it holds for the whole run.
    pub table: Option<String>,
    /// `None`: it holds for both sides.
    pub side: Option<Side>,
    pub column: Option<String>,
    pub why: String,
}

/// What was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gap {
    /// What this tool never compares.
    Objects,
    /// All of a table.
    Table,
    /// A table's values; its rows were counted.
    Values,
    Column,
    /// Some of a table's rows.
    Rows,
}

/// Whether every row of the table was compared with its values.
pub(super) fn rows_complete(table: &TableOutcome) -> bool {
    let by_row = match table.method {
        Method::Keyed { .. } | Method::Multiset => true,
        Method::CountOnly | Method::NotCompared => false,
    };
    by_row && table.coverage.sampled.is_none() && table.coverage.ranges_done >= table.coverage.ranges_total
}

/// Everything that the run did not compare.
pub(super) fn of(outcome: &RunOutcome) -> Vec<NotCovered> {
    let mut gaps = vec![NotCovered {
        what: Gap::Objects,
        table: None,
        side: None,
        column: None,
        why: "only the tables listed here were compared: rows, columns, their types and nullability, and keys; not \
              other tables, indexes, other constraints, defaults, sequences, views, triggers, routines or grants"
            .to_owned(),
    }];
    if let Some(stop) = outcome.stopped {
        let why = match stop {
            Stop::Interrupted => "the run was interrupted",
            Stop::MaxDifferences => "the run ended at the number of differences that was set as its limit",
            Stop::MaxTime => "the run ended at the time that was set as its limit",
        };
        gaps.push(NotCovered { what: Gap::Rows, table: None, side: None, column: None, why: why.to_owned() });
    }
    for table in &outcome.tables {
        of_table(table, &mut gaps);
    }
    gaps
}

fn of_table(table: &TableOutcome, gaps: &mut Vec<NotCovered>) {
    let name = table.name();
    let gap = |what, side, column: Option<&str>, why: String| NotCovered {
        what,
        table: Some(name.clone()),
        side,
        column: column.map(str::to_owned),
        why,
    };
    match &table.method {
        Method::NotCompared => {
            gaps.push(gap(Gap::Table, None, None, why_not_compared(table)));
            return;
        }
        Method::CountOnly => {
            gaps.push(gap(Gap::Values, None, None, "the rows were counted and not compared".to_owned()));
        }
        Method::Keyed { .. } | Method::Multiset => {}
    }
    for column in &table.excluded {
        gaps.push(gap(Gap::Column, Some(column.side), Some(&column.column), column.why.clone()));
    }
    for difference in &table.structure {
        if let StructureDifference::MissingColumn { on, column } = difference {
            let side = other(*on);
            if !table.excluded.iter().any(|e| e.side == side && e.column == *column) {
                gaps.push(gap(Gap::Column, Some(side), Some(column), format!("the {} has no such column", on.name())));
            }
        }
    }
    for (side, filter) in [(Side::Source, &table.source_filter), (Side::Target, &table.target_filter)] {
        if let Some(filter) = filter {
            gaps.push(gap(Gap::Rows, Some(side), None, format!("only rows that meet the filter `{filter}`")));
        }
    }
    of_rows(table, gaps, gap);
}

fn of_rows(
    table: &TableOutcome,
    gaps: &mut Vec<NotCovered>,
    gap: impl Fn(Gap, Option<Side>, Option<&str>, String) -> NotCovered,
) {
    let coverage = &table.coverage;
    let counts = format!("{} of {} ranges were compared", coverage.ranges_done, coverage.ranges_total);
    if let Some(share) = coverage.sampled {
        let why = format!("a random sample of about {:.1} % was asked for: {counts}", share * 100.0);
        gaps.push(gap(Gap::Rows, None, None, why));
    } else if coverage.ranges_done < coverage.ranges_total {
        gaps.push(gap(Gap::Rows, None, None, counts));
    }
    if table.unresolved > 0 {
        let why = format!(
            "{} rows differed and kept changing, or could not be read again: they may or may not be equal",
            table.unresolved
        );
        gaps.push(gap(Gap::Rows, None, None, why));
    }
    if !table.problems.is_empty() {
        gaps.push(gap(Gap::Rows, None, None, messages(&table.problems)));
    }
}

fn other(side: Side) -> Side {
    match side {
        Side::Source => Side::Target,
        Side::Target => Side::Source,
    }
}

fn why_not_compared(table: &TableOutcome) -> String {
    let missing = table.structure.iter().find_map(|difference| match difference {
        StructureDifference::MissingTable { on } => Some(format!("the {} has no such table", on.name())),
        StructureDifference::MissingColumn { .. }
        | StructureDifference::Type { .. }
        | StructureDifference::Nullability { .. }
        | StructureDifference::Key { .. } => None,
    });
    match (missing, table.problems.is_empty()) {
        (Some(missing), _) => missing,
        (None, false) => messages(&table.problems),
        (None, true) => "the run ended before it was this table's turn".to_owned(),
    }
}

fn messages(problems: &[Problem]) -> String {
    problems.iter().map(|p| p.message.as_str()).collect::<Vec<_>>().join("; ")
}
