//! What the other server says otherwise.
//!
//! Between two servers of one kind a definition stays as it is, but for the
//! database's name. From MySQL to MariaDB and back, words that only one of them
//! knows are replaced or left out, and every one is a warning.

use switchback_engines::{Engine, Flavor};

use super::create::{Item, ItemKind};
use super::{Ends, name};
use crate::structure::plan::{Clash, Kind, Object, StructurePlan};
use crate::structure::tokens::{Token, joined, tokens};

/// A part of a definition, in the target's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) sql: String,
}

/// MySQL has no defaults that are texts for these, only expressions.
const WITHOUT_LITERAL_DEFAULT: [&str; 9] =
    ["tinytext", "text", "mediumtext", "longtext", "tinyblob", "blob", "mediumblob", "longblob", "json"];

/// `None` for what stays behind, with a warning.
pub(super) fn item(ends: &Ends<'_>, table: &str, item: &Item, plan: &mut StructurePlan) -> Option<Kept> {
    let kind = match item.kind {
        ItemKind::Column => Kind::Column,
        ItemKind::PrimaryKey => Kind::PrimaryKey,
        ItemKind::UniqueKey => Kind::UniqueKey,
        ItemKind::Key => Kind::Index,
        ItemKind::ForeignKey => Kind::ForeignKey,
        ItemKind::Check => Kind::Check,
        ItemKind::Period => Kind::Other,
    };
    let object = Object::new(kind, format!("{table}.{}", item.name));
    let sql = database(ends, &item.sql);
    if !ends.differ() {
        return Some(Kept { sql });
    }
    let sql = collations(ends, &object, &sql, plan);
    let sql = match ends.to {
        Flavor::MariaDb => to_mariadb(item, &object, &sql, plan)?,
        Flavor::Original => to_mysql(item, &object, &sql, plan)?,
    };
    Some(Kept { sql })
}

/// What stands behind the parentheses of a CREATE TABLE.
pub(super) fn options(ends: &Ends<'_>, table: &str, sql: &str, plan: &mut StructurePlan) -> String {
    if !ends.differ() {
        return sql.to_owned();
    }
    let object = Object::new(Kind::Table, table);
    let sql = collations(ends, &object, sql, plan);
    match ends.to {
        Flavor::MariaDb => {
            let (sql, _) = uncommented(&sql);
            sql
        }
        Flavor::Original => {
            let (sql, versioned) = without(&sql, &["WITH", "SYSTEM", "VERSIONING"]);
            if versioned {
                plan.warn(object.clone(), "MySQL keeps no history of rows: SYSTEM VERSIONING is left out");
            }
            let (sql, foreign) = with_engine(&sql);
            if let Some(engine) = foreign {
                plan.warn(object, format!("MySQL has no storage engine {engine}: InnoDB is used"));
            }
            sql
        }
    }
}

fn to_mariadb(item: &Item, object: &Object, sql: &str, plan: &mut StructurePlan) -> Option<String> {
    let (sql, comments) = uncommented(sql);
    let has = |word: &str| comments.iter().any(|c| c.to_ascii_uppercase().contains(word));
    if has("NOT ENFORCED") {
        plan.warn(object.clone(), "MariaDB enforces every check, so this one is left out");
        return None;
    }
    if has("SRID") {
        plan.warn(object.clone(), "MariaDB does not bind a column to a coordinate system: SRID is left out");
    }
    let all = tokens(Engine::MySql, &sql);
    match item.kind {
        ItemKind::Key | ItemKind::UniqueKey if has_expression(&all) => {
            plan.warn(object.clone(), "MariaDB has no keys over expressions, so this one is left out");
            None
        }
        ItemKind::Key | ItemKind::UniqueKey => Some(replaced(&all, "INVISIBLE", "IGNORED")),
        ItemKind::Column if all.iter().any(|t| t.is_word("GENERATED")) => {
            let (sql, not_null) = after_generated(&all);
            if not_null {
                plan.warn(object.clone(), "MariaDB's generated columns have no NOT NULL: it is left out");
            }
            Some(sql)
        }
        _ => Some(replaced(&all, "geomcollection", "geometrycollection")),
    }
}

fn to_mysql(item: &Item, object: &Object, sql: &str, plan: &mut StructurePlan) -> Option<String> {
    let all = tokens(Engine::MySql, sql);
    let words: Vec<Token<'_>> = all.iter().copied().filter(|t| !matches!(t, Token::Space(_))).collect();
    let has = |sequence: &[&str]| {
        words.windows(sequence.len()).any(|w| w.iter().zip(sequence).all(|(t, word)| t.is_word(word)))
    };
    match item.kind {
        ItemKind::Period => {
            plan.warn(object.clone(), "MySQL has no periods: it is left out");
            None
        }
        ItemKind::Column if has(&["AS", "ROW"]) => {
            plan.warn(object.clone(), "it marks the history of rows, which MySQL does not keep, and is left out");
            None
        }
        ItemKind::Key | ItemKind::UniqueKey => Some(replaced(&all, "IGNORED", "INVISIBLE")),
        ItemKind::Column => Some(column_to_mysql(object, &all, plan)),
        ItemKind::PrimaryKey | ItemKind::ForeignKey | ItemKind::Check => Some(sql.to_owned()),
    }
}

fn column_to_mysql(object: &Object, all: &[Token<'_>], plan: &mut StructurePlan) -> String {
    let type_at = all.iter().position(|t| matches!(t, Token::Word(_))).unwrap_or(0);
    let native = all.get(type_at).map_or("", |t| t.text()).to_ascii_lowercase();
    let other = match native.as_str() {
        "uuid" => Some("char(36) CHARACTER SET ascii COLLATE ascii_bin"),
        "inet4" => Some("varchar(15) CHARACTER SET ascii COLLATE ascii_bin"),
        "inet6" => Some("varchar(45) CHARACTER SET ascii COLLATE ascii_bin"),
        _ => None,
    };
    if let Some(other) = other {
        let plain = other.split(' ').next().unwrap_or(other);
        plan.warn(object.clone(), format!("MySQL has no type {native}: {plain} holds its text"));
    }
    let mut out = String::new();
    let mut at = 0;
    while let Some(token) = all.get(at) {
        match other {
            Some(other) if at == type_at => out.push_str(other),
            _ if token.is_word("DEFAULT") => {
                let (default, next) = default_to_mysql(object, all, at, &native, plan);
                out.push_str(&default);
                at = next;
                continue;
            }
            _ if token.is_word("COMPRESSED") => {
                plan.warn(object.clone(), "MySQL does not compress single columns: COMPRESSED is left out");
            }
            _ => out.push_str(token.text()),
        }
        at += 1;
    }
    out
}

/// The DEFAULT at `at`, and where it ends. MySQL wants an expression in parentheses.
fn default_to_mysql(
    object: &Object,
    all: &[Token<'_>],
    at: usize,
    native: &str,
    plan: &mut StructurePlan,
) -> (String, usize) {
    let skip = |mut at: usize| {
        while matches!(all.get(at), Some(Token::Space(_))) {
            at += 1;
        }
        at
    };
    let value = skip(at + 1);
    let Some(token) = all.get(value) else { return (joined(&all[at..]), all.len()) };
    let opens = all.get(value + 1).is_some_and(|t| t.is("("));
    let is_now = ["current_timestamp", "now"].iter().any(|w| token.is_word(w));
    if matches!(token, Token::Text(_)) && WITHOUT_LITERAL_DEFAULT.contains(&native) {
        return (format!("DEFAULT ({})", token.text()), value + 1);
    }
    if !matches!(token, Token::Word(_)) || !opens || is_now {
        return (joined(&all[at..=value]), value + 1);
    }
    let mut depth = 0_usize;
    let length = all[value + 1..].iter().position(|t| {
        match t {
            Token::Other("(") => depth += 1,
            Token::Other(")") => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    let end = length.map_or(all.len(), |length| value + length + 2);
    if token.is_word("nextval") {
        plan.warn(object.clone(), "MySQL has no sequences: its default is left out");
        return (String::new(), end);
    }
    (format!("DEFAULT ({})", joined(&all[value..end])), end)
}

/// With collations that the target has.
pub(super) fn collations(ends: &Ends<'_>, object: &Object, sql: &str, plan: &mut StructurePlan) -> String {
    let all = tokens(Engine::MySql, sql);
    let mut out = String::with_capacity(sql.len());
    let mut expected = false;
    for token in &all {
        match token {
            Token::Word(collation) if expected => {
                expected = false;
                match ends.collations.nearest(collation) {
                    Some(nearest) => {
                        if nearest != *collation {
                            let what = format!(
                                "the target has no collation {collation}: {nearest} is used, by which other texts may \
                                 be equal or come first"
                            );
                            plan.warn(object.clone(), what);
                        }
                        out.push_str(&nearest);
                    }
                    None => {
                        plan.clash(object.clone(), Clash::NoType { native: format!("collation {collation}") });
                        out.push_str(collation);
                    }
                }
            }
            Token::Word(word) => {
                expected = word.eq_ignore_ascii_case("COLLATE");
                out.push_str(word);
            }
            Token::Space(_) => out.push_str(token.text()),
            other => {
                expected = expected && other.is("=");
                out.push_str(other.text());
            }
        }
    }
    out
}

/// Without the source's database before a name: the target's is the one that is
/// connected to.
pub(super) fn database(ends: &Ends<'_>, sql: &str) -> String {
    let all = tokens(Engine::MySql, sql);
    let mut out = String::with_capacity(sql.len());
    let mut at = 0;
    while let Some(token) = all.get(at) {
        let qualifies = token.name().as_deref() == Some(ends.database.as_str())
            && all.get(at + 1).is_some_and(|t| t.is("."))
            && all.get(at + 2).is_some_and(|t| t.name().is_some());
        if qualifies {
            at += 2;
            continue;
        }
        out.push_str(token.text());
        at += 1;
    }
    out
}

/// What MySQL puts into a comment for servers of a version, put out of it, but for
/// what MariaDB has no word for; and what was in those comments. MariaDB passes over
/// all that is for a MySQL from 5.7 on.
fn uncommented(sql: &str) -> (String, Vec<String>) {
    let (mut out, mut comments) = (String::new(), Vec::new());
    let mut rest = sql;
    while let Some(at) = comment(rest) {
        out.push_str(&rest[..at]);
        let inner_from = at + 3;
        let Some(len) = rest[inner_from..].find("*/") else { break };
        let inner = rest[inner_from..inner_from + len].trim_start_matches(|c: char| c.is_ascii_digit()).trim();
        comments.push(inner.to_owned());
        let keep = ["INVISIBLE", "PARTITION"].iter().any(|word| inner.to_ascii_uppercase().starts_with(word));
        if keep {
            out.push_str(inner);
        }
        rest = &rest[inner_from + len + 2..];
    }
    out.push_str(rest);
    (out.trim_end().to_owned(), comments)
}

/// Where the first `/*!` outside of quotes begins.
fn comment(sql: &str) -> Option<usize> {
    let all = tokens(Engine::MySql, sql);
    let mut offset = 0;
    for (at, token) in all.iter().enumerate() {
        if token.is("/") && all.get(at + 1).is_some_and(|t| t.is("*")) && all.get(at + 2).is_some_and(|t| t.is("!")) {
            return Some(offset);
        }
        offset += token.text().len();
    }
    None
}

fn replaced(all: &[Token<'_>], word: &str, by: &str) -> String {
    all.iter().map(|t| if t.is_word(word) { by } else { t.text() }).collect()
}

/// A key part in parentheses of its own.
fn has_expression(all: &[Token<'_>]) -> bool {
    let mut depth = 0_usize;
    let mut last_opens = false;
    for token in all {
        match token {
            Token::Other("(") if depth >= 1 && last_opens => return true,
            Token::Other("(") => depth += 1,
            Token::Other(")") => depth = depth.saturating_sub(1),
            _ => {}
        }
        if !matches!(token, Token::Space(_)) {
            last_opens = token.is("(") || token.is(",");
        }
    }
    false
}

/// A generated column without `NOT NULL`, and whether it had one.
fn after_generated(all: &[Token<'_>]) -> (String, bool) {
    let at = all.iter().position(|t| t.is_word("VIRTUAL") || t.is_word("STORED")).unwrap_or(all.len());
    let (sql, had) = without(&joined(&all[at..]), &["NOT", "NULL"]);
    (joined(&all[..at]) + &sql, had)
}

/// Without a sequence of words, the first time it stands there.
fn without(sql: &str, sequence: &[&str]) -> (String, bool) {
    let all = tokens(Engine::MySql, sql);
    let places: Vec<usize> = (0..all.len()).filter(|at| !matches!(all[*at], Token::Space(_))).collect();
    let found =
        places.windows(sequence.len()).find(|w| w.iter().zip(sequence).all(|(at, word)| all[*at].is_word(word)));
    match found {
        Some(window) => {
            let (first, last) = (window[0], window[window.len() - 1]);
            let (before, after) = (joined(&all[..first]), joined(&all[last + 1..]));
            (format!("{} {}", before.trim_end(), after.trim_start()).trim().to_owned(), true)
        }
        None => (sql.to_owned(), false),
    }
}

/// With an engine that MySQL has, and the one that it lacks.
fn with_engine(sql: &str) -> (String, Option<String>) {
    let all = tokens(Engine::MySql, sql);
    let at = all.windows(2).position(|w| w[0].is_word("ENGINE") && w[1].is("="));
    let Some(engine) = at.and_then(|at| all.get(at + 2)) else { return (sql.to_owned(), None) };
    let known = ["InnoDB", "MyISAM", "MEMORY", "CSV", "ARCHIVE", "BLACKHOLE", "MRG_MyISAM", "FEDERATED"];
    if known.iter().any(|k| engine.is_word(k)) {
        return (sql.to_owned(), None);
    }
    let engine = engine.text().to_owned();
    // What follows are the options of that engine.
    let charset = all.iter().position(|t| t.is_word("DEFAULT")).map(|at| joined(&all[at..])).unwrap_or_default();
    let kept = charset.split(" PAGE_CHECKSUM").next().unwrap_or_default();
    (format!("ENGINE=InnoDB {kept}"), Some(engine))
}

/// The name of a table in a query of a view, by another name. Columns are called by
/// the old one, which becomes the alias where there is none.
pub(super) fn renamed_in_query(ends: &Ends<'_>, sql: &str) -> String {
    if ends.options.rename.tables.is_empty() {
        return sql.to_owned();
    }
    let all = tokens(Engine::MySql, sql);
    let is_text = |token: &&Token<'_>| !matches!(token, Token::Space(_));
    let mut out = String::with_capacity(sql.len());
    for (at, token) in all.iter().enumerate() {
        let Some(old) = token.name() else {
            out.push_str(token.text());
            continue;
        };
        let new = ends.target_name(&old);
        let (before, after) = (all[..at].iter().rfind(is_text), all[at + 1..].iter().find(is_text));
        let in_from = before.is_some_and(|t| t.is_word("from") || t.is_word("join") || t.is("(") || t.is(","))
            && !after.is_some_and(|t| t.is("."));
        if new == old || !in_from {
            out.push_str(token.text());
            continue;
        }
        out.push_str(&name(&new));
        if !matches!(after, Some(Token::Name(_))) {
            out.push_str(&format!(" {}", name(&old)));
        }
    }
    out
}
