//! Reading again what did not match, and deciding.
//!
//! The first reading of a range saw the source at S1. A candidate's rows are
//! read again, first the target's (T), then the source's (S2):
//!
//! - T equals S1 or S2: the row was on its way. In sync.
//! - S1 equals S2 and T differs: the source stood still around a reading of the
//!   target that came later. Confirmed.
//! - S1 differs from S2: the row is hot. S2 becomes S1 and it is read again after
//!   a pause, until the attempts are used up: unresolved, and reported as that.
//!
//! - [`fetch`]: reading rows again, by key or by reading their range.
//! - [`decide`]: from readings to differences, without I/O.
//! - [`collision`]: keys that the target takes for equal and we do not.

pub(crate) mod collision;
pub(crate) mod decide;
pub(crate) mod fetch;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use switchback_engines::{KeyRange, sql};

use crate::compare::matching::Candidate;
use crate::compare::read::{ReadError, on_pool};
use crate::difference::{Difference, Status};
use crate::options::Confirm;
use crate::plan::TablePlan;
use crate::side::SideAccess;
use decide::{Decided, Readings};
use fetch::Fetched;

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
    pub(crate) options: Confirm,
    /// Keys of target rows that were reported as one half of a collision.
    pub(crate) collided: Mutex<HashSet<Box<[u8]>>>,
}

/// What some candidates came to.
#[derive(Debug, Default)]
pub(crate) struct Confirmed {
    pub(crate) differences: Vec<Difference>,
    pub(crate) in_sync: u64,
}

impl Confirmer {
    /// Whether both servers find a row by a literal of its key. Otherwise rows
    /// are found by reading their range again.
    pub(crate) fn can_look_up(plan: &TablePlan, indexed: bool) -> bool {
        indexed
            && plan.key_len > 0
            && plan.columns.iter().take(plan.key_len).all(|pair| {
                match (plan.source_column(pair), plan.target_column(pair)) {
                    (Some(s), Some(t)) => {
                        sql::finds_by_literal(plan.source_engine, s, t, pair.rule)
                            && sql::finds_by_literal(plan.target_engine, t, s, pair.rule)
                    }
                    _ => false,
                }
            })
    }

    /// Decides all of `candidates`, which must be few enough for their rows to
    /// be held in memory.
    pub(crate) async fn confirm(
        &self,
        mut candidates: Vec<Candidate>,
        place: Where<'_>,
        first_seen: DateTime<Utc>,
    ) -> Result<Confirmed, ReadError> {
        let mut confirmed = Confirmed::default();
        let mut pause = self.options.backoff;
        for attempt in 1.. {
            candidates.retain(|c| !self.has_collided(c));
            if candidates.is_empty() {
                break;
            }
            let wanted = fetch::identities(&candidates);
            let target = fetch::fetch(&self.target, &wanted, place, &self.pool).await?;
            let source = fetch::fetch(&self.source, &wanted, place, &self.pool).await?;
            let is_last = attempt >= self.options.attempts_max;
            let decided = self.decide(candidates, source, target, is_last, first_seen).await?;
            confirmed.in_sync += decided.in_sync;
            let differences = self.mark_collisions(decided.differences, decided.odd_targets, place).await?;
            confirmed.differences.extend(differences);
            candidates = decided.hot;
            if candidates.is_empty() {
                break;
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        Ok(confirmed)
    }

    async fn decide(
        &self,
        candidates: Vec<Candidate>,
        source: Fetched,
        target: Fetched,
        is_last: bool,
        first_seen: DateTime<Utc>,
    ) -> Result<Decided, ReadError> {
        let plan = Arc::clone(&self.source.plan);
        on_pool(&self.pool, move || {
            let readings = Readings { plan: &plan, source, target, first_seen, decided: Utc::now() };
            readings.decide(candidates, is_last)
        })
        .await
    }

    async fn mark_collisions(
        &self,
        differences: Vec<Difference>,
        odd_targets: Vec<fetch::Row>,
        place: Where<'_>,
    ) -> Result<Vec<Difference>, ReadError> {
        match place {
            Where::ByKey if !odd_targets.is_empty() => {
                let (differences, collided) = collision::mark(&self.target, differences, odd_targets).await?;
                self.collided.lock().unwrap_or_else(PoisonError::into_inner).extend(collided);
                Ok(differences)
            }
            Where::ByKey | Where::InRange(_) => Ok(differences),
        }
    }

    fn has_collided(&self, candidate: &Candidate) -> bool {
        candidate.source.is_empty()
            && self.collided.lock().unwrap_or_else(PoisonError::into_inner).contains(&candidate.identity)
    }
}

/// How many confirmed differences these are: a row of a keyless table counts as
/// often as it is there too often.
pub(crate) fn weight(difference: &Difference) -> u64 {
    match difference.status {
        Status::Confirmed | Status::Unresolved => difference.source_count.abs_diff(difference.target_count).max(1),
    }
}
