//! The map of types: that it says the truth, and that its page says what it does.
//!
//! Every type of every engine gets a table with the values at its edges. The
//! table is created on each other engine, the rows that the target takes are copied,
//! and the two are compared as a user would: they must be equal. A value may be
//! refused only where the map says that something is lost.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use fixtures::{Family, Side};
use switchback_engines::{Column, Engine, Flavor, Logical, TableRef, Value};
use switchback_fixtures as fixtures;
use switchback_migrate::structure::cross::types::{Mapped, Usage, map};
use switchback_migrate::structure::cross::{Dialect, target_table};
use switchback_migrate::structure::{Clash, Part, Rename, StructureOptions};
use switchback_verify::outcome::StructureDifference;
use switchback_verify::{Difference, DifferenceSink, Options, Progress, TablePlan, TableSink, Verdict};
use tokio_util::sync::CancellationToken;

use super::copy::copy;
use super::place::{Place, Scene, run, scenes, try_plan, warned};

/// A type of an engine, and values at its edges.
struct Example {
    native: &'static str,
    logical: Logical,
    literals: &'static [&'static str],
}

const fn of(native: &'static str, logical: Logical, literals: &'static [&'static str]) -> Example {
    Example { native, logical, literals }
}

const fn int(bits: u8, unsigned: bool) -> Logical {
    Logical::Int { bits, unsigned }
}

const TEXT: Logical = Logical::Text { chars_max: None };
const UPDATE: &str = "SWITCHBACK_UPDATE_DOCS";

mod lists;

const ENDS: [(Option<Family>, Dialect, &str); 4] = [
    (Some(Family::Postgres), Dialect { engine: Engine::Postgres, flavor: Flavor::Original }, "PostgreSQL"),
    (Some(Family::MySql), Dialect { engine: Engine::MySql, flavor: Flavor::Original }, "MySQL"),
    (Some(Family::MariaDb), Dialect { engine: Engine::MySql, flavor: Flavor::MariaDb }, "MariaDB"),
    (None, Dialect { engine: Engine::Sqlite, flavor: Flavor::Original }, "SQLite"),
];

fn examples(end: Dialect) -> Vec<Example> {
    match (end.engine, end.flavor) {
        (Engine::Postgres, _) => lists::postgres(),
        (Engine::Sqlite, _) => lists::sqlite(),
        (_, Flavor::Original) => lists::mysql(),
        (_, Flavor::MariaDb) => lists::mariadb(),
    }
}

fn mapped(from: Dialect, to: Dialect, example: &Example) -> Option<Mapped> {
    let column = Column {
        name: "v".to_owned(),
        native: example.native.to_owned(),
        logical: Some(example.logical.clone()),
        nullable: true,
        generated: false,
        collation: None,
    };
    map(from, to, &column, Usage::default())
}

/// Which values a run found to differ; only whether there are any matters.
struct Nowhere;

impl DifferenceSink for Nowhere {
    fn open(
        &self,
        _: &TablePlan,
        _: &switchback_verify::Began,
    ) -> Result<Box<dyn TableSink>, switchback_verify::SinkError> {
        Ok(Box::new(Self))
    }
}

impl TableSink for Nowhere {
    fn write(&mut self, _: &[Difference]) -> Result<(), switchback_verify::SinkError> {
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Vec<std::path::PathBuf>, switchback_verify::SinkError> {
        Ok(Vec::new())
    }
}

/// All types of one engine to one other.
async fn to(source_end: usize, target_end: usize) {
    let (family, from, _) = ENDS[source_end];
    let (target_family, to, target_name) = ENDS[target_end];
    let all = examples(from);
    let source = Place::new(family, Side::Source, "types").await;
    source.execute(prelude(from)).await;
    for (i, example) in all.iter().enumerate() {
        let rows: Vec<String> = example.literals.iter().enumerate().map(|(id, v)| format!("({id}, {v})")).collect();
        let session = match from.engine {
            Engine::MySql => "SET sql_mode = 'ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO', time_zone = '+00:00';",
            Engine::Postgres => "SET TimeZone = 'UTC';",
            _ => "",
        };
        source
            .execute(&format!(
                "{session} CREATE TABLE t{i} (id INT NOT NULL, v {}, PRIMARY KEY (id)); \
                 INSERT INTO t{i} VALUES {}, ({}, NULL);",
                example.native,
                rows.join(", "),
                rows.len()
            ))
            .await;
    }
    let target = Place::new(target_family, Side::Target, "types_to").await;
    // Those that have no type there are conflicts, and are left out.
    let absent: Vec<usize> = (0..all.len()).filter(|i| mapped(from, to, &all[*i]).is_none()).collect();
    let plan = try_plan(&source, &target, &StructureOptions::default()).await;
    assert!(plan.conflicts.iter().all(|c| matches!(c.why, Clash::NoType { .. })));
    let refused: Vec<&str> = plan.conflicts.iter().map(|c| c.object.name.trim_end_matches(".v")).collect();
    let refused: Vec<usize> = refused.iter().map(|name| name.rsplit('t').next().unwrap().parse().unwrap()).collect();
    let mut expected = absent.clone();
    expected.sort_by_key(|i| format!("t{i}"));
    assert_eq!(refused, expected, "{target_name}");
    let exclude = absent.iter().map(|i| TableRef { schema: None, name: format!("t{i}") }).collect();
    let options = StructureOptions { exclude, ..StructureOptions::default() };
    let plan = super::place::plan(&source, &target, &options).await;
    for part in [Part::BeforeLoad, Part::AfterLoad] {
        run(&target, &plan, part).await;
    }
    let (from_end, to_end) = (source.connect().await, target.connect().await);
    let warned = warned(&plan);
    for (i, example) in all.iter().enumerate() {
        let Some(mapped) = mapped(from, to, example) else { continue };
        let what = format!("{} → {target_name} {}", example.native, mapped.native);
        let name = from_end.tables().await.unwrap().into_iter().find(|t| t.name == format!("t{i}")).unwrap();
        let there = target_table(to.engine, &Rename::default(), &name);
        let a = from_end.describe(&name).await.unwrap().unwrap();
        let b = to_end.describe(&there).await.unwrap().unwrap();
        assert_eq!(a.columns[1].logical.as_ref(), Some(&example.logical), "{what}");
        let (copied, refused) = copy(from_end.as_ref(), to_end.as_ref(), &a, &b).await;
        // NULL, and a value at least.
        assert!(copied > 1, "{what}: {copied} rows copied, refused {refused:?}");
        match mapped.lossy {
            None => assert!(refused.is_empty(), "{what} loses nothing, but refused {refused:?}"),
            Some(lossy) => {
                let names = format!("t{i}.v`: ");
                assert!(warned.iter().any(|w| w.contains(&names) && w.ends_with(lossy)), "{what}: {warned:#?}");
            }
        }
        for id in refused {
            let Value::Int(id) = id else { panic!("{id:?}") };
            source.execute(&format!("DELETE FROM t{i} WHERE id = {id}")).await;
        }
    }
    let selection = switchback_verify::Selection {
        exclude: absent.iter().map(|i| format!("t{i}").parse().unwrap()).collect(),
        ..switchback_verify::Selection::default()
    };
    let options = Options { run_id: "types".to_owned(), selection, ..Options::default() };
    let (a, b) = (source.connect().await, target.connect().await);
    let outcome = switchback_verify::run(a, b, options, Arc::new(Nowhere), Progress::new(), CancellationToken::new())
        .await
        .unwrap();
    for table in &outcome.tables {
        let i: usize = table.name().rsplit('t').next().unwrap().parse().unwrap();
        let what = format!("{} → {target_name}: {table:#?}", all[i].native);
        assert!(table.problems.is_empty() && table.unresolved == 0 && table.differences.is_empty(), "{what}");
        assert!(table.source_rows > 1 && table.source_rows == table.target_rows, "{what}");
        // A narrower type is a difference of the structure, which the plan has warned of.
        let narrower = table.structure.iter().all(|s| matches!(s, StructureDifference::Type { .. }));
        let lossy = mapped(from, to, &all[i]).is_some_and(|m| m.lossy.is_some());
        assert!(table.verdict == Verdict::Equal || (narrower && lossy), "{what}");
    }
    assert_eq!(outcome.tables.len(), all.len() - absent.len());
}

fn prelude(from: Dialect) -> &'static str {
    match from.engine {
        Engine::Postgres => "CREATE TYPE mood AS ENUM ('sad', 'it''s ok', ' '); CREATE EXTENSION hstore",
        _ => "SELECT 1",
    }
}

/// All of them in one test, which starts each server once.
#[tokio::test(flavor = "multi_thread")]
async fn every_type_passes_or_is_named() {
    let pairs = [(0, 1), (0, 2), (0, 3), (1, 0), (1, 3), (2, 0), (2, 3), (3, 0), (3, 1), (3, 2)];
    scenes(pairs.map(|(from, to_end)| -> Scene { Box::pin(to(from, to_end)) })).await;
}

const INTRODUCTION: &str = "\
# What types become

<!-- Made from the map in `migrate/src/structure/cross/types.rs` by the tests of `migrate`. Don't edit it: change the
     map, and run `SWITCHBACK_UPDATE_DOCS=1 cargo test -p switchback-migrate --test main types::the_page`. -->

Between two engines every column gets the type below. Each line is a test: the values at the edges of the type are
stored on a real server, copied to the other, and compared as in any other run; what the target took is equal, by
identity or by a policy of [equality.md](equality.md). Where nothing stands under *loses*, every value was taken. Where
something does, the plan warns of it, naming the column, before anything is created, and a value that does not fit is
refused by name: none is cut or rounded without a word, but for numbers in JSON, where the table says so. `verify` tells a narrower type as a difference of the
structure. A type without a counterpart is a conflict.

Text in a key becomes a `varchar` in MySQL and MariaDB, as long as the key allows; longer values are refused, and the
plan says so. A number without a sign that numbers its table, or refers to one that does, becomes a `bigint` in
PostgreSQL.
";

#[test]
fn the_page_says_what_the_map_does() {
    let mut page = INTRODUCTION.to_owned();
    for (s, (_, from, source)) in ENDS.iter().enumerate() {
        for (t, (_, to, target)) in ENDS.iter().enumerate() {
            if s == t || (from.engine == to.engine) {
                continue;
            }
            let _ = write!(page, "\n## {source} → {target}\n\n| {source} | {target} | loses |\n|---|---|---|\n");
            for example in examples(*from) {
                let (native, loses) = match mapped(*from, *to, &example) {
                    Some(mapped) => (format!("`{}`", mapped.native), mapped.lossy.unwrap_or_default()),
                    None => ("**none**".to_owned(), ""),
                };
                let _ = writeln!(page, "| `{}` | {native} | {loses} |", example.native);
            }
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/type-map.md");
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, page).unwrap();
        return;
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "docs/type-map.md is stale; run this test with {UPDATE}=1");
}
