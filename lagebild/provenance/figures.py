"""Compare the figures of the source documents with the marts, and write the page about them.

The seed `source_figure` has the figures: what was printed, how precisely, and which row of which mart has it; the seed
`figure_settlement` the official table that would settle a figure. What an official figure says of a printed one is
read from mart `published_claim`. Reads only schema `marts`, as any BI tool could.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from psycopg import Connection, sql

from lagebild.core import database, seeds
from lagebild.core.errors import UserError
from lagebild.core.settings import Settings

SEED = "source_figure"
SETTLEMENT = "figure_settlement"
OFFICIAL = "official_figure"
RELATIONS = {
    "reproduced": "Reproduced: computed by a mart from other inputs, none of them solved back from the figure",
    "retraced": "Merely retraced: an input was pinned to the figure or solved back from it; this confirms nothing",
    "carried": "Carried: as printed, through a delivery into a mart, nothing computed",
    "contradicted": "Contradicted: the marts say otherwise than the print",
    "none": "In no mart, and why",
}


@dataclass(frozen=True)
class Figure:
    """A row of the seed; bounds are None if the document leaves them open or gives no precision."""

    figure_id: str
    source_document: str
    place: str
    as_of: str
    indicator: str
    value: Decimal
    lower: Decimal | None
    upper: Decimal | None
    unit: str
    precision: str
    mart: str
    row: dict[str, str]
    column: str
    relation: str
    remark: str


@dataclass(frozen=True)
class Settlement:
    """What would settle a figure: statistics (EVAS) and table, empty where none speaks of it, period, and a note."""

    statistics_code: str
    table_code: str
    period: str
    note: str


@dataclass(frozen=True)
class Official:
    """What an official figure says of a printed one: its value in the figure's unit, and the verdict on the two."""

    value: Decimal
    verdict: str


@dataclass(frozen=True)
class Compared:
    """A figure and its value in the mart: None if no mart or no row has it."""

    figure: Figure
    computed: Decimal | None
    settlement: Settlement | None = None
    official: Official | None = None

    @property
    def difference(self) -> Decimal | None:
        """Mart minus document, in the unit of the figure."""
        return None if self.computed is None else self.computed - self.figure.value

    @property
    def holds(self) -> bool:
        """Whether the mart treats the figure as the seed says."""
        figure, computed = self.figure, self.computed
        if figure.relation == "none":
            return not figure.mart
        if computed is None:
            return False
        if figure.relation == "carried":
            return computed == figure.value
        is_below = figure.lower is not None and computed < figure.lower
        is_above = figure.upper is not None and computed > figure.upper
        return (is_below or is_above) == (figure.relation == "contradicted")


def figures() -> list[Figure]:
    """All figures of the seed, in its order."""
    return [_figure(row) for row in seeds.rows(SEED)]


def compare(settings: Settings) -> list[Compared]:
    """All figures with their values in the current publication."""
    with database.connect(settings, database.BI_READER) as connection:
        connection.execute("set transaction isolation level repeatable read read only")
        settled, official = settlements(), _official(connection)
        return [
            Compared(f, _computed(connection, f), settled.get(f.figure_id), official.get(f.figure_id))
            for f in figures()
        ]


def settlements() -> dict[str, Settlement]:
    """By figure id, what would settle it."""
    return {
        row["figure_id"]: Settlement(row["statistics_code"], row["table_code"], row["period"], row["note"])
        for row in seeds.rows(SETTLEMENT)
    }


def page(compared: Iterable[Compared]) -> str:
    """`docs/figures.md`; UserError names figures that the marts treat differently than the seed says."""
    compared = list(compared)
    wrong = [c for c in compared if not c.holds]
    if wrong:
        listed = "; ".join(f"{c.figure.figure_id} ({c.figure.relation}): {_number(c.computed)}" for c in wrong)
        raise UserError(
            f"the marts and {SEED}.csv do not agree: {listed}",
            remedy="build on the bundled deliveries, or mend the seed's mart, row, column or relation",
        )
    return "\n".join(_lines(compared)) + "\n"


def _figure(row: dict[str, str]) -> Figure:
    def end(name: str) -> Decimal | None:
        return Decimal(row[name]) if row[name] else None

    return Figure(
        figure_id=row["figure_id"],
        source_document=row["source_document"],
        place=row["place"],
        as_of=row["as_of"],
        indicator=row["indicator"],
        value=Decimal(row["value"]),
        lower=end("lower_end"),
        upper=end("upper_end"),
        unit=row["unit"],
        precision=row["precision"],
        mart=row["mart"],
        row=dict(pair.split("=", 1) for pair in row["mart_row"].split()),
        column=row["mart_column"],
        relation=row["relation"],
        remark=row["remark"],
    )


def _computed(connection: Connection, figure: Figure) -> Decimal | None:
    if not figure.mart:
        return None
    conditions = sql.SQL(" and ").join(
        sql.SQL("{}::text = {}").format(sql.Identifier(column), value) for column, value in figure.row.items()
    )
    rows = connection.execute(
        sql.SQL("select {} from {} where {}").format(
            sql.Identifier(figure.column), sql.Identifier("marts", figure.mart), conditions
        )
    ).fetchall()
    return Decimal(rows[0][0]) if len(rows) == 1 and rows[0][0] is not None else None


def _official(connection: Connection) -> dict[str, Official]:
    """By figure id, what official figures alone say of it."""
    ids = {row["figure_id"] for row in seeds.rows(OFFICIAL)}
    rows = connection.execute(
        "select figure_id, operands, compared_value, verdict from marts.published_claim"
        " where operands is not null and compared_value is not null"
    ).fetchall()
    return {
        figure_id: Official(Decimal(value), verdict)
        for figure_id, operands, value, verdict in rows
        if set(operands.split()) <= ids
    }


def _lines(compared: list[Compared]) -> Iterator[str]:
    documents = list(dict.fromkeys(c.figure.source_document for c in compared))
    yield "# Figures of the source documents"
    yield ""
    yield "Written by `lagebild figure docs` from the seed `dbt_project/seeds/source_figure.csv` and the publication"
    yield "in force on the bundled deliveries; never by hand. A test writes it again and recomputes every claim."
    yield "Reproduced and merely retraced figures are counted apart: only the first say anything about the figure."
    yield ""
    yield "| what became of it | figures |"
    yield "|---|---:|"
    for relation, text in RELATIONS.items():
        yield f"| {text} | {sum(c.figure.relation == relation for c in compared)} |"
    yield f"| **all** | {len(compared)} |"
    yield ""
    carried = [c for c in compared if c.figure.relation == "carried"]
    held = sum(c.official is not None for c in carried)
    named = sum(c.official is None and c.settlement is not None and bool(c.settlement.statistics_code) for c in carried)
    yield f"Of the carried ones {held} are held against an official figure of the same thing and day. Of {named} others"
    yield "the table that would settle them is named, or its statistics (five digits) where no table is known to hold"
    yield f"it; of {len(carried) - held - named} no official statistics speak. Made-up rows settle nothing."
    yield ""
    yield from (f"[{number}] {document}  " for number, document in enumerate(documents, 1))
    for relation, text in RELATIONS.items():
        rows = [c for c in compared if c.figure.relation == relation]
        yield ""
        yield f"## {text.partition(':')[0].partition(',')[0]}"
        yield ""
        yield from _table(rows, documents, relation)


def _table(rows: list[Compared], documents: list[str], relation: str) -> Iterator[str]:
    has_mart = relation != "none"
    settled = " settled by | official |" if relation == "carried" else ""
    yield "| figure | place, date | printed | precision | source |" + (
        f" mart and column | mart | difference |{settled} remark |" if has_mart else " why |"
    )
    yield "|---|---|---:|---|---|" + (f"---|---:|---:|{'---|---|' if settled else ''}" if has_mart else "") + "---|"
    for c in rows:
        f = c.figure
        cells = [
            f"`{f.figure_id}`: {f.indicator}",
            f"{f.place}, {f.as_of}",
            f"{_number(f.value)} {f.unit}",
            f.precision,
            f"[{documents.index(f.source_document) + 1}]",
        ]
        if has_mart:
            cells += [f"`{f.mart}.{f.column}`", _number(c.computed), _number(c.difference)]
        if settled:
            official = f"{_number(c.official.value)}, {c.official.verdict}" if c.official else ""
            cells += [_settled(c.settlement), official]
        yield "| " + " | ".join([*cells, f.remark]) + " |"


def _settled(by: Settlement | None) -> str:
    """Such as `12521-0002, 2010-12-31 (note)`; the statistics where no table is named, else the note."""
    if by is None:
        return ""
    if not (code := by.table_code or by.statistics_code):
        return by.note
    return f"{code}, {by.period}" + (f" ({by.note})" if by.note else "")


def _number(value: Decimal | None) -> str:
    """With thousands commas and without trailing zeros; a dash if there is no number."""
    if value is None:
        return "–"
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
