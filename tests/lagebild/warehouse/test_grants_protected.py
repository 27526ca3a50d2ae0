"""Lists of grants in three publications: what is confidential in one follows from no other, whatever is subtracted.

Each case is a ministry of its own in one Förderkatalog, so that three builds serve them all; they are read as a BI tool
reads, with nothing but SQL.
"""

from decimal import Decimal

import pytest

from lagebild.core import database
from lagebild.warehouse import build
from tests.support import accept, bundled_bytes, query

SOURCES = ("eu2_series", "structure_tables")
GRANT = 54_321
"""The one grant of its year that release 1 hides, with the 6,600 EUR of the year after."""
SAME = {2018: [20_000, 21_000, 22_000, 23_000]}
TWO = [900, 950]
SHARED = {2017: [500], 2018: [700] * 5}
LARGE = {2017: [80_000], 2018: [1_000] * 5, 2019: [90_000, *[1_000] * 3]}
LISTS: dict[str, tuple[dict[int, list[int]], ...]] = {
    "HIDDEN": (
        {2016: [GRANT], 2017: [1_650] * 4, **SAME},
        {2016: [GRANT, 14_000, 14_000], 2017: [1_650] * 4, **SAME},
        {2016: [GRANT, *[14_000] * 9], 2017: [1_650] * 4, **SAME},
    ),
    "ONE-MORE": (
        {2016: [50_000] * 7, 2017: [60_000] * 5},
        {2016: [*[50_000] * 7, 77_777], 2017: [60_000] * 5},
        {2016: [*[50_000] * 7, 77_777, 70_000, 70_000], 2017: [60_000] * 5},
    ),
    "ONE-EACH": ({2016: [11], 2017: [12], 2018: [13], 2019: [90, 90, 90, 91], 2020: [70, 70, 71]},) * 3,
    "TWO-EACH": ({2016: [11, 12], 2017: [13, 14], 2018: [90, 91, 92, 93], 2019: [80, 81, 82, 83, 84]},) * 3,
    "DOMINATED": ({2016: [99_000, 500, 500], 2017: [40_000] * 5, 2018: [41_000] * 6},) * 3,
    "CORRECTED": (
        {2016: [100, 110, 120, 130], 2017: [100, 110, 120, 130]},
        {2016: [100, 110, 120, 133], 2017: [100, 110, 120, 130]},
        {2016: [100, 110, 120, 133], 2017: [100, 110, 120, 130]},
    ),
    "SHARED": (
        {2016: TWO, **SHARED, 2019: [800] * 7},
        *({2016: [*TWO, *[600] * 9], **SHARED, 2019: [800] * 7},) * 2,
    ),
    "SUM-SHARED": (
        LARGE,
        *({**LARGE, 2020: [30_000] * 10},) * 2,
    ),
    "ALIKE": ({2016: [100, 110, 120], 2017: [100, 110, 120, 130]},) * 3,
}


def catalogue(release: int) -> bytes:
    """An export of the Förderkatalog with the grants of every case as they are in one release."""
    head, example, *_ = bundled_bytes("foerderkatalog").decode("latin-1").splitlines()
    rows = [
        example.replace("SYN00001", f"{ministry}-{year}-{number}")
        .replace('="BMAS"', f'="{ministry}"')
        .replace("01.01.2022", f"01.03.{year}")
        .replace("1.234.567,89", f"{amount},00")
        for ministry, releases in LISTS.items()
        for year, amounts in releases[release].items()
        for number, amount in enumerate(amounts)
    ]
    return "\r\n".join([head, *rows, ""]).encode("latin-1")


def read(settings, statement: str, *values) -> list[tuple]:
    return query(settings, statement, *values, role=database.BI_READER)


@pytest.fixture(scope="module")
def template(cluster, tmp_path_factory):
    """Settings of a warehouse with three publications, made by three builds; only read by the tests."""
    from tests import conftest

    folder = tmp_path_factory.mktemp("grants")
    with conftest._fresh_database(cluster, conftest.TEMPLATE) as name:
        settings = conftest._parsed_before(conftest._own_folders(conftest.on_database(cluster, name), folder), name)
        for source in SOURCES:
            accept(settings, source)
        for release, day in enumerate(("2025-03-31", "2025-06-30", "2025-09-30")):
            accept(settings, "foerderkatalog", catalogue(release), f"foerderkatalog_{day}.csv")
            assert build.run(settings) == release + 1
        yield settings


def shown(settings, publication: int, ministry: str) -> dict[str, tuple[int, Decimal]]:
    """What a reader sees of a case: year -> grants and EUR."""
    rows = read(
        settings,
        "select begin_year, operations, granted_eur from marts_history.funding_granted"
        " where publication_id = %s and funder = %s and operations is not null",
        publication,
        ministry,
    )
    return {year: (operations, granted) for year, operations, granted in rows}


@pytest.mark.long
def test_a_year_that_was_hidden_is_not_left_by_subtracting_a_later_release(template):
    assert set(shown(template, 1, "HIDDEN")) == {"all", "2018"}
    # all years of release 1 less what is shown, less 2017 of release 2: the one grant, were 2017 shown
    subtracted = (
        "select one.rest - two.granted_eur from"
        " (select sum(case begin_year when 'all' then granted_eur else -granted_eur end) as rest"
        " from marts_history.funding_granted where publication_id = 1 and funder = 'HIDDEN') as one"
        " cross join marts_history.funding_granted as two"
        " where two.publication_id = %s and two.funder = 'HIDDEN' and two.begin_year = '2017'"
    )
    (rest,) = read(template, subtracted.replace("two.granted_eur", "6600"), 1)
    assert rest == (GRANT,)
    assert read(template, subtracted, 2) == read(template, subtracted, 3) == [(None,)]
    # two more grants are told neither by the year nor by all years; nine more leave 2016 uncertain enough
    assert set(shown(template, 2, "HIDDEN")) == {"2018"}
    assert set(shown(template, 3, "HIDDEN")) == {"all", "2018"}


@pytest.mark.long
def test_what_the_sums_of_two_releases_share_does_not_tell_the_rest(template):
    assert set(shown(template, 1, "SHARED")) == {"all", "2019"}
    assert set(shown(template, 1, "SUM-SHARED")) == {"2018"}
    rest = (
        "select sum(case begin_year when 'all' then granted_eur else -granted_eur end), count(granted_eur)"
        " from marts_history.funding_granted where publication_id = %s and funder = %s and operations is not null"
    )
    for later in (2, 3):
        # nine more of 2016 are enough, but 2017 and 2018 are in both rests: what one has more is the two grants
        assert set(shown(template, later, "SHARED")) == {"all", "2019"}
        (one,), (two,) = read(template, rest, 1, "SHARED"), read(template, rest, later, "SHARED")
        assert one[0] == sum(TWO) + 4_000 and two[0] - one[0] == 9 * 600
        # all years would leave 2017 and 2019, and these with 2018 are the dominated sum of release 1
        assert set(shown(template, later, "SUM-SHARED")) == {"2018", "2020"}


@pytest.mark.long
def test_one_grant_more_than_before_shows_in_no_difference(template):
    assert set(shown(template, 1, "ONE-MORE")) == {"all", "2016", "2017"}
    assert set(shown(template, 2, "ONE-MORE")) == {"2017"}
    # three more than in release 1; that they are two more than in release 2 nobody knows who was not shown that one
    third = shown(template, 3, "ONE-MORE")
    assert set(third) == {"all", "2016", "2017"} and third["2016"][0] == 10
    # an amount that is corrected is one grant, too
    assert set(shown(template, 1, "CORRECTED")) == {"all", "2016", "2017"}
    assert set(shown(template, 2, "CORRECTED")) == set(shown(template, 3, "CORRECTED")) == {"2017"}


@pytest.mark.long
def test_no_two_publications_differ_by_a_grant_or_two(template):
    differing = read(
        template,
        "select a.funder, a.begin_year, b.operations - a.operations, b.granted_eur - a.granted_eur"
        " from marts_history.funding_granted as a inner join marts_history.funding_granted as b"
        " using (funder, region_code, begin_year) where a.publication_id < b.publication_id"
        " and (a.operations, a.granted_eur) is distinct from (b.operations, b.granted_eur)"
        " and a.operations is not null and b.operations is not null",
    )
    assert differing and all(abs(grants) >= 3 for _, _, grants, _ in differing), differing


@pytest.mark.long
@pytest.mark.parametrize("publication", [1, 2, 3])
def test_hidden_years_cannot_be_solved_for_from_their_sum(template, publication):
    rests = read(
        template,
        "select funder, count(*) filter (where operations is null) as years,"
        " sum(case begin_year when 'all' then operations else -operations end) as grants"
        " from marts_history.funding_granted where publication_id = %s group by funder"
        " having bool_or(operations is not null) filter (where begin_year = 'all')",
        publication,
    )
    assert {funder for funder, *_ in rests} >= {"ONE-EACH", "TWO-EACH", "DOMINATED", "ALIKE"}
    for funder, years, grants in rests:
        assert years == grants == 0 or (years >= 2 and grants >= years + 2 and grants != 2 * years), funder
    assert set(shown(template, publication, "ALIKE")) == {"all", "2016", "2017"}, "a safe table is shown whole"
    assert "2016" not in shown(template, publication, "DOMINATED")


@pytest.mark.long
def test_a_confidential_row_says_nothing_else(template):
    rows = read(
        template,
        "select operations, total_cost_eur, granted_eur, granted_pct, evidence, is_synthetic"
        " from marts_history.funding_granted where reason = 'confidential'",
    )
    assert rows and set(rows) == {(None, None, None, None, "synthetic", True)}
    nodes = read(
        template,
        "select row_key, value, first_line, last_line, row_numbers from marts_history.provenance"
        " where mart = 'funding_granted' and figure = 'granted_eur'",
    )
    # lines of shown cells would be all lines but those of hidden ones
    assert nodes and {node[2:] for node in nodes} == {(None, None, None)}
    hidden = {
        f"{sha256}|{funder}|{region}|{year}"
        for sha256, funder, region, year in read(
            template,
            "select source_sha256, funder, region_code, begin_year from marts_history.funding_granted"
            " where operations is null",
        )
    }
    assert hidden and not hidden & {row_key for row_key, *_ in nodes}
    # nor how many rows the list has, of which the rest would be what is hidden
    counted = "select distinct records, loaded, rejected from marts.publication_source where source = %s"
    assert read(template, counted, "foerderkatalog") == [(None, None, None)]
    assert read(template, counted, "eu2_series") != [(None, None, None)]


@pytest.mark.long
@pytest.mark.nightly
def test_a_build_of_the_same_lists_says_the_same(template):
    held = "select content_id from published.publication_mart where mart = 'funding_granted' and publication_id = %s"
    accept(template, "employment")
    fourth = build.run(template)
    assert query(template, held, fourth) == query(template, held, 3)
