use super::sqlite::sqlite_float;
use super::*;
use crate::canon::Rule;
use crate::decimal::Decimal;
use crate::engine::Engine;
use crate::range::KeyRange;
use crate::table::{Column, Logical, Table, TableRef};
use crate::value::{OwnedValue, Value};

fn table_of(columns: &[(&str, Logical, bool)]) -> Table {
    Table {
        name: TableRef { schema: Some("s".to_owned()), name: "t".to_owned() },
        columns: columns
            .iter()
            .map(|(name, logical, nullable)| Column {
                name: (*name).to_owned(),
                native: String::new(),
                logical: Some(logical.clone()),
                nullable: *nullable,
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

const INT: Logical = Logical::Int { bits: 64, unsigned: false };
const TEXT: Logical = Logical::Text { chars_max: None };

fn text(v: &str) -> OwnedValue {
    Value::Text(v.to_owned().into())
}

#[test]
fn names_cannot_break_out() {
    assert_eq!(name(Engine::Postgres, "a\"b"), "\"a\"\"b\"");
    assert_eq!(name(Engine::MySql, "a`b"), "`a``b`");
    assert_eq!(name(Engine::SqlServer, "a]b"), "[a]]b]");
}

#[test]
fn text_cannot_break_out() {
    let table = table_of(&[("c", TEXT, false)]);
    let column = &table.columns[0];
    assert_eq!(literal(Engine::Postgres, column, &text("a'b\\")), "'a''b\\'");
    assert_eq!(literal(Engine::MySql, column, &text("a'b")), "'a''b'");
    assert_eq!(literal(Engine::MySql, column, &text("\\'")), "_utf8mb4 x'5c27'");
    let float = self::column(Logical::Float32);
    assert_eq!(literal(Engine::MySql, &float, &Value::F32(0.1)), "1.0000000149011612e-1");
    assert_eq!(literal(Engine::Sqlite, column, &text("\0'\u{1}")), "replace('\u{2}''\u{1}', char(2), char(0))");
}

#[test]
fn sqlite_reads_every_double_as_it_is() {
    let cases = [
        (0.0, "0.0"),
        (-0.25, "-0.25"),
        (5.0, "5.0"),
        (1234.5678, "1234.5678"),
        (0.1 + 0.2, "3.0000000000000004e-1"),
        (-1e16, "-1.0000000000000000e16"),
        (f64::INFINITY, "9e999"),
        (1e150, "(4.9090934652977265e59 * 2.0370359763344861e90)"),
    ];
    for (value, expected) in cases {
        assert_eq!(sqlite_float(value), expected);
    }
    let factors = |v: f64| sqlite_float(v).matches("2.0370359763344861e90").count();
    assert_eq!((factors(f64::MAX), factors(5e-324), factors(1e-80)), (3, 3, 0));
}

#[test]
fn postgres_compares_a_number_that_is_no_integer_of_the_column_as_numeric() {
    let table = table_of(&[("c", INT, false)]);
    let column = &table.columns[0];
    assert_eq!(literal(Engine::Postgres, column, &Value::Int(i64::MIN)), "'-9223372036854775808'");
    assert_eq!(literal(Engine::Postgres, column, &Value::UInt(u64::MAX)), "'18446744073709551615'::numeric");
    let half = Value::Decimal(Decimal::Small { coefficient: 15, scale: 1 });
    assert_eq!(literal(Engine::Postgres, column, &half), "'1.5'::numeric");
    let mut money = column.clone();
    money.logical = Some(Logical::Decimal { precision: Some(19), scale: 2 });
    money.native = "money (domain public.price)".to_owned();
    assert_eq!(literal(Engine::Postgres, &money, &half), "'1.5'::numeric::money");
}

#[test]
fn postgres_compares_citext_with_its_own_operators() {
    let mut table = table_of(&[("a", INT, false), ("b", TEXT, false)]);
    table.columns[1].native = "\"my ext\".citext (domain public.email)".to_owned();
    let range = KeyRange { lower: Some(vec![Value::Int(1), text("x")]), upper: None };
    assert_eq!(
        in_range(Engine::Postgres, &table, &[0, 1], &range).unwrap(),
        "(\"a\" >= '1' AND (\"a\" > '1' OR (\"a\" = '1' AND \"b\" OPERATOR(\"my ext\".>=) 'x')))"
    );
    let keys = [vec![text("x")], vec![text("y")]];
    assert_eq!(
        in_keys(Engine::Postgres, &table, &[1], &keys),
        "(\"b\" OPERATOR(\"my ext\".=) 'x') OR (\"b\" OPERATOR(\"my ext\".=) 'y')"
    );
}

#[test]
fn keys_are_compared_in_the_charset_of_their_column() {
    let mut table = table_of(&[("c", TEXT, false)]);
    let greek = KeyRange { lower: Some(vec![text("Ω")]), upper: Some(vec![text("z")]) };
    let condition = |table: &Table| in_range(Engine::MySql, table, &[0], &greek).unwrap();
    table.columns[0].collation = Some("utf8mb4_bin".to_owned());
    assert_eq!(condition(&table), "`c` >= 'Ω' AND `c` < 'z'");
    table.columns[0].collation = Some("latin1_german1_ci".to_owned());
    assert_eq!(condition(&table), "`c` >= CONVERT('Ω' USING latin1) COLLATE latin1_german1_ci AND `c` < 'z'");
    let keys = [vec![text("Ω")]];
    let looked_up = in_keys(Engine::MySql, &table, &[0], &keys);
    assert_eq!(looked_up, "`c` IN (CONVERT('Ω' USING latin1) COLLATE latin1_german1_ci)");
    assert_eq!(in_keys(Engine::Postgres, &table, &[0], &keys), "\"c\" IN ('Ω')");
}

fn column(logical: Logical) -> Column {
    table_of(&[("c", logical, false)]).columns.remove(0)
}

#[test]
fn mysql_never_reads_text_as_a_number() {
    for logical in [TEXT, Logical::Char { chars_max: 8 }, Logical::Enum] {
        let column = column(logical);
        assert_eq!(literal(Engine::MySql, &column, &Value::Int(0)), "'0'");
        assert_eq!(literal(Engine::MySql, &column, &Value::Bool(false)), "'0'");
        assert_eq!(literal(Engine::MySql, &column, &Value::F64(0.5)), "'0.5'");
        assert_eq!(literal(Engine::MySql, &column, &Value::Decimal(Decimal::parse("0.50").unwrap())), "'0.50'");
    }
    assert_eq!(literal(Engine::MySql, &column(INT), &Value::Int(0)), "0");
}

#[test]
fn numbers_that_only_postgres_has_lie_beyond_all_others() {
    let decimal = column(Logical::Decimal { precision: Some(20), scale: 4 });
    for (value, stored, above) in [
        (Value::Decimal(Decimal::NaN), "'NaN'", true),
        (Value::Decimal(Decimal::Infinity), "'Infinity'", true),
        (Value::Decimal(Decimal::NegInfinity), "'-Infinity'", false),
        (Value::F64(f64::NAN), "'NaN'", true),
        (Value::F32(f32::NEG_INFINITY), "'-Infinity'", false),
    ] {
        assert_eq!(literal(Engine::MySql, &decimal, &value), stored);
        let compared = if above { "1.7976931348623157e308" } else { "-1.7976931348623157e308" };
        assert_eq!(key_value(Engine::MySql, &decimal, &value), compared);
    }
    let numeric = column(Logical::SqliteNumeric);
    assert_eq!(key_value(Engine::Sqlite, &numeric, &Value::Decimal(Decimal::NaN)), "'NaN'");
    assert_eq!(key_value(Engine::Sqlite, &numeric, &Value::F64(f64::NAN)), "'NaN'");
    assert_eq!(key_value(Engine::Sqlite, &numeric, &Value::Decimal(Decimal::NegInfinity)), "-9e999");
}

#[test]
fn postgres_looks_a_uuid_up_in_bytea_by_its_bytes() {
    let bytea = column(Logical::Bytes { bytes_max: None });
    let literal = literal(Engine::Postgres, &bytea, &Value::Uuid([0xAB; 16]));
    assert_eq!(literal, format!("'\\x{}'", "ab".repeat(16)));
}

#[test]
fn only_a_rule_that_changes_nothing_finds_rows_by_a_literal() {
    use Engine::{MySql, Postgres, Sqlite};
    use Logical as L;
    let found = |engine, own: &Logical, other: &Logical, rule: &Rule| {
        finds_by_literal(engine, &column(own.clone()), &column(other.clone()), rule)
    };
    let plain_text = Rule::Text { trim_spaces: false };
    let plain_bytes = Rule::Bytes { trim_zeros: false };
    let decimal = L::Decimal { precision: Some(9), scale: 2 };
    let char = L::Char { chars_max: 8 };
    let (bytes, binary) = (L::Bytes { bytes_max: None }, L::Binary { bytes: 16 });
    let timestamp = |digits| L::Timestamp { digits };
    let instant = |digits| L::Instant { digits };
    let rounding = crate::canon::Rounding::HalfUp;
    let timestamps = |digits| Rule::Timestamp { digits, rounding };
    let instants = |naive_zone_minutes| Rule::Instant { digits: 6, rounding, naive_zone_minutes };
    for (expected, engine, own, other, rule) in [
        (true, MySql, INT, decimal.clone(), Rule::Number),
        (true, Sqlite, INT, INT, Rule::Number),
        (true, Postgres, L::Bool, L::Bool, Rule::Number),
        (false, Postgres, L::Bool, INT, Rule::Number),
        (false, MySql, L::Year, INT, Rule::Number),
        (false, Sqlite, L::SqliteNumeric, L::SqliteNumeric, Rule::Number),
        (false, MySql, L::Bits { len: Some(8) }, INT, Rule::Number),
        (false, MySql, L::Float64, INT, Rule::Double),
        (true, Sqlite, TEXT, TEXT, plain_text.clone()),
        (true, MySql, L::Enum, TEXT, plain_text.clone()),
        (false, Postgres, L::Network, TEXT, plain_text.clone()),
        (false, Postgres, TEXT, char.clone(), Rule::Text { trim_spaces: true }),
        (true, Postgres, bytes.clone(), bytes.clone(), plain_bytes.clone()),
        (false, Sqlite, bytes.clone(), bytes.clone(), plain_bytes.clone()),
        (false, Postgres, bytes.clone(), TEXT, plain_bytes.clone()),
        (false, Postgres, bytes.clone(), binary.clone(), Rule::Bytes { trim_zeros: true }),
        (true, Postgres, L::Uuid, binary.clone(), Rule::Uuid),
        (true, MySql, binary.clone(), L::Uuid, Rule::Uuid),
        (false, Sqlite, L::Uuid, L::Uuid, Rule::Uuid),
        (false, Postgres, bytes.clone(), L::Uuid, Rule::Uuid),
        (false, MySql, char.clone(), L::Uuid, Rule::Uuid),
        (true, MySql, L::Date, L::Date, Rule::Date),
        (false, Sqlite, L::Date, L::Date, Rule::Date),
        (false, Postgres, L::Date, timestamp(6), timestamps(6)),
        (true, Postgres, timestamp(3), timestamp(3), timestamps(3)),
        (false, Postgres, timestamp(6), timestamp(3), timestamps(3)),
        (false, Postgres, timestamp(6), timestamp(6), timestamps(3)),
        (false, MySql, instant(6), instant(6), Rule::Instant { digits: 0, rounding, naive_zone_minutes: 0 }),
        (false, Sqlite, timestamp(6), timestamp(6), timestamps(6)),
        (true, MySql, instant(6), instant(6), instants(0)),
        (false, Postgres, timestamp(6), instant(6), instants(60)),
        (false, Postgres, instant(6), timestamp(6), instants(60)),
        (false, MySql, L::Time { digits: 0 }, L::Time { digits: 0 }, Rule::Time { digits: 0, rounding }),
        (false, MySql, L::Json { ordered: true }, TEXT, Rule::Json),
    ] {
        assert_eq!(found(engine, &own, &other, &rule), expected, "{engine:?} {own:?} {other:?} {rule:?}");
    }
    let mut money = column(decimal.clone());
    money.native = "money".to_owned();
    assert!(!finds_by_literal(Postgres, &money, &column(decimal.clone()), &Rule::Number));
    assert!(finds_by_literal(MySql, &column(decimal), &money, &Rule::Number));
}

#[test]
fn ranges_are_half_open() {
    let table = table_of(&[("a", INT, false), ("b", TEXT, false)]);
    let one = KeyRange { lower: Some(vec![Value::Int(1)]), upper: Some(vec![Value::Int(9)]) };
    assert_eq!(in_range(Engine::Sqlite, &table, &[0], &one).unwrap(), "\"a\" >= 1 AND \"a\" < 9");
    let two = KeyRange { lower: Some(vec![Value::Int(1), text("x")]), upper: None };
    assert_eq!(in_range(Engine::Postgres, &table, &[0, 1], &two).unwrap(), "(\"a\", \"b\") >= ('1', 'x')");
    assert_eq!(
        in_range(Engine::MySql, &table, &[0, 1], &two).unwrap(),
        "(`a` >= 1 AND (`a` > 1 OR (`a` = 1 AND `b` >= 'x')))"
    );
    assert_eq!(in_range(Engine::MySql, &table, &[0, 1], &KeyRange::all()), None);
}

#[test]
fn a_row_with_a_null_key_is_in_the_first_range_only() {
    let table = table_of(&[("a", TEXT, true)]);
    let first = KeyRange { lower: None, upper: Some(vec![text("m")]) };
    let last = KeyRange { lower: Some(vec![text("m")]), upper: None };
    assert_eq!(in_range(Engine::Sqlite, &table, &[0], &first).unwrap(), "\"a\" < 'm' OR \"a\" IS NULL");
    assert_eq!(in_range(Engine::Sqlite, &table, &[0], &last).unwrap(), "\"a\" >= 'm' AND \"a\" IS NOT NULL");
}

#[test]
fn keys_are_looked_up_as_lists() {
    let table = table_of(&[("a", INT, false), ("b", TEXT, false)]);
    let keys = [vec![Value::Int(1), text("x")], vec![Value::Int(2), text("y")]];
    assert_eq!(in_keys(Engine::MySql, &table, &[0, 1], &keys), "(`a`, `b`) IN ((1, 'x'), (2, 'y'))");
    assert_eq!(in_keys(Engine::Sqlite, &table, &[0, 1], &keys), "(\"a\", \"b\") IN (VALUES (1, 'x'), (2, 'y'))");
    assert_eq!(where_clause(&[Some("a OR b"), None, Some("c")]), " WHERE (a OR b) AND (c)");
}

/// `(,)` is a value and `IS NULL`; `(1,)` is neither `IS NULL` nor `IS NOT NULL`.
#[test]
fn a_composite_without_values_is_not_null() {
    let mut composite = column(Logical::Composite { fields: Vec::new() });
    composite.nullable = true;
    assert_eq!(is_null(Engine::Postgres, &composite), "\"c\" IS NOT DISTINCT FROM NULL");
    assert_eq!(is_not_null(Engine::Postgres, &composite), "\"c\" IS DISTINCT FROM NULL");
    assert_eq!(is_null(Engine::MySql, &column(TEXT)), "`c` IS NULL");
}

mod rows_as_arrays {
    use super::super::change::{Rows, Update};
    use super::*;
    use crate::engine::Flavor;

    fn rows<'t>(engine: Engine, table: &'t Table, columns: &'t [usize]) -> Rows<'t> {
        Rows { engine, flavor: Flavor::Original, table, columns, identity: &[0] }
    }

    fn table_with(native: &str, logical: Logical) -> Table {
        let mut table = table_of(&[("id", INT, false), ("c", logical, true)]);
        table.columns[0].native = "bigint".to_owned();
        table.columns[1].native = native.to_owned();
        table
    }

    fn inserted(table: &Table, rows_: [&OwnedValue; 2]) -> String {
        let [one, two] = [Value::Int(1), Value::Int(2)];
        let cells = [[Some(&one), Some(rows_[0])], [Some(&two), Some(rows_[1])]];
        rows(Engine::Postgres, table, &[0, 1]).insert(&[&cells[0], &cells[1]])
    }

    #[test]
    fn elements_cannot_break_out() {
        let table = table_with("character varying(9)", TEXT);
        assert_eq!(
            inserted(&table, [&text("a'b\\\"c,{}"), &Value::Null]),
            "INSERT INTO \"s\".\"t\" (\"id\", \"c\") OVERRIDING SYSTEM VALUE SELECT * FROM \
             unnest('{\"1\",\"2\"}'::bigint[], '{\"a''b\\\\\\\"c,{}\",NULL}'::character varying[])"
        );
    }

    #[test]
    fn what_is_no_element_is_spelled_out() {
        for (native, logical) in [
            ("money", Logical::Decimal { precision: None, scale: 2 }),
            ("hstore", Logical::Map),
            ("s.pair", Logical::Composite { fields: Vec::new() }),
        ] {
            let table = table_with(native, logical);
            let sql = inserted(&table, [&text("1"), &text("2")]);
            assert!(sql.contains(" VALUES ('1', '1'"), "{native}: {sql}");
        }
        let small = table_with("smallint", Logical::Int { bits: 16, unsigned: false });
        let sql = inserted(&small, [&Value::Int(1), &Value::Int(1 << 20)]);
        assert!(sql.contains("('2', '1048576'::numeric)"), "{sql}");
    }

    #[test]
    fn one_row_needs_no_array() {
        let table = table_with("text", TEXT);
        let (id, value) = (Value::Int(7), text("x"));
        let rows = rows(Engine::Postgres, &table, &[0, 1]);
        assert!(rows.insert(&[&[Some(&id), Some(&value)]]).ends_with(" VALUES ('7', 'x')"));
        let update = Update { key: vec![(0, &id)], set: vec![(1, &value)], before: Vec::new() };
        assert_eq!(
            rows.update_many(&[update.clone(), update]),
            "UPDATE \"s\".\"t\" AS t SET \"c\" = v.c1 FROM unnest('{\"7\",\"7\"}'::bigint[], '{\"x\",\"x\"}'::text[]) \
             AS v (c0, c1) WHERE t.\"id\" = v.c0"
        );
    }
}
