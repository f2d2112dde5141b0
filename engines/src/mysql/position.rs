//! Where the server's binary log stands.

use super::fault::server_code;
use super::pool::Pool;
use crate::engine::Flavor;
use crate::error::Result;

/// Forks of MySQL keep no GTIDs.
const NO_SUCH_VARIABLE: u16 = 1193;
const DENIED: u16 = 1227;

/// The set of transactions that were committed, in the server's own notation;
/// `None` when it keeps no such set, or the account may not see it.
pub(super) async fn position(pool: &Pool, flavor: Flavor) -> Result<Option<String>> {
    let statement = match flavor {
        Flavor::Original => "SELECT @@GLOBAL.gtid_executed",
        Flavor::MariaDb => "SELECT @@GLOBAL.gtid_current_pos",
    };
    let grid = match pool.lease().await?.query("reading the log position", statement).await {
        Ok(grid) => grid,
        Err(error) if matches!(server_code(&error), Some(NO_SUCH_VARIABLE | DENIED)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let cell = grid.rows.into_iter().next().and_then(|row| row.into_iter().next()).flatten();
    // MySQL breaks the line after each server's part.
    Ok(cell.map(|text| text.replace(['\n', ' '], "")).filter(|text| !text.is_empty()))
}
