"""Logins of pulled services from a store of secrets, as the processes of tasks ask for them."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from lagebild.core import settings as settings_module
from lagebild.core.errors import UserError
from lagebild.local.airflow import environment
from tests.conftest import settings_in

LOCAL_FILE = "airflow.secrets.local_filesystem.LocalFilesystemBackend"
ASK = """
from lagebild.orchestration.operators import _connection
print([(found.user, found.password) if (found := _connection(host)) else None for host in ("destatis", "ldb_nrw")])
"""


@pytest.fixture
def own(tmp_path):
    """Settings of a stack whose databases are never asked."""
    nowhere = "postgresql://nobody:nothing@127.0.0.1:1/nothing"
    return replace(settings_in(tmp_path), warehouse_dsn=nowhere, airflow_dsn=nowhere)


def test_a_task_gets_its_login_from_the_store(own, tmp_path):
    store = tmp_path / "connections.json"
    store.write_text(json.dumps({"lagebild_destatis": {"conn_type": "http", "login": "me", "password": "a word"}}))
    kwargs = json.dumps({"connections_file_path": str(store)})
    own = replace(own, secrets_backend=LOCAL_FILE, secrets_backend_kwargs=kwargs)
    done = subprocess.run([sys.executable, "-c", ASK], env=environment(own), capture_output=True, text=True)
    assert done.stdout.splitlines()[-1:] == ["[('me', 'a word'), None]"], done.stderr
    # the server asks the same one
    assert environment(own)["AIRFLOW__SECRETS__BACKEND"] == LOCAL_FILE
    assert "a word" not in repr(own)


def test_without_one_airflow_asks_nobody_else(own):
    assert not [name for name in environment(own) if "SECRETS" in name and name.startswith("AIRFLOW__")]


@pytest.mark.parametrize("path", ["no_such_package.Backend", "airflow.secrets.local_filesystem.NoSuchBackend"])
def test_a_store_that_is_not_installed_stops_the_start(own, path):
    with pytest.raises(UserError, match="LAGEBILD_SECRETS_BACKEND: there is no"):
        environment(replace(own, secrets_backend=path))


@pytest.mark.parametrize(
    ("name", "text"),
    [("LAGEBILD_SECRETS_BACKEND", "vault"), ("LAGEBILD_SECRETS_BACKEND_KWARGS", "token=hunter2")],
)
def test_what_is_no_class_and_no_json_is_refused_without_repeating_it(tmp_path, name, text):
    with pytest.raises(UserError, match=name) as caught:
        settings_module.load({"LAGEBILD_HOME": str(tmp_path), name: text})
    assert "hunter2" not in str(caught.value)
