//! Structures between engines: tables, in a model that no engine's words are in.
//!
//! - `model`: what a table is; `read_postgres`, `read_mysql`, `read_sqlite`: how it
//!   is read, beside what [`switchback_engines::Database::describe`] tells.
//! - [`types`]: the map of types. `docs/type-map.md` is made from it.
//! - `default`: defaults, from one engine's words to another's.
//! - `left_out`: columns that the target does without. `names`: limits and collisions.
//! - `create`: the model in the target's words, as steps.
//! - `positions`: where numbering columns stand.
//!
//! What is not translated is warned of, object by object: views, functions,
//! triggers, checks, rules; keys over expressions or over a part of the rows; defaults
//! that are expressions. A generated column is left out: whoever moves rows moves none
//! of its values.
//!
//! Text is compared byte by byte on the target: by the types of PostgreSQL and
//! SQLite, and in MySQL by a binary collation that does not pad. So no two values
//! that a key of the source tells apart are one on the target.

mod create;
mod default;
mod left_out;
mod model;
pub(super) mod names;
mod positions;
mod read_mysql;
mod read_postgres;
mod read_sqlite;
pub mod types;

use switchback_engines::{Endpoint, Engine, Flavor, TableRef};

use super::error::{Result, StructureError};
use super::options::{Rename, StructureOptions};
use super::plan::StructurePlan;
use model::Model;

pub(super) use positions::positions;

/// A server as far as its words go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    pub engine: Engine,
    pub flavor: Flavor,
}

impl Dialect {
    pub(super) fn of(end: &dyn Endpoint) -> Self {
        Self { engine: end.info().engine, flavor: end.info().flavor }
    }
}

/// The name of a source's table on a target of another engine: in PostgreSQL in the
/// schema that its database is renamed to, or else in `public`; elsewhere without one.
#[must_use]
pub fn target_table(target: Engine, rename: &Rename, table: &TableRef) -> TableRef {
    let named = rename
        .tables
        .iter()
        .find(|(from, _)| from.name == table.name && (from.schema.is_none() || from.schema == table.schema));
    let schema = || {
        let asked = named.and_then(|(_, to)| to.schema.clone());
        let renamed = || table.schema.as_ref().and_then(|s| rename.schemas.get(s)).cloned();
        asked.or_else(renamed).unwrap_or_else(|| "public".to_owned())
    };
    TableRef {
        schema: (target == Engine::Postgres).then(schema),
        name: named.map_or_else(|| table.name.clone(), |(_, to)| to.name.clone()),
    }
}

pub(super) async fn plan(
    source: &dyn Endpoint,
    target: &dyn Endpoint,
    options: &StructureOptions,
) -> Result<StructurePlan> {
    let (from, to) = (Dialect::of(source), Dialect::of(target));
    let mut plan = StructurePlan::new(from.engine, to.engine);
    let mut model = read(source, options, &mut plan).await?;
    left_out::take_out(&mut model, options, &mut plan)?;
    names::fit(to.engine, &mut model, options, &mut plan);
    create::add(from, to, &model, options, &mut plan);
    Ok(plan)
}

/// The chosen tables of the source.
async fn read(source: &dyn Endpoint, options: &StructureOptions, plan: &mut StructurePlan) -> Result<Model> {
    let mut model = Model::default();
    for name in source.tables().await.map_err(StructureError::Source)? {
        if !options.is_chosen(&name) {
            continue;
        }
        if let Some(table) = source.describe(&name).await.map_err(StructureError::Source)? {
            model.tables.push(model::TableModel::of(source.info().engine, table));
        }
    }
    match source.info().engine {
        Engine::Postgres => read_postgres::complete(source, &mut model, plan).await?,
        Engine::MySql => read_mysql::complete(source, &mut model, plan).await?,
        Engine::Sqlite => read_sqlite::complete(source, &mut model, plan).await?,
        engine @ (Engine::SqlServer | Engine::MongoDb) => {
            return Err(StructureError::NoWay { from: engine, to: engine });
        }
    }
    Ok(model)
}
