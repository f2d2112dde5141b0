//! What `pg_dump` wrote, as entries.
//!
//! Each begins with a comment that says what it is. The comment is looked for
//! outside of quotes only: the body of a function may hold anything.

use switchback_engines::{Engine, TableRef};

use crate::structure::tokens::{Token, joined, statements, tokens};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// The name, unquoted; for some types with that of the table before it.
    pub(super) tag: String,
    /// As `pg_dump` calls it: `TABLE`, `FK CONSTRAINT`.
    pub(super) kind: String,
    pub(super) schema: Option<String>,
    pub(super) statements: Vec<String>,
}

impl Entry {
    /// The names with a schema, in the order in which they stand.
    pub(super) fn mentions(&self) -> Vec<TableRef> {
        self.statements.iter().flat_map(|statement| mentions(statement)).collect()
    }

    pub(super) fn relation(&self) -> TableRef {
        TableRef { schema: self.schema.clone(), name: self.tag.clone() }
    }
}

pub(super) fn entries(script: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut current: Option<(Entry, Vec<Token<'_>>)> = None;
    for token in tokens(Engine::Postgres, script) {
        match token {
            Token::Space(comment) if comment.starts_with("-- Name: ") => {
                entries.extend(current.take().map(finished));
                current = header(comment).map(|entry| (entry, Vec::new()));
            }
            // What follows is for psql.
            Token::Space(comment) if comment.starts_with("-- PostgreSQL database dump complete") => break,
            Token::Space(comment) if comment.starts_with("--") => {}
            _ => {
                if let Some((_, body)) = &mut current {
                    body.push(token);
                }
            }
        }
    }
    entries.extend(current.map(finished));
    entries
}

/// `-- Name: film; Type: TABLE; Schema: public; Owner: -`. A name may hold anything.
fn header(comment: &str) -> Option<Entry> {
    let rest = comment.strip_prefix("-- Name: ")?;
    let (rest, _) = rest.rsplit_once("; Owner: ")?;
    let (rest, schema) = rest.rsplit_once("; Schema: ")?;
    let (tag, kind) = rest.rsplit_once("; Type: ")?;
    let schema = (schema != "-").then(|| schema.to_owned());
    Some(Entry { tag: tag.to_owned(), kind: kind.to_owned(), schema, statements: Vec::new() })
}

/// The settings between entries are of the script's session, see [`super::tool`]
/// for what is asked of it.
fn finished((mut entry, body): (Entry, Vec<Token<'_>>)) -> Entry {
    entry.statements = statements(Engine::Postgres, &joined(&body));
    entry.statements.retain(|statement| !statement.starts_with("SET "));
    entry
}

/// `"schema"."name"` wherever it stands, also in a literal that is a relation's
/// name.
fn mentions(sql: &str) -> Vec<TableRef> {
    let all = tokens(Engine::Postgres, sql);
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(token) = all.get(at) {
        at += 1;
        match token {
            Token::Name(_) => {
                if let (Some(schema), Some(true), Some(name)) =
                    (token.name(), all.get(at).map(|t| t.is(".")), all.get(at + 1).and_then(|t| t.name()))
                {
                    found.push(TableRef { schema: Some(schema), name });
                    at += 2;
                }
            }
            Token::Text(_) => {
                if let Some(within) = regclass(&all, at - 1) {
                    found.extend(mentions(&within));
                }
            }
            _ => {}
        }
    }
    found
}

/// The text of a literal that stands for a relation: `'"s"."t"'::"regclass"`.
pub(super) fn regclass(all: &[Token<'_>], at: usize) -> Option<String> {
    let is_cast = all.get(at + 1)?.is(":") && all.get(at + 2)?.is(":");
    let kind = all.get(at + 3)?;
    if !is_cast || (kind.name().as_deref() != Some("regclass") && !kind.is_word("regclass")) {
        return None;
    }
    let quoted = all.get(at)?.text();
    Some(quoted.strip_prefix('\'')?.strip_suffix('\'')?.replace("''", "'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "\
--
-- PostgreSQL database dump
--

SET statement_timeout = 0;

--
-- Name: f(integer); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION \"public\".\"f\"(\"a\" integer) RETURNS integer LANGUAGE \"sql\" AS $$
--
-- Name: fake; Type: TABLE; Schema: public; Owner: -
--
SELECT 1; $$;


SET default_tablespace = '';

--
-- Name: odd; Type: x; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE \"public\".\"odd; Type: x\" (\"id\" integer DEFAULT \"nextval\"('\"public\".\"s\"'::\"regclass\"));


ALTER TABLE \"public\".\"odd; Type: x\" OWNER TO \"ada\";


--
-- PostgreSQL database dump complete
--

\\unrestrict abc
";

    #[test]
    fn entries_are_told_by_comments_outside_of_quotes() {
        let all = entries(SCRIPT);
        let told: Vec<(&str, &str, usize)> =
            all.iter().map(|e| (e.tag.as_str(), e.kind.as_str(), e.statements.len())).collect();
        assert_eq!(told, [("f(integer)", "FUNCTION", 1), ("odd; Type: x", "TABLE", 2)]);
        let names: Vec<String> = all[1].mentions().iter().map(ToString::to_string).collect();
        assert_eq!(names, ["public.odd; Type: x", "public.s", "public.odd; Type: x"]);
    }
}
