"""The key figures and charts of the first pages, as `key_figures.yml` says: cells of marts, and sums of money.

A figure that a mart hides has its status and no number; a chart says of a hidden point that it is not shown. What a
recipient's marts and places do not have is not there, nor an entry with a column that a mart lacks; a test holds
the file against the marts of today.
"""

import string
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

from extracts import signs
from extracts.contents import Contents
from extracts.marts import Mart
from extracts.model import Chart, KeyFigure, Series
from extracts.package import ROOM
from extracts.texts import Texts
from lagebild.core import yaml_files
from lagebild.core.errors import UserError

FILE = ROOM / "key_figures.yml"
_RANK = ("synthetic", "derived_from_result", "derived", "delivered", "published")
"""Classes of evidence, the weakest first."""
_LISTED_SOURCES = 2
Values = dict[str, Any]
_SINGLE = (
    "value", "latest", "low", "high", "plus_minus", "evidence", "source", "category", "series", "from", "to",
)  # fmt: skip


def of(contents: Contents) -> tuple[KeyFigure, ...]:
    """The key figures that the contents have; UserError for an entry that names no mart or column."""
    return tuple(figure for entry in _file()["figures"] for figure in _Entry(contents, entry).figures())


def charts(contents: Contents) -> tuple[Chart, ...]:
    """The charts that the contents have rows for; UserError for an entry that names no mart or column."""
    return tuple(chart for entry in _file()["charts"] for chart in _Entry(contents, entry).charts())


def columns(entry: dict[str, Any]) -> set[str]:
    """The columns that an entry needs, those in braces among them."""
    named = [entry[key] for key in _SINGLE if key in entry]
    named += [*(entry.get("where") or {}), *entry.get("latest_of", ()), *entry.get("one_of", ())]
    named += [name.removeprefix("-") for name in entry.get("order", ())]
    for text in (entry.get("label") or entry.get("title") or {}).values():
        named += [name for _, name, _, _ in string.Formatter().parse(text) if name and name != "place"]
    return set(named)


def entries() -> list[dict[str, Any]]:
    """Every entry of the file."""
    return [*_file()["figures"], *_file()["charts"]]


@cache
def _file() -> dict[str, list[dict[str, Any]]]:
    return yaml_files.read(FILE)


class _Entry:
    """One entry of the file, read with the rows of its mart."""

    def __init__(self, contents: Contents, entry: dict[str, Any]):
        self._contents, self._entry = contents, entry
        self._texts: Texts = contents.texts
        self._mart = next((mart for mart in contents.marts if mart.entry.name == entry["mart"]), None)
        has_all = self._mart is not None and columns(entry) <= {column.name for column in self._mart.columns}
        self._rows = self._chosen(self._mart) if has_all and self._mart else []

    def figures(self) -> Iterator[KeyFigure]:
        """A key figure for each of the first rows."""
        mart, entry = self._mart, self._entry
        if mart is None:
            return
        for row in self._sorted(self._rows)[: entry.get("most", 1)]:
            value = row[entry["value"]]
            status = signs.status_in(mart, row, entry["value"], self._contents.about.revised)
            low, high = (row[entry[end]] if end in entry else None for end in ("low", "high"))
            if value is not None and (span := row.get(entry.get("plus_minus", ""))):
                low, high = value - span, value + span
            yield KeyFigure(
                label=self._said(entry["label"][self._texts.language], row),
                value=None if value is None else Decimal(value),
                digits=entry["digits"],
                unit=entry["unit"][self._texts.language],
                low=None if low is None or value is None else Decimal(low),
                high=None if high is None or value is None else Decimal(high),
                status=status,
                evidence=row[entry["evidence"]] or "",
                caption=self._caption(row, mart.entry.name if entry.get("caption") else ""),
                mart=mart.entry.name,
                row_key=signs.row_key(mart, row),
                source=row[entry["source"]] or "" if "source" in entry else self._sources([row]),
            )

    def charts(self) -> Iterator[Chart]:
        """A chart for each of the first groups of rows."""
        groups: dict[tuple[str, ...], list[Values]] = {}
        for row in self._sorted(self._rows):
            groups.setdefault(tuple(str(row[name]) for name in self._entry.get("one_of", ())), []).append(row)
        drawn = [rows for rows in groups.values() if self._is_worth(rows)]
        yield from (self._chart(rows) for rows in drawn[: self._entry.get("most", 1)])

    # --- rows ---------------------------------------------------------------------------------------------------------

    def _chosen(self, mart: Mart) -> list[Values]:
        """The rows that the entry is about."""
        entry = self._entry
        allowed = {
            name: [str(one) for one in (wanted if isinstance(wanted, list) else [wanted])]
            for name, wanted in (entry.get("where") or {}).items()
        }
        named = (signs.named(mart, row) for block in mart.batches() for row in block)
        rows = [row for row in named if all(str(row[name]) in among for name, among in allowed.items())]
        if latest := entry.get("latest"):
            newest: dict[tuple[str, ...], Any] = {}
            group: Callable[[Values], tuple[str, ...]] = lambda row: tuple(  # noqa: E731
                str(row[name]) for name in entry.get("latest_of", ())
            )
            for row in rows:
                if row[latest] is not None:
                    newest[group(row)] = max(row[latest], newest.get(group(row), row[latest]))
            rows = [row for row in rows if row[latest] is not None and row[latest] == newest[group(row)]]
        return rows

    def _sorted(self, rows: list[Values]) -> list[Values]:
        for name in reversed(self._entry.get("order", ())):
            column = name.removeprefix("-")
            rows = sorted(rows, key=lambda row: (row[column] is None, row[column]), reverse=name.startswith("-"))
        return rows

    def _is_worth(self, rows: list[Values]) -> bool:
        """Whether there is something to draw: two points at least, one of them with a number."""
        points = {str(row[self._entry["category"]]) for row in rows if row[self._entry["value"]] is not None}
        return len(points) > 1

    # --- charts -------------------------------------------------------------------------------------------------------

    def _chart(self, rows: list[Values]) -> Chart:
        entry, first = self._entry, rows[0]
        if entry["kind"] == "waterfall":
            categories, series = self._waterfall(rows)
        else:
            categories, series = self._points(rows)
        title = self._said(entry["title"][self._texts.language], first)
        unit = entry["unit"][self._texts.language]
        caption = "\n".join(filter(None, [self._caption(first, entry.get("caption", "")), self._evidence(rows)]))
        return Chart(
            name=entry["name"],
            kind=entry["kind"],
            title=title,
            alt_text=self._alt_text(title, unit, categories, series),
            unit=unit,
            digits=entry["digits"],
            categories=categories,
            series=series,
            caption=caption,
            mart=entry["mart"],
            source=self._sources(rows),
        )

    def _points(self, rows: list[Values]) -> tuple[tuple[str, ...], tuple[Series, ...]]:
        entry = self._entry
        cells: dict[str, dict[str, Decimal | None]] = {}
        names: dict[str, None] = {}
        for row in rows:
            value = row[entry["value"]]
            if value is None and entry.get("needs_value"):
                continue
            category = self._name(entry["category"], row)
            series = self._name(entry["series"], row) if "series" in entry else ""
            names.setdefault(category)
            had = cells.setdefault(series, {})
            if category in had and not entry.get("sum"):
                raise self._fault(f"two rows are one point ({series} {category})")
            known = had.get(category, Decimal(0))
            # Of a sum with a part that is not shown nothing is: the rest alone would be wrong.
            had[category] = None if value is None or known is None else known + Decimal(value)
        categories = self._ordered(list(names), cells)
        return tuple(categories), tuple(
            Series(name, tuple(of_series.get(category) for category in categories))
            for name, of_series in sorted(cells.items())
        )

    def _ordered(self, categories: list[str], cells: dict[str, dict[str, Decimal | None]]) -> list[str]:
        entry = self._entry
        if entry.get("years"):
            years = sorted(int(category) for category in categories)
            return [str(year) for year in range(years[0], years[-1] + 1)]
        if entry.get("by_size"):
            (only,) = cells.values()
            categories = sorted(categories, key=lambda category: -(only[category] or Decimal(0)))
        elif entry["category"].endswith("_year"):
            categories = sorted(categories)
        return categories[: entry.get("most_categories", len(categories))]

    def _waterfall(self, rows: list[Values]) -> tuple[tuple[str, ...], tuple[Series, ...]]:
        """From the first total by its parts to the second."""
        entry, first = self._entry, rows[0]
        ends = [str(first[entry[key].removesuffix("_eur") + "_year"]) for key in ("from", "to")]
        values = [first[entry["from"]], *(row[entry["value"]] for row in rows), first[entry["to"]]]
        categories = (ends[0], *(self._name(entry["category"], row) for row in rows), ends[1])
        return categories, (Series("", tuple(None if value is None else Decimal(value) for value in values)),)

    def _alt_text(self, title: str, unit: str, categories: tuple[str, ...], series: tuple[Series, ...]) -> str:
        """The chart in sentences, with its numbers."""
        say, number, digits = self._texts.say, self._texts.number, self._entry["digits"]
        told = [say(f"key_figures.alt_{self._entry['kind']}", title=title, unit=unit)]
        for one in series:
            points = [
                f"{category} {number(value, digits)}"
                for category, value in zip(categories, one.values, strict=True)
                if value is not None
            ]
            told.append((f"{one.name}: " if one.name else "") + "; ".join(points) + ".")
            missing = [name for name, value in zip(categories, one.values, strict=True) if value is None]
            if missing and self._entry["kind"] != "stacked":
                told.append(say("key_figures.alt_missing", points=", ".join(missing)))
        return " ".join(told)

    # --- words --------------------------------------------------------------------------------------------------------

    def _name(self, column: str, row: Values) -> str:
        """A value as a point or series of a chart."""
        value = row[column]
        if isinstance(value, date):
            return str(value.year) if self._entry.get("years") else self._texts.date(value)
        if column == "region_name":
            return self._place(row)
        return self._texts.code(column, str(value)) or str(value)

    def _said(self, text: str, row: Values) -> str:
        """A text with columns of the row in its braces."""
        parts = []
        for literal, name, form, _ in string.Formatter().parse(text):
            parts.append(literal)
            if name is not None:
                parts.append(self._filled(name, form or "", row))
        return "".join(parts)

    def _filled(self, name: str, form: str, row: Values) -> str:
        if name in ("place", "region_name"):
            return self._place(row)
        if name not in row:
            raise self._fault(f"{self._entry['mart']} has no column {name}")
        value = row[name]
        if form == "date" and isinstance(value, date):
            return self._texts.date(value)
        if form == "number" and value is not None:
            return self._texts.number(value, 0)
        if form == "code":
            return self._texts.code(name, str(value)) or str(value)
        return "" if value is None else str(value)

    def _place(self, row: Values) -> str:
        """The name of the row's place; its key where no mart of the package has it."""
        if name := row.get("region_name") or row.get("municipality_name"):
            return self._texts.place(str(row.get("region_code") or ""), str(name))
        key = row.get("municipality_ags") or row.get("region_code") or ""
        for mart in self._contents.marts:
            if found := dict(mart.distinct("municipality_ags", "municipality_name")).get(key):
                return str(found)
        return str(key)

    def _caption(self, row: Values, mart: str) -> str:
        """What must stand beside a figure of costs: of the row, else of the mart that has it."""
        if not mart:
            return ""
        column = f"caption_{self._texts.language}"
        if column in row:
            return row[column] or ""
        found = next((one for one in self._contents.marts if one.entry.name == mart), None)
        return "\n".join(dict.fromkeys(filter(None, found.values(column)))) if found else ""

    def _evidence(self, rows: Iterable[Values]) -> str:
        """The weakest class of evidence of the rows, in words."""
        classes = {row.get("rate_evidence") or row.get("eu2_evidence") or row.get("evidence") for row in rows}
        weakest = next((one for one in _RANK if one in classes), None)
        if weakest is None:
            return ""
        meaning = self._contents.package.evidence[weakest][self._texts.language]
        return self._texts.say("key_figures.evidence", meaning=meaning.strip())

    def _sources(self, rows: Iterable[Values]) -> str:
        """The sources of the rows, else those behind the mart; of many the first."""
        told = self._contents.attributions
        used = dict.fromkeys(row["source"] for row in rows if row.get("source") in told)
        used = used or dict.fromkeys(row["source"] for row in self._contents.used_by(self._entry["mart"]))
        titles = list(dict.fromkeys(one["title"] for name in used if name in told for one in told[name]["sources"]))
        more = len(titles) - _LISTED_SOURCES
        listed = "; ".join(titles[:_LISTED_SOURCES])
        return listed + (self._texts.say("about.more", number=more) if more > 0 else "")

    def _fault(self, said: str) -> UserError:
        entry = self._entry
        return UserError(f"{FILE}: {entry.get('name') or entry['value']}: {said}", remedy="mend the entry")
