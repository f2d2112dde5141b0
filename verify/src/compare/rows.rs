//! The rows of one side of a range, as keys and hashes.

/// Count and sum of row hashes modulo 2^128.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Digest {
    pub(crate) count: u64,
    pub(crate) sum: u128,
}

impl Digest {
    pub(crate) fn add(&mut self, hash: u128) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(hash);
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.sum = self.sum.wrapping_add(other.sum);
    }
}

/// Keys and hashes in the order in which the rows came.
///
/// A row's *identity* is its key's canonical cells; without a key it is the
/// row's own hash. Kept in one arena, as a range has tens of thousands.
#[derive(Debug, Default)]
pub(crate) struct RangeRows {
    pub(crate) digest: Digest,
    identities: Vec<u8>,
    /// Where each identity ends in `identities`.
    ends: Vec<u32>,
    hashes: Vec<u128>,
}

impl RangeRows {
    pub(crate) fn push(&mut self, identity: &[u8], hash: u128) {
        self.digest.add(hash);
        self.identities.extend_from_slice(identity);
        // A range overflows to the pool at a few MiB, and no batch holds a key
        // of 4 GiB: servers refuse such keys.
        self.ends.push(u32::try_from(self.identities.len()).unwrap_or(u32::MAX));
        self.hashes.push(hash);
    }

    pub(crate) fn append(&mut self, other: &Self) {
        self.digest.merge(other.digest);
        let offset = u32::try_from(self.identities.len()).unwrap_or(u32::MAX);
        self.identities.extend_from_slice(&other.identities);
        self.ends.extend(other.ends.iter().map(|end| end.saturating_add(offset)));
        self.hashes.extend_from_slice(&other.hashes);
    }

    pub(crate) fn len(&self) -> usize {
        self.hashes.len()
    }

    pub(crate) fn size_bytes(&self) -> usize {
        self.identities.len() + self.hashes.len() * (size_of::<u128>() + size_of::<u32>())
    }

    pub(crate) fn get(&self, row: usize) -> Option<(&[u8], u128)> {
        let start = match row.checked_sub(1) {
            Some(before) => *self.ends.get(before)? as usize,
            None => 0,
        };
        let identity = self.identities.get(start..*self.ends.get(row)? as usize)?;
        Some((identity, *self.hashes.get(row)?))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], u128)> {
        (0..self.len()).filter_map(|row| self.get(row))
    }

    /// All rows, by identity and then hash.
    pub(crate) fn sorted(&self) -> Vec<(&[u8], u128)> {
        let mut rows: Vec<_> = self.iter().collect();
        rows.sort_unstable();
        rows
    }
}
