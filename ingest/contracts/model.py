"""Contracts: the format of a source's deliveries, in `sources/<source>/contract.yml`.

A contract is a Frictionless Data Package 2.0 descriptor. What that standard lacks (privacy, layouts by period, code
lists, rules across fields, file names, evidence, schedule) is under its `lagebild:` key. `ingest/sources/README.md`
explains every entry; `contract_check.py` finds all errors of a contract with file and line.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from ingest.contracts import messages
from ingest.contracts import quality as quality_rules
from ingest.contracts.messages import Message
from lagebild.core import ags
from lagebild.core.errors import UserError

EVIDENCE = ("published", "delivered", "derived", "derived_from_result", "synthetic")
PERSONAL = ("pseudonym", "drop", "year", "background", "origin")
REDUCED = ("background", "origin")
"""Texts of which raw keeps a word that was made of them, and never the text."""
DELIMITERS = (";", ",", "\t", "|")
READERS = ("csv", "ldb_nrw", "genesis", "wegweiser", "xlsx", "fixed_width")
CURRENT = "current"
DAMAGED = (
    "\ufffd"  # what a decoder puts where it cannot read
    "|[\u00c2\u00c3][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u2014\u2018-\u201a\u201c-\u201e\u2020-\u2022\u2026\u2030\u2039\u203a\u20ac\u2122]"
    "|\ufeff"  # the byte order mark of a file that was put below another one
    "|\u00c5[\u0080-\u00bf]|\u00e2\u20ac|\u00e2\u201a\u00ac"  # UTF-8 that was read as Windows-1252 or ISO-8859-1
)
"""Lost or doubly decoded letters, as a pattern for PostgreSQL and Python."""
YEAR = "{year}"
"""In a field's title: the year of the delivery's period, where a table says it in its header alone."""
_YEAR_NAMED = re.compile(r"\b[12]\d{3}\b")
MASK = "***"
"""Replacement for a hidden text in a rejected row."""
DOWNLOADED = re.compile(r"(?P<table>[0-9A-Z]+-[0-9A-Z-]+)(_(de|en)(_flat)?|_flat)\.(?P<kind>csv|zip)", re.IGNORECASE)
"""File names of downloads from GENESIS's web pages: with the table, without a year."""
EVERY = ("month", "quarter", "year", "irregular")
ALL, LATEST, LONGEST, HOLDERS = "all", "latest", "longest", "holders"
PERIODS = (ALL, LATEST, LONGEST, HOLDERS)
"""Which of a source's accepted periods a build reads: every one; the latest as a whole; all not within another one;
every one, where the same bytes of two holders, such as municipalities, are two stocks."""
_SQL_TYPES = {
    "string": "text",
    "integer": "bigint",
    "number": "numeric",
    "date": "date",
    "year": "integer",
    "boolean": "boolean",
}
TYPES = tuple(_SQL_TYPES)
LONGEST_TEXT = 8_000
"""Maximum length of a text without maxLength in its contract. The longest known text has 645 characters."""
LONGEST_AGREED = 32_000
"""The most that a contract can agree on: a cell of a spreadsheet holds 32,767, and what is read is handed out again."""
_NO_LETTERS = re.compile(r"(?:\\[-./d]|\[(?:\d-\d|\d|\\d)+\]|\{\d+(?:,\d*)?\}|\(\?:|[\d^$()|?*+/, -])*", re.ASCII)
"""A pattern that no text with a letter matches: written of digits and signs, no `.`, no `\\w`, no negated set."""


@dataclass(frozen=True)
class Field:
    """A column of a delivery: its title and type in the file, and its name in raw."""

    name: str
    title: str
    description: str
    type: str
    format: str
    decimal_char: str
    group_char: str
    required: bool
    pattern: re.Pattern[str] | None
    enum: frozenset[str] | None
    """Allowed texts; if `code_list` is set, those of the code list."""
    minimum: Any
    maximum: Any
    privacy: str
    signs: bool
    mapping: dict[str, str] | None
    optional: bool
    default: str | None
    bare_number: bool = True
    """False: the number may carry a currency or percent sign, which is stripped."""
    trailing_minus: bool = False
    """A minus may stand behind the number, as SAP writes it: `1.234,56-`."""
    dash_is_zero: bool = False
    """With official signs: `-` means zero in this field. Not in others."""
    code_list: str | None = None
    """Name of the list that `enum` comes from."""
    columns_at: tuple[int, int] | None = None
    """Fixed width: first and last character of the field, counted from 1."""
    example: str | None = None
    """A made-up value in the form of the file, for the supplier's page."""
    max_length: int | None = None
    """Characters that a text may have: as its contract says under maxLength, else LONGEST_TEXT; None: no text."""
    part: re.Pattern[str] | None = None
    """Pattern whose groups, joined, are the value; a text that does not match is bad."""

    true_values: frozenset[str] = frozenset()
    """Words for yes, as the file has them; none: `values.YES`, in any case of letters."""
    false_values: frozenset[str] = frozenset()
    """Words for no, likewise; an empty text that is listed here says no, and not that the value is missing."""
    has_switch: bool = False
    """It is read only where the operator switched it on, with purpose and legal basis (`own_fields.py`)."""
    nationality: str | None = None
    """Of a country of birth: the field that says the nationality, with which the background is derived."""

    @property
    def is_personal(self) -> bool:
        return self.privacy in PERSONAL

    @property
    def excludes_names(self) -> bool:
        """Whether its rules exclude personal names: a date, a number, a code, a pattern of digits and signs."""
        is_coded = self.mapping is not None or self.enum is not None
        return self.type != "string" or is_coded or bool(self.pattern and _NO_LETTERS.fullmatch(self.pattern.pattern))

    @property
    def columns(self) -> list[tuple[str, str]]:
        """Columns (name, SQL type) this field becomes in raw: none when it is dropped at landing."""
        if self.privacy == "drop":
            return []
        sql_type = {"pseudonym": "text", "year": "integer"}.get(self.privacy) or _SQL_TYPES[self.type]
        sign = [(f"{self.name}_sign", "text")] if self.signs else []
        return [(self.name, sql_type), *sign]

    @property
    def kind(self) -> str:
        """What a value of it can be compared with: `date`, `number`, `boolean` or `string`."""
        if self.privacy == "year" or self.type in ("integer", "number", "year"):
            return "number"
        return "string" if self.privacy in ("pseudonym", *REDUCED) else self.type


@dataclass(frozen=True)
class Duration:
    """How long something is kept, from an ISO 8601 duration of years, months, weeks and days."""

    text: str
    years: int
    months: int
    days: int

    def after(self, day: date) -> date:
        """The day on which the time is over; the 29 February becomes the 28th if there is none."""
        months = day.year * 12 + day.month - 1 + self.years * 12 + self.months
        year, month = divmod(months, 12)
        last = (date(year + (month == 11), (month + 1) % 12 + 1, 1) - date(year, month + 1, 1)).days
        return date.fromordinal(date(year, month + 1, min(day.day, last)).toordinal() + self.days)


@dataclass(frozen=True)
class Due:
    """When deliveries of a source are expected: your own expectation, not a legal deadline."""

    every: str
    """Length of a period: one of `EVERY`; `irregular` where no period is due."""
    lag: Duration | None
    """Time from the end of a period to its deadline; None if irregular."""
    first: date | None
    """First day of the first period that is due, delivered or not; None: from the first delivery on."""
    reason: str


@dataclass(frozen=True)
class Retirement:
    """A retired source: periods that end after the date are not due."""

    on: date
    reason: str


COUNTED = {
    "region_code": ("text", "Municipality, AGS with 8 digits and its leading zero."),
    "counted_on": ("date", "Day of the count, as the file's name says it."),
    "stated_on": ("date", "Day that the rows say: on which the register was drawn, or the list was made."),
    "list_name": ("text", "Which of the two lists: register or school."),
    "age_years": ("integer", "Age on the day of the count, of children of school age in the register."),
    "nationality_group": ("text", "DE, a group of the contract, or OTHER; of children of school age in the register."),
    "status": ("text", "matched, not_matched, other_age, not_resident; of a list listed."),
    "records": ("bigint", "Records of the file that are in the count."),
    "children": ("bigint", "Children in the count, each once."),
}
"""Columns of raw for a source that is counted at loading, with SQL type and meaning."""
MATCHED_FIELDS = (
    "reference_date", "region_code", "list_name", "person_pseudonym", "birth_year", "nationality_code", "moved_in_on",
    "moved_out_on", "residence_type", "evidence",
)  # fmt: skip
"""Fields that a source with `counted` has."""


@dataclass(frozen=True)
class Counted:
    """That two lists in one file are matched in memory, and raw holds counts alone."""

    youngest: int
    oldest: int
    """Age in years of the children that are counted, both included."""
    groups: Mapping[str, tuple[str, ...]]
    """Groups of nationalities by their codes; Germans are DE, all others OTHER."""


@dataclass(frozen=True)
class CodeList:
    """Named codes of a field, each with what it means ("" where the list does not say)."""

    name: str
    labels: Mapping[str, str]
    file: Path | None


@dataclass(frozen=True)
class Rule:
    """A comparison within one row: a field with another field, or with a literal.

    It compares the values that raw would hold (for privacy `year` the year) and holds if one is missing.
    """

    name: str
    left: str
    operator: str
    right: str | None
    """The other field's name; None if `literal` stands on the right."""
    literal: Any
    message: str

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.left,) if self.right is None else (self.left, self.right)

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether it holds in a row, given as field name -> typed value."""
        left = values[self.left]
        right = self.literal if self.right is None else values[self.right]
        return left is None or right is None or self.compare(left, right)

    def compare(self, left: Any, right: Any) -> Any:
        """The bare comparison, also of two arrays."""
        return _OPERATORS[self.operator](left, right)


_ASKED = {
    ">=": Message("not_less"), "<=": Message("not_greater"), "==": Message("equal"), "!=": Message("not_equal"),
    ">": Message("greater"), "<": Message("less"),
}  # fmt: skip
_OPERATORS = {
    ">=": lambda left, right: left >= right,
    "<=": lambda left, right: left <= right,
    "==": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    ">": lambda left, right: left > right,
    "<": lambda left, right: left < right,
}


def normal_title(text: str) -> str:
    """A column's title, normalised for comparison: NFC, single spaces, trimmed, without invisible characters."""
    composed = unicodedata.normalize("NFC", text)
    if not (composed.isascii() and composed.isprintable()):
        composed = "".join(sign for sign in composed if unicodedata.category(sign) != "Cf")
    return " ".join(composed.split())


@dataclass(frozen=True)
class Layout:
    """The columns that a delivery has in certain periods."""

    name: str
    first: str | None
    last: str | None
    fields: tuple[Field, ...]
    """In file order, with the titles and formats of this layout."""
    constants: tuple[tuple[Field, Any], ...] = ()
    """Fields missing in the file, with their value in raw (None for nothing)."""
    optional_apart: bool = False
    """Any optional column may be missing; otherwise all of them or none."""
    ordered: bool = False
    """The columns stand in this order; otherwise their titles say which is which."""
    beside: "Export | None" = None
    """Dialect of a layout that is recognised only by its header, beside other layouts of its periods."""
    named: tuple[tuple[Field, str], ...] = ()
    """Fields that the file's name says, with the group of the contract's `file_name` that does."""

    @property
    def header(self) -> list[str]:
        return [field.title for field in self.fields]

    @property
    def titles(self) -> list[str]:
        """The header in the form in which titles are compared."""
        return [normal_title(title) for title in self.header]

    def holds_in(self, period: str | None) -> bool:
        """Whether the layout belongs to a period; None asks for no period in particular."""
        return period is None or holds_in(self, period)

    def of_period(self, period: str | None) -> "Layout":
        """The layout with the period's year in the titles that name it; as it is where no year is known."""
        year = (period_day(period) or "")[:4] if period else ""
        if not year or not any(YEAR in field.title for field in self.fields):
            return self
        return replace(self, fields=tuple(replace(f, title=f.title.replace(YEAR, year)) for f in self.fields))

    def of_file(self, match: re.Match[str] | None) -> "Layout":
        """The layout with what the file's name says, as `file_name` matched it, among its constants."""
        if not self.named or match is None:
            return self
        return replace(self, named=(), constants=(*self.constants, *((f, match[group]) for f, group in self.named)))

    def variant(self, header: list[str], by_name: bool = False) -> "Layout | None":
        """The layout as this header (titles in their normal form) has it: whole, or without its optional columns.

        None if it is another. `by_name`: the columns may stand in any order; the fields are in the header's.
        """
        titles = self.titles
        if header == titles:
            return self
        present = set(header) if self.optional_apart else set()
        pairs = list(zip(titles, self.fields, strict=True))
        left = [pair for pair in pairs if not pair[1].optional or pair[0] in present]
        for some in (pairs, left):
            found = [title for title, _ in some]
            if header == found or (by_name and self._is_same_set(header, found)):
                place = [found.index(title) for title in header] if by_name else range(len(some))
                kept = tuple(some[n][1] for n in place)
                missing = tuple((field, field.default) for field in self.fields if field not in kept)
                return replace(self, fields=kept, constants=self.constants + missing)
        return None

    def _is_same_set(self, header: list[str], titles: list[str]) -> bool:
        """Whether titles that are each there once tell the columns of a header."""
        return not self.ordered and len(set(titles)) == len(titles) and sorted(header) == sorted(titles)


@dataclass(frozen=True)
class Export:
    """How a program writes a file of a layout that stands beside others."""

    delimiters: tuple[str, ...]
    footer: re.Pattern[str] | None
    """Lines of totals, which are no records; only totals follow the first of them."""
    totals: tuple[str, ...] = ()
    """Fields whose sum those lines print."""


@dataclass(frozen=True)
class Change:
    """Differences of a layout from the contract's fields: an entry of `lagebild.layouts`."""

    name: str
    first: str | None
    last: str | None
    headers: Mapping[str, str]
    formats: Mapping[str, str]
    without: Mapping[str, Any]
    order: tuple[str, ...]
    beside: Export | None = None
    named: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, re.Pattern[str]] = field(default_factory=dict)
    optional: Mapping[str, str | None] = field(default_factory=dict)
    trailing_minus: frozenset[str] = frozenset()
    required: frozenset[str] = frozenset()
    """Fields that need a value in this layout, though not in others."""
    german: str | None = None
    """What the supplier's page says of a layout beside others."""

    def layout(self, fields: tuple[Field, ...], optional_apart: bool = False, ordered: bool = False) -> Layout:
        """The layout that results from the contract's fields."""
        if self.order:
            fields = tuple(
                sorted(fields, key=lambda field: self.order.index(field.name) if field.name in self.order else -1)
            )
        kept = tuple(
            self._changed(field) for field in fields if field.name not in self.without and field.name not in self.named
        )
        constants = tuple((field, self.without[field.name]) for field in fields if field.name in self.without)
        named = tuple((field, self.named[field.name]) for field in fields if field.name in self.named)
        # Who says an order means it.
        is_ordered = ordered or bool(self.order)
        apart = optional_apart or self.beside is not None
        return Layout(self.name, self.first, self.last, kept, constants, apart, is_ordered, self.beside, named)

    def _changed(self, of: Field) -> Field:
        """A field of the contract as this layout has it."""
        found = replace(
            of,
            title=self.headers.get(of.name, of.title),
            format=self.formats.get(of.name, of.format),
            part=self.parts.get(of.name),
        )
        if self.beside is None:
            return found
        # It is another program's file: what the contract's own may lack says nothing of it.
        return replace(
            found,
            optional=of.name in self.optional,
            default=self.optional.get(of.name),
            required=of.required or of.name in self.required,
            trailing_minus=of.trailing_minus or of.name in self.trailing_minus,
        )


@dataclass(frozen=True)
class Own:
    """Where a city says how its files differ from a contract (`own_layouts.py`)."""

    path: Path
    municipality: str | None
    """AGS in the name of the file; None if it says none."""
    layout: str | None = None
    """Name of the entry that holds for the file; None if none does."""
    line: int = 1
    """Where that entry begins."""


@dataclass(frozen=True)
class Contract:
    """A source's contract; `version` changes whenever the file or one of its code lists changes."""

    source: str
    path: Path
    version: str
    title: str
    description: str
    owner: str
    entity: str
    encoding: str
    delimiter: str
    quote: str
    sheet: str | None
    header_rows: tuple[int, ...]
    header_join: str
    reader: str
    file_name: re.Pattern[str]
    example: str
    missing_values: frozenset[str]
    fields: tuple[Field, ...]
    evidence: str | None
    schedule: str
    due: Due
    retired: Retirement | None
    max_rejected: int
    suite: str | None
    """The suite of expectations that it shares with other sources; None: one of its own name."""
    pseudonym_purpose: str | None
    legal_basis: str | None
    retention: Duration
    contact: str | None
    primary_key: tuple[str, ...]
    history: str | None
    """Each delivery is the whole stock of a day, and raw keeps the changes: the field that says the day."""
    periods: str
    """Accepted periods that a build reads: `all`, `latest` or `longest`."""
    rules: tuple[Rule, ...]
    code_lists: Mapping[str, CodeList]
    changes: tuple[Change, ...]
    double_quote: bool
    """A quote inside a quoted field is doubled."""
    escape: str | None
    """Stands before a quote inside a quoted field."""
    line_terminator: str | None
    """What ends a line; None if any line break may."""
    optional_apart: bool
    """A file may lack any of the optional columns, each apart from the others."""
    excel_text: bool
    """Cells may be written `="..."`, as Excel wants them to keep leading zeros."""
    footer: re.Pattern[str] | None
    """The first line that it matches ends the table."""
    member: re.Pattern[str] | None
    """Deliveries are zip archives with one member of such a name."""
    record_length: int | None
    """Fixed width: characters a line."""
    german: Mapping[str, Any]
    """What the supplier's page says: title, description, legal_basis, contact, and a meaning a field."""
    initial_space: bool = False
    """Spaces between a delimiter and the field behind it are no part of the field."""
    ordered: bool = False
    """The columns stand in the contract's order; otherwise their titles say which is which."""
    quality: tuple[quality_rules.Rule, ...] = ()
    """What the gate expects of single columns, beside the suite of the source."""
    own: Own | None = None
    """Set where the contract is the one in force for a city's file (`own_layouts.in_force`)."""
    counted: Counted | None = None
    """Set where no record is stored, and raw holds counts of them."""
    switched_on: frozenset[str] = frozenset()
    """Fields with a switch that the operator switched on for the file's municipality."""

    @property
    def table(self) -> str:
        """Name of the raw table, without its schema."""
        return f"{self.source}__{self.entity}"

    @property
    def switched_off(self) -> tuple[Field, ...]:
        """Fields with a switch that a file must not have; raw holds nothing of them."""
        return tuple(field for field in self.fields if field.has_switch and field.name not in self.switched_on)

    @property
    def agreed_fields(self) -> tuple[Field, ...]:
        """Fields that a file may have."""
        return tuple(field for field in self.fields if field not in self.switched_off)

    @property
    def has_personal_fields(self) -> bool:
        return any(field.is_personal for field in self.fields)

    def match(self, file_name: str) -> re.Match[str] | None:
        """The name of a delivered file as `file_name` reads it, capitals of its extension left aside (`.CSV`).

        None if it is another one, also by a month or day that there is not, or by an AGS of no state.
        """
        stem, dot, extension = file_name.rpartition(".")
        names = (file_name, f"{stem}{dot}{extension.lower()}")
        found = next(filter(None, map(self.file_name.fullmatch, names)), None)
        return found if found and _is_time(found["period"]) and _is_of_a_state(found) else None

    def wrong_ags(self, file_name: str) -> str | None:
        """What stands in a file's name in place of an AGS, where that alone is wrong with it."""
        if "ags" not in self.file_name.groupindex:
            return None
        for found in re.finditer(r"(?<!\d)\d{5,12}(?!\d)", file_name):
            match = self.match(f"{file_name[: found.start()]}{ags.EXAMPLE}{file_name[found.end() :]}")
            if not ags.is_one(found[0]) and match and match.start("ags") == found.start():
                return found[0]
        return None

    def fits(self, file_name: str) -> bool:
        """Whether a file of this name can be one of the source: also as the web pages of GENESIS name a download."""
        return bool(self.match(file_name) or (self.reader == "genesis" and DOWNLOADED.fullmatch(file_name)))

    def period_of(self, file_name: str) -> str | None:
        """The period that the name of a delivered file says; None if the name is not as agreed."""
        match = self.match(file_name)
        return match["period"] if match else None

    def name_for(self, period: str) -> str:
        """The example's name for another period; UserError if the contract knows no such period."""
        start, end = self.file_name.fullmatch(self.example).span("period")
        name = self.example[:start] + period + self.example[end:]
        if wrong := self.wrong_ags(name):
            ags.require(wrong)
        if self.period_of(name) != period:
            raise UserError(
                f"{period!r} is no period of {self.source}",
                remedy=f"its files are named as {self.example}, so a period is written as"
                f" {self.period_of(self.example)}",
            )
        return name

    def municipality_of(self, file_name: str) -> str | None:
        """AGS in the name of a delivered file; None if the name has none, so it is unknown."""
        match = self.match(file_name)
        return match.groupdict().get("ags") if match else None

    def may_show(self, field: Field) -> bool:
        """Whether a rejected row may show a text of the field that passed its rules.

        If columns are shifted, any of them can contain a personal value: beside personal fields, only fields whose
        rules exclude names are shown, and no dates beside a date of birth.
        """
        personal = {other.type for other in self.fields if other.is_personal}
        return not personal or (
            not field.is_personal and field.excludes_names and field.type not in personal - {"string"}
        )

    @property
    def columns(self) -> list[tuple[str, str]]:
        """Columns (name, SQL type) of the raw table, in order, without the ledger's own two."""
        if self.counted:
            return [*((name, kind) for name, (kind, _) in COUNTED.items()), ("evidence", "text")]
        columns = [column for field in self.fields for column in field.columns if field.name != "evidence"]
        return [*columns, ("evidence", "text")]

    @property
    def meanings(self) -> dict[str, str]:
        """What each column of the raw table means."""
        of_fields = {name: field.description for field in self.fields for name, _ in field.columns}
        if not self.counted:
            return of_fields
        return {name: text for name, (_, text) in COUNTED.items()} | {"evidence": of_fields["evidence"]}

    @property
    def layouts(self) -> tuple[Layout, ...]:
        """The layout of the fields as they stand, then those of other periods."""
        name = self.own.layout if self.own and self.own.layout else CURRENT
        fields, off = self.agreed_fields, tuple((field, None) for field in self.switched_off)
        current = Layout(name, None, None, fields, off, self.optional_apart, self.ordered)
        others = (change.layout(fields, self.optional_apart, self.ordered) for change in self.changes)
        return (current, *(replace(other, constants=other.constants + off) for other in others))

    def layouts_in(self, period: str | None) -> list[Layout]:
        """The layouts a delivery of the period may have: `current` unless another one claims it, and those beside."""
        current, *others = (layout.of_period(period) for layout in self.layouts)
        if period is None:
            return [current, *others]
        holding = [layout for layout in others if layout.holds_in(period)]
        own = self.own.layout if self.own else None  # a city's list of another program is the one layout of its time
        claiming = [layout for layout in holding if layout.beside is None or layout.name == own]
        return [*(claiming or [current]), *(layout for layout in holding if layout not in claiming)]

    def layout_for(self, header: list[str], period: str | None) -> Layout | None:
        """The one layout of the period that has the titles of this header; None if none or more than one has.

        Its fields are those of the header, in the header's order; a layout in that very order comes before one that
        has the same titles in another. Blank titles at the end may be of lines that end with delimiters, and then
        are no columns. A period of None asks for no period in particular.
        """
        titles = [normal_title(title) for title in header]
        shorter = titles[: max((n for n, title in enumerate(titles, 1) if title), default=0)]
        begun = next((n for n, title in enumerate(titles) if title), 0)
        # Without a period the header alone says which year it names.
        year = period or next((found[0] for title in titles if (found := _YEAR_NAMED.search(title))), None)
        for tried in [titles] if shorter == titles else [titles, shorter]:
            for by_name in (False, True):
                found = [
                    variant
                    for layout in (layout.of_period(year) for layout in self.layouts_in(period))
                    # Lists of SAP begin with a column without a title.
                    if (variant := layout.variant(tried[begun:] if layout.beside else tried, by_name))
                ]
                if found:
                    return found[0] if len(found) == 1 or period is None else None
        return None

    def header_refusal(self, header: list[str], period: str | None, is_shown: bool = False) -> tuple[Message, Message]:
        """Message for a header without a layout: the difference, and the contract line to add.

        For personal data titles are not repeated, unless `is_shown`: to the owner of the file, and only if the line is
        a header (`is_header`).
        """
        header = [normal_title(title) for title in header]
        # The title is the contract's own word, so it may be said of a file about persons.
        if off := next((field for field in self.switched_off if normal_title(field.title) in header), None):
            return Message("field_switched_off", title=off.title), self._switch_for(off)
        if self.has_personal_fields and not is_shown:
            # If the header is missing, this line has the first person's values: nothing is repeated.
            expected = self._titles_in(period)
            unknown = sum(title not in expected for title in header)
            shape = Message("columns_differ")
            if unknown:
                shape = Message("columns_unknown", columns=len(header), unknown=unknown)
            return Message("header_differs_hidden", shape=shape), Message("see_contracts_fit", source=self.source)
        nearest = min(self.layouts_in(period), key=lambda layout: len(set(layout.titles) ^ set(header)))
        titles = nearest.titles
        present = set(header)
        is_optional = {title: field.optional for title, field in zip(titles, nearest.fields, strict=True)}
        missing = [title for title in titles if not is_optional[title] and title not in present]
        lacking = [title for title in titles if is_optional[title] and title not in present]
        agreed, found = Counter(titles), Counter(header)
        unknown = [title for title in header if title not in agreed]
        repeated = [title for title in agreed if found[title] > agreed[title]]
        told = [_beside(title, missing + lacking) for title in unknown]
        difference = (
            [Message("header_missing", titles=_listed(missing))] * bool(missing)
            + [Message("header_unknown", titles=_listed(told))] * bool(unknown)
            + [Message("header_repeated", titles=_listed(repeated))] * bool(repeated)
        )
        if not difference and lacking:
            difference = [Message("header_optional_missing", titles=_listed(lacking))]
        values = {"difference": difference or [Message("columns_reordered")], "layout": nearest.name}
        message = Message("header_differs", **values)
        if period:
            message = Message("header_differs_of_period", period=period, **values)
        return message, self._way_out(nearest, header, missing, unknown, period)

    def _switch_for(self, field: Field) -> Message:
        """What to add so that a field with a switch is read."""
        path = self.own.path if self.own else f"contracts/{self.source}.yml"
        municipality = self.own.municipality if self.own else None
        return Message("switch_field_on", path=path, entry=switch_entry(field.name, municipality))

    def is_header(self, line: list[str], period: str | None) -> bool:
        """Whether most texts of a line are agreed titles: without a header it is the first person."""
        agreed = self._titles_in(period)
        return 2 * sum(normal_title(title) in agreed for title in line) >= len(line)

    def _titles_in(self, period: str | None) -> set[str]:
        return {title for layout in self.layouts_in(period) for title in layout.titles}

    def _way_out(
        self, nearest: Layout, header: list[str], missing: list[str], unknown: list[str], period: str | None
    ) -> Message:
        titles = nearest.titles
        if nearest.beside:
            own = self.own.layout if self.own else None
            at = self.place_of("beside:") if own else f"{self.path}:{self.line_of('beside:')}"
            return Message("choose_columns", titles=_listed(titles, 30), place=at)
        names = {title: field.name for title, field in zip(titles, nearest.fields, strict=True)}
        day = (period_day(period) if period else None) or "2020"
        if missing or unknown:
            # A renamed column mostly keeps its place.
            pairs = {
                names[old]: new for old, new in zip(titles, header, strict=False) if old in missing and new in unknown
            }
            pairs = pairs or {names[old]: new for old, new in zip(missing, unknown, strict=False)}
            lost = [names[old] for old in missing if names[old] not in pairs]
            parts = [f"headers: {_flow(pairs)}"] * bool(pairs)
            parts += [f"without: {_flow(dict.fromkeys(lost, None))}"] * bool(lost)
        elif sorted(header) == sorted(titles) and len(set(header)) == len(header):
            parts = [f"order: [{', '.join(names[title] for title in header)}]"]
        else:
            parts = []
        if not parts or len(unknown) > len(missing):
            return Message("ask_layout_or_describe", place=f"{self.path}:{self.line_of('fields:')}")
        if self.own and self.own.layout:
            at = f"{self.own.path}:{self.own.line}"
            return Message("ask_layout_or_change", place=at, entry=", ".join(parts))
        if self.own and self.own.municipality:
            municipality = f'municipality: "{self.own.municipality}"'
            line = f'- {{name: "{day}", {municipality}, from: "{day}", to: "{day}", {", ".join(parts)}}}'
            return Message("ask_layout_or_add", entry=f"under layouts: in {self.own.path}: {line}")
        line = f'- {{name: "{day}", from: "{day}", to: "{day}", {", ".join(parts)}}}'
        place = self.line_of("layouts:" if self.changes else "lagebild:", from_end=True)
        where = f"below {self.path}:{place}" + ("" if self.changes else ", under a new entry layouts:")
        return Message("ask_layout_or_add", entry=f"{where}: {line}")

    def asked(self, rule: Rule) -> Message:
        """What a rule across fields asks for."""
        titles = {field.name: field.title or field.name for field in self.fields}
        right = titles[rule.right] if rule.right else str(rule.literal)
        return Message("rule", left=titles[rule.left], operator=_ASKED[rule.operator], right=right)

    def broken(self, rule: Rule) -> Message:
        """What to say of a row that breaks a rule: in English the rule's own words."""
        return Message("rule_broken", rule=messages.restored(rule.message, self.asked(rule).kept()))

    def line_of(self, text: str, from_end: bool = False) -> int:
        """The first (or last) line of the contract file that holds `text`, for messages; 1 if none does."""
        lines = [n for n, line in enumerate(self.path.read_text(encoding="utf-8").splitlines(), 1) if text in line]
        return lines[-1 if from_end else 0] if lines else 1

    def place_of(self, entry: str) -> str:
        """File and line of an entry, for messages: of a municipality's file the city's own, where it may say so."""
        if self.own and self.own.layout:
            return f"{self.own.path}:{self.own.line}"
        return str(self.own.path) if self.own and self.own.municipality else f"{self.path}:{self.line_of(entry)}"


def _listed(titles: list[str], most: int = 12) -> str:
    """Titles for a message; a header of thousands of columns must not become one."""
    shown = ", ".join(title[:80] or "(blank)" for title in titles[:most])
    return Message("and_more", titles=shown, more=len(titles) - most) if len(titles) > most else shown


_LOOKS = str.maketrans({sign: "-" for sign in "\u2010\u2011\u2012\u2013\u2014\u2212"} | {"\u00b4": "'", "\u2019": "'"})


def _beside(title: str, agreed: list[str]) -> str:
    """An unknown title; where it looks like an agreed one, with the first sign that differs."""

    def look(text: str) -> str:
        return unicodedata.normalize("NFKC", text).translate(_LOOKS).casefold()

    other = next((known for known in agreed if look(known) == look(title)), None)
    if other is None:
        return title
    n = next((n for n, (one, two) in enumerate(zip(title, other, strict=False)) if one != two), None)
    if n is None:
        return title
    return f"{title} (sign {n + 1} is U+{ord(title[n]):04X}, agreed is U+{ord(other[n]):04X})"


def switch_entry(name: str, municipality: str | None) -> str:
    """An entry of a city's file that switches a field on, to be filled in."""
    whose = f'municipality: "{municipality}", ' if municipality else ""
    return f"- {{name: {name}, {whose}purpose: WHAT FOR, legal_basis: WHICH LAW}}"


def _flow(mapping: dict[str, Any]) -> str:
    """A mapping as one line of YAML."""
    import yaml

    text = yaml.safe_dump(mapping, default_flow_style=True, allow_unicode=True, width=10**9, sort_keys=False)
    return text.strip()


def holds_in(layout: "Layout | Change", period: str) -> bool:
    """Whether a period lies between a layout's first and last, as far as both are said."""
    if layout.first is None and layout.last is None:
        return True
    day = period_day(period)
    if day is None:
        return False
    first, last = layout.first or "", layout.last or "9"
    return day[: len(first)] >= first[: len(day)] and day[: len(last)] <= last[: len(day)]


def period_day(period: str) -> str | None:
    """The year, month or day that a period ends with (`05913000_2019-12-31` gives `2019-12-31`), None without one."""
    found = re.findall(r"(?<!\d)\d{4}(?:-\d{2}(?:-\d{2})?)?(?!\d)", period)
    return found[-1] if found else None


def _is_time(period: str) -> bool:
    """Whether the year, month or day that a period ends with exists; one without any says nothing of time."""
    year, *rest = (period_day(period) or "2000").split("-")
    try:
        date(int(year), *map(int, [*rest, "01", "01"][:2]))
    except ValueError:
        return False
    return True


def _is_of_a_state(match: re.Match[str]) -> bool:
    """Whether an AGS in a file's name is one; a name without says nothing of it."""
    key = match.groupdict().get("ags")
    return key is None or ags.is_one(key)
