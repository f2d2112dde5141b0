//! A connection over which a server sends its binary log.

use std::time::{Duration, Instant};

use aws_lc_rs::digest;

use super::gtid::Reached;
use super::log::WHAT;
use crate::capture::StreamName;
use crate::engine::Flavor;
use crate::error::{CaptureFault, Error, QueryFault, Result};
use crate::mysql::connect::Opener;
use crate::mysql::fault::{connect_error, query_error};
use crate::mysql::wire::connection::{Dump, DumpedEvent};
use crate::mysql::wire::handshake::Purpose;
use crate::mysql::wire::{Connection, WireError};

/// How often a server that has nothing to send says that it is there.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// A server that has said nothing for so long is gone. It says nothing while it
/// passes over much that was not asked for.
const SILENCE: Duration = Duration::from_secs(60);

/// The log from some position on.
pub(super) struct Stream {
    connection: Connection,
    location: String,
    heard: Instant,
    /// Whether events have checksums from the first on.
    pub(super) has_checksums: bool,
}

/// What makes a reader of the log known to the server, which ends an older one
/// of the same name: the number, and for MySQL the UUID.
pub(super) struct Reader {
    server_id: u32,
    uuid: uuid::Uuid,
}

impl Reader {
    /// Of a stream from a database. Both are parts of a hash: two readers of one
    /// server have to differ, as have a reader and a replica.
    pub(super) fn new(stream: &StreamName, database: &str) -> Self {
        let name = format!("switchback {} {database}", stream.as_str());
        let hash = digest::digest(&digest::SHA256, name.as_bytes());
        let bytes = hash.as_ref();
        let uuid = bytes.first_chunk().copied().unwrap_or_default();
        let id = bytes.last_chunk().copied().unwrap_or_default();
        // Replicas are numbered by people, so the upper half is nobody's.
        Self { server_id: u32::from_le_bytes(id) | 1 << 31, uuid: uuid::Builder::from_custom_bytes(uuid).into_uuid() }
    }
}

impl Stream {
    /// Begins to read behind `reached`; `to_the_end` of what there is now, or for
    /// ever.
    ///
    /// # Errors
    /// [`Error::Capture`] where the server refuses; some servers do so only when
    /// the first event is asked for.
    pub(super) async fn open(
        opener: &Opener,
        flavor: Flavor,
        reader: &Reader,
        reached: &Reached,
        to_the_end: bool,
    ) -> Result<Self> {
        let location = opener.location.clone();
        let mut connection = opener.open_for(Purpose::READING).await?;
        for statement in pins(flavor, reader, reached) {
            connection.query(&statement).await.map_err(|e| connect_error(&location, e))?;
        }
        let checksums = connection.query("SELECT @@GLOBAL.binlog_checksum").await;
        let checksums = checksums.map_err(|e| connect_error(&location, e))?.rows.into_iter().flatten().flatten().next();
        let has_checksums = checksums.as_deref() == Some("CRC32");
        let gtids = match flavor {
            Flavor::Original => Some(reached.encoded()),
            Flavor::MariaDb => None,
        };
        let dump = Dump { server_id: reader.server_id, gtids: gtids.as_deref(), to_the_end };
        connection.dump(&dump).await.map_err(|e| refusal(&location, e))?;
        Ok(Self { connection, location, heard: Instant::now(), has_checksums })
    }

    /// The next event, if it is here already.
    pub(super) fn event(&mut self) -> Result<Option<DumpedEvent<'_>>> {
        self.connection.event().map_err(|e| refusal(&self.location, e))
    }

    /// Waits for more. May be dropped while it waits: nothing is lost by that.
    pub(super) async fn more(&mut self) -> Result<()> {
        let left = SILENCE.saturating_sub(self.heard.elapsed());
        let more = tokio::time::timeout(left, self.connection.more_events()).await;
        let more = more.unwrap_or_else(|_| Err(WireError::Io(std::io::ErrorKind::TimedOut.into())));
        more.map_err(|e| refusal(&self.location, e))?;
        self.heard = Instant::now();
        Ok(())
    }
}

/// What the server has to know before it sends its log. Servers differ, and their
/// versions, in how they call what; a variable that nobody reads does no harm.
///
/// - Checksums as they are in the files: a server that is asked for none sends
///   them nevertheless.
/// - `net_write_timeout`: whoever applies may be behind for long, and then
///   nobody reads.
fn pins(flavor: Flavor, reader: &Reader, reached: &Reached) -> Vec<String> {
    let heartbeat = HEARTBEAT.as_nanos();
    let mut pins = vec![
        "SET NAMES utf8mb4".to_owned(),
        "SET SESSION net_write_timeout = 86400, net_read_timeout = 86400".to_owned(),
        format!("SET @master_binlog_checksum = @@GLOBAL.binlog_checksum, @master_heartbeat_period = {heartbeat}"),
    ];
    pins.push(match flavor {
        Flavor::Original => format!(
            "SET @source_binlog_checksum = @@GLOBAL.binlog_checksum, @source_heartbeat_period = {heartbeat}, @replica_uuid = '{0}', \
             @slave_uuid = '{0}'",
            reader.uuid
        ),
        Flavor::MariaDb => format!(
            "SET @mariadb_slave_capability = 4, @slave_gtid_strict_mode = 1, @slave_gtid_ignore_duplicates = 0, \
             @slave_connect_state = '{}'",
            reached.position()
        ),
    });
    pins
}

/// A server's refusal to send its log, sorted.
fn refusal(location: &str, error: WireError) -> Error {
    let fault = match &error {
        // Another reader of the stream has come later. Which of the two may go on is for
        // the progress row to say, so it is like a connection that was lost: who was
        // superseded finds out when it claims the stream again, and who was not goes on.
        WireError::Server(e) if e.code == 1236 && e.says("with the same server_uuid") => {
            return Error::Query {
                location: location.to_owned(),
                what: WHAT.to_owned(),
                fault: QueryFault::ConnectionLost,
                source: Box::new(error),
            };
        }
        WireError::Server(e) => match e.code {
            1044 | 1045 | 1142 | 1227 | 1370 => Some((CaptureFault::Denied, "the account may not read the binary log")),
            1236 if e.says("purged") => {
                Some((CaptureFault::LogGone, "the server has removed the part of its log that was not read yet"))
            }
            // In the words of MySQL, and of MariaDB.
            1236 if e.says("more GTIDs than") || e.says("which is not in the master") => {
                Some((CaptureFault::Ahead, "the server's log does not have the transaction that was read last"))
            }
            _ => None,
        },
        _ => None,
    };
    match fault {
        Some((fault, why)) => Error::Capture { location: location.to_owned(), fault, why: why.to_owned() },
        None => query_error(location, WHAT, error),
    }
}
