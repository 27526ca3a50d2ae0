"""Release a publication to a recipient: a folder of files, stored by their hashes, signed once, and registered.

A release is made once. Asked for again it comes from the store, byte for byte, under any later version of this code;
`rebuild` makes it anew from the database and compares. Why so: docs/decisions/releases.md.
"""

import hashlib
import shutil
import uuid
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

from psycopg import Connection

from extracts import about, attribution, marts, package, recipient, store
from extracts import contents as contents_of
from extracts.about import Sender
from extracts.delivery import deliver
from extracts.due import published_at, why_refused
from extracts.model import Earlier, Publisher, Recipient
from extracts.signing import CHECKSUMS, SIGNATURE, key_id, sign
from extracts.texts import Texts
from extracts.writing import write_package
from ingest.inbox.stores import named
from lagebild.core import database
from lagebild.core.errors import UserError
from lagebild.core.settings import ROOT, Settings
from lagebild.core.version import code_version
from lagebild.warehouse import descriptions, publications, releases
from lagebild.warehouse.releases import Release

_WRITERS = (".py", ".yml", ".typ")
DEMO_CONTACT = "lagebild@example.org"
"""Of packages of the bundled data, in a domain that is nobody's (RFC 2606)."""


@dataclass(frozen=True)
class Released:
    """A release and the folder in which its package lies."""

    release: Release
    folder: Path
    is_new: bool


@dataclass(frozen=True)
class Rebuilt:
    """A release made again from the database, beside what was released."""

    folder: Path
    differing: tuple[str, ...]
    """Files whose bytes are others, that lack or that are too many."""
    other_code: tuple[str, ...]
    """Which versions are not those that the register recorded: code, writers, lock."""


def release(
    settings: Settings,
    publication_id: int | None = None,
    to: Recipient | str = "reviewer",
    purpose: str = "review of the published figures",
    package_file: Path = package.PACKAGE,
    statement: attribution.Statement = attribution.NOTHING_STATED,
) -> Released:
    """Write the package of a publication (default: the one in force) for a recipient.

    `to` is a recipient's file, read, or a name for whom a German package of the public figures is made. The folder is
    `<extracts>/publication-<id>/<recipient>/`, with the number of the release behind it where a former release has that
    name. It appears complete or not at all. The same publication to the same recipient with the same words is released
    once: it is returned as it was, whatever key or version of the code is in use.

    Of a publication from before figures were protected no package is made; one that was registered then, and still lies
    in its folder as it was handed out, is returned.

    Raises UserError: unknown publication, an unprotected one, a mart that its schema does not show, a cost figure
    without its caption, a delivery whose source nobody states, a delivery that is held or missing where the recipient
    wants none then, a recipient that is no folder name, a folder that holds something else, a package that could not be
    put where the recipient fetches it (it is registered then, and put there the next time).
    """
    receiver = to if isinstance(to, Recipient) else Recipient(to, "", "", purpose, "de", "public")
    if not recipient.NAME.fullmatch(receiver.name):
        raise UserError(
            f"recipient {receiver.name!r} cannot name a folder",
            remedy="use lower-case letters, digits, - and _, for example: ministry-nrw",
        )
    if not receiver.purpose.strip():
        raise UserError("an extract needs a purpose", remedy="say what the recipient uses the figures for")
    with desk(settings, receiver.name) as opened:
        return opened.release(publication_id, receiver, package_file, statement)


@dataclass(frozen=True)
class Desk:
    """Where releases are made, found and made again, by the builder's connection."""

    settings: Settings
    register: Connection

    def release(
        self,
        publication_id: int | None,
        receiver: Recipient,
        package_file: Path = package.PACKAGE,
        statement: attribution.Statement = attribution.NOTHING_STATED,
    ) -> Released:
        """See `release`."""
        handed_out = _handed_out_before_protection(self.register, self.settings.extracts, publication_id, receiver.name)
        if handed_out:
            return handed_out
        number = _number(self.register, publication_id)
        inputs = self._inputs(number, receiver, package_file, statement)
        had = _same(self.register, number, inputs)
        made = had.release_id if had else self._make(number, inputs)
        released = Released(releases.one(self.register, made), self.again(made), had is None)
        self._deliver(receiver, released)
        return replace(released, release=releases.one(self.register, made))

    def again(self, release_id: int, to: Path | None = None) -> Path:
        """The folder of a release, or a new folder `to` with its files, byte for byte as released.

        UserError: no such release, a folder that holds something else, a stored file that is missing or damaged.
        """
        released = releases.one(self.register, release_id)
        files = releases.files(self.register, release_id)
        folder = to or self._folder(release_id)
        if not files:  # from before files were stored
            if to is None and _is_as_registered(folder, released):
                return folder
            raise UserError(
                f"release {release_id} is from before files were stored, and {folder} does not hold it",
                remedy="restore that folder from a backup",
            )
        wanted = {file.name: file.sha256 for file in files}
        if folder.exists():
            _require_same(folder, wanted)
            return folder
        with _unfinished(folder) as draft:
            store.bring(self.settings.extracts, files, draft)
        return folder

    def rebuild(self, release_id: int, to: Path) -> Rebuilt:
        """Make a release again from the database into the new folder `to`, and compare it with what was released.

        The signature is not made anew: it covers the checksums, which are compared. UserError: no such release, one
        from before its inputs were recorded, a folder that exists.
        """
        released, inputs = releases.one(self.register, release_id), releases.inputs(self.register, release_id)
        if inputs is None:
            raise UserError(
                f"release {release_id} is from before it was recorded what packages are made from",
                remedy=f"lagebild release --again {release_id} returns its folder",
            )
        if to.exists():
            raise UserError(f"{to} exists", remedy="name a new folder")
        files = {file.name: file.sha256 for file in releases.files(self.register, release_id)}
        with _unfinished(to) as draft:
            self._write(released.publication_id, inputs, draft)
        names = {path.relative_to(to).as_posix(): store.sha256(path) for path in to.rglob("*") if path.is_file()}
        signature = {SIGNATURE: files[SIGNATURE]} if SIGNATURE in files else {}
        now = _versions(Path(inputs["package_file"] or package.PACKAGE))
        return Rebuilt(
            to,
            tuple(sorted(dict(names.items() ^ (files.items() - signature.items())))),
            tuple(name for name in now if now[name] != inputs.get(name)),
        )

    def _inputs(
        self,
        number: int,
        receiver: Recipient,
        package_file: Path,
        statement: attribution.Statement,
    ) -> dict[str, Any]:
        """Everything that decides on the bytes of a package beside the publication, as the register records it."""
        standing = [one for one in releases.found(self.register, recipient=receiver.name) if not one.recalled_at]
        earlier = [one for one in standing if one.publication_id < number and not one.is_unsafe]
        previous = None
        if earlier:
            moment = published_at(self.register, earlier[-1].publication_id)
            previous = [earlier[-1].release_id, earlier[-1].publication_id, moment.isoformat()]
        publisher, contact = self.settings.publishers.get("", "") or statement.publisher, self.settings.contact
        if self.settings.demo:
            publisher = publisher or Texts(receiver.language).say("about.demo_publisher")
            contact = contact or DEMO_CONTACT
        return {
            "recipient": recipient.written(receiver),
            "publisher": asdict(Publisher(publisher, contact)),
            "statement": asdict(statement),
            "publishers": self.settings.publishers,
            "licences": self.settings.licences,
            "previous": previous,
            "package_file": None if package_file == package.PACKAGE else str(package_file),
            **_versions(package_file),
        }

    def _make(self, number: int, inputs: dict[str, Any]) -> int:
        """Write, sign, store and register a release; its number. Its folder appears with its row."""
        receiver = recipient.recorded(inputs["recipient"])
        parent = self.settings.extracts / f"publication-{number}"
        if number and (why := why_refused(self.register, receiver, number)):
            raise UserError(f"{receiver.name} receives nothing: {why}")
        with _unfinished(parent / receiver.name, is_kept=False) as draft:
            self._write(number or None, inputs, draft)
            key = key_id(self.settings.keys)  # creates the first key
            sums = (draft / CHECKSUMS).read_bytes()
            comment = f"publication {number}, {receiver.name}, {receiver.purpose}"
            (draft / SIGNATURE).write_bytes(sign(self.settings.keys, sums, comment))
            kept = store.keep(self.settings.extracts, draft)
            with self.register.transaction():
                released = releases.add(
                    self.register,
                    number,
                    {key: getattr(receiver, key) for key in ("name", "office", "legal_basis", "purpose", "profile")},
                    hashlib.sha256(sums).hexdigest(),
                    key,
                    inputs["previous"] and inputs["previous"][0],
                    inputs,
                    kept,
                )
                # The folder appears before the commit: were the register written and the folder not, the register
                # would name a release that never was; the other way round, the next run mends it.
                _place(draft, self._folder(released), {file.name: file.sha256 for file in kept})
        return released

    def _write(self, number: int | None, inputs: dict[str, Any], folder: Path) -> contents_of.Contents:
        """Write the files of a package with their checksums, without the signature, into an empty folder."""
        receiver = recipient.recorded(inputs["recipient"])
        previous = inputs["previous"]
        sender = Sender(
            receiver,
            Publisher(**inputs["publisher"]),
            previous and Earlier(previous[0], previous[1], datetime.fromisoformat(previous[2])),
        )
        wanted = package.load(Path(inputs["package_file"] or package.PACKAGE)).of(receiver)
        statement = attribution.Statement(**inputs["statement"])
        stated = replace(self.settings, publishers=inputs["publishers"], licences=inputs["licences"])
        attributed = partial(attribution.of_publication, self.register, stated, wanted, statement)
        with marts.reader(self.settings, receiver.profile) as connection:
            contents = contents_of.gather(connection, wanted, number, attributed, Texts(receiver.language), receiver)
            contents = about.of(connection, contents, sender)
            write_package(contents, folder)
        return contents

    def _deliver(self, receiver: Recipient, released: Released) -> None:
        """Put a package where its recipient fetches it, unless it is there; a failure is registered and raised."""
        number = released.release.release_id
        if not receiver.delivery or released.release.delivered_at or released.release.recalled_at:
            return
        try:
            with named.opened(self.settings, receiver.delivery) as place:
                deliver(place, released.folder, f"publication-{released.release.publication_id}")
        except UserError as error:
            releases.tell(self.register, number, "delivery_failed", str(error)[:500])
            raise UserError(
                f"release {number} lies in {released.folder} and could not be delivered: {error}",
                remedy=f"then: lagebild release {receiver.name}",
            ) from error
        releases.tell(self.register, number, "delivered", receiver.delivery)

    def _folder(self, release_id: int) -> Path:
        """The folder of a release: the recipient's name, for a later one of the same publication with its number."""
        one = releases.one(self.register, release_id)
        former = [
            each
            for each in releases.found(self.register, one.publication_id, one.recipient)
            if each.release_id < release_id
        ]
        name = f"{one.recipient}-{release_id}" if any(each.sha256 != one.sha256 for each in former) else one.recipient
        return self.settings.extracts / f"publication-{one.publication_id}" / name


@contextmanager
def desk(settings: Settings, recipient_name: str = "") -> Generator[Desk]:
    """The desk, alone on a recipient until it ends if one is named: two releases to them wait for each other."""
    with database.connect(settings, database.BUILDER, autocommit=True) as connection:
        if recipient_name:
            connection.execute("select pg_advisory_lock(hashtext('lagebild release'), hashtext(%s))", [recipient_name])
        yield Desk(settings, connection)


# --- what a release is made from --------------------------------------------------------------------------------------


_DECIDING = ("recipient", "publisher", "statement", "publishers", "licences", "package_file")
"""What makes another release of the same publication; a later version of the code does not."""


def _versions(package_file: Path) -> dict[str, str | None]:
    lock = ROOT / "uv.lock"
    return {
        "code_version": code_version(),
        "writers_sha256": _writers_sha256(),
        "package_sha256": store.sha256(package_file),
        "lock_sha256": store.sha256(lock) if lock.exists() else None,
    }


@cache
def _writers_sha256() -> str:
    """SHA-256 of the code and the words that write packages."""
    digest = hashlib.sha256()
    for room in (package.ROOM, descriptions.TEXTS):
        for path in sorted(room.rglob("*")):
            if path.suffix in _WRITERS:
                digest.update(f"{path.relative_to(room)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _same(register: Connection, number: int, inputs: dict[str, Any]) -> Release | None:
    """The standing release of a publication that was made from the same; None if there is none."""
    for one in reversed(releases.found(register, number, inputs["recipient"]["name"])):
        had = releases.inputs(register, one.release_id)
        if had and not one.recalled_at and all(had.get(key) == inputs[key] for key in _DECIDING):
            return one
    return None


def _number(register: Connection, publication_id: int | None) -> int:
    """The publication meant; one that does not exist is refused where it is read."""
    if publication_id is not None:
        return publication_id
    row = register.execute("select publication_id from published.current_publication").fetchone()
    return row[0] or 0 if row else 0


# --- making it --------------------------------------------------------------------------------------------------------


def _place(draft: Path, folder: Path, wanted: dict[str, str]) -> None:
    """Give a package its folder; the same one may be there from a release that was killed before it was registered."""
    if folder.exists():
        _require_same(folder, wanted)
        return
    draft.rename(folder)


# --- folders ----------------------------------------------------------------------------------------------------------


def _handed_out_before_protection(
    connection: Connection, extracts: Path, publication_id: int | None, name: str
) -> Released | None:
    """The registered package of an unprotected publication; None if the publication is protected."""
    row = connection.execute(
        "select p.publication_id, p.is_protected from published.current_publication as c"
        " inner join published.publication as p on p.publication_id = coalesce(%s, c.publication_id)",
        [publication_id],
    ).fetchone()
    if row is None or row[1]:
        return None
    folder = extracts / f"publication-{row[0]}" / name
    for one in releases.found(connection, row[0], name):
        if _is_as_registered(folder, one):
            return Released(one, folder, False)
    raise UserError(
        f"publication {row[0]} is {publications.UNPROTECTED}: no package is made of it",
        remedy="lagebild publication build, then lagebild publication extract; earlier packages:"
        " lagebild releases --unsafe",
    )


def _is_as_registered(folder: Path, released: Release) -> bool:
    sums = folder / CHECKSUMS
    return sums.exists() and hashlib.sha256(sums.read_bytes()).hexdigest() == released.sha256


def _require_same(folder: Path, wanted: dict[str, str]) -> None:
    present = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    differing = sorted(
        name
        for name in present.keys() | wanted.keys()
        if name not in present or name not in wanted or store.sha256(present[name]) != wanted[name]
    )
    if differing:
        raise UserError(
            f"{folder} already holds a package, and these files differ from it: {', '.join(differing)}."
            " A package that left the house is not overwritten",
            remedy="move the folder away and ask again; then compare the two",
        )


@contextmanager
def _unfinished(target: Path, is_kept: bool = True) -> Generator[Path]:
    """A new folder beside `target`, which gets its name at the end; nothing is left of one that failed."""
    made = [folder for folder in (target.parent, target.parent.parent) if not folder.exists()]
    target.parent.mkdir(parents=True, exist_ok=True)
    for left_over in _left_over(target):  # of a release that was killed
        shutil.rmtree(left_over)
    folder = target.parent / f".{target.name}.part-{uuid.uuid4().hex}"
    folder.mkdir()
    try:
        yield folder
        if is_kept:
            folder.rename(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):  # what holds a package stays
            for parent in made:
                parent.rmdir()


def _left_over(target: Path) -> Iterator[Path]:
    return target.parent.glob(f".{target.name}.part-*")
