//! `COPY … FROM STDIN`, of PostgreSQL.

use crate::engine::Engine;
use crate::sql;
use crate::table::{Column, Table};

/// The statement that reads what [`super::text_row`] writes, or with `binary` what
/// the engine's own `COPY … TO` writes.
#[must_use]
pub fn copy_statement(table: &Table, columns: &[usize], binary: bool) -> String {
    let quoted = |column: &Column| sql::name(Engine::Postgres, &column.name);
    let names: Vec<String> = columns.iter().filter_map(|&i| table.columns.get(i)).map(quoted).collect();
    let format = if binary { "binary" } else { "text" };
    let name = sql::table(Engine::Postgres, &table.name);
    format!("COPY {name} ({}) FROM STDIN (FORMAT {format})", names.join(", "))
}

#[cfg(test)]
mod tests {
    use crate::bulk::text_row;
    use crate::table::Logical;
    use crate::value::Value;

    use super::*;

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
        assert!(text_row(Engine::Postgres, values.iter().map(|v| (&text, v)), &mut out));
        assert_eq!(String::from_utf8(out).unwrap(), "a\\tb\\\\N\\n\\r\t\\N\t\\\\.\t\n");
    }

    #[test]
    fn a_value_whose_literal_is_a_cast_is_left_to_statements() {
        let money = column("money", Logical::Decimal { precision: Some(19), scale: 2 });
        let value = Value::Decimal(crate::Decimal::Small { coefficient: 110, scale: 2 });
        let mut out = b"before".to_vec();
        assert!(!text_row(Engine::Postgres, [(&money, &value)], &mut out));
        assert_eq!(out, b"before");
    }
}
