//! The bytes of a batch from SQLite. The file itself is read by SQLite.

use super::wire::{self, tag};
use crate::batch::RawBatch;
use crate::fuzzing::{self, Harness};
use crate::table::{Column, Logical, Table, TableRef};

pub(crate) const HARNESSES: &[Harness] = &[Harness { name: "sqlite-rows", run: rows, seeds }];

/// The first byte is the number of rows.
fn rows(bytes: &[u8]) {
    let Some((&count, rest)) = bytes.split_first() else { return };
    let kinds = [Logical::Text { chars_max: None }, Logical::Json { ordered: true }, Logical::SqliteNumeric];
    let column = |(i, logical): (usize, Logical)| Column {
        name: format!("c{i}"),
        native: String::new(),
        logical: Some(logical),
        nullable: true,
        generated: false,
        collation: None,
    };
    let table = Table {
        name: TableRef { schema: None, name: "t".to_owned() },
        columns: kinds.into_iter().enumerate().map(column).collect(),
        primary_key: None,
        unique_keys: Vec::new(),
        foreign_keys: Vec::new(),
        row_estimate: 0,
        bytes_estimate: 0,
        children: Vec::new(),
    };
    let decoder = wire::decoder(&table, &[0, 1, 2]).expect("every type has a decoder");
    let batch = RawBatch { bytes: rest.to_vec(), row_count: usize::from(count) };
    let _ = fuzzing::decode(&*decoder, &batch);
}

fn seeds() -> Vec<Vec<u8>> {
    let mut bytes = vec![2];
    wire::put_block(&mut bytes, tag::TEXT, "größe".as_bytes());
    wire::put_block(&mut bytes, tag::TEXT, b"{\"a\": 1.50}");
    wire::put_integer(&mut bytes, i64::MIN);
    wire::put_block(&mut bytes, tag::TEXT_UTF16LE, &[0x61, 0, 0x3D, 0xD8, 0, 0xDE]);
    wire::put_block(&mut bytes, tag::BLOB, &[0; 200]);
    wire::put_real(&mut bytes, -0.0);
    let mut other = vec![1, tag::NULL];
    wire::put_block(&mut other, tag::TEXT_UTF16BE, &[0, 0x61]);
    other.push(tag::NULL);
    vec![bytes, other]
}
