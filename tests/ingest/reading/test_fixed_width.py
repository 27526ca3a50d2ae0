"""Fixed width, as GV100AD is: every character counts, and nothing is shifted."""

from copy import deepcopy

import pytest

from ingest.reading import readers
from ingest.reading.formats import fixed_width
from ingest.reading.refused import Refused
from tests.contract_files import descriptor, is_rejected, read, row_check

COLUMNS = {
    "record_type": ("1-2", "string"),
    "reference_date": ("3-10", "date"),
    "region_code": ("11-18", "string"),
    "association_code": ("19-22", "string"),
    "region_name": ("23-72", "string"),
    "kind": ("123-124", "string"),
    "area_hectares": ("129-139", "integer"),
    "population_persons": ("140-150", "integer"),
    "male_persons": ("151-161", "integer"),
    "postcode": ("166-170", "string"),
}
MISSING = {"required": False}


def gv100ad(tmp_path, **resource):
    """A contract of the directory of municipalities, 220 characters a line."""
    made = deepcopy(descriptor(reader="fixed_width", record_length=220))
    made["resources"][0] |= {"dialect": {"header": False}, **resource}
    made["resources"][0]["schema"] = {
        "primaryKey": ["record_type", "region_code", "association_code"],
        "fields": [
            {
                "name": name,
                "title": name,
                "description": "a field of the directory",
                "type": kind,
                **({"format": "%Y%m%d"} if kind == "date" else {}),
                "lagebild": {"columns": columns},
            }
            for name, (columns, kind) in COLUMNS.items()
        ],
    }
    return read(tmp_path, made)


def line(**values: str) -> str:
    """A line of 220 characters with each value in its columns."""
    characters = [" "] * 220
    for name, value in values.items():
        first, last = (int(n) for n in COLUMNS[name][0].split("-"))
        assert len(value) <= last - first + 1
        characters[first - 1 : last] = value.ljust(last - first + 1)
    return "".join(characters)


DORTMUND = {
    "record_type": "60",
    "reference_date": "20241231",
    "region_code": "05913000",
    "association_code": "0000",
    "region_name": "Dortmund, Stadt",
    "kind": "61",
    "area_hectares": "00000028071",
    "population_persons": "00000614495",
    "male_persons": "00000304187",
    "postcode": "44122",
}
STATE = {"record_type": "10", "reference_date": "20241231", "region_code": "05", "region_name": "Nordrhein-Westfalen"}
DISTRICT = {"record_type": "40", "reference_date": "20241231", "region_code": "05754", "region_name": "Gütersloh"}


def rows(contract, content: bytes) -> list:
    records = readers.read(contract, content)
    check = row_check(contract, records.header)
    found = [(number, check(number, fields)) for number, fields in records.rows]
    assert len(found) == records.count
    return found


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1", "cp1252", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_all_record_types_are_read_with_their_leading_zeros(tmp_path, encoding, end):
    text = end.join([line(**STATE), line(**DISTRICT), line(**DORTMUND), ""])
    found = rows(gv100ad(tmp_path, encoding=encoding), text.encode(encoding))
    assert [number for number, _ in found] == [1, 2, 3]
    (_, state), (_, district), (_, city) = found
    assert state[2] == "05" and state[7] is None
    assert district[4] == "Gütersloh"
    assert city[2:4] == ["05913000", "0000"]
    assert city[6:10] == [28071, 614495, 304187, "44122"]


def test_a_line_of_another_length_is_rejected_and_its_neighbours_load(tmp_path):
    text = "\n".join([line(**STATE), line(**DORTMUND)[:-1], line(**DORTMUND) + " ", "", line(**DISTRICT)])
    found = rows(gv100ad(tmp_path), text.encode())
    assert [(number, is_rejected(row)) for number, row in found] == [
        (1, False),
        (2, True),
        (3, True),
        (5, False),
    ]
    assert found[1][1].code == "field_count"


def test_utf_8_where_latin_1_was_agreed_is_refused_since_it_would_shift_columns(tmp_path):
    with pytest.raises(Refused, match="is UTF-8, not iso-8859-1"):
        readers.read(gv100ad(tmp_path, encoding="iso-8859-1"), line(**DISTRICT).encode())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (line(**DISTRICT).encode("iso-8859-1"), "line 1: byte"),
        (b"\xef\xbb\xbf" + line(**STATE).encode(), "byte order mark"),
        (line(**STATE).encode() + b"\n" + line(**STATE).encode()[:-1] + b"\x00", "line 2: a NUL byte"),
    ],
)
def test_what_is_not_as_agreed_is_refused(tmp_path, content, said):
    with pytest.raises(Refused, match=said) as caught:
        readers.read(gv100ad(tmp_path), content)
    assert caught.value.remedy


def test_the_count_sees_a_lost_line(tmp_path):
    contract = gv100ad(tmp_path)
    records = fixed_width.read(contract, "\n".join([line(**STATE), line(**DORTMUND)]).encode())
    next(records.rows)
    assert len(list(records.rows)) != records.count


def test_one_line_of_a_hundred_megabytes_is_one_rejected_record(tmp_path):
    ((number, row),) = rows(gv100ad(tmp_path), b"6" * 10**8)
    assert number == 1 and is_rejected(row)
