//! The process is killed wherever it hurts, over and over, under load; in the end
//! nothing is lost, nothing is there twice, and nobody saw a part of a
//! transaction.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use switchback_replicate::Settings;
use tokio_util::sync::CancellationToken;

use crate::child;
use crate::end::{ALL, End, On};
use crate::flows::{DONE, Running, shops, stream};
use crate::judge::{assert_same, wait_for_same, watch};
use crate::shop::{Customer, buy};

/// Everywhere that something has just become durable, or is about to.
const PLACES: [&str; 9] = [
    "after-takeover",
    "after-receive",
    "before-transaction",
    "after-claim",
    "mid-rows",
    "before-commit",
    "after-commit",
    "before-acknowledge",
    "at any time",
];

/// So often is each stream killed.
const KILLS: usize = 30;
const PATIENCE: Duration = Duration::from_secs(90);

/// Ends one life of the stream: at a place that it reaches for some time, or
/// after some milliseconds. Returns whether it was killed; it may also wait for
/// work that would bring it to the place.
async fn a_life(origin: &End, sink: &End, random: &mut StdRng) {
    let place = PLACES[random.random_range(0..PLACES.len())];
    let at = format!("{place}:{}", random.random_range(1..6));
    let mut child = child::start(origin, sink, "forward", (place != "at any time").then_some(at.as_str()));
    let patience = Duration::from_millis(random.random_range(50..900));
    match tokio::time::timeout(patience, child.wait()).await {
        Ok(status) => {
            use std::os::unix::process::ExitStatusExt as _;
            let status = status.unwrap();
            assert_eq!(status.signal(), Some(9), "it ended by itself: {status:?}");
        }
        Err(_) => child.kill().await.unwrap(),
    }
}

async fn survives(from: On, to: On, seed: u64) {
    let (origin, sink) = shops(from, to).await;
    let settings = || Settings { group_transactions: 50, ..Settings::default() };
    stream(&origin, &sink, "forward", settings()).await.arm().await.unwrap_or_else(|e| panic!("{e:?}"));

    let open = CancellationToken::new();
    let mut customers = Vec::new();
    for n in 0..2 {
        let (mut writer, engine, open) = (origin.writer().await, origin.engine(), open.clone());
        customers.push(tokio::spawn(async move {
            let mut customer = Customer::new(seed + n, i64::try_from(n).unwrap() * 10_000_000);
            while !open.is_cancelled() {
                buy(writer.as_mut(), engine, &mut customer, 3).await;
                // Otherwise the stream never gets to the end of so much.
                tokio::time::sleep(Duration::from_millis(4)).await;
            }
        }));
    }
    let looking = CancellationToken::new();
    let lives = async {
        let mut random = StdRng::seed_from_u64(seed);
        for _ in 0..KILLS {
            a_life(&origin, &sink, &mut random).await;
        }
        open.cancel();
        for customer in customers {
            customer.await.unwrap();
        }
        origin
            .execute("INSERT INTO ledger VALUES (990000000, -1, 0, 'the end'); UPDATE accounts SET version = version + 1 WHERE id = 1")
            .await;
        let running = Running::start(stream(&origin, &sink, "forward", settings()).await);
        wait_for_same(&origin, &sink, DONE, PATIENCE).await;
        looking.cancel();
        running.stop().await
    };
    tokio::join!(lives, watch(&sink, looking.clone()));
    assert_same(&origin, &sink).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_postgres() {
    for (n, to) in ALL.into_iter().enumerate() {
        survives(On::Postgres, to, 100 + n as u64).await;
    }
}
