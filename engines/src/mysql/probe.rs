//! Points between two keys, to look near them for keys that exist.
//!
//! Only where to look is computed, and no server's order is assumed: a point
//! that turns out to lie elsewhere costs a look, and nothing else.

use crate::decimal::Decimal;
use crate::value::{Date, Moment, OwnedValue, Value};

/// Up to `pieces - 1` points between `low` and `high`, evenly spread; none for
/// values that don't measure a distance.
pub(super) fn between(low: &Value<'_>, high: &Value<'_>, pieces: u64) -> Vec<OwnedValue> {
    let numbers = |low: i128, high: i128, make: &dyn Fn(i128) -> Option<OwnedValue>| {
        spread(low, high, pieces).into_iter().filter_map(make).collect()
    };
    let small = |n: i128| i64::try_from(n).ok();
    match (low, high) {
        (Value::Int(a), Value::Int(b)) => numbers((*a).into(), (*b).into(), &|n| small(n).map(Value::Int)),
        (Value::UInt(a), Value::UInt(b)) => {
            numbers((*a).into(), (*b).into(), &|n| u64::try_from(n).ok().map(Value::UInt))
        }
        (
            Value::Decimal(Decimal::Small { coefficient: a, scale }),
            Value::Decimal(Decimal::Small { coefficient: b, scale: other }),
        ) if scale == other => {
            numbers(*a, *b, &|n| Some(Value::Decimal(Decimal::Small { coefficient: n, scale: *scale })))
        }
        (Value::Date(Date::Days(a)), Value::Date(Date::Days(b))) => {
            numbers((*a).into(), (*b).into(), &|n| i32::try_from(n).ok().map(|days| Value::Date(Date::Days(days))))
        }
        (Value::Timestamp(Moment::Micros(a)), Value::Timestamp(Moment::Micros(b))) => {
            numbers((*a).into(), (*b).into(), &|n| small(n).map(|v| Value::Timestamp(Moment::Micros(v))))
        }
        (Value::Instant(Moment::Micros(a)), Value::Instant(Moment::Micros(b))) => {
            numbers((*a).into(), (*b).into(), &|n| small(n).map(|v| Value::Instant(Moment::Micros(v))))
        }
        (Value::Bytes(a), Value::Bytes(b)) => {
            strings(a, b, pieces, BYTES).into_iter().map(|bytes| Value::Bytes(bytes.into())).collect()
        }
        (Value::Text(a), Value::Text(b)) => strings(a.as_bytes(), b.as_bytes(), pieces, ASCII)
            .into_iter()
            .filter_map(|bytes| String::from_utf8(bytes).ok())
            .map(|text| Value::Text(text.into()))
            .collect(),
        _ => Vec::new(),
    }
}

/// `low + (high - low) * i / pieces`, without leaving 128 bits.
fn spread(low: i128, high: i128, pieces: u64) -> Vec<i128> {
    let pieces = i128::from(pieces.max(1));
    let Some(width) = high.checked_sub(low).filter(|&w| w > 0) else { return Vec::new() };
    let (step, rest) = (width / pieces, width % pieces);
    let mut points: Vec<i128> = (1..pieces).map(|i| low + step * i + rest * i / pieces).collect();
    points.dedup();
    points
}

/// The letters a string is made of, as digits.
#[derive(Clone, Copy)]
struct Alphabet {
    first: u8,
    last: u8,
}

const BYTES: Alphabet = Alphabet { first: 0, last: 0xFF };
/// What can be printed; text in other letters is all taken for the last one.
const ASCII: Alphabet = Alphabet { first: b' ', last: b'~' };
/// So many letters behind the common prefix tell strings apart.
const LETTERS: usize = 9;

fn strings(low: &[u8], high: &[u8], pieces: u64, alphabet: Alphabet) -> Vec<Vec<u8>> {
    let common = low.iter().zip(high).take_while(|(a, b)| a == b).count();
    let Some((prefix, low)) = low.split_at_checked(common) else { return Vec::new() };
    let high = high.get(common..).unwrap_or_default();
    spread(alphabet.number(low), alphabet.number(high), pieces)
        .into_iter()
        .map(|n| [prefix, alphabet.letters(n).as_slice()].concat())
        .collect()
}

impl Alphabet {
    fn base(self) -> i128 {
        i128::from(self.last - self.first) + 1
    }

    fn number(self, text: &[u8]) -> i128 {
        (0..LETTERS).fold(0, |n, i| {
            let letter = text.get(i).copied().unwrap_or(self.first).clamp(self.first, self.last);
            n * self.base() + i128::from(letter - self.first)
        })
    }

    fn letters(self, mut number: i128) -> Vec<u8> {
        let mut letters = vec![self.first; LETTERS];
        for letter in letters.iter_mut().rev() {
            let digit = u8::try_from(number % self.base()).unwrap_or(0);
            *letter = self.first.saturating_add(digit);
            number /= self.base();
        }
        letters
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(v: &str) -> OwnedValue {
        Value::Text(v.to_owned().into())
    }

    #[test]
    fn points_lie_between() {
        assert_eq!(between(&Value::Int(-10), &Value::Int(10), 4), [-5, 0, 5].map(Value::Int));
        assert_eq!(between(&Value::Int(1), &Value::Int(2), 8), [Value::Int(1)]);
        assert_eq!(between(&Value::Int(i64::MIN), &Value::Int(i64::MAX), 2), [Value::Int(-1)]);
        assert_eq!(between(&Value::UInt(0), &Value::UInt(u64::MAX), 1), []);
        assert_eq!(between(&Value::Int(5), &Value::Int(5), 9), []);
        assert_eq!(between(&text("é"), &text("ü"), 9), []);
        assert_eq!(between(&Value::Null, &Value::Int(5), 9), []);
        let Some(Value::Text(middle)) = between(&text("user-a000"), &text("user-c000"), 2).pop() else {
            panic!("there is no point");
        };
        assert!(middle.starts_with("user-b"), "{middle}");
    }

    proptest! {
        #[test]
        fn bytes_are_spread_in_their_order(low: Vec<u8>, high: Vec<u8>, pieces in 0u64..50) {
            let (low, high) = if low < high { (low, high) } else { (high, low) };
            let points = strings(&low, &high, pieces, BYTES);
            prop_assert!(points.is_sorted());
            prop_assert!(points.len() as u64 <= pieces);
            prop_assert!(points.iter().all(|p| p.as_slice() < high.as_slice() || high.len() > LETTERS));
        }

        #[test]
        fn numbers_are_spread_in_their_order(low: i128, high: i128, pieces in 0u64..50) {
            let points = spread(low, high, pieces);
            prop_assert!(points.is_sorted());
            prop_assert!(points.iter().all(|p| (low..high).contains(p)));
        }
    }
}
