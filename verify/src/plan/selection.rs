//! Which tables are compared, and with which.

use std::fmt;
use std::str::FromStr;

use switchback_engines::TableRef;

/// A name with `*` for any text and `?` for any one character, matched against
/// `schema.table` and against `table` alone. Exact in case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern(String);

impl Pattern {
    #[must_use]
    pub fn matches(&self, table: &TableRef) -> bool {
        glob(&self.0, &table.name) || glob(&self.0, &table.to_string())
    }
}

/// A pattern of no characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a table pattern cannot be empty")]
pub struct EmptyPattern;

impl FromStr for Pattern {
    type Err = EmptyPattern;

    fn from_str(text: &str) -> Result<Self, EmptyPattern> {
        if text.is_empty() { Err(EmptyPattern) } else { Ok(Self(text.to_owned())) }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Greedy with one point to go back to: linear in practice, and no pattern can
/// make it exponential.
fn glob(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == '?' || Some(&c) == text.get(t) => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((star_p, star_t)) => {
                    p = star_p + 1;
                    t = star_t + 1;
                    star = Some((star_p, star_t + 1));
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).is_some_and(|rest| rest.iter().all(|&c| c == '*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_with_and_without_schema() {
        let table = TableRef { schema: Some("public".to_owned()), name: "order_lines".to_owned() };
        for pattern in ["order_lines", "public.order_lines", "public.*", "*", "order_*", "*lines", "order?lines", "*.*"]
        {
            assert!(pattern.parse::<Pattern>().unwrap().matches(&table), "{pattern}");
        }
        for pattern in ["orders", "order", "lines", "private.*", "Order_lines", "order_lines?", "*x*"] {
            assert!(!pattern.parse::<Pattern>().unwrap().matches(&table), "{pattern}");
        }
        assert!("".parse::<Pattern>().is_err());
    }
}
