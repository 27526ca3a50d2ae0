"""Release a publication to a recipient: a folder of files, rebuilt byte for byte, and an entry in the register."""

import hashlib
import re
import shutil
import uuid
from functools import partial
from pathlib import Path

from psycopg import Connection

from extracts import attribution, marts, package
from extracts import contents as contents_of
from extracts.dcat import dcat_bytes
from extracts.descriptor import descriptor_bytes
from extracts.listing import CATALOGUE, CODES, DESCRIPTOR
from extracts.package import DATA
from extracts.readme import readme_bytes
from extracts.signing import CHECKSUMS, SIGNATURE, key_id, sign
from extracts.tables import codes_bytes, csv_bytes
from extracts.workbook import xlsx_bytes
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
        files = package_files(contents)
        number = contents.publication.publication_id
        folder = _folder(settings.extracts, number, recipient)
        files[SIGNATURE] = _signature(
            settings.keys, folder, files[CHECKSUMS], f"publication {number}, {recipient}, {purpose}"
        )
        with builder.transaction():
            # Two releases of the same publication wait for each other; the lock ends with the transaction.
            builder.execute("select pg_advisory_xact_lock(hashtext('lagebild release'), %s)", (number % 2**31,))
            builder.execute(
                "insert into published.release (publication_id, recipient, purpose, sha256)"
                " select %(publication)s, %(recipient)s, %(purpose)s, %(sha256)s where not exists ("
                "  select from published.release where publication_id = %(publication)s and recipient = %(recipient)s"
                "  and purpose = %(purpose)s and sha256 = %(sha256)s)",
                {
                    "publication": number,
                    "recipient": recipient,
                    "purpose": purpose,
                    "sha256": hashlib.sha256(files[CHECKSUMS]).hexdigest(),
                },
            )
            # The folder appears before the commit: were the register written and the folder not, the
            # register would name a release that never was; the other way round, the next run mends it.
            return _put_folder(folder, files)


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


def package_files(contents: contents_of.Contents) -> dict[str, bytes]:
    """The package's files by name; the same contents give the same bytes."""
    files = {f"{DATA}{mart.entry.name}.csv": csv_bytes(mart) for mart in contents.marts}
    files[CODES] = codes_bytes(contents)
    files[contents.texts.say("file.workbook")] = xlsx_bytes(contents)
    files[CATALOGUE] = dcat_bytes(contents, files)
    files[contents.texts.say("file.readme")] = readme_bytes(contents, files)
    files[DESCRIPTOR] = descriptor_bytes(contents, files)
    files[CHECKSUMS] = "".join(
        f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(files.items())
    ).encode()
    return files


def _signature(keys: Path, folder: Path, sums: bytes, comment: str) -> bytes:
    """The signature that was handed out with these checksums, else a new one: a later key signs nothing anew."""
    handed_out = folder / SIGNATURE
    if handed_out.exists() and (folder / CHECKSUMS).read_bytes() == sums:
        return handed_out.read_bytes()
    key_id(keys)  # creates the first key
    return sign(keys, sums, comment)


def _put_folder(target: Path, files: dict[str, bytes]) -> Path:
    if target.exists():
        differing = _differing(target, files)
        if differing:
            raise UserError(
                f"{target} already holds a package, and these files differ from it: {', '.join(differing)}."
                " A package that left the house is not overwritten",
                remedy="move the folder away, or release under another recipient; then compare the two",
            )
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = f".{target.name}.part-"
    for left_over in target.parent.glob(f"{unfinished}*"):  # of a release that was killed
        shutil.rmtree(left_over)
    folder = target.parent / f"{unfinished}{uuid.uuid4().hex}"
    folder.mkdir()
    try:
        for name, data in files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(data)
        folder.rename(target)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return target


def _differing(folder: Path, files: dict[str, bytes]) -> list[str]:
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return sorted(
        name for name in present | files.keys()
        if name not in present or name not in files or (folder / name).read_bytes() != files[name]
    )  # fmt: skip
