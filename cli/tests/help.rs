//! Help texts are an interface too. `SNAPSHOTS=overwrite cargo test` accepts a
//! change of them.

use std::path::Path;

use snapbox::cmd::Command;

use crate::support::Place;

fn help(words: &[&str]) -> String {
    Place::new().run(&[words, &["--help"]].concat()).expect(0, &[]).stdout
}

#[test]
fn the_help_of_every_command_is_as_published() {
    let published = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots");
    for (words, file) in [
        (&[][..], "switchback.txt"),
        (&["verify"], "verify.txt"),
        (&["check"], "check.txt"),
        (&["migrate"], "migrate.txt"),
        (&["status"], "status.txt"),
        (&["task"], "task.txt"),
        (&["report"], "report.txt"),
        (&["repair"], "repair.txt"),
        (&["demo"], "demo.txt"),
        (&["completions"], "completions.txt"),
    ] {
        Command::new(env!("CARGO_BIN_EXE_switchback"))
            .args(words)
            .arg("--help")
            .assert()
            .code(0)
            .stdout_eq(snapbox::Data::read_from(&published.join(file), None).raw());
    }
}

#[test]
fn a_secret_in_the_environment_is_not_in_the_help() {
    let variables = [("SWITCHBACK_SOURCE_URL", "postgres://ada:s3cret@h/x")];
    let ended = Place::new().run_with(&variables, &["verify", "--help"]).expect(0, &[]);
    assert!(!ended.stdout.contains("s3cret"));
}

/// Old and new shop, for which all examples make sense.
fn example_place() -> Place {
    const COMMON: &str =
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, placed_at DATETIME, updated_at DATETIME, synced INTEGER);
        INSERT INTO orders VALUES (1, '2026-02-01 10:00:00', '2026-02-01 10:00:00', 0);
        CREATE TABLE order_archive (id INTEGER PRIMARY KEY, placed_at DATETIME, updated_at DATETIME);
        CREATE TABLE visits (visitor INTEGER NOT NULL, visited_at DATETIME NOT NULL);
        INSERT INTO visits VALUES (1, '2026-02-01 10:00:00');";
    let place = Place::with_equal(COMMON);
    let users = |table: &str, mail: &str| {
        format!(
            "CREATE TABLE {table} (id INTEGER PRIMARY KEY, login TEXT NOT NULL UNIQUE, {mail} TEXT, avatar BLOB);
                 INSERT INTO {table} VALUES (1, 'ada', 'ada@example.com', NULL);"
        )
    };
    place.database("old.db", &users("users", "mail"));
    place.database("new.db", &users("accounts", "email"));
    place.file("move.toml", "source = \"sqlite:old.db\"\ntarget = \"sqlite:new.db\"\n");
    place.verify(&["--table", "orders", "--run-dir", "nightly"]).expect(0, &[]);
    place
}

#[test]
fn every_example_works_as_it_is_printed() {
    let place = example_place();
    let binary_folder = Path::new(env!("CARGO_BIN_EXE_switchback")).parent().unwrap();
    let search_path = format!("{}:{}", binary_folder.display(), std::env::var("PATH").unwrap());
    let mut count = 0;
    for command in ["verify", "report", "repair", "demo", "completions"] {
        let help = help(&[command]).replace("\\\n", " ");
        for example in help.lines().filter(|line| line.trim_start().starts_with("switchback ")) {
            let ended: crate::support::Ended = std::process::Command::new("sh")
                .args(["-c", example])
                .current_dir(place.path())
                .env("PATH", &search_path)
                .env("SWITCHBACK_SOURCE_URL", "sqlite:old.db")
                .env("SWITCHBACK_TARGET_URL", "sqlite:new.db")
                .output()
                .unwrap()
                .into();
            assert!(matches!(ended.code, Some(0 | 1)) && ended.stderr.is_empty(), "{example}\n{ended:#?}");
            count += 1;
        }
    }
    assert!(count >= 12, "only {count} examples were found");
}

/// The config that the help of a command prints.
fn config(command: &str) -> String {
    let help = help(&[command]);
    let lines = help.lines().skip_while(|line| !line.starts_with("The config file")).skip(1);
    lines.take_while(|line| !line.is_empty()).map(|line| format!("{line}\n")).collect()
}

/// A move is one thing after the other, so its examples are run in their order.
#[test]
fn every_example_of_a_move_works_as_it_is_printed() {
    let place = example_place();
    place.file("shop.toml", &config("migrate"));
    place.database("shop.db", "VACUUM");
    let binary_folder = Path::new(env!("CARGO_BIN_EXE_switchback")).parent().unwrap();
    let search_path = format!("{}:{}", binary_folder.display(), std::env::var("PATH").unwrap());
    let mut count = 0;
    for command in ["check", "migrate", "status", "task"] {
        for example in help(&[command]).lines().filter(|line| line.trim_start().starts_with("switchback ")) {
            let mut shell = std::process::Command::new("sh");
            let shell = shell.args(["-c", example]).current_dir(place.path()).env("PATH", &search_path);
            let ended: crate::support::Ended = shell.output().unwrap().into();
            assert!(ended.code == Some(0) && !ended.stderr.contains("error"), "{example}\n{ended:#?}");
            assert!(!ended.stdout.is_empty(), "{example}\n{ended:#?}");
            count += 1;
        }
    }
    assert_eq!(count, 8);
}

#[test]
fn the_config_in_the_help_works_as_it_is_printed() {
    let place = example_place();
    place.file("help.toml", &config("verify"));
    let variables = [("NEW_DATABASE_URL", "sqlite:new.db")];
    place.run_with(&variables, &["verify", "-c", "help.toml"]).expect(0, &[]);
}
