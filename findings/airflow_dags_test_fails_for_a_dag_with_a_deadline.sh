#!/usr/bin/env bash
# Apache Airflow 3.3.2. `airflow dags test` runs a DAG once, without a scheduler, as its documentation advises for trying
# one. One would guess that a DAG with a deadline (`DeadlineAlert`) runs as well: its callback is for runs that take too
# long. Seen: the tasks run, and then the command ends in an error, because it looks the alert up by a dictionary in
# place of its number; so no such DAG can be tried with it in CI. Without `deadline=` the same DAG ends well.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    apache-airflow==3.3.2 apache-airflow-providers-standard==1.21.0 \
    cadwyn==7.0.0 fastapi==0.136.3 starlette==1.10.0 pydantic==2.14.3 sqlalchemy==2.1.9
mkdir "$folder/dags"
cat >"$folder/dags/deadlines.py" <<'PYTHON'
from datetime import timedelta

from airflow.sdk import DAG, task
from airflow.sdk.definitions.callback import SyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

alert = DeadlineAlert(
    reference=DeadlineReference.DAGRUN_QUEUED_AT, interval=timedelta(hours=1), callback=SyncCallback("builtins.print")
)
for name, options in (("plain", {}), ("with_deadline", {"deadline": alert})):
    with DAG(name, schedule=None, **options):

        @task
        def one():
            print("the task ran")

        one()
PYTHON
export AIRFLOW_HOME="$folder/home" AIRFLOW__CORE__LOAD_EXAMPLES=False AIRFLOW__CORE__DAGS_FOLDER="$folder/dags"
"$folder/venv/bin/airflow" db migrate >"$folder/log" 2>&1 || { tail -20 "$folder/log"; exit 1; }
for dag in plain with_deadline; do
    status=0
    "$folder/venv/bin/airflow" dags test "$dag" >"$folder/$dag" 2>&1 || status=$?
    ran=$(grep -c "the task ran" "$folder/$dag" || true)
    asked=$(grep -c "deadline_alert.id = ?" "$folder/$dag" || true)
    seen="${seen:+$seen; }$dag: exit code $status, the task ran $([ "$ran" -gt 0 ] && echo yes || echo no)"
    [ "$asked" -gt 0 ] && seen="$seen, $(grep -oE '^\[parameters: .*\]' "$folder/$dag" | head -1)"
done
echo "Airflow 3.3.2: $seen"
[ "$seen" = "plain: exit code 0, the task ran yes; with_deadline: exit code 1, the task ran yes, [parameters: [{}]]" ] ||
    { echo "this has changed"; exit 1; }
