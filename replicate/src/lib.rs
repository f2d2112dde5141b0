//! One change stream with exactly-once effect, in either direction.
//!
//! A [`Stream`] takes whole transactions from an *origin*, drops those that the
//! opposite stream has written there, and applies the rest to a *sink*. It knows
//! no direction: forward and reverse are two values of one type.
//!
//! ```text
//!  origin                                                          sink
//!  ┌─────┐ events ┌──────────┐ whole trans- ┌────────┐ statements ┌───────┐
//!  │ log │───────►│ assemble │─────────────►│ render │───────────►│ apply │
//!  └─────┘        │ filter   │ actions      │ coalesce│            │       │
//!     ▲           │ map      │              └────────┘            └───┬───┘
//!     └── acknowledge ◄──────────────── position that is durable ────┘
//! ```
//!
//! # What holds, whatever is killed
//!
//! 1. A sink transaction holds one or more whole origin transactions, in the
//!    order in which they committed: a reader of the sink never sees a part.
//! 2. Its first statement advances the stream's row in the progress table from
//!    the exact state it was read in, and finds exactly one row. Whoever finds
//!    none has been superseded and stops ([`Error::Fenced`]). First, because the
//!    server of a killed client finishes what it has received: written last, the
//!    row lets such a transaction commit after its successor has read the old
//!    position. Where several sessions apply ([`parallel`]), each holds the row as it
//!    is and leaves a mark, and it advances when all of them have.
//! 3. Each change is made by the row's identity and must find the row it is about:
//!    an insert nothing, all else exactly one. What doesn't is a [`Conflict`].
//! 4. The commit is durable before the position is acknowledged to the origin,
//!    which then lets go of its log.
//! 5. After a commit whose outcome is unknown nothing is sent again before the
//!    progress row was read under a lock, which waits for whoever holds it.
//! 6. A start claims the stream: it raises the epoch in the progress row, so that
//!    every older process fails at (2), and goes on from the position it finds.
//! 7. A transaction at or before that position is not applied again; that is the
//!    only rule by which anything is left out after a restart.
//! 8. A retry makes the whole transaction again.
//! 9. A stream that was closed can be opened only by who says so.
//! 10. Each transaction extends a chain of hashes in the progress row: of the slot
//!     or log, of every position, and of every change. Nothing reads it yet. It is
//!     there for whoever reads the same log again, and says nothing of SQLite, whose
//!     transactions come together in groups that differ from reader to reader.
//!
//! The row of (2) is also the mark by which the opposite stream knows a
//! transaction of ours ([`filter`](assemble)): one write for idempotency, fencing
//! and loops.
//!
//! # Where things are
//!
//! - [`spec`]: what is streamed, and under which settings.
//! - [`plan`]: how a row of the origin becomes one of the sink.
//! - [`own`]: the tool's own tables in both databases; [`progress`]: the row of (2).
//! - [`transaction`], [`codec`]: whole transactions, in memory or on disk.
//! - [`assemble`]: from events to transactions; drops what is ours.
//! - [`net`], [`render`]: what a group of transactions comes to, and its statements.
//! - [`apply`]: the protocol above; [`careful`]: one change at a time, where
//!   something doesn't fit; [`conflict`]: what it is that doesn't.
//! - [`shares`]: which transactions have nothing in common; [`parallel`]: these by
//!   several sessions.
//! - [`letter`]: a change that was put aside; [`dead_letters`]: the table of them;
//!   [`held`]: what waits behind them; [`replay`]: making them after all;
//!   [`export`]: keeping them elsewhere.
//! - [`doings`]: tables of the sink that would do something by themselves.
//! - [`stage`]: the three at work, heartbeats, and looks at the log; [`stream`]: from
//!   arming to the end; [`patient`]: no end is waited for without end.
//! - [`copying`]: what a load needs that goes before a stream; [`ending`]: barriers, and
//!   closing it. [`failpoint`]: where tests kill any of it.
//!
//! Without the feature `run` this crate is its result types, which `reports` builds
//! on.

#[cfg(feature = "run")]
mod apply;
#[cfg(feature = "run")]
mod assemble;
#[cfg(feature = "run")]
mod careful;
#[cfg(feature = "run")]
mod codec;
mod conflict;
#[cfg(feature = "run")]
mod copying;
#[cfg(feature = "run")]
mod dead_letters;
#[cfg(feature = "run")]
mod doings;
#[cfg(feature = "run")]
mod ending;
#[cfg(feature = "run")]
mod error;
#[cfg(feature = "run")]
mod export;
#[cfg(feature = "run")]
pub mod failpoint;
#[cfg(feature = "run")]
mod held;
mod letter;
#[cfg(feature = "run")]
mod net;
#[cfg(feature = "run")]
mod own;
#[cfg(feature = "run")]
mod parallel;
#[cfg(feature = "run")]
mod patient;
#[cfg(feature = "run")]
mod plan;
#[cfg(feature = "run")]
mod progress;
#[cfg(feature = "run")]
mod render;
#[cfg(feature = "run")]
mod replay;
#[cfg(feature = "run")]
mod shares;
#[cfg(feature = "run")]
mod spec;
#[cfg(feature = "run")]
mod stage;
mod status;
#[cfg(feature = "run")]
mod stream;
#[cfg(feature = "run")]
mod transaction;

pub use conflict::{Conflict, ConflictClass, Policies, Policy};
#[cfg(feature = "run")]
pub use copying::TableMap;
#[cfg(feature = "run")]
pub use error::{Error, Result};
#[cfg(feature = "run")]
pub use export::Exported;
pub use letter::{ArchiveError, DeadLetter, LetterArchive, LetterState, TextRow};
#[cfg(feature = "run")]
pub use progress::Progress;
#[cfg(feature = "run")]
pub use replay::{Left, Replayed};
#[cfg(feature = "run")]
pub use spec::{Beyond, Retained, Settings, Spec, TablePair};
pub use status::Status;
#[cfg(feature = "run")]
pub use stream::Stream;
