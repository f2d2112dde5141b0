//! Runs and differences as a person sees them.

use std::path::Path;

use switchback_engines::{Engine, Flavor, OwnedValue, Value};
use switchback_reports::terminal::{Style, render, render_sample, sample_differences};
use switchback_verify::TableOutcome;
use switchback_verify::outcome::Verdict;

use crate::build::{INT, TEXT, changed, column, outcome_of, plan, required, run, server, source_only, table, text};
use crate::sample_run::{mixed, orders};

const WIDE: Style = Style { width: Some(110), color: false, verbose: false };

/// Paths below a temporary folder, which has another name each time.
fn without(folder: &Path, text: &str) -> String {
    text.replace(folder.to_str().unwrap(), "RUN")
}

#[test]
fn a_run_in_which_everything_happens() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = mixed(folder.path());
    insta::assert_snapshot!(without(folder.path(), &render(&outcome, Some(folder.path()), &WIDE)), @r#"
    INCOMPLETE: 8 of 21 tables could not be decided; 6 differences found

      source  PostgreSQL 15.18 at db1:5432/shop
      target  MariaDB 10.11.19-MariaDB at db2:3306/shop
      rows    1,248,567 in the source, 1,248,566 in the target
      time    1 min 5 s
      run     2026-11-21T10-00-00-7f3a

    Tables
      table            verdict        source     target  source  target  changed         key  unresolved   time
                                        rows       rows    only    only           collisions
      ───────────────────────────────────────────────────────────────────────────────────────────────────────────
      public.orders    incomplete  1,234,567  1,234,566       1       1        3           0           1  1.2 s
      public.tags      different       1,000      1,000       0       0        0           1           0  1.2 s
      public.payments  incomplete      1,000      1,000       0       0        0           0           0  1.2 s
      public.drafts    incomplete          -          -       -       -        -           -           -  1.2 s
      public.secret_0  incomplete          -          -       -       -        -           -           -  1.2 s
      public.secret_1  incomplete          -          -       -       -        -           -           -  1.2 s
      public.secret_2  incomplete          -          -       -       -        -           -           -  1.2 s
      public.secret_3  incomplete          -          -       -       -        -           -           -  1.2 s
      public.secret_4  incomplete          -          -       -       -        -           -           -  1.2 s
      10 tables are equal
      1 table is equal as far as the sample goes
      1 table has as many rows on both sides; the rows were not compared

    Structure
      public.orders  `total` is numeric(12,2) in the source and decimal(12,4) in the target
      public.drafts  the target has no such table

    Problems
      public.payments  reading `public.payments` failed: connection reset
      public.secret_0  permission denied
      public.secret_1  hint: grant SELECT on the table to the account in the URL, or exclude the table
      public.secret_2
      and 2 more

    Columns left out
      public.orders.updated_at  target  ignored by the configuration

    Rows left out
      public.events     both    a random sample of about 10.0 %: 40 of 400 ranges
      public.customers  source  only where tenant = 4
      public.customers  target  only where tenant_id = 4
      public.payments   both    only 2 of 4 ranges were compared

    Taken for equal although not the same
      decimal_scale  1.10 equals 1.1: a decimal's scale is not part of its value

    Files
      RUN/certificate.json
      RUN/summary.json
      RUN/differences/public.orders/*.parquet
      RUN/differences/public.tags/*.parquet
      open with  duckdb -c "SELECT kind, changed_columns, source, target FROM 'RUN/differences/public.orders/*.parquet' LIMIT 20"
      or         python3 -c "import pyarrow.dataset as ds; print(ds.dataset('RUN/differences/public.orders').head(20))"
    "#);
}

#[test]
fn a_narrow_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let mut outcome = mixed(folder.path());
    outcome.tables.truncate(3);
    for width in [80, 50] {
        let style = Style { width: Some(width), ..WIDE };
        let text = render(&outcome, None, &style);
        // The first line is a sentence that any terminal wraps.
        assert!(text.lines().skip(1).all(|line| line.chars().count() <= width.into()), "{text}");
    }
    insta::assert_snapshot!(render(&outcome, None, &Style { width: Some(80), ..WIDE }), @r#"
    INCOMPLETE: 1 of 3 tables could not be decided; 6 differences found

      source  PostgreSQL 15.18 at db1:5432/shop
      target  MariaDB 10.11.19-MariaDB at db2:3306/shop
      rows    1,236,567 in the source, 1,236,566 in the target
      time    1 min 5 s
      run     2026-11-21T10-00-00-7f3a

    Tables
      public.orders  incomplete; rows: 1,234,567 in the source, 1,234,566 in the
                     target; 1 only in the source; 1 only in the target; 3 changed;
                     1 unresolved; 1.2 s
      public.tags    different; rows: 1,000 in the source, 1,000 in the target; 1
                     key collision; 1.2 s
      1 table is equal

    Structure
      public.orders  `total` is numeric(12,2) in the source and decimal(12,4) in the
                     target

    Columns left out
      public.orders.updated_at  target  ignored by the configuration

    Taken for equal although not the same
      decimal_scale  1.10 equals 1.1: a decimal's scale is not part of its value
    "#);
    insta::assert_snapshot!(render(&outcome, None, &Style { width: Some(50), ..WIDE }), @r#"
    INCOMPLETE: 1 of 3 tables could not be decided; 6 differences found

      source  PostgreSQL 15.18 at db1:5432/shop
      target  MariaDB 10.11.19-MariaDB at
              db2:3306/shop
      rows    1,236,567 in the source, 1,236,566 in
              the target
      time    1 min 5 s
      run     2026-11-21T10-00-00-7f3a

    Tables
      public.orders  incomplete; rows: 1,234,567 in
                     the source, 1,234,566 in the
                     target; 1 only in the source; 1
                     only in the target; 3 changed; 1
                     unresolved; 1.2 s
      public.tags    different; rows: 1,000 in the
                     source, 1,000 in the target; 1
                     key collision; 1.2 s
      1 table is equal

    Structure
      public.orders  `total` is numeric(12,2) in the
                     source and decimal(12,4) in the
                     target

    Columns left out
      public.orders.updated_at  target  ignored by the
                                        configuration

    Taken for equal although not the same
      decimal_scale  1.10 equals 1.1: a decimal's
                     scale is not part of its value
    "#);
}

#[test]
fn equal_tables_are_counted() {
    let server = server(Engine::Postgres, Flavor::Original, "15.18", "db:5432/shop");
    let mut outcome = run(server.clone(), server, vec![outcome_of(&orders()); 10_000]);
    insta::assert_snapshot!(render(&outcome, None, &WIDE), @r#"
    EQUAL: 10,000 tables compared, no difference

      source  PostgreSQL 15.18 at db:5432/shop
      target  PostgreSQL 15.18 at db:5432/shop
      rows    10,000,000 in the source, 10,000,000 in the target
      time    1 min 5 s
      run     2026-11-21T10-00-00-7f3a

    Tables
      10,000 tables are equal

    Taken for equal although not the same
      decimal_scale  1.10 equals 1.1: a decimal's scale is not part of its value
    "#);
    let verbose = render(&outcome, None, &Style { verbose: true, ..WIDE });
    // Once in the list of tables, and for each of its four columns.
    assert_eq!(verbose.matches("public.orders").count(), 50_000);
    // And problems of ten thousand tables are not ten thousand lines either.
    for table in &mut outcome.tables {
        table.verdict = Verdict::Incomplete;
        table.problems =
            vec![switchback_verify::outcome::Problem { message: "connection lost".to_owned(), hint: None }];
    }
    outcome.verdict = Verdict::Incomplete;
    assert!(render(&outcome, None, &WIDE).lines().count() < 80);
}

#[test]
fn colours_only_where_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = mixed(folder.path());
    let plain = render(&outcome, Some(folder.path()), &WIDE);
    assert!(!plain.contains('\u{1b}'));
    let colored = render(&outcome, Some(folder.path()), &Style { color: true, ..WIDE });
    assert!(colored.starts_with("\u{1b}[1;33mINCOMPLETE\u{1b}[0m: "));
    // The same text but for the colours.
    let stripped = ["\u{1b}[1;33m", "\u{1b}[1m", "\u{1b}[0m"].iter().fold(colored, |text, code| text.replace(code, ""));
    assert_eq!(stripped, plain);
}

#[test]
fn names_cannot_write_to_the_terminal() {
    let evil = "x\u{1b}[2J\u{202e}\n| fake";
    let table = table(Some("s"), evil, vec![required("id", "int", INT), column(evil, "text", TEXT)], &[0]);
    let plan = plan(Engine::Sqlite, table.clone(), Engine::Sqlite, table);
    let mut bad = outcome_of(&plan);
    bad.verdict = Verdict::Incomplete;
    bad.problems = vec![switchback_verify::outcome::Problem { message: evil.to_owned(), hint: Some(evil.to_owned()) }];
    bad.source_filter = Some(evil.to_owned());
    bad.files = vec![format!("differences/{evil}/part-00000.parquet")];
    let server = server(Engine::Sqlite, Flavor::Original, evil, evil);
    let outcome = run(server.clone(), server, vec![bad]);
    let differences = [changed(&[1], vec![text(evil), text(evil)], vec![text(evil), Value::Null])];
    let all = [
        render(&outcome, Some(Path::new(evil)), &WIDE),
        render(&outcome, None, &Style { verbose: true, ..WIDE }),
        render_sample(&plan, &differences, &WIDE),
    ];
    for text in all {
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()) && !text.contains('\u{202e}'), "{text:?}");
        assert!(!text.lines().any(|line| line.starts_with("| fake")), "{text}");
    }
}

#[test]
fn a_look_at_differences() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = mixed(folder.path());
    let orders: &TableOutcome = &outcome.tables[0];
    let all = sample_differences(folder.path(), orders, 100).unwrap();
    assert_eq!(all.len(), 6);
    assert_eq!(sample_differences(folder.path(), orders, 2).unwrap().len(), 2);
    insta::assert_snapshot!(render_sample(orders.plan.as_ref().unwrap(), &all, &WIDE), @r#"
    public.orders
      changed: id = 7
        status  'paid' → 'new'
        total   10.00 → 9.9900
      changed: id = 8
        note  '…ory, with a happy end' (296 characters) → '…ory, with a sad end' (294 characters)
      changed: id = 9
        note  'café' → 'café\u{1b}[2J'  (character 4: U+00E9 → U+0065)
      only in the source: id = 10
        status  'it's'
        total   -0.05
        note    'two\nlines'
      only in the target: id = 11
        status  'new'
        total   0.0001
        note    NULL
      changed (unresolved): id = 12
        status  'a' → 'b'
    "#);
}

#[test]
fn long_values_are_cut_between_characters() {
    let wide: Vec<_> = (0..20).map(|i| column(&format!("c{i}"), "text", TEXT)).collect();
    let mut columns = vec![required("id", "int", INT)];
    columns.extend(wide);
    let table = table(None, "wide", columns, &[0]);
    let plan = plan(Engine::Sqlite, table.clone(), Engine::Sqlite, table);
    let mut values: Vec<OwnedValue> = vec![Value::Int(1)];
    values.extend((0..20).map(|i| match i {
        0 => text(&"😀".repeat(100)),
        1 => Value::Bytes(vec![0xAB; 1_000_000].into()),
        2 => Value::Decimal(switchback_engines::Decimal::Big("9".repeat(1_000).into())),
        3 => Value::Bits { len: 4_000, bytes: vec![0xFF; 500].into() },
        _ => Value::F64(f64::from(i)),
    }));
    insta::assert_snapshot!(render_sample(&plan, &[source_only(values)], &WIDE), @r#"
    wide
      only in the source: id = 1
        c0  '😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀…'
            (100 characters)
        c1  x'abababababababababababababababababababababababab…' (1,000,000 bytes)
        c2  999999999999999999999999999999999999999999999999… (1,000 characters)
        c3  b'111111111111111111111111111111111111111111111111…' (4,000 bits)
        c4  4.0
        c5  5.0
        c6  6.0
        c7  7.0
        …   and 12 columns more
    "#);
}
