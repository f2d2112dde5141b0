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

use super::exact::Exact;
use super::policy::Policy;
use super::settings::Amount;
use crate::value::Value;

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
    /// Whether two values are no further apart than this. NULL, text and all
    /// else that is no finite number are within no tolerance of anything.
    #[must_use]
    pub fn allows(&self, a: &Value<'_>, b: &Value<'_>) -> bool {
        self.ulps.is_some_and(|ulps| ulps.allow(a, b)) || self.allows_exactly(a, b)
    }

    fn allows_exactly(&self, a: &Value<'_>, b: &Value<'_>) -> bool {
        if self.absolute.is_none() && self.relative.is_none() {
            return false;
        }
        let (Some(a), Some(b)) = (Exact::of(a), Exact::of(b)) else { return false };
        let apart = a.distance(&b);
        let within = |bound: Exact| apart.cmp_magnitude(&bound).is_le();
        let absolute = self.absolute.as_ref().and_then(|amount| Exact::of_decimal(amount.get()));
        let relative = self.relative.as_ref().and_then(|share| Exact::of_decimal(share.get()));
        let larger = if a.cmp_magnitude(&b).is_ge() { &a } else { &b };
        absolute.is_some_and(within) || relative.is_some_and(|share| within(share.times(larger)))
    }
}

impl Ulps {
    fn allow(self, a: &Value<'_>, b: &Value<'_>) -> bool {
        let place = |value| if self.single { single_place(value) } else { double_place(value) };
        match (place(a), place(b)) {
            (Some(a), Some(b)) => a.abs_diff(b) <= u128::from(self.count),
            _ => false,
        }
    }
}

/// Where a value stands among the doubles, counted from zero; both zeros are at
/// 0. `None` for what is no finite double.
fn double_place(value: &Value<'_>) -> Option<i128> {
    #[expect(clippy::cast_precision_loss, reason = "to the nearest double is what is asked for")]
    let double = match value {
        Value::F64(v) => *v,
        Value::F32(v) => f64::from(*v),
        Value::Int(v) => *v as f64,
        Value::UInt(v) => *v as f64,
        Value::Decimal(v) => v.to_f64(),
        _ => return None,
    };
    let magnitude = i128::from(double.abs().to_bits());
    double.is_finite().then_some(if double.is_sign_negative() { -magnitude } else { magnitude })
}

/// [`double_place`] among the singles.
fn single_place(value: &Value<'_>) -> Option<i128> {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "to the nearest single is what is asked for"
    )]
    let single = match value {
        Value::F64(v) => *v as f32,
        Value::F32(v) => *v,
        Value::Int(v) => *v as f32,
        Value::UInt(v) => *v as f32,
        Value::Decimal(v) => v.to_f32(),
        _ => return None,
    };
    let magnitude = i128::from(single.abs().to_bits());
    single.is_finite().then_some(if single.is_sign_negative() { -magnitude } else { magnitude })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decimal::Decimal;

    fn dec(text: &str) -> Value<'_> {
        Value::Decimal(Decimal::parse(text).unwrap())
    }

    fn absolute(amount: &str) -> Tolerance {
        Tolerance { absolute: Some(amount.parse().unwrap()), ..Tolerance::default() }
    }

    fn relative(share: &str) -> Tolerance {
        Tolerance { relative: Some(share.parse().unwrap()), ..Tolerance::default() }
    }

    fn ulps(count: u32, single: bool) -> Tolerance {
        Tolerance { ulps: Some(Ulps { count, single }), ..Tolerance::default() }
    }

    /// Both ways round, and mirrored at zero.
    fn allows(tolerance: &Tolerance, a: &Value<'_>, b: &Value<'_>) -> bool {
        let one = tolerance.allows(a, b);
        assert_eq!(one, tolerance.allows(b, a), "{a:?} {b:?}");
        one
    }

    #[test]
    fn amounts_are_exact_to_the_last_digit() {
        let cent = absolute("0.01");
        assert!(allows(&cent, &dec("1.10"), &dec("1.11")));
        assert!(!allows(&cent, &dec("1.10"), &dec("1.1100000000000000000000000000000000000000000000000001")));
        assert!(allows(&cent, &dec("-0.005"), &dec("0.005")));
        assert!(!allows(&cent, &dec("-0.005"), &dec("0.006")));
        // A double holds neither of them apart from its neighbour.
        let huge = format!("1{}", "0".repeat(60));
        assert!(allows(&absolute("1"), &dec(&huge), &dec(&format!("{}1", "1".to_owned() + &"0".repeat(59)))));
        assert!(!allows(&absolute("1"), &dec(&huge), &dec(&format!("{}2", "1".to_owned() + &"0".repeat(59)))));
        assert!(allows(&absolute("1"), &Value::UInt(u64::MAX), &Value::UInt(u64::MAX - 1)));
        assert!(!allows(&absolute("18446744073709551615"), &Value::Int(-1), &Value::UInt(u64::MAX)));
        assert!(allows(&absolute("18446744073709551616"), &Value::Int(-1), &Value::UInt(u64::MAX)));
        // 0.11 as a double lies above 0.11, and 0.1 as one above 0.1 by less.
        assert!(!allows(&cent, &dec("0.1"), &Value::F64(0.11)));
        assert!(allows(&cent, &Value::F64(0.1), &dec("0.11")));
    }

    #[test]
    fn a_share_is_of_the_larger_magnitude() {
        let percent = relative("0.01");
        assert!(allows(&percent, &dec("99"), &dec("100")));
        assert!(!allows(&percent, &dec("98.9999"), &dec("100")));
        assert!(allows(&percent, &dec("-99"), &dec("-100")));
        assert!(!allows(&relative("1"), &dec("-0.1"), &dec("100")), "the sign counts");
        assert!(!allows(&percent, &dec("0"), &dec("1e-300")), "nothing but zero is a share away from zero");
        assert!(allows(&relative("1e-9"), &Value::F64(1.0), &Value::F64(1.0 + 1e-10)));
    }

    #[test]
    fn steps_are_counted_in_the_columns_type_and_through_zero() {
        let up = |v: f64, n: u64| Value::F64(f64::from_bits(v.to_bits() + n));
        assert!(allows(&ulps(4, false), &Value::F64(1.0), &up(1.0, 4)));
        assert!(!allows(&ulps(4, false), &Value::F64(1.0), &up(1.0, 5)));
        let tiny = f64::from_bits(2);
        assert!(allows(&ulps(4, false), &Value::F64(-tiny), &Value::F64(tiny)));
        assert!(!allows(&ulps(3, false), &Value::F64(-tiny), &Value::F64(tiny)));
        assert!(allows(&ulps(1, false), &Value::F64(-0.0), &Value::F64(f64::from_bits(1))));
        let single = |v: f32, n: u32| Value::F32(f32::from_bits(v.to_bits() + n));
        assert!(allows(&ulps(1, true), &Value::F32(1.5), &single(1.5, 1)));
        assert!(!allows(&ulps(1, true), &Value::F32(1.5), &single(1.5, 2)));
        assert!(!allows(&ulps(1, false), &Value::F32(1.5), &single(1.5, 1)), "many doubles lie between two singles");
        assert!(allows(&ulps(1, true), &Value::F32(0.1), &Value::F64(0.1)));
        assert!(!allows(&ulps(1, false), &Value::F32(0.1), &Value::F64(0.1)));
        assert!(!allows(&ulps(u32::MAX, false), &Value::F64(-1.0), &Value::F64(1.0)));
    }

    #[test]
    fn what_is_no_finite_number_is_never_within() {
        let all = Tolerance {
            absolute: Some("1e300".parse().unwrap()),
            relative: Some("1e300".parse().unwrap()),
            ulps: Some(Ulps { count: u32::MAX, single: false }),
        };
        let one = Value::F64(1.0);
        for other in [
            Value::Null,
            Value::F64(f64::NAN),
            Value::F64(f64::INFINITY),
            Value::F32(f32::NEG_INFINITY),
            Value::Decimal(Decimal::NaN),
            Value::Decimal(Decimal::Infinity),
            Value::Text("1".into()),
            Value::Bool(true),
        ] {
            assert!(!allows(&all, &one, &other), "{other:?}");
            assert!(!allows(&all, &other, &other), "{other:?}");
        }
        let max = Value::F64(f64::MAX);
        assert!(!allows(&ulps(1, false), &max, &Value::F64(f64::INFINITY)), "the next place is no number");
        assert!(!allows(&ulps(9, true), &max, &Value::F32(f32::MAX)), "beyond what a single holds");
        assert!(!allows(&ulps(1, false), &dec("1e400"), &dec("1e401")));
    }
}
