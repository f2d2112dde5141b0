//! The tool's own tables, in both databases of a stream.
//!
//! | table | at | holds |
//! |---|---|---|
//! | `progress` | the sink | a row for each stream: [`crate::Progress`] |
//! | `heartbeats` | the origin | a row for each stream, updated while it runs; and one for its barrier |
//! | `dead_letters` | the sink | changes that were put aside |
//!
//! Each is made on both sides, since with two streams each side is both.

use switchback_engines::own::table as own_name;
use switchback_engines::sql::{self, change};
use switchback_engines::{Column, Engine, Flavor, Key, Logical, OwnedValue, ServerInfo, Table, TableRef, Value};

pub(crate) const PROGRESS: &str = "progress";
pub(crate) const HEARTBEATS: &str = "heartbeats";
pub(crate) const DEAD_LETTERS: &str = "dead_letters";
/// Behind a stream's name, which has no such character, in the row of its barrier.
pub(crate) const BARRIER: &str = "/barrier";

/// Those that a stream has to see in its origin's log, behind the tables that it
/// streams.
pub(crate) const CAPTURED: [&str; 2] = [PROGRESS, HEARTBEATS];

/// What a column of ours holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A name in ASCII, of up to 64 bytes.
    Name,
    Text,
    Integer,
    /// Numbered by the server.
    Number,
}

struct Definition {
    columns: &'static [(&'static str, Kind)],
    /// Of these the first so many are the primary key.
    key: usize,
}

const fn definition(table: Own) -> Definition {
    match table {
        Own::Progress => Definition {
            columns: &[
                ("stream", Kind::Name),
                ("epoch", Kind::Integer),
                ("incarnation", Kind::Text),
                ("position", Kind::Text),
                ("seq", Kind::Integer),
                ("row_count", Kind::Integer),
                ("chain", Kind::Name),
                ("committed_at", Kind::Integer),
                ("closed", Kind::Integer),
            ],
            key: 1,
        },
        Own::Heartbeats => {
            Definition { columns: &[("stream", Kind::Name), ("beat", Kind::Integer), ("at", Kind::Integer)], key: 1 }
        }
        Own::DeadLetters => Definition {
            columns: &[
                ("id", Kind::Number),
                ("stream", Kind::Name),
                ("epoch", Kind::Integer),
                ("incarnation", Kind::Text),
                ("position", Kind::Text),
                ("seq", Kind::Integer),
                ("ordinal", Kind::Integer),
                ("committed_at", Kind::Integer),
                ("operation", Kind::Name),
                ("table_name", Kind::Text),
                ("row_key", Kind::Text),
                ("class", Kind::Name),
                ("policy", Kind::Name),
                ("reason", Kind::Text),
                ("version", Kind::Name),
                ("before_row", Kind::Text),
                ("after_row", Kind::Text),
                ("sink_row", Kind::Text),
                ("state", Kind::Name),
                ("packed", Kind::Text),
                ("row_blake3", Kind::Name),
                // The file that it is exported to, and whether it is there.
                ("archive", Kind::Text),
                ("archived", Kind::Integer),
            ],
            key: 1,
        },
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Own {
    Progress,
    Heartbeats,
    DeadLetters,
}

pub(crate) const ALL: [Own; 3] = [Own::Progress, Own::Heartbeats, Own::DeadLetters];

impl Own {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Progress => PROGRESS,
            Self::Heartbeats => HEARTBEATS,
            Self::DeadLetters => DEAD_LETTERS,
        }
    }
}

/// Where a table of ours is, as it is described.
pub(crate) fn reference(engine: Engine, table: Own) -> TableRef {
    own_name(engine, None, table.name())
}

/// Statements that make the tables that are not there.
pub(crate) fn create(engine: Engine) -> Vec<String> {
    let mut statements = Vec::new();
    if engine == Engine::Postgres {
        statements.push(format!("CREATE SCHEMA IF NOT EXISTS {}", sql::name(engine, switchback_engines::own::SCHEMA)));
    }
    statements.extend(ALL.iter().map(|&table| create_one(engine, table)));
    statements
}

fn create_one(engine: Engine, table: Own) -> String {
    let definition = definition(table);
    let column = |(i, &(name, kind)): (usize, &(&str, Kind))| {
        let null = if i < definition.key { " NOT NULL" } else { "" };
        let key = if i < definition.key && kind != Kind::Number { " PRIMARY KEY" } else { "" };
        format!("{} {}{null}{key}", sql::name(engine, name), native(engine, kind))
    };
    let columns: Vec<String> = definition.columns.iter().enumerate().map(column).collect();
    let tail = match engine {
        // Whatever the server's defaults are: the progress must be transactional.
        Engine::MySql => " ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        Engine::Postgres | Engine::Sqlite | Engine::SqlServer | Engine::MongoDb => "",
    };
    let name = sql::table(engine, &reference(engine, table));
    format!("CREATE TABLE IF NOT EXISTS {name} ({}){tail}", columns.join(", "))
}

fn native(engine: Engine, kind: Kind) -> &'static str {
    match (engine, kind) {
        (Engine::MySql, Kind::Name) => "VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin",
        (Engine::MySql, Kind::Text) => "LONGTEXT",
        (Engine::MySql, Kind::Number) => "BIGINT AUTO_INCREMENT PRIMARY KEY",
        (Engine::Postgres, Kind::Number) => "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        (Engine::Sqlite, Kind::Integer) => "INTEGER",
        (Engine::Sqlite, Kind::Number) => "INTEGER PRIMARY KEY AUTOINCREMENT",
        (_, Kind::Name | Kind::Text) => "TEXT",
        (_, Kind::Integer) => "bigint",
        (_, Kind::Number) => "bigint",
    }
}

/// A table of ours as the statements' texts need it.
#[derive(Debug)]
pub(crate) struct Store {
    engine: Engine,
    flavor: Flavor,
    table: Table,
    columns: Vec<usize>,
    identity: Vec<usize>,
}

impl Store {
    pub(crate) fn new(info: &ServerInfo, own: Own) -> Self {
        let definition = definition(own);
        let column = |(i, &(name, kind)): (usize, &(&str, Kind))| Column {
            name: name.to_owned(),
            native: native(info.engine, kind).to_owned(),
            logical: Some(match kind {
                Kind::Name | Kind::Text => Logical::Text { chars_max: None },
                Kind::Integer | Kind::Number => Logical::Int { bits: 64, unsigned: false },
            }),
            nullable: i >= definition.key,
            generated: kind == Kind::Number,
            collation: None,
        };
        let table = Table {
            name: reference(info.engine, own),
            columns: definition.columns.iter().enumerate().map(column).collect(),
            primary_key: Some(Key { name: "PRIMARY".to_owned(), columns: (0..definition.key).collect() }),
            unique_keys: Vec::new(),
            foreign_keys: Vec::new(),
            row_estimate: 0,
            bytes_estimate: 0,
            children: Vec::new(),
        };
        let columns = switchback_engines::capture::columns(&table);
        let identity = (0..definition.key).filter(|i| columns.contains(i)).collect();
        Self { engine: info.engine, flavor: info.flavor, table, columns, identity }
    }

    fn rows(&self) -> change::Rows<'_> {
        change::Rows {
            engine: self.engine,
            flavor: self.flavor,
            table: &self.table,
            columns: &self.columns,
            identity: &self.identity,
        }
    }

    /// The quoted name.
    pub(crate) fn name(&self) -> String {
        sql::table(self.engine, &self.table.name)
    }

    /// A place among the columns that are written, by name.
    fn place(&self, name: &str) -> usize {
        self.columns
            .iter()
            .position(|&i| self.table.columns.get(i).is_some_and(|c| c.name == name))
            .unwrap_or(usize::MAX)
    }

    pub(crate) fn insert(&self, cells: &[(&str, OwnedValue)]) -> String {
        let mut row: Vec<Option<&OwnedValue>> = vec![None; self.columns.len()];
        for (name, value) in cells {
            if let Some(cell) = row.get_mut(self.place(name)) {
                *cell = Some(value);
            }
        }
        self.rows().insert(&[&row])
    }

    /// Updates the row that has exactly `found`.
    pub(crate) fn update(&self, found: &[(&str, OwnedValue)], set: &[(&str, OwnedValue)]) -> String {
        let cells = |of: &'_ [(&str, OwnedValue)]| -> Vec<(usize, OwnedValue)> {
            of.iter().map(|(name, value)| (self.place(name), value.clone())).collect()
        };
        let (found, set) = (cells(found), cells(set));
        self.rows().update(&change::Update {
            key: found.iter().map(|(place, value)| (*place, value)).collect(),
            set: set.iter().map(|(place, value)| (*place, value)).collect(),
            before: Vec::new(),
        })
    }

    /// `column = value`, for an update.
    pub(crate) fn assign(&self, column: &str, value: &OwnedValue) -> String {
        match self.table.column(column) {
            Some((_, column)) => {
                format!("{} = {}", sql::name(self.engine, &column.name), sql::literal(self.engine, column, value))
            }
            None => String::new(),
        }
    }

    /// A condition for `column` being `value`.
    pub(crate) fn is(&self, column: &str, value: &OwnedValue) -> String {
        match self.table.column(column) {
            Some((_, column)) => sql::is(self.engine, self.flavor, column, value, false),
            None => String::new(),
        }
    }
}

pub(crate) fn text(text: &str) -> OwnedValue {
    Value::Text(text.to_owned().into())
}

/// A statement that shows life at the origin, and one that makes the first row.
pub(crate) fn heartbeat(store: &Store, row: &str, beat: i64, at: i64) -> (String, String) {
    let stream = ("stream", text(row));
    let rest = [("beat", Value::Int(beat)), ("at", Value::Int(at))];
    let update = store.update(std::slice::from_ref(&stream), &rest);
    let [beat, at] = rest;
    (update, store.insert(&[stream, beat, at]))
}
