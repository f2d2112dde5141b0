//! What equal means, proved against a plain model of it.
//!
//! [`meaning`] says for every rule what a value means, in numbers of 128 bits,
//! in digits and in strings, without a thought for bytes. [`properties`] holds
//! the encoding against it: two cells are the same bytes if and only if they
//! mean the same, no cell is the beginning of another, and cells come back as
//! what they were. [`json`] does the same for documents, whose spellings are
//! made from what they mean. [`pinned`] keeps the bytes as they are.

mod json;
mod meaning;
mod pinned;
mod properties;
mod values;
