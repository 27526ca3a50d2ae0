"""Records are cut exactly, counted, and a broken one costs itself and no neighbour."""

import csv
import io
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.reading import decode, kernels, scan
from ingest.reading.block import Block
from ingest.reading.dialect import Dialect
from ingest.reading.refused import Refused
from ingest.reading.scan import Scanner


def chunks_of(text: bytes, size: int) -> Iterator[bytes]:
    """The text in pieces of whole lines of at least `size` bytes."""
    rest = b""
    for first in range(0, len(text), size):
        rest += text[first : first + size]
        cut = decode._last_line_end(rest)
        if cut:
            yield rest[:cut]
        rest = rest[cut:]
    if rest:
        yield rest


def scanned(text: bytes, width: int, dialect: Dialect | None = None, size: int = 1 << 20, **options) -> list[Block]:
    scanner = Scanner(dialect or Dialect(";"), width, **options)
    blocks = list(scanner.blocks(chunks_of(text, size)))
    assert scanner.records == sum(len(block.lines) + len(block.broken) for block in blocks)
    return blocks


def good(blocks: list[Block]) -> list[tuple[int, list[str]]]:
    """(line, fields) of every good record."""
    return [(line, block.texts(n)) for block in blocks for n, line in enumerate(block.lines.tolist())]


def broken(blocks: list[Block]) -> list[tuple[int, str, int | None]]:
    return [(record.line, record.code, record.fields) for block in blocks for record in block.broken]


CELLS = st.text(st.sampled_from("aä\U0001f600 \"'\\;,\t|\n\r=#"), max_size=6)


@st.composite
def tables(draw) -> tuple[list[list[str]], Dialect, str]:
    """Rows of one width, a dialect, and the line break to write them with."""
    width = draw(st.integers(1, 4))
    rows = draw(st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=12))
    escape = draw(st.sampled_from([None, "\\"]))
    dialect = Dialect(
        draw(st.sampled_from(";,\t|")), draw(st.sampled_from("\"'")), double_quote=escape is None, escape=escape
    )
    return rows, dialect, draw(st.sampled_from(["\n", "\r\n", "\r"]))


@settings(max_examples=400, deadline=None)
@given(tables(), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]), st.integers(1, 60))
def test_what_the_csv_module_writes_comes_back_exactly(table, quoting, size):
    rows, dialect, line_break = table
    if not set("\r\n") & {sign for row in rows for field in row for sign in field} <= set(line_break):
        quoting = csv.QUOTE_ALL  # before Python 3.13 the writer leaves a line break bare that is not its own
    text = io.StringIO(newline="")
    csv.writer(
        text,
        delimiter=dialect.delimiter,
        quotechar=dialect.quote,
        doublequote=dialect.double_quote,
        escapechar=dialect.escape,
        quoting=quoting,
        lineterminator=line_break,
    ).writerows(rows)
    blocks = scanned(text.getvalue().encode(), len(rows[0]), dialect, size, is_row=lambda fields: False)
    assert broken(blocks) == []
    filled = [row for row in rows if not all(scan.is_blank(field.encode()) for field in row)]
    assert [fields for _, fields in good(blocks)] == filled


LINE_CELLS = st.text(st.sampled_from('ab "";;'), max_size=5)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.lists(LINE_CELLS, min_size=3, max_size=3), min_size=2, max_size=12),
    st.data(),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.integers(1, 80),
)
def test_damage_costs_its_own_record_and_no_neighbour(rows, data, quoting, size):
    lines = []
    for row in rows:
        text = io.StringIO(newline="")
        csv.writer(text, delimiter=";", quoting=quoting, lineterminator="\n").writerow(row)
        lines.append(text.getvalue().encode()[:-1])
    hit = data.draw(st.integers(0, len(lines) - 1))
    place = data.draw(st.integers(0, len(lines[hit])))
    sign = data.draw(st.sampled_from([b'"', b";", b"x", b'"x', b""]))
    lines[hit] = lines[hit][:place] + sign + lines[hit][place + (not sign) :]
    found = dict(good(scanned(b"\n".join(lines) + b"\n", 3, size=size)))
    for n, row in enumerate(rows):
        if n != hit and not all(scan.is_blank(field.encode()) for field in row):
            assert found.get(n + 1) == row


class ByGrammar(Scanner):
    """Reads every line with a quote by the grammar alone."""

    def _fields(self, page):
        start, size, kind, count = super()._fields(page)
        marks = [sign for sign in (self.dialect.quote, self.dialect.escape) if sign]
        for n, (first, after) in enumerate(zip(page.starts, page.content_ends, strict=True)):
            if any(ord(mark) in page.signs[first:after] for mark in marks):
                kind[n] = kernels.TO_PARSE
        return start, size, kind, count


@st.composite
def quoted_texts(draw) -> bytes:
    """Lines mostly as an export writes them that quotes every field, and whatever else."""
    field = st.sampled_from(
        [b'"a"', b'"a;b"', b'""', b'"a""b"', b"x", b"", b'"', b'="a"', b'"a\\"', b'x"', b'"a\nb"', b'\r"']
    )
    line = st.lists(st.one_of(st.just(b'"ab"'), field), min_size=1, max_size=4).map(b";".join)
    breaks = st.sampled_from([b"\n", b"\n", b"\r\n", b"\r"])
    return b"".join(draw(st.lists(st.one_of(line, breaks).flatmap(lambda text: breaks.map(lambda end: text + end)))))


@settings(max_examples=1500, deadline=None)
@given(
    st.one_of(quoted_texts(), st.text(st.sampled_from('ab"";\n\r\\='), max_size=60).map(str.encode)),
    st.integers(1, 4),
    st.sampled_from([{}, {"excel_text": True}, {"escape": "\\"}, {"escape": "\\", "double_quote": False}]),
    st.integers(1, 80),
    st.booleans(),
)
def test_quoted_lines_that_need_no_grammar_are_read_as_the_grammar_reads_them(text, width, options, size, is_row):
    dialect = Dialect(";", **options)

    def read(kind: type[Scanner]) -> tuple:
        scanner = kind(dialect, width, is_row=lambda fields: is_row)
        blocks = list(scanner.blocks(chunks_of(text, size)))
        return good(blocks), [record for block in blocks for record in block.broken], scanner.records

    assert read(Scanner) == read(ByGrammar)


def test_a_file_with_every_field_quoted_needs_no_grammar(monkeypatch):
    def refuse(*arguments) -> None:
        raise AssertionError("the grammar reads a thousand times as slowly")

    monkeypatch.setattr(Dialect, "fields", refuse)
    rows = [["1", "a;b", ""], ["2", "ä", "c"]]
    blocks = scanned("\r\n".join(";".join(f'"{field}"' for field in row) for row in [*rows, []]).encode(), 3)
    assert [fields for _, fields in good(blocks)] == rows


def test_lines_are_physical_with_blank_lines_mixed_line_breaks_and_breaks_inside_quotes():
    text = b'a;b\r\nc;d\n\n"e\r\n\nf";g\rh;i\r\n\r\nj;"k\rl"'
    blocks = scanned(text, 2)
    assert good(blocks) == [
        (1, ["a", "b"]),
        (2, ["c", "d"]),
        (4, ["e\r\n\nf", "g"]),
        (7, ["h", "i"]),
        (9, ["j", "k\rl"]),
    ]
    assert broken(blocks) == []


@pytest.mark.parametrize("size", [1, 7, 20, 1000])
def test_a_short_and_a_long_row_do_not_make_up_for_each_other(size):
    blocks = scanned(b"a;b;c\nd;e\nf;g;h;i\nj;k;l\n", 3, size=size)
    assert [line for line, _ in good(blocks)] == [1, 4]
    assert broken(blocks) == [(2, "field_count", 2), (3, "field_count", 4)]


def test_a_broken_quote_does_not_swallow_the_rows_up_to_the_next_one():
    rows = [b"%d;name;x" % n for n in range(100)]
    rows[10], rows[60] = b'10;"name;x', b'60;name";x'
    blocks = scanned(b"\n".join(rows) + b"\n", 3)
    assert broken(blocks) == [(11, "quoting", None), (61, "quoting", None)]
    assert len(good(blocks)) == 98


def test_two_broken_quotes_that_together_look_well_formed_enclose_nothing():
    rows = [b"%d;name;x" % n for n in range(100)]
    rows[10], rows[60] = b'10;"name;x', b'60;x";x'
    assert len(good(scanned(b"\n".join(rows) + b"\n", 3))) == 98


def test_a_field_may_hold_a_line_that_is_no_row_of_the_contract():
    text = b'1;"a\n2;b\nc"\n'
    assert good(scanned(text, 2, is_row=lambda fields: False)) == [(1, ["1", "a\n2;b\nc"])]
    assert good(scanned(text, 2, is_row=lambda fields: fields == ["2", "b"])) == [(2, ["2", "b"])]


def test_a_quote_that_never_closes_is_refused_when_no_record_follows_within_bounds():
    with pytest.raises(Refused, match="line 2: the quoting is broken"):
        scanned(b'a;b\nc;"d\n' + b"e\n" * decode.MAX_RECORD_BYTES, 2)


def test_an_empty_string_and_nothing_are_both_empty():
    assert good(scanned(b'"";a\n;b\n', 2)) == [(1, ["", "a"]), (2, ["", "b"])]


def test_cells_that_excel_wrote_are_read_where_the_contract_says_so():
    text = b'="05913000";="a""b";c\n05;x;y\n'
    assert good(scanned(text, 3, Dialect(";", excel_text=True)))[0] == (1, ["05913000", 'a"b', "c"])
    assert broken(scanned(text, 3))[0][:2] == (1, "quoting")


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1", "utf-16", "utf-8-sig", "cp1252"])
def test_byte_ranges_lead_to_the_broken_record_in_the_file(encoding):
    lines = ["ä;ö", "schön", "ü;ü", "zu;viel;ß", '"offen;ü', "gut;é"]
    content = "\r\n".join([*lines, ""]).encode(encoding)
    chunks = decode.utf8_chunks(io.BytesIO(content), encoding, "here")
    scanner = Scanner(Dialect(";"), 2, encoding)
    scanner.skip(b"", has_mark=encoding in ("utf-8-sig", "utf-16"))
    records = [record for block in scanner.blocks(chunks) for record in block.broken]
    plain = {"utf-16": "utf-16-le", "utf-8-sig": "utf-8"}.get(encoding, encoding)
    found = [content[record.start : record.end].decode(plain) for record in records]
    assert found == [lines[1], lines[3], lines[4]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "iso-8859-1", "cp1252"])
def test_every_encoding_reads_in_pieces_of_any_size(encoding, monkeypatch):
    text = "Süd;Größe\r\n" * 50
    content = text.encode(encoding)
    for size in (1, 2, 3, 64, 1 << 20):
        monkeypatch.setattr("ingest.reading.decode.BLOCK_BYTES", size)
        assert b"".join(decode.utf8_chunks(io.BytesIO(content), encoding, "here")).decode() == text


@pytest.mark.parametrize(
    ("content", "encoding", "message"),
    [
        (b"a;b\nc;\xfc\n", "utf-8", "line 2: a byte is not utf-8"),
        (b"a;b\nc;\x81\n", "cp1252", "line 2: a byte is not cp1252"),
        ("a\nü\n".encode(), "iso-8859-1", "line 2: the file is UTF-8"),
        ("Ü\n".encode() + b"\xfc\n", "iso-8859-1", "line 1: the file is Windows-1252"),
        (b"\xfc\n\x80\n", "iso-8859-1", "line 2: the file is Windows-1252"),
        (b"\xef\xbb\xbfa\n", "cp1252", "byte order mark"),
        (b"\xef\xbb\xbfa\n", "iso-8859-1", "byte order mark|UTF-8"),
        (b"a\nb\x00\n", "utf-8", "line 2: a NUL byte"),
        ("a;b\n".encode("utf-16"), "iso-8859-1", "NUL byte"),
        ("a;b\n".encode("utf-16-be")[:-1], "utf-16-be", "not utf-16-be"),
        ("ü".encode()[:1], "utf-8", "not utf-8"),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 1 << 20])
def test_another_encoding_than_agreed_is_refused(content, encoding, message, size, monkeypatch):
    monkeypatch.setattr("ingest.reading.decode.BLOCK_BYTES", size)
    with pytest.raises(Refused, match=message):
        list(decode.utf8_chunks(io.BytesIO(content), encoding, "here"))


def test_a_line_without_end_is_refused_before_it_fills_memory():
    class Endless(io.RawIOBase):
        taken = 0

        def read(self, size=-1):
            self.taken += size
            return b"x" * size

    file = Endless()
    with pytest.raises(Refused, match="line 1: longer than"):
        list(decode.utf8_chunks(file, "utf-8", "here"))
    assert file.taken < 5 * decode.BLOCK_BYTES
