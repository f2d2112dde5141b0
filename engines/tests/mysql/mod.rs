//! MySQL and MariaDB: every test runs on both, unless only one has what it is
//! about.

use std::sync::Arc;

use switchback_engines::mysql::MySql;
use switchback_engines::{
    ConnectOptions, Database, DatabaseUrl, KeyRange, KeyValues, OwnedValue, RawBatch, ReadRequest, Result, Scope,
    Table, TableRef, Value,
};
use switchback_fixtures::{Family, Server, Side, TestDatabase, database};
use tokio::sync::mpsc;

/// Makes a test for each server of `async fn $name(family: Family)`.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            #[tokio::test]
            async fn mysql() {
                super::$name(switchback_fixtures::Family::MySql).await;
            }

            #[tokio::test]
            async fn mariadb() {
                super::$name(switchback_fixtures::Family::MariaDb).await;
            }
        }
    )+};
}

mod capturing;
mod catalog;
mod charsets;
mod connecting;
mod faults;
mod keys;
mod reading;
mod splitting;
mod types;
mod writing;

/// A database of a test's own, and our way into it.
struct Here {
    server: TestDatabase,
    engine: Arc<MySql>,
}

impl Here {
    async fn new(family: Family, hint: &str) -> Self {
        let server = database(family, Side::Source, hint).await;
        let engine = Arc::new(connect(server.url()).await.expect("a connection"));
        Self { server, engine }
    }

    async fn execute(&self, sql: &str) {
        if let Err(error) = self.server.execute(sql).await {
            panic!("{}\nof {}", chain(&error), sql.chars().take(300).collect::<String>());
        }
    }

    fn table_ref(&self, name: &str) -> TableRef {
        TableRef { schema: Some(self.server.name().to_owned()), name: name.to_owned() }
    }

    async fn table(&self, name: &str) -> Table {
        self.engine.describe(&self.table_ref(name)).await.expect("a description").expect("the table")
    }

    /// All rows of a table, ordered by their text.
    async fn rows(&self, name: &str) -> Vec<Vec<OwnedValue>> {
        let table = self.table(name).await;
        read(&*self.engine, &table, Scope::All, None).await.expect("rows")
    }
}

/// A server that no other test uses.
async fn private(family: Family, arguments: &[&str]) -> Server {
    let builder = Server::builder(family.kind(Side::Source));
    let builder = arguments.iter().fold(builder, |builder, argument| builder.argument(*argument));
    builder.start().await.expect("a server")
}

async fn connect(url: &str) -> Result<MySql> {
    MySql::connect(&DatabaseUrl::parse(url)?, &ConnectOptions::default()).await
}

/// The rows of a read, decoded, in an order that only depends on what they are.
async fn read(
    engine: &dyn Database,
    table: &Table,
    scope: Scope<'_>,
    filter: Option<&str>,
) -> Result<Vec<Vec<OwnedValue>>> {
    let columns: Vec<usize> = (0..table.columns.len()).collect();
    read_columns(engine, table, &columns, scope, filter).await
}

async fn read_columns(
    engine: &dyn Database,
    table: &Table,
    columns: &[usize],
    scope: Scope<'_>,
    filter: Option<&str>,
) -> Result<Vec<Vec<OwnedValue>>> {
    let decoder = engine.decoder(table, columns)?;
    let (sender, mut receiver) = mpsc::channel::<RawBatch>(4);
    let collected = async {
        let (mut rows, mut announced) = (Vec::new(), 0);
        let mut decoded = Ok(());
        while let Some(batch) = receiver.recv().await {
            announced += batch.row_count;
            let result = decoder
                .decode(&batch, &mut |row| rows.push(row.iter().cloned().map(Value::into_owned).collect::<Vec<_>>()));
            decoded = decoded.and(result);
        }
        decoded.map(|()| (rows, announced))
    };
    let (count, collected) =
        tokio::join!(engine.read(ReadRequest { table, columns, scope, filter }, sender), collected);
    let count = count?;
    let (mut rows, announced) = collected?;
    assert_eq!(count, rows.len() as u64, "what the read reports");
    assert_eq!(announced, rows.len(), "what the batches say");
    rows.sort_by_cached_key(|row| format!("{row:?}"));
    Ok(rows)
}

async fn read_range(engine: &dyn Database, table: &Table, key: &[usize], range: &KeyRange) -> Vec<Vec<OwnedValue>> {
    read(engine, table, Scope::Range { key, range }, None).await.expect("rows")
}

async fn read_keys(engine: &dyn Database, table: &Table, key: &[usize], keys: &[KeyValues]) -> Vec<Vec<OwnedValue>> {
    read(engine, table, Scope::Keys { key, values: keys }, None).await.expect("rows")
}

/// Each row of the table is in exactly one of the ranges that `keys` cut.
async fn covers_once(here: &Here, table: &Table, key: &[usize], keys: &[KeyValues]) -> Vec<usize> {
    let all = read(&*here.engine, table, Scope::All, None).await.expect("rows");
    let lowers = std::iter::once(None).chain(keys.iter().cloned().map(Some));
    let uppers = keys.iter().cloned().map(Some).chain(std::iter::once(None));
    let (mut rows, mut sizes) = (Vec::new(), Vec::new());
    for (lower, upper) in lowers.zip(uppers) {
        let range = KeyRange { lower, upper };
        let some = read_range(&*here.engine, table, key, &range).await;
        sizes.push(some.len());
        rows.extend(some);
    }
    rows.sort_by_cached_key(|row| format!("{row:?}"));
    assert!(rows == all, "{} rows in ranges, {} in the table, of {sizes:?}", rows.len(), all.len());
    sizes
}

/// A statement that fills the column `id` of `table` with 1 to `count`, which
/// both servers run whatever their limits for recursion are.
fn numbers(table: &str, count: u32) -> String {
    format!(
        "INSERT INTO {table} (id) WITH d AS (SELECT 0 AS n UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 \
         UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9) \
         SELECT n FROM (SELECT a.n + 10 * b.n + 100 * c.n + 1000 * d.n + 10000 * e.n + 100000 * f.n + 1 AS n \
         FROM d AS a, d AS b, d AS c, d, d AS e, d AS f) AS x WHERE n <= {count}"
    )
}

/// The same database, another account.
fn as_user(url: &str, user: &str, password: &str) -> String {
    let (scheme, rest) = url.split_once("://").expect("a URL");
    let (_, place) = rest.split_once('@').expect("an account");
    format!("{scheme}://{user}:{password}@{place}")
}

fn text(v: &str) -> OwnedValue {
    Value::Text(v.to_owned().into())
}

fn bytes(v: &[u8]) -> OwnedValue {
    Value::Bytes(v.to_vec().into())
}

fn decimal(v: &str) -> OwnedValue {
    Value::Decimal(switchback_engines::Decimal::parse(v).expect("a decimal").into_owned())
}

/// An error with all its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
