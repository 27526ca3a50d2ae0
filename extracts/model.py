"""What a release says beside the rows of its marts: one definition for workbook, reports, descriptor and catalogue.

Plain values, made once by `contents.gather` and read by every writer, so that no two files of a package differ.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from lagebild.warehouse.descriptions import Language as Language

Status = Literal[
    "nothing", "less_than_half", "confidential", "not_available", "later", "not_meaningful", "unreliable", "limited",
    "revised", "provisional", "estimated", "final", "break_in_series",
]  # fmt: skip
"""What stands in the place of a number or beside it; never by which rule a number is protected."""

Schedule = Literal["each_publication", "yearly", "half_yearly", "quarterly", "monthly", "on_request"]


@dataclass(frozen=True)
class Recipient:
    """An office that receives releases: one file in `extracts/recipients/` or `<config>/recipients/`."""

    name: str
    """Stem of the file; names the folder."""
    office: str
    legal_basis: str
    purpose: str
    language: Language
    profile: Literal["public", "statistics_unit"]
    marts: tuple[str, ...] = ()
    """Names of marts in the order of the package; empty: all of `package.yml`."""
    places: tuple[str, ...] = ()
    """AGS or the beginning of one; empty: every place."""
    schedule: Schedule = "on_request"
    """When a release is due; `yearly` and so on: with the first publication in each of these periods."""
    delivery: str = ""
    """Where the package is put, too: a `file:`, `sftp:` or `s3:` address, as of an inbox; empty: it is fetched."""
    when_held: Literal["refuse", "state"] = "refuse"
    """What happens when a delivery behind a mart was held, so that an older one was used."""
    when_stale: Literal["refuse", "state"] = "state"
    """What happens when a delivery behind a mart was due at the publication and had not come."""


@dataclass(frozen=True)
class Publisher:
    """Who publishes: stands in the imprint, the descriptor and the catalogue."""

    name: str
    contact: str
    """Mail address or page; may be empty in the demo alone."""
    kind: Literal["", "LocalAuthority", "RegionalAuthority", "NationalAuthority"] = ""
    """What the publisher is, in the ADMS list of publisher types; empty: not stated."""
    contributor_id: str = ""
    """The IRI under which GovData knows who supplies the entry (list `contributors` of DCAT-AP.de); empty: none."""


@dataclass(frozen=True)
class Earlier:
    """The last release to the same recipient."""

    release_id: int
    publication_id: int
    published_at: datetime


@dataclass(frozen=True)
class Change:
    """A figure that differs from the last release to the same recipient, or is new, or is gone."""

    mart: str
    row_key: tuple[tuple[str, str], ...]
    """Column of the mart's key and its value as text, in the key's order."""
    figure: str
    kind: Literal["revised", "added", "removed"]
    before: str
    after: str
    """As in the CSV; empty where there is none."""
    why: str
    """In the language of the recipient: the bridge's or the comparison's reason."""


@dataclass(frozen=True)
class MartChanges:
    """How many figures of a mart differ from the last release to the same recipient."""

    mart: str
    revised: int
    added: int
    removed: int
    largest_pct: Decimal | None
    """The largest revision, in per cent of the figure before, without sign; None where no figure was revised."""

    @property
    def count(self) -> int:
        return self.revised + self.added + self.removed


@dataclass(frozen=True)
class KeyFigure:
    """One figure of the first pages."""

    label: str
    value: Decimal | None
    digits: int
    unit: str
    low: Decimal | None
    high: Decimal | None
    status: Status | None
    evidence: str
    """Evidence class, as a code."""
    caption: str
    """What must stand beside it; empty where nothing must."""
    mart: str
    row_key: tuple[tuple[str, str], ...]
    source: str


@dataclass(frozen=True)
class Series:
    """Numbers of a chart, one a category; None where there is none."""

    name: str
    values: tuple[Decimal | None, ...]


@dataclass(frozen=True)
class Chart:
    """A chart as data: the workbook draws it natively, the report as vectors."""

    name: str
    kind: Literal["bar", "stacked", "line", "waterfall"]
    title: str
    alt_text: str
    """What the chart shows, in sentences, with its numbers."""
    unit: str
    digits: int
    categories: tuple[str, ...]
    series: tuple[Series, ...]
    caption: str
    mart: str
    source: str


@dataclass(frozen=True)
class QualityFact:
    """One line of the quality report: a label, and what is known."""

    label: str
    text: str


@dataclass(frozen=True)
class QualitySection:
    """A dimension of quality, as the European Statistical System names them."""

    dimension: Literal["relevance", "accuracy", "timeliness", "coherence", "accessibility", "confidentiality"]
    summary: str
    facts: tuple[QualityFact, ...]
    table: tuple[tuple[str, ...], ...] = ()
    """A table, its first row the header; empty where there is none."""


@dataclass(frozen=True)
class About:
    """Everything beside the rows."""

    recipient: Recipient
    publisher: Publisher
    is_synthetic: bool
    """Whether any figure of the package rests on made-up rows: the first page says so in red."""
    period_from: date | None
    period_to: date | None
    """First and last day that figures speak of."""
    data_until: date | None
    """State of the data: the latest acceptance of a delivery behind the publication."""
    next_publication: date | None
    previous: Earlier | None = None
    notices: tuple[str, ...] = ()
    """What a reader has to know first, such as a delivery that was due and had not come; in their language."""
    changes: tuple[Change, ...] = ()
    """At most 2,000; `change_counts` says how many there are."""
    change_counts: tuple[MartChanges, ...] = ()
    revised: frozenset[tuple[str, tuple[tuple[str, str], ...], str]] = frozenset()
    """Mart, row key and figure of each figure that is marked as revised, also of those that are not listed."""
    key_figures: tuple[KeyFigure, ...] = ()
    charts: tuple[Chart, ...] = ()
    quality: tuple[QualitySection, ...] = ()
