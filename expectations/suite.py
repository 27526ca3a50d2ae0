"""The vocabulary of the suites: what is checked, and the two ways to say that something must hold.

Nothing here imports Great Expectations (its import takes seconds): an `Expectation` names a GX
expectation class and its arguments, and `gate` builds it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from ingest import contracts

HOLD, WARN, NOTE = "hold", "warn", "note"
SEVERITIES = (HOLD, WARN, NOTE)
_JOIN = re.compile(r"\bjoin\b", re.IGNORECASE)


WITHOUT_FIGURES = "without_figures"
"""Column of `no_row`: what is said of a source about persons in place of `observed`."""


@dataclass(frozen=True)
class Expectation:
    """One sentence about the data that is true or false, and what follows when it is false."""

    name: str
    """Stable name; it stands in `quality.verdict` and in reports."""
    why: str
    """One sentence, in a statistician's words: why this must hold."""
    expected: str
    """What is expected, in words, to stand beside what was observed."""
    severity: str
    """hold: the delivery waits or the publication stops. warn: it goes on and readers are told. note: for the log."""
    owner: str
    """Who answers questions about it."""
    kind: str
    """Class in `great_expectations.expectations`."""
    arguments: Mapping[str, Any]
    quotes_rows: bool = True
    """Whether its findings may quote a row. Findings are hidden for personal data."""

    def __post_init__(self) -> None:
        if self.severity not in SEVERITIES:
            raise ValueError(f"{self.name}: severity {self.severity!r} is none of {', '.join(SEVERITIES)}")
        if not (self.name and self.why.strip() and self.expected.strip() and self.owner.strip()):
            raise ValueError(f"{self.name or 'an expectation'}: name, why, expected and owner must be filled")


@dataclass(frozen=True)
class Delivery:
    """What a suite may know of the delivery it judges (a row of `raw.delivery`)."""

    delivery_id: int
    source: str
    period: str
    loaded: int
    received_on: date
    before: tuple[int, ...] = ()
    """The last accepted deliveries of the same source and municipality or table, newest decision first."""
    known: Mapping[str, int] = field(default_factory=dict)
    """How many of those have a value, by statistic."""

    @property
    def year(self) -> int:
        """Year of the period, which ends in `2024` or `2019-12-31`; ValueError if it does not."""
        return self.reference_date.year

    @property
    def first_year(self) -> int:
        """First year of a period such as `2007-2019`; of any other, its year."""
        found = re.search(r"(?:^|_)(\d{4})-\d{4}$", self.period)
        return int(found[1]) if found else self.year

    @property
    def reference_date(self) -> date:
        """Day of the period: the one it names, or 31 December of the year it names."""
        found = re.search(r"(?:^|_)(?:\d{4}-)?(\d{4})(?:-(\d{2})-(\d{2}))?$", self.period)
        if not found:
            raise ValueError(f"period {self.period!r} ends neither in a year nor in a date")
        year, month, day = found.groups()
        return date(int(year), int(month or 12), int(day or 31))

    @property
    def ags(self) -> str:
        """Municipality key at the head of the period, such as 05913000; ValueError if there is none."""
        found = re.match(r"(\d{8})_", self.period)
        if not found:
            raise ValueError(f"period {self.period!r} does not begin with an AGS of 8 digits")
        return found.group(1)


@dataclass(frozen=True)
class Build:
    """What the marts' suite may know of the build it judges."""

    build_id: int
    delivered: frozenset[str]
    """Sources of which the build reads at least one delivery."""
    lost: frozenset[str] = frozenset()
    """Deliveries, as source and period, that the publication in force was made from and this build does not read:
    they were withdrawn or corrected meanwhile."""


def expect(
    name: str, kind: str, *, why: str, expected: str, severity: str, owner: str, **arguments: Any
) -> Expectation:
    """A built-in expectation of Great Expectations, by its class name."""
    return Expectation(name, why, expected, severity, owner, kind, arguments)


def no_row(
    name: str, sql: str, *, why: str, expected: str, severity: str, owner: str, quotes_rows: bool = True
) -> Expectation:
    """An expectation that fails for every row `sql` returns.

    `sql` reads the data under check as `batch`. It may return `line_number` (the row to mend) and
    `observed` (a few words on what is wrong there; for a source about persons shown only where it
    does not tell of rows, and `without_figures` in its place if there is one). Curly braces must be doubled: GX
    formats the text.
    """
    sql = sql.strip()
    # GX names the batch's sub-query itself, but only in a query without a join (1.24).
    alias = " as delivered" if _JOIN.search(sql) else ""
    head = f"with batch as (select * from {{batch}}{alias})"
    query = f"{head}, {sql[4:].lstrip()}" if sql.lower().startswith("with") else f"{head} {sql}"
    arguments = {"unexpected_rows_query": query}
    return Expectation(name, why, expected, severity, owner, "UnexpectedRowsExpectation", arguments, quotes_rows)


def arrived_whole(delivery: Delivery, owner: str) -> list[Expectation]:
    """What must hold for every delivery, whatever its source."""
    return [
        expect(
            "has_rows",
            "ExpectTableRowCountToBeBetween",
            min_value=1,
            why="An empty delivery is a failed export, and accepting it would empty every figure that rests on it.",
            expected="at least 1 row",
            severity=HOLD,
            owner=owner,
        ),
        _rows_as_in_the_ledger(delivery, owner),
        *letters_whole(delivery.source, owner),
    ]


def _rows_as_in_the_ledger(delivery: Delivery, owner: str) -> Expectation:
    """As many rows as the ledger counts; of a source that is counted at loading its records, which the counts hold."""
    why = "The ledger vouches for the number of rows loaded; any other number means rows were lost or doubled."
    expected = "as many rows as the ledger counts"
    if delivery.source in contracts.sources() and contracts.load(delivery.source).counted:
        differs = f"select 'another sum of records' as observed from batch having sum(records) <> {delivery.loaded:d}"
        return no_row("rows_as_in_the_ledger", differs, why=why, expected=expected, severity=HOLD, owner=owner)
    return expect(
        "rows_as_in_the_ledger",
        "ExpectTableRowCountToEqual",
        value=delivery.loaded,
        why=why,
        expected=expected,
        severity=HOLD,
        owner=owner,
    )


def of_its_municipality(delivery: Delivery, owner: str, why: str) -> Expectation:
    """That every row is of the municipality in the file's name; `why` says what rows of another would do."""
    return expect(
        "municipality_is_the_period",
        "ExpectColumnValuesToBeInSet",
        column="region_code",
        value_set=[delivery.ags],
        why=why,
        expected=delivery.ags,
        severity=HOLD,
        owner=owner,
    )


def free_texts(source: str) -> dict[str, str]:
    """Columns of raw that hold words as the file wrote them, and their titles: no codes, no pseudonyms."""
    fields = contracts.load(source).fields if source in contracts.sources() else ()
    return {f.name: f.title for f in fields if f.type == "string" and not f.is_personal and not f.excludes_names}


def letters_whole(source: str, owner: str) -> list[Expectation]:
    """That no letter was lost or decoded twice on the way; nothing if a source has no free texts."""
    columns = free_texts(source)
    if not columns:
        return []

    def damaged(column: str) -> str:
        # Only where a letter is none of ASCII's the pattern is asked.
        return f"octet_length({column}) > length({column}) and {column} ~ '{contracts.DAMAGED}'"

    named = (
        ", ".join(
            f"case when {damaged(column)} then $quoted${title or column}$quoted$ end"
            for column, title in columns.items()
        )
        .replace("{", "{{")
        .replace("}", "}}")
    )
    return [
        no_row(
            "letters_whole",
            f"""
            select line_number, observed
            from (select line_number, nullif(concat_ws(', ', {named}), '') as observed from batch) as seen
            where observed is not null
            order by 1
            """,
            why="A replacement character is a letter that is lost, and two letters for an umlaut are one decoded twice:"
            " names and words would be wrong, and match nothing.",
            expected="texts without U+FFFD, U+FEFF and letters that were decoded twice",
            severity=HOLD,
            owner=owner,
        )
    ]


def printed_agrees(printed: str, value: str, owner: str) -> Expectation:
    """That an amount is one of the numbers in the words it was printed with; words without a digit are not compared."""
    return no_row(
        "amount_as_printed",
        rf"""
        select line_number, {printed} || ' was read as ' || {value} as observed
        from batch
        where {value} is not null and {printed} ~ '[0-9]' and not exists (
            select 1
            from regexp_matches(
                {printed},
                '([0-9]{{{{1,3}}}}(?:[.][0-9]{{{{3}}}})+|[0-9]+)(?:,([0-9]+))? *'
                || '(Mrd|Milliarde|Mio|Million|Tsd|Tausend|T€)?',
                'g'
            ) as found
            where {value} = (replace(found[1], '.', '') || coalesce('.' || found[2], ''))::numeric
                * case
                    when found[3] in ('Mrd', 'Milliarde') then 1000000000
                    when found[3] in ('Mio', 'Million') then 1000000
                    when found[3] is not null then 1000
                    else 1
                end
        )
        order by 1
        """,
        why="The amount was keyed in from the words beside it: another number is a slipped point, comma or unit.",
        expected="the amount that its own words print",
        severity=HOLD,
        owner=owner,
    )
