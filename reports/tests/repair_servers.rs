//! The whole way on real servers: compare, write the differences, repair, and
//! compare again.
//!
//! The sample data has every kind of key and every drift that its generator
//! knows, on all pairings of engines. What may be left are key collisions, which
//! a script only names.

use fixtures::dataset::{Dialect, Role, TableDef, drift, script, source};
use fixtures::{Family, Side};
use switchback_fixtures as fixtures;
use switchback_verify::Kind;
use switchback_verify::outcome::{Method, TableOutcome, Verdict};

use crate::real::{Real, Repaired, repair};

const ALL: [Dialect; 4] = [Dialect::Postgres, Dialect::MySql, Dialect::MariaDb, Dialect::Sqlite];

#[tokio::test(flavor = "multi_thread")]
async fn postgres_repaired_from_all() {
    repaired_from_all(Dialect::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_repaired_from_all() {
    repaired_from_all(Dialect::MySql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_repaired_from_all() {
    repaired_from_all(Dialect::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_repaired_from_all() {
    repaired_from_all(Dialect::Sqlite).await;
}

async fn repaired_from_all(dialect: Dialect) {
    let tables = source();
    let drifted = drift(&tables, dialect);
    for source_dialect in ALL {
        let source = filled(source_dialect, Role::Source, &tables).await;
        let target = filled(dialect, Role::Target, &drifted.target).await;
        judge(&format!("{source_dialect:?} → {dialect:?}"), &repair(&source, &target).await);
    }
}

fn judge(name: &str, repaired: &Repaired) {
    let Repaired { before, after, summary, script } = repaired;
    assert_eq!(before.verdict, Verdict::Different, "{name}");
    let collisions = |table: &TableOutcome| table.differences.get(&Kind::KeyCollision).copied().unwrap_or(0);
    let expected: u64 = before.tables.iter().map(collisions).sum();
    assert_eq!(summary.not_repaired, expected, "{name}\n{script}");
    assert!(summary.deletes > 0 && summary.updates > 0 && summary.inserts > 0, "{name}: {summary:?}");
    for (was, is) in before.tables.iter().zip(&after.tables).filter(|(was, _)| was.method != Method::NotCompared) {
        assert_eq!(was.name(), is.name(), "{name}");
        assert_eq!(is.difference_count(), collisions(was), "{name}: {} {:?}", is.name(), is.differences);
        assert_eq!(is.unresolved, 0, "{name}: {}", is.name());
        assert!(is.verdict == Verdict::Equal || collisions(was) > 0, "{name}: {}", is.name());
    }
}

async fn filled(dialect: Dialect, role: Role, tables: &[TableDef]) -> Real {
    let side = match role {
        Role::Source => Side::Source,
        Role::Target => Side::Target,
    };
    let (family, utc) = match dialect {
        Dialect::Postgres => (Some(Family::Postgres), "SET TIME ZONE 'UTC'"),
        Dialect::MySql => (Some(Family::MySql), "SET time_zone = '+00:00'"),
        Dialect::MariaDb => (Some(Family::MariaDb), "SET time_zone = '+00:00'"),
        Dialect::Sqlite => (None, "BEGIN"),
    };
    let real = Real::new(family, side).await;
    for table in tables {
        let end = if dialect == Dialect::Sqlite { ";\nCOMMIT" } else { "" };
        real.execute(&format!("{utc};\n{}{end}", script(dialect, role, table).join(";\n"))).await;
    }
    real
}
