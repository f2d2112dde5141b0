//! Opening the file.
//!
//! For comparing, read-only twice over: by the open mode, which also keeps SQLite
//! from creating a missing file, and by `query_only`. An end of a stream reads
//! through connections that take part in recovery ([`End::Reads`]), and writes with
//! a connection of its own ([`open_end`]). The file
//! itself is never opened by other means than SQLite: on POSIX, closing any
//! descriptor of a file drops all locks that the process holds on it, and with
//! them the isolation of every read that is under way.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteRow, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Row as _};
use tokio::sync::Mutex;

use super::pool::{self, Member, Pool};
use super::{Sqlite, fault};
use crate::database::ConnectOptions;
use crate::engine::{Engine, Flavor, ServerInfo};
use crate::error::{ConnectFault, Error, Result};
use crate::url::DatabaseUrl;

/// How the file keeps its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Utf8,
    Utf16Le,
    Utf16Be,
}

/// Between the thread that steps through the result and the task that packs the
/// rows. More rows gain nothing (measured: 50 to 4096), and this bounds the memory
/// of a read where rows are large.
const ROWS_IN_FLIGHT: usize = 64;

/// Beyond the wait for locks, for the file system to answer.
const OPEN_GRACE: Duration = Duration::from_secs(5);

pub(super) async fn connect(url: &DatabaseUrl, options: &ConnectOptions, purpose: Purpose) -> Result<Sqlite> {
    let immutable = parameters(url)?;
    let location = url.location().to_owned();
    let path = existing(url)?;
    let driver =
        driver_options(&path, immutable, options.connect_timeout).read_only(immutable || purpose == Purpose::Compare);

    let patience = options.connect_timeout.saturating_add(OPEN_GRACE);
    let opening = async {
        let mut member = Member::open(&driver).await?;
        // The first read of the file: whether it is a database shows here.
        let probe = "SELECT sqlite_version(), encoding, (SELECT count(*) FROM sqlite_schema) FROM pragma_encoding";
        let row = pool::prepared(probe.to_owned()).fetch_one(&mut member.connection).await?;
        let (version, encoding) = probed(&row)?;
        Ok::<_, sqlx::Error>((member, version, encoding))
    };
    let (member, version, encoding) = tokio::time::timeout(patience, opening)
        .await
        .map_err(|_| fault::silent(&location, patience))?
        .map_err(|e| fault::connecting(&location, e))?;

    Ok(Sqlite {
        info: ServerInfo { engine: Engine::Sqlite, flavor: Flavor::Original, version, location: location.clone() },
        encoding,
        file: File { location: location.clone(), encoding, lock_wait: options.connect_timeout, path, immutable },
        pool: Pool::new(location, driver, options.connections_max),
        watch: Mutex::new(member),
    })
}

/// What the file is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Nothing is changed, not even what a dead process left half-way: that is an
    /// error, which says so.
    Compare,
    /// As [`End::Reads`].
    Stream,
}

/// What it takes to open the file again.
#[derive(Debug, Clone)]
pub(super) struct File {
    pub(super) location: String,
    pub(super) encoding: Encoding,
    /// How long to wait for locks where no other time is given.
    pub(super) lock_wait: Duration,
    path: PathBuf,
    /// Whether the URL says that nothing ever writes to the file.
    immutable: bool,
}

/// What a connection of a stream's end does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Commits what must not be lost.
    Writes,
    /// Commits what may be lost to a power cut, as it is done again.
    Trims,
    /// Reads, but takes part in recovery: a transaction that a dead process left
    /// half-way in the rollback journal must be undone before the next read, and
    /// a connection that was opened read-only can't do that.
    Reads,
}

/// A connection for an end of a stream, outside of the pool.
///
/// The file is never created, its journal mode never changed, foreign keys are
/// off and with them all cascades.
///
/// A writer commits with `synchronous=EXTRA`. In WAL mode that is `FULL`: the
/// log is synced at each commit. In rollback-journal mode a transaction is
/// committed by deleting the journal, and `FULL` does not sync the folder: after
/// a power cut the journal may be back, and the transaction undone that the
/// origin was already told to forget. `fullfsync` does the same for the disk's
/// own cache where the system makes that difference (macOS).
pub(super) async fn open_end(file: &File, end: End, lock_wait: Duration) -> Result<Member> {
    if file.immutable {
        return Err(Error::Url {
            why: "it says that the file is immutable, so it is no end of a stream".to_owned(),
            hint: "leave immutable=1 out",
        });
    }
    let (synchronous, query_only) = match end {
        End::Writes => (SqliteSynchronous::Extra, "OFF"),
        End::Trims => (SqliteSynchronous::Normal, "OFF"),
        End::Reads => (SqliteSynchronous::Normal, "ON"),
    };
    let options = driver_options(&file.path, false, lock_wait)
        .read_only(false)
        .synchronous(synchronous)
        .pragma("recursive_triggers", "OFF")
        .pragma("fullfsync", if end == End::Writes { "ON" } else { "OFF" })
        .pragma("query_only", query_only);
    Member::open(&options).await.map_err(|e| fault::connecting(&file.location, e))
}

fn probed(row: &SqliteRow) -> Result<(String, Encoding), sqlx::Error> {
    let encoding = match row.try_get::<&str, _>(1)? {
        "UTF-16le" => Encoding::Utf16Le,
        "UTF-16be" => Encoding::Utf16Be,
        _ => Encoding::Utf8,
    };
    Ok((row.try_get(0)?, encoding))
}

/// The path without links, and absolute: SQLite would take a relative
/// `file:…` for a URI and `:memory:` for no file at all.
fn existing(url: &DatabaseUrl) -> Result<PathBuf> {
    let path = url.sqlite_path().ok_or_else(|| Error::Url {
        why: format!("it is one of {}, not of SQLite", url.engine()),
        hint: "write it as sqlite:FILE",
    })?;
    std::fs::canonicalize(path).map_err(|e| Error::Connect {
        location: url.location().to_owned(),
        fault: ConnectFault::File,
        source: Box::new(e),
    })
}

/// Whether the file is declared to be immutable. What else is given must not
/// be dropped in silence; of the values nothing is printed.
fn parameters(url: &DatabaseUrl) -> Result<bool> {
    let mut immutable = false;
    let query = url.expose().split_once('?').map_or("", |(_, query)| query);
    for parameter in query.split('&').filter(|p| !p.is_empty()) {
        match parameter.split_once('=').unwrap_or((parameter, "")) {
            ("immutable", "1" | "true" | "on" | "yes") => immutable = true,
            ("immutable", "0" | "false" | "off" | "no") => immutable = false,
            ("mode", "ro") => {}
            _ => {
                return Err(Error::Url {
                    why: "it has a parameter that is not known".to_owned(),
                    hint: "for SQLite the parameters are immutable=1 and mode=ro; a path cannot hold a question mark",
                });
            }
        }
    }
    Ok(immutable)
}

fn driver_options(path: &Path, immutable: bool, lock_wait: Duration) -> SqliteConnectOptions {
    // The driver panics beyond what SQLite takes, some 24 days.
    let lock_wait = lock_wait.min(Duration::from_millis(i32::MAX.unsigned_abs().into()));
    SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .create_if_missing(false)
        .immutable(immutable)
        .busy_timeout(lock_wait)
        .row_buffer_size(ROWS_IN_FLIGHT)
        .thread_name(|n| format!("switchback-sqlite-{n}"))
        .foreign_keys(false)
        .pragma("query_only", "ON")
        // The file may come from anywhere: its schema must not call functions
        // that have effects, and broken pages must be errors.
        .pragma("trusted_schema", "OFF")
        .pragma("cell_size_check", "ON")
        // The statements hold keys as literals.
        .disable_statement_logging()
}
