//! Keys in the order of the server's own columns.

use super::fault::{NO_CATALOG, query_error};
use super::pool::{Lease, Pool};
use super::types::Charset;
use crate::canon::text::days_from_civil;
use crate::engine::{Engine, Flavor, ServerInfo};
use crate::error::{Error, QueryFault, Result};
use crate::range::KeyValues;
use crate::sql;
use crate::table::{Column, Logical, Table};
use crate::value::{Date, Moment, Value};

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// How a server takes a list of rows where a SELECT may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum List {
    /// `VALUES ROW(…), ROW(…)`.
    Rows,
    /// `VALUES (…), (…)`.
    Values,
    /// `SELECT … UNION ALL SELECT …`: any server takes it, and needs six times
    /// as long for it.
    Selects,
}

impl List {
    fn of(server: &ServerInfo) -> Self {
        match server.flavor {
            Flavor::MariaDb => Self::Values,
            Flavor::Original if version(&server.version) >= Some((8, 0, 19)) => Self::Rows,
            Flavor::Original => Self::Selects,
        }
    }

    fn of_rows(self, rows: &[String]) -> String {
        match self {
            Self::Rows => format!("VALUES ROW({})", rows.join("), ROW(")),
            Self::Values => format!("VALUES ({})", rows.join("), (")),
            Self::Selects => format!("SELECT {}", rows.join(" UNION ALL SELECT ")),
        }
    }
}

/// `8.0.36-28` and the like.
fn version(text: &str) -> Option<(u32, u32, u32)> {
    let mut numbers = text.splitn(3, '.').map(|part| {
        let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        part.get(..digits)?.parse().ok()
    });
    Some((numbers.next()??, numbers.next()??, numbers.next()??))
}

/// For each key its dense rank among all of them.
pub(super) async fn rank_keys(
    pool: &Pool,
    server: &ServerInfo,
    table: &Table,
    key: &[usize],
    keys: &[KeyValues],
) -> Result<Vec<u64>> {
    rank(&mut pool.lease().await?, server, table, key, keys).await
}

/// The same on a connection that the caller has.
///
/// An empty read of the table in front of the keys gives each column its type
/// and its collation.
///
/// # Errors
/// Also for a key that the column's type cannot hold, such as a date in the year
/// 12024: the server makes NULL of it, or reads another date in it, while a
/// range with that key as its bound would hold other rows.
pub(super) async fn rank(
    lease: &mut Lease<'_>,
    server: &ServerInfo,
    table: &Table,
    key: &[usize],
    keys: &[KeyValues],
) -> Result<Vec<u64>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let what = format!("ordering keys of `{}`", table.name);
    let foreign = |location: &str| Error::Query {
        location: location.to_owned(),
        what: what.clone(),
        fault: QueryFault::Other,
        source: Box::new(ForeignKey),
    };
    if keys.iter().flatten().any(is_beyond_calendar) {
        return Err(foreign(lease.location()));
    }
    let statement = statement(List::of(server), table, key, keys);
    let rows = lease.query(&what, &statement).await?.rows;
    let mut ranks = vec![None; keys.len()];
    for row in rows {
        let mut numbers = row.into_iter().map(|cell| cell?.parse::<u64>().ok());
        if let (Some(Some(number)), Some(rank), Some(Some(nulls))) = (numbers.next(), numbers.next(), numbers.next())
            && let Ok(number) = usize::try_from(number)
            && let (Some(slot), Some(key)) = (ranks.get_mut(number), keys.get(number))
        {
            let nulls_given = key.iter().filter(|v| v.is_null()).count();
            if usize::try_from(nulls) != Ok(nulls_given) {
                return Err(foreign(lease.location()));
            }
            *slot = rank;
        }
    }
    let ranks: Option<Vec<u64>> = ranks.into_iter().collect();
    ranks.ok_or_else(|| query_error(lease.location(), what, NO_CATALOG))
}

/// The key is a value of another server, and none of this one.
#[derive(Debug, thiserror::Error)]
#[error("a key of the other side is no value that the column can hold")]
struct ForeignKey;

/// Years 1 to 9999 are what the server reads as it was meant. Its own zero dates
/// lie off the calendar, and it knows them too.
fn is_beyond_calendar(value: &Value<'_>) -> bool {
    let day = match value {
        Value::Date(Date::Days(days)) => i64::from(*days),
        Value::Timestamp(Moment::Micros(v)) | Value::Instant(Moment::Micros(v)) => v.div_euclid(MICROS_PER_DAY),
        Value::Date(Date::Infinity | Date::NegInfinity)
        | Value::Timestamp(Moment::Infinity | Moment::NegInfinity)
        | Value::Instant(Moment::Infinity | Moment::NegInfinity) => return true,
        _ => return false,
    };
    let first = days_from_civil(1, 1, 1).map_or(i64::MAX, i64::from);
    let last = days_from_civil(9999, 12, 31).map_or(i64::MIN, i64::from);
    !(first..=last).contains(&day)
}

fn statement(list: List, table: &Table, key: &[usize], keys: &[KeyValues]) -> String {
    let columns: Vec<&Column> = key.iter().filter_map(|&i| table.columns.get(i)).collect();
    let names: Vec<String> = columns.iter().map(|c| sql::name(Engine::MySql, &c.name)).collect();
    let aliases: Vec<String> = (0..columns.len()).map(|i| format!("k{i}")).collect();
    let nulls: Vec<String> = aliases.iter().map(|alias| format!("({alias} IS NULL)")).collect();
    let typed: Vec<String> = names.iter().zip(&aliases).map(|(name, alias)| format!("{name} AS {alias}")).collect();
    let rows: Vec<String> = keys
        .iter()
        .enumerate()
        .map(|(i, values)| {
            let literals: Vec<String> = columns.iter().zip(values).map(|(c, v)| typed_literal(c, v)).collect();
            format!("{i}, {}", literals.join(", "))
        })
        .collect();
    format!(
        "SELECT i, DENSE_RANK() OVER (ORDER BY {}), {} FROM \
         (SELECT 0 AS i, {} FROM {} WHERE FALSE UNION ALL {}) AS given",
        aliases.join(", "),
        nulls.join(" + "),
        typed.join(", "),
        sql::table(Engine::MySql, &table.name),
        list.of_rows(&rows),
    )
}

/// A literal of the column's own type: among a list of rows the server would
/// otherwise compare dates and UUIDs as text, and refuse to mix the character
/// sets.
fn typed_literal(column: &Column, value: &Value<'_>) -> String {
    let literal = sql::key_value(Engine::MySql, column, value);
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
            children: Vec::new(),
        };
        let date = Value::Date(crate::value::Date::Days(0));
        let keys = [vec![date, Value::Int(7), Value::Text("x".into())]];
        assert_eq!(
            statement(List::Rows, &table, &[2, 0, 1], &keys),
            "SELECT i, DENSE_RANK() OVER (ORDER BY k0, k1, k2), (k0 IS NULL) + (k1 IS NULL) + (k2 IS NULL) \
             FROM (SELECT 0 AS i, `c` AS k0, `a` AS k1, `b` AS k2 \
             FROM `s`.`t` WHERE FALSE UNION ALL VALUES ROW(0, CAST('1970-01-01' AS DATETIME(6)), 7, \
             CONVERT('x' USING latin1) COLLATE latin1_bin)) AS given"
        );
        let keys = [vec![Value::Int(7)], vec![Value::Int(8)]];
        let lists = [
            (List::Values, "UNION ALL VALUES (0, 7), (1, 8)) AS given"),
            (List::Selects, "UNION ALL SELECT 0, 7 UNION ALL SELECT 1, 8) AS given"),
        ];
        for (list, expected) in lists {
            assert!(statement(list, &table, &[0], &keys).ends_with(expected));
        }
    }

    #[test]
    fn old_servers_get_an_older_list() {
        let list = |flavor, version: &str| {
            let version = version.to_owned();
            List::of(&ServerInfo { engine: Engine::MySql, flavor, version, location: String::new() })
        };
        for (version, expected) in
            [("8.0.18", List::Selects), ("8.0.19-log", List::Rows), ("9.7.4-2", List::Rows), ("what", List::Selects)]
        {
            assert_eq!(list(Flavor::Original, version), expected, "{version}");
        }
        assert_eq!(list(Flavor::MariaDb, "10.11.19-MariaDB"), List::Values);
    }

    #[test]
    fn the_calendar_ends_with_the_year_9999() {
        let midnight = |y, m, d| Moment::Micros(i64::from(days_from_civil(y, m, d).unwrap()) * MICROS_PER_DAY);
        for (moment, beyond) in [
            (midnight(9999, 12, 31), false),
            (midnight(10_000, 1, 1), true),
            (midnight(1, 1, 1), false),
            (midnight(0, 12, 31), true),
            (Moment::Infinity, true),
            (Moment::OffCalendar { year: 0, month: 0, day: 0, micros: 0 }, false),
        ] {
            assert_eq!(is_beyond_calendar(&Value::Timestamp(moment)), beyond, "{moment:?}");
            assert_eq!(is_beyond_calendar(&Value::Instant(moment)), beyond, "{moment:?}");
        }
        assert!(is_beyond_calendar(&Value::Date(Date::Days(days_from_civil(12_024, 1, 1).unwrap()))));
        assert!(!is_beyond_calendar(&Value::Int(i64::MAX)));
    }
}
