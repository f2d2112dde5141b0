//! Parts of a table by its key.

use crate::value::OwnedValue;

/// The values of a key's columns, in the key's order; never NULL.
pub type KeyValues = Vec<OwnedValue>;

/// A half-open interval of keys, `lower <= key < upper`, in the *server's own*
/// order. `None` is open: the first and the last range of a table have no end,
/// so that no row of either side lies outside of every range.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct KeyRange {
    pub lower: Option<KeyValues>,
    pub upper: Option<KeyValues>,
}

impl KeyRange {
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }
}
