//! Sessions that write.
//!
//! What is sent in one call goes out in as few messages as the protocol allows:
//! a transaction, from its `BEGIN` on, is one simple-query message, so that it
//! costs one round trip whatever its number of statements. Only a statement
//! outside of a transaction has a message to itself, because the server makes
//! one transaction of all that a message holds.
//!
//! Invariants: triggers, cascades and foreign keys do nothing in these sessions
//! (`session_replication_role`), a commit that is answered is on disk, and after
//! a failure nothing but a roll-back is let through, of the transaction or to a
//! savepoint. The last one is ours, since
//! the server answers a `COMMIT` of a failed transaction with a roll-back that
//! is no error.
//!
//! What is lost with the triggers is the check of *deferrable* unique and
//! exclusion constraints, which is a trigger too: a duplicate is let in. Whoever
//! writes into a table that has such a one has to look himself.

mod bulk;

use std::time::Duration;

use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Connection as _, Either, Row as _, ValueRef as _};

use super::connect::Connector;
use super::fault;
use crate::bulk::Loader;
use crate::error::{ConnectFault, Error, QueryFault, Result};
use crate::sql;
use crate::write::{Neutral, Outcome, StatementFailed, Violation, Writer, WriterOptions};

/// What differs from the reading sessions, whose settings are made first.
///
/// `remote_apply` is more than `on`, so it is left where it is.
///
/// What is written to is found by keys, a thousand at most. The planner would
/// rather read a table of a hundred thousand rows for that, each time; where there
/// is no index to use, it still does.
const PIN: &str = "
    SET default_transaction_read_only = off;
    SELECT set_config('synchronous_commit', 'on', false)
    WHERE current_setting('synchronous_commit') <> 'remote_apply';
    SET max_parallel_workers_per_gather = 0;
    SET enable_seqscan = off;
    SET enable_hashjoin = off;
    SET enable_mergejoin = off";

/// Apart, because it needs a privilege and its refusal an explanation.
const NEUTRALISE: &str = "SET session_replication_role = replica";

const WHAT: &str = "writing";

/// Opens a session that writes.
pub(super) async fn open(connector: &Connector, options: &WriterOptions) -> Result<Box<dyn Writer>> {
    Ok(Box::new(session(connector, options).await?))
}

/// Opens one that also takes many rows at once.
pub(super) async fn open_bulk(connector: &Connector, options: &WriterOptions) -> Result<Loader> {
    Ok(Loader::Bulk(Box::new(session(connector, options).await?)))
}

async fn session(connector: &Connector, options: &WriterOptions) -> Result<PostgresWriter> {
    let mut connection = connector.open().await?;
    let location = connector.location();
    let refused = |e| fault::connect(location, e);
    sqlx::raw_sql(PIN).execute(&mut connection).await.map_err(refused)?;
    sqlx::raw_sql(AssertSqlSafe(limits(options))).execute(&mut connection).await.map_err(refused)?;
    match sqlx::raw_sql(NEUTRALISE).execute(&mut connection).await {
        Ok(_) => {}
        Err(sqlx::Error::Database(e)) if e.code().as_deref() == Some("42501") => return Err(unprivileged(location)),
        Err(e) => return Err(refused(e)),
    }
    Ok(PostgresWriter { connection, location: location.to_owned(), state: State::Idle })
}

fn limits(options: &WriterOptions) -> String {
    format!(
        "SET lock_timeout = {}; SET idle_in_transaction_session_timeout = {}; SET application_name = {}",
        milliseconds(options.lock_timeout),
        milliseconds(options.idle_timeout),
        sql::quoted(&options.application_name),
    )
}

/// Zero would be for ever.
fn milliseconds(time: Duration) -> i32 {
    i32::try_from(time.as_millis()).unwrap_or(i32::MAX).max(1)
}

fn unprivileged(location: &str) -> Error {
    Error::Connect {
        location: location.to_owned(),
        fault: ConnectFault::Other,
        source: "the account may not switch off triggers and foreign keys for its own session: \
                 GRANT SET ON PARAMETER session_replication_role to it (PostgreSQL 15 and later), \
                 or use a superuser"
            .into(),
    }
}

#[derive(Debug)]
struct PostgresWriter {
    connection: PgConnection,
    location: String,
    state: State,
}

/// What the statements so far have come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Open,
    /// A statement failed and the transaction waits to be rolled back.
    Failed,
    /// A message is on its way. Found at the start of a call, it means that the
    /// one before was dropped, so that nobody knows what was run.
    Unknown,
}

/// What a statement does to the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Begin,
    Commit,
    Rollback,
    /// To a savepoint, which brings a failed transaction back to life.
    Restore,
    Other,
}

impl Step {
    fn of(statement: &str) -> Self {
        let mut words = statement.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        let mut next = || words.next().map(str::to_ascii_uppercase).unwrap_or_default();
        match (next().as_str(), next().as_str()) {
            ("BEGIN", _) | ("START", "TRANSACTION") => Self::Begin,
            ("COMMIT" | "ROLLBACK", "PREPARED") => Self::Other,
            ("ROLLBACK", "TO") => Self::Restore,
            ("COMMIT" | "END", _) | ("PREPARE", "TRANSACTION") => Self::Commit,
            ("ROLLBACK" | "ABORT", _) => Self::Rollback,
            _ => Self::Other,
        }
    }
}

impl State {
    fn after(self, step: Step) -> Self {
        match step {
            Step::Begin => Self::Open,
            Step::Commit | Step::Rollback => Self::Idle,
            Step::Restore if self == Self::Failed => Self::Open,
            Step::Restore | Step::Other => self,
        }
    }

    /// Whether it is the server that ended the transaction when `step` failed.
    fn after_failed(self, step: Step) -> Self {
        match (self, step) {
            // A deferred constraint, and the transaction is gone.
            (_, Step::Commit | Step::Rollback) | (Self::Idle, _) => Self::Idle,
            (Self::Open | Self::Failed | Self::Unknown, _) => Self::Failed,
        }
    }
}

/// How many of `statements` go into one message.
fn message_len(state: State, statements: &[String]) -> usize {
    let mut state = state;
    let mut len = 0;
    for statement in statements {
        let step = Step::of(statement);
        if state == State::Idle && step != Step::Begin {
            return len.max(1);
        }
        state = state.after(step);
        len += 1;
    }
    len
}

impl PostgresWriter {
    /// Runs one message and adds what its statements did to `outcomes`.
    async fn send(&mut self, statements: &[String], outcomes: &mut Vec<Outcome>) -> Result<(), sqlx::Error> {
        let text = statements.join(";\n");
        let mut results = sqlx::raw_sql(AssertSqlSafe(text)).fetch_many(&mut self.connection);
        let mut rows = Vec::new();
        while let Some(result) = results.try_next().await? {
            match result {
                Either::Left(done) => {
                    outcomes.push(Outcome { affected: done.rows_affected(), rows: std::mem::take(&mut rows) });
                }
                Either::Right(row) => rows.push(texts(&row)?),
            }
        }
        Ok(())
    }

    fn failed(&self, index: usize, statement: Option<&String>, error: sqlx::Error) -> StatementFailed {
        let empties = statement.is_some_and(|s| s.starts_with("TRUNCATE "));
        let violation = match &error {
            // Said of a table that others refer to, whatever the session's role.
            sqlx::Error::Database(e) if empties && e.code().as_deref() == Some("0A000") => Some(Violation::ForeignKey),
            sqlx::Error::Database(e) => e.code().as_deref().and_then(violation),
            _ => None,
        };
        StatementFailed { index, violation, error: fault::query(&self.location, WHAT, error) }
    }

    fn refused(&self, index: usize, fault: QueryFault, why: &'static str) -> StatementFailed {
        let error = Error::Query { location: self.location.clone(), what: WHAT.to_owned(), fault, source: why.into() };
        StatementFailed { index, violation: None, error }
    }
}

#[async_trait]
impl Writer for PostgresWriter {
    async fn run(&mut self, statements: &[String]) -> Result<Vec<Outcome>, StatementFailed> {
        let mut outcomes = Vec::with_capacity(statements.len());
        while let Some(rest) = statements.get(outcomes.len()..).filter(|rest| !rest.is_empty()) {
            let sent = outcomes.len();
            let before = self.state;
            match before {
                State::Unknown => {
                    return Err(self.refused(sent, QueryFault::ConnectionLost, "an answer was not waited for"));
                }
                State::Failed if !matches!(Step::of(&rest[0]), Step::Rollback | Step::Restore) => {
                    return Err(self.refused(sent, QueryFault::Other, "the transaction failed before"));
                }
                State::Idle | State::Open | State::Failed => {}
            }
            let message = &rest[..message_len(before, rest)];
            self.state = State::Unknown;
            let result = self.send(message, &mut outcomes).await;
            let done = outcomes.len().saturating_sub(sent);
            let ran = message.iter().take(done).map(|s| Step::of(s)).fold(before, State::after);
            match result {
                Ok(()) if done == message.len() => self.state = ran,
                Ok(()) => {
                    return Err(self.refused(
                        sent,
                        QueryFault::Other,
                        "the server answered another number of statements",
                    ));
                }
                Err(error) => {
                    let failed = message.get(done).map_or(Step::Other, |s| Step::of(s));
                    if matches!(error, sqlx::Error::Database(_)) {
                        self.state = ran.after_failed(failed);
                    }
                    return Err(self.failed(outcomes.len(), message.get(done), error));
                }
            }
        }
        Ok(outcomes)
    }

    fn neutral(&self) -> Neutral {
        Neutral::All
    }

    async fn close(self: Box<Self>) -> Result<()> {
        let Self { connection, location, .. } = *self;
        connection.close().await.map_err(|e| fault::query(&location, "closing the session", e))
    }
}

/// A simple query's results are text, whatever their types.
pub(super) fn texts(row: &PgRow) -> Result<Vec<Option<String>>, sqlx::Error> {
    let cell = |i| {
        let value = row.try_get_raw(i)?;
        if value.is_null() {
            return Ok(None);
        }
        value.as_str().map(|text| Some(text.to_owned())).map_err(sqlx::Error::Decode)
    };
    (0..row.len()).map(cell).collect()
}

fn violation(code: &str) -> Option<Violation> {
    Some(match code {
        "23505" => Violation::Unique,
        "23503" | "23001" => Violation::ForeignKey,
        "23502" => Violation::NotNull,
        "23514" | "23P01" | "23000" => Violation::Check,
        "40001" | "40P01" => Violation::Deadlock,
        _ if code.starts_with("22") => Violation::Type,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lens(state: State, statements: &[&str]) -> Vec<usize> {
        let statements: Vec<String> = statements.iter().map(|s| (*s).to_owned()).collect();
        let (mut state, mut at, mut lens) = (state, 0, Vec::new());
        while at < statements.len() {
            let len = message_len(state, &statements[at..]);
            state = statements[at..at + len].iter().map(|s| Step::of(s)).fold(state, State::after);
            at += len;
            lens.push(len);
        }
        lens
    }

    #[test]
    fn a_transaction_is_one_message_and_a_statement_of_its_own_another() {
        assert_eq!(lens(State::Idle, &["BEGIN", "a", "b", "COMMIT"]), [4]);
        assert_eq!(lens(State::Idle, &["BEGIN", "a", "COMMIT", "begin;", "b", "commit"]), [6]);
        assert_eq!(lens(State::Idle, &["a", "b", "BEGIN", "c", "COMMIT", "d"]), [1, 1, 3, 1]);
        assert_eq!(lens(State::Open, &["a", "ROLLBACK TO SAVEPOINT s", "b"]), [3]);
        assert_eq!(lens(State::Open, &["ROLLBACK", "a", "b"]), [1, 1, 1]);
        assert_eq!(lens(State::Failed, &["ROLLBACK TO SAVEPOINT s", "a", "COMMIT"]), [3]);
    }

    #[test]
    fn no_time_is_for_ever() {
        assert_eq!(milliseconds(Duration::ZERO), 1);
        assert_eq!(milliseconds(Duration::from_secs(30)), 30_000);
        assert_eq!(milliseconds(Duration::MAX), i32::MAX);
    }
}
