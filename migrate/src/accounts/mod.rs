//! Accounts that may do what a move needs, and nothing else.
//!
//! [`plan()`] says, for one end of a move, by which statements an administrator makes
//! such an account and by which it goes again, each with the reason for it, so that
//! it can be read and run by hand. [`create()`] and [`revoke()`] run them.
//!
//! Which rights are needed is written down once, in [`rights`]: the statements are
//! made from it, the check asks for it, and the page in the manual is generated from
//! it. What is in it was found by trying on real servers: whichever right is taken
//! from an account, something of a move fails, and with all of them nothing does.
//!
//! Invariants: a plan never holds a password, only the place where it goes; every
//! step can be run again, and one that is done is passed over; nobody but the account
//! is given anything.
//!
//! - `request`: for which end and which parts of a move. `plan`: the statements.
//! - `rights`: the rights of each engine. `grants`: what a MySQL or MariaDB account
//!   has. `postgres`, `mysql`: from rights to statements.
//! - `run`: doing it.
//!
//! What it does not do: end a stream (disarm it before the account goes), or give
//! stored programs of MySQL and MariaDB another definer, without which such an
//! account can't go; see [`AccountError::StillNeeded`].

mod error;
pub(crate) mod grants;
pub(crate) mod mysql;
mod plan;
mod postgres;
mod request;
pub mod rights;
mod run;

use switchback_engines::{Endpoint, Engine};

pub use self::error::{AccountError, Result};
pub use self::plan::{AccountPlan, Action, Planned, Step};
pub use self::request::{AccountRequest, Part};
pub use self::run::{Ran, create, revoke};

/// Plans an account for `endpoint`, which an administrator has opened. Nothing is
/// changed.
///
/// # Errors
/// [`AccountError`]: when the server can't be asked, or no account of this name could
/// be given what it needs.
pub async fn plan(endpoint: &dyn Endpoint, request: &AccountRequest) -> Result<Planned> {
    match endpoint.info().engine {
        Engine::Postgres => postgres::plan(endpoint, request).await.map(Planned::Account),
        Engine::MySql => mysql::plan(endpoint, request).await.map(Planned::Account),
        Engine::Sqlite => {
            Ok(Planned::None { why: "SQLite has no accounts: whoever may write the file may do everything" })
        }
        Engine::SqlServer | Engine::MongoDb => Ok(Planned::None { why: "this engine can't be moved yet" }),
    }
}
