"""The register of released packages (schema `release`): what went to whom, which files, and what became of it.

Rows are added and never changed; PostgreSQL refuses anything else.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from lagebild.core.errors import UserError

EventKind = Literal["delivered", "delivery_failed", "recalled"]


@dataclass(frozen=True)
class File:
    """A file of a release: name with its folder, SHA-256, size in bytes."""

    name: str
    sha256: str
    byte_size: int


@dataclass(frozen=True)
class Release:
    """A released package."""

    release_id: int
    publication_id: int
    recipient: str
    office: str
    purpose: str
    legal_basis: str
    profile: str
    sha256: str
    """SHA-256 of the package's SHA256SUMS, which lists all its files."""
    key_id: str | None
    previous_release_id: int | None
    released_at: datetime
    delivered_at: datetime | None
    """When it was last put where the recipient fetches it."""
    delivery_failed_why: str | None
    """Why the last attempt to put it there failed; None where none did, or a later one did not."""
    recalled_at: datetime | None
    recalled_why: str | None
    is_unsafe: bool
    """Whether its publication is from before figures were protected: its recipient may know hidden figures."""

    def __str__(self) -> str:
        notes = [
            f"recalled on {self.recalled_at:%Y-%m-%d}: {self.recalled_why}" if self.recalled_at else "",
            f"not delivered: {self.delivery_failed_why}" if self.delivery_failed_why else "",
            "unsafe: made before figures were protected" if self.is_unsafe else "",
        ]
        return "  ".join(
            [
                f"{self.release_id:>4}  {self.released_at:%Y-%m-%d %H:%M}  publication {self.publication_id}",
                f"{self.recipient}: {self.purpose}",
                self.sha256[:12],
                *filter(None, notes),
            ]
        )


@dataclass(frozen=True)
class Standing:
    """What the register says of a package by the SHA-256 of its SHA256SUMS."""

    release_id: int | None
    """None: no release has these bytes."""
    publication_id: int | None = None
    superseded_by: int | None = None
    recalled_at: datetime | None = None
    recalled_why: str | None = None

    def __str__(self) -> str:
        if self.release_id is None:
            return "no release of this house has these files"
        told = f"release {self.release_id} of publication {self.publication_id}"
        if self.recalled_at:
            return f"{told}, RECALLED on {self.recalled_at:%Y-%m-%d}: {self.recalled_why}"
        return told + (f"; release {self.superseded_by} is later" if self.superseded_by else ", the latest")


_SELECT = """
    select
        r.release_id, r.publication_id, r.recipient, r.office, r.purpose, r.legal_basis, r.profile, r.sha256, r.key_id,
        r.previous_release_id, r.released_at,
        (select max(e.happened_at) from release.event as e where e.release_id = r.release_id and e.kind = 'delivered')
            as delivered_at,
        (
            select case when e.kind = 'delivery_failed' then e.detail end
            from release.event as e
            where e.release_id = r.release_id and e.kind in ('delivered', 'delivery_failed')
            order by e.event_id desc limit 1
        ) as delivery_failed_why,
        w.happened_at as recalled_at, w.detail as recalled_why, not p.is_protected as is_unsafe
    from release.register as r
    inner join published.publication as p on r.publication_id = p.publication_id
    left join lateral (
        select e.happened_at, e.detail
        from release.event as e
        where e.release_id = r.release_id and e.kind = 'recalled'
        order by e.event_id limit 1
    ) as w on true
"""


def found(connection: Connection, publication_id: int | None = None, recipient: str | None = None) -> list[Release]:
    """Every registered package, oldest first, or those of one publication or recipient."""
    with connection.cursor(row_factory=class_row(Release)) as cursor:
        return cursor.execute(
            _SELECT + " where r.publication_id = coalesce(%s, r.publication_id)"
            " and r.recipient = coalesce(%s, r.recipient) order by r.release_id",
            [publication_id, recipient],
        ).fetchall()


def one(connection: Connection, release_id: int) -> Release:
    """A release by its number; UserError when there is none."""
    with connection.cursor(row_factory=class_row(Release)) as cursor:
        row = cursor.execute(_SELECT + " where r.release_id = %s", [release_id]).fetchone()
    if row is None:
        raise UserError(f"there is no release {release_id}", remedy="lagebild releases lists all")
    return row


def standing(connection: Connection, sums_sha256: str) -> Standing:
    """The last release of a package, and whether it counts: by the builder's connection."""
    with connection.cursor(row_factory=class_row(Release)) as cursor:
        query = _SELECT + " where r.sha256 = %s order by r.release_id desc limit 1"
        released = cursor.execute(query, [sums_sha256]).fetchone()
    if released is None:
        return Standing(None)
    later = [one.release_id for one in found(connection, recipient=released.recipient)]
    following = min((number for number in later if number > released.release_id), default=None)
    return Standing(
        released.release_id, released.publication_id, following, released.recalled_at, released.recalled_why
    )


def inputs(connection: Connection, release_id: int) -> dict[str, Any] | None:
    """What a release was made from beside its publication; None of one from before this was kept."""
    row = connection.execute("select inputs from release.register where release_id = %s", [release_id]).fetchone()
    return row[0] if row else None


def files(connection: Connection, release_id: int) -> list[File]:
    """The files of a release, by name; empty of one from before they were kept."""
    with connection.cursor(row_factory=class_row(File)) as cursor:
        return cursor.execute(
            'select name, sha256, byte_size from release.file where release_id = %s order by name collate "C"',
            [release_id],
        ).fetchall()


def add(
    connection: Connection,
    publication_id: int,
    recipient: dict[str, str],
    sha256: str,
    key_id: str,
    previous_release_id: int | None,
    made_from: dict[str, Any],
    package: Iterable[File],
) -> int:
    """Enter a release with its files; its number. `recipient`: name, office, legal_basis, purpose, profile."""
    ((number,),) = connection.execute(
        "insert into release.register (publication_id, recipient, office, legal_basis, purpose, profile, sha256,"
        " key_id, previous_release_id, inputs) values (%(publication)s, %(name)s, %(office)s, %(legal_basis)s,"
        " %(purpose)s, %(profile)s, %(sha256)s, %(key)s, %(previous)s, %(inputs)s) returning release_id",
        {
            **recipient,
            "publication": publication_id,
            "sha256": sha256,
            "key": key_id,
            "previous": previous_release_id,
            "inputs": Jsonb(made_from),
        },
    ).fetchall()
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into release.file (release_id, name, sha256, byte_size) values (%s, %s, %s, %s)",
            [(number, file.name, file.sha256, file.byte_size) for file in package],
        )
    return number


def tell(connection: Connection, release_id: int, kind: EventKind, detail: str) -> None:
    """Add what became of a release."""
    connection.execute(
        "insert into release.event (release_id, kind, detail) values (%s, %s, %s)", [release_id, kind, detail]
    )


def recall(connection: Connection, release_id: int, why: str) -> Release:
    """Declare that a release no longer counts; UserError if it was recalled already, or without a reason."""
    if not why.strip():
        raise UserError("a recall needs a reason", remedy='--reason "the employees of 2019 were of another district"')
    release = one(connection, release_id)
    if release.recalled_at:
        raise UserError(
            f"release {release_id} was recalled on {release.recalled_at:%Y-%m-%d} already: {release.recalled_why}"
        )
    tell(connection, release_id, "recalled", " ".join(why.split()))
    return one(connection, release_id)
