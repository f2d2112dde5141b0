//! What a database is to Switchback.
//!
//! One [`Database`] trait, five engines, the same rooms in each engine's folder
//! (`connect`, `catalog`, `types`, `read`). An engine decodes its own binary
//! protocol into [`Value`]s; [`canon`] decides when two values are equal; no
//! code anywhere converts from one engine to another.
//!
//! Without the driver features this crate is the value model alone, which is
//! what `reports` builds on.
//!
//! What it does not do: compare (that is `switchback-verify`), or write to a
//! database (later, in the `write` rooms).

pub mod batch;
pub mod canon;
#[cfg(feature = "driver")]
pub mod database;
pub mod decimal;
pub mod display;
pub mod engine;
pub mod error;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "mysql")]
pub mod mysql;
pub mod nested;
pub mod pack;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod range;
pub mod sql;
#[cfg(feature = "sqlite")]
pub mod sqlite;
pub mod table;
pub mod url;
pub mod value;
pub mod wkb;

pub use batch::{DecodeRows, RawBatch};
#[cfg(feature = "driver")]
pub use database::{ConnectOptions, Database, ReadRequest, Scope, connect};
pub use decimal::Decimal;
pub use engine::{Engine, Flavor, ServerInfo};
pub use error::{Cause, Class, ConnectFault, Error, QueryFault, Result};
pub use nested::{Array, Dimension, Entry, Range};
pub use range::{KeyRange, KeyValues};
pub use table::{Column, Element, Field, ForeignKey, Key, Logical, Notation, Shape, Table, TableRef};
pub use url::DatabaseUrl;
pub use value::{Date, Moment, OwnedValue, Value};
