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
    std::fs::copy(place.path().join("old.db"), place.path().join("copy.db")).unwrap();
    place.run_with(&[("SWITCHBACK_TARGET_URL", "sqlite:copy.db")], &["verify", "-c", "move.toml"]).expect(0, &[]);
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
fn what_equal_means_is_checked_before_anything_is_compared() {
    let place = Place::with_equal(
        "CREATE TABLE prices (id INTEGER PRIMARY KEY, price REAL, note TEXT);
         INSERT INTO prices VALUES (1, 1.0, 'x'); CREATE TABLE loose (price REAL);",
    );
    let table = "[[table]]\nname = \"prices\"\n";
    for (text, said) in [
        // In the file itself, with the line.
        ("[equality]\ntrim_space = true".to_owned(), &["line 4", "unknown field `trim_space`"][..]),
        (format!("{table}[table.equality]\nulps = 1.5"), &["line 6", "in `table.equality.ulps`"]),
        (format!("{table}[table.columns.price]\nabsolut = 1"), &["line 6", "unknown field `absolut`"]),
        (format!("{table}[table.columns.price]\nabsolute = \"-1\""), &["line 6", "from 0 up"]),
        ("[equality]\nstrict = [\"ulps\"]".to_owned(), &["line 4", "unknown variant `ulps`"]),
        ("[equality]\nstrict = [\"trim_spaces\"]".to_owned(), &["line 4", "only where it is declared"]),
        ("[equality]\nstrict = [\"set_members\"]\nlenient = [\"set_members\"]".to_owned(), &["in `strict` and in"]),
        // And against the tables.
        (format!("{table}[table.columns.prise]\nabsolute = 1"), &["no column `prise` in prices", "hint: "]),
        (
            format!("{table}[table.columns.note]\nabsolute = 1"),
            &["`absolute` cannot apply to column `note` of `prices`", "hint: it is for numbers"],
        ),
        (
            format!("{table}[table.columns.id]\nabsolute = 1"),
            &["column `id` of `prices`: rows are matched by", "hint: take it out"],
        ),
        (
            format!("{table}[table.columns.price]\nignore_case = true"),
            &["`ignore_case` cannot apply", "hint: it is for columns of text"],
        ),
        (format!("{table}[table.equality]\nzero_date_is_null = true"), &["applies to none of its columns", "hint: "]),
        ("[[table]]\nname = \"loose\"\n[table.equality]\nabsolute = 1".to_owned(), &["`loose`: the table has no key"]),
    ] {
        place.file("move.toml", &format!("{URLS}{text}\n"));
        place.run(&["verify", "-c", "move.toml"]).expect(2, said);
    }
}

#[test]
fn the_innermost_level_decides_what_is_equal() {
    let place = Place::with_equal("CREATE TABLE t (id INTEGER PRIMARY KEY, a REAL, b REAL, c TEXT, d TEXT);");
    place.database("old.db", "INSERT INTO t VALUES (1, 1.0, 1.0, 'x', 'x')");
    place.database("new.db", "INSERT INTO t VALUES (1, 1.001, 1.001, 'X', 'X')");
    let changed = |config: &str, words: &[&str]| {
        place.file("move.toml", &format!("{URLS}{config}\n"));
        let ended = place.run(&[&["verify", "-c", "move.toml", "--format", "json"], words].concat());
        let outcome = ended.json();
        let columns = outcome["outcome"]["tables"][0]["columns"].as_array().unwrap().clone();
        let names = columns.iter().filter(|c| c["changed"] == 1).map(|c| c["source"].as_str().unwrap().to_owned());
        names.collect::<Vec<String>>()
    };
    assert_eq!(changed("", &[]), ["a", "b", "c", "d"]);
    assert_eq!(changed("", &["--absolute", "0.01", "--ignore-case"]), [""; 0]);
    assert_eq!(changed("[equality]\nabsolute = 0.01\nignore_case = true", &["--absolute", "0.0001"]), ["a", "b"]);
    let table = "[[table]]\nname = \"t\"\n[table.equality]\nabsolute = 0\n[table.columns.b]\nabsolute = 0.01\n\
                 [table.columns.d]\nignore_case = false";
    assert_eq!(changed(&format!("[equality]\nignore_case = true\n{table}"), &["--absolute", "1"]), ["a", "d"]);
}

#[test]
fn rows_within_tolerance_are_told() {
    let place = Place::with_equal("CREATE TABLE t (id INTEGER PRIMARY KEY, v REAL);");
    place.database("old.db", "INSERT INTO t VALUES (1, 1.0), (2, 2.0)");
    place.database("new.db", "INSERT INTO t VALUES (1, 1.001), (2, 2.0)");
    let ended = place.verify(&["--relative", "0.01", "--run-dir", "run", "--verbose"]).expect(0, &[]);
    for text in ["1 row within it", "relative_tolerance", "(declared)", "differ by 0.01 of the larger value at most"] {
        assert!(ended.stdout.contains(text), "`{text}` is missing: {}", ended.stdout);
    }
    let certificate = crate::support::read_json(&place.path().join("run/certificate.json"));
    assert_eq!(certificate["totals"]["within_tolerance"], 1);
    let column = &certificate["tables"][0]["columns"][1];
    assert_eq!((&column["within_tolerance"], &column["tolerance"]["relative"]), (&1.into(), &"0.01".into()));
    assert_eq!(column["policies"], serde_json::json!(["negative_zero", "relative_tolerance"]));
    assert_eq!(column["rule"], "as double-precision numbers");
    assert_eq!(certificate["tables"][0]["policies"][1]["origin"], "declared");
    place.run(&["report", "run"]).expect(0, &[]);
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
