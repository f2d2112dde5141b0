use proptest::prelude::*;

use super::*;
use crate::table::TableRef;
use crate::value::OwnedValue;

fn table(logicals: &[Logical]) -> Table {
    Table {
        name: TableRef { schema: Some("s".to_owned()), name: "t".to_owned() },
        columns: logicals
            .iter()
            .enumerate()
            .map(|(i, logical)| Column {
                name: format!("c{i}"),
                native: String::new(),
                logical: Some(logical.clone()),
                nullable: true,
                generated: false,
                collation: None,
            })
            .collect(),
        primary_key: None,
        unique_keys: Vec::new(),
        foreign_keys: Vec::new(),
        row_estimate: 0,
        bytes_estimate: 0,
        children: Vec::new(),
    }
}

fn decoder(logicals: &[Logical]) -> RowDecoder {
    let columns: Vec<usize> = (0..logicals.len()).collect();
    RowDecoder::new(&table(logicals), &columns).unwrap()
}

fn frame(payload: &[u8]) -> Vec<u8> {
    let [a, b, c, _] = u32::try_from(payload.len()).unwrap().to_le_bytes();
    [&[a, b, c, 0], payload].concat()
}

fn decoded(decoder: &RowDecoder, bytes: Vec<u8>) -> Result<Vec<Vec<OwnedValue>>> {
    let mut rows = Vec::new();
    let batch = RawBatch { bytes, row_count: 0 };
    decoder.decode(&batch, &mut |row| rows.push(row.iter().cloned().map(Value::into_owned).collect()))?;
    Ok(rows)
}

/// One row of one column whose value has these bytes.
fn one(logical: Logical, value: &[u8]) -> Result<OwnedValue> {
    let rows = decoded(&decoder(&[logical]), frame(&[&[0, 0], value].concat()))?;
    Ok(rows[0][0].clone())
}

const ALL: [Logical; 24] = [
    Logical::Bool,
    Logical::Int { bits: 8, unsigned: false },
    Logical::Int { bits: 8, unsigned: true },
    Logical::Int { bits: 16, unsigned: false },
    Logical::Int { bits: 24, unsigned: true },
    Logical::Int { bits: 32, unsigned: false },
    Logical::Int { bits: 64, unsigned: true },
    Logical::Decimal { precision: Some(65), scale: 30 },
    Logical::Float32,
    Logical::Float64,
    Logical::Char { chars_max: 5 },
    Logical::Text { chars_max: None },
    Logical::Binary { bytes: 5 },
    Logical::Bytes { bytes_max: None },
    Logical::Date,
    Logical::Time { digits: 6 },
    Logical::Timestamp { digits: 6 },
    Logical::Instant { digits: 0 },
    Logical::Year,
    Logical::Uuid,
    Logical::Json { ordered: true },
    Logical::Enum,
    Logical::Set,
    Logical::Bits { len: Some(12) },
];

#[test]
fn what_mysql_has_not_is_refused_by_name() {
    for logical in [Logical::Interval, Logical::SqliteNumeric, Logical::TimeTz { digits: 6 }] {
        let error = RowDecoder::new(&table(&[logical]), &[0]).unwrap_err();
        assert!(matches!(error, Error::UnknownType { column, .. } if column == "c0"));
    }
    let mut unknown = table(&[Logical::Date]);
    unknown.columns[0].logical = None;
    unknown.columns[0].native = "point".to_owned();
    let error = RowDecoder::new(&unknown, &[0]).unwrap_err();
    assert_eq!(error.to_string(), "`s.t`.`c0`: the type `point` cannot be compared");
}

#[test]
fn values_out_of_bounds_are_errors() {
    let cases: [(Logical, &[u8]); 16] = [
        (Logical::Bool, &[1, 2]),
        (Logical::Bool, &[2, 0, 1]),
        (Logical::Bits { len: Some(12) }, &[2, 0x10, 0]),
        (Logical::Bits { len: Some(12) }, &[1, 1]),
        (Logical::Decimal { precision: None, scale: 0 }, b"\x03NaN"),
        (Logical::Decimal { precision: None, scale: 0 }, b"\x031e5"),
        (Logical::Decimal { precision: None, scale: 0 }, b"\x01-"),
        (Logical::Decimal { precision: None, scale: 0 }, &[0]),
        (Logical::Date, &[4, 0, 0, 13, 1]),
        (Logical::Date, &[7, 0xE8, 7, 1, 1, 1, 0, 0]),
        (Logical::Timestamp { digits: 0 }, &[7, 0xE8, 7, 1, 1, 24, 0, 0]),
        (Logical::Timestamp { digits: 0 }, &[5, 0xE8, 7, 1, 1, 0]),
        (Logical::Time { digits: 0 }, &[8, 0, 35, 0, 0, 0, 0, 0, 0]),
        (Logical::Time { digits: 0 }, &[8, 2, 0, 0, 0, 0, 0, 0, 0]),
        (Logical::Uuid, b"\x04abcd"),
        (Logical::Text { chars_max: None }, &[1, 0xFF]),
    ];
    for (logical, value) in cases {
        let error = one(logical.clone(), value).unwrap_err();
        assert!(matches!(&error, Error::Decode { column, .. } if column == "c0"), "{logical:?} {value:?}: {error}");
    }
}

#[test]
fn a_row_has_no_more_and_no_less_than_its_columns() {
    let int = Logical::Int { bits: 8, unsigned: false };
    assert_eq!(one(int.clone(), &[7]).unwrap(), Value::Int(7));
    assert!(one(int.clone(), &[]).is_err());
    assert!(one(int.clone(), &[7, 7]).is_err());
    // NULL takes no bytes; the third bit is the first column's.
    assert_eq!(decoded(&decoder(std::slice::from_ref(&int)), frame(&[0, 4])).unwrap(), [[Value::Null]]);
    assert!(decoded(&decoder(std::slice::from_ref(&int)), frame(&[1, 0, 7])).is_err());
    assert!(decoded(&decoder(std::slice::from_ref(&int)), frame(&[])).is_err());
    assert!(decoded(&decoder(std::slice::from_ref(&int)), vec![9, 0]).is_err());
    // Nothing was asked for, so a row is no more than that it exists.
    assert_eq!(decoded(&decoder(&[]), frame(&[0, 0, 1, 0, 0, 0])).unwrap(), [Vec::<OwnedValue>::new()]);
}

#[test]
fn ascii_is_ascii() {
    let mut table = table(&[Logical::Text { chars_max: None }]);
    table.columns[0].collation = Some("ascii_general_ci".to_owned());
    let decoder = RowDecoder::new(&table, &[0]).unwrap();
    assert!(decoded(&decoder, frame(&[0, 0, 1, b'a'])).is_ok());
    // Two bytes that would be a letter in UTF-8.
    assert!(decoded(&decoder, frame(&[0, 0, 2, 0xC3, 0xA9])).is_err());
}

#[test]
fn a_row_over_several_frames_is_one_row() {
    let len = 2 * FRAME_BYTES_MAX;
    let mut payload = vec![0, 0, 0xFE];
    payload.extend_from_slice(&(len as u64).to_le_bytes());
    payload.resize(payload.len() + len, b'x');
    let mut bytes = frame(&[0, 0, 1, b'a']);
    for part in payload.chunks(FRAME_BYTES_MAX) {
        bytes.extend(frame(part));
    }
    bytes.extend(frame(&[0, 0, 1, b'b']));
    let rows = decoded(&decoder(&[Logical::Bytes { bytes_max: None }]), bytes).unwrap();
    let lengths: Vec<usize> = rows.iter().map(|row| if let Value::Bytes(v) = &row[0] { v.len() } else { 0 }).collect();
    assert_eq!(lengths, [1, len, 1]);
}

proptest! {
    #[test]
    fn no_batch_makes_it_panic(bytes: Vec<u8>) {
        let _ = decoded(&decoder(&ALL), bytes);
    }

    #[test]
    fn no_row_makes_it_panic(bytes: Vec<u8>, nulls: [u8; 4]) {
        // Behind a right head, so that the values are reached.
        let _ = decoded(&decoder(&ALL), frame(&[&[0], nulls.as_slice(), &bytes].concat()));
    }

    #[test]
    fn no_value_makes_it_panic(
        kind in 0..ALL.len(),
        value in proptest::collection::vec(any::<u8>(), 0..16),
        prefixed: bool,
    ) {
        let value = if prefixed { [&[u8::try_from(value.len()).unwrap()], value.as_slice()].concat() } else { value };
        let _ = one(ALL[kind].clone(), &value);
    }

    #[test]
    fn decimals_are_read_alike_whichever_way(digits in "-?[0-9]{1,17}(\\.[0-9]{0,9})?") {
        let fast = decimal(digits.as_bytes());
        let slow = Decimal::parse(&digits);
        prop_assert_eq!(fast.ok(), slow);
    }

    #[test]
    fn bits_move_to_the_front(value: u64, len in 1u32..=64) {
        let value = value >> (64 - len);
        let sent = &value.to_be_bytes()[8 - len.div_ceil(8) as usize..];
        let Ok(Value::Bits { bytes, .. }) = bits(len, sent) else { return Err(TestCaseError::fail("no bits")) };
        let text = crate::display::bits(len, &bytes);
        prop_assert_eq!(u64::from_str_radix(&text, 2).unwrap(), value);
    }
}
