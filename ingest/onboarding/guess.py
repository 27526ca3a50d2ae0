"""What is guessed of an unknown file: its dialect, its rows, its columns, each with what is to be reviewed."""

import json
from dataclasses import dataclass, field

MAX_COLUMNS = 2_000
NO_BREAK, BLANKS = "\u00a0", " \u00a0\u202f\u2009"


@dataclass
class Column:
    """What is guessed of a column; `reviews` says what to look at, by entry of the contract."""

    title: str
    name: str
    type: str = "string"
    entries: dict[str, str] = field(default_factory=dict)
    constraints: list[str] = field(default_factory=list)
    own: list[str] = field(default_factory=list)
    reviews: dict[str, str] = field(default_factory=dict)


@dataclass
class Guess:
    """What is guessed of a file."""

    reader: str = "csv"
    encoding: str = "utf-8"
    dialect: dict[str, str] = field(default_factory=dict)
    columns: list[Column] = field(default_factory=list)
    own: dict[str, str] = field(default_factory=dict)
    reviews: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    """What else there is to look at in the file, by its lines."""
    missing: list[str] = field(default_factory=list)
    """Texts that stand for no value."""
    key: list[str] = field(default_factory=list)
    is_titled: bool = True


@dataclass(frozen=True)
class Row:
    """A record of the sample: its first line, counted from 1, and its fields without blanks around them."""

    line: int
    cells: list[str]

    @property
    def filled(self) -> list[int]:
        return [n for n, cell in enumerate(self.cells) if cell]

    def padded(self, width: int) -> list[str]:
        """As many cells as a table has columns."""
        return (self.cells + [""] * width)[:width]


def quoted(text: str) -> str:
    """Text as YAML in quotes; JSON is a part of YAML."""
    return json.dumps(text, ensure_ascii=False).replace(NO_BREAK, r"\u00a0")
