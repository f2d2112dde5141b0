//! The process is killed wherever it hurts, over and over, under load; in the end
//! nothing is lost, nothing is there twice, and nobody saw a part of a
//! transaction.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio_util::sync::CancellationToken;

use super::child::{Child, settings};
use super::end::{End, On};
use super::judge::{assert_same, watch};
use super::shop::{self, Part, Shop};
use super::stage::{Running, shops, stream};

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

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Survived {
    pub(crate) kills: usize,
    /// Transactions of the application that the origin has.
    pub(crate) transactions: u64,
    /// How often a reader of the sink looked for a part of a transaction.
    pub(crate) looks: u64,
}

/// # Panics
/// When the ends differ, or a reader saw a part of a transaction.
pub(crate) async fn survives(from: On, to: On, kills: usize, seed: u64) -> Survived {
    let (origin, sink) = shops(from, to).await;
    stream(&origin, &sink, "forward", settings()).await.arm().await.unwrap_or_else(|e| panic!("{e:?}"));
    // A pause, or the stream never gets to the end of so much.
    let shop = Shop::open(&origin, seed, 2, Duration::from_millis(4), Part::All);
    let looking = CancellationToken::new();
    let lives = async {
        let mut random = StdRng::seed_from_u64(seed);
        for _ in 0..kills {
            a_life(&origin, &sink, &mut random).await;
        }
        let transactions = shop.close().await;
        let running = Running::start(stream(&origin, &sink, "forward", settings()).await);
        shop::close(&origin, &sink).await;
        looking.cancel();
        running.stop().await;
        transactions
    };
    let (transactions, looks) = tokio::join!(lives, watch(&sink, looking.clone()));
    assert_same(&origin, &sink).await;
    Survived { kills, transactions, looks }
}

/// Ends one life of the stream: at a place that it reaches for some time, or
/// after some milliseconds, as it may also wait for work that would bring it to
/// the place.
async fn a_life(origin: &End, sink: &End, random: &mut StdRng) {
    let place = PLACES[random.random_range(0..PLACES.len())];
    let at = format!("{place}:{}", random.random_range(1..6));
    let child = Child::start(origin, sink, "forward", (place != "at any time").then_some(at.as_str()));
    child.killed_within(Duration::from_millis(random.random_range(50..900))).await;
}
