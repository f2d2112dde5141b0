//! The text of a value, for people and for literals: one spelling for every
//! value, the one that PostgreSQL prints where it has the type.
//!
//! - `plain`: values of one part.
//! - `nested`: values that are made of others.

mod nested;
mod plain;

pub use plain::{bits, hex, text};
