"""The client against a server: the job flow, every fault, and what was recorded of the real services."""

import json
import logging
import os
import traceback
import zipfile
from datetime import datetime

import pytest

from ingest.pulls.connectors import errors
from ingest.pulls.connectors.genesis import Client, Query
from ingest.pulls.hosts import HOSTS
from ingest.pulls.replay import DEMO_USER, Answer, ReplayServer
from ingest.reading.refused import Refused
from lagebild.core.credentials import Access
from lagebild.core.errors import UserError
from lagebild.core.settings import BERLIN, ROOT
from tests.ingest.pulls.connectors.faults import (
    JOB_TABLE,
    PASSWORD,
    TABLE,
    FakeClock,
    FaultyServer,
    alone,
    archive,
    at,
    client,
    code,
    fine,
    flat,
    page,
    recordings,
    report,
    status,
)

SHARED = ROOT.parent / "shared" / "samples"
HTTP = SHARED / "genesis_http"
USER = "Kennung-4711"


@pytest.fixture
def folder(tmp_path):
    return recordings(tmp_path / "recordings")


# --- the way it should go --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", [name for name, host in HOSTS.items() if host.rest])
def test_a_table_comes_at_once_from_each_host(folder, tmp_path, host):
    with FaultyServer(folder) as server:
        to = client(server, host).table(Query(TABLE), tmp_path / "t.csv")
    assert to.read_bytes() == flat(2022, 2023, 2024)
    assert [asked.endpoint for asked in server.asked] == ["helloworld/logincheck", "data/tablefile"]
    assert {asked.host.name for asked in server.asked} == {host}
    assert os.listdir(tmp_path) != [] and not list(tmp_path.glob("t.csv.*"))


def test_a_large_table_comes_by_a_job_that_any_process_can_go_on_with(folder, tmp_path):
    with FaultyServer(folder) as server:
        first = client(server)
        with pytest.raises(errors.TooLarge) as raised:
            first.table(Query(JOB_TABLE, 2023, 2024), tmp_path / "t.csv")
        assert raised.value.subject == JOB_TABLE and "zu gross" in raised.value.said
        job = first.start_job(Query(JOB_TABLE, 2023, 2024))
        other = client(server)
        assert [other.is_ready(job) for _ in range(3)] == [False, False, True]
        assert other.result(job, tmp_path / "t.csv").read_bytes() == flat(2023, 2024)
        other.remove(job)
        other.remove(job)  # gone already
        with pytest.raises(errors.NoObjects):
            other.result(job, tmp_path / "gone.csv")
        assert not other.is_ready(job)


def test_a_query_asks_for_all_rows_with_quality_flags():
    classifying = (("GES", ("GESM", "GESW")), ("NAT", ("ST125",)))
    query = Query(TABLE, 2020, 2024, "KREISE", ("05913", "05112"), classifying)
    assert query.form() == {
        "name": TABLE, "area": "all", "compress": "false", "transpose": "false", "format": "ffcsv", "quality": "on",
        "language": "de", "startyear": "2020", "endyear": "2024", "regionalvariable": "KREISE",
        "regionalkey": "05913,05112", "classifyingvariable1": "GES", "classifyingkey1": "GESM,GESW",
        "classifyingvariable2": "NAT", "classifyingkey2": "ST125",
    }  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [{"table": "a b"}, {"table": ""}, {"start_year": 2024, "end_year": 2023}, {"classifying": (("A", ()),) * 6}],
)
def test_a_query_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(UserError):
        Query(**{"table": TABLE} | wrong)


def test_quality_flags_are_asked_for_of_a_result_again(folder, tmp_path):
    """The service leaves them out of a job's result as well, unless the download asks for them."""
    with FaultyServer(folder) as server:
        own = client(server)
        job = own.start_job(Query(JOB_TABLE))
        assert own.result(job, tmp_path / "t.csv").read_bytes() == flat(2022, 2023, 2024)
    assert (server.asked[-1].fields["compress"], server.asked[-1].fields["quality"]) == ("false", "on")


def test_the_last_change_is_one_small_request(folder):
    with FaultyServer(folder) as server:
        assert client(server).last_change(JOB_TABLE) == "2026-02-09"
        assert client(server).last_change("88888-0001") is None
    assert [(a.endpoint, a.fields["selection"]) for a in server.asked] == [
        ("catalogue/modifieddata", "99999"),
        ("catalogue/modifieddata", "88888"),
    ]


def test_what_is_no_day_is_no_change(folder):
    entries = [{"Code": "99999", "Date": day} for day in ("31.02.2026", "", None, "2026-02-09")]
    body = {"Status": {"Code": 0, "Content": "", "Type": "Information"}, "List": [*entries, "x"]}
    for answer in (body, body | {"List": None}, body | {"List": "x"}):
        with FaultyServer(folder, status(200, json.dumps(answer).encode())) as server:
            assert client(server).last_change(TABLE) is None


def test_a_change_of_today_may_be_followed_by_another(folder):
    """A day says nothing of the hour: until it is over, two answers must not be taken for the same."""
    today = datetime.now(BERLIN).date()
    (folder / "destatis" / f"{TABLE}.json").write_text(json.dumps({"changed": f"{today}"}))
    with FaultyServer(folder) as server:
        told = client(server).last_change(TABLE)
    assert told.startswith(f"{today}, asked {today}T") and told != f"{today}"


def test_a_flat_file_that_is_not_packed_is_taken_too(folder, tmp_path):
    with FaultyServer(folder, status(200, flat(2024), Content_Type="text/csv")) as server:
        assert client(server).table(Query(TABLE), tmp_path / "t.csv").read_bytes() == flat(2024)


def test_a_warning_is_told(folder):
    told = []
    with FaultyServer(folder, code(22, "Parameter angepasst: sortcriterion", "Warnung")) as server:
        assert not client(server, say=told.append).is_ready(f"{JOB_TABLE}_1")
    (line,) = told
    assert "sortcriterion" in line and JOB_TABLE in line


def test_polls_survive_a_restart_of_the_server(folder, tmp_path):
    clock = FakeClock()
    with FaultyServer(folder) as server:
        own = client(server, http=alone(clock=clock.clock))
        job = own.start_job(Query(JOB_TABLE, 2024, 2024))
        assert not own.is_ready(job)
        port = server._http.server_port
    started = []

    def restart():
        if not started:
            started.append(FaultyServer(folder, port=port).__enter__())

    clock.on_sleep = restart  # it was away for one try
    try:
        polls = [own.is_ready(job) for _ in range(3)]
        assert polls == [False, False, True] and started and clock.pauses
        assert own.result(job, tmp_path / "t.csv").read_bytes() == flat(2024)
    finally:
        for server in started:
            server.__exit__()


# --- logins ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("access", "error"),
    [
        (Access("GAST", "GAST"), errors.GuestLogin),
        (Access("nobody", "x"), errors.NoLogin),
        (Access("unknown-token"), errors.NoLogin),
    ],
)
def test_a_login_is_checked_before_anything_large(folder, tmp_path, access, error):
    with FaultyServer(folder) as server:
        for ask in (
            lambda own: own.check_login(),
            lambda own: own.table(Query(TABLE), tmp_path / "t"),
            lambda own: own.start_job(Query(TABLE)),
        ):
            with pytest.raises((error, errors.NoJobs)) as raised:
                ask(client(server, access=access))
            assert raised.value.remedy and not raised.value.transient
    assert {asked.endpoint for asked in server.asked} == {"helloworld/logincheck"}


def test_small_requests_are_refused_to_guests_by_the_service(folder):
    with FaultyServer(folder) as server:
        for access, said in ((Access("GAST", "GAST"), "code 15"), (Access("nobody", "x"), "code 2")):
            with pytest.raises(errors.NoLogin, match=said):
                client(server, access=access).last_change(TABLE)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"Status": "Sie wurden erfolgreich an- und abgemeldet!", "Username": "GAST"}, errors.GuestLogin),
        ({"Status": "Sie wurden erfolgreich an- und abgemeldet!", "Username": " gast "}, errors.GuestLogin),
        ({"Status": "Sie wurden erfolgreich an- und abgemeldet!"}, errors.GuestLogin),
        ({"Status": "Bitte prüfen Sie Ihren Nutzernamen", "Username": DEMO_USER}, errors.NoLogin),
        ({"Status": "wegen eines unerwarteten Systemfehlers abgebrochen", "Username": "GAST"}, errors.ServiceDown),
        ({"Status": {"Code": 0, "Content": "erfolgreich", "Type": "Information"}}, errors.UnknownReport),
        ({"Status": {"Code": -1, "Content": "x", "Type": "Fehler"}}, errors.ServiceDown),
        ({"Code": 15, "Content": "x", "Type": "ERROR"}, errors.NoLogin),
        (["x"], errors.UnknownReport),
    ],
)
def test_both_fields_of_the_login_check_count(folder, monkeypatch, answer, error):
    monkeypatch.setattr(
        FaultyServer,
        "answer_service",
        lambda *_: Answer(200, json.dumps(answer).encode(), {"Content-Type": "text/plain"}),
    )
    with FaultyServer(folder) as server, pytest.raises(error):
        client(server).check_login()


def test_no_access_is_told_before_anything_is_asked(folder):
    with FaultyServer(folder) as server:
        for nothing in (None, Access("", PASSWORD)):
            with pytest.raises(errors.NoLogin, match="no credentials") as raised:
                Client(at(server), nothing, alone())
            assert PASSWORD not in str(raised.value)
    assert server.seen == []


@pytest.mark.parametrize("password", ["pass\nwort", " x", "grün"])
def test_credentials_that_no_header_carries_are_refused_unseen(folder, password):
    with FaultyServer(folder) as server, pytest.raises(errors.NoLogin) as raised:
        client(server, access=Access("clerk", password))
    assert password.strip() not in str(raised.value)


def test_where_no_job_can_be_is_told_before_it_is_asked_for(folder, tmp_path):
    with FaultyServer(folder, tokens=["token"]) as server:
        for own, reason in (
            (client(server, "zensus2022"), "has no jobs"),
            (client(server, access=Access("token")), "a token may only read"),
        ):
            with pytest.raises(errors.NoJobs, match=reason):
                own.start_job(Query(TABLE))
            with pytest.raises(errors.NoJobs, match=reason):
                own.remove(f"{TABLE}_1")
        assert server.asked == []
        token = client(server, access=Access("token"))
        assert token.table(Query(TABLE), tmp_path / "t.csv").exists()
        for own in (token, client(server, "zensus2022")):
            with pytest.raises(errors.TooLarge) as raised:
                own.table(Query(JOB_TABLE), tmp_path / "t.csv")
            assert "no job can be started here" in raised.value.remedy


# --- faults ----------------------------------------------------------------------------------------------------------

FAULTS = {
    "code 2": (report(404, 2), errors.NoLogin),
    "code 2, outage": (report(404, 2, "Abgebrochen wegen eines unerwarteten Systemfehlers"), errors.ServiceDown),
    "code 12": (code(12, "nicht berechtigt", "ERROR"), errors.NoLogin),
    "code 15": (report(401, 15), errors.NoLogin),
    "bare 401": (status(401), errors.NoLogin),
    "code 6": (code(6, "Zu viele parallele Abrufe"), errors.TooManyRequests),
    "code 6, flat": (report(200, 6), errors.TooManyRequests),
    "code 50": (code(50, "Keine neueren Daten", "Information"), errors.NothingNewer),
    "code 90": (code(90), errors.NoSuchTable),
    "code 98": (code(98), errors.TooLarge),
    "code 98, English": (code(98, "too large", "ERROR"), errors.TooLarge),
    "code 104": (code(104, "Es gibt keine Objekte", "Information"), errors.NoObjects),
    "code -1": (code(-1), errors.ServiceDown),
    "code -1, no cube": (code(-1, "Für die Teiltabelle wurde kein Datenquader gefunden", "Fehler"), errors.NoData),
    "code -1, no data": (code(-1, "Die Tabelle enthält keine Daten.", "Fehler"), errors.NoData),
    "code -1, English": (code(-1, "No data cube was found for the table", "ERROR"), errors.NoData),
    "code -1, outage": (code(-1, "Systemfehler: keine Daten", "Fehler"), errors.ServiceDown),
    "code 999": (code(999, "?", "Information"), errors.UnknownReport),
    "code 0 without a file": (code(0, "erfolgreich", "Information"), errors.UnknownReport),
    "code 0, an error all the same": (code(0, "x", "error"), errors.UnknownReport),
    "429": (status(429, b"slow down"), errors.TooManyRequests),
    "500": (status(500), errors.ServiceDown),
    "page": (page(), errors.HtmlInstead),
    "page 503": (page(503), errors.ServiceDown),
    "moved": (status(307, Location="https://elsewhere.example/"), errors.Moved),
    "JSON of another shape": (status(200, b'{"hello": 1}'), errors.UnknownReport),
    "JSON list": (status(200, b"[1]"), errors.UnknownReport),
    "JSON cut off": (status(200, b'{"Status": {"Code": 9'), errors.UnknownReport),
    "JSON too deep": (status(200, b'{"a":' * 100_000), errors.UnknownReport),
    "code that is no number": (status(200, b'{"Status": {"Code": "x"}}'), errors.UnknownReport),
    "other bytes": (status(200, b"\x00\x01"), errors.UnknownReport),
    "other CSV": (status(200, b"a;b\n1;2\n"), errors.UnknownReport),
    "nothing": (status(200), errors.UnknownReport),
    "cut zip": (archive(f"{TABLE}_flat.csv", flat(2024), lambda packed: packed[:-40]), errors.BrokenArchive),
    "damaged zip": (
        archive(f"{TABLE}_flat.csv", flat(2024), lambda packed: packed[:80] + b"\xff\xff" + packed[82:]),
        errors.BrokenArchive,
    ),
    "zip bomb": (archive(f"{TABLE}_flat.csv", bytes(50_000_000)), errors.BrokenArchive),
    "other table": (archive("12411-0010_flat.csv", flat(2024)), errors.WrongMember),
    "longer code": (archive(f"{TABLE}9.csv", flat(2024)), errors.WrongMember),
    "other kind": (archive(f"{TABLE}_flat.xlsx", flat(2024)), errors.WrongMember),
    "path out of the zip": (archive(f"../{TABLE}_flat.csv", flat(2024)), errors.BrokenArchive),
}  # fmt: skip


@pytest.mark.parametrize(("fault", "error"), FAULTS.values(), ids=FAULTS)
def test_each_fault_is_told_apart(folder, tmp_path, fault, error):
    to = tmp_path / "t.csv"
    with FaultyServer(folder, fault) as server, pytest.raises(errors.PullError) as raised:
        client(server).table(Query(TABLE), to)
    told = raised.value
    assert type(told) is error
    assert told.subject == TABLE and TABLE in told.message and told.remedy
    assert not list(tmp_path.glob("t.csv*"))


def test_a_fault_that_passes_is_tried_again(folder, tmp_path):
    for fault in (code(6), code(-1), report(404, 2, "Systemfehler"), status(429), status(500)):
        with FaultyServer(folder, fault, fault, fine) as server:
            assert client(server).table(Query(TABLE), tmp_path / "t.csv").exists()


def test_an_archive_of_two_files_is_refused(folder, tmp_path):
    path = tmp_path / "two.zip"
    with zipfile.ZipFile(path, "w") as packed:
        for part in "ab":
            packed.writestr(f"{TABLE}_{part}.csv", "x")
    with (
        FaultyServer(folder, status(200, path.read_bytes())) as server,
        pytest.raises(errors.WrongMember, match="_b.csv"),
    ):
        client(server).table(Query(TABLE), tmp_path / "t.csv")


def test_a_file_that_was_there_stays_until_another_is_whole(folder, tmp_path):
    to = tmp_path / "t.csv"
    to.write_text("before")
    cut = archive(f"{TABLE}.csv", flat(2024), lambda packed: packed[:-40])
    with FaultyServer(folder, cut) as server, pytest.raises(errors.BrokenArchive):
        client(server).table(Query(TABLE), to)
    assert to.read_text() == "before"


def test_a_job_that_never_ends_is_never_ready(folder):
    (folder / "destatis" / f"{JOB_TABLE}.json").write_text('{"jobs": true, "polls": 1000}')
    with FaultyServer(folder) as server:
        own = client(server)
        job = own.start_job(Query(JOB_TABLE))
        assert not any(own.is_ready(job) for _ in range(20))


@pytest.mark.parametrize("content", ["ohne Namen", "Name: ", "Name: 12345-0001_1", "Name: ../x", "Name: a b"])
def test_a_job_without_a_name_is_an_unknown_answer(folder, content):
    with FaultyServer(folder, code(99, content, "Information")) as server, pytest.raises(errors.UnknownReport):
        client(server).start_job(Query(TABLE))


def test_a_job_that_is_refused_is_told(folder):
    for fault, error in ((code(98), errors.TooLarge), (code(0), errors.UnknownReport)):
        with FaultyServer(folder, fault) as server, pytest.raises(error):
            client(server).start_job(Query(TABLE))


# --- credentials -----------------------------------------------------------------------------------------------------


def texts_of(error: BaseException) -> list[str]:
    """All that could be printed of an error: itself, its chain, every frame with the variables in it."""
    chain = traceback.TracebackException.from_exception(error, capture_locals=True)
    return [str(error), repr(error), repr(vars(error)), *chain.format()]


def leaks(secrets, texts) -> list[str]:
    return [text for text in texts for secret in secrets if secret in text]


@pytest.mark.parametrize("name", FAULTS)
def test_credentials_stand_nowhere(folder, tmp_path, caplog, name):
    """Not in the address, the fields, an error with all frames and their variables, any text of an object, a log."""
    caplog.set_level(logging.DEBUG)
    fault, _ = FAULTS[name]
    with FaultyServer(folder, fault, users=[USER]) as server:
        own = client(server, access=Access(USER, PASSWORD), http=alone(tries=2))
        with pytest.raises(errors.PullError) as raised:
            own.table(Query(TABLE), tmp_path / "t.csv")
    context = raised.value.__context__
    assert context is None or isinstance(context, Refused)  # no library's error, which would hold the request
    told = texts_of(raised.value)
    texts = [
        text for thing in (own, vars(own), own._access, own._login, own._http) for text in (repr(thing), str(thing))
    ]
    texts += [record.getMessage() + repr(record.__dict__) for record in caplog.records]
    texts += [path for _, path, _ in server.seen] + [repr(asked) for asked in server.asked]
    assert caplog.records and len(server.asked) >= 2
    assert len(told) > 8 and leaks([USER, PASSWORD], told + texts) == []
    for secret in (USER, PASSWORD):  # they were sent, in headers
        assert all(secret in headers.values() for _, _, headers in server.seen)


@pytest.mark.parametrize("shape", ["cut", "away"])
def test_credentials_stand_in_no_error_of_a_connection(folder, tmp_path, shape):
    with FaultyServer(folder, users=[USER]) as server:
        own = client(server, access=Access(USER, PASSWORD), http=alone(tries=1))
        own.check_login()
        server.shape = shape
        if shape == "cut":
            with pytest.raises(errors.ServiceDown) as raised:
                own.table(Query(TABLE), tmp_path / "t.csv")
    if shape == "away":
        with pytest.raises(errors.ServiceDown) as raised:
            own.table(Query(TABLE), tmp_path / "t.csv")
    told = texts_of(raised.value)
    assert raised.value.__context__ is None and leaks([USER, PASSWORD], told) == []


def test_the_search_for_credentials_finds_them():
    def ask(headers):
        raise errors.NoLogin("x")

    for how in (lambda: ask({"password": PASSWORD}), lambda: ask(f"{PASSWORD}")):
        with pytest.raises(errors.NoLogin) as raised:
            how()
        assert leaks([PASSWORD], texts_of(raised.value))


def test_what_a_service_repeats_of_the_credentials_is_hidden(folder, tmp_path):
    echoes = [
        code(90, f"{DEMO_USER}:{PASSWORD}"),
        report(404, 2, PASSWORD),
        status(500, PASSWORD.encode()),
        code(7, PASSWORD),
    ]
    for echo in echoes:
        with FaultyServer(folder, echo) as server, pytest.raises(errors.PullError) as raised:
            client(server).table(Query(TABLE), tmp_path / "t.csv")
        assert "********" in raised.value.said and PASSWORD not in str(raised.value)


# --- what was recorded of the real services --------------------------------------------------------------------------

needs_recordings = pytest.mark.skipif(not HTTP.exists(), reason=f"the recorded replies are not here: {HTTP}")


def recorded(name: str, number: int = 200):
    return status(number, (HTTP / name).read_bytes(), Content_Type="application/json")


@needs_recordings
def test_the_recorded_job_flow_goes_through(tmp_path):
    own = tmp_path / "recordings" / "destatis"
    own.mkdir(parents=True)
    (own / "12531-0043_job_flow.json").symlink_to(HTTP / "12531-0043_job_flow.json")
    rows = SHARED / "genesis_ffcsv" / "12531-0043_de_flat.subset_ruhr.csv"
    (own / "12531-0043.all.csv").symlink_to(rows)
    with ReplayServer(own.parent) as server:
        this, query = client(server), Query("12531-0043")
        with pytest.raises(errors.TooLarge, match="zu gross"):
            this.table(query, tmp_path / "t.csv")
        job = this.start_job(query)
        assert job == "12531-0043_175879554"
        assert [this.is_ready(job) for _ in range(4)] == [False, False, False, True]
        assert this.result(job, tmp_path / "t.csv").read_bytes() == rows.read_bytes()


FILES = {
    "code104_no_objects.json": errors.NoObjects,
    "http401_code15_missing_credentials.json": errors.NoLogin,
    "http404_code2_bad_credentials.json": errors.NoLogin,
    "logincheck_bad_credentials_http200.json": errors.UnknownReport,  # as an answer to anything but logincheck
    "cubefile_47414BJ002.csv": errors.UnknownReport,  # a cube, not a flat file
    # Envelopes of success, but no file.
    "qualitysigns_de.json": errors.UnknownReport,
    "restatis_catalogue1_api_catalogue_tables-86e7c4-278e28-POST.json": errors.UnknownReport,
    "restatis_find1_api_find_find-86e7c4-3a9778-POST.json": errors.UnknownReport,
    "restatis_meta1_api_metadata_table-86e7c4-b5d932-POST.json": errors.UnknownReport,
    "restatis_meta2_fake_api_metadata_cube-86e7c4-8e9b02-POST.json": errors.UnknownReport,  # code 999
    "restatis_modified1_api_catalogue_modifieddata-86e7c4-70191d-POST.json": errors.UnknownReport,
    "restatis_values2_api_catalogue_values2variable-86e7c4-332fef-POST.json": errors.UnknownReport,
}
LISTS = {
    "qualitysigns_de.json": 10,
    "restatis_catalogue1_api_catalogue_tables-86e7c4-278e28-POST.json": 19,
    "restatis_find1_api_find_find-86e7c4-3a9778-POST.json": 0,
    "restatis_meta1_api_metadata_table-86e7c4-b5d932-POST.json": 0,
    "restatis_modified1_api_catalogue_modifieddata-86e7c4-70191d-POST.json": 1,
    "restatis_values2_api_catalogue_values2variable-86e7c4-332fef-POST.json": 16,
}


@needs_recordings
def test_every_recorded_reply_is_tried():
    assert {path.name for path in HTTP.iterdir()} == {*FILES, "12531-0043_job_flow.json"}


@needs_recordings
@pytest.mark.parametrize(("name", "error"), FILES.items(), ids=FILES)
def test_no_recorded_reply_passes_for_a_table(folder, tmp_path, name, error):
    number = next((number for number in (401, 404) if f"http{number}" in name), 200)
    with FaultyServer(folder, recorded(name, number)) as server, pytest.raises(errors.PullError) as raised:
        client(server).table(Query(TABLE), tmp_path / "t.csv")
    assert type(raised.value) is error


@needs_recordings
@pytest.mark.parametrize(("name", "entries"), LISTS.items(), ids=LISTS)
def test_recorded_lists_are_read(folder, name, entries):
    told = []
    with FaultyServer(folder, recorded(name)) as server:
        assert len(client(server, say=told.append)._list("catalogue/tables", "x", {})) == entries
    assert len(told) == ("values2" in name)  # code 22


@needs_recordings
def test_the_recorded_change_and_the_recorded_refusal_of_a_login(folder, monkeypatch):
    with FaultyServer(
        folder, recorded("restatis_modified1_api_catalogue_modifieddata-86e7c4-70191d-POST.json")
    ) as server:
        assert client(server).last_change("61111-0001") == "2026-02-17"
        assert client(server).last_change("12411-0001") is None  # of another statistic
    refusal = (HTTP / "logincheck_bad_credentials_http200.json").read_bytes()
    monkeypatch.setattr(FaultyServer, "answer_service", lambda *_: Answer(200, refusal))
    with FaultyServer(folder) as server, pytest.raises(errors.NoLogin, match="Nutzernamen"):
        client(server).check_login()
