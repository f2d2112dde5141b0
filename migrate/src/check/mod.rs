//! What has to be so before a move begins, in both directions.
//!
//! Each item asks one thing of one end, in one of its parts: an *origin*, whose
//! changes are followed, or a *sink*, which they are written to. The source is the
//! origin of the way there and the sink of the way back, so each end is looked at in
//! both parts, unless the way back is given up.
//!
//! Nothing is changed by a check, and it only reads: what an account may do is asked
//! of the catalog and not tried. What can't be asked is said to be unknown, which is
//! a warning and never a pass.
//!
//! Rights are asked for by the list that accounts are made from
//! ([`crate::accounts::rights`]), so that an account that was planned passes.
//!
//! - `item`: what a check comes to. `postgres`, `mysql`, `sqlite`: the items of each
//!   engine. `rights`: what an account may do. `others`: other moves into the same
//!   database. `room`: free disk. `clocks`, `pair`: what is about both ends at once.

mod clocks;
mod item;
mod mysql;
mod others;
mod pair;
mod postgres;
mod rights;
mod room;
mod sqlite;

use switchback_engines::{Class, Endpoint, Engine, Error as EngineError, StreamName, Table};

pub use self::item::{Direction, End, Grade, Item, Report};

/// What to check.
#[derive(Debug, Clone, Copy)]
pub struct CheckOptions {
    /// Whether the way back is to be held open.
    pub rollback: bool,
    /// Whether changes are followed; a full load alone needs no log.
    pub follow: bool,
    /// Whether the structure is moved, too.
    pub structure: bool,
    /// How long the log has to be kept at least.
    pub retention_hours: u64,
}

impl Default for CheckOptions {
    fn default() -> Self {
        Self { rollback: true, follow: true, structure: true, retention_hours: 72 }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{end}: {item} could not be checked")]
pub struct CheckError {
    pub end: End,
    pub item: &'static str,
    #[source]
    pub source: Box<EngineError>,
}

/// One end, with the tables of it that are to be moved; at the target those that
/// are there already.
#[derive(Clone, Copy)]
pub struct Checked<'a> {
    pub endpoint: &'a dyn Endpoint,
    pub tables: &'a [Table],
    /// The streams of this move, which may be written down there already.
    pub streams: &'a [StreamName],
}

/// Checks both ends.
///
/// # Errors
/// When an end can't be asked at all; an item that fails is no error.
pub async fn check(source: Checked<'_>, target: Checked<'_>, options: CheckOptions) -> Result<Report, CheckError> {
    let mut report = Report::default();
    for (end, checked) in [(End::Source, source), (End::Target, target)] {
        let origin = match end {
            End::Source => options.follow.then_some(Direction::Forward),
            End::Target => options.rollback.then_some(Direction::Back),
        };
        let sink = match end {
            End::Source => options.rollback.then_some(Direction::Back),
            End::Target => Some(Direction::Forward),
        };
        let schemas = pair::schemas(source, target);
        let direction = Direction::Forward;
        let mut asking = Asking { end, checked, direction, options, schemas, report: &mut report };
        if end == End::Source {
            asking.as_reader().await?;
        }
        if let Some(direction) = origin {
            asking.direction = direction;
            asking.as_origin().await?;
        }
        if let Some(direction) = sink {
            asking.direction = direction;
            asking.as_sink().await?;
        }
    }
    pair::check(source, target, options, &mut report).await?;
    Ok(report)
}

/// One end in one of its parts.
struct Asking<'a, 'r> {
    end: End,
    checked: Checked<'a>,
    direction: Direction,
    options: CheckOptions,
    /// Of the target's PostgreSQL, that tables are created in.
    schemas: Vec<String>,
    report: &'r mut Report,
}

/// The rows of an answer.
type Rows = Vec<Vec<Option<String>>>;

impl Asking<'_, '_> {
    /// Where rows and structure are read, whether anything is followed or not.
    async fn as_reader(&mut self) -> Result<(), CheckError> {
        match self.checked.endpoint.info().engine {
            Engine::Postgres => rights::reader_of_postgres(self).await,
            Engine::MySql => rights::reader_of_mysql(self).await,
            Engine::Sqlite | Engine::SqlServer | Engine::MongoDb => Ok(()),
        }
    }

    async fn as_origin(&mut self) -> Result<(), CheckError> {
        match self.checked.endpoint.info().engine {
            Engine::Postgres => postgres::as_origin(self).await,
            Engine::MySql => mysql::as_origin(self).await,
            Engine::Sqlite => sqlite::as_origin(self).await,
            Engine::SqlServer | Engine::MongoDb => Ok(()),
        }
    }

    async fn as_sink(&mut self) -> Result<(), CheckError> {
        match self.checked.endpoint.info().engine {
            Engine::Postgres => postgres::as_sink(self).await?,
            Engine::MySql => mysql::as_sink(self).await?,
            Engine::Sqlite => sqlite::as_sink(self).await?,
            Engine::SqlServer | Engine::MongoDb => return Ok(()),
        }
        others::check(self).await
    }

    /// The rows of a question.
    async fn ask(&self, item: &'static str, question: &str) -> Result<Rows, CheckError> {
        let asked = self.checked.endpoint.look("checking what a move needs", question).await;
        asked.map_err(|error| self.failed(item, error))
    }

    /// The rows of a question, or `None` where the account may not ask it.
    async fn ask_if_may(&self, item: &'static str, question: &str) -> Result<Option<Rows>, CheckError> {
        match self.checked.endpoint.look("checking what a move needs", question).await {
            Ok(rows) => Ok(Some(rows)),
            Err(error) if error.class() == Class::Transient => Err(self.failed(item, error)),
            Err(_) => Ok(None),
        }
    }

    fn failed(&self, item: &'static str, error: EngineError) -> CheckError {
        CheckError { end: self.end, item, source: Box::new(error) }
    }

    /// The one row of a question, as text; what is NULL is empty.
    async fn row(&self, item: &'static str, question: &str) -> Result<Vec<String>, CheckError> {
        let row = self.ask(item, question).await?.into_iter().next().unwrap_or_default();
        Ok(row.into_iter().map(Option::unwrap_or_default).collect())
    }

    fn add(&mut self, item: &'static str, grade: Grade, found: impl Into<String>, why: &'static str, remedy: &str) {
        let remedy = Some(remedy.to_owned()).filter(|remedy| !remedy.is_empty() && grade != Grade::Pass);
        let (end, direction) = (self.end, self.direction);
        self.report.items.push(Item { end, direction, item, grade, found: found.into(), why, remedy });
    }

    /// Passes where `holds`, else `otherwise`.
    fn judge(
        &mut self,
        item: &'static str,
        holds: bool,
        otherwise: Grade,
        found: impl Into<String>,
        why: &'static str,
        remedy: &str,
    ) {
        self.add(item, if holds { Grade::Pass } else { otherwise }, found, why, remedy);
    }
}

/// What can't be asked is no pass.
const UNKNOWN: &str = "not known: the account may not ask";

/// Names for people: all of a few, and how many of many.
fn named(names: &[String]) -> String {
    const SHOWN: usize = 5;
    match names {
        [] => "none".to_owned(),
        few if few.len() <= SHOWN => few.join(", "),
        many => format!("{} and {} more", many[..SHOWN].join(", "), many.len() - SHOWN),
    }
}

fn number(text: &str) -> i64 {
    text.parse().unwrap_or(0)
}

/// A row of so many cells.
fn cells<const N: usize>(row: &[String]) -> [&str; N] {
    std::array::from_fn(|i| row.get(i).map_or("", String::as_str))
}

/// A name or a word of ours, for a question.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
