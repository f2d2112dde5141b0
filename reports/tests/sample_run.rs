//! A run in which everything happens that can.

use std::path::Path;

use switchback_engines::{Decimal, Engine, Flavor, Logical, OwnedValue, TableRef, Value};
use switchback_reports::parquet::ParquetSink;
use switchback_verify::outcome::{
    Coverage, ExcludedColumn, Method, Positions, Problem, RunOutcome, Side, StructureDifference, TableOutcome, Verdict,
};
use switchback_verify::{Difference, Kind, Status, TablePlan};

use crate::build::{
    INT, TEXT, changed, column, difference, outcome_of, plan, required, run, server, source_only, table, target_only,
    text, write,
};

fn dec(text: &str) -> OwnedValue {
    Value::Decimal(Decimal::parse(text).unwrap().into_owned())
}

pub(crate) fn orders() -> TablePlan {
    let columns = |schema| {
        let decimal = |scale| Logical::Decimal { precision: Some(12), scale };
        let scale = if schema == "public" { 2 } else { 4 };
        vec![
            required("id", "bigint", INT),
            column("status", "varchar(20)", Logical::Text { chars_max: Some(20) }),
            column("total", "decimal", decimal(scale)),
            column("note", "text", TEXT),
        ]
    };
    let source = table(Some("public"), "orders", columns("public"), &[0]);
    let target = table(Some("shop"), "orders", columns("shop"), &[0]);
    plan(Engine::Postgres, source, Engine::MySql, target)
}

pub(crate) fn orders_differences() -> Vec<Difference> {
    let long = |end: &str| text(&format!("{}{end}", "a long story, ".repeat(20)));
    vec![
        changed(
            &[1, 2],
            vec![Value::Int(7), text("paid"), dec("10.00"), Value::Null],
            vec![Value::Int(7), text("new"), dec("9.9900"), Value::Null],
        ),
        changed(
            &[3],
            vec![Value::Int(8), text("paid"), dec("1.00"), long("with a happy end")],
            vec![Value::Int(8), text("paid"), dec("1.0000"), long("with a sad end")],
        ),
        changed(
            &[3],
            vec![Value::Int(9), Value::Null, Value::Null, text("caf\u{e9}")],
            vec![Value::Int(9), Value::Null, Value::Null, text("cafe\u{301}\u{1b}[2J")],
        ),
        source_only(vec![Value::Int(10), text("it's"), dec("-0.05"), text("two\nlines")]),
        target_only(vec![Value::Int(11), text("new"), dec("0.0001"), Value::Null]),
        Difference {
            status: Status::Unresolved,
            ..changed(
                &[1],
                vec![Value::Int(12), text("a"), Value::Null, Value::Null],
                vec![Value::Int(12), text("b"), Value::Null, Value::Null],
            )
        },
    ]
}

fn tags() -> (TablePlan, Vec<Difference>) {
    let tags = table(Some("public"), "tags", vec![required("tag", "text", TEXT)], &[0]);
    let plan = plan(Engine::Postgres, tags.clone(), Engine::MySql, tags);
    (plan, vec![difference(Kind::KeyCollision, Some(vec![text("Ä")]), None)])
}

fn named(name: &str, plan: &TablePlan) -> TableOutcome {
    let mut outcome = outcome_of(plan);
    for table in [&mut outcome.source, &mut outcome.target] {
        *table = Some(TableRef { schema: Some("public".to_owned()), name: name.to_owned() });
    }
    outcome.plan = None;
    outcome
}

fn problem(message: &str, hint: Option<&str>) -> Problem {
    Problem { message: message.to_owned(), hint: hint.map(str::to_owned) }
}

/// Writes the differences below `run_dir`.
pub(crate) fn mixed(run_dir: &Path) -> RunOutcome {
    let sink = ParquetSink::new(run_dir, "run");
    let plan = orders();
    let mut orders = write(&sink, &plan, &orders_differences());
    orders.source_rows = 1_234_567;
    orders.target_rows = 1_234_566;
    orders.in_sync = 3;
    orders.excluded = vec![ExcludedColumn {
        side: Side::Target,
        column: "updated_at".to_owned(),
        why: "ignored by the configuration".to_owned(),
    }];
    orders.structure = vec![StructureDifference::Type {
        column: "total".to_owned(),
        source: "numeric(12,2)".to_owned(),
        target: "decimal(12,4)".to_owned(),
    }];
    orders.source_positions = Positions { start: Some("0/16B3748".to_owned()), end: Some("0/16B4000".to_owned()) };
    let (tags_plan, tags_differences) = tags();
    let tags = write(&sink, &tags_plan, &tags_differences);
    let mut tables = vec![orders, tags];
    tables.extend((0..9).map(|i| named(&format!("equal_{i}"), &plan)));
    tables.extend(special(&plan));
    let source = server(Engine::Postgres, Flavor::Original, "15.18", "db1:5432/shop");
    let target = server(Engine::MySql, Flavor::MariaDb, "10.11.19-MariaDB", "db2:3306/shop");
    run(source, target, tables)
}

fn special(plan: &TablePlan) -> Vec<TableOutcome> {
    let mut sampled = named("events", plan);
    sampled.verdict = Verdict::NoDifferenceFound;
    sampled.coverage = Coverage { ranges_total: 400, ranges_done: 40, sampled: Some(0.1) };
    let mut counted = named("log", plan);
    counted.verdict = Verdict::NoDifferenceFound;
    counted.method = Method::CountOnly;
    counted.columns.clear();
    counted.policies.clear();
    let mut filtered = named("customers", plan);
    filtered.source_filter = Some("tenant = 4".to_owned());
    filtered.target_filter = Some("tenant_id = 4".to_owned());
    let mut partial = named("payments", plan);
    partial.verdict = Verdict::Incomplete;
    partial.coverage.ranges_done = 2;
    partial.problems = vec![problem("reading `public.payments` failed: connection reset", None)];
    let mut missing = named("drafts", plan);
    missing.verdict = Verdict::Incomplete;
    missing.method = Method::NotCompared;
    missing.target = None;
    missing.columns.clear();
    missing.policies.clear();
    missing.coverage = Coverage::default();
    (missing.source_rows, missing.target_rows) = (0, 0);
    missing.structure = vec![StructureDifference::MissingTable { on: Side::Target }];
    let mut tables = vec![sampled, counted, filtered, partial, missing];
    tables.extend((0..5).map(|i| {
        let mut denied = named(&format!("secret_{i}"), plan);
        denied.verdict = Verdict::Incomplete;
        denied.method = Method::NotCompared;
        denied.columns.clear();
        denied.policies.clear();
        denied.coverage = Coverage::default();
        (denied.source_rows, denied.target_rows) = (0, 0);
        denied.problems = vec![problem(
            "permission denied",
            Some("grant SELECT on the table to the account in the URL, or exclude the table"),
        )];
        denied
    }));
    tables
}
