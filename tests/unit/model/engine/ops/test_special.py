"""erf, against the C library's."""

import math

import numpy as np

from bptui.model.engine.ops.special import erf


def test_erf_to_the_last_digit():
    x = np.concatenate([np.linspace(-7, 7, 20_001), [0.84375, 1.25, 1 / 0.35, 6, 1e-300, 5e-324, 1e-20]])
    expected = np.array([math.erf(value) for value in x])
    assert np.max(np.abs(erf(x) - expected) / np.spacing(np.abs(expected))) <= 1


def test_erf_at_the_ends():
    np.testing.assert_array_equal(erf(np.array([np.inf, -np.inf, 0.0])), [1, -1, 0])
    assert np.signbit(erf(np.array([-0.0])))[0]
    assert np.isnan(erf(np.array([np.nan, 1.0])))[0]


def test_erf_keeps_the_shape():
    assert erf(np.zeros((2, 0, 3))).shape == (2, 0, 3)
    assert erf(np.array(0.5)).shape == ()
