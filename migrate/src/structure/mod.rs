//! The structure of a database, on another.
//!
//! [`plan()`] reads the source and the target and says all that would be created,
//! what would be otherwise than at the source (warnings) and what is in the way
//! (conflicts): before anything is created. [`run()`] creates, part by part, and
//! goes on where it was stopped. [`positions()`] says where sequences stand, each
//! time anew, as they go on until the cutover.
//!
//! Between two servers of one engine the definitions are the engine's own:
//! `pg_dump` for PostgreSQL, SHOW CREATE for MySQL and MariaDB, the schema table of
//! SQLite. Across engines a model of tables is read and written in the other's
//! words by one map of types, [`cross::types`]; views, functions and triggers are not
//! translated and are warned of.
//!
//! Invariants: nothing on the target is ever dropped or replaced; nothing of the
//! source is left out without a warning; whatever has a step is looked for before
//! it is created.
//!
//! - `plan`, `options`, `error`: the values.
//! - `run`: doing it.
//! - `postgres`, `mysql`, `sqlite`: within an engine; `cross`: between them.
//! - `tokens`, `spell`: SQL text.
//! - `look`: what the target has already.

pub mod cross;
mod error;
mod look;
mod mysql;
mod options;
mod plan;
mod postgres;
mod run;
pub(crate) mod spell;
mod sqlite;
mod tokens;

use switchback_engines::{DatabaseUrl, Endpoint, Engine, TableRef};

pub use error::{Result, StructureError};
pub use options::{ColumnRef, Definer, Existing, Rename, StructureOptions};
pub use plan::{Check, Clash, Conflict, Kind, NameUnit, Object, Step, StructurePlan, Warning};
pub(crate) use run::verb;
pub use run::{Part, Ran, run, run_steps};

/// The name that a source's table has on the target: for whoever moves its rows.
/// MySQL's is in the database that is connected to.
#[must_use]
pub fn target_table(from: Engine, to: Engine, rename: &Rename, table: &TableRef) -> TableRef {
    match (from, to) {
        (Engine::Postgres, Engine::Postgres) => rename.table(table),
        _ if from == to => TableRef { schema: None, name: rename.table(table).name },
        _ => cross::target_table(to, rename, table),
    }
}

/// Plans the structure of `source` for `target`. Nothing is created.
///
/// # Errors
/// [`StructureError`]; what the target can't take is a conflict in the plan.
pub async fn plan(
    source: &dyn Endpoint,
    url: &DatabaseUrl,
    target: &dyn Endpoint,
    options: &StructureOptions,
) -> Result<StructurePlan> {
    let (from, to) = (source.info().engine, target.info().engine);
    if let Some(out) = options.columns_left_out.first().filter(|_| from == to) {
        return Err(StructureError::Whole { table: out.table.clone(), column: out.column.clone() });
    }
    let mut plan = match (from, to) {
        (Engine::Postgres, Engine::Postgres) => postgres::plan(source, url, target, options).await?,
        (Engine::MySql, Engine::MySql) => mysql::plan(source, target, options).await?,
        (Engine::Sqlite, Engine::Sqlite) => sqlite::plan(source, options).await?,
        (Engine::Postgres | Engine::MySql | Engine::Sqlite, Engine::Postgres | Engine::MySql | Engine::Sqlite) => {
            cross::plan(source, target, options).await?
        }
        _ => return Err(StructureError::NoWay { from, to }),
    };
    look::conflicts(target, options, &mut plan).await?;
    Ok(plan)
}

/// Steps that set the target's sequences, identities and auto-increments to where
/// the source's stand now. Run them when the rows are loaded, and again at the
/// cutover, when the source stands still.
///
/// # Errors
/// [`StructureError`] when the source can't be read.
pub async fn positions(source: &dyn Endpoint, target: &dyn Endpoint, options: &StructureOptions) -> Result<Vec<Step>> {
    let (from, to) = (source.info().engine, target.info().engine);
    match (from, to) {
        (Engine::Postgres, Engine::Postgres) => postgres::positions(source, options).await,
        (Engine::MySql, Engine::MySql) => mysql::positions(source, target, options).await,
        (Engine::Sqlite, Engine::Sqlite) => sqlite::positions(source, options).await,
        (Engine::Postgres | Engine::MySql | Engine::Sqlite, Engine::Postgres | Engine::MySql | Engine::Sqlite) => {
            cross::positions(source, target, options).await
        }
        _ => Err(StructureError::NoWay { from, to }),
    }
}
