//! One state of the database for many readers.
//!
//! Each reader is a session with a transaction of its own that has taken up the
//! exported snapshot, so that the session which exported it is needed no longer
//! once all readers are there. They are opened at once and never replaced: what
//! was exported is gone by the time that one is lost.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use tokio::sync::mpsc;

use super::connect::Connector;
use super::copy::{self, Broken};
use super::{capture, fault, read};
use crate::batch::RawBatch;
use crate::change::Position;
use crate::database::ReadRequest;
use crate::engine::Engine;
use crate::error::Result;
use crate::snapshot::{Form, Readers, Snapshot, SnapshotRequest, Taken};
use crate::sql;
use crate::table::TableRef;

const WHAT: &str = "taking a snapshot";

pub(super) async fn take(connector: &Connector, request: &SnapshotRequest) -> Result<Taken> {
    let readers = request.readers.max(1);
    let mut sessions = Vec::with_capacity(readers);
    let position = match request.stream {
        Some(_) => {
            let exported = capture::export(connector).await?;
            for _ in 0..readers {
                sessions.push(reader(connector, Some(&exported.snapshot)).await?);
            }
            Some(Position(exported.lsn.to_string()))
        }
        None => {
            let mut first = reader(connector, None).await?;
            let query = sqlx::query_scalar::<_, String>("SELECT pg_export_snapshot()").persistent(false);
            let snapshot =
                query.fetch_one(&mut first).await.map_err(|e| fault::query(connector.location(), WHAT, e))?;
            sessions.push(first);
            while sessions.len() < readers {
                sessions.push(reader(connector, Some(&snapshot)).await?);
            }
            None
        }
    };
    let readers = Readers::new(connector.location().to_owned(), sessions);
    let snapshot = PostgresSnapshot { readers, partitioned: Mutex::default() };
    Ok(Taken { position, snapshot: Arc::new(snapshot) })
}

/// A session that sees the state and no other.
async fn reader(connector: &Connector, snapshot: Option<&str>) -> Result<PgConnection> {
    let mut connection = connector.open().await?;
    let mut script = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY".to_owned();
    if let Some(snapshot) = snapshot {
        script.push_str(&format!("; SET TRANSACTION SNAPSHOT {}", sql::quoted(snapshot)));
    }
    let begun = sqlx::raw_sql(AssertSqlSafe(script)).execute(&mut connection).await;
    begun.map_err(|e| fault::query(connector.location(), WHAT, e))?;
    Ok(connection)
}

struct PostgresSnapshot {
    readers: Readers<PgConnection>,
    partitioned: Mutex<HashMap<TableRef, bool>>,
}

impl PostgresSnapshot {
    /// How the table is named in a `FROM`, see [`read::from`].
    async fn from(&self, connection: &mut PgConnection, request: &ReadRequest<'_>) -> Result<String> {
        let name = &request.table.name;
        let known = self.partitioned.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied();
        let partitioned = match known {
            Some(partitioned) => partitioned,
            None => {
                let statement = "SELECT relkind = 'p' FROM pg_class WHERE oid = $1::text::regclass";
                let query = sqlx::query_scalar::<_, bool>(statement).persistent(false);
                let asked = query.bind(sql::table(Engine::Postgres, name)).fetch_one(connection).await;
                let partitioned =
                    asked.map_err(|e| fault::query(self.readers.location(), &format!("looking up `{name}`"), e))?;
                let mut all = self.partitioned.lock().unwrap_or_else(PoisonError::into_inner);
                all.insert(name.clone(), partitioned);
                partitioned
            }
        };
        Ok(read::from(request.table, partitioned))
    }
}

#[async_trait]
impl Snapshot for PostgresSnapshot {
    async fn read(&self, request: ReadRequest<'_>, form: Form, out: mpsc::Sender<RawBatch>) -> Result<u64> {
        let mut lent = self.readers.lend().await?;
        let connection = &mut lent.session;
        let from = self.from(connection, &request).await?;
        let what = format!("reading `{}`", request.table.name);
        let mut sent = 0;
        match copy::drain(connection, &read::select(&from, &request, form)?, &out, &mut sent).await {
            Ok(true) => {
                lent.give_back();
                Ok(sent)
            }
            Ok(false) => Ok(sent),
            Err(Broken::Driver(e)) => Err(fault::query(self.readers.location(), &what, e)),
            Err(Broken::Protocol(why)) => Err(copy::unreadable(self.readers.location(), &what, why)),
        }
    }

    fn readers(&self) -> usize {
        self.readers.count()
    }
}
