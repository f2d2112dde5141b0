//! The types of each engine with the values at their edges. Neighbours in a list
//! are what a careless comparison takes for the same.

use super::{Engine, Type, of};

/// In quotes, as most literals are.
fn quoted(native: &'static str, values: &[&str]) -> Type {
    Type { native, literals: values.iter().map(|v| format!("'{}'", v.replace('\'', "''"))).collect() }
}

pub(super) fn postgres() -> Engine {
    const PRELUDE: &str = "CREATE EXTENSION hstore; CREATE EXTENSION ltree; CREATE EXTENSION citext;
        CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN price AS numeric(12,2);
        CREATE DOMAIN tags AS text[]; CREATE TYPE pair AS (a int, b text); CREATE TYPE deep AS (p pair, l pair[]);
        CREATE DOMAIN checked AS pair CHECK ((VALUE).a <> 7); CREATE TYPE floatrange AS RANGE (subtype = float8);
        CREATE SCHEMA other; CREATE TABLE other.named (); CREATE SEQUENCE other.counter;";
    let mut types = [postgres_plain(), postgres_made(), postgres_rest()].into_iter().flatten().collect::<Vec<_>>();
    let digits = format!("'{}.{}'", "9".repeat(131_072), "9".repeat(16_383));
    let other = format!("'{}.{}8'", "9".repeat(131_072), "9".repeat(16_382));
    types.push(Type { native: "numeric", literals: vec![digits, other] });
    Engine { prelude: PRELUDE, types }
}

fn postgres_plain() -> Vec<Type> {
    vec![
        quoted("boolean", &["t", "f"]),
        quoted("smallint", &["-32768", "32767", "0", "-1"]),
        quoted("integer", &["-2147483648", "2147483647", "0"]),
        quoted("bigint", &["-9223372036854775808", "9223372036854775807", "9007199254740993", "9007199254740992"]),
        quoted("oid", &["4294967295", "0"]),
        quoted(
            "numeric",
            &["NaN", "Infinity", "-Infinity", "0", "0.1", "0.10000000000000001", "1e131071", "-1e-16383"],
        ),
        quoted("numeric(3,-2)", &["12300", "12400"]),
        quoted("money", &["-92233720368547758.08", "92233720368547758.07", "0.01"]),
        quoted("real", &["NaN", "Infinity", "-Infinity", "16777216", "16777218", "1e-45", "0"]),
        quoted("double precision", &["NaN", "Infinity", "-Infinity", "0.3", "0.30000000000000004", "5e-324", "0"]),
        quoted("text", &["", " ", "a", "a ", "A", "é", "e\u{301}", "😀", "\u{1}", "NULL", "<null>"]),
        quoted("varchar(3)", &["", "a", "a ", "😀"]),
        quoted("char(3)", &["", "a", "ab", "A"]),
        quoted("citext", &["a", "A"]),
        quoted("name", &["a", "A"]),
        quoted("\"char\"", &["", "a", "\\376"]),
        quoted("mood", &["sad", "ok"]),
        quoted("price", &["1.10", "1.11", "NaN"]),
        quoted("bytea", &["", "\\x00", "\\x0000", "\\xff"]),
        quoted("date", &["infinity", "-infinity", "4713-01-01 BC", "5874897-12-31", "0001-01-01", "0001-01-01 BC"]),
        quoted("time", &["00:00", "24:00", "23:59:59.999999", "00:00:00.000001"]),
        quoted("time(0)", &["00:00", "00:00:01"]),
        quoted("timetz", &["10:00+00", "12:00+02", "10:00-15:59"]),
        quoted(
            "timestamp",
            &["infinity", "-infinity", "4713-01-01 00:00 BC", "294246-12-31 23:59:59.999999", "1970-01-01"],
        ),
        quoted("timestamptz", &["infinity", "-infinity", "1970-01-01 00:00+00", "1970-01-01 00:00+01"]),
        quoted("timestamptz(3)", &["1970-01-01 00:00:00.001+00", "1970-01-01 00:00:00.002+00"]),
        quoted("interval", &["1 mon", "30 days", "1 day", "24:00:00", "-1 mon 30 days", "0.000001s", "0"]),
        quoted("uuid", &["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"]),
        quoted(
            "json",
            &[
                "{\"a\":1}",
                "{\"a\":1,\"a\":2}",
                "9007199254740993",
                "9007199254740992",
                "null",
                "\"null\"",
                "[1,2]",
                "[2,1]",
            ],
        ),
        quoted("jsonb", &["1e400", "12345678901234567890.123", "12345678901234567890.124", "{}", "[]", "null", "\"\""]),
        quoted("bit(3)", &["000", "001", "100"]),
        quoted("varbit", &["", "0", "00", "1", "01"]),
        quoted("inet", &["10.0.0.1", "10.0.0.1/24", "::1", "::ffff:10.0.0.1"]),
        quoted("cidr", &["10.0.0.0/8", "10.0.0.0/32", "::/0"]),
        quoted("macaddr", &["08:00:2b:01:02:03", "08:00:2b:01:02:04"]),
        quoted("macaddr8", &["08:00:2b:01:02:03:04:05", "08:00:2b:ff:fe:03:04:05"]),
        quoted("xml", &["<a/>", "<a></a>", "<a>1</a>"]),
    ]
}

fn postgres_made() -> Vec<Type> {
    vec![
        quoted("int[]", &["{}", "{1}", "{NULL}", "{1,2}", "[0:1]={1,2}", "{2,1}", "{{1,2}}", "{{1},{2}}"]),
        quoted("text[]", &["{\"\"}", "{NULL}", "{\"NULL\"}", "{\"a,b\"}", "{a,b}", "{\"{a}\"}"]),
        quoted("numeric[]", &["{1.1}", "{1.11}", "{NaN}", "{Infinity}"]),
        quoted("mood[]", &["{sad}", "{ok}", "{sad,ok}"]),
        quoted("tags", &["{a}", "{b}", "{}"]),
        quoted("price[]", &["{1.10}", "{1.11}"]),
        quoted("money[]", &["{0.01}", "{0.02}"]),
        quoted("char(3)[]", &["{a}", "{ab}"]),
        quoted("timestamptz[]", &["{infinity}", "{-infinity}", "{1970-01-01 00:00+00}"]),
        quoted("interval[]", &["{1 mon}", "{30 days}"]),
        quoted("float8[]", &["{0.3}", "{0.30000000000000004}", "{NaN}"]),
        quoted("jsonb[]", &["{1}", "{2}", "{\"\\\"1\\\"\"}"]),
        quoted("pair[]", &["{\"(1,a)\"}", "{\"(1,b)\"}", "{NULL}", "{\"(,)\"}"]),
        quoted("int4range[]", &["{empty}", "{\"[1,2)\"}", "{\"[1,3)\"}"]),
        quoted("box[]", &["{(1,1),(0,0)}", "{(1,1),(0,0);(1,1),(0,0)}"]),
        quoted("regclass[]", &["{other.named}", "{other.counter}"]),
        quoted("int4range", &["empty", "(,)", "[1,5)", "[1,6)", "(,5)", "[1,)"]),
        quoted("int8range", &["empty", "[1,9223372036854775807)", "[1,)"]),
        quoted("numrange", &["[1,5]", "[1,5)", "(1,5]", "(1,5)", "[1.1,5)"]),
        quoted("daterange", &["[2024-01-01,2024-01-02)", "[2024-01-01,infinity)", "[2024-01-01,)"]),
        quoted("tsrange", &["[2024-01-01,2024-01-02)", "[2024-01-01,2024-01-02]"]),
        quoted("tstzrange", &["[2024-01-01 00:00+00,)", "[2024-01-01 00:00+01,)", "(,)"]),
        quoted("floatrange", &["[0,1)", "[0,1]", "[0,Infinity)", "[0,)"]),
        quoted("int4multirange", &["{}", "{[1,2)}", "{[1,2),[3,4)}", "{[1,4)}"]),
        quoted("tstzmultirange", &["{}", "{[2024-01-01 00:00+00,)}"]),
        quoted("pair", &["(1,a)", "(1,)", "(1,\"\")", "(,a)", "(1,\"a,b\")"]),
        quoted("checked", &["(1,a)", "(2,a)"]),
        quoted("deep", &["(\"(1,a)\",{})", "(\"(1,a)\",)", "(\"(1,a)\",\"{\"\"(1,a)\"\"}\")"]),
        quoted("hstore", &["", "a=>1", "a=>NULL", "a=>\"NULL\"", "a=>\"\"", "\"\"=>a", "a=>1,b=>2"]),
    ]
}

fn postgres_rest() -> Vec<Type> {
    vec![
        quoted("point", &["(0,0)", "(0,5e-324)", "(NaN,0)", "(Infinity,0)", "(1,2)", "(2,1)"]),
        quoted("line", &["{1,2,3}", "{1,2,4}"]),
        quoted("lseg", &["[(1,2),(3,4)]", "[(3,4),(1,2)]"]),
        quoted("box", &["(1,1),(0,0)", "(2,1),(0,0)"]),
        quoted("path", &["((1,2),(3,4))", "[(1,2),(3,4)]", "[(1,2)]"]),
        quoted("polygon", &["((1,2),(3,4))", "((3,4),(1,2))"]),
        quoted("circle", &["<(1,2),3>", "<(1,2),4>"]),
        quoted("tsvector", &["", "a", "a:1", "a:1A", "a b", "'a b'"]),
        quoted("tsquery", &["", "a", "a & b", "a | b", "a <-> b", "a <2> b", "!a", "a:*", "a:A"]),
        quoted("jsonpath", &["$", "$.a", "$.a[*]"]),
        quoted("pg_lsn", &["0/0", "FFFFFFFF/FFFFFFFF", "0/FFFFFFFF"]),
        quoted("xid", &["0", "4294967295"]),
        quoted("xid8", &["0", "18446744073709551615", "9223372036854775808"]),
        quoted("txid_snapshot", &["1:1:", "1:2:1"]),
        quoted("pg_snapshot", &["1:1:", "1:2:1"]),
        quoted("tid", &["(0,1)", "(1,0)"]),
        quoted("regclass", &["other.named", "other.counter"]),
        quoted("regtype", &["integer", "bigint", "deep"]),
        quoted("regproc", &["pg_catalog.now", "pg_catalog.pi"]),
        quoted("regrole", &["pg_read_all_stats", "pg_monitor"]),
        quoted("ltree", &["", "a", "a.b", "A.b"]),
        quoted("lquery", &["a", "a.*"]),
        quoted("ltxtquery", &["a", "a & b"]),
    ]
}

pub(super) fn mysql() -> Engine {
    let mut types = mysql_family();
    types.extend([
        of("VECTOR(2)", &["STRING_TO_VECTOR('[1,2]')", "STRING_TO_VECTOR('[2,1]')", "STRING_TO_VECTOR('[1e-30,0]')"]),
        quoted(
            "JSON",
            &[
                "{\"a\": 1}",
                "{\"a\": 2}",
                "1",
                "\"1\"",
                "null",
                "[1,2]",
                "[2,1]",
                "9007199254740993",
                "9007199254740992",
            ],
        ),
        of("GEOMETRY", &["ST_GeomFromText('POINT(1 2)', 4326)", "ST_GeomFromText('POINT(1 2)', 3857)"]),
        of("POINT SRID 4326", &["ST_GeomFromText('POINT(1 2)', 4326)", "ST_GeomFromText('POINT(2 1)', 4326)"]),
    ]);
    Engine { prelude: "SELECT 1", types }
}

pub(super) fn mariadb() -> Engine {
    let mut types = mysql_family();
    types.extend([
        quoted("UUID", &["00000000-0000-0000-0000-000000000001", "ffffffff-ffff-ffff-ffff-ffffffffffff"]),
        quoted("INET6", &["::", "::1", "::ffff:10.0.0.1", "2001:db8::1"]),
        quoted("INET4", &["0.0.0.0", "255.255.255.255"]),
        quoted(
            "JSON",
            &["{\"a\":1}", "{\"a\":1,\"a\":2}", "12345678901234567890.123", "12345678901234567890.124", "null"],
        ),
        quoted("TEXT COMPRESSED", &["", "a", "a "]),
        quoted("VARBINARY(9) COMPRESSED", &["", "a", "a\0"]),
    ]);
    Engine { prelude: "SELECT 1", types }
}

fn mysql_family() -> Vec<Type> {
    let mut types = mysql_numbers();
    types.extend(mysql_moments());
    types.extend(mysql_texts());
    types.extend(mysql_geometries());
    types
}

fn mysql_numbers() -> Vec<Type> {
    vec![
        of("TINYINT", &["-128", "127", "0", "1"]),
        of("TINYINT(1)", &["TRUE", "FALSE", "2"]),
        of("SMALLINT UNSIGNED", &["0", "65535"]),
        of("MEDIUMINT", &["-8388608", "8388607"]),
        of("INT UNSIGNED ZEROFILL", &["7", "4294967295"]),
        of("BIGINT", &["-9223372036854775808", "9223372036854775807", "9007199254740993", "9007199254740992"]),
        of("BIGINT UNSIGNED", &["18446744073709551615", "18446744073709551614", "0"]),
        of(
            "DECIMAL(65,30)",
            &[
                "99999999999999999999999999999999999.999999999999999999999999999999",
                "0.000000000000000000000000000001",
                "0",
            ],
        ),
        of("FLOAT", &["16777216", "16777218", "1234567.125", "1234568.375", "0"]),
        of("DOUBLE", &["0.3", "0.30000000000000004", "1.7976931348623157e308", "0"]),
        of("BIT(1)", &["b'0'", "b'1'"]),
        of("BIT(9)", &["b'0'", "b'1'", "b'111111111'", "b'100000000'"]),
        of("BIT(64)", &["0", "18446744073709551615", "9223372036854775808"]),
        of("YEAR", &["0", "1901", "2155", "2000"]),
    ]
}

fn mysql_moments() -> Vec<Type> {
    vec![
        quoted("DATE", &["0000-00-00", "2024-00-00", "2024-02-00", "2024-02-31", "0001-01-01", "9999-12-31"]),
        quoted(
            "DATETIME",
            &["0000-00-00 00:00:00", "2024-00-15 00:00:00", "1000-01-01 00:00:00", "9999-12-31 23:59:59"],
        ),
        quoted("DATETIME(1)", &["2024-01-01 00:00:00.1", "2024-01-01 00:00:00.2"]),
        quoted("DATETIME(3)", &["2024-01-01 00:00:00.001", "2024-01-01 00:00:00.002"]),
        quoted("DATETIME(6)", &["2024-01-01 00:00:00.000001", "2024-01-01 00:00:00.000002", "2024-01-01 00:00:00"]),
        quoted("TIMESTAMP NULL", &["0000-00-00 00:00:00", "1970-01-01 00:00:01", "2038-01-19 03:14:07"]),
        quoted("TIMESTAMP(6) NULL", &["2038-01-19 03:14:07.999999", "2038-01-19 03:14:07.999998"]),
        quoted("TIME", &["-838:59:59", "838:59:59", "00:00:00", "24:00:00", "-00:00:01", "00:00:01"]),
        quoted("TIME(6)", &["-00:00:00.000001", "00:00:00.000001", "838:59:58.999999"]),
    ]
}

fn mysql_texts() -> Vec<Type> {
    vec![
        quoted("CHAR(5)", &["", "a", "A", "é"]),
        quoted("VARCHAR(5)", &["", "a", "a ", "A", "é", "e\u{301}", "😀"]),
        of("VARCHAR(5) CHARACTER SET latin1", &["'a'", "'é'", "'€'", "'?'"]),
        of("VARCHAR(5) CHARACTER SET utf16", &["'a'", "'😀'"]),
        of("LONGTEXT", &["''", "'a'", "x'00'", "x'0000'", "'\t'"]),
        of("BINARY(3)", &["x'61'", "x'6162'", "x'000061'", "x'000000'"]),
        of("VARBINARY(3)", &["x''", "x'61'", "x'6100'", "x'610000'"]),
        of("LONGBLOB", &["x''", "x'00'", "x'FF'"]),
        quoted("ENUM('', 'a', 'b')", &["", "a", "b"]),
        quoted("SET('x', 'y', 'z')", &["", "x", "x,z", "x,y,z"]),
    ]
}

fn mysql_geometries() -> Vec<Type> {
    let of = |native, texts: &[&str]| Type {
        native,
        literals: texts.iter().map(|text| format!("ST_GeomFromText('{text}')")).collect(),
    };
    vec![
        of("POINT", &["POINT(1 2)", "POINT(2 1)", "POINT(1 2.0000000000000004)"]),
        of("LINESTRING", &["LINESTRING(0 0,1 1)", "LINESTRING(1 1,0 0)", "LINESTRING(0 0,1 1,2 2)"]),
        of("POLYGON", &["POLYGON((0 0,9 0,9 9,0 0))", "POLYGON((0 0,9 0,9 9,0 0),(1 1,2 1,2 2,1 1))"]),
        of("MULTIPOINT", &["MULTIPOINT(0 0,1 1)", "MULTIPOINT(1 1,0 0)"]),
        of("MULTILINESTRING", &["MULTILINESTRING((0 0,1 1))", "MULTILINESTRING((0 0,1 1),(2 2,3 3))"]),
        of("MULTIPOLYGON", &["MULTIPOLYGON(((0 0,9 0,9 9,0 0)))", "MULTIPOLYGON(((0 0,8 0,8 8,0 0)))"]),
        of(
            "GEOMETRYCOLLECTION",
            &[
                "GEOMETRYCOLLECTION(POINT(1 2))",
                "GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(0 0,1 1))",
                "GEOMETRYCOLLECTION EMPTY",
            ],
        ),
        of("GEOMETRY", &["POINT(1 2)", "LINESTRING(0 0,1 1)", "MULTIPOINT(1 2)"]),
    ]
}

pub(super) fn sqlite() -> Engine {
    // Any storage class in any column.
    const ANY: [&str; 15] = [
        "0",
        "1",
        "9223372036854775807",
        "-9223372036854775808",
        "0.5",
        "9e999",
        "-9e999",
        "'a'",
        "'A'",
        "'a '",
        "x'61'",
        "x''",
        "char(0)",
        "'é'",
        "'e\u{301}'",
    ];
    let any = |native| of(native, &ANY);
    let types = vec![
        any(""),
        any("ANY"),
        any("BLOB"),
        any("TEXT"),
        any("INTEGER"),
        any("REAL"),
        any("NUMERIC(10,2)"),
        any("VARCHAR(3)"),
        of("DATE", &["'2024-01-01'", "'2024-01-02'", "'yesterday'", "20240101", "2460310.5"]),
        of("TIMESTAMP", &["'2024-01-01 00:00:00'", "'2024-01-01 00:00:00.000001'", "'soon'", "0"]),
        of("UUID", &["'00000000-0000-0000-0000-000000000001'", "'00000000-0000-0000-0000-000000000002'", "'x'"]),
        of("JSON", &["'{\"a\":1}'", "'{\"a\":2}'", "'1'", "'\"1\"'", "'no json'", "x'7B7D'"]),
    ];
    Engine { prelude: "", types }
}
