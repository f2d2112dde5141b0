//! What a URL says about getting in.

use std::path::PathBuf;

use secrecy::SecretString;
use url::Url;

use super::wire::tls::TlsMode;
use crate::error::{Error, Result};
use crate::url::DatabaseUrl;

const PORT: u16 = 3306;

/// `mysql://user:password@host:port/database?ssl-mode=…&ssl-ca=…&socket=…`,
/// taken apart. The names of the parameters are those of MySQL's own clients.
#[derive(Debug, Default)]
pub(super) struct Login {
    pub(super) host: String,
    pub(super) port: u16,
    /// A local socket to use instead of TCP.
    pub(super) socket: Option<PathBuf>,
    pub(super) user: String,
    pub(super) password: SecretString,
    pub(super) database: String,
    pub(super) tls_mode: TlsMode,
    pub(super) authorities: Option<PathBuf>,
}

impl Login {
    /// # Errors
    /// [`Error::Url`] when something is missing, or a parameter isn't known: a
    /// misspelt one would otherwise switch TLS off without a word.
    pub(super) fn parse(url: &DatabaseUrl) -> Result<Self> {
        let parsed = Url::parse(url.expose()).map_err(|e| Error::Url { why: e.to_string(), hint: HINT })?;
        let decoded = |text: &str| {
            percent_decoded(text).ok_or_else(|| Error::Url {
                why: "it has a percent sign that is no escape, or bytes that are no UTF-8".to_owned(),
                hint: HINT,
            })
        };
        let user = decoded(parsed.username())?;
        if user.is_empty() {
            return Err(Error::Url { why: "it names no user".to_owned(), hint: HINT });
        }
        let database = decoded(parsed.path().trim_start_matches('/'))?;
        if [&user, &database].into_iter().any(|text| text.contains('\0')) {
            return Err(Error::Url { why: "a name in it holds a NUL".to_owned(), hint: HINT });
        }
        let mut login = Self {
            host: parsed.host_str().filter(|h| !h.is_empty()).unwrap_or("localhost").to_owned(),
            port: parsed.port().unwrap_or(PORT),
            socket: None,
            user,
            password: SecretString::from(decoded(parsed.password().unwrap_or_default())?),
            database,
            tls_mode: TlsMode::default(),
            authorities: None,
        };
        // An IPv6 address stands in brackets in a URL, and without elsewhere.
        if let Some(address) = login.host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
            login.host = address.to_owned();
        }
        for (name, value) in parsed.query_pairs() {
            login.set(&name, &value)?;
        }
        Ok(login)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<()> {
        match name {
            "ssl-mode" => {
                self.tls_mode = TlsMode::parse(value).ok_or_else(|| Error::Url {
                    why: "its ssl-mode is not known".to_owned(),
                    hint: "the modes are disabled, preferred, required, verify_ca and verify_identity",
                })?;
            }
            "ssl-ca" => self.authorities = Some(PathBuf::from(value)),
            "socket" => self.socket = Some(PathBuf::from(value)),
            _ => {
                return Err(Error::Url {
                    why: format!("its parameter `{}` is not known", name.chars().take(32).collect::<String>()),
                    hint: "the parameters are ssl-mode, ssl-ca and socket",
                });
            }
        }
        Ok(())
    }
}

const HINT: &str = "write it as mysql://user:password@host:port/database, with special characters percent-encoded";

/// `None` when an escape is none, or what comes out is no UTF-8.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let (digits, tail) = tail.split_at_checked(2)?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = tail;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn login(text: &str) -> Result<Login> {
        Login::parse(&DatabaseUrl::parse(text).unwrap())
    }

    #[test]
    fn a_url_says_it_all() {
        let login =
            login("mysql://a%40b:p%3A%2Fw%C3%A9@[::1]:3307/sh%20op?ssl-mode=VERIFY_CA&ssl-ca=/c/a.pem").unwrap();
        assert_eq!((login.user.as_str(), login.database.as_str()), ("a@b", "sh op"));
        assert_eq!(login.password.expose_secret(), "p:/wé");
        assert_eq!((login.host.as_str(), login.port), ("::1", 3307));
        assert_eq!(login.tls_mode, TlsMode::VerifyCa);
        assert_eq!(login.authorities, Some(PathBuf::from("/c/a.pem")));
        assert_eq!(super::Login::parse(&DatabaseUrl::parse("mariadb://u@h/d").unwrap()).unwrap().port, PORT);
    }

    #[test]
    fn what_is_wrong_is_named_without_the_password() {
        for (text, part) in [
            ("mysql://h/d", "no user"),
            ("mysql://u:s3cret@h/d?ssl-mode=on", "ssl-mode"),
            ("mysql://u:s3cret@h/d?useSSL=false", "useSSL"),
            ("mysql://u:s3cret%zz@h/d", "percent"),
            ("mysql://u:s3cret%ff@h/d", "UTF-8"),
        ] {
            let error = login(text).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
