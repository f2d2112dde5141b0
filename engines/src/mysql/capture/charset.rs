//! Text of a log to UTF-8.
//!
//! A log has text in its column's own character set, where a read lets the server
//! convert it. So that both give the same, the server is asked here too: once
//! for each byte, and each pair of bytes, of the character sets in use. Those
//! that are Unicode in another form need no table. Those with characters of three
//! bytes and more are refused by name.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::mysql::decode::{Fault, NOT_TEXT};
use crate::mysql::fault::{NO_CATALOG, query_error};
use crate::mysql::pool::{Lease, Pool};
use crate::mysql::types;
use crate::table::{Logical, Table};

/// How the bytes of a column become text.
#[derive(Debug, Clone)]
pub(super) enum Charset {
    Utf8,
    Ascii,
    /// Without surrogates, unlike the next.
    Ucs2,
    Utf16,
    Utf16Le,
    Utf32,
    Table(Arc<Characters>),
}

/// What the server makes of each byte, and of each pair of bytes whose first is
/// no character.
#[derive(Debug)]
pub(super) struct Characters {
    single: Vec<Option<char>>,
    /// By the first byte times 256 plus the second; empty where all are single.
    double: HashMap<u16, char>,
}

impl Charset {
    /// The text that `bytes` are.
    pub(super) fn text<'a>(&self, bytes: &'a [u8]) -> Result<Cow<'a, str>, Fault> {
        match self {
            Self::Utf8 => std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| NOT_TEXT),
            Self::Ascii if bytes.is_ascii() => std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| NOT_TEXT),
            Self::Ascii => Err(NOT_TEXT),
            Self::Ucs2 => units(bytes, u16::from_be_bytes)?
                .map(|unit| char::from_u32(u32::from(unit)))
                .collect::<Option<String>>()
                .map(Cow::Owned)
                .ok_or(NOT_TEXT),
            Self::Utf16 => utf16(units(bytes, u16::from_be_bytes)?),
            Self::Utf16Le => utf16(units(bytes, u16::from_le_bytes)?),
            Self::Utf32 => units(bytes, u32::from_be_bytes)?
                .map(char::from_u32)
                .collect::<Option<String>>()
                .map(Cow::Owned)
                .ok_or(NOT_TEXT),
            Self::Table(characters) => characters.text(bytes).map(Cow::Owned).ok_or(NOT_TEXT),
        }
    }
}

fn utf16<'a>(units: impl Iterator<Item = u16>) -> Result<Cow<'a, str>, Fault> {
    char::decode_utf16(units).collect::<Result<String, _>>().map(Cow::Owned).map_err(|_| NOT_TEXT)
}

fn units<const N: usize, T>(bytes: &[u8], read: fn([u8; N]) -> T) -> Result<impl Iterator<Item = T>, Fault> {
    let (units, rest) = bytes.as_chunks();
    if rest.is_empty() { Ok(units.iter().map(move |unit| read(*unit))) } else { Err(NOT_TEXT) }
}

impl Characters {
    fn text(&self, bytes: &[u8]) -> Option<String> {
        let mut text = String::with_capacity(bytes.len());
        let mut bytes = bytes.iter();
        while let Some(&byte) = bytes.next() {
            text.push(match self.single.get(usize::from(byte)).copied().flatten() {
                Some(character) => character,
                None => *self.double.get(&u16::from_be_bytes([byte, *bytes.next()?]))?,
            });
        }
        Some(text)
    }
}

/// The character sets of some tables, by their names.
#[derive(Debug, Default)]
pub(super) struct Charsets {
    by_name: HashMap<String, Charset>,
}

impl Charsets {
    #[cfg(any(test, feature = "fuzzing"))]
    pub(super) fn utf8() -> Self {
        Self { by_name: HashMap::from([("utf8mb4".to_owned(), Charset::Utf8)]) }
    }

    /// That of a collation, if it was loaded.
    pub(super) fn of(&self, collation: Option<&str>) -> Option<Charset> {
        self.by_name.get(name_of(collation)).cloned()
    }

    /// Loads those of the text in `tables`.
    ///
    /// # Errors
    /// [`Error::Capture`] with the column whose text can't be read from a log.
    pub(super) async fn load(pool: &Pool, tables: &[Table]) -> Result<Self> {
        let mut charsets = Self::default();
        for table in tables {
            for column in table.columns.iter().filter(|column| !column.generated && is_text(column.logical.as_ref())) {
                let name = name_of(column.collation.as_deref());
                if charsets.by_name.contains_key(name) {
                    continue;
                }
                let charset = load(&mut pool.lease().await?, name).await?.ok_or_else(|| Error::Capture {
                    location: pool.location().to_owned(),
                    fault: crate::error::CaptureFault::Unfaithful,
                    why: format!(
                        "`{}`.`{}` has the character set {name}, which can't be read from the binary log",
                        table.name, column.name
                    ),
                })?;
                charsets.by_name.insert(name.to_owned(), charset);
            }
        }
        Ok(charsets)
    }
}

fn is_text(logical: Option<&Logical>) -> bool {
    matches!(
        logical,
        Some(Logical::Char { .. } | Logical::Text { .. } | Logical::Enum | Logical::Set | Logical::Json { .. })
    )
}

/// A collation's name begins with its character set. A column without one, as
/// MySQL's JSON, is in UTF-8.
fn name_of(collation: Option<&str>) -> &str {
    collation.map_or("utf8mb4", |name| name.split('_').next().unwrap_or(name))
}

async fn load(lease: &mut Lease<'_>, name: &str) -> Result<Option<Charset>> {
    Ok(Some(match name {
        "utf8mb4" | "utf8mb3" | "utf8" => Charset::Utf8,
        "ascii" => Charset::Ascii,
        "ucs2" => Charset::Ucs2,
        "utf16" => Charset::Utf16,
        "utf16le" => Charset::Utf16Le,
        "utf32" => Charset::Utf32,
        _ => return Ok(ask(lease, name).await?.map(|characters| Charset::Table(Arc::new(characters)))),
    }))
}

const WHAT: &str = "asking for a character set";

/// Asks the server for all characters of at most two bytes.
async fn ask(lease: &mut Lease<'_>, name: &str) -> Result<Option<Characters>> {
    // Names are letters and digits; what else stands here is none.
    if !name.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Ok(None);
    }
    let len = format!("SELECT MAXLEN FROM information_schema.CHARACTER_SETS WHERE CHARACTER_SET_NAME = '{name}'");
    let grid = lease.query(WHAT, &len).await?;
    let len = grid.rows.into_iter().flatten().flatten().next();
    let bytes_max: u8 = match len.as_deref() {
        Some("1") => 1,
        Some("2") => 2,
        _ => return Ok(None),
    };
    let bytes: Vec<Vec<u8>> = (0..=u8::MAX).map(|b| vec![b]).collect();
    let single = convert(lease, name, &bytes).await?;
    let mut double = HashMap::new();
    if bytes_max == 2 {
        let leads = (0..=u8::MAX).zip(&single).filter(|(_, character)| character.is_none()).map(|(b, _)| b);
        let pairs: Vec<Vec<u8>> = leads.flat_map(|a| (0x21..=u8::MAX).map(move |b| vec![a, b])).collect();
        let characters = convert(lease, name, &pairs).await?;
        let keys = pairs.iter().filter_map(|pair| pair.first_chunk().map(|pair| u16::from_be_bytes(*pair)));
        double.extend(keys.zip(characters).filter_map(|(pair, character)| Some((pair, character?))));
    }
    Ok(Some(Characters { single, double }))
}

/// Each of `codes` as the character that the server converts it to.
async fn convert(lease: &mut Lease<'_>, name: &str, codes: &[Vec<u8>]) -> Result<Vec<Option<char>>> {
    /// Below the number of columns that a result may have.
    const AT_ONCE: usize = 1_000;
    let mut characters = Vec::with_capacity(codes.len());
    for some in codes.chunks(AT_ONCE) {
        let list: Vec<String> = some
            .iter()
            .map(|code| {
                let digits = crate::display::hex(code);
                format!("CONVERT(CONVERT(x'{digits}' USING {name}) USING utf8mb4)")
            })
            .collect();
        let grid = lease.query(WHAT, &format!("SELECT {}", list.join(", "))).await?;
        let row = grid.rows.into_iter().next().unwrap_or_default();
        if row.len() != some.len() {
            return Err(query_error(lease.location(), WHAT, NO_CATALOG));
        }
        characters.extend(row.into_iter().zip(some).map(|(text, code)| character(text.as_deref(), code)));
    }
    Ok(characters)
}

/// What stands for no character is `?` or U+FFFD.
fn character(text: Option<&str>, code: &[u8]) -> Option<char> {
    let mut chars = text?.chars();
    let character = chars.next().filter(|&c| c != types::REPLACEMENT && (c != '?' || code == b"?"))?;
    chars.next().is_none().then_some(character)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn small() -> Charset {
        let mut single: Vec<Option<char>> = (0..128u8).map(|b| Some(char::from(b))).collect();
        single.resize(256, None);
        Charset::Table(Arc::new(Characters { single, double: HashMap::from([(0x8140, '丂')]) }))
    }

    #[test]
    fn each_form_is_read() {
        for (charset, bytes, text) in [
            (Charset::Utf8, "é😀".as_bytes(), "é😀"),
            (Charset::Ascii, b"a?", "a?"),
            (Charset::Ucs2, &[0, 0xE9], "é"),
            (Charset::Utf16, &[0, 0xE9, 0xD8, 0x3D, 0xDE, 0x00], "é😀"),
            (Charset::Utf16Le, &[0xE9, 0, 0x3D, 0xD8, 0x00, 0xDE], "é😀"),
            (Charset::Utf32, &[0, 1, 0xF6, 0], "😀"),
            (small(), &[b'a', 0x81, 0x40], "a丂"),
        ] {
            assert_eq!(charset.text(bytes).as_deref(), Ok(text), "{charset:?}");
        }
        for (charset, bytes) in [
            (Charset::Utf8, &[0xC3][..]),
            (Charset::Ascii, &[0xE9]),
            (Charset::Ucs2, &[0xD8, 0x3D, 0xDE, 0x00]),
            (Charset::Utf16, &[0xD8, 0x3D]),
            (Charset::Utf16, &[0]),
            (Charset::Utf32, &[0, 0x11, 0, 0]),
            (small(), &[0x81]),
            (small(), &[0x82, 0x40]),
        ] {
            assert_eq!(charset.text(bytes), Err(NOT_TEXT), "{charset:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            for charset in [Charset::Ucs2, Charset::Utf16, Charset::Utf16Le, Charset::Utf32, small()] {
                let _ = charset.text(&bytes);
            }
        }
    }
}
