#!/usr/bin/env bash
# apache-airflow-providers-celery 3.26.0 (with apache-airflow-core 3.3.2) asks for celery>=5.5.0,<6. One would guess that it
# works with each of these. Seen: with celery 5.7.0, which a fresh installation takes, its executor cannot be imported, as
# it imports a name from celery's database backend that is no longer there; with 5.6.3 it can. So a stack that pins the
# provider and not celery ends at its next installation, and the metadata gives no hint: `pip check` finds nothing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
export AIRFLOW_HOME="$folder/airflow"
echo "apache-airflow-providers-celery 3.26.0:"
seen=""
for version in 5.7.0 5.6.3; do
    "$folder/venv/bin/pip" install --quiet --disable-pip-version-check apache-airflow-core==3.3.2 \
        apache-airflow-providers-celery==3.26.0 "celery[redis]==$version"
    checked=$("$folder/venv/bin/pip" check 2>&1 | grep -ciE "celery" || true)
    said=$("$folder/venv/bin/python" -c "
import airflow.providers.celery.executors.celery_executor_utils
print('imported')" 2>&1 | tail -n 1 | sed 's/ (.*//' || true)
    line="celery $version: lines of pip check about it $checked; $said"
    echo "$line"
    seen+="$line|"
done
[ "$seen" = "celery 5.7.0: lines of pip check about it 0; ImportError: cannot import name 'retry' from 'celery.backends.database'|celery 5.6.3: lines of pip check about it 0; imported|" ] || {
    echo "this has changed"
    exit 1
}
