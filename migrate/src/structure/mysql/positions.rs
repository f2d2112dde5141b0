//! Where auto-increments and MariaDB's sequences stand.

use switchback_engines::{Endpoint, Engine, Flavor, TableRef, own};

use super::{name, one};
use crate::structure::error::{Result, StructureError};
use crate::structure::options::StructureOptions;
use crate::structure::plan::{Check, Kind, Object, Step};

const AUTO_INCREMENTS: &str = "SELECT TABLE_NAME, AUTO_INCREMENT FROM information_schema.TABLES \
     WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE <> 'SEQUENCE' AND AUTO_INCREMENT > 1 ORDER BY TABLE_NAME";
const SEQUENCES: &str = "SELECT TABLE_NAME FROM information_schema.TABLES \
     WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'SEQUENCE' ORDER BY TABLE_NAME";

/// A server does not set an auto-increment below the largest value that is there.
pub(in crate::structure) async fn positions(
    source: &dyn Endpoint,
    target: &dyn Endpoint,
    options: &StructureOptions,
) -> Result<Vec<Step>> {
    let what = "reading auto-increments";
    let ask = async |question: &str| source.look(what, question).await.map_err(StructureError::Source);
    let database = one(ask("SELECT DATABASE()").await?);
    let mut steps = Vec::new();
    for row in ask(AUTO_INCREMENTS).await? {
        let [Some(table), Some(next)] = row.as_slice() else { continue };
        let table = TableRef { schema: database.clone(), name: table.clone() };
        if options.is_chosen(&table) && !own::is_own(Engine::MySql, &table) {
            let target = options.rename.table(&table).name;
            let statement = format!("ALTER TABLE {} AUTO_INCREMENT = {next}", name(&target));
            steps.push(Step::new(Object::new(Kind::Position, target), statement, Check::Repeatable));
        }
    }
    if source.info().flavor == Flavor::MariaDb && target.info().flavor == Flavor::MariaDb {
        for row in ask(SEQUENCES).await? {
            let [Some(sequence)] = row.as_slice() else { continue };
            let next = one(ask(&format!("SELECT next_not_cached_value FROM {}", name(sequence))).await?);
            let Some(next) = next else { continue };
            // Not used yet, so that it is the next.
            let statement = format!("SELECT SETVAL({}, {next}, 0)", name(sequence));
            steps.push(Step::new(Object::new(Kind::Position, sequence), statement, Check::Repeatable));
        }
    }
    Ok(steps)
}
