//! What the server says of itself: its version, and where its log stands.

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
