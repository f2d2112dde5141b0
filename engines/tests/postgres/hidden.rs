//! What an account may not see is said, never left out.

use switchback_engines::error::Class;
use switchback_engines::{Database as _, Error, QueryFault, Scope};
use switchback_fixtures::Side;

use super::{Fixture, chain, connect, on_both_versions, rows, table_ref};

on_both_versions!(
    a_table_without_the_right_to_read_is_listed_and_denied,
    rows_hidden_by_a_policy_are_an_error,
    a_policy_that_does_not_bind_the_account_hides_nothing,
);

/// Roles belong to the server and not to the database, so each test has its own.
fn role(fixture: &Fixture) -> String {
    format!("r_{}", fixture.database.name())
}

async fn with_role(side: Side, hint: &str, sql: &str) -> (Fixture, super::Postgres) {
    let fixture = Fixture::new(side, hint, sql).await;
    let role = role(&fixture);
    fixture.execute(&format!("CREATE ROLE {role} LOGIN PASSWORD 'pw'; GRANT SELECT ON public.visible TO {role}")).await;
    let limited = connect(&fixture.url_as(&role, "pw")).await.expect("a connection");
    (fixture, limited)
}

async fn drop_role(fixture: Fixture, limited: super::Postgres) {
    drop(limited);
    let role = role(&fixture);
    fixture.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
}

fn assert_denied<T: std::fmt::Debug>(result: switchback_engines::Result<T>, what: &str) {
    match result {
        Err(error @ Error::Query { fault: QueryFault::Denied, .. }) => {
            assert_eq!(error.class(), Class::Operator);
            assert!(error.hint().is_some());
        }
        Err(other) => panic!("{what}: {}", chain(&other)),
        Ok(value) => panic!("{what} worked: {value:?}"),
    }
}

async fn a_table_without_the_right_to_read_is_listed_and_denied(side: Side) {
    let sql = "CREATE TABLE visible (id int); CREATE TABLE secret (id int PRIMARY KEY); INSERT INTO secret SELECT generate_series(1, 9);
               CREATE SCHEMA closed; CREATE TABLE closed.secret (id int)";
    let (fixture, limited) = with_role(side, "denied", sql).await;
    let tables = limited.tables().await.expect("tables");
    assert_eq!(tables, [table_ref("closed.secret"), table_ref("secret"), table_ref("visible")]);
    for name in ["secret", "closed.secret"] {
        let table = limited.describe(&table_ref(name)).await.expect("a description").expect("a table");
        assert_denied(rows(&limited, &table, Scope::All).await, "reading");
        assert_denied(limited.count(&table, None).await, "counting");
        assert_denied(limited.rank_keys(&table, &[0], &[vec![switchback_engines::Value::Int(1)]]).await, "ranking");
    }
    let secret = limited.describe(&table_ref("secret")).await.expect("a description").expect("a table");
    assert_denied(limited.split_keys(&secret, &[0], 2).await, "splitting");
    drop_role(fixture, limited).await;
}

async fn rows_hidden_by_a_policy_are_an_error(side: Side) {
    let sql = "CREATE TABLE visible (id int); INSERT INTO visible SELECT generate_series(1, 10);
               ALTER TABLE visible ENABLE ROW LEVEL SECURITY; CREATE POLICY half ON visible USING (id <= 5)";
    let (fixture, limited) = with_role(side, "policy", sql).await;
    let table = limited.describe(&table_ref("visible")).await.expect("a description").expect("a table");
    assert_denied(rows(&limited, &table, Scope::All).await, "reading");
    assert_denied(limited.count(&table, None).await, "counting");
    drop_role(fixture, limited).await;
}

async fn a_policy_that_does_not_bind_the_account_hides_nothing(side: Side) {
    let sql = "CREATE TABLE visible (id int); INSERT INTO visible SELECT generate_series(1, 10);
               ALTER TABLE visible ENABLE ROW LEVEL SECURITY; CREATE POLICY half ON visible USING (id <= 5)";
    let (fixture, limited) = with_role(side, "bypass", sql).await;
    let role = role(&fixture);
    fixture.execute(&format!("ALTER ROLE {role} BYPASSRLS")).await;
    let table = limited.describe(&table_ref("visible")).await.expect("a description").expect("a table");
    assert_eq!(limited.count(&table, None).await.expect("a count"), 10);
    drop_role(fixture, limited).await;
}
