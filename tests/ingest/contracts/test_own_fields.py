"""Fields that are read only where their operator says what for and by which law; and what raw then holds of them.

Rows of made-up persons.
"""

import re

import pytest

from ingest import contracts
from ingest.contracts import check, own_layouts
from ingest.deliveries import pseudonyms
from ingest.onboarding import supplier_page
from ingest.privacy import erasure, retention, rotation
from ingest.reading import values
from lagebild.core import database
from lagebild.core.errors import UserError
from lagebild.warehouse import overlay
from tests import conftest
from tests.ingest.support import HEADER, deliver_register, person
from tests.support import MUNICIPALITY, PURPOSE, deliver, load_key, query

NAMES = (
    "city_district", "background_by_birth", "migration_background", "moved_from", "moved_to", "arrived_year",
    "departed_year",
)  # fmt: skip
TITLES = "Stadtbezirk;Geburtsland;Migrationshintergrund;Zuzug aus;Fortzug nach;Zuzugsdatum;Fortzugsdatum"
BIRTH_COUNTRY, BEFORE = "475", "05978024"
"""A key and a municipality that stand nowhere else in these files."""


@pytest.fixture
def city(tmp_path):
    return conftest.settings_in(tmp_path)


def entry(name: str, municipality: str = MUNICIPALITY, **more: str) -> str:
    said = {"purpose": "made up for a test", "legal_basis": "Satzung (made up)"} | more
    return f'  - {{name: {name}, municipality: "{municipality}"' + "".join(f", {k}: {v}" for k, v in said.items()) + "}"


def switch_on(settings, *entries: str) -> None:
    path = settings.config / "contracts" / "register.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["fields:", *entries, ""]), encoding="utf-8")


def in_force(settings, municipality: str = MUNICIPALITY) -> contracts.Contract:
    return own_layouts.in_force(settings.config, contracts.load("register"), municipality, f"{municipality}_2019-12-31")


def wide(*rows: str) -> bytes:
    """A register with all columns that have a switch."""
    return "\n".join([f"{HEADER};{TITLES}", *rows, ""]).encode("iso-8859-1")


def row(identifier: str, rest: str, nationality: str = "154", **more: str) -> str:
    return f"{person(identifier, **more).replace(';154;', f';{nationality};')};{rest}"


FULL = f"12;{BIRTH_COUNTRY};eingebürgert;{BEFORE};121;01.03.2011;"
DELIVERED = (
    row("S1", FULL, nationality="000"),
    row("S2", f"2;{BIRTH_COUNTRY};;05978024;05913000;;30.06.2019"),
    row("S3", ";000;ohne;09162000;;;", nationality="000"),
    row("S4", ";998;;000;999;;", nationality="999"),
)
HELD = (
    "select nationality_code, city_district, background_by_birth, migration_background, moved_from, moved_to,"
    " arrived_year, departed_year from raw.register__person_snapshot where delivery_id = %s order by line_number"
)


def everything(settings) -> str:
    """All that the warehouse's tables hold, as text, but for what the code itself says of the marts."""
    tables = query(
        settings,
        "select oid::regclass::text from pg_class where relkind in ('r', 'm') and oid >= 16384"
        " and oid not in ('published.mart_relation'::regclass, 'published.mart_column'::regclass)",
    )
    return "\n".join(str(query(settings, f"select t::text from {table} as t")) for (table,) in tables)


# --- the switch -------------------------------------------------------------------------------------------------------


def test_nothing_is_read_by_default_and_each_municipality_decides_for_itself(city):
    agreed = contracts.load("register")
    assert [field.name for field in agreed.switched_off] == list(NAMES)
    assert in_force(city).layouts == agreed.layouts and in_force(city).version == agreed.version
    switch_on(city, entry("city_district"), entry("moved_from", "05911000"))
    own, other = in_force(city), in_force(city, "05911000")
    assert own.switched_on == {"city_district"} and other.switched_on == {"moved_from"}
    assert own.layouts[0].header == [*agreed.layouts[0].header[:-1], "Stadtbezirk", "Herkunft"]
    assert len({agreed.version, own.version, other.version}) == 3  # the ledger tells by which one a file was read
    assert (own.columns, own.table) == (agreed.columns, agreed.table)


def test_what_is_switched_on_is_listed_and_a_part_of_the_code_version_of_a_build(city):
    before = overlay.version("1+a", [], overlay.layouts(city.config))
    switch_on(city, entry("city_district", purpose="counts a district"))
    assert overlay.version("1+a", [], overlay.layouts(city.config)) != before
    (line,) = overlay.lines(city.config)
    assert "register.yml:2: register 05913000 reads city_district: counts a district (Satzung (made up))" in line
    assert overlay.in_force(city.config)["fields"][0]["legal_basis"] == "Satzung (made up)"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('  - {name: city_district, municipality: "05913000"}', "has no purpose and no legal_basis, and is not read"),
        (entry("city_district", legal_basis='" "'), "has no legal_basis, and is not read without; write - {name: city"),
        (entry("city_district", purpose="''"), 'municipality: "05913000", purpose: WHAT FOR, legal_basis: WHICH LAW}'),
        (entry("city_distrikt"), "is no field with a switch: there are city_district, background_by_birth"),
        (entry("sex"), "sex is no field with a switch"),
        ("  - {name: city_district, purpose: a, legal_basis: b}", "has no municipality: each decides for itself"),
        ("\n".join([entry("moved_to")] * 2), "moved_to stands twice for 05913000"),
        (entry("city_district", privacy="keep"), "the loader knows no entry 'privacy'"),
        ("  - city_district", "is no mapping"),
    ],
)
def test_an_entry_that_does_not_say_why_or_means_nothing_is_refused_with_its_line(city, text, said):
    switch_on(city, text)
    found = own_layouts.findings(city.config)
    assert any(said in one.message for one in found), found
    assert {one.line for one in found} <= {2, 3}
    with pytest.raises(UserError):
        in_force(city)


def test_a_source_without_switches_has_none_to_switch_on(city):
    path = city.config / "contracts" / "employment.yml"
    path.parent.mkdir(parents=True)
    path.write_text("fields:\n  - {name: city_district, purpose: a, legal_basis: b}\n")
    assert "employment/contract.yml has none" in str(own_layouts.findings(city.config)[0])


def test_an_own_title_opens_no_way_around_the_switch(city):
    path = city.config / "contracts" / "register.yml"
    path.parent.mkdir(parents=True)
    layout = 'layouts:\n  - {name: own, municipality: "05913000", headers: {moved_out_on: %s}}\n'
    for title in ("Zuzugsdatum", "Geburtsland", "Stadtbezirk"):
        path.write_text(layout % title)
        assert "about which the contract alone decides" in str(own_layouts.findings(city.config)), title
    # what is switched on may have a title of the city's own, if its rules keep names out
    switched = "fields:\n" + entry("city_district") + "\n"
    path.write_text(switched + layout.replace("moved_out_on", "city_district") % "Wohnbezirk")
    assert own_layouts.findings(city.config) == []
    assert "Wohnbezirk" in in_force(city).layouts_in("05913000_2019-12-31")[0].header
    # and a field that nobody switched on is none that a layout could speak of
    path.write_text(layout.replace("moved_out_on", "city_district") % "Wohnbezirk")
    assert "city_district is no field" in str(own_layouts.findings(city.config))


@pytest.mark.parametrize(
    ("lagebild", "said"),
    [
        ("{switch: true}", "what is switched on is an optional column"),
        ("{switch: true, optional: true, privacy: background}", "privacy background and nationality"),
        ("{optional: true, nationality: nationality_code}", "privacy background and nationality"),
        ("{optional: true, privacy: background, nationality: tax_id}", "tax_id is no field that is kept"),
    ],
)
def test_a_contract_that_means_no_switch_or_no_background_is_refused(tmp_path, lagebild, said):
    text = contracts.path_of("register").read_text()
    path = tmp_path / "register" / "contract.yml"
    path.parent.mkdir()
    path.write_text(text.replace("lagebild: {switch: true, optional: true}", f"lagebild: {lagebild}", 1))
    assert said in str(check.own_findings(path, path.read_bytes()))


# --- what is made of a value ------------------------------------------------------------------------------------------


def test_a_country_of_birth_tells_a_background_only_beside_the_nationality():
    told = {
        ("154", "154"): "foreign", ("154", "000"): "foreign", ("154", None): "foreign", ("997", "000"): "foreign",
        ("000", "154"): "german_born_abroad",
        # their parents would tell it, or nobody
        ("000", "000"): "not_known", ("000", None): "not_known", ("000", "998"): "not_known",
        ("999", "154"): "not_known", (None, "154"): "not_known",
    }  # fmt: skip
    for (nationality, country), background in told.items():
        assert values.background(nationality, country and values.born(country)) == background, (nationality, country)


def test_a_place_is_kept_as_how_far_it_is_from_the_municipality_of_the_file():
    far = {
        "05913000": "same_district", "05911000": "same_state", "09162000": "other_state", "121": "abroad",
        "000": None, "997": None, "998": None, "999": None,
    }  # fmt: skip
    assert {place: values.origin(place, MUNICIPALITY) for place in far} == far
    # two municipalities of one district, neither a town of its own
    assert values.origin("05978024", "05978020") == "same_district"


# --- loaded -----------------------------------------------------------------------------------------------------------


def test_a_file_with_a_column_that_nobody_switched_on_is_refused_with_the_line_to_add(warehouse):
    pseudonyms.ensure_key(warehouse.keys, MUNICIPALITY, PURPOSE)
    switch_on(warehouse, *(entry(name) for name in NAMES if name != "city_district"))
    refused = deliver(warehouse, "register", wide(*DELIVERED), "register_05913000_2019-12-31.csv")
    assert refused.state == "refused" and "the column Stadtbezirk is read only where" in refused.reason
    assert 'contracts/register.yml: - {name: city_district, municipality: "05913000", purpose: ' in refused.reason
    assert "S1" not in refused.reason
    assert query(warehouse, "select count(*) from raw.register__person") == [(0,)]


def test_what_is_switched_on_is_kept_reduced_and_old_files_load_as_before(warehouse):
    pseudonyms.ensure_key(warehouse.keys, MUNICIPALITY, PURPOSE)
    old = deliver_register(warehouse, person("S1"), person("S2"))
    kept = "select s::text from raw.register__person_snapshot as s where delivery_id = %s order by line_number"
    before = query(warehouse, kept, old.delivery_id)
    assert query(warehouse, HELD, old.delivery_id) == [("154", *[None] * 7)] * 2
    switch_on(warehouse, *map(entry, NAMES))
    again = deliver_register(warehouse, person("S1"), person("S2"), person("S3"), day="2019-12-30")
    assert (again.state, again.loaded, again.rejected, again.layout) == ("loaded", 3, 0, "current")
    assert query(warehouse, kept, old.delivery_id) == before

    content = wide(*(line.replace("31.12.2019", "31.12.2020") for line in DELIVERED))
    new = deliver(warehouse, "register", content, f"register_{MUNICIPALITY}_2020-12-31.csv")
    assert (new.loaded, new.rejected) == (4, 0)
    assert query(warehouse, HELD, new.delivery_id) == [
        ("000", "12", "german_born_abroad", "naturalised", "same_state", "abroad", 2011, None),
        ("154", "2", "foreign", None, "same_state", "same_district", None, 2019),
        ("000", None, "not_known", "none", "other_state", None, None, None),
        ("999", None, "not_known", None, None, None, None, None),
    ]
    held = everything(warehouse)
    # apart from digests, which may hold any three digits
    found = [
        rf"(?<![0-9a-f]){re.escape(text)}(?![0-9a-f])" for text in (BIRTH_COUNTRY, BEFORE, "01.03.2011", "2011-03-01")
    ]
    assert not [text for text in found if re.search(text, held)]
    # the next snapshot keeps only what changed, whether told by texts or by what raw holds
    for day, is_cached in (("2021-12-31", True), ("2022-12-31", False)):
        if not is_cached:
            for path in (warehouse.home / "digests").rglob("*.digests"):
                path.unlink()
        lines = [line.replace("31.12.2019", f"31.12.{day[:4]}") for line in DELIVERED]
        later = deliver(warehouse, "register", wide(*lines), f"register_{MUNICIPALITY}_{day}.csv")
        assert later.loaded == 4
        brought = "select count(*) from raw.register__person where delivery_id = %s"
        assert query(warehouse, brought, later.delivery_id) == [(0,)], day


def test_a_value_that_is_no_key_is_rejected_and_shown_nowhere(warehouse):
    pseudonyms.ensure_key(warehouse.keys, MUNICIPALITY, PURPOSE)
    switch_on(warehouse, *map(entry, NAMES))
    rows = (
        row("S1", "Nord;;;;;;"), row("S2", ";GEHEIMLAND;;;;;"), row("S3", ";;polnisch;;;;"),
        row("S4", ";;;GEHEIMSTADT;0591300;;"), row("S5", ";;;;;31.02.2011;"), row("S6", "1;;;;;;"),
    )  # fmt: skip
    content = wide(*rows)
    found = deliver(warehouse, "register", content, f"register_{MUNICIPALITY}_2019-12-31.csv")
    assert (found.loaded, found.rejected) == (1, 5)
    fields = "select jsonb_path_query_array(reasons, '$[*].field') from raw.rejected_row order by line_number"
    assert [named for (named,) in query(warehouse, fields)] == [
        ["Stadtbezirk"], ["Geburtsland"], ["Migrationshintergrund"], ["Zuzug aus", "Fortzug nach"], ["Zuzugsdatum"],
    ]  # fmt: skip
    held = everything(warehouse)
    assert not [text for text in ("GEHEIM", "polnisch", "Nord", "31.02.2011") if text in held]


def test_erasure_rotation_and_retention_reach_a_person_with_all_fields(warehouse):
    pseudonyms.ensure_key(warehouse.keys, MUNICIPALITY, PURPOSE)
    switch_on(warehouse, *map(entry, NAMES))
    name = f"register_{MUNICIPALITY}_2019-12-31.csv"
    delivery = deliver(warehouse, "register", wide(*DELIVERED, row("S9", ";31;;;;;")), name)
    first = load_key(warehouse, MUNICIPALITY, PURPOSE).pseudonym("S1")
    rotation.rotate(warehouse, MUNICIPALITY, PURPOSE)
    second = load_key(warehouse, MUNICIPALITY, PURPOSE).pseudonym("S1")
    held = "select city_district, background_by_birth, moved_from from raw.register__person where person_pseudonym = %s"
    assert query(warehouse, held, second) == [("12", "german_born_abroad", "same_state")]
    assert query(warehouse, held, first) == []
    done = erasure.erase(warehouse, MUNICIPALITY, PURPOSE, "S1")
    assert (done.loaded_rows, done.blanked_rows, done.landed_files) == (1, 1, 1)
    assert "naturalised" not in everything(warehouse)  # the only one who was
    assert not (warehouse.landing / delivery.landing_path).exists()
    # an older file does not bring the person back, and its bytes go when their time is over
    older = deliver(warehouse, "register", wide(*DELIVERED[:2]).replace(b"31.12.2019", b"31.12.2018"),
                    f"register_{MUNICIPALITY}_2018-12-31.csv")  # fmt: skip
    assert older.erased_loaded == 1 and "naturalised" not in everything(warehouse)
    kept = deliver(warehouse, "register", wide(DELIVERED[1]).replace(b"31.12.2019", b"31.12.2017"),
                   f"register_{MUNICIPALITY}_2017-12-31.csv")  # fmt: skip
    with database.connect(warehouse) as connection:
        connection.execute(
            "update raw.delivery set received_at = now() - interval '6 years' where delivery_id = %s",
            [kept.delivery_id],
        )
    assert (warehouse.landing / kept.landing_path).exists()
    assert len(retention.apply(warehouse)) == 1
    assert not (warehouse.landing / kept.landing_path).exists()


def test_the_page_for_the_supplier_says_what_becomes_of_each_column_that_is_switched_on(city):
    switch_on(city, entry("background_by_birth"))
    page = supplier_page.page(in_force(city))
    assert "<code>Geburtsland</code>" in page and "der Geburtsstaat selbst wird nicht gespeichert" in page
    assert "Stadtbezirk" not in page
