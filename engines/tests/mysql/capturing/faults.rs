//! Servers that are killed, logs that are removed, rights that are missing.

use switchback_engines::{CaptureFault, Class, Endpoint as _, Position, WriterOptions};
use switchback_fixtures::Family;

use super::super::as_user;
use super::{Follower, Here, chain, connect, describe, fault, private, request, resume};

on_both!(
    nothing_is_lost_or_repeated_when_the_server_is_killed,
    a_log_that_was_removed_is_gone,
    positions_of_other_logs_are_refused,
    rights_that_are_missing_are_named,
    the_log_comes_over_tls,
);

async fn nothing_is_lost_or_repeated_when_the_server_is_killed(family: Family) {
    let mut server = private(family, &["--sync-binlog=1", "--innodb-flush-log-at-trx-commit=1"]).await;
    server.create_database("here").await.unwrap();
    let create = "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(200)); CREATE TABLE marker (id INT PRIMARY KEY)";
    server.execute("here", create).await.unwrap();
    let url = server.url("here");
    let engine = connect(&url).await.unwrap();
    let mut follower =
        Follower::of(&engine, vec![describe(&engine, "t").await, describe(&engine, "marker").await]).await;
    let mut next = 0;
    for round in 0..5 {
        // Two sessions write for as long as there is a server.
        let mut writers = Vec::new();
        for _ in 0..2 {
            let mut writer = engine.writer(&WriterOptions::default()).await.unwrap();
            let first = next;
            next += 1_000_000;
            writers.push(tokio::spawn(async move {
                for id in first.. {
                    let rows = format!("INSERT INTO t VALUES ({id}, REPEAT('x', 150))");
                    let more = format!("UPDATE t SET v = 'y' WHERE id = {id}");
                    if writer.run(&["BEGIN".to_owned(), rows, more, "COMMIT".to_owned()]).await.is_err() {
                        return id - first;
                    }
                }
                0
            }));
        }
        // Read a while, then kill the server in the middle of it.
        let mut seen = 0;
        while seen < 80 {
            seen += follower.next().await.unwrap().len();
        }
        server.kill().unwrap();
        let error = follower.fails().await;
        assert_eq!(error.class(), Class::Transient, "{}", chain(&error));
        for writer in writers {
            assert!(writer.await.unwrap() > 0, "it wrote nothing");
        }
        server.start_again().await.unwrap();
        // A transaction of which not all was read begins again.
        if let Some(changes) = follower.open.take() {
            follower.undo(changes);
        }
        let position = follower.position.clone();
        follower.capture = resume(&engine, &follower.request, &position, &follower.armed)
            .await
            .unwrap_or_else(|e| panic!("{}", chain(&e)));
        server.execute("here", &format!("INSERT INTO marker VALUES ({round})")).await.unwrap();
        follower.until(round).await.unwrap_or_else(|e| panic!("{}", chain(&e)));
        follower.agrees(&engine).await;
    }
}

async fn a_log_that_was_removed_is_gone(family: Family) {
    let server = private(family, &[]).await;
    server.create_database("here").await.unwrap();
    let create = "CREATE TABLE t (id INT PRIMARY KEY); CREATE TABLE marker (id INT PRIMARY KEY)";
    server.execute("here", create).await.unwrap();
    let engine = connect(&server.url("here")).await.unwrap();
    let tables = vec![describe(&engine, "t").await, describe(&engine, "marker").await];
    let mut follower = Follower::of(&engine, tables).await;
    server.execute("here", "INSERT INTO t VALUES (1); INSERT INTO marker VALUES (1)").await.unwrap();
    follower.until(1).await.unwrap();
    drop(follower.capture);
    let purge = "INSERT INTO t VALUES (2); FLUSH BINARY LOGS; INSERT INTO t VALUES (3); FLUSH BINARY LOGS; \
                 INSERT INTO t VALUES (4)";
    server.execute("here", purge).await.unwrap();
    purge_all(&server).await;
    let error = match resume(&engine, &follower.request, &follower.position, &follower.armed).await {
        Err(error) => error,
        Ok(mut capture) => loop {
            if let Err(error) = capture.next().await {
                break error;
            }
        },
    };
    assert_eq!(fault(&error), CaptureFault::LogGone, "{error}");
}

async fn purge_all(server: &switchback_fixtures::Server) {
    server.execute("here", "FLUSH BINARY LOGS").await.unwrap();
    let deadline = std::time::Instant::now() + super::PATIENCE;
    loop {
        // A file that is still being read is not removed.
        server.execute("here", "PURGE BINARY LOGS BEFORE NOW() + INTERVAL 1 DAY").await.unwrap();
        let probe = "CREATE TEMPORARY TABLE x (id INT)";
        server.execute("here", probe).await.unwrap();
        let engine = connect(&server.url("here")).await.unwrap();
        let mut writer = engine.writer(&WriterOptions::default()).await.unwrap();
        let files = writer.run(&["SHOW BINARY LOGS".to_owned()]).await.unwrap();
        if files[0].rows.len() == 1 {
            return;
        }
        assert!(std::time::Instant::now() < deadline, "{:?}", files[0].rows);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

async fn positions_of_other_logs_are_refused(family: Family) {
    let here = Here::new(family, "captured_other").await;
    here.execute("CREATE TABLE t (id INT PRIMARY KEY)").await;
    let request = request(vec![here.table("t").await]);
    let armed = here.engine.arm(&request).await.unwrap();
    for (position, incarnation, expected) in [
        (armed.position.0.clone(), "server_uuid elsewhere".to_owned(), CaptureFault::OtherIncarnation),
        ("0/16B3748".to_owned(), armed.incarnation.clone(), CaptureFault::OtherIncarnation),
        (ahead(family, &armed.position), armed.incarnation.clone(), CaptureFault::Ahead),
    ] {
        let refused = here.engine.capture(&request, &Position(position.clone()), &incarnation).await;
        let Err(error) = refused else { panic!("{position} was taken") };
        assert_eq!(fault(&error), expected, "{error}");
    }
    assert!(here.engine.disarm(&request).await.unwrap().is_empty());
}

/// A position that the server will not have reached by the end of the suite.
fn ahead(family: Family, position: &Position) -> String {
    match family {
        Family::MariaDb => {
            let (head, _) = position.0.rsplit_once('-').expect("a position");
            format!("{head}-999999999")
        }
        _ => {
            let (uuid, _) = position.0.split_once(':').expect("a position");
            format!("{uuid}:1-999999999")
        }
    }
}

async fn rights_that_are_missing_are_named(family: Family) {
    let here = Here::new(family, "denied").await;
    let name = here.server.name().to_owned();
    here.execute(&format!(
        "CREATE TABLE t (id INT PRIMARY KEY); CREATE USER `{name}` IDENTIFIED BY 'p'; GRANT SELECT ON `{name}`.* TO `{name}`"
    ))
    .await;
    let request = request(vec![here.table("t").await]);
    let grants: &[&str] = match family {
        Family::MariaDb => &["BINLOG MONITOR", "REPLICATION SLAVE"],
        _ => &["REPLICATION CLIENT", "XA_RECOVER_ADMIN", "REPLICATION SLAVE"],
    };
    for grant in grants {
        let account = connect(&as_user(here.server.url(), &name, "p")).await.unwrap();
        let error = account.arm(&request).await.unwrap_err();
        assert_eq!(fault(&error), CaptureFault::Denied, "before {grant}: {}", chain(&error));
        here.execute(&format!("GRANT {grant} ON *.* TO `{name}`")).await;
    }
    let account = connect(&as_user(here.server.url(), &name, "p")).await.unwrap();
    let armed = account.arm(&request).await.unwrap_or_else(|e| panic!("{}", chain(&e)));
    account.capture(&request, &armed.position, &armed.incarnation).await.map(drop).unwrap();
    here.execute(&format!("DROP USER `{name}`")).await;
}

async fn the_log_comes_over_tls(family: Family) {
    let server = private(family, &[]).await;
    server.create_database("here").await.unwrap();
    let create = "CREATE TABLE t (id INT PRIMARY KEY, v LONGBLOB); CREATE TABLE marker (id INT PRIMARY KEY)";
    server.execute("here", create).await.unwrap();
    let authority = server.authority_certificate();
    let url = format!("{}?ssl-mode=verify_identity&ssl-ca={}", server.url("here"), authority.display());
    let engine = connect(&url).await.unwrap();
    let mut follower =
        Follower::of(&engine, vec![describe(&engine, "t").await, describe(&engine, "marker").await]).await;
    server
        .execute("here", "INSERT INTO t VALUES (1, REPEAT('x', 1000000)), (2, NULL); INSERT INTO marker VALUES (1)")
        .await
        .unwrap();
    assert_eq!(follower.until(1).await.unwrap().len(), 1);
    follower.agrees(&engine).await;
}
