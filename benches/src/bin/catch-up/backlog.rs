//! The table, and what happens to it.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use switchback_engines::{ConnectOptions, DatabaseUrl, Writer, WriterOptions, connect_endpoint};
use switchback_fixtures::Server;

use crate::Of;

/// About a hundred bytes a row.
pub(crate) fn table(engine: Of, rows: u64) -> String {
    let columns = "id BIGINT NOT NULL PRIMARY KEY, run BIGINT NOT NULL, amount DECIMAL(12,2) NOT NULL, \
                   note VARCHAR(100) NOT NULL";
    match engine {
        Of::Postgres => format!(
            "CREATE TABLE orders ({columns}); \
             INSERT INTO orders SELECT i, 0, i / 100.0, repeat('x', 60) FROM generate_series(1, {rows}) AS i; \
             ANALYZE orders;"
        ),
        Of::Mysql => format!(
            "CREATE TABLE orders ({columns}); SET SESSION cte_max_recursion_depth = {rows}; \
             INSERT INTO orders WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) \
             SELECT i, 0, i / 100, REPEAT('x', 60) FROM n;"
        ),
        Of::Mariadb => format!(
            "CREATE TABLE orders ({columns}); \
             INSERT INTO orders SELECT seq, 0, seq / 100, REPEAT('x', 60) FROM seq_1_to_{rows};"
        ),
    }
}

/// Updates one row in each of so many transactions, all over the table.
pub(crate) async fn make(engine: Of, origin: &Server, transactions: u64, run: i64) -> Result<()> {
    const ROW: &str = "1 + (i * 7919) % 99991";
    let set = format!("run = {run} * 1000000 + i, amount = amount + 0.01");
    match engine {
        // The origin's commits needn't wait for the disk: what is measured is the sink.
        Of::Postgres => {
            let block = format!(
                "DO $$ BEGIN FOR i IN 1..{transactions} LOOP \
                 UPDATE public.orders SET {set} WHERE id = {ROW}; COMMIT; END LOOP; END $$"
            );
            run_in_session(origin, &["SET synchronous_commit = off", &block]).await
        }
        Of::Mysql | Of::Mariadb => {
            let procedure = format!(
                "CREATE PROCEDURE make() BEGIN DECLARE i BIGINT DEFAULT 1; WHILE i <= {transactions} DO \
                 UPDATE orders SET {set} WHERE id = {ROW}; SET i = i + 1; END WHILE; END"
            );
            run_in_session(
                origin,
                &[
                    "SET GLOBAL sync_binlog = 0",
                    "SET GLOBAL innodb_flush_log_at_trx_commit = 2",
                    "DROP PROCEDURE IF EXISTS make",
                    &procedure,
                    "CALL make()",
                    "SET GLOBAL sync_binlog = 1",
                    "SET GLOBAL innodb_flush_log_at_trx_commit = 1",
                ],
            )
            .await
        }
    }
}

/// What is asked over and over while a backlog is caught up: the row that is
/// updated last. It must cost the server nothing, as it is measured meanwhile.
pub(crate) fn newest(engine: Of, transactions: u64) -> String {
    let orders = if engine == Of::Postgres { "public.orders" } else { "orders" };
    format!("SELECT run FROM {orders} WHERE id = {}", 1 + (transactions * 7919) % 99_991)
}

/// What the table comes to; the same on both ends when the backlog is caught up.
pub(crate) fn sum(engine: Of) -> &'static str {
    match engine {
        Of::Postgres => "SELECT sum(run) || ' ' || sum(amount) FROM public.orders",
        Of::Mysql | Of::Mariadb => "SELECT CONCAT(SUM(run), ' ', SUM(amount)) FROM orders",
    }
}

/// The one cell of a query.
pub(crate) async fn ask(writer: &mut dyn Writer, query: &str) -> Result<String> {
    let outcomes = writer.run(&[query.to_owned()]).await.map_err(|failed| failed.error)?;
    let cell = outcomes.into_iter().next().and_then(|o| o.rows.into_iter().next()).and_then(|r| r.into_iter().next());
    cell.flatten().context("the table is empty")
}

/// Waits until the sink has the backlog, and makes sure that it has all of it.
/// Returns when the last row was there.
pub(crate) async fn wait(sink: &mut dyn Writer, expected: &Expected) -> Result<Instant> {
    let deadline = Instant::now() + crate::PATIENCE;
    while ask(sink, &expected.newest).await? != expected.newest_value {
        if Instant::now() > deadline {
            bail!("the backlog was not caught up within {:?}", crate::PATIENCE);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let there = Instant::now();
    let sum = ask(sink, &expected.sum).await?;
    if sum != expected.sum_value {
        bail!("the sink has {sum} where the origin has {}", expected.sum_value);
    }
    Ok(there)
}

/// Has the origin let go of its log up to where a slot was read. A PostgreSQL slot
/// begins at the last running transactions that were written down before that, every
/// fifteen seconds or so, and whoever reads it next would decode some of the backlog
/// before once more.
pub(crate) async fn settle(origin: &mut dyn Writer, slot: &str) -> Result<()> {
    let end = ask(origin, "SELECT pg_current_wal_lsn()").await?;
    let moved =
        format!("SELECT bool_or(restart_lsn >= '{end}') FROM pg_replication_slots WHERE slot_name LIKE '{slot}'");
    let deadline = Instant::now() + crate::PATIENCE;
    while ask(origin, &moved).await? != "t" {
        if Instant::now() > deadline {
            bail!("the slot `{slot}` does not move");
        }
        ask(origin, "SELECT pg_log_standby_snapshot()").await?;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(())
}

/// What the origin has when its backlog is made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Expected {
    newest: String,
    newest_value: String,
    sum: String,
    sum_value: String,
}

pub(crate) async fn expected(engine: Of, origin: &Server, transactions: u64) -> Result<Expected> {
    let mut writer = session(origin, "bench").await?;
    let (newest, sum) = (newest(engine, transactions), sum(engine).to_owned());
    let newest_value = ask(writer.as_mut(), &newest).await?;
    let sum_value = ask(writer.as_mut(), &sum).await?;
    Ok(Expected { newest, newest_value, sum, sum_value })
}

pub(crate) async fn session(server: &Server, database: &str) -> Result<Box<dyn Writer>> {
    let url = DatabaseUrl::parse(&server.url(database))?;
    let endpoint = connect_endpoint(&url, &ConnectOptions::default()).await?;
    Ok(endpoint.writer(&WriterOptions::default()).await?)
}

async fn run_in_session(server: &Server, statements: &[&str]) -> Result<()> {
    let mut writer = session(server, "bench").await?;
    for statement in statements {
        writer.run(&[(*statement).to_owned()]).await.map_err(|failed| failed.error)?;
    }
    Ok(())
}
