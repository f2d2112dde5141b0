//! A state of the database at a place of the log.
//!
//! The only moment that PostgreSQL gives a snapshot and its exact place in the log
//! is when a slot is made over a streaming connection. The slot of the stream is
//! there by then, and a load that was cut off needs another snapshot while the
//! slot stays where it is. So a temporary one is made for this alone: it ends with
//! its connection, and holds back nothing that the stream's own slot does not.

use pgwire_replication::ReplicationClient;
use uuid::Uuid;

use super::super::connect::Connector;
use super::super::position::Lsn;
use super::wire;
use crate::error::{CaptureFault, Error, Result};

/// A state that other sessions can take up for as long as this is there.
pub(in super::super) struct Exported {
    pub(in super::super) lsn: Lsn,
    /// As `SET TRANSACTION SNAPSHOT` takes it.
    pub(in super::super) snapshot: String,
    _client: ReplicationClient,
}

pub(in super::super) async fn export(connector: &Connector) -> Result<Exported> {
    let location = connector.location();
    let name = format!("switchback_load_{}", Uuid::from_u64_pair(random(), random()).simple());
    let config = wire::config(connector, &name, &name, Lsn(0))?;
    let mut client = wire::open(connector, config).await?;
    // The spelling that every version takes.
    let statement = format!("CREATE_REPLICATION_SLOT \"{name}\" TEMPORARY LOGICAL pgoutput EXPORT_SNAPSHOT");
    let rows = client.simple_query(&statement).await.map_err(|e| wire::connect(location, e))?;
    let cell = |i: usize| {
        let row = rows.first()?;
        row.get(i)?.as_ref().and_then(|bytes| String::from_utf8(bytes.to_vec()).ok())
    };
    match (cell(1).as_deref().and_then(Lsn::parse), cell(2)) {
        (Some(lsn), Some(snapshot)) => Ok(Exported { lsn, snapshot, _client: client }),
        _ => Err(Error::Capture {
            location: location.to_owned(),
            fault: CaptureFault::Unfaithful,
            why: "the server made a slot and gave no snapshot with it".to_owned(),
        }),
    }
}

/// So that two loads never ask for one name; nothing secret.
fn random() -> u64 {
    use std::hash::{BuildHasher as _, Hasher as _, RandomState};
    RandomState::new().build_hasher().finish()
}
