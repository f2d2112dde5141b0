//! Servers that go away, and rights that are missing.

use switchback_engines::{Class, Database, Error, QueryFault, RawBatch, ReadRequest, Scope, TableRef};
use switchback_fixtures::Family;
use tokio::sync::mpsc;

use super::{Here, as_user, chain, connect, numbers, private, read};

on_both!(
    a_server_that_dies_in_the_middle_of_a_read,
    a_session_that_is_killed_in_the_middle_of_a_read,
    a_right_that_is_taken_away,
    a_statement_longer_than_the_server_takes,
);

fn query_fault(error: &Error) -> QueryFault {
    match error {
        Error::Query { fault, .. } => *fault,
        other => panic!("{other:?}"),
    }
}

const FILL: &str = "UPDATE t SET pad = REPEAT('y', 250)";

fn create() -> String {
    format!("CREATE TABLE t (id INT PRIMARY KEY, pad CHAR(250)); {}", numbers("t", 200_000))
}

async fn a_server_that_dies_in_the_middle_of_a_read(family: Family) {
    let mut server = private(family, &[]).await;
    server.create_database("here").await.unwrap();
    server.execute("here", &format!("{}; {FILL}", create())).await.unwrap();
    let engine = connect(&server.url("here")).await.unwrap();
    let table = engine.describe(&TableRef { schema: None, name: "t".to_owned() }).await.unwrap().unwrap();
    let (sender, mut receiver) = mpsc::channel::<RawBatch>(1);
    let request = ReadRequest { table: &table, columns: &[0, 1], scope: Scope::All, filter: None };
    let kill = async {
        receiver.recv().await.expect("a batch");
        server.kill().unwrap();
        let mut rows = 0;
        while let Some(batch) = receiver.recv().await {
            rows += batch.row_count;
        }
        rows
    };
    let (read, rows) = tokio::join!(engine.read(request, sender), kill);
    assert!(rows < 200_000, "it was not in the middle");
    let error = read.unwrap_err();
    assert_eq!(query_fault(&error), QueryFault::ConnectionLost, "{}", chain(&error));
    assert_eq!(error.class(), Class::Transient);
    assert!(error.to_string().contains("reading `here.t`"), "{error}");
    // The same call succeeds when the server is back.
    server.start_again().await.unwrap();
    assert_eq!(engine.count(&table, None).await.unwrap(), 200_000);
}

async fn a_session_that_is_killed_in_the_middle_of_a_read(family: Family) {
    let here = Here::new(family, "killed").await;
    here.execute(&create()).await;
    here.execute(FILL).await;
    let table = here.table("t").await;
    for (kill, expected) in [("KILL QUERY", QueryFault::TimedOut), ("KILL", QueryFault::ConnectionLost)] {
        let (sender, mut receiver) = mpsc::channel(1);
        let request = ReadRequest { table: &table, columns: &[0, 1], scope: Scope::All, filter: None };
        let killer = async {
            receiver.recv().await.expect("a batch");
            let kill = format!(
                "SET @id = (SELECT MAX(ID) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT `id`, `pad`%' \
                 AND DB = '{}'); SET @kill = CONCAT('{kill} ', @id); PREPARE kill_it FROM @kill; EXECUTE kill_it",
                here.server.name()
            );
            here.execute(&kill).await;
            while receiver.recv().await.is_some() {}
        };
        let (read, ()) = tokio::join!(here.engine.read(request, sender), killer);
        let error = read.expect_err("it was killed");
        assert_eq!(query_fault(&error), expected, "{kill}: {}", chain(&error));
        assert_eq!(here.engine.count(&table, None).await.unwrap(), 200_000, "{kill}");
    }
}

async fn a_right_that_is_taken_away(family: Family) {
    let here = Here::new(family, "denied").await;
    let name = here.server.name().to_owned();
    here.execute(&format!(
        "CREATE TABLE t (id INT PRIMARY KEY, v INT); INSERT INTO t VALUES (1, 2); \
         CREATE USER `{name}` IDENTIFIED BY 'p'; GRANT SELECT ON `{name}`.t TO `{name}`"
    ))
    .await;
    let reader = connect(&as_user(here.server.url(), &name, "p")).await.unwrap();
    let table = reader.describe(&here.table_ref("t")).await.unwrap().unwrap();
    assert_eq!(reader.count(&table, None).await.unwrap(), 1);
    here.execute(&format!("REVOKE SELECT ON `{name}`.t FROM `{name}`; GRANT SELECT (id) ON `{name}`.t TO `{name}`"))
        .await;
    for error in [
        read(&reader, &table, Scope::All, None).await.unwrap_err(),
        reader.describe(&here.table_ref("t")).await.unwrap_err(),
        reader.count(&table, Some("v = 2")).await.unwrap_err(),
    ] {
        assert_eq!(query_fault(&error), QueryFault::Denied, "{}", chain(&error));
        assert!(error.hint().is_some_and(|hint| hint.contains("grant SELECT")));
    }
    here.execute(&format!("DROP USER `{name}`")).await;
}

async fn a_statement_longer_than_the_server_takes(family: Family) {
    let server = private(family, &["--max-allowed-packet=1M"]).await;
    server.create_database("here").await.unwrap();
    server.execute("here", "CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1)").await.unwrap();
    let engine = connect(&server.url("here")).await.unwrap();
    let table = engine.describe(&TableRef { schema: None, name: "t".to_owned() }).await.unwrap().unwrap();
    for (bytes, fits) in [(1 << 19, true), (1 << 21, false)] {
        let filter = format!("id = 1 /* {} */", "x".repeat(bytes));
        let counted = engine.count(&table, Some(&filter)).await;
        assert_eq!(counted.is_ok(), fits, "{bytes}");
        if let Err(error) = counted {
            assert!(chain(&error).contains("max_allowed_packet"), "{}", chain(&error));
        }
        // And the connection is as good as before.
        assert_eq!(engine.count(&table, None).await.unwrap(), 1);
    }
}
