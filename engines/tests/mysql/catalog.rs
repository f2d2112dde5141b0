//! What the catalog says of tables.

use switchback_engines::{Database, Engine, Error, Flavor, Key, Logical, QueryFault, TableRef, Value};
use switchback_fixtures::Family;

use super::{Here, bytes, connect, decimal, text};

on_both!(
    lists_base_tables,
    describes_columns,
    describes_keys,
    names_of_any_kind_work,
    estimates_follow_the_data,
    an_unknown_type_is_named,
    the_server_says_who_it_is,
    sees_with_the_rights_of_a_reader,
);

async fn lists_base_tables(family: Family) {
    let here = Here::new(family, "lists").await;
    here.execute(
        "CREATE TABLE b (id INT); CREATE TABLE a (id INT); CREATE TABLE `B` (id INT); \
         CREATE VIEW v AS SELECT * FROM a; CREATE TEMPORARY TABLE temporary (id INT)",
    )
    .await;
    let mut expected = vec!["B", "a", "b"];
    if family == Family::MariaDb {
        here.execute("CREATE SEQUENCE s; CREATE TABLE versioned (id INT) WITH SYSTEM VERSIONING").await;
        expected.push("versioned");
    }
    let expected: Vec<TableRef> = expected.into_iter().map(|name| here.table_ref(name)).collect();
    assert_eq!(here.engine.tables().await.unwrap(), expected);
    for none in ["v", "nowhere"] {
        assert_eq!(here.engine.describe(&here.table_ref(none)).await.unwrap(), None, "{none}");
    }
    // The database is the URL's unless the name says another.
    let unqualified = TableRef { schema: None, name: "a".to_owned() };
    assert_eq!(here.engine.describe(&unqualified).await.unwrap().unwrap().name, here.table_ref("a"));
}

async fn describes_columns(family: Family) {
    let here = Here::new(family, "columns").await;
    here.execute(
        "CREATE TABLE t (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, \
         name VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_german1_ci NOT NULL, \
         price DECIMAL(12,2), doubled DECIMAL(13,2) AS (price * 2) VIRTUAL, tripled DECIMAL(13,2) AS (price * 3) STORED, \
         made DATETIME DEFAULT CURRENT_TIMESTAMP, seven INT DEFAULT (3 + 4), hidden INT INVISIBLE, raw VARBINARY(9), \
         kind ENUM('x','it''s') CHARACTER SET utf8mb4 COLLATE utf8mb4_bin); \
         INSERT INTO t (name, price, hidden, raw, kind, made, seven) VALUES ('é', 1.5, 9, x'00', 'x', '1970-01-01', 1)",
    )
    .await;
    let table = here.table("t").await;
    let facts: Vec<_> = table.columns.iter().map(|c| (c.name.as_str(), c.nullable, c.generated)).collect();
    assert_eq!(
        facts,
        [
            ("id", false, false),
            ("name", false, false),
            ("price", true, false),
            ("doubled", true, true),
            ("tripled", true, true),
            ("made", true, false),
            ("seven", true, false),
            ("hidden", true, false),
            ("raw", true, false),
            ("kind", true, false),
        ]
    );
    assert_eq!(table.columns[1].collation.as_deref(), Some("latin1_german1_ci"));
    assert_eq!(table.columns[9].collation.as_deref(), Some("utf8mb4_bin"));
    assert_eq!(table.columns[8].collation, None);
    assert_eq!(table.columns[2].native, "decimal(12,2)");
    assert_eq!(table.columns[9].native, "enum('x','it''s')");
    assert_eq!(table.columns[0].logical, Some(Logical::Int { bits: 64, unsigned: true }));
    let moment = switchback_engines::Moment::Micros(0);
    assert_eq!(
        here.rows("t").await,
        [vec![
            Value::UInt(1),
            text("é"),
            decimal("1.50"),
            decimal("3.00"),
            decimal("4.50"),
            Value::Timestamp(moment),
            Value::Int(1),
            Value::Int(9),
            bytes(&[0]),
            text("x"),
        ]]
    );
}

async fn describes_keys(family: Family) {
    let here = Here::new(family, "keys").await;
    here.execute(
        "CREATE TABLE parent (a INT, b INT, PRIMARY KEY (b, a)); \
         CREATE TABLE t (id INT NOT NULL, a INT NOT NULL, b INT, c VARCHAR(50), d INT, \
         PRIMARY KEY (b, id), UNIQUE KEY one (a), UNIQUE KEY two (c, a), UNIQUE KEY part (c(5)), UNIQUE KEY mixed (c(5), d), \
         KEY plain (d), CONSTRAINT up FOREIGN KEY (b, a) REFERENCES parent (b, a)); \
         CREATE TABLE bare (a INT); CREATE TABLE shortened (a VARCHAR(50) NOT NULL, PRIMARY KEY (a(5)))",
    )
    .await;
    if family == Family::MySql {
        here.execute("CREATE UNIQUE INDEX computed ON t ((a + 1))").await;
    }
    let table = here.table("t").await;
    assert_eq!(table.primary_key, Some(Key { name: "PRIMARY".to_owned(), columns: vec![2, 0] }));
    let unique: Vec<_> = table.unique_keys.iter().map(|k| (k.name.as_str(), k.columns.as_slice())).collect();
    assert_eq!(unique, [("one", [1].as_slice()), ("two", &[3, 1])]);
    assert_eq!(table.foreign_keys.len(), 1);
    assert_eq!(table.foreign_keys[0].columns, ["b", "a"]);
    assert_eq!(table.foreign_keys[0].parent, here.table_ref("parent"));
    for name in ["bare", "shortened"] {
        let table = here.table(name).await;
        assert_eq!((table.primary_key, table.unique_keys.len(), table.foreign_keys.len()), (None, 0, 0), "{name}");
    }
}

async fn names_of_any_kind_work(family: Family) {
    let here = Here::new(family, "names").await;
    let name = "o'clock `x` \\ \"größe\"";
    let quoted = name.replace('`', "``");
    here.execute(&format!(
        "CREATE TABLE `{quoted}` (`{quoted}` INT PRIMARY KEY, `select` JSON); INSERT INTO `{quoted}` VALUES (7, '[]')"
    ))
    .await;
    assert_eq!(here.engine.tables().await.unwrap(), [here.table_ref(name)]);
    let table = here.table(name).await;
    assert_eq!(table.columns[0].name, name);
    assert!(matches!(table.columns[1].logical, Some(Logical::Json { .. })));
    assert_eq!(here.rows(name).await, [[Value::Int(7), Value::Json("[]".into())]]);
    assert_eq!(here.engine.count(&table, Some(&format!("`{quoted}` = 7"))).await.unwrap(), 1);
}

async fn estimates_follow_the_data(family: Family) {
    let here = Here::new(family, "estimates").await;
    here.execute(&format!("CREATE TABLE t (id INT PRIMARY KEY, pad VARCHAR(200)); {}", super::numbers("t", 20_000)))
        .await;
    here.execute("UPDATE t SET pad = REPEAT('x', 200); ANALYZE TABLE t").await;
    let table = here.table("t").await;
    assert!((10_000..40_000).contains(&table.row_estimate), "{}", table.row_estimate);
    assert!((2_000_000..20_000_000).contains(&table.bytes_estimate), "{}", table.bytes_estimate);
    // As they are now, and not as they were when the server last looked.
    here.execute("DELETE FROM t WHERE id > 100; OPTIMIZE TABLE t; ANALYZE TABLE t").await;
    assert!(here.table("t").await.row_estimate < 1_000);
}

/// The servers here have no type that is not known, so one of a later server
/// is made up.
async fn an_unknown_type_is_named(family: Family) {
    let here = Here::new(family, "unknown").await;
    here.execute("CREATE TABLE t (id INT PRIMARY KEY, v INT)").await;
    let mut table = here.table("t").await;
    table.columns[1].native = "quaternion".to_owned();
    table.columns[1].logical = None;
    let Err(error) = here.engine.decoder(&table, &[0, 1]) else { panic!("it has a decoder") };
    assert_eq!(error.to_string(), format!("`{}`.`v`: the type `quaternion` cannot be compared", table.name));
    assert!(here.engine.decoder(&table, &[0]).is_ok());
}

async fn the_server_says_who_it_is(family: Family) {
    let here = Here::new(family, "who").await;
    let info = here.engine.info();
    assert_eq!(info.engine, Engine::MySql);
    match family {
        Family::MySql => {
            assert_eq!(info.flavor, Flavor::Original);
            assert_eq!(info.product(), "MySQL");
        }
        Family::MariaDb => {
            assert_eq!(info.flavor, Flavor::MariaDb);
            assert!(info.version.contains("MariaDB"), "{}", info.version);
        }
        Family::Postgres => unreachable!("this is not about PostgreSQL"),
    }
    assert!(info.location.ends_with(here.server.name()), "{}", info.location);
    here.execute("CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1)").await;
    let position = here.engine.position().await.unwrap().expect("both fixtures keep a log");
    here.execute("INSERT INTO t VALUES (2)").await;
    let later = here.engine.position().await.unwrap().unwrap();
    assert_ne!(position, later);
    assert!(!later.contains(char::is_whitespace), "{later}");
}

/// An account that may read, and nothing else, sees all it needs; one that may
/// read a part is told so instead of being shown that part as the whole.
async fn sees_with_the_rights_of_a_reader(family: Family) {
    let here = Here::new(family, "rights").await;
    let database = here.server.name().to_owned();
    here.execute(&format!(
        "CREATE TABLE parent (id INT PRIMARY KEY); \
         CREATE TABLE t (id INT PRIMARY KEY, j JSON, secret INT, u INT UNIQUE, FOREIGN KEY (u) REFERENCES parent (id)); \
         CREATE TABLE closed (id INT PRIMARY KEY); CREATE TABLE part (id INT PRIMARY KEY, secret INT); \
         CREATE TABLE hiding (id INT PRIMARY KEY, secret INT INVISIBLE); \
         INSERT INTO t VALUES (1, '[1]', 2, NULL); \
         CREATE USER `{database}` IDENTIFIED BY 'p'; GRANT SELECT ON `{database}`.t TO `{database}`; \
         GRANT INSERT ON `{database}`.closed TO `{database}`; GRANT SELECT (id) ON `{database}`.part TO `{database}`; \
         GRANT SELECT (id) ON `{database}`.hiding TO `{database}`"
    ))
    .await;
    let user = database.chars().take(32).collect::<String>();
    assert_eq!(user, database, "the name fits an account's");
    let url = super::as_user(here.server.url(), &user, "p");
    let reader = connect(&url).await.unwrap();
    let full = here.table("t").await;
    let seen = reader.describe(&here.table_ref("t")).await.unwrap().unwrap();
    assert_eq!(seen.columns, full.columns);
    assert_eq!((&seen.primary_key, &seen.unique_keys), (&full.primary_key, &full.unique_keys));
    assert_eq!(seen.foreign_keys, full.foreign_keys);
    assert_eq!(super::read(&reader, &seen, switchback_engines::Scope::All, None).await.unwrap().len(), 1);
    reader.position().await.unwrap();
    assert_eq!(reader.split_keys(&seen, &[0], 10).await.unwrap(), Vec::<Vec<_>>::new());
    assert_eq!(reader.tables().await.unwrap(), ["closed", "hiding", "part", "t"].map(|t| here.table_ref(t)));
    for name in ["closed", "part", "hiding"] {
        let error = reader.describe(&here.table_ref(name)).await.unwrap_err();
        assert!(matches!(error, Error::Query { fault: QueryFault::Denied, .. }), "{name}: {error:?}");
    }
    // A description that failed leaves no transaction behind, in which later
    // reads would all see the same.
    for id in 2..5 {
        here.execute(&format!("INSERT INTO t (id) VALUES ({id})")).await;
        assert_eq!(reader.count(&seen, None).await.unwrap(), id);
    }
    here.execute(&format!("DROP USER `{database}`")).await;
}
