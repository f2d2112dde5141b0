//! Both directions at once, on the same tables: what one stream has written, the
//! other one never brings back.

use std::time::{Duration, Instant};

use switchback_replicate::{Settings, Status};
use tokio_util::sync::CancellationToken;

use crate::harness::end::On;
use crate::harness::judge::{assert_same, watch};
use crate::harness::shop::{self, Part, Shop};
use crate::harness::stage::{PATIENCE, Running, shops, stream};

/// So many transactions go each way at least.
const ENOUGH: u64 = 50;

async fn nothing_comes_back(one: On, other: On) {
    eprintln!("{one:?} and {other:?}");
    let (here, there) = shops(one, other).await;
    let forward = stream(&here, &there, "forward", Settings::default()).await;
    forward.arm().await.unwrap_or_else(|e| panic!("{e:?}"));
    let reverse = stream(&there, &here, "reverse", Settings::default()).await;
    reverse.arm().await.unwrap_or_else(|e| panic!("{e:?}"));
    let (mut forward, mut reverse) = (Running::start(forward), Running::start(reverse));

    let pause = Duration::from_millis(2);
    let lower = Shop::open(&here, 1, 2, pause, Part::Lower);
    let upper = Shop::open(&there, 11, 2, pause, Part::Upper);
    let looking = CancellationToken::new();
    let work = async {
        for running in [&mut forward, &mut reverse] {
            running.until("enough has come over", |now| now.transactions > ENOUGH).await;
        }
        let (mine, theirs) = tokio::join!(lower.close(), upper.close());
        shop::close(&here, &there).await;
        let settled = settled(&forward, &reverse, mine + 1, theirs).await;
        looking.cancel();
        settled
    };
    let (settled, ..) = tokio::join!(work, watch(&here, looking.clone()), watch(&there, looking.clone()));
    eprintln!("{settled:?}");
    assert_same(&here, &there).await;
    forward.stop().await;
    reverse.stop().await;
}

/// Waits until each stream has seen all that the other one has written, and
/// nothing of it was applied: exactly the applications' own transactions were.
async fn settled(forward: &Running, reverse: &Running, mine: u64, theirs: u64) -> (Status, Status) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (forth, back) = (forward.now(), reverse.now());
        assert!(forth.transactions <= mine, "{} of {mine} were applied", forth.transactions);
        assert!(back.transactions <= theirs, "{} of {theirs} were applied", back.transactions);
        // Arming the one wrote its progress row into the other's origin.
        let all_dropped = back.own_dropped == forth.commits && forth.own_dropped == back.commits + 1;
        if forth.transactions == mine && back.transactions == theirs && all_dropped {
            return (forth, back);
        }
        assert!(Instant::now() < deadline, "{mine} and {theirs}: {forth:?} {back:?}");
        // Positions are saved now and then, so the two are equal only between.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn between_postgres_and_postgres() {
    nothing_comes_back(On::Postgres, On::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn between_sqlite_and_sqlite() {
    nothing_comes_back(On::Sqlite, On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn between_postgres_and_mysql() {
    nothing_comes_back(On::Postgres, On::MySql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn between_mysql_and_mariadb() {
    nothing_comes_back(On::MySql, On::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn between_mariadb_and_sqlite() {
    nothing_comes_back(On::MariaDb, On::Sqlite).await;
}
