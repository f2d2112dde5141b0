//! `docs/equality.md`, made from the vectors and from nothing else.
//!
//! The page says what the data says; that the data is true is the other test's
//! business.

mod engines;
mod words;

use std::fmt::Write as _;
use std::path::Path;

use fixtures::dataset::Dialect;
use fixtures::vectors::{Corner, Group, KeyCase, Row, Suite, ValueCase, Verdict};
use switchback_fixtures as fixtures;

use words::{code, exceptions, key_exceptions, literal, refusals, sentence, types, verdict, without};

/// Set to anything, it makes the test write the page.
const UPDATE: &str = "SWITCHBACK_UPDATE_DOCS";

#[test]
fn the_page_on_equality_is_what_the_vectors_say() {
    let page = page(&super::suite());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/equality.md");
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, page).unwrap();
        return;
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = written.lines().zip(page.lines()).position(|(a, b)| a != b);
    let line = differs.unwrap_or_else(|| written.lines().count().min(page.lines().count())) + 1;
    assert!(written == page, "docs/equality.md is stale from line {line} on; run this test with {UPDATE}=1");
}

const INTRODUCTION: &str = "\
# What equal means

<!-- Made from `fixtures/vectors` by the tests of `verify`. Don't edit it: edit the vectors, and run
     `SWITCHBACK_UPDATE_DOCS=1 cargo test -p switchback-verify --test main vectors::page`. -->

Two cells are equal when their canonical encodings are the same bytes. The encoding is injective and NULL has
one of its own, so no separator and no sentinel can be imitated by data. Every equality that is wider than
identity is a named policy, and the certificate of a run lists those that applied to its columns.
[policies.md](policies.md) tells how policies are switched off and others declared.

This page is a list of the corners where comparisons go wrong, and of what comes out here. Each line is a test:
the values are stored on real servers, as source and as target of every ordered pair of PostgreSQL, MySQL,
MariaDB and SQLite, two servers of one engine included, and compared as in any other run. Values are
written as SQL literals; those in one line are compared each with each, in both directions, and each with itself.
";

pub(super) fn page(suite: &Suite) -> String {
    let mut out = INTRODUCTION.to_owned();
    engines::at_a_glance(suite, &mut out);
    engines::policies(suite, &mut out);
    for group in &suite.groups {
        put_group(group, &mut out);
    }
    engines::one_by_one(suite, &mut out);
    put_later(suite, &mut out);
    out
}

fn put_group(group: &Group, out: &mut String) {
    let _ = write!(out, "\n## {}\n\n{}\n", group.title, group.says);
    for corner in &group.corners {
        let _ = write!(out, "\n### {}: {}\n\n{}\n", corner.id, corner.title, corner.says);
        corner.values.iter().for_each(|case| put_values(case, out));
        corner.keys.iter().for_each(|case| put_keys(case, out));
        put_notes(corner, out);
    }
}

fn put_notes(corner: &Corner, out: &mut String) {
    if let Some(elsewhere) = &corner.elsewhere {
        let _ = write!(out, "\nShown elsewhere: {elsewhere}\n");
    }
    if !corner.later.is_empty() {
        let _ = write!(out, "\nNot covered yet: {}.\n", corner.later.join("; "));
    }
}

fn put_values(case: &ValueCase, out: &mut String) {
    out.push('\n');
    if let Some(says) = &case.says {
        let _ = write!(out, "{says}\n\n");
    }
    if case.is_symmetric {
        let _ = writeln!(out, "- Columns: {}", types(&case.left));
    } else {
        let _ = writeln!(out, "- Left: {}", types(&case.left));
        let _ = writeln!(out, "- Right: {}", types(&case.right));
    }
    if !case.settings.is_empty() {
        let _ = writeln!(out, "- Declared: {}", code(&case.settings.spell()));
    }
    let lacking = without(&case.without);
    if !lacking.is_empty() {
        let _ = writeln!(out, "- {lacking}");
    }
    for refusal in refusals(case) {
        let _ = writeln!(out, "- **Not compared** {refusal}");
    }
    // Rows that no pair compares are there to have a table.
    let all = Dialect::ALL.iter().flat_map(|left| Dialect::ALL.map(|right| (*left, right)));
    if all.into_iter().all(|(left, right)| case.refusal(left, right).is_some()) {
        return;
    }
    out.push_str("\n| values | verdict | except |\n|---|---|---|\n");
    case.rows.iter().for_each(|row| put_row(case, row, out));
}

fn put_row(case: &ValueCase, row: &Row, out: &mut String) {
    let mut values: Vec<String> = row.values.iter().map(literal).collect();
    if !case.is_symmetric {
        values = vec![format!("{} ↔ {}", values[0], values[1])];
    }
    let mut shown = values.join(" · ");
    if let Some(says) = &row.says {
        let _ = write!(shown, " ({says})");
    }
    let alone = row.values.len() == 1 && row.verdict == Verdict::Equal;
    let verdict = if alone {
        format!("{} to itself", verdict(row.verdict, row.by.as_deref()))
    } else {
        verdict(row.verdict, row.by.as_deref())
    };
    let mut except = exceptions(row);
    let lacking = without(&row.without);
    if !lacking.is_empty() {
        except.push(lacking);
    }
    let _ = writeln!(out, "| {shown} | {verdict} | {} |", except.join("; "));
}

fn put_keys(case: &KeyCase, out: &mut String) {
    let _ = write!(out, "\n{}\n\n", case.says);
    if case.source == case.target {
        let _ = writeln!(out, "- Tables: {}", types(&case.source));
    } else {
        let _ = writeln!(out, "- Source: {}", types(&case.source));
        let _ = writeln!(out, "- Target: {}", types(&case.target));
    }
    let rows = |rows: &[fixtures::vectors::Literal]| match rows {
        [] => "none".to_owned(),
        rows => rows.iter().map(literal).collect::<Vec<_>>().join(" · "),
    };
    let _ = writeln!(out, "- Rows of the source: {}", rows(&case.source_rows));
    let _ = writeln!(out, "- Rows of the target: {}", rows(&case.target_rows));
    if let Some(range_rows) = case.range_rows {
        let _ = writeln!(out, "- In ranges of about {range_rows} rows");
    }
    let lacking = without(&case.without);
    if !lacking.is_empty() {
        let _ = writeln!(out, "- {lacking}");
    }
    let _ = writeln!(out, "- Found: {}", words::finds(&case.finds));
    for exception in key_exceptions(case) {
        let _ = writeln!(out, "- {}", sentence(&exception));
    }
}

fn put_later(suite: &Suite, out: &mut String) {
    out.push_str(
        "\n## Not covered yet\n\nCorners that need an engine which is not built, MongoDB and SQL Server above all.\n\n",
    );
    for corner in suite.corners().filter(|corner| !corner.later.is_empty()) {
        let _ = writeln!(out, "- {}, {}: {}", corner.id, corner.title, corner.later.join("; "));
    }
}
