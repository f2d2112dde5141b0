use crate::support::{Place, read_json};

#[test]
fn a_result_is_one_object_and_nothing_else() {
    let place = Place::with_difference();
    let ended = place.verify(&["--format", "json", "--run-dir", "run"]).expect(1, &[]);
    assert_eq!(ended.stderr, "");
    let printed = ended.json();
    assert_eq!(printed["schema_version"], 1);
    assert_eq!(printed["exit_code"], 1);
    assert_eq!(printed["run_dir"], "run");
    assert_eq!(printed["outcome"]["verdict"], "different");
    assert_eq!(printed["outcome"], read_json(&place.path().join("run/summary.json")));
    let shown = place.run(&["report", "run", "--format", "json"]).expect(0, &[]).json();
    assert_eq!(shown, printed, "`report` shows what `verify` showed");
}

#[test]
fn an_error_is_an_object_too_and_text_on_stderr() {
    let place = Place::with_difference();
    place.file("move.toml", "jbos = 1");
    for (words, message) in [
        (&["verify", "sqlite:nosuch.db", "sqlite:new.db"][..], "cannot open the source"),
        (&["verify", "-c", "move.toml"], "line 1"),
        (&["verify", "--tabel", "a"], "--tabel"),
        (&["report", "nosuch"], "`nosuch`"),
    ] {
        let ended = place.run(&[words, &["--format", "json"]].concat()).expect(2, &["error: "]);
        let printed = ended.json();
        assert_eq!(printed["schema_version"], 1);
        assert_eq!(printed["exit_code"], 2);
        assert!(printed["error"]["message"].as_str().unwrap().contains(message), "{ended:#?}");
        assert!(printed["error"]["causes"].is_array());
    }
}
