import socket

import pytest

from lagebild.core.errors import UserError
from lagebild.local import ports
from tests.conftest import settings_in


@pytest.fixture
def taken():
    with socket.socket() as server:
        server.bind((ports.HOST, 0))
        server.listen()
        yield server.getsockname()[1]


def test_no_free_port_is_said_with_the_variables_that_help(taken):
    with pytest.raises(UserError, match="LAGEBILD_POSTGRES_PORT and LAGEBILD_AIRFLOW_PORT"):
        ports.free([taken])


def test_a_remembered_port_is_kept_while_it_is_free_and_left_when_it_is_taken(tmp_path, taken):
    settings = settings_in(tmp_path)
    first = ports.choose(settings, "airflow", None, "LAGEBILD_AIRFLOW_PORT")
    ports.remember(settings, airflow=first, postgres=taken)
    assert ports.choose(settings, "airflow", None, "LAGEBILD_AIRFLOW_PORT") == first
    assert ports.choose(settings, "postgres", None, "LAGEBILD_POSTGRES_PORT") != taken
    ports.remember(settings, postgres=1234)
    assert settings.ports() == {"airflow": first, "postgres": 1234}


def test_a_set_port_that_is_taken_is_an_error(tmp_path, taken):
    with pytest.raises(UserError, match=f"LAGEBILD_AIRFLOW_PORT={taken}"):
        ports.choose(settings_in(tmp_path), "airflow", taken, "LAGEBILD_AIRFLOW_PORT")
