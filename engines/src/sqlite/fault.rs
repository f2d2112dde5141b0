//! What a failure of SQLite means.
//!
//! The driver's own error type puts its cause into its text and would be
//! printed twice, so what SQLite said is kept as [`Refusal`]: its message and
//! its result code. SQLite's messages name tables and columns; of a row filter
//! they may quote the token that could not be read, but never a stored value.

use std::time::Duration;

use crate::error::{Cause, ConnectFault, Error, QueryFault};

/// What SQLite answered.
#[derive(Debug, thiserror::Error)]
#[error("{message} (SQLite result code {code})")]
pub(super) struct Refusal {
    /// The extended result code; its low byte is the primary one.
    code: i32,
    message: String,
}

/// The primary result codes that something depends on (sqlite.org/rescode.html).
mod code {
    pub(super) const ERROR: i32 = 1;
    pub(super) const PERM: i32 = 3;
    pub(super) const BUSY: i32 = 5;
    pub(super) const LOCKED: i32 = 6;
    pub(super) const READONLY: i32 = 8;
    pub(super) const INTERRUPT: i32 = 9;
    pub(super) const IOERR: i32 = 10;
    pub(super) const CORRUPT: i32 = 11;
    pub(super) const CANTOPEN: i32 = 14;
    pub(super) const AUTH: i32 = 23;
    pub(super) const NOTADB: i32 = 26;
}

/// The error of a file that could not be opened.
pub(super) fn connecting(location: &str, error: sqlx::Error) -> Error {
    let (fault, source) = match refusal(error) {
        Err(other) => (ConnectFault::Other, other),
        Ok(refusal) => {
            let (fault, advice) = match refusal.code & 0xFF {
                // The file is known to be there by then.
                code::CANTOPEN | code::READONLY => (
                    ConnectFault::File,
                    "; a database in WAL mode, or with a transaction to roll back, has to be opened by an account that \
                     may write to its folder, or with ?immutable=1 when nothing writes to it",
                ),
                code::PERM | code::AUTH | code::IOERR | code::CORRUPT | code::NOTADB => (ConnectFault::File, ""),
                _ => (ConnectFault::Other, ""),
            };
            let message = format!("{}{advice}", refusal.message);
            (fault, Box::new(Refusal { message, ..refusal }) as Cause)
        }
    };
    Error::Connect { location: location.to_owned(), fault, source }
}

/// The error of a statement. `what` says what we were doing.
pub(super) fn querying(location: &str, what: String, error: sqlx::Error) -> Error {
    let (fault, source) = match refusal(error) {
        // The thread that owns the connection is gone.
        Err(other) => (QueryFault::ConnectionLost, other),
        Ok(refusal) => (query_fault(&refusal), Box::new(refusal) as Cause),
    };
    Error::Query { location: location.to_owned(), what, fault, source }
}

fn query_fault(refusal: &Refusal) -> QueryFault {
    match refusal.code & 0xFF {
        code::PERM | code::AUTH => QueryFault::Denied,
        code::BUSY | code::LOCKED | code::INTERRUPT => QueryFault::TimedOut,
        // One code for all that is wrong with a statement; the texts are
        // SQLite's own and have not changed in twenty years.
        code::ERROR if refusal.message.starts_with("no such table") => QueryFault::Missing,
        code::ERROR if refusal.message.starts_with("no such column") => QueryFault::Missing,
        code::ERROR if refusal.message.starts_with("no such collation") => QueryFault::Other,
        code::ERROR => QueryFault::Syntax,
        _ => QueryFault::Other,
    }
}

/// Whether SQLite refused a statement because it lacks a collation, and which.
pub(super) fn missing_collation(error: &sqlx::Error) -> Option<String> {
    let message = error.as_database_error()?.message();
    message.strip_prefix("no such collation sequence: ").map(str::to_owned)
}

/// The time to open the file is over, and nothing was heard from it.
pub(super) fn silent(location: &str, waited: Duration) -> Error {
    let source = format!("the file system did not answer within {} s", waited.as_secs());
    Error::Connect { location: location.to_owned(), fault: ConnectFault::File, source: source.into() }
}

fn refusal(error: sqlx::Error) -> Result<Refusal, Cause> {
    match error {
        sqlx::Error::Database(e) => {
            let code = e.code().and_then(|code| code.parse().ok()).unwrap_or(code::ERROR);
            Ok(Refusal { code, message: e.message().to_owned() })
        }
        sqlx::Error::Io(e) => Err(Box::new(e)),
        other => Err(Box::new(other)),
    }
}
