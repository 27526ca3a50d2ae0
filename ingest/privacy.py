"""Pseudonyms at the door: HMAC-SHA256 under a key that never reaches the database.

One key a municipality and purpose, so that joins across municipalities are impossible by
construction. Keys are files below the keys folder, readable by their owner only.
"""

import hmac
import os
import secrets
from pathlib import Path

from lagebild.errors import UserError
from lagebild.settings import Settings

KEY_BYTES = 32


def key_path(settings: Settings, municipality: str, purpose: str) -> Path:
    """Where the key of a municipality (AGS, 8 digits) and purpose lies."""
    return settings.keys / f"{municipality}.{purpose}.key"


def ensure_key(settings: Settings, municipality: str, purpose: str) -> bool:
    """Make the key if it is missing; return whether it was made. An existing key is never replaced."""
    settings.keys.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(key_path(settings, municipality, purpose), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_hex(KEY_BYTES))
    return True


def load_key(settings: Settings, municipality: str, purpose: str) -> bytes:
    """The key; UserError with the command that makes one when it is missing or damaged."""
    path = key_path(settings, municipality, purpose)
    command = f"lagebild keys create --municipality {municipality} --purpose {purpose}"
    if not path.exists():
        raise UserError(
            f"the pseudonym key {path} is missing",
            remedy=f"restore it from your backup, or, if this municipality never had one: {command}",
        )
    try:
        key = bytes.fromhex(path.read_text().strip())
    except ValueError as error:
        raise UserError(f"the pseudonym key {path} is not hexadecimal", remedy="restore it from your backup") from error
    if len(key) != KEY_BYTES:
        raise UserError(f"the pseudonym key {path} has not {KEY_BYTES} bytes", remedy="restore it from your backup")
    return key


def pseudonym(key: bytes, identifier: str) -> str:
    """64 hexadecimal digits: the same person under the same key, and nothing else."""
    return hmac.digest(key, identifier.encode(), "sha256").hex()
