"""What a terminal, a log, and whoever asks for detail see of the same work."""

import io
import threading

import pytest
from rich.console import Console

from lagebild.core import progress
from lagebild.core.output import Level, Output
from lagebild.core.progress import Board, Plain
from lagebild.core.stages import spent


def in_a_log(level: Level = Level.NORMAL) -> tuple[Board, io.StringIO]:
    out = io.StringIO()
    return Board(Plain(out), Output(level)), out


def on_a_terminal(level: Level = Level.NORMAL, **options) -> tuple[Board, io.StringIO]:
    out = io.StringIO()
    return Board(Console(file=out, force_terminal=True, width=100, **options), Output(level)), out


def work(board: Board) -> None:
    """A little of everything."""
    with board:
        with board.stage("deliveries") as stage:
            board.doing("loading a file")
            board.show("a", "ingest__a: queued")
            board.show("a", "ingest__a: success")
            board.done("a 2019  4 rows, accepted")
            board.warn("b 2019  HELD [brackets are text]")
            board.detail("a step")
            stage.result = "1 accepted, 1 HELD"
        board.say("a line")


def test_a_log_gets_a_line_a_stage_and_what_must_not_be_overlooked():
    board, out = in_a_log()
    work(board)
    assert out.getvalue().splitlines() == [
        "! b 2019  HELD [brackets are text]",
        "deliveries    1 accepted, 1 HELD  0 s",
        "a line",
    ]


def test_detail_is_every_step():
    board, out = in_a_log(Level.VERBOSE)
    work(board)
    lines = out.getvalue().splitlines()
    for shown in ("loading a file ...", "ingest__a: queued", "ingest__a: success", "  a 2019  4 rows, accepted"):
        assert shown in lines
    assert "a step" in lines and "a line" in lines


@pytest.mark.parametrize("place", [in_a_log, on_a_terminal])
def test_quiet_is_quiet(place):
    board, out = place(Level.QUIET)
    work(board)
    assert out.getvalue() == ""


def test_a_terminal_keeps_what_is_finished_as_lines():
    board, out = on_a_terminal()
    work(board)
    shown = out.getvalue()
    for kept in ("  a 2019  4 rows, accepted", "! b 2019  HELD [brackets are text]", "✓ deliveries    1 accepted"):
        assert kept in shown
    assert "ingest__a" not in shown


def test_a_terminal_without_colours_has_none(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    board, out = on_a_terminal()
    work(board)
    assert "! b 2019  HELD" in out.getvalue()
    assert not [code for code in ("\x1b[33m", "\x1b[1;33m", "\x1b[32m", "\x1b[36m") if code in out.getvalue()]


def test_a_terminal_that_wants_no_progress_is_not_drawn_on():
    out = io.StringIO()
    work(Board(Console(file=out, force_terminal=True, width=100), Output(Level.NORMAL, is_drawing=False)))
    assert "\x1b[?25l" not in out.getvalue() and "⠋" not in out.getvalue()  # neither a hidden cursor nor a spinner


def test_many_threads_and_the_screen_do_not_wait_for_each_other_for_ever():
    board, out = on_a_terminal()

    def talk(number: int) -> None:
        for n in range(150):
            board.doing(f"{number} {n}")
            board.part(n, 150)
            board.done(f"line {number} {n}")

    with board, board.stage("x"):
        threads = [threading.Thread(target=talk, args=(n,), daemon=True) for n in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(300):
            board._screen._live.refresh()
        for thread in threads:
            thread.join(timeout=60)
            assert not thread.is_alive()
    assert out.getvalue().count("line ") >= 600


def test_a_stage_that_fails_says_so():
    board, out = in_a_log()
    with pytest.raises(ValueError), board, board.stage("marts"):
        raise ValueError("no")
    assert out.getvalue() == "marts         failed  0 s\n"


def test_progress_says_how_much_is_done():
    board, _ = in_a_log()
    with board, board.stage("x") as stage:
        board.doing("loading a file")
        board.part(1, 4)
        assert str(stage).endswith("1 of 4")
        board.part(1, 0)  # nobody knows how much it is
        assert "of" not in str(stage)
        board.part(9_000, 4_000)
        assert str(stage).endswith("100 %")
        board.doing("something else")
        assert "%" not in str(stage)


def test_a_log_is_told_what_goes_on_and_the_more_seldom_the_longer_it_takes(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    board, out = in_a_log()
    waits = iter([False] * 1800 + [True])

    def tick(seconds: float) -> bool:
        clock[0] += 2
        return next(waits)

    monkeypatch.setattr(board._end, "wait", tick)
    board.doing("waiting")
    board._beat()
    lines = out.getvalue().splitlines()
    assert lines[0] == "... waiting (30 s)"
    assert 5 < len(lines) < 15  # of an hour


def test_spans_of_time_are_said_as_people_say_them():
    assert [spent(s) for s in (0.2, 3, 119, 125, 3600)] == ["0 s", "3 s", "119 s", "2 min 05 s", "60 min 00 s"]
