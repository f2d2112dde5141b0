//! A few differences, for a first look.

use std::fmt::Write as _;
use std::path::Path;

use switchback_engines::{OwnedValue, Value, display};
use switchback_verify::{Difference, Kind, Status, TableOutcome, TablePlan};

use super::Style;
use super::tables::list;
use super::text::{Paint, clean, count, number, push_clean};
use crate::error::Result;
use crate::parquet;
use crate::parquet::spelling;

/// Characters of a value that are shown.
const CHARS_MAX: usize = 48;

/// Characters that are kept before the first one that differs.
const CONTEXT: usize = 12;

/// Columns of a row that only one side has.
const COLUMNS_MAX: usize = 8;

/// The first differences of a table, from its files.
///
/// # Errors
/// As for [`parquet::differences`].
pub fn sample_differences(run_dir: &Path, table: &TableOutcome, max: usize) -> Result<Vec<Difference>> {
    parquet::differences(run_dir, table)?.take(max).collect()
}

/// Renders differences of one table: the key, and each column that differs with
/// the source's value and the target's.
#[must_use]
pub fn render_sample(plan: &TablePlan, differences: &[Difference], style: &Style) -> String {
    let paint = Paint { color: style.color };
    let mut out = format!("{}\n", paint.heading(&clean(&plan.source.name.to_string())));
    for difference in differences {
        let _ = writeln!(out, "  {}", heading(plan, difference));
        out.push_str(
            &list(&rows(plan, difference), &Style { width: style.width.map(|w| w.saturating_sub(4)), ..*style })
                .lines()
                .fold(String::new(), |mut body, line| {
                    let _ = writeln!(body, "  {line}");
                    body
                }),
        );
    }
    out
}

fn heading(plan: &TablePlan, difference: &Difference) -> String {
    let what = match difference.kind {
        Kind::SourceOnly => "only in the source",
        Kind::TargetOnly => "only in the target",
        Kind::Changed => "changed",
        Kind::KeyCollision => "key collision",
    };
    let status = match difference.status {
        Status::Confirmed => "",
        Status::Unresolved => " (unresolved)",
    };
    let key = if plan.key_len == 0 {
        format!("{} in the source, {} in the target", number(difference.source_count), number(difference.target_count))
    } else {
        key(plan, difference)
    };
    format!("{what}{status}: {key}")
}

pub(crate) fn key(plan: &TablePlan, difference: &Difference) -> String {
    let (values, of_source) = match (&difference.source, &difference.target) {
        (Some(values), _) => (values, true),
        (None, Some(values)) => (values, false),
        (None, None) => return "a row that could not be read again".to_owned(),
    };
    let parts = plan.columns.iter().zip(values).take(plan.key_len).map(|(pair, value)| {
        let column = if of_source { plan.source_column(pair) } else { plan.target_column(pair) };
        format!("{} = {}", column.map(|c| clean(&c.name)).unwrap_or_default(), shown(value, 0))
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// One row for each column that differs; for a row on one side, its first few
/// columns.
fn rows(plan: &TablePlan, difference: &Difference) -> Vec<Vec<String>> {
    let name = |i: usize| {
        plan.columns.get(i).and_then(|pair| {
            let (source, target) = (&plan.source_column(pair)?.name, &plan.target_column(pair)?.name);
            Some(if source == target { clean(source) } else { format!("{} / {}", clean(source), clean(target)) })
        })
    };
    match (&difference.source, &difference.target) {
        (Some(source), Some(target)) if !difference.changed.is_empty() => difference
            .changed
            .iter()
            .filter_map(|&i| {
                let (source, target) = (source.get(i)?, target.get(i)?);
                let (left, right) = pair(source, target);
                Some(vec![name(i)?, format!("{left} → {right}")])
            })
            .collect(),
        (Some(values), _) | (None, Some(values)) => {
            let rest = values.iter().enumerate().skip(plan.key_len);
            let mut rows: Vec<Vec<String>> =
                rest.filter_map(|(i, value)| Some(vec![name(i)?, shown(value, 0)])).take(COLUMNS_MAX).collect();
            let left = values.len().saturating_sub(plan.key_len + COLUMNS_MAX);
            if left > 0 {
                rows.push(vec!["…".to_owned(), format!("and {} more", count(left as u64, "column"))]);
            }
            rows
        }
        (None, None) => Vec::new(),
    }
}

/// Two values that differ, each from a little before the place where they do:
/// otherwise two long texts look alike.
fn pair(source: &OwnedValue, target: &OwnedValue) -> (String, String) {
    let (Some(a), Some(b)) = (text_of(source), text_of(target)) else {
        return (shown(source, 0), shown(target, 0));
    };
    let same = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    let from = if same + CONTEXT < CHARS_MAX { 0 } else { same - CONTEXT };
    let code = |text: &str| text.chars().nth(same).map_or("its end".to_owned(), |c| format!("U+{:04X}", u32::from(c)));
    let (left, right) = (shown(source, from), shown(target, from));
    // What looks alike may not be: é is one character or two.
    let puzzling = [a, b].iter().any(|text| text.chars().nth(same).is_some_and(|c| !c.is_ascii()));
    if puzzling {
        let note = format!("  (character {}: {} → {})", same + 1, code(a), code(b));
        return (left, format!("{right}{note}"));
    }
    (left, right)
}

fn text_of(value: &OwnedValue) -> Option<&str> {
    match value {
        Value::Text(v) | Value::Json(v) | Value::Set(v) => Some(v),
        _ => None,
    }
}

/// A value on one line, cut between characters, from the character `from` on.
fn shown(value: &OwnedValue, from: usize) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Text(v) | Value::Json(v) | Value::Set(v) => quoted(v, from),
        Value::Bytes(v) => match v.get(..CHARS_MAX / 2) {
            Some(start) if start.len() < v.len() => {
                format!("x'{}…' ({})", display::hex(start), count(v.len() as u64, "byte"))
            }
            _ => format!("x'{}'", display::hex(v)),
        },
        Value::Bits { len, bytes } => {
            let some = display::bits((*len).min(CHARS_MAX as u32), bytes);
            if *len as usize > CHARS_MAX {
                format!("b'{some}…' ({})", count((*len).into(), "bit"))
            } else {
                format!("b'{some}'")
            }
        }
        other => {
            let text = spelling::text(other).unwrap_or_default();
            match text.char_indices().nth(CHARS_MAX) {
                Some((end, _)) => {
                    format!("{}… ({})", text.get(..end).unwrap_or_default(), count(text.len() as u64, "character"))
                }
                None => text,
            }
        }
    }
}

fn quoted(text: &str, from: usize) -> String {
    let mut out = String::from(if from > 0 { "'…" } else { "'" });
    let mut rest = text.chars().skip(from);
    for c in rest.by_ref().take(CHARS_MAX) {
        push_clean(c, &mut out);
    }
    let cut = rest.next().is_some();
    out.push_str(if cut { "…'" } else { "'" });
    if cut || from > 0 {
        let _ = write!(out, " ({})", count(text.chars().count() as u64, "character"));
    }
    out
}
