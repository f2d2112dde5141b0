//! The vectors seen from the engines and from the policies.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use fixtures::dataset::Dialect;
use fixtures::vectors::{Expected, PerEngine, Row, Selector, Suite};
use switchback_fixtures as fixtures;

use super::words::{between, literal, sentence, verdict};
use crate::vectors::policy;
use crate::vectors::servers::value_tables;

/// How many pairs of values come out which way between two engines.
#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    equal: usize,
    by_policy: usize,
    differ: usize,
    refused: usize,
}

/// The number of comparisons for each pair of engines.
pub(super) fn at_a_glance(suite: &Suite, out: &mut String) {
    out.push_str(
        "\n## At a glance\n\nFor each source (rows) and target (columns): pairs of values that are equal, equal by a policy, \
         and different; and columns that are refused.\n\n| |",
    );
    for target in Dialect::ALL {
        let _ = write!(out, " {} |", target.name());
    }
    out.push_str("\n|---|---|---|---|---|\n");
    for source in Dialect::ALL {
        let _ = write!(out, "| **{}** |", source.name());
        for target in Dialect::ALL {
            let c = count(suite, source, target);
            let _ = write!(out, " {} / {} / {} / {} |", c.equal, c.by_policy, c.differ, c.refused);
        }
        out.push('\n');
    }
}

fn count(suite: &Suite, source: Dialect, target: Dialect) -> Counts {
    let mut counts = Counts::default();
    for table in value_tables(suite) {
        if !table.source_types().contains_key(&source) || !table.target_types().contains_key(&target) {
            continue;
        }
        let (left, right) = if table.is_mirrored { (target, source) } else { (source, target) };
        if table.case.refusal(left, right).is_some() {
            counts.refused += 1;
            continue;
        }
        for row in &table.comparisons {
            match row.expected(source, target) {
                Expected::Equal { by: None } => counts.equal += 1,
                Expected::Equal { by: Some(_) } => counts.by_policy += 1,
                Expected::Differ => counts.differ += 1,
                Expected::SourceOnly | Expected::TargetOnly | Expected::Absent => {}
            }
        }
    }
    counts
}

pub(super) fn policies(suite: &Suite, out: &mut String) {
    let mut corners: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for corner in suite.corners() {
        for row in corner.values.iter().flat_map(|case| &case.rows) {
            let all = row.by.iter().chain(row.exceptions.iter().filter_map(|e| e.by.as_ref()));
            for by in all {
                corners.entry(by).or_default().insert(&corner.id);
            }
        }
    }
    out.push_str("\n## Policies\n\n| policy | what it says | shown in |\n|---|---|---|\n");
    for (name, corners) in corners {
        let meaning = policy(name).map(switchback_engines::canon::Policy::meaning).unwrap_or_default();
        let corners = corners.into_iter().collect::<Vec<_>>().join(", ");
        let _ = writeln!(out, "| `{name}` | {meaning} | {corners} |");
    }
}

/// What each engine cannot hold, what comes out otherwise with it, and what is
/// refused.
pub(super) fn one_by_one(suite: &Suite, out: &mut String) {
    out.push_str("\n## Engine by engine\n\nWhere an engine is not named, it behaves as the corners above say.\n");
    for engine in Dialect::ALL {
        let _ = write!(out, "\n### {}\n", engine.name());
        put_list("Cannot hold", &lacking(suite, engine), out);
        put_list("Comes out otherwise", &otherwise(suite, engine), out);
        put_list("Is not compared", &refused(suite, engine), out);
    }
}

fn put_list(title: &str, lines: &[String], out: &mut String) {
    if !lines.is_empty() {
        let _ = write!(out, "\n{title}:\n\n");
        for line in lines {
            let _ = writeln!(out, "- {line}");
        }
    }
}

fn lacking(suite: &Suite, engine: Dialect) -> Vec<String> {
    let mut reasons: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let mut order: Vec<String> = Vec::new();
    for corner in suite.corners() {
        let of_values = corner.values.iter().flat_map(|case| std::iter::once(&case.without).chain(of_rows(&case.rows)));
        for without in of_values.chain(corner.keys.iter().map(|case| &case.without)) {
            let Some(why) = without.get(&engine) else { continue };
            let corners = reasons.entry(why.clone()).or_default();
            if corners.is_empty() {
                order.push(why.clone());
            }
            if corners.last() != Some(&corner.id.as_str()) {
                corners.push(&corner.id);
            }
        }
    }
    order.iter().map(|why| format!("{}: {why}", reasons[why].join(", "))).collect()
}

fn of_rows(rows: &[Row]) -> impl Iterator<Item = &PerEngine<String>> {
    rows.iter().map(|row| &row.without)
}

fn otherwise(suite: &Suite, engine: Dialect) -> Vec<String> {
    let mut lines = Vec::new();
    for corner in suite.corners() {
        for row in corner.values.iter().flat_map(|case| &case.rows) {
            for e in row.exceptions.iter().filter(|e| names_engine(&e.selector, engine)) {
                let values: Vec<String> = row.values.iter().map(literal).collect();
                let (values, is) = (values.join(" and "), verdict(e.verdict, e.by.as_deref()));
                lines.push(format!("{}: {values}, {}: {is}, as {}", corner.id, between(&e.selector), e.why));
            }
        }
        for e in corner.keys.iter().flat_map(|case| &case.exceptions).filter(|e| names_engine(&e.selector, engine)) {
            lines.push(format!("{}: {}, as {}", corner.id, between(&e.selector), e.why));
        }
    }
    lines
}

fn refused(suite: &Suite, engine: Dialect) -> Vec<String> {
    let mut lines = Vec::new();
    for corner in suite.corners() {
        for case in &corner.values {
            for refusal in &case.refusals {
                let applies = |other: &Dialect| {
                    (refusal.selector.selects(engine, *other)
                        && case.left.contains_key(&engine)
                        && case.right.contains_key(other))
                        || (refusal.selector.selects(*other, engine)
                            && case.left.contains_key(other)
                            && case.right.contains_key(&engine))
                };
                if !Dialect::ALL.iter().any(applies) {
                    continue;
                }
                let natives: BTreeSet<&String> =
                    [case.left.get(&engine), case.right.get(&engine)].into_iter().flatten().collect();
                let natives = natives.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(" and ");
                lines.push(sentence(&format!(
                    "{}: {natives}, {}: {}",
                    corner.id,
                    between(&refusal.selector),
                    refusal.why
                )));
            }
        }
    }
    lines
}

fn names_engine(selector: &Selector, engine: Dialect) -> bool {
    let sets = [&selector.left, &selector.right, &selector.either, &selector.one, &selector.both];
    sets.into_iter().flatten().any(|set| set.contains(&engine))
}
