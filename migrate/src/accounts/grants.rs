//! What an account of MySQL or MariaDB has been granted, by itself and by its roles.
//!
//! The server says it in statements, which are read again here: its views of rights
//! show neither what comes by a role, nor what a revoke has taken from a part.
//!
//! A right on some columns of a table is none on the table. Roles that are not active
//! are not counted, as they are of no use to a session that does not know them.

use std::collections::BTreeSet;

use switchback_engines::{Class, Endpoint, Error as EngineError, Flavor, TableRef};

/// All grants of the account that is connected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Grants {
    grants: Vec<Grant>,
    /// Whether `_` and `%` are themselves in the name of a database.
    literal_names: bool,
    /// Whether names of databases and tables are told apart by case.
    by_case: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Grant {
    /// It takes away what another one gives.
    revokes: bool,
    rights: BTreeSet<String>,
    level: Level,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Level {
    Server,
    Database(String),
    Table(String, String),
}

/// What a right is asked for on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum At<'a> {
    Server,
    Database(&'a str),
    Table(&'a TableRef),
}

const WHAT: &str = "reading what the account may do";

impl Grants {
    pub(crate) async fn read(endpoint: &dyn Endpoint) -> Result<Self, EngineError> {
        let flavor = endpoint.info().flavor;
        let ask = async |question: &str| endpoint.look(WHAT, question).await.map(first_cells);
        let role = ask("SELECT CURRENT_ROLE()").await?.into_iter().next().filter(|role| role != "NONE");
        let mut lines = match (flavor, &role) {
            // Its answer is a list as this takes it.
            (Flavor::Original, Some(roles)) => ask(&format!("SHOW GRANTS FOR CURRENT_USER() USING {roles}")).await?,
            _ => ask("SHOW GRANTS").await?,
        };
        if flavor == Flavor::MariaDb {
            for of in ["CURRENT_ROLE()", "PUBLIC"] {
                // Without a role, and before 10.11 without a PUBLIC, it is an error.
                match ask(&format!("SHOW GRANTS FOR {of}")).await {
                    Err(error) if error.class() == Class::Transient => return Err(error),
                    more => lines.extend(more.unwrap_or_default()),
                }
            }
        }
        let by_case = ask("SELECT @@lower_case_table_names").await?.first().is_some_and(|folds| folds == "0");
        let partial = match flavor {
            Flavor::Original => {
                let rows = endpoint.look(WHAT, "SHOW GLOBAL VARIABLES LIKE 'partial_revokes'").await?;
                rows.first().and_then(|row| row.get(1)?.as_deref()) == Some("ON")
            }
            Flavor::MariaDb => false,
        };
        let grants = lines.iter().filter_map(|line| parse(line)).collect();
        Ok(Self { grants, literal_names: partial, by_case })
    }

    /// Whether one of `names` is granted there.
    pub(crate) fn holds(&self, names: &[&str], at: &At<'_>) -> bool {
        let names = |grant: &&Grant| {
            grant.rights.contains("ALL PRIVILEGES") || names.iter().any(|name| grant.rights.contains(*name))
        };
        let covering = |revokes: bool| {
            self.grants.iter().filter(move |grant| grant.revokes == revokes && self.covers(&grant.level, at))
        };
        let taken = covering(true).any(|grant| names(&grant));
        // What is taken is taken of what all of the server gives.
        covering(false).filter(|grant| names(grant)).any(|grant| !taken || grant.level != Level::Server)
    }

    fn covers(&self, level: &Level, at: &At<'_>) -> bool {
        match (level, at) {
            (Level::Server, _) => true,
            (Level::Database(pattern), At::Database(database)) => self.is_database(pattern, database),
            (Level::Database(pattern), At::Table(table)) => {
                self.is_database(pattern, table.schema.as_deref().unwrap_or_default())
            }
            (Level::Table(database, name), At::Table(table)) => {
                self.same(database, table.schema.as_deref().unwrap_or_default()) && self.same(name, &table.name)
            }
            (Level::Database(_) | Level::Table(..), At::Server) | (Level::Table(..), At::Database(_)) => false,
        }
    }

    fn is_database(&self, pattern: &str, name: &str) -> bool {
        if self.literal_names {
            return self.same(pattern, name);
        }
        let folded = |text: &str| if self.by_case { text.to_owned() } else { text.to_lowercase() };
        let (pattern, name) = (folded(pattern), folded(name));
        like(&pattern.chars().collect::<Vec<_>>(), &name.chars().collect::<Vec<_>>())
    }

    fn same(&self, a: &str, b: &str) -> bool {
        if self.by_case { a == b } else { a.to_lowercase() == b.to_lowercase() }
    }
}

fn first_cells(rows: Vec<switchback_engines::TextRow>) -> Vec<String> {
    rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect()
}

/// As LIKE does, with a backslash before what is itself.
fn like(pattern: &[char], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['%', rest @ ..] => (0..=text.len()).any(|at| like(rest, &text[at..])),
        ['_', rest @ ..] => !text.is_empty() && like(rest, &text[1..]),
        ['\\', one, rest @ ..] | [one, rest @ ..] => text.first() == Some(one) && like(rest, &text[1..]),
    }
}

/// `None` for a grant of a role, of a routine, or of something not known here.
fn parse(line: &str) -> Option<Grant> {
    let (revokes, rest) = match line.strip_prefix("GRANT ") {
        Some(rest) => (false, rest),
        None => (true, line.strip_prefix("REVOKE ")?),
    };
    let words = outside(rest);
    let on = words.find(" ON ")?;
    let rights = list(rest.get(..on)?);
    let object = rest.get(on + " ON ".len()..)?;
    let object = object.strip_prefix("TABLE ").unwrap_or(object);
    let (database, object) = part(object)?;
    let (table, _) = part(object.strip_prefix('.')?)?;
    let level = match (database, table) {
        (None, None) => Level::Server,
        (Some(database), None) => Level::Database(database),
        (Some(database), Some(table)) => Level::Table(database, table),
        (None, Some(_)) => return None,
    };
    Some(Grant { revokes, rights, level })
}

/// The text with all that is in quotes or parentheses blanked out, byte by byte.
fn outside(text: &str) -> String {
    let (mut quote, mut depth) = (None, 0_usize);
    let blank = |c: char| ".".repeat(c.len_utf8());
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '`' | '"' | '\'') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            (None, c) if depth == 0 => {
                out.push(c);
                continue;
            }
            _ => {}
        }
        out.push_str(&blank(c));
    }
    out
}

/// The rights that are on the whole of something.
fn list(text: &str) -> BTreeSet<String> {
    let shown = outside(text);
    let mut rights = BTreeSet::new();
    let mut from = 0;
    for end in shown.match_indices(',').map(|(at, _)| at).chain([shown.len()]) {
        let one = text.get(from..end).unwrap_or_default().trim();
        if !one.contains('(') && !one.is_empty() {
            rights.insert(one.to_owned());
        }
        from = end + 1;
    }
    rights
}

/// A name, or `None` for a star, and what comes behind it.
fn part(text: &str) -> Option<(Option<String>, &str)> {
    if let Some(rest) = text.strip_prefix('*') {
        return Some((None, rest));
    }
    let quote = text.chars().next().filter(|c| matches!(c, '`' | '"'))?;
    let mut name = String::new();
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c != quote {
            name.push(c);
        } else if chars.peek().is_some_and(|(_, next)| *next == quote) {
            name.push(c);
            chars.next();
        } else {
            return Some((Some(name), text.get(at + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(lines: &[&str]) -> Grants {
        Grants { grants: lines.iter().filter_map(|line| parse(line)).collect(), literal_names: false, by_case: true }
    }

    fn table(schema: &str, name: &str) -> TableRef {
        TableRef { schema: Some(schema.to_owned()), name: name.to_owned() }
    }

    #[test]
    fn rights_are_found_where_they_hold() {
        let grants = grants(&[
            "GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO `u`@`%`",
            "GRANT SELECT, SHOW VIEW ON `a\\_b`.* TO `u`@`%` WITH GRANT OPTION",
            "GRANT INSERT ON `p_q%`.* TO `u`@`%`",
            "GRANT UPDATE (`a, ) ON x`, `b`), DELETE ON `s``o`.`t ON u` TO `u`@`%`",
            "GRANT `role ON *.* TO x`@`%` TO `u`@`%`",
            "GRANT EXECUTE ON PROCEDURE `a_b`.`p` TO `u`@`%`",
        ]);
        assert!(grants.holds(&["REPLICATION SLAVE"], &At::Server));
        assert!(!grants.holds(&["SELECT"], &At::Server));
        assert!(grants.holds(&["SELECT"], &At::Database("a_b")) && !grants.holds(&["SELECT"], &At::Database("axb")));
        assert!(grants.holds(&["INSERT"], &At::Table(&table("p1q_more", "t"))));
        assert!(!grants.holds(&["INSERT"], &At::Table(&table("pq", "t"))));
        let odd = table("s`o", "t ON u");
        assert!(grants.holds(&["DELETE"], &At::Table(&odd)) && !grants.holds(&["UPDATE"], &At::Table(&odd)));
        assert!(!grants.holds(&["DELETE"], &At::Database("s`o")));
        assert!(!grants.holds(&["EXECUTE"], &At::Database("a_b")));
    }

    #[test]
    fn what_is_revoked_in_part_is_not_held_there() {
        let grants = grants(&["GRANT SELECT, INSERT ON *.* TO `u`@`%`", "REVOKE INSERT ON `shop`.* FROM `u`@`%`"]);
        assert!(grants.holds(&["INSERT"], &At::Database("other")) && !grants.holds(&["INSERT"], &At::Database("shop")));
        assert!(grants.holds(&["SELECT"], &At::Table(&table("shop", "t"))));
        assert!(!grants.holds(&["INSERT"], &At::Table(&table("shop", "t"))));
    }

    #[test]
    fn all_privileges_are_each_of_them() {
        let grants = grants(&["GRANT ALL PRIVILEGES ON \"shop\".* TO \"u\"@\"%\""]);
        assert!(grants.holds(&["TRIGGER"], &At::Table(&table("shop", "t"))));
        assert!(!grants.holds(&["TRIGGER"], &At::Database("Shop")));
    }
}
