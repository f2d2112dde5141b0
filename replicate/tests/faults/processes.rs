//! A process that was stopped wakes up after another has taken over, and two run
//! at once.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use switchback_engines::Engine;
use switchback_fixtures::Family;

use super::{ends, servers, under_load};
use crate::harness::child::{Child, settings};
use crate::harness::end::{End, On, ask};
use crate::harness::stage::{PATIENCE, Running, shops, stream};

/// Where a process is stopped: with a transaction open, with one that is
/// committed and not acknowledged, and before it begins one.
const PLACES: [&str; 4] =
    ["before-commit:3:stop", "before-transaction:3:stop", "after-commit:3:stop", "after-receive:3:stop"];

/// In a file there is no server that would free the lock of an open transaction:
/// a process that is stopped with one stops everybody else until it is ended.
const PLACES_IN_A_FILE: [&str; 3] = ["before-transaction:3:stop", "after-commit:3:stop", "after-receive:3:stop"];

/// Stops a process at each place, has another one take over, and lets it go on.
async fn zombies(origin: &End, sink: &End, places: &[&str]) {
    for place in places {
        let zombie = stopped(origin, sink, place).await;
        let mut running = Running::start(stream(origin, sink, "forward", settings()).await);
        running.until(&format!("another one takes over from {place}"), |now| now.transactions > 20).await;
        zombie.signal(Signal::CONT);
        zombie.assert_fenced().await;
        let then = running.now();
        running.until("it goes on", |now| now.transactions > then.transactions + 10).await;
        running.stop().await;
    }
}

/// A process that was stopped at a place, and in a file, where that may hit
/// another thread of it in a transaction, holds no lock.
async fn stopped(origin: &End, sink: &End, place: &str) -> Child {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let child = Child::start(origin, sink, "forward", Some(place));
        assert!(child.stopped_within(PATIENCE).await, "{place} is never reached");
        let in_files = sink.engine() == Engine::Sqlite;
        if !in_files || (is_free(origin).await && is_free(sink).await) {
            return child;
        }
        assert!(Instant::now() < deadline, "it always holds a lock at {place}");
        child.killed_within(Duration::ZERO).await;
    }
}

/// Whether nobody holds any lock: a reader that is stopped keeps others from
/// committing. Nor can a file be opened while somebody repairs it.
async fn is_free(file: &End) -> bool {
    use sqlx::{Connection as _, Executor as _};
    let path = file.url.strip_prefix("sqlite:").expect("a file");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).busy_timeout(Duration::from_secs(1));
    let Ok(mut connection) = sqlx::SqliteConnection::connect_with(&options).await else { return false };
    let free = connection.execute("BEGIN EXCLUSIVE; ROLLBACK").await.is_ok();
    connection.close().await.is_ok() && free
}

/// Longer than it takes for an origin to be told what is believed to be safe.
const TOLD: Duration = Duration::from_millis(1_500);

/// InnoDB shows a copy of its transactions, which it makes anew only when nobody
/// has looked at the old one for a tenth of a second
/// (MySQL 8.4 manual, 17.15.2.3).
const LOOK_AGAIN: Duration = Duration::from_millis(150);

/// Kills a process while its server waits for a lock in the middle of its
/// transaction, and lets the server go on when another one has taken over.
async fn orphans(origin: &End, sink: &End, family: Family) {
    for _ in 0..2 {
        let mut child = Child::start(origin, sink, "forward", None);
        child.applied().await;
        let mut holder = sink.writer().await;
        holder.run(&["BEGIN".to_owned(), "UPDATE accounts SET note = note".to_owned()]).await.unwrap();
        waiting(sink, family, 1).await;
        tokio::time::sleep(TOLD).await;
        child.killed_within(Duration::ZERO).await;
        let mut running = Running::start(stream(origin, sink, "forward", settings()).await);
        waiting(sink, family, 2).await;
        holder.run(&["ROLLBACK".to_owned()]).await.unwrap();
        running.until("it goes on behind what the dead one left", |now| now.transactions > 20).await;
        running.stop().await;
    }
}

/// Waits until so many sessions of the sink wait for a lock.
async fn waiting(sink: &End, family: Family, count: u64) {
    let query = match family {
        Family::Postgres => "SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
        Family::MySql | Family::MariaDb => {
            "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"
        }
    };
    let mut writer = sink.writer().await;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = ask(writer.as_mut(), query).await.unwrap().unwrap();
        if found.parse::<u64>().unwrap() >= count {
            return;
        }
        assert!(Instant::now() < deadline, "{found} sessions wait for a lock");
        tokio::time::sleep(LOOK_AGAIN).await;
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
        orphans(&origin, &sink, family).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn mysql() {
    on_servers(Family::MySql, 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb() {
    on_servers(Family::MariaDb, 6).await;
}
