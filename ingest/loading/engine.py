"""A contract compiled for blocks: records in, rows for COPY and rejected rows out.

Every rule has one definition, `values.cells`. For a column with rules, each distinct text is checked once, however
often it occurs; the result, already in PostgreSQL's format, is copied to every row. Columns without rules (free text,
identifiers) are converted as a whole. Dropped columns are not read.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from ingest.contracts import MASK, REDUCED, Contract, Field, Layout, Rule
from ingest.contracts.messages import Message
from ingest.deliveries import pseudonyms
from ingest.deliveries.pseudonyms import KeyChain
from ingest.loading import copy, encoding
from ingest.loading.copy import Cells
from ingest.reading import values
from ingest.reading.block import Block, Broken
from lagebild.core import lazy
from lagebild.core.errors import UserError

kernels = lazy.module("ingest.reading.kernels")

_HASH = ord("#")
MOST_ANSWERS = 500_000
"""Cache size per column."""


@dataclass(frozen=True)
class Rejected:
    """A row that broke the contract: its line, every reason, and its fields with personal ones masked."""

    line: int
    reasons: list[dict[str, Any]]
    fields: dict[str, str] | None

    def copy_line(self, delivery_id: int) -> bytes:
        """The row of raw.rejected_row as a line of COPY's text format."""
        fields = "\\N" if self.fields is None else _escaped(self.fields)
        return f"{delivery_id}\t{self.line}\t{_escaped(self.reasons)}\t{fields}\n".encode()


def _escaped(value: Any) -> str:
    return json.dumps(value).replace("\\", "\\\\")


@dataclass(frozen=True)
class Checked:
    """A block after the check."""

    lines: np.ndarray
    """Physical lines (int64) of the good rows."""
    payload: np.ndarray
    """The good rows as bytes (uint8) of a binary COPY, without its header; columns in the order of `Engine.columns`.

    Those of which `Engine.is_known` says that raw holds them already are left out."""
    keys: np.ndarray
    """Hash (uint64) of each good row's primary key."""
    contents: np.ndarray
    """Hash (uint64) of all that raw keeps of each good row, its columns in the contract's order."""
    rejected: list[Rejected]
    texts: np.ndarray | None
    """Hash (uint64) of each good row's texts in the file."""
    unchanged: int
    """Number of records recognised by their texts; they are in none of the above."""


class Engine:
    """Checks blocks of records against a contract, in the layout that the delivery's header has."""

    is_known: Callable[[np.ndarray], np.ndarray] | None = None
    """Finds rows that raw already has, by hashes of their contents."""
    text_key: np.ndarray | None = None
    """Key (2 x uint64) of the hashes of texts; without it there are none."""
    is_known_text: Callable[[np.ndarray], np.ndarray] | None = None
    """Finds records that raw already has, by hashes of their texts; they are not processed further."""

    def __init__(
        self, contract: Contract, layout: Layout, key: KeyChain | None, delivery_id: int, day: date | None = None
    ):
        """`day`: what the contract's history field says in every row; it is of the delivery, and not hashed."""
        self.contract, self.delivery_id, self._chain = contract, delivery_id, key
        self.fields = list(layout.fields)
        self._kept = [(n, f) for n, f in enumerate(self.fields) if f.privacy != "drop"]
        ruled = {name for rule in contract.rules for name in rule.fields}
        names = [f.name for _, f in self._kept]
        self._backgrounds = [
            (n, names.index(f.nationality)) for n, (_, f) in enumerate(self._kept) if f.nationality is not None
        ]
        compared = ruled | {names[n] for pair in self._backgrounds for n in pair}
        self._broken_rules = {rule.name: contract.broken(rule) for rule in contract.rules}
        of_delivery = None if day is None else copy.cell(day, "date")
        self._readers = [
            _Whole(f, contract, key)
            if is_read_whole(f, contract)
            else _Distinct(f, contract, key, f.name in compared, of_delivery if f.name == contract.history else None)
            for _, f in self._kept
        ]
        constants = [
            (name, kind, value if name == f.name else None) for f, value in layout.constants for name, kind in f.columns
        ]
        if contract.evidence is not None:
            constants.append(("evidence", "text", contract.evidence))
        self._constants = [copy.cell(value, kind) for _, kind, value in constants]
        self.columns = ["delivery_id", "line_number"]
        self.columns += [name for _, f in self._kept for name, _ in f.columns] + [name for name, _, _ in constants]
        self._is_personal = contract.has_personal_fields
        self._shown = {f.title for f in self.fields if contract.may_show(f)}
        kept = [f.name for _, f in self._kept]
        hashed = [f.name for f in contract.fields if f.columns]
        evidence = [] if contract.evidence is None else [hash_of(copy.cell(contract.evidence, "text"))]
        self._key = _hashed(contract, layout, kept, [name for name in hashed if name in contract.primary_key])
        self._hashed = _hashed(contract, layout, kept, hashed) + evidence

    def check(self, block: Block) -> Checked:
        """Rows and rejected rows of a block."""
        n = len(block.lines)
        if block.start.shape != (len(self.fields), n):
            what = Message("records_not_read", records=n, line=block.lines[0], read=block.start.shape[1])
            raise UserError(what, remedy=Message("report_lost_rows"))
        texts, unchanged = self._texts(block), 0
        if self.is_known_text is not None:
            left = np.flatnonzero(~self.is_known_text(texts))
            block, texts, unchanged, n = block.take(left), texts[left], n - len(left), len(left)
        controls = _controls_before(block.data)
        columns = [
            read(block.data, block.start[i], block.size[i], controls)
            for read, (i, _) in zip(self._readers, self._kept, strict=True)
        ]
        is_good = np.ones(n, bool)
        for column in columns:
            if column.is_bad is not None:
                is_good &= ~column.is_bad
        broken_rules = [(rule, self._breaks(rule, columns, n)) for rule in self.contract.rules]
        for _, is_broken in broken_rules:
            is_good &= ~is_broken
        good, bad = np.flatnonzero(is_good), np.flatnonzero(~is_good)
        rejected = [self._rejected(block, columns, broken_rules, row) for row in bad.tolist()]
        rejected = sorted([*rejected, *map(self.broken, block.broken)], key=lambda row: row.line)
        heads = copy.row_heads(len(self.columns), self.delivery_id, block.lines)
        for column, nationality in self._backgrounds:
            columns[column] = _background(columns[column], columns[nationality])
        constants = [Cells.constant(cell, n) for cell in self._constants]
        keys, contents = (self._mixed(parts, columns, n)[good] for parts in (self._key, self._hashed))
        sent = good if self.is_known is None else good[~self.is_known(contents)]
        payload = copy.rows([heads, *(column.cells for column in columns), *constants], sent)
        texts = None if texts is None else texts[good]
        return Checked(block.lines[good], payload, keys, contents, rejected, texts, unchanged)

    def is_row(self, fields: list[str]) -> bool:
        """Whether the texts of a record pass every rule."""
        if len(fields) != len(self.fields):
            return False
        try:
            for field, text in zip(self.fields, fields, strict=True):
                values.cells(field, text, self.contract.missing_values, self._chain)
        except values.BadValue:
            return False
        return True

    def broken(self, record: Broken) -> Rejected:
        """The rejected row of a record whose fields cannot be told apart, or whose cells are broken."""
        if record.faults:
            return self._broken_cells(record)
        if record.code == "field_count":
            message = Message("field_count", fields=record.fields, agreed=record.wanted or len(self.fields))
        else:
            message = Message("header_again" if record.code == "header" else "quoting_broken")
        if record.start is not None:
            message = Message("at_bytes", what=message, start=record.start, end=record.end)
        # No column can be trusted then, so no text of a person-level row is kept.
        shown = None if self.contract.has_personal_fields else {"record": record.text}
        return Rejected(record.line, [reason(record.code, "", message)], shown)

    def _broken_cells(self, record: Broken) -> Rejected:
        """The rejected row of a workbook: what is wrong with its cells, and which rules the others break."""
        reasons, texts = [], {field.title: text for field, text in zip(self.fields, record.cells, strict=True)}
        for n, field in self._kept:
            broken = record.faults.get(n)
            if broken is not None:
                reasons.append(reason(broken.code, field.title, broken.message, f"{field.title}: "))
                continue
            try:
                values.cells(field, record.cells[n], self.contract.missing_values, self._chain)
            except values.BadValue as bad:
                reasons.append(reason(bad.code, field.title, bad.message, f"{field.title} "))
        beyond = [broken for n, broken in record.faults.items() if n >= len(self.fields)]
        reasons += [reason(broken.code, "", broken.message) for broken in beyond]
        return Rejected(record.line, reasons, self._shown_beside(reasons, texts))

    def _shown_beside(self, reasons: list[dict[str, Any]], texts: dict[str, str]) -> dict[str, str]:
        """What a rejected row shows."""
        # If columns are shifted, a text that breaks its field's rules can be a person's name.
        hidden = {entry["field"] for entry in reasons} if self._is_personal else set()
        return {f.title: texts[f.title] if f.title in self._shown - hidden else MASK for f in self.fields}

    def _texts(self, block: Block) -> np.ndarray | None:
        """Hashes of the kept texts of each record, where the day counts only if it is not the delivery's own."""
        if self.text_key is None:
            return None
        day = next(n for n, f in enumerate(self.fields) if f.name == self.contract.history)
        others = np.array([n for n, _ in self._kept if n != day], np.int32)
        texts = kernels.sip(block.data, block.start, block.size, others, self.text_key)
        read = self._readers[[n for n, _ in self._kept].index(day)](block.data, block.start[day], block.size[day])
        kernels.mix(texts, read.hashes, read.cells.which)
        return texts

    @staticmethod
    def _mixed(parts: list[int | np.uint64], columns: list["Column"], n: int) -> np.ndarray:
        """One hash a row of columns (by number) and constants."""
        mixed = np.zeros(n, np.uint64)
        for part in parts:
            if isinstance(part, int):
                kernels.mix(mixed, columns[part].hashes, columns[part].cells.which)
            else:
                kernels.mix(mixed, np.array([part]), np.zeros(n, np.int32))
        return mixed

    def _breaks(self, rule: Rule, columns: list["Column"], n: int) -> np.ndarray:
        """Rows that break a rule across fields: both sides have a value and the comparison fails."""
        typed = {f.name: column.typed for column, (_, f) in zip(columns, self._kept, strict=True)}
        if rule.left not in typed or (rule.right is not None and rule.right not in typed):
            return np.zeros(n, bool)  # the layout lacks a column of it
        left = typed[rule.left]
        right = np.full(n, rule.literal, object) if rule.right is None else typed[rule.right]
        both = np.flatnonzero(~_is_missing(left) & ~_is_missing(right))
        is_broken = np.zeros(n, bool)
        is_broken[both] = ~rule.compare(left[both], right[both]).astype(bool)
        return is_broken

    def _rejected(
        self,
        block: Block,
        columns: list["Column"],
        broken_rules: list[tuple[Rule, np.ndarray]],
        row: int,
    ) -> Rejected:
        texts = {field.title: block.text(n, row) for n, field in self._kept}
        reasons = [
            reason(column.reason(row).code, field.title, column.reason(row).message, f"{field.title} ")
            for column, (_, field) in zip(columns, self._kept, strict=True)
            if column.is_bad is not None and column.is_bad[row]
        ]
        title = {f.name: f.title for f in self.fields}
        reasons += [
            reason("rule", ", ".join(title[name] for name in rule.fields), self._broken_rules[rule.name])
            for rule, is_broken in broken_rules
            if is_broken[row]
        ]
        return Rejected(int(block.lines[row]), reasons, self._shown_beside(reasons, texts))


def _is_missing(typed: np.ndarray) -> np.ndarray:
    return np.isnat(typed) if typed.dtype.kind == "M" else np.equal(typed, None)


def reason(code: str, field: str, message: Message, before: str = "") -> dict[str, Any]:
    """A reason as raw.rejected_row keeps it; `before`: what stands before the message in English."""
    return {"code": code, "field": field, "message": before + message, "said": message.kept()}


def _is_free(field: Field) -> bool:
    """Whether a field's only rule is that it must not be empty."""
    rules = (field.pattern, field.enum, field.mapping, field.minimum, field.maximum, field.part)
    return field.type == "string" and not field.signs and rules == (None,) * len(rules)


def is_read_whole(field: Field, contract: Contract) -> bool:
    """Whether a column is converted as a whole: nothing is asked of its texts."""
    is_asked = field.privacy in REDUCED or any(field.name in rule.fields for rule in contract.rules)
    return _is_free(field) and not is_asked


def hash_of(data: bytes) -> np.uint64:
    """The hash of one text, or of one value in PostgreSQL's binary form."""
    return kernels.hashes_of(np.frombuffer(data, np.uint8), np.zeros(1, np.int32), np.array([len(data)], np.int32))[0]


def _controls_before(data: np.ndarray) -> np.ndarray | None:
    """How many control signs but tabulators and line ends stand before each byte, and in all (int32); None: not one."""
    is_one = data < 32
    is_one &= (data != 9) & (data != 10) & (data != 13)
    return np.concatenate([[0], np.cumsum(is_one, dtype=np.int32)]) if is_one.any() else None


def _texts_of(data: np.ndarray, start: np.ndarray, size: np.ndarray) -> list[bytes]:
    whole = data.tobytes()
    return [whole[begin:end] for begin, end in zip(start.tolist(), (start + size).tolist(), strict=True)]


def _hashed(contract: Contract, layout: Layout, kept: list[str], names: Iterable[str]) -> list[int | np.uint64]:
    """What makes up a hash over these fields: the number of a column in `kept`, or the hash of a layout's constant."""
    missing = {f.name: (f, value) for f, value in layout.constants}
    parts: list[int | np.uint64] = []
    for name in names:
        if name in kept:
            parts.append(kept.index(name))
            continue
        field, value = missing[name]
        if is_read_whole(field, contract):
            parts.append(np.uint64(0) if value is None else hash_of(value.encode()))
        else:
            cells = [copy.cell(value if column == name else None, kind) for column, kind in field.columns]
            parts.append(hash_of(b"".join(cells)))
    return parts


@dataclass(frozen=True)
class Column:
    """Results for one field in all records of a block."""

    cells: Cells
    hashes: np.ndarray
    """Of what raw keeps of a field (uint64), in the order of the cells."""
    is_bad: np.ndarray | None
    reasons: dict[int, values.BadValue]
    """By number of the cell; of a column that is read whole by row, and -1 for rows that have none of their own."""
    typed: np.ndarray | None = None
    """Values of a field that a rule across fields compares: dates (NaT where missing or bad), or Python's (None)."""

    def reason(self, row: int) -> values.BadValue:
        """Why the field of a bad row is bad."""
        return self.reasons[int(self.cells.which[row])] if len(self.cells.which) else self._of_row(row)

    def _of_row(self, row: int) -> values.BadValue:
        return self.reasons.get(row) or self.reasons[-1]


class _Distinct:
    """Reads a column by checking each distinct text once."""

    def __init__(
        self,
        field: Field,
        contract: Contract,
        key: KeyChain | None,
        is_ruled: bool = False,
        of_delivery: bytes | None = None,
    ):
        """`of_delivery`: a value that is not hashed."""
        self.field, self.missing, self.key, self.is_ruled = field, contract.missing_values, key, is_ruled
        self._of_delivery = of_delivery
        self._forget()

    def _forget(self) -> None:
        self._texts = _Texts()
        self._reasons: dict[int, values.BadValue] = {}
        self._is_bad = np.zeros(256, bool)
        self._data = bytearray()
        self._start, self._size = np.zeros(256, np.int32), np.zeros(256, np.int32)
        self._hashes = np.zeros(256, np.uint64)
        self._bytes = np.empty(0, np.uint8)
        is_date = self.field.type == "date" and self.field.privacy != "year"
        self._values = np.empty(0, "datetime64[D]" if is_date else object)

    def __call__(
        self, data: np.ndarray, start: np.ndarray, size: np.ndarray, controls: np.ndarray | None = None
    ) -> Column:
        if self._texts.known > MOST_ANSWERS:
            self._forget()
        answered = self._texts.known
        numbers = self._texts.number(data, start, size)
        if self._texts.known > answered:
            self._ask(answered)
        is_bad = self._is_bad[numbers] if self._reasons else None
        cells = Cells(self._bytes, self._start, self._size, which=numbers)
        return Column(cells, self._hashes, is_bad, self._reasons, self._values[numbers] if self.is_ruled else None)

    def _ask(self, first: int) -> None:
        """Write down the answers to texts that were not seen before."""
        known = self._texts.known
        if known > len(self._start):
            room = (0, 2 * known - len(self._start))
            self._start, self._size, self._hashes, self._is_bad = (
                np.pad(table, room) for table in (self._start, self._size, self._hashes, self._is_bad)
            )
        typed, of_delivery = [], []
        for n in range(first, known):
            try:
                value, data = self._answer(self._texts.text(n))
            except values.BadValue as bad:
                self._reasons[n], self._is_bad[n], value, data = bad, True, None, b""
            typed.append(value)
            self._start[n], self._size[n] = len(self._data), len(data)
            self._data += data
            if data == self._of_delivery:
                of_delivery.append(n)
        self._bytes = np.frombuffer(bytes(self._data), np.uint8)
        self._hashes[first:known] = kernels.hashes_of(self._bytes, self._start[first:known], self._size[first:known])
        self._hashes[of_delivery] = 0
        if self.is_ruled:
            self._values = np.append(self._values, np.array(typed, self._values.dtype))

    def _answer(self, text: str) -> tuple[Any, bytes]:
        """The field's value, and what PostgreSQL takes for it; BadValue if the text breaks a rule."""
        cells = values.cells(self.field, text, self.missing, self.key)
        return cells[0], b"".join(
            encoding.encoded(value, kind) for value, (_, kind) in zip(cells, self.field.columns, strict=True)
        )


def _background(born: Column, nationality: Column) -> Column:
    """What raw keeps of a country of birth: the background that follows from it beside the row's nationality."""
    if born.typed is None or nationality.typed is None:
        raise AssertionError("both columns are read with their values")
    pairs = born.cells.which.astype(np.int64) << 32 | nationality.cells.which
    _, first, which = np.unique(pairs, return_index=True, return_inverse=True)
    found = [values.background(nationality.typed[row], born.typed[row]) for row in first.tolist()]
    cells = [encoding.encoded(value, "text") for value in found]
    size = np.array([len(cell) for cell in cells], np.int32)
    start = np.cumsum(size, dtype=np.int32) - size
    data = np.frombuffer(b"".join(cells), np.uint8)
    made = Cells(data, start, size, which=which.astype(np.int32))
    return Column(made, kernels.hashes_of(data, start, size), born.is_bad, born.reasons)


class _Texts:
    """Distinct texts, numbered in the order of their first appearance."""

    def __init__(self) -> None:
        self.known = 0
        self._store, self._ends = np.empty(1 << 12, np.uint8), np.zeros(1 << 8, np.int64)
        self._hashes, self._slots = np.empty(1 << 8, np.uint64), np.full(1 << 9, -1, np.int32)

    def number(self, data: np.ndarray, start: np.ndarray, size: np.ndarray) -> np.ndarray:
        """The number (int32) of each text."""
        numbers, row = np.empty(len(start), np.int32), 0
        while True:
            tables = self._slots, self._store, self._ends, self._hashes
            row, self.known = kernels.number(data, start, size, row, *tables, self.known, numbers)
            if row == len(start):
                return numbers
            self._grow(int(size[row]))

    def _grow(self, size: int) -> None:
        self._store = np.concatenate([self._store, np.empty(len(self._store) + size, np.uint8)])
        self._ends = np.concatenate([self._ends, np.zeros(len(self._ends), np.int64)])
        self._hashes = np.concatenate([self._hashes, np.empty(len(self._hashes), np.uint64)])
        self._slots = kernels.slots(self._hashes[: self.known], 2 * len(self._slots))

    def text(self, n: int) -> str:
        return self._store[self._ends[n] : self._ends[n + 1]].tobytes().decode()


class _Whole:
    """Reads a column of free text or of identifiers as a whole."""

    def __init__(self, field: Field, contract: Contract, key: KeyChain | None):
        self.field = field
        self._missing = [np.frombuffer(text.encode(), np.uint8) for text in contract.missing_values]
        self._keys = key.keys if field.privacy == "pseudonym" else ()

    def __call__(
        self, data: np.ndarray, start: np.ndarray, size: np.ndarray, controls: np.ndarray | None = None
    ) -> Column:
        """`controls`: of `_controls_before`."""
        start, size = start.copy(), size.copy()
        kernels.strip(data, start, size)
        is_missing = np.zeros(len(start), bool)
        for text in self._missing:
            same_size = np.flatnonzero(size == len(text))
            is_missing[same_size] |= (data[start[same_size, None] + np.arange(len(text))] == text).all(axis=1)
        errors = self._errors(data, start, size, is_missing) | self._too_long(data, start, size)
        if controls is not None:
            errors = self._with_controls(data, start, size, controls) | errors
        hashes = None if self._keys else kernels.hashes_of(data, start, size)
        for key in self._keys:
            digests = pseudonyms.digests(key, _texts_of(data, start, size))
            hashes = np.frombuffer(digests, ">u8")[::4].astype(np.uint64)
            data = np.frombuffer(digests.hex().encode(), np.uint8)
            size = np.full(len(size), 64, np.int32)
            start = np.arange(len(size), dtype=np.int32) * 64
        if is_missing.any():
            size[is_missing], hashes[is_missing] = 0, 0
        lengths = np.where(is_missing, np.int32(-1), size)
        is_bad = is_missing if self.field.required and is_missing.any() else None
        reasons = {-1: values.BadValue("required", Message("value_missing"))} | errors
        if errors:
            is_bad = np.zeros(len(start), bool) if is_bad is None else is_bad.copy()
            is_bad[list(errors)] = True
        return Column(Cells(data, start, size, lengths), hashes, is_bad, reasons)

    def _too_long(self, data: np.ndarray, start: np.ndarray, size: np.ndarray) -> dict[int, values.BadValue]:
        """Texts of more characters than are agreed, by row: no text has more characters than bytes."""
        limit = self.field.max_length
        return {
            row: values.too_long(self.field)
            for row in (np.flatnonzero(size > limit).tolist() if limit is not None else ())
            if len(data[start[row] : start[row] + size[row]].tobytes().decode()) > limit
        }

    @staticmethod
    def _with_controls(data: np.ndarray, start: np.ndarray, size: np.ndarray, controls: np.ndarray) -> dict:
        """What is wrong with texts that hold control signs, by row."""
        rows = np.flatnonzero(controls[start + size] > controls[start]).tolist()
        texts = (data[start[row] : start[row] + size[row]].tobytes().decode() for row in rows)
        return {row: bad for row, text in zip(rows, texts, strict=True) if (bad := values.control_sign(text))}

    @staticmethod
    def _errors(data: np.ndarray, start: np.ndarray, size: np.ndarray, is_missing: np.ndarray) -> dict:
        """What a spreadsheet wrote where it had no value, by row."""
        filled = np.flatnonzero(size)
        found = {}
        for row in filled[data[start[filled]] == _HASH].tolist():
            text = data[start[row] : start[row] + size[row]].tobytes().decode()
            if not is_missing[row] and (bad := values.spreadsheet_error(text)):
                found[row] = bad
        return found
