"""Rows marked synthetic never come between real ones: an example that was loaded by mistake is refused."""

from dataclasses import replace

import pytest

from ingest import contracts
from tests.support import deliver, query

EMPLOYED = (
    "Stichtag;Gebietsschlüssel;Gebiet;Gruppe;Erhebungsort;Sozialversicherungspflichtig Beschäftigte;Quelle;Herkunft"
)
REAL = "31.12.2024;00;Deutschland;EU2;Wohnort;700.000;Auskunft der Agentur;geliefert"
SYNTHETIC = "31.12.2024;05911000;Bochum;EU2;Wohnort;16;erfunden;synthetisch"
NAME = "eu2_employees_2024.csv"


def employed(*rows: str) -> bytes:
    return "\n".join((EMPLOYED, *rows, "")).encode()


def test_a_made_up_row_among_real_ones_refuses_the_delivery(warehouse):
    real_data = replace(warehouse, demo=False)
    refused = deliver(real_data, "employment", employed(REAL, SYNTHETIC), NAME)
    assert refused.state == "refused"
    assert refused.reason == (
        f"{NAME}: line 3 is marked synthetic, and this warehouse holds real data - try made-up files in another"
        " clone, with LAGEBILD_PRACTICE=1 in its .env"
    )
    assert query(warehouse, "select count(*) from raw.employment__employees") == [(0,)]
    assert deliver(real_data, "employment", employed(REAL), NAME).state == "loaded"


@pytest.mark.parametrize("source", ["ledger", "register", "ledger_plan", "esf_bayern"])
def test_bundled_files_that_are_made_up_are_refused_among_real_ones(warehouse, source):
    refused = deliver(replace(warehouse, demo=False), source)
    assert refused.state == "refused" and "is marked synthetic" in refused.reason
    assert deliver(replace(warehouse, demo=False, practice=True), source).state == "loaded"


MADE_UP = {
    "ba_nationality", "esf_bayern", "esf_berlin", "esf_bremen", "esf_hessen", "esf_nrw", "esf_sachsen",
    "foerderkatalog", "ledger", "ledger_plan", "ledger_totals", "mikrozensus_microdata", "pupil_list",
    "reference_quantity", "register", "wegweiser",
}  # fmt: skip
"""Sources whose bundled file has a row that nobody published."""


def test_of_the_bundled_files_those_without_a_made_up_row_are_published_figures_and_may_be_loaded(warehouse):
    real_data = replace(warehouse, demo=False)
    states = {source: deliver(real_data, source).state for source in contracts.sources()}
    assert {source for source, state in states.items() if state == "refused"} == MADE_UP
    assert {source for source, state in states.items() if state == "loaded"} == set(contracts.sources()) - MADE_UP
    evidence = {
        source: {found for (found,) in query(warehouse, f"select distinct evidence from raw.{table}")}
        for source, table in ((source, contracts.load(source).table) for source in set(states) - MADE_UP)
    }
    assert evidence.pop("employment") == {"published", "derived_from_result"}  # Dortmund's 2,525 are solved back
    assert all(found <= {"published", "derived"} for found in evidence.values()), evidence


def test_what_is_published_may_be_loaded_whoever_sends_it(warehouse):
    assert deliver(replace(warehouse, demo=False), "azr_nrw").state == "loaded"  # the office's own bytes


def test_the_demo_and_a_warehouse_for_practice_take_made_up_rows(warehouse):
    assert deliver(warehouse, "employment", employed(SYNTHETIC), NAME).state == "loaded"
    practice = replace(warehouse, demo=False, practice=True)
    assert deliver(practice, "employment", employed(SYNTHETIC, REAL), NAME).state == "loaded"
