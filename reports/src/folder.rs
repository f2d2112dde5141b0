//! The name of a table's folder.
//!
//! A name has to work on every file system and in every reader, and two tables
//! must never share one. So only lower-case letters, digits, `_` and `-` stand
//! for themselves and everything else is percent-encoded, the dots inside of a
//! schema's or table's own name included. File systems that ignore case would
//! still merge `Orders` with `orders`, and none takes more than 255 bytes: a name
//! with upper-case letters, or a long one, gets a hash of its exact spelling.

use std::fmt::Write as _;

use switchback_engines::TableRef;

/// Beyond this a name is cut; 255 is the limit, and the hash takes 17.
const BYTES_MAX: usize = 200;

/// Names that Windows gives to devices, whatever follows the first dot.
const RESERVED: [&str; 6] = ["con", "prn", "aux", "nul", "com", "lpt"];

/// `schema.table`, made safe.
#[must_use]
pub fn folder_name(table: &TableRef) -> String {
    let mut name = String::new();
    if let Some(schema) = &table.schema {
        encode(schema, &mut name);
        name.push('.');
    }
    encode(&table.name, &mut name);
    protect_start(&mut name);
    let cut = name.len() > BYTES_MAX;
    if cut {
        let mut end = BYTES_MAX;
        // Not within `%2e`.
        if let Some(at) = name.get(end - 2..end).and_then(|tail| tail.find('%')) {
            end = end - 2 + at;
        }
        name.truncate(end);
    }
    if cut || name.bytes().any(|b| b.is_ascii_uppercase()) {
        let _ = write!(name, "~{}", exact_hash(table));
    }
    name
}

fn encode(text: &str, out: &mut String) {
    if text.is_empty() {
        // A lone % is no other's name, where a trailing dot would be dropped.
        out.push('%');
    }
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-' {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02x}");
        }
    }
}

/// Readers of datasets skip folders that start with `_`, and command lines take
/// a leading `-` for an option.
fn protect_start(name: &mut String) {
    let Some(first) = name.bytes().next() else { return };
    let base = name.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let reserved = RESERVED.iter().any(|r| {
        base.strip_prefix(r)
            .is_some_and(|rest| rest.is_empty() || (rest.len() == 1 && rest.as_bytes()[0].is_ascii_digit()))
    });
    if first == b'_' || first == b'-' || reserved {
        name.replace_range(..1, &format!("%{first:02x}"));
    }
}

/// 64 bits over the name's parts, each with its length.
fn exact_hash(table: &TableRef) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in [table.schema.as_deref(), Some(table.name.as_str())] {
        match part {
            None => hasher.update(&[0]),
            Some(part) => hasher.update(&[1]).update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes()),
        };
    }
    hasher.finalize().to_hex().chars().take(16).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn of(schema: Option<&str>, name: &str) -> String {
        folder_name(&TableRef { schema: schema.map(str::to_owned), name: name.to_owned() })
    }

    #[test]
    fn plain_names_stay_readable() {
        assert_eq!(of(Some("public"), "order_lines"), "public.order_lines");
        assert_eq!(of(None, "t-1"), "t-1");
        assert!(of(Some("shop"), "OrderItems").starts_with("shop.OrderItems~"));
    }

    #[test]
    fn nothing_leaves_the_folder_or_hides_in_it() {
        for name in
            ["../../etc", "a/b", "a\\b", ".", "..", "_hidden", "con", "nul", "com1", "a b", "a=b", "*?[x]", "", "-rf"]
        {
            let folder = of(None, name);
            assert!(
                folder.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-%~".contains(&b)),
                "{name:?} became {folder:?}"
            );
            assert!(!folder.starts_with(['_', '-', '.']), "{name:?} became {folder:?}");
            assert!(!["con", "nul", "com1"].contains(&folder.as_str()));
        }
        assert_eq!(of(Some("con"), "x"), "%63on.x");
    }

    #[test]
    fn names_that_look_alike_stay_apart() {
        let names = [
            of(Some("a.b"), "c"),
            of(Some("a"), "b.c"),
            of(None, "a.b.c"),
            of(None, "Orders"),
            of(None, "orders"),
            of(None, "ORDERS"),
            of(None, "%6frders"),
            of(None, "é"),
            of(None, "e\u{301}"),
        ];
        let distinct: HashMap<String, ()> = names.iter().map(|n| (n.to_lowercase(), ())).collect();
        assert_eq!(distinct.len(), names.len(), "{names:?}");
    }

    #[test]
    fn long_names_are_cut_between_characters() {
        for length in 60..80 {
            let folder = of(None, &format!("{}{}", "x".repeat(length), "表".repeat(64)));
            assert!(folder.len() <= 217, "{folder}");
            let kept = folder.split('~').next().unwrap();
            assert!(!kept.ends_with('%') && !kept[..kept.len() - 1].ends_with('%'), "{folder}");
        }
    }

    proptest! {
        #[test]
        fn distinct_tables_have_distinct_folders(a in ".{0,12}", b in ".{0,12}", x in ".{0,90}", y in ".{0,90}") {
            let (one, two) = (of(Some(&a), &b), of(Some(&x), &y));
            prop_assert_eq!((a, b) == (x, y), one.to_lowercase() == two.to_lowercase());
            prop_assert!(one.len() < 255 && two.len() < 255);
        }
    }
}
