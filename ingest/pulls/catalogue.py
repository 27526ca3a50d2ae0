"""The catalogue: everything that is pulled, one entry a table, list or indicator, as `catalogue.yml` says it.

A city's own entries stand in a file of that name in its configuration (`LAGEBILD_CONFIG_DIR`), and are added to the
product's. `README.md` explains every key. `findings` says what is wrong with the files, with their lines; `entries`
reads good ones.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from croniter import croniter

from ingest import contracts
from ingest.contracts import check, form
from ingest.contracts.check import Finding
from ingest.contracts.form import Place
from ingest.pulls.hosts import HOSTS
from lagebild.core import settings
from lagebild.core.errors import UserError, did_you_mean
from lagebild.core.settings import given

PATH = Path(__file__).with_name("catalogue.yml")
FIRST_YEAR = 1950
_YEARS = re.compile(r"(\d{4})(-)?(\d{4})?")
_FILLED = re.compile(r"\{(id|year|year of (?P<field>[a-z][a-z0-9_]*))\}")


@dataclass(frozen=True)
class Entry:
    """One thing that is wanted."""

    id: str
    connector: str
    host: str
    source: str
    """The contract that reads it."""
    schedule: str
    """Cron expression, Europe/Berlin."""
    title: str
    line: int
    """Where it begins in its file."""
    first_year: int | None = None
    last_year: int | None = None
    """None with a first year: a year at a time, up to the present one."""
    selection: Mapping[str, Any] = field(default_factory=dict)
    url: str | None = None
    resource: str | None = None
    file: str | None = None
    """Name of the file as the contract's pattern wants it; `{...}` is filled in."""
    before: tuple[Mapping[str, Any], ...] = ()
    """What is asked first in the same session."""
    indicators: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    path: Path = PATH
    """The file that it stands in: the product's, or the city's own."""

    def __str__(self) -> str:
        years = f", {self.first_year}-{self.last_year or ''}" if self.first_year else ""
        missing = f" [never asked: set {self.missing}]" if self.missing else ""
        return f"{self.id} ({self.host}{years}, at {self.schedule}, read by {self.source}): {self.title}{missing}"

    @property
    def is_by_year(self) -> bool:
        """Whether it is asked a year at a time."""
        return self.first_year is not None and self.last_year is None

    def years_until(self, year: int) -> list[int | None]:
        """The years to ask for, one by one; [None] where everything comes at once."""
        return list(range(self.first_year, year + 1)) if self.is_by_year else [None]

    def has_year(self, year: int) -> bool:
        """Whether the year belongs to it; to one that knows no years, none does."""
        if self.first_year is None:
            return False
        return year <= self.last_year if self.last_year and year >= self.first_year else self.is_by_year

    @property
    def year_field(self) -> str | None:
        """The field that says, the same in all rows, which year the file is of."""
        found = _FILLED.search(self.file or "")
        return found["field"] if found else None

    def file_name(self, year: int | None) -> str:
        """The name of its file, for the contract's pattern."""
        if self.connector == "genesis":
            years = str(year) if year else f"{self.first_year}-{self.last_year}"
            return f"{self.id}_{years}_flat.csv"
        return _FILLED.sub(lambda match: self.id if match[1] == "id" else str(year), self.file)

    @property
    def missing(self) -> str | None:
        """Name of the variable with which the operator has to set an address first; None if there is one."""
        if self.address() is None:
            return variable("URL", self.id)
        if self.connector == "ckan" and self.resource_id() is None:
            return variable("RESOURCE", self.id)
        return None

    @property
    def is_set_by_operator(self) -> bool:
        """Whether the operator named its address, or its resource."""
        return bool(given().get(variable("URL", self.id)) or given().get(variable("RESOURCE", self.id)))

    def address(self) -> str | None:
        """The URL of the file or the base of the API; the operator's, if one is set; "" for GENESIS's own hosts."""
        return "" if self.connector == "genesis" else given().get(variable("URL", self.id)) or self.url

    def resource_id(self) -> str | None:
        """The id of a CKAN resource; the operator's, if one is set."""
        return given().get(variable("RESOURCE", self.id)) or self.resource


def own_path() -> Path:
    """Where a city's own entries stand, if it has any."""
    return settings.load().config / PATH.name


def entries(source: str | None = None, path: Path = PATH) -> list[Entry]:
    """The entries of a source, or all, in the order of the file, a city's own ones last.

    UserError with file and line if one is wrong.
    """
    own = own_path()
    # The product's do not change while a process lives; a city's may, below a scheduler that goes on.
    found = [*_entries(path), *(_read(own, path) if own.is_file() else ())]
    return [entry for entry in found if source in (None, entry.source)]


def entry(identifier: str) -> Entry:
    """The entry of this id."""
    found = next((entry for entry in entries() if entry.id == identifier), None)
    if found is None:
        meant = did_you_mean(identifier, [entry.id for entry in entries()])
        raise UserError(f"the catalogue has no entry {identifier!r}", remedy=f"{meant}see the entries in {PATH}")
    return found


@cache
def _entries(path: Path) -> tuple[Entry, ...]:
    return _read(path)


def _read(path: Path, beside: Path | None = None) -> tuple[Entry, ...]:
    if wrong := findings(path, beside):
        raise UserError("\n".join(map(str, wrong)), remedy="ingest/pulls/README.md explains every key")
    lines, described = check.parsed(path.read_bytes())
    return tuple(_entry(told, lines[("entries", n)], path) for n, told in enumerate(described["entries"]))


def _entry(told: Mapping[str, Any], line: int, path: Path = PATH) -> Entry:
    own = {key: told[key] for key in ("url", "resource", "file", "selection") if key in told}
    first, last = _span(told["years"]) if "years" in told else (None, None)
    return Entry(
        **{key: told[key] for key in ("id", "connector", "host", "schedule", "title")},
        source=told["contract"],
        line=line,
        first_year=first,
        last_year=last,
        before=tuple(told.get("before", ())),
        indicators=tuple(told.get("indicators", ())),
        regions=tuple(told.get("regions", ())),
        path=path,
        **own,
    )


def findings(path: Path = PATH, beside: Path | None = None) -> list[Finding]:
    """Everything that is wrong with a catalogue, in the order of its lines; `beside`: one to which it is added."""
    lines, described, twice = check.opened(path, path.read_bytes())
    if described is None:
        return twice
    known = {entry.id for entry in _entries(beside)} if beside else set()
    wrong = _wrong(described, known)
    found = [Finding(path, check.line_of(lines, place), message) for place, message in wrong]
    return sorted({*twice, *found}, key=lambda finding: (finding.line, finding.message))


def _wrong(described: Any, known: set[str]) -> Iterator[tuple[Place, str]]:
    if not isinstance(described, dict) or not isinstance(described.get("entries"), list):
        yield (), "the catalogue has no list of entries"
        return
    misshapen = defaultdict(list)
    for one in form.findings("catalogue", described):
        misshapen[one.place[1] if len(one.place) > 1 else None].append(one)
    yield from ((one.place, one.message) for one in misshapen[None])
    seen = set(known)
    for number, told in enumerate(described["entries"]):
        place = ("entries", number)
        wrong = [(one.place[2:], one.message) for one in misshapen[number]]
        if all(one.is_value for one in misshapen[number]):
            wrong = [*wrong, *_senseless(told)] or list(_unfit(told))
        name = str(told["id"]) if isinstance(told, dict) and "id" in told else None
        yield from ((place + where, f"{name or 'entry'}: {message}") for where, message in wrong)
        if name in seen:
            there = "the product's catalogue" if name in known else "another entry"
            yield place, f"{name}: {there} has this id"
        seen |= {name} - {None}


def _senseless(told: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    if told["connector"] == "genesis" and told["host"] not in HOSTS:
        yield ("host",), f"GENESIS has no host {told['host']!r}, only {', '.join(HOSTS)}"
    if len(told["schedule"].split()) != 5 or not croniter.is_valid(told["schedule"]):
        yield ("schedule",), f"schedule {told['schedule']!r} is no cron expression of five parts"
    if "years" in told and not _are_years(told["years"]):
        yield ("years",), f"years {told['years']!r} is neither 2019- nor 2011-2019"
    for url in filter(None, [told.get("url"), *_asked_before(told)]):
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname or parts.username or parts.password:
            yield ("url",), "the address is no https:// address, or has a login in it"
    if told["contract"] not in contracts.sources():
        meant = check.meant(told["contract"], contracts.sources())
        yield ("contract",), f"there is no contract {told['contract']!r}{meant}"


def _unfit(told: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """Whether the contract's pattern takes the name that the file gets, and has the field that says its year."""
    wanted, contract = _entry(told, 0), contracts.load(told["contract"])
    name = wanted.file_name(None if wanted.last_year else 2024)
    match = contract.file_name.fullmatch(name)
    place = ("file",) if "file" in told else ("id",)
    if match is None or not match.groupdict().get("period"):
        yield place, f"a file {name} does not match file_name of the contract, {contract.file_name.pattern}"
    if wanted.year_field and wanted.year_field not in [f.name for f in contract.fields if not f.is_personal]:
        yield place, f"the contract has no field {wanted.year_field!r} that may be looked at"


def _asked_before(told: Mapping[str, Any]) -> list[str]:
    return [step.get("get") or step.get("post") or "" for step in told.get("before", ()) if isinstance(step, dict)]


def _are_years(years: str | int) -> bool:
    match = _YEARS.fullmatch(str(years))
    first, last = _span(years) if match else (0, None)
    return bool(match) and first >= FIRST_YEAR and (last is None or last >= first)


def _span(years: str | int) -> tuple[int, int | None]:
    """`2019-` to (2019, None), `2011-2019` to (2011, 2019), `2019` to (2019, 2019)."""
    first, is_range, last = _YEARS.fullmatch(str(years)).groups()
    return int(first), int(last) if last else None if is_range else int(first)


def variable(kind: str, identifier: str) -> str:
    """The setting that gives the `URL` or the `RESOURCE` of an entry."""
    return f"LAGEBILD_{kind}_{identifier.upper().replace('-', '_')}"
