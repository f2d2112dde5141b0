//! Types that are made of others, that hold coordinates, or that have a notation
//! of their own, at their corners, against a real server.

use std::ops::Bound;

use switchback_engines::value::OwnedValue;
use switchback_engines::{
    Array, Date, Decimal, Dimension, Element, Engine, Entry, Field, Logical, Moment, Notation, Range, Scope, Shape,
    Table, Value, display, sql,
};
use switchback_fixtures::Side;

use super::{Fixture, on_both_versions, rows};

on_both_versions!(
    every_made_type_reads_as_it_was_written,
    notations_read_as_the_server_prints_them,
    queries_read_as_the_server_prints_them,
    names_of_objects_are_text,
    literals_are_read_as_the_same_value,
    a_stored_description_still_decodes,
    keys_of_made_types_find_their_rows,
    what_cannot_be_read_deep_inside_is_not_known,
);

const INT: Logical = Logical::Int { bits: 32, unsigned: false };
const TEXT: Logical = Logical::Text { chars_max: None };
const NUMERIC: Logical = Logical::Decimal { precision: None, scale: 0 };

/// What every fixture here has.
pub(super) const TYPES: &str = r#"
    CREATE EXTENSION hstore; CREATE EXTENSION ltree; CREATE EXTENSION citext;
    CREATE TYPE mood AS ENUM ('sad', 'o''k');
    CREATE DOMAIN price AS numeric(12,2);
    CREATE DOMAIN prices AS price[];
    CREATE TYPE pair AS (a int, "b c" text);
    CREATE TYPE deep AS (p pair, l pair[], m money, d price, v varchar(3)[]);
    CREATE TYPE nothing AS ();
    CREATE TYPE floatrange AS RANGE (subtype = float8);
    CREATE TABLE other (x int, y text);
    ALTER TABLE other ADD z int; ALTER TABLE other DROP y;
"#;

struct Case {
    native: &'static str,
    logical: Logical,
    values: Vec<(&'static str, OwnedValue)>,
}

fn case<const N: usize>(native: &'static str, logical: Logical, values: [(&'static str, OwnedValue); N]) -> Case {
    Case { native, logical, values: values.into() }
}

fn int(v: i64) -> OwnedValue {
    Value::Int(v)
}

fn text(v: &'static str) -> OwnedValue {
    Value::Text(v.into())
}

fn decimal(coefficient: i128, scale: u32) -> OwnedValue {
    Value::Decimal(Decimal::Small { coefficient, scale })
}

fn list(elements: Vec<OwnedValue>) -> OwnedValue {
    Value::Array(Box::new(Array::list(elements)))
}

fn grid(dimensions: &[(u32, i32)], elements: Vec<OwnedValue>) -> OwnedValue {
    let dimensions = dimensions.iter().map(|&(len, lower)| Dimension { len, lower }).collect();
    Value::Array(Box::new(Array { dimensions, elements }))
}

fn row(fields: Vec<OwnedValue>) -> OwnedValue {
    Value::Composite(fields)
}

fn span(lower: Bound<OwnedValue>, upper: Bound<OwnedValue>) -> Range<'static> {
    Range::Span { lower, upper }
}

fn range(lower: Bound<OwnedValue>, upper: Bound<OwnedValue>) -> OwnedValue {
    Value::Range(Box::new(span(lower, upper)))
}

fn empty() -> OwnedValue {
    Value::Range(Box::new(Range::Empty))
}

fn shape(kind: Shape, coordinates: &[f64]) -> OwnedValue {
    Value::Shape { kind, closed: false, coordinates: coordinates.to_vec() }
}

fn element(native: &str, logical: Logical) -> Box<Element> {
    Box::new(Element { native: native.to_owned(), logical })
}

fn array_of(native: &str, logical: Logical) -> Logical {
    Logical::Array { element: element(native, logical) }
}

fn field(name: &str, native: &str, logical: Logical) -> Field {
    Field { name: name.to_owned(), element: *element(native, logical) }
}

fn pair() -> Logical {
    Logical::Composite { fields: vec![field("a", "integer", INT), field("b c", "text", TEXT)] }
}

fn arrays() -> Vec<Case> {
    let micros = |v| Value::Timestamp(Moment::Micros(v));
    vec![
        case(
            "integer[]",
            array_of("integer", INT),
            [
                ("{}", list(vec![])),
                ("{1,NULL,-2147483648}", list(vec![int(1), Value::Null, int(-2_147_483_648)])),
                ("[0:1]={1,2}", grid(&[(2, 0)], vec![int(1), int(2)])),
                ("{{1,2},{3,NULL}}", grid(&[(2, 1), (2, 1)], vec![int(1), int(2), int(3), Value::Null])),
                ("[-5:-5][2:3]={{1,2}}", grid(&[(1, -5), (2, 2)], vec![int(1), int(2)])),
                ("{{{{{{1}}}}}}", grid(&[(1, 1); 6], vec![int(1)])),
            ],
        ),
        case(
            "text[]",
            array_of("text", TEXT),
            [(
                r#"{"",NULL,"NULL","a,b","{}","\"\\"," x ","é😀"}"#,
                list(vec![
                    text(""),
                    Value::Null,
                    text("NULL"),
                    text("a,b"),
                    text("{}"),
                    text("\"\\"),
                    text(" x "),
                    text("é😀"),
                ]),
            )],
        ),
        case(
            "numeric(12,2)[]",
            array_of("numeric", Logical::Decimal { precision: Some(12), scale: 2 }),
            [("{1.5,NaN}", list(vec![decimal(150, 2), Value::Decimal(Decimal::NaN)]))],
        ),
        case(
            "public.mood[]",
            array_of("public.mood", Logical::Enum),
            [("{sad,o'k,NULL}", list(vec![text("sad"), text("o'k"), Value::Null]))],
        ),
        case(
            "public.price[]",
            array_of("numeric (domain public.price)", Logical::Decimal { precision: Some(12), scale: 2 }),
            [("{1.5}", list(vec![decimal(150, 2)]))],
        ),
        case(
            "money[]",
            array_of("money", Logical::Decimal { precision: Some(19), scale: 2 }),
            [("{12.50,-92233720368547758.08}", list(vec![decimal(1250, 2), decimal(-9_223_372_036_854_775_808, 2)]))],
        ),
        case(
            "character(3)[]",
            array_of("character", Logical::Char { chars_max: 3 }),
            [("{a}", list(vec![text("a  ")]))],
        ),
        case(
            "\"char\"[]",
            array_of("\"char\"", Logical::Text { chars_max: Some(1) }),
            [("{a,\"\"}", list(vec![text("a"), text("")]))],
        ),
        case(
            "timestamp(3) without time zone[]",
            array_of("timestamp without time zone", Logical::Timestamp { digits: 3 }),
            [("{1970-01-01 00:00:00.0015,infinity}", list(vec![micros(1_000), Value::Timestamp(Moment::Infinity)]))],
        ),
        case(
            "bytea[]",
            array_of("bytea", Logical::Bytes { bytes_max: None }),
            [(r#"{"\\x00ff"}"#, list(vec![Value::Bytes(vec![0, 255].into())]))],
        ),
        case(
            "jsonb[]",
            array_of("jsonb", Logical::Json { ordered: false }),
            [(r#"{"{\"a\": 1}"}"#, list(vec![Value::Json("{\"a\": 1}".into())]))],
        ),
        case(
            "macaddr[]",
            array_of("macaddr", Logical::Network),
            [("{08:00:2b:01:02:03}", list(vec![text("08:00:2b:01:02:03")]))],
        ),
        case(
            "inet[]",
            array_of("inet", Logical::Network),
            [("{10.0.0.1,::1}", list(vec![text("10.0.0.1"), text("::1")]))],
        ),
        case(
            "interval[]",
            array_of("interval", Logical::Interval),
            [("{\"1 mon -2 days\"}", list(vec![Value::Interval { months: 1, days: -2, micros: 0 }]))],
        ),
        case(
            "boolean[]",
            array_of("boolean", Logical::Bool),
            [("{t,f,NULL}", list(vec![Value::Bool(true), Value::Bool(false), Value::Null]))],
        ),
        case(
            "real[]",
            array_of("real", Logical::Float32),
            [("{0.1,-0,Infinity}", list(vec![Value::F32(0.1), Value::F32(-0.0), Value::F32(f32::INFINITY)]))],
        ),
        case(
            "box[]",
            array_of("box", Logical::Shape { kind: Shape::Box }),
            [(
                "{(2,3),(0,1);(1,1),(0,0)}",
                list(vec![shape(Shape::Box, &[2., 3., 0., 1.]), shape(Shape::Box, &[1., 1., 0., 0.])]),
            )],
        ),
        case(
            "int4range[]",
            array_of("int4range", Logical::Range { bound: element("integer", INT) }),
            [("{\"[1,5]\",empty}", list(vec![range(Bound::Included(int(1)), Bound::Excluded(int(6))), empty()]))],
        ),
        case("public.citext[]", array_of("public.citext", TEXT), [("{aB}", list(vec![text("aB")]))]),
        case(
            "int2vector",
            array_of("smallint", Logical::Int { bits: 16, unsigned: false }),
            [("1 2", grid(&[(2, 0)], vec![int(1), int(2)]))],
        ),
    ]
}

fn ranges() -> Vec<Case> {
    let of = |native, logical| Logical::Range { bound: element(native, logical) };
    let many = |native, logical| Logical::Multirange { bound: element(native, logical) };
    let day = |v| Value::Date(Date::Days(v));
    let at = |v| Value::Instant(Moment::Micros(v));
    vec![
        case(
            "int4range",
            of("integer", INT),
            [
                ("empty", empty()),
                ("(,)", range(Bound::Unbounded, Bound::Unbounded)),
                ("[1,5]", range(Bound::Included(int(1)), Bound::Excluded(int(6)))),
                ("(,5]", range(Bound::Unbounded, Bound::Excluded(int(6)))),
                ("(1,)", range(Bound::Included(int(2)), Bound::Unbounded)),
            ],
        ),
        case(
            "numrange",
            of("numeric", NUMERIC),
            [
                ("(1.10,5]", range(Bound::Excluded(decimal(110, 2)), Bound::Included(decimal(5, 0)))),
                (
                    "[-Infinity,NaN)",
                    range(
                        Bound::Included(Value::Decimal(Decimal::NegInfinity)),
                        Bound::Excluded(Value::Decimal(Decimal::NaN)),
                    ),
                ),
            ],
        ),
        case(
            "daterange",
            of("date", Logical::Date),
            [("[1970-01-02,infinity)", range(Bound::Included(day(1)), Bound::Excluded(Value::Date(Date::Infinity))))],
        ),
        case(
            "tstzrange",
            of("timestamp with time zone", Logical::Instant { digits: 6 }),
            [(
                "[1970-01-01 00:00+00,1970-01-01 00:00:01+00]",
                range(Bound::Included(at(0)), Bound::Included(at(1_000_000))),
            )],
        ),
        case(
            "public.floatrange",
            of("double precision", Logical::Float64),
            [("[-0,1.5)", range(Bound::Included(Value::F64(-0.0)), Bound::Excluded(Value::F64(1.5))))],
        ),
        case(
            "int8multirange",
            many("bigint", Logical::Int { bits: 64, unsigned: false }),
            [
                ("{}", Value::Multirange(vec![])),
                (
                    "{[1,2],(,-5),[10,)}",
                    Value::Multirange(vec![
                        span(Bound::Unbounded, Bound::Excluded(int(-5))),
                        span(Bound::Included(int(1)), Bound::Excluded(int(3))),
                        span(Bound::Included(int(10)), Bound::Unbounded),
                    ]),
                ),
            ],
        ),
    ]
}

fn composites() -> Vec<Case> {
    let entry =
        |key: &'static str, value: Option<&'static str>| Entry { key: key.into(), value: value.map(Into::into) };
    let deep = Logical::Composite {
        fields: vec![
            field("p", "public.pair", pair()),
            field("l", "public.pair[]", array_of("public.pair", pair())),
            field("m", "money", Logical::Decimal { precision: Some(19), scale: 2 }),
            field("d", "numeric (domain public.price)", Logical::Decimal { precision: Some(12), scale: 2 }),
            field("v", "character varying[]", array_of("character varying", Logical::Text { chars_max: Some(3) })),
        ],
    };
    vec![
        case(
            "public.pair",
            pair(),
            [
                ("(1,\"a, b\")", row(vec![int(1), text("a, b")])),
                ("(,)", row(vec![Value::Null, Value::Null])),
                ("(1,\"\")", row(vec![int(1), text("")])),
                (r#"(1,"\\""()")"#, row(vec![int(1), text("\\\"()")])),
            ],
        ),
        case(
            "public.deep",
            deep,
            [(
                r#"("(1,x)","{""(2,\\""y z\\"")"",NULL}",12.50,1.5,"{abc}")"#,
                row(vec![
                    row(vec![int(1), text("x")]),
                    list(vec![row(vec![int(2), text("y z")]), Value::Null]),
                    decimal(1250, 2),
                    decimal(150, 2),
                    list(vec![text("abc")]),
                ]),
            )],
        ),
        case("public.nothing", Logical::Composite { fields: vec![] }, [("()", row(vec![]))]),
        // The type of a table's rows, without the column that was dropped.
        case(
            "public.other",
            Logical::Composite { fields: vec![field("x", "integer", INT), field("z", "integer", INT)] },
            [("(1,2)", row(vec![int(1), int(2)]))],
        ),
        case(
            "public.hstore",
            Logical::Map,
            [
                ("", Value::Map(vec![])),
                (
                    r#"a=>1, bb=>NULL, c=>"NULL", ""=>"", "\"\\"=>"é""#,
                    // The server's order: shorter keys first.
                    Value::Map(vec![
                        entry("", Some("")),
                        entry("a", Some("1")),
                        entry("c", Some("NULL")),
                        entry("\"\\", Some("é")),
                        entry("bb", None),
                    ]),
                ),
            ],
        ),
    ]
}

fn shapes() -> Vec<Case> {
    let of = |kind| Logical::Shape { kind };
    let path =
        |closed, coordinates: &[f64]| Value::Shape { kind: Shape::Path, closed, coordinates: coordinates.to_vec() };
    vec![
        case(
            "point",
            of(Shape::Point),
            [
                ("(1.5,-0)", shape(Shape::Point, &[1.5, -0.0])),
                ("(Infinity,1e-300)", shape(Shape::Point, &[f64::INFINITY, 1e-300])),
            ],
        ),
        case("line", of(Shape::Line), [("{1,2,3}", shape(Shape::Line, &[1., 2., 3.]))]),
        case("lseg", of(Shape::Segment), [("[(1,2),(3,4)]", shape(Shape::Segment, &[1., 2., 3., 4.]))]),
        case("box", of(Shape::Box), [("(0,1),(2,3)", shape(Shape::Box, &[2., 3., 0., 1.]))]),
        case(
            "path",
            of(Shape::Path),
            [("[(1,2),(3,4)]", path(false, &[1., 2., 3., 4.])), ("((1,2),(3,4))", path(true, &[1., 2., 3., 4.]))],
        ),
        case(
            "polygon",
            of(Shape::Polygon),
            [("((1,2),(3,4),(5,0.1))", shape(Shape::Polygon, &[1., 2., 3., 4., 5., 0.1]))],
        ),
        case("circle", of(Shape::Circle), [("<(1,2),0.5>", shape(Shape::Circle, &[1., 2., 0.5]))]),
    ]
}

fn notations() -> Vec<Case> {
    let of = |kind| Logical::Notation { kind };
    vec![
        case(
            "pg_lsn",
            of(Notation::LogPosition),
            [("16/B374D848", text("16/B374D848")), ("FFFFFFFF/FFFFFFFF", text("FFFFFFFF/FFFFFFFF"))],
        ),
        case(
            "pg_snapshot",
            of(Notation::Snapshot),
            [("10:20:10,14,15", text("10:20:10,14,15")), ("1:1:", text("1:1:"))],
        ),
        case("txid_snapshot", of(Notation::Snapshot), [("10:20:10", text("10:20:10"))]),
        case("xid8", Logical::Int { bits: 64, unsigned: true }, [("18446744073709551615", Value::UInt(u64::MAX))]),
        case("xid", Logical::Int { bits: 32, unsigned: true }, [("4294967295", int(4_294_967_295))]),
        case("tid", of(Notation::RowPosition), [("(4294967295,7)", text("(4294967295,7)"))]),
        case("jsonpath", of(Notation::JsonPath), [("$.a[*] ? (@ > 1)", text("$.\"a\"[*]?(@ > 1)"))]),
        case(
            "tsvector",
            of(Notation::TextSearchVector),
            [("", text("")), (r"a:1A,2 'b''\\c':3D", text(r"'a':1A,2 'b''\\c':3"))],
        ),
        case(
            "tsquery",
            of(Notation::TextSearchQuery),
            [("", text("")), ("!(a & b:*AB) <2> c", text("!( 'a' & 'b':*AB ) <2> 'c'"))],
        ),
        case(
            "public.ltree",
            of(Notation::LabelPath),
            [("Top.Science.Äpfel", text("Top.Science.Äpfel")), ("", text(""))],
        ),
        case("public.lquery", of(Notation::LabelPattern), [("Top.*{1,2}.!a|b@", text("Top.*{1,2}.!a|b@"))]),
        case("public.ltxtquery", of(Notation::LabelSearch), [("a & !b*", text("a & !b*"))]),
        case("refcursor", TEXT, [("c1", text("c1"))]),
    ]
}

fn all() -> Vec<Case> {
    [arrays(), ranges(), composites(), shapes(), notations()].into_iter().flatten().collect()
}

/// Types and literals of them, for who compares another way of reading.
pub(super) fn literals() -> Vec<(&'static str, Vec<&'static str>)> {
    all().into_iter().map(|case| (case.native, case.values.into_iter().map(|(literal, _)| literal).collect())).collect()
}

async fn filled(side: Side, hint: &str, cases: &[Case]) -> Fixture {
    let mut sql = TYPES.to_owned();
    for (i, case) in cases.iter().enumerate() {
        sql.push_str(&format!("CREATE TABLE t{i} (id int PRIMARY KEY, v {}, w {});", case.native, case.native));
        for (id, (literal, _)) in case.values.iter().enumerate() {
            let literal = literal.replace('\'', "''");
            sql.push_str(&format!("INSERT INTO t{i} VALUES ({id}, '{literal}');\n"));
        }
        sql.push_str(&format!("INSERT INTO t{i} VALUES (-1, NULL);"));
    }
    Fixture::new(side, hint, &sql).await
}

/// A NaN is not equal to itself, and the sign of a zero is lost in `==`.
fn same(a: &OwnedValue, b: &OwnedValue) -> bool {
    format!("{a:?}") == format!("{b:?}")
}

async fn values(fixture: &Fixture, table: &Table) -> Vec<OwnedValue> {
    let mut found = rows(&fixture.postgres, table, Scope::All).await.expect("rows");
    found.sort_by_key(|row| display::text(&row[0]).and_then(|id| id.parse::<i64>().ok()));
    found.into_iter().map(|mut row| row.swap_remove(1)).collect()
}

async fn every_made_type_reads_as_it_was_written(side: Side) {
    let cases = all();
    let fixture = filled(side, "made", &cases).await;
    for (i, case) in cases.iter().enumerate() {
        let table = fixture.table(&format!("t{i}")).await;
        assert_eq!(table.columns[1].native, case.native);
        assert_eq!(table.columns[1].logical, Some(case.logical.clone()), "{}", case.native);
        let found = values(&fixture, &table).await;
        let expected: Vec<OwnedValue> =
            std::iter::once(Value::Null).chain(case.values.iter().map(|(_, value)| value.clone())).collect();
        assert_eq!(found.len(), expected.len(), "{}", case.native);
        for (found, expected) in found.iter().zip(&expected) {
            assert!(same(found, expected), "{}: {found:?} is not {expected:?}", case.native);
        }
    }
}

/// Our literal of each value makes the server store the same value again.
async fn literals_are_read_as_the_same_value(side: Side) {
    let cases = all();
    let fixture = filled(side, "literals", &cases).await;
    for (i, case) in cases.iter().enumerate() {
        let table = fixture.table(&format!("t{i}")).await;
        for (id, (_, value)) in case.values.iter().enumerate() {
            let literal = sql::literal(Engine::Postgres, &table.columns[2], value);
            fixture.execute(&format!("UPDATE t{i} SET w = {literal} WHERE id = {id}")).await;
        }
        let mut found = rows(&fixture.postgres, &table, Scope::All).await.expect("rows");
        found.retain(|row| !row[1].is_null());
        assert_eq!(found.len(), case.values.len());
        for row in found {
            assert!(same(&row[1], &row[2]), "{}: {:?} became {:?}", case.native, row[1], row[2]);
        }
    }
}

async fn a_stored_description_still_decodes(side: Side) {
    let cases = all();
    let fixture = filled(side, "stored", &cases).await;
    for i in 0..cases.len() {
        let table = fixture.table(&format!("t{i}")).await;
        let stored = serde_json::to_string(&table).expect("a description as JSON");
        let loaded: Table = serde_json::from_str(&stored).expect("the description again");
        assert_eq!(loaded, table);
        assert_eq!(format!("{:?}", values(&fixture, &loaded).await), format!("{:?}", values(&fixture, &table).await));
    }
}

/// Compares `v` with what the server itself prints in `t`, for every row.
async fn reads_as_printed(fixture: &Fixture, table: &str, least: usize) {
    let table = fixture.table(table).await;
    let rows = rows(&fixture.postgres, &table, Scope::All).await.expect("rows");
    assert!(rows.len() >= least, "only {} rows", rows.len());
    for row in rows {
        assert_eq!(display::text(&row[0]), display::text(&row[1]));
    }
}

async fn notations_read_as_the_server_prints_them(side: Side) {
    let fixture = Fixture::new(
        side,
        "notations",
        "CREATE TABLE v AS SELECT v, v::text AS t FROM (
             SELECT to_tsvector('simple', string_agg(chr(97 + (random() * 25)::int) || chr(39 + (random() * 60)::int), ' ')) AS v
             FROM generate_series(1, 3000) i, generate_series(1, 9) j GROUP BY i) s;
         INSERT INTO v SELECT v, v::text FROM (
             SELECT setweight(v, (ARRAY['A', 'B', 'C', 'D'])[1 + (random() * 3)::int]::\"char\") AS v FROM v) s;
         CREATE TABLE l AS SELECT v, v::text AS t FROM (
             SELECT ('0/0'::pg_lsn + (random() * 1e18)::numeric(20, 0)) AS v FROM generate_series(1, 1000)) s",
    )
    .await;
    reads_as_printed(&fixture, "v", 6000).await;
    reads_as_printed(&fixture, "l", 1000).await;
}

/// Operators of every kind under each other, in every order.
async fn queries_read_as_the_server_prints_them(side: Side) {
    let fixture = Fixture::new(
        side,
        "queries",
        "CREATE TABLE q (v tsquery);
         INSERT INTO q VALUES ('a'), ('b:*'), ('c:AD'), ('!d'), ('''e f'''), ('''g'''''':*B');
         DO $$ BEGIN FOR round IN 1..4 LOOP
             INSERT INTO q SELECT CASE (random() * 5)::int
                 WHEN 0 THEN !! a.v WHEN 1 THEN a.v && b.v WHEN 2 THEN a.v || b.v
                 WHEN 3 THEN tsquery_phrase(a.v, b.v) ELSE tsquery_phrase(a.v, b.v, (random() * 9)::int) END
             FROM (SELECT v FROM q ORDER BY random() LIMIT 60) a, (SELECT v FROM q ORDER BY random() LIMIT 30) b;
         END LOOP; END $$;
         ALTER TABLE q ADD t text; UPDATE q SET t = v::text",
    )
    .await;
    reads_as_printed(&fixture, "q", 3000).await;
    // As deep as a page holds: the server moves no query out of its row.
    fixture
        .execute(
            "TRUNCATE q; INSERT INTO q SELECT v, v::text FROM (
                 SELECT string_agg('w' || i, ' | ')::tsquery AS v FROM generate_series(1, 250) i
                 UNION ALL SELECT (repeat('!', 20) || 'x')::tsquery) s",
        )
        .await;
    reads_as_printed(&fixture, "q", 2).await;
}

async fn names_of_objects_are_text(side: Side) {
    let fixture = Fixture::new(
        side,
        "objects",
        "CREATE SCHEMA \"S\"; CREATE TABLE \"S\".\"T\" (); CREATE DOMAIN place AS regclass;
         CREATE TABLE r (a regclass, b regtype[], c regproc, d regrole, e place);
         INSERT INTO r VALUES ('\"S\".\"T\"', '{int4,\"\\\"S\\\".\\\"T\\\"\"}', 'pg_catalog.now', 'pg_monitor', 'pg_class'), (0, '{}', 0, 0, NULL)",
    )
    .await;
    let table = fixture.table("r").await;
    let found = rows(&fixture.postgres, &table, Scope::All).await.expect("rows");
    assert_eq!(
        found[0],
        [
            text("\"S\".\"T\""),
            list(vec![text("integer"), text("\"S\".\"T\"")]),
            text("now"),
            text("pg_monitor"),
            text("pg_class")
        ]
    );
    assert_eq!(found[1], [text("-"), list(vec![]), text("-"), text("-"), Value::Null]);
}

async fn keys_of_made_types_find_their_rows(side: Side) {
    for (native, literals) in [
        ("integer[]", ["{1}", "{1,NULL}", "[0:0]={1}"]),
        ("int4range", ["empty", "[1,5)", "(,5)"]),
        ("public.pair", ["(1,a)", "(1,\"b\"\"\")", "(2,\"\")"]),
        ("public.citext[]", ["{a}", "{B}", "{c}"]),
        ("public.ltree", ["a.b", "a", "b"]),
        ("tsvector", ["a", "b:1", "a:2 b"]),
        ("pg_lsn", ["0/1", "0/2", "1/0"]),
        ("public.hstore", ["a=>1", "a=>NULL", ""]),
    ] {
        let mut sql = format!("{TYPES} CREATE TABLE k (v {native} PRIMARY KEY);");
        for literal in literals {
            sql.push_str(&format!("INSERT INTO k VALUES ('{literal}');"));
        }
        let fixture = Fixture::new(side, "keys", &sql).await;
        let table = fixture.table("k").await;
        let all = rows(&fixture.postgres, &table, Scope::All).await.expect("rows");
        let one = [all[1].clone()];
        let found = rows(&fixture.postgres, &table, Scope::Keys { key: &[0], values: &one }).await.expect(native);
        assert_eq!(found, one, "{native}");
        let range = switchback_engines::KeyRange { lower: Some(all[1].clone()), upper: None };
        let above = rows(&fixture.postgres, &table, Scope::Range { key: &[0], range: &range }).await.expect(native);
        let range = switchback_engines::KeyRange { lower: None, upper: Some(all[1].clone()) };
        let below = rows(&fixture.postgres, &table, Scope::Range { key: &[0], range: &range }).await.expect(native);
        assert_eq!(above.len() + below.len(), 3, "{native}");
        assert!(above.contains(&one[0]), "{native}");
    }
}

async fn what_cannot_be_read_deep_inside_is_not_known(side: Side) {
    let fixture = Fixture::new(
        side,
        "deep",
        "CREATE TYPE named AS (t regclass); CREATE TYPE granted AS (a aclitem[]);
         CREATE TABLE d (a named, b granted[], c aclitem)",
    )
    .await;
    let table = fixture.table("d").await;
    for column in &table.columns {
        assert_eq!(column.logical, None, "{}", column.native);
    }
}
