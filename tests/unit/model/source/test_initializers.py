"""Initial values have the spread that their source says, and are the same everywhere."""

from __future__ import annotations

import numpy as np
import pytest

from bptui.model.base.errors import UserError
from bptui.model.base.schema import Table
from bptui.model.source.initializers import INITIALIZERS, Source, drawn, fans

SHAPE = (200, 300)
STD = {
    "xavier_uniform": np.sqrt(2 / 500),
    "xavier_normal": np.sqrt(2 / 500),
    "he_uniform": np.sqrt(2 / 200),
    "he_normal": np.sqrt(2 / 200),
    "lecun_uniform": np.sqrt(1 / 200),
    "lecun_normal": np.sqrt(1 / 200),
    "torch_uniform": np.sqrt(1 / 600),
    "uniform": 0.2 / np.sqrt(12),
    "normal": 0.01,
    "zeros": 0,
    "ones": 0,
    "constant": 0,
}


def make(kind, seed=0, layer=1, which=0, shape=SHAPE):
    table = Table({}, "net.toml", "layer1")
    setting = {"kind": "constant", "value": 3} if kind == "constant" else kind
    return drawn(setting, table, "init", shape, fans(shape), Source(seed, layer, which))


@pytest.mark.parametrize("kind", INITIALIZERS)
def test_the_spread_is_the_one_of_the_source(kind):
    values = make(kind)
    assert values.shape == SHAPE
    assert values.std() == pytest.approx(STD[kind], rel=0.02)
    if kind.endswith("uniform"):
        assert np.abs(values).max() <= STD[kind] * np.sqrt(3)
    if kind not in ("ones", "constant"):
        assert abs(values.mean()) < 0.02 * max(STD[kind], 1e-9) + 1e-12 + STD[kind] / np.sqrt(values.size) * 5


@pytest.mark.parametrize("kind", ["he_uniform", "he_normal"])
def test_a_draw_depends_on_seed_layer_and_parameter_and_on_nothing_else(kind):
    same = [make(kind), make(kind)]
    assert (same[0] == same[1]).all()
    for other in (make(kind, seed=1), make(kind, layer=2), make(kind, which=1)):
        assert (same[0] != other).all()


def test_the_first_numbers_of_a_seed_never_change():
    assert Source(0, 1, 0).uniform((3,), 0, 1).tolist() == [0.6616295504824414, 0.9659713257940395, 0.889527210853487]


def test_fans_of_dense_and_convolution_weights():
    assert fans((3, 4)) == (3, 4)
    assert fans((8, 3, 5, 5), inputs_first=False) == (75, 200)
    assert fans((7,)) == (7, 7)


def test_parameters_are_checked():
    table = Table({}, "net.toml", "layer1")
    for setting, message in (
        ({"kind": "normal", "std": -1}, "net.toml: layer1.init.std: must be at least 0"),
        ({"kind": "normal", "low": 1}, "unknown key 'low'"),
        ({"kind": "norml"}, "did you mean 'normal'"),
        (3, "expected a table"),
        ({}, "'kind' is missing"),
        ({"kind": "uniform", "low": -1e308, "high": 1e308}, "layer1.init: draws numbers that are too large"),
    ):
        with pytest.raises(UserError, match=message):
            drawn(setting, table, "init", (2, 2), (2, 2), Source(0, 1, 0))
