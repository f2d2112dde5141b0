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

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rows: &[(&str, u128)]) -> RangeRows {
        let mut range = RangeRows::default();
        rows.iter().for_each(|(identity, hash)| range.push(identity.as_bytes(), *hash));
        range
    }

    #[test]
    fn rows_come_back_as_they_went_in_also_when_joined() {
        let (first, second) = ([("b", 2), ("", 7), ("abc", 1)], [("zz", u128::MAX), ("a", 3)]);
        let mut all = of(&first);
        all.append(&of(&second));
        let expected: Vec<(&[u8], u128)> = first.iter().chain(&second).map(|(i, h)| (i.as_bytes(), *h)).collect();
        assert_eq!(all.iter().collect::<Vec<_>>(), expected);
        assert_eq!((all.len(), all.get(1), all.get(5)), (5, Some((&b""[..], 7)), None));
        assert_eq!(of(&[]).get(0), None);
        let mut sorted = expected;
        sorted.sort_unstable();
        assert_eq!(all.sorted(), sorted);
    }

    #[test]
    fn the_digest_is_of_all_rows_in_any_order_and_wraps() {
        let digest = of(&[("a", u128::MAX), ("b", 5)]).digest;
        assert_eq!(digest, Digest { count: 2, sum: 4 });
        assert_eq!(of(&[("x", 5), ("y", u128::MAX)]).digest, digest);
        let mut twice = of(&[("a", u128::MAX), ("b", 5)]);
        twice.append(&of(&[("a", u128::MAX), ("b", 5)]));
        assert_eq!(twice.digest, Digest { count: 4, sum: 8 });
        let mut merged = digest;
        merged.merge(Digest { count: 1, sum: u128::MAX });
        assert_eq!(merged, Digest { count: 3, sum: 3 });
        // Twice the same row is not none, as it would be with XOR.
        assert_ne!(of(&[("a", 9), ("a", 9)]).digest, Digest { count: 2, sum: 0 });
    }

    /// What is held decides when rows are spilled.
    #[test]
    fn the_size_grows_with_what_is_held() {
        assert_eq!(of(&[]).size_bytes(), 0);
        let row = of(&[("abc", 1)]).size_bytes();
        assert_eq!(row, 3 + 16 + 4);
        assert_eq!(of(&[("abc", 1), ("def", 2)]).size_bytes(), 2 * row);
    }
}
