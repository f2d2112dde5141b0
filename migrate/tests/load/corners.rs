//! What a load does when something happens to its tables, its log or its rights.

use std::time::Duration;

use rustix::process::Signal;
use switchback_migrate::load::{Error, Phase, Progress, Settings};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::child;
use crate::harness::end::{End, On};
use crate::harness::judge::same_tables;
use crate::harness::shop;
use crate::harness::stage::{PATIENCE, Running};
use crate::stock::{Clerk, load, settings, stocked, stream};

const SLOWLY: u64 = 60_000;

async fn run(origin: &End, sink: &End, settings: Settings) -> Result<Progress, Error> {
    let (progress, seen) = watch::channel(Progress::default());
    load(origin, sink, settings).await.run(&CancellationToken::new(), &progress).await?;
    let seen = seen.borrow().clone();
    assert_eq!(seen.phase, Phase::Done);
    Ok(seen)
}

async fn follow_to_the_end(origin: &End, sink: &End) {
    let running = Running::start(stream(origin, sink).await);
    shop::close(origin, sink).await;
    running.stop().await;
    assert_eq!(same_tables(origin, sink).await, 7);
}

/// Between two snapshots a table is emptied, and filled anew with other rows of the
/// same keys; a table without a key changes.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_was_emptied_meanwhile_is_loaded_again() {
    for on in [On::Postgres, On::MySql, On::MariaDb, On::Sqlite] {
        let (origin, sink) = stocked(on, on).await;
        let killed = child::start(&origin, &sink, SLOWLY, Some("after-commit:12")).killed_within(PATIENCE).await;
        assert!(killed, "{on:?}");
        let empty = if on == On::Sqlite { "DELETE FROM" } else { "TRUNCATE TABLE" };
        origin
            .execute(&format!(
                "{empty} parts; INSERT INTO parts VALUES (3, 'again', 1.00, 1), (4, 'new', 2.00, 2); \
                 INSERT INTO quiet VALUES (1, 'not so quiet')"
            ))
            .await;
        let seen = run(&origin, &sink, child::settings()).await.unwrap_or_else(|e| panic!("{on:?}: {e:?}"));
        assert!(seen.snapshots == 1, "{seen:?}");
        follow_to_the_end(&origin, &sink).await;
    }
}

/// A file's log is delivered by what two looks see, so the first of what is behind a
/// lost snapshot may come as one with what is behind the new one.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_file_delivers_at_once_is_taken_apart() {
    for to in [On::Sqlite, On::Postgres] {
        let (origin, sink) = stocked(On::Sqlite, to).await;
        let killed = child::start(&origin, &sink, SLOWLY, Some("after-commit:12")).killed_within(PATIENCE).await;
        assert!(killed, "{to:?}");
        origin.execute("INSERT INTO parts VALUES (4, 'new', 1.00, 1); UPDATE parts SET n = 1 WHERE id = 3").await;
        let child = child::start(&origin, &sink, 1 << 30, Some("after-snapshot:1:stop"));
        assert!(child.stopped_within(PATIENCE).await, "{to:?}");
        origin.execute("UPDATE parts SET n = 2 WHERE id IN (3, 4, 6)").await;
        child.signal(Signal::CONT);
        shop::close(&origin, &sink).await;
        assert!(!child.killed_within(Duration::ZERO).await, "{to:?}");
        assert_eq!(same_tables(&origin, &sink).await, 7);
    }
}

/// Without a stream there is no log: what was cut off is begun again.
#[tokio::test(flavor = "multi_thread")]
async fn a_load_without_a_stream_is_begun_again() {
    let (origin, sink) = stocked(On::Postgres, On::MariaDb).await;
    let once = Settings { follow: false, bytes_per_second: Some(SLOWLY), ..settings() };
    let clerk = Clerk::start(&origin, 5, Duration::from_millis(5));
    let (progress, mut seen) = watch::channel(Progress::default());
    let (stop, slow) = (CancellationToken::new(), load(&origin, &sink, once.clone()).await);
    let (ended, ()) = tokio::join!(slow.run(&stop, &progress), async {
        seen.wait_for(|progress| progress.ranges_loaded > 3).await.unwrap();
        stop.cancel();
    });
    assert!(matches!(ended, Err(Error::Stopped)), "{ended:?}");
    clerk.stop().await;
    run(&origin, &sink, Settings { bytes_per_second: None, ..once.clone() }).await.unwrap_or_else(|e| panic!("{e:?}"));
    assert_eq!(same_tables(&origin, &sink).await, 7);
    // Done is done.
    let again = run(&origin, &sink, once.clone()).await.unwrap_or_else(|e| panic!("{e:?}"));
    assert_eq!(again.snapshots, 0);
    // And forgotten, it would begin in tables that are not empty.
    load(&origin, &sink, once.clone()).await.forget().await.unwrap_or_else(|e| panic!("{e:?}"));
    let refused = run(&origin, &sink, once).await.expect_err("there are rows");
    assert!(matches!(refused, Error::NotEmpty { .. }), "{refused:?}");
}

/// A pace is kept, and told.
#[tokio::test(flavor = "multi_thread")]
async fn it_goes_no_faster_than_it_is_told_to() {
    let (origin, sink) = stocked(On::Postgres, On::Postgres).await;
    let begun = std::time::Instant::now();
    let pace = Settings { follow: false, bytes_per_second: Some(150_000), ..settings() };
    let seen = run(&origin, &sink, pace).await.unwrap_or_else(|e| panic!("{e:?}"));
    // Each worker's last piece is let through at once.
    let least = Duration::from_secs_f64((seen.bytes as f64 - 3.0 * 40_000.0) / 150_000.0);
    assert!(begun.elapsed() > least, "{:?} for {} bytes", begun.elapsed(), seen.bytes);
}
