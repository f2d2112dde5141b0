//! What is printed, refused and documented.

use std::error::Error as _;
use std::fmt::Write as _;
use std::path::Path;

use secrecy::SecretString;
use switchback_engines::{ConnectOptions, DatabaseUrl, WriterOptions, connect_endpoint};
use switchback_fixtures::{Family, Side};
use switchback_migrate::accounts::rights::{MARIADB, MYSQL, On, POSTGRES, Right};
use switchback_migrate::accounts::{self, AccountError, AccountRequest, Part, Planned};
use switchback_migrate::check::End;

use crate::scene::{FORWARD, PASSWORD, Place, Scene, WHOLE, open, planned};

/// A password is in no plan and no error; and an account that is there keeps its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_not_told() {
    for family in Family::ALL {
        let place = Place::new(family, Side::Target).await;
        let request = AccountRequest::new(End::Target, &format!("a'b\"c`{}", &place.app[10..]));
        let plan = planned(place.admin.as_ref(), &request).await;
        let secret = SecretString::from(PASSWORD);
        accounts::create(place.admin.as_ref(), &plan, &secret).await.unwrap_or_else(|e| panic!("{e:?}"));
        let again = SecretString::from("an0ther-Pw");
        accounts::create(place.admin.as_ref(), &plan, &again).await.unwrap_or_else(|e| panic!("{e:?}"));
        let account = open(&place.url(&request.name)).await;

        // Who may not make an account is told so, and no more.
        let other = planned(place.admin.as_ref(), &AccountRequest::new(End::Target, "somebody_else")).await;
        let error = accounts::create(account.as_ref(), &other, &secret).await.expect_err("it may not");
        let mut told = format!("{error}: {error:?}");
        let mut next = error.source();
        while let Some(source) = next {
            write!(told, ": {source}").unwrap();
            next = source.source();
        }
        assert!(!told.contains("pw-1") && matches!(error, AccountError::Step { .. }), "{told}");
        assert!(error.hint().is_some());
        let printed = format!("{plan}{plan:?}{}", serde_json::to_string(&plan).unwrap());
        assert!(printed.contains("<password>") && !printed.contains("pw-1"));
        let empty = accounts::create(place.admin.as_ref(), &plan, &SecretString::from("")).await;
        assert!(matches!(empty, Err(AccountError::NoPassword)), "{empty:?}");
        drop(account);
        accounts::revoke(place.admin.as_ref(), &plan).await.unwrap_or_else(|e| panic!("{e:?}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_would_be_something_else_are_refused() {
    let postgres = Place::new(Family::Postgres, Side::Target).await;
    let long = "x".repeat(64);
    for name in ["", "switchback", "pg_mover", "public", "none", long.as_str()] {
        let refused = accounts::plan(postgres.admin.as_ref(), &AccountRequest::new(End::Source, name)).await;
        assert!(matches!(refused, Err(AccountError::Name { .. })), "{name}: {refused:?}");
    }
    let mysql = Place::new(Family::MySql, Side::Target).await;
    for (name, host) in [("", "%"), (&long[..33], "%"), ("x", "")] {
        let request = AccountRequest { host: host.to_owned(), ..AccountRequest::new(End::Source, name) };
        let refused = accounts::plan(mysql.admin.as_ref(), &request).await;
        assert!(matches!(refused, Err(AccountError::Name { .. })), "{name}@{host}: {refused:?}");
    }
}

/// A member of a superuser's role can be one, but where that can be kept from it.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_becomes_a_superuser() {
    let scene = Scene::new(Family::Postgres, WHOLE).await;
    for place in [&scene.source, &scene.target] {
        place.execute("CREATE TABLE public.of_the_admin (id int PRIMARY KEY)").await;
    }
    let request = scene.request(End::Source, WHOLE).await;
    let error = accounts::plan(scene.source.admin.as_ref(), &request).await.expect_err("15 can't keep it");
    let AccountError::SuperuserOwner { tables, .. } = &error else { panic!("{error:?}") };
    assert_eq!(tables, "public.of_the_admin");

    let plan = scene.plan(End::Target, WHOLE).await;
    scene.create(End::Target, &plan).await;
    let name = scene.request(End::Target, WHOLE).await.name;
    let account = open(&scene.target.url(&name)).await;
    let mut writer = account.writer(&WriterOptions::default()).await.unwrap_or_else(|e| panic!("{e:?}"));
    let owner = scene.target.lines("SELECT tableowner FROM pg_tables WHERE tablename = 'of_the_admin'").await.remove(0);
    let run = |sql: String| vec![sql];
    assert!(writer.run(&run(format!("SET ROLE {owner}"))).await.is_err());
    assert!(writer.run(&run("CREATE ROLE another SUPERUSER".to_owned())).await.is_err());
    writer.run(&run("ALTER TABLE public.of_the_admin REPLICA IDENTITY FULL".to_owned())).await.unwrap();
}

/// The tool's own tables, when somebody else has made them before.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_already_can_be_used() {
    let scene = Scene::new(Family::Postgres, FORWARD).await;
    scene.target.execute("CREATE SCHEMA switchback; CREATE TABLE switchback.progress (id int)").await;
    scene
        .target
        .execute(&format!(
            "ALTER SCHEMA switchback OWNER TO {0}; ALTER TABLE switchback.progress OWNER TO {0}",
            scene.target.app
        ))
        .await;
    let plan = scene.plan(End::Target, FORWARD).await;
    let membership = format!("GRANT \"{}\" TO ", scene.target.app);
    assert!(plan.create.iter().any(|step| step.sql().starts_with(&membership)), "{plan}");
    scene.create(End::Target, &plan).await;
    let account = open(&scene.target.url(&scene.request(End::Target, FORWARD).await.name)).await;
    let mut writer = account.writer(&WriterOptions::default()).await.unwrap_or_else(|e| panic!("{e:?}"));
    let made = "CREATE TABLE IF NOT EXISTS switchback.loads (id int)".to_owned();
    writer.run(&[made, "SELECT * FROM switchback.progress".to_owned()]).await.unwrap_or_else(|e| panic!("{e:?}"));
}

/// `_` in the name of a database is no sign for any other.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_a_similar_name_is_another() {
    for family in [Family::MySql, Family::MariaDb] {
        let place = Place::new(family, Side::Source).await;
        let other = place.database.name().replacen('_', "x", 1);
        place.execute(&format!("CREATE DATABASE {other}; CREATE TABLE {other}.t (id INT PRIMARY KEY)")).await;
        let name = format!("mv_{}", &place.app[3..]);
        let plan = planned(place.admin.as_ref(), &AccountRequest::new(End::Source, &name)).await;
        accounts::create(place.admin.as_ref(), &plan, &SecretString::from(PASSWORD)).await.unwrap();
        let account = open(&place.url(&name)).await;
        let seen = account.look("asking", &format!("SELECT * FROM {other}.t")).await;
        place.execute(&format!("DROP DATABASE {other}")).await;
        assert!(seen.is_err(), "{family:?}");
    }
}

#[tokio::test]
async fn a_file_has_no_accounts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    std::fs::File::create(&path).unwrap();
    let url = DatabaseUrl::parse(&format!("sqlite:{}", path.display())).unwrap();
    let endpoint = connect_endpoint(&url, &ConnectOptions::default()).await.unwrap();
    let planned = accounts::plan(endpoint.as_ref(), &AccountRequest::new(End::Source, "x")).await.unwrap();
    let Planned::None { why } = planned else { panic!("{planned:?}") };
    assert!(why.contains("no accounts"));
}

const UPDATE: &str = "SWITCHBACK_UPDATE_DOCS";
const BEGIN: &str = "<!-- the rights: begin -->\n";
const END: &str = "<!-- the rights: end -->\n";

/// The page has the rights that the plans are made from.
#[test]
fn the_page_has_every_right() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/accounts.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("a place for the rights");
    let (written, after) = rest.split_once(END).expect("an end of them");
    let mut rights = String::new();
    for (engine, of) in [("PostgreSQL", POSTGRES), ("MySQL", MYSQL), ("MariaDB", MARIADB)] {
        write!(rights, "\n### {engine}\n\n| right | on | source | target | for |\n|---|---|---|---|---|\n").unwrap();
        of.iter().for_each(|right| rights.push_str(&line(right)));
    }
    rights.push('\n');
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{rights}{END}{after}")).unwrap();
        return;
    }
    assert!(written == rights, "docs/accounts.md is stale; run this test with {UPDATE}=1");
}

fn line(right: &Right) -> String {
    let names: Vec<String> = right.names.iter().map(|name| format!("`{name}`")).collect();
    let instead = right.instead.map(|name| format!(" (or `{name}`)")).unwrap_or_default();
    format!(
        "| {}{instead} | {} | {} | {} | {} |\n",
        names.join(", "),
        on(right.on),
        when(End::Source, right.parts),
        when(End::Target, right.parts),
        right.why
    )
}

fn on(on: On) -> String {
    match on {
        On::Role => "the role itself".to_owned(),
        On::Server => "`*.*`".to_owned(),
        On::Parameter(name) => format!("`{name}`"),
        On::Database => "the database".to_owned(),
        On::Schemas => "schemas of the tables".to_owned(),
        On::NewSchemas => "schemas that are there".to_owned(),
        On::Owners => "owners of the tables".to_owned(),
        On::Tables => "the tables".to_owned(),
        On::AllTables => "all tables".to_owned(),
        On::Sequences => "sequences".to_owned(),
        On::Own(tables) => format!("ours: {}", tables.join(", ")),
        On::System(table) => format!("`{table}`"),
    }
}

/// In which moves the end needs it.
fn when(end: End, parts: &[Part]) -> String {
    let of = |part: &Part| match (end, part) {
        (_, Part::Keep) | (End::Source, Part::Read | Part::Snapshot) | (End::Target, Part::Apply | Part::Load) => {
            Some("always")
        }
        (End::Source, Part::Capture) => Some("to follow"),
        (End::Source, Part::Apply) | (End::Target, Part::Capture) => Some("way back"),
        (End::Source, Part::Describe) | (End::Target, Part::Create) => Some("structure"),
        (End::Source, Part::Load | Part::Create) | (End::Target, Part::Read | Part::Snapshot | Part::Describe) => None,
    };
    let mut words: Vec<&str> = parts.iter().filter_map(of).collect();
    if words.contains(&"always") {
        words = vec!["always"];
    }
    words.join(", ")
}
