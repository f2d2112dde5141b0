//! Sessions that write.

use std::time::{Duration, Instant};

use switchback_engines::{
    ConnectFault, Endpoint as _, Engine, Error, Flavor, Neutral, Outcome, OwnedValue, QueryFault, Scope,
    StatementFailed, TableRef, Violation, Writer, WriterOptions, display, sql,
};
use switchback_fixtures::Side;

use super::{Fixture, chain, connect, nested, on_both_versions, rows, types};

on_both_versions!(
    what_statements_did_comes_back_in_order,
    statements_outside_of_a_transaction_stand_alone,
    a_failure_names_its_statement_and_nothing_after_it_is_run,
    a_failed_transaction_can_only_be_rolled_back,
    a_savepoint_takes_back_what_failed,
    what_the_session_cannot_keep_a_table_from_is_listed,
    violations_are_told_apart,
    the_schema_does_nothing_by_itself,
    sessions_are_pinned_against_the_accounts_defaults,
    an_account_without_the_privilege_is_told_what_it_needs,
    a_silent_client_loses_its_transaction,
    a_lock_is_not_waited_for_beyond_the_limit,
    a_dropped_call_makes_the_session_useless,
    long_messages_take_time_in_proportion,
    every_value_is_stored_by_many_rows_at_once,
);

fn owned(statements: &[&str]) -> Vec<String> {
    statements.iter().map(|s| (*s).to_owned()).collect()
}

async fn run(writer: &mut Box<dyn Writer>, statements: &[&str]) -> Result<Vec<Outcome>, StatementFailed> {
    writer.run(&owned(statements)).await
}

async fn writer(fixture: &Fixture) -> Box<dyn Writer> {
    fixture.postgres.writer(&WriterOptions::default()).await.expect("a writer")
}

/// The one cell of the one row.
async fn cell(writer: &mut Box<dyn Writer>, statement: &str) -> String {
    let mut outcomes = run(writer, &[statement]).await.expect("a result");
    outcomes.remove(0).rows.remove(0).remove(0).expect("a value")
}

fn lost(failed: &StatementFailed) -> bool {
    matches!(failed.error, Error::Query { fault: QueryFault::ConnectionLost, .. })
}

async fn what_statements_did_comes_back_in_order(side: Side) {
    let fixture =
        Fixture::new(side, "outcomes", "CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE t (id int, m mood)").await;
    let mut writer = writer(&fixture).await;
    assert_eq!(writer.neutral(), Neutral::All);
    let statements = [
        "BEGIN",
        "INSERT INTO public.t VALUES (1, NULL), (2, 'sad'), (3, 'sad')",
        "UPDATE public.t SET id = id WHERE id > 1",
        "SELECT id, m FROM public.t WHERE id < 3 ORDER BY id",
        "DELETE FROM public.t WHERE id = 7",
        "COMMIT",
        "BEGIN",
        "DELETE FROM public.t WHERE id = 3 RETURNING m",
        "COMMIT",
    ];
    let outcomes = run(&mut writer, &statements).await.expect("outcomes");
    let affected: Vec<u64> = outcomes.iter().map(|o| o.affected).collect();
    assert_eq!(affected, [0, 3, 2, 2, 0, 0, 0, 1, 0]);
    let rows = vec![vec![Some("1".to_owned()), None], vec![Some("2".to_owned()), Some("sad".to_owned())]];
    assert_eq!(outcomes[3].rows, rows);
    assert_eq!(outcomes[7].rows, [[Some("sad".to_owned())]]);
    assert!(run(&mut writer, &[]).await.expect("nothing").is_empty());
    assert_eq!(cell(&mut writer, "SELECT count(*) FROM public.t").await, "2");
    writer.close().await.expect("a close");
}

async fn statements_outside_of_a_transaction_stand_alone(side: Side) {
    let fixture = Fixture::new(side, "alone", "CREATE TABLE t (id int PRIMARY KEY)").await;
    let mut writer = writer(&fixture).await;
    let insert = "INSERT INTO public.t VALUES (1)";
    let failed = run(&mut writer, &[insert, insert, "SELECT 1"]).await.expect_err("a duplicate");
    assert_eq!((failed.index, failed.violation), (1, Some(Violation::Unique)));
    assert_eq!(cell(&mut writer, "SELECT count(*) FROM public.t").await, "1");
    // Neither may run within a transaction, not even one of a message's own.
    run(&mut writer, &["VACUUM public.t", "VACUUM public.t"]).await.expect("two statements");
}

async fn a_failure_names_its_statement_and_nothing_after_it_is_run(side: Side) {
    let fixture = Fixture::new(side, "index", "CREATE TABLE t (id int PRIMARY KEY)").await;
    let mut writer = writer(&fixture).await;
    for failing in 1..6 {
        let mut statements: Vec<String> = (0..6).map(|i| format!("INSERT INTO public.t VALUES ({i})")).collect();
        statements.insert(0, "BEGIN".to_owned());
        statements[failing] = "INSERT INTO public.t VALUES ('s3cret')".to_owned();
        statements.push("COMMIT".to_owned());
        let failed = writer.run(&statements).await.expect_err("no number");
        assert_eq!((failed.index, failed.violation), (failing, Some(Violation::Type)));
        assert!(!format!("{} {:?}", chain(&failed.error), failed.error).contains("s3cret"));
        run(&mut writer, &["ROLLBACK"]).await.expect("a roll-back");
        assert_eq!(cell(&mut writer, "SELECT count(*) FROM public.t").await, "0");
    }
}

async fn a_failed_transaction_can_only_be_rolled_back(side: Side) {
    let fixture = Fixture::new(side, "failed", "CREATE TABLE t (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)").await;
    let mut writer = writer(&fixture).await;
    run(&mut writer, &["BEGIN", "INSERT INTO public.t VALUES (1)"]).await.expect("an insert");
    let failed = run(&mut writer, &["SELECT 1", "SELECT 1 / 0", "COMMIT"]).await.expect_err("a division by zero");
    assert_eq!(failed.index, 1);
    // The server would answer this one and take it for a roll-back.
    assert_eq!(run(&mut writer, &["COMMIT"]).await.expect_err("a failed transaction").index, 0);
    run(&mut writer, &["SELECT 1"]).await.expect_err("a failed transaction");
    run(&mut writer, &["ROLLBACK", "INSERT INTO public.t VALUES (2)"]).await.expect("a roll-back");
    // It ends by its failure. Its check is a trigger, which these sessions don't fire.
    let deferred = ["SET session_replication_role = origin", "BEGIN", "INSERT INTO public.t VALUES (2)", "COMMIT"];
    let failed = run(&mut writer, &deferred).await.expect_err("a duplicate");
    assert_eq!((failed.index, failed.violation), (3, Some(Violation::Unique)));
    assert_eq!(cell(&mut writer, "SELECT count(*) FROM public.t").await, "1");
}

async fn a_savepoint_takes_back_what_failed(side: Side) {
    let fixture = Fixture::new(side, "savepoint", "CREATE TABLE t (id int PRIMARY KEY)").await;
    let mut writer = writer(&fixture).await;
    run(&mut writer, &["BEGIN", "INSERT INTO public.t VALUES (1)"]).await.expect("an insert");
    let failed = run(&mut writer, &["SAVEPOINT s", "INSERT INTO public.t VALUES (1)"]).await.expect_err("a duplicate");
    assert_eq!((failed.index, failed.violation), (1, Some(Violation::Unique)));
    assert!(chain(&failed.error).contains("constraint `t_pkey`"), "{}", chain(&failed.error));
    run(&mut writer, &["SELECT 1"]).await.expect_err("a failed transaction");
    let rest = ["ROLLBACK TO SAVEPOINT s", "RELEASE SAVEPOINT s", "INSERT INTO public.t VALUES (2)", "COMMIT"];
    run(&mut writer, &rest).await.expect("a transaction that goes on");
    assert_eq!(cell(&mut writer, "SELECT count(*) FROM public.t").await, "2");
}

async fn what_the_session_cannot_keep_a_table_from_is_listed(side: Side) {
    let script = "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
         CREATE TABLE quiet (id int PRIMARY KEY REFERENCES quiet, v int);
         CREATE TRIGGER ordinary AFTER INSERT ON quiet FOR EACH ROW EXECUTE FUNCTION f();
         CREATE RULE ordinary AS ON DELETE TO quiet DO ALSO NOTHING;
         CREATE TABLE \"It's\" (id int PRIMARY KEY, v int) PARTITION BY RANGE (id);
         CREATE TABLE part PARTITION OF \"It's\" DEFAULT;
         ALTER TABLE part ADD CONSTRAINT later UNIQUE (v) DEFERRABLE;
         CREATE TRIGGER always AFTER INSERT ON part FOR EACH ROW EXECUTE FUNCTION f();
         ALTER TABLE part ENABLE ALWAYS TRIGGER always;
         CREATE RULE replica AS ON DELETE TO part DO ALSO NOTHING;
         ALTER TABLE part ENABLE REPLICA RULE replica";
    let fixture = Fixture::new(side, "doings", script).await;
    let mut writer = writer(&fixture).await;
    let of = |name: &str| TableRef { schema: Some("public".to_owned()), name: name.to_owned() };
    for (table, expected) in [
        ("quiet", Vec::new()),
        ("nowhere", Vec::new()),
        ("It's", vec!["the deferrable key `later`", "the rule `replica`", "the trigger `always`"]),
    ] {
        let listed = run(&mut writer, &[&sql::doings(Engine::Postgres, &of(table))]).await.expect("a list").remove(0);
        let listed: Vec<String> = listed.rows.into_iter().flatten().flatten().collect();
        assert_eq!(listed, expected, "{table}");
    }
}

async fn violations_are_told_apart(side: Side) {
    let sql = "CREATE TABLE p (id int PRIMARY KEY);
         CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (id int REFERENCES parent);
         CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL CHECK (v > 0), s varchar(3), r int4range, EXCLUDE USING gist (r WITH &&));
         INSERT INTO t VALUES (1, 1, 'a', '[1,9)')";
    let fixture = Fixture::new(side, "violations", sql).await;
    let mut writer = writer(&fixture).await;
    let cases = [
        ("INSERT INTO public.t VALUES (1, 1, 'a', NULL)", Some(Violation::Unique)),
        ("INSERT INTO public.t VALUES (2, NULL, 'a', NULL)", Some(Violation::NotNull)),
        ("INSERT INTO public.t VALUES (2, 0, 'a', NULL)", Some(Violation::Check)),
        ("INSERT INTO public.t VALUES (2, 1, 'a', '[3,4)')", Some(Violation::Check)),
        ("INSERT INTO public.t VALUES (2, 1, 'abcd', NULL)", Some(Violation::Type)),
        ("INSERT INTO public.t VALUES (99999999999, 1, 'a', NULL)", Some(Violation::Type)),
        ("TRUNCATE public.parent", Some(Violation::ForeignKey)),
        ("INSERT INTO public.none VALUES (1)", None),
        ("SELEC", None),
    ];
    for (statement, violation) in cases {
        let failed = run(&mut writer, &[statement]).await.expect_err(statement);
        assert_eq!(failed.violation, violation, "{statement}: {}", chain(&failed.error));
    }
    // With foreign keys as they are for everybody else.
    let foreign = [
        "SET session_replication_role = origin",
        "ALTER TABLE public.t ADD FOREIGN KEY (v) REFERENCES public.p NOT VALID",
        "INSERT INTO public.t VALUES (3, 3, 'a', NULL)",
    ];
    let failed = run(&mut writer, &foreign).await.expect_err("no parent");
    assert_eq!((failed.index, failed.violation), (2, Some(Violation::ForeignKey)));
}

async fn the_schema_does_nothing_by_itself(side: Side) {
    let sql = "CREATE TABLE p (id int PRIMARY KEY);
         CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (id int REFERENCES parent);
         CREATE TABLE c (id int REFERENCES p ON DELETE CASCADE);
         CREATE TABLE log (v text);
         CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.log VALUES ('fired'); RETURN NEW; END $$;
         CREATE TRIGGER f BEFORE INSERT ON p FOR EACH ROW EXECUTE FUNCTION f()";
    let fixture = Fixture::new(side, "neutral", sql).await;
    let mut writer = writer(&fixture).await;
    let statements = [
        "INSERT INTO public.c VALUES (1), (2)",
        "INSERT INTO public.p VALUES (1)",
        "DELETE FROM public.p WHERE id = 1",
    ];
    run(&mut writer, &statements).await.expect("a child without a parent");
    let count = "SELECT (SELECT count(*) FROM public.c) || ' ' || (SELECT count(*) FROM public.log)";
    assert_eq!(cell(&mut writer, count).await, "2 0");
}

async fn sessions_are_pinned_against_the_accounts_defaults(side: Side) {
    let fixture = Fixture::new(side, "pinned", "").await;
    let name = fixture.database.name();
    let defaults = "synchronous_commit = off; search_path = public; \
        TimeZone = 'Asia/Tokyo'; standard_conforming_strings = off; statement_timeout = '1s'; \
        session_replication_role = origin; DateStyle = 'German'; default_transaction_read_only = on";
    for setting in defaults.split("; ") {
        fixture
            .execute(&format!("SET default_transaction_read_only = off; ALTER DATABASE \"{name}\" SET {setting}"))
            .await;
    }
    let options = WriterOptions {
        application_name: "it's ours".to_owned(),
        lock_timeout: Duration::from_millis(1234),
        idle_timeout: Duration::from_secs(7),
    };
    let mut writer = fixture.postgres.writer(&options).await.expect("a writer");
    let expected = [
        ("transaction_read_only", "off"),
        ("synchronous_commit", "on"),
        ("search_path", "pg_catalog"),
        ("TimeZone", "UTC"),
        ("standard_conforming_strings", "on"),
        ("statement_timeout", "0"),
        ("session_replication_role", "replica"),
        ("DateStyle", "ISO, YMD"),
        ("row_security", "off"),
        ("application_name", "it's ours"),
        ("lock_timeout", "1234ms"),
        ("idle_in_transaction_session_timeout", "7s"),
    ];
    for (setting, value) in expected {
        assert_eq!(cell(&mut writer, &format!("SHOW {setting}")).await, value, "{setting}");
    }
}

async fn an_account_without_the_privilege_is_told_what_it_needs(side: Side) {
    let fixture = Fixture::new(side, "unprivileged", "").await;
    let role = format!("plain_{}", fixture.database.name());
    fixture.execute(&format!("CREATE ROLE \"{role}\" LOGIN PASSWORD 'pw'")).await;
    let plain = connect(&fixture.url_as(&role, "pw")).await.expect("a connection");
    let error = plain.writer(&WriterOptions::default()).await.err().expect("an error");
    assert!(matches!(error, Error::Connect { fault: ConnectFault::Other, .. }), "{error:?}");
    assert!(chain(&error).contains("GRANT SET ON PARAMETER session_replication_role"), "{}", chain(&error));
    fixture.execute(&format!("GRANT SET ON PARAMETER session_replication_role TO \"{role}\"")).await;
    plain.writer(&WriterOptions::default()).await.expect("a writer");
    fixture.execute(&format!("DROP OWNED BY \"{role}\"; DROP ROLE \"{role}\"")).await;
}

async fn a_silent_client_loses_its_transaction(side: Side) {
    let fixture = Fixture::new(side, "silence", "CREATE TABLE t (id int)").await;
    let options = WriterOptions { idle_timeout: Duration::from_millis(200), ..WriterOptions::default() };
    let mut silent = fixture.postgres.writer(&options).await.expect("a writer");
    run(&mut silent, &["BEGIN", "LOCK TABLE public.t"]).await.expect("a lock");
    let mut other = writer(&fixture).await;
    run(&mut other, &["INSERT INTO public.t VALUES (1)"]).await.expect("the lock is gone");
    let failed = run(&mut silent, &["COMMIT"]).await.expect_err("a closed session");
    assert!(lost(&failed), "{}", chain(&failed.error));
}

async fn a_lock_is_not_waited_for_beyond_the_limit(side: Side) {
    let fixture = Fixture::new(side, "lock", "CREATE TABLE t (id int)").await;
    let mut holder = writer(&fixture).await;
    run(&mut holder, &["BEGIN", "LOCK TABLE public.t"]).await.expect("a lock");
    let options = WriterOptions { lock_timeout: Duration::from_millis(200), ..WriterOptions::default() };
    let mut waiting = fixture.postgres.writer(&options).await.expect("a writer");
    let failed = run(&mut waiting, &["INSERT INTO public.t VALUES (1)"]).await.expect_err("a lock");
    assert!(matches!(failed.error, Error::Query { fault: QueryFault::TimedOut, .. }), "{}", chain(&failed.error));
}

async fn a_dropped_call_makes_the_session_useless(side: Side) {
    let fixture = Fixture::new(side, "dropped", "").await;
    let mut writer = writer(&fixture).await;
    let statements = owned(&["BEGIN", "SELECT pg_sleep(60)"]);
    tokio::time::timeout(Duration::from_millis(100), writer.run(&statements)).await.expect_err("it sleeps");
    let failed = run(&mut writer, &["SELECT 1"]).await.expect_err("nobody knows where it is");
    assert!(lost(&failed), "{}", chain(&failed.error));
}

/// Four times as much may not take sixteen times as long.
async fn long_messages_take_time_in_proportion(side: Side) {
    let fixture = Fixture::new(side, "long", "CREATE TABLE t (id int, v text)").await;
    let mut writer = writer(&fixture).await;
    let filler = "x".repeat(1000);
    let many = |n: usize| {
        let mut statements: Vec<String> =
            (0..n).map(|i| format!("INSERT INTO public.t VALUES ({i}, '{filler}')")).collect();
        statements.insert(0, "BEGIN".to_owned());
        statements.push("ROLLBACK".to_owned());
        statements
    };
    let wide = |n: usize| {
        let rows: Vec<String> = (0..n).map(|i| format!("({i}, '{}')", &filler[..80])).collect();
        owned(&["BEGIN", &format!("INSERT INTO public.t VALUES {}", rows.join(", ")), "ROLLBACK"])
    };
    for (name, small, large) in [("statements", many(1000), many(4000)), ("rows", wide(10_000), wide(40_000))] {
        let mut times = Vec::new();
        for statements in [&small, &small, &large] {
            let begun = Instant::now();
            writer.run(statements).await.expect("an insert");
            times.push(begun.elapsed());
        }
        assert!(times[2] < times[1] * 12 + Duration::from_millis(500), "{name}: {times:?}");
    }
}

/// Rows of every type are deleted, inserted and given each other's values, all of
/// a table's in one statement.
async fn every_value_is_stored_by_many_rows_at_once(side: Side) {
    let mut cases = types::literals();
    cases.extend(nested::literals());
    cases.push(("real", vec!["NaN", "-0"]));
    cases.push(("double precision", vec!["NaN", "-0"]));
    cases.push(("money", vec!["12.50", "-92233720368547758.08"]));
    cases.push(("text", vec!["", "NULL", "a'b\"c\\d", "{x,y}", " blanks ", "tab\there"]));
    let mut schema = nested::TYPES.to_owned();
    for (i, (native, literals)) in cases.iter().enumerate() {
        let value = |literal: &str| format!("'{}'", literal.replace('\'', "''"));
        let rows = literals.iter().map(|literal| value(literal)).chain(["NULL".to_owned()]).enumerate();
        let rows: Vec<String> = rows.map(|(id, value)| format!("({id}, {value}, {value})")).collect();
        schema.push_str(&format!(
            "CREATE DOMAIN d{i} AS {native}; CREATE TABLE t{i} (id int PRIMARY KEY, v {native}, d d{i});
             INSERT INTO t{i} VALUES {};",
            rows.join(", ")
        ));
    }
    let fixture = Fixture::new(side, "many", &schema).await;
    let mut writer = writer(&fixture).await;
    for (i, (native, _)) in cases.iter().enumerate() {
        let table = fixture.table(&format!("t{i}")).await;
        let sorted = async || {
            let mut rows = rows(&fixture.postgres, &table, Scope::All).await.expect("rows");
            rows.sort_by_key(|row| display::text(&row[0]).and_then(|id| id.parse::<i64>().ok()));
            rows
        };
        let target = sql::change::Rows {
            engine: Engine::Postgres,
            flavor: Flavor::Original,
            table: &table,
            columns: &[0, 1, 2],
            identity: &[0],
        };
        let before = sorted().await;
        let keys: Vec<_> = before.iter().map(|row| vec![(0, &row[0])]).collect();
        let cells: Vec<Vec<Option<&OwnedValue>>> = before.iter().map(|row| row.iter().map(Some).collect()).collect();
        let cells: Vec<&[Option<&OwnedValue>]> = cells.iter().map(Vec::as_slice).collect();
        let others = before.iter().cycle().skip(1);
        let updates = keys.iter().zip(others).map(|(key, other)| sql::change::Update {
            key: key.clone(),
            set: vec![(1, &other[1]), (2, &other[2])],
            before: Vec::new(),
        });
        let updates: Vec<_> = updates.collect();
        let again = ["BEGIN".to_owned(), target.delete_many(&keys), target.insert(&cells), "COMMIT".to_owned()];
        let affected = |outcomes: Vec<Outcome>| outcomes.iter().map(|o| o.affected).collect::<Vec<_>>();
        let outcomes = writer.run(&again).await.unwrap_or_else(|e| panic!("{native}: {}", chain(&e.error)));
        let count = before.len() as u64;
        assert_eq!(affected(outcomes), [0, count, count, 0], "{native}");
        assert_eq!(format!("{:?}", sorted().await), format!("{before:?}"), "{native}");
        let update = [target.update_many(&updates)];
        let outcomes = writer.run(&update).await.unwrap_or_else(|e| panic!("{native}: {}", chain(&e.error)));
        assert_eq!(affected(outcomes), [count], "{native}");
        let values = |rows: &[Vec<OwnedValue>]| rows.iter().map(|row| format!("{:?}", &row[1..])).collect::<Vec<_>>();
        let mut expected = values(&before);
        expected.rotate_left(1);
        assert_eq!(values(&sorted().await), expected, "{native}");
    }
}
