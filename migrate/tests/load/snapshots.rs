//! A snapshot holds what committed up to its position and nothing else, while
//! somebody commits as fast as can be.

use std::sync::Arc;

use switchback_engines::{
    CaptureFault, Change, Endpoint, Error, Event, Form, ReadRequest, Scope, SnapshotRequest, StreamName, Taken, Value,
};
use switchback_fixtures::Side;
use switchback_replicate::{Stream, TableMap};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::harness::end::{End, On, open};
use crate::stock::of_all;

const READERS: usize = 3;

/// Each transaction adds the next number, so a state is known by how many there are.
const TABLE: &str = "CREATE TABLE counted (n BIGINT NOT NULL PRIMARY KEY);";

/// The numbers that one reader sees: how many, and the largest.
async fn seen(stream: &Stream, taken: &Taken, map: &TableMap) -> (i64, i64) {
    let decoder = stream.origin().decoder(map.origin(), &[0]).unwrap();
    let (sender, mut batches) = mpsc::channel(1);
    let request = ReadRequest { table: map.origin(), columns: &[0], scope: Scope::All, filter: None };
    let receiving = async {
        let (mut count, mut max) = (0, 0);
        while let Some(batch) = batches.recv().await {
            let take = &mut |values: &[Value<'_>]| {
                let [Value::Int(n)] = values else { panic!("{values:?}") };
                (count, max) = (count + 1, max.max(*n));
            };
            decoder.decode(&batch, take).unwrap();
        }
        (count, max)
    };
    let (read, seen) = tokio::join!(taken.snapshot.read(request, Form::Decoded, sender), receiving);
    read.unwrap_or_else(|e| panic!("{e:?}"));
    seen
}

/// The first number that the log has behind the snapshot.
async fn next(stream: &Stream, taken: &Taken, incarnation: &str) -> i64 {
    let request = stream.capture_request().await.unwrap();
    let position = taken.position.as_ref().expect("it was asked for");
    let mut capture = stream.origin().capture(&request, position, incarnation).await.unwrap();
    loop {
        for event in capture.next().await.unwrap() {
            if let Event::Change(Change::Insert { table: 0, new }) = event {
                let [Some(Value::Int(n))] = new.as_slice() else { panic!("{new:?}") };
                return *n;
            }
        }
    }
}

/// An account that may follow the log, and keep nobody out.
async fn without_reload(origin: &End) -> Arc<dyn Endpoint> {
    let name = origin.endpoint.info().location.rsplit('/').next().unwrap().to_owned();
    let user = format!("u{}", &name[name.len() - 12..]);
    origin
        .execute(&format!(
            "CREATE USER '{user}'@'%' IDENTIFIED BY 'pw-1-Weak'; GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, TRIGGER \
             ON `{name}`.* TO '{user}'@'%'; GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO '{user}'@'%'"
        ))
        .await;
    let (_, place) = origin.url.split_once('@').unwrap();
    open(&format!("mysql://{user}:pw-1-Weak@{place}")).await
}

async fn are_exact(on: On, rounds: usize) {
    are_exact_for(on, rounds, false).await;
}

async fn are_exact_for(on: On, rounds: usize, is_limited: bool) {
    let script = if on == On::Sqlite { format!("PRAGMA journal_mode = WAL; {TABLE}") } else { TABLE.to_owned() };
    let origin = End::new(on, Side::Source, &script).await;
    let sink = End::new(On::Sqlite, Side::Target, TABLE).await;
    let source = if is_limited { without_reload(&origin).await } else { Arc::clone(&origin.endpoint) };
    if is_limited {
        // An event that is larger than max_allowed_packet, which MariaDB can't read itself
        // when it is asked about a place behind it.
        let wide = "CREATE TABLE wide (id INT PRIMARY KEY, a LONGTEXT, b LONGTEXT); \
                    INSERT INTO wide VALUES (1, REPEAT('a', 9000000), REPEAT('b', 9000000)); DROP TABLE wide";
        origin.execute(wide).await;
    }
    let readers = if is_limited { 1 } else { READERS };
    let stream = Arc::new(of_all(Arc::clone(&source), Arc::clone(&sink.endpoint)).await);
    stream.prepare().await.unwrap();
    let armed = stream.arm_origin().await.unwrap();
    let (home, session) = (CancellationToken::new(), origin.session());
    let until = home.clone();
    let counting = tokio::spawn(async move {
        let mut writer = session.open().await;
        let mut n = 0;
        while !until.is_cancelled() {
            n += 1;
            writer.run(&[format!("INSERT INTO counted VALUES ({n})")]).await.unwrap_or_else(|e| panic!("{e:?}"));
        }
        n
    });
    let [map] = stream.table_maps().try_into().unwrap();
    for round in 0..rounds {
        let request = SnapshotRequest { stream: Some(stream.spec().name.clone()), readers: READERS };
        let taken = source.snapshot(&request).await.unwrap_or_else(|e| panic!("{e:?}"));
        assert_eq!(taken.snapshot.readers(), readers);
        let (a, b, c) =
            tokio::join!(seen(&stream, &taken, &map), seen(&stream, &taken, &map), seen(&stream, &taken, &map));
        assert_eq!((a, b), (b, c), "round {round}: the readers see different states");
        let (count, max) = a;
        assert_eq!(count, max, "round {round}: numbers are missing");
        assert_eq!(next(&stream, &taken, &armed.incarnation).await, max + 1, "round {round}");
    }
    home.cancel();
    let counted = counting.await.unwrap();
    assert!(counted > i64::try_from(rounds).unwrap(), "{counted}");
    eprintln!("{on:?}: {rounds} snapshots of {counted} numbers");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_postgres_are_exact() {
    are_exact(On::Postgres, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_mysql_are_exact() {
    are_exact(On::MySql, 15).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_mariadb_are_exact() {
    are_exact(On::MariaDb, 15).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sqlite_are_exact() {
    are_exact(On::Sqlite, 15).await;
}

/// MariaDB says where a session's own snapshot is.
#[tokio::test(flavor = "multi_thread")]
async fn of_mariadb_are_exact_where_nobody_may_be_kept_out() {
    are_exact_for(On::MariaDb, 15, true).await;
}

/// MySQL does not, so it is refused, by the name of what is missing.
#[tokio::test(flavor = "multi_thread")]
async fn of_mysql_take_reload() {
    let origin = End::new(On::MySql, Side::Source, TABLE).await;
    let limited = without_reload(&origin).await;
    let stream = StreamName::new("forward").unwrap();
    let request = SnapshotRequest { stream: Some(stream), readers: READERS };
    let error = limited.snapshot(&request).await.err().expect("it may not");
    let is_denied = matches!(&error, Error::Capture { fault: CaptureFault::Denied, .. });
    assert!(is_denied && error.to_string().contains("RELOAD"), "{error:?}");
    // A state that nothing follows needs no place in the log.
    let taken =
        limited.snapshot(&SnapshotRequest { stream: None, ..request }).await.unwrap_or_else(|e| panic!("{e:?}"));
    assert_eq!((taken.snapshot.readers(), taken.position), (1, None));
}
