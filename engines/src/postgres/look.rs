//! Questions to the catalog, in PostgreSQL's words.

use async_trait::async_trait;
use sqlx::AssertSqlSafe;

use super::Postgres;
use super::write::texts;
use crate::error::Result;
use crate::look::{Look, TextRow};

#[async_trait]
impl Look for Postgres {
    async fn look(&self, what: &str, statement: &str) -> Result<Vec<TextRow>> {
        let mut lease = self.pool.lease().await?;
        let found = sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).fetch_all(lease.connection()).await;
        match found.and_then(|rows| rows.iter().map(texts).collect::<Result<Vec<_>, _>>()) {
            Ok(rows) => {
                lease.give_back();
                Ok(rows)
            }
            Err(error) => Err(lease.fail(what, error)),
        }
    }
}
