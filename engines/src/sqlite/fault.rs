//! What a failure of SQLite means.
//!
//! The driver's own error type puts its cause into its text and would be
//! printed twice, so what SQLite said is kept as [`Refusal`]: its message and
//! its result code. SQLite's messages name tables and columns; of a row filter
//! they may quote the token that could not be read, but never a stored value.

use std::time::Duration;

use crate::error::{Cause, ConnectFault, Error, QueryFault};
use crate::write::Violation;

/// What SQLite answered.
#[derive(Debug, Clone, thiserror::Error)]
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
    pub(super) const TOOBIG: i32 = 18;
    pub(super) const CONSTRAINT: i32 = 19;
    pub(super) const MISMATCH: i32 = 20;
    pub(super) const AUTH: i32 = 23;
    pub(super) const NOTADB: i32 = 26;
}

/// What the second byte of [`code::CONSTRAINT`] says.
mod constraint {
    pub(super) const FOREIGN_KEY: i32 = 3;
    pub(super) const NOT_NULL: i32 = 5;
    pub(super) const PRIMARY_KEY: i32 = 6;
    pub(super) const TRIGGER: i32 = 7;
    pub(super) const UNIQUE: i32 = 8;
    pub(super) const ROWID: i32 = 10;
    pub(super) const DATATYPE: i32 = 12;
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
                code::BUSY | code::LOCKED => (ConnectFault::Locked, ""),
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

/// The error of a statement that a [`crate::Writer`] ran, and what of it is about
/// the data. Such statements hold values, so a message that may quote a piece of
/// one is cut: a token that can't be read, and what a trigger wished to say.
pub(super) fn writing(location: &str, error: sqlx::Error) -> (Option<Violation>, Error) {
    let what = "writing".to_owned();
    let mut refusal = match refusal(error) {
        Ok(refusal) => refusal,
        Err(source) => {
            let fault = QueryFault::ConnectionLost;
            return (None, Error::Query { location: location.to_owned(), what, fault, source });
        }
    };
    if refusal.code == code::CONSTRAINT | constraint::TRIGGER << 8 {
        refusal.message = "a trigger refused the change".to_owned();
    } else if refusal.code & 0xFF == code::ERROR && refusal.message.contains("syntax error") {
        refusal.message = "syntax error".to_owned();
    } else if refusal.message.starts_with("unrecognized token") {
        refusal.message = "unrecognized token".to_owned();
    }
    let fault = query_fault(&refusal);
    let error = Error::Query { location: location.to_owned(), what, fault, source: Box::new(refusal.clone()) };
    (violation(refusal.code), error)
}

fn violation(code: i32) -> Option<Violation> {
    Some(match (code & 0xFF, code >> 8) {
        (code::BUSY | code::LOCKED, _) => Violation::Deadlock,
        // The row number must be an integer, and a value has its largest size.
        (code::MISMATCH | code::TOOBIG, _) | (code::CONSTRAINT, constraint::DATATYPE) => Violation::Type,
        (code::CONSTRAINT, constraint::PRIMARY_KEY | constraint::UNIQUE | constraint::ROWID) => Violation::Unique,
        (code::CONSTRAINT, constraint::FOREIGN_KEY) => Violation::ForeignKey,
        (code::CONSTRAINT, constraint::NOT_NULL) => Violation::NotNull,
        // CHECK, and what triggers and virtual tables refuse.
        (code::CONSTRAINT, _) => Violation::Check,
        _ => return None,
    })
}

/// Whether a lock could not be had in time.
pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|e| e.code()).and_then(|code| code.parse::<i32>().ok());
    code.is_some_and(|code| matches!(code & 0xFF, code::BUSY | code::LOCKED))
}

/// Whether there was nothing to roll back: SQLite undoes some transactions
/// itself when a statement in them fails.
pub(super) fn nothing_to_roll_back(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|e| e.message().ends_with("no transaction is active"))
}

fn query_fault(refusal: &Refusal) -> QueryFault {
    match refusal.code & 0xFF {
        code::PERM | code::AUTH => QueryFault::Denied,
        code::BUSY | code::LOCKED | code::INTERRUPT => QueryFault::TimedOut,
        // One code for all that is wrong with a statement; the texts are
        // SQLite's own and have not changed in twenty years.
        code::ERROR if refusal.message.starts_with("no such table") => QueryFault::Missing,
        code::ERROR if refusal.message.starts_with("no such column") => QueryFault::Missing,
        code::ERROR if refusal.message.contains(" has no column named ") => QueryFault::Missing,
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
