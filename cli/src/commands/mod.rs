//! What each command does. Every one returns how the process is to end.

pub(crate) mod account;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod demo;
pub(crate) mod migrate;
pub(crate) mod repair;
pub(crate) mod report;
pub(crate) mod show;
pub(crate) mod task;
pub(crate) mod verify;
