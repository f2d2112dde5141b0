//! What of a load is done, as the sink has it.
//!
//! Each transaction that changes a table of the sink for a load begins with a
//! compare-and-set here: on the range that it loads, or on the load where it is
//! about more than one. Whoever takes the load over raises the epoch in all of
//! these rows, and so waits for every transaction of an older process that is still
//! under way, and fails all that come later.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use switchback_engines::pack::{pack, unpack_all};
use switchback_engines::{
    Engine, KeyRange, KeyValues, Outcome, Position, QueryFault, ServerInfo, StreamName, Value, Writer, display,
};

use super::error::{Error, Result};
use super::own::{self, LOADS, RANGES, text, text_or_null};

/// How far a load is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stage {
    /// It was about to be armed, or was and it could not be written down.
    Arming,
    Loading {
        incarnation: String,
    },
    /// The stream has it from here.
    Loaded,
}

/// One range of a table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Range {
    pub(super) table: Numbered,
    pub(super) number: i64,
    pub(super) bounds: KeyRange,
    pub(super) loaded: Option<LoadedRange>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct LoadedRange {
    /// Of the snapshot that it was read from.
    pub(super) position: Position,
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

/// A table by the number that the ledger gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Numbered {
    pub(super) number: i64,
    pub(super) name: String,
}

/// Ranges that are written down at once.
const RANGES_AT_ONCE: usize = 500;
/// Bounds were written by this version of the packing.
const VERSION: &str = "1:";

#[derive(Debug, Clone)]
pub(super) struct Ledger {
    engine: Engine,
    stream: StreamName,
    /// 0 until it was claimed.
    epoch: i64,
    /// Under which epochs this process may find what it has claimed: the answer to a
    /// claim may be lost, and then it is the one before it or the one it made. Any
    /// other is that of a process which has taken the load over since.
    claims: Option<[i64; 2]>,
}

impl Ledger {
    pub(super) fn new(sink: &ServerInfo, stream: &StreamName) -> Self {
        Self { engine: sink.engine, stream: stream.clone(), epoch: 0, claims: None }
    }

    pub(super) fn begin(&self) -> String {
        own::begin(self.engine).to_owned()
    }

    fn mine(&self) -> String {
        format!("stream = {}", text(self.engine, self.stream.as_str()))
    }

    fn ours(&self) -> String {
        format!("{} AND epoch = {}", self.mine(), self.epoch)
    }

    pub(super) fn fenced(&self) -> Error {
        Error::Fenced { stream: self.stream.clone() }
    }

    /// Takes the load over, and says how far it is; `None` for one that has only
    /// now been written down.
    pub(super) async fn claim(&mut self, writer: &mut dyn Writer) -> Result<Option<Stage>> {
        for statement in own::create(self.engine) {
            writer.run(&[statement]).await?;
        }
        self.end_others(writer).await?;
        let claimed = self.try_claim(writer).await;
        if claimed.is_err() {
            // What fails now failed for the reason that is reported.
            let _ = writer.run(&["ROLLBACK".to_owned()]).await;
        }
        claimed
    }

    /// Ends the sessions of a process that was stopped. Those that wait for a
    /// statement end by their own time-outs, but a `COPY` waits for its client for
    /// ever, and keeps its range locked meanwhile. Whoever runs is fenced out anyway.
    async fn end_others(&self, writer: &mut dyn Writer) -> Result<()> {
        match self.engine {
            Engine::Postgres => {
                let name = text(self.engine, &application_name(&self.stream));
                let end = format!(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = {name} \
                     AND datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
                );
                writer.run(&[end]).await?;
                Ok(())
            }
            Engine::MySql | Engine::Sqlite | Engine::SqlServer | Engine::MongoDb => Ok(()),
        }
    }

    async fn try_claim(&mut self, writer: &mut dyn Writer) -> Result<Option<Stage>> {
        let (loads, ranges) = (own::name(self.engine, LOADS), own::name(self.engine, RANGES));
        let select = format!(
            "SELECT epoch, state, incarnation FROM {loads} WHERE {}{}",
            self.mine(),
            own::for_update(self.engine)
        );
        let outcomes = self.locking(writer, &[self.begin(), select]).await?;
        let row = outcomes.into_iter().nth(1).and_then(|outcome| outcome.rows.into_iter().next());
        let found = match &row {
            Some(row) => row.first().cloned().flatten().and_then(|epoch| epoch.parse().ok()).unwrap_or(0),
            None => 0,
        };
        if self.claims.is_some_and(|claims| !claims.contains(&found)) {
            return Err(self.fenced());
        }
        let epoch = after(found);
        self.claims = Some([found, epoch]);
        let stage = match row {
            None => {
                let stream = text(self.engine, self.stream.as_str());
                let insert = format!(
                    "INSERT INTO {loads} (stream, epoch, turn, state, incarnation, position) \
                     VALUES ({stream}, {epoch}, 0, 'arming', '', '')"
                );
                self.locking(writer, &[insert]).await?;
                None
            }
            Some(row) => {
                let mut cells = row.into_iter();
                let mut cell = || cells.next().flatten();
                let _older = cell();
                let stage = match cell().as_deref() {
                    Some("arming") => Stage::Arming,
                    Some("loading") => Stage::Loading { incarnation: cell().unwrap_or_default() },
                    Some("loaded") => Stage::Loaded,
                    _ => return Err(Error::State { what: format!("the load of `{}`", self.stream) }),
                };
                let claims = [
                    format!("UPDATE {loads} SET epoch = {epoch} WHERE {}", self.mine()),
                    format!("UPDATE {ranges} SET epoch = {epoch} WHERE {}", self.mine()),
                ];
                self.locking(writer, &claims).await?;
                Some(stage)
            }
        };
        self.locking(writer, &["COMMIT".to_owned()]).await?;
        self.epoch = epoch;
        self.claims = Some([epoch; 2]);
        Ok(stage)
    }

    async fn locking(&self, writer: &mut dyn Writer, statements: &[String]) -> Result<Vec<Outcome>> {
        writer.run(statements).await.map_err(|failed| match &failed.error {
            switchback_engines::Error::Query { fault: QueryFault::TimedOut, .. } => {
                Error::Busy { stream: self.stream.clone(), source: failed.error }
            }
            _ => Error::Engine(failed.error),
        })
    }

    /// Begins a transaction that is about the load as a whole, runs `statements` in
    /// it, and commits.
    pub(super) async fn change(&self, writer: &mut dyn Writer, statements: Vec<String>) -> Result<()> {
        let ran = self.try_change(writer, statements).await;
        if ran.is_err() {
            let _ = writer.run(&["ROLLBACK".to_owned()]).await;
        }
        ran
    }

    async fn try_change(&self, writer: &mut dyn Writer, statements: Vec<String>) -> Result<()> {
        self.open_turn(writer).await?;
        if !statements.is_empty() {
            writer.run(&statements).await?;
        }
        switchback_replicate::failpoint::reached("before-commit");
        writer.run(&["COMMIT".to_owned()]).await?;
        switchback_replicate::failpoint::reached("after-commit");
        Ok(())
    }

    /// Begins a transaction that is about the load as a whole.
    pub(super) async fn open_turn(&self, writer: &mut dyn Writer) -> Result<()> {
        let turn = format!("UPDATE {} SET turn = turn + 1 WHERE {}", own::name(self.engine, LOADS), self.ours());
        let outcomes = writer.run(&[self.begin(), turn]).await?;
        if outcomes.get(1).is_none_or(|outcome| outcome.affected != 1) {
            return Err(self.fenced());
        }
        Ok(())
    }

    /// A statement that writes down what was armed.
    pub(super) fn armed(&self, incarnation: &str, position: &Position) -> String {
        format!(
            "UPDATE {} SET state = 'loading', incarnation = {}, position = {} WHERE {}",
            own::name(self.engine, LOADS),
            text(self.engine, incarnation),
            text(self.engine, &position.0),
            self.ours()
        )
    }

    /// A statement for the end of it.
    pub(super) fn loaded(&self, position: &Position) -> String {
        format!(
            "UPDATE {} SET state = 'loaded', position = {} WHERE {}",
            own::name(self.engine, LOADS),
            text(self.engine, &position.0),
            self.ours()
        )
    }

    /// Statements that forget the load.
    pub(super) fn forget(&self) -> Vec<String> {
        [RANGES, LOADS].map(|of| format!("DELETE FROM {} WHERE {}", own::name(self.engine, of), self.ours())).into()
    }

    /// Statements that write down the ranges of a table.
    pub(super) fn add(&self, table: &Numbered, ranges: &[KeyRange]) -> Vec<String> {
        let row = |(number, range): (usize, &KeyRange)| {
            format!(
                "({}, {}, {number}, {}, {}, {}, {}, 0, NULL, 0, 0)",
                text(self.engine, self.stream.as_str()),
                table.number,
                text(self.engine, &table.name),
                text_or_null(self.engine, range.lower.as_ref().map(spell).as_deref()),
                text_or_null(self.engine, range.upper.as_ref().map(spell).as_deref()),
                self.epoch
            )
        };
        let rows: Vec<String> = ranges.iter().enumerate().map(row).collect();
        let insert = |rows: &[String]| {
            format!(
                "INSERT INTO {} (stream, table_number, range_number, table_name, lower_key, upper_key, epoch, loaded, \
                 position, row_count, byte_count) VALUES {}",
                own::name(self.engine, RANGES),
                rows.join(", ")
            )
        };
        rows.chunks(RANGES_AT_ONCE).map(insert).collect()
    }

    /// All ranges, by table and number.
    pub(super) async fn ranges(&self, writer: &mut dyn Writer) -> Result<Vec<Range>> {
        let select = format!(
            "SELECT table_number, table_name, range_number, lower_key, upper_key, loaded, position, row_count, \
             byte_count FROM {} WHERE {} ORDER BY table_number, range_number",
            own::name(self.engine, RANGES),
            self.mine()
        );
        let rows = writer.run(&[select]).await?.into_iter().next().unwrap_or_default().rows;
        let parsed: Option<Vec<Range>> = rows.into_iter().map(parse).collect();
        parsed.ok_or_else(|| Error::State { what: format!("the ranges of the load `{}`", self.stream) })
    }

    fn is_range(&self, range: &Range) -> String {
        format!("{} AND table_number = {} AND range_number = {}", self.ours(), range.table.number, range.number)
    }

    /// Takes a range for loaded, which must not have been. First in its
    /// transaction; finds one row, or the load is lost to another process.
    pub(super) fn take(&self, range: &Range, position: Option<&Position>) -> String {
        format!(
            "UPDATE {} SET loaded = 1, position = {} WHERE {} AND loaded = 0",
            own::name(self.engine, RANGES),
            text_or_null(self.engine, position.map(|position| position.0.as_str())),
            self.is_range(range)
        )
    }

    /// What came of it, in the same transaction.
    pub(super) fn count(&self, range: &Range, rows: u64, bytes: u64) -> String {
        format!(
            "UPDATE {} SET row_count = {rows}, byte_count = {bytes} WHERE {}",
            own::name(self.engine, RANGES),
            self.is_range(range)
        )
    }

    /// A statement that has a table loaded again, which was emptied.
    pub(super) fn reopen(&self, table: i64) -> String {
        format!(
            "UPDATE {} SET loaded = 0, position = NULL, row_count = 0, byte_count = 0 WHERE {} AND table_number = \
             {table}",
            own::name(self.engine, RANGES),
            self.ours()
        )
    }

    /// A statement for when all that is loaded is as it is at `position`.
    pub(super) fn mended(&self, position: &Position) -> String {
        format!(
            "UPDATE {} SET position = {} WHERE {} AND loaded = 1",
            own::name(self.engine, RANGES),
            text(self.engine, &position.0),
            self.ours()
        )
    }
}

/// By which a session of the load is known at the sink.
pub(super) fn application_name(stream: &StreamName) -> String {
    format!("switchback load {stream}")
}

/// An epoch that nobody else would take: see the stream's own.
fn after(epoch: i64) -> i64 {
    let random = i64::try_from(RandomState::new().build_hasher().finish() >> 2).unwrap_or(1);
    if random == epoch { random.saturating_add(1) } else { random.max(1) }
}

fn spell(key: &KeyValues) -> String {
    let mut bytes = Vec::new();
    key.iter().for_each(|value| pack(value, &mut bytes));
    format!("{VERSION}{}", display::hex(&bytes))
}

fn unspell(text: &str) -> Option<KeyValues> {
    let digits = text.strip_prefix(VERSION)?.as_bytes();
    if digits.len() % 2 != 0 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Vec<u8> = digits.chunks(2).map(byte).collect::<Option<_>>()?;
    Some(unpack_all(&bytes)?.into_iter().map(Value::into_owned).collect())
}

fn parse(row: Vec<Option<String>>) -> Option<Range> {
    let [table, name, number, lower, upper, loaded, position, rows, bytes] =
        <[Option<String>; 9]>::try_from(row).ok()?;
    let key = |text: Option<String>| match text {
        None => Some(None),
        Some(text) => unspell(&text).map(Some),
    };
    let is_loaded = loaded? != "0";
    let (rows, bytes) = (rows?.parse().ok()?, bytes?.parse().ok()?);
    Some(Range {
        table: Numbered { number: table?.parse().ok()?, name: name? },
        number: number?.parse().ok()?,
        bounds: KeyRange { lower: key(lower)?, upper: key(upper)? },
        loaded: is_loaded.then(|| LoadedRange { position: Position(position.unwrap_or_default()), rows, bytes }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_come_back_as_they_were() {
        let key: KeyValues = vec![Value::Int(-7), Value::Text("ü'\\".into()), Value::F64(-0.0)];
        assert_eq!(unspell(&spell(&key)), Some(key));
        for text in ["", "1:0", "2:00", "1:zz", "00"] {
            assert_eq!(unspell(text), None, "{text:?}");
        }
    }
}
