"""Every expectation on a delivery fails on the smallest input that breaks it, and passes on sound rows.

The cases stand in `cases.py`: an expectation without one fails the test.
"""

from dataclasses import replace
from datetime import date

import pytest

from expectations.sources import azr_nrw
from expectations.suite import NOTE, Delivery
from ingest import contracts
from tests.expectations import cases
from tests.expectations.cases import LEDGER, MUNICIPALITY, REGISTER, SOURCES, Case, suite_of
from tests.expectations.support import changed, deliver_rows, failed
from tests.support import BUNDLED, checked, deliver, query

# The lists of operations share their expectations, and so their cases.
DISTINCT = [source for source in SOURCES if not source.startswith("esf_") or source == "esf_bayern"]


@pytest.mark.parametrize("source", DISTINCT)
def test_each_expectation_fails_on_what_it_is_for_and_only_then(warehouse, source):
    broken = cases.cases(source)
    sound = Case(SOURCES[source].sound)
    batches = [cases.batch(warehouse, source, sound), cases.batch(warehouse, source, sound, past=False)]
    for name, case in broken:
        batch = cases.batch(warehouse, source, case)
        if case.rows is sound.rows:  # only what was there before differs, and only one expectation reads that
            batch = replace(batch, expectations=[cases.named(batch.expectations, name)])
        batches.append(batch)
    sound, first, *verdicts = cases.judged(warehouse, batches)
    assert failed(sound) == set()
    # without any history nothing is held for it, and nothing passes in silence
    compared = {v.expectation for v in first if v.expectation.endswith(("_as_usual", "_still_there", "_revised"))}
    assert failed(first) == compared
    assert {(v.severity, v.observed.split(":")[0]) for v in first if not v.passed} == {
        (NOTE, "not judged, no accepted delivery yet")
    }
    assert {name for name, _ in broken} == {v.expectation for v in sound}
    for (name, case), found in zip(broken, verdicts, strict=True):
        if name == "has_rows":  # without rows everything else that counts them fails, too
            assert name in failed(found)
        else:
            assert failed(found) == {name} | case.also, name
        (verdict,) = [v for v in found if v.expectation == name]
        assert verdict.severity == cases.severity_of(source, name), name
        assert verdict.owner == suite_of(source).OWNER


def test_every_source_has_cases_and_the_lists_of_operations_one_suite():
    assert set(SOURCES) == set(contracts.sources())
    delivery = Delivery(1, "esf", "2014-2020", 1, date(2030, 12, 31))
    first, *others = [suite_of(source).expectations(delivery) for source in SOURCES if source.startswith("esf_")]
    assert len(others) == 5 and all(other == first for other in others)
    shared = [source for source in SOURCES if contracts.load(source).suite == "esf"]
    assert [suite_of(source).TABLE for source in shared] == [f"raw.{source}__operation" for source in shared]
    assert shared == [source for source in SOURCES if source.startswith("esf_")]


def test_suites_on_personal_sources_say_so():
    for source in contracts.sources():
        is_personal = any(field.is_personal for field in contracts.load(source).fields)
        assert is_personal == suite_of(source).PERSONAL, source


def test_counts_before_2016_need_not_be_rounded():
    names = {e.name for e in azr_nrw.expectations(Delivery(1, "azr_nrw", "2015", 1, date(2030, 1, 1)))}
    assert "counts_rounded_to_five" not in names
    assert len(azr_nrw.DISTRICTS) == len(set(azr_nrw.DISTRICTS)) == 53


def test_findings_name_the_line_and_both_values(warehouse):
    rows = [MUNICIPALITY, {**MUNICIPALITY, "region_code": "05911000", "foreign_pct": 12.8}]
    delivery_id = deliver_rows(warehouse, "structure_tables", suite_of("structure_tables").TABLE, "2021", rows)
    (verdict,) = [v for v in checked(warehouse, delivery_id) if not v.passed and v.severity != NOTE]
    assert (verdict.expectation, verdict.severity) == ("share_recomputes", "warn")
    assert verdict.failing_rows == (3,)
    assert verdict.observed == "line 3: Dorf, foreign: printed 12.8 %, recomputed 12.60 %"


def test_verdicts_on_persons_hold_counts_and_lines_only(warehouse):
    rows = changed(REGISTER, 3, nationality_code="100", birth_year=1801, region_code="05911000")
    delivery_id = deliver_rows(warehouse, "register", suite_of("register").TABLE, "05913000_2019-12-31", rows)
    bad = {v.expectation: (v.observed, v.failing_rows) for v in checked(warehouse, delivery_id)}
    assert bad["nationality_of_the_key"] == ("fewer than 3 of about 20 rows", (5,))
    assert bad["birth_year_plausible"] == ("fewer than 3 of about 20 rows", (5,))
    assert bad["municipality_is_the_period"] == ("fewer than 3 of about 20 rows", (5,))
    written = " ".join(observed for observed, _ in bad.values())
    assert not any(value in written for value in ("1801", "05911000", "125"))


def test_no_statistic_tells_of_a_few_persons(warehouse):
    told = []
    for rows in (REGISTER, REGISTER[:-1]):
        number = deliver_rows(warehouse, "register", suite_of("register").TABLE, "05913000_2019-12-31", rows)
        checked(warehouse, number)
        statement = "select statistic from quality.statistic where delivery_id = %s and value is not null"
        told.append({name for (name,) in query(warehouse, statement, number)})
    assert told == [{"rows", *suite_of("register").STATISTICS}, {"rows"}]


def test_at_most_twenty_lines_are_listed_and_all_are_counted(warehouse):
    rows = [{**LEDGER[0], "document_number": str(n), "fiscal_year": 2018} for n in range(25)]
    delivery_id = deliver_rows(warehouse, "ledger", suite_of("ledger").TABLE, "05913000_2019", rows)
    verdicts = {v.expectation: v for v in checked(warehouse, delivery_id)}
    assert verdicts["fiscal_year_is_the_period"].observed == "25 of 25 rows"
    assert len(verdicts["fiscal_year_is_the_period"].failing_rows) == 20


def test_of_the_bundled_deliveries_only_rostocks_misprint_is_held(warehouse):
    names = {source: None for source in contracts.sources()} | {
        "structure_tables": "structure_tables_2021_fliesstext.csv"
    }
    held, told = {}, {}
    for source, name in names.items():
        content = (BUNDLED / source / name).read_bytes() if name else None
        for verdict in checked(warehouse, deliver(warehouse, source, content, name).delivery_id):
            if not verdict.passed:
                (held if verdict.severity == "hold" else told)[source, verdict.expectation] = verdict.observed
    assert list(held) == [("structure_tables", "share_not_misprinted")]
    assert "Rostock" in held["structure_tables", "share_not_misprinted"]
    assert "Solingen" in told["structure_tables", "share_recomputes"]

    corrected = checked(warehouse, deliver(warehouse, "structure_tables").delivery_id)
    (flagged,) = [v for v in corrected if not v.passed and v.severity != NOTE]
    assert (flagged.expectation, flagged.severity) == ("share_recomputes", "warn")
    assert "Rostock" not in flagged.observed
