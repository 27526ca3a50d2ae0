"""Load a landed delivery into raw: read, check and load in one transaction.

Data, rejected rows and the ledger's row commit together or not at all. Loading the same bytes again does nothing while
they are loaded, held or accepted.
"""

import io
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO

import numpy as np
from psycopg import Connection, sql

from ingest import contracts
from ingest.contracts import MASK, Contract, messages
from ingest.contracts.messages import Message
from ingest.deliveries import deletion, delivery_ledger, landing, pseudonyms
from ingest.deliveries.delivery_ledger import Delivery
from ingest.deliveries.pseudonyms import KeyChain
from ingest.loading import copy, erased_persons, matching, totals
from ingest.loading.engine import Engine, Rejected, reason
from ingest.loading.erased_persons import ErasedPersons
from ingest.loading.intake import Parcel, parcel_of
from ingest.loading.keys import Doubled, Keys
from ingest.loading.matching import Matching
from ingest.loading.snapshots.comparison import AmbiguousHash, Comparison, Outcome, comparing
from ingest.reading import readers
from ingest.reading.formats import workbook
from ingest.reading.refused import Refused
from lagebild.core import database
from lagebild.core.errors import UserError
from lagebild.core.prefetch import prefetch
from lagebild.core.settings import Settings
from lagebild.core.version import code_version

Opened = readers.Source | readers.SmallSource | workbook.Source
"""A file that was opened by its contract."""
TAKEN_BACK_AT_ONCE = 10_000
"""Lines of rows with doubled keys."""
REJECTS_IN_MEMORY = 1 << 20
"""Bytes of rejected rows that are held in memory before they go to a temporary file; personal fields are masked."""


def load(
    connection: Connection,
    settings: Settings,
    parcel: Parcel,
    expected: str | None,
    progress: Callable[[int], None] | None = None,
) -> Delivery:
    """Load a landed file, as `intake.load_file` says."""
    if expected not in (None, parcel.sha256):
        what = Message("sha256_differs", sha256=parcel.sha256, expected=expected or Message("sha256_unreadable"))
        return _refuse(connection, parcel, Refused(what, Message("send_with_sha256")), None)
    return _load(connection, settings, parcel, progress=progress)


class _Watched(io.FileIO):
    """An open file that tells of each part that is read."""

    def __init__(self, path: Path, progress: Callable[[int], None]):
        super().__init__(path)
        self._progress = progress

    def read(self, size: int = -1) -> bytes:
        part = super().read(size)
        self._progress(len(part))
        return part


def reload(settings: Settings, delivery_id: int) -> Delivery:
    """Process landed bytes again after a fix of contract or code, as a new attempt."""
    with database.connect(settings, database.LOADER, autocommit=True) as connection:
        old = delivery_ledger.get(connection, delivery_id)
        _require_reloadable(old)
        landing.require(settings.landing, old)
        contract = contracts.load(old.source)
        landed = settings.landing / old.landing_path
        parcel = parcel_of(settings.config, contract, old.file_name, landed, landing.sha256(landed))
        return _load(connection, settings, parcel, old)


def _require_reloadable(old: Delivery) -> None:
    if old.state not in ("refused", "withdrawn", "held"):
        raise UserError(
            f"{old}: only refused, withdrawn or held deliveries are loaded again",
            remedy=f"lagebild delivery withdraw {old.delivery_id} --reason ... first",
        )


def _give_way(connection: Connection, old: Delivery | None) -> None:
    """Refuse a held delivery that is loaded again, in the transaction of its new attempt, whatever its result."""
    if old is None:
        return
    old = delivery_ledger.get(connection, old.delivery_id, lock=True)
    _require_reloadable(old)  # another process may have changed it
    if old.state == "held":
        delivery_ledger.move(connection, old, "refused", Message("loaded_again"))


def _load(
    connection: Connection,
    settings: Settings,
    parcel: Parcel,
    old: Delivery | None = None,
    by_text: bool = True,
    progress: Callable[[int], None] | None = None,
) -> Delivery:
    """Load landed bytes; `old` is the delivery that they are loaded again for, `by_text` as for `comparing`."""
    contract = parcel.contract
    # Read before the transaction: a missing key or unreadable file must not leave it open.
    key = _key(connection, settings, parcel)
    try:
        if parcel.period == "unknown":
            raise Refused(Message("name_not_agreed"), Message("rename_to", example=contract.example))
        with (
            comparing(settings, contract, parcel.period, key, by_text) as comparison,
            connection.transaction(),
        ):
            delivery_ledger.lock_period(connection, contract.source, parcel.period)
            pseudonyms.hold_key(connection, key)
            _give_way(connection, old)
            if known := delivery_ledger.in_force(connection, contract.source, parcel.period, parcel.sha256):
                return known
            with _Watched(parcel.path, progress) if progress else parcel.path.open("rb", buffering=0) as file:
                source = readers.open_source(contract, file, parcel.period)
                source.layout = source.layout.of_file(contract.match(parcel.file_name))
                delivery_id = _register(connection, parcel, "loaded", layout=source.layout.name)
                gone = erased_persons.of(connection, key, parcel.period)
                if contract.counted and key:
                    _count(connection, parcel, delivery_id, source, key, gone)
                else:
                    _fill(connection, parcel, delivery_id, source, key, comparison, gone)
            if not (settings.demo or settings.practice):
                _refuse_made_up(connection, contract, delivery_id)
            delivery_ledger.record(connection, delivery_id, "loaded", None)
            loaded = delivery_ledger.get(connection, delivery_id)
            if gone and (gone.dropped or loaded.rejected):
                # The bytes contain an erased person, or may, in a line that could not be read.
                deletion.give_up_bytes(connection, loaded, deletion.PERSON_WAS_ERASED)
                deletion.ask_deletion(connection, loaded.landing_path)
                loaded = delivery_ledger.get(connection, delivery_id)
        if loaded.erased_at:
            deletion.finish_deletions(settings)
        return loaded
    except Refused as refusal:
        return _refuse(connection, parcel, refusal, old)
    except AmbiguousHash:
        return _load(connection, settings, parcel, old, by_text=False, progress=progress)


def _key(connection: Connection, settings: Settings, parcel: Parcel) -> KeyChain | None:
    purpose = parcel.contract.pseudonym_purpose
    if purpose is None or parcel.period == "unknown":
        return None
    if parcel.municipality is None:
        raise UserError(
            Message("name_without_municipality", file_name=parcel.file_name),
            remedy=Message("name_municipality_group", place=parcel.contract.path),
        )
    return pseudonyms.load_key(connection, settings.keys, parcel.municipality, purpose)


def _register(
    connection: Connection, parcel: Parcel, state: str, reason: Message | None = None, layout: str | None = None
) -> int:
    """Write the ledger's row of a new attempt; return its id."""
    (delivery_id,) = connection.execute(
        "insert into raw.delivery (source, period, sha256, attempt, file_name, byte_size, landing_path,"
        " contract_version, code_version, layout, state, reason, reason_message)"
        " select %(source)s, %(period)s, %(sha256)s, 1 + coalesce(max(attempt), 0), %(file_name)s, %(byte_size)s,"
        " %(landing_path)s, %(contract_version)s, %(code_version)s, %(layout)s, %(state)s, %(reason)s,"
        " %(message)s"
        " from raw.delivery where source = %(source)s and period = %(period)s and sha256 = %(sha256)s"
        " returning delivery_id",
        {
            "source": parcel.contract.source,
            "period": parcel.period,
            "sha256": parcel.sha256,
            "file_name": parcel.file_name,
            "byte_size": parcel.path.stat().st_size,
            "landing_path": parcel.landing_path,
            "contract_version": parcel.contract.version,
            "code_version": code_version(),
            "layout": layout,
            "state": state,
            "reason": reason,
            "message": messages.kept_json(reason),
        },
    ).fetchone()
    return delivery_id


def _refuse(connection: Connection, parcel: Parcel, refusal: Refused, old: Delivery | None) -> Delivery:
    reason = Message("refused", file_name=parcel.file_name, wrong=refusal.message, remedy=refusal.remedy)
    with connection.transaction():
        delivery_ledger.lock_period(
            connection, parcel.contract.source, parcel.period
        )  # two refusals at once count apart
        _give_way(connection, old)
        if known := _refused_already(connection, parcel, reason):
            return known
        delivery_id = _register(connection, parcel, "refused", reason)
        delivery_ledger.record(connection, delivery_id, "refused", reason)
        return delivery_ledger.get(connection, delivery_id)


def _refused_already(connection: Connection, parcel: Parcel, reason: str) -> Delivery | None:
    """The last attempt at these bytes, if it was refused for the same reason by the same contract and code."""
    row = connection.execute(
        "select delivery_id, state, reason, contract_version, code_version from raw.delivery"
        " where source = %s and period = %s and sha256 = %s order by attempt desc limit 1",
        [parcel.contract.source, parcel.period, parcel.sha256],
    ).fetchone()
    same = ("refused", reason, parcel.contract.version, code_version())
    return delivery_ledger.get(connection, row[0]) if row is not None and row[1:] == same else None


def _fill(
    connection: Connection,
    parcel: Parcel,
    delivery_id: int,
    source: Opened,
    key: KeyChain | None,
    comparison: Comparison | None,
    gone: ErasedPersons,
) -> None:
    """Copy the good rows, keep the bad ones with their reasons, and check that none was lost.

    Rows of erased persons are left out, and counted as they are where a person is erased after the load.
    """
    contract = parcel.contract
    engine = Engine(contract, source.layout, key, delivery_id, comparison and comparison.day)
    if comparison:
        comparison.begin(connection, delivery_id, engine)
    with Keys() as keys, tempfile.SpooledTemporaryFile(REJECTS_IN_MEMORY) as rejects:
        # Three threads: one splits the file into records, one checks them, one sends them to PostgreSQL.
        with (
            prefetch(gone.filtered(source.blocks(engine.is_row), source.layout)) as blocks,
            prefetch(engine.check(block) for block in blocks) as checked,
            connection.cursor() as cursor,
        ):
            with cursor.copy(_copy("raw", contract.table, engine.columns, "binary")) as stream:
                stream.write(copy.HEADER)
                told = 0
                for part in checked:
                    stream.write(part.payload.data)
                    for row in part.rejected:
                        rejects.write((replace(row, fields=None) if gone else row).copy_line(delivery_id))
                    if contract.primary_key:
                        keys.add(part.keys, part.contents, part.lines, part.texts)
                    told += part.unchanged
                stream.write(copy.TRAILER)
            copied = cursor.rowcount  # what PostgreSQL counted
        found = comparison.finish(connection, keys, told) if comparison else Outcome(keys.doubled(), 0, None)
        brought = copied
        for is_brought, row in _doubled(connection, contract, delivery_id, found.doubled, comparison):
            rejects.write((replace(row, fields=None) if gone else row).copy_line(delivery_id))
            brought -= is_brought
        rejected = _copy_rejects(connection, rejects)
    if found.fresh not in (None, brought):
        what = Message("rows_not_taken", file_name=parcel.file_name, rows=found.fresh, taken=brought)
        raise UserError(what, remedy=Message("report_known_rows"))
    _settle(connection, parcel, delivery_id, source, brought + found.unchanged, rejected, gone)


def _count(
    connection: Connection,
    parcel: Parcel,
    delivery_id: int,
    source: Opened,
    key: KeyChain,
    gone: ErasedPersons,
) -> None:
    """Match the lists of a file in memory and write how many; of a rejected row only the line and what is wrong."""
    lists = Matching(parcel.contract, source.layout, key, parcel.period)
    with tempfile.SpooledTemporaryFile(REJECTS_IN_MEMORY) as rejects:
        for row in _matched(parcel.contract, source, key, delivery_id, gone, lists):
            rejects.write(replace(row, fields=None).copy_line(delivery_id))
        rejected = _copy_rejects(connection, rejects)
    counted = matching.write(connection, parcel.contract, delivery_id, lists)
    _settle(connection, parcel, delivery_id, source, counted, rejected, gone)


def _matched(
    contract: Contract,
    source: Opened,
    key: KeyChain,
    delivery_id: int,
    gone: ErasedPersons,
    lists: Matching,
) -> Iterator[Rejected]:
    """Let the lists take all good records of a file; the others."""
    engine = Engine(contract, source.layout, key, delivery_id)
    for block in gone.filtered(source.blocks(engine.is_row), source.layout):
        checked = engine.check(block)
        lists.add(block, checked.lines.tolist())
        yield from checked.rejected


def count_without(
    connection: Connection, landing: Path, config: Path, delivery: Delivery, key: KeyChain, digest: str
) -> int:
    """Count a delivery of a matched source again without an erased person; how many records were theirs.

    Nothing changes where there is none, or where the landed bytes are gone: then nothing of the person is left but a
    number. By the owner, who alone may delete from raw. UserError where the contract in force reads the bytes no more.
    """
    landed = landing / delivery.landing_path
    if delivery.loaded is None or not landed.exists():
        return 0
    parcel = parcel_of(config, contracts.load(delivery.source), delivery.file_name, landed, delivery.sha256)
    contract, gone = parcel.contract, ErasedPersons(frozenset({digest}), key)
    try:
        with parcel.path.open("rb", buffering=0) as file:
            source = readers.open_source(contract, file, parcel.period)
            source.layout = source.layout.of_file(contract.match(parcel.file_name))
            lists = Matching(contract, source.layout, key, parcel.period)
            for _ in _matched(contract, source, key, delivery.delivery_id, gone, lists):
                pass
    except Refused as refusal:
        raise UserError(
            f"{delivery}: its landed bytes cannot be read any more, so nobody knows whether the person is in them:"
            f" {refusal.message}",
            remedy="nothing was changed; withdraw it and let its retention end, or mend the contract",
        ) from refusal
    if gone.dropped:
        table = sql.Identifier("raw", contract.table)
        connection.execute(sql.SQL("delete from {} where delivery_id = %s").format(table), [delivery.delivery_id])
        matching.write(connection, contract, delivery.delivery_id, lists)
    return gone.dropped


def _settle(
    connection: Connection,
    parcel: Parcel,
    delivery_id: int,
    source: Opened,
    kept: int,
    rejected: int,
    gone: ErasedPersons,
) -> None:
    """Write what became of the records into the ledger; UserError where one was lost. `kept` are those in raw."""
    if not source.records:
        raise Refused(Message("header_alone"), Message("ask_supplier_again"))
    loaded = kept + gone.dropped
    if source.records != loaded + rejected:
        counts = {"records": source.records, "loaded": loaded, "rejected": rejected}
        what = Message("records_lost", file_name=parcel.file_name, **counts)
        raise UserError(what, remedy=Message("report_lost_rows"))
    totals.keep(connection, delivery_id, source.totals)
    connection.execute(
        "update raw.delivery set records = %s, loaded = %s, rejected = %s, erased_loaded = %s where delivery_id = %s",
        [source.records, loaded, rejected, gone.dropped, delivery_id],
    )


def _refuse_made_up(connection: Connection, contract: Contract, delivery_id: int) -> None:
    """Refuse a delivery with a row marked synthetic: examples must not be loaded beside real data."""
    if not any(field.name == "evidence" for field in contract.fields):
        return
    statement = sql.SQL("select min(line_number) from {} where delivery_id = %s and evidence = 'synthetic'")
    (line,) = connection.execute(statement.format(sql.Identifier("raw", contract.table)), [delivery_id]).fetchone()
    if line is not None:
        raise Refused(Message("row_is_synthetic", line=line), Message("try_in_practice"))


def _copy(schema: str, table: str, columns: Sequence[str], form: str) -> sql.Composed:
    return sql.SQL("copy {} ({}) from stdin (format {})").format(
        sql.Identifier(schema, table), sql.SQL(", ").join(map(sql.Identifier, columns)), sql.SQL(form)
    )


def _copy_rejects(connection: Connection, rejects: IO[bytes]) -> int:
    """Copy the lines of rejected rows into raw; return how many PostgreSQL took."""
    rejects.seek(0)
    statement = _copy("raw", "rejected_row", ["delivery_id", "line_number", "reasons", "fields"], "text")
    with connection.cursor() as cursor:
        with cursor.copy(statement) as stream:
            while part := rejects.read(1 << 20):
                stream.write(part)
        return cursor.rowcount


def _doubled(
    connection: Connection,
    contract: Contract,
    delivery_id: int,
    doubled: Doubled,
    comparison: Comparison | None,
) -> Iterator[tuple[bool, Rejected]]:
    """Take rows whose key another row of the delivery has out of raw again, and say why; whether each was there."""
    titles = [field.title for field in contract.fields if field.name in contract.primary_key]
    shown = {f.name: f.title for f in contract.fields if f.columns}
    masked = {f.title: MASK for f in contract.fields if not contract.may_show(f)}
    reasons = {
        True: [reason("repeat", ", ".join(titles), Message("row_repeated"))],
        False: [reason("conflict", ", ".join(titles), Message("row_conflicts"))],
    }
    repeats = set(doubled.repeats.tolist())
    lines = np.sort(np.concatenate([doubled.repeats, doubled.conflicts]))
    # Each call reads all rows of the delivery, so there are few calls.
    for first in range(0, len(lines), TAKEN_BACK_AT_ONCE):
        some = lines[first : first + TAKEN_BACK_AT_ONCE].tolist()
        statement = "select line, fields from raw.take_back(%s, %s, %s)"
        brought = connection.execute(statement, [contract.table, delivery_id, some]).fetchall()
        known = comparison.doubled_rows(connection, some) if comparison else []
        for n, (line, fields) in enumerate(brought + known):
            named = {title: fields[name] for name, title in shown.items() if name in fields}
            texts = {k: None if v is None else str(v) for k, v in named.items()} | masked
            yield n < len(brought), Rejected(line, reasons[line in repeats], texts)
