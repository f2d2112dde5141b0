use crate::support::Place;

const URLS: &str = "source = \"sqlite:old.db\"\ntarget = \"sqlite:new.db\"\n";

fn place() -> Place {
    Place::with_difference()
}

#[test]
fn a_config_says_everything_that_flags_can() {
    let place = place();
    place.file(
        "move.toml",
        &format!(
            "{URLS}jobs = 2\n[tables]\ninclude = [\"a\", \"c\"]\nexclude = [\"b\"]\n[[table]]\nname = \"c\"\n\
             source_filter = \"id <> 2\"\ntarget_filter = \"id <> 2\"\n[output]\nrun_dir = \"runs/{{run_id}}\"\n"
        ),
    );
    place.run(&["verify", "-c", "move.toml"]).expect(0, &[]);
    assert_eq!(std::fs::read_dir(place.path().join("runs")).unwrap().count(), 1);
}

#[test]
fn a_flag_goes_before_the_file() {
    let place = place();
    place.file("move.toml", &format!("{URLS}[tables]\ninclude = [\"c\"]\n"));
    place.run(&["verify", "-c", "move.toml"]).expect(1, &[]);
    place.run(&["verify", "-c", "move.toml", "--table", "a"]).expect(0, &[]);
}

#[test]
fn the_environment_goes_before_the_file() {
    let place = place();
    place.file("move.toml", URLS);
    place.run_with(&[("SWITCHBACK_TARGET_URL", "sqlite:old.db")], &["verify", "-c", "move.toml"]).expect(0, &[]);
}

#[test]
fn urls_come_from_the_environment_alone() {
    let variables = [("SWITCHBACK_SOURCE_URL", "sqlite:old.db"), ("SWITCHBACK_TARGET_URL", "sqlite:new.db")];
    place().run_with(&variables, &["verify"]).expect(1, &[]);
}

#[test]
fn urls_come_from_files_and_named_variables() {
    let place = place();
    place.file("secret", "sqlite:old.db\n");
    place.file("move.toml", "source_file = \"secret\"\ntarget_env = \"NEW\"\n");
    place.run_with(&[("NEW", "sqlite:new.db")], &["verify", "-c", "move.toml"]).expect(1, &[]);
    place.run(&["verify", "-c", "move.toml"]).expect(2, &["`NEW` is not set", "target_env"]);
    place.file("secret", "\n");
    place.run(&["verify", "-c", "move.toml"]).expect(2, &["`secret` does not hold a URL"]);
}

#[test]
fn an_unknown_key_is_named_with_its_line() {
    let place = place();
    place.file("move.toml", &format!("{URLS}\n[tables]\nexlude = [\"big\"]\n"));
    let ended = place.run(&["verify", "-c", "move.toml"]);
    ended.expect(2, &["error: move.toml, line 5", "unknown field `exlude`", "`exclude`"]);
}

#[test]
fn a_value_of_the_wrong_kind_is_named_with_key_and_line() {
    let place = place();
    for (text, said) in [
        ("jobs = \"many\"", "line 3, in `jobs`"),
        ("[stop]\nmax_time = \"soon\"", "line 4, in `stop.max_time`"),
        ("[equality]\nnaive_zone = \"local\"", "line 4, in `equality.naive_zone`"),
        ("jobs = ", "line 3"),
    ] {
        place.file("move.toml", &format!("{URLS}{text}\n"));
        place.run(&["verify", "-c", "move.toml"]).expect(2, &["error: move.toml", said]);
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    place().run(&["verify", "-c", "nosuch.toml"]).expect(2, &["`nosuch.toml`", "No such file"]);
}

#[test]
fn urls_and_a_file_contradict_each_other() {
    let place = place();
    place.file("move.toml", URLS);
    let ended = place.run(&["verify", "-c", "move.toml", "sqlite:old.db", "sqlite:new.db"]);
    ended.expect(2, &["--config <FILE>", "cannot be used with"]);
}
