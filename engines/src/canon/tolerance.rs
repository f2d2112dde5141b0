//! How far apart two numbers may be and still count as equal.
//!
//! A tolerance is no equivalence (1.0 and 1.1, 1.1 and 1.2, yet not 1.0 and
//! 1.2), so no encoding can express it: it is asked where two rows whose
//! hashes differ are read again.
//!
//! Amounts are compared exactly. A floating-point number counts as precisely the
//! number that it is, which is a finite decimal; nothing is rounded on the way.
//! NaN and the infinities are never within a tolerance of anything.

use serde::{Deserialize, Serialize};

use super::policy::Policy;
use super::settings::Amount;

/// Values within any one of these count as equal. `Default` allows nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tolerance {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub absolute: Option<Amount>,
    /// A share of the larger of the two magnitudes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relative: Option<Amount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ulps: Option<Ulps>,
}

/// Units in the last place: how many steps from one representable value to the
/// other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ulps {
    pub count: u32,
    /// Steps of single precision, the coarser of the two columns' types.
    pub single: bool,
}

impl Tolerance {
    /// The policies that it comes to.
    pub fn policies(&self) -> impl Iterator<Item = Policy> + use<> {
        [
            self.absolute.as_ref().map(|_| Policy::AbsoluteTolerance),
            self.relative.as_ref().map(|_| Policy::RelativeTolerance),
            self.ulps.map(|_| Policy::UlpTolerance),
        ]
        .into_iter()
        .flatten()
    }
}
