//! What a run leaves behind, written and read as users would.

mod build;
mod disk_full;
mod every_type;
mod json_files;
mod parquet_files;
mod python;
mod sample_run;
mod terminal;
