"""The pages of the checks over HTTP: one process of the standard library, on 127.0.0.1 alone.

Airflow's API server serves no files of ours. Pages are written when somebody asks for the index and something was
checked or decided since: nothing waits for them, and Great Expectations is loaded in a process that ends again.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil

from lagebild.errors import UserError
from lagebild.settings import Settings
from lagebild.settings import load as load_settings
from lagebild.stack import airflow, ports

NAME = "quality_docs"
_writing = threading.Lock()


def url(settings: Settings) -> str | None:
    """Where the pages are served; None while they are not."""
    return f"http://{ports.HOST}:{settings.ports()[NAME]}/" if process(settings) else None


def log_path(settings: Settings) -> Path:
    """What the server says when it cannot start."""
    return _folder(settings) / "server.log"


def start(settings: Settings) -> None:
    """Serve the pages where that is not done already. It is not waited for, and a run does not fail without it."""
    with ports.locked(settings, NAME):
        if process(settings):
            return
        port = ports.choose(settings, NAME, None, "")
        ports.remember(settings, **{NAME: port})
        log = log_path(settings)
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, "w") as handle:
            child = subprocess.Popen(
                [sys.executable, "-m", "lagebild.stack.pages"],
                env=os.environ | airflow.variables(settings),
                cwd=log.parent,
                stdin=subprocess.DEVNULL,
                stdout=handle,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        known = {"pid": child.pid, "started": psutil.Process(child.pid).create_time()}
        (_folder(settings) / "server.pid").write_text(json.dumps(known))


def stop(settings: Settings) -> None:
    """End the server, and wait until it is gone."""
    if running := process(settings):
        running.send_signal(signal.SIGTERM)
        with contextlib.suppress(psutil.TimeoutExpired):
            running.wait(5)
            return
        running.kill()


def process(settings: Settings) -> psutil.Process | None:
    """The living server of this state folder."""
    with contextlib.suppress(OSError, ValueError, psutil.Error):
        known = json.loads((_folder(settings) / "server.pid").read_text())
        found = psutil.Process(known["pid"])
        is_same = abs(found.create_time() - known["started"]) < 0.05
        if is_same and found.status() != psutil.STATUS_ZOMBIE:
            return found
    return None


class Handler(SimpleHTTPRequestHandler):
    """Files of one folder, read only; the index brings the folder up to date first."""

    def __init__(self, *arguments: Any, settings: Settings, **options: Any) -> None:
        self.settings = settings
        super().__init__(*arguments, directory=str(_pages(settings)), **options)

    def do_GET(self) -> None:
        if self.path in ("/", "/index.html"):
            try:
                _bring_up_to_date(self.settings)
            except UserError as error:
                self.send_error(503, "the pages cannot be written now", str(error))
                return
        super().do_GET()

    def list_directory(self, path: Any) -> None:
        """There is none: every page is reached from the index."""
        self.send_error(404)

    def log_message(self, *arguments: Any) -> None:
        """Who looked at which page is nobody's business, and would fill the log."""


def _bring_up_to_date(settings: Settings) -> None:
    from expectations import docs  # late: whoever starts and stops this server does not need that room

    with _writing:
        if docs.is_current(settings, _pages(settings)):
            return
        command = [sys.executable, "-m", "lagebild.cli", "quality-docs"]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            raise UserError(result.stderr.strip()[-500:])


def _pages(settings: Settings) -> Path:
    from expectations import docs

    return docs.folder(settings)


def _folder(settings: Settings) -> Path:
    return settings.home / "pages"


def main() -> None:
    """Serve until told to stop."""
    settings = load_settings()
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    address = (ports.HOST, settings.ports()[NAME])
    ThreadingHTTPServer(address, partial(Handler, settings=settings)).serve_forever()


if __name__ == "__main__":
    main()
