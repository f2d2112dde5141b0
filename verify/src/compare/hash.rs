//! Raw rows to row hashes.

use std::sync::Arc;

use switchback_engines::canon::{self, Rule};
use switchback_engines::{DecodeRows, RawBatch, Result};

use super::rows::RangeRows;

/// The secret of a run. Random, so that nobody can prepare rows that collide.
#[derive(Debug, Clone)]
pub(crate) struct HashKey([u8; 32]);

impl HashKey {
    pub(crate) fn random() -> Self {
        Self(rand::random())
    }

    #[cfg(test)]
    pub(crate) fn fixed() -> Self {
        Self([7; 32])
    }

    /// Tells keys apart and gives nothing away.
    pub(crate) fn id(&self) -> String {
        switchback_engines::display::hex(&blake3::hash(&self.0).as_bytes()[..8])
    }

    pub(crate) fn hash(&self, bytes: &[u8]) -> u128 {
        let hash = blake3::keyed_hash(&self.0, bytes);
        let (low, _) = hash.as_bytes().split_first_chunk::<16>().unwrap_or((&[0; 16], &[]));
        u128::from_le_bytes(*low)
    }
}

/// Hashes the rows of one side of one table.
#[derive(Clone)]
pub(crate) struct RowHasher {
    pub(crate) decoder: Arc<dyn DecodeRows>,
    /// One for each column that is read, in that order, key first.
    pub(crate) rules: Arc<[Rule]>,
    pub(crate) key_len: usize,
    pub(crate) key: HashKey,
}

impl RowHasher {
    /// The identities and hashes of a batch's rows.
    pub(crate) fn hash_batch(&self, batch: &RawBatch) -> Result<RangeRows> {
        let mut rows = RangeRows::default();
        let mut cells = Vec::with_capacity(256);
        self.decoder.decode(batch, &mut |values| {
            let (identity_len, hash) = self.row(values, &mut cells);
            match self.key_len {
                0 => rows.push(&hash.to_be_bytes(), hash),
                _ => rows.push(cells.get(..identity_len).unwrap_or(&cells), hash),
            }
        })?;
        Ok(rows)
    }

    /// Fills `cells` with the row's canonical cells; the length of the key's
    /// part, and the hash of all.
    pub(crate) fn row(&self, values: &[switchback_engines::Value<'_>], cells: &mut Vec<u8>) -> (usize, u128) {
        cells.clear();
        let mut identity_len = 0;
        for (at, (rule, value)) in self.rules.iter().zip(values).enumerate() {
            if at == self.key_len {
                identity_len = cells.len();
            }
            canon::encode(rule, value, cells);
        }
        if self.rules.len() == self.key_len {
            identity_len = cells.len();
        }
        (identity_len, self.key.hash(cells))
    }

    /// The identity under which [`Self::hash_batch`] files a row.
    pub(crate) fn identity(&self, cells: &[u8], identity_len: usize, hash: u128) -> Box<[u8]> {
        match self.key_len {
            0 => Box::from(hash.to_be_bytes()),
            _ => cells.get(..identity_len).unwrap_or(cells).into(),
        }
    }
}
