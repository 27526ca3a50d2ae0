"""Apache Superset beside the stack: dashboards on the marts, `make bi`. An environment of its own, made when wanted.

    python -m lagebild.local.bi        serve until stopped; `lagebild stack bi` starts it

It listens on 127.0.0.1, reads schema `marts` as bi_reader, and asks no other host anything. Its metadata is a SQLite
file in the state folder; what it shows are files in `bi/` (docs/bi.md). Why so: docs/decisions/superset.md.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from lagebild import bootstrap
from lagebild.core import atomic_files, database
from lagebild.core.errors import UserError
from lagebild.core.progress import Board
from lagebild.core.settings import ROOT, Settings
from lagebild.core.settings import load as load_settings
from lagebild.local import bi_bundle, ports, postgres
from lagebild.local.background import Background

NAME = "bi"
SERVER = Background(NAME, "lagebild.local.bi", (NAME,))
ADMIN, VIEWER = "admin", "viewer"
SECRETS = ("superset_secret_key", "superset_admin", "superset_viewer", database.BI_READER)
REQUIREMENTS = ROOT / "bi" / "requirements.txt"
START_SECONDS = 180
PIXEL = "https://apachesuperset.gateway.scarf.sh/pixel/"
"""The vendor's counter of visits, built into a script of the package."""
NOTHING = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==#"


@dataclass(frozen=True)
class Superset:
    """Superset of one state folder."""

    settings: Settings

    @property
    def folder(self) -> Path:
        return SERVER.folder(self.settings)

    @property
    def url(self) -> str | None:
        """URL of the dashboards; None while they are not served."""
        return self._address() if SERVER.process(self.settings) else None

    def up(self, board: Board) -> str:
        """Make the environment, bring the dashboards to the state of the files, serve them; the URL. UserError."""
        if not postgres.is_running(self.settings):
            raise UserError("the warehouse does not run: there is nothing to show", remedy="make run, or make up")
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with board.stage("Superset") as stage:
            board.doing("making its environment, if that is not there (700 MB)")
            if install(self.folder):
                board.detail("Superset's environment was made")
            board.doing("bringing the dashboards to the state of the files")
            result = provision(self.folder, self.environment())
            if result["changed"]:
                board.warn(
                    f"changed in Superset since the last start, now as in the files again:"
                    f" {', '.join(result['changed'])} (kept: {result['kept']}; what shall stay belongs into bi/,"
                    " docs/bi.md)"
                )
            SERVER.start(self.settings)
            _wait(self._address(), SERVER.log_path(self.settings))
            stage.result = f"runs at {self._address()}, {result['dashboards']} dashboards"
        return self._address()

    def environment(self) -> dict[str, str]:
        """Superset's variables. Secrets are read from their files, and the user's own Superset is not asked."""
        for name in SECRETS:
            self.settings.secret(name)
        others = ("SUPERSET_", "FLASK_", "PYTHON")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
        return kept | {
            "PYTHONPATH": str(ROOT / "bi"),
            "PYTHONWARNINGS": "ignore",
            "FLASK_APP": "superset.app:create_app()",
            "SUPERSET_HOME": str(self.folder),
            "BI_STATE": str(self.folder),
            "BI_SECRETS": str(self.settings.secrets),
            "BI_WAREHOUSE": database.url(self.settings, database.BI_READER, shows_password=False),
        }

    def lines(self) -> list[str]:
        """What `lagebild stack status` says of it; nothing where it was never started."""
        if not self.folder.exists():
            return []
        if self.url is None:
            return ["dashboards:     are stopped (make bi)"]
        secrets = self.settings.secrets
        return [
            f"dashboards:     {self.url}dashboard/list/  (user {VIEWER}; password: {secrets / 'superset_viewer'})",
            f"  to edit:      user {ADMIN}; password: {secrets / 'superset_admin'}",
        ]

    def logins(self) -> list[dict[str, str]]:
        """URL, user and password of viewer and administrator; empty while it is not served."""
        if self.url is None:
            return []
        return [
            {"url": self.url, "user": user, "password": self.settings.secret(f"superset_{user}")}
            for user in (VIEWER, ADMIN)
        ]

    def _address(self) -> str:
        return f"http://{ports.HOST}:{self.settings.ports()[NAME]}/"


def install(folder: Path) -> bool:
    """Make the environment from `bi/requirements.txt` where it is not current; whether it was made. UserError."""
    stamp, wanted = folder / "environment", hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted and _python(folder).exists():
        return False
    uv = bootstrap.find_uv() or bootstrap.fetch_uv()
    shutil.rmtree(folder / "venv", ignore_errors=True)
    log = folder / "environment.log"
    commands = (
        [*uv, "venv", "--quiet", "--python", sys.executable, str(folder / "venv")],
        [
            *uv,
            "pip",
            "install",
            "--quiet",
            "--require-hashes",
            "--python",
            str(_python(folder)),
            "-r",
            str(REQUIREMENTS),
        ],
    )
    with open(log, "w") as handle:
        for command in commands:
            environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
            environment |= {"UV_PYTHON_DOWNLOADS": "never"}
            done = subprocess.run(command, env=environment, stdout=handle, stderr=subprocess.STDOUT, check=False)
            if done.returncode:
                raise UserError(
                    f"Superset's environment could not be made:\n{log.read_text()[-1500:]}",
                    remedy="check the connection to the Python package index and the space on the disk, then again",
                )
    silence(folder)
    stamp.write_text(wanted)
    return True


def silence(folder: Path) -> int:
    """Take the vendor's counter out of the package's scripts; in how many files it was."""
    found = 0
    for path in folder.glob("venv/lib/python3*/site-packages/superset/static/assets/*.js"):
        text = path.read_text(encoding="utf-8")
        if PIXEL in text:
            # Not in place: uv links packages to its cache, which other environments share.
            atomic_files.write(path, text.replace(PIXEL, NOTHING))
            found += 1
    return found


def provision(folder: Path, environment: dict[str, str]) -> dict:
    """Bring Superset's metadata to the state of `bi/`; what `bi/provision.py` prints. UserError with its log."""
    bundle = folder / "bundle.json"
    atomic_files.write(bundle, json.dumps(bi_bundle.compiled().texts(), ensure_ascii=False))
    command = [str(_python(folder)), str(ROOT / "bi" / "provision.py"), str(bundle), str(folder)]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    (folder / "provision.log").write_text(done.stderr)
    if done.returncode:
        raise UserError(
            f"the dashboards could not be imported:\n{done.stderr[-2000:]}", remedy=f"read {folder / 'provision.log'}"
        )
    return json.loads(done.stdout.splitlines()[-1])


def _python(folder: Path) -> Path:
    return folder / "venv" / "bin" / "python"


def _wait(address: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{address}health", timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise UserError(f"Superset does not answer:\n{log.read_text()[-2000:]}", remedy=f"read {log}")


def main() -> None:
    """Serve in the place of this process, so that its id stays."""
    settings = load_settings()
    superset = Superset(settings)
    gunicorn = superset.folder / "venv" / "bin" / "gunicorn"
    options = ["--workers", "1", "--worker-class", "gthread", "--threads", "8", "--timeout", "120"]
    bind = f"{ports.HOST}:{settings.ports()[NAME]}"
    os.execve(gunicorn, ["gunicorn", *options, "--bind", bind, "superset.app:create_app()"], superset.environment())


if __name__ == "__main__":
    main()
