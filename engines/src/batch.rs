//! Rows on their way from a connection to a CPU.

use crate::error::Result;
use crate::value::Value;

/// Some whole rows as an engine sent them, not yet decoded: copying bytes is
/// all that the task which waits on the socket has to do.
///
/// What the bytes are is known only to the [`DecodeRows`] of the same read.
#[derive(Debug, Clone, Default)]
pub struct RawBatch {
    pub bytes: Vec<u8>,
    pub row_count: usize,
}

/// A batch is handed on when it has this many bytes: large enough that handing
/// over costs nothing, small enough that a dozen of them are no burden.
pub const BATCH_BYTES: usize = 1 << 20;

/// Turns raw batches into values, on any thread.
pub trait DecodeRows: Send + Sync {
    /// Calls `row` once for each row of the batch, in order, with one value for
    /// each column that was asked for, in that order.
    ///
    /// # Errors
    /// [`crate::Error::Decode`] when the bytes are not what the protocol allows;
    /// rows before the bad one have been handed out by then, so the caller must
    /// drop all that it has of the range. Never panics, whatever the bytes.
    fn decode(&self, batch: &RawBatch, row: &mut dyn FnMut(&[Value<'_>])) -> Result<()>;

    /// A name for the way in which bytes are read: two decoders of one name make
    /// the same values of the same bytes, on whatever servers the bytes come
    /// from. So rows that are the same bytes are equal and needn't be decoded to
    /// know it. `None` where the bytes may stand for something that they don't
    /// hold, such as text that the server could not convert.
    fn layout(&self) -> Option<String>;

    /// Where each row of the batch ends. A row says its own length: of two rows
    /// that begin with the same bytes, neither is the beginning of the other.
    /// `None` when the bytes are not whole rows; `decode` says why.
    fn row_ends(&self, batch: &RawBatch) -> Option<Vec<usize>>;
}
