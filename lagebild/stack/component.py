"""Runs one of Airflow's components; started by `lagebild/stack/airflow.py`.

The scheduler's workers and their tasks are forked, so what is imported here before is there in every task: importing
Great Expectations takes seconds, and every source would pay it again.
"""

import contextlib
import importlib
import sys

PRELOADED = {
    "scheduler": (
        "pandas",
        "great_expectations",
        "numba.np.arraymath",
        "psycopg",
        "python_calamine",
        "requests",
        "tenacity",
        "croniter",
        "fsspec",
        "asyncssh",
        "sshfs",
        "airflow.sdk.execution_time.supervisor",
        "airflow.sdk.execution_time.task_runner",
        "airflow.dag_processing.dagbag",
        "airflow.providers.standard.decorators.python",
        "airflow.providers.standard.operators.trigger_dagrun",
        "airflow.providers.standard.triggers.temporal",
    )
}


GO = b"go\n"


def main(arguments: list[str]) -> None:
    for module in PRELOADED.get(arguments[0], ()):
        with contextlib.suppress(ImportError):  # the task that needs it will say so
            importlib.import_module(module)
    from airflow.__main__ import main as airflow

    if sys.stdin.buffer.readline() != GO:
        sys.exit("whoever started this component ended before the database was ready")
    sys.argv = ["airflow", *arguments]
    airflow()


if __name__ == "__main__":
    main(sys.argv[1:])
