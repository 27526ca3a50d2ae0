"""What somebody who looks after the warehouse's server wants to know, and what is done for him meanwhile."""

import json
from pathlib import Path

from lagebild import alerts, database, disk, whole_files
from lagebild.alerts import Message, Notifier
from lagebild.settings import Settings
from lagebild.stack import ports
from lagebild.warehouse import guards, server_version, sessions


def lacking(settings: Settings) -> list[str]:
    """What the server lacks, each in words: published fixes, guards against readers, room on its disks."""
    with database.connect(settings) as connection:
        found = [*server_version.findings(connection), *guards.lacking(connection)]
    return [*found, *disk.short(settings)]


def look_after(settings: Settings, channels: list[Notifier] | None = None) -> list[str]:
    """End readers' sessions that go on for too long, and tell each channel what is lacking and was not told yet.

    What was ended and what is lacking, each in words. NotSent when a channel failed, after the others were told.
    """
    with database.connect(settings, autocommit=True) as connection:
        ended = sessions.end_overlong(connection)
    found = lacking(settings)
    with ports.locked(settings, "server"):
        _tell(settings, found, alerts.notifiers(settings) if channels is None else channels)
    return [*ended, *found]


def _tell(settings: Settings, found: list[str], channels: list[Notifier]) -> None:
    """What is mended is forgotten, so that it is told again where it comes back; figures in a line do not make it new.

    A process that dies between sending and writing it down tells twice rather than not at all.
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
        whole_files.write(path, json.dumps(told))


def _key(line: str) -> str:
    return line.partition(": ")[0]


def _told_path(settings: Settings) -> Path:
    return settings.home / "server_told.json"
