"""The next period's file never stops the house: keys meet, bytes come twice, dbt fails; the others are published."""

import io
import os
import random
import zipfile
from pathlib import Path

import pytest

from ingest import contracts
from ingest.deliveries import delivery_ledger
from ingest.inbox import receipts
from lagebild.core import database
from lagebild.core.errors import UserError
from lagebild.core.settings import ROOT
from lagebild.local import status
from lagebild.review import decisions, pending
from lagebild.warehouse import build
from tests.ingest.support import command
from tests.support import accept, build_models, bundled_bytes, deliver, query

CASE = Path(os.environ.get("LAGEBILD_SHARED") or ROOT.parent / "shared") / "cases" / "same_bytes_two_periods"
LDB = ("ldb_12411_15i", "ldb_13111_54i", "ldb_22542_06i", "ldb_22811_01i", "ldb_22811_05i")
ENCODINGS = dict.fromkeys(("azr_nrw", "foerderkatalog", *LDB, "ledger", "ledger_totals", "register"), "iso-8859-1")
NEXT = {
    "azr_nrw": ("12521-03i_2025.csv", ";105755;", ";105760;"),
    "ba_nationality": ("ba_nationality_2025.csv", "240.000", "240.001"),
    "early_education": ("early_education_2022.csv", ";31,2;", ";31,3;"),
    "employment": ("eu2_employees_2020.csv", "572.574", "572.575"),
    "esf_bayern": ("esf_bayern_2021-2027.csv", None, None),
    "esf_berlin": ("esf_berlin_2021-2027.csv", None, None),
    "esf_bremen": ("esf_bremen_2021-2027.xlsx", None, None),
    "esf_hessen": ("esf_hessen_2014-2021.csv", "4,156.00", "4,157.00"),
    "esf_nrw": ("esf_nrw_2021-2027.xlsx", None, None),
    "esf_sachsen": ("esf_sachsen_2021-2027.csv", None, None),
    "eu2_series": ("eu2_series_2007-2024.csv", "131.402", "131.403"),
    "foerderkatalog": ("foerderkatalog_2025.csv", "88.000,00", "88.001,00"),
    "funding": ("funding_programmes_2025.xlsx", None, None),
    "funding_received": ("funding_received_2022.csv", "nur ein geringer Teil", "ein geringer Teil"),
    "genesis": ("12411-01-01-4_2023-2025_flat.csv", ";502270;", ";502271;"),
    "integration_course": ("integration_courses_2020-01.csv", "davon 2.700 in NRW;2.700", "davon 2.701 in NRW;2.701"),
    "ldb_12411_15i": ("12411-15i_2025.csv", ";603462;", ";603463;"),
    "ldb_13111_54i": ("13111-54i_2025.csv", ";267991;", ";267992;"),
    "ldb_22542_06i": ("22542-06i_2025.csv", ";1131;", ";1132;"),
    "ldb_22811_01i": ("22811-01i_2024.csv", ";;2023", ";;2024"),
    "ldb_22811_05i": ("22811-05i_2025.csv", ";88984;106414;88984;", ";88985;106415;88985;"),
    "ledger": ("ledger_05913000_2020.csv", "20.009,06", "20.009,07"),
    "ledger_plan": ("ledger_plan_05315000_2021.csv", ";1.250;", ";1.251;"),
    "ledger_totals": ("ledger_totals_05913000_2020.csv", "554.441,22", "554.441,23"),
    "mikrozensus": ("12211_migration_2005-2021_flat.csv", ";18,6;", ";18,7;"),
    "mikrozensus_microdata": ("mikrozensus_05913000_2021.csv", ";M;", ";W;"),
    "programme_measure": ("programme_measures_2025.csv", ";geplant;", ";beschlossen;"),
    "programme_result": ("programme_results_2025.csv", "rund 3.000 Erwerbsintegrationen", "3.000 Erwerbsintegrationen"),
    "pupil_list": ("pupil_list_05913000_2025-10-15.csv", None, None),
    "reference_quantity": ("reference_quantities_05913000_2020.csv", "9.900", "9.901"),
    "register": ("register_05913000_2020-12-31.csv", ";M;", ";W;"),
    "structure_tables": ("structure_tables_2022_tabelle.csv", "603.713", "603.714"),
    "toleration": ("tolerations_2020.csv", "davon 7.000 Menschen acht Jahre oder mehr;7.000", "davon 7.001;7.001"),
    "survey_result": ("survey_results_2023.csv", "58,9%;58,9", "59,0%;59,0"),
    "wegweiser": ("wegweiser-nrw-beispiel_2024.json", None, None),
}
"""By source the next period's file, and what is otherwise in it: all keys are those of the period before."""


def next_file(source: str) -> tuple[bytes, str]:
    name, old, new = NEXT[source]
    content = bundled_bytes(source)
    if name.endswith(".xlsx"):
        book = io.BytesIO(content)
        with zipfile.ZipFile(book, "a") as archive:
            archive.comment = b"the next period"  # other bytes, the same rows
        return book.getvalue(), name
    if old is None:
        return content + (b"\n" if source == "wegweiser" else content.splitlines(keepends=True)[-1]), name
    encoding = ENCODINGS.get(source, "utf-8")
    text = content.decode(encoding)
    assert old in text, source
    return text.replace(old, new, 1).encode(encoding), name


def of(settings, statement):
    return query(settings, statement)


@pytest.mark.long
def test_a_second_period_of_every_source_with_the_same_keys_is_built(published_warehouse):
    assert set(NEXT) == set(contracts.sources())
    order = list(NEXT)
    random.Random(1).shuffle(order)
    for source in order:
        content, name = next_file(source)
        assert accept(published_warehouse, source, content, name).state == "accepted", source
    assert build.run(published_warehouse) == 2
    assert build.set_aside(published_warehouse) == []
    # Of each key the later period counts, once.
    (series,) = of(
        published_warehouse, "select eu2_persons from build.stg_eu2_series__year where reference_date = '2007-12-31'"
    )
    assert series == (131403,)
    amounts = "select sum(federal_amount_eur), count(distinct source_file_name) from build.stg_foerderkatalog__project"
    ((_, files),) = of(published_warehouse, amounts)
    assert files == 1
    values = "select value from marts.official_statistic where region_code = '05112000' and is_total"
    values += " and table_code = '12411-01-01-4'"
    assert [int(value) for (value,) in of(published_warehouse, values)] == [502271]
    hessen = "select distinct source_file_name from build.stg_esf__operation where source = 'esf_hessen'"
    assert of(published_warehouse, hessen) == [("esf_hessen_2014-2021.csv",)]
    assert (
        of(published_warehouse, "select count(*) from build.stg_esf__operation where source = 'esf_bayern'")[0][0] > 2
    )


def series(persons: str, text: str = "") -> bytes:
    return bundled_bytes("eu2_series").decode().replace("131.402", persons, 1).encode() + text.encode()


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_the_latest_period_counts_whatever_came_or_was_accepted_last(warehouse, order):
    longer = "31.12.2020;00;;;900.000;;;Tab. 1;erfunden;synthetisch\n"
    files = [
        (series("131.410"), "eu2_series_2007-2018.csv"),
        (series("131.411"), "eu2_series_2007-2019.csv"),
        (series("131.412", longer), "eu2_series_2007-2020.csv"),
    ]
    for n in order:
        accept(warehouse, "eu2_series", *files[n])
    # a correction of the shorter one, last of all, changes nothing that the longer one says
    accept(warehouse, "eu2_series", series("131.413"), "eu2_series_2007-2018.csv")
    build_models(warehouse, "stg_eu2_series__year")
    rows = "select eu2_persons from build.stg_eu2_series__year where reference_date in ({}) order by 1"
    assert of(warehouse, rows.format("'2007-12-31', '2020-12-31'")) == [(131412,), (900000,)]


def test_receipts_of_two_cities_may_have_one_identifier(warehouse):
    head = bundled_bytes("funding_received").decode().splitlines()[0]
    for ags, amount in (("05913000", "10,00"), ("05315000", "20,00")):
        row = f"land_1;{ags};2021;Land;ja;brutto;{amount} EUR;{amount};erfunden;S. 1;;synthetisch"
        accept(warehouse, "funding_received", f"{head}\n{row}\n".encode(), f"funding_received_{ags}_2021.csv")
    build_models(warehouse, "stg_funding_received__receipt")
    rows = "select region_code, amount_eur from build.stg_funding_received__receipt order by 1"
    assert [(ags, int(eur)) for ags, eur in of(warehouse, rows)] == [("05315000", 20), ("05913000", 10)]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("esf_hessen", "esf_hessen_2021-2027.csv"),
        ("ledger", "ledger_05913000_2020.csv"),
        ("eu2_series", "eu2_series_2007-2021.csv"),
    ],
)
def test_the_same_bytes_for_another_period_are_held_and_name_the_first(warehouse, source, name):
    first = deliver(warehouse, source)
    again = deliver(warehouse, source, bundled_bytes(source), name)
    decided = {d.delivery_id: d for d in pending.check_pending(warehouse, source)}
    assert decided[first.delivery_id].state == "accepted"
    held = decided[again.delivery_id]
    assert held.state == "held"
    said = f"the same bytes came as delivery {first.delivery_id} for {first.period} ({first.file_name})"
    assert said in held.reason
    # Whoever decides, and whoever sent it, are told the same.
    (waiting,) = decisions.waiting(warehouse)
    assert f"{said}: are they right for {held.period}, too?" in str(waiting)
    german = f"dieselbe Datei kam schon als Lieferung {first.delivery_id} für {first.period} ({first.file_name})"
    receipts.renew(warehouse)
    (receipt,) = (warehouse.drop / "receipts").glob(f"*{name}*.txt")
    assert german in receipt.read_text()


@pytest.mark.skipif(not CASE.exists(), reason=f"the recorded case is not here: {CASE}")
def test_the_recorded_lists_of_two_periods_with_the_same_bytes(warehouse):
    first, second = [
        deliver(warehouse, "esf_hessen", file.read_bytes(), file.name) for file in sorted(CASE.glob("*.csv"))
    ]
    states = {d.delivery_id: d for d in pending.check_pending(warehouse, "esf_hessen")}
    assert states[first.delivery_id].state == "accepted" and states[second.delivery_id].state == "held"
    assert f"delivery {first.delivery_id} for 2014-2020" in states[second.delivery_id].reason
    build_models(warehouse, "stg_esf__operation")


@pytest.mark.long
@pytest.mark.nightly
def test_a_build_stands_though_a_person_accepted_the_same_bytes_for_two_periods(published_warehouse):
    warehouse = published_warehouse
    before = of(warehouse, "select sum(operations) from marts.funding_granted")
    for source, name in (("esf_hessen", "esf_hessen_2021-2027.csv"), ("ledger", "ledger_05913000_2020.csv"),
                         ("employment", "eu2_employees_2020.csv")):  # fmt: skip
        held = delivery_ledger.decide(
            warehouse, deliver(warehouse, source, bundled_bytes(source), name).delivery_id, []
        )
        assert held.state == "held"
        # that it is right needs no end: nothing is wrong with the file
        assert delivery_ledger.accept(warehouse, held.delivery_id, "the list did not change").state == "accepted"
    assert build.run(warehouse) == 2
    assert of(warehouse, "select sum(operations) from marts.funding_granted") == before
    assert build.is_current(warehouse)


def test_the_same_bytes_are_taken_again_where_the_first_was_sent_back(warehouse):
    first = accept(warehouse, "employment")
    delivery_ledger.withdraw(warehouse, first.delivery_id, "wrong period")
    again = deliver(warehouse, "employment", bundled_bytes("employment"), "eu2_employees_2020.csv")
    assert delivery_ledger.decide(warehouse, again.delivery_id, []).state == "accepted"


# --- a build that dbt fails in --------------------------------------------------------------------------------------


def double(settings, source: str, table: str) -> None:
    """Let the newest accepted delivery of a source hold its first row twice, past every gate."""
    with database.connect(settings) as connection:
        (delivery_id,) = connection.execute(
            "select max(delivery_id) from raw.delivery where source = %s and state = 'accepted'", [source]
        ).fetchone()
        connection.execute(
            f"insert into raw.{table} select * from raw.{table} where delivery_id = %s order by line_number limit 1",
            [delivery_id],
        )


@pytest.mark.long
@pytest.mark.nightly
def test_what_dbt_fails_on_is_set_aside_and_the_others_are_published(published_warehouse):
    warehouse = published_warehouse
    before = of(warehouse, "select delivery_id from raw.delivery where source = 'eu2_series'")[0][0]
    bad = accept(warehouse, "eu2_series", series("131.403"), "eu2_series_2007-2019.csv")  # a correction
    good = accept(warehouse, "employment", bundled_bytes("employment").replace(b"572.574", b"572.580"))
    double(warehouse, "eu2_series", "eu2_series__year")
    said: list[str] = []
    assert build.run(warehouse, said.append) == 2
    (left_out,) = build.set_aside(warehouse)
    assert (left_out.delivery_id, left_out.read_instead) == (bad.delivery_id, before)
    told = "\n".join(said)
    assert f"delivery {bad.delivery_id} (eu2_series 2007-2019, eu2_series_2007-2019.csv) is set aside" in told
    assert "unique_combination_stg_eu2_series__year" in told and f"lagebild delivery withdraw {bad.delivery_id}" in told
    # Its own last good state, and the other source's news.
    read = "select i.delivery_id from raw.build_input as i inner join published.publication using (build_id)" \
           " where publication_id = 2 and source in ('employment', 'eu2_series') order by 1"  # fmt: skip
    assert of(warehouse, read) == [(before,), (good.delivery_id,)]
    # Readers, extracts and whoever asks for the status are told.
    for view in ("publication_set_aside", "publication_warning"):
        rows = query(warehouse, f"select * from marts.{view} where publication_id = 2", role=database.BI_READER)
        assert any("eu2_series_2007-2019.csv" in str(row) for row in rows), view
    assert any(f"set aside:      delivery {bad.delivery_id}" in line for line in status._warehouse(warehouse))
    # Nothing is tried again while nothing is new; the command says so, and does not end well.
    assert build.is_current(warehouse)
    done = command(warehouse, "build")
    assert done.exit_code == 1 and f"delivery {bad.delivery_id}" in done.output
    # Withdrawn, it is no more to be seen.
    delivery_ledger.withdraw(warehouse, bad.delivery_id, "a row stands twice")
    assert build.run(warehouse, said.append) == 3
    assert build.set_aside(warehouse) == []


@pytest.mark.long
@pytest.mark.nightly
def test_what_a_check_of_the_marts_fails_on_is_set_aside_and_the_others_are_published(published_warehouse):
    warehouse = published_warehouse
    before = of(warehouse, "select delivery_id from raw.delivery where source = 'mikrozensus'")[0][0]
    bad = accept(warehouse, "mikrozensus", bundled_bytes("mikrozensus").replace(b";26,7;", b";126,7;"))
    good = accept(warehouse, "employment", bundled_bytes("employment").replace(b"572.574", b"572.580"))
    said: list[str] = []
    assert build.run(warehouse, said.append) == 2
    (left_out,) = build.set_aside(warehouse)
    assert (left_out.delivery_id, left_out.read_instead) == (bad.delivery_id, before)
    assert left_out.reason == "migration_background.share_within_0_and_100"
    read = "select i.delivery_id from raw.build_input as i inner join published.publication using (build_id)" \
           " where publication_id = 2 and source in ('employment', 'mikrozensus') order by 1"  # fmt: skip
    assert of(warehouse, read) == [(before,), (good.delivery_id,)]
    told = "\n".join(said)
    assert "is not published: migration_background.share_within" in told
    assert f"lagebild delivery withdraw {bad.delivery_id}" in told


@pytest.mark.long
def test_a_build_that_brings_nothing_but_what_it_fails_on_names_it_and_publishes_nothing(published_warehouse):
    warehouse = published_warehouse
    bad = accept(warehouse, "employment", bundled_bytes("employment").replace(b"572.574", b"572.581"),
                 "eu2_employees_2020.csv")  # fmt: skip
    double(warehouse, "employment", "employment__employees")
    with pytest.raises(UserError) as raised:
        build.run(warehouse, lambda line: None)
    delivery = f"delivery {bad.delivery_id}"
    for part in (delivery, "eu2_employees_2020.csv", "lagebild delivery withdraw", "stays in force"):
        assert part in str(raised.value)
    assert of(warehouse, "select publication_id from published.current_publication") == [(1,)]
    assert of(warehouse, "select state from raw.build order by build_id desc limit 1") == [("stopped",)]
