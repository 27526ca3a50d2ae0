"""The key figures with their charts, drawn by the spreadsheet from a table of their own."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

import xlsxwriter
from xlsxwriter.chart import Chart as Drawn
from xlsxwriter.worksheet import Worksheet

from extracts.model import Chart, KeyFigure
from extracts.workbook.page import Book, Cell, put

_WIDTHS = (240, 105, 90, 105, 105, 125, 400)
"""Of the key figures' columns; a chart is as wide as the first six."""
_CHART_HEIGHT = 340
# Okabe and Ito: told apart by readers who see few colours, and in print without any.
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#555555")
_KINDS = {"bar": {"type": "column"}, "stacked": {"type": "column", "subtype": "stacked"}, "line": {"type": "line"},
          "waterfall": {"type": "column", "subtype": "stacked"}}  # fmt: skip
_WATERFALL = {"total": "#A6A6A6", "more": "#E69F00", "less": "#56B4E9"}
_FONT = {"name": "Arial", "size": 10}


@dataclass(frozen=True)
class Drawing:
    """A series as it stands in the table of charts; `style` is its colour, empty if it is not to be seen."""

    name: str
    values: tuple[Decimal | None, ...]
    colour: str


def key_figures(book: Book, sheet: Worksheet, drawn: xlsxwriter.Workbook) -> None:
    """The table of key figures; below it each chart with its caption beside it."""
    about, say = book.contents.about, book.say
    row = book.opened(sheet, say("sheet.key_figures"), landscape=True)
    headers = [say(f"head_{name}") for name in ("key_figure", "value", "unit", "low", "high", "evidence", "caption")]
    if about.key_figures:
        rows = [_key_figure(book, figure) for figure in about.key_figures]
        row = book.table(sheet, row, say("table.key_figures"), headers, rows, _WIDTHS, right=(1, 3, 4), repeated=False)
    else:
        for n, width in enumerate(_WIDTHS):
            sheet.set_column_pixels(n, n, width)
        row = book.paragraph(sheet, row, say("no_key_figures"), book.styles.text, _WIDTHS)
    for chart, first in zip(about.charts, _first_rows(book), strict=True):
        source = say("source_of", source=chart.source) if chart.source else ""
        beside = "\n\n".join(filter(None, [chart.title, chart.caption, chart.alt_text, source]))
        put(sheet, row, len(_WIDTHS) - 1, beside, book.styles.text)
        sheet.set_row_pixels(row, _CHART_HEIGHT + 10)
        picture = _drawn(book, drawn, chart, first)
        picture.set_size({"width": sum(_WIDTHS[:-1]) - 12, "height": _CHART_HEIGHT})
        place: dict[str, Any] = {"description": chart.alt_text, "x_offset": 4, "y_offset": 4, "object_position": 2}
        sheet.insert_chart(row, 0, picture, place)
        row += 1


def chart_data(book: Book, sheet: Worksheet) -> None:
    """The numbers of all charts in one table, a row a point: what who cannot see a chart reads, and what draws it."""
    say = book.say
    row = book.opened(sheet, say("sheet.charts"))
    headers = [say(f"head_{name}") for name in ("chart", "series", "category", "value", "unit")]
    rows = [
        [book.text(chart.title), book.text(series.name), book.text(category),
         _point(book, chart, value), book.text(chart.unit)]
        for chart in book.contents.about.charts
        for series in series_of(book, chart)
        for category, value in zip(chart.categories, series.values, strict=True)
    ]  # fmt: skip
    book.table(sheet, row, say("table.charts"), headers, rows, (240, 150, 150, 110, 110), right=(3,))


def _point(book: Book, chart: Chart, value: Decimal | None) -> Cell:
    # A line is broken only by an empty cell: a text would be drawn as zero.
    return book.text("") if value is None and chart.kind == "line" else book.number(value, chart.digits, None)


def series_of(book: Book, chart: Chart) -> list[Drawing]:
    """The series as drawn; of a waterfall the steps between a hidden base and their ends.

    A waterfall has one series: the first value and the last are totals, those between are what is added.
    """
    if chart.kind != "waterfall":
        return [
            Drawing(series.name, series.values, _COLOURS[n % len(_COLOURS)]) for n, series in enumerate(chart.series)
        ]
    parts: dict[str, dict[int, Decimal]] = {}
    values = [value or Decimal(0) for value in chart.series[0].values]
    running = Decimal(0)
    for n, value in enumerate(values):
        is_total = n in (0, len(values) - 1)
        start, end = (Decimal(0), value) if is_total else (running, running + value)
        kind = "total" if is_total else "more" if value >= 0 else "less"
        low, high = min(start, end), max(start, end)
        if low > 0:
            parts.setdefault("base", {})[n] = low
        elif high < 0:
            parts.setdefault("base", {})[n] = high
        # What lies above zero and what lies below it are stacked apart.
        if above := max(high, Decimal(0)) - max(low, Decimal(0)):
            parts.setdefault(kind, {})[n] = above
        if below := min(low, Decimal(0)) - min(high, Decimal(0)):
            parts.setdefault(f"{kind}_below" if above else kind, {})[n] = below
        running = end
    order = [f"{kind}{end}" for kind in ("base", *_WATERFALL) for end in ("", "_below")]
    return [
        Drawing(
            book.say(f"waterfall_{name.removesuffix('_below')}"),
            tuple(parts[name].get(n, Decimal(0)) for n in range(len(values))),
            _WATERFALL.get(name.removesuffix("_below"), ""),
        )
        for name in order
        if name in parts
    ]


def _first_rows(book: Book) -> Iterator[int]:
    """Of each chart the row on the sheet of charts in which its first number stands."""
    row = 3  # heading, way back, header
    for chart in book.contents.about.charts:
        yield row
        row += len(series_of(book, chart)) * len(chart.categories)


def _drawn(book: Book, drawn: xlsxwriter.Workbook, chart: Chart, first: int) -> Drawn:
    data, count = book.say("sheet.charts"), len(chart.categories)
    picture = cast(Drawn, drawn.add_chart(_KINDS[chart.kind]))  # None for a kind that it does not know alone
    series_all = series_of(book, chart)
    pattern = "#,##0" + ("." + "0" * chart.digits if chart.digits else "")
    for n, series in enumerate(series_all):
        begin, end = first + n * count, first + (n + 1) * count - 1
        line = {"color": series.colour, "width": 2.25}
        look: dict[str, Any] = (
            {"fill": {"none": True}, "border": {"none": True}} if not series.colour
            else {"line": line, "marker": {"type": "automatic", "size": 6}} if chart.kind == "line"
            else {"fill": {"color": series.colour}, "gap": 60}
        )  # fmt: skip
        if series.colour and chart.kind in ("bar", "waterfall") and count * len(series_all) <= 24:
            not_zero = f"{pattern};-{pattern};"  # a step that a waterfall's series lacks is zero
            look["data_labels"] = {"value": True, "num_format": not_zero, "font": _FONT}
        picture.add_series(
            {
                "name": [data, begin, 1],
                "categories": [data, begin, 2, end, 2],
                "values": [data, begin, 3, end, 3],
                **look,
            }
        )
    title = f"{chart.title} ({chart.unit})"  # the unit lies beside an axis on its side elsewhere, hard to read
    picture.set_title({"name": title, "name_font": {"name": "Arial", "size": 11, "bold": True}})
    picture.set_x_axis({"num_font": _FONT})
    grid = {"visible": True, "line": {"color": "#CCCCCC", "width": 0.5}}
    axis: dict[str, Any] = {"num_font": _FONT, "num_format": pattern, "major_gridlines": grid}
    if chart.kind != "line" and all((value or 0) >= 0 for series in series_all for value in series.values):
        axis["min"] = 0  # a column that does not begin at zero misleads
    picture.set_y_axis(axis)
    hidden = [n for n, series in enumerate(series_all) if not series.colour]
    only_one = len(series_all) - len(hidden) == 1
    legend = {"none": True} if only_one else {"position": "bottom", "font": _FONT, "delete_series": hidden}
    picture.set_legend(legend)
    picture.show_blanks_as("gap")
    return picture


def _key_figure(book: Book, figure: KeyFigure) -> list[Cell]:
    styles = book.styles
    source = book.say("source_of", source=figure.source) if figure.source else ""
    return [
        book.text(figure.label, styles.strong),
        book.number(figure.value, figure.digits, figure.status),
        book.text(figure.unit),
        *(
            book.number(bound, figure.digits, None) if bound is not None else book.text("–", styles.right)
            for bound in (figure.low, figure.high)
        ),
        evidence(book, figure.evidence),
        book.text("\n".join(filter(None, [figure.caption, source])) or "–"),
    ]


def evidence(book: Book, code: str | None) -> Cell:
    """A class of evidence in one word, in red where figures are made up."""
    if code not in book.contents.package.evidence:
        return book.text(code or "–")
    return book.text(book.say(f"evidence_{code}"), book.styles.made_up if code == "synthetic" else None)
