"""Times that a lesson says are taken when it says them, and stay what they are while its page is open."""

from __future__ import annotations

from pathlib import Path

import pytest

from bptui.model.base.spans import plain
from bptui.model.source.network import load
from bptui.teach import costs, reading
from bptui.teach.course import Course

LESSON = """+++
title = "T"
+++
# T
## First
::open xor

Forward `= time(forward) to 3`, back `= time(backward) to 3`, both `= time(forward) + time(backward) to 3`.
"""


@pytest.mark.parametrize("name", ["xor", "lenet", "lesson-2-2-1"])
def test_both_passes_take_time(name: str) -> None:
    found = costs.microseconds(load(name))
    assert tuple(found) == costs.PASSES
    assert all(0 < spent < 1e6 for spent in found.values())


def test_a_page_that_is_drawn_again_says_the_same() -> None:
    course = Course(reading.parse(LESSON, Path("own.md")))
    first = [plain(line) for block in course.opens() for line in block]
    assert [plain(line) for block in course.opens() for line in block] == first
    numbers = [float(word.strip(",.")) for word in first[0].split() if word[0].isdigit()]
    assert numbers[0] + numbers[1] == pytest.approx(numbers[2], abs=2e-3)


@pytest.mark.parametrize("name", ["lesson-2-2-1", "xor", "classifier", "transformer"])
def test_backward_takes_at_most_twice_the_products(name: str) -> None:
    """A matrix product has two gradients of its own size, one for each factor; that of an input nobody asks for."""
    found = costs.counts(load(name).graph)
    assert found["products(forward)"] < found["products(backward)"] <= 2 * found["products(forward)"]


def test_counts_of_a_network_of_nine_numbers() -> None:
    found = costs.counts(load("lesson-2-2-1").graph)
    assert found["count(parameters)"] == 9
    assert found["products(forward)"] == 2 * 2 + 2 * 1  # 2 inputs to 2 units, 2 units to 1
    assert found["products(backward)"] == 2 * 2 + 2 * (2 * 1)  # nobody asks for the gradient of x
