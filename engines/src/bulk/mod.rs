//! Many rows into a sink at once: the contract, and the form in which they go.
//!
//! Within a transaction that statements have begun, so that what is loaded and
//! what is written down about it are one.
//!
//! - [`copy`]: rows as the text that PostgreSQL's `COPY` reads.

mod copy;
#[cfg(feature = "driver")]
mod session;

pub use copy::{copy_row, copy_statement};
#[cfg(feature = "driver")]
pub use session::{Bulk, Feed, Loader};

use crate::engine::{Engine, Flavor};
use crate::sql;
use crate::table::{Column, Element, Logical, Notation};

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
