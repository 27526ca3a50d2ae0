"""Where rows about persons lie: what rotation and erasure must reach.

Tables are found in the database's own catalogue, not listed: every table of `raw` that belongs to a
source with pseudonyms and has their column, also one that came after this module.
"""

from dataclasses import dataclass
from functools import cached_property

from psycopg import Connection, sql

from ingest import contracts
from ingest.contracts import Contract
from ingest.deliveries import delivery_ledger
from ingest.deliveries.delivery_ledger import Delivery
from lagebild.core.errors import UserError


@dataclass(frozen=True)
class PersonTable:
    """A table of `raw` with rows about persons, and how its rows are told apart by municipality."""

    name: str
    columns: tuple[str, ...]
    """Columns that hold pseudonyms."""
    has_delivery: bool
    """Whether each row names its delivery; else it names its municipality (AGS)."""
    has_history: bool = False
    """Whether a row may stand in the snapshots of other deliveries, too (`ingest/loading/snapshots/comparison.py`)."""

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier("raw", self.name)

    @property
    def snapshots(self) -> sql.Identifier:
        """Where each row stands once for every delivery whose snapshot it is in."""
        return sql.Identifier("raw", f"{self.name}_snapshot") if self.has_history else self.identifier

    @property
    def ends(self) -> sql.Identifier:
        """Which of its rows end in which snapshot."""
        return sql.Identifier("raw", f"{self.name}_end")

    @property
    def in_scope(self) -> sql.SQL:
        """A condition on the row, with the parameters of `Scope.values`."""
        return sql.SQL("t.delivery_id = any(%(deliveries)s)" if self.has_delivery else "t.municipality = %(ags)s")


@dataclass(frozen=True)
class Scope:
    """Everything that belongs to one key: the deliveries of a municipality and purpose, and their tables."""

    municipality: str
    purpose: str
    deliveries: tuple[Delivery, ...]
    tables: tuple[PersonTable, ...]
    sources: tuple[str, ...]
    reject_keys: tuple[str, ...]
    """Names under which the fields of a rejected row may hold a pseudonym."""

    @cached_property
    def values(self) -> dict:
        return {"deliveries": [d.delivery_id for d in self.deliveries], "ags": self.municipality}


def contracts_of(purpose: str) -> list[Contract]:
    """The contracts whose pseudonyms serve this purpose; UserError when there is none."""
    every = [contracts.load(source) for source in contracts.sources()]
    found = [contract for contract in every if contract.pseudonym_purpose == purpose]
    if not found:
        known = sorted({contract.pseudonym_purpose for contract in every if contract.pseudonym_purpose})
        raise UserError(f"no contract has the purpose {purpose!r}", remedy=f"one of: {', '.join(known)}")
    return found


def scope(connection: Connection, municipality: str, purpose: str) -> Scope:
    """What belongs to the key of a municipality and purpose.

    A delivery whose file name names no municipality belongs to it as well: it may be theirs.
    UserError when a table's rows cannot be assigned to a municipality: then nothing may be changed by guess.
    """
    deliveries, tables, keys = [], [], []
    for contract in contracts_of(purpose):
        pseudonyms = [field for field in contract.fields if field.privacy == "pseudonym"]
        keys += [name for field in pseudonyms for name in (field.title, field.name)]
        tables += _tables(connection, contract, [field.name for field in pseudonyms])
        deliveries += [
            delivery
            for delivery in delivery_ledger.of_source(connection, contract.source)
            if contract.municipality_of(delivery.file_name) in (municipality, None)
        ]
    sources = tuple(contract.source for contract in contracts_of(purpose))
    return Scope(municipality, purpose, tuple(deliveries), tuple(tables), sources, tuple(dict.fromkeys(keys)))


def _tables(connection: Connection, contract: Contract, columns: list[str]) -> list[PersonTable]:
    rows = connection.execute(
        "select c.relname, array_agg(a.attname::text) from pg_class as c"
        " inner join pg_attribute as a on c.oid = a.attrelid and a.attnum > 0 and not a.attisdropped"
        " where c.relnamespace = 'raw'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition"
        " and starts_with(c.relname, %s) group by c.relname order by c.relname",
        [f"{contract.source}__"],
    ).fetchall()
    tables = []
    for name, present in rows:
        held = tuple(column for column in columns if column in present)
        if held and not {"delivery_id", "municipality"} & set(present):
            raise UserError(
                f"raw.{name} holds pseudonyms, and its rows name neither delivery nor municipality",
                remedy="nothing was changed; give the table a column delivery_id or municipality",
            )
        if held:
            has_history = contract.history is not None and name == contract.table
            tables.append(PersonTable(name, held, "delivery_id" in present, has_history))
    return tables
