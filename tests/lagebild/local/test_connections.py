"""Connection files for BI tools, and what pandas makes of the marts' types (docs/tools/README.md)."""

import configparser
import json
import re
import xml.etree.ElementTree as ET
from datetime import date
from decimal import Decimal

import pandas as pd
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from lagebild.cli.main import cli
from lagebild.core import database
from lagebild.core.settings import ROOT
from lagebild.local import connections

TOLD = {"host": "db.example.org", "port": "6432", "dbname": "lage", "user": "bi_reader", "password": "very secret"}


@pytest.mark.parametrize("form", connections.FORMS)
def test_no_file_holds_the_password(form):
    text = connections.FORMS[form](TOLD)
    assert "very secret" not in text and ("bi_reader" in text or form == "pbids")
    assert "db.example.org" in text and "6432" in text and "lage" in text


def test_each_file_is_what_its_program_reads():
    address = json.loads(connections.FORMS["pbids"](TOLD))["connections"][0]["details"]["address"]
    assert address == {"server": "db.example.org:6432", "database": "lage"}
    tree = ET.fromstring(connections.FORMS["odc"](TOLD))
    (string,) = tree.iter("{urn:schemas-microsoft-com:office:odc}ConnectionString")
    assert string.text == connections.odbc_string(TOLD) and "BoolsAsChar=0;" in string.text
    ini = configparser.ConfigParser()
    ini.read_string(connections.FORMS["odbc"](TOLD))
    assert ini["Lagebild"]["servername"] == "db.example.org" and ini["Lagebild"]["textaslongvarchar"] == "1"


def test_the_command_prints_the_file_of_this_warehouse(published_warehouse, monkeypatch):
    monkeypatch.setattr("lagebild.core.settings.load", lambda *_: published_warehouse)
    done = CliRunner().invoke(cli, ["stack", "connection", "odbc"])
    assert done.exit_code == 0, done.output
    given = database.parameters(published_warehouse, database.BI_READER)
    assert f"Port={given['port']}" in done.stdout and given["password"] not in done.stdout
    assert CliRunner().invoke(cli, ["stack", "connection", "excel"]).exit_code == 2


def test_the_page_explains_every_option_of_odbc():
    page = (ROOT / "docs" / "tools" / "README.md").read_text()
    named = set(re.findall(r"`(\w+)=\w+`", page))
    assert set(connections.ODBC_OPTIONS) <= named


def test_pandas_sees_what_the_page_says(published_warehouse):
    given = database.parameters(published_warehouse, database.BI_READER)
    url = sa.URL.create(
        "postgresql+psycopg", given["user"], given["password"], given["host"], int(given["port"]), given["dbname"]
    )
    query = sa.text(
        "select municipality_ags, total_cost_eur, reference_date, reason from marts.cost_per_person"
        " where municipality_ags = '05913000' and cost_per_person_eur is not null order by reference_year"
    )
    with sa.create_engine(url).connect() as connection:
        plain = pd.read_sql(query, connection)
        exact = pd.read_sql(query, connection, coerce_float=False)
        dated = pd.read_sql(query, connection, dtype_backend="numpy_nullable", parse_dates=["reference_date"])
    assert plain["municipality_ags"][0] == "05913000" and plain["total_cost_eur"].dtype == "float64"
    assert isinstance(exact["total_cost_eur"][0], Decimal) and isinstance(plain["reference_date"][0], date)
    assert str(dated["reference_date"].dtype).startswith("datetime64") and dated["reason"][0] is pd.NA
