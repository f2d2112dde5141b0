//! One group of transactions into the sink, in one transaction.
//!
//! The first message begins the transaction, advances the progress row, and makes
//! all changes; what each statement found is looked at before `COMMIT` is sent.
//! So the server of a killed client either has no `COMMIT`, or has one behind a
//! progress row that nobody else can have read in between.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use switchback_engines::{Class, Position, QueryFault, StatementFailed, Violation, Writer};

use crate::careful::Careful;
use crate::conflict::Policies;
use crate::dead_letters::Letters;
use crate::error::{Error, Result};
use crate::failpoint::reached;
use crate::held::{Held, Holding};
use crate::plan::Plan;
use crate::progress::{Progress, ProgressTable, Unfinished};
use crate::render::{Dialect, Order, Statement, render};
use crate::shares::Division;
use crate::transaction::{Changes, RowChange, Spilled, Transaction};

/// Transactions that are committed together, with their statements.
#[derive(Debug)]
pub(crate) struct Group {
    /// At least one. A transaction that is on disk is alone.
    pub(crate) transactions: Vec<Transaction>,
    /// `None` where the changes have to be made one by one, or come from disk.
    statements: Option<Vec<Statement>>,
    /// Where several sessions apply at the same time.
    shares: Option<Shares>,
    pub(crate) end: Option<Position>,
}

/// A group, divided among sessions.
#[derive(Debug)]
pub(crate) struct Shares {
    pub(crate) division: Division,
    /// Of each session; as [`Group::statements`].
    pub(crate) statements: Vec<Option<Vec<Statement>>>,
}

impl Group {
    /// `end`: behind the last of them, up to where nothing else is for the sink.
    pub(crate) fn new(plan: &Plan, dialect: Dialect, transactions: Vec<Transaction>, end: Option<Position>) -> Self {
        let statements = statements(plan, dialect, Order::Net, &transactions);
        Self { transactions, statements, shares: None, end }
    }

    /// For several sessions.
    pub(crate) fn divided(
        plan: &Plan,
        dialect: Dialect,
        transactions: Vec<Transaction>,
        end: Option<Position>,
        division: Division,
    ) -> Self {
        let of = |session| statements(plan, dialect, Order::Net, division.share(&[session], &transactions));
        let statements = (0..division.sessions()).map(of).collect();
        Self { shares: Some(Shares { division, statements }), transactions, statements: None, end }
    }
}

/// `None` where the changes have to be made one by one, or come from disk.
pub(crate) fn statements<'t>(
    plan: &Plan,
    dialect: Dialect,
    order: Order,
    transactions: impl IntoIterator<Item = &'t Transaction>,
) -> Option<Vec<Statement>> {
    let memory = transactions.into_iter().map(|t| match &t.changes {
        Changes::Memory(changes) => Some(changes),
        Changes::Spilled(_) => None,
    });
    let changes = memory.collect::<Option<Vec<_>>>()?;
    render(plan, dialect, order, changes.into_iter().flatten()).ok()
}

/// What applying a group came to.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    pub(crate) transactions: u64,
    pub(crate) rows: u64,
    pub(crate) dead_letters: u64,
    pub(crate) divided: u64,
}

/// How often a transaction that the sink rolled back in favour of another, or
/// that waited too long for a lock, is made again.
const TRIES: u32 = 20;
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How often a transaction was tried.
pub(crate) struct Tries {
    left: u32,
    pause: Duration,
}

impl Default for Tries {
    fn default() -> Self {
        Self { left: TRIES - 1, pause: FIRST_PAUSE }
    }
}

impl Tries {
    /// Waits before the next one, or gives up with what went wrong.
    pub(crate) async fn again(&mut self, error: Error) -> Result<()> {
        self.left = self.left.checked_sub(1).ok_or(error)?;
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Ok(())
    }
}

/// Why a transaction was not committed.
pub(crate) enum Failure {
    /// Rolled back: something in it is not as it should be.
    Unfit,
    /// Rolled back: the progress row is not as we left it.
    Fenced,
    /// Rolled back: it may succeed if it is made again.
    Again(Error),
    /// The stream can't go on, or not with this session.
    Stop(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Stop(error)
    }
}

/// How the changes of a transaction are made.
enum Way<'g> {
    AtOnce(&'g [Statement]),
    InPieces(&'g Spilled, Order),
    OneByOne(&'g Changes),
}

/// Applies groups, one after the other, through one session.
pub(crate) struct Applier {
    pub(crate) plan: Arc<Plan>,
    pub(crate) dialect: Dialect,
    pub(crate) policies: Policies,
    pub(crate) table: ProgressTable,
    pub(crate) letters: Letters,
    pub(crate) stream: switchback_engines::StreamName,
    pub(crate) writer: Box<dyn Writer>,
    /// As the sink has it.
    pub(crate) progress: Progress,
    pub(crate) held: Held,
    /// Transactions of the sink that nobody has been told of.
    pub(crate) commits: u64,
    /// Sessions beside `writer`, for shares; none where there is but one.
    pub(crate) sessions: Vec<Box<dyn Writer>>,
    /// Of which another process, or an earlier session of this one, has left marks.
    pub(crate) unfinished: Option<Unfinished>,
}

impl Applier {
    /// # Errors
    /// Those after which nothing of the group, or of the transaction that is to
    /// blame and those behind it, is in the sink; or, where the connection was
    /// lost, where it is not known, and the progress row has to be read.
    pub(crate) async fn apply(&mut self, group: &Group) -> Result<Applied> {
        if let Some(shares) = &group.shares {
            return self.apply_shares(group, shares).await;
        }
        if !self.waits(group) {
            let mut to = self.progress.clone();
            group.transactions.iter().for_each(|transaction| to.pass(transaction));
            if let Some(end) = &group.end {
                to.position.clone_from(end);
            }
            if self.apply_whole(group, &to).await? {
                return Ok(applied(&group.transactions));
            }
        }
        let mut done = Applied::default();
        for transaction in &group.transactions {
            let mut to = self.progress.clone();
            to.pass(transaction);
            let put_aside = self.persist(to, Way::OneByOne(&transaction.changes)).await?;
            // Nothing is refused here but the claim itself, and then nothing was done.
            let put_aside = put_aside.ok_or_else(|| Error::State { what: "the progress row".to_owned() })?;
            done.transactions += 1;
            done.rows += transaction.changes.count();
            done.dead_letters += put_aside;
        }
        Ok(done)
    }

    /// Whether a change of the group may have to wait behind a dead letter.
    fn waits(&self, group: &Group) -> bool {
        group.transactions.iter().any(|transaction| self.held.concerns_any(&self.plan, &transaction.changes))
    }

    /// All transactions of a group in one of the sink: what they come to, or if
    /// that is refused, change after change. `false` when neither goes.
    async fn apply_whole(&mut self, group: &Group, to: &Progress) -> Result<bool> {
        let spilled = match group.transactions.as_slice() {
            [Transaction { changes: Changes::Spilled(spilled), .. }] => Some(spilled),
            _ => None,
        };
        if let Some(statements) = &group.statements
            && self.persist(to.clone(), Way::AtOnce(statements)).await?.is_some()
        {
            return Ok(true);
        }
        if let Some(spilled) = spilled
            && self.persist(to.clone(), Way::InPieces(spilled, Order::Net)).await?.is_some()
        {
            return Ok(true);
        }
        let way = match spilled {
            Some(spilled) => Way::InPieces(spilled, Order::AsMade),
            None => {
                let plan = Arc::clone(&self.plan);
                let Some(statements) = statements(&plan, self.dialect, Order::AsMade, &group.transactions) else {
                    return Ok(false);
                };
                return Ok(self.persist(to.clone(), Way::AtOnce(&statements)).await?.is_some());
            }
        };
        Ok(self.persist(to.clone(), way).await?.is_some())
    }

    /// Advances the progress row, with one statement beside it; `false` when that
    /// does not find what it must.
    pub(crate) async fn moves_on(&mut self, to: Progress, beside: &Statement) -> Result<bool> {
        Ok(self.persist(to, Way::AtOnce(std::slice::from_ref(beside))).await?.is_some())
    }

    /// Moves the position, with nothing to apply.
    pub(crate) async fn pass(&mut self, position: &Position) -> Result<()> {
        let to = Progress { position: position.clone(), ..self.progress.clone() };
        self.persist(to, Way::AtOnce(&[])).await.map(drop)
    }

    /// Makes a transaction of the sink until it is there, and says how many
    /// changes were put aside. `None`: it can't be made in this way.
    async fn persist(&mut self, to: Progress, way: Way<'_>) -> Result<Option<u64>> {
        let mut tries = Tries::default();
        loop {
            match self.attempt(&to, &way).await {
                Ok(put_aside) => {
                    self.progress = to;
                    self.commits += 1;
                    return Ok(Some(put_aside));
                }
                Err(Failure::Unfit) => return Ok(None),
                Err(Failure::Again(error)) => tries.again(error).await?,
                Err(Failure::Fenced) => return Err(self.fenced_error().await),
                Err(Failure::Stop(error)) => return Err(error),
            }
        }
    }

    async fn attempt(&mut self, to: &Progress, way: &Way<'_>) -> Result<u64, Failure> {
        let advance = [self.table.begin().to_owned(), self.table.advance(&self.progress, to)];
        reached("before-transaction");
        let mut holding = Holding::default();
        let mut put_aside = 0;
        match way {
            // In one message with the beginning.
            Way::AtOnce(statements) => self.run_all(advance.into(), statements).await?,
            Way::InPieces(spilled, order) => {
                self.run_all(advance.into(), &[]).await?;
                reached("after-claim");
                self.in_pieces(spilled, *order).await?;
            }
            Way::OneByOne(changes) => {
                self.run_all(advance.into(), &[]).await?;
                reached("after-claim");
                (put_aside, holding) = self.one_by_one(changes, to).await?;
            }
        }
        reached("before-commit");
        self.commit().await?;
        self.held.settle(holding);
        Ok(put_aside)
    }

    /// Runs statements that must find what they are made for. With `advance`,
    /// which begins the transaction, the claim on the stream is looked at too.
    async fn run_all(&mut self, advance: Vec<String>, statements: &[Statement]) -> Result<(), Failure> {
        let begins = advance.len();
        let mut message = advance;
        message.extend(statements.iter().map(|s| s.sql.clone()));
        let outcomes = match self.writer.run(&message).await {
            Ok(outcomes) => outcomes,
            Err(failed) => {
                let refused = failed.index.checked_sub(begins).and_then(|i| statements.get(i));
                if let Some(statement) = refused.filter(|_| failed.violation == Some(Violation::Unique)) {
                    self.keep_order(statement.table);
                }
                return Err(failure(self.writer.as_mut(), failed).await);
            }
        };
        if begins > 0 && outcomes.get(1).is_none_or(|outcome| outcome.affected != 1) {
            self.roll_back().await?;
            return Err(Failure::Fenced);
        }
        let found = outcomes.iter().skip(begins).map(|outcome| outcome.affected);
        let unfit = statements.iter().zip(found).any(|(s, found)| s.expected.is_some_and(|n| n != found));
        if unfit || outcomes.len() != message.len() {
            self.roll_back().await?;
            return Err(Failure::Unfit);
        }
        Ok(())
    }

    fn keep_order(&self, table: usize) {
        if let Some(mapped) = self.plan.tables.get(table) {
            mapped.in_order.store(true, Ordering::Relaxed);
        }
    }

    /// A transaction from disk, which is more than one message holds.
    async fn in_pieces(&mut self, spilled: &Spilled, order: Order) -> Result<(), Failure> {
        let mut pieces = spilled.reader()?;
        loop {
            let piece: Vec<RowChange> = pieces.piece()?;
            if piece.is_empty() {
                return Ok(());
            }
            let Ok(statements) = render(&self.plan, self.dialect, order, piece.iter()) else {
                self.roll_back().await?;
                return Err(Failure::Unfit);
            };
            self.run_all(Vec::new(), &statements).await?;
            reached("mid-rows");
        }
    }

    async fn one_by_one(&mut self, changes: &Changes, to: &Progress) -> Result<(u64, Holding), Failure> {
        let mut careful = Careful {
            plan: &self.plan,
            dialect: self.dialect,
            policies: &self.policies,
            letters: &self.letters,
            writer: self.writer.as_mut(),
            to,
            held: &self.held,
            holding: Holding::default(),
            ordinal: 0,
            written: 0,
        };
        let made = match changes {
            Changes::Memory(changes) => careful.make_all(changes).await,
            Changes::Spilled(spilled) => careful.make_spilled(spilled).await,
        };
        let (written, holding) = (careful.written, careful.holding);
        match made {
            Ok(()) => Ok((written, holding)),
            Err(error) => Err(self.careful_failed(error).await),
        }
    }

    /// Changes were not made one by one.
    pub(crate) async fn careful_failed(&mut self, error: Error) -> Failure {
        // The connection may be gone, and then so is the transaction.
        if self.roll_back().await.is_err() {
            return Failure::Stop(error);
        }
        let again = matches!(&error, Error::Engine(error) if timed_out(error));
        if again { Failure::Again(error) } else { Failure::Stop(error) }
    }

    async fn commit(&mut self) -> Result<(), Failure> {
        match self.writer.run(&["COMMIT".to_owned()]).await {
            Ok(_) => {
                reached("after-commit");
                Ok(())
            }
            // Whether it took place is for the progress row to say, and the
            // stream starts again from there.
            Err(failed) => Err(Failure::Stop(failed.error.into())),
        }
    }

    /// The progress row is not as we left it.
    pub(crate) async fn fenced_error(&mut self) -> Error {
        match self.table.read(self.writer.as_mut()).await {
            Ok(found) => Error::Fenced { stream: self.stream.clone(), ours: self.progress.epoch, theirs: found.epoch },
            Err(error) => error,
        }
    }

    async fn roll_back(&mut self) -> Result<()> {
        roll_back(self.writer.as_mut()).await
    }
}

pub(crate) async fn roll_back(writer: &mut dyn Writer) -> Result<()> {
    writer.run(&["ROLLBACK".to_owned()]).await.map(drop).map_err(|failed| failed.error.into())
}

/// What it means that a statement failed, whose transaction is rolled back.
pub(crate) async fn failure(writer: &mut dyn Writer, failed: StatementFailed) -> Failure {
    if failed.error.class() == Class::Transient {
        return Failure::Stop(failed.error.into());
    }
    if let Err(error) = roll_back(writer).await {
        return Failure::Stop(error);
    }
    match failed.violation {
        Some(Violation::Deadlock) => Failure::Again(failed.error.into()),
        Some(_) => Failure::Unfit,
        None if timed_out(&failed.error) => Failure::Again(failed.error.into()),
        None => Failure::Stop(failed.error.into()),
    }
}

/// No lock in time, or cancelled by somebody.
pub(crate) fn timed_out(error: &switchback_engines::Error) -> bool {
    matches!(error, switchback_engines::Error::Query { fault: QueryFault::TimedOut, .. })
}

pub(crate) fn applied(transactions: &[Transaction]) -> Applied {
    Applied {
        transactions: transactions.len() as u64,
        rows: transactions.iter().map(|t| t.changes.count()).sum(),
        ..Applied::default()
    }
}
