//! The driver's errors, sorted by what they mean for the operator.
//!
//! By SQLSTATE and never by message, which the server translates. Of a server's
//! error only the code and the primary message go on, and not even the message
//! where it quotes data (`invalid input syntax for type integer: "…"`): no value
//! of a cell may reach a log.

use sqlx::postgres::PgDatabaseError;

use crate::error::{Cause, ConnectFault, Error, QueryFault};

/// What a server said, without what may quote data.
#[derive(Debug, thiserror::Error)]
#[error("{message} (SQLSTATE {code})")]
struct ServerError {
    code: String,
    message: String,
}

/// The classes whose messages quote the data or the statement: data exceptions,
/// violated constraints and errors that a function raised.
const CLASSES_WITH_DATA: [&str; 4] = ["22", "23", "P0", "38"];

pub(super) fn connect(location: &str, error: sqlx::Error) -> Error {
    let fault = connect_fault(&error);
    Error::Connect { location: location.to_owned(), fault, source: cause(error) }
}

pub(super) fn query(location: &str, what: &str, error: sqlx::Error) -> Error {
    let fault = query_fault(&error);
    Error::Query { location: location.to_owned(), what: what.to_owned(), fault, source: cause(error) }
}

fn connect_fault(error: &sqlx::Error) -> ConnectFault {
    match error {
        sqlx::Error::Tls(_) => ConnectFault::Tls,
        // This is how rustls reports, through the socket, that it does not
        // accept what the other end sends; no socket says that by itself.
        sqlx::Error::Io(e) if e.kind() == std::io::ErrorKind::InvalidData => ConnectFault::Tls,
        sqlx::Error::Io(_) => ConnectFault::Unreachable,
        sqlx::Error::Database(e) => match e.code().as_deref() {
            // No such role or database, a wrong password, no entry in
            // pg_hba.conf, no CONNECT privilege.
            Some("3D000" | "42501") => ConnectFault::Refused,
            Some(code) if code.starts_with("28") => ConnectFault::Refused,
            // Starting up, shutting down, too many connections: it may well
            // answer later.
            Some("53300" | "57P01" | "57P02" | "57P03") => ConnectFault::Unreachable,
            _ => ConnectFault::Other,
        },
        _ => ConnectFault::Other,
    }
}

fn query_fault(error: &sqlx::Error) -> QueryFault {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) => QueryFault::ConnectionLost,
        sqlx::Error::Database(e) => match e.code().as_deref() {
            Some("42501") => QueryFault::Denied,
            // Table, column, schema. Functions, operators and types are missing
            // only from what a row filter uses.
            Some("42P01" | "42703" | "3F000") => QueryFault::Missing,
            // Cancelled, no lock in time, and on a standby in the way of recovery.
            Some("57014" | "55P03" | "40001" | "40P01") => QueryFault::TimedOut,
            Some("57P01" | "57P02" | "57P03" | "57P05" | "25P03" | "25P04") => QueryFault::ConnectionLost,
            Some(code) if code.starts_with("08") => QueryFault::ConnectionLost,
            Some(code) if code.starts_with("42") => QueryFault::Syntax,
            _ => QueryFault::Other,
        },
        _ => QueryFault::Other,
    }
}

fn cause(error: sqlx::Error) -> Cause {
    match error {
        sqlx::Error::Database(e) => {
            let code = e.code().unwrap_or_default().into_owned();
            let quotes_data = CLASSES_WITH_DATA.iter().any(|class| code.starts_with(class));
            let message = if quotes_data {
                format!("the server refused a value, which is not repeated here{}", place(e.as_ref()))
            } else {
                e.message().to_owned()
            };
            Box::new(ServerError { code, message })
        }
        other => Box::new(other),
    }
}

/// The names that the server sends beside its message, so that nobody has to
/// guess which constraint it was.
fn place(error: &dyn sqlx::error::DatabaseError) -> String {
    let column = error.try_downcast_ref::<PgDatabaseError>().and_then(PgDatabaseError::column);
    let names = [("constraint", error.constraint()), ("column", column)];
    names.into_iter().filter_map(|(kind, name)| Some(format!("; {kind} `{}`", name?))).collect()
}
