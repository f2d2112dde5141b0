//! What the server says of itself: its version, and where its log stands.

use std::fmt;

use super::pool::Pool;
use super::scalar::scalar;
use crate::error::{Error, QueryFault, Result};

const VERSION: &str = "SELECT current_setting('server_version')";

/// A standby writes no log of its own: there, it is how far it has replayed.
const POSITION: &str = "SELECT CASE WHEN pg_is_in_recovery() \
    THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END::text";

/// The number without what a distribution adds: `15.18 (Debian 15.18-0+deb12u1)`.
pub(super) async fn version(pool: &Pool) -> Result<String> {
    let version: Option<String> = scalar(pool, "asking for the version", VERSION.to_owned(), &[]).await?;
    Ok(version.as_deref().and_then(|v| v.split_whitespace().next()).unwrap_or_default().to_owned())
}

pub(super) async fn position(pool: &Pool) -> Result<Option<String>> {
    match scalar(pool, "asking for the log position", POSITION.to_owned(), &[]).await {
        // Not every account may ask, and not every service that speaks
        // PostgreSQL has a log to show.
        Err(Error::Query { fault: QueryFault::Denied | QueryFault::Missing | QueryFault::Other, .. }) => Ok(None),
        other => other,
    }
}

/// A place in the write-ahead log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lsn(pub(super) u64);

impl Lsn {
    /// As the server writes it: two hexadecimal halves of 32 bits.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (high, low) = text.split_once('/')?;
        let half = |text: &str| {
            let digits = (1..=8).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
            digits.then(|| u64::from_str_radix(text, 16).ok()).flatten()
        };
        Some(Self(half(high)? << 32 | half(low)?))
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xFFFF_FFFF)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_read_and_written_as_the_server_does() {
        for (text, number) in
            [("0/0", 0), ("0/16B3748", 0x016B_3748), ("FFFFFFFF/FFFFFFFF", u64::MAX), ("A/1", 10 << 32 | 1)]
        {
            assert_eq!(Lsn::parse(text), Some(Lsn(number)));
            assert_eq!(Lsn(number).to_string(), text);
        }
        for text in ["", "0", "/", "0/", "/0", "0/g", "+1/0", "0/123456789", "0/1/2", " 0/1"] {
            assert_eq!(Lsn::parse(text), None, "{text}");
        }
        assert!(Lsn::parse("1/0") > Lsn::parse("0/FFFFFFFF"));
    }
}
