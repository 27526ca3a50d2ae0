"""What is no longer needed is given back after the work, and an idle server is left alone."""

import gc

import pytest

from lagebild.local import memory


class Ring:
    """Garbage that only a collection finds."""

    alive = 0

    def __init__(self):
        self.own = self
        Ring.alive += 1

    def __del__(self):
        Ring.alive -= 1


def test_garbage_is_gone_afterwards():
    gc.disable()
    try:
        Ring()
        assert Ring.alive == 1
        memory.give_back()
        assert Ring.alive == 0
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("made", "is_worth_it"), [((5, 0, 0), False), ((memory.WORTH_IT + 1, 0, 0), True), ((0, 1, 0), True)]
)
def test_a_server_looks_for_it_only_after_work(monkeypatch, made, is_worth_it):
    class EndedError(Exception):
        pass

    sleeps, given = iter([None]), []

    def sleep(seconds: float) -> None:
        if next(sleeps, EndedError) is EndedError:
            raise EndedError

    monkeypatch.setattr(memory.time, "sleep", sleep)
    monkeypatch.setattr(memory.gc, "get_count", lambda: made)
    monkeypatch.setattr(memory, "give_back", lambda: given.append(1))
    with pytest.raises(EndedError):
        memory._look()
    assert bool(given) is is_worth_it
