//! The frame of `COPY … (FORMAT binary)`: a header, tuples, a trailer.
//!
//! A tuple is a count of fields and then for each field its length and bytes.
//! The server sends one tuple a message, with the header before the first;
//! nothing in the protocol promises that, so rows are found by walking them.
//! A walk touches a length per field and no value, which costs some nanoseconds
//! a row; in return only whole rows are handed on, and they are counted.

use super::bytes::{Fault, Fields};
use crate::batch::{BATCH_BYTES, RawBatch};

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

/// Flags from bit 16 up change how tuples are read; none is defined.
const CRITICAL_FLAGS: u32 = 0xFFFF_0000;

const TRAILER: i16 = -1;

const FIRST_BYTES: usize = 16 << 10;

/// A batch may pass its limit by one row, which is rarely larger than this.
const SLACK_BYTES: usize = 8 << 10;

/// Collects messages and gives out batches of whole rows.
#[derive(Debug)]
pub(super) struct Framer {
    bytes: Vec<u8>,
    /// Where the first row begins that is not known to be whole.
    whole: usize,
    row_count: usize,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Header,
    Tuples,
    Ended,
}

/// What a walk over one tuple found.
enum Walk {
    Tuple { len: usize },
    Trailer,
    Incomplete,
}

impl Framer {
    pub(super) fn new() -> Self {
        // Many reads are of few rows; the later batches of a long one are made
        // at their full size.
        Self { bytes: Vec::with_capacity(FIRST_BYTES), whole: 0, row_count: 0, state: State::Header }
    }

    /// Takes the next message.
    pub(super) fn push(&mut self, message: &[u8]) -> Result<(), Fault> {
        self.bytes.extend_from_slice(message);
        if self.state == State::Header {
            let Some(len) = header(&self.bytes)? else { return Ok(()) };
            self.bytes.drain(..len);
            self.state = State::Tuples;
        }
        self.walk()
    }

    fn walk(&mut self) -> Result<(), Fault> {
        loop {
            let rest = self.bytes.get(self.whole..).unwrap_or_default();
            if self.state == State::Ended {
                return if rest.is_empty() { Ok(()) } else { Err("there is data after the end of the copy") };
            }
            match tuple(rest)? {
                Walk::Tuple { len } => {
                    self.whole += len;
                    self.row_count += 1;
                }
                Walk::Trailer => {
                    self.bytes.drain(self.whole..self.whole + size_of_val(&TRAILER));
                    self.state = State::Ended;
                }
                Walk::Incomplete => return Ok(()),
            }
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.whole >= BATCH_BYTES
    }

    /// The whole rows that are there; none is an empty batch.
    pub(super) fn take(&mut self) -> RawBatch {
        let mut rest = Vec::with_capacity(BATCH_BYTES + SLACK_BYTES);
        rest.extend_from_slice(self.bytes.get(self.whole..).unwrap_or_default());
        let mut bytes = std::mem::replace(&mut self.bytes, rest);
        bytes.truncate(self.whole);
        self.whole = 0;
        RawBatch { bytes, row_count: std::mem::take(&mut self.row_count) }
    }

    /// The last rows, when the server has said that it is done.
    pub(super) fn finish(self) -> Result<RawBatch, Fault> {
        match self.state {
            // The trailer is gone, and nothing may follow it.
            State::Ended => Ok(RawBatch { bytes: self.bytes, row_count: self.row_count }),
            State::Header | State::Tuples => Err("the copy ended without its trailer"),
        }
    }
}

/// Where the tuples of a batch end; `None` unless they are all of it.
pub(super) fn tuple_ends(bytes: &[u8]) -> Option<Vec<usize>> {
    let mut ends = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match tuple(bytes.get(at..)?) {
            Ok(Walk::Tuple { len }) => at += len,
            Ok(Walk::Trailer | Walk::Incomplete) | Err(_) => return None,
        }
        ends.push(at);
    }
    Some(ends)
}

/// The header's length, once all of it is there.
fn header(bytes: &[u8]) -> Result<Option<usize>, Fault> {
    let mut fields = Fields::new(bytes);
    let Some(signature) = fields.take(SIGNATURE.len()) else { return Ok(None) };
    if signature != SIGNATURE {
        return Err("the copy does not begin with the signature of its format");
    }
    let (Some(flags), Some(extension)) = (fields.i32(), fields.i32()) else { return Ok(None) };
    if flags.cast_unsigned() & CRITICAL_FLAGS != 0 {
        return Err("the copy has flags that are not known");
    }
    let extension = usize::try_from(extension).map_err(|_| "the header of the copy has a negative length")?;
    Ok(fields.take(extension).map(|_| bytes.len() - fields.rest().len()))
}

fn tuple(bytes: &[u8]) -> Result<Walk, Fault> {
    let mut fields = Fields::new(bytes);
    let Some(count) = fields.i16() else { return Ok(Walk::Incomplete) };
    if count == TRAILER {
        return Ok(Walk::Trailer);
    }
    for _ in 0..u16::try_from(count).map_err(|_| "a row has a negative number of fields")? {
        let Some(len) = fields.i32() else { return Ok(Walk::Incomplete) };
        if len == NULL {
            continue;
        }
        let len = usize::try_from(len).map_err(|_| "a field has a negative length")?;
        if fields.take(len).is_none() {
            return Ok(Walk::Incomplete);
        }
    }
    Ok(Walk::Tuple { len: bytes.len() - fields.rest().len() })
}

/// The length that stands for NULL.
pub(super) const NULL: i32 = -1;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stream(rows: &[Vec<Option<Vec<u8>>>]) -> (Vec<u8>, Vec<u8>) {
        let mut tuples = Vec::new();
        for row in rows {
            tuples.extend_from_slice(&(row.len() as i16).to_be_bytes());
            for field in row {
                match field {
                    None => tuples.extend_from_slice(&NULL.to_be_bytes()),
                    Some(bytes) => {
                        tuples.extend_from_slice(&(bytes.len() as i32).to_be_bytes());
                        tuples.extend_from_slice(bytes);
                    }
                }
            }
        }
        let mut all = SIGNATURE.to_vec();
        all.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 3, 9, 9, 9]);
        all.extend_from_slice(&tuples);
        all.extend_from_slice(&TRAILER.to_be_bytes());
        (all, tuples)
    }

    fn rows() -> impl Strategy<Value = Vec<Vec<Option<Vec<u8>>>>> {
        let field = prop::option::of(prop::collection::vec(any::<u8>(), 0..20));
        prop::collection::vec(prop::collection::vec(field, 0..5), 0..20)
    }

    proptest! {
        #[test]
        fn rows_are_the_same_however_messages_are_split(rows in rows(), sizes in prop::collection::vec(1usize..40, 1..8)) {
            let (all, tuples) = stream(&rows);
            let mut framer = Framer::new();
            let mut got = RawBatch::default();
            let mut rest = all.as_slice();
            for (i, size) in sizes.iter().cycle().enumerate() {
                if rest.is_empty() {
                    break;
                }
                let (message, later) = rest.split_at((*size).min(rest.len()));
                rest = later;
                framer.push(message).unwrap();
                if i % 3 == 0 {
                    let batch = framer.take();
                    got.bytes.extend(batch.bytes);
                    got.row_count += batch.row_count;
                }
            }
            let last = framer.finish().unwrap();
            got.bytes.extend(last.bytes);
            prop_assert_eq!(got.row_count + last.row_count, rows.len());
            prop_assert_eq!(got.bytes, tuples);
        }

        #[test]
        fn a_stream_that_is_cut_is_never_taken_for_whole(rows in rows(), at in any::<prop::sample::Index>()) {
            let (all, _) = stream(&rows);
            let mut framer = Framer::new();
            framer.push(&all[..at.index(all.len())]).unwrap();
            prop_assert!(framer.finish().is_err());
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), header in any::<bool>()) {
            let mut framer = Framer::new();
            if header {
                framer.push(SIGNATURE).unwrap();
                framer.push(&[0; 8]).unwrap();
            }
            let _ = framer.push(&bytes);
        }
    }

    #[test]
    fn data_after_the_trailer_is_an_error() {
        let (mut all, _) = stream(&[]);
        all.push(0);
        assert!(Framer::new().push(&all).is_err());
    }
}
