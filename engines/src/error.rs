//! What can go wrong between us and a database, and what to do about it.

use std::error::Error as StdError;

/// A driver's error, kept as the cause and never part of our own text.
pub type Cause = Box<dyn StdError + Send + Sync + 'static>;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Errors of the engines. `Display` never repeats its source: whoever prints
/// walks the chain. No variant holds a cell's value or a password.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the database URL cannot be used: {why}")]
    Url { why: String, hint: &'static str },

    #[error("cannot connect to {location}")]
    Connect {
        location: String,
        fault: ConnectFault,
        #[source]
        source: Cause,
    },

    /// A statement failed. `what` says what we were doing, in words, for
    /// example ``reading `public.orders` ``.
    #[error("{location}: {what} failed")]
    Query {
        location: String,
        what: String,
        fault: QueryFault,
        #[source]
        source: Cause,
    },

    /// A column whose type has no canonical form: it can't be compared, and is
    /// never skipped silently.
    #[error("`{table}`.`{column}`: the type `{native}` cannot be compared")]
    UnknownType { table: String, column: String, native: String },

    /// Changes can't be captured, or not any further. `why` says what was found
    /// and what was expected.
    #[error("{location}: the changes cannot be followed: {why}")]
    Capture { location: String, fault: CaptureFault, why: String },

    /// The server sent bytes that its own protocol does not allow, or a value
    /// outside of what the column's type can hold.
    #[error("`{table}`.`{column}`: {why}")]
    Decode { table: String, column: String, why: String },
}

/// Why a connection could not be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectFault {
    /// Nobody answers there, or the name can't be resolved.
    Unreachable,
    /// User, password or database were refused.
    Refused,
    /// The two ends could not agree on TLS.
    Tls,
    /// The file is missing or is no database.
    File,
    /// Another process holds the file locked.
    Locked,
    Other,
}

/// Why a statement failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryFault {
    /// The account may not read this.
    Denied,
    /// The table or column isn't there (any more).
    Missing,
    /// The connection broke while the statement ran.
    ConnectionLost,
    /// The statement was cancelled or took longer than the server allows.
    TimedOut,
    /// The SQL was refused; as our own text is tested, a row filter is the
    /// likely cause.
    Syntax,
    Other,
}

/// Why changes can't be captured. None of these goes away by trying again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaptureFault {
    /// There is a stream of this name, and it is left as it is.
    AlreadyArmed,
    /// The slot, publication or change table that arming made is not there.
    NotArmed,
    /// The server no longer has the log from this position on.
    LogGone,
    /// The server was told that later changes are safe than the sink has: some
    /// are lost to us (`confirmed_flush_lsn` beyond the saved position).
    Ahead,
    /// Another server, or another slot of the same name.
    OtherIncarnation,
    /// A table is not what it was when the stream was armed.
    SchemaChanged,
    /// The server's settings, or a change in its log, make a faithful stream
    /// impossible: no row images, statements instead of rows.
    Unfaithful,
    /// The account may not read the log.
    Denied,
}

/// What to do about an error: the one table that decides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The same call may well succeed when made again.
    Transient,
    /// A person has to change something first.
    Operator,
    /// Neither helps: a limit of the tool, or data it can't read.
    Permanent,
}

impl Error {
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Url { .. } => Class::Operator,
            Self::Connect { fault, .. } => match fault {
                ConnectFault::Unreachable | ConnectFault::Locked => Class::Transient,
                ConnectFault::Refused | ConnectFault::Tls | ConnectFault::File | ConnectFault::Other => Class::Operator,
            },
            Self::Query { fault, .. } => match fault {
                QueryFault::ConnectionLost => Class::Transient,
                QueryFault::Denied | QueryFault::Missing | QueryFault::TimedOut | QueryFault::Syntax => Class::Operator,
                QueryFault::Other => Class::Permanent,
            },
            Self::Capture { .. } => Class::Operator,
            Self::UnknownType { .. } | Self::Decode { .. } => Class::Permanent,
        }
    }

    /// What the operator can do, where we know.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Url { hint, .. } => Some(hint),
            Self::Connect { fault, .. } => match fault {
                ConnectFault::Unreachable => {
                    Some("check host and port, and that the server runs and accepts connections from here")
                }
                ConnectFault::Refused => Some("check user, password and database in the URL"),
                ConnectFault::Tls => Some(
                    "the two ends do not agree on TLS: set sslmode (PostgreSQL) or ssl-mode (MySQL) in the URL to what the server offers, and give its CA",
                ),
                ConnectFault::File => Some("check the path, and that the file is a SQLite database this user may read"),
                ConnectFault::Locked => Some("wait for the process that holds the file, or end it"),
                ConnectFault::Other => None,
            },
            Self::Query { fault, .. } => match fault {
                QueryFault::Denied => Some("grant SELECT on the table to the account in the URL, or exclude the table"),
                QueryFault::Missing => Some("check the name; the account may also lack the right to see it"),
                QueryFault::ConnectionLost => {
                    Some("the server closed the connection; check that it still runs, then start again")
                }
                QueryFault::TimedOut => Some("raise the statement time-out of the account"),
                QueryFault::Syntax => {
                    Some("check the row filter: it is used as the WHERE condition of that side's own dialect")
                }
                QueryFault::Other => None,
            },
            Self::UnknownType { .. } => {
                Some("ignore the column (--ignore-columns TABLE.COLUMN); the certificate will list it")
            }
            Self::Capture { fault, .. } => Some(match fault {
                CaptureFault::AlreadyArmed => "disarm the stream of this name first, or give this one another name",
                CaptureFault::NotArmed => "arm the stream again, which means to load the data again",
                CaptureFault::LogGone => {
                    "the log was removed before it was read: load the data again, and let the server keep its log for longer"
                }
                CaptureFault::Ahead => {
                    "changes between the two positions are not to be had any more: compare the databases, and load again what differs"
                }
                CaptureFault::OtherIncarnation => "point the URL at the server that the stream was armed on",
                CaptureFault::SchemaChanged => "bring the other side to the same structure, then arm the stream again",
                CaptureFault::Unfaithful => "change the setting that is named, on the server and in its sessions",
                CaptureFault::Denied => "grant the account the right to replicate",
            }),
            Self::Decode { .. } => None,
        }
    }
}
