//! What another task of the same name has left at the target.
//!
//! A load and a stream know each other again by the task's name, which is how a later
//! process goes on. So rows of a task of that name that was begun elsewhere would be
//! taken for our own, and the new task's tables for loaded.

use switchback_engines::{Endpoint, Engine, own, sql};

use super::error::{Error, Result};
use super::request::Request;
use crate::check::End;

const OWN: [&str; 4] = ["loads", "load_ranges", "progress", "dead_letters"];

/// Refuses a new task whose name something at the target knows already.
///
/// # Errors
/// [`Error::Leftovers`], with the statements that remove it.
pub(super) async fn refuse(target: &dyn Endpoint, request: &Request) -> Result<()> {
    let engine = target.info().engine;
    let mut remedy = Vec::new();
    for table in OWN {
        let name = sql::table(engine, &own::table(engine, None, table));
        if !has_rows(target, &there(engine, table, &name)).await? {
            continue;
        }
        // A task's name has no character that means something in a text.
        let mine = format!("stream IN ('{0}', '{0}_back') OR stream LIKE '{0}/%'", request.name);
        if has_rows(target, &format!("SELECT 1 FROM {name} WHERE {mine} LIMIT 1")).await? {
            remedy.push(format!("DELETE FROM {name} WHERE {mine}"));
        }
    }
    if remedy.is_empty() {
        return Ok(());
    }
    Err(Error::Leftovers { name: request.name.to_string(), remedy: remedy.join("; ") })
}

async fn has_rows(target: &dyn Endpoint, question: &str) -> Result<bool> {
    let rows = target.look("looking for what another task has left", question).await;
    Ok(!rows.map_err(|source| Error::Catalog { end: End::Target, source })?.is_empty())
}

/// Whether a table of ours is there.
fn there(engine: Engine, table: &str, quoted: &str) -> String {
    let plain = own::table(engine, None, table).name;
    match engine {
        Engine::Postgres => format!("SELECT 1 WHERE to_regclass('{quoted}') IS NOT NULL"),
        Engine::Sqlite => format!("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = '{plain}'"),
        Engine::MySql | Engine::SqlServer | Engine::MongoDb => format!(
            "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = '{plain}'"
        ),
    }
}
