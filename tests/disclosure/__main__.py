"""Publish made-up registers, ledgers and lists of grants, and try to find out what is protected: `make disclosure`.

    python -m tests.disclosure [--cases 10000] [--seed 15] [--batch 1000] [--processes 2]

Says what is under way, ends with `disclosed: N of M`, and writes `docs/disclosure.md`; exit code 1 where anything is
disclosed, or more is hidden than the musts allow. The same seed gives the same cases.
"""

import argparse
import contextlib
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from lagebild.core.progress import Board
from lagebild.core.settings import Settings
from lagebild.local import postgres
from lagebild.warehouse.migrate import migrate
from tests.conftest import own_folder, remove_leftovers
from tests.disclosure import page
from tests.disclosure.generate import batches
from tests.disclosure.run import Outcome, through_builds

PREFIX = "lagebild-disclosure-"
LISTED = 40


def main() -> int:
    arguments = _arguments()
    began = time.monotonic()
    remove_leftovers(PREFIX)
    outcome = Outcome()
    with Board(Console()) as board:
        for number, cases in enumerate(batches(arguments.seed, arguments.cases, arguments.batch), 1):
            at = f"{outcome.cases:,} of {arguments.cases:,} cases done, {outcome.disclosed} disclosed; "

            def tell(what: str, at: str = at) -> None:
                board.doing(at + what)

            with _warehouse(number) as settings:
                outcome.add(through_builds(settings, cases, arguments.processes, tell))
    seconds = time.monotonic() - began
    for finding in outcome.findings[:LISTED]:
        print(f"  case {finding.case}: {finding.kind}: {finding.cell}: {finding.why}")
    for kind, count in sorted(Counter(finding.kind for finding in outcome.findings).items()):
        print(f"{count:>8,}  {kind}")
    for line in page.losses(outcome):
        print(line)
    print({name: round(value) for name, value in outcome.seconds.items()}, f"{seconds:.0f} s")
    if arguments.output is not None:
        arguments.output.write_text(page.page(outcome, arguments.seed, arguments.batch, seconds), encoding="utf-8")
    broken = page.broken(outcome)
    for line in broken:
        print(line)
    print(f"disclosed: {outcome.disclosed} of {outcome.cases}")
    return 1 if outcome.disclosed or broken else 0


@contextlib.contextmanager
def _warehouse(number: int) -> Iterator[Settings]:
    """A migrated, empty warehouse on a server of its own, which is gone afterwards."""
    with own_folder(f"{PREFIX}{os.getpid()}-{number}") as settings:
        postgres.start(settings, durable=False)
        migrate(settings)
        yield settings


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make disclosure", description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=15)
    parser.add_argument("--batch", type=int, default=1000, help="places in one warehouse")
    parser.add_argument("--processes", type=int, default=min(os.cpu_count() or 1, 4), help="of the attack")
    parser.add_argument("--output", type=Path, help="the page to write; nothing is written without")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
