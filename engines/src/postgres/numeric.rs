//! `numeric` in its binary form.
//!
//! A number is sent as digits of base 10,000 with the power of the first one,
//! and the scale to show it with. Up to 38 decimal digits end in an `i128`
//! without an allocation, which is nearly every number there is; the rest goes
//! by way of its digits.

use super::bytes::{Fault, Fields};
use crate::decimal::Decimal;
use crate::value::Value;

const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;
const INFINITY: u16 = 0xD000;
const NEG_INFINITY: u16 = 0xF000;

/// The largest scale that the server's own format can hold.
const SCALE_MAX: u16 = 0x3FFF;

/// Groups that surely fit 38 decimal digits.
const SMALL_GROUPS_MAX: usize = 9;

const SMALL_LIMIT: u128 = 10u128.pow(38);

pub(super) fn numeric(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    let mut fields = Fields::new(bytes);
    // The longest number has 36,864 groups, which is why their count has no sign.
    let header = (|| Some((fields.u16()?, fields.i16()?, fields.u16()?, fields.u16()?)))();
    let (group_count, weight, sign, scale) = header.ok_or("a numeric is shorter than its header")?;
    let negative = match sign {
        0 => false,
        NEGATIVE => true,
        NAN => return Ok(Value::Decimal(Decimal::NaN)),
        INFINITY => return Ok(Value::Decimal(Decimal::Infinity)),
        NEG_INFINITY => return Ok(Value::Decimal(Decimal::NegInfinity)),
        _ => return Err("a numeric has an unknown sign"),
    };
    let groups = fields.rest();
    if usize::from(group_count) * 2 != groups.len() {
        return Err("a numeric has not as many digits as it says");
    }
    if scale > SCALE_MAX {
        return Err("a numeric has a scale beyond the server's own limit");
    }
    // Of the last group: the number is the integer of all groups × 10^exponent.
    let exponent = 4 * (i64::from(weight) + 1 - i64::from(group_count));
    let decimal = match small(groups, exponent, negative, scale)? {
        Some(small) => small,
        None => long(groups, exponent, negative, scale)?,
    };
    Ok(Value::Decimal(decimal))
}

fn group_values(groups: &[u8]) -> impl Iterator<Item = Result<u16, Fault>> + '_ {
    let (pairs, _) = groups.as_chunks::<2>();
    pairs.iter().map(|&pair| match u16::from_be_bytes(pair) {
        group @ 0..=9999 => Ok(group),
        _ => Err("a numeric has a digit beyond 9999"),
    })
}

/// `None` when the coefficient may not fit.
fn small(groups: &[u8], exponent: i64, negative: bool, scale: u16) -> Result<Option<Decimal<'static>>, Fault> {
    if groups.len() > 2 * SMALL_GROUPS_MAX {
        return Ok(None);
    }
    let magnitude = if groups.len() <= 8 {
        // In 64 bits: this is the hot path, and 16 digits fit.
        let mut magnitude = 0u64;
        for group in group_values(groups) {
            magnitude = magnitude * 10_000 + u64::from(group?);
        }
        u128::from(magnitude)
    } else {
        let mut magnitude = 0u128;
        for group in group_values(groups) {
            magnitude = magnitude * 10_000 + u128::from(group?);
        }
        magnitude
    };
    let Some(magnitude) = scaled(magnitude, exponent + i64::from(scale)) else { return Ok(None) };
    // Below 10^38, so below 2^127.
    let coefficient = i128::try_from(magnitude).map_err(|_| "a numeric is out of range")?;
    let coefficient = if negative { -coefficient } else { coefficient };
    Ok(Some(Decimal::Small { coefficient, scale: u32::from(scale) }))
}

/// `magnitude × 10^shift`, when that is a whole number of at most 38 digits.
fn scaled(magnitude: u128, shift: i64) -> Option<u128> {
    if magnitude == 0 {
        return Some(0);
    }
    let power = u32::try_from(shift.unsigned_abs()).ok().filter(|&p| p <= 38)?;
    let scaled = if shift >= 0 {
        magnitude.checked_mul(10u128.pow(power))?
    } else if let (Ok(magnitude), Some(divisor)) = (u64::try_from(magnitude), 10u64.checked_pow(power)) {
        // 128-bit division is a library call.
        magnitude.is_multiple_of(divisor).then_some(u128::from(magnitude / divisor))?
    } else {
        let divisor = 10u128.pow(power);
        magnitude.is_multiple_of(divisor).then_some(magnitude / divisor)?
    };
    (scaled < SMALL_LIMIT).then_some(scaled)
}

fn long(groups: &[u8], exponent: i64, negative: bool, scale: u16) -> Result<Decimal<'static>, Fault> {
    let mut digits = Vec::with_capacity(groups.len() * 2);
    for group in group_values(groups) {
        let group = group?;
        for power in [1000, 100, 10, 1] {
            // A digit is below 10, so nothing is cut off.
            digits.push(b'0' + (group / power % 10) as u8);
        }
    }
    let shift = exponent + i64::from(scale);
    if shift >= 0 {
        digits.extend(std::iter::repeat_n(b'0', usize::try_from(shift).unwrap_or(0)));
        return Ok(Decimal::from_digits(negative, &digits, i64::from(scale)));
    }
    // The last group reaches below the scale: by zeros only, or else the
    // number keeps the scale that it needs.
    let below = usize::try_from(-shift).unwrap_or(usize::MAX);
    match digits.len().checked_sub(below).and_then(|n| digits.split_at_checked(n)) {
        Some((kept, cut)) if cut.iter().all(|&b| b == b'0') => {
            Ok(Decimal::from_digits(negative, kept, i64::from(scale)))
        }
        _ => Ok(Decimal::from_digits(negative, &digits, -exponent)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(groups: &[u16], weight: i16, sign: u16, scale: u16) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&(groups.len() as i16).to_be_bytes());
        bytes.extend_from_slice(&weight.to_be_bytes());
        bytes.extend_from_slice(&sign.to_be_bytes());
        bytes.extend_from_slice(&scale.to_be_bytes());
        for group in groups {
            bytes.extend_from_slice(&group.to_be_bytes());
        }
        bytes
    }

    fn text(groups: &[u16], weight: i16, sign: u16, scale: u16) -> String {
        match numeric(&send(groups, weight, sign, scale)).unwrap() {
            Value::Decimal(v) => v.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn keeps_the_scale() {
        assert_eq!(text(&[1, 1000], 0, 0, 2), "1.10");
        assert_eq!(text(&[], 0, 0, 3), "0.000");
        assert_eq!(text(&[12, 3456, 7800], 1, NEGATIVE, 2), "-123456.78");
        assert_eq!(text(&[5], 2, 0, 0), "500000000");
        assert_eq!(text(&[1], -2, 0, 8), "0.00000001");
    }

    #[test]
    fn long_numbers_are_exact() {
        let nines = [9999u16; 10];
        assert_eq!(text(&nines, 9, 0, 0), "9".repeat(40));
        assert_eq!(text(&nines, 4, 0, 20), format!("{}.{}", "9".repeat(20), "9".repeat(20)));
        assert_eq!(text(&[1], 12, 0, 0), format!("1{}", "0".repeat(48)));
        // 38 digits are the last that fit the small form.
        assert_eq!(text(&[99, 9999, 9999, 9999, 9999, 9999, 9999, 9999, 9999, 9999], 9, 0, 0), "9".repeat(38));
    }

    #[test]
    fn digits_below_the_scale_are_never_cut_off() {
        assert_eq!(text(&[1, 1234], 0, 0, 2), "1.1234");
    }

    #[test]
    fn refuses_what_no_server_sends() {
        for bytes in [send(&[10_000], 0, 0, 0), send(&[1], 0, 0x1234, 0), send(&[1], 0, 0, 0x4000), vec![0; 7]] {
            assert!(numeric(&bytes).is_err(), "{bytes:?}");
        }
        let mut short = send(&[1, 2], 0, 0, 0);
        short.pop();
        assert!(numeric(&short).is_err());
    }
}
