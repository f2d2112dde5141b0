//! Every policy and tolerance on real servers: what it makes equal when it is
//! on, what it still tells apart, and that it holds where it was declared and
//! nowhere else.
//!
//! A case is a table of two columns, `v` and `w`, that hold the same. Settings
//! that are declared for `v` must leave `w` as it is without them; declared for
//! the table or the run they hold for both, and `w` can take them back.

use std::collections::BTreeMap;
use std::sync::Arc;

use switchback_engines::canon::Settings;
use switchback_engines::{ConnectOptions, Database, DatabaseUrl, connect};
use switchback_fixtures::{Family, Side, TestDatabase, database};
use switchback_verify::options::TableSettings;
use switchback_verify::{Kind, Options, Progress, RunOutcome, Selection, TableOutcome, Verdict, run};
use tokio_util::sync::CancellationToken;

use crate::collect::Collected;
use crate::modes::Files;

use Seen::{Apart, Equal, Refused};

/// What a comparison says of a cell, or of a column that can't be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Equal,
    Apart,
    Refused,
}

struct Case {
    name: &'static str,
    source: &'static str,
    target: &'static str,
    /// As in the config: of a table, or of a column.
    settings: &'static str,
    /// The setting that takes it back.
    back: &'static str,
    /// Literals of the source and the target, and what they are without the
    /// setting and with it.
    rows: &'static [(&'static str, &'static str, Seen, Seen)],
}

fn settings(json: &str) -> Settings {
    serde_json::from_str(json).unwrap_or_else(|e| panic!("{json}: {e}"))
}

/// A database of either kind, for as long as the test needs it.
struct Home {
    connected: Arc<dyn Database>,
    _server: Option<TestDatabase>,
    _file: Option<Files>,
}

async fn server(family: Family, side: Side, script: &str) -> Home {
    let database = database(family, side, "policies").await;
    database.execute(script).await.unwrap_or_else(|e| panic!("{e:?}"));
    let url = DatabaseUrl::parse(database.url()).unwrap();
    let connected = connect(&url, &ConnectOptions::default()).await.unwrap();
    Home { connected, _server: Some(database), _file: None }
}

async fn file(script: &str) -> Home {
    let files = Files::new(script, "").await;
    Home { connected: files.open("source.db").await, _server: None, _file: Some(files) }
}

async fn compare(
    source: &Home,
    target: &Home,
    options: Options,
) -> Result<(RunOutcome, Vec<switchback_verify::Difference>), String> {
    let sink = Collected::default();
    let options = Options { run_id: "policies".to_owned(), ..options };
    let (s, t) = (Arc::clone(&source.connected), Arc::clone(&target.connected));
    let outcome = run(s, t, options, Arc::new(sink.clone()), Progress::new(), CancellationToken::new()).await;
    let found = sink.take().into_iter().map(|(_, d)| d).collect();
    outcome.map(|o| (o, found)).map_err(|e| e.to_string())
}

fn selection(table: TableSettings) -> Selection {
    Selection { include: vec![table.source.parse().unwrap()], tables: vec![table], ..Selection::default() }
}

/// For each row what was seen of `v` and of `w`.
type Answer = Vec<(Seen, Seen)>;

async fn ask(source: &Home, target: &Home, case: &Case, run: Settings, table: TableSettings) -> (Answer, TableOutcome) {
    let options = Options { equality: run, selection: selection(table), ..Options::default() };
    let (outcome, found) = compare(source, target, options).await.unwrap_or_else(|e| panic!("{}: {e}", case.name));
    let table = outcome.tables[0].clone();
    let compared = |column: &str| table.columns.iter().any(|c| c.source == column);
    let seen = |row: usize, column: &str| {
        if !compared(column) {
            assert!(!table.problems.is_empty(), "{}: `{column}` is left out without a word", case.name);
            return Refused;
        }
        let of_row = found.iter().find(|d| {
            assert_eq!(d.kind, Kind::Changed, "{}", case.name);
            d.source.as_ref().unwrap()[0] == switchback_engines::Value::Int(row.try_into().unwrap())
        });
        let is_changed =
            |d: &switchback_verify::Difference| d.changed.iter().any(|&i| table.columns[i].source == column);
        if of_row.is_some_and(is_changed) { Apart } else { Equal }
    };
    let answer = (0..case.rows.len()).map(|row| (seen(row, "v"), seen(row, "w"))).collect();
    // Nothing but a declared tolerance may leave the sums of the two sides apart.
    let unaccounted = table.problems.iter().any(|p| p.message.contains("add up"));
    assert!(!unaccounted, "{}: {:?}", case.name, table.problems);
    (answer, table)
}

/// Asks for a case without its setting, and with it at each level.
async fn check(source: &Home, target: &Home, case: &Case) {
    let off: Answer = case.rows.iter().map(|r| (r.2, r.2)).collect();
    let on: Answer = case.rows.iter().map(|r| (r.3, r.3)).collect();
    let only_v: Answer = case.rows.iter().map(|r| (r.3, r.2)).collect();
    let plain = || TableSettings { source: case.name.to_owned(), ..TableSettings::default() };
    let with_table = |json| TableSettings { equality: settings(json), ..plain() };
    let with_column = |mut table: TableSettings, column: &str, json: &str| {
        table.columns.insert(column.to_owned(), settings(json));
        table
    };
    let none = Settings::default;
    for (label, run, table, expected) in [
        ("off", none(), plain(), &off),
        ("run", settings(case.settings), plain(), &on),
        ("table", none(), with_table(case.settings), &on),
        ("column", none(), with_column(plain(), "v", case.settings), &only_v),
        ("taken back by the table", settings(case.settings), with_table(case.back), &off),
        ("taken back by a column", settings(case.settings), with_column(plain(), "w", case.back), &only_v),
        ("declared again", settings(case.back), with_column(with_table(case.back), "v", case.settings), &only_v),
    ] {
        let (answer, table) = ask(source, target, case, run, table).await;
        assert_eq!(&answer, expected, "{} ({label}): {:?}", case.name, table.columns);
        check_certificate(case, label, &table);
    }
}

/// What is in force for a column is in its line.
fn check_certificate(case: &Case, label: &str, table: &TableOutcome) {
    for column in table.columns.iter().filter(|c| c.source != "k") {
        assert!(column.rule.starts_with("as "), "{}: {:?}", case.name, column.rule);
        let is_tolerance = |p: &&switchback_engines::canon::Policy| p.name().ends_with("_tolerance");
        assert_eq!(column.tolerance.is_some(), column.policies.iter().any(|p| is_tolerance(&p)), "{}", case.name);
        if column.within_tolerance > 0 {
            assert!(column.tolerance.is_some(), "{} ({label})", case.name);
        }
        for policy in &column.policies {
            assert!(table.policies.contains(policy), "{}", case.name);
            assert!(!column.strict.contains(policy), "{}", case.name);
        }
    }
}

fn script(cases: &[Case], is_source: bool) -> String {
    let mut script = String::new();
    for case in cases {
        let native = if is_source { case.source } else { case.target };
        script.push_str(&format!("CREATE TABLE {} (k int PRIMARY KEY, v {native}, w {native});\n", case.name));
        for (k, row) in case.rows.iter().enumerate() {
            let value = if is_source { row.0 } else { row.1 };
            script.push_str(&format!("INSERT INTO {} VALUES ({k}, {value}, {value});\n", case.name));
        }
    }
    script
}

async fn check_all(source: &Home, target: &Home, cases: &[Case]) {
    for case in cases {
        check(source, target, case).await;
    }
}

/// In an order that every dialect's quoting allows.
const TO_MARIADB: &[Case] = &[
    Case {
        name: "trims",
        source: "text",
        target: "varchar(20)",
        settings: r#"{"trim_spaces":true}"#,
        back: r#"{"trim_spaces":false}"#,
        rows: &[
            ("'a'", "'a  '", Apart, Equal),
            ("'a'", "' a'", Apart, Apart),
            ("'a'", "concat('a', char(9))", Apart, Apart),
            ("'  '", "''", Apart, Equal),
            ("NULL", "' '", Apart, Apart),
        ],
    },
    Case {
        name: "folds",
        source: "varchar(20)",
        target: "varchar(20)",
        settings: r#"{"ignore_case":true}"#,
        back: r#"{"ignore_case":false}"#,
        rows: &[
            ("'Straße'", "'STRASSE'", Apart, Equal),
            ("'ÄÖ'", "'äö'", Apart, Equal),
            ("'e'", "'é'", Apart, Apart),
            ("'a'", "'a '", Apart, Apart),
        ],
    },
    Case {
        name: "composes",
        source: "varchar(20)",
        target: "varchar(20)",
        settings: r#"{"normalize":"nfc"}"#,
        back: r#"{"normalize":"none"}"#,
        rows: &[
            ("U&'\\00e9'", "_utf8mb4 x'65CC81'", Apart, Equal),
            ("U&'\\00c9'", "_utf8mb4 x'65CC81'", Apart, Apart),
            ("'fi'", "'ﬁ'", Apart, Apart),
        ],
    },
    Case {
        name: "folds_and_composes",
        source: "varchar(20)",
        target: "varchar(20)",
        settings: r#"{"normalize":"nfc","ignore_case":true}"#,
        back: r#"{"normalize":"none","ignore_case":false}"#,
        rows: &[("U&'\\00c9'", "_utf8mb4 x'65CC81'", Apart, Equal), ("'E'", "_utf8mb4 x'65CC81'", Apart, Apart)],
    },
    Case {
        name: "empties",
        source: "text",
        target: "text",
        settings: r#"{"empty_is_null":true}"#,
        back: r#"{"empty_is_null":false}"#,
        rows: &[
            ("''", "NULL", Apart, Equal),
            ("NULL", "''", Apart, Equal),
            ("' '", "NULL", Apart, Apart),
            ("'NULL'", "NULL", Apart, Apart),
        ],
    },
    Case {
        name: "empties_padded",
        source: "char(5)",
        target: "varchar(5)",
        settings: r#"{"empty_is_null":true}"#,
        back: r#"{"empty_is_null":false}"#,
        rows: &[("''", "NULL", Apart, Equal), ("'a'", "'a'", Equal, Equal)],
    },
    Case {
        name: "shortens",
        source: "timestamp(6)",
        target: "datetime(6)",
        settings: r#"{"time_digits":3}"#,
        back: r#"{"time_digits":6}"#,
        rows: &[
            ("'2024-05-01 10:00:00.123400'", "'2024-05-01 10:00:00.123000'", Apart, Equal),
            ("'2024-05-01 10:00:00.123600'", "'2024-05-01 10:00:00.124000'", Apart, Equal),
            ("'2024-05-01 10:00:00.123600'", "'2024-05-01 10:00:00.123000'", Apart, Apart),
            ("'2024-05-01 10:00:00.123499'", "'2024-05-01 10:00:00.123500'", Apart, Apart),
        ],
    },
    Case {
        name: "cuts",
        source: "time(6)",
        target: "time(6)",
        settings: r#"{"time_digits":0,"time_rounding":"down"}"#,
        back: r#"{"time_digits":6,"time_rounding":"nearest"}"#,
        rows: &[("'10:00:00.999999'", "'10:00:00'", Apart, Equal), ("'10:00:00.999999'", "'10:00:01'", Apart, Apart)],
    },
    Case {
        name: "strict_precision",
        source: "timestamp(6)",
        target: "datetime(3)",
        settings: r#"{"strict":["time_precision"]}"#,
        back: r#"{"lenient":["time_precision"]}"#,
        rows: &[
            ("'2024-05-01 10:00:00.123456'", "'2024-05-01 10:00:00.123'", Equal, Apart),
            ("'2024-05-01 10:00:00.123000'", "'2024-05-01 10:00:00.123'", Equal, Equal),
        ],
    },
    Case {
        name: "strict_scale",
        source: "numeric",
        target: "decimal(10,2)",
        settings: r#"{"strict":["decimal_scale"]}"#,
        back: r#"{"lenient":["decimal_scale"]}"#,
        rows: &[
            ("1.1", "1.10", Equal, Apart),
            ("1.10", "1.10", Equal, Equal),
            ("-0.00", "0.00", Equal, Equal),
            ("0", "0.00", Equal, Apart),
            ("1.11", "1.10", Apart, Apart),
        ],
    },
    Case {
        name: "strict_integer_scale",
        source: "bigint",
        target: "decimal(20,0)",
        settings: r#"{"strict":["decimal_scale"]}"#,
        back: r#"{"lenient":["decimal_scale"]}"#,
        rows: &[("9223372036854775807", "9223372036854775807", Equal, Equal), ("100", "100", Equal, Equal)],
    },
    Case {
        name: "strict_padding",
        source: "char(5)",
        target: "varchar(5)",
        settings: r#"{"strict":["char_padding"]}"#,
        back: r#"{"lenient":["char_padding"]}"#,
        rows: &[("'a'", "'a'", Equal, Apart), ("'abcde'", "'abcde'", Equal, Equal)],
    },
    Case {
        name: "strict_json_text",
        source: "json",
        target: "json",
        settings: r#"{"strict":["json_meaning"]}"#,
        back: r#"{"lenient":["json_meaning"]}"#,
        rows: &[
            (r#"'{"a":1,"b":2}'"#, r#"'{"b":2, "a":1}'"#, Equal, Apart),
            (r#"'{"a":1.0}'"#, r#"'{"a":1.0}'"#, Equal, Equal),
            (r#"'{"a":1}'"#, r#"'{"a":2}'"#, Apart, Apart),
        ],
    },
    Case {
        name: "strict_json_parsed",
        source: "jsonb",
        target: "json",
        settings: r#"{"strict":["json_meaning"]}"#,
        back: r#"{"lenient":["json_meaning"]}"#,
        rows: &[(r#"'{"a":1}'"#, r#"'{"a": 1}'"#, Equal, Refused)],
    },
    Case {
        name: "strict_bool",
        source: "boolean",
        target: "tinyint(1)",
        settings: r#"{"strict":["bool_as_int"]}"#,
        back: r#"{"lenient":["bool_as_int"]}"#,
        rows: &[("true", "1", Equal, Refused), ("true", "2", Apart, Refused)],
    },
    Case {
        name: "strict_float_decimal",
        source: "double precision",
        target: "decimal(10,2)",
        settings: r#"{"strict":["decimal_as_float"]}"#,
        back: r#"{"lenient":["decimal_as_float"]}"#,
        rows: &[("0.1", "0.10", Equal, Refused)],
    },
    Case {
        name: "strict_date",
        source: "date",
        target: "datetime",
        settings: r#"{"strict":["date_as_midnight"]}"#,
        back: r#"{"lenient":["date_as_midnight"]}"#,
        rows: &[("'2024-05-01'", "'2024-05-01 00:00:00'", Equal, Refused)],
    },
    Case {
        name: "amounts",
        source: "numeric(12,4)",
        target: "decimal(12,4)",
        settings: r#"{"absolute":"0.01"}"#,
        back: r#"{"absolute":0}"#,
        rows: &[
            ("1.0000", "1.0100", Apart, Equal),
            ("1.0000", "1.0101", Apart, Apart),
            ("-0.0050", "0.0050", Apart, Equal),
            ("-0.0051", "0.0050", Apart, Apart),
            ("NULL", "0", Apart, Apart),
            ("'NaN'", "0", Apart, Apart),
        ],
    },
    Case {
        name: "amounts_of_integers",
        source: "bigint",
        target: "decimal(20,0)",
        settings: r#"{"absolute":1}"#,
        back: r#"{"absolute":0}"#,
        rows: &[
            ("9223372036854775807", "9223372036854775806", Apart, Equal),
            ("9223372036854775807", "9223372036854775805", Apart, Apart),
        ],
    },
    Case {
        name: "shares",
        source: "double precision",
        target: "double",
        settings: r#"{"relative":1e-9}"#,
        back: r#"{"relative":0}"#,
        rows: &[
            ("1000", "1000.000000999", Apart, Equal),
            ("1000", "1000.000001001", Apart, Apart),
            ("-1000", "-1000.000000999", Apart, Equal),
            ("0", "1e-300", Apart, Apart),
            ("'Infinity'", "1.7976931348623157e308", Apart, Apart),
        ],
    },
    Case {
        name: "steps",
        source: "double precision",
        target: "double",
        settings: r#"{"ulps":4}"#,
        back: r#"{"ulps":0}"#,
        rows: &[
            ("1", "1.0000000000000008882", Apart, Equal),
            ("1", "1.0000000000000011103", Apart, Apart),
            ("-5e-324", "1.5e-323", Apart, Equal),
            ("-1e-323", "1.5e-323", Apart, Apart),
            ("'NaN'", "1", Apart, Apart),
        ],
    },
    Case {
        name: "steps_of_singles",
        source: "real",
        target: "float",
        settings: r#"{"ulps":1}"#,
        back: r#"{"ulps":0}"#,
        rows: &[("1", "1.00000012", Apart, Equal), ("1", "1.00000024", Apart, Apart)],
    },
    Case {
        name: "singles",
        source: "real",
        target: "double",
        settings: r#"{"compare_as":"float32"}"#,
        back: r#"{"compare_as":"declared"}"#,
        rows: &[
            ("0.1", "0.1", Apart, Equal),
            ("0.5", "0.5", Equal, Equal),
            ("0.1", "0.10000001", Apart, Apart),
            ("'Infinity'", "1e39", Apart, Apart),
        ],
    },
    Case {
        name: "words",
        source: "boolean",
        target: "varchar(5)",
        settings: r#"{"bool_words":{"true":["Y","yes"],"false":["N",""]}}"#,
        back: r#"{"bool_words":{}}"#,
        rows: &[
            ("true", "'Y'", Refused, Equal),
            ("true", "'yes'", Refused, Equal),
            ("false", "''", Refused, Equal),
            ("true", "'N'", Refused, Apart),
            ("true", "'y'", Refused, Apart),
            ("true", "'1'", Refused, Apart),
            ("NULL", "''", Refused, Apart),
        ],
    },
    Case {
        name: "words_folded",
        source: "boolean",
        target: "char(5)",
        settings: r#"{"bool_words":{"true":["Yes"],"false":["No"]},"ignore_case":true}"#,
        back: r#"{"bool_words":{},"ignore_case":false}"#,
        rows: &[("true", "'YES'", Refused, Equal), ("false", "'no'", Refused, Equal), ("true", "'no'", Refused, Apart)],
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn from_postgres_to_mariadb() {
    let source = server(Family::Postgres, Side::Source, &script(TO_MARIADB, true)).await;
    let target =
        server(Family::MariaDb, Side::Target, &format!("SET NAMES utf8mb4;{}", script(TO_MARIADB, false))).await;
    check_all(&source, &target, TO_MARIADB).await;
}

const FROM_MYSQL: &[Case] = &[
    Case {
        name: "zero_dates",
        source: "date",
        target: "date",
        settings: r#"{"zero_date_is_null":true}"#,
        back: r#"{"zero_date_is_null":false}"#,
        rows: &[
            ("'0000-00-00'", "NULL", Apart, Equal),
            ("'2024-02-00'", "NULL", Apart, Apart),
            ("'0000-00-00'", "'0001-01-01'", Apart, Apart),
            ("NULL", "NULL", Equal, Equal),
        ],
    },
    Case {
        name: "zero_times",
        source: "datetime(3)",
        target: "timestamp(3)",
        settings: r#"{"zero_date_is_null":true}"#,
        back: r#"{"zero_date_is_null":false}"#,
        rows: &[
            ("'0000-00-00 00:00:00'", "NULL", Apart, Equal),
            ("'0000-00-00 10:00:00'", "NULL", Apart, Apart),
            ("'2024-05-01 10:00:00'", "'2024-05-01 10:00:00'", Equal, Equal),
        ],
    },
    Case {
        name: "swapped_uuids",
        source: "binary(16)",
        target: "uuid",
        settings: r#"{"uuid_layout":"time_swapped"}"#,
        back: r#"{"uuid_layout":"plain"}"#,
        rows: &[
            (
                "uuid_to_bin('6ccd780c-baba-1026-9564-5b8c656024db', 1)",
                "'6ccd780c-baba-1026-9564-5b8c656024db'",
                Apart,
                Equal,
            ),
            (
                "uuid_to_bin('6ccd780c-baba-1026-9564-5b8c656024db', 0)",
                "'6ccd780c-baba-1026-9564-5b8c656024db'",
                Equal,
                Apart,
            ),
        ],
    },
    Case {
        name: "strict_zeros",
        source: "binary(4)",
        target: "bytea",
        settings: r#"{"strict":["binary_padding"]}"#,
        back: r#"{"lenient":["binary_padding"]}"#,
        rows: &[("'a'", "'\\x61'", Equal, Apart), ("'a'", "'\\x61000000'", Equal, Equal)],
    },
    Case {
        name: "strict_enum",
        source: "enum('x','y')",
        target: "text",
        settings: r#"{"strict":["enum_label"]}"#,
        back: r#"{"lenient":["enum_label"]}"#,
        rows: &[("'x'", "'x'", Equal, Refused)],
    },
    Case {
        name: "enums_fold",
        source: "enum('x','y')",
        target: "text",
        settings: r#"{"ignore_case":true}"#,
        back: r#"{"ignore_case":false}"#,
        rows: &[("'x'", "'X'", Apart, Equal), ("'x'", "'Y'", Apart, Apart)],
    },
    Case {
        name: "strict_set",
        source: "set('x','y')",
        target: "text",
        settings: r#"{"strict":["set_members"]}"#,
        back: r#"{"lenient":["set_members"]}"#,
        rows: &[("'x,y'", "'y,x'", Equal, Refused)],
    },
    Case {
        name: "strict_bits",
        source: "bit(4)",
        target: "integer",
        settings: r#"{"strict":["bits_as_int"]}"#,
        back: r#"{"lenient":["bits_as_int"]}"#,
        rows: &[("b'0101'", "5", Equal, Refused)],
    },
    Case {
        name: "strict_uuid",
        source: "char(36)",
        target: "uuid",
        settings: r#"{"strict":["uuid_spelling"]}"#,
        back: r#"{"lenient":["uuid_spelling"]}"#,
        rows: &[("'6CCD780C-BABA-1026-9564-5B8C656024DB'", "'6ccd780c-baba-1026-9564-5b8c656024db'", Equal, Refused)],
    },
    Case {
        name: "strict_text_bytes",
        source: "varchar(4)",
        target: "bytea",
        settings: r#"{"strict":["text_as_bytes"]}"#,
        back: r#"{"lenient":["text_as_bytes"]}"#,
        rows: &[("'a'", "'\\x61'", Equal, Refused)],
    },
    Case {
        name: "strict_network",
        source: "varchar(40)",
        target: "inet",
        settings: r#"{"strict":["network_text"]}"#,
        back: r#"{"lenient":["network_text"]}"#,
        rows: &[("'10.0.0.1'", "'10.0.0.1'", Equal, Refused)],
    },
    Case {
        name: "flags_in_words",
        source: "tinyint(1)",
        target: "text",
        settings: r#"{"bool_words":{"true":["t"],"false":["f"]}}"#,
        back: r#"{"bool_words":{}}"#,
        rows: &[("1", "'t'", Refused, Equal), ("0", "'f'", Refused, Equal), ("2", "'t'", Refused, Apart)],
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn from_mysql_to_postgres() {
    let zero_dates = "SET sql_mode = 'ALLOW_INVALID_DATES';";
    let source = server(Family::MySql, Side::Source, &format!("{zero_dates}{}", script(FROM_MYSQL, true))).await;
    let target = server(Family::Postgres, Side::Target, &script(FROM_MYSQL, false)).await;
    check_all(&source, &target, FROM_MYSQL).await;
}

const ZONES: &[Case] = &[Case {
    name: "zones",
    source: "timestamp(0)",
    target: "timestamptz(0)",
    settings: r#"{"naive_zone":"+02:00"}"#,
    back: r#"{"naive_zone":"+00:00"}"#,
    rows: &[
        ("'2024-05-01 12:00:00'", "'2024-05-01 10:00:00+00'", Apart, Equal),
        ("'2024-05-01 12:00:00'", "'2024-05-01 12:00:00+00'", Equal, Apart),
    ],
}];

const ZEROS: &[Case] = &[
    Case {
        name: "strict_zero",
        source: "double precision",
        target: "double precision",
        settings: r#"{"strict":["negative_zero"]}"#,
        back: r#"{"lenient":["negative_zero"]}"#,
        rows: &[("'-0.0'", "0.0", Equal, Apart), ("'-0.0'", "'-0.0'", Equal, Equal), ("'NaN'", "'NaN'", Equal, Equal)],
    },
    Case {
        name: "strict_zero_of_singles",
        source: "real",
        target: "numeric(4,1)",
        settings: r#"{"strict":["negative_zero"]}"#,
        back: r#"{"lenient":["negative_zero"]}"#,
        rows: &[("'-0.0'", "0.0", Equal, Apart), ("0.1", "0.1", Equal, Equal)],
    },
    Case {
        name: "decimals_beyond_floats",
        source: "double precision",
        target: "numeric",
        settings: r#"{"ulps":4}"#,
        back: r#"{"ulps":0}"#,
        rows: &[
            ("'Infinity'", "1e400", Apart, Apart),
            ("'Infinity'", "'Infinity'", Equal, Equal),
            ("1", "1.0000000000000008882", Apart, Equal),
        ],
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn between_two_versions_of_postgres() {
    let source = server(Family::Postgres, Side::Source, &(script(ZEROS, true) + &script(ZONES, true))).await;
    let target = server(Family::Postgres, Side::Target, &(script(ZEROS, false) + &script(ZONES, false))).await;
    check_all(&source, &target, ZEROS).await;
    // A zone can be changed by an inner level and not be taken away.
    let zone = &ZONES[0];
    let column = TableSettings {
        source: zone.name.to_owned(),
        columns: [("v".to_owned(), settings(zone.settings))].into(),
        ..TableSettings::default()
    };
    let (answer, _) = ask(&source, &target, zone, settings(zone.back), column.clone()).await;
    assert_eq!(answer, [(Equal, Apart), (Apart, Equal)]);
    let (answer, _) = ask(&source, &target, zone, Settings::default(), column).await;
    assert_eq!(answer, [(Equal, Refused), (Apart, Refused)]);
}

const FROM_SQLITE: &[Case] = &[
    Case {
        name: "strict_bytes",
        source: "BLOB",
        target: "bytea",
        settings: r#"{"strict":["text_as_bytes"]}"#,
        back: r#"{"lenient":["text_as_bytes"]}"#,
        rows: &[("x'61'", "'\\x61'", Equal, Equal), ("'a'", "'\\x61'", Equal, Apart)],
    },
    Case {
        name: "strict_temporal",
        source: "DATE",
        target: "date",
        settings: r#"{"strict":["sqlite_temporal_text"]}"#,
        back: r#"{"lenient":["sqlite_temporal_text"]}"#,
        rows: &[("'2024-05-01'", "'2024-05-01'", Equal, Refused)],
    },
    Case {
        name: "zero_text",
        source: "DATETIME",
        target: "timestamp",
        settings: r#"{"zero_date_is_null":true}"#,
        back: r#"{"zero_date_is_null":false}"#,
        rows: &[
            ("'0000-00-00'", "NULL", Apart, Equal),
            ("'0000-00-00 00:00:00'", "NULL", Apart, Equal),
            ("'0000-00-00 00:00:01'", "NULL", Apart, Apart),
            ("'0000-00-00x'", "NULL", Apart, Apart),
        ],
    },
    Case {
        name: "loose_numbers",
        source: "NUMERIC",
        target: "numeric(10,3)",
        settings: r#"{"absolute":"0.5"}"#,
        back: r#"{"absolute":0}"#,
        rows: &[
            ("1", "1.500", Apart, Equal),
            ("1", "1.501", Apart, Apart),
            ("1.25", "1.750", Apart, Equal),
            ("'abc'", "1", Apart, Apart),
        ],
    },
    Case {
        name: "spelled_uuids",
        source: "BLOB",
        target: "text",
        settings: r#"{"uuid_layout":"plain"}"#,
        back: "",
        rows: &[
            ("x'6ccd780cbaba102695645b8c656024db'", "'6CCD780C-baba-1026-9564-5b8c656024db'", Apart, Equal),
            ("x'6ccd780cbaba102695645b8c656024dc'", "'6CCD780C-baba-1026-9564-5b8c656024db'", Apart, Apart),
        ],
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn from_sqlite_to_postgres() {
    let source = file(&script(FROM_SQLITE, true)).await;
    let target = server(Family::Postgres, Side::Target, &script(FROM_SQLITE, false)).await;
    // What makes a pair comparable at all has no setting that takes it back.
    let (spelled, others) = FROM_SQLITE.split_last().unwrap();
    check_all(&source, &target, others).await;
    let column = TableSettings {
        source: spelled.name.to_owned(),
        columns: [("v".to_owned(), settings(spelled.settings))].into(),
        ..TableSettings::default()
    };
    let (answer, _) = ask(&source, &target, spelled, Settings::default(), column).await;
    assert_eq!(answer, [(Equal, Apart), (Apart, Apart)]);
}

const SQLITE_ONLY: &[Case] = &[
    Case {
        name: "stored_dates",
        source: "DATETIME",
        target: "DATETIME",
        settings: r#"{"strict":["sqlite_temporal_text"]}"#,
        back: r#"{"lenient":["sqlite_temporal_text"]}"#,
        rows: &[
            ("'2024-05-01 10:00'", "'2024-05-01T10:00:00'", Equal, Apart),
            ("'2024-05-01 10:00'", "'2024-05-01 10:00'", Equal, Equal),
        ],
    },
    Case {
        name: "stored_uuids",
        source: "UUID",
        target: "UUID",
        settings: r#"{"strict":["uuid_spelling"]}"#,
        back: r#"{"lenient":["uuid_spelling"]}"#,
        rows: &[
            ("'6CCD780C-BABA-1026-9564-5B8C656024DB'", "'6ccd780c-baba-1026-9564-5b8c656024db'", Equal, Apart),
            ("'6ccd780c-baba-1026-9564-5b8c656024db'", "'6ccd780c-baba-1026-9564-5b8c656024db'", Equal, Equal),
        ],
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn between_two_files_of_sqlite() {
    let (source, target) = (file(&script(SQLITE_ONLY, true)).await, file(&script(SQLITE_ONLY, false)).await);
    check_all(&source, &target, SQLITE_ONLY).await;
}

/// A table of numbers from 1, whose `v` is this expression of `i`.
fn numbers(rows: u32, v: &str) -> String {
    format!(
        "CREATE TABLE t (k INTEGER PRIMARY KEY, v REAL, n INTEGER);
         WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < {rows})
         INSERT INTO t SELECT i, {v}, i FROM c; ANALYZE;"
    )
}

fn of_column(column: &str, json: &str) -> TableSettings {
    TableSettings {
        source: "t".to_owned(),
        columns: [(column.to_owned(), settings(json))].into(),
        ..TableSettings::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_within_tolerance_are_counted_and_the_numbers_still_add_up() {
    // Of 5000 rows every tenth is off by a little, and every thousandth by more.
    let off = "i + CASE WHEN i % 1000 = 0 THEN 0.5 WHEN i % 10 = 0 THEN 0.001 ELSE 0 END";
    let (source, target) = (file(&numbers(5000, "i")).await, file(&numbers(5000, off)).await);
    for range_rows in [50, 100_000] {
        for pool_bytes in [16 << 20, 64] {
            let memory = switchback_verify::options::Memory { pool_bytes, range_bytes: pool_bytes };
            let options = Options {
                selection: selection(of_column("v", r#"{"absolute":"0.01"}"#)),
                range_rows,
                memory,
                ..Options::default()
            };
            let (outcome, found) = compare(&source, &target, options).await.unwrap();
            let table = &outcome.tables[0];
            assert_eq!(table.verdict, Verdict::Different, "{:?}", table.problems);
            assert_eq!((found.len(), table.difference_count(), table.within_tolerance), (5, 5, 495));
            assert_eq!((table.columns[1].changed, table.columns[1].within_tolerance), (5, 495));
            assert_eq!(table.in_sync, 0);
        }
    }
    let options = Options { selection: selection(of_column("v", r#"{"absolute":1}"#)), ..Options::default() };
    let (outcome, found) = compare(&source, &target, options).await.unwrap();
    let table = &outcome.tables[0];
    assert_eq!((table.verdict, found.len(), table.within_tolerance), (Verdict::Equal, 0, 500), "{:?}", table.problems);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_differs_elsewhere_names_only_what_is_beyond_tolerance() {
    let target = format!("{} UPDATE t SET v = v + 0.001, n = 0 WHERE k = 7;", numbers(20, "i"));
    let (source, target) = (file(&numbers(20, "i")).await, file(&target).await);
    let options = Options { selection: selection(of_column("v", r#"{"absolute":0.01}"#)), ..Options::default() };
    let (outcome, found) = compare(&source, &target, options).await.unwrap();
    let table = &outcome.tables[0];
    assert_eq!(found.iter().map(|d| d.changed.as_slice()).collect::<Vec<_>>(), [[2]]);
    assert_eq!((table.within_tolerance, table.columns[1].changed, table.columns[1].within_tolerance), (0, 0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_one_key_find_each_other_within_tolerance() {
    // The operator's key is none: each value has two rows, and one a third.
    let table = |rows: &str| format!("CREATE TABLE t (g TEXT NOT NULL, v REAL); INSERT INTO t VALUES {rows};");
    let source = file(&table("('a', 1), ('a', 2), ('b', 1), ('b', 1), ('c', 5)")).await;
    let target = file(&table("('a', 2.01), ('a', 1.01), ('b', 1.01), ('b', 1.01), ('c', 5.01), ('c', 5)")).await;
    let settings = TableSettings { key: Some(vec!["g".to_owned()]), ..of_column("v", r#"{"absolute":"0.02"}"#) };
    let options = Options { selection: selection(settings), ..Options::default() };
    let (outcome, found) = compare(&source, &target, options).await.unwrap();
    let table = &outcome.tables[0];
    assert_eq!((table.within_tolerance, table.difference_count()), (4, 1), "{:?} {found:?}", table.problems);
    assert_eq!(found[0].kind, Kind::TargetOnly);
    assert!(!table.problems.iter().any(|p| p.message.contains("add up")), "{:?}", table.problems);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_a_setting_merges_are_compared_as_one() {
    let table = |rows: &str| format!("CREATE TABLE t (k TEXT PRIMARY KEY, v INTEGER); INSERT INTO t VALUES {rows};");
    let source = file(&table("('Anna', 1), ('Bob', 2), ('eve', 3), ('EVE', 4)")).await;
    let target = file(&table("('ANNA', 1), ('bob', 9), ('eve', 3)")).await;
    let run = |json| Options { equality: settings(json), ..Options::default() };
    let (outcome, _) = compare(&source, &target, run("{}")).await.unwrap();
    assert_eq!(outcome.tables[0].differences, BTreeMap::from([(Kind::SourceOnly, 3), (Kind::TargetOnly, 2)]));
    for range_rows in [1, 1000] {
        let options = Options { range_rows, ..run(r#"{"ignore_case":true}"#) };
        let (outcome, found) = compare(&source, &target, options).await.unwrap();
        let table = &outcome.tables[0];
        let expected = BTreeMap::from([(Kind::SourceOnly, 1), (Kind::Changed, 1)]);
        assert_eq!(table.differences, expected, "{:?} {found:?}", table.problems);
        assert!(table.problems.is_empty(), "{:?}", table.problems);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_shortened_times_is_compared_as_one() {
    let table =
        |k: &str| format!("CREATE TABLE t (k timestamp(6) PRIMARY KEY, v int); INSERT INTO t VALUES ('{k}', 1)");
    let source = server(Family::Postgres, Side::Source, &table("2024-05-01 10:00:00.123456")).await;
    let target = server(Family::Postgres, Side::Target, &table("2024-05-01 10:00:00.123")).await;
    for (json, verdict) in [("{}", Verdict::Different), (r#"{"time_digits":3}"#, Verdict::Equal)] {
        let options = Options { equality: settings(json), ..Options::default() };
        let (outcome, _) = compare(&source, &target, options).await.unwrap();
        assert_eq!(outcome.verdict, verdict, "{json}: {:?}", outcome.tables[0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_that_can_do_nothing_is_refused_before_anything_is_read() {
    let both = "CREATE TABLE t (k INTEGER PRIMARY KEY, price REAL, note TEXT, made DATETIME);
                CREATE TABLE bare (price REAL); CREATE TABLE texts (k INTEGER PRIMARY KEY, note TEXT);
                INSERT INTO bare VALUES (1);";
    let (source, target) = (file(both).await, file(both).await);
    let of_table = |name: &str, json: &str| TableSettings {
        source: name.to_owned(),
        equality: settings(json),
        ..TableSettings::default()
    };
    let with_column =
        |name: &str, column: &str, json: &str| TableSettings { source: name.to_owned(), ..of_column(column, json) };
    for (table, expected) in [
        (of_column("note", r#"{"absolute":1}"#), "`absolute` cannot apply to column `note` of `t`"),
        (of_column("k", r#"{"relative":0.1}"#), "rows are matched by this column"),
        (of_column("k", r#"{"ulps":1}"#), "`ulps` cannot apply to column `k` of `t`, which compares"),
        (of_column("price", r#"{"ignore_case":true}"#), "`ignore_case` cannot apply to column `price`"),
        (of_column("price", r#"{"time_digits":3}"#), "`time_digits` cannot apply to column `price`"),
        (of_column("note", r#"{"zero_date_is_null":true}"#), "`zero_date_is_null` cannot apply to column `note`"),
        (of_column("price", r#"{"compare_as":"float32"}"#), "`compare_as` cannot apply to column `price`"),
        (of_column("price", r#"{"strict":["json_meaning"]}"#), "`strict = [\"json_meaning\"]` cannot apply"),
        (of_column("made", r#"{"naive_zone":"+01:00"}"#), "`naive_zone` cannot apply to column `made`"),
        (of_column("note", r#"{"bool_words":{"true":["Y"]}}"#), "`bool_words` cannot apply to column `note`"),
        (of_column("note", r#"{"uuid_layout":"plain"}"#), "`uuid_layout` cannot apply to column `note`"),
        (of_column("nosuch", r#"{"absolute":1}"#), "no column `nosuch`"),
        (of_table("texts", r#"{"relative":0.1}"#), "`relative` in the settings of `texts` applies to none"),
        (of_table("texts", r#"{"lenient":["decimal_scale"]}"#), "applies to none of its columns"),
        (of_table("bare", r#"{"absolute":1}"#), "has no key"),
        (with_column("bare", "price", r#"{"absolute":1}"#), "the table has no key"),
        (
            TableSettings { ignore_columns: vec!["note".to_owned()], ..of_column("note", r#"{"trim_spaces":true}"#) },
            "has settings and is ignored",
        ),
    ] {
        let options = Options { selection: selection(table.clone()), ..Options::default() };
        let error = compare(&source, &target, options).await.map(|(o, _)| o.verdict).unwrap_err();
        assert!(error.contains(expected), "{table:?}: {error}");
    }
    // To take back what can't be is no mistake, and to declare for all what some can't have neither.
    for table in [of_column("k", r#"{"absolute":0}"#), of_table("t", r#"{"absolute":1}"#)] {
        let options = Options { selection: selection(table), ..Options::default() };
        assert_eq!(compare(&source, &target, options).await.unwrap().0.verdict, Verdict::Equal);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_a_key_is_compared_exactly_and_says_so() {
    let table = |v: &str| format!("CREATE TABLE t (v REAL); INSERT INTO t VALUES (1), ({v});");
    let source = file(&table("2")).await;
    let options = || Options { equality: settings(r#"{"absolute":1}"#), ..Options::default() };
    let (outcome, _) = compare(&source, &file(&table("2")).await, options()).await.unwrap();
    assert_eq!(outcome.verdict, Verdict::Equal, "{:?}", outcome.tables[0].problems);
    let (outcome, found) = compare(&source, &file(&table("2.5")).await, options()).await.unwrap();
    assert_eq!((outcome.verdict, found.len()), (Verdict::Incomplete, 2));
    let problems = &outcome.tables[0].problems;
    assert!(problems[0].message.contains("has no key"), "{problems:?}");
    assert_eq!(outcome.tables[0].within_tolerance, 0);
}
