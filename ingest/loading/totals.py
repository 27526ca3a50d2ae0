"""Totals that a list prints below its rows: kept as they were read, and told where its rows sum to them.

`expectations/totals.py` compares them, and holds what does not agree.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from psycopg import Connection

from ingest.contracts import Field, messages


@dataclass(frozen=True)
class Total:
    """A total to which the rows of its delivery sum."""

    line: int
    title: str
    printed: Decimal

    def text(self, language: str) -> str:
        """The same in a line, in `de` or `en`."""
        figure = messages.figure(self.printed, language)
        if language == "de":
            return f"{self.title}: die Zeilen ergeben die Summe der Zeile {self.line}, {figure}"
        return f"{self.title}: the rows sum to the total of line {self.line}, {figure}"


def keep(connection: Connection, delivery_id: int, found: Iterable[tuple[int, Field, str]]) -> None:
    """Write down totals, as line, field and text, for the gate; what is no figure with the reason."""
    from ingest.reading import values  # with numpy, which those who only read what was said do not wait for

    for line, field, text in found:
        try:
            # No row: what is asked of an amount, or that one may be missing, says nothing of a sum; a unit may follow.
            asked = replace(field, required=True, pattern=None, minimum=None, maximum=None, bare_number=False)
            printed, problem = values.parse(asked, text, frozenset({""})), None
        except values.BadValue as bad:
            printed, problem = None, str(bad.message)
        connection.execute(
            "insert into raw.delivery_total (delivery_id, line_number, field, title, printed, problem)"
            " values (%s, %s, %s, %s, %s, %s)",
            [delivery_id, line, field.name, field.title, printed, problem],
        )


def agreeing(connection: Connection, delivery_id: int) -> list[Total]:
    """The totals of a delivery that its last check compared and found to be the sums of its rows."""
    rows = connection.execute(
        "select line_number, title, printed from raw.delivery_total where delivery_id = %(id)s and printed is not null"
        " and (select passed from quality.verdict where delivery_id = %(id)s and expectation = 'printed_total'"
        " order by verdict_id desc limit 1) order by line_number, field",
        {"id": delivery_id},
    )
    return [Total(*row) for row in rows]
