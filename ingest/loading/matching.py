"""Two lists in one file, matched in memory: children of a population register, and children on the lists of schools.

What leaves is how many: by age, group of nationalities and whether a list has them. No record, pseudonym or mark of a
single child reaches PostgreSQL. Why so: `docs/decisions/school-coverage.md`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import count
from typing import Any

from psycopg import Connection, sql

from ingest.contracts import Contract, Layout, period_day
from ingest.contracts.model import MATCHED_FIELDS
from ingest.deliveries.pseudonyms import KeyChain
from ingest.reading import values
from ingest.reading.block import Block

REGISTER, SCHOOL = "register", "school"
GERMAN = "000"


@dataclass(frozen=True)
class _Child:
    """What is held of a child of the register while a file is read: its class, and its records so far."""

    cell: tuple[Any, ...]
    is_resident: bool
    records: int


class Matching:
    """The lists of one file. Memory: about 400 bytes a child."""

    def __init__(self, contract: Contract, layout: Layout, key: KeyChain, period: str):
        day = period_day(period)
        if contract.counted is None or day is None:
            raise AssertionError("the contract says what is counted, and its files' names the day")
        self._counted, self._key, self._missing = contract.counted, key, contract.missing_values
        self._day = date.fromisoformat(day)
        self._columns = {field.name: (n, field) for n, field in enumerate(layout.fields)}
        self._constants = {field.name: value for field, value in layout.constants}
        self._known: dict[tuple[str, str], Any] = {}
        self._register: dict[str, _Child] = {}
        self._listed: dict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)

    def add(self, block: Block, lines: Iterable[int]) -> None:
        """Take the records of these lines, which keep the contract's rules."""
        place = {line: n for n, line in enumerate(block.lines.tolist())}
        for row in (place[line] for line in lines):
            of = {name: self._value(name, block, row) for name in MATCHED_FIELDS}
            child = self._key.pseudonym(of["person_pseudonym"])
            head = (of["region_code"], self._day, of["reference_date"])
            if of["list_name"] == SCHOOL:
                self._listed[*head, SCHOOL, None, None, "listed", of["evidence"]][child] += 1
            else:
                self._of_register(child, head, of)

    def _value(self, name: str, block: Block, row: int) -> Any:
        if name not in self._columns:
            return self._constants[name]
        n, field = self._columns[name]
        text = block.text(n, row)
        if name == "person_pseudonym":
            return text.strip()
        if (name, text) not in self._known:
            # not `cells`, which would leave the year of a birth date alone
            self._known[name, text] = values.parse(field, text, self._missing)
        return self._known[name, text]

    def _of_register(self, child: str, head: tuple[Any, ...], of: dict[str, Any]) -> None:
        """Count a record for its child; the first one by which the child lives there says its class."""
        is_resident = (
            of["residence_type"] == "main"
            and of["moved_in_on"] is not None
            and of["moved_in_on"] <= self._day
            and (of["moved_out_on"] is None or of["moved_out_on"] > self._day)
        )
        known = self._register.get(child)
        if known is None or (is_resident and not known.is_resident):
            cell = (*head, REGISTER, *self._class(of, is_resident), of["evidence"])
        else:
            cell, is_resident = known.cell, known.is_resident
        self._register[child] = _Child(cell, is_resident, 1 + (known.records if known else 0))

    def _class(self, of: dict[str, Any], is_resident: bool) -> tuple[int | None, str | None, str | None]:
        """Age, group and status: no age and group of who is not counted, no status of who is still to be matched."""
        if not is_resident:
            return None, None, "not_resident"
        age = None if of["birth_year"] is None else age_on(self._day, of["birth_year"])
        if age is None or not self._counted.youngest <= age <= self._counted.oldest:
            return None, None, "other_age"
        return age, self._group(of["nationality_code"]), None

    def _group(self, code: str | None) -> str:
        if code == GERMAN:
            return "DE"
        return next((name for name, codes in self._counted.groups.items() if code in codes), "OTHER")

    def counts(self) -> Iterator[tuple[Any, ...]]:
        """Rows of raw after the ledger's two columns, in a fixed order: each record is in one of them."""
        on_list = {child for children in self._listed.values() for child in children}
        records, children = Counter(), Counter()
        for cell, listed in self._listed.items():
            records[cell], children[cell] = listed.total(), len(listed)
        for pseudonym, child in self._register.items():
            *head, status, evidence = child.cell
            status = status or ("matched" if pseudonym in on_list else "not_matched")
            cell = (*head, status, evidence)
            records[cell] += child.records
            children[cell] += 1
        for cell in sorted(records, key=lambda cell: [str(part or "") for part in cell]):
            *head, evidence = cell
            yield *head, records[cell], children[cell], evidence


def age_on(day: date, born: date) -> int:
    """Completed years on a day."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def write(connection: Connection, contract: Contract, delivery_id: int, matching: Matching) -> int:
    """Write the counts of a delivery; the number of records in them, as PostgreSQL holds them."""
    table = sql.Identifier("raw", contract.table)
    names = ["delivery_id", "line_number", *(name for name, _ in contract.columns)]
    with connection.cursor() as cursor:
        columns = sql.SQL(", ").join(map(sql.Identifier, names))
        with cursor.copy(sql.SQL("copy {} ({}) from stdin").format(table, columns)) as copy:
            for number, row in zip(count(1), matching.counts(), strict=False):
                copy.write_row((delivery_id, number, *row))
    statement = sql.SQL("select records from {} where delivery_id = %s").format(table)
    return sum(records for (records,) in connection.execute(statement, [delivery_id]))
