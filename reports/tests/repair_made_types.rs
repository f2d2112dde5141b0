//! The same as [`crate::repair_types`] for types that are made of others, that
//! hold coordinates, or that have a notation of their own.

use fixtures::Family;
use switchback_fixtures as fixtures;

use crate::repair_types::{Case, MYSQL_SESSION, repaired};

const POSTGRES: [Case; 34] = [
    ("int[]", &["'{}'", "'{1,NULL}'", "'[0:1]={1,2}'", "'{1,2}'", "'{{1},{2}}'"]),
    ("text[]", &[r#"'{"",NULL,"NULL","it''s \\ \" {},"}'"#, "'{a}'", "'{A}'"]),
    ("numeric(12,2)[]", &["'{1.10,NaN}'", "'{1.11}'"]),
    ("price[]", &["'{1.10}'", "'{1.11}'"]),
    ("money[]", &["'{0.01}'", "'{-0.01}'"]),
    ("mood[]", &["'{sad}'", "'{it''s,sad}'"]),
    ("interval[]", &["'{1 mon}'", "'{30 days}'"]),
    ("bytea[]", &[r#"'{"\\x00ff"}'"#, r#"'{"\\x"}'"#]),
    ("timestamptz[]", &["'{infinity}'", r#"'{"0044-03-15 10:00+00 BC"}'"#]),
    ("json[]", &[r#"'{"{\"a\":1}"}'"#, "'{1}'"]),
    ("box[]", &["'{(1,1),(0,0);(2,2),(0,0)}'", "'{(1,1),(0,0)}'"]),
    ("pair[]", &[r#"'{"(1,\"a b\")",NULL}'"#, r#"'{"(,)"}'"#]),
    ("int4range", &["'empty'", "'(,)'", "'[1,5)'", "'(,5)'"]),
    ("numrange", &["'[1.10,5]'", "'(1.10,5)'"]),
    ("tstzrange", &["'[2024-01-01 00:00+00,)'", "'(-infinity,2024-01-01 00:00+01]'"]),
    ("int8multirange", &["'{}'", "'{[1,2),[4,5)}'"]),
    ("pair", &[r#"'(1,"it''s \"\" \\ ()")'"#, "'(,)'", r#"'(1,"")'"#]),
    ("pairs", &["'(1,a)'", "'(2,a)'"]),
    ("hstore", &["''", r#"'"a\""=>"it''s \\", b=>NULL'"#, r#"'b=>"NULL"'"#]),
    ("point", &["'(1.5,-0)'", "'(1.5,1e-300)'", "'(NaN,Infinity)'"]),
    ("line", &["'{1,2,3}'", "'{1,2,4}'"]),
    ("lseg", &["'[(1,2),(3,4)]'", "'[(1,2),(4,3)]'"]),
    ("box", &["'(1,4),(0,0)'", "'(2,2),(0,0)'"]),
    ("path", &["'((1,2),(3,4))'", "'[(1,2),(3,4)]'"]),
    ("polygon", &["'((1,2),(3,4),(5,0))'", "'((1,2),(3,4))'"]),
    ("circle", &["'<(1,2),3>'", "'<(2,1),3>'"]),
    ("tsvector", &["''", "'a:1A,2 ''it''''s'''", "'a'"]),
    ("tsquery", &["''", "'!(a & b:*AB) <2> c'", "'a | b'"]),
    ("jsonpath", &["'$.a[*] ? (@ > 1)'", "'$'"]),
    ("pg_lsn", &["'0/0'", "'16/B374D848'"]),
    ("xid8", &["'18446744073709551615'", "'0'"]),
    ("pg_snapshot", &["'10:20:10,14'", "'1:1:'"]),
    ("ltree", &["'a.b'", "''"]),
    ("regclass", &["'pg_class'", r#"'other."Named"'"#]),
];

const GEOMETRIES: [Case; 4] = [
    ("point", &["ST_GeomFromText('POINT(1 2)')", "ST_GeomFromText('POINT(2 1)')"]),
    (
        "geometry",
        &[
            "ST_GeomFromText('POINT(1 2)', 4326)",
            "ST_GeomFromText('POINT(1 2)')",
            "ST_GeomFromText('LINESTRING(0 0,1 1)')",
        ],
    ),
    ("polygon", &["ST_GeomFromText('POLYGON((0 0,9 0,9 9,0 0))')", "ST_GeomFromText('POLYGON((0 0,8 0,8 8,0 0))')"]),
    ("geometrycollection", &["ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 2))')"]),
];

#[tokio::test(flavor = "multi_thread")]
async fn postgres_made_types() {
    let before = "CREATE EXTENSION hstore; CREATE EXTENSION ltree; CREATE TYPE mood AS ENUM ('sad', 'it''s');
        CREATE DOMAIN price AS numeric(12,2); CREATE TYPE pair AS (a int, \"b c\" text); CREATE DOMAIN pairs AS pair;
        CREATE SCHEMA other; CREATE SEQUENCE other.\"Named\";
        SET TIME ZONE 'UTC';";
    repaired(Family::Postgres, before, "bigint", "", &POSTGRES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_made_types() {
    let vector: Case = ("vector(2)", &["STRING_TO_VECTOR('[1,2]')", "STRING_TO_VECTOR('[2,0.1]')"]);
    let cases: Vec<Case> = GEOMETRIES.into_iter().chain([vector]).collect();
    repaired(Family::MySql, MYSQL_SESSION, "bigint", "", &cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_made_types() {
    let more: [Case; 3] = [
        ("inet6", &["'::1'", "'::ffff:10.0.0.1'"]),
        ("inet4", &["'10.0.0.1'"]),
        ("uuid", &["'0188b9a2-0000-7000-8000-0123456789ab'"]),
    ];
    let cases: Vec<Case> = GEOMETRIES.into_iter().chain(more).collect();
    repaired(Family::MariaDb, MYSQL_SESSION, "bigint", "", &cases).await;
}
