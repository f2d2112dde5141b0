//! Making changes after all that were put aside, or giving them up.
//!
//! Both take the stream over, as a start does: a process that still runs it is
//! fenced out, since it has in memory which keys wait. Each letter is one
//! transaction of the same protocol, whose first statement finds the progress row
//! as it was left and claims it anew; the letter goes in the transaction that makes
//! its change, so it is made once, whatever is killed.

use std::collections::HashSet;
use std::time::Duration;

use switchback_engines::{StreamName, Violation, Writer};

use crate::apply::timed_out;
use crate::careful::{Careful, Misfit, again};
use crate::codec::{Strict, Unreadable, decode_letter};
use crate::conflict::ConflictClass;
use crate::dead_letters::Letters;
use crate::doings;
use crate::error::{Error, Result};
use crate::failpoint::reached;
use crate::held::{Held, Holding, unreadable};
use crate::letter::DeadLetter;
use crate::progress::{Claims, Progress, ProgressTable};
use crate::stream::Stream;
use crate::transaction::RowChange;

/// How often a change is tried that loses against another transaction.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);

/// What a replay came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Replayed {
    /// Letters whose changes are in the sink now; they are gone.
    pub made: Vec<i64>,
    /// Letters that were asked for and wait on.
    pub left: Vec<Left>,
}

/// A letter that still waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    pub id: i64,
    /// What is in its way now.
    pub class: ConflictClass,
    pub reason: Option<String>,
}

impl Stream {
    /// Makes the changes of letters, in the order in which they were put aside. One
    /// waits on when it still does not fit, or when an earlier letter of its key
    /// does. Classes whose policy is [`crate::Policy::Overwrite`] are overwritten; for
    /// all others the row is to be mended first. Numbers of letters that don't wait
    /// are passed over.
    ///
    /// Takes the stream over: end the process that runs it first, or it will end
    /// with [`Error::Fenced`].
    pub async fn replay(&self, ids: &[i64]) -> Result<Replayed> {
        let wanted: HashSet<i64> = ids.iter().copied().collect();
        let mut session = self.take_over().await?;
        doings::refuse(session.writer.as_mut(), &self.plan).await?;
        let mut replayed = Replayed::default();
        // Of letters that stay, so that none of their keys overtakes them.
        let mut staying = Held::default();
        let mut after = i64::MIN;
        loop {
            let page = session.letters.waiting(session.writer.as_mut(), after).await?;
            let Some(last) = page.last() else { break };
            after = last.id;
            for letter in &page {
                let left = self.replay_one(&mut session, letter, wanted.contains(&letter.id), &mut staying).await?;
                match left {
                    None => replayed.made.push(letter.id),
                    Some(misfit) if wanted.contains(&letter.id) => {
                        replayed.left.push(Left { id: letter.id, class: misfit.class, reason: misfit.reason });
                    }
                    Some(_) => {}
                }
            }
        }
        session.writer.close().await?;
        Ok(replayed)
    }

    /// Gives letters up, without making their changes: those behind them no longer
    /// wait for them. Returns how many there were. They stay as evidence until
    /// they are exported. Takes the stream over, as [`Stream::replay`] does.
    pub async fn discard(&self, ids: &[i64]) -> Result<u64> {
        let mut session = self.take_over().await?;
        let claim = session.progress.taken_over();
        let mut statements = session.begin(&claim).to_vec();
        statements.extend(session.letters.discard(ids));
        let outcomes = session.writer.run(&statements).await.map_err(|failed| failed.error)?;
        session.claimed(outcomes.get(1).map(|outcome| outcome.affected)).await?;
        session.commit(claim).await?;
        session.writer.close().await?;
        Ok(outcomes.iter().skip(2).map(|outcome| outcome.affected).sum())
    }

    async fn take_over(&self) -> Result<Session> {
        let mut writer = self.writer(&self.sink).await?;
        let table = ProgressTable::new(self.sink.info(), &self.spec.name);
        let progress = table.claim(writer.as_mut(), &mut Claims::default()).await?;
        let stream = self.spec.name.clone();
        let letters = Letters::new(self.sink.info(), &stream);
        Ok(Session { writer, table, progress, letters, stream })
    }

    /// `None` when the letter's change is made. `staying` holds the keys of those
    /// that stay.
    async fn replay_one(
        &self,
        session: &mut Session,
        letter: &DeadLetter,
        is_wanted: bool,
        staying: &mut Held,
    ) -> Result<Option<Misfit>> {
        let misfit = |class, why: &str| Some(Misfit { class, reason: Some(why.to_owned()) });
        let Some((table, mapped)) = self.plan.named(&letter.table) else {
            return Ok(misfit(ConflictClass::Held, "the table is not streamed any more"));
        };
        let change = match decode_letter(mapped, table, &letter.change, Strict::Yes) {
            Ok(change) => change,
            Err(Unreadable::Malformed) => return Err(unreadable(letter.id)),
            Err(Unreadable::OtherColumns) => {
                let key = decode_letter(mapped, table, &letter.change, Strict::No);
                staying.hold(&self.plan, &key.map_err(|_| unreadable(letter.id))?);
                return Ok(misfit(ConflictClass::Value, "it has values of columns that are not streamed any more"));
            }
        };
        let left = if !is_wanted {
            misfit(ConflictClass::Held, "it was not asked for")
        } else if staying.holds(&self.plan, &change) {
            misfit(ConflictClass::Held, "an earlier letter of the row waits")
        } else {
            self.make_after_all(session, letter, &change).await?
        };
        if left.is_some() {
            staying.hold(&self.plan, &change);
        }
        Ok(left)
    }

    /// One change and the end of its letter, in one transaction.
    async fn make_after_all(
        &self,
        session: &mut Session,
        letter: &DeadLetter,
        change: &RowChange,
    ) -> Result<Option<Misfit>> {
        let mut tries = 0;
        loop {
            tries += 1;
            let claim = session.progress.taken_over();
            match self.attempt(session, &claim, letter, change).await {
                Ok(None) => {
                    reached("before-commit");
                    session.commit(claim).await?;
                    reached("after-commit");
                    return Ok(None);
                }
                Ok(Some(misfit)) => {
                    session.roll_back().await?;
                    return Ok(Some(misfit));
                }
                Err(Error::Engine(error)) if timed_out(&error) && tries < TRIES => {
                    session.roll_back().await?;
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn attempt(
        &self,
        session: &mut Session,
        claim: &Progress,
        letter: &DeadLetter,
        change: &RowChange,
    ) -> Result<Option<Misfit>> {
        let begun = session.writer.run(&session.begin(claim)).await;
        let outcomes = begun.map_err(|failed| match failed.violation {
            Some(Violation::Deadlock) => again(failed.error),
            _ => failed.error.into(),
        })?;
        session.claimed(outcomes.get(1).map(|outcome| outcome.affected)).await?;
        reached("after-claim");
        // What is written about it is said of the letter's own transaction.
        let to = Progress {
            incarnation: letter.incarnation.clone(),
            position: letter.position.clone(),
            seq: letter.seq,
            committed_at: letter.committed_at,
            ..session.progress.clone()
        };
        let mut careful = Careful {
            plan: &self.plan,
            dialect: self.dialect(),
            policies: &self.spec.settings.policies,
            letters: &session.letters,
            writer: session.writer.as_mut(),
            to: &to,
            held: &Held::default(),
            holding: Holding::default(),
            ordinal: letter.ordinal,
            written: 0,
        };
        if let Some(misfit) = careful.make_again(change).await? {
            return Ok(Some(misfit));
        }
        reached("mid-rows");
        let delete = session.letters.delete(&session.letters.is_one_of(&[letter.id]));
        let deleted = session.writer.run(&[delete]).await.map_err(|failed| failed.error)?;
        // Whoever else took it away has claimed the stream since.
        if deleted.first().is_none_or(|outcome| outcome.affected != 1) {
            return Err(session.fenced().await);
        }
        Ok(None)
    }
}

/// A stream that was taken over, but is not run.
struct Session {
    writer: Box<dyn Writer>,
    table: ProgressTable,
    progress: Progress,
    letters: Letters,
    stream: StreamName,
}

impl Session {
    /// Begins a transaction and claims the stream in it, which stays where it is.
    ///
    /// The claim is a new one each time: MySQL and MariaDB log no row that an update
    /// leaves as it was, and a transaction without the progress row in it is one
    /// that the opposite stream would send back.
    fn begin(&self, claim: &Progress) -> [String; 2] {
        [self.table.begin().to_owned(), self.table.advance(&self.progress, claim)]
    }

    async fn commit(&mut self, claim: Progress) -> Result<()> {
        self.writer.run(&["COMMIT".to_owned()]).await.map_err(|failed| failed.error)?;
        self.progress = claim;
        Ok(())
    }

    async fn claimed(&mut self, found: Option<u64>) -> Result<()> {
        if found == Some(1) { Ok(()) } else { Err(self.fenced().await) }
    }

    async fn fenced(&mut self) -> Error {
        if let Err(error) = self.roll_back().await {
            return error;
        }
        match self.table.read(self.writer.as_mut()).await {
            Ok(found) => Error::Fenced { stream: self.stream.clone(), ours: self.progress.epoch, theirs: found.epoch },
            Err(error) => error,
        }
    }

    async fn roll_back(&mut self) -> Result<()> {
        self.writer.run(&["ROLLBACK".to_owned()]).await.map(drop).map_err(|failed| failed.error.into())
    }
}
