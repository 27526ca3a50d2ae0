"""A city's own configuration, outside the product's files, and its rows that are added to the seeds.

`<folder>/cost_mapping.csv`, `<folder>/municipal_circumstance.csv` and `<folder>/city_district.csv` have the columns of
the seeds of that name. The seed's tests in `_seeds.yml` are the rules for their values, so that no rule is written
twice. A build fixes the rows when it begins (`raw.own_row`), and they are part of its code version: after a change a
build is due. Beside them are own layouts and fields (`ingest/contracts/own_layouts.py`) and downloads (`catalogue.yml`,
`ingest/pulls/catalogue.py`).
"""

import csv
import hashlib
import io
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from psycopg import Connection

from lagebild.core import ags, seeds, yaml_files
from lagebild.core.errors import UserError, did_you_mean

SEEDS = ("cost_mapping", "municipal_circumstance", "city_district")
"""Seeds to which a city may add rows."""
_FROM, _TO = "valid_from_year", "valid_to_year"
CATALOGUE, LAYOUTS, SOURCES = "catalogue.yml", "contracts", "sources"
_YEAR = re.compile(r"[12]\d{3}")
_ALSO_REQUIRED = {
    "cost_mapping": ("method", "product_code", "account_code"),
    # a circumstance needs years and a source
    "municipal_circumstance": ("municipality_ags", _FROM, _TO, "dimension", "value", "source_document"),
    "city_district": ("municipality_ags", "city_district", "city_district_name", _FROM, "source_document"),
}
_DECIDES = {"cost_mapping": "treatment"}
"""If this column is empty, the row is not filled in yet and has no effect."""
_AREA = {"cost_mapping": "cost_area"}
"""Columns whose values must be among those of the seed's own rows."""


@dataclass(frozen=True)
class Row:
    """A row of a city's file."""

    seed: str
    path: Path
    line: int
    """Physical line on which it ends, from 1."""
    fields: dict[str, str]
    """Values by column, without empty ones."""

    @property
    def is_filled_in(self) -> bool:
        return _DECIDES.get(self.seed) is None or _DECIDES[self.seed] in self.fields


@dataclass(frozen=True)
class _Form:
    """The rules of a seed for its rows."""

    header: tuple[str, ...]
    years: frozenset[str]
    required: frozenset[str]
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    key: tuple[str, ...] = ()
    """Columns of the key: one row is valid at a time."""


def rows(config: Path) -> list[Row]:
    """All filled-in rows of a city's files; UserError with file, line and remedy of the first error."""
    return [one for one in all_rows(config) if one.is_filled_in]


def all_rows(config: Path) -> list[Row]:
    """The same, including rows that are not filled in yet."""
    if not config.is_dir():
        return []
    known = [*(f"{seed}.csv" for seed in SEEDS), CATALOGUE, LAYOUTS, SOURCES]
    for path in sorted(config.glob("[!.]*")):
        if path.name not in known and (path.is_dir() or path.suffix.lower() in (".csv", ".yml", ".yaml")):
            meant = did_you_mean(path.name, known)
            raise UserError(f"{path} is nothing that is read", remedy=f"{meant}there are {', '.join(known)}")
    found = [row for seed in SEEDS if (path := config / f"{seed}.csv").is_file() for row in _read(seed, path)]
    for seed in SEEDS:
        _require_once(seed, [row for row in found if row.seed == seed and row.is_filled_in])
    return found


def version(code: str, own: list[Row], layouts: Sequence[str] = ()) -> str:
    """The version of the code, with a digest of a city's own rows and layouts if there are any."""
    if not own and not layouts:
        return code
    rows_told = sorted((row.seed, sorted(row.fields.items())) for row in own)
    told = json.dumps([*rows_told, *sorted(layouts)], ensure_ascii=False)
    return f"{code}.{hashlib.sha256(told.encode()).hexdigest()[:12]}"


def layouts(config: Path) -> list[str]:
    """A city's own layouts and sources as text, for `version`; UserError lists their errors."""
    if not any((config / name).is_dir() for name in (LAYOUTS, SOURCES)):
        return []
    from ingest.contracts import (  # late: what reads YAML takes a twentieth of a second to import
        own_layouts,
        own_sources,
    )

    return [*own_layouts.digests(config), *own_sources.digests(config)]


def fix(connection: Connection, own: list[Row]) -> None:
    """Store these rows, and only these, for the build that has the token; hooks of the seeds add them (`own_rows`)."""
    connection.execute("delete from raw.own_row")
    connection.cursor().executemany(
        "insert into raw.own_row (seed, line_number, fields) values (%s, %s, %s)",
        [(row.seed, row.line, json.dumps(row.fields)) for row in own],
    )


def in_force(config: Path) -> dict[str, Any]:
    """All that a city configures: its folder, and its rows, layouts, entries of the catalogue and sources, each with
    its file. UserError names file, line and remedy of what is wrong.
    """
    from ingest.contracts import own_layouts, own_sources
    from ingest.pulls import catalogue

    return {
        "folder": config,
        "rows": [
            {"seed": row.seed, "path": row.path, "line": row.line, "is_filled_in": row.is_filled_in, **row.fields}
            for row in all_rows(config)
        ],
        "layouts": [
            {"source": one.contract.source, "path": one.contract.own.path, "line": one.contract.own.line, **one.entry}
            for one in own_layouts.every(config)
        ],
        "quality": [
            {"source": source, "path": path, "line": line, **asdict(rule), "expected": rule.expected}
            for path, line, source, rule in own_layouts.told_quality(config)
        ],
        "fields": [
            {"source": source, "path": path, "line": line, **entry}
            for path, line, source, entry in own_layouts.told_fields(config)
        ],
        "catalogue": [asdict(entry) for entry in catalogue.entries() if entry.path != catalogue.PATH],
        "sources": [
            {"source": one.source, "title": one.title, "table": f"raw.{one.table}", "path": one.path}
            for one in own_sources.every(config)
        ],
    }


def lines(config: Path) -> list[str]:
    """What `lagebild stack config` prints: each file with its rows and those not filled in, each layout, each entry of
    the catalogue, and each source.
    """
    from ingest.contracts import own_layouts, own_sources
    from ingest.pulls import catalogue

    found = all_rows(config)
    told = []
    for seed in SEEDS:
        of_seed = [row for row in found if row.seed == seed]
        open_rows = [row.line for row in of_seed if not row.is_filled_in]
        if of_seed:
            left = f", {len(open_rows)} not filled in (first: line {open_rows[0]})" if open_rows else ""
            told.append(f"{of_seed[0].path}: {len(of_seed)} rows{left}")
    told += [f"{one.place}: layout {one.change.name}: {one.said}" for one in own_layouts.every(config)]
    told += [
        f"{path}:{line}: {source} {one.get('municipality', 'all files')} reads {one['name']}: {one['purpose']}"
        f" ({one['legal_basis']})"
        for path, line, source, one in own_layouts.told_fields(config)
    ]
    told += [f"{path}:{line}: {source}: {rule}" for path, line, source, rule in own_layouts.told_quality(config)]
    own = [entry for entry in catalogue.entries() if entry.path != catalogue.PATH]
    told += [f"{entry.path}:{entry.line}: {entry}" for entry in own]
    told += [f"{one.path}: source {one.source} (raw.{one.table}): {one.title}" for one in own_sources.every(config)]
    missing = "" if config.is_dir() else ", there is no such folder"
    return told or [f"{config}: nothing of your own{missing}"]


def _read(seed: str, path: Path) -> Iterator[Row]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise UserError(
            f"{path}: line {line} is not UTF-8", remedy="save the file as UTF-8 (a spreadsheet: CSV UTF-8)"
        ) from error
    form = _form(seed)
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text), delimiter=";" if first.count(";") > first.count(",") else ",", strict=True)
    header: list[str] = []
    while True:
        began = reader.line_num + 1
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            raise UserError(f"{path}: line {began}: {error}", remedy="close the quotes that begin there") from error
        if not any(cells):
            continue
        if not header:
            header = cells
            _check_header(path, began, header, form)
        elif cells == header:
            continue  # the rows of `lagebild figure unmapped` were put below others, with their header
        elif len(cells) != len(header):
            raise UserError(
                f"{path}: line {began} has {len(cells)} fields, and the header has {len(header)}",
                remedy="a value with a comma in it stands in quotes",
            )
        else:
            row = Row(seed, path, began, {name: cell for name, cell in zip(header, cells, strict=True) if cell})
            _check(row, form)
            yield row


def _check_header(path: Path, line: int, header: list[str], form: _Form) -> None:
    for name in header:
        if name not in form.header:
            raise UserError(
                f"{path}: line {line}: there is no column {name!r}",
                remedy=f"{did_you_mean(name, form.header)}columns: {', '.join(form.header)}",
            )
    if twice := [name for name in form.header if header.count(name) > 1]:
        raise UserError(f"{path}: line {line}: column {twice[0]} stands there twice", remedy="remove one of them")
    if missing := [name for name in form.header if name in form.required and name not in header]:
        raise UserError(f"{path}: line {line}: column {', '.join(missing)} is missing", remedy="add it to the header")


def _check(row: Row, form: _Form) -> None:
    """UserError for a value that would fail the seed's tests."""

    def fault(said: str, remedy: str) -> UserError:
        return UserError(f"{row.path}: line {row.line}: {said}", remedy=remedy)

    for name in form.header:
        value = row.fields.get(name)
        if value is None:
            if name in form.required:
                raise fault(f"{name} is empty", "fill it in, or remove the row")
            continue
        if name == "municipality_ags" and (problem := ags.problem(value)):
            raise fault(f"municipality_ags {problem}", ags.remedy(value))
        if name in form.years and not _YEAR.fullmatch(value):
            raise fault(f"{name} {value} is no year", "four digits, such as 2019")
        if name in form.values and value not in form.values[name]:
            meant = did_you_mean(value, form.values[name])
            raise fault(f"{name} {value!r} is not known", f"{meant}one of: {', '.join(form.values[name])}")
    if _TO in row.fields and row.fields[_TO] < row.fields[_FROM]:
        raise fault(f"it ends ({row.fields[_TO]}) before it begins ({row.fields[_FROM]})", f"mend {_FROM} or {_TO}")
    if row.fields.get("treatment") == "attributed" and "exclusion_reason" in row.fields:
        raise fault("what is attributed has no exclusion_reason", "remove the reason, or write excluded")
    if row.seed == "cost_mapping" and row.is_filled_in and "cost_area" not in row.fields:
        raise fault("cost_area is empty", f"one of: {', '.join(form.values['cost_area'])}")
    if row.fields.get("dimension") == "cost_basis" and row.fields["value"] not in ("gross", "net", "not_stated"):
        raise fault(f"cost_basis {row.fields['value']!r} is not known", "one of: gross, net, not_stated")


def _require_once(seed: str, own: list[Row]) -> None:
    """UserError if two rows are valid for the same key and year: both the city's, or one of them the product's."""
    form = _form(seed)
    before: dict[tuple, list[tuple[str, str, str]]] = defaultdict(list)
    for line, fields in seeds.numbered(seed):
        place = f"line {line} of the product's {seed}.csv"
        before[_key(fields, form)].append((fields[_FROM], fields.get(_TO) or "9999", place))
    for row in own:
        first, last = row.fields[_FROM], row.fields.get(_TO, "9999")
        for former, latter, place in before[_key(row.fields, form)]:
            if first <= latter and former <= last:
                key = ", ".join(row.fields.get(name, "") for name in form.key)
                raise UserError(
                    f"{row.path}: line {row.line} holds for the same years as {place}: {key}",
                    remedy=f"end the former ({_TO}), or remove one of them",
                )
        before[_key(row.fields, form)].append((first, last, f"line {row.line}"))


def _key(fields: Mapping[str, str], form: _Form) -> tuple[str, ...]:
    return tuple(fields.get(name) or "" for name in form.key)


@cache
def _form(seed: str) -> _Form:
    """What the seed's entry in `_seeds.yml` says: its columns and their tests."""
    entries = {entry["name"]: entry for entry in yaml_files.read(seeds.FOLDER / "_seeds.yml")["seeds"]}
    entry = entries[seed]
    types: dict[str, str] = entry["config"]["column_types"]
    required, values = set(_ALSO_REQUIRED[seed]), {}
    for column in entry["columns"]:
        for test in column.get("data_tests", ()):
            if test == "not_null":
                required.add(column["name"])
            elif "accepted_values" in test:
                values[column["name"]] = tuple(test["accepted_values"]["arguments"]["values"])
            elif "relationships" in test:
                arguments = test["relationships"]["arguments"]
                values[column["name"]] = _of_product(seeds.referred(arguments["to"]), arguments["field"])
    if area := _AREA.get(seed):
        values[area] = _of_product(seed, area)
    unique = next(iter(entry["data_tests"][0].values()))["arguments"]["columns"]
    years = frozenset(name for name, kind in types.items() if kind == "integer" and name.endswith("_year"))
    key = tuple(name for name in unique if name != _FROM)
    return _Form(tuple(types), years, frozenset(required), values, key)


def _of_product(seed: str, column: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(row[column] for row in seeds.rows(seed) if row[column]))
