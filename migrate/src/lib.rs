//! The forward move: precheck → structure → load → follow.
//!
//! Nothing of it is built yet; no command of the tool leads here.
