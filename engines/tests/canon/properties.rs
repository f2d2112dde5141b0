//! Equal bytes if and only if equal meaning, and cells that keep apart.

use proptest::prelude::*;
use switchback_engines::canon::{self, Rule, cell};
use switchback_engines::{Date, Moment, OwnedValue, Value};

use super::meaning::{Meaning, meaning};
use super::values::{rule, rules, value};

fn encoded(rule: &Rule, value: &Value<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    canon::encode(rule, value, &mut out);
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Every pair among some values, as chance seldom makes two that meet.
    #[test]
    fn cells_are_equal_if_and_only_if_their_meanings_are(rule in rule(), values in prop::collection::vec(value(), 2..24)) {
        let all: Vec<_> = values.iter().map(|v| (v, encoded(&rule, v), meaning(&rule, v))).collect();
        for (i, (a, a_cell, a_means)) in all.iter().enumerate() {
            for (b, b_cell, b_means) in &all[i..] {
                prop_assert_eq!(a_cell == b_cell, a_means == b_means, "{:?}: {:?} ({:?}) and {:?} ({:?})", rule, a, a_means, b, b_means);
            }
        }
    }

    #[test]
    fn no_cell_begins_another(rule in rule(), values in prop::collection::vec(value(), 2..24)) {
        let cells: Vec<_> = values.iter().map(|v| encoded(&rule, v)).collect();
        for (a, a_cell) in values.iter().zip(&cells) {
            for (b, b_cell) in values.iter().zip(&cells) {
                prop_assert!(a_cell == b_cell || !b_cell.starts_with(a_cell), "{:?}: {:?} begins {:?}", rule, a, b);
            }
        }
    }

    /// Also across rules: a row's cells are read without them.
    #[test]
    fn rows_have_one_reading(cells in prop::collection::vec((rule(), value()), 0..12)) {
        let each: Vec<Vec<u8>> = cells.iter().map(|(rule, v)| encoded(rule, v)).collect();
        let row = each.concat();
        let read = cell::decode_all(&row);
        prop_assert!(read.is_some(), "{:?}", cells);
        let read = read.unwrap_or_default();
        prop_assert_eq!(read.len(), each.len());
        for (((rule, value), bytes), read) in cells.iter().zip(&each).zip(&read) {
            // What comes back is the value itself, or what the rule makes of it.
            prop_assert_eq!(&encoded(rule, read), bytes, "{:?}: {:?} came back as {:?}", rule, value, read);
            let means = meaning(rule, value);
            // A document or geometry comes back in its canonical spelling, which
            // the model does not know.
            if !format!("{means:?}").contains("Document") && !matches!(means, Meaning::Geometry(..)) {
                prop_assert_eq!(meaning(rule, read), means, "{:?}: {:?} came back as {:?}", rule, value, read);
            }
        }
        for cut in 0..row.len() {
            if let Some(shorter) = cell::decode_all(&row[..cut]) {
                prop_assert!(shorter.len() < each.len(), "a row without its last bytes reads as a whole one");
            }
        }
    }

    /// What a rule does to the one side, it does to the other.
    #[test]
    fn numbers_meet_across_types(v in prop_oneof![any::<i64>(), -4i64..4, Just(i64::MIN), Just(i64::MAX)], zeros in 0usize..30) {
        let spelled = format!("{v}.{}", "0".repeat(zeros));
        let decimal = || Value::Decimal(switchback_engines::Decimal::parse(spelled.trim_end_matches('.')).unwrap());
        for rule in [Rule::Number, Rule::Double] {
            let int = encoded(&rule, &Value::Int(v));
            prop_assert_eq!(&int, &encoded(&rule, &decimal()));
            if let Ok(unsigned) = u64::try_from(v) {
                prop_assert_eq!(&int, &encoded(&rule, &Value::UInt(unsigned)));
            }
            let as_double = v as f64;
            if rule == Rule::Double {
                prop_assert_eq!(as_double as i128 == i128::from(v), int == encoded(&rule, &Value::F64(as_double)));
            }
        }
    }

    /// A bound on memory as well: a few bytes that speak of a great many.
    #[test]
    fn bytes_that_are_no_cells_are_refused_or_read(bytes in prop::collection::vec(prop_oneof![0u8..0x16, any::<u8>(), Just(0xFF)], 0..60)) {
        if let Some(values) = cell::decode_all(&bytes) {
            let held: usize = values.iter().map(OwnedValue::size_bytes).sum();
            prop_assert!(held <= (bytes.len() + 1) << 18, "{} bytes of {} bytes", held, bytes.len());
        }
    }
}

/// The ends of what 64 bits can say: no engine's calendar reaches them, and no
/// byte that a server sends may bring the tool down.
#[test]
fn the_ends_of_time_are_values_like_others() {
    let ends = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX];
    let days = [i32::MIN, i32::MIN + 1, 0, 2_145_042_541, i32::MAX - 1, i32::MAX];
    for rule in rules() {
        let mut cells = Vec::new();
        for end in ends {
            for value in [
                Value::Time(end),
                Value::TimeTz { micros: end, offset_seconds: i32::MIN },
                Value::Timestamp(Moment::Micros(end)),
                Value::Instant(Moment::Micros(end)),
                Value::Timestamp(Moment::OffCalendar { year: u16::MAX, month: 255, day: 255, micros: end }),
                Value::Interval { months: i32::MIN, days: i32::MAX, micros: end },
            ] {
                cells.extend(encoded(&rule, &value));
            }
        }
        for day in days {
            cells.extend(encoded(&rule, &Value::Date(Date::Days(day))));
        }
        assert!(cell::decode_all(&cells).is_some(), "{rule:?}");
    }
}

#[test]
fn a_date_beyond_our_moments_is_not_the_midnight_of_another_day() {
    let rule = &Rule::Timestamp { digits: 6, rounding: canon::Rounding::HalfUp };
    // 5874897-12-31, where PostgreSQL's calendar ends.
    let last = 2_145_042_541;
    let wrapped = i64::from(last).wrapping_mul(86_400_000_000);
    let date = encoded(rule, &Value::Date(Date::Days(last)));
    assert_ne!(date, encoded(rule, &Value::Timestamp(Moment::Micros(wrapped))));
    assert_ne!(date, encoded(rule, &Value::Date(Date::Days(last - 1))));
}
