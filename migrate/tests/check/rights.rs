//! Rights are found wherever they come from: of the account, of a role, of a pattern.

use std::sync::Arc;

use switchback_engines::{ConnectOptions, DatabaseUrl, Endpoint, connect_endpoint};
use switchback_fixtures::{Family, Side};
use switchback_migrate::accounts::{self, AccountRequest, Planned};
use switchback_migrate::check::{CheckOptions, Direction, End, Grade, Item};

use super::report;
use crate::structure::place::Place;

const PASSWORD: &str = "pw-1-Weak";

async fn open(place: &Place, account: &str) -> Arc<dyn Endpoint> {
    let mut url = url::Url::parse(place.url().expose()).unwrap();
    url.set_username(account).unwrap();
    url.set_password(Some(PASSWORD)).unwrap();
    at(url.as_str()).await
}

async fn at(url: &str) -> Arc<dyn Endpoint> {
    connect_endpoint(&DatabaseUrl::parse(url).unwrap(), &ConnectOptions::default()).await.unwrap()
}

fn unique(place: &Place) -> String {
    let location = place.url().to_string();
    location[location.len() - 12..].to_owned()
}

/// The rights of a source's account, but given to a role that the account has.
#[tokio::test]
async fn rights_come_by_roles_and_patterns() {
    for family in [Family::MySql, Family::MariaDb] {
        let place = Place::new(Some(family), Side::Source, "roles").await;
        place.execute("CREATE TABLE t (id INT NOT NULL PRIMARY KEY)").await;
        let (role, user) = (format!("r_{}", unique(&place)), format!("u_{}", unique(&place)));
        let admin = place.connect().await;
        let request = AccountRequest { host: "%".to_owned(), ..AccountRequest::new(End::Source, &role) };
        let Planned::Account(plan) = accounts::plan(admin.as_ref(), &request).await.unwrap() else { panic!() };
        // MariaDB's roles come from nowhere.
        let account = |sql: &str| match family {
            Family::MariaDb => sql.replace(&format!("'{role}'@'%'"), &format!("'{role}'")),
            _ => sql.to_owned(),
        };
        place.execute(&format!("CREATE ROLE '{role}'; CREATE USER '{user}'@'%' IDENTIFIED BY '{PASSWORD}'")).await;
        // By a pattern, and nothing else.
        place.execute(&format!("GRANT SELECT ON `t\\_roles%`.* TO '{user}'@'%'")).await;
        let look = async || {
            let account = open(&place, &user).await;
            let found = report(&account, &admin, CheckOptions::default()).await.items;
            found.into_iter().filter(|i| i.end == End::Source && i.item.ends_with("_rights")).collect::<Vec<Item>>()
        };
        let found = look().await;
        let grade = |name: &str| found.iter().find(|i| i.item == name).map(|i| i.grade);
        assert_eq!((grade("read_rights"), grade("log_rights")), (Some(Grade::Pass), Some(Grade::Fail)), "{family:?}");
        for step in plan.create.iter().skip(1) {
            place.execute(&account(step.sql())).await;
        }
        let default = match family {
            Family::MariaDb => format!("GRANT '{role}' TO '{user}'@'%'; SET DEFAULT ROLE '{role}' FOR '{user}'@'%'"),
            _ => format!("GRANT '{role}' TO '{user}'@'%'; SET DEFAULT ROLE '{role}' TO '{user}'@'%'"),
        };
        place.execute(&default).await;
        let found = look().await;
        assert!(found.len() >= 6 && found.iter().all(|item| item.grade == Grade::Pass), "{family:?}: {found:#?}");
        place.execute(&format!("DROP USER '{user}'@'%'; DROP ROLE '{role}'")).await;
    }
}

#[tokio::test]
async fn what_a_guest_of_postgres_lacks_is_named() {
    let place = Place::new(Some(Family::Postgres), Side::Source, "guest").await;
    let guest = format!("guest_{}", unique(&place));
    place
        .execute(&format!(
            "CREATE TABLE public.t (id int PRIMARY KEY, v text); CREATE SEQUENCE public.s; CREATE TABLE public.hidden (id int);
             ALTER TABLE public.t ENABLE ROW LEVEL SECURITY; CREATE SCHEMA switchback; CREATE TABLE switchback.progress (id int);
             CREATE ROLE {guest} LOGIN PASSWORD '{PASSWORD}'; GRANT SELECT ON public.t TO {guest}"
        ))
        .await;
    let account = open(&place, &guest).await;
    let mut here = Vec::new();
    let name = switchback_engines::TableRef { schema: Some("public".to_owned()), name: "t".to_owned() };
    here.extend(place.connect().await.describe(&name).await.unwrap());
    let of = |tables| switchback_migrate::check::Checked { endpoint: account.as_ref(), tables, streams: &[] };
    let found = switchback_migrate::check::check(of(&here), of(&here), CheckOptions::default()).await.unwrap();
    let failing = |name: &str, end, direction| {
        let item = found.items.iter().find(|i| (i.item, i.end, i.direction) == (name, end, direction));
        let item = item.unwrap_or_else(|| panic!("no {name}: {found:#?}"));
        (item.grade == Grade::Fail).then(|| item.found.clone())
    };
    let (source, target) = ((End::Source, Direction::Forward), (End::Target, Direction::Forward));
    for (name, (end, direction), expected) in [
        ("read_rights", source, None),
        ("row_security", source, Some("public.t")),
        ("sequence_rights", source, Some("public.s")),
        ("structure_rights", source, Some("public.hidden")),
        ("own_rights", source, Some("switchback, switchback.progress")),
        ("triggers_off", source, Some("the account may not")),
        ("create_right", source, Some("the account may not create a schema")),
        ("write_rights", target, Some("public.t")),
        ("sequence_rights", target, Some("public.s")),
        ("structure_rights", target, Some("public")),
        ("write_rights", (End::Source, Direction::Back), Some("public.t")),
    ] {
        assert_eq!(failing(name, end, direction).as_deref(), expected, "{name} of the {end}");
    }
    drop(account);
    place.execute(&format!("DROP OWNED BY {guest}; DROP ROLE {guest}")).await;
}

/// A replica's application is kept out, and whoever may write is told apart.
#[tokio::test]
async fn a_server_that_takes_no_writes_is_named() {
    use switchback_fixtures::{Kind, Server};

    for kind in [Kind::MySql, Kind::MariaDb] {
        let server = Server::start(kind).await.unwrap();
        server.create_database("d").await.unwrap();
        let script = format!(
            "CREATE TABLE t (id INT PRIMARY KEY); CREATE USER u@'%' IDENTIFIED BY '{PASSWORD}'; GRANT ALL ON d.* TO u@'%'"
        );
        server.execute("d", &script).await.unwrap();
        let mut url = url::Url::parse(&server.url("d")).unwrap();
        let admin = at(url.as_str()).await;
        url.set_username("u").unwrap();
        url.set_password(Some(PASSWORD)).unwrap();
        let user = at(url.as_str()).await;
        let grade = async |endpoint: &Arc<dyn Endpoint>, name: &str| {
            let found = report(&admin, endpoint, CheckOptions::default()).await;
            let item = found.items.iter().find(|i| (i.item, i.end) == (name, End::Target));
            item.unwrap_or_else(|| panic!("no {name}")).grade
        };
        assert_eq!(grade(&user, "writable_server").await, Grade::Pass, "{kind:?}");
        // Nobody but a superuser makes functions while there is a log.
        assert_eq!(grade(&user, "function_creators").await, Grade::Warn, "{kind:?}");
        assert_eq!(grade(&admin, "function_creators").await, Grade::Pass, "{kind:?}");
        server.execute("d", "SET GLOBAL read_only = ON").await.unwrap();
        assert_eq!(grade(&user, "writable_server").await, Grade::Fail, "{kind:?}");
        assert_eq!(grade(&admin, "writable_server").await, Grade::Pass, "{kind:?}");
        if kind == Kind::MySql {
            server.execute("d", "SET GLOBAL super_read_only = ON").await.unwrap();
            assert_eq!(grade(&admin, "writable_server").await, Grade::Fail);
        }
    }
}
