"""Changing what readers read, without letting them wait.

A statement that waits for an exclusive lock stands in front of every reader who comes after it: behind a BI tool's long
query the whole house would queue. So each change waits a moment only, gives up, lets the readers pass, and tries again.
"""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from psycopg import Connection, errors

from lagebild.errors import UserError

T = TypeVar("T")
WAIT_MILLISECONDS = 15
"""The longest that a change stands in the way of readers before it holds its lock."""
PAUSE_SECONDS = 0.1
TELL_SECONDS = 2.0
PATIENCE_SECONDS = 600.0


def patiently(connection: Connection, change: Callable[[], T], what: str) -> T:
    """Make a change in a short transaction of its own, as often as it takes to find its locks free.

    Says after `TELL_SECONDS` for whom it waits. UserError after `PATIENCE_SECONDS`; nothing of the change is left then.
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
        time.sleep(PAUSE_SECONDS * random.uniform(0.5, 1.5))  # not in step with a reader's own rhythm


def _others(connection: Connection) -> str:
    """The oldest open transactions of this database."""
    rows = connection.execute(
        "select format('process %s of %s (%s) since %s', pid, usename, coalesce(nullif(application_name, ''), '-'),"
        " to_char(xact_start, 'HH24:MI:SS')) from pg_stat_activity where datname = current_database()"
        " and pid <> pg_backend_pid() and xact_start is not null order by xact_start limit 3"
    ).fetchall()
    return "; ".join(text for (text,) in rows) or "no other transaction is open now"
