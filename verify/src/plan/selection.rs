//! Which tables, under which names.
