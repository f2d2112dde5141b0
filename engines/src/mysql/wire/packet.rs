//! The packets a server answers with.

use std::fmt;

use super::cursor::Cursor;
use super::{WireError, WireResult};

/// What the two ends agree to use, of the protocol's capability flags.
pub(in crate::mysql) mod capability {
    pub(in crate::mysql) const LONG_PASSWORD: u32 = 1;
    pub(in crate::mysql) const FOUND_ROWS: u32 = 1 << 1;
    pub(in crate::mysql) const LONG_FLAG: u32 = 1 << 2;
    pub(in crate::mysql) const CONNECT_WITH_DB: u32 = 1 << 3;
    pub(in crate::mysql) const LOCAL_FILES: u32 = 1 << 7;
    pub(in crate::mysql) const PROTOCOL_41: u32 = 1 << 9;
    pub(in crate::mysql) const SSL: u32 = 1 << 11;
    pub(in crate::mysql) const TRANSACTIONS: u32 = 1 << 13;
    pub(in crate::mysql) const SECURE_CONNECTION: u32 = 1 << 15;
    pub(in crate::mysql) const MULTI_STATEMENTS: u32 = 1 << 16;
    pub(in crate::mysql) const MULTI_RESULTS: u32 = 1 << 17;
    pub(in crate::mysql) const PLUGIN_AUTH: u32 = 1 << 19;
    pub(in crate::mysql) const CONNECT_ATTRS: u32 = 1 << 20;
    pub(in crate::mysql) const PLUGIN_AUTH_LENENC: u32 = 1 << 21;
    pub(in crate::mysql) const DEPRECATE_EOF: u32 = 1 << 24;
}

/// The first byte of a packet.
pub(in crate::mysql) mod mark {
    pub(in crate::mysql) const OK: u8 = 0x00;
    pub(in crate::mysql) const ROW: u8 = 0x00;
    pub(in crate::mysql) const MORE_AUTH: u8 = 0x01;
    pub(in crate::mysql) const LOCAL_FILE: u8 = 0xFB;
    pub(in crate::mysql) const END: u8 = 0xFE;
    pub(in crate::mysql) const ERROR: u8 = 0xFF;
}

/// What the server says went wrong.
#[derive(Debug, Clone)]
pub(in crate::mysql) struct ServerError {
    pub(in crate::mysql) code: u16,
    state: String,
    message: String,
}

impl ServerError {
    /// Reads an error packet, its mark included. Before the handshake is done a
    /// server sends no SQL state.
    pub(in crate::mysql) fn parse(packet: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(packet);
        cursor.take(1)?;
        let code = cursor.u16()?;
        let mut state = "HY000".to_owned();
        let mut message = cursor.rest();
        if let [b'#', a, b, c, d, e, rest @ ..] = message {
            state = String::from_utf8_lossy(&[*a, *b, *c, *d, *e]).into_owned();
            message = rest;
        }
        Some(Self { code, state, message: without_values(code, &String::from_utf8_lossy(message)) })
    }
}

impl ServerError {
    /// Whether the message has these words.
    pub(in crate::mysql) fn says(&self, words: &str) -> bool {
        self.message.contains(words)
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error {} ({}): {}", self.code, self.state, self.message)
    }
}

impl std::error::Error for ServerError {}

/// Of a unique key's.
const DUPLICATE: u16 = 1062;

/// Servers quote data and pieces of the statement in their messages, so a
/// message ends at its first quote, unless its error quotes nothing but names.
fn without_values(code: u16, message: &str) -> String {
    let names_only = matches!(
        code,
        1040 | 1044..=1046
            | 1048
            | 1049
            | 1051
            | 1053
            | 1054
            | 1109
            | 1129
            | 1130
            | 1142..=1146
            | 1193
            | 1205
            | 1226
            | 1227
            | 1264
            | 1265
            | 1267
            | 1270
            | 1271
            | 1290
            | 1305
            | 1364
            | 1370
            | 1406
            | 1524
            | 1698
            | 1862
            | 3118
            | 3159
            | 3819
            | 4151
    );
    if names_only {
        return message.to_owned();
    }
    // The key is named last, behind the value.
    if let (DUPLICATE, Some((_, key))) = (code, message.rsplit_once(" for key ")) {
        return format!("Duplicate entry for key {key}");
    }
    match message.split_once(['\'', '"']) {
        Some((before, _)) => format!("{before}…"),
        None => message.to_owned(),
    }
}

/// How a statement ended, as far as it went well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::mysql) struct Ending {
    pub(in crate::mysql) affected: u64,
    pub(in crate::mysql) warnings: u16,
    status: u16,
}

impl Ending {
    /// Reads an OK packet, its mark included, whichever of its two marks that is.
    pub(in crate::mysql) fn parse(packet: &[u8]) -> WireResult<Self> {
        let read = || {
            let mut cursor = Cursor::new(packet);
            cursor.take(1)?;
            let affected = cursor.length()?;
            // The last AUTO_INCREMENT.
            cursor.length()?;
            Some(Self { affected, status: cursor.u16()?, warnings: cursor.u16()? })
        };
        read().ok_or(WireError::Protocol("an OK packet is cut short"))
    }

    /// Reads what ends rows: an OK packet, or what there was before it.
    pub(in crate::mysql) fn of_rows(packet: &[u8], deprecate_eof: bool) -> WireResult<Self> {
        if deprecate_eof {
            return Self::parse(packet);
        }
        let read = || {
            let mut cursor = Cursor::new(packet);
            cursor.take(1)?;
            Some(Self { affected: 0, warnings: cursor.u16()?, status: cursor.u16()? })
        };
        read().ok_or(WireError::Protocol("an EOF packet is cut short"))
    }

    /// Whether the result of another statement of the same packet follows.
    pub(in crate::mysql) fn has_more(self) -> bool {
        const MORE_RESULTS: u16 = 8;
        self.status & MORE_RESULTS != 0
    }
}

/// The layout and meaning of a column of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::mysql) struct ColumnDefinition {
    pub(in crate::mysql) name: String,
    pub(in crate::mysql) kind: ColumnType,
    pub(in crate::mysql) unsigned: bool,
}

/// How a value of a column's type is laid out in a binary row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::mysql) enum ColumnType {
    /// Integers of 1, 2, 4 and 8 bytes.
    Int1,
    Int2,
    Int4,
    Int8,
    Float,
    Double,
    /// A length byte and up to 11 bytes: DATE, DATETIME, TIMESTAMP.
    Calendar,
    /// A length byte and up to 12 bytes.
    Time,
    /// Bytes behind their length: everything else.
    Block,
    /// A type that this module has never heard of.
    Unknown,
}

impl ColumnType {
    fn of(code: u8) -> Self {
        match code {
            1 => Self::Int1,
            2 | 13 => Self::Int2,
            3 | 9 => Self::Int4,
            8 => Self::Int8,
            4 => Self::Float,
            5 => Self::Double,
            7 | 10 | 12 => Self::Calendar,
            11 => Self::Time,
            0 | 15 | 16 | 242 | 245..=255 => Self::Block,
            _ => Self::Unknown,
        }
    }
}

impl ColumnDefinition {
    pub(in crate::mysql) fn parse(packet: &[u8]) -> WireResult<Self> {
        Self::read(packet).ok_or(WireError::Protocol("a column definition is cut short"))
    }

    fn read(packet: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(packet);
        // Catalog, schema, table and the table's own name.
        for _ in 0..4 {
            cursor.block()?;
        }
        let name = String::from_utf8_lossy(cursor.block()?).into_owned();
        cursor.block()?;
        let mut fixed = Cursor::new(cursor.block()?);
        // Character set and length say nothing about the layout.
        fixed.take(2 + 4)?;
        let kind = ColumnType::of(fixed.byte()?);
        let unsigned = fixed.u16()? & UNSIGNED_FLAG != 0;
        Some(Self { name, kind, unsigned })
    }
}

const UNSIGNED_FLAG: u16 = 32;

/// Whether `packet` ends the rows of a result. A text row may begin with the
/// same byte when its first cell is very long, hence the length.
pub(in crate::mysql) fn ends_rows(packet: &[u8], deprecate_eof: bool) -> bool {
    packet.first() == Some(&mark::END) && packet.len() < if deprecate_eof { 0xFF_FFFF } else { 9 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::mysql::wire::cursor::put_block;

    #[test]
    fn a_definition_says_how_values_are_laid_out() {
        let mut packet = Vec::new();
        for text in ["def", "schema", "alias", "table", "größe", "column"] {
            put_block(&mut packet, text.as_bytes());
        }
        put_block(&mut packet, &[45, 0, 20, 0, 0, 0, 8, 33, 0, 0, 0, 0]);
        let definition = ColumnDefinition::parse(&packet).unwrap();
        assert_eq!((definition.name.as_str(), definition.kind, definition.unsigned), ("größe", ColumnType::Int8, true));
        for cut in 0..packet.len() - 3 {
            assert!(ColumnDefinition::parse(&packet[..cut]).is_err(), "{cut}");
        }
        assert_eq!(ColumnType::of(200), ColumnType::Unknown);
    }

    proptest! {
        #[test]
        fn no_packet_makes_it_panic(bytes: Vec<u8>) {
            let _ = ServerError::parse(&bytes);
            let _ = ColumnDefinition::parse(&bytes);
            let _ = ends_rows(&bytes, true);
            let _ = (Ending::parse(&bytes), Ending::of_rows(&bytes, false));
        }
    }

    #[test]
    fn messages_lose_what_they_quote() {
        for message in ["Incorrect DATETIME value: 's3cret'", "near ''s3cret' x' at line 1", "near \"s3cret\""] {
            let hidden = without_values(1064, message);
            assert!(!hidden.contains("s3cret"), "{hidden}");
        }
        assert_eq!(without_values(1146, "Table 'a.b' doesn't exist"), "Table 'a.b' doesn't exist");
        let duplicate = without_values(1062, "Duplicate entry 's3cret' for key 's3cret-' for key 't.k'");
        assert_eq!(duplicate, "Duplicate entry for key 't.k'");
        assert_eq!(without_values(3024, "Query execution was interrupted"), "Query execution was interrupted");
    }

    #[test]
    fn errors_are_read_with_and_without_a_state() {
        let error = ServerError::parse(b"\xFF\x15\x04#28000Access denied").unwrap();
        assert_eq!(error.to_string(), "error 1045 (28000): Access denied");
        let error = ServerError::parse(b"\xFF\x10\x04Too many connections").unwrap();
        assert_eq!(error.to_string(), "error 1040 (HY000): Too many connections");
        assert!(ServerError::parse(b"\xFF\x10").is_none());
    }
}
