//! Whether a stream is what it was when it was armed.

use sqlx::{Row as _, SqliteConnection};

use super::shape::{Shape, Unfit, shape};
use super::trigger::Trigger;
use super::{numbers, trigger};
use crate::capture::{CaptureRequest, StreamName};
use crate::engine::Engine;
use crate::error::{CaptureFault, Error, Result};
use crate::sql;
use crate::sqlite::connect::File;
use crate::sqlite::position::Spot;
use crate::sqlite::{fault, objects, pool};
use crate::table::Table;

/// What one moment of the file says of a stream.
pub(super) struct Found {
    pub(super) incarnation: String,
    pub(super) reader: String,
    /// Changes with every change of the schema.
    pub(super) schema_version: i64,
    /// The last row of the log.
    pub(super) last: i64,
}

pub(super) fn faulty(file: &File, fault: CaptureFault, why: impl Into<String>) -> Error {
    Error::Capture { location: file.location.clone(), fault, why: why.into() }
}

pub(super) fn not_armed(file: &File, stream: &StreamName) -> Error {
    faulty(file, CaptureFault::NotArmed, format!("the stream `{stream}` is not armed in this file"))
}

/// One statement, so that all of it is of one moment.
pub(super) fn look(stream: &StreamName) -> String {
    format!(
        "SELECT s.incarnation, s.reader, v.schema_version, (SELECT max(seq) FROM {}), s.format \
         FROM {} AS s, pragma_schema_version AS v",
        sql::name(Engine::Sqlite, &objects::log(stream)),
        sql::name(Engine::Sqlite, &objects::state(stream)),
    )
}

pub(super) async fn found(file: &File, stream: &StreamName, connection: &mut SqliteConnection) -> Result<Found> {
    let row = match pool::prepared(look(stream)).fetch_optional(connection).await {
        Ok(Some(row)) => row,
        Ok(None) => return Err(not_armed(file, stream)),
        Err(error) => {
            let what = format!("looking for the change table of the stream `{stream}`");
            return match fault::querying(&file.location, what, error) {
                Error::Query { fault: crate::QueryFault::Missing, .. } => Err(not_armed(file, stream)),
                other => Err(other),
            };
        }
    };
    let read = || -> Result<_, sqlx::Error> {
        let found = Found {
            incarnation: row.try_get(0)?,
            reader: row.try_get(1)?,
            schema_version: row.try_get(2)?,
            last: row.try_get::<Option<i64>, _>(3)?.unwrap_or(-1),
        };
        Ok((found, row.try_get::<i64, _>(4)?))
    };
    let (found, format) = read().map_err(|e| fault::querying(&file.location, looking(), e))?;
    if format != trigger::FORMAT {
        let why = format!("the stream `{stream}` was armed by a version of this tool that keeps another change table");
        return Err(faulty(file, CaptureFault::NotArmed, why));
    }
    if found.last < 0 {
        let why = "the change table has been emptied by someone else";
        return Err(faulty(file, CaptureFault::LogGone, why));
    }
    Ok(found)
}

fn looking() -> String {
    "looking for what has changed".to_owned()
}

/// The tables of a request as they are now, each just as it was described.
pub(super) async fn shapes(
    file: &File,
    request: &CaptureRequest,
    connection: &mut SqliteConnection,
) -> Result<Vec<Shape>> {
    let mut shapes = Vec::with_capacity(request.tables.len());
    for table in &request.tables {
        let name = &table.name;
        let shape = match shape(connection, &name.name).await {
            Ok(shape) => shape,
            Err(Unfit::Why(why)) => {
                return Err(faulty(file, CaptureFault::Unfaithful, format!("`{name}` {why}")));
            }
            Err(Unfit::Sql(error)) => {
                return Err(fault::querying(&file.location, format!("describing `{name}`"), error));
            }
        };
        let difference = match &shape {
            None => Some("it is not there".to_owned()),
            Some(shape) => difference(table, &shape.table),
        };
        match (shape, difference) {
            (Some(shape), None) => shapes.push(shape),
            (_, difference) => {
                let why = format!("`{name}` is not as it was described: {}", difference.unwrap_or_default());
                return Err(faulty(file, CaptureFault::SchemaChanged, why));
            }
        }
    }
    Ok(shapes)
}

/// The first thing that is not the same, of those that a stream depends on.
fn difference(was: &Table, is: &Table) -> Option<String> {
    if was.name != is.name {
        return Some(format!("its name is `{}`", is.name));
    }
    for column in &was.columns {
        let Some((_, found)) = is.column(&column.name) else {
            return Some(format!("the column `{}` is gone", column.name));
        };
        if found != column {
            return Some(format!("the column `{}` is not declared as it was", column.name));
        }
    }
    if let Some(new) = is.columns.iter().find(|column| was.column(&column.name).is_none()) {
        return Some(format!("the column `{}` is new", new.name));
    }
    if was.columns != is.columns {
        return Some("its columns are in another order".to_owned());
    }
    let keys = |table: &Table| {
        let mut keys: Vec<_> = table.unique_keys.iter().map(|key| key.columns.clone()).collect();
        keys.sort();
        keys
    };
    if was.primary_key.as_ref().map(|key| &key.columns) != is.primary_key.as_ref().map(|key| &key.columns) {
        return Some("its primary key is another".to_owned());
    }
    (keys(was) != keys(is)).then(|| "its unique keys are others".to_owned())
}

/// All that the schema must say for the log to hold every change, and each in
/// its place. In the transaction of the caller.
pub(super) async fn schema(file: &File, request: &CaptureRequest, connection: &mut SqliteConnection) -> Result<()> {
    let stream = &request.stream;
    let shapes = shapes(file, request, connection).await?;
    let numbers = numbers(request);
    let failed = |e| fault::querying(&file.location, "reading the triggers".to_owned(), e);
    let rows = pool::prepared(
        "SELECT name, tbl_name, sql FROM main.sqlite_schema WHERE type = 'trigger' ORDER BY rowid".to_owned(),
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(failed)?;
    let mut triggers = Vec::with_capacity(rows.len());
    for row in &rows {
        let cells = || Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
        let trigger: (String, String, String) = cells().map_err(failed)?;
        triggers.push(trigger);
    }
    let mut expected = vec![(objects::mark(stream), trigger::mark(stream), objects::context())];
    for (shape, number) in shapes.iter().zip(&numbers) {
        for Trigger { name, text, .. } in trigger::triggers(stream, *number, shape) {
            expected.push((name, text, shape.table.name.name.clone()));
        }
    }
    for (name, text, table) in &expected {
        match triggers.iter().position(|(found, ..)| found == name) {
            None => {
                let why = format!("the trigger `{name}` is not there: changes of `{table}` may be missing");
                return Err(faulty(file, CaptureFault::NotArmed, why));
            }
            Some(at) if triggers.get(at).is_none_or(|(_, _, found)| found != text) => {
                let why = format!(
                    "`{table}` is not as it was when the stream was armed: its trigger `{name}` would be another now"
                );
                return Err(faulty(file, CaptureFault::SchemaChanged, why));
            }
            Some(_) => {}
        }
    }
    if let Some((name, ..)) = triggers
        .iter()
        .find(|(name, ..)| objects::is_trigger(stream, name) && !expected.iter().any(|(e, ..)| e == name))
    {
        let why = format!("the stream was armed for other tables: there is a trigger `{name}`");
        return Err(faulty(file, CaptureFault::SchemaChanged, why));
    }
    later_trigger(file, stream, &triggers, &expected)
}

/// SQLite runs the youngest trigger first. Ours has to be before all others of
/// a table: else what those do would be in the log before what made them do it.
fn later_trigger(
    file: &File,
    stream: &StreamName,
    triggers: &[(String, String, String)],
    expected: &[(String, String, String)],
) -> Result<()> {
    for (at, (name, table, _)) in triggers.iter().enumerate() {
        let ours_later = triggers
            .iter()
            .skip(at + 1)
            .any(|(later, on, _)| on.eq_ignore_ascii_case(table) && objects::is_trigger(stream, later));
        let captured = expected.iter().any(|(.., on)| on.eq_ignore_ascii_case(table));
        if captured && !ours_later && !name.starts_with(crate::own::PREFIX) {
            let why = format!("the trigger `{name}` on `{table}` was made after the stream was armed");
            return Err(faulty(file, CaptureFault::SchemaChanged, why));
        }
    }
    Ok(())
}

/// Whether everything behind `from` can be had from this log.
pub(super) async fn serves(
    file: &File,
    stream: &StreamName,
    connection: &mut SqliteConnection,
    from: Spot,
    last: i64,
) -> Result<()> {
    let log = sql::name(Engine::Sqlite, &objects::log(stream));
    let row = pool::prepared(format!("SELECT at FROM {log} WHERE seq = ?1"))
        .bind(from.seq)
        .fetch_optional(connection)
        .await
        .and_then(|row| row.map(|row| row.try_get::<i64, _>(0)).transpose())
        .map_err(|e| fault::querying(&file.location, looking(), e))?;
    match row {
        Some(at) if at == from.at => Ok(()),
        Some(_) => {
            let why = format!(
                "row {} of the change table is another than the one that was read: the file was put back to an older \
                 copy and written to since",
                from.seq
            );
            Err(faulty(file, CaptureFault::OtherIncarnation, why))
        }
        None if from.seq > last => {
            let why = format!(
                "the change table ends at row {last}, and row {} was read already: the file was put back to an older copy",
                from.seq
            );
            Err(faulty(file, CaptureFault::Ahead, why))
        }
        None => {
            let why = format!("the change table does not go back to row {}", from.seq);
            Err(faulty(file, CaptureFault::LogGone, why))
        }
    }
}
