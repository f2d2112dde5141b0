//! Positions in a binary log, as sets of transactions.
//!
//! MySQL numbers the transactions of each server, and of each tag of a server,
//! from 1 on, and a position is the set of those that were seen. MariaDB counts
//! in domains, and a position is the last transaction of each. Both are kept as
//! the servers write them, so that an operator can compare them with what a
//! server says.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use uuid::Uuid;

use crate::change::Position;
use crate::engine::Flavor;

/// Who numbered a transaction of MySQL's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::mysql) struct Source {
    pub(in crate::mysql) uuid: [u8; 16],
    /// Empty for most.
    pub(in crate::mysql) tag: String,
}

/// One transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::mysql) enum Gtid {
    MySql { source: Source, number: u64 },
    MariaDb { domain: u32, server: u32, number: u64 },
}

impl fmt::Display for Gtid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MySql { source, number } => {
                write!(f, "{}:", Uuid::from_bytes(source.uuid))?;
                if !source.tag.is_empty() {
                    write!(f, "{}:", source.tag)?;
                }
                write!(f, "{number}")
            }
            Self::MariaDb { domain, server, number } => write!(f, "{domain}-{server}-{number}"),
        }
    }
}

/// Where a stream is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::mysql) enum Reached {
    /// First and last number of each run, ascending, with a gap between any two.
    MySql(BTreeMap<Source, Vec<(u64, u64)>>),
    /// By domain: the server that wrote the last transaction, and its number.
    MariaDb(BTreeMap<u32, (u32, u64)>),
}

impl Reached {
    /// Reads what a server, or [`Reached::position`], has written.
    pub(in crate::mysql) fn parse(flavor: Flavor, text: &str) -> Option<Self> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        match flavor {
            Flavor::Original => {
                let mut reached = Self::MySql(BTreeMap::new());
                for part in parts {
                    reached.parse_runs(part)?;
                }
                Some(reached)
            }
            Flavor::MariaDb => {
                let mut domains = BTreeMap::new();
                for part in parts {
                    let mut numbers = part.split('-');
                    let domain = numbers.next()?.parse().ok()?;
                    let last = (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
                    if numbers.next().is_some() || domains.insert(domain, last).is_some() {
                        return None;
                    }
                }
                Some(Self::MariaDb(domains))
            }
        }
    }

    /// `uuid:1-5:7:tag:1-3`.
    fn parse_runs(&mut self, part: &str) -> Option<()> {
        let mut words = part.split(':').map(str::trim);
        let uuid = Uuid::try_parse(words.next()?).ok()?.into_bytes();
        let mut source = Source { uuid, tag: String::new() };
        for word in words {
            if !word.starts_with(|c: char| c.is_ascii_digit()) {
                let is_tag = !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
                source.tag = is_tag.then(|| word.to_ascii_lowercase())?;
                continue;
            }
            let (first, last) = word.split_once('-').unwrap_or((word, word));
            let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
            if first == 0 || last < first {
                return None;
            }
            self.add_run(&source, first, last);
        }
        Some(())
    }

    /// Adds a transaction. One of the other server's kind is left out; no stream
    /// holds both.
    pub(in crate::mysql) fn add(&mut self, gtid: &Gtid) {
        match (&mut *self, gtid) {
            (Self::MySql(_), Gtid::MySql { source, number }) => self.add_run(source, *number, *number),
            (Self::MariaDb(domains), Gtid::MariaDb { domain, server, number }) => {
                domains.insert(*domain, (*server, *number));
            }
            _ => {}
        }
    }

    fn add_run(&mut self, source: &Source, first: u64, last: u64) {
        let Self::MySql(sources) = self else { return };
        let Some(runs) = sources.get_mut(source) else {
            sources.insert(source.clone(), vec![(first, last)]);
            return;
        };
        // Nearly always the next number of the last run.
        if let Some(run) = runs.last_mut()
            && run.1.checked_add(1) == Some(first)
        {
            run.1 = last;
            return;
        }
        runs.push((first, last));
        runs.sort_unstable();
        runs.dedup_by(|next, run| {
            let touches = next.0 <= run.1.saturating_add(1);
            if touches {
                run.1 = run.1.max(next.1);
            }
            touches
        });
    }

    /// Whether every transaction of `other` was seen: of MariaDB's, whether the log
    /// has come as far in every domain.
    pub(in crate::mysql) fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::MariaDb(own), Self::MariaDb(other)) => {
                other.iter().all(|(domain, (_, number))| own.get(domain).is_some_and(|(_, reached)| reached >= number))
            }
            (Self::MySql(own), Self::MySql(other)) => other.iter().all(|(source, runs)| {
                let own = own.get(source).map(Vec::as_slice).unwrap_or_default();
                runs.iter().all(|(first, last)| own.iter().any(|(from, to)| from <= first && last <= to))
            }),
            _ => false,
        }
    }

    pub(in crate::mysql) fn position(&self) -> Position {
        let mut text = String::new();
        // Writing to a text can't fail.
        let _ = self.write(&mut text);
        Position(text)
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        match self {
            Self::MySql(sources) => {
                let mut last = None;
                for (source, runs) in sources {
                    if last != Some(source.uuid) {
                        let comma = if last.is_some() { "," } else { "" };
                        write!(out, "{comma}{}", Uuid::from_bytes(source.uuid))?;
                        last = Some(source.uuid);
                    }
                    if !source.tag.is_empty() {
                        write!(out, ":{}", source.tag)?;
                    }
                    for (first, last) in runs {
                        match first == last {
                            true => write!(out, ":{first}")?,
                            false => write!(out, ":{first}-{last}")?,
                        }
                    }
                }
            }
            Self::MariaDb(domains) => {
                for (i, (domain, (server, number))) in domains.iter().enumerate() {
                    let comma = if i > 0 { "," } else { "" };
                    write!(out, "{comma}{domain}-{server}-{number}")?;
                }
            }
        }
        Ok(())
    }

    /// The set as MySQL's command for a dump has it. The form with tags, which
    /// older servers don't know, is used only where there are some.
    pub(in crate::mysql) fn encoded(&self) -> Vec<u8> {
        const TAGGED: u64 = 1;
        let Self::MySql(sources) = self else { return Vec::new() };
        let has_tags = sources.keys().any(|source| !source.tag.is_empty());
        let count = sources.len() as u64;
        let head = if has_tags { TAGGED << 56 | count << 8 | TAGGED } else { count };
        let mut out = head.to_le_bytes().to_vec();
        for (source, runs) in sources {
            out.extend_from_slice(&source.uuid);
            if has_tags {
                // A length of one byte has its lowest bit clear; tags have 32
                // letters at most.
                out.push(u8::try_from(source.tag.len()).unwrap_or(0) << 1);
                out.extend_from_slice(source.tag.as_bytes());
            }
            out.extend_from_slice(&(runs.len() as u64).to_le_bytes());
            for (first, last) in runs {
                out.extend_from_slice(&first.to_le_bytes());
                out.extend_from_slice(&last.saturating_add(1).to_le_bytes());
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const A: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
    const B: &str = "4e11fa47-71ca-11e1-9e33-c80aa9429562";

    fn mysql(text: &str) -> Reached {
        Reached::parse(Flavor::Original, text).unwrap()
    }

    fn source(uuid: &str, tag: &str) -> Source {
        Source { uuid: Uuid::try_parse(uuid).unwrap().into_bytes(), tag: tag.to_owned() }
    }

    #[test]
    fn sets_are_read_and_written_alike() {
        for text in [
            String::new(),
            format!("{A}:1-5"),
            format!("{A}:1-5:7:9-10,{B}:3"),
            format!("{A}:1-5:blue:1-3:red:7,{B}:blue:1"),
        ] {
            assert_eq!(mysql(&text).position().0, text);
        }
        // As a server writes it.
        assert_eq!(mysql(&format!("{}:1-3,\n{B}:5", A.to_uppercase())).position().0, format!("{A}:1-3,{B}:5"));
        assert_eq!(mysql(&format!("{A}:4-6:1-3")).position().0, format!("{A}:1-6"));
        let domains = Reached::parse(Flavor::MariaDb, "77-9-1, 0-1-270").unwrap();
        assert_eq!(domains.position().0, "0-1-270,77-9-1");
        for (flavor, bad) in [
            (Flavor::Original, "0-1-270"),
            (Flavor::Original, &format!("{A}:0")),
            (Flavor::Original, &format!("{A}:5-4")),
            (Flavor::Original, &format!("{A}:é:1")),
            (Flavor::MariaDb, &format!("{A}:1")),
            (Flavor::MariaDb, "0-1"),
            (Flavor::MariaDb, "0-1-2-3"),
            (Flavor::MariaDb, "0-1-2,0-1-3"),
        ] {
            assert_eq!(Reached::parse(flavor, bad), None, "{bad}");
        }
    }

    #[test]
    fn a_set_is_encoded_with_tags_only_where_there_are_some() {
        let plain = mysql(&format!("{A}:1-5:7")).encoded();
        assert_eq!(plain.len(), 8 + 16 + 8 + 4 * 8);
        assert_eq!(plain[..8], [1, 0, 0, 0, 0, 0, 0, 0]);
        let tagged = mysql(&format!("{A}:1-5:ab:1")).encoded();
        assert_eq!(tagged[..8], [1, 2, 0, 0, 0, 0, 0, 1]);
        assert_eq!(tagged[8 + 16], 0);
        assert_eq!(tagged[8 + 16 + 1 + 8 + 16 + 16..][..3], [4, b'a', b'b']);
    }

    #[test]
    fn the_last_of_a_domain_counts() {
        let mut reached = Reached::parse(Flavor::MariaDb, "0-1-5").unwrap();
        for (domain, server, number) in [(0, 2, 6), (3, 1, 1)] {
            reached.add(&Gtid::MariaDb { domain, server, number });
        }
        assert_eq!(reached.position().0, "0-2-6,3-1-1");
    }

    proptest! {
        #[test]
        fn a_set_holds_what_was_added(numbers in proptest::collection::vec(1u64..60, 0..60)) {
            let mut reached = mysql("");
            for &number in &numbers {
                reached.add(&Gtid::MySql { source: source(A, ""), number });
            }
            let Reached::MySql(sources) = &reached else { panic!() };
            let runs = sources.get(&source(A, "")).cloned().unwrap_or_default();
            prop_assert!(runs.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0));
            for number in 1..60 {
                let is_in = runs.iter().any(|&(first, last)| (first..=last).contains(&number));
                prop_assert_eq!(is_in, numbers.contains(&number));
            }
            prop_assert_eq!(mysql(&reached.position().0), reached);
        }

        #[test]
        fn no_text_makes_it_panic(text: String) {
            let _ = (Reached::parse(Flavor::Original, &text), Reached::parse(Flavor::MariaDb, &text));
        }
    }
}
