//! Collations that only one of the two servers has.
//!
//! MySQL's newest are of Unicode 9 (`0900`), MariaDB's of Unicode 14 (`uca1400`);
//! neither pads with spaces. Between them a text compares nearly always alike, and
//! nearly is why each is a warning: a unique key may find two values equal that the
//! source tells apart.

use std::collections::HashSet;

use switchback_engines::{Endpoint, Flavor};

use crate::structure::error::{Result, StructureError};

#[derive(Debug, Default)]
pub(in crate::structure) struct Collations(HashSet<String>);

impl Collations {
    pub(super) async fn of(target: &dyn Endpoint) -> Result<Self> {
        let plain = "SELECT COLLATION_NAME FROM information_schema.COLLATIONS";
        // MariaDB's list has no character set before those that are of several.
        let full = "SELECT FULL_COLLATION_NAME FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY";
        let what = "reading the collations";
        let mut rows = target.look(what, plain).await.map_err(StructureError::Target)?;
        if target.info().flavor == Flavor::MariaDb {
            // Older than 10.10, it has neither this column nor such collations.
            rows.extend(target.look(what, full).await.unwrap_or_default());
        }
        Ok(Self(rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect()))
    }

    /// What to use for `name`: the same, one that is near, or none.
    pub(super) fn nearest(&self, name: &str) -> Option<String> {
        let has = |name: &String| self.0.contains(name);
        std::iter::once(name.to_owned()).chain(near(name)).find(has)
    }
}

/// Candidates, the nearest first.
fn near(name: &str) -> Vec<String> {
    let Some((charset, rest)) = name.split_once('_') else { return Vec::new() };
    let with = |names: &[&str]| names.iter().map(|n| format!("{charset}_{n}")).collect::<Vec<_>>();
    let ends = |end: &str| rest.ends_with(end);
    if rest.contains("0900") {
        return match rest {
            _ if ends("bin") => with(&["nopad_bin", "bin"]),
            _ if ends("as_cs") => with(&["uca1400_nopad_as_cs", "nopad_bin"]),
            _ if ends("as_ci") => with(&["uca1400_nopad_as_ci", "unicode_520_nopad_ci"]),
            _ => with(&["uca1400_nopad_ai_ci", "unicode_520_nopad_ci", "unicode_520_ci"]),
        };
    }
    if rest.contains("uca1400") {
        return match rest {
            _ if ends("cs") => with(&["0900_as_cs", "bin"]),
            _ if ends("as_ci") => with(&["0900_as_ci", "unicode_520_ci"]),
            _ => with(&["0900_ai_ci", "unicode_520_ci"]),
        };
    }
    match rest {
        "nopad_bin" => with(&["0900_bin", "bin"]),
        _ if rest.contains("nopad_") && charset == "utf8mb4" => with(&["0900_ai_ci"]),
        _ => vec![name.replace("nopad_", "")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_that_is_there_is_taken() {
        let of = |names: &[&str]| Collations(names.iter().map(|n| (*n).to_owned()).collect());
        let maria = of(&["utf8mb4_uca1400_nopad_ai_ci", "utf8mb4_nopad_bin", "latin1_bin"]);
        assert_eq!(maria.nearest("utf8mb4_0900_ai_ci").as_deref(), Some("utf8mb4_uca1400_nopad_ai_ci"));
        assert_eq!(maria.nearest("utf8mb4_de_pb_0900_ai_ci").as_deref(), Some("utf8mb4_uca1400_nopad_ai_ci"));
        assert_eq!(maria.nearest("utf8mb4_0900_bin").as_deref(), Some("utf8mb4_nopad_bin"));
        assert_eq!(maria.nearest("latin1_bin").as_deref(), Some("latin1_bin"));
        assert_eq!(maria.nearest("klingon_ci"), None);
        let mysql = of(&["utf8mb4_0900_ai_ci", "utf8mb4_0900_bin", "latin1_swedish_ci"]);
        assert_eq!(mysql.nearest("utf8mb4_uca1400_german2_ai_ci").as_deref(), Some("utf8mb4_0900_ai_ci"));
        assert_eq!(mysql.nearest("utf8mb4_nopad_bin").as_deref(), Some("utf8mb4_0900_bin"));
        assert_eq!(mysql.nearest("latin1_swedish_nopad_ci").as_deref(), Some("latin1_swedish_ci"));
    }
}
