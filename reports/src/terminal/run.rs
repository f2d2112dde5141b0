//! A whole run.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use switchback_engines::canon::{Origin, Policy};
use switchback_verify::outcome::{Method, RunOutcome, Side, Stop, StructureDifference, TableOutcome, Verdict};

use super::Style;
use super::tables::{equal, list, overview};
use super::text::{Paint, clean, count, duration, number};
use crate::certificate;
use crate::summary;

/// Lines of a section, unless all are wanted.
const LINES_MAX: usize = 40;

/// Tables named with a problem that many share.
const NAMES_MAX: usize = 3;

/// Renders a run; `run_dir` is where its files are, if they were kept.
#[must_use]
pub fn render(outcome: &RunOutcome, run_dir: Option<&Path>, style: &Style) -> String {
    let paint = Paint { color: style.color };
    let mut out = verdict_line(outcome, paint);
    out.push('\n');
    out.push_str(&list(&about(outcome), style));
    let mut section = |title: &str, body: String| {
        if !body.is_empty() {
            let _ = write!(out, "\n{}\n{body}", paint.heading(title));
        }
    };
    section("Tables", tables(outcome, style));
    section("Structure", structure(&outcome.tables, style));
    section("Problems", problems(&outcome.tables, style));
    section("Columns left out", excluded(&outcome.tables, style));
    section("Rows left out", filters(&outcome.tables, style));
    section("Within tolerance", tolerated(&outcome.tables, style));
    section("Taken for equal although not the same", policies(&outcome.tables, style));
    if style.verbose {
        section("Columns", columns(&outcome.tables, style));
    }
    if let Some(run_dir) = run_dir {
        section("Files", files(outcome, run_dir, style));
    }
    out
}

fn verdict_line(outcome: &RunOutcome, paint: Paint) -> String {
    let totals = certificate::totals(&outcome.tables);
    let tables = count(totals.tables, "table");
    let differences = count(totals.differences, "difference");
    match outcome.verdict {
        Verdict::Equal if totals.within_tolerance > 0 => format!(
            "{}: {tables} compared, no difference beyond tolerance; {} within it\n",
            paint.good("EQUAL"),
            count(totals.within_tolerance, "row")
        ),
        Verdict::Equal => format!("{}: {tables} compared, no difference\n", paint.good("EQUAL")),
        Verdict::NoDifferenceFound => format!(
            "{}: of {} of {tables} only a sample or the number of rows was compared\n",
            paint.good("NO DIFFERENCE FOUND"),
            number(totals.tables_without_difference_found)
        ),
        Verdict::Different => {
            let (verb, their) = if totals.tables_different == 1 { ("differs", "its") } else { ("differ", "their") };
            let different = number(totals.tables_different);
            format!("{}: {different} of {tables} {verb}, with {differences} in {their} rows\n", paint.bad("DIFFERENT"))
        }
        Verdict::Incomplete => {
            let why = match outcome.stopped {
                Some(Stop::Interrupted) => ", as the run was interrupted",
                Some(Stop::MaxDifferences) => ", as the limit of differences was reached",
                Some(Stop::MaxTime) => ", as the limit of time was reached",
                None => "",
            };
            let incomplete = number(totals.tables_incomplete);
            let in_structure = outcome.tables.iter().any(|table| !table.structure.is_empty());
            let found = match (totals.differences, in_structure) {
                (0, false) => "no difference found so far".to_owned(),
                (0, true) => "no row found so far that differs, but differences in structure".to_owned(),
                _ => format!("{differences} found"),
            };
            format!("{}: {incomplete} of {tables} could not be decided{why}; {found}\n", paint.doubtful("INCOMPLETE"))
        }
    }
}

fn about(outcome: &RunOutcome) -> Vec<Vec<String>> {
    let totals = certificate::totals(&outcome.tables);
    let elapsed = (outcome.finished - outcome.started).num_milliseconds();
    let rows = format!("{} in the source, {} in the target", number(totals.source_rows), number(totals.target_rows));
    [
        ("source", clean(&outcome.source.to_string())),
        ("target", clean(&outcome.target.to_string())),
        ("rows", rows),
        ("time", duration(u64::try_from(elapsed).unwrap_or(0))),
        ("run", clean(&outcome.run_id)),
    ]
    .into_iter()
    .map(|(name, value)| vec![name.to_owned(), value])
    .collect()
}

fn tables(outcome: &RunOutcome, style: &Style) -> String {
    let all: Vec<&TableOutcome> = outcome.tables.iter().collect();
    let listed: Vec<&TableOutcome> =
        all.iter().copied().filter(|t| style.verbose || t.verdict > Verdict::NoDifferenceFound).collect();
    let shown = if style.verbose { listed.as_slice() } else { listed.get(..LINES_MAX).unwrap_or(&listed) };
    let mut out = if shown.is_empty() { String::new() } else { overview(shown, style) };
    out.push_str(&more(listed.len() - shown.len(), "table"));
    if !style.verbose {
        out.push_str(&equal(&all));
    }
    out
}

/// A section of rows, cut where it gets long.
fn cut(rows: &[Vec<String>], noun: &str, style: &Style) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let shown = if style.verbose { rows } else { rows.get(..LINES_MAX).unwrap_or(rows) };
    let mut out = list(shown, style);
    out.push_str(&more(rows.len() - shown.len(), noun));
    out
}

fn more(n: usize, noun: &str) -> String {
    if n == 0 {
        return String::new();
    }
    format!("  and {} more: see {}\n", count(n as u64, noun), certificate::FILE_NAME)
}

fn structure(tables: &[TableOutcome], style: &Style) -> String {
    let rows: Vec<Vec<String>> = tables
        .iter()
        .flat_map(|table| table.structure.iter().map(|d| vec![clean(&table.name()), clean(&describe(d))]))
        .collect();
    cut(&rows, "difference", style)
}

fn describe(difference: &StructureDifference) -> String {
    match difference {
        StructureDifference::MissingTable { on } => format!("the {} has no such table", on.name()),
        StructureDifference::MissingColumn { on, column } => format!("the {} has no column `{column}`", on.name()),
        StructureDifference::Type { column, source, target } => {
            format!("`{column}` is {source} in the source and {target} in the target")
        }
        StructureDifference::Nullability { column, source_nullable, target_nullable } => {
            let may = |nullable| if nullable { "may be NULL" } else { "may not be NULL" };
            let (source, target) = (may(*source_nullable), may(*target_nullable));
            format!("`{column}` {source} in the source and {target} in the target")
        }
        StructureDifference::Key { source, target } => {
            let key = |columns: &[String]| if columns.is_empty() { "nothing".to_owned() } else { columns.join(", ") };
            format!("the key is {} in the source and {} in the target", key(source), key(target))
        }
    }
}

/// One entry for each message, however many tables have it: a lost connection
/// is one problem and not ten thousand.
fn problems(tables: &[TableOutcome], style: &Style) -> String {
    let mut order = Vec::new();
    let mut by_message: BTreeMap<(&str, Option<&str>), Vec<String>> = BTreeMap::new();
    for table in tables {
        for problem in &table.problems {
            let key = (problem.message.as_str(), problem.hint.as_deref());
            let names = by_message.entry(key).or_insert_with(|| {
                order.push(key);
                Vec::new()
            });
            names.push(clean(&table.name()));
        }
    }
    let rows: Vec<Vec<String>> = order
        .iter()
        .filter_map(|key| {
            let names = by_message.get(key)?;
            let hint = key.1.map(|hint| format!("\nhint: {}", clean(hint))).unwrap_or_default();
            Some(vec![join(names, style), format!("{}{hint}", clean(key.0))])
        })
        .collect();
    cut(&rows, "problem", style)
}

fn join(names: &[String], style: &Style) -> String {
    match names.get(..NAMES_MAX) {
        Some(first) if !style.verbose && names.len() > NAMES_MAX => {
            format!("{}\nand {} more", first.join("\n"), number((names.len() - NAMES_MAX) as u64))
        }
        _ => names.join("\n"),
    }
}

fn excluded(tables: &[TableOutcome], style: &Style) -> String {
    let rows: Vec<Vec<String>> = tables
        .iter()
        .flat_map(|table| {
            table.excluded.iter().map(|column| {
                let name = format!("{}.{}", clean(&table.name()), clean(&column.column));
                vec![name, column.side.name().to_owned(), clean(&column.why)]
            })
        })
        .collect();
    cut(&rows, "column", style)
}

fn filters(tables: &[TableOutcome], style: &Style) -> String {
    let mut rows = Vec::new();
    for table in tables {
        let filters = [(Side::Source, &table.source_filter), (Side::Target, &table.target_filter)];
        for (side, filter) in filters {
            if let Some(filter) = filter {
                let why = format!("only where {}", clean(filter));
                rows.push(vec![clean(&table.name()), side.name().to_owned(), why]);
            }
        }
        let coverage = &table.coverage;
        let done =
            format!("{} of {} ranges", number(coverage.ranges_done.into()), number(coverage.ranges_total.into()));
        match (&table.method, coverage.sampled) {
            (Method::NotCompared | Method::CountOnly, _) => {}
            (_, Some(share)) => {
                let why = format!("a random sample of about {:.1} %: {done}", share * 100.0);
                rows.push(vec![clean(&table.name()), "both".to_owned(), why]);
            }
            (_, None) if coverage.ranges_done < coverage.ranges_total => {
                rows.push(vec![clean(&table.name()), "both".to_owned(), format!("only {done} were compared")]);
            }
            (_, None) => {}
        }
    }
    cut(&rows, "restriction", style)
}

fn policies(tables: &[TableOutcome], style: &Style) -> String {
    let mut used: Vec<Policy> = tables.iter().flat_map(|t| t.policies.iter().copied()).collect();
    used.sort_unstable();
    used.dedup();
    let declared = |policy: &Policy| match policy.origin() {
        Origin::Default => "",
        Origin::Declared => " (declared)",
    };
    let rows: Vec<Vec<String>> = used
        .iter()
        .map(|policy| vec![policy.name().to_owned(), format!("{}{}", policy.meaning(), declared(policy))])
        .collect();
    if rows.is_empty() { String::new() } else { list(&rows, style) }
}

/// Columns whose tolerance was needed.
fn tolerated(tables: &[TableOutcome], style: &Style) -> String {
    let mut rows = Vec::new();
    for (table, column) in tables.iter().flat_map(|table| table.columns.iter().map(move |column| (table, column))) {
        if let Some(tolerance) = column.tolerance.as_ref().filter(|_| column.within_tolerance > 0) {
            let name = format!("{}.{}", clean(&table.name()), clean(&column.source));
            rows.push(vec![name, count(column.within_tolerance, "row"), format!("differ by {tolerance}")]);
        }
    }
    cut(&rows, "column", style)
}

/// What was decided about each column.
fn columns(tables: &[TableOutcome], style: &Style) -> String {
    let mut rows = Vec::new();
    for (table, column) in tables.iter().flat_map(|table| table.columns.iter().map(move |column| (table, column))) {
        let mut how = column.rule.clone();
        if let Some(tolerance) = &column.tolerance {
            how.push_str(&format!("; may differ by {tolerance}"));
        }
        let names = |policies: &[Policy]| policies.iter().map(|policy| policy.name()).collect::<Vec<_>>().join(", ");
        if !column.policies.is_empty() {
            how.push_str(&format!("\npolicies: {}", names(&column.policies)));
        }
        if !column.strict.is_empty() {
            how.push_str(&format!("\nstrict: {}", names(&column.strict)));
        }
        rows.push(vec![format!("{}.{}", clean(&table.name()), clean(&column.source)), how]);
    }
    cut(&rows, "column", style)
}

/// Paths and commands, which are never wrapped: people copy them.
fn files(outcome: &RunOutcome, run_dir: &Path, style: &Style) -> String {
    let mut out = String::new();
    for name in [certificate::FILE_NAME, summary::FILE_NAME] {
        let _ = writeln!(out, "  {}", clean(&run_dir.join(name).display().to_string()));
    }
    let mut globs: Vec<String> = outcome
        .tables
        .iter()
        .filter_map(|table| Path::new(table.files.first()?).parent())
        .map(|folder| run_dir.join(folder).join("*.parquet").display().to_string())
        .collect();
    globs.dedup();
    let shown = if style.verbose { globs.as_slice() } else { globs.get(..LINES_MAX).unwrap_or(&globs) };
    for glob in shown {
        let _ = writeln!(out, "  {}", clean(glob));
    }
    out.push_str(&more(globs.len() - shown.len(), "folder"));
    if let Some(glob) = globs.first() {
        let query =
            format!("SELECT kind, changed_columns, source, target FROM '{}' LIMIT 20", glob.replace('\'', "''"));
        let _ = writeln!(out, "  open with  duckdb -c {}", shell_word(&query));
        let folder = glob.strip_suffix("/*.parquet").unwrap_or(glob);
        let script = format!("import pyarrow.dataset as ds; print(ds.dataset({}).head(20))", python_text(folder));
        let _ = writeln!(out, "  or         python3 -c {}", shell_word(&script));
    }
    out
}

/// One word of a POSIX shell, in the quotes that leave it readable.
fn shell_word(text: &str) -> String {
    if text.contains(['"', '$', '`', '\\', '!']) || text.chars().any(char::is_control) {
        format!("'{}'", clean(text).replace('\'', "'\\''"))
    } else {
        format!("\"{text}\"")
    }
}

fn python_text(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
