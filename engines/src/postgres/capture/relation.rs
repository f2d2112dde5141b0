//! Whether a table in the log is the table that was described.
//!
//! The server says what a table looks like before its first change and again
//! after every change of its structure. It says types by number; how they are
//! called is asked once for each, in the words that a description has.

use std::collections::HashMap;

use serde::Deserialize;
use sqlx::postgres::PgConnection;
use tokio::task::JoinHandle;

use super::super::connect::Connector;
use super::super::fault;
use super::super::nested::Decoder;
use super::super::types;
use super::pgoutput::{Relation, RelationColumn};
use super::slot::{Found, refuse};
use crate::capture;
use crate::error::{CaptureFault, Cause, Error, QueryFault, Result};
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
    session: Option<PgConnection>,
    known: HashMap<TypeKey, Option<String>>,
    /// On its way. A task of its own, so that a caller who gives up in between
    /// finds it further along the next time, however little patience he has.
    asked: Option<JoinHandle<Asked>>,
}

type Asked = Result<(PgConnection, Vec<Answer>)>;

/// A type's number and modifier.
type TypeKey = (u32, i32);
type Answer = (TypeKey, Option<String>);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    native: String,
    domain: Option<String>,
}

impl Natives {
    pub(super) fn new(connector: Connector) -> Self {
        Self { connector, session: None, known: HashMap::new(), asked: None }
    }

    /// Makes sure that all types of `relation` are known. May be dropped before
    /// it is done, and called again with the same relation.
    pub(super) async fn learn(&mut self, relation: &Relation) -> Result<()> {
        let mut unknown: Vec<TypeKey> = relation.columns.iter().map(key).collect();
        unknown.retain(|key| !self.known.contains_key(key));
        if unknown.is_empty() {
            return Ok(());
        }
        let asked = match &mut self.asked {
            Some(asked) => asked,
            None => self.asked.insert(tokio::spawn(ask(self.connector.clone(), self.session.take(), unknown))),
        };
        let answered = asked.await;
        self.asked = None;
        let (session, answers) = match answered {
            Ok(answered) => answered?,
            Err(e) => return Err(unanswered(self.connector.location(), Box::new(e))),
        };
        self.session = Some(session);
        self.known.extend(answers);
        Ok(())
    }

    fn native(&self, column: &RelationColumn) -> &str {
        self.known.get(&key(column)).and_then(Option::as_deref).unwrap_or("a type that is gone")
    }
}

impl Drop for Natives {
    fn drop(&mut self) {
        if let Some(asked) = &self.asked {
            asked.abort();
        }
    }
}

fn key(column: &RelationColumn) -> TypeKey {
    (column.type_oid, column.modifier)
}

async fn ask(connector: Connector, session: Option<PgConnection>, keys: Vec<TypeKey>) -> Asked {
    let mut session = match session {
        Some(session) => session,
        None => connector.open().await?,
    };
    let location = connector.location();
    let list = |numbers: Vec<String>| format!("{{{}}}", numbers.join(","));
    let query = sqlx::query_scalar::<_, String>(NATIVES)
        .persistent(false)
        .bind(list(keys.iter().map(|(oid, _)| oid.to_string()).collect()))
        .bind(list(keys.iter().map(|(_, modifier)| modifier.to_string()).collect()));
    let text = query.fetch_one(&mut session).await.map_err(|e| fault::query(location, WHAT, e))?;
    let named: Vec<Option<Named>> = serde_json::from_str(&text).map_err(|e| unanswered(location, Box::new(e)))?;
    let native = |named: Named| match named.domain {
        Some(domain) => format!("{}{POSTGRES_DOMAIN}{domain})", named.native),
        None => named.native,
    };
    let answers = keys.into_iter().zip(named.into_iter().map(|named| named.map(native))).collect();
    Ok((session, answers))
}

fn unanswered(location: &str, source: Cause) -> Error {
    Error::Query { location: location.to_owned(), what: WHAT.to_owned(), fault: QueryFault::Other, source }
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
