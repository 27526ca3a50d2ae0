"""Building the cost marts on a large city's ledger: everything, one delivery more, and everything again to compare.

    python -m tests.bench.building [--full-refresh]

One `dbt build` of the cost marts and all before them, in a process of its own, on whatever the warehouse has accepted;
prints as JSON what the models themselves took, and a digest of the components.
"""

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest.deliveries import delivery_ledger as deliveries
from lagebild.core import database, settings
from lagebild.core.progress import Board
from lagebild.core.settings import ROOT, Settings
from lagebild.warehouse import build
from lagebild.warehouse.steps import Step
from tests.bench import ledger, measure
from tests.bench.measure import Cost
from tests.bench.server import Server, Warehouse
from tests.inboxes import drain
from tests.support import run_dbt

YEARS = 5
COST_MARTS = "+path:models/marts/cost"
DIGEST = "select md5(string_agg(c::text, e'\\n' order by c::text collate \"C\")) from build.cost_component as c"


@dataclass(frozen=True)
class Building:
    """What three builds cost: all postings, one delivery more, all from the beginning."""

    postings: int
    full: Cost
    one_more: Cost
    again: Cost

    @property
    def is_same(self) -> bool:
        """Whether the build of one delivery more ends where the one from the beginning ends, to the cent."""
        return told(self.one_more)["digest"] == told(self.again)["digest"]

    def model_seconds(self, cost: Cost) -> float:
        return told(cost)["model_seconds"]


def told(cost: Cost) -> dict:
    return json.loads(cost.output.splitlines()[-1])


def measured(server: Server, postings: int, board: Board) -> Building:
    """Load a ledger of `YEARS` years, build, load one year more, build, and build all of it from the beginning."""
    folder = server.settings.home / "ledgers"
    folder.mkdir()
    board.doing(f"writing ledgers of {postings:,} postings, and one year more")
    files = ledger.write(folder, postings + postings // YEARS, YEARS + 1)
    with server.database() as warehouse:
        _load(warehouse, files[:-1], board)
        full = _built(warehouse, server, board, "all years")
        _load(warehouse, files[-1:], board)
        one_more = _built(warehouse, server, board, "one year more")
        again = _built(warehouse, server, board, "all years again, for comparison", "--full-refresh")
    return Building(postings, full, one_more, again)


def _load(warehouse: Warehouse, files: list[Path], board: Board) -> None:
    for file in files:
        board.doing(f"loading {file.name}")
        warehouse.arrives(file, file.name, ledger.SOURCE)
        for delivery in drain(warehouse.settings, ledger.SOURCE):
            decided = deliveries.decide(warehouse.settings, delivery.delivery_id, [])
            if decided.state != "accepted" or decided.rejected:
                raise measure.Failed(f"{decided}: {decided.reason}")
        file.unlink()


def _built(warehouse: Warehouse, server: Server, board: Board, what: str, *options: str) -> Cost:
    board.doing(f"dbt build of the cost marts: {what}")
    server.checkpoint()
    command = [sys.executable, "-m", "tests.bench.building", *options]
    return measure.run(command, warehouse.environment, server.postmaster, ROOT)


def tell_build(select: Sequence[str], digest: str, *options: str) -> None:
    """Build what is selected of what is accepted; print what models and tests took, and what `digest` (SQL) gives."""
    own: Settings = settings.load()
    build_id = build.begin(own)
    assert build_id is not None
    spans: list[tuple[float, float]] = []

    def tell(step: Step) -> None:
        now = time.monotonic()
        spans.append((now - step.seconds, now))

    run_dbt(own, build_id, list(select), *options, tell=tell)
    began, ended = zip(*spans, strict=True)
    with database.connect(own) as connection:
        (found,) = connection.execute(digest).fetchone()
    print(json.dumps({"model_seconds": max(ended) - min(began), "digest": found}))


def main() -> None:
    tell_build([COST_MARTS, "path:seeds"], DIGEST, *sys.argv[1:])


if __name__ == "__main__":
    main()
