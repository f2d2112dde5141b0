//! Which tables are compared, and with which.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use switchback_engines::{Engine, ServerInfo, Table, TableRef};

use crate::options::{Selection, TableSettings};
use crate::outcome::Side;

/// A name with `*` for any text and `?` for any one character, matched against
/// `schema.table` and against `table` alone. Exact in case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern(String);

impl Pattern {
    #[must_use]
    pub fn matches(&self, table: &TableRef) -> bool {
        glob(&self.0, &table.name) || glob(&self.0, &table.to_string())
    }
}

/// Two tables that hold the same thing, or one that has no counterpart.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pairing {
    pub(crate) source: Option<TableRef>,
    pub(crate) target: Option<TableRef>,
    pub(crate) settings: TableSettings,
    /// All columns to leave out of this table, from all settings.
    pub(crate) ignored: Vec<String>,
}

/// What was asked for does not fit the tables that are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mismatch {
    pub(crate) message: String,
    pub(crate) hint: String,
}

/// The tables of one side.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listed<'a> {
    pub(crate) engine: Engine,
    pub(crate) tables: &'a [TableRef],
}

/// Pairs the selected tables of both sides, sorted by name.
///
/// A pair is selected when either of its names is included and neither is
/// excluded: the two sides may spell one name in two ways.
pub(crate) fn pair_tables(
    source: Listed<'_>,
    target: Listed<'_>,
    selection: &Selection,
) -> Result<Vec<Pairing>, Mismatch> {
    check_patterns(source, target, selection)?;
    let mut pairings = Vec::new();
    for table in source.tables.iter().filter(|t| !is_excluded(selection, t)) {
        let settings = settings_of(selection, table);
        let counterpart = counterpart(source.engine, target, selection, table)?;
        if counterpart.is_some_and(|t| is_excluded(selection, t))
            || !(is_included(selection, table) || counterpart.is_some_and(|t| is_included(selection, t)))
        {
            continue;
        }
        pairings.push(Pairing {
            ignored: ignored_columns(selection, &settings, Some(table), counterpart),
            source: Some(table.clone()),
            target: counterpart.cloned(),
            settings,
        });
    }
    refuse_shared_targets(&pairings)?;
    let taken: Vec<TableRef> = pairings.iter().filter_map(|p| p.target.clone()).collect();
    // A source table that was excluded under its own name takes its counterpart
    // along; where it could be one of several, it takes none.
    let gone: Vec<&TableRef> = source
        .tables
        .iter()
        .filter(|s| is_excluded(selection, s))
        .filter_map(|s| counterpart(source.engine, target, selection, s).ok().flatten())
        .collect();
    for table in target.tables {
        let wanted = is_included(selection, table) && !is_excluded(selection, table);
        if wanted && !taken.contains(table) && !gone.contains(&table) {
            pairings.push(Pairing { target: Some(table.clone()), ..Pairing::default() });
        }
    }
    if pairings.is_empty() {
        return Err(Mismatch {
            message: "there is no table to compare".to_owned(),
            hint: "check the databases in the two URLs, and what the accounts may see".to_owned(),
        });
    }
    refuse_idle_patterns(&pairings, selection)?;
    pairings.sort_by(|a, b| (&a.source, &a.target).cmp(&(&b.source, &b.target)));
    Ok(pairings)
}

/// The tables that a run speaks of, and those that it was told to leave out.
#[derive(Debug, Default)]
pub(crate) struct Known {
    source: HashSet<TableRef>,
    target: HashSet<TableRef>,
    exclude: Vec<Pattern>,
}

impl Known {
    pub(crate) fn new(pairings: &[Pairing], selection: &Selection) -> Self {
        Self {
            source: pairings.iter().filter_map(|p| p.source.clone()).collect(),
            target: pairings.iter().filter_map(|p| p.target.clone()).collect(),
            exclude: selection.exclude.clone(),
        }
    }

    /// Children of a table that nobody has spoken of. Their rows are what a query
    /// of the table shows, and the comparison of it alone does not.
    pub(crate) fn forgotten_children<'t>(&self, side: Side, table: &'t Table) -> Vec<&'t TableRef> {
        let compared = match side {
            Side::Source => &self.source,
            Side::Target => &self.target,
        };
        let is_known = |child: &TableRef| compared.contains(child) || self.exclude.iter().any(|p| p.matches(child));
        table.children.iter().filter(|child| !is_known(child)).collect()
    }
}

/// What is compared with itself is equal whatever it holds: two URLs that are the
/// same by mistake must not pass for a proof.
pub(crate) fn refuse_itself(source: &ServerInfo, target: &ServerInfo, pairings: &[Pairing]) -> Result<(), Mismatch> {
    let same_place = source.engine == target.engine && source.location == target.location;
    let with_itself = |p: &&Pairing| {
        p.source.is_some()
            && p.source == p.target
            && p.settings.source_filter == p.settings.target_filter
            && p.settings.rename_columns.is_empty()
    };
    match pairings.iter().find(with_itself).filter(|_| same_place) {
        None => Ok(()),
        Some(pairing) => Err(Mismatch {
            message: format!(
                "the source and the target are the same database, and `{}` would be compared with itself",
                pairing.source.as_ref().map(ToString::to_string).unwrap_or_default()
            ),
            hint: "check the two URLs: one of them should name the other database".to_owned(),
        }),
    }
}

fn is_included(selection: &Selection, table: &TableRef) -> bool {
    selection.include.is_empty() || selection.include.iter().any(|p| p.matches(table))
}

fn is_excluded(selection: &Selection, table: &TableRef) -> bool {
    selection.exclude.iter().any(|p| p.matches(table))
}

/// What was asked for by name must be compared.
fn refuse_idle_patterns(pairings: &[Pairing], selection: &Selection) -> Result<(), Mismatch> {
    let selects = |pattern: &&Pattern| {
        pairings.iter().flat_map(|p| p.source.iter().chain(&p.target)).any(|table| pattern.matches(table))
    };
    match selection.include.iter().find(|p| !selects(p)) {
        Some(pattern) => Err(Mismatch {
            message: format!("the pattern `{pattern}` selects no table, as all that it matches are excluded"),
            hint: "remove the pattern or the exclusion; a table is also left out with an excluded counterpart"
                .to_owned(),
        }),
        None => Ok(()),
    }
}

/// Nothing that names a table may name none: a typing error would otherwise
/// pass for a comparison.
fn check_patterns(source: Listed<'_>, target: Listed<'_>, selection: &Selection) -> Result<(), Mismatch> {
    let exists = |p: &Pattern| source.tables.iter().chain(target.tables).any(|t| p.matches(t));
    let unknown = |what: &str, name: &dyn fmt::Display| Mismatch {
        message: format!("{what} `{name}` matches no table of either side"),
        hint: "check the spelling; names are exact in case, and the account may lack the right to see the table"
            .to_owned(),
    };
    if let Some(pattern) = selection.include.iter().find(|p| !exists(p)) {
        return Err(unknown("the pattern", pattern));
    }
    if let Some(pattern) = selection.exclude.iter().find(|p| !exists(p)) {
        return Err(unknown("the exclusion", pattern));
    }
    let of_column = selection.ignore_columns.iter().filter_map(|i| i.table.as_ref());
    if let Some(pattern) = of_column.into_iter().find(|p| !exists(p)) {
        return Err(unknown("the ignored column's table", pattern));
    }
    match selection.tables.iter().find(|s| !source.tables.iter().any(|t| is_named(t, &s.source))) {
        Some(settings) => Err(Mismatch {
            message: format!("the source has no table `{}`, which the settings name", settings.source),
            hint: "check the spelling; names are exact in case".to_owned(),
        }),
        None => Ok(()),
    }
}

fn is_named(table: &TableRef, name: &str) -> bool {
    table.name == name || table.to_string() == name
}

fn settings_of(selection: &Selection, table: &TableRef) -> TableSettings {
    selection.tables.iter().find(|s| is_named(table, &s.source)).cloned().unwrap_or_default()
}

fn named<'a>(listed: Listed<'a>, name: &str) -> Result<&'a TableRef, Mismatch> {
    listed.tables.iter().find(|t| is_named(t, name)).ok_or_else(|| Mismatch {
        message: format!("the target has no table `{name}`, which the settings name"),
        hint: "check the spelling; names are exact in case".to_owned(),
    })
}

/// The target's table for one of the source: the one that the settings name, or
/// one of the same name that is neither excluded nor named for another table.
///
/// PostgreSQL's schemas are part of the name between two PostgreSQL databases.
/// Elsewhere the schema is the database, or there is none, and the table's name
/// decides; engines that fold unquoted names differ in case.
fn counterpart<'a>(
    source: Engine,
    target: Listed<'a>,
    selection: &Selection,
    table: &TableRef,
) -> Result<Option<&'a TableRef>, Mismatch> {
    if let Some(name) = settings_of(selection, table).target {
        return named(target, &name).map(Some);
    }
    let is_named_for_another =
        |t: &TableRef| selection.tables.iter().filter_map(|s| s.target.as_deref()).any(|name| is_named(t, name));
    let open: Vec<&TableRef> =
        target.tables.iter().filter(|t| !is_excluded(selection, t) && !is_named_for_another(t)).collect();
    if source == Engine::Postgres && target.engine == Engine::Postgres {
        let renamed = table.schema.as_ref().and_then(|schema| selection.schemas.get(schema));
        let wanted = TableRef { schema: renamed.or(table.schema.as_ref()).cloned(), name: table.name.clone() };
        return Ok(open.into_iter().find(|t| **t == wanted));
    }
    let lower = table.name.to_lowercase();
    let mut alike: Vec<&TableRef> = open.iter().copied().filter(|t| t.name == table.name).collect();
    if alike.is_empty() {
        alike = open.into_iter().filter(|t| t.name.to_lowercase() == lower).collect();
    }
    // A pattern may have told apart what the name does not.
    if !is_included(selection, table) {
        alike.retain(|t| is_included(selection, t));
    }
    match alike.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        [one, other, ..] => Err(Mismatch {
            message: format!("`{table}` of the source could be `{one}` or `{other}` of the target"),
            hint: "name its counterpart (--rename-table SOURCE=TARGET), or exclude the others (--exclude)".to_owned(),
        }),
    }
}

fn refuse_shared_targets(pairings: &[Pairing]) -> Result<(), Mismatch> {
    for (at, one) in pairings.iter().enumerate() {
        let shared = |p: &&Pairing| one.target.is_some() && p.target == one.target;
        if let Some(other) = pairings.iter().skip(at + 1).find(shared) {
            let name = |p: &Pairing| p.source.as_ref().map(ToString::to_string).unwrap_or_default();
            return Err(Mismatch {
                message: format!(
                    "`{}` and `{}` of the source are both matched with one table of the target",
                    name(one),
                    name(other)
                ),
                hint: "exclude one of them, or name its counterpart (--rename-table SOURCE=TARGET)".to_owned(),
            });
        }
    }
    Ok(())
}

fn ignored_columns(
    selection: &Selection,
    settings: &TableSettings,
    source: Option<&TableRef>,
    target: Option<&TableRef>,
) -> Vec<String> {
    let applies = |pattern: &Pattern| source.into_iter().chain(target).any(|t| pattern.matches(t));
    let general =
        selection.ignore_columns.iter().filter(|i| i.table.as_ref().is_none_or(applies)).map(|i| i.column.clone());
    general.chain(settings.ignore_columns.iter().cloned()).collect()
}

/// A pattern of no characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a table pattern cannot be empty")]
pub struct EmptyPattern;

impl FromStr for Pattern {
    type Err = EmptyPattern;

    fn from_str(text: &str) -> Result<Self, EmptyPattern> {
        if text.is_empty() { Err(EmptyPattern) } else { Ok(Self(text.to_owned())) }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Greedy with one point to go back to: linear in practice, and no pattern can
/// make it exponential.
fn glob(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == '?' || Some(&c) == text.get(t) => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((star_p, star_t)) => {
                    p = star_p + 1;
                    t = star_t + 1;
                    star = Some((star_p, star_t + 1));
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).is_some_and(|rest| rest.iter().all(|&c| c == '*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_with_and_without_schema() {
        let table = TableRef { schema: Some("public".to_owned()), name: "order_lines".to_owned() };
        for pattern in ["order_lines", "public.order_lines", "public.*", "*", "order_*", "*lines", "order?lines", "*.*"]
        {
            assert!(pattern.parse::<Pattern>().unwrap().matches(&table), "{pattern}");
        }
        for pattern in ["orders", "order", "lines", "private.*", "Order_lines", "order_lines?", "*x*"] {
            assert!(!pattern.parse::<Pattern>().unwrap().matches(&table), "{pattern}");
        }
        assert!("".parse::<Pattern>().is_err());
    }

    fn tables(names: &[&str]) -> Vec<TableRef> {
        let table = |name: &&str| match name.split_once('.') {
            Some((schema, name)) => TableRef { schema: Some(schema.to_owned()), name: name.to_owned() },
            None => TableRef { schema: None, name: (*name).to_owned() },
        };
        names.iter().map(table).collect()
    }

    fn pairs(
        source: (Engine, &[&str]),
        target: (Engine, &[&str]),
        selection: &Selection,
    ) -> Result<Vec<String>, Mismatch> {
        let (s, t) = (tables(source.1), tables(target.1));
        let show = |t: &Option<TableRef>| t.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
        let (s, t) = (Listed { engine: source.0, tables: &s }, Listed { engine: target.0, tables: &t });
        let paired = pair_tables(s, t, selection)?;
        Ok(paired.iter().map(|p| format!("{}={}", show(&p.source), show(&p.target))).collect())
    }

    #[test]
    fn schemas_count_between_postgres_databases_only() {
        let all = Selection::default();
        let pg = (Engine::Postgres, ["public.a", "audit.a"].as_slice());
        assert_eq!(pairs(pg, pg, &all).unwrap(), ["audit.a=audit.a", "public.a=public.a"]);
        let my = (Engine::MySql, ["shop.A", "shop.b"].as_slice());
        assert!(pairs(pg, my, &all).unwrap_err().message.contains("both matched"));
        let exclude = Selection { exclude: vec!["audit.*".parse().unwrap()], ..Selection::default() };
        assert_eq!(pairs(pg, my, &exclude).unwrap(), ["-=shop.b", "public.a=shop.A"]);
    }

    #[test]
    fn of_several_counterparts_one_must_be_named() {
        let patterns = |all: &[&str]| all.iter().map(|p| p.parse().unwrap()).collect::<Vec<Pattern>>();
        let my = (Engine::MySql, ["shop.users"].as_slice());
        let pg = (Engine::Postgres, ["audit.users", "public.users"].as_slice());
        let error = pairs(my, pg, &Selection::default()).unwrap_err();
        assert!(error.message.contains("`audit.users` or `public.users`"), "{error:?}");
        let exclude = Selection { exclude: patterns(&["audit.*"]), ..Selection::default() };
        assert_eq!(pairs(my, pg, &exclude).unwrap(), ["shop.users=public.users"]);
        let include = Selection { include: patterns(&["public.*"]), ..Selection::default() };
        assert_eq!(pairs(my, pg, &include).unwrap(), ["shop.users=public.users"]);
        let settings =
            TableSettings { source: "users".to_owned(), target: Some("public.users".to_owned()), ..Default::default() };
        let rename = Selection { tables: vec![settings], ..Selection::default() };
        assert_eq!(pairs(my, pg, &rename).unwrap(), ["-=audit.users", "shop.users=public.users"]);
        // An excluded table is not there: what is missing beside it is missing.
        let pg = (Engine::Postgres, ["audit.users", "public.b"].as_slice());
        assert_eq!(pairs(my, pg, &exclude).unwrap(), ["-=public.b", "shop.users=-"]);
    }

    #[test]
    fn a_schema_that_was_renamed_is_found() {
        let old = (Engine::Postgres, ["public.a", "shop.a"].as_slice());
        let new = (Engine::Postgres, ["public.a", "store.a"].as_slice());
        let schemas = [("shop".to_owned(), "store".to_owned())].into();
        let renamed = Selection { schemas, ..Selection::default() };
        assert_eq!(pairs(old, new, &renamed).unwrap(), ["public.a=public.a", "shop.a=store.a"]);
    }

    #[test]
    fn either_spelling_selects_and_either_excludes() {
        let patterns = |all: &[&str]| all.iter().map(|p| p.parse().unwrap()).collect::<Vec<Pattern>>();
        let source = (Engine::MySql, ["shop.Orders", "shop.b", "shop.Tmp"].as_slice());
        let target = (Engine::Postgres, ["public.orders", "public.b", "public.tmp", "public.c"].as_slice());
        let all = ["-=public.c", "shop.Orders=public.orders", "shop.b=public.b"];
        for name in ["orders", "Orders", "public.orders", "shop.Orders"] {
            let include = Selection { include: patterns(&[name, "b"]), ..Selection::default() };
            assert_eq!(pairs(source, target, &include).unwrap(), all[1..], "{name}");
        }
        let exclude = Selection { exclude: patterns(&["Tmp"]), ..Selection::default() };
        assert_eq!(pairs(source, target, &exclude).unwrap(), all);
        for (include, exclude) in [("orders", "orders"), ("orders", "Orders")] {
            let selection =
                Selection { include: patterns(&[include, "b"]), exclude: patterns(&[exclude]), ..Selection::default() };
            let error = pairs(source, target, &selection).unwrap_err();
            assert!(error.message.contains("selects no table"), "{error:?}");
        }
    }

    #[test]
    fn one_sided_tables_are_kept_unless_excluded() {
        let lite = |names: &'static [&str]| (Engine::Sqlite, names);
        let all = Selection::default();
        assert_eq!(pairs(lite(&["a", "b"]), lite(&["b", "c"]), &all).unwrap(), ["-=c", "a=-", "b=b"]);
        let exclude = Selection { exclude: vec!["b".parse().unwrap()], ..Selection::default() };
        assert_eq!(pairs(lite(&["a", "b"]), lite(&["b", "c"]), &exclude).unwrap(), ["-=c", "a=-"]);
    }

    #[test]
    fn nothing_that_names_a_table_may_name_none() {
        let lite = (Engine::Sqlite, ["a"].as_slice());
        let bad = "nosuch*".parse::<Pattern>().unwrap();
        for selection in [
            Selection { include: vec![bad.clone()], ..Selection::default() },
            Selection { exclude: vec![bad.clone()], ..Selection::default() },
            Selection { exclude: vec!["a".parse().unwrap()], ..Selection::default() },
            Selection {
                tables: vec![TableSettings { source: "nosuch".to_owned(), ..TableSettings::default() }],
                ..Selection::default()
            },
            Selection {
                tables: vec![TableSettings {
                    source: "a".to_owned(),
                    target: Some("nosuch".to_owned()),
                    ..TableSettings::default()
                }],
                ..Selection::default()
            },
        ] {
            assert!(pairs(lite, lite, &selection).is_err(), "{selection:?}");
        }
    }
}
