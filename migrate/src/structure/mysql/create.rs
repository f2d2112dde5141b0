//! A CREATE TABLE, as its server shows it, cut into parts.

use switchback_engines::Engine;

use crate::structure::tokens::{Token, joined, parenthesised, split_list, tokens};

#[derive(Debug)]
pub(super) struct Create {
    pub(super) items: Vec<Item>,
    /// All that stands behind the parentheses: engine, character set, partitions.
    pub(super) options: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) kind: ItemKind,
    /// Of a primary key empty, and of what has no name.
    pub(super) name: String,
    pub(super) sql: String,
    /// Of a key: its first column; of a foreign key: its parent.
    pub(super) first: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ItemKind {
    Column,
    PrimaryKey,
    UniqueKey,
    /// Also FULLTEXT, SPATIAL and VECTOR.
    Key,
    ForeignKey,
    Check,
    /// MariaDB's `PERIOD FOR`.
    Period,
}

/// `None` for what is no such statement.
pub(super) fn parse(sql: &str) -> Option<Create> {
    let all = tokens(Engine::MySql, sql);
    let (inside, options) = parenthesised(&all)?;
    let items = split_list(inside).into_iter().map(item).collect::<Option<Vec<_>>>()?;
    Some(Create { items, options: joined(options).trim().to_owned() })
}

fn item(part: &[Token<'_>]) -> Option<Item> {
    let words: Vec<Token<'_>> = part.iter().copied().filter(|t| !matches!(t, Token::Space(_))).collect();
    let is = |at: usize, word: &str| words.get(at).is_some_and(|t| t.is_word(word));
    let first_name = words.iter().find_map(|t| t.name());
    let kind = if words.first()?.name().is_some() {
        ItemKind::Column
    } else if is(0, "PRIMARY") {
        ItemKind::PrimaryKey
    } else if is(0, "UNIQUE") {
        ItemKind::UniqueKey
    } else if is(0, "PERIOD") {
        ItemKind::Period
    } else if is(0, "CHECK") || is(2, "CHECK") {
        ItemKind::Check
    } else if is(0, "FOREIGN") || is(2, "FOREIGN") {
        ItemKind::ForeignKey
    } else if is(0, "KEY") || is(1, "KEY") {
        ItemKind::Key
    } else {
        return None;
    };
    let first = match kind {
        ItemKind::PrimaryKey | ItemKind::UniqueKey | ItemKind::Key => {
            parenthesised(part).and_then(|(columns, _)| columns.iter().find_map(|t| t.name()))
        }
        ItemKind::ForeignKey => {
            let at = words.iter().position(|t| t.is_word("REFERENCES"))?;
            // With its database, where that is another.
            let names: Vec<String> =
                words[at + 1..].iter().take_while(|t| !t.is("(")).filter_map(|t| t.name()).collect();
            names.into_iter().next_back()
        }
        ItemKind::Column | ItemKind::Check | ItemKind::Period => None,
    };
    let has_name = kind != ItemKind::PrimaryKey && !is(0, "CHECK") && !is(0, "FOREIGN");
    let name = first_name.filter(|_| has_name).unwrap_or_default();
    Some(Item { kind, name, sql: joined(part).trim().to_owned(), first })
}

impl Create {
    pub(super) fn of(&self, kind: ItemKind) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(move |item| item.kind == kind)
    }

    /// The column that numbers itself.
    pub(super) fn auto_increment(&self) -> Option<&str> {
        let numbers = |item: &&Item| tokens(Engine::MySql, &item.sql).iter().any(|t| t.is_word("AUTO_INCREMENT"));
        self.of(ItemKind::Column).find(numbers).map(|item| item.name.as_str())
    }
}

/// Without `AUTO_INCREMENT=n`: where it stands is a position.
pub(super) fn without_position(options: &str) -> String {
    let all = tokens(Engine::MySql, options);
    let mut out = String::new();
    let mut at = 0;
    while let Some(token) = all.get(at) {
        if token.is_word("AUTO_INCREMENT") && all.get(at + 1).is_some_and(|t| t.is("=")) {
            at += 3;
            if matches!(all.get(at), Some(Token::Space(_))) {
                at += 1;
            }
            continue;
        }
        out.push_str(token.text());
        at += 1;
    }
    out.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_is_cut_at_its_own_commas() {
        let create = parse(
            "CREATE TABLE `t` (\n  `a` enum('x, (y','z') NOT NULL AUTO_INCREMENT COMMENT 'KEY, (',\n  \
             `b` int DEFAULT (coalesce(1,2)),\n  PRIMARY KEY (`a`),\n  UNIQUE KEY `u` (`b`,`a`),\n  \
             FULLTEXT KEY `f` (`a`),\n  CONSTRAINT `c` FOREIGN KEY (`b`) REFERENCES `o`.`p` (`id`),\n  \
             CONSTRAINT `k` CHECK ((`b` > 1))\n) ENGINE=InnoDB AUTO_INCREMENT=7 DEFAULT CHARSET=utf8mb4",
        )
        .unwrap();
        let told: Vec<(ItemKind, &str, Option<&str>)> =
            create.items.iter().map(|i| (i.kind, i.name.as_str(), i.first.as_deref())).collect();
        assert_eq!(
            told,
            [
                (ItemKind::Column, "a", None),
                (ItemKind::Column, "b", None),
                (ItemKind::PrimaryKey, "", Some("a")),
                (ItemKind::UniqueKey, "u", Some("b")),
                (ItemKind::Key, "f", Some("a")),
                (ItemKind::ForeignKey, "c", Some("p")),
                (ItemKind::Check, "k", None),
            ]
        );
        assert_eq!(create.auto_increment(), Some("a"));
        assert_eq!(without_position(&create.options), "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4");
    }
}
