"""Files that are meant to hurt: each is refused, or its bad rows rejected, within bounds of time and memory.

Each is loaded in a process of its own, whose resident memory may grow by so much beyond what it has when everything is
imported and a small file is loaded. A line of 1 GB goes through the reader alone (it need not lie on a disk); through
the whole loader goes one of 64 MB. What counts is that memory does not grow with the line. Archives and workbooks that
are made to do harm: `test_archive.py`.
"""

import io
import json
import subprocess
import sys
import time
import tracemalloc

import pytest

from ingest import contracts
from ingest.deliveries import delivery_ledger, pseudonyms
from ingest.reading import decode, readers, refused
from lagebild.core.settings import ROOT, Settings
from lagebild.local import airflow
from tests.ingest.reading.test_archive import SPACE, workbook
from tests.support import MUNICIPALITY, PURPOSE, bundled_bytes, deliver, drop, query

MB = 1 << 20
LINE = 64 * MB
# As it may stand in a row of persons: nothing of it may reach a message.
IDENTIFIER = b"GEHEIM-4711"
PROGRAM = """
import json, sys, time
from lagebild.core import settings
from tests.inboxes import drain

def status(name):
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(name + ":"))

config, source = settings.load(), sys.argv[1]
drain(config, "employment")
resident, began = status("VmRSS"), time.monotonic()
states = [(d.state, d.reason, d.loaded, d.rejected) for d in drain(config, source)]
print(json.dumps({"states": states, "seconds": time.monotonic() - began, "grown": status("VmHWM") - resident}))
"""


def loaded_within(settings: Settings, source: str, content: bytes, memory: int, seconds: float) -> list:
    """[state, reason, loaded, rejected] of one delivery, loaded by a process that may grow by `memory` bytes."""
    pseudonyms.ensure_key(settings.keys, MUNICIPALITY, PURPOSE)
    drop(settings, "employment")
    drop(settings, source, content)
    began = time.monotonic()
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, source],
        env=airflow.environment(settings),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=seconds + 30,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    told = json.loads(result.stdout)
    assert told["seconds"] < seconds, f"{told} ({time.monotonic() - began:.1f} s with the start)"
    assert told["grown"] < memory, told
    (state,) = told["states"]
    return state


def register(*lines: bytes) -> bytes:
    """The register's header, good rows, and what is added."""
    good = bundled_bytes("register").split(b"\n")[:20]
    return b"\n".join([*good, *lines, b""])


def endless(is_quoted: bool) -> bytes:
    """A register with one line of 64 MB that holds identifiers."""
    text = IDENTIFIER * (LINE // len(IDENTIFIER))
    return register(b'"' + text if is_quoted else text)


@pytest.mark.parametrize("content", [b"", b"\n\n\n", b"   \r\n \r\n"], ids=["nothing at all", "line ends", "blanks"])
@pytest.mark.parametrize("source", ["register", "employment", "azr_nrw", "funding"])
def test_an_empty_file_is_refused(warehouse, source, content):
    delivery = deliver(warehouse, source, content)
    assert delivery.state == "refused"
    assert contracts.load(source).example in delivery.reason


def header_only() -> bytes:
    return bundled_bytes("register").splitlines(keepends=True)[0]


def test_a_header_only_loads_no_row(warehouse):
    delivery = deliver(warehouse, "register", header_only())
    assert delivery.state == "refused" or (delivery.records, delivery.loaded, delivery.rejected) == (0, 0, 0)
    assert query(warehouse, "select count(*) from raw.register__person") == [(0,)]


@pytest.mark.parametrize("end", [b"", b"\r\n\r\n"], ids=["header", "header and blank lines"])
def test_a_header_only_is_refused_with_a_message(warehouse, end):
    delivery = deliver(warehouse, "register", header_only() + end)
    assert delivery.state == "refused" and delivery.reason


@pytest.mark.parametrize("place", ["header", "row", "last byte"])
def test_a_nul_byte_is_refused_with_its_line(warehouse, place):
    content = bundled_bytes("register")
    position = {"header": 5, "row": content.index(b"\n", content.index(b"\n") + 1) - 3, "last byte": len(content) - 1}
    at = position[place]
    delivery = deliver(warehouse, "register", content[:at] + b"\0" + content[at + 1 :])
    assert delivery.state == "refused" and "NUL" in delivery.reason
    assert f"line {content[:at].count(bytes([10])) + 1}" in delivery.reason
    assert query(warehouse, "select count(*) from raw.register__person") == [(0,)]


def test_a_file_of_nul_bytes_is_refused_within_bounds(warehouse):
    state, reason, *_ = loaded_within(warehouse, "register", b"\0" * (20 * MB), memory=300 * MB, seconds=10)
    assert state == "refused" and "NUL" in reason


def wide_header() -> bytes:
    """The register's header with 100,000 columns too many."""
    return bundled_bytes("register").splitlines()[0] + b"".join(b";Spalte%d" % n for n in range(100_000)) + b"\n"


def test_a_hundred_thousand_columns_in_the_header_are_refused(warehouse):
    state, reason, *_ = loaded_within(warehouse, "register", wide_header(), memory=200 * MB, seconds=10)
    assert state == "refused"
    assert "unknown" in reason


def test_a_hundred_thousand_columns_in_the_header_are_refused_with_a_short_message(warehouse):
    assert len(deliver(warehouse, "register", wide_header()).reason) < 5_000


def test_a_row_of_a_hundred_thousand_columns_is_rejected_alone(warehouse):
    wide = b";".join([IDENTIFIER] * 100_000)
    state, _, loaded, rejected = loaded_within(warehouse, "register", register(wide), memory=200 * MB, seconds=10)
    assert (state, loaded, rejected) == ("loaded", 19, 1)
    ((reasons, fields),) = query(warehouse, "select reasons, fields from raw.rejected_row")
    assert reasons[0]["code"] == "field_count" and fields is None
    assert len(str(reasons)) < 5_000


def test_a_hundred_thousand_short_rows_are_rejected_within_bounds(warehouse):
    content = register(*[b"a;b"] * 100_000)
    state, _, loaded, rejected = loaded_within(warehouse, "register", content, memory=400 * MB, seconds=60)
    assert (state, loaded, rejected) == ("loaded", 19, 100_000)


@pytest.mark.parametrize("is_quoted", [False, True], ids=["bare", "quoted"])
def test_a_line_without_end_is_refused_or_rejected_and_not_quoted_in_any_message(warehouse, is_quoted):
    state, reason, loaded, rejected = loaded_within(warehouse, "register", endless(is_quoted), 12 * LINE, seconds=20)
    assert state == "refused" or (loaded, rejected) == (19, 1)
    stored = [reason or "", *(row for (row,) in query(warehouse, "select r::text from raw.rejected_row as r"))]
    assert not any(IDENTIFIER.decode() in text for text in stored)
    assert all(len(text) < 5_000 for text in stored)


@pytest.mark.parametrize("is_quoted", [False, True], ids=["bare", "quoted"])
def test_a_line_without_end_does_not_cost_its_length_in_memory(warehouse, is_quoted):
    loaded_within(warehouse, "register", endless(is_quoted), memory=LINE // 2, seconds=20)


class Gigabyte(io.RawIOBase):
    """A register whose second line is a gigabyte long, as a file that lies nowhere."""

    def __init__(self, is_quoted: bool):
        self.head, self.left, self.taken = header_only() + b'"' * is_quoted, 1 << 30, 0

    def read(self, size: int = -1) -> bytes:
        head, self.head = self.head, b""
        count = min(size - len(head), self.left)
        self.left -= count
        self.taken += len(head) + count
        return head + IDENTIFIER[:1] * count


@pytest.mark.parametrize("is_quoted", [False, True], ids=["bare", "quoted"])
def test_a_line_of_a_gigabyte_is_refused_before_it_is_read(is_quoted):
    file = Gigabyte(is_quoted)
    tracemalloc.start()
    began = time.monotonic()
    with pytest.raises(refused.Refused, match="longer than 1 MiB"):
        for _ in readers.open_source(contracts.load("register"), file).blocks():
            pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert time.monotonic() - began < 5
    assert file.taken < 8 * decode.BLOCK_BYTES and peak < 64 * MB


@pytest.mark.parametrize("source", ["funding", "genesis"])
def test_a_gigabyte_is_not_read_by_a_reader_that_would_hold_it(source, tmp_path):
    """A sparse file: it takes no room on the disk."""
    file = tmp_path / "gigabyte"
    with file.open("wb") as sparse:
        sparse.truncate(1 << 30)
    tracemalloc.start()
    with file.open("rb", buffering=0) as opened, pytest.raises(refused.Refused, match="more than 256 MB"):
        readers.open_source(contracts.load(source), opened)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 * MB


def test_a_workbook_of_gigabytes_is_refused_within_bounds(warehouse):
    sheet = f"<worksheet {SPACE}><sheetData>{' ' * 300 * MB}</sheetData></worksheet>"
    state, reason, *_ = loaded_within(warehouse, "funding", workbook(sheet), memory=200 * MB, seconds=10)
    assert state == "refused" and "200 times its size" in reason


def test_a_quote_that_is_never_closed_says_where_it_was_opened(warehouse):
    lines = bundled_bytes("register").split(b"\n")
    lines[5] = lines[5].replace(b";SYNTHETISCH", b';"SYNTHETISCH', 1)
    delivery = deliver(warehouse, "register", b"\n".join(lines))
    if delivery.state == "refused":
        assert "line 6" in delivery.reason
    else:
        assert (6,) in query(warehouse, "select line_number from raw.rejected_row")


def test_a_hostile_file_leaves_the_next_delivery_alone(warehouse):
    deliver(warehouse, "register", b"\0" * 1000)
    deliver(warehouse, "register")
    assert [d.state for d in delivery_ledger.deliveries(warehouse, "register")] == ["refused", "loaded"]


@pytest.mark.parametrize("content", [b"PK\x03\x04" + b"\0" * 100, b"no workbook"], ids=["torn zip", "text"])
def test_a_torn_workbook_is_refused(warehouse, content):
    delivery = deliver(warehouse, "funding", content)
    assert delivery.state == "refused" and "XLSX" in delivery.reason


def test_the_limit_of_memory_is_a_limit(warehouse):
    """The check itself fails where a load grows beyond its bound."""
    with pytest.raises(AssertionError):
        loaded_within(warehouse, "register", register(b"x" * (32 * MB)), memory=1 * MB, seconds=20)


def test_the_limit_of_time_is_a_limit(warehouse):
    with pytest.raises(AssertionError):
        loaded_within(warehouse, "register", bundled_bytes("register"), memory=400 * MB, seconds=0.001)
