//! Tables of text: the overview, and lists of two or three columns.

use comfy_table::{
    CellAlignment, ColumnConstraint, ContentArrangement, ContentLineStyle, LineStyle, Table, TableStyle,
};
use switchback_verify::Kind;
use switchback_verify::outcome::{Method, TableOutcome, Verdict};

use super::Style;
use super::text::{clean, count, duration, number};

/// Nothing but a line below the header: boxes are noise, and break when copied.
const LOOK: TableStyle = TableStyle::new()
    .header_lines(ContentLineStyle::none())
    .header_separator(LineStyle::none().fill('─'))
    .content_lines(ContentLineStyle::none());

const INDENT: &str = "  ";

/// One line a table, with the numbers that matter.
pub(super) fn overview(tables: &[&TableOutcome], style: &Style) -> String {
    let collisions = tables.iter().any(|t| of_kind(t, Kind::KeyCollision) > 0);
    let unresolved = tables.iter().any(|t| t.unresolved > 0);
    let tolerated = tables.iter().any(|t| t.within_tolerance > 0);
    let mut headers =
        vec!["table", "verdict", "source\nrows", "target\nrows", "source\nonly", "target\nonly", "changed"];
    // Three columns that are nearly always zero throughout.
    headers.extend(collisions.then_some("key\ncollisions"));
    headers.extend(unresolved.then_some("unresolved"));
    headers.extend(tolerated.then_some("within\ntolerance"));
    headers.push("time");
    let mut overview = new_table(style);
    overview.set_header(headers);
    for table in tables {
        let read = |n: u64| if table.method == Method::NotCompared { "-".to_owned() } else { number(n) };
        let mut row = vec![clean(&table.name()), verdict(table), read(table.source_rows), read(table.target_rows)];
        row.extend([Kind::SourceOnly, Kind::TargetOnly, Kind::Changed].map(|kind| read(of_kind(table, kind))));
        row.extend(collisions.then(|| read(of_kind(table, Kind::KeyCollision))));
        row.extend(unresolved.then(|| read(table.unresolved)));
        row.extend(tolerated.then(|| read(table.within_tolerance)));
        row.push(duration(table.elapsed_ms));
        overview.add_row(row);
    }
    for (i, column) in overview.column_iter_mut().enumerate() {
        if i >= 2 {
            column.set_cell_alignment(CellAlignment::Right);
        }
        // A number that is broken over two lines can't be read; a name can.
        if i >= 1 {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    match style.width {
        Some(width) if too_wide(&overview, width) => {
            list(&tables.iter().map(|t| vec![clean(&t.name()), sentence(t)]).collect::<Vec<_>>(), style)
        }
        Some(_) | None => lines(&mut overview),
    }
}

fn of_kind(table: &TableOutcome, kind: Kind) -> u64 {
    table.differences.get(&kind).copied().unwrap_or(0)
}

/// What a narrow terminal gets in place of the columns.
fn sentence(table: &TableOutcome) -> String {
    let mut text = verdict(table);
    if table.method != Method::NotCompared {
        let (source, target) = (number(table.source_rows), number(table.target_rows));
        text.push_str(&format!("; rows: {source} in the source, {target} in the target"));
    }
    let counts = [
        (of_kind(table, Kind::SourceOnly), "only in the source"),
        (of_kind(table, Kind::TargetOnly), "only in the target"),
        (of_kind(table, Kind::Changed), "changed"),
        (table.unresolved, "unresolved"),
        (table.within_tolerance, "within tolerance"),
    ];
    for (n, what) in counts.into_iter().filter(|(n, _)| *n > 0) {
        text.push_str(&format!("; {} {what}", number(n)));
    }
    let collisions = of_kind(table, Kind::KeyCollision);
    if collisions > 0 {
        text.push_str(&format!("; {}", count(collisions, "key collision")));
    }
    text.push_str(&format!("; {}", duration(table.elapsed_ms)));
    text
}

/// A list whose last column wraps.
pub(super) fn list(rows: &[Vec<String>], style: &Style) -> String {
    let mut table = new_table(style);
    for row in rows {
        table.add_row(row);
    }
    lines(&mut table)
}

fn new_table(style: &Style) -> Table {
    let mut table = Table::new();
    table.load_style(LOOK);
    if let Some(width) = style.width {
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(inner_width(width));
    }
    table
}

/// Without the indentation, and with the blanks behind the last column.
fn inner_width(width: u16) -> u16 {
    width.max(20)
}

/// Between columns, none before the first: the indentation is for all lines.
const PADDING: (u16, u16) = (0, 2);

fn lines(table: &mut Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding(PADDING);
    }
    table.lines().map(|line| format!("{INDENT}{}\n", line.trim_end())).collect()
}

fn too_wide(table: &Table, width: u16) -> bool {
    // Names need some room too, or they are broken letter by letter.
    const NAME_MIN: u16 = 24;
    let widths = table.column_max_content_widths();
    let padding = usize::from(PADDING.1) * widths.len();
    let numbers: u32 = widths.iter().skip(1).map(|&w| u32::from(w)).sum();
    let name = widths.first().map_or(0, |&w| w.min(NAME_MIN));
    numbers + u32::from(name) + u32::try_from(padding).unwrap_or(u32::MAX) > u32::from(inner_width(width))
}

/// The verdict, and what it does not speak of.
fn verdict(table: &TableOutcome) -> String {
    let name = table.verdict.name();
    match (&table.method, table.coverage.sampled) {
        (Method::CountOnly, _) => format!("{name} (counted)"),
        (Method::Keyed { .. } | Method::Multiset, Some(_)) => format!("{name} (sample)"),
        (Method::Keyed { .. } | Method::Multiset | Method::NotCompared, _) => name.to_owned(),
    }
}

/// The lines that stand for all equal tables.
pub(super) fn equal(tables: &[&TableOutcome]) -> String {
    let (mut whole, mut counted, mut sampled) = (0, 0, 0);
    for table in tables.iter().filter(|t| t.verdict <= Verdict::NoDifferenceFound) {
        match (&table.method, table.coverage.sampled) {
            (Method::CountOnly, _) => counted += 1,
            (_, Some(_)) => sampled += 1,
            (_, None) => whole += 1,
        }
    }
    let is = |n: u64| if n == 1 { "is" } else { "are" };
    let has = |n: u64| if n == 1 { "has" } else { "have" };
    let mut out = String::new();
    let mut line = |n: u64, text: String| {
        if n > 0 {
            out.push_str(&format!("{INDENT}{} {text}\n", count(n, "table")));
        }
    };
    line(whole, format!("{} equal", is(whole)));
    line(sampled, format!("{} equal as far as the sample goes", is(sampled)));
    line(counted, format!("{} as many rows on both sides; the rows were not compared", has(counted)));
    out
}
