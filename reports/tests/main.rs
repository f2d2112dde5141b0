//! What a run leaves behind, written and read as users would.

mod build;
mod dead_letters;
mod disk_full;
mod every_type;
mod json_files;
mod load;
mod parquet_files;
mod python;
mod real;
mod repair_made_types;
mod repair_servers;
mod repair_sql;
mod repair_sqlite;
mod repair_types;
mod repair_values;
mod sample_run;
mod terminal;
