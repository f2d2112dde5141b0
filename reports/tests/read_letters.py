"""Reads exported dead letters with pyarrow and with DuckDB.

Usage: read_letters.py FOLDER BLAKE3_OF_LETTER_7
"""

import datetime
import sys

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds

folder, blake3 = sys.argv[1:]

COLUMNS = {
    "id": "int64", "epoch": "int64", "seq": "int64", "ordinal": "int64", "committed_at": "timestamp[us, tz=UTC]",
    "stream": "string", "incarnation": "string", "position": "string", "operation": "string", "table": "string",
    "key": "string", "class": "string", "policy": "string", "state": "string", "tool_version": "string",
    "row_blake3": "string", "reason": "string", "before": "map<string, string>", "after": "map<string, string>",
    "sink_row": "map<string, string>", "change": "binary",
}

table = ds.dataset(folder, format="parquet", exclude_invalid_files=True).to_table().sort_by("id")
# Newer versions of pyarrow say how a map's parts are called.
types = {field.name: "map<string, string>" if pa.types.is_map(field.type) and field.type.key_type == pa.string()
         and field.type.item_type == pa.string() else str(field.type) for field in table.schema}
assert types == COLUMNS, types

expected = {
    "id": 7, "epoch": 7, "seq": 3_000_000_000, "ordinal": 7,
    "committed_at": datetime.datetime(2023, 11, 14, 22, 13, 20, 123456, tzinfo=datetime.timezone.utc),
    "stream": "forward", "incarnation": "it's this log", "position": "0/16B3748", "operation": "update",
    "table": "public.t", "key": "id=7", "class": "update_missing", "policy": "dead_letter", "state": "waiting",
    "tool_version": "1.2.3", "row_blake3": blake3, "reason": None, "before": None,
    "after": [("z", "é\0\"'"), ("a", None), ("empty", "")], "sink_row": [], "change": bytes([0, 255, 7]),
}
found = table.slice(6, 1).to_pylist()[0]
assert found == expected, found

ids = [row[0] for row in duckdb.sql(f"SELECT id FROM '{folder}/*.parquet' ORDER BY id").fetchall()]
assert ids == list(range(1, 1001)), ids[:10]
query = f"""SELECT "after"['z'], "after"['a'], cardinality("after"), before IS NULL, cardinality(sink_row), change,
            count(*) OVER () FROM '{folder}/*.parquet' WHERE "table" = 'public.t' AND class = 'update_missing'
            AND "after"['empty'] = '' AND reason IS NULL ORDER BY id"""
rows = duckdb.sql(query).fetchall()
assert len(rows) == 500 and rows[3] == ("é\0\"'", None, 3, True, 0, bytes([0, 255, 7]), 500), rows[3]
print(f"{table.num_rows} letters in pyarrow and DuckDB")
