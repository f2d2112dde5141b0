//! What a run leaves behind, for people and programs.

pub mod certificate;
pub mod error;
pub mod parquet;
pub mod repair;
pub mod summary;
pub mod terminal;

mod durable;
mod folder;

pub use error::{Error, Result};
pub use folder::folder_name;
pub use repair::{RepairSummary, repair_sql};
