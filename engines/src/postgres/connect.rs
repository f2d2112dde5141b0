//! From a URL to a session whose settings are known.
//!
//! TLS is what libpq makes of the same URL: `sslmode` is `prefer` unless given,
//! `verify-full` is what to use over a network that is not one's own. Two things
//! are stricter here, because both would leave out a check that was asked for:
//! a CA (`sslrootcert`) is always used, and a parameter that is not known is an
//! error. Not supported are `sslmode=allow` (libpq: first without TLS) and a
//! list of hosts.
//!
//! A pooler in between has to keep a session on one server connection: with
//! PgBouncer's transaction pooling, the settings below would be made on one
//! connection and a table read on another.
//!
//! What the URL leaves open comes from libpq's environment variables (`PGUSER`,
//! `PGPASSWORD`, …) and password file.

use std::str::FromStr as _;
use std::sync::Once;
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use url::Url;

use super::fault;
use crate::error::{ConnectFault, Error, Result};
use crate::url::DatabaseUrl;

const APPLICATION_NAME: &str = "switchback";

const PORT: u16 = 5432;

/// PostgreSQL 14.
const VERSION_MIN: u32 = 140_000;
const VERSION_WITH_TRANSACTION_TIMEOUT: u32 = 170_000;

/// The parameters of a URL that have an effect.
const PARAMETERS: [&str; 14] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "sslcert",
    "sslkey",
    "sslmode",
    "user",
];
const ROOT_CERTIFICATE_PARAMETERS: [&str; 3] = ["sslrootcert", "ssl-root-cert", "ssl-ca"];

/// Apart and first, since the time runs for all statements of a message
/// together, and an account may have been given little.
const NO_TIMEOUT: &str = "SET statement_timeout = 0";

/// What must not depend on the server's, the database's or the role's settings:
/// how values and literals are spelled, which operators a name means, and that
/// no statement of ours is given up early or writes.
///
/// `row_security = off` makes the server refuse to read a table of which a
/// policy would hide rows, where it would otherwise leave them out silently.
/// `jit` is off since it pays for no statement of ours and costs each of them
/// some hundred milliseconds once a table is large.
const PIN: &str = "
    SET client_encoding = 'UTF8';
    SET TimeZone = 'UTC';
    SET DateStyle = 'ISO, YMD';
    SET IntervalStyle = 'postgres';
    SET extra_float_digits = 1;
    SET bytea_output = 'hex';
    SET standard_conforming_strings = on;
    SET quote_all_identifiers = off;
    SET transform_null_equals = off;
    SET search_path = 'pg_catalog';
    SET row_security = off;
    SET default_transaction_read_only = on;
    SET default_transaction_isolation = 'read committed';
    SET default_transaction_deferrable = off;
    SET lock_timeout = 0;
    SET idle_in_transaction_session_timeout = 0;
    SET idle_session_timeout = 0;
    SET jit = off";

/// Without it a backend whose client is gone runs on until it has a row to
/// send, which a scan that finds nothing never has.
const NOTICE_LOST_CLIENT: &str = "SET client_connection_check_interval = '5s'";

/// How to reach one database; makes sessions.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    options: PgConnectOptions,
    timeout: Duration,
    location: String,
}

impl Connector {
    pub(super) fn new(url: &DatabaseUrl, timeout: Duration) -> Result<Self> {
        choose_provider();
        let parsed = Url::parse(url.expose()).map_err(|e| url_error(e.to_string()))?;
        check_parameters(&parsed)?;
        let mut options = PgConnectOptions::from_str(url.expose()).map_err(|e| match e {
            sqlx::Error::Configuration(e) => url_error(e.to_string()),
            other => url_error(other.to_string()),
        })?;
        let has_root = parsed.query_pairs().any(|(key, _)| ROOT_CERTIFICATE_PARAMETERS.contains(&key.as_ref()));
        match options.get_ssl_mode() {
            // The driver looks at the CA only in the two `verify` modes.
            PgSslMode::Prefer | PgSslMode::Require if has_root => options = options.ssl_mode(PgSslMode::VerifyCa),
            PgSslMode::Allow => return Err(url_error("sslmode=allow is not supported".to_owned())),
            PgSslMode::Disable
            | PgSslMode::Prefer
            | PgSslMode::Require
            | PgSslMode::VerifyCa
            | PgSslMode::VerifyFull => {}
        }
        let options = options
            .application_name(APPLICATION_NAME)
            // Poolers refuse a start-up parameter that they do not know; the
            // sessions are pinned by statements instead.
            .extra_float_digits(None)
            // The driver would log statements, and our literals are values.
            .disable_statement_logging();
        let location = location(&options, parsed.port().is_some());
        Ok(Self { options, timeout, location })
    }

    pub(super) fn options(&self) -> &PgConnectOptions {
        &self.options
    }

    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    pub(super) fn location(&self) -> &str {
        &self.location
    }

    /// Opens a session, once: whether to try again is for the caller, who knows
    /// whether somebody waits.
    pub(super) async fn open(&self) -> Result<PgConnection> {
        tokio::time::timeout(self.timeout, self.open_unbounded()).await.unwrap_or_else(|_| {
            let why = format!("no answer within {} s", self.timeout.as_secs_f64());
            Err(Error::Connect {
                location: self.location.clone(),
                fault: ConnectFault::Unreachable,
                source: why.into(),
            })
        })
    }

    async fn open_unbounded(&self) -> Result<PgConnection> {
        let refused = |e| fault::connect(&self.location, e);
        let mut connection = self.options.connect().await.map_err(refused)?;
        let version = connection.server_version_num().unwrap_or(0);
        if version < VERSION_MIN {
            return Err(Error::Connect {
                location: self.location.clone(),
                fault: ConnectFault::Other,
                source: "the server is older than PostgreSQL 14".into(),
            });
        }
        sqlx::raw_sql(NO_TIMEOUT).execute(&mut connection).await.map_err(refused)?;
        sqlx::raw_sql(PIN).execute(&mut connection).await.map_err(refused)?;
        if version >= VERSION_WITH_TRANSACTION_TIMEOUT {
            sqlx::raw_sql("SET transaction_timeout = 0").execute(&mut connection).await.map_err(refused)?;
        }
        match sqlx::raw_sql(NOTICE_LOST_CLIENT).execute(&mut connection).await {
            // Some platforms have no way to notice; then it is as without.
            Ok(_) | Err(sqlx::Error::Database(_)) => Ok(connection),
            Err(e) => Err(refused(e)),
        }
    }
}

/// Where the connection goes in fact: parameters of the URL go before its other
/// parts, and what both leave open comes from the environment.
fn location(options: &PgConnectOptions, names_port: bool) -> String {
    let host = match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => options.get_host().to_owned(),
    };
    // An IPv6 address stands in brackets.
    let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host };
    let port = match options.get_port() {
        PORT if !names_port => String::new(),
        port => format!(":{port}"),
    };
    // As the server does without a name.
    let database = options.get_database().unwrap_or_else(|| options.get_username());
    format!("{host}{port}/{database}")
}

/// Two crates do TLS here and each brings a provider of its own, so that rustls
/// would not know which one is meant; and the one that streams would choose the
/// other one for the whole process.
fn choose_provider() {
    static CHOSEN: Once = Once::new();
    CHOSEN.call_once(|| {
        // Somebody may have chosen already; then it is theirs.
        let _ = aws_lc_rs::default_provider().install_default();
    });
}

fn check_parameters(url: &Url) -> Result<()> {
    for (key, _) in url.query_pairs() {
        let known = PARAMETERS.contains(&key.as_ref())
            || ROOT_CERTIFICATE_PARAMETERS.contains(&key.as_ref())
            || (key.starts_with("options[") && key.ends_with(']'));
        if !known {
            return Err(url_error(format!("the parameter `{key}` is not known")));
        }
    }
    Ok(())
}

fn url_error(why: String) -> Error {
    Error::Url {
        why,
        hint: "write it as postgres://user:password@host:port/database?sslmode=verify-full&sslrootcert=FILE",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connector(query: &str) -> Result<Connector> {
        let url = DatabaseUrl::parse(&format!("postgres://ada:s3cret@db.example/shop{query}")).unwrap();
        Connector::new(&url, Duration::from_secs(1))
    }

    fn ssl_mode(query: &str) -> String {
        format!("{:?}", connector(query).unwrap().options.get_ssl_mode())
    }

    #[test]
    fn a_ca_is_never_ignored() {
        assert_eq!(ssl_mode("?sslmode=require"), "Require");
        assert_eq!(ssl_mode("?sslmode=require&sslrootcert=ca.pem"), "VerifyCa");
        assert_eq!(ssl_mode("?sslrootcert=ca.pem"), "VerifyCa");
        assert_eq!(ssl_mode("?sslmode=verify-full&sslrootcert=ca.pem"), "VerifyFull");
        assert_eq!(ssl_mode("?sslmode=disable&sslrootcert=ca.pem"), "Disable");
    }

    #[test]
    fn the_location_is_where_the_connection_goes() {
        for (query, expected) in [
            ("", "db.example/shop"),
            ("?port=5433", "db.example:5433/shop"),
            ("?dbname=other", "db.example/other"),
            ("?host=elsewhere&port=1", "elsewhere:1/shop"),
            ("?hostaddr=::1", "[::1]/shop"),
            ("?host=/run/postgresql", "/run/postgresql/shop"),
        ] {
            assert_eq!(connector(query).unwrap().location(), expected, "{query}");
        }
    }

    #[test]
    fn what_cannot_be_honoured_is_refused() {
        for query in ["?channel_binding=require", "?sslmode=allow", "?sslmode=yes", "?port=many", "?sslcrl=x"] {
            let error = connector(query).unwrap_err();
            assert!(matches!(error, Error::Url { .. }), "{query}: {error:?}");
            assert!(!format!("{error:?}").contains("s3cret"));
        }
    }
}
