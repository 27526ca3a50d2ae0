"""The page that a supplier is sent says what the contract says, and its example would load."""

import re
from copy import deepcopy
from datetime import date
from html.parser import HTMLParser

import pytest
from click.testing import CliRunner

from ingest import contracts
from ingest.onboarding import supplier_page
from lagebild.cli.main import cli
from tests.contract_files import descriptor, fields, is_rejected, read, row_check
from tests.support import bundled_bytes


class Words(HTMLParser):
    """The text of a page, and whether its elements close as they open."""

    def __init__(self, html: str):
        super().__init__()
        self.words, self.open, self.english = [], [], 0
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        if tag != "meta":
            self.open.append(tag)
        self.english += dict(attributes).get("lang") == "en"

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


@pytest.mark.parametrize("source", contracts.sources())
def test_each_source_has_a_whole_german_page(source):
    contract = contracts.load(source)
    found = Words(supplier_page.page(contract))
    text = " ".join(found.words)
    assert found.open == []
    assert found.english == 0
    assert contract.example in text and contract.version in text
    off = {field.name for field in contract.switched_off}
    for field in contract.layouts[0].of_period(contract.period_of(contract.example)).fields:
        assert field.title in text or field.name in off
    assert not [field.title for field in contract.switched_off if f" {field.title} " in text]


@pytest.mark.parametrize("source", contracts.sources())
def test_the_example_line_would_load(source):
    contract = contracts.load(source)
    values = [supplier_page.example_value(field) for field in contract.agreed_fields]
    row = row_check(contract, [field.title for field in contract.agreed_fields])(2, values)
    assert not is_rejected(row), row


def test_the_example_is_not_taken_from_a_delivery():
    assert supplier_page.example_line(contracts.load("register")).encode("iso-8859-1") not in bundled_bytes("register")


def test_the_registers_page_says_what_happens_to_persons():
    text = " ".join(Words(supplier_page.page(contracts.load("register"))).words)
    for said in (
        "ISO-8859-1",
        "Semikolon",
        "Datum, TT.MM.JJJJ",
        "durch ein Pseudonym ersetzt",
        "beim Eingang verworfen",
        "Nur das Jahr",
        "§ 37",
        "5 Jahre",
        "mehr als 20 zurückgewiesenen",
        "nicht kleiner (früher) als",
    ):
        assert said in text


@pytest.mark.parametrize(
    ("due", "said"),
    [
        ({"every": "year", "lag": "P9M"}, "jährlich; für jedes Jahr spätestens 9 Monate nach seinem Ende"),
        ({"every": "quarter", "lag": "P1M10D"}, "vierteljährlich; für jedes Quartal spätestens 1 Monat, 10 Tage nach"),
        ({"every": "month", "lag": "P0D"}, "monatlich; für jeden Monat spätestens zu seinem Ende"),
        ({"every": "irregular"}, "unregelmäßig, ohne Termin"),
    ],
)
def test_the_page_says_when_a_delivery_is_expected_and_that_no_law_does(tmp_path, due, said):
    page = supplier_page.page(read(tmp_path, descriptor(due=due | {"reason": "r"})))
    assert said in page
    assert ("Erwartung des Hauses, keine gesetzliche Frist" in page) == ("lag" in due)
    assert "Eingestellt" not in page


def test_the_page_of_a_retired_source_says_so(tmp_path):
    retired = {"date": date(2026, 6, 30), "reason": "The register <moved>."}
    page = supplier_page.page(read(tmp_path, descriptor(retired=retired)))
    assert "zum 30.06.2026" in page and '<span lang="en">The register &lt;moved&gt;.</span>' in page
    german = {"german": {"retired": "Umgezogen.", "fields": dict.fromkeys(fields(descriptor()), "x")}}
    assert "zum 30.06.2026: Umgezogen." in supplier_page.page(read(tmp_path, descriptor(retired=retired, **german)))


def test_layouts_code_lists_and_odd_signs_are_printed(tmp_path):
    made = deepcopy(
        descriptor(
            layouts=[{"name": "alt", "to": 2020, "headers": {"nationality_code": "Nat <alt>"}}],
            code_lists={"keys": {"125": "Bulgarien & mehr"}, "many": [f"{n:03}" for n in range(100)]},
        )
    )
    fields(made)["nationality_code"]["lagebild"] = {"code_list": "keys"}
    page = supplier_page.page(read(tmp_path, made))
    assert "<code>125</code> Bulgarien &amp; mehr" in page
    assert "bis 2020 (alt)" in page and "Nat &lt;alt&gt;" in page
    assert 'lang="en"' in page
    fields(made)["nationality_code"]["lagebild"] = {"code_list": "many"}
    assert "100 Schlüssel der Liste „many“" in supplier_page.page(read(tmp_path, made))


@pytest.mark.parametrize(
    ("entry", "written"),
    [
        ({"type": "number", "decimalChar": ",", "groupChar": "."}, "Zahl, Dezimalkomma, Tausenderpunkt erlaubt"),
        ({"type": "number", "lagebild": {"trailing_minus": True}}, "Zahl, Dezimalpunkt, Minus auch hinter der Zahl"),
        ({"type": "number", "bareNumber": False}, "Zahl, Dezimalpunkt, Währungs- oder Prozentzeichen erlaubt"),
        ({"type": "integer"}, "ganze Zahl"),
        ({"type": "date", "format": "%Y%m%d"}, "Datum, JJJJMMTT"),
        ({"type": "boolean"}, "ja oder nein"),
        ({"type": "year"}, "Jahr, vierstellig"),
        ({"type": "string"}, "Text"),
    ],
)
def test_types_are_written_as_in_germany(entry, written):
    field = contracts.field_of({"name": "a", "title": "A", "description": "", **entry}, {})
    assert supplier_page._writing(field) == written


def test_the_command_writes_a_page_a_source(tmp_path):
    result = CliRunner().invoke(cli, ["contracts", "docs", "--out", str(tmp_path / "pages")])
    assert result.exit_code == 0, result.output
    assert sorted(path.stem for path in (tmp_path / "pages").iterdir()) == contracts.sources()
    assert re.search(r"pages/register\.html$", result.output, re.MULTILINE)
