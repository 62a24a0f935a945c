#!/usr/bin/env python3
"""Reads every file of an archive with pyarrow and with DuckDB, and compares what they see with the manifests.

    archive_readers.py ARCHIVE

For each file: counts, the sums of all integer and decimal columns to 1/10,000 rupee, the first and last `seq`, types
(decimals with four places, instants in UTC), the order of the rows and the statistics that let readers skip; and every
value of one reader against that of the other. For each table: the folders as one data set. Prints one JSON object with
what was looked at; the first difference ends it with exit code 1.
"""

import glob
import json
import os
import sys
from decimal import Decimal

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

SCALE = 10_000
WIDE = pa.decimal128(38, 4)
WHOLE = pa.decimal128(38, 0)


def refuse(path, what):
    sys.exit(f"{path}: {what}")


def expect(path, what, found, should):
    if found != should:
        refuse(path, f"{what} is {found}, and should be {should}")


def sum_of(column):
    """An exact sum as an integer, decimals in 1/10,000."""
    is_decimal = pa.types.is_decimal(column.type)
    # Sums of nanoseconds are beyond 64 bits.
    total = pc.sum(column.cast(WIDE if is_decimal else WHOLE)).as_py() or 0
    return int(total * SCALE) if is_decimal else int(total)


def check_types(path, schema):
    for field in schema:
        if pa.types.is_timestamp(field.type):
            expect(path, f"the zone of {field.name}", (field.type.unit, field.type.tz), ("us", "UTC"))
        if pa.types.is_decimal(field.type):
            expect(path, f"the scale of {field.name}", field.type.scale, 4)
        if pa.types.is_floating(field.type) and not field.name.startswith("fact_"):
            refuse(path, f"{field.name} is a float")


def check_layout(path, table):
    metadata = pq.ParquetFile(path).metadata
    for group in range(metadata.num_row_groups):
        for at in range(metadata.num_columns):
            column = metadata.row_group(group).column(at)
            expect(path, f"compression of {column.path_in_schema}", column.compression, "ZSTD")
            if column.path_in_schema in ("seq", "ts", "instrument_id"):
                statistics = column.statistics
                if statistics is None or not statistics.has_min_max:
                    refuse(path, f"{column.path_in_schema} has no statistics to skip by")
    if "instrument_id" in table.column_names:
        # What is of no instrument comes first.
        instrument, ts = pc.fill_null(table.column("instrument_id"), -1), table.column("ts_ns")
        before, behind = (instrument[:-1], ts[:-1]), (instrument[1:], ts[1:])
        same = pc.and_(pc.equal(before[0], behind[0]), pc.less_equal(before[1], behind[1]))
        in_order = pc.or_(pc.less(before[0], behind[0]), same)
        if not pc.all(in_order, min_count=0).as_py():
            refuse(path, "the rows are not in the order of their instruments and times")


def check_pyarrow(path, entry):
    table = pq.read_table(path, partitioning=None)
    expect(path, "the number of rows", table.num_rows, entry["rows"])
    for name, should in entry["sums"].items():
        expect(path, f"the sum of {name}", sum_of(table.column(name)), int(should))
    seq = pc.min_max(table.column("seq")).as_py()
    expect(path, "the range of seq", (seq["min"], seq["max"]), (entry["first_seq"], entry["last_seq"]))
    dates = {str(date) for date in pc.unique(table.column("trading_date")).to_pylist()}
    expect(path, "the trading date", dates, {entry["date"]})
    # The instants are those of the nanoseconds beside them, which have no zone that could be mistaken.
    instants = table.column("ts").cast(pa.int64())
    expect(path, "ts", pc.all(pc.equal(instants, pc.divide(table.column("ts_ns"), 1000))).as_py(), True)
    check_types(path, table.schema)
    check_layout(path, table)
    return table


def check_duckdb(connection, path, entry, seen):
    relation = connection.from_parquet(path, hive_partitioning=False)
    types = dict(zip(relation.columns, map(str, relation.types)))
    expect(path, "DuckDB's type of ts", types["ts"], "TIMESTAMP WITH TIME ZONE")
    sums = ", ".join(f'coalesce(sum("{name}"), 0)' for name in entry["sums"])
    [(count, instants, *totals)] = connection.execute(
        f"SELECT count(*), count_if(epoch_us(ts) = ts_ns // 1000), {sums} FROM read_parquet(?)", [path]
    ).fetchall()
    expect(path, "DuckDB's number of rows", (count, instants), (entry["rows"], entry["rows"]))
    for name, total in zip(entry["sums"], totals):
        scaled = total * SCALE if isinstance(total, Decimal) else total
        expect(path, f"DuckDB's sum of {name}", int(scaled), int(entry["sums"][name]))
        decimal = types[name].startswith("DECIMAL")
        expect(path, f"DuckDB's type of {name}", decimal, pa.types.is_decimal(seen.field(name).type))
    # Every value as the other reader has it. The types of texts and decimals have several names in memory.
    theirs = relation.to_arrow_table()
    expect(path, "DuckDB's columns", theirs.column_names, seen.column_names)
    for name in seen.column_names:
        one, other = seen.column(name), theirs.column(name)
        if pa.types.is_timestamp(one.type):
            one, other = one.cast(pa.int64()), other.cast(pa.int64())
        elif pa.types.is_decimal(one.type):
            one, other = one.cast(WIDE), other.cast(WIDE)
        elif one.type != other.type:
            one, other = one.cast(pa.large_string()), other.cast(pa.large_string())
        expect(path, f"{name} of one reader against the other", one.combine_chunks().equals(other.combine_chunks()), True)


def check_folders(connection, root, rows):
    """Tables as their folders: hive partitions by date, and nothing that no manifest lists."""
    for kind, should in rows.items():
        folder = os.path.join(root, f"kind={kind}")
        pattern = os.path.join(folder, "*", "*.parquet").replace("'", "''")
        found = connection.execute(
            f"SELECT count(*), count_if(date = trading_date) FROM read_parquet('{pattern}', hive_partitioning = true)"
        ).fetchall()
        expect(folder, "DuckDB's rows of the folder", found, [(should, should)])
        data = ds.dataset(folder, format="parquet", partitioning="hive")
        expect(folder, "pyarrow's rows of the folder", data.count_rows(), should)


def main():
    root = sys.argv[1]
    connection = duckdb.connect()
    files, rows, bytes_read = 0, {}, 0
    for path in sorted(glob.glob(os.path.join(root, "_manifest", "*", "*.json"))):
        with open(path) as text:
            manifest = json.load(text)
        for entry in manifest["files"]:
            file = os.path.join(root, entry["path"])
            expect(file, "its size", os.path.getsize(file), entry["bytes"])
            check_duckdb(connection, file, entry, check_pyarrow(file, entry))
            files, bytes_read = files + 1, bytes_read + entry["bytes"]
            rows[entry["kind"]] = rows.get(entry["kind"], 0) + entry["rows"]
    check_folders(connection, root, rows)
    print(json.dumps({"files": files, "rows": sum(rows.values()), "bytes": bytes_read, "kinds": rows}))


if __name__ == "__main__":
    main()
