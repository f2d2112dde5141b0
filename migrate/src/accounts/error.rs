//! What can go wrong with an account.

use switchback_engines::{Class, Error as EngineError};

pub type Result<T, E = AccountError> = std::result::Result<T, E>;

/// `Display` never repeats its source. No variant holds a password.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The server can't be asked.
    #[error("what the account needs cannot be found out")]
    Look(#[source] EngineError),

    /// A name that the server would not take, or takes for something else.
    #[error("the account cannot be called that: {why}")]
    Name { why: &'static str },

    #[error("an account needs a password")]
    NoPassword,

    /// Who is a member of such a role can become it, and with it everything.
    #[error("`{owner}` owns {tables}, and is a superuser: a member of it may do everything")]
    SuperuserOwner { owner: String, tables: String },

    /// The server has no right that is less than all rights.
    #[error("{what} takes a superuser on {server}")]
    NoRight { what: &'static str, server: String },

    /// A statement was refused. Which one is told by its beginning.
    #[error("{account}: {verb} was refused")]
    Step {
        account: String,
        verb: String,
        #[source]
        source: Box<EngineError>,
    },

    /// The statement with the password was refused in words that repeat it.
    #[error("{account}: {verb} was refused, in words that are not repeated here")]
    Unsaid { account: String, verb: String },

    /// Something would not work any more without the account.
    #[error("{account} is still needed: {what}")]
    StillNeeded { account: String, what: String },
}

impl AccountError {
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Look(error) => error.class(),
            Self::Step { source, .. } => source.class(),
            Self::Name { .. }
            | Self::NoPassword
            | Self::SuperuserOwner { .. }
            | Self::NoRight { .. }
            | Self::Unsaid { .. }
            | Self::StillNeeded { .. } => Class::Operator,
        }
    }

    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Look(error) => error.hint(),
            Self::Step { .. } | Self::Unsaid { .. } => {
                Some("use an administrator's URL, and a password that the server's rules allow")
            }
            Self::Name { .. } | Self::NoPassword => None,
            Self::SuperuserOwner { .. } => {
                Some("ALTER TABLE … OWNER TO a role that is none, or use PostgreSQL 16 or later")
            }
            Self::NoRight { .. } => Some("use a superuser's URL for the move, or PostgreSQL 15 or later"),
            Self::StillNeeded { .. } => {
                Some("create these anew with another DEFINER, or drop them; then revoke the account again")
            }
        }
    }
}
