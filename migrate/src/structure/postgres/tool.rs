//! A `pg_dump` that fits, and its output.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use switchback_engines::{DatabaseUrl, own};
use tokio::process::Command;
use url::Url;

use crate::structure::error::{Result, StructureError};
use crate::structure::options::StructureOptions;

/// Where the packages of the usual systems put the client programs of a version;
/// `*` stands for one folder's name.
const FOLDERS: [&str; 7] = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/local/pgsql/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/opt/homebrew/opt/libpq/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
];

/// The structure of the database as a script.
pub(super) async fn dump(url: &DatabaseUrl, server: u32, options: &StructureOptions) -> Result<String> {
    let program = find(server, options.pg_dump.as_deref()).await?;
    let connection = Connection::of(url);
    let mut command = Command::new(program);
    command.args(["--schema-only", "--quote-all-identifiers", "--no-publications", "--no-subscriptions"]);
    command.args(["--no-tablespaces", "--no-password", "--encoding=UTF8"]);
    command.arg(format!("--exclude-schema={}", own::SCHEMA));
    if !options.roles {
        command.args(["--no-owner", "--no-privileges"]);
    }
    command.arg(format!("--dbname={}", connection.shown));
    if let Some(password) = connection.password {
        command.env("PGPASSWORD", password);
    }
    // Its messages are repeated in errors.
    command.env("LC_ALL", "C").env("PGAPPNAME", "switchback");
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await.map_err(StructureError::DumpStart)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said: Vec<&str> = said.lines().filter_map(message).collect();
        return Err(StructureError::Dump { said: said.join("; ") });
    }
    String::from_utf8(output.stdout).map_err(|_| StructureError::Described { what: "its structure".to_owned() })
}

/// An error in one line. A statement that failed is repeated by `pg_dump` as a
/// detail, and is left out.
fn message(line: &str) -> Option<&str> {
    let message = line.strip_prefix("pg_dump: ")?;
    message.strip_prefix("error: ").filter(|m| !m.starts_with("query was:"))
}

/// How to reach the database by libpq, with the password apart: the arguments of
/// a program can be seen by all users of the machine, its environment can't.
struct Connection {
    shown: String,
    password: Option<String>,
}

impl Connection {
    fn of(url: &DatabaseUrl) -> Self {
        let Ok(mut parsed) = Url::parse(url.expose()) else {
            return Self { shown: url.expose().to_owned(), password: None };
        };
        let mut password = parsed.password().map(decoded);
        // Fails for a URL without a host, which has no password either.
        let _ = parsed.set_password(None);
        let mut pairs = Vec::new();
        for (key, value) in parsed.query_pairs() {
            if key == "password" {
                password = Some(value.into_owned());
                continue;
            }
            // The driver takes these spellings too, libpq only its own.
            let key = match key.as_ref() {
                "ssl-mode" => "sslmode",
                "ssl-root-cert" | "ssl-ca" => "sslrootcert",
                "ssl-cert" => "sslcert",
                "ssl-key" => "sslkey",
                other => other,
            };
            pairs.push((key.to_owned(), value.into_owned()));
        }
        // Not the form that the crate would give: libpq knows no `+` for a blank.
        let query: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}={}", encoded(value))).collect();
        parsed.set_query((!query.is_empty()).then(|| query.join("&")).as_deref());
        Self { shown: parsed.into(), password }
    }
}

fn encoded(value: &str) -> String {
    value
        .bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() || b"-_.~/".contains(&b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|h| std::str::from_utf8(h).ok()).and_then(|h| u8::from_str_radix(h, 16).ok());
        match hex {
            Some(byte) if first == b'%' => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The program of the server's version or the next later one: an older one
/// refuses the server, and a much newer one may write what only its own version
/// understands.
async fn find(server: u32, named: Option<&Path>) -> Result<PathBuf> {
    let candidates = match named {
        Some(program) => vec![program.to_owned()],
        None => candidates(),
    };
    let mut found = Vec::new();
    for candidate in candidates {
        if let Some(version) = version(&candidate).await {
            found.push((version, candidate));
        }
    }
    found.sort();
    let seen: Vec<String> = found.iter().map(|(version, _)| version.to_string()).collect();
    match found.into_iter().find(|(version, _)| *version >= server) {
        Some((_, program)) => Ok(program),
        None if seen.is_empty() => Err(StructureError::NoDump { server, found: "and none was found".to_owned() }),
        None => Err(StructureError::NoDump { server, found: format!("and found were versions {}", seen.join(", ")) }),
    }
}

fn candidates() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    FOLDERS.iter().for_each(|pattern| folders.extend(matching(pattern)));
    let mut programs: Vec<PathBuf> = Vec::new();
    for program in folders.into_iter().map(|folder| folder.join("pg_dump")) {
        if program.is_file() && !programs.contains(&program) {
            programs.push(program);
        }
    }
    programs
}

fn matching(pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once('*') else { return vec![PathBuf::from(pattern)] };
    let Some((parent, prefix)) = before.rsplit_once('/') else { return Vec::new() };
    let Ok(entries) = std::fs::read_dir(parent) else { return Vec::new() };
    let named = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    named.filter(|name| name.starts_with(prefix)).map(|name| PathBuf::from(format!("{parent}/{name}{after}"))).collect()
}

/// `pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
async fn version(program: &Path) -> Option<u32> {
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).kill_on_drop(true).output().await.ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    let number = said.split_once("(PostgreSQL) ")?.1;
    Some(super::major(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_an_argument() {
        for text in [
            "postgres://ada:s3%40cret@h:5433/shop?ssl-mode=require&options=-c%20a%3Db",
            "postgres://ada@h:5433/shop?password=s3%40cret&ssl-mode=require&options=-c%20a%3Db",
        ] {
            let connection = Connection::of(&DatabaseUrl::parse(text).unwrap());
            assert_eq!(connection.password.as_deref(), Some("s3@cret"));
            assert_eq!(connection.shown, "postgres://ada@h:5433/shop?sslmode=require&options=-c%20a%3Db");
        }
    }

    #[test]
    fn a_failed_statement_is_not_repeated() {
        assert_eq!(message("pg_dump: error: permission denied for table t"), Some("permission denied for table t"));
        assert_eq!(message("pg_dump: error: query was: LOCK TABLE t"), None);
        assert_eq!(message("pg_dump: detail: x"), None);
    }
}
