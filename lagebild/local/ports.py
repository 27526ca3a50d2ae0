"""Ports on 127.0.0.1: chosen once, stored in `ports.json`, chosen again only if another program uses them."""

import contextlib
import fcntl
import json
import random
import socket
from collections.abc import Iterable

from lagebild.core import atomic_files
from lagebild.core.errors import UserError
from lagebild.core.settings import Settings

HOST = "127.0.0.1"
# Below Linux's ephemeral ports (from 32768), so that no outgoing connection uses a port between two starts.
RANGE = range(20000, 30000)


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` of 127.0.0.1 now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            return True
        except OSError:
            return False


def free(candidates: Iterable[int] | None = None) -> int:
    """A free port; raises UserError when none of the candidates is free."""
    # In random order: two checkouts that start at once must not race for the same first port.
    for port in random.sample(RANGE, 200) if candidates is None else candidates:
        if is_free(port):
            return port
    raise UserError(
        f"no free port on {HOST} was found between {RANGE.start} and {RANGE.stop - 1}",
        remedy="end programs that listen there, or set LAGEBILD_POSTGRES_PORT and LAGEBILD_AIRFLOW_PORT",
    )


def choose(settings: Settings, name: str, wanted: int | None, variable: str) -> int:
    """The port for server `name`: the configured one, else the stored one if it is free, else a new one.

    Raises UserError when the port that the user set in `variable` is taken.
    """
    if wanted is not None:
        if not is_free(wanted):
            raise UserError(
                f"{variable}={wanted}: another program listens on {HOST}:{wanted}",
                remedy=f"set {variable} to another port, or unset it and a free one is found",
            )
        return wanted
    remembered = settings.ports().get(name)
    return remembered if remembered is not None and is_free(remembered) else free()


def remember(settings: Settings, **ports: int) -> None:
    """Write the ports into `ports.json`, beside those already there."""
    settings.make_home()
    with locked(settings, "ports"):
        known = settings.ports()
        if known | ports == known:
            return
        atomic_files.write(settings.home / "ports.json", json.dumps(known | ports, indent=2) + "\n")


@contextlib.contextmanager
def locked(settings: Settings, name: str):
    """Hold `<home>/<name>.lock`; the kernel releases it when the process ends."""
    settings.make_home()
    with open(settings.home / f"{name}.lock", "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
