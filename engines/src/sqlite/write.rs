//! The session that writes to a sink.
//!
//! Statements run one after the other on the connection's own thread; several
//! short ones are handed to it as one script, which saves the way there and back
//! for each.
//!
//! What SQLite gives and what it does not:
//!
//! - **Every transaction begins with the write lock** (`BEGIN IMMEDIATE`, also
//!   where a plain `BEGIN` was asked for): one that reads first and writes later
//!   can be refused in the middle, and whether the progress is what we take it
//!   for may only be asked once nobody else can change it.
//! - **Durable at commit**: see [`super::connect::open_end`].
//! - **Triggers fire.** Switching them off is a call of SQLite's C interface that
//!   the driver does not offer. So tables with triggers must be refused as a
//!   sink; those of the tool's own captures don't count, they only write its log.
//! - **Nobody ends a transaction for a client that is silent**: there is no
//!   server. A process that is stopped inside one keeps the write lock until it
//!   goes on or dies. Nothing is applied twice by that, but nothing moves on
//!   either; what waits for the lock is told so after the lock time-out.
//!
//! # Marks
//!
//! A capture of the same file has to tell this session's transactions from all
//! others, and SQLite's triggers know nothing of transactions. So while a stream
//! is armed in the file, the changes of each transaction of a writer are bracketed
//! by two changes of one row (`objects::context`), which the capture finds in its
//! log; a change outside of a transaction is given one. The row is put there anew
//! each time: a script runs ahead of what is known of its outcome, so a mark that
//! could miss its row would be missed after the commit. Whoever applies need not
//! do anything for that, but must write by no other means than this session.
//!
//! Whether a stream is armed is looked at after each `BEGIN`, as arming may
//! happen while the session is open; from there on the lock keeps it as it is.

use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use sqlx::sqlite::SqliteRow;
use sqlx::{Either, Row as _, TypeInfo as _, ValueRef as _};

use super::connect::{self, End};
use super::pool::{self, Member};
use super::statement::{Verb, verb};
use super::{Sqlite, fault, objects};
use crate::display;
use crate::engine::Engine;
use crate::error::{Error, QueryFault, Result};
use crate::sql;
use crate::write::{Neutral, Outcome, StatementFailed, Writer, WriterOptions};

/// Statements are handed over together up to this many bytes. SQLite copies what
/// is left of a script for each statement that it prepares, so a long script
/// would cost more than it saves.
const SCRIPT_BYTES: usize = 16 << 10;

const BEGIN: &str = "BEGIN IMMEDIATE";
const COMMIT: &str = "COMMIT";

pub(super) async fn open(db: &Sqlite, options: &WriterOptions) -> Result<Box<dyn Writer>> {
    let member = connect::open_end(&db.file, End::Writes, options.lock_timeout).await?;
    Ok(Box::new(Session {
        location: db.info.location.clone(),
        member,
        state: State::Idle,
        schema_version: None,
        marks: false,
        bracket: false,
    }))
}

struct Session {
    location: String,
    member: Member,
    state: State,
    /// When it was last looked whether a stream is armed.
    schema_version: Option<String>,
    /// Whether one was.
    marks: bool,
    /// Whether the transaction has changed something, and so has its first mark.
    bracket: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    /// In a transaction.
    Open,
    /// In a transaction of which a statement failed. SQLite itself may have
    /// undone it, so that what came next would be outside of any.
    Failed,
    /// A call was dropped half-way: nobody knows what has been run.
    Lost,
}

/// A statement on its way to the connection's thread.
struct Step {
    sql: String,
    /// To which of the caller's statements it belongs.
    index: usize,
    /// The caller's own, so its outcome is wanted.
    own: bool,
    verb: Verb,
}

#[async_trait]
impl Writer for Session {
    async fn run(&mut self, statements: &[String]) -> std::result::Result<Vec<Outcome>, StatementFailed> {
        let before = std::mem::replace(&mut self.state, State::Lost);
        if before == State::Lost {
            return Err(self.refused(0, QueryFault::ConnectionLost, "an earlier call was dropped before it was done"));
        }
        let mut run = Run { session: self, state: before, wrapped: false, steps: Vec::new(), outcomes: Vec::new() };
        let ended = run.all(statements).await;
        if ended.is_err() && run.wrapped && run.state == State::Open {
            run.steps.clear();
            // The first error is the one to tell; should this fail, too, the
            // state stays as it is and the next statement is refused.
            if run.roll_back(0, "ROLLBACK").await.is_err() {
                run.state = State::Failed;
            }
        }
        let (state, outcomes) = (run.state, run.outcomes);
        self.state = match &ended {
            Err(_) if state == State::Open => State::Failed,
            _ => state,
        };
        ended.map(|()| outcomes)
    }

    fn neutral(&self) -> Neutral {
        Neutral::TriggersFire
    }

    async fn close(self: Box<Self>) -> Result<()> {
        use sqlx::Connection as _;
        let Self { location, member, .. } = *self;
        member.connection.close().await.map_err(|e| fault::querying(&location, "closing the session".to_owned(), e))
    }
}

impl Session {
    fn refused(&self, index: usize, fault: QueryFault, why: &str) -> StatementFailed {
        let error =
            Error::Query { location: self.location.clone(), what: "writing".to_owned(), fault, source: why.into() };
        StatementFailed { index, violation: None, error }
    }

    fn failed(&self, index: usize, error: sqlx::Error) -> StatementFailed {
        let (violation, error) = fault::writing(&self.location, error);
        StatementFailed { index, violation, error }
    }
}

/// One call.
struct Run<'a> {
    session: &'a mut Session,
    state: State,
    /// Whether the transaction is one that was made for a single change.
    wrapped: bool,
    /// Not handed over yet.
    steps: Vec<Step>,
    outcomes: Vec<Outcome>,
}

type Ran<T = ()> = std::result::Result<T, StatementFailed>;

impl Run<'_> {
    async fn all(&mut self, statements: &[String]) -> Ran {
        for (index, sql) in statements.iter().enumerate() {
            let verb = verb(sql);
            match (verb, self.state) {
                (Verb::RollBack, _) => self.roll_back(index, sql).await?,
                (Verb::Restore, State::Failed) => self.restore(index, sql).await?,
                (_, State::Failed) => {
                    let why = "the transaction in which a statement failed has not been rolled back";
                    return Err(self.session.refused(index, QueryFault::Other, why));
                }
                (Verb::Begin, _) => self.begin(index, true).await?,
                (Verb::Commit, State::Open) => {
                    self.commit(index, sql, true);
                    self.flush().await?;
                }
                (Verb::Change, State::Open) => self.change(index, sql),
                (Verb::Change, State::Idle) => {
                    self.wrapped = true;
                    self.begin(index, false).await?;
                    self.change(index, sql);
                    self.commit(index, COMMIT, false);
                    self.flush().await?;
                    self.wrapped = false;
                }
                _ => self.push(index, sql, verb, true),
            }
            if self.steps.iter().map(|step| step.sql.len()).sum::<usize>() >= SCRIPT_BYTES {
                self.flush().await?;
            }
        }
        self.flush().await.map(drop)
    }

    fn push(&mut self, index: usize, sql: &str, verb: Verb, own: bool) {
        self.steps.push(Step { sql: sql.to_owned(), index, own, verb });
    }

    async fn begin(&mut self, index: usize, own: bool) -> Ran {
        self.push(index, BEGIN, Verb::Begin, own);
        self.push(index, "PRAGMA schema_version", Verb::Other, false);
        let version = self.flush().await?;
        if version != self.session.schema_version {
            let context = objects::context();
            let look = format!("SELECT count(*) FROM main.sqlite_schema WHERE type = 'table' AND name = '{context}'");
            self.push(index, &look, Verb::Other, false);
            self.session.marks = self.flush().await?.is_some_and(|count| count != "0");
            self.session.schema_version = version;
        }
        self.session.bracket = false;
        Ok(())
    }

    fn change(&mut self, index: usize, sql: &str) {
        if self.session.marks && !self.session.bracket {
            self.session.bracket = true;
            self.mark(index, 1);
        }
        self.push(index, sql, Verb::Change, true);
    }

    fn commit(&mut self, index: usize, sql: &str, own: bool) {
        if self.session.bracket {
            self.mark(index, 0);
        }
        self.push(index, sql, Verb::Commit, own);
    }

    fn mark(&mut self, index: usize, writing: u8) {
        let table = sql::name(Engine::Sqlite, &objects::context());
        self.push(index, &format!("INSERT OR REPLACE INTO main.{table} VALUES (1, {writing})"), Verb::Change, false);
    }

    /// Goes back to a savepoint after a failure. Where SQLite has undone the whole
    /// transaction there is no savepoint, so that this fails as well.
    async fn restore(&mut self, index: usize, sql: &str) -> Ran {
        let restored = pool::once(sql.to_owned()).execute(&mut self.session.member.connection).await;
        restored.map_err(|error| self.session.failed(index, error))?;
        self.state = State::Open;
        self.outcomes.push(Outcome::default());
        Ok(())
    }

    async fn roll_back(&mut self, index: usize, sql: &str) -> Ran {
        if self.state != State::Failed {
            self.flush().await?;
        }
        let ended = pool::once(sql.to_owned()).execute(&mut self.session.member.connection).await;
        match ended {
            Err(error) if !fault::nothing_to_roll_back(&error) => Err(self.session.failed(index, error)),
            Ok(_) | Err(_) => {
                self.state = State::Idle;
                self.outcomes.push(Outcome::default());
                Ok(())
            }
        }
    }

    /// Runs what has come together. Gives the first cell of the last row, which
    /// is what our own questions ask for.
    async fn flush(&mut self) -> Ran<Option<String>> {
        let steps = std::mem::take(&mut self.steps);
        let Some(last) = steps.last().map(|step| step.index) else { return Ok(None) };
        // A statement may end with a comment, which a line ends.
        let script = steps.iter().map(|step| step.sql.as_str()).collect::<Vec<_>>().join("\n;");
        let mut remaining = steps.iter();
        let mut step = remaining.next();
        let (mut rows, mut answer) = (Vec::new(), None);
        let mut stream = pool::script(&mut self.session.member.connection, script);
        loop {
            let index = step.map_or(last, |step| step.index);
            let next = match stream.try_next().await {
                Ok(next) => next,
                Err(error) => {
                    drop(stream);
                    return Err(self.session.failed(index, error));
                }
            };
            match (next, step) {
                (Some(Either::Right(row)), _) => match texts(&row) {
                    Ok(row) => {
                        answer = row.first().cloned().flatten();
                        rows.push(row);
                    }
                    Err(error) => {
                        drop(stream);
                        return Err(self.session.failed(index, error));
                    }
                },
                (Some(Either::Left(done)), Some(ran)) => {
                    let affected = if ran.verb == Verb::Change { done.rows_affected() } else { 0 };
                    let outcome = Outcome { affected, rows: std::mem::take(&mut rows) };
                    match ran.verb {
                        Verb::Begin => self.state = State::Open,
                        Verb::Commit => self.state = State::Idle,
                        _ => {}
                    }
                    if ran.own {
                        self.outcomes.push(outcome);
                    }
                    step = remaining.next();
                }
                (None, None) => return Ok(answer),
                (Some(Either::Left(_)), None) | (None, Some(_)) => {
                    drop(stream);
                    let why = "a text held no statement, or more than one";
                    return Err(self.session.refused(index, QueryFault::Syntax, why));
                }
            }
        }
    }
}

/// A row as text: numbers as SQLite's literals, blobs in hexadecimal.
pub(super) fn texts(row: &SqliteRow) -> std::result::Result<Vec<Option<String>>, sqlx::Error> {
    (0..row.len())
        .map(|i| {
            let cell = row.try_get_raw(i)?;
            if cell.is_null() {
                return Ok(None);
            }
            let class = cell.type_info();
            Ok(Some(match class.name() {
                "INTEGER" => row.try_get_unchecked::<i64, _>(i)?.to_string(),
                "REAL" => format!("{:?}", row.try_get_unchecked::<f64, _>(i)?),
                "BLOB" => display::hex(row.try_get_unchecked::<&[u8], _>(i)?),
                _ => row.try_get_unchecked::<String, _>(i)?,
            }))
        })
        .collect()
}
