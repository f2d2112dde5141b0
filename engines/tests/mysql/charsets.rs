//! Text in every character set is read as what it is, or not at all.

use switchback_engines::{Database, Error, Scope, TableRef, Value};
use switchback_fixtures::Family;

use super::{Here, connect, private, read, read_keys, read_range, text};

on_both!(
    text_is_the_same_in_every_charset,
    every_byte_of_the_whole_charsets_is_told_apart,
    text_that_unicode_lacks_is_an_error,
    question_marks_are_only_question_marks,
    ascii_is_not_utf8,
    foreign_keys_of_other_charsets_compare,
    long_text_is_converted_whole,
);

async fn text_is_the_same_in_every_charset(family: Family) {
    let here = Here::new(family, "charset").await;
    for (charset, sample) in [
        ("utf8mb4", "aé漢😀"),
        ("utf8mb3", "aé漢"),
        ("ucs2", "aé漢"),
        ("utf16", "aé漢😀"),
        ("utf16le", "aé漢😀"),
        ("utf32", "aé漢😀"),
        ("latin1", "aé€ß"),
        ("latin2", "aéłß"),
        ("latin5", "aéğß"),
        ("cp1251", "aжЯ"),
        ("koi8r", "aжЯ"),
        ("greek", "aαΩ"),
        ("hebrew", "aא"),
        ("sjis", "a漢ア"),
        ("cp932", "a漢①"),
        ("eucjpms", "a漢①"),
        ("ujis", "a漢ア"),
        ("gbk", "a漢字"),
        ("gb2312", "a汉字"),
        ("big5", "a漢字"),
        ("euckr", "a한글"),
        ("tis620", "aก"),
        ("ascii", "a?"),
    ] {
        here.execute(&format!(
            "DROP TABLE IF EXISTS t; CREATE TABLE t (c CHAR(9), v VARCHAR(9), l LONGTEXT, e ENUM('{sample}'), \
             s SET('{sample}')) CHARACTER SET {charset}; \
             INSERT INTO t VALUES ('{sample}', '{sample}', '{sample}', '{sample}', '{sample}'), \
             (NULL, NULL, NULL, NULL, NULL), ('', '', '', NULL, '')"
        ))
        .await;
        let set = |v: &str| Value::Set(v.to_owned().into());
        let rows = here.rows("t").await;
        let full = vec![text(sample), text(sample), text(sample), text(sample), set(sample)];
        assert!(rows.contains(&full), "{charset}: {rows:?}");
        assert!(rows.contains(&vec![Value::Null; 5]), "{charset}: {rows:?}");
        assert!(rows.contains(&vec![text(""), text(""), text(""), Value::Null, set("")]), "{charset}: {rows:?}");
    }
}

/// The bytes 1 to 255 as rows of a column.
fn all_bytes(charset: &str) -> String {
    let rows: Vec<String> = (1..=255).map(|b| format!("({b}, x'{b:02X}')")).collect();
    format!(
        "SET sql_mode = ''; DROP TABLE IF EXISTS t; DROP TABLE IF EXISTS raw; \
         CREATE TABLE raw (id INT PRIMARY KEY, v VARBINARY(1)); INSERT INTO raw VALUES {}; \
         CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(1) CHARACTER SET {charset}); INSERT INTO t SELECT * FROM raw",
        rows.join(", ")
    )
}

async fn every_byte_of_the_whole_charsets_is_told_apart(family: Family) {
    let here = Here::new(family, "whole").await;
    for charset in [
        "latin1", "latin2", "latin5", "latin7", "cp850", "cp852", "cp866", "keybcs2", "koi8r", "koi8u", "macce",
        "macroman",
    ] {
        here.execute(&all_bytes(charset)).await;
        let mut texts: Vec<String> = here.rows("t").await.into_iter().map(|row| format!("{:?}", row[1])).collect();
        texts.sort();
        texts.dedup();
        assert_eq!(texts.len(), 255, "{charset}");
    }
}

/// The server would send `?` for them, and call them all equal.
async fn text_that_unicode_lacks_is_an_error(family: Family) {
    let here = Here::new(family, "leaky").await;
    for charset in
        ["cp1250", "cp1251", "cp1256", "cp1257", "dec8", "geostd8", "greek", "hebrew", "hp8", "swe7", "tis620"]
    {
        here.execute(&all_bytes(charset)).await;
        let table = here.table("t").await;
        let error = read(&*here.engine, &table, Scope::All, None).await.unwrap_err();
        assert!(matches!(&error, Error::Decode { column, .. } if column == "v"), "{charset}: {error:?}");
        let plain = read(&*here.engine, &table, Scope::All, Some("id < 128 AND id <> 127")).await.unwrap();
        assert_eq!(plain.len(), 126, "{charset}");
    }
}

async fn question_marks_are_only_question_marks(family: Family) {
    let here = Here::new(family, "marks").await;
    for charset in ["greek", "gbk", "sjis", "latin1"] {
        here.execute(&format!(
            "DROP TABLE IF EXISTS t; CREATE TABLE t (v VARCHAR(20)) CHARACTER SET {charset}; \
             INSERT INTO t VALUES ('?'), ('a??b?')"
        ))
        .await;
        assert_eq!(here.rows("t").await, [[text("?")], [text("a??b?")]], "{charset}");
    }
}

/// MariaDB stores any byte in a column that is called ASCII.
async fn ascii_is_not_utf8(family: Family) {
    let here = Here::new(family, "ascii").await;
    here.execute(
        "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(9) CHARACTER SET ascii); INSERT INTO t VALUES (1, 'a')",
    )
    .await;
    let stored = here
        .server
        .execute(
            "CREATE TABLE raw (v VARBINARY(9)); INSERT INTO raw VALUES (x'C3A9'); INSERT INTO t SELECT 2, v FROM raw",
        )
        .await;
    let table = here.table("t").await;
    let read = read(&*here.engine, &table, Scope::All, None).await;
    match (family, stored) {
        (Family::MySql, Err(_)) => assert_eq!(read.unwrap(), [[Value::Int(1), text("a")]]),
        (Family::MariaDb, Ok(())) => assert!(matches!(read.unwrap_err(), Error::Decode { .. })),
        (_, stored) => panic!("the server has changed: {stored:?}"),
    }
}

/// Keys that come from another database may hold what a column here can't.
async fn foreign_keys_of_other_charsets_compare(family: Family) {
    let here = Here::new(family, "foreign").await;
    let names = ["", "a", "é", "z", "?", "zz"];
    let values: Vec<String> = names.iter().map(|name| format!("('{name}')")).collect();
    for column in [
        "CHARACTER SET latin1 COLLATE latin1_german1_ci",
        "CHARACTER SET latin1 COLLATE latin1_bin",
        "CHARACTER SET utf8mb3 COLLATE utf8mb3_unicode_ci",
        "CHARACTER SET ucs2",
        "CHARACTER SET utf16 COLLATE utf16_bin",
        "CHARACTER SET cp1251",
    ] {
        let values = if column.contains("cp1251") { values.join(", ").replace('é', "ж") } else { values.join(", ") };
        here.execute(&format!(
            "DROP TABLE IF EXISTS t; CREATE TABLE t (v VARCHAR(20) {column} PRIMARY KEY); INSERT INTO t VALUES {values}"
        ))
        .await;
        let table = here.table("t").await;
        // Greek, Cyrillic, Han and beyond the first plane, in no order.
        let mut foreign: Vec<Vec<_>> =
            ["b", "😀", "Ω", "漢", "Ж", "é", "zé", "?", "ü"].iter().map(|v| vec![text(v)]).collect();
        let ranks = here.engine.rank_keys(&table, &[0], &foreign).await.unwrap();
        let mut ranked: Vec<_> = ranks.into_iter().zip(foreign.drain(..)).collect();
        ranked.sort_by_key(|(rank, _)| *rank);
        ranked.dedup_by_key(|(rank, _)| *rank);
        let keys: Vec<_> = ranked.into_iter().map(|(_, key)| key).collect();
        super::covers_once(&here, &table, &[0], &keys).await;
        // Looking one up is no error either, and finds what is there.
        let found = read_keys(&*here.engine, &table, &[0], &[vec![text("z")], vec![text("😀 or Ω")]]).await;
        assert!(found.contains(&vec![text("z")]), "{column}");
        let range = switchback_engines::KeyRange { lower: Some(vec![text("z")]), upper: None };
        assert!(read_range(&*here.engine, &table, &[0], &range).await.contains(&vec![text("zz")]), "{column}");
    }
}

/// Longer, once converted, than what the server takes as a statement, which
/// bounds what some of its functions return.
async fn long_text_is_converted_whole(family: Family) {
    let server = private(family, &["--max-allowed-packet=4M"]).await;
    let insert = "INSERT INTO t VALUES (1, REPEAT(_latin1 x'E9', 3000000), REPEAT(_greek x'E1', 3000000), \
                  REPEAT(_utf8mb3 x'C3A9', 1500000))";
    let create = "CREATE TABLE t (id INT PRIMARY KEY, w LONGTEXT CHARACTER SET latin1, \
                  l LONGTEXT CHARACTER SET greek, u LONGTEXT CHARACTER SET utf8mb3)";
    server.create_database("here").await.unwrap();
    server.execute("here", &format!("{create}; {insert}; UPDATE t SET u = CONCAT(u, 'é')")).await.unwrap();
    let engine = connect(&server.url("here")).await.unwrap();
    let name = TableRef { schema: None, name: "t".to_owned() };
    let table = engine.describe(&name).await.unwrap().unwrap();
    let rows = read(&engine, &table, Scope::All, None).await.unwrap();
    for (cell, letter, count) in [(1, 'é', 3_000_000), (2, 'α', 3_000_000), (3, 'é', 1_500_001)] {
        let Value::Text(text) = &rows[0][cell] else { panic!("{cell} is {:?}", rows[0][cell].is_null()) };
        assert_eq!(text.len(), 2 * count, "{letter}");
        assert!(text.chars().all(|c| c == letter));
    }
}
