//! Puts transactions together that are committed together.

use std::sync::Arc;
use std::time::SystemTime;

use switchback_engines::Position;
use tokio::sync::mpsc;

use crate::apply::Group;
use crate::assemble::Item;
use crate::error::Result;
use crate::plan::Plan;
use crate::render::Dialect;
use crate::spec::Spec;
use crate::transaction::{Changes, Transaction};

/// What is applied at once.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(super) group: Option<Group>,
    /// Up to here nothing else is for the sink.
    pub(super) passed: Option<Position>,
    pub(super) heartbeat: Option<SystemTime>,
    pub(super) own_dropped: u64,
}

/// Puts transactions into groups and makes statements of them, while the sink is
/// busy with the group before: so groups grow with the load, and a single
/// transaction waits for nothing.
pub(crate) async fn grouping(
    plan: Arc<Plan>,
    spec: Arc<Spec>,
    dialect: Dialect,
    mut items: mpsc::Receiver<Item>,
    out: mpsc::Sender<Batch>,
) -> Result<()> {
    let mut next = None;
    loop {
        let first = match next.take() {
            Some(item) => item,
            None => match items.recv().await {
                Some(item) => item,
                None => return Ok(()),
            },
        };
        let Ok(slot) = out.reserve().await else { return Ok(()) };
        let mut gathering = Gathering::default();
        let mut item = Some(first);
        while let Some(one) = item.take() {
            if let Some(late) = gathering.add(one, &spec) {
                next = Some(late);
                break;
            }
            item = items.try_recv().ok();
        }
        let Gathering { transactions, mut batch, .. } = gathering;
        if !transactions.is_empty() {
            batch.group = Some(Group::new(&plan, dialect, transactions, batch.passed.take()));
        }
        slot.send(batch);
    }
}

#[derive(Debug, Default)]
struct Gathering {
    transactions: Vec<Transaction>,
    bytes: usize,
    batch: Batch,
}

impl Gathering {
    /// Adds an item, or gives it back when it has to wait for the next group.
    fn add(&mut self, item: Item, spec: &Spec) -> Option<Item> {
        match item {
            Item::Passed(position) => self.batch.passed = Some(position),
            Item::Heartbeat(at) => self.batch.heartbeat = Some(at),
            Item::OwnDropped => self.batch.own_dropped += 1,
            Item::Transaction(transaction) => {
                let settings = &spec.settings;
                let is_spilled = |t: &Transaction| matches!(t.changes, Changes::Spilled(_));
                let full = self.transactions.len() >= settings.group_transactions
                    || self.bytes.saturating_add(transaction.bytes) > settings.group_bytes;
                // One that is on disk is alone.
                let alone = is_spilled(&transaction) || self.transactions.first().is_some_and(is_spilled);
                if !self.transactions.is_empty() && (alone || full) {
                    return Some(Item::Transaction(transaction));
                }
                self.bytes += transaction.bytes;
                self.transactions.push(transaction);
                // It lies before this one, and that is where the group ends.
                self.batch.passed = None;
            }
        }
        None
    }
}
