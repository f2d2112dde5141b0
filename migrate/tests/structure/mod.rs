//! Structures of sample databases, moved and read again.
//!
//! - [`place`]: databases for it.
//! - [`postgres`], [`mysql`], [`sqlite`]: within an engine.

mod mysql;
mod place;
mod postgres;
mod sqlite;
