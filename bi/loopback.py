"""Superset asks no host but this one: whatever a package of it would call, is refused before it is called.

The warehouse may be elsewhere: PostgreSQL's own library opens that connection, and Python's hooks do not see it.
"""

import ipaddress
import sys
from typing import Any

_ASKED = ("socket.connect", "socket.sendto", "socket.sendmsg")


def is_here(address: Any) -> bool:
    """Whether an address of a socket is this host: loopback, or a file."""
    if not isinstance(address, tuple):
        return True  # a Unix socket
    host = str(address[0]).partition("%")[0]
    if host in ("", "localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False  # a name that would have to be looked up


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _ASKED and len(arguments) > 1 and arguments[1] is not None and not is_here(arguments[1]):
        raise PermissionError(f"Superset asks no other host, and would have asked {arguments[1][0]}")
    if event == "socket.getaddrinfo" and not is_here((arguments[0] or "",)):
        raise PermissionError(f"Superset asks no other host, and would have looked up {arguments[0]}")


def install() -> None:
    """Refuse from now on, for the whole process; it cannot be taken back."""
    sys.addaudithook(_refuse)
