"""The race: paths and losses are those of training; the plane shows the loss; thresholds are round and in order."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bptui.model.base.errors import UserError
from bptui.model.source.network import from_formula, load
from bptui.teach.explore.race import LETTERS, PROBLEMS, Race, network_of, optimizer, thresholds


def quiet() -> None:
    """Nobody watches."""


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)
def test_a_track_is_what_training_does(problem) -> None:
    race = Race(network_of(problem), problem=problem)
    for number in range(len(LETTERS)):
        track = race.track(number, quiet)
        history = race.opened(number).history()
        for step in (0, 1, 17, race.steps):
            recording = history.recording(step)
            place = [float(recording.required(name)) for name in problem.train]
            assert track.places[step] == pytest.approx(place, rel=1e-12)
            assert track.losses[step] == pytest.approx(recording.loss, rel=1e-12)


def test_adams_first_step_is_its_rate() -> None:
    race = Race(network_of(PROBLEMS[0]), problem=PROBLEMS[0])
    first = np.diff(race.track(3, quiet).places, axis=0)[0]
    assert np.abs(first) == pytest.approx(race.rates[3], rel=1e-6)


def test_the_map_is_the_loss_of_its_places() -> None:
    problem = PROBLEMS[0]
    race = Race(network_of(problem), problem=problem)
    found = race.map(12, 8, quiet)
    (w, b), x, y = found.least, np.array(problem.values["x"]), np.array(problem.values["y"])
    assert found.losses.min() == pytest.approx(np.mean((w * x + b - y) ** 2))
    assert found.losses[0, 0] > found.losses.min()  # the top left: small w, large b
    top_left = np.mean(((-2 + 0.25) * x + (4 - 0.5) - y) ** 2)
    assert found.losses[0, 0] == pytest.approx(top_left)
    assert found.levels.max() == 5
    assert (found.levels[found.losses >= found.bounds[-1]] == 0).all()


def test_where_momentum_leaves_the_local_minimum() -> None:
    problem = next(each for each in PROBLEMS if each.name == "two minima")
    race = Race(network_of(problem), problem=problem)
    ends = [race.track(n, quiet).places[-1][0] for n in range(len(LETTERS))]
    assert ends[1] < 0 < ends[0]


@pytest.mark.parametrize("name", ["xor", "classifier", "lesson-2-2-1"])
def test_any_network_over_two_directions(name: str) -> None:
    race = Race(load(name))
    plane = race.prepare(quiet)
    assert plane.first @ plane.first == pytest.approx(1)
    assert plane.second @ plane.second == pytest.approx(1)
    assert plane.first @ plane.second == pytest.approx(0, abs=1e-9)
    assert not plane.exact
    track = race.track(0, quiet)
    assert track.places[0] == pytest.approx([0, 0], abs=1e-12)
    assert plane.across[0] < track.places[:, 0].min()
    assert track.places[:, 0].max() < plane.across[1]
    made = optimizer(0, race.rates[0])
    assert track.losses[0] == pytest.approx(load(name).program().record().loss)
    assert made.learning_rate == race.rates[0]


def test_two_chosen_weights() -> None:
    race = Race(load("lesson-2-2-1"), "layer1.weight[0,1], layer2.bias[0]")
    plane = race.prepare(quiet)
    assert plane.names == ("layer1.weight[0,1]", "layer2.bias[0]")
    assert race.track(0, quiet).places[0] == pytest.approx([-0.06, 0])
    for by, said in (("w", "two weights"), ("layer1.a,layer2.bias", "computed"), ("layer2.bias,layer2.bias", "twice")):
        with pytest.raises(UserError, match=said):
            Race(load("lesson-2-2-1"), by)
    with pytest.raises(UserError, match="only one number"):
        Race(from_formula("L = (w - x)**2", {"w": 1.0, "x": 2.0}, ["w"]))
    with pytest.raises(UserError, match="nothing is trained"):
        Race(from_formula("L = x**2", {"x": 2.0}))


@given(st.floats(1e-6, 1e6), st.floats(0, 1))
def test_thresholds_are_round_rising_and_reach_the_start(start: float, part: float) -> None:
    least = start * part
    bounds, above = thresholds(start, least)
    assert list(bounds) == sorted(set(bounds))
    assert all(f"{bound:.0e}"[0] in "13" for bound in bounds)
    assert above in (0.0, least)
    if start > least:
        assert bounds[-1] >= (start - above) * (1 - 1e-9)
        assert math.isclose(bounds[-1], (start - above), rel_tol=1) or bounds[-1] <= 4 * (start - above)
