"""Put a package where its recipient fetches it: a folder, an SFTP server or an object store.

The same stores as those of inboxes, with the same logins (docs/runbooks/receive-files.md). The signature comes last:
where it lies the package is complete. A file that lies there with other bytes is not written over.
"""

import tempfile
from pathlib import Path

from extracts.signing import SIGNATURE
from extracts.store import sha256
from ingest.inbox.stores.base import Store
from lagebild.core.errors import UserError


def deliver(store: Store, folder: Path, name: str) -> None:
    """Copy the package `folder` into the folder `name` of a store.

    What a broken delivery left there is completed. UserError: the place cannot be reached or written, or holds another
    package.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    files.sort(key=lambda path: path.name == SIGNATURE)
    for path in files:
        target = f"{name}/{path.relative_to(folder).as_posix()}"
        if not _is_there(store, target, path):
            store.write(target, path.read_bytes())


def _is_there(store: Store, target: str, path: Path) -> bool:
    """Whether the file lies there already; UserError where another one does."""
    entry = store.entry(target)
    if entry is None:
        return False
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "copy")
        store.fetch(entry, copy)
        if sha256(copy) == sha256(path):
            return True
    raise UserError(
        f"{target} lies at the recipient's with other bytes, and what was delivered is not written over",
        remedy="ask the recipient to move the folder away",
    )
