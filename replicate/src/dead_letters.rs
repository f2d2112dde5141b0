//! The table of dead letters, and reading it.
//!
//! A letter's row is written in the transaction that would else have held its
//! change, and it goes in one of three ways: with the transaction of a replay
//! that made the change; once it is exported, unless it still waits; or when the
//! origin empties its table and it was exported before. So there is no moment at
//! which a letter is neither in the table nor in the archive nor applied.

use switchback_engines::sql;
use switchback_engines::{Engine, OwnedValue, Position, ServerInfo, StreamName, Value, Writer};

use crate::conflict::{ConflictClass, Policy};
use crate::error::{Error, Result};
use crate::letter::{DeadLetter, LetterState, TextRow};
use crate::own::{Own, Store, text};
use crate::stream::Stream;

/// Letters that are read at once where only their keys are wanted.
const PAGE: usize = 500;

const COLUMNS: [&str; 21] = [
    "id",
    "stream",
    "epoch",
    "incarnation",
    "position",
    "seq",
    "ordinal",
    "committed_at",
    "operation",
    "table_name",
    "row_key",
    "before_row",
    "after_row",
    "sink_row",
    "class",
    "reason",
    "policy",
    "state",
    "version",
    "packed",
    "row_blake3",
];

impl Stream {
    /// The stream's letters behind the one numbered `after`, in order; those that
    /// wait and those that are kept as evidence until they are exported.
    pub async fn dead_letters(&self, after: i64, limit: usize) -> Result<Vec<DeadLetter>> {
        let letters = Letters::new(self.sink.info(), &self.spec.name);
        let mut writer = self.writer(&self.sink).await?;
        let page = letters.page(writer.as_mut(), after, limit, "1 = 1").await?;
        writer.close().await?;
        Ok(page)
    }
}

/// The letters of one stream in its sink.
#[derive(Debug)]
pub(crate) struct Letters {
    store: Store,
    engine: Engine,
    stream: StreamName,
}

impl Letters {
    pub(crate) fn new(sink: &ServerInfo, stream: &StreamName) -> Self {
        Self { store: Store::new(sink, Own::DeadLetters), engine: sink.engine, stream: stream.clone() }
    }

    /// The statement that writes a letter. Its number comes from the sink.
    pub(crate) fn insert(&self, letter: &DeadLetter) -> Result<String> {
        let optional = |value: Option<String>| value.map_or(Value::Null, |v| Value::Text(v.into()));
        let row = |row: &Option<TextRow>| -> Result<OwnedValue> {
            let json = row.as_ref().map(serde_json::to_string).transpose();
            json.map(optional).map_err(|_| Error::State { what: "a row of a dead letter".to_owned() })
        };
        Ok(self.store.insert(&[
            ("stream", text(self.stream.as_str())),
            ("epoch", Value::Int(letter.epoch)),
            ("incarnation", text(&letter.incarnation)),
            ("position", text(&letter.position.0)),
            ("seq", Value::Int(letter.seq)),
            ("ordinal", Value::Int(letter.ordinal)),
            ("committed_at", Value::Int(letter.committed_at)),
            ("operation", text(&letter.operation)),
            ("table_name", text(&letter.table)),
            ("row_key", text(&letter.key)),
            ("before_row", row(&letter.before)?),
            ("after_row", row(&letter.after)?),
            ("sink_row", row(&letter.sink_row)?),
            ("class", text(letter.class.name())),
            ("reason", optional(letter.reason.clone())),
            ("policy", text(letter.policy.name())),
            ("state", text(letter.state.name())),
            ("version", text(&letter.tool_version)),
            ("packed", text(&switchback_engines::display::hex(&letter.change))),
            ("row_blake3", text(&letter.row_blake3)),
            ("archived", Value::Int(0)),
        ]))
    }

    /// Letters that wait, in order, a page of them.
    pub(crate) async fn waiting(&self, writer: &mut dyn Writer, after: i64) -> Result<Vec<DeadLetter>> {
        self.page(writer, after, PAGE, &self.is_state(LetterState::Waiting)).await
    }

    /// Letters that meet a condition, in order.
    pub(crate) async fn page(
        &self,
        writer: &mut dyn Writer,
        after: i64,
        limit: usize,
        condition: &str,
    ) -> Result<Vec<DeadLetter>> {
        let columns: Vec<String> = COLUMNS.iter().map(|column| self.column(column)).collect();
        let id = self.column("id");
        let select = format!(
            "SELECT {} FROM {} WHERE {} AND {id} > {after} AND {condition} ORDER BY {id} LIMIT {limit}",
            columns.join(", "),
            self.store.name(),
            self.mine()
        );
        let rows = self.ask(writer, select).await?.into_iter();
        rows.map(|row| parse(row).ok_or_else(|| Error::State { what: "a row of the dead letters".to_owned() }))
            .collect()
    }

    /// The letters of these tables mean nothing any more. Those that are in the
    /// archive go, the others when they are.
    pub(crate) fn supersede(&self, tables: &[String]) -> [String; 2] {
        let of: Vec<String> = tables.iter().map(|name| self.store.is("table_name", &text(name))).collect();
        let waiting = format!("{} AND ({})", self.is_state(LetterState::Waiting), of.join(" OR "));
        [self.delete(&format!("{waiting} AND {}", self.is_archived())), self.mark(LetterState::Superseded, &waiting)]
    }

    /// As [`Letters::supersede`], for some that are not wanted.
    pub(crate) fn discard(&self, ids: &[i64]) -> [String; 2] {
        let waiting = format!("{} AND {}", self.is_state(LetterState::Waiting), self.is_one_of(ids));
        [self.delete(&format!("{waiting} AND {}", self.is_archived())), self.mark(LetterState::Discarded, &waiting)]
    }

    pub(crate) fn delete(&self, condition: &str) -> String {
        format!("DELETE FROM {} WHERE {} AND {condition}", self.store.name(), self.mine())
    }

    /// Sets a column of ours to a literal.
    pub(crate) fn set(&self, column: &str, value: &OwnedValue, condition: &str) -> String {
        let assignment = self.store.assign(column, value);
        format!("UPDATE {} SET {assignment} WHERE {} AND {condition}", self.store.name(), self.mine())
    }

    fn mark(&self, state: LetterState, condition: &str) -> String {
        self.set("state", &text(state.name()), condition)
    }

    pub(crate) fn is_state(&self, state: LetterState) -> String {
        self.store.is("state", &text(state.name()))
    }

    pub(crate) fn is_one_of(&self, ids: &[i64]) -> String {
        if ids.is_empty() {
            return "1 = 0".to_owned();
        }
        let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
        format!("{} IN ({})", self.column("id"), ids.join(", "))
    }

    fn is_archived(&self) -> String {
        self.store.is("archived", &Value::Int(1))
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn mine(&self) -> String {
        self.store.is("stream", &text(self.stream.as_str()))
    }

    pub(crate) fn column(&self, name: &str) -> String {
        sql::name(self.engine, name)
    }

    pub(crate) async fn ask(&self, writer: &mut dyn Writer, query: String) -> Result<Vec<Vec<Option<String>>>> {
        let outcomes = writer.run(&[query]).await.map_err(|failed| failed.error)?;
        Ok(outcomes.into_iter().flat_map(|outcome| outcome.rows).collect())
    }
}

fn parse(row: Vec<Option<String>>) -> Option<DeadLetter> {
    let [
        id,
        stream,
        epoch,
        incarnation,
        position,
        seq,
        ordinal,
        committed_at,
        operation,
        table,
        key,
        before,
        after,
        sink_row,
        class,
        reason,
        policy,
        state,
        tool_version,
        packed,
        row_blake3,
    ] = <[Option<String>; COLUMNS.len()]>::try_from(row).ok()?;
    let image = |json: Option<String>| json.map(|json| serde_json::from_str::<TextRow>(&json)).transpose().ok();
    let (class, policy, state) = (class?, policy?, state?);
    Some(DeadLetter {
        id: id?.parse().ok()?,
        stream: stream?,
        epoch: epoch?.parse().ok()?,
        incarnation: incarnation?,
        position: Position(position?),
        seq: seq?.parse().ok()?,
        ordinal: ordinal?.parse().ok()?,
        committed_at: committed_at?.parse().ok()?,
        operation: operation?,
        table: table?,
        key: key?,
        before: image(before)?,
        after: image(after)?,
        sink_row: image(sink_row)?,
        class: ConflictClass::ALL.into_iter().find(|c| c.name() == class)?,
        reason,
        policy: Policy::ALL.into_iter().find(|p| p.name() == policy)?,
        state: LetterState::ALL.into_iter().find(|s| s.name() == state)?,
        tool_version: tool_version?,
        change: unhex(&packed?)?,
        row_blake3: row_blake3?,
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}
