//! Repair scripts in each dialect, as a person reads them.

use std::path::Path;

use switchback_engines::{
    Column, Decimal, Engine, Flavor, ForeignKey, Key, Logical, Moment, OwnedValue, Table, TableRef, Value,
};
use switchback_reports::parquet::ParquetSink;
use switchback_reports::{Error, RepairSummary, repair_sql, summary};
use switchback_verify::outcome::{Method, TableOutcome, Verdict};
use switchback_verify::{Difference, Kind, Status, TablePlan};

use crate::build::{
    INT, TEXT, changed, column, difference, outcome_of, plan, required, run, server, source_only, table, target_only,
    text, write,
};

/// Writes a run of these tables and returns its script.
pub(crate) fn script_of(
    target: Flavor,
    tables: &[(TablePlan, Vec<Difference>)],
    extra: Vec<TableOutcome>,
) -> (String, RepairSummary) {
    let folder = tempfile::tempdir().unwrap();
    let sink = ParquetSink::new(folder.path(), "run");
    let mut outcomes: Vec<TableOutcome> =
        tables.iter().map(|(plan, differences)| write(&sink, plan, differences)).collect();
    outcomes.extend(extra);
    let plan = &tables[0].0;
    let source = server(plan.source_engine, Flavor::Original, "1.0", "old-host/shop");
    let target = server(plan.target_engine, target, "2.0", "new-host/shop");
    summary::write(folder.path(), &run(source, target, outcomes)).unwrap();
    let mut script = Vec::new();
    let summary = repair_sql(folder.path(), &mut script).unwrap();
    (String::from_utf8(script).unwrap(), summary)
}

pub(crate) fn dec(text: &str) -> OwnedValue {
    Value::Decimal(Decimal::parse(text).unwrap().into_owned())
}

fn child_of(mut table: Table, columns: &[&str], parent: &Table) -> Table {
    table
        .foreign_keys
        .push(ForeignKey { columns: columns.iter().map(|c| (*c).to_owned()).collect(), parent: parent.name.clone() });
    table
}

/// Orders of customers, who have regions; and a log without key.
fn shop(source: Engine, target: Engine) -> Vec<(TablePlan, Vec<Difference>)> {
    let schema = |engine| match engine {
        Engine::Postgres => Some("public"),
        Engine::MySql => Some("shop"),
        _ => None,
    };
    let generated = |mut column: Column| {
        column.generated = true;
        column
    };
    let regions =
        |engine| table(schema(engine), "regions", vec![required("id", "int", INT), column("name", "text", TEXT)], &[0]);
    let decimal = |engine| match engine {
        Engine::Sqlite => Logical::SqliteNumeric,
        _ => Logical::Decimal { precision: Some(12), scale: 2 },
    };
    let customers = |engine| {
        let columns = vec![
            required("id", "int", INT),
            column("region", "int", INT),
            column("e-mail", "varchar(80)", Logical::Text { chars_max: Some(80) }),
            column("balance", "decimal(12,2)", decimal(engine)),
            generated(column("shown", "text", TEXT)),
            column("updated_at", "timestamp", Logical::Timestamp { digits: 6 }),
        ];
        let mut customers = table(schema(engine), "customers", columns, &[0]);
        customers.unique_keys = vec![Key { name: "email_once".to_owned(), columns: vec![2] }];
        child_of(customers, &["region"], &regions(engine))
    };
    let orders = |engine| {
        let columns = vec![required("customer", "int", INT), required("no", "int", INT), column("note", "text", TEXT)];
        child_of(table(schema(engine), "orders", columns, &[0, 1]), &["customer"], &customers(engine))
    };
    let log = |engine| table(schema(engine), "log", vec![column("line", "text", TEXT), column("n", "int", INT)], &[]);
    let at = |seconds: i64| Value::Timestamp(Moment::Micros(seconds * 1_000_000));
    let customer = |id, region, email: &str, balance: &str, shown: &str| {
        vec![Value::Int(id), Value::Int(region), text(email), dec(balance), text(shown), at(86_400)]
    };
    vec![
        (
            plan(source, orders(source), target, orders(target)),
            vec![
                source_only(vec![Value::Int(3), Value::Int(1), text("it's \\ 100 %\nnew")]),
                target_only(vec![Value::Int(2), Value::Int(7), Value::Null]),
                changed(
                    &[2],
                    vec![Value::Int(1), Value::Int(1), Value::Null],
                    vec![Value::Int(1), Value::Int(1), text("")],
                ),
            ],
        ),
        (
            plan(source, customers(source), target, customers(target)),
            vec![
                changed(&[2, 3], customer(1, 1, "a@x", "1.50", "A"), customer(1, 1, "b@x", "1.49", "A")),
                changed(&[4], customer(2, 1, "c@x", "0.00", "C"), customer(2, 1, "c@x", "0.00", "D")),
                source_only(customer(3, 2, "d@x", "-7.25", "D")),
                target_only(customer(4, 1, "e@x", "0.00", "E")),
            ],
        ),
        (
            plan(source, regions(source), target, regions(target)),
            vec![
                source_only(vec![Value::Int(2), text("west")]),
                Difference {
                    status: Status::Unresolved,
                    ..changed(&[1], vec![Value::Int(1), text("a")], vec![Value::Int(1), text("b")])
                },
                difference(Kind::KeyCollision, Some(vec![Value::Int(9), text("x")]), None),
            ],
        ),
        (
            plan(source, log(source), target, log(target)),
            vec![
                Difference { source_count: 3, target_count: 1, ..source_only(vec![text("x"), Value::Null]) },
                Difference { source_count: 1, target_count: 3, ..target_only(vec![Value::Null, Value::Int(1)]) },
            ],
        ),
    ]
}

#[test]
fn postgres() {
    let (script, summary) = script_of(Flavor::Original, &shop(Engine::MySql, Engine::Postgres), Vec::new());
    assert_eq!(summary, RepairSummary { deletes: 4, updates: 2, inserts: 5, not_repaired: 3, not_covered: 0 });
    insta::assert_snapshot!(script, @r#"
    -- Repair script, made by switchback 0.1.0 of run 2026-11-21T10-00-00-7f3a
    --
    -- It gives the target the rows that the source had from 2026-11-21 10:00:00 UTC
    -- to 2026-11-21 10:01:05 UTC.
    --   source: MySQL 1.0 at old-host/shop
    --   target: PostgreSQL 2.0 at new-host/shop
    --
    -- Run it on the target: psql -v ON_ERROR_STOP=1 -f THIS_FILE DATABASE
    -- All of it is one transaction. A row that was changed since is left as it is by UPDATE; DELETE goes
    -- by the key alone, if it is unique; an INSERT of a row that came since fails. Compare again afterwards.
    -- Triggers of the target fire. Sequences are not moved: where rows are inserted, check their next values.

    -- WARNING: the run is incomplete, and the script covers only what was compared.
    -- Not covered, or not wholly:
    --   shop.regions: has unresolved rows

    BEGIN;
    SET LOCAL client_encoding = 'UTF8';
    SET LOCAL standard_conforming_strings = on;
    SET LOCAL TimeZone = 'UTC';
    SET LOCAL DateStyle = 'ISO, YMD';
    SET LOCAL IntervalStyle = 'postgres';

    -- public.orders (from shop.orders): rows to delete
    DELETE FROM "public"."orders" WHERE "customer" = '2' AND "no" = '7';

    -- public.customers (from shop.customers): rows to delete
    DELETE FROM "public"."customers" WHERE "id" = '4';

    -- public.log (from shop.log): rows to delete
    -- There is no key: rows are found by all of their compared columns.
    DELETE FROM "public"."log" WHERE (tableoid, ctid) IN (SELECT tableoid, ctid FROM "public"."log" WHERE "line" IS NULL AND "n" = '1' LIMIT 2);

    -- public.regions (from shop.regions): rows to change and to insert
    INSERT INTO "public"."regions" ("id", "name") OVERRIDING SYSTEM VALUE VALUES ('2', 'west');
    -- NOT REPAIRED, unresolved (changed): id = 1: the row kept changing while it was compared
    -- NOT REPAIRED, key collision: id = 9: the other server takes the key for another row's

    -- public.log (from shop.log): rows to change and to insert
    -- There is no key: rows are found by all of their compared columns.
    INSERT INTO "public"."log" ("line", "n") OVERRIDING SYSTEM VALUE VALUES ('x', NULL);
    INSERT INTO "public"."log" ("line", "n") OVERRIDING SYSTEM VALUE VALUES ('x', NULL);

    -- public.customers (from shop.customers): rows to change and to insert
    -- WARNING: values of the unique key email_once (e-mail) change. Rows that swap values, or take over those of a row that is deleted later, can be in each other's way.
    UPDATE "public"."customers" SET "e-mail" = 'a@x', "balance" = '1.50' WHERE "id" = '1' AND "e-mail" = 'b@x' AND "balance" = '1.49';
    -- NOT REPAIRED, changed: id = 2: only columns differ that the target computes itself
    INSERT INTO "public"."customers" ("id", "region", "e-mail", "balance", "updated_at") OVERRIDING SYSTEM VALUE VALUES ('3', '2', 'd@x', '-7.25', '1970-01-02 00:00:00');

    -- public.orders (from shop.orders): rows to change and to insert
    UPDATE "public"."orders" SET "note" = NULL WHERE "customer" = '1' AND "no" = '1' AND "note" = '';
    INSERT INTO "public"."orders" ("customer", "no", "note") OVERRIDING SYSTEM VALUE VALUES ('3', '1', 'it''s \ 100 %
    new');

    -- 4 rows to delete, 2 to change, 5 to insert.
    -- 3 differences are not repaired: see the comments above.
    COMMIT;
    "#);
}

#[test]
fn mysql() {
    let mut missing = outcome_of(&shop(Engine::Postgres, Engine::MySql)[0].0);
    missing.source = Some(TableRef { schema: Some("public".to_owned()), name: "geo\n-- x".to_owned() });
    missing.method = Method::NotCompared;
    missing.verdict = Verdict::Incomplete;
    let (script, _) = script_of(Flavor::Original, &shop(Engine::Postgres, Engine::MySql), vec![missing]);
    insta::assert_snapshot!(script, @r#"
    -- Repair script, made by switchback 0.1.0 of run 2026-11-21T10-00-00-7f3a
    --
    -- It gives the target the rows that the source had from 2026-11-21 10:00:00 UTC
    -- to 2026-11-21 10:01:05 UTC.
    --   source: PostgreSQL 1.0 at old-host/shop
    --   target: MySQL 2.0 at new-host/shop
    --
    -- Run it on the target: mysql --default-character-set=utf8mb4 DATABASE < THIS_FILE
    -- All of it is one transaction. A row that was changed since is left as it is by UPDATE; DELETE goes
    -- by the key alone, if it is unique; an INSERT of a row that came since fails. Compare again afterwards.
    -- Triggers of the target fire. Tables of an engine without transactions (MyISAM) change at once.
    -- The client's connection has to be the script's alone, as it sets the session's time zone and SQL mode.

    -- WARNING: the run is incomplete, and the script covers only what was compared.
    -- Not covered, or not wholly:
    --   public.regions: has unresolved rows
    --   public.geo\n-- x: not compared

    SET NAMES utf8mb4;
    SET @switchback_time_zone = @@time_zone, @switchback_sql_mode = @@sql_mode;
    SET @switchback_foreign_key_checks = @@foreign_key_checks;
    SET time_zone = '+00:00';
    SET sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES';
    START TRANSACTION;

    -- shop.orders (from public.orders): rows to delete
    DELETE FROM `shop`.`orders` WHERE `customer` = 2 AND `no` = 7;

    -- shop.customers (from public.customers): rows to delete
    DELETE FROM `shop`.`customers` WHERE `id` = 4;

    -- shop.log (from public.log): rows to delete
    -- There is no key: rows are found by all of their compared columns.
    DELETE FROM `shop`.`log` WHERE `line` IS NULL AND `n` = 1 LIMIT 2;

    -- shop.regions (from public.regions): rows to change and to insert
    INSERT INTO `shop`.`regions` (`id`, `name`) VALUES (2, 'west');
    -- NOT REPAIRED, unresolved (changed): id = 1: the row kept changing while it was compared
    -- NOT REPAIRED, key collision: id = 9: the other server takes the key for another row's

    -- shop.log (from public.log): rows to change and to insert
    -- There is no key: rows are found by all of their compared columns.
    INSERT INTO `shop`.`log` (`line`, `n`) VALUES ('x', NULL);
    INSERT INTO `shop`.`log` (`line`, `n`) VALUES ('x', NULL);

    -- shop.customers (from public.customers): rows to change and to insert
    -- WARNING: values of the unique key email_once (e-mail) change. Rows that swap values, or take over those of a row that is deleted later, can be in each other's way.
    UPDATE `shop`.`customers` SET `e-mail` = 'a@x', `balance` = 1.50, `updated_at` = `updated_at` WHERE `id` = 1 AND `e-mail` = 'b@x' AND `e-mail` = 'b@x' COLLATE utf8mb4_bin AND `balance` = 1.49;
    -- NOT REPAIRED, changed: id = 2: only columns differ that the target computes itself
    INSERT INTO `shop`.`customers` (`id`, `region`, `e-mail`, `balance`, `updated_at`) VALUES (3, 2, 'd@x', -7.25, '1970-01-02 00:00:00');

    -- shop.orders (from public.orders): rows to change and to insert
    UPDATE `shop`.`orders` SET `note` = NULL WHERE `customer` = 1 AND `no` = 1 AND `note` = '' AND `note` = '' COLLATE utf8mb4_bin;
    INSERT INTO `shop`.`orders` (`customer`, `no`, `note`) VALUES (3, 1, _utf8mb4 x'69742773205c2031303020250a6e6577');

    -- 4 rows to delete, 2 to change, 5 to insert.
    -- 3 differences are not repaired: see the comments above.
    COMMIT;
    SET time_zone = @switchback_time_zone, sql_mode = @switchback_sql_mode;
    SET foreign_key_checks = @switchback_foreign_key_checks;
    "#);
}

#[test]
fn sqlite() {
    let (script, _) = script_of(Flavor::Original, &shop(Engine::Postgres, Engine::Sqlite), Vec::new());
    insta::assert_snapshot!(script, @r#"
    -- Repair script, made by switchback 0.1.0 of run 2026-11-21T10-00-00-7f3a
    --
    -- It gives the target the rows that the source had from 2026-11-21 10:00:00 UTC
    -- to 2026-11-21 10:01:05 UTC.
    --   source: PostgreSQL 1.0 at old-host/shop
    --   target: SQLite 2.0 at new-host/shop
    --
    -- Run it on the target: sqlite3 -bail DATABASE_FILE < THIS_FILE
    -- All of it is one transaction. A row that was changed since is left as it is by UPDATE; DELETE goes
    -- by the key alone, if it is unique; an INSERT of a row that came since fails. Compare again afterwards.
    -- Triggers of the target fire. Foreign keys are checked only where PRAGMA foreign_keys is on.

    -- WARNING: the run is incomplete, and the script covers only what was compared.
    -- Not covered, or not wholly:
    --   public.regions: has unresolved rows

    BEGIN IMMEDIATE;

    -- orders (from public.orders): rows to delete
    DELETE FROM "orders" WHERE "customer" = 2 AND "no" = 7;

    -- customers (from public.customers): rows to delete
    DELETE FROM "customers" WHERE "id" = 4;

    -- log (from public.log): rows to delete
    -- There is no key: rows are found by all of their compared columns.
    DELETE FROM "log" WHERE (rowid) IN (SELECT rowid FROM "log" WHERE "line" IS NULL AND "n" = 1 LIMIT 2);

    -- regions (from public.regions): rows to change and to insert
    INSERT INTO "regions" ("id", "name") VALUES (2, 'west');
    -- NOT REPAIRED, unresolved (changed): id = 1: the row kept changing while it was compared
    -- NOT REPAIRED, key collision: id = 9: the other server takes the key for another row's

    -- log (from public.log): rows to change and to insert
    -- There is no key: rows are found by all of their compared columns.
    INSERT INTO "log" ("line", "n") VALUES ('x', NULL);
    INSERT INTO "log" ("line", "n") VALUES ('x', NULL);

    -- customers (from public.customers): rows to change and to insert
    -- WARNING: values of the unique key email_once (e-mail) change. Rows that swap values, or take over those of a row that is deleted later, can be in each other's way.
    UPDATE "customers" SET "e-mail" = 'a@x', "balance" = 1.5 WHERE "id" = 1 AND "e-mail" = 'b@x' AND "balance" = 1.49;
    -- NOT REPAIRED, changed: id = 2: only columns differ that the target computes itself
    INSERT INTO "customers" ("id", "region", "e-mail", "balance", "updated_at") VALUES (3, 2, 'd@x', -7.25, '1970-01-02 00:00:00');

    -- orders (from public.orders): rows to change and to insert
    UPDATE "orders" SET "note" = NULL WHERE "customer" = 1 AND "no" = 1 AND "note" = '';
    INSERT INTO "orders" ("customer", "no", "note") VALUES (3, 1, 'it''s \ 100 %
    new');

    -- 4 rows to delete, 2 to change, 5 to insert.
    -- 3 differences are not repaired: see the comments above.
    COMMIT;
    "#);
}

/// The lines between the session's settings and the summary.
pub(crate) fn statements(script: &str) -> String {
    let lines = script.lines().filter(|line| {
        [
            "UPDATE",
            "INSERT",
            "DELETE",
            "-- NOT",
            "-- WARNING",
            "SET CONSTRAINTS",
            "PRAGMA",
            "SET foreign_key_checks = 0",
        ]
        .iter()
        .any(|start| line.starts_with(start))
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn two_columns(name: &str) -> Table {
    table(None, name, vec![required("id", "int", INT), column("parent", "int", INT)], &[0])
}

#[test]
fn circles_of_foreign_keys_are_deferred() {
    let row = |id, parent| vec![Value::Int(id), Value::Int(parent)];
    for (target, flavor) in
        [(Engine::Postgres, "SET CONSTRAINTS"), (Engine::MySql, "SET foreign"), (Engine::Sqlite, "PRAGMA")]
    {
        let tree = child_of(two_columns("tree"), &["parent"], &two_columns("tree"));
        let plan = plan(Engine::Postgres, tree.clone(), target, tree);
        let (script, _) =
            script_of(Flavor::Original, &[(plan, vec![source_only(row(2, 1)), source_only(row(1, 1))])], Vec::new());
        let statements = statements(&script);
        assert!(statements.starts_with(flavor), "{script}");
        assert!(statements.contains("-- WARNING: foreign keys form a circle"), "{script}");
    }
}

/// The child is given another parent, and the old one goes: deleted before, it
/// could take the child with it.
#[test]
fn a_parent_goes_after_its_children_have_moved() {
    let row = |id, parent| vec![Value::Int(id), Value::Int(parent)];
    let (grand, parent) = (two_columns("grand"), child_of(two_columns("parent"), &["parent"], &two_columns("grand")));
    let child = child_of(two_columns("child"), &["parent"], &parent);
    let of = |table: Table| plan(Engine::Sqlite, table.clone(), Engine::Sqlite, table);
    let tables = [
        (of(grand), vec![target_only(row(100, 0))]),
        (of(parent), vec![target_only(row(10, 100)), source_only(row(11, 1))]),
        (of(child), vec![changed(&[1], row(5, 11), row(5, 10)), target_only(row(6, 10))]),
    ];
    let (script, _) = script_of(Flavor::Original, &tables, Vec::new());
    insta::assert_snapshot!(statements(&script), @r#"
    DELETE FROM "child" WHERE "id" = 6;
    INSERT INTO "parent" ("id", "parent") VALUES (11, 1);
    UPDATE "child" SET "parent" = 11 WHERE "id" = 5 AND "parent" = 10;
    DELETE FROM "parent" WHERE "id" = 10;
    DELETE FROM "grand" WHERE "id" = 100;
    "#);
}

#[test]
fn comments_cannot_end_early() {
    let evil = "x\n; DROP TABLE y; --";
    let mut table = table(None, evil, vec![required(evil, "text", TEXT), required("w", "int", INT)], &[0]);
    let mut plan = plan(Engine::Sqlite, table.clone(), Engine::Sqlite, table.clone());
    plan.columns.truncate(1);
    plan.source_filter = Some(evil.to_owned());
    table.name.name.push('2');
    let rows =
        vec![source_only(vec![text(evil)]), Difference { status: Status::Unresolved, ..target_only(vec![text(evil)]) }];
    let (script, _) = script_of(Flavor::Original, &[(plan, rows)], Vec::new());
    // Only within quotes does a line begin with what the name says.
    let outside: String = script.split(['"', '\'']).step_by(2).collect();
    assert!(!outside.lines().any(|line| line.starts_with(';') || line.starts_with(" DROP")), "{script}");
}

#[test]
fn engines_without_scripts_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(Engine::MongoDb, Flavor::Original, "6.0", "host/db");
    summary::write(folder.path(), &run(server.clone(), server, Vec::new())).unwrap();
    assert!(matches!(repair_sql(folder.path(), Vec::new()), Err(Error::NoRepair { engine: Engine::MongoDb })));
    assert!(matches!(repair_sql(Path::new("/nonexistent"), Vec::new()), Err(Error::Read { .. })));
}
