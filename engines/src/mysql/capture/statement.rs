//! What a statement in the log means for the tables that are captured.
//!
//! Rows come as rows. Statements are what can't be one: the ends of
//! transactions, TRUNCATE, and changes of tables. This is no parser: it finds
//! the verb and the names, and where a captured table is named in the
//! change of a table, the stream stops, whatever the change is; a few that leave
//! rows and columns as they are excepted. A statement that should have been logged
//! as rows stops it too.

use crate::table::TableRef;

/// What follows from a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    Begin,
    Commit,
    Rollback,
    /// To a savepoint: what came after it is void.
    RollbackTo,
    /// Of an XA transaction; its rows follow, or have been logged.
    XaBegin,
    XaEnd,
    /// One that was prepared before.
    XaCommit,
    /// Nothing that matters.
    Nothing,
    Truncate(Vec<usize>),
    /// A captured table was changed by the verb.
    Changed {
        table: usize,
        verb: String,
    },
    /// Rows were changed, and only the statement was logged.
    Unlogged {
        verb: String,
    },
}

/// The captured tables, by the names that the log has.
#[derive(Debug)]
pub(super) struct Names {
    tables: Vec<(String, String)>,
}

impl Names {
    pub(super) fn new<'a>(tables: impl Iterator<Item = &'a TableRef>) -> Self {
        let name = |table: &TableRef| (table.schema.clone().unwrap_or_default(), table.name.clone());
        Self { tables: tables.map(name).collect() }
    }

    /// By its exact name, as a map of the log has it.
    pub(super) fn find(&self, schema: &str, name: &str) -> Option<usize> {
        self.tables.iter().position(|(s, n)| s == schema && n == name)
    }

    /// By a name in a statement, where case may not matter. A letter that could
    /// not be read may be any.
    fn named(&self, schema: &str, name: &str) -> Option<usize> {
        self.tables.iter().position(|(s, n)| alike(s, schema) && alike(n, name))
    }

    fn in_schema(&self, schema: &str) -> Option<usize> {
        self.tables.iter().position(|(s, _)| alike(s, schema))
    }
}

fn alike(known: &str, written: &str) -> bool {
    known.to_lowercase() == written.to_lowercase() || written.contains('\u{FFFD}') && !known.is_ascii()
}

/// A piece of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// A word, or a name without quotes.
    Word(String),
    /// A name in quotes.
    Name(String),
    /// Text in quotes.
    Text,
    Sign(char),
}

/// What the statement `text`, run in `database`, means.
pub(super) fn meaning(names: &Names, database: &str, text: &str) -> Meaning {
    let tokens = tokens(text);
    let statement = Statement { names, database, tokens: &tokens };
    let verb = statement.word(0);
    match verb.as_str() {
        "BEGIN" => Meaning::Begin,
        "COMMIT" => Meaning::Commit,
        "ROLLBACK" if statement.word(1) == "TO" => Meaning::RollbackTo,
        "ROLLBACK" => Meaning::Rollback,
        "XA" => match statement.word(1).as_str() {
            "START" | "BEGIN" => Meaning::XaBegin,
            "END" | "PREPARE" => Meaning::XaEnd,
            "COMMIT" => Meaning::XaCommit,
            _ => Meaning::Nothing,
        },
        "INSERT" | "UPDATE" | "DELETE" | "REPLACE" | "LOAD" | "CALL" | "WITH" | "DO" | "SELECT" | "IMPORT" => {
            statement.data(verb)
        }
        "TRUNCATE" => statement.truncate(),
        "DROP" if matches!(statement.word(1).as_str(), "DATABASE" | "SCHEMA") => statement.drop_database(),
        "ALTER" | "DROP" | "RENAME" | "CREATE" => statement.change(verb),
        _ => Meaning::Nothing,
    }
}

struct Statement<'a> {
    names: &'a Names,
    database: &'a str,
    tokens: &'a [Token],
}

impl Statement<'_> {
    /// The word at a place, in capitals; empty where there is none.
    fn word(&self, at: usize) -> String {
        match self.tokens.get(at) {
            Some(Token::Word(word)) => word.to_ascii_uppercase(),
            _ => String::new(),
        }
    }

    fn name(&self, at: usize) -> Option<&str> {
        match self.tokens.get(at)? {
            Token::Word(name) | Token::Name(name) => Some(name),
            Token::Text | Token::Sign(_) => None,
        }
    }

    /// The table that is named at a place, and where the name ends.
    fn table(&self, at: usize) -> Option<(&str, &str, usize)> {
        let first = self.name(at)?;
        match (self.tokens.get(at + 1), self.name(at + 2)) {
            (Some(Token::Sign('.')), Some(second)) => Some((first, second, at + 3)),
            _ => Some((self.database, first, at + 1)),
        }
    }

    /// A change of rows. Servers themselves write one: the first look into a
    /// table of the MEMORY engine after a restart deletes what it has lost.
    fn data(&self, verb: String) -> Meaning {
        if verb == "DELETE"
            && self.word(1) == "FROM"
            && let Some((schema, name, end)) = self.table(2)
            && end == self.tokens.len()
            && self.names.named(schema, name).is_none()
        {
            return Meaning::Nothing;
        }
        Meaning::Unlogged { verb }
    }

    fn truncate(&self) -> Meaning {
        let at = if self.word(1) == "TABLE" { 2 } else { 1 };
        match self.table(at).and_then(|(schema, name, _)| self.names.named(schema, name)) {
            Some(table) => Meaning::Truncate(vec![table]),
            None => Meaning::Nothing,
        }
    }

    fn drop_database(&self) -> Meaning {
        let at = if self.word(2) == "IF" { 4 } else { 2 };
        match self.name(at).and_then(|name| self.names.in_schema(name)) {
            Some(table) => Meaning::Changed { table, verb: "DROP DATABASE".to_owned() },
            None => Meaning::Nothing,
        }
    }

    fn change(&self, verb: String) -> Meaning {
        // The words between the verb and what kind of thing it is about.
        const BETWEEN: &[&str] = &["OR", "REPLACE", "ONLINE", "OFFLINE", "IGNORE", "UNIQUE", "FULLTEXT", "SPATIAL"];
        let mut at = 1;
        while BETWEEN.contains(&self.word(at).as_str()) {
            at += 1;
        }
        let replaces = (1..at).any(|i| self.word(i) == "REPLACE");
        match (verb.as_str(), self.word(at).as_str()) {
            // What doesn't replace a table can't be about one that there is.
            ("CREATE", "TABLE") if !replaces => return Meaning::Nothing,
            ("CREATE", "TABLE") => {
                let at = if self.word(at + 1) == "IF" { at + 4 } else { at + 1 };
                let table = self.table(at).and_then(|(schema, name, _)| self.names.named(schema, name));
                return table.map_or(Meaning::Nothing, |table| Meaning::Changed { table, verb: "REPLACE".to_owned() });
            }
            ("ALTER" | "RENAME" | "DROP", "TABLE" | "TABLES") | ("CREATE" | "DROP", "INDEX") => {}
            // Views, triggers, procedures, accounts, temporary tables and so on.
            _ => return Meaning::Nothing,
        }
        if verb == "ALTER" && self.leaves_rows_alone(at + 1) {
            return Meaning::Nothing;
        }
        match self.mentioned(at + 1) {
            Some(table) => Meaning::Changed { table, verb },
            None => Meaning::Nothing,
        }
    }

    /// An ALTER TABLE that rows and columns are the same after: the next number
    /// of a table, which the way back sets, and rebuilding.
    fn leaves_rows_alone(&self, at: usize) -> bool {
        let at = if self.word(at) == "IF" { at + 2 } else { at };
        let Some((_, _, end)) = self.table(at) else { return false };
        let rest: Vec<String> = (end..self.tokens.len())
            .filter(|&i| self.tokens.get(i) != Some(&Token::Sign('=')))
            .map(|i| self.word(i))
            .collect();
        match rest.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["FORCE"] | ["ENGINE", "INNODB"] | ["ENABLE" | "DISABLE", "KEYS"] => true,
            ["AUTO_INCREMENT", number] => number.bytes().all(|b| b.is_ascii_digit()),
            _ => false,
        }
    }

    /// The first captured table that is named anywhere, other than as the parent
    /// of a foreign key.
    fn mentioned(&self, from: usize) -> Option<usize> {
        (from..self.tokens.len()).find_map(|at| {
            // Within a name of two parts, the table is the second.
            let is_second = at > 0 && self.tokens.get(at - 1) == Some(&Token::Sign('.'));
            let is_parent = at > 0 && self.word(at - 1) == "REFERENCES";
            let (schema, name, _) = self.table(at).filter(|_| !is_second && !is_parent)?;
            self.names.named(schema, name)
        })
    }
}

/// Cuts a statement into pieces. Comments are passed over, but for those that
/// the server runs.
fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skip = |n: usize| rest.get(n..).unwrap_or_default();
        rest = if let Some(comment) = rest.strip_prefix("/*") {
            match executed(comment) {
                Some(inside) => inside,
                None => comment.split_once("*/").map_or("", |(_, rest)| rest),
            }
        } else if rest.starts_with("*/") {
            skip(2)
        } else if c == '#' || is_line_comment(rest) {
            rest.split_once('\n').map_or("", |(_, rest)| rest)
        } else if matches!(c, '`' | '"' | '\'') {
            let (inside, after) = quoted(rest, c);
            // What stands in double quotes is a name under ANSI_QUOTES.
            tokens.push(if c == '\'' { Token::Text } else { Token::Name(inside) });
            after
        } else if is_name(c) {
            let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            tokens.push(Token::Word(word.to_owned()));
            after
        } else {
            if !c.is_whitespace() && c != ';' {
                tokens.push(Token::Sign(c));
            }
            skip(c.len_utf8())
        };
    }
    tokens
}

/// What follows `/*!40101 `, or MariaDB's `/*M!100100 `, behind the `/*`.
fn executed(comment: &str) -> Option<&str> {
    let inside = comment.strip_prefix("M!").or_else(|| comment.strip_prefix('!'))?;
    Some(inside.trim_start_matches(|c: char| c.is_ascii_digit()))
}

fn is_line_comment(text: &str) -> bool {
    text.strip_prefix("--").is_some_and(|rest| rest.chars().next().is_none_or(|c| c.is_whitespace() || c.is_control()))
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$' | '\u{80}'..)
}

/// What stands in the quotes that `text` begins with, and what comes after.
fn quoted(text: &str, quote: char) -> (String, &str) {
    let mut inside = String::new();
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\\' && quote != '`' {
            inside.extend(chars.next().map(|(_, c)| c));
        } else if c != quote {
            inside.push(c);
        } else if chars.next_if(|&(_, next)| next == quote).is_some() {
            inside.push(quote);
        } else {
            return (inside, text.get(at + quote.len_utf8()..).unwrap_or_default());
        }
    }
    (inside, "")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names() -> Names {
        let tables = [("shop", "orders"), ("shop", "größe"), ("other", "orders")];
        let tables: Vec<TableRef> = tables
            .iter()
            .map(|(schema, name)| TableRef { schema: Some((*schema).to_owned()), name: (*name).to_owned() })
            .collect();
        Names::new(tables.iter())
    }

    fn of(text: &str) -> Meaning {
        meaning(&names(), "shop", text)
    }

    fn changed(table: usize, verb: &str) -> Meaning {
        Meaning::Changed { table, verb: verb.to_owned() }
    }

    #[test]
    fn ends_of_transactions_are_known() {
        for (text, expected) in [
            ("BEGIN", Meaning::Begin),
            ("COMMIT", Meaning::Commit),
            ("ROLLBACK", Meaning::Rollback),
            ("ROLLBACK TO `s`", Meaning::RollbackTo),
            ("SAVEPOINT `s`", Meaning::Nothing),
            ("XA START X'61',X'',1", Meaning::XaBegin),
            ("XA END X'61',X'',1", Meaning::XaEnd),
            ("XA COMMIT X'61',X'',1", Meaning::XaCommit),
            ("XA ROLLBACK X'61',X'',1", Meaning::Nothing),
        ] {
            assert_eq!(of(text), expected, "{text}");
        }
    }

    #[test]
    fn changes_of_captured_tables_are_found() {
        for (text, expected) in [
            ("ALTER TABLE orders ADD COLUMN a INT", changed(0, "ALTER")),
            ("alter table `ORDERS` drop column a", changed(0, "ALTER")),
            ("ALTER /* a */ TABLE /*!50000 shop.orders */ ADD b INT", changed(0, "ALTER")),
            ("ALTER TABLE other . orders ADD a INT -- x", changed(2, "ALTER")),
            ("ALTER TABLE \"größe\" ADD a INT", changed(1, "ALTER")),
            ("ALTER TABLE p EXCHANGE PARTITION p0 WITH TABLE orders", changed(0, "ALTER")),
            ("RENAME TABLE a TO b, new TO orders", changed(0, "RENAME")),
            ("DROP TABLE IF EXISTS `a`,`orders` /* generated by server */", changed(0, "DROP")),
            ("DROP DATABASE IF EXISTS other", changed(2, "DROP DATABASE")),
            ("CREATE OR REPLACE TABLE orders (id INT)", changed(0, "REPLACE")),
            ("CREATE UNIQUE INDEX i ON orders (a)", changed(0, "CREATE")),
            ("DROP INDEX i ON shop.orders", changed(0, "DROP")),
            ("TRUNCATE orders", Meaning::Truncate(vec![0])),
            ("TRUNCATE TABLE other.orders;", Meaning::Truncate(vec![2])),
            ("ALTER TABLE gr\u{FFFD}e ADD a INT", changed(1, "ALTER")),
        ] {
            assert_eq!(of(text), expected, "{text}");
        }
    }

    #[test]
    fn other_changes_are_passed_over() {
        for text in [
            "ALTER TABLE items ADD COLUMN orders_id INT",
            "ALTER TABLE third.orders ADD a INT",
            "ALTER TABLE items ADD FOREIGN KEY (o) REFERENCES orders (id)",
            "ALTER TABLE items COMMENT 'orders'",
            "ALTER TABLE orders AUTO_INCREMENT = 1000",
            "ALTER TABLE shop.orders auto_increment=7;",
            "ALTER TABLE orders ENGINE=InnoDB",
            "CREATE TABLE new (o INT REFERENCES orders (id))",
            "CREATE TABLE IF NOT EXISTS orders (id INT)",
            "CREATE TRIGGER t AFTER INSERT ON orders FOR EACH ROW SET @a = 1",
            "CREATE OR REPLACE VIEW v AS SELECT * FROM orders",
            "DROP TEMPORARY TABLE IF EXISTS orders",
            "TRUNCATE TABLE items",
            "DROP DATABASE third",
            "GRANT SELECT ON orders TO a",
            "ANALYZE TABLE orders",
            "DELETE FROM `shop`.`lost_memory`",
        ] {
            assert_eq!(of(text), Meaning::Nothing, "{text}");
        }
    }

    #[test]
    fn changes_of_rows_are_told() {
        for text in [
            "INSERT INTO x VALUES (1)",
            "update x set a = 1",
            "DELETE FROM orders",
            "DELETE FROM x WHERE a = 1",
            "/* hint */ REPLACE INTO x VALUES (1)",
        ] {
            assert!(matches!(of(text), Meaning::Unlogged { .. }), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text: String, tail in "[a-z`'\"/*!# .,;-]{0,60}") {
            let _ = of(&text);
            for verb in ["ALTER TABLE", "DROP", "TRUNCATE", "CREATE OR REPLACE", "DELETE FROM", "RENAME TABLE"] {
                let _ = of(&format!("{verb} {tail}"));
            }
        }
    }
}
