//! Looking at both ends before anything is done.

use std::sync::Arc;

use switchback_engines::{Endpoint, StreamName, Table, TableRef, connect_endpoint};

use super::error::{Error, Obstacles, Result};
use super::request::{Accept, Ends, Parts, Request};
use super::tables;
use crate::check::{self, CheckOptions, Checked, End, Grade, Report};
use crate::structure::{self, StructurePlan};

/// Both ends, and what is moved between them.
pub(super) struct Opened {
    pub(super) source: Arc<dyn Endpoint>,
    pub(super) target: Arc<dyn Endpoint>,
    pub(super) chosen: Vec<TableRef>,
}

/// Checks what a task would need, and plans its structure, without beginning it.
///
/// # Errors
/// When an end can't be opened or read; what stands in the way is no error here.
pub async fn inspect(ends: &Ends, request: &Request) -> Result<Obstacles> {
    let opened = open(ends, request, None).await?;
    look(ends, request, &opened, &|_| {}).await
}

/// `chosen`: the tables, where that was decided before.
pub(super) async fn open(ends: &Ends, request: &Request, chosen: Option<Vec<TableRef>>) -> Result<Opened> {
    let connecting = |end, url| async move {
        connect_endpoint(url, &ends.connect).await.map_err(|source| Error::Connect { end, source })
    };
    let source = connecting(End::Source, &ends.source).await?;
    let target = connecting(End::Target, &ends.target).await?;
    let chosen = match chosen {
        Some(chosen) => chosen,
        None => tables::choose(source.as_ref(), request).await?,
    };
    Ok(Opened { source, target, chosen })
}

pub(super) async fn look(
    ends: &Ends,
    request: &Request,
    opened: &Opened,
    doing: &(dyn Fn(&str) + Sync),
) -> Result<Obstacles> {
    doing("checking both ends");
    let (source, target) = (opened.source.as_ref(), opened.target.as_ref());
    let engines = (source.info().engine, target.info().engine);
    let targets = tables::targets(target, request, &opened.chosen, engines).await?;
    let there = |tables: Vec<Option<Table>>| tables.into_iter().flatten().collect::<Vec<_>>();
    let sources = there(tables::described(End::Source, source, &opened.chosen).await?);
    let targets = there(tables::described(End::Target, target, &targets).await?);
    let is_followed = request.parts == Parts::FullAndIncremental;
    let options = CheckOptions {
        follow: request.check.follow && is_followed,
        rollback: request.check.rollback && is_followed,
        structure: request.create,
        ..request.check
    };
    let streams: Vec<StreamName> = [request.name.clone()].into_iter().chain(request.way_back()).collect();
    let of = |endpoint, tables| Checked { endpoint, tables, streams: &streams };
    let report = check::check(of(source, &sources), of(target, &targets), options).await?;
    let plan = if request.create {
        doing("planning the structure");
        let options = tables::structure_options(request, &opened.chosen, engines);
        Some(structure::plan(source, &ends.source, target, &options).await?)
    } else {
        None
    };
    Ok(weighed(report, plan, &request.accept))
}

/// Counts what forbids the move, and what nobody has accepted.
fn weighed(report: Report, plan: Option<StructurePlan>, accept: &Accept) -> Obstacles {
    let failed = report.of(Grade::Fail).count();
    let warned = report.of(Grade::Warn).filter(|item| !accept.has(item.item)).count();
    let (conflicts, warnings) = plan.as_ref().map_or((0, 0), |plan| {
        let warnings = if accept.has(Accept::STRUCTURE) { 0 } else { plan.warnings.len() };
        (plan.conflicts.len(), warnings)
    });
    Obstacles { report, plan, failures: failed + conflicts, warnings: warned + warnings }
}
