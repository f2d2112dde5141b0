//! The samples, from each engine to each other: what arrives is what the source has,
//! as far as the engines can say it alike, and each of the rest has its warning.

use fixtures::{Family, Side};
use switchback_engines::{Endpoint, Engine, Table, TableRef, WriterOptions};
use switchback_fixtures as fixtures;
use switchback_migrate::structure::cross::target_table;
use switchback_migrate::structure::{
    self, Clash, ColumnRef, Kind, NameUnit, Part, Rename, StructureError, StructureOptions, StructurePlan,
};

use super::place::{Place, plan, run, scenes, try_plan, warned};

fn names(table: &Table, columns: &[usize]) -> Vec<String> {
    columns.iter().map(|i| table.columns[*i].name.clone()).collect()
}

/// The parts of a table that all engines have.
fn shape(table: &Table) -> (Vec<(String, bool)>, Option<Vec<String>>) {
    let primary = table.primary_key.as_ref().map(|key| names(table, &key.columns));
    let is_key = |name: &String| primary.as_ref().is_some_and(|key| key.contains(name));
    // A key's columns are never NULL on a target, whatever SQLite let them be.
    let columns = table.columns.iter().map(|c| (c.name.clone(), c.nullable && !is_key(&c.name))).collect();
    (columns, primary)
}

fn foreign_keys(table: &Table) -> Vec<Vec<String>> {
    let mut keys: Vec<Vec<String>> = table.foreign_keys.iter().map(|key| key.columns.clone()).collect();
    keys.sort();
    keys
}

/// Creates the sample without the columns that have no way there, twice; compares
/// every table; and sets numbers to where they stand.
async fn arrives(family: Option<Family>, to: Option<Family>) -> (Place, Place, StructurePlan) {
    let source = Place::sample(family).await;
    let target = Place::new(to, Side::Target, "cross_to").await;
    let refused = try_plan(&source, &target, &StructureOptions::default()).await;
    let columns_left_out: Vec<ColumnRef> = refused
        .conflicts
        .iter()
        .map(|conflict| {
            assert!(matches!(conflict.why, Clash::NoType { .. }), "{conflict}");
            let (table, column) = conflict.object.name.rsplit_once('.').unwrap();
            let table = TableRef { schema: None, name: table.rsplit('.').next().unwrap().to_owned() };
            ColumnRef { table, column: column.to_owned() }
        })
        .collect();
    let options = StructureOptions { columns_left_out, ..StructureOptions::default() };
    let plan = plan(&source, &target, &options).await;
    for part in [Part::BeforeLoad, Part::AfterLoad] {
        assert_eq!(run(&target, &plan, part).await.skipped, 0, "{plan}");
        let again = run(&target, &plan, part).await;
        let comments = plan.after_load.iter().filter(|s| s.object.kind == Kind::Comment).count();
        assert_eq!(again.done, if part == Part::AfterLoad { comments } else { 0 });
    }
    let (from_end, to_end) = (source.connect().await, target.connect().await);
    for name in from_end.tables().await.unwrap() {
        let there = target_table(to_end.info().engine, &Rename::default(), &name);
        let a = from_end.describe(&name).await.unwrap().unwrap();
        let b = to_end.describe(&there).await.unwrap().unwrap_or_else(|| panic!("{there} is not there"));
        let (mut columns, primary) = shape(&a);
        columns.retain(|(column, _)| !plan.left_out.iter().any(|of| of.table == a.name && of.column == *column));
        assert_eq!((columns, primary), shape(&b), "{name}");
        let gone =
            warned(&plan).iter().any(|w| w.starts_with("foreign key `") && w.contains(&format!("{}.", name.name)));
        if !gone {
            assert_eq!(foreign_keys(&a), foreign_keys(&b), "{name}");
        }
    }
    positions(from_end.as_ref(), to_end.as_ref(), &options).await;
    (source, target, plan)
}

async fn positions(from: &dyn Endpoint, to: &dyn Endpoint, options: &StructureOptions) {
    let steps = structure::positions(from, to, options).await.unwrap();
    assert!(!steps.is_empty());
    structure::run_steps(to, &WriterOptions::default(), &steps, &mut |_| {}).await.unwrap();
}

fn has(plan: &StructurePlan, starts: &[&str]) {
    let warned = warned(plan);
    for start in starts {
        assert!(warned.iter().any(|w| w.starts_with(start)), "{start}: {warned:#?}");
    }
}

/// All of them in one test, which starts each server once.
#[tokio::test(flavor = "multi_thread")]
async fn samples_arrive_on_every_other_engine() {
    scenes([
        Box::pin(postgres_arrives_on_mysql()),
        Box::pin(postgres_arrives_on_mariadb_and_sqlite()),
        Box::pin(sqlite_arrives_everywhere()),
    ])
    .await;
    scenes([
        Box::pin(mysql_arrives_on_postgres_and_sqlite()),
        Box::pin(mariadb_arrives_on_postgres_and_sqlite()),
        Box::pin(names_that_the_target_cannot_have_are_conflicts()),
        Box::pin(columns_are_left_out_by_name()),
    ])
    .await;
}

async fn postgres_arrives_on_mysql() {
    let (_, target, plan) = arrives(Some(Family::Postgres), Some(Family::MySql)).await;
    has(
        &plan,
        &[
            "view `public.spending`: it is not translated",
            "function `public.tax`: it is not translated",
            "rule `public.audit.no_delete`: it is not translated",
            "policy `public.quote.own_quotes`: it is not translated",
            "partition `public.rental`: it is one table",
            "column `public.quote.total`: its default is said",
        ],
    );
    target.execute("INSERT INTO country VALUES ('DE', 'x'), ('de', 'X ')").await;
    assert_eq!(target.lines("SELECT AUTO_INCREMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'audit'").await, ["5"]);
}

async fn postgres_arrives_on_mariadb_and_sqlite() {
    arrives(Some(Family::Postgres), Some(Family::MariaDb)).await;
    let (_, target, plan) = arrives(Some(Family::Postgres), None).await;
    has(&plan, &["trigger `public.rental.rental_audit`: it is not translated"]);
    target.execute("INSERT INTO country VALUES ('DE', 'x'); INSERT INTO audit (entry) VALUES ('{}')").await;
    assert_eq!(target.lines("SELECT id FROM audit").await, ["5"]);
}

async fn mysql_arrives_on_postgres_and_sqlite() {
    let (_, target, plan) = arrives(Some(Family::MySql), Some(Family::Postgres)).await;
    has(
        &plan,
        &[
            "view `active`: it is not translated",
            "event `clean_up`: it is not translated",
            "check `email_has_at`: it is not translated",
            "column `customer.joined`: the target does not set it",
            "column `customer.full_name`: its collation is not kept",
            "column `customer.initial`: it is computed at the source",
            "index `customer.about_start`: it is over expressions or parts",
            "index `customer.about_words`: it is over expressions or parts",
            "column `quote.hidden`: the target has no invisible columns",
            "column `quote.total`: its default is said",
            "column `customer.id`: bigint unsigned becomes bigint: numbers from 2^63 on are refused",
        ],
    );
    target
        .execute(
            "INSERT INTO country VALUES ('DE', 'x'); INSERT INTO customer (email, interests) VALUES ('a@b', 'saws')",
        )
        .await;
    let row = target.lines("SELECT id, full_name, \"nothing\", grade, is_active, seen FROM public.customer").await;
    assert_eq!(row, ["102 | it's nobody, (yet) | NULL | new | 1 | 1000-01-01 00:00:00"]);
    assert_eq!(
        target.lines("SELECT obj_description('public.country'::regclass, 'pg_class')").await,
        ["Where people live; it's \"small\""]
    );
    arrives(Some(Family::MySql), None).await;
}

async fn mariadb_arrives_on_postgres_and_sqlite() {
    let (_, target, _) = arrives(Some(Family::MariaDb), Some(Family::Postgres)).await;
    target
        .execute(
            "INSERT INTO country VALUES ('DE', 'x'); INSERT INTO customer (email, interests) VALUES ('a@b', 'saws')",
        )
        .await;
    let row = target.lines("SELECT id, full_name, \"nothing\", nickname IS NULL, grade FROM public.customer").await;
    assert_eq!(row, ["102 | it's nobody, (yet) | NULL | t | new"]);
    arrives(Some(Family::MariaDb), None).await;
}

async fn sqlite_arrives_everywhere() {
    for family in [Family::Postgres, Family::MySql, Family::MariaDb] {
        let (_, target, plan) = arrives(None, Some(family)).await;
        has(
            &plan,
            &[
                "view `spending`: it is not translated",
                "trigger `customer_audit`: it is not translated",
                "check `customer`: its checks are not translated",
                "index `customer.customer_lower`: it is over expressions",
                "table `words`: a virtual table is not moved",
                "unique key `customer.customer_email`: it compares by a collation",
            ],
        );
        let insert = "INSERT INTO country VALUES ('DE', 'x'); INSERT INTO customer (email) VALUES ('a@b'); INSERT INTO note (body) VALUES ('x')";
        target.execute(insert).await;
        let table = if family == Family::Postgres { "public.customer" } else { "customer" };
        let quote = if family == Family::Postgres { '"' } else { '`' };
        let row =
            target.lines(&format!("SELECT id, full_name, {quote}nothing{quote}, flags, share FROM {table}")).await;
        assert_eq!(row, ["3 | it's nobody | NULL | -1 | 0.5"]);
    }
}

/// A column that was asked for by name has to be there, and to be one that can be
/// left out.
async fn columns_are_left_out_by_name() {
    let source = Place::new(Some(Family::MySql), Side::Source, "left_out").await;
    source
        .execute(
            "CREATE TABLE p (id int, a int, d int AS (a * 2) STORED, spot point, PRIMARY KEY (id, d), UNIQUE KEY once (a)); \
             CREATE TABLE c (id int PRIMARY KEY, a int, CONSTRAINT to_p FOREIGN KEY (a) REFERENCES p (a), KEY by_a (a))",
        )
        .await;
    let target = Place::new(Some(Family::Postgres), Side::Target, "left_out").await;
    let column = |table: &str, column: &str| ColumnRef {
        table: TableRef { schema: None, name: table.to_owned() },
        column: column.to_owned(),
    };
    let options = |columns_left_out| StructureOptions { columns_left_out, ..StructureOptions::default() };
    let refused = try_plan(&source, &target, &options(vec![column("p", "spot"), column("p", "a")])).await;
    let conflicts: Vec<String> = refused.conflicts.iter().map(ToString::to_string).collect();
    assert_eq!(conflicts, ["column `p.d`: it is in the primary key, and can't be left out"]);
    has(
        &refused,
        &[
            "column `p.spot`: it is left out, as was asked",
            "unique key `p.once`: it is over a column that is left out",
            "foreign key `c.to_p`: it refers to a column that is left out",
        ],
    );
    assert_eq!(refused.left_out.iter().map(|of| of.column.as_str()).collect::<Vec<_>>(), ["a", "spot"]);
    let planned = async |options: StructureOptions, to: &Place| {
        let (from, to) = (source.connect().await, to.connect().await);
        structure::plan(from.as_ref(), &source.url(), to.as_ref(), &options).await.unwrap_err()
    };
    let missing = planned(options(vec![column("p", "b")]), &target).await;
    assert_eq!(missing.to_string(), "the source has no column `b` in `p`, which is to be left out");
    let other = Place::new(Some(Family::MariaDb), Side::Target, "left_out").await;
    let whole = planned(options(vec![column("p", "spot")]), &other).await;
    assert!(matches!(whole, StructureError::Whole { .. }) && whole.hint().is_some(), "{whole:?}");
}

async fn names_that_the_target_cannot_have_are_conflicts() {
    let long = "ä".repeat(40);
    let source = Place::new(Some(Family::MySql), Side::Source, "names").await;
    source.execute(&format!("CREATE TABLE `{long}` (id int PRIMARY KEY, `{long}` int)")).await;
    let target = Place::new(Some(Family::Postgres), Side::Target, "names").await;
    let refused = try_plan(&source, &target, &StructureOptions::default()).await;
    let too_long = Clash::NameTooLong { max: 63, unit: NameUnit::Bytes };
    assert_eq!(
        refused.conflicts.iter().map(|c| (c.object.kind, &c.why)).collect::<Vec<_>>(),
        [(Kind::Table, &too_long), (Kind::Column, &too_long)]
    );

    // SQLite has no limit, and what is asked for by name is held against one, too.
    let source = Place::new(None, Side::Source, "names").await;
    source.execute(&format!("CREATE TABLE \"{long}{long}\" (id integer PRIMARY KEY, \"{long}\" text)")).await;
    for (family, expected) in [(Family::Postgres, 2), (Family::MariaDb, 1)] {
        let target = Place::new(Some(family), Side::Target, "names").await;
        let refused = try_plan(&source, &target, &StructureOptions::default()).await;
        assert_eq!(refused.conflicts.len(), expected, "{refused}");
        assert!(refused.conflicts.iter().all(|c| matches!(c.why, Clash::NameTooLong { .. })), "{refused}");
    }
    for (family, max, unit) in [(Family::Postgres, 63, NameUnit::Bytes), (Family::MySql, 64, NameUnit::Characters)] {
        let source = Place::new(Some(family), Side::Source, "names").await;
        source.execute("CREATE TABLE t (id int PRIMARY KEY)").await;
        let target = Place::new(Some(family), Side::Target, "names").await;
        let there = TableRef { schema: None, name: long.repeat(2) };
        let from = TableRef { schema: None, name: "t".to_owned() };
        let mut rename = Rename { tables: vec![(from, there)], ..Rename::default() };
        if family == Family::Postgres {
            rename.schemas.insert("public".to_owned(), long.clone());
        }
        let count = rename.schemas.len() + 1;
        let refused = try_plan(&source, &target, &StructureOptions { rename, ..StructureOptions::default() }).await;
        assert!(refused.conflicts.iter().all(|c| c.why == Clash::NameTooLong { max, unit }), "{refused}");
        assert_eq!(refused.conflicts.len(), count, "{refused}");
    }

    let source = Place::new(Some(Family::Postgres), Side::Source, "names").await;
    source
        .execute(
            "CREATE SCHEMA a; CREATE TABLE a.t (id int PRIMARY KEY, \"A\" int, a int); CREATE TABLE public.t (id int PRIMARY KEY); \
             CREATE TABLE \"order\" (\"group\" int PRIMARY KEY, \"a`\"\"b\" int DEFAULT 1)",
        )
        .await;
    let target = Place::new(Some(Family::MySql), Side::Target, "names").await;
    let refused = try_plan(&source, &target, &StructureOptions::default()).await;
    let names: Vec<(&str, Kind)> = refused.conflicts.iter().map(|c| (c.object.name.as_str(), c.object.kind)).collect();
    assert_eq!(names, [("a.t.a", Kind::Column), ("public.t", Kind::Table)]);
    // With another name for one, and without the other, it goes; reserved words are names.
    let table = |schema: &str, name: &str| TableRef { schema: Some(schema.to_owned()), name: name.to_owned() };
    let options = StructureOptions {
        exclude: vec![table("a", "t")],
        rename: Rename {
            tables: vec![(table("public", "t"), TableRef { schema: None, name: "table".to_owned() })],
            ..Rename::default()
        },
        ..StructureOptions::default()
    };
    let plan = plan(&source, &target, &options).await;
    run(&target, &plan, Part::BeforeLoad).await;
    assert_eq!(
        target
            .lines("SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() ORDER BY 1")
            .await,
        ["a`\"b", "group", "id"]
    );
    let again = try_plan(&source, &target, &options).await;
    assert_eq!(again.conflicts.iter().map(|c| &c.why).collect::<Vec<_>>(), [&Clash::Exists, &Clash::Exists]);
    assert_eq!(again.target, Engine::MySql);
}
