//! The binary as an operator and a script meet it. SQLite files stand in for
//! servers; what is the same for every engine is proved here once.

mod support;

mod bad_input;
mod completions;
mod config;
mod demo;
mod exit_codes;
mod help;
mod interrupt;
mod json;
mod moves;
mod output;
mod run_folder;
mod secrets;
mod servers;
