//! The numbers are spelled out: they are what scripts were told.

use crate::support::Place;

#[test]
fn equal_is_0() {
    let ended = Place::with_difference().verify(&["--table", "a", "-t", "b"]).expect(0, &[]);
    assert_eq!(ended.stderr, "");
}

#[test]
fn differences_are_1() {
    let ended = Place::with_difference().verify(&[]).expect(1, &[]);
    assert_eq!(ended.stderr, "");
    assert!(ended.stdout.contains('c'), "{ended:#?}");
}

#[test]
fn a_table_on_one_side_only_is_a_difference() {
    let place = Place::with_difference();
    place.database("new.db", "CREATE TABLE d (id INTEGER PRIMARY KEY)");
    place.verify(&["-x", "c"]).expect(1, &[]);
}

#[test]
fn counts_alone_do_not_see_a_changed_value() {
    Place::with_difference().verify(&["--count-only"]).expect(0, &[]);
}

#[test]
fn mistakes_are_2() {
    let place = Place::with_difference();
    place.run(&[]).expect(2, &["Usage: switchback"]);
    place.run(&["verfy"]).expect(2, &["'verfy'", "'verify'"]);
    place.run(&["verify", "--tabel", "a"]).expect(2, &["'--tabel'", "'--table'"]);
    place.run(&["verify"]).expect(2, &["where the source is", "hint: ", "SWITCHBACK_SOURCE_URL"]);
    place.run(&["verify", "sqlite:old.db"]).expect(2, &["where the target is", "SWITCHBACK_TARGET_URL"]);
    place
        .run(&["verify", "oracle://h/x", "sqlite:new.db"])
        .expect(2, &["`SOURCE_URL`", "`oracle` is not known", "hint: "]);
    place.verify(&["--sample", "100"]).expect(2, &["--sample", "below 100"]);
    place.verify(&["--sample", "5", "--count-only"]).expect(2, &["cannot be used with"]);
    place.verify(&["--max-differences", "0"]).expect(2, &["--max-differences"]);
    place.verify(&["--naive-zone", "Europe/Berlin"]).expect(2, &["--naive-zone", "+00:00"]);
}

#[test]
fn a_database_that_can_not_be_opened_is_2() {
    let place = Place::with_difference();
    place.run(&["verify", "sqlite:nosuch.db", "sqlite:new.db"]).expect(2, &["error: cannot open the source", "hint: "]);
    place.run(&["verify", "sqlite:old.db", "sqlite:nosuch.db"]).expect(2, &["error: cannot open the target"]);
    assert!(!place.path().join("nosuch.db").exists(), "looking at a database must not create it");
    for url in ["postgres://ada@127.0.0.1:1/x", "mysql://ada@127.0.0.1:1/x"] {
        place.run(&["verify", "sqlite:old.db", url]).expect(2, &["cannot open the target", "127.0.0.1:1/x", "hint: "]);
    }
    place.file("text.db", "this is no database, and long enough to have a header of its own: 0123456789 0123456789");
    place.run(&["verify", "sqlite:text.db", "sqlite:new.db"]).expect(2, &["cannot open the source"]);
}

#[test]
fn names_that_match_nothing_are_2() {
    let place = Place::with_difference();
    place.verify(&["--table", "nosuch*"]).expect(2, &["`nosuch*`", "hint: "]);
    place.verify(&["--exclude", "nosuch"]).expect(2, &["`nosuch`"]);
    place.verify(&["--key", "nosuch=id"]).expect(2, &["`nosuch`"]);
    place.verify(&["--ignore-columns", "a.nosuch"]).expect(2, &["`nosuch`"]);
    assert!(!place.path().join("switchback-runs").join("x").exists());
}

#[test]
fn what_could_not_be_compared_is_3() {
    let place = Place::with_difference();
    let ended = place.verify(&["--source-filter", "a=nosuch_column = 1"]).expect(3, &[]);
    assert!(ended.stdout.contains("nosuch_column") || ended.stdout.contains('a'), "{ended:#?}");
}

#[test]
fn stopping_early_is_3() {
    let place = Place::with_equal(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO t SELECT i, i FROM n",
    );
    place.database("new.db", "UPDATE t SET v = -v");
    place.verify(&["--max-differences", "10"]).expect(3, &[]);
}

#[test]
fn running_out_of_time_is_3() {
    let place = Place::with_difference();
    let mut child = place.start_endless(&["--max-time", "200ms", "--format", "json"]);
    assert_eq!(child.wait().unwrap().code(), Some(3));
    let summary = crate::support::read_json(&place.path().join("run/summary.json"));
    assert_eq!((&summary["stopped"], &summary["verdict"]), (&"max_time".into(), &"incomplete".into()));
}
