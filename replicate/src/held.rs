//! Keys whose changes wait.
//!
//! Later changes of a row that has a dead letter are put aside as well, or they
//! would be made to a row that is not what they were made for. A change that
//! moves a row is about two keys, and waits behind either. Which keys those are
//! follows from the letters that wait, so it is in no table of its own; a process
//! that runs has them in memory, as hashes.

use std::collections::HashSet;

use switchback_engines::pack::pack;
use switchback_engines::{Image, Writer};

use crate::codec::{Strict, decode_letter};
use crate::dead_letters::Letters;
use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::transaction::{Changes, Op, RowChange};

/// Two different keys with one hash would only wait together.
type KeyHash = [u8; 16];

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Held {
    keys: HashSet<(usize, KeyHash)>,
    /// Tables with letters, also those whose key does not fit the sink.
    tables: HashSet<usize>,
}

impl Held {
    pub(crate) fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    pub(crate) fn hold(&mut self, plan: &Plan, change: &RowChange) {
        self.tables.insert(change.table);
        self.keys.extend(keys(plan, change));
    }

    pub(crate) fn holds(&self, plan: &Plan, change: &RowChange) -> bool {
        !self.keys.is_empty() && keys(plan, change).iter().any(|key| self.keys.contains(key))
    }

    /// Whether a change has anything to do with a letter.
    pub(crate) fn concerns(&self, plan: &Plan, change: &RowChange) -> bool {
        match &change.op {
            Op::Truncate { with } => emptied(change.table, with).any(|table| self.tables.contains(&table)),
            Op::Insert { .. } | Op::Update { .. } | Op::Delete { .. } => self.holds(plan, change),
        }
    }

    /// Whether any of a transaction's changes has.
    pub(crate) fn concerns_any(&self, plan: &Plan, changes: &Changes) -> bool {
        let concerned = |changes: &Changes| match changes {
            Changes::Memory(changes) => changes.iter().any(|change| self.concerns(plan, change)),
            Changes::Spilled(_) => true,
        };
        !self.is_empty() && concerned(changes)
    }

    fn release(&mut self, table: usize) {
        self.tables.remove(&table);
        self.keys.retain(|(of, _)| *of != table);
    }

    /// Takes over what a transaction came to, once it is committed.
    pub(crate) fn settle(&mut self, holding: Holding) {
        holding.released.into_iter().for_each(|table| self.release(table));
        self.tables.extend(holding.newly.tables);
        self.keys.extend(holding.newly.keys);
    }
}

/// The tables that a truncation empties.
pub(crate) fn emptied(table: usize, with: &[usize]) -> impl Iterator<Item = usize> {
    std::iter::once(table).chain(with.iter().copied())
}

/// What a transaction that is not yet committed changes in a [`Held`].
#[derive(Debug, Default)]
pub(crate) struct Holding {
    released: HashSet<usize>,
    newly: Held,
}

impl Holding {
    pub(crate) fn hold(&mut self, plan: &Plan, change: &RowChange) {
        self.newly.hold(plan, change);
    }

    pub(crate) fn holds(&self, before: &Held, plan: &Plan, change: &RowChange) -> bool {
        let is_released = self.released.contains(&change.table);
        self.newly.holds(plan, change) || (!is_released && before.holds(plan, change))
    }

    /// The table is empty: nothing of before has a meaning any more.
    pub(crate) fn release(&mut self, table: usize) {
        self.newly.release(table);
        self.released.insert(table);
    }
}

fn keys(plan: &Plan, change: &RowChange) -> Vec<(usize, KeyHash)> {
    let Some(mapped) = plan.tables.get(change.table) else { return Vec::new() };
    let hashed = |image: &Image| {
        let mut bytes = Vec::new();
        mapped.key(image)?.iter().for_each(|(_, value)| pack(value, &mut bytes));
        let hash = blake3::hash(&bytes);
        Some((change.table, *hash.as_bytes().first_chunk()?))
    };
    change.op.images().into_iter().flatten().filter_map(hashed).collect()
}

/// What the letters that wait hold back.
pub(crate) async fn load(writer: &mut dyn Writer, letters: &Letters, plan: &Plan) -> Result<Held> {
    let mut held = Held::default();
    let mut after = i64::MIN;
    loop {
        let page = letters.waiting(writer, after).await?;
        let Some(last) = page.last() else { return Ok(held) };
        after = last.id;
        for letter in &page {
            // Of a table that is streamed no more nothing can come.
            let Some((table, mapped)) = plan.named(&letter.table) else { continue };
            let change = decode_letter(mapped, table, &letter.change, Strict::No);
            held.hold(plan, &change.map_err(|_| unreadable(letter.id))?);
        }
    }
}

pub(crate) fn unreadable(letter: i64) -> Error {
    Error::State { what: format!("the dead letter {letter}") }
}
