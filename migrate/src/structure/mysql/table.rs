//! Tables, their keys and MariaDB's sequences as steps.

use std::collections::HashSet;

use switchback_engines::Engine;

use super::create::{Create, Item, ItemKind, parse, without_position};
use super::flavor::{self, Kept};
use super::read::{Definition, Read};
use super::{Ends, name};
use crate::structure::error::{Result, StructureError};
use crate::structure::plan::{Check, Kind, Object, Step, StructurePlan};
use crate::structure::tokens::tokens;

pub(super) fn add(ends: &Ends<'_>, read: &Read, plan: &mut StructurePlan) -> Result<()> {
    for (what, object) in &read.hidden {
        let why = match *what {
            "package" | "sequence" => format!("the target knows no {what}, and it is not moved"),
            _ => "the account is not shown its definition, and it is not moved".to_owned(),
        };
        plan.warn(Object::new(Kind::Other, object), why);
    }
    for sequence in &read.sequences {
        let check = ends.there("TABLES", "TABLE_SCHEMA", &[("TABLE_NAME", &sequence.name)]);
        plan.before_load.push(Step::new(
            Object::new(Kind::Sequence, &sequence.name),
            sequence.sql.clone(),
            Check::Query(check),
        ));
    }
    let mut checks = HashSet::new();
    let (mut keys, mut foreign_keys) = (Vec::new(), Vec::new());
    for table in &read.tables {
        let create =
            parse(&table.sql).ok_or_else(|| StructureError::Described { what: format!("`{}`", table.name) })?;
        one(ends, table, create, &mut checks, plan, (&mut keys, &mut foreign_keys));
    }
    plan.after_load.append(&mut keys);
    plan.after_load.append(&mut foreign_keys);
    Ok(())
}

/// One table, with the lists that its keys and foreign keys go to.
fn one(
    ends: &Ends<'_>,
    table: &Definition,
    create: Create,
    checks: &mut HashSet<String>,
    plan: &mut StructurePlan,
    (keys, foreign_keys): (&mut Vec<Step>, &mut Vec<Step>),
) {
    let target = ends.target_name(&table.name);
    let with_table = needed_at_once(&create);
    let options = flavor::options(ends, &target, &without_position(&create.options), plan);
    let mut inside = Vec::new();
    for item in &create.items {
        let Some(mut kept) = flavor::item(ends, &target, item, plan) else { continue };
        let object = |kind| Object::new(kind, format!("{target}.{}", item.name));
        match item.kind {
            ItemKind::UniqueKey | ItemKind::Key if !with_table.contains(&item.name) => {
                let kind = if item.kind == ItemKind::Key { Kind::Index } else { Kind::UniqueKey };
                let there = [("TABLE_NAME", target.as_str()), ("INDEX_NAME", item.name.as_str())];
                let check = Check::Query(ends.there("STATISTICS", "TABLE_SCHEMA", &there));
                keys.push(Step::new(object(kind), format!("ALTER TABLE {} ADD {}", name(&target), kept.sql), check));
            }
            ItemKind::ForeignKey => {
                foreign_keys.extend(foreign_key(ends, &target, item, kept, plan));
            }
            ItemKind::Check => {
                // In MySQL such a name is one of the database, in MariaDB of the table.
                if ends.differ() && !item.name.is_empty() && !checks.insert(item.name.to_lowercase()) {
                    plan.warn(object(Kind::Check), "another table's check has this name, so the target chooses one");
                    kept.sql = unnamed(&kept.sql);
                }
                inside.push(kept.sql);
            }
            ItemKind::Column | ItemKind::PrimaryKey | ItemKind::UniqueKey | ItemKind::Key | ItemKind::Period => {
                inside.push(kept.sql);
            }
        }
    }
    let statement = format!("CREATE TABLE {} (\n  {}\n) {options}", name(&target), inside.join(",\n  "));
    let check = Check::Query(ends.there("TABLES", "TABLE_SCHEMA", &[("TABLE_NAME", &target)]));
    plan.before_load.push(Step::new(Object::new(Kind::Table, target), statement, check));
}

/// The keys that come with the table, see [`super`].
fn needed_at_once(create: &Create) -> HashSet<String> {
    let has_primary = create.of(ItemKind::PrimaryKey).next().is_some();
    let auto_increment = create.auto_increment();
    let starts_with = |item: &&Item| auto_increment.is_some() && item.first.as_deref() == auto_increment;
    let mut names: HashSet<String> = HashSet::new();
    if !has_primary {
        names.extend(create.of(ItemKind::UniqueKey).map(|item| item.name.clone()));
    }
    if !create.of(ItemKind::PrimaryKey).any(|item| starts_with(&item)) {
        names.extend(
            create.of(ItemKind::UniqueKey).chain(create.of(ItemKind::Key)).filter(starts_with).map(|i| i.name.clone()),
        );
    }
    names
}

/// `None`, with a warning, where the parent is not moved.
fn foreign_key(ends: &Ends<'_>, target: &str, item: &Item, kept: Kept, plan: &mut StructurePlan) -> Option<Step> {
    let object = Object::new(Kind::ForeignKey, format!("{target}.{}", item.name));
    let parent = item.first.clone().unwrap_or_default();
    if !ends.is_chosen(&parent) {
        plan.warn(object, format!("it needs `{parent}`, which is not moved, and stays behind"));
        return None;
    }
    let renamed = ends.target_name(&parent);
    let sql = if renamed == parent { kept.sql } else { references(&kept.sql, &parent, &renamed) };
    let there = [("TABLE_NAME", target), ("CONSTRAINT_NAME", item.name.as_str())];
    let check = Check::Query(ends.there("TABLE_CONSTRAINTS", "CONSTRAINT_SCHEMA", &there));
    Some(Step::new(object, format!("ALTER TABLE {} ADD {sql}", name(target)), check))
}

fn references(sql: &str, parent: &str, renamed: &str) -> String {
    let mut behind = false;
    tokens(Engine::MySql, sql)
        .into_iter()
        .map(|token| {
            behind |= token.is_word("REFERENCES");
            if behind && token.name().as_deref() == Some(parent) {
                behind = false;
                name(renamed)
            } else {
                token.text().to_owned()
            }
        })
        .collect()
}

/// Without the name of a constraint.
fn unnamed(sql: &str) -> String {
    let all = tokens(Engine::MySql, sql);
    let at = all.iter().position(|t| t.is_word("CHECK")).unwrap_or(0);
    all[at..].iter().map(|t| t.to_text()).collect()
}
