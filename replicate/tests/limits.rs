//! How far a stream is behind, and how much of its log an origin keeps for it.

use std::time::Duration;

use switchback_engines::Class;
use switchback_fixtures::Side;
use switchback_replicate::{Beyond, Error, Retained, Settings};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::harness::end::{ALL, End, On};
use crate::harness::judge::wait_for_same;
use crate::harness::stage::{PATIENCE, Running, stream_of_all as stream};

const SCHEMA: &str = "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v VARCHAR(2000));";
const COUNT: &str = "SELECT COUNT(*) FROM t";
const LOOK: Duration = Duration::from_millis(50);

async fn ends(from: On, to: On) -> (End, End) {
    eprintln!("{from:?} to {to:?}");
    (End::new(from, Side::Source, SCHEMA).await, End::new(to, Side::Target, SCHEMA).await)
}

fn settings(bytes_max: u64, beyond: Beyond) -> Settings {
    let retained = Retained { bytes_max: Some(bytes_max), beyond, look_interval: LOOK };
    Settings { retained, ..Settings::default() }
}

/// With a sink that is locked: the stream waits, and says how far it is behind.
async fn says_how_far_it_is_behind(from: On) {
    let (origin, sink) = ends(from, On::Postgres).await;
    let one = stream(&origin, &sink, settings(1_000, Beyond::Tell)).await;
    one.arm().await.unwrap_or_else(|e| panic!("{e:?}"));
    let mut running = Running::start(one);
    origin.execute("INSERT INTO t VALUES (0, 'x')").await;
    wait_for_same(&origin, &sink, COUNT, PATIENCE).await;

    let mut holder = sink.writer().await;
    holder.run(&["BEGIN".to_owned(), "LOCK TABLE t".to_owned()]).await.unwrap();
    for id in 1..=20 {
        origin.execute(&format!("INSERT INTO t VALUES ({id}, '{}')", "x".repeat(1_000))).await;
    }
    let keeps_its_log = matches!(from, On::Postgres | On::Sqlite);
    // What committed in a file between two looks comes as one.
    let is_file = from == On::Sqlite;
    let behind = running.until("it is behind", |now| {
        let distance = now.distance.filter(|_| now.waiting() == 20 || (is_file && now.waiting() > 0));
        let bytes = distance.and_then(|d| d.log_bytes).is_some_and(|bytes| is_file || bytes > 20_000);
        distance.is_some() && (bytes || !keeps_its_log) && now.over_budget == keeps_its_log
    });
    let behind = behind.await;
    assert_eq!(behind.transactions + behind.waiting(), behind.received, "{behind:?}");
    holder.run(&["ROLLBACK".to_owned()]).await.unwrap();
    wait_for_same(&origin, &sink, COUNT, PATIENCE).await;
    running.until("it has caught up", |now| now.waiting() == 0 && (is_file || now.transactions == 21)).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_says_how_far_it_is_behind() {
    for from in ALL {
        says_how_far_it_is_behind(from).await;
    }
}

/// Beyond the budget the origin's log is let go of, and the stream can't go on.
async fn lets_go(from: On) {
    let (origin, sink) = ends(from, from).await;
    let one = stream(&origin, &sink, settings(0, Beyond::LetGo)).await;
    one.arm().await.unwrap_or_else(|e| panic!("{e:?}"));
    origin.execute("INSERT INTO t VALUES (0, 'x')").await;
    let run = async || {
        let (status, _) = watch::channel(switchback_replicate::Status::default());
        let stop = CancellationToken::new();
        tokio::time::timeout(PATIENCE, one.run(&stop, &status))
            .await
            .expect("it does not end")
            .expect_err("it ended well")
    };
    let error = run().await;
    assert!(matches!(&error, Error::LetGo { budget: 0, retained: 1.., .. }), "{error:?}");
    assert_eq!(error.class(), Class::Operator);
    let error = run().await;
    let not_armed = matches!(
        &error,
        Error::Engine(switchback_engines::Error::Capture { fault: switchback_engines::CaptureFault::NotArmed, .. })
    );
    assert!(not_armed, "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_origin_keeps_no_more_than_its_budget() {
    lets_go(On::Postgres).await;
    lets_go(On::Sqlite).await;
}
