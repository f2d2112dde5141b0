//! Which transactions lie before a place in MariaDB's log.
//!
//! The server has a function for it, BINLOG_GTID_POS. It reads the file from its
//! beginning, up to a gigabyte, and gives NULL once it has met an event that is
//! larger than `max_allowed_packet`, which a row of some columns may be (measured with
//! MariaDB 10.11: one of 20 MB). So the log is read here, from a mark shortly before.

use super::charset::Charsets;
use super::dump::{Reader, Stream};
use super::gtid::Reached;
use super::log::{Log, Place};
use crate::capture::StreamName;
use crate::change::{Event, Position};
use crate::engine::Flavor;
use crate::error::Result;
use crate::mysql::connect::Opener;
use crate::mysql::wire::connection::DumpedEvent;

/// Transactions, all of which end at or before a place.
pub(in crate::mysql) struct Mark {
    reached: Reached,
    place: Place,
}

impl Mark {
    /// `gtids` was asked for before the place was.
    pub(in crate::mysql) fn new(gtids: &str, file: &str, offset: u64) -> Option<Self> {
        let reached = Reached::parse(Flavor::MariaDb, gtids)?;
        Some(Self { reached, place: Place { file: file.into(), offset } })
    }

    /// All transactions that end at or before a place; `None` when the mark is behind it, or
    /// an XA transaction was prepared in between, whose rows the log has and a snapshot may
    /// not have.
    pub(in crate::mysql) async fn until(
        &self,
        opener: &Opener,
        stream: &StreamName,
        (file, offset): (&str, u64),
    ) -> Result<Option<Position>> {
        let goal = Place { file: file.into(), offset };
        if is_behind(&self.place, &goal) {
            return Ok(None);
        }
        let reader = Reader::new(stream, &format!("{} snapshot", opener.location));
        let mut stream = Stream::open(opener, Flavor::MariaDb, &reader, &self.reached, true).await?;
        let location = opener.location.clone();
        let reached = self.reached.clone();
        let mut position = reached.position();
        let mut log = Log::new(location, Vec::new(), Charsets::default(), reached, stream.has_checksums);
        loop {
            match stream.event()? {
                Some(DumpedEvent::Event(event)) => log.feed(&event)?,
                Some(DumpedEvent::End) => return Ok(Some(position)),
                None => {
                    stream.more().await?;
                    continue;
                }
            }
            log.pass();
            let passed = log.take();
            let events = passed.events.into_iter().filter_map(|event| match event {
                Event::Commit { position, .. } | Event::Idle { position } => Some(position),
                Event::Begin | Event::Change(_) => None,
            });
            for (at, place) in events.zip(passed.places) {
                if is_behind(&place, &goal) {
                    return Ok(Some(position));
                }
                position = at;
            }
            if log.prepared_count > 0 {
                return Ok(None);
            }
        }
    }
}

/// Whether `place` is behind `goal`. Files are numbered.
fn is_behind(place: &Place, goal: &Place) -> bool {
    let number = |place: &Place| place.file.rsplit_once('.').and_then(|(_, number)| number.parse::<u64>().ok());
    (number(place), place.offset) > (number(goal), goal.offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_in_the_order_of_the_files() {
        let place = |file: &str, offset| Place { file: file.into(), offset };
        let goal = place("binlog.000999", 500);
        for (file, offset, behind) in [
            ("binlog.000999", 500, false),
            ("binlog.000999", 501, true),
            ("binlog.001000", 4, true),
            ("binlog.000998", 900, false),
        ] {
            assert_eq!(is_behind(&place(file, offset), &goal), behind, "{file} {offset}");
        }
        assert!(is_behind(&place("binlog.1000000", 4), &place("binlog.999999", 9)));
    }
}
