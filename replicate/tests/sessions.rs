//! Several sessions apply at the same time.

use std::time::Duration;

use rustix::process::Signal;
use switchback_replicate::Settings;
use tokio_util::sync::CancellationToken;

use crate::harness::child::{Child, settings};
use crate::harness::end::On;
use crate::harness::judge::{assert_same, watch};
use crate::harness::killing::survives;
use crate::harness::shop::{self, Part, Shop};
use crate::harness::stage::{PATIENCE, Running, shops, stream};

const SESSIONS: usize = 3;
const KILLS: usize = 10;

const PAIRS: [(On, On); 4] =
    [(On::Postgres, On::Postgres), (On::Postgres, On::MySql), (On::MySql, On::MariaDb), (On::MariaDb, On::Postgres)];

/// A backlog is divided, and nobody sees a part of a transaction. In the middle of
/// it the process is killed with a group half done, and the next one, which is to
/// use one session, finishes the group as it was divided.
async fn a_backlog_is_divided(from: On, to: On) {
    eprintln!("{from:?} to {to:?}");
    let (origin, sink) = shops(from, to).await;
    let several = || Settings { sessions: SESSIONS, ..settings() };
    stream(&origin, &sink, "forward", several()).await.arm().await.unwrap_or_else(|e| panic!("{e:?}"));
    let looking = CancellationToken::new();
    let work = async {
        let shop = Shop::open(&origin, 7, 2, Duration::from_millis(4), Part::All);
        let mut killed = 0;
        for place in ["after-commit:2", "before-commit:3", "before-group-is-done:2", "after-commit:4"] {
            let child = Child::start_with(&origin, &sink, "forward", Some(place), SESSIONS);
            killed += usize::from(child.killed_within(Duration::from_secs(20)).await);
        }
        assert_eq!(killed, 4);
        shop.close().await;
        let one = Running::start(stream(&origin, &sink, "forward", settings()).await);
        shop::close(&origin, &sink).await;
        looking.cancel();
        let last = one.stop().await;
        // What was left over, and nothing since.
        assert!(last.divided <= 1, "{last:?}");
    };
    tokio::join!(work, watch(&sink, looking.clone()));
    assert_same(&origin, &sink).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_was_left_half_done_is_finished() {
    for (from, to) in PAIRS {
        a_backlog_is_divided(from, to).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_by_kills() {
    for (n, (from, to)) in PAIRS.into_iter().enumerate() {
        let survived = survives(from, to, KILLS, 500 + n as u64, SESSIONS).await;
        eprintln!("{from:?} to {to:?}: {survived:?}");
        assert!(survived.at_places > KILLS / 4 && survived.transactions > 0 && survived.looks > 0, "{survived:?}");
    }
}

/// A process that is stopped with a share in the making, or between two, wakes up
/// when another one has taken over.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_stopped_is_fenced_out() {
    let (origin, sink) = shops(On::Postgres, On::Postgres).await;
    let several = || Settings { sessions: SESSIONS, ..settings() };
    stream(&origin, &sink, "forward", several()).await.arm().await.unwrap_or_else(|e| panic!("{e:?}"));
    let looking = CancellationToken::new();
    let work = async {
        let shop = Shop::open(&origin, 7, 2, Duration::from_millis(4), Part::All);
        for place in ["before-transaction:2:stop", "before-commit:3:stop", "after-commit:2:stop"] {
            let zombie = Child::start_with(&origin, &sink, "forward", Some(place), SESSIONS);
            assert!(zombie.stopped_within(PATIENCE).await, "{place} is never reached");
            let mut running = Running::start(stream(&origin, &sink, "forward", several()).await);
            running.until(&format!("another one takes over from {place}"), |now| now.transactions > 20).await;
            zombie.signal(Signal::CONT);
            zombie.assert_fenced().await;
            running.stop().await;
        }
        shop.close().await;
        let last = Running::start(stream(&origin, &sink, "forward", several()).await);
        shop::close(&origin, &sink).await;
        looking.cancel();
        last.stop().await;
    };
    tokio::join!(work, watch(&sink, looking.clone()));
    assert_same(&origin, &sink).await;
}

/// Each stream drops what the sessions of the other one have written.
async fn nothing_comes_back(one: On, other: On) {
    eprintln!("{one:?} and {other:?}");
    let (here, there) = shops(one, other).await;
    let several = || Settings { sessions: SESSIONS, ..Settings::default() };
    let forward = stream(&here, &there, "forward", several()).await;
    forward.arm().await.unwrap_or_else(|e| panic!("{e:?}"));
    let reverse = stream(&there, &here, "reverse", several()).await;
    reverse.arm().await.unwrap_or_else(|e| panic!("{e:?}"));
    let lower = Shop::open(&here, 1, 2, Duration::from_millis(2), Part::Lower);
    let upper = Shop::open(&there, 11, 2, Duration::from_millis(2), Part::Upper);
    let (mut forward, mut reverse) = (Running::start(forward), Running::start(reverse));
    for running in [&mut forward, &mut reverse] {
        running.until("groups are divided", |now| now.divided > 3 && now.transactions > 100).await;
    }
    let (mine, theirs) = tokio::join!(lower.close(), upper.close());
    shop::close(&here, &there).await;
    forward.until("all has come", |now| now.transactions == mine + 1).await;
    reverse.until("all has come", |now| now.transactions == theirs).await;
    let commits = forward.now().commits;
    reverse.until("what is not for it is dropped", |now| now.own_dropped >= commits).await;
    assert_eq!(reverse.now().transactions, theirs);
    assert_same(&here, &there).await;
    forward.stop().await;
    reverse.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_several_sessions_write_does_not_come_back() {
    nothing_comes_back(On::Postgres, On::MySql).await;
    nothing_comes_back(On::MariaDb, On::Postgres).await;
}
