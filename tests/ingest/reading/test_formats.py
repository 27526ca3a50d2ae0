"""Every form that a contract may name goes through the whole loader, as it is and inside a zip."""

import io
import re
import zipfile
from copy import deepcopy
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ingest import contracts
from ingest.contracts import Contract
from ingest.deliveries.delivery_ledger import Delivery
from lagebild.core.settings import Settings
from tests.contract_files import descriptor, read
from tests.ingest.reading import test_fixed_width as gv100ad
from tests.ingest.reading import test_genesis as genesis
from tests.ingest.support import load_by
from tests.support import bundled_bytes, query

Form = tuple[Contract, bytes, int]  # and the year it is for
WIDE = """Statistik_Code;Statistik_Label;Zeit_Code;Zeit_Label;Zeit;1_Merkmal_Code;1_Merkmal_Label;\
1_Auspraegung_Code;1_Auspraegung_Label;BSP001__Beispiele__Anzahl;  BSP002__Quote__%
99999;Beispiel;STAG;Stichtag;31.12.2019;KREISE;Kreise;05913;Dortmund, kreisfreie Stadt;1000;12,5
99999;Beispiel;STAG;Stichtag;31.12.2019;KREISE;Kreise;05754;Gütersloh, Kreis;.;-
"""


def two_measures(folder: Path) -> Contract:
    """The wide layout of GENESIS with a column a measure."""
    made = deepcopy(descriptor(reader="genesis"))
    titles = [title.strip() for title in WIDE.split("\n")[0].split(";")]
    names = [*list(genesis.HEADERS)[:9], "persons", "share_pct"]
    listed: list[dict[str, Any]] = [
        {"name": name, "title": title, "description": "as the service names it", "type": "string"}
        for name, title in zip(names, titles, strict=True)
    ]
    listed[4] |= {"type": "date", "format": "%d.%m.%Y"}
    for measure in listed[9:]:
        measure |= {"type": "number", "decimalChar": ",", "lagebild": {"signs": True}}
    made["resources"][0] |= {"encoding": "utf-8", "dialect": {"delimiter": ";"}}
    made["resources"][0]["schema"] = {"primaryKey": ["reference_date", "region_code"], "fields": listed}
    return read(folder, made)


def loaded(settings: Settings, form: Form, folder: Path) -> Delivery:
    contract, content, year = form
    named = replace(contract, file_name=re.compile(r"delivery_(?P<period>\d{4})\.dat"))
    return load_by(settings, named, content, f"delivery_{year}.dat", folder)


def rows(settings: Settings, form: Form, delivery: Delivery, columns: str = "to_jsonb(t) - 'delivery_id'") -> list:
    statement = f"select {columns} from raw.{form[0].table} as t where delivery_id = %s order by line_number"
    return query(settings, statement, delivery.delivery_id)


def of_genesis(folder: Path) -> Form:
    return genesis.example(folder), genesis.FLAT.encode(), 2024


def of_genesis_before(folder: Path) -> Form:
    return genesis.example(folder, "iso-8859-1"), genesis.WIDE.encode("iso-8859-1"), 2019


def of_genesis_with_two_measures(folder: Path) -> Form:
    return two_measures(folder), WIDE.encode(), 2019


def of_fixed_width(folder: Path) -> Form:
    lines = [gv100ad.line(**values) for values in (gv100ad.STATE, gv100ad.DISTRICT, gv100ad.DORTMUND)]
    return gv100ad.gv100ad(folder, encoding="iso-8859-1"), "\r\n".join(lines).encode("iso-8859-1"), 2024


def bundled(source: str) -> Form:
    return contracts.load(source), bundled_bytes(source), 2024


FORMS = {
    "csv": lambda folder: bundled("employment"),
    "landesdatenbank": lambda folder: bundled("azr_nrw"),
    "genesis": of_genesis,
    "genesis before 2025": of_genesis_before,
    "genesis before 2025, two measures": of_genesis_with_two_measures,
    "fixed width": of_fixed_width,
    "wegweiser": lambda folder: bundled("wegweiser"),
    "xlsx": lambda folder: bundled("funding"),
}


def test_every_reader_is_here(tmp_path):
    assert {form(tmp_path / name)[0].reader for name, form in FORMS.items()} == set(contracts.READERS)


@pytest.mark.parametrize("name", FORMS)
def test_a_delivery_loads_whole_and_the_same_out_of_a_zip(warehouse, tmp_path, name):
    form = contract, content, year = FORMS[name](tmp_path)
    plain = loaded(warehouse, form, tmp_path)
    assert (plain.state, plain.rejected) == ("loaded", 0) and plain.loaded == plain.records > 1
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("inner.dat", content)
    zipped = replace(contract, member=re.compile(r"inner\.dat"))
    packed = loaded(warehouse, (zipped, archive.getvalue(), year), tmp_path)
    assert (packed.state, packed.records, packed.loaded) == ("loaded", plain.records, plain.loaded)
    assert rows(warehouse, form, packed) == rows(warehouse, form, plain)


def test_where_a_zip_was_agreed_nothing_else_loads(warehouse, tmp_path):
    contract, content, year = bundled("employment")
    bare = loaded(warehouse, (replace(contract, member=re.compile(".*")), content, year), tmp_path)
    assert bare.state == "refused" and "zip" in bare.reason


def test_raw_holds_what_the_layouts_of_genesis_say(warehouse, tmp_path):
    columns = "reference_date, region_code, value, value_sign, value_unit"
    form = of_genesis(tmp_path / "flat")
    assert rows(warehouse, form, loaded(warehouse, form, tmp_path), columns) == [
        (date(2024, 12, 31), "05913", Decimal("1234.5"), None, "Anzahl"),
        (date(2024, 12, 31), "DG", None, "-", "Anzahl"),
    ]
    form = of_genesis_before(tmp_path / "wide")
    assert rows(warehouse, form, loaded(warehouse, form, tmp_path), columns) == [
        (date(2019, 12, 31), "05913", Decimal("1000.5"), None, "Anzahl"),
        (date(2019, 12, 31), "05754", None, "/", "Anzahl"),
    ]


def test_raw_holds_every_measure_of_a_wide_line(warehouse, tmp_path):
    form = of_genesis_with_two_measures(tmp_path)
    columns = "region_name, persons, persons_sign, share_pct, share_pct_sign"
    assert rows(warehouse, form, loaded(warehouse, form, tmp_path), columns) == [
        ("Dortmund, kreisfreie Stadt", Decimal(1000), None, Decimal("12.5"), None),
        ("Gütersloh, Kreis", None, ".", None, "-"),
    ]


def test_raw_holds_the_directory_with_its_leading_zeros(warehouse, tmp_path):
    contract, content, year = of_fixed_width(tmp_path)
    form = contract, content + b"\r\n" + gv100ad.line(**gv100ad.STATE)[:-1].encode(), year
    delivery = loaded(warehouse, form, tmp_path)
    assert (delivery.records, delivery.loaded, delivery.rejected) == (4, 3, 1)
    assert rows(warehouse, form, delivery, "record_type, region_code, region_name, population_persons") == [
        ("10", "05", "Nordrhein-Westfalen", None),
        ("40", "05754", "Gütersloh", None),
        ("60", "05913000", "Dortmund, Stadt", 614495),
    ]
    assert query(warehouse, "select line_number, reasons->0->>'code' from raw.rejected_row") == [(4, "field_count")]
