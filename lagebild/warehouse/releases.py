"""The register of released packages (`published.release`): recipient, date, purpose, publication."""

from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection
from psycopg.rows import class_row

from lagebild.core import database
from lagebild.core.settings import Settings


@dataclass(frozen=True)
class Release:
    """A released package."""

    release_id: int
    publication_id: int
    recipient: str
    purpose: str
    sha256: str
    """SHA-256 of the package's SHA256SUMS, which lists all its files."""
    released_at: datetime
    is_unsafe: bool
    """Whether its publication is from before figures were protected: its recipient may know hidden figures."""

    def __str__(self) -> str:
        return (
            f"{self.released_at:%Y-%m-%d %H:%M}  publication {self.publication_id}  {self.recipient}: {self.purpose}"
            f"  {self.sha256[:12]}" + ("  unsafe: made before figures were protected" if self.is_unsafe else "")
        )


def listing(settings: Settings, publication_id: int | None = None, recipient: str | None = None) -> list[Release]:
    """Every registered package, oldest first, or those of one publication or recipient."""
    with database.connect(settings, database.BUILDER) as connection:
        return found(connection, publication_id, recipient)


def found(connection: Connection, publication_id: int | None = None, recipient: str | None = None) -> list[Release]:
    """The same by a connection that there is."""
    with connection.cursor(row_factory=class_row(Release)) as cursor:
        return cursor.execute(
            "select r.release_id, r.publication_id, r.recipient, r.purpose, r.sha256, r.released_at,"
            " not p.is_protected as is_unsafe"
            " from published.release as r inner join published.publication as p on r.publication_id = p.publication_id"
            " where r.publication_id = coalesce(%s, r.publication_id) and r.recipient = coalesce(%s, r.recipient)"
            " order by r.release_id",
            [publication_id, recipient],
        ).fetchall()
