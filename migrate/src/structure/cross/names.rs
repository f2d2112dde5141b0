//! Names on a target of another engine: how long they may be, and which are one.

use std::collections::HashMap;

use switchback_engines::Engine;

use super::model::Model;
use super::target_table;
use crate::structure::options::StructureOptions;
use crate::structure::plan::{Clash, Kind, NameUnit, Object, StructurePlan};

/// The longest name; `None` where there is no limit.
fn limit(engine: Engine) -> Option<(usize, NameUnit)> {
    match engine {
        Engine::Postgres => Some((63, NameUnit::Bytes)),
        Engine::MySql => Some((64, NameUnit::Characters)),
        Engine::SqlServer => Some((128, NameUnit::Characters)),
        Engine::Sqlite | Engine::MongoDb => None,
    }
}

pub(in crate::structure) fn too_long(engine: Engine, name: &str) -> Option<Clash> {
    let (max, unit) = limit(engine)?;
    let length = match unit {
        NameUnit::Bytes => name.len(),
        NameUnit::Characters => name.chars().count(),
    };
    (length > max).then_some(Clash::NameTooLong { max, unit })
}

/// Reports names of tables and columns that the target can't have, and gives every
/// index and foreign key one that it can: nobody calls those by name.
pub(super) fn fit(engine: Engine, model: &mut Model, options: &StructureOptions, plan: &mut StructurePlan) {
    // PostgreSQL tells names apart by case; so does MySQL on most systems, for tables.
    let folded = |name: &str| if engine == Engine::Postgres { name.to_owned() } else { name.to_lowercase() };
    let mut tables: HashMap<String, String> = HashMap::new();
    for table in &model.tables {
        let target = target_table(engine, &options.rename, &table.name);
        let object = Object::new(Kind::Table, table.shown.clone());
        if let Some(clash) = too_long(engine, &target.name) {
            plan.clash(object.clone(), clash);
        }
        if let Some(other) = tables.insert(folded(&target.to_string()), table.shown.clone()) {
            plan.clash(object, Clash::SameName { other });
        }
        let mut columns: HashMap<String, &str> = HashMap::new();
        for column in table.columns.iter().map(|c| c.column.name.as_str()) {
            let object = Object::new(Kind::Column, format!("{}.{column}", table.shown));
            if let Some(clash) = too_long(engine, column) {
                plan.clash(object.clone(), clash);
            }
            if let Some(other) = columns.insert(folded(column), column) {
                plan.clash(object, Clash::SameName { other: other.to_owned() });
            }
        }
    }
    let mut taken: Vec<String> = tables.into_values().map(|name| name.to_lowercase()).collect();
    taken.extend(model.tables.iter().map(|t| t.name.name.to_lowercase()));
    for table in &mut model.tables {
        for index in &mut table.indexes {
            index.name = free(engine, &index.name, &table.name.name, &mut taken);
        }
        for key in &mut table.foreign_keys {
            key.name = free(engine, &key.name, &table.name.name, &mut taken);
        }
    }
}

/// A name that is short enough and nobody's yet: where an index is one of its table
/// at the source, it may be one of the whole database here.
fn free(engine: Engine, name: &str, table: &str, taken: &mut Vec<String>) -> String {
    let candidates = [name.to_owned(), format!("{table}_{name}")].into_iter();
    let numbered = (1..).map(|n| format!("{}_{n}", name.chars().take(14).collect::<String>()));
    let fits = |name: &String| too_long(engine, name).is_none() && !taken.contains(&name.to_lowercase());
    let found = candidates.chain(numbered).find(fits).unwrap_or_default();
    taken.push(found.to_lowercase());
    found
}
