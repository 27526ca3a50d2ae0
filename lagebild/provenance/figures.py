"""Compare the figures of the source documents with the marts, and write the page about them.

The seed `source_figure` has the figures: what was printed, how precisely, and which row of which mart has it. Reads
only schema `marts`, as any BI tool could.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from psycopg import Connection, sql

from lagebild.core import database, seeds
from lagebild.core.errors import UserError
from lagebild.core.settings import Settings

SEED = "source_figure"
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
class Compared:
    """A figure and its value in the mart: None if no mart or no row has it."""

    figure: Figure
    computed: Decimal | None

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
        return [Compared(figure, _computed(connection, figure)) for figure in figures()]


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
    yield from (f"[{number}] {document}  " for number, document in enumerate(documents, 1))
    for relation, text in RELATIONS.items():
        rows = [c for c in compared if c.figure.relation == relation]
        yield ""
        yield f"## {text.partition(':')[0].partition(',')[0]}"
        yield ""
        yield from _table(rows, documents, relation != "none")


def _table(rows: list[Compared], documents: list[str], has_mart: bool) -> Iterator[str]:
    yield "| figure | place, date | printed | precision | source |" + (
        " mart and column | mart | difference | remark |" if has_mart else " why |"
    )
    yield "|---|---|---:|---|---|" + ("---|---:|---:|---|" if has_mart else "---|")
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
        yield "| " + " | ".join([*cells, f.remark]) + " |"


def _number(value: Decimal | None) -> str:
    """With thousands commas and without trailing zeros; a dash if there is no number."""
    if value is None:
        return "–"
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
