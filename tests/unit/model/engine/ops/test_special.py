"""erf, against the C library's; erfc and the gamma functions, against 50 digits."""

import math
from functools import partial

import mpmath as mp
import numpy as np
import pytest

from bptui.model.engine.ops.erf import erf
from bptui.model.engine.ops.erfc import erfc
from bptui.model.engine.ops.gamma import digamma, lgamma, polygamma


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


@pytest.mark.parametrize(
    ("ours", "exact"),
    [
        (erfc, mp.erfc),
        (lgamma, lambda x: mp.re(mp.loggamma(x))),
        (digamma, mp.digamma),
        *((partial(polygamma, n=n), partial(mp.psi, n)) for n in (0, 1, 2, 5, 12)),
    ],
    ids=["erfc", "lgamma", "digamma", *(f"polygamma {n}" for n in (0, 1, 2, 5, 12))],
)
def test_to_the_last_digits_of_fifty(ours, exact):
    random = np.random.default_rng(5)
    x = np.concatenate([random.uniform(-20, 20, 300), 10 ** random.uniform(-6, 1.3, 100)])
    with mp.workdps(50):
        expected = np.array([float(exact(mp.mpf(float(number)))) for number in x])
    scale = np.abs(expected) if ours is erfc else np.maximum(np.abs(expected), 1)
    assert np.max(np.abs(ours(x) - expected) / scale) < 8e-15
