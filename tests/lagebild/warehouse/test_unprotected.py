"""Publications from before figures were protected: they stay, and nobody but the statistics office sees them."""

import hashlib

import pytest
from click.testing import CliRunner

from extracts.signing import CHECKSUMS
from lagebild.cli import release as release_commands
from lagebild.core import database
from lagebild.core.errors import UserError
from lagebild.local import status
from lagebild.warehouse import build, difference, marts, publications, releases
from lagebild.warehouse.migrate import migrate
from tests import publications as prepared
from tests.extracts.releases import release
from tests.support import query

MART = "cost_per_person"
HAND_OUT = (
    "insert into release.register (publication_id, recipient, purpose, sha256)"
    " values (%s, %s, 'budget', %s) returning 1"
)


@pytest.fixture
def upgraded(warehouse):
    """Publications 1 and 2 as an earlier version left them, 2 in force; today's code has migrated the warehouse."""
    prepared.fill(warehouse)
    for text in ("first", "second"):
        prepared.publish(warehouse, MART, text)
    query(warehouse, "update published.publication set is_protected = false returning 1")
    migrate(warehouse)
    return warehouse


def seen(settings, role: str = database.BI_READER) -> dict[str, set[int]]:
    """Relation of schema `marts` -> numbers of the publications that its rows name."""
    columns = query(
        settings,
        "select c.relname, a.attname from pg_class as c inner join pg_attribute as a on c.oid = a.attrelid"
        " where c.relnamespace = 'marts'::regnamespace and a.attname ~ 'publication(_id)?$' and a.attnum > 0"
        " and format_type(a.atttypid, -1) = 'bigint'",
    )
    found: dict[str, set[int]] = {}
    for relation, column in columns:
        rows = query(settings, f"select distinct {column} from marts.{relation} where {column} is not null", role=role)
        found.setdefault(relation, set()).update(number for (number,) in rows)
    return found


def test_readers_see_no_publication_from_before_the_protection(upgraded):
    before = seen(upgraded)
    assert {
        MART,
        f"{MART}_vintage",
        "publication",
        "publication_source",
        "publication_rollback",
        "quality_verdict",
    } <= set(before)
    assert set().union(*before.values()) == set()
    # the next publication is due at once, though no delivery is new, and is the only one that they see
    assert not build.is_current(upgraded)
    assert build.publish_build(upgraded, prepared.begin(upgraded)) == 3
    after = seen(upgraded)
    assert after[MART] == after[f"{MART}_vintage"] == after["publication"] == after["publication_source"] == {3}
    assert set().union(*after.values()) == {3}


def test_code_that_does_not_say_so_publishes_nothing_that_readers_see(upgraded):
    build_id = prepared.begin(upgraded)
    query(
        upgraded,
        "insert into published.publication (build_id, code_version, fingerprint) values (%s, 'old', 'f') returning 1",
        build_id,
        role=database.BUILDER,
    )
    assert set().union(*seen(upgraded).values()) == set()


def test_the_statistics_office_reads_what_was_published_before(upgraded):
    earlier = f"select distinct publication_id, municipality_name from marts_internal.{MART}_unprotected order by 1"
    assert query(upgraded, earlier, role=database.STATISTICS_OFFICE) == [(1, "first"), (2, "second")]
    numbers = "select publication_id, is_protected from marts_internal.publication order by 1"
    assert query(upgraded, numbers, role=database.STATISTICS_OFFICE) == [(1, False), (2, False)]
    with pytest.raises(Exception, match="permission denied"):
        query(upgraded, earlier, role=database.BI_READER)
    prepared.publish(upgraded, MART, "third")
    migrate(upgraded)
    assert len(query(upgraded, earlier, role=database.STATISTICS_OFFICE)) == 2


def test_a_warehouse_without_such_publications_has_no_views_of_them(warehouse):
    prepared.fill(warehouse)
    prepared.publish(warehouse)
    migrate(warehouse)
    assert query(warehouse, "select viewname from pg_views where viewname like '%%\\_unprotected'") == []


def test_no_way_leads_back_to_one(upgraded):
    prepared.publish(upgraded, MART, "third")
    with pytest.raises(UserError, match="publication 2 is not shown to readers: made before figures were protected"):
        publications.rollback(upgraded, 2, "it was right")
    assert query(upgraded, "select publication_id from published.current_publication") == [(3,)]
    # the house sees what the protection changed
    assert MART in [mart.mart for mart in difference.difference(upgraded, 2, 3, MART).marts]


def test_no_package_is_made_of_one_and_those_handed_out_are_named(upgraded):
    for number in (None, 1):
        with pytest.raises(UserError, match="not shown to readers.*no package is made of it") as refused:
            release(upgraded, number, "ministry")
        assert "lagebild releases --unsafe" in refused.value.remedy
    folder = upgraded.extracts / "publication-1" / "ministry"
    folder.mkdir(parents=True)
    (folder / CHECKSUMS).write_bytes(b"as it was handed out")
    query(upgraded, HAND_OUT, 1, "ministry", hashlib.sha256(b"as it was handed out").hexdigest())
    assert release(upgraded, 1, "ministry") == folder
    (folder / CHECKSUMS).write_bytes(b"changed since")
    with pytest.raises(UserError, match="no package is made of it"):
        release(upgraded, 1, "ministry")

    prepared.publish(upgraded, MART, "third")
    query(upgraded, HAND_OUT, 3, "board", "0" * 64)
    with database.connect(upgraded, database.BUILDER) as register:
        found = releases.found(register)
    assert [(r.publication_id, r.recipient, r.is_unsafe) for r in found] == [
        (1, "ministry", True),
        (3, "board", False),
    ]


@pytest.mark.parametrize("option", [[], ["--unsafe"], ["--format", "json"]])
def test_releases_are_listed(upgraded, monkeypatch, option):
    query(upgraded, HAND_OUT, 1, "ministry", "a")
    monkeypatch.setattr("lagebild.core.settings.load", lambda: upgraded)
    printed = CliRunner().invoke(release_commands.releases, option).output
    assert "ministry" in printed and "budget" in printed
    assert ("unsafe: made before figures were protected" in printed) or '"is_unsafe": true' in printed


def test_what_is_said_of_one(upgraded):
    listed = publications.listing(upgraded)
    assert [one.is_protected for one in listed] == [False, False]
    assert "not shown to readers: made before figures were protected" in str(listed[1])
    (line,) = [line for line in status._warehouse(upgraded) if line.startswith("publication:")]
    assert line.startswith("publication:    2 (not shown to readers")
    prepared.publish(upgraded, MART, "third")
    assert "publication:    3" in status._warehouse(upgraded)
    assert marts.definition(MART).schema == "marts"
