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
//! - [`settings`]: what the operator declares; `strict` and [`declared`]: what
//!   it makes of a rule.
//! - [`form`]: text without regard to case, composition or trailing spaces.
//! - [`tolerance`]: how far apart numbers may be, which no encoding can say.
//! - [`encode`]: value and rule to bytes.
//! - [`cell`]: the byte format, and back to values.
//! - [`json`]: the canonical form of JSON.
//! - `nested_rule`: the decision for types that are made of others.
//! - `nested`: cells that are made of cells.
//! - [`rounding`]: how servers shorten the fraction of a second.
//! - [`text`]: dates and identifiers that an engine keeps as text.

pub mod cell;
pub mod declared;
pub mod encode;
mod exact;
pub mod form;
pub mod json;
mod nested;
mod nested_rule;
pub mod policy;
pub mod rounding;
pub mod rule;
pub mod settings;
mod strict;
pub mod text;
pub mod tolerance;
mod words;

pub use encode::encode;
pub use policy::{Origin, Policy};
pub use rounding::Rounding;
pub use rule::{ColumnRule, Incomparable, Rule, pair};
pub use settings::{SettingKey, Settings};
pub use tolerance::Tolerance;
