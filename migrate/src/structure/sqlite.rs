//! SQLite to SQLite: the statements of the schema table, as they were written.
//!
//! SQLite keeps the text of every CREATE statement and changes it itself when a
//! table is altered, so there is nothing to put together. Foreign keys are a part of
//! a table's text and can't be added later; the session does not enforce them.
//! Triggers wait for the cutover: they would fire for the applier's rows.
//!
//! A virtual table's rows are in tables that only its module understands, so it is
//! not moved, and warned of. Names in views and triggers are not replaced: one that
//! uses a table with another name on the target stays behind.

use std::collections::HashSet;

use switchback_engines::{Endpoint, Engine, TableRef, TextRow, own};

use super::error::{Result, StructureError};
use super::options::StructureOptions;
use super::plan::{Check, Kind, Object, Step, StructurePlan};
use super::spell::{name, text};
use super::tokens::{Token, tokens};

const QUESTION: &str = "SELECT s.type, s.name, s.tbl_name, s.sql, coalesce(l.type, '') FROM sqlite_schema s \
     LEFT JOIN pragma_table_list l ON l.schema = 'main' AND l.name = s.tbl_name \
     WHERE s.sql IS NOT NULL AND lower(substr(s.name, 1, 7)) <> 'sqlite_' ORDER BY s.rowid";

/// Words of a view or a trigger that are names only in quotes.
const RESERVED: [&str; 33] = [
    "ALL", "AND", "AS", "CASE", "CREATE", "DELETE", "DISTINCT", "ELSE", "EXISTS", "FROM", "GROUP", "HAVING", "IN",
    "INDEX", "INSERT", "INTO", "IS", "JOIN", "LIMIT", "NOT", "NULL", "ON", "OR", "ORDER", "SELECT", "SET", "TABLE",
    "THEN", "UNION", "UPDATE", "VALUES", "WHEN", "WHERE",
];

struct Row {
    kind: String,
    name: String,
    table: String,
    sql: String,
    /// What the table is: `table`, `view`, `virtual`, `shadow`.
    of: String,
}

pub(super) async fn plan(source: &dyn Endpoint, options: &StructureOptions) -> Result<StructurePlan> {
    let mut plan = StructurePlan::new(Engine::Sqlite, Engine::Sqlite);
    let rows: Vec<Row> = ask(source, QUESTION).await?.into_iter().filter_map(row).collect();
    let tables: HashSet<String> =
        rows.iter().filter(|r| r.kind == "table" && is_moved(r, options)).map(|r| r.table.clone()).collect();
    // And views that stay behind, with what reads them.
    let mut absent: Vec<&str> =
        rows.iter().filter(|r| r.kind == "table" && !tables.contains(&r.table)).map(|r| r.table.as_str()).collect();
    let others: Vec<&str> = tables.iter().filter(|t| renamed(options, t) != **t).map(String::as_str).collect();
    for row in &rows {
        let is_of_table = row.kind != "view" && row.of != "view";
        if own::is_own(Engine::Sqlite, &reference(&row.table)) || own::is_own(Engine::Sqlite, &reference(&row.name)) {
            continue;
        }
        if row.of == "virtual" && row.kind == "table" {
            plan.warn(
                Object::new(Kind::Table, &row.name),
                "a virtual table is not moved; create it on the target anew",
            );
            continue;
        }
        if is_of_table && !tables.contains(&row.table) {
            continue;
        }
        match row.kind.as_str() {
            "table" => add_table(row, options, &absent, &mut plan),
            "index" => add(row, Kind::Index, with_names(row, options), &mut plan),
            kind => {
                let kind = if kind == "view" { Kind::View } else { Kind::Trigger };
                let object = Object::new(kind, &row.name);
                if let Some(used) = uses(&row.sql, &absent) {
                    plan.warn(object, format!("it needs `{used}`, which is not moved, and stays behind"));
                    absent.push(&row.name);
                } else if let Some(used) = uses(&row.sql, &others) {
                    plan.warn(
                        object,
                        format!("it uses `{used}`, whose name is another on the target, and stays behind"),
                    );
                    absent.push(&row.name);
                } else {
                    add(row, kind, row.sql.clone(), &mut plan);
                }
            }
        }
    }
    for pragma in ["user_version", "application_id"] {
        let value = ask(source, &format!("PRAGMA {pragma}"))
            .await?
            .into_iter()
            .next()
            .and_then(|row| row.into_iter().next()?);
        if let Some(value) = value.filter(|v| v != "0") {
            let object = Object::new(Kind::Other, pragma);
            plan.after_load.push(Step::new(object, format!("PRAGMA {pragma} = {value}"), Check::Repeatable));
        }
    }
    Ok(plan)
}

/// Where AUTOINCREMENT columns stand.
pub(super) async fn positions(source: &dyn Endpoint, options: &StructureOptions) -> Result<Vec<Step>> {
    let kept = ask(source, "SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'").await?;
    if kept.is_empty() {
        return Ok(Vec::new());
    }
    let mut steps = Vec::new();
    for row in ask(source, "SELECT name, seq FROM sqlite_sequence ORDER BY name").await? {
        let [Some(table), Some(last)] = row.as_slice() else { continue };
        if own::is_own(Engine::Sqlite, &reference(table)) || !options.is_chosen(&reference(table)) {
            continue;
        }
        let target = renamed(options, table);
        let quoted = text(Engine::Sqlite, &target);
        steps.push(Step {
            object: Object::new(Kind::Position, target),
            statements: vec![
                format!("DELETE FROM sqlite_sequence WHERE name = {quoted}"),
                format!("INSERT INTO sqlite_sequence (name, seq) VALUES ({quoted}, {last})"),
            ],
            check: Check::Repeatable,
        });
    }
    Ok(steps)
}

async fn ask(source: &dyn Endpoint, question: &str) -> Result<Vec<TextRow>> {
    source.look("reading the schema", question).await.map_err(StructureError::Source)
}

fn row(row: TextRow) -> Option<Row> {
    let [Some(kind), Some(name), Some(table), Some(sql), Some(of)] = <[_; 5]>::try_from(row).ok()? else { return None };
    Some(Row { kind, name, table, sql, of })
}

fn reference(table: &str) -> TableRef {
    TableRef { schema: None, name: table.to_owned() }
}

fn renamed(options: &StructureOptions, table: &str) -> String {
    options.rename.table(&reference(table)).name
}

/// Also not `shadow`: the tables of a virtual one.
fn is_moved(row: &Row, options: &StructureOptions) -> bool {
    row.of == "table"
        && options.is_chosen(&reference(&row.table))
        && !own::is_own(Engine::Sqlite, &reference(&row.table))
}

fn add_table(row: &Row, options: &StructureOptions, absent: &[&str], plan: &mut StructurePlan) {
    if let Some(parent) = absent_parent(&row.sql, absent) {
        let what =
            format!("its foreign key needs `{parent}`, which is not moved: rows can't be added while it is enforced");
        plan.warn(Object::new(Kind::ForeignKey, &row.name), what);
    }
    add(&Row { name: renamed(options, &row.name), ..copy(row) }, Kind::Table, with_names(row, options), plan);
}

fn copy(row: &Row) -> Row {
    Row {
        kind: row.kind.clone(),
        name: row.name.clone(),
        table: row.table.clone(),
        sql: row.sql.clone(),
        of: row.of.clone(),
    }
}

fn add(row: &Row, kind: Kind, sql: String, plan: &mut StructurePlan) {
    let question =
        format!("SELECT 1 FROM sqlite_schema WHERE name = {} COLLATE NOCASE", text(Engine::Sqlite, &row.name));
    let step = Step::new(Object::new(kind, &row.name), sql, Check::Query(question));
    match kind {
        Kind::Table => plan.before_load.push(step),
        Kind::Trigger => {
            plan.warn(step.object.clone(), "it is created at the cutover, as it would fire for the applier's rows");
            plan.at_cutover.push(step);
        }
        _ => plan.after_load.push(step),
    }
}

/// A name, quoted or not.
fn named(token: Token<'_>) -> Option<String> {
    match token {
        Token::Word(word) => Some(word.to_owned()),
        // Forgiven by SQLite, and kept in its text.
        Token::Text(quoted) => Some(quoted.trim_matches('\'').to_owned()),
        _ => token.name(),
    }
}

/// The statement of a table or an index with the target's names of tables: behind
/// TABLE, behind the ON of an index, and behind REFERENCES.
fn with_names(row: &Row, options: &StructureOptions) -> String {
    if options.rename.is_empty() {
        return row.sql.clone();
    }
    let mut expected = false;
    let mut seen_own = false;
    let all = tokens(Engine::Sqlite, &row.sql);
    all.iter()
        .map(|token| {
            if matches!(token, Token::Space(_)) || ["IF", "NOT", "EXISTS"].iter().any(|w| token.is_word(w)) {
                return token.to_text();
            }
            let found = named(*token).filter(|_| expected);
            let is_own = (token.is_word("TABLE") || token.is_word("ON")) && !seen_own;
            expected = is_own || token.is_word("REFERENCES");
            match found {
                Some(table) => {
                    seen_own = true;
                    name(Engine::Sqlite, &renamed(options, &table))
                }
                None => token.to_text(),
            }
        })
        .collect()
}

fn absent_parent<'a>(sql: &str, absent: &[&'a str]) -> Option<&'a str> {
    let all: Vec<Token<'_>> =
        tokens(Engine::Sqlite, sql).into_iter().filter(|t| !matches!(t, Token::Space(_))).collect();
    all.windows(2).filter(|w| w[0].is_word("REFERENCES")).find_map(|w| {
        let parent = named(w[1])?;
        absent.iter().copied().find(|t| t.eq_ignore_ascii_case(&parent))
    })
}

fn uses<'a>(sql: &str, tables: &[&'a str]) -> Option<&'a str> {
    let all = tokens(Engine::Sqlite, sql);
    let is_name = |token: &Token<'_>| match token {
        Token::Word(word) => !RESERVED.contains(&word.to_ascii_uppercase().as_str()),
        Token::Name(_) => true,
        Token::Text(_) | Token::Space(_) | Token::Other(_) => false,
    };
    let used: Vec<String> = all.into_iter().filter(is_name).filter_map(named).collect();
    tables.iter().copied().find(|t| used.iter().any(|u| u.eq_ignore_ascii_case(t)))
}
