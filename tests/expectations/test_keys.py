"""What dbt's tests of staging forbid is found by the gate in the one delivery; both have one definition."""

import re

import pytest

from expectations import keys
from ingest import contracts
from lagebild.core import database
from lagebild.core.settings import DBT_PROJECT
from tests.expectations import cases
from tests.expectations.support import deliver_rows, failed
from tests.support import accept, build_models, checked, query

KEYED = [s for s in contracts.sources() if any(model.key for model in keys.tested(s))]


def rows_of(source: str) -> list[dict]:
    return cases.SOURCES[source].sound


@pytest.mark.parametrize("source", KEYED)
def test_a_key_that_stands_twice_or_is_empty_is_held(warehouse, source):
    sound, table = rows_of(source), cases.suite_of(source).TABLE
    period = cases.SOURCES[source].period
    own = {"rows_have_keys_of_their_own", "rows_have_a_whole_key"}
    (model,) = keys.tested(source)
    sound = [dict.fromkeys({"region_code"} & set(model.key), "05913000") | row for row in sound]
    column = next(name for name in reversed(list(model.key)) if name in sound[0] and name != "region_code")
    for rows, found in (
        (sound, set()),
        ([*sound, sound[0]], {"rows_have_keys_of_their_own"}),
        ([{**sound[0], column: None}, *sound[1:]], {"rows_have_a_whole_key"}),
    ):
        if found == {"rows_have_a_whole_key"} and model.key[column] != column:
            continue  # nothing there has a word of its own
        delivery_id = deliver_rows(warehouse, source, table, period, rows)
        assert failed(checked(warehouse, delivery_id)) & own == found


def test_keys_that_staging_writes_alike_are_held_though_the_file_tells_them_apart(warehouse):
    table, (first, *_) = cases.suite_of("mikrozensus").TABLE, rows_of("mikrozensus")
    rows = [{**first, "region_code": "DG"}, {**first, "region_code": "00"}]
    delivery_id = deliver_rows(warehouse, "mikrozensus", table, "2005-2020", rows)
    (found,) = [v for v in checked(warehouse, delivery_id) if v.expectation == "rows_have_keys_of_their_own"]
    assert not found.passed and found.severity == "hold" and found.failing_rows == (2, 3)


def test_a_code_that_no_seed_lists_is_held(warehouse):
    table, (first, *others) = cases.suite_of("mikrozensus").TABLE, rows_of("mikrozensus")
    rows = [{**first, "value_variable_code": "NEU01"}, *others]
    delivery_id = deliver_rows(warehouse, "mikrozensus", table, "2005-2020", rows)
    verdicts = {v.expectation: v for v in checked(warehouse, delivery_id)}
    assert verdicts["value_variable_code_is_listed"].observed == "line 2: NEU01"


def test_the_key_in_raw_is_the_key_of_staging_on_every_row(published_warehouse):
    """Also for codes and names that no bundled file holds."""
    odd = [
        ("05334", "Städteregion Aachen"),
        ("05911", "Bochum, krfr. Stadt"),
        ("06411", "Darmstadt, Stadtkreis"),
        ("05113", "Essen, kreisfreie Stadt"),
        ("05", "NRW"),
    ]
    accept(published_warehouse, "azr_nrw")
    with database.connect(published_warehouse) as connection:
        for n, (code, name) in enumerate(odd):
            connection.execute(
                "insert into raw.azr_nrw__nationality (delivery_id, line_number, evidence, reference_date, region_code,"
                " region_name, nationality_code) select delivery_id, %s, 'synthetic', '2031-12-31', %s, %s, '154'"
                " from raw.delivery where source = 'azr_nrw' and state = 'accepted'",
                [9000 + n, code, name],
            )
    with database.connect(published_warehouse) as connection:
        connection.execute("update published.publication set fingerprint = 'older'")
    models = sorted({model.model for source in KEYED for model in keys.tested(source)})
    build_models(published_warehouse, *models)
    for source in KEYED:
        (model,) = keys.tested(source)
        raw = cases.suite_of(source).TABLE
        pairs = " or ".join(f"s.{name} is distinct from r.{name}" for name in model.key)
        columns = ", ".join(f"{sql} as {name}" for name, sql in model.key.items())
        total, unlike = query(
            published_warehouse,
            f"select count(*), count(*) filter (where {pairs}) from build.{model.model} as s"
            " inner join raw.delivery as d on s.source_sha256 = d.sha256"
            f" inner join (select delivery_id, line_number, {columns} from {raw}) as r"
            " on d.delivery_id = r.delivery_id and s.line_number = r.line_number",
        )[0]
        assert total and not unlike, source


@pytest.mark.parametrize(
    "path",
    # those of builds behind earlier publications take them all
    # one that reads many tables in a loop has no key of its own: each line of a file is a row
    [path for path in sorted(keys.STAGING.glob("*/stg_*.sql")) if re.search(r"\bdelivered\('", path.read_text())],
    ids=lambda path: path.stem,
)
def test_staging_takes_the_latest_period_of_the_key_that_is_tested(path):
    """Where each line is a row there is no key; else the columns in the model are those in its YAML."""
    calls = re.findall(r"latest_period\(\s*'\w+',\s*\[(.*?)\]", path.read_text(), re.S)
    taken = [re.sub(r"^own_", "", name) for call in calls for name in re.findall(r"'(\w+)'", call)]
    source = re.search(r"delivered\('(\w+)'", path.read_text())[1]
    (model,) = [model for model in keys.tested(source) if model.model == path.stem]
    assert taken == list(model.key)


def test_the_seeds_that_are_asked_are_there():
    for source in contracts.sources():
        for model in keys.tested(source):
            assert all((DBT_PROJECT / "seeds" / f"{seed}.csv").exists() for _, seed, _ in model.codes.values())
