"""Extracts on a small publication made by hand: what a reviewer opens, and that it comes out the same again."""

import csv
import io
import json
import subprocess
import time
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from python_calamine import CalamineWorkbook

from extracts import signing, verify
from extracts.model import Recipient
from extracts.package import PACKAGE
from extracts.release import Desk
from extracts.tables import cell, neutralised
from lagebild.core import database
from lagebild.core.errors import UserError
from lagebild.core.settings import Settings
from lagebild.warehouse import marts
from tests.extracts.releases import release
from tests.extracts.toy import CAPTION_DE, CAPTION_EN, SHA256, write_package


def _rows(path: Path) -> list[dict[str, str]]:
    text = path.read_bytes().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=";"))


def _files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _rebuilt(settings: Settings, release_id: int = 1) -> tuple[str, ...]:
    """The files that differ in a release that is made again from the database."""
    with database.connect(settings, database.BUILDER) as register:
        return Desk(settings, register).rebuild(release_id, settings.extracts.parent / "again").differing


def test_package_is_rebuilt_byte_for_byte(published, package_file):
    first = _files(release(published, 2, package_file=package_file))
    time.sleep(2.1)  # longer than the two seconds that a zip file can tell apart
    with database.connect(published) as connection:  # another order in the table, and on the wall clock
        connection.execute("update published.tiny_population set remark = remark where region_code = '05112'")
    assert _rebuilt(published) == ()
    assert set(first) == {
        "daten/cost_per_person.csv", "daten/eu2_population.csv", "daten/codes.csv", "lagebild.xlsx", "datapackage.json",
        "dcat-ap-de.ttl", "LIESMICH.txt", "bericht.pdf", "qualitaetsbericht.pdf", "SHA256SUMS", "SHA256SUMS.minisig",
    }  # fmt: skip


def test_the_package_is_signed_once_and_a_later_key_signs_nothing_anew(published, package_file):
    folder = release(published, 2, "ministry", "Haushaltsberatung", package_file)
    verdict = verify.package(folder, signing.public_keys(published.keys))
    assert verdict.is_good, verdict.problems
    assert verdict.trusted_comment == "publication 2, ministry, Haushaltsberatung"
    before = _files(folder)
    signing.rotate(published.keys)
    assert _files(release(published, 2, "ministry", "Haushaltsberatung", package_file)) == before
    (folder / "daten" / "eu2_population.csv").write_text("changed")
    assert not verify.package(folder, signing.public_keys(published.keys)).is_good


def test_csv_opens_in_german_excel(published, package_file):
    folder = release(published, package_file=package_file)
    data = (folder / "daten" / "eu2_population.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    assert data.count(b"\r\n") == data.count(b"\n") == 3
    duisburg, koeln = _rows(folder / "daten" / "eu2_population.csv")
    assert koeln["region_name"] == "Köln, Stadt"
    assert (koeln["reference_date"], koeln["change_persons"], koeln["change_pct"]) == ("2024-12-31", "-5", "-0,03")
    assert (koeln["is_suppressed"], duisburg["is_suppressed"]) == ("nein", "ja")
    assert duisburg["region_name"] == 'Duisburg; "Stadt"'
    assert duisburg["change_persons"] == ""
    *_, dortmund = _rows(folder / "daten" / "cost_per_person.csv")
    assert dortmund["municipality_ags"] == "05913000"
    assert (dortmund["total_cost_eur"], dortmund["cost_per_person_eur"]) == ("15639764,50", "2143,020622")
    assert dortmund["caption_de"] == CAPTION_DE


@pytest.mark.parametrize(
    ("value", "shown"),
    [("2142.730000", "2142,73"), ("2143.020417", "2143,020417"), ("16.6", "16,6"), ("5", "5"), ("-0.500", "-0,50")],
)
def test_money_has_two_decimals_whatever_its_column_could_hold(value, shown):
    assert cell(Decimal(value)) == shown


def test_formulas_are_neutralised(published, package_file):
    folder = release(published, package_file=package_file)
    assert (
        _rows(folder / "daten" / "cost_per_person.csv")[0]["municipality_name"] == '\'=HYPERLINK("http://example.org")'
    )
    duisburg, koeln = _rows(folder / "daten" / "eu2_population.csv")
    assert duisburg["remark"] == "'+ 4"
    assert koeln["remark"] == "-"  # the statistical offices' sign, not a formula


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1"])
def test_whatever_a_spreadsheet_would_run_is_neutralised(text):
    assert neutralised(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "-", ".", "...", "/", "rund 1,15 Mrd. EUR", "05913000", "a=b"])
def test_other_texts_stay_as_they_are(text):
    assert neutralised(text) == text


def test_workbook_shows_caption_beside_the_figure(published, package_file):
    book = CalamineWorkbook.from_path(str(release(published, package_file=package_file) / "lagebild.xlsx"))
    assert book.sheet_names[-5:] == ["csv-01", "csv-02", "Spalten", "Codes", "Herkunft"]
    for_people = book.get_sheet_by_name("01").to_python()
    assert CAPTION_DE in [row[0] for row in for_people]
    assert ["Dortmund", 2019, 15639764.5, 2143, "zurückgerechnet"] in for_people

    cost = book.get_sheet_by_name("csv-01").to_python()
    assert CAPTION_DE in [cell for row in cost[:3] for cell in row]
    at = next(n for n, row in enumerate(cost) if row[0] == "municipality_ags")
    header, *rows = cost[at:]
    dortmund = dict(zip(header, rows[1], strict=True))
    assert dortmund["municipality_ags"] == "05913000"
    assert dortmund["cost_per_person_rounded_eur"] == 2143
    assert dortmund["cost_per_person_eur"] == 2143.020622
    assert dortmund["caption_de"] == CAPTION_DE
    assert rows[0][header.index("municipality_name")] == '=HYPERLINK("http://example.org")'  # a text, not a link

    *_, header, _, koeln = book.get_sheet_by_name("csv-02").to_python()
    population = dict(zip(header, koeln, strict=True))
    assert population["region_name"] == "Köln, Stadt"
    assert population["reference_date"] == date(2024, 12, 31)
    assert population["eu2_persons"] == 14905


def _told(folder: Path, *sheets: str) -> str:
    book = CalamineWorkbook.from_path(str(folder / "lagebild.xlsx"))
    rows = [row for sheet in sheets for row in book.get_sheet_by_name(sheet).to_python()]
    return "\n".join(str(cell) for row in rows for cell in row)


def test_workbook_names_caption_evidence_and_deliveries(published, package_file):
    notes = _told(release(published, package_file=package_file), "Titel", "01", "Zeichenerklärung", "Herkunft")
    for expected in (
        CAPTION_DE, "05.02.2026, 22:30 Uhr (UTC)", "derived_from_result", "nicht unabhängig bestätigt",
        "ledger_05913000_2019.csv", SHA256, "80 Zeilen, davon 78 geladen, 2 abgewiesen", "Modellversion v2", "Lizenz:",
    ):  # fmt: skip
        assert expected in notes


def test_notes_name_what_was_found_wrong_and_let_pass_before_the_publication(published, package_file):
    with database.connect(published) as connection:
        connection.execute(
            "insert into quality.verdict"
            " (delivery_id, expectation, why, severity, passed, observed, expected, checked_at)"
            " values (1, 'share recomputes', 'Der gedruckte Anteil ergibt sich nicht.', 'warn', false, '36,9', '37,1',"
            " '2026-02-05'), (1, 'later', 'Erst nachher geprüft.', 'warn', false, '1', '2', '2026-02-07'),"
            " (1, 'passed', 'Alles gut.', 'warn', true, '1', '1', '2026-02-05')"
        )
    notes = _told(release(published, package_file=package_file), "Herkunft")
    assert "Der gedruckte Anteil ergibt sich nicht. Gefunden: 36,9; erwartet: 37,1" in notes
    # A later check of the same delivery must not change the extract of an earlier publication.
    assert "Erst nachher" not in notes and "Alles gut" not in notes


def test_notes_and_descriptor_name_what_was_accepted_in_spite_of_a_finding_and_no_account(published, package_file):
    event = "insert into raw.delivery_event (delivery_id, state, at, by, why, until, problems) values"
    with database.connect(published) as connection:
        connection.execute(
            f"{event} (1, 'held', '2026-01-03', 'pipeline', 'odd', null, '{{odd: 72 (expected 7.2)}}'),"
            " (1, 'accepted', '2026-01-04 12:00', 'somebodys-account', 'Vom Amt bestätigt.', '2026-12-31',"
            " '{odd: 72 (expected 7.2)}')"
        )
    folder = release(published, package_file=package_file)
    notes = _told(folder, "Herkunft")
    assert "angenommen am 04.01.2026 bis 31.12.2026. Begründung: Vom Amt bestätigt." in notes
    assert "Beanstandet war: odd: 72 (expected 7.2)" in notes
    (entry,) = json.loads((folder / "datapackage.json").read_text())["lagebild"]["accepted_in_spite_of_a_finding"]
    assert (entry["source"], entry["accepted_until"], entry["sha256"]) == ("ledger", "2026-12-31", SHA256)
    first = _files(folder)
    assert not [name for name, data in first.items() if b"somebodys-account" in data] and "somebodys" not in notes
    # It expires, and is accepted for another reason: the publication, and its extract, stay what they were.
    with database.connect(published) as connection:
        connection.execute(
            f"{event} (1, 'held', '2027-01-01', 'pipeline', 'ended', null, '{{odd}}'),"
            " (1, 'accepted', '2027-01-02', 'another', 'Noch einmal.', '2027-12-31', '{odd}')"
        )
    assert _rebuilt(published) == ()


def test_a_text_that_no_cell_holds_is_cut_with_a_mark_and_its_row_and_deliveries_are_named(published, package_file):
    with database.connect(published) as connection:
        connection.execute(
            "update published.tiny_population set remark = repeat('=x', 20000) where region_code = '05315'"
        )
    folder = release(published, package_file=package_file)
    (text,) = [row["remark"] for row in _rows(folder / "daten" / "eu2_population.csv") if len(row["remark"]) > 10]
    assert text.startswith("'=x=x") and text.endswith(" … [32000/40000]") and len(text) < 32_767
    workbook = CalamineWorkbook.from_path(folder / "lagebild.xlsx")
    told = [" ".join(map(str, row)) for row in workbook.get_sheet_by_name("Herkunft").to_python()]
    (line,) = [line for line in told if "gekürzt auf" in line]
    for word in ("eu2_population", "remark (05315", "40000 Zeichen", "aus "):
        assert word in line


def test_checksums_verify_with_sha256sum(published, package_file):
    folder = release(published, package_file=package_file)
    check = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=folder, capture_output=True, text=True, check=True)
    assert check.stdout.count(": OK") == 9
    (folder / "daten" / "cost_per_person.csv").write_text("changed")
    assert subprocess.run(["sha256sum", "-c", "--status", "SHA256SUMS"], cwd=folder, check=False).returncode == 1


def test_descriptor_describes_every_column(published, package_file):
    reader = Recipient("reader", "Institute", "", "comparison", "en", "public")
    folder = release(published, None, reader, package_file=package_file)
    descriptor = json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))
    assert descriptor["$schema"] == "https://datapackage.org/profiles/2.0/datapackage.json"
    assert descriptor["created"] == "2026-02-05T22:30:00Z"
    assert descriptor["lagebild"]["publication_id"] == 2
    by_name = {one["name"]: one for one in descriptor["resources"]}
    cost, population = (by_name[name] for name in ("cost_per_person", "eu2_population"))
    assert CAPTION_DE in cost["description"] and CAPTION_EN in cost["description"]
    assert cost["lagebild"]["deliveries"][0]["sha256"] == SHA256
    with open(folder / cost["path"], encoding="utf-8-sig", newline="") as handle:
        assert next(csv.reader(handle, delimiter=";")) == [field["name"] for field in cost["schema"]["fields"]]
    described = {f["name"]: f.get("description") for r in (cost, population) for f in r["schema"]["fields"]}
    assert described["total_cost_eur"] == "Attributable cost of the year, EUR."
    assert described["eu2_persons"] == "Bulgarian and Romanian nationals, persons."  # from the plain view
    sums = dict(reversed(line.split("  ")) for line in (folder / "SHA256SUMS").read_text().splitlines())
    assert {r["path"]: r["hash"] for r in descriptor["resources"]} == {
        name: f"sha256:{digest}" for name, digest in sums.items() if name != "datapackage.json"
    }


def test_old_publication_is_rebuilt_from_its_vintage(published, package_file):
    old = release(published, 1, package_file=package_file)
    assert old == published.extracts / "publication-1" / "reviewer"
    (dortmund,) = _rows(old / "daten" / "cost_per_person.csv")
    assert dortmund["total_cost_eur"] == "15639763,00"


def test_identical_folder_is_left_alone_and_registered_once(published, package_file):
    folder = release(published, to="ministry", purpose="audit", package_file=package_file)
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert release(published, to="ministry", purpose="audit", package_file=package_file) == folder
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    release(published, to="ministry", purpose="second audit", package_file=package_file)
    with database.connect(published) as connection:
        registered = connection.execute(
            "select publication_id, recipient, purpose from release.register order by release_id"
        ).fetchall()
    assert registered == [(2, "ministry", "audit"), (2, "ministry", "second audit")]


def test_differing_folder_is_not_overwritten(published, package_file):
    folder = release(published, package_file=package_file)
    (folder / "daten" / "cost_per_person.csv").write_text("mended by hand")
    with pytest.raises(UserError, match=r"cost_per_person\.csv"):
        release(published, package_file=package_file)
    assert (folder / "daten" / "cost_per_person.csv").read_text() == "mended by hand"


def test_left_over_of_a_killed_release_is_cleared(published, package_file):
    left_over = published.extracts / "publication-2" / ".reviewer.part-killed"
    left_over.mkdir(parents=True)
    folder = release(published, package_file=package_file)
    assert [path.name for path in folder.parent.iterdir()] == ["reviewer"]


def test_unknown_publication_names_the_known_ones(published, package_file):
    with pytest.raises(UserError, match="no publication 99") as error:
        release(published, 99, package_file=package_file)
    assert error.value.remedy == "choose one of: 1, 2"
    assert not published.extracts.exists()


def test_nothing_published_is_said(warehouse):
    with pytest.raises(UserError, match="nothing was published yet"):
        release(warehouse)


@pytest.mark.parametrize("name", ["unmasked_counts", "sensitivity_cost_per_person", "no_such_mart"])
def test_what_schema_marts_does_not_show_is_not_released(published, tmp_path, name):
    with pytest.raises(UserError, match=f"{name} is not a mart of schema marts"):
        release(published, package_file=write_package(tmp_path, {name: None}))
    assert not published.extracts.exists()


def test_schema_cannot_be_smuggled_into_the_name(published, tmp_path):
    with pytest.raises(UserError, match="is not the name of a mart"):
        release(published, package_file=write_package(tmp_path, {"marts_internal.unmasked_counts": None}))


@pytest.mark.parametrize("column", ["caption_de", "caption_en"])
def test_cost_figure_without_caption_is_not_released(published, package_file, column):
    with database.connect(published) as connection:
        connection.execute(f"update published.tiny_cost set {column} = '' where municipality_ags = '05112000'")
    with pytest.raises(UserError, match=f"rows without {column}"):
        release(published, package_file=package_file)


@pytest.mark.parametrize("recipient", ["../elsewhere", "", "Ministerium NRW", "."])
def test_recipient_must_name_a_folder(published, package_file, recipient):
    with pytest.raises(UserError, match="cannot name a folder"):
        release(published, to=recipient, package_file=package_file)


def test_shipped_package_names_each_mart_once_or_says_why_not():
    content = yaml.safe_load(PACKAGE.read_text(encoding="utf-8"))
    names = [mart["name"] for mart in content["marts"]]
    assert all(content["left_out"].values())
    assert sorted([*names, *content["left_out"]]) == [
        mart.name for mart in marts.definitions() if mart.schema == "marts"
    ]
    assert {mart["caption"] for mart in content["marts"] if mart["name"].startswith("cost_")} <= set(names)
