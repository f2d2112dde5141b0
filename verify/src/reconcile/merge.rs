//! Sorted runs to unmatched identities.

use std::io;
use std::path::Path;

use super::entry::{Entries, Entry};
use super::runs::{Reader, Run, Writer};
use crate::compare::matching::{Candidate, Hashes};
use crate::outcome::Side;

/// All runs at once, smallest entry first. A linear search over at most 64
/// heads is as fast as a heap that would have to own its entries.
pub(super) struct Merge {
    memory: Entries,
    memory_at: usize,
    readers: Vec<Reader>,
}

/// Which input holds the smallest entry.
#[derive(Clone, Copy)]
enum Input {
    Memory,
    Reader(usize),
}

impl Merge {
    /// `memory` must be sorted.
    pub(super) fn new(memory: Entries, runs: Vec<Run>) -> io::Result<Self> {
        let readers = runs.into_iter().map(Run::reader).collect::<io::Result<_>>()?;
        Ok(Self { memory, memory_at: 0, readers })
    }

    fn smallest(&self) -> Option<(Input, Entry<'_>)> {
        let mut best = self.memory.get(self.memory_at).map(|e| (Input::Memory, e));
        for (at, reader) in self.readers.iter().enumerate() {
            if let Some(entry) = reader.current()
                && best.is_none_or(|(_, b)| entry < b)
            {
                best = Some((Input::Reader(at), entry));
            }
        }
        best
    }

    fn advance(&mut self, input: Input) -> io::Result<()> {
        match input {
            Input::Memory => self.memory_at += 1,
            Input::Reader(at) => {
                if let Some(reader) = self.readers.get_mut(at) {
                    reader.advance()?;
                }
            }
        }
        Ok(())
    }

    /// All entries of the next identity; `None` at the end.
    fn next_group(&mut self) -> io::Result<Option<Candidate>> {
        let Some((_, first)) = self.smallest() else { return Ok(None) };
        let (identity, range): (Box<[u8]>, u32) = (first.identity.into(), first.range);
        let (mut source, mut target) = (Hashes::new(), Hashes::new());
        while let Some((input, entry)) = self.smallest() {
            if *entry.identity != *identity {
                break;
            }
            let hashes = match entry.side {
                Side::Source => &mut source,
                Side::Target => &mut target,
            };
            count(hashes, entry.hash);
            self.advance(input)?;
        }
        Ok(Some(Candidate { identity, source: Some(source), target, range, pooled: true, moved: false }))
    }
}

/// Entries come by hash within an identity, so only the last can be the same.
fn count(hashes: &mut Hashes, hash: u128) {
    match hashes.last_mut() {
        Some((last, count)) if *last == hash => *count += 1,
        _ => hashes.push((hash, 1)),
    }
}

impl Iterator for Merge {
    type Item = io::Result<Candidate>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.next_group() {
                Ok(Some(group)) if group.source.as_ref() == Some(&group.target) => {}
                Ok(Some(group)) => return Some(Ok(group)),
                Ok(None) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// Many runs to one, nothing cancelled.
pub(super) fn compact(dir: &Path, runs: Vec<Run>) -> io::Result<Run> {
    let mut merge = Merge::new(Entries::default(), runs)?;
    let mut out = Writer::create(dir)?;
    while let Some((input, entry)) = merge.smallest() {
        out.push(entry)?;
        merge.advance(input)?;
    }
    out.finish()
}
