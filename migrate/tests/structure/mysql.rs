//! Between MySQL and MariaDB, in all four directions.
//!
//! A test runs several scenes at once, as each test starts its servers.

use fixtures::{Family, Side};
use switchback_engines::{TableRef, WriterOptions};
use switchback_fixtures as fixtures;
use switchback_migrate::structure::{
    self, Clash, Definer, Existing, Kind, Part, Rename, StructureError, StructureOptions, StructurePlan,
};

use super::place::{Place, moved, plan, scenes, try_plan, warned};

/// Only MySQL has these, and what becomes of each on MariaDB.
const OF_MYSQL: [(&str, &str); 7] = [
    (
        "CREATE TABLE m1 (id int PRIMARY KEY, a varchar(9) COLLATE utf8mb4_0900_as_cs)",
        "column `m1.a`: the target has no collation utf8mb4_0900_as_cs",
    ),
    (
        "CREATE TABLE m2 (id int PRIMARY KEY, a int, b int GENERATED ALWAYS AS (a + 1) STORED NOT NULL)",
        "column `m2.b`: MariaDB's generated columns have no NOT NULL",
    ),
    (
        "CREATE TABLE m3 (id int PRIMARY KEY, a int, KEY e ((a * 2)))",
        "index `m3.e`: MariaDB has no keys over expressions",
    ),
    (
        "CREATE TABLE m4 (id int PRIMARY KEY, a int, CONSTRAINT soft CHECK (a > 1) NOT ENFORCED)",
        "check `m4.soft`: MariaDB enforces every check",
    ),
    (
        "CREATE TABLE m5 (id int PRIMARY KEY, p point NOT NULL SRID 4326)",
        "column `m5.p`: MariaDB does not bind a column",
    ),
    ("CREATE TABLE m6 (id int PRIMARY KEY, a int, KEY h (a) INVISIBLE, c geomcollection)", ""),
    (
        "CREATE VIEW m7 AS SELECT 'a' COLLATE utf8mb4_0900_ai_ci AS x",
        "view `m7`: the target has no collation utf8mb4_0900_ai_ci",
    ),
];

/// Only MariaDB has these, and what becomes of each on MySQL.
const OF_MARIADB: [(&str, &str); 9] = [
    ("CREATE SEQUENCE s START WITH 7", "object `s`: the target knows no sequence"),
    (
        "CREATE TABLE m1 (id uuid DEFAULT uuid() PRIMARY KEY, four inet4, six inet6)",
        "column `m1.four`: MySQL has no type inet4",
    ),
    (
        "CREATE TABLE m2 (id int DEFAULT nextval(s) PRIMARY KEY, a text DEFAULT 'x', b int DEFAULT (1 + 2), c json DEFAULT '{}')",
        "column `m2.id`: MySQL has no sequences",
    ),
    ("CREATE TABLE m3 (id int PRIMARY KEY, a int) WITH SYSTEM VERSIONING", "table `m3`: MySQL keeps no history"),
    ("CREATE TABLE m4 (id int PRIMARY KEY) ENGINE=Aria", "table `m4`: MySQL has no storage engine Aria"),
    (
        "CREATE TABLE m5 (id int PRIMARY KEY, a varchar(9) COLLATE utf8mb4_nopad_bin)",
        "column `m5.a`: the target has no collation utf8mb4_nopad_bin",
    ),
    ("CREATE TABLE m6 (id int PRIMARY KEY, a int, KEY h (a) IGNORED, CONSTRAINT same CHECK (a > 1))", ""),
    (
        "CREATE TABLE m7 (id int PRIMARY KEY, a int, CONSTRAINT same CHECK (a > 2))",
        "check `m7.same`: another table's check has this name",
    ),
    ("CREATE TABLE m8 (id int PRIMARY KEY, a text COMPRESSED)", ""),
];

async fn sample(family: Family) -> Place {
    Place::sample(Some(family)).await
}

async fn empty(family: Family) -> Place {
    Place::new(Some(family), Side::Target, "structure_to").await
}

/// Every definition in the server's own words, without what is documented to differ:
/// definers, whether an event runs, and where an auto-increment stands.
async fn definitions(place: &Place) -> Vec<String> {
    let mut all = Vec::new();
    let listed = place
        .lines(
            "SELECT IF(TABLE_TYPE = 'VIEW', 'VIEW', 'TABLE'), TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() \
             UNION ALL SELECT ROUTINE_TYPE, ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE() \
             UNION ALL SELECT 'TRIGGER', TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE() \
             UNION ALL SELECT 'EVENT', EVENT_NAME FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE() ORDER BY 1, 2",
        )
        .await;
    for object in listed {
        let (kind, name) = object.split_once(" | ").unwrap();
        let quoted = name.replace('`', "``");
        for line in place.lines(&format!("SHOW CREATE {kind} `{quoted}`")).await {
            let line = without(&line, "DEFINER=", " ");
            let line = without(&line, "AUTO_INCREMENT=", " ");
            // MariaDB shows a trigger's text as it was written, and when.
            let line =
                if kind == "TRIGGER" { without(&line, "| 20", "!").replace('`', "").replace('\n', " ") } else { line };
            // MySQL tells a collation that was declared from one that is the table's, though both mean the same.
            let line = line.replace(" CHARACTER SET utf8mb4 COLLATE", " COLLATE");
            all.push(line.replace(" ENABLE ", " DISABLE "));
        }
    }
    sorted(all)
}

/// The servers sort names each by its own collation.
fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}

/// Without what begins with `from`, up to the next `to`.
fn without(line: &str, from: &str, to: &str) -> String {
    let Some((before, rest)) = line.split_once(from) else { return line.to_owned() };
    format!("{before}{}", rest.split_once(to).map_or("", |(_, after)| after))
}

async fn to_itself(family: Family) {
    let source = sample(family).await;
    let target = empty(family).await;
    let plan = plan(&source, &target, &StructureOptions::default()).await;
    assert!(plan.before_load.iter().all(|s| s.object.kind == Kind::Table), "{plan}");
    moved(&target, &plan).await;
    let (expected, found) = (definitions(&source).await, definitions(&target).await);
    for (expected, found) in expected.iter().zip(&found) {
        assert_eq!(expected, found);
    }
    assert_eq!(expected.len(), found.len());
    assert_eq!(expected.len(), 16 + 3 + 2 + 3 + 1);
    let cutover: Vec<&str> = plan.at_cutover.iter().map(|s| s.object.name.as_str()).collect();
    assert_eq!(cutover, ["customer_audit", "customer_second", "note_before", "clean_up"]);
    let json = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<StructurePlan>(&json).unwrap(), plan);
}

#[tokio::test(flavor = "multi_thread")]
async fn structures_arrive_on_servers_of_their_kind() {
    scenes([
        Box::pin(mysql_arrives_on_mysql_as_it_was()),
        Box::pin(mariadb_arrives_on_mariadb_as_it_was()),
        Box::pin(what_is_in_the_way_is_reported_and_a_killed_run_goes_on()),
        Box::pin(tables_get_other_names_and_chosen_ones_come_alone()),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn structures_arrive_on_servers_of_the_other_kind() {
    scenes([
        Box::pin(mysql_arrives_on_mariadb_with_a_warning_for_each_difference()),
        Box::pin(mariadb_arrives_on_mysql_with_a_warning_for_each_difference()),
    ])
    .await;
}

async fn mysql_arrives_on_mysql_as_it_was() {
    to_itself(Family::MySql).await;
}

async fn mariadb_arrives_on_mariadb_as_it_was() {
    to_itself(Family::MariaDb).await;
}

/// The sample, and what only the source has; each with its warning, and the same
/// columns and keys on the other server.
async fn to_the_other(family: Family, other: Family, own: &[(&str, &str)]) {
    let source = sample(family).await;
    for (statement, _) in own {
        source.execute(statement).await;
    }
    let target = empty(other).await;
    let plan = plan(&source, &target, &StructureOptions::default()).await;
    moved(&target, &plan).await;
    let warned = warned(&plan);
    for (_, warning) in own {
        assert!(warned.iter().any(|w| w.starts_with(warning)), "{warning}: {warned:#?}");
    }
    let (from, to) = (source.connect().await, target.connect().await);
    let tables = from.tables().await.unwrap();
    assert_eq!(tables.len(), to.tables().await.unwrap().len());
    for name in tables {
        let there = TableRef { schema: None, name: name.name.clone() };
        let (a, b) = (from.describe(&name).await.unwrap().unwrap(), to.describe(&there).await.unwrap().unwrap());
        let columns =
            |t: &switchback_engines::Table| t.columns.iter().map(|c| (c.name.clone(), c.generated)).collect::<Vec<_>>();
        assert_eq!(columns(&a), columns(&b), "{name}");
        let keys = |t: &switchback_engines::Table| {
            let mut keys = t.unique_keys.clone();
            keys.sort_by(|a, b| a.name.cmp(&b.name));
            (t.primary_key.clone(), keys, t.foreign_keys.iter().map(|f| f.columns.clone()).collect::<Vec<_>>())
        };
        assert_eq!(keys(&a), keys(&b), "{name}");
    }
    let programs = "SELECT 'view', TABLE_NAME FROM information_schema.VIEWS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME <> 'm7' \
                    UNION ALL SELECT ROUTINE_TYPE, ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE() \
                    UNION ALL SELECT 'trigger', TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE() \
                    UNION ALL SELECT 'event', EVENT_NAME FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE() ORDER BY 1, 2";
    assert_eq!(sorted(source.lines(programs).await), sorted(target.lines(programs).await));
    // What was not visible is not visible, and the expressions are the same.
    let hidden = target.lines("SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND EXTRA LIKE '%INVISIBLE%'").await;
    assert_eq!(hidden, ["hidden"]);
    target.execute("INSERT INTO quote (id) VALUES (1); INSERT INTO country VALUES ('DE', 'x'); INSERT INTO note (id, body) VALUES (1, 'a')").await;
    assert_eq!(target.lines("SELECT total, hidden FROM quote").await, ["25.00 | 3"]);
}

async fn mysql_arrives_on_mariadb_with_a_warning_for_each_difference() {
    to_the_other(Family::MySql, Family::MariaDb, &OF_MYSQL).await;
}

async fn mariadb_arrives_on_mysql_with_a_warning_for_each_difference() {
    to_the_other(Family::MariaDb, Family::MySql, &OF_MARIADB).await;
}

async fn what_is_in_the_way_is_reported_and_a_killed_run_goes_on() {
    let source = sample(Family::MySql).await;
    let target = empty(Family::MySql).await;
    target.execute("CREATE TABLE note (mine int)").await;
    let before = definitions(&target).await;
    let refused = try_plan(&source, &target, &StructureOptions::default()).await;
    assert_eq!(
        refused.conflicts.iter().map(|c| (c.object.name.as_str(), &c.why)).collect::<Vec<_>>(),
        [("note", &Clash::Exists)]
    );
    let to = target.connect().await;
    let ran = structure::run(to.as_ref(), &WriterOptions::default(), &refused, Part::BeforeLoad, &mut |_| {}).await;
    assert!(matches!(ran, Err(StructureError::Conflicts { count: 1, .. })), "{ran:?}");
    assert_eq!(definitions(&target).await, before);
    target.execute("DROP TABLE note").await;
    let plan = plan(&source, &target, &StructureOptions::default()).await;
    for part in [&plan.before_load, &plan.after_load, &plan.at_cutover] {
        for len in (0..part.len()).step_by(7).chain([part.len()]) {
            let ran = structure::run_steps(to.as_ref(), &WriterOptions::default(), &part[..len], &mut |_| {}).await;
            ran.unwrap_or_else(|e| panic!("{len}: {e:?}"));
        }
    }
    assert_eq!(definitions(&source).await, definitions(&target).await);
    let steps =
        structure::positions(source.connect().await.as_ref(), to.as_ref(), &StructureOptions::default()).await.unwrap();
    structure::run_steps(to.as_ref(), &WriterOptions::default(), &steps, &mut |_| {}).await.unwrap();
    let next = "SELECT TABLE_NAME, AUTO_INCREMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() \
                AND AUTO_INCREMENT > 1 ORDER BY 1";
    assert_eq!(source.lines(next).await, target.lines(next).await);
    assert_eq!(source.lines(next).await.len(), 4);
}

async fn tables_get_other_names_and_chosen_ones_come_alone() {
    let source = sample(Family::MariaDb).await;
    let target = empty(Family::MariaDb).await;
    let table = |name: &str| TableRef { schema: None, name: name.to_owned() };
    let options = StructureOptions {
        tables: vec![table("customer"), table("rental"), table("quote")],
        rename: Rename { tables: vec![(table("customer"), table("client"))], ..Rename::default() },
        definer: Definer::Invoker,
        ..StructureOptions::default()
    };
    let plan = plan(&source, &target, &options).await;
    moved(&target, &plan).await;
    let there = target
        .lines("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() ORDER BY 1")
        .await;
    assert_eq!(sorted(there), ["a_big_spending", "active", "client", "quote", "rental", "z_spending"]);
    let warned = warned(&plan);
    assert!(warned.iter().any(|w| w.starts_with("foreign key `client.lives_in`: it needs `country`")), "{warned:#?}");
    let kept = StructureOptions { definer: Definer::Keep, existing: Existing::Keep, ..options.clone() };
    let kept = super::place::plan(&source, &target, &kept).await;
    assert!(
        kept.after_load
            .iter()
            .filter(|s| s.object.kind == Kind::View)
            .all(|s| s.statements.iter().any(|s| s.contains("DEFINER=")))
    );
    let security = "SELECT TABLE_NAME FROM information_schema.VIEWS WHERE TABLE_SCHEMA = DATABASE() AND SECURITY_TYPE = 'INVOKER' \
                    UNION ALL SELECT ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE() AND SECURITY_TYPE = 'INVOKER'";
    assert_eq!(target.lines(security).await.len(), 5);
    target.execute("INSERT INTO quote (customer) VALUES (NULL)").await;
    assert_eq!(target.lines("SELECT count(*) FROM z_spending").await, ["0"]);
    let parents = "SELECT REFERENCED_TABLE_NAME FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = DATABASE() AND \
                   REFERENCED_TABLE_NAME IS NOT NULL ORDER BY 1";
    assert_eq!(target.lines(parents).await, ["client", "client"]);
}
