//! The progress row: what the sink has, and who may add to it.
//!
//! Where several sessions apply, the row stands still until all shares of a group are
//! in the sink. Each share's transaction keeps the row from being claimed, sees that
//! it is as it was, and leaves a mark of its own (`STREAM/3`) beside it; the
//! transaction that moves the row on removes the marks. So marks that are found tell
//! which shares of a group, that ended where they say, are there already.

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use switchback_engines::{Engine, OwnedValue, Position, ServerInfo, StreamName, Value, Writer};

use crate::apply::timed_out;
use crate::error::{Error, Result};
use crate::failpoint::reached;
use crate::own::{Own, Store, text};
use crate::transaction::Transaction;

/// How far a stream has come, as its sink has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Raised by each process that claims the stream.
    pub epoch: i64,
    /// Which log the position is in.
    pub incarnation: String,
    pub position: Position,
    /// Transactions of the origin that were applied since the stream was armed.
    pub seq: i64,
    /// Changes of rows, likewise.
    pub rows: i64,
    /// 64 hexadecimal digits; see the crate's tenth invariant.
    pub chain: String,
    /// Of the last transaction, by the origin's clock, microseconds since
    /// 1970-01-01 UTC; 0 before the first.
    pub committed_at: i64,
    pub closed: bool,
}

impl Progress {
    /// Before anything was applied.
    pub(crate) fn first(incarnation: &str, position: &Position) -> Self {
        Self {
            epoch: 0,
            incarnation: incarnation.to_owned(),
            position: position.clone(),
            seq: 0,
            rows: 0,
            chain: blake3::hash(incarnation.as_bytes()).to_hex().to_string(),
            committed_at: 0,
            closed: false,
        }
    }

    /// Taken over by somebody who has nothing to add.
    pub(crate) fn taken_over(&self) -> Self {
        Self { epoch: after(self.epoch), ..self.clone() }
    }

    /// Moves behind one more transaction.
    pub(crate) fn pass(&mut self, transaction: &Transaction) {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.chain.as_bytes());
        hasher.update(&(transaction.position.0.len() as u64).to_le_bytes());
        hasher.update(transaction.position.0.as_bytes());
        hasher.update(&transaction.digest);
        self.chain = hasher.finalize().to_hex().to_string();
        let rows = i64::try_from(transaction.changes.count()).unwrap_or(i64::MAX);
        self.rows = self.rows.saturating_add(rows);
        self.seq = self.seq.saturating_add(1);
        self.position.clone_from(&transaction.position);
        self.committed_at = transaction.committed_at;
    }
}

/// Under which epochs a process may find a stream that it has claimed itself.
///
/// Two, for the answer to a claim may be lost: the one before it, and the one
/// that it made. An epoch grows by a number that nobody else would take, so that
/// the claim of another process is never mistaken for ours.
#[derive(Debug, Default)]
pub(crate) struct Claims(Option<[i64; 2]>);

impl Claims {
    pub(crate) fn may_be(&self, epoch: i64) -> bool {
        self.0.is_none_or(|ours| ours.contains(&epoch))
    }

    pub(crate) fn latest(&self) -> i64 {
        self.0.map_or(0, |[_, latest]| latest)
    }
}

fn after(epoch: i64) -> i64 {
    // Up to 2^31, and so there are 2^32 claims to come.
    let step = i64::from(u32::try_from(RandomState::new().build_hasher().finish() >> 33).unwrap_or(0));
    epoch.saturating_add(1 + step)
}

/// More sessions gain nothing, and marks are looked for by their names.
pub(crate) const SESSIONS_MAX: usize = 32;

/// A group of which some shares are in the sink, and some may not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unfinished {
    /// Of the last of its transactions.
    pub(crate) end: Position,
    /// Among how many sessions it was divided.
    pub(crate) sessions: usize,
    /// [`crate::shares::Division::digest`].
    pub(crate) digest: String,
    /// Whose shares are there.
    pub(crate) done: BTreeSet<usize>,
}

/// The progress table of a sink, for one stream.
#[derive(Debug)]
pub(crate) struct ProgressTable {
    store: Store,
    engine: Engine,
    location: String,
    stream: StreamName,
}

const COLUMNS: [&str; 8] = ["epoch", "incarnation", "position", "seq", "row_count", "chain", "committed_at", "closed"];

impl ProgressTable {
    pub(crate) fn new(sink: &ServerInfo, stream: &StreamName) -> Self {
        Self {
            store: Store::new(sink, Own::Progress),
            engine: sink.engine,
            location: sink.location.clone(),
            stream: stream.clone(),
        }
    }

    /// How a transaction begins.
    pub(crate) fn begin(&self) -> &'static str {
        begin(self.engine)
    }

    pub(crate) fn insert(&self, progress: &Progress) -> String {
        let mut cells = vec![("stream", text(self.stream.as_str()))];
        cells.extend(cells_of(progress));
        self.store.insert(&cells)
    }

    /// Advances the row from exactly `from`; finds one row or the stream is lost
    /// to another process.
    pub(crate) fn advance(&self, from: &Progress, to: &Progress) -> String {
        self.store.update(&self.exactly(from), &cells_of(to))
    }

    /// Removes the row, and all marks.
    pub(crate) fn delete(&self) -> String {
        let stream = self.store.is("stream", &text(self.stream.as_str()));
        format!("DELETE FROM {} WHERE {stream} OR {}", self.store.name(), self.marks())
    }

    /// Keeps the row from being changed until the transaction ends, if it is `from`;
    /// finds one row, or none when it is not.
    pub(crate) fn hold(&self, from: &Progress) -> String {
        let lock = match self.engine {
            Engine::Postgres => " FOR SHARE",
            // MariaDB knows no other spelling.
            Engine::MySql => " LOCK IN SHARE MODE",
            Engine::Sqlite | Engine::SqlServer | Engine::MongoDb => "",
        };
        let found: Vec<String> = self.exactly(from).iter().map(|(name, value)| self.store.is(name, value)).collect();
        format!("SELECT 1 FROM {} WHERE {}{lock}", self.store.name(), found.join(" AND "))
    }

    /// Leaves the mark of a session's share.
    pub(crate) fn mark(&self, from: &Progress, session: usize, group: &Unfinished) -> String {
        let mark = Progress {
            position: group.end.clone(),
            seq: i64::try_from(group.sessions).unwrap_or(i64::MAX),
            chain: group.digest.clone(),
            ..from.clone()
        };
        let mut cells = vec![("stream", text(&self.mark_name(session)))];
        cells.extend(cells_of(&mark));
        self.store.insert(&cells)
    }

    /// Removes all marks.
    pub(crate) fn unmark(&self) -> String {
        format!("DELETE FROM {} WHERE {}", self.store.name(), self.marks())
    }

    fn mark_name(&self, session: usize) -> String {
        format!("{}{MARK}{session}", self.stream)
    }

    fn marks(&self) -> String {
        let one = |session| self.store.is("stream", &text(&self.mark_name(session)));
        format!("({})", (0..SESSIONS_MAX).map(one).collect::<Vec<_>>().join(" OR "))
    }

    fn exactly(&self, from: &Progress) -> [(&'static str, OwnedValue); 6] {
        [
            ("stream", text(self.stream.as_str())),
            ("epoch", Value::Int(from.epoch)),
            ("seq", Value::Int(from.seq)),
            ("position", text(&from.position.0)),
            ("incarnation", text(&from.incarnation)),
            ("closed", Value::Int(0)),
        ]
    }

    /// The group of which marks were left. Read by whoever has claimed the stream,
    /// so that nobody leaves another one.
    pub(crate) async fn unfinished(&self, writer: &mut dyn Writer) -> Result<Option<Unfinished>> {
        let columns: Vec<String> = ["stream", "position", "seq", "chain"]
            .iter()
            .map(|name| switchback_engines::sql::name(self.engine, name))
            .collect();
        let query = format!("SELECT {} FROM {} WHERE {}", columns.join(", "), self.store.name(), self.marks());
        let outcomes = writer.run(&[query]).await.map_err(|failed| failed.error)?;
        let mut found: Option<Unfinished> = None;
        for row in outcomes.into_iter().flat_map(|outcome| outcome.rows) {
            let unreadable = || Error::State { what: format!("a mark of the stream `{}`", self.stream) };
            let (session, group) = parse_mark(row).ok_or_else(unreadable)?;
            let of = found.get_or_insert_with(|| group.clone());
            if (&of.end, of.sessions, &of.digest) != (&group.end, group.sessions, &group.digest) {
                return Err(unreadable());
            }
            of.done.insert(session);
        }
        Ok(found)
    }

    /// Reads the row and keeps it locked until the transaction ends. Waits for
    /// whoever holds it: a server that still finishes what a killed client sent.
    fn select(&self) -> String {
        let columns: Vec<String> =
            COLUMNS.iter().map(|name| switchback_engines::sql::name(self.engine, name)).collect();
        let lock = match self.engine {
            Engine::Postgres | Engine::MySql => " FOR UPDATE",
            Engine::Sqlite | Engine::SqlServer | Engine::MongoDb => "",
        };
        let stream = self.store.is("stream", &text(self.stream.as_str()));
        format!("SELECT {} FROM {} WHERE {stream}{lock}", columns.join(", "), self.store.name())
    }

    /// The row as it is, under a lock that is let go of again.
    ///
    /// # Errors
    /// [`Error::NotArmed`] when there is none.
    pub(crate) async fn read(&self, writer: &mut dyn Writer) -> Result<Progress> {
        let read = self.locked(writer).await;
        self.end(writer, "ROLLBACK").await?;
        read
    }

    /// Takes the stream over: raises the epoch, so that no older process can
    /// advance the row any more.
    ///
    /// `claims`: what this process has claimed before. When that is not there any
    /// more, somebody else has taken the stream over since.
    pub(crate) async fn claim(&self, writer: &mut dyn Writer, claims: &mut Claims) -> Result<Progress> {
        let from = match self.locked(writer).await {
            Ok(from) => from,
            Err(error) => {
                // What fails now failed for the reason that is reported.
                let _ = self.end(writer, "ROLLBACK").await;
                return Err(error);
            }
        };
        if from.closed {
            self.end(writer, "ROLLBACK").await?;
            return Err(Error::Closed { stream: self.stream.clone() });
        }
        let fenced = || Error::Fenced { stream: self.stream.clone(), ours: claims.latest(), theirs: from.epoch };
        if !claims.may_be(from.epoch) {
            self.end(writer, "ROLLBACK").await?;
            return Err(fenced());
        }
        let to = from.taken_over();
        let outcomes = writer.run(&[self.advance(&from, &to)]).await.map_err(|failed| failed.error)?;
        if outcomes.first().is_none_or(|outcome| outcome.affected != 1) {
            self.end(writer, "ROLLBACK").await?;
            return Err(fenced());
        }
        *claims = Claims(Some([from.epoch, to.epoch]));
        self.end(writer, "COMMIT").await?;
        reached("after-takeover");
        *claims = Claims(Some([to.epoch; 2]));
        Ok(to)
    }

    /// Closes the stream: waits for whoever holds the row, and lets nobody advance it.
    pub(crate) async fn close(&self, writer: &mut dyn Writer) -> Result<Progress> {
        let from = match self.locked(writer).await {
            Ok(from) if !from.closed => from,
            other => {
                self.end(writer, "ROLLBACK").await?;
                return other;
            }
        };
        let to = Progress { closed: true, ..from.taken_over() };
        // The row is locked, so it is there as it was read.
        writer.run(&[self.advance(&from, &to)]).await.map_err(|failed| failed.error)?;
        self.end(writer, "COMMIT").await?;
        Ok(to)
    }

    async fn locked(&self, writer: &mut dyn Writer) -> Result<Progress> {
        let statements = [self.begin().to_owned(), self.select()];
        let outcomes = writer.run(&statements).await.map_err(|failed| self.not_locked(failed.error))?;
        let row = outcomes.into_iter().nth(1).and_then(|outcome| outcome.rows.into_iter().next());
        let row = row.ok_or_else(|| Error::NotArmed { stream: self.stream.clone(), sink: self.location.clone() })?;
        parse(row).ok_or_else(|| Error::State { what: format!("the progress of `{}`", self.stream) })
    }

    fn not_locked(&self, error: switchback_engines::Error) -> Error {
        if timed_out(&error) { Error::Busy { stream: self.stream.clone(), source: error } } else { error.into() }
    }

    async fn end(&self, writer: &mut dyn Writer, how: &str) -> Result<()> {
        writer.run(&[how.to_owned()]).await.map_err(|failed| failed.error)?;
        Ok(())
    }
}

pub(crate) fn begin(engine: Engine) -> &'static str {
    match engine {
        // Otherwise the write lock is taken late, and refused if another has written by then.
        Engine::Sqlite => "BEGIN IMMEDIATE",
        Engine::MySql => "START TRANSACTION",
        Engine::Postgres | Engine::SqlServer | Engine::MongoDb => "BEGIN",
    }
}

fn cells_of(progress: &Progress) -> [(&'static str, OwnedValue); 8] {
    [
        ("epoch", Value::Int(progress.epoch)),
        ("incarnation", text(&progress.incarnation)),
        ("position", text(&progress.position.0)),
        ("seq", Value::Int(progress.seq)),
        ("row_count", Value::Int(progress.rows)),
        ("chain", text(&progress.chain)),
        ("committed_at", Value::Int(progress.committed_at)),
        ("closed", Value::Int(i64::from(progress.closed))),
    ]
}

/// Between the stream's name and the number of a session; in no stream's name.
pub(crate) const MARK: char = '/';

fn parse_mark(row: Vec<Option<String>>) -> Option<(usize, Unfinished)> {
    let [stream, position, sessions, digest] = <[Option<String>; 4]>::try_from(row).ok()?;
    let session = stream?.rsplit_once(MARK)?.1.parse().ok()?;
    let group = Unfinished {
        end: Position(position?),
        sessions: sessions?.parse().ok()?,
        digest: digest?,
        done: BTreeSet::new(),
    };
    Some((session, group))
}

fn parse(row: Vec<Option<String>>) -> Option<Progress> {
    let [epoch, incarnation, position, seq, rows, chain, committed_at, closed] =
        <[Option<String>; 8]>::try_from(row).ok()?;
    Some(Progress {
        epoch: epoch?.parse().ok()?,
        incarnation: incarnation?,
        position: Position(position?),
        seq: seq?.parse().ok()?,
        rows: rows?.parse().ok()?,
        chain: chain?,
        committed_at: committed_at?.parse().ok()?,
        closed: closed? != "0",
    })
}
