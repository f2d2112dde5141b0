//! What servers compress in their logs.

use std::io::{BufReader, Cursor as IoCursor, Read as _};

use super::event::HEADER_BYTES;
use crate::mysql::wire::cursor::Cursor;

/// Neither server writes an event that is longer.
const EVENT_BYTES_MAX: usize = 1 << 30;

/// MariaDB's `log_bin_compress`: a byte of flags, the length in the order of
/// the network, and zlib.
pub(super) fn mariadb(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut cursor = Cursor::new(bytes);
    let flags = cursor.byte()?;
    let (is_compressed, method, len_bytes) = (flags & 0x80 != 0, flags & 0x70, usize::from(flags & 0x0F));
    if !is_compressed || method != 0 || !(1..=4).contains(&len_bytes) {
        return None;
    }
    let len = cursor.take(len_bytes)?.iter().fold(0usize, |n, &b| n << 8 | usize::from(b));
    if len > EVENT_BYTES_MAX {
        return None;
    }
    let mut out = Vec::new();
    let limit = u64::try_from(len).ok()?.checked_add(1)?;
    flate2::read::ZlibDecoder::new(cursor.rest()).take(limit).read_to_end(&mut out).ok()?;
    (out.len() == len).then_some(out)
}

/// MySQL's `binlog_transaction_compression`: the events of a transaction, which
/// are expanded one by one, however many there are.
pub(super) struct Payload {
    events: Box<dyn std::io::Read + Send + Sync>,
}

impl Payload {
    /// Reads the fields before the compressed events.
    pub(super) fn new(body: &[u8]) -> Option<Self> {
        const NONE: u64 = 255;
        const ZSTD: u64 = 0;
        let mut cursor = Cursor::new(body);
        let mut method = NONE;
        loop {
            let field = cursor.length()?;
            if field == 0 {
                break;
            }
            let value = cursor.block()?;
            if field == 2 {
                method = Cursor::new(value).length()?;
            }
        }
        let events = IoCursor::new(cursor.rest().to_vec());
        Some(Self {
            events: match method {
                ZSTD => Box::new(BufReader::new(zstd::stream::read::Decoder::with_buffer(events).ok()?)),
                NONE => Box::new(events),
                _ => return None,
            },
        })
    }

    /// The next event; empty at the end, `None` when it can't be expanded.
    pub(super) fn next(&mut self) -> Option<Vec<u8>> {
        let mut event = Vec::with_capacity(HEADER_BYTES);
        (&mut self.events).take(HEADER_BYTES as u64).read_to_end(&mut event).ok()?;
        if event.is_empty() {
            return Some(event);
        }
        let len = u32::from_le_bytes(*event.get(9..)?.first_chunk()?) as usize;
        let rest = len.checked_sub(HEADER_BYTES).filter(|_| len <= EVENT_BYTES_MAX)?;
        (&mut self.events).take(rest as u64).read_to_end(&mut event).ok()?;
        (event.len() == len).then_some(event)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::*;

    fn deflated(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn what_was_deflated_is_expanded_to_its_length() {
        let text = b"INSERT INTO t VALUES (1)".repeat(20);
        let packed = [&[0x82, 1, 224][..], &deflated(&text)].concat();
        assert_eq!(mariadb(&packed), Some(text.clone()));
        for wrong in [[0x82, 1, 223], [0x82, 1, 225], [0x02, 1, 224], [0x92, 1, 224]] {
            assert_eq!(mariadb(&[&wrong[..], &deflated(&text)].concat()), None);
        }
    }

    #[test]
    fn events_of_a_payload_come_one_by_one() {
        let event = |len: u8| {
            let mut event = vec![0; usize::from(len)];
            event[9] = len;
            event
        };
        let events = [event(19), event(25), event(200)];
        let packed = zstd::bulk::compress(&events.concat(), 3).unwrap();
        let body = [&[2, 1, 0, 3, 1, 244, 1, 1, 9, 0][..], &packed].concat();
        let mut payload = Payload::new(&body).unwrap();
        for event in events {
            assert_eq!(payload.next(), Some(event));
        }
        assert_eq!(payload.next(), Some(Vec::new()));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = mariadb(&bytes);
            let _ = mariadb(&[&[0x81, 40][..], &bytes].concat());
            for head in [&[][..], &[2, 1, 0, 0], &[2, 3, 252, 255, 0, 0]] {
                if let Some(mut payload) = Payload::new(&[head, &bytes].concat()) {
                    while payload.next().is_some_and(|event| !event.is_empty()) {}
                }
            }
        }
    }
}
