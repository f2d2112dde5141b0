//! Commands of more than one step, so that a person and CI run the same ones.
fn main() {}
