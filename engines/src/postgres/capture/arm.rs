//! Making slot and publication, and removing them.
//!
//! The publication is first, because the slot reads the catalog as it was at
//! each change, and a publication that was not there yet is an error for ever.
//! Both are made under a lock of the stream's own, so that two who arm at once
//! don't undo each other's half. What an arming that was cut off has left is
//! undone by the next one.

use serde::Deserialize;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;

use super::super::connect::Connector;
use super::super::position::Lsn;
use super::super::{catalog, fault};
use super::relation::Captured;
use super::slot::{self, Identity, Memory, State, refuse};
use super::{EVICTION, POLL, wire};
use crate::capture::{Armed, CaptureRequest, StreamName};
use crate::change::Position;
use crate::engine::Engine;
use crate::error::{CaptureFault, Error, QueryFault, Result};
use crate::sql;
use crate::table::{Table, TableRef};

const FACTS: &str = include_str!("facts.sql");

/// Statements that change tables queue everybody else behind them while they
/// wait.
const LOCK_TIMEOUT: &str = "SET lock_timeout = '10s'";

/// A slot is made once every transaction has ended that is open now.
const SLOT_TIMEOUT: &str = "SET lock_timeout = '10min'";

const VERSION_WITH_FAILOVER: u32 = 170_000;

/// A session that may change the database.
struct Session<'a> {
    connection: PgConnection,
    location: &'a str,
    /// Of the publication.
    name: String,
}

/// What the server says of itself and of a table's relations.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    wal_level: String,
    slots_free: i64,
    senders_free: i64,
    relations: Option<Vec<RelationFacts>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RelationFacts {
    /// Which of the tables that were asked for it is, or is a partition of.
    place: usize,
    schema: String,
    name: String,
    kind: String,
    persistence: String,
    identity: String,
    /// Whether it is the table itself.
    root: bool,
    /// Whether another publication holds it.
    shared: bool,
}

pub(in super::super) async fn arm(connector: &Connector, request: &CaptureRequest) -> Result<Armed> {
    let location = connector.location();
    for table in &request.tables {
        Captured::new(location, table)?;
    }
    let mut session = Session::open(connector, &request.stream).await?;
    let state = session.state().await?;
    let names: Vec<TableRef> = request.tables.iter().map(|table| table.name.clone()).collect();
    let facts = session.facts(&names).await?;
    session.check_server(&state, &facts)?;
    session.check_tables(connector, request, &facts).await?;
    // That the account may stream at all, before anything is changed.
    let config = wire::config(connector, &state.slot_name, &session.name, Lsn(0))?;
    drop(wire::open(connector, config).await?);
    let mut done = session.undo_half(&state).await?;

    let restore = identities_to_change(&request.tables, &facts);
    done.extend(session.publish(request, &restore).await?);
    let memory = Memory { armed_at: None, restore };
    match session.make_slot(&state, &memory).await {
        Ok(mut armed) => {
            done.append(&mut armed.done);
            Ok(Armed { done, ..armed })
        }
        Err(error) => {
            // The first error counts; the next arming looks after what is left.
            let _ = session.unpublish(&memory).await;
            Err(error)
        }
    }
}

pub(in super::super) async fn disarm(connector: &Connector, request: &CaptureRequest) -> Result<Vec<String>> {
    let mut session = Session::open(connector, &request.stream).await?;
    let state = session.state().await?;
    let mut done = Vec::new();
    if state.slot.is_some() {
        done.push(session.drop_slot(&state).await?);
    }
    if let Some(publication) = &state.publication {
        done.extend(session.unpublish(&publication.memory().unwrap_or_default()).await?);
    }
    Ok(done)
}

/// What each relation's replica identity was that can't stay as it is.
fn identities_to_change(tables: &[Table], facts: &Facts) -> Vec<Identity> {
    let relations = facts.relations.as_deref().unwrap_or_default();
    let root = |place: usize| relations.iter().find(|r| r.place == place && r.root).map(|r| r.identity.as_str());
    let insufficient = |relation: &&RelationFacts| {
        let keyed = tables.get(relation.place).is_some_and(|table| table.primary_key.is_some());
        match (relation.identity.as_str(), root(relation.place)) {
            ("n", _) => true,
            // A partition is identified as its table is said to be.
            ("d", Some("f")) => !relation.root,
            ("d", _) => !keyed,
            _ => false,
        }
    };
    let identity = |relation: &RelationFacts| Identity {
        schema: relation.schema.clone(),
        name: relation.name.clone(),
        was: relation.identity.clone(),
    };
    relations.iter().filter(insufficient).map(identity).collect()
}

impl Identity {
    fn table(&self) -> TableRef {
        TableRef { schema: Some(self.schema.clone()), name: self.name.clone() }
    }

    fn sql(&self) -> String {
        sql::table(Engine::Postgres, &self.table())
    }
}

impl<'a> Session<'a> {
    async fn open(connector: &'a Connector, stream: &StreamName) -> Result<Self> {
        let connection = connector.open().await?;
        let mut session = Self { connection, location: connector.location(), name: slot::name(stream) };
        session.run("preparing the session", "SET default_transaction_read_only = off").await?;
        session.run("preparing the session", LOCK_TIMEOUT).await?;
        // Held until the session ends, which the server notices a moment after
        // we have closed it.
        let lock = format!("SELECT pg_advisory_lock(hashtextextended({}, 0))", sql::quoted(&session.name));
        match sqlx::raw_sql(AssertSqlSafe(lock)).execute(&mut session.connection).await {
            Ok(_) => {}
            Err(sqlx::Error::Database(e)) if e.code().as_deref() == Some("55P03") => {
                return Err(session.refuse(CaptureFault::AlreadyArmed, "somebody else is arming or disarming it now"));
            }
            Err(e) => return Err(session.failed("locking the stream", e)),
        }
        Ok(session)
    }

    async fn state(&mut self) -> Result<State> {
        State::read(&mut self.connection, self.location, &self.name).await
    }

    async fn facts(&mut self, names: &[TableRef]) -> Result<Facts> {
        let what = "looking at the tables";
        let names = serde_json::to_string(names).map_err(|e| self.other(what, Box::new(e)))?;
        let query = sqlx::query_scalar::<_, String>(FACTS).persistent(false).bind(names).bind(self.name.clone());
        let text = query.fetch_one(&mut self.connection).await.map_err(|e| self.failed(what, e))?;
        serde_json::from_str(&text).map_err(|e| self.other(what, Box::new(e)))
    }

    fn check_server(&self, state: &State, facts: &Facts) -> Result<()> {
        let armed = state.publication.as_ref().is_some_and(|p| p.memory().is_none_or(|m| m.armed_at.is_some()));
        if armed || (state.slot.is_some() && state.publication.is_none()) {
            let why = format!("there is a publication `{}` or a slot `{}` already", self.name, state.slot_name);
            return Err(self.refuse(CaptureFault::AlreadyArmed, &why));
        }
        if state.standby {
            return Err(self.refuse(CaptureFault::Unfaithful, "the server is a standby: use its primary"));
        }
        if facts.wal_level != "logical" {
            let why =
                format!("wal_level is {} and has to be logical (set it, and restart the server)", facts.wal_level);
            return Err(self.refuse(CaptureFault::Unfaithful, &why));
        }
        // What an arming that was cut off has left will be free.
        if facts.slots_free + i64::from(state.slot.is_some()) < 1 {
            return Err(self.refuse(CaptureFault::Unfaithful, "all slots are taken: raise max_replication_slots"));
        }
        if facts.senders_free < 1 {
            return Err(self.refuse(CaptureFault::Unfaithful, "all WAL senders are taken: raise max_wal_senders"));
        }
        Ok(())
    }

    async fn check_tables(&mut self, connector: &Connector, request: &CaptureRequest, facts: &Facts) -> Result<()> {
        let relations = facts.relations.as_deref().unwrap_or_default();
        for (place, table) in request.tables.iter().enumerate() {
            if !relations.iter().any(|r| r.place == place && r.root) {
                return Err(self.refuse(CaptureFault::SchemaChanged, &format!("there is no table `{}`", table.name)));
            }
            let described = catalog::describe_in(&mut self.connection, connector.location(), &table.name).await?;
            if described.is_none_or(|d| d.table.columns != table.columns || d.table.primary_key != table.primary_key) {
                let why = format!("`{}` is not as it was described", table.name);
                return Err(self.refuse(CaptureFault::SchemaChanged, &why));
            }
        }
        for relation in relations {
            let name = format!("{}.{}", relation.schema, relation.name);
            if relation.persistence != "p" {
                return Err(
                    self.refuse(CaptureFault::Unfaithful, &format!("`{name}` is unlogged, so the log has none of it"))
                );
            }
            if relation.kind == "f" {
                return Err(
                    self.refuse(CaptureFault::Unfaithful, &format!("the partition `{name}` is a foreign table"))
                );
            }
        }
        Ok(())
    }

    /// Removes what an arming that was cut off has made.
    async fn undo_half(&mut self, state: &State) -> Result<Vec<String>> {
        let Some(publication) = &state.publication else { return Ok(Vec::new()) };
        if state.slot.is_some() {
            self.drop_slot(state).await?;
        }
        self.unpublish(&publication.memory().unwrap_or_default()).await?;
        Ok(vec!["removed what an arming that was cut off had left".to_owned()])
    }

    /// Makes the publication, and has every table say of which row a change is.
    async fn publish(&mut self, request: &CaptureRequest, restore: &[Identity]) -> Result<Vec<String>> {
        let mut done = Vec::new();
        // All in one message, and so in one transaction.
        let mut script = String::new();
        for identity in restore {
            script.push_str(&format!("ALTER TABLE ONLY {} REPLICA IDENTITY FULL;\n", identity.sql()));
            done.push(format!("set REPLICA IDENTITY FULL on `{}`: it has no primary key", identity.table()));
        }
        let tables: Vec<String> =
            request.tables.iter().map(|t| format!("ONLY {}", sql::table(Engine::Postgres, &t.name))).collect();
        let tables = if tables.is_empty() { String::new() } else { format!(" FOR TABLE {}", tables.join(", ")) };
        let name = self.quoted_name();
        script.push_str(&format!(
            "CREATE PUBLICATION {name}{tables} WITH (publish = 'insert, update, delete, truncate', \
             publish_via_partition_root = true);\n"
        ));
        script.push_str(&self.remember(&Memory { armed_at: None, restore: restore.to_vec() }));
        self.run("making the publication", &script).await?;
        done.push(format!("made the publication `{}` for {} tables", self.name, request.tables.len()));
        Ok(done)
    }

    async fn make_slot(&mut self, state: &State, memory: &Memory) -> Result<Armed> {
        let what = "making the replication slot";
        self.run(what, SLOT_TIMEOUT).await?;
        let version = self.connection.server_version_num().unwrap_or(0);
        let failover = if version >= VERSION_WITH_FAILOVER { ", failover => true" } else { "" };
        let statement = format!(
            "SELECT lsn::text FROM pg_create_logical_replication_slot({}, 'pgoutput'{failover})",
            sql::quoted(&state.slot_name)
        );
        let query = sqlx::query_scalar::<_, String>(AssertSqlSafe(statement)).persistent(false);
        let lsn = query.fetch_one(&mut self.connection).await.map_err(|e| self.failed(what, e))?;
        let memory = Memory { armed_at: Some(lsn.clone()), ..memory.clone() };
        let comment = self.remember(&memory);
        if let Err(error) = self.run(what, &comment).await {
            let _ = self.drop_slot(state).await;
            return Err(error);
        }
        Ok(Armed {
            incarnation: state.incarnation(&lsn),
            done: vec![format!("made the replication slot `{}` at {lsn}", state.slot_name)],
            position: Position(lsn),
        })
    }

    fn remember(&self, memory: &Memory) -> String {
        let json = serde_json::to_string(memory).unwrap_or_default();
        format!("COMMENT ON PUBLICATION {} IS {}", self.quoted_name(), sql::quoted(&json))
    }

    async fn drop_slot(&mut self, state: &State) -> Result<String> {
        let what = "dropping the replication slot";
        let deadline = tokio::time::Instant::now() + EVICTION;
        // Its reader needs a moment to end.
        while let Some(slot) = self.state().await?.slot {
            if slot::evict(&mut self.connection, self.location, &slot).await? {
                if tokio::time::Instant::now() > deadline {
                    return Err(self.other(what, "the session that reads it does not end".into()));
                }
                tokio::time::sleep(POLL).await;
                continue;
            }
            let statement = format!("SELECT pg_drop_replication_slot({})", sql::quoted(&state.slot_name));
            match sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut self.connection).await {
                Ok(_) => break,
                // Somebody has come back in between.
                Err(sqlx::Error::Database(e)) if e.code().as_deref() == Some("55006") => {}
                Err(e) => return Err(self.failed(what, e)),
            }
        }
        Ok(format!("dropped the replication slot `{}`", state.slot_name))
    }

    /// Drops the publication and gives the tables their replica identities back,
    /// except where another publication may need them as they are.
    async fn unpublish(&mut self, memory: &Memory) -> Result<Vec<String>> {
        let mut done = Vec::new();
        let tables: Vec<TableRef> = memory.restore.iter().map(Identity::table).collect();
        let relations = self.facts(&tables).await?.relations.unwrap_or_default();
        let mut script = String::new();
        for (place, identity) in memory.restore.iter().enumerate() {
            match relations.iter().find(|r| r.place == place && r.root) {
                Some(now) if now.identity == "f" && !now.shared => {
                    let was = if identity.was == "n" { "NOTHING" } else { "DEFAULT" };
                    script.push_str(&format!("ALTER TABLE ONLY {} REPLICA IDENTITY {was};\n", identity.sql()));
                    done.push(format!("set REPLICA IDENTITY {was} on `{}` again", identity.table()));
                }
                Some(now) if now.shared => {
                    done.push(format!(
                        "left REPLICA IDENTITY FULL on `{}`: another publication holds it",
                        identity.table()
                    ));
                }
                Some(_) | None => {}
            }
        }
        script.push_str(&format!("DROP PUBLICATION {}", self.quoted_name()));
        self.run("dropping the publication", &script).await?;
        done.push(format!("dropped the publication `{}`", self.name));
        Ok(done)
    }

    fn quoted_name(&self) -> String {
        sql::name(Engine::Postgres, &self.name)
    }

    async fn run(&mut self, what: &str, script: &str) -> Result<()> {
        let ran = sqlx::raw_sql(AssertSqlSafe(script.to_owned())).execute(&mut self.connection).await;
        ran.map(|_| ()).map_err(|e| self.failed(what, e))
    }

    fn failed(&self, what: &str, error: sqlx::Error) -> Error {
        match &error {
            sqlx::Error::Database(e) if e.code().as_deref() == Some("42501") => {
                let why = format!("{what} was refused: {}", e.message());
                self.refuse(CaptureFault::Denied, &why)
            }
            _ => fault::query(self.location, what, error),
        }
    }

    fn refuse(&self, fault: CaptureFault, why: &str) -> Error {
        refuse(fault, why.to_owned()).at(self.location)
    }

    fn other(&self, what: &str, source: crate::error::Cause) -> Error {
        Error::Query { location: self.location.to_owned(), what: what.to_owned(), fault: QueryFault::Other, source }
    }
}
