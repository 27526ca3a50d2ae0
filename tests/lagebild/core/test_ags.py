"""An AGS is read the same wherever one is read: of a state, with 8 digits, and what is none is met with the nearest."""

import pytest

from ingest import contracts
from ingest.inbox import inbox
from lagebild.core import ags, places
from lagebild.core.errors import UserError
from tests import conftest
from tests.ingest.support import command

NONE = [
    ("17000000", "the first two of a state, 01 to 16", None),
    ("00000000", "the first two of a state, 01 to 16", None),
    ("5913000", "this has 7", "05913000"),
    ("059130000", "this has 9", "05913000"),
    ("15911000", None, None),  # a state there is, whatever lies there
    ("05911000x", "8 digits, and nothing else", "05911000"),
]


@pytest.mark.parametrize(("text", "said", "nearest"), NONE)
def test_what_is_no_ags_is_told_with_the_nearest(text, said, nearest):
    problem = ags.problem(text)
    assert problem is None if said is None else said in problem
    if problem:
        assert ags.nearest(text) == nearest
        assert (f"did you mean {nearest}? " in ags.remedy(text)) == bool(nearest)


def test_a_file_whose_name_holds_no_ags_is_none_of_a_source():
    assert inbox.source_of("ledger_05911000_2019.csv") == "ledger"
    for name, said, right in (
        ("ledger_5911000_2019.csv", "stands 5911000: an AGS has 8 digits, this has 7", "ledger_05911000_2019.csv"),
        ("ledger_17000000_2019.csv", "the first two of a state", contracts.load("ledger").example),
        ("register_00000000_2021-12-31.csv", "the first two of a state", contracts.load("register").example),
        ("funding_programmes_5911000_2021.xlsx", "this has 7", "funding_programmes_05911000_2021.xlsx"),
        ("funding_received/funding_received_17000000_2021.csv", "of a state", "funding_received_"),
    ):
        with pytest.raises(inbox.UnknownFile) as caught:
            inbox.source_of(name)
        assert said in caught.value.message and right in caught.value.remedy
        assert "ein AGS hat 8 Stellen" in caught.value.why.said.told("de")


def test_settings_and_arguments_that_hold_none_are_refused(tmp_path):
    city = conftest.settings_in(tmp_path)
    assert places.municipality(city, "05 9 13 000") == "05913000"  # as the statistical offices print it
    for arguments, said in (
        (
            ("keys", "create", "--municipality", "17000000", "--purpose", "x"),
            "17000000: an AGS has 8 digits, the first",
        ),
        (("keys", "create", "--municipality", "0591100O", "--purpose", "x"), "8 digits, and nothing else"),
        (("mapping", "missing", "--place", "00000000"), "the first two of a state"),
        (("load", __file__, "--source", "ledger", "--period", "17000000_2019"), "the first two of a state"),
        (("contracts", "fit", "ledger", str(_file(tmp_path, "ledger_5911000_2019.csv"))), "this has 7"),
    ):
        found = command(city, *arguments)
        assert found.exit_code == 1 and said in str(found.exception), arguments
    (city.config).mkdir(parents=True)
    header = "municipality_ags,valid_from_year,valid_to_year,dimension,value,source_document,note"
    (city.config / "municipal_circumstance.csv").write_text(f"{header}\n17911000,2019,2021,cost_basis,gross,Plan,\n")
    found = command(city, "config")
    assert "line 2: municipality_ags 17911000: an AGS has 8 digits, the first two of a state" in str(found.exception)


def test_a_region_begins_with_the_key_of_a_state():
    for key in ("00", "05", "059", "05913", "05913000", "059130000000"):
        assert places.region(None, key) == key
    for key, said in (
        ("17", "01 to 16, and 00 alone"),
        ("00000", "01 to 16"),
        ("17000000", "of a state"),
        ("1", "has 1"),
    ):
        with pytest.raises(UserError, match=said):
            places.region(None, key)


def _file(folder, name):
    (folder / name).write_text("x")
    return folder / name


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("ledger_05911000_2019_final.csv", "ledger_05911000_2019.csv"),
        ("ledger-05911000-2019.csv", "ledger_05911000_2019.csv"),
        ("ledger_2019_05911000.csv.csv", "ledger_05911000_2019.csv"),
        ("ledger_plan_05911000_2019_v2.csv", "ledger_plan_05911000_2019.csv"),
        ("register_05911000_31.12.2021.csv", "register_05911000_2021-12-31.csv"),
        ("register_05911000_20211231.csv", "register_05911000_2021-12-31.csv"),
        ("register_05911000_2021-02-30.csv", contracts.load("register").example),  # there is no such day
        ("ledger_05911000_2019_2020.csv", contracts.load("ledger").example),  # only its sender knows which
    ],
)
def test_a_wrong_name_is_put_right_from_its_parts(name, right):
    with pytest.raises(inbox.UnknownFile) as caught:
        inbox.source_of(name)
    assert caught.value.remedy == f"rename it, for example to {right}"


def test_a_place_is_known_as_people_write_it(tmp_path):
    city = conftest.settings_in(tmp_path)
    for name in ("Bochum, Stadt", "Stadt Bochum", "kreisfreie Stadt BOCHUM", "Bochum (05911000)"):
        assert places.municipality(city, name) == "05911000"
    for name in ("Mu\u0308lheim an der Ruhr", "Muelheim a.d. Ruhr", "Mülheim a. d. Ruhr"):
        assert places.municipality(city, name) == "05117000"
