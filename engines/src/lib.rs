//! What a database is to Switchback.
