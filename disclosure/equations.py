"""What is known of figures, as linear equations of whole numbers, and what must not follow from them. Pure.

Unknowns are counts (whole numbers) and amounts (whole cents, solved as continuous). A publication says the sum of some
of them, or between which ends it lies. Whatever is said twice in the same words is entered once.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

Cell = Hashable
Terms = tuple[tuple[int, Cell], ...]
"""Factor and unknown; each unknown once."""
CANDIDATE = 0
"""The number of the publication that is not there yet."""


@dataclass(frozen=True, order=True)
class Source:
    """Where something is said: a mart, the key of its row in words, what of it, and in which publication first."""

    mart: str
    key: str
    what: str
    publication: int = CANDIDATE

    def __str__(self) -> str:
        where = f"publication {self.publication}" if self.publication else "candidate"
        return f"{self.mart} {self.key}, {self.what} ({where})"


@dataclass(frozen=True)
class Unknown:
    """What holds of a figure whatever is published: its least and highest value, and the true one where it is known."""

    whole: bool = True
    low: int | None = 0
    high: int | None = None
    truth: int | None = None


@dataclass(frozen=True)
class Equation:
    """The sum of the terms lies between `low` and `high`; None is no end."""

    source: Source
    terms: Terms
    low: int | None
    high: int | None


class Rule(Protocol):
    """What an interval must not be. Whatever holds another interval that is let pass must be let pass, too."""

    def is_broken_by(self, low: int | None, high: int | None) -> bool:
        """Whether it discloses that a value lies between these ends, both possible; None is no end."""


@dataclass(frozen=True)
class Few:
    """A count below three must not be certain, nor must it be certain to be one or two."""

    is_zero_protected: bool = False

    def is_broken_by(self, low: int | None, high: int | None) -> bool:
        if low is None or high is None:
            return False
        return (low >= 1 and high <= 2) or (self.is_zero_protected and low == high == 0)


@dataclass(frozen=True)
class FewApart:
    """A difference of two publications must not be certain to be one or two, either way."""

    def is_broken_by(self, low: int | None, high: int | None) -> bool:
        if low is None or high is None:
            return False
        return (low >= 1 and high <= 2) or (low >= -2 and high <= -1)


@dataclass(frozen=True)
class Each:
    """Rows must not be certain to sum to one each, nor to two each: whoever takes all for small would know them."""

    rows: int

    def is_broken_by(self, low: int | None, high: int | None) -> bool:
        return low == high and low in (self.rows, 2 * self.rows)


@dataclass(frozen=True)
class Values:
    """A count must have so many possible values at least."""

    least: int

    def is_broken_by(self, low: int | None, high: int | None) -> bool:
        return low is not None and high is not None and high - low + 1 < self.least


@dataclass(frozen=True)
class Apart:
    """An amount must be possible at least `margin` below and above the true value, and never certain."""

    truth: int
    margin: int
    is_either_side_enough: bool = False
    # Floating point solves it: a cent of some billions.
    _TOLERANCE = 1

    def is_broken_by(self, low: int | None, high: int | None) -> bool:
        near = self._TOLERANCE if self.margin else 0
        below = low is None or low <= self.truth - self.margin + near
        above = high is None or high >= self.truth + self.margin - near
        is_certain = low is not None and high is not None and high - low <= self._TOLERANCE
        return is_certain or not (below or above if self.is_either_side_enough else below and above)


@dataclass(frozen=True)
class Requirement:
    """What must not follow of a sum of terms; `source` names the cell, never its value."""

    source: Source
    terms: Terms
    rule: Rule
    constant: int = 0
    """Added to the sum."""


@dataclass
class Problem:
    """All of it: unknowns, equations and requirements."""

    unknowns: dict[Cell, Unknown] = field(default_factory=dict)
    equations: dict[tuple[Terms, int | None, int | None], Equation] = field(default_factory=dict)
    requirements: dict[tuple[Terms, int, Rule], Requirement] = field(default_factory=dict)

    def know(
        self, cell: Cell, *, whole: bool = True, low: int | None = 0, high: int | None = None, truth: int | None = None
    ) -> Cell:
        """Enter an unknown, once; the cell itself."""
        self.unknowns.setdefault(cell, Unknown(whole, low, high, truth))
        return cell

    def state(self, source: Source, terms: Mapping[Cell, int], low: int | None, high: int | None) -> None:
        """Enter what is said; whatever was said before in the same words keeps its first source."""
        key = _ordered(terms)
        self.equations.setdefault((key, low, high), Equation(source, key, low, high))

    def protect(self, source: Source, terms: Mapping[Cell, int], rule: Rule, constant: int = 0) -> None:
        """Enter what must not follow."""
        key = _ordered(terms)
        self.requirements.setdefault((key, constant, rule), Requirement(source, key, rule, constant))


def _ordered(terms: Mapping[Cell, int]) -> Terms:
    return tuple(sorted(((factor, cell) for cell, factor in terms.items() if factor), key=repr))
