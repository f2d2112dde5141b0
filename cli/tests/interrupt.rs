#![cfg(unix)]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command};

use crate::support::{Ended, Place, read_json};

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

fn ended(child: Child) -> Ended {
    child.wait_with_output().unwrap().into()
}

#[test]
fn an_interrupted_run_leaves_what_it_has() {
    for name in ["-INT", "-TERM"] {
        let place = Place::with_difference();
        let child = place.start_endless(&["--format", "json"]);
        signal(&child, name);
        let ended = ended(child).expect(130, &["interrupted: "]);
        let printed = ended.json();
        assert_eq!(printed["exit_code"], 130);
        let summary = read_json(&place.path().join("run/summary.json"));
        assert_eq!((&summary["verdict"], &summary["stopped"]), (&"incomplete".into(), &"interrupted".into()));
        assert_eq!(printed["outcome"], summary);
        assert!(place.path().join("run/certificate.json").is_file());
        place.run(&["report", "run"]).expect(0, &[]);
    }
}

/// The first signal lets the run write its result, which here takes for ever: a
/// pipe that nobody reads is in the place of the file.
#[test]
fn the_second_signal_ends_it_at_once() {
    let place = Place::with_difference();
    let mut child = place.start_endless(&[]);
    let pipe = place.path().join("run/summary.json.partial");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    signal(&child, "-INT");
    let mut notice = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut notice).unwrap();
    assert!(notice.contains("interrupt again"), "{notice}");
    signal(&child, "-INT");
    assert_eq!(ended(child).code, Some(130));
    assert!(!place.path().join("run/summary.json").exists());
}

/// The comparison may have taken a night: it is shown even if it can't be kept.
#[test]
fn a_result_that_can_not_be_written_is_shown_and_is_3() {
    for format in ["text", "json"] {
        let place = Place::with_difference();
        let child = place.start_endless(&["--format", format]);
        // A folder with content in it is in the way of the file.
        std::fs::create_dir_all(place.path().join("run/summary.json/x")).unwrap();
        signal(&child, "-INT");
        let ended = ended(child).expect(3, &["could not be written", "summary.json"]);
        match format {
            "json" => {
                let printed = ended.json();
                assert_eq!(printed["exit_code"], 3);
                assert_eq!(printed["outcome"]["stopped"], "interrupted");
                assert!(printed["error"]["message"].as_str().unwrap().contains("could not be written"));
            }
            _ => assert!(ended.stdout.to_lowercase().contains("incomplete"), "{ended:#?}"),
        }
    }
}
