//! Moves, as an operator makes them: with the binary, on real databases.

use std::process::{Child, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use switchback_fixtures::{Family, Side, TestDatabase, database};

use crate::support::{Ended, Place, wait_until};

/// Rows of the larger table.
const ROWS: usize = 20_000;

/// One end of a move.
enum End {
    Server(Box<TestDatabase>),
    File(&'static str),
}

fn on_server<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

impl End {
    fn new(place: &Place, family: Option<Family>, side: Side) -> Self {
        let file = if side == Side::Source { "old.db" } else { "new.db" };
        match family {
            Some(family) => Self::Server(Box::new(on_server(database(family, side, "moves")))),
            None => {
                place.database(file, "PRAGMA journal_mode = WAL");
                Self::File(file)
            }
        }
    }

    fn url(&self) -> String {
        match self {
            Self::Server(database) => database.url().to_owned(),
            Self::File(file) => format!("sqlite:{file}"),
        }
    }

    fn execute(&self, place: &Place, script: &str) {
        match self {
            Self::Server(database) => on_server(database.execute(script)).unwrap_or_else(|e| panic!("{e:?}")),
            Self::File(file) => place.database(file, script),
        }
    }
}

/// A source with rows, an empty target, and the config of a move between them.
struct Scene {
    place: Place,
    source: End,
    target: End,
}

impl Scene {
    fn new(from: Option<Family>, to: Option<Family>, rows: usize) -> Self {
        let place = Place::new();
        let (source, target) = (End::new(&place, from, Side::Source), End::new(&place, to, Side::Target));
        let scene = Self { place, source, target };
        scene.source.execute(
            &scene.place,
            "CREATE TABLE users (id INTEGER NOT NULL PRIMARY KEY, login VARCHAR(40) NOT NULL UNIQUE)",
        );
        scene.source.execute(
            &scene.place,
            "CREATE TABLE orders (id INTEGER NOT NULL PRIMARY KEY, buyer INTEGER NOT NULL, note VARCHAR(400), \
             FOREIGN KEY (buyer) REFERENCES users (id))",
        );
        scene.source.execute(&scene.place, "CREATE INDEX orders_buyer ON orders (buyer)");
        let users: Vec<String> = (0..500).map(|id| format!("({id}, 'user {id}')")).collect();
        scene.source.execute(&scene.place, &format!("INSERT INTO users VALUES {}", users.join(", ")));
        let note = "n".repeat(300);
        for some in (0..rows).collect::<Vec<_>>().chunks(1_000) {
            let orders: Vec<String> = some.iter().map(|id| format!("({id}, {}, '{id} {note}')", id % 500)).collect();
            scene.source.execute(&scene.place, &format!("INSERT INTO orders VALUES {}", orders.join(", ")));
        }
        scene.config("");
        scene
    }

    fn config(&self, more: &str) {
        // The load takes a second or two, so that something can happen meanwhile.
        let load = "[load]\nrange_mib = 1\nmib_per_second = 6\nworkers = 2\n";
        self.place.file("move.toml", &format!("[move]\nname = \"shop\"\n{more}\n{load}"));
    }

    fn variables(&self) -> [(&'static str, String); 2] {
        [("SWITCHBACK_SOURCE_URL", self.source.url()), ("SWITCHBACK_TARGET_URL", self.target.url())]
    }

    fn command(&self, words: &[&str]) -> std::process::Command {
        let mut command = self.place.command(words);
        command.envs(self.variables());
        command
    }

    fn run(&self, words: &[&str]) -> Ended {
        self.command(&[words, &["-c", "move.toml"]].concat()).output().unwrap().into()
    }

    fn start(&self, words: &[&str]) -> Child {
        let mut command = self.command(&[words, &["-c", "move.toml"]].concat());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn migrate(&self) -> Child {
        self.start(&["migrate", "--accept-warnings"])
    }

    fn status(&self) -> Value {
        self.run(&["status", "--format", "json"]).expect(0, &[]).json()
    }

    fn is(&self, state: &str) -> bool {
        self.run(&["status", "--format", "json"]).code == Some(0) && self.status()["task"]["state"] == state
    }

    /// Somebody who adds and changes orders until told to stop; gives how many they know of.
    fn clerk(&self, first: usize) -> Clerk {
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let (url, path) = (self.source.url(), self.place.path().to_owned());
        let family = match &self.source {
            End::Server(database) => Some(database.endpoint().family()),
            End::File(_) => None,
        };
        let task = std::thread::spawn(move || {
            let mut id = first;
            while stopped.try_recv().is_err() {
                id += 1;
                let some = id % 500;
                let script = format!(
                    "INSERT INTO orders VALUES ({id}, {some}, 'late'); UPDATE orders SET note = 'changed {id}' WHERE id = {some}"
                );
                match family {
                    Some(family) => on_server(switchback_fixtures::execute(family, &url, &script)).unwrap(),
                    None => crate::support::execute(&path.join("old.db"), &script),
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            id - first
        });
        Clerk { stop, task }
    }

    /// Ends the move, and has the tool compare.
    fn complete_and_compare(&self) {
        let ended = self.run(&["task", "complete", "--format", "json"]).expect(0, &[]).json();
        assert_eq!(ended["task"]["state"], "completed", "{ended}");
        let compared = self.run(&["verify", "--run-dir", "compared"]).expect(0, &[]);
        assert!(compared.stdout.contains("2 tables"), "{compared:#?}");
    }
}

struct Clerk {
    stop: std::sync::mpsc::Sender<()>,
    task: JoinHandle<usize>,
}

impl Clerk {
    fn stop(self) -> usize {
        self.stop.send(()).unwrap();
        self.task.join().unwrap()
    }
}

fn ended(child: Child) -> Ended {
    child.wait_with_output().unwrap().into()
}

/// Kills the tool again and again while somebody writes; each time the same command goes
/// on, and in the end nothing is missing.
fn survives_kills(from: Option<Family>, to: Option<Family>) {
    let scene = Scene::new(from, to, ROWS);
    let clerk = scene.clerk(100_000);
    let mut seen = std::collections::BTreeSet::new();
    let mut following = 0;
    for n in 0_u64..40 {
        let mut child = scene.migrate();
        // Never at the same time after the start, and later and later.
        std::thread::sleep(Duration::from_millis(150 + n * 170));
        if let Some(status) = child.try_wait().unwrap() {
            panic!("it ended by itself with {status}: {:#?}", ended(child));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let shown = scene.run(&["status", "--format", "json"]);
        if shown.code == Some(0) {
            let task = shown.json()["task"].clone();
            assert_eq!(task["is_at_work"], false, "{task}");
            following += usize::from(task["state"] == "following");
            seen.insert(task["state"].as_str().unwrap().to_owned());
        }
        if n >= 8 && following >= 2 {
            break;
        }
    }
    assert!(seen.contains("loading") && seen.contains("following"), "it was killed in {seen:?} only");
    let mut child = scene.start(&["task", "resume", "--accept-warnings"]);
    wait_until("it follows", || scene.is("following"));
    assert!(clerk.stop() > 50);
    child.kill().unwrap();
    child.wait().unwrap();
    // Its end too, which has several steps.
    for n in 0_u64..6 {
        let mut child = scene.start(&["task", "complete"]);
        std::thread::sleep(Duration::from_millis(100 + n * 120));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    scene.complete_and_compare();
}

#[test]
fn a_move_within_sqlite_goes_on_where_it_was_killed() {
    survives_kills(None, None);
}

#[test]
fn a_move_within_postgres_goes_on_where_it_was_killed() {
    survives_kills(Some(Family::Postgres), Some(Family::Postgres));
}

#[test]
fn a_move_from_mysql_to_mariadb_goes_on_where_it_was_killed() {
    survives_kills(Some(Family::MySql), Some(Family::MariaDb));
}

#[test]
fn a_move_from_mariadb_to_postgres_goes_on_where_it_was_killed() {
    survives_kills(Some(Family::MariaDb), Some(Family::Postgres));
}

/// Paused in the middle of the load, resumed, paused by a signal while it follows,
/// resumed, completed by another process; and one process at a time.
#[test]
fn a_move_is_paused_and_goes_on() {
    let scene = Scene::new(Some(Family::Postgres), Some(Family::MySql), ROWS);
    let child = scene.migrate();
    wait_until("it loads", || scene.is("loading"));
    scene.run(&["migrate", "--accept-warnings"]).expect(2, &["at work in another process", "hint: "]);
    let paused = scene.run(&["task", "pause", "--format", "json"]).expect(0, &[]).json();
    assert_eq!((&paused["task"]["state"], &paused["task"]["phase"]), (&"paused".into(), &"loading".into()));
    // Whoever waits for the move must not go on.
    ended(child).expect(3, &[]);

    scene.run(&["task", "retry"]).expect(2, &["is paused, which nothing can retry"]);
    scene.run(&["task", "complete"]).expect(2, &["is paused, and not all rows are loaded yet"]);
    let child = scene.start(&["task", "resume", "--accept-warnings"]);
    wait_until("it follows", || scene.is("following"));
    let began = Instant::now();
    let lag = || scene.status()["progress"]["stream"]["lag_seconds"].clone();
    wait_until("nothing is behind", || lag() == 0);
    assert!(began.elapsed() < Duration::from_secs(30));
    std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    ended(child).expect(130, &["is being paused"]);
    let status = scene.status();
    assert_eq!((&status["task"]["state"], &status["task"]["reason"]), (&"paused".into(), &"interrupted".into()));

    // Nobody is at work: the command does it itself.
    scene.source.execute(&scene.place, "INSERT INTO orders VALUES (90000, 1, 'while it was paused')");
    scene.complete_and_compare();
    scene.run(&["migrate"]).expect(2, &["the task `shop` is completed"]);
    // What comes later stays where it is.
    scene.source.execute(&scene.place, "INSERT INTO orders VALUES (90001, 1, 'too late')");
    scene.run(&["verify", "--run-dir", "later"]).expect(1, &[]);
    let states: Vec<String> = scene.status()["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["state"].as_str().unwrap().to_owned())
        .collect();
    let expected = [
        "created",
        "checked",
        "structuring",
        "loading",
        "paused",
        "loading",
        "following",
        "paused",
        "following",
        "completed",
    ];
    assert_eq!(states, expected);
}

/// What an older task of the same name has left is not taken for this one's.
#[test]
fn a_move_does_not_take_over_what_another_has_left() {
    let scene = Scene::new(None, None, 10);
    scene.config("type = \"full\"");
    scene.run(&["migrate", "--accept-warnings"]).expect(0, &[]);
    // The folder is lost, and the tables are made anew.
    std::fs::remove_dir_all(scene.place.path().join("switchback-tasks")).unwrap();
    scene.target.execute(&scene.place, "DROP TABLE orders; DROP TABLE users");
    let refused =
        scene.run(&["migrate", "--accept-warnings"]).expect(2, &["rows of another task `shop`", "DELETE FROM"]);
    let remedy: String = refused.stderr.split_once("empty its tables, and ").unwrap().1.trim().to_owned();
    scene.target.execute(&scene.place, &remedy);
    scene.run(&["migrate", "--accept-warnings"]).expect(0, &[]);
    scene.run(&["verify", "--run-dir", "compared"]).expect(0, &[]);
}

/// Nothing is done before every warning was accepted by its name, nor with anything of
/// the target's in the way.
#[test]
fn what_nobody_has_accepted_is_in_the_way() {
    let scene = Scene::new(Some(Family::MySql), Some(Family::Postgres), 10);
    let found = scene.run(&["check", "--format", "json"]).expect(4, &[]).json();
    assert_eq!((&found["failures"], &found["exit_code"]), (&0.into(), &4.into()), "{found}");
    let warned: std::collections::BTreeSet<String> = found["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|item| item["grade"] == "warn")
        .map(|item| item["item"].as_str().unwrap().to_owned())
        .collect();
    assert!(!warned.is_empty(), "{found}");
    scene.run(&["migrate"]).expect(4, &["nobody has accepted", "hint: "]);
    assert_eq!(scene.status()["task"]["state"], "failed");
    scene.run(&["task", "delete"]).expect(0, &[]);
    scene.run(&["status"]).expect(2, &["no task `shop`"]);

    scene.target.execute(&scene.place, "CREATE TABLE users (id INT)");
    scene.run(&["migrate", "--accept-warnings"]).expect(4, &["1 failure"]);
    // Nothing was done, so it may still become another one.
    scene.config("type = \"full\"\n[tables]\nexclude = [\"users\"]");
    scene.run(&["migrate"]).expect(4, &["nobody has accepted"]);
    scene.target.execute(&scene.place, "DROP TABLE users");
    let accepted = format!(
        "type = \"full\"\naccept = {:?}",
        warned.iter().map(String::as_str).chain(["structure"]).collect::<Vec<_>>()
    );
    scene.run(&["task", "delete"]).expect(0, &[]);
    scene.config(&accepted);
    scene.run(&["migrate"]).expect(0, &[]);
    assert_eq!(scene.status()["task"]["state"], "completed");
    scene.run(&["verify", "--run-dir", "compared"]).expect(0, &[]);
}

/// What was begun with one thing is not gone on with another.
#[test]
fn a_move_is_what_it_was_begun_as() {
    let scene = Scene::new(None, None, 10);
    scene.config("type = \"structure\"");
    scene.run(&["migrate", "--dry-run"]).expect(0, &[]);
    scene.run(&["status"]).expect(2, &["no task `shop`"]);
    scene.run(&["migrate"]).expect(0, &[]);
    scene.config("type = \"full\"");
    scene.run(&["migrate"]).expect(2, &["was begun with another type", "hint: "]);
    scene.run(&["task", "delete"]).expect(0, &[]);
    // The tables are there, and may be used when it is said so.
    scene.run(&["migrate", "--accept-warnings"]).expect(4, &["3 failures"]);
    scene.run(&["task", "delete"]).expect(0, &[]);
    scene.config("type = \"full\"\nstructure = false");
    scene.run(&["migrate", "--accept-warnings"]).expect(0, &[]);
    scene.run(&["verify", "--run-dir", "compared"]).expect(0, &[]);
    let listed = scene.place.run(&["task", "list"]).expect(0, &[]);
    assert!(listed.stdout.starts_with("shop  completed"), "{listed:#?}");
}

/// A task that is deleted leaves nothing behind that keeps the source's log.
#[test]
fn a_deleted_move_lets_go_of_the_log() {
    let scene = Scene::new(Some(Family::Postgres), Some(Family::Postgres), 100);
    let child = scene.migrate();
    wait_until("it follows", || scene.is("following"));
    scene.run(&["task", "delete"]).expect(2, &["at work in another process"]);
    scene.run(&["task", "pause"]).expect(0, &[]);
    ended(child).expect(3, &[]);
    let left = "DO $$ BEGIN IF EXISTS (SELECT 1 FROM pg_replication_slots WHERE database = current_database()) \
                THEN RAISE 'a slot is left'; END IF; END $$";
    let End::Server(source) = &scene.source else { unreachable!("a server") };
    on_server(source.execute(left)).expect_err("there is a slot while it is paused");
    scene.run(&["task", "delete"]).expect(0, &[]);
    on_server(source.execute(left)).unwrap();
    assert!(!scene.place.path().join("switchback-tasks/shop").exists());
}

/// A move that is to begin later waits, and can be called off.
#[test]
fn a_move_waits_for_its_time() {
    let scene = Scene::new(None, None, 10);
    scene.config("type = \"full\"\nstart_at = 2100-01-01T00:00:00Z");
    let child = scene.migrate();
    wait_until("it waits", || scene.is("created") && scene.status()["task"]["is_at_work"] == true);
    std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    ended(child).expect(130, &[]);
    scene.config("type = \"full\"\nstart_at = 2020-01-01T00:00:00Z");
    scene.run(&["task", "resume"]).expect(0, &[]);
    scene.run(&["verify", "--run-dir", "compared"]).expect(0, &[]);
}

/// A move by accounts that were made for it and may do nothing else; afterwards they are
/// gone.
#[test]
fn a_move_is_made_by_accounts_of_its_own() {
    for (from, to) in [(Family::MySql, Family::MariaDb), (Family::MariaDb, Family::Postgres)] {
        let scene = Scene::new(Some(from), Some(to), 1_000);
        let name = scene.place.path().file_name().unwrap().to_string_lossy().to_lowercase().replace('.', "m");
        let account = |more: &[&str]| {
            let words = [&["account", "--name", &name, "-c", "move.toml"], more].concat();
            let ended: Ended =
                scene.command(&words).env("SWITCHBACK_ACCOUNT_PASSWORD", "pw-1-Weak").output().unwrap().into();
            assert!(!ended.stdout.contains("pw-1-Weak"), "{ended:#?}");
            ended.expect(0, &[])
        };
        assert!(account(&[]).stdout.contains("'<password>'"));
        account(&["--create"]);
        let by_it = |url: String| {
            let mut url = url::Url::parse(&url).unwrap();
            url.set_username(&name).unwrap();
            url.set_password(Some("pw-1-Weak")).unwrap();
            url.to_string()
        };
        let run = |words: &[&str]| -> Ended {
            let mut command = scene.place.command(&[words, &["-c", "move.toml"]].concat());
            command.env("SWITCHBACK_SOURCE_URL", by_it(scene.source.url()));
            command.env("SWITCHBACK_TARGET_URL", by_it(scene.target.url()));
            command.output().unwrap().into()
        };
        let checked = run(&["check", "--format", "json"]).json();
        assert_eq!(checked["failures"], 0, "{checked:#}");
        scene.config("type = \"full\"");
        run(&["migrate", "--accept-warnings"]).expect(0, &[]);
        run(&["verify", "--run-dir", "compared"]).expect(0, &[]);
        account(&["--revoke"]);
        run(&["verify", "--run-dir", "again"]).expect(2, &["error: cannot open the"]);
    }
}

/// Between engines a table is made without what is skipped: a column of a type that the
/// target has none for, and one that the source computes.
#[test]
fn a_move_does_without_columns() {
    let scene = Scene::new(Some(Family::Postgres), Some(Family::MySql), 10);
    let more =
        "ALTER TABLE users ADD tags text[] DEFAULT '{a}', ADD loud text GENERATED ALWAYS AS (upper(login)) STORED";
    scene.source.execute(&scene.place, more);
    scene.config("type = \"full\"");
    scene.run(&["migrate", "--accept-warnings"]).expect(4, &["1 failure"]);
    let skipped = |columns: &str| scene.config(&format!("type = \"full\"\n[[table]]\nname = \"users\"\n{columns}"));
    skipped("skip_columns = [\"tag\"]");
    scene.run(&["migrate", "--accept-warnings"]).expect(2, &["has no column `tag` in", "hint: "]);
    skipped("skip_columns = [\"tags\", \"loud\"]");
    scene.run(&["task", "delete"]).expect(0, &[]);
    scene.run(&["migrate", "--accept-warnings"]).expect(0, &[]);
    scene.run(&["verify", "--run-dir", "compared"]).expect(0, &[]);
}

/// No password is written down.
#[test]
fn a_task_keeps_no_password() {
    let scene = Scene::new(Some(Family::Postgres), Some(Family::MySql), 10);
    scene.config("type = \"full\"");
    let ended = scene.run(&["migrate", "--accept-warnings"]).expect(0, &[]);
    let password = url::Url::parse(&scene.source.url()).unwrap().password().map(str::to_owned).expect("a password");
    let mut kept = vec![ended.stdout.into_bytes(), ended.stderr.into_bytes()];
    for entry in std::fs::read_dir(scene.place.path().join("switchback-tasks/shop")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            kept.push(std::fs::read(path).unwrap());
        }
    }
    assert!(kept.len() > 3);
    for bytes in kept {
        assert!(!bytes.windows(password.len()).any(|window| window == password.as_bytes()));
    }
}
