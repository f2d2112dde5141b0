//! The accounts of a task.

use std::collections::BTreeSet;
use std::sync::Arc;

use switchback_engines::{Endpoint, Engine};

use super::error::{Error, Result};
use super::inspect;
use super::request::{Ends, Parts, Request};
use super::tables;
use crate::accounts::{self, AccountRequest, Planned};
use crate::check::End;

/// Plans the account that a task needs at one of its ends. `ends` are opened as an
/// administrator. Returns the end too, which the plan is run at.
///
/// # Errors
/// When an end can't be opened, or be asked.
pub async fn plan_account(
    ends: &Ends,
    request: &Request,
    end: End,
    name: &str,
    host: &str,
) -> Result<(Arc<dyn Endpoint>, Planned)> {
    let opened = inspect::open(ends, request, None).await?;
    let engines = (opened.source.info().engine, opened.target.info().engine);
    let targets = tables::targets(opened.target.as_ref(), request, &opened.chosen, engines).await?;
    let endpoint = match end {
        End::Source => opened.source,
        End::Target => opened.target,
    };
    let is_all = request.include.is_empty() && request.exclude.is_empty();
    let is_there = match end {
        End::Source if is_all => None,
        End::Source => Some(opened.chosen),
        End::Target => {
            let there = endpoint.tables().await.map_err(|source| Error::Catalog { end, source })?;
            Some(targets.iter().filter(|table| there.contains(table)).cloned().collect())
        }
    };
    let schemas: BTreeSet<String> = match (end, endpoint.info().engine) {
        (End::Target, Engine::Postgres) => targets.into_iter().filter_map(|table| table.schema).collect(),
        _ => BTreeSet::new(),
    };
    let is_followed = request.parts == Parts::FullAndIncremental;
    let account = AccountRequest {
        follow: request.check.follow && is_followed,
        rollback: request.check.rollback && is_followed,
        structure: request.create,
        host: host.to_owned(),
        tables: is_there,
        schemas: schemas.into_iter().collect(),
        ..AccountRequest::new(end, name)
    };
    let planned = accounts::plan(endpoint.as_ref(), &account).await?;
    Ok((endpoint, planned))
}
