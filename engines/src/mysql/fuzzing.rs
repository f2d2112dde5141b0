//! MySQL's bytes: what a server may say from its greeting on.
//!
//! The server is a stream that plays bytes back and takes whatever is said to
//! it, so nothing ever waits.

use std::sync::LazyLock;

use futures_util::FutureExt as _;
use secrecy::SecretString;

use super::decode::RowDecoder;
use super::login::Login;
use super::types;
use super::wire::Connection;
use super::wire::channel::{Channel, Rows};
use super::wire::cursor::put_block;
use super::wire::handshake::{Purpose, shake_hands};
use super::wire::packet::{ColumnDefinition, Ending, ServerError, ends_rows};
use super::wire::tls::{Tls, TlsMode};
use crate::batch::RawBatch;
use crate::error::Result;
use crate::fuzzing::{self, Harness};
use crate::table::{Column, Logical, Table, TableRef};

pub(crate) const HARNESSES: &[Harness] = &[
    Harness { name: "mysql-binlog", run: super::capture::fuzzing::events, seeds: super::capture::fuzzing::seeds },
    Harness { name: "mysql-login", run: login, seeds: login_seeds },
    Harness { name: "mysql-packets", run: packets, seeds: packet_seeds },
    Harness { name: "mysql-stream", run: stream, seeds: stream_seeds },
    Harness { name: "mysql-rows", run: rows, seeds: row_seeds },
    Harness { name: "mysql-values", run: values, seeds: value_seeds },
];

/// A type for every decoder, and a valid value of it.
fn kinds() -> Vec<(Logical, Vec<u8>)> {
    let block = |bytes: &[u8]| {
        let mut value = Vec::new();
        put_block(&mut value, bytes);
        value
    };
    let int = |bits, unsigned| Logical::Int { bits, unsigned };
    vec![
        (Logical::Bool, block(&[1])),
        (int(8, false), vec![0xFF]),
        (int(16, true), vec![1, 2]),
        (int(24, false), vec![1, 2, 3, 0]),
        (int(32, true), vec![0xFF; 4]),
        (int(64, false), vec![0x80; 8]),
        (int(64, true), vec![0xFF; 8]),
        (Logical::Decimal { precision: Some(65), scale: 30 }, block(b"-12345678901234567890123456789012345678901.50")),
        (Logical::Float32, 0.1f32.to_le_bytes().to_vec()),
        (Logical::Float64, 0.1f64.to_le_bytes().to_vec()),
        (Logical::Char { chars_max: 5 }, block(b"a")),
        (Logical::Text { chars_max: None }, block("größe".as_bytes())),
        (Logical::Text { chars_max: None }, block(&[b'x'; 300])),
        (Logical::Binary { bytes: 5 }, block(&[0; 5])),
        (Logical::Date, block(&[0xE8, 7, 2, 29])),
        (Logical::Time { digits: 6 }, block(&[1, 34, 0, 0, 0, 22, 59, 59, 0x3F, 0x42, 0x0F, 0])),
        (Logical::Timestamp { digits: 6 }, block(&[0xE8, 7, 2, 29, 23, 59, 59, 1, 0, 0, 0])),
        (Logical::Instant { digits: 0 }, block(&[])),
        (Logical::Year, vec![0xE8, 7]),
        (Logical::Uuid, block(b"00000000-0000-4000-8000-00000000000a")),
        (Logical::Json { ordered: true }, block(b"[1, 2.50]")),
        (Logical::Enum, block(b"small")),
        (Logical::Set, block(b"a,b")),
        (Logical::Bits { len: Some(12) }, block(&[0x0F, 0xFF])),
        (Logical::Network, block(b"::1")),
    ]
}

fn decode(kinds: &[Logical], batch: &RawBatch) -> Result<()> {
    let column = |(i, logical): (usize, &Logical)| Column {
        name: format!("c{i}"),
        native: String::new(),
        logical: Some(logical.clone()),
        nullable: true,
        generated: false,
        // One that the server converts, and writes marks into.
        collation: (i % 2 == 1).then(|| "greek_general_ci".to_owned()),
    };
    let table = Table {
        name: TableRef { schema: Some("s".to_owned()), name: "t".to_owned() },
        columns: kinds.iter().enumerate().map(column).collect(),
        primary_key: None,
        unique_keys: Vec::new(),
        foreign_keys: Vec::new(),
        row_estimate: 0,
        bytes_estimate: 0,
        children: Vec::new(),
    };
    let columns: Vec<usize> = (0..kinds.len()).collect();
    let decoder = RowDecoder::new(&table, &columns).expect("every type has a decoder");
    fuzzing::decode(&decoder, batch)
}

/// The first byte chooses the type.
fn values(bytes: &[u8]) {
    let Some((&kind, value)) = bytes.split_first() else { return };
    let kinds = kinds();
    let (logical, _) = &kinds[usize::from(kind) % kinds.len()];
    assert!(types::layout(logical).is_some());
    let batch = RawBatch { bytes: frame(0, &[&[0, 0], value].concat()), row_count: 1 };
    let _ = decode(std::slice::from_ref(logical), &batch);
}

/// Frames as they come, of rows of all types.
fn rows(bytes: &[u8]) {
    let kinds: Vec<Logical> = kinds().into_iter().map(|(logical, _)| logical).collect();
    let _ = decode(&kinds, &RawBatch { bytes: bytes.to_vec(), row_count: 0 });
}

fn packets(bytes: &[u8]) {
    if let Some(error) = ServerError::parse(bytes) {
        let _ = error.to_string();
    }
    let _ = ColumnDefinition::parse(bytes);
    let _ = (ends_rows(bytes, true), ends_rows(bytes, false));
    let _ = (Ending::parse(bytes), Ending::of_rows(bytes, false));
}

fn channel(bytes: &[u8]) -> Channel {
    Channel::new(Box::new(tokio::io::join(std::io::Cursor::new(bytes.to_vec()), tokio::io::sink())))
}

/// Rows until they end, and then packets.
fn stream(bytes: &[u8]) {
    let Some((&flags, said)) = bytes.split_first() else { return };
    let mut channel = channel(said);
    let reading = async {
        loop {
            match channel.rows(flags % 2 == 1).await {
                Ok(Rows::Some(batch)) => assert!(batch.bytes.len() <= said.len()),
                Ok(Rows::Last(batch)) => {
                    assert!(batch.bytes.len() <= said.len() && 5 * batch.row_count <= batch.bytes.len());
                    break;
                }
                Err(_) => return,
            }
        }
        while channel.receive().await.is_ok() {}
    };
    reading.now_or_never().expect("nothing waits");
}

fn login(bytes: &[u8]) {
    let _ = talk(bytes);
}

/// Made once: it brings a whole stack of ciphers with it.
static TLS: LazyLock<Tls> =
    LazyLock::new(|| Tls::new(TlsMode::Disabled, None, "localhost").expect("nothing is verified"));

/// With a server from its greeting on: logging in, a query, a statement with
/// rows. The number of its columns, if all went well.
fn talk(bytes: &[u8]) -> Option<usize> {
    let (&flags, said) = bytes.split_first()?;
    let login = Login { user: "user".to_owned(), password: SecretString::from("s3cret"), ..Login::default() };
    let mut channel = channel(said);
    let talking = async {
        let agreement = shake_hands(&mut channel, &login, &TLS, flags % 2 == 1, Purpose::READING).await.ok()?;
        let mut connection = Connection::over(channel, agreement);
        connection.query("SELECT 1").await.ok()?;
        let definitions = connection.start("SELECT 2").await.ok()?;
        while let (_, false) = connection.next_rows().await.ok()? {}
        Some(definitions.len())
    };
    talking.now_or_never().expect("nothing waits")
}

fn frame(sequence: u8, payload: &[u8]) -> Vec<u8> {
    let [a, b, c, _] = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes();
    [&[a, b, c, sequence], payload].concat()
}

fn greeting() -> Vec<u8> {
    let mut packet = b"\x0A9.7.4\0\x07\0\0\0".to_vec();
    packet.extend_from_slice(b"12345678\0\xFF\xF7\xFF\x02\0\xFF\xDF\x15");
    packet.extend_from_slice(&[0; 10]);
    packet.extend_from_slice(b"abcdefghijkl\0caching_sha2_password\0");
    packet
}

fn definition(name: &str) -> Vec<u8> {
    let mut packet = Vec::new();
    for text in ["def", "schema", "alias", "table", name, "column"] {
        put_block(&mut packet, text.as_bytes());
    }
    put_block(&mut packet, &[45, 0, 20, 0, 0, 0, 8, 33, 0, 0, 0, 0]);
    packet
}

const OK: &[u8] = &[0, 0, 0, 2, 0, 0, 0];
const END: &[u8] = &[0xFE, 0, 0, 2, 0, 0, 0];
const ERROR: &[u8] = b"\xFF\x15\x04#28000Access denied";

fn packet_seeds() -> Vec<Vec<u8>> {
    vec![definition("größe"), ERROR.to_vec(), b"\xFF\x10\x04Too many".to_vec(), END.to_vec()]
}

fn stream_seeds() -> Vec<Vec<u8>> {
    let rows = [frame(0, &[0, 0, 1]), frame(1, &[0, 0, 2]), frame(2, END), frame(3, OK)].concat();
    let error = [frame(0, &[0, 0, 1]), frame(1, ERROR)].concat();
    [(1u8, rows.clone()), (0, rows), (1, error)].map(|(flags, said)| [&[flags][..], &said].concat()).to_vec()
}

/// Everything goes well; it asks for the password; it refuses; it switches.
fn login_seeds() -> Vec<Vec<u8>> {
    let text = [frame(1, &[1]), frame(2, &definition("a")), frame(3, &[1, b'1']), frame(4, END)].concat();
    let prepared = frame(1, &[0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    let binary = [frame(1, &[1]), frame(2, &definition("b")), frame(3, &[0, 0, 9, 0, 0, 0, 0, 0, 0, 0]), frame(4, END)];
    let session = [text, prepared, frame(2, &definition("b")), binary.concat()].concat();
    let switch = b"\xFEmysql_native_password\0abcdefghijklmnopqrst\0";
    let first = frame(0, &greeting());
    vec![
        [&[1][..], &first, &frame(2, OK), &session].concat(),
        [&[1][..], &first, &frame(2, &[1, 4]), &frame(4, OK), &session].concat(),
        [&[0][..], &first, &frame(2, &[1, 4]), &frame(4, b"\x01-----BEGIN PUBLIC KEY-----")].concat(),
        [&[0][..], &first, &frame(2, switch), &frame(4, OK), &session].concat(),
        [&[0][..], &frame(0, ERROR)].concat(),
    ]
}

fn row_seeds() -> Vec<Vec<u8>> {
    let nulls = vec![0; (kinds().len() + 9) / 8];
    let all: Vec<u8> = kinds().into_iter().flat_map(|(_, value)| value).collect();
    let none = vec![0xFF; nulls.len()];
    let row = frame(0, &[&[0][..], &nulls, &all].concat());
    vec![row.clone(), [row, frame(1, &[&[0][..], &none].concat())].concat()]
}

fn value_seeds() -> Vec<Vec<u8>> {
    (0u8..).zip(kinds()).map(|(i, (_, value))| [&[i][..], &value].concat()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A harness whose seeds are refused at the door would prove nothing.
    #[test]
    fn seeds_get_all_the_way() {
        let ends: Vec<Option<usize>> = login_seeds().iter().map(|seed| talk(seed)).collect();
        assert_eq!(ends, [Some(1), Some(1), None, Some(1), None]);
        for (i, (logical, value)) in kinds().into_iter().enumerate() {
            let batch = RawBatch { bytes: frame(0, &[&[0, 0], value.as_slice()].concat()), row_count: 1 };
            assert!(decode(&[logical], &batch).is_ok(), "{i}");
        }
        let all: Vec<Logical> = kinds().into_iter().map(|(logical, _)| logical).collect();
        for seed in row_seeds() {
            decode(&all, &RawBatch { bytes: seed, row_count: 0 }).unwrap();
        }
    }
}
