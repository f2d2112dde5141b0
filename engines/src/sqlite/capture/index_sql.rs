//! What of an index no pragma tells: its expressions and its condition.
//!
//! The one text of a schema that is taken apart. It is taken from SQLite's own
//! table, so it is known to be a `CREATE INDEX` that SQLite understood, and what is
//! cut out of it goes into triggers that are compiled before they are relied on.

/// The text of a `CREATE INDEX`, cut.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parts {
    /// Each indexed column or expression, without its direction.
    pub(super) terms: Vec<String>,
    /// What stands behind `WHERE`.
    pub(super) condition: Option<String>,
}

/// `None` for what is no `CREATE INDEX`.
pub(super) fn parts(sql: &str) -> Option<Parts> {
    let mut tokens = tokens(sql).into_iter().skip_while(|token| *token != "(").skip(1);
    let (mut terms, mut term, mut depth) = (Vec::new(), Vec::new(), 0u32);
    loop {
        match tokens.next()? {
            ")" if depth == 0 => break,
            "," if depth == 0 => terms.push(joined(&mut term)),
            token => {
                match token {
                    "(" => depth += 1,
                    ")" => depth -= 1,
                    _ => {}
                }
                term.push(token);
            }
        }
    }
    terms.push(joined(&mut term));
    let condition = match tokens.next() {
        None => None,
        Some(word) if word.eq_ignore_ascii_case("where") => Some(tokens.collect::<Vec<_>>().join(" ")),
        Some(_) => return None,
    };
    (!terms.iter().any(String::is_empty)).then_some(Parts { terms, condition })
}

fn joined(term: &mut Vec<&str>) -> String {
    if term.last().is_some_and(|last| last.eq_ignore_ascii_case("asc") || last.eq_ignore_ascii_case("desc")) {
        term.pop();
    }
    std::mem::take(term).join(" ")
}

/// Words, quoted texts and single signs; comments and spaces are left out.
/// Signs that belong together stay together.
fn tokens(sql: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let kind = kind(first);
        let length = match first {
            _ if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            _ if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |i| i + 2),
            '\'' | '"' | '`' => quoted(rest, first),
            '[' => rest.find(']').map_or(rest.len(), |i| i + 1),
            _ if kind == Kind::Single => first.len_utf8(),
            _ => rest
                .char_indices()
                .find(|(i, c)| self::kind(*c) != kind || rest.get(*i..).is_some_and(|r| *i > 0 && starts_comment(r)))
                .map_or(rest.len(), |(i, _)| i),
        };
        let (token, after) = rest.split_at(length);
        if !starts_comment(token) && kind != Kind::Space {
            // `x'00'`: a blob is one word.
            tokens.push(token);
        }
        rest = after;
    }
    merge_blobs(sql, tokens)
}

/// A blob is an `x` and what is quoted right behind it: one literal, which a
/// space would take apart.
fn merge_blobs<'a>(sql: &'a str, tokens: Vec<&'a str>) -> Vec<&'a str> {
    let start = |token: &str| token.as_ptr().addr() - sql.as_ptr().addr();
    let mut merged: Vec<&str> = Vec::with_capacity(tokens.len());
    for token in tokens {
        if let Some(last) = merged.last_mut()
            && last.eq_ignore_ascii_case("x")
            && token.starts_with('\'')
            && start(last) + last.len() == start(token)
            && let Some(both) = sql.get(start(last)..start(token) + token.len())
        {
            *last = both;
            continue;
        }
        merged.push(token);
    }
    merged
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Space,
    Word,
    /// Quotes, brackets and commas.
    Single,
    /// Operators, which may be of several signs.
    Sign,
}

fn kind(c: char) -> Kind {
    match c {
        c if c.is_ascii_whitespace() => Kind::Space,
        '(' | ')' | ',' | '\'' | '"' | '`' | '[' | ']' => Kind::Single,
        c if c.is_alphanumeric() || matches!(c, '_' | '$' | '.') || !c.is_ascii() => Kind::Word,
        _ => Kind::Sign,
    }
}

fn starts_comment(text: &str) -> bool {
    text.starts_with("--") || text.starts_with("/*")
}

fn quoted(text: &str, quote: char) -> usize {
    let mut closed = false;
    for (i, c) in text.char_indices().skip(1) {
        match (closed, c == quote) {
            (false, true) => closed = true,
            // Doubled, so it goes on.
            (true, true) => closed = false,
            (true, false) => return i,
            (false, false) => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_are_taken_apart() {
        let of = |terms: &[&str], condition: Option<&str>| {
            Some(Parts {
                terms: terms.iter().map(|&t| t.to_owned()).collect(),
                condition: condition.map(str::to_owned),
            })
        };
        let cases = [
            ("CREATE UNIQUE INDEX i ON t(a)", of(&["a"], None)),
            ("CREATE INDEX i ON t (a DESC, \"b,(\" asc)", of(&["a", "\"b,(\""], None)),
            ("CREATE UNIQUE INDEX \"i(\" ON [t(](lower(a), b+1)", of(&["lower ( a )", "b + 1"], None)),
            ("CREATE INDEX i ON t(a COLLATE NOCASE DESC)", of(&["a COLLATE NOCASE"], None)),
            (
                "CREATE INDEX i ON t(a /* ) */, -- )\n b) WHERE c <> 'it''s' AND d IS x'00'",
                of(&["a", "b"], Some("c <> 'it''s' AND d IS x'00'")),
            ),
            ("CREATE INDEX i ON t(j->>'$.a', 1.5e3*a, a||b)", of(&["j ->> '$.a'", "1.5e3 * a", "a || b"], None)),
            ("CREATE INDEX i ON t(a)where(a>-1)", of(&["a"], Some("( a >- 1 )"))),
            ("CREATE INDEX i ON t(a) ON", None),
            ("CREATE INDEX i ON t(a", None),
            ("CREATE INDEX i ON t()", None),
            ("", None),
        ];
        for (sql, expected) in cases {
            assert_eq!(parts(sql), expected, "{sql}");
        }
    }
}
