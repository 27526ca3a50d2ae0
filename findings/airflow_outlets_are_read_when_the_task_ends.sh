#!/usr/bin/env bash
# Airflow 3.3.2, SQLite, `dag.test()`. Two tasks declare an asset as outlet. One of them empties `task.outlets` while it
# runs. One would guess that the DAG as it was parsed decides which events are sent: its assets page names both tasks as
# producers. Seen: only the other asset has an event. So an asset can have a drawn producer and an event only when there
# is something to tell.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    apache-airflow==3.3.2 apache-airflow-providers-standard==1.21.0 \
    cadwyn==7.0.0 fastapi==0.136.3 starlette==1.10.0 pydantic==2.14.3 sqlalchemy==2.1.9
mkdir "$folder/dags"
cat >"$folder/dags/outlets.py" <<'PYTHON'
from airflow.sdk import DAG, Asset, task

with DAG("outlets", schedule=None) as dag:

    @task(outlets=[Asset("demo://asset/kept")])
    def keeps(): ...

    @task(outlets=[Asset("demo://asset/taken_away")])
    def takes_away(*, task):
        task.outlets = []

    keeps() >> takes_away()

if __name__ == "__main__":
    state = dag.test().state
    from airflow.models.asset import AssetEvent, AssetModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        found = session.execute(select(AssetModel.uri).join(AssetEvent, AssetEvent.asset_id == AssetModel.id)).all()
    print(state, sorted(uri for (uri,) in found))
PYTHON
export AIRFLOW_HOME="$folder/home" AIRFLOW__CORE__DAGS_FOLDER="$folder/dags" AIRFLOW__CORE__LOAD_EXAMPLES=False
export PATH="$folder/venv/bin:$PATH"
airflow db migrate >"$folder/log" 2>&1
seen=$(python "$folder/dags/outlets.py" 2>>"$folder/log" | tail -1)
echo "Airflow 3.3.2: $seen"
[ "$seen" = "success ['demo://asset/kept']" ] || { echo "this has changed"; exit 1; }
