//! What is in the way of a move is found before it begins.

mod provoked;
mod rights;

use std::collections::BTreeSet;
use std::sync::Arc;

use switchback_engines::{ConnectOptions, DatabaseUrl, Endpoint, Table, connect_endpoint};
use switchback_fixtures::{Family, Kind, Server, Side};
use switchback_migrate::check::{CheckOptions, Checked, Direction, End, Grade, Report, check};

use crate::structure::place::Place;

const FAMILIES: [Option<Family>; 4] = [Some(Family::Postgres), Some(Family::MySql), Some(Family::MariaDb), None];

const GOOD: &str = "CREATE TABLE parents (id INT NOT NULL PRIMARY KEY, v VARCHAR(20));
    CREATE TABLE children (id INT NOT NULL PRIMARY KEY, parent INT NOT NULL, FOREIGN KEY (parent) REFERENCES parents (id));";

async fn tables(endpoint: &Arc<dyn Endpoint>) -> Vec<Table> {
    let mut tables = Vec::new();
    for name in endpoint.tables().await.unwrap() {
        tables.extend(endpoint.describe(&name).await.unwrap());
    }
    tables
}

async fn report(source: &Arc<dyn Endpoint>, target: &Arc<dyn Endpoint>, options: CheckOptions) -> Report {
    let (here, there) = (tables(source).await, tables(target).await);
    let checked = |endpoint, tables| Checked { endpoint, tables, streams: &[] };
    check(checked(source.as_ref(), &here), checked(target.as_ref(), &there), options)
        .await
        .unwrap_or_else(|e| panic!("{e:?}"))
}

fn items(report: &Report, grade: Grade) -> BTreeSet<&'static str> {
    report.of(grade).map(|item| item.item).collect()
}

#[tokio::test]
async fn what_can_be_moved_passes() {
    for family in FAMILIES {
        let source = Place::new(family, Side::Source, "check").await;
        let target = Place::new(family, Side::Target, "check").await;
        source.execute(GOOD).await;
        target.execute(GOOD).await;
        let (source, target) = (source.connect().await, target.connect().await);
        let both = report(&source, &target, CheckOptions::default()).await;
        assert_eq!(items(&both, Grade::Fail), BTreeSet::new(), "{family:?}: {both:#?}");
        for item in &both.items {
            assert_eq!(item.remedy.is_some(), item.grade != Grade::Pass, "{item:?}");
        }
        // Without a way back the target's log and the right to write to the source don't matter.
        let forward = report(&source, &target, CheckOptions { rollback: false, ..CheckOptions::default() }).await;
        assert!(forward.items.iter().all(|item| item.direction == Direction::Forward), "{family:?}");
        let back = both.items.iter().filter(|item| item.direction == Direction::Back).count();
        assert_eq!(forward.items.len() + back, both.items.len(), "{family:?}");
        assert!(back > 2, "{family:?}");
    }
}

#[tokio::test]
async fn what_is_in_the_way_on_postgres_is_named() {
    let builder = Server::builder(Kind::Postgres17).argument("-c").argument("wal_level=replica");
    let server = builder.argument("-c").argument("max_replication_slots=1").start().await.unwrap();
    server.create_database("d").await.unwrap();
    let script = "CREATE TABLE parents (id int PRIMARY KEY, v int, UNIQUE (v) DEFERRABLE);
        CREATE UNLOGGED TABLE forgotten (id int PRIMARY KEY); CREATE TABLE keyless (v int);
        CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE TRIGGER t BEFORE INSERT ON parents FOR EACH ROW EXECUTE FUNCTION f();
        ALTER TABLE parents ENABLE ALWAYS TRIGGER t;
        CREATE ROLE guest LOGIN PASSWORD 'pw'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO guest";
    server.execute("d", script).await.unwrap();
    let open = async |url: &str| {
        connect_endpoint(&DatabaseUrl::parse(url).unwrap(), &ConnectOptions::default()).await.unwrap()
    };
    let owner = open(&server.url("d")).await;
    let found = report(&owner, &owner, CheckOptions::default()).await;
    let expected = ["deferrable_keys", "replication_slots", "triggers_always", "unlogged_tables", "wal_level"];
    assert_eq!(items(&found, Grade::Fail), expected.into(), "{found:#?}");
    assert!(items(&found, Grade::Warn).is_superset(&["identity", "primary_keys"].into()), "{found:#?}");
    let level = found.items.iter().find(|item| item.item == "wal_level").unwrap();
    assert_eq!((level.end, level.direction, level.found.as_str()), (End::Source, Direction::Forward, "replica"));
    assert!(level.remedy.as_ref().unwrap().contains("ALTER SYSTEM SET wal_level"));
    let unlogged = found.items.iter().find(|item| item.item == "unlogged_tables").unwrap();
    assert_eq!(unlogged.found, "public.forgotten");

    let url =
        server.url("d").replacen(server.url("d").split("//").nth(1).unwrap().split('@').next().unwrap(), "guest:pw", 1);
    let guest = open(&url).await;
    let found = report(&guest, &guest, CheckOptions::default()).await;
    let missing = ["create_right", "ownership", "replication_right", "triggers_off", "write_rights"];
    assert!(items(&found, Grade::Fail).is_superset(&missing.into()), "{found:#?}");
}

#[tokio::test]
async fn what_is_in_the_way_on_mysql_and_mariadb_is_named() {
    for (kind, format) in
        [(Kind::MySql, "binlog-row-value-options=PARTIAL_JSON"), (Kind::MariaDb, "binlog-row-metadata=MINIMAL")]
    {
        let builder =
            Server::builder(kind).argument(format!("--{format}")).argument("--binlog-expire-logs-seconds=3600");
        let server = builder.start().await.unwrap();
        server.create_database("d").await.unwrap();
        let script = "CREATE TABLE parents (id INT PRIMARY KEY);
            CREATE TABLE children (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES parents (id) ON DELETE CASCADE);
            CREATE TABLE old (id INT PRIMARY KEY) ENGINE = MyISAM;
            CREATE TRIGGER t BEFORE INSERT ON parents FOR EACH ROW SET NEW.id = NEW.id + 1;
            SET GLOBAL sync_binlog = 0";
        server.execute("d", script).await.unwrap();
        server
            .execute("d", "XA START 'x'; INSERT INTO children VALUES (1, NULL); XA END 'x'; XA PREPARE 'x'")
            .await
            .unwrap();
        let url = DatabaseUrl::parse(&server.url("d")).unwrap();
        let endpoint = connect_endpoint(&url, &ConnectOptions::default()).await.unwrap();
        let found = report(&endpoint, &endpoint, CheckOptions::default()).await;
        // This MySQL logs what a foreign key cascades.
        let own = if kind == Kind::MySql { "binlog_row_value_options" } else { "binlog_row_metadata" };
        let mut expected: BTreeSet<_> = ["storage_engines", "triggers", "xa_transactions", own].into();
        if kind == Kind::MariaDb {
            expected.insert("cascades");
        }
        assert_eq!(items(&found, Grade::Fail), expected, "{kind:?}: {found:#?}");
        let warned = items(&found, Grade::Warn);
        assert!(warned.is_superset(&["durability", "log_retention"].into()), "{kind:?}: {found:#?}");
    }
}

#[tokio::test]
async fn what_is_in_the_way_in_a_file_is_named() {
    let place = Place::new(None, Side::Source, "check").await;
    place
        .execute("CREATE TABLE t (id INTEGER PRIMARY KEY); CREATE TRIGGER tr AFTER INSERT ON t BEGIN SELECT 1; END; CREATE TABLE k (v)")
        .await;
    let endpoint = place.connect().await;
    let found = report(&endpoint, &endpoint, CheckOptions::default()).await;
    assert_eq!(items(&found, Grade::Fail), ["triggers"].into(), "{found:#?}");
    assert_eq!(items(&found, Grade::Warn), ["journal_mode", "primary_keys"].into(), "{found:#?}");
}
