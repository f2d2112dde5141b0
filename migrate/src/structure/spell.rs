//! Names and texts as an engine's SQL has them.

use switchback_engines::{Engine, sql};

pub(crate) use switchback_engines::sql::{name, table};

/// A literal. MySQL's sessions take a backslash for an escape.
pub(crate) fn text(engine: Engine, value: &str) -> String {
    let value = if engine == Engine::MySql { value.replace('\\', "\\\\") } else { value.to_owned() };
    format!("'{}'", value.replace('\'', "''"))
}

/// A name with what it is in, such as a column with its table.
pub(super) fn dotted(engine: Engine, parts: &[&str]) -> String {
    parts.iter().map(|part| sql::name(engine, part)).collect::<Vec<_>>().join(".")
}
