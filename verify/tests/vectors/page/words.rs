//! Pieces of data as Markdown.

use std::fmt::Write as _;

use fixtures::dataset::Dialect;
use fixtures::vectors::{KeyCase, Literal, PerEngine, Row, Selector, ValueCase, Verdict};
use switchback_fixtures as fixtures;

/// A code span that may stand in a table. What cannot be seen is escaped.
pub(super) fn code(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars() {
        match c {
            '\'' | '"' | '\\' => shown.push(c),
            '|' => shown.push_str("\\|"),
            _ => shown.extend(c.escape_debug()),
        }
    }
    if shown.contains('`') { format!("`` {shown} ``") } else { format!("`{shown}`") }
}

/// The SQL of a value: once where it serves all that have it.
pub(super) fn literal(value: &Literal) -> String {
    if let Some(bytes) = &value.bytes {
        return code(&format!("x'{bytes}'"));
    }
    by_text(&value.sql).into_iter().fold(String::new(), |mut all, (engines, sql)| {
        if !all.is_empty() {
            all.push_str(", ");
        }
        let serves_all = engines.len() == value.sql.len();
        let _ =
            if serves_all { write!(all, "{}", code(sql)) } else { write!(all, "{} ({})", code(sql), names(&engines)) };
        all
    })
}

pub(super) fn types(types: &PerEngine<String>) -> String {
    let all = by_text(types);
    if let [(engines, text)] = all.as_slice()
        && engines.len() == Dialect::ALL.len()
    {
        return code(text);
    }
    all.iter().map(|(engines, text)| format!("{} {}", names(engines), code(text))).collect::<Vec<_>>().join(" · ")
}

/// Engines that have the same text, in the order of engines.
fn by_text(texts: &PerEngine<String>) -> Vec<(Vec<Dialect>, &str)> {
    let mut all: Vec<(Vec<Dialect>, &str)> = Vec::new();
    for (engine, text) in texts {
        match all.iter_mut().find(|(_, known)| known == text) {
            Some((engines, _)) => engines.push(*engine),
            None => all.push((vec![*engine], text)),
        }
    }
    all
}

/// Why some engines lack something.
pub(super) fn without(reasons: &PerEngine<String>) -> String {
    let of = |(engines, why): (Vec<Dialect>, &str)| format!("Not in {}: {why}", names(&engines));
    by_text(reasons).into_iter().map(of).collect::<Vec<_>>().join("; ")
}

pub(super) fn verdict(verdict: Verdict, by: Option<&str>) -> String {
    match (verdict, by) {
        (Verdict::Equal, Some(by)) => format!("equal by `{by}`"),
        (Verdict::Equal, None) => "equal".to_owned(),
        (Verdict::Differ, _) => "**differ**".to_owned(),
    }
}

pub(super) fn exceptions(row: &Row) -> Vec<String> {
    let one = |e: &fixtures::vectors::Exception| {
        format!("{}: {}, as {}", between(&e.selector), verdict(e.verdict, e.by.as_deref()), e.why)
    };
    row.exceptions.iter().map(one).collect()
}

pub(super) fn key_exceptions(case: &KeyCase) -> Vec<String> {
    let one =
        |e: &fixtures::vectors::KeyException| format!("{}, as {}: {}", between(&e.selector), e.why, finds(&e.finds));
    case.exceptions.iter().map(one).collect()
}

pub(super) fn refusals(case: &ValueCase) -> Vec<String> {
    let one = |r: &fixtures::vectors::Refusal| format!("{} (`{}`): {}", between(&r.selector), r.kind.name(), r.why);
    case.refusals.iter().map(one).collect()
}

pub(super) fn finds(finds: &[String]) -> String {
    match finds {
        [] => "no difference".to_owned(),
        finds => finds.iter().map(|f| code(f)).collect::<Vec<_>>().join(" · "),
    }
}

pub(super) fn between(selector: &Selector) -> String {
    let mut parts = Vec::new();
    let mut put = |set: &Option<Vec<Dialect>>, words: &dyn Fn(&[Dialect]) -> String| {
        if let Some(engines) = set {
            parts.push(words(engines));
        }
    };
    put(&selector.one, &|engines| format!("between {} and another engine", any_of(engines)));
    put(&selector.both, &|engines| match engines {
        [one] => format!("within {}", one.name()),
        several => format!("among {}", names(several)),
    });
    put(&selector.either, &|engines| format!("with {} on either side", any_of(engines)));
    put(&selector.left, &|engines| format!("with {} on the left", any_of(engines)));
    put(&selector.right, &|engines| format!("with {} on the right", any_of(engines)));
    if parts.is_empty() { "between all engines".to_owned() } else { parts.join(" and ") }
}

pub(super) fn names(engines: &[Dialect]) -> String {
    joined(engines, "and")
}

fn any_of(engines: &[Dialect]) -> String {
    joined(engines, "or")
}

fn joined(engines: &[Dialect], word: &str) -> String {
    let names: Vec<&str> = engines.iter().map(|e| e.name()).collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [rest @ .., last] => format!("{} {word} {last}", rest.join(", ")),
    }
}

pub(super) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
