"""Sources with a history: each delivery is the whole stock of a day, and raw keeps what changed.

A snapshot is stored as changes to another stored one, its base: the rows that the base lacks, and the ends of rows
that it lacks itself. Nothing of that is ever rewritten, whatever is accepted, corrected or withdrawn later; which
snapshots are in force is the ledger's business. Two views of raw read it:

    <table>_snapshot    the rows of any stored snapshot, as they were delivered
    <table>_history     the rows of the accepted snapshots, each with the time from and to which it held

`docs/decisions/register-history.md` says why.
"""

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from psycopg import Connection, sql

from ingest import copy, digests
from ingest.ahead import prefetch
from ingest.contracts import Contract, Field, period_day
from ingest.digests import LINE_BITS, Digests, Draft
from ingest.engine import Engine, hash_of, is_read_whole
from ingest.keys import Doubled, Keys, doubled_in, together
from ingest.messages import Message
from ingest.privacy import KeyChain
from ingest.scan import Refused
from lagebild import later
from lagebild.database import BUILDER, LOADER
from lagebild.errors import UserError
from lagebild.settings import Settings
from lagebild.version import code_version

kernels = later.module("ingest.kernels")

CHUNK_BYTES = 4 << 20


class AmbiguousHash(Exception):
    """Raw-text hashes are ambiguous: compare by content.

    Rows of the base are in the delivery twice, or again with another text.
    """


@dataclass(frozen=True)
class Outcome:
    """What the comparison of a delivery with its base says."""

    doubled: Doubled
    unchanged: int
    """Rows of the snapshot that raw held already."""
    fresh: int | None
    """Rows of it that it brought; None if nothing is compared."""


def series_of(contract: Contract, period: str) -> tuple[str, date]:
    """The series and the day of a period such as `05913000_2019-12-31`; Refused if it names no day."""
    day = period_day(period) or ""
    if len(day) != 10 or not period.endswith(day):
        what = Message("period_without_day", source=contract.source, period=period)
        raise Refused(what, Message("name_must_end_in_day"))
    return period.removesuffix(day).rstrip("_") or "all", date.fromisoformat(day)


@contextlib.contextmanager
def comparing(
    settings: Settings, contract: Contract, period: str, key: KeyChain | None, by_text: bool = True
) -> Iterator["Comparison | None"]:
    """The comparison of a delivery with its base; None for a source without history.

    `by_text`: rows of the base may be recognised by their raw texts, before anything is converted; raises
    AmbiguousHash if the texts are not enough.
    The digests of the new snapshot are put in place when the block ends well: after the commit.
    """
    if contract.history is None:
        yield None
        return
    comparison = Comparison(settings, contract, *series_of(contract, period), key, by_text)
    with comparison.resources:
        yield comparison
        comparison.keep()


class Comparison:
    """Finds what a delivery changes, while it is loaded, and writes it down."""

    def __init__(
        self, settings: Settings, contract: Contract, series: str, day: date, key: KeyChain | None, by_text: bool
    ):
        self.day, self.resources = day, contextlib.ExitStack()
        self._settings, self._contract, self._series = settings, contract, series
        self._key, self._may_tell_by_text = key, by_text
        self._texts: str | None = None
        self._key_version = None if key is None else key.version
        self._base_id: int | None = None
        self._base: Digests | None = None
        self._draft: Draft | None = None
        self._kept: tuple[dict[str, Any], list[int], int | None] | None = None
        self._known_doubled: list[tuple[int, int]] = []

    def begin(self, connection: Connection, delivery_id: int, engine: Engine) -> None:
        """Choose the base, write the snapshot's row, and let the engine leave out what the base has."""
        self._delivery_id = delivery_id
        self._base_id = base_of(connection, self._contract.source, self._series, self.day)
        connection.execute(
            "insert into raw.snapshot (delivery_id, source, series, taken_on, base_id) values (%s, %s, %s, %s, %s)",
            [delivery_id, self._contract.source, self._series, self.day, self._base_id],
        )
        if any(field.name == self._contract.history for field in engine.fields):
            self._texts = hashlib.sha256(repr(engine.fields).encode()).hexdigest()
            engine.text_key = self._text_key(self._texts)
        if self._base_id is not None:
            self._base = self._digests(connection, self._base_id, self._texts if self._may_tell_by_text else None)
            self.resources.callback(self._base.close)
            if self._base.by_text:
                engine.is_known_text = self._base.members.has
            else:
                engine.is_known = self._base.members.has

    def _text_key(self, layout: str) -> np.ndarray:
        """Key of the hashes of texts: whoever has the digests alone cannot try texts out."""
        about = f"digests of texts: {self._contract.version} {layout}"
        key = hashlib.sha256(about.encode()).hexdigest() if self._key is None else self._key.pseudonym(about)
        return np.frombuffer(bytes.fromhex(key[:32]), np.uint64)

    def finish(self, connection: Connection, keys: Keys, unchanged: int) -> Outcome:
        """Compare what the delivery has with all that the base has, and write the ends of rows that it lacks.

        `unchanged`: records that were told by their texts. UserError if they are not as many rows of the base.
        """
        self._draft = self.resources.enter_context(Draft(self._path(self._delivery_id)))
        deliveries = [self._delivery_id, *([] if self._base is None else self._base.deliveries)]
        ends = sql.SQL("copy {} (ended_by, line_number, delivery_id) from stdin (format binary)")
        found, told, unchanged, fresh = [], unchanged, 0, 0
        with (
            prefetch(self._parts(keys)) as parts,
            connection.cursor() as cursor,
            cursor.copy(ends.format(_end_table(self._contract))) as stream,
        ):
            stream.write(copy.HEADER)
            for own, base in parts:
                doubled = doubled_in(own)
                found.append(doubled)
                if not len(own) and not len(base):  # as most parts of a few rows
                    self._draft.write(own)
                    continue
                is_ended = self._ended_by_text(own, base)
                left_out = np.concatenate([doubled.repeats, doubled.conflicts])
                if len(left_out):
                    is_out = np.isin(own["line"], left_out)
                    self._note_known(own[is_out], base)
                    own = own[~is_out]
                if is_ended is None:
                    in_base, place = _partners(own, base)
                    own["line"][in_base] = base["line"][place[in_base]]
                    is_ended = np.ones(len(base), bool)
                    is_ended[place[in_base]] = False
                    fresh += int((~in_base).sum())
                else:
                    fresh += len(own)
                    stays = base[~is_ended]
                    own = np.insert(stays, np.searchsorted(stays["key"], own["key"]), own)
                unchanged += len(base) - int(is_ended.sum())
                self._draft.write(own)
                stream.write(self._ends(base["line"][is_ended], deliveries).data)
            stream.write(copy.TRAILER)
        if self._base is not None and self._base.by_text and told != unchanged:
            raise AmbiguousHash
        identity = self._identity(connection, self._delivery_id, unchanged + fresh)
        self._kept = (identity, deliveries, self._texts, self._base_id)
        return Outcome(together(found), unchanged, fresh)

    def _ended_by_text(self, own: np.ndarray, base: np.ndarray) -> np.ndarray | None:
        """Which rows of the base no record had the text of; None if rows are told by their contents."""
        if self._base is None or not self._base.by_text:
            return None
        is_there = self._base.members.were_found(len(base))
        if len(base) and len(own):
            place = np.minimum(np.searchsorted(base["key"], own["key"]), len(base) - 1)
            if (is_there[place] & (base["key"][place] == own["key"])).any():
                raise AmbiguousHash
        return ~is_there

    def keep(self) -> None:
        """Put the digests in place. The load is committed: if there is no room for them, they are left out."""
        if self._draft is not None and self._kept is not None:
            with contextlib.suppress(OSError):
                self._draft.keep(*self._kept)

    def doubled_rows(self, connection: Connection, lines: list[int]) -> list[tuple[int, dict[str, Any]]]:
        """Those of the doubled rows that raw held already: line, and what raw holds."""
        wanted = set(lines)
        known = [(line, place) for line, place in self._known_doubled if line in wanted]
        if not known:
            return []
        deliveries = [0, *self._base.deliveries]
        statement = sql.SQL(
            "select x.line, to_jsonb(r) || case when r.{day} = b.taken_on"
            " then jsonb_build_object({name}, %(day)s::date) else '{{}}' end"
            " from unnest(%(lines)s::bigint[], %(ids)s::bigint[], %(places)s::bigint[])"
            " as x (line, delivery_id, line_number)"
            " inner join {table} as r using (delivery_id, line_number)"
            " inner join raw.snapshot as b using (delivery_id)"
        ).format(day=_day(self._contract), name=self._contract.history, table=_table(self._contract))
        values = {
            "day": self.day,
            "lines": [line for line, _ in known],
            "ids": [deliveries[place >> LINE_BITS] for _, place in known],
            "places": [place & ((1 << LINE_BITS) - 1) for _, place in known],
        }
        return connection.execute(statement, values).fetchall()

    def _parts(self, keys: Keys) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The parts of the delivery and of its base; places of the base as they count in the delivery's digests."""
        for own in keys.parts():
            base = np.empty(0, own.dtype)
            if self._base is not None:
                base = self._base.part().copy()
                base["line"] += 1 << LINE_BITS
            yield own, base

    def _note_known(self, doubled: np.ndarray, base: np.ndarray) -> None:
        in_base, place = _partners(doubled, base)
        self._known_doubled += zip(
            doubled["line"][in_base].tolist(), base["line"][place[in_base]].tolist(), strict=True
        )

    def _ends(self, places: np.ndarray, deliveries: list[int]) -> np.ndarray:
        """Rows of a binary COPY: ended_by, line_number, delivery_id."""
        heads = copy.row_heads(3, self._delivery_id, places & ((1 << LINE_BITS) - 1))
        ids = copy.bigints(np.array(deliveries, np.int64)[places >> LINE_BITS])
        return copy.rows([heads, ids], np.arange(len(places)))

    def _digests(self, connection: Connection, delivery_id: int, texts: str | None) -> Digests:
        """The digests of a stored snapshot, from their file or made again; `texts` as in `digests.read`."""
        identity = self._identity(connection, delivery_id)
        (day,) = connection.execute(
            "select taken_on from raw.snapshot where delivery_id = %s", [delivery_id]
        ).fetchone()
        if not _holds_on(self._contract, day, self.day):
            texts = None
        path = self._path(delivery_id)
        found = digests.read(path, identity, texts)
        if found is None:
            _rebuild(connection, self._contract, delivery_id, day, path, identity)
            found = digests.read(path, identity, None)
        if found is None:
            raise UserError(Message("draft_unreadable", path=path), remedy=Message("load_again_unread"))
        return found

    def _identity(self, connection: Connection, delivery_id: int, rows: int | None = None) -> dict[str, Any]:
        """What digests must be of, to be those of this delivery as raw holds it now."""
        (sha256, received_at, left) = connection.execute(
            "select sha256, received_at::text, loaded - erased_loaded from raw.delivery where delivery_id = %s",
            [delivery_id],
        ).fetchone()
        return {
            "delivery": delivery_id,
            "sha256": sha256,
            "received_at": received_at,
            "rows": left if rows is None else rows,
            "key_version": self._key_version,
            "contract": self._contract.version,
            "code": code_version(),
        }

    def _path(self, delivery_id: int) -> Any:
        return digests.path_of(self._settings.home, self._contract.source, self._series, delivery_id)


def base_of(connection: Connection, source: str, series: str, day: date) -> int | None:
    """The stored snapshot that one of this day has most in common with: any would do, this is a matter of size.

    The accepted ones first, then those that wait; the latest up to the day, else the next one.
    """
    row = connection.execute(
        "select s.delivery_id from raw.snapshot as s inner join raw.delivery as d using (delivery_id)"
        " where s.source = %(source)s and s.series = %(series)s and d.loaded is not null"
        " order by d.state = 'accepted' desc, d.state in ('loaded', 'held') desc, s.taken_on <= %(day)s desc,"
        " abs(s.taken_on - %(day)s), s.delivery_id desc limit 1",
        {"source": source, "series": series, "day": day},
    ).fetchone()
    return row[0] if row else None


def _holds_on(contract: Contract, day: date, other: date) -> bool:
    """Whether a row that passes every rule on a day passes on the other one, too, if it says the same but the day."""
    for rule in contract.rules:
        if contract.history not in rule.fields:
            continue
        is_left, is_after = rule.left == contract.history, rule.operator in (">", ">=")
        if rule.operator in ("==", "!=") or rule.left == rule.right or (is_left == is_after) != (other >= day):
            return day == other
    return True


def _partners(own: np.ndarray, base: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each entry: whether the base (sorted by key, each key once) has the same key and content, and where."""
    if not len(base):
        return np.zeros(len(own), bool), np.zeros(len(own), np.int64)
    place = np.minimum(np.searchsorted(base["key"], own["key"]), len(base) - 1)
    partner = base[place]
    return (partner["key"] == own["key"]) & (partner["content"] == own["content"]), place


def _rebuild(
    connection: Connection, contract: Contract, delivery_id: int, day: date, path: Any, identity: dict[str, Any]
) -> None:
    """Make the digests of a stored snapshot from the rows that raw holds."""
    fields = [field for field in contract.fields if field.columns]
    columns = [name for field in fields for name, _ in field.columns]
    columns += [] if contract.evidence is None else ["evidence"]
    statement = sql.SQL(
        "copy (select brought_by, brought_line, {} from {} where delivery_id = {}) to stdout (format binary)"
    ).format(sql.SQL(", ").join(map(sql.Identifier, columns)), _view(contract, "snapshot"), sql.Literal(delivery_id))
    deliveries: list[int] = []
    with Keys() as keys, Draft(path) as draft:
        with connection.cursor() as cursor, cursor.copy(statement) as stream:
            for rows in _copied(stream, 2 + len(columns)):
                ids, lines = rows.integers(0), rows.integers(1)
                deliveries += [found for found in np.unique(ids).tolist() if found not in deliveries]
                order = np.argsort(deliveries)
                number = order[np.searchsorted(np.array(deliveries)[order], ids)]
                keys.add(*_hashes(contract, fields, rows, day), (number << LINE_BITS) | lines)
        for part in keys.parts():
            draft.write(part)
        draft.keep(identity, deliveries, None)


@dataclass(frozen=True)
class _Rows:
    """Rows of a binary COPY: cell c of row n, its size in front, is `size[c, n]` bytes from `start[c, n]` of `data`."""

    data: np.ndarray
    start: np.ndarray
    size: np.ndarray

    def integers(self, column: int) -> np.ndarray:
        """A column of bigint without NULL."""
        return self.data[self.start[column, :, None] + np.arange(4, 12)].view(">i8")[:, 0].astype(np.int64)


def _copied(stream: Any, width: int) -> Iterator[_Rows]:
    """The rows of a COPY, some MB at a time."""
    buffer, rows = bytearray(), 0
    for message in stream:
        data = bytes(message).removeprefix(copy.HEADER)
        if data in (b"", copy.TRAILER):
            continue
        buffer += data
        rows += 1
        if len(buffer) > CHUNK_BYTES:
            yield _cut(buffer, rows, width)
            buffer, rows = bytearray(), 0
    if rows:
        yield _cut(buffer, rows, width)


def _cut(buffer: bytearray, rows: int, width: int) -> _Rows:
    data = np.frombuffer(bytes(buffer), np.uint8)
    start, size = np.empty((width, rows), np.int32), np.empty((width, rows), np.int32)
    if kernels.cells(data, start, size) != len(data):
        raise AssertionError("PostgreSQL's rows are not cut where they end")
    return _Rows(data, start, size)


def _hashes(contract: Contract, fields: list[Field], rows: _Rows, day: date) -> tuple[np.ndarray, np.ndarray]:
    """Hashes of key and content of rows as raw holds them: as `Engine` makes them of a file's."""
    n = rows.start.shape[1]
    key, content, every = np.zeros(n, np.uint64), np.zeros(n, np.uint64), np.empty(0, np.int32)
    column = 2
    for field in fields:
        start, size = rows.start[column], rows.size[column : column + len(field.columns)].sum(axis=0, dtype=np.int32)
        if not is_read_whole(field, contract):
            hashes = kernels.hashes_of(rows.data, start, size)
        elif field.privacy == "pseudonym":
            hashes = kernels.first_digits(rows.data, start + 4)
        else:
            hashes = kernels.hashes_of(rows.data, start + 4, size - 4)
        if is_read_whole(field, contract):
            hashes[rows.data[start] == 0xFF] = 0  # NULL
        elif field.name == contract.history:
            hashes[hashes == hash_of(copy.cell(day, "date"))] = 0
        kernels.mix(content, hashes, every)
        if field.name in contract.primary_key:
            kernels.mix(key, hashes, every)
        column += len(field.columns)
    if contract.evidence is not None:
        kernels.mix(content, kernels.hashes_of(rows.data, rows.start[column], rows.size[column]), every)
    return key, content


# --- tables and views -------------------------------------------------------------------------------


def sync(connection: Connection, contract: Contract) -> None:
    """Make the table of ends and the views of a source with a history; what is stored whole becomes changes."""
    fresh = connection.execute("select to_regclass(%s) is null", [f'raw."{contract.table}_end"']).fetchone()[0]
    connection.execute(
        sql.SQL(
            "create table if not exists {} (ended_by bigint not null, delivery_id bigint not null,"
            " line_number bigint not null)"
        ).format(_end_table(contract))
    )
    columns = _columns(connection, contract)
    views = {"snapshot": _snapshot_view(contract, columns), "history": _history_view(contract, columns)}
    for name, query in views.items():
        connection.execute(sql.SQL("create or replace view {} as {}").format(_view(contract, name), query))
    for role, rights in ((LOADER, "select, insert"), (BUILDER, "select")):
        grant = sql.SQL("grant {} on {} to {}")
        connection.execute(grant.format(sql.SQL(rights), _end_table(contract), sql.Identifier(role)))
        for name in views:
            connection.execute(grant.format(sql.SQL("select"), _view(contract, name), sql.Identifier(role)))
    for relation, text in _COMMENTS:
        kind = sql.SQL("table" if relation == "end" else "view")
        connection.execute(sql.SQL("comment on {} {} is {}").format(kind, _view(contract, relation), text))
    for name, text in (("valid_from", _VALID_FROM), ("valid_to", _VALID_TO)):
        column = sql.SQL("{}.{}").format(_view(contract, "history"), sql.Identifier(name))
        connection.execute(sql.SQL("comment on column {} is {}").format(column, text))
    if fresh:
        _convert(connection, contract, columns)


_COMMENTS = (
    (
        "end",
        "Rows that a snapshot lacks and its base has: which (delivery_id, line_number), and whose (ended_by).",
    ),
    (
        "snapshot",
        "The rows of every stored snapshot as delivered: delivery_id is the snapshot's, brought_by and brought_line "
        "say which file held the row first; line_number is empty where that was another one.",
    ),
    (
        "history",
        "The rows of the accepted snapshots, each with the time for which it held. The snapshot of a day: "
        "valid_from <= day and (valid_to is null or day < valid_to). The column of the day is empty where it says the "
        "snapshot's own.",
    ),
)
_VALID_FROM = "Day of the first accepted snapshot with the row."
_VALID_TO = "Day of the first accepted snapshot after it without the row; empty while there is none."


def _convert(connection: Connection, contract: Contract, columns: list[str]) -> None:
    """Snapshots that were stored whole become changes, each to the one before it."""
    stored = connection.execute(
        "select delivery_id, period from raw.delivery where source = %s and loaded is not null", [contract.source]
    ).fetchall()
    by_series: dict[str, list[tuple[date, int]]] = {}
    for delivery_id, period in stored:
        series, day = series_of(contract, period)
        by_series.setdefault(series, []).append((day, delivery_id))
    for series, snapshots in by_series.items():
        base = None
        for day, delivery_id in sorted(snapshots):
            connection.execute(
                "insert into raw.snapshot (delivery_id, source, series, taken_on) values (%s, %s, %s, %s)",
                [delivery_id, contract.source, series, day],
            )
            if base is not None:
                _rebase(connection, contract, columns, delivery_id, base)
            base = delivery_id


def _rebase(connection: Connection, contract: Contract, columns: list[str], delivery_id: int, base: int) -> None:
    """Keep of a snapshot that is stored whole only what differs from `base`."""
    parts = {
        "snapshot": _view(contract, "snapshot"),
        "table": _table(contract),
        "end": _end_table(contract),
        "same": _same(contract, columns),
    }
    # The base's rows with the same key and values, and what day each says relative to its snapshot's own.
    statement = sql.SQL(
        "create temporary table unchanged on commit drop as select o.line_number, b.brought_by, b.brought_line"
        " from {snapshot} as o inner join {snapshot} as b on {same}"
        " where o.delivery_id = %(id)s and b.delivery_id = %(base)s"
    ).format(**parts)
    values = {"id": delivery_id, "base": base}
    connection.execute(statement, values)
    connection.execute(
        sql.SQL(
            "insert into {end} (ended_by, delivery_id, line_number)"
            " select %(id)s, brought_by, brought_line from {snapshot} where delivery_id = %(base)s"
            " except select %(id)s, brought_by, brought_line from unchanged"
        ).format(**parts),
        values,
    )
    connection.execute(
        sql.SQL(
            "delete from {table} as r using unchanged as u"
            " where r.delivery_id = %(id)s and r.line_number = u.line_number"
        ).format(**parts),
        values,
    )
    connection.execute("update raw.snapshot set base_id = %(base)s where delivery_id = %(id)s", values)
    connection.execute("drop table unchanged")


def _same(contract: Contract, columns: list[str]) -> sql.Composable:
    """Whether the rows o and b of two snapshots are the same row: a condition that begins with the key."""
    key = [name for name in contract.primary_key if name != contract.history]
    equal = [sql.SQL("o.{0} = b.{0}").format(sql.Identifier(name)) for name in key]
    rest = [name for name in columns if name not in contract.primary_key]
    alike = [sql.SQL("o.{0} is not distinct from b.{0}").format(sql.Identifier(name)) for name in rest]
    relative = sql.SQL(
        "case when o.{0} = (select taken_on from raw.snapshot where delivery_id = o.delivery_id) then null else o.{0}"
        " end is not distinct from"
        " case when b.{0} = (select taken_on from raw.snapshot where delivery_id = b.delivery_id) then null else b.{0}"
        " end"
    ).format(_day(contract))
    return sql.SQL(" and ").join([*equal, *alike, relative])


def _columns(connection: Connection, contract: Contract) -> list[str]:
    """The data columns of the raw table, in its order: one that it gains comes last, as views want it."""
    rows = connection.execute(
        "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped"
        " and attname not in ('delivery_id', 'line_number') order by attnum",
        [f'raw."{contract.table}"'],
    )
    return [name for (name,) in rows]


def _snapshot_view(contract: Contract, columns: list[str]) -> sql.Composable:
    shown = [
        sql.SQL("case when r.{0} = b.taken_on then s.taken_on else r.{0} end as {0}").format(sql.Identifier(name))
        if name == contract.history
        else sql.Identifier("r", name)
        for name in columns
    ]
    return sql.SQL(
        """
        select
            p.delivery_id,
            case when r.delivery_id = p.delivery_id then r.line_number end as line_number,
            r.delivery_id as brought_by,
            r.line_number as brought_line,
            {columns}
        from raw.snapshot_part as p
        inner join raw.snapshot as s on p.delivery_id = s.delivery_id
        inner join raw.snapshot as b on p.part_id = b.delivery_id
        inner join {table} as r on p.part_id = r.delivery_id
        where s.source = {source}
            and not exists (
                select 1
                from {end} as e
                inner join raw.snapshot_part as q on e.ended_by = q.part_id
                where q.delivery_id = p.delivery_id
                    and e.delivery_id = r.delivery_id
                    and e.line_number = r.line_number
            )
        """
    ).format(
        columns=sql.SQL(", ").join(shown), table=_table(contract), end=_end_table(contract), source=contract.source
    )


def _history_view(contract: Contract, columns: list[str]) -> sql.Composable:
    shown = [
        sql.SQL("nullif(r.{0}, b.taken_on) as {0}").format(sql.Identifier(name))
        if name == contract.history
        else sql.Identifier("r", name)
        for name in columns
    ]
    return sql.SQL(
        """
        with accepted as (
            select
                s.delivery_id,
                s.series,
                s.taken_on,
                row_number() over in_order as number,
                min(s.taken_on) over (partition by s.series) as first_on,
                coalesce(lead(s.taken_on) over in_order, 'infinity') as next_on
            from raw.snapshot as s
            inner join raw.delivery as d on s.delivery_id = d.delivery_id
            where s.source = {source} and d.state = 'accepted'
            window in_order as (partition by s.series order by s.taken_on)
        ),
        ended as (
            select delivery_id, line_number, array_agg(ended_by order by ended_by) as ended_by
            from {end}
            group by delivery_id, line_number
        ),
        -- Rows that the same delivery brought and the same deliveries ended stand in the same snapshots.
        kind as (
            select delivery_id, ended_by from ended
            union
            select delivery_id, '{{}}'::bigint[] from raw.snapshot where source = {source}
        ),
        held as (
            select
                k.delivery_id,
                k.ended_by,
                a.series,
                a.first_on,
                a.taken_on,
                a.next_on,
                a.number - row_number() over (partition by k.delivery_id, k.ended_by order by a.number) as island
            from kind as k
            inner join raw.snapshot_part as p on k.delivery_id = p.part_id
            inner join accepted as a on p.delivery_id = a.delivery_id
            where not exists (
                select 1
                from raw.snapshot_part as q
                where q.delivery_id = a.delivery_id and q.part_id = any(k.ended_by)
            )
        ),
        span as (
            select delivery_id, ended_by, series, first_on, min(taken_on) as valid_from, max(next_on) as valid_to
            from held
            group by delivery_id, ended_by, series, first_on, island
        ),
        piece as (
            select
                span.series,
                span.valid_from,
                span.valid_to,
                span.valid_from = span.first_on and span.valid_to = 'infinity' as is_whole,
                r.delivery_id,
                r.line_number,
                {shown}
            from {table} as r
            inner join raw.snapshot as b on r.delivery_id = b.delivery_id
            left join ended as e on r.delivery_id = e.delivery_id and r.line_number = e.line_number
            inner join span on r.delivery_id = span.delivery_id and coalesce(e.ended_by, '{{}}') = span.ended_by
        ),
        -- The same row may have been brought twice, by snapshots of which neither knew the other.
        numbered as (
            select
                *,
                count(*) filter (where is_new) over (partition by series, {columns} order by valid_from) as island
            from (
                select
                    *,
                    valid_from is distinct from
                    lag(valid_to) over (partition by series, {columns} order by valid_from) as is_new
                from piece
                where not is_whole
            ) as marked
        ),
        joined as (
            select distinct on (series, {columns}, island)
                series,
                valid_from,
                max(valid_to) over (partition by series, {columns}, island) as valid_to,
                delivery_id,
                line_number,
                {columns}
            from numbered
            order by series, {columns}, island, valid_from
        )
        select series, valid_from, null::date as valid_to, delivery_id, line_number, {columns} from piece where is_whole
        union all
        select series, valid_from, nullif(valid_to, 'infinity'), delivery_id, line_number, {columns} from joined
        """
    ).format(
        source=contract.source,
        end=_end_table(contract),
        table=_table(contract),
        shown=sql.SQL(", ").join(shown),
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
    )


def _table(contract: Contract) -> sql.Identifier:
    return sql.Identifier("raw", contract.table)


def _end_table(contract: Contract) -> sql.Identifier:
    return _view(contract, "end")


def _view(contract: Contract, name: str) -> sql.Identifier:
    return sql.Identifier("raw", f"{contract.table}_{name}")


def _day(contract: Contract) -> sql.Identifier:
    return sql.Identifier(contract.history)
