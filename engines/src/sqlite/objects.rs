//! The names of what a stream keeps in the file.
//!
//! All begin with [`crate::own::PREFIX`]; a name of a stream comes last, after a
//! word of ours, so that no two streams' names can meet.

use crate::own::PREFIX;

/// The table by which a [`crate::Writer`] marks its transactions in the logs of
/// all streams that are armed in the file: one row, whose `writing` is set to 1
/// at the beginning of each of its transactions and to 0 at the end. There is
/// one as long as a stream is armed, and none otherwise.
pub(super) fn context() -> String {
    format!("{PREFIX}context")
}
