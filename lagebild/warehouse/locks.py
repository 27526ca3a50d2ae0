"""Change tables and views without blocking readers.

A statement that waits for an exclusive lock blocks every later reader: behind a long query of a BI tool everybody would
queue. So each change waits only briefly, gives up, lets the readers pass, and retries.
"""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from psycopg import Connection, errors

from lagebild.core.errors import UserError

T = TypeVar("T")
WAIT_MILLISECONDS = 15
"""Longest time that a change may block readers while it waits for its lock."""
PAUSE_SECONDS = 0.1
TELL_SECONDS = 2.0
PATIENCE_SECONDS = 600.0


def patiently(connection: Connection, change: Callable[[], T], what: str) -> T:
    """Make a change in a short transaction, retrying until its locks are free.

    Reports after `TELL_SECONDS` what it waits for. UserError after `PATIENCE_SECONDS`; then nothing was changed.
    """
    began, is_told = time.monotonic(), False
    while True:
        try:
            with connection.transaction():
                connection.execute(f"set local lock_timeout = {WAIT_MILLISECONDS}")
                return change()
        except errors.LockNotAvailable as error:
            waited = time.monotonic() - began
            if waited > PATIENCE_SECONDS:
                raise UserError(
                    f"{what}: its locks were not to be had in {PATIENCE_SECONDS:.0f} s; {_others(connection)}",
                    remedy="wait for these transactions or end them; then lagebild warehouse migrate continues",
                ) from error
            if waited > TELL_SECONDS and not is_told:
                print(f"{what} waits for a gap between readers: {_others(connection)}", flush=True)
                is_told = True
        time.sleep(PAUSE_SECONDS * random.uniform(0.5, 1.5))  # random, so that it does not synchronise with a reader


def _others(connection: Connection) -> str:
    """The oldest open transactions of this database."""
    rows = connection.execute(
        "select format('process %s of %s (%s) since %s', pid, usename, coalesce(nullif(application_name, ''), '-'),"
        " to_char(xact_start, 'HH24:MI:SS')) from pg_stat_activity where datname = current_database()"
        " and pid <> pg_backend_pid() and xact_start is not null order by xact_start limit 3"
    ).fetchall()
    return "; ".join(text for (text,) in rows) or "no other transaction is open now"
