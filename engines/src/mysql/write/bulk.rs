//! `LOAD DATA LOCAL` in a session that writes.
//!
//! Only a session that is opened for it offers the server to ask for a file, and
//! only in answer to this statement is anything sent; see [`crate::bulk`].

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::{Session, WHAT, violation};
use crate::bulk::{Bulk, Feed, Loader};
use crate::engine::Flavor;
use crate::error::Result;
use crate::mysql::fault::query_error;
use crate::mysql::pool::Pool;
use crate::mysql::wire::WireError;
use crate::mysql::wire::packet::capability;
use crate::write::{StatementFailed, WriterOptions};

impl Session {
    /// A session that loads, where the server lets it (`local_infile`), and one that
    /// inserts where it does not.
    pub(in crate::mysql) async fn open_bulk(pool: &Pool, flavor: Flavor, options: &WriterOptions) -> Result<Loader> {
        let asked = pool.lease().await?.query("asking how rows are loaded", "SELECT @@GLOBAL.local_infile").await?;
        let allowed = asked.rows.first().and_then(|row| row.first()?.as_deref()) == Some("1");
        if !allowed {
            return Ok(Loader::Statements(Box::new(Self::open(pool.opener(), flavor, options).await?)));
        }
        let session = Self::open_with(pool.opener(), flavor, options, capability::LOCAL_FILES).await?;
        Ok(Loader::Bulk(Box::new(session)))
    }

    async fn load(&mut self, statement: &str, rows: &mut mpsc::Receiver<Feed>) -> std::result::Result<u64, WireError> {
        if !self.connection.is_clean() {
            return Err(WireError::Io(std::io::ErrorKind::NotConnected.into()));
        }
        self.connection.begin_fill(statement).await?;
        loop {
            match rows.recv().await {
                Some(Feed::Bytes(bytes)) => self.connection.fill(&bytes).await?,
                Some(Feed::End) => break,
                // Ended in the middle, the connection is of no more use, and the server
                // rolls back.
                None => return Err(WireError::Protocol("the rows were cut off")),
            }
        }
        let ending = self.connection.end_fill().await?;
        if ending.warnings > 0 { Err(WireError::Warned) } else { Ok(ending.affected) }
    }
}

#[async_trait]
impl Bulk for Session {
    async fn feed(
        &mut self,
        statement: &str,
        rows: &mut mpsc::Receiver<Feed>,
    ) -> std::result::Result<u64, StatementFailed> {
        self.load(statement, rows).await.map_err(|error| StatementFailed {
            index: 0,
            violation: violation(&error),
            error: query_error(&self.location, WHAT, error),
        })
    }
}
