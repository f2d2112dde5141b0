//! Reading an origin's changes: the contract.
//!
//! Arming and capturing are apart, since arming happens once, changes the
//! database (a slot, a publication, triggers) and gives the position from which
//! nothing is missed, while capturing is begun again after every crash.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::change::{Event, Position};
use crate::error::Result;
use crate::table::Table;

/// A name that slots, publications and triggers are derived from: lower-case
/// letters, digits and `_`, 1 to 40 bytes, the strictest of all engines' rules.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StreamName(String);

/// Longer names would not fit beside our prefix into PostgreSQL's 63 bytes.
const NAME_BYTES_MAX: usize = 40;

impl StreamName {
    /// # Errors
    /// Says what a name may be made of.
    pub fn new(name: &str) -> std::result::Result<Self, String> {
        let fits = (1..=NAME_BYTES_MAX).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if fits {
            Ok(Self(name.to_owned()))
        } else {
            Err(format!("`{name}` is no name of a stream: 1 to {NAME_BYTES_MAX} of a-z, 0-9 and _"))
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for StreamName {
    type Error = String;

    fn try_from(name: String) -> std::result::Result<Self, String> {
        Self::new(&name)
    }
}

impl From<StreamName> for String {
    fn from(name: StreamName) -> Self {
        name.0
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which changes are wanted.
#[derive(Debug, Clone)]
pub struct CaptureRequest {
    pub stream: StreamName,
    /// Each as it was described when the stream was armed. A change that does
    /// not fit its description stops the capture with
    /// [`crate::error::CaptureFault::SchemaChanged`]; nothing is guessed.
    pub tables: Vec<Table>,
}

/// What arming came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Armed {
    /// Every transaction that commits after this is delivered.
    pub position: Position,
    /// What makes this log this log and no other: kept beside the progress, so
    /// that a position is never applied to another server's, or another slot's,
    /// log (supabase/etl PR 935).
    pub incarnation: String,
    /// What was changed on the origin, in words, for the operator.
    pub done: Vec<String>,
}

/// How far a stream is behind its origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Distance {
    /// Bytes of log between the position and its end, where the engine can say.
    pub log_bytes: Option<u64>,
    /// Bytes of log that the server keeps because of this stream.
    pub retained_bytes: Option<u64>,
}

/// The positions in [`Table::columns`] that an [`crate::change::Image`] of this
/// table has cells for: all but the generated ones, which a sink computes itself.
#[must_use]
pub fn columns(table: &Table) -> Vec<usize> {
    table.columns.iter().enumerate().filter(|(_, c)| !c.generated).map(|(i, _)| i).collect()
}

/// A running capture. Dropping it ends the connection and leaves what was armed.
///
/// The contract:
/// - Each transaction that committed behind the position it was started from is
///   delivered exactly once, whole, in the order of commit, and none besides.
/// - Nothing is delivered before it is as durable on the origin as the origin
///   makes anything.
/// - A change that can't be decoded, or doesn't fit the description of its
///   table, is an error before anything behind it is delivered.
#[async_trait]
pub trait Capture: Send {
    /// The next events, at least one; waits for as long as there are none. A few
    /// hundred at most, so that memory is bounded by whoever takes them.
    ///
    /// May be dropped before it is done: nothing is lost by that.
    async fn next(&mut self) -> Result<Vec<Event>>;

    /// Everything up to `position` is durable in the sink, so the origin needn't
    /// keep it. Only a position that was handed out, and never one that is
    /// further than what the sink has made durable: a server believes it and
    /// lets go of the log. Takes effect at leisure.
    fn acknowledge(&mut self, position: &Position);
}
