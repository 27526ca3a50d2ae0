"""Two lists matched while they are loaded: raw holds how many, and nobody can tell which child is on no list."""

import random
import re
from dataclasses import replace

import pytest
import yaml

from ingest import contracts
from ingest.contracts import check
from ingest.deliveries import delivery_ledger
from ingest.deliveries import pseudonyms as privacy
from ingest.inbox import receipts
from ingest.loading import load
from ingest.privacy import erasure, retention, rotation
from lagebild.core import database, seeds
from lagebild.core.errors import UserError
from tests import canary
from tests.support import MUNICIPALITY, accept, bundled_bytes, checked, deliver, query

SOURCE, PURPOSE, NAME = "pupil_list", "school_statistics", "pupil_list_05913000_2024-10-15.csv"
HEADER = (
    "Stichtag;AGS;Liste;Ordnungsmerkmal;Geburtsdatum;Staatsangehörigkeit;Einzugsdatum;Auszugsdatum;Wohnungsart;Herkunft"
)
CLASSES = "select age_years, nationality_group, status, records, children from raw.pupil_list__count"
COUNTED = f"{CLASSES} where delivery_id = %s order by age_years, nationality_group, status"


def of_register(child: str, code="154", born="01.03.2016", moved_in="01.08.2020", moved_out="", kind="H") -> str:
    head = f"31.10.2024;{MUNICIPALITY};Melderegister;{child}"
    return f"{head};{born};{code};{moved_in};{moved_out};{kind};synthetisch"


def of_list(child: str) -> str:
    return f"15.10.2024;{MUNICIPALITY};Schülerliste;{child};;;;;;synthetisch"


def lists(*rows: str) -> bytes:
    return "\n".join([HEADER, *rows, ""]).encode("iso-8859-1")


HAND = [
    *(of_register(f"K{n}") for n in range(1, 20)),
    *(of_register(f"K{n}", moved_in="16.10.2024") for n in (20, 21)),
    of_register("K22", moved_out="15.10.2024"),
    *(of_list(f"K{n}") for n in range(1, 18)),
]
"""22 children of 8 years in the register: 2 moved in after the day, 1 out before it: 19, of whom lists have 17."""


def counts(settings, delivery_id: int) -> list[tuple]:
    return query(settings, COUNTED, delivery_id)


def test_children_are_matched_and_counted_as_by_hand(warehouse):
    delivery = deliver(warehouse, SOURCE, lists(*HAND), NAME)
    assert (delivery.state, delivery.records, delivery.loaded, delivery.rejected) == ("loaded", 39, 39, 0)
    assert counts(warehouse, delivery.delivery_id) == [
        (8, "EU2", "matched", 17, 17),
        (8, "EU2", "not_matched", 2, 2),
        (None, None, "listed", 17, 17),
        (None, None, "not_resident", 3, 3),
    ]
    # the same bytes change nothing, and raw is what it was
    assert deliver(warehouse, SOURCE, lists(*HAND), NAME).delivery_id == delivery.delivery_id
    assert query(warehouse, "select count(*) from raw.pupil_list__count") == [(4,)]


def test_classes_of_children(warehouse):
    rows = [
        of_register("A", "000", "15.10.2018"),  # six on the day
        of_register("B", "000", "16.10.2018"),  # five
        of_register("C", "166", "15.10.2006"),  # eighteen
        of_register("D", "166", "16.10.2006"),  # seventeen
        of_register("E", "999", born=""),  # of an age that nobody knows
        of_register("F", "125", kind="N"),  # of a secondary residence, and below of the main one: one child
        of_register("F", "125"),
        of_register("G", "475", moved_in=""),
        *(of_list(child) for child in ("A", "A", "D", "F", "Z")),  # twice on a list, and one of another municipality
    ]
    assert rows != (random.Random(1).shuffle(rows) or HAND)
    delivery = deliver(warehouse, SOURCE, lists(*rows), NAME)
    assert delivery.loaded == delivery.records == len(rows)
    assert counts(warehouse, delivery.delivery_id) == [
        (6, "DE", "matched", 1, 1),
        (8, "EU2", "matched", 2, 1),
        (17, "OTHER", "matched", 1, 1),
        (None, None, "listed", 5, 4),
        (None, None, "not_resident", 1, 1),
        (None, None, "other_age", 3, 3),
    ]


def test_nothing_of_a_child_reaches_the_database_or_the_receipt(warehouse):
    marker = canary.new_marker()
    rows = [row.replace(";K", f";{marker}") for row in HAND] + [of_register(f"{marker}X", born="30.02.2016")]
    delivery = deliver(warehouse, SOURCE, lists(*rows), NAME)
    assert (delivery.loaded, delivery.rejected) == (39, 1)
    # of a rejected row the line and what is wrong: a row of the lists is a child
    assert query(warehouse, "select line_number, fields from raw.rejected_row") == [(41, None)]
    key = privacy.chain(warehouse.keys, MUNICIPALITY, PURPOSE, 0)
    with database.connect(warehouse) as connection:
        assert canary.found_in_tables(connection, marker) == []
        for n in (1, 18, 22):  # on a list, on none, moved out
            assert canary.found_in_tables(connection, key.pseudonym(f"{marker}{n}")) == []
    # of as many children whom no list has, the sender is told the same
    none = [row.replace(f"Schülerliste;{marker}", f"Schülerliste;{marker[::-1]}") for row in rows]
    deliver(warehouse, SOURCE, lists(*none), NAME.replace("2024-", "2023-"))
    receipts.renew(warehouse)
    own = r"[0-9a-f]{12,}|\d{4}-\d\d-\d\d(T\S+)?|Nummer \d+|number \d+|[Dd]elivery \d+"
    said = [re.sub(own, "", path.read_text()) for path in (warehouse.drop / "receipts").glob("*.txt")]
    assert len(said) == 2 and said[0] == said[1] and "39" in said[0] and marker not in said[0]
    columns = "select column_name from information_schema.columns where table_name = 'pupil_list__count'"
    assert not {"person_pseudonym", "birth_year", "moved_in_on"} & {name for (name,) in query(warehouse, columns)}


def test_real_children_are_rejected_and_synthetic_ones_stay_out_of_a_warehouse_of_real_data(warehouse):
    real = [row.replace("synthetisch", "geliefert") for row in HAND]
    delivery = deliver(warehouse, SOURCE, lists(*real, of_list("Z")), NAME)
    assert (delivery.loaded, delivery.rejected) == (1, 39)
    refused = deliver(replace(warehouse, demo=False), SOURCE, lists(*HAND), "pupil_list_05913000_2023-10-15.csv")
    assert refused.state == "refused" and "is marked synthetic" in refused.reason


def test_a_correction_of_either_list_is_a_new_file_and_a_reload_counts_the_same(warehouse):
    first = accept(warehouse, SOURCE, lists(*HAND), NAME)
    # the register is corrected: two of the 19 had never been there; the lists: one more was at school
    rows = [row for row in HAND if ";K18;" not in row and ";K19;" not in row]
    corrected = accept(warehouse, SOURCE, lists(*rows, of_register("K19"), of_list("K19")), NAME)
    assert counts(warehouse, corrected.delivery_id)[0] == (8, "EU2", "matched", 18, 18)
    assert delivery_ledger.deliveries(warehouse, SOURCE)[0].state in ("superseded", "accepted")
    delivery_ledger.withdraw(warehouse, corrected.delivery_id, "it was wrong")
    with database.connect(warehouse, database.LOADER) as connection:
        assert delivery_ledger.get(connection, first.delivery_id).state == "accepted"
    again = load.reload(warehouse, corrected.delivery_id)
    assert again.delivery_id != corrected.delivery_id
    assert counts(warehouse, again.delivery_id) == counts(warehouse, corrected.delivery_id)


@pytest.mark.parametrize("rotates", [False, True])
def test_an_erased_child_leaves_the_counts_and_no_older_file_brings_it_back(warehouse, rotates):
    delivery = deliver(warehouse, SOURCE, lists(*HAND), NAME)
    if rotates:
        assert rotation.rotate(warehouse, MUNICIPALITY, PURPOSE).loaded_rows == 0
    with pytest.raises(UserError, match="nothing of this person"):
        erasure.erase(warehouse, MUNICIPALITY, PURPOSE, "nobody")
    done = erasure.erase(warehouse, MUNICIPALITY, PURPOSE, "K1")
    assert (done.loaded_rows, done.landed_files) == (2, 1)  # in both lists
    expected = [
        (8, "EU2", "matched", 16, 16),
        (8, "EU2", "not_matched", 2, 2),
        (None, None, "listed", 16, 16),
        (None, None, "not_resident", 3, 3),
    ]
    assert counts(warehouse, delivery.delivery_id) == expected
    assert not (warehouse.landing / delivery.landing_path).exists()
    verdicts = {verdict.expectation: verdict.passed for verdict in checked(warehouse, delivery.delivery_id)}
    assert verdicts["rows_as_in_the_ledger"]
    older = deliver(warehouse, SOURCE, lists(*HAND), "pupil_list_05913000_2024-10-14.csv")
    assert (older.erased_loaded, older.loaded) == (2, 39)
    assert counts(warehouse, older.delivery_id)[0][-1] == 16


def test_bytes_go_with_their_retention_and_counts_stay(warehouse):
    delivery = deliver(warehouse, SOURCE, lists(*HAND), NAME)
    query(warehouse, "update raw.delivery set received_at = now() - interval '13 months' returning 1")
    assert [entry.landing_path for entry in retention.apply(warehouse)] == [delivery.landing_path]
    assert len(counts(warehouse, delivery.delivery_id)) == 4
    with pytest.raises(UserError, match="erased on"):
        delivery_ledger.withdraw(warehouse, delivery.delivery_id, "it was wrong")
        load.reload(warehouse, delivery.delivery_id)


def test_a_file_whose_rows_are_lost_on_the_way_is_no_load(warehouse, monkeypatch):
    monkeypatch.setattr(load.Matching, "add", lambda self, block, lines: None)
    with pytest.raises(UserError, match="records"):
        deliver(warehouse, SOURCE, lists(*HAND), NAME)
    assert query(warehouse, "select count(*) from raw.delivery") == [(0,)]


def faults(change) -> str:
    path = contracts.path_of(SOURCE)
    descriptor = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(descriptor)
    return "\n".join(message for _, message in check.faults(path, descriptor, is_readable=True))


def test_the_contract_needs_a_legal_basis_and_all_that_the_match_reads():
    def without_field(name):
        def change(descriptor):
            fields = descriptor["resources"][0]["schema"]["fields"]
            fields[:] = [field for field in fields if field["name"] != name]
            descriptor["lagebild"]["german"]["fields"].pop(name)

        return change

    assert faults(lambda descriptor: None) == ""
    assert "legal_basis" in faults(lambda descriptor: descriptor["lagebild"].pop("legal_basis"))
    assert "needs the field list_name" in faults(without_field("list_name"))
    assert "needs a pseudonym_purpose" in faults(lambda descriptor: descriptor["lagebild"].pop("pseudonym_purpose"))
    key = {"primaryKey": ["person_pseudonym"]}
    assert "has no primaryKey" in faults(lambda d: d["resources"][0]["schema"].update(key))
    assert "ages are the first" in faults(lambda d: d["lagebild"]["counted"].update(ages=[17, 6]))
    assert "each code is of one group" in faults(lambda d: d["lagebild"]["counted"]["groups"].update(X=["154"]))


def test_groups_of_the_contract_are_those_of_the_seed():
    rows = seeds.rows("nationality_group")
    for group, codes in contracts.load(SOURCE).counted.groups.items():
        assert set(codes) == {row["nationality_code"] for row in rows if row["nationality_group"] == group}, group


def test_the_bundled_file_has_the_hand_computed_case(warehouse):
    delivery = deliver(warehouse, SOURCE, bundled_bytes(SOURCE))
    of_eight = [row for row in counts(warehouse, delivery.delivery_id) if row[:2] == (8, "EU2")]
    assert of_eight == [(8, "EU2", "matched", 17, 17), (8, "EU2", "not_matched", 2, 2)]
    assert [v for v in checked(warehouse, delivery.delivery_id) if not v.passed and v.severity == "hold"] == []
