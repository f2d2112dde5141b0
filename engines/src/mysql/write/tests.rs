use super::*;

fn limits() -> Limits {
    Limits { set: "SET SESSION wait_timeout = 15".to_owned(), lift: "SET SESSION wait_timeout = 28800".to_owned() }
}

fn owned(statements: &[&str]) -> Vec<String> {
    statements.iter().map(|s| (*s).to_owned()).collect()
}

#[test]
fn statements_are_told_apart() {
    for (statement, verb) in [
        ("BEGIN", Verb::Begin),
        ("begin;", Verb::Begin),
        ("START TRANSACTION", Verb::Begin),
        ("COMMIT", Verb::Commit),
        ("ROLLBACK", Verb::Rollback),
        ("ROLLBACK TO SAVEPOINT a", Verb::Other),
        ("  insert into t values (1)", Verb::Data),
        ("UPDATE`t` SET a = 1", Verb::Data),
        ("SELECT 1", Verb::Other),
        ("", Verb::Other),
    ] {
        assert_eq!(Verb::of(statement), verb, "{statement}");
    }
}

#[test]
fn a_commit_waits_until_its_rows_are_answered() {
    let statements = owned(&["BEGIN", "UPDATE a", "SELECT 1", "COMMIT", "BEGIN"]);
    let first = Packet::of(&statements, Some(&limits()), 1 << 20);
    assert_eq!(first.text, "SET SESSION wait_timeout = 15\n;BEGIN\n;UPDATE a\n;SELECT 1");
    assert_eq!(first.parts.len(), 4);
    let second = Packet::of(&statements[3..], Some(&limits()), 1 << 20);
    assert_eq!(second.text, "COMMIT\n;SET SESSION wait_timeout = 28800\n;SET SESSION wait_timeout = 15\n;BEGIN");
    // Without rows there is nothing to wait for.
    assert_eq!(Packet::of(&owned(&["BEGIN", "SELECT 1", "COMMIT"]), None, 1 << 20).parts.len(), 3);
}

#[test]
fn packets_are_bounded() {
    let statements = vec!["x".repeat(300_000); 7];
    assert_eq!(Packet::of(&statements, None, 1 << 26).parts.len(), 3);
    assert_eq!(Packet::of(&statements, None, 700_000).parts.len(), 2);
    assert_eq!(Packet::of(&statements, None, 1_000).parts.len(), 1);
}

#[test]
fn durations_are_whole_seconds() {
    for (millis, expected) in [(0, 1), (1, 1), (1_000, 1), (1_001, 2), (u64::MAX, SESSION_IDLE_SECONDS)] {
        assert_eq!(seconds(Duration::from_millis(millis)), expected);
    }
}
