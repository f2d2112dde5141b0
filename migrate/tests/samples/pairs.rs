//! Each pair of engines.

use switchback_engines::TableRef;
use switchback_migrate::structure::Rename;

use crate::afterwards::{self, works};
use crate::harness::end::On;
use crate::moving::{Refused, Wanted, moved};

#[tokio::test(flavor = "multi_thread")]
async fn postgres_to_postgres() {
    // What isn't in the log can't be followed, and is refused by name.
    let wanted = Wanted { exclude: vec!["scratch"], ..Wanted::default() };
    works(&moved(On::Postgres, On::Postgres, &wanted).await, &afterwards::POSTGRES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_to_mysql() {
    works(&moved(On::MySql, On::MySql, &Wanted::default()).await, &afterwards::MYSQL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_to_mariadb() {
    works(&moved(On::MariaDb, On::MariaDb, &Wanted::default()).await, &afterwards::MYSQL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_to_sqlite() {
    works(&moved(On::Sqlite, On::Sqlite, &Wanted::default()).await, &afterwards::SQLITE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_to_mariadb() {
    works(&moved(On::MySql, On::MariaDb, &Wanted::default()).await, &afterwards::MYSQL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_to_mysql() {
    works(&moved(On::MariaDb, On::MySql, &Wanted::default()).await, &afterwards::MYSQL).await;
}

fn of_postgres() -> Wanted {
    Wanted {
        exclude: vec!["scratch"],
        left_out: vec![
            ("customer", "tags"),
            ("tool", "size"),
            ("tool", "seasons"),
            ("tool", "prices"),
            ("tool", "serial_bits"),
            ("tool", "rented_by_default"),
        ],
        computed: vec![("tool", "gross_price"), ("tool", "words")],
        structure: vec!["settings name: text varchar(768)"],
        refused: Some(Refused {
            table: "tool",
            key: "id=",
            column: "weight",
            mend: "UPDATE depot.tool SET weight = 0 WHERE weight IN ('NaN', 'Infinity')",
        }),
        ..Wanted::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_to_mysql() {
    works(&moved(On::Postgres, On::MySql, &of_postgres()).await, &afterwards::POSTGRES_ON_MYSQL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_to_mariadb() {
    works(&moved(On::Postgres, On::MariaDb, &of_postgres()).await, &afterwards::POSTGRES_ON_MYSQL).await;
}

fn of_mysql() -> Wanted {
    Wanted {
        left_out: vec![("tool", "spot")],
        computed: vec![("customer", "short_name"), ("customer", "initial"), ("tool", "gross")],
        structure: vec![
            "customer id: bigint unsigned bigint",
            "customer recommended_by: bigint unsigned bigint",
            "quote customer: bigint unsigned bigint",
        ],
        ..Wanted::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_to_postgres() {
    works(&moved(On::MySql, On::Postgres, &of_mysql()).await, &afterwards::MYSQL_ON_POSTGRES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_to_postgres() {
    works(&moved(On::MariaDb, On::Postgres, &of_mysql()).await, &afterwards::MYSQL_ON_POSTGRES).await;
}

fn of_sqlite() -> Wanted {
    Wanted {
        computed: vec![("customer", "initial"), ("customer", "loud")],
        refused: Some(Refused {
            table: "settings",
            key: "name=setting ",
            column: "value",
            mend: "UPDATE settings SET value = 'text of ' || value WHERE typeof(value) <> 'text'",
        }),
        ..Wanted::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_to_postgres() {
    works(&moved(On::Sqlite, On::Postgres, &of_sqlite()).await, &afterwards::SQLITE_ON_POSTGRES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_to_mysql() {
    works(&moved(On::Sqlite, On::MySql, &of_sqlite()).await, &afterwards::SQLITE_ON_MYSQL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_to_mariadb() {
    works(&moved(On::Sqlite, On::MariaDb, &of_sqlite()).await, &afterwards::SQLITE_ON_MYSQL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_to_sqlite() {
    // A type is no bound there.
    let wanted = Wanted { structure: vec![], ..of_postgres() };
    works(&moved(On::Postgres, On::Sqlite, &wanted).await, &afterwards::POSTGRES_ON_SQLITE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_to_sqlite() {
    let wanted = Wanted { structure: vec![], ..of_mysql() };
    works(&moved(On::MySql, On::Sqlite, &wanted).await, &afterwards::MYSQL_ON_SQLITE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_to_sqlite() {
    let wanted = Wanted { structure: vec![], ..of_mysql() };
    works(&moved(On::MariaDb, On::Sqlite, &wanted).await, &afterwards::MYSQL_ON_SQLITE).await;
}

/// Under other names: a schema within an engine, and a table between two.
#[tokio::test(flavor = "multi_thread")]
async fn under_other_names() {
    let table = |name: &str| TableRef { schema: None, name: name.to_owned() };
    let schemas = [("depot".to_owned(), "stock room".to_owned())].into();
    let wanted =
        Wanted { exclude: vec!["scratch"], rename: Rename { schemas, ..Rename::default() }, ..Wanted::default() };
    let moved_by_schema = moved(On::Postgres, On::Postgres, &wanted).await;
    works(&moved_by_schema, &afterwards::RENAMED).await;
    let tables = vec![(table("customer"), table("client")), (table("keyless"), table("from"))];
    let wanted = Wanted { rename: Rename { tables, ..Rename::default() }, ..of_mysql() };
    works(&moved(On::MySql, On::Postgres, &wanted).await, &afterwards::RENAMED_ACROSS).await;
}
