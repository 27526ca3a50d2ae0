"""A second city: nothing without its own mapping, the right rate with it, and the rows that it lacks as a list."""

import csv
import io
import json
from dataclasses import replace
from decimal import Decimal

import pytest
from click.testing import CliRunner

from ingest.deliveries import pseudonyms
from lagebild.cli.main import cli
from lagebild.core import database, places
from lagebild.core.errors import UserError
from lagebild.core.settings import DBT_PROJECT, Settings
from lagebild.provenance import explain
from lagebild.warehouse import build, mapping
from tests.ingest.support import environment
from tests.lagebild.provenance.test_explain import check_inner_nodes, check_references
from tests.support import PURPOSE, accept, build_models, query, run_dbt

BOCHUM = "05911000"
LEDGER = (
    "AGS;Haushaltsjahr;Belegnummer;Buchungsdatum;Produkt;Produktbezeichnung;Konto;Kontobezeichnung;Zielgruppe;"
    "Betrag EUR;Herkunft"
)
REGISTER = (
    "Stichtag;AGS;Ordnungsmerkmal;AZR-Nummer;IdNr;Familienname;Vorname;Geburtsdatum;Geschlecht;Staatsangehörigkeit;"
    "Einzugsdatum;Auszugsdatum;Wohnungsart;Herkunft"
)
EMPLOYED = (
    "Stichtag;Gebietsschlüssel;Gebiet;Gruppe;Erhebungsort;Sozialversicherungspflichtig Beschäftigte;Quelle;Herkunft"
)
# A million EUR. The first line is one of Dortmund's products and accounts by chance: here it is something else.
POSTINGS = (
    ("050101", "Leistungen A", "533100", "Konto A", "EU2", "100.000,00"),
    ("440101", "Leistungen B", "529100", "Konto B", "EU2", "300.000,00"),
    ("440102", "Leistungen C", "529100", "Konto B", "andere", "548.000,00"),
    ("440103", "Leistungen D", "542200", "Konto C", "alle", "49.000,00"),
    ("440104", "Leistungen E", "542200", "Konto C", "EU2", "2.000,00"),
    ("440105", "Leistungen F", "542200", "Konto C", "andere", "1.000,00"),
    # never counted, whatever a mapping says, and so no part of what has to be mapped
    ("440106", "Leistungen G", "581100", "Interne Verrechnung", "EU2", "900.000,00"),
)
FIGURE = (
    "select total_cost_eur, denominator_persons, cost_per_person_eur, cost_per_person_low_eur,"
    " cost_per_person_high_eur, unmapped_cost_eur, unmapped_pct, reason"
    " from build.cost_per_person where municipality_ags = %s"
)
MODELS = ["int_cost__component", "int_cost__method_edition", "int_cost__rate", "cost_per_person"]


def deliver_bochum(settings: Settings, postings: tuple = POSTINGS) -> None:
    """A ledger of 1,000,000 EUR, 100 persons (two of another nationality beside them) and 20 employees."""
    pseudonyms.ensure_key(settings.keys, BOCHUM, PURPOSE)
    ledger = [
        f"{BOCHUM};2019;B{number};02.01.2019;{';'.join(posting)};geliefert"
        for number, posting in enumerate(postings, 1)
    ]
    accept(settings, "ledger", lines(LEDGER, *ledger), f"ledger_{BOCHUM}_2019.csv")
    persons = [
        f"31.12.2019;{BOCHUM};P{number};;;;;01.02.1990;M;{'154' if number <= 100 else '163'};01.03.2015;;H;geliefert"
        for number in range(1, 103)
    ]
    accept(settings, "register", lines(REGISTER, *persons), f"register_{BOCHUM}_2019-12-31.csv")
    employed = f"31.12.2019;{BOCHUM};Bochum;EU2;Wohnort;20;Auskunft der Stadt;geliefert"
    accept(settings, "employment", f"{EMPLOYED}\n{employed}\n".encode(), "eu2_employees_2019.csv")


def lines(*text: str) -> bytes:
    return "\r\n".join(text).encode("iso-8859-1")


def row(product: str, account: str, treatment: str = "attributed", **other) -> dict:
    """A row of Bochum's mapping."""
    return {
        "method": "dortmund_2019", "municipality_ags": BOCHUM, "valid_from_year": 2019, "product_code": product,
        "account_code": account, "cost_area": "Soziales", "treatment": treatment, "cost_basis": "gross",
        "bearer": "municipality",
    } | other  # fmt: skip


def with_mapping(settings: Settings, build_id: int, rows: list[dict]) -> tuple:
    """Bochum's figure with these rows in its mapping, as a city's own would be united with the project's."""
    with database.connect(settings, database.BUILDER) as connection:
        connection.execute("delete from build.cost_mapping where municipality_ags = %s", [BOCHUM])
        for one in rows:
            names, values = ", ".join(one), ", ".join(["%s"] * len(one))
            connection.execute(f"insert into build.cost_mapping ({names}) values ({values})", list(one.values()))
    run_dbt(settings, build_id, MODELS, "--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
    (figure,) = query(settings, FIGURE, BOCHUM)
    return figure


@pytest.mark.long
@pytest.mark.nightly
def test_a_second_city_has_a_figure_by_its_own_mapping_alone(warehouse):
    deliver_bochum(warehouse)
    build_id = build_models(warehouse, "cost_per_person")
    everything = Decimal(1000000)
    no_figure = (None, 80, None, None, None)
    assert query(warehouse, FIGURE, BOCHUM) == [(*no_figure, everything, Decimal(100), "mapping_incomplete")]
    ((edition, caption),) = query(warehouse, "select method_edition, caption_de from build.cost_per_person")
    assert "Nicht zugeordnet sind 1.000.000,00 von 1.000.000,00 EUR des Haushalts (100 %; über 5 % gibt" in caption

    # (100,000 + 300,000 + 2,000) / 80 = 5,025, over 78 to 82 persons 5,153.85 to 4,902.44: 5,000 in steps of 500, and
    # so are the ends. What is booked for everybody has no rule, and is mapped all the same.
    full = [row(product, account) for product, _, account, *_ in POSTINGS[:-1]]
    mapped = (Decimal(402000), 80, Decimal(5000))
    assert with_mapping(warehouse, build_id, full) == (
        *mapped, Decimal(4500), Decimal(5500), Decimal(0), Decimal(0), None
    )  # fmt: skip
    ((own_edition, caption),) = query(warehouse, "select method_edition, caption_en from build.cost_per_person")
    assert own_edition != edition and own_edition.split("-")[0] == edition.split("-")[0]
    assert "Gross: revenue" in caption and "not stated" not in caption and "(0 %; above 5 %" in caption

    # 49,000 of a million are 4.9 %: all of it could be the group's, (402,000 + 49,000) / 78 = 5,782.05
    without = [one for one in full if one["product_code"] != "440103"]
    assert with_mapping(warehouse, build_id, without) == (
        *mapped, Decimal(4500), Decimal(6000), Decimal(49000), Decimal("4.9"), None
    )  # fmt: skip
    # 50,000 are 5 % and not above it; what is booked for another group cannot be this one's
    without = [one for one in full if one["product_code"] not in ("440103", "440105")]
    assert with_mapping(warehouse, build_id, without) == (
        *mapped, Decimal(4500), Decimal(6000), Decimal(50000), Decimal(5), None
    )  # fmt: skip
    # 51,000 are 5.1 %
    without = [one for one in full if one["product_code"] not in ("440103", "440104")]
    assert with_mapping(warehouse, build_id, without) == (
        *no_figure, Decimal(51000), Decimal("5.1"), "mapping_incomplete"
    )  # fmt: skip
    # a mapping that has ended, or has not begun, is none
    assert (
        with_mapping(warehouse, build_id, [one | {"valid_to_year": 2018, "valid_from_year": 2010} for one in full])[5]
        == everything
    )
    assert with_mapping(warehouse, build_id, [one | {"valid_from_year": 2020} for one in full])[5] == everything
    # a row that nobody has filled in decides nothing
    assert with_mapping(warehouse, build_id, [one | {"treatment": None} for one in full])[5] == everything


@pytest.mark.long
def test_a_build_tells_its_warnings_and_the_command_writes_the_rows_that_are_missing(warehouse, tmp_path, monkeypatch):
    for name, value in environment(warehouse, tmp_path).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=f"no ledger of {BOCHUM} is in the publication in force"):
        mapping.missing(warehouse, BOCHUM)
    deliver_bochum(warehouse)
    told: list[str] = []
    assert build.run(warehouse, told.append) == 1
    start = told.index(next(line for line in told if line.startswith("Warnings: ")))
    assert told[start] == f"Warnings: {len([line for line in told[start:] if '(expected' in line])}"
    assert any(
        line.startswith("  cost_per_person.mapping_complete: 05911000 2019 (dortmund_2019): 1000000.00 EUR or 100.00 %")
        and "no figure; lagebild figure unmapped --place 05911000" in line
        for line in told
    )
    figure = "select reason, cost_per_person_eur, total_cost_eur from marts.cost_per_person"
    assert query(warehouse, figure) == [("mapping_incomplete", None, None)]
    assert query(warehouse, "select distinct reason from marts.cost_extrapolation") == [("mapping_incomplete",)]

    result = CliRunner().invoke(cli, ["mapping", "missing", "--place", "bochum"])
    assert result.exit_code == 0, result.output
    header = (DBT_PROJECT / "seeds" / "cost_mapping.csv").read_text(encoding="utf-8").splitlines()[0]
    assert result.stdout.splitlines()[0] == header
    found = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [one["product_code"] for one in found] == ["440102", "440101", "050101", "440103", "440104", "440105"]
    assert found[0] == dict.fromkeys(header.split(","), "") | {
        "method": "dortmund_2019", "municipality_ags": BOCHUM, "valid_from_year": "2019", "product_code": "440102",
        "account_code": "529100", "cost_basis": "not_stated", "remark": "Leistungen C / Konto B: 548000.00 EUR",
    }  # fmt: skip
    assert "6 rows, 1,000,000.00 EUR of 05911000 are not mapped" in result.stderr
    chain = explain.explain(warehouse, "cost_per_person", BOCHUM, 2019)
    assert "Zu viele EUR des Haushalts fehlen in der Zuordnung" in explain.as_text(chain, "de")
    listed = CliRunner().invoke(cli, ["mapping", "missing", "--place", BOCHUM, "--format", "json"])
    assert [Decimal(one["amount_eur"]) for one in json.loads(listed.stdout)][:2] == [548000, 300000]

    # What the command wrote goes into the city's own file as it is, and is missing until somebody fills it in.
    own = warehouse.config / "cost_mapping.csv"
    own.parent.mkdir(exist_ok=True)
    own.write_text(result.stdout, encoding="utf-8")
    assert len(mapping.missing(warehouse, BOCHUM)) == 6
    told = CliRunner().invoke(cli, ["config"])
    assert told.output == f"{own}: 6 rows, 6 not filled in (first: line 2)\n"
    # What was filled in since the build is not missing any more, from its year on.
    found[0] |= {"treatment": "attributed", "cost_area": "Soziales", "bearer": "municipality"}
    found[1] |= {"treatment": "excluded", "cost_area": "Jugend", "bearer": "municipality", "valid_from_year": "2020"}
    with own.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, header.split(","))
        writer.writeheader()
        writer.writerows(found)
    left = {one.product_code: (one.valid_from_year, one.valid_to_year) for one in mapping.missing(warehouse, BOCHUM)}
    assert "440102" not in left and left["440101"] == (2019, 2019) and left["440103"] == (2019, None)


@pytest.mark.nightly
@pytest.mark.long
def test_the_ends_of_the_interval_lead_back_to_what_is_not_mapped(warehouse):
    deliver_bochum(warehouse, (*POSTINGS, ("440107", "Leistungen H", "448100", "Erstattungen", "EU2", "-10.000,00")))
    build_id = build_models(warehouse, "provenance")
    mapped = [row(product, account) for product, _, account, *_ in POSTINGS[:-1] if product != "440104"]
    # not mapped are 2,000 and -10,000: 12,000 of 1,010,000; 390,000 / 82 = 4,756.10 and 402,000 / 78 = 5,153.85
    figure = with_mapping(warehouse, build_id, mapped)
    assert figure[2:6] == (Decimal(5000), Decimal(4500), Decimal(5500), Decimal(12000))
    no_tests = [option for kind in ("test", "unit_test") for option in ("--exclude-resource-type", kind)]
    after = ["cost_component", "cost_extrapolation", "int_provenance__component_node", "provenance"]
    run_dbt(warehouse, build_id, after, *no_tests)
    with database.connect(warehouse) as connection:
        cursor = connection.execute("select * from build.provenance where region_code = %s", [BOCHUM])
        nodes = [dict(zip([c.name for c in cursor.description], one, strict=True)) for one in cursor]
    assert check_inner_nodes(nodes) > 10 and check_references(nodes) > 5
    ends = {n["figure"]: n["value"] for n in nodes if n["label"] == "total_with_unmapped_eur"}
    assert ends == {"cost_per_person_low_eur": 390000, "cost_per_person_high_eur": 402000}


def test_a_place_is_known_by_its_key_or_its_name(warehouse):
    assert places.municipality(warehouse, "05911000") == BOCHUM
    assert places.municipality(warehouse, " bochum ") == BOCHUM
    assert places.municipality(warehouse, "Mülheim an der Ruhr") == "05117000"
    for wrong, said in (
        ("0591300", "an AGS has 8 digits"),
        ("059130000", "an AGS has 8 digits"),
        ("Bohum", r"no place is known by the name Bohum; the nearest is Bochum \(05911000\)"),
        ("", "no place is known"),
    ):
        with pytest.raises(UserError, match=said):
            places.municipality(warehouse, wrong)
    with database.connect(warehouse, database.BI_READER) as connection:
        assert places.region(connection, "deutschland") == "00" and places.region(connection, "05913") == "05913"
        with pytest.raises(UserError, match="0591300: an AGS has 8 digits, this has 7"):
            places.region(connection, "0591300")


def test_a_place_has_a_name_before_there_is_a_warehouse(empty_warehouse, tmp_path):
    assert places.municipality(empty_warehouse, "Bochum") == BOCHUM  # no migration yet
    never_started = replace(empty_warehouse, home=tmp_path / "none", warehouse_dsn=None)
    assert places.municipality(never_started, "Bochum") == BOCHUM
    with pytest.raises(UserError, match="the nearest is Bochum"):
        places.municipality(never_started, "Bochumm")
