"""Lagebild: pipeline and warehouse for municipal integration policy.

import lagebild

costs = lagebild.read("cost_per_person", place="Dortmund")
print(lagebild.explain(costs.iloc[0]))
"""

from typing import Any

__all__ = ["compare", "explain", "read"]


def __getattr__(name: str) -> Any:
    if name in __all__:  # late: a command needs no pandas
        from lagebild.provenance import frame

        return getattr(frame, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
