//! From PostgreSQL to PostgreSQL.
//!
//! What came out is held against the source by what the two servers say of
//! themselves: every definition in the catalog, in the server's own words.
//!
//! A test runs several scenes at once, as each test starts its servers.

use fixtures::{Family, Side};
use switchback_engines::{TableRef, WriterOptions};
use switchback_fixtures as fixtures;
use switchback_migrate::structure::{
    self, Clash, Existing, Kind, Part, Rename, Step, StructureError, StructureOptions, StructurePlan,
};

use super::place::{PARTS, Place, moved, plan, run, scenes, try_plan, warned};

const CATALOG: &str = include_str!("catalog.postgres.sql");

async fn sample() -> Place {
    Place::sample(Some(Family::Postgres)).await
}

async fn empty(side: Side) -> Place {
    Place::new(Some(Family::Postgres), side, "structure_to").await
}

fn diff(expected: &[String], found: &[String]) {
    let lost: Vec<_> = expected.iter().filter(|line| !found.contains(line)).collect();
    let extra: Vec<_> = found.iter().filter(|line| !expected.contains(line)).collect();
    assert!(lost.is_empty() && extra.is_empty(), "lost {lost:#?}\nextra {extra:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn structures_arrive_whole_or_not_at_all() {
    scenes([
        Box::pin(a_structure_arrives_as_it_was_on_the_same_version_and_a_later_one()),
        Box::pin(a_run_that_was_killed_goes_on_where_it_stopped()),
        Box::pin(what_is_in_the_way_is_reported_and_nothing_is_changed()),
        Box::pin(a_failed_step_names_its_object_and_no_value()),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn structures_arrive_as_they_were_asked_for() {
    scenes([
        Box::pin(schemas_and_tables_get_other_names()),
        Box::pin(chosen_tables_come_alone_and_what_needs_others_is_warned_of()),
        Box::pin(sequences_stand_where_the_sources_do()),
        Box::pin(roles_come_without_passwords_and_an_old_pg_dump_is_refused()),
    ])
    .await;
}

async fn a_structure_arrives_as_it_was_on_the_same_version_and_a_later_one() {
    let source = sample().await;
    let expected = source.lines(CATALOG).await;
    assert!(expected.len() > 250, "{} definitions", expected.len());
    for side in [Side::Source, Side::Target] {
        let target = empty(side).await;
        let plan = plan(&source, &target, &StructureOptions::default()).await;
        moved(&target, &plan).await;
        match side {
            Side::Source => diff(&expected, &target.lines(CATALOG).await),
            Side::Target => diff(&unqualified(&expected), &unqualified(&target.lines(CATALOG).await)),
        }
        let always = plan.at_cutover.iter().map(|s| s.object.name.as_str()).collect::<Vec<_>>();
        assert_eq!(always, ["depot.tool tool_always"]);
        let warned = warned(&plan);
        assert_eq!(warned.len(), 2, "{warned:#?}");
        assert!(warned[1].contains("public.write_audit`: it runs with its owner's rights"), "{warned:#?}");
        let json = serde_json::to_string(&plan).unwrap();
        assert_eq!(serde_json::from_str::<StructurePlan>(&json).unwrap(), plan);
    }
}

async fn a_run_that_was_killed_goes_on_where_it_stopped() {
    let source = sample().await;
    let target = empty(Side::Target).await;
    let plan = plan(&source, &target, &StructureOptions::default()).await;
    let to = target.connect().await;
    // Killed after each tenth of the steps.
    for part in [&plan.before_load, &plan.after_load, &plan.at_cutover] {
        for len in (0..=part.len()).step_by(part.len() / 10 + 1).chain([part.len()]) {
            let steps: &[Step] = &part[..len];
            let ran = structure::run_steps(to.as_ref(), &WriterOptions::default(), steps, &mut |_| {}).await;
            ran.unwrap_or_else(|e| panic!("{len}: {e:?}"));
        }
    }
    diff(&unqualified(&source.lines(CATALOG).await), &unqualified(&target.lines(CATALOG).await));
}

/// From version 16 on a view of one table is shown without its name before each
/// column.
fn unqualified(lines: &[String]) -> Vec<String> {
    let names = ["customer.", "stock.", "spending."];
    let without = |line: &String| names.iter().fold(line.clone(), |line, name| line.replace(name, ""));
    lines.iter().map(|line| if line.starts_with("view ") { without(line) } else { line.clone() }).collect()
}

async fn what_is_in_the_way_is_reported_and_nothing_is_changed() {
    let source = sample().await;
    let target = empty(Side::Target).await;
    target.execute("CREATE VIEW public.customer AS SELECT 1 AS mine; CREATE TABLE public.note (other integer)").await;
    let before = target.lines(CATALOG).await;
    let refused = try_plan(&source, &target, &StructureOptions::default()).await;
    let names: Vec<_> = refused.conflicts.iter().map(|c| (c.object.name.as_str(), &c.why)).collect();
    assert_eq!(names, [("public.customer", &Clash::Exists), ("public.note", &Clash::Exists)]);
    let to = target.connect().await;
    for part in PARTS {
        let ran = structure::run(to.as_ref(), &WriterOptions::default(), &refused, part, &mut |_| {}).await;
        assert!(matches!(ran, Err(StructureError::Conflicts { count: 2, .. })), "{ran:?}");
    }
    assert_eq!(target.lines(CATALOG).await, before);
    let keep = StructureOptions { existing: Existing::Keep, ..StructureOptions::default() };
    let kept = try_plan(&source, &target, &keep).await;
    assert!(kept.conflicts.is_empty());
    assert!(warned(&kept).iter().any(|w| w.starts_with("table `public.note`: the target has")), "{kept}");
}

async fn a_failed_step_names_its_object_and_no_value() {
    let source = Place::new(Some(Family::Postgres), Side::Source, "structure").await;
    source.execute("CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (p int REFERENCES p)").await;
    let target = empty(Side::Target).await;
    let plan = plan(&source, &target, &StructureOptions::default()).await;
    run(&target, &plan, Part::BeforeLoad).await;
    target.execute("INSERT INTO c VALUES (4711)").await;
    let to = target.connect().await;
    let failed = structure::run(to.as_ref(), &WriterOptions::default(), &plan, Part::AfterLoad, &mut |_| {}).await;
    let error = failed.unwrap_err();
    assert_eq!(error.to_string(), "foreign key `public.c c_p_fkey`: `ALTER TABLE ONLY` failed on the target");
    // The cause is removed, and the same plan goes on.
    target.execute("DELETE FROM c").await;
    assert_eq!(run(&target, &plan, Part::AfterLoad).await.done, 1, "{plan}");
}

fn table(schema: &str, name: &str) -> TableRef {
    TableRef { schema: Some(schema.to_owned()), name: name.to_owned() }
}

async fn schemas_and_tables_get_other_names() {
    let source = sample().await;
    let target = empty(Side::Target).await;
    let rename = Rename {
        schemas: [("public".to_owned(), "shop".to_owned()), ("depot".to_owned(), "stock room".to_owned())].into(),
        tables: vec![
            (table("public", "customer"), table("shop", "client")),
            (table("public", "rental"), table("shop", "hire")),
        ],
    };
    target.execute("CREATE SCHEMA shop").await;
    let plan = plan(&source, &target, &StructureOptions { rename, ..StructureOptions::default() }).await;
    moved(&target, &plan).await;
    let there = target
        .lines(
            "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relkind IN ('r', 'p', 'v', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'",
        )
        .await;
    for name in ["shop.client", "shop.hire", "shop.rental_2025", "stock room.tool", "shop.spending", "stock room.stock"]
    {
        assert!(there.iter().any(|t| t == name), "{name}: {there:?}");
    }
    assert!(!there.iter().any(|t| t.starts_with("public.") || t.starts_with("depot.")), "{there:?}");
    // What is written through the renamed objects works, but for the trigger whose
    // body says the old names, which is what the warning is about.
    target.execute("ALTER TABLE shop.client DISABLE TRIGGER customer_audit").await;
    target.execute("INSERT INTO shop.country VALUES ('DE', 'x'); INSERT INTO shop.client (email) VALUES ('a@b')").await;
    assert_eq!(target.lines("SELECT id, rentals FROM shop.spending").await, ["100 | 0"]);
    let bodies = warned(&plan).into_iter().filter(|w| w.contains("its body is text")).collect::<Vec<_>>();
    assert!(bodies.iter().any(|w| w.starts_with("function `public.write_audit()`")), "{bodies:#?}");
}

async fn chosen_tables_come_alone_and_what_needs_others_is_warned_of() {
    let source = sample().await;
    let target = empty(Side::Target).await;
    let options = StructureOptions {
        tables: vec![table("public", "customer"), table("public", "rental"), table("depot", "category")],
        ..StructureOptions::default()
    };
    let plan = plan(&source, &target, &options).await;
    moved(&target, &plan).await;
    let there = target.lines("SELECT relname FROM pg_class WHERE relkind IN ('r', 'p', 'm') AND relnamespace::regnamespace::text IN ('public', 'depot') ORDER BY 1").await;
    let expected = [
        "category",
        "customer",
        "rental",
        "rental_2025",
        "rental_2026",
        "rental_2026_even",
        "rental_2026_odd",
        "rental_other",
    ];
    assert_eq!(there, expected);
    let warned = warned(&plan);
    for start in [
        "foreign key `public.customer customer_country_fkey`: it needs `public.country`",
        "foreign key `public.rental rental_tool_fkey`: it needs `depot.tool`",
        "materialized view `depot.stock`: it needs `depot.tool`",
        "materialized view `depot.empty_stock`: it needs `depot.stock`",
        "function `public.tools_of(text)`: it needs `depot.tool`",
    ] {
        assert!(warned.iter().any(|w| w.starts_with(start)), "{start}: {warned:#?}");
    }
    assert!(!plan.steps().any(|s| s.object.name.contains("quote")), "{plan}");
}

async fn sequences_stand_where_the_sources_do() {
    let source = sample().await;
    let target = empty(Side::Target).await;
    let plan = plan(&source, &target, &StructureOptions::default()).await;
    run(&target, &plan, Part::BeforeLoad).await;
    let (from, to) = (source.connect().await, target.connect().await);
    let steps = structure::positions(from.as_ref(), to.as_ref(), &StructureOptions::default()).await.unwrap();
    assert!(steps.iter().all(|s| s.object.kind == Kind::Position));
    structure::run_steps(to.as_ref(), &WriterOptions::default(), &steps, &mut |_| {}).await.unwrap();
    let question = "SELECT (SELECT concat_ws(' ', last_value, is_called) FROM public.receipt_number), \
                    (SELECT concat_ws(' ', last_value, is_called) FROM public.customer_id_seq), \
                    (SELECT concat_ws(' ', last_value, is_called) FROM public.audit_id_seq), \
                    (SELECT concat_ws(' ', last_value, is_called) FROM public.note_id_seq)";
    let expected = source.lines(question).await;
    assert_eq!(expected, ["1010 t | 110 t | 4 t | 1 f"]);
    assert_eq!(target.lines(question).await, expected);
}

async fn roles_come_without_passwords_and_an_old_pg_dump_is_refused() {
    let source = Place::new(Some(Family::Postgres), Side::Source, "structure").await;
    let role = format!("Ada {}", std::process::id());
    source
        .execute(&format!(
            "CREATE ROLE \"{role}\" LOGIN CREATEDB PASSWORD 'secret'; CREATE TABLE t (id int PRIMARY KEY); \
             ALTER TABLE t OWNER TO \"{role}\"; GRANT SELECT ON t TO PUBLIC"
        ))
        .await;
    let target = empty(Side::Target).await;
    let options = StructureOptions { roles: true, ..StructureOptions::default() };
    let plan = plan(&source, &target, &options).await;
    for part in PARTS {
        run(&target, &plan, part).await;
    }
    let found = target
        .lines(
            "SELECT r.rolname, r.rolcreatedb, a.rolpassword, has_table_privilege('public', c.oid, 'SELECT') \
             FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner JOIN pg_authid a ON a.oid = r.oid \
             WHERE c.relname = 't' AND c.relkind = 'r'",
        )
        .await;
    for place in [&source, &target] {
        place.execute(&format!("DROP OWNED BY \"{role}\"; DROP ROLE \"{role}\"")).await;
    }
    assert_eq!(found, [format!("{role} | t | NULL | t")]);
    // A later server than any `pg_dump` that is named.
    let named = StructureOptions { pg_dump: Some("/bin/false".into()), ..StructureOptions::default() };
    let (from, to) = (source.connect().await, target.connect().await);
    let refused = structure::plan(from.as_ref(), &source.url(), to.as_ref(), &named).await.unwrap_err();
    assert!(matches!(refused, StructureError::NoDump { server: 15, .. }), "{refused:?}");
    assert!(refused.hint().is_some());
}
