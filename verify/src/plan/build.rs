//! From two tables' descriptions to a plan.

use switchback_engines::canon::{self, Policy, Settings};
use switchback_engines::{Column, Key, ServerInfo, Table};

use super::structure;
use super::table::{ColumnPair, TablePlan};
use crate::options::TableSettings;
use crate::outcome::{ExcludedColumn, Problem, Side, StructureDifference};

/// What matching two tables gave.
#[derive(Debug, Default)]
pub(crate) struct Built {
    /// `None` when not one column can be compared.
    pub(crate) plan: Option<TablePlan>,
    pub(crate) structure: Vec<StructureDifference>,
    pub(crate) excluded: Vec<ExcludedColumn>,
    pub(crate) problems: Vec<Problem>,
    /// Both sides can find rows by the key quickly, so that ranges pay.
    pub(crate) indexed: bool,
    /// Source columns for which a tolerance is declared that can't be granted:
    /// those of the key, and of a table without a key all.
    pub(crate) untolerated: Vec<usize>,
}

/// One side of the pair.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Described<'a> {
    pub(crate) server: &'a ServerInfo,
    pub(crate) table: &'a Table,
}

impl<'a> Described<'a> {
    pub(super) fn side(self, column: &'a Column) -> canon::rule::Side<'a> {
        canon::rule::Side { engine: self.server.engine, flavor: self.server.flavor, column }
    }
}

/// Matches columns, chooses the key and decides the rules.
///
/// `ignored` holds the columns to leave out, by source name or, for columns the
/// source lacks, by target name.
pub(crate) fn build(
    source: Described<'_>,
    target: Described<'_>,
    settings: &TableSettings,
    ignored: &[String],
    equality: &Settings,
) -> Built {
    let mut built = Built::default();
    let matched = match_columns(source.table, target.table, settings, ignored, &mut built);
    built.structure.extend(structure::compare(source, target, &matched));
    let mut pairs = decide_rules(source, target, &matched, settings, equality, &mut built);
    let key = choose_key(source.table, target.table, &pairs, settings);
    let key_len = key.as_ref().map_or(0, |k| k.columns.len());
    built.indexed = key.as_ref().is_some_and(|k| k.indexed);
    if let Some(key) = key {
        // Stable, so that the columns behind the key keep the table's order.
        pairs.sort_by_key(|p| key.columns.iter().position(|&c| c == p.source).unwrap_or(usize::MAX));
    }
    built.untolerated = without_tolerance(&mut pairs, key_len);
    if pairs.is_empty() {
        built.problems.push(Problem {
            message: "no column of the two tables can be compared".to_owned(),
            hint: Some("rename columns that have other names in the target (rename_columns)".to_owned()),
        });
        return built;
    }
    built.plan = Some(TablePlan {
        source_engine: source.server.engine,
        target_engine: target.server.engine,
        source: source.table.clone(),
        target: target.table.clone(),
        columns: pairs,
        key_len,
        source_filter: settings.source_filter.clone(),
        target_filter: settings.target_filter.clone(),
    });
    built
}

/// A column that `settings` name and that is not there.
pub(crate) fn missing_column(source: &Table, target: &Table, settings: &TableSettings) -> Option<String> {
    let in_source = |name: &&String| source.column(name).is_none();
    let in_target = |name: &&String| target.column(name).is_none();
    settings
        .rename_columns
        .keys()
        .find(in_source)
        .or_else(|| settings.rename_columns.values().find(in_target))
        .or_else(|| settings.ignore_columns.iter().find(|n| in_source(n) && in_target(n)))
        .or_else(|| settings.key.iter().flatten().find(in_source))
        .or_else(|| settings.columns.keys().find(in_source))
        .cloned()
}

/// Pairs of positions, in the order of the source table.
fn match_columns(
    source: &Table,
    target: &Table,
    settings: &TableSettings,
    ignored: &[String],
    built: &mut Built,
) -> Vec<(usize, usize)> {
    let is_ignored = |name: &str| ignored.iter().any(|i| i == name);
    let counterparts = counterparts(source, target, settings);
    let mut pairs = Vec::new();
    for (at, (column, counterpart)) in source.columns.iter().zip(&counterparts).enumerate() {
        match counterpart {
            _ if is_ignored(&column.name) => exclude(built, Side::Source, column),
            Some(i) => pairs.push((at, *i)),
            None => built
                .structure
                .push(StructureDifference::MissingColumn { on: Side::Target, column: column.name.clone() }),
        }
    }
    for (at, column) in target.columns.iter().enumerate() {
        match counterparts.contains(&Some(at)) {
            // Also that of an ignored column, which is ignored with it.
            true => {}
            false if is_ignored(&column.name) => exclude(built, Side::Target, column),
            false => built
                .structure
                .push(StructureDifference::MissingColumn { on: Side::Source, column: column.name.clone() }),
        }
    }
    pairs
}

/// Looks a column of the source up among those of the target, knowing which of
/// them are taken.
type Pass<'a> = dyn Fn(&Column, &[bool]) -> Option<usize> + 'a;

/// For each column of the source its column of the target, each of which is
/// taken once: first by the renames, then by equal names, then without regard
/// to case where that leaves one, as engines fold unquoted names differently.
pub(super) fn counterparts(source: &Table, target: &Table, settings: &TableSettings) -> Vec<Option<usize>> {
    let mut taken = vec![false; target.columns.len()];
    let mut found = vec![None; source.columns.len()];
    let rename = |column: &Column| settings.rename_columns.get(&column.name);
    let renamed = |column: &Column, _: &[bool]| rename(column).and_then(|to| target.column(to)).map(|(i, _)| i);
    let exact = |column: &Column, _: &[bool]| match rename(column) {
        // A renamed column is found under its new name only.
        Some(_) => None,
        None => target.column(&column.name).map(|(i, _)| i),
    };
    let alike = |column: &Column, taken: &[bool]| {
        let lower = column.name.to_lowercase();
        let is_free = |i: usize| taken.get(i) == Some(&false);
        let mut alike = (target.columns.iter().enumerate())
            .filter(|(i, c)| rename(column).is_none() && is_free(*i) && c.name.to_lowercase() == lower);
        alike.next().map(|(i, _)| i).filter(|_| alike.next().is_none())
    };
    for pass in [&renamed as &Pass<'_>, &exact, &alike] {
        for (column, slot) in source.columns.iter().zip(&mut found).filter(|(_, slot)| slot.is_none()) {
            if let Some(i) = pass(column, &taken)
                && let Some(free) = taken.get_mut(i).filter(|taken| !**taken)
            {
                *free = true;
                *slot = Some(i);
            }
        }
    }
    found
}

fn exclude(built: &mut Built, side: Side, column: &Column) {
    built.excluded.push(ExcludedColumn {
        side,
        column: column.name.clone(),
        why: "ignored by the settings".to_owned(),
    });
}

/// What holds for one source column, all levels laid over each other.
pub(super) fn settings_of(column: &str, table: &TableSettings, run: &Settings) -> Settings {
    let of_table = table.equality.within(run);
    match table.columns.get(column) {
        Some(of_column) => of_column.within(&of_table),
        None => of_table,
    }
}

/// Rows are matched by their keys, and without a key by all that they hold: what
/// they are matched by is the same or it is not.
fn without_tolerance(pairs: &mut [ColumnPair], key_len: usize) -> Vec<usize> {
    let matched_by = if key_len == 0 { pairs.len() } else { key_len };
    let mut found = Vec::new();
    for pair in pairs.iter_mut().take(matched_by) {
        if let Some(tolerance) = pair.tolerance.take() {
            let policies: Vec<Policy> = tolerance.policies().collect();
            pair.policies.retain(|policy| !policies.contains(policy));
            found.push(pair.source);
        }
    }
    found
}

fn decide_rules(
    source: Described<'_>,
    target: Described<'_>,
    matched: &[(usize, usize)],
    settings: &TableSettings,
    equality: &Settings,
    built: &mut Built,
) -> Vec<ColumnPair> {
    let mut pairs = Vec::new();
    for &(s, t) in matched {
        let (Some(a), Some(b)) = (source.table.columns.get(s), target.table.columns.get(t)) else { continue };
        let effective = settings_of(&a.name, settings, equality);
        match canon::pair(source.side(a), target.side(b), &effective) {
            Ok(decided) => pairs.push(ColumnPair {
                source: s,
                target: t,
                rule: decided.rule,
                policies: decided.policies,
                strict: decided.strict,
                tolerance: decided.tolerance,
            }),
            Err(why) => built.problems.push(Problem {
                message: format!("column `{}` is not compared: {why}", a.name),
                hint: Some(why.hint().to_owned()),
            }),
        }
    }
    pairs
}

struct ChosenKey {
    /// Positions in the source table.
    columns: Vec<usize>,
    indexed: bool,
}

/// The operator's key, or the first of: the primary key, then unique keys
/// without NULLs, that both sides have over the same columns; or a primary key
/// that only one side has.
fn choose_key(source: &Table, target: &Table, pairs: &[ColumnPair], settings: &TableSettings) -> Option<ChosenKey> {
    let to_target = |column: usize| pairs.iter().find(|p| p.source == column).map(|p| p.target);
    let to_source = |column: usize| pairs.iter().find(|p| p.target == column).map(|p| p.source);
    if let Some(names) = &settings.key {
        let columns: Vec<usize> = names.iter().filter_map(|n| source.column(n).map(|(i, _)| i)).collect();
        let indexed = map(&columns, to_target).is_some_and(|t| has_key(source, &columns) && has_key(target, &t));
        // A column that can't be compared can't be a key either.
        return map(&columns, to_target).map(|_| ChosenKey { columns, indexed });
    }
    for key in source.primary_key.iter().chain(&source.unique_keys) {
        let Some(on_target) = map(&key.columns, to_target) else { continue };
        if usable(source, &key.columns) && usable(target, &on_target) && has_key(target, &on_target) {
            return Some(ChosenKey { columns: key.columns.clone(), indexed: true });
        }
    }
    // Without a key on one side its duplicates are still found, as the rows are
    // matched as a multiset within a key; only reading by key would be slow.
    if let Some(key) = &source.primary_key
        && map(&key.columns, to_target).is_some()
    {
        return Some(ChosenKey { columns: key.columns.clone(), indexed: false });
    }
    let key = target.primary_key.as_ref()?;
    let columns = map(&key.columns, to_source)?;
    Some(ChosenKey { columns, indexed: false })
}

fn map(columns: &[usize], to: impl Fn(usize) -> Option<usize>) -> Option<Vec<usize>> {
    columns.iter().map(|&c| to(c)).collect()
}

/// A unique key that allows NULL holds rows that are no two alike to the server
/// and all alike to a person; such a key can't tell rows apart. A primary key
/// counts even in SQLite, which lets NULL in: ranges and matching cope with it.
fn usable(table: &Table, columns: &[usize]) -> bool {
    let is_primary = table.primary_key.as_ref().is_some_and(|k| same_columns(k, columns));
    is_primary || columns.iter().all(|&c| table.columns.get(c).is_some_and(|c| !c.nullable))
}

fn has_key(table: &Table, columns: &[usize]) -> bool {
    table.primary_key.iter().chain(&table.unique_keys).any(|k| same_columns(k, columns))
}

fn same_columns(key: &Key, columns: &[usize]) -> bool {
    key.columns.len() == columns.len() && key.columns.iter().all(|c| columns.contains(c))
}

#[cfg(test)]
mod tests {
    use switchback_engines::{Logical, TableRef};

    use super::*;

    fn table(columns: &[&str]) -> Table {
        let column = |name: &&str| Column {
            name: (*name).to_owned(),
            native: "int".to_owned(),
            logical: Some(Logical::Int { bits: 32, unsigned: false }),
            nullable: false,
            generated: false,
            collation: None,
        };
        Table {
            name: TableRef { schema: None, name: "t".to_owned() },
            columns: columns.iter().map(column).collect(),
            primary_key: None,
            unique_keys: Vec::new(),
            foreign_keys: Vec::new(),
            row_estimate: 0,
            bytes_estimate: 0,
            children: Vec::new(),
        }
    }

    #[test]
    fn a_target_column_is_taken_once() {
        let matched = |source: &[&str], target: &[&str], renames: &[(&str, &str)]| {
            let rename_columns = renames.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
            let settings = TableSettings { rename_columns, ..TableSettings::default() };
            counterparts(&table(source), &table(target), &settings)
        };
        assert_eq!(matched(&["A", "a"], &["a"], &[]), [None, Some(0)]);
        assert_eq!(matched(&["a", "A"], &["A"], &[]), [None, Some(0)]);
        assert_eq!(matched(&["Ab", "aB"], &["ab"], &[]), [Some(0), None]);
        assert_eq!(matched(&["a"], &["A", "á"], &[]), [Some(0)]);
        assert_eq!(matched(&["ab"], &["Ab", "aB"], &[]), [None]);
        assert_eq!(matched(&["a", "A"], &["a", "b"], &[("A", "b")]), [Some(0), Some(1)]);
        assert_eq!(matched(&["a", "b"], &["a"], &[("b", "a")]), [None, Some(0)]);
        assert_eq!(matched(&["a", "b"], &["c", "a"], &[("a", "c"), ("b", "c")]), [Some(0), None]);
    }

    #[test]
    fn the_counterpart_of_an_ignored_column_is_ignored_with_it() {
        let (source, target) = (table(&["k", "Note"]), table(&["k", "note", "extra"]));
        let mut built = Built::default();
        let ignored = ["Note".to_owned()];
        let pairs = match_columns(&source, &target, &TableSettings::default(), &ignored, &mut built);
        assert_eq!(pairs, [(0, 0)]);
        assert_eq!(built.excluded.len(), 1);
        let extra = StructureDifference::MissingColumn { on: Side::Source, column: "extra".to_owned() };
        assert_eq!(built.structure, [extra]);
    }
}
