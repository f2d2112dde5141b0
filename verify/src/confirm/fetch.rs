//! Reading rows again.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use switchback_engines::canon::cell;
use switchback_engines::{KeyValues, RawBatch, Scope, pack};
use tokio::sync::mpsc;

use super::Where;
use crate::compare::hash::RowHasher;
use crate::compare::matching::Candidate;
use crate::compare::read::{ReadError, on_pool};
use crate::side::SideAccess;

/// Keys in one statement. Long enough that the round trip does not count, short
/// enough for every server's parser and packet.
const KEYS_PER_STATEMENT: usize = 1000;

pub(crate) type Wanted = Arc<HashSet<Box<[u8]>>>;

/// One row that was read again.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) identity: Box<[u8]>,
    pub(crate) hash: u128,
    /// How many rows are the same as this one.
    pub(crate) count: u64,
    /// The row's values, packed.
    pub(crate) values: Box<[u8]>,
}

/// The rows of one side that were wanted, and those that the server found for a
/// wanted key although they have another.
#[derive(Debug, Default)]
pub(crate) struct Fetched {
    pub(crate) rows: HashMap<Box<[u8]>, Vec<Row>>,
    pub(crate) odd: Vec<Row>,
}

pub(crate) fn identities(candidates: &[Candidate]) -> Wanted {
    Arc::new(candidates.iter().map(|c| c.identity.clone()).collect())
}

pub(crate) async fn fetch(
    side: &SideAccess,
    wanted: &Wanted,
    place: Where<'_>,
    pool: &rayon::ThreadPool,
) -> Result<Fetched, ReadError> {
    let mut fetched = Fetched::default();
    match place {
        Where::InRange(range) => {
            let scope = match side.key() {
                [] => Scope::All,
                key => Scope::Range { key, range },
            };
            read(side, scope, wanted, pool, &mut fetched).await?;
            // Rows of the range that nobody asked for.
            fetched.odd.clear();
        }
        Where::ByKey => look_up(side, wanted, pool, &mut fetched).await?,
    }
    Ok(fetched)
}

/// One statement for some keys at a time. What counts as wanted is what *this*
/// statement asked for: a server that takes `A` for `a` answers both questions
/// with the same row, which must be counted once.
async fn look_up(
    side: &SideAccess,
    wanted: &Wanted,
    pool: &rayon::ThreadPool,
    fetched: &mut Fetched,
) -> Result<(), ReadError> {
    let has_null = |key: &KeyValues| key.iter().any(switchback_engines::Value::is_null);
    let keys: Vec<(&[u8], KeyValues)> =
        wanted.iter().filter_map(|identity| Some((&**identity, cell::decode_all(identity)?))).collect();
    // A key with a NULL in it is found by no comparison. Only SQLite lets such
    // rows into a primary key; they are looked for in the whole table.
    let (with_null, keys): (Vec<_>, Vec<_>) = keys.into_iter().partition(|(_, key)| has_null(key));
    if !with_null.is_empty() {
        let asked = with_null.iter().map(|(identity, _)| Box::from(*identity)).collect();
        read(side, Scope::All, &Arc::new(asked), pool, fetched).await?;
        fetched.odd.clear();
    }
    for chunk in keys.chunks(KEYS_PER_STATEMENT) {
        let asked = chunk.iter().map(|(identity, _)| Box::from(*identity)).collect();
        let values: Vec<KeyValues> = chunk.iter().map(|(_, key)| key.clone()).collect();
        let scope = Scope::Keys { key: side.key(), values: &values };
        read(side, scope, &Arc::new(asked), pool, fetched).await?;
    }
    Ok(())
}

async fn read(
    side: &SideAccess,
    scope: Scope<'_>,
    wanted: &Wanted,
    pool: &rayon::ThreadPool,
    fetched: &mut Fetched,
) -> Result<(), ReadError> {
    let keeps_odd = matches!(scope, Scope::Keys { .. });
    let (sender, mut receiver) = mpsc::channel::<RawBatch>(2);
    let reading = async { side.database.read(side.request(scope), sender).await.map_err(ReadError::from) };
    let picking = async {
        let mut decoded = 0;
        while let Some(batch) = receiver.recv().await {
            let (hasher, wanted) = (side.hasher.clone(), Arc::clone(wanted));
            let picked = on_pool(pool, move || pick(&hasher, &batch, &wanted, keeps_odd)).await??;
            decoded += picked.decoded;
            for row in picked.wanted {
                add(fetched.rows.entry(row.identity.clone()).or_default(), row);
            }
            fetched.odd.extend(picked.odd);
        }
        Ok(decoded)
    };
    let (read, decoded) = tokio::try_join!(reading, picking)?;
    if read != decoded {
        return Err(ReadError::RowsLost { read, hashed: decoded });
    }
    Ok(())
}

/// Equal rows are kept once, with their number: a table without a key may hold
/// a million of one row.
fn add(rows: &mut Vec<Row>, row: Row) {
    match rows.iter_mut().find(|r| r.hash == row.hash) {
        Some(same) => same.count += row.count,
        None => rows.push(row),
    }
}

#[derive(Default)]
struct Picked {
    decoded: u64,
    wanted: Vec<Row>,
    odd: Vec<Row>,
}

fn pick(
    hasher: &RowHasher,
    batch: &RawBatch,
    wanted: &HashSet<Box<[u8]>>,
    keeps_odd: bool,
) -> switchback_engines::Result<Picked> {
    let mut picked = Picked::default();
    let mut cells = Vec::with_capacity(256);
    hasher.decoder.decode(batch, &mut |values| {
        picked.decoded += 1;
        let (identity_len, hash) = hasher.row(values, &mut cells);
        let identity = hasher.identity(&cells, identity_len, hash);
        let is_wanted = wanted.contains(&identity);
        if !is_wanted && !keeps_odd {
            return;
        }
        let mut packed = Vec::with_capacity(cells.len());
        values.iter().for_each(|value| pack::pack(value, &mut packed));
        let row = Row { identity, hash, count: 1, values: packed.into_boxed_slice() };
        if is_wanted { picked.wanted.push(row) } else { picked.odd.push(row) }
    })?;
    Ok(picked)
}
