//! From SQLite to SQLite.

use fixtures::Side;
use switchback_engines::{TableRef, WriterOptions};
use switchback_fixtures as fixtures;
use switchback_migrate::structure::{self, Clash, Part, Rename, StructureOptions};

use super::place::{PARTS, Place, plan, run, try_plan, warned};

const SCHEMA: &str = "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'words%' ORDER BY name";

async fn sample() -> Place {
    Place::sample(None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_arrives_as_it_was() {
    let source = sample().await;
    let target = Place::new(None, Side::Target, "target").await;
    let plan = plan(&source, &target, &StructureOptions::default()).await;
    let to = target.connect().await;
    for part in [&plan.before_load, &plan.after_load, &plan.at_cutover] {
        // Killed after every fifth step.
        for len in (0..part.len()).step_by(5).chain([part.len()]) {
            structure::run_steps(to.as_ref(), &WriterOptions::default(), &part[..len], &mut |_| {}).await.unwrap();
        }
    }
    assert_eq!(source.lines(SCHEMA).await, target.lines(SCHEMA).await);
    assert_eq!(target.lines("PRAGMA user_version").await, ["17"]);
    let triggers: Vec<_> = plan.at_cutover.iter().map(|s| s.object.name.as_str()).collect();
    assert_eq!(triggers, ["customer_audit", "write_view"]);
    assert!(warned(&plan).iter().any(|w| w.starts_with("table `words`: a virtual table")), "{plan}");
    let from = source.connect().await;
    let steps = structure::positions(from.as_ref(), to.as_ref(), &StructureOptions::default()).await.unwrap();
    structure::run_steps(to.as_ref(), &WriterOptions::default(), &steps, &mut |_| {}).await.unwrap();
    let standing = "SELECT name, seq FROM sqlite_sequence ORDER BY name";
    assert_eq!(target.lines(standing).await, ["audit | 2", "counter | 41", "customer | 2"]);
    // All of it is in the way now.
    let again = try_plan(&source, &target, &StructureOptions::default()).await;
    assert_eq!(again.conflicts.len(), plan.steps().count() - 1);
    assert!(again.conflicts.iter().all(|c| c.why == Clash::Exists));
}

#[tokio::test(flavor = "multi_thread")]
async fn chosen_tables_get_other_names() {
    let source = sample().await;
    let target = Place::new(None, Side::Target, "target").await;
    let table = |name: &str| TableRef { schema: None, name: name.to_owned() };
    let options = StructureOptions {
        tables: vec![table("customer"), table("rental")],
        rename: Rename { tables: vec![(table("customer"), table("the client"))], ..Rename::default() },
        ..StructureOptions::default()
    };
    let plan = plan(&source, &target, &options).await;
    for part in PARTS {
        run(&target, &plan, part).await;
    }
    let there = target.lines("SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite%' ORDER BY name").await;
    assert_eq!(there, ["customer_active", "customer_email", "customer_lower", "rental", "the client"]);
    assert_eq!(target.lines("SELECT \"table\" FROM pragma_foreign_key_list('rental')").await, ["the client"]);
    let warned = warned(&plan);
    for start in [
        "foreign key `customer`: its foreign key needs `country`",
        "view `spending`: it uses `customer`",
        "view `big_spending`: it needs `spending`",
    ] {
        assert!(warned.iter().any(|w| w.starts_with(start)), "{start}: {warned:#?}");
    }
    let ran = run(&target, &plan, Part::BeforeLoad).await;
    assert_eq!((ran.done, ran.skipped), (0, 2));
}
