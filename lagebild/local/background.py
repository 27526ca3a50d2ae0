"""A small server beside Airflow: one process, on 127.0.0.1 only."""

import contextlib
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

from lagebild.core.settings import Settings
from lagebild.local import pidfile, ports


@dataclass(frozen=True)
class Background:
    """`python -m <module>` with its own folder below the home; its ports are remembered by name."""

    folder_name: str
    module: str
    port_names: tuple[str, ...]

    def folder(self, settings: Settings) -> Path:
        return settings.home / self.folder_name

    def log_path(self, settings: Settings) -> Path:
        """Log of a server that cannot start."""
        return self.folder(settings) / "server.log"

    def start(self, settings: Settings) -> None:
        """Start it where it does not run; it is not waited for."""
        with ports.locked(settings, self.folder_name):
            if self.process(settings):
                return
            chosen = {name: ports.choose(settings, name, None, "") for name in self.port_names}
            ports.remember(settings, **chosen)
            log = self.log_path(settings)
            log.parent.mkdir(parents=True, exist_ok=True)
            with open(log, "w") as handle:
                child = subprocess.Popen(
                    [sys.executable, "-m", self.module],
                    env=os.environ | settings.variables(),
                    cwd=log.parent,
                    stdin=subprocess.DEVNULL,
                    stdout=handle,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            pidfile.write(self._pidfile(settings), child.pid)

    def stop(self, settings: Settings) -> None:
        """Stop it and wait until it ended."""
        if running := self.process(settings):
            running.send_signal(signal.SIGTERM)
            with contextlib.suppress(psutil.TimeoutExpired):
                running.wait(5)
                return
            running.kill()

    def process(self, settings: Settings) -> psutil.Process | None:
        """The running server of this state folder."""
        return pidfile.process(self._pidfile(settings))

    def _pidfile(self, settings: Settings) -> Path:
        return self.folder(settings) / "server.pid"
