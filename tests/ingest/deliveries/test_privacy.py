"""Keys and pseudonyms: who can compute one, and what is said when a key is missing."""

import hashlib
import hmac
import os
import stat
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import contracts
from ingest.deliveries import pseudonyms
from ingest.deliveries.pseudonyms import KeyChain
from ingest.loading import engine
from lagebild.core import database
from lagebild.core.errors import UserError
from tests.contract_files import descriptor
from tests.contract_files import read as read_contract
from tests.ingest.support import deliver_register, person
from tests.support import MUNICIPALITY, PURPOSE, query


def test_a_chain_wraps_once_a_link():
    first, second = b"a" * 32, b"b" * 32
    once = pseudonyms.pseudonym(first, "S1")
    assert KeyChain("05913000", "p", (first,)).pseudonym("S1") == once
    assert KeyChain("05913000", "p", (first, second)).pseudonym("S1") == pseudonyms.pseudonym(second, once)


def test_the_primitive_is_hmac_sha256():
    # RFC 4231, test case 2
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert pseudonyms.pseudonym(b"Jefe", "what do ya want for nothing?") == expected


@given(st.binary(max_size=64), st.lists(st.binary(max_size=200), max_size=40))
@settings(deadline=None)
def test_many_at_once_are_those_of_the_standard_library(key, texts):
    assert pseudonyms.digests(key, texts) == b"".join(hmac.digest(key, text, "sha256") for text in texts)


def test_a_key_longer_than_a_block_is_refused():
    with pytest.raises(ValueError, match="longer than a block"):
        pseudonyms.digests(b"k" * 65, [b"S1"])


def test_pseudonyms_of_a_column_stay_as_they_were(tmp_path):
    """Random texts, empty, long and not of ASCII alone, as a compiled loop made pseudonyms of them before."""
    chance, keys = Random(17), (b"a" * 32, b"b" * 32)
    texts = ["", "S1", "7" * 300]
    texts += ["".join(chance.choices("059azÄß€😀-", k=chance.randrange(150))) for _ in range(997)]
    data = [text.encode() for text in texts]
    size = np.array([len(text) for text in data], np.int32)
    entry = {"name": "person", "title": "", "description": "", "type": "string", "lagebild": {"privacy": "pseudonym"}}
    contract, chain = read_contract(tmp_path, descriptor()), KeyChain("05913000", "p", keys)
    read = engine._Whole(contracts.field_of(entry, {}), contract, chain)
    column = read(np.frombuffer(b"".join(data), np.uint8), (np.cumsum(size) - size).astype(np.int32), size)
    made = column.cells.data.tobytes()
    assert hashlib.sha256(made).hexdigest() == "5ad915bd43beb4a87905452b59550737d0b24867f72cbdc51e20bcbb5fd8df6a"
    filled = [n for n, text in enumerate(texts) if text]
    assert [made[64 * n : 64 * n + 16] for n in filled] == [b"%016x" % column.hashes[n] for n in filled]
    assert column.cells.size[0] == 0 and column.hashes[0] == 0


def test_a_chain_never_shows_its_keys():
    assert "aaaa" not in repr(KeyChain("05913000", "p", (b"a" * 32,)))


def test_a_key_is_for_its_owner_only_and_never_replaced(warehouse):
    assert pseudonyms.ensure_key(warehouse.keys, MUNICIPALITY, PURPOSE)
    path = pseudonyms.key_path(warehouse.keys, MUNICIPALITY, PURPOSE)
    before = path.read_text()
    assert not pseudonyms.ensure_key(warehouse.keys, MUNICIPALITY, PURPOSE)
    assert path.read_text() == before and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(warehouse.keys.stat().st_mode) & 0o077 == 0


def test_a_first_key_is_not_made_anew_when_it_was_lost_from_a_chain(warehouse):
    pseudonyms.ensure_key(warehouse.keys, MUNICIPALITY, PURPOSE)
    pseudonyms.write_key(pseudonyms.key_path(warehouse.keys, MUNICIPALITY, PURPOSE, 1))
    os.unlink(pseudonyms.key_path(warehouse.keys, MUNICIPALITY, PURPOSE))
    with pytest.raises(UserError, match="restore it from your backup; a new one"):
        pseudonyms.ensure_key(warehouse.keys, MUNICIPALITY, PURPOSE)


def test_a_link_that_the_warehouse_has_and_the_folder_lacks_stops_every_load(warehouse):
    pseudonyms.ensure_key(warehouse.keys, MUNICIPALITY, PURPOSE)
    with database.connect(warehouse) as connection:
        connection.execute(
            "insert into raw.pseudonym_key (municipality, purpose, version, rotated_by, code_version)"
            " values (%s, %s, 1, 'test', 'test')",
            [MUNICIPALITY, PURPOSE],
        )
    with pytest.raises(UserError, match="1.key is missing: the warehouse was rotated to it"):
        deliver_register(warehouse, person("S1"))
    assert query(warehouse, "select count(*) from raw.delivery") == [(0,)]


def test_municipalities_cannot_be_joined(warehouse):
    for ags in ("05913000", "05911000"):
        pseudonyms.ensure_key(warehouse.keys, ags, PURPOSE)
        deliver_register(warehouse, person("S1", ags=ags), ags=ags)
    assert query(warehouse, "select count(distinct person_pseudonym) from raw.register__person") == [(2,)]
