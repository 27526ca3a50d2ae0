"""Compiled loops do what Python's own functions do."""

import hmac

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import kernels

TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), max_size=30)
BLANKS = "".join(chr(n) for n in range(0x3001) if chr(n).isspace())


def packed(texts: list[bytes]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    size = np.array([len(text) for text in texts], np.int32)
    return np.frombuffer(b"".join(texts), np.uint8), (np.cumsum(size) - size).astype(np.int32), size


@given(st.binary(max_size=64), st.lists(st.binary(max_size=200), max_size=40))
@settings(deadline=None)
def test_hmac_is_that_of_the_standard_library(key, texts):
    digits, hashes = kernels.hmac_sha256(key, *packed(texts))
    digests = [hmac.digest(key, text, "sha256") for text in texts]
    assert digits.tobytes().decode() == "".join(digest.hex() for digest in digests)
    assert hashes.tolist() == [int.from_bytes(digest[:8]) for digest in digests]


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
