"""The demo's suppliers on loopback: a service that replays, and an SFTP server of one account and one folder."""

import shutil
from dataclasses import replace

import pytest

from ingest.inbox import inbox
from ingest.inbox.stores import base, named
from ingest.inbox.stores.base import StoreError
from ingest.pulls.connectors.genesis import Client
from ingest.pulls.connectors.http import Http
from ingest.pulls.hosts import host_of
from lagebild.core.credentials import access_of
from lagebild.core.errors import UserError
from lagebild.local import demo
from tests.support import bundled_bytes

NAME = "ledger_05913000_2019.csv"


def with_own_secrets(settings, folder):
    """The demo writes logins and known keys there, and all tests share the folder of the roles' passwords."""
    shutil.copytree(settings.secrets, folder / "secrets")
    return replace(settings, secrets=folder / "secrets")


@pytest.fixture
def joined(warehouse, tmp_path):
    """Settings of a running demo."""
    own = with_own_secrets(warehouse, tmp_path)
    (own.secrets / "known_hosts").write_text("sftp.example.org ssh-ed25519 AAAA\n")
    settings = demo.start(own)
    try:
        demo.wait(settings)
        yield settings
    finally:
        demo.SERVER.stop(settings)


def test_both_answer_to_their_login_and_to_no_other(joined):
    host = host_of("destatis", joined)
    Client(host, access_of("destatis", joined), Http.of(joined)).check_login()

    (label,) = joined.inboxes
    folder = demo.sent(joined)
    (folder / NAME).write_bytes(bundled_bytes("ledger"))
    (folder / f"{NAME}.ok").touch()
    (folder.parent / "beside.csv").write_text("not in the inbox")
    (arrival,) = inbox.complete(joined)
    assert (arrival.source, arrival.inbox) == ("ledger", label)
    with named.opened(joined, label) as store, pytest.raises(StoreError):
        store.head("../../server.pid")  # nothing above its own folder

    lines = (joined.secrets / "known_hosts").read_text().splitlines()
    assert lines[0].startswith("sftp.example.org ") and len(lines) == 2
    (joined.secrets / f"{base.access_name(label)}_password").write_text("another")
    problems = []
    assert inbox.look(joined, problems.append).complete == [] and label in problems[0]
    (joined.secrets / "known_hosts").write_text("")
    with pytest.raises(StoreError), named.opened(joined, label):
        pass


def test_suppliers_that_end_at_their_start_are_told_with_their_log(warehouse, monkeypatch, tmp_path):
    own = with_own_secrets(warehouse, tmp_path)
    monkeypatch.setattr(demo, "SERVER", replace(demo.SERVER, module="lagebild.no_such_module"))
    settings = demo.start(own)
    with pytest.raises(UserError, match=r"(?s)suppliers do not answer.*no_such_module"):
        demo.wait(settings)
