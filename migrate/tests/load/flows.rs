//! A load while the source is written to, and the stream that goes on from there.

use std::time::Duration;

use switchback_migrate::load::{Phase, Progress};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::harness::end::On;
use crate::harness::judge::same_tables;
use crate::harness::shop::{self, Part, Shop};
use crate::harness::stage::Running;
use crate::stock::{Clerk, load, settings, stocked, stream};

async fn arrives(from: On, to: On) {
    let (origin, sink) = stocked(from, to).await;
    let shop = Shop::open(&origin, 7, 2, Duration::from_millis(2), Part::All);
    let clerk = Clerk::start(&origin, 8, Duration::from_millis(1));
    let (progress, seen) = watch::channel(Progress::default());
    let loaded = load(&origin, &sink, settings()).await.run(&CancellationToken::new(), &progress).await;
    loaded.unwrap_or_else(|e| panic!("{from:?} to {to:?}: {e:?}"));
    let running = Running::start(stream(&origin, &sink).await);
    let changes = clerk.stop().await;
    let transactions = shop.close().await;
    shop::close(&origin, &sink).await;
    let ended = running.stop().await;
    assert_eq!(same_tables(&origin, &sink).await, 7);
    let seen = seen.borrow().clone();
    assert_eq!((seen.phase, seen.ranges_loaded), (Phase::Done, seen.ranges_total), "{seen:?}");
    assert!(seen.ranges_total > 10 && seen.rows > 2_500 && seen.bytes > 100_000, "{seen:?}");
    assert!(changes > 0 && transactions > 0 && ended.transactions > 0, "{changes} {transactions} {ended:?}");
    eprintln!("{from:?} to {to:?}: {} ranges, {} rows, {changes} changes meanwhile", seen.ranges_total, seen.rows);
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_to_postgres() {
    arrives(On::Postgres, On::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_to_mysql() {
    arrives(On::MySql, On::MySql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_to_mariadb() {
    arrives(On::MariaDb, On::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_to_sqlite() {
    arrives(On::Sqlite, On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn across() {
    for (from, to) in [(On::Postgres, On::MariaDb), (On::MySql, On::Postgres), (On::Sqlite, On::Postgres)] {
        arrives(from, to).await;
    }
}
