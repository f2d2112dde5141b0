//! Many rows as one array for each column, for PostgreSQL.
//!
//! A list of `VALUES` is parsed and planned expression by expression, which costs
//! the server more than to find and update the rows does; an array is one constant.

use super::literal::quoted;
use super::postgres::{postgres_base, postgres_cast, scalar_text};
use crate::table::{Column, Logical};
use crate::value::OwnedValue;

/// `unnest('{…}'::a[], '{…}'::b[])`, whose rows are `rows`; `None` where a column or
/// a value has to be spelled out.
pub(super) fn unnest<'v>(columns: &[&Column], rows: impl Iterator<Item = Vec<&'v OwnedValue>>) -> Option<String> {
    if columns.is_empty() || !columns.iter().all(|column| is_an_element(column)) {
        return None;
    }
    let mut arrays = vec![String::from("{"); columns.len()];
    for (i, row) in rows.enumerate() {
        for ((array, column), value) in arrays.iter_mut().zip(columns).zip(row) {
            if i > 0 {
                array.push(',');
            }
            push_element(array, column, value)?;
        }
    }
    let arrays = arrays.into_iter().zip(columns).map(|(mut array, column)| {
        array.push('}');
        format!("{}::{}[]", quoted(&array), postgres_cast(column))
    });
    Some(format!("unnest({})", arrays.collect::<Vec<_>>().join(", ")))
}

/// Arrays of arrays would come apart into their elements, and the elements of some
/// types are not separated by commas; those are left to literals of their own, as
/// are types whose literals need a cast.
fn is_an_element(column: &Column) -> bool {
    let plain = matches!(
        column.logical,
        Some(
            Logical::Bool
                | Logical::Int { .. }
                | Logical::Decimal { .. }
                | Logical::Float32
                | Logical::Float64
                | Logical::Char { .. }
                | Logical::Text { .. }
                | Logical::Bytes { .. }
                | Logical::Date
                | Logical::Time { .. }
                | Logical::TimeTz { .. }
                | Logical::Timestamp { .. }
                | Logical::Instant { .. }
                | Logical::Interval
                | Logical::Uuid
                | Logical::Json { .. }
                | Logical::Enum
                | Logical::Bits { .. }
                | Logical::Network
        )
    );
    plain && postgres_base(column) != "money"
}

fn push_element(array: &mut String, column: &Column, value: &OwnedValue) -> Option<()> {
    if value.is_null() {
        array.push_str("NULL");
        return Some(());
    }
    let text = scalar_text(column, value)?;
    array.push('"');
    for piece in text.split_inclusive(['"', '\\']) {
        let plain = piece.strip_suffix(['"', '\\']).unwrap_or(piece);
        array.push_str(plain);
        if plain.len() < piece.len() {
            array.push('\\');
            array.push_str(&piece[plain.len()..]);
        }
    }
    array.push('"');
    Some(())
}
