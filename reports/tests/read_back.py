"""Reads a run's differences with pyarrow and with DuckDB.

Usage: read_back.py RUN_DIR EXPECTED.json
"""

import decimal
import json
import struct
import sys
import uuid

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds

run_dir, expected_path = sys.argv[1:]
expected = json.load(open(expected_path, encoding="utf-8"))
folder = f"{run_dir}/differences/public.every_type"

PYARROW_TYPES = {
    "id": "int64", "bool": "bool", "i8": "int8", "i16": "int16", "i24": "int32", "i32": "int32", "i64": "int64",
    "u8": "uint8", "u16": "uint16", "u32": "uint32", "u64": "uint64", "dec12_2": "decimal128(12, 2)",
    "dec3_5": "decimal128(5, 5)", "dec65_30": "decimal256(65, 30)", "dec_any": "string", "f32": "float",
    "f64": "double", "char": "string", "text": "string", "binary": "binary", "bytes": "binary",
    "date": "date32[day]", "time": "time64[us]", "timetz": "string", "timestamp": "timestamp[us]",
    "instant": "timestamp[us, tz=UTC]", "year": "int32", "interval": "string", "uuid": "extension<arrow.uuid>",
    "json": "string", "enum": "string", "set": "string", "bits": "string", "network": "string",
}

DUCKDB_TYPES = {
    "id": "BIGINT", "bool": "BOOLEAN", "i8": "TINYINT", "i16": "SMALLINT", "i24": "INTEGER", "i32": "INTEGER",
    "i64": "BIGINT", "u8": "UTINYINT", "u16": "USMALLINT", "u32": "UINTEGER", "u64": "UBIGINT",
    "dec12_2": "DECIMAL(12,2)", "dec3_5": "DECIMAL(5,5)", "dec65_30": "DOUBLE", "dec_any": "VARCHAR", "f32": "FLOAT",
    "f64": "DOUBLE", "char": "VARCHAR", "text": "VARCHAR", "binary": "BLOB", "bytes": "BLOB", "date": "DATE",
    "time": "TIME", "timetz": "VARCHAR", "timestamp": "TIMESTAMP", "instant": "TIMESTAMP WITH TIME ZONE",
    "year": "INTEGER", "interval": "VARCHAR", "uuid": "UUID", "json": "VARCHAR", "enum": "VARCHAR", "set": "VARCHAR",
    "bits": "VARCHAR", "network": "VARCHAR",
}


def check(condition, *what):
    if not condition:
        raise AssertionError(what)


def same_float(value, text, width):
    wanted = float({"Infinity": "inf", "-Infinity": "-inf"}.get(text, text))
    return struct.pack(width, value) == struct.pack(width, wanted)


def pyarrow_equal(scalar, wanted):
    of = scalar.type
    if pa.types.is_date32(of) or pa.types.is_time64(of) or pa.types.is_timestamp(of):
        return scalar.value == wanted
    value = scalar.as_py()
    if pa.types.is_boolean(of):
        return value is (wanted == "true")
    if pa.types.is_float32(of):
        return same_float(value, wanted, "<f")
    if pa.types.is_float64(of):
        return same_float(value, wanted, "<d")
    if pa.types.is_decimal(of):
        return value == decimal.Decimal(wanted)
    if pa.types.is_binary(of):
        return "\\x" + value.hex() == wanted
    return str(value) == wanted


def read_with_pyarrow():
    # The columns to compare by, not the display widths, decide the precision.
    decimal.getcontext().prec = 100
    table = ds.dataset(folder).to_table()
    source = table.schema.field("source").type
    check({f.name: str(f.type) for f in source} == PYARROW_TYPES, [str(f) for f in source])
    check(str(table.schema.field("run_id").type) == "dictionary<values=string, indices=int32, ordered=0>")
    rows = table.column("source").combine_chunks()
    untyped = table.column("untyped").to_pylist()
    changed = table.column("changed_columns").to_pylist()
    for item in expected:
        row, column, wanted = item["row"], item["column"], item["value"]
        scalar = rows.field(column)[row]
        check(changed[row] == [column], changed[row], column)
        check(table.column("key").combine_chunks().field("id")[row].as_py() == row)
        if item["typed"]:
            check(pyarrow_equal(scalar, wanted), item, scalar)
            check(untyped[row] == [], item, untyped[row])
        else:
            check(not scalar.is_valid, item, scalar)
            check([(u["side"], u["column"]) for u in untyped[row]] == [("source", column)], item, untyped[row])
            check(untyped[row][0]["text"] == str(wanted), item, untyped[row])
    whole = ds.dataset(f"{run_dir}/differences/%5ft")
    check(whole.count_rows() == 3000)
    # A table whose name starts with an underscore is not overlooked.
    check(len(ds.dataset(f"{run_dir}/differences").files) == 3)


DUCKDB_PLAIN = {
    "date": "date_diff('day', DATE '1970-01-01', {})",
    "time": "epoch_us({})",
    "timestamp": "epoch_us({})",
    "instant": "epoch_us({})",
}


def duckdb_equal(of, value, wanted):
    if of == "FLOAT":
        return same_float(value, wanted, "<f")
    if of == "DOUBLE":
        # DuckDB has no decimals of more than 38 digits.
        return same_float(value, wanted, "<d")
    if of.startswith("DECIMAL"):
        return value == decimal.Decimal(wanted)
    if of == "BOOLEAN":
        return value is (wanted == "true")
    if of == "BLOB":
        return "\\x" + value.hex() == wanted
    if of == "UUID":
        return value == uuid.UUID(wanted)
    return str(value) == str(wanted)


def read_with_duckdb():
    db = duckdb.connect()
    db.execute("SET TimeZone = 'UTC'")
    db.execute(f"CREATE VIEW d AS SELECT * FROM read_parquet('{folder}/*.parquet')")
    types = {row[0]: row[1] for row in db.execute("DESCRIBE SELECT source.* FROM d").fetchall()}
    check(types == DUCKDB_TYPES, types)
    for item in expected:
        row, column, wanted = item["row"], item["column"], item["value"]
        field = f'source."{column}"'
        shown = DUCKDB_PLAIN.get(column, "{}").format(field)
        value, untyped = db.execute(f"SELECT {shown}, untyped FROM d WHERE key.id = {row}").fetchone()
        if item["typed"]:
            check(duckdb_equal(types[column], value, wanted), item, value)
            check(untyped == [], item, untyped)
        else:
            check(value is None and untyped[0]["text"] == str(wanted), item, value, untyped)
    counts = db.execute(
        f"SELECT kind, status, count(*), min(source_count), min(target_count) "
        f"FROM read_parquet('{run_dir}/differences/*/*.parquet', union_by_name = true) GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    check(counts == [
        ("changed", "confirmed", len(expected), 1, 1),
        ("source_only", "confirmed", 1, 3, 1),
        ("target_only", "confirmed", 3000, 0, 1),
    ], counts)
    decided = db.execute("SELECT DISTINCT run_id, decided::VARCHAR, first_seen = decided FROM d").fetchall()
    check(decided == [("run-1", "2026-11-21 10:00:00.123456+00", True)], decided)


read_with_pyarrow()
read_with_duckdb()
print(f"{len(expected)} values in pyarrow and DuckDB")
