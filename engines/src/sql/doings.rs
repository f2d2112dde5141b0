//! What a table of a sink does by itself, although nobody who streams wants it.
//!
//! A stream carries what the origin's triggers did, so a trigger of the sink that
//! runs for an applied row does it a second time. Asked through the writing
//! session, since what that session can't switch off is what counts.

use super::name::table;
use super::quoted;
use crate::display::hex;
use crate::engine::Engine;
use crate::own::PREFIX;
use crate::table::TableRef;

/// A query for all that a [`crate::Writer`] of this engine does not keep a table
/// from doing: a row for each, of one cell, in words. No row for a table that
/// isn't there.
///
/// PostgreSQL runs neither triggers nor rules in such a session, unless they were
/// made for it (`ENABLE ALWAYS`, `ENABLE REPLICA`); but a key that is deferrable
/// is checked by a trigger, and so not at all. MySQL and MariaDB show triggers
/// only to accounts with the right `TRIGGER` on the table.
#[must_use]
pub fn doings(engine: Engine, of: &TableRef) -> String {
    match engine {
        Engine::Postgres => {
            let name = quoted(&table(engine, of));
            format!(
                "WITH part AS (SELECT to_regclass({name})::oid AS id \
                 UNION SELECT relid::oid FROM pg_partition_tree(to_regclass({name}))) \
                 SELECT 'the trigger `' || tgname || '`' FROM pg_trigger JOIN part ON tgrelid = id \
                 WHERE NOT tgisinternal AND tgenabled IN ('A', 'R') \
                 UNION SELECT 'the rule `' || rulename || '`' FROM pg_rewrite JOIN part ON ev_class = id \
                 WHERE ev_enabled IN ('A', 'R') \
                 UNION SELECT 'the deferrable key `' || conname || '`' FROM pg_constraint JOIN part ON conrelid = id \
                 WHERE condeferrable AND contype IN ('p', 'u', 'x') ORDER BY 1"
            )
        }
        Engine::MySql => {
            let digits = |text: &str| format!("_utf8mb4 x'{}'", hex(text.as_bytes()));
            let schema = of.schema.as_deref().map_or("DATABASE()".to_owned(), digits);
            format!(
                "SELECT CONCAT('the trigger `', TRIGGER_NAME, '`') FROM information_schema.TRIGGERS \
                 WHERE EVENT_OBJECT_SCHEMA = {schema} AND EVENT_OBJECT_TABLE = {} ORDER BY TRIGGER_NAME",
                digits(&of.name)
            )
        }
        // Those of our own capture only write its log.
        Engine::Sqlite => format!(
            "SELECT 'the trigger `' || name || '`' FROM main.sqlite_schema WHERE type = 'trigger' \
             AND lower(tbl_name) = lower({}) AND substr(name, 1, {}) <> {} ORDER BY name",
            quoted(&of.name),
            PREFIX.len(),
            quoted(PREFIX)
        ),
        // No writer yet, and so nothing that it would have to keep quiet.
        Engine::SqlServer | Engine::MongoDb => "SELECT 1 WHERE 1 = 0".to_owned(),
    }
}
