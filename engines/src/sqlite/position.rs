//! Whether somebody wrote to the file.
//!
//! SQLite keeps no log to stand in: the change counter in the file's header
//! stands still in WAL mode, and reading it past SQLite would drop our locks
//! (see `connect`). What it does say, exactly and in every mode, is whether
//! *another connection has committed* since this one last asked:
//! `PRAGMA data_version`. The number means something only within one
//! connection, so one is kept for this alone, beyond the pool's maximum.

use sqlx::Row as _;

use super::{Sqlite, fault, pool};
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
