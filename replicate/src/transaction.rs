//! Whole transactions on their way to the sink.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read as _, Seek as _, Write as _};
use std::path::Path;

use switchback_engines::fit::Unfit;
use switchback_engines::{Image, Position};
use tokio::sync::OwnedSemaphorePermit;

use crate::codec;
use crate::error::{Error, Result};

/// A change in the sink's own terms: a cell for each column of
/// [`crate::plan::Mapped::columns`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RowChange {
    /// In [`crate::plan::Plan::tables`].
    pub(crate) table: usize,
    pub(crate) op: Op,
    /// A value has no place in the sink. The images then have none there.
    pub(crate) unfit: Option<Box<Misfitting>>,
}

/// A change of which not every value fits the sink.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Misfitting {
    /// The first of the values.
    pub(crate) why: Unfit,
    /// The change in the origin's own terms, a cell for each of its columns that
    /// are captured: all that there is to put aside.
    pub(crate) origin: Op,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Op {
    Insert {
        new: Image,
    },
    Update {
        old: Option<Image>,
        new: Image,
    },
    Delete {
        old: Image,
    },
    /// With the tables that the same statement emptied.
    Truncate {
        with: Vec<usize>,
    },
}

impl Op {
    /// The row before and the row after, in as far as there are such.
    pub(crate) fn images(&self) -> [Option<&Image>; 2] {
        match self {
            Self::Insert { new } => [None, Some(new)],
            Self::Update { old, new } => [old.as_ref(), Some(new)],
            Self::Delete { old } => [Some(old), None],
            Self::Truncate { .. } => [None, None],
        }
    }

    /// The same operation, with other images: the one before is asked for first.
    pub(crate) fn map(self, mut image: impl FnMut(Image) -> Image) -> Self {
        match self {
            Self::Insert { new } => Self::Insert { new: image(new) },
            Self::Update { old, new } => {
                let old = old.map(&mut image);
                Self::Update { old, new: image(new) }
            }
            Self::Delete { old } => Self::Delete { old: image(old) },
            Self::Truncate { with } => Self::Truncate { with },
        }
    }

    /// About how much memory it takes.
    fn size_bytes(&self) -> usize {
        let image = |image: &Image| -> usize {
            image.iter().map(|cell| cell.as_ref().map_or(0, |v| v.size_bytes()).max(56)).sum()
        };
        match self {
            Self::Insert { new } => image(new),
            Self::Update { old, new } => old.as_ref().map_or(0, image) + image(new),
            Self::Delete { old } => image(old),
            Self::Truncate { with } => with.len() * 8,
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Insert { .. } => "insert",
            Self::Update { .. } => "update",
            Self::Delete { .. } => "delete",
            Self::Truncate { .. } => "truncate",
        }
    }
}

impl RowChange {
    /// About how much memory it takes.
    pub(crate) fn size_bytes(&self) -> usize {
        const BASE: usize = 128;
        BASE + self.op.size_bytes() + self.unfit.as_ref().map_or(0, |unfit| unfit.origin.size_bytes())
    }
}

/// A transaction of the origin, without what is not for the sink.
#[derive(Debug)]
pub(crate) struct Transaction {
    /// Where it ends.
    pub(crate) position: Position,
    /// By the origin's clock, microseconds since 1970-01-01 UTC.
    pub(crate) committed_at: i64,
    pub(crate) changes: Changes,
    /// Of all changes, for the chain.
    pub(crate) digest: [u8; 32],
    pub(crate) bytes: usize,
    /// The room that it takes while it waits.
    pub(crate) _room: Option<OwnedSemaphorePermit>,
}

#[derive(Debug)]
pub(crate) enum Changes {
    Memory(Vec<RowChange>),
    Spilled(Spilled),
}

impl Changes {
    pub(crate) fn count(&self) -> u64 {
        match self {
            Self::Memory(changes) => changes.len() as u64,
            Self::Spilled(spilled) => spilled.count,
        }
    }
}

/// Changes in a file without a name: gone with the process, however it ends.
#[derive(Debug)]
pub(crate) struct Spilled {
    file: File,
    count: u64,
}

/// A spilled transaction is taken back in pieces of about so many bytes.
pub(crate) const PIECE_BYTES: usize = 4 << 20;

fn failed(source: std::io::Error) -> Error {
    Error::File { what: "keeping a large transaction on disk", source }
}

impl Spilled {
    /// Reads it from the beginning.
    pub(crate) fn reader(&self) -> Result<SpillReader> {
        let mut file = self.file.try_clone().map_err(failed)?;
        file.rewind().map_err(failed)?;
        Ok(SpillReader { input: BufReader::with_capacity(1 << 18, file), left: self.count })
    }
}

pub(crate) struct SpillReader {
    input: BufReader<File>,
    left: u64,
}

impl SpillReader {
    /// The next changes, none at the end.
    pub(crate) fn piece(&mut self) -> Result<Vec<RowChange>> {
        let mut piece = Vec::new();
        let mut bytes = 0;
        while self.left > 0 && bytes < PIECE_BYTES {
            let mut len = [0; 8];
            self.input.read_exact(&mut len).map_err(failed)?;
            let mut packed = vec![0; usize::try_from(u64::from_le_bytes(len)).unwrap_or(usize::MAX)];
            self.input.read_exact(&mut packed).map_err(failed)?;
            let change = codec::decode(&packed)
                .ok_or_else(|| Error::State { what: "a large transaction that was kept on disk".to_owned() })?;
            bytes += change.size_bytes();
            self.left -= 1;
            piece.push(change);
        }
        Ok(piece)
    }
}

/// Takes the changes of one transaction after the other, at first in memory.
#[derive(Debug)]
pub(crate) struct Builder<'a> {
    dir: &'a Path,
    bytes_max: usize,
    memory: Vec<RowChange>,
    bytes: usize,
    spill: Option<(BufWriter<File>, u64)>,
    /// Changes as they are hashed, and kept on disk, which the hasher hasn't seen.
    packed: Vec<u8>,
    /// Once there was more than is hashed at once: its state is large, and most
    /// transactions are small.
    hasher: Option<Box<blake3::Hasher>>,
}

/// So much is hashed at once.
const HASHED_BYTES: usize = 64 << 10;

impl<'a> Builder<'a> {
    pub(crate) fn new(dir: &'a Path, bytes_max: usize) -> Self {
        Self { dir, bytes_max, memory: Vec::new(), bytes: 0, spill: None, packed: Vec::new(), hasher: None }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.memory.is_empty() && self.spill.is_none()
    }

    /// Forgets what it has.
    pub(crate) fn clear(&mut self) {
        self.memory.clear();
        self.bytes = 0;
        self.spill = None;
        self.packed.clear();
        self.hasher = None;
    }

    pub(crate) fn push(&mut self, change: RowChange) -> Result<()> {
        if self.packed.len() > HASHED_BYTES {
            self.hasher.get_or_insert_default().update(&self.packed);
            self.packed.clear();
        }
        let begin = self.packed.len();
        pack(&change, &mut self.packed);
        if let Some((file, count)) = &mut self.spill {
            *count += 1;
            return file.write_all(self.packed.get(begin..).unwrap_or_default()).map_err(failed);
        }
        self.bytes += change.size_bytes();
        self.memory.push(change);
        if self.bytes > self.bytes_max { self.spill() } else { Ok(()) }
    }

    fn spill(&mut self) -> Result<()> {
        let mut file = BufWriter::with_capacity(1 << 18, tempfile::tempfile_in(self.dir).map_err(failed)?);
        let count = self.memory.len() as u64;
        let mut packed = Vec::new();
        for change in std::mem::take(&mut self.memory) {
            packed.clear();
            pack(&change, &mut packed);
            file.write_all(&packed).map_err(failed)?;
        }
        self.bytes = 0;
        self.spill = Some((file, count));
        Ok(())
    }

    /// What it has, as the transaction that ends at `position`. It is empty then.
    pub(crate) fn finish(&mut self, position: Position, committed_at: i64) -> Result<Transaction> {
        let changes = match self.spill.take() {
            None => Changes::Memory(std::mem::take(&mut self.memory)),
            Some((file, count)) => {
                let file = file.into_inner().map_err(|e| failed(e.into_error()))?;
                Changes::Spilled(Spilled { file, count })
            }
        };
        let digest = match self.hasher.take() {
            None => blake3::hash(&self.packed),
            Some(mut hasher) => hasher.update(&self.packed).finalize(),
        };
        let bytes = self.bytes;
        self.clear();
        Ok(Transaction { position, committed_at, changes, digest: *digest.as_bytes(), bytes, _room: None })
    }
}

/// A change behind its length.
fn pack(change: &RowChange, out: &mut Vec<u8>) {
    let begin = out.len();
    out.extend([0; 8]);
    codec::encode(change, out);
    let len = (out.len() - begin - 8) as u64;
    if let Some(place) = out.get_mut(begin..begin + 8) {
        place.copy_from_slice(&len.to_le_bytes());
    }
}
