//! The engines against real servers. One binary, so that it links once.

#[cfg(feature = "postgres")]
mod postgres;
