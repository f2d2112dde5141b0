//! Packets over a stream.
//!
//! A packet travels in frames: three bytes of length, one that counts, and the
//! payload. A frame of 2^24 − 1 bytes says that the packet goes on in the next.

use std::borrow::Cow;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::packet::{ServerError, ends_rows, mark};
use super::{WireError, WireResult};
use crate::batch::{BATCH_BYTES, RawBatch};

/// Any byte stream: TCP, TLS over it, or a local socket.
pub(in crate::mysql) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

pub(in crate::mysql) const HEADER_BYTES: usize = 4;
/// The length of a frame that is not the last of its packet.
pub(in crate::mysql) const FRAME_BYTES_MAX: usize = 0xFF_FFFF;
/// What is read at once at least. With the batch in one buffer a fast sender
/// fills it with a few large reads.
const READ_BYTES: usize = 64 << 10;

/// One end of a connection. Reading ahead is all the state it has, besides the
/// number of the next frame.
pub(in crate::mysql) struct Channel {
    stream: Box<dyn Stream>,
    /// Read and not yet used up, from `used` on.
    input: Vec<u8>,
    used: usize,
    sequence: u8,
}

/// What [`Channel::rows`] came to.
pub(in crate::mysql) enum Rows {
    Some(RawBatch),
    /// These are the last ones.
    Last(RawBatch),
}

impl Channel {
    pub(in crate::mysql) fn new(stream: Box<dyn Stream>) -> Self {
        Self { stream, input: Vec::new(), used: 0, sequence: 0 }
    }

    /// Puts TLS, or whatever `upgrade` makes of it, around the stream. Bytes
    /// that were sent ahead of it in the clear are refused: they would be taken
    /// for a part of what the peer says in confidence.
    pub(in crate::mysql) async fn upgrade<F>(&mut self, upgrade: impl FnOnce(Box<dyn Stream>) -> F) -> WireResult<()>
    where
        F: Future<Output = WireResult<Box<dyn Stream>>>,
    {
        if self.used < self.input.len() {
            return Err(WireError::Protocol("there are bytes before the TLS handshake"));
        }
        let plain = std::mem::replace(&mut self.stream, Box::new(tokio::io::empty()));
        self.stream = upgrade(plain).await?;
        Ok(())
    }

    /// Begins a new exchange: the frames of a command count from 0.
    pub(in crate::mysql) fn restart(&mut self) {
        self.sequence = 0;
    }

    /// Sends one packet, in as many frames as it takes.
    pub(in crate::mysql) async fn send(&mut self, packet: &[u8]) -> WireResult<()> {
        let mut rest = packet;
        loop {
            let (frame, next) = rest.split_at(rest.len().min(FRAME_BYTES_MAX));
            let [a, b, c, _] = u32::try_from(frame.len()).unwrap_or_default().to_le_bytes();
            let mut header = Vec::with_capacity(HEADER_BYTES + frame.len());
            header.extend_from_slice(&[a, b, c, self.sequence]);
            header.extend_from_slice(frame);
            self.sequence = self.sequence.wrapping_add(1);
            self.stream.write_all(&header).await?;
            rest = next;
            if frame.len() < FRAME_BYTES_MAX {
                break;
            }
        }
        self.stream.flush().await?;
        Ok(())
    }

    /// Receives one packet; an error packet becomes an error.
    pub(in crate::mysql) async fn receive(&mut self) -> WireResult<Vec<u8>> {
        let mut packet = Vec::new();
        loop {
            self.fill_to(self.used + HEADER_BYTES).await?;
            let header = Header::at(&self.input, self.used).ok_or(WireError::Protocol("a frame has no header"))?;
            let out_of_order = header.sequence != self.sequence;
            // What is no server may announce megabytes that never come.
            if out_of_order && header.sequence != 0 {
                return Err(OUT_OF_ORDER);
            }
            let start = self.used + HEADER_BYTES;
            self.fill_to(start + header.len).await?;
            // A server that ends a session says so before it is asked anything.
            if out_of_order && self.input.get(start) != Some(&mark::ERROR) {
                return Err(OUT_OF_ORDER);
            }
            self.sequence = self.sequence.wrapping_add(1);
            packet.extend_from_slice(self.input.get(start..start + header.len).unwrap_or_default());
            self.used = start + header.len;
            if header.len < FRAME_BYTES_MAX {
                break;
            }
        }
        if self.used == self.input.len() {
            self.input.clear();
            self.used = 0;
        }
        if packet.first() == Some(&mark::ERROR) {
            return Err(server_error(&packet));
        }
        Ok(packet)
    }

    /// The next packet, if all of it is here already; an error packet becomes an
    /// error.
    pub(in crate::mysql) fn buffered(&mut self) -> WireResult<Option<Cow<'_, [u8]>>> {
        let (mut at, mut sequence) = (self.used, self.sequence);
        loop {
            let Some(header) = Header::at(&self.input, at) else { return Ok(None) };
            if header.sequence != sequence {
                return Err(OUT_OF_ORDER);
            }
            sequence = sequence.wrapping_add(1);
            at += HEADER_BYTES + header.len;
            if self.input.len() < at {
                return Ok(None);
            }
            if header.len < FRAME_BYTES_MAX {
                break;
            }
        }
        let start = std::mem::replace(&mut self.used, at);
        self.sequence = sequence;
        let frames = self.input.get(start..at).unwrap_or_default();
        let packet = if frames.len() < HEADER_BYTES + FRAME_BYTES_MAX {
            Cow::Borrowed(frames.get(HEADER_BYTES..).unwrap_or_default())
        } else {
            let parts = frames.chunks(HEADER_BYTES + FRAME_BYTES_MAX).filter_map(|frame| frame.get(HEADER_BYTES..));
            Cow::Owned(parts.collect::<Vec<_>>().concat())
        };
        if packet.first() == Some(&mark::ERROR) { Err(server_error(&packet)) } else { Ok(Some(packet)) }
    }

    /// Waits until more has come than is here. May be dropped while it waits: nothing
    /// is lost by that.
    pub(in crate::mysql) async fn more(&mut self) -> WireResult<()> {
        self.input.drain(..self.used);
        self.used = 0;
        self.fill_to(self.input.len() + 1).await
    }

    /// Receives binary rows and hands them on in their frames,
    /// when there is a batch of them or no more.
    pub(in crate::mysql) async fn rows(&mut self, deprecate_eof: bool) -> WireResult<Rows> {
        self.input.drain(..self.used);
        self.used = 0;
        self.input.reserve(BATCH_BYTES + 2 * READ_BYTES);
        let mut scan = Scan { frame: 0, sequence: self.sequence, end: 0, sequence_at_end: self.sequence, row_count: 0 };
        loop {
            match scan.advance(&mut self.input, deprecate_eof)? {
                Step::Wait { .. } if scan.end >= BATCH_BYTES => {
                    self.sequence = scan.sequence_at_end;
                    return Ok(Rows::Some(self.split_off(scan.end, scan.end, scan.row_count)));
                }
                Step::Wait { len } => self.fill_to(len).await?,
                Step::Last { next } => return Ok(Rows::Last(self.split_off(scan.end, next, scan.row_count))),
            }
        }
    }

    /// Makes a batch of the input up to `end` without copying it, and leaves
    /// what comes after `next`.
    fn split_off(&mut self, end: usize, next: usize, row_count: usize) -> RawBatch {
        let rest = self.input.get(next..).unwrap_or_default().to_vec();
        let mut bytes = std::mem::replace(&mut self.input, rest);
        bytes.truncate(end);
        RawBatch { bytes, row_count }
    }

    /// Waits until the input has `len` bytes.
    async fn fill_to(&mut self, len: usize) -> WireResult<()> {
        while self.input.len() < len {
            let missing = len - self.input.len();
            self.input.reserve(missing.max(READ_BYTES));
            if self.stream.read_buf(&mut self.input).await? == 0 {
                return Err(WireError::Io(std::io::ErrorKind::UnexpectedEof.into()));
            }
        }
        Ok(())
    }
}

/// How far a search for whole rows has come in the input.
struct Scan {
    /// Where the next frame begins, and its number.
    frame: usize,
    sequence: u8,
    /// Where the last whole row ends, and the number of the frame after it.
    end: usize,
    sequence_at_end: u8,
    row_count: usize,
}

enum Step {
    /// It goes on when the input has `len` bytes.
    Wait { len: usize },
    /// The packet behind the last row ended at `next`.
    Last { next: usize },
}

impl Scan {
    /// Walks over all rows that are there: a few instructions for each, which
    /// is all that the thread on the socket does for a row.
    ///
    /// The number of a row's first frame is set to 0 once it was checked: it
    /// says only how many rows came before, and without it the same row is the
    /// same bytes wherever it is in a result.
    fn advance(&mut self, input: &mut [u8], deprecate_eof: bool) -> WireResult<Step> {
        loop {
            let Some(header) = Header::at(input, self.frame) else {
                return Ok(Step::Wait { len: self.frame + HEADER_BYTES });
            };
            let frame_end = self.frame + HEADER_BYTES + header.len;
            if input.len() < frame_end {
                return Ok(Step::Wait { len: frame_end });
            }
            if header.sequence != self.sequence {
                return Err(OUT_OF_ORDER);
            }
            self.sequence = self.sequence.wrapping_add(1);
            self.frame = frame_end;
            if header.len == FRAME_BYTES_MAX {
                continue;
            }
            let packet = input.get(self.end + HEADER_BYTES..frame_end).unwrap_or_default();
            match packet.first() {
                Some(&mark::ROW) => {
                    self.row_count += 1;
                    if let Some(number) = input.get_mut(self.end + HEADER_BYTES - 1) {
                        *number = 0;
                    }
                    self.end = frame_end;
                    self.sequence_at_end = self.sequence;
                }
                Some(&mark::ERROR) => return Err(server_error(packet)),
                Some(&mark::END) if ends_rows(packet, deprecate_eof) => return Ok(Step::Last { next: frame_end }),
                _ => return Err(WireError::Protocol("there is something else among the rows")),
            }
        }
    }
}

/// What precedes each piece of a packet.
#[derive(Debug, Clone, Copy)]
pub(in crate::mysql) struct Header {
    pub(in crate::mysql) len: usize,
    sequence: u8,
}

impl Header {
    /// The header at `at`; `None` when it is not there in whole.
    #[inline]
    pub(in crate::mysql) fn at(input: &[u8], at: usize) -> Option<Self> {
        let &[a, b, c, sequence] = input.get(at..)?.first_chunk()?;
        Some(Self { len: usize::from(a) | usize::from(b) << 8 | usize::from(c) << 16, sequence })
    }
}

const OUT_OF_ORDER: WireError = WireError::Protocol("the frames are out of order");

fn server_error(packet: &[u8]) -> WireError {
    ServerError::parse(packet).map_or(WireError::Protocol("an error packet is cut short"), WireError::Server)
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    fn frame(sequence: u8, payload: &[u8]) -> Vec<u8> {
        let [a, b, c, _] = u32::try_from(payload.len()).unwrap().to_le_bytes();
        [&[a, b, c, sequence], payload].concat()
    }

    /// A channel that receives `bytes` in pieces of `piece`.
    fn receiving(bytes: Vec<u8>, piece: usize) -> Channel {
        let (mut theirs, ours) = tokio::io::duplex(1 << 16);
        tokio::spawn(async move {
            for part in bytes.chunks(piece) {
                theirs.write_all(part).await.unwrap();
            }
        });
        Channel::new(Box::new(ours))
    }

    async fn all_rows(channel: &mut Channel) -> WireResult<(Vec<u8>, usize)> {
        let (mut bytes, mut row_count) = (Vec::new(), 0);
        loop {
            let (batch, last) = match channel.rows(true).await? {
                Rows::Some(batch) => (batch, false),
                Rows::Last(batch) => (batch, true),
            };
            bytes.extend_from_slice(&batch.bytes);
            row_count += batch.row_count;
            if last {
                return Ok((bytes, row_count));
            }
        }
    }

    const END: &[u8] = &[mark::END, 0, 0, 2, 0, 0, 0];

    #[tokio::test]
    async fn rows_arrive_whole_however_they_are_cut() {
        let (mut sent, mut expected) = (Vec::new(), Vec::new());
        for i in 0..40_000u32 {
            let row = [&[mark::ROW], i.to_le_bytes().repeat(1 + i as usize % 20).as_slice()].concat();
            sent.extend(frame(u8::try_from(i % 256).unwrap(), &row));
            expected.extend(frame(0, &row));
        }
        for piece in [1_000, 4_097, 1 << 20] {
            let mut bytes = sent.clone();
            bytes.extend(frame(u8::try_from(40_000 % 256).unwrap(), END));
            let mut channel = receiving(bytes, piece);
            let (received, row_count) = all_rows(&mut channel).await.unwrap();
            assert_eq!(row_count, 40_000);
            assert!(received == expected, "pieces of {piece}");
        }
    }

    #[tokio::test]
    async fn a_row_may_span_frames() {
        let long = [vec![mark::ROW], vec![7; 2 * FRAME_BYTES_MAX - 1]].concat();
        // Of a row's frames the first one's number is not handed on.
        let rows = |first, last| {
            let long = [frame(first, &long[..FRAME_BYTES_MAX]), frame(2, &long[FRAME_BYTES_MAX..]), frame(3, &[])];
            [frame(0, &[mark::ROW, 1]), long.concat(), frame(last, &[mark::ROW, 2])].concat()
        };
        let sent = [rows(1, 4), frame(5, END)].concat();
        let (received, row_count) = all_rows(&mut receiving(sent, 1 << 16)).await.unwrap();
        assert_eq!(row_count, 3);
        assert!(received == rows(0, 0));
    }

    #[tokio::test]
    async fn what_is_no_row_ends_the_rows() {
        let first = frame(0, &[mark::ROW, 1]);
        let error = [first.clone(), frame(1, b"\xFF\x25\x05#70100interrupted")].concat();
        assert!(matches!(all_rows(&mut receiving(error, 9)).await, Err(WireError::Server(e)) if e.code == 1317));
        let lost = [first.clone(), frame(2, END)].concat();
        assert!(matches!(all_rows(&mut receiving(lost, 9)).await, Err(WireError::Protocol(_))));
        let cut = [first.clone(), frame(1, &[mark::ROW, 1])[..3].to_vec()].concat();
        assert!(matches!(all_rows(&mut receiving(cut, 9)).await, Err(WireError::Io(_))));
        let empty = [first, frame(1, &[])].concat();
        assert!(matches!(all_rows(&mut receiving(empty, 9)).await, Err(WireError::Protocol(_))));
    }

    #[tokio::test]
    async fn packets_are_taken_only_when_they_are_whole() {
        let long = vec![7u8; FRAME_BYTES_MAX + 5];
        let sent = [
            frame(0, &[1, 2]),
            frame(1, &long[..FRAME_BYTES_MAX]),
            frame(2, &long[FRAME_BYTES_MAX..]),
            frame(3, &[]),
            frame(4, b"\xFF\x25\x05#70100interrupted"),
        ];
        let mut channel = receiving(sent.concat(), 1 << 15);
        let mut packets = Vec::new();
        loop {
            match channel.buffered() {
                Ok(Some(packet)) => packets.push(packet.into_owned()),
                // Each wait is begun and given up once before it is waited for.
                Ok(None) => {
                    let _ = futures_util::FutureExt::now_or_never(channel.more());
                    channel.more().await.unwrap();
                }
                Err(error) => {
                    assert!(matches!(error, WireError::Server(e) if e.code == 1317));
                    break;
                }
            }
        }
        assert!(packets == [vec![1, 2], long, Vec::new()]);
    }

    #[tokio::test]
    async fn packets_of_any_size_go_through() {
        for len in [0, 1, FRAME_BYTES_MAX - 1, FRAME_BYTES_MAX, FRAME_BYTES_MAX + 1, 2 * FRAME_BYTES_MAX] {
            let (ours, theirs) = tokio::io::duplex(1 << 20);
            let packet = vec![3u8; len];
            let (mut sender, mut receiver) = (Channel::new(Box::new(ours)), Channel::new(Box::new(theirs)));
            let (sent, received) = tokio::join!(sender.send(&packet), receiver.receive());
            sent.unwrap();
            assert!(received.unwrap() == packet, "{len}");
        }
    }
}
