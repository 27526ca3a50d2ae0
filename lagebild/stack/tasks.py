"""What the DAGs have in common. Cheap to import: the DAG processor does it again and again."""

import contextlib
import logging
from datetime import timedelta

from lagebild.errors import UserError
from lagebild.settings import BERLIN

MARTS = "lagebild://marts"
ARRIVED = "lagebild://arrived"
"""Stands for files in an inbox that nobody tried to load yet."""
HELD = "lagebild://held"
"""Stands for deliveries that wait for a decision."""
WAITING = "lagebild://waiting"
"""Stands for a build that passed its checks and waits to be published."""
RUN_MAY_TAKE = timedelta(hours=6)
# A task's log tells what happened to a file; a line for each argument of each expectation would bury it. Airflow's own
# `namespace_levels` (3.3.2) is of structlog's loggers alone, and these are of Python's.
for _chatty in ("great_expectations", "asyncssh"):
    logging.getLogger(_chatty).setLevel(logging.WARNING)
DEFAULTS = {"owner": "lagebild", "retries": 2, "retry_delay": timedelta(seconds=20)}


def cron(expression: str):
    """The timetable of a cron expression, read in German local time. A new DAG waits for its next time; it does not
    make up for one before it existed, as it would with a start date.
    """
    from airflow.sdk import CronTriggerTimetable

    return CronTriggerTimetable(expression, timezone=BERLIN.key, run_immediately=timedelta(0))


def deadline():
    """The alert of a run that has not succeeded hours after it was queued: it still goes on, or it failed.

    A synchronous callback runs in the executor, so that no triggerer is needed.
    """
    from airflow.sdk import DeadlineAlert, DeadlineReference, SyncCallback

    return DeadlineAlert(DeadlineReference.DAGRUN_QUEUED_AT, RUN_MAY_TAKE, SyncCallback("lagebild.alerts.run_is_late"))


def raw_asset(source: str) -> str:
    """URI of the asset that stands for a source's decided deliveries."""
    return f"lagebild://raw/{source}"


def owner(text: str) -> str:
    """A contract's owner, short enough for Airflow's list: what stands before the first `;`."""
    return text.split(";")[0].strip()


@contextlib.contextmanager
def settled():
    """Let a task fail at once on what only a human can mend; a database or a host that is away may be back."""
    from airflow.sdk.exceptions import AirflowFailException

    try:
        yield
    except UserError as error:
        if may_pass(error):
            raise
        raise AirflowFailException(str(error)) from error


def may_pass(error: UserError) -> bool:
    """Whether the same may work a moment later."""
    from psycopg import OperationalError

    return isinstance(error.__cause__, OperationalError) or getattr(error, "transient", False)


def years_of(text: str | None, dag_run) -> list[int]:
    """The years that a run asks for: those of its form, else of a `backfill__` run its own; empty: what is due."""
    if text:
        first, _, last = text.partition("-")
        return list(range(int(first), int(last or first) + 1))
    return [dag_run.logical_date.astimezone(BERLIN).year] if dag_run.dag_id.startswith("backfill__") else []
