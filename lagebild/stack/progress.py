"""Progress that is never silent: a live board on a terminal, plain lines elsewhere (at least one every two seconds)."""

import threading
import time

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.text import Text

SILENCE_SECONDS = 1.8


class Board:
    """`with Board(console) as board:` then `doing` (what goes on), `part` (how far), `show` (a DAG run), `say`."""

    def __init__(self, console: Console):
        self._console, self._is_live = console, console.is_terminal
        self._doing, self._since = "", time.monotonic()
        self._rows: dict[str, str] = {}
        self._part: tuple[int, int] | None = None
        self._printed = time.monotonic()
        self._lock = threading.RLock()
        self._end = threading.Event()
        self._spinner = Spinner("dots")
        self._live = Live(console=console, refresh_per_second=4, transient=True, get_renderable=self._render)

    def __enter__(self) -> "Board":
        if self._is_live:
            self._live.start()
        else:
            self._thread = threading.Thread(target=self._beat, daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *exception) -> None:
        self._end.set()
        if not self._is_live:
            self._thread.join()
            return
        self._live.stop()
        for text in self._rows.values():  # the board goes, what it showed last stays
            self._print(text)

    def say(self, line: str) -> None:
        """A line that stays."""
        self._print(line)

    def doing(self, activity: str) -> None:
        """What is under way now; shown with the seconds since it began."""
        with self._lock:
            if activity == self._doing:
                return
            self._doing, self._since, self._part = activity, time.monotonic(), None
            if not self._is_live:
                self._print(f"{activity} ...")

    def part(self, done: int, total: int) -> None:
        """How much of what is under way is done: a bar on a terminal, percent elsewhere."""
        with self._lock:
            self._part = (min(done, total), total) if total else None

    def show(self, key: str, line: str) -> None:
        """The present state of one row, such as a DAG run; a plain log gets it when it changed."""
        with self._lock:
            changed = self._rows.get(key) != line
            self._rows[key] = line
            if changed and not self._is_live:
                self._print(line)

    def _print(self, line: str) -> None:
        with self._lock:
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)
            self._printed = time.monotonic()

    def _render(self) -> Group:
        self._spinner.update(text=Text(f" {self._spent()}"))
        bars = [ProgressBar(total=self._part[1], completed=self._part[0], width=40)] if self._part else []
        return Group(*(Text(row) for row in self._rows.values()), self._spinner, *bars)

    def _spent(self) -> str:
        percent = f", {100 * self._part[0] // self._part[1]} %" if self._part else ""
        return f"{self._doing} ({time.monotonic() - self._since:.0f} s{percent})"

    def _beat(self) -> None:
        while not self._end.wait(0.2):
            if time.monotonic() - self._printed > SILENCE_SECONDS:
                self._print(f"  ... {self._spent()}")
