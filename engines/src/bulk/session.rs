//! A session that takes many rows at once.

use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::write::{StatementFailed, Writer};

/// A piece of what is loaded.
#[derive(Debug)]
pub enum Feed {
    Bytes(Vec<u8>),
    /// All of it was sent. A channel that is closed without this was cut off, and
    /// what came by then must not be kept.
    End,
}

/// A writing session that also takes rows in its server's own bulk form.
#[async_trait]
pub trait Bulk: Writer {
    /// Runs `statement`, which reads what `rows` gives up to [`Feed::End`], and
    /// returns how many rows the server counted. The transaction, which has been
    /// begun, stays open.
    ///
    /// # Errors
    /// As [`Writer::run`], for a statement of its own: what is open must be rolled
    /// back.
    async fn feed(&mut self, statement: &str, rows: &mut mpsc::Receiver<Feed>) -> Result<u64, StatementFailed>;
}

/// How a sink takes many rows.
pub enum Loader {
    /// By statements that insert several.
    Statements(Box<dyn Writer>),
    Bulk(Box<dyn Bulk>),
}

impl Loader {
    pub fn writer(&mut self) -> &mut dyn Writer {
        match self {
            Self::Statements(writer) => writer.as_mut(),
            Self::Bulk(bulk) => bulk.as_mut(),
        }
    }
}
