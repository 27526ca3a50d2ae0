"""Where Airflow's OpenLineage provider hands its events over: to `lagebild/core/lineage.py`, which lets names out."""

import json
import os
from typing import Any

from openlineage.client.serde import Serde
from openlineage.client.transport.transport import Config, Transport

from lagebild.core import lineage, settings


class Names(Transport):
    """The transport of every process of Airflow; it never raises for an endpoint that is away."""

    kind = "lagebild"
    config_class = Config

    def __init__(self, config: Config | None = None):
        self._settings = settings.load()

    def emit(self, event: Any) -> None:
        lineage.send(self._settings, [json.loads(Serde.to_json(event))])


def be_parent(task_instance: Any) -> None:
    """Let the events of a build that this task's process makes name the task as what started it."""
    from airflow.providers.openlineage.plugins import macros

    os.environ["OPENLINEAGE_PARENT_ID"] = macros.lineage_parent_id(task_instance)
    os.environ["OPENLINEAGE_ROOT_PARENT_ID"] = macros.lineage_root_parent_id(task_instance)
