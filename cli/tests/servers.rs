//! On real servers: what reaches a login must not come back out.

use switchback_fixtures::{Family, Side, TestDatabase, database};
use url::Url;

use crate::support::Place;

const SQL: &str = "CREATE TABLE orders (id INT PRIMARY KEY, note VARCHAR(20)); \
                   INSERT INTO orders VALUES (1, 'one'), (2, 'two');";

fn on_server<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn filled(family: Family, side: Side) -> TestDatabase {
    on_server(async {
        let database = database(family, side, "cli").await;
        database.execute(SQL).await.unwrap();
        database
    })
}

#[test]
fn a_refused_login_is_2_and_does_not_show_the_password() {
    let place = Place::with_difference();
    for family in [Family::Postgres, Family::MySql, Family::MariaDb] {
        let database = on_server(database(family, Side::Source, "cli"));
        let mut url = Url::parse(database.url()).unwrap();
        url.set_username("nobody").unwrap();
        url.set_password(Some("s3cret")).unwrap();
        for format in ["text", "json"] {
            let words = ["verify", url.as_str(), "sqlite:new.db", "--format", format];
            let ended = place.run(&words).expect(2, &["error: cannot open the source", "hint: "]);
            assert!(!ended.stderr.contains("s3cret") && !ended.stdout.contains("s3cret"), "{family:?}: {ended:#?}");
        }
    }
}

#[test]
fn a_run_keeps_no_password() {
    let place = Place::new();
    let source = filled(Family::Postgres, Side::Source);
    let target = filled(Family::MySql, Side::Target);
    on_server(target.execute("UPDATE orders SET note = 'zwei' WHERE id = 2")).unwrap();
    let passwords: Vec<String> = [&source, &target]
        .into_iter()
        .filter_map(|d| Url::parse(d.url()).unwrap().password().map(str::to_owned))
        .collect();
    assert!(!passwords.is_empty(), "the servers ask for no password, so this proves nothing");
    let variables = [("SWITCHBACK_SOURCE_URL", source.url()), ("SWITCHBACK_TARGET_URL", target.url())];
    let ended = place.run_with(&variables, &["verify", "--run-dir", "run", "--verbose"]).expect(1, &[]);
    let mut texts = vec![ended.stdout, ended.stderr];
    for file in ["summary.json", "certificate.json"] {
        texts.push(std::fs::read_to_string(place.path().join("run").join(file)).unwrap());
    }
    for (text, password) in texts.iter().flat_map(|text| passwords.iter().map(move |password| (text, password))) {
        assert!(!text.contains(password.as_str()), "{text}");
    }
}
