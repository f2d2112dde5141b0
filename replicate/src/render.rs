//! The statements that a group of transactions comes to, each with the number
//! of rows it must find.
//!
//! Per table: what is deleted, then what is updated, then what is inserted, so
//! that a value of a unique key is free before another row takes it; and last what
//! was inserted only to be deleted again. Where that
//! isn't enough (two rows that swap such values) the server refuses, and the
//! table's changes are made in their own order from then on. Tables don't wait for each
//! other: neither foreign keys nor triggers are active in the sink's session.

use std::sync::atomic::Ordering;

use switchback_engines::sql::change::{self, Cell, Rows, Update};
use switchback_engines::{Engine, Flavor, Image, OwnedValue};

use crate::net::{Cells, Impossible, Net, TableNet};
use crate::plan::{Mapped, Plan};
use crate::transaction::{Op, RowChange};

/// Rows of one statement at most: more gain nothing, and a statement must fit
/// into what a server takes at once.
const ROWS_MAX: usize = 1_000;
/// A statement ends when it is longer than this.
const STATEMENT_BYTES: usize = 256 << 10;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statement {
    /// In [`Plan::tables`].
    pub(crate) table: usize,
    pub(crate) sql: String,
    /// How many rows it must find; `None` where any number is right.
    pub(crate) expected: Option<u64>,
}

/// The sink's dialect, and what to demand of rows that are replaced.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dialect {
    pub(crate) engine: Engine,
    pub(crate) flavor: Flavor,
    pub(crate) check_before: bool,
}

impl Dialect {
    pub(crate) fn rows<'m>(&self, mapped: &'m Mapped) -> Rows<'m> {
        Rows {
            engine: self.engine,
            flavor: self.flavor,
            table: &mapped.sink,
            columns: &mapped.columns,
            identity: &mapped.identity,
        }
    }

    /// What an update or delete demands of the row besides its identity.
    pub(crate) fn before<'i>(&self, mapped: &Mapped, before: Option<&'i Image>) -> Vec<Cell<'i>> {
        let Some(image) = before.filter(|_| self.check_before && !mapped.identity.is_empty()) else {
            return Vec::new();
        };
        let wanted =
            |place: &usize| mapped.checkable.get(*place).copied().unwrap_or(false) && !mapped.identity.contains(place);
        let places = (0..image.len()).filter(wanted);
        places.filter_map(|place| image.get(place)?.as_ref().map(|value| (place, value))).collect()
    }
}

/// How changes of one table are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// What they come to in the end, except for tables of which it is known that
    /// they need their order.
    Net,
    /// A statement for each, as they were made.
    AsMade,
}

/// Renders changes that are applied in one go.
///
/// # Errors
/// [`Impossible`] when they don't go together, or one of them has a value that
/// doesn't fit: then they have to be made one by one.
pub(crate) fn render<'g>(
    plan: &Plan,
    dialect: Dialect,
    order: Order,
    changes: impl Iterator<Item = &'g RowChange>,
) -> Result<Vec<Statement>, Impossible> {
    let mut rendering = Rendering {
        plan,
        dialect,
        order,
        nets: plan.tables.iter().map(|_| TableNet::default()).collect(),
        statements: Vec::new(),
    };
    for change in changes {
        rendering.add(change)?;
    }
    (0..plan.tables.len()).for_each(|table| rendering.flush(table));
    Ok(rendering.statements)
}

struct Rendering<'p, 'g> {
    plan: &'p Plan,
    dialect: Dialect,
    order: Order,
    nets: Vec<TableNet<'g>>,
    statements: Vec<Statement>,
}

impl<'p, 'g> Rendering<'p, 'g> {
    fn add(&mut self, change: &'g RowChange) -> Result<(), Impossible> {
        if change.unfit.is_some() {
            return Err(Impossible);
        }
        let mapped = self.plan.tables.get(change.table).ok_or(Impossible)?;
        if let Op::Truncate { with } = &change.op {
            (0..self.plan.tables.len()).for_each(|table| self.flush(table));
            let tables = truncated(self.plan, change.table, with);
            let emptied = change::truncate(self.dialect.engine, &tables);
            let table = change.table;
            self.statements.extend(emptied.into_iter().map(|sql| Statement { table, sql, expected: None }));
            return Ok(());
        }
        let in_order = self.order == Order::AsMade || mapped.in_order.load(Ordering::Relaxed);
        if in_order || mapped.identity.is_empty() || moves(mapped, &change.op) {
            self.flush(change.table);
            let statement = one(self.dialect, mapped, change).ok_or(Impossible)?;
            self.statements.push(statement);
            return Ok(());
        }
        self.nets.get_mut(change.table).ok_or(Impossible)?.add(mapped, change)
    }

    /// Writes down what has come together for a table.
    fn flush(&mut self, table: usize) {
        let (Some(mapped), Some(net)) = (self.plan.tables.get(table), self.nets.get_mut(table)) else { return };
        if net.is_empty() {
            return;
        }
        let net = std::mem::take(net);
        let mut out = Out { table, rows: self.dialect.rows(mapped), statements: &mut self.statements };
        let mut deletes = Vec::new();
        let mut updates: Vec<Update<'g>> = Vec::new();
        let mut inserts: Vec<&Cells<'g>> = Vec::new();
        let mut fleeting = Vec::new();
        // Values of another unique key are free and taken in the order of the changes.
        let rows = net.into_rows(mapped.sink.unique_keys.is_empty());
        for row in &rows {
            match &row.net {
                Net::Delete { before } => {
                    let before = self.dialect.before(mapped, *before);
                    if before.is_empty() {
                        deletes.push(row.key.clone());
                    } else {
                        out.push(out.rows.delete(&row.key, &before), 1);
                    }
                }
                Net::Update { set, before } => updates.push(Update {
                    key: row.key.clone(),
                    set: settable(mapped, set),
                    before: self.dialect.before(mapped, *before),
                }),
                Net::Insert(cells) => inserts.push(cells),
                Net::Fleeting(cells) => {
                    inserts.push(cells);
                    fleeting.push(row.key.clone());
                }
            }
        }
        out.deletes(&deletes);
        out.updates(updates);
        out.inserts(&inserts);
        out.deletes(&fleeting);
    }
}

/// The tables that one statement emptied.
pub(crate) fn truncated<'p>(plan: &'p Plan, table: usize, with: &[usize]) -> Vec<&'p switchback_engines::Table> {
    std::iter::once(table)
        .chain(with.iter().copied())
        .filter_map(|table| plan.tables.get(table).map(|mapped| &mapped.sink))
        .collect()
}

/// Whether a change gives the row another identity.
fn moves(mapped: &Mapped, op: &Op) -> bool {
    match op {
        Op::Update { old: Some(old), new } => mapped.identity.iter().any(
            |&place| matches!((old.get(place), new.get(place)), (Some(Some(a)), Some(b)) if b.as_ref() != Some(a)),
        ),
        Op::Update { old: None, .. } | Op::Insert { .. } | Op::Delete { .. } | Op::Truncate { .. } => false,
    }
}

/// All cells that are there, without the identity: the row was found by it. A
/// row that is nothing but its identity is set to what it is, so that it is
/// found at all.
fn settable<'g>(mapped: &Mapped, cells: &Cells<'g>) -> Vec<Cell<'g>> {
    let present = |place: usize| cells.get(place).copied().flatten().map(|value| (place, value));
    let rest: Vec<Cell<'g>> =
        (0..cells.len()).filter(|place| !mapped.identity.contains(place)).filter_map(present).collect();
    if rest.is_empty() { mapped.identity.iter().copied().filter_map(present).collect() } else { rest }
}

/// One change as one statement, or `None` where its images lack what it takes.
pub(crate) fn one(dialect: Dialect, mapped: &Mapped, change: &RowChange) -> Option<Statement> {
    let rows = dialect.rows(mapped);
    let op = &change.op;
    let sql = match op {
        Op::Insert { new } => {
            let cells: Cells<'_> = new.iter().map(Option::as_ref).collect();
            cells.iter().all(Option::is_some).then(|| rows.insert(&[&cells]))?
        }
        Op::Update { old, new } => {
            let key = mapped.key(old.as_ref().unwrap_or(new))?;
            let moved = moves(mapped, op);
            let cells: Cells<'_> = new.iter().map(Option::as_ref).collect();
            let set = if mapped.identity.is_empty() || moved {
                cells.iter().enumerate().filter_map(|(place, cell)| cell.map(|value| (place, value))).collect()
            } else {
                settable(mapped, &cells)
            };
            rows.update(&Update { key, set, before: dialect.before(mapped, old.as_ref()) })
        }
        Op::Delete { old } => rows.delete(&mapped.key(old)?, &dialect.before(mapped, Some(old))),
        Op::Truncate { .. } => return None,
    };
    Some(Statement { table: change.table, sql, expected: Some(1) })
}

/// Statements of one table.
struct Out<'m, 's> {
    table: usize,
    rows: Rows<'m>,
    statements: &'s mut Vec<Statement>,
}

impl Out<'_, '_> {
    fn push(&mut self, sql: String, expected: usize) {
        self.statements.push(Statement { table: self.table, sql, expected: Some(expected as u64) });
    }

    fn deletes(&mut self, keys: &[Vec<Cell<'_>>]) {
        for some in keys.chunks(ROWS_MAX) {
            self.push(self.rows.delete_many(some), some.len());
        }
    }

    fn updates(&mut self, updates: Vec<Update<'_>>) {
        if !self.rows.joins_updates() {
            for update in &updates {
                self.push(self.rows.update(update), 1);
            }
            return;
        }
        // A join sets the same columns of all its rows.
        let mut alike: Vec<(Vec<usize>, Vec<Update<'_>>)> = Vec::new();
        for update in updates {
            if !update.before.is_empty() {
                self.push(self.rows.update(&update), 1);
                continue;
            }
            let places: Vec<usize> = update.set.iter().map(|(place, _)| *place).collect();
            match alike.iter_mut().find(|(of, _)| *of == places) {
                Some((_, same)) => same.push(update),
                None => alike.push((places, vec![update])),
            }
        }
        for (_, same) in alike {
            for some in pieces(&same, |update| update.key.iter().chain(&update.set).map(|(_, value)| size(value)).sum())
            {
                self.push(self.rows.update_many(some), some.len());
            }
        }
    }

    fn inserts(&mut self, rows: &[&Cells<'_>]) {
        for some in pieces(rows, |row| row.iter().flatten().map(|value| size(value)).sum()) {
            let some: Vec<&[Option<&OwnedValue>]> = some.iter().map(|row| row.as_slice()).collect();
            self.push(self.rows.insert(&some), some.len());
        }
    }
}

/// About how long a literal is.
fn size(value: &OwnedValue) -> usize {
    value.size_bytes().saturating_sub(std::mem::size_of::<OwnedValue>()) * 2 + 12
}

/// Cuts into pieces that make statements of a sensible length.
fn pieces<T>(items: &[T], bytes: impl Fn(&T) -> usize) -> Vec<&[T]> {
    let mut pieces = Vec::new();
    let mut rest = items;
    while !rest.is_empty() {
        let mut total = 0;
        let fits = |item: &T| {
            total += bytes(item);
            total <= STATEMENT_BYTES
        };
        let len = rest.iter().take(ROWS_MAX).map_while({
            let mut fits = fits;
            move |item| fits(item).then_some(())
        });
        let len = len.count().max(1);
        let (piece, next) = rest.split_at(len);
        pieces.push(piece);
        rest = next;
    }
    pieces
}
