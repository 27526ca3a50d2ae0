"""The server that replays: what a folder of recordings becomes."""

import io
import json
import re
import signal
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
import requests

from ingest.pulls.replay import DEMO_USER, ReplayServer
from lagebild.core.settings import ROOT
from tests.ingest.pulls.connectors.faults import JOB_TABLE, TABLE, flat, recordings

LOGIN = {"username": DEMO_USER, "password": "any"}


@pytest.fixture
def folder(tmp_path):
    return recordings(tmp_path / "recordings")


@pytest.fixture
def server(folder):
    with ReplayServer(folder, tokens=["token"]) as running:
        yield running


def post(server, endpoint, login=LOGIN, **fields):
    fields = {"quality": "on"} | fields
    return requests.post(f"{server.url}/genesisWS/rest/2020/{endpoint}", data=fields, headers=login, timeout=5)


def code_of(answer):
    return answer.json()["Status"]["Code"]


@pytest.mark.parametrize(
    ("login", "status", "said"),
    [
        ({}, 401, 15),
        ({"username": "GAST", "password": "GAST"}, 401, 15),
        ({"username": DEMO_USER, "password": ""}, 404, 2),
        ({"username": "other", "password": "x"}, 404, 2),
        ({"username": "other-token"}, 404, 2),
    ],
)
def test_who_may_not_read_is_told_as_the_services_do(server, login, status, said):
    answer = post(server, "data/tablefile", login, name=TABLE)
    assert (answer.status_code, answer.json()["Code"]) == (status, said)
    check = post(server, "helloworld/logincheck", login)
    is_guest = login.get("username") in (None, "GAST")
    assert check.status_code == 200  # always
    assert ("erfolgreich" in check.json()["Status"]) == is_guest == (check.json()["Username"] == "GAST")


def test_a_token_reads_and_starts_no_job(server):
    token = {"username": "token", "password": ""}
    assert post(server, "data/tablefile", token, name=TABLE).content.startswith(b"PK")
    assert post(server, "data/tablefile", token, name=TABLE, job="true").status_code == 401
    assert post(server, "profile/removeResult", token, name=f"{TABLE}_000000000001").status_code == 401


def test_the_answer_repeats_the_question_and_masks_the_login(server):
    answer = post(server, "data/tablefile", name="00000-0000", language="de").json()
    assert answer["Ident"] == {"Service": "data", "Method": "tablefile"}
    assert answer["Status"]["Code"] == 90
    assert answer["Parameter"]["name"] == "00000-0000" and set(answer["Parameter"]["password"]) == {"*"}
    assert "any" not in repr(server.asked)


@pytest.mark.parametrize(("endpoint", "field"), [("data/tablefile", "name"), ("catalogue/results", "selection")])
def test_what_was_not_recorded_is_not_there(server, endpoint, field):
    for name in ("88888-0001", "../destatis", "", "*", f"{TABLE}_1"):
        assert code_of(post(server, endpoint, **{field: name})) in (90, 104)
    assert post(server, "data/cubefile").status_code == 404
    assert requests.post(f"{server.url}/elsewhere", timeout=5).status_code == 404


def unpacked(answer) -> bytes:
    (member,) = (packed := zipfile.ZipFile(io.BytesIO(answer.content))).namelist()
    assert member.endswith("_flat.csv")
    return packed.read(member)


def test_years_are_answered_from_their_file_or_cut_from_all(server, folder):
    (folder / "destatis" / f"{TABLE}.2024.csv").write_bytes(b"own")
    ask = {"name": TABLE, "startyear": "2024", "endyear": "2024"}
    assert unpacked(post(server, "data/tablefile", **ask)) == b"own"
    ask["startyear"] = "2023"
    assert unpacked(post(server, "data/tablefile", **ask)) == flat(2023, 2024)
    assert unpacked(post(server, "data/tablefile", name=TABLE)) == flat(2022, 2023, 2024)
    assert code_of(post(server, "data/tablefile", name=TABLE, startyear="1999", endyear="1999")) == 104


def test_quality_flags_come_only_where_they_are_asked_for(server):
    bare = unpacked(post(server, "data/tablefile", name=TABLE, quality="off")).decode()
    assert bare == flat(2022, 2023, 2024).decode().replace(";value_q", "").replace(";e\n", "\n")


def test_a_job_goes_on_after_a_restart(folder):
    with ReplayServer(folder) as server:
        assert code_of(post(server, "data/tablefile", name=JOB_TABLE)) == 98
        accepted = post(server, "data/tablefile", name=JOB_TABLE, startyear="2024", endyear="2024", job="true").json()
    assert accepted["Status"]["Code"] == 99
    job = accepted["Status"]["Content"].rpartition(": ")[2]
    with ReplayServer(folder) as server:
        polls = [code_of(post(server, "catalogue/results", selection=job)) for _ in range(3)]
        assert polls == [104, 104, 0]
        assert unpacked(post(server, "data/resultfile", name=job)) == flat(2024)
        assert [code_of(post(server, "profile/removeResult", name=job)) for _ in range(2)] == [0, 104]
        assert server.removed == {job}


def test_the_day_of_the_last_change_is_the_latest_of_the_statistic(server, folder):
    (folder / "destatis" / f"{TABLE}.json").write_text(json.dumps({"changed": "2026-03-01"}))
    (entry,) = post(server, "catalogue/modifieddata", selection="99999").json()["List"]
    assert (entry["Code"], entry["Date"]) == ("99999", "01.03.2026")


def test_a_recorded_conversation_is_given_in_its_order(server, folder):
    def exchange(endpoint, asked, answer):
        body = answer if isinstance(answer, str) else json.dumps(answer)
        return {
            "request": {"uri": f"https://host/{endpoint}", "body": asked},
            "response": {"status": {"code": 200}, "headers": {}, "body": body},
        }

    flow = [
        exchange("data/tablefile", f"name={TABLE}&job=false", {"Status": {"Code": 98}}),
        exchange("catalogue/results", f"selection={TABLE}_1", {"Status": {"Code": 104}}),
        exchange("catalogue/results", f"selection={TABLE}_1", {"Status": {"Code": 0}}),
        exchange("data/resultfile", f"name={TABLE}_1&job=false", "<1234 bytes b'PK'>"),
    ]
    (folder / "destatis" / f"{TABLE}_job_flow.json").write_text(json.dumps(flow))
    assert code_of(post(server, "data/tablefile", name=TABLE)) == 98
    assert [code_of(post(server, "catalogue/results", selection=f"{TABLE}_1")) for _ in range(3)] == [104, 0, 0]
    assert unpacked(post(server, "data/resultfile", name=f"{TABLE}_1")) == flat(2022, 2023, 2024)


def test_files_are_sent_once(server, folder):
    for path, content in (
        ("/files/liste.csv", b"synthetisch;1\n"),
        ("/ldbnrwws/downloader/00/tables/99999-01i_00.csv", b"synthetisch;2\n"),
    ):
        first = requests.get(server.url + path, timeout=5)
        assert first.content == content
        for name, value in (("If-None-Match", "ETag"), ("If-Modified-Since", "Last-Modified")):
            again = requests.get(server.url + path, headers={name: first.headers[value]}, timeout=5)
            assert (again.status_code, again.content) == (304, b"")
        old = {"If-Modified-Since": format_datetime(datetime(2000, 1, 1, tzinfo=UTC), usegmt=True)}
        assert requests.get(server.url + path, headers=old, timeout=5).status_code == 200
        # What was changed within the same second is told by the ETag alone.
        known = {"If-None-Match": '"other"', "If-Modified-Since": first.headers["Last-Modified"]}
        assert requests.get(server.url + path, headers=known, timeout=5).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/files/", "/files/none", "/files/..%2Fdestatis%2F99999-0001.all.csv", "/files/%2Fetc%2Fpasswd"),
        *("/destatis/x", "/ldbnrwws/downloader/00/tables/..%2F99999-0001_00.csv"),
    ],
)
def test_no_path_leads_out_of_the_folder(server, path):
    assert requests.get(server.url + path, timeout=5).status_code == 404


def test_it_runs_as_a_program(folder):
    command = [sys.executable, "-m", "ingest.pulls.replay", folder, "--user", "clerk"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        url = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
        login = {"username": "clerk", "password": "x"}
        answer = requests.post(f"{url}/ldbnrwws/rest/2020/data/tablefile", {"name": TABLE}, headers=login, timeout=5)
        assert answer.content.startswith(b"PK")
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
    none = subprocess.run([*command[:3], folder / "none"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert none.returncode == 2 and "is no folder" in none.stderr
