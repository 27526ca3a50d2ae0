"""Products and accounts of a municipality's ledger that are not mapped yet, as rows to fill in.

Reads schema `marts`, the seed `cost_mapping` and a city's own rows (`lagebild/warehouse/overlay.py`) from disk: rows
written since the last build count as mapped.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from psycopg.rows import namedtuple_row

from lagebild.core import database, seeds
from lagebild.core.errors import UserError
from lagebild.core.settings import Settings
from lagebild.warehouse import overlay

SEED = "cost_mapping"
_UNMAPPED = """
    select method, fiscal_year, product_code, account_code, max(product_name) as product_name,
        max(account_name) as account_name, sum(amount_eur) as amount_eur
    from marts.cost_component
    where municipality_ags = %s and exclusion_reason = 'unmapped'
    group by method, fiscal_year, product_code, account_code
    order by method, product_code, account_code, fiscal_year
"""


@dataclass(frozen=True)
class Missing:
    """A missing row: product and account of a municipality for some years, and the EUR booked there."""

    method: str
    municipality_ags: str
    valid_from_year: int
    valid_to_year: int | None
    """Empty if no later row follows."""
    product_code: str
    account_code: str
    product_name: str
    account_name: str
    amount_eur: Decimal | None
    """Sum over those years; None if one of them is confidential."""

    def row(self, header: Iterable[str]) -> dict[str, str]:
        """The row in the seed's form; columns to decide on are empty."""
        names = " / ".join(filter(None, (self.product_name, self.account_name)))
        amount = "confidential" if self.amount_eur is None else f"{self.amount_eur:.2f} EUR"
        known = {
            "method": self.method,
            "municipality_ags": self.municipality_ags,
            "valid_from_year": str(self.valid_from_year),
            "valid_to_year": "" if self.valid_to_year is None else str(self.valid_to_year),
            "product_code": self.product_code,
            "account_code": self.account_code,
            "cost_basis": "not_stated",
            "remark": f"{names}: {amount}" if names else amount,
        }
        return {name: known.get(name, "") for name in header}


def header() -> list[str]:
    """The columns of the seed, in their order."""
    return list(seeds.rows(SEED)[0])


def missing(settings: Settings, municipality_ags: str) -> list[Missing]:
    """Missing rows for a municipality's ledgers in the current publication, largest amounts first.

    UserError if the publication has no ledger of the municipality.
    """
    with database.connect(settings, database.BI_READER) as connection:
        if not connection.execute(
            "select 1 from marts.cost_component where municipality_ags = %s limit 1", [municipality_ags]
        ).fetchone():
            raise UserError(
                f"no ledger of {municipality_ags} is in the publication in force",
                remedy="load it (lagebild delivery load FILE), then lagebild publication build",
            )
        with connection.cursor(row_factory=namedtuple_row) as cursor:
            unmapped = cursor.execute(_UNMAPPED, [municipality_ags]).fetchall()
    begins: dict[tuple, list[tuple[int, int]]] = defaultdict(list)
    for row in [*seeds.rows(SEED), *(one.fields for one in overlay.rows(settings.config) if one.seed == SEED)]:
        if row["municipality_ags"] == municipality_ags:
            first, last = int(row["valid_from_year"]), int(row.get("valid_to_year") or 9999)
            begins[row["method"], row["product_code"], row["account_code"]].append((first, last))
    years: dict[tuple, list] = defaultdict(list)
    for row in unmapped:
        key = row.method, row.product_code, row.account_code
        if not any(first <= row.fiscal_year <= last for first, last in begins[key]):
            years[key].append(row)
    found = [one for key, rows in years.items() for one in _spans(municipality_ags, rows, begins[key])]
    return sorted(found, key=lambda one: (-abs(one.amount_eur or 0), one.method, one.product_code, one.account_code))


def as_csv(found: Iterable[Missing]) -> str:
    """The rows as CSV with the seed's header."""
    names = header()
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(one.row(names) for one in found)
    return text.getvalue()


def _spans(municipality_ags: str, rows: list, known: list[tuple[int, int]]) -> Iterable[Missing]:
    """A row for each span of years between existing rows; the last one is open-ended."""
    spans: dict[int | None, list] = defaultdict(list)
    for row in rows:
        later = [first for first, _ in known if first > row.fiscal_year]
        spans[min(later) - 1 if later else None].append(row)
    for valid_to, of_span in spans.items():
        newest = of_span[-1]
        amounts = [row.amount_eur for row in of_span]
        yield Missing(
            method=newest.method,
            municipality_ags=municipality_ags,
            valid_from_year=of_span[0].fiscal_year,
            valid_to_year=valid_to,
            product_code=newest.product_code,
            account_code=newest.account_code,
            product_name=newest.product_name or "",
            account_name=newest.account_name or "",
            amount_eur=None if None in amounts else sum(amounts, Decimal(0)),
        )
