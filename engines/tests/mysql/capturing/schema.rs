//! Changes of tables, and logs that can't be followed.

use switchback_engines::{CaptureFault, Change, Endpoint as _, Error};
use switchback_fixtures::Family;

use super::{Follower, Here, chain, connect, describe, fault, private, request};

on_both!(
    a_change_of_a_captured_table_stops,
    a_change_before_the_rows_is_seen_in_the_rows,
    other_changes_do_not_stop,
    all_rows_may_be_removed_at_once,
    statements_instead_of_rows_stop,
    images_that_are_not_full_stop,
    prepared_xa_transactions_stop,
    a_table_that_is_another_by_now_is_not_armed,
    tables_that_cannot_be_followed_are_not_armed,
    servers_that_log_too_little_are_not_armed,
);

async fn a_change_of_a_captured_table_stops(family: Family) {
    for (change, verb) in [
        ("ALTER TABLE t ADD COLUMN more INT", "ALTER"),
        ("ALTER TABLE t MODIFY v BIGINT", "ALTER"),
        ("ALTER TABLE t DROP COLUMN v", "ALTER"),
        ("ALTER TABLE t CONVERT TO CHARACTER SET utf16", "ALTER"),
        ("CREATE UNIQUE INDEX i ON t (v)", "CREATE"),
        ("RENAME TABLE t TO u", "RENAME"),
        ("DROP TABLE t", "DROP"),
    ] {
        let here = Here::new(family, "captured_change").await;
        here.execute("CREATE TABLE t (id INT PRIMARY KEY, v INT)").await;
        let mut follower = Follower::new(&here, &["t"]).await;
        here.execute(&format!("INSERT INTO t VALUES (1, 2); {change}; INSERT INTO marker VALUES (1)")).await;
        let error = follower.fails().await;
        assert_eq!(fault(&error), CaptureFault::SchemaChanged, "{change}: {error}");
        assert!(error.to_string().contains(verb) && error.to_string().contains(".t`"), "{error}");
        // What came before was handed on.
        assert_eq!(follower.model[0].len(), 1, "{change}");
        assert!(follower.model[1].is_empty(), "{change}");
    }
}

/// As when the table was changed before the position that the stream begins at.
async fn a_change_before_the_rows_is_seen_in_the_rows(family: Family) {
    for (change, column) in [
        ("ADD COLUMN more INT", "more"),
        ("MODIFY v BIGINT", "v"),
        ("MODIFY v INT UNSIGNED", "v"),
        ("DROP COLUMN v", "v"),
        ("RENAME COLUMN v TO w", ""),
        ("MODIFY d DECIMAL(12,3)", "d"),
        ("MODIFY at DATETIME(3)", "at"),
    ] {
        let here = Here::new(family, "captured_before").await;
        here.execute("CREATE TABLE t (id INT PRIMARY KEY, v INT, d DECIMAL(12,2), at DATETIME)").await;
        let stale = here.table("t").await;
        here.execute(&format!("ALTER TABLE t {change}; CREATE TABLE marker (id INT PRIMARY KEY)")).await;
        let marker = here.table("marker").await;
        let armed = here.engine.arm(&request(vec![marker])).await.unwrap();
        let stale = request(vec![stale]);
        let mut capture = here.engine.capture(&stale, &armed.position, &armed.incarnation).await.unwrap();
        here.execute("INSERT INTO t (id) VALUES (1)").await;
        let error = loop {
            if let Err(error) = capture.next().await {
                break error;
            }
        };
        assert_eq!(fault(&error), CaptureFault::SchemaChanged, "{change}: {error}");
        assert!(error.to_string().contains(&format!("`{column}")), "{change}: {error}");
    }
}

async fn other_changes_do_not_stop(family: Family) {
    let here = Here::new(family, "captured_others").await;
    here.execute("CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, v INT)").await;
    let mut follower = Follower::new(&here, &["t"]).await;
    here.execute(
        "CREATE TABLE u (id INT PRIMARY KEY, t INT REFERENCES t (id)); ALTER TABLE u ADD v INT; DROP TABLE u; \
         ALTER TABLE t AUTO_INCREMENT = 1000; INSERT INTO t (v) VALUES (1); ANALYZE TABLE t; OPTIMIZE TABLE t; \
         CREATE TEMPORARY TABLE t (id INT); INSERT INTO t VALUES (5); DROP TEMPORARY TABLE t; \
         CREATE VIEW w AS SELECT * FROM t; CREATE TABLE copy AS SELECT * FROM t; \
         CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET NEW.v = 7; INSERT INTO t (v) VALUES (2)",
    )
    .await;
    assert_eq!(follower.catch_up(&here, 1).await.len(), 2);
    follower.agrees(&here.engine).await;
}

async fn all_rows_may_be_removed_at_once(family: Family) {
    let here = Here::new(family, "captured_truncate").await;
    here.execute("CREATE TABLE t (id INT PRIMARY KEY); CREATE TABLE u (id INT PRIMARY KEY)").await;
    let mut follower = Follower::new(&here, &["t", "u"]).await;
    here.execute("INSERT INTO t VALUES (1); INSERT INTO u VALUES (1); TRUNCATE TABLE t; INSERT INTO t VALUES (2)")
        .await;
    let transactions = follower.catch_up(&here, 1).await;
    assert_eq!(transactions[2].changes, [Change::Truncate { tables: vec![0] }]);
    follower.agrees(&here.engine).await;
}

/// A follower of `t (id, v)` on a server of its own, which the rest of the suite
/// does not write to.
async fn alone(family: Family) -> (switchback_fixtures::Server, Follower) {
    let server = private(family, &[]).await;
    server.create_database("here").await.unwrap();
    let create = "CREATE TABLE t (id INT PRIMARY KEY, v INT); CREATE TABLE marker (id INT PRIMARY KEY)";
    server.execute("here", create).await.unwrap();
    let engine = connect(&server.url("here")).await.unwrap();
    let follower = Follower::of(&engine, vec![describe(&engine, "t").await, describe(&engine, "marker").await]).await;
    (server, follower)
}

async fn unfaithful(family: Family, script: &str, words: &str) {
    let (server, mut follower) = alone(family).await;
    server.execute("here", &format!("INSERT INTO t VALUES (1, 1); {script}")).await.unwrap();
    let error = follower.fails().await;
    assert_eq!(fault(&error), CaptureFault::Unfaithful, "{error}");
    assert!(error.to_string().contains(words), "{error}");
    assert_eq!(follower.model[0].len(), 1);
}

async fn statements_instead_of_rows_stop(family: Family) {
    unfaithful(family, "SET SESSION binlog_format = 'STATEMENT'; UPDATE t SET v = 2", "UPDATE").await;
}

async fn images_that_are_not_full_stop(family: Family) {
    unfaithful(family, "SET SESSION binlog_row_image = 'MINIMAL'; UPDATE t SET v = 2", "binlog_row_image").await;
    unfaithful(
        family,
        "SET GLOBAL binlog_row_metadata = 'MINIMAL'; INSERT INTO t VALUES (2, 2)",
        "binlog_row_metadata",
    )
    .await;
}

async fn prepared_xa_transactions_stop(family: Family) {
    let (server, mut follower) = alone(family).await;
    server.execute("here", "XA START 'a'; INSERT INTO t VALUES (1, 1); XA END 'a'; XA PREPARE 'a'").await.unwrap();
    let error = loop {
        if let Err(error) = follower.capture.next().await {
            break error;
        }
    };
    assert_eq!(fault(&error), CaptureFault::Unfaithful, "{error}");
    // Nor can a stream begin while there is one.
    let engine = connect(&server.url("here")).await.unwrap();
    let error = engine.arm(&follower.request).await.unwrap_err();
    assert_eq!(fault(&error), CaptureFault::Unfaithful, "{error}");
    server.execute("here", "XA COMMIT 'a'").await.unwrap();
    engine.arm(&follower.request).await.unwrap();
}

async fn a_table_that_is_another_by_now_is_not_armed(family: Family) {
    let here = Here::new(family, "armed_stale").await;
    here.execute("CREATE TABLE t (id INT PRIMARY KEY, v INT)").await;
    let stale = request(vec![here.table("t").await]);
    for change in ["ALTER TABLE t MODIFY v BIGINT", "DROP TABLE t"] {
        here.execute(change).await;
        let error = here.engine.arm(&stale).await.unwrap_err();
        assert_eq!(fault(&error), CaptureFault::SchemaChanged, "{error}");
    }
}

async fn tables_that_cannot_be_followed_are_not_armed(family: Family) {
    let here = Here::new(family, "armed_tables").await;
    here.execute("CREATE TABLE p (id INT PRIMARY KEY)").await;
    let mut refused = vec![
        ("id INT PRIMARY KEY) ENGINE=MyISAM", "storage engine"),
        ("id INT PRIMARY KEY, v VARCHAR(9) CHARACTER SET ujis", "ujis"),
    ];
    if family == Family::MariaDb {
        refused.extend([
            ("id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE", "CASCADE"),
            ("id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES p (id) ON UPDATE SET NULL", "CASCADE"),
            ("id INT PRIMARY KEY, v TEXT COMPRESSED", "COMPRESSED"),
            ("id INT PRIMARY KEY) WITH SYSTEM VERSIONING", "history"),
        ]);
    }
    for (columns, words) in refused {
        let end = if columns.contains(") ENGINE") || columns.contains(") WITH") { "" } else { ")" };
        here.execute(&format!("DROP TABLE IF EXISTS t; CREATE TABLE t ({columns}{end}")).await;
        let error = here.engine.arm(&request(vec![here.table("t").await])).await.unwrap_err();
        assert_eq!(fault(&error), CaptureFault::Unfaithful, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    here.execute(
        "DROP TABLE t; CREATE TABLE t (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES p (id) ON DELETE RESTRICT)",
    )
    .await;
    here.engine.arm(&request(vec![here.table("t").await])).await.unwrap();
}

/// On MySQL 9 the rows that a key changes are in the log.
#[tokio::test]
async fn rows_of_cascades_are_captured() {
    let here = Here::new(Family::MySql, "captured_cascade").await;
    here.execute(
        "CREATE TABLE p (id INT PRIMARY KEY); \
         CREATE TABLE c (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE ON UPDATE CASCADE)",
    )
    .await;
    let mut follower = Follower::new(&here, &["p", "c"]).await;
    here.execute(
        "INSERT INTO p VALUES (1), (2), (3); INSERT INTO c VALUES (10, 1), (11, 1), (20, 2); DELETE FROM p WHERE id = 1; \
         UPDATE p SET id = 7 WHERE id = 2",
    )
    .await;
    follower.catch_up(&here, 1).await;
    assert_eq!((follower.model[0].len(), follower.model[1].len()), (2, 1));
    follower.agrees(&here.engine).await;
    let server = private(Family::MySql, &["--innodb-native-foreign-keys=ON"]).await;
    server.create_database("here").await.unwrap();
    server
        .execute(
            "here",
            "CREATE TABLE p (id INT PRIMARY KEY); \
             CREATE TABLE c (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE)",
        )
        .await
        .unwrap();
    let engine = connect(&server.url("here")).await.unwrap();
    let error = engine.arm(&request(vec![describe(&engine, "c").await])).await.unwrap_err();
    assert!(error.to_string().contains("CASCADE"), "{error}");
}

async fn servers_that_log_too_little_are_not_armed(family: Family) {
    for (argument, words) in [
        ("--skip-log-bin", "log_bin"),
        ("--binlog-do-db=elsewhere", "binlog_do_db"),
        ("--binlog-ignore-db=here", "binlog_ignore_db"),
    ] {
        let server = private(family, &[argument]).await;
        server.create_database("here").await.unwrap();
        server.execute("here", "CREATE TABLE t (id INT PRIMARY KEY)").await.unwrap();
        not_armed(&server, words).await;
    }
    let (server, follower) = alone(family).await;
    let mut settings = vec![
        ("binlog_format", "STATEMENT", "ROW"),
        ("binlog_row_image", "NOBLOB", "FULL"),
        ("binlog_row_metadata", "MINIMAL", "FULL"),
    ];
    if family == Family::MySql {
        settings.push(("gtid_mode", "ON_PERMISSIVE", "ON"));
        settings.push(("binlog_row_value_options", "PARTIAL_JSON", ""));
    }
    for (name, wrong, right) in settings {
        server.execute("here", &format!("SET GLOBAL {name} = '{wrong}'")).await.unwrap();
        not_armed(&server, name).await;
        server.execute("here", &format!("SET GLOBAL {name} = '{right}'")).await.unwrap();
    }
    let engine = connect(&server.url("here")).await.unwrap();
    engine.arm(&follower.request).await.unwrap();
}

async fn not_armed(server: &switchback_fixtures::Server, words: &str) {
    let engine = connect(&server.url("here")).await.unwrap();
    let error = engine.arm(&request(vec![describe(&engine, "t").await])).await.unwrap_err();
    assert!(matches!(error, Error::Capture { .. }), "{words}: {}", chain(&error));
    assert_eq!(fault(&error), CaptureFault::Unfaithful, "{words}: {error}");
    assert!(error.to_string().contains(words), "{words}: {error}");
}
