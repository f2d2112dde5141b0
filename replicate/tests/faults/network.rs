//! Connections are cut anywhere, also between a commit and its answer, or fall
//! silent.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use switchback_fixtures::{Cut, Family, Proxy, Server, Then, Toward};

use super::{ends, goes_on, servers, settings, under_load};
use crate::harness::stage::{Running, stream};

/// So often is each end cut off.
const CUTS: u64 = 15;

/// About as much as it takes to log in: most connections should get further.
const LOGIN: u64 = 4_000;

/// A place to cut a connection to the sink. Its first `COMMIT` is the one by
/// which the stream is claimed.
fn at_the_sink(random: &mut StdRng) -> Cut {
    let then = match random.random_range(0..12) {
        0 => return Cut::Bytes { toward: Toward::Server, after: random.random_range(0..LOGIN) },
        1..=3 => return Cut::Bytes { toward: Toward::Server, after: random.random_range(LOGIN..60_000) },
        4 => return Cut::Bytes { toward: Toward::Client, after: random.random_range(LOGIN..12_000) },
        5 => Then::Unsent,
        6..=7 => Then::Unanswered,
        8 => Then::Late(Duration::from_millis(random.random_range(100..700))),
        _ => Then::Overtaken(Duration::from_secs(2)),
    };
    Cut::Text { nth: random.random_range(1..5), then }
}

fn at_the_origin(random: &mut StdRng) -> Cut {
    match random.random_range(0..10) {
        0 => Cut::Bytes { toward: Toward::Client, after: random.random_range(0..LOGIN) },
        1..=6 => Cut::Bytes { toward: Toward::Client, after: random.random_range(3 * LOGIN..200_000) },
        _ => Cut::Bytes { toward: Toward::Server, after: random.random_range(LOGIN..10_000) },
    }
}

async fn proxy(server: &Server) -> Proxy {
    Proxy::start(server.port(), "COMMIT").await.unwrap()
}

async fn the_network_fails(family: Family, seed: u64) {
    let (origin_server, sink_server) = servers(family).await;
    let (origin, sink) = ends(&origin_server, &sink_server, "shop").await;
    let (to_origin, to_sink) = (proxy(&origin_server).await, proxy(&sink_server).await);
    let by = (origin.by(&to_origin).await, sink.by(&to_sink).await);
    let stream = stream(&by.0, &by.1, "forward", settings()).await;
    stream.arm().await.unwrap_or_else(|e| panic!("{e:?}"));
    let faults = async {
        let mut running = Running::start(stream);
        running.until("it begins", |now| now.transactions > 10).await;

        let (mut random, mut other) = (StdRng::seed_from_u64(seed), StdRng::seed_from_u64(seed + 1));
        to_sink.plan(move || Some(at_the_sink(&mut random)));
        to_origin.plan(move || Some(at_the_origin(&mut other)));
        to_sink.hang_up();
        to_origin.hang_up();
        running.until("both ends were cut often enough", |_| to_sink.cuts() >= CUTS && to_origin.cuts() >= CUTS).await;
        to_sink.plan(|| None);
        to_origin.plan(|| None);
        to_sink.hang_up();
        to_origin.hang_up();
        let before = running.now();
        running.until("the network is in order again", |now| now.transactions > before.transactions + 10).await;
        eprintln!("{} and {} cuts: {:?}", to_sink.cuts(), to_origin.cuts(), running.now());

        for (proxy, name) in [(&to_sink, "sink"), (&to_origin, "origin")] {
            let before = running.now();
            proxy.swallow(true);
            running.until(&format!("the {name} is silent"), |now| now.reconnects > before.reconnects).await;
            proxy.swallow(false);
            goes_on(&mut running, &format!("the {name} is heard again"), &before).await;
        }
        eprintln!("{:?}", running.stop().await);
    };
    under_load(&origin, &sink, 2, faults).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres() {
    the_network_fails(Family::Postgres, 7).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql() {
    the_network_fails(Family::MySql, 17).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb() {
    the_network_fails(Family::MariaDb, 27).await;
}
