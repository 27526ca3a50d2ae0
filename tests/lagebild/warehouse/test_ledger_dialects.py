"""Three dialects of a ledger in one build: what counts, what is left aside and why, on the real dbt project."""

from decimal import Decimal

import pytest

from ingest.deliveries import delivery_ledger
from lagebild.warehouse import build
from tests.support import accept, build_models, query

PLAN_HEADER = (
    "AGS;Haushaltsjahr;Produkt;Produktbezeichnung;Konto;Kontobezeichnung;Ergebnis Vorvorjahr ({0});"
    "Ergebnis Vorjahr ({0});Ansatz Vorjahr ({0});Ansatz Haushaltsjahr ({0});Herkunft"
)
TOTALS_HEADER = (
    "Summe;AGS;Haushaltsjahr;Leistungsjahr;Produkt;Produktbezeichnung;Sachkonto;Kontobezeichnung;Aufwand EUR;"
    "Ertrag EUR;Herkunft"
)
CHOICE = "select source_file_name, fiscal_year, amount_eur, is_counted, reason from marts.ledger_choice order by 1, 2"
COMPONENT = (
    "select fiscal_year, product_code, account_code, amount_eur, amount_precision_eur, exclusion_reason, evidence"
    " from marts.cost_component where municipality_ags = %s order by 1, 2, 3"
)


def plan(unit: str, *lines: str) -> bytes:
    """A budget of Köln for 2021, with the unit in its header."""
    rows = [f"05315000;2021;{line};synthetisch" for line in lines]
    return "\r\n".join([PLAN_HEADER.format(unit), *rows]).encode()


def totals(*lines: str) -> bytes:
    """Totals of Köln for 2020."""
    return "\r\n".join([TOTALS_HEADER, *(f"{line};synthetisch" for line in lines)]).encode("iso-8859-1")


@pytest.mark.long
def test_dialects_become_one_stream_and_no_year_counts_twice(published_warehouse):
    warehouse = published_warehouse
    accept(
        warehouse,
        "ledger_plan",
        plan(
            "T€",
            "180101;Notlagen;542200;Mieten und Pachten;480;500;510;515",
            "180201;ohne Zuordnung;529100;Dienstleistungen;12,5;13;9;9",
            "020201;Ausländerangelegenheiten;448100;Erstattungen;3;4;4;4",
        ),
        "ledger_plan_05315000_2021.csv",
    )
    accept(
        warehouse,
        "ledger_totals",
        totals(
            ";05315000;2020;;050102;Notunterbringung;542200;Mieten und Pachten;501.234,56;",
            ";05315000;2020;2019;050102;Notunterbringung;542200;Mieten und Pachten;34,50-;",
            ";05315000;2020;;020201;Auslaender;448100;Erstattungen;;4.100,00",
            "*;05315000;2020;;050102;Notunterbringung;;;501.200,06;",
        ),
        "ledger_totals_05315000_2020.csv",
    )
    build.run(warehouse)

    # The bundled totals are those of the journal; the bundled budget of Köln for 2020 has plans only, and is in no row.
    assert query(warehouse, CHOICE) == [
        ("ledger_05913000_2019.csv", 2019, journal(warehouse), True, None),
        ("ledger_plan_05315000_2021.csv", 2019, Decimal(489500), True, None),
        ("ledger_plan_05315000_2021.csv", 2020, Decimal(509000), False, "totals_count"),
        ("ledger_totals_05315000_2020.csv", 2019, Decimal("-34.50"), False, "result_may_contain_it"),
        ("ledger_totals_05315000_2020.csv", 2020, Decimal("497134.56"), True, None),
        ("ledger_totals_05913000_2019.csv", 2019, journal(warehouse, "account_code < '7'"), False, "journal_counts"),
    ]
    # Local product 180101 became an NKF product, 180201 did not; thousand EUR keep their rounding.
    assert query(warehouse, COMPONENT, "05315000") == [
        (2019, "020201", "448100", Decimal(-3000), Decimal(500), "revenue", "synthetic"),
        (2019, "050102", "542200", Decimal(480000), Decimal(500), "no_attribution_rule", "synthetic"),
        (2019, "180201", "529100", Decimal(12500), Decimal(50), "unmapped", "synthetic"),
        (2020, "020201", "448100", Decimal(-4100), Decimal(0), "revenue", "synthetic"),
        (2020, "050102", "542200", Decimal("501234.56"), Decimal(0), "no_attribution_rule", "synthetic"),
    ]
    figures = "select municipality_ags, reference_year, total_cost_eur, reason from marts.cost_per_person order by 1, 2"
    assert query(warehouse, figures) == [
        ("05315000", 2019, None, "numerator_missing"),
        ("05315000", 2020, None, "numerator_missing"),
        ("05913000", 2019, Decimal("15639763.00"), None),
    ]
    ((told, severity),) = query(
        warehouse,
        "select observed, severity from quality.verdict where expectation = 'cost_component.ledger_left_aside'"
        " and build_id = (select max(build_id) from raw.build)",
    )
    assert severity == "warn" and "ledger_totals_05913000_2019.csv for 2019" in told and "journal_counts" in told


@pytest.mark.long
def test_a_journal_that_is_withdrawn_leaves_the_year_to_its_totals(warehouse):
    journal_delivery = accept(warehouse, "ledger")
    accept(warehouse, "ledger_totals")
    build_models(warehouse, "cost_component")
    total = "select distinct posting_file.file_name from build.cost_component as component"
    total += " inner join raw.delivery as posting_file on component.source_sha256 = posting_file.sha256"
    assert query(warehouse, total) == [("ledger_05913000_2019.csv",)]
    delivery_ledger.withdraw(warehouse, journal_delivery.delivery_id, "sent by mistake")
    build_models(warehouse, "cost_component")
    assert query(warehouse, total) == [("ledger_totals_05913000_2019.csv",)]


def journal(warehouse, condition: str = "true") -> Decimal:
    """Sum of the bundled journal, or of a part of it."""
    ((total,),) = query(warehouse, f"select sum(amount_eur) from raw.ledger__posting where {condition}")
    return total
