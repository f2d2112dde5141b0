//! A snapshot holds what committed up to its position and nothing else, while
//! somebody commits as fast as can be.

use std::sync::Arc;

use switchback_engines::{Change, Event, Form, ReadRequest, Scope, SnapshotRequest, Taken, Value};
use switchback_fixtures::Side;
use switchback_replicate::{Stream, TableMap};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::harness::end::{End, On};
use crate::stock::stream;

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

async fn are_exact(on: On, rounds: usize) {
    let script = if on == On::Sqlite { format!("PRAGMA journal_mode = WAL; {TABLE}") } else { TABLE.to_owned() };
    let origin = End::new(on, Side::Source, &script).await;
    let sink = End::new(On::Sqlite, Side::Target, TABLE).await;
    let stream = Arc::new(stream(&origin, &sink).await);
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
        let taken = origin.endpoint.snapshot(&request).await.unwrap_or_else(|e| panic!("{e:?}"));
        assert_eq!(taken.snapshot.readers(), READERS);
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
