//! A password must not be seen anywhere, whatever goes wrong.

use crate::support::{Ended, Place};

const SECRET: &str = "s3cret";

#[track_caller]
fn check(what: &dyn std::fmt::Debug, ended: &Ended) {
    let is_clean = !ended.stdout.contains(SECRET) && !ended.stderr.contains(SECRET);
    assert!(is_clean, "{what:?} shows the password: {ended:#?}");
    assert!(ended.code.is_some_and(|code| code != 0), "{what:?} was to fail: {ended:#?}");
}

/// URLs that fail in every way a URL can.
const URLS: &[&str] = &[
    "postgres://ada:s3cret@127.0.0.1:1/shop",
    "mysql://ada:s3cret@127.0.0.1:1/shop",
    "mariadb://ada:s3cret@127.0.0.1:1/shop?ssl-mode=nosuch",
    "postgres://ada:s3cret@127.0.0.1:1/shop?sslmode=nosuch",
    "postgres://127.0.0.1:1/shop?user=ada&password=s3cret",
    "postgres://ada:s3cret@127.0.0.1:notaport/shop",
    "postgres://ada:s3cret@127.0.0.1:1/",
    "postgres://ada:s3cret@/shop",
    "postgres://ada:s3cret@[::1/shop",
    "postgres:ada:s3cret@h/shop",
    "postgers://ada:s3cret@h/shop",
    "mongodb://ada:s3cret@h/shop",
    "sqlserver://ada:s3cret@h/shop",
    "ada:s3cret@127.0.0.1/shop",
    "host=127.0.0.1 password=s3cret",
    "mysql://ada:s3cret with space@h/shop",
    "mysql://ada:with space s3cret@h/shop",
    "mysql://ada:s3cret'quote@h/shop",
    "sqlite:nosuch.db?key=s3cret",
];

#[test]
fn arguments_and_variables() {
    let place = Place::with_difference();
    for url in URLS {
        for format in ["text", "json"] {
            let words = ["verify", url, "sqlite:new.db", "--format", format];
            check(&words, &place.run(&words));
            let words = ["verify", "sqlite:old.db", url, "--format", format];
            check(&words, &place.run(&words));
            let words = ["verify", "--format", format];
            let variables = [("SWITCHBACK_SOURCE_URL", *url), ("SWITCHBACK_TARGET_URL", "sqlite:new.db")];
            check(&variables, &place.run_with(&variables, &words));
        }
    }
}

#[test]
fn configs_and_secret_files() {
    let place = Place::with_difference();
    for url in URLS {
        let text = toml_string(url);
        for config in [
            format!("source = {text}\ntarget = \"sqlite:new.db\"\n"),
            format!("source = {text}\ntarget = {text}\nsource_env = {text}\n"),
            format!("source = [{text}]\n"),
            format!("soruce = {text}\n"),
            format!("{text} = 1\n"),
            format!("source = \"sqlite:old.db\"\ntarget = \"sqlite:new.db\"\n[tables]\ninclude = [{text}]\n"),
            format!("source = \"sqlite:old.db\"\ntarget = \"sqlite:new.db\"\n[[table]]\nname = {text}\n"),
            format!("source = \"sqlite:{url}\"\ntarget = \"sqlite:new.db\"\n"),
            format!("source = {}\n", url),
            format!("source = \"{url}\n"),
            format!("jobs = {text}\n"),
            format!("[stop]\nmax_time = {text}\n"),
            format!("source_env = {text}\ntarget = \"sqlite:new.db\"\n"),
            format!("source_file = {text}\ntarget = \"sqlite:new.db\"\n"),
            "source_file = \"secret\"\ntarget = \"sqlite:new.db\"\n".to_owned(),
        ] {
            place.file("secret", url);
            place.file("move.toml", &config);
            for format in ["text", "json"] {
                check(&config, &place.run(&["verify", "-c", "move.toml", "--format", format]));
            }
        }
    }
}

#[test]
fn urls_where_no_url_belongs() {
    let place = Place::with_difference();
    for url in URLS.iter().filter(|url| url.contains('@')) {
        for words in [
            &[*url][..],
            &["verify", "sqlite:old.db", "sqlite:new.db", url],
            &["verify", "-c", url],
            &["verify", &format!("--config={url}")],
            &["verify", "-c", "move.toml", url],
            &["verify", &format!("--source={url}")],
            &["verify", "sqlite:old.db", "sqlite:new.db", "--table", url],
            &["verify", "sqlite:old.db", "sqlite:new.db", "--key", url],
            &["verify", "sqlite:old.db", "sqlite:new.db", "--max-time", url],
            &["verify", "sqlite:old.db", "sqlite:new.db", "--ignore-columns", url],
            &["verify", "sqlite:old.db", "sqlite:new.db", "--jobs", url],
            &["report", url],
            &["repair", url],
            &["completions", url],
        ] {
            check(&words, &place.run(words));
        }
    }
}

fn toml_string(text: &str) -> String {
    format!("\"{text}\"")
}
