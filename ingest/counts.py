"""How a message says a count of a source about persons: by its class, which tells no more than what is published.

The ledger, `raw` and `quality.statistic` keep the exact counts; `lagebild deliveries --format json` and `lagebild
statistics` show them to who may read those. Why: docs/decisions/messages-about-persons.md. In SQL: `quality.told_rows`.
"""

SMALLEST = 3
"""Counts below it are not told, zero among them."""
STEP = 5


def told(count: int, is_about_persons: bool, form: str = "") -> str:
    """The count in words for a log, a receipt or a page; `form` is Python's for the number, such as `,`."""
    if not is_about_persons:
        return f"{count:{form}}"
    return f"fewer than {SMALLEST}" if count < SMALLEST else f"about {rounded(count):{form}}"


def rounded(count: int) -> int:
    """The nearest multiple of 5; no whole number lies between two."""
    return (count + STEP // 2) // STEP * STEP
