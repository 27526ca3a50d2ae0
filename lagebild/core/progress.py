"""Progress: a live board on a terminal; elsewhere one line per stage, and occasional lines about running work.

Three kinds of reader: a terminal shows everything live, a log gets few lines worth keeping, and `-v` prints every step.
"""

import contextlib
import threading
import time
from collections.abc import Generator
from typing import TextIO

from lagebild.core.output import Level, Output
from lagebild.core.stages import NAME_WIDTH, Stage, spent

SILENCE_SECONDS = 30
"""First pause between lines of a log. Pauses grow with time, so that a slow run does not fill the log."""


class Plain:
    """A console that is no terminal: plain lines."""

    is_terminal = False

    def __init__(self, stream: TextIO):
        self._stream = stream

    def print(self, line: str, **_: object) -> None:
        print(line, file=self._stream, flush=True)


class Board:
    """`with Board(console) as board:` then `stage` or `doing` (running work), `part` (how far), and lines that stay.

    Without an `output` it shows everything; for developers' tools.
    """

    def __init__(self, console, output: Output | None = None):
        self._console, self._output = console, output or Output(Level.VERBOSE)
        self._is_live = console.is_terminal and self._output.is_drawing and self._output.level > Level.QUIET
        self._began = time.monotonic()
        self._printed = self._began
        self._stages: list[Stage] = []
        self._alone = Stage("")
        """Running work outside of a stage."""
        self._rows: dict[str, str] = {}
        self._lock = threading.RLock()
        self._end = threading.Event()

    def __enter__(self) -> "Board":
        if self._is_live:
            from lagebild.core.live import Screen

            self._screen = Screen(self._console, self._state)
            self._screen.start()
        else:
            self._thread = threading.Thread(target=self._beat, daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *exception) -> None:
        self._end.set()
        if not self._is_live:
            self._thread.join()
            return
        self._screen.stop()
        for text in self._rows.values():  # the board disappears, its last lines stay
            self._print(text)

    # --- running work ------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def stage(self, name: str) -> Generator[Stage]:
        """A stage of the work. If it succeeds, its `result` and its time stay as a line."""
        stage = Stage(name)
        with self._lock:
            self._stages.append(stage)
        self.detail(f"{name} ...")
        outcome = "failed"
        try:
            yield stage
            outcome = stage.result or "done"
        except BaseException as error:
            outcome = outcome if isinstance(error, Exception) else "stopped"
            raise
        finally:
            with self._lock:
                self._stages.remove(stage)
            self._finished(stage, outcome)

    def _finished(self, stage: Stage, outcome: str) -> None:
        mark, style = ("✓ ", "green") if outcome not in ("failed", "stopped") else ("✗ ", "bold red")
        line = f"{stage.name:<{NAME_WIDTH}}  {outcome}  {spent(stage.seconds)}"
        self._say(line, Level.NORMAL, mark if self._is_live else "", style)

    def doing(self, activity: str) -> None:
        """The current step of the last stage; shown with its seconds."""
        with self._lock:
            stage = self._stages[-1] if self._stages else self._alone
            if activity == stage.doing:
                return
            stage.doing, stage.part = activity, None
            if stage is self._alone:
                stage.began = time.monotonic()
            self.detail(f"{activity} ...")

    def part(self, done: int, total: int) -> None:
        """Progress of the current step; `total` 0 means unknown."""
        with self._lock:
            stage = self._stages[-1] if self._stages else self._alone
            stage.part = (min(done, total), total) if total else None

    def show(self, key: str, line: str) -> None:
        """State of one row, such as a DAG run, with `-v`; a log gets it when it changes."""
        if not self.is_verbose:
            return
        with self._lock:
            changed = self._rows.get(key) != line
            self._rows[key] = line
            if changed and not self._is_live:
                self._print(line)

    # --- lines that stay ---------------------------------------------------------------------------------------------

    def say(self, line: str) -> None:
        """A line, unless quiet."""
        self._say(line, Level.NORMAL)

    def warn(self, line: str) -> None:
        """A highlighted line, also without colours."""
        self._say(line, Level.NORMAL, "! ", "bold yellow")

    def done(self, line: str, is_warned: bool = False) -> None:
        """A line about one of many finished items: on a terminal and with `-v`; a log gets only the total."""
        mark, style = ("~ ", "yellow") if is_warned else ("  ", None)
        self._say(line, Level.NORMAL if self._is_live else Level.VERBOSE, mark, style)

    def detail(self, line: str) -> None:
        """A step, shown with `-v`."""
        self._say(line, Level.VERBOSE)

    @property
    def is_verbose(self) -> bool:
        return self._output.level == Level.VERBOSE

    @property
    def shows_many(self) -> bool:
        """Whether to show a line for each of many items: on a terminal or with `-v`."""
        return self._is_live or self.is_verbose

    def _say(self, line: str, least: Level, mark: str = "", style: str | None = None) -> None:
        if self._output.level >= least:
            self._print(mark + line, style)

    def _print(self, line: str, style: str | None = None) -> None:
        with self._lock:
            self._console.print(line, markup=False, highlight=False, soft_wrap=not self._is_live, style=style)
            self._printed = time.monotonic()

    # --- what a terminal and a log show ------------------------------------------------------------------------------

    def _state(self) -> tuple[list[str], list[Stage]]:
        # Without the lock: the screen calls this while it holds its own lock, for which a printing thread may wait.
        # Copying a list or the values of a dict is atomic in Python.
        return list(self._rows.values()), list(self._stages) or ([self._alone] if self._alone.doing else [])

    def _beat(self) -> None:
        while not self._end.wait(0.2):
            now = time.monotonic()
            if now - self._printed < max(SILENCE_SECONDS, (now - self._began) / 2):
                continue
            _, stages = self._state()
            if stages and self._output.level > Level.QUIET:
                oldest = max(stage.seconds for stage in stages)
                self._print(f"... {'; '.join(' '.join(str(stage).split()) for stage in stages)} ({spent(oldest)})")
