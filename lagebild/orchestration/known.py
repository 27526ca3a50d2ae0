"""Settings that name a service, an inbox or an entry of the catalogue: a name that nobody knows is refused.

`LAGEBILD_DESTATS_USER` would otherwise be a login that nobody uses, and the service never asked.
"""

import os
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from lagebild.core.credentials import OWN, PARTS
from lagebild.core.errors import UserError, did_you_mean
from lagebild.core.settings import Settings

_LOGIN = tuple(part.upper() for part in PARTS)
LIKE = 0.8
"""How alike the name of a secret must be to one that is missing, from 0 to 1: two letters of ten may differ."""
_NAMING = re.compile(rf"LAGEBILD_(?!(?:DBT|TEST)_)([A-Z0-9_]+_(?:URL|{'|'.join(_LOGIN)})|(?:URL|RESOURCE)_[A-Z0-9_]+)")


def are_any(settings: Settings, variables: Mapping[str, str]) -> bool:
    """Whether any setting is such a one; cheap, because every command asks."""
    return (
        bool(settings.pull)
        or any(map(_NAMING.fullmatch, variables))
        or bool(_unknown_files(settings.secrets, _usual()))
    )


def require_known(settings: Settings, variables: Mapping[str, str]) -> None:
    """UserError for a variable, or a host in LAGEBILD_PULL, that nobody knows, with the nearest that is known.

    Where the catalogue is faulty nothing is said here: its reader tells what is wrong with it.
    """
    from ingest.inbox.stores import base
    from ingest.pulls import catalogue
    from ingest.pulls.hosts import HOSTS

    try:
        entries = catalogue.entries()
    except UserError:
        return
    hosts = sorted({*HOSTS, *(entry.host for entry in entries)})
    for host in sorted(settings.pull - set(hosts)):
        raise UserError(
            f"LAGEBILD_PULL: there is no host {host}",
            remedy=f"{did_you_mean(host, hosts)}one of: {', '.join(hosts)}",
        )
    logins = [*hosts, *map(base.access_name, settings.inboxes)]
    known = {
        *(f"LAGEBILD_{host.upper()}_URL" for host in HOSTS),
        *(f"LAGEBILD_{name.upper()}_{part}" for name in logins for part in _LOGIN),
        *(catalogue.variable("URL", entry.id) for entry in entries),
        *(catalogue.variable("RESOURCE", entry.id) for entry in entries if entry.connector == "ckan"),
    }
    for name in sorted(filter(_NAMING.fullmatch, variables)):
        if name not in known:
            raise UserError(
                f"{name} names no host, inbox or entry of the catalogue",
                remedy=f"{did_you_mean(name, sorted(known))}hosts: {', '.join(hosts)};"
                " entries: lagebild source catalogue",
            )
    _require_known_files(settings.secrets, logins)


def _usual() -> set[str]:
    """Names of files that need no look into the catalogue: of the house, and of the usual services."""
    from ingest.pulls.hosts import HOSTS

    return {*OWN, *(f"{host}_{part}" for host in HOSTS for part in PARTS)}


def _unknown_files(folder: Path, known: Collection[str]) -> list[str]:
    """Files of the secrets folder that are none of these, sorted."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.name not in known)


def _require_known_files(folder: Path, logins: Iterable[str]) -> None:
    """UserError for a file of the secrets folder that nobody reads, where the one of the nearest name is missing.

    Other files are left alone: a certificate, or the login of an inbox that is no longer asked.
    """
    from difflib import get_close_matches  # late: hardly ever needed

    known = {*_usual(), *(f"{name}_{part}" for name in logins for part in (*PARTS, "key"))}
    for name in _unknown_files(folder, known):
        near = get_close_matches(name.lower(), sorted(known), 1, LIKE)
        if near and not (folder / near[0]).exists():
            raise UserError(
                f"nobody reads the secret {folder / name}",
                remedy=f"did you mean {near[0]}? Rename the file, or move it out of the folder",
            )
