"""Check a package as its recipient holds it: every file, the checksums, and the signature under them."""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from extracts.signing import CHECKSUMS, SIGNATURE, Key
from lagebild.core.errors import UserError

_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")
_BLOCK = 1 << 20


@dataclass
class Verdict:
    """What a check found."""

    folder: Path
    files: int = 0
    """Files whose bytes are as listed."""
    key: Key | None = None
    trusted_comment: str = ""
    """The signed comment: publication, recipient, purpose. Empty unless the signature is right."""
    sums_sha256: str = ""
    """SHA-256 of `SHA256SUMS`: by it the register knows the release."""
    problems: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether every file is as it was signed."""
        return not self.problems

    def __str__(self) -> str:
        if self.problems or self.key is None:
            return "\n".join([f"{self.folder}: NOT as it was released", *(f"  {one}" for one in self.problems)])
        return (
            f"{self.folder}: {self.files} files as they were released;"
            f" signed with key {self.key.key_id}: {self.trusted_comment}"
        )


def package(folder: Path, keys: Iterable[Key]) -> Verdict:
    """Check every file of a package against `SHA256SUMS`, and that against its signature by one of these keys.

    UserError if the folder is none or holds no `SHA256SUMS`: nothing can be said about it. Whatever else is wrong is
    a problem of the verdict.
    """
    if not (folder / CHECKSUMS).is_file():
        raise UserError(
            f"{folder} is no package: it has no {CHECKSUMS}",
            remedy="name the folder that was handed out, which holds LIESMICH.txt (README.txt) and SHA256SUMS",
        )
    sums = (folder / CHECKSUMS).read_bytes()
    verdict = Verdict(folder, sums_sha256=hashlib.sha256(sums).hexdigest())
    verdict.problems += _signature(verdict, sums, {key.key_id: key for key in keys})
    verdict.problems += _files(verdict, sums)
    return verdict


def _signature(verdict: Verdict, sums: bytes, keys: dict[str, Key]) -> Iterator[str]:
    from minisign import Error, PublicKey, Signature, VerifyError  # late: needed only here

    path = verdict.folder / SIGNATURE
    if not path.is_file():
        yield f"{SIGNATURE} is missing: nothing says who made the package"
        return
    try:
        signature = Signature.from_bytes(path.read_bytes())
    except Error as error:
        yield f"{SIGNATURE} is no signature of minisign ({error})"
        return
    for key in keys.values():
        try:
            PublicKey.from_base64(key.public).verify(sums, signature)
        except VerifyError:
            continue
        verdict.key, verdict.trusted_comment = key, signature.trusted_comment
        if key.revoked_on:
            yield (
                f"the key {key.key_id} was revoked on {key.revoked_on:%Y-%m-%d} ({key.revoked_why}): its signature"
                " proves nothing; ask the publisher whether the register has this package"
            )
        return
    known = ", ".join(keys) or "none"
    yield f"{SIGNATURE} is not the signature of {CHECKSUMS} by a key that is known here ({known})"


def _files(verdict: Verdict, sums: bytes) -> Iterator[str]:
    listed: dict[str, str] = {}
    for number, line in enumerate(sums.decode("utf-8", "replace").splitlines(), start=1):
        found = _LINE.fullmatch(line)
        if found is None:
            yield f"{CHECKSUMS}, line {number}: not a checksum and a name"
        elif (name := found[2]) in listed:
            yield f"{CHECKSUMS}, line {number}: {name} is listed twice"
        elif name.startswith("/") or ".." in Path(name).parts:
            yield f"{CHECKSUMS}, line {number}: {name} is outside the package"
        else:
            listed[name] = found[1]
    for name, expected in listed.items():
        path = verdict.folder / name
        if not path.is_file():
            yield f"{name} is missing"
        elif _sha256(path) != expected:
            yield f"{name} was changed"
        else:
            verdict.files += 1
    for name in sorted(_names(verdict.folder) - listed.keys() - {CHECKSUMS, SIGNATURE}):
        yield f"{name} does not belong to the package: no checksum lists it"


def _names(folder: Path) -> set[str]:
    return {(Path(root) / name).relative_to(folder).as_posix() for root, _, names in os.walk(folder) for name in names}


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
