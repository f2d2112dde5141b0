//! Defaults, out of one engine's words and into another's.
//!
//! Read are values, the present moment and a new UUID; everything else is an
//! expression that only the source understands, and is warned of. NULL is no default.

use switchback_engines::{Engine, Logical};

use super::Dialect;
use super::model::Default;
use crate::structure::spell::text;
use crate::structure::tokens::{Token, tokens};

/// An expression as PostgreSQL, MariaDB and SQLite show it: a text in quotes, a
/// number, a word, or a call; with a cast behind it in PostgreSQL.
pub(super) fn of_expression(engine: Engine, shown: &str) -> Default {
    let shown = unparenthesised(shown.trim());
    let all: Vec<Token<'_>> = tokens(engine, shown).into_iter().filter(|t| !matches!(t, Token::Space(_))).collect();
    // `::character varying(10)`, which adds nothing to a column of that type.
    let cast = all.windows(2).position(|w| w[0].is(":") && w[1].is(":")).filter(|_| engine == Engine::Postgres);
    let value = &all[..cast.unwrap_or(all.len())];
    let is_plain_cast = cast.is_none_or(|at| all[at + 2..].iter().all(|t| is_of_type(*t)));
    if !is_plain_cast {
        return Default::Expression;
    }
    match value {
        [Token::Text(quoted)] => unquoted(engine, quoted).map_or(Default::Expression, Default::Value),
        [Token::Word(word)] => of_word(word),
        [Token::Other("-"), rest @ ..] if number(rest).is_some() => {
            Default::Value(format!("-{}", number(rest).unwrap_or_default()))
        }
        rest if number(rest).is_some() => Default::Value(number(rest).unwrap_or_default()),
        [Token::Word(word), Token::Other("("), .., Token::Other(")")] => of_call(word, value.len()),
        _ => Default::Expression,
    }
}

/// MySQL shows a value without quotes, and says apart whether it is an expression.
pub(super) fn of_mysql(shown: &str, is_expression: bool) -> Default {
    if is_expression || shown.to_ascii_lowercase().starts_with("current_timestamp") {
        return of_expression(Engine::MySql, shown);
    }
    if shown.starts_with("b'") || shown.starts_with("0x") || shown.starts_with("_") {
        return Default::Expression;
    }
    Default::Value(shown.to_owned())
}

fn is_of_type(token: Token<'_>) -> bool {
    matches!(token, Token::Word(_) | Token::Name(_) | Token::Other("(" | ")" | "," | "."))
}

fn of_word(word: &str) -> Default {
    match word.to_ascii_uppercase().as_str() {
        "NULL" => Default::Absent,
        "TRUE" => Default::Value("1".to_owned()),
        "FALSE" => Default::Value("0".to_owned()),
        "CURRENT_TIMESTAMP" | "LOCALTIMESTAMP" => Default::Now,
        _ if word.chars().all(|c| c.is_ascii_digit()) => Default::Value(word.to_owned()),
        _ => Default::Expression,
    }
}

/// `now()`, `CURRENT_TIMESTAMP(3)`, `gen_random_uuid()`: with nothing but digits.
fn of_call(word: &str, len: usize) -> Default {
    match word.to_ascii_lowercase().as_str() {
        "now" | "current_timestamp" | "localtimestamp" if len <= 4 => Default::Now,
        "gen_random_uuid" | "uuid" | "uuid_generate_v4" if len == 3 => Default::NewUuid,
        _ => Default::Expression,
    }
}

/// `12`, `12.5`, `.5`, `1e3`.
fn number(rest: &[Token<'_>]) -> Option<String> {
    let joined: String = rest.iter().map(|t| t.text()).collect();
    let plain = joined.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    (plain && joined.parse::<f64>().is_ok()).then_some(joined)
}

fn unparenthesised(shown: &str) -> &str {
    match shown.strip_prefix('(').and_then(|s| s.strip_suffix(')')) {
        Some(inner) if !inner.contains(['(', ')']) => inner.trim(),
        _ => shown,
    }
}

fn unquoted(engine: Engine, quoted: &str) -> Option<String> {
    let inner = quoted.strip_prefix('\'')?.strip_suffix('\'')?.replace("''", "'");
    // What MariaDB escapes is said otherwise elsewhere.
    (engine != Engine::MySql || !inner.contains('\\')).then_some(inner)
}

/// The clause for a column, empty where there is none; `None` for what can't be said.
pub(super) fn clause(to: Dialect, native: &str, logical: Option<&Logical>, default: &Default) -> Option<String> {
    let moment = matches!(logical, Some(Logical::Timestamp { .. } | Logical::Instant { .. }));
    let said = match default {
        Default::Absent => return Some(String::new()),
        Default::Expression => return None,
        Default::Now if !moment => return None,
        Default::Now if to.engine == Engine::MySql => {
            let digits =
                native.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map_or("0", |(digits, _)| digits);
            format!("CURRENT_TIMESTAMP({digits})")
        }
        Default::Now => "CURRENT_TIMESTAMP".to_owned(),
        Default::NewUuid => match to.engine {
            Engine::Postgres => "gen_random_uuid()".to_owned(),
            Engine::MySql => "(uuid())".to_owned(),
            Engine::Sqlite | Engine::SqlServer | Engine::MongoDb => return None,
        },
        Default::Value(value) => of_value(to, native, logical?, value)?,
    };
    Some(format!(" DEFAULT {said}"))
}

fn of_value(to: Dialect, native: &str, logical: &Logical, value: &str) -> Option<String> {
    match logical {
        Logical::Bool => {
            let yes = match value.to_ascii_lowercase().as_str() {
                "1" | "t" | "true" => true,
                "0" | "f" | "false" => false,
                _ => return None,
            };
            Some(match (to.engine, yes) {
                (Engine::Postgres, true) => "true".to_owned(),
                (Engine::Postgres, false) => "false".to_owned(),
                (_, yes) => u8::from(yes).to_string(),
            })
        }
        Logical::Int { .. }
        | Logical::Year
        | Logical::Decimal { .. }
        | Logical::Float32
        | Logical::Float64
        | Logical::SqliteNumeric => value.parse::<f64>().ok().filter(|v| v.is_finite()).map(|_| value.to_owned()),
        // A zero is on no calendar, and words such as `now` are PostgreSQL's.
        Logical::Date | Logical::Timestamp { .. } | Logical::Instant { .. } => {
            let is_date = value.starts_with(|c: char| c.is_ascii_digit()) && !value.contains("-00");
            let in_zone = value.len() > 10 && value[10..].contains(['+', '-']);
            (is_date && !in_zone).then(|| text(to.engine, value))
        }
        Logical::Time { .. } => Some(text(to.engine, value)),
        Logical::Char { .. }
        | Logical::Text { .. }
        | Logical::Enum
        | Logical::Set
        | Logical::Uuid
        | Logical::Network
        | Logical::Json { .. } => {
            let quoted = text(to.engine, value);
            // MySQL has no plain defaults for what is not kept in the row.
            let apart = to.engine == Engine::MySql && (native.starts_with("longtext") || native.starts_with("json"));
            Some(if apart { format!("({quoted})") } else { quoted })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_moments_and_uuids_are_read_and_the_rest_is_an_expression() {
        let value = |text: &str| Default::Value(text.to_owned());
        for (engine, shown, expected) in [
            (Engine::Postgres, "'it''s nobody'::text", value("it's nobody")),
            (Engine::Postgres, "'DE'::bpchar", value("DE")),
            (Engine::Postgres, "'-1'::integer", value("-1")),
            (Engine::Postgres, "NULL::character varying(10)", Default::Absent),
            (Engine::Postgres, "12.50", value("12.50")),
            (Engine::Postgres, "true", value("1")),
            (Engine::Postgres, "now()", Default::Now),
            (Engine::Postgres, "CURRENT_TIMESTAMP", Default::Now),
            (Engine::Postgres, "gen_random_uuid()", Default::NewUuid),
            (Engine::Postgres, "nextval('s'::regclass)", Default::Expression),
            (Engine::Postgres, "('a'::text || 'b'::text)", Default::Expression),
            (Engine::Postgres, "'1 day'::interval + now()", Default::Expression),
            (Engine::MySql, "NULL", Default::Absent),
            (Engine::MySql, "'NULL'", value("NULL")),
            (Engine::MySql, "current_timestamp(3)", Default::Now),
            (Engine::MySql, "-1", value("-1")),
            (Engine::MySql, "uuid()", Default::NewUuid),
            (Engine::MySql, "10 * 2.5", Default::Expression),
            (Engine::Sqlite, "'; --'", value("; --")),
            (Engine::Sqlite, "-1", value("-1")),
            (Engine::Sqlite, "x'00ff'", Default::Expression),
            (Engine::Sqlite, "10 * 2.5", Default::Expression),
        ] {
            assert_eq!(of_expression(engine, shown), expected, "{shown}");
        }
        assert_eq!(of_mysql("it's", false), value("it's"));
        assert_eq!(of_mysql("(10 * 2.5)", true), Default::Expression);
    }
}
