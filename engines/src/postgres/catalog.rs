//! Tables, columns, keys and sizes from the system catalogs.
//!
//! A table is described by one statement, so that all of the description is of
//! one moment: between two, a column may be dropped and a key then point at
//! another. Views, foreign tables and sequences are no tables here, nor are
//! temporary tables and those that belong to an extension.
//!
//! Of a table with inheritance children only its own rows are meant, since each
//! child is a table of its own and its rows would be compared twice; of a
//! partitioned table all rows are, whatever its partitions are called.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use sqlx::postgres::PgConnection;

use super::fault;
use super::pool::Pool;
use super::scalar::scalar;
use super::type_tree::{NativeType, TypeTree};
use crate::engine::Engine;
use crate::error::{Error, QueryFault, Result};
use crate::own;
use crate::sql::POSTGRES_DOMAIN;
use crate::table::{Column, ForeignKey, Key, Table, TableRef};

const TABLES: &str = include_str!("tables.sql");
const DESCRIBE: &str = include_str!("describe.sql");

/// A table and whether it is partitioned, which decides how it is read.
#[derive(Debug)]
pub(super) struct Described {
    pub(super) table: Table,
    pub(super) partitioned: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Relation {
    partitioned: bool,
    money_scale: Option<u32>,
    row_estimate: Option<f64>,
    bytes_estimate: Option<f64>,
    columns: Option<Vec<Attribute>>,
    types: Option<Vec<NativeType>>,
    keys: Option<Vec<Index>>,
    foreign_keys: Option<Vec<Constraint>>,
    children: Option<Vec<TableRef>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Attribute {
    number: i16,
    name: String,
    native: String,
    domain: Option<String>,
    #[serde(rename = "type")]
    type_oid: i64,
    modifier: i32,
    not_null: bool,
    domain_not_null: bool,
    generated: bool,
    collation: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Index {
    name: String,
    primary: bool,
    columns: Vec<i16>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Constraint {
    columns: Vec<i16>,
    parent_schema: String,
    parent_name: String,
}

pub(super) async fn tables(pool: &Pool) -> Result<Vec<TableRef>> {
    let what = "listing the tables";
    let text: Option<String> = scalar(pool, what, TABLES.to_owned(), &[]).await?;
    let mut tables: Vec<TableRef> = parse(pool.location(), what, text.as_deref().unwrap_or("[]"))?;
    tables.retain(|table| !own::is_own(Engine::Postgres, table));
    tables.sort_unstable();
    Ok(tables)
}

/// `None` when there is no such table.
pub(super) async fn describe(pool: &Pool, table: &TableRef) -> Result<Option<Described>> {
    let Some(schema) = &table.schema else { return Ok(None) };
    let what = format!("describing `{table}`");
    let text: Option<String> = scalar(pool, &what, DESCRIBE.to_owned(), &[schema, &table.name]).await?;
    let Some(text) = text else { return Ok(None) };
    let relation: Relation = parse(pool.location(), &what, &text)?;
    Ok(Some(relation.into_described(table)))
}

/// The same in a session of the caller's own.
pub(super) async fn describe_in(
    session: &mut PgConnection,
    location: &str,
    table: &TableRef,
) -> Result<Option<Described>> {
    let Some(schema) = &table.schema else { return Ok(None) };
    let what = format!("describing `{table}`");
    let query = sqlx::query_scalar::<_, String>(DESCRIBE).persistent(false);
    let query = query.bind(schema.clone()).bind(table.name.clone());
    let text = query.fetch_optional(session).await.map_err(|e| fault::query(location, &what, e))?;
    let Some(text) = text else { return Ok(None) };
    let relation: Relation = parse(location, &what, &text)?;
    Ok(Some(relation.into_described(table)))
}

fn parse<T: DeserializeOwned>(location: &str, what: &str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|e| Error::Query {
        location: location.to_owned(),
        what: what.to_owned(),
        fault: QueryFault::Other,
        source: Box::new(e),
    })
}

impl Relation {
    fn into_described(self, name: &TableRef) -> Described {
        let attributes = self.columns.unwrap_or_default();
        let types = TypeTree::new(self.types.unwrap_or_default(), self.money_scale.unwrap_or(2));
        let (primary, unique): (Vec<Index>, Vec<Index>) =
            self.keys.unwrap_or_default().into_iter().partition(|index| index.primary);
        let foreign_keys = self.foreign_keys.unwrap_or_default();
        let table = Table {
            name: name.clone(),
            primary_key: primary.iter().find_map(|index| key(&attributes, index)),
            unique_keys: unique
                .iter()
                .filter(|index| !rests_on_a_domain(&attributes, index))
                .filter_map(|index| key(&attributes, index))
                .collect(),
            foreign_keys: foreign_keys.into_iter().filter_map(|f| f.into_foreign_key(&attributes)).collect(),
            row_estimate: estimate(self.row_estimate),
            bytes_estimate: estimate(self.bytes_estimate),
            children: self.children.unwrap_or_default(),
            columns: attributes.into_iter().map(|a| a.into_column(&types)).collect(),
        };
        Described { table, partitioned: self.partitioned }
    }
}

/// A sub-select without a row puts NULL into a column whose type is a NOT NULL
/// domain, as the manual of CREATE DOMAIN says: good enough to be told, not to
/// be a key.
fn rests_on_a_domain(attributes: &[Attribute], index: &Index) -> bool {
    attributes.iter().any(|a| index.columns.contains(&a.number) && a.domain_not_null && !a.not_null)
}

fn position(attributes: &[Attribute], number: i16) -> Option<usize> {
    attributes.iter().position(|a| a.number == number)
}

fn key(attributes: &[Attribute], index: &Index) -> Option<Key> {
    let columns = index.columns.iter().map(|&number| position(attributes, number)).collect::<Option<Vec<_>>>()?;
    Some(Key { name: index.name.clone(), columns })
}

impl Constraint {
    fn into_foreign_key(self, attributes: &[Attribute]) -> Option<ForeignKey> {
        let name = |&number: &i16| attributes.iter().find(|a| a.number == number).map(|a| a.name.clone());
        Some(ForeignKey {
            columns: self.columns.iter().map(name).collect::<Option<Vec<_>>>()?,
            parent: TableRef { schema: Some(self.parent_schema), name: self.parent_name },
        })
    }
}

impl Attribute {
    fn into_column(self, types: &TypeTree) -> Column {
        let logical = types.column(self.type_oid, self.modifier);
        let native = match self.domain {
            Some(domain) => format!("{}{POSTGRES_DOMAIN}{domain})", self.native),
            None => self.native,
        };
        Column {
            name: self.name,
            native,
            logical,
            nullable: !self.not_null && !self.domain_not_null,
            generated: self.generated,
            collation: self.collation,
        }
    }
}

/// The statistics are floating point, and no table has 2^53 rows.
fn estimate(number: Option<f64>) -> u64 {
    number.map_or(0, |n| n.max(0.0) as u64)
}
