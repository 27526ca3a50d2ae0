"""The quality report of a release: what the warehouse knows of the figures, by the dimensions of the European
Statistical System (ESS standard for quality reports, SIMS).

Everything is read as a reader sees it, from schema `marts`, as it stood when the publication was made; so the same
publication gives the same report on any day. Of sources about persons there are rounded counts of rows or none.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, LiteralString

from psycopg import Connection, sql

from extracts import changes, signs
from extracts.changes import Comparison
from extracts.marts import Mart, Publication, of_places, patterns
from extracts.model import QualityFact, QualitySection, Recipient
from extracts.package import DATA
from extracts.texts import Texts
from lagebild.warehouse.marts import history

AUDIT = "disclosure"
"""Beginning of the expectations of the disclosure audit."""
_BREAKS = ("across_break", "law_changed_between", "method_version_differs")
"""Reasons by which a figure is not compared with that of another time."""
_PART = ("reason", "sign", "quality_flag", "evidence")
"""Endings of the columns by which a row's figures are told apart: why there is none, what is said of one."""
_INDICATOR = ("indicator_set", "indicator_code", "definition_version")
Table = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Measured:
    """What is counted of a mart, as far as a recipient receives it."""

    mart: Mart
    rows: int
    cells: int
    """Figures that could be there: rows times columns of figures."""
    missing: Counter[str]
    """Cells without a number, by status."""
    intervals: int
    """Figures of which a lower end below the upper one is given."""
    synthetic_rows: int
    breaks: int
    """Reasons for not comparing with another time."""
    latest: date | None
    """Last day that a row speaks of."""

    @property
    def given(self) -> int:
        return self.cells - self.missing.total()


def of(
    connection: Connection,
    publication: Publication,
    marts: tuple[Mart, ...],
    recipient: Recipient,
    compared: Comparison,
    attributions: dict[str, dict[str, Any]],
    texts: Texts,
) -> tuple[QualitySection, ...]:
    """The six sections, in the recipient's language, by a reader's connection."""
    report = _Report(connection, publication, marts, recipient, compared, attributions, texts)
    return (
        report.relevance(),
        report.accuracy(),
        report.timeliness(),
        report.coherence(),
        report.accessibility(),
        report.confidentiality(),
    )


def measured(connection: Connection, mart: Mart, recipient: Recipient, publication_id: int) -> Measured:
    """Counted by PostgreSQL, in groups of rows that say the same of their figures."""
    names = [column.name for column in mart.columns]
    groups = [name for name in names if name.endswith(_PART)]
    own = changes.figures(mart)
    bounded = [
        (low, high)
        for low in own
        for high in [low.replace("_low", "_high")]
        if "_low" in low and "_wide_" not in low and high in own
    ]
    days: dict[str, LiteralString] = {
        "reference_date": "max({})",
        "reference_year": "make_date(max({}), 12, 31)",
        "fiscal_year": "make_date(max({}), 12, 31)",
    }
    day = next((sql.SQL(text).format(sql.Identifier(name)) for name, text in days.items() if name in names), sql.NULL)
    counted = [
        sql.SQL("count(*)"),
        day,
        sql.SQL(" + ").join(
            [
                sql.SQL("count(*) filter (where {} < {})").format(sql.Identifier(low), sql.Identifier(high))
                for low, high in bounded
            ]
            or [sql.SQL("0")]
        ),
        *(sql.SQL("count(*) filter (where {} is null)").format(sql.Identifier(figure)) for figure in own),
    ]
    query = sql.SQL("select {} from {} where publication_id = %(publication)s{} group by grouping sets (({}))").format(
        sql.SQL(", ").join([*map(sql.Identifier, groups), *counted]),
        sql.Identifier(*history(mart.entry.schema, mart.entry.name)),
        of_places(mart.columns, recipient),
        sql.SQL(", ").join(map(sql.Identifier, groups)),
    )
    values = {"publication": publication_id, "places": patterns(recipient)}
    rows = intervals = synthetic = breaks = 0
    missing: Counter[str] = Counter()
    latest: list[date] = []
    for found in connection.execute(query, values):
        told = dict(zip(groups, found, strict=False))
        number, day_of, bounds, *empty = found[len(groups) :]
        rows, intervals = rows + number, intervals + bounds
        latest += [day_of] if day_of else []
        synthetic += number if told.get("evidence") == "synthetic" else 0
        breaks += number * sum(value in _BREAKS for value in told.values())
        for figure, without in zip(own, empty, strict=True):
            if without:
                missing[signs.status_in(mart, told, figure) or "not_available"] += without
    return Measured(mart, rows, rows * len(own), missing, intervals, synthetic, breaks, max(latest, default=None))


class _Report:
    """One report under way: what is asked of the database once, and the words."""

    def __init__(
        self,
        connection: Connection,
        publication: Publication,
        marts: tuple[Mart, ...],
        recipient: Recipient,
        compared: Comparison,
        attributions: dict[str, dict[str, Any]],
        texts: Texts,
    ):
        self._connection, self._publication, self._marts = connection, publication, marts
        self._recipient, self._compared, self._attributions, self._texts = recipient, compared, attributions, texts
        self._names = [mart.entry.name for mart in marts]
        self._measured = [
            measured(connection, mart, recipient, publication.publication_id)
            for mart in marts
            if mart.entry.name != changes.TREES
        ]
        self._deliveries = self._asked(_DELIVERIES)
        self._sources = sorted({row[0] for row in self._deliveries})

    # --- the sections -------------------------------------------------------------------------------------------------

    def relevance(self) -> QualitySection:
        cells, given = self._sum("cells"), self._sum("given")
        empty = [self._title(one) for one in self._measured if not one.rows]
        facts = [
            self._fact("users", office=self._recipient.office, purpose=self._recipient.purpose),
            self._fact("legal_basis", text=self._recipient.legal_basis),
            self._fact("contents", tables=self._n(len(self._measured)), rows=self._n(self._sum("rows"))),
            self._fact("completeness", given=self._n(given), cells=self._n(cells), share=self._share(given, cells)),
            self._fact("empty_tables", tables=", ".join(empty) or self._none()),
        ]
        for one in self._measured:
            if one.mart.entry.name == "indicator_gap":
                lacking = one.mart.distinct(*_INDICATOR)
                facts.append(self._fact("indicator_gaps", indicators=self._n(len(lacking)), rows=self._n(one.rows)))
        aside = self._asked(_SET_ASIDE)
        facts.append(self._fact("set_aside", files=", ".join(name for (name,) in aside) or self._none()))
        table = self._table(
            ("table", "rows", "figures", "not_available_cells"),
            (
                (self._title(one), self._n(one.rows), self._n(one.given), self._n(one.missing.total()))
                for one in self._measured
            ),
        )
        return self._section("relevance", facts, table, share=self._share(given, cells))

    def accuracy(self) -> QualitySection:
        marts = self._asked(_MART_VERDICTS)
        passed, warned = (sum(row[position] for row in marts) for position in (1, 2))
        checks = self._asked(_DELIVERY_VERDICTS)[0]
        given, rows, synthetic = self._sum("given"), self._sum("rows"), self._sum("synthetic_rows")
        facts = [
            self._fact("mart_checks", passed=self._n(passed), warned=self._n(warned), noted=self._n(_sum(marts, 3))),
            self._fact("delivery_checks", passed=self._n(checks[0]), failed=self._n(checks[1])),
            self._fact("accepted_despite", files=", ".join(name for (name,) in self._asked(_ACCEPTED)) or self._none()),
            self._fact("intervals", number=self._n(self._sum("intervals"))),
            self._fact("synthetic", rows=self._n(synthetic), share=self._share(synthetic, rows)),
        ]
        costs = next((mart for mart in self._marts if mart.entry.name == "cost_per_person"), None)
        if costs is not None and (
            shares := [share for (share,) in costs.distinct("unmapped_pct") if share is not None]
        ):
            limit = max(limit for (limit,) in costs.distinct("unmapped_limit_pct"))
            facts.append(self._fact("unmapped", share=self._pct(max(shares)), limit=self._pct(limit)))
        facts += self._revisions()
        table = self._table(("source", "deliveries", "records", "rejected"), self._rejected())
        return self._section(
            "accuracy", facts, table, passed=self._n(passed), warned=self._n(warned), given=self._n(given)
        )

    def timeliness(self) -> QualitySection:
        made_on = self._publication.published_at.date()
        dated = [one for one in self._measured if one.latest is not None]
        lags = [(made_on - one.latest).days for one in dated if one.latest is not None]
        due, in_time, late, missing, longest = self._asked(_PUNCTUALITY)[0]
        facts = [
            self._fact("published_on", day=self._texts.date(made_on)),
            self._fact("due", due=self._n(due), in_time=self._n(in_time)) if due else self._fact("nothing_due"),
        ]
        if late or missing:
            facts.append(self._fact("late", late=self._n(late), missing=self._n(missing), days=self._n(longest)))
        oldest = self._asked(_OLDEST)[0][0]
        if oldest is not None:
            facts.append(self._fact("oldest", days=self._n(oldest)))
        table = self._table(
            ("table", "latest", "days"),
            (
                (self._title(one), self._texts.date(one.latest), self._n((made_on - one.latest).days))
                for one in dated
                if one.latest is not None
            ),
        )
        shortest, longest_lag = (self._n(function(lags)) if lags else self._none() for function in (min, max))
        return self._section("timeliness", facts, table, shortest=shortest, longest=longest_lag)

    def coherence(self) -> QualitySection:
        verdicts = [
            (mart, column.name, verdict, number)
            for mart in self._marts
            for column in mart.columns
            if column.name.endswith("verdict")
            for verdict, number in self._counted(mart, column.name)
        ]
        facts = [self._fact("verdicts", number=self._n(sum(number for *_, number in verdicts)))]
        for mart in self._marts:
            if mart.entry.name == "population_reconciliation":
                compared = sum(number for of, _, _, number in verdicts if of is mart)
                facts.append(self._fact("reconciled", number=self._n(compared)))
            if mart.entry.name == "cost_comparability":
                said = dict(self._counted(mart, "is_comparable"))
                facts.append(self._fact("comparable", yes=self._n(said.get(True, 0)), no=self._n(said.get(False, 0))))
        facts.append(self._fact("breaks", number=self._n(self._sum("breaks"))))
        table = self._table(
            ("table", "column", "verdict", "rows"),
            (
                (
                    mart.entry.title[self._texts.language],
                    self._texts.label(column),
                    self._coded(column, verdict),
                    self._n(n),
                )
                for mart, column, verdict, n in verdicts
            ),
        )
        return self._section("coherence", facts, table, number=self._n(sum(number for *_, number in verdicts)))

    def accessibility(self) -> QualitySection:
        licences = dict.fromkeys(
            licence.get("title") or licence.get("name") or licence.get("path") or ""
            for attribution in self._attributions.values()
            for licence in attribution["licenses"]
        )
        links = dict.fromkeys(
            one["path"]
            for attribution in self._attributions.values()
            for one in (*attribution["licenses"], *attribution["sources"])
            if one.get("path")
        )
        files = [self._texts.say(f"file.{name}") for name in ("workbook", "report", "quality_report", "readme")]
        files.append(DATA.removesuffix("/"))
        facts = [
            self._fact("files", files=", ".join(files)),
            self._fact("formats"),
            self._fact("licences", licences="; ".join(filter(None, licences)) or self._none()),
            self._fact("links", links=", ".join(links) or self._none()),
            self._fact("verification"),
        ]
        table = self._table(
            ("source", "publisher"),
            (
                (attribution["title"], "; ".join(one["title"] for one in attribution["sources"] if one.get("title")))
                for _, attribution in sorted(self._attributions.items())
            ),
        )
        return self._section("accessibility", facts, table, sources=self._n(len(self._attributions)))

    def confidentiality(self) -> QualitySection:
        cells, hidden = self._sum("cells"), sum(one.missing["confidential"] for one in self._measured)
        audited = bool(self._asked(_AUDITED)[0][0])
        facts = [
            self._fact("small_counts"),
            self._fact("rounding"),
            self._fact("consequences"),
            self._fact("audit" if audited else "audit_missing"),
            self._fact(f"profile_{self._recipient.profile}"),
            self._fact("hidden", hidden=self._n(hidden), cells=self._n(cells), share=self._share(hidden, cells)),
        ]
        table = self._table(
            ("table", "cells", "confidential", "share"),
            (
                (
                    self._title(one),
                    self._n(one.cells),
                    self._n(one.missing["confidential"]),
                    self._share(one.missing["confidential"], one.cells),
                )
                for one in self._measured
                if one.cells
            ),
        )
        return self._section("confidentiality", facts, table, share=self._share(hidden, cells))

    # --- parts --------------------------------------------------------------------------------------------------------

    def _revisions(self) -> Iterator[QualityFact]:
        by_mart = self._compared.by_mart
        revised = sum(one.revised for one in by_mart)
        if not by_mart:
            yield self._fact("no_revisions")
            return
        yield self._fact(
            "revisions",
            revised=self._n(revised),
            added=self._n(sum(one.added for one in by_mart)),
            removed=self._n(sum(one.removed for one in by_mart)),
        )
        largest = max((one for one in by_mart if one.largest_pct), key=lambda one: one.largest_pct or 0, default=None)
        if largest is not None and largest.largest_pct is not None:
            yield self._fact(
                "largest_revision", share=self._pct(largest.largest_pct), table=self._texts.title(largest.mart)
            )

    def _rejected(self) -> Iterator[tuple[str, ...]]:
        """By source: deliveries, records and rejected rows; of persons about so many, of lists of grants none."""
        for source in self._sources:
            found = [row for row in self._deliveries if row[0] == source]
            yield (
                self._attributions.get(source, {}).get("title", source),
                self._n(len(found)),
                *(self._rows_of(found, position) for position in (2, 3)),
            )

    def _rows_of(self, deliveries: list[tuple], position: int) -> str:
        told = [row[position] for row in deliveries]
        is_rounded = any(row[4] for row in deliveries)
        if not is_rounded and None in told:
            return self._say("not_told")
        if None not in told:
            number = self._n(sum(told))
            return self._say("about", number=number) if is_rounded else number
        if all(row[2] is None for row in deliveries):  # not even how many rows there are
            return self._say("not_told")
        known = sum(filter(None, told))
        return self._say("fewer_or_about", number=self._n(known)) if known else self._say("fewer")

    def _counted(self, mart: Mart, column: str) -> list[tuple[Any, int]]:
        name = sql.Identifier(column)
        query = sql.SQL(
            "select {0}, count(*) from {1} where publication_id = %(publication)s and {0} is not null{2}"
            " group by 1 order by 1::text {3}"
        ).format(
            name,
            sql.Identifier(*history(mart.entry.schema, mart.entry.name)),
            of_places(mart.columns, self._recipient),
            sql.SQL('collate "C"'),
        )
        values = {"publication": self._publication.publication_id, "places": patterns(self._recipient)}
        return self._connection.execute(query, values).fetchall()

    def _asked(self, query: LiteralString) -> list[tuple]:
        values = {
            "publication": self._publication.publication_id,
            "published_at": self._publication.published_at,
            "marts": self._names,
            "audit": AUDIT,
        }
        return self._connection.execute(query, values).fetchall()

    def _sum(self, name: str) -> int:
        return sum(getattr(one, name) for one in self._measured)

    def _title(self, one: Measured) -> str:
        return one.mart.entry.title[self._texts.language]

    def _coded(self, column: str, value: str) -> str:
        return self._texts.code(column, value) or value

    def _n(self, number: int) -> str:
        return self._texts.number(number, 0)

    def _pct(self, share: Decimal) -> str:
        return f"{self._texts.number(share, 1 if share >= 1 else 2 if share else 0)}\N{NO-BREAK SPACE}%"

    def _share(self, part: int, whole: int) -> str:
        return self._pct(Decimal(part) * 100 / Decimal(whole)) if whole else self._none()

    def _none(self) -> str:
        return self._say("none")

    def _say(self, name: str, **values: str) -> str:
        return self._texts.say(f"quality_data.{name}", **values)

    def _fact(self, name: str, **values: str) -> QualityFact:
        return QualityFact(self._say(f"{name}_label"), self._say(name, **values))

    def _table(self, header: Iterable[str], rows: Iterable[tuple[str, ...]]) -> Table:
        found = tuple(rows)
        return (tuple(self._say(f"column_{name}") for name in header), *found) if found else ()

    def _section(self, dimension: Any, facts: list[QualityFact], table: Table, **values: str) -> QualitySection:
        return QualitySection(dimension, self._say(f"{dimension}_summary", **values), tuple(facts), table)


def _sum(rows: list[tuple], position: int) -> int:
    return sum(row[position] for row in rows)


_DELIVERIES = """
    select distinct source, delivery_id, records, rejected, has_rounded_rows
    from marts.publication_source
    where publication_id = %(publication)s and mart = any(%(marts)s)
    order by source, delivery_id
"""
_SET_ASIDE = """
    select file_name
    from marts.publication_set_aside
    where publication_id = %(publication)s
    order by source collate "C", period collate "C"
"""
_MART_VERDICTS = """
    select
        split_part(expectation, '.', 1),
        count(*) filter (where passed),
        count(*) filter (where not passed and severity <> 'note'),
        count(*) filter (where not passed and severity = 'note')
    from marts.quality_verdict
    where publication_id = %(publication)s and split_part(expectation, '.', 1) = any(%(marts)s)
        and checked_at <= %(published_at)s
    group by 1
"""
_DELIVERY_VERDICTS = """
    select count(*) filter (where passed), count(*) filter (where not passed and severity <> 'note')
    from (
        select distinct on (delivery_id, expectation) passed, severity
        from marts.quality_verdict
        where checked_at <= %(published_at)s and delivery_id in (
            select s.delivery_id
            from marts.publication_source as s
            where s.publication_id = %(publication)s and s.mart = any(%(marts)s)
        )
        order by delivery_id, expectation, checked_at desc, verdict_id desc
    ) as latest
"""
_ACCEPTED = """
    select file_name
    from marts.publication_acceptance
    where publication_id = %(publication)s and delivery_id in (
        select s.delivery_id
        from marts.publication_source as s
        where s.publication_id = %(publication)s and s.mart = any(%(marts)s)
    )
    order by source collate "C", period collate "C"
"""
_PUNCTUALITY = """
    select
        count(*),
        count(*) filter (where days_late = 0),
        count(*) filter (where days_late > 0 and received_on is not null),
        count(*) filter (where received_on is null and days_late > 0),
        coalesce(max(days_late), 0)
    from marts.publication_calendar
    where publication_id = %(publication)s and source in (
        select s.source
        from marts.publication_source as s
        where s.publication_id = %(publication)s and s.mart = any(%(marts)s)
    )
"""
_OLDEST = """
    select max(age_days)
    from marts.publication_source
    where publication_id = %(publication)s and mart = any(%(marts)s)
"""
_AUDITED = """
    select count(*) > 0 and bool_and(passed)
    from marts.quality_verdict
    where publication_id = %(publication)s and split_part(expectation, '.', 1) = %(audit)s
        and checked_at <= %(published_at)s
"""
