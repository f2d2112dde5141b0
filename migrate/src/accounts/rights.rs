//! The rights that each engine has and a move needs.
//!
//! Each is here because something fails without it: `migrate/tests/accounts` takes
//! them away one by one.

use switchback_engines::Flavor;

use super::request::Part;

/// Rights on one thing, and what they are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Right {
    /// As GRANT names them; each is needed.
    pub names: &'static [&'static str],
    /// One that is enough in their place, and more; the only one that older versions
    /// have.
    pub instead: Option<&'static str>,
    pub on: On,
    /// Any of these needs them.
    pub parts: &'static [Part],
    pub why: &'static str,
}

/// What a right is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum On {
    /// An attribute of the role.
    Role,
    /// All of the server.
    Server,
    /// A parameter of the server.
    Parameter(&'static str),
    /// The database; in MySQL and MariaDB everything that is in it or will be.
    Database,
    /// The schemas that tables are in.
    Schemas,
    /// The schemas that tables are created in, where they are there already.
    NewSchemas,
    /// The roles that own the tables.
    Owners,
    /// The tables that are moved.
    Tables,
    /// All tables of the database.
    AllTables,
    Sequences,
    /// These tables of the tool's own.
    Own(&'static [&'static str]),
    /// A table of the server's own.
    System(&'static str),
}

use Part::{Apply, Capture, Create, Describe, Keep, Load, Read, Snapshot};

const fn right(names: &'static [&'static str], on: On, parts: &'static [Part], why: &'static str) -> Right {
    Right { names, instead: None, on, parts, why }
}

const STREAMS: &[&str] = &["progress", "heartbeats", "dead_letters"];
const FOLLOWED: &[&str] = &["progress", "heartbeats"];
const WRITTEN: &[&str] = &["progress", "dead_letters"];
const LEDGER: &[&str] = &["loads", "load_ranges"];

const READ_LOG: &str = "the log is read as a replica reads it";
const LOOK_LOG: &str = "where the log stands, and which databases are kept out of it";
const KEEP_OUT: &str = "several readers see one state: others wait for the milliseconds in which they begin";
const ROWS: &str = "rows are read, and found by their keys";
const CHANGES: &str = "rows are loaded, and what the other end has inserted, updated and deleted is made here";
const POSITIONS: &str = "auto-increments are set to where the other end's stand";
const TRIGGERS: &str = "triggers, which would act on what is applied, are shown to nobody else";
const OWN_MADE: &str = "the tool's own tables are made at both ends";
const OWN_SEEN: &str = "marks in the tool's own tables are followed with the changes of the others";
const OWN_BEATS: &str = "a row is written each second, so that an idle log is told from a silent one";
const OWN_PROGRESS: &str = "how far a stream is, and changes that were put aside, are written with each transaction";
const OWN_LEDGER: &str = "which ranges of which tables are loaded is written with each of them";
const STRUCTURE_READ: &str = "definitions of tables and views are shown to nobody else";
const EVENTS: &str = "events are shown to nobody else";
const TABLES_MADE: &str = "tables are created, with their keys and foreign keys when the rows are there";
const TABLES_USED: &str = "rows are written to the tables that are created";
const PROGRAMS_MADE: &str = "views, functions, procedures, triggers and events are created";

/// The rights of MySQL 8.0.23 and later.
pub const MYSQL: &[Right] = &[
    right(&["REPLICATION SLAVE"], On::Server, &[Capture], READ_LOG),
    right(&["REPLICATION CLIENT"], On::Server, &[Capture], LOOK_LOG),
    right(
        &["XA_RECOVER_ADMIN"],
        On::Server,
        &[Capture],
        "rows of prepared transactions are in the log before their commit",
    ),
    Right { instead: Some("RELOAD"), ..right(&["FLUSH_TABLES"], On::Server, &[Snapshot], KEEP_OUT) },
    right(&["SHOW_ROUTINE"], On::Server, &[Describe], "bodies of functions and procedures are shown to nobody else"),
    right(&["SELECT", "SHOW VIEW"], On::Database, &[Describe], STRUCTURE_READ),
    right(&["TRIGGER"], On::Database, &[Describe], TRIGGERS),
    right(&["EVENT"], On::Database, &[Describe], EVENTS),
    right(&["CREATE", "ALTER", "REFERENCES"], On::Database, &[Create], TABLES_MADE),
    right(&["SELECT", "INSERT", "UPDATE", "DELETE"], On::Database, &[Create], TABLES_USED),
    right(&["CREATE VIEW", "CREATE ROUTINE", "TRIGGER", "EVENT"], On::Database, &[Create], PROGRAMS_MADE),
    right(&["SELECT"], On::Tables, &[Read, Capture, Apply], ROWS),
    right(&["INSERT", "UPDATE", "DELETE"], On::Tables, &[Apply], CHANGES),
    right(&["ALTER"], On::Tables, &[Apply], POSITIONS),
    right(&["TRIGGER"], On::Tables, &[Apply], TRIGGERS),
    right(&["CREATE"], On::Own(STREAMS), &[Keep], OWN_MADE),
    right(&["CREATE"], On::Own(LEDGER), &[Load], OWN_MADE),
    right(&["SELECT"], On::Own(FOLLOWED), &[Capture], OWN_SEEN),
    right(&["INSERT", "UPDATE"], On::Own(&["heartbeats"]), &[Capture], OWN_BEATS),
    right(&["SELECT", "INSERT", "UPDATE", "DELETE"], On::Own(WRITTEN), &[Apply], OWN_PROGRESS),
    right(&["SELECT", "INSERT", "UPDATE", "DELETE"], On::Own(LEDGER), &[Load], OWN_LEDGER),
];

/// The rights of MariaDB 10.6 and later.
pub const MARIADB: &[Right] = &[
    right(&["REPLICATION SLAVE"], On::Server, &[Capture], READ_LOG),
    Right { instead: Some("REPLICATION CLIENT"), ..right(&["BINLOG MONITOR"], On::Server, &[Capture], LOOK_LOG) },
    right(&["RELOAD"], On::Server, &[Snapshot], KEEP_OUT),
    right(
        &["SELECT"],
        On::System("mysql.proc"),
        &[Describe],
        "bodies of functions and procedures are shown to nobody else",
    ),
    right(&["SELECT", "SHOW VIEW"], On::Database, &[Describe], STRUCTURE_READ),
    right(&["TRIGGER"], On::Database, &[Describe], TRIGGERS),
    right(&["EVENT"], On::Database, &[Describe], EVENTS),
    right(&["CREATE", "ALTER"], On::Database, &[Create], TABLES_MADE),
    right(&["SELECT", "INSERT", "UPDATE", "DELETE"], On::Database, &[Create], TABLES_USED),
    right(&["CREATE VIEW", "CREATE ROUTINE", "TRIGGER", "EVENT"], On::Database, &[Create], PROGRAMS_MADE),
    right(&["SELECT"], On::Tables, &[Read, Capture, Apply], ROWS),
    right(&["INSERT", "UPDATE", "DELETE"], On::Tables, &[Apply], CHANGES),
    right(&["ALTER"], On::Tables, &[Apply], POSITIONS),
    right(&["CREATE"], On::Own(STREAMS), &[Keep], OWN_MADE),
    right(&["CREATE"], On::Own(LEDGER), &[Load], OWN_MADE),
    right(&["SELECT"], On::Own(FOLLOWED), &[Capture], OWN_SEEN),
    right(&["INSERT", "UPDATE"], On::Own(&["heartbeats"]), &[Capture], OWN_BEATS),
    right(&["SELECT", "INSERT", "UPDATE", "DELETE"], On::Own(WRITTEN), &[Apply], OWN_PROGRESS),
    right(&["SELECT", "INSERT", "UPDATE", "DELETE"], On::Own(LEDGER), &[Load], OWN_LEDGER),
];

/// The rights of PostgreSQL 15 and later.
pub const POSTGRES: &[Right] = &[
    right(&["REPLICATION"], On::Role, &[Capture], "the log is read over a replication connection"),
    right(
        &["BYPASSRLS"],
        On::Role,
        &[Read, Apply],
        "rows that a policy hides from the account would be missing at the other end",
    ),
    right(&["CONNECT"], On::Database, &[Keep], "without it nobody gets in"),
    right(
        &["CREATE"],
        On::Database,
        &[Keep],
        "the tool's own schema is created, and publications and schemas that are missing",
    ),
    right(
        &["SET"],
        On::Parameter("session_replication_role"),
        &[Keep],
        "triggers and foreign keys are switched off in the sessions that write",
    ),
    right(
        &["membership"],
        On::Owners,
        &[Capture],
        "only an owner may publish a table, and say by what its rows are told apart",
    ),
    right(&["USAGE"], On::Schemas, &[Read, Capture, Apply, Describe], "without it nothing in a schema can be used"),
    right(&["SELECT"], On::Tables, &[Read, Apply], ROWS),
    right(&["INSERT", "UPDATE", "DELETE", "TRUNCATE"], On::Tables, &[Apply], CHANGES),
    right(
        &["SELECT"],
        On::AllTables,
        &[Describe],
        "`pg_dump` locks every table against changes while it reads the structure",
    ),
    right(&["SELECT"], On::Sequences, &[Read], "where a sequence stands is read"),
    right(&["UPDATE"], On::Sequences, &[Apply], "a sequence is set to where the other end's stands"),
    right(&["CREATE", "USAGE"], On::NewSchemas, &[Create], "tables and what belongs to them are created"),
];

/// Those of a MySQL or a MariaDB server.
pub(crate) fn of_flavor(flavor: Flavor) -> &'static [Right] {
    match flavor {
        Flavor::Original => MYSQL,
        Flavor::MariaDb => MARIADB,
    }
}

/// The tool's own tables, at either end.
pub(crate) fn own_tables() -> impl Iterator<Item = &'static str> {
    STREAMS.iter().chain(LEDGER).copied()
}
