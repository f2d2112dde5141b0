//! What several changes of one row come to.
//!
//! A group of transactions is applied as one, so a row that changed often is
//! written once. Which rows must be there before still shows: an insert comes to
//! one that finds nothing in its way, whatever followed it, and all else to a
//! statement that finds its row.
//!
//! Sequences that no database lets happen (an insert of a row that is there) come
//! to nothing at all: [`Impossible`], and the changes are then made one by one, so
//! that the sink says which of them is wrong.

use std::collections::HashMap;

use switchback_engines::pack::pack;
use switchback_engines::sql::change::Cell;
use switchback_engines::{Image, OwnedValue, Value};

use crate::plan::Mapped;
use crate::transaction::{Op, RowChange};

/// These changes can't follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Impossible;

/// The cells of a row, borrowed from the last change that had each.
pub(crate) type Cells<'g> = Vec<Option<&'g OwnedValue>>;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Net<'g> {
    Insert(Cells<'g>),
    Update {
        set: Cells<'g>,
        /// What the first of the updates found.
        before: Option<&'g Image>,
    },
    Delete {
        before: Option<&'g Image>,
    },
    /// Was inserted and deleted again. It is made and unmade all the same: were it
    /// left out, a row that is in its way would stay and nobody would know.
    Fleeting(Cells<'g>),
}

/// The rows of one table.
#[derive(Debug, Default)]
pub(crate) struct TableNet<'g> {
    rows: Vec<Row<'g>>,
    by_key: HashMap<Vec<u8>, usize>,
}

#[derive(Debug)]
pub(crate) struct Row<'g> {
    pub(crate) key: Vec<Cell<'g>>,
    pub(crate) net: Net<'g>,
}

impl<'g> TableNet<'g> {
    /// The rows in the order in which they were first touched; or where that does
    /// not matter, in that of their keys, whose neighbours lie beside each other in
    /// the sink's index.
    pub(crate) fn into_rows(mut self, any_order: bool) -> Vec<Row<'g>> {
        if any_order {
            self.rows.sort_by_cached_key(|row| match row.key.as_slice() {
                [(_, Value::Int(key))] => *key,
                // As they are.
                _ => 0,
            });
        }
        self.rows
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Adds a change that leaves the row's identity as it is.
    pub(crate) fn add(&mut self, mapped: &Mapped, change: &'g RowChange) -> Result<(), Impossible> {
        let (image, before) = match &change.op {
            Op::Insert { new } | Op::Update { old: None, new } => (new, None),
            Op::Update { old: Some(old), new } => (new, Some(old)),
            Op::Delete { old } => (old, Some(old)),
            Op::Truncate { .. } => return Err(Impossible),
        };
        // A row is inserted whole, or a default would stand for what is missing.
        if matches!(change.op, Op::Insert { .. }) && image.iter().any(Option::is_none) {
            return Err(Impossible);
        }
        let key = mapped.key(image).ok_or(Impossible)?;
        let next = match &change.op {
            Op::Insert { new } => Net::Insert(cells(new)),
            Op::Update { new, .. } => Net::Update { set: cells(new), before },
            Op::Delete { .. } | Op::Truncate { .. } => Net::Delete { before },
        };
        let mut packed = Vec::with_capacity(16);
        key.iter().for_each(|(_, value)| pack(value, &mut packed));
        let place = self.rows.len();
        match self.by_key.entry(packed) {
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(place);
                self.rows.push(Row { key, net: next });
                Ok(())
            }
            std::collections::hash_map::Entry::Occupied(entry) => {
                let row = self.rows.get_mut(*entry.get()).ok_or(Impossible)?;
                let before = std::mem::replace(&mut row.net, Net::Fleeting(Cells::new()));
                row.net = before.then(next)?;
                Ok(())
            }
        }
    }
}

fn cells(image: &Image) -> Cells<'_> {
    image.iter().map(Option::as_ref).collect()
}

/// Where the later image has nothing, the value was left alone.
fn over<'g>(earlier: Cells<'g>, later: Cells<'g>) -> Cells<'g> {
    earlier.into_iter().zip(later).map(|(old, new)| new.or(old)).collect()
}

impl Net<'_> {
    fn then(self, next: Self) -> Result<Self, Impossible> {
        Ok(match (self, next) {
            (Self::Insert(row), Self::Update { set, .. }) => Self::Insert(over(row, set)),
            (Self::Insert(row), Self::Delete { .. }) => Self::Fleeting(row),
            (Self::Update { set: earlier, before }, Self::Update { set, .. }) => {
                Self::Update { set: over(earlier, set), before }
            }
            (Self::Update { before, .. }, Self::Delete { .. }) => Self::Delete { before },
            // The row was there, and is there again with all of its cells.
            (Self::Delete { before }, Self::Insert(set)) => Self::Update { set, before },
            (Self::Fleeting(_), Self::Insert(row)) => Self::Insert(row),
            (Self::Insert(_) | Self::Update { .. }, Self::Insert(_))
            | (Self::Delete { .. } | Self::Fleeting(_), Self::Update { .. } | Self::Delete { .. })
            | (_, Self::Fleeting(_)) => return Err(Impossible),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert(values: &[OwnedValue]) -> Net<'_> {
        Net::Insert(values.iter().map(Some).collect())
    }

    fn update(values: &[Option<OwnedValue>]) -> Net<'_> {
        Net::Update { set: values.iter().map(Option::as_ref).collect(), before: None }
    }

    const DELETE: Net<'_> = Net::Delete { before: None };

    #[test]
    fn later_cells_count() {
        let row = [Value::Int(1), Value::Int(2)];
        let some = [None, Some(Value::Int(3))];
        let end = insert(&row).then(update(&some)).unwrap();
        assert_eq!(end, Net::Insert(vec![Some(&Value::Int(1)), Some(&Value::Int(3))]));
        let other = [Some(Value::Int(9)), None];
        let end = update(&some).then(update(&other)).unwrap();
        assert_eq!(end, Net::Update { set: vec![Some(&Value::Int(9)), Some(&Value::Int(3))], before: None });
    }

    #[test]
    fn rows_come_and_go() {
        let row = [Value::Int(1)];
        let set = [Some(Value::Int(1))];
        let fleeting = || Net::Fleeting(row.iter().map(Some).collect());
        assert_eq!(insert(&row).then(DELETE).unwrap(), fleeting());
        assert_eq!(insert(&row).then(DELETE).unwrap().then(insert(&row)).unwrap(), insert(&row));
        assert_eq!(DELETE.then(insert(&row)).unwrap(), update(&set));
        assert_eq!(update(&set).then(DELETE).unwrap(), DELETE);
        for (first, second) in [
            (insert(&row), insert(&row)),
            (update(&set), insert(&row)),
            (DELETE, DELETE),
            (DELETE, update(&set)),
            (fleeting(), update(&set)),
        ] {
            assert_eq!(first.then(second), Err(Impossible));
        }
    }

    #[test]
    fn what_was_before_the_first_change_counts() {
        let (first, second) = (vec![Some(Value::Int(1))], vec![Some(Value::Int(2))]);
        let update = |before| Net::Update { set: vec![None], before: Some(before) };
        assert_eq!(update(&first).then(update(&second)).unwrap(), update(&first));
        let gone = update(&first).then(Net::Delete { before: Some(&second) }).unwrap();
        assert_eq!(gone, Net::Delete { before: Some(&first) });
    }
}
