//! Sessions that write.

use std::time::{Duration, Instant};

use switchback_engines::{
    Class, Database as _, Date, Endpoint as _, Engine, Error, Moment, Neutral, Outcome, QueryFault, StatementFailed,
    TableRef, Value, Violation, Writer, WriterOptions, sql,
};
use switchback_fixtures::Family;

use super::{Here, chain, connect, private};

on_both!(
    each_statement_has_its_result,
    the_first_failure_is_named,
    what_does_not_fit_is_never_committed,
    many_statements_travel_in_few_packets,
    a_silent_transaction_is_ended,
    only_a_transaction_is_ended,
    locks_are_not_waited_for_forever,
    keys_are_not_followed_and_triggers_fire,
    every_value_is_stored_as_it_was_read,
    an_applier_finds_every_value_and_nothing_is_warned_of,
    the_servers_own_settings_do_not_matter,
    a_session_that_was_killed_says_so,
    warnings_count_also_where_none_are_kept,
);

impl Here {
    async fn writer(&self) -> Box<dyn Writer> {
        self.writer_with(&WriterOptions::default()).await
    }

    async fn writer_with(&self, options: &WriterOptions) -> Box<dyn Writer> {
        self.engine.writer(options).await.expect("a session that writes")
    }
}

async fn run(writer: &mut dyn Writer, statements: &[&str]) -> Result<Vec<Outcome>, StatementFailed> {
    writer.run(&statements.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>()).await
}

fn cells(outcome: &Outcome) -> Vec<Vec<Option<&str>>> {
    outcome.rows.iter().map(|row| row.iter().map(Option::as_deref).collect()).collect()
}

async fn cell(writer: &mut dyn Writer, statement: &str) -> Option<String> {
    let outcomes = run(writer, &[statement]).await.expect("a result");
    outcomes[0].rows[0][0].clone()
}

async fn each_statement_has_its_result(family: Family) {
    let here = Here::new(family, "results").await;
    here.execute("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20)) CHARACTER SET latin1").await;
    let mut writer = here.writer().await;
    assert_eq!(writer.neutral(), Neutral::TriggersFire);
    let outcomes = run(
        &mut *writer,
        &[
            "BEGIN",
            "INSERT INTO t VALUES (1, 'a'), (2, 'é'), (3, NULL);",
            "UPDATE t SET v = 'a' WHERE id IN (1, 2)",
            "UPDATE t SET v = 'a' WHERE id = 4",
            "SELECT id, v FROM t ORDER BY id -- to the end of the line",
            "DELETE FROM t WHERE id = 1",
            "COMMIT",
            "SELECT COUNT(*) FROM t",
        ],
    )
    .await
    .unwrap();
    let affected: Vec<u64> = outcomes.iter().map(|o| o.affected).collect();
    // 2, although one row had the value already.
    assert_eq!((affected[1], affected[2], affected[3], affected[5]), (3, 2, 0, 1));
    assert_eq!(cells(&outcomes[4]), [[Some("1"), Some("a")], [Some("2"), Some("a")], [Some("3"), None]]);
    assert_eq!(cells(&outcomes[7]), [[Some("2")]]);
    assert!(run(&mut *writer, &[]).await.unwrap().is_empty());
    writer.close().await.unwrap();
}

async fn the_first_failure_is_named(family: Family) {
    let here = Here::new(family, "failures").await;
    here.execute(
        "CREATE TABLE t (id INT PRIMARY KEY, u INT UNIQUE, n INT NOT NULL, c INT CHECK (c > 0), s VARCHAR(2), \
         d DECIMAL(4,2), t TINYINT, e ENUM('a'), at DATETIME); INSERT INTO t (id, u, n) VALUES (1, 1, 1), (2, 2, 2)",
    )
    .await;
    let mut writer = here.writer().await;
    for (statement, violation) in [
        ("INSERT INTO t (id, n) VALUES (1, 1)", Some(Violation::Unique)),
        ("UPDATE t SET u = 1 WHERE id = 2", Some(Violation::Unique)),
        ("UPDATE t SET n = NULL WHERE id = 2", Some(Violation::NotNull)),
        ("INSERT INTO t (id) VALUES (7)", Some(Violation::NotNull)),
        ("UPDATE t SET c = 0", Some(Violation::Check)),
        ("UPDATE t SET s = 's3cret'", Some(Violation::Type)),
        ("UPDATE t SET d = 100", Some(Violation::Type)),
        ("UPDATE t SET d = 's3cret'", Some(Violation::Type)),
        ("UPDATE t SET d = 1.005", Some(Violation::Type)),
        ("UPDATE t SET t = 128", Some(Violation::Type)),
        ("UPDATE t SET e = 's3cret'", Some(Violation::Type)),
        ("UPDATE t SET at = '2024-13-01'", Some(Violation::Type)),
        ("UPDATE nowhere SET a = 1", None),
        ("UPDATE t SET", None),
    ] {
        let failed = run(&mut *writer, &["BEGIN", "UPDATE t SET n = 5 WHERE id = 1", statement, "UPDATE t SET n = 9"])
            .await
            .unwrap_err();
        assert_eq!((failed.index, failed.violation), (2, violation), "{statement}");
        let text = chain(&failed.error);
        assert!(!text.contains("s3cret"), "{text}");
        run(&mut *writer, &["ROLLBACK"]).await.unwrap();
        assert_eq!(cell(&mut *writer, "SELECT n FROM t WHERE id = 1").await.as_deref(), Some("1"));
    }
}

/// A decimal is rounded with a note, which is no error under any `sql_mode`.
async fn what_does_not_fit_is_never_committed(family: Family) {
    let here = Here::new(family, "rounded").await;
    here.execute("CREATE TABLE t (id INT PRIMARY KEY, d DECIMAL(4,2)); INSERT INTO t VALUES (1, 1.10)").await;
    let mut writer = here.writer().await;
    let failed = run(&mut *writer, &["BEGIN", "UPDATE t SET d = 2.20", "UPDATE t SET d = 1.115", "COMMIT", "SELECT 1"])
        .await
        .unwrap_err();
    assert_eq!((failed.index, failed.violation), (2, Some(Violation::Type)));
    assert!(matches!(failed.error, Error::Query { .. }));
    run(&mut *writer, &["ROLLBACK"]).await.unwrap();
    assert_eq!(cell(&mut *writer, "SELECT d FROM t").await.as_deref(), Some("1.10"));
}

async fn many_statements_travel_in_few_packets(family: Family) {
    let server = private(family, &["--max-allowed-packet=4M"]).await;
    server.create_database("here").await.unwrap();
    server.execute("here", "CREATE TABLE t (id INT PRIMARY KEY, v LONGTEXT)").await.unwrap();
    let engine = connect(&server.url("here")).await.unwrap();
    let mut writer = engine.writer(&WriterOptions::default()).await.unwrap();
    let mut statements = vec!["BEGIN".to_owned()];
    statements.extend((0..30_000).map(|i| format!("INSERT INTO t VALUES ({i}, REPEAT('x', 9)) /* {:64} */", "")));
    let long = |id: u32, len: usize| format!("INSERT INTO t VALUES ({id}, '{}')", "y".repeat(len));
    // Longer than what is sent at once, and than what the server takes.
    statements.push(long(30_000, 3 << 20));
    statements.push("COMMIT".to_owned());
    let outcomes = writer.run(&statements).await.unwrap();
    assert_eq!(outcomes.len(), statements.len());
    assert_eq!(outcomes.iter().map(|o| o.affected).sum::<u64>(), 30_001);
    let failed = writer.run(&["BEGIN".to_owned(), "DELETE FROM t".to_owned(), long(1, 4 << 20)]).await.unwrap_err();
    assert_eq!(failed.index, 2);
    assert!(chain(&failed.error).contains("max_allowed_packet"), "{}", chain(&failed.error));
    run(&mut *writer, &["ROLLBACK"]).await.unwrap();
    assert_eq!(cell(&mut *writer, "SELECT COUNT(*) FROM t").await.as_deref(), Some("30001"));
}

/// As when the process is stopped while it holds locks.
async fn a_silent_transaction_is_ended(family: Family) {
    let here = Here::new(family, "silent").await;
    here.execute("CREATE TABLE t (id INT PRIMARY KEY, v INT); INSERT INTO t VALUES (1, 1)").await;
    let options = WriterOptions { idle_timeout: Duration::from_secs(1), ..WriterOptions::default() };
    let mut silent = here.writer_with(&options).await;
    run(&mut *silent, &["BEGIN", "UPDATE t SET v = 2"]).await.unwrap();
    let mut other = here.writer().await;
    let begin = Instant::now();
    run(&mut *other, &["UPDATE t SET v = v + 10"]).await.unwrap();
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    assert_eq!(cell(&mut *other, "SELECT v FROM t").await.as_deref(), Some("11"));
    let failed = run(&mut *silent, &["COMMIT"]).await.unwrap_err();
    assert_eq!(failed.error.class(), Class::Transient, "{}", chain(&failed.error));
    let again = run(&mut *silent, &["SELECT 1"]).await.unwrap_err();
    assert_eq!(again.error.class(), Class::Transient, "{}", chain(&again.error));
}

/// A stream may have nothing to write for longer than a transaction may last.
async fn only_a_transaction_is_ended(family: Family) {
    let here = Here::new(family, "idle").await;
    let mut writer = here.writer().await;
    let limit = "SELECT @@SESSION.wait_timeout";
    let outside = cell(&mut *writer, limit).await;
    assert_eq!(outside.as_deref(), Some("28800"));
    let within = match family {
        Family::MariaDb => "28800",
        _ => "15",
    };
    for end in ["COMMIT", "ROLLBACK"] {
        run(&mut *writer, &["BEGIN"]).await.unwrap();
        assert_eq!(cell(&mut *writer, limit).await.as_deref(), Some(within));
        run(&mut *writer, &[end]).await.unwrap();
        assert_eq!(cell(&mut *writer, limit).await, outside);
    }
}

async fn locks_are_not_waited_for_forever(family: Family) {
    let here = Here::new(family, "locks").await;
    here.execute("CREATE TABLE t (id INT PRIMARY KEY, v INT); INSERT INTO t VALUES (1, 1), (2, 2)").await;
    let mut holder = here.writer().await;
    run(&mut *holder, &["BEGIN", "UPDATE t SET v = 2 WHERE id = 1"]).await.unwrap();
    let options = WriterOptions { lock_timeout: Duration::from_secs(1), ..WriterOptions::default() };
    let mut waiter = here.writer_with(&options).await;
    let failed =
        run(&mut *waiter, &["BEGIN", "UPDATE t SET v = 3 WHERE id = 2", "UPDATE t SET v = 3 WHERE id = 1"]).await;
    let failed = failed.unwrap_err();
    assert_eq!((failed.index, failed.violation), (2, Some(Violation::Deadlock)));
    assert!(matches!(failed.error, Error::Query { fault: QueryFault::TimedOut, .. }));
    // Now each holds what the other wants, and one of the two is refused.
    let (a, b) = tokio::join!(
        run(&mut *holder, &["UPDATE t SET v = 4 WHERE id = 2"]),
        run(&mut *waiter, &["UPDATE t SET v = 4 WHERE id = 1"])
    );
    let refused: Vec<_> = [a, b].into_iter().filter_map(Result::err).map(|f| f.violation).collect();
    assert_eq!(refused, [Some(Violation::Deadlock)]);
}

async fn keys_are_not_followed_and_triggers_fire(family: Family) {
    let here = Here::new(family, "neutral").await;
    here.execute(
        "CREATE TABLE p (id INT PRIMARY KEY); CREATE TABLE log (id INT); \
         CREATE TABLE c (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE); \
         CREATE TRIGGER tr AFTER INSERT ON c FOR EACH ROW INSERT INTO log VALUES (NEW.id); INSERT INTO p VALUES (1)",
    )
    .await;
    let mut writer = here.writer().await;
    run(&mut *writer, &["INSERT INTO c VALUES (1, 1), (2, 7)", "DELETE FROM p WHERE id = 1"]).await.unwrap();
    assert_eq!(cell(&mut *writer, "SELECT COUNT(*) FROM c").await.as_deref(), Some("2"));
    assert_eq!(cell(&mut *writer, "SELECT COUNT(*) FROM log").await.as_deref(), Some("2"));
    let doings = |name: &str| sql::doings(Engine::MySql, &TableRef { schema: None, name: name.to_owned() });
    let listed = run(&mut *writer, &[&doings("c"), &doings("p")]).await.unwrap();
    assert_eq!(listed[0].rows, [[Some("the trigger `tr`".to_owned())]]);
    assert!(listed[1].rows.is_empty());
}

const TYPES: &str = "\
    b1 BIT(1), b12 BIT(12), b64 BIT(64), i8 TINYINT, u8 TINYINT UNSIGNED, i64 BIGINT, u64 BIGINT UNSIGNED, y YEAR, \
    f FLOAT, d DOUBLE, n DECIMAL(12,2), n65 DECIMAL(65,30), c CHAR(5), v VARCHAR(50), l1 VARCHAR(50) CHARACTER SET latin1, \
    u16 VARCHAR(50) CHARACTER SET utf16, cy VARCHAR(50) CHARACTER SET cp1251, tx LONGTEXT, bi BINARY(5), vb VARBINARY(300), \
    bl LONGBLOB, da DATE, dt DATETIME(6), ts TIMESTAMP(6) NULL, ti TIME(6), js JSON, e ENUM('a','b,c',''), s SET('a','b'), \
    g GEOMETRY";

async fn every_value_is_stored_as_it_was_read(family: Family) {
    let here = Here::new(family, "stored").await;
    here.execute(&format!(
        "SET sql_mode = 'ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO', time_zone = '+00:00'; \
         CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, {TYPES}); INSERT INTO t VALUES \
         (0, b'1', 2730, x'FFFFFFFFFFFFFFFF', -128, 255, -9223372036854775808, 18446744073709551615, 0, 0.1, 0.1, \
          -0.05, -12345678901234567890123456789012345.123456789012345678901234567890, ' a', 'x'' \\\\ \\n \\0 ?😀 ', 'é€', \
          '😀', 'Ж', REPEAT('é', 100000), x'4100420000', x'00FF27225C', REPEAT(x'00FF', 100000), '2024-02-31', \
          '2024-02-00 23:59:59.999999', '2038-01-19 03:14:07.999999', '-838:59:59.000000', \
          '{{\"a\": [1, 2.50, \"é\\\\n\", null], \"b\": 18446744073709551615}}', 'b,c', 'a,b', POINT(1, 2)), \
         (7, b'0', 0, 0, 127, 0, 9223372036854775807, 0, 2155, -3.4028234e38, 1.7976931348623157e308, 0, 0, '', '', '', '', \
          '', '', '', '', '', '0000-00-00', '0000-00-00 00:00:00', '0000-00-00 00:00:00', '838:59:59', '[]', '', '', \
          ST_GeomFromText('LINESTRING(0 0, 1 1)', 4326)), \
         (8, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1e-38, -2.2250738585072014e-308, NULL, NULL, NULL, NULL, NULL, \
          NULL, NULL, NULL, NULL, NULL, NULL, '9999-12-31', '1000-01-01', '1970-01-01 00:00:01', '00:00:00.000001', \
          '1.5e300', 'a', 'b', NULL); CREATE TABLE u LIKE t"
    ))
    .await;
    let table = here.table("t").await;
    let rows = here.rows("t").await;
    let inserts: Vec<String> = rows
        .iter()
        .map(|row| {
            let literals: Vec<String> =
                row.iter().zip(&table.columns).map(|(v, c)| sql::literal(Engine::MySql, c, v)).collect();
            format!("INSERT INTO u VALUES ({})", literals.join(", "))
        })
        .collect();
    let mut writer = here.writer().await;
    for insert in inserts {
        let done = writer.run(std::slice::from_ref(&insert)).await;
        done.unwrap_or_else(|f| panic!("{}\n{}", chain(&f.error), insert.chars().take(600).collect::<String>()));
    }
    assert_eq!(here.rows("u").await, rows);
}

fn is_in_year_0(value: &Value<'_>) -> bool {
    /// 0001-01-01.
    const YEAR_1: i32 = -719_162;
    match value {
        Value::Date(Date::Days(days)) => *days < YEAR_1,
        Value::Timestamp(Moment::Micros(micros)) => *micros < i64::from(YEAR_1) * 86_400_000_000,
        _ => false,
    }
}

/// What changes a row that is found by all it holds, for every value of every
/// type: a warning would be an error.
async fn an_applier_finds_every_value_and_nothing_is_warned_of(family: Family) {
    let here = Here::new(family, "found").await;
    let mut writer = here.writer().await;
    let mut failed = Vec::new();
    for (i, (native, literals)) in super::capturing::types::types(family).into_iter().enumerate() {
        let rows: Vec<String> = literals.iter().enumerate().map(|(i, literal)| format!("({i}, {literal})")).collect();
        here.execute(&format!(
            "SET sql_mode = 'ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO', time_zone = '+00:00'; \
             CREATE TABLE t{i} (id INT, v {native}); INSERT INTO t{i} VALUES {}",
            rows.join(", ")
        ))
        .await;
        let table = here.table(&format!("t{i}")).await;
        let flavor = here.engine.info().flavor;
        let rows = sql::change::Rows { engine: Engine::MySql, flavor, table: &table, columns: &[0, 1], identity: &[] };
        for row in here.rows(&format!("t{i}")).await {
            let id = Value::Int(-1);
            let key = vec![(0, &row[0]), (1, &row[1])];
            let update = sql::change::Update { key, set: vec![(0, &id), (1, &row[1])], before: Vec::new() };
            let statements = [
                "BEGIN".to_owned(),
                rows.update(&update),
                rows.delete(&[(0, &id), (1, &row[1])], &[]),
                rows.insert(&[&[Some(&row[0]), Some(&row[1])]]),
                "COMMIT".to_owned(),
            ];
            let (what, affected) = match writer.run(&statements).await {
                Ok(outcomes) => (String::new(), outcomes.iter().map(|o| o.affected).collect()),
                Err(error) => {
                    writer.run(&["ROLLBACK".to_owned()]).await.expect("a session");
                    (chain(&error.error), vec![error.index as u64])
                }
            };
            // The servers store a day of the year 0, and refuse to compare with it: a
            // conflict that is named, for what neither calls a date that may be used.
            if is_in_year_0(&row[1]) {
                assert!(affected == [1] && what.contains("1292"), "{affected:?} {what}");
            } else if affected != [0, 1, 1, 1, 0] {
                let value = format!("{:?}", row[1]).chars().take(80).collect::<String>();
                failed.push(format!("{native}: {value}: {affected:?} {what}"));
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

async fn the_servers_own_settings_do_not_matter(family: Family) {
    let own = [
        "--sql-mode=PAD_CHAR_TO_FULL_LENGTH",
        "--completion-type=1",
        "--binlog-format=STATEMENT",
        "--explicit-defaults-for-timestamp=OFF",
        "--transaction-isolation=SERIALIZABLE",
        "--autocommit=OFF",
        "--character-set-server=latin1",
    ];
    let server = private(family, &own).await;
    server.create_database("here").await.unwrap();
    server.execute("here", "CREATE TABLE t (id INT PRIMARY KEY, at TIMESTAMP NULL)").await.unwrap();
    let engine = connect(&server.url("here")).await.unwrap();
    let mut writer = engine.writer(&WriterOptions::default()).await.unwrap();
    run(&mut *writer, &["INSERT INTO t VALUES (1, NULL)", "BEGIN", "INSERT INTO t VALUES (2, NULL)", "COMMIT"])
        .await
        .unwrap();
    let format = cell(&mut *writer, "SELECT @@SESSION.binlog_format").await;
    assert_eq!(format.as_deref(), Some("ROW"));
    // COMMIT has begun nothing.
    let mut other = engine.writer(&WriterOptions::default()).await.unwrap();
    assert_eq!(cell(&mut *other, "SELECT COUNT(*) FROM t WHERE at IS NULL").await.as_deref(), Some("2"));
    run(&mut *other, &["ALTER TABLE t ADD COLUMN c INT"]).await.unwrap();
}

async fn a_session_that_was_killed_says_so(family: Family) {
    let here = Here::new(family, "killed_writer").await;
    let mut writer = here.writer().await;
    let id = cell(&mut *writer, "SELECT CONNECTION_ID()").await.unwrap();
    here.execute(&format!("KILL {id}")).await;
    let failed = run(&mut *writer, &["SELECT 1"]).await.unwrap_err();
    assert_eq!(failed.error.class(), Class::Transient, "{}", chain(&failed.error));
    assert_eq!(failed.violation, None);
}

async fn warnings_count_also_where_none_are_kept(family: Family) {
    let server = private(family, &["--max-error-count=0"]).await;
    server.create_database("here").await.unwrap();
    server.execute("here", "CREATE TABLE t (d DECIMAL(4,2))").await.unwrap();
    let engine = connect(&server.url("here")).await.unwrap();
    let mut writer = engine.writer(&WriterOptions::default()).await.unwrap();
    let failed = run(&mut *writer, &["INSERT INTO t VALUES (1.115)"]).await.unwrap_err();
    assert_eq!(failed.violation, Some(Violation::Type));
}
