//! Thirty kills of every stream; `benches` has the long run.

use crate::harness::end::{ALL, On};
use crate::harness::killing::survives;

const KILLS: usize = 30;

async fn to_everywhere(from: On, seed: u64) {
    for (n, to) in ALL.into_iter().enumerate() {
        let survived = survives(from, to, KILLS, seed + n as u64, 1).await;
        eprintln!(
            "{from:?} to {to:?}: {} kills, {} at places, {} transactions, {} looks",
            survived.kills, survived.at_places, survived.transactions, survived.looks
        );
        assert!(survived.at_places > KILLS / 4 && survived.transactions > 0 && survived.looks > 0, "{survived:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_postgres() {
    to_everywhere(On::Postgres, 100).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_mysql() {
    to_everywhere(On::MySql, 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_mariadb() {
    to_everywhere(On::MariaDb, 300).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_sqlite() {
    to_everywhere(On::Sqlite, 400).await;
}
