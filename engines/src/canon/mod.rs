//! What equal means.
//!
//! Two cells are equal when their *canonical encodings* are the same bytes. The
//! encoding is injective: a tag, then a value of known length, so neither a
//! separator nor a sentinel can be imitated by data (`('x|y','z')` and
//! `('x','y|z')` differ, as do NULL and `'<null>'`). NULL has a tag of its own.
//!
//! Which encoding a pair of columns gets is decided once, by [`rule::pair`],
//! from the two declared types. The same [`Rule`] is then applied to both sides:
//! nothing converts from one engine to another. Every equality that is wider
//! than identity is a named [`Policy`], and the certificate of a run lists those
//! that applied.
//!
//! - [`rule`]: the decision for a pair of columns.
//! - [`encode`]: value and rule to bytes.
//! - [`cell`]: the byte format, and back to values.
//! - [`json`]: the canonical form of JSON.
//! - `nested_rule`: the decision for types that are made of others.
//! - `nested`: cells that are made of cells.
//! - [`rounding`]: how servers shorten the fraction of a second.
//! - [`text`]: dates and identifiers that an engine keeps as text.

pub mod cell;
pub mod encode;
pub mod json;
mod nested;
mod nested_rule;
pub mod policy;
pub mod rounding;
pub mod rule;
pub mod text;

pub use encode::encode;
pub use policy::{Policy, Settings};
pub use rounding::Rounding;
pub use rule::{Incomparable, PairRule, Rule, pair};
