//! The engines on real databases. One binary, so that it is linked once.

#[cfg(feature = "sqlite")]
mod sqlite;
