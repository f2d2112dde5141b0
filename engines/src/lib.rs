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
//! Reading is [`Database`]; an [`Endpoint`] of a stream also has a [`Capture`] and
//! a [`Writer`]; what a change is, is in [`change`]. Whole tables go from a
//! [`Snapshot`] through a [`bulk::Loader`].
//!
//! What it does not do: compare (that is `switchback-verify`), or decide what is
//! written when (that is `switchback-replicate`).

pub mod batch;
pub mod bulk;
pub mod canon;
#[cfg(feature = "driver")]
pub mod capture;
pub mod change;
#[cfg(feature = "driver")]
pub mod database;
pub mod decimal;
pub mod display;
#[cfg(feature = "driver")]
pub mod endpoint;
pub mod engine;
pub mod error;
pub mod fit;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "driver")]
pub mod look;
#[cfg(feature = "mysql")]
pub mod mysql;
pub mod nested;
pub mod own;
pub mod pack;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod range;
#[cfg(feature = "driver")]
pub mod snapshot;
pub mod sql;
#[cfg(feature = "sqlite")]
pub mod sqlite;
pub mod table;
pub mod url;
pub mod value;
pub mod wkb;
#[cfg(feature = "driver")]
pub mod write;

pub use batch::{DecodeRows, RawBatch};
#[cfg(feature = "driver")]
pub use capture::{Armed, Capture, CaptureRequest, Distance, StreamName};
pub use change::{Change, Event, Image, Position};
#[cfg(feature = "driver")]
pub use database::{ConnectOptions, Database, ReadRequest, Scope, connect};
pub use decimal::Decimal;
#[cfg(feature = "driver")]
pub use endpoint::{Endpoint, connect_endpoint};
pub use engine::{Engine, Flavor, ServerInfo};
pub use error::{CaptureFault, Cause, Class, ConnectFault, Error, QueryFault, Result};
#[cfg(feature = "driver")]
pub use look::{Look, TextRow};
pub use nested::{Array, Dimension, Entry, Range};
pub use range::{KeyRange, KeyValues};
#[cfg(feature = "driver")]
pub use snapshot::{Form, Snapshot, SnapshotRequest, Taken};
pub use table::{Column, Element, Field, ForeignKey, Key, Logical, Notation, Shape, Table, TableRef};
pub use url::DatabaseUrl;
pub use value::{Date, Moment, OwnedValue, Value};
#[cfg(feature = "driver")]
pub use write::{Neutral, Outcome, StatementFailed, Violation, Writer, WriterOptions};
