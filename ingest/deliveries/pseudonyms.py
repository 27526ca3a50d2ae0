"""Pseudonyms at the door: HMAC-SHA256 under keys that never reach the database.

One chain of keys a municipality and purpose, so that joins across municipalities are impossible by
construction. A chain begins with one key; each rotation (`ingest/privacy/rotation.py`) adds a link, and a
pseudonym is wrapped once by every link. Keys are files below the keys folder, readable by their
owner only: `<ags>.<purpose>.key`, then `<ags>.<purpose>.1.key`, `.2.key` and so on.

The database knows only how many links are in force (`raw.pseudonym_key`), and it decides: a link
that was written but never committed there counts for nothing.
"""

import contextlib
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from psycopg import Connection

from ingest.contracts.messages import Message
from lagebild.core.errors import UserError

KEY_BYTES = 32


@dataclass(frozen=True)
class KeyChain:
    """The keys of a municipality (AGS, 8 digits) and purpose, oldest first; their bytes are never shown."""

    municipality: str
    purpose: str
    keys: tuple[bytes, ...] = field(repr=False)

    @property
    def version(self) -> int:
        """How often the key was rotated."""
        return len(self.keys) - 1

    def pseudonym(self, identifier: str) -> str:
        """64 hexadecimal digits: the same person under the same chain, and nothing else."""
        for key in self.keys:
            identifier = pseudonym(key, identifier)
        return identifier


def pseudonym(key: bytes, identifier: str) -> str:
    """64 hexadecimal digits under one link of a chain."""
    return hmac.digest(key, identifier.encode(), "sha256").hex()


def digests(key: bytes, texts: Iterable[bytes]) -> bytes:
    """What `pseudonym` is the digits of, for each of many texts: 32 bytes each, one after the other.

    HMAC-SHA256 by its definition (RFC 2104), so that the key is hashed once for all texts: to call `hmac` for each
    takes 2.5 times as long. ValueError for keys of over 64 bytes.
    """
    if len(key) > 64:
        raise ValueError("keys longer than a block are not supported")
    padded = key.ljust(64, b"\0")
    inner, outer = (hashlib.sha256(bytes(byte ^ mask for byte in padded)) for mask in (0x36, 0x5C))
    found = []
    for text in texts:
        of_text, of_both = inner.copy(), outer.copy()
        of_text.update(text)
        of_both.update(of_text.digest())
        found.append(of_both.digest())
    return b"".join(found)


def key_path(keys: Path, municipality: str, purpose: str, version: int = 0) -> Path:
    """Where a link of the chain of a municipality (AGS, 8 digits) and purpose lies."""
    number = f".{version}" if version else ""
    return keys / f"{municipality}.{purpose}{number}.key"


def pending_path(keys: Path, municipality: str, purpose: str, version: int) -> Path:
    """Where a link lies from before the commit of its rotation until it is put in its place."""
    path = key_path(keys, municipality, purpose, version)
    return path.with_name(f"{path.name}.pending")


def ensure_key(keys: Path, municipality: str, purpose: str) -> bool:
    """Make the first key if it is missing; return whether it was made. An existing key is never replaced.

    UserError when later links are there: then the first one was lost, and a new one would break the chain.
    """
    path = key_path(keys, municipality, purpose)
    if not path.exists() and any(keys.glob(f"{municipality}.{purpose}.[0-9]*.key*")):
        raise UserError(
            f"the pseudonym key {path} is missing, and keys that were made by its rotation are there",
            remedy="restore it from your backup; a new one would give every person another pseudonym",
        )
    keys.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        write_key(path)
    except FileExistsError:
        return False
    return True


def write_key(path: Path) -> bytes:
    """Make a key and write it to `path`, on the disk before this returns; FileExistsError if there is one."""
    key = secrets.token_bytes(KEY_BYTES)
    handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(key.hex())
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)
    return key


def load_key(connection: Connection, keys: Path, municipality: str, purpose: str) -> KeyChain:
    """The chain in force; UserError with the command that makes a key when there is none, or one is damaged."""
    if not key_path(keys, municipality, purpose).exists():
        raise UserError(
            Message("key_missing", key=key_path(keys, municipality, purpose)),
            remedy=Message(
                "restore_or_create_key",
                command=f"lagebild privacy keys create --municipality {municipality} --purpose {purpose}",
            ),
        )
    return chain(keys, municipality, purpose, version_in_force(connection, municipality, purpose))


def chain(keys: Path, municipality: str, purpose: str, version: int) -> KeyChain:
    """The chain up to a version, which the database has committed; UserError when a link is missing or damaged.

    A rotation that died between its commit and the last step is finished here. Links above the
    version are left out: the database was restored from before them, or they were never committed.
    """
    if version:
        activate(keys, municipality, purpose, version)
    paths = [key_path(keys, municipality, purpose, number) for number in range(version + 1)]
    return KeyChain(municipality, purpose, tuple(_read(path) for path in paths))


def activate(keys: Path, municipality: str, purpose: str, version: int) -> None:
    """Put a committed link in its place; nothing happens when it is there, or another process did it first."""
    path = key_path(keys, municipality, purpose, version)
    if not path.exists():
        with contextlib.suppress(FileNotFoundError):
            os.replace(pending_path(keys, municipality, purpose, version), path)
        if path.parent.is_dir():
            sync_folder(path.parent)


def version_in_force(connection: Connection, municipality: str, purpose: str) -> int:
    """How often the key was rotated, as the database has it committed."""
    row = connection.execute(
        "select version from raw.pseudonym_key where municipality = %s and purpose = %s", [municipality, purpose]
    ).fetchone()
    return row[0] if row else 0


def hold_key(connection: Connection, key: KeyChain | None) -> None:
    """Keep the key from being rotated until the transaction ends; UserError if it was since `key` was read."""
    if key is None:
        return
    lock_key(connection, key.municipality, key.purpose, shared=True)
    version = version_in_force(connection, key.municipality, key.purpose)
    if version != key.version:
        raise UserError(
            Message("key_rotated", municipality=key.municipality, purpose=key.purpose), remedy=Message("load_again")
        )


def lock_key(connection: Connection, municipality: str, purpose: str, shared: bool = False) -> None:
    """Let rotations and erasures of a key wait for each other and for the loads that use it (`shared`)."""
    function = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
    connection.execute(f"select {function}(hashtextextended(%s, 1))", [f"{municipality} {purpose}"])


def sync_folder(folder: Path) -> None:
    """Bring a folder's entries to the disk: a renamed or deleted file survives a power cut as it is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read(path: Path) -> bytes:
    try:
        key = bytes.fromhex(path.read_text().strip())
    except FileNotFoundError as error:
        raise UserError(Message("key_missing_after_rotation", key=path), remedy=Message("restore_key")) from error
    except ValueError as error:
        raise UserError(Message("key_not_hexadecimal", key=path), remedy=Message("restore_key")) from error
    if len(key) != KEY_BYTES:
        raise UserError(Message("key_length", key=path, bytes=KEY_BYTES), remedy=Message("restore_key"))
    return key
