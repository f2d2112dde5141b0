//! What goes wrong in the field, on real servers: a clear error that names the
//! thing and the remedy, and never a half result taken for a whole one.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use switchback_fixtures::{Family, Kind, Server, Side, TestDatabase, database};
use url::Url;

use crate::support::{Ended, Place, read_json};

const THREE: &str = "CREATE TABLE a (id INT PRIMARY KEY, v INT); INSERT INTO a VALUES (1, 1), (2, 2);
                     CREATE TABLE b (id INT PRIMARY KEY, v INT); INSERT INTO b VALUES (1, 1);
                     CREATE TABLE c (id INT PRIMARY KEY, v INT); INSERT INTO c VALUES (1, 1), (2, 2), (3, 3);";

fn on_server<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn filled(family: Family, side: Side, sql: &str) -> TestDatabase {
    on_server(async {
        let database = database(family, side, "bad").await;
        database.execute(sql).await.unwrap();
        database
    })
}

fn with_login(url: &str, user: &str, password: &str) -> String {
    let mut url = Url::parse(url).unwrap();
    url.set_username(user).unwrap();
    url.set_password(Some(password)).unwrap();
    url.into()
}

#[test]
fn nobody_listening_is_2() {
    let place = Place::with_difference();
    // Bound and let go: nobody else is given the port so soon.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for scheme in ["postgres", "mysql", "mariadb"] {
        let url = format!("{scheme}://ada:s3cret@127.0.0.1:{port}/shop");
        let ended = place.run(&["verify", &url, "sqlite:new.db"]).expect(2, &[&format!("127.0.0.1:{port}"), "hint: "]);
        assert!(!format!("{ended:?}").contains("s3cret"));
    }
}

#[test]
fn a_certificate_that_cannot_be_trusted_is_2() {
    let place = Place::with_difference();
    // PostgreSQL's driver asks the machine's own authorities; MySQL's clients
    // want to be told which. Ours does as they do.
    for (family, mode, remedy) in [
        (Family::Postgres, "sslmode=verify-full", "the two ends do not agree on TLS"),
        (Family::MySql, "ssl-mode=verify_identity", "ssl-ca=FILE"),
        (Family::MariaDb, "ssl-mode=verify_identity", "ssl-ca=FILE"),
    ] {
        let database = on_server(database(family, Side::Source, "bad"));
        let url = format!("{}?{mode}", database.url());
        place.run(&["verify", &url, "sqlite:new.db"]).expect(2, &["error: ", "hint: ", remedy]);
    }
}

/// The others are compared all the same, and the result says which was not.
#[test]
fn a_table_without_the_right_to_read_is_3() {
    for family in [Family::Postgres, Family::MySql, Family::MariaDb] {
        let place = Place::new();
        let (source, target) = (filled(family, Side::Source, THREE), filled(family, Side::Target, THREE));
        let user = format!("u_{}", &source.name()[source.name().len() - 8..]);
        let name = source.name();
        let grants = match family {
            Family::Postgres => format!(
                "CREATE ROLE {user} LOGIN PASSWORD 's3cret'; GRANT SELECT ON a, c TO {user}; GRANT INSERT ON b TO {user}"
            ),
            Family::MySql | Family::MariaDb => format!(
                "CREATE USER {user} IDENTIFIED BY 's3cret'; GRANT SELECT ON {name}.a TO {user};
                 GRANT SELECT ON {name}.c TO {user}; GRANT INSERT ON {name}.b TO {user}"
            ),
        };
        on_server(source.execute(&grants)).unwrap();
        let url = with_login(source.url(), &user, "s3cret");
        let ended = place.run(&["verify", &url, target.url(), "--run-dir", "run", "--format", "json"]);
        let dropped = match family {
            Family::Postgres => format!("DROP OWNED BY {user}; DROP ROLE {user}"),
            Family::MySql | Family::MariaDb => format!("DROP USER {user}"),
        };
        on_server(source.execute(&dropped)).unwrap();
        assert_eq!(ended.code, Some(3), "{family:?}: {ended:#?}");
        assert_eq!(verdicts(&place.path().join("run")), [("a", "equal"), ("b", "incomplete"), ("c", "equal")].map(own));
        assert!(ended.stdout.contains("grant SELECT"), "{family:?}: {ended:#?}");
    }
}

#[test]
fn a_type_that_is_not_known_is_3_and_names_the_column() {
    let place = Place::new();
    let sql =
        "CREATE TABLE places (id INT PRIMARY KEY, spot aclitem, name text); INSERT INTO places VALUES (1, NULL, 'x');";
    let (source, target) = (filled(Family::Postgres, Side::Source, sql), filled(Family::Postgres, Side::Target, sql));
    let ended = place.run(&["verify", source.url(), target.url()]);
    assert_eq!(ended.code, Some(3), "{ended:#?}");
    assert!(["spot", "aclitem", "ignore"].iter().all(|word| ended.stdout.contains(word)), "{ended:#?}");
    let ended = place.run(&["verify", source.url(), target.url(), "--ignore-columns", "places.spot"]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert!(ended.stdout.contains("spot"), "what was left out is said: {ended:#?}");
}

/// Rows come slowly, one by one; the server is killed while they do.
#[test]
fn a_server_that_dies_in_the_middle_of_a_range_is_3() {
    let place = Place::new();
    let table = "CREATE TABLE t (id INT PRIMARY KEY, v INT); INSERT INTO t SELECT n, n FROM generate_series(1, 5000) n;
                 CREATE TABLE u (id INT PRIMARY KEY)";
    let target = filled(Family::Postgres, Side::Target, table);
    let mut server = on_server(Server::start(Kind::Postgres15)).unwrap();
    on_server(async {
        server.create_database("dying").await.unwrap();
        server.execute("dying", table).await.unwrap();
    });
    let url = server.url("dying");
    let slow = "--source-filter=t=pg_sleep(0.02) IS NOT NULL";
    let mut command = place.command(&["verify", &url, target.url(), "--run-dir", "run", slow, "--no-progress"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let is_reading = "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE 'COPY%pg_sleep%' AND state = 'active')
                      THEN RAISE EXCEPTION 'not yet'; END IF; END $$";
    let deadline = Instant::now() + Duration::from_secs(60);
    while on_server(server.execute("dying", is_reading)).is_err() {
        assert!(Instant::now() < deadline, "the read never began");
    }
    server.kill().unwrap();
    let ended: Ended = child.wait_with_output().unwrap().into();
    assert_eq!(ended.code, Some(3), "{ended:#?}");
    // What breaks is read again, so the last word may be that nobody answers.
    let said = ["closed the connection", "cannot connect"].iter().any(|text| ended.stdout.contains(text));
    assert!(said, "{ended:#?}");
    let verdicts = verdicts(&place.path().join("run"));
    assert_eq!(verdicts[0], own(("t", "incomplete")), "{verdicts:?}");
    assert!(
        verdicts.iter().all(|(_, verdict)| verdict != "different"),
        "what was not read is no difference: {verdicts:?}"
    );
    assert!(!place.path().join("run/differences").exists() || parquet_files(&place.path().join("run")).is_empty());
}

/// A file system of its own, too small for the differences.
#[test]
fn a_full_disk_is_3_and_leaves_no_file_that_looks_whole() {
    let place = Place::new();
    let rows = |seed: u32| {
        format!(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
             INSERT INTO t SELECT i, hex(randomblob(200)) || {seed} FROM n"
        )
    };
    place.database("old.db", &rows(1));
    place.database("new.db", &rows(2));
    let small = SmallDisk::mount(&place.path().join("small"));
    let ended = place.verify(&["--run-dir", "small/run"]);
    assert_eq!(ended.code, Some(3), "{ended:#?}");
    assert!(format!("{}{}", ended.stdout, ended.stderr).contains("No space left"), "{ended:#?}");
    assert_eq!(parquet_files(&place.path().join("small/run")), Vec::<String>::new());
    drop(small);
}

struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(folder: &Path) -> Self {
        std::fs::create_dir(folder).unwrap();
        let status =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=512k", "tmpfs"]).arg(folder).status().unwrap();
        assert!(status.success(), "this test has to mount a small file system, which takes root");
        Self(folder.to_owned())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

fn own((a, b): (&str, &str)) -> (String, String) {
    (a.to_owned(), b.to_owned())
}

/// Each table's short name and verdict, from the run's summary.
fn verdicts(run: &Path) -> Vec<(String, String)> {
    let summary = read_json(&run.join("summary.json"));
    let tables = summary["tables"].as_array().unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    tables.iter().map(|t| (text(&t["source"]["name"]), text(&t["verdict"]))).collect()
}

fn parquet_files(run: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![run.join("differences")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "parquet") {
                found.push(path.display().to_string());
            }
        }
    }
    found
}
