//! Dates, times and identifiers that an engine keeps as text.
//!
//! Strict on purpose: what is not plainly ISO 8601 stays text and then equals
//! only the same text, which a person can see and declare; a lenient reader
//! would decide for them.

use crate::value::{Date, Moment, Value};

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// A parsed date and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timestamp {
    /// As written, before the offset.
    pub local: Moment,
    /// East of UTC; `None` when the text names no zone.
    pub offset_seconds: Option<i32>,
}

/// `YYYY-MM-DD`.
#[must_use]
pub fn date(text: &str) -> Option<Date> {
    days(text).map(Date::Days)
}

/// `HH:MM[:SS[.fraction]]`, in microseconds from midnight.
#[must_use]
pub fn time(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, ':');
    let hours = two_digits(parts.next()?, 24)?;
    let minutes = two_digits(parts.next()?, 59)?;
    let (seconds, micros) = match parts.next() {
        None => (0, 0),
        Some(rest) => {
            let (seconds, fraction) = rest.split_once('.').map_or((rest, None), |(s, f)| (s, Some(f)));
            (two_digits(seconds, 60)?, fraction.map_or(Some(0), micros)?)
        }
    };
    Some(((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + micros)
}

/// `HH:MM[:SS[.fraction]](Z|±HH[:MM[:SS]])`: microseconds from midnight, and
/// seconds east of UTC.
#[must_use]
pub fn time_tz(text: &str) -> Option<(i64, i32)> {
    let (clock, zone) = text.split_at_checked(text.find(['Z', '+', '-'])?)?;
    Some((time(clock)?, offset(zone)?))
}

/// `YYYY-MM-DD[( |T)HH:MM[:SS[.fraction]]][Z|±HH:MM]`; a date alone is its
/// midnight.
#[must_use]
pub fn timestamp(text: &str) -> Option<Timestamp> {
    let Some(at) = text.find([' ', 'T']) else {
        return Some(Timestamp {
            local: Moment::Micros(i64::from(days(text)?) * MICROS_PER_DAY),
            offset_seconds: None,
        });
    };
    let (day, clock) = (text.get(..at)?, text.get(at + 1..)?);
    let (clock, offset_seconds) = match clock.find(['Z', '+', '-']) {
        None => (clock, None),
        Some(at) => (clock.get(..at)?, Some(offset(clock.get(at..)?)?)),
    };
    // 24:00 is the next midnight. A later hour is none of this day, and as what it
    // is a second name of an hour of the next one.
    let clock = time(clock).filter(|&micros| micros <= MICROS_PER_DAY)?;
    let micros = i64::from(days(day)?) * MICROS_PER_DAY + clock;
    Some(Timestamp { local: Moment::Micros(micros), offset_seconds })
}

/// 32 hexadecimal digits, with or without the usual hyphens or braces.
#[must_use]
pub fn uuid(text: &str) -> Option<[u8; 16]> {
    uuid::Uuid::try_parse(text).ok().map(uuid::Uuid::into_bytes)
}

/// The UUID whose bytes `UUID_TO_BIN(x, 1)` has rearranged: the third group
/// first, then the second, then the first, so that values of one machine ascend.
#[must_use]
pub fn unswapped(bytes: [u8; 16]) -> [u8; 16] {
    let [a, b, c, d, e, f, g, h, rest @ ..] = bytes;
    let [i, j, k, l, m, n, o, p] = rest;
    [e, f, g, h, c, d, a, b, i, j, k, l, m, n, o, p]
}

/// The way back from [`unswapped`].
#[must_use]
pub fn swapped(bytes: [u8; 16]) -> [u8; 16] {
    let [a, b, c, d, e, f, g, h, rest @ ..] = bytes;
    let [i, j, k, l, m, n, o, p] = rest;
    [g, h, e, f, a, b, c, d, i, j, k, l, m, n, o, p]
}

/// Whether `value` is the date that MySQL keeps in place of none, at midnight if
/// it has a time.
#[must_use]
pub fn is_zero_date(value: &Value<'_>) -> bool {
    match value {
        Value::Date(Date::OffCalendar { year: 0, month: 0, day: 0 })
        | Value::Timestamp(Moment::OffCalendar { year: 0, month: 0, day: 0, micros: 0 })
        | Value::Instant(Moment::OffCalendar { year: 0, month: 0, day: 0, micros: 0 }) => true,
        Value::Text(text) => match text.strip_prefix("0000-00-00") {
            Some("") => true,
            Some(clock) => clock.strip_prefix([' ', 'T']).and_then(time) == Some(0),
            None => false,
        },
        _ => false,
    }
}

fn offset(text: &str) -> Option<i32> {
    if text == "Z" {
        return Some(0);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes, seconds) = match rest.len() {
        2 => (rest, "00", "00"),
        4 => rest.split_at_checked(2).map(|(hours, minutes)| (hours, minutes, "00"))?,
        5 => rest.split_once(':').map(|(hours, minutes)| (hours, minutes, "00"))?,
        // As our own scripts and PostgreSQL write offsets of old.
        8 => {
            let (hours, rest) = rest.split_once(':')?;
            let (minutes, seconds) = rest.split_once(':')?;
            (hours, minutes, seconds)
        }
        _ => return None,
    };
    let seconds = two_digits(hours, 15)? * 3600 + two_digits(minutes, 59)? * 60 + two_digits(seconds, 59)?;
    i32::try_from(seconds).ok().map(|s| s * sign)
}

fn two_digits(text: &str, max: i64) -> Option<i64> {
    if text.len() != 2 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|&n| n <= max)
}

/// A fraction of a second. More than six digits have a meaning only if the
/// rest are zeros; otherwise the value isn't one that microseconds can hold.
fn micros(fraction: &str) -> Option<i64> {
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (kept, rest) = fraction.split_at(fraction.len().min(6));
    if rest.bytes().any(|b| b != b'0') {
        return None;
    }
    let value: i64 = kept.parse().ok()?;
    Some(value * 10i64.pow(u32::try_from(6 - kept.len()).ok()?))
}

fn days(text: &str) -> Option<i32> {
    let mut parts = text.splitn(3, '-');
    let year = parts.next()?;
    if year.len() != 4 || !year.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let month = u8::try_from(two_digits(parts.next()?, 12)?).ok()?;
    let day = u8::try_from(two_digits(parts.next()?, 31)?).ok()?;
    days_from_civil(year.parse().ok()?, month, day)
}

/// Days from 1970-01-01 to a proleptic Gregorian date; `None` when there is no
/// such day.
///
/// The arithmetic of Howard Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms", `days_from_civil`: exact for every `i32` year that fits.
#[must_use]
pub fn days_from_civil(year: i32, month: u8, day: u8) -> Option<i32> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if day == 0 || day > last {
        return None;
    }
    let year = i64::from(year) - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month = i64::from(month);
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    i32::try_from(era * 146_097 + day_of_era - 719_468).ok()
}

/// The inverse of [`days_from_civil`].
#[must_use]
pub fn civil_from_days(days: i64) -> (i64, u8, u8) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = u8::try_from(day_of_year - (153 * shifted + 2) / 5 + 1).unwrap_or(1);
    let month = u8::try_from(if shifted < 10 { shifted + 3 } else { shifted - 9 }).unwrap_or(1);
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calendar_goes_there_and_back() {
        for days in (-800_000..800_000).step_by(373) {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(i32::try_from(year).unwrap(), month, day), Some(i32::try_from(days).unwrap()));
        }
        assert_eq!(days_from_civil(1970, 1, 1), Some(0));
        assert_eq!(days_from_civil(2000, 2, 29), Some(11_016));
        assert_eq!(days_from_civil(1900, 2, 29), None);
    }

    #[test]
    fn reads_iso_and_nothing_else() {
        assert_eq!(date("1970-01-02"), Some(Date::Days(1)));
        assert_eq!(time("01:00:00.5"), Some(3_600_500_000));
        assert_eq!(timestamp("1970-01-01 00:00:01").unwrap().local, Moment::Micros(1_000_000));
        assert_eq!(timestamp("1970-01-01T00:00:00-05:30").unwrap().offset_seconds, Some(-19_800));
        assert_eq!(time_tz("10:00:00.5+02:00"), Some((36_000_500_000, 7_200)));
        assert_eq!(time_tz("10:00Z"), Some((36_000_000_000, 0)));
        assert_eq!(time_tz("10:00:00-05:30:15"), Some((36_000_000_000, -19_815)));
        for text in ["10:00:00", "10:00:00+", "10:00:00 +02", "Z", "10:00:00+2", "10:00:00+02:0:0"] {
            assert_eq!(time_tz(text), None, "{text:?}");
        }
        assert_eq!(timestamp("1970-01-01 24:00").unwrap().local, Moment::Micros(MICROS_PER_DAY));
        assert_eq!(timestamp("1970-01-01T00:00:00.1234560").unwrap().local, Moment::Micros(123_456));
        for text in [
            "",
            "1970-1-1",
            "1970-13-01",
            "70-01-01",
            "1970-01-01T",
            "1970-01-01 1:00",
            "1970-01-01 00:00:00.1234567",
            "1970-01-01 00:00:00+1",
            "1970-01-01 24:00:00.000001",
            "1970-01-01 24:30:00",
        ] {
            assert_eq!(timestamp(text), None, "{text:?}");
        }
    }
}
