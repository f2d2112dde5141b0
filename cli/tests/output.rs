use std::process::Stdio;

use crate::support::{Ended, Place};

#[cfg(unix)]
#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let place = Place::with_difference();
    for (words, code) in [
        (&["completions", "bash"][..], 0),
        (&["verify", "--help"], 0),
        (&["verify", "sqlite:old.db", "sqlite:new.db"], 1),
    ] {
        let mut child = place.command(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let ended: Ended = child.wait_with_output().unwrap().into();
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(code), ""), "{words:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    let place = Place::with_difference();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = place.command(&["verify", "sqlite:old.db", "sqlite:new.db"]).stdout(full).output().unwrap();
    Ended::from(output).expect(3, &["error: cannot write to stdout"]);
}

#[cfg(target_os = "linux")]
#[test]
fn words_that_are_no_text_are_a_mistake_and_no_panic() {
    use std::os::unix::ffi::OsStrExt;
    let word = std::ffi::OsStr::from_bytes(b"sqlite:\xff\xfe");
    let output = Place::new().command(&["verify"]).arg(word).arg("sqlite:x").output().unwrap();
    let ended = Ended::from(output).expect(2, &["error: "]);
    assert!(!ended.stderr.contains("panicked"));
}

#[test]
fn progress_is_for_terminals() {
    let ended = Place::with_difference().verify(&[]);
    assert_eq!(ended.stderr, "");
    assert!(!ended.stdout.contains('\u{1b}'), "{ended:#?}");
}
