//! Reading again what did not match, and deciding.
//!
//! The first reading of a range saw the source at S1. A candidate's rows are
//! read again, first the target's (T), then the source's (S2):
//!
//! - T equals S1 or S2: the row was on its way. In sync.
//! - S1 equals S2 and T differs: the source stood still around a reading of the
//!   target that came later. Confirmed.
//! - S1 differs from S2, or is not known in full: the row is hot. S2 becomes S1
//!   and the row is read again later, until the attempts are used up:
//!   unresolved, and reported as that.
//!
//! A look-up by key is trusted in what it finds and never in what it does not:
//! where a side had rows before and the look-up finds none, or the server does
//! not understand the key, the candidate is *unsure* and its range is read
//! instead. A key that some rule makes equal to another spelling of itself must
//! not get a row called absent.
//!
//! Where columns have tolerances, a row of the target that is within them of the
//! source's at S2 is let through and counted.
//!
//! - [`fetch`]: reading rows again, by key or by reading their range.
//! - [`decide`]: from readings to differences, without I/O.
//! - [`tolerate`]: rows that differ by no more than they may.
//! - [`collision`]: keys that the target takes for equal and we do not.

pub(crate) mod collision;
pub(crate) mod decide;
pub(crate) mod fetch;
pub(crate) mod tolerate;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use switchback_engines::{Error, KeyRange, sql};

use crate::compare::matching::Candidate;
use crate::compare::read::{ReadError, on_pool};
use crate::difference::Difference;
use crate::ledger::Ledger;
use crate::plan::TablePlan;
use crate::side::SideAccess;
use crate::table_run::TableError;
use decide::Readings;
use fetch::{FetchError, Fetched};

/// Candidates whose rows are unpacked at a time.
const DECIDED_AT_ONCE: usize = 1024;

/// Where the rows of some candidates are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Where<'a> {
    /// Anywhere: look each key up.
    ByKey,
    /// In this range of both sides.
    InRange(&'a KeyRange),
}

/// Confirms the candidates of one table.
pub(crate) struct Confirmer {
    pub(crate) source: Arc<SideAccess>,
    pub(crate) target: Arc<SideAccess>,
    pub(crate) pool: Arc<rayon::ThreadPool>,
    /// See [`Readings::first_in_part`].
    pub(crate) first_in_part: bool,
    /// Keys of target rows that were reported as one half of a collision.
    pub(crate) collided: Mutex<HashSet<Box<[u8]>>>,
}

/// One round of questions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Round<'a> {
    pub(crate) place: Where<'a>,
    /// What is still hot after this one is unresolved.
    pub(crate) is_last: bool,
    pub(crate) first_seen: DateTime<Utc>,
}

/// Candidates that could not be decided in this round.
#[derive(Debug, Default)]
pub(crate) struct Undecided {
    /// To be asked again later.
    pub(crate) hot: Vec<Candidate>,
    /// To be asked again by range.
    pub(crate) unsure: Vec<Candidate>,
}

impl Confirmer {
    /// Whether both servers find exactly the row of a key by a literal of it.
    /// Otherwise rows are found by reading their range again.
    pub(crate) fn can_look_up(plan: &TablePlan, indexed: bool) -> bool {
        indexed
            && plan.key_len > 0
            && plan.columns.iter().take(plan.key_len).all(|pair| {
                match (plan.source_column(pair), plan.target_column(pair)) {
                    (Some(s), Some(t)) => {
                        sql::finds_by_literal(plan.source_engine, s, t, &pair.rule)
                            && sql::finds_by_literal(plan.target_engine, t, s, &pair.rule)
                    }
                    _ => false,
                }
            })
    }

    /// Decides `candidates`, or says which of them need another question. What
    /// is decided goes to `ledger` at once. When rows turn out wider than
    /// expected, their candidates are decided in halves.
    pub(crate) async fn confirm(
        &self,
        candidates: Vec<Candidate>,
        round: Round<'_>,
        ledger: &Ledger,
    ) -> Result<Undecided, TableError> {
        let mut undecided = Undecided::default();
        let mut waiting = vec![candidates];
        while let Some(mut candidates) = waiting.pop() {
            candidates.retain(|c| !self.has_collided(c));
            if candidates.is_empty() {
                continue;
            }
            match self.fetch_both(&candidates, round.place).await {
                Ok((source, target)) => {
                    self.decide(candidates, source, target, round, ledger, &mut undecided).await?;
                }
                Err(FetchError::TooLarge) => {
                    let half = candidates.split_off(candidates.len() / 2);
                    waiting.extend([half, candidates]);
                }
                Err(FetchError::Read(ReadError::Engine(error))) if may_be_the_key(&error, round.place) => {
                    undecided.unsure.extend(candidates);
                }
                Err(FetchError::Read(error)) => return Err(error.into()),
            }
        }
        Ok(undecided)
    }

    /// The target first: see the rule above.
    async fn fetch_both(&self, candidates: &[Candidate], place: Where<'_>) -> Result<(Fetched, Fetched), FetchError> {
        let wanted = fetch::identities(candidates);
        let target = fetch::fetch(&self.target, &wanted, place, &self.pool).await?;
        let source = fetch::fetch(&self.source, &wanted, place, &self.pool).await?;
        Ok((source, target))
    }

    /// What was read again becomes differences some at a time: unpacked, a row
    /// takes ten times the memory.
    async fn decide(
        &self,
        mut candidates: Vec<Candidate>,
        source: Fetched,
        mut target: Fetched,
        round: Round<'_>,
        ledger: &Ledger,
        undecided: &mut Undecided,
    ) -> Result<(), TableError> {
        if matches!(round.place, Where::ByKey) {
            let lost = |c: &Candidate| {
                (c.source.as_ref().is_some_and(|s| !s.is_empty()) && source.of(&c.identity).is_empty())
                    || (!c.target.is_empty() && target.of(&c.identity).is_empty())
            };
            undecided.unsure.extend(candidates.extract_if(.., |c| lost(c)));
        }
        let odd_targets = std::mem::take(&mut target.odd);
        // A look-up's rows are few, and which of them collide is one question.
        let at_once = if odd_targets.is_empty() { DECIDED_AT_ONCE } else { candidates.len().max(1) };
        let plan = Arc::clone(&self.source.plan);
        let readings = Arc::new(Readings {
            plan,
            source,
            target,
            first_in_part: self.first_in_part,
            first_seen: round.first_seen,
            decided: Utc::now(),
        });
        let mut odd_targets = Some(odd_targets);
        let mut rest = candidates.into_iter();
        loop {
            let some: Vec<Candidate> = rest.by_ref().take(at_once).collect();
            if some.is_empty() {
                return Ok(());
            }
            let readings = Arc::clone(&readings);
            let decided = on_pool(&self.pool, move || readings.decide(some, round.is_last)).await?;
            let odd_targets = odd_targets.take().unwrap_or_default();
            let differences = self.mark_collisions(decided.differences, odd_targets).await?;
            ledger.record(&differences, decided.in_sync, &decided.tolerated)?;
            undecided.hot.extend(decided.hot);
        }
    }

    async fn mark_collisions(
        &self,
        differences: Vec<Difference>,
        odd_targets: Vec<fetch::Row>,
    ) -> Result<Vec<Difference>, ReadError> {
        if odd_targets.is_empty() {
            return Ok(differences);
        }
        let (differences, collided) = collision::mark(&self.target, differences, odd_targets).await?;
        self.collided.lock().unwrap_or_else(PoisonError::into_inner).extend(collided);
        Ok(differences)
    }

    fn has_collided(&self, candidate: &Candidate) -> bool {
        candidate.source.as_ref().is_some_and(|s| s.is_empty())
            && self.collided.lock().unwrap_or_else(PoisonError::into_inner).contains(&candidate.identity)
    }
}

/// A key of one server may be no value of the other's type, which refuses the
/// statement, some servers by hanging up: a label that its enum lacks, a date
/// beyond its calendar, a NUL. Reading the range needs no such value; if it was
/// not the key, that fails too.
fn may_be_the_key(error: &Error, place: Where<'_>) -> bool {
    matches!(place, Where::ByKey) && matches!(error, Error::Query { .. })
}

/// How many differences this is: a row of a keyless table counts as often as it
/// is there too often.
pub(crate) fn weight(difference: &Difference) -> u64 {
    difference.source_count.abs_diff(difference.target_count).max(1)
}
