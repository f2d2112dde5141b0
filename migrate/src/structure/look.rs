//! What the target has already.

use std::collections::HashSet;

use switchback_engines::{Endpoint, Engine};

use super::cross::names;
use super::error::{Result, StructureError};
use super::options::{Existing, Rename, StructureOptions};
use super::plan::{Check, Clash, Kind, Object, StructurePlan};

/// Looks for all that the plan creates.
///
/// Schemas, extensions and roles may be there: they hold, or serve, what others
/// have made as well, and are left as they are.
pub(super) async fn conflicts(
    target: &dyn Endpoint,
    options: &StructureOptions,
    plan: &mut StructurePlan,
) -> Result<()> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    for step in plan.steps() {
        let Check::Query(question) = &step.check else { continue };
        if matches!(step.object.kind, Kind::Schema | Kind::Extension | Kind::Role) || !seen.insert(question) {
            continue;
        }
        let rows = target.look("looking for what is there", question).await.map_err(StructureError::Target)?;
        if !rows.is_empty() {
            found.push(step.object.clone());
        }
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
