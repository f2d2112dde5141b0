//! The closed set of engines.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A family of servers that share a protocol, a catalog and a dialect.
///
/// Every decision that depends on the engine is an exhaustive `match` without a
/// catch-all arm, so that a new engine fails to compile wherever a decision is
/// due. MariaDB is a [`Flavor`] of `MySql`, probed at connect: it differs in
/// details, not in kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    Postgres,
    MySql,
    SqlServer,
    MongoDb,
    Sqlite,
}

impl Engine {
    /// The name a person reads.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::MySql => "MySQL",
            Self::SqlServer => "SQL Server",
            Self::MongoDb => "MongoDB",
            Self::Sqlite => "SQLite",
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which server of a family answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Flavor {
    /// The server the family is named after.
    Original,
    /// MariaDB, which speaks MySQL's protocol.
    MariaDb,
}

/// What a server said of itself when we connected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerInfo {
    pub engine: Engine,
    pub flavor: Flavor,
    /// The version as the server prints it, for example `15.18` or
    /// `10.11.19-MariaDB`.
    pub version: String,
    /// Where it is, without user or password: `host:port/database` or a path.
    pub location: String,
}

impl ServerInfo {
    /// The product's name: `MariaDB` rather than `MySQL` where it applies.
    #[must_use]
    pub fn product(&self) -> &'static str {
        match self.flavor {
            Flavor::MariaDb => "MariaDB",
            Flavor::Original => self.engine.name(),
        }
    }
}

impl fmt::Display for ServerInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} at {}", self.product(), self.version, self.location)
    }
}
