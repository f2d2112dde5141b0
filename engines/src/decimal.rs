//! Exact decimals of any size.
//!
//! The decimal crates of the ecosystem either round silently or cannot hold
//! NaN, and an Arrow decimal ends at 76 digits; PostgreSQL's `numeric` reaches
//! 131,072 before the point. Up to 38 digits live in an `i128`, longer ones as
//! text.

use std::borrow::Cow;
use std::fmt;

/// A decimal as an engine holds it: its scale included, so that `1.10` prints
/// as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decimal<'a> {
    /// `coefficient × 10^-scale`.
    Small {
        coefficient: i128,
        scale: u32,
    },
    /// Plain text, `-?digits(.digits)?`, of more than 38 digits.
    Big(Cow<'a, str>),
    NaN,
    Infinity,
    NegInfinity,
}

/// The most digits that [`Decimal::Small`] holds: 10^38 − 1 is below 2^127.
const SMALL_DIGITS_MAX: usize = 38;

/// A finite decimal in its shortest form, the same for `1.1`, `1.10` and
/// `1.100`: no digits that add nothing, zero as an empty `digits`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shortest<'a> {
    Int(i64),
    Small {
        coefficient: i128,
        scale: i64,
    },
    /// `digits` has more than 38 ASCII digits and neither starts nor ends with 0.
    Big {
        negative: bool,
        digits: Cow<'a, [u8]>,
        scale: i64,
    },
}

impl<'a> Decimal<'a> {
    /// Reads `[+-]digits[.digits][(e|E)[+-]digits]`, `NaN` and `[±]Infinity`.
    ///
    /// `None` for anything else.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        match text {
            "NaN" => return Some(Self::NaN),
            "Infinity" => return Some(Self::Infinity),
            "-Infinity" => return Some(Self::NegInfinity),
            _ => {}
        }
        if let Some(at) = text.find(['e', 'E']) {
            let (mantissa, exponent) = text.split_at(at);
            return Self::parse_scientific(mantissa, exponent.get(1..)?);
        }
        let (negative, digits) = sign(text);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
            return None;
        }
        let significant = whole.trim_start_matches('0').len() + fraction.len();
        if significant > SMALL_DIGITS_MAX {
            return Some(Self::Big(Cow::Borrowed(text)));
        }
        let mut coefficient: i128 = 0;
        for b in whole.bytes().chain(fraction.bytes()) {
            coefficient = coefficient * 10 + i128::from(b - b'0');
        }
        let scale = u32::try_from(fraction.len()).ok()?;
        Some(Self::Small { coefficient: if negative { -coefficient } else { coefficient }, scale })
    }

    fn parse_scientific(mantissa: &str, exponent: &str) -> Option<Self> {
        let (negative, digits, scale) = scientific(mantissa, exponent)?;
        Some(Self::from_digits(negative, &digits, scale))
    }

    /// The shortest form of the finite decimal that `text` spells. As
    /// [`Self::parse`] and [`Self::shortest`], without writing out the zeros of an
    /// exponent in between: a few bytes can speak of a hundred thousand.
    #[must_use]
    pub(crate) fn shortest_of(text: &str) -> Option<Shortest<'static>> {
        let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else {
            return match Decimal::parse(text)? {
                Decimal::Small { coefficient, scale } => Some(shortest_small(coefficient, i64::from(scale))),
                Decimal::Big(text) => {
                    let (negative, digits, scale) = big_digits(&text);
                    Some(shortest_big(negative, digits, scale))
                }
                Decimal::NaN | Decimal::Infinity | Decimal::NegInfinity => None,
            };
        };
        let (negative, digits, scale) = scientific(mantissa, exponent)?;
        Some(shortest_big(negative, digits, scale))
    }

    /// A decimal of `digits × 10^-scale`. `digits` are ASCII digits.
    #[must_use]
    pub fn from_digits(negative: bool, digits: &[u8], scale: i64) -> Decimal<'static> {
        let digits = match digits.iter().position(|&b| b != b'0') {
            Some(first) => digits.get(first..).unwrap_or_default(),
            None => return Decimal::Small { coefficient: 0, scale: u32::try_from(scale.max(0)).unwrap_or(0) },
        };
        let mut text = String::with_capacity(digits.len() + 8);
        if negative {
            text.push('-');
        }
        let push = |text: &mut String, bytes: &[u8]| text.extend(bytes.iter().map(|&b| char::from(b)));
        if scale <= 0 {
            push(&mut text, digits);
            text.extend(std::iter::repeat_n('0', usize::try_from(-scale).unwrap_or(0)));
        } else {
            let scale = usize::try_from(scale).unwrap_or(usize::MAX);
            if let Some(whole) = digits.len().checked_sub(scale).filter(|&n| n > 0) {
                let (whole, fraction) = digits.split_at(whole);
                push(&mut text, whole);
                text.push('.');
                push(&mut text, fraction);
            } else {
                text.push_str("0.");
                text.extend(std::iter::repeat_n('0', scale - digits.len()));
                push(&mut text, digits);
            }
        }
        match Decimal::parse(&text) {
            Some(Decimal::Small { coefficient, scale }) => Decimal::Small { coefficient, scale },
            _ => Decimal::Big(Cow::Owned(text)),
        }
    }

    #[must_use]
    pub fn into_owned(self) -> Decimal<'static> {
        match self {
            Self::Small { coefficient, scale } => Decimal::Small { coefficient, scale },
            Self::Big(text) => Decimal::Big(Cow::Owned(text.into_owned())),
            Self::NaN => Decimal::NaN,
            Self::Infinity => Decimal::Infinity,
            Self::NegInfinity => Decimal::NegInfinity,
        }
    }

    /// The shortest form of a finite decimal; `None` for NaN and the infinities.
    #[must_use]
    pub fn shortest(&self) -> Option<Shortest<'_>> {
        match self {
            Self::Small { coefficient, scale } => Some(shortest_small(*coefficient, i64::from(*scale))),
            Self::Big(text) => {
                let (negative, digits, scale) = big_digits(text);
                Some(shortest_big(negative, digits, scale))
            }
            Self::NaN | Self::Infinity | Self::NegInfinity => None,
        }
    }

    /// The nearest double, ties to even.
    #[must_use]
    pub fn to_f64(&self) -> f64 {
        match self {
            // Below 2^53 both parts are exact doubles, and IEEE division rounds
            // correctly once; 10^22 is the largest exact power of ten.
            Self::Small { coefficient, scale } if coefficient.unsigned_abs() < (1 << 53) && *scale <= 22 => {
                #[expect(clippy::cast_precision_loss, reason = "checked to be exact above")]
                let coefficient = *coefficient as f64;
                coefficient / 10f64.powi(i32::try_from(*scale).unwrap_or(0))
            }
            Self::NaN => f64::NAN,
            Self::Infinity => f64::INFINITY,
            Self::NegInfinity => f64::NEG_INFINITY,
            Self::Small { .. } | Self::Big(_) => self.to_string().parse().unwrap_or(f64::NAN),
        }
    }

    /// The nearest single. Rounded once from the decimal, not by way of a
    /// double, which would round twice.
    #[must_use]
    pub fn to_f32(&self) -> f32 {
        match self {
            Self::NaN => f32::NAN,
            Self::Infinity => f32::INFINITY,
            Self::NegInfinity => f32::NEG_INFINITY,
            Self::Small { .. } | Self::Big(_) => self.to_string().parse().unwrap_or(f32::NAN),
        }
    }

    /// Sign, ASCII digits without zeros in front (`0` for zero) and scale, as
    /// stored; `None` for NaN and the infinities.
    pub(crate) fn stored_digits(&self) -> Option<(bool, Vec<u8>, i64)> {
        if matches!(self, Self::NaN | Self::Infinity | Self::NegInfinity) {
            return None;
        }
        let (negative, mut digits, scale) = self.digits();
        let zeros = digits.iter().take_while(|&&b| b == b'0').count().min(digits.len().saturating_sub(1));
        digits.drain(..zeros);
        let is_zero = digits == b"0";
        Some((negative && !is_zero, digits, scale))
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            Self::Big(text) => text.len(),
            Self::Small { .. } | Self::NaN | Self::Infinity | Self::NegInfinity => 0,
        }
    }

    /// Sign, ASCII digits and scale of a finite decimal.
    fn digits(&self) -> (bool, Vec<u8>, i64) {
        match self {
            Self::Small { coefficient, scale } => {
                (*coefficient < 0, coefficient.unsigned_abs().to_string().into_bytes(), i64::from(*scale))
            }
            Self::Big(text) => big_digits(text),
            Self::NaN | Self::Infinity | Self::NegInfinity => (false, Vec::new(), 0),
        }
    }
}

/// Sign, digits and scale of `mantissa × 10^exponent`.
fn scientific(mantissa: &str, exponent: &str) -> Option<(bool, Vec<u8>, i64)> {
    let exponent: i64 = exponent.strip_prefix('+').unwrap_or(exponent).parse().ok()?;
    // Beyond PostgreSQL's own limits there is nothing to represent, and
    // the text would grow without bound.
    if exponent.unsigned_abs() > 150_000 {
        return None;
    }
    let plain = match Decimal::parse(mantissa)? {
        Decimal::NaN | Decimal::Infinity | Decimal::NegInfinity => return None,
        finite => finite,
    };
    let (negative, digits, scale) = plain.digits();
    Some((negative, digits, scale - exponent))
}

fn sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

fn big_digits(text: &str) -> (bool, Vec<u8>, i64) {
    let (negative, digits) = sign(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut all = Vec::with_capacity(digits.len());
    all.extend_from_slice(whole.as_bytes());
    all.extend_from_slice(fraction.as_bytes());
    (negative, all, i64::try_from(fraction.len()).unwrap_or(i64::MAX))
}

fn shortest_small(mut coefficient: i128, mut scale: i64) -> Shortest<'static> {
    if coefficient == 0 {
        return Shortest::Int(0);
    }
    // In 64 bits where the number fits: a 128-bit division is a library call.
    if let Ok(mut small) = i64::try_from(coefficient) {
        while scale > 0 && small % 10 == 0 {
            small /= 10;
            scale -= 1;
        }
        if scale == 0 {
            return Shortest::Int(small);
        }
        return Shortest::Small { coefficient: i128::from(small), scale };
    }
    while coefficient % 10 == 0 {
        coefficient /= 10;
        scale -= 1;
    }
    whole_or_small(coefficient, scale)
}

/// An integer that fits is an [`Shortest::Int`] however it was written, so that
/// no number has two forms.
fn whole_or_small(coefficient: i128, scale: i64) -> Shortest<'static> {
    if scale <= 0
        && let Ok(power) = u32::try_from(-scale)
        && let Some(whole) = 10i128.checked_pow(power).and_then(|p| coefficient.checked_mul(p))
        && let Ok(int) = i64::try_from(whole)
    {
        return Shortest::Int(int);
    }
    Shortest::Small { coefficient, scale }
}

fn shortest_big(negative: bool, mut digits: Vec<u8>, mut scale: i64) -> Shortest<'static> {
    while digits.last() == Some(&b'0') {
        digits.pop();
        scale -= 1;
    }
    let first = digits.iter().position(|&b| b != b'0').unwrap_or(digits.len());
    digits.drain(..first);
    if digits.len() > SMALL_DIGITS_MAX {
        return Shortest::Big { negative, digits: Cow::Owned(digits), scale };
    }
    let magnitude = digits.iter().fold(0i128, |n, &b| n * 10 + i128::from(b - b'0'));
    if magnitude == 0 {
        return Shortest::Int(0);
    }
    whole_or_small(if negative { -magnitude } else { magnitude }, scale)
}

impl fmt::Display for Decimal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Small { coefficient, scale: 0 } => write!(f, "{coefficient}"),
            Self::Small { coefficient, scale } => {
                let scale = *scale as usize;
                let mut digits = coefficient.unsigned_abs().to_string();
                // By hand: a width of the formatter's ends at 65,535, and a zero
                // may have any number of decimals.
                if digits.len() <= scale {
                    digits.insert_str(0, &"0".repeat(scale + 1 - digits.len()));
                }
                let (whole, fraction) = digits.split_at(digits.len() - scale);
                let sign = if *coefficient < 0 { "-" } else { "" };
                write!(f, "{sign}{whole}.{fraction}")
            }
            Self::Big(text) => f.write_str(text),
            Self::NaN => f.write_str("NaN"),
            Self::Infinity => f.write_str("Infinity"),
            Self::NegInfinity => f.write_str("-Infinity"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn short(text: &str) -> Shortest<'static> {
        let short = match Decimal::parse(text).unwrap().into_owned().shortest().unwrap() {
            Shortest::Int(v) => Shortest::Int(v),
            Shortest::Small { coefficient, scale } => Shortest::Small { coefficient, scale },
            Shortest::Big { negative, digits, scale } => {
                Shortest::Big { negative, digits: Cow::Owned(digits.into_owned()), scale }
            }
        };
        assert_eq!(Decimal::shortest_of(text).as_ref(), Some(&short), "{text}");
        short
    }

    #[test]
    fn scale_does_not_change_the_shortest_form() {
        assert_eq!(short("1.10"), short("1.1"));
        assert_eq!(short("-0.00"), Shortest::Int(0));
        assert_eq!(short("12.00"), Shortest::Int(12));
        assert_eq!(short("1e2"), Shortest::Int(100));
        assert_eq!(short("100000000000000000000"), short("1e20"));
        assert_eq!(short("100000000000000000000.000"), short("1e20"));
        assert_eq!(short("9223372036854775807"), Shortest::Int(i64::MAX));
        assert_eq!(short("-9223372036854775808.0"), Shortest::Int(i64::MIN));
    }

    #[test]
    fn long_and_short_spellings_meet() {
        let padded = format!("{}7.{}", "0".repeat(60), "0".repeat(60));
        assert_eq!(short(&padded), Shortest::Int(7));
        let long = format!("0.{}1", "0".repeat(50));
        assert_eq!(short(&long), short("1e-51"));
        let thirty_nine = "1".repeat(39);
        assert!(matches!(short(&thirty_nine), Shortest::Big { .. }));
        assert_ne!(short(&thirty_nine), short(&format!("{}2", "1".repeat(38))));
    }

    #[test]
    fn prints_as_stored() {
        for text in ["1.10", "-0.05", "0", "123456789012345678901234567890.123456789", "NaN", "-Infinity"] {
            assert_eq!(Decimal::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Decimal::parse("12e-3").unwrap().to_string(), "0.012");
        assert_eq!(Decimal::parse("0e-70000").unwrap().to_string(), format!("0.{}", "0".repeat(70_000)));
    }

    #[test]
    fn refuses_what_is_no_decimal() {
        for text in ["", "-", ".", "1.2.3", "0x10", "1e", "1e999999999", "١"] {
            assert_eq!(Decimal::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn nearest_double_is_correctly_rounded() {
        for text in ["0.1", "123.45", "9007199254740993", "1e-7", "0.30000000000000004", "1.7976931348623157e308"] {
            let expected: f64 = text.parse().unwrap();
            assert_eq!(Decimal::parse(text).unwrap().to_f64().to_bits(), expected.to_bits(), "{text}");
        }
    }
}
