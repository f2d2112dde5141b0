//! A process that was stopped wakes up after another has taken over, and two run
//! at once.

use std::time::Duration;

use rustix::process::Signal;
use switchback_fixtures::Family;

use super::{ends, servers, under_load};
use crate::harness::child::{Child, settings};
use crate::harness::end::{End, On};
use crate::harness::stage::{PATIENCE, Running, shops, stream};

/// Where a process is stopped: with a transaction open, with one that is
/// committed and not acknowledged, and before it begins one.
const PLACES: [&str; 4] =
    ["before-commit:3:stop", "before-transaction:3:stop", "after-commit:3:stop", "after-receive:3:stop"];

/// In a file there is no server that would free the lock of an open transaction.
const PLACES_IN_A_FILE: [&str; 3] = ["before-transaction:3:stop", "after-commit:3:stop", "after-receive:3:stop"];

/// Stops a process at each place, has another one take over, and lets it go on.
async fn zombies(origin: &End, sink: &End, places: &[&str]) {
    for place in places {
        let zombie = Child::start(origin, sink, "forward", Some(place));
        assert!(zombie.stopped_within(PATIENCE).await, "{place} is never reached");
        let mut running = Running::start(stream(origin, sink, "forward", settings()).await);
        running.until(&format!("another one takes over from {place}"), |now| now.transactions > 20).await;
        zombie.signal(Signal::CONT);
        zombie.assert_fenced().await;
        let then = running.now();
        running.until("it goes on", |now| now.transactions > then.transactions + 10).await;
        running.stop().await;
    }
}

/// Two at once, one of them a little later or not: one of them ends, and the other
/// one works.
async fn twins(origin: &End, sink: &End) {
    for later in [Duration::ZERO, Duration::from_millis(500)] {
        let one = Child::start(origin, sink, "forward", None);
        tokio::time::sleep(later).await;
        let other = Child::start(origin, sink, "forward", None);
        let (mut one, mut other) = (one, other);
        let fenced = tokio::time::timeout(PATIENCE, async {
            loop {
                if one.has_ended() {
                    return true;
                }
                if other.has_ended() {
                    return false;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        let (fenced, mut left) = if fenced.await.expect("both go on") { (one, other) } else { (other, one) };
        fenced.assert_fenced().await;
        assert!(!left.has_ended());
        left.killed_within(Duration::ZERO).await;
    }
}

async fn on_servers(family: Family, seed: u64) {
    let (origin_server, sink_server) = servers(family).await;
    let (origin, sink) = ends(&origin_server, &sink_server, "shop").await;
    stream(&origin, &sink, "forward", settings()).await.arm().await.unwrap_or_else(|e| panic!("{e:?}"));
    let faults = async {
        zombies(&origin, &sink, &PLACES).await;
        twins(&origin, &sink).await;
    };
    under_load(&origin, &sink, seed, faults).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres() {
    on_servers(Family::Postgres, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite() {
    let (origin, sink) = shops(On::Sqlite, On::Sqlite).await;
    stream(&origin, &sink, "forward", settings()).await.arm().await.unwrap_or_else(|e| panic!("{e:?}"));
    let faults = async {
        zombies(&origin, &sink, &PLACES_IN_A_FILE).await;
        twins(&origin, &sink).await;
    };
    under_load(&origin, &sink, 4, faults).await;
}
