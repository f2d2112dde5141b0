//! How streams end: barriers, and closing.

use std::time::Duration;

use switchback_replicate::{Error, Status};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::harness::child::settings;
use crate::harness::end::{ALL, End, On, ask};
use crate::harness::judge::assert_same;
use crate::harness::shop::{Part, Shop};
use crate::harness::stage::{Running, shops, stream};

const COUNT: &str = "SELECT COUNT(*) FROM ledger";

async fn count(end: &End, query: &str) -> i64 {
    let answer = ask(end.writer().await.as_mut(), query).await;
    answer.unwrap_or_else(|e| panic!("{e:?}")).and_then(|count| count.parse().ok()).expect("a number")
}

/// What was committed before a barrier is in the sink when it has come through, also
/// while others go on; and a stream that was closed is closed to whoever has it.
async fn ends_in_order(from: On, to: On) {
    eprintln!("{from:?} to {to:?}");
    let (origin, sink) = shops(from, to).await;
    let one = stream(&origin, &sink, "forward", settings()).await;
    one.arm().await.unwrap_or_else(|e| panic!("{e:?}"));
    let mut running = Running::start(one);
    let ours = stream(&origin, &sink, "forward", settings()).await;
    let shop = Shop::open(&origin, 7, 2, Duration::from_millis(1), Part::All);
    for _ in 0..5 {
        let before = count(&origin, COUNT).await;
        let token = ours.barrier().await.unwrap_or_else(|e| panic!("{e:?}"));
        running.until("the barrier came", |now| now.barrier == Some(token)).await;
        let after = count(&sink, COUNT).await;
        assert!(after >= before, "{before} rows were there, and {after} came");
    }
    shop.close().await;
    let token = ours.barrier().await.unwrap_or_else(|e| panic!("{e:?}"));
    running.until("the last barrier came", |now| now.barrier == Some(token)).await;
    assert_same(&origin, &sink).await;

    // Closed while it runs: it ends with the next thing that it has to write.
    let closed = ours.close().await.unwrap_or_else(|e| panic!("{e:?}"));
    assert!(closed.closed);
    origin.execute("INSERT INTO ledger VALUES (-1, 1, 0, 'too late')").await;
    let ended = running.ended().await.expect_err("it ended well");
    assert!(matches!(&ended, Error::Fenced { .. } | Error::Closed { .. }), "{ended:?}");
    let (status, _) = watch::channel(Status::default());
    let again = ours.run(&CancellationToken::new(), &status).await.expect_err("it is closed");
    assert!(matches!(&again, Error::Closed { .. }), "{again:?}");
    assert_eq!(ours.close().await.unwrap(), closed);
    assert_eq!(count(&sink, "SELECT COUNT(*) FROM ledger WHERE tx = -1").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_drains_and_is_closed() {
    for on in ALL {
        ends_in_order(on, on).await;
    }
}
