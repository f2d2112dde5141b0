//! Rows as the text that PostgreSQL's `COPY … FROM STDIN` reads.
//!
//! Text and not binary for values that come from elsewhere: the same text that a
//! literal of the value holds, so both ways into a column mean the same value,
//! and the server checks it against the column as it checks a literal.

use crate::engine::Engine;
use crate::sql;
use crate::table::{Column, Table};
use crate::value::Value;

/// The statement that reads what [`copy_row`] writes, or with `binary` what the
/// engine's own `COPY … TO` writes.
#[must_use]
pub fn copy_statement(table: &Table, columns: &[usize], binary: bool) -> String {
    let names: Vec<String> = columns
        .iter()
        .filter_map(|&i| table.columns.get(i))
        .map(|column| sql::name(Engine::Postgres, &column.name))
        .collect();
    let format = if binary { "binary" } else { "text" };
    let name = sql::table(Engine::Postgres, &table.name);
    format!("COPY {name} ({}) FROM STDIN (FORMAT {format})", names.join(", "))
}

/// Appends a row. `false`, and nothing is appended, where a value's literal is
/// more than its text, so that only a statement can say it.
pub fn copy_row<'v>(cells: impl IntoIterator<Item = (&'v Column, &'v Value<'static>)>, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    for (i, (column, value)) in cells.into_iter().enumerate() {
        if i > 0 {
            out.push(b'\t');
        }
        if value.is_null() {
            out.extend_from_slice(b"\\N");
            continue;
        }
        match sql::postgres_copied(column, value) {
            Some(text) => escape(&text, out),
            None => {
                out.truncate(start);
                return false;
            }
        }
    }
    out.push(b'\n');
    true
}

fn escape(text: &str, out: &mut Vec<u8>) {
    for &byte in text.as_bytes() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Logical;

    fn column(native: &str, logical: Logical) -> Column {
        Column {
            name: "c".to_owned(),
            native: native.to_owned(),
            logical: Some(logical),
            nullable: true,
            generated: false,
            collation: None,
        }
    }

    #[test]
    fn what_would_end_a_cell_or_a_row_is_escaped() {
        let text = column("text", Logical::Text { chars_max: None });
        let values =
            [Value::Text("a\tb\\N\n\r".into()), Value::Null, Value::Text("\\.".into()), Value::Text("".into())];
        let mut out = Vec::new();
        assert!(copy_row(values.iter().map(|v| (&text, v)), &mut out));
        assert_eq!(String::from_utf8(out).unwrap(), "a\\tb\\\\N\\n\\r\t\\N\t\\\\.\t\n");
    }

    #[test]
    fn a_value_whose_literal_is_a_cast_is_left_to_statements() {
        let money = column("money", Logical::Decimal { precision: Some(19), scale: 2 });
        let value = Value::Decimal(crate::Decimal::Small { coefficient: 110, scale: 2 });
        let mut out = b"before".to_vec();
        assert!(!copy_row([(&money, &value)], &mut out));
        assert_eq!(out, b"before");
    }
}
