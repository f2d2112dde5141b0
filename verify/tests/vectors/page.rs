//! docs/equality.md
