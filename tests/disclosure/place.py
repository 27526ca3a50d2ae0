"""Puts the cases' states into a warehouse, builds and publishes: real tables, real models, real publication.

Rows go into `raw` in bulk, with the ledger's row of each delivery: one delivery a place and day for registers, one a
place and year for ledgers, one a list of the European Social Fund, and one for all places where a contract knows of no
single place (employees, the federal catalogue). The loader is left out, because ten thousand cases need a hundred
thousand deliveries. Expectations are left out, too: what the marts show has to be safe without a gate that stops it.
"""

import csv
import hashlib
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any

from psycopg import Connection, sql

from ingest import contracts
from ingest.deliveries import deletion
from lagebild.core import database
from lagebild.core.settings import Settings
from lagebild.warehouse import build
from tests import publications
from tests.disclosure.generate import CATALOGUE, Case, State
from tests.support import run_layers

PRODUCTS = ("050101", "050102", "050103", "050201", "050202", "050203", "050301")
ACCOUNT = "533100"
COUNTRY_PERSONS, COUNTRY_EMPLOYEES = 1_000_003, 464_184
Delivered = tuple[str, list[dict[str, Any]]]
"""A period, and its rows by column."""


def configure(settings: Settings, cases: Iterable[Case]) -> None:
    """Give each place with a ledger a mapping of its own, as a city does."""
    settings.config.mkdir(parents=True, exist_ok=True)
    with (settings.config / "cost_mapping.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        names = ("method", "municipality_ags", "valid_from_year", "product_code", "account_code", "cost_area")
        writer.writerow((*names, "treatment", "cost_basis", "bearer", "attribution_rule"))
        for case in cases:
            if case.has_ledger:
                for product in PRODUCTS:
                    rule = "population_share" if product == "050301" else ""
                    writer.writerow(("dortmund_2019", case.ags, 2007, product, ACCOUNT, "Soziales", "attributed",
                                     "not_stated", "municipality", rule))  # fmt: skip


def publish(
    settings: Settings, cases: Sequence[Case], number: int, tell: Callable[[str], None] = lambda _: None
) -> int:
    """Deliver the states of the publication `number` (from 0), build and publish; the publication's id."""
    deliver(settings, cases, number)
    tell("dbt")
    build_id = build.begin(settings)
    assert build_id is not None
    run_layers(settings, build_id, *build.LAYERS)
    publications.pass_checks(settings, build_id)
    tell("publishing")
    return build.publish_build(settings, build_id)


def deliver(settings: Settings, cases: Sequence[Case], number: int) -> None:
    """Load and accept what is new in the states of the publication `number`."""
    with database.connect(settings) as connection:
        for source, deliveries in _changed(cases, number):
            _deliver(connection, source, deliveries)
        _erase(connection, cases, number)
        connection.execute("analyze")


def _changed(cases: Sequence[Case], number: int) -> Iterable[tuple[str, list[Delivered]]]:
    """What is new or corrected since the publication before, by source."""

    def is_new(case: Case, part: Callable[[State], Any]) -> bool:
        return number == 0 or part(case.states[number]) != part(case.states[number - 1])

    yield (
        "register",
        [
            (f"{case.ags}_{day}", _register(case, number, day))
            for case in cases
            for day in case.states[number].persons
            if (
                number == 1
                if case.is_register_late and number < 2
                else not case.states[number].erased and is_new(case, lambda state, d=day: state.persons[d])
            )
        ],
    )
    for year in (2018, 2019):
        counts = [(case, case.states[number].employees.get(date(year, 12, 31))) for case in cases]
        if any(is_new(case, lambda state: state.employees) for case in cases):
            rows = [_employees(case.ags, year, n) for case, n in counts if n is not None]
            yield "employment", [(str(year), [*rows, _employees("00", year, COUNTRY_EMPLOYEES)])]
    if number == 0:
        # As large as the country: every rate that is multiplied by it stands there with six digits more.
        country = {"reference_date": date(2019, 12, 31), "region_code": "00", "eu2_persons": COUNTRY_PERSONS}
        yield "eu2_series", [("2007-2019", [country | {"printed_in": "made up", "source_name": "made up"}])]
    yield (
        "ledger",
        [
            (f"{case.ags}_{day.year}", _ledger(case, case.states[number], day.year))
            for case in cases
            for day in case.states[0].persons
            if case.has_ledger and is_new(case, lambda state: state.postings)
        ],
    )
    yield (
        "reference_quantity",
        [(f"{case.ags}_2019", _share(case)) for case in cases if number == 0 and case.states[0].share],
    )
    for source in sorted({case.source for case in cases} - {CATALOGUE}):
        yield (
            source,
            [
                (case.period, _list(case, case.states[number]))
                for case in cases
                if case.source == source and is_new(case, lambda state: state.grants)
            ],
        )
    catalogued = [case for case in cases if case.source == CATALOGUE]
    if any(is_new(case, lambda state: state.grants) for case in catalogued):
        rows = [row for case in catalogued for row in _catalogue(case, case.states[number])]
        yield CATALOGUE, [(str(2024 + number), rows)]


def _register(case: Case, number: int, day: date) -> list[dict[str, Any]]:
    return [
        {
            "reference_date": day,
            "region_code": case.ags,
            "person_pseudonym": _pseudonym(case, person),
            "birth_year": 1980,
            "sex": "female",
            "nationality_code": code,
            "moved_in_on": date(2010, 1, 1),
            "residence_type": "main",
        }
        for person, code in sorted(case.states[number].persons[day])
    ]


def _pseudonym(case: Case, person: int) -> str:
    return hashlib.sha256(f"synthetic {case.ags} {person}".encode()).hexdigest()


def _employees(region_code: str, year: int, count: int) -> dict[str, Any]:
    return {
        "reference_date": date(year, 12, 31),
        "region_code": region_code,
        "region_name": f"Place {region_code}",
        "nationality_group": "EU2",
        "place_basis": "residence",
        "employees_persons": count,
        "source_name": "made up",
    }


def _ledger(case: Case, state: State, year: int) -> list[dict[str, Any]]:
    return [
        {
            "region_code": case.ags,
            "fiscal_year": year,
            "document_number": f"SYN{n}",
            "posted_on": date(year, 6, 30),
            "product_code": posting.product,
            "product_name": "synthetic",
            "account_code": ACCOUNT,
            "account_name": "synthetic",
            "target_group": posting.target_group,
            "amount_eur": euros(posting.cents * (year - 2009) // 10),  # a tenth less the year before
        }
        for n, posting in enumerate(state.postings)
    ]


def _share(case: Case) -> list[dict[str, Any]]:
    return [
        {
            "reference_date": date(2019, 12, 31),
            "region_code": case.ags,
            "quantity": "population",
            "target_group": group,
            "counted": count,
            "source_name": "made up",
        }
        for group, count in zip(("EU2", "all"), case.states[0].share or (), strict=True)
    ]


def _list(case: Case, state: State) -> list[dict[str, Any]]:
    return [
        {
            "operation": f"SYN{grant.number}",
            "starts_on": date(grant.year, 3, 1),
            "ends_on": date(grant.year + 2, 3, 1),
            "total_cost_eur": euros(grant.total or 0),
            "cofinancing_rate_pct": 50,
        }
        for grant in sorted(state.grants, key=lambda grant: grant.number)
    ]


def _catalogue(case: Case, state: State) -> list[dict[str, Any]]:
    return [
        {
            "funding_code": f"SYN{case.number}-{grant.number}",
            "ministry": case.funder,
            "recipient_ags": f"{case.region_code}111111",
            "topic": "synthetic",
            "starts_on": date(grant.year, 3, 1),
            "ends_on": date(grant.year + 2, 3, 1),
            "federal_amount_eur": euros(grant.granted),
        }
        for grant in sorted(state.grants, key=lambda grant: grant.number)
    ]


def euros(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"


def _deliver(connection: Connection, source: str, deliveries: list[Delivered]) -> None:
    """Load and accept, each as the successor of what is accepted for its period."""
    if not deliveries:
        return
    contract = contracts.load(source)
    periods = [period for period, _ in deliveries]
    connection.execute(
        "update raw.delivery set state = 'superseded' where source = %s and period = any(%s) and state = 'accepted'",
        [source, periods],
    )
    ids = dict(
        connection.execute(
            "insert into raw.delivery (source, period, sha256, attempt, file_name, byte_size, landing_path,"
            " contract_version, code_version, state, records, loaded, rejected)"
            " select %(source)s, d.period, encode(sha256(convert_to(%(source)s || d.period || gen_random_uuid(),"
            " 'UTF8')), 'hex'), 1, %(source)s || '_' || d.period || '.csv', 1, 'nowhere', '1', '1', 'accepted',"
            " d.loaded, d.loaded, 0 from unnest(%(periods)s::text[], %(loaded)s::bigint[]) as d (period, loaded)"
            " returning period, delivery_id",
            {"source": source, "periods": periods, "loaded": [len(rows) for _, rows in deliveries]},
        ).fetchall()
    )
    if contract.history is not None:
        connection.cursor().executemany(
            "insert into raw.snapshot (delivery_id, source, series, taken_on) values (%s, %s, %s, %s)",
            [(ids[period], source, *period.rsplit("_", 1)) for period in periods],
        )
    names = [name for name, _ in contract.columns]
    copy = sql.SQL("copy {} (delivery_id, line_number, {}) from stdin").format(
        sql.Identifier("raw", contract.table), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    with connection.cursor() as cursor, cursor.copy(copy) as stream:
        for period, rows in deliveries:
            for line, row in enumerate(rows, 2):
                values = {"evidence": "synthetic", **row}
                stream.write_row((ids[period], line, *(values.get(name) for name in names)))


def _erase(connection: Connection, cases: Sequence[Case], number: int) -> None:
    """Take erased persons out of what was delivered of them, as `lagebild erase-person` does."""
    erased = [_pseudonym(case, person) for case in cases for person in case.states[number].erased]
    connection.execute(
        "with gone as (delete from raw.register__person where person_pseudonym = any(%s) returning delivery_id)"
        " update raw.delivery as d set erased_loaded = erased_loaded + 1, erased_at = now(), erased_why = %s"
        " from gone where d.delivery_id = gone.delivery_id",
        [erased, deletion.PERSON_WAS_ERASED],
    )
