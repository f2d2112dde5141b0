//! The names of what a stream keeps in the file.
//!
//! All begin with [`crate::own::PREFIX`]; a name of a stream comes last, after a
//! word of ours, so that no two streams' names can meet.

use crate::capture::StreamName;
use crate::own::PREFIX;

/// The table by which a [`crate::Writer`] marks its transactions in the logs of
/// all streams that are armed in the file: one row, put there anew with 1 before
/// the first change of each of its transactions and with 0 behind the last. The
/// table is there as long as a stream is armed.
pub(super) fn context() -> String {
    format!("{PREFIX}context")
}

/// Before the name of the stream in [`log`].
pub(super) const LOG: &str = "_switchback_log_";

/// The change table.
pub(super) fn log(stream: &StreamName) -> String {
    format!("{LOG}{stream}")
}

/// One row: what makes the log this one, and who reads it.
pub(super) fn state(stream: &StreamName) -> String {
    format!("{PREFIX}state_{stream}")
}

/// The rows that a statement under way may replace.
pub(super) fn replaced(stream: &StreamName) -> String {
    format!("{PREFIX}replaced_{stream}")
}

/// The indexes of [`replaced`], by row and by tag.
pub(super) fn replaced_index(stream: &StreamName, what: &str) -> String {
    format!("{PREFIX}replaced_{what}_{stream}")
}

/// The trigger that logs the changes of [`context`].
pub(super) fn mark(stream: &StreamName) -> String {
    format!("{PREFIX}mark_{stream}")
}

/// When a trigger on a captured table fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    BeforeInsert,
    AfterInsert,
    BeforeUpdate,
    AfterUpdate,
    AfterDelete,
}

impl Moment {
    pub(super) const ALL: [Self; 5] =
        [Self::BeforeInsert, Self::AfterInsert, Self::BeforeUpdate, Self::AfterUpdate, Self::AfterDelete];

    fn word(self) -> &'static str {
        match self {
            Self::BeforeInsert => "bi",
            Self::AfterInsert => "ai",
            Self::BeforeUpdate => "bu",
            Self::AfterUpdate => "au",
            Self::AfterDelete => "ad",
        }
    }
}

/// The trigger on the table with this number.
pub(super) fn trigger(stream: &StreamName, moment: Moment, number: usize) -> String {
    format!("{PREFIX}{}_{number}_{stream}", moment.word())
}

/// Whether `name` is a [`trigger`] or the [`mark`] of this stream.
pub(super) fn is_trigger(stream: &StreamName, name: &str) -> bool {
    if name == mark(stream) {
        return true;
    }
    let Some((word, rest)) = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_')) else { return false };
    let Some((number, of)) = rest.split_once('_') else { return false };
    let ours = Moment::ALL.iter().any(|moment| moment.word() == word);
    ours && of == stream.as_str() && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_two_streams_never_meet() {
        let names = ["a", "1_a", "a_1", "1", "bi_1_a"].map(|name| StreamName::new(name).unwrap());
        for one in &names {
            for other in &names {
                for moment in Moment::ALL {
                    for number in [0, 1, 11] {
                        assert_eq!(is_trigger(other, &trigger(one, moment, number)), one == other);
                    }
                }
                assert_eq!(is_trigger(other, &mark(one)), one == other);
                assert!(!is_trigger(other, &log(one)));
            }
        }
        assert!(log(&names[0]).starts_with(PREFIX));
    }
}
