"""Steps of a running build, and their totals by layer."""

import time
from collections import Counter
from dataclasses import dataclass, field

GOOD = frozenset({"success", "pass", "ok"})
BAD = frozenset({"error", "fail", "runtime error"})


@dataclass(frozen=True)
class Step:
    """One model, seed or test that dbt has finished."""

    layer: str
    """`staging`, `intermediate`, `marts`, or `seeds`."""
    name: str
    kind: str
    """dbt's resource type: `model`, `seed`, `test`, ..."""
    status: str
    """dbt's status: `success`, `pass`, `warn`, `error`, `fail`, `skipped`."""
    seconds: float
    done: int
    """Number of finished steps, including this one, of `total` in this dbt call."""
    total: int

    @property
    def is_bad(self) -> bool:
        return self.status.lower() in BAD

    def __str__(self) -> str:
        return f"{self.done} of {self.total} {self.layer}: {self.kind} {self.name} {self.status} {self.seconds:.1f} s"


@dataclass
class Layer:
    """Finished steps of a layer."""

    name: str
    kinds: Counter[str] = field(default_factory=Counter)
    others: Counter[str] = field(default_factory=Counter)
    """Bad statuses with their counts."""
    began: float = 0.0
    ended: float = 0.0

    def add(self, step: Step, now: float) -> None:
        # dbt runs several steps at once: the time of a layer is wall time, not the sum of its steps.
        self.began = min(self.began, now - step.seconds) if self.kinds else now - step.seconds
        self.ended = now
        self.kinds[step.kind] += 1
        if step.status.lower() not in GOOD:
            self.others[step.status.lower()] += 1

    def __str__(self) -> str:
        counts = [f"{count} {kind.replace('_', ' ')}{'s' * (count != 1)}" for kind, count in self.kinds.items()]
        counts += [f"{count} {status}" for status, count in self.others.items()]
        return f"{self.name:<12}  {', '.join(counts)}  {self.ended - self.began:.0f} s"


class Layers:
    """Counts steps by layer, in the order in which the layers began."""

    def __init__(self) -> None:
        self._layers: dict[str, Layer] = {}

    def add(self, step: Step) -> None:
        self._layers.setdefault(step.layer, Layer(step.layer)).add(step, time.monotonic())

    def lines(self) -> list[str]:
        return [str(layer) for layer in self._layers.values()]

    def taken(self) -> list[str]:
        """The same, then reset for another build."""
        lines, self._layers = self.lines(), {}
        return lines
