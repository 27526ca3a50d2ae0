"""Keys and pseudonyms: who can compute one, and what is said when a key is missing."""

import os
import stat

import pytest

from ingest import privacy
from ingest.privacy import KeyChain
from lagebild import database
from lagebild.errors import UserError
from tests.ingest.support import deliver_register, person
from tests.support import MUNICIPALITY, PURPOSE, query


def test_a_chain_wraps_once_a_link():
    first, second = b"a" * 32, b"b" * 32
    once = privacy.pseudonym(first, "S1")
    assert KeyChain("05913000", "p", (first,)).pseudonym("S1") == once
    assert KeyChain("05913000", "p", (first, second)).pseudonym("S1") == privacy.pseudonym(second, once)


def test_the_primitive_is_hmac_sha256():
    # RFC 4231, test case 2
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert privacy.pseudonym(b"Jefe", "what do ya want for nothing?") == expected


def test_a_chain_never_shows_its_keys():
    assert "aaaa" not in repr(KeyChain("05913000", "p", (b"a" * 32,)))


def test_a_key_is_for_its_owner_only_and_never_replaced(warehouse):
    assert privacy.ensure_key(warehouse.keys, MUNICIPALITY, PURPOSE)
    path = privacy.key_path(warehouse.keys, MUNICIPALITY, PURPOSE)
    before = path.read_text()
    assert not privacy.ensure_key(warehouse.keys, MUNICIPALITY, PURPOSE)
    assert path.read_text() == before and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(warehouse.keys.stat().st_mode) & 0o077 == 0


def test_a_first_key_is_not_made_anew_when_it_was_lost_from_a_chain(warehouse):
    privacy.ensure_key(warehouse.keys, MUNICIPALITY, PURPOSE)
    privacy.write_key(privacy.key_path(warehouse.keys, MUNICIPALITY, PURPOSE, 1))
    os.unlink(privacy.key_path(warehouse.keys, MUNICIPALITY, PURPOSE))
    with pytest.raises(UserError, match="restore it from your backup; a new one"):
        privacy.ensure_key(warehouse.keys, MUNICIPALITY, PURPOSE)


def test_a_link_that_the_warehouse_has_and_the_folder_lacks_stops_every_load(warehouse):
    privacy.ensure_key(warehouse.keys, MUNICIPALITY, PURPOSE)
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
        privacy.ensure_key(warehouse.keys, ags, PURPOSE)
        deliver_register(warehouse, person("S1", ags=ags), ags=ags)
    assert query(warehouse, "select count(distinct person_pseudonym) from raw.register__person") == [(2,)]
