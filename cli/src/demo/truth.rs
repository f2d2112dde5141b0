//! Whether a comparison found exactly the damage.

use std::collections::BTreeMap;

use switchback_verify::outcome::{Side, StructureDifference};
use switchback_verify::{Kind, RunOutcome, TableOutcome};

use super::drift::{DRIFTS, Effect};

/// What is expected, or was found, of one table.
#[derive(Debug, Default, PartialEq)]
struct Finding {
    rows: BTreeMap<Kind, u64>,
    /// Differing rows by column; columns without any are left out.
    cells: BTreeMap<String, u64>,
    structure: Vec<StructureDifference>,
}

/// What disagrees with the ground truth, a sentence each; empty when exactly
/// the damage was found.
pub(crate) fn disagreements(outcome: &RunOutcome) -> Vec<String> {
    let mut expected = expected();
    let mut sentences = Vec::new();
    for table in &outcome.tables {
        let name = table.name();
        let wanted = expected.remove(name.as_str()).unwrap_or_default();
        compare(&name, &wanted, &found(table), &mut sentences);
        if table.unresolved > 0 {
            sentences.push(format!("{name}: {} rows stayed unresolved", table.unresolved));
        }
        sentences.extend(table.problems.iter().map(|problem| format!("{name}: {}", problem.message)));
    }
    sentences.extend(expected.keys().map(|name| format!("{name}: the table was not looked at")));
    sentences
}

/// How many rows and definitions are damaged.
pub(crate) fn damage_count() -> (u64, usize) {
    let rows = DRIFTS.iter().map(|drift| drift.effect.rows()).sum();
    let definitions = DRIFTS.iter().filter(|drift| matches!(drift.effect, Effect::Structure(_))).count();
    (rows, definitions)
}

fn expected() -> BTreeMap<&'static str, Finding> {
    let mut tables: BTreeMap<&str, Finding> = BTreeMap::new();
    for drift in DRIFTS {
        let finding = tables.entry(drift.table).or_default();
        match drift.effect {
            Effect::Rows { kind, count, columns } => {
                *finding.rows.entry(kind).or_default() += count;
                for column in columns {
                    *finding.cells.entry((*column).to_owned()).or_default() += count;
                }
            }
            Effect::Structure(difference) => finding.structure.push(difference()),
        }
    }
    tables
}

fn found(table: &TableOutcome) -> Finding {
    let changed = table.columns.iter().filter(|column| column.changed > 0);
    Finding {
        rows: table.differences.iter().filter(|&(_, &count)| count > 0).map(|(&kind, &count)| (kind, count)).collect(),
        cells: changed.map(|column| (column.source.clone(), column.changed)).collect(),
        structure: table.structure.clone(),
    }
}

fn compare(name: &str, wanted: &Finding, found: &Finding, sentences: &mut Vec<String>) {
    let of = |finding: &Finding, kind: Kind| finding.rows.get(&kind).copied().unwrap_or_default();
    for kind in [Kind::SourceOnly, Kind::TargetOnly, Kind::Changed, Kind::KeyCollision] {
        let (wanted, found) = (of(wanted, kind), of(found, kind));
        if wanted != found {
            sentences.push(format!("{name}: {found} rows are {}, and should be {wanted}", kind.name()));
        }
    }
    if wanted.cells != found.cells {
        sentences.push(format!("{name}: changed by column {:?}, and should be {:?}", found.cells, wanted.cells));
    }
    for difference in found.structure.iter().filter(|difference| !wanted.structure.contains(difference)) {
        sentences.push(format!("{name}: {}, which nobody did", describe(difference)));
    }
    for difference in wanted.structure.iter().filter(|difference| !found.structure.contains(difference)) {
        sentences.push(format!("{name}: not found: {}", describe(difference)));
    }
}

fn describe(difference: &StructureDifference) -> String {
    match difference {
        StructureDifference::MissingTable { on: Side::Source } => "the source lacks the table".to_owned(),
        StructureDifference::MissingTable { on: Side::Target } => "the target lacks the table".to_owned(),
        StructureDifference::MissingColumn { on, column } => format!("the {} lacks `{column}`", on.name()),
        StructureDifference::Type { column, source, target } => {
            format!("the type of `{column}` is {source} here and {target} there")
        }
        StructureDifference::Nullability { column, .. } => format!("only one side lets `{column}` be NULL"),
        StructureDifference::Key { .. } => "the keys differ".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a perfect comparison would say.
    fn perfect() -> Vec<(&'static str, Finding)> {
        expected().into_iter().collect()
    }

    fn sentences(found: &[(&str, Finding)]) -> usize {
        let mut wanted = expected();
        let mut sentences = Vec::new();
        for (name, finding) in found {
            compare(name, &wanted.remove(name).unwrap_or_default(), finding, &mut sentences);
        }
        sentences.len() + wanted.len()
    }

    #[test]
    fn exactly_the_damage_is_no_disagreement() {
        assert_eq!(sentences(&perfect()), 0);
    }

    #[test]
    fn every_other_finding_is_a_disagreement() {
        for at in 0..perfect().len() {
            let changes: [fn(&mut Finding); 5] = [
                |finding| *finding.rows.entry(Kind::Changed).or_default() += 1,
                |finding| *finding.rows.entry(Kind::TargetOnly).or_default() += 1,
                |finding| *finding.cells.entry("id".to_owned()).or_default() += 1,
                |finding| finding.structure.push(StructureDifference::MissingTable { on: Side::Source }),
                |finding| *finding = Finding::default(),
            ];
            for (number, change) in changes.iter().enumerate() {
                let mut found = perfect();
                let (name, finding) = &mut found[at];
                let name = *name;
                if name == "schema_versions" && number == 3 {
                    continue;
                }
                change(finding);
                assert!(sentences(&found) > 0, "{name}, change {number}");
            }
            let mut found = perfect();
            found.remove(at);
            assert!(sentences(&found) > 0, "a table that was not looked at");
        }
        let mut found = perfect();
        let finding = Finding { rows: [(Kind::SourceOnly, 1)].into(), ..Finding::default() };
        found.push(("undamaged", finding));
        assert!(sentences(&found) > 0);
    }
}
