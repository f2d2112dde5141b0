//! Questions to a server's catalog: the contract.
//!
//! Apart from [`crate::Database`], whose questions are the same for every engine:
//! what a table, a view or a trigger is made of is told by each engine in its own
//! words, and who moves a structure has to ask in those.

use async_trait::async_trait;

use crate::error::Result;

/// A row of a result as the server's text, NULL as `None`.
pub type TextRow = Vec<Option<String>>;

/// A database that answers questions in its own dialect.
///
/// The sessions are those that [`crate::Database`] reads with: an account that
/// may only read can ask, and no question can change anything.
#[async_trait]
pub trait Look: Send + Sync {
    /// Runs one statement that reads, and gives all of its rows: for results that
    /// are small, such as those of a catalog. `what` says what we are doing, for
    /// the error.
    async fn look(&self, what: &str, statement: &str) -> Result<Vec<TextRow>>;
}
