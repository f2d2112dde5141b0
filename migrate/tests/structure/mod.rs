//! Structures of sample databases, moved and read again.
//!
//! - [`place`]: databases for it.
//! - [`postgres`]: from PostgreSQL to PostgreSQL.

mod mysql;
mod place;
mod postgres;
