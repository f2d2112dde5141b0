//! Database URLs that never print a password.

use std::fmt;
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::engine::Engine;
use crate::error::{Error, Result};

/// Where a database is and how to get in.
///
/// `Display` and `Debug` show neither the password nor the query string, since
/// drivers accept passwords there too; [`DatabaseUrl::expose`] is the one way to
/// the whole text, so a review for leaks is a search for its name.
#[derive(Clone)]
pub struct DatabaseUrl {
    engine: Engine,
    location: String,
    whole: SecretString,
}

impl DatabaseUrl {
    /// Reads `postgres://`, `postgresql://`, `mysql://`, `mariadb://` and
    /// `sqlite:PATH` (also `sqlite://PATH`).
    ///
    /// # Errors
    /// [`Error::Url`] when the text is no URL, or of a scheme that this build
    /// has no engine for. The text itself is not repeated: it may hold a
    /// password.
    pub fn parse(text: &str) -> Result<Self> {
        let (scheme, rest) = text.split_once(':').ok_or_else(|| Error::Url {
            why: "it has no scheme".to_owned(),
            hint: "write it as postgres://user@host/database, mysql://…, mariadb://… or sqlite:FILE",
        })?;
        let engine = match scheme {
            "postgres" | "postgresql" => Engine::Postgres,
            "mysql" | "mariadb" => Engine::MySql,
            "sqlite" => Engine::Sqlite,
            "sqlserver" | "mssql" => return Err(unsupported(Engine::SqlServer)),
            "mongodb" | "mongodb+srv" => return Err(unsupported(Engine::MongoDb)),
            _ => {
                return Err(Error::Url {
                    // A typing error in front of a password must not print it,
                    // so only a scheme that looks like one is shown.
                    why: if scheme.len() <= 16 && scheme.chars().all(|c| c.is_ascii_alphanumeric()) {
                        format!("the scheme `{scheme}` is not known")
                    } else {
                        "its scheme is not known".to_owned()
                    },
                    hint: "the schemes are postgres, mysql, mariadb and sqlite",
                });
            }
        };
        let location = match engine {
            Engine::Sqlite => {
                let path = rest.strip_prefix("//").unwrap_or(rest);
                let path = path.split('?').next().unwrap_or(path);
                if path.is_empty() {
                    return Err(Error::Url { why: "it names no file".to_owned(), hint: "write it as sqlite:FILE" });
                }
                path.to_owned()
            }
            Engine::Postgres | Engine::MySql | Engine::SqlServer | Engine::MongoDb => network_location(text)?,
        };
        Ok(Self { engine, location, whole: SecretString::from(text.to_owned()) })
    }

    #[must_use]
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// `host:port/database` or the path of a SQLite file; no secrets.
    #[must_use]
    pub fn location(&self) -> &str {
        &self.location
    }

    /// The file of a SQLite URL.
    #[must_use]
    pub fn sqlite_path(&self) -> Option<PathBuf> {
        (self.engine == Engine::Sqlite).then(|| PathBuf::from(&self.location))
    }

    /// The whole URL, password included: for a driver and nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.whole.expose_secret()
    }
}

fn unsupported(engine: Engine) -> Error {
    Error::Url {
        why: format!("{engine} is not supported yet"),
        hint: "this version compares PostgreSQL, MySQL, MariaDB and SQLite",
    }
}

fn network_location(text: &str) -> Result<String> {
    let url = Url::parse(text).map_err(|e| Error::Url {
        // url's own messages name the fault ("invalid port number"), never the text.
        why: e.to_string(),
        hint: "write it as SCHEME://user:password@host:port/database, with special characters percent-encoded",
    })?;
    let database = url.path().trim_start_matches('/');
    if database.is_empty() {
        return Err(Error::Url {
            why: "it names no database".to_owned(),
            hint: "add the database's name after the host: SCHEME://host:port/database",
        });
    }
    let host = url.host_str().filter(|h| !h.is_empty()).unwrap_or("localhost");
    Ok(match url.port() {
        Some(port) => format!("{host}:{port}/{database}"),
        None => format!("{host}/{database}"),
    })
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.location)
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({} {})", self.engine, self.location)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn password_is_never_printed() {
        let url = DatabaseUrl::parse("postgres://ada:s3cret@db.example:5433/shop?password=s3cret").unwrap();
        assert_eq!(url.to_string(), "db.example:5433/shop");
        assert!(!format!("{url:?}").contains("s3cret"));
        assert!(url.expose().contains("s3cret"));
    }

    #[test]
    fn errors_do_not_repeat_the_url() {
        for text in
            ["postgres://ada:s3cret@host:notaport/db", "s3cret", "postgres://ada:s3cret@host/", "p0st+s3cret://x"]
        {
            let error = DatabaseUrl::parse(text).unwrap_err();
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn sqlite_takes_a_path() {
        for text in ["sqlite:a/b.db", "sqlite://a/b.db", "sqlite:a/b.db?mode=ro"] {
            assert_eq!(DatabaseUrl::parse(text).unwrap().location(), "a/b.db");
        }
        assert!(DatabaseUrl::parse("sqlite:").is_err());
    }
}
