"""An inbox on a real OpenSSH server: taken by a rename, read, answered; its key is checked."""

import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from getpass import getuser
from pathlib import Path

import pytest

from ingest import contracts
from ingest.deliveries import delivery_ledger, pseudonyms
from ingest.inbox import inbox, receipts, retention
from ingest.inbox.stores import sftp
from tests.inboxes import drain, problems, tell_unknown
from tests.ingest.support import age, later, person, register, taken_by_two_processes
from tests.support import MUNICIPALITY, PURPOSE, bundled_bytes

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
SOURCE, NAME = "employment", "eu2_employees_2019.csv"
pytestmark = [
    pytest.mark.skipif(SSHD is None, reason="no OpenSSH server here (Debian: apt-get install openssh-server)"),
    pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no ssh-keygen here"),
]


@dataclass(frozen=True)
class Server:
    """A running sshd that lets this user in by a key, for SFTP only."""

    port: int
    keys: Path

    @property
    def host_key(self) -> str:
        """Its line of a known_hosts."""
        kind, key, *_ = (self.keys / "host.pub").read_text().split()
        return f"[127.0.0.1]:{self.port} {kind} {key}\n"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Server]:
    keys, port = tmp_path_factory.mktemp("sshd"), free_port()
    for name in ("host", "user"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", keys / name]
        subprocess.run(command, check=True)
    shutil.copy(keys / "user.pub", keys / "authorized_keys")
    (keys / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {keys}/host\nPidFile {keys}/pid\nUsePAM no\nStrictModes no\n"
        f"AuthorizedKeysFile {keys}/authorized_keys\nPasswordAuthentication no\nPermitRootLogin yes\n"
        "Subsystem sftp internal-sftp\nForceCommand internal-sftp\n"
    )
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where sshd, as root, shuts its helpers in
    process = subprocess.Popen([SSHD, "-D", "-e", "-f", keys / "config"], stderr=(keys / "log").open("wb"))
    deadline = time.monotonic() + 10
    while socket.socket().connect_ex(("127.0.0.1", port)):
        assert process.poll() is None and time.monotonic() < deadline, (keys / "log").read_text()
        time.sleep(0.02)
    yield Server(port, keys)
    process.terminate()
    process.wait(10)


@pytest.fixture
def remote(warehouse, server, tmp_path) -> tuple:
    """A warehouse with one SFTP inbox, and the folder behind it."""
    folder = tmp_path / "incoming"
    folder.mkdir()
    secrets = tmp_path / "secrets"
    shutil.copytree(warehouse.secrets, secrets)  # the roles' passwords
    (secrets / "known_hosts").write_text(server.host_key)
    shutil.copy(server.keys / "user", secrets / "inbox_127_0_0_1_key")
    url = f"sftp://{getuser()}@127.0.0.1:{server.port}{folder}"
    return replace(warehouse, secrets=secrets, inboxes=(url,)), folder


def put(folder: Path, path: str = f"{SOURCE}/{NAME}", content: bytes | None = None) -> Path:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(bundled_bytes(SOURCE) if content is None else content)
    return file


def test_a_file_is_taken_loaded_and_answered(remote):
    settings, folder = remote
    put(folder, NAME)
    put(folder, "Unbekanntes.xlsx", b"?")
    (arrival,) = inbox.complete(settings)
    assert arrival.key == f"{settings.inboxes[0]}/{NAME}" and arrival.source == SOURCE
    delivery = inbox.take(settings, arrival.key)
    assert delivery.state == "loaded" and inbox.complete(settings) == []
    assert (folder / "taken" / "1" / NAME).read_bytes() == bundled_bytes(SOURCE)
    told = json.loads((folder / "receipts" / f"{NAME}.1.json").read_text())
    assert (told["state"], told["delivery"]["sha256"]) == ("loaded", delivery.sha256)
    assert not list(settings.landing.rglob(".incoming*"))
    delivery_ledger.decide(settings, delivery.delivery_id, [])
    assert receipts.renew(settings) == [arrival.key] and receipts.renew(settings) == []
    assert "ANGENOMMEN" in (folder / "receipts" / f"{NAME}.1.txt").read_text()
    assert tell_unknown(settings) == [f"{settings.inboxes[0]}/Unbekanntes.xlsx"] != tell_unknown(settings)
    assert not [file for file in folder.rglob("*.part")]


def test_a_file_is_complete_at_the_second_look_at_the_same_bytes(remote):
    settings, folder = remote
    settings = replace(settings, inbox_settle_seconds=0.3)
    file = put(folder)
    assert inbox.complete(settings) == [] and not inbox.is_drained(settings)
    file.write_bytes(file.read_bytes() + b"\r\n")
    assert inbox.complete(settings) == []
    time.sleep(0.35)
    assert len(inbox.complete(settings)) == 1
    file.unlink()
    assert inbox.complete(settings) == [] and inbox.is_drained(settings)


def test_a_marker_goes_along_and_persons_are_not_kept(remote):
    settings, folder = remote
    pseudonyms.ensure_key(settings.keys, MUNICIPALITY, PURPOSE)
    settings = replace(settings, inbox_settle_seconds=30)
    name = contracts.load("register").example
    put(folder, f"register/{name}", register(person("S1")))
    put(folder, f"register/{name}.ok", b"")
    assert [d.state for d in drain(settings)] == ["loaded"]
    assert list((folder / "taken").iterdir()) == [] == list((folder / "register").iterdir())


def test_two_workers_take_a_file_once_and_an_overwritten_one_is_a_new_delivery(remote, monkeypatch):
    settings, folder = remote
    put(folder)
    (arrival,) = inbox.complete(settings)
    fetch, inside, go_on = sftp.Sftp.fetch, threading.Event(), threading.Event()

    def slow(*arguments):
        inside.set()
        assert go_on.wait(20)
        return fetch(*arguments)

    monkeypatch.setattr(sftp.Sftp, "fetch", slow)
    found = []
    first = threading.Thread(target=lambda: found.append(inbox.take(settings, arrival.key)))
    first.start()
    assert inside.wait(20)
    assert inbox.take(settings, arrival.key) is None
    put(folder, content=bundled_bytes(SOURCE) + b"\r\n")  # under the name that is free again
    go_on.set()
    first.join(20)
    monkeypatch.undo()
    (second,) = drain(settings)
    assert [found[0].byte_size + 2, found[0].state] == [second.byte_size, "loaded"]


def test_a_file_that_is_written_while_it_is_fetched_is_waited_for(remote, monkeypatch):
    settings, folder = remote
    writer = put(folder).open("ab")
    fetch = sftp.Sftp.fetch

    def written_meanwhile(store, *arguments):
        get = store._fs.get_file

        def slow(*paths):
            get(*paths)
            writer.write(b"\r\n")
            writer.close()

        store._fs.get_file = slow
        fetch(store, *arguments)

    monkeypatch.setattr(sftp.Sftp, "fetch", written_meanwhile)
    assert drain(settings) == [] and writer.closed
    monkeypatch.undo()
    assert delivery_ledger.deliveries(settings) == []
    (delivery,) = drain(settings)
    assert delivery.byte_size == len(bundled_bytes(SOURCE)) + 2


def test_links_and_odd_names_are_not_followed_or_read(remote, tmp_path):
    settings, folder = remote
    (tmp_path / "outside").mkdir()
    put(tmp_path, f"outside/{NAME}")
    (folder / SOURCE).symlink_to(tmp_path / "outside")
    (folder / NAME).symlink_to(tmp_path / "outside" / NAME)
    put(folder, "umsatz_\udcfc.csv")
    put(folder, "a\nb.csv")
    assert inbox.complete(settings) == []
    assert inbox.take(settings, f"{settings.inboxes[0]}/{SOURCE}/{NAME}") is None
    assert len(tell_unknown(settings)) == 2


@pytest.mark.parametrize("known", ["another", "none", "missing"])
def test_a_server_whose_key_is_not_known_is_not_spoken_to(remote, server, known):
    settings, folder = remote
    put(folder)
    file = settings.secrets / "known_hosts"
    if known == "another":
        other = (server.keys / "user.pub").read_text().split()[1]
        file.write_text(f"[127.0.0.1]:{server.port} ssh-ed25519 {other}\n")
    elif known == "none":
        file.write_text("")
    else:
        file.unlink()
    before = file.read_text() if file.exists() else None
    assert "known_hosts" in problems(settings)
    assert before == (file.read_text() if file.exists() else None)  # nothing is added silently


def test_an_inbox_that_cannot_be_reached_is_said_and_does_not_stop_the_others(remote):
    settings, _ = remote
    away = replace(settings, inboxes=(f"sftp://{getuser()}@127.0.0.1:{free_port()}/incoming",))
    put(settings.drop)
    said = []
    assert [a.inbox for a in inbox.look(away, said.append).complete] == ["drop"]
    assert len(said) == 1 and "cannot be used" in said[0] and "nothing is lost" in said[0]


def test_a_receipt_that_cannot_be_written_is_written_later(remote, monkeypatch):
    settings, folder = remote
    put(folder)
    (delivery,) = drain(settings)
    delivery_ledger.decide(settings, delivery.delivery_id, ["odd"])
    said = []
    key = settings.secrets / "inbox_127_0_0_1_key"
    key.rename(key.with_name("away"))
    assert receipts.renew(settings, said.append) == [] and "1 receipts are written later" in said[0]
    key.with_name("away").rename(key)
    assert len(receipts.renew(settings)) == 1
    assert "ANGEHALTEN" in (folder / "receipts" / f"{NAME}.1.txt").read_text()


def test_old_copies_and_receipts_go_and_what_waits_stays(remote, monkeypatch):
    settings, folder = remote
    for name in (NAME, NAME.replace("2019", "2018")):
        put(folder, f"{SOURCE}/{name}")
        put(folder, f"{SOURCE}/{name}.ok", b"")
    first, _ = drain(settings)
    delivery_ledger.decide(settings, first.delivery_id, [])
    for number in (1, 2):
        age(settings, number, "20 years")
    later(monkeypatch, 800)
    assert len(retention.due(settings)) == 3 and (folder / "taken" / "1").exists()
    assert len(retention.apply(settings)) == 3 and retention.apply(settings) == []
    left = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if "employment" not in path.name)
    assert left == ["receipts", f"receipts/{NAME}.2.json", f"receipts/{NAME}.2.txt", "taken", "taken/2",
                    f"taken/2/{NAME}", f"taken/2/{NAME}.ok"]  # fmt: skip


def test_a_missing_folder_of_the_server_is_an_error_and_no_empty_inbox(remote):
    settings, _ = remote
    wrong = replace(settings, inboxes=(f"{settings.inboxes[0]}/nothing",))
    assert "there is no folder" in problems(wrong)


def test_the_private_key_is_in_no_message(remote):
    settings, _ = remote
    (settings.secrets / "inbox_127_0_0_1_key").write_text("GEHEIM")
    assert "cannot be used" in problems(settings) and "GEHEIM" not in problems(settings)


def test_two_processes_take_each_file_once(remote, tmp_path):
    settings, folder = remote
    years = range(2010, 2018)
    for year in years:
        put(folder, f"{SOURCE}/eu2_employees_{year}.csv")
    assert sum(taken_by_two_processes(settings, tmp_path)) == len(years)
    assert sorted(delivery.period for delivery in delivery_ledger.deliveries(settings)) == [str(year) for year in years]
    assert len(list((folder / "receipts").glob("*.json"))) == len(years)
