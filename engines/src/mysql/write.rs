//! A session that writes.
//!
//! Statements travel many at once, joined by `;`, and each has its own result.
//! The session is an own one, outside of the pool, since only here the server is
//! asked to take several statements in one packet: where a row filter goes, that
//! would let the filter run statements of its own.
//!
//! Invariants:
//! - `affected` counts the rows that were found (`CLIENT_FOUND_ROWS`).
//! - What the server stores otherwise than it was given is an error, also where
//!   the server only warns (a decimal that is rounded to the scale of its column
//!   is a note, whatever the `sql_mode`). That is known when the packet has been
//!   answered, so a `COMMIT` never travels in one packet with rows that it would
//!   commit: it costs a round trip for each transaction, and without it
//!   what was cut would be committed by the time that we hear of it.
//! - A transaction whose client says nothing is ended by the server. MySQL knows
//!   this only of sessions, so there the limit is set when a transaction begins
//!   and lifted when it ends.
//!
//! What it does not do: switch triggers off, as neither server can do that for a
//! session.

mod bulk;

use std::time::Duration;

use async_trait::async_trait;

use super::connect::Opener;
use super::fault::{connect_error, query_error};
use super::wire::connection::Grid;
use super::wire::handshake::Purpose;
use super::wire::packet::{Ending, capability};
use super::wire::{Connection, WireError};
use crate::engine::Flavor;
use crate::error::{CaptureFault, Error, Result};
use crate::write::{Neutral, Outcome, StatementFailed, Violation, Writer, WriterOptions};

/// How much is sent at once. More saves nothing, and the server and we each
/// hold a whole packet in memory.
const PACKET_BYTES: usize = 1 << 20;
/// The limit of a session that has no transaction open, in seconds.
const SESSION_IDLE_SECONDS: u64 = 28_800;
/// The line ends first, as a statement may end in a comment.
const JOINT: &str = "\n;";
const WHAT: &str = "writing";

/// One writing session.
pub(super) struct Session {
    connection: Connection,
    location: String,
    /// The statements before and after a transaction, where there must be some.
    limits: Option<Limits>,
}

struct Limits {
    set: String,
    lift: String,
}

impl Session {
    pub(super) async fn open(opener: &Opener, flavor: Flavor, options: &WriterOptions) -> Result<Self> {
        Self::open_with(opener, flavor, options, 0).await
    }

    /// With capabilities beside those of every such session.
    async fn open_with(opener: &Opener, flavor: Flavor, options: &WriterOptions, capabilities: u32) -> Result<Self> {
        let statements = capability::MULTI_STATEMENTS | capability::MULTI_RESULTS | capability::FOUND_ROWS;
        let purpose = Purpose { capabilities: statements | capabilities, program: &options.application_name };
        let mut connection = opener.open_for(purpose).await?;
        let failed = |e| connect_error(&opener.location, e);
        for statement in pins(flavor, options) {
            connection.query(&statement).await.map_err(failed)?;
        }
        for setting in REQUIRED {
            setting.require(&mut connection, &opener.location).await?;
        }
        let limits = match flavor {
            Flavor::Original => Some(Limits {
                set: format!("SET SESSION wait_timeout = {}", seconds(options.idle_timeout)),
                lift: format!("SET SESSION wait_timeout = {SESSION_IDLE_SECONDS}"),
            }),
            Flavor::MariaDb => None,
        };
        Ok(Self { connection, location: opener.location.clone(), limits })
    }

    /// Sends what of `statements` fits into one packet, and reads what comes back.
    /// `outcomes` tells how far it has come.
    async fn run_some(&mut self, statements: &[String], outcomes: &mut Vec<Outcome>) -> Result<(), WireError> {
        let rest = statements.get(outcomes.len()..).unwrap_or_default();
        let packet = Packet::of(rest, self.limits.as_ref(), self.connection.statement_bytes_max());
        self.connection.begin(&packet.text).await?;
        let mut warned = None;
        for (i, part) in packet.parts.iter().enumerate() {
            let (grid, ending) = self.connection.next_result().await?;
            // Which result belongs to which statement is known by their order only.
            if ending.has_more() != (i + 1 < packet.parts.len()) {
                return Err(WireError::Protocol("there is another number of results than of statements"));
            }
            match part {
                Part::Ours => {}
                Part::Theirs { is_data } => {
                    if *is_data && ending.warnings > 0 {
                        warned.get_or_insert(outcomes.len());
                    }
                    outcomes.push(outcome(grid, ending));
                }
            }
        }
        match warned {
            Some(index) => {
                outcomes.truncate(index);
                Err(WireError::Warned)
            }
            None => Ok(()),
        }
    }
}

#[async_trait]
impl Writer for Session {
    async fn run(&mut self, statements: &[String]) -> std::result::Result<Vec<Outcome>, StatementFailed> {
        let mut outcomes = Vec::with_capacity(statements.len());
        while outcomes.len() < statements.len() {
            let ran = if self.connection.is_clean() {
                self.run_some(statements, &mut outcomes).await
            } else {
                // An earlier call was dropped in the middle of an answer.
                Err(WireError::Io(std::io::ErrorKind::NotConnected.into()))
            };
            ran.map_err(|error| StatementFailed {
                index: outcomes.len().min(statements.len() - 1),
                violation: violation(&error),
                error: query_error(&self.location, WHAT, error),
            })?;
        }
        Ok(outcomes)
    }

    fn neutral(&self) -> Neutral {
        Neutral::TriggersFire
    }

    async fn close(self: Box<Self>) -> Result<()> {
        self.connection.quit().await;
        Ok(())
    }
}

fn outcome(grid: Grid, ending: Ending) -> Outcome {
    Outcome { affected: ending.affected, rows: grid.rows }
}

/// Whole seconds, which is what the servers count in; at least one.
fn seconds(duration: Duration) -> u64 {
    duration.as_millis().div_ceil(1000).try_into().unwrap_or(SESSION_IDLE_SECONDS).clamp(1, SESSION_IDLE_SECONDS)
}

/// What makes a writing session mean what we think it means.
///
/// - `sql_mode`: what does not fit is an error; dates that are on no calendar, and
///   zero in an AUTO_INCREMENT column, are stored as the origin had them.
/// - `foreign_key_checks`: the rows of a cascade are in the origin's log, some
///   before their parents, so here there must be neither check nor cascade.
/// - `unique_checks`: 0 would let InnoDB put off finding a row that is there twice.
/// - READ COMMITTED locks only the rows that a statement changes. REPEATABLE READ
///   would lock the gaps beside a key that was looked for in vain, and in a
///   table without a key every row that was looked at.
/// - `completion_type`: COMMIT begins no transaction and ends no session.
/// - `sql_notes`: what is rounded is counted, see [`Session`].
/// - The time-outs of the network: of a client that stops in the middle of a packet.
fn pins(flavor: Flavor, options: &WriterOptions) -> Vec<String> {
    let (idle, lock) = (seconds(options.idle_timeout), seconds(options.lock_timeout));
    let own = match flavor {
        Flavor::Original => String::from("max_execution_time = 0"),
        Flavor::MariaDb => format!(
            "max_statement_time = 0, idle_transaction_timeout = {idle}, idle_write_transaction_timeout = {idle}, \
             idle_readonly_transaction_timeout = {idle}"
        ),
    };
    vec![
        "SET NAMES utf8mb4".to_owned(),
        format!(
            "SET SESSION time_zone = '+00:00', \
             sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION', \
             foreign_key_checks = 0, unique_checks = 1, autocommit = 1, completion_type = 0, sql_auto_is_null = 0, \
             sql_big_selects = 1, sql_safe_updates = 0, sql_select_limit = 18446744073709551615, sql_notes = 1, \
             innodb_lock_wait_timeout = {lock}, lock_wait_timeout = {lock}, net_write_timeout = {idle}, \
             net_read_timeout = {idle}, wait_timeout = {SESSION_IDLE_SECONDS}, {own}"
        ),
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE".to_owned(),
    ]
}

/// A setting that an account may not always change in its session.
struct Setting {
    /// Reads whether it is as it has to be.
    check: &'static str,
    set: &'static str,
    why: &'static str,
}

const REQUIRED: &[Setting] = &[
    Setting {
        check: "SELECT @@GLOBAL.log_bin = 0 OR @@SESSION.binlog_format = 'ROW'",
        set: "SET SESSION binlog_format = 'ROW'",
        why: "binlog_format is not ROW, and the account may not set it for its session",
    },
    Setting {
        check: "SELECT @@SESSION.explicit_defaults_for_timestamp",
        set: "SET SESSION explicit_defaults_for_timestamp = 1",
        why: "explicit_defaults_for_timestamp is OFF, which turns NULL into the present time, and the account may not \
              set it for its session",
    },
];

impl Setting {
    async fn require(&self, connection: &mut Connection, location: &str) -> Result<()> {
        let grid = connection.query(self.check).await.map_err(|e| connect_error(location, e))?;
        let cell = grid.rows.first().and_then(|row| row.first()).and_then(Option::as_deref);
        if cell == Some("1") {
            return Ok(());
        }
        match connection.query(self.set).await {
            Ok(_) => Ok(()),
            Err(WireError::Server(_)) => Err(Error::Capture {
                location: location.to_owned(),
                fault: CaptureFault::Unfaithful,
                why: self.why.to_owned(),
            }),
            Err(error) => Err(connect_error(location, error)),
        }
    }
}

/// What a statement is, in as far as it matters how it travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Begin,
    Commit,
    Rollback,
    /// Changes rows.
    Data,
    Other,
}

impl Verb {
    fn of(statement: &str) -> Self {
        let statement = statement.trim_end_matches([';', ' ', '\n']).trim_start();
        let word = statement.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        let is = |verb: &str| word.eq_ignore_ascii_case(verb);
        let is_whole = |verb: &str| statement.eq_ignore_ascii_case(verb);
        if is_whole("BEGIN") || is("START") {
            Self::Begin
        } else if is("COMMIT") {
            Self::Commit
        } else if is_whole("ROLLBACK") {
            Self::Rollback
        } else if ["INSERT", "UPDATE", "DELETE", "REPLACE", "WITH"].into_iter().any(is) {
            Self::Data
        } else {
            Self::Other
        }
    }
}

/// A statement in a packet.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    /// One of [`Limits`].
    Ours,
    Theirs {
        is_data: bool,
    },
}

/// Statements that are sent at once.
#[derive(Debug, Default, PartialEq, Eq)]
struct Packet {
    text: String,
    parts: Vec<Part>,
}

impl Packet {
    /// The first of `statements`, however long, and what fits beside it.
    fn of(statements: &[String], limits: Option<&Limits>, bytes_max: usize) -> Self {
        let bytes_max = bytes_max.min(PACKET_BYTES);
        let mut packet = Self::default();
        let mut has_data = false;
        for statement in statements {
            let verb = Verb::of(statement);
            let (before, after) = match (verb, limits) {
                (Verb::Begin, Some(limits)) => (Some(limits.set.as_str()), None),
                (Verb::Commit | Verb::Rollback, Some(limits)) => (None, Some(limits.lift.as_str())),
                _ => (None, None),
            };
            let bytes: usize = [before, Some(statement.as_str()), after].iter().flatten().map(|s| s.len() + 2).sum();
            let fits = packet.text.len() + bytes <= bytes_max && !(verb == Verb::Commit && has_data);
            if !packet.parts.is_empty() && !fits {
                break;
            }
            let is_data = verb == Verb::Data;
            has_data |= is_data;
            packet.add(before, Part::Ours);
            packet.add(Some(statement), Part::Theirs { is_data });
            packet.add(after, Part::Ours);
        }
        packet
    }

    fn add(&mut self, statement: Option<&str>, part: Part) {
        let Some(statement) = statement else { return };
        if !self.parts.is_empty() {
            self.text.push_str(JOINT);
        }
        self.text.push_str(statement.trim_end_matches([';', ' ', '\n']));
        self.parts.push(part);
    }
}

/// What a server's error says about the data.
fn violation(error: &WireError) -> Option<Violation> {
    match error {
        WireError::Warned => Some(Violation::Type),
        WireError::Server(e) => violation_of(e.code),
        _ => None,
    }
}

fn violation_of(code: u16) -> Option<Violation> {
    Some(match code {
        1022 | 1062 | 1169 | 1557 | 1586 | 1761 | 1762 => Violation::Unique,
        1216 | 1217 | 1451 | 1452 => Violation::ForeignKey,
        1048 | 1263 | 1364 => Violation::NotNull,
        // Beside CHECK: that of a view, what no partition takes, what a trigger
        // signals.
        3819 | 4025 | 1369 | 1526 | 1748 | 1644 => Violation::Check,
        // Out of range, cut, of the wrong form, too long; geometries, JSON and
        // vectors that are none; rows that are too long.
        1118
        | 1264
        | 1265
        | 1292
        | 1300
        | 1366
        | 1367
        | 1406
        | 1411
        | 1416
        | 1441
        | 1525
        | 1690
        | 1977
        | 3037
        | 3140
        | 3141
        | 3156
        | 3157
        | 3616..=3618
        | 3643
        | 3854 => Violation::Type,
        // 1020: MariaDB's word for a row that another transaction has changed.
        1020 | 1205 | 1213 | 3572 => Violation::Deadlock,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
