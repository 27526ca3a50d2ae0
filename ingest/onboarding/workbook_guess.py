"""Which rows of an unknown sheet are its header, and its cells as German texts: for a proposed contract.

A row of persons must never be taken for one of titles, because titles are printed: a second row of titles has to show
that it is one, by merged cells, by a gap that the rows below do not have, or by words above numbers.
"""

import re
from collections import Counter

from ingest.reading.formats.workbook_parts import Cell, Sheet, is_blank, shown

ROWS_LOOKED_AT = 1_000
MOST_TITLES = 6
"""Rows of a header, at most."""


def header_rows(sheet: Sheet) -> tuple[int, ...]:
    """Numbers of the rows that hold the titles; empty if the sheet holds no table."""
    rows = dict(sheet.rows[:ROWS_LOOKED_AT])
    widths = {line: _width(sheet, line, cells) for line, cells in rows.items()}
    usual = Counter(width for width in widths.values() if width > 1).most_common(1)
    if not usual:
        return ()
    enough = max(2, round(0.6 * usual[0][0]))
    top = last = next(line for line, width in widths.items() if width >= enough)
    while top - 1 in rows and _titles_a_gap(rows[top - 1], rows[top]):
        top -= 1
    while last - top < MOST_TITLES and last + 1 in rows and last + 2 in rows and _goes_on(sheet, rows, top, last):
        last += 1
    return tuple(line for line in range(top, last + 1) if line in rows)


def further_titles(sheet: Sheet, header: tuple[int, ...]) -> list[int]:
    """Rows close below a header that seem to be of it: words stand where every other row has numbers or dates."""
    rows, last = dict(sheet.rows[:ROWS_LOOKED_AT]), header[-1]
    typed = Counter(n for cells in rows.values() for n, cell in enumerate(cells) if isinstance(cell, Cell))
    count = Counter(n for cells in rows.values() for n, cell in enumerate(cells) if not is_blank(cell))
    numbers = [n for n in typed if typed[n] > 0.5 * count[n]]
    found = []
    for line in (line for line in rows if last < line <= last + MOST_TITLES):
        words = [cell for n in numbers for cell in rows[line][n : n + 1] if not is_blank(cell)]
        if len(words) > 1 and all(isinstance(cell, str) and re.search("[^\\W\\d_]{3}", cell) for cell in words):
            found.append(line)
    return found


def german(cell: Cell | str) -> str:
    """A cell as a German export would write it; "" for a broken one."""
    if isinstance(cell, str):
        return cell
    if cell.fault is not None:
        return ""
    if cell.moment is not None:
        is_day = cell.has_day and not (cell.has_time and cell.moment.time() != cell.moment.min.time())
        return f"{cell.moment:%d.%m.%Y}" if is_day else cell.shown()
    text = cell.shown()
    is_plain = re.fullmatch(r"-?(0|[1-9]\d*)(\.\d+)?", text)
    return (cell.plain if is_plain else text).replace(".", ",")


def _width(sheet: Sheet, line: int, cells: list[Cell | str]) -> int:
    """Number of columns in which a row shows something, merged ones each; one text over a whole table is a heading."""
    filled = sum(not is_blank(cell) for cell in cells)
    spans = sum(right - left for top, left, _, right in sheet.merged if top == line and right - left < 100)
    return filled + spans if filled > 1 else filled


def _filled(cells: list[Cell | str]) -> set[int]:
    return {n for n, cell in enumerate(cells, 1) if not is_blank(cell)}


def _titles_a_gap(above: list[Cell | str], titles: list[Cell | str]) -> bool:
    """Whether a row stands above a gap in the titles, which its own title then fills."""
    width = max(_filled(titles))
    gap = set(range(1, width)) - _filled(titles)
    return bool(gap & _filled(above)) and len(_filled(above)) > 1


def _goes_on(sheet: Sheet, rows: dict[int, list[Cell | str]], top: int, last: int) -> bool:
    """Whether the row below the last one of a header is a further one."""
    if any(top <= first <= last < bottom for first, _, bottom, _ in sheet.merged):
        return True
    titles, row, below = _filled(rows[last]), rows[last + 1], rows[last + 2]
    if not all(_is_title(rows, last + 1, n) for n in _filled(row)):
        return False
    is_group = any(first == last and left < right for first, left, _, right in sheet.merged)
    has_gap = bool((titles - _filled(row)) & _filled(below))
    return is_group or has_gap


def _is_title(rows: dict[int, list[Cell | str]], line: int, column: int) -> bool:
    """Whether a cell is a word, or a year, above numbers: a value of a person stands above others of its kind."""
    below = [cells[column - 1] for n, cells in rows.items() if n > line and len(cells) >= column]
    below = [cell for cell in below if not is_blank(cell)]
    numbers = [cell for cell in below if isinstance(cell, Cell)]
    if not numbers or len(numbers) < len(below):
        return False
    text = shown(rows[line][column - 1])
    is_year = re.fullmatch(r"(19|20)\d\d", text) and not all(re.fullmatch(r"(19|20)\d\d", shown(n)) for n in numbers)
    return isinstance(rows[line][column - 1], str) or bool(is_year)
