"""Compiled loops do what Python's own functions do."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.loading import copy
from ingest.reading import kernels

TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), max_size=30)
BLANKS = "".join(chr(n) for n in range(0x3001) if chr(n).isspace())


def packed(texts: list[bytes]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    size = np.array([len(text) for text in texts], np.int32)
    return np.frombuffer(b"".join(texts), np.uint8), (np.cumsum(size) - size).astype(np.int32), size


@given(st.binary(max_size=200))
def test_latin_becomes_what_python_makes_of_it(data):
    assert kernels.utf8_of_latin(data) == data.decode("iso-8859-1").encode()


@given(st.lists(st.text(st.sampled_from(BLANKS + "aä\u2000x\u200b\U0001f600"), max_size=6), max_size=30))
@settings(deadline=None)
def test_blanks_are_those_of_python(texts):
    data, start, size = packed([text.encode() for text in texts])
    kernels.strip(data, start, size)
    found = [data[first : first + length].tobytes().decode() for first, length in zip(start, size, strict=True)]
    assert found == [text.strip() for text in texts]


@given(st.lists(TEXTS, max_size=4), st.integers(1, 5))
@settings(deadline=None)
def test_texts_are_numbered_in_the_order_of_their_first_appearance(parts, room):
    """Also when the tables have to grow in the middle, which each stop of the loop asks for."""
    slots, store = np.full(2, -1, np.int32), np.empty(room, np.uint8)
    ends, hashes, known, seen = np.zeros(2, np.int64), np.empty(2, np.uint64), 0, {}
    for texts in parts:
        data, start, size = packed([text.encode() for text in texts])
        numbers, row = np.full(len(texts), -1, np.int32), 0
        while row < len(texts) or not texts:
            row, known = kernels.number(data, start, size, row, slots, store, ends, hashes, known, numbers)
            if row == len(texts):
                break
            store = np.concatenate([store, np.empty(len(store) + size[row], np.uint8)])
            ends, hashes = np.pad(ends, (0, len(ends))), np.pad(hashes, (0, len(hashes)))
            slots = kernels.slots(hashes[:known], 2 * len(slots))
        assert numbers.tolist() == [seen.setdefault(text, len(seen)) for text in texts]
    assert known == len(seen)


@given(st.lists(st.binary(max_size=40), max_size=40), st.integers(0, 9))
@settings(deadline=None)
def test_the_hash_of_a_text_is_its_own_wherever_it_stands(texts, shift):
    data, start, size = packed([b"x" * shift, *texts])
    hashes = kernels.hashes_of(data, start, size)[1:].tolist()
    assert hashes == [kernels.hashes_of(*packed([text]))[0] for text in texts]
    assert len(set(hashes)) == len(set(texts))


@given(st.lists(st.lists(st.binary(max_size=20), min_size=3, max_size=3), min_size=1, max_size=30))
@settings(deadline=None)
def test_records_have_the_same_keyed_hash_if_and_only_if_all_their_texts_are_the_same(records):
    data, start, size = packed([text for record in records for text in record])
    places = (np.ascontiguousarray(table.reshape(-1, 3).T) for table in (start, size))
    hashes = kernels.sip(data, *places, np.arange(3, dtype=np.int32), np.array([3, 4], np.uint64)).tolist()
    assert len(set(hashes)) == len({tuple(record) for record in records})
    assert len({(*record, found) for record, found in zip(map(tuple, records), hashes, strict=True)}) == len(
        set(hashes)
    )


@given(st.lists(st.binary(max_size=40), max_size=30), st.data())
@settings(deadline=None)
def test_cells_are_copied_to_where_they_belong_and_nowhere_else(cells, data):
    which = data.draw(st.lists(st.integers(0, len(cells) - 1), max_size=40)) if cells else []
    columns = [copy.Cells(*packed(cells), which=np.array(which, np.int32)), copy.Cells.constant(b"|", len(which))]
    chosen = np.arange(len(which)) if which else np.empty(0, np.int64)
    assert copy.rows(columns, chosen).tobytes() == b"".join(cells[n] + b"|" for n in which)
