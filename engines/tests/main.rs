//! The engines against real servers.

#[cfg(feature = "mysql")]
mod mysql;
