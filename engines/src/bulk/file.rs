//! `LOAD DATA LOCAL`, of MySQL and MariaDB.
//!
//! Bytes go as hexadecimal digits, since the server takes what it loads for text of
//! one character set. With `LOCAL` it makes a warning of what would be an error, so
//! whoever runs the statement has to take any warning for a failure, and to compare
//! the number of rows.

use crate::engine::Engine;
use crate::sql::{self, MySqlCell};
use crate::table::Table;

/// The statement that reads what [`super::text_row`] writes.
#[must_use]
pub fn file_statement(table: &Table, columns: &[usize]) -> String {
    let (mut places, mut sets) = (Vec::new(), Vec::new());
    for (i, column) in columns.iter().filter_map(|&i| table.columns.get(i)).enumerate() {
        let name = sql::name(Engine::MySql, &column.name);
        match MySqlCell::of(column) {
            MySqlCell::Hex => {
                places.push(format!("@c{i}"));
                sets.push(format!("{name} = UNHEX(@c{i})"));
            }
            MySqlCell::Text | MySqlCell::Neither => places.push(name),
        }
    }
    let set = if sets.is_empty() { String::new() } else { format!(" SET {}", sets.join(", ")) };
    format!(
        "LOAD DATA LOCAL INFILE 'rows' INTO TABLE {} CHARACTER SET utf8mb4 \
         FIELDS TERMINATED BY '\\t' ENCLOSED BY '' ESCAPED BY '\\\\' LINES TERMINATED BY '\\n' STARTING BY '' ({}){set}",
        sql::table(Engine::MySql, &table.name),
        places.join(", ")
    )
}
