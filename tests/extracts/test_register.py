"""The register of releases: made once, returned from the store, recalled, never changed; who is due."""

import dataclasses
import shutil
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner

from extracts import recipient, signing, verify
from extracts.due import Refused, due
from extracts.model import Recipient
from extracts.release import Desk, release
from lagebild.cli import release as commands
from lagebild.cli import signing as signing_commands
from lagebild.core import database
from lagebild.core.errors import UserError
from lagebild.core.settings import Settings
from lagebild.warehouse import releases
from tests.extracts.releases import republish
from tests.support import query

MINISTRY = Recipient(
    "ministry", "Ministerium (Beispiel)", "§ 5 Beispielgesetz", "Haushalt", "de", "public", schedule="each_publication"
)

HELD = """
    with new as (
        insert into raw.delivery (source, period, sha256, attempt, file_name, byte_size, landing_path, contract_version,
            code_version, state)
        select source, period, repeat('c', 64), 1, file_name, 1, 'nowhere', '1', '1', 'held'
        from raw.delivery where source = 'ledger' and state = 'accepted' limit 1
        returning delivery_id
    )
    insert into raw.delivery_event (delivery_id, state, by) select delivery_id, 'held', 'test' from new returning 1
"""
CHANGES = ("update release.{} set release_id = default", "delete from release.{}", "truncate release.{} cascade")


@pytest.fixture
def released(published, package_file):
    """A release of publication 2 to a ministry, and how to make another."""

    def make(publication_id: int | None = 2, **changes):
        return release(published, publication_id, dataclasses.replace(MINISTRY, **changes), package_file=package_file)

    return make


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def register(settings: Settings):
    return database.connect(settings, database.BUILDER)


def _due(settings: Settings) -> tuple[list[str], list[Refused]]:
    with register(settings) as connection:
        return due(connection, settings.config, settings.demo)


def test_a_release_is_registered_with_its_files_and_what_it_was_made_from(published, released):
    made = released()
    one = made.release
    assert made.is_new and (one.publication_id, one.recipient, one.office) == (2, "ministry", MINISTRY.office)
    assert (one.legal_basis, one.purpose, one.profile) == (MINISTRY.legal_basis, "Haushalt", "public")
    with register(published) as connection:
        listed = releases.files(connection, one.release_id)
        inputs = releases.inputs(connection, one.release_id)
    sizes = {name: len(data) for name, data in files(made.folder).items()}
    assert {file.name: file.byte_size for file in listed} == sizes
    assert recipient.recorded(inputs["recipient"]) == MINISTRY
    assert {"code_version", "writers_sha256", "package_sha256", "lock_sha256"} <= set(inputs)
    assert one.key_id == signing.public_keys(published.keys)[0].key_id


def test_the_same_release_is_made_once_and_comes_from_the_store_under_a_later_version(published, released, monkeypatch):
    first = released()
    before = files(first.folder)
    shutil.rmtree(first.folder)
    signing.rotate(published.keys)
    monkeypatch.setattr("extracts.release.code_version", lambda: "9.9.9+later")
    second = released()
    assert not second.is_new and second.release.release_id == first.release.release_id
    assert second.folder == first.folder and files(second.folder) == before
    with register(published) as connection:
        copy = Desk(published, connection).again(first.release.release_id, published.extracts / "copy")
        assert len(releases.found(connection)) == 1
    assert files(copy) == before
    assert verify.package(copy, signing.public_keys(published.keys)).is_good


def test_a_damaged_or_missing_stored_file_is_named(published, released):
    made = released()
    shutil.rmtree(made.folder)
    with register(published) as connection:
        (codes,) = [f for f in releases.files(connection, made.release.release_id) if f.name == "daten/codes.csv"]
        stored = published.extracts / "store" / codes.sha256[:2] / codes.sha256
        stored.write_bytes(b"changed")
        with pytest.raises(UserError, match="daten/codes.csv, is not what was released"):
            Desk(published, connection).again(made.release.release_id)
        stored.unlink()
        with pytest.raises(UserError, match="daten/codes.csv, is missing"):
            Desk(published, connection).again(made.release.release_id)
    assert not made.folder.exists()


def test_a_rebuild_finds_every_byte_again_and_names_what_differs(published, released, tmp_path):
    made = released()
    with register(published) as connection:
        for name in ("one", "two"):
            found = Desk(published, connection).rebuild(made.release.release_id, tmp_path / name / "folder")
            assert (found.differing, found.other_code) == ((), ())
        assert files(tmp_path / "one/folder") == files(tmp_path / "two/folder")
        with pytest.raises(UserError, match="exists"):
            Desk(published, connection).rebuild(made.release.release_id, tmp_path / "one" / "folder")
    query(published, "update published.tiny_population set eu2_persons = 14906 where eu2_persons = 14905 returning 1")
    with register(published) as connection:
        found = Desk(published, connection).rebuild(made.release.release_id, tmp_path / "three")
    assert "daten/eu2_population.csv" in found.differing and "daten/cost_per_person.csv" not in found.differing


def test_other_words_are_another_release_with_a_folder_of_its_own(published, released):
    first, second = released(), released(purpose="Anhörung")
    assert second.is_new and second.folder.name == f"ministry-{second.release.release_id}"
    assert first.folder.exists() and released().release.release_id == first.release.release_id


def test_a_later_publication_is_compared_with_the_last_release_to_the_same_recipient(published, released):
    first, second = released(1), released(2)
    assert second.release.previous_release_id == first.release.release_id
    with register(published) as connection:
        assert releases.inputs(connection, second.release.release_id)["previous"][:2] == [first.release.release_id, 1]
    other = released(2, name="other")
    assert other.release.previous_release_id is None


@pytest.mark.parametrize("table", ["register", "file", "event"])
@pytest.mark.parametrize("statement", CHANGES)
def test_no_role_changes_the_register(published, released, table, statement):
    made = released()
    with register(published) as connection:
        releases.recall(connection, made.release.release_id, "wrong district")
    with (
        pytest.raises(psycopg.errors.RaiseException, match="append-only") as refused,
        database.connect(published) as owner,
    ):
        owner.execute(statement.format(table))
    assert "release.event" in refused.value.diag.message_hint
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege),
        database.connect(published, database.BUILDER) as builder,
    ):
        builder.execute(statement.format(table))


def test_readers_are_told_of_a_release_and_not_to_whom_it_went(published, released):
    first, second = released(1), released(2)
    with register(published) as connection:
        releases.recall(connection, first.release.release_id, "the employees were of another district")
    rows = query(
        published,
        "select release_id, publication_id, sha256, superseded_by, recalled_why from marts.release order by 1",
        role=database.BI_READER,
    )
    assert rows == [
        (1, 1, first.release.sha256, 2, "the employees were of another district"),
        (2, 2, second.release.sha256, None, None),
    ]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        query(published, "select recipient from release.register", role=database.BI_READER)
    columns = query(published, "select * from information_schema.columns where table_name = 'release' and column_name in ('recipient', 'office', 'purpose')", role=database.BI_READER)  # fmt: skip # noqa: E501
    assert columns == []


def test_readers_are_told_nothing_of_packages_with_exact_counts(published, released):
    """A digest is an oracle: all but a count may be known, and counts can be tried."""
    released(2, name="unit", profile="statistics_unit")
    assert query(published, "select profile from release.register") == [("statistics_unit",)]
    assert query(published, "select * from marts.release", role=database.BI_READER) == []


def test_after_a_recall_the_publication_can_be_released_again_and_the_files_stay(published, released):
    first = released()
    with register(published) as connection:
        releases.recall(connection, first.release.release_id, "mapping was wrong")
        with pytest.raises(UserError, match="was recalled on .* already: mapping was wrong"):
            releases.recall(connection, first.release.release_id, "again")
        with pytest.raises(UserError, match="needs a reason"):
            releases.recall(connection, first.release.release_id, " ")
        with pytest.raises(UserError, match="no release 99"):
            releases.recall(connection, 99, "why")
    second = released()
    assert second.is_new and second.release.release_id != first.release.release_id
    with register(published) as connection:
        assert Desk(published, connection).again(first.release.release_id) == first.folder


def test_who_is_due_follows_the_schedule_and_what_was_released(published, released, tmp_path):
    settings = dataclasses.replace(published, demo=False, config_dir=tmp_path / "config")
    folder = tmp_path / "config" / "recipients"
    folder.mkdir(parents=True)
    for name, schedule in (("ministry", "each_publication"), ("board", "yearly"), ("nobody", "on_request")):
        (folder / f"{name}.yml").write_text(
            f"office: Amt\nlegal_basis: § 1\npurpose: Haushalt\nlanguage: de\nprofile: public\nschedule: {schedule}\n"
        )
    assert _due(settings) == (["board", "ministry"], [])
    released(2)
    assert _due(settings) == (["board"], [])
    released(1, name="board")  # of the same year
    assert _due(settings) == ([], [])


def test_a_recipient_who_wants_nothing_while_a_delivery_is_held_gets_nothing(published_warehouse, tmp_path):
    settings = dataclasses.replace(published_warehouse, config_dir=tmp_path / "config")
    strict = tmp_path / "config" / "recipients" / "ministry.yml"
    strict.parent.mkdir(parents=True)
    strict.write_text((recipient.SHIPPED / "ministry.yml").read_text().replace("when_held: state", "when_held: refuse"))
    query(settings, HELD)
    republish(settings, {})
    wanted, (refused,) = _due(settings)
    assert wanted == ["research_institute", "statistics_office"] and refused.recipient == "ministry"
    assert "held (ledger" in str(refused) and "when_held: state" in str(refused)
    with pytest.raises(UserError, match="ministry receives nothing: .*held"):
        release(settings, to=recipient.named(settings.config, True, "ministry"))
    folder = release(settings, to=recipient.named(settings.config, True, "research_institute")).folder
    told = " ".join((folder / "README.txt").read_text().split())
    assert "Deliveries under review, in whose place older ones stand: ledger" in told


def test_verify_says_what_the_register_knows(published, released, monkeypatch, tmp_path):
    made = released(1)
    monkeypatch.setattr("lagebild.core.settings.load", lambda: published)

    def told(*options: str) -> str:
        return CliRunner().invoke(signing_commands.verify, [str(made.folder), *options], catch_exceptions=False).output

    assert "register: release 1 of publication 1, the latest" in told()
    released(2)
    assert "release 2 is later" in told() and '"superseded_by": 2' in told("--format", "json")
    with register(published) as connection:
        releases.recall(connection, 1, "wrong district")
    assert "RECALLED on " in told() and "wrong district" in told()
    key = signing.public_keys(published.keys)[0].public
    assert "register" not in told("--key", key)
    (made.folder / "SHA256SUMS").write_text("")
    assert "register: no release of this house has these files" in told()
    nowhere = dataclasses.replace(published, warehouse_dsn="postgresql://nobody@127.0.0.1:1/nothing")
    monkeypatch.setattr("lagebild.core.settings.load", lambda: nowhere)
    assert "register: not asked, no warehouse answers" in told()


def test_the_commands_say_what_they_do(published, released, monkeypatch, tmp_path):
    made = released()
    monkeypatch.setattr("lagebild.core.settings.load", lambda: published)

    def run(command, *arguments):
        return CliRunner().invoke(command, list(map(str, arguments)), catch_exceptions=False)

    number = made.release.release_id
    assert "ministry: Haushalt" in run(commands.releases).output
    assert run(commands.releases, "--recipient", "nobody").output.startswith("no package")
    assert str(made.folder) in run(commands.release, "--again", number).output
    assert "every byte" in run(commands.release, "--rebuild", number, "--to", tmp_path / "again").output
    assert "is recalled: wrong" in run(commands.recall, number, "--reason", "wrong").output
    assert "was recalled: wrong" in run(commands.release, "--again", number).output
    query(published, "update published.tiny_cost set total_cost_eur = 1 returning 1")
    differing = run(commands.release, "--rebuild", number, "--to", tmp_path / "other")
    assert differing.exit_code == 1 and "cost_per_person.csv" in differing.output
    for wrong in ([], ["ministry", "--again", "1"], ["--rebuild", "1"], ["ministry", "--to", "x"], ["--again", "1", "--publication", "2"]):  # fmt: skip # noqa: E501
        assert run(commands.release, *wrong).exit_code == 2
    listed = run(commands.recipients)
    assert "ministry: Integrationsministerium" in listed.output and "statistics_unit" in listed.output
    assert '"state": "due"' in run(commands.recipients, "--format", "json").output


def test_a_changed_word_is_another_writer(monkeypatch, tmp_path):
    """What a release records of its writers covers the texts that stand beside the models, too."""
    from extracts import release as releasing
    from lagebild.warehouse import descriptions

    monkeypatch.setattr(descriptions, "TEXTS", tmp_path)
    found = []
    for text in ("a: {de: A}", "a: {de: B}"):
        (tmp_path / "labels.yml").write_text(text)
        releasing._writers_sha256.cache_clear()
        found.append(releasing._writers_sha256())
    releasing._writers_sha256.cache_clear()
    assert len(set(found)) == 2
