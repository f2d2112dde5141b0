//! What a statement does, by its leading words.
//!
//! A [`crate::Writer`] has to know where its transactions begin and end, and of
//! which statements SQLite counts the rows: for all others its counter still
//! shows what an earlier statement did. The statements are our own, so this need
//! not understand SQL; it only must not be misled by quotes and comments.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Begin,
    /// Also `END`.
    Commit,
    /// Of the whole transaction; not to a savepoint.
    RollBack,
    /// To a savepoint.
    Restore,
    /// Inserts, updates or deletes rows.
    Change,
    Other,
}

pub(super) fn verb(sql: &str) -> Verb {
    let mut words = Words { rest: sql, depth: 0 };
    match words.next().as_deref() {
        Some("BEGIN") => Verb::Begin,
        Some("COMMIT" | "END") => Verb::Commit,
        Some("ROLLBACK") if words.any(|word| word == "TO") => Verb::Restore,
        Some("ROLLBACK") => Verb::RollBack,
        Some("INSERT" | "UPDATE" | "DELETE" | "REPLACE") => Verb::Change,
        // What follows the common tables, which are in parentheses.
        Some("WITH") => {
            let main = words
                .find(|word| matches!(word.as_str(), "SELECT" | "VALUES" | "INSERT" | "UPDATE" | "DELETE" | "REPLACE"));
            match main.as_deref() {
                Some("SELECT" | "VALUES") | None => Verb::Other,
                Some(_) => Verb::Change,
            }
        }
        _ => Verb::Other,
    }
}

/// The bare words outside of parentheses, in upper case.
struct Words<'a> {
    rest: &'a str,
    depth: u32,
}

impl Iterator for Words<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        loop {
            let first = self.rest.chars().next()?;
            let length = match first {
                '\'' | '"' | '`' => quoted(self.rest, first),
                '[' => quoted(self.rest, ']'),
                '-' if self.rest.starts_with("--") => through(self.rest, "\n"),
                '/' if self.rest.starts_with("/*") => through(self.rest, "*/"),
                c if c.is_alphanumeric() || c == '_' => {
                    let word = |c: char| !(c.is_alphanumeric() || c == '_');
                    self.rest.find(word).unwrap_or(self.rest.len())
                }
                c => {
                    match c {
                        '(' => self.depth += 1,
                        ')' => self.depth = self.depth.saturating_sub(1),
                        _ => {}
                    }
                    c.len_utf8()
                }
            };
            let (token, rest) = self.rest.split_at(length);
            self.rest = rest;
            if self.depth == 0 && (first.is_alphanumeric() || first == '_') {
                return Some(token.to_ascii_uppercase());
            }
        }
    }
}

/// The length of a quoted token. A doubled quote within makes two tokens of it,
/// which is the same to us.
fn quoted(text: &str, close: char) -> usize {
    text.char_indices().skip(1).find(|(_, c)| *c == close).map_or(text.len(), |(i, c)| i + c.len_utf8())
}

fn through(text: &str, end: &str) -> usize {
    text.find(end).map_or(text.len(), |i| i + end.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_told_by_their_words() {
        let cases = [
            ("BEGIN", Verb::Begin),
            ("  begin immediate", Verb::Begin),
            ("/* ROLLBACK */ COMMIT", Verb::Commit),
            ("end transaction", Verb::Commit),
            ("ROLLBACK", Verb::RollBack),
            ("-- to\nROLLBACK TRANSACTION", Verb::RollBack),
            ("ROLLBACK TO s", Verb::Restore),
            ("rollback transaction to savepoint s", Verb::Restore),
            ("INSERT INTO t VALUES ('SELECT')", Verb::Change),
            ("Update t SET a = 1", Verb::Change),
            ("DELETE FROM t", Verb::Change),
            ("REPLACE INTO t VALUES (1)", Verb::Change),
            ("WITH a(x) AS (SELECT ')' FROM \"UPDATE\") SELECT 1", Verb::Other),
            ("WITH a(x) AS (SELECT ')''(' ) UPDATE t SET b = (SELECT x FROM a)", Verb::Change),
            ("WITH [VALUES] AS MATERIALIZED (VALUES (1)) INSERT INTO t SELECT * FROM [VALUES]", Verb::Change),
            ("SELECT 1", Verb::Other),
            ("CREATE TABLE t(a)", Verb::Other),
            ("PRAGMA schema_version", Verb::Other),
            ("", Verb::Other),
            ("WITH", Verb::Other),
            ("'BEGIN", Verb::Other),
            ("/* BEGIN", Verb::Other),
        ];
        for (sql, expected) in cases {
            assert_eq!(verb(sql), expected, "{sql:?}");
        }
    }
}
