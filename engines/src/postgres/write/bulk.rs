//! `COPY … FROM STDIN` in a session that writes.

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::{PostgresWriter, State};
use crate::bulk::{Bulk, Feed};
use crate::error::QueryFault;
use crate::write::StatementFailed;

/// Why rows did not get in.
enum Ended {
    Driver(sqlx::Error),
    /// Whoever sends has gone without a word.
    Early,
}

#[async_trait]
impl Bulk for PostgresWriter {
    async fn feed(&mut self, statement: &str, rows: &mut mpsc::Receiver<Feed>) -> Result<u64, StatementFailed> {
        if self.state != State::Open {
            return Err(self.refused(0, QueryFault::Other, "rows are loaded within a transaction only"));
        }
        self.state = State::Unknown;
        match self.copy(statement, rows).await {
            Ok(count) => {
                self.state = State::Open;
                Ok(count)
            }
            Err(Ended::Early) => {
                self.state = State::Failed;
                Err(self.refused(0, QueryFault::Other, "the rows were cut off"))
            }
            Err(Ended::Driver(error)) => {
                if matches!(error, sqlx::Error::Database(_)) {
                    self.state = State::Failed;
                }
                Err(self.failed(0, None, error))
            }
        }
    }
}

impl PostgresWriter {
    async fn copy(&mut self, statement: &str, rows: &mut mpsc::Receiver<Feed>) -> Result<u64, Ended> {
        let mut copy = self.connection.copy_in_raw(statement).await.map_err(Ended::Driver)?;
        loop {
            match rows.recv().await {
                Some(Feed::Bytes(bytes)) => {
                    copy.send(bytes).await.map_err(Ended::Driver)?;
                }
                Some(Feed::End) => return copy.finish().await.map_err(Ended::Driver),
                None => {
                    copy.abort("cut off").await.map_err(Ended::Driver)?;
                    return Err(Ended::Early);
                }
            }
        }
    }
}
