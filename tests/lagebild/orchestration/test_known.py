"""A setting that names a service, an inbox or an entry of the catalogue is refused where there is none of the name."""

import re
from dataclasses import replace

import pytest
from click.testing import CliRunner

from ingest.pulls import catalogue
from lagebild.cli.main import cli
from lagebild.core import alerts, database, lineage
from lagebild.core import settings as settings_module
from lagebild.core.credentials import OWN
from lagebild.core.errors import UserError
from lagebild.core.settings import ROOT
from lagebild.local import airflow, status
from lagebild.orchestration import known
from tests import conftest


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("LAGEBILD_DESTATS_USER", "LAGEBILD_DESTATIS_USER"),
        ("LAGEBILD_LDBNRW_TOKEN", "LAGEBILD_LDB_NRW_TOKEN"),
        ("LAGEBILD_ZENSUS_URL", "LAGEBILD_ZENSUS2022_URL"),
        ("LAGEBILD_URL_ESF_BERLN", "LAGEBILD_URL_ESF_BERLIN"),
        ("LAGEBILD_RESOURCE_OPEN_NRW_12521_O3I", "LAGEBILD_RESOURCE_OPEN_NRW_12521_03I"),
        ("LAGEBILD_INBOX_SFTP_EXAMPLE_COM_PASSWORD", "LAGEBILD_INBOX_SFTP_EXAMPLE_ORG_PASSWORD"),
    ],
)
def test_a_mistyped_name_is_refused_with_the_nearest(tmp_path, variable, meant):
    settings = replace(conftest.settings_in(tmp_path), inboxes=("sftp://lagebild@sftp.example.org/incoming",))
    assert known.are_any(settings, {variable: "x"})
    with pytest.raises(UserError, match=f"{variable} names no host") as caught:
        known.require_known(settings, {variable: "s3cret"})
    assert f"did you mean {meant}?" in caught.value.remedy and "s3cret" not in str(caught.value)
    known.require_known(settings, {meant: "x"})


def test_a_mistyped_host_of_pulls_is_refused_with_the_nearest(tmp_path):
    settings = replace(conftest.settings_in(tmp_path), pull=frozenset({"ldb_nrw", "wegweisser"}))
    with pytest.raises(UserError, match="LAGEBILD_PULL: there is no host wegweisser") as caught:
        known.require_known(settings, {})
    assert "did you mean wegweiser?" in caught.value.remedy
    known.require_known(replace(settings, pull=frozenset({"ldb_nrw", "wegweiser"})), {})


def test_a_citys_own_entries_are_known(tmp_path, monkeypatch):
    settings = conftest.settings_in(tmp_path)
    own = tmp_path / "config" / "catalogue.yml"
    own.parent.mkdir()
    own.write_text(
        "entries:\n  - {id: our-list, connector: http, host: our_portal, contract: esf_berlin, schedule: '0 5 * * 1',"
        " title: Ours, url: 'https://portal.example/list.csv', file: 'esf_berlin_2021-2027.csv'}\n"
    )
    monkeypatch.setenv("LAGEBILD_CONFIG_DIR", str(own.parent))
    variables = {"LAGEBILD_URL_OUR_LIST": "https://x.example/a.csv", "LAGEBILD_OUR_PORTAL_USER": "u"}
    assert [entry.id for entry in catalogue.entries()][-1] == "our-list"
    known.require_known(replace(settings, pull=frozenset({"our_portal"})), variables)
    with pytest.raises(UserError, match="did you mean LAGEBILD_URL_OUR_LIST"):
        known.require_known(settings, {"LAGEBILD_URL_OUR_LISTS": "x"})


def test_every_command_asks_and_other_families_are_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(settings_module, "_dotenv", lambda path: {})
    monkeypatch.setenv("LAGEBILD_HOME", str(tmp_path))
    monkeypatch.setenv("LAGEBILD_DESTATS_PASSWORD", "s3cret")
    found = CliRunner().invoke(cli, ["config"])
    assert found.exit_code == 1 and "LAGEBILD_DESTATS_PASSWORD names no host" in str(found.exception)
    others = {"LAGEBILD_DBT_USER": "x", "LAGEBILD_TEST_URL": "x", "LAGEBILD_PUBLISHER_LEDGER": "x"}
    assert not known.are_any(conftest.settings_in(tmp_path), others)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("destats_user", "destatis_user"),
        ("destatis_passwort", "destatis_password"),
        ("LDB_NRW_TOKEN", "ldb_nrw_token"),
        ("zensus2022_user.txt", "zensus2022_user"),
        ("lagebild_buidler", "lagebild_builder"),
        ("inbox_sftp_exmple_org_password", "inbox_sftp_example_org_password"),
        ("inbox_sftp_example_org_kay", "inbox_sftp_example_org_key"),
    ],
)
def test_a_mistyped_secret_is_refused_with_the_nearest_that_is_missing(tmp_path, name, meant):
    settings = replace(conftest.settings_in(tmp_path), inboxes=("sftp://lagebild@sftp.example.org/incoming",))
    settings.secrets.mkdir(mode=0o700)
    (settings.secrets / name).write_text("s3cret")
    assert known.are_any(settings, {})
    with pytest.raises(UserError, match=f"nobody reads the secret .*/{name}") as caught:
        known.require_known(settings, {})
    assert f"did you mean {meant}?" in caught.value.remedy and "s3cret" not in str(caught.value)
    # beside the right one it is somebody's copy, and nothing lacks
    (settings.secrets / meant).write_text("s3cret")
    for part in ("user", "password", "token", "key"):
        (settings.secrets / f"inbox_sftp_example_org_{part}").touch()
        for host in ("destatis", "ldb_nrw", "zensus2022"):
            (settings.secrets / f"{host}_{part}").touch()
    for own in OWN:
        (settings.secrets / own).touch()
    known.require_known(settings, {})


def test_other_files_beside_the_secrets_are_left_alone(tmp_path):
    settings = conftest.settings_in(tmp_path)
    settings.secrets.mkdir(mode=0o700)
    for name in ("destatis_user", "destatis_password", "postgres", "ca.pem", "README"):
        (settings.secrets / name).touch()
    known.require_known(settings, {})
    for name in ("ca.pem", "README"):
        (settings.secrets / name).unlink()
    assert not known.are_any(settings, {})  # the catalogue is not read for what is usual


def test_every_secret_that_the_house_makes_or_reads_is_known_by_name():
    literal = re.compile(r"""\.secret\("([^"{]+)"\)|\.secrets / "([^"{]+)\"""")
    files = [file for room in ("lagebild", "ingest", "docker") for file in (ROOT / room).rglob("*.py")]
    named = {name for file in files for found in literal.findall(file.read_text()) for name in found if name}
    assert {"postgres", "airflow_admin", "known_hosts"} <= named
    assert {*named, *database.ROLES, *airflow.SECRETS, status.AIRFLOW_SECRET, alerts.PASSWORD, lineage.TOKEN} <= set(
        OWN
    )
