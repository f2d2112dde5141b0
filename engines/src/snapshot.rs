//! One state of a database, for as long as it takes to read all of it.
//!
//! Apart from [`crate::capture`]: a stream's log is armed once, and a load that
//! was cut off takes another snapshot of it, at a later place. So arming gives
//! the position from which nothing is missed, and a snapshot says how much behind
//! that it holds already.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};

use crate::batch::RawBatch;
use crate::capture::StreamName;
use crate::change::Position;
use crate::database::ReadRequest;
use crate::error::{Error, QueryFault, Result};

/// What state to take hold of.
#[derive(Debug, Clone)]
pub struct SnapshotRequest {
    /// The stream whose log the state has to have a place in, which is armed by
    /// now; `None` for a state that nothing follows.
    pub stream: Option<StreamName>,
    /// How many reads there may be at once. An engine may give fewer.
    pub readers: usize,
}

/// A state, and where in the log it is.
#[derive(Clone)]
pub struct Taken {
    /// What committed up to here is in the state, and nothing else is: a capture
    /// that begins here delivers all the rest. `None` where no log was asked for.
    pub position: Option<Position>,
    pub snapshot: Arc<dyn Snapshot>,
}

/// In which form rows are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As [`crate::Database::decoder`] reads them.
    Decoded,
    /// As the engine writes them for its like, where [`crate::bulk::passes`] says
    /// that the sink takes them as they are.
    AsStored,
}

/// A state of the database. Dropping it lets go of it.
///
/// The contract: every read sees the same rows, those that were committed when it
/// was taken, whatever is written meanwhile. A reader whose connection was lost
/// is not replaced, as nobody can look into the past; reads fail then, and another
/// snapshot has to be taken.
#[async_trait]
pub trait Snapshot: Send + Sync {
    /// As [`crate::Database::read`] does, from this state. Waits for a free
    /// reader.
    async fn read(&self, request: ReadRequest<'_>, form: Form, out: mpsc::Sender<RawBatch>) -> Result<u64>;

    /// How many reads there can be at once.
    fn readers(&self) -> usize;
}

/// The sessions that see a state, lent one after the other.
pub(crate) struct Readers<S> {
    location: String,
    count: usize,
    /// A permit for each session that is idle or lent.
    free: Semaphore,
    idle: Mutex<Vec<S>>,
}

impl<S> Readers<S> {
    pub(crate) fn new(location: String, sessions: Vec<S>) -> Self {
        let count = sessions.len();
        Self { location, count, free: Semaphore::new(count), idle: Mutex::new(sessions) }
    }

    pub(crate) fn location(&self) -> &str {
        &self.location
    }

    /// How many there were at first.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Waits for one that is free.
    ///
    /// # Errors
    /// When a session was lent and never given back.
    pub(crate) async fn lend(&self) -> Result<Lent<'_, S>> {
        let permit = self.free.acquire().await.map_err(|_| self.lost())?;
        let session = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Ok(Lent { session: session.ok_or_else(|| self.lost())?, home: self, _permit: permit })
    }

    fn lost(&self) -> Error {
        Error::Query {
            location: self.location.clone(),
            what: "reading from the snapshot".to_owned(),
            fault: QueryFault::ConnectionLost,
            source: "a reader of it was lost, which nobody can replace".into(),
        }
    }
}

/// A session of [`Readers`]. One that is dropped and not given back is gone: in the
/// middle of a result, or of a transaction that failed, it is of no more use.
pub(crate) struct Lent<'r, S> {
    pub(crate) session: S,
    home: &'r Readers<S>,
    /// Let go of behind the session, so that who has a permit finds one.
    _permit: SemaphorePermit<'r>,
}

impl<S> Lent<'_, S> {
    /// After its result was read to the end.
    pub(crate) fn give_back(self) {
        let Self { session, home, _permit } = self;
        home.idle.lock().unwrap_or_else(PoisonError::into_inner).push(session);
    }
}
