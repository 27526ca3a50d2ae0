"""What differs between two releases, and why: hand-checked, and against the CSV files of both."""

import csv
import io
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from extracts import changes, marts, package
from extracts.changes import Comparison
from extracts.model import MartChanges
from extracts.tables import csv_bytes
from extracts.texts import Texts
from lagebild.core import database
from lagebild.warehouse import build
from tests import conftest
from tests.extracts.releases import MINISTRY, earlier, republish
from tests.support import accept, bundled_bytes

LEDGER = "ledger_05913000_2019.csv"
COST = (("municipality_ags", "05913000"), ("reference_year", "2019"), ("method", "dortmund_2019"))
OF_NO_DELIVERY = "Folge einer anderen Tabelle; eigene Lieferungen und Modell sind gleich"
AZR_2025 = (
    'insert into {table} select (jsonb_populate_record(m, \'{{"reference_date": "2025-12-31",'
    ' "eu2_persons": 280000}}\')).* from {table} as m'
    " where content_id = {content} and source = 'azr_nrw' and region_code = '05'"
)
EMPLOYEES = "table_code = '13111-01-03-4' and region_code = '00' and nationality = 'ALL' and sex = 'all'"


@pytest.fixture(scope="module")
def revised(cluster, publication, tmp_path_factory):
    """Publications 1 (of the bundled deliveries) to 5, each with changes of other kinds; read only."""
    with conftest._fresh_database(cluster, conftest.PUBLISHED) as name:
        settings = conftest._own_folders(conftest.on_database(cluster, name), tmp_path_factory.mktemp("revised"))
        of = " where content_id = {content} and "
        republish(
            settings,
            {
                "cost_per_person": ["update {table} set total_cost_eur = total_cost_eur + 1000" + of + "true"],
                "eu2_population": [AZR_2025],
                "employment": ["delete from {table}" + of + "source = 'employment'"],
            },
            [
                ("ledger", "05913000_2019", LEDGER),
                ("azr_nrw", "2025", "12521-03i_2025.csv"),
                ("employment", "2019", None),
            ],
        )
        republish(
            settings,
            {
                "cost_component": [
                    "update {table} set cost_area = 'Anderes', amount_eur = amount_eur + 1"
                    + of + "product_code = '020201' and account_code = '501100' and target_group = 'EU2'"
                ],
                "cost_per_person": ["update {table} set total_cost_eur = total_cost_eur + 1" + of + "true"],
                "minimum_income": [
                    "update {table} set persons = null, persons_low = null, persons_high = null,"
                    " reason = 'confidential'" + of + "source = 'ldb_22811_05i' and benefit = 'sgb_ii'"
                    " and region_code = '05913000' and persons is not null",
                    "update {table} set persons = 20, reason = null where ctid in (select ctid from {table}"
                    + of + "reason = 'confidential' and persons is null and region_code <> '05913000'"
                    " order by source_region_code, nationality, sex limit 1)",
                    "update {table} set source_file_name = 'other.csv'" + of + "reason = 'confidential'",
                ],
                "employment": ["update {table} set persons = persons + 1" + of + EMPLOYEES],
            },
        )  # fmt: skip
        republish(
            settings,
            {
                "lump_sum_simulation": [
                    "update {table} set lump_sum_version = 2, lump_sum_eur = 2 * lump_sum_eur"
                    + of + "lump_sum = 'scenario_500_eur'"
                ],
                "employment": ["update {table} set persons = persons + 1" + of + EMPLOYEES],
                "cost_per_person": [
                    "update {table} set rate_step_eur = 1, cost_per_person_low_eur = 2142" + of + "true"
                ],
                "toleration": [
                    "update {table} set share_pct = share_pct + 1" + of + "years_class = '8+' and sex = 'all'"
                ],
            },
            versions={"lump_sum_simulation": "m2", "employment": "m9"},
            code="2.0+c0ffee",
        )  # fmt: skip
        republish(
            settings,
            {"cost_per_person": ["update {table} set population_persons = null, total_cost_eur = 5" + of + "true"]},
            absent=["toleration"],
        )
        yield settings


@contextmanager
def reading(settings):
    """A reader's connection, and what each publication's package has of rows."""
    with marts.reader(settings) as connection:
        entries = package.load().marts
        yield connection, lambda number: tuple(marts.mart(connection, entry, number) for entry in entries)


def compared(settings, former: int, latter: int, language="de", recipient=MINISTRY, only=None) -> Comparison:
    with reading(settings) as (connection, held):
        found = tuple(mart for mart in held(latter) if only is None or mart.entry.name in only)
        publication = marts.publication(connection, latter)
        return changes.of(connection, found, recipient, earlier(former), publication, Texts(language))


def told(comparison: Comparison, mart: str) -> dict[str, tuple[str, str, str, str]]:
    return {one.figure: (one.kind, one.before, one.after, one.why) for one in comparison.changes if one.mart == mart}


def of_files(settings, former: int, latter: int) -> set[tuple]:
    """The changes by the CSV files of two releases: mart, key, figure, kind, before and after, without SQL."""
    found = set()
    with reading(settings) as (_, held):
        for before, after in zip(held(former), held(latter), strict=True):
            if after.entry.name == "provenance":
                continue
            sides = [
                {tuple(row[name] for name in after.entry.key): row for row in rows}
                for rows in (_csv(before), _csv(after))
            ]
            for key in sides[0].keys() | sides[1].keys():
                for figure in changes.figures(after):
                    was, now = (side.get(key, {}).get(figure, "") for side in sides)
                    if was != now:
                        kind = "added" if not was else "removed" if not now else "revised"
                        found.add((after.entry.name, key, figure, kind, was, now))
    return found


def _csv(mart) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(csv_bytes(mart).decode("utf-8-sig"), newline=""), delimiter=";"))


def listed(comparison: Comparison) -> set[tuple]:
    return {
        (one.mart, tuple(value for _, value in one.row_key), one.figure, one.kind, one.before, one.after)
        for one in comparison.changes
    }


# --- what, and why ----------------------------------------------------------------------------------------------------


def test_a_correction_a_new_delivery_and_a_withdrawn_one(revised):
    found = compared(revised, 1, 2)
    assert told(found, "cost_per_person") == {
        "total_cost_eur": (
            "revised", "15639763,00", "15640763,00",
            f"Korrektur der Lieferung ledger 05913000_2019 ({LEDGER}); davon Revision der Daten +1.000,00 EUR",
        )
    }  # fmt: skip
    new = told(found, "eu2_population")
    assert new["eu2_persons"] == ("added", "", "280000", "neue Lieferung azr_nrw 2025 (12521-03i_2025.csv)")
    gone = told(found, "employment")
    assert gone["persons"][0] == "removed"
    assert {why for *_, why in gone.values()} == {"Lieferung employment 2019 zurückgezogen (eu2_employees_2019.csv)"}
    assert found.revised == {("cost_per_person", COST, "total_cost_eur")} == changes.revised(found.changes)
    cost = next(mart for mart in found.by_mart if mart.mart == "cost_per_person")
    assert (cost.revised, cost.added, cost.removed) == (1, 0, 0)
    assert round(cost.largest_pct, 6) == round(100000 / Decimal("15639763.00"), 6)


def test_the_same_in_english(revised):
    whys = {one.why for one in compared(revised, 1, 2, "en").changes}
    assert whys == {
        f"correction of delivery ledger 05913000_2019 ({LEDGER}); of which data revision +1,000.00 EUR",
        "new delivery azr_nrw 2025 (12521-03i_2025.csv)",
        "delivery employment 2019 withdrawn (eu2_employees_2019.csv)",
    }


def test_a_mapping_and_what_follows_from_another_table(revised):
    found = compared(revised, 2, 3)
    mapping = "Zuordnung von Produkten und Konten geändert"
    assert told(found, "cost_component")["amount_eur"] == ("revised", "303833,52", "303834,52", mapping)
    assert told(found, "cost_per_person")["total_cost_eur"] == (
        "revised", "15640763,00", "15640764,00", f"{mapping}; davon Revision der Daten +1,00 EUR",
    )  # fmt: skip
    assert told(found, "employment") == {"persons": ("revised", "5837916", "5837917", OF_NO_DELIVERY)}


def test_methods_models_rounding_and_configuration(revised):
    found = compared(revised, 3, 4)
    lump_sum = told(found, "lump_sum_simulation")["lump_sum_eur"]
    assert lump_sum[:3] == ("revised", "4912500,00", "9825000,00")
    assert lump_sum[3].startswith("neue Fassung der Methode (") and lump_sum[3].endswith(": 1 → 2)")
    (former,) = {mart for mart, kind in versions(revised, 3) if kind == "employment"}
    assert told(found, "employment")["persons"][3] == f"Modell oder seine Parameter geändert ({former} → m9)"
    cost = told(found, "cost_per_person")
    assert cost["cost_per_person_low_eur"] == ("revised", "2140,00", "2142,00", "Rundung des Satzes geändert")
    assert cost["rate_step_eur"] == ("revised", "10,00", "1,00", "Rundung des Satzes geändert")
    assert told(found, "toleration")["share_pct"] == (
        "revised", "12,07", "13,07", "Programm oder Einstellungen der Stelle geändert",
    )  # fmt: skip


def versions(settings, number: int) -> set[tuple[str, str]]:
    with database.connect(settings, database.BI_READER) as connection:
        query = "select model_version, mart from marts.publication_content where publication_id = %s"
        return set(connection.execute(query, [number]).fetchall())


def test_a_table_that_only_one_of_two_holds(revised):
    gone, new = (compared(revised, *pair, only=["toleration"]) for pair in ((4, 5), (5, 4)))
    assert {(one.mart, one.kind, one.why) for one in gone.changes} == {("toleration", "removed", "Tabelle entfallen")}
    assert {(one.mart, one.kind, one.why) for one in new.changes} == {("toleration", "added", "neue Tabelle")}
    assert gone.total == new.total == len(gone.changes) and not gone.revised


def test_without_all_that_a_bridge_needs_there_is_none(revised):
    """The difference of the cost is known; how much of it is whose follows from a number that nobody is shown."""
    found = told(compared(revised, 4, 5), "cost_per_person")
    assert found["population_persons"][:3] == ("removed", "9825", "")
    assert found["total_cost_eur"] == ("revised", "15640764,00", "5,00", OF_NO_DELIVERY)


# --- what is hidden ---------------------------------------------------------------------------------------------------


def test_a_hidden_figure_says_no_more_than_that(revised):
    found = [one for one in compared(revised, 2, 3).changes if one.mart == "minimum_income"]
    hidden = [one for one in found if dict(one.row_key)["source_region_code"] in ("05913", "05913000")]
    assert {(one.figure, one.kind, one.after, one.why) for one in hidden} >= {("persons", "removed", "", "vertraulich")}
    assert {one.why for one in hidden} == {"vertraulich"}
    (shown,) = [one for one in found if one not in hidden]
    assert (shown.figure, shown.kind, shown.before, shown.after) == ("persons", "added", "", "20")
    assert shown.why == "bisher vertraulich"
    assert not {one for one in compared(revised, 2, 3).revised if one[0] == "minimum_income"}


def test_what_tells_of_hidden_figures_would_be_found(revised, monkeypatch):
    monkeypatch.setattr(changes.signs, "status_in", lambda *_: "not_available")
    with pytest.raises(AssertionError):
        test_a_hidden_figure_says_no_more_than_that(revised)


def test_a_row_that_is_hidden_in_both_and_has_another_file_is_no_change(revised):
    with database.connect(revised) as connection:
        differing = connection.execute(
            "select count(*) from marts_history.minimum_income as a inner join marts_history.minimum_income as b"
            " using (source, table_code, source_region_code, reference_date, benefit, nationality, sex)"
            " where a.publication_id = 2 and b.publication_id = 3 and a.reason = 'confidential'"
            " and b.reason = 'confidential' and a.source_file_name <> b.source_file_name"
        ).fetchone()[0]
    assert differing >= 4
    rows = {one.row_key for one in compared(revised, 2, 3).changes if one.mart == "minimum_income"}
    assert len(rows) == 2


def test_an_earlier_publication_that_readers_no_longer_see_is_not_compared(cluster, publication, tmp_path):
    with conftest._fresh_database(cluster, conftest.PUBLISHED) as name:
        settings = conftest._own_folders(conftest.on_database(cluster, name), tmp_path)
        republish(settings, {"cost_per_person": ["update {table} set total_cost_eur = 1 where content_id = {content}"]})
        assert compared(settings, 1, 2).total == 1
        with database.connect(settings) as connection:
            connection.execute("update published.publication set is_protected = false where publication_id = 1")
        assert compared(settings, 1, 2) == changes.NOTHING


# --- against the files ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("former", "latter"), [(1, 2), (2, 3), (3, 4), (1, 5)])
def test_changes_are_those_of_the_csv_files(revised, former, latter):
    found = compared(revised, former, latter)
    assert listed(found) == of_files(revised, former, latter)
    assert found.total == len(found.changes) > 0
    assert [one.mart for one in found.by_mart] == list(dict.fromkeys(one.mart for one in found.changes))


def test_a_change_that_is_left_out_is_found(revised):
    found = compared(revised, 1, 2)
    assert listed(replace(found, changes=found.changes[1:])) != of_files(revised, 1, 2)
    wrong = replace(found.changes[0], before="1")
    assert listed(replace(found, changes=(wrong, *found.changes[1:]))) != of_files(revised, 1, 2)


def test_nothing_differs_from_itself_and_from_the_same_rows_under_another_content(cluster, publication, tmp_path):
    with conftest._fresh_database(cluster, conftest.PUBLISHED) as name:
        settings = conftest._own_folders(conftest.on_database(cluster, name), tmp_path)
        assert compared(settings, 1, 1) == changes.NOTHING
        names = [entry.name for entry in package.load().marts if entry.name != "provenance"]
        assert republish(settings, {name: [] for name in names}) == 2
        assert compared(settings, 1, 2) == changes.NOTHING
        with reading(settings) as (connection, held):
            publication_2 = marts.publication(connection, 2)
            assert changes.of(connection, held(2), MINISTRY, None, publication_2, Texts("de")) == changes.NOTHING


@hypothesis_settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=st.lists(st.tuples(st.integers(0, 149), st.sampled_from(["persons", "total_persons"]),
                                st.none() | st.integers(0, 10**6)), min_size=1, max_size=5))  # fmt: skip
def test_whatever_figures_change_the_comparison_says_what_the_files_say(revised, edits):
    with database.connect(revised) as connection:
        (last,) = connection.execute("select max(publication_id) from published.publication").fetchone()
    statements = [
        f"update {{table}} set {figure} = {'null' if value is None else value} where ctid ="
        f" (select ctid from {{table}} where content_id = {{content}} order by ctid offset {row} limit 1)"
        for row, figure, value in edits
    ]
    latest = republish(revised, {"employment": statements})
    found = compared(revised, last, latest, only=["employment"])
    assert listed(found) == {one for one in of_files(revised, last, latest) if one[0] == "employment"}


# --- how much ---------------------------------------------------------------------------------------------------------


def test_of_many_changes_the_first_are_listed_revisions_before_new_figures(revised, monkeypatch):
    whole = compared(revised, 1, 2)
    monkeypatch.setattr(changes, "LISTED", 2)
    few = compared(revised, 1, 2)
    assert len(few.changes) == 2 and few.total == whole.total > 2
    assert [one.kind for one in few.changes] == ["revised", "removed"]
    assert few.by_mart == whole.by_mart and few.revised == whole.revised


def test_a_mart_of_many_rows_is_counted_by_the_database(revised, monkeypatch):
    whole = compared(revised, 3, 4)
    monkeypatch.setattr(changes, "HELD_ROWS", 0)
    assert compared(revised, 3, 4) == whole
    monkeypatch.setattr(changes, "LISTED", 1)
    few = compared(revised, 3, 4)
    assert len(few.changes) == 1 and few.by_mart == whole.by_mart


def test_a_recipient_of_some_places_hears_of_those_alone(revised):
    places = {"05": {"cost_per_person", "eu2_population"}, "00": {"employment"}, "16": set()}
    for place, expected in places.items():
        found = compared(revised, 1, 2, recipient=replace(MINISTRY, places=(place,)))
        assert {one.mart for one in found.changes} == {one.mart for one in found.by_mart}
        assert expected <= {one.mart for one in found.changes}
    assert compared(revised, 1, 2, recipient=replace(MINISTRY, places=("16",))).by_mart == ()


def test_counts_add_up():
    assert MartChanges("employment", 1, 2, 3, None).count == 6


@pytest.mark.nightly
@pytest.mark.long
def test_a_corrected_ledger_and_employment_table_of_a_real_build(published_warehouse):
    accept(published_warehouse, "ledger", bundled_bytes("ledger").replace(b"40.906,03", b"41.906,03"))
    accept(published_warehouse, "employment", bundled_bytes("employment").replace(b"572.574", b"572.600"))
    assert build.run(published_warehouse) == 2
    found = compared(published_warehouse, 1, 2)
    ledger = f"Korrektur der Lieferung ledger 05913000_2019 ({LEDGER})"
    employment = "Korrektur der Lieferung employment 2019 (eu2_employees_2019.csv)"
    assert told(found, "cost_per_person") == {
        "total_cost_eur": (
            "revised", "15639763,00", "15640763,00", f"{ledger}; davon Revision der Daten +1.000,00 EUR",
        )
    }  # fmt: skip
    assert told(found, "employment") == {"persons": ("revised", "572574", "572600", employment)}
    # its key names the file, which is another one now: the same row all the same
    assert {one.kind for one in found.changes if one.mart == "cost_component"} == {"revised"}
    extrapolated = told(found, "cost_extrapolation")
    assert extrapolated["employees_persons"][3] == employment
    assert extrapolated["extrapolated_cost_rounded_rate_eur"] == (
        "revised", "1148260117", "1148204399", f"{employment}; {ledger}; davon Revision der Daten −55.718,00 EUR",
    )  # fmt: skip
