"""Release a publication to a recipient: a folder of files, rebuilt byte for byte, and an entry in the register."""

import filecmp
import hashlib
import re
import shutil
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from psycopg import Connection

from extracts import attribution, marts, package
from extracts import contents as contents_of
from extracts.signing import CHECKSUMS, SIGNATURE, key_id, sign
from extracts.writing import write_package
from lagebild.core import database
from lagebild.core.errors import UserError
from lagebild.core.settings import Settings
from lagebild.warehouse import publications, releases

_RECIPIENT = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def release(
    settings: Settings,
    publication_id: int | None = None,
    recipient: str = "reviewer",
    purpose: str = "review of the published figures",
    package_file: Path = package.PACKAGE,
    statement: attribution.Statement = attribution.NOTHING_STATED,
) -> Path:
    """Write the package of a publication (default: the one in force) and return its folder.

    The folder is `<extracts>/publication-<id>/<recipient>/`. It appears complete or not at all. An identical one
    is left alone; one that differs is never overwritten. What was handed to whom, when and for what purpose is
    registered in `published.release`, in the transaction in which the folder appears.

    Of a publication from before figures were protected no package is made; one that was registered then, and still lies
    in its folder as it was handed out, is returned.

    Raises UserError: unknown publication, an unprotected one, a mart that schema `marts` does not show, a cost figure
    without its caption, a delivery whose source nobody states, a recipient that is no folder name, a folder that holds
    something else.
    """
    if not _RECIPIENT.fullmatch(recipient):
        raise UserError(
            f"recipient {recipient!r} cannot name a folder",
            remedy="use lower-case letters, digits, - and _, for example: ministry-nrw",
        )
    if not purpose.strip():
        raise UserError("an extract needs a purpose", remedy="say what the recipient uses the figures for")
    with database.connect(settings, database.BUILDER, autocommit=True) as builder:
        if handed_out := _handed_out_before_protection(builder, settings.extracts, publication_id, recipient):
            return handed_out
        wanted = package.load(package_file)
        with marts.reader(settings) as connection:
            attributed = partial(attribution.of_publication, builder, settings, wanted, statement)
            contents = contents_of.gather(connection, wanted, publication_id, attributed)
            number = contents.publication.publication_id
            folder = _folder(settings.extracts, number, recipient)
            with builder.transaction():
                # Two releases of the same publication wait for each other; the lock ends with the transaction.
                builder.execute("select pg_advisory_xact_lock(hashtext('lagebild release'), %s)", (number % 2**31,))
                with _unfinished(folder) as unfinished:
                    files = write_package(contents, unfinished)
                    sums = (unfinished / CHECKSUMS).read_bytes()
                    signature = _signature(settings.keys, folder, sums, f"publication {number}, {recipient}, {purpose}")
                    (unfinished / SIGNATURE).write_bytes(signature)
                    builder.execute(
                        "insert into published.release (publication_id, recipient, purpose, sha256)"
                        " select %(publication)s, %(recipient)s, %(purpose)s, %(sha256)s where not exists ("
                        "  select from published.release where publication_id = %(publication)s"
                        "  and recipient = %(recipient)s and purpose = %(purpose)s and sha256 = %(sha256)s)",
                        {
                            "publication": number,
                            "recipient": recipient,
                            "purpose": purpose,
                            "sha256": files[CHECKSUMS].sha256,
                        },
                    )
                    # The folder appears before the commit: were the register written and the folder not, the
                    # register would name a release that never was; the other way round, the next run mends it.
                    return _put_folder(folder, unfinished)


def _handed_out_before_protection(
    connection: Connection, extracts: Path, publication_id: int | None, recipient: str
) -> Path | None:
    """The folder of a registered package of an unprotected publication; None if the publication is protected."""
    row = connection.execute(
        "select p.publication_id, p.is_protected from published.current_publication as c"
        " inner join published.publication as p on p.publication_id = coalesce(%s, c.publication_id)",
        [publication_id],
    ).fetchone()
    if row is None or row[1]:
        return None
    folder = _folder(extracts, row[0], recipient)
    sums = folder / CHECKSUMS
    registered = {one.sha256 for one in releases.found(connection, row[0], recipient)}
    if sums.exists() and hashlib.sha256(sums.read_bytes()).hexdigest() in registered:
        return folder
    raise UserError(
        f"publication {row[0]} is {publications.UNPROTECTED}: no package is made of it",
        remedy="lagebild publication build, then lagebild publication extract; earlier packages:"
        " lagebild publication releases --unsafe",
    )


def _folder(extracts: Path, publication_id: int, recipient: str) -> Path:
    return extracts / f"publication-{publication_id}" / recipient


def _signature(keys: Path, folder: Path, sums: bytes, comment: str) -> bytes:
    """The signature that was handed out with these checksums, else a new one: a later key signs nothing anew."""
    handed_out = folder / SIGNATURE
    if handed_out.exists() and (folder / CHECKSUMS).read_bytes() == sums:
        return handed_out.read_bytes()
    key_id(keys)  # creates the first key
    return sign(keys, sums, comment)


@contextmanager
def _unfinished(target: Path) -> Generator[Path]:
    """A folder beside the one of the package, gone at the end unless it was renamed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = f".{target.name}.part-"
    for left_over in target.parent.glob(f"{unfinished}*"):  # of a release that was killed
        shutil.rmtree(left_over)
    folder = target.parent / f"{unfinished}{uuid.uuid4().hex}"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _put_folder(target: Path, unfinished: Path) -> Path:
    if not target.exists():
        return unfinished.rename(target)
    differing = _differing(target, unfinished)
    if differing:
        raise UserError(
            f"{target} already holds a package, and these files differ from it: {', '.join(differing)}."
            " A package that left the house is not overwritten",
            remedy="move the folder away, or release under another recipient; then compare the two",
        )
    return target


def _differing(folder: Path, other: Path) -> list[str]:
    one, two = (
        {path.relative_to(each).as_posix() for path in each.rglob("*") if path.is_file()} for each in (folder, other)
    )
    same = {name for name in one & two if filecmp.cmp(folder / name, other / name, shallow=False)}
    return sorted((one | two) - same)
