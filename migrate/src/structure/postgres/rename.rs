//! Other names for schemas and tables.
//!
//! `pg_dump` was told to quote every name and to write every relation with its
//! schema, so a name is replaced where it stands as `"schema"."name"`, and
//! nowhere in text. Views refer to columns by the table's plain name where they
//! give it no other: there the old name becomes the alias. What a function's body
//! says is text and is left alone, with a warning.

use switchback_engines::{Engine, TableRef};

use super::entries::{Entry, regclass};
use super::steps::{kind_of, object_of};
use super::{name, text};
use crate::structure::options::Rename;
use crate::structure::plan::{Kind, StructurePlan};
use crate::structure::tokens::{Token, tokens};

pub(super) fn rename(rename: &Rename, entries: Vec<Entry>, plan: &mut StructurePlan) -> Vec<Entry> {
    if rename.is_empty() {
        return entries;
    }
    entries
        .into_iter()
        .map(|mut entry| {
            let kind = kind_of(&entry);
            if kind == Some(Kind::Function) {
                warn_of_bodies(rename, &entry, plan);
            }
            let is_query = matches!(kind, Some(Kind::View | Kind::MaterializedView | Kind::Rule | Kind::Function));
            for statement in &mut entry.statements {
                *statement = renamed(rename, statement, is_query);
            }
            if entry.kind == "SCHEMA" {
                entry.tag = rename.schema(&entry.tag).to_owned();
            }
            let to = rename.table(&entry.relation());
            let to = match (kind, to.name.split_once('(')) {
                (Some(Kind::Function), Some((function, types))) => {
                    TableRef { name: format!("{function}({}", renamed(rename, types, false)), ..to }
                }
                _ => to,
            };
            if entry.schema.is_some() {
                // Constraints and triggers have tags of two names, which no table has.
                entry.tag = to.name;
                entry.schema = to.schema;
            }
            entry
        })
        .collect()
}

fn renamed(rename: &Rename, sql: &str, is_query: bool) -> String {
    let all = tokens(Engine::Postgres, sql);
    let mut out = String::with_capacity(sql.len());
    let mut at = 0;
    while let Some(token) = all.get(at) {
        if let Some(within) = regclass(&all, at) {
            out.push_str(&text(&renamed(rename, &within, false)));
            at += 1;
            continue;
        }
        let pair = match (token.name(), all.get(at + 1), all.get(at + 2).and_then(|t| t.name())) {
            (Some(schema), Some(dot), Some(relation)) if dot.is(".") => Some((schema, relation)),
            _ => None,
        };
        let Some((schema, relation)) = pair else {
            match token.name() {
                Some(schema) if follows(&all, at, "SCHEMA") || is_of_operator(&all, at) => {
                    out.push_str(&name(rename.schema(&schema)))
                }
                _ => out.push_str(token.text()),
            }
            at += 1;
            continue;
        };
        // A function's name, and not a relation's.
        let is_call = all.get(at + 3).is_some_and(|t| t.is("(")) && !follows(&all, at, "REFERENCES");
        at += 3;
        let from = TableRef { schema: Some(schema.clone()), name: relation.clone() };
        let to = if is_call {
            TableRef { schema: Some(rename.schema(&schema).to_owned()), name: relation.clone() }
        } else {
            rename.table(&from)
        };
        out.push_str(&format!("{}.{}", name(to.schema.as_deref().unwrap_or(&schema)), name(&to.name)));
        if is_query && to.name != relation && !is_call && needs_alias(&all, at) {
            out.push_str(&format!(" {}", name(&relation)));
        }
    }
    out
}

/// Whether `word` stands before what is at `at`.
fn follows(all: &[Token<'_>], at: usize, word: &str) -> bool {
    let before = all[..at].iter().rev().find(|t| !matches!(t, Token::Space(_)));
    before.is_some_and(|t| t.is_word(word))
}

/// Whether the name at `at` is the schema of an operator: `"s".+`. A star is all
/// columns of an alias.
fn is_of_operator(all: &[Token<'_>], at: usize) -> bool {
    let dot = all.get(at + 1).is_some_and(|t| t.is("."));
    dot && matches!(all.get(at + 2), Some(Token::Other(o)) if *o != "*")
}

/// Whether what comes before `at` is a table in a query that has no alias yet:
/// one would be in quotes, and nothing else in quotes can follow. The view's own name
/// is followed by `AS` or its options, a column's by a dot before.
fn needs_alias(all: &[Token<'_>], at: usize) -> bool {
    let before = all[..at - 3].iter().rev().find(|t| !matches!(t, Token::Space(_) | Token::Other("(")));
    let in_from =
        before.is_some_and(|t| ["FROM", "JOIN", "ONLY", "UPDATE", "USING"].iter().any(|w| t.is_word(w)) || t.is(","));
    // Before the body of a function there are its arguments, whose types may be tables.
    let is_body = !all.iter().any(|t| t.is_word("FUNCTION") || t.is_word("PROCEDURE"))
        || all[..at].iter().any(|t| t.is_word("ATOMIC") || t.is_word("RETURN"));
    let after = all[at..].iter().find(|t| !matches!(t, Token::Space(_)));
    in_from && is_body && !matches!(after, Some(Token::Name(_) | Token::Other(".")))
}

fn warn_of_bodies(rename: &Rename, entry: &Entry, plan: &mut StructurePlan) {
    let old: Vec<&str> = rename
        .schemas
        .keys()
        .map(String::as_str)
        .chain(rename.tables.iter().map(|(from, _)| from.name.as_str()))
        .collect();
    let bodies = entry.statements.iter().flat_map(|s| tokens(Engine::Postgres, s));
    let mut words = bodies.filter_map(|token| match token {
        Token::Text(body) => Some(body.split(|c: char| !c.is_alphanumeric() && c != '_').collect::<Vec<_>>()),
        _ => None,
    });
    if words.any(|body| body.iter().any(|word| old.contains(word))) {
        plan.warn(
            object_of(entry),
            "its body is text that uses a name which is another on the target; change it there",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn films_to_movies() -> Rename {
        let table = |schema: &str, name: &str| TableRef { schema: Some(schema.to_owned()), name: name.to_owned() };
        Rename {
            schemas: [("public".to_owned(), "shop".to_owned())].into(),
            tables: vec![(table("public", "film"), table("shop", "movie"))],
        }
    }

    #[test]
    fn names_are_replaced_and_text_is_not() {
        let sql = "ALTER TABLE ONLY \"public\".\"film\" ALTER COLUMN \"film\" SET DEFAULT \
                   \"public\".\"film\"('\"public\".\"film\"') || \"nextval\"('\"public\".\"s\"'::\"regclass\")";
        let expected = "ALTER TABLE ONLY \"shop\".\"movie\" ALTER COLUMN \"film\" SET DEFAULT \
                        \"shop\".\"film\"('\"public\".\"film\"') || \"nextval\"('\"shop\".\"s\"'::\"regclass\")";
        assert_eq!(renamed(&films_to_movies(), sql, false), expected);
    }

    #[test]
    fn a_view_keeps_calling_its_tables_by_the_old_name() {
        let sql = "CREATE VIEW \"public\".\"v\" AS SELECT \"film\".\"id\" FROM (\"public\".\"film\" \
                   JOIN \"public\".\"film\" \"f\" ON (true)) WHERE true";
        let expected = "CREATE VIEW \"shop\".\"v\" AS SELECT \"film\".\"id\" FROM (\"shop\".\"movie\" \"film\" \
                        JOIN \"shop\".\"movie\" \"f\" ON (true)) WHERE true";
        assert_eq!(renamed(&films_to_movies(), sql, true), expected);
    }
}
