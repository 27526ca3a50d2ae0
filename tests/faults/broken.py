"""Loaders that are wrong on purpose: the harness must catch each of them (`test_faults.py`)."""

import contextlib

import psycopg

from ingest import contracts
from ingest.loading import intake
from lagebild.core import database
from lagebild.core.settings import Settings
from tests.faults import child


def commits_each_statement(settings: Settings, source: str) -> list[str]:
    """Every statement is a transaction of its own: a fault in the middle leaves half a delivery."""
    psycopg.Connection.transaction = lambda connection: contextlib.nullcontext()
    return child.drain(settings, source)


def deletes_first(settings: Settings, source: str) -> list[str]:
    """The file is gone before its load is committed: a fault after that loses the delivery."""
    (file,) = (settings.drop / source).iterdir()
    content = file.read_bytes()
    file.unlink()
    copy = settings.home.parent / file.name
    copy.write_bytes(content)
    with database.connect(settings, database.LOADER, autocommit=True) as connection:
        return [intake.load_file(connection, settings, contracts.load(source), copy).state]


def hides_errors(settings: Settings, source: str) -> list[str]:
    """Says that it is done whatever happened."""
    try:
        return child.drain(settings, source)
    except Exception:
        return ["loaded"]
