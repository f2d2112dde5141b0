//! Whether a table in the log is the table that was described.
//!
//! The server says what a table looks like before its first change and again
//! after every change of its structure. It says types by number; how they are
//! called is asked once for each, in the words that a description has.

use std::collections::HashMap;

use serde::Deserialize;
use sqlx::postgres::PgConnection;

use super::super::connect::Connector;
use super::super::fault;
use super::super::nested::Decoder;
use super::super::types;
use super::pgoutput::{Relation, RelationColumn};
use super::slot::{Found, refuse};
use crate::capture;
use crate::error::{CaptureFault, Error, QueryFault, Result};
use crate::sql::POSTGRES_DOMAIN;
use crate::table::{Column, Logical, Notation, Table};

const NATIVES: &str = include_str!("natives.sql");

const WHAT: &str = "looking up the types of a table that changed";

const NOTHING: u8 = b'n';
const DEFAULT: u8 = b'd';

/// A captured table: how its cells are read.
#[derive(Debug)]
pub(super) struct Captured {
    pub(super) name: String,
    pub(super) columns: Vec<CapturedColumn>,
}

#[derive(Debug)]
pub(super) struct CapturedColumn {
    pub(super) name: String,
    pub(super) decode: Decoder,
}

impl Captured {
    /// # Errors
    /// For a column whose values the log does not hold in a form that can be
    /// read as a read of the table gives them.
    pub(super) fn new(location: &str, table: &Table) -> Result<Self> {
        let column = |i: usize| {
            let column = &table.columns[i];
            if column.logical.as_ref().is_some_and(holds_object_names) {
                return Err(Error::Capture {
                    location: location.to_owned(),
                    fault: CaptureFault::Unfaithful,
                    why: format!(
                        "`{}`.`{}` is of the type {}, which the log has as a number that means nothing elsewhere",
                        table.name, column.name, column.native
                    ),
                });
            }
            let decode = types::logged_decoder(column).ok_or_else(|| Error::UnknownType {
                table: table.name.to_string(),
                column: column.name.clone(),
                native: column.native.clone(),
            })?;
            Ok(CapturedColumn { name: column.name.clone(), decode })
        };
        let columns = capture::columns(table).into_iter().map(column).collect::<Result<_>>()?;
        Ok(Self { name: table.name.to_string(), columns })
    }
}

fn holds_object_names(logical: &Logical) -> bool {
    match logical {
        Logical::Notation { kind } => *kind == Notation::ObjectName,
        Logical::Array { element } => holds_object_names(&element.logical),
        _ => false,
    }
}

/// How types are called, asked for when they first occur.
#[derive(Debug)]
pub(super) struct Natives {
    connector: Connector,
    /// Absent while it is used, so that one that was left in the middle of an
    /// answer is not used again.
    session: Option<PgConnection>,
    known: HashMap<(u32, i32), Option<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    native: String,
    domain: Option<String>,
}

impl Natives {
    pub(super) fn new(connector: Connector) -> Self {
        Self { connector, session: None, known: HashMap::new() }
    }

    /// Makes sure that all types of `relation` are known.
    pub(super) async fn learn(&mut self, relation: &Relation) -> Result<()> {
        let mut unknown: Vec<(u32, i32)> = relation.columns.iter().map(key).collect();
        unknown.retain(|key| !self.known.contains_key(key));
        if unknown.is_empty() {
            return Ok(());
        }
        let mut session = match self.session.take() {
            Some(session) => session,
            None => self.connector.open().await?,
        };
        let location = self.connector.location();
        let list = |numbers: Vec<String>| format!("{{{}}}", numbers.join(","));
        let query = sqlx::query_scalar::<_, String>(NATIVES)
            .persistent(false)
            .bind(list(unknown.iter().map(|(oid, _)| oid.to_string()).collect()))
            .bind(list(unknown.iter().map(|(_, modifier)| modifier.to_string()).collect()));
        let text = query.fetch_one(&mut session).await.map_err(|e| fault::query(location, WHAT, e))?;
        let named: Vec<Option<Named>> = serde_json::from_str(&text).map_err(|e| Error::Query {
            location: location.to_owned(),
            what: WHAT.to_owned(),
            fault: QueryFault::Other,
            source: Box::new(e),
        })?;
        let native = |named: Named| match named.domain {
            Some(domain) => format!("{}{POSTGRES_DOMAIN}{domain})", named.native),
            None => named.native,
        };
        self.known.extend(unknown.into_iter().zip(named.into_iter().map(|named| named.map(native))));
        self.session = Some(session);
        Ok(())
    }

    fn native(&self, column: &RelationColumn) -> &str {
        self.known.get(&key(column)).and_then(Option::as_deref).unwrap_or("a type that is gone")
    }
}

fn key(column: &RelationColumn) -> (u32, i32) {
    (column.type_oid, column.modifier)
}

/// Whether `relation` is `table`, its types having been learned.
pub(super) fn check(table: &Table, relation: &Relation, natives: &Natives) -> Found {
    let expected: Vec<&Column> = capture::columns(table).into_iter().map(|i| &table.columns[i]).collect();
    let found: Vec<(&str, &str)> = relation.columns.iter().map(|c| (c.name.as_str(), natives.native(c))).collect();
    let differences = differences(&expected, &found);
    if !differences.is_empty() {
        return Err(refuse(CaptureFault::SchemaChanged, format!("`{}` {}", table.name, differences.join("; "))));
    }
    identity(table, relation)
}

fn differences(expected: &[&Column], found: &[(&str, &str)]) -> Vec<String> {
    let mut differences = Vec::new();
    for column in expected {
        match found.iter().find(|(name, _)| *name == column.name) {
            None => differences.push(format!("has no column `{}` any more", column.name)),
            Some((_, native)) if *native != column.native => {
                differences.push(format!("has `{}` as {native}, which was {}", column.name, column.native));
            }
            Some(_) => {}
        }
    }
    for (name, native) in found {
        if !expected.iter().any(|column| column.name == *name) {
            differences.push(format!("has a new column `{name}` of the type {native}"));
        }
    }
    let moved = !expected.iter().map(|c| c.name.as_str()).eq(found.iter().map(|(name, _)| *name));
    if differences.is_empty() && moved {
        differences.push("has its columns in another order".to_owned());
    }
    differences
}

/// Whether the log says of which row a change is.
fn identity(table: &Table, relation: &Relation) -> Found {
    let keyed: Vec<&str> = relation.columns.iter().filter(|c| c.key).map(|c| c.name.as_str()).collect();
    let mut primary: Vec<&str> = Vec::new();
    for (i, column) in table.columns.iter().enumerate() {
        if table.primary_key.as_ref().is_some_and(|key| key.columns.contains(&i)) {
            primary.push(&column.name);
        }
    }
    let same = match relation.identity {
        NOTHING => false,
        DEFAULT => !keyed.is_empty() && keyed == primary,
        // All columns, or those of an index that somebody has chosen.
        _ => !keyed.is_empty() || relation.columns.is_empty(),
    };
    if same {
        return Ok(());
    }
    let words = |columns: &[&str]| if columns.is_empty() { "nothing".to_owned() } else { columns.join(", ") };
    let why = format!(
        "the rows of `{}` are identified by {} in the log, and by {} when the stream was armed",
        table.name,
        words(&keyed),
        words(&primary)
    );
    Err(refuse(CaptureFault::SchemaChanged, why))
}
