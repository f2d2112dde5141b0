//! PostgreSQL: every test runs against 15 and against 17, unless it is about
//! what the client does by itself.

mod capture;
mod catalog;
mod connect;
mod faults;
mod hidden;
mod nested;
mod ranges;
mod ranks;
mod types;
mod writing;

use std::time::Duration;

use switchback_engines::postgres::Postgres;
use switchback_engines::value::OwnedValue;
use switchback_engines::{
    ConnectOptions, Database, DatabaseUrl, Error, RawBatch, ReadRequest, Result, Scope, Table, TableRef,
};
use switchback_fixtures::{Family, Side, TestDatabase};
use tokio::sync::mpsc;

/// Runs each of the test functions on both versions.
macro_rules! on_both_versions {
    ($($name:ident),* $(,)?) => {
        mod on_15 {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(switchback_fixtures::Side::Source).await;
            })*
        }
        mod on_17 {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(switchback_fixtures::Side::Target).await;
            })*
        }
    };
}
use on_both_versions;

/// A database of a test's own, and the engine connected to it.
struct Fixture {
    database: TestDatabase,
    postgres: Postgres,
}

fn options() -> ConnectOptions {
    ConnectOptions { connections_max: 4, connect_timeout: Duration::from_secs(20) }
}

async fn connect(url: &str) -> Result<Postgres> {
    Postgres::connect(&DatabaseUrl::parse(url)?, &options()).await
}

impl Fixture {
    async fn new(side: Side, hint: &str, sql: &str) -> Self {
        let database = switchback_fixtures::database(Family::Postgres, side, hint).await;
        database.execute(sql).await.expect("the test's own SQL");
        let postgres = connect(database.url()).await.expect("a connection");
        Self { database, postgres }
    }

    async fn execute(&self, sql: &str) {
        self.database.execute(sql).await.expect("the test's own SQL");
    }

    async fn table(&self, name: &str) -> Table {
        self.postgres.describe(&table_ref(name)).await.expect("a description").expect("a table")
    }

    /// The URL with another account.
    fn url_as(&self, user: &str, password: &str) -> String {
        let mut url = url::Url::parse(self.database.url()).expect("a URL");
        url.set_username(user).expect("a user");
        url.set_password(Some(password)).expect("a password");
        url.into()
    }
}

fn table_ref(name: &str) -> TableRef {
    let (schema, name) = name.split_once('.').unwrap_or(("public", name));
    TableRef { schema: Some(schema.to_owned()), name: name.to_owned() }
}

/// All columns of the rows in `scope`, through channel, batches and decoder.
async fn rows(postgres: &Postgres, table: &Table, scope: Scope<'_>) -> Result<Vec<Vec<OwnedValue>>> {
    let columns: Vec<usize> = (0..table.columns.len()).collect();
    filtered(postgres, table, &columns, scope, None).await
}

async fn filtered(
    postgres: &Postgres,
    table: &Table,
    columns: &[usize],
    scope: Scope<'_>,
    filter: Option<&str>,
) -> Result<Vec<Vec<OwnedValue>>> {
    let decoder = postgres.decoder(table, columns)?;
    let (out, mut batches) = mpsc::channel::<RawBatch>(2);
    let read = postgres.read(ReadRequest { table, columns, scope, filter }, out);
    let receive = async {
        let mut rows: Vec<Vec<OwnedValue>> = Vec::new();
        while let Some(batch) = batches.recv().await {
            decoder.decode(&batch, &mut |row| rows.push(row.iter().cloned().map(|v| v.into_owned()).collect()))?;
        }
        Ok::<_, Error>(rows)
    };
    let (sent, rows) = tokio::join!(read, receive);
    let rows = rows?;
    assert_eq!(sent?, rows.len() as u64, "the number of rows that were read is not that of those received");
    Ok(rows)
}

/// An error with all of its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
