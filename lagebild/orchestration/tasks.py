"""Shared parts of the DAGs. Cheap to import, because the DAG processor imports it often."""

import contextlib
import logging
from datetime import timedelta

from lagebild.core.errors import UserError
from lagebild.core.settings import BERLIN

MARTS = "lagebild://marts"
ARRIVED = "lagebild://arrived"
"""Asset of new files in an inbox."""
HELD = "lagebild://held"
"""Asset of deliveries that wait for a decision."""
WAITING = "lagebild://waiting"
"""Asset of a build that passed its checks and waits for approval."""
RUN_MAY_TAKE = timedelta(hours=6)
# Keep task logs readable: without a line for each argument of each expectation. Airflow's `namespace_levels` (3.3.2)
# covers structlog's loggers only, and these are Python's.
for _chatty in ("great_expectations", "asyncssh"):
    logging.getLogger(_chatty).setLevel(logging.WARNING)
DEFAULTS = {"owner": "lagebild", "retries": 2, "retry_delay": timedelta(seconds=20)}


def cron(expression: str):
    """The timetable of a cron expression in German local time. A new DAG waits for its next time; it does not catch up
    on times before it existed, as with a start date.
    """
    from airflow.sdk import CronTriggerTimetable

    return CronTriggerTimetable(expression, timezone=BERLIN.key, run_immediately=timedelta(0))


def deadline():
    """Alert for a run that did not succeed within hours after it was queued: it still runs, or it failed.

    The callback is synchronous and runs in the executor, so that no triggerer is needed.
    """
    from airflow.sdk import DeadlineAlert, DeadlineReference, SyncCallback

    return DeadlineAlert(
        DeadlineReference.DAGRUN_QUEUED_AT, RUN_MAY_TAKE, SyncCallback("lagebild.core.alerts.run_is_late")
    )


def raw_asset(source: str) -> str:
    """URI of the asset of a source's decided deliveries."""
    return f"lagebild://raw/{source}"


def owner(text: str) -> str:
    """A contract's owner, shortened for Airflow's list: the text before the first `;`."""
    return text.split(";")[0].strip()


@contextlib.contextmanager
def settled():
    """Fail a task without retries if only a person can fix it; unreachable databases and hosts are retried."""
    from airflow.sdk.exceptions import AirflowFailException

    try:
        yield
    except UserError as error:
        if may_pass(error):
            raise
        raise AirflowFailException(str(error)) from error


def may_pass(error: UserError) -> bool:
    """Whether a retry may succeed."""
    from psycopg import OperationalError

    return isinstance(error.__cause__, OperationalError) or getattr(error, "transient", False)


def years_of(text: str | None, dag_run) -> list[int]:
    """Years of a run: those of its form, else the year of a `backfill__` run; empty means what is due."""
    if text:
        first, _, last = text.partition("-")
        return list(range(int(first), int(last or first) + 1))
    return [dag_run.logical_date.astimezone(BERLIN).year] if dag_run.dag_id.startswith("backfill__") else []
