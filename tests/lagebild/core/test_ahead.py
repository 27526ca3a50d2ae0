"""Values made ahead arrive in order, with what making them raised, and leave no trace."""

import sys
import threading

import pytest

from lagebild.core.prefetch import SWITCH_SECONDS, prefetch


def test_values_come_in_order_from_a_thread_that_ends():
    before = set(threading.enumerate())
    with prefetch(n * n for n in range(100)) as squares:
        assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS)
        assert list(squares) == [n * n for n in range(100)]
    assert set(threading.enumerate()) <= before


def test_what_making_raises_reaches_the_user_after_the_values_before_it():
    with prefetch(6 // n for n in (1, 2, 0, 3)) as values:
        assert [next(values), next(values)] == [6, 3]
        with pytest.raises(ZeroDivisionError):
            next(values)


def test_a_user_who_stops_early_leaves_no_thread_behind():
    before = set(threading.enumerate())
    with prefetch(range(1_000_000)) as values:
        assert next(values) == 0
    assert set(threading.enumerate()) <= before
