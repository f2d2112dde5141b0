//! When a row can be found by a literal of its key.

use super::postgres::postgres_base;
use crate::canon::Rule;
use crate::engine::Engine;
use crate::table::{Column, Logical};

/// Whether a literal of a key's canonical value finds the server's own row, and
/// no other, for any value that either side may hold under `rule`. Not so where
/// the rule takes several spellings for one that the server tells apart, or
/// where the server takes for one what the rule tells apart. A row that is not
/// found by its key is found by reading its range again.
///
/// A list of what is known to be safe: anything new is not.
#[must_use]
pub fn finds_by_literal(engine: Engine, own: &Column, other: &Column, rule: &Rule) -> bool {
    let (Some(logical), Some(opposite)) = (&own.logical, &other.logical) else { return false };
    let sqlite = engine == Engine::Sqlite;
    let is_all = |whole: Logical| *logical == whole && *opposite == whole;
    match *rule {
        Rule::Number => match (logical, opposite) {
            // A boolean or a year reads other numbers as one of its own (any
            // number is true, 24 is 2024), so only its like may ask for it.
            (Logical::Bool, Logical::Bool) | (Logical::Year, Logical::Year) => true,
            // Money is rounded to its own decimals before it is compared.
            (Logical::Int { .. } | Logical::Decimal { .. }, Logical::Int { .. } | Logical::Decimal { .. }) => {
                engine != Engine::Postgres || postgres_base(own) != "money"
            }
            _ => false,
        },
        Rule::Text { trim_spaces: false } => {
            let textual = |l: &Logical| matches!(l, Logical::Text { .. } | Logical::Enum);
            textual(logical) && textual(opposite)
        }
        Rule::Bytes { trim_zeros: false } => {
            !sqlite && matches!((logical, opposite), (Logical::Bytes { .. }, Logical::Bytes { .. }))
        }
        // UUIDs that are kept as text may be spelled in upper case.
        Rule::Uuid => match logical {
            Logical::Uuid => !sqlite,
            Logical::Binary { bytes: 16 } => engine == Engine::MySql,
            _ => false,
        },
        Rule::Date => !sqlite && (logical, opposite) == (&Logical::Date, &Logical::Date),
        // With as many digits as the types have, or more than one moment meets in the literal.
        Rule::Timestamp { digits, .. } => !sqlite && is_all(Logical::Timestamp { digits }),
        Rule::Instant { digits, .. } => !sqlite && is_all(Logical::Instant { digits }),
        Rule::Double
        | Rule::Single
        | Rule::Text { trim_spaces: true }
        | Rule::Bytes { trim_zeros: true }
        | Rule::Time { .. }
        | Rule::TimeTz
        | Rule::Interval
        | Rule::Json
        | Rule::Bits
        | Rule::Set
        | Rule::Array { .. }
        | Rule::Range { .. }
        | Rule::Multirange { .. }
        | Rule::Composite { .. }
        | Rule::Map
        | Rule::Shape
        | Rule::Geometry
        | Rule::Vector
        | Rule::ScaledNumber
        | Rule::Float { .. }
        // Of a key that settings make equal to others, a literal is one spelling.
        | Rule::FormedText(_)
        | Rule::BoolWords(_)
        | Rule::StoredBytes { .. }
        | Rule::SwappedUuid
        | Rule::JsonText
        | Rule::AsStored
        | Rule::ZeroDateIsNull(_) => false,
    }
}
