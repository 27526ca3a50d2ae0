"""Entries of a contract, read one by one: fields, code lists, rules, days, changes of the layout."""

import csv
import io
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from ingest.contracts.model import (
    CURRENT,
    DELIMITERS,
    LONGEST_TEXT,
    REDUCED,
    Change,
    CodeList,
    Counted,
    Due,
    Duration,
    Export,
    Field,
    Retirement,
    Rule,
)

_CHECK = re.compile(
    r"(?P<left>[a-z][a-z0-9_]*) *(?P<operator>>=|<=|==|!=|>|<) *"
    r"(?:(?P<right>[a-z][a-z0-9_]*)|'(?P<text>[^']*)'|(?P<number>-?\d+(?:\.\d+)?))"
)


def field_of(entry: dict[str, Any], code_lists: Mapping[str, CodeList]) -> Field:
    """The field of a descriptor's entry."""
    constraints, own = entry.get("constraints", {}), entry.get("lagebild", {})
    enum = constraints.get("enum")
    if "code_list" in own:
        enum = code_lists[own["code_list"]].labels
    return Field(
        name=entry["name"],
        title=entry["title"],
        description=entry["description"],
        type=entry["type"],
        format=entry.get("format", "%d.%m.%Y"),
        decimal_char=entry.get("decimalChar", "."),
        group_char=entry.get("groupChar", ""),
        required=constraints.get("required", False),
        pattern=re.compile(constraints["pattern"]) if "pattern" in constraints else None,
        enum=None if enum is None else frozenset(map(str, enum)),
        minimum=constraints.get("minimum"),
        maximum=constraints.get("maximum"),
        true_values=frozenset(entry.get("trueValues", ())),
        false_values=frozenset(entry.get("falseValues", ())),
        max_length=constraints.get("maxLength", LONGEST_TEXT) if entry["type"] == "string" else None,
        privacy=own.get("privacy", "keep"),
        signs=own.get("signs", False),
        mapping=own.get("map"),
        optional=own.get("optional", False),
        default=own.get("default"),
        has_switch=own.get("switch", False),
        nationality=own.get("nationality"),
        bare_number=entry.get("bareNumber", True),
        trailing_minus=own.get("trailing_minus", False),
        dash_is_zero=own.get("dash_is_zero", False),
        code_list=own.get("code_list"),
        columns_at=span(own["columns"]) if "columns" in own else None,
        example=None if "example" not in entry else str(entry["example"]),
    )


def duration(text: Any) -> Duration:
    """An ISO 8601 duration such as P5Y, P18M, P90D; parts of a day are refused."""
    match = re.fullmatch(r"P(?=.)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?", str(text))
    if match is None:
        raise ValueError(f"{text!r} is no ISO 8601 duration such as P5Y, P18M or P90D")
    years, months, weeks, days = (int(part or 0) for part in match.groups())
    if years > 1000 or months > 12000 or weeks * 7 + days > 366000:
        raise ValueError(f"{text!r} is longer than a thousand years")
    return Duration(str(text), years, months, weeks * 7 + days)


def due(entry: dict[str, Any]) -> Due:
    """When deliveries are expected: `{every, lag, first, reason}`; irregular ones: `{every, reason}`."""
    every = entry["every"]
    if (every == "irregular") == ("lag" in entry):
        raise ValueError("due: a lag after the period's end, such as P6M, has every source that is not irregular")
    if every == "irregular":
        if "first" in entry:
            raise ValueError("due: an irregular source has no first period")
        return Due(every, None, None, entry["reason"])
    first = period_start(every, str(entry["first"])) if "first" in entry else None
    return Due(every, duration(entry["lag"]), first, entry["reason"])


def counted(entry: dict[str, Any]) -> Counted:
    """Which children a matched file counts: `{ages: [first, last], groups: {name: [codes]}}`."""
    youngest, oldest = entry["ages"]
    groups = {name: tuple(map(str, codes)) for name, codes in entry["groups"].items()}
    codes = [code for of_group in groups.values() for code in of_group]
    if not 0 <= youngest <= oldest:
        raise ValueError("counted: ages are the first and the last age in years")
    if len(set(codes)) < len(codes) or {"DE", "OTHER"} & set(groups):
        raise ValueError("counted: each code is of one group, and DE and OTHER are those of all others")
    return Counted(youngest, oldest, groups)


def retirement(entry: dict[str, Any]) -> Retirement:
    """That a source is given up: `{date, reason}`."""
    if not isinstance(entry["date"], date):
        raise ValueError("retired: date is no day as in 2026-06-30")
    return Retirement(entry["date"], entry["reason"])


def period_start(every: str, text: str) -> date:
    """The first day of a period as the calendar names it: 2024, 2024-Q3, 2024-07."""
    forms = {"year": r"(\d{4})", "quarter": r"(\d{4})-Q([1-4])", "month": r"(\d{4})-(0[1-9]|1[0-2])"}
    match = re.fullmatch(forms[every], text)
    if match is None or match[1] == "0000":
        raise ValueError(f"due: first {text!r} is no {every} as in 2024, 2024-Q3 or 2024-07")
    number = int(match[2]) if every != "year" else 1
    return date(int(match[1]), number * 3 - 2 if every == "quarter" else number, 1)


def span(text: Any) -> tuple[int, int]:
    """Columns of a fixed-width field: `11-18`, counted from 1, both included; `7` for one character."""
    match = re.fullmatch(r"(\d+)(?:-(\d+))?", str(text))
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not 1 <= first <= last:
        raise ValueError(f"columns {text!r} are not written as 11-18")
    return first, last


def code_list(folder: Path, name: str, entry: Any) -> CodeList:
    """A list of codes, a mapping of codes to labels, or the name of a CSV (code;label) beside the contract."""
    if isinstance(entry, str):
        return _code_file(folder, name, entry)
    labels = entry if isinstance(entry, dict) else dict.fromkeys(entry, "") if isinstance(entry, list) else {}
    wrong = [code for code in labels if not isinstance(code, str)]
    if wrong:
        raise ValueError(f"code list {name}: {wrong[0]!r} is no text, write it in quotes to keep its zeros")
    if not labels:
        raise ValueError(f"code list {name} is no list, no mapping and no file name, or has no code")
    if isinstance(entry, list) and len(labels) != len(entry):
        raise ValueError(f"code list {name}: a code stands twice")
    return CodeList(name, {code: str(label or "") for code, label in labels.items()}, None)


def _code_file(folder: Path, name: str, file: str) -> CodeList:
    path = folder / file
    if Path(file).name != file or path.suffix != ".csv":
        raise ValueError(f"code list {name}: {file!r} is not the name of a .csv beside the contract")
    if not path.is_file():
        raise ValueError(f"code list {name}: there is no {path}")
    rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline=""), delimiter=";", strict=True))
    if not rows or rows[0] not in (["code"], ["code", "label"]):
        raise ValueError(f"code list {name}: the first line of {path} is not code;label")
    wrong = next((n for n, row in enumerate(rows, 1) if len(row) != len(rows[0])), None)
    if wrong:
        raise ValueError(f"code list {name}: {path}:{wrong} has not {len(rows[0])} fields")
    codes = [row[0] for row in rows[1:]]
    if not codes or len(set(codes)) != len(codes):
        raise ValueError(f"code list {name}: {path} has no code, or one twice")
    return CodeList(name, {row[0]: row[1] if len(row) > 1 else "" for row in rows[1:]}, path)


def rule(entry: Any, fields: Mapping[str, Field]) -> Rule:
    """A cross-field rule; `check` is `field operator field` or `field operator literal`, nothing else."""
    if not isinstance(entry, dict) or set(entry) != {"name", "check", "message"}:
        raise ValueError("a rule has exactly name, check and message")
    name, message = str(entry["name"]), str(entry["message"])
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ValueError(f"rule {name!r} is not named in small letters, digits and underscores")
    match = _CHECK.fullmatch(str(entry["check"]).strip())
    if match is None:
        raise ValueError(f"rule {name}: {entry['check']!r} is not `field operator field` or `field operator literal`")
    for side in filter(None, (match["left"], match["right"])):
        if side not in fields:
            raise ValueError(f"rule {name}: {side} is no field")
        if fields[side].privacy in ("drop", "pseudonym", *REDUCED):
            raise ValueError(f"rule {name}: {side} does not reach the loader as it stands in the file")
    left = fields[match["left"]]
    if match["right"]:
        other = fields[match["right"]].kind
        if other != left.kind:
            raise ValueError(f"rule {name}: {left.name} is a {left.kind} and {match['right']} a {other}")
    ordered = match["operator"] not in ("==", "!=")
    if ordered and left.kind in ("string", "boolean"):
        raise ValueError(f"rule {name}: {left.name} is a {left.kind}, which has no order: use == or !=")
    literal = None if match["right"] else _literal(name, left, match["text"], match["number"])
    return Rule(name, left.name, match["operator"], match["right"], literal, message)


def _literal(name: str, field: Field, text: str | None, number: str | None) -> Any:
    try:
        if field.kind == "number" and number is not None:
            return Decimal(number)
        if field.kind == "date" and text is not None:
            return date.fromisoformat(text)
        if field.kind == "boolean" and text in ("true", "false"):
            return text == "true"
        if field.kind == "string" and text is not None:
            return text
    except ValueError:
        pass
    form = {"number": "5", "date": "'2020-12-31'", "boolean": "'true'", "string": "'text'"}[field.kind]
    raise ValueError(f"rule {name}: {field.name} is a {field.kind} and is compared with {form}")


def change(entry: Any, may_be_open: bool = False) -> Change:
    """An entry of `layouts`: name, from, to, and what the layout did otherwise.

    `may_be_open`: it may hold for all periods.
    """
    known = {"name", "from", "to", "headers", "formats", "without", "order"} | _BESIDE
    if not isinstance(entry, dict) or not entry.get("name"):
        raise ValueError("a layout has a name")
    name = str(entry["name"])
    if unknown := sorted(set(entry) - known):
        raise ValueError(f"layout {name}: {unknown[0]} is none of {', '.join(sorted(known))}")
    if name == CURRENT:
        raise ValueError(f"the name {CURRENT} belongs to the fields as they stand")
    first, last = (None if entry.get(key) is None else str(entry[key]) for key in ("from", "to"))
    for bound in filter(None, (first, last)):
        if not re.fullmatch(r"\d{4}(-\d{2}(-\d{2})?)?", bound):
            raise ValueError(f"layout {name}: {bound!r} is no year, month or day as in 2020, 2020-06, 2020-06-30")
    is_beside = entry.get("beside", False)
    if not isinstance(is_beside, bool):
        raise ValueError(f"layout {name}: beside is neither true nor false")
    if not is_beside and (other := sorted(set(entry) & _BESIDE - {"beside"})):
        raise ValueError(f"layout {name}: {other[0]} belongs to a layout beside others (beside: true)")
    if first is None and last is None and not is_beside and not may_be_open:
        raise ValueError(f"layout {name} has neither from nor to: it would push out the contract's own fields")
    if first and last and first[: len(last)] > last[: len(first)]:
        raise ValueError(f"layout {name}: it ends before it begins")
    without = entry.get("without", {})
    return Change(
        name=name,
        first=first,
        last=last,
        headers={key: str(title) for key, title in entry.get("headers", {}).items()},
        formats=dict(entry.get("formats", {})),
        without=dict.fromkeys(without) if isinstance(without, list) else dict(without),
        order=tuple(entry.get("order", ())),
        beside=_export(name, entry) if is_beside else None,
        named=dict(entry.get("named", {})),
        parts={key: _part(name, key, text) for key, text in entry.get("parts", {}).items()},
        optional=dict(entry.get("optional", {})),
        trailing_minus=frozenset(entry.get("trailing_minus", ())),
        required=frozenset(entry.get("required", ())),
        german=entry.get("german"),
    )


_BESIDE = {"beside", "delimiters", "footer", "named", "parts", "trailing_minus", "required", "optional", "german"} | {
    "totals"
}
"""Entries of a layout that stands beside others."""


def _export(name: str, entry: dict[str, Any]) -> Export:
    delimiters = entry.get("delimiters")
    if not isinstance(delimiters, list) or not delimiters or set(map(str, delimiters)) - set(DELIMITERS):
        raise ValueError(f"layout {name}: delimiters is no list of {', '.join(map(repr, DELIMITERS))}")
    try:
        footer = re.compile(entry["footer"]) if "footer" in entry else None
    except (re.error, TypeError) as error:
        raise ValueError(f"layout {name}: footer is no pattern ({error})") from error
    return Export(tuple(delimiters), footer, tuple(entry.get("totals", ())))


def _part(name: str, key: str, text: Any) -> re.Pattern[str]:
    try:
        part = re.compile(text)
    except (re.error, TypeError) as error:
        raise ValueError(f"layout {name}: parts: {key} is no pattern ({error})") from error
    if not part.groups:
        raise ValueError(f"layout {name}: parts: {key} has no group, which would be the value")
    return part
