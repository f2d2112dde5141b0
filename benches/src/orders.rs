//! The table that is compared: made by the servers themselves, from the row's
//! number alone, so that every server makes the same rows.
//!
//! Every expression is exact on both engines: whole numbers, hex digits of MD5,
//! and doubles that are a whole number of 1024ths.

use switchback_fixtures::Family;

/// The table's name, everywhere.
pub const TABLE: &str = "orders";

pub const KEY: &str = "id";

pub const COLUMNS: [&str; 8] = ["id", "customer", "sku", "amount", "weight", "placed_at", "note", "paid"];

/// How many rows differ in [`Drift::Scattered`].
pub const SCATTERED_ROWS: u64 = 1_000;

/// In what a target departs from the source. Each is a database of its own, so
/// that all of them hold a table of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drift {
    None,
    /// One column of [`SCATTERED_ROWS`] rows, evenly over the whole table: the
    /// worst case for whoever searches by halving.
    Scattered,
    /// One column of every row.
    EveryRow,
}

impl Drift {
    pub const ALL: [Self; 3] = [Self::None, Self::Scattered, Self::EveryRow];

    /// The database with this drift.
    pub fn database(self) -> &'static str {
        match self {
            Self::None => "shop",
            Self::Scattered => "shop_scattered",
            Self::EveryRow => "shop_rewritten",
        }
    }

    /// How many of `rows` differ.
    pub fn differing(self, rows: u64) -> u64 {
        match self {
            Self::None => 0,
            Self::Scattered => SCATTERED_ROWS.min(rows),
            Self::EveryRow => rows,
        }
    }
}

/// The statements that make the table, each to be run on its own.
pub fn make(family: Family, drift: Drift, rows: u64) -> Vec<String> {
    match family {
        Family::Postgres => {
            let select = select_postgres(drift, rows);
            vec![
                "CREATE EXTENSION IF NOT EXISTS pg_prewarm".to_owned(),
                format!(
                    "CREATE TABLE {TABLE} (id bigint NOT NULL, customer integer NOT NULL, sku varchar(16) NOT NULL, \
                     amount numeric(12,2) NOT NULL, weight double precision NOT NULL, \
                     placed_at timestamp with time zone NOT NULL, note text, paid boolean NOT NULL)"
                ),
                format!("INSERT INTO {TABLE} {select}"),
                format!("ALTER TABLE {TABLE} ADD PRIMARY KEY (id)"),
                format!("VACUUM (FREEZE, ANALYZE) {TABLE}"),
            ]
        }
        Family::MySql | Family::MariaDb => {
            let select = select_mariadb(drift, rows);
            vec![
                format!(
                    "CREATE TABLE {TABLE} (id bigint NOT NULL PRIMARY KEY, customer int NOT NULL, \
                     sku varchar(16) NOT NULL, amount decimal(12,2) NOT NULL, weight double NOT NULL, \
                     placed_at timestamp(6) NOT NULL DEFAULT '2020-01-01 00:00:00', note text, \
                     paid boolean NOT NULL) ENGINE=InnoDB"
                ),
                // One transaction of the whole table is of no use to a log that nobody reads.
                format!("SET sql_log_bin = 0, time_zone = '+00:00', unique_checks = 0; INSERT INTO {TABLE} {select}"),
                format!("ANALYZE TABLE {TABLE}"),
            ]
        }
    }
}

/// Brings all of a table into the server's memory.
pub fn warm(family: Family) -> String {
    match family {
        // Not by a query: it would read a large table through a small ring of buffers.
        Family::Postgres => {
            format!("SELECT pg_prewarm('{TABLE}'); SELECT pg_prewarm('{TABLE}_pkey')")
        }
        Family::MySql | Family::MariaDb => {
            format!("SELECT COUNT(*), SUM(CHAR_LENGTH(note)), SUM(weight) FROM {TABLE}")
        }
    }
}

fn select_postgres(drift: Drift, rows: u64) -> String {
    let (customer, amount) = drifted(drift, rows);
    format!(
        "SELECT i, ({customer})::integer, upper(substr(md5(i::text), 1, 12)), ({amount})::numeric / 100, \
         (i * 31 % 1000003)::double precision / 1024, \
         timestamptz '2020-01-01 00:00:00+00' + (i * 17000003 % 150000000000000) * interval '1 microsecond', \
         CASE WHEN i % 50 = 0 THEN NULL ELSE 'note ' || substr(md5((i + 7)::text), 1, (4 + i % 29)::integer) END, \
         i % 3 = 0 FROM generate_series(1::bigint, {rows}::bigint) AS s (i)"
    )
}

fn select_mariadb(drift: Drift, rows: u64) -> String {
    let (customer, amount) = drifted(drift, rows);
    format!(
        "SELECT i, {customer}, UPPER(SUBSTR(MD5(i), 1, 12)), ({amount}) / 100, (i * 31 % 1000003) / 1024e0, \
         TIMESTAMPADD(MICROSECOND, i * 17000003 % 150000000000000, '2020-01-01 00:00:00'), \
         CASE WHEN i % 50 = 0 THEN NULL ELSE CONCAT('note ', SUBSTR(MD5(i + 7), 1, 4 + i % 29)) END, \
         i % 3 = 0 FROM (SELECT CAST(seq AS SIGNED) AS i FROM seq_1_to_{rows}) AS s"
    )
}

/// The expressions of `customer`, and of `amount` in cents.
fn drifted(drift: Drift, rows: u64) -> (String, String) {
    let (customer, amount) = ("i * 48271 % 100003".to_owned(), "i * 7919 % 100000000".to_owned());
    match drift {
        Drift::None => (customer, amount),
        Drift::Scattered => {
            let (every, differing) = (rows / drift.differing(rows).max(1), drift.differing(rows));
            let hit = format!("i % {every} = {} AND i <= {every} * {differing}", every / 2);
            (customer, format!("{amount} + CASE WHEN {hit} THEN 1 ELSE 0 END"))
        }
        Drift::EveryRow => (format!("{customer} + 1"), amount),
    }
}
