#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| switchback_engines::fuzzing::run("postgres-changes", bytes));
