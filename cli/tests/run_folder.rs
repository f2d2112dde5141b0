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

#[test]
fn the_repair_makes_the_databases_equal() {
    let place = Place::with_difference();
    place.verify(&["--run-dir", "run"]).expect(1, &[]);
    let sql = place.run(&["repair", "run"]).expect(0, &[]).stdout;
    place.database("new.db", &sql);
    place.verify(&[]).expect(0, &[]);
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
