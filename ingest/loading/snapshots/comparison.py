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
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from psycopg import Connection, sql

from ingest.contracts import Contract, period_day
from ingest.contracts.messages import Message
from ingest.deliveries.pseudonyms import KeyChain
from ingest.loading import copy
from ingest.loading.engine import Engine
from ingest.loading.keys import Doubled, Keys, doubled_in, together
from ingest.loading.snapshots import digests
from ingest.loading.snapshots.digests import LINE_BITS, Digests, Draft
from ingest.loading.snapshots.rebuild import rebuild
from ingest.loading.snapshots.tables import day_of, end_table_of, table_of
from ingest.reading.refused import Refused
from lagebild.core import lazy
from lagebild.core.errors import UserError
from lagebild.core.prefetch import prefetch
from lagebild.core.settings import Settings
from lagebild.core.version import code_version

kernels = lazy.module("ingest.reading.kernels")


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
) -> Generator["Comparison | None"]:
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
        self._kept: tuple[dict[str, Any], list[int], str | None, int | None] | None = None
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
            cursor.copy(ends.format(end_table_of(self._contract))) as stream,
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
        ).format(day=day_of(self._contract), name=self._contract.history, table=table_of(self._contract))
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
            rebuild(connection, self._contract, delivery_id, day, path, identity)
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
