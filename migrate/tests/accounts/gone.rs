//! A revoke leaves nothing behind, whatever the account has made meanwhile.

use switchback_engines::{ConnectOptions, DatabaseUrl, connect_endpoint};
use switchback_fixtures::Family;
use switchback_migrate::accounts::{self, AccountError, AccountRequest};
use switchback_migrate::check::End;

use crate::flow::tried;
use crate::scene::{Place, Scene, WHOLE, open, planned};

const ENDS: [End; 2] = [End::Source, End::Target];

/// Whether the account is let in.
async fn comes_in(place: &Place, account: &str) -> bool {
    let url = DatabaseUrl::parse(&place.url(account)).unwrap();
    connect_endpoint(&url, &ConnectOptions::default()).await.is_ok()
}

/// Everything of PostgreSQL's catalog that names the role, or its number.
async fn traces_in_postgres(place: &Place, account: &str, oid: &str) -> Vec<String> {
    place
        .lines(&format!(
            "SELECT 'role' FROM pg_roles WHERE rolname = '{account}'
             UNION ALL SELECT 'depends' FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass AND refobjid = {oid}
             UNION ALL SELECT 'member' FROM pg_auth_members WHERE member = {oid} OR roleid = {oid} OR grantor = {oid}
             UNION ALL SELECT 'setting' FROM pg_db_role_setting WHERE setrole = {oid}
             UNION ALL SELECT 'default' FROM pg_default_acl WHERE defaclrole = {oid}
             UNION ALL SELECT 'parameter' FROM pg_parameter_acl, aclexplode(paracl) WHERE grantee = {oid}
             UNION ALL SELECT 'database' FROM pg_database, aclexplode(datacl) WHERE grantee = {oid}
             UNION ALL SELECT 'relation' FROM pg_class, aclexplode(relacl) WHERE grantee = {oid} OR relowner = {oid}
             UNION ALL SELECT 'owner' FROM pg_class WHERE relowner = {oid}
             UNION ALL SELECT 'schema' FROM pg_namespace WHERE nspowner = {oid} OR nspname = 'switchback'
             UNION ALL SELECT 'publication' FROM pg_publication WHERE pubowner = {oid}
             UNION ALL SELECT 'slot' FROM pg_replication_slots WHERE database = current_database()
             UNION ALL SELECT 'session' FROM pg_stat_activity WHERE usesysid = {oid}"
        ))
        .await
}

/// Everything that MySQL or MariaDB has of an account, wherever its system tables
/// keep it.
async fn traces_in_mysql(place: &Place, account: &str) -> Vec<String> {
    let columns = "SELECT CONCAT('SELECT ''', TABLE_NAME, ''' FROM mysql.`', TABLE_NAME, '` WHERE `', COLUMN_NAME, \
                   '` = ''{account}''') FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'mysql' \
                   AND COLUMN_NAME IN ('User', 'USER', 'Grantor', 'FROM_USER', 'TO_USER', 'Definer') \
                   AND TABLE_NAME NOT IN ('slow_log', 'general_log', 'servers')"
        .replace("{account}", account);
    let mut found = Vec::new();
    for question in place.lines(&columns).await {
        found.extend(place.lines(&question).await);
    }
    found.extend(
        place
            .lines(
                "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() \
                 AND TABLE_NAME LIKE '\\_switchback\\_%'",
            )
            .await,
    );
    found.extend(
        place.lines(&format!("SELECT 'session' FROM information_schema.PROCESSLIST WHERE USER = '{account}'")).await,
    );
    found
}

/// After a whole move.
async fn is_gone(family: Family) {
    let scene = Scene::new(family, WHOLE).await;
    let mut names = Vec::new();
    for end in ENDS {
        let plan = scene.plan(end, WHOLE).await;
        let first = scene.create(end, &plan).await;
        assert_eq!((first.done, first.skipped), (plan.create.len(), 0));
        // What is done can be done again, and the plan is the same as before.
        let again = scene.plan(end, WHOLE).await;
        assert!(again.exists && !plan.exists);
        assert_eq!((&again.create, &again.revoke), (&plan.create, &plan.revoke));
        scene.create(end, &again).await;
        names.push(scene.request(end, WHOLE).await.name);
    }
    let moved = tried(&scene, WHOLE, &names[0], &names[1]).await.moved;
    moved.unwrap_or_else(|(stage, why)| panic!("{family:?}: {stage}: {why}"));
    for (end, name) in ENDS.into_iter().zip(&names) {
        let place = scene.place(end);
        let plan = scene.plan(end, WHOLE).await;
        let oid = match family {
            Family::Postgres => {
                let app = &place.app;
                place
                    .execute(&format!("ALTER DEFAULT PRIVILEGES FOR ROLE {name} GRANT SELECT ON TABLES TO {app}"))
                    .await;
                place.lines(&format!("SELECT oid FROM pg_roles WHERE rolname = '{name}'")).await.remove(0)
            }
            Family::MySql | Family::MariaDb => String::new(),
        };
        if family != Family::Postgres && end == End::Target {
            still_needed(&scene, name).await;
        }
        let session = open(&place.url(name)).await;
        scene.revoke(end, &plan).await;
        assert!(session.look("asking", "SELECT 1").await.is_err(), "{family:?} {end}: a session goes on");
        assert!(!comes_in(place, name).await, "{family:?} {end}");
        let traces = match family {
            Family::Postgres => traces_in_postgres(place, name, &oid).await,
            Family::MySql | Family::MariaDb => traces_in_mysql(place, name).await,
        };
        assert_eq!(traces, Vec::<String>::new(), "{family:?} {end}");
        // What is gone can be taken again.
        scene.revoke(end, &plan).await;
    }
    if family == Family::Postgres {
        // The owner of the database has what the account has made.
        let owners = "SELECT DISTINCT pg_get_userbyid(relowner) = (SELECT pg_get_userbyid(datdba) FROM pg_database \
                      WHERE datname = current_database()) FROM pg_class WHERE relnamespace = 'depot'::regnamespace";
        assert_eq!(scene.target.lines(owners).await, ["t"]);
    }
}

/// An account that runs views and programs can't go, and is left as it was.
async fn still_needed(scene: &Scene, name: &str) {
    let place = &scene.target;
    let plan = scene.plan(End::Target, WHOLE).await;
    let error = accounts::revoke(place.admin.as_ref(), &plan).await.expect_err("it is a definer");
    let AccountError::StillNeeded { what, .. } = &error else { panic!("{error:?}") };
    for object in ["view ", "function ", "procedure ", "trigger ", "event "] {
        assert!(what.contains(object), "{object} {what}");
    }
    assert!(comes_in(place, name).await);
    place
        .execute(
            "DROP VIEW seen; DROP VIEW seen_too; DROP FUNCTION doubled; DROP PROCEDURE noting; \
             DROP TRIGGER noted_before; DROP EVENT nightly",
        )
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_of_postgres_is_gone() {
    is_gone(Family::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_of_mysql_is_gone() {
    is_gone(Family::MySql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_of_mariadb_is_gone() {
    is_gone(Family::MariaDb).await;
}

/// Whose heir is named, and without our own tables.
#[tokio::test(flavor = "multi_thread")]
async fn what_it_made_goes_to_the_heir() {
    let scene = Scene::new(Family::Postgres, WHOLE).await;
    let (place, app) = (&scene.target, scene.target.app.clone());
    let request =
        AccountRequest { heir: Some(app.clone()), drop_own: false, ..scene.request(End::Target, WHOLE).await };
    let plan = planned(place.admin.as_ref(), &request).await;
    scene.create(End::Target, &plan).await;
    let made = format!(
        "SET ROLE {}; CREATE SCHEMA made; CREATE TABLE made.t (id int); CREATE SCHEMA switchback",
        request.name
    );
    place.execute(&made).await;
    scene.revoke(End::Target, &plan).await;
    let owners = "SELECT DISTINCT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname IN ('made', 'switchback')";
    assert_eq!(place.lines(owners).await, [app]);
}
