//! Puts transactions together that are committed together.

use std::sync::Arc;
use std::time::SystemTime;

use switchback_engines::Position;
use tokio::sync::mpsc;

use crate::apply::Group;
use crate::assemble::Item;
use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::progress::Unfinished;
use crate::render::Dialect;
use crate::shares::Division;
use crate::spec::Spec;
use crate::transaction::{Changes, Transaction};

/// What is applied at once.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(super) group: Option<Group>,
    /// Up to here nothing else is for the sink.
    pub(super) passed: Option<Position>,
    pub(super) heartbeat: Option<SystemTime>,
    pub(super) barrier: Option<i64>,
    pub(super) own_dropped: u64,
}

/// Puts transactions into groups and makes statements of them, while the sink is
/// busy with the group before: so groups grow with the load, and a single
/// transaction waits for nothing.
pub(crate) async fn grouping(
    plan: Arc<Plan>,
    spec: Arc<Spec>,
    dialect: Dialect,
    sessions: usize,
    unfinished: Option<Unfinished>,
    mut items: mpsc::Receiver<Item>,
    out: mpsc::Sender<Batch>,
) -> Result<()> {
    if let Some(unfinished) = unfinished {
        let Some(batch) = again(&plan, dialect, &spec, unfinished, &mut items).await? else { return Ok(()) };
        if out.send(batch).await.is_err() {
            return Ok(());
        }
    }
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
            if let Some(late) = gathering.add(one, &spec, sessions) {
                next = Some(late);
                break;
            }
            item = items.try_recv().ok();
        }
        let Gathering { transactions, mut batch, .. } = gathering;
        if !transactions.is_empty() {
            let end = batch.passed.take();
            let division = (sessions > 1).then(|| Division::new(&plan, &transactions, sessions)).flatten();
            batch.group = Some(match division.filter(Division::is_worth_it) {
                Some(division) => Group::divided(&plan, dialect, transactions, end, division),
                None => Group::new(&plan, dialect, transactions, end),
            });
        }
        slot.send(batch);
    }
}

/// The group of which some shares are in the sink: exactly the same one, divided as
/// it was. `None` when nothing more comes.
async fn again(
    plan: &Plan,
    dialect: Dialect,
    spec: &Spec,
    unfinished: Unfinished,
    items: &mut mpsc::Receiver<Item>,
) -> Result<Option<Batch>> {
    let divided = || Error::Divided { stream: spec.name.clone() };
    let mut transactions: Vec<Transaction> = Vec::new();
    let mut batch = Batch::default();
    while transactions.last().is_none_or(|last| last.position != unfinished.end) {
        let Some(item) = items.recv().await else { return Ok(None) };
        match item {
            Item::Transaction(mut transaction) => {
                // All of them have to come before the first is done.
                transaction._room = None;
                transactions.push(transaction);
            }
            Item::Passed(_) => {}
            Item::Heartbeat(at) => batch.heartbeat = Some(at),
            Item::Barrier(token) => batch.barrier = Some(token),
            Item::OwnDropped => batch.own_dropped += 1,
        }
    }
    let division = Division::new(plan, &transactions, unfinished.sessions).ok_or_else(divided)?;
    batch.group = Some(Group::divided(plan, dialect, transactions, None, division));
    Ok(Some(batch))
}

#[derive(Debug, Default)]
struct Gathering {
    transactions: Vec<Transaction>,
    bytes: usize,
    batch: Batch,
}

impl Gathering {
    /// Adds an item, or gives it back when it has to wait for the next group.
    fn add(&mut self, item: Item, spec: &Spec, sessions: usize) -> Option<Item> {
        match item {
            Item::Passed(position) => self.batch.passed = Some(position),
            Item::Heartbeat(at) => self.batch.heartbeat = Some(at),
            Item::Barrier(token) => self.batch.barrier = Some(token),
            Item::OwnDropped => self.batch.own_dropped += 1,
            Item::Transaction(transaction) => {
                let settings = &spec.settings;
                let is_spilled = |t: &Transaction| matches!(t.changes, Changes::Spilled(_));
                let full = self.transactions.len() >= settings.group_transactions.saturating_mul(sessions)
                    || self.bytes.saturating_add(transaction.bytes)
                        > settings.group_bytes.saturating_mul(sessions).min(settings.waiting_bytes / 2);
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
