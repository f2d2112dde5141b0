//! Sorted entries in a file without a name: gone with the process, however it
//! ends.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::Path;

use super::entry::Entry;
use crate::outcome::Side;

/// A run holds few buffers at once and is read in order.
const BUFFER_BYTES: usize = 64 << 10;

#[derive(Debug)]
pub(super) struct Run {
    file: File,
}

impl Run {
    /// Writes sorted entries.
    pub(super) fn write<'a>(dir: &Path, entries: impl Iterator<Item = io::Result<Entry<'a>>>) -> io::Result<Self> {
        let mut out = Writer::create(dir)?;
        for entry in entries {
            out.push(entry?)?;
        }
        out.finish()
    }

    pub(super) fn reader(mut self) -> io::Result<Reader> {
        self.file.rewind()?;
        Reader::new(self.file)
    }
}

pub(super) struct Writer {
    out: BufWriter<File>,
}

impl Writer {
    pub(super) fn create(dir: &Path) -> io::Result<Self> {
        Ok(Self { out: BufWriter::with_capacity(BUFFER_BYTES, tempfile::tempfile_in(dir)?) })
    }

    pub(super) fn push(&mut self, entry: Entry<'_>) -> io::Result<()> {
        let len = u32::try_from(entry.identity.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        self.out.write_all(&len.to_le_bytes())?;
        self.out.write_all(entry.identity)?;
        self.out.write_all(&entry.hash.to_le_bytes())?;
        self.out.write_all(&[u8::from(entry.side == Side::Target)])?;
        self.out.write_all(&entry.range.to_le_bytes())
    }

    pub(super) fn finish(self) -> io::Result<Run> {
        let file = self.out.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(Run { file })
    }
}

/// Reads a run in order, one entry in hand.
pub(super) struct Reader {
    input: BufReader<File>,
    identity: Vec<u8>,
    hash: u128,
    side: Side,
    range: u32,
    has_entry: bool,
}

impl Reader {
    fn new(file: File) -> io::Result<Self> {
        let mut reader = Self {
            input: BufReader::with_capacity(BUFFER_BYTES, file),
            identity: Vec::new(),
            hash: 0,
            side: Side::Source,
            range: 0,
            has_entry: true,
        };
        reader.advance()?;
        Ok(reader)
    }

    /// The entry in hand; `None` at the end.
    pub(super) fn current(&self) -> Option<Entry<'_>> {
        self.has_entry.then_some(Entry {
            identity: &self.identity,
            hash: self.hash,
            side: self.side,
            range: self.range,
        })
    }

    pub(super) fn advance(&mut self) -> io::Result<()> {
        let mut first = [0; 1];
        if self.input.read(&mut first)? == 0 {
            self.has_entry = false;
            return Ok(());
        }
        let mut rest = [0; 3];
        self.input.read_exact(&mut rest)?;
        let [a] = first;
        let [b, c, d] = rest;
        self.identity.resize(u32::from_le_bytes([a, b, c, d]) as usize, 0);
        self.input.read_exact(&mut self.identity)?;
        let mut hash = [0; 16];
        self.input.read_exact(&mut hash)?;
        self.hash = u128::from_le_bytes(hash);
        let mut side = [0; 1];
        self.input.read_exact(&mut side)?;
        self.side = if side == [1] { Side::Target } else { Side::Source };
        let mut range = [0; 4];
        self.input.read_exact(&mut range)?;
        self.range = u32::from_le_bytes(range);
        Ok(())
    }
}
