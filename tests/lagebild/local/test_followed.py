"""A run's lines about deliveries come from the ledger, whoever moved them."""

import io
import time
from datetime import UTC, datetime

import pytest

from ingest.deliveries import delivery_ledger
from lagebild.core import database
from lagebild.core.output import Level, Output
from lagebild.core.progress import Board, Plain
from lagebild.core.stages import Stage
from lagebild.local.load_progress import Followed, Seen, followed, moved
from tests import support

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def seen(number: int, state: str, **others) -> Seen:
    values = {"reason": None, "loaded": 472, "rejected": 0, "warnings": 0, "seconds": 3.0} | others
    return Seen(number, "ledger", "05913000_2019", state, **values)


def test_a_delivery_is_a_line(warehouse):
    delivery = support.deliver(warehouse, "ledger")
    with database.connect(warehouse) as connection:
        (loaded,) = moved(connection, LONG_AGO)
        (moment,) = connection.execute("select clock_timestamp()").fetchone()
        assert loaded.state == "loaded" and moved(connection, moment) == []
        delivery_ledger.decide(warehouse, delivery.delivery_id, ["line 5 is misprinted"])
        connection.commit()
        (held,) = moved(connection, moment)  # a decision counts, however old the delivery
    assert str(held).startswith(f"ledger {delivery.period}")
    assert f"{delivery.loaded:,} rows, {delivery.rejected} rejected, HELD" in str(held)
    assert str(held).endswith(": line 5 is misprinted")


@pytest.mark.parametrize(
    ("shown", "line"),
    [
        (seen(1, "accepted"), "ledger 05913000_2019 472 rows, 0 rejected, accepted 3 s"),
        (seen(1, "accepted", warnings=1), "ledger 05913000_2019 472 rows, 0 rejected, 1 warning, accepted 3 s"),
        (seen(1, "refused", loaded=None, reason="no header"), "ledger 05913000_2019 REFUSED 3 s: no header"),
    ],
)
def test_what_stands_out_does_so_without_colours(shown, line):
    assert " ".join(str(shown).split()) == line


def test_lines_of_deliveries_stand_below_each_other():
    lines = [str(seen(1, "accepted", loaded=n, warnings=w)) for n, w in ((1, 0), (11_070, 2))]
    assert len({line.index(" rows") for line in lines}) == 1 == len({len(line) for line in lines})


def test_each_decision_is_told_once_and_all_of_them_are_summed_up():
    out = io.StringIO()
    board, stage = Board(Plain(out), Output(Level.VERBOSE)), Stage("deliveries")
    told = Followed(board, stage, expected=3)
    told.show([seen(1, "received", loaded=None)])
    assert stage.doing == "ledger 05913000_2019" and stage.part is None
    told.show([seen(1, "accepted", warnings=2), seen(2, "loaded")])
    told.show([seen(1, "accepted", warnings=2), seen(2, "held", reason="why")])
    assert stage.part == (2, 3)
    lines = out.getvalue().splitlines()
    assert len(lines) == 2 and lines[0].startswith("~ ledger") and lines[1].startswith("! ledger")
    assert told.summary() == "1 accepted, 1 HELD; 944 rows, 0 rejected, 2 warnings"


def test_a_log_gets_the_sum_alone():
    out = io.StringIO()
    told = Followed(Board(Plain(out), Output()), Stage("deliveries"))
    assert told.summary() == "nothing new"
    told.show([seen(1, "accepted"), seen(2, "held", reason="why")])
    assert out.getvalue() == ""


def test_the_ledger_is_followed_beside_the_work(warehouse):
    support.deliver(warehouse, "employment")  # before
    stage = Stage("deliveries")
    with followed(warehouse, Board(Plain(io.StringIO()), Output()), stage):
        delivery = support.deliver(warehouse, "ledger")
        delivery_ledger.decide(warehouse, delivery.delivery_id, [])
    assert stage.result.startswith("1 accepted; ")


def test_a_ledger_that_goes_away_does_not_hide_what_the_work_says(warehouse):
    stage = Stage("deliveries")
    with (
        pytest.raises(ValueError, match="the real reason"),
        followed(warehouse, Board(Plain(io.StringIO()), Output()), stage),
    ):
        time.sleep(1.5)
        with database.connect(warehouse, autocommit=True) as connection:
            connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
                " and pid <> pg_backend_pid()"
            )
        raise ValueError("the real reason")
