//! PostgreSQL's bytes: the frame of a copy, its rows, each type's value, and the
//! changes in a log.

use super::capture;
use super::decode::CopyDecoder;
use super::frame::{Framer, NULL};
use crate::batch::RawBatch;
use crate::change::{Change, Event};
use crate::error::Result;
use crate::fuzzing::{self, Harness};
use crate::table::{Column, Element, Field, Logical, Notation, Shape, Table, TableRef};
use crate::value::Value;

pub(crate) const HARNESSES: &[Harness] = &[
    Harness { name: "postgres-frames", run: frames, seeds: frame_seeds },
    Harness { name: "postgres-rows", run: rows, seeds: row_seeds },
    Harness { name: "postgres-values", run: values, seeds: value_seeds },
    Harness { name: "postgres-changes", run: changes, seeds: change_seeds },
];

/// A type for every decoder, and a valid field of it.
fn types() -> Vec<(&'static str, Logical, Vec<u8>)> {
    let int = |bits, unsigned| Logical::Int { bits, unsigned };
    let numeric = [0, 3, 0, 1, 0x40, 0, 0, 4, 0, 12, 0x0D, 0x80, 0x1E, 0x78];
    let long = [&[0, 12, 0, 5, 0, 0, 0, 20][..], &[0x27, 0x0F].repeat(12)].concat();
    let mut types = vec![
        ("boolean", Logical::Bool, vec![1]),
        ("smallint", int(16, false), vec![0xFF, 0xFE]),
        ("integer", int(32, false), vec![0, 0, 1, 0]),
        ("bigint", int(64, false), vec![0x7F; 8]),
        ("oid", int(32, true), vec![0xFF; 4]),
        ("numeric", Logical::Decimal { precision: None, scale: 0 }, numeric.to_vec()),
        ("numeric", Logical::Decimal { precision: None, scale: 0 }, long),
        ("real", Logical::Float32, 0.1f32.to_be_bytes().to_vec()),
        ("double precision", Logical::Float64, 0.1f64.to_be_bytes().to_vec()),
        ("text", Logical::Text { chars_max: None }, "größe".as_bytes().to_vec()),
        ("\"char\"", Logical::Text { chars_max: Some(1) }, vec![0xFE]),
        ("character(3)", Logical::Char { chars_max: 3 }, b"a  ".to_vec()),
        ("public.mood", Logical::Enum, b"sad".to_vec()),
        ("bytea", Logical::Bytes { bytes_max: None }, vec![0, 1, 2]),
        ("date", Logical::Date, 8_000i32.to_be_bytes().to_vec()),
        ("time without time zone", Logical::Time { digits: 6 }, 86_399_999_999i64.to_be_bytes().to_vec()),
        (
            "time with time zone",
            Logical::TimeTz { digits: 6 },
            [&1i64.to_be_bytes()[..], &(-3_600i32).to_be_bytes()].concat(),
        ),
        ("timestamp without time zone", Logical::Timestamp { digits: 6 }, (-1i64).to_be_bytes().to_vec()),
        ("timestamp with time zone", Logical::Instant { digits: 6 }, i64::MAX.to_be_bytes().to_vec()),
        ("interval", Logical::Interval, vec![1; 16]),
        ("uuid", Logical::Uuid, vec![7; 16]),
        ("json", Logical::Json { ordered: true }, b"{\"a\": 1}".to_vec()),
        ("jsonb", Logical::Json { ordered: false }, b"\x01{\"a\": 1}".to_vec()),
        ("bit varying", Logical::Bits { len: None }, vec![0, 0, 0, 11, 0xA0, 0x20]),
        ("inet", Logical::Network, vec![2, 24, 0, 4, 192, 168, 0, 1]),
        ("cidr", Logical::Network, [&[3, 64, 1, 16][..], &[0x20; 8], &[0; 8]].concat()),
        ("macaddr", Logical::Network, vec![8, 0, 0x2B, 1, 2, 3]),
        ("macaddr8", Logical::Network, vec![8, 0, 0x2B, 1, 2, 3, 4, 5]),
    ];
    types.extend(nested());
    types.extend(by_kind());
    types
}

/// Types that are made of others, one of them twice over.
fn nested() -> Vec<(&'static str, Logical, Vec<u8>)> {
    let element = |native: &str, logical| Element { native: native.to_owned(), logical };
    let integer = || element("integer", Logical::Int { bits: 32, unsigned: false });
    let text = || element("text", Logical::Text { chars_max: None });
    let array = |e| Logical::Array { element: Box::new(e) };
    let range = || Logical::Range { bound: Box::new(integer()) };
    let composite = || {
        let field = |name: &str, element| Field { name: name.to_owned(), element };
        Logical::Composite { fields: vec![field("a", integer()), field("b", text())] }
    };
    let one = [0, 0, 0, 4, 0, 0, 0, 1];
    let words = |words: &[i32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
    let pair = [words(&[2, 23]), one.to_vec(), words(&[25, NULL])].concat();
    let span = [&[0x02][..], &one, &[0, 0, 0, 4, 0, 0, 0, 9]].concat();
    let behind_its_length = |bytes: &[u8]| [&words(&[i32::try_from(bytes.len()).unwrap_or(NULL)]), bytes].concat();
    vec![
        ("integer[]", array(integer()), [words(&[1, 1, 23, 2, 1]), one.to_vec(), words(&[NULL])].concat()),
        ("text[]", array(text()), [words(&[2, 0, 25, 1, 0, 2, -3]), words(&[1]), vec![b'a'], words(&[0])].concat()),
        ("int4range", range(), span.clone()),
        (
            "int4multirange",
            Logical::Multirange { bound: Box::new(integer()) },
            [words(&[2]), behind_its_length(&span), behind_its_length(&[0x01])].concat(),
        ),
        ("public.pair", composite(), pair.clone()),
        (
            "public.pair[]",
            array(element("public.pair", composite())),
            [words(&[1, 0, 16_400, 1, 1]), behind_its_length(&pair)].concat(),
        ),
        (
            "money[]",
            array(element("money", Logical::Decimal { precision: Some(19), scale: 2 })),
            words(&[1, 0, 790, 1, 1, 8, -1, -5]),
        ),
    ]
}

/// Types that are known by a kind.
fn by_kind() -> Vec<(&'static str, Logical, Vec<u8>)> {
    let shape = |kind| Logical::Shape { kind };
    let notation = |kind| Logical::Notation { kind };
    let doubles = |count: usize| 1.5f64.to_be_bytes().repeat(count);
    let words = |words: &[i32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
    let vector = [&[0, 2, 0, 0][..], &1.5f32.to_be_bytes(), &0f32.to_be_bytes()].concat();
    vec![
        ("public.hstore", Logical::Map, [words(&[1, 1]), vec![b'k'], words(&[NULL])].concat()),
        ("point", shape(Shape::Point), doubles(2)),
        ("line", shape(Shape::Line), doubles(3)),
        ("lseg", shape(Shape::Segment), doubles(4)),
        ("box", shape(Shape::Box), doubles(4)),
        ("path", shape(Shape::Path), [&[1, 0, 0, 0, 1][..], &doubles(2)].concat()),
        ("polygon", shape(Shape::Polygon), [words(&[2]), doubles(4)].concat()),
        ("circle", shape(Shape::Circle), doubles(3)),
        ("public.geometry", Logical::Geometry { srid: None }, [&[1, 1, 0, 0, 0][..], &[0; 16]].concat()),
        ("public.vector", Logical::Vector { dimensions: None }, vector),
        ("tsvector", notation(Notation::TextSearchVector), [words(&[1]), b"cat\0\0\x01\x40\x03".to_vec()].concat()),
        ("tsquery", notation(Notation::TextSearchQuery), [words(&[1]), b"\x01\0\0cat\0".to_vec()].concat()),
        ("jsonpath", notation(Notation::JsonPath), b"\x01$.a".to_vec()),
        ("pg_lsn", notation(Notation::LogPosition), vec![0, 0, 0, 1, 0x16, 0xB3, 0x74, 0xD8]),
    ]
}

fn table() -> Table {
    let column = |(i, (native, logical, _)): (usize, (&str, Logical, Vec<u8>))| Column {
        name: format!("c{i}"),
        native: native.to_owned(),
        logical: Some(logical),
        nullable: true,
        generated: false,
        collation: None,
    };
    Table {
        name: TableRef { schema: Some("s".to_owned()), name: "t".to_owned() },
        columns: types().into_iter().enumerate().map(column).collect(),
        primary_key: None,
        unique_keys: Vec::new(),
        foreign_keys: Vec::new(),
        row_estimate: 0,
        bytes_estimate: 0,
        children: Vec::new(),
    }
}

/// Decodes what may be rows of these columns.
fn decode(columns: &[usize], batch: &RawBatch) -> Result<()> {
    let decoder = CopyDecoder::new(&table(), columns).expect("every type has a decoder");
    fuzzing::decode(&decoder, batch)
}

fn frames(bytes: &[u8]) {
    let Some((&piece, stream)) = bytes.split_first() else { return };
    let mut framer = Framer::new();
    let (mut rows, mut taken) = (0, 0);
    for (i, message) in stream.chunks(usize::from(piece).max(1)).enumerate() {
        if framer.push(message).is_err() {
            return;
        }
        if i % 3 == 2 {
            let batch = framer.take();
            (rows, taken) = (rows + batch.row_count, taken + batch.bytes.len());
        }
    }
    if let Ok(last) = framer.finish() {
        (rows, taken) = (rows + last.row_count, taken + last.bytes.len());
        assert!(taken <= stream.len() && 2 * rows <= taken, "{rows} rows in {taken} bytes of {}", stream.len());
    }
}

/// The first byte is the number of rows that the batch is said to have; with an
/// odd one they are of all types, else of two.
fn rows(bytes: &[u8]) {
    let Some((&count, rest)) = bytes.split_first() else { return };
    let batch = RawBatch { bytes: rest.to_vec(), row_count: usize::from(count / 2) };
    let all: Vec<usize> = (0..types().len()).collect();
    let _ = decode(if count % 2 == 1 { &all } else { &[9, 3] }, &batch);
}

/// The first byte chooses the type.
fn values(bytes: &[u8]) {
    let Some((&kind, field)) = bytes.split_first() else { return };
    let _ = decode(&[usize::from(kind) % types().len()], &RawBatch { bytes: row(&[field]), row_count: 1 });
}

fn row(fields: &[&[u8]]) -> Vec<u8> {
    let mut bytes = i16::try_from(fields.len()).unwrap_or(i16::MAX).to_be_bytes().to_vec();
    for field in fields {
        bytes.extend_from_slice(&i32::try_from(field.len()).unwrap_or(NULL).to_be_bytes());
        bytes.extend_from_slice(field);
    }
    bytes
}

fn whole_row() -> Vec<u8> {
    let fields: Vec<Vec<u8>> = types().into_iter().map(|(_, _, field)| field).collect();
    row(&fields.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

fn frame_seeds() -> Vec<Vec<u8>> {
    let header = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
    let rows = [whole_row(), row(&[b"a", b""]), [0, 1].iter().chain(&NULL.to_be_bytes()).copied().collect()].concat();
    [1, 7, 255].map(|piece| [&[piece][..], header, &rows, &[0xFF, 0xFF]].concat()).to_vec()
}

fn row_seeds() -> Vec<Vec<u8>> {
    let two = row(&[b"text", &[0; 8]]);
    vec![[&[3][..], &whole_row()].concat(), [&[4][..], &two, &two].concat()]
}

fn value_seeds() -> Vec<Vec<u8>> {
    (0u8..).zip(types()).map(|(i, (_, _, field))| [&[i][..], &field].concat()).collect()
}

/// Columns of a changed row: few, so that a message is soon valid.
const CHANGED: [usize; 4] = [0, 2, 5, 9];

fn changes(bytes: &[u8]) {
    let mut table = table();
    let all = std::mem::take(&mut table.columns);
    table.columns = CHANGED.iter().map(|&i| all[i].clone()).collect();
    let Ok(events) = capture::replay(table, bytes) else { return };
    for event in events {
        let Event::Change(change) = event else { continue };
        let images = match change {
            Change::Insert { new, .. } => vec![new],
            Change::Update { old, new, .. } => old.into_iter().chain([new]).collect(),
            Change::Delete { old, .. } => vec![old],
            Change::Truncate { .. } => Vec::new(),
        };
        for image in images {
            assert_eq!(image.len(), CHANGED.len(), "an image has another number of cells than its table");
            let values: Vec<Value<'_>> = image.into_iter().flatten().collect();
            fuzzing::take_on(&values, bytes.len());
        }
    }
}

fn change_seeds() -> Vec<Vec<u8>> {
    let types = types();
    let mut row = (CHANGED.len() as u16).to_be_bytes().to_vec();
    for &i in &CHANGED {
        row.push(b'b');
        row.extend_from_slice(&(types[i].2.len() as u32).to_be_bytes());
        row.extend_from_slice(&types[i].2);
    }
    let message = |parts: &[&[u8]]| {
        let body = parts.concat();
        [&(body.len() as u16).to_be_bytes()[..], &body].concat()
    };
    let id = &[0, 0, 0, 1][..];
    let insert = message(&[b"I", id, b"N", &row]);
    let update = message(&[b"U", id, b"K", b"\0\x04nnnn", b"N", b"\0\x04unun"]);
    let delete = message(&[b"D", id, b"O", &row]);
    let truncate = message(&[b"T", &[0, 0, 0, 1, 0], id]);
    let relation = message(&[b"R", &[0, 0, 0, 2], b"s\0u\0d\0\x01\x01a\0\0\0\0\x17\xFF\xFF\xFF\xFF"]);
    vec![insert.clone(), update.clone(), delete.clone(), [relation, insert, update, delete, truncate].concat()]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A harness whose seeds are refused at the door would prove nothing.
    #[test]
    fn seeds_get_all_the_way() {
        for (i, (name, _, field)) in types().into_iter().enumerate() {
            let batch = RawBatch { bytes: row(&[&field]), row_count: 1 };
            assert!(decode(&[i], &batch).is_ok(), "{name}");
        }
        for seed in frame_seeds() {
            let mut framer = Framer::new();
            framer.push(&seed[1..]).unwrap();
            assert_eq!(framer.finish().unwrap().row_count, 3);
        }
    }
}
