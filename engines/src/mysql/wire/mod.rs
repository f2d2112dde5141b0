//! MySQL's client protocol, as much of it as reading needs.
//!
//! An own connection instead of a driver's for three reasons. Bulk reads: a
//! driver turns each cell into a value of its own before we see it, six times
//! the work of handing on the bytes as they came. Cancelling: a driver that
//! keeps a connection alive drains a result nobody wants any more, this one
//! closes the socket. TLS: `verify_ca` has to check the chain without the name.
//!
//! What it does not do: statements with parameters, compression, procedures
//! (several results for one statement), sending files: a server that asks for one has
//! broken the protocol, as far as we are concerned, except in answer to the statement
//! that loads rows, and then it is given rows.
//!
//! - [`cursor`]: reading what packets are made of.
//! - [`channel`]: packets over a stream.
//! - [`tls`]: which server we trust.
//! - [`handshake`] and [`auth`]: getting in.
//! - [`connection`]: statements and their results.

pub(super) mod auth;
pub(super) mod channel;
pub(super) mod connection;
pub(super) mod cursor;
pub(super) mod handshake;
pub(super) mod packet;
pub(super) mod tls;

pub(super) use connection::Connection;
use packet::ServerError;

/// What can go wrong on the wire. Holds neither passwords nor values.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    #[error("the connection broke")]
    Io(#[source] std::io::Error),
    #[error("the TLS handshake failed")]
    Tls(#[source] std::io::Error),
    #[error("the server offers no TLS, and ssl-mode asks for it")]
    NoTls,
    #[error(transparent)]
    Server(ServerError),
    #[error("the server broke the protocol: {0}")]
    Protocol(&'static str),
    #[error("the account uses the authentication method `{0}`, which is not supported")]
    AuthMethod(String),
    #[error("the password could not be encrypted with the server's public key")]
    PublicKey,
    #[error("the statement has {bytes} bytes, more than the server's max_allowed_packet of {bytes_max}")]
    StatementTooLong { bytes: usize, bytes_max: usize },
    /// Of a statement that changed rows: what is stored may not be what was given.
    #[error("the server only warned, where it may have stored another value than it was given")]
    Warned,
    #[error("the row filter holds a `?` outside of quotes, which is a placeholder in MySQL")]
    Placeholder,
}

impl From<std::io::Error> for WireError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

pub(super) type WireResult<T> = Result<T, WireError>;
