//! The process is killed at every place where something has just become durable, or
//! is about to, and in between; in the end nothing is lost and nothing is there
//! twice.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use rustix::process::Signal;
use switchback_migrate::load::Progress;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::child;
use crate::harness::end::{End, On};
use crate::harness::judge::same_tables;
use crate::harness::shop::{self, Part, Shop};
use crate::harness::stage::{PATIENCE, Running};
use crate::stock::{Clerk, load, stocked, stream};

/// Before the load is done; slowly, so that it isn't.
const EARLY: [&str; 14] = [
    "after-arm:1",
    "after-takeover:1",
    "after-armed:1",
    "after-cutting:1",
    "after-snapshot:1",
    "before-range:2",
    "after-claim:2",
    "mid-rows:3",
    "after-rows:3",
    "before-commit:5",
    "after-commit:7",
    "mid-clearing:1",
    "mid-clearing:2",
    "after-commit:3",
];
/// Once what is left can be loaded at once.
const LATE: [&str; 6] =
    ["after-loading:1", "mid-mending:1", "after-mending:2", "mid-mending:2", "before-handover:1", "after-handover:1"];

const SLOWLY: u64 = 60_000;
const AT_ONCE: u64 = 1 << 30;

async fn survives(from: On, to: On, seed: u64) {
    let (origin, sink) = stocked(from, to).await;
    let shop = Shop::open(&origin, seed, 1, Duration::from_millis(10), Part::All);
    let clerk = Clerk::start(&origin, seed + 1, Duration::from_millis(5));
    let mut missed = Vec::new();
    let mut random = StdRng::seed_from_u64(seed);
    for (places, pace) in [(&EARLY[..], SLOWLY), (&LATE[..], AT_ONCE)] {
        for place in places {
            if !child::start(&origin, &sink, pace, Some(place)).killed_within(PATIENCE).await {
                missed.push(*place);
            }
        }
        if pace == SLOWLY {
            for _ in 0..3 {
                let life = Duration::from_millis(random.random_range(200..900));
                child::start(&origin, &sink, pace, None).killed_within(life).await;
            }
        }
    }
    assert_eq!(missed, [""; 0], "the places that it never came to");
    ends_well(&origin, &sink, shop, clerk).await;
}

async fn ends_well(origin: &End, sink: &End, shop: Shop, clerk: Clerk) {
    let (progress, seen) = watch::channel(Progress::default());
    let loaded = load(origin, sink, child::settings()).await.run(&CancellationToken::new(), &progress).await;
    loaded.unwrap_or_else(|e| panic!("{e:?}"));
    let running = Running::start(stream(origin, sink).await);
    let changes = clerk.stop().await;
    let transactions = shop.close().await;
    shop::close(origin, sink).await;
    running.stop().await;
    assert_eq!(same_tables(origin, sink).await, 7);
    assert!(changes > 0 && transactions > 0);
    eprintln!("{changes} changes, {transactions} transactions; {:?}", seen.borrow());
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_to_postgres() {
    survives(On::Postgres, On::Postgres, 100).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_to_mysql() {
    survives(On::MySql, On::MySql, 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_to_mariadb() {
    survives(On::MariaDb, On::MariaDb, 300).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_to_sqlite() {
    survives(On::Sqlite, On::Sqlite, 400).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_to_postgres() {
    survives(On::Sqlite, On::Postgres, 500).await;
}

/// A process that was stopped in the middle of a range goes on when another has
/// done all of it.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_stopped_is_fenced_out() {
    for (on, place) in
        [(On::Postgres, "mid-rows:2:stop"), (On::Postgres, "after-claim:3:stop"), (On::MySql, "mid-rows:2:stop")]
    {
        let (origin, sink) = stocked(on, on).await;
        let shop = Shop::open(&origin, 1, 1, Duration::from_millis(10), Part::All);
        let clerk = Clerk::start(&origin, 2, Duration::from_millis(5));
        let stopped = child::start(&origin, &sink, AT_ONCE, Some(place));
        assert!(stopped.stopped_within(PATIENCE).await, "{place}");
        ends_well(&origin, &sink, shop, clerk).await;
        stopped.signal(Signal::CONT);
        stopped.assert_fenced().await;
        assert_eq!(same_tables(&origin, &sink).await, 7);
    }
}
