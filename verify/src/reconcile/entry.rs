//! Entries of the pool, packed.

use crate::outcome::Side;

/// One row, as it lies in memory and in a spill file alike:
/// `identity_len u32 | identity | hash 16 | side 1 | range 4`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry<'a> {
    pub(super) identity: &'a [u8],
    pub(super) hash: u128,
    pub(super) side: Side,
    pub(super) range: u32,
}

/// Entries in an arena, so that a small row costs a few bytes more than itself.
#[derive(Debug, Default)]
pub(super) struct Entries {
    bytes: Vec<u8>,
    rows: Vec<Slot>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    start: u32,
    len: u32,
    range: u32,
    side: Side,
    hash: u128,
}

impl Entries {
    pub(super) fn push(&mut self, identity: &[u8], hash: u128, side: Side, range: u32) {
        // The pool spills at a few MiB, so offsets stay far below 4 GiB; an
        // identity of that length has been refused by every server.
        let start = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        let len = u32::try_from(identity.len()).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice(identity);
        self.rows.push(Slot { start, len, range, side, hash });
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.bytes.len() + self.rows.len() * size_of::<Slot>()
    }

    pub(super) fn sort(&mut self) {
        let bytes = &self.bytes;
        self.rows.sort_unstable_by(|a, b| entry(bytes, a).cmp(&entry(bytes, b)));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        self.rows.iter().map(|slot| entry(&self.bytes, slot))
    }

    pub(super) fn get(&self, row: usize) -> Option<Entry<'_>> {
        self.rows.get(row).map(|slot| entry(&self.bytes, slot))
    }
}

fn entry<'a>(bytes: &'a [u8], slot: &Slot) -> Entry<'a> {
    let identity = bytes.get(slot.start as usize..slot.start as usize + slot.len as usize).unwrap_or_default();
    Entry { identity, hash: slot.hash, side: slot.side, range: slot.range }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is held decides when it is spilled: every byte counts.
    #[test]
    fn the_size_is_that_of_the_identities_and_the_slots() {
        let mut entries = Entries::default();
        assert_eq!(entries.size_bytes(), 0);
        for (identity, rows) in [(&b""[..], 1), (b"abc", 2), (b"de", 3)] {
            entries.push(identity, 1, Side::Target, 7);
            assert_eq!(entries.rows.len(), rows);
            assert_eq!(entries.size_bytes(), entries.bytes.len() + rows * size_of::<Slot>());
        }
        assert_eq!((entries.bytes.len(), size_of::<Slot>()), (5, 32));
    }
}
