//! Making what a stream needs in the file, and taking it away.

use sqlx::{Row as _, SqliteConnection};

use super::check::{self, faulty};
use super::shape::Shape;
use super::trigger::Trigger;
use super::{numbers, trigger};
use crate::capture::{Armed, CaptureRequest, StreamName};
use crate::engine::Engine;
use crate::error::{CaptureFault, Result};
use crate::sql;
use crate::sqlite::connect::{self, Encoding, End, File};
use crate::sqlite::position::Spot;
use crate::sqlite::{fault, objects, pool};

/// SQLite has no table, and no result, of more columns (`SQLITE_MAX_COLUMN`).
const COLUMNS_MAX: usize = 2000;

/// Those of the log that are not cells.
const COLUMNS_BESIDE: usize = 4;

pub(in crate::sqlite) async fn arm(file: &File, request: &CaptureRequest) -> Result<Armed> {
    let stream = &request.stream;
    // What fails or is dropped half-way is undone with its connection.
    let mut member = connect::open_end(file, End::Writes, file.lock_wait).await?;
    let connection = &mut member.connection;
    run(file, connection, "BEGIN IMMEDIATE").await?;
    if names(file, connection).await?.iter().any(|name| is_of(stream, name)) {
        let why = format!("there is a stream `{stream}` in this file already");
        return Err(faulty(file, CaptureFault::OtherIncarnation, why));
    }
    let shapes = check::shapes(file, request, connection).await?;
    let width = fitting_width(file, &shapes)?;
    for shape in &shapes {
        compile(file, connection, shape, "its own triggers or constraints").await?;
    }

    let mut done = vec![format!(
        "created the tables `{}`, `{}` and `{}`",
        objects::log(stream),
        objects::state(stream),
        objects::replaced(stream)
    )];
    for statement in trigger::tables(stream, width) {
        run(file, connection, &statement).await?;
    }
    if !names(file, connection).await?.contains(&objects::context()) {
        run(file, connection, &trigger::context()).await?;
        done.push(format!("created the table `{}`, by which the tool's own writes are known", objects::context()));
    }
    run(file, connection, &trigger::mark(stream)).await?;
    for (shape, number) in shapes.iter().zip(numbers(request)) {
        let name = &shape.table.name;
        let (before, after): (Vec<Trigger>, _) =
            trigger::triggers(stream, number, shape).into_iter().partition(|trigger| trigger.before);
        for trigger in &before {
            run(file, connection, &trigger.text).await?;
        }
        let others = again(file, connection, &name.name).await?;
        for trigger in &after {
            run(file, connection, &trigger.text).await?;
        }
        compile(file, connection, shape, "the triggers of the stream").await?;
        done.push(format!("created {} triggers on `{name}`", before.len() + after.len()));
        if !others.is_empty() {
            let others = others.join("`, `");
            done.push(format!("created the triggers `{others}` on `{name}` again, as they were, for the order of all"));
        }
    }
    let found = check::found(file, stream, connection).await?;
    let spot = end(file, stream, connection).await?;
    run(file, connection, "COMMIT").await?;
    Ok(Armed { position: spot.position(), incarnation: found.incarnation, done })
}

pub(in crate::sqlite) async fn disarm(file: &File, request: &CaptureRequest) -> Result<Vec<String>> {
    let stream = &request.stream;
    let mut member = connect::open_end(file, End::Writes, file.lock_wait).await?;
    let connection = &mut member.connection;
    run(file, connection, "BEGIN IMMEDIATE").await?;
    let names = names(file, connection).await?;
    let mut done = Vec::new();
    let triggers: Vec<&String> = names.iter().filter(|name| objects::is_trigger(stream, name)).collect();
    for name in &triggers {
        run(file, connection, &format!("DROP TRIGGER {}", sql::name(Engine::Sqlite, name))).await?;
    }
    if !triggers.is_empty() {
        done.push(format!("removed {} triggers", triggers.len()));
    }
    let mut tables = vec![objects::log(stream), objects::state(stream), objects::replaced(stream)];
    if !names.iter().any(|name| name.starts_with(objects::LOG) && *name != objects::log(stream)) {
        tables.push(objects::context());
    }
    for name in tables.iter().filter(|name| names.contains(name)) {
        run(file, connection, &format!("DROP TABLE {}", sql::name(Engine::Sqlite, name))).await?;
        done.push(format!("removed the table `{name}`"));
    }
    run(file, connection, "COMMIT").await?;
    Ok(done)
}

/// Creates the application's own triggers on a table once more, in their order.
///
/// SQLite runs the youngest trigger first. What ours put down before a change has
/// to be put down after the application's triggers have had their say, and what
/// they log has to be logged before those have theirs.
async fn again(file: &File, connection: &mut SqliteConnection, table: &str) -> Result<Vec<String>> {
    let query = "SELECT name, sql FROM main.sqlite_schema WHERE type = 'trigger' AND tbl_name = ?1 COLLATE NOCASE \
                 AND substr(name, 1, length(?2)) <> ?2 ORDER BY rowid";
    let rows = pool::prepared(query.to_owned())
        .bind(table.to_owned())
        .bind(crate::own::PREFIX)
        .fetch_all(&mut *connection)
        .await;
    let triggers: Vec<(String, String)> = rows
        .and_then(|rows| rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect())
        .map_err(|e| fault::querying(&file.location, "reading the triggers".to_owned(), e))?;
    for (name, _) in &triggers {
        run(file, connection, &format!("DROP TRIGGER {}", sql::name(Engine::Sqlite, name))).await?;
    }
    for (_, text) in &triggers {
        run(file, connection, text).await?;
    }
    Ok(triggers.into_iter().map(|(name, _)| name).collect())
}

/// The last row of the log.
pub(in crate::sqlite) async fn end(
    file: &File,
    stream: &StreamName,
    connection: &mut SqliteConnection,
) -> Result<Spot> {
    let log = sql::name(Engine::Sqlite, &objects::log(stream));
    let row = pool::once(format!("SELECT seq, at FROM {log} ORDER BY seq DESC LIMIT 1")).fetch_one(connection).await;
    row.and_then(|row| Ok(Spot { seq: row.try_get(0)?, at: row.try_get(1)? }))
        .map_err(|e| fault::querying(&file.location, "reading the change table".to_owned(), e))
}

/// Of tables and triggers.
async fn names(file: &File, connection: &mut SqliteConnection) -> Result<Vec<String>> {
    let query = "SELECT name FROM main.sqlite_schema WHERE type IN ('table', 'trigger')";
    let rows = pool::once(query.to_owned()).fetch_all(connection).await;
    rows.and_then(|rows| rows.iter().map(|row| row.try_get(0)).collect())
        .map_err(|e| fault::querying(&file.location, "listing tables and triggers".to_owned(), e))
}

fn is_of(stream: &StreamName, name: &str) -> bool {
    let tables = [objects::log(stream), objects::state(stream), objects::replaced(stream)];
    objects::is_trigger(stream, name) || tables.iter().any(|table| table == name)
}

/// The cells of the log: as many as the widest table has columns.
fn fitting_width(file: &File, shapes: &[Shape]) -> Result<usize> {
    let beside_text = match file.encoding {
        Encoding::Utf8 => 1,
        // Each is read with a mark beside it; see `read`.
        Encoding::Utf16Le | Encoding::Utf16Be => 2,
    };
    let width_max = (COLUMNS_MAX - COLUMNS_BESIDE) / 2 / beside_text;
    match shapes.iter().find(|shape| shape.columns.len() > width_max) {
        Some(shape) => {
            let why = format!(
                "`{}` has more than the {width_max} columns that a change table has room for",
                shape.table.name
            );
            Err(faulty(file, CaptureFault::Unfaithful, why))
        }
        None => Ok(shapes.iter().map(|shape| shape.columns.len()).max().unwrap_or(0)),
    }
}

/// Has SQLite compile every change of a table with all triggers, without running
/// it. A trigger that does not compile would stop the application.
async fn compile(file: &File, connection: &mut SqliteConnection, shape: &Shape, what: &str) -> Result<()> {
    let table = sql::table(Engine::Sqlite, &shape.table.name);
    let columns: Vec<String> = shape
        .columns
        .iter()
        .filter_map(|&column| shape.table.columns.get(column))
        .map(|column| sql::name(Engine::Sqlite, &column.name))
        .map(|name| format!("{name} = {name}"))
        .collect();
    let changes = [
        format!("EXPLAIN INSERT INTO {table} DEFAULT VALUES"),
        format!("EXPLAIN UPDATE {table} SET {}", columns.join(", ")),
        format!("EXPLAIN DELETE FROM {table}"),
    ];
    for change in changes {
        if let Err(error) = pool::once(change).fetch_all(&mut *connection).await {
            let why = match &error {
                sqlx::Error::Database(error) => error.message().to_owned(),
                _ => return Err(fault::querying(&file.location, "compiling triggers".to_owned(), error)),
            };
            let why = format!("{what} do not compile here for `{}`: {why}", shape.table.name);
            return Err(faulty(file, CaptureFault::Unfaithful, why));
        }
    }
    Ok(())
}

async fn run(file: &File, connection: &mut SqliteConnection, statement: &str) -> Result<()> {
    let what = || format!("`{}`", statement.split_whitespace().take(3).collect::<Vec<_>>().join(" "));
    let done = pool::once(statement.to_owned()).execute(connection).await;
    done.map(drop).map_err(|e| fault::querying(&file.location, what(), e))
}
