//! Some rows of the [`orders`](crate::orders) table as a server sends them.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use switchback_engines::canon::{self, Rule, Settings, rule};
use switchback_engines::{ConnectOptions, DatabaseUrl, DecodeRows, RawBatch, ReadRequest, Scope, Value, connect};
use switchback_fixtures::{Family, Side, database};
use tokio::sync::mpsc;

use crate::orders::{self, Drift};

/// Raw batches with what it takes to read them.
pub struct Sample {
    pub batches: Vec<RawBatch>,
    decoder: Arc<dyn DecodeRows>,
    /// What each column's cells are compared by.
    pub rules: Vec<Rule>,
}

impl Sample {
    /// Makes a table of `rows` rows on a server of the fixtures and reads it.
    ///
    /// # Errors
    /// When the server cannot be had or does not answer.
    pub async fn read(family: Family, side: Side, rows: u64) -> Result<Self> {
        let home = database(family, side, "kernels").await;
        for statement in orders::make(family, Drift::None, rows) {
            home.execute(&statement).await?;
        }
        let database = connect(&DatabaseUrl::parse(home.url())?, &ConnectOptions::default()).await?;
        let name = database.tables().await?.into_iter().next().context("there is no table")?;
        let table = database.describe(&name).await?.context("the table is gone")?;
        let columns: Vec<usize> = (0..table.columns.len()).collect();
        let engine = database.info().engine;
        let rules = table.columns.iter().map(|column| {
            let side = rule::Side { engine, flavor: switchback_engines::Flavor::Original, column };
            Ok(canon::pair(side, side, &Settings::default())?.rule)
        });
        let rules = rules.collect::<Result<_>>()?;
        let (sender, mut receiver) = mpsc::channel(2);
        let request = ReadRequest { table: &table, columns: &columns, scope: Scope::All, filter: None };
        let mut batches = Vec::new();
        let receiving = async {
            while let Some(batch) = receiver.recv().await {
                batches.push(batch);
            }
        };
        let (read, ()) = tokio::join!(database.read(request, sender), receiving);
        read?;
        Ok(Self { batches, decoder: database.decoder(&table, &columns)?, rules })
    }

    /// Calls `row` for every row.
    ///
    /// # Panics
    /// When the bytes are not what the server sent.
    pub fn decode(&self, row: &mut dyn FnMut(&[Value<'_>])) {
        for batch in &self.batches {
            self.decoder.decode(batch, row).expect("they have been read from a server");
        }
    }
}
