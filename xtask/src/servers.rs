//! `cargo xtask servers`, and the servers of `cargo xtask test`.

use std::env;

use anyhow::Context as _;
use switchback_fixtures::{Family, Kind, Server, Side};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use crate::setup;

/// Servers for every family and side. The tests find them through variables.
pub(crate) struct Servers {
    /// Dropping them ends them.
    started: Vec<Server>,
    /// Name and URL.
    pub(crate) variables: Vec<(String, String)>,
}

impl Servers {
    /// Sets up and starts what the environment does not name already.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let wanted: Vec<(Family, Side)> = Family::ALL
            .into_iter()
            .flat_map(|family| Side::ALL.map(|side| (family, side)))
            .filter(|(family, side)| env::var_os(family.variable(*side)).is_none_or(|url| url.is_empty()))
            .collect();
        let kinds: Vec<Kind> =
            Kind::ALL.into_iter().filter(|kind| wanted.iter().any(|(f, s)| f.kind(*s) == *kind)).collect();
        setup::install(&kinds)?;

        let mut starting = JoinSet::new();
        for (family, side) in wanted {
            starting.spawn(async move { (family, side, Server::start(family.kind(side)).await) });
        }
        let mut servers = Self { started: Vec::new(), variables: Vec::new() };
        while let Some(started) = starting.join_next().await {
            let (family, side, server) = started?;
            let server = server.with_context(|| format!("no {} for the tests", family.kind(side)))?;
            let database = if family == Family::Postgres { "postgres" } else { "" };
            servers.variables.push((family.variable(side), server.url(database)));
            servers.started.push(server);
        }
        servers.variables.sort();
        Ok(servers)
    }
}

/// Starts them, says where they are, and waits to be interrupted.
pub(crate) async fn run() -> anyhow::Result<()> {
    // Before the servers start, so that an interruption always ends them in order.
    let (mut interrupted, mut ended) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let servers = Servers::start().await?;
    for (name, url) in &servers.variables {
        println!("export {name}='{url}'");
    }
    eprintln!("{} servers are running; Ctrl-C ends them", servers.started.len());
    tokio::select! {
        _ = interrupted.recv() => {}
        _ = ended.recv() => {}
    }
    Ok(())
}
