//! Which rows were changed since a snapshot that is gone.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io::{BufReader, BufWriter, Read as _, Seek as _, Write as _};

use switchback_engines::pack::{pack, unpack_all};
use switchback_engines::{Change, Image, KeyValues, Value};

use super::error::{Error, Result};
use super::plan::Job;

/// Keys in memory, of all tables together, before they go to a file.
const MEMORY_BYTES: usize = 16 << 20;
/// What a key takes beside its bytes.
const KEY_OVERHEAD: usize = 64;
/// Keys of a transaction that has not ended.
const PENDING_MAX: usize = 100_000;
/// Keys that are mended at once: SQLite nests a condition for each.
const KEYS_AT_ONCE: usize = 200;

/// The keys that a log has changes of, by the tables' places among the jobs.
#[derive(Debug, Default)]
pub(super) struct Touched {
    keys: BTreeMap<usize, Keys>,
    /// Tables whose rows can't be told by what the log has of them.
    whole: BTreeSet<usize>,
    bytes: usize,
    /// Of the transaction that is being read: table, key, whether the row is there
    /// behind the change.
    pending: Vec<(usize, Vec<u8>, bool)>,
}

#[derive(Debug, Default)]
struct Keys {
    /// With whether the row is there in the end.
    memory: HashMap<Vec<u8>, bool>,
    file: Option<File>,
    /// Keys of a transaction of which it is not known whether the snapshot has it:
    /// so whether a row is there in the end isn't known.
    vague: bool,
}

/// Some keys of a table.
#[derive(Debug)]
pub(super) struct KeyBatch {
    pub(super) keys: Vec<KeyValues>,
    /// How many of them must be found in the snapshot, at least.
    pub(super) present_min: usize,
}

impl Touched {
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.whole.is_empty()
    }

    /// Tables that have to be loaded again as a whole.
    pub(super) fn whole(&self) -> impl Iterator<Item = usize> + '_ {
        self.whole.iter().copied()
    }

    /// Tables of which some keys have to be.
    pub(super) fn tables(&self) -> Vec<usize> {
        self.keys.keys().copied().filter(|table| !self.whole.contains(table)).collect()
    }

    /// Tables that have been loaded again.
    pub(super) fn leave_out(&mut self, tables: &[usize]) {
        self.keys.retain(|table, _| !tables.contains(table));
    }

    /// Notes a change of a table that `wanted` says yes to.
    pub(super) fn note(&mut self, jobs: &[Job], change: &Change, wanted: impl Fn(usize) -> bool) -> Result<()> {
        match change {
            Change::Insert { table, new } => self.row(jobs, *table, Some(new), true, &wanted)?,
            Change::Update { table, old, new } => {
                self.row(jobs, *table, old.as_ref(), false, &wanted)?;
                self.row(jobs, *table, Some(new), true, &wanted)?;
            }
            Change::Delete { table, old } => self.row(jobs, *table, Some(old), false, &wanted)?,
            Change::Truncate { tables } => self.whole.extend(tables.iter().copied().filter(|&table| wanted(table))),
        }
        Ok(())
    }

    fn row(
        &mut self,
        jobs: &[Job],
        table: usize,
        image: Option<&Image>,
        present: bool,
        wanted: &impl Fn(usize) -> bool,
    ) -> Result<()> {
        let (Some(job), Some(image)) = (jobs.get(table).filter(|_| wanted(table)), image) else { return Ok(()) };
        let key = if job.key.is_empty() { None } else { job.map.key_of(image) };
        let Some(key) = key else {
            self.whole.insert(table);
            return Ok(());
        };
        let mut packed = Vec::new();
        key.iter().for_each(|value| pack(value, &mut packed));
        self.pending.push((table, packed, present));
        if self.pending.len() >= PENDING_MAX {
            self.settle_vaguely()?;
        }
        Ok(())
    }

    /// The snapshot has the transaction, or a part of it, or nothing. Too many keys do no
    /// harm: each is brought to what the snapshot has.
    pub(super) fn settle_vaguely(&mut self) -> Result<()> {
        for (table, _, _) in &self.pending {
            self.keys.entry(*table).or_default().vague = true;
        }
        self.settle()
    }

    /// The transaction is in the snapshot.
    pub(super) fn settle(&mut self) -> Result<()> {
        for (table, key, present) in std::mem::take(&mut self.pending) {
            self.bytes += key.len() + KEY_OVERHEAD;
            self.keys.entry(table).or_default().memory.insert(key, present);
        }
        if self.bytes > MEMORY_BYTES {
            for keys in self.keys.values_mut() {
                keys.spill().map_err(|source| Error::File { what: "keeping keys on disk", source })?;
            }
            self.bytes = 0;
        }
        Ok(())
    }

    /// The transaction is not in the snapshot: it is for the stream.
    pub(super) fn drop_pending(&mut self) {
        self.pending.clear();
    }

    /// All keys of a table, again each time.
    pub(super) fn batches(&mut self, table: usize) -> Result<Batches<'_>> {
        let failed = |source| Error::File { what: "reading keys from disk", source };
        let Some(keys) = self.keys.get_mut(&table) else { return Ok(Batches::default()) };
        let exact = keys.file.is_none() && !keys.vague;
        let file = match &mut keys.file {
            Some(file) => {
                file.rewind().map_err(failed)?;
                Some(BufReader::new(&*file))
            }
            None => None,
        };
        Ok(Batches { file, memory: Some(keys.memory.iter()), exact })
    }
}

impl Keys {
    fn spill(&mut self) -> std::io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        file.seek(std::io::SeekFrom::End(0))?;
        let mut out = BufWriter::new(file);
        for (key, _) in self.memory.drain() {
            out.write_all(&(key.len() as u64).to_le_bytes())?;
            out.write_all(&key)?;
        }
        out.flush()
    }
}

/// Keys of a table, some at a time.
#[derive(Debug, Default)]
pub(super) struct Batches<'k> {
    file: Option<BufReader<&'k File>>,
    memory: Option<std::collections::hash_map::Iter<'k, Vec<u8>, bool>>,
    exact: bool,
}

impl Batches<'_> {
    pub(super) fn next(&mut self) -> Result<Option<KeyBatch>> {
        let mut batch = KeyBatch { keys: Vec::new(), present_min: 0 };
        while batch.keys.len() < KEYS_AT_ONCE {
            let Some((packed, present)) = self.key()? else { break };
            let key = unpack_all(&packed).ok_or_else(|| Error::State { what: "a key".to_owned() })?;
            batch.keys.push(key.into_iter().map(Value::into_owned).collect());
            batch.present_min += usize::from(present && self.exact);
        }
        Ok((!batch.keys.is_empty()).then_some(batch))
    }

    fn key(&mut self) -> Result<Option<(Vec<u8>, bool)>> {
        let failed = |source| Error::File { what: "reading keys from disk", source };
        if let Some(file) = &mut self.file {
            let mut len = [0; 8];
            match file.read_exact(&mut len) {
                Ok(()) => {
                    let len = usize::try_from(u64::from_le_bytes(len)).unwrap_or(usize::MAX);
                    let mut key = Vec::new();
                    file.take(len as u64).read_to_end(&mut key).map_err(failed)?;
                    if key.len() != len {
                        return Err(failed(std::io::ErrorKind::UnexpectedEof.into()));
                    }
                    return Ok(Some((key, false)));
                }
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => self.file = None,
                Err(error) => return Err(failed(error)),
            }
        }
        let next = self.memory.as_mut().and_then(Iterator::next);
        Ok(next.map(|(key, present)| (key.clone(), *present)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn packed(n: i64) -> Vec<u8> {
        let mut bytes = Vec::new();
        pack(&Value::Int(n), &mut bytes);
        bytes
    }

    fn all(touched: &mut Touched, table: usize) -> (BTreeSet<i64>, usize) {
        let mut batches = touched.batches(table).unwrap();
        let (mut keys, mut present) = (BTreeSet::new(), 0);
        while let Some(batch) = batches.next().unwrap() {
            assert!(batch.keys.len() <= KEYS_AT_ONCE);
            present += batch.present_min;
            for key in batch.keys {
                let [Value::Int(n)] = key.as_slice() else { panic!("{key:?}") };
                keys.insert(*n);
            }
        }
        (keys, present)
    }

    #[test]
    fn keys_beyond_memory_come_back_from_disk_each_time() {
        let count = 400_000;
        let mut touched = Touched::default();
        for n in 0..count {
            touched.pending.push((1, packed(n), true));
            if n % 1_000 == 0 {
                touched.settle().unwrap();
            }
        }
        touched.settle().unwrap();
        assert!(touched.bytes < MEMORY_BYTES && touched.keys[&1].file.is_some());
        for _ in 0..2 {
            let (keys, present) = all(&mut touched, 1);
            // What was there at the end is not known of keys on disk.
            assert_eq!((keys.len(), keys.last(), present), (400_000, Some(&(count - 1)), 0));
        }
        assert_eq!(touched.tables(), [1]);
    }

    #[test]
    fn only_what_the_snapshot_has_counts() {
        let mut touched = Touched::default();
        touched.pending.extend([(0, packed(1), true), (0, packed(2), true), (0, packed(1), false)]);
        touched.settle().unwrap();
        touched.pending.push((0, packed(3), true));
        touched.drop_pending();
        touched.settle().unwrap();
        let (keys, present) = all(&mut touched, 0);
        assert_eq!((keys, present), ([1, 2].into(), 1));
        // Of these it is not known, and so of none of their table.
        touched.pending.extend([(0, packed(4), true), (0, packed(5), false)]);
        touched.settle_vaguely().unwrap();
        let (keys, present) = all(&mut touched, 0);
        assert_eq!((keys, present), ([1, 2, 4, 5].into(), 0));
        touched.leave_out(&[0]);
        assert!(touched.is_empty());
    }
}
