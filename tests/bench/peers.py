"""dlt as a peer: a register export into PostgreSQL by its fastest path, or row by row.

    python -m tests.bench.peers arrow|rows FILE ROWS DSN WORK_FOLDER

A first run of a few rows makes the tables, the second one is measured. Prints one line of JSON: rows of the second run,
and the seconds of each. It checks nothing, drops nothing and makes no pseudonyms; the arrow path types the dates.
"""

import csv
import itertools
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.generate import ENCODING

DATES = ("Stichtag", "Geburtsdatum", "Einzugsdatum", "Auszugsdatum")
BATCH_ROWS = 5_000
FIRST_ROWS = 1_000


def arrow_tables(file: Path, rows: int) -> Iterator:
    """The file's first rows as Arrow tables, read by pyarrow block by block, dates typed."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    titles = file.open(encoding=ENCODING).readline().rstrip().split(";")
    reader = arrow_csv.open_csv(
        file,
        read_options=arrow_csv.ReadOptions(encoding=ENCODING, block_size=8 << 20),
        parse_options=arrow_csv.ParseOptions(delimiter=";"),
        convert_options=arrow_csv.ConvertOptions(
            column_types={title: pa.timestamp("s") if title in DATES else pa.string() for title in titles},
            timestamp_parsers=["%d.%m.%Y"],
            strings_can_be_null=False,
        ),
    )
    typed = pa.schema([(title, pa.date32() if title in DATES else pa.string()) for title in titles])
    left = rows
    for batch in reader:
        yield pa.Table.from_batches([batch.slice(0, left)]).cast(typed)
        left -= batch.num_rows
        if left <= 0:
            return


def dictionaries(file: Path, rows: int) -> Iterator[list[dict[str, str]]]:
    """The file's first rows as dictionaries, some thousand at a time, as dlt's documentation advises."""
    with file.open(encoding=ENCODING, newline="") as text:
        reader = itertools.islice(csv.DictReader(text, delimiter=";"), rows)
        while batch := list(itertools.islice(reader, BATCH_ROWS)):
            yield batch


def main(path: str, file: str, rows: str, dsn: str, work: str) -> None:
    os.environ |= {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR", "DLT_DATA_DIR": work}
    import dlt

    source = {"arrow": arrow_tables, "rows": dictionaries}[path]
    destination = dlt.destinations.postgres(credentials=dsn)
    pipeline = dlt.pipeline("bench", pipelines_dir=work, destination=destination, dataset_name=f"dlt_{path}")

    def load(count: int) -> float:
        resource = dlt.resource(source(Path(file), count), name="person", write_disposition="append")
        began = time.monotonic()
        pipeline.run(resource, loader_file_format="parquet" if path == "arrow" else None)
        return time.monotonic() - began

    first, seconds = load(FIRST_ROWS), load(int(rows))
    with pipeline.sql_client() as client:
        (loaded,) = client.execute_sql("select count(*) from person")[0]
    print(json.dumps({"rows": loaded - FIRST_ROWS, "seconds": seconds, "first_seconds": first}))


if __name__ == "__main__":
    main(*sys.argv[1:])
