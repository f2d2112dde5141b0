//! Makes the two SQLite files.

use std::path::Path;

use anyhow::{Context, ensure};
use serde_json::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};

use super::drift::{DRIFTS, Drift};
use super::rows;

/// So many rows go into one parameter: a megabyte or less.
const ROWS_PER_STATEMENT: usize = 5_000;

/// Makes both databases from nothing; the number of rows of the source.
///
/// # Errors
/// When a file can't be written, or a drift did not touch the rows it is meant
/// to: then the ground truth would be wrong.
pub(crate) async fn create(source: &Path, target: &Path) -> anyhow::Result<u64> {
    let rows = create_source(source).await.context("cannot make the demo's source")?;
    create_target(source, target).await.context("cannot make the demo's target")?;
    Ok(rows)
}

async fn create_source(path: &Path) -> anyhow::Result<u64> {
    let mut connection = open(path).await?;
    let mut transaction = connection.begin().await?;
    sqlx::raw_sql(include_str!("source.sql")).execute(&mut *transaction).await?;
    let mut row_count = 0;
    for table in rows::shop() {
        for rows in table.rows.chunks(ROWS_PER_STATEMENT) {
            let rows = Value::Array(rows.to_vec()).to_string();
            row_count += sqlx::query(table.insert).bind(rows).execute(&mut *transaction).await?.rows_affected();
        }
    }
    transaction.commit().await?;
    // So that estimates are as good as on a server that has run for a while.
    sqlx::raw_sql("ANALYZE").execute(&mut connection).await?;
    connection.close().await?;
    Ok(row_count)
}

async fn create_target(source: &Path, path: &Path) -> anyhow::Result<()> {
    let mut connection = open(path).await?;
    let source = source.to_str().context("the folder's name is not UTF-8")?;
    sqlx::query("ATTACH ?1 AS origin").bind(source).execute(&mut connection).await?;
    let mut transaction = connection.begin().await?;
    sqlx::raw_sql(include_str!("target.sql")).execute(&mut *transaction).await?;
    for drift in DRIFTS {
        inject(drift, &mut transaction).await?;
    }
    transaction.commit().await?;
    sqlx::raw_sql("ANALYZE main").execute(&mut connection).await?;
    connection.close().await?;
    Ok(())
}

async fn inject(drift: &Drift, target: &mut SqliteConnection) -> anyhow::Result<()> {
    let mut touched = 0;
    for statement in drift.statements {
        touched += sqlx::query(*statement).execute(&mut *target).await?.rows_affected();
    }
    let expected = drift.effect.rows();
    ensure!(touched == expected, "`{}`: {touched} rows were damaged where {expected} should be", drift.table);
    Ok(())
}

/// Without the cost of surviving a crash: half a demo is made anew anyway. And
/// without foreign keys, as most of the damage is done by not having any.
async fn open(path: &Path) -> Result<SqliteConnection, sqlx::Error> {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .synchronous(SqliteSynchronous::Off)
        .foreign_keys(false)
        .connect()
        .await
}
