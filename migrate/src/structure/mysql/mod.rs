//! MySQL and MariaDB, to each other and to themselves, by SHOW CREATE.
//!
//! Every server writes its own definitions in words that it takes back, so what is
//! decided here is little: what comes before and after the load, whose rights a
//! view has, and, where the other end is another server, the words that it lacks.
//!
//! - `read`: the definitions.
//! - `create`: a CREATE TABLE, cut into its columns, keys and the rest.
//! - `flavor`: what the other server says otherwise; `collation`: which it lacks.
//! - `table`, `program`: definitions as steps.
//! - `positions`: where auto-increments and sequences stand.
//!
//! What is decided for all of them:
//!
//! - The primary key is the table in InnoDB, so it comes with it. So does what an
//!   AUTO_INCREMENT column needs, the unique keys of a table that has no primary
//!   key (they are how its rows are found, and often what it is stored by), and
//!   checks: to add one later copies the whole table.
//! - Other keys come after the load, foreign keys after them. The session does not
//!   check the rows for those: see [`super::run()`].
//! - Triggers and events come at the cutover. No session can be kept from firing a
//!   trigger, and the applier's rows are those that the source's have written.

mod collation;
mod create;
mod flavor;
mod positions;
mod program;
mod read;
mod table;

use switchback_engines::{Endpoint, Engine, Flavor, TableRef};

use super::error::{Result, StructureError};
use super::options::StructureOptions;
use super::plan::StructurePlan;
use super::spell;

pub(super) use positions::positions;

/// What has to be known of both ends.
pub(super) struct Ends<'a> {
    pub(super) options: &'a StructureOptions,
    /// The source's database by its name in the catalog.
    pub(super) database: String,
    pub(super) from: Flavor,
    pub(super) to: Flavor,
    /// Those that the target has.
    pub(super) collations: collation::Collations,
    /// Whether the target tells names of tables apart by case.
    pub(super) by_case: bool,
}

impl Ends<'_> {
    fn source(&self, name: &str) -> TableRef {
        TableRef { schema: Some(self.database.clone()), name: name.to_owned() }
    }

    /// The table's name on the target, whose database is the one connected to.
    fn target_name(&self, name: &str) -> String {
        self.options.rename.table(&self.source(name)).name
    }

    fn is_chosen(&self, name: &str) -> bool {
        self.options.is_chosen(&self.source(name))
    }

    /// Whether the other end is another server.
    fn differ(&self) -> bool {
        self.from != self.to
    }

    /// A question for a row of the target's catalog.
    fn there(&self, view: &str, schema: &str, conditions: &[(&str, &str)]) -> String {
        let collation = if self.by_case { "utf8mb4_bin" } else { "utf8mb4_general_ci" };
        let conditions: Vec<String> = conditions
            .iter()
            .map(|(column, value)| {
                format!("CONVERT({column} USING utf8mb4) COLLATE {collation} = {}", spell::text(Engine::MySql, value))
            })
            .collect();
        format!("SELECT 1 FROM information_schema.{view} WHERE {schema} = DATABASE() AND {}", conditions.join(" AND "))
    }
}

pub(super) async fn plan(
    source: &dyn Endpoint,
    target: &dyn Endpoint,
    options: &StructureOptions,
) -> Result<StructurePlan> {
    let mut plan = StructurePlan::new(Engine::MySql, Engine::MySql);
    let ends = Ends {
        options,
        database: one(source
            .look("asking for the database", "SELECT DATABASE()")
            .await
            .map_err(StructureError::Source)?)
        .unwrap_or_default(),
        from: source.info().flavor,
        to: target.info().flavor,
        collations: collation::Collations::of(target).await?,
        by_case: one(target
            .look("asking how names compare", "SELECT @@lower_case_table_names")
            .await
            .map_err(StructureError::Target)?)
        .as_deref()
            == Some("0"),
    };
    let read = read::read(source, &ends).await?;
    table::add(&ends, &read, &mut plan)?;
    program::add(&ends, &read, &mut plan)?;
    Ok(plan)
}

fn one(rows: Vec<switchback_engines::TextRow>) -> Option<String> {
    rows.into_iter().next()?.into_iter().next()?
}

fn name(value: &str) -> String {
    spell::name(Engine::MySql, value)
}
