//! How a row of the origin becomes a row of the sink.
//!
//! Decided once, for all rows, under the same rules by which the comparison
//! calls two values equal: a value that has no equal in the sink's column is a
//! conflict and never something near it.

use std::sync::atomic::AtomicBool;

use switchback_engines::canon::{self, Rule};
use switchback_engines::capture::columns;
use switchback_engines::fit::{Unfit, fit};
use switchback_engines::{Change, Column, Engine, Image, Key, Logical, OwnedValue, ServerInfo, Table};

use crate::error::{Error, Result};
use crate::spec::{Spec, TablePair};
use crate::transaction::{Op, RowChange};

/// All tables of a stream, in the order of its [`Spec`].
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) tables: Vec<Mapped>,
}

/// A table of the sink, and how to get its cells from the origin's.
#[derive(Debug)]
pub(crate) struct Mapped {
    pub(crate) sink: Table,
    /// Positions in the sink's [`Table::columns`], one for each cell of a
    /// [`RowChange`].
    pub(crate) columns: Vec<usize>,
    /// The cells that a row is found by; empty where only all of them together
    /// tell it from others.
    pub(crate) identity: Vec<usize>,
    /// Which cells an update may demand of the row before: those whose value
    /// comes back from the sink as it was written.
    pub(crate) checkable: Vec<bool>,
    /// Rows of this table have taken each other's unique values within a group:
    /// from then on its changes are made in their own order.
    pub(crate) in_order: AtomicBool,
    cells: Vec<Cell>,
    engine: Engine,
}

#[derive(Debug)]
struct Cell {
    /// In the origin's image.
    from: usize,
    rule: Rule,
    /// The two columns are of one engine and type, so a value is right as it is.
    same: bool,
}

impl Plan {
    /// # Errors
    /// [`Error::Plan`] for the first pair of tables that does not go together.
    pub(crate) fn new(spec: &Spec, origin: &ServerInfo, sink: &ServerInfo) -> Result<Self> {
        let tables = spec.tables.iter().map(|pair| Mapped::new(pair, origin, sink)).collect::<Result<_>>()?;
        Ok(Self { tables })
    }

    /// A change in the sink's terms.
    pub(crate) fn map(&self, change: Change) -> Option<RowChange> {
        let mut unfit = None;
        let (table, op) = match change {
            Change::Insert { table, new } => {
                let mapped = self.tables.get(table)?;
                (table, Op::Insert { new: mapped.image(new, &mut unfit) })
            }
            Change::Update { table, old, new } => {
                let mapped = self.tables.get(table)?;
                let old = old.map(|old| mapped.image(old, &mut unfit));
                (table, Op::Update { old, new: mapped.image(new, &mut unfit) })
            }
            Change::Delete { table, old } => {
                let mapped = self.tables.get(table)?;
                (table, Op::Delete { old: mapped.image(old, &mut unfit) })
            }
            Change::Truncate { tables } => {
                let mut tables = tables.into_iter().filter(|&table| table < self.tables.len());
                (tables.next()?, Op::Truncate { with: tables.collect() })
            }
        };
        Some(RowChange { table, op, unfit })
    }
}

impl Mapped {
    fn new(pair: &TablePair, origin: &ServerInfo, sink: &ServerInfo) -> Result<Self> {
        let name = &pair.origin.name;
        let plan = |why: String, hint| Error::Plan { table: name.to_string(), why, hint };
        let mut mapped = Self {
            sink: pair.sink.clone(),
            columns: Vec::new(),
            identity: Vec::new(),
            checkable: Vec::new(),
            in_order: AtomicBool::new(false),
            cells: Vec::new(),
            engine: sink.engine,
        };
        let same_server = (origin.engine, origin.flavor) == (sink.engine, sink.flavor);
        for (from, position) in columns(&pair.origin).into_iter().enumerate() {
            let Some(column) = pair.origin.columns.get(position) else { continue };
            if pair.ignored.contains(&column.name) {
                continue;
            }
            let counterpart = pair.renamed.get(&column.name).unwrap_or(&column.name);
            let (to, other) = find(&pair.sink, counterpart).ok_or_else(|| {
                plan(format!("the sink has no column `{counterpart}`"), "add the column, rename it, or ignore it")
            })?;
            if other.generated {
                return Err(plan(
                    format!("`{counterpart}` is computed by the sink and stored by the origin"),
                    "ignore the column; a comparison shows whether both sides agree on it",
                ));
            }
            let rule = rule(pair, column, other, origin, sink).map_err(|e| plan(e.to_string(), e.hint()))?;
            let same = origin.engine == sink.engine && column.logical.is_some() && column.logical == other.logical;
            mapped.columns.push(to);
            mapped.checkable.push(same_server && same && column.native == other.native || plainly_equal(column, other));
            mapped.cells.push(Cell { from, rule, same });
        }
        if mapped.columns.is_empty() {
            return Err(plan("no column is left".to_owned(), "ignore fewer columns, or leave the table out"));
        }
        mapped.identity = mapped.find_identity(&pair.origin);
        Ok(mapped)
    }

    /// A key of the origin whose columns all arrive, the primary one first. The
    /// sink should have it too; where it has not, a change that finds several
    /// rows is a conflict, as any is that doesn't find one.
    fn find_identity(&self, origin: &Table) -> Vec<usize> {
        let image = columns(origin);
        let not_null = |key: &&Key| key.columns.iter().all(|&i| origin.columns.get(i).is_some_and(|c| !c.nullable));
        let keys = origin.primary_key.iter().chain(origin.unique_keys.iter().filter(not_null));
        let places = |key: &Key| -> Option<Vec<usize>> {
            let place = |&i: &usize| {
                let from = image.iter().position(|&p| p == i)?;
                self.cells.iter().position(|cell| cell.from == from)
            };
            key.columns.iter().map(place).collect()
        };
        keys.into_iter().find_map(places).unwrap_or_default()
    }

    fn image(&self, mut image: Image, unfit: &mut Option<Unfit>) -> Image {
        let fitted = |cell: &Cell, place: usize, image: &mut Image, unfit: &mut Option<Unfit>| {
            let value = image.get_mut(cell.from)?.take()?;
            if cell.same {
                return Some(value);
            }
            let column = self.columns.get(place).and_then(|&i| self.sink.columns.get(i))?;
            match fit(self.engine, &cell.rule, column, &value, false) {
                Ok(value) => Some(value),
                Err(why) => {
                    unfit.get_or_insert(why);
                    None
                }
            }
        };
        self.cells.iter().enumerate().map(|(place, cell)| fitted(cell, place, &mut image, unfit)).collect()
    }

    /// The identity's values in an image, where it has them all.
    pub(crate) fn key<'i>(&self, image: &'i Image) -> Option<Vec<(usize, &'i OwnedValue)>> {
        let all: Vec<usize>;
        let places = if self.identity.is_empty() {
            all = (0..self.columns.len()).collect();
            &all
        } else {
            &self.identity
        };
        places.iter().map(|&place| image.get(place)?.as_ref().map(|value| (place, value))).collect()
    }

    /// The identity as text, for people.
    pub(crate) fn key_text(&self, op: &Op) -> String {
        let image = match op {
            Op::Insert { new } | Op::Update { old: None, new } => new,
            Op::Update { old: Some(old), .. } | Op::Delete { old } => old,
            Op::Truncate { .. } => return String::new(),
        };
        let text = |(place, value): (usize, &OwnedValue)| {
            let name = self.columns.get(place).and_then(|&i| self.sink.columns.get(i)).map_or("", |c| c.name.as_str());
            let text = switchback_engines::display::text(value).unwrap_or_else(|| "NULL".to_owned());
            format!("{name}={text}")
        };
        let key = self.key(image).unwrap_or_default();
        key.into_iter().map(text).collect::<Vec<_>>().join(", ")
    }
}

/// Of a server's columns none differ in case alone.
fn find<'t>(table: &'t Table, name: &str) -> Option<(usize, &'t Column)> {
    table.column(name).or_else(|| table.columns.iter().enumerate().find(|(_, c)| c.name.eq_ignore_ascii_case(name)))
}

fn rule(
    pair: &TablePair,
    column: &Column,
    other: &Column,
    origin: &ServerInfo,
    sink: &ServerInfo,
) -> std::result::Result<Rule, canon::Incomparable> {
    let origin = canon::rule::Side { engine: origin.engine, flavor: origin.flavor, column };
    let sink = canon::rule::Side { engine: sink.engine, flavor: sink.flavor, column: other };
    canon::pair(origin, sink, &pair.equality).map(|decided| decided.rule)
}

/// Types whose values are the same on any engine.
fn plainly_equal(a: &Column, b: &Column) -> bool {
    match (&a.logical, &b.logical) {
        (Some(Logical::Int { .. }), Some(Logical::Int { .. })) | (Some(Logical::Date), Some(Logical::Date)) => true,
        (Some(Logical::Decimal { scale: a, .. }), Some(Logical::Decimal { scale: b, .. })) => a == b,
        _ => false,
    }
}
