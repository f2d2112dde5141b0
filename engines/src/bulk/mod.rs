//! Many rows into a sink at once: the contract, and the form in which they go.
//!
//! Within a transaction that statements have begun, so that what is loaded and
//! what is written down about it are one.
//!
//! Text and not binary for values that come from elsewhere: it is the text of a
//! literal of the value, so that both ways into a column mean the same value, and
//! the server checks it against the column as it checks a literal.
//!
//! - [`copy`]: PostgreSQL's `COPY`.
//! - [`file`](mod@file): MySQL's `LOAD DATA LOCAL`.

mod copy;
mod file;
#[cfg(feature = "driver")]
mod session;

pub use copy::copy_statement;
pub use file::file_statement;
#[cfg(feature = "driver")]
pub use session::{Bulk, Feed, Loader};

use crate::engine::{Engine, Flavor};
use crate::sql;
use crate::table::{Column, Element, Logical, Notation, Table};
use crate::value::Value;

/// Whether a sink's bulk form has a text for the values of these columns.
#[must_use]
pub fn takes_text<'c>(sink: Engine, columns: impl IntoIterator<Item = &'c Column>) -> bool {
    let mut columns = columns.into_iter();
    match sink {
        // An amount's text means another on a server with another currency.
        Engine::Postgres => columns.all(|column| !sql::postgres_base(column).starts_with("money")),
        Engine::MySql => columns.all(|column| sql::MySqlCell::of(column) != sql::MySqlCell::Neither),
        Engine::Sqlite | Engine::SqlServer | Engine::MongoDb => false,
    }
}

/// The statement that reads what [`text_row`] writes; `None` for a sink that has none.
#[must_use]
pub fn text_statement(sink: Engine, table: &Table, columns: &[usize]) -> Option<String> {
    match sink {
        Engine::Postgres => Some(copy_statement(table, columns, false)),
        Engine::MySql => Some(file_statement(table, columns)),
        Engine::Sqlite | Engine::SqlServer | Engine::MongoDb => None,
    }
}

/// Appends a row in the text that a sink's bulk form reads. `false`, and nothing is
/// appended, where only a statement can say a value.
#[must_use]
pub fn text_row<'v>(
    sink: Engine,
    cells: impl IntoIterator<Item = (&'v Column, &'v Value<'static>)>,
    out: &mut Vec<u8>,
) -> bool {
    match sink {
        Engine::Postgres => line(cells, sql::postgres_copied, out),
        Engine::MySql => line(cells, sql::mysql_loaded, out),
        Engine::Sqlite | Engine::SqlServer | Engine::MongoDb => false,
    }
}

/// Cells apart by tabs, with backslashes before what would end one.
fn line<'v>(
    cells: impl IntoIterator<Item = (&'v Column, &'v Value<'static>)>,
    spell: impl Fn(&Column, &Value<'_>) -> Option<String>,
    out: &mut Vec<u8>,
) -> bool {
    let start = out.len();
    for (i, (column, value)) in cells.into_iter().enumerate() {
        if i > 0 {
            out.push(b'\t');
        }
        if value.is_null() {
            out.extend_from_slice(b"\\N");
            continue;
        }
        let Some(text) = spell(column, value) else {
            out.truncate(start);
            return false;
        };
        escape(&text, out);
    }
    out.push(b'\n');
    true
}

fn escape(text: &str, out: &mut Vec<u8>) {
    for &byte in text.as_bytes() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            other => out.push(other),
        }
    }
}

/// Whether rows of these columns can go from one server of an engine to another
/// as the bytes that the first one wrote ([`crate::snapshot::Form::AsStored`]).
///
/// Only where both columns are of one type with one modifier, as a server that is
/// given a value in binary fits it to its own column without a word; and not
/// where the bytes name something by a number that only their database knows.
#[must_use]
pub fn passes<'c>(
    origin: (Engine, Flavor),
    sink: (Engine, Flavor),
    columns: impl IntoIterator<Item = (&'c Column, &'c Column)>,
) -> bool {
    origin == sink
        && origin.0 == Engine::Postgres
        && columns.into_iter().all(|(from, to)| from.logical == to.logical && same_base(from, to) && is_portable(from))
}

fn same_base(from: &Column, to: &Column) -> bool {
    sql::postgres_base(from) == sql::postgres_base(to)
}

fn is_portable(column: &Column) -> bool {
    let base = sql::postgres_base(column);
    // A count of units whose size each server sets for itself.
    if base.starts_with("money") {
        return false;
    }
    match &column.logical {
        None => false,
        Some(
            Logical::Array { element } | Logical::Range { bound: element } | Logical::Multirange { bound: element },
        ) => is_built_in(element),
        Some(logical) => is_plain(logical),
    }
}

/// Types of extensions and of users have other numbers in every database.
fn is_built_in(element: &Element) -> bool {
    is_plain(&element.logical)
        && element.logical != Logical::Enum
        && !element.native.contains('.')
        && !element.native.contains(sql::POSTGRES_DOMAIN)
}

fn is_plain(logical: &Logical) -> bool {
    !matches!(
        logical,
        Logical::Array { .. }
            | Logical::Composite { .. }
            | Logical::Range { .. }
            | Logical::Multirange { .. }
            | Logical::Notation { kind: Notation::ObjectName }
    )
}
