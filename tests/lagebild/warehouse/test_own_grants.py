"""A city's own list of grants stands beside the house's, and is never added to what the state lists."""

from decimal import Decimal

import pytest

from ingest.deliveries.delivery_ledger import Delivery
from lagebild.core.settings import Settings
from lagebild.review import pending
from tests.ingest.reading.sheets import xlsx
from tests.support import build_models, deliver, query

NAME = "funding_programmes_05913000_2024.xlsx"
TITLES = [
    "Kennung", "Programm", "Ebene", "Gebietsschlüssel", "Zeitraum wie gedruckt", "Betrag wie gedruckt", "Betrag EUR",
    "Genauigkeit", "Betrag je", "Teil von", "Quelle", "Bemerkung", "Herkunft",
]  # fmt: skip


def grant(figure: str, level: str, amount: int, part_of: str | None = None, place: str = "05913000") -> list:
    """A row of a list, made up."""
    return [
        *(figure, f"Programm {figure}", level, place, "2024", f"{amount} Euro", amount, "genau", "Jahr", part_of),
        *("erfunden", None, "synthetisch"),
    ]


OWN = [
    grant("m05913000_kim", "Land", 1_200_000, "integration_budget_nrw"),
    grant("m05913000_bund", "Bund", 300_000),
    grant("m05913000_sprache", "Kommune", 250_000),
    grant("m05913000_sprache_kinder", "Kommune", 50_000, "m05913000_sprache"),
]


def listed(settings: Settings, *rows: list, name: str = NAME) -> Delivery:
    """A list of grants, loaded and decided by its gate."""
    number = deliver(settings, "funding", xlsx([TITLES, *rows], sheet="Programme"), name).delivery_id
    return next(d for d in pending.check_pending(settings, "funding") if d.delivery_id == number)


def test_a_citys_list_stands_beside_the_houses_and_adds_only_what_the_city_pays(warehouse):
    deliver(warehouse, "funding")
    assert listed(warehouse, *OWN).state == "accepted"
    in_force = "select period from raw.delivery where source = 'funding' and state = 'accepted' order by 1"
    assert query(warehouse, in_force) == [("05913000_2024",), ("2024",)]
    build_models(warehouse, "programme_funding")
    rows = query(
        warehouse,
        "select figure_id, amount_eur, region_name, is_addable, evidence from build.programme_funding"
        " where region_code = '05913000' order by 1",
    )
    assert rows == [
        ("m05913000_bund", Decimal(300_000), "Dortmund", False, "synthetic"),
        ("m05913000_kim", Decimal(1_200_000), "Dortmund", False, "synthetic"),
        ("m05913000_sprache", Decimal(250_000), "Dortmund", True, "synthetic"),
        ("m05913000_sprache_kinder", Decimal(50_000), "Dortmund", False, "synthetic"),
    ]
    others = "select distinct region_code, region_name from build.programme_funding where region_code <> '05913000'"
    assert set(query(warehouse, others)) <= {("00", "Deutschland"), ("05", "Nordrhein-Westfalen")}


@pytest.mark.parametrize(
    ("row", "name", "failed"),
    [
        (grant("m05913000_x", "Land", 5, place="05911000"), NAME, "municipality_is_the_period"),
        (grant("m05913000_x", "Land", 5, place="05"), NAME, "municipality_is_the_period"),
        (grant("m05911000_x", "Land", 5), NAME, "figures_are_named_for_their_list"),
        (grant("kim_funding_start", "Land", 5), NAME, "figures_are_named_for_their_list"),
        (grant("m05913000_x", "Land", 5, "m05913000_gone"), NAME, "part_of_a_listed_figure"),
        (grant("x", "Land", 5), "funding_programmes_2024.xlsx", "municipality_is_the_period"),
        (grant("m05913000_x", "Land", 5, place="05"), "funding_programmes_2024.xlsx", "figures_are_named_for_"),
        (grant("x", "Land", 5, "gone", "05"), "funding_programmes_2024.xlsx", "part_of_a_listed_figure"),
    ],
)
def test_a_figure_that_could_be_taken_for_another_lists_holds_the_delivery(warehouse, row, name, failed):
    held = listed(warehouse, row, name=name)
    assert held.state == "held"
    assert held.reason.startswith(failed)
