//! Servers, connections and processes that fail under a stream at work.
//!
//! Each on durable servers of its own, with a shop open at the origin, a reader
//! of the sink who looks for parts of transactions, and a judge in the end.

mod network;
mod processes;
mod servers;

use std::time::Duration;

use switchback_fixtures::{Family, Server, Side};
use switchback_replicate::{Retained, Settings, Status};
use tokio_util::sync::CancellationToken;

use crate::harness::end::End;
use crate::harness::judge::{assert_same, watch};
use crate::harness::shop::{self, Part, Shop};
use crate::harness::stage::{Running, stream};

/// A server for each side, as an operator would run it.
async fn servers(family: Family) -> (Server, Server) {
    let start = |side| Server::builder(family.kind(side)).durable(true).start();
    let (origin, sink) = tokio::join!(start(Side::Source), start(Side::Target));
    (origin.unwrap_or_else(|e| panic!("{e:?}")), sink.unwrap_or_else(|e| panic!("{e:?}")))
}

async fn ends(origin: &Server, sink: &Server, name: &str) -> (End, End) {
    let schema = shop::schema();
    (End::on(origin, name, &schema).await, End::on(sink, name, &schema).await)
}

/// The server frees locks soon, and who is silent is soon taken for lost.
fn settings() -> Settings {
    Settings {
        group_transactions: 50,
        lock_timeout: Duration::from_secs(2),
        idle_timeout: Duration::from_secs(1),
        answer_timeout: Duration::from_secs(4),
        // Always one under way, whatever happens to the origin.
        retained: Retained { look_interval: Duration::from_millis(50), ..Retained::default() },
        ..Settings::default()
    }
}

/// Opens the shop, lets `faults` happen, and compares the ends.
async fn under_load<T>(origin: &End, sink: &End, seed: u64, faults: impl Future<Output = T>) -> T {
    let shop = Shop::open(origin, seed, 2, Duration::from_millis(4), Part::All);
    let looking = CancellationToken::new();
    let work = async {
        let happened = faults.await;
        let sold = shop.close().await;
        // Whatever became of those that ran until now.
        let last = Running::start(stream(origin, sink, "forward", settings()).await);
        shop::close(origin, sink).await;
        looking.cancel();
        last.stop().await;
        (happened, sold)
    };
    let ((happened, sold), looks) = tokio::join!(work, watch(sink, looking.clone()));
    eprintln!("{sold} transactions, {looks} looks");
    assert!(sold > 0 && looks > 0);
    assert_same(origin, sink).await;
    happened
}

/// That the stream has noticed that an end was lost since `before`, and goes on.
async fn goes_on(running: &mut Running, what: &str, before: &Status) {
    let noticed = running.until(what, |now| now.reconnects > before.reconnects).await;
    running.until(what, |now| now.transactions > noticed.transactions + 10).await;
}
