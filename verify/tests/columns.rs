//! Columns that a server computes, and columns that `SELECT *` does not show.
//!
//! They are data like any other: compared where they are there, and a difference
//! in one of them alone is found. Only what an engine lacks is a plain column
//! here, so that each ordered pair of engines has the same four columns.

use fixtures::Side;
use fixtures::dataset::Dialect;
use switchback_fixtures as fixtures;
use switchback_verify::{Kind, Options, Verdict};

use crate::home::{Home, compare, home, show};

const ALL: [Dialect; 4] = Dialect::ALL;

/// Rows in which one of the columns differs.
const ROWS: i64 = 20;

/// What a column is on a server, when its values come from `id` by a rule.
#[derive(Clone, Copy)]
enum Made {
    Stored,
    /// Computed when it is read.
    Virtual,
    /// Not in `SELECT *`.
    Invisible,
    InvisibleVirtual,
}

const MADE: [(&str, Made); 4] =
    [("s", Made::Stored), ("v", Made::Virtual), ("i", Made::Invisible), ("iv", Made::InvisibleVirtual)];

impl Made {
    /// Its definition behind name and type; `None` where it is a plain column.
    fn clause(self, dialect: Dialect, expression: &str) -> Option<String> {
        let generated = format!("GENERATED ALWAYS AS ({expression})");
        match (self, dialect) {
            (Self::Stored, _) => Some(format!("{generated} STORED")),
            // PostgreSQL has them from version 18 on.
            (Self::Virtual | Self::InvisibleVirtual, Dialect::Postgres) => Some(format!("{generated} STORED")),
            (Self::Virtual, _) | (Self::InvisibleVirtual, Dialect::Sqlite) => Some(format!("{generated} VIRTUAL")),
            (Self::InvisibleVirtual, Dialect::MySql | Dialect::MariaDb) => {
                Some(format!("{generated} VIRTUAL INVISIBLE"))
            }
            (Self::Invisible, _) => None,
        }
    }

    fn is_invisible(self, dialect: Dialect) -> bool {
        match self {
            Self::Stored | Self::Virtual => false,
            Self::Invisible | Self::InvisibleVirtual => matches!(dialect, Dialect::MySql | Dialect::MariaDb),
        }
    }
}

/// A table whose columns all hold `base * 2`, but for those in `odd`, each of
/// which is one more in the row that is named.
fn script(dialect: Dialect, odd: &[(&str, i64)]) -> String {
    let expression = |name: &str| match odd.iter().find(|(of, _)| *of == name) {
        Some((_, row)) => format!("CASE WHEN base = {row} THEN base * 2 + 1 ELSE base * 2 END"),
        None => "base * 2".to_owned(),
    };
    let column = |(name, made): &(&str, Made)| match made.clause(dialect, &expression(name)) {
        Some(clause) => format!("{name} bigint {clause}"),
        None if made.is_invisible(dialect) => format!("{name} bigint INVISIBLE"),
        None => format!("{name} bigint"),
    };
    let columns: Vec<String> = MADE.iter().map(column).collect();
    let rows: Vec<String> = (1..=ROWS).map(|row| format!("({row}, {row})")).collect();
    format!(
        "CREATE TABLE t (id int PRIMARY KEY, base bigint, {}); INSERT INTO t (id, base) VALUES {}; \
         UPDATE t SET i = {}",
        columns.join(", "),
        rows.join(", "),
        expression("i"),
    )
}

/// A database of each engine.
async fn on_all(side: Side, script: impl Fn(Dialect) -> String) -> Vec<Home> {
    let homes = ALL.map(|dialect| (dialect, script(dialect)));
    futures_util::future::join_all(homes.iter().map(|(dialect, script)| home(*dialect, side, script))).await
}

/// Each ordered pair of engines: its name, the source, and the target in each of
/// `versions`.
fn pairs<'a, const N: usize>(
    sources: &'a [Home],
    versions: [&'a Vec<Home>; N],
) -> impl Iterator<Item = (String, &'a Home, [&'a Home; N])> {
    let all = ALL.iter().enumerate();
    all.clone().flat_map(move |(s, source)| {
        all.clone().map(move |(t, target)| {
            let pair = format!("{} → {}", source.name(), target.name());
            (pair, &sources[s], versions.map(|version| &version[t]))
        })
    })
}

/// The changed rows, and which columns changed in each, by the source's names.
async fn differences(source: &Home, target: &Home) -> (Verdict, Vec<(String, Vec<String>)>) {
    let (outcome, found) = compare(source, target, Options::default()).await;
    let [table] = outcome.tables.as_slice() else { panic!("{}", show(&outcome)) };
    assert!(table.problems.is_empty() && table.excluded.is_empty(), "{}", show(&outcome));
    assert_eq!(table.columns.len(), 2 + MADE.len(), "{}", show(&outcome));
    let mut rows: Vec<(String, Vec<String>)> = found
        .iter()
        .map(|(plan, d)| {
            assert_eq!(d.kind, Kind::Changed, "{}", show(&outcome));
            let name = |&at: &usize| plan.source_column(&plan.columns[at]).unwrap().name.clone();
            (format!("{:?}", d.source.as_ref().unwrap()[0]), d.changed.iter().map(name).collect())
        })
        .collect();
    rows.sort();
    (outcome.verdict, rows)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_computed_or_invisible_is_compared_between_all_engines() {
    // One row for each, so that no column can stand in for another.
    let odd: Vec<(&str, i64)> = MADE.iter().enumerate().map(|(at, (name, _))| (*name, 11 + at as i64)).collect();
    let expected: Vec<_> = odd.iter().map(|(name, row)| (format!("Int({row})"), vec![(*name).to_owned()])).collect();
    let sources = on_all(Side::Source, |dialect| script(dialect, &[])).await;
    let twins = on_all(Side::Target, |dialect| script(dialect, &[])).await;
    let others = on_all(Side::Target, |dialect| script(dialect, &odd)).await;
    for (pair, source, [twin, other]) in pairs(&sources, [&twins, &others]) {
        assert_eq!(differences(source, twin).await, (Verdict::Equal, Vec::new()), "{pair}");
        assert_eq!(differences(source, other).await, (Verdict::Different, expected.clone()), "{pair}");
    }
}

/// A column that is computed on one side may be kept on the other: what it holds
/// is what counts, and its absence is a difference, too.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_computed_equals_what_is_kept_and_not_what_is_missing() {
    let kept = |value: &str| {
        let columns: Vec<String> = MADE.iter().map(|(name, _)| format!("{name} bigint")).collect();
        let rows: Vec<String> =
            (1..=ROWS).map(|n| format!("({n}, {n}, {0}, {0}, {0}, {0})", value.replace('n', &n.to_string()))).collect();
        format!(
            "CREATE TABLE t (id int PRIMARY KEY, base bigint, {}); INSERT INTO t VALUES {}",
            columns.join(", "),
            rows.join(", ")
        )
    };
    let rows: Vec<String> = (1..=ROWS).map(|n| format!("({n}, {n})")).collect();
    let bare = format!("CREATE TABLE t (id int PRIMARY KEY, base bigint); INSERT INTO t VALUES {}", rows.join(", "));
    let sources = on_all(Side::Source, |dialect| script(dialect, &[])).await;
    let twins = on_all(Side::Target, |_| kept("n * 2")).await;
    let others = on_all(Side::Target, |_| kept("n * 2 + 1")).await;
    let bares = on_all(Side::Target, |_| bare.clone()).await;
    for (pair, source, [twin, other, bare]) in pairs(&sources, [&twins, &others, &bares]) {
        assert_eq!(differences(source, twin).await, (Verdict::Equal, Vec::new()), "{pair}");
        let (verdict, rows) = differences(source, other).await;
        assert_eq!((verdict, rows.len()), (Verdict::Different, usize::try_from(ROWS).unwrap()), "{pair}");
        assert!(rows.iter().all(|(_, changed)| *changed == MADE.map(|(name, _)| name)), "{pair}: {rows:?}");
        for (one, other) in [(source, bare), (bare, source)] {
            let (outcome, _) = compare(one, other, Options::default()).await;
            assert_eq!(outcome.tables[0].structure.len(), MADE.len(), "{pair}: {}", show(&outcome));
            assert_eq!(outcome.verdict, Verdict::Different, "{pair}");
        }
    }
}

/// The primary key that MySQL makes up for a table without one is in no
/// statement of the user's, and part of the data all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_mysql_makes_up_is_compared() {
    let script = "SET sql_generate_invisible_primary_key = ON; CREATE TABLE t (v int);";
    let fill = "INSERT INTO t (my_row_id, v) VALUES (1, 10), (2, 20), (3, 30)";
    let source = home(Dialect::MySql, Side::Source, &format!("{script} {fill}")).await;
    for (dialect, create) in [
        (Dialect::MySql, script),
        (Dialect::MariaDb, "CREATE TABLE t (my_row_id bigint unsigned AUTO_INCREMENT PRIMARY KEY INVISIBLE, v int);"),
        (Dialect::Postgres, "CREATE TABLE t (my_row_id numeric(20) PRIMARY KEY, v int);"),
        (Dialect::Sqlite, "CREATE TABLE t (my_row_id INTEGER PRIMARY KEY, v int);"),
    ] {
        let twin = home(dialect, Side::Target, &format!("{create} {fill}")).await;
        let (outcome, _) = compare(&source, &twin, Options::default()).await;
        assert_eq!(outcome.verdict, Verdict::Equal, "{}", show(&outcome));
        let moved = fill.replace("(3, 30)", "(4, 30)");
        let moved = home(dialect, Side::Target, &format!("{create} {moved}")).await;
        let (outcome, found) = compare(&source, &moved, Options::default()).await;
        let mut kinds: Vec<Kind> = found.iter().map(|(_, d)| d.kind).collect();
        kinds.sort_unstable();
        assert_eq!(kinds, [Kind::SourceOnly, Kind::TargetOnly], "{}", show(&outcome));
    }
}
