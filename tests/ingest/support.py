"""What tests of personal data share: small registers, the command line, and a process that is killed at every step."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import psycopg
import pytest
from click.testing import CliRunner, Result

from ingest import contracts
from ingest.contracts import Contract
from ingest.deliveries.delivery_ledger import Delivery
from ingest.inbox import retention
from ingest.loading import raw_tables
from lagebild.cli.main import cli
from lagebild.core import database
from lagebild.core import settings as settings_module
from lagebild.core.settings import ROOT, Settings
from tests.support import MUNICIPALITY, deliver, load_file, query

HEADER = (
    "Stichtag;AGS;Ordnungsmerkmal;AZR-Nummer;IdNr;Familienname;Vorname;Geburtsdatum;Geschlecht;Staatsangehörigkeit;"
    "Einzugsdatum;Auszugsdatum;Wohnungsart"
)
GOOD_BIRTH, BAD_BIRTH = "29.02.2004", "30.02.2004"


def person(identifier: str, birth: str = GOOD_BIRTH, ags: str = MUNICIPALITY, day: str = "31.12.2019") -> str:
    """A line of a register; with BAD_BIRTH it is rejected."""
    i = identifier
    return f"{day};{ags};{i};AZR{i};ID{i};N{i};V{i};{birth};W;154;01.02.2010;;A"


def register(*lines: str) -> bytes:
    return "\n".join([HEADER, *lines, ""]).encode("iso-8859-1")


def deliver_register(settings: Settings, *lines: str, day: str = "2019-12-31", ags: str = MUNICIPALITY) -> Delivery:
    """Load a register of these lines; its period is the municipality and the day."""
    return deliver(settings, "register", register(*lines), f"register_{ags}_{day}.csv")


def load_content(settings: Settings, source: str, content: bytes, name: str, folder: Path) -> Delivery:
    """Load bytes as a single file, not by the drop folder."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_bytes(content)
    return load_file(settings, contracts.load(source), file)


def load_by(settings: Settings, contract: Contract, content: bytes, name: str, folder: Path) -> Delivery:
    """Load bytes by a contract that is none of the house's; its raw table is made first."""
    with database.connect(settings) as connection:
        raw_tables.sync(connection, contract)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_bytes(content)
    return load_file(settings, contract, file)


def pseudonyms(settings: Settings) -> list[str]:
    """The pseudonym of every row of every stored snapshot, sorted."""
    rows = query(settings, "select person_pseudonym from raw.register__person_snapshot order by 1")
    return [pseudonym for (pseudonym,) in rows]


def environment(settings: Settings, home: Path) -> dict[str, str]:
    """The variables with which a process of the command line finds this test's warehouse."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {"PATH": path, "HOME": str(home), **settings.variables()}


def lagebild(settings: Settings, *arguments: str, home: Path, text: str | None = None) -> subprocess.CompletedProcess:
    """Run the command line in a process of its own."""
    program = Path(sys.executable).with_name("lagebild")
    return subprocess.run(
        [program, *arguments], env=environment(settings, home), input=text, capture_output=True, text=True, check=False
    )


def command(settings: Settings, *arguments: str, text: str | None = None) -> Result:
    """Run the command line in this process, which has its modules; a UserError is the result's `exception`."""
    with mock.patch.object(settings_module, "load", lambda: settings):
        return CliRunner().invoke(cli, arguments, input=text)


def age(settings: Settings, number: int, interval: str) -> None:
    """Let a file of an inbox have been taken so long ago."""
    with database.connect(settings) as connection:
        connection.execute(
            "update raw.inbox_file set done_at = now() - %s::interval where inbox_file_id = %s", [interval, number]
        )


def later(monkeypatch: pytest.MonkeyPatch, days: float) -> None:
    """The clock by which the retention of receipts is judged goes ahead."""
    ahead = time.time() + days * 86_400
    monkeypatch.setattr(retention.time, "time", lambda: ahead)


DRAIN = """
import pathlib, sys, time
from ingest.loading import load  # its loops are ready before both begin
from lagebild.core import settings
from tests.inboxes import drain
go = pathlib.Path(sys.argv[1])
print("ready", flush=True)
while not go.exists():
    time.sleep(0.001)
print(len(drain(settings.load())))
"""


def taken_by_two_processes(settings: Settings, folder: Path) -> list[int]:
    """Let two processes take everything that lies in the inboxes, from the same moment on; how many files each took."""
    command = [sys.executable, "-c", DRAIN, str(folder / "go")]
    own = {"env": environment(settings, folder), "cwd": ROOT, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **own) as first, subprocess.Popen(command, **own) as second:
        both = (first, second)
        assert [process.stdout.readline() for process in both] == ["ready\n"] * 2
        (folder / "go").touch()
        found = [int(process.communicate(timeout=60)[0]) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    return found


def follow(page: str, section: str, settings: Settings, home: Path, **given: str) -> str:
    """Run the fenced commands of one section of a runbook in one shell, with what it asks for; what they print."""
    pattern = rf"^## {re.escape(section)}$(.*?)(?=^## |\Z)"
    match = re.search(pattern, (ROOT / "docs" / "runbooks" / page).read_text(), re.MULTILINE | re.DOTALL)
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```$", match.group(1), re.MULTILINE | re.DOTALL)
    assert blocks, f"{page}: no commands under {section!r}"
    result = subprocess.run(
        ["bash", "-eu", "-c", "\n".join(blocks)],
        env=environment(settings, home) | given,
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


EFFECTS = (
    *((psycopg.Connection, name) for name in ("execute", "commit")),
    *((psycopg.Cursor, name) for name in ("execute", "executemany", "copy")),
    *((os, name) for name in ("open", "fsync", "replace", "rename", "unlink", "remove", "rmdir")),
)


def killed_at_each_step(prepare: Callable[[int], Callable[[], object]], stride: int = 1) -> Iterator[tuple[int, str]]:
    """Run an action in a process that kills itself before its n-th effect, for n = 0, 1, ... until it ends well.

    A `stride` tries one effect in so many. `prepare(n)` returns the action. An effect is a statement, a commit or a
    file operation. Yields n and the effect before which the process died.
    """
    for n in range(0, 1000, stride):
        action = prepare(n)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            _die_before(n, writer, action)
        os.close(writer)
        with os.fdopen(reader) as file:
            told = file.read()
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0, told
            return
        assert os.WTERMSIG(status) == signal.SIGKILL
        yield n, told


def _die_before(n: int, writer: int, action: Callable[[], object]) -> None:
    count = 0

    def counted(owner: object, name: str) -> None:
        original = getattr(owner, name)

        def step(*arguments, **options):
            nonlocal count
            if count == n:
                os.write(writer, f"{name}".encode())
                os.kill(os.getpid(), signal.SIGKILL)
            count += 1
            return original(*arguments, **options)

        setattr(owner, name, step)

    code = 1
    with contextlib.suppress(BaseException):
        try:
            for owner, name in EFFECTS:
                counted(owner, name)
            action()
            code = 0
        except BaseException:
            os.write(writer, traceback.format_exc().encode())
    os._exit(code)
