//! One state of the file for many readers.
//!
//! The write lock is held while the readers begin, so that all of them see the
//! same and the end of the change table is where that is. In WAL mode writers go
//! on as soon as it is let go of. In rollback-journal mode they wait for as long as
//! the snapshot is there, since a reader keeps them out of the file: an
//! application that must not wait has to be put into WAL mode first, which this
//! tool does not do by itself.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::SqliteConnection;
use tokio::sync::mpsc;

use super::connect::{self, Encoding, End, File};
use super::pool::{self, Member};
use super::read::{self, Sent};
use super::{capture, fault};
use crate::batch::RawBatch;
use crate::change::Position;
use crate::database::ReadRequest;
use crate::error::Result;
use crate::snapshot::{Form, Readers, Snapshot, SnapshotRequest, Taken};

const WHAT: &str = "taking a snapshot";

pub(super) async fn take(file: &File, request: &SnapshotRequest) -> Result<Taken> {
    let mut members = Vec::with_capacity(request.readers.max(1));
    for _ in 0..request.readers.max(1) {
        members.push(connect::open_end(file, End::Reads, file.lock_wait).await?);
    }
    let mut locking = connect::open_end(file, End::Writes, file.lock_wait).await?;
    run(file, &mut locking.connection, "BEGIN IMMEDIATE").await?;
    for member in &mut members {
        run(file, &mut member.connection, "BEGIN").await?;
        // It begins to see with its first read.
        run(file, &mut member.connection, "SELECT count(*) FROM main.sqlite_schema").await?;
    }
    let position: Option<Position> = match &request.stream {
        Some(stream) => Some(capture::end(file, stream, &mut locking.connection).await?.position()),
        None => None,
    };
    run(file, &mut locking.connection, "ROLLBACK").await?;
    let readers = Readers::new(file.location.clone(), members);
    let snapshot = SqliteSnapshot { encoding: file.encoding, readers };
    Ok(Taken { position, snapshot: Arc::new(snapshot) })
}

async fn run(file: &File, connection: &mut SqliteConnection, statement: &str) -> Result<()> {
    let done = pool::once(statement.to_owned()).fetch_all(connection).await;
    done.map(drop).map_err(|e| fault::querying(&file.location, WHAT.to_owned(), e))
}

struct SqliteSnapshot {
    encoding: Encoding,
    readers: Readers<Member>,
}

#[async_trait]
impl Snapshot for SqliteSnapshot {
    async fn read(&self, request: ReadRequest<'_>, form: Form, out: mpsc::Sender<RawBatch>) -> Result<u64> {
        // `bulk::passes` says so of no table of this engine.
        debug_assert_eq!(form, Form::Decoded, "rows of SQLite's are always decoded");
        let mut lent = self.readers.lend().await?;
        let connection = &mut lent.session.connection;
        let Sent { row_count, whole } =
            read::pump(self.readers.location(), self.encoding, connection, &request, &out).await?;
        if whole {
            lent.give_back();
        }
        Ok(row_count)
    }

    fn readers(&self) -> usize {
        self.readers.count()
    }
}
