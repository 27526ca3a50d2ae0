"""Rules on a column, as a contract or a city's own configuration says them: what the gate expects of each delivery.

The form is that of a property's `quality:` in the Open Data Contract Standard (ODCS 3.1), library metrics: a metric,
its arguments, and what it must be. Two arguments are ours, `minimum` and `maximum`, named as in Data Package; the
column, which ODCS says by the place of a rule, is named. `expectations/column_rules.py` makes an expectation of each.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ingest.contracts.form import meant

if TYPE_CHECKING:
    from ingest.contracts.model import Field

NULL, INVALID = "nullValues", "invalidValues"
ARGUMENTS: dict[str, tuple[str, ...]] = {NULL: (), INVALID: ("validValues", "pattern", "minimum", "maximum")}
"""By metric, what may narrow it."""
SEVERITIES = ("hold", "warn")
REQUIRED = ("name", "column", "metric", "severity", "owner", "description")
_KEYS = (*REQUIRED, "arguments", "mustBe", "mustBeLessOrEqualTo", "unit")
_FOREIGN = re.compile(r"\(\?(?![:=!])|\\[^dDsSwW\W]|\\$|[*+?}]\+")
"""What Python's patterns have and PostgreSQL's lack, or mean otherwise."""


@dataclass(frozen=True)
class Rule:
    """A rule without findings."""

    name: str
    column: str
    """Name of the field, which is that of its column in raw."""
    metric: str
    arguments: Mapping[str, Any]
    most_pct: Decimal
    """Share of the rows that may break it, in per cent."""
    severity: str
    owner: str
    description: str
    """Why it must hold, in a sentence."""

    def __str__(self) -> str:
        return f"rule {self.name}: {self.column} {self.expected} ({self.severity}; {self.owner})"

    @property
    def expected(self) -> str:
        """What is expected of the column's values, in words."""
        told = [] if self.metric == INVALID else ["is not empty"]
        if "validValues" in self.arguments:
            told.append(f"is one of {', '.join(map(str, self.arguments['validValues']))}")
        if "pattern" in self.arguments:
            told.append(f"matches {self.arguments['pattern']}")
        if "minimum" in self.arguments:
            told.append(f"is not below {self.arguments['minimum']}")
        if "maximum" in self.arguments:
            told.append(f"is not above {self.arguments['maximum']}")
        share = f", in at least {100 - self.most_pct} % of the rows" if self.most_pct else ""
        return " and ".join(told) + share


def read(entry: Mapping[str, Any]) -> Rule:
    """The rule of an entry without findings."""
    return Rule(
        **{key: entry[key] for key in REQUIRED},
        arguments={
            key: date.fromisoformat(value) if key in ("minimum", "maximum") and isinstance(value, str) else value
            for key, value in entry.get("arguments", {}).items()
        },
        most_pct=Decimal(str(entry.get("mustBeLessOrEqualTo", 0))),
    )


def findings(entries: list[Any], fields: Mapping[str, "Field"], taken: tuple[str, ...] = ()) -> Iterator[tuple]:
    """What is wrong with a list of rules for these fields, each with its place there; `taken`: names of others."""
    seen = set(taken)
    for number, entry in enumerate(entries):
        wrong = list(_shape(entry)) or list(_sense(entry, fields))
        name = entry.get("name") if isinstance(entry, dict) else None
        yield from (((number, *place), f"rule {name}: {said}" if name else f"a rule: {said}") for place, said in wrong)
        if str(name) in seen:
            yield (number, "name"), f"rule {name}: another one has this name"
        seen.add(str(name))


def _shape(entry: Any) -> Iterator[tuple[tuple[str, ...], str]]:
    """Missing, unknown and mistyped keys."""
    if not isinstance(entry, dict):
        yield (), f"is no mapping of {', '.join(_KEYS)}"
        return
    for key in entry:
        if key not in _KEYS:
            yield (key,), f"{_unknown(key, _KEYS)}"
    for key in REQUIRED:
        if key not in entry:
            yield (), f"{key} is missing"
        elif not isinstance(entry[key], str) or not entry[key].strip():
            yield (key,), f"{key} is no text"
    if not isinstance(entry.get("arguments", {}), dict):
        yield ("arguments",), "arguments is no mapping"


def _sense(entry: dict[str, Any], fields: Mapping[str, "Field"]) -> Iterator[tuple[tuple[str, ...], str]]:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", entry["name"]):
        yield ("name",), "the name is not small letters, digits and underscores"
    for key, known in (("metric", ARGUMENTS), ("severity", SEVERITIES)):
        if entry[key] not in known:
            yield (key,), f"{key} {_unknown(entry[key], known)}"
    yield from _threshold(entry)
    field, metric = fields.get(entry["column"]), entry["metric"]
    if field is None:
        yield ("column",), f"column {_unknown(entry['column'], fields)}"
    elif field.privacy == "drop":
        yield ("column",), f"column {field.name} is dropped at landing, and nothing is left to check"
    elif field.privacy == "pseudonym" and metric == INVALID:
        yield ("column",), f"column {field.name} holds pseudonyms, of which only {NULL} can be said"
    elif metric in ARGUMENTS:
        yield from _arguments(entry.get("arguments", {}), metric, field)


def _threshold(entry: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Of how many rows it must hold: of all, or of all but a share."""
    none, share = "mustBe", "mustBeLessOrEqualTo"
    if none in entry and (entry[none] != 0 or isinstance(entry[none], bool)):
        yield (none,), f"{none} is not 0, the number of rows that break the rule; a share is said by {share}"
    if none in entry and share in entry:
        yield (share,), f"{none} and {share} both say how many rows may break the rule: leave one"
    if share in entry:
        most = entry[share]
        if isinstance(most, bool) or not isinstance(most, int | float) or not 0 <= most < 100:
            yield (share,), f"{share} is no number of per cent, from 0 to below 100"
        if entry.get("unit") != "percent":
            yield (share,), f"{share} is a share of the rows: write unit: percent beside it"
    elif "unit" in entry:
        yield ("unit",), f"unit belongs to {share}"


def _arguments(told: dict[str, Any], metric: str, field: "Field") -> Iterator[tuple[tuple[str, ...], str]]:
    known = ARGUMENTS[metric]
    if not known:
        if told:
            yield ("arguments",), f"{metric} has no arguments"
        return
    for key in told:
        if key not in known:
            yield ("arguments", key), f"arguments: {_unknown(key, known)}"
    if not told:
        yield ("metric",), f"{metric} needs arguments: one or more of {', '.join(known)}"
        return
    if "validValues" in told:
        yield from ((("arguments", "validValues"), said) for said in _valid(told["validValues"], field))
    if "pattern" in told:
        yield from ((("arguments", "pattern"), said) for said in _pattern(told["pattern"], field))
    bounds = {key: told[key] for key in ("minimum", "maximum") if key in told}
    wrong = [(key, said) for key, bound in bounds.items() if (said := _bound(key, bound, field))]
    yield from ((("arguments", key), said) for key, said in wrong)
    if len(bounds) == 2 and not wrong and _comparable(bounds["minimum"]) > _comparable(bounds["maximum"]):
        yield ("arguments", "maximum"), "maximum is below minimum: no value can be both"


def _valid(values: Any, field: "Field") -> Iterator[str]:
    kinds = {"string": str, "number": (int, float), "date": date, "boolean": bool}[field.kind]
    if not isinstance(values, list) or not values:
        yield "validValues is no list of values"
        return
    words = sorted(set((field.mapping or {}).values()) or field.enum or ())
    for value in values:
        if not isinstance(value, kinds) or (isinstance(value, bool) and field.kind != "boolean"):
            quoted = ": write it in quotes" if field.kind == "string" else ""
            yield f"validValues: {value!r} is no {field.kind}, as {field.name} is{quoted}"
        elif words and value not in words:
            yield f"validValues: {_unknown(value, words)}"


def _pattern(pattern: Any, field: "Field") -> Iterator[str]:
    if field.kind != "string":
        yield f"pattern is of texts, and {field.name} is a {field.kind}: use minimum and maximum"
        return
    try:
        re.compile(pattern)
    except (re.error, TypeError) as error:
        yield f"pattern is no regular expression: {error}"
        return
    if foreign := _FOREIGN.search(str(pattern)):
        yield f"pattern holds {foreign[0]!r}, which PostgreSQL reads otherwise: use [...], (...), *, +, ?, {{n,m}}, \\d"


def _bound(key: str, bound: Any, field: "Field") -> str | None:
    if field.kind not in ("number", "date"):
        return f"{key} is of numbers and days, and {field.name} is a {field.kind}"
    try:
        is_day = isinstance(_comparable(bound), date)
    except (ValueError, TypeError):
        return f"{key}: {bound!r} is no {field.kind}"
    if is_day != (field.kind == "date"):
        return f"{key}: {bound!r} is no {field.kind}, as {field.name} is"
    return None


def _comparable(bound: Any) -> Any:
    """A bound as the type that it means; ValueError or TypeError for none."""
    if isinstance(bound, str):
        return date.fromisoformat(bound)
    if isinstance(bound, bool | datetime) or not isinstance(bound, int | float | date) or bound != bound:
        raise TypeError(bound)
    return bound


def _unknown(name: Any, known: Any) -> str:
    """A sentence about a name that is none of the known ones, with the nearest."""
    names = list(map(str, known))
    return f"{name!r} is none of {', '.join(names)}{meant(str(name), names)}"
