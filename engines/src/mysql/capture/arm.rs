//! Whether a server's log can be followed faithfully, and from where.
//!
//! Nothing is made on the server. What is looked at is what the server is set to
//! write, the tables, and whether the account may read the log, which is tried.
//!
//! Between the moment at which the position is read and the
//! look at prepared XA transactions others go on. A transaction that was prepared
//! before the position and is committed behind it would be lost, as its rows are
//! logged where it is prepared. So: none may be prepared when looked at, and none
//! may be prepared between a position before the look and the one that is armed.

use super::dump::{Reader, Stream};
use super::gtid::Reached;
use super::log::Log;
use crate::capture::{Armed, CaptureRequest};
use crate::engine::Flavor;
use crate::error::{CaptureFault, Error, Result};
use crate::mysql::capture::charset::Charsets;
use crate::mysql::catalog::{self, is};
use crate::mysql::fault::{NO_CATALOG, query_error, server_code};
use crate::mysql::pool::Pool;
use crate::mysql::wire::connection::{DumpedEvent, Grid};
use crate::table::Table;

const WHAT: &str = "looking at the binary log's settings";
const DENIED: u16 = 1227;
const NO_SUCH_STATEMENT: u16 = 1064;

/// A server's setting, and what it has to be.
struct Setting {
    name: &'static str,
    expected: &'static [&'static str],
}

const fn setting(name: &'static str, expected: &'static [&'static str]) -> Setting {
    Setting { name, expected }
}

const BOTH: &[Setting] = &[
    setting("log_bin", &["1", "ON"]),
    setting("binlog_format", &["ROW"]),
    setting("binlog_row_image", &["FULL"]),
    setting("binlog_row_metadata", &["FULL"]),
];
const MYSQL: &[Setting] = &[
    setting("gtid_mode", &["ON"]),
    setting("enforce_gtid_consistency", &["ON"]),
    setting("binlog_row_value_options", &[""]),
];

/// See [`crate::endpoint::Endpoint::arm`].
pub(in crate::mysql) async fn arm(
    pool: &Pool,
    flavor: Flavor,
    database: &str,
    request: &CaptureRequest,
) -> Result<Armed> {
    settings(pool, flavor).await?;
    filters(pool, &request.tables).await?;
    let logs_cascades = logs_cascades(pool, flavor).await?;
    for table in &request.tables {
        types(pool, table)?;
        kind(pool, table).await?;
        if !logs_cascades {
            cascades(pool, table).await?;
        }
    }
    Charsets::load(pool, &request.tables).await?;
    let position = position(pool, flavor, database, request).await?;
    // What was described before the position must be what there is at it.
    for table in &request.tables {
        let now = catalog::describe(pool, flavor, database, &table.name).await?;
        if now.is_none_or(|now| now.columns != table.columns) {
            let why = format!("`{}` is not what it was when it was described", table.name);
            return Err(refused(pool, CaptureFault::SchemaChanged, why));
        }
    }
    Ok(Armed {
        position,
        incarnation: incarnation(pool, flavor).await?,
        done: vec!["nothing was changed: the server's own binary log is read".to_owned()],
    })
}

/// Makes sure that the server logs rows, whole, with their names.
pub(super) async fn settings(pool: &Pool, flavor: Flavor) -> Result<()> {
    let own = match flavor {
        Flavor::Original => MYSQL,
        Flavor::MariaDb => &[],
    };
    let settings: Vec<&Setting> = BOTH.iter().chain(own).collect();
    let list: Vec<String> = settings.iter().map(|setting| format!("@@GLOBAL.{}", setting.name)).collect();
    let grid = ask(pool, &format!("SELECT {}", list.join(", "))).await?;
    let row = grid.rows.into_iter().next().unwrap_or_default();
    for (setting, found) in settings.into_iter().zip(row) {
        let found = found.unwrap_or_default();
        if !setting.expected.contains(&found.as_str()) {
            let expected = setting.expected.last().copied().unwrap_or_default();
            let why = format!("{} is `{found}`, and has to be `{expected}`", setting.name);
            return Err(refused(pool, CaptureFault::Unfaithful, why));
        }
    }
    Ok(())
}

/// Makes sure that the databases of `tables` are not kept out of the log.
async fn filters(pool: &Pool, tables: &[Table]) -> Result<()> {
    let mut status = ask(pool, "SHOW BINARY LOG STATUS").await;
    // Before MySQL 8.2, and on MariaDB.
    if status.as_ref().is_err_and(|e| server_code(e) == Some(NO_SUCH_STATEMENT)) {
        status = ask(pool, "SHOW MASTER STATUS").await;
    }
    let status = status?;
    let Some(row) = status.rows.first() else { return Ok(()) };
    let list = |name: &str| -> Vec<&str> {
        let at = status.columns.iter().position(|column| column.eq_ignore_ascii_case(name));
        let text = at.and_then(|at| row.get(at)).and_then(Option::as_deref).unwrap_or_default();
        text.split(',').filter(|name| !name.is_empty()).collect()
    };
    let (only, without) = (list("Binlog_Do_DB"), list("Binlog_Ignore_DB"));
    for table in tables {
        let schema = table.name.schema.as_deref().unwrap_or_default();
        if !only.is_empty() && !only.contains(&schema) || without.contains(&schema) {
            let why = format!("the database `{schema}` is kept out of the log by binlog_do_db or binlog_ignore_db");
            return Err(refused(pool, CaptureFault::Unfaithful, why));
        }
    }
    Ok(())
}

/// Whether the rows that a foreign key changes in the child are in the log: only
/// where the server follows the keys, and not the storage engine.
async fn logs_cascades(pool: &Pool, flavor: Flavor) -> Result<bool> {
    match flavor {
        Flavor::MariaDb => Ok(false),
        Flavor::Original => {
            let grid = ask(pool, "SHOW GLOBAL VARIABLES LIKE 'innodb_native_foreign_keys'").await?;
            Ok(grid.rows.first().and_then(|row| row.get(1)?.as_deref()) == Some("OFF"))
        }
    }
}

async fn cascades(pool: &Pool, table: &Table) -> Result<()> {
    let schema = table.name.schema.as_deref().unwrap_or_default();
    let statement = format!(
        "SELECT CONSTRAINT_NAME FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE {} AND {} \
         AND (DELETE_RULE NOT IN ('RESTRICT', 'NO ACTION') OR UPDATE_RULE NOT IN ('RESTRICT', 'NO ACTION'))",
        is("CONSTRAINT_SCHEMA", schema),
        is("TABLE_NAME", &table.name.name)
    );
    match ask(pool, &statement).await?.rows.into_iter().flatten().flatten().next() {
        Some(name) => {
            let why = format!(
                "the foreign key `{name}` of `{}` changes rows by itself (CASCADE or SET NULL), which this server \
                 does not log",
                table.name
            );
            Err(refused(pool, CaptureFault::Unfaithful, why))
        }
        None => Ok(()),
    }
}

/// Makes sure that every value can be read.
fn types(pool: &Pool, table: &Table) -> Result<()> {
    for column in table.columns.iter().filter(|column| !column.generated) {
        let unknown = column.logical.as_ref().is_none_or(|logical| crate::mysql::types::layout(logical).is_none());
        if unknown {
            return Err(Error::UnknownType {
                table: table.name.to_string(),
                column: column.name.clone(),
                native: column.native.clone(),
            });
        }
        if column.native.contains("COMPRESSED") {
            let why = format!("`{}`.`{}` is COMPRESSED, which can't be read from the log", table.name, column.name);
            return Err(refused(pool, CaptureFault::Unfaithful, why));
        }
    }
    Ok(())
}

/// Makes sure that a table is one whose changes are logged in transactions.
async fn kind(pool: &Pool, table: &Table) -> Result<()> {
    let schema = table.name.schema.as_deref().unwrap_or_default();
    let statement = format!(
        "SELECT ENGINE, TABLE_TYPE FROM information_schema.TABLES WHERE {} AND {}",
        is("TABLE_SCHEMA", schema),
        is("TABLE_NAME", &table.name.name)
    );
    let grid = ask(pool, &statement).await?;
    let mut cells = grid.rows.into_iter().next().unwrap_or_default().into_iter();
    let (engine, kind) = (cells.next().flatten(), cells.next().flatten());
    let why = match (engine.as_deref(), kind.as_deref()) {
        (_, Some("SYSTEM VERSIONED")) => "keeps its history, which is logged as rows of it",
        (Some("InnoDB"), _) => return Ok(()),
        (None, None) => {
            let why = format!("`{}` is gone", table.name);
            return Err(refused(pool, CaptureFault::SchemaChanged, why));
        }
        _ => "has a storage engine without transactions",
    };
    Err(refused(pool, CaptureFault::Unfaithful, format!("`{}` {why}", table.name)))
}

/// Where to begin, see the module.
async fn position(
    pool: &Pool,
    flavor: Flavor,
    database: &str,
    request: &CaptureRequest,
) -> Result<crate::change::Position> {
    const TRIES: usize = 5;
    let reader = Reader::new(&request.stream, &format!("{database} arming"));
    for _ in 0..TRIES {
        let before = reached(pool, flavor).await?;
        no_prepared(pool).await?;
        let armed = reached(pool, flavor).await?;
        let mut stream = Stream::open(pool.opener(), flavor, &reader, &before, true).await?;
        let location = pool.location().to_owned();
        let mut log = Log::new(location, Vec::new(), Charsets::default(), before, stream.has_checksums);
        loop {
            if log.is_expanding() {
                log.expand()?;
                continue;
            }
            match stream.event()? {
                Some(DumpedEvent::Event(event)) => log.feed(&event)?,
                Some(DumpedEvent::End) => break,
                None => stream.more().await?,
            }
        }
        if log.prepared_count == 0 {
            return Ok(armed.position());
        }
    }
    Err(prepared(pool))
}

fn prepared(pool: &Pool) -> Error {
    let why = "an XA transaction is prepared, whose rows are in the log already: let it end first";
    refused(pool, CaptureFault::Unfaithful, why.to_owned())
}

async fn no_prepared(pool: &Pool) -> Result<()> {
    /// What MySQL answers to an account without XA_RECOVER_ADMIN.
    const NOT_ALLOWED: u16 = 1401;
    match ask(pool, "XA RECOVER").await {
        Ok(grid) if grid.rows.is_empty() => Ok(()),
        Ok(_) => Err(prepared(pool)),
        Err(error) if server_code(&error) == Some(NOT_ALLOWED) => {
            let why = "the account may not look for prepared XA transactions, which takes XA_RECOVER_ADMIN";
            Err(refused(pool, CaptureFault::Denied, why.to_owned()))
        }
        Err(error) => Err(error),
    }
}

async fn reached(pool: &Pool, flavor: Flavor) -> Result<Reached> {
    let statement = match flavor {
        Flavor::Original => "SELECT @@GLOBAL.gtid_executed",
        // What is in this server's own log, wherever it came from.
        Flavor::MariaDb => "SELECT @@GLOBAL.gtid_binlog_pos",
    };
    let text = cell(pool, statement).await?;
    Reached::parse(flavor, &text).ok_or_else(|| query_error(pool.location(), WHAT, NO_CATALOG))
}

/// What this log is and no other: for MySQL what the server was given when its
/// data was made. MariaDB has nothing of the kind, and many of its servers have the
/// number 1, so where it is counts too.
pub(super) async fn incarnation(pool: &Pool, flavor: Flavor) -> Result<String> {
    let statement = match flavor {
        Flavor::Original => "SELECT CONCAT('server_uuid ', @@GLOBAL.server_uuid)",
        Flavor::MariaDb => "SELECT CONCAT('server_id ', @@GLOBAL.server_id, ' of ', @@hostname, ':', @@port)",
    };
    cell(pool, statement).await
}

/// Makes sure that the log still holds everything behind `reached`, and has
/// come that far.
pub(super) async fn can_serve(pool: &Pool, flavor: Flavor, reached: &Reached) -> Result<()> {
    // Only digits, letters and a few signs, as it was parsed.
    let text = format!("'{}'", reached.position());
    let (gone, ahead) = match flavor {
        Flavor::Original => {
            let statement = format!(
                "SELECT CONCAT(GTID_SUBSET(@@GLOBAL.gtid_purged, {text}), GTID_SUBSET({text}, @@GLOBAL.gtid_executed))"
            );
            let answer = cell(pool, &statement).await?;
            (answer.starts_with('0'), answer.ends_with('0'))
        }
        // Whether the files are there only the dump will tell.
        Flavor::MariaDb => (false, !self::reached(pool, flavor).await?.covers(reached)),
    };
    if gone {
        let why = "the server has removed the part of its log that was not read yet";
        return Err(refused(pool, CaptureFault::LogGone, why.to_owned()));
    }
    if ahead {
        let why = "the server's log does not have the transaction that was read last";
        return Err(refused(pool, CaptureFault::Ahead, why.to_owned()));
    }
    Ok(())
}

async fn cell(pool: &Pool, statement: &str) -> Result<String> {
    let grid = ask(pool, statement).await?;
    let cell = grid.rows.into_iter().flatten().flatten().next();
    cell.ok_or_else(|| query_error(pool.location(), WHAT, NO_CATALOG))
}

async fn ask(pool: &Pool, statement: &str) -> Result<Grid> {
    pool.lease().await?.query(WHAT, statement).await.map_err(|error| match server_code(&error) {
        Some(DENIED) => {
            let why = "the account may not look at the binary log, which takes REPLICATION CLIENT (BINLOG MONITOR)";
            refused(pool, CaptureFault::Denied, why.to_owned())
        }
        _ => error,
    })
}

fn refused(pool: &Pool, fault: CaptureFault, why: String) -> Error {
    Error::Capture { location: pool.location().to_owned(), fault, why }
}
