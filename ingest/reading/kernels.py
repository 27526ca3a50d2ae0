"""Loops over the bytes of a delivery, compiled by numba: fields of lines, numbers of texts, rows for COPY.

Each runs as a loop in C does and lets other threads work meanwhile; no compiler is needed on the machine. Importing
this module compiles it (seconds); the code is kept beside it, and loaded the next time. `make` does that beforehand.
Loading it takes a second: other modules hold it by `later.module`, and a file that is refused by its name is not made
to wait.
Texts are given as `size[i]` bytes from `start[i]` (int32) of `data` (uint8, UTF-8).
"""

from functools import partial

import numpy as np

from lagebild.core.lazy import lazy_imports

# What numba knows of arrays asks for scipy's BLAS, which no loop here uses, and which is a fifth of the import.
with lazy_imports({"scipy.linalg", "scipy.linalg.cython_blas"}):
    import numba.np.arraymath  # noqa: F401
    from numba import boolean, int32, int64, njit, uint8, uint64, void
    from numba.types import Array, UniTuple

_compiled = partial(njit, nogil=True, cache=True)
# Loops that make no arrays: without counting who holds one, a call of an inner function costs next to nothing. The
# option has no documented name; a numba that does not know it any more says so.
_bare = partial(_compiled, _nrt=False)
_inner = njit(nogil=True, _nrt=False)  # becomes part of what calls it
# What is only read; named types let the code be made once, whoever owns the arrays.
_BYTES, _INTS, _PLACES, _HASHES = (Array(kind, 1, "C", readonly=True) for kind in (uint8, int32, int64, uint64))

U = np.uint64
"""Positions are unsigned in the innermost loops: a signed one may count from the end, which each access would ask."""


# --- eight bytes at once ----------------------------------------------------------------------------


@_inner
def _word(data, at):
    """The eight bytes from `at` on as a number, the first one lowest: one load."""
    low = U(data[at]) | U(data[at + U(1)]) << U(8) | U(data[at + U(2)]) << U(16) | U(data[at + U(3)]) << U(24)
    at += U(4)
    high = U(data[at]) | U(data[at + U(1)]) << U(8) | U(data[at + U(2)]) << U(16) | U(data[at + U(3)]) << U(24)
    return low | high << U(32)


@_inner
def _part(data, at, left):
    """The same of `left` bytes, or of eight if there are more."""
    if left >= U(8):
        return _word(data, at)
    value, shift = U(0), U(0)
    if left & U(4):
        value = U(data[at]) | U(data[at + U(1)]) << U(8) | U(data[at + U(2)]) << U(16) | U(data[at + U(3)]) << U(24)
        at, shift = at + U(4), U(32)
    if left & U(2):
        value |= (U(data[at]) | U(data[at + U(1)]) << U(8)) << shift
        at, shift = at + U(2), shift + U(16)
    if left & U(1):
        value |= U(data[at]) << shift
    return value


@_inner
def _is_same(data, at, other, begin, size):
    """Whether `size` bytes of the one and the other are the same."""
    left = size
    while True:
        if _part(data, at, left) != _part(other, begin, left):
            return False
        if left <= U(8):
            return True
        at, begin, left = at + U(8), begin + U(8), left - U(8)


@_inner
def _put_word(out, to, word):
    """The reverse of `_word`."""
    out[to], out[to + U(1)] = uint8(word), uint8(word >> U(8))
    out[to + U(2)], out[to + U(3)] = uint8(word >> U(16)), uint8(word >> U(24))
    out[to + U(4)], out[to + U(5)] = uint8(word >> U(32)), uint8(word >> U(40))
    out[to + U(6)], out[to + U(7)] = uint8(word >> U(48)), uint8(word >> U(56))


@_inner
def _copy(out, to, data, begin, size):
    left = size
    while left >= U(8):
        _put_word(out, to, _word(data, begin))
        to, begin, left = to + U(8), begin + U(8), left - U(8)
    if left & U(4):
        a, b, c, d = data[begin], data[begin + U(1)], data[begin + U(2)], data[begin + U(3)]
        out[to], out[to + U(1)], out[to + U(2)], out[to + U(3)] = a, b, c, d
        to, begin = to + U(4), begin + U(4)
    for k in range(left & U(3)):
        out[to + U(k)] = data[begin + U(k)]


# --- bytes to characters ----------------------------------------------------------------------------


@_bare(int64(_BYTES, uint8[::1]))
def _utf8_of_latin(data, out):
    size, at, to = U(len(data)), U(0), U(0)
    while at < size:
        left = min(size - at, U(8))
        word = _part(data, at, left)
        if left == U(8) and word & U(0x8080808080808080) == U(0):
            _put_word(out, to, word)
            at, to = at + U(8), to + U(8)
            continue
        for _ in range(left):
            sign = data[at]
            if sign < 0x80:
                out[to] = sign
                to += U(1)
            else:
                out[to], out[to + U(1)] = 0xC0 | sign >> 6, 0x80 | sign & 0x3F
                to += U(2)
            at += U(1)
    return to


def utf8_of_latin(data: bytes) -> bytes:
    """ISO-8859-1 as UTF-8."""
    out = np.empty(2 * len(data), np.uint8)
    return out[: _utf8_of_latin(np.frombuffer(data, np.uint8), out)].tobytes()


# --- lines to fields --------------------------------------------------------------------------------

BLANK, RECORD, WRONG_COUNT, TO_PARSE = range(4)
"""What a line is: nothing, or blank fields only; a record; one of another width; one with quotes or escapes that a
grammar has to read."""


@_inner
def _has_content(data, begin, stop):
    """Whether anything stands there but blanks: ASCII's, its control signs, the no-break space and its narrow form."""
    i, one, two = begin, U(1), U(2)
    while i < stop:
        sign = data[i]
        if sign == 0xC2 and i + one < stop and data[i + one] == 0xA0:
            i += two
        elif sign == 0xE2 and i + two < stop and data[i + one] == 0x80 and data[i + two] == 0xAF:
            i += U(3)
        elif sign > 32:
            return True
        else:
            i += one
    return False


_SPLIT = (_BYTES, _PLACES, _PLACES, int64, int64, int64, boolean, boolean, int64)


@_bare(void(*_SPLIT, int32[:, ::1], int32[:, ::1], uint8[::1], int32[::1]))
def split(
    data, line_start, line_end, delimiter, quote, escape, has_excel_text, skips_space, extra, start, size, kind, count
):
    """The fields of every line: `start` and `size` (width, lines), `kind` (uint8) and number of fields (int32) a line.

    `quote` and `escape` are -1 if there are none. A quoted field is read here when it is closed on its line, holds
    no quote and no escape, and is followed by the delimiter or the line's end; anything else is `TO_PARSE`. A record
    has `extra` blank fields behind its own. `skips_space`: spaces before a field are no part of it.
    """
    width = U(start.shape[0])
    whole = width + U(extra)
    one = U(1)
    for line in range(len(line_start)):
        i, end = U(line_start[line]), U(line_end[line])
        if i == end:
            kind[line] = BLANK
            continue
        field, is_odd, is_filled, is_spilt = U(0), False, False, False
        while True:
            if skips_space:
                while i < end and data[i] == 32:
                    i += one
            begin, j = i, i
            if has_excel_text and i + one < end and data[i] == 61 and data[i + one] == quote:  # ="
                j = i + one
            if j < end and data[j] == quote:
                begin = j + one
                j = begin
                while j < end and data[j] != quote and data[j] != escape:
                    j += one
                stop = j
                if j == end or data[j] == escape or (j + one < end and data[j + one] != delimiter):
                    is_odd = True
                    break
                j += one
            else:
                j = i
                while j < end and data[j] != delimiter:
                    is_odd |= data[j] == quote or data[j] == escape
                    j += one
                stop = j
            if field < width:
                start[field, line] = begin
                size[field, line] = stop - begin
            elif stop > begin:
                is_spilt |= _has_content(data, begin, stop)
            if not is_filled:
                is_filled = _has_content(data, begin, stop)
            field += one
            if j == end:
                break
            i = j + one
        count[line] = field
        if is_odd:
            kind[line] = TO_PARSE
        elif not is_filled:
            kind[line] = BLANK
        else:
            kind[line] = RECORD if field == whole and not is_spilt else WRONG_COUNT


# --- texts ------------------------------------------------------------------------------------------

# What str.strip() takes off, as the bytes of UTF-8 read as one number.
_SPACES = np.array([int.from_bytes(chr(n).encode()) for n in range(0x3001) if chr(n).isspace()], np.uint32)


@_inner
def _space(value):
    return value in _SPACES


@_bare(void(_BYTES, int32[::1], int32[::1]))
def strip(data, start, size):
    """Leave out the blanks around each text, as `str.strip()` does: `start` and `size` are changed in place."""
    for row in range(len(start)):
        begin, end = start[row], start[row] + size[row]
        if begin < end and 32 < data[begin] < 127 and 32 < data[end - 1] < 127:
            continue
        while begin < end:
            n = 1 if data[begin] < 0x80 else 2 if data[begin] < 0xE0 else 3
            value = np.uint32(0)
            for k in range(begin, min(begin + n, end)):
                value = value << np.uint32(8) | np.uint32(data[k])
            if not _space(value):
                break
            begin += n
        while begin < end:
            n = 1
            while n < 3 and end - n > begin and 0x80 <= data[end - n] < 0xC0:
                n += 1
            value = np.uint32(0)
            for k in range(end - n, end):
                value = value << np.uint32(8) | np.uint32(data[k])
            if not _space(value):
                break
            end -= n
        start[row], size[row] = begin, end - begin


@_inner
def _hash(data, at, size):
    """The steps of SplitMix64, one for each eight bytes: the same in every process."""
    value, left = (size + U(1)) * U(0x9E3779B97F4A7C15), size
    while True:
        value = (value ^ _part(data, at, left)) * U(0x9E3779B97F4A7C15)
        value ^= value >> U(32)
        if left <= U(8):
            break
        at, left = at + U(8), left - U(8)
    value = (value ^ (value >> U(30))) * U(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> U(27))) * U(0x94D049BB133111EB)
    return value ^ (value >> U(31))


@_bare(void(_BYTES, _INTS, _INTS, uint64[::1]))
def _hashes_of(data, start, size, out):
    for row in range(len(out)):
        out[row] = _hash(data, U(start[row]), U(size[row]))


def hashes_of(data: np.ndarray, start: np.ndarray, size: np.ndarray) -> np.ndarray:
    """A hash (uint64) of each text."""
    out = np.empty(len(start), np.uint64)
    _hashes_of(data, start, size, out)
    return out


@_inner
def _sip_round(a, b, c, d, word):
    d ^= word
    a += b
    b = ((b << U(13)) | (b >> U(51))) ^ a
    a = (a << U(32)) | (a >> U(32))
    c += d
    d = ((d << U(16)) | (d >> U(48))) ^ c
    a += d
    d = ((d << U(21)) | (d >> U(43))) ^ a
    c += b
    b = ((b << U(17)) | (b >> U(47))) ^ c
    c = (c << U(32)) | (c >> U(32))
    return a ^ word, b, c, d


_TABLE = Array(int32, 2, "C", readonly=True)


@_bare(void(_BYTES, _TABLE, _TABLE, _INTS, _HASHES, uint64[::1]))
def _sip(data, start, size, columns, key, out):
    for row in range(len(out)):
        a, b = key[0] ^ U(0x736F6D6570736575), key[1] ^ U(0x646F72616E646F6D)
        c, d = key[0] ^ U(0x6C7967656E657261), key[1] ^ U(0x7465646279746573)
        words = U(0)
        for n in range(len(columns)):
            column = columns[n]
            at, left = U(start[column, row]), U(size[column, row])
            # Where a text ends is said before it: a short one's size stands above its bytes.
            if left < U(8):
                a, b, c, d = _sip_round(a, b, c, d, left << U(56) | _part(data, at, left))
                words += U(1)
                continue
            a, b, c, d = _sip_round(a, b, c, d, U(1) << U(63) | left)
            words += U(1)
            while left > U(0):
                a, b, c, d = _sip_round(a, b, c, d, _part(data, at, left))
                words += U(1)
                at, left = at + U(8), left - min(left, U(8))
        a, b, c, d = _sip_round(a, b, c, d, words << U(56))
        c ^= U(0xFF)
        for _ in range(3):
            a, b, c, d = _sip_round(a, b, c, d, U(0))
        out[row] = a ^ b ^ c ^ d


def sip(data: np.ndarray, start: np.ndarray, size: np.ndarray, columns: np.ndarray, key: np.ndarray) -> np.ndarray:
    """SipHash-1-3 under a key (2 x uint64) of each record's texts in these columns, sizes included."""
    out = np.empty(start.shape[1], np.uint64)
    _sip(data, start, size, columns, key, out)
    return out


@_bare(void(_HASHES, uint64, int32[::1], uint64[::1], int32[::1]))
def bucket(hashes, shift, starts, bucketed, numbers):
    """Put hashes together whose bits from `shift` on are the same, with their numbers (int32).

    Those of 0, 1, 2 ... begin at `starts` (two more than there are such buckets; zeros beforehand) of `bucketed`.
    """
    for n in range(len(hashes)):
        starts[(hashes[n] >> shift) + U(2)] += 1
    for n in range(2, len(starts)):
        starts[n] += starts[n - 1]
    for n in range(len(hashes)):
        to = (hashes[n] >> shift) + U(1)
        bucketed[starts[to]], numbers[starts[to]] = hashes[n], n
        starts[to] += 1


@_bare(void(_HASHES, _INTS, _INTS, uint64, _HASHES, int64[::1]))
def find(bucketed, numbers, starts, shift, wanted, found):
    """The number of each of the wanted hashes as `bucket` left them, -1 if it is not there."""
    for i in range(len(wanted)):
        n = wanted[i] >> shift
        found[i] = -1
        for at in range(starts[n], starts[n + U(1)]):
            if bucketed[at] == wanted[i]:
                found[i] = numbers[at]
                break


@_bare(void(uint64[::1], _HASHES, _INTS))
def mix(mixed, hashes, which):
    """Take one more column into the hash (uint64) of each row: `hashes[which[row]]`; `which` empty: `hashes[row]`."""
    for row in range(len(mixed)):
        one = hashes[which[row]] if len(which) else hashes[row]
        value = (mixed[row] ^ one) * np.uint64(0x9E3779B97F4A7C15)
        mixed[row] = value ^ (value >> np.uint64(29))


@_bare(
    UniTuple(int64, 2)(_BYTES, _INTS, _INTS, int64, int32[::1], uint8[::1], int64[::1], uint64[::1], int64, int32[::1])
)
def number(data, start, size, first, slots, store, store_end, store_hash, known, numbers):
    """Number texts in the order of their first appearance; returns the row it stopped at, and how many are known.

    Known texts lie one after the other in `store` (uint8); text n ends at `store_end[n + 1]` and has the hash
    `store_hash[n]`. `slots` (int32, -1: free; a power of two long, never more than half full) is the hash table. It
    begins at row `first` and stops early when a new text does not fit any more.
    """
    mask = U(len(slots) - 1)
    none = U(1) << U(63)
    last, last_at, last_size = none, U(0), none
    for n in range(first, len(start)):
        row = U(n)
        begin, length = U(start[row]), U(size[row])
        # Many columns say the same again and again.
        if length == last_size and _is_same(store, last_at, data, begin, length):
            numbers[row] = int32(last)
            continue
        value = _hash(data, begin, length)
        slot, found = value & mask, none
        while slots[slot] >= 0:
            other = U(slots[slot])
            if store_hash[other] == value:
                at = U(store_end[other])
                if U(store_end[other + U(1)]) - at == length and _is_same(store, at, data, begin, length):
                    found = other
                    break
            slot = (slot + U(1)) & mask
        if found == none:
            end = U(store_end[known])
            if 2 * (known + 1) > len(slots) or known + 1 >= len(store_end) or end + length > U(len(store)):
                return n, known
            _copy(store, end, data, begin, length)
            store_end[known + 1] = end + length
            store_hash[known] = value
            slots[slot] = known
            found = U(known)
            known += 1
        numbers[row] = int32(found)
        last, last_at, last_size = found, U(store_end[found]), length
    return len(start), known


@_compiled(int32[::1](_HASHES, int64))
def slots(store_hash, size):
    """The hash table of `number` with more room, for the texts with these hashes."""
    out = np.full(size, -1, np.int32)
    mask = np.uint64(size - 1)
    for n in range(len(store_hash)):
        slot = store_hash[n] & mask
        while out[slot] >= 0:
            slot = (slot + np.uint64(1)) & mask
        out[slot] = n
    return out


# --- rows for COPY ----------------------------------------------------------------------------------


@_bare(void(int64[::1], _INTS, _INTS, _PLACES))
def add_widths(widths, size, which, rows):
    """Add to the width (int64) of each row in `rows` the size of its cell."""
    for i in range(len(rows)):
        row = U(rows[i])
        widths[i] += size[U(which[row])] if len(which) else size[row]


@_bare(void(uint8[::1], int64[::1], _BYTES, _INTS, _INTS, _INTS, _PLACES))
def put_cells(out, position, data, start, size, which, rows):
    """Write the cell of each row in `rows` at its `position` (int64) of `out`, and move that on to behind it."""
    for i in range(len(rows)):
        row = U(rows[i])
        cell = U(which[row]) if len(which) else row
        _copy(out, U(position[i]), data, U(start[cell]), U(size[cell]))
        position[i] += size[cell]


@_bare(void(uint8[::1], int64[::1], _INTS, _PLACES))
def put_lengths(out, position, lengths, rows):
    """The same for the size of the cell that comes next (int32, highest byte first; -1 is NULL)."""
    for i in range(len(rows)):
        to, length = U(position[i]), lengths[U(rows[i])]
        out[to], out[to + U(1)] = (length >> 24) & 255, (length >> 16) & 255
        out[to + U(2)], out[to + U(3)] = (length >> 8) & 255, length & 255
        position[i] += 4


# --- rows from COPY ---------------------------------------------------------------------------------


@_compiled(int64(_BYTES, int32[:, ::1], int32[:, ::1]))
def cells(data, start, size):
    """Where the cells of rows lie, sizes in front included: `start` and `size` (width, rows); where the rows end."""
    at = 0
    for row in range(start.shape[1]):
        at += 2
        for column in range(start.shape[0]):
            start[column, row] = at
            length = 4
            if data[at] != 0xFF:  # -1 is NULL
                for k in range(4):
                    length += data[at + k] << (24 - 8 * k)
            size[column, row] = length
            at += length
    return at


@_compiled(uint64[::1](_BYTES, _INTS))
def first_digits(data, start):
    """The first 64 bits of what is written in hexadecimal digits from each `start` on; anything where nothing is."""
    out = np.zeros(len(start), np.uint64)
    for row in range(len(start)):
        for k in range(start[row], min(start[row] + 16, len(data))):
            digit = data[k]
            digit = digit - 48 if digit < 58 else digit - 87
            out[row] = out[row] << np.uint64(4) | np.uint64(digit & 15)
    return out
