"""A city's own rows: read, checked with file and line, united with the seeds, and part of what makes a figure."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from lagebild.core import settings as settings_module
from lagebild.core.errors import UserError
from lagebild.core.settings import DBT_PROJECT
from lagebild.core.version import code_version
from lagebild.warehouse import build, overlay
from tests import conftest
from tests import publications as prepared
from tests.ingest.support import command
from tests.support import query, run_dbt, step

HEADER = (
    "method,municipality_ags,valid_from_year,valid_to_year,product_code,account_code,cost_area,treatment,"
    "exclusion_reason,cost_basis,bearer,attribution_rule,remark"
)
ROW = "dortmund_2019,05911000,2019,,440101,529100,Soziales,attributed,,gross,municipality,none,Leistungen B"
OPEN = 'dortmund_2019,05911000,2019,,440102,529100,,,,not_stated,,,"Leistungen C, offen: 5.00 EUR"'
CIRCUMSTANCES = "municipality_ags,valid_from_year,valid_to_year,dimension,value,source_document,note"
CIRCUMSTANCE = "05911000,2019,2021,cost_basis,gross,Haushaltsplan 2019,"


@pytest.fixture
def city(tmp_path):
    return conftest.settings_in(tmp_path)


def write(settings, *lines: str, name: str = "cost_mapping.csv", encoding: str = "utf-8", end: str = "\n") -> Path:
    settings.config.mkdir(parents=True, exist_ok=True)
    path = settings.config / name
    path.write_bytes("".join(line + end for line in lines).encode(encoding))
    return path


def test_the_headers_are_those_of_the_seeds():
    for name, header in (("cost_mapping", HEADER), ("municipal_circumstance", CIRCUMSTANCES)):
        seed = (DBT_PROJECT / "seeds" / f"{name}.csv").read_text(encoding="utf-8").splitlines()[0]
        assert header == seed == ",".join(overlay._form(name).header)


def test_without_a_folder_nothing_is_added_and_the_version_is_the_codes(city):
    assert overlay.rows(city.config) == [] and overlay.version("1+a", []) == "1+a"
    assert overlay.lines(city.config) == [f"{city.config}: nothing of your own, there is no such folder"]
    city.config.mkdir(parents=True)
    assert overlay.lines(city.config) == [f"{city.config}: nothing of your own"]


def test_the_folder_is_a_setting_that_tasks_see_too(tmp_path):
    own = settings_module.load({"LAGEBILD_CONFIG_DIR": str(tmp_path / "mine")})
    assert own.config == tmp_path / "mine"
    assert settings_module.load(own.variables()).config == own.config
    assert settings_module.load({"LAGEBILD_HOME": str(tmp_path)}).config == tmp_path / "config"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_rows_are_read_as_a_spreadsheet_or_the_command_writes_them(city, encoding, end, delimiter):
    text = [line.replace(",", delimiter) for line in (HEADER, ROW)]
    # put below with its header, as `lagebild figure unmapped >>` does it; blank lines are none
    other = ROW.replace("440101", "440109").replace(",", delimiter)
    write(city, *text, "", text[0], other, encoding=encoding, end=end)
    assert [(row.line, row.fields["product_code"]) for row in overlay.rows(city.config)] == [
        (2, "440101"),
        (5, "440109"),
    ]
    assert "valid_to_year" not in overlay.rows(city.config)[0].fields


def test_a_row_that_nobody_filled_in_decides_nothing_and_is_counted(city):
    path = write(city, HEADER, ROW, OPEN)
    assert [row.fields["product_code"] for row in overlay.rows(city.config)] == ["440101"]
    assert overlay.lines(city.config) == [f"{path}: 2 rows, 1 not filled in (first: line 3)"]
    assert command(city, "config").output == f"{path}: 2 rows, 1 not filled in (first: line 3)\n"


def test_columns_are_told_by_name_and_those_that_may_be_empty_may_be_missing(city):
    write(city, "treatment,cost_area,account_code,product_code,valid_from_year,municipality_ags,method",
          "excluded,Jugend,1,2,2020,05911000,dortmund_2019")  # fmt: skip
    (row,) = overlay.rows(city.config)
    assert (row.fields["treatment"], row.fields["product_code"], row.fields["account_code"]) == ("excluded", "2", "1")


def changed(column: str, value: str) -> str:
    fields = dict(zip(HEADER.split(","), next(csv.reader([ROW])), strict=True)) | {column: value}
    return ",".join(fields.values())


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([HEADER.replace("cost_area", "cost_aera"), ROW], "line 1: there is no column 'cost_aera'.*you mean cost_area"),
        ([HEADER.replace("remark", "method"), ROW], "line 1: column method stands there twice"),
        ([HEADER.replace("account_code,", ""), ROW], "line 1: column account_code is missing"),
        ([HEADER, ROW + ",more"], "line 2 has 14 fields, and the header has 13"),
        ([HEADER, ROW, changed("remark", '"never closed')], "line 3: unexpected end of data"),
        ([HEADER, changed("municipality_ags", "5911000")], "line 2: municipality_ags 5911000: an AGS has 8 digits"),
        ([HEADER, changed("municipality_ags", "")], "line 2: municipality_ags is empty"),
        ([HEADER, changed("product_code", "")], "line 2: product_code is empty"),
        ([HEADER, changed("valid_from_year", "19")], "line 2: valid_from_year 19 is no year"),
        ([HEADER, changed("valid_to_year", "2018")], r"line 2: it ends \(2018\) before it begins \(2019\)"),
        ([HEADER, changed("method", "dortmund_2091")], "line 2: method 'dortmund_2091' is not known.*dortmund_2019"),
        ([HEADER, changed("cost_area", "Sociales")], "line 2: cost_area 'Sociales' is not known.*you mean Soziales"),
        ([HEADER, changed("cost_area", "")], "line 2: cost_area is empty"),
        ([HEADER, changed("treatment", "atributed")], "line 2: treatment 'atributed' is not known"),
        ([HEADER, changed("exclusion_reason", "revenue")], "line 2: what is attributed has no exclusion_reason"),
        ([HEADER, changed("cost_basis", "brutto")], "line 2: cost_basis 'brutto' is not known"),
        ([HEADER, changed("bearer", "city")], "line 2: bearer 'city' is not known"),
        ([HEADER, changed("attribution_rule", "share")], "line 2: attribution_rule 'share' is not known"),
        ([HEADER, ROW, changed("valid_from_year", "2021")], "line 3 holds for the same years as line 2: dortmund_2019"),
    ],
)  # fmt: skip
def test_what_the_seeds_tests_would_fail_on_is_named_with_file_and_line(city, lines, said):
    path = write(city, *lines)
    with pytest.raises(UserError, match=f"(?s){path}: {said}") as refused:
        overlay.rows(city.config)
    assert refused.value.remedy


def test_rows_that_follow_each_other_in_time_are_no_overlap(city):
    write(city, HEADER, changed("valid_to_year", "2020"), changed("valid_from_year", "2021"))
    assert len(overlay.rows(city.config)) == 2


def test_a_row_of_the_product_is_not_contradicted(city):
    seed = (DBT_PROJECT / "seeds" / "cost_mapping.csv").read_text(encoding="utf-8").splitlines()
    path = write(city, HEADER, seed[1])
    with pytest.raises(UserError, match=f"{path}: line 2 holds for the same years as line 2 of the product's cost_map"):
        overlay.rows(city.config)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (CIRCUMSTANCE.replace("cost_basis", "basis"), "dimension 'basis' is not known"),
        (CIRCUMSTANCE.replace("gross", "brutto"), "cost_basis 'brutto' is not known"),
        (CIRCUMSTANCE.replace("2021", ""), "valid_to_year is empty"),
        (CIRCUMSTANCE.replace("Haushaltsplan 2019", ""), "source_document is empty"),
        (CIRCUMSTANCE.replace("2019,2021", "2021,2023"), "holds for the same years as line 2"),
    ],
)
def test_circumstances_are_checked_likewise(city, line, said):
    name = "municipal_circumstance.csv"
    path = write(city, CIRCUMSTANCES, CIRCUMSTANCE, line, name=name)
    with pytest.raises(UserError, match=f"{path}: line 3:? {said}"):
        overlay.rows(city.config)


def test_a_file_of_another_name_or_encoding_is_refused(city):
    path = write(city, HEADER, ROW, changed("remark", "Kämmerei"), encoding="iso-8859-1")
    with pytest.raises(UserError, match=f"{path}: line 3 is not UTF-8"):
        overlay.rows(city.config)
    path.unlink()
    path = write(city, HEADER, name="cost_maping.csv")
    with pytest.raises(UserError, match=r"is nothing that is read(?s:.*)did you mean cost_mapping\.csv"):
        overlay.rows(city.config)
    path.unlink()
    (city.config / ".git").mkdir()
    (city.config / "README.md").touch()
    assert overlay.rows(city.config) == []
    (city.config / "contract").mkdir()
    with pytest.raises(UserError, match=r"is nothing that is read(?s:.*)did you mean contracts\?"):
        overlay.rows(city.config)


def test_all_that_a_city_configures_is_listed_with_file_and_line(city):
    mapping = write(city, HEADER, ROW, OPEN)
    layouts = city.config / "contracts" / "ledger.yml"
    layouts.parent.mkdir()
    layouts.write_text('layouts:\n  - {name: own, municipality: "05911000", from: 2024, encoding: utf-8}\n')
    pulled = write(city, "entries:", "  - {id: 12411-0042, connector: genesis, host: destatis, contract: genesis,"
                   " years: 2019-, schedule: 0 5 * * 1, title: Mine}", name="catalogue.yml")  # fmt: skip
    assert command(city, "config").output.splitlines() == [
        f"{mapping}: 2 rows, 1 not filled in (first: line 3)",
        f"{layouts}:2: layout own: ledger 05911000, 2024 to: encoding",
        f"{pulled}:2: 12411-0042 (destatis, 2019-, at 0 5 * * 1, read by genesis): Mine",
    ]
    found = json.loads(command(city, "config", "--format", "json").output)
    assert found["folder"] == str(city.config) and [row["line"] for row in found["rows"]] == [2, 3]
    assert [row["is_filled_in"] for row in found["rows"]] == [True, False]
    assert found["rows"][0]["cost_area"] == "Soziales"
    (layout,), (entry,) = found["layouts"], found["catalogue"]
    assert (layout["source"], layout["municipality"], layout["encoding"]) == ("ledger", "05911000", "utf-8")
    assert (entry["id"], entry["path"], entry["line"]) == ("12411-0042", str(pulled), 2)


def test_a_changed_row_makes_a_build_due_and_the_order_of_rows_does_not(warehouse):
    prepared.fill(warehouse)
    prepared.publish(warehouse)
    assert build.is_current(warehouse)
    write(warehouse, HEADER, ROW, changed("product_code", "440109"))
    assert not build.is_current(warehouse)
    build_id = prepared.begin(warehouse)
    assert build.publish_build(warehouse, build_id) == 2 and build.is_current(warehouse)
    ((version,),) = query(warehouse, "select code_version from published.publication where publication_id = 2")
    assert version.startswith(f"{code_version()}.")
    write(warehouse, HEADER, changed("product_code", "440109"), ROW)
    assert build.is_current(warehouse)
    write(warehouse, HEADER, ROW.replace("gross", "net"))
    assert not build.is_current(warehouse)


def test_a_build_that_waits_is_not_published_with_other_rows_than_were_checked(warehouse):
    prepared.fill(warehouse)
    prepared.deliver(warehouse)
    build_id = prepared.begin(warehouse)
    step(warehouse, build.wait_for_approval, build_id)
    write(warehouse, HEADER, ROW)
    with pytest.raises(UserError, match="the city's own rows changed"):
        build.approve(warehouse)


def test_a_faulty_row_stops_a_build_before_it_begins(warehouse):
    prepared.deliver(warehouse)
    write(warehouse, HEADER, changed("bearer", "city"))
    with pytest.raises(UserError, match="line 2: bearer 'city' is not known"):
        build.run(warehouse)
    assert query(warehouse, "select count(*) from raw.build") == [(0,)]


@pytest.mark.long
def test_the_seeds_hold_a_citys_rows_beside_the_products_and_lose_them_with_the_file(warehouse):
    write(warehouse, HEADER, ROW, OPEN)
    write(warehouse, CIRCUMSTANCES, CIRCUMSTANCE, name="municipal_circumstance.csv")
    prepared.deliver(warehouse)

    def seeded() -> tuple:
        run_dbt(warehouse, build.begin(warehouse), list(overlay.SEEDS), "--exclude-resource-type", "unit_test")
        return (
            query(
                warehouse,
                "select valid_from_year, valid_to_year, product_code, treatment, exclusion_reason, bearer"
                " from build.cost_mapping where municipality_ags = '05911000'",
            ),
            query(
                warehouse,
                "select valid_to_year, value, note from build.municipal_circumstance"
                " where municipality_ags = '05911000'",
            ),
        )

    assert seeded() == ([(2019, None, "440101", "attributed", None, "municipality")], [(2021, "gross", None)])
    (count,) = query(warehouse, "select count(*) from build.cost_mapping")
    (warehouse.config / "cost_mapping.csv").unlink()
    write(warehouse, CIRCUMSTANCES, CIRCUMSTANCE.replace("2021", "2022"), name="municipal_circumstance.csv")
    assert seeded() == ([], [(2022, "gross", None)])
    assert query(warehouse, "select count(*) from build.cost_mapping") == [(count[0] - 1,)]


def test_settings_in_another_place_are_read_from_there(city, tmp_path):
    write(city, HEADER, ROW)
    elsewhere = replace(city, config_dir=tmp_path / "elsewhere")
    assert overlay.rows(elsewhere.config) == []
