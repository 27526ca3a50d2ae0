"""Open zipped deliveries and workbooks (which are zips) within size limits, whatever their headers claim.

The limits apply to the decompressed bytes, counted during decompression. Names in the archive are never used as paths.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import IO

from ingest.contracts import Contract
from ingest.scan import Refused

MAX_MEMBERS = 1_000
MAX_DIRECTORY_BYTES = 2**20
"""Limit of the archive's directory."""
MAX_BYTES = 8 * 2**30
"""Limit of a delivery that is read as a stream: twenty times the register of a city of 600,000."""
MAX_BYTES_IN_MEMORY = 2**28
"""Limit of a delivery that is read into memory; delimited text is read in blocks."""
MAX_RATIO = 200
"""Compression ratio. Registers and statistics shrink to a tenth or twentieth, zeros to a thousandth."""
FREE_BYTES = 2**20
"""The ratio is not checked for the first bytes."""
MAX_WORKBOOK_BYTES = 512 * 2**20
"""Limit of all parts of a workbook, unpacked."""
_BLOCK = 2**16
_ZIP = b"PK\x03\x04"
_FLAT_FILE = re.compile(r".*\.csv", re.IGNORECASE)
_ENCRYPTED = 0x2041  # by password, strongly, with a hidden directory
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError)
_AGAIN = "ask the supplier for the file again"
_NO_ARCHIVE = "the file is no zip archive, or a damaged one"


def unpack(contract: Contract, content: bytes) -> bytes:
    """The delivery's bytes: those of the member that the contract names, or `content` if it names none.

    GENESIS sends flat files plain or in an archive, recognised by its first bytes.
    """
    if contract.reader == "genesis" and contract.member is None and content.startswith(_ZIP):
        contract = replace(contract, member=_FLAT_FILE)
    if contract.member is None:
        return content
    archive = _opened(io.BytesIO(content), _NO_ARCHIVE)
    member = _member(contract, archive)
    for _ in _blocks(archive, member, MAX_BYTES_IN_MEMORY):
        pass  # checks all limits before anything is stored
    return b"".join(_blocks(archive, member, MAX_BYTES_IN_MEMORY))


def stream(contract: Contract, packed: IO[bytes]) -> IO[bytes]:
    """The same as a sequential file: nothing is held in memory or written to disk."""
    archive = _opened(packed, _NO_ARCHIVE)
    member = _member(contract, archive)
    for _ in _blocks(archive, member, MAX_BYTES):
        pass
    return archive.open(member)


def largest_member(content: bytes) -> tuple[str, Iterator[bytes]]:
    """Name and bytes of an archive's largest file, within the same limits; for inspection, not for loading."""
    archive = _opened(io.BytesIO(content), _NO_ARCHIVE)
    members = _members(archive)
    if not members:
        raise Refused("the archive holds no file", _AGAIN)
    largest = max(members, key=lambda member: member.compress_size)
    return largest.filename, _blocks(archive, largest, MAX_BYTES_IN_MEMORY)


def files(packed: IO[bytes], most: int) -> list[tuple[str, Iterator[bytes]]]:
    """Name and bytes of each file of an archive, within the same bounds; each unpacks to `most` bytes at most."""
    archive = _opened(packed, _NO_ARCHIVE)
    return [(member.filename, _blocks(archive, member, most)) for member in _members(archive)]


def _opened(packed: IO[bytes], otherwise: str) -> zipfile.ZipFile:
    """The opened archive; `otherwise` is the message for a file that is no archive."""
    try:
        end = zipfile._EndRecData(packed)  # there is no public API for the directory's size before it is read
        if end is not None and end[zipfile._ECD_SIZE] > MAX_DIRECTORY_BYTES:
            raise Refused(f"the archive holds far more than {MAX_MEMBERS} entries", _AGAIN)
        return zipfile.ZipFile(packed)
    except _DAMAGED as error:
        raise Refused(f"{otherwise} ({error})", _AGAIN) from error


def _member(contract: Contract, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = _members(archive)
    found = [member for member in members if contract.member.fullmatch(member.filename)]
    if len(found) != 1:
        names = ", ".join(member.filename[:80] for member in members[:12]) or "nothing"
        raise Refused(
            f"{len(found)} members of the archive match {contract.member.pattern}; it holds {names}",
            "download the table again, as one flat file"
            if contract.member is _FLAT_FILE
            else "ask for one file of the agreed name, or change member at"
            f" {contract.path}:{contract.line_of('member:')}",
        )
    if len(members) != 1:
        extra = next(member.filename for member in members if member is not found[0])
        raise Refused(
            f"the archive holds {len(members)} files instead of one, such as {extra[:80]}",
            "ask for one file a delivery: what is not read would be lost in silence",
        )
    return found[0]


def _members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The files of an archive, after its directory was looked at for what no supplier needs."""
    entries = archive.infolist()
    if len(entries) > MAX_MEMBERS:
        raise Refused(f"the archive holds {len(entries)} entries, more than {MAX_MEMBERS}", _AGAIN)
    for entry in entries:
        name = entry.filename
        if re.match(r"[/\\]|[A-Za-z]:", name) or ".." in re.split(r"[/\\]", name) or "\x00" in entry.orig_filename:
            raise Refused(f"the archive holds the path {name[:80]!r}, which leads out of it", _AGAIN)
        if (entry.external_attr >> 16) & 0o170000 == 0o120000:
            raise Refused(f"the archive's {name[:80]!r} is a symbolic link", _AGAIN)
        if entry.flag_bits & _ENCRYPTED:
            raise Refused(
                f"the archive's {name[:80]!r} is encrypted",
                "ask for the delivery without a password, over a channel that protects it as a whole",
            )
    return [entry for entry in entries if not entry.is_dir()]


def _blocks(archive: zipfile.ZipFile, member: zipfile.ZipInfo, most: int) -> Iterator[bytes]:
    """The bytes of a member, block by block; Refused as soon as more comes out than the bounds allow.

    zipfile stops at the size in the directory and then compares the checksum: a size that is too small gives a
    damaged archive, and one that is too large has no effect.
    """
    written, allowed = 0, FREE_BYTES + MAX_RATIO * member.compress_size
    with _damage(member):
        stream = archive.open(member)
    with stream:
        while block := _block(member, stream):
            written += len(block)
            if written > most:
                raise Refused(f"the archive unpacks to more than {most // 2**20} MB", "ask for smaller deliveries")
            if written > allowed:
                raise Refused(
                    f"the archive unpacks to more than {MAX_RATIO} times its size, as archives made to do harm do",
                    _AGAIN,
                )
            yield block


def _block(member: zipfile.ZipInfo, stream: IO[bytes]) -> bytes:
    with _damage(member):
        return stream.read(_BLOCK)


@contextmanager
def _damage(member: zipfile.ZipInfo) -> Iterator[None]:
    try:
        yield
    except _DAMAGED as error:
        raise Refused(f"the archive's {member.filename[:80]!r} is damaged ({error})", _AGAIN) from error


# --- workbooks --------------------------------------------------------------------------------------


class Parts:
    """The parts of a workbook, which is a zip: each read as it unpacks, all of them within the bounds together."""

    def __init__(self, content: bytes):
        """Refused if it is no zip, or would fill memory or disk when unpacked."""
        self._archive = _opened(io.BytesIO(content), "the file is not an XLSX workbook")
        # Names of parts do not tell small letters from capitals, and some programs write them with backslashes.
        self._members = {_part(member.filename): member for member in _members(self._archive)}
        total = 0
        for name in self._members:
            for block in self.blocks(name):
                total += len(block)
                if total > MAX_WORKBOOK_BYTES:
                    raise Refused(f"the workbook unpacks to more than {MAX_WORKBOOK_BYTES // 2**20} MB", _AS_CSV)

    def __contains__(self, name: str) -> bool:
        return _part(name) in self._members

    def blocks(self, name: str) -> Iterator[bytes]:
        """The bytes of a part, block by block."""
        return _blocks(self._archive, self._members[_part(name)], MAX_WORKBOOK_BYTES)


def _part(name: str) -> str:
    return name.replace("\\", "/").lower()


_AS_CSV = "ask for the table as CSV"
