"""Settings that name a service, an inbox or an entry of the catalogue: a name that nobody knows is refused.

`LAGEBILD_DESTATS_USER` would otherwise be a login that nobody uses, and the service never asked.
"""

import re
from collections.abc import Mapping

from lagebild.core.errors import UserError, did_you_mean
from lagebild.core.settings import Settings

_LOGIN = ("USER", "PASSWORD", "TOKEN")
_NAMING = re.compile(rf"LAGEBILD_(?!(?:DBT|TEST)_)([A-Z0-9_]+_(?:URL|{'|'.join(_LOGIN)})|(?:URL|RESOURCE)_[A-Z0-9_]+)")


def are_any(settings: Settings, variables: Mapping[str, str]) -> bool:
    """Whether any setting is such a one; cheap, because every command asks."""
    return bool(settings.pull) or any(map(_NAMING.fullmatch, variables))


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
