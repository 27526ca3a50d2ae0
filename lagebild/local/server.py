"""Maintenance of the warehouse's server: what administrators should know, and what is done automatically."""

import json
from pathlib import Path

from lagebild.core import alerts, atomic_files, database, disk
from lagebild.core.alerts import Message, Notifier
from lagebild.core.settings import Settings
from lagebild.local import ports
from lagebild.warehouse import guards, server_version, sessions


def lacking(settings: Settings) -> list[str]:
    """Messages about what the server lacks: published fixes, guards against readers, disk space."""
    with database.connect(settings) as connection:
        found = [*server_version.findings(connection), *guards.lacking(connection)]
    return [*found, *disk.short(settings)]


def look_after(settings: Settings, channels: list[Notifier] | None = None) -> list[str]:
    """End readers' sessions that run too long, and notify each channel of what is newly lacking.

    Messages about ended sessions and what is lacking. NotSent if a channel failed, after the others were notified.
    """
    with database.connect(settings, autocommit=True) as connection:
        ended = sessions.end_overlong(connection)
    found = lacking(settings)
    with ports.locked(settings, "server"):
        _tell(settings, found, alerts.notifiers(settings) if channels is None else channels)
    return [*ended, *found]


def _tell(settings: Settings, found: list[str], channels: list[Notifier]) -> None:
    """Notify once of each problem. Fixed problems are forgotten, so that they are notified if they come back.

    Changed figures in a message do not make it new. A process that dies between sending and recording notifies twice
    rather than never.
    """
    path = _told_path(settings)
    told: dict[str, list[str]] = json.loads(path.read_text()) if path.exists() else {}
    told = {name: [key for key in keys if key in map(_key, found)] for name, keys in told.items()}

    def send(channel: Notifier) -> None:
        news = [line for line in found if _key(line) not in told.get(channel.name, ())]
        if news:
            facts = [{"text": line} for line in news]
            channel.send(Message("The server of Lagebild lacks something", "\n".join(news), facts))
        told[channel.name] = [_key(line) for line in found]

    try:
        alerts.to_each(channels, send)
    finally:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_files.write(path, json.dumps(told))


def _key(line: str) -> str:
    return line.partition(": ")[0]


def _told_path(settings: Settings) -> Path:
    return settings.home / "server_told.json"
