//! Whether somebody wrote to the file; and places in a change table.
//!
//! SQLite itself keeps no log to stand in: the change counter in the file's header
//! stands still in WAL mode, and reading it past SQLite would drop our locks
//! (see `connect`). What it does say, exactly and in every mode, is whether
//! *another connection has committed* since this one last asked:
//! `PRAGMA data_version`. The number means something only within one
//! connection, so one is kept for this alone, beyond the pool's maximum.

use sqlx::Row as _;

use super::{Sqlite, fault, pool};
use crate::change::Position;
use crate::error::Result;

/// `data version N`: equal texts of one [`Sqlite`] mean that nobody committed
/// in between. Of two `Sqlite` values they mean nothing.
pub(super) async fn position(db: &Sqlite) -> Result<Option<String>> {
    // A call that is dropped half-way does no harm: the thread of the connection
    // finishes the statement and forgets its result.
    let mut watch = db.watch.lock().await;
    let version: i64 = pool::prepared("PRAGMA data_version".to_owned())
        .fetch_one(&mut watch.connection)
        .await
        .and_then(|row| row.try_get(0))
        .map_err(|e| fault::querying(&db.info.location, "asking for the data version".to_owned(), e))?;
    Ok(Some(format!("data version {version}")))
}

/// A row of a change table: its number, and when it was written in milliseconds
/// since 1970. The number alone would mean another row once the file has been put
/// back to an older copy and written to again, which is how SQLite files are
/// restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) seq: i64,
    pub(super) at: i64,
}

impl Spot {
    /// `NUMBER@MILLISECONDS`.
    pub(super) fn parse(position: &Position) -> Option<Self> {
        let (seq, at) = position.0.split_once('@')?;
        let spot = Self { seq: seq.parse().ok()?, at: at.parse().ok()? };
        // Only as it is written below: no signs, spaces or zeros before.
        (spot.seq >= 0 && spot.position() == *position).then_some(spot)
    }

    pub(super) fn position(self) -> Position {
        Position(format!("{}@{}", self.seq, self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spot_has_one_spelling() {
        let spot = Spot { seq: 7, at: 1_732_205_123_456 };
        assert_eq!(spot.position().0, "7@1732205123456");
        assert_eq!(Spot::parse(&spot.position()), Some(spot));
        for text in ["", "7", "7@", "@7", "07@1", "+7@1", "-7@1", "7@1 ", "a@1", "99999999999999999999@1"] {
            assert_eq!(Spot::parse(&Position(text.to_owned())), None, "{text:?}");
        }
    }
}
