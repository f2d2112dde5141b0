//! Structures of sample databases, moved and read again.
//!
//! - [`place`]: databases for it.
//! - [`postgres`], [`mysql`], [`sqlite`]: within an engine; [`cross`]: between them.
//! - [`types`]: the map of types; [`copy`]: rows, for that.

mod copy;
mod cross;
mod mysql;
pub(crate) mod place;
mod postgres;
mod sqlite;
mod types;
