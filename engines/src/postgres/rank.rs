//! The order of keys that were found elsewhere.

use super::decode::{self, CopyDecoder};
use super::pool::Pool;
use super::{copy, values};
use crate::engine::Engine;
use crate::error::{Error, QueryFault, Result};
use crate::range::KeyValues;
use crate::sql;
use crate::table::{Column, Table};
use crate::value::Value;

pub(super) async fn rank_keys(
    pool: &Pool,
    from: &str,
    table: &Table,
    key: &[usize],
    keys: &[KeyValues],
) -> Result<Vec<u64>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let columns = decode::columns(table, key)?;
    let what = format!("ranking keys of `{}`", table.name);
    let wrong = |why: &'static str| Error::Query {
        location: pool.location().to_owned(),
        what: what.clone(),
        fault: QueryFault::Other,
        source: why.into(),
    };
    if keys.iter().any(|k| k.len() != columns.len() || k.iter().any(Value::is_null)) {
        return Err(wrong("a key has not one value for each of its columns"));
    }
    let decoder = CopyDecoder::of_one(table, "rank", values::int8);
    let mut ranks = Vec::with_capacity(keys.len());
    for batch in copy::collect(pool, &what, &statement(from, &columns, keys)).await? {
        for row in decoder.decode_owned(&batch)? {
            let [Value::Int(rank)] = row.as_slice() else { return Err(wrong("a rank is no number")) };
            ranks.push(u64::try_from(*rank).map_err(|_| wrong("a rank is negative"))?);
        }
    }
    if ranks.len() == keys.len() { Ok(ranks) } else { Err(wrong("there are not as many ranks as keys")) }
}

/// One statement for all keys, since ranks of two lists say nothing of each
/// other.
///
/// The first row of the list takes no part in the ranking. It is there to give
/// the list's columns the type and the collation of the key's: a literal has
/// neither, and takes them from what it is listed with. No cast could say the
/// same, for one to `varchar(2)` or `numeric(10,2)` would change the keys.
fn statement(from: &str, columns: &[&Column], keys: &[KeyValues]) -> String {
    let name = |column: &Column| sql::name(Engine::Postgres, &column.name);
    let aliases: Vec<String> = (0..columns.len()).map(|i| format!("c{i}")).collect();
    let aliases = aliases.join(", ");
    let types: Vec<String> = columns.iter().map(|c| format!("(SELECT {} FROM {from} WHERE false)", name(c))).collect();
    let mut rows = format!("({}, 0)", types.join(", "));
    for (place, key) in keys.iter().enumerate() {
        let literals: Vec<String> =
            columns.iter().zip(key).map(|(c, value)| sql::literal(Engine::Postgres, c, value)).collect();
        rows.push_str(&format!(", ({}, {})", literals.join(", "), place + 1));
    }
    format!(
        "SELECT dense_rank() OVER (ORDER BY {aliases}) FROM (VALUES {rows}) v ({aliases}, place) \
         WHERE place > 0 ORDER BY place"
    )
}
