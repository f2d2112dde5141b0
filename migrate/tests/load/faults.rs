//! Connections that are cut while a load is under way, and ends that fall silent.
//!
//! Each on servers of its own, by way of a proxy before either of them.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use switchback_fixtures::{Cut, Family, Proxy, Server, Side, Then, Toward};
use switchback_migrate::load::{Error, Progress, Settings};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::child;
use crate::harness::end::{End, On};
use crate::harness::judge::same_tables;
use crate::harness::shop::{self, Part, Shop};
use crate::harness::stage::{PATIENCE, Running};
use crate::stock::{Clerk, load, stocked_on, stream};

const SLOWLY: u64 = 60_000;
/// So often is each end cut off.
const CUTS: u64 = 12;
/// About as much as it takes to log in: most connections should get further.
const LOGIN: u64 = 4_000;

/// Two ends, each with a way to it that may fail.
struct Scene {
    origin: End,
    sink: End,
    by: (End, End),
    proxies: (Proxy, Proxy),
    _servers: (Server, Server),
}

impl Scene {
    async fn new(family: Family, on: On) -> Self {
        let start = |side| Server::builder(family.kind(side)).durable(true).start();
        let (a, b) = tokio::join!(start(Side::Source), start(Side::Target));
        let servers = (a.unwrap_or_else(|e| panic!("{e:?}")), b.unwrap_or_else(|e| panic!("{e:?}")));
        let (origin, sink) = stocked_on((&servers.0, &servers.1), on).await;
        let proxy = |server: &Server| Proxy::start(server.port(), "COMMIT");
        let proxies = (proxy(&servers.0).await.unwrap(), proxy(&servers.1).await.unwrap());
        let by = (origin.by(&proxies.0).await, sink.by(&proxies.1).await);
        Self { origin, sink, by, proxies, _servers: servers }
    }

    async fn start(&self, settings: Settings) -> Loading {
        let load = load(&self.by.0, &self.by.1, settings).await;
        let (progress, seen) = watch::channel(Progress::default());
        let task = tokio::spawn(async move { load.run(&CancellationToken::new(), &progress).await });
        Loading { task, seen }
    }
}

struct Loading {
    task: JoinHandle<Result<(), Error>>,
    seen: watch::Receiver<Progress>,
}

impl Loading {
    /// # Panics
    /// When the load ends before, or it takes too long.
    async fn until(&mut self, what: &str, is_so: impl Fn(&Progress) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(&self.seen.borrow()) {
            assert!(!self.task.is_finished(), "{what}: {:?}", (&mut self.task).await);
            assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}; {:?}", self.seen.borrow());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn ended(self) -> Result<Progress, Error> {
        self.task.await.unwrap()?;
        let seen = self.seen.borrow().clone();
        Ok(seen)
    }
}

/// A place to cut a connection to the sink.
fn at_the_sink(random: &mut StdRng) -> Cut {
    let then = match random.random_range(0..10) {
        0 => return Cut::Bytes { toward: Toward::Server, after: random.random_range(0..LOGIN) },
        1..=4 => return Cut::Bytes { toward: Toward::Server, after: random.random_range(LOGIN..60_000) },
        5 => return Cut::Bytes { toward: Toward::Client, after: random.random_range(LOGIN..12_000) },
        6 => Then::Unsent,
        7 => Then::Late(Duration::from_millis(random.random_range(100..700))),
        _ => Then::Unanswered,
    };
    Cut::Text { nth: random.random_range(1..6), then }
}

fn at_the_origin(random: &mut StdRng) -> Cut {
    match random.random_range(0..10) {
        0 => Cut::Bytes { toward: Toward::Client, after: random.random_range(0..LOGIN) },
        1..=7 => Cut::Bytes { toward: Toward::Client, after: random.random_range(3 * LOGIN..200_000) },
        _ => Cut::Bytes { toward: Toward::Server, after: random.random_range(LOGIN..10_000) },
    }
}

/// The process stays, and both ends are lost over and over.
async fn ends_are_lost(family: Family, on: On, seed: u64) {
    let scene = Scene::new(family, on).await;
    let (to_origin, to_sink) = &scene.proxies;
    let shop = Shop::open(&scene.origin, seed, 1, Duration::from_millis(10), Part::All);
    let clerk = Clerk::start(&scene.origin, seed + 1, Duration::from_millis(5));
    let mut loading = scene.start(Settings { bytes_per_second: Some(SLOWLY), ..child::settings() }).await;
    loading.until("it begins", |now| now.ranges_loaded > 2).await;
    let (mut random, mut other) = (StdRng::seed_from_u64(seed), StdRng::seed_from_u64(seed + 1));
    to_sink.plan(move || Some(at_the_sink(&mut random)));
    to_origin.plan(move || Some(at_the_origin(&mut other)));
    to_sink.hang_up();
    to_origin.hang_up();
    let cuts = |_: &Progress| to_sink.cuts() >= CUTS && to_origin.cuts() >= CUTS;
    loading.until("both ends were cut often enough", cuts).await;
    to_sink.plan(|| None);
    to_origin.plan(|| None);
    to_sink.hang_up();
    to_origin.hang_up();
    let loaded = loading.ended().await.unwrap_or_else(|e| panic!("{e:?}"));
    assert!(loaded.snapshots > 1 && loaded.mended_keys > 0, "{loaded:?}");
    eprintln!("{on:?}: {} and {} cuts, {loaded:?}", to_sink.cuts(), to_origin.cuts());
    let running = Running::start(stream(&scene.origin, &scene.sink).await);
    let (changes, transactions) = (clerk.stop().await, shop.close().await);
    shop::close(&scene.origin, &scene.sink).await;
    running.stop().await;
    assert_eq!(same_tables(&scene.origin, &scene.sink).await, 7);
    assert!(changes > 0 && transactions > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_is_lost() {
    ends_are_lost(Family::Postgres, On::Postgres, 1_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_is_lost() {
    ends_are_lost(Family::MySql, On::MySql, 2_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_is_lost() {
    ends_are_lost(Family::MariaDb, On::MariaDb, 3_000).await;
}

/// Nothing is closed, and nothing is heard: of a load that is under way, of one that
/// has to begin anew, and of one for which that goes on for too long.
async fn ends_fall_silent(family: Family, on: On) {
    let scene = Scene::new(family, on).await;
    let clerk = Clerk::start(&scene.origin, 5, Duration::from_millis(5));
    let impatient =
        Settings { stall_timeout: Duration::from_secs(3), bytes_per_second: Some(SLOWLY), ..child::settings() };
    let mut loading = scene.start(impatient.clone()).await;
    for (proxy, name) in [(&scene.proxies.1, "the sink"), (&scene.proxies.0, "the origin")] {
        let before = loading.seen.borrow().clone();
        loading.until("it goes on", |now| now.ranges_loaded > before.ranges_loaded).await;
        proxy.swallow(true);
        // Until it has noticed, and asks again.
        let connections = proxy.connections();
        loading.until(name, |_| proxy.connections() > connections).await;
        proxy.swallow(false);
        loading.until(name, |now| now.snapshots > before.snapshots).await;
    }
    loading.task.abort();
    let for_good = scene.start(Settings { patience: Duration::from_secs(4), ..impatient.clone() }).await;
    let since = Instant::now();
    scene.proxies.1.swallow(true);
    let ended = for_good.ended().await;
    assert!(matches!(ended, Err(Error::Stalled { seconds: 3 })), "{ended:?}");
    assert!(since.elapsed() < Duration::from_secs(30), "{:?}", since.elapsed());
    scene.proxies.1.swallow(false);

    let loaded = scene.start(Settings { bytes_per_second: None, ..impatient }).await.ended().await;
    loaded.unwrap_or_else(|e| panic!("{e:?}"));
    let running = Running::start(stream(&scene.origin, &scene.sink).await);
    clerk.stop().await;
    shop::close(&scene.origin, &scene.sink).await;
    running.stop().await;
    assert_eq!(same_tables(&scene.origin, &scene.sink).await, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_falls_silent() {
    ends_fall_silent(Family::Postgres, On::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_falls_silent() {
    ends_fall_silent(Family::MySql, On::MySql).await;
}
