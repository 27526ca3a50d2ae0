"""Marts of surveys on the bundled deliveries: what the source prints, and estimates beside R's package survey."""

import csv
import io
import shutil
import subprocess
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import pytest

from ingest import contracts
from ingest.deliveries import pseudonyms
from lagebild.core.settings import Settings
from lagebild.review import pending
from lagebild.warehouse import build
from tests import make_bundled, microdata
from tests.inboxes import drain
from tests.support import accept, build_models, bundled_bytes, drop, query

SOURCE, PURPOSE = "mikrozensus_microdata", "mikrozensus_microdata"
SIZES = {name: code for code, name in microdata.SIZES.items()}
AGES = ((5, "ALT000B05"), (15, "ALT005B15"), (65, "ALT015B65"), (999, "ALT065UM"))
SEXES = {"M": "male", "W": "female", "D": "diverse"}


def persons(held_by: str, file: bytes) -> list[dict[str, str]]:
    """The persons of a file as R reads them, made anew from the words of the contract: one row a person and period."""
    rows = []
    for row in csv.DictReader(io.StringIO(file.decode()), delimiter=";"):
        age, has = int(row["Alter"]), row["Migrationshintergrund"] != "kein"
        at_work, none = row["Erwerbsstatus"], "NA"
        answers = {
            "migration_background_wider": has,
            "migration_background_narrow": row["Migrationshintergrund"] == "im engeren Sinne",
            "background_inferred": row["Ermittlung"] == "abgeleitet" if has else none,
            "employed": at_work == "erwerbstätig" if 15 <= age <= 64 else none,
            "unemployed": at_work == "erwerbslos"
            if 15 <= age <= 74 and at_work in ("erwerbstätig", "erwerbslos")
            else none,
            "low_education": row["Bildungsstand"] == "niedrig" if 25 <= age <= 64 else none,
        }
        person = {
            **{"held_by_ags": held_by, "stratum": row["Schicht"], "district": row["AWBNummerFremd"]},
            **{"state": row["LAND"], "size_class": SIZES[row["Gemeindegrößenklasse"]], "sex": SEXES[row["Geschlecht"]]},
            "age_group": next(group for below, group in AGES if age < below),
            "background_group": "with" if has else "without",
            **{f"yes_{measure}": answer if answer == none else int(answer) for measure, answer in answers.items()},
        }
        for period, weight in (("", "Jahres"), (f"-Q{row['TPBerichtsquartal']}", "Quartals")):
            weighted = row[f"{weight}hochrechnungsfaktor"].replace(",", ".")
            rows.append(person | {"reference_period": row["Berichtsjahr"] + period, "weight": weighted})
    return rows


def by_r(folder: Path, rows: list[dict[str, str]]) -> tuple[dict[tuple, tuple[float, float]], str]:
    """Share and standard error by key, and which versions computed them; skips where R or its package is not there."""
    if not shutil.which("Rscript"):
        pytest.skip("R is not installed: apt-get install r-cran-survey")
    script = Path(__file__).with_name("estimates.R")
    with (folder / "persons.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    command = ["Rscript", "--vanilla", str(script), str(folder / "persons.csv")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "there is no package called" in done.stderr:
        pytest.skip("R's package survey is not installed: apt-get install r-cran-survey")
    assert done.returncode == 0, done.stderr
    *lines, versions = done.stdout.splitlines()
    found = {}
    for row in csv.DictReader(lines):
        groups = dict.fromkeys(("size_class", "sex", "age_group", "background_group"), "all")
        if row["dimension"] != "all":
            groups[row["dimension"]] = row["level"]
        key = (row["held_by_ags"], row["reference_period"], row["region_code"], row["measure"], *groups.values())
        found[key] = (float(row["share"]), float(row["standard_error"]))
    return found, versions


def computed(settings: Settings) -> dict[tuple, tuple]:
    """Share, standard error and lone strata of each estimate as the build has it, before anything is kept back."""
    statement = (
        "select held_by_ags, reference_period, region_code, measure, size_class, sex, age_group, background_group,"
        " share, standard_error, lone_strata from build.int_survey__mikrozensus_estimate"
    )
    return {row[:8]: row[8:] for row in query(settings, statement)}


def compare(own: dict[tuple, tuple], theirs: dict[tuple, tuple[float, float]]) -> None:
    """Every estimate equal to 6 digits, and none that only one of the two has."""
    theirs = {
        key: value
        for key, value in theirs.items()
        if key[5] != "diverse" and (key[7] == "all" or "background" not in key[3])
    }
    assert set(own) == set(theirs)
    wrong = {
        key: (own[key], theirs[key])
        for key in own
        if any(abs(float(mine) - their) > 1e-7 for mine, their in zip(own[key][:2], theirs[key], strict=True))
    }
    assert wrong == {}


def test_estimates_are_those_of_r(published_warehouse, tmp_path):
    own = computed(published_warehouse)
    theirs, _ = by_r(tmp_path, persons("05913000", bundled_bytes(SOURCE)))
    compare(own, theirs)
    periods = {key[1] for key in own}
    assert periods == {"2020", *(f"2020-Q{quarter}" for quarter in range(1, 5))}
    # designs with strata, domains (a state, a sex) and strata of one district
    assert {period for period in periods if any(own[key][2] for key in own if key[1] == period)} == periods
    # persons that lived nowhere near each other would give smaller errors than districts do
    assert len(own) > 200


@pytest.mark.long
@pytest.mark.nightly
def test_estimates_of_three_designs_are_those_of_r(warehouse, tmp_path):
    rows = []
    designs = (("05911000", 6000, 8, ("05", "09", "14")), ("05112000", 3000, 20, ("05", "14")))
    designs += (("05315000", 20_000, 5, tuple(microdata.STATES)),)
    for ags, number, households, states in designs:
        pseudonyms.ensure_key(warehouse.keys, ags, PURPOSE)
        content = microdata.content(number, seed=int(ags[2:5]), households=households, states=states)
        accept(warehouse, SOURCE, content, f"mikrozensus_{ags}_2020.csv")
        rows += persons(ags, content)
    build_models(warehouse, "int_survey__mikrozensus_estimate")
    own = computed(warehouse)
    compare(own, by_r(tmp_path, rows)[0])
    assert {key[0] for key in own if own[key][2]} == {ags for ags, *_ in designs}


def test_what_is_unreliable_is_not_shown(published_warehouse):
    rows = query(
        published_warehouse,
        "select m.value_sign, m.reason, m.share_pct, m.cases, e.base_cases, e.yes_cases, e.clusters"
        " from marts.mikrozensus_estimate as m inner join build.int_survey__mikrozensus_estimate as e using"
        " (held_by_ags, reference_period, region_code, measure, size_class, sex, age_group, background_group)",
    )
    for sign, reason, share, cases, base, yes, clusters in rows:
        weaker = min(base, yes)
        expected = (
            "/" if weaker < 71 or clusters < 2 else "." if 0 < base - yes < 3 else "()" if weaker <= 120 else None
        )
        assert sign == expected
        assert (reason is None) == (share is not None) == (cases is not None)
        assert cases is None or (cases % 5 == 0 and abs(cases - base) <= 2)
    assert {row[0] for row in rows} >= {"/", "()", None}
    assert query(published_warehouse, "select distinct evidence from marts.mikrozensus_estimate") == [("synthetic",)]


def published_shares() -> dict[str, tuple[str, str, Decimal]]:
    """Figure -> measure, condition on the mart and value as the report prints it."""
    of = microdata.published
    total = "region_code = '00' and (size_class, sex, age_group, background_group) = ('all', 'all', 'all', 'all')"
    return {
        "wider": ("migration_background_wider", total, of("DG", "X-ANTMH", "X-WEIT")),
        "narrow": ("migration_background_narrow", total, of("DG", "X-ANTMH", "X-ENG")),
        "under five": (
            *("migration_background_wider", "region_code = '00' and age_group = 'ALT000B05'"),
            of("DG", "X-ANTMH", "X-WEIT", "ALT000B05"),
        ),
        "rural, narrow": (
            *("migration_background_narrow", "region_code = '00' and size_class = 'X-LAND'"),
            of("DG", "X-ANTMH", "X-ENG", "X-U5T"),
        ),
        "big cities, read as wider": (
            *("migration_background_wider", "region_code = '00' and size_class = 'X-GROSS'"),
            of("DG", "X-ANTMH", "X-OHNE", "X-GROSS"),
        ),
    }


def weighted(rows: Iterable[dict[str, str]], is_part, is_counted) -> tuple[Decimal, Decimal]:
    """Weights of the part, and of those of it that count."""
    part = [row for row in rows if is_part(row)]
    weight = lambda row: Decimal(row["Jahreshochrechnungsfaktor"].replace(",", "."))  # noqa: E731
    return sum(map(weight, part)), sum(weight(row) for row in part if is_counted(row))


@pytest.mark.parametrize("number", [360, 20_000])
def test_weighted_shares_are_the_published_ones(number):
    if number == 360:
        content = bundled_bytes(SOURCE)
        assert content == make_bundled.files()[make_bundled.BUNDLED / SOURCE / contracts.load(SOURCE).example]
    else:
        content = microdata.content(number)
    rows = list(csv.DictReader(io.StringIO(content.decode()), delimiter=";"))
    assert len(rows) == number and {row["Herkunft"] for row in rows} == {"synthetisch"}

    def share(is_part, is_counted) -> Decimal:
        whole, part = weighted(rows, is_part, is_counted)
        return round(100 * part / whole, 1)

    def everybody(row) -> bool:
        return True

    def has(row) -> bool:
        return row["Migrationshintergrund"] != microdata.NONE

    def narrow(row) -> bool:
        return row["Migrationshintergrund"] == microdata.NARROW

    def east(row) -> bool:
        return row["LAND"] in microdata.EAST

    of = microdata.published
    assert share(everybody, has) == of("DG", "X-ANTMH", "X-WEIT")
    assert share(everybody, narrow) == of("DG", "X-ANTMH", "X-ENG")
    assert share(lambda row: int(row["Alter"]) < 5, has) == of("DG", "X-ANTMH", "X-WEIT", "ALT000B05")
    assert share(east, has) == of("X-OST", "X-ANTMH", "X-WEIT")
    assert share(lambda row: not east(row), has) == of("X-WEST", "X-ANTMH", "X-WEIT")
    assert share(has, east) == of("X-OST", "X-ANTVT", "X-WEIT")
    millions = [round(weighted(rows, part, has)[1] / 1_000_000, 1) for part in (everybody, east)]
    assert millions == [of(region, "X-BEVMH", "X-WEIT", unit="1000000") for region in ("DG", "X-OST")]
    for code, name in microdata.SIZES.items():
        of_size = lambda row, name=name: row["Gemeindegrößenklasse"] == name  # noqa: E731
        assert share(has, of_size) == of("DG", "X-ANTVT", "X-OHNE", code)
        if code == "X-LAND":
            assert share(of_size, narrow) == of("DG", "X-ANTMH", "X-ENG", "X-U5T")
    two_classes = lambda row: row["Gemeindegrößenklasse"] in ("Kleinstadt", "Landgemeinde")  # noqa: E731
    assert share(two_classes, has) == of("DG", "X-ANTMH", "X-OHNE", "X-U20T")


def test_too_few_persons_for_the_shares_are_refused():
    with pytest.raises(ValueError, match="too few persons"):
        microdata.content(20)


def test_of_two_offices_that_hold_the_very_same_file_each_is_read(warehouse):
    content = bundled_bytes(SOURCE)
    for ags in ("05913000", "05315000"):
        pseudonyms.ensure_key(warehouse.keys, ags, PURPOSE)
        drop(warehouse, SOURCE, content, f"mikrozensus_{ags}_2020.csv")
        drain(warehouse, SOURCE)
        (decided,) = pending.check_pending(warehouse, SOURCE)
        assert decided.state == "accepted", decided.reason
    build_id = build.begin(warehouse)
    read = "select period from raw.build_input where build_id = %s order by period"
    assert query(warehouse, read, build_id) == [("05315000_2020",), ("05913000_2020",)]
    # the same office's file for another year is held, as ever
    drop(warehouse, SOURCE, content, "mikrozensus_05913000_2021.csv")
    drain(warehouse, SOURCE)
    (again,) = pending.check_pending(warehouse, SOURCE)
    assert again.state == "held" and "the same bytes came as delivery 1" in again.reason


@pytest.mark.long
@pytest.mark.nightly
def test_half_a_million_persons_give_the_published_shares(warehouse):
    pseudonyms.ensure_key(warehouse.keys, "05913000", PURPOSE)
    accept(warehouse, SOURCE, microdata.content(500_000), "mikrozensus_05913000_2020.csv")
    build_models(warehouse, "mikrozensus_estimate")
    for figure, (measure, condition, printed) in published_shares().items():
        ((share, error, sign),) = query(
            warehouse,
            "select share_pct, standard_error_pct, value_sign from build.mikrozensus_estimate"
            f" where weight_kind = 'year' and measure = '{measure}' and {condition}",
        )
        assert (round(share, 1), sign) == (printed, None), figure
        assert 0 < error < 1, figure


def test_printed_figures_of_size_classes_hold_together(published_warehouse):
    mart = "select {} from marts.migration_background where {} order by population_group"
    classes = "size_class in ('X-GROSS', 'X-MITTEL', 'X-KLEIN', 'X-LAND') and distribution_pct is not null"
    ((whole,),) = query(published_warehouse, mart.format("sum(distribution_pct)", classes).split(" order")[0])
    assert whole == Decimal("100.0")
    rural = query(
        published_warehouse,
        "select reference_year, share_pct, share_low_pct, share_high_pct, sense_basis, change_points, change_reason"
        " from marts.migration_background where size_class = 'X-U5T' order by 1",
    )
    bounds = [Decimal(text) for text in ("6.8", "6.75", "6.85", "11.4", "11.35", "11.45")]
    assert rural == [
        (2005, *bounds[:3], "stated", None, "no_earlier_year"),
        (2020, *bounds[3:], "stated", None, "across_break"),
    ]
    # which sense the rates of big cities and of small municipalities have decides what is left for mid-size towns
    values = dict(query(published_warehouse, mart.format("population_group, share_pct", "sense = 'not_stated'")))
    parts = dict(query(published_warehouse, mart.format("population_group, distribution_pct", classes)))
    for sense, rate in (("wider", "32.1"), ("narrow", "23.3")):
        ((all_over,),) = query(
            published_warehouse,
            "select share_pct from marts.migration_background where region_code = '00' and reference_year = 2020"
            f" and sense = '{sense}' and population_group = 'total'",
        )
        small = (parts["X-KLEIN"] + parts["X-LAND"]) / values["X-U20T"]
        left = 100 / all_over - parts["X-GROSS"] / values["X-GROSS"] - small
        assert round(parts["X-MITTEL"] / left, 1) == Decimal(rate)


def test_the_east_holds_as_many_as_its_rounded_counts_allow(published_warehouse):
    ((*found, verdict),) = query(
        published_warehouse,
        "select distribution_pct, distribution_recomputed_pct, distribution_recomputed_low_pct,"
        " distribution_recomputed_high_pct, distribution_verdict"
        " from marts.migration_background where region_code = 'X-OST'",
    )
    assert (found, verdict) == ([Decimal(text) for text in ("5.1", "5.02", "4.78", "5.26")], "agrees")
    # 21.9 m are 26.7 % of another population than 15.3 m were 18.6 % of
    bases = query(
        published_warehouse,
        "select reference_year, base_persons_low, base_persons_high, population_base, result_status, sense_basis"
        " from marts.migration_background where region_code = '00' and base_persons_low is not null order by 1",
    )
    assert bases == [
        (2005, 81_769_437, 82_749_326, "not_stated", "not_stated", "inferred"),
        (2020, 81_682_243, 82_363_977, "not_stated", "final", "stated"),
    ]


def test_answers_are_as_printed(published_warehouse):
    rows = query(
        published_warehouse,
        "select survey, item, share_pct, share_low_pct, share_high_pct, reason, region_name"
        " from marts.survey_result order by line_number",
    )
    assert [row[:5] for row in rows[:2]] == [
        ("desi_2016", "cross_cutting_task", Decimal("58.9"), Decimal("58.85"), Decimal("58.95")),
        ("desi_2016", "integration_concept", Decimal("52.7"), Decimal("52.65"), Decimal("52.75")),
    ]
    assert {row[0]: (row[2], row[5], row[6]) for row in rows if row[0].startswith("leipzig")} == {
        f"leipzig_{year}": (None, "not_printed", "Leipzig") for year in (2016, 2020)
    }
