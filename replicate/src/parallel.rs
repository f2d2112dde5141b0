//! A group's shares into the sink, each in a transaction of a session of its own.
//!
//! Each share's transaction begins by keeping the progress row as it is and leaving
//! its mark (see [`crate::progress`]), so that it is made once, and not by a process
//! that was superseded. Whoever takes the stream over has to wait for all of them.
//! When all shares are there, the row moves behind the group.
//!
//! A share that does not fit is made again behind the others, together with all that
//! don't fit either: first as one, then change by change, which is where conflicts
//! get their class.

use futures_util::future::join_all;
use switchback_engines::Writer;

use crate::apply::{Applied, Applier, Failure, Group, Shares, applied, failure, roll_back, statements};
use crate::careful::Careful;
use crate::error::{Error, Result};
use crate::failpoint::reached;
use crate::held::Holding;
use crate::progress::Unfinished;
use crate::render::{Order, Statement};
use crate::transaction::{Changes, Transaction};

/// How the shares that are left over are made.
enum Way {
    AtOnce(Order),
    OneByOne,
}

impl Applier {
    pub(crate) async fn apply_shares(&mut self, group: &Group, shares: &Shares) -> Result<Applied> {
        let mut window = self.window(group, shares)?;
        let left = self.make_shares(shares, &mut window, group).await?;
        let mut put_aside = 0;
        if !left.is_empty() {
            put_aside = self.make_left(group, shares, &window, &left).await?;
            window.done.extend(&left);
        }
        let mut to = self.progress.clone();
        group.transactions.iter().for_each(|transaction| to.pass(transaction));
        if let Some(end) = &group.end {
            to.position.clone_from(end);
        }
        reached("before-group-is-done");
        let unmark = Statement { table: 0, sql: self.table.unmark(), expected: Some(window.done.len() as u64) };
        if !self.moves_on(to, &unmark).await? {
            return Err(Error::State { what: format!("the marks of the stream `{}`", self.stream) });
        }
        Ok(Applied { dead_letters: put_aside, divided: 1, ..applied(&group.transactions) })
    }

    /// The group as its marks have it, with the shares that are there already.
    fn window(&mut self, group: &Group, shares: &Shares) -> Result<Unfinished> {
        let last = group.transactions.last().ok_or_else(|| Error::State { what: "a group".to_owned() })?;
        let ours = Unfinished {
            end: last.position.clone(),
            sessions: shares.division.sessions(),
            digest: shares.division.digest(&group.transactions),
            done: Default::default(),
        };
        match self.unfinished.take() {
            None => Ok(ours),
            Some(found) if (&found.end, found.sessions, &found.digest) == (&ours.end, ours.sessions, &ours.digest) => {
                Ok(found)
            }
            // Its tables may have other keys now.
            Some(_) => Err(Error::Divided { stream: self.stream.clone() }),
        }
    }

    /// Makes the shares that are not there, all at once, and returns those that don't
    /// fit.
    async fn make_shares(&mut self, shares: &Shares, window: &mut Unfinished, group: &Group) -> Result<Vec<usize>> {
        let mut left = Vec::new();
        let mut making = Vec::new();
        for (session, (writer, statements)) in self.sessions.iter_mut().zip(&shares.statements).enumerate() {
            let transactions = shares.division.share(&[session], &group.transactions);
            if transactions.is_empty() || window.done.contains(&session) {
                continue;
            }
            let waits = transactions.iter().any(|t| self.held.concerns_any(&self.plan, &t.changes));
            match statements {
                Some(statements) if !waits => {
                    let claim = [
                        self.table.begin().to_owned(),
                        self.table.hold(&self.progress),
                        self.table.mark(&self.progress, session, window),
                    ];
                    making.push(async move { (session, make(writer.as_mut(), claim, statements).await) });
                }
                _ => left.push(session),
            }
        }
        let mut failed = None;
        for (session, made) in join_all(making).await {
            match made {
                Ok(()) => {
                    self.commits += 1;
                    window.done.insert(session);
                }
                // Whoever it lost against is done by the time that it is made again.
                Err(Failure::Unfit | Failure::Again(_)) => left.push(session),
                Err(Failure::Fenced) => failed = Some(self.fenced_error().await),
                Err(Failure::Stop(error)) => failed = failed.or(Some(error)),
            }
        }
        left.sort_unstable();
        failed.map_or(Ok(left), Err)
    }

    /// Makes what is left over in one transaction, and says how many changes of it
    /// were put aside.
    async fn make_left(&mut self, group: &Group, shares: &Shares, window: &Unfinished, left: &[usize]) -> Result<u64> {
        let transactions = shares.division.share(left, &group.transactions);
        for way in [Way::AtOnce(Order::Net), Way::AtOnce(Order::AsMade)] {
            if !transactions.iter().any(|t| self.held.concerns_any(&self.plan, &t.changes))
                && self.persist_left(group, &transactions, window, left, &way).await?.is_some()
            {
                return Ok(0);
            }
        }
        let made = self.persist_left(group, &transactions, window, left, &Way::OneByOne).await?;
        made.ok_or_else(|| Error::State { what: "the progress row".to_owned() })
    }

    async fn persist_left(
        &mut self,
        group: &Group,
        transactions: &[&Transaction],
        window: &Unfinished,
        left: &[usize],
        way: &Way,
    ) -> Result<Option<u64>> {
        let mut tries = crate::apply::Tries::default();
        loop {
            match self.attempt_left(group, transactions, window, left, way).await {
                Ok(put_aside) => {
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

    async fn attempt_left(
        &mut self,
        group: &Group,
        transactions: &[&Transaction],
        window: &Unfinished,
        left: &[usize],
        way: &Way,
    ) -> Result<u64, Failure> {
        let mut claim = vec![self.table.begin().to_owned(), self.table.hold(&self.progress)];
        claim.extend(left.iter().map(|&session| self.table.mark(&self.progress, session, window)));
        let mut put_aside = 0;
        let mut holding = Holding::default();
        match way {
            Way::AtOnce(order) => {
                let statements = statements(&self.plan, self.dialect, *order, transactions.iter().copied());
                let statements = statements.ok_or(Failure::Unfit)?;
                run(self.writer.as_mut(), claim, &statements).await?;
            }
            Way::OneByOne => {
                run(self.writer.as_mut(), claim, &[]).await?;
                (put_aside, holding) = self.careful_left(group, transactions).await?;
            }
        }
        reached("before-commit");
        commit(self.writer.as_mut()).await?;
        self.held.settle(holding);
        Ok(put_aside)
    }

    async fn careful_left(&mut self, group: &Group, transactions: &[&Transaction]) -> Result<(u64, Holding), Failure> {
        let mut holding = Holding::default();
        let mut written = 0;
        let mut to = self.progress.clone();
        for transaction in &group.transactions {
            // What is written about a change is said of its own transaction.
            to.pass(transaction);
            if !transactions.iter().any(|left| std::ptr::eq(*left, transaction)) {
                continue;
            }
            let Changes::Memory(changes) = &transaction.changes else { return Err(Failure::Unfit) };
            let mut careful = Careful {
                plan: &self.plan,
                dialect: self.dialect,
                policies: &self.policies,
                letters: &self.letters,
                writer: self.writer.as_mut(),
                to: &to,
                held: &self.held,
                holding,
                ordinal: 0,
                written,
            };
            let made = careful.make_all(changes).await;
            (written, holding) = (careful.written, careful.holding);
            if let Err(error) = made {
                return Err(self.careful_failed(error).await);
            }
        }
        Ok((written, holding))
    }
}

/// One share, from its beginning to its commit.
async fn make(writer: &mut dyn Writer, claim: [String; 3], statements: &[Statement]) -> Result<(), Failure> {
    reached("before-transaction");
    run(writer, claim.into(), statements).await?;
    reached("before-commit");
    commit(writer).await?;
    reached("after-commit");
    Ok(())
}

/// Begins a transaction with a claim, of which the second statement has to find the
/// progress row, and runs statements that must find what they are made for.
async fn run(writer: &mut dyn Writer, claim: Vec<String>, statements: &[Statement]) -> Result<(), Failure> {
    let begins = claim.len();
    let mut message = claim;
    message.extend(statements.iter().map(|s| s.sql.clone()));
    let outcomes = match writer.run(&message).await {
        Ok(outcomes) => outcomes,
        Err(failed) => return Err(failure(writer, failed).await),
    };
    let held = outcomes.get(1).is_some_and(|outcome| outcome.rows.len() == 1);
    let found = outcomes.iter().skip(begins).map(|outcome| outcome.affected);
    let unfit = statements.iter().zip(found).any(|(s, found)| s.expected.is_some_and(|n| n != found));
    if held && !unfit && outcomes.len() == message.len() {
        return Ok(());
    }
    roll_back(writer).await?;
    Err(if held { Failure::Unfit } else { Failure::Fenced })
}

async fn commit(writer: &mut dyn Writer) -> Result<(), Failure> {
    let committed = writer.run(&["COMMIT".to_owned()]).await;
    committed.map(drop).map_err(|failed| Failure::Stop(failed.error.into()))
}
