//! A run as text for a terminal.
//!
//! The verdict comes first and as a word; colour only repeats it. Equal tables
//! are counted, not listed, so that ten thousand of them are one line. Names and
//! values come from databases that others write to: nothing of them reaches the
//! terminal unescaped, neither colours nor a cursor that moves.
//!
//! Pure functions: whether there is a terminal, how wide it is, and whether it
//! shows colours is for the caller to say.

mod run;
mod sample;
mod tables;
mod text;

pub use run::render;
pub(crate) use sample::key;
pub use sample::{render_sample, sample_differences};
pub(crate) use text::clean;

/// How to render.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    /// In columns; `None` where there is no terminal, and then lines are as long
    /// as they need to be.
    pub width: Option<u16>,
    /// Whether to write ANSI colours.
    pub color: bool,
    /// Lists all that is otherwise counted.
    pub verbose: bool,
}
