//! How a server shortens the fraction of a second.
//!
//! A value that one server stores with six digits becomes another in a column of
//! three of the other server, by that server's own rule. The comparison applies
//! the rule of the coarser side to both: what that server made of the value is
//! then equal to it, and no other value of the coarser precision is.
//!
//! As measured on PostgreSQL 15 and 17, MySQL 8.4 and MariaDB 10.11 with the
//! modes that they ship with. What a tool in between did is not known here.

use serde::{Deserialize, Serialize};

use crate::engine::{Engine, Flavor};
use crate::value::Moment;

const DIGITS_MAX: u8 = 6;

/// PostgreSQL counts from 2000-01-01.
const POSTGRES_EPOCH_MICROS: i64 = 946_684_800_000_000;

/// To the nearest value, except for [`Self::Down`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// Halves go to the later moment, and away from zero in a span of time.
    HalfUp,
    /// Halves go away from the midnight that began the year 2000: PostgreSQL.
    HalfFrom2000,
    /// Digits are cut off: MariaDB, unless `TIME_ROUND_FRACTIONAL` is set.
    Down,
}

impl Rounding {
    /// What the server does when it stores more digits than a column has.
    ///
    /// SQLite stores all digits whatever the column declares, so the way that
    /// most would round stands in there.
    #[must_use]
    pub fn of(engine: Engine, flavor: Flavor) -> Self {
        match (engine, flavor) {
            (Engine::Postgres, _) => Self::HalfFrom2000,
            (Engine::MySql, Flavor::MariaDb) => Self::Down,
            (Engine::MySql, Flavor::Original) | (Engine::SqlServer | Engine::MongoDb | Engine::Sqlite, _) => {
                Self::HalfUp
            }
        }
    }

    /// A time of day, or a span that may be negative.
    pub(super) fn time(self, micros: i64, digits: u8) -> i64 {
        if digits >= DIGITS_MAX {
            return micros;
        }
        match self {
            Self::HalfUp | Self::HalfFrom2000 => away_from_zero(micros, digits),
            Self::Down => {
                let unit = unit(digits);
                micros / unit * unit
            }
        }
    }

    pub(super) fn moment(self, moment: Moment, digits: u8) -> Moment {
        match moment {
            Moment::Micros(v) => Moment::Micros(self.micros(v, digits)),
            Moment::OffCalendar { year, month, day, micros } => {
                Moment::OffCalendar { year, month, day, micros: self.time(micros, digits) }
            }
            Moment::Infinity | Moment::NegInfinity => moment,
        }
    }

    /// Microseconds from 1970.
    fn micros(self, micros: i64, digits: u8) -> i64 {
        if digits >= DIGITS_MAX {
            return micros;
        }
        let unit = unit(digits);
        let down = |v: i64| v.div_euclid(unit).saturating_mul(unit);
        match self {
            Self::HalfUp => down(micros.saturating_add(unit / 2)),
            Self::HalfFrom2000 => away_from_zero(micros.saturating_sub(POSTGRES_EPOCH_MICROS), digits)
                .saturating_add(POSTGRES_EPOCH_MICROS),
            Self::Down => down(micros),
        }
    }
}

fn away_from_zero(v: i64, digits: u8) -> i64 {
    let unit = unit(digits);
    v.saturating_add(v.signum() * (unit / 2)) / unit * unit
}

/// Microseconds in the last of `digits`.
fn unit(digits: u8) -> i64 {
    10i64.pow(u32::from(DIGITS_MAX.saturating_sub(digits)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canon::text;

    fn rounded(rounding: Rounding, digits: u8, value: &str) -> Moment {
        rounding.moment(text::timestamp(value).unwrap().local, digits)
    }

    /// What the servers stored.
    #[test]
    fn moments_are_shortened_as_by_their_servers() {
        for (value, digits, half_up, from_2000, down) in [
            ("1960-01-01 00:00:00.5", 0, "1960-01-01 00:00:01", "1960-01-01 00:00:00", "1960-01-01 00:00:00"),
            ("1999-01-01 00:00:00.5", 0, "1999-01-01 00:00:01", "1999-01-01 00:00:00", "1999-01-01 00:00:00"),
            (
                "1999-01-01 00:00:00.0015",
                3,
                "1999-01-01 00:00:00.002",
                "1999-01-01 00:00:00.001",
                "1999-01-01 00:00:00.001",
            ),
            ("2001-01-01 00:00:00.5", 0, "2001-01-01 00:00:01", "2001-01-01 00:00:01", "2001-01-01 00:00:00"),
            ("2001-01-01 00:00:01.9", 0, "2001-01-01 00:00:02", "2001-01-01 00:00:02", "2001-01-01 00:00:01"),
            ("1999-12-31 23:59:59.6", 0, "2000-01-01 00:00:00", "2000-01-01 00:00:00", "1999-12-31 23:59:59"),
            (
                "1969-12-31 23:59:59.000001",
                6,
                "1969-12-31 23:59:59.000001",
                "1969-12-31 23:59:59.000001",
                "1969-12-31 23:59:59.000001",
            ),
        ] {
            for (rounding, expected) in
                [(Rounding::HalfUp, half_up), (Rounding::HalfFrom2000, from_2000), (Rounding::Down, down)]
            {
                let expected = text::timestamp(expected).unwrap().local;
                assert_eq!(rounded(rounding, digits, value), expected, "{rounding:?} {value}");
            }
        }
        for rounding in [Rounding::HalfUp, Rounding::HalfFrom2000, Rounding::Down] {
            assert_eq!(rounding.moment(Moment::Infinity, 0), Moment::Infinity);
            // The ends of time are no reason to panic.
            for end in [i64::MIN, i64::MAX] {
                rounding.moment(Moment::Micros(end), 0);
                rounding.time(end, 0);
            }
        }
    }

    #[test]
    fn spans_are_shortened_alike_on_both_sides_of_zero() {
        for (micros, nearest, down) in [(500_000, 1_000_000, 0), (-500_000, -1_000_000, 0), (-400_000, 0, 0)] {
            assert_eq!(Rounding::HalfUp.time(micros, 0), nearest);
            assert_eq!(Rounding::Down.time(micros, 0), down);
        }
        assert_eq!(Rounding::Down.time(-36_000_900_000, 0), -36_000_000_000);
    }
}
