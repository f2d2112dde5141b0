//! Exact arithmetic on numbers of any kind and size, as far as tolerances need it.
//!
//! Decimal digits, one a byte: schoolbook arithmetic is slow and plainly right, and
//! it runs only for rows that are about to be called different.

use std::cmp::Ordering;

use crate::decimal::Decimal;
use crate::value::Value;

/// `±digits × 10^-scale`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Exact {
    negative: bool,
    /// From 0 to 9, the most significant first.
    digits: Vec<u8>,
    scale: i64,
}

impl Exact {
    /// The number that a value is; `None` for what is no finite number.
    pub(super) fn of(value: &Value<'_>) -> Option<Self> {
        match value {
            Value::Int(v) => Self::of_decimal(&Decimal::Small { coefficient: i128::from(*v), scale: 0 }),
            Value::UInt(v) => Self::of_decimal(&Decimal::Small { coefficient: i128::from(*v), scale: 0 }),
            Value::Decimal(v) => Self::of_decimal(v),
            Value::F32(v) => Self::of_double(f64::from(*v)),
            Value::F64(v) => Self::of_double(*v),
            _ => None,
        }
    }

    pub(super) fn of_decimal(decimal: &Decimal<'_>) -> Option<Self> {
        let (negative, mut digits, scale) = decimal.stored_digits()?;
        digits.iter_mut().for_each(|digit| *digit -= b'0');
        Some(Self { negative, digits, scale })
    }

    /// A double is a whole number of halves of halves, so it has an end in
    /// decimal too; printed with that many digits it is exact.
    fn of_double(v: f64) -> Option<Self> {
        if !v.is_finite() {
            return None;
        }
        let decimals = decimals(v);
        let digits = format!("{:.decimals$}", v.abs()).bytes().filter(u8::is_ascii_digit).map(|b| b - b'0').collect();
        Some(Self { negative: v < 0.0, digits, scale: i64::try_from(decimals).ok()? })
    }

    /// How far the two are apart.
    pub(super) fn distance(&self, other: &Self) -> Self {
        let (a, b, scale) = self.aligned(other);
        let digits = if self.negative != other.negative {
            sum(&a, &b)
        } else if a >= b {
            difference(&a, &b)
        } else {
            difference(&b, &a)
        };
        Self { negative: false, digits, scale }
    }

    /// The product of the magnitudes.
    pub(super) fn times(&self, other: &Self) -> Self {
        let mut product = vec![0u32; self.digits.len() + other.digits.len()];
        for (i, &a) in self.digits.iter().rev().enumerate() {
            let mut carry = 0;
            let mut places = product.iter_mut().rev().skip(i);
            for place in other.digits.iter().rev().map(|&b| u32::from(a) * u32::from(b)).zip(places.by_ref()) {
                let (more, digit) = place;
                let total = *digit + more + carry;
                *digit = total % 10;
                carry = total / 10;
            }
            // The place above is still empty: this row is the first to reach it.
            if let Some(digit) = places.next() {
                *digit += carry;
            }
        }
        // Each place is below 10 by now.
        let digits = product.into_iter().map(|digit| u8::try_from(digit).unwrap_or(9)).collect();
        Self { negative: false, digits, scale: self.scale + other.scale }
    }

    pub(super) fn cmp_magnitude(&self, other: &Self) -> Ordering {
        let (a, b, _) = self.aligned(other);
        a.cmp(&b)
    }

    /// Both magnitudes with as many digits before and behind the point.
    fn aligned(&self, other: &Self) -> (Vec<u8>, Vec<u8>, i64) {
        let scale = self.scale.max(other.scale);
        let behind = |of: &Self| usize::try_from(scale - of.scale).unwrap_or(0);
        let len = (self.digits.len() + behind(self)).max(other.digits.len() + behind(other));
        let padded = |of: &Self| {
            let mut digits = vec![0; len - of.digits.len() - behind(of)];
            digits.extend_from_slice(&of.digits);
            digits.resize(len, 0);
            digits
        };
        (padded(self), padded(other), scale)
    }
}

/// Digits behind the point of a finite double written out in full.
fn decimals(v: f64) -> usize {
    let bits = v.to_bits();
    let (mantissa, exponent) = (bits & ((1 << 52) - 1), (bits >> 52) & 0x7FF);
    let (mantissa, exponent) = match exponent {
        0 => (mantissa, -1074),
        _ => (mantissa | 1 << 52, i64::try_from(exponent).unwrap_or(0) - 1075),
    };
    if mantissa == 0 {
        return 0;
    }
    usize::try_from(-(exponent + i64::from(mantissa.trailing_zeros()))).unwrap_or(0)
}

/// Of as many digits each.
fn sum(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut digits = vec![0; a.len() + 1];
    let mut carry = 0;
    for ((digit, a), b) in digits.iter_mut().rev().zip(a.iter().rev()).zip(b.iter().rev()) {
        let total = a + b + carry;
        *digit = total % 10;
        carry = total / 10;
    }
    if let Some(first) = digits.first_mut() {
        *first = carry;
    }
    digits
}

/// Of as many digits each, the first not below the second.
fn difference(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut digits = vec![0; a.len()];
    let mut borrow = 0;
    for ((digit, a), b) in digits.iter_mut().rev().zip(a.iter().rev()).zip(b.iter().rev()) {
        let take = b + borrow;
        borrow = u8::from(*a < take);
        *digit = a + 10 * borrow - take;
    }
    digits
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn small(coefficient: i128, scale: u32) -> Exact {
        Exact::of_decimal(&Decimal::Small { coefficient, scale }).unwrap()
    }

    #[test]
    fn doubles_are_what_they_are_to_the_last_digit() {
        let text = |v: f64| {
            let exact = Exact::of_double(v).unwrap();
            let digits: String = exact.digits.iter().map(|d| char::from(d + b'0')).collect();
            (digits.trim_start_matches('0').to_owned(), exact.scale)
        };
        assert_eq!(text(0.1), ("1000000000000000055511151231257827021181583404541015625".to_owned(), 55));
        assert_eq!(text(-3.5), ("35".to_owned(), 1));
        assert_eq!(text(1e23), ("99999999999999991611392".to_owned(), 0));
        assert_eq!(text(f64::from_bits(1)).1, 1074);
        assert_eq!(text(0.0), (String::new(), 0));
        assert_eq!(text(f64::MAX).0.len(), 309);
    }

    proptest! {
        #[test]
        fn agrees_with_integers(a in any::<i64>(), b in any::<i64>(), x in 0u32..6, y in 0u32..6) {
            let (left, right) = (small(a.into(), x), small(b.into(), y));
            let (wide_a, wide_b) = (i128::from(a) * 10i128.pow(6 - x), i128::from(b) * 10i128.pow(6 - y));
            prop_assert_eq!(left.cmp_magnitude(&right), wide_a.unsigned_abs().cmp(&wide_b.unsigned_abs()));
            let apart = small((wide_a - wide_b).abs(), 6);
            prop_assert_eq!(left.distance(&right).cmp_magnitude(&apart), Ordering::Equal);
            let product = small((i128::from(a) * i128::from(b)).abs(), x + y);
            prop_assert_eq!(left.times(&right).cmp_magnitude(&product), Ordering::Equal);
        }
    }
}
