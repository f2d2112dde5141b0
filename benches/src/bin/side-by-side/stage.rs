//! Two filled servers.
//!
//! Neither is durable: nothing is written while anything is measured.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use switchback_fixtures::{Family, Kind, Server};
use url::Url;

use crate::arguments::{Arguments, Pair};
use crate::say;
use switchback_benches::orders::{self, Drift};

/// Where two filled servers are: all that measuring needs to know of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stage {
    pub(crate) rows: u64,
    pub(crate) source: Place,
    pub(crate) target: Place,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// Names the account of a throw-away server, and switches TLS off: on the
    /// loopback it would measure the ciphers of two libraries.
    url: String,
    /// Of the server's first process.
    pub(crate) pid: u32,
    /// As the server's program says it.
    pub(crate) version: String,
    pub(crate) settings: Vec<String>,
}

impl Place {
    /// The URL of the database with this drift.
    pub(crate) fn url(&self, drift: Drift) -> Result<String> {
        let mut url = Url::parse(&self.url).context("a server's URL cannot be read")?;
        url.set_path(drift.database());
        Ok(url.into())
    }
}

/// The stages of some pairs, with the servers, when they are ours.
pub(crate) struct Stages {
    stages: Vec<([String; 2], Stage)>,
    /// Killed on drop.
    _servers: Vec<Server>,
}

/// What [`Stages::hold`] writes.
#[derive(Debug, Serialize, Deserialize)]
struct Held {
    stages: Vec<([String; 2], Stage)>,
}

impl Stages {
    /// Starts and fills what `pairs` need; pairs on the same servers share them.
    pub(crate) async fn start(pairs: &[Pair], arguments: &Arguments) -> Result<Self> {
        let mut all = Self { stages: Vec::new(), _servers: Vec::new() };
        for pair in pairs {
            if all.stages.iter().any(|(names, _)| *names == names_of(*pair)) {
                continue;
            }
            let rows = arguments.rows.unwrap_or(pair.rows());
            let [source, target] = pair.servers();
            let every_row = pairs.contains(&Pair::AllDifferent) && source.family() == target.family();
            let drifts: Vec<Drift> = Drift::ALL.into_iter().filter(|d| *d != Drift::EveryRow || every_row).collect();
            let (source, source_place) = fill(source, arguments.cache_mib, &[Drift::None], rows).await?;
            let (target, target_place) = fill(target, arguments.cache_mib, &drifts, rows).await?;
            all.stages.push((names_of(*pair), Stage { rows, source: source_place, target: target_place }));
            all._servers.extend([source, target]);
        }
        Ok(all)
    }

    /// Writes where the servers are, for [`Stages::attach`].
    pub(crate) fn hold(&self, file: &Path) -> Result<()> {
        let text = serde_json::to_vec_pretty(&Held { stages: self.stages.clone() })?;
        fs::write(file, text).context("cannot write where the servers are")
    }

    pub(crate) fn attach(file: &Path) -> Result<Self> {
        let text = fs::read(file).context("cannot read where the servers are")?;
        let Held { stages } = serde_json::from_slice(&text).context("cannot read where the servers are")?;
        Ok(Self { stages, _servers: Vec::new() })
    }

    pub(crate) fn of(&self, pair: Pair) -> Result<&Stage> {
        let found = self.stages.iter().find(|(names, _)| *names == names_of(pair));
        match found {
            Some((_, stage)) => Ok(stage),
            None => bail!("the servers that are held are not those of `{pair}`"),
        }
    }
}

fn names_of(pair: Pair) -> [String; 2] {
    pair.servers().map(|kind| format!("{kind:?}"))
}

async fn fill(kind: Kind, cache_mib: u64, drifts: &[Drift], rows: u64) -> Result<(Server, Place)> {
    let settings = settings(kind.family(), cache_mib);
    let mut builder = Server::builder(kind);
    for setting in &settings {
        builder = match kind.family() {
            Family::Postgres => builder.argument("-c").argument(setting),
            Family::MySql | Family::MariaDb => builder.argument(format!("--{setting}")),
        };
    }
    let server = builder.start().await.with_context(|| format!("cannot start {kind}"))?;
    for drift in drifts {
        say(&format!("{kind}: making `{}` with {rows} rows", drift.database()));
        server.create_database(drift.database()).await?;
        for statement in orders::make(kind.family(), *drift, rows) {
            server.execute(drift.database(), &statement).await.with_context(|| format!("cannot fill {kind}"))?;
        }
    }
    for drift in drifts {
        server
            .execute(drift.database(), &orders::warm(kind.family()))
            .await
            .with_context(|| format!("cannot warm {kind}"))?;
    }
    let (plain, pid) = (without_tls(kind.family()), server.pid().context("the server has ended")?);
    let url = format!("{}?{plain}", server.url(""));
    let place = Place { url, pid, version: server.version().to_owned(), settings };
    Ok((server, place))
}

fn settings(family: Family, cache_mib: u64) -> Vec<String> {
    match family {
        // No vacuum and no checkpoint in the middle of a measurement.
        Family::Postgres => vec![
            format!("shared_buffers={cache_mib}MB"),
            "maintenance_work_mem=512MB".to_owned(),
            "max_wal_size=16GB".to_owned(),
            "checkpoint_timeout=1h".to_owned(),
            "autovacuum=off".to_owned(),
        ],
        Family::MySql | Family::MariaDb => {
            vec![format!("innodb-buffer-pool-size={cache_mib}M"), "innodb-log-file-size=1G".to_owned()]
        }
    }
}

fn without_tls(family: Family) -> &'static str {
    match family {
        Family::Postgres => "sslmode=disable",
        Family::MySql | Family::MariaDb => "ssl-mode=DISABLED",
    }
}
