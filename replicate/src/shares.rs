//! Which transactions of a group have nothing to do with each other.
//!
//! Two transactions belong together when they touch one row, or two rows that one
//! unique key may be about, or a row and its parent; and so does what belongs
//! together with either. All rows of a table without a key belong together. What
//! belongs together goes to one session, in its order. A key is told by its bytes: two that only the sink's collation takes for one may end
//! in different shares, and then the sink refuses one of them, whose share is made
//! again behind the others.

use std::collections::HashMap;

use switchback_engines::pack::pack;
use switchback_engines::{Image, OwnedValue};

use crate::plan::{Mapped, Plan};
use crate::transaction::{Changes, Op, RowChange, Transaction};

/// A group's transactions, divided among sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Division {
    /// The session of each transaction.
    of: Vec<usize>,
    sessions: usize,
}

impl Division {
    /// The same for the same transactions, whenever it is made. `None` where they
    /// have to stay together: something in them does not fit, is about a whole table,
    /// or is on disk.
    pub(crate) fn new(plan: &Plan, transactions: &[Transaction], sessions: usize) -> Option<Self> {
        let mut connected = Connected((0..transactions.len()).collect());
        let mut first = HashMap::new();
        for (place, transaction) in transactions.iter().enumerate() {
            let Changes::Memory(changes) = &transaction.changes else { return None };
            for change in changes {
                for key in keys(plan, change)? {
                    let other = *first.entry(key).or_insert(place);
                    connected.join(other, place);
                }
            }
        }
        let mut loads = vec![0; sessions];
        let mut session_of = HashMap::new();
        let mut sizes: HashMap<usize, u64> = HashMap::new();
        for (place, transaction) in transactions.iter().enumerate() {
            *sizes.entry(connected.root(place)).or_default() += transaction.changes.count();
        }
        let of = (0..transactions.len()).map(|place| {
            let root = connected.root(place);
            *session_of.entry(root).or_insert_with(|| {
                let least = (0..sessions).min_by_key(|&session| loads.get(session).copied()).unwrap_or(0);
                if let Some(load) = loads.get_mut(least) {
                    *load += sizes.get(&root).copied().unwrap_or(0);
                }
                least
            })
        });
        Some(Self { of: of.collect(), sessions })
    }

    /// Whether more than one session has something to do.
    pub(crate) fn is_worth_it(&self) -> bool {
        self.of.iter().any(|session| Some(session) != self.of.first())
    }

    pub(crate) fn sessions(&self) -> usize {
        self.sessions
    }

    /// The transactions of the shares of `sessions`, in their order.
    pub(crate) fn share<'t>(&self, sessions: &[usize], transactions: &'t [Transaction]) -> Vec<&'t Transaction> {
        let whose = self.of.iter().zip(transactions);
        whose.filter(|(session, _)| sessions.contains(session)).map(|(_, transaction)| transaction).collect()
    }

    /// What tells this division of these transactions from any other.
    pub(crate) fn digest(&self, transactions: &[Transaction]) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&(self.sessions as u64).to_le_bytes());
        for (session, transaction) in self.of.iter().zip(transactions) {
            hasher.update(&(*session as u64).to_le_bytes());
            hasher.update(&transaction.digest);
        }
        hasher.finalize().to_hex().to_string()
    }
}

/// Each transaction's way to the first of those that it belongs together with.
struct Connected(Vec<usize>);

impl Connected {
    fn root(&mut self, mut place: usize) -> usize {
        while let Some(&next) = self.0.get(place)
            && next != place
        {
            let after = self.0.get(next).copied().unwrap_or(next);
            if let Some(way) = self.0.get_mut(place) {
                *way = after;
            }
            place = after;
        }
        place
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        if let Some(way) = self.0.get_mut(a.max(b)) {
            *way = a.min(b);
        }
    }
}

/// A table, one of its keys, and a value of it.
type Key = (usize, usize, Vec<u8>);

/// The keys that a change is about, or `None` where it can't be told.
fn keys(plan: &Plan, change: &RowChange) -> Option<Vec<Key>> {
    let mapped = plan.tables.get(change.table)?;
    if change.unfit.is_some() || matches!(change.op, Op::Truncate { .. }) {
        return None;
    }
    let mut keys = Vec::new();
    if mapped.identity.is_empty() {
        keys.push((change.table, 0, Vec::new()));
    }
    for image in change.op.images().into_iter().flatten() {
        add_keys(mapped, change.table, image, &mut keys);
    }
    Some(keys)
}

fn add_keys(mapped: &Mapped, table: usize, image: &Image, keys: &mut Vec<Key>) {
    let own = std::iter::once(&mapped.identity).chain(&mapped.unique).enumerate();
    let parents = mapped.parents.iter().map(|parent| (parent.table, 0, &parent.places));
    for (table, key, places) in
        own.filter(|(_, places)| !places.is_empty()).map(|(key, places)| (table, key, places)).chain(parents)
    {
        let values: Option<Vec<&OwnedValue>> = places.iter().map(|&place| image.get(place)?.as_ref()).collect();
        // Of a row before its change not everything may be known; see above.
        let Some(values) = values else { continue };
        let mut packed = Vec::new();
        values.into_iter().for_each(|value| pack(value, &mut packed));
        keys.push((table, key, packed));
    }
}

#[cfg(test)]
mod tests {
    use switchback_engines::{
        Column, Engine, Flavor, ForeignKey, Key as TableKey, Logical, Position, ServerInfo, StreamName, Table,
        TableRef, Value,
    };

    use super::*;
    use crate::spec::{Settings, Spec, TablePair};

    fn table(name: &str, columns: &[&str]) -> Table {
        let column = |name: &&str| Column {
            name: (*name).to_owned(),
            native: "bigint".to_owned(),
            logical: Some(Logical::Int { bits: 64, unsigned: false }),
            nullable: false,
            generated: false,
            collation: None,
        };
        Table {
            name: TableRef { schema: None, name: name.to_owned() },
            columns: columns.iter().map(column).collect(),
            primary_key: None,
            unique_keys: Vec::new(),
            foreign_keys: Vec::new(),
            row_estimate: 0,
            bytes_estimate: 0,
            children: Vec::new(),
        }
    }

    fn key(columns: &[usize]) -> TableKey {
        TableKey { name: "k".to_owned(), columns: columns.to_vec() }
    }

    /// `people (id, seat unique)`, `notes (id, person → people)`, `log (n)`.
    fn plan() -> Plan {
        let mut people = table("people", &["id", "seat"]);
        people.primary_key = Some(key(&[0]));
        people.unique_keys = vec![key(&[1])];
        let mut notes = table("notes", &["id", "person"]);
        notes.primary_key = Some(key(&[0]));
        notes.foreign_keys = vec![ForeignKey { columns: vec!["person".to_owned()], parent: people.name.clone() }];
        let tables = [people, notes, table("log", &["n"])].map(|table| TablePair::new(table.clone(), table));
        let spec = Spec {
            name: StreamName::new("s").unwrap(),
            opposite: None,
            tables: tables.into(),
            settings: Settings::default(),
        };
        let info = ServerInfo {
            engine: Engine::Postgres,
            flavor: Flavor::Original,
            version: "17".to_owned(),
            location: "here".to_owned(),
        };
        Plan::new(&spec, &info, &info).unwrap()
    }

    fn image(cells: &[i64]) -> Image {
        cells.iter().map(|&cell| Some(Value::Int(cell))).collect()
    }

    fn insert(table: usize, cells: &[i64]) -> RowChange {
        RowChange { table, op: Op::Insert { new: image(cells) }, unfit: None }
    }

    fn update(table: usize, old: &[i64], new: &[i64]) -> RowChange {
        RowChange { table, op: Op::Update { old: Some(image(old)), new: image(new) }, unfit: None }
    }

    fn transaction(changes: Vec<RowChange>) -> Transaction {
        Transaction {
            position: Position("p".to_owned()),
            committed_at: 0,
            changes: Changes::Memory(changes),
            digest: [7; 32],
            bytes: 0,
            _room: None,
        }
    }

    /// The sessions of transactions of one change each.
    fn divided(changes: Vec<RowChange>, sessions: usize) -> Vec<usize> {
        let transactions: Vec<Transaction> = changes.into_iter().map(|change| transaction(vec![change])).collect();
        let division = Division::new(&plan(), &transactions, sessions).unwrap();
        assert_eq!(division, Division::new(&plan(), &transactions, sessions).unwrap());
        division.of
    }

    #[test]
    fn strangers_are_shared_out_evenly() {
        let changes = (0..4).map(|id| insert(0, &[id, id + 10])).collect();
        assert_eq!(divided(changes, 2), [0, 1, 0, 1]);
        let three = (0..3).map(|id| insert(0, &[id, id + 10])).collect();
        assert_eq!(divided(three, 4), [0, 1, 2]);
    }

    #[test]
    fn changes_of_a_row_stay_together() {
        assert_eq!(divided(vec![insert(0, &[1, 1]), insert(0, &[2, 2]), update(0, &[1, 1], &[1, 3])], 2), [0, 1, 0]);
        // By what it is called before, and after.
        assert_eq!(divided(vec![insert(0, &[1, 1]), insert(0, &[2, 2]), update(0, &[2, 2], &[3, 2])], 2), [0, 1, 1]);
    }

    #[test]
    fn a_unique_value_goes_from_hand_to_hand() {
        let swap = vec![update(0, &[1, 10], &[1, 11]), insert(0, &[9, 9]), update(0, &[2, 12], &[2, 10])];
        assert_eq!(divided(swap, 2), [0, 1, 0]);
        // The same number in another column is no such value.
        assert_eq!(divided(vec![insert(0, &[1, 10]), insert(0, &[10, 1])], 2), [0, 1]);
    }

    #[test]
    fn rows_stay_with_their_parents() {
        assert_eq!(divided(vec![insert(0, &[1, 10]), insert(1, &[5, 2]), insert(1, &[6, 1])], 2), [0, 1, 0]);
    }

    #[test]
    fn a_table_without_a_key_stays_together() {
        assert_eq!(divided(vec![insert(2, &[1]), insert(0, &[1, 1]), insert(2, &[2])], 3), [0, 1, 0]);
    }

    #[test]
    fn what_is_about_a_whole_table_is_not_divided() {
        let truncate = RowChange { table: 0, op: Op::Truncate { with: Vec::new() }, unfit: None };
        let transactions = [transaction(vec![insert(2, &[1])]), transaction(vec![truncate])];
        assert_eq!(Division::new(&plan(), &transactions, 2), None);
    }

    #[test]
    fn a_division_is_told_from_others() {
        let transactions: Vec<Transaction> = (0..4).map(|id| transaction(vec![insert(0, &[id, id])])).collect();
        let digest = |sessions, of: &[Transaction]| Division::new(&plan(), of, sessions).unwrap().digest(of);
        assert_eq!(digest(2, &transactions), digest(2, &transactions));
        assert_ne!(digest(2, &transactions), digest(3, &transactions));
        assert_ne!(digest(2, &transactions), digest(2, &transactions[..3]));
    }
}
