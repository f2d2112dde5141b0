//! The way back: arm → cutover → hold → switch back → finish, and its journal.
//!
//! Nothing of it is built yet; no command of the tool leads here.
