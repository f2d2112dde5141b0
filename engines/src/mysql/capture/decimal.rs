//! Decimals as both servers store them.
//!
//! Nine digits at a time in four bytes, the highest first, before and behind the
//! point; what is left over in as few bytes as it needs. The first bit is set
//! for what is not negative, and all bits of a negative number are turned over.

use crate::decimal::Decimal;
use crate::mysql::decode::Fault;

const DIGITS_AT_ONCE: u32 = 9;
/// The bytes that so many digits need.
const BYTES: [usize; 10] = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];
const PRECISION_MAX: u32 = 65;

/// How many bytes a decimal has; `None` for one that no server has.
pub(super) fn len(precision: u32, scale: u32) -> Option<usize> {
    let whole = precision.checked_sub(scale).filter(|_| (1..=PRECISION_MAX).contains(&precision))?;
    Some(
        [whole, scale]
            .into_iter()
            .flat_map(|digits| [digits / DIGITS_AT_ONCE * 4, digits % DIGITS_AT_ONCE])
            .enumerate()
            .map(|(i, n)| {
                let n = n as usize;
                if i % 2 == 0 { n } else { BYTES.get(n).copied().unwrap_or(0) }
            })
            .sum(),
    )
}

pub(super) fn decode(bytes: &[u8], precision: u32, scale: u32) -> Result<Decimal<'static>, Fault> {
    text(bytes, precision, scale)
        .and_then(|text| Decimal::parse(&text).map(Decimal::into_owned))
        .ok_or("a decimal is no number")
}

/// The number as the servers write it.
pub(super) fn text(bytes: &[u8], precision: u32, scale: u32) -> Option<String> {
    if bytes.len() != len(precision, scale)? {
        return None;
    }
    let mut bytes = bytes.to_vec();
    let first = bytes.first_mut()?;
    let is_negative = *first & 0x80 == 0;
    *first ^= 0x80;
    if is_negative {
        bytes.iter_mut().for_each(|b| *b = !*b);
    }
    let whole = precision - scale;
    let mut rest = bytes.as_slice();
    let mut digits = String::new();
    take(&mut rest, whole % DIGITS_AT_ONCE, &mut digits)?;
    for _ in 0..whole / DIGITS_AT_ONCE {
        take(&mut rest, DIGITS_AT_ONCE, &mut digits)?;
    }
    let mut text = if is_negative { "-".to_owned() } else { String::new() };
    match digits.trim_start_matches('0') {
        "" => text.push('0'),
        digits => text.push_str(digits),
    }
    if scale > 0 {
        text.push('.');
        for _ in 0..scale / DIGITS_AT_ONCE {
            take(&mut rest, DIGITS_AT_ONCE, &mut text)?;
        }
        take(&mut rest, scale % DIGITS_AT_ONCE, &mut text)?;
    }
    Some(text)
}

/// Up to nine digits.
fn take(rest: &mut &[u8], count: u32, out: &mut String) -> Option<()> {
    let count = count as usize;
    let (bytes, next) = rest.split_at_checked(*BYTES.get(count)?)?;
    *rest = next;
    if count == 0 {
        return Some(());
    }
    let number = bytes.iter().fold(0u32, |n, &b| n << 8 | u32::from(b));
    let digits = format!("{number:0count$}");
    if digits.len() != count {
        return None;
    }
    out.push_str(&digits);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_both_signs_are_read() {
        for (bytes, precision, scale, expected) in [
            (&[0x81, 0x0D, 0xFB, 0x38, 0xD2, 0x04, 0xD2][..], 14, 4, "1234567890.1234"),
            (&[0x7E, 0xF2, 0x04, 0xC7, 0x2D, 0xFB, 0x2D], 14, 4, "-1234567890.1234"),
            (&[0x80, 0x05], 3, 2, "0.05"),
            (&[0x80], 2, 0, "0"),
        ] {
            assert_eq!(text(bytes, precision, scale).as_deref(), Some(expected));
        }
        // More digits than there are, and another length.
        assert_eq!(text(&[0x80, 0xFF], 3, 2), None);
        assert_eq!(text(&[0x80], 3, 2), None);
        assert_eq!(len(65, 30), Some(30));
        assert_eq!(len(66, 30), None);
        assert_eq!(len(3, 4), None);
    }
}
