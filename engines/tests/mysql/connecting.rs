//! Getting in: accounts, methods, TLS, sockets; and staying out.

use std::time::{Duration, Instant};

use switchback_engines::{ConnectFault, ConnectOptions, Database, DatabaseUrl, Error, mysql::MySql};
use switchback_fixtures::{Family, Kind, Server};
use tokio::net::{TcpListener, TcpStream, UnixListener};

use super::{Here, as_user, chain, connect, private};

on_both!(
    tls_is_what_the_url_says,
    plain_only_where_the_server_has_no_tls,
    passwords_of_any_kind_let_in,
    wrong_credentials_are_refused_at_once,
    a_local_socket_needs_no_tls,
    survives_a_server_that_starts_again,
    a_server_that_can_do_less_is_understood,
);

fn fault(error: &Error) -> ConnectFault {
    match error {
        Error::Connect { fault, .. } => *fault,
        other => panic!("{other:?}"),
    }
}

async fn refused(url: &str) -> Error {
    match connect(url).await {
        Ok(_) => panic!("it let us in"),
        Err(error) => {
            let text = format!("{} {error:?}", chain(&error));
            assert!(!text.contains("s3cret") && !text.contains("wr0ng"), "{text}");
            error
        }
    }
}

/// The session's cipher as the server sees it: empty without TLS.
async fn cipher(engine: &MySql) -> bool {
    let status = |filter: &'static str| async move {
        let table = switchback_engines::Table {
            name: switchback_engines::TableRef {
                schema: Some("information_schema".to_owned()),
                name: "SCHEMATA".to_owned(),
            },
            columns: Vec::new(),
            primary_key: None,
            unique_keys: Vec::new(),
            foreign_keys: Vec::new(),
            row_estimate: 0,
            bytes_estimate: 0,
            children: Vec::new(),
        };
        engine.count(&table, Some(filter)).await
    };
    // Each server shows it in a place of its own.
    match status(
        "EXISTS (SELECT 1 FROM information_schema.SESSION_STATUS \
         WHERE VARIABLE_NAME = 'Ssl_cipher' AND VARIABLE_VALUE <> '')",
    )
    .await
    {
        Ok(count) => count > 0,
        Err(_) => {
            let own = "EXISTS (SELECT 1 FROM performance_schema.session_status \
                       WHERE VARIABLE_NAME = 'Ssl_cipher' AND VARIABLE_VALUE <> '')";
            status(own).await.expect("a count") > 0
        }
    }
}

async fn tls_is_what_the_url_says(family: Family) {
    let server = private(family, &[]).await;
    server.create_database("here").await.unwrap();
    let authority = server.authority_certificate();
    let authority = authority.to_str().unwrap();
    let url = server.url("here");
    for (parameters, encrypted) in [
        (String::new(), true),
        ("?ssl-mode=disabled".to_owned(), false),
        ("?ssl-mode=preferred".to_owned(), true),
        ("?ssl-mode=REQUIRED".to_owned(), true),
        (format!("?ssl-mode=verify_ca&ssl-ca={authority}"), true),
        (format!("?ssl-mode=VERIFY_IDENTITY&ssl-ca={authority}"), true),
    ] {
        let engine = connect(&format!("{url}{parameters}")).await.unwrap();
        assert_eq!(cipher(&engine).await, encrypted, "{parameters}");
    }
    // The same server by a name that its certificate doesn't have.
    let elsewhere = url.replace("@127.0.0.1:", "@[::ffff:127.0.0.1]:");
    connect(&format!("{elsewhere}?ssl-mode=verify_ca&ssl-ca={authority}")).await.unwrap();
    let error = refused(&format!("{elsewhere}?ssl-mode=verify_identity&ssl-ca={authority}")).await;
    assert_eq!(fault(&error), ConnectFault::Tls, "{}", chain(&error));
    assert!(chain(&error).contains("name"), "{}", chain(&error));
    // Another authority, of servers of another kind.
    let other = Server::start(Kind::Postgres15).await.unwrap();
    let kept = other.authority_certificate();
    for mode in ["verify_ca", "verify_identity"] {
        let error = refused(&format!("{url}?ssl-mode={mode}&ssl-ca={}", kept.display())).await;
        assert_eq!(fault(&error), ConnectFault::Tls, "{}", chain(&error));
        for ca in ["", "&ssl-ca=/nowhere.pem", "&ssl-ca=/etc/passwd"] {
            let error = refused(&format!("{url}?ssl-mode={mode}{ca}")).await;
            assert!(matches!(error, Error::Url { .. }), "{error:?}");
        }
    }
}

/// Both servers have TLS unless they are told not to.
async fn without_tls(family: Family) -> Server {
    let argument = match family {
        Family::MySql => "--tls-version=",
        Family::MariaDb | Family::Postgres => "--skip-ssl",
    };
    let server = private(family, &[argument]).await;
    server.create_database("here").await.unwrap();
    server
}

async fn plain_only_where_the_server_has_no_tls(family: Family) {
    let server = without_tls(family).await;
    let url = server.url("here");
    let engine = connect(&url).await.unwrap();
    assert!(!cipher(&engine).await);
    let authority = server.authority_certificate();
    for mode in ["required".to_owned(), format!("verify_ca&ssl-ca={}", authority.display())] {
        let error = refused(&format!("{url}?ssl-mode={mode}")).await;
        assert_eq!(fault(&error), ConnectFault::Tls, "{}", chain(&error));
        assert!(error.hint().is_some_and(|hint| hint.contains("ssl-mode")));
    }
}

/// Each method of each server, with and without TLS, the first time (when the
/// server has to see the password) and again (when it remembers it).
async fn passwords_of_any_kind_let_in(family: Family) {
    let server = private(family, &[]).await;
    server.create_database("here").await.unwrap();
    let methods: &[&str] = match family {
        Family::MySql => &["caching_sha2_password", "sha256_password"],
        Family::MariaDb | Family::Postgres => &["mysql_native_password"],
    };
    let long = "x".repeat(190);
    for method in methods {
        for (password, encoded) in [("", ""), ("s3cret", "s3cret"), ("p:/@ é", "p%3A%2F%40%20%C3%A9"), (&long, &long)]
        {
            for mode in ["disabled", "required"] {
                let account = match family {
                    Family::MySql => format!("IDENTIFIED WITH {method} BY '{password}'"),
                    Family::MariaDb | Family::Postgres => {
                        format!("IDENTIFIED VIA {method} USING PASSWORD('{password}')")
                    }
                };
                let create = format!("DROP USER IF EXISTS u; CREATE USER u {account}; GRANT SELECT ON here.* TO u");
                server.execute("here", &create).await.unwrap();
                let url = as_user(&server.url("here"), "u", encoded);
                for attempt in 0..3 {
                    let engine = connect(&format!("{url}?ssl-mode={mode}")).await;
                    let engine = engine.unwrap_or_else(|e| panic!("{method} {mode} {attempt}: {}", chain(&e)));
                    assert_eq!(engine.tables().await.unwrap(), []);
                }
                let error = refused(&format!("{}?ssl-mode={mode}", as_user(&server.url("here"), "u", "wr0ng"))).await;
                assert_eq!(fault(&error), ConnectFault::Refused, "{method} {mode}: {}", chain(&error));
            }
        }
    }
    let unsupported = match family {
        Family::MySql => "CREATE USER odd IDENTIFIED WITH sha256_password BY 's3cret' REQUIRE X509",
        Family::MariaDb | Family::Postgres => "CREATE USER odd IDENTIFIED VIA unix_socket",
    };
    server.execute("here", unsupported).await.unwrap();
    let error = refused(&as_user(&server.url("here"), "odd", "s3cret")).await;
    assert_eq!(fault(&error), ConnectFault::Refused, "{}", chain(&error));
    server
        .execute("here", "DROP USER u; CREATE USER u IDENTIFIED BY 's3cret' REQUIRE SSL; GRANT SELECT ON here.* TO u")
        .await
        .unwrap();
    let url = as_user(&server.url("here"), "u", "s3cret");
    connect(&url).await.unwrap();
    assert_eq!(fault(&refused(&format!("{url}?ssl-mode=disabled")).await), ConnectFault::Refused);
}

async fn wrong_credentials_are_refused_at_once(family: Family) {
    let here = Here::new(family, "wrong").await;
    let url = here.server.url();
    let begin = Instant::now();
    for wrong in [
        as_user(url, "nobody_here", "s3cret"),
        as_user(url, "root", "wr0ng"),
        url.replace(here.server.name(), "no_such_database"),
    ] {
        let error = refused(&wrong).await;
        assert_eq!(fault(&error), ConnectFault::Refused, "{}", chain(&error));
        assert!(error.hint().is_some());
    }
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
}

/// Everything that a client writes to a socket of ours goes to the server.
fn forward(listener: UnixListener, address: String) {
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let address = address.clone();
            tokio::spawn(async move {
                let mut server = TcpStream::connect(address).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
}

/// The socket is not one of the server's, which may be out of our reach, so the
/// server must know the password by then.
async fn a_local_socket_needs_no_tls(family: Family) {
    let server = private(family, &[]).await;
    server.create_database("here").await.unwrap();
    server.execute("here", "CREATE USER u IDENTIFIED BY 's3cret'; GRANT SELECT ON here.* TO u").await.unwrap();
    connect(&as_user(&server.url("here"), "u", "s3cret")).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    forward(UnixListener::bind(&path).unwrap(), format!("127.0.0.1:{}", server.port()));
    let url = format!("mysql://u:s3cret@localhost:1/here?socket={}", path.display());
    let engine = connect(&url).await.unwrap();
    assert!(!cipher(&engine).await);
    assert!(cipher(&connect(&format!("{url}&ssl-mode=required")).await.unwrap()).await);
    let error = refused(&format!("{url}x")).await;
    assert_eq!(fault(&error), ConnectFault::Unreachable);
}

/// Idle connections are dead by then, and nobody notices but the pool.
async fn survives_a_server_that_starts_again(family: Family) {
    let mut server = private(family, &[]).await;
    server.create_database("here").await.unwrap();
    let engine = connect(&server.url("here")).await.unwrap();
    assert_eq!(engine.tables().await.unwrap(), []);
    server.kill().unwrap();
    assert_eq!(fault(&engine.tables().await.unwrap_err()), ConnectFault::Unreachable);
    server.start_again().await.unwrap();
    assert_eq!(engine.tables().await.unwrap(), []);
}

/// What a server says it can do, less what came with MySQL 5.6 and 5.7: the
/// attributes of a connection, long answers to its nonce, and results without
/// an end of their definitions.
fn weakened(greeting: &mut [u8]) {
    let version = 5 + greeting[5..].iter().position(|&b| b == 0).expect("the end of the version");
    // A zero, the connection's number, eight bytes and a zero, two bytes of
    // capabilities, the character set and the status: then the upper two.
    let upper = version + 1 + 4 + 9 + 2 + 3;
    greeting[upper] &= !0b0011_0000;
    greeting[upper + 1] &= !0b0000_0001;
}

async fn a_server_that_can_do_less_is_understood(family: Family) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let here = Here::new(family, "less").await;
    here.execute(&format!("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(9)); {}", super::numbers("t", 30_000))).await;
    let url = here.server.url().to_owned();
    let (account, place) = url.split_once('@').unwrap();
    let (address, database) = place.split_once('/').unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ours = listener.local_addr().unwrap();
    let address = address.to_owned();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let address = address.clone();
            tokio::spawn(async move {
                let mut server = TcpStream::connect(address).await.unwrap();
                let mut greeting = vec![0; 4];
                server.read_exact(&mut greeting).await.unwrap();
                greeting.resize(4 + usize::from(greeting[0]), 0);
                server.read_exact(&mut greeting[4..]).await.unwrap();
                weakened(&mut greeting);
                client.write_all(&greeting).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    for mode in ["disabled", "preferred"] {
        let engine = connect(&format!("{account}@{ours}/{database}?ssl-mode={mode}")).await.unwrap();
        assert_eq!(engine.tables().await.unwrap(), [here.table_ref("t")]);
        let table = engine.describe(&here.table_ref("t")).await.unwrap().unwrap();
        assert_eq!(table, here.table("t").await);
        let rows = super::read(&engine, &table, switchback_engines::Scope::All, None).await.unwrap();
        assert_eq!(rows.len(), 30_000);
        assert!(engine.split_keys(&table, &[0], 5_000).await.unwrap().len() > 2);
        assert!(matches!(engine.count(&table, Some("v = = 1")).await, Err(Error::Query { .. })));
        assert_eq!(engine.count(&table, Some("id < 10")).await.unwrap(), 9);
    }
}

async fn connect_for(address: &str, timeout: Duration) -> Error {
    let options = ConnectOptions { connect_timeout: timeout, ..ConnectOptions::default() };
    let url = DatabaseUrl::parse(&format!("mysql://u:s3cret@{address}/d")).unwrap();
    match MySql::connect(&url, &options).await {
        Ok(_) => panic!("it let us in"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_host_that_is_down_is_unreachable() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for address in [free.to_string(), "no-such-host.invalid:3306".to_owned()] {
        let error = connect_for(&address, Duration::from_secs(20)).await;
        assert_eq!(fault(&error), ConnectFault::Unreachable, "{}", chain(&error));
        assert!(error.to_string().starts_with("cannot connect to "), "{error}");
    }
}

/// Something listens, but says nothing, or something else, or leaves.
#[tokio::test]
async fn what_is_no_server_is_not_waited_for() {
    use tokio::io::AsyncWriteExt as _;
    let greetings: [(&[u8], ConnectFault); 5] = [
        (b"", ConnectFault::Unreachable),
        (b"SSH-2.0-OpenSSH_9.2\r\n", ConnectFault::Other),
        (b"\x01\x00\x00\x00\x0A", ConnectFault::Other),
        (b"\x01\x00\x00\x07\x0A", ConnectFault::Other),
        (b"\x17\x00\x00\x00\xFF\x10\x04Too many connections", ConnectFault::Unreachable),
    ];
    for (greeting, expected) in greetings {
        for hang_up in [false, true] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap().to_string();
            let serve = tokio::spawn(async move {
                let (mut client, _) = listener.accept().await.unwrap();
                client.write_all(greeting).await.unwrap();
                if !hang_up {
                    std::future::pending::<()>().await;
                }
            });
            let error = connect_for(&address, Duration::from_millis(300)).await;
            assert_eq!(fault(&error), expected, "{greeting:?}: {}", chain(&error));
            serve.abort();
        }
    }
}

/// Only MySQL still has it, where it is loaded.
#[tokio::test]
async fn the_old_method_of_mysql_is_known() {
    let server = Server::start(Kind::MariaDb).await.unwrap();
    server.create_database("here").await.unwrap();
    let hash =
        "CREATE USER u IDENTIFIED BY PASSWORD '*14E65567ABDB5135D0CFD9A70B3032C179A49EE7'; GRANT SELECT ON here.* TO u";
    server.execute("here", hash).await.unwrap();
    connect(&as_user(&server.url("here"), "u", "secret")).await.unwrap();
}
