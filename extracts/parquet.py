"""A mart with more rows than a spreadsheet takes, whole, as Parquet: the columns of its CSV with their exact types.

Numbers are decimals and never floats, paths and keys are text, and after each figure stands its status. Texts are as
they are: no program that reads Parquet runs one as a formula, or has a bound for its length.
"""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from extracts.contents import Contents
from extracts.marts import BLOCK_ROWS, Column, Mart
from extracts.tables import STATUS, written_blocks, written_columns
from lagebild.core.errors import UserError

GROUP_ROWS = 25 * BLOCK_ROWS
"""Rows of a row group, which is what is held in memory."""
_DIGITS, _MOST_DIGITS = 38, 76
"""Of a decimal that every reader knows, and of one that Arrow knows."""
_TYPES = {
    "text": pa.string(), "integer": pa.int64(), "date": pa.date32(), "datetime": pa.timestamp("us", tz="UTC"),
    "boolean": pa.bool_(),
}  # fmt: skip


def write_parquet(contents: Contents, mart: Mart, path: Path) -> None:
    """Write all rows of the mart in the order of its CSV; the same contents give the same bytes.

    UserError for a number that no decimal holds exactly.
    """
    schema = _schema(contents, mart)
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for group in _groups(contents, mart, schema):
            writer.write_table(group, row_group_size=GROUP_ROWS)


def _groups(contents: Contents, mart: Mart, schema: pa.Schema) -> Iterator[pa.Table]:
    blocks: list[pa.RecordBatch] = []
    rows = 0
    for columns in written_blocks(mart, mart.batches(), contents.about.revised):
        blocks.append(_block(mart, schema, columns))
        rows += len(columns[0])
        if rows >= GROUP_ROWS:
            yield pa.Table.from_batches(blocks, schema)
            blocks, rows = [], 0
    if blocks:
        yield pa.Table.from_batches(blocks, schema)


def _block(mart: Mart, schema: pa.Schema, columns: list) -> pa.RecordBatch:
    arrays = []
    for field, values in zip(schema, columns, strict=True):
        try:
            arrays.append(pa.array(values, field.type))
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise UserError(
                f"{mart.entry.name}.{field.name} holds a number that Parquet cannot hold exactly: {error}",
                remedy="round it in the model of the mart, or leave it empty with a reason",
            ) from error
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _schema(contents: Contents, mart: Mart) -> pa.Schema:
    texts = contents.texts
    undeclared = [column.name for column in mart.columns if column.kind == "number" and column.scale is None]
    found = dict(zip(undeclared, _decimals(mart, undeclared), strict=True))
    fields = []
    for column in written_columns(mart):
        title = texts.label(column.name)
        description = texts.description(mart.entry.name, column.name, column.description)
        if column not in mart.columns:
            title = texts.say("descriptor.status", title=texts.label(column.name.removesuffix(STATUS)))
        told = {"title": title, "description": description}
        metadata = {name: text for name, text in told.items() if text}
        fields.append(pa.field(column.name, _type(column, found), metadata=metadata))
    about = {
        "title": mart.entry.title[texts.language],
        "description": texts.description(mart.entry.name, english=mart.description),
        "publication": str(contents.publication.publication_id),
    }
    return pa.schema(fields, metadata=about)


def _decimals(mart: Mart, names: list[str]) -> list[tuple[int, int]]:
    """Digits before and behind the point that the numbers of these columns have at most."""
    if mart.whole:
        return mart.whole.digits(names)
    known = [[value for value in mart.values(name) if value is not None and value.is_finite()] for name in names]
    return [
        (max((max(value.adjusted() + 1, 1) for value in values), default=1), max(map(_scale, values), default=0))
        for values in known
    ]


def _scale(value: Decimal) -> int:
    # Not Decimal.normalize: it rounds to 28 digits.
    return len(f"{value:f}".partition(".")[2].rstrip("0"))


def _type(column: Column, found: dict[str, tuple[int, int]]) -> pa.DataType:
    if column.kind != "number":
        return _TYPES[column.kind]
    whole, scale = found.get(column.name, (0, column.scale or 0))
    if whole + scale <= _DIGITS:
        return pa.decimal128(_DIGITS, scale)
    return pa.decimal256(_MOST_DIGITS, min(scale, _MOST_DIGITS))
