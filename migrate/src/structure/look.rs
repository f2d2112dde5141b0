//! What the target has already.

use std::collections::HashSet;

use switchback_engines::{Endpoint, Engine};

use super::cross::names;
use super::error::{Result, StructureError};
use super::options::{Existing, Rename, StructureOptions};
use super::plan::{Check, Clash, Kind, Object, StructurePlan};

/// SQLite takes 500 SELECTs in one statement at most.
pub(super) const ASKED_AT_ONCE: usize = 100;

/// Looks for all that the plan creates.
///
/// Schemas, extensions and roles may be there: they hold, or serve, what others
/// have made as well, and are left as they are.
pub(super) async fn conflicts(
    target: &dyn Endpoint,
    options: &StructureOptions,
    plan: &mut StructurePlan,
) -> Result<()> {
    let mut seen = HashSet::new();
    let mut asked = Vec::new();
    for step in plan.steps() {
        let Check::Query(question) = &step.check else { continue };
        let is_shared = matches!(step.object.kind, Kind::Schema | Kind::Extension | Kind::Role);
        if !is_shared && seen.insert(question) {
            asked.push((&step.object, question.as_str()));
        }
    }
    let mut found = Vec::new();
    for some in asked.chunks(ASKED_AT_ONCE) {
        found.extend(there(target, some).await?);
    }
    for object in found {
        match options.existing {
            Existing::Refuse => plan.clash(object, Clash::Exists),
            Existing::Keep => plan.warn(object, "the target has something of this name, which is left as it is"),
        }
    }
    too_long(&options.rename, plan);
    if plan.source == plan.target {
        same_names(plan);
    }
    Ok(())
}

/// What was asked for may be longer than the server's names. PostgreSQL cuts such a
/// name short and says so to nobody; what has a name at a source of the same engine
/// fits, and between engines the names of tables are looked at when they are mapped.
fn too_long(rename: &Rename, plan: &mut StructurePlan) {
    let engine = plan.target;
    let schemas = rename.schemas.values().filter(|_| engine == Engine::Postgres);
    let schemas = schemas.map(|name| (Object::new(Kind::Schema, name), name.as_str()));
    let tables = rename.tables.iter().filter(|_| plan.source == engine);
    let tables = tables.map(|(_, to)| (Object::new(Kind::Table, to.to_string()), to.name.as_str()));
    let clashes: Vec<(Object, Clash)> =
        schemas.chain(tables).filter_map(|(object, name)| Some((object, names::too_long(engine, name)?))).collect();
    for (object, clash) in clashes {
        plan.clash(object, clash);
    }
}

/// Which of some objects are there.
async fn there(target: &dyn Endpoint, some: &[(&Object, &str)]) -> Result<Vec<Object>> {
    let asked: Vec<(usize, &str)> = some.iter().enumerate().map(|(i, (_, question))| (i, *question)).collect();
    let question = together(target.info().engine, &asked);
    let rows = target.look("looking for what is there", &question).await.map_err(StructureError::Target)?;
    let found = rows.into_iter().map(|row| some.get(place(row)?).map(|(object, _)| (*object).clone()));
    found.collect::<Option<_>>().ok_or_else(not_understood)
}

/// One question for several: its rows are the numbers of those that have a row.
pub(super) fn together(engine: Engine, asked: &[(usize, &str)]) -> String {
    // The two servers take no condition without a table.
    let from = if engine == Engine::MySql { " FROM DUAL" } else { "" };
    let one = |(number, question): &(usize, &str)| format!("SELECT {number} AS n{from} WHERE EXISTS ({question})");
    asked.iter().map(one).collect::<Vec<_>>().join(" UNION ALL ")
}

pub(super) fn place(row: Vec<Option<String>>) -> Option<usize> {
    row.into_iter().next().flatten()?.parse().ok()
}

pub(super) fn not_understood() -> StructureError {
    StructureError::Described { what: "what is there".to_owned() }
}

/// Two objects of one kind and name can come of renaming. Between engines names are
/// looked at when they are mapped.
fn same_names(plan: &mut StructurePlan) {
    let named = |kind: Kind| matches!(kind, Kind::Table | Kind::View | Kind::MaterializedView | Kind::Sequence);
    let mut seen: HashSet<(&str, &Check)> = HashSet::new();
    let mut twice: Vec<Object> = Vec::new();
    for step in plan.steps().filter(|s| named(s.object.kind) && matches!(s.check, Check::Query(_))) {
        let refresh = step.statements.first().is_some_and(|s| s.starts_with("REFRESH "));
        if !refresh && !seen.insert((step.object.name.as_str(), &step.check)) {
            twice.push(step.object.clone());
        }
    }
    for object in twice {
        let other = object.name.clone();
        plan.clash(object, Clash::SameName { other });
    }
}
