//! A hundred thousand mutations between every two engines.
//!
//! One comparison of the two tables judges them all: what it finds is held
//! against the list that the generator wrote. Two copies of the unmutated table
//! are compared as well, in which nothing may be found.

mod judging;

use std::sync::Arc;

use judging::{ALL, Filled, compare};
use switchback_fixtures::mutations::{Mutants, Mutation, Truth};
use switchback_verify::Options;
use switchback_verify::options::Memory;

/// How many for each pair of engines; another number can be asked for.
const COUNT: usize = 100_000;
const COUNT_VARIABLE: &str = "SWITCHBACK_MUTATIONS";
const SEED: u64 = 20_261_121;

/// One test for all sixteen pairs, so that each table is loaded once.
#[tokio::test(flavor = "multi_thread")]
async fn every_mutation_is_found_between_all_engines_and_nothing_else() {
    let mutants = Mutants::new(SEED, count());
    let (truth, twins) = (Arc::new(Truth::of(&mutants)), Arc::new(Truth::of_twins(&mutants)));
    let least = count() as u64 / 100;
    for kind in Mutation::ALL {
        let made = truth.made().get(&kind).copied().unwrap_or(0);
        assert!(made >= least, "only {made} of {}", kind.name());
    }
    // At once: most of it is waiting for one server or another.
    let engines = futures_util::future::try_join_all(ALL.map(|dialect| Filled::load(&mutants, dialect))).await;
    let engines = engines.unwrap_or_else(|error| panic!("{error:?}"));
    for (i, source) in engines.iter().enumerate() {
        for (j, target) in engines.iter().enumerate() {
            // Many small ranges or few, and for some pairs next to no memory.
            let range_rows = [2_000, 20_000, 65_536, 7_001][(i + j) % 4];
            let memory = match (i + 2 * j) % 4 {
                3 => Memory { range_bytes: 20_000, pool_bytes: 100_000 },
                _ => Memory::default(),
            };
            for (target_rows, truth) in [(&target.twin, &twins), (&target.mutated, &truth)] {
                let options = Options { range_rows, memory, ..Options::default() };
                let judged = compare(&source.unchanged, target_rows, truth, options).await.unwrap();
                let faults = judged.faults(truth);
                assert!(
                    faults.is_empty(),
                    "{:?} → {:?}, {} differences to find, {range_rows} rows a range, {memory:?}:\n{}",
                    source.dialect,
                    target.dialect,
                    truth.differences(),
                    faults.join("\n")
                );
            }
        }
    }
}

fn count() -> usize {
    match std::env::var(COUNT_VARIABLE) {
        Ok(count) => count.parse().unwrap_or_else(|_| panic!("{COUNT_VARIABLE} is no number: {count}")),
        Err(_) => COUNT,
    }
}
