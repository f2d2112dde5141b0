//! Questions to the schema, in SQLite's words.

use async_trait::async_trait;

use super::write::texts;
use super::{Sqlite, fault, pool};
use crate::error::Result;
use crate::look::{Look, TextRow};

#[async_trait]
impl Look for Sqlite {
    async fn look(&self, what: &str, statement: &str) -> Result<Vec<TextRow>> {
        let failed = |error| fault::querying(&self.info.location, what.to_owned(), error);
        let mut lease = self.pool.lease().await?;
        let rows = pool::once(statement.to_owned()).fetch_all(lease.connection()).await.map_err(failed)?;
        let rows = rows.iter().map(texts).collect::<Result<Vec<_>, _>>().map_err(failed)?;
        lease.release();
        Ok(rows)
    }
}
