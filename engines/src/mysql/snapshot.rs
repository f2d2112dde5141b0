//! One state of the database for many readers.
//!
//! `FLUSH TABLES WITH READ LOCK` keeps every commit out for the milliseconds in
//! which the readers begin and the position is read (measured: 60 of 60 exact,
//! while `LOCK INSTANCE FOR BACKUP` lost rows). It takes RELOAD. Without that
//! MariaDB tells the position of a snapshot itself, of one session's only, so
//! there is one reader; MySQL does not, and a load that a stream shall follow is
//! refused. The lock waits for statements that run, and keeps new ones waiting
//! meanwhile, for at most [`LOCK_SECONDS`].
//!
//! No XA transaction may be prepared at the position: its rows are in the log
//! before it, and in no snapshot. So it is looked for them behind the reading of
//! the position, while nothing can be committed; without the lock they are looked for
//! before the snapshot, and in the log up to it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::capture::{self, Mark};
use super::connect::Opener;
use super::decode::RowDecoder;
use super::fault::{NO_CATALOG, query_error, server_code};
use super::read;
use super::wire::Connection;
use super::wire::connection::Grid;
use crate::batch::RawBatch;
use crate::capture::StreamName;
use crate::change::Position;
use crate::database::ReadRequest;
use crate::engine::Flavor;
use crate::error::{CaptureFault, Error, Result};
use crate::snapshot::{Form, Readers, Snapshot, SnapshotRequest, Taken};

const WHAT: &str = "taking a snapshot";
/// The application waits for as long.
const LOCK_SECONDS: u32 = 20;
/// How long a snapshot is tried for that is behind what was seen of the log before.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(10);
/// Not allowed: a privilege, or what MySQL says to who may not look for prepared
/// transactions.
const DENIED: [u16; 2] = [1227, 1401];
const BEGIN: &str = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";

pub(super) async fn take(opener: &Opener, flavor: Flavor, request: &SnapshotRequest) -> Result<Taken> {
    let mut sessions = Vec::with_capacity(request.readers.max(1));
    for _ in 0..request.readers.max(1) {
        let mut session = Session::open(opener).await?;
        if flavor == Flavor::MariaDb {
            // The server's own limits would end a reader that waits for its turn.
            session.ask("SET SESSION idle_transaction_timeout = 0, idle_readonly_transaction_timeout = 0").await?;
        }
        sessions.push(session);
    }
    let mut locking = Session::open(opener).await?;
    locking.ask(&format!("SET SESSION lock_wait_timeout = {LOCK_SECONDS}")).await?;
    let position = match locking.ask("FLUSH TABLES WITH READ LOCK").await {
        Ok(_) => {
            for session in &mut sessions {
                session.ask(BEGIN).await?;
            }
            let position = match request.stream {
                Some(_) => Some(locking.position(flavor).await?),
                None => None,
            };
            locking.ask("UNLOCK TABLES").await?;
            position
        }
        Err(error) if server_code(&error).is_some_and(|code| DENIED.contains(&code)) => {
            sessions.truncate(1);
            let Some(session) = sessions.first_mut() else { return Err(error) };
            match (&request.stream, flavor) {
                (None, _) => {
                    session.ask(BEGIN).await?;
                    None
                }
                (Some(stream), Flavor::MariaDb) => Some(session.begin_at(&mut locking, stream).await?),
                (Some(_), Flavor::Original) => {
                    let why = "the account may not keep writers out for a moment, which takes RELOAD";
                    return Err(refused(opener, CaptureFault::Denied, why));
                }
            }
        }
        Err(error) => return Err(error),
    };
    locking.connection.quit().await;
    let connections: Vec<Connection> = sessions.into_iter().map(|session| session.connection).collect();
    let snapshot = MySqlSnapshot { readers: Readers::new(opener.location.clone(), connections) };
    Ok(Taken { position, snapshot: Arc::new(snapshot) })
}

fn refused(opener: &Opener, fault: CaptureFault, why: &str) -> Error {
    Error::Capture { location: opener.location.clone(), fault, why: why.to_owned() }
}

struct Session<'o> {
    opener: &'o Opener,
    connection: Connection,
}

impl<'o> Session<'o> {
    async fn open(opener: &'o Opener) -> Result<Self> {
        Ok(Self { opener, connection: opener.open().await? })
    }

    async fn ask(&mut self, statement: &str) -> Result<Grid> {
        self.connection.query(statement).await.map_err(|e| query_error(&self.opener.location, WHAT, e))
    }

    async fn cell(&mut self, statement: &str) -> Result<String> {
        let grid = self.ask(statement).await?;
        let cell = grid.rows.into_iter().flatten().flatten().next();
        cell.ok_or_else(|| query_error(&self.opener.location, WHAT, NO_CATALOG))
    }

    /// Where the log stands, while this session keeps it there.
    async fn position(&mut self, flavor: Flavor) -> Result<Position> {
        let statement = match flavor {
            Flavor::Original => "SELECT @@GLOBAL.gtid_executed",
            Flavor::MariaDb => "SELECT @@GLOBAL.gtid_binlog_pos",
        };
        let text = self.cell(statement).await?;
        self.none_prepared().await?;
        self.parsed(flavor, &text)
    }

    /// Takes this session's snapshot of MariaDB, and says where in the log it is. The
    /// other session looks at the log.
    async fn begin_at(&mut self, other: &mut Self, stream: &StreamName) -> Result<Position> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            // In this order: what is prepared by then is refused or has been committed, and
            // what is prepared later is met when the log is read.
            let mark = other.mark().await?;
            other.none_prepared().await?;
            self.ask(BEGIN).await?;
            let (file, offset) = self.own_place().await?;
            // What the log has is in a snapshot a moment later.
            if let Some(position) = mark.until(self.opener, stream, (&file, offset)).await? {
                return Ok(position);
            }
            if Instant::now() > deadline {
                let why = "no snapshot is behind what the log had before, or XA transactions are always prepared";
                return Err(refused(self.opener, CaptureFault::Unfaithful, why));
            }
            self.ask("ROLLBACK").await?;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Where the log stands about now: the GTIDs first, so that none is behind the place.
    async fn mark(&mut self) -> Result<Mark> {
        let gtids = self.cell("SELECT @@GLOBAL.gtid_binlog_pos").await?;
        let status = self.ask("SHOW MASTER STATUS").await?;
        let mut cells = status.rows.into_iter().next().unwrap_or_default().into_iter().flatten();
        let mark = cells.next().zip(cells.next().and_then(|offset| offset.parse().ok()));
        let mark = mark.and_then(|(file, offset)| Mark::new(&gtids, &file, offset));
        mark.ok_or_else(|| query_error(&self.opener.location, WHAT, NO_CATALOG))
    }

    /// The file and offset of MariaDB's log at which the snapshot of this session is.
    async fn own_place(&mut self) -> Result<(String, u64)> {
        let status = self.ask("SHOW STATUS LIKE 'binlog_snapshot_%'").await?;
        let value = |name: &str| {
            let row = status.rows.iter().find(|row| {
                row.first().and_then(Option::as_deref).is_some_and(|found| found.eq_ignore_ascii_case(name))
            });
            row.and_then(|row| row.get(1)?.clone())
        };
        let file = value("binlog_snapshot_file").filter(|file| !file.is_empty());
        let offset = value("binlog_snapshot_position").and_then(|offset| offset.parse::<u64>().ok());
        file.zip(offset).ok_or_else(|| {
            refused(self.opener, CaptureFault::Unfaithful, "the server does not say where a snapshot is")
        })
    }

    fn parsed(&self, flavor: Flavor, text: &str) -> Result<Position> {
        capture::position(flavor, text).ok_or_else(|| query_error(&self.opener.location, WHAT, NO_CATALOG))
    }

    async fn none_prepared(&mut self) -> Result<()> {
        match self.ask("XA RECOVER").await {
            Ok(grid) if grid.rows.is_empty() => Ok(()),
            Ok(_) => {
                let why = "an XA transaction is prepared, whose rows are in the log already: let it end first";
                Err(refused(self.opener, CaptureFault::Unfaithful, why))
            }
            Err(error) if server_code(&error).is_some_and(|code| DENIED.contains(&code)) => {
                let why = "the account may not look for prepared XA transactions, which takes XA_RECOVER_ADMIN";
                Err(refused(self.opener, CaptureFault::Denied, why))
            }
            Err(error) => Err(error),
        }
    }
}

struct MySqlSnapshot {
    readers: Readers<Connection>,
}

#[async_trait]
impl Snapshot for MySqlSnapshot {
    async fn read(&self, request: ReadRequest<'_>, form: Form, out: mpsc::Sender<RawBatch>) -> Result<u64> {
        // `bulk::passes` says so of no table of this engine.
        debug_assert_eq!(form, Form::Decoded, "rows of MySQL's are always decoded");
        let Some(statement) = read::select(&request) else { return Ok(0) };
        let decoder = RowDecoder::new(request.table, request.columns)?;
        let what = format!("reading `{}`", request.table.name);
        let failed = |e| query_error(self.readers.location(), what.as_str(), e);
        let mut lent = self.readers.lend().await?;
        let connection = &mut lent.session;
        decoder.expect(&connection.start(&statement).await.map_err(failed)?)?;
        let mut row_count = 0;
        loop {
            let (batch, last) = connection.next_rows().await.map_err(failed)?;
            let rows = batch.row_count as u64;
            if rows > 0 {
                if out.send(batch).await.is_err() {
                    return Ok(row_count);
                }
                row_count += rows;
            }
            if last {
                lent.give_back();
                return Ok(row_count);
            }
        }
    }

    fn readers(&self) -> usize {
        self.readers.count()
    }
}
