"""How a message shows a count of personal data: as a class, which reveals no more than what is published.

The ledger, `raw` and `quality.statistic` keep the exact counts; `lagebild delivery list --format json` and `lagebild
delivery statistics` show them to those who may read them. Why: docs/decisions/messages-about-persons.md. In SQL:
`quality.told_rows`.
"""

SMALLEST = 3
"""Smaller counts, including zero, are not shown."""
STEP = 5


def as_text(count: int, is_about_persons: bool, form: str = "") -> str:
    """The count as text for a log, a receipt or a page; `form` is a Python format, such as `,`."""
    if not is_about_persons:
        return f"{count:{form}}"
    return f"fewer than {SMALLEST}" if count < SMALLEST else f"about {rounded(count):{form}}"


def rounded(count: int) -> int:
    """The nearest multiple of 5; no whole number lies between two."""
    return (count + STEP // 2) // STEP * STEP
