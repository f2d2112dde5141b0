//! Accounts that may do what a move needs, and nothing else, on real servers.
//!
//! - [`scene`]: two databases with some of everything. [`flow`]: a move between them.
//! - [`enough`]: with the accounts of a plan it works; [`least`]: without any one right
//!   of them it does not.
//! - [`gone`]: what a revoke leaves behind. [`page`]: what is printed and documented.

#![expect(clippy::print_stderr, reason = "tests say how far they are")]

mod enough;
mod flow;
mod gone;
mod least;
mod page;
mod scene;
