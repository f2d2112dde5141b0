use crate::support::Place;

#[test]
fn every_shell_gets_a_script_that_knows_our_words() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ended = Place::new().run(&["completions", shell]).expect(0, &[]);
        assert!(ended.stdout.contains("switchback") && ended.stdout.contains("max-differences"), "{shell}");
        assert_eq!(ended.stderr, "");
    }
}

#[test]
fn an_unknown_shell_is_a_mistake() {
    Place::new().run(&["completions", "command.com"]).expect(2, &["command.com", "bash"]);
}
