//! Letters into an archive, once each.
//!
//! 1. Letters that are in no file yet are given the name of one, in a transaction
//!    of the sink. From here on it is settled which letters that file has.
//! 2. They are written, and forced to the disk, under that name.
//! 3. In another transaction they are noted as archived; those that don't wait for
//!    anything are deleted.
//!
//! A process that is killed leaves letters between 1 and 3. The next one looks
//! whether their file is there, writes it when it isn't, and goes on with 3. The
//! name has a hash of the letters, so that it can't be the name of others.
//!
//! A letter that waits stays in the sink when it is archived, because it holds its
//! key; it goes when it is replayed, given up or superseded. So the archive has
//! all letters that were there at the time of an export, and the table those that
//! are still open.
//!
//! Nothing of this concerns the stream's progress: it may run meanwhile. Two exports of
//! one stream at once are kept apart by the archive, and if they have different
//! ones, by the transaction of (1).

use std::sync::Arc;

use switchback_engines::{Value, Writer};

use crate::dead_letters::Letters;
use crate::error::{Error, Result};
use crate::failpoint::reached;
use crate::letter::{ArchiveError, DeadLetter, LetterArchive, LetterState};
use crate::own::text;
use crate::progress;
use crate::stream::Stream;

/// Of one file. Letters are held in memory while they are written.
const LETTERS_MAX: usize = 10_000;
const BYTES_MAX: u64 = 16 << 20;
/// Rows of the table that are looked at at once.
const PAGE: usize = 250;

/// What an export came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Exported {
    /// The names in the archive, in order.
    pub files: Vec<String>,
    pub letters: u64,
}

impl Stream {
    /// Brings all letters that are in no archive yet into this one. An export that
    /// was cut off is finished first, and has to be given the same archive.
    pub async fn export_dead_letters(&self, archive: Arc<dyn LetterArchive>) -> Result<Exported> {
        let letters = Letters::new(self.sink.info(), &self.spec.name);
        let mut writer = self.writer(&self.sink).await?;
        let begin = progress::begin(self.dialect().engine);
        let mut export = Export { letters, archive, begin, exported: Exported::default() };
        loop {
            while let Some(name) = export.begun(writer.as_mut()).await? {
                export.finish(writer.as_mut(), name).await?;
            }
            if !export.begin(writer.as_mut(), self.spec.name.as_str()).await? {
                break;
            }
        }
        writer.close().await?;
        Ok(export.exported)
    }
}

struct Export {
    letters: Letters,
    archive: Arc<dyn LetterArchive>,
    /// How a transaction begins.
    begin: &'static str,
    exported: Exported,
}

impl Export {
    /// The name of a file whose letters are not noted as archived.
    async fn begun(&self, writer: &mut dyn Writer) -> Result<Option<String>> {
        let archive = self.letters.column("archive");
        let query = format!(
            "SELECT {archive} FROM {} WHERE {} AND {archive} IS NOT NULL AND {} ORDER BY {} LIMIT 1",
            self.letters.store().name(),
            self.letters.mine(),
            self.letters.store().is("archived", &Value::Int(0)),
            self.letters.column("id")
        );
        Ok(self.letters.ask(writer, query).await?.into_iter().next().and_then(|row| row.into_iter().next()).flatten())
    }

    /// Chooses letters for the next file. `false`: there are none.
    async fn begin(&self, writer: &mut dyn Writer, stream: &str) -> Result<bool> {
        let free = format!("{} IS NULL", self.letters.column("archive"));
        let letters = self.letters_of(writer, &free, LETTERS_MAX, BYTES_MAX).await?;
        let (Some(first), Some(last)) = (letters.first(), letters.last()) else { return Ok(false) };
        let name = format!("letters-{stream}-{}-{}-{}", first.id, last.id, digest(&letters));
        let ids: Vec<i64> = letters.iter().map(|letter| letter.id).collect();
        let chosen = format!("{free} AND {}", self.letters.is_one_of(&ids));
        let statements = [self.begin.to_owned(), self.letters.set("archive", &text(&name), &chosen)];
        let outcomes = writer.run(&statements).await.map_err(|failed| failed.error)?;
        // One of them was replayed, or another export was faster: choose again.
        let is_all = outcomes.get(1).is_some_and(|outcome| outcome.affected == ids.len() as u64);
        let end = if is_all { "COMMIT" } else { "ROLLBACK" };
        writer.run(&[end.to_owned()]).await.map_err(|failed| failed.error)?;
        reached("after-letters-chosen");
        Ok(true)
    }

    /// Writes a file, unless it is there, and notes its letters as archived.
    async fn finish(&mut self, writer: &mut dyn Writer, name: String) -> Result<()> {
        let of_it = self.letters.store().is("archive", &text(&name));
        // All that was chosen, and nothing less.
        let letters = self.letters_of(writer, &of_it, usize::MAX, u64::MAX).await?;
        let (archive, file) = (Arc::clone(&self.archive), name.clone());
        let count = letters.len() as u64;
        let written = tokio::task::spawn_blocking(move || -> Result<(), ArchiveError> {
            if !archive.holds(&file)? && !letters.is_empty() {
                archive.write(&file, &letters)?;
            }
            Ok(())
        });
        written.await.unwrap_or_else(|panicked| Err(panicked.into())).map_err(Error::Archive)?;
        reached("after-letters-written");
        let is_open = self.letters.is_state(LetterState::Waiting);
        let statements = [
            self.begin.to_owned(),
            self.letters.set("archived", &Value::Int(1), &of_it),
            self.letters.delete(&format!("{of_it} AND NOT ({is_open})")),
        ];
        writer.run(&statements).await.map_err(|failed| failed.error)?;
        writer.run(&["COMMIT".to_owned()]).await.map_err(|failed| failed.error)?;
        reached("after-letters-archived");
        if count > 0 {
            self.exported.letters += count;
            self.exported.files.push(name);
        }
        Ok(())
    }

    /// Letters that meet a condition, up to where one of the limits is reached.
    async fn letters_of(
        &self,
        writer: &mut dyn Writer,
        condition: &str,
        letters_max: usize,
        bytes_max: u64,
    ) -> Result<Vec<DeadLetter>> {
        let mut letters: Vec<DeadLetter> = Vec::new();
        let mut bytes = 0;
        while letters.len() < letters_max && bytes < bytes_max {
            let after = letters.last().map_or(i64::MIN, |letter| letter.id);
            let page = self.letters.page(writer, after, PAGE, condition).await?;
            if page.is_empty() {
                break;
            }
            bytes += page.iter().map(|letter| letter.change.len() as u64).sum::<u64>();
            letters.extend(page);
        }
        Ok(letters)
    }
}

/// Of what tells these letters from all others.
fn digest(letters: &[DeadLetter]) -> String {
    let mut hasher = blake3::Hasher::new();
    for letter in letters {
        for part in [&letter.incarnation, &letter.position.0, &letter.row_blake3] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.update(&letter.id.to_le_bytes());
        hasher.update(&letter.ordinal.to_le_bytes());
    }
    hasher.finalize().to_hex().chars().take(16).collect()
}
