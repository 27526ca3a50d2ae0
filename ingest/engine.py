"""A contract compiled for whole blocks: records in, rows for COPY and rejected rows out.

There is one definition of every rule, `values.cells`. A column with rules is reduced to its distinct texts, and the
rule is asked once for each of them, however often it stands in the file; its answer, already in PostgreSQL's form, is
then copied to every row. Columns without rules (free text, identifiers) are converted as a whole.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl
import polars_hash  # noqa: F401  (adds the namespace `chash`)

from ingest import copy, digests, values
from ingest.contracts import Contract, Field, Layout, Rule
from ingest.copy import Cells
from ingest.privacy import KeyChain
from ingest.scan import Block, Broken
from lagebild.errors import UserError

MASK = "***"
MOST_ANSWERS = 500_000
"""A column's remembered answers are forgotten when there are more, so that memory has a bound."""
_BLANK = "".join(sign for sign in map(chr, range(0x3001)) if sign.isspace())  # what str.strip() takes off


@dataclass(frozen=True)
class Rejected:
    """A row that broke the contract: its line, every reason, and its fields with personal ones masked."""

    line: int
    reasons: list[dict[str, str]]
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


class Engine:
    """Checks blocks of records against a contract, in the layout that the delivery's header has."""

    is_known: Callable[[np.ndarray], np.ndarray] | None = None
    """Tells by the hashes of contents which rows raw holds already."""

    def __init__(
        self, contract: Contract, layout: Layout, key: KeyChain | None, delivery_id: int, day: date | None = None
    ):
        """`day`: what the contract's history field says in every row; it is of the delivery, and not hashed."""
        self.contract, self.delivery_id = contract, delivery_id
        self.fields = list(layout.fields)
        self._kept = [(n, f) for n, f in enumerate(self.fields) if f.privacy != "drop"]
        ruled = {name for rule in contract.rules for name in rule.fields}
        of_delivery = None if day is None else copy.cell(day, "date")
        self._readers = [
            _Whole(f, contract, key)
            if is_read_whole(f, contract)
            else _Distinct(f, contract, key, f.name in ruled, of_delivery if f.name == contract.history else None)
            for _, f in self._kept
        ]
        constants = [
            (name, kind, value if name == f.name else None) for f, value in layout.constants for name, kind in f.columns
        ]
        if contract.evidence is not None:
            constants.append(("evidence", "text", contract.evidence))
        self._constants = [np.frombuffer(copy.cell(value, kind), np.uint8) for _, kind, value in constants]
        self.columns = ["delivery_id", "line_number"]
        self.columns += [name for _, f in self._kept for name, _ in f.columns] + [name for name, _, _ in constants]
        kept = [f.name for _, f in self._kept]
        evidence = [] if contract.evidence is None else [_hash_of(copy.cell(contract.evidence, "text"))]
        hashed = [f.name for f in contract.fields if f.columns]
        self._key = _hashed(contract, layout, kept, [name for name in hashed if name in contract.primary_key])
        self._hashed = _hashed(contract, layout, kept, hashed) + evidence

    def check(self, block: Block) -> Checked:
        """Rows and rejected rows of a block."""
        frame = self._frame(block)
        n = len(block.lines)
        if frame.height != n:
            raise UserError(
                f"{n} records from line {block.lines[0]} on, but {frame.height} were read",
                remedy="nothing was loaded; the reader lost rows: report this as a defect, with the file's layout",
            )
        columns = [read(frame.to_series(i)) for i, read in enumerate(self._readers)]
        is_good = np.ones(n, bool)
        for column in columns:
            if column.is_bad is not None:
                is_good &= ~column.is_bad
        broken_rules = [(rule, self._breaks(rule, columns, n)) for rule in self.contract.rules]
        for _, is_broken in broken_rules:
            is_good &= ~is_broken
        good, bad = np.flatnonzero(is_good), np.flatnonzero(~is_good)
        rejected = [self._rejected(block, frame, columns, broken_rules, row) for row in bad.tolist()]
        rejected = sorted([*rejected, *map(self.broken, block.broken)], key=lambda row: row.line)
        keys, contents = (
            digests.mixed([columns[part].hashes if isinstance(part, int) else part for part in parts], n)[good]
            for parts in (self._key, self._hashed)
        )
        sent = good if self.is_known is None else good[~self.is_known(contents)]
        cells = [column.cells if len(sent) == n else column.cells.take(sent) for column in columns]
        constants = [Cells(c, np.zeros(len(sent), np.int64), np.full(len(sent), len(c))) for c in self._constants]
        heads = copy.row_heads(len(self.columns), self.delivery_id, block.lines[sent])
        payload = copy.rows([heads, *cells, *constants])
        return Checked(block.lines[good], payload, keys, contents, rejected)

    def is_row(self, fields: list[str]) -> bool:
        """Whether the texts of a record pass every rule."""
        return len(fields) == len(self.fields) and not any(
            _reason_of(field, text, self.contract) for field, text in zip(self.fields, fields, strict=True)
        )

    def broken(self, record: Broken) -> Rejected:
        """The rejected row of a record whose fields cannot be told apart."""
        where = "" if record.start is None else f" (bytes {record.start} to {record.end} of the file)"
        is_count = record.code == "field_count"
        message = f"{record.fields} fields instead of {len(self.fields)}" if is_count else "the quoting is broken"
        # No column can be trusted then, so no text of a person-level row is kept.
        shown = None if self.contract.has_personal_fields else {"record": record.text}
        return Rejected(record.line, [reason(record.code, "", message + where)], shown)

    def _frame(self, block: Block) -> pl.DataFrame:
        """The block's kept columns as text; dropped ones are never decoded."""
        names = [str(n) for n in range(len(self.fields))]
        kept = [n for n, _ in self._kept]
        if not len(block.lines):
            return pl.DataFrame(schema={names[n]: pl.String for n in kept})
        frame = pl.read_csv(
            block.data,
            has_header=False,
            separator=self.contract.delimiter,
            quote_char=(self.contract.quote or '"') if block.is_quoted else None,
            schema=dict.fromkeys(names, pl.String),
            columns=kept,
            empty_string_is_null=False,
            extra_columns="raise",
            missing_columns="raise",
        )
        return frame.select(pl.all().fill_null(""))

    def _breaks(self, rule: Rule, columns: list["Column"], n: int) -> np.ndarray:
        """Which rows break a rule across fields: where both sides are there, and the comparison does not hold."""
        typed = {f.name: column.typed for column, (_, f) in zip(columns, self._kept, strict=True)}
        if rule.left not in typed or (rule.right is not None and rule.right not in typed):
            return np.zeros(n, bool)  # the layout lacks a column of it
        left = typed[rule.left]
        right = np.full(n, rule.literal, object) if rule.right is None else typed[rule.right]
        both = np.flatnonzero(np.not_equal(left, None) & np.not_equal(right, None))
        is_broken = np.zeros(n, bool)
        is_broken[both] = ~rule.compare(left[both], right[both]).astype(bool)
        return is_broken

    def _rejected(
        self,
        block: Block,
        frame: pl.DataFrame,
        columns: list["Column"],
        broken_rules: list[tuple[Rule, np.ndarray]],
        row: int,
    ) -> Rejected:
        texts = dict(zip([f.title for _, f in self._kept], frame.row(row), strict=True))
        reasons = [
            reason(column.reason(row).code, field.title, f"{field.title} {column.reason(row).message}")
            for column, (_, field) in zip(columns, self._kept, strict=True)
            if column.is_bad is not None and column.is_bad[row]
        ]
        title = {f.name: f.title for f in self.fields}
        reasons += [
            reason("rule", ", ".join(title[name] for name in rule.fields), rule.message)
            for rule, is_broken in broken_rules
            if is_broken[row]
        ]
        shown = {f.title: MASK if f.is_personal else texts[f.title] for f in self.fields}
        return Rejected(int(block.lines[row]), reasons, shown)


def reason(code: str, field: str, message: str) -> dict[str, str]:
    """A reason as raw.rejected_row keeps it."""
    return {"code": code, "field": field, "message": message}


def _reason_of(field: Field, text: str, contract: Contract) -> values.BadValue | None:
    try:
        values.cells(field, text, contract.missing_values, b"")
    except values.BadValue as bad:
        return bad
    return None


def _is_free(field: Field) -> bool:
    """Whether nothing but its presence is asked of a field's text."""
    rules = (field.pattern, field.enum, field.mapping, field.minimum, field.maximum)
    return field.type == "string" and not field.signs and rules == (None,) * len(rules)


def is_read_whole(field: Field, contract: Contract) -> bool:
    """Whether a column is converted as a whole: nothing is asked of its texts."""
    return _is_free(field) and not any(field.name in rule.fields for rule in contract.rules)


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
            parts.append(digests.of_texts(pl.Series([value], dtype=pl.String))[0])
        else:
            cells = [copy.cell(value if column == name else None, kind) for column, kind in field.columns]
            parts.append(_hash_of(b"".join(cells)))
    return parts


def _hash_of(data: bytes) -> np.uint64:
    return np.int64(digests.of_data(data)).view(np.uint64)


@dataclass(frozen=True)
class Column:
    """What became of one field in every record of a block."""

    cells: Cells
    hashes: np.ndarray
    is_bad: np.ndarray | None
    reasons: dict[int, values.BadValue]
    answers: np.ndarray | None = None
    typed: np.ndarray | None = None
    """Python values (object; None where missing or bad) of a field that a rule across fields compares."""

    def reason(self, row: int) -> values.BadValue:
        """Why the field of a bad row is bad."""
        return self.reasons[0 if self.answers is None else int(self.answers[row])]


class _Distinct:
    """Reads a column by asking the rule once for each distinct text."""

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
        self.of_delivery = of_delivery
        self._forget()

    def _forget(self) -> None:
        self._categories = pl.Categories.random()
        self._reasons: dict[int, values.BadValue] = {}
        self._values: list[Any] = []
        self._typed = np.empty(0, object)
        self._data = bytearray()
        self._bytes = np.empty(0, np.uint8)
        self._known = 0
        self._last: pl.Series | None = None
        # By category: start and size in the data, hash.
        self._tables = np.zeros((3, 256), np.int64)

    def __call__(self, texts: pl.Series) -> Column:
        if self._known > MOST_ANSWERS or not self._is_same_numbering():
            self._forget()
        codes = texts.cast(pl.Categorical(self._categories))
        numbers = codes.to_physical().to_numpy()
        if len(numbers) and numbers.max() >= self._known:
            self._ask(codes.filter(numbers >= self._known).unique())
        starts, sizes, hashes = (table[numbers] for table in self._tables)
        is_bad = np.isin(numbers, list(self._reasons)) if self._reasons else None
        cells = Cells(self._bytes, starts, sizes)
        typed = self._typed[numbers] if self.is_ruled else None
        return Column(cells, hashes.view(np.uint64), is_bad, self._reasons, numbers, typed)

    def _is_same_numbering(self) -> bool:
        """Whether texts have the numbers that they had: polars forgets them with the last series that holds any."""
        if self._last is None:
            return True
        return self._last.cast(pl.String).cast(self._last.dtype).to_physical().item() == self._known - 1

    def _ask(self, new: pl.Series) -> None:
        """Write down the answers to texts that were not seen before."""
        self._last = new.filter(new.to_physical() == new.to_physical().max())  # keeps the numbering alive, too
        numbers = new.to_physical().to_list()
        if sorted(numbers) != list(range(self._known, self._known + len(numbers))):
            raise AssertionError("categories are not numbered one after the other")  # an answer would be another text's
        self._known += len(numbers)
        if self._known > self._tables.shape[1]:
            self._tables = np.pad(self._tables, ((0, 0), (0, 2 * self._known - self._tables.shape[1])))
        for number, text in zip(numbers, new.cast(pl.String).to_list(), strict=True):
            try:
                value, data = self._answer(text)
            except values.BadValue as bad:
                self._reasons[number], value, data = bad, None, b""
            if self.is_ruled:
                self._values += [None] * (number + 1 - len(self._values))
                self._values[number] = value
            hashed = 0 if data == self.of_delivery else digests.of_data(data)
            self._tables[:, number] = len(self._data), len(data), hashed
            self._data += data
        self._bytes = np.frombuffer(bytes(self._data), np.uint8)
        self._typed = np.array(self._values, object)

    def _answer(self, text: str) -> tuple[Any, bytes]:
        """The field's value, and what PostgreSQL takes for it; BadValue where the text breaks a rule."""
        cells = values.cells(self.field, text, self.missing, self.key)
        return cells[0], b"".join(
            values.encoded(value, kind) for value, (_, kind) in zip(cells, self.field.columns, strict=True)
        )


class _Whole:
    """Reads a column of free text or of identifiers as a whole."""

    def __init__(self, field: Field, contract: Contract, key: KeyChain | None):
        self.field, self.missing = field, contract.missing_values
        self._keys = key.keys if field.privacy == "pseudonym" else None

    def __call__(self, texts: pl.Series) -> Column:
        texts = texts.str.strip_chars(_BLANK)
        is_missing = np.zeros(len(texts), bool)
        if self.missing:
            is_missing = texts.is_in(list(self.missing)).to_numpy()
        if self._keys is not None and len(texts):
            for key in self._keys:
                texts = pseudonyms(key, texts)
        hashes = digests.of_texts(texts)
        size = texts.str.len_bytes().to_numpy().astype(np.int64)
        start = np.cumsum(size) - size
        data = np.frombuffer((texts.str.join("").item() or "").encode() if len(texts) else b"", np.uint8)
        lengths = size
        if is_missing.any():
            lengths = np.where(is_missing, -1, size)
            size = np.where(is_missing, 0, size)
            hashes = np.where(is_missing, np.uint64(0), hashes)
        is_bad = is_missing if self.field.required and is_missing.any() else None
        bad = {0: values.BadValue("required", "is missing")}
        return Column(Cells(data, start, size, lengths), hashes, is_bad, bad)


def pseudonyms(key: bytes, texts: pl.Series) -> pl.Series:
    """`privacy.pseudonym` of every text (HMAC as in RFC 2104, from two plain SHA-256).

    polars-hash has an HMAC, but takes only keys that are UTF-8.
    """
    key = key.ljust(64, b"\0")  # keys are not longer than a block
    inner, outer = (pl.lit(bytes(byte ^ pad for byte in key)) for pad in (0x36, 0x5C))
    text = pl.col("text")
    first = texts.to_frame("text").select((inner + text.cast(pl.Binary)).chash.sha2_256()).to_series()
    # Many times as fast as str.decode("hex").
    digests = np.frombuffer(bytes.fromhex(first.str.join("").item() or ""), np.uint8).reshape(-1, 32)
    binary = pl.Series("text", digests).arr.to_list().cast(pl.Binary)
    return binary.to_frame().select((outer + text).chash.sha2_256()).to_series()
