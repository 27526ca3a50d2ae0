"""A stage of a run: its name, what it does now, how long it has taken."""

import time
from dataclasses import dataclass, field

NAME_WIDTH = 12


@dataclass
class Stage:
    """A running piece of work with its own clock."""

    name: str
    result: str = ""
    """The result; its line stays."""
    doing: str = ""
    part: tuple[int, int] | None = None
    began: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    def __str__(self) -> str:
        shown = [self.doing or "under way"]
        if self.part:
            done, total = self.part
            # Bytes as percent; countable things as numbers.
            shown.append(f"{done} of {total}" if total < 1000 else f"{100 * done // total} %")
        return f"{self.name:<{NAME_WIDTH}}  {', '.join(shown)}"


def spent(seconds: float) -> str:
    """A duration as text: `3 s`, `2 min 05 s`."""
    whole = round(seconds)
    return f"{whole} s" if whole < 120 else f"{whole // 60} min {whole % 60:02} s"
