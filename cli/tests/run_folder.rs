use crate::support::Place;

#[test]
fn a_run_has_a_new_folder_by_default() {
    let place = Place::with_difference();
    for count in 1..=2 {
        place.verify(&[]).expect(1, &[]);
        let runs: Vec<_> = std::fs::read_dir(place.path().join("switchback-runs")).unwrap().collect();
        assert_eq!(runs.len(), count);
        for run in runs {
            let run = run.unwrap().path();
            assert!(run.join("summary.json").is_file() && run.join("certificate.json").is_file());
        }
    }
}

#[test]
fn a_folder_with_content_is_refused_and_left_alone() {
    let place = Place::with_difference();
    place.verify(&["--run-dir", "run"]).expect(1, &[]);
    let before = std::fs::read(place.path().join("run/summary.json")).unwrap();
    place.verify(&["--run-dir", "run"]).expect(2, &["`run`", "not empty", "hint: "]);
    assert_eq!(std::fs::read(place.path().join("run/summary.json")).unwrap(), before);
    place.verify(&["--run-dir", "old.db"]).expect(2, &["`old.db`"]);
}

#[test]
fn an_empty_folder_is_taken() {
    let place = Place::with_difference();
    std::fs::create_dir(place.path().join("run")).unwrap();
    place.verify(&["--run-dir", "run"]).expect(1, &[]);
}

#[test]
fn a_run_that_could_not_start_leaves_nothing() {
    let place = Place::with_difference();
    place.verify(&["--table", "nosuch", "--run-dir", "run"]).expect(2, &[]);
    place.run(&["verify", "sqlite:nosuch.db", "sqlite:new.db", "--run-dir", "run"]).expect(2, &[]);
    assert!(!place.path().join("run").exists());
}

#[test]
fn a_run_can_be_shown_and_repaired_later() {
    let place = Place::with_difference();
    let verified = place.verify(&["--run-dir", "run"]).expect(1, &[]);
    let shown = place.run(&["report", "run"]).expect(0, &[]);
    assert_eq!(shown.stdout, verified.stdout);
    let sql = place.run(&["repair", "run"]).expect(0, &[]).stdout;
    assert!(sql.contains("UPDATE"), "{sql}");
    place.run(&["repair", "run", "--output", "repair.sql"]).expect(0, &[]);
    assert_eq!(std::fs::read_to_string(place.path().join("repair.sql")).unwrap(), sql);
    place.run(&["repair", "run", "--output", "repair.sql"]).expect(2, &["`repair.sql`"]);
}

/// A target that lost its key and was loaded twice has every row twice. By the
/// key alone a `DELETE` would take both.
#[test]
fn a_repair_leaves_one_of_rows_that_are_there_twice() {
    let place = Place::new();
    place.database(
        "old.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, NULL), (4, 'd');
         CREATE TABLE n (code TEXT UNIQUE, v TEXT); INSERT INTO n VALUES ('x', 'a'), (NULL, 'b'), (NULL, 'c');
         CREATE TABLE m (k INTEGER, v TEXT); INSERT INTO m VALUES (1, 'new'), (1, 'new'), (1, 'new'), (2, 'x');",
    );
    place.database(
        "new.db",
        "CREATE TABLE t (id INTEGER NOT NULL, v TEXT);
         INSERT INTO t VALUES (1, 'a'), (1, 'a'), (2, 'b'), (2, 'z'), (3, NULL), (3, NULL), (3, NULL), (4, 'e'), (4, 'e');
         CREATE TABLE n (code TEXT UNIQUE, v TEXT); INSERT INTO n VALUES ('x', 'A'), (NULL, 'b'), (NULL, 'c'), (NULL, 'd');
         CREATE TABLE m (k INTEGER, v TEXT); INSERT INTO m VALUES (1, 'old'), (1, 'old'), (2, 'x'), (2, 'x');",
    );
    let words = ["--key", "n=code", "--key", "m=k"];
    place.verify(&[&words[..], &["--run-dir", "run"]].concat()).expect(1, &[]);
    // The key itself has to be put back by a person.
    let sql = place.run(&["repair", "run"]).expect(3, &["1 table is not covered, or not wholly"]).stdout;
    place.database("new.db", &sql);
    let after = place.verify(&[&words[..], &["--format", "json"]].concat()).json();
    for table in after["outcome"]["tables"].as_array().unwrap() {
        assert_eq!(table["differences"], serde_json::json!({}), "{sql}\n{table:#}");
    }
}

#[test]
fn the_repair_makes_the_databases_equal() {
    let place = Place::with_difference();
    place.verify(&["--run-dir", "run"]).expect(1, &[]);
    let sql = place.run(&["repair", "run"]).expect(0, &[]).stdout;
    place.database("new.db", &sql);
    place.verify(&[]).expect(0, &[]);
}

/// The help promises 3 where not all can be repaired.
#[test]
fn a_table_that_no_statement_can_mend_is_said() {
    let place = Place::with_equal("CREATE TABLE a (id INTEGER PRIMARY KEY, v TEXT)");
    place.database("old.db", "CREATE TABLE gone (id INTEGER PRIMARY KEY); ALTER TABLE a ADD COLUMN w TEXT");
    place.verify(&["--run-dir", "run"]).expect(1, &[]);
    let repair = place.run(&["repair", "run"]).expect(3, &["2 tables are not covered"]);
    assert!(repair.stdout.contains("--   gone: one side has no such table"), "{}", repair.stdout);
    assert!(repair.stdout.contains("--   a: its structure differs"), "{}", repair.stdout);
}

#[test]
fn a_folder_that_is_no_run_is_2_and_a_damaged_one_is_3() {
    let place = Place::with_difference();
    for command in ["report", "repair"] {
        place.run(&[command, "nosuch"]).expect(2, &["`nosuch`", "hint: "]);
        place.run(&[command, "old.db"]).expect(2, &["`old.db`"]);
    }
    place.verify(&["--run-dir", "run"]).expect(1, &[]);
    place.file("run/summary.json", "{\"schema_version\": 1, \"tool");
    for command in ["report", "repair"] {
        place.run(&[command, "run"]).expect(3, &["summary.json"]);
    }
}
