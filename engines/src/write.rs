//! Writing to a sink: the contract.
//!
//! An engine gives a session and says how it is pinned; which statements to run
//! is decided once for all engines, in [`crate::sql::change`] and by whoever
//! applies.

use std::time::Duration;

use async_trait::async_trait;

use crate::error::{Error, Result};

/// How the writing sessions of an engine behave towards what the schema would
/// do by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Neutral {
    /// Triggers, cascades and foreign keys are off for the session.
    All,
    /// Foreign keys and cascades are off, triggers fire: the engine can't
    /// switch them off for one session. Tables with triggers must be refused.
    TriggersFire,
}

/// How a writing session is opened.
#[derive(Debug, Clone)]
pub struct WriterOptions {
    /// Shown in the server's list of sessions, where it has a place for it.
    pub application_name: String,
    /// A statement that waits longer for a lock fails.
    pub lock_timeout: Duration,
    /// A transaction whose client says nothing for this long is ended by the
    /// server, where it can.
    pub idle_timeout: Duration,
}

impl Default for WriterOptions {
    fn default() -> Self {
        Self {
            application_name: "switchback".to_owned(),
            lock_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(15),
        }
    }
}

/// What a statement did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// Rows that the statement found, also those that it left as they were
    /// (MySQL counts only changed ones unless told otherwise).
    pub affected: u64,
    /// Of a statement with a result: its rows as the server's text, NULL as `None`.
    pub rows: Vec<Vec<Option<String>>>,
}

/// A statement of several failed.
#[derive(Debug)]
pub struct StatementFailed {
    /// Which one, counted from 0. Those before it were run.
    pub index: usize,
    pub violation: Option<Violation>,
    pub error: Error,
}

/// What a server refused, where it is about the data and not about us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Violation {
    /// A unique key has the value already.
    Unique,
    /// A parent is missing, or a child is there.
    ForeignKey,
    /// NOT NULL.
    NotNull,
    /// CHECK, and what else a constraint may say.
    Check,
    /// The column's type can't hold the value.
    Type,
    /// Refused so that another transaction may go on: the same may succeed again.
    Deadlock,
}

/// One session that writes, with no transaction open when it is handed out.
///
/// Pinned: UTC, UTF-8, strict (a value that does not fit is an error and never
/// cut), durable at commit whatever the account's defaults say, a statement
/// waits for a lock for at most the time that was asked for, and a transaction whose client
/// has gone silent is ended by the server after a while, so that a process that
/// was stopped can't hold its locks forever.
#[async_trait]
pub trait Writer: Send {
    /// Runs statements in order, in as few round trips as the protocol takes,
    /// and stops at the first that fails. Outside of a transaction that has been
    /// begun by a statement, each is one of its own.
    ///
    /// # Errors
    /// The first failure. After an error of class
    /// [`crate::error::QueryFault::ConnectionLost`] the session is of no use;
    /// after another, what is open must be rolled back.
    async fn run(&mut self, statements: &[String]) -> std::result::Result<Vec<Outcome>, StatementFailed>;

    fn neutral(&self) -> Neutral;

    /// Ends the session. Dropping it does so too, less politely.
    async fn close(self: Box<Self>) -> Result<()>;
}
