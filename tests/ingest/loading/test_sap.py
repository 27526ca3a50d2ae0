"""A ledger as SAP exports it is loaded by layout `sap` of its contract: each column by a rule, none guessed."""

import io
import json
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner

from ingest import contracts
from ingest.contracts import check, own_layouts
from ingest.deliveries import delivery_ledger
from ingest.loading.engine import Engine
from ingest.onboarding import propose, supplier_page
from ingest.reading import readers
from ingest.reading.refused import Refused
from lagebild.cli.main import cli
from lagebild.core.errors import UserError
from tests import conftest
from tests.contract_files import descriptor, read, write
from tests.ingest.support import command
from tests.support import deliver, drop, query

NAME, PERIOD = "ledger_05315000_2019.txt", "05315000_2019"
TITLES = [
    "Buchungskreis", "Geschäftsjahr", "Belegnummer", "Buchungszeile", "Buchungsdatum", "PSP-Element",
    "Bezeichnung PSP-Element", "Sachkonto", "Bezeichnung Sachkonto", "Betrag in Hauswährung", "Zielgruppe", "Herkunft",
]  # fmt: skip
# Made up, and each row says so.
ROWS = [
    ["1000", "2019", "5100000001", "1", "31.12.2019", "05.01.01.001", "Hilfen", "00533100", "Leistungen",
     "1.234.567,89", "EU2", "synthetisch"],
    ["1000", "2019", "5100000001", "2", "31.12.2019", "050101-002", "Hilfen", "00448100", "Erstattungen",
     "1.234,56-", "alle", "synthetisch"],
    ["1000", "2019", "5100000002", "1", "02.01.2019", "020101", "Ordnung", "00501100", "Bezüge", "0,50", "andere",
     "synthetisch"],
]  # fmt: skip
TITLE_BLOCK = ["30.11.2026", "Einzelposten Sachkonten", "Buchungskreis 1000", ""]


def export(rows=ROWS, titles=TITLES, delimiter="\t", above=TITLE_BLOCK, before="", totals=("*",)) -> bytes:
    """A list as SAP saves it; `before`: what it writes in front of every line of the table."""
    lines = [*above, *(before + delimiter.join(cells) for cells in [titles, *rows])]
    n = next(n for n, title in enumerate(titles) if title.startswith("Betrag"))
    sums = [mark + before + delimiter * n + "1.233.333,83" + delimiter * (len(titles) - n - 1) for mark in totals]
    return "\r\n".join([*lines, *sums, ""]).encode("iso-8859-1")


def without(column: str) -> tuple[list[list[str]], list[str]]:
    n = TITLES.index(column)
    return [[*cells[:n], *cells[n + 1 :]] for cells in ROWS], [*TITLES[:n], *TITLES[n + 1 :]]


def changed(column: str, text: str) -> list[list[str]]:
    """The rows, the first one with another text."""
    n = TITLES.index(column)
    return [[*ROWS[0][:n], text, *ROWS[0][n + 1 :]], *ROWS[1:]]


def rejected(content: bytes) -> dict[int, str]:
    """By line, why rows of a file that the contract reads are rejected."""
    contract = contracts.load("ledger")
    source = readers.open_source(contract, io.BytesIO(content), PERIOD)
    assert source.layout.name == "sap"
    engine = Engine(contract, source.layout.of_file(contract.match(NAME)), None, 1)
    checked = [engine.check(block) for block in source.blocks(engine.is_row)]
    found = {row.line: row.reasons[0]["message"] for part in checked for row in part.rejected}
    assert source.records == sum(len(part.lines) for part in checked) + len(found)
    return found


def test_each_column_gives_what_the_mapping_says(warehouse):
    """Tabulators, a title block, a column without a title before the others, a total: as SAP saves a list."""
    delivery = deliver(warehouse, "ledger", export(before="\t"), NAME)
    assert (delivery.state, delivery.layout, delivery.period) == ("loaded", "sap", PERIOD)
    assert (delivery.records, delivery.loaded, delivery.rejected) == (3, 3, 0)
    rows = query(
        warehouse,
        "select region_code, fiscal_year, company_code, document_number, line_item, posted_on::text, product_code,"
        " account_code, target_group, amount_eur, evidence, line_number from raw.ledger__posting order by line_number",
    )
    assert rows == [
        ("05315000", 2019, "1000", "5100000001", "1", "2019-12-31", "050101", "533100", "EU2",
         Decimal("1234567.89"), "synthetic", 6),
        ("05315000", 2019, "1000", "5100000001", "2", "2019-12-31", "050101", "448100", "all",
         Decimal("-1234.56"), "synthetic", 7),
        ("05315000", 2019, "1000", "5100000002", "1", "2019-01-02", "020101", "501100", "other",
         Decimal("0.50"), "synthetic", 8),
    ]  # fmt: skip


@pytest.mark.parametrize("form", [{"delimiter": ";"}, {"above": []}, {"totals": []}, {"totals": ["*", "**"]}])
def test_a_list_may_come_in_each_of_its_forms(form):
    assert rejected(export(**form)) == {}


def test_columns_may_stand_in_any_order():
    assert rejected(export(rows=[cells[::-1] for cells in ROWS], titles=TITLES[::-1])) == {}


@pytest.mark.parametrize("column", ["Zielgruppe", "Herkunft"])
def test_a_column_that_sap_does_not_know_may_be_missing(column):
    rows, titles = without(column)
    assert rejected(export(rows, titles)) == {}


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("PSP-Element", "1.05.01.01"),
        ("PSP-Element", "P-050101"),
        ("PSP-Element", "0501"),
        ("PSP-Element", "05010100"),
        ("Sachkonto", "52410000"),
        ("Sachkonto", "524100"),
        ("Sachkonto", "0000524100"),
    ],
)
def test_what_could_be_another_product_or_chart_of_accounts_is_rejected_and_not_guessed(column, text):
    (message,) = rejected(export(changed(column, text))).values()
    assert message.startswith(f"{column} does not match ")


def test_a_row_without_company_code_or_line_is_rejected():
    for column in ("Buchungskreis", "Buchungszeile"):
        assert rejected(export(changed(column, ""))) == {6: f"{column} is missing"}


def test_something_before_the_first_column_rejects_its_row():
    rows = [["x", *ROWS[0]], *(["", *cells] for cells in ROWS[1:])]
    found = rejected(export(rows, ["", *TITLES], totals=[]))
    assert found == {6: f"{len(TITLES) + 1} fields instead of {len(TITLES)}"}


@pytest.mark.parametrize("mark", ["*", "Summe"])
def test_a_list_with_subtotals_is_refused_and_its_other_rows_are_not_lost(mark):
    content = export(ROWS[:1], totals=[mark]) + export(ROWS[1:], above=[]).split(b"\r\n", 1)[1]
    with pytest.raises(Refused, match="line 8: rows stand below the total of line 7") as refused:
        rejected(content)
    assert "without subtotals" in refused.value.remedy


def test_a_column_that_may_name_a_person_is_refused_with_the_columns_to_choose():
    rows = [[*cells, "x"] for cells in ROWS]
    with pytest.raises(Refused, match=r"unknown: Benutzer; compared with layout sap") as refused:
        rejected(export(rows, [*TITLES, "Benutzer"]))
    assert refused.value.remedy.startswith("choose these columns in the export and no others: Geschäftsjahr, ")


# --- the total below the rows -----------------------------------------------------------------------------------------


def printed(content: bytes) -> list[tuple[int, str, str]]:
    """Line, column and text of the totals of a file."""
    source = readers.open_source(contracts.load("ledger"), io.BytesIO(content), PERIOD)
    list(source.blocks())
    return [(line, field.name, text) for line, field, text in source.totals]


@pytest.mark.parametrize("mark", ["Summe", "Gesamtsumme", "Endsumme", "Gesamtergebnis", "Total", "Insgesamt", "Summe:"])
def test_a_total_may_be_called_otherwise(mark):
    assert printed(export(totals=[mark])) == [(9, "amount_eur", "1.233.333,83")]


@pytest.mark.parametrize("before", ["", "\t"])
def test_each_total_of_a_list_is_read_under_its_column(before):
    content = export(before=before, totals=["*", "**"])
    assert printed(content) == [(9, "amount_eur", "1.233.333,83"), (10, "amount_eur", "1.233.333,83")]


def test_a_line_of_totals_without_a_figure_anywhere_prints_none_and_one_with_it_elsewhere_lacks_it():
    assert printed(export(totals=[]) + b"Summe Buchungskreis\r\n") == []
    assert printed(export(totals=[]) + b"*\t1.233.333,83\r\n") == [(9, "amount_eur", "")]


def test_a_list_is_held_with_both_figures_where_its_total_is_another_and_says_so_where_it_agrees(warehouse):
    """To the cent, in decimals: no sum of floats would tell 0.10 from 0.1000000001."""
    lists = {
        "ledger_05315000_2019.txt": export().replace(b"1.233.333,83", b"1.233.333,83 EUR"),
        "ledger_05314000_2019.txt": export(totals=["*"]).replace(b"1.233.333,83", b"1.233.333,84"),
        "ledger_05111000_2019.txt": export().replace(b",83", b",8 3"),
        "ledger_05112000_2019.txt": export(totals=[]),
        "ledger_05113000_2019.txt": export(totals=[]) + b"*\t1.233.333,83\r\n",
    }
    for name, content in lists.items():
        drop(warehouse, "ledger", content, name)
    result = command(warehouse, "load", "ledger")
    found = {d.period[:5]: d for d in delivery_ledger.deliveries(warehouse, "ledger")}
    assert {place: d.state for place, d in found.items()} == {
        "05315": "accepted", "05314": "held", "05111": "held", "05112": "accepted", "05113": "accepted",
    }, [*map(str, found.values())]  # fmt: skip
    agrees = "  Betrag in Hauswährung: the rows sum to the total of line 9, 1,233,333.83"
    assert result.output.splitlines().count(agrees) == 1
    assert "printed 1,233,333.84, the rows sum to 1,233,333.83 (expected rows that sum" in found["05314"].reason
    assert "the total is not a number, the rows sum to 1,233,333.83" in found["05111"].reason
    (warned,) = query(
        warehouse,
        "select observed from quality.verdict where not passed and expectation = 'printed_total_is_there'",
    )
    assert warned == ("line 9: no figure stands below Betrag in Hauswährung",)
    receipts = {d: json.loads(p.read_text()) for d, p in receipts_of(warehouse, lists).items()}
    (told,) = receipts["ledger_05315000_2019.txt"]["totals"]
    assert told["printed"] == "1233333.83"
    assert told["message"]["de"] == ("Betrag in Hauswährung: die Zeilen ergeben die Summe der Zeile 9, 1.233.333,83")
    assert receipts["ledger_05314000_2019.txt"]["totals"] == []
    assert "1,233,333.84, the rows sum to 1,233,333.83" in receipts["ledger_05314000_2019.txt"]["reason"]["de"]


def receipts_of(settings, names) -> dict[str, Path]:
    """The receipts of these files."""
    return {name: next((settings.drop / "receipts").glob(f"{name}.*.json")) for name in names}


# --- a second city, by its configuration alone ------------------------------------------------------------------------

SECOND = """\
layouts:
  - name: sap_second
    municipality: "05911000"
    like: sap
    encoding: utf-8
    headers: {amount_eur: Betrag HW, target_group: null}
    without: {target_group: all}
    parts:
      product_code: 'P-[0-9]\\.([0-9]{2})\\.([0-9]{2})\\.([0-9]{2})(?:-.*)?'
      account_code: '([0-9]{6})[0-9]{2}'
    optional: {line_item: "1"}
    required: [company_code]
"""


def second_city() -> bytes:
    """A list of another city's SAP: other PSP elements, another chart of accounts, no line of the document."""
    psp = {"05.01.01.001": "P-4.05.01.01-001", "050101-002": "P-4.05.01.01-002", "020101": "P-4.02.01.01"}
    n, account = TITLES.index("PSP-Element"), TITLES.index("Sachkonto")
    left_out = {TITLES.index("Buchungszeile"), TITLES.index("Zielgruppe")}
    rows = [
        [psp[text] if i == n else f"{text[2:]}10" if i == account else text for i, text in enumerate(cells)]
        for cells in (ROWS[0], ["1000", "2019", "5100000009", *ROWS[1][3:]], ROWS[2])
    ]
    titles = ["Betrag HW" if title == "Betrag in Hauswährung" else title for title in TITLES]
    narrow = [[text for i, text in enumerate(cells) if i not in left_out] for cells in (titles, *rows)]
    return export(narrow[1:], narrow[0], ";").decode("iso-8859-1").encode()


def test_a_second_citys_sap_export_with_other_psp_elements_loads_by_its_configuration_alone(warehouse):
    name = "ledger_05911000_2019.csv"
    refused = deliver(warehouse, "ledger", second_city(), name)
    assert refused.state == "refused"
    path = own_layouts.path_of(warehouse.config, "ledger")
    path.parent.mkdir(parents=True)
    path.write_text(SECOND, encoding="utf-8")
    assert own_layouts.findings(warehouse.config) == []
    delivery = deliver(warehouse, "ledger", second_city(), name)
    assert (delivery.state, delivery.layout, delivery.loaded, delivery.rejected) == ("loaded", "sap_second", 3, 0)
    rows = query(
        warehouse,
        "select region_code, product_code, account_code, amount_eur, target_group, line_item, evidence"
        " from raw.ledger__posting where delivery_id = %s order by line_number",
        delivery.delivery_id,
    )
    assert rows == [
        ("05911000", "050101", "533100", Decimal("1234567.89"), "all", "1", "synthetic"),
        ("05911000", "050101", "448100", Decimal("-1234.56"), "all", "1", "synthetic"),
        ("05911000", "020101", "501100", Decimal("0.50"), "all", "1", "synthetic"),
    ]
    assert query(warehouse, "select line_number, printed from raw.delivery_total") == [(9, Decimal("1233333.83"))]


def test_the_contracts_own_list_is_none_of_that_citys_any_more(tmp_path):
    city = conftest.settings_in(tmp_path)
    path = own_layouts.path_of(city.config, "ledger")
    path.parent.mkdir(parents=True)
    path.write_text(SECOND, encoding="utf-8")
    own = own_layouts.in_force(city.config, contracts.load("ledger"), "05911000", "05911000_2019")
    assert [layout.name for layout in own.layouts_in("05911000_2019")] == ["sap_second"]
    with pytest.raises(Refused, match="compared with layout sap_second") as refused:
        readers.open_source(own, io.BytesIO(export(delimiter=";").decode("iso-8859-1").encode()), "05911000_2019")
    assert f"is said at {path}:2" in refused.value.remedy
    page = supplier_page.page(own_layouts.as_written(own, "ledger_05911000_2019.csv"))
    for said in ("Betrag HW", "Tabulator", "die Klammern ergeben den Wert", "([0-9]{6})[0-9]{2}"):
        assert said in page, said
    other = own_layouts.in_force(city.config, contracts.load("ledger"), "05315000", PERIOD)
    assert [layout.name for layout in other.layouts_in(PERIOD)] == ["current", "sap"]


def test_the_contracts_own_layout_is_read_as_before():
    contract = contracts.load("ledger")
    header = [field.title for field in contract.fields if not field.optional]
    assert contract.layout_for(header, PERIOD).name == "current"
    assert contract.layout_for(TITLES, PERIOD).name == "sap"


def test_fit_and_sniff_name_the_layout(tmp_path: Path):
    file = tmp_path / NAME
    file.write_bytes(export(before="\t"))
    result = CliRunner().invoke(cli, ["contracts", "fit", "ledger", str(file)])
    assert result.output == f"{NAME}: period {PERIOD}, layout sap\n"
    text = propose.proposal("posten.txt", export())
    assert "# review: the header is that of source ledger, layout sap: load it as such" in text
    assert "source ledger" not in propose.proposal("x.csv", b"Ort;Anzahl\nAhausen;1\nBedorf;2\n")


def test_the_suppliers_page_says_how_sap_exports_are_read():
    page = supplier_page.page(contracts.load("ledger"))
    for said in ("Ebenso möglich: Aufbau „sap“", "Tabulator oder Semikolon (;)", "PSP-Element</code>", "00524100"):
        assert said in page


BESIDE = {"name": "other", "beside": True, "delimiters": [";"], "headers": {"moved_in_on": "Tag"}}


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"delimiters": ["#"]}, "delimiters is no list of"),
        ({"delimiters": None}, "delimiters is no list of"),
        ({"beside": "yes"}, "beside is neither true nor false"),
        ({"beside": False, "to": 2020}, "delimiters belongs to a layout beside others"),
        ({"footer": "("}, "footer is no pattern"),
        ({"parts": {"moved_in_on": "("}}, "parts: moved_in_on is no pattern"),
        ({"parts": {"moved_in_on": "1"}}, "parts: moved_in_on has no group"),
        ({"parts": {"nothing": "(1)"}}, "nothing is no field"),
        ({"required": ["nothing"]}, "nothing is no field"),
        ({"optional": {"nothing": None}}, "nothing is no field"),
        ({"named": {"moved_in_on": "day"}}, "file_name has no group (?P<day>...)"),
        ({"named": {"moved_in_on": "period"}, "without": ["moved_in_on"]}, "stands under named and under without"),
        ({"german": 5}, "german is no text"),
        ({"named": {"moved_in_on": "period"}}, "named: moved_in_on is no text, as a part of a name is"),
        ({"totals": ["moved_in_on"], "footer": "Summe"}, "totals: moved_in_on is no number of the file"),
        ({"totals": ["nothing"], "footer": "Summe"}, "nothing is no field"),
        ({"totals": ["moved_in_on"]}, "totals are those of the lines that footer tells, and there is none"),
        ({"headers": {}}, "has the titles of layout current"),
    ],
)
def test_what_is_wrong_with_a_layout_beside_others_is_found(tmp_path, entries, said):
    assert check.findings(write(tmp_path, descriptor(layouts=[BESIDE]))) == []
    found = check.findings(write(tmp_path, descriptor(layouts=[BESIDE | entries])))
    assert any(said in str(finding) for finding in found), found


def test_a_layout_beside_others_is_of_delimited_text(tmp_path):
    with pytest.raises(UserError, match="a layout beside others is of delimited text, and the reader is genesis"):
        read(tmp_path, descriptor(layouts=[BESIDE], reader="genesis"))
