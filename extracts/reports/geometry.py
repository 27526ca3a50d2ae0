"""Where the marks of a chart stand, in parts of its width and height, for the templates that draw it."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from extracts.model import Chart
from extracts.texts import Texts

# Okabe and Ito: told apart by readers who see few colours, and in print without any.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#555555")
_TOTAL, _MORE, _LESS = "#A6A6A6", "#E69F00", "#56B4E9"
_STEPS = 5
"""Lines of a grid, about."""
_GAP = 0.3
"""Part of a category's width between its bars and the next ones."""
_MOST_LABELS = 24
_SHORT = 8
"""Letters of a category that need one line."""
Bar = tuple[int, float, float, Decimal, Decimal, str, str]
"""Category, start and width within it, low, high, colour, text."""


def drawn(chart: Chart, texts: Texts) -> dict[str, Any]:
    """A chart for `common.typ`: rows of bars with their names at the side, or columns and lines over categories."""
    words = {
        "title": f"{chart.title} ({chart.unit})",
        "alt": chart.alt_text,
        "notes": [*filter(None, chart.caption.split("\n")), *_source(chart, texts)],
    }
    if chart.kind == "bar" and len(chart.series) == 1 and all((v or 0) >= 0 for v in chart.series[0].values):
        return words | {"layout": "rows", "rows": _rows(chart, texts), "legend": []}
    return words | {"layout": "columns"} | _columns(chart, texts)


def _source(chart: Chart, texts: Texts) -> list[str]:
    return [texts.say("report.source", source=chart.source)] if chart.source else []


def _rows(chart: Chart, texts: Texts) -> list[dict[str, Any]]:
    values = chart.series[0].values
    most = max((value for value in values if value is not None), default=Decimal(0)) or Decimal(1)
    return [
        {
            "text": category,
            "part": None if value is None else float(value / most),
            "value": "." if value is None else texts.number(value, chart.digits),
        }
        for category, value in zip(chart.categories, values, strict=True)
    ]


def _columns(chart: Chart, texts: Texts) -> dict[str, Any]:
    bars = _bars(chart, texts)
    points = [value for series in chart.series for value in series.values if value is not None]
    ends = [end for bar in bars for end in bar[3:5]] if bars else points
    low, high = min([Decimal(0), *ends]), max([Decimal(0), *ends])
    step = _step(high - low)
    # Decimal's // cuts towards zero, which is not down for a loss.
    bottom = (low / step).to_integral_value(ROUND_FLOOR) * step
    top = (high / step).to_integral_value(ROUND_CEILING) * step
    span = (top - bottom) or Decimal(1)

    def at(value: Decimal) -> float:
        return float((value - bottom) / span)

    count = len(chart.categories)
    width = 1 / count
    digits = max(0, -int(step.normalize().as_tuple().exponent))
    ticks = [bottom + step * n for n in range(int(span / step) + 1)]
    names = [series.name for series in chart.series]
    return {
        "tall": any(len(category) > _SHORT for category in chart.categories),
        "ticks": [{"at": at(tick), "text": texts.number(tick, digits)} for tick in ticks],
        "zero": at(Decimal(0)),
        "bars": [
            {
                "x": (category + start) * width,
                "width": size * width,
                "low": at(low_),
                "high": at(high_),
                "colour": colour,
                "text": text,
            }
            for category, start, size, low_, high_, colour, text in bars
        ],
        "lines": [
            {
                "colour": COLOURS[n % len(COLOURS)],
                "points": [[(category + 0.5) * width, at(value)] for category, value in part],
            }
            for n, series in enumerate(chart.series if chart.kind == "line" else ())
            for part in _unbroken(series.values)
        ],
        "categories": [
            {"at": (n + 0.5) * width, "width": width, "text": category} for n, category in enumerate(chart.categories)
        ],
        "legend": [
            {"colour": COLOURS[n % len(COLOURS)], "text": name} for n, name in enumerate(names) if len(names) > 1
        ],
    }


def _bars(chart: Chart, texts: Texts) -> list[Bar]:
    if chart.kind == "line":
        return []
    if chart.kind == "waterfall":
        return _waterfall(chart, texts)
    found: list[Bar] = []
    if chart.kind == "stacked":
        for category in range(len(chart.categories)):
            base = Decimal(0)
            for n, series in enumerate(chart.series):
                value = series.values[category]
                if value:
                    found.append((category, _GAP / 2, 1 - _GAP, base, base + value, COLOURS[n % len(COLOURS)], ""))
                    base += value
        return found
    each = (1 - _GAP) / len(chart.series)
    has_labels = len(chart.series) * len(chart.categories) <= _MOST_LABELS
    for n, series in enumerate(chart.series):
        for category, value in enumerate(series.values):
            if value is not None:
                text = texts.number(value, chart.digits) if has_labels else ""
                low, high = min(value, Decimal(0)), max(value, Decimal(0))
                found.append((category, _GAP / 2 + n * each, each, low, high, COLOURS[n % len(COLOURS)], text))
    return found


def _waterfall(chart: Chart, texts: Texts) -> list[Bar]:
    """The first value and the last are totals, those between are what is added."""
    found: list[Bar] = []
    running = Decimal(0)
    values = [value or Decimal(0) for value in chart.series[0].values]
    for n, value in enumerate(values):
        is_total = n in (0, len(values) - 1)
        start, end = (Decimal(0), value) if is_total else (running, running + value)
        colour = _TOTAL if is_total else _MORE if value >= 0 else _LESS
        text = texts.number(value, chart.digits)
        found.append((n, _GAP / 2, 1 - _GAP, min(start, end), max(start, end), colour, text))
        running = end
    return found


def _unbroken(values: tuple[Decimal | None, ...]) -> list[list[tuple[int, Decimal]]]:
    """The points of a line in pieces: it is broken where there is no value."""
    parts: list[list[tuple[int, Decimal]]] = [[]]
    for n, value in enumerate(values):
        if value is not None:
            parts[-1].append((n, value))
        elif parts[-1]:
            parts.append([])
    return [part for part in parts if part]


def _step(span: Decimal) -> Decimal:
    """A round distance between the lines of a grid: 1, 2 or 5 times a power of ten."""
    wanted = (span or Decimal(1)) / _STEPS
    power = Decimal(10) ** wanted.adjusted()
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= wanted)
