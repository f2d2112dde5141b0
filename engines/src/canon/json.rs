//! The canonical form of JSON.
//!
//! Two documents have the same canonical bytes when they mean the same: keys
//! sorted by their bytes, no white space, strings in one escaping, numbers as
//! exact decimals in shortest form (never by way of a double, which RFC 8785
//! requires and which calls 9007199254740993 and ...992 the same). Of a repeated
//! key the last value counts, as in `jsonb` and MySQL.
//!
//! The output is JSON again, so it can be read by people, except that numbers
//! beyond what fits an integer are written as `<coefficient>e<exponent>`.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::decimal::{Decimal, Shortest};

/// Text that is no JSON, or nests deeper than [`DEPTH_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not valid JSON")]
pub struct NotJson;

/// MySQL ends at 100 levels, serde_json at 128 in one pass; the bound keeps
/// hostile data from the end of our stack.
const DEPTH_MAX: u32 = 512;

/// Appends the canonical form of `text`. On error `out` may hold a part of it.
///
/// # Errors
/// [`NotJson`].
pub fn canonicalize(text: &str, out: &mut Vec<u8>) -> Result<(), NotJson> {
    let raw: &RawValue = parse(text)?;
    write(raw.get(), out, 0)
}

fn parse<'a, T: serde::Deserialize<'a>>(text: &'a str) -> Result<T, NotJson> {
    serde_json::from_str(text).map_err(|_| NotJson)
}

/// `text` is one JSON value without white space around it.
fn write(text: &str, out: &mut Vec<u8>, depth: u32) -> Result<(), NotJson> {
    if depth > DEPTH_MAX {
        return Err(NotJson);
    }
    match text.as_bytes().first() {
        Some(b'{') => {
            // A map keeps the last value of a repeated key and sorts by bytes.
            let members: BTreeMap<String, &RawValue> = parse(text)?;
            out.push(b'{');
            for (i, (key, value)) in members.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_string(key, out);
                out.push(b':');
                write(value.get(), out, depth + 1)?;
            }
            out.push(b'}');
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = parse(text)?;
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write(item.get(), out, depth + 1)?;
            }
            out.push(b']');
        }
        Some(b'"') => write_string(&parse::<String>(text)?, out),
        Some(b'-' | b'0'..=b'9') => write_number(text, out),
        Some(_) => out.extend_from_slice(text.as_bytes()),
        None => return Err(NotJson),
    }
    Ok(())
}

/// Only what JSON requires is escaped, always in the same way.
fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for c in text.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\0'..='\x1F' => out.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes()),
            _ => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

fn write_number(text: &str, out: &mut Vec<u8>) {
    // An exponent beyond our decimals' limit keeps its spelling: it equals the
    // same spelling only, which can be wrong in one direction alone.
    let Some(shortest) = Decimal::shortest_of(text) else {
        out.extend_from_slice(text.as_bytes());
        return;
    };
    let canonical = match shortest {
        Shortest::Int(v) => v.to_string(),
        Shortest::Small { coefficient, scale } => format!("{coefficient}e{}", -scale),
        Shortest::Big { negative, digits, scale } => {
            let sign = if negative { "-" } else { "" };
            format!("{sign}{}e{}", String::from_utf8_lossy(&digits), -scale)
        }
    };
    out.extend_from_slice(canonical.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        let mut out = Vec::new();
        canonicalize(text, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn spelling_does_not_count() {
        assert_eq!(canonical(r#" { "b" : 1.0, "a":[1e2, "\u00e9\/"] } "#), canonical(r#"{"a":[100,"é/"],"b":1}"#));
        assert_eq!(canonical(r#"{"a":2,"a":3}"#), canonical(r#"{"a":3}"#));
        assert_eq!(canonical("0.10"), canonical("1e-1"));
    }

    #[test]
    fn meaning_counts() {
        for (a, b) in [
            ("9007199254740993", "9007199254740992"),
            ("[1,2]", "[2,1]"),
            ("null", r#""null""#),
            (r#"{"a":null}"#, "{}"),
            ("1", r#""1""#),
            ("0.1", "0.10000000000000001"),
            ("[]", "[[]]"),
        ] {
            assert_ne!(canonical(a), canonical(b), "{a} and {b}");
        }
    }

    /// A fifth of a megabyte, which took seven seconds when each number's zeros
    /// were written out.
    #[test]
    fn exponents_are_not_written_out() {
        let document = format!("[{}]", vec!["1e-149999"; 20_000].join(","));
        let started = std::time::Instant::now();
        assert_eq!(canonical(&document), document);
        assert!(started.elapsed() < std::time::Duration::from_secs(2), "{:?}", started.elapsed());
    }

    #[test]
    fn refuses_what_is_no_json() {
        for text in ["", "{", "[1,]", "nul", "'a'", r#""\ud800""#, "1 2"] {
            assert_eq!(canonicalize(text, &mut Vec::new()), Err(NotJson), "{text:?}");
        }
        let deep = "[".repeat(2_000) + &"]".repeat(2_000);
        assert_eq!(canonicalize(&deep, &mut Vec::new()), Err(NotJson));
    }
}
