//! Runs the binary in a folder of its own, on databases made for the test.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;

/// An empty folder in which the binary runs, gone afterwards.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

/// What the process left.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// With `old.db` and `new.db`, both made by the same statements.
    pub(crate) fn with_equal(sql: &str) -> Self {
        let place = Self::new();
        place.database("old.db", sql);
        place.database("new.db", sql);
        place
    }

    /// Two tables that are equal, and a third one in which a row differs.
    pub(crate) fn with_difference() -> Self {
        let place = Self::with_equal(
            "CREATE TABLE a (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO a VALUES (1, 'x'), (2, 'y');
             CREATE TABLE b (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO b VALUES (1, 'x');
             CREATE TABLE c (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO c VALUES (1, 'x'), (2, 'y'), (3, 'z');",
        );
        place.database("new.db", "UPDATE c SET v = 'Y' WHERE id = 2");
        place
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Runs statements in a SQLite file, which need not be there yet.
    pub(crate) fn database(&self, name: &str, sql: &str) {
        execute(&self.path().join(name), sql);
    }

    /// The binary, which inherits nothing that could change what it does.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_switchback"));
        command.args(words).current_dir(self.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SWITCHBACK_") {
                command.env_remove(name);
            }
        }
        command
    }

    pub(crate) fn run(&self, words: &[&str]) -> Ended {
        self.command(words).output().unwrap().into()
    }

    pub(crate) fn run_with(&self, variables: &[(&str, &str)], words: &[&str]) -> Ended {
        self.command(words).envs(variables.iter().copied()).output().unwrap().into()
    }

    /// `switchback verify old.db new.db`, and more words.
    pub(crate) fn verify(&self, words: &[&str]) -> Ended {
        self.run(&[&["verify", "sqlite:old.db", "sqlite:new.db"], words].concat())
    }

    /// Starts a run that is in the middle of its work when this returns, and
    /// would be for a very long time. The run's folder is `run`.
    pub(crate) fn start_endless(&self, words: &[&str]) -> Child {
        const ENDLESS: &str = "--source-filter=c=(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n \
                               WHERE i < 1000000000000) SELECT count(*) FROM n) > id";
        let always = ["verify", "sqlite:old.db", "sqlite:new.db", "--run-dir", "run", ENDLESS];
        let mut command = self.command(&[&always, words].concat());
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        wait_until("the run's folder is there", || self.path().join("run").is_dir());
        child
    }
}

/// Runs statements in a SQLite file, which need not be there yet; waits for whoever
/// writes to it.
pub(crate) fn execute(path: &Path, sql: &str) {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let options = options.busy_timeout(Duration::from_secs(60));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut connection = options.connect().await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
        sqlx::Connection::close(connection).await.unwrap();
    });
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ended {
    /// Ended with this code and said each of these on stderr.
    #[track_caller]
    pub(crate) fn expect(self, code: i32, on_stderr: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        for text in on_stderr {
            assert!(self.stderr.contains(text), "`{text}` is missing: {self:#?}");
        }
        self
    }

    /// stdout as one JSON value.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

#[track_caller]
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn read_json(path: &Path) -> serde_json::Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}
