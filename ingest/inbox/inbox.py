"""Files that people send: a complete one is claimed, loaded, put into `taken/`, and answered with a receipt.

An inbox has a root and a folder for each source. What is taken lies in `taken/<number>/`, receipts in `receipts/`. Each
step is recorded in `raw.inbox_file` before or after it, so that the next poll continues after a kill:

    seen -> claimed (row) -> renamed into taken/ -> loaded (the ledger's transaction) -> done (row) -> receipt

Bytes are read only after the rename, when the name is free again. A store without renames (S3) is read by ETag
instead, and the object is removed afterwards if it did not change.
"""

import contextlib
import logging
import re
import shutil
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path

from psycopg import Connection

from ingest import contracts
from ingest.contracts import Contract, messages
from ingest.contracts.inbox_names import TAKEN
from ingest.contracts.messages import Message
from ingest.deliveries import delivery_ledger, landing
from ingest.deliveries.delivery_ledger import Delivery
from ingest.inbox import files, receipts
from ingest.inbox.files import InboxFile
from ingest.inbox.receipts import Why
from ingest.inbox.stores import base, local, named
from ingest.inbox.stores.base import DROP, MARKERS, ChangedWhileRead, Entry, Store, StoreError
from ingest.loading import intake
from lagebild.core import ags, database
from lagebild.core.errors import UserError
from lagebild.core.settings import Settings

EMPTY = Why(Message("empty_in_inbox"))
_COPY = re.compile(
    r"(?:Kopie von |Copy of )?(?P<stem>.+?)(?:(?:[ _-]+(?:Kopie|Copy))(?: ?\(\d+\)| \d+)?| ?\(\d+\))*", re.IGNORECASE
)
"""How Windows, macOS and browsers name copies: `a (1)`, `a - Kopie`, `a - Kopie (2)`, `Kopie von a`, `a copy 2`."""
_TEXTS = ("csv", "txt", "tsv")
_NO_TEXTS = (
    "xls",
    "xlsx",
    "xlsm",
    "xlsb",
    "ods",
    "pdf",
    "doc",
    "docx",
    "odt",
    "zip",
    "7z",
    "gz",
    "xml",
    "html",
    "json",
    "dbf",
)
"""File types that renaming cannot change."""
_TIMES = (
    re.compile(r"(?<!\d)(?P<y>(?:19|20)\d\d)[-_.]?(?P<m>0[1-9]|1[0-2])[-_.]?(?P<d>0[1-9]|[12]\d|3[01])(?!\d)"),
    re.compile(r"(?<!\d)(?P<d>0[1-9]|[12]\d|3[01])[-_.](?P<m>0[1-9]|1[0-2])[-_.](?P<y>(?:19|20)\d\d)(?!\d)"),
    re.compile(r"(?<!\d)(?P<y>(?:19|20)\d\d)(?!\d)"),
)
"""How names of files write a day, and a year."""
_SUM = re.compile(rb"\s*([0-9a-fA-F]{64})\b")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Arrival:
    """A file of an inbox that belongs to a source."""

    inbox: str
    path: str
    """Path below the inbox, as its sender chose it."""
    source: str
    size: int
    problem: str | None = None
    """Why it could not be loaded at the last poll."""

    @property
    def key(self) -> str:
        """Identifies the file for people and for `take`."""
        return f"{self.inbox}/{self.path}"


@dataclass
class Look:
    """Files in the inboxes."""

    complete: list[Arrival] = field(default_factory=list)
    settling: list[Arrival] = field(default_factory=list)
    """Files not stable yet: probably still being written."""
    unknown: list[tuple[Entry, Why]] = field(default_factory=list)
    """Files of no source, and those of a wrong name."""
    notified: list[str] = field(default_factory=list)
    """Keys of files that got a receipt now. Their names may contain personal names: do not log them."""

    def add(self, other: "Look") -> None:
        """Add the files of another inbox."""
        self.complete += other.complete
        self.settling += other.settling
        self.unknown += other.unknown

    def new_sources(self) -> list[str]:
        """Sources with a complete file that was never tried; files that failed wait for their schedule."""
        return sorted({arrival.source for arrival in self.complete if arrival.problem is None})


def source_of(path: str) -> str:
    """The source that a file belongs to: by its folder, in the root of an inbox by its name.

    UserError: it belongs to none, or its name is not as agreed.
    """
    folder, _, name = path.rpartition("/")
    if not base.is_plain(path):
        raise UnknownFile(Message("name_no_text"))
    if folder and folder not in contracts.sources():
        raise UnknownFile(Message("folder_of_no_source", folder=folder))
    asked = [contracts.load(source) for source in ([folder] if folder else contracts.sources())]
    found = [contract.source for contract in asked if contract.fits(name)]
    if len(found) > 1:
        raise UnknownFile(Message("name_of_several", sources=", ".join(found)))
    if not found:
        raise _misnamed(asked, name)
    return found[0]


def _misnamed(asked: list[Contract], name: str) -> "UnknownFile":
    """Message for a name that matches no source, with a correct name if one can be guessed."""
    right = {contract.source: nearest for contract in asked if (nearest := _right_name(contract, name))}
    right |= {one.source: one.example for one in asked if one.source not in right and one.wrong_ags(name)}
    if len(right) > 1:  # ledger_plan_... begins as ledger_... does
        longest = max(len(_beginning(one)) for one in asked if one.source in right)
        right = {
            one.source: right[one.source] for one in asked if one.source in right and len(_beginning(one)) == longest
        }
    if len(right) == 1:
        ((source, nearest),) = right.items()
    elif begun := [contract for contract in asked if len(asked) == 1 or _begins_as(contract, name)]:
        meant = max(begun, key=lambda contract: len(_beginning(contract)))
        source, nearest = meant.source, meant.example
    else:
        return UnknownFile(Message("name_of_none"))
    kind = name.rpartition(".")[2].lower()
    if wrong := next(filter(None, (contract.wrong_ags(name) for contract in asked if contract.source == source)), None):
        is_short = len(wrong) != ags.DIGITS
        said = (
            Message("name_with_short_ags", ags=wrong, count=len(wrong))
            if is_short
            else Message("name_with_no_ags", ags=wrong)
        )
        return UnknownFile(said, name=nearest, source=source)
    if (kind in _TEXTS and nearest.endswith(".xlsx")) or (kind in _NO_TEXTS and not nearest.endswith(f".{kind}")):
        return UnknownFile(receipts.saved_as(kind, nearest).said, name=nearest, source=source, kind=kind)
    said = Message("name_not_agreed" if _stem(name) == name.rpartition(".")[0] else "name_of_copy")
    return UnknownFile(said, name=nearest, source=source)


def _may_end(contract: Contract, kind: str) -> bool:
    """Whether files of a source may have this extension."""
    return contract.match(f"{contract.example.rpartition('.')[0]}.{kind}") is not None


def _stem(name: str) -> str:
    """A file name without extension and without suffixes of copies."""
    stem = name.rpartition(".")[0]
    match = _COPY.fullmatch(stem)
    return match["stem"] if match else stem


def _right_name(contract: Contract, name: str) -> str | None:
    """The agreed name that a wrong one was meant to be: a copy's, one in capitals, one with blanks."""
    kind = name.rpartition(".")[2].lower()
    kind = (
        contract.example.rpartition(".")[2] if kind in (*_TEXTS, *_NO_TEXTS) and not _may_end(contract, kind) else kind
    )
    plain = f"{_stem(name)}.{kind}"
    if (wrong := contract.wrong_ags(plain)) and (meant := ags.nearest(wrong)):
        plain = plain.replace(wrong, meant, 1)
    tried = (plain, plain.lower(), re.sub(r"[ _]+", "_", plain), re.sub(r"[ _]+", "_", plain.lower()))
    return next((one for one in tried if one != name and contract.match(one)), None) or _rebuilt(contract, name)


def _rebuilt(contract: Contract, name: str) -> str | None:
    """The agreed name made of the parts of one that begins as it does: its AGS, and its one day or year."""
    if not _begins_as(contract, name):
        return None
    municipality = next(filter(ags.is_one, re.findall(r"(?<!\d)\d{8}(?!\d)", name)), None)
    for form in _TIMES:
        times = {"-".join(found[part] for part in "ymd" if part in form.groupindex) for found in form.finditer(name)}
        if len(times) > 1:
            return None  # which of them it is for only its sender knows
        for time_named in times:
            period = "_".join(filter(None, (municipality, time_named)))
            start, end = contract.file_name.fullmatch(contract.example).span("period")
            right = f"{contract.example[:start]}{period}{contract.example[end:]}"
            return right if contract.match(right) else None
    return None


def _begins_as(contract: Contract, name: str) -> bool:
    """Whether a name begins as those of a source do, whatever parts its words."""
    beginning = _beginning(contract).lower()
    return len(beginning) > 2 and re.sub(r"[\W_]+", "_", name.lower()).startswith(beginning)


def _beginning(contract: Contract) -> str:
    """How the names of a source's files begin, before their period."""
    return contract.example[: contract.file_name.fullmatch(contract.example).start("period")]


class UnknownFile(UserError):
    """A file of no source or of a wrong name; `why` is for its sender. `name`: a right one; `kind`: the file's, where
    another is agreed.
    """

    def __init__(self, said: Message, name: str | None = None, source: str | None = None, kind: str | None = None):
        remedy = "rename it as file_name of the source's contract says, or name the source with --source"
        self.why = receipts.renamed(said, name, source) if name else Why(said)
        if name:
            remedy = f"rename it, for example to {name}"
        if name and kind:
            self.why = receipts.saved_as(kind, name, source)
            remedy = f"save it as .{name.rpartition('.')[2]}, for example under {name}; renaming alone is not enough"
        super().__init__(said, remedy=remedy)


def look(
    settings: Settings, say: Callable[[str], None] = _log.warning, only: str | None = None, notifies: bool = False
) -> Look:
    """Files in all inboxes, or in the one of a label; unreachable inboxes are reported.

    With `notifies` each file without a source gets a receipt, once for each version.
    """
    found = Look()
    with _connected(settings) as connection:
        for inbox in [only] if only else named.labels(settings):
            try:
                with named.opened(settings, inbox) as store:
                    seen = _look(connection, store, settings.inbox_settle_seconds)
                    found.add(seen)
                    if notifies:
                        found.notified += _notify_unknown(settings, store, seen)
            except StoreError as error:
                say(str(error))
    return found


def complete(settings: Settings, source: str | None = None) -> list[Arrival]:
    """Complete files of a source, or of all sources."""
    return [arrival for arrival in look(settings).complete if source in (None, arrival.source)]


def waiting(settings: Settings, say: Callable[[str], None] = _log.warning) -> list[Arrival]:
    """All files of a source, also unstable ones."""
    found = look(settings, say)
    return [*found.complete, *found.settling]


def look_until_stable(
    settings: Settings,
    sources: list[str] | None = None,
    say: Callable[[str], None] = _log.warning,
    doing: Callable[[str], None] = lambda text: None,
) -> Look:
    """Poll until all files of these sources (or of all) are stable; files without a source get receipts.

    Gives up after three times the time that a file needs to become stable; returns the last result.
    """
    deadline = time.monotonic() + 3 * settings.inbox_settle_seconds
    while True:
        problems: list[str] = []
        found = look(settings, problems.append, notifies=True)
        open_ones = [arrival for arrival in found.settling if sources is None or arrival.source in sources]
        if not open_ones or time.monotonic() >= deadline:
            for problem in problems:
                say(problem)
            return found
        doing(f"waiting until nobody writes {open_ones[0].path} (an empty file of that name and .ok says so at once)")
        time.sleep(settings.inbox_settle_seconds / 10)


def take(settings: Settings, key: str, progress: Callable[[int], None] | None = None) -> Delivery | None:
    """Take the file of this key: claim, load, put away, write its receipt.

    None if another worker has it, if it is gone, or if it is still being written. UserError if it cannot be loaded now:
    it stays claimed, its receipt says why, and the next poll retries.
    """
    inbox, path = _split(settings, key)
    with _turn(settings, key) as connection:
        if connection is None:
            return None
        with named.opened(settings, inbox) as store:
            row = _claimed(connection, store, path, settings.inbox_settle_seconds)
            if row and row.delivery_id is None:
                row = _loaded(settings, connection, store, row, progress)
            return _finished(settings, connection, store, row) if row else None


def local_files(settings: Settings) -> dict[str, list[Path]]:
    """Files of the drop folder that are not in the ledger yet, by source; also interrupted loads."""
    with named.opened(settings, DROP) as store, _connected(settings) as connection:
        rows = [row for row in files.claimed(connection, DROP) if row.delivery_id is None]
        seen = _look(connection, store, settings.inbox_settle_seconds)
    put = [(a.source, a.path) for a in (*seen.complete, *seen.settling)]
    found: dict[str, list[Path]] = {}
    for source, path in sorted({*put, *((row.source, row.taken_path) for row in rows)}):
        if (settings.drop / path).exists():
            found.setdefault(source, []).append(settings.drop / path)
    return found


def is_drained(settings: Settings) -> bool:
    """Whether everything that arrived is decided: no file is in an inbox, being loaded, or waiting for a check.

    For remote inboxes it uses the result of the last poll.
    """
    with _connected(settings) as connection:
        is_open = files.has_open(connection, named.labels(settings))
    return not (is_open or local_files(settings) or delivery_ledger.deliveries(settings, states=("received", "loaded")))


# --- looking ----------------------------------------------------------------------------------------------------------


def _look(connection: Connection, store: Store, settle_seconds: float) -> Look:
    entries = {entry.path: entry for entry in store.entries()}
    if not isinstance(store, local.Local):  # for local files the clock is enough, nothing is stored
        files.forget_seen(connection, store.label, list(filter(base.is_plain, entries)))
    found: dict[str, tuple[bool, Arrival]] = {}
    claimed = files.claimed(connection, store.label)
    in_place = {row.path for row in claimed if not store.renames}
    unknown = []
    for path, entry in entries.items():
        if path in in_place or (path.endswith(MARKERS) and path.rpartition(".")[0] in entries):
            continue
        try:
            source = source_of(path)
        except UnknownFile as error:
            if not path.endswith(MARKERS):
                unknown.append((entry, error.why))
            continue  # a marker whose file is not there yet, or was taken, among them
        has_marker = any(marker in entries for marker in base.markers(path))
        if not (entry.size or has_marker):
            unknown.append((entry, EMPTY))
            continue
        is_complete = _is_complete(connection, store, source, entry, has_marker, settle_seconds)
        found[path] = is_complete, Arrival(store.label, path, source, entry.size)
    for row in claimed:
        is_ready = row.is_complete or files.is_stable(connection, row, settle_seconds)
        size = entries[row.path].size if row.path in in_place and row.path in entries else 0
        found[row.path] = is_ready, Arrival(store.label, row.path, row.source, size, row.problem)
    return Look(
        [arrival for is_complete, arrival in found.values() if is_complete],
        [arrival for is_complete, arrival in found.values() if not is_complete],
        unknown,
    )


def _notify_unknown(settings: Settings, store: Store, seen: Look) -> list[str]:
    """Write a receipt for each stable file without a source; the keys of those that got one now."""
    return [
        f"{store.label}/{base.shown(entry.path)}"
        for entry, why in seen.unknown
        if _is_old(entry, settings.inbox_settle_seconds)
        and receipts.write_unknown(store, entry, why, settings.unclaimed_days)
    ]


def _is_complete(
    connection: Connection, store: Store, source: str, entry: Entry, has_marker: bool, seconds: float
) -> bool:
    """Whether the file is complete: it has a marker, or is stable (unchanged for long enough).

    In a local folder the clock is enough: a file's ctime cannot be set. Elsewhere it takes a second poll.
    """
    if has_marker or not seconds:
        return has_marker or entry.size > 0
    if isinstance(store, local.Local):
        return _is_old(entry, seconds)
    return files.is_unchanged(connection, store.label, source, entry, seconds)


def _is_old(entry: Entry, seconds: float) -> bool:
    """Whether a file is unchanged for long enough, by its store's clock."""
    return entry.changed_at is None or time.time() - entry.changed_at >= seconds


# --- taking -----------------------------------------------------------------------------------------------------------


def _split(settings: Settings, key: str) -> tuple[str, str]:
    """Inbox and path of a key. UserError if there is no such inbox, or the path leads elsewhere."""
    fitting = [inbox for inbox in named.labels(settings) if key.startswith(f"{inbox}/")]
    inbox = max(fitting, key=len, default=None)
    path = key[len(inbox) + 1 :] if inbox else ""
    if inbox is None or not base.is_plain(path):
        raise UserError(f"{key!r} is no file of an inbox", remedy="lagebild delivery watch shows what waits")
    return inbox, path


@contextlib.contextmanager
def _connected(settings: Settings) -> Generator[Connection]:
    with database.connect(settings, database.LOADER, autocommit=True) as connection:
        yield connection


@contextlib.contextmanager
def _turn(settings: Settings, key: str) -> Generator[Connection | None]:
    """A connection that holds the lock of this file; None if another process has it."""
    with _connected(settings) as connection:
        lock = "select pg_try_advisory_lock(hashtextextended(%s, 1))"
        (is_mine,) = connection.execute(lock, [f"inbox {key}"]).fetchone()
        yield connection if is_mine else None
        # A server ends a session a moment after the client left: the next poll must not find the lock still held.
        connection.execute("select pg_advisory_unlock_all()")


def _claimed(connection: Connection, store: Store, path: str, settle_seconds: float) -> InboxFile | None:
    """A new or resumed claim of a file, with the file in its place; None if not possible now."""
    row = next((row for row in files.claimed(connection, store.label) if row.path == path), None)
    if row is None:
        entry = store.entry(path)
        if entry is None:
            return None
        source = source_of(path)
        has_marker = any(store.entry(marker) for marker in base.markers(path))
        if not _is_complete(connection, store, source, entry, has_marker, settle_seconds):
            return None
        row = files.claim(connection, store.label, source, entry)
    elif not row.is_complete and not files.is_stable(connection, row, settle_seconds):
        return None
    return _in_place(connection, store, row) if row.delivery_id is None else row


def _in_place(connection: Connection, store: Store, row: InboxFile) -> InboxFile | None:
    """Bring a claimed file to where it is read. None if it is gone, or is not the file that was found complete."""
    if store.renames and store.entry(row.taken_path) is None:
        there = store.entry(row.path)
        if there is None or there.version != row.version or not store.move(row.path, row.taken_path):
            files.drop(connection, row)  # gone or written again: the next poll sees it as new
            return None
    if store.renames and store.entry(row.path) is None:
        # They speak of this file, not of the next one of its name.
        for marker, target in zip(base.markers(row.path), base.markers(row.taken_path), strict=True):
            if store.entry(marker):
                store.move(marker, target)
    entry = store.entry(_place(store, row))
    if entry is None:
        files.drop(connection, row)
    elif entry.version != row.version:
        files.wait_again(connection, row, entry.version)
    else:
        return row
    return None


def _place(store: Store, row: InboxFile) -> str:
    return row.taken_path if store.renames else row.path


def _loaded(
    settings: Settings, connection: Connection, store: Store, row: InboxFile, progress: Callable[[int], None] | None
) -> InboxFile | None:
    """Load a claimed file; None if it was written meanwhile and must become complete again first."""
    place = _place(store, row)
    entry = store.entry(place)
    expected = _expected(store, place)
    try:
        if entry is None:
            raise ChangedWhileRead(f"{place} went")
        with _local(settings.landing, store, row, entry) as file:
            # A checksum may arrive before the last bytes: a wrong one counts only once the file is stable.
            may_grow = store.renames and row.is_complete and settings.inbox_settle_seconds > 0
            if may_grow and expected is not None and landing.sha256(file) != expected:
                files.wait_again(connection, row, entry.version)
                return None
            delivery = intake.load_file(connection, settings, contracts.load(row.source), file, expected, progress)
    except ChangedWhileRead:
        now = store.entry(place)
        files.wait_again(connection, row, now.version if now else row.version)
        return None
    except UserError as error:
        if str(error) != row.problem:
            files.set_problem(connection, row, _problem(error))
            with contextlib.suppress(StoreError):
                receipts.write(settings, connection, store, files.get(connection, row.inbox_file_id))
        raise
    return files.set_delivery(connection, row, delivery.delivery_id)


def _problem(error: UserError) -> Message:
    """What an error says, for a receipt."""
    wrong = messages.translatable(error.message)
    if error.remedy is None:
        return wrong
    return Message("not_loaded", wrong=wrong, remedy=messages.translatable(error.remedy))


def _expected(store: Store, place: str) -> str | None:
    """The SHA-256 from the sender's marker; empty if the marker has none, None without a marker."""
    marker = next((path for path in base.markers(place) if path.endswith(".sha256") and store.entry(path)), None)
    if marker is None:
        return None
    match = _SUM.match(store.head(marker))
    return match[1].decode().lower() if match else ""


@contextlib.contextmanager
def _local(landing_folder: Path, store: Store, row: InboxFile, entry: Entry) -> Generator[Path]:
    """The file on this machine; a remote file is copied, and the copy deleted afterwards.

    The copy is in the landing zone, so that retention and erasure find it after a kill.
    """
    here = store.local(entry.path)
    if here is not None:
        yield here
        return
    folder = landing_folder / row.source / f".incoming-{row.inbox_file_id}"
    landing_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        store.fetch(entry, folder / row.name)
        yield folder / row.name
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _finished(settings: Settings, connection: Connection, store: Store, row: InboxFile) -> Delivery | None:
    """Move a file that is in the ledger to `taken/`, and write its receipt. None if it changed after it was read."""
    delivery = delivery_ledger.get(connection, row.delivery_id)
    is_personal = contracts.load(row.source).has_personal_fields
    place = _place(store, row)
    entry = store.entry(place)
    if store.renames and entry and entry.version != row.version:
        files.wait_again(connection, row, entry.version)  # its writer continued: the new content is the next file
        return None
    if not store.renames:
        _put_away(store, row, entry, None if is_personal else settings.landing / delivery.landing_path)
    elif is_personal:
        # Personal data is kept only in the landing zone, where retention and erasure reach it.
        for path in (place, *base.markers(place)):
            if there := store.entry(path):
                store.remove(there)
        store.remove_folder(f"{TAKEN}/{row.inbox_file_id}")
    row = files.finish(connection, row)
    try:
        receipts.write(settings, connection, store, row)
    except StoreError as error:
        _log.warning("the receipt is written later: %s", error)
    return delivery


def _put_away(store: Store, row: InboxFile, entry: Entry | None, landed: Path | None) -> None:
    """Without a rename: the landed bytes are put into `taken/`, and the object goes if it is still the one loaded."""
    if landed and landed.exists():
        store.put(landed, row.taken_path)
    if entry and entry.version == row.version and store.remove(entry):
        for marker in base.markers(row.path):
            if there := store.entry(marker):
                store.remove(there)
