"""A city's own files: read by the contract with what the city says of them laid over, and nothing else."""

import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import contracts
from ingest.contracts import own_layouts
from ingest.deliveries import pseudonyms
from ingest.loading import load
from lagebild.core.errors import UserError
from lagebild.core.settings import Settings
from lagebild.core.version import code_version
from lagebild.warehouse import overlay
from tests import conftest
from tests.ingest.support import command, deliver_register, person, register
from tests.support import MUNICIPALITY, PURPOSE, deliver, query

BOCHUM = "05911000"
DAY = "05911000_2024-12-31"
REGISTER = """\
layouts:
  - name: register_2024
    municipality: "05911000"
    from: "2024"
    encoding: utf-8
    dialect: {delimiter: ","}
    headers: {person_pseudonym: Personennummer, family_name: Nachname, nationality_code: Nation, reference_date: Stand}
    formats: {reference_date: "%Y-%m-%d", birth_year: "%Y-%m-%d", moved_in_on: "%Y-%m-%d", moved_out_on: "%Y-%m-%d"}
    without: [azr_number, tax_id]
    map: {sex: {m: male, w: female, d: diverse}}
"""
TITLES = (
    "Nation,Personennummer,AGS,Stand,Geburtsdatum,Geschlecht,Nachname,Vorname,Wohnungsart,Auszugsdatum,Einzugsdatum"
)
LEDGER = """\
layouts:
  - name: haushalt
    municipality: "05911000"
    numbers: {trailing_minus: true}
    headers: {amount_eur: Betrag in Hauswährung}
"""
POSTED = "AGS;Haushaltsjahr;Belegnummer;Buchungsdatum;Produkt;Produktbezeichnung;Konto;Kontobezeichnung;Zielgruppe"


@pytest.fixture
def city(tmp_path: Path) -> Settings:
    return conftest.settings_in(tmp_path)


def write(settings: Settings, source: str, text: str) -> Path:
    """A city's file about a source."""
    path = settings.config / "contracts" / f"{source}.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def entry(text: str) -> str:
    """One entry of a file, in a line of its own each key."""
    return "layouts:\n  - name: own\n" + "".join(f"    {line}\n" for line in text.splitlines())


def in_force(settings: Settings, source: str, municipality: str | None, period: str) -> contracts.Contract:
    return own_layouts.in_force(settings.config, contracts.load(source), municipality, period)


def export(*persons: str) -> bytes:
    """A register as the second city exports it: UTF-8 with a byte order mark, commas, its own titles and order."""
    return ("\ufeff" + "\r\n".join([TITLES, *persons, ""])).encode()


def row(identifier: str, nationality: str = "154", birth: str = "1990-02-28") -> str:
    return f"{nationality},{identifier},{BOCHUM},2024-12-31,{birth},w,GEHEIM-{identifier},VOR,H,,2015-03-01"


# --- what is in force -------------------------------------------------------------------------------------------------


def test_a_municipality_and_period_have_their_own_layout_and_all_others_the_contracts(city):
    agreed = contracts.load("register")
    assert in_force(city, "register", BOCHUM, DAY).fields == agreed.fields
    write(city, "register", REGISTER)
    own = in_force(city, "register", BOCHUM, DAY)
    assert (own.encoding, own.delimiter, own.columns, own.table) == ("utf-8", ",", agreed.columns, agreed.table)
    (layout,) = own.layouts_in(DAY)
    assert layout.name == "register_2024" and "Personennummer" in layout.header and "IdNr" not in layout.header
    assert own.version != agreed.version
    for municipality, period in ((BOCHUM, "05911000_2023-12-31"), (MUNICIPALITY, "05913000_2024-12-31")):
        other = in_force(city, "register", municipality, period)
        assert (other.version, other.encoding, other.layouts) == (agreed.version, agreed.encoding, agreed.layouts)


def test_what_makes_pseudonyms_and_what_is_dropped_stays_as_the_contract_says(city):
    write(city, "register", REGISTER)
    agreed, own = contracts.load("register"), in_force(city, "register", BOCHUM, DAY)
    assert [(f.name, f.privacy) for f in own.fields] == [(f.name, f.privacy) for f in agreed.fields]
    for name in ("pseudonym_purpose", "legal_basis", "retention", "max_rejected", "rules", "primary_key", "history"):
        assert getattr(own, name) == getattr(agreed, name), name


def test_an_entry_without_columns_leaves_the_contracts_layouts(city):
    write(city, "ledger_plan", entry('municipality: "05911000"\nencoding: cp1252'))
    agreed, own = contracts.load("ledger_plan"), in_force(city, "ledger_plan", BOCHUM, "05911000_2024")
    assert own.encoding == "cp1252" != agreed.encoding
    assert [layout.header for layout in own.layouts] == [layout.header for layout in agreed.layouts]
    assert [layout.name for layout in own.layouts] == ["own", *(f"own ({c.name})" for c in agreed.changes)]


def test_a_source_whose_files_name_no_municipality_has_a_layout_for_all(city):
    write(city, "employment", entry('from: "2023"\nheaders: {region_name: Region}'))
    (layout,) = in_force(city, "employment", None, "2024").layouts_in("2024")
    assert (layout.name, "Region" in layout.header) == ("own", True)
    (before,) = in_force(city, "employment", None, "2022").layouts_in("2022")
    assert before.name == "current"


def test_a_header_that_does_not_fit_names_the_line_of_the_citys_file(city):
    header = [{"Betrag EUR": "Betrag"}.get(f.title, f.title) for f in contracts.load("ledger").fields]
    path = own_layouts.path_of(city.config, "ledger")
    _, remedy = in_force(city, "ledger", BOCHUM, "05911000_2024").header_refusal(header, "05911000_2024")
    line = '- {name: "2024", municipality: "05911000", from: "2024", to: "2024", headers: {amount_eur: Betrag}}'
    assert remedy.endswith(f"add under layouts: in {path}: {line}")
    write(city, "ledger", f"layouts:\n  {line}\n")
    assert in_force(city, "ledger", BOCHUM, "05911000_2024").layout_for(header, "05911000_2024")
    write(city, "ledger", LEDGER)
    _, remedy = in_force(city, "ledger", BOCHUM, "05911000_2024").header_refusal(header, "05911000_2024")
    assert remedy.endswith(f"change the entry at {path}:2: headers: {{amount_eur: Betrag}}")


def test_the_suppliers_page_shows_what_the_city_agreed(city, tmp_path):
    write(city, "register", REGISTER)
    name = f"register_{DAY}.csv"
    assert command(city, "contracts", "docs", "register", "--like", name, "--out", str(tmp_path)).exit_code == 0
    page = (tmp_path / "register.html").read_text(encoding="utf-8")
    for said in (f"<code>{name}</code>", "<code>Personennummer</code>", "Komma (,)", "<code>w</code>", "JJJJ-MM-TT"):
        assert said in page, said
    assert "AZR-Nummer" not in page and "register_2024" not in page
    wrong = command(city, "contracts", "docs", "register", "--like", "register.csv", "--out", str(tmp_path))
    assert "register.csv is no name of a file of register" in str(wrong.exception)


# --- what is wrong ----------------------------------------------------------------------------------------------------

M = 'municipality: "05911000"\n'
BESIDE = "beside: true\ndelimiters: [';']\n"
WRONG = [
    ("ledger", M + "encodng: utf-8", 4, "the loader knows no entry 'encodng'"),
    ("ledger", M + "encodng: utf-8", 4, "did you mean encoding?"),
    ("ledger", M + "encoding: utf-9", 4, "'utf-9' is no text encoding"),
    ("ledger", M + "encoding: 8", 4, "encoding is no text"),
    ("ledger", M + "dialect: {delimeter: ','}", 4, "dialect: the loader knows no entry 'delimeter'"),
    ("ledger", M + "dialect: {delimeter: ','}", 4, "did you mean delimiter?"),
    ("ledger", M + "dialect: {delimiter: x}", 4, "the delimiter is none of"),
    ("ledger", M + "dialect: {sheetName: A}", 4, "sheetName has no effect for reader csv"),
    ("ledger", M + "dialect: {headerRows: [2, 1]}", 4, "headerRows is no list of rising line numbers"),
    ("ledger", M + "numbers: {decimal: ','}", 4, "numbers: the loader knows no entry 'decimal'"),
    ("ledger", M + "numbers: {decimalChar: '.'}", 4, "decimalChar and groupChar are the same"),
    ("ledger", M + "numbers: {trailing_minus: ja}", 4, "trailing_minus is no true or false"),
    ("ledger", M + "numbers: {decimalChar: '.,'}", 4, "decimalChar is not one sign"),
    ("ledger", M + "dialect: {headerRows: 2}", 4, "headerRows is no list"),
    ("ledger", M + "order: [1, amount_eur]", 4, "the name of a column is no text"),
    ("ledger", M + "headers: {amount_eu: Betrag}", 4, "amount_eu is no field; did you mean amount_eur?"),
    ("ledger", M + "headers: {amount_eur: 5}", 4, "headers: amount_eur is no text: write it in quotes"),
    ("ledger", M + "formats: {posted_on: '%Y'}", 4, "does not hold day, month and year"),
    ("ledger", M + "formats: {amount_eur: '%Y-%m-%d'}", 4, "amount_eur is no date"),
    ("ledger", M + "order: [amount_eur]", 4, "order does not hold each of its fields once"),
    ("ledger", M + "without: {evidence: published}", 4, "what a city delivers is `delivered`"),
    ("ledger", M + "map: {target_group: {E: EU}}", 4, "'EU' is none of EU2, all, other"),
    ("ledger", M + "map: {target: {E: EU2}}", 4, "target is no field; did you mean target_group?"),
    ("ledger", M + "map: {evidence: {synthetisch: delivered}}", 4, "the words of evidence are not a city's to say"),
    ("ledger", M + "footer: '('", 4, "is no regular expression"),
    ("ledger", M + "from: 24", 2, "'24' is no year, month or day"),
    ("ledger", M + "from: '2025'\nto: '2024'\nencoding: utf-8", 2, "it ends before it begins"),
    ("ledger", M + "encoding: iso-8859-1", 2, "nothing in it differs from the contract"),
    ("ledger", "municipality: 05112000\nencoding: utf-8", 3, "municipality is no text: write it in quotes"),
    ("ledger", 'municipality: "591100"\nencoding: utf-8', 3, "591100: an AGS has 8 digits"),
    ("ledger", 'municipality: "99911000"\nencoding: utf-8', 3, "the first two of a state"),
    ("ledger", "encoding: utf-8", 2, "it has no municipality"),
    ("employment", M + "encoding: utf-8", 3, "it matches nothing"),
    ("ledger_plan", M + "name: unit_in_a_column\nencoding: utf-8", 4, "stands twice"),
    ("ledger", M + "like: spa", 4, "did you mean sap?"),
    ("employment", "like: sap", 3, "it has none"),
    ("ledger", M + "like: sap", 2, "nothing in it differs from layout sap"),
    ("ledger", M + "parts: {product_code: '([0-9]{6})'}", 4, "(like: sap)"),
    ("ledger", M + "like: sap\nparts: {product_code: '[0-9]{6}'}", 5, "has no group, which would be the value"),
    ("ledger", M + "like: sap\nparts: {product_code: '('}", 5, "parts: product_code is no pattern"),
    ("ledger", M + "like: sap\nparts: {product_cod: '([0-9])'}", 5, "did you mean product_code?"),
    ("ledger", M + "like: sap\nparts: {product_code: 5}", 5, "parts: product_code is no text: write it in quotes"),
    ("ledger", M + "like: sap\nnamed: {region_code: gemeinde}", 2, "file_name has no group (?P<gemeinde>...)"),
    ("ledger", M + "like: sap\ndelimiters: ['#']", 5, "delimiters is no list of"),
    ("ledger", M + "like: sap\ndialect: {delimiter: ','}", 5, "delimiter has no effect: it is found in the list"),
    ("ledger", M + "like: sap\nrequired: [document]", 5, "did you mean document_number?"),
    ("ledger", M + "like: sap\noptional: {target_group: alle}", 5, "'alle' is none of EU2, all, other; did you mean"),
    ("ledger", M + "like: sap\noptional: {fiscal_year: '2019'}", 5, "'2019' is no year, which raw holds of it"),
    ("ledger", M + "like: sap\nwithout: {line_item: eins}", 5, "'eins' does not match"),
    ("ledger", M + "like: sap\noptional: {evidence: published}", 5, "what a city delivers is `delivered`"),
    ("ledger", M + "like: sap\ntotals: [amount]", 5, "did you mean amount_eur?"),
    ("ledger", M + "like: sap\nfooter: '('", 5, "footer is no pattern"),
    ("ledger", M + "beside: true\nheaders: {amount_eur: Betrag}", 2, "delimiters is no list of"),
    ("ledger", M + "beside: 1", 4, "beside is no true or false"),
    ("genesis", "beside: true\ndelimiters: [';']", 2, "a layout beside others is of delimited text"),
]


@pytest.mark.parametrize(("source", "text", "line", "said"), WRONG)
def test_a_wrong_entry_is_named_with_its_line(city, source, text, line, said):
    path = write(city, source, entry(text))
    found = own_layouts.findings(city.config)
    assert any(finding.line == line and said in finding.message for finding in found), [*map(str, found)]
    with pytest.raises(UserError, match=f"{path}:{line}: ") as caught:
        in_force(city, source, BOCHUM, "05911000_2024")
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("privacy: {person_pseudonym: keep}", "knows no entry 'privacy': it knows name, municipality, from,"),
        ("pseudonym_purpose: other", "the loader knows no entry 'pseudonym_purpose'"),
        ("without: [person_pseudonym]", "person_pseudonym tells persons apart, and no file may lack it"),
        ("headers: {nationality_code: Familienname}", "'Familienname' is the title of family_name"),
        ("headers: {person_pseudonym: AZR-Nummer}", "'AZR-Nummer' is the title of azr_number"),
        ("headers: {person_pseudonym: idnr}", "'idnr' is the title of tax_id"),
        ("headers: {moved_in_on: Geburtsdatum}", "'Geburtsdatum' is the title of birth_year"),
        ("headers: {tax_id: Ordnungsmerkmal}", "'Ordnungsmerkmal' is the title of person_pseudonym"),
        (BESIDE + "named: {person_pseudonym: ags}", "person_pseudonym is about persons: the contract alone says"),
        (BESIDE + "parts: {person_pseudonym: '(.).*'}", "person_pseudonym is about persons: the contract alone says"),
        (BESIDE + "parts: {birth_year: '(.*)'}", "birth_year is about persons: the contract alone says"),
        (BESIDE + "optional: {person_pseudonym: null}", "person_pseudonym tells persons apart"),
        (BESIDE + "headers: {nationality_code: Familienname}", "'Familienname' is the title of family_name"),
        (BESIDE + "footer: Summe\ntotals: [nationality_code]", "a source about persons, or with a history, says none"),
    ],
)
def test_no_entry_weakens_what_the_contract_says_of_persons(city, text, said):
    write(city, "register", entry(M + text))
    found = own_layouts.findings(city.config)
    assert any(said in finding.message for finding in found), [*map(str, found)]
    assert {finding.line for finding in found} <= {2, 4, 6, 7}
    assert own_layouts.findings(city.config, "register") == found


_NAMES = st.sampled_from([f.name for f in contracts.load("register").fields] + ["other", "Familienname"])
_TITLES = st.sampled_from([f.title for f in contracts.load("register").fields] + ["Nachname", "", "5"])
_ODD = st.one_of(st.none(), st.booleans(), st.integers(0, 9), st.text(max_size=3), st.lists(_TITLES, max_size=2))
_ENTRIES = st.fixed_dictionaries(
    {"name": st.just("own"), "municipality": st.just(BOCHUM)},
    optional={
        "encoding": st.sampled_from(["utf-8", "cp1252", "none"]) | _ODD,
        "dialect": st.dictionaries(st.sampled_from(["delimiter", "quoteChar", "headerRows"]), _ODD) | _ODD,
        "numbers": st.dictionaries(st.sampled_from(["decimalChar", "groupChar", "x"]), _ODD) | _ODD,
        "headers": st.dictionaries(_NAMES, _TITLES | _ODD) | _ODD,
        "formats": st.dictionaries(_NAMES, st.sampled_from(["%Y-%m-%d", "%Y"]) | _ODD) | _ODD,
        "without": st.lists(_NAMES, max_size=3) | st.dictionaries(_NAMES, _ODD, max_size=2) | _ODD,
        "order": st.lists(_NAMES, max_size=3) | _ODD,
        "map": st.dictionaries(_NAMES, st.dictionaries(_TITLES, _TITLES, max_size=2) | _ODD, max_size=2) | _ODD,
        "from": _ODD,
        "footer": _ODD,
        "like": st.just("sap") | _ODD,
        "beside": st.just(True) | _ODD,
        "delimiters": st.just([";"]) | _ODD,
        "named": st.dictionaries(_NAMES, st.sampled_from(["ags", "period"]) | _ODD, max_size=2) | _ODD,
        "parts": st.dictionaries(_NAMES, st.sampled_from(["(.*)", "(.).*"]) | _ODD, max_size=2) | _ODD,
        "optional": st.dictionaries(_NAMES, _ODD, max_size=2) | _ODD,
        "totals": st.lists(_NAMES, max_size=2) | _ODD,
    },
)


_KEPT = [f.name for f in contracts.load("register").fields if f.privacy != "pseudonym" and f.name != "evidence"]
_LIKELY = st.fixed_dictionaries(
    {"name": st.just("own"), "municipality": st.just(BOCHUM), "encoding": st.just("utf-8")},
    optional={
        "headers": st.dictionaries(st.sampled_from([f.name for f in contracts.load("register").fields]), _TITLES),
        "without": st.lists(st.sampled_from(_KEPT), max_size=3),
        "formats": st.just({"birth_year": "%Y-%m-%d"}),
        "beside": st.just(True),
        "delimiters": st.just([";"]),
        "parts": st.dictionaries(st.sampled_from([f.name for f in contracts.load("register").fields]), st.just("(.*)")),
        "named": st.dictionaries(st.sampled_from([f.name for f in contracts.load("register").fields]), st.just("ags")),
    },
)


@settings(max_examples=200, deadline=None)
@given(told=_LIKELY | _ENTRIES)
def test_whatever_an_entry_says_it_is_refused_or_changes_nothing_about_persons(told):
    with tempfile.TemporaryDirectory() as folder:
        city = conftest.settings_in(Path(folder))
        write(city, "register", yaml.safe_dump({"layouts": [told]}, allow_unicode=True))
        if own_layouts.findings(city.config):
            return
        agreed = contracts.load("register")
        for layout in in_force(city, "register", BOCHUM, "05911000_0009").layouts:
            privacy_of = {f.name: f.privacy for f in agreed.fields}
            assert all(f.privacy == privacy_of[f.name] for f in (*layout.fields, *(f for f, _ in layout.constants)))
            assert not any(f.is_personal and f.part for f in layout.fields)
            assert not any(f.is_personal for f, _ in layout.named)
            kept = {f.title for f in layout.fields if f.privacy == "keep"}
            assert not kept & {f.title for f in agreed.fields if f.is_personal}
            assert any(f.privacy == "pseudonym" for f in layout.fields)


def test_entries_of_one_name_or_one_time_are_told(city):
    text = (M + "encoding: utf-8").replace("\n", "\n    ")
    write(city, "ledger", f"layouts:\n  - name: a\n    {text}\n  - name: b\n    {text}\n    from: 2024\n")
    assert [str(f).partition("layout b: ")[2] for f in own_layouts.findings(city.config)] == [
        "layout a in line 2 holds then, too"
    ]
    write(city, "ledger", f"layouts:\n  - name: a\n    {text}\n    to: 2023\n  - name: b\n    {text}\n    from: 2024\n")
    assert own_layouts.findings(city.config) == [] and len(own_layouts.every(city.config)) == 2


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("regster.yml", "layouts: []\n", "did you mean register.yml?"),
        ("register.yaml", "layouts: []\n", "no source has a file of this name"),
        ("register.yml", "layouts: [\n", "is no YAML"),
        ("register.yml", "", "is empty"),
        ("register.yml", "entries: []\n", "is no mapping with a list layouts:"),
        ("register.yml", "layouts: []\nlayouts: []\n", "'layouts' stands twice"),
    ],
)
def test_a_file_that_is_none_of_a_source_is_told(city, name, text, said):
    path = write(city, "register", "")
    path.unlink()
    path.with_name(name).write_text(text)
    (finding,) = own_layouts.findings(city.config)
    assert said in str(finding)
    with pytest.raises(UserError, match="what to do"):
        overlay.layouts(city.config)


def test_a_changed_layout_is_another_version_of_what_makes_figures(city):
    write(city, "ledger", LEDGER)
    first = overlay.version("1+a", [], overlay.layouts(city.config))
    write(city, "ledger", LEDGER.replace("Betrag in Hauswährung", "Betrag"))
    second = overlay.version("1+a", [], overlay.layouts(city.config))
    assert len({first, second, "1+a"}) == 3 and first.startswith("1+a.")


# --- loaded -----------------------------------------------------------------------------------------------------------


def test_a_second_citys_register_is_read_beside_the_firsts(warehouse):
    write(warehouse, "register", REGISTER)
    pseudonyms.ensure_key(warehouse.keys, BOCHUM, PURPOSE)
    first = deliver_register(warehouse, person("S1"), person("S2"))
    content = export(row("B1"), row("B2", nationality="999"), row("B3", birth="28.02.1990"))
    second = deliver(warehouse, "register", content, f"register_{DAY}.csv")
    assert (first.state, first.loaded, first.layout) == ("loaded", 2, "current")
    assert (second.loaded, second.rejected, second.layout) == (2, 1, "register_2024")
    assert second.contract_version == in_force(warehouse, "register", BOCHUM, DAY).version != first.contract_version
    told = (
        "select reference_date::text, region_code, birth_year, sex, nationality_code, moved_in_on::text,"
        " residence_type, evidence from raw.register__person_snapshot where delivery_id = %s order by nationality_code"
    )
    assert query(warehouse, told, second.delivery_id) == [
        ("2024-12-31", BOCHUM, 1990, "female", nationality, "2015-03-01", "main", "delivered")
        for nationality in ("154", "999")
    ]
    again = deliver(warehouse, "register", export(row("B1"), row("B1")), "register_05911000_2025-03-31.csv")
    reasons = "select reasons -> 0 ->> 'field' from raw.rejected_row where delivery_id = %s"
    assert query(warehouse, reasons, again.delivery_id) == [("Stand, AGS, Personennummer",)]
    held = query(warehouse, "select (select string_agg(p::text, ' ') from raw.register__person as p)"
                            " || (select string_agg(r::text, ' ') from raw.rejected_row as r)")  # fmt: skip
    assert not [word for word in ("GEHEIM", "B1", "B3", "VOR") if word in held[0][0]]


def test_the_next_snapshot_of_an_own_layout_keeps_only_what_changed(warehouse):
    write(warehouse, "register", REGISTER)
    pseudonyms.ensure_key(warehouse.keys, BOCHUM, PURPOSE)
    deliver(warehouse, "register", export(row("B1"), row("B2")), f"register_{DAY}.csv")
    later = [line.replace("2024-12-31", "2025-03-31") for line in (row("B1"), row("B2", nationality="125"))]
    second = deliver(warehouse, "register", export(*later), "register_05911000_2025-03-31.csv")
    assert (second.loaded, second.rejected) == (2, 0)
    stored = "select delivery_id, nationality_code from raw.register__person order by 1, 2"
    assert query(warehouse, stored) == [(1, "154"), (1, "154"), (2, "125")]


def test_a_ledger_with_trailing_minus_is_read_once_the_city_says_so(warehouse, tmp_path):
    content = f"{POSTED};Betrag in Hauswährung\n".encode("iso-8859-1")
    for number, amount in ((1, "1.234,56-"), (2, "0,01")):
        line = f"{BOCHUM};2024;{number};02.01.2024;050101;Hilfen;531100;Zuschüsse;alle;{amount}\n"
        content += line.encode("iso-8859-1")
    refused = deliver(warehouse, "ledger", content, "ledger_05911000_2024.csv")
    assert refused.state == "refused" and str(own_layouts.path_of(warehouse.config, "ledger")) in refused.reason

    write(warehouse, "ledger", LEDGER)
    again = load.reload(warehouse, refused.delivery_id)
    assert (again.state, again.attempt, again.loaded, again.layout) == ("loaded", 2, 2, "haushalt")
    amounts = "select amount_eur::text from raw.ledger__posting order by document_number"
    assert query(warehouse, amounts) == [("-1234.56",), ("0.01",)]


def test_bytes_that_were_refused_are_tried_anew_when_the_citys_file_has_changed(warehouse):
    name, content = f"register_{DAY}.csv", export(row("B1"))
    pseudonyms.ensure_key(warehouse.keys, BOCHUM, PURPOSE)
    write(warehouse, "register", REGISTER.replace("Nachname", "Familienname"))
    first, same = (deliver(warehouse, "register", content, name) for _ in range(2))
    assert first.state == "refused" and same.delivery_id == first.delivery_id
    assert "the header is not the contract's" in first.reason
    write(warehouse, "register", REGISTER)
    assert deliver(warehouse, "register", content, name).state == "loaded"


def test_what_the_city_says_is_listed_fitted_and_held_against_the_ledger(warehouse, tmp_path):
    path = write(warehouse, "register", REGISTER)
    told = f"{path}:2: layout register_2024: register 05911000, 2024 to: encoding, dialect, headers"
    assert command(warehouse, "config").output.startswith(told)
    file = tmp_path / f"register_{DAY}.csv"
    file.write_bytes(export(row("B1")))
    fitted = command(warehouse, "contracts", "fit", "register", str(file))
    assert fitted.output.strip() == f"{file.name}: period {DAY}, layout register_2024"
    # Nothing was delivered yet, then another city's.
    assert command(warehouse, "contracts", "check", "register").exit_code == 0
    deliver_register(warehouse, person("S1"))
    checked = command(warehouse, "contracts", "check", "register")
    assert checked.exit_code == 1
    assert checked.output == f"{path}:2: layout register_2024: no delivery of register is read so; there are those of" \
        f" {MUNICIPALITY}\n"  # fmt: skip
    pseudonyms.ensure_key(warehouse.keys, BOCHUM, PURPOSE)
    deliver(warehouse, "register", file.read_bytes(), file.name)
    assert command(warehouse, "contracts", "check", "register").exit_code == 0


def test_a_wrong_file_keeps_its_source_from_loading_and_no_other(warehouse):
    write(warehouse, "register", "layouts: [\n")
    with pytest.raises(UserError, match=r"register.yml:2: is no YAML"):
        deliver_register(warehouse, person("S1"))
    assert deliver(warehouse, "ledger").state == "loaded"
    own_layouts.path_of(warehouse.config, "register").unlink()
    assert query(warehouse, "select count(*) from raw.delivery where source = 'register'") == [(0,)]
    (delivery,) = [deliver(warehouse, "register", register(person("S1")), "register_05913000_2019-12-31.csv")]
    assert delivery.state == "loaded"


def test_a_build_is_due_when_a_layout_changes(warehouse):
    assert (
        overlay.version(code_version(), overlay.rows(warehouse.config), overlay.layouts(warehouse.config))
        == code_version()
    )
    write(warehouse, "ledger", LEDGER)
    from lagebild.warehouse import build

    assert build._version(warehouse.config) != code_version()


def test_a_proposal_says_which_own_layout_reads_the_file(city, tmp_path):
    path = write(
        city, "ledger", LEDGER.replace("numbers:", 'encoding: utf-8\n    dialect: {delimiter: ","}\n    numbers:')
    )
    file = tmp_path / "export_2024.csv"
    titles = f"{POSTED};Betrag in Hauswährung;Herkunft".replace(";", ",")
    row = "05911000,2024,4711,02.01.2024,440101,Beratung,531100,Zuschüsse,EU2,12.5-,geliefert"
    file.write_text(f"{titles}\n{row}\n", encoding="utf-8")
    text = command(city, "sniff", str(file)).output
    said = f"your own layout haushalt ({path}:2) reads it: load it as source ledger, named as ledger_05911000_2019.csv"
    assert said in text
    file.write_text(f"{titles}\n{row}\n".replace(",", ";"), encoding="utf-8")  # another delimiter: another list
    assert "your own layout" not in command(city, "sniff", str(file)).output
    path.write_text("layouts: no\n")
    assert "it was not compared with what your city says of its own files" in command(city, "sniff", str(file)).output
