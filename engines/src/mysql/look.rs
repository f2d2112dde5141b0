//! Questions to the catalog, in the words of MySQL and MariaDB.

use async_trait::async_trait;

use super::MySql;
use crate::error::Result;
use crate::look::{Look, TextRow};

#[async_trait]
impl Look for MySql {
    async fn look(&self, what: &str, statement: &str) -> Result<Vec<TextRow>> {
        let mut lease = self.pool.lease().await?;
        Ok(lease.query(what, statement).await?.rows)
    }
}
