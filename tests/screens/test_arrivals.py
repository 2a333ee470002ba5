"""A frame follows when the one before has reached the terminal."""

from __future__ import annotations

from bptui.screens.arrivals import LEAST, LOST, PATIENCE, QUESTION, SLOWEST, Arrivals
from bptui.screens.keyboard import Filter


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_next_frame_waits_for_the_answer_and_the_budget_follows_the_line() -> None:
    clock = Clock()
    line = Arrivals(clock)
    assert line.free()
    assert line.ends("a key's answer") == ""
    line.wanted = True
    assert line.ends("x" * 1_000) == QUESTION
    assert line.ends("x" * 1_000) == ""
    clock.now = 2.0
    assert not line.free()
    line.answered()
    assert line.free()
    assert line.budget == int(1_000 * PATIENCE)
    clock.now = 3.0
    line.wanted = True
    line.ends("x" * 1_000)
    clock.now = 3.001
    line.answered()
    assert line.budget > 100_000


def test_a_terminal_that_does_not_answer_is_taken_for_a_slow_one() -> None:
    clock = Clock()
    line = Arrivals(clock)
    line.wanted = True
    line.ends("x" * 800)
    clock.now = 0.9 * 800 / SLOWEST
    assert not line.free()
    clock.now = 1.1 * 800 / SLOWEST
    assert line.free()
    assert line.budget == max(LEAST, int(SLOWEST * PATIENCE))
    line.settle(60)  # nobody is waited for


def test_an_answer_that_is_lost_is_not_waited_for_for_ever() -> None:
    clock = Clock()
    line = Arrivals(clock)
    for _ in range(2):
        line.wanted = True
        line.ends("x")
        line.answered()
    line.wanted = True
    line.ends("x")
    clock.now += LOST - 1
    assert not line.free()
    clock.now += 2
    assert line.free()


def test_the_answer_is_taken_out_of_what_was_typed() -> None:
    arrived: list[bool] = []
    filtered = Filter(lambda: arrived.append(True))
    assert filtered("a\x1b[?62;2") == "a"
    assert filtered("2cb") == "b"
    assert arrived == [True]
    assert Filter()("\x1b[?6c") == ""
