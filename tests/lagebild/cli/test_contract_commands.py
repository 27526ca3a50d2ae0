"""`lagebild contracts ...`: findings end with exit code 1, and a file is compared without being loaded."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ingest import contracts
from lagebild.cli.main import cli
from lagebild.core.errors import UserError
from tests.contract_files import descriptor, write
from tests.support import BUNDLED


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of sources of the test's own, with one good contract."""
    monkeypatch.setattr("ingest.contracts.reader.SOURCES", tmp_path)
    write(tmp_path, descriptor())
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["contracts", *arguments], catch_exceptions=False)


def test_the_projects_contracts_have_no_findings():
    result = run("check")
    assert (result.exit_code, result.output) == (0, f"{len(contracts.sources())} contracts checked, nothing found\n")


def test_findings_are_printed_with_file_and_line(sources):
    path = write(sources, descriptor(reader="guess", retention="never"))
    result = run("check", "moves")
    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert len(lines) == 2 and all(line.startswith(f"{path}:") for line in lines)


def test_an_example_that_is_not_there_is_a_finding(sources):
    result = run("check")
    assert result.exit_code == 1
    assert "is not there" in result.output


@pytest.mark.parametrize("command", ["check", "docs", "fit"])
def test_an_unknown_source_is_named(command, tmp_path):
    file = tmp_path / "moves_2021.csv"
    file.touch()
    with pytest.raises(UserError, match="there is no source 'moves'"):
        run(command, "moves", *([str(file)] if command == "fit" else []))


@pytest.mark.parametrize("source", contracts.sources())
def test_a_bundled_example_fits_a_layout(source):
    example = BUNDLED / source / contracts.load(source).example
    layout = "unit_in_a_column" if source == "ledger_plan" else "current"
    assert run("fit", source, str(example)).output.strip().endswith(f"layout {layout}")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("moves_2021.csv", "Einzug;Auszug;Nation\n", "unknown: Nation"),
        ("moves.csv", "Einzug;Auszug;Staatsangehörigkeit\n", "the name does not match"),
        ("moves_2021.csv", "", "the file is empty"),
        ("moves_2021.csv", b"Einzug;Auszug;Staatsangeh\xf6rigkeit\n", "is not utf-8"),
    ],
)
def test_a_file_that_does_not_fit_is_told_why(sources, name, content, said):
    file = sources / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError, match=said) as caught:
        run("fit", "moves", str(file))
    assert caught.value.remedy


def test_of_a_source_about_persons_the_difference_of_a_header_is_shown_and_no_first_person(tmp_path):
    titles = [field.title for field in contracts.load("register").agreed_fields]
    file = tmp_path / "register_05911000_2021-12-31.csv"
    renamed = [{"Geburtsdatum": "Geburtstag"}.get(title, title) for title in titles]
    file.write_text(";".join(renamed) + "\n31.12.2021;05911000\n", encoding="iso-8859-1")
    with pytest.raises(UserError, match="missing: Geburtsdatum; unknown: Geburtstag") as caught:
        run("fit", "register", str(file))
    assert "contracts fit" not in str(caught.value)
    # What a receipt or the ledger says of the same header repeats no title.
    message, _ = contracts.load("register").header_refusal(renamed, "05911000_2021-12-31")
    assert "Geburtstag" not in message

    file.write_text("31.12.2021;05911000;GEHEIM;;;;;01.02.1990;M;154;01.03.2015;;H\n", encoding="iso-8859-1")
    with pytest.raises(UserError, match="the first line is no header; it is not shown") as caught:
        run("fit", "register", str(file))
    assert "GEHEIM" not in str(caught.value) and "begins with the titles: Stichtag, AGS" in str(caught.value)


def test_findings_as_json(sources):
    path = write(sources, descriptor(reader="guess"))
    result = run("check", "moves", "--format", "json")
    assert result.exit_code == 1
    (finding, *_) = json.loads(result.output)
    assert finding["path"] == str(path) and finding["line"] and finding["message"]
    assert json.loads(run("check", "moves", "--format", "json").output)


def test_a_file_of_an_old_layout_fits_its_own(sources):
    write(sources, descriptor(layouts=[{"name": "old", "to": 2020, "headers": {"nationality_code": "Nation"}}]))
    file = sources / "moves_2019.csv"
    file.write_text("Einzug;Auszug;Nation\n01.01.2019;;125\n")
    assert run("fit", "moves", str(file)).output == "moves_2019.csv: period 2019, layout old\n"
