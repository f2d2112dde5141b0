//! Reading rows again.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use switchback_engines::canon::cell;
use switchback_engines::{Error, KeyValues, RawBatch, Scope, pack};
use tokio::sync::mpsc;

use super::Where;
use crate::compare::hash::RowHasher;
use crate::compare::matching::Candidate;
use crate::compare::read::{ReadError, on_pool};
use crate::outcome::Side;
use crate::side::SideAccess;

/// Keys in one statement. Long enough that the round trip does not count, short
/// enough for every server's parser and packet.
const KEYS_PER_STATEMENT: usize = 1000;

/// Rows of one side that are held at once, packed. Several look-ups run at a
/// time, one range.
const LOOKED_UP_BYTES_MAX: usize = 4 << 20;
const RANGE_BYTES_MAX: usize = 24 << 20;

pub(crate) type Wanted = Arc<HashSet<Box<[u8]>>>;

/// One row that was read again.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) hash: u128,
    /// How many rows are the same as this one.
    pub(crate) count: u64,
    /// The identity, and behind it the row's values, packed: a part of what was
    /// kept of a whole batch, as there may be a hundred thousand rows.
    bytes: Bytes,
    identity_len: usize,
}

impl Row {
    pub(crate) fn identity(&self) -> &[u8] {
        self.bytes.get(..self.identity_len).unwrap_or_default()
    }

    pub(crate) fn values(&self) -> &[u8] {
        self.bytes.get(self.identity_len..).unwrap_or_default()
    }

    fn size_bytes(&self) -> usize {
        size_of::<Self>() + self.bytes.len()
    }
}

/// The rows of one side that were wanted, and those that the server found for a
/// wanted key although they have another.
#[derive(Debug, Default)]
pub(crate) struct Fetched {
    /// By identity and hash, each once.
    rows: Vec<Row>,
    pub(crate) odd: Vec<Row>,
    bytes: usize,
    /// How many identities were asked for.
    candidates: usize,
    /// When there are more rows than this, equal ones are counted together.
    compact_at: usize,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    /// There is more than may be held; fewer candidates have fewer rows.
    #[error("the rows are too large")]
    TooLarge,
    #[error(transparent)]
    Read(ReadError),
}

impl From<ReadError> for FetchError {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

impl Fetched {
    /// The rows of one identity, by hash.
    pub(crate) fn of(&self, identity: &[u8]) -> &[Row] {
        let start = self.rows.partition_point(|r| r.identity() < identity);
        let rest = self.rows.get(start..).unwrap_or_default();
        let len = rest.partition_point(|r| r.identity() == identity);
        rest.get(..len).unwrap_or_default()
    }

    fn add(&mut self, wanted: Vec<Row>, odd: Vec<Row>) {
        self.bytes += wanted.iter().chain(&odd).map(Row::size_bytes).sum::<usize>();
        self.rows.extend(wanted);
        self.odd.extend(odd);
        // A table without a key may hold a million of one row.
        if self.rows.len() > self.compact_at.max(10_000) {
            self.compact();
            self.compact_at = self.rows.len() * 2;
        }
    }

    /// Equal rows become one, with their number.
    fn compact(&mut self) {
        self.rows.sort_unstable_by(|a, b| (a.identity(), a.hash).cmp(&(b.identity(), b.hash)));
        self.rows.dedup_by(|next, kept| {
            let same = next.hash == kept.hash && next.identity() == kept.identity();
            if same {
                kept.count += next.count;
            }
            same
        });
        self.bytes = self.rows.iter().chain(&self.odd).map(Row::size_bytes).sum();
    }
}

pub(crate) fn identities(candidates: &[Candidate]) -> Wanted {
    Arc::new(candidates.iter().map(|c| c.identity.clone()).collect())
}

pub(crate) async fn fetch(
    side: &SideAccess,
    wanted: &Wanted,
    place: Where<'_>,
    pool: &rayon::ThreadPool,
) -> Result<Fetched, FetchError> {
    let mut fetched = Fetched { candidates: wanted.len(), ..Fetched::default() };
    match place {
        Where::InRange(range) => {
            let scope = match side.key() {
                [] => Scope::All,
                key => Scope::Range { key, range },
            };
            read(side, scope, wanted, pool, &mut fetched).await?;
        }
        Where::ByKey => look_up(side, wanted, pool, &mut fetched).await?,
    }
    fetched.compact();
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
) -> Result<(), FetchError> {
    let mut keys: Vec<(&[u8], KeyValues)> = Vec::with_capacity(wanted.len());
    for identity in wanted.iter() {
        let key = cell::decode_all(identity).ok_or_else(|| unreadable(side))?;
        keys.push((identity, key));
    }
    // A key with a NULL in it is found by no comparison. Only SQLite lets such
    // rows into a primary key; they are looked for in the whole table.
    let has_null = |key: &KeyValues| key.iter().any(switchback_engines::Value::is_null);
    let (with_null, keys): (Vec<_>, Vec<_>) = keys.into_iter().partition(|(_, key)| has_null(key));
    if !with_null.is_empty() {
        let asked = with_null.iter().map(|(identity, _)| Box::from(*identity)).collect();
        read(side, Scope::All, &Arc::new(asked), pool, fetched).await?;
    }
    for chunk in keys.chunks(KEYS_PER_STATEMENT) {
        let asked = chunk.iter().map(|(identity, _)| Box::from(*identity)).collect();
        let values: Vec<KeyValues> = chunk.iter().map(|(_, key)| key.clone()).collect();
        let scope = Scope::Keys { key: side.key(), values: &values };
        read(side, scope, &Arc::new(asked), pool, fetched).await?;
    }
    Ok(())
}

/// Cells that we encoded ourselves can't be read back.
fn unreadable(side: &SideAccess) -> ReadError {
    ReadError::Engine(Error::Decode {
        table: side.table().name.to_string(),
        column: "(key)".to_owned(),
        why: "a canonical key cannot be read back".to_owned(),
    })
}

async fn read(
    side: &SideAccess,
    scope: Scope<'_>,
    wanted: &Wanted,
    pool: &rayon::ThreadPool,
    fetched: &mut Fetched,
) -> Result<(), FetchError> {
    // Only the target's odd rows say something: see `collision`.
    let held_bytes_max = match &scope {
        Scope::Keys { .. } => LOOKED_UP_BYTES_MAX,
        Scope::All | Scope::Range { .. } => RANGE_BYTES_MAX,
    };
    let keeps_odd = matches!(scope, Scope::Keys { .. }) && side.side == Side::Target;
    let (sender, mut receiver) = mpsc::channel::<RawBatch>(2);
    let reading = async { side.database.read(side.request(scope), sender).await.map_err(ReadError::from) };
    let picking = async {
        let mut decoded = 0;
        while let Some(batch) = receiver.recv().await {
            let (hasher, wanted_here) = (side.hasher.clone(), Arc::clone(wanted));
            let picked = on_pool(pool, move || pick(&hasher, &batch, &wanted_here, keeps_odd)).await?;
            let picked = picked.map_err(ReadError::from)?;
            decoded += picked.decoded;
            fetched.add(picked.wanted, picked.odd);
            // One candidate is decided whatever its size.
            if fetched.bytes > held_bytes_max && fetched.candidates > 1 {
                return Err(FetchError::TooLarge);
            }
        }
        Ok(decoded)
    };
    let reading = async { reading.await.map_err(FetchError::from) };
    let (read, decoded) = tokio::try_join!(reading, picking)?;
    if read != decoded {
        return Err(ReadError::RowsLost { read, hashed: decoded }.into());
    }
    Ok(())
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
    let mut bytes = Vec::new();
    let mut kept = Vec::new();
    hasher.decoder.decode(batch, &mut |values| {
        picked.decoded += 1;
        let (identity_len, hash) = hasher.row(values, &mut cells);
        let identity = hasher.identity(&cells, identity_len, hash);
        let is_wanted = wanted.contains(&identity);
        if !is_wanted && !keeps_odd {
            return;
        }
        let start = bytes.len();
        bytes.extend_from_slice(&identity);
        values.iter().for_each(|value| pack::pack(value, &mut bytes));
        kept.push((is_wanted, hash, identity.len(), start..bytes.len()));
    })?;
    let bytes = Bytes::from(bytes);
    for (is_wanted, hash, identity_len, at) in kept {
        let row = Row { hash, count: 1, bytes: bytes.slice(at), identity_len };
        if is_wanted { picked.wanted.push(row) } else { picked.odd.push(row) }
    }
    Ok(picked)
}
