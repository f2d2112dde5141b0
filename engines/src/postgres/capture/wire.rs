//! The streaming connection: from the same URL as every other session.
//!
//! What the driver made of the URL, the environment and the password file is
//! taken from it, so that both kinds of connection mean the same server by the
//! same rules. A certificate that is not in a file is refused, because only
//! the driver takes one.

use std::path::PathBuf;
use std::time::Duration;

use pgwire_replication::{Lsn as WireLsn, PgWireError, ReplicationClient, ReplicationConfig, SslMode, TlsConfig};
use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::form_urlencoded;

use super::super::connect::Connector;
use super::super::position::Lsn;
use crate::error::{CaptureFault, ConnectFault, Error, QueryFault, Result};

/// How often the server is told how far the sink is: it can't let go of the
/// log faster than that.
const STATUS_INTERVAL: Duration = Duration::from_secs(1);

/// Messages that are read ahead. Each is one row, so this times the largest row
/// bounds the memory; fewer would have the reading task wait for ours at every
/// row.
const READ_AHEAD: usize = 512;

pub(super) const APPLICATION_NAME: &str = "switchback stream";

/// What the driver shows of a file in a URL it writes.
const FILE: &str = "file: ";

/// How to open the stream of `slot`. No connection is made yet.
pub(super) fn config(connector: &Connector, slot: &str, publication: &str, from: Lsn) -> Result<ReplicationConfig> {
    let options = connector.options();
    let secrets = Secrets::of(options);
    let socket = options.get_socket().map(|socket| socket.to_string_lossy().into_owned());
    // A URL has an IPv6 address in brackets.
    let host = socket.unwrap_or_else(|| options.get_host().trim_matches(['[', ']']).to_owned());
    let user = options.get_username();
    let database = options.get_database().unwrap_or(user);
    let tls = if host.starts_with('/') { TlsConfig::disabled() } else { tls(options, &secrets, &host)? };
    let password = secrets.password.unwrap_or_default();
    let from = WireLsn::from_u64(from.0);
    let mut config = ReplicationConfig::new(host, user, password, database, slot, publication)
        .with_port(options.get_port())
        .with_tls(tls)
        .with_start_lsn(from)
        .with_ack_lsn(from)
        .with_status_interval(STATUS_INTERVAL)
        .with_wakeup_interval(STATUS_INTERVAL)
        .with_buffer_size(READ_AHEAD)
        .with_binary(true)
        .with_application_name(APPLICATION_NAME);
    if let Some(options) = options.get_options() {
        config = config.with_options(options);
    }
    Ok(config)
}

/// Opens a connection that can say what server it is, and does not stream yet.
pub(super) async fn open(connector: &Connector, config: ReplicationConfig) -> Result<ReplicationClient> {
    let mut client = ReplicationClient::connect_gated(config).await.map_err(|e| connect(connector.location(), e))?;
    let identified = tokio::time::timeout(connector.timeout(), client.identify_system()).await;
    match identified {
        Ok(Ok(_)) => Ok(client),
        Ok(Err(e)) => Err(connect(connector.location(), e)),
        Err(_) => Err(silent(connector.location(), connector.timeout())),
    }
}

pub(super) fn silent(location: &str, waited: Duration) -> Error {
    Error::Connect {
        location: location.to_owned(),
        fault: ConnectFault::Unreachable,
        source: format!("no answer within {} s", waited.as_secs_f64()).into(),
    }
}

/// What the driver has no other way to say.
struct Secrets {
    password: Option<String>,
    root: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
}

impl Secrets {
    fn of(options: &PgConnectOptions) -> Self {
        // It writes names into the URL as they are, and they may be none that a
        // URL can hold.
        let url = options.clone().host("localhost").username("x").database("x").to_url_lossy();
        let password = url.password().map(|encoded| {
            let pair = format!("p={encoded}");
            form_urlencoded::parse(pair.as_bytes()).map(|(_, value)| value.into_owned()).collect()
        });
        let value = |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        Self { password, root: value("sslrootcert"), certificate: value("sslcert"), key: value("sslkey") }
    }
}

fn tls(options: &PgConnectOptions, secrets: &Secrets, host: &str) -> Result<TlsConfig> {
    let mode = match options.get_ssl_mode() {
        PgSslMode::Disable => return Ok(TlsConfig::disabled()),
        PgSslMode::Allow | PgSslMode::Prefer => SslMode::Prefer,
        PgSslMode::Require => SslMode::Require,
        PgSslMode::VerifyCa => SslMode::VerifyCa,
        PgSslMode::VerifyFull => SslMode::VerifyFull,
    };
    let file = |shown: &Option<String>| match shown {
        None => Ok(None),
        Some(shown) => shown.strip_prefix(FILE).map(|path| Some(PathBuf::from(path))).ok_or_else(|| Error::Url {
            why: "a certificate is written into it, which a stream of changes cannot use".to_owned(),
            hint: "put the certificate into a file and name that in the URL",
        }),
    };
    Ok(TlsConfig {
        mode,
        ca_pem_path: file(&secrets.root)?,
        // Without this an address is refused where a name could be, although a
        // certificate may well be for one.
        sni_hostname: Some(host.to_owned()),
        client_cert_pem_path: file(&secrets.certificate)?,
        client_key_pem_path: file(&secrets.key)?,
    })
}

/// A failure before anything was streamed.
pub(super) fn connect(location: &str, error: PgWireError) -> Error {
    let refused = |fault| Error::Connect { location: location.to_owned(), fault, source: said(&error).into() };
    match &error {
        PgWireError::Io(_) => refused(ConnectFault::Unreachable),
        PgWireError::Tls(_) => refused(ConnectFault::Tls),
        PgWireError::Auth(_) => refused(ConnectFault::Refused),
        PgWireError::Server(text) => match sqlstate(text) {
            "42501" => Error::Capture { location: location.to_owned(), fault: CaptureFault::Denied, why: said(&error) },
            "53300" | "57P01" | "57P02" | "57P03" => refused(ConnectFault::Unreachable),
            code if code.starts_with("28") || code == "3D000" => refused(ConnectFault::Refused),
            _ => stream(location, error),
        },
        _ => refused(ConnectFault::Other),
    }
}

/// A failure of a stream that had begun, or was about to.
pub(super) fn stream(location: &str, error: PgWireError) -> Error {
    let capture = |fault| Error::Capture { location: location.to_owned(), fault, why: said(&error) };
    let query = |fault| Error::Query {
        location: location.to_owned(),
        what: "following the changes".to_owned(),
        fault,
        source: said(&error).into(),
    };
    match &error {
        // After its own worker has ended, the crate no longer knows why.
        PgWireError::Io(_) | PgWireError::Internal(_) | PgWireError::Task(_) => query(QueryFault::ConnectionLost),
        PgWireError::Server(text) => match sqlstate(text) {
            "42501" => capture(CaptureFault::Denied),
            // No such slot, no such publication.
            "42704" => capture(CaptureFault::NotArmed),
            // A segment of the log is no longer there.
            "58P01" => capture(CaptureFault::LogGone),
            "57P01" | "57P02" | "57P03" | "57P05" => query(QueryFault::ConnectionLost),
            code if code.starts_with("08") => query(QueryFault::ConnectionLost),
            _ => query(QueryFault::Other),
        },
        _ => query(QueryFault::Other),
    }
}

/// Whether the slot is in use by another session.
pub(super) fn is_busy(error: &PgWireError) -> bool {
    matches!(error, PgWireError::Server(text) if sqlstate(text) == "55006")
}

/// The crate keeps a server's error as text only.
fn sqlstate(text: &str) -> &str {
    const BEFORE: &str = "(SQLSTATE ";
    text.rsplit_once(BEFORE).and_then(|(_, rest)| rest.get(..5)).unwrap_or_default()
}

/// Only what was not quoted from data: see the classes in [`super::super::fault`].
fn said(error: &PgWireError) -> String {
    match error {
        PgWireError::Server(text) => {
            let code = sqlstate(text);
            if ["22", "23", "P0", "38"].iter().any(|class| code.starts_with(class)) {
                return format!("the server refused a value, which is not repeated here (SQLSTATE {code})");
            }
            text.clone()
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::url::DatabaseUrl;

    fn config(url: &str) -> Result<ReplicationConfig> {
        let connector = Connector::new(&DatabaseUrl::parse(url).unwrap(), Duration::from_secs(1))?;
        super::config(&connector, "switchback_s_5", "switchback_s", Lsn(0x10))
    }

    #[test]
    fn the_url_means_the_same_to_both_kinds_of_connection() {
        let config = config("postgres://a%40b:p%3A%2F%2B%20w%C3%A9@db.example:5433/sh%20op?sslmode=verify-full&sslrootcert=/c/a.pem&sslcert=/c/b.pem&sslkey=/c/k.pem").unwrap();
        assert_eq!((config.host.as_str(), config.port), ("db.example", 5433));
        assert_eq!(
            (config.user.as_str(), config.password.as_str(), config.database.as_str()),
            ("a@b", "p:/+ wé", "sh op")
        );
        assert_eq!(config.tls.mode, SslMode::VerifyFull);
        assert_eq!(config.tls.ca_pem_path, Some(PathBuf::from("/c/a.pem")));
        assert!(config.tls.is_mtls());
        assert_eq!((config.start_lsn, config.ack_lsn), (WireLsn(16), Some(WireLsn(16))));
        assert!(config.binary);
    }

    #[test]
    fn a_ca_is_used_and_a_socket_has_no_tls() {
        assert_eq!(config("postgres://u@h/d?sslrootcert=/c/a.pem").unwrap().tls.mode, SslMode::VerifyCa);
        assert_eq!(config("postgres://u@h/d?sslmode=disable").unwrap().tls.mode, SslMode::Disable);
        let socket = config("postgres://u@%2Frun%2Fpg/d?sslmode=require").unwrap();
        assert_eq!((socket.host.as_str(), socket.tls.mode), ("/run/pg", SslMode::Disable));
    }

    #[test]
    fn a_certificate_that_is_in_no_file_is_refused() {
        let options = PgConnectOptions::new_without_pgpass().ssl_mode(PgSslMode::VerifyCa);
        let secrets =
            |root: &str| Secrets { password: None, root: Some(root.to_owned()), certificate: None, key: None };
        assert!(tls(&options, &secrets("file: /c/a.pem"), "h").is_ok());
        let error = tls(&options, &secrets("-----BEGIN CERTIFICATE-----"), "h").unwrap_err();
        assert!(matches!(error, Error::Url { .. }), "{error:?}");
    }

    #[test]
    fn errors_are_sorted_by_code_and_hold_no_values() {
        let server = |text: &str| stream("l", PgWireError::Server(text.to_owned()));
        assert!(matches!(server("slot (SQLSTATE 42704)"), Error::Capture { fault: CaptureFault::NotArmed, .. }));
        assert!(matches!(server("x (SQLSTATE 58P01)"), Error::Capture { fault: CaptureFault::LogGone, .. }));
        let Error::Query { source, .. } = server("no number: s3cret (SQLSTATE 22P02)") else { panic!() };
        assert_eq!(source.to_string(), "the server refused a value, which is not repeated here (SQLSTATE 22P02)");
        assert_eq!(sqlstate("x"), "");
    }

    /// Who is refused by one kind of connection never gets to try the other, so
    /// this one is tried alone.
    #[tokio::test]
    async fn what_the_url_forbids_is_refused_here_too() {
        use switchback_fixtures::{Kind, Server};

        let server = Server::start(Kind::Postgres15).await.expect("a server");
        let other = Server::start(Kind::Postgres17).await.expect("a server");
        let (url, foreign) = (server.url("postgres"), other.authority_certificate());
        let open = async |url: &str| {
            let connector = Connector::new(&DatabaseUrl::parse(url)?, Duration::from_secs(20))?;
            super::open(&connector, super::config(&connector, "switchback_s_5", "switchback_s", Lsn(0))?)
                .await
                .map(|_| ())
        };
        let refused = async |url: &str| match open(url).await {
            Err(Error::Connect { fault, .. }) => fault,
            other => panic!("{other:?}"),
        };
        open(&format!("{url}?sslmode=require")).await.expect("a connection");
        let foreign = foreign.to_str().expect("UTF-8");
        for query in [
            format!("?sslrootcert={foreign}"),
            format!("?sslmode=verify-full&sslrootcert={foreign}"),
            "?sslmode=verify-full".to_owned(),
        ] {
            assert_eq!(refused(&format!("{url}{query}")).await, ConnectFault::Tls, "{query}");
        }
        let mut wrong = url::Url::parse(&url).expect("a URL");
        wrong.set_password(Some("wr0ng")).expect("a password");
        assert_eq!(refused(wrong.as_str()).await, ConnectFault::Refused);
        assert_eq!(refused("postgres://u@127.0.0.1:1/d").await, ConnectFault::Unreachable);
    }
}
