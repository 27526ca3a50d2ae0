#!/usr/bin/env bash
# Apache Airflow 3.3.2. `[logging] namespace_levels` sets levels by the name of a logger; its documentation gives
# `sqlalchemy=INFO` as an example, so one would guess that it quiets a library in the logs of tasks. Seen: it holds for
# loggers of structlog alone. The same name in Python's `logging`, which libraries use, stays at the root's level, and all
# that it says at `info` goes on into the log. Whoever wants a library quiet calls `logging.getLogger(name).setLevel`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    apache-airflow==3.3.2 structlog==26.1.0 cadwyn==7.0.0 fastapi==0.136.3 starlette==1.10.0 pydantic==2.14.3 sqlalchemy==2.1.9
cat >"$folder/say.py" <<'PYTHON'
import logging

import structlog
from airflow.logging_config import configure_logging

configure_logging()
for name, logger in (("structlog", structlog.get_logger("vendor")), ("logging", logging.getLogger("vendor"))):
    logger.info(f"{name} info")
    logger.warning(f"{name} warning")
PYTHON
seen=$(AIRFLOW_HOME="$folder/home" AIRFLOW__LOGGING__NAMESPACE_LEVELS=vendor=WARNING \
    "$folder/venv/bin/python" "$folder/say.py" 2>&1 | grep -oE "(structlog|logging) (info|warning)" | paste -sd,)
echo "Airflow 3.3.2, vendor=WARNING lets through: $seen"
[ "$seen" = "structlog warning,logging info,logging warning" ] || { echo "this has changed"; exit 1; }
