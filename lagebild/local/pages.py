"""Serve the pages of the checks over HTTP: one process of the standard library, on 127.0.0.1 only.

Airflow's API server does not serve our files. Pages are written when somebody opens the index and there are new checks
or decisions: nothing else waits for them, and Great Expectations is loaded in a short-lived process.
"""

import os
import signal
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from lagebild.core.errors import UserError
from lagebild.core.settings import Settings
from lagebild.core.settings import load as load_settings
from lagebild.local import ports
from lagebild.local.background import Background

NAME = "quality_docs"
SERVER = Background("pages", "lagebild.local.pages", (NAME,))
_writing = threading.Lock()


def url(settings: Settings) -> str | None:
    """URL of the pages; None while they are not served."""
    return f"http://{ports.HOST}:{settings.ports()[NAME]}/" if SERVER.process(settings) else None


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
        """No listing: every page is linked from the index."""
        self.send_error(404)

    def log_message(self, *arguments: Any) -> None:
        """Requests are not logged: that would record who reads what, and fill the log."""


def _bring_up_to_date(settings: Settings) -> None:
    from expectations import docs  # late: starting and stopping this server does not need it

    with _writing:
        if docs.is_current(settings, _pages(settings)):
            return
        command = [sys.executable, "-m", "lagebild.cli", "warehouse", "quality-docs"]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            raise UserError(result.stderr.strip()[-500:])


def _pages(settings: Settings) -> Path:
    from expectations import docs

    return docs.folder(settings)


def main() -> None:
    """Serve until stopped."""
    settings = load_settings()
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    address = (ports.HOST, settings.ports()[NAME])
    ThreadingHTTPServer(address, partial(Handler, settings=settings)).serve_forever()


if __name__ == "__main__":
    main()
