//! The physical limit: all rows of both sides over one connection each, at once,
//! with a keyed BLAKE3 of each row as it came, and nothing else.
//!
//! PostgreSQL's come by the driver's own `COPY`, without our code. MySQL's and
//! MariaDB's come by the engine's `read`, as no driver hands out rows that it has
//! not decoded.

use anyhow::{Context as _, Result};
use futures_util::TryStreamExt as _;
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;
use switchback_engines::{ConnectOptions, DatabaseUrl, Engine, ReadRequest, Scope, connect};
use tokio::sync::mpsc;

use crate::contender::{Found, Task};
use switchback_benches::orders;

const HASH_KEY: [u8; 32] = [7; 32];

/// A MySQL packet's length and number, before its bytes.
const FRAME_HEADER: usize = 4;

pub(crate) async fn read_both(task: &Task) -> Result<Found> {
    let source = tokio::spawn(read(task.source.clone()));
    let target = tokio::spawn(read(task.target.clone()));
    let (source, target) = (source.await??, target.await??);
    Ok(Found {
        verdict: if source.sum == target.sum { "equal" } else { "different" }.to_owned(),
        source_rows: source.rows,
        target_rows: target.rows,
        differences: 0,
        source_bytes: source.bytes,
        target_bytes: target.bytes,
    })
}

/// What was read, and the sum of its rows' hashes.
#[derive(Debug, Default)]
struct Side {
    rows: u64,
    bytes: u64,
    sum: u64,
}

impl Side {
    fn add(&mut self, row: &[u8]) {
        let hash = blake3::keyed_hash(&HASH_KEY, row);
        let first = hash.as_bytes().first_chunk::<8>().copied().unwrap_or_default();
        self.sum = self.sum.wrapping_add(u64::from_le_bytes(first));
        self.rows += 1;
        self.bytes += row.len() as u64;
    }
}

async fn read(url: String) -> Result<Side> {
    let parsed = DatabaseUrl::parse(&url)?;
    match parsed.engine() {
        Engine::Postgres => read_postgres(&url).await,
        Engine::MySql | Engine::SqlServer | Engine::MongoDb | Engine::Sqlite => read_mysql(&parsed).await,
    }
}

async fn read_postgres(url: &str) -> Result<Side> {
    let mut connection = PgConnection::connect(url).await?;
    let query =
        format!("COPY (SELECT {} FROM {}) TO STDOUT (FORMAT binary)", orders::COLUMNS.join(", "), orders::TABLE);
    let mut side = Side::default();
    {
        let mut rows = connection.copy_out_raw(&query).await?;
        // The server sends each row as a message of its own, after one with the
        // header and before one with the trailer.
        while let Some(message) = rows.try_next().await? {
            side.add(&message);
        }
    }
    connection.close().await?;
    Ok(side)
}

async fn read_mysql(url: &DatabaseUrl) -> Result<Side> {
    let database = connect(url, &ConnectOptions::default()).await?;
    let name = database.tables().await?.into_iter().next().context("there is no table")?;
    let table = database.describe(&name).await?.context("the table is gone")?;
    let columns: Vec<usize> = (0..table.columns.len()).collect();
    let (sender, mut batches) = mpsc::channel(2);
    let request = ReadRequest { table: &table, columns: &columns, scope: Scope::All, filter: None };
    let reading = async { anyhow::Ok(database.read(request, sender).await?) };
    let hashing = async {
        let mut side = Side::default();
        while let Some(batch) = batches.recv().await {
            let mut rest = batch.bytes.as_slice();
            while let Some(([a, b, c, _], packet)) = rest.split_first_chunk::<FRAME_HEADER>() {
                let len = usize::from(*a) | usize::from(*b) << 8 | usize::from(*c) << 16;
                let (row, behind) = packet.split_at_checked(len).context("a packet is cut short")?;
                side.add(row);
                rest = behind;
            }
        }
        anyhow::Ok(side)
    };
    let (_, side) = tokio::try_join!(reading, hashing)?;
    Ok(side)
}
