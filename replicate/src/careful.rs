//! One change at a time, where something does not fit.
//!
//! Slow on purpose: each change has a savepoint of its own, and what it finds is
//! looked at before the next is made. This is where a conflict gets its class and
//! its policy is carried out, in the same transaction as everything else, so that
//! neither a dead letter nor the change behind it can be lost or doubled.

use switchback_engines::fit::Unfit;
use switchback_engines::sql::change::{self, Cell};
use switchback_engines::{Image, Outcome, QueryFault, Value, Violation, Writer, display};

use crate::codec;
use crate::conflict::{Conflict, ConflictClass, Policies, Policy};
use crate::dead_letters::Letters;
use crate::error::{Error, Result};
use crate::failpoint::reached;
use crate::held::{Held, Holding, emptied};
use crate::letter::{DeadLetter, LetterState, TextRow};
use crate::plan::{Mapped, Plan};
use crate::progress::Progress;
use crate::render::{Dialect, one, truncated};
use crate::transaction::{Misfitting, Op, RowChange, Spilled};

const SAVE: &str = "SAVEPOINT switchback";
const RELEASE: &str = "RELEASE SAVEPOINT switchback";
const BACK: &str = "ROLLBACK TO SAVEPOINT switchback";

pub(crate) struct Careful<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) dialect: Dialect,
    pub(crate) policies: &'a Policies,
    pub(crate) letters: &'a Letters,
    pub(crate) writer: &'a mut dyn Writer,
    /// What the progress row says when the transaction is committed.
    pub(crate) to: &'a Progress,
    pub(crate) held: &'a Held,
    pub(crate) holding: Holding,
    /// Of the change within its transaction.
    pub(crate) ordinal: i64,
    /// Letters that were written.
    pub(crate) written: u64,
}

/// What a change that doesn't fit is, and what the server said.
#[derive(Debug)]
pub(crate) struct Misfit {
    pub(crate) class: ConflictClass,
    pub(crate) reason: Option<String>,
}

impl Misfit {
    fn new(class: ConflictClass, reason: impl Into<Option<String>>) -> Self {
        Self { class, reason: reason.into() }
    }

    fn unfit(unfit: &Misfitting) -> Self {
        let class = match unfit.why {
            Unfit::Null { .. } => ConflictClass::Constraint,
            Unfit::Range { .. } | Unfit::NoEqual { .. } => ConflictClass::Value,
        };
        Self::new(class, unfit.why.to_string())
    }
}

impl<'a> Careful<'a> {
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
        if let Op::Truncate { with } = &change.op {
            return self.empty(change.table, with).await;
        }
        let mapped = self.mapped(change)?;
        let misfit = if self.holding.holds(self.held, self.plan, change) {
            Misfit::new(ConflictClass::Held, "an earlier change of the row was put aside".to_owned())
        } else {
            match self.try_change(mapped, change).await? {
                Some(misfit) => misfit,
                None => return Ok(()),
            }
        };
        let policy = self.policies.of(misfit.class);
        match policy {
            Policy::Stop => {
                return Err(Error::Conflict(Box::new(Conflict {
                    class: misfit.class,
                    table: mapped.sink.name.to_string(),
                    operation: change.op.name(),
                    key: mapped.key_text(&change.op),
                    position: self.to.position.clone(),
                    reason: misfit.reason,
                })));
            }
            Policy::DeadLetter => {}
            Policy::Overwrite => {
                if self.overwrite(mapped, change, &misfit).await? {
                    return Ok(());
                }
            }
        }
        self.holding.hold(self.plan, change);
        let sink_row = self.in_the_way(mapped, change, misfit.class).await?;
        self.write_letter(mapped, change, &misfit, policy, LetterState::Waiting, sink_row).await
    }

    /// Makes a change that was put aside before: `None` when it is made.
    pub(crate) async fn make_again(&mut self, change: &RowChange) -> Result<Option<Misfit>> {
        let mapped = self.mapped(change)?;
        let Some(misfit) = self.try_change(mapped, change).await? else { return Ok(None) };
        let overwrites = self.policies.of(misfit.class) == Policy::Overwrite;
        Ok(if overwrites && self.overwrite(mapped, change, &misfit).await? { None } else { Some(misfit) })
    }

    fn mapped(&self, change: &RowChange) -> Result<&'a Mapped> {
        let plan: &'a Plan = self.plan;
        plan.tables.get(change.table).ok_or_else(|| Error::State { what: "a change's table".to_owned() })
    }

    /// Empties tables. There is no policy for it: a table is empty or not, and all
    /// that comes later depends on which.
    async fn empty(&mut self, table: usize, with: &[usize]) -> Result<()> {
        let tables = truncated(self.plan, table, with);
        let engine = self.dialect.engine;
        let mut statements = vec![SAVE.to_owned()];
        statements.extend(change::truncate(engine, &tables));
        let refused = match self.writer.run(&statements).await {
            Ok(_) => false,
            // A table of the sink that is not streamed refers to one of these.
            Err(failed) if failed.violation == Some(Violation::ForeignKey) => true,
            Err(failed) if failed.violation == Some(Violation::Deadlock) => return Err(again(failed.error)),
            Err(failed) => return Err(failed.error.into()),
        };
        let mut rest: Vec<String> = Vec::new();
        if refused {
            rest.push(BACK.to_owned());
            rest.extend(tables.iter().map(|of| change::empty(engine, of)));
        }
        rest.push(RELEASE.to_owned());
        let names: Vec<String> = tables.iter().map(|of| of.name.to_string()).collect();
        rest.extend(self.letters.supersede(&names));
        self.run(&rest).await?;
        emptied(table, with).for_each(|table| self.holding.release(table));
        Ok(())
    }

    /// Makes the change, or leaves everything as it was and says what is wrong.
    async fn try_change(&mut self, mapped: &Mapped, change: &RowChange) -> Result<Option<Misfit>> {
        if let Some(unfit) = &change.unfit {
            return Ok(Some(Misfit::unfit(unfit)));
        }
        let Some(statement) = one(self.dialect, mapped, change) else {
            let reason = "the change lacks values that it takes to make it".to_owned();
            return Ok(Some(Misfit::new(ConflictClass::Value, reason)));
        };
        let misfit = match self.run_saved(&statement.sql).await? {
            Ok(outcome) if Some(outcome.affected) == statement.expected => {
                self.run(&[RELEASE]).await?;
                return Ok(None);
            }
            Ok(outcome) => {
                self.run(&[BACK, RELEASE]).await?;
                let found = outcome.affected;
                let reason = (found > 1).then(|| format!("{found} rows where one is meant"));
                Misfit::new(self.not_one(mapped, change, found).await?, reason)
            }
            Err((violation, reason)) => {
                self.run(&[BACK, RELEASE]).await?;
                Misfit::new(self.refused(mapped, change, violation).await?, reason)
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
        let Some(key) = found_by(mapped, op).filter(|_| !mapped.identity.is_empty()) else { return Ok(false) };
        let look = self.dialect.rows(mapped).look(&key);
        Ok(self.run(&[look]).await?.first().is_some_and(|outcome| !outcome.rows.is_empty()))
    }

    /// Makes the row what the origin has, and keeps what it was. `false`, with
    /// nothing done, where that can't be or would touch another row.
    async fn overwrite(&mut self, mapped: &Mapped, change: &RowChange, misfit: &Misfit) -> Result<bool> {
        // Without a key, a row that was changed looks like one that is not there:
        // what is made instead would stand beside it.
        if mapped.identity.is_empty() {
            return Ok(false);
        }
        let replaced = self.in_the_way(mapped, change, misfit.class).await?;
        if misfit.class != ConflictClass::DeleteMissing {
            let blind = Dialect { check_before: false, ..self.dialect };
            let Some(instead) = instead(misfit.class, change) else { return Ok(false) };
            let Some(statement) = one(blind, mapped, &instead) else { return Ok(false) };
            let made = self.run_saved(&statement.sql).await?;
            if !made.is_ok_and(|outcome| Some(outcome.affected) == statement.expected) {
                self.run(&[BACK, RELEASE]).await?;
                return Ok(false);
            }
            self.run(&[RELEASE]).await?;
        }
        self.write_letter(mapped, change, misfit, Policy::Overwrite, LetterState::Overwrote, replaced).await?;
        Ok(true)
    }

    /// The row of the sink that a conflict is about.
    async fn in_the_way(
        &mut self,
        mapped: &Mapped,
        change: &RowChange,
        class: ConflictClass,
    ) -> Result<Option<TextRow>> {
        let own = found_by(mapped, &change.op).filter(|_| !mapped.identity.is_empty());
        match class {
            ConflictClass::InsertExists
            | ConflictClass::UpdateDiffers
            | ConflictClass::DeleteDiffers
            | ConflictClass::Ambiguous => match own {
                Some(key) => self.row(mapped, &key).await,
                None => Ok(None),
            },
            ConflictClass::UniqueOtherRow => {
                let own = match own {
                    Some(key) => self.row(mapped, &key).await?,
                    None => None,
                };
                for key in unique_values(mapped, &change.op) {
                    let other = self.row(mapped, &key).await?;
                    if other.is_some() && other != own {
                        return Ok(other);
                    }
                }
                Ok(None)
            }
            ConflictClass::UpdateMissing
            | ConflictClass::DeleteMissing
            | ConflictClass::Constraint
            | ConflictClass::Value
            | ConflictClass::Held => Ok(None),
        }
    }

    /// A row of the sink that has these values, as text.
    async fn row(&mut self, mapped: &Mapped, key: &[Cell<'_>]) -> Result<Option<TextRow>> {
        let select = self.dialect.rows(mapped).select(key);
        let row = self.run(&[select]).await?.into_iter().next().and_then(|o| o.rows.into_iter().next());
        let named = |(place, cell): (usize, Option<String>)| (mapped.cell_name(place).to_owned(), cell);
        Ok(row.map(|row| TextRow(row.into_iter().enumerate().map(named).collect())))
    }

    async fn write_letter(
        &mut self,
        mapped: &Mapped,
        change: &RowChange,
        misfit: &Misfit,
        policy: Policy,
        state: LetterState,
        sink_row: Option<TextRow>,
    ) -> Result<()> {
        let packed = codec::encode_letter(mapped, change);
        let (op, names) = codec::lettered(mapped, change);
        let [before, after] = op.images().map(|image| image.map(|image| text_row(&names, image)));
        let insert = self.letters.insert(&DeadLetter {
            id: 0,
            stream: String::new(),
            epoch: self.to.epoch,
            incarnation: self.to.incarnation.clone(),
            position: self.to.position.clone(),
            seq: self.to.seq,
            ordinal: self.ordinal,
            committed_at: self.to.committed_at,
            operation: change.op.name().to_owned(),
            table: mapped.sink.name.to_string(),
            key: mapped.key_text(&change.op),
            before,
            after,
            sink_row,
            class: misfit.class,
            reason: misfit.reason.clone(),
            policy,
            state,
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            row_blake3: blake3::hash(&packed).to_hex().to_string(),
            change: packed,
        })?;
        self.run(&[insert]).await?;
        self.written += 1;
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

    async fn run(&mut self, statements: &[impl AsRef<str>]) -> Result<Vec<Outcome>> {
        let statements: Vec<String> = statements.iter().map(|s| s.as_ref().to_owned()).collect();
        self.writer.run(&statements).await.map_err(|failed| match failed.violation {
            Some(Violation::Deadlock) => again(failed.error),
            _ => failed.error.into(),
        })
    }
}

/// The values by which the sink's row of a change is found.
fn found_by<'c>(mapped: &Mapped, op: &'c Op) -> Option<Vec<Cell<'c>>> {
    let [old, new] = op.images();
    mapped.key(old.or(new)?)
}

/// The values that a change gives to the sink's unique keys, a list for each.
fn unique_values<'c>(mapped: &Mapped, op: &'c Op) -> Vec<Vec<Cell<'c>>> {
    let [_, Some(new)] = op.images() else { return Vec::new() };
    let keys = mapped.sink.primary_key.iter().chain(&mapped.sink.unique_keys);
    let cell = |column: &usize| {
        let place = mapped.columns.iter().position(|i| i == column)?;
        Some((place, new.get(place)?.as_ref().filter(|value| !value.is_null())?))
    };
    keys.filter_map(|key| key.columns.iter().map(cell).collect()).collect()
}

/// What makes the row what the origin has, where another change should have. What
/// the log has left out of the new row stood in the old one.
fn instead(class: ConflictClass, change: &RowChange) -> Option<RowChange> {
    let op = match (class, &change.op) {
        (ConflictClass::InsertExists, Op::Insert { new }) => Op::Update { old: None, new: new.clone() },
        (ConflictClass::UpdateMissing, Op::Update { old, new }) => Op::Insert { new: whole(old.as_ref(), new) },
        (ConflictClass::UpdateDiffers, Op::Update { old, new }) => {
            Op::Update { old: old.clone(), new: whole(old.as_ref(), new) }
        }
        (ConflictClass::DeleteDiffers, Op::Delete { old }) => Op::Delete { old: old.clone() },
        _ => return None,
    };
    Some(RowChange { table: change.table, op, unfit: None })
}

fn whole(old: Option<&Image>, new: &Image) -> Image {
    let before = |place: usize| old.and_then(|old| old.get(place)?.clone());
    new.iter().enumerate().map(|(place, cell)| cell.clone().or_else(|| before(place))).collect()
}

fn text_row(names: &[&str], image: &Image) -> TextRow {
    let text = |value: &Value<'_>| display::text(value);
    let cells = names.iter().zip(image);
    TextRow(cells.filter_map(|(name, cell)| Some(((*name).to_owned(), text(cell.as_ref()?)))).collect())
}

/// A deadlock as what the whole transaction is made again after.
pub(crate) fn again(error: switchback_engines::Error) -> Error {
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
