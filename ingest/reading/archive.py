"""Open zipped deliveries and workbooks (which are zips) within size limits, whatever their headers claim.

The limits apply to the decompressed bytes, counted during decompression. Names in the archive are never used as paths.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import IO

from ingest.contracts import Contract
from ingest.contracts.messages import Message
from ingest.reading.refused import Refused

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
_AGAIN, _AS_CSV = Message("ask_supplier_again"), Message("ask_csv")


def is_agreed(contract: Contract) -> bool:
    """Whether a delivery is an archive, or may be one."""
    return contract.member is not None or contract.reader == "genesis"


def unpack(contract: Contract, content: bytes) -> bytes:
    """The delivery's bytes: those of the member that the contract names, or `content` if it names none.

    GENESIS sends flat files plain or in an archive, recognised by its first bytes.
    """
    if contract.reader == "genesis" and contract.member is None and content.startswith(_ZIP):
        contract = replace(contract, member=_FLAT_FILE)
    if contract.member is None:
        return content
    archive = _opened(io.BytesIO(content), "no_zip")
    member = _member(contract, archive)
    for _ in _blocks(archive, member, MAX_BYTES_IN_MEMORY):
        pass  # checks all limits before anything is stored
    return b"".join(_blocks(archive, member, MAX_BYTES_IN_MEMORY))


def stream(contract: Contract, packed: IO[bytes]) -> IO[bytes]:
    """The same as a sequential file: nothing is held in memory or written to disk."""
    archive = _opened(packed, "no_zip")
    member = _member(contract, archive)
    for _ in _blocks(archive, member, MAX_BYTES):
        pass
    return archive.open(member)


def largest_member(content: bytes) -> tuple[str, Iterator[bytes]]:
    """Name and bytes of an archive's largest file, within the same limits; for inspection, not for loading."""
    archive = _opened(io.BytesIO(content), "no_zip")
    members = _members(archive)
    if not members:
        raise Refused(Message("archive_empty"), _AGAIN)
    largest = max(members, key=lambda member: member.compress_size)
    return largest.filename, _blocks(archive, largest, MAX_BYTES_IN_MEMORY)


def files(packed: IO[bytes], most: int) -> list[tuple[str, Iterator[bytes]]]:
    """Name and bytes of each file of an archive, within the same bounds; each unpacks to `most` bytes at most."""
    archive = _opened(packed, "no_zip")
    return [(member.filename, _blocks(archive, member, most)) for member in _members(archive)]


def _opened(packed: IO[bytes], otherwise: str) -> zipfile.ZipFile:
    """The opened archive; `otherwise` is the code of the message for a file that is no archive."""
    try:
        end = zipfile._EndRecData(packed)  # there is no public API for the directory's size before it is read
        if end is not None and end[zipfile._ECD_SIZE] > MAX_DIRECTORY_BYTES:
            raise Refused(Message("archive_entries_far_more", most=MAX_MEMBERS), _AGAIN)
        return zipfile.ZipFile(packed)
    except _DAMAGED as error:
        raise Refused(Message(otherwise, error=str(error)), _AGAIN) from error


def _member(contract: Contract, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = _members(archive)
    found = [member for member in members if contract.member.fullmatch(member.filename)]
    if len(found) != 1:
        names = ", ".join(member.filename[:80] for member in members[:12]) or Message("nothing")
        raise Refused(
            Message("archive_members", found=len(found), pattern=contract.member.pattern, names=names),
            Message("download_flat")
            if contract.member is _FLAT_FILE
            else Message("ask_one_member", place=f"{contract.path}:{contract.line_of('member:')}"),
        )
    if len(members) != 1:
        extra = next(member.filename for member in members if member is not found[0])
        raise Refused(Message("archive_files", files=len(members), name=extra[:80]), Message("ask_one_file"))
    return found[0]


def _members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The files of an archive, after its directory was looked at for what no supplier needs."""
    entries = archive.infolist()
    if len(entries) > MAX_MEMBERS:
        raise Refused(Message("archive_entries", entries=len(entries), most=MAX_MEMBERS), _AGAIN)
    for entry in entries:
        name = entry.filename
        if re.match(r"[/\\]|[A-Za-z]:", name) or ".." in re.split(r"[/\\]", name) or "\x00" in entry.orig_filename:
            raise Refused(Message("archive_path_leads_out", name=repr(name[:80])), _AGAIN)
        if (entry.external_attr >> 16) & 0o170000 == 0o120000:
            raise Refused(Message("archive_link", name=repr(name[:80])), _AGAIN)
        if entry.flag_bits & _ENCRYPTED:
            raise Refused(Message("archive_encrypted", name=repr(name[:80])), Message("ask_without_password"))
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
                raise Refused(Message("archive_unpacks_too_large", megabytes=most // 2**20), Message("ask_smaller"))
            if written > allowed:
                raise Refused(Message("archive_ratio", ratio=MAX_RATIO), _AGAIN)
            yield block


def _block(member: zipfile.ZipInfo, stream: IO[bytes]) -> bytes:
    with _damage(member):
        return stream.read(_BLOCK)


@contextmanager
def _damage(member: zipfile.ZipInfo) -> Generator[None]:
    try:
        yield
    except _DAMAGED as error:
        what = Message("archive_damaged", name=repr(member.filename[:80]), error=str(error))
        raise Refused(what, _AGAIN) from error


# --- workbooks --------------------------------------------------------------------------------------


class Parts:
    """The parts of a workbook, which is a zip: each read as it unpacks, all of them within the bounds together."""

    def __init__(self, content: bytes):
        """Refused if it is no zip, or would fill memory or disk when unpacked."""
        self._archive = _opened(io.BytesIO(content), "no_workbook")
        # Names of parts do not tell small letters from capitals, and some programs write them with backslashes.
        self._members = {_part(member.filename): member for member in _members(self._archive)}
        total = 0
        for name in self._members:
            for block in self.blocks(name):
                total += len(block)
                if total > MAX_WORKBOOK_BYTES:
                    megabytes = MAX_WORKBOOK_BYTES // 2**20
                    raise Refused(Message("workbook_unpacks_too_large", megabytes=megabytes), _AS_CSV)

    def __contains__(self, name: str) -> bool:
        return _part(name) in self._members

    def blocks(self, name: str) -> Iterator[bytes]:
        """The bytes of a part, block by block."""
        return _blocks(self._archive, self._members[_part(name)], MAX_WORKBOOK_BYTES)


def _part(name: str) -> str:
    return name.replace("\\", "/").lower()
