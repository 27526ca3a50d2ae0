"""The page `docs/disclosure.md`, and whether the musts beside 0 hold."""

from collections import Counter
from datetime import date

from lagebild.core.version import code_version
from tests.disclosure.run import Outcome

MOST_HIDDEN = 1.5
"""Hidden cells may be so many times those that are needed beside what earlier publications showed."""


def losses(outcome: Outcome) -> list[str]:
    """A table of what was hidden, by domain and in all."""
    lines = [
        "| domain | cells | hidden | share | least of each table alone | hidden / least | least beside earlier"
        " publications | hidden / least | safe cells shown | EUR hidden | EUR of the first least |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for domain, loss in outcome.losses.items():
        lines.append(
            f"| {domain} | {loss.cells:,} | {loss.hidden:,} | {_percent(loss.hidden, loss.cells)} | {loss.least:,}"
            f" | {_times(loss.hidden, loss.least)} | {loss.needed:,} | {_times(loss.hidden, loss.needed)}"
            f" | {_percent(loss.safe_shown, loss.safe)} of {loss.safe:,}"
            f" | {loss.amount // 100:,} | {loss.least_amount // 100:,} |"
        )
    return lines


def broken(outcome: Outcome) -> list[str]:
    """The musts beside 0 that do not hold."""
    found = []
    hidden = sum(loss.hidden for loss in outcome.losses.values())
    needed = sum(loss.needed for loss in outcome.losses.values())
    if hidden > MOST_HIDDEN * needed:
        found.append(f"hidden are {hidden:,} cells, more than {MOST_HIDDEN} times the {needed:,} that are needed")
    for domain, loss in outcome.losses.items():
        if loss.safe_shown != loss.safe:
            found.append(f"{domain}: {loss.safe - loss.safe_shown:,} of {loss.safe:,} cells of safe tables are hidden")
    return found


def page(outcome: Outcome, seed: int, batch: int, seconds: float) -> str:
    """The whole page."""
    hidden = sum(loss.hidden for loss in outcome.losses.values())
    least = sum(loss.least for loss in outcome.losses.values())
    needed = sum(loss.needed for loss in outcome.losses.values())
    kinds = Counter(finding.kind for finding in outcome.findings)
    lines = [
        "# Disclosure",
        "",
        "Written by `make disclosure`, never by hand. How it works: [tests/disclosure](../tests/disclosure/README.md).",
        "",
        f"**Disclosed: {outcome.disclosed} of {outcome.cases:,}** random cases, seed {seed}. Each is a place with a"
        " register, employees, sometimes a ledger, and a table of grants, over 2 to 4 publications. All of them went"
        f" through real builds and publications, {batch:,} places in a warehouse, and were read as `bi_reader`.",
        "",
        *(f"- {kind}: {count:,}" for kind, count in sorted(kinds.items())),
        *([""] if kinds else []),
        "## What is hidden",
        "",
        *losses(outcome),
        "",
        f"Hidden cells are {_times(hidden, needed)} times the least that is needed beside what earlier publications"
        f" showed and hid (must: at most {MOST_HIDDEN}), and {_times(hidden, least)} times what each table of each"
        " publication would need if it were the only one. Both are found by trying every choice of cells. Small counts"
        " and small changes are far more frequent in the cases than in life, so the share says nothing about a real"
        " city. A hidden total counts with the years that it is the sum of.",
        "",
        f"{date.today()}, lagebild {code_version()}, {seconds:.0f} s.",
        "",
    ]
    return "\n".join(lines)


def _times(hidden: int, least: int) -> str:
    return f"{hidden / least:.3f}" if least else "no"


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "none"
