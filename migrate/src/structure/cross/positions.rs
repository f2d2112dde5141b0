//! Where numbering columns stand, from one engine to another.

use switchback_engines::{Endpoint, Engine, TableRef};

use super::{read, target_table};
use crate::structure::error::{Result, StructureError};
use crate::structure::options::{StructureOptions, same};
use crate::structure::plan::{Check, Kind, Object, Step, StructurePlan};
use crate::structure::spell::{name, table as spelled, text};

pub(in crate::structure) async fn positions(
    source: &dyn Endpoint,
    target: &dyn Endpoint,
    options: &StructureOptions,
) -> Result<Vec<Step>> {
    let (from, to) = (source.info().engine, target.info().engine);
    // The warnings are those of the plan.
    let model = read(source, options, &mut StructurePlan::new(from, to)).await?;
    let mut steps = Vec::new();
    for table in &model.tables {
        let is_out = |c: &str| options.columns_left_out.iter().any(|of| same(&of.table, &table.name) && of.column == c);
        let auto = table.columns.iter().find(|c| c.is_auto && !is_out(&c.column.name));
        let Some(column) = auto else { continue };
        let Some(next) = next(source, &table.name, &column.column.name).await? else { continue };
        let there = target_table(to, &options.rename, &table.name);
        let statements = match to {
            Engine::Postgres => {
                let of = format!("{}, {}", text(to, &spelled(to, &there)), text(to, &column.column.name));
                vec![format!("SELECT setval(pg_get_serial_sequence({of}), {next}, false)")]
            }
            Engine::MySql => vec![format!("ALTER TABLE {} AUTO_INCREMENT = {next}", spelled(to, &there))],
            Engine::Sqlite => {
                let quoted = text(to, &there.name);
                vec![
                    format!("DELETE FROM sqlite_sequence WHERE name = {quoted}"),
                    format!("INSERT INTO sqlite_sequence (name, seq) VALUES ({quoted}, {next} - 1)"),
                ]
            }
            Engine::SqlServer | Engine::MongoDb => return Err(StructureError::NoWay { from, to }),
        };
        let object = Object::new(Kind::Position, there.to_string());
        steps.push(Step { object, statements, check: Check::Repeatable });
    }
    Ok(steps)
}

/// The number that the source would give next; `None` for the first of all.
async fn next(source: &dyn Endpoint, table: &TableRef, column: &str) -> Result<Option<u64>> {
    let engine = source.info().engine;
    let ask = async |question: &str| {
        let rows = source.look("reading where a number stands", question).await.map_err(StructureError::Source)?;
        Ok::<_, StructureError>(rows.into_iter().next().and_then(|row| row.into_iter().next().flatten()))
    };
    let (quoted, own) = (name(engine, column), spelled(engine, table));
    let found = match engine {
        Engine::Postgres => {
            let of = format!("{}, {}", text(engine, &own), text(engine, column));
            let Some(sequence) = ask(&format!("SELECT pg_get_serial_sequence({of})")).await? else { return Ok(None) };
            let step = "(SELECT seqincrement FROM pg_sequence WHERE seqrelid = ";
            ask(&format!(
                "SELECT (last_value + CASE WHEN is_called THEN {step}{}::regclass) ELSE 0 END)::text FROM {sequence}",
                text(engine, &sequence)
            ))
            .await?
        }
        Engine::MySql => ask(&format!(
            "SELECT AUTO_INCREMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = {}",
            text(engine, &table.name)
        ))
        .await?,
        Engine::Sqlite => {
            let kept = !ask("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'")
                .await?
                .unwrap_or_default()
                .is_empty();
            let seq = format!("(SELECT seq FROM sqlite_sequence WHERE name = {})", text(engine, &table.name));
            let seq = if kept { seq } else { "NULL".to_owned() };
            ask(&format!("SELECT max(coalesce({seq}, 0), coalesce((SELECT max({quoted}) FROM {own}), 0)) + 1")).await?
        }
        Engine::SqlServer | Engine::MongoDb => None,
    };
    Ok(found.and_then(|n| n.parse().ok()).filter(|n| *n > 1))
}
