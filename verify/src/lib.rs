//! Proves that two databases hold the same data.
