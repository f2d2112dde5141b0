//! The two tables of ours that a load is written down in, at the sink.
//!
//! | table | holds |
//! |---|---|
//! | `loads` | a row for each load: its epoch, how far it is, what was armed |
//! | `load_ranges` | a row for each range of each table: its bounds, and since when it is loaded |

use switchback_engines::own::table;
use switchback_engines::sql;
use switchback_engines::{Column, Engine, Logical, Value};

pub(super) const LOADS: &str = "loads";
pub(super) const RANGES: &str = "load_ranges";

#[derive(Clone, Copy)]
enum Kind {
    /// A name in ASCII, of up to 64 bytes.
    Name,
    Text,
    Integer,
}

const LOADS_COLUMNS: &[(&str, Kind)] = &[
    ("stream", Kind::Name),
    ("epoch", Kind::Integer),
    ("turn", Kind::Integer),
    ("state", Kind::Name),
    ("incarnation", Kind::Text),
    ("position", Kind::Text),
];
const LOADS_KEY: &str = "stream";

const RANGES_COLUMNS: &[(&str, Kind)] = &[
    ("stream", Kind::Name),
    ("table_number", Kind::Integer),
    ("range_number", Kind::Integer),
    ("table_name", Kind::Text),
    ("lower_key", Kind::Text),
    ("upper_key", Kind::Text),
    ("epoch", Kind::Integer),
    ("loaded", Kind::Integer),
    ("position", Kind::Text),
    ("row_count", Kind::Integer),
    ("byte_count", Kind::Integer),
];
const RANGES_KEY: &str = "stream, table_number, range_number";

/// Statements that make the tables that are not there.
pub(super) fn create(engine: Engine) -> Vec<String> {
    vec![create_one(engine, LOADS, LOADS_COLUMNS, LOADS_KEY), create_one(engine, RANGES, RANGES_COLUMNS, RANGES_KEY)]
}

fn create_one(engine: Engine, of: &str, columns: &[(&str, Kind)], key: &str) -> String {
    let keys: Vec<&str> = key.split(", ").collect();
    let column = |&(name, kind): &(&str, Kind)| {
        let null = if keys.contains(&name) { " NOT NULL" } else { "" };
        format!("{} {}{null}", sql::name(engine, name), native(engine, kind))
    };
    let columns: Vec<String> = columns.iter().map(column).collect();
    let tail = match engine {
        // Whatever the server's defaults are: it must be transactional.
        Engine::MySql => " ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        Engine::Postgres | Engine::Sqlite | Engine::SqlServer | Engine::MongoDb => "",
    };
    format!("CREATE TABLE IF NOT EXISTS {} ({}, PRIMARY KEY ({key})){tail}", name(engine, of), columns.join(", "))
}

fn native(engine: Engine, kind: Kind) -> &'static str {
    match (engine, kind) {
        (Engine::MySql, Kind::Name) => "VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin",
        (Engine::MySql, Kind::Text) => "LONGTEXT",
        (Engine::Sqlite, Kind::Integer) => "INTEGER",
        (_, Kind::Name | Kind::Text) => "TEXT",
        (_, Kind::Integer) => "bigint",
    }
}

/// The quoted name of a table of ours.
pub(super) fn name(engine: Engine, of: &str) -> String {
    sql::table(engine, &table(engine, None, of))
}

pub(super) fn text(engine: Engine, text: &str) -> String {
    let column = Column {
        name: String::new(),
        native: "text".to_owned(),
        logical: Some(Logical::Text { chars_max: None }),
        nullable: false,
        generated: false,
        collation: None,
    };
    sql::literal(engine, &column, &Value::Text(text.into()))
}

pub(super) fn text_or_null(engine: Engine, of: Option<&str>) -> String {
    of.map_or_else(|| "NULL".to_owned(), |of| text(engine, of))
}

/// How a transaction begins that writes.
pub(super) fn begin(engine: Engine) -> &'static str {
    match engine {
        // Otherwise the write lock is taken late, and refused if another has written by then.
        Engine::Sqlite => "BEGIN IMMEDIATE",
        Engine::MySql => "START TRANSACTION",
        Engine::Postgres | Engine::SqlServer | Engine::MongoDb => "BEGIN",
    }
}

pub(super) fn for_update(engine: Engine) -> &'static str {
    match engine {
        Engine::Postgres | Engine::MySql => " FOR UPDATE",
        // The transaction is the only writer there is.
        Engine::Sqlite | Engine::SqlServer | Engine::MongoDb => "",
    }
}
