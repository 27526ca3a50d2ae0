"""The bundled deliveries hold the published figures, to the digit, and say what they made up.

Read here with the csv module alone, so that our own reader cannot hide a fault of its own.
"""

import csv
import io
import os
import re
import shutil
from collections import Counter, defaultdict
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest
import python_calamine

from tests import make_bundled as make

ROOT = Path(__file__).resolve().parents[3]
BUNDLED = ROOT / "ingest" / "bundled"
MAPPING = ROOT / "dbt_project" / "seeds" / "cost_mapping.csv"
SHARED = Path(os.environ.get("LAGEBILD_SHARED") or ROOT.parent / "shared")
PUBLISHED = SHARED / "facts" / "published_figures.csv"
AZR_SAMPLE = SHARED / "samples" / "ldb_nrw" / "12521-03i_2024.csv"
EU2 = {"125", "154"}
QUANTITIES = "reference_quantities_05913000_2019.csv"


def table(source: str, name: str, encoding: str = "utf-8") -> list[dict[str, str]]:
    """Rows of a bundled CSV; surplus fields of a row stand under None."""
    text = (BUNDLED / source / name).read_bytes().decode(encoding)
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=";"))


def german(text: str) -> Decimal:
    return Decimal(text.replace(".", "").replace(",", "."))


def ledger_rows():
    return table("ledger", "ledger_05913000_2019.csv", "iso-8859-1")


def shares() -> dict[str, tuple[Decimal, Decimal]]:
    """Attribution rule -> the group's count and everybody's."""
    counts = {(row["Größe"], row["Gruppe"]): german(row["Anzahl"]) for row in table("reference_quantity", QUANTITIES)}
    names = {
        "population_share": "Bevölkerung",
        "caseload_share": "SGB-II-Fälle",
        "pupil_share": "Schülerinnen und Schüler",
    }
    return {rule: (counts[name, "EU2"], counts[name, "alle"]) for rule, name in names.items()}


def register_rows():
    return table("register", "register_05913000_2019-12-31.csv", "iso-8859-1")


def funding_rows():
    workbook = python_calamine.load_workbook(str(BUNDLED / "funding" / "funding_programmes_2024.xlsx"))
    header, *rows = workbook.get_sheet_by_name("Programme").to_python()
    return [dict(zip(header, row, strict=True)) for row in rows]


def azr_rows(path: Path = BUNDLED / "azr_nrw" / "12521-03i_2024.csv") -> dict[tuple[str, str], list[str]]:
    """(region, nationality) -> the row's eight fields, as delivered."""
    body = path.read_bytes().decode("iso-8859-1").split("__________")[0]
    rows = [line.split(";") for line in body.splitlines() if re.match(r"\d\d\.\d\d\.\d{4};", line)]
    return {(row[1], row[3]): row for row in rows}


def mapping() -> dict[tuple[str, str], dict[str, str]]:
    with MAPPING.open(encoding="utf-8", newline="") as handle:
        return {
            (row["product_code"], row["account_code"]): row
            for row in csv.DictReader(handle)
            if row["municipality_ags"] == "05913000"
        }


def figures() -> dict[str, Decimal]:
    with (make.FACTS / "figures.csv").open(encoding="utf-8", newline="") as handle:
        return {row["figure_id"]: Decimal(row["value"]) for row in csv.DictReader(handle)}


@pytest.fixture
def published() -> dict[str, Decimal]:
    if not PUBLISHED.exists():
        pytest.skip(f"the list of published figures is not here: {PUBLISHED}")
    with PUBLISHED.open(encoding="utf-8", newline="") as handle:
        return {row["figure_id"]: Decimal(row["value"]) for row in csv.DictReader(handle)}


# --- computed files -------------------------------------------------------------------------------


def test_committed_files_are_what_make_writes():
    for path, content in make.files().items():
        assert path.read_bytes() == content, f"{path.name}: run python -m tests.make_bundled"


def test_the_reply_of_genesis_says_what_the_azr_table_says():
    reply = BUNDLED / "replies" / "destatis" / "12521-0041.2024.csv"
    rows = list(csv.DictReader(io.StringIO(reply.read_bytes().decode("utf-8-sig"), newline=""), delimiter=";"))
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in rows:
        region, country = row["1_variable_attribute_code"], row["3_variable_attribute_code"].removeprefix("ST")
        found[region, country].append(row["value"])
    azr = {key: row[5:] for key, row in azr_rows().items() if key[1] in EU2 and len(key[0]) != 3}
    dissolved = {key: azr.pop(key) for key in list(azr) if key[0] in ("05313", "05354")}
    assert set(map(tuple, dissolved.values())) == {("-", "-", "-")}
    assert dict(found) == azr and len(rows) == 324
    assert [found["05913", country][0] for country in ("125", "154")] == ["5700", "7720"]


def test_check_sees_a_changed_byte(tmp_path, monkeypatch, capsys):
    copy = tmp_path / "ingest" / "bundled"
    shutil.copytree(BUNDLED, copy)
    monkeypatch.setattr(make, "BUNDLED", copy)
    assert make.main(["--check"]) == 0
    changed = copy / "ledger" / "ledger_05913000_2019.csv"
    changed.write_bytes(changed.read_bytes().replace(b"EU2", b"EU8", 1))
    assert make.main(["--check"]) == 1
    assert "ledger_05913000_2019.csv" in capsys.readouterr().err
    assert make.main([]) == 0
    assert make.main(["--check"]) == 0


# --- ledger ---------------------------------------------------------------------------------------


def test_attributable_postings_sum_to_the_published_total():
    rules = mapping()
    direct, shared = [], defaultdict(Decimal)
    for row in ledger_rows():
        rule = rules[row["Produkt"], row["Konto"]]
        if rule["treatment"] == "attributed" and row["Zielgruppe"] == "EU2":
            direct.append(german(row["Betrag EUR"]))
        elif rule["treatment"] == "attributed" and row["Zielgruppe"] == "alle" and rule["attribution_rule"] in shares():
            shared[row["Produkt"], row["Konto"], rule["attribution_rule"]] += german(row["Betrag EUR"])
    parts = []
    for (*_, rule), amount in shared.items():
        group, everybody = shares()[rule]
        parts.append((amount * group / everybody).quantize(Decimal("0.01"), ROUND_HALF_UP))
    assert sum(direct) + sum(parts) == figures()["dortmund_cost_total_2019"]
    assert {rule for *_, rule in shared} == set(shares()), "every kind of share is exercised"
    assert all(parts)
    assert any(amount < 0 for amount in direct)
    assert any(amount % 1 for amount in direct)


def test_each_exclusion_moves_the_sum_when_it_is_forgotten():
    treatment = mapping()
    left_out = defaultdict(Decimal)
    for row in ledger_rows():
        rule = treatment[row["Produkt"], row["Konto"]]
        if rule["treatment"] == "excluded" and row["Zielgruppe"] == "EU2":
            left_out[rule["exclusion_reason"]] += german(row["Betrag EUR"])
        elif rule["treatment"] == "attributed":
            left_out[f"group {row['Zielgruppe']}"] += german(row["Betrag EUR"])
    assert set(left_out) == {
        "lasting_participation", "strengthening_neighbourhoods", "internal_charge", "investment", "revenue",
        "federal_share", "standard_benefit", "borne_by_other_level", "transfer_to_subsidiary", "outside_areas",
        "group EU2", "group andere", "group alle",
    }  # fmt: skip
    assert all(left_out.values())


def test_mapping_and_ledger_cover_each_other():
    used = {(row["Produkt"], row["Konto"]) for row in ledger_rows()}
    assert used == set(mapping())
    assert all(re.fullmatch(r"\d{6}", code) for pair in used for code in pair)


def test_product_or_area_alone_cannot_decide():
    by_product, by_area = defaultdict(set), defaultdict(set)
    for (product, _), rule in mapping().items():
        by_product[product].add(rule["treatment"])
        by_area[product[:2]].add(rule["cost_area"])
        assert (rule["treatment"] == "excluded") == bool(rule["exclusion_reason"])
        assert rule["cost_basis"] == "not_stated"
    assert sum(len(treatments) == 2 for treatments in by_product.values()) >= 5
    assert {"Soziales", "Arbeit"} <= by_area["05"]


def test_ledger_covers_the_areas_of_the_method():
    areas = {rule["cost_area"] for rule in mapping().values() if rule["treatment"] == "attributed"}
    assert areas == {
        "Soziales", "Gesundheit", "Jugend", "Ordnung", "Schule", "Wohnen", "Arbeit", "Konzerntöchter",
    }  # fmt: skip


def test_ledger_documents_are_unique_and_of_the_year():
    rows = ledger_rows()
    assert len({row["Belegnummer"] for row in rows}) == len(rows) > 300
    assert {datetime.strptime(row["Buchungsdatum"], "%d.%m.%Y").year for row in rows} == {2019}


def test_readme_lists_every_product_and_account():
    readme = (BUNDLED / "README.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| (\d{6}) [^|]*\| (\d{6}) ", readme, flags=re.MULTILINE))
    assert listed == set(mapping())


# --- register -------------------------------------------------------------------------------------


def fault(row: dict[str, str]) -> str | None:
    """Why a row of the register cannot be read; None for a valid one."""
    if None in row or None in row.values():
        return "fields"
    for name in ("Geburtsdatum", "Einzugsdatum"):
        try:
            datetime.strptime(row[name], "%d.%m.%Y")
        except ValueError:
            return name
    rules = {
        "AGS": r"05913000",
        "Ordnungsmerkmal": r"S\d{5}",
        "Staatsangehörigkeit": r"000|[1-5]\d\d|99[789]",
        "Wohnungsart": r"[AHN]",
        "Geschlecht": r"[MWDX]",
    }
    return next((name for name, rule in rules.items() if not re.fullmatch(rule, row[name])), None)


def counts(row: dict[str, str]) -> bool:
    """A resident Bulgarian or Romanian national: main residence, not moved out before the day."""
    moved_out = row["Auszugsdatum"] and datetime.strptime(row["Auszugsdatum"], "%d.%m.%Y")
    return (
        row["Staatsangehörigkeit"] in EU2
        and row["Wohnungsart"] in "AH"
        and not (moved_out and moved_out <= datetime(2019, 12, 31))
    )


def test_register_counts_the_persons_of_the_method():
    valid = [row for row in register_rows() if fault(row) is None]
    assert sum(map(counts, valid)) == figures()["dortmund_register_eu2_2019"]


def test_register_holds_who_must_not_count():
    valid = [row for row in register_rows() if fault(row) is None]
    eu2 = [row for row in valid if row["Staatsangehörigkeit"] in EU2]
    assert sum(bool(row["Auszugsdatum"]) for row in eu2) > 5
    assert sum(row["Wohnungsart"] == "N" for row in eu2) > 5
    others = Counter(row["Staatsangehörigkeit"] for row in valid if row["Staatsangehörigkeit"] not in EU2)
    assert {"000", "163", "152", "137", "166"} <= set(others)
    assert sum(others.values()) >= 1000


def test_register_has_a_broken_row_of_each_kind():
    broken = {fault(row): row for row in register_rows() if fault(row) is not None}
    assert set(broken) == {
        "fields", "Geburtsdatum", "AGS", "Ordnungsmerkmal", "Staatsangehörigkeit", "Wohnungsart",
    }  # fmt: skip
    assert sum(fault(row) is not None for row in register_rows()) == 6
    # They would count if they were let through.
    assert {row["Staatsangehörigkeit"] for kind, row in broken.items() if kind != "Staatsangehörigkeit"} == EU2


def test_register_describes_nobody():
    for row in register_rows():
        assert re.fullmatch(r"SYNTHETISCH-\d{5}", row["Familienname"])
        assert re.fullmatch(r"VOR\d{5}", row["Vorname"])
        assert re.fullmatch(r"(AZR\d{5})?", row["AZR-Nummer"])
        assert re.fullmatch(r"IDN\d{5}", row["IdNr"])
    numbers = [row["Ordnungsmerkmal"] for row in register_rows() if row["Ordnungsmerkmal"]]
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize(
    ("source", "encoding"), [("ledger", "iso-8859-1"), ("register", "iso-8859-1"), ("reference_quantity", "utf-8")]
)
def test_every_synthetic_row_says_so(source, encoding):
    (path,) = (BUNDLED / source).glob("*.csv")
    lines = path.read_bytes().decode(encoding).splitlines()[1:]
    assert all(line.endswith(";synthetisch") for line in lines)


# --- published files ------------------------------------------------------------------------------


def test_azr_has_every_region_and_the_published_eu2_counts():
    rows = azr_rows()
    regions = {region for region, _ in rows}
    assert Counter(map(len, regions)) == {2: 1, 3: 5, 5: 55}
    eu2 = {region: [rows[region, code][5] for code in sorted(EU2)] for region in regions}
    dissolved = {region for region, values in eu2.items() if values == ["-", "-"]}
    assert dissolved == {"05313", "05354"}
    assert len([region for region in regions - dissolved if len(region) == 5]) == 53
    expected = {"05913": 13420, "05112": 26575, "05513": 11580, "05315": 14905, "05": 276235}
    assert {region: sum(map(int, eu2[region])) for region in expected} == expected
    # Each count is rounded on its own: the districts' sum is not the state's.
    districts = [rows[region, "125"][5] for region in regions if len(region) == 5]
    assert sum(int(value) for value in districts if value != "-") != int(rows["05", "125"][5])


def test_azr_agrees_with_the_real_table():
    if not AZR_SAMPLE.exists():
        pytest.skip(f"the real table is not here: {AZR_SAMPLE}")
    sample = azr_rows(AZR_SAMPLE)
    assert {key: row for key, row in azr_rows().items() if sample[key] != row} == {}


def test_azr_has_the_layout_and_the_attribution():
    text = (BUNDLED / "azr_nrw" / "12521-03i_2024.csv").read_bytes().decode("iso-8859-1")
    lines = text.splitlines()
    assert lines[0] == "Tabelle: 12521-03i"
    assert all(line.startswith(";;;;;") for line in lines[5:8])
    assert all(line.count(";") == 7 for line in lines[5 : lines.index("__________")])
    assert any(line.startswith("© IT.NRW") and "dl-de/by-2-0" in line for line in lines)


def test_series_is_tab_1_to_the_last_digit(published):
    rows = {row["Stichtag"][-4:]: row for row in table("eu2_series", "eu2_series_2007-2019.csv")}
    columns = {
        "bg": "Bulgarien",
        "ro": "Rumänien",
        "eu2": "EU2",
        "change": "Veränderung absolut",
        "change_pct": "Veränderung Prozent",
    }
    for year, row in rows.items():
        for part, column in columns.items():
            expected = published.get(f"tab1_{part}_{year}")
            if year == "2008":
                expected = published["eu2_population_2008_text"] if part == "eu2" else None
            assert (german(row[column]) if row[column] else None) == expected, (year, part)
        assert row["Quelle"]
        assert row["Fundstelle"] == ("Fließtext" if year == "2008" else "Tab. 1")
    assert set(rows) == {"2007", "2008", "2010", *map(str, range(2012, 2020))}


def test_employment_is_published_or_says_it_is_solved_back(published):
    rows = {row["Gebietsschlüssel"]: row for row in table("employment", "eu2_employees_2019.csv")}
    column = "Sozialversicherungspflichtig Beschäftigte"
    assert german(rows["00"][column]) == published["national_eu2_svb_2019"]
    assert [row["Herkunft"] for row in rows.values()] == ["veröffentlicht", "zurückgerechnet"]
    assert {row["Erhebungsort"] for row in rows.values()} == {"nicht angegeben"}
    # The solved-back count must lead to the printed rate.
    denominator = figures()["dortmund_register_eu2_2019"] - german(rows["05913000"][column])
    rate = published["dortmund_cost_total_2019"] / denominator
    assert round(rate) == published["dortmund_cost_per_person_2019"]
    assert published["dortmund_cost_total_2019"] == figures()["dortmund_cost_total_2019"]


def test_funding_is_as_published(published):
    rows = funding_rows()
    assert {row["Kennung"]: german(row["Betrag EUR"]) for row in rows} == {
        figure_id: published[figure_id]
        for figure_id in (
            "suedosteuropa_budget", "int_courses_cost", "bamf_budget", "integrationspauschale_nrw", "ki_funding",
            "kim_funding_start", "kim_funding_end", "gemeinsam_klappts", "durchstarten", "integration_budget_nrw",
        )
    }  # fmt: skip


def test_results_and_courses_are_as_published(published):
    results = table("programme_result", "programme_results_2024.csv")
    assert {(row["Programm-Kennung"], row["Zeitraum wie gedruckt"], row["Kennzahl"]): german(row["Wert"])
            for row in results} == {
        ("esf_eu_citizens", "über einen Zeitraum von sechs Jahren", "Ergebnisse"):
            published["dortmund_esf_integrations"],
        ("esf_eu_citizens", "über einen Zeitraum von sechs Jahren", "Anteil sozialversicherungspflichtig Prozent"):
            published["dortmund_esf_svb_share"],
        ("mbe", "nicht angegeben", "Standorte"): published["mbe_places_nrw"],
        ("ki", "mittlerweile", "Einrichtungen"): published["ki_count"],
        ("durchstarten", "bereits", "Anteil beteiligter Kreise Prozent"): published["durchstarten_coverage"],
        ("kim", "nicht angegeben", "Bausteine"): published["kim_module_count"],
        ("course_pilots", "2015 bis 2017", "Städte"): published["course_pilots"],
        ("faire_mobilitaet", "bisher", "Standorte"): published["faire_mobilitaet_sites"],
        ("steering_group", "seit Oktober 2018", "Mitglieder"): published["steering_group_members"],
        ("stuttgart_welcome_center", "seit Herbst 2014", "Beratungen"): published["stuttgart_welcome_center"],
        ("stuttgart_welcome_center", "seit Herbst 2014", "Erreichte Unternehmen"):
            published["stuttgart_welcome_sme"],
        ("dueren_integration_plan", "Sommer 2007", "Handlungsfelder"): published["dueren_fields"],
        ("dueren_integration_plan", "2008", "Organisationen"): published["dueren_mso_2008"],
        ("dueren_integration_plan", "heute", "Organisationen"): published["dueren_mso_2010"],
        ("dueren_integration_plan", "2008", "Betriebe"): published["dueren_businesses_2008"],
        ("hersfeld_volunteers", "seit 2015", "Aufwandspauschale EUR je Monat"):
            published["hersfeld_volunteer_allowance"],
        ("skilled_workers", "2019", "Fehlende Fachkräfte"): published["skilled_gap_nrw"],
    }  # fmt: skip
    courses = table("integration_course", "integration_courses_2019.csv")
    assert {(row["Gebietsschlüssel"], row["Kennzahl"]): german(row["Wert"]) for row in courses} == {
        ("00", "Kurse"): published["int_courses_de"],
        ("05", "Kurse"): published["int_courses_nrw"],
        ("00", "Bundesmittel EUR"): published["int_courses_cost"],
        ("00", "Erfolgsquote Prozent"): published["int_courses_success"],
        ("06632", "Teilnehmende"): published["hersfeld_course_participants"],
    }


def test_what_nobody_stated_stays_empty():
    ends = {
        row["Programm-Kennung"]: row["Ende am"] for row in table("programme_measure", "programme_measures_2024.csv")
    }
    assert ends == {
        "suedosteuropa": "31.12.2024", "esf_eu_citizens": "31.12.2020", "course_pilots": "", "ehap": "",
    }  # fmt: skip
    received = table("funding_received", "funding_received_2021.csv")
    assert {(row["Betrag EUR"], row["Haushaltsjahr der Zuordnung"]) for row in received} == {("", "")}


@pytest.mark.parametrize("source", ["esf_bayern", "esf_berlin", "esf_hessen", "esf_sachsen", "foerderkatalog"])
def test_made_up_lists_say_so_in_each_row(source):
    (path,) = (BUNDLED / source).glob("*.csv")
    encoding, delimiter = ("iso-8859-15", ";") if source == "foerderkatalog" else ("utf-8", ",")
    text = io.StringIO(path.read_bytes().decode(encoding), newline="")
    _, *rows = csv.reader(text, delimiter=delimiter)
    assert rows and all("synthetisch" in row[-1] for row in rows)


def test_funding_cells_are_german_text_and_parts_have_a_whole():
    rows = funding_rows()
    ids = {row["Kennung"] for row in rows}
    for row in rows:
        assert all(isinstance(cell, str) for cell in row.values())
        assert re.fullmatch(r"\d{1,3}(\.\d{3})*,\d{2}", row["Betrag EUR"])
        assert row["Teil von"] in ids | {""}
        assert row["Quelle"]
    assert {row["Kennung"]: row["Teil von"] for row in rows}["gemeinsam_klappts"] == "durchstarten"


def test_mikrozensus_is_as_published(published):
    path = BUNDLED / "mikrozensus" / "12211_migration_2005-2020_flat.csv"
    content = path.read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    assert b"\r" not in content
    rows = table("mikrozensus", path.name, "utf-8-sig")
    values = {
        (
            row["time"],
            row["1_variable_attribute_code"],
            row["2_variable_attribute_code"],
            row["3_variable_attribute_code"],
            row["value_variable_code"],
            row["value_unit"],
        ): german(row["value"]) * (1 if row["value_unit"] == "%" else int(row["value_unit"]))
        for row in rows
    }
    assert values == {
        ("2005", "DG", "X-WEIT", "", "X-ANTMH", "%"): published["mz_mh_pct_2005"],
        ("2005", "DG", "X-WEIT", "", "X-BEVMH", "1000000"): published["mz_mh_2005"],
        ("2020", "DG", "X-WEIT", "", "X-ANTMH", "%"): published["mz_mh_pct_2020"],
        ("2020", "DG", "X-WEIT", "", "X-BEVMH", "1000000"): published["mz_mh_2020"],
        ("2020", "DG", "X-ENG", "", "X-ANTMH", "%"): published["mz_mh_pct_narrow_2020"],
        ("2020", "DG", "X-WEIT", "ALT000B05", "X-ANTMH", "%"): published["mz_under5_2020"],
        ("2020", "X-WEST", "X-WEIT", "", "X-ANTMH", "%"): published["mz_west_2020"],
        ("2020", "X-OST", "X-WEIT", "", "X-ANTMH", "%"): published["mz_east_2020"],
        ("2020", "X-OST", "X-WEIT", "", "X-BEVMH", "1000000"): published["mh_east_2020"],
        ("2020", "X-OST", "X-WEIT", "", "X-ANTVT", "%"): published["mz_east_share_2020"],
        ("2020", "DG", "X-OHNE", "X-GROSS", "X-ANTVT", "%"): published["mz_big_city_share"],
        ("2020", "DG", "X-OHNE", "X-MITTEL", "X-ANTVT", "%"): published["mz_mid_town_share"],
        ("2020", "DG", "X-OHNE", "X-KLEIN", "X-ANTVT", "%"): published["mz_small_town_share"],
        ("2020", "DG", "X-OHNE", "X-LAND", "X-ANTVT", "%"): published["mz_rural_share"],
        ("2020", "DG", "X-OHNE", "X-GROSS", "X-ANTMH", "%"): published["mz_big_city_rate"],
        ("2020", "DG", "X-OHNE", "X-U20T", "X-ANTMH", "%"): published["mz_under20k_rate"],
        ("2005", "DG", "X-ENG", "X-U5T", "X-ANTMH", "%"): published["mz_under5k_rate_2005"],
        ("2020", "DG", "X-ENG", "X-U5T", "X-ANTMH", "%"): published["mz_under5k_rate_2020"],
    }


def test_answers_of_surveys_are_as_published(published):
    rows = table("survey_result", "survey_results_2022.csv")
    assert {row["Kennung des Gegenstands"]: german(row["Prozent"]) for row in rows if row["Prozent"]} == {
        "cross_cutting_task": published["desi_cross_cutting"],
        "integration_concept": published["desi_concept"],
        "no_trainee_in_five_years": published["firms_no_apprentice"],
    }
    assert all(row["Quelle"] and row["Fundstelle"] and row["Frage"] and row["Wert wie gedruckt"] for row in rows)


def test_structure_tables_are_as_published(published):
    places = {
        "08111000": "stuttgart",
        "05122000": "solingen",
        "06632": "hersfeld_rotenburg",
        "03459008": "belm",
        "14713000": "leipzig",
        "13003000": "rostock",
    }
    columns = {
        "population": "Bevölkerung",
        "foreign": "Ausländische Bevölkerung",
        "foreign_pct": "Anteil ausländische Bevölkerung Prozent",
        "mh": "Personen mit Migrationshintergrund",
        "mh_pct": "Anteil mit Migrationshintergrund Prozent",
        "kita_pct": "Anteil Kita mit Migrationshintergrund Prozent",
    }
    rows = table("structure_tables", "structure_tables_2021_tabelle.csv")
    # of two towns the running text prints the share alone
    alone = {"06632002": published["badhersfeld_foreign"], "06632003": published["bebra_foreign"]}
    shares = [row for row in rows if row["AGS"] in alone]
    assert {row["AGS"]: german(row[columns["foreign_pct"]]) for row in shares} == alone
    assert {row[column] for row in shares for name, column in columns.items() if name != "foreign_pct"} == {""}
    assert {row["AGS"] for row in rows} == {*places, *alone}
    for row in (row for row in rows if row["AGS"] in places):
        for measure, column in columns.items():
            expected = published.get(f"structure_{measure}_{places[row['AGS']]}")
            assert (german(row[column]) if row[column] else None) == expected, (row["Kommune"], measure)


def test_the_two_structure_tables_differ_in_rostocks_share_alone():
    def cells(name):
        rows = table("structure_tables", name)
        return {(row["Kommune"], column): value for row in rows for column, value in row.items()}

    printed, running_text = cells("structure_tables_2021_tabelle.csv"), cells("structure_tables_2021_fliesstext.csv")
    assert {key: (printed[key], running_text[key]) for key in printed if printed[key] != running_text[key]} == {
        ("Rostock", "Anteil ausländische Bevölkerung Prozent"): ("7,2", "72"),
        ("Rostock", "Fundstelle"): ("Tabelle", "Fließtext"),
    }


def test_the_bundle_stays_small():
    size = sum(path.stat().st_size for path in BUNDLED.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    # The register alone has 1.2 MB; a sample of persons and whole tables of every nationality have 0.1 MB.
    assert size < 1_700_000
