//! SQL text, cut into words.
//!
//! For what a server wrote of itself (`pg_dump`, SHOW CREATE), where names have
//! to be replaced or definitions told apart: whatever stands in quotes, in
//! comments or in a body between dollars is one token, so nothing is mistaken for
//! what it is not. No grammar is known here.

use switchback_engines::Engine;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// Letters, digits and `_`; numbers too.
    Word(&'a str),
    /// A name in quotes, with them.
    Name(&'a str),
    /// A literal in quotes, or a body between dollars.
    Text(&'a str),
    /// Blanks and comments.
    Space(&'a str),
    Other(&'a str),
}

impl<'a> Token<'a> {
    pub(super) fn text(self) -> &'a str {
        match self {
            Self::Word(t) | Self::Name(t) | Self::Text(t) | Self::Space(t) | Self::Other(t) => t,
        }
    }

    pub(super) fn to_text(self) -> String {
        self.text().to_owned()
    }

    pub(super) fn is_word(self, word: &str) -> bool {
        matches!(self, Self::Word(w) if w.eq_ignore_ascii_case(word))
    }

    pub(super) fn is(self, punctuation: &str) -> bool {
        matches!(self, Self::Other(p) if p == punctuation)
    }

    /// The name itself, where it is one in quotes.
    pub(super) fn name(self) -> Option<String> {
        let Self::Name(quoted) = self else { return None };
        let quote = quoted.chars().next()?;
        let inner = quoted.get(1..quoted.len().checked_sub(1)?)?;
        Some(if quote == '[' {
            inner.to_owned()
        } else {
            inner.replace(&format!("{quote}{quote}"), &quote.to_string())
        })
    }
}

/// All of `sql`, in order: put together again, the tokens are the text.
pub(super) fn tokens(engine: Engine, sql: &str) -> Vec<Token<'_>> {
    let mut all = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let (len, make): (usize, fn(&str) -> Token<'_>) = next(engine, rest, first);
        let (token, after) = rest.split_at(len.clamp(first.len_utf8(), rest.len()));
        all.push(make(token));
        rest = after;
    }
    all
}

fn next(engine: Engine, rest: &str, first: char) -> (usize, fn(&str) -> Token<'_>) {
    let mysql = engine == Engine::MySql;
    if first.is_whitespace() {
        return (rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len()), |t| Token::Space(t));
    }
    if rest.starts_with("--") || (mysql && first == '#') {
        return (rest.find('\n').unwrap_or(rest.len()), |t| Token::Space(t));
    }
    // What MySQL puts in a comment for other versions to pass over is no comment.
    if rest.starts_with("/*") && !(mysql && rest.starts_with("/*!")) {
        return (rest.find("*/").map_or(rest.len(), |at| at + 2), |t| Token::Space(t));
    }
    if is_word(first) {
        let escapes = engine == Engine::Postgres && rest.len() > 1 && rest[first.len_utf8()..].starts_with('\'');
        if escapes && (first == 'E' || first == 'e') {
            return (1 + quoted(&rest[1..], '\'', true), |t| Token::Text(t));
        }
        return (rest.find(|c: char| !is_word(c)).unwrap_or(rest.len()), |t| Token::Word(t));
    }
    match first {
        '\'' => (quoted(rest, '\'', mysql), |t| Token::Text(t)),
        '"' if mysql => (quoted(rest, '"', true), |t| Token::Text(t)),
        '"' => (quoted(rest, '"', false), |t| Token::Name(t)),
        '`' => (quoted(rest, '`', false), |t| Token::Name(t)),
        '[' if engine == Engine::Sqlite => (rest.find(']').map_or(rest.len(), |at| at + 1), |t| Token::Name(t)),
        '$' if engine == Engine::Postgres => match dollars(rest) {
            Some(len) => (len, |t| Token::Text(t)),
            None => (1, |t| Token::Other(t)),
        },
        _ => (first.len_utf8(), |t| Token::Other(t)),
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The length of what is in quotes at the start. Two of them are one within.
fn quoted(rest: &str, quote: char, backslash: bool) -> usize {
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if backslash && c == '\\' {
            chars.next();
        } else if c == quote {
            match chars.peek() {
                Some((_, following)) if *following == quote => drop(chars.next()),
                _ => return at + 1,
            }
        }
    }
    rest.len()
}

/// The length of `$tag$ … $tag$`.
fn dollars(rest: &str) -> Option<usize> {
    let tag_len = rest[1..].find('$')? + 2;
    let tag = &rest[..tag_len];
    let inner = &tag[1..tag_len - 1];
    if inner.starts_with(|c: char| c.is_ascii_digit()) || !inner.chars().all(is_word) {
        return None;
    }
    Some(rest[tag_len..].find(tag).map_or(rest.len(), |at| tag_len + at + tag_len))
}

/// Statements of a script, without the semicolons. The body of a function in
/// standard SQL (`BEGIN ATOMIC … END`) has semicolons of its own.
pub(super) fn statements(engine: Engine, sql: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut current = String::new();
    let (mut atomic, mut depth) = (false, 0_usize);
    let mut last = "";
    for token in tokens(engine, sql) {
        if atomic {
            if token.is_word("CASE") || token.is_word("BEGIN") {
                depth += 1;
            } else if token.is_word("END") {
                depth = depth.saturating_sub(1);
                atomic = depth > 0;
            }
        } else if token.is_word("ATOMIC") && last.eq_ignore_ascii_case("BEGIN") {
            (atomic, depth) = (true, 1);
        }
        if token.is(";") && !atomic {
            push(&mut all, &mut current);
        } else {
            current.push_str(token.text());
        }
        if !matches!(token, Token::Space(_)) {
            last = token.text();
        }
    }
    push(&mut all, &mut current);
    all
}

fn push(all: &mut Vec<String>, current: &mut String) {
    let statement = std::mem::take(current);
    if !statement.trim().is_empty() {
        all.push(statement.trim().to_owned());
    }
}

/// What stands between the commas of a list, with its blanks, at the outermost
/// level of parentheses.
pub(super) fn split_list<'t, 'a>(tokens: &'t [Token<'a>]) -> Vec<&'t [Token<'a>]> {
    let mut depth = 0_usize;
    tokens
        .split(|token| {
            match token {
                Token::Other("(") => depth += 1,
                Token::Other(")") => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0 && token.is(",")
        })
        .collect()
}

/// The tokens within the first parentheses, and those after them.
pub(super) fn parenthesised<'t, 'a>(tokens: &'t [Token<'a>]) -> Option<(&'t [Token<'a>], &'t [Token<'a>])> {
    let open = tokens.iter().position(|t| t.is("("))?;
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        if token.is("(") {
            depth += 1;
        } else if token.is(")") {
            depth -= 1;
            if depth == 0 {
                return Some((&tokens[open + 1..at], &tokens[at + 1..]));
            }
        }
    }
    None
}

pub(super) fn joined(tokens: &[Token<'_>]) -> String {
    tokens.iter().map(|token| token.text()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_is_one_token_and_nothing_is_lost() {
        for (engine, sql) in [
            (Engine::Postgres, "SELECT E'it\\'s; ' || $f$ a ' ; $f$, \"a\"\"b\" -- ; '\n, $1 /* ; */;"),
            (Engine::MySql, "SELECT 'it\\'s; ', `a``b`, \"x;\" # ; '\n /*!80023 INVISIBLE */ ;"),
            (Engine::Sqlite, "SELECT 'a''b', [x;y], `z`, \"q\"; é"),
        ] {
            let all = tokens(engine, sql);
            assert_eq!(joined(&all), sql);
            assert_eq!(all.iter().filter(|t| t.is(";")).count(), 1, "{all:?}");
        }
        let name = tokens(Engine::Postgres, "\"a\"\"b\"")[0].name();
        assert_eq!(name.as_deref(), Some("a\"b"));
    }

    #[test]
    fn a_body_in_standard_sql_is_one_statement() {
        let sql = "CREATE FUNCTION f() BEGIN ATOMIC SELECT CASE WHEN a THEN 1 END; SELECT 2; END; SELECT 3;";
        assert_eq!(statements(Engine::Postgres, sql).len(), 2);
    }

    #[test]
    fn unclosed_quotes_end_with_the_text() {
        for sql in ["'abc", "\"abc", "$a$ b", "/* c", "E'x\\", "[", "`"] {
            for engine in [Engine::Postgres, Engine::MySql, Engine::Sqlite] {
                assert_eq!(joined(&tokens(engine, sql)), sql);
            }
        }
    }
}
