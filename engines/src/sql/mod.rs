//! SQL text: names, literals and the conditions on keys.
//!
//! Pure functions, so that each engine's spelling is pinned by tests without a
//! server. Literals instead of bound parameters, because `COPY` takes none and
//! because a repair script has to stand on its own. The two rules that keep
//! literals safe: text goes through [`literal()`], names through [`name()`], and
//! the sessions are pinned so that a quote means what we think it means
//! (`standard_conforming_strings`, `NO_BACKSLASH_ESCAPES` absent or irrelevant).
//!
//! - `name`: quoted identifiers.
//! - `literal`: values, with a file per dialect.
//! - [`change`]: statements that change rows.
//! - `condition`: the rows of a key range, and those of a list of keys.
//! - [`doings()`]: what a table does by itself in a session that writes.
//! - `exact`: a column that has exactly a value.
//! - `unnest`: many rows as arrays.
//! - `lookup`: when a row can be found by a literal of its key.

pub mod change;
mod condition;
mod doings;
mod exact;
mod literal;
mod lookup;
mod mysql;
mod name;
mod postgres;
mod sqlite;
#[cfg(test)]
mod tests;
mod unnest;

pub use condition::{in_keys, in_range, is_not_null, is_null, where_clause};
pub use doings::doings;
pub use exact::{is, row_id};
pub(crate) use literal::key_value;
pub use literal::literal;
pub(crate) use literal::quoted;
pub use lookup::finds_by_literal;
pub use mysql::in_own_charset;
pub(crate) use mysql::{MySqlCell, mysql_loaded};
pub use name::{name, table};
pub(crate) use postgres::{POSTGRES_DOMAIN, postgres_base, postgres_base_of, postgres_copied};
