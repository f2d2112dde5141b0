//! How a row of the origin becomes a row of the sink.
//!
//! Decided once, for all rows, under the same rules by which the comparison
//! calls two values equal: a value that has no equal in the sink's column is a
//! conflict and never something near it.

use std::sync::atomic::AtomicBool;

use switchback_engines::canon::{self, Rule};
use switchback_engines::capture::columns;
use switchback_engines::fit::{Unfit, fit};
use switchback_engines::{Change, Column, Engine, ForeignKey, Image, Key, Logical, OwnedValue, ServerInfo, Table};

use crate::error::{Error, Result};
use crate::spec::{Spec, TablePair};
use crate::transaction::{Misfitting, Op, RowChange};

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
    /// The cells of the sink's other unique keys.
    pub(crate) unique: Vec<Vec<usize>>,
    /// Whose rows this table's rows refer to.
    pub(crate) parents: Vec<Parent>,
    /// Which cells an update may demand of the row before: those whose value
    /// comes back from the sink as it was written.
    pub(crate) checkable: Vec<bool>,
    /// Rows of this table have taken each other's unique values within a group:
    /// from then on its changes are made in their own order.
    pub(crate) in_order: AtomicBool,
    /// The origin's columns that its images have cells for.
    pub(crate) origin_names: Vec<String>,
    cells: Vec<Cell>,
    pub(crate) engine: Engine,
}

/// A table that another one refers to by its identity.
#[derive(Debug)]
pub(crate) struct Parent {
    /// In [`Plan::tables`].
    pub(crate) table: usize,
    /// The cells of the referring row, one for each of the parent's identity.
    pub(crate) places: Vec<usize>,
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
        let mut plan = Self { tables };
        let parents: Vec<Vec<Parent>> = plan.tables.iter().map(|mapped| plan.parents(mapped)).collect();
        for (mapped, parents) in plan.tables.iter_mut().zip(parents) {
            mapped.parents = parents;
        }
        Ok(plan)
    }

    fn parents(&self, child: &Mapped) -> Vec<Parent> {
        let parent = |key: &ForeignKey| {
            let of = |mapped: &Mapped| mapped.sink.name == key.parent && mapped.identity.len() == key.columns.len();
            let table = self.tables.iter().position(of)?;
            let place = |name: &String| (0..child.columns.len()).find(|&place| child.cell_name(place) == name);
            Some(Parent { table, places: key.columns.iter().map(place).collect::<Option<_>>()? })
        };
        child.sink.foreign_keys.iter().filter_map(parent).collect()
    }

    /// A change in the sink's terms.
    pub(crate) fn map(&self, change: Change) -> Option<RowChange> {
        let (table, op) = match change {
            Change::Insert { table, new } => (table, Op::Insert { new }),
            Change::Update { table, old, new } => (table, Op::Update { old, new }),
            Change::Delete { table, old } => (table, Op::Delete { old }),
            Change::Truncate { tables } => {
                let mut tables = tables.into_iter().filter(|&table| table < self.tables.len());
                let table = tables.next()?;
                return Some(RowChange { table, op: Op::Truncate { with: tables.collect() }, unfit: None });
            }
        };
        Some(self.tables.get(table)?.map(table, op))
    }

    /// The table of the sink that has this name, with its place.
    pub(crate) fn named(&self, name: &str) -> Option<(usize, &Mapped)> {
        self.tables.iter().enumerate().find(|(_, mapped)| mapped.sink.name.to_string() == name)
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
            unique: Vec::new(),
            parents: Vec::new(),
            checkable: Vec::new(),
            in_order: AtomicBool::new(false),
            origin_names: columns(&pair.origin)
                .into_iter()
                .filter_map(|i| pair.origin.columns.get(i).map(|column| column.name.clone()))
                .collect(),
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
            if mapped.columns.contains(&to) {
                return Err(plan(
                    format!("two columns would go into `{}` of the sink", other.name),
                    "rename one of them, or ignore it",
                ));
            }
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
        mapped.unique = mapped.sink.unique_keys.iter().filter_map(|key| mapped.places(&key.columns)).collect();
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

    /// The cells of the sink's columns, where each has one.
    fn places(&self, columns: &[usize]) -> Option<Vec<usize>> {
        columns.iter().map(|column| self.columns.iter().position(|c| c == column)).collect()
    }

    /// A change of the origin's row in the sink's terms. `table`: this one's place.
    pub(crate) fn map(&self, table: usize, op: Op) -> RowChange {
        let mut why = None;
        let mut fitted = op.images().map(|image| image.map(|image| self.fitted(image, &mut why)));
        // Only now, since what fits is taken out of the images.
        let unfit = why.map(|why| Box::new(Misfitting { why, origin: op.clone() }));
        let mut fitted = fitted.iter_mut().filter_map(Option::take);
        let op = op.map(|image| self.assembled(image, fitted.next().unwrap_or_default()));
        RowChange { table, op, unfit }
    }

    /// The cells that have to be made fit, in their order.
    fn fitted(&self, image: &Image, why: &mut Option<Unfit>) -> Vec<Option<OwnedValue>> {
        let fitted = |(place, cell): (usize, &Cell)| {
            let value = image.get(cell.from)?.as_ref()?;
            let column = self.columns.get(place).and_then(|&i| self.sink.columns.get(i))?;
            match fit(self.engine, &cell.rule, column, value, false) {
                Ok(value) => Some(value),
                Err(unfit) => {
                    why.get_or_insert(unfit);
                    None
                }
            }
        };
        self.cells.iter().enumerate().filter(|(_, cell)| !cell.same).map(fitted).collect()
    }

    fn assembled(&self, mut image: Image, fitted: Vec<Option<OwnedValue>>) -> Image {
        let mut fitted = fitted.into_iter();
        let cell = |cell: &Cell| {
            if cell.same { image.get_mut(cell.from).and_then(Option::take) } else { fitted.next().flatten() }
        };
        self.cells.iter().map(cell).collect()
    }

    /// Where a cell's value is in an image of the origin's.
    pub(crate) fn from(&self, place: usize) -> Option<usize> {
        self.cells.get(place).map(|cell| cell.from)
    }

    /// Whether a cell's values are right as they are.
    pub(crate) fn is_same(&self, place: usize) -> bool {
        self.cells.get(place).is_some_and(|cell| cell.same)
    }

    /// A value of the origin's as a cell's column holds it.
    pub(crate) fn fit(&self, place: usize, value: OwnedValue) -> std::result::Result<OwnedValue, Unfit> {
        let column = self.columns.get(place).and_then(|&i| self.sink.columns.get(i));
        match (self.cells.get(place), column) {
            (Some(cell), Some(column)) if !cell.same => fit(self.engine, &cell.rule, column, &value, false),
            _ => Ok(value),
        }
    }

    /// The name of a cell's column at the sink.
    pub(crate) fn cell_name(&self, place: usize) -> &str {
        self.columns.get(place).and_then(|&i| self.sink.columns.get(i)).map_or("", |column| column.name.as_str())
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
            let text = switchback_engines::display::text(value).unwrap_or_else(|| "NULL".to_owned());
            format!("{}={text}", self.cell_name(place))
        };
        let key = self.key(image).unwrap_or_default();
        key.into_iter().map(text).collect::<Vec<_>>().join(", ")
    }
}

/// By its name, or where there is none by one that differs in case: MySQL and
/// SQLite take them for one.
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
