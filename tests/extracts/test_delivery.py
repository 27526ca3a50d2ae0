"""Packages put where recipients fetch them: a folder, a real SFTP server, a bucket."""

import os
import shutil
from dataclasses import replace
from getpass import getuser
from pathlib import Path

import pytest

from extracts.delivery import deliver
from extracts.model import Recipient
from extracts.release import release
from extracts.signing import SIGNATURE
from ingest.inbox.stores import named
from lagebild.core import database
from lagebild.core.errors import UserError
from lagebild.core.settings import Settings
from lagebild.warehouse import releases
from tests.ingest.inbox import test_inbox_s3, test_inbox_sftp

bucket, endpoint, server = test_inbox_s3.bucket, test_inbox_s3.endpoint, test_inbox_sftp.server


@pytest.fixture
def package(tmp_path) -> Path:
    folder = tmp_path / "package"
    (folder / "daten").mkdir(parents=True)
    for name in ("SHA256SUMS", SIGNATURE, "daten/codes.csv", "ä b.txt"):
        (folder / name).write_text(name)
    return folder


def put(settings: Settings, address: str, folder: Path) -> None:
    with named.opened(settings, address) as store:
        deliver(store, folder, "publication-2")


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_receives_the_files_and_what_lies_there_is_not_written_over(warehouse, package, tmp_path):
    address = (tmp_path / "mounted").as_uri()
    put(warehouse, address, package)
    there = tmp_path / "mounted" / "publication-2"
    assert files(there) == files(package)
    (there / "daten" / "codes.csv").unlink()  # of a delivery that was broken off
    put(warehouse, address, package)
    assert files(there) == files(package)
    (there / "daten" / "codes.csv").write_text("changed")
    with pytest.raises(UserError, match="codes.csv lies at the recipient's with other bytes"):
        put(warehouse, address, package)
    assert (there / "daten" / "codes.csv").read_text() == "changed"


@pytest.mark.skipif(test_inbox_sftp.SSHD is None, reason="no OpenSSH server here (Debian: openssh-server)")
def test_an_sftp_server_receives_the_files(warehouse, server, package, tmp_path):
    secrets, folder = tmp_path / "secrets", tmp_path / "incoming"
    shutil.copytree(warehouse.secrets, secrets)
    folder.mkdir()
    (secrets / "known_hosts").write_text(server.host_key)
    shutil.copy(server.keys / "user", secrets / "inbox_127_0_0_1_key")
    settings = replace(warehouse, secrets=secrets)
    address = f"sftp://{getuser()}@127.0.0.1:{server.port}{folder}"
    put(settings, address, package)
    assert files(folder / "publication-2") == files(package)
    put(settings, address, package)
    assert files(folder / "publication-2") == files(package)


def test_a_bucket_receives_the_files(warehouse, bucket, endpoint, package, tmp_path):
    secrets = tmp_path / "secrets"
    shutil.copytree(warehouse.secrets, secrets)
    (secrets / "inbox_deliveries_user").write_text("user")
    (secrets / "inbox_deliveries_password").write_text("GEHEIM")
    address = f"s3://{test_inbox_s3.BUCKET}/out?endpoint={endpoint}"
    put(replace(warehouse, secrets=secrets), address, package)
    found = {entry.key.removeprefix("out/publication-2/"): entry.get()["Body"].read() for entry in bucket.objects.all()}
    assert found == files(package)


def test_a_delivery_that_fails_is_registered_and_made_up_for(published, package_file, tmp_path):
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder should be")
    one = Recipient("ministry", "Amt", "§ 1", "Haushalt", "de", "public", delivery=(blocked / "in").as_uri())
    with pytest.raises(UserError, match=r"release 1 lies in .* and could not be delivered"):
        release(published, 2, one, package_file=package_file)
    with database.connect(published, database.BUILDER) as register:
        failed = releases.one(register, 1)
    assert failed.delivery_failed_why and failed.delivered_at is None
    os.remove(blocked)
    made = release(published, 2, one, package_file=package_file)
    assert made.release.release_id == 1 and made.release.delivered_at and not made.release.delivery_failed_why
    assert files(blocked / "in" / "publication-2") == files(made.folder)
    (blocked / "in" / "publication-2" / "LIESMICH.txt").write_text("mended by the recipient")
    release(published, 2, one, package_file=package_file)  # is there: nothing is put again
