"""The signature under a release, and what a recipient's check says of a package that somebody touched."""

import hashlib
import json
import shutil
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from extracts import signing, verify
from lagebild.cli.main import cli
from lagebild.core import settings as settings_module
from lagebild.core.errors import UserError
from lagebild.core.settings import Settings

COMMENT = "publication 3, ministry, Prüfung des Haushalts"


@pytest.fixture
def house(tmp_path: Path) -> Settings:
    return settings_module.load({"LAGEBILD_HOME": str(tmp_path / "home")})


@pytest.fixture
def package(house: Settings, tmp_path: Path) -> Path:
    """A signed package of two files, one in a folder."""
    signing.key_id(house.keys)
    folder = tmp_path / "ministry"
    (folder / "daten").mkdir(parents=True)
    (folder / "LIESMICH.txt").write_bytes(b"what is in here\n")
    (folder / "daten" / "mart.csv").write_bytes(b"a;b\r\n1;2\r\n")
    sums = "".join(
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n"
        for name in ("LIESMICH.txt", "daten/mart.csv")
    ).encode()
    (folder / "SHA256SUMS").write_bytes(sums)
    (folder / "SHA256SUMS.minisig").write_bytes(signing.sign(house.keys, sums, COMMENT))
    return folder


def check(house: Settings, folder: Path) -> verify.Verdict:
    return verify.package(folder, signing.public_keys(house.keys))


def test_a_package_as_it_was_released_is_good(house, package):
    verdict = check(house, package)
    assert verdict.is_good, verdict.problems
    assert verdict.files == 2
    assert verdict.key.key_id == signing.key_id(house.keys)
    assert verdict.trusted_comment == "publication 3, ministry, Pruefung des Haushalts"
    assert verdict.sums_sha256 == hashlib.sha256((package / "SHA256SUMS").read_bytes()).hexdigest()


def test_the_same_bytes_have_the_same_signature(house, package):
    sums = (package / "SHA256SUMS").read_bytes()
    assert signing.sign(house.keys, sums, COMMENT) == (package / "SHA256SUMS.minisig").read_bytes()
    assert b"timestamp" not in (package / "SHA256SUMS.minisig").read_bytes()


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def _comment(package: Path) -> None:
    path = package / "SHA256SUMS.minisig"
    path.write_bytes(path.read_bytes().replace(b"publication 3", b"publication 4"))


def _listed_outside(package: Path) -> None:
    with (package / "SHA256SUMS").open("a") as file:
        file.write(f"{'0' * 64}  ../secret\n")


@pytest.mark.parametrize(
    ("touch", "said"),
    [
        (lambda folder: _flip(folder / "daten/mart.csv"), "daten/mart.csv was changed"),
        (lambda folder: (folder / "LIESMICH.txt").unlink(), "LIESMICH.txt is missing"),
        (lambda folder: (folder / "daten/more.csv").write_text("x"), "daten/more.csv does not belong to the package"),
        (lambda folder: _flip(folder / "SHA256SUMS"), "is not the signature of SHA256SUMS"),
        (lambda folder: (folder / "SHA256SUMS.minisig").unlink(), "SHA256SUMS.minisig is missing"),
        (lambda folder: (folder / "SHA256SUMS.minisig").write_text("hello"), "is no signature of minisign"),
        (_comment, "is not the signature of SHA256SUMS"),
        (_listed_outside, "../secret is outside the package"),
    ],
    ids=["changed", "missing", "added", "sums", "unsigned", "no-signature", "comment", "outside"],
)
def test_whatever_was_touched_is_named(house, package, touch, said):
    touch(package)
    verdict = check(house, package)
    assert not verdict.is_good
    assert any(said in problem for problem in verdict.problems), verdict.problems
    assert verdict.key is None or "SHA256SUMS" not in said


def test_a_folder_without_checksums_is_no_package(house, tmp_path):
    with pytest.raises(UserError, match="is no package"):
        check(house, tmp_path)


def test_what_a_retired_key_signed_stays_good_and_new_releases_have_the_new_key(house, package):
    former, latter = signing.rotate(house.keys)
    assert former != latter == signing.key_id(house.keys)
    assert [key.state for key in signing.public_keys(house.keys)] == ["current", "retired"]
    assert check(house, package).is_good
    assert not (house.keys / "release_signing" / f"{former}.key").exists()
    new = verify.package(package, [key for key in signing.public_keys(house.keys) if key.is_current])
    assert not new.is_good


def test_what_a_revoked_key_signed_proves_nothing(house, package):
    lost = signing.key_id(house.keys)
    current = signing.revoke(house.keys, lost, "a copy of the folder\nwas lost", date(2026, 12, 1))
    assert current == signing.key_id(house.keys) != lost
    verdict = check(house, package)
    assert verdict.problems == [
        f"the key {lost} was revoked on 2026-12-01 (a copy of the folder was lost): its signature proves nothing; ask"
        " the publisher whether the register has this package"
    ]
    with pytest.raises(UserError, match="revoked already"):
        signing.revoke(house.keys, lost, "again", date(2026, 12, 2))
    with pytest.raises(UserError, match="has no key FFFF"):
        signing.revoke(house.keys, "FFFF", "no such key", date(2026, 12, 2))


def test_a_key_is_made_once(house):
    made = signing.create(house.keys)
    with pytest.raises(UserError, match=f"signs with key {made} already"):
        signing.create(house.keys)
    assert signing.key_id(house.keys) == made


def test_a_rotation_that_was_killed_leaves_the_former_key_in_use(house, package, monkeypatch):
    before = signing.key_id(house.keys)
    real = signing.atomic_files.write

    def killed(path: Path, text: str) -> None:
        if path.name == "current":
            raise KeyboardInterrupt
        real(path, text)

    monkeypatch.setattr(signing.atomic_files, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        signing.rotate(house.keys)
    monkeypatch.undo()
    assert signing.key_id(house.keys) == before
    assert signing.sign(house.keys, b"x", "y")


@pytest.mark.parametrize("content", [b"", b"not a key\n", None], ids=["empty", "text", "missing"])
def test_a_damaged_key_is_named_with_its_file(house, content):
    path = house.keys / "release_signing" / f"{signing.key_id(house.keys)}.key"
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(UserError, match=f"the signing key {path} cannot be read"):
        signing.sign(house.keys, b"x", "y")


def test_nobody_else_may_read_the_secret_key(house):
    made = signing.key_id(house.keys)
    folder = house.keys / "release_signing"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / f"{made}.key").stat().st_mode & 0o777 == 0o600


def test_the_commands_say_it_and_their_exit_code_is_the_verdict(house, package, monkeypatch):
    monkeypatch.setenv("LAGEBILD_HOME", str(house.home))
    run = CliRunner().invoke
    public = signing.public_keys(house.keys)[0].public
    good = run(cli, ["verify", str(package), "--key", public])
    assert good.exit_code == 0, good.output
    assert "2 files as they were released" in good.output
    listed = run(cli, ["release-key", "list"])
    assert listed.output.strip() == f"{signing.key_id(house.keys)}  {public}  current"
    told = json.loads(run(cli, ["verify", str(package), "--format", "json"]).output)
    assert told["is_good"] and told["key"] == signing.key_id(house.keys)
    _flip(package / "LIESMICH.txt")
    bad = run(cli, ["verify", str(package)])
    assert bad.exit_code == 1
    assert "LIESMICH.txt was changed" in bad.output
    assert run(cli, ["release-key", "rotate"]).exit_code == 0
    assert run(cli, ["release-key", "revoke", signing.key_id(house.keys), "--reason", "lost"]).exit_code == 0
    assert [key.state for key in signing.public_keys(house.keys)].count("revoked") == 1


def test_a_text_that_is_no_key_is_refused():
    with pytest.raises(UserError, match="is no public key of minisign"):
        signing.read_public("RWQ")


@pytest.mark.skipif(shutil.which("minisign") is None, reason="needs Debian's minisign: apt-get install minisign")
def test_debians_minisign_verifies_it_and_not_one_changed_byte(house, package):
    def minisign() -> subprocess.CompletedProcess:
        public = signing.public_keys(house.keys)[0].public
        return subprocess.run(
            ["minisign", "-V", "-P", public, "-m", "SHA256SUMS"],
            cwd=package,
            capture_output=True,
            text=True,
            check=False,
        )

    good = minisign()
    assert good.returncode == 0, good.stderr
    assert "Trusted comment: publication 3, ministry, Pruefung des Haushalts" in good.stdout
    _flip(package / "SHA256SUMS")
    assert minisign().returncode != 0


def test_releases_at_once_sign_with_one_key(tmp_path, monkeypatch):
    made = threading.Barrier(4)
    current = signing._current

    def slow(keys):
        found = current(keys)
        if found is None and not (keys / "release_signing").exists():
            made.wait(5)  # all of them see no key
        return found

    monkeypatch.setattr(signing, "_current", slow)
    with ThreadPoolExecutor(4) as pool:
        used = set(pool.map(signing.key_id, [tmp_path / "keys"] * 4))
    assert len(used) == 1 and [key.key_id for key in signing.public_keys(tmp_path / "keys")] == list(used)
