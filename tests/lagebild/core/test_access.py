"""Where credentials and addresses come from, and that nothing shows the former."""

import pickle
import traceback

import pytest

from ingest.pulls import hosts
from lagebild.core import settings as settings_module
from lagebild.core.credentials import Access, access_of
from lagebild.core.errors import UserError


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setattr(settings_module, "_dotenv", lambda path: {})
    read = settings_module.load({"LAGEBILD_HOME": str(tmp_path)})
    read.secrets.mkdir()
    return read


def set_secrets(settings, **secrets):
    for name, text in secrets.items():
        (settings.secrets / name).write_text(text + "\n")


def test_nothing_set_is_no_access(settings):
    assert access_of("destatis", settings) is None


def test_access_comes_from_the_environment_then_from_files(settings, monkeypatch):
    set_secrets(settings, destatis_user="file-user", destatis_password="file-word", ldb_nrw_token="file-token")
    access = access_of("destatis", settings)
    assert (access.user, access.password, access.is_token) == ("file-user", "file-word", False)
    token = access_of("ldb_nrw", settings)
    assert (token.user, token.password, token.is_token) == ("file-token", "", True)
    monkeypatch.setenv("LAGEBILD_DESTATIS_USER", "own-user")  # a user in the environment, its password in a file
    assert access_of("destatis", settings) == Access("own-user", "file-word")
    monkeypatch.setenv("LAGEBILD_DESTATIS_PASSWORD", "own-word")
    assert access_of("destatis", settings) == Access("own-user", "own-word")


def test_access_comes_from_the_file_of_settings_too(settings, monkeypatch):
    monkeypatch.setattr(settings_module, "_dotenv", lambda path: {"LAGEBILD_DESTATIS_TOKEN": "dotenv-token"})
    assert access_of("destatis", settings) == Access("dotenv-token")


@pytest.mark.parametrize(
    ("secrets", "said"),
    [
        ({"destatis_user": "u"}, "the password of the login is missing"),
        ({"destatis_password": "hidden"}, "the user of the login is missing"),
        ({"destatis_user": "u", "destatis_password": "hidden", "destatis_token": "t"}, "a token and a user too"),
    ],
)
def test_half_a_login_and_one_too_many_are_not_guessed_at(settings, secrets, said):
    set_secrets(settings, **secrets)
    with pytest.raises(UserError, match=said) as raised:
        access_of("destatis", settings)
    assert "LAGEBILD_DESTATIS_USER" in str(raised.value)
    frames = traceback.TracebackException.from_exception(raised.value, capture_locals=True).stack
    own = [frame.locals for frame in frames if frame.filename.endswith("/credentials.py")]
    assert own and "hidden" not in repr(own)


def test_a_secret_that_is_no_text_is_told_without_it(settings):
    (settings.secrets / "destatis_token").write_bytes(b"\xff\xfehidden")
    with pytest.raises(UserError, match="destatis_token cannot be read"):
        access_of("destatis", settings)


def test_no_text_of_an_access_shows_it():
    access = Access("Kennung", "geheim")
    for text in (repr(access), str(access), f"{access}", f"{[access]}", "%s" % access):  # noqa: UP031
        assert "Kennung" not in text and "geheim" not in text
    assert pickle.loads(pickle.dumps(access)) == access
    assert access.hide("Kennung/geheim: Kennung falsch") == "********/********: ******** falsch"
    assert Access("ab", "abc").hide("abc") == "********"  # the longer first, or the rest of it would stay


def test_credentials_are_not_handed_on_as_settings(settings, monkeypatch):
    set_secrets(settings, destatis_user="file-user", destatis_password="file-word")
    monkeypatch.setenv("LAGEBILD_LDB_NRW_TOKEN", "own-token")
    told = repr(settings_module.load({"LAGEBILD_HOME": str(settings.home)}).variables()) + repr(settings)
    assert "file-word" not in told and "own-token" not in told


# --- hosts -----------------------------------------------------------------------------------------------------------


def test_the_hosts_are_those_of_the_services():
    told = {name: (host.url, host.has_jobs) for name, host in hosts.HOSTS.items() if host.rest}
    assert told == {
        "destatis": ("https://genesis.destatis.de/genesisWS/rest/2020/", True),
        "regionalstatistik": (
            "https://www.regionalstatistik.de/genesisws/rest/2020/", True,
        ),
        "ldb_nrw": ("https://www.landesdatenbank.nrw.de/ldbnrwws/rest/2020/", True),
        "zensus2022": ("https://ergebnisse.zensus2022.de/api/rest/2020/", False),
    }  # fmt: skip


def test_a_host_can_be_found_elsewhere_and_tasks_know_it(tmp_path, monkeypatch):
    monkeypatch.setattr(settings_module, "_dotenv", lambda path: {})
    given = {
        "LAGEBILD_HOME": str(tmp_path),
        "LAGEBILD_LDB_NRW_URL": "http://127.0.0.1:8090/",
        "LAGEBILD_ZENSUS2022_URL": "",
    }
    read = settings_module.load(given)
    assert settings_module.load(read.variables()) == read
    assert hosts.host_of("ldb_nrw", read).url == "http://127.0.0.1:8090/ldbnrwws/rest/2020/"
    assert hosts.host_of("destatis", read).root == "https://genesis.destatis.de"


def test_a_host_that_is_none_is_told(tmp_path):
    read = settings_module.load({"LAGEBILD_HOME": str(tmp_path)})
    with pytest.raises(UserError, match="there is no host nowhere"):
        hosts.host_of("nowhere", read)
    read = settings_module.load({"LAGEBILD_HOME": str(tmp_path), "LAGEBILD_DESTATTIS_URL": "http://127.0.0.1:1"})
    with pytest.raises(UserError, match="LAGEBILD_DESTATTIS_URL belongs to no host"):
        hosts.host_of("destatis", read)
    with pytest.raises(UserError, match="is not an URL") as raised:
        settings_module.load({"LAGEBILD_DESTATIS_URL": "http://u:hidden@127.0.0.1"})
    assert "hidden" not in str(raised.value)
