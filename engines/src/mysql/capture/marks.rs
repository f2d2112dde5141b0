//! Where in the server's files the positions are that were handed out.
//!
//! A position is a set of transactions and says nothing of bytes. What a capture
//! has handed out lately is remembered here, so that the distance from one of
//! those to the end of the log can be told.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Mutex, PoisonError};

use super::log::Place;
use crate::capture::StreamName;
use crate::change::Position;

/// About 2 MiB. A sink that is further behind is so by many seconds.
const MARKS_MAX: usize = 1 << 16;

/// The latest positions of the streams of one database.
#[derive(Debug, Default)]
pub(in crate::mysql) struct Marks {
    marks: Mutex<VecDeque<(u64, Place)>>,
}

impl Marks {
    /// Positions by their [`key`].
    pub(super) fn add(&self, positions: impl Iterator<Item = (u64, Place)>) {
        let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        marks.extend(positions);
        let extra = marks.len().saturating_sub(MARKS_MAX);
        marks.drain(..extra);
    }

    /// Where a position is; `None` when it wasn't handed out lately.
    pub(super) fn place(&self, stream: &StreamName, position: &Position) -> Option<Place> {
        let key = key(stream, position);
        let marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        marks.iter().rev().find(|(mark, _)| *mark == key).map(|(_, place)| place.clone())
    }

    /// What comes before a position is asked for no more.
    pub(super) fn forget(&self, stream: &StreamName, position: &Position) {
        let key = key(stream, position);
        let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = marks.iter().rposition(|(mark, _)| *mark == key) {
            marks.drain(..at);
        }
    }
}

pub(super) fn key(stream: &StreamName, position: &Position) -> u64 {
    let mut hasher = DefaultHasher::new();
    (stream, position).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_handed_out_lately_is_known() {
        let marks = Marks::default();
        let stream = StreamName::new("a").unwrap();
        let position = |n: usize| Position(format!("0-1-{n}"));
        let place = |n: usize| Place { file: "binlog.1".into(), offset: n as u64 };
        let all = (0..MARKS_MAX + 5).map(|n| (key(&stream, &position(n)), place(n)));
        marks.add(all);
        assert_eq!(marks.place(&stream, &position(4)), None);
        assert_eq!(marks.place(&stream, &position(5)), Some(place(5)));
        marks.forget(&stream, &position(100));
        assert_eq!(marks.place(&stream, &position(99)), None);
        assert_eq!(marks.place(&stream, &position(100)), Some(place(100)));
        assert_eq!(marks.place(&StreamName::new("b").unwrap(), &position(100)), None);
    }
}
