//! Conditions on keys.

use super::literal::key_literal;
use super::name::name;
use super::postgres::postgres_base;
use crate::engine::Engine;
use crate::range::{KeyRange, KeyValues};
use crate::table::{Column, Logical, Table};
use crate::value::Value;

/// A condition for the rows of `range`; `None` when that is all of them.
///
/// Row values where the engine turns them into one index range, spelled out
/// where it doesn't (MySQL manual, "Range Optimization of Row Constructor
/// Expressions": only equality and IN).
#[must_use]
pub fn in_range(engine: Engine, table: &Table, key: &[usize], range: &KeyRange) -> Option<String> {
    let lower = range.lower.as_ref().map(|values| compare(engine, table, key, values, Bound::AtLeast));
    let upper = range.upper.as_ref().map(|values| compare(engine, table, key, values, Bound::Below));
    let condition = match (lower, upper) {
        (None, None) => return None,
        (Some(one), None) | (None, Some(one)) => one,
        (Some(lower), Some(upper)) => format!("{lower} AND {upper}"),
    };
    Some(with_nulls(engine, table, key, range, condition))
}

/// SQLite allows NULL in a primary key. No comparison holds for such a row, and
/// it must be in exactly one range: this makes it the first.
fn with_nulls(engine: Engine, table: &Table, key: &[usize], range: &KeyRange, condition: String) -> String {
    let nullable: Vec<&Column> = key.iter().filter_map(|&i| table.columns.get(i)).filter(|c| c.nullable).collect();
    if nullable.is_empty() {
        return condition;
    }
    let all = |of: fn(Engine, &Column) -> String, with: &str| {
        nullable.iter().map(|c| of(engine, c)).collect::<Vec<_>>().join(with)
    };
    if range.lower.is_none() {
        format!("{condition} OR {}", all(is_null, " OR "))
    } else {
        format!("{condition} AND {}", all(is_not_null, " AND "))
    }
}

/// That `column` is NULL itself. To PostgreSQL a composite `IS NULL` when all of
/// its fields are, and `IS NOT NULL` when none is.
#[must_use]
pub fn is_null(engine: Engine, column: &Column) -> String {
    let symbol = if is_composite(engine, column) { "IS NOT DISTINCT FROM NULL" } else { "IS NULL" };
    format!("{} {symbol}", name(engine, &column.name))
}

/// The opposite of [`is_null`].
#[must_use]
pub fn is_not_null(engine: Engine, column: &Column) -> String {
    let symbol = if is_composite(engine, column) { "IS DISTINCT FROM NULL" } else { "IS NOT NULL" };
    format!("{} {symbol}", name(engine, &column.name))
}

fn is_composite(engine: Engine, column: &Column) -> bool {
    engine == Engine::Postgres && matches!(column.logical, Some(Logical::Composite { .. }))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Bound {
    AtLeast,
    Below,
}

fn compare(engine: Engine, table: &Table, key: &[usize], values: &KeyValues, bound: Bound) -> String {
    let parts: Vec<Part> = key
        .iter()
        .zip(values)
        .filter_map(|(&i, value)| table.columns.get(i).map(|c| Part::new(engine, c, value)))
        .collect();
    let (strict, loose) = match bound {
        Bound::AtLeast => (">", ">="),
        Bound::Below => ("<", "<"),
    };
    // A row comparison takes one operator for all of its columns.
    let same_operators = parts.iter().all(|p| p.operator(loose) == loose);
    match engine {
        Engine::Postgres | Engine::Sqlite if same_operators && parts.len() > 1 => {
            let columns: Vec<&str> = parts.iter().map(|p| p.name.as_str()).collect();
            let values: Vec<&str> = parts.iter().map(|p| p.value.as_str()).collect();
            format!("({}) {loose} ({})", columns.join(", "), values.join(", "))
        }
        Engine::Postgres | Engine::Sqlite | Engine::MySql | Engine::SqlServer | Engine::MongoDb => {
            lexicographic(&parts, strict, loose)
        }
    }
}

/// One column of a comparison.
struct Part<'a> {
    engine: Engine,
    column: &'a Column,
    name: String,
    value: String,
}

impl<'a> Part<'a> {
    fn new(engine: Engine, column: &'a Column, value: &Value<'_>) -> Self {
        Self { engine, column, name: name(engine, &column.name), value: key_literal(engine, column, value) }
    }

    fn operator(&self, symbol: &str) -> String {
        operator(self.engine, self.column, symbol)
    }

    fn compare(&self, symbol: &str) -> String {
        format!("{} {} {}", self.name, self.operator(symbol), self.value)
    }
}

/// `a >= x AND (a > x OR (a = x AND b >= y))`: the first condition is implied,
/// but it is the one the optimiser makes a range of.
fn lexicographic(parts: &[Part<'_>], strict: &str, loose: &str) -> String {
    let Some((first, rest)) = parts.split_first() else {
        return "TRUE".to_owned();
    };
    if rest.is_empty() {
        return first.compare(loose);
    }
    let outer = if strict == ">" { ">=" } else { "<=" };
    let inner = lexicographic(rest, strict, loose);
    format!("({} AND ({} OR ({} AND {inner})))", first.compare(outer), first.compare(strict), first.compare("="))
}

/// A condition for the rows whose key is one of `values`, as the server
/// compares keys.
#[must_use]
pub fn in_keys(engine: Engine, table: &Table, key: &[usize], values: &[KeyValues]) -> String {
    let columns: Vec<&Column> = key.iter().filter_map(|&i| table.columns.get(i)).collect();
    if columns.iter().any(|c| operator(engine, c, "=") != "=") {
        return in_keys_spelled_out(engine, &columns, values);
    }
    let names: Vec<String> = columns.iter().map(|c| name(engine, &c.name)).collect();
    let tuples: Vec<String> = values
        .iter()
        .map(|tuple| columns.iter().zip(tuple).map(|(c, v)| key_literal(engine, c, v)).collect::<Vec<_>>().join(", "))
        .collect();
    match names.as_slice() {
        [one] => format!("{one} IN ({})", tuples.join(", ")),
        many => {
            let tuples: Vec<String> = tuples.into_iter().map(|t| format!("({t})")).collect();
            let list = match engine {
                // SQLite takes a list of row values only from a VALUES clause.
                Engine::Sqlite => format!("VALUES {}", tuples.join(", ")),
                Engine::Postgres | Engine::MySql | Engine::SqlServer | Engine::MongoDb => tuples.join(", "),
            };
            format!("({}) IN ({list})", many.join(", "))
        }
    }
}

/// `IN` for columns whose `=` has to be qualified, which `IN` has no way to say.
fn in_keys_spelled_out(engine: Engine, columns: &[&Column], values: &[KeyValues]) -> String {
    let equal = |tuple: &KeyValues| {
        let parts = columns.iter().zip(tuple).map(|(c, v)| Part::new(engine, c, v).compare("="));
        format!("({})", parts.collect::<Vec<_>>().join(" AND "))
    };
    values.iter().map(equal).collect::<Vec<_>>().join(" OR ")
}

/// `WHERE` with all conditions that are there, each in parentheses: a filter
/// of the operator's may hold an OR.
#[must_use]
pub fn where_clause(conditions: &[Option<&str>]) -> String {
    let all: Vec<String> = conditions.iter().flatten().map(|c| format!("({c})")).collect();
    if all.is_empty() { String::new() } else { format!(" WHERE {}", all.join(" AND ")) }
}

/// The operator `symbol` for `column`, qualified where it has to be.
///
/// Without its schema in the search path `citext` would be compared as `text`,
/// that is with another order than its index has, and `ltree` not at all; and a search path
/// that others can write to would let them put operators under our statements.
pub(super) fn operator(engine: Engine, column: &Column, symbol: &str) -> String {
    match engine {
        Engine::Postgres => match postgres_base(column).rsplit_once('.') {
            Some((schema, "citext" | "ltree")) => format!("OPERATOR({schema}.{symbol})"),
            // Which has an order, but keeps the usual names for itself.
            Some((schema, "hstore")) if symbol != "=" => format!("OPERATOR({schema}.#{symbol}#)"),
            Some((schema, "hstore")) => format!("OPERATOR({schema}.{symbol})"),
            _ => symbol.to_owned(),
        },
        Engine::MySql | Engine::SqlServer | Engine::MongoDb | Engine::Sqlite => symbol.to_owned(),
    }
}
