//! Keys in the order of the server's own columns.

use super::fault::{NO_CATALOG, query_error};
use super::pool::{Lease, Pool};
use super::types::Charset;
use crate::engine::{Engine, Flavor};
use crate::error::Result;
use crate::range::KeyValues;
use crate::sql;
use crate::table::{Column, Logical, Table};
use crate::value::Value;

/// For each key its dense rank among all of them.
pub(super) async fn rank_keys(
    pool: &Pool,
    flavor: Flavor,
    table: &Table,
    key: &[usize],
    keys: &[KeyValues],
) -> Result<Vec<u64>> {
    rank(&mut pool.lease().await?, flavor, table, key, keys).await
}

/// The same on a connection that the caller has.
///
/// An empty read of the table in front of the keys gives each column its type
/// and its collation.
pub(super) async fn rank(
    lease: &mut Lease<'_>,
    flavor: Flavor,
    table: &Table,
    key: &[usize],
    keys: &[KeyValues],
) -> Result<Vec<u64>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let what = format!("ordering keys of `{}`", table.name);
    let statement = statement(flavor, table, key, keys);
    let rows = lease.query(&what, &statement).await?.rows;
    let mut ranks = vec![None; keys.len()];
    for row in rows {
        let mut numbers = row.into_iter().map(|cell| cell?.parse::<u64>().ok());
        if let (Some(Some(number)), Some(rank)) = (numbers.next(), numbers.next())
            && let Some(slot) = usize::try_from(number).ok().and_then(|n| ranks.get_mut(n))
        {
            *slot = rank;
        }
    }
    let ranks: Option<Vec<u64>> = ranks.into_iter().collect();
    ranks.ok_or_else(|| query_error(lease.location(), what, NO_CATALOG))
}

fn statement(flavor: Flavor, table: &Table, key: &[usize], keys: &[KeyValues]) -> String {
    let columns: Vec<&Column> = key.iter().filter_map(|&i| table.columns.get(i)).collect();
    let names: Vec<String> = columns.iter().map(|c| sql::name(Engine::MySql, &c.name)).collect();
    let aliases: Vec<String> = (0..columns.len()).map(|i| format!("k{i}")).collect();
    let typed: Vec<String> = names.iter().zip(&aliases).map(|(name, alias)| format!("{name} AS {alias}")).collect();
    let row = match flavor {
        Flavor::Original => "ROW(",
        Flavor::MariaDb => "(",
    };
    let rows: Vec<String> = keys
        .iter()
        .enumerate()
        .map(|(i, values)| {
            let literals: Vec<String> = columns.iter().zip(values).map(|(c, v)| typed_literal(c, v)).collect();
            format!("{row}{i}, {})", literals.join(", "))
        })
        .collect();
    format!(
        "SELECT i, DENSE_RANK() OVER (ORDER BY {}) FROM \
         (SELECT 0 AS i, {} FROM {} WHERE FALSE UNION ALL VALUES {}) AS given",
        aliases.join(", "),
        typed.join(", "),
        sql::table(Engine::MySql, &table.name),
        rows.join(", "),
    )
}

/// A literal of the column's own type: among a list of rows the server would
/// otherwise compare dates and UUIDs as text, and refuse to mix the character
/// sets.
fn typed_literal(column: &Column, value: &Value<'_>) -> String {
    let literal = sql::literal(Engine::MySql, column, value);
    match column.logical {
        Some(Logical::Date | Logical::Timestamp { .. } | Logical::Instant { .. }) => {
            format!("CAST({literal} AS DATETIME(6))")
        }
        Some(Logical::Time { .. }) => format!("CAST({literal} AS TIME(6))"),
        Some(Logical::Uuid | Logical::Network) => format!("CAST({literal} AS {})", column.native),
        _ => match (Charset::of(column.collation.as_deref()), &column.collation) {
            (Charset::Utf8, Some(collation)) if collation.starts_with("utf8mb4") => literal,
            (_, Some(_)) => sql::in_own_charset(column, &literal),
            (_, None) => literal,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::TableRef;

    fn column(name: &str, logical: Logical, collation: Option<&str>) -> Column {
        Column {
            name: name.to_owned(),
            native: "int".to_owned(),
            logical: Some(logical),
            nullable: false,
            generated: false,
            collation: collation.map(str::to_owned),
        }
    }

    #[test]
    fn keys_are_listed_with_their_types() {
        let table = Table {
            name: TableRef { schema: Some("s".to_owned()), name: "t".to_owned() },
            columns: vec![
                column("a", Logical::Int { bits: 32, unsigned: false }, None),
                column("b", Logical::Text { chars_max: None }, Some("latin1_bin")),
                column("c", Logical::Date, None),
            ],
            primary_key: None,
            unique_keys: Vec::new(),
            foreign_keys: Vec::new(),
            row_estimate: 0,
            bytes_estimate: 0,
        };
        let keys = [vec![Value::Int(7), Value::Text("x".into()), Value::Date(crate::value::Date::Days(0))]];
        assert_eq!(
            statement(
                Flavor::Original,
                &table,
                &[2, 0, 1],
                &[vec![keys[0][2].clone(), keys[0][0].clone(), keys[0][1].clone()]]
            ),
            "SELECT i, DENSE_RANK() OVER (ORDER BY k0, k1, k2) FROM (SELECT 0 AS i, `c` AS k0, `a` AS k1, `b` AS k2 \
             FROM `s`.`t` WHERE FALSE UNION ALL VALUES ROW(0, CAST('1970-01-01' AS DATETIME(6)), 7, \
             CONVERT('x' USING latin1) COLLATE latin1_bin)) AS given"
        );
        assert!(statement(Flavor::MariaDb, &table, &[0], &keys).contains("VALUES (0, 7)) AS given"));
    }
}
