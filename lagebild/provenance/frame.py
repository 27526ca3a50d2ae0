"""A mart as a pandas data frame, with what must be known of its figures: `lagebild.read`, `lagebild.explain`."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from psycopg import Connection
from psycopg.rows import dict_row

from extracts.codes import text as code_text
from extracts.model import Language
from extracts.package import load as package
from extracts.texts import LANGUAGES, Texts
from lagebild.core import database
from lagebild.core import settings as settings_module
from lagebild.core.errors import UserError
from lagebild.provenance import explain as explaining
from lagebild.warehouse import marts
from lagebild.warehouse.descriptions import unit_of
from lagebild.warehouse.marts import Mart

if TYPE_CHECKING:
    import pandas

_DTYPES = {"integer": "Int64", "bigint": "Int64", "boolean": "boolean", "text": "string", "date": "datetime64[s]"}
_DIGITS = 38


def read(
    mart: str,
    place: str | None = None,
    year: int | None = None,
    publication: int | None = None,
    *,
    exact: bool = False,
) -> "pandas.DataFrame":
    """The rows of a mart, by default of the publication in force, as BI readers see them.

    `place` is a name or key, `year` a reference year. Types are pandas' nullable ones: Int64, Float64, boolean, string;
    with `exact` numbers with decimals are Arrow's decimals, which keep every digit of money. A figure that is not
    shown is NA, never zero; reason and sign columns say why.

    `attrs` has `mart`, `publication` (number, moment, version of the code), `key`, and by column `units`, `labels`
    (de, en) and `descriptions`; `evidence`: what the classes that occur mean; `caption` (de, en): what must stand
    beside figures of costs.

    Raise UserError for an unknown mart, place, year or publication, and where no warehouse answers.
    """
    found = _mart(mart)
    with database.connect(settings_module.load(), database.BI_READER) as connection:
        connection.execute("set transaction isolation level repeatable read read only")
        return _frame(connection, found, place, year, publication, exact)


def explain(row: "pandas.Series", language: str = "en") -> str:
    """Where the figures of one row of a frame come from, down to the lines of the deliveries.

    `row` is a row of what `read` returned, `frame.iloc[0]`. Raise UserError if it is none.
    """
    told = row.attrs
    if not {"mart", "publication", "key"} <= set(told):
        raise UserError("this is no row of a frame of lagebild.read", remedy="give one, such as frame.iloc[0]")
    found = _mart(told["mart"])
    wanted = "|".join(_text(row[name]) for name in found.key)
    number = told["publication"]["publication_id"]
    chain = explaining.explain(settings_module.load(), found.name, publication_id=number)
    chosen = [n for n, one in enumerate(chain.rows) if explaining.row_key(found, one) == wanted]
    if not chosen:
        raise UserError(f"{found.name} of publication {number} has no row {wanted}", remedy="read it again")
    parts = {name: [getattr(chain, name)[n] for n in chosen] for name in ("rows", "trees", "inputs")}
    return explaining.as_text(replace(chain, **parts), language)


def compare(left: "pandas.Series", right: "pandas.Series", language: Language = "en") -> "pandas.Series":
    """The difference of two costs per person, `left` less `right`, where the warehouse lets them be compared.

    Both are rows of `read("cost_per_person")` of one publication. The result has `difference_eur` and the ends of what
    it may be (`low_eur`, `high_eur`; NA where an end is open), EUR per person and year, and in `attrs` the dimensions
    that are the same. Raise UserError with every reason against the comparison: what differs, and what is not known.
    """
    import pandas as pd

    numbers = {row.attrs.get("publication", {}).get("publication_id") for row in (left, right)}
    if {row.attrs.get("mart") for row in (left, right)} != {"cost_per_person"} or len(numbers) != 1:
        raise UserError(
            "two rows of cost_per_person of one publication are compared",
            remedy='read both by lagebild.read("cost_per_person"), with the same publication',
        )
    for row in (left, right):
        if pd.isna(row["cost_per_person_eur"]):
            said = code_text("reason", str(row["reason"]), language) or str(row["reason"])
            raise UserError(f"{_named(row)} has no cost per person: {said}", remedy="there is nothing to compare")
    told = _dimensions(left, right, int(numbers.pop()))
    against = [
        f"{str(one['dimension']).replace('_', ' ')}: {code_text('reason', str(one['reason']), language)}"
        for one in told
        if not one["is_same"]
    ]
    if against or not told:
        why = "; ".join(against) or "nothing is known of this pair"
        raise UserError(
            f"{_named(left)} and {_named(right)} are not to be compared: {why}",
            remedy="state both, each with its caption, and no difference",
        )
    names = ("cost_per_person_eur", "cost_per_person_low_eur", "cost_per_person_high_eur")
    (one, low, high), (other, other_low, other_high) = ([row[name] for name in names] for row in (left, right))
    values = {"difference_eur": one - other, "low_eur": low - other_high, "high_eur": high - other_low}
    found = pd.Series(values, dtype="Float64")
    found.attrs = {"same": [str(row["dimension"]) for row in told], "caption": left.attrs["caption"]}
    return found


def _dimensions(left: "pandas.Series", right: "pandas.Series", publication: int) -> list[dict[str, Any]]:
    """The rows of `cost_comparability` on this pair, in either order."""
    key = ("municipality_ags", "reference_year", "method")
    pair = [[str(row[name]) for name in key] for row in (left, right)]
    query = (
        "select * from marts_history.cost_comparability where publication_id = %s"
        " and array[left_municipality_ags, left_year::text, left_method,"
        " right_municipality_ags, right_year::text, right_method] in (%s, %s) order by dimension"
    )
    with database.connect(settings_module.load(), database.BI_READER) as connection:
        connection.row_factory = dict_row
        return connection.execute(query, [publication, [*pair[0], *pair[1]], [*pair[1], *pair[0]]]).fetchall()


def _named(row: "pandas.Series") -> str:
    return f"{row['municipality_name']} {row['reference_year']} ({row['method']})"


def _mart(name: str) -> Mart:
    found = marts.definition(name)
    if database.BI_READER not in marts.AUDIENCES[found.schema]:
        raise UserError(f"{name} is not released", remedy="it is read by the statistics office in its own schema")
    return found


def _frame(
    connection: Connection, mart: Mart, place: str | None, year: int | None, number: int | None, exact: bool
) -> "pandas.DataFrame":
    import pandas as pd  # late: it takes a second

    publication = explaining.publication(connection, number)
    rows = explaining.rows(connection, mart, publication.publication_id, place, year, None)
    names = [name for name in mart.columns if name in rows[0]]
    frame = pd.DataFrame({name: _column([row[name] for row in rows], mart.columns[name][0], exact) for name in names})
    frame.attrs = {
        "mart": mart.name,
        "title": _title(mart.name),
        "description": mart.description,
        "publication": {
            "publication_id": publication.publication_id,
            "published_at": publication.published_at.isoformat(),
            "code_version": publication.code_version,
        },
        "key": list(mart.key),
        "units": {name: unit for name in names if mart.columns[name][0] != "text" and (unit := unit_of(name))},
        "labels": {name: {language: Texts(language).label(name) for language in LANGUAGES} for name in names},
        "descriptions": {name: mart.columns[name][1] for name in names},
        "evidence": _evidence(rows),
        "caption": _caption(rows),
    }
    return frame


def _column(values: list[Any], kind: str, exact: bool) -> "pandas.Series":
    import pandas as pd

    if kind.startswith("numeric"):
        if exact:
            import pyarrow as pa

            scale = max((-int(value.as_tuple().exponent) for value in values if value is not None), default=0)
            return pd.Series(values, dtype=pd.ArrowDtype(pa.decimal128(_DIGITS, max(scale, 0))))
        return pd.Series([None if value is None else float(value) for value in values], dtype="Float64")
    return pd.Series(values, dtype=_DTYPES.get(kind, "object"))


def _title(mart: str) -> Mapping[str, str]:
    return next((entry.title for entry in package().every if entry.name == mart), {"de": mart, "en": mart})


def _evidence(rows: list[dict[str, Any]]) -> dict[str, dict[str, str]]:
    """What each class of evidence in the rows means."""
    classes = {value for row in rows for name, value in row.items() if name.endswith("evidence") and value}
    return {name: words for name, words in package().evidence.items() if name in classes}


def _caption(rows: list[dict[str, Any]]) -> dict[str, str]:
    """What must stand beside the figures, in both languages; empty where nothing must."""
    told = {}
    for language in LANGUAGES:
        texts = dict.fromkeys(row.get(f"caption_{language}") for row in rows)
        if found := "\n".join(filter(None, texts)):
            told[language] = found
    return told


def _text(value: Any) -> str:
    """A value of a key as mart `provenance` writes it."""
    import pandas as pd

    if value is pd.NaT or value is pd.NA:
        return "None"
    if isinstance(value, pd.Timestamp):
        return value.date().isoformat()
    return str(int(value)) if isinstance(value, (int, float, Decimal)) and value == int(value) else str(value)
