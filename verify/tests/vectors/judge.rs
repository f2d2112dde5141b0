//! What a run found, against what the data says.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use fixtures::dataset::Dialect;
use fixtures::vectors::{Comparison, Corner, Expected, KeyCase, RefusalKind, Suite, VectorTable};
use switchback_engines::canon::Incomparable;
use switchback_fixtures as fixtures;
use switchback_verify::outcome::StructureDifference;
use switchback_verify::{Difference, Kind, Status, TableOutcome, TablePlan, Verdict};

use super::found;
use super::servers::{Run, Setting, key_cases, key_table, value_tables};

/// All that was compared, and where it came out otherwise.
#[derive(Debug, Default)]
pub(super) struct Judgement {
    compared: BTreeMap<String, usize>,
    pub(super) mismatches: Vec<Mismatch>,
}

/// One thing that came out otherwise.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mismatch {
    /// Corner, case and values.
    place: String,
    message: String,
    pair: String,
}

impl Mismatch {
    pub(super) fn general(place: &str, message: &str) -> Self {
        Self { place: place.to_owned(), message: message.to_owned(), pair: String::new() }
    }
}

impl Judgement {
    pub(super) fn add(&mut self, other: Self) {
        for (corner, count) in other.compared {
            *self.compared.entry(corner).or_default() += count;
        }
        self.mismatches.extend(other.mismatches);
    }

    pub(super) fn count_of(&self, corner: &str) -> usize {
        self.compared.get(corner).copied().unwrap_or_default()
    }
}

/// Mismatches that are the same but for the engines are one paragraph.
impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut grouped: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
        for mismatch in &self.mismatches {
            grouped.entry((&mismatch.place, &mismatch.message)).or_default().insert(&mismatch.pair);
        }
        let total: usize = self.compared.values().sum();
        writeln!(f, "{} of {total} comparisons came out otherwise than the data says:", self.mismatches.len())?;
        for ((place, message), pairs) in grouped {
            let pairs = pairs.into_iter().collect::<Vec<_>>().join(", ");
            writeln!(f, "{place}\n    {message}\n    {pairs}")?;
        }
        Ok(())
    }
}

pub(super) fn judge(suite: &Suite, setting: &Setting, run: &Run) -> Judgement {
    let tables = run.outcome.tables.iter().map(|t| (short_name(t), t)).collect();
    let mut judge = Judge { run, tables, found: found::by_table(&run.found), judgement: Judgement::default() };
    for table in value_tables(suite).filter(|t| Setting::of_values(t) == *setting) {
        judge.values(&table);
    }
    for (corner, case) in key_cases(suite).filter(|(_, c)| Setting::of_keys(c) == *setting) {
        judge.keys(corner, case);
    }
    judge.judgement
}

fn short_name(table: &TableOutcome) -> &str {
    table.source.as_ref().or(table.target.as_ref()).map_or("", |t| &t.name)
}

struct Judge<'a> {
    run: &'a Run,
    tables: BTreeMap<&'a str, &'a TableOutcome>,
    found: BTreeMap<&'a str, Vec<(&'a TablePlan, &'a Difference)>>,
    judgement: Judgement,
}

impl<'a> Judge<'a> {
    fn wrong(&mut self, place: String, message: String) {
        let pair = format!("{} → {}", self.run.source.name(), self.run.target.name());
        self.judgement.mismatches.push(Mismatch { place, message, pair });
    }

    fn values(&mut self, table: &VectorTable<'_>) {
        let place = format!("{} {}", table.corner.id, table.name);
        let (s, t) = (self.run.source, self.run.target);
        let sides = (table.source_types().contains_key(&s), table.target_types().contains_key(&t));
        let Some(outcome) = self.both_there(&place, &table.name, sides) else { return };
        let (left, right) = if table.is_mirrored { (t, s) } else { (s, t) };
        if let Some(refusal) = table.case.refusal(left, right) {
            *self.judgement.compared.entry(table.corner.id.clone()).or_default() += 1;
            self.refused(place, outcome, refusal.kind);
            return;
        }
        if !self.compared_whole(&place, outcome) {
            return;
        }
        let mut found: BTreeMap<usize, &Difference> = BTreeMap::new();
        for (_, difference) in self.found.get(table.name.as_str()).cloned().unwrap_or_default() {
            match found::id(difference) {
                Some(id) if !found.contains_key(&id) => {
                    found.insert(id, difference);
                }
                _ => self.wrong(place.clone(), "a row without a number of its own is reported".to_owned()),
            }
        }
        for row in &table.comparisons {
            *self.judgement.compared.entry(table.corner.id.clone()).or_default() += 1;
            if let Some(message) = mismatch(row, (s, t), found.remove(&row.id), outcome) {
                let shown = |values: Option<&String>| values.map_or("–", String::as_str).to_owned();
                let values = (shown(row.source.sql.get(&s)), shown(row.target.sql.get(&t)));
                self.wrong(format!("{place}: {} | {}", values.0, values.1), message);
            }
        }
        for id in found.keys() {
            self.wrong(place.clone(), format!("a row {id} is reported and is none"));
        }
    }

    /// The outcome of a table that both sides have.
    fn both_there(&mut self, place: &str, table: &str, sides: (bool, bool)) -> Option<&'a TableOutcome> {
        let outcome = self.tables.get(table).copied();
        let missing =
            |t: &TableOutcome| t.structure.iter().any(|s| matches!(s, StructureDifference::MissingTable { .. }));
        match (sides, outcome) {
            ((false, false), None) => {}
            ((true, true), Some(outcome)) if !missing(outcome) => return Some(outcome),
            ((true, false) | (false, true), Some(outcome)) if missing(outcome) => {}
            _ => self.wrong(place.to_owned(), "the table is there and not compared, or the other way round".to_owned()),
        }
        None
    }

    fn compared_whole(&mut self, place: &str, outcome: &TableOutcome) -> bool {
        for problem in &outcome.problems {
            self.wrong(place.to_owned(), format!("is not compared: {}", problem.message));
        }
        if outcome.unresolved > 0 {
            self.wrong(place.to_owned(), "some rows are unresolved".to_owned());
        }
        outcome.problems.is_empty()
    }

    fn refused(&mut self, place: String, outcome: &TableOutcome, kind: RefusalKind) {
        let messages: Vec<&str> = outcome.problems.iter().map(|p| p.message.as_str()).collect();
        let is_as_said = match messages.as_slice() {
            [message] => refusal_messages(outcome, kind).iter().any(|m| message.contains(m)),
            _ => false,
        };
        if !is_as_said {
            self.wrong(place, format!("is to be refused as {}, but: {messages:?}", kind.name()));
        } else if outcome.verdict != Verdict::Incomplete {
            self.wrong(place, format!("was refused and is called {}", outcome.verdict.name()));
        }
    }

    fn keys(&mut self, corner: &Corner, case: &KeyCase) {
        let table = key_table(corner, case);
        let place = format!("{} {table}", corner.id);
        let (s, t) = (self.run.source, self.run.target);
        let sides = (case.source.contains_key(&s), case.target.contains_key(&t));
        let Some(outcome) = self.both_there(&place, &table, sides) else { return };
        if !self.compared_whole(&place, outcome) {
            return;
        }
        *self.judgement.compared.entry(corner.id.clone()).or_default() += 1;
        let is_keyless = outcome.plan.as_ref().is_some_and(|plan| plan.key_len == 0);
        if is_keyless != case.is_keyless {
            self.wrong(place.clone(), format!("is compared by {:?}", outcome.method));
        }
        let found = self.found.get(table.as_str()).cloned().unwrap_or_default();
        let mut found: Vec<String> = found.into_iter().map(|(plan, d)| found::spell(plan, d)).collect();
        let mut expected = case.finds(s, t).to_vec();
        found.sort();
        expected.sort();
        if found != expected {
            self.wrong(place, format!("finds {found:?} in place of {expected:?}"));
        }
    }
}

/// What the run would say of the column if it was refused for this reason.
fn refusal_messages(outcome: &TableOutcome, kind: RefusalKind) -> Vec<String> {
    let native = |table: fn(&TablePlan) -> &switchback_engines::Table| {
        let column = outcome.plan.as_ref().and_then(|plan| table(plan).column("v"));
        column.map(|(_, c)| c.native.clone()).unwrap_or_default()
    };
    let (source_native, target_native) = (native(|p| &p.source), native(|p| &p.target));
    let refusals = match kind {
        RefusalKind::UnknownType => vec![
            Incomparable::UnknownType { side: "source", native: source_native },
            Incomparable::UnknownType { side: "target", native: target_native },
        ],
        RefusalKind::NoCommonMeaning => vec![Incomparable::NoCommonMeaning { source_native, target_native }],
        RefusalKind::ZoneNeeded => vec![Incomparable::ZoneNeeded { source_native, target_native }],
        // Which policy it was is for the case to make plain.
        RefusalKind::Strict => {
            return vec![format!(
                "column `v` is not compared: `{source_native}` and `{target_native}` are comparable only under"
            )];
        }
        RefusalKind::Undecodable => {
            let on = [&outcome.source, &outcome.target].into_iter().flatten();
            return on.map(|table| format!("`{table}`.`v`: ")).collect();
        }
    };
    refusals.iter().map(|refusal| format!("column `v` is not compared: {refusal}")).collect()
}

/// What is wrong with a row, if anything is.
fn mismatch(
    row: &Comparison<'_>,
    (source, target): (Dialect, Dialect),
    found: Option<&Difference>,
    outcome: &TableOutcome,
) -> Option<String> {
    let expected = row.expected(source, target);
    let was = found.map_or_else(|| "equal".to_owned(), described);
    let matches = match (expected, found) {
        (_, Some(d)) if d.status != Status::Confirmed => false,
        (Expected::Equal { by: Some(by) }, None) => {
            let policies = outcome.columns.iter().find(|c| c.source == "v").map(|c| c.policies.as_slice());
            return match super::policy(by) {
                Some(policy) if policies.unwrap_or_default().contains(&policy) => None,
                _ => {
                    Some(format!("equal by {by}, which the run does not list, only {:?}", policies.unwrap_or_default()))
                }
            };
        }
        (Expected::Equal { .. } | Expected::Absent, found) => found.is_none(),
        (Expected::Differ, Some(d)) => d.kind == Kind::Changed,
        (Expected::SourceOnly, Some(d)) => d.kind == Kind::SourceOnly,
        (Expected::TargetOnly, Some(d)) => d.kind == Kind::TargetOnly,
        (Expected::Differ | Expected::SourceOnly | Expected::TargetOnly, None) => false,
    };
    (!matches).then(|| format!("is to be {expected:?}, was {was}"))
}

fn described(difference: &Difference) -> String {
    let value = |row: &Option<Vec<_>>| row.as_ref().and_then(|row| row.get(1)).map_or("–".to_owned(), found::text);
    let (source, target) = (value(&difference.source), value(&difference.target));
    format!("{} {source:?} | {target:?}", difference.kind.name())
}
