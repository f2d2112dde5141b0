//! The process is killed wherever it hurts, over and over, under load; in the end
//! nothing is lost, nothing is there twice, and nobody saw a part of a
//! transaction.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use switchback_replicate::Settings;
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
    "before-group-is-done",
];

/// How long the stream may take to come to a place. It is killed then wherever it
/// is, since chance may keep work away from it that would bring it there.
const WAY: Duration = Duration::from_secs(5);

/// After so many the shop closes, the stream catches up, and all is compared: a
/// stream that is killed all the time falls behind for ever.
const KILLS_A_DAY: usize = 50;

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Survived {
    pub(crate) kills: usize,
    /// How many of them were at one of the places that have a name.
    pub(crate) at_places: usize,
    /// Transactions of the application that the origin has.
    pub(crate) transactions: u64,
    /// How often a reader of the sink looked for a part of a transaction.
    pub(crate) looks: u64,
}

/// # Panics
/// When the ends differ, or a reader saw a part of a transaction.
pub(crate) async fn survives(from: On, to: On, kills: usize, seed: u64, sessions: usize) -> Survived {
    let (origin, sink) = shops(from, to).await;
    let settings = || Settings { sessions, ..settings() };
    stream(&origin, &sink, "forward", settings()).await.arm().await.unwrap_or_else(|e| panic!("{e:?}"));
    let looking = CancellationToken::new();
    let lives = async {
        let mut random = StdRng::seed_from_u64(seed);
        let (mut at_places, mut transactions, mut left, mut day) = (0, 0, kills, 0);
        while left > 0 {
            // A pause, or the stream never gets to the end of so much.
            let shop = Shop::open(&origin, seed + 1_000 * day, 2, Duration::from_millis(4), Part::All);
            for _ in 0..left.min(KILLS_A_DAY) {
                at_places += usize::from(a_life(&origin, &sink, &mut random, sessions).await);
            }
            left = left.saturating_sub(KILLS_A_DAY);
            transactions += shop.close().await;
            let running = Running::start(stream(&origin, &sink, "forward", settings()).await);
            shop::close_day(&origin, &sink, day).await;
            running.stop().await;
            assert_same(&origin, &sink).await;
            day += 1;
        }
        looking.cancel();
        (at_places, transactions)
    };
    let ((at_places, transactions), looks) = tokio::join!(lives, watch(&sink, looking.clone()));
    Survived { kills, at_places, transactions, looks }
}

/// Ends one life of the stream: at a place, for one of the first times that it
/// comes there, or some time after it has applied something, so that no life is
/// for nothing. Returns whether it was at a place.
async fn a_life(origin: &End, sink: &End, random: &mut StdRng, sessions: usize) -> bool {
    // The last of them only where several sessions apply.
    let places = if sessions > 1 { PLACES.len() } else { PLACES.len() - 1 };
    let place = PLACES.get(..places).and_then(|places| places.get(random.random_range(0..places.len() + 2)));
    let times = match place {
        // A stream is taken over once in a life, and few transactions are large.
        Some(&"after-takeover") => 1,
        Some(&("after-claim" | "mid-rows")) => 3,
        _ => 11,
    };
    let time = random.random_range(1..=times);
    let failpoint = place.map(|place| format!("{place}:{time}"));
    let mut child = Child::start_with(origin, sink, "forward", failpoint.as_deref(), sessions);
    if place.is_some() {
        return child.killed_within(WAY).await;
    }
    child.applied().await;
    child.killed_within(Duration::from_millis(random.random_range(0..600))).await
}
