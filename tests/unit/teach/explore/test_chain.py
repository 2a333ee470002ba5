"""The chain: slopes of the engine multiply along a way and add where ways meet; their formulas are SymPy's."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bptui.model.base.errors import UserError
from bptui.model.base.spans import plain
from bptui.model.source.network import from_formula, load
from bptui.symbolic.service import Service
from bptui.teach.explore.chain import PAIRS, Chain, Reading, pair, through

OWN = st.sampled_from([
    "u = sin(x); y = exp(u)", "u = x**3; v = u + x; y = tanh(v)*u", "y = log(x*x + 1)", "a = x*x; b = a*x; y = a + b*a",
])  # fmt: skip


def formulas(chain: Chain) -> dict[str, str]:
    """The derived slopes by their names."""
    service, reading = Service(), chain.read()
    links = {link for way in reading.ways for link in way}
    for link in links:
        chain.formula(link, service)
    assert service.wait()
    names = [station.name for station in reading.stations]
    found = {f"d{names[k.target]}/d{names[k.source]}": plain(chain.formula(k, service)) for k in links}
    service.close()
    return found


@pytest.mark.parametrize(
    ("number", "slopes", "whole", "derived"),
    [
        (0, [3, 12], 36, {"du/dx": "3", "dy/du": "2·u"}),
        (1, [4, 3], 12, {"du/dx": "2·x", "dy/du": "3"}),
        (2, [4, 1 / (1 + math.exp(-3)) / (1 + math.exp(3))], None, {"du/dx": "2·x", "dy/du": "y·(1 - y)"}),
    ],
)
def test_the_pairs_at_two(number: int, slopes: list[float], whole: float | None, derived: dict[str, str]) -> None:
    chain = Chain(pair(number))
    reading = chain.read()
    (way,) = reading.ways
    assert [link.slope for link in way] == pytest.approx(slopes, rel=1e-12)
    assert reading.slope == pytest.approx(math.prod(slopes) if whole is None else whole, rel=1e-12)
    assert formulas(chain) == derived


def test_two_ways_add() -> None:
    reading = Chain(pair(3)).read()
    assert [[link.slope for link in way] for way in reading.ways] == [[4, 2], [4]]
    assert reading.slope == 12 == sum(map(through, reading.ways))
    reading = Chain(load("two-paths")).read()
    assert sorted(map(through, reading.ways)) == [-18, 4]
    assert reading.slope == -14


def test_the_accident_is_at_two_alone() -> None:
    chain = Chain(pair(0))
    assert chain.value_and_slope(2.0) == (36, 36)
    assert chain.value_and_slope(1.0) == (9, 18)


@given(st.integers(0, len(PAIRS) - 1), st.floats(-3, 3), st.sampled_from([1e-4, 1e-3, -1e-3]))
@settings(max_examples=40, deadline=None)
def test_what_a_nudge_promises_it_does_in_the_limit(number: int, at: float, nudge: float) -> None:
    chain = Chain(pair(number))
    chain.at, chain.nudge = at, nudge
    law(chain.read())


@given(OWN, st.floats(0.3, 2))
@settings(max_examples=30, deadline=None)
def test_any_formula(text: str, at: float) -> None:
    law(Chain(from_formula(text, {"x": at}), nudge=1e-4).read())


def law(reading: Reading) -> None:
    """The ways are all of the gradient; each station's slope times what it grows by is what the end grows by."""
    assert reading.whole
    assert sum(map(through, reading.ways)) == pytest.approx(reading.slope, rel=1e-9, abs=1e-12)
    last = reading.stations[-1]
    assert last.grown == pytest.approx(reading.promised, abs=200 * reading.nudge**2)


@pytest.mark.parametrize("name", ["darts", "lesson-2-2-1", "xor", "mazur", "cs231n-neuron", "swoosh"])
def test_networks_too(name: str) -> None:
    reading = Chain(load(name)).read()
    assert reading.count >= len(reading.ways) >= 1
    assert reading.whole or reading.count > 8 or through(reading.ways[0])


@pytest.mark.parametrize(
    ("by", "said"), [("t1", "t1 is computed"), ("nobody", "no node is called 'nobody'"), ("w[0]", "index")]
)
def test_what_cannot_be_nudged(by: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        Chain(load("darts"), by)
