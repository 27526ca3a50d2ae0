"""Values as binary COPY takes them, and what no column can hold."""

import struct
from typing import Any

from psycopg import DataError

from ingest.contracts.messages import Message
from ingest.loading import copy
from ingest.reading.values import BadValue


def encoded(value: Any, sql_type: str) -> bytes:
    """A value as PostgreSQL takes it; BadValue if its column could not hold it."""
    try:
        return copy.cell(value, sql_type)
    except (OverflowError, struct.error, DataError) as error:
        raise BadValue("type", Message("value_too_large")) from error
