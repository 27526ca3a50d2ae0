"""The house's signature under a release: Ed25519 in minisign's form, which Debian's `minisign` verifies.

What is signed is `SHA256SUMS`, once, when the release is made; `--again` returns the stored signature. The trusted
comment holds no time, so that the same release has the same signature. Keys lie in `<keys>/release_signing/`: of the
key in use `<id>.key` and `<id>.pub`, of each former one `<id>.pub` alone, of a revoked one also `<id>.revoked` with day
and reason; `current` names the one in use.
Runbook: docs/runbooks/signing-key.md. Why so: docs/decisions/signed-releases.md.
"""

import fcntl
import os
import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from lagebild.core import atomic_files
from lagebild.core.errors import UserError, did_you_mean

CHECKSUMS, SIGNATURE = "SHA256SUMS", "SHA256SUMS.minisig"
RUNBOOK = "docs/runbooks/signing-key.md"
_FOLDER, _CURRENT = "release_signing", "current"
_KEY_ID = re.compile(r"[0-9A-F]{16}")
_ASCII = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss", "§": "Par."})


@dataclass(frozen=True)
class Key:
    """A public key of the house."""

    key_id: str
    """16 hexadecimal digits, as minisign prints them."""
    public: str
    """Base64, as `minisign -V -P` takes it."""
    is_current: bool
    revoked_on: date | None = None
    revoked_why: str = ""

    @property
    def state(self) -> str:
        """current, retired or revoked."""
        return "revoked" if self.revoked_on else "current" if self.is_current else "retired"

    def __str__(self) -> str:
        why = f" on {self.revoked_on:%Y-%m-%d}: {self.revoked_why}" if self.revoked_on else ""
        return f"{self.key_id}  {self.public}  {self.state}{why}"


def sign(keys: Path, sums: bytes, trusted_comment: str) -> bytes:
    """The content of `SHA256SUMS.minisig` for these bytes; the same bytes and comment give the same signature.

    The comment is signed too. minisign's comments are ASCII: umlauts are written out, other characters become `?`.
    UserError if the key in use is missing or damaged.
    """
    comment = trusted_comment.translate(_ASCII).encode("ascii", "replace").decode()
    with _secret_key(keys) as key:
        signature = key.sign(
            sums, trusted_comment=comment, untrusted_comment=f"signature of Lagebild, key {_id(key.get_public_key())}"
        )
    return bytes(signature) + b"\n"


def key_id(keys: Path) -> str:
    """The key in use; it is created if the house has none yet, by the first of several releases at once."""
    if found := _current(keys):
        return found
    with _locked(keys) as folder:
        return _current(keys) or _create(folder)


def create(keys: Path) -> str:
    """Create the first key; UserError if there is one."""
    with _locked(keys) as folder:
        if found := _current(keys):
            raise UserError(
                f"the house signs with key {found} already", remedy="lagebild release-key rotate makes another"
            )
        return _create(folder)


def rotate(keys: Path) -> tuple[str | None, str]:
    """Retire the key in use and create another; return both ids. What the former signed stays valid."""
    with _locked(keys) as folder:
        former = _current(keys)
        latter = _create(folder)
        if former:
            (folder / f"{former}.key").unlink(missing_ok=True)
        return former, latter


def revoke(keys: Path, revoked: str, why: str, today: date) -> str:
    """Declare that nothing is to be believed because of this key; return the id of the key in use afterwards."""
    if not why.strip():
        raise UserError("a revocation needs a reason", remedy='--reason "the laptop with the key was lost"')
    known = {key.key_id: key for key in public_keys(keys)}
    if revoked not in known:
        raise UserError(
            f"the house has no key {revoked}",
            remedy=f"{did_you_mean(revoked, known)}lagebild release-key list names all",
        )
    if known[revoked].revoked_on:
        raise UserError(f"key {revoked} is revoked already ({known[revoked].revoked_why})")
    with _locked(keys) as folder:
        atomic_files.write(folder / f"{revoked}.revoked", f"{today.isoformat()}\n{' '.join(why.split())}\n")
        current = _current(keys)
        if current is None or current == revoked:
            current = _create(folder)
        (folder / f"{revoked}.key").unlink(missing_ok=True)
        return current


def public_keys(keys: Path) -> list[Key]:
    """Every public key the house has had; the one in use first, then by id."""
    folder, current = keys / _FOLDER, _current(keys)
    found = []
    for path in sorted(folder.glob("*.pub")):
        note = path.with_suffix(".revoked")
        day, why = note.read_text().split("\n", 1) if note.exists() else ("", "")
        found.append(
            Key(
                path.stem,
                path.read_text().splitlines()[-1],
                path.stem == current,
                date.fromisoformat(day) if day else None,
                why.strip(),
            )
        )
    return sorted(found, key=lambda key: not key.is_current)


def read_public(text: str) -> Key:
    """A public key from its base64 text or from minisign's file of it; UserError if it is neither."""
    from minisign import Error, PublicKey  # late: needed only here

    path = Path(text)
    try:
        key = PublicKey.from_file(path) if path.is_file() else PublicKey.from_base64(text)
    except (Error, ValueError) as error:
        raise UserError(
            f"{text} is no public key of minisign ({error})",
            remedy="give its 56 characters, or minisign's file with them",
        ) from error
    return Key(_id(PublicKey.from_base64(key.to_base64())), key.to_base64().decode(), is_current=False)


def _create(folder: Path) -> str:
    from minisign import KeyPair  # late: needed only when a key is made

    pair = KeyPair.generate()
    made = _id(pair.public_key)
    atomic_files.write(folder / f"{made}.key", bytes(pair.secret_key).decode() + "\n")
    atomic_files.write(folder / f"{made}.pub", bytes(pair.public_key).decode() + "\n")
    # Last: a process that is killed before leaves two files that nobody reads, and the former key in use.
    atomic_files.write(folder / _CURRENT, made)
    return made


def _id(public_key) -> str:
    return bytes(public_key).decode().splitlines()[0].rsplit(" ", 1)[1]


def _current(keys: Path) -> str | None:
    path = keys / _FOLDER / _CURRENT
    if not path.exists():
        return None
    text = path.read_text().strip()
    if not _KEY_ID.fullmatch(text):
        raise UserError(f"{path} names no key: {text[:40]!r}", remedy=f"restore the folder from its backup ({RUNBOOK})")
    return text


@contextmanager
def _secret_key(keys: Path) -> Generator:
    from minisign import Error, SecretKey  # late: most commands sign nothing

    current = _current(keys)
    if current is None:
        raise UserError("the house has no signing key", remedy="lagebild release-key create")
    path = keys / _FOLDER / f"{current}.key"
    try:
        key = SecretKey.from_file(path)
    except (OSError, Error) as error:
        raise UserError(
            f"the signing key {path} cannot be read ({error})",
            remedy=f"restore it from its backup, or lagebild release-key rotate ({RUNBOOK})",
        ) from error
    if key.is_encrypted():
        raise UserError(
            f"the signing key {path} has a password",
            remedy="minisign -C -W -s FILE takes it away; who may read the folder may sign",
        )
    with key:
        yield key


@contextmanager
def _locked(keys: Path) -> Generator[Path]:
    folder = keys / _FOLDER
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield folder
    finally:
        os.close(handle)
