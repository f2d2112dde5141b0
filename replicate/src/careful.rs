//! One change at a time, where something does not fit.
//!
//! Slow on purpose: each change has a savepoint of its own, and what it finds is
//! looked at before the next is made. This is where a conflict gets its class and
//! its policy is carried out, in the same transaction as everything else, so that
//! neither a dead letter nor the change behind it can be lost or doubled.

use std::collections::HashSet;

use switchback_engines::pack::pack;
use switchback_engines::sql::change;
use switchback_engines::{Engine, Image, Outcome, QueryFault, StreamName, Value, Violation, Writer, display};

use crate::codec;
use crate::conflict::{Conflict, ConflictClass, Policies, Policy};
use crate::error::{Error, Result};
use crate::failpoint::reached;
use crate::own::{Store, text};
use crate::plan::{Mapped, Plan};
use crate::progress::Progress;
use crate::render::{Dialect, one, truncated};
use crate::transaction::{Op, RowChange, Spilled};

const SAVE: &str = "SAVEPOINT switchback";
const RELEASE: &str = "RELEASE SAVEPOINT switchback";
const BACK: &str = "ROLLBACK TO SAVEPOINT switchback";

/// The keys of dead letters: later changes of the same rows wait behind them, or
/// they would be applied to a row that is not what they were made for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Held(HashSet<(usize, Vec<u8>)>);

impl Held {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn extend(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    /// Holds the rows that a change is about: where it moves one, the row by its
    /// old and its new key.
    pub(crate) fn hold(&mut self, plan: &Plan, change: &RowChange) {
        self.0.extend(keys(plan, change).into_iter().map(|key| (change.table, key)));
    }

    fn holds(&self, plan: &Plan, change: &RowChange) -> bool {
        !self.0.is_empty() && keys(plan, change).into_iter().any(|key| self.0.contains(&(change.table, key)))
    }
}

fn keys(plan: &Plan, change: &RowChange) -> Vec<Vec<u8>> {
    let Some(mapped) = plan.tables.get(change.table) else { return Vec::new() };
    let packed = |image: &Image| {
        let mut bytes = Vec::new();
        mapped.key(image)?.iter().for_each(|(_, value)| pack(value, &mut bytes));
        Some(bytes)
    };
    match &change.op {
        Op::Insert { new } => packed(new).into_iter().collect(),
        Op::Update { old, new } => old.as_ref().and_then(packed).into_iter().chain(packed(new)).collect(),
        Op::Delete { old } => packed(old).into_iter().collect(),
        Op::Truncate { .. } => Vec::new(),
    }
}

pub(crate) struct Careful<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) dialect: Dialect,
    pub(crate) policies: &'a Policies,
    pub(crate) dead_letters: &'a Store,
    pub(crate) stream: &'a StreamName,
    pub(crate) writer: &'a mut dyn Writer,
    /// What the progress row says when the transaction is committed.
    pub(crate) to: &'a Progress,
    pub(crate) held: &'a Held,
    pub(crate) newly_held: Held,
    /// Of the change within its transaction.
    pub(crate) ordinal: i64,
    pub(crate) put_aside: u64,
}

/// What a change that doesn't fit is, and what the server said.
struct Misfit {
    class: ConflictClass,
    reason: Option<String>,
}

impl Careful<'_> {
    pub(crate) async fn make_spilled(&mut self, spilled: &Spilled) -> Result<()> {
        let mut pieces = spilled.reader()?;
        loop {
            let piece = pieces.piece()?;
            if piece.is_empty() {
                return Ok(());
            }
            self.make_all(&piece).await?;
        }
    }

    pub(crate) async fn make_all(&mut self, changes: &[RowChange]) -> Result<()> {
        for change in changes {
            self.ordinal += 1;
            self.make(change).await?;
            reached("mid-rows");
        }
        Ok(())
    }

    async fn make(&mut self, change: &RowChange) -> Result<()> {
        let plan = self.plan;
        let mapped = plan.tables.get(change.table).ok_or_else(|| state("a change of a table that is not there"))?;
        if let Op::Truncate { with } = &change.op {
            let statements = change::truncate(self.dialect.engine, &truncated(plan, change.table, with));
            return match self.writer.run(&statements).await {
                Ok(_) => Ok(()),
                Err(failed) => Err(failed.error.into()),
            };
        }
        if self.held.holds(plan, change) || self.newly_held.holds(plan, change) {
            return self.put_aside(mapped, change, Misfit { class: ConflictClass::Held, reason: None }).await;
        }
        let misfit = match &change.unfit {
            Some(unfit) => Some(Misfit { class: ConflictClass::Value, reason: Some(unfit.to_string()) }),
            None => self.try_to_make(mapped, change).await?,
        };
        let Some(misfit) = misfit else { return Ok(()) };
        match self.policies.of(misfit.class) {
            Policy::Stop => Err(Error::Conflict(Box::new(Conflict {
                class: misfit.class,
                table: mapped.sink.name.to_string(),
                operation: change.op.name(),
                key: mapped.key_text(&change.op),
                position: self.to.position.clone(),
                reason: misfit.reason,
            }))),
            Policy::DeadLetter => self.put_aside(mapped, change, misfit).await,
            Policy::Overwrite => self.overwrite(mapped, change, misfit).await,
        }
    }

    /// Makes the change, or leaves everything as it was and says what is wrong.
    async fn try_to_make(&mut self, mapped: &Mapped, change: &RowChange) -> Result<Option<Misfit>> {
        let statement = one(self.dialect, mapped, change).ok_or_else(|| state("a change that lacks the row's key"))?;
        let misfit = match self.run_saved(&statement.sql).await? {
            Ok(outcome) if Some(outcome.affected) == statement.expected => {
                self.run(&[RELEASE]).await?;
                return Ok(None);
            }
            Ok(outcome) => {
                self.run(&[BACK, RELEASE]).await?;
                Misfit { class: self.not_one(mapped, change, outcome.affected).await?, reason: None }
            }
            Err((violation, reason)) => {
                self.run(&[BACK, RELEASE]).await?;
                Misfit { class: self.refused(mapped, change, violation).await?, reason: Some(reason) }
            }
        };
        Ok(Some(misfit))
    }

    async fn not_one(&mut self, mapped: &Mapped, change: &RowChange, found: u64) -> Result<ConflictClass> {
        if found > 1 {
            return Ok(ConflictClass::Ambiguous);
        }
        let is_there = self.is_there(mapped, &change.op).await?;
        Ok(match (&change.op, is_there) {
            (Op::Delete { .. }, true) => ConflictClass::DeleteDiffers,
            (Op::Delete { .. }, false) => ConflictClass::DeleteMissing,
            (Op::Insert { .. }, _) => ConflictClass::Constraint,
            (Op::Update { .. } | Op::Truncate { .. }, true) => ConflictClass::UpdateDiffers,
            (Op::Update { .. } | Op::Truncate { .. }, false) => ConflictClass::UpdateMissing,
        })
    }

    async fn refused(&mut self, mapped: &Mapped, change: &RowChange, violation: Violation) -> Result<ConflictClass> {
        Ok(match violation {
            Violation::Unique
                if matches!(change.op, Op::Insert { .. }) && self.is_there(mapped, &change.op).await? =>
            {
                ConflictClass::InsertExists
            }
            Violation::Unique => ConflictClass::UniqueOtherRow,
            Violation::ForeignKey | Violation::NotNull | Violation::Check => ConflictClass::Constraint,
            Violation::Type | Violation::Deadlock => ConflictClass::Value,
        })
    }

    /// Whether the sink has a row of the identity that the change finds its row
    /// by. Without an identity all columns were asked for, and it has not.
    async fn is_there(&mut self, mapped: &Mapped, op: &Op) -> Result<bool> {
        let image = match op {
            Op::Insert { new } | Op::Update { old: None, new } => new,
            Op::Update { old: Some(old), .. } | Op::Delete { old } => old,
            Op::Truncate { .. } => return Ok(false),
        };
        if mapped.identity.is_empty() {
            return Ok(false);
        }
        let key = mapped.key(image).ok_or_else(|| state("a change that lacks the row's key"))?;
        let look = self.dialect.rows(mapped).look(&key);
        Ok(self.run(&[&look]).await?.first().is_some_and(|outcome| !outcome.rows.is_empty()))
    }

    /// Makes the row what the origin has.
    async fn overwrite(&mut self, mapped: &Mapped, change: &RowChange, misfit: Misfit) -> Result<()> {
        let blind = Dialect { check_before: false, ..self.dialect };
        let statement = match (misfit.class, &change.op) {
            (ConflictClass::InsertExists, Op::Insert { new }) => {
                one(blind, mapped, &change.with(Op::Update { old: None, new: new.clone() }))
            }
            // What the log left out can't be made up.
            (ConflictClass::UpdateMissing, Op::Update { new, .. }) => {
                one(blind, mapped, &change.with(Op::Insert { new: new.clone() }))
            }
            (ConflictClass::UpdateDiffers | ConflictClass::DeleteDiffers, _) => one(blind, mapped, change),
            (ConflictClass::DeleteMissing, _) => {
                return self.note(mapped, change, &misfit, Policy::Overwrite, None).await;
            }
            _ => None,
        };
        let Some(statement) = statement else { return self.put_aside(mapped, change, misfit).await };
        let replaced = self.row(mapped, &change.op).await?;
        match self.run_saved(&statement.sql).await? {
            Ok(outcome) if Some(outcome.affected) == statement.expected => {
                self.run(&[RELEASE]).await?;
                self.note(mapped, change, &misfit, Policy::Overwrite, replaced).await
            }
            _ => {
                self.run(&[BACK, RELEASE]).await?;
                self.put_aside(mapped, change, misfit).await
            }
        }
    }

    /// The sink's row as text, before it is replaced.
    async fn row(&mut self, mapped: &Mapped, op: &Op) -> Result<Option<String>> {
        let image = match op {
            Op::Insert { new } | Op::Update { old: None, new } => new,
            Op::Update { old: Some(old), .. } | Op::Delete { old } => old,
            Op::Truncate { .. } => return Ok(None),
        };
        let Some(key) = mapped.key(image) else { return Ok(None) };
        let select = self.dialect.rows(mapped).select(&key);
        let row = self.run(&[&select]).await?.into_iter().next().and_then(|o| o.rows.into_iter().next());
        let text = |(place, cell): (usize, Option<String>)| {
            let name =
                mapped.columns.get(place).and_then(|&i| mapped.sink.columns.get(i)).map_or("", |c| c.name.as_str());
            format!("{name}={}", cell.unwrap_or_else(|| "NULL".to_owned()))
        };
        Ok(row.map(|row| row.into_iter().enumerate().map(text).collect::<Vec<_>>().join(", ")))
    }

    async fn put_aside(&mut self, mapped: &Mapped, change: &RowChange, misfit: Misfit) -> Result<()> {
        self.newly_held.hold(self.plan, change);
        self.note(mapped, change, &misfit, Policy::DeadLetter, None).await
    }

    async fn note(
        &mut self,
        mapped: &Mapped,
        change: &RowChange,
        misfit: &Misfit,
        policy: Policy,
        replaced: Option<String>,
    ) -> Result<()> {
        let mut packed = Vec::new();
        codec::encode(change, &mut packed);
        let optional = |value: Option<String>| value.map_or(Value::Null, |v| Value::Text(v.into()));
        let insert = self.dead_letters.insert(&[
            ("stream", text(self.stream.as_str())),
            ("epoch", Value::Int(self.to.epoch)),
            ("incarnation", text(&self.to.incarnation)),
            ("position", text(&self.to.position.0)),
            ("seq", Value::Int(self.to.seq)),
            ("ordinal", Value::Int(self.ordinal)),
            ("committed_at", Value::Int(self.to.committed_at)),
            ("operation", text(change.op.name())),
            ("table_name", text(&mapped.sink.name.to_string())),
            ("row_key", text(&mapped.key_text(&change.op))),
            ("class", text(misfit.class.name())),
            ("policy", text(if policy == Policy::Overwrite { "overwrite" } else { "dead_letter" })),
            ("reason", optional(misfit.reason.clone())),
            ("version", text(env!("CARGO_PKG_VERSION"))),
            ("packed", text(&display::hex(&packed))),
            ("replaced", optional(replaced)),
        ]);
        self.put_aside += 1;
        self.run(&[&insert]).await?;
        reached("after-dead-letter");
        Ok(())
    }

    /// Runs one statement behind a savepoint. A refusal that is about the data is
    /// an answer like another.
    async fn run_saved(&mut self, sql: &str) -> Result<std::result::Result<Outcome, (Violation, String)>> {
        match self.writer.run(&[SAVE.to_owned(), sql.to_owned()]).await {
            Ok(outcomes) => Ok(Ok(outcomes.into_iter().nth(1).unwrap_or_default())),
            Err(failed) => match failed.violation {
                Some(Violation::Deadlock) => Err(again(failed.error)),
                Some(violation) => Ok(Err((violation, cause(&failed.error)))),
                None => Err(failed.error.into()),
            },
        }
    }

    async fn run(&mut self, statements: &[&str]) -> Result<Vec<Outcome>> {
        let statements: Vec<String> = statements.iter().map(|s| (*s).to_owned()).collect();
        self.writer.run(&statements).await.map_err(|failed| failed.error.into())
    }
}

/// A deadlock as what the whole transaction is made again after.
fn again(error: switchback_engines::Error) -> Error {
    use switchback_engines::Error as E;
    Error::Engine(match error {
        E::Query { location, what, source, .. } => E::Query { location, what, source, fault: QueryFault::TimedOut },
        other => other,
    })
}

/// What the server said, without values, for a dead letter.
fn cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

fn state(what: &str) -> Error {
    Error::State { what: what.to_owned() }
}

/// Dead letters of a stream that wait, in the order in which they were put aside.
pub(crate) async fn held(
    writer: &mut dyn Writer,
    store: &Store,
    engine: Engine,
    stream: &StreamName,
    plan: &Plan,
) -> Result<Held> {
    let name = |column| switchback_engines::sql::name(engine, column);
    let select = format!(
        "SELECT {} FROM {} WHERE {} AND {} ORDER BY {}",
        name("packed"),
        store.name(),
        store.is("stream", &text(stream.as_str())),
        store.is("policy", &text("dead_letter")),
        name("id")
    );
    let outcomes = writer.run(&[select]).await.map_err(|failed| failed.error)?;
    let mut held = Held::default();
    for row in outcomes.into_iter().flat_map(|outcome| outcome.rows) {
        let packed = row.into_iter().next().flatten().and_then(|hex| unhex(&hex));
        let change = packed.and_then(|packed| codec::decode(&packed)).ok_or_else(|| state("a dead letter"))?;
        held.hold(plan, &change);
    }
    Ok(held)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}
