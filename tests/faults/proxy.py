"""A proxy between the loader and PostgreSQL on loopback: it names every message, and can break the load at any of them.

It speaks the frontend/backend protocol 3 as far as it must to see where a message ends. A *step* is what the client
sends before it waits: a statement with its values, a piece of COPY data, the end of the COPY, the goodbye.
"""

import contextlib
import hashlib
import re
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

KILL, CUT, DISK_FULL, LOCK_TIMEOUT = "SIGKILL", "lost connection", "disk full", "lock time-out"
SQLSTATES = {
    DISK_FULL: ("53100", "could not extend file: No space left on device"),
    LOCK_TIMEOUT: ("55P03", "canceling statement due to lock timeout"),
}
BEFORE, AFTER = "before", "answer lost"
_ENDS_A_STEP = b"QSHpdX"
_UNKNOWN = b"lagebild fault\0"  # no SQL: the server itself raises the error, and aborts its transaction


@dataclass(frozen=True)
class Fault:
    """Raise `kind` at the `turn`-th step of this name, before the server has it or when it is through with it."""

    name: str
    turn: int
    when: str
    kind: str


@dataclass(frozen=True)
class Step:
    """A step that was seen: its name, which one of that name it is (from 1), when, and what can happen to it."""

    name: str
    turn: int
    at: float
    is_answered: bool
    can_fail: bool


@dataclass
class Link:
    """One connection of the client, and the proxy's own to the server in its place."""

    number: int
    client: socket.socket
    server: socket.socket
    asked: int = 0
    """Steps sent so far that the server answers to the end."""
    answered: int = 0
    hold_until: int | None = None
    """Answers are withheld from now on, and the fault is raised when this many were given."""
    error: tuple[str, str] | None = None
    """SQLSTATE and message that take the place of the next error's."""
    is_simple_copy: bool = False
    statements: dict[bytes, str] = field(default_factory=dict)
    copying: str = ""
    """The table of the last COPY."""

    def close(self) -> None:
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


class Proxy:
    """Listens on a free port of 127.0.0.1 until it is closed. `kill` ends the loading process."""

    def __init__(self, host: str, port: int, fault: Fault | None = None, kill: Callable[[], None] = lambda: None):
        self.steps: list[Step] = []
        self.has_fired = False
        self._target, self._fault, self._kill = (host, port), fault, kill
        self._lock = threading.RLock()
        self._links: list[Link] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "Proxy":
        return self

    def __exit__(self, *exception) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """End every connection at once, as a network that breaks does."""
        for link in self._links:
            link.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
            except OSError:
                return
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = Link(len(self._links) + 1, client, server)
            self._links.append(link)
            for pump in (self._from_client, self._from_server):
                threading.Thread(target=_quietly, args=(pump, link), daemon=True).start()

    # --- from the client -----------------------------------------------------------------------------------------

    def _from_client(self, link: Link) -> None:
        startup = _exactly(link.client, 4)
        startup += _exactly(link.client, struct.unpack("!I", startup)[0] - 4)
        self._step(link, [(b"", startup)], "connect")
        step: list[tuple[bytes, bytes]] = []
        while True:
            kind, body = _message(link.client)
            step.append((kind, body))
            ends_copy = kind in b"cf" and link.is_simple_copy
            if step == [(kind, body)] and kind in b"SH":
                # A sync or flush with nothing before it: psycopg sends some in a pipeline, as time will have it.
                link.asked += kind == b"S"
                link.server.sendall(kind + body)
                step = []
            elif kind in _ENDS_A_STEP or ends_copy:
                self._step(link, step, _name(link, step))
                step = []

    def _step(self, link: Link, step: list[tuple[bytes, bytes]], name: str) -> None:
        kinds = b"".join(kind for kind, _ in step)
        is_answered = kinds[-1:] not in (b"d", b"X", b"H")
        can_fail = any(kind in b"QPBdc" for kind in kinds) or name == "connect"
        with self._lock:
            name = f"connection {link.number}: {name}"
            turn = 1 + sum(step.name == name for step in self.steps)
            self.steps.append(Step(name, turn, time.monotonic(), is_answered, can_fail))
            link.asked += is_answered
        if kinds == b"Q" or b"P" in kinds:
            link.is_simple_copy = kinds == b"Q"
        data = b"".join(kind + body for kind, body in step)
        fault = self._fault
        if fault is None or (fault.name, fault.turn) != (name, turn):
            link.server.sendall(data)
            return
        self.has_fired = True
        if fault.kind in SQLSTATES:
            self._fail(link, step, SQLSTATES[fault.kind])
        elif fault.when == AFTER:
            link.hold_until = link.asked
            link.server.sendall(data)
        else:
            self._break()

    def _fail(self, link: Link, step: list[tuple[bytes, bytes]], error: tuple[str, str]) -> None:
        """Make the server itself fail at this step, and put the wanted error into its answer."""
        if step[0][0] == b"":  # no session yet: the server would end with a fatal error
            with contextlib.suppress(OSError):
                link.client.sendall(b"E" + _framed(_error_body("FATAL", *error)))
            link.close()
            return
        link.error = error
        link.server.sendall(b"".join(_broken(kind, body) for kind, body in step))

    def _break(self) -> None:
        if self._fault.kind == KILL:
            self._kill()
        self.cut()

    # --- from the server -----------------------------------------------------------------------------------------

    def _from_server(self, link: Link) -> None:
        while True:
            kind, body = _message(link.server)
            if kind == b"E" and link.error:
                body, link.error = _framed(_error_body("ERROR", *link.error)), None
            # Authentication asks again and again; each request for more is the answer to a step.
            is_last = kind in b"ZG" or (kind == b"R" and struct.unpack("!I", body[4:8])[0] in (3, 5, 10, 11))
            if is_last:
                link.answered += 1
            if link.hold_until is None:
                link.client.sendall(kind + body)
            elif link.answered >= link.hold_until:
                self._break()
                return


def _quietly(pump: Callable[[Link], None], link: Link) -> None:
    with contextlib.suppress(OSError, EOFError):
        pump(link)
    link.close()  # one end is gone: the other learns of it


def _exactly(end: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        piece = end.recv(count - len(data))
        if not piece:
            raise EOFError
        data += piece
    return bytes(data)


def _message(end: socket.socket) -> tuple[bytes, bytes]:
    """(type, length and body)"""
    kind = _exactly(end, 1)
    length = _exactly(end, 4)
    return kind, length + _exactly(end, struct.unpack("!I", length)[0] - 4)


def _framed(body: bytes) -> bytes:
    return struct.pack("!I", len(body) + 4) + body


def _error_body(severity: str, sqlstate: str, message: str) -> bytes:
    fields = (("S", severity), ("V", severity), ("C", sqlstate), ("M", message))
    return b"".join(f"{code}{text}\0".encode() for code, text in fields) + b"\0"


def _broken(kind: bytes, body: bytes) -> bytes:
    """The message, changed so that the server must refuse it."""
    body = body[4:]
    if kind == b"Q":
        body = _UNKNOWN
    elif kind == b"P":
        name, _, _ = body.split(b"\0", 2)
        body = name + b"\0" + _UNKNOWN + b"\0\0"
    elif kind == b"B":
        portal, name, rest = body.split(b"\0", 2)
        body = portal + b"\0" + (name + b" of no statement" if name else b"") + b"\0" + rest
    elif kind in (b"d", b"c"):
        kind, body = b"f", b"fault\0"
    return kind + _framed(body)


def _name(link: Link, step: list[tuple[bytes, bytes]]) -> str:
    """What a step is, in words: the SQL of its first statement, or the part of a COPY."""
    texts = []
    for kind, body in step:
        if kind == b"P":
            name, query, _ = body[4:].split(b"\0", 2)
            link.statements[name] = query.decode()
        if kind == b"Q":
            texts.append(body[4:-1].decode())
        if kind == b"B":
            texts.append(link.statements.get(body[4:].split(b"\0", 2)[1], "a prepared statement"))
    if texts:
        times = f" (x {len(texts)})" if len(texts) > 1 else ""
        if copied := re.match(r'copy "?(\w+)"?\."?(\w+)', texts[0]):
            link.copying = ".".join(copied.groups())
        return _short(texts[0]) + times
    kinds = {kind for kind, _ in step}
    if kinds & {b"d", b"c", b"f"}:
        part = "data" if b"d" in kinds else "end" if b"c" in kinds else "given up"
        return f"COPY {part} ({link.copying})"
    return next((text for kind, text in ((b"p", "authenticate"), (b"X", "goodbye")) if kind in kinds), "sync")


def _short(sql: str, width: int = 78) -> str:
    text = re.sub(r"\s+", " ", sql).strip()
    # Two statements that begin alike are two.
    return text if len(text) <= width else f"{text[: width - 11]}... #{hashlib.sha256(text.encode()).hexdigest()[:6]}"
