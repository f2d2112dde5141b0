//! The errors of the wire in the words of all engines.

use super::wire::WireError;
use crate::error::{ConnectFault, Error, QueryFault};

/// The connection to `location` could not be had.
pub(super) fn connect_error(location: &str, source: WireError) -> Error {
    Error::Connect { location: location.to_owned(), fault: connect_fault(&source), source: Box::new(source) }
}

/// A statement failed while we were doing `what`.
pub(super) fn query_error(location: &str, what: impl Into<String>, source: WireError) -> Error {
    Error::Query {
        location: location.to_owned(),
        what: what.into(),
        fault: query_fault(&source),
        source: Box::new(source),
    }
}

/// A cell of the catalog is not what it should be.
pub(super) const NO_CATALOG: WireError = WireError::Protocol("its catalog has something else than was asked for");

/// The server's own number of an error, where it is one of the server's.
pub(super) fn server_code(error: &Error) -> Option<u16> {
    match error {
        Error::Query { source, .. } | Error::Connect { source, .. } => match source.downcast_ref()? {
            WireError::Server(e) => Some(e.code),
            _ => None,
        },
        Error::Url { .. } | Error::UnknownType { .. } | Error::Capture { .. } | Error::Decode { .. } => None,
    }
}

fn connect_fault(error: &WireError) -> ConnectFault {
    match error {
        // Too many connections and a shutdown under way pass by themselves.
        WireError::Server(e) => match e.code {
            1040 | 1053 | 1203 => ConnectFault::Unreachable,
            1044 | 1045 | 1049 | 1129 | 1130 | 1226 | 1251 | 1524 | 1698 | 1820 | 1862 | 3118 | 4151 => {
                ConnectFault::Refused
            }
            3159 => ConnectFault::Tls,
            _ => ConnectFault::Other,
        },
        WireError::Io(_) => ConnectFault::Unreachable,
        WireError::Tls(_) | WireError::NoTls | WireError::PublicKey => ConnectFault::Tls,
        WireError::AuthMethod(_) => ConnectFault::Refused,
        WireError::Protocol(_) | WireError::StatementTooLong { .. } | WireError::Warned | WireError::Placeholder => {
            ConnectFault::Other
        }
    }
}

fn query_fault(error: &WireError) -> QueryFault {
    match error {
        WireError::Server(e) => match e.code {
            1044 | 1142 | 1143 | 1227 | 1370 => QueryFault::Denied,
            1049 | 1051 | 1054 | 1109 | 1146 => QueryFault::Missing,
            1053 | 1152 | 1158..=1161 | 1184 | 1927 | 4031 => QueryFault::ConnectionLost,
            1205 | 1317 | 1969 | 3024 => QueryFault::TimedOut,
            1064 | 1149 => QueryFault::Syntax,
            _ => QueryFault::Other,
        },
        WireError::Io(_) => QueryFault::ConnectionLost,
        WireError::Placeholder => QueryFault::Syntax,
        WireError::Tls(_)
        | WireError::NoTls
        | WireError::PublicKey
        | WireError::AuthMethod(_)
        | WireError::Protocol(_)
        | WireError::Warned
        | WireError::StatementTooLong { .. } => QueryFault::Other,
    }
}
