"""OpenLineage events on their way out: names only, to a file and to an endpoint, and never a reason to fail.

Airflow's provider and dbt's processor put into an event whatever they know: messages of errors, SQL, counts of rows,
the arguments of tasks. Here what may leave is written down, and nothing else does: no number at all, and of texts only
those that have the form of a name, a time or an address. Unknown is cut.
"""

import contextlib
import fcntl
import importlib.metadata
import json
import logging
import os
import re
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lagebild.core import atomic_files
from lagebild.core.errors import UserError
from lagebild.core.settings import Settings

NAMESPACE = "lagebild"
"""Of every job; datasets have the warehouse's address in place of it."""
TOKEN = "lineage_token"
"""The secret that the endpoint wants to see, where it wants one: a file of the secrets folder."""
FILE_BYTES = 50_000_000
"""A file that is as long begins anew; the one before stays beside it as `.1`."""
TIMEOUT_SECONDS = (2, 5)
"""To connect, and to answer."""
AT_MOST_SECONDS = 30
"""What the events of one build may take on their way to the endpoint."""
AGAIN_SECONDS = 60
"""After a failure the endpoint is left alone for so long: no task and no build waits for it meanwhile."""
PACKAGES = ("apache-airflow-providers-openlineage", "openlineage-integration-common")
"""The extra `lineage`."""
log = logging.getLogger(__name__)

_NAME = re.compile(r"[\w.:/%@+~-]{1,300}")
_TIME = re.compile(r"\d{4}-[0-9T:.+Z-]{6,40}")
_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_ (),\[\]]{0,80}")
_ID = re.compile(r"[0-9a-f-]{36}")
_WORD = re.compile("[A-Z_]{1,40}")
_COLUMN = re.compile(r"[A-Za-z_]\w{0,62}")
_ABOUT = {"_producer": _NAME, "_schemaURL": re.compile(r"https://[\w./#$-]{1,300}")}
_PARENT_JOB = {"namespace": _NAME, "name": _NAME}
_PARENT = {"run": {"runId": _ID}, "job": _PARENT_JOB}
_ASSERTION = {"assertion": _NAME, "name": _NAME, "success": bool, "column": _COLUMN, "severity": _NAME}
_ASSERTIONS = {"dataQualityAssertions": {**_ABOUT, "assertions": [_ASSERTION]}}
_ORIGIN = {"namespace": _NAME, "name": _NAME, "field": _COLUMN}
_DATASET = {
    "namespace": re.compile(r"postgres://[\w.:\[\]-]{1,300}"),
    "name": _NAME,
    "facets": {
        "schema": {**_ABOUT, "fields": [{"name": _COLUMN, "type": _TYPE}]},
        "columnLineage": {**_ABOUT, "fields": {_COLUMN: {"inputFields": [_ORIGIN]}}},
        **_ASSERTIONS,
    },
}
MAY_LEAVE = {
    "eventType": _WORD,
    "eventTime": _TIME,
    "producer": _NAME,
    "schemaURL": _ABOUT["_schemaURL"],
    "run": {
        "runId": _ID,
        "facets": {
            "parent": {**_ABOUT, **_PARENT, "root": _PARENT},
            "nominalTime": {**_ABOUT, "nominalStartTime": _TIME, "nominalEndTime": _TIME},
            "processing_engine": {**_ABOUT, "name": _NAME, "version": _NAME, "openlineageAdapterVersion": _NAME},
        },
    },
    "job": {
        "namespace": _NAME,
        "name": _NAME,
        "facets": {"jobType": {**_ABOUT, "processingType": _WORD, "integration": _WORD, "jobType": _WORD}},
    },
    "inputs": [{**_DATASET, "inputFacets": _ASSERTIONS}],
    "outputs": [_DATASET],
}
"""Every field of an event that leaves, and what a text in it must look like as a whole."""
_NOTHING = object()


def require(settings: Settings) -> None:
    """UserError where lineage is asked for and what makes its events is not installed."""
    if not settings.sends_lineage:
        return
    for package in PACKAGES:
        try:
            importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError as error:
            raise UserError(
                f"LAGEBILD_LINEAGE_FILE or LAGEBILD_LINEAGE_ENDPOINT is set, and {package} is not installed",
                remedy="install the extra: uv sync --extra lineage (the image has it); or unset both",
            ) from error


def named(event: Mapping[str, Any]) -> dict[str, Any] | None:
    """What of an event may leave; None where it names no run or no job any more."""
    found = _cut(event, MAY_LEAVE)
    is_whole = found.get("run", {}).get("runId") and found.get("job", {}).get("name") and found.get("eventType")
    return found if is_whole else None


def _cut(value: Any, shape: Any) -> Any:
    """`value` without all that `shape` does not name; `_NOTHING` where nothing is left."""
    if shape is bool:
        return value if isinstance(value, bool) else _NOTHING
    if isinstance(shape, re.Pattern):
        return value if isinstance(value, str) and shape.fullmatch(value) else _NOTHING
    if isinstance(shape, list):
        kept = [_cut(one, shape[0]) for one in value] if isinstance(value, list) else []
        needed = {"namespace", "name"} if "namespace" in shape[0] else set()
        return [one for one in kept if one is not _NOTHING and needed <= one.keys()]
    if not isinstance(value, Mapping) or shape is None:
        return _NOTHING
    found = {}
    for name, one in value.items():
        known = shape.get(name)
        # A key may be a name itself, that of a table's column; with nothing under it, it says nothing.
        patterns = (inner for key, inner in shape.items() if isinstance(key, re.Pattern) and key.fullmatch(name))
        kept = _cut(one, known or next(patterns, None))
        if kept is not _NOTHING and (known or kept):
            found[name] = kept
    return found


def send(settings: Settings, events: Iterable[Mapping[str, Any]]) -> None:
    """Write what may leave of each event to the file, then post it. Raises nothing for a file or an endpoint that
    fails: that is told once, in the log, and by `lagebild stack status` as long as it lasts. What was not sent is lost.
    """
    texts = [json.dumps(found, separators=(",", ":")) for event in events if (found := named(event))]
    if not texts:
        return
    if settings.lineage_file:
        try:
            _append(settings.lineage_file, texts)
        except OSError as error:
            _failed(settings, "file", f"cannot be written ({error.strerror})")
        else:
            _works(settings, "file")
    if settings.lineage_endpoint and not _is_left_alone(settings):
        if problem := _post(settings, texts):
            _failed(settings, "endpoint", problem)
        else:
            _works(settings, "endpoint")


def line(settings: Settings) -> str | None:
    """For `lagebild stack status`: where lineage goes, and what does not work; None where it goes nowhere."""
    if not settings.sends_lineage:
        return None
    failures = _failures(settings)
    told = []
    for kind, where in (("file", settings.lineage_file), ("endpoint", settings.lineage_endpoint)):
        if where:
            failure = failures.get(kind)
            note = f" ({failure['said']} since {failure['since']}; its events are lost)" if failure else ""
            told.append(f"{where}{note}")
    return ", ".join(told)


def _append(path: Path, texts: list[str]) -> None:
    """Add a line an event, whoever else writes at the same time; bounded in length."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(path.with_name(path.name + ".lock"), "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if path.exists() and path.stat().st_size >= FILE_BYTES:
            path.replace(path.with_name(path.name + ".1"))
        with os.fdopen(os.open(path, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            file.write("".join(text + "\n" for text in texts))


def _post(settings: Settings, texts: list[str]) -> str | None:
    """Post each event; what went wrong, without the address: a part of it may be secret."""
    import requests

    url = settings.lineage_endpoint.rstrip("/") + "/api/v1/lineage"
    headers = {"Content-Type": "application/json"}
    if (settings.secrets / TOKEN).exists():
        headers["Authorization"] = f"Bearer {settings.secret(TOKEN)}"
    began = time.monotonic()
    with requests.Session() as session:
        for number, text in enumerate(texts):
            if time.monotonic() - began > AT_MOST_SECONDS:
                return f"was too slow ({len(texts) - number} of {len(texts)} events not sent in {AT_MOST_SECONDS} s)"
            try:
                answer = session.post(
                    url, data=text.encode(), headers=headers, timeout=TIMEOUT_SECONDS, allow_redirects=False
                )
            except requests.RequestException as error:
                return f"did not answer ({type(error).__name__})"
            if not 200 <= answer.status_code < 300:
                return f"answered {answer.status_code}"
    return None


# --- told once -------------------------------------------------------------------------------------------------------


def _state_path(settings: Settings) -> Path:
    return settings.home / "lineage.json"


def _failures(settings: Settings) -> dict[str, dict[str, Any]]:
    """What does not work now, by kind; every process that sends writes it, so that one of them tells."""
    try:
        return json.loads(_state_path(settings).read_text())
    except FileNotFoundError:
        return {}


def _is_left_alone(settings: Settings) -> bool:
    failure = _failures(settings).get("endpoint")
    return failure is not None and time.time() - failure["tried"] < AGAIN_SECONDS


def _failed(settings: Settings, kind: str, said: str) -> None:
    before = _failures(settings)
    since = before.get(kind, {}).get("since") or datetime.now(UTC).isoformat(timespec="seconds")
    with contextlib.suppress(OSError):  # the disk is full: it is told once more
        atomic_files.write(
            _state_path(settings), json.dumps(before | {kind: {"since": since, "said": said, "tried": time.time()}})
        )
    if kind not in before:
        log.warning(
            "lineage: the %s %s; its events are lost until it works again, and nothing else is.\n"
            "  what to do: docs/lineage.md; this is told once, lagebild stack status shows it",
            kind,
            said,
        )


def _works(settings: Settings, kind: str) -> None:
    before = _failures(settings)
    if kind in before:
        del before[kind]
        atomic_files.write(_state_path(settings), json.dumps(before))
        log.warning("lineage: the %s works again", kind)
