"""A prefix in object storage (S3) as a store."""

import shutil
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ingest.deliveries.landing import ChangedWhileRead
from ingest.inbox.stores.base import TIMEOUT_SECONDS, Entry, Store, StoreError, access_name, changed_if_gone
from lagebild.core.credentials import access_of
from lagebild.core.settings import Settings


class S3(Store):
    """A prefix of a bucket. An object appears whole and cannot be renamed: it is read by its ETag, then removed."""

    renames = False

    def __init__(self, label: str, settings: Settings):
        import s3fs

        parts = urlsplit(label)
        endpoint = parse_qs(parts.query).get("endpoint", [None])[0]
        access = access_of(access_name(label), settings)
        filesystem = s3fs.S3FileSystem(
            key=access.user if access else None,  # without: what the machine's role or AWS_* variables allow
            secret=access.password if access else None,
            endpoint_url=endpoint,
            use_listings_cache=False,
            skip_instance_cache=True,
            config_kwargs={"connect_timeout": TIMEOUT_SECONDS, "read_timeout": TIMEOUT_SECONDS},
        )
        super().__init__(label, filesystem, f"{parts.netloc}{parts.path}")

    def entry(self, path: str) -> Entry | None:
        with self._told():
            try:
                info = self._described(path)
            except FileNotFoundError:
                return None
            return self._entry(path, info) if info["type"] == "file" else None

    def _described(self, path: str) -> dict[str, Any]:
        return self._fs.info(self._full(path), refresh=True)

    def fetch(self, entry: Entry, target: Path) -> None:
        with self._told(), changed_if_gone(entry.path), self._fs.open(self._full(entry.path), "rb") as file:
            # Each part is asked for by the ETag of the moment of opening: parts of two objects cannot mix.
            if self._entry(entry.path, file.details).version != entry.version:
                raise ChangedWhileRead(f"{entry.path} changed while it was read")
            with target.open("wb") as copy:
                shutil.copyfileobj(file, copy, 1 << 20)
        if target.stat().st_size != entry.size:
            raise ChangedWhileRead(f"{entry.path} changed while it was read")

    def write(self, path: str, content: bytes) -> None:
        with self._told():
            self._fs.pipe_file(self._full(path), content)  # an object appears whole

    def put(self, file: Path, path: str) -> None:
        with self._told():
            self._fs.put_file(str(file), self._full(path))

    def remove(self, entry: Entry) -> bool:
        now = self.entry(entry.path)
        if now is None or now.version != entry.version:
            return now is None
        bucket, key, _ = self._fs.split_path(self._full(entry.path))
        etag = entry.version.partition(" ")[2]
        # The condition closes the moment between look and removal, where a store knows it.
        for condition in ({"IfMatch": etag}, {}):
            try:
                with self._told():
                    self._fs.call_s3("delete_object", Bucket=bucket, Key=key, **condition)
                return True
            except StoreError as error:
                now = self.entry(entry.path)
                if now is None or now.version != entry.version:
                    return now is None
                if not condition or "NotImplemented" not in str(error):
                    raise
        return True

    def remove_folder(self, path: str) -> None:
        """A prefix without objects is gone."""

    def _require_root(self) -> None:
        bucket = self._root.partition("/")[0]
        self._fs.call_s3("head_bucket", Bucket=bucket)

    def _entry(self, path: str, info: dict[str, Any]) -> Entry:
        changed = info.get("LastModified")
        return Entry(path, info["size"], f"{info['size']} {info['ETag']}", changed.timestamp() if changed else None)
