//! Every type comes out of the log as it comes out of a read.

use switchback_fixtures::Family;

use super::{Follower, HashMap, Here};

on_both!(
    every_value_is_the_one_that_is_read,
    every_character_set_is_the_one_that_is_read,
    documents_are_the_text_that_is_read,
    computed_and_hidden_columns,
    every_combination_of_nulls,
);

/// Types, and literals of them.
pub(in super::super) fn types(family: Family) -> Vec<(String, Vec<String>)> {
    let mut types: Vec<(String, Vec<String>)> = Vec::new();
    let mut add = |native: &str, literals: &[&str]| {
        types.push((native.to_owned(), literals.iter().map(|l| (*l).to_owned()).collect()));
    };
    add("TINYINT", &["-128", "-1", "0", "127"]);
    add("SMALLINT", &["-32768", "-1", "0", "32767"]);
    add("MEDIUMINT", &["-8388608", "-1", "0", "8388607"]);
    add("INT", &["-2147483648", "-1", "0", "2147483647"]);
    add("BIGINT", &["-9223372036854775808", "-1", "0", "9223372036854775807"]);
    add("TINYINT UNSIGNED", &["0", "128", "255"]);
    add("SMALLINT UNSIGNED", &["0", "32768", "65535"]);
    add("MEDIUMINT UNSIGNED", &["0", "8388608", "16777215"]);
    add("INT UNSIGNED", &["0", "2147483648", "4294967295"]);
    add("BIGINT UNSIGNED", &["0", "9223372036854775808", "18446744073709551615"]);
    add("INT(7) ZEROFILL", &["7", "12345678"]);
    add("YEAR", &["0", "1901", "2155", "'00'"]);
    add("FLOAT", &["16777218", "0.1", "-3.4028234e38", "1.17549435e-38", "0", "-0e0"]);
    add("FLOAT(7,3)", &["1234.567"]);
    add("DOUBLE", &["0.1", "0.30000000000000004", "1.7976931348623157e308", "-2.2250738585072014e-308", "-0e0"]);
    add("DECIMAL(12,2)", &["1.10", "-0.05", "0", "-9999999999.99", "9999999999.99"]);
    add("DECIMAL(65)", &[&"9".repeat(65), "-1", &format!("-{}", "1".repeat(65))]);
    add(
        "DECIMAL(65,30)",
        &[&format!("-{}.{}", "1".repeat(35), "2".repeat(30)), "0", "0.000000000000000000000000000001"],
    );
    add("DECIMAL(30,30)", &["0.000000000000000000000000000001", "-0.9"]);
    for precision in [1, 5, 9, 10, 18, 19, 27, 38, 39] {
        let all = "9".repeat(precision);
        add(&format!("DECIMAL({precision})"), &[&all, &format!("-{all}"), "0", "-1"]);
    }
    add("DECIMAL(10,0) UNSIGNED ZEROFILL", &["7"]);
    add("BIT(1)", &["b'0'", "b'1'"]);
    for len in [2, 7, 8, 9, 12, 16, 31, 63, 64] {
        add(&format!("BIT({len})"), &["0", "1", "2", &format!("(1 << {}) | 1", len - 1)]);
    }
    add("CHAR(5)", &["'ab'", "'ab  '", "''", "' a'", "'é😀'"]);
    add("CHAR(255)", &["'ab'", "REPEAT('😀', 255)", "''"]);
    add("CHAR(64)", &["REPEAT('é', 64)", "'a'"]);
    add("CHAR(0)", &["''", "NULL"]);
    add("VARCHAR(300)", &["'ab  '", "''", "CONCAT('a', CHAR(0), 'b')", "REPEAT('😀', 300)", "' '"]);
    add("VARCHAR(50)", &["'ab  '", "''", "REPEAT('é', 50)"]);
    add("TINYTEXT", &["'a '", "''", "REPEAT('x', 255)"]);
    add("TEXT", &["'a '", "''", "REPEAT('x', 65535)"]);
    add("MEDIUMTEXT", &["REPEAT('é', 100000)", "''"]);
    add("LONGTEXT", &["REPEAT('é', 100000)", "''"]);
    add("BINARY(5)", &["x'4100420000'", "'a'", "''", "x'FFFFFFFFFF'"]);
    add("BINARY(255)", &["''", "REPEAT(x'FF', 255)", "x'2020'"]);
    add("VARBINARY(300)", &["x'00FF'", "x'6100'", "''", "REPEAT(x'00', 300)", "'a '"]);
    add("TINYBLOB", &["x'00FF'", "''", "REPEAT(x'00', 255)"]);
    add("BLOB", &["x'00FF'", "''", "REPEAT(x'AB', 65535)"]);
    add("MEDIUMBLOB", &["REPEAT(x'00FF', 100000)"]);
    add("LONGBLOB", &["REPEAT(x'00FF', 100000)"]);
    add("DATE", &["'1970-01-01'", "'9999-12-31'", "'0000-01-01'", "'0000-00-00'", "'2024-00-15'", "'2024-02-31'"]);
    for digits in 0..=6 {
        let dot =
            if digits == 0 { String::new() } else { format!(".{}", "123456".chars().take(digits).collect::<String>()) };
        let nines = if digits == 0 { String::new() } else { format!(".{}", "9".repeat(digits)) };
        add(
            &format!("DATETIME({digits})"),
            &[
                "'1970-01-01 00:00:00'",
                &format!("'1969-12-31 23:59:59{nines}'"),
                &format!("'2024-02-29 12:34:56{dot}'"),
                &format!("'9999-12-31 23:59:59{nines}'"),
                "'0000-00-00 00:00:00'",
                "'0000-01-01 00:00:00'",
                &format!("'2024-00-15 12:34:56{dot}'"),
                "'2024-02-31 01:02:03'",
            ],
        );
        add(
            &format!("TIMESTAMP({digits}) NULL"),
            &[
                "'1970-01-01 00:00:01'",
                &format!("'2038-01-19 03:14:07{nines}'"),
                &format!("'2024-02-29 12:34:56{dot}'"),
                "'0000-00-00 00:00:00'",
            ],
        );
        add(
            &format!("TIME({digits})"),
            &[
                "'00:00:00'",
                "'838:59:59'",
                "'-838:59:59'",
                "'-00:00:01'",
                &format!("'-00:00:00{dot}'"),
                &format!("'-01:00:00{nines}'"),
                &format!("'100:00:01{dot}'"),
            ],
        );
    }
    add("ENUM('größe','b','')", &["'größe'", "2", "''", "'none of them'"]);
    add("ENUM('x','it''s','a\\\\b','😀')", &["1", "2", "3", "4"]);
    let many: Vec<String> = (0..300).map(|i| format!("'l{i}'")).collect();
    add(&format!("ENUM({})", many.join(",")), &["1", "255", "256", "300"]);
    add("SET('x','ä','z')", &["'z,x'", "''", "'ä'", "7"]);
    let sixty_four: Vec<String> = (0..64).map(|i| format!("'l{i}'")).collect();
    add(&format!("SET({})", sixty_four.join(",")), &["18446744073709551615", "1", "9223372036854775808"]);
    let nine: Vec<String> = (0..9).map(|i| format!("'l{i}'")).collect();
    add(&format!("SET({})", nine.join(",")), &["511", "256", "0"]);
    add("GEOMETRY", &["POINT(1, 2)", "ST_GeomFromText('LINESTRING(0 0, 1 1)', 4326)"]);
    add("POINT", &["POINT(1.5, -2)"]);
    match family {
        Family::MySql => {
            add("VECTOR(3)", &["STRING_TO_VECTOR('[1,2.5,-3]')"]);
            add("VECTOR", &["STRING_TO_VECTOR('[1]')", "STRING_TO_VECTOR('[0,0,0,0]')"]);
        }
        _ => {
            add(
                "UUID",
                &[
                    "'123e4567-e89b-12d3-a456-426614174000'",
                    "'123e4567-e89b-42d3-a456-426614174000'",
                    "'123e4567-e89b-52d3-8456-426614174000'",
                    "'018f4567-e89b-72d3-a456-426614174000'",
                    "'123e4567-e89b-82d3-a456-426614174000'",
                    "'123e4567-e89b-12d3-0456-426614174000'",
                    "'123e4567-e89b-02d3-a456-426614174000'",
                    "'123e4567-e89b-f2d3-e456-426614174000'",
                    "'123e4567-e89b-12d3-c456-426614174000'",
                    "'00000000-0000-0000-0000-000000000000'",
                    "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
                    "'00000000-0000-4000-8000-00000000000a'",
                    "'a0000000-0000-4000-8000-000000000000'",
                ],
            );
            add("INET4", &["'10.0.0.1'", "'0.0.0.0'", "'255.255.255.255'", "'10.0.0.0'"]);
            add(
                "INET6",
                &[
                    "'2001:DB8::1'",
                    "'::ffff:10.0.0.1'",
                    "'::'",
                    "'::1'",
                    "'::2:1'",
                    "'::10.0.0.1'",
                    "'::1:0:0'",
                    "'2001:db8:0:1:1:1:1:1'",
                    "'1:0:0:1:0:0:0:1'",
                    "'1:0:0:1:0:0:1:1'",
                    "'fe80::'",
                    "'0:1:0:1:0:1:0:1'",
                    "'0:0:1:1:1:1:1:1'",
                    "'0:1:1:1:1:1:1:1'",
                    "'1:1:1:1:1:1:1:0'",
                    "'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'",
                    "'::ffff:0:0'",
                    "'::ffff:1.0.0.0'",
                ],
            );
        }
    }
    types
}

const LENIENT: &str = "SET sql_mode = 'ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO', time_zone = '+00:00'";

/// Inserts, changes and deletes rows of each table, and holds all of it against
/// what is read.
async fn holds(here: &Here, tables: &[(String, String, Vec<String>)]) {
    let creates: Vec<String> = tables
        .iter()
        .map(|(name, native, _)| format!("CREATE TABLE {name} (id INT PRIMARY KEY, v {native}, w {native})"))
        .collect();
    here.execute(&format!("{LENIENT}; {}", creates.join("; "))).await;
    let names: Vec<&str> = tables.iter().map(|(name, ..)| name.as_str()).collect();
    let mut follower = Follower::new(here, &names).await;
    let mut marker = 0;
    let change = |of: &dyn Fn(&str, &[String]) -> String| {
        let statements: Vec<String> = tables.iter().map(|(name, _, literals)| of(name, literals)).collect();
        format!("{LENIENT}; BEGIN; {}; COMMIT", statements.join("; "))
    };
    for statements in [
        change(&|name, literals| {
            let rows: Vec<String> = literals
                .iter()
                .map(String::as_str)
                .chain(["NULL"])
                .enumerate()
                .map(|(i, literal)| format!("({i}, {literal}, NULL)"))
                .collect();
            format!("INSERT INTO {name} VALUES {}", rows.join(", "))
        }),
        change(&|name, _| format!("UPDATE {name} SET w = v")),
        change(&|name, _| format!("UPDATE {name} SET id = id + 1000, v = NULL")),
        change(&|name, _| format!("DELETE FROM {name} WHERE id % 2 = 0")),
    ] {
        here.execute(&statements).await;
        marker += 1;
        let transactions = follower.catch_up(here, marker).await;
        assert_eq!(transactions.len(), 1);
        follower.agrees(&here.engine).await;
    }
    // Each had at least one row, so each was seen.
    assert!(follower.model.iter().take(tables.len()).all(|rows| !rows.is_empty()));
}

fn numbered(types: Vec<(String, Vec<String>)>) -> Vec<(String, String, Vec<String>)> {
    types.into_iter().enumerate().map(|(i, (native, literals))| (format!("t{i}"), native, literals)).collect()
}

async fn every_value_is_the_one_that_is_read(family: Family) {
    let here = Here::new(family, "captured_types").await;
    holds(&here, &numbered(types(family))).await;
}

async fn every_character_set_is_the_one_that_is_read(family: Family) {
    let here = Here::new(family, "captured_charsets").await;
    let samples = HashMap::from([
        ("utf8mb4", "aé😀"),
        ("utf8mb3", "aé"),
        ("ucs2", "aé漢"),
        ("utf16", "aé😀"),
        ("utf16le", "aé😀"),
        ("utf32", "aé😀"),
        ("latin1", "aé€"),
        ("latin2", "ař"),
        ("latin5", "ağ"),
        ("latin7", "aš"),
        ("cp850", "aé"),
        ("cp852", "ař"),
        ("cp866", "aж"),
        ("cp1250", "ař"),
        ("cp1251", "aж"),
        ("cp1256", "aب"),
        ("cp1257", "aš"),
        ("dec8", "aé"),
        ("geostd8", "aა"),
        ("greek", "aα"),
        ("hebrew", "aא"),
        ("hp8", "aé"),
        ("keybcs2", "ař"),
        ("koi8r", "aж"),
        ("koi8u", "aї"),
        ("macce", "ař"),
        ("macroman", "aé"),
        ("swe7", "aå"),
        ("tis620", "aก"),
        ("armscii8", "aա"),
        ("ascii", "a?"),
        ("gbk", "a汉字?"),
        ("gb2312", "a汉字"),
        ("big5", "a漢字"),
        ("sjis", "aカｶ漢"),
        ("cp932", "aカｶ漢"),
        ("euckr", "a한글"),
    ]);
    let tables: Vec<(String, Vec<String>)> = samples
        .iter()
        .flat_map(|(charset, sample)| {
            let literals = vec![format!("'{sample}'"), "''".to_owned(), format!("'{sample}  '")];
            ["CHAR(9)", "VARCHAR(300)", "LONGTEXT", &format!("ENUM('{sample}')"), &format!("SET('{sample}','x')")]
                .map(|native| (format!("{native} CHARACTER SET {charset}"), literals.clone()))
        })
        .collect();
    holds(&here, &numbered(tables)).await;
    // All the bytes that a character set of single bytes has.
    let bytes: Vec<String> = (1..=255).map(|b| format!("CONVERT(x'{b:02X}' USING latin1)")).collect();
    let tables = ["latin1", "koi8r", "cp850"].map(|charset| {
        let literals = bytes.iter().map(|b| b.replace("latin1", charset)).collect();
        (format!("all_{charset}"), format!("VARCHAR(3) CHARACTER SET {charset}"), literals)
    });
    here.execute("DROP TABLE marker").await;
    holds(&here, &tables).await;
}

async fn documents_are_the_text_that_is_read(family: Family) {
    let here = Here::new(family, "captured_documents").await;
    let mut literals: Vec<String> = [
        r#"{"b": 1.0, "a": "é", "ab": [null, true, false, {}, []], "": 12345678901234567890}"#,
        "7",
        "null",
        r#""a\"b\\c\/\b\f\n\r\t\u0001\u001f😀\u00e9""#,
        "[-1, 0, 32767, -32768, 32768, 65535, 65536, 2147483647, -2147483648, 4294967295, 4294967296]",
        "[9223372036854775807, -9223372036854775808, 18446744073709551615]",
        "[1.5, 1e2, 1E-7, 0.1, 1e15, 1e16, 123456789.125, 1e300, 5e-324, -0.0, 0.0, 1e-15, 1e-16, 2e-14, 123e13]",
        "[1.7976931348623157e308, 2.2250738585072014e-308, 100000000000000000000000, 0.30000000000000004]",
        "[[[[[[[[[[1]]]]]]]]]]",
        " [ 1 , 2 ] ",
    ]
    .map(|text| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''")))
    .to_vec();
    // Larger than what two bytes can address, keys and strings of all lengths.
    let large: Vec<String> =
        (0..4_000).map(|i| format!(r#""k{i}": [{i}, {}, "{}"]"#, i * 70_000, "é".repeat(i % 90))).collect();
    literals.push(format!("'{{{}}}'", large.join(", ")));
    for len in [127, 128, 16_383, 16_384, 70_000] {
        literals.push(format!("CONCAT('[\"', REPEAT('x', {len}), '\"]')"));
    }
    if family == Family::MySql {
        for server in [
            "JSON_ARRAY(CAST('2024-02-29' AS DATE), CAST('2024-02-29 12:34:56.5' AS DATETIME(1)), \
             CAST('-12:34:56.000001' AS TIME(6)), CAST('838:59:59' AS TIME), CAST('00:00:00' AS TIME))",
            "JSON_ARRAY(CAST(1.50 AS DECIMAL(10,2)), -0.05, 12345678901234567890.123456789, CAST(0 AS DECIMAL(5,2)))",
            "JSON_ARRAY(CAST('a' AS BINARY), x'00FF', REPEAT(x'AB', 200), b'101')",
            "JSON_ARRAY(TIMESTAMP('2024-02-29 12:34:56'), CAST(2024 AS YEAR), CURRENT_TIMESTAMP)",
            "JSON_OBJECT('p', ST_AsGeoJSON(POINT(1, 2)), 'd', 1e0, 'f', CAST(0.1 AS FLOAT))",
            "CAST(1.10 AS JSON)",
            "CAST(CAST('2024-02-29' AS DATE) AS JSON)",
        ] {
            literals.push(server.to_owned());
        }
        // Doubles of all sizes.
        for power in (-40..40).chain([-300, -100, 100, 300]) {
            literals.push(format!(
                "JSON_ARRAY(1e{power}, -1.5e{power}, 1.2345678901234567e{power}, 9.999999999999999e{power})"
            ));
        }
    }
    holds(&here, &numbered(vec![("JSON".to_owned(), literals)])).await;
}

async fn computed_and_hidden_columns(family: Family) {
    let here = Here::new(family, "captured_hidden").await;
    here.execute(
        "CREATE TABLE t (a INT, v INT AS (a * 2) VIRTUAL, s VARCHAR(20) AS (CONCAT('x', a)) STORED, h INT INVISIBLE, \
         b VARCHAR(9), PRIMARY KEY (a)); \
         CREATE TABLE nokey (a INT, b VARCHAR(3000), UNIQUE KEY (a)); \
         CREATE TABLE `quo``ted` (`co``l` INT PRIMARY KEY, `größe` INT)",
    )
    .await;
    if family == Family::MariaDb {
        // A key over a long text has a column of its own.
        here.execute("ALTER TABLE nokey ADD c LONGTEXT, ADD UNIQUE KEY (c) USING HASH").await;
    } else {
        here.execute("ALTER TABLE nokey ADD c LONGTEXT, ADD KEY ((CAST(b AS CHAR(9)))), ADD KEY ((a + 1))").await;
    }
    let mut follower = Follower::new(&here, &["t", "nokey", "quo`ted"]).await;
    here.execute(
        "INSERT INTO t (a, h, b) VALUES (1, 10, 'x'), (2, 20, NULL); UPDATE t SET h = 11 WHERE a = 1; \
         INSERT INTO nokey VALUES (1, 'a', REPEAT('b', 5000)), (NULL, NULL, NULL); UPDATE nokey SET b = 'c'; \
         INSERT INTO `quo``ted` VALUES (1, 2); DELETE FROM t WHERE a = 2",
    )
    .await;
    follower.catch_up(&here, 1).await;
    assert_eq!(follower.model[0].len(), 1);
    assert_eq!(follower.model[0][0].len(), 3);
    follower.agrees(&here.engine).await;
}

async fn every_combination_of_nulls(family: Family) {
    let here = Here::new(family, "captured_nulls").await;
    let columns: Vec<String> = (0..9).map(|i| format!("c{i} {}", ["INT", "VARCHAR(9)", "DATETIME"][i % 3])).collect();
    let literals = ["7", "'x'", "'1970-01-02 00:00:00'"];
    let rows: Vec<String> = (0..512)
        .map(|mask| {
            let cells: Vec<&str> = (0..9).map(|i| if mask >> i & 1 == 1 { "NULL" } else { literals[i % 3] }).collect();
            format!("({mask}, {})", cells.join(", "))
        })
        .collect();
    here.execute(&format!("CREATE TABLE t (id INT PRIMARY KEY, {})", columns.join(", "))).await;
    let mut follower = Follower::new(&here, &["t"]).await;
    here.execute(&format!("INSERT INTO t VALUES {}; UPDATE t SET c0 = 8, c8 = NULL", rows.join(", "))).await;
    follower.catch_up(&here, 1).await;
    assert_eq!(follower.model[0].len(), 512);
    follower.agrees(&here.engine).await;
}
