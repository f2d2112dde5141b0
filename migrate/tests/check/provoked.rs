//! Failures that take a server, or a file, of their own.

use std::io::{Seek as _, SeekFrom, Write as _};
use std::sync::Arc;

use switchback_engines::{ConnectOptions, DatabaseUrl, Endpoint, Engine, StreamName, connect_endpoint, own, sql};
use switchback_fixtures::{Family, Kind, Server, ServerBuilder, Side};
use switchback_migrate::check::{CheckOptions, Checked, Direction, End, Grade, Item, Report, check};

use super::{FAMILIES, report, tables};
use crate::structure::place::Place;

async fn open(url: &str) -> Arc<dyn Endpoint> {
    connect_endpoint(&DatabaseUrl::parse(url).unwrap(), &ConnectOptions::default()).await.unwrap()
}

async fn started(builder: ServerBuilder, script: &str) -> (Server, Arc<dyn Endpoint>) {
    let server = builder.start().await.unwrap_or_else(|e| panic!("{e:?}"));
    server.create_database("d").await.unwrap();
    server.execute("d", script).await.unwrap_or_else(|e| panic!("{e:?}"));
    let endpoint = open(&server.url("d")).await;
    (server, endpoint)
}

/// An item of one end in one direction, whose name is there once.
fn item<'r>(report: &'r Report, name: &str, end: End, direction: Direction) -> &'r Item {
    let mut found = report.items.iter().filter(|i| (i.item, i.end, i.direction) == (name, end, direction));
    let item = found.next().unwrap_or_else(|| panic!("no {name}: {report:#?}"));
    assert!(found.next().is_none(), "{name}: {report:#?}");
    item
}

fn forward<'r>(report: &'r Report, name: &str) -> &'r Item {
    item(report, name, End::Source, Direction::Forward)
}

#[tokio::test]
async fn foreign_partitions_and_prepared_transactions_are_named() {
    let builder = Server::builder(Kind::Postgres15).argument("-c").argument("max_prepared_transactions=5");
    let (server, endpoint) = started(
        builder,
        "CREATE EXTENSION postgres_fdw; CREATE SERVER other FOREIGN DATA WRAPPER postgres_fdw;
         CREATE TABLE public.parts (id int NOT NULL, v text) PARTITION BY RANGE (id);
         CREATE TABLE public.near PARTITION OF public.parts FOR VALUES FROM (0) TO (10);
         CREATE FOREIGN TABLE public.far PARTITION OF public.parts FOR VALUES FROM (10) TO (20) SERVER other;
         CREATE TABLE public.plain (id int PRIMARY KEY)",
    )
    .await;
    let found = report(&endpoint, &endpoint, CheckOptions::default()).await;
    let far = forward(&found, "foreign_partitions");
    assert_eq!((far.grade, far.found.as_str()), (Grade::Fail, "public.far"));
    assert_eq!(forward(&found, "prepared_transactions").grade, Grade::Pass);
    server.execute("d", "BEGIN; INSERT INTO public.plain VALUES (1); PREPARE TRANSACTION 'x'").await.unwrap();
    let found = report(&endpoint, &endpoint, CheckOptions::default()).await;
    let prepared = forward(&found, "prepared_transactions");
    assert_eq!((prepared.grade, prepared.found.as_str()), (Grade::Fail, "1 prepared transactions"));
    server.execute("d", "ROLLBACK PREPARED 'x'").await.unwrap();
}

#[tokio::test]
async fn a_mysql_server_that_sends_its_log_to_nobody_is_named() {
    let table = "CREATE TABLE t (id INT PRIMARY KEY)";
    let (server, endpoint) = started(Server::builder(Kind::MySql), table).await;
    let found = report(&endpoint, &endpoint, CheckOptions::default()).await;
    assert_eq!(forward(&found, "server_id").grade, Grade::Pass);
    server.execute("d", "SET GLOBAL server_id = 0").await.unwrap();
    let found = report(&endpoint, &endpoint, CheckOptions::default()).await;
    let id = forward(&found, "server_id");
    assert_eq!((id.grade, id.found.as_str()), (Grade::Fail, "server_id is 0"));
}

#[tokio::test]
async fn what_is_kept_out_of_the_log_is_named() {
    let table = "CREATE TABLE t (id INT PRIMARY KEY)";
    for kind in [Kind::MySql, Kind::MariaDb] {
        for (filter, is_out) in
            [("--binlog-ignore-db=d", true), ("--binlog-do-db=d", false), ("--binlog-do-db=other", true)]
        {
            let off = if kind == Kind::MySql { "--skip-log-replica-updates" } else { "--skip-log-slave-updates" };
            let builder = Server::builder(kind).argument(filter).argument(off);
            let (server, endpoint) = started(builder, table).await;
            let found = report(&endpoint, &endpoint, CheckOptions::default()).await;
            let filters = forward(&found, "binlog_filters");
            let expected = if is_out { (Grade::Fail, "d") } else { (Grade::Pass, "none") };
            assert_eq!((filters.grade, filters.found.as_str()), expected, "{kind:?} {filter}");
            if is_out {
                continue;
            }
            // It is a replica as soon as it knows of a source.
            assert_eq!(forward(&found, "log_replica_updates").grade, Grade::Pass, "{kind:?}");
            let source = match kind {
                Kind::MySql => "CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = 1",
                _ => "CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = 1",
            };
            server.execute("d", source).await.unwrap_or_else(|e| panic!("{e:?}"));
            let found = report(&endpoint, &endpoint, CheckOptions::default()).await;
            assert_eq!(forward(&found, "log_replica_updates").grade, Grade::Fail, "{kind:?}: {found:#?}");
        }
    }
}

/// Pages in the middle of the file are overwritten.
#[tokio::test]
async fn a_damaged_file_is_named() {
    let place = Place::new(None, Side::Source, "damaged").await;
    let rows = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
        INSERT INTO t SELECT i, hex(randomblob(40)) FROM n";
    place.execute(rows).await;
    let Place::File { path, .. } = &place else { panic!("a file") };
    let endpoint = place.connect().await;
    let found = report(&endpoint, &endpoint, CheckOptions::default()).await;
    assert_eq!(forward(&found, "integrity").grade, Grade::Pass, "{found:#?}");
    // Who looks at a table of a damaged file may learn of it there.
    let described = tables(&endpoint).await;
    drop(endpoint);
    let mut file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(20 * 4096)).unwrap();
    file.write_all(&[0xA5; 3 * 4096]).unwrap();
    drop(file);
    let endpoint = place.connect().await;
    let both = Checked { endpoint: endpoint.as_ref(), tables: &described, streams: &[] };
    let found = check(both, both, CheckOptions::default()).await.unwrap_or_else(|e| panic!("{e:?}"));
    assert_eq!(forward(&found, "integrity").grade, Grade::Fail, "{found:#?}");
}

/// Whether somebody else's move writes to the same tables, of all that are known there.
#[tokio::test]
async fn other_moves_into_the_same_tables_are_named() {
    for family in FAMILIES {
        let source = Place::new(family, Side::Source, "others").await;
        let target = Place::new(family, Side::Target, "others").await;
        let table = "CREATE TABLE orders (id INT NOT NULL PRIMARY KEY)";
        for place in [&source, &target] {
            // PostgreSQL's account has the name of our own schema.
            let script = if family == Some(Family::Postgres) {
                table.replace("orders", "public.orders")
            } else {
                table.to_owned()
            };
            place.execute(&script).await;
        }
        let (from, to) = (source.connect().await, target.connect().await);
        let engine = to.info().engine;
        let name = |table: &str| sql::table(engine, &own::table(engine, None, table));
        let looked = async |streams: &[StreamName]| {
            let (here, there) = (tables(&from).await, tables(&to).await);
            let source = Checked { endpoint: from.as_ref(), tables: &here, streams };
            let target = Checked { endpoint: to.as_ref(), tables: &there, streams };
            let found = check(source, target, CheckOptions::default()).await.unwrap_or_else(|e| panic!("{e:?}"));
            let found = item(&found, "other_tasks", End::Target, Direction::Forward);
            (found.grade, found.found.clone())
        };
        assert_eq!(looked(&[]).await, (Grade::Pass, "none".to_owned()), "{family:?}");
        let schema = if engine == Engine::Postgres { "CREATE SCHEMA switchback;" } else { "" };
        let (loads, ranges, progress) = (name("loads"), name("load_ranges"), name("progress"));
        let script = format!(
            "{schema} CREATE TABLE {loads} (stream VARCHAR(64), state VARCHAR(64));
             CREATE TABLE {ranges} (stream VARCHAR(64), table_name VARCHAR(64));
             CREATE TABLE {progress} (stream VARCHAR(64), closed BIGINT);
             INSERT INTO {loads} VALUES ('mine', 'loading'), ('done', 'loaded');
             INSERT INTO {ranges} VALUES ('mine', 'shop.orders'), ('done', 'shop.orders');
             INSERT INTO {progress} VALUES ('done', 0), ('done/3', 0), ('old', 1);"
        );
        target.execute(&script).await;
        let same = looked(&[]).await;
        assert_eq!(same.0, Grade::Fail, "{family:?}: {same:?}");
        assert_eq!(same.1, "the load `mine` of `orders`, the stream `done`", "{family:?}");
        let names = ["mine", "done"].map(|name| StreamName::new(name).unwrap());
        assert_eq!(looked(&names[..1]).await, (Grade::Warn, "the stream `done`".to_owned()), "{family:?}");
        assert_eq!(looked(&names).await, (Grade::Pass, "none".to_owned()), "{family:?}");
    }
}

#[tokio::test]
async fn disks_and_clocks_are_looked_at() {
    for family in FAMILIES {
        let place = Place::new(family, Side::Target, "room").await;
        let endpoint = place.connect().await;
        let found = report(&endpoint, &endpoint, CheckOptions::default()).await;
        let room = item(&found, "free_space", End::Target, Direction::Forward);
        let expected = if family.is_none() { Grade::Pass } else { Grade::Warn };
        assert_eq!(room.grade, expected, "{family:?}: {room:?}");
        let clocks = item(&found, "clocks", End::Target, Direction::Forward);
        assert_eq!(clocks.grade, Grade::Pass, "{family:?}: {clocks:?}");
    }
}
