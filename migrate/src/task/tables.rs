//! Which tables a task moves, and what each is on the target.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use switchback_engines::{Endpoint, Engine, Table, TableRef};
use switchback_replicate::TablePair;

use super::error::{Error, Result};
use super::request::{Request, TableRequest};
use crate::check::End;
use crate::structure::{self, ColumnRef, Rename, StructureOptions};

/// Of thousands of tables most of the time is spent waiting for the server.
const DESCRIBED_AT_ONCE: usize = 4;

/// The tables of the source that are asked for, by name.
pub(super) async fn choose(source: &dyn Endpoint, request: &Request) -> Result<Vec<TableRef>> {
    let all = source.tables().await.map_err(|source| Error::Catalog { end: End::Source, source })?;
    let missing = |what: String| Error::Tables {
        what,
        hint: "check the spelling; names are exact in case, and `schema.table` where it has a schema".to_owned(),
    };
    for pattern in request.include.iter().chain(&request.exclude) {
        if !all.iter().any(|table| pattern.matches(table)) {
            return Err(missing(format!("no table of the source is named `{pattern}`")));
        }
    }
    let is_chosen = |table: &&TableRef| {
        (request.include.is_empty() || request.include.iter().any(|pattern| pattern.matches(table)))
            && !request.exclude.iter().any(|pattern| pattern.matches(table))
    };
    let mut chosen: Vec<TableRef> = all.iter().filter(is_chosen).cloned().collect();
    chosen.sort();
    for named in &request.tables {
        match chosen.iter().filter(|table| is_named(table, &named.name)).count() {
            1 => {}
            0 => return Err(missing(format!("`{}` has settings and is no table that is moved", named.name))),
            n => return Err(missing(format!("`{}` has settings and is the name of {n} tables", named.name))),
        }
    }
    if chosen.is_empty() && request.parts != super::request::Parts::Structure {
        return Err(missing("the source has no table to move".to_owned()));
    }
    Ok(chosen)
}

/// What the structure is to be made of. Within an engine tables are made whole, and
/// columns that are not moved stay as they are made.
pub(super) fn structure_options(request: &Request, chosen: &[TableRef], ends: (Engine, Engine)) -> StructureOptions {
    let of_table = |table: &TableRef| {
        let ignored = settings(request, table).map_or(&[][..], |settings| &settings.ignore_columns);
        ignored.iter().map(|column| ColumnRef { table: table.clone(), column: column.clone() }).collect::<Vec<_>>()
    };
    let columns_left_out = if ends.0 == ends.1 { Vec::new() } else { chosen.iter().flat_map(of_table).collect() };
    let is_all = request.include.is_empty() && request.exclude.is_empty();
    StructureOptions {
        // What belongs to no table goes along when nothing was chosen.
        tables: if is_all { Vec::new() } else { chosen.to_vec() },
        exclude: Vec::new(),
        columns_left_out,
        rename: rename(request, chosen),
        existing: request.existing,
        definer: request.definer,
        roles: request.roles,
        pg_dump: None,
    }
}

fn rename(request: &Request, chosen: &[TableRef]) -> Rename {
    let renamed = |table: &TableRef| {
        let target = settings(request, table)?.target.as_deref()?;
        Some((table.clone(), parsed(target)))
    };
    Rename { schemas: request.schemas.clone(), tables: chosen.iter().filter_map(renamed).collect() }
}

/// What a table of the source is on the target.
pub(super) fn target_of(request: &Request, chosen: &[TableRef], ends: (Engine, Engine), table: &TableRef) -> TableRef {
    structure::target_table(ends.0, ends.1, &rename(request, chosen), table)
}

/// What was chosen, as the source has it now.
pub(super) async fn described(end: End, endpoint: &dyn Endpoint, tables: &[TableRef]) -> Result<Vec<Option<Table>>> {
    let describing = tables.iter().map(|table| endpoint.describe(table));
    let described = stream::iter(describing).buffered(DESCRIBED_AT_ONCE).try_collect().await;
    described.map_err(|source| Error::Catalog { end, source })
}

/// The tables that are moved, each with the target's.
pub(super) async fn pairs(
    source: &dyn Endpoint,
    target: &dyn Endpoint,
    request: &Request,
    chosen: &[TableRef],
) -> Result<Vec<TablePair>> {
    let engines = (source.info().engine, target.info().engine);
    let there = targets(target, request, chosen, engines).await?;
    let gone = |end: End, table: &TableRef| Error::Tables {
        what: format!("the {end} has no table `{table}`"),
        hint: "make it, or leave it out of a new task".to_owned(),
    };
    let mut pairs = Vec::with_capacity(chosen.len());
    let origins = described(End::Source, source, chosen).await?;
    let sinks = described(End::Target, target, &there).await?;
    for (i, (origin, sink)) in origins.into_iter().zip(sinks).enumerate() {
        let (Some(name), Some(other)) = (chosen.get(i), there.get(i)) else { continue };
        let origin = origin.ok_or_else(|| gone(End::Source, name))?;
        let sink = sink.ok_or_else(|| gone(End::Target, other))?;
        let settings = settings(request, name).cloned().unwrap_or_default();
        pairs.push(TablePair {
            renamed: settings.rename_columns,
            ignored: settings.ignore_columns,
            equality: settings.equality,
            ..TablePair::new(origin, sink)
        });
    }
    Ok(pairs)
}

/// The target's names, in the order of `chosen`. MySQL's are in the database that is
/// connected to, whose name the catalog knows.
pub(super) async fn targets(
    target: &dyn Endpoint,
    request: &Request,
    chosen: &[TableRef],
    engines: (Engine, Engine),
) -> Result<Vec<TableRef>> {
    let listed: BTreeSet<TableRef> =
        target.tables().await.map_err(|source| Error::Catalog { end: End::Target, source })?.into_iter().collect();
    let found = |table: &TableRef| {
        let wanted = target_of(request, chosen, engines, table);
        let same =
            listed.iter().find(|t| t.name == wanted.name && (wanted.schema.is_none() || t.schema == wanted.schema));
        same.cloned().unwrap_or(wanted)
    };
    Ok(chosen.iter().map(found).collect())
}

fn settings<'a>(request: &'a Request, table: &TableRef) -> Option<&'a TableRequest> {
    request.tables.iter().find(|settings| is_named(table, &settings.name))
}

fn is_named(table: &TableRef, name: &str) -> bool {
    table.name == name || table.to_string() == name
}

/// `schema.table`, or a table in the schema that it would have anyway.
fn parsed(name: &str) -> TableRef {
    match name.split_once('.') {
        Some((schema, table)) => TableRef { schema: Some(schema.to_owned()), name: table.to_owned() },
        None => TableRef { schema: None, name: name.to_owned() },
    }
}
