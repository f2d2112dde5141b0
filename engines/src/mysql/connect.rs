//! Opening connections, and pinning what a session means.

use std::time::Duration;

use super::fault::connect_error;
use super::login::Login;
use super::pool::Pool;
use super::wire::connection::Grid;
use super::wire::handshake::Purpose;
use super::wire::tls::Tls;
use super::wire::{Connection, WireError};
use crate::database::ConnectOptions;
use crate::engine::{Engine, Flavor, ServerInfo};
use crate::error::Result;
use crate::url::DatabaseUrl;

/// Opens connections to one database.
pub(super) struct Opener {
    login: Login,
    tls: Tls,
    timeout: Duration,
    pub(super) location: String,
}

/// What a server says of itself.
pub(super) struct Greeted {
    pub(super) info: ServerInfo,
    /// The database by the name it has in the catalog.
    pub(super) database: String,
    pub(super) pool: Pool,
}

/// Opens a first connection and asks who is there.
pub(super) async fn connect(url: &DatabaseUrl, options: &ConnectOptions) -> Result<Greeted> {
    let login = Login::parse(url)?;
    let tls = Tls::new(login.tls_mode, login.authorities.as_deref(), &login.host)?;
    let location = url.location().to_owned();
    let opener = Opener { login, tls, timeout: options.connect_timeout, location: location.clone() };
    let (connection, server) = opener.open_and_ask().await?;
    let info = ServerInfo { engine: Engine::MySql, flavor: server.flavor, version: server.version, location };
    Ok(Greeted { info, database: server.database, pool: Pool::new(opener, options.connections_max, connection) })
}

/// The answer to [`ASK`].
struct Server {
    flavor: Flavor,
    version: String,
    database: String,
    statement_bytes_max: usize,
}

impl Opener {
    pub(super) async fn open(&self) -> Result<Connection> {
        Ok(self.open_and_ask().await?.0)
    }

    /// A connection whose session is not pinned; who opens it does that.
    pub(super) async fn open_for(&self, purpose: Purpose<'_>) -> Result<Connection> {
        self.in_time(async { Ok(self.greet(purpose).await?.0) }).await
    }

    async fn open_and_ask(&self) -> Result<(Connection, Server)> {
        self.in_time(async {
            let (connection, server) = self.greet(Purpose::READING).await?;
            Ok((self.pin(connection, server.flavor).await?, server))
        })
        .await
    }

    async fn in_time<T>(&self, opening: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::time::timeout(self.timeout, opening)
            .await
            .unwrap_or_else(|_| Err(connect_error(&self.location, WireError::Io(std::io::ErrorKind::TimedOut.into()))))
    }

    async fn greet(&self, purpose: Purpose<'_>) -> Result<(Connection, Server)> {
        let failed = |e| connect_error(&self.location, e);
        let mut connection = Connection::open(&self.login, &self.tls, purpose).await.map_err(failed)?;
        let server = Server::parse(&connection.query(ASK).await.map_err(failed)?)
            .ok_or_else(|| failed(WireError::Protocol("it doesn't say which version it is")))?;
        connection.set_statement_bytes_max(server.statement_bytes_max);
        Ok((connection, server))
    }

    /// Makes a session mean what we think it means, whatever the server's own
    /// settings are.
    async fn pin(&self, mut connection: Connection, flavor: Flavor) -> Result<Connection> {
        let own = match flavor {
            Flavor::Original => PIN_MYSQL,
            Flavor::MariaDb => PIN_MARIADB,
        };
        for statement in PIN.iter().chain(own) {
            connection.query(statement).await.map_err(|e| connect_error(&self.location, e))?;
        }
        Ok(connection)
    }
}

const ASK: &str = "SELECT VERSION(), DATABASE(), @@max_allowed_packet";

impl Server {
    fn parse(grid: &Grid) -> Option<Self> {
        let [Some(version), Some(database), Some(bytes)] = grid.rows.first()?.as_slice() else {
            return None;
        };
        let flavor = if version.contains("MariaDB") { Flavor::MariaDb } else { Flavor::Original };
        Some(Self {
            flavor,
            version: version.clone(),
            database: database.clone(),
            statement_bytes_max: bytes.parse().ok()?,
        })
    }
}

/// What both servers know.
///
/// - `character_set_results`: text comes in its column's own character set and
///   [`super::types`] says for each column how it becomes UTF-8, because where
///   the server converts it writes `?` for what it can't.
/// - `time_zone`: `TIMESTAMP` is sent in the session's.
/// - `sql_mode`: none of the modes that change what is read
///   (`PAD_CHAR_TO_FULL_LENGTH`) or what a literal means (`ANSI_QUOTES`,
///   `NO_BACKSLASH_ESCAPES`); but a date that is on no calendar may be stored,
///   and has to be something a key can be compared with.
/// - `max_sort_length`: MariaDB orders by the first 1,024 bytes only, and calls
///   different keys different in an order that isn't theirs.
/// - The isolation: every statement sees one committed state of all tables.
const PIN: &[&str] = &[
    "SET NAMES utf8mb4",
    "SET SESSION character_set_results = NULL, time_zone = '+00:00', sql_mode = 'ALLOW_INVALID_DATES', \
     autocommit = 1, sql_auto_is_null = 0, sql_big_selects = 1, sql_select_limit = 18446744073709551615, \
     net_write_timeout = 3600, net_read_timeout = 3600, wait_timeout = 28800, lock_wait_timeout = 300, \
     max_sort_length = 8388608",
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
];

/// Statistics as they are now, not of yesterday; and a list of many keys is
/// looked up in the index, whatever memory that takes.
const PIN_MYSQL: &[&str] =
    &["SET SESSION max_execution_time = 0, information_schema_stats_expiry = 0, range_optimizer_max_mem_size = 0"];

/// A list of many keys is looked up in the index, and not turned into a join
/// with other rules for comparing. A table that keeps its history is read as it
/// is now, though the server be set to show the past; to `DEFAULT` sets the session
/// to the present and not to what the server is set to.
const PIN_MARIADB: &[&str] =
    &["SET SESSION max_statement_time = 0, in_predicate_conversion_threshold = 0, system_versioning_asof = DEFAULT"];
