//! A move as a task: what was asked for, how far it is, and who is at it.
//!
//! ```text
//!  created ─► checked ─► structuring ─► loading ─► following ─► completed
//!                 │            │            │           │
//!                 └────────────┴─────┬──────┴───────────┘
//!                              paused · failed ─► where it was
//! ```
//!
//! A task has a folder of its own, with a control database, which holds its state, the
//! history of it, and what has to stay the same from one run to the next: which tables
//! are moved, and the plan of the structure. Whoever works at a task holds the lock of
//! its folder, which the system lets go of when the process ends, however it ends. So a
//! state such as *loading* whose lock is free is that of a process that was killed, and
//! the next run goes on from there.
//!
//! Others tell the process at work what they wish, pause or complete, in the control
//! database. Passwords are in none of it.
//!
//! - [`request`]: what is asked for. [`state`]: states and wishes.
//! - [`folder`], [`store`]: where it is written down.
//! - [`inspect`]: looking at both ends before. [`run`]: doing it, phase by phase; [`follow`]: the last of them; [`tables`]: which
//!   tables, and which of the target's each becomes.
//! - [`live`]: what the process at work says of itself.
//! - [`leftovers`]: what another task of the same name has left. [`delete`]: undoing what a task has set up. [`account`]: the accounts for it.

mod account;
mod delete;
mod error;
mod folder;
mod follow;
mod inspect;
mod leftovers;
mod live;
mod request;
mod run;
mod state;
mod store;
mod tables;

pub use self::account::plan_account;
pub use self::delete::delete;
pub use self::error::{Error, Obstacles, Result};
pub use self::folder::{Folder, Held, Listed};
pub use self::inspect::inspect;
pub use self::live::{Live, LoadLive, StreamLive};
pub use self::request::{Accept, Ends, FollowRequest, Parts, Request, TableRequest};
pub use self::run::run;
pub use self::state::{State, Wish};
pub use self::store::{Event, Record, Store};
