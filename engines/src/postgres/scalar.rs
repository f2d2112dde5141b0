//! Statements whose result is one value: catalog, counts, settings.
//!
//! This is the one place where SQL text reaches the driver outside of a `COPY`.
//! All of it is our own, with names and literals from [`crate::sql`]; only a row
//! filter is the operator's.

use sqlx::AssertSqlSafe;

use super::pool::Pool;
use crate::error::Result;

/// The one value of the one row; `None` when there is no row or it is NULL.
///
/// Without a named prepared statement, which would stay in the session and
/// which poolers lose.
pub(super) async fn scalar<T>(pool: &Pool, what: &str, statement: String, bound: &[&str]) -> Result<Option<T>>
where
    T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
{
    let mut lease = pool.lease().await?;
    let query = sqlx::query_scalar::<_, Option<T>>(AssertSqlSafe(statement)).persistent(false);
    let query = bound.iter().fold(query, |query, value| query.bind((*value).to_owned()));
    match query.fetch_optional(lease.connection()).await {
        Ok(value) => {
            lease.give_back();
            Ok(value.flatten())
        }
        Err(e) => Err(lease.fail(what, e)),
    }
}
