//! The golden vectors of `fixtures/vectors` on real servers: every ordered pair
//! of engines, same-engine pairs included; and the page that is made from them.
//!
//! - [`servers`]: a database for each engine and side, with a table for each case.
//! - [`judge`]: what a run found, against what the data says.
//! - [`found`]: differences in the words of the data.
//! - [`page`]: the page, `docs/equality.md`.

mod found;
mod judge;
mod page;
mod servers;

use fixtures::dataset::Dialect;
use fixtures::vectors::{Suite, Vocabulary};
use futures_util::future::join_all;
use serde::Deserialize as _;
use serde::de::IntoDeserializer as _;
use serde::de::value::{Error as WordError, StrDeserializer};
use switchback_engines::canon::Policy;
use switchback_fixtures as fixtures;

use judge::{Judgement, Mismatch};
use servers::Server;

/// A pair waits for its servers most of the time.
const PAIRS_AT_ONCE: usize = 4;

/// What fails is the list of all mismatches, of all pairs.
#[tokio::test(flavor = "multi_thread")]
async fn every_vector_holds_between_every_two_engines() {
    let suite = suite();
    let servers = servers::fill(&suite).await;
    let pairs: Vec<(Dialect, Dialect)> =
        Dialect::ALL.iter().flat_map(|s| Dialect::ALL.iter().map(|t| (*s, *t))).collect();
    let mut judged = Judgement::default();
    for pairs in pairs.chunks(PAIRS_AT_ONCE) {
        let runs = pairs.iter().map(|(s, t)| compare(&suite, &servers[s], &servers[t]));
        join_all(runs).await.into_iter().for_each(|one| judged.add(one));
    }
    for corner in suite.corners().filter(|c| !c.values.is_empty() || !c.keys.is_empty()) {
        if judged.count_of(&corner.id) == 0 {
            judged.mismatches.push(Mismatch::general(&corner.id, "nothing of it was compared by any pair"));
        }
    }
    assert!(judged.mismatches.is_empty(), "{judged}");
}

async fn compare(suite: &Suite, source: &Server, target: &Server) -> Judgement {
    let mut judged = Judgement::default();
    for setting in servers::settings(suite) {
        let runs = servers::run(suite, source, target, &setting).await;
        judged.add(judge::judge(suite, &setting, &runs));
    }
    judged
}

pub(crate) fn suite() -> Suite {
    let vocabulary = Vocabulary { is_policy: &|name| policy(name).is_some() };
    Suite::read(&Suite::folder(), &vocabulary).unwrap_or_else(|problems| panic!("{problems}"))
}

/// A policy by the name that configuration and certificate use.
fn policy(name: &str) -> Option<Policy> {
    let word: StrDeserializer<'_, WordError> = name.into_deserializer();
    Policy::deserialize(word).ok()
}
