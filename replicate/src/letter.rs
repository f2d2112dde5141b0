//! A change that was put aside, as people and programs read it.
//!
//! Without the feature `run` this is what the crate consists of, so that reports
//! can be written by who has no driver.

use std::error::Error as StdError;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use switchback_engines::Position;

use crate::conflict::{ConflictClass, Policy};

/// One dead letter.
///
/// Letters of a stream are numbered in the order in which their transactions
/// committed at the origin, and in the order of the changes within each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Given by the sink; ascending within a stream, with gaps.
    pub id: i64,
    pub stream: String,
    /// Of the process that put it aside.
    pub epoch: i64,
    /// Which log the position is in.
    pub incarnation: String,
    /// Where the change's transaction ends in the origin's log.
    pub position: Position,
    /// Which transaction of the stream, counted from 1 when it was armed.
    pub seq: i64,
    /// Which change of its transaction, counted from 1.
    pub ordinal: i64,
    /// By the origin's clock, microseconds since 1970-01-01 UTC.
    pub committed_at: i64,
    /// `insert`, `update` or `delete`.
    pub operation: String,
    /// The sink's table.
    pub table: String,
    /// The row's identity as text.
    pub key: String,
    /// The row before the change, in as far as the origin's log has it. Columns
    /// have the sink's names; the origin's where a value does not fit the sink.
    pub before: Option<TextRow>,
    /// The row after the change, likewise.
    pub after: Option<TextRow>,
    /// The row that was in the way, as the sink wrote it.
    pub sink_row: Option<TextRow>,
    pub class: ConflictClass,
    /// What the server said, or what is the matter with a value.
    pub reason: Option<String>,
    /// What was decided when it happened.
    pub policy: Policy,
    /// What has become of it since.
    pub state: LetterState,
    /// Of the tool that wrote it.
    pub tool_version: String,
    /// The change exactly as it is, in the tool's own form.
    pub change: Vec<u8>,
    /// BLAKE3 of [`DeadLetter::change`], 64 hexadecimal digits.
    pub row_blake3: String,
}

/// What has become of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LetterState {
    /// The change is not in the sink, and later ones of its key wait behind it.
    Waiting,
    /// The change is in the sink; the letter shows what it replaced.
    Overwrote,
    /// The origin emptied the table later, so that the change means nothing.
    Superseded,
    /// Somebody has decided that the change is not wanted.
    Discarded,
}

impl LetterState {
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Overwrote, Self::Superseded, Self::Discarded];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Overwrote => "overwrote",
            Self::Superseded => "superseded",
            Self::Discarded => "discarded",
        }
    }
}

impl fmt::Display for LetterState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Columns with their values as text, in the table's order; NULL is `None`, and
/// what a log does not have is not there. In JSON an object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TextRow(pub Vec<(String, Option<String>)>);

impl Serialize for TextRow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de> Deserialize<'de> for TextRow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = TextRow;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<TextRow, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(TextRow(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

/// Where exported letters go.
///
/// Both methods may block. What they are asked for is decided by the sink's own
/// table: a name stands for certain letters and never for others.
pub trait LetterArchive: Send + Sync {
    /// Whether [`LetterArchive::write`] of this name came to its end, also if the
    /// process was killed right behind it.
    fn holds(&self, name: &str) -> Result<bool, ArchiveError>;

    /// Keeps letters, at least one, under a name. When this returns they are on
    /// disk, all of them; when it does not, then none is, as far as anybody can
    /// see. What has that name already is replaced.
    fn write(&self, name: &str, letters: &[DeadLetter]) -> Result<(), ArchiveError>;
}

/// Letters could not be kept.
pub type ArchiveError = Box<dyn StdError + Send + Sync + 'static>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_objects_in_their_own_order() {
        let row = TextRow(vec![
            ("z".to_owned(), Some("a \"quoted\" \u{0} one".to_owned())),
            ("a".to_owned(), None),
            ("é".to_owned(), Some(String::new())),
        ]);
        let json = serde_json::to_string(&row).unwrap();
        assert_eq!(json, r#"{"z":"a \"quoted\" \u0000 one","a":null,"é":""}"#);
        assert_eq!(serde_json::from_str::<TextRow>(&json).unwrap(), row);
    }
}
