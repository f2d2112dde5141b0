//! Other moves that write to the same database: their rows in the tool's own tables.
//!
//! Two moves into one table would each find the other's rows where it expects its own.
//! Which tables a stream writes to is not written down, only which a load is of.

use std::collections::BTreeSet;

use switchback_engines::{Engine, StreamName, own, sql};

use super::{Asking, CheckError, Grade, Rows, UNKNOWN, named};

const ITEM: &str = "other_tasks";
const WHY: &str = "two moves into one table would each find the other's rows where it expects its own";
const REMEDY: &str = "end the other one, or make sure that it writes to other tables";

pub(super) async fn check(a: &mut Asking<'_, '_>) -> Result<(), CheckError> {
    let loads = "SELECT DISTINCT l.stream, r.table_name FROM {loads} l LEFT JOIN {load_ranges} r ON r.stream = l.stream \
                 WHERE l.state <> 'loaded'";
    // Marks of sessions that apply together have a slash in their names.
    let streams = "SELECT stream, closed FROM {progress}";
    let (loads, streams) = (rows(a, "loads", loads).await?, rows(a, "progress", streams).await?);
    let (Some(loads), Some(streams)) = (loads, streams) else {
        a.add(ITEM, Grade::Warn, UNKNOWN, WHY, REMEDY);
        return Ok(());
    };
    let ours = |name: &str| a.checked.streams.iter().map(StreamName::as_str).any(|own| own == name);
    let of_tables: BTreeSet<String> = a.checked.tables.iter().map(|table| table.name.name.to_lowercase()).collect();
    let (mut same, mut others) = (BTreeSet::new(), BTreeSet::new());
    for row in loads {
        let [Some(stream), table] = row.as_slice() else { continue };
        // As the source calls it, with its schema.
        let name = table.as_deref().and_then(|table| table.rsplit('.').next()).unwrap_or_default().to_lowercase();
        if ours(stream) {
            continue;
        }
        if of_tables.contains(&name) {
            same.insert(format!("the load `{stream}` of `{name}`"));
        } else {
            others.insert(format!("the load `{stream}`"));
        }
    }
    for row in streams {
        let [Some(stream), closed] = row.as_slice() else { continue };
        if !ours(stream) && !stream.contains('/') && closed.as_deref() != Some("1") {
            others.insert(format!("the stream `{stream}`"));
        }
    }
    let grade = match (same.is_empty(), others.is_empty()) {
        (false, _) => Grade::Fail,
        (true, false) => Grade::Warn,
        (true, true) => Grade::Pass,
    };
    let found: Vec<String> = same.into_iter().chain(others).collect();
    a.add(ITEM, grade, named(&found), WHY, REMEDY);
    Ok(())
}

/// No rows where the table is not there; `None` where the account may not look.
async fn rows(a: &Asking<'_, '_>, of: &str, question: &str) -> Result<Option<Rows>, CheckError> {
    let engine = a.checked.endpoint.info().engine;
    let name = |table: &str| sql::table(engine, &own::table(engine, None, table));
    let there = match engine {
        Engine::Postgres => format!("SELECT 1 WHERE to_regclass('{}') IS NOT NULL", name(of)),
        Engine::MySql => format!(
            "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = '{}'",
            own::table(engine, None, of).name
        ),
        Engine::Sqlite => {
            format!(
                "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = '{}'",
                own::table(engine, None, of).name
            )
        }
        Engine::SqlServer | Engine::MongoDb => return Ok(Some(Rows::new())),
    };
    match a.ask_if_may(ITEM, &there).await? {
        None => Ok(None),
        Some(rows) if rows.is_empty() => Ok(Some(rows)),
        Some(_) => {
            let mut question = question.to_owned();
            for table in ["loads", "load_ranges", "progress"] {
                question = question.replace(&format!("{{{table}}}"), &name(table));
            }
            a.ask_if_may(ITEM, &question).await
        }
    }
}
