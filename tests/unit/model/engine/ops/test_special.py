"""erf, against the C library; erf, the normal distribution, erfc and the gamma functions against 50 digits."""

import math
from functools import partial

import mpmath as mp
import numpy as np
import pytest

from bptui.model.engine.calls import Calls
from bptui.model.engine.ops.erf import _ERF, _NORMAL, erf, normal_cdf
from bptui.model.engine.ops.erfc import erfc
from bptui.model.engine.ops.gamma import digamma, lgamma, polygamma
from bptui.model.engine.rule import Rule


def traced(function, x):
    """What a function leaves where it is planned for numbers of this kind."""
    emit, out = Calls(x.dtype), np.zeros_like(x)
    Rule(function, None).forward(emit, [x], out, {})
    with np.errstate(all="raise", under="ignore", over="raise" if x.dtype == np.float64 else "ignore"):
        for call in emit.calls:
            call()
    return out


def exact(function, x):
    """(its numbers to 50 digits, rounded; what the last digit of each counts)."""
    with mp.workdps(50):
        found = np.array([float(function(mp.mpf(float(number)))) for number in x])
    return found, np.spacing(np.abs(found))


def ends(bound):
    """Points of a table of so many of them from 0 to 1, middles between them, and all that is near the smallest."""
    near = np.concatenate([np.arange(5), np.arange(bound - 3, bound + 3), [6 * bound, 9 * bound]]) / bound
    sides = np.concatenate([near, near + 0.5 / bound])
    sides = np.concatenate([sides, np.nextafter(sides, 0), np.nextafter(sides, 99), 10 ** np.linspace(-323, -1, 200)])
    return np.concatenate([sides, -sides])


def test_erf_to_the_last_digit():
    x = np.concatenate([np.linspace(-7, 7, 20_001), [0.84375, 1.25, 1 / 0.35, 6, 1e-300, 5e-324, 1e-20]])
    expected = np.array([math.erf(value) for value in x])
    assert np.max(np.abs(erf(x) - expected) / np.spacing(np.abs(expected))) <= 1


def test_erf_by_fifty_digits():
    random = np.random.default_rng(3)
    x = np.concatenate([ends(256), random.uniform(-0.1, 0.1, 500), random.uniform(-3, 3, 500)])
    expected, last = exact(mp.erf, x)
    assert np.max(np.abs(erf(x) - expected) / last) <= 1  # of the rounded value, which is half a digit off itself
    assert np.array_equal(erf(x), traced(erf, x))
    assert np.array_equal(erf(-x), -erf(x))


def test_the_normal_distribution_by_fifty_digits():
    x = np.concatenate([ends(128), np.random.default_rng(4).uniform(-9, 9, 1000)])
    expected, last = exact(mp.ncdf, x)
    found = traced(normal_cdf, x)
    assert np.max(np.abs(found - expected)) <= 1.5 * 2**-53
    inside = (x > -3) & (x < 9)
    assert np.max((np.abs(found - expected) / last)[inside]) <= 4  # of the small ones, too
    assert np.allclose(normal_cdf(x), expected, rtol=0, atol=2**-52)
    far = np.array([-9, -1e300, -np.inf, 9, 1e300, np.inf])
    np.testing.assert_array_equal(traced(normal_cdf, far), [0, 0, 0, 1, 1, 1])
    assert np.isnan(traced(normal_cdf, np.array([np.nan, -np.nan, 0.0]))).tolist() == [True, True, False]


def test_the_normal_distribution_of_float32():
    x = np.concatenate([np.linspace(-8, 8, 2001), [0.0, 1e-30, -1e-30, 5.3, -5.3]]).astype(np.float32)
    expected, _ = exact(mp.ncdf, x)
    found = traced(normal_cdf, x)
    assert found.dtype == np.float32
    assert np.max(np.abs(found - expected)) <= 2**-22
    far = np.array([-np.inf, -1e30, -9, 9, 1e30, np.inf, np.nan], np.float32)
    np.testing.assert_array_equal(traced(normal_cdf, far), np.array([0, 0, 0, 1, 1, 1, np.nan], np.float32))


@pytest.mark.parametrize("integral", [_ERF, _NORMAL])
def test_the_points_of_the_tables(integral):
    one, values, slopes = integral.exact()
    with mp.workdps(40):
        steep = 1 / mp.mpf(integral.shallow)
        for k in (0, 1, 7, 100, integral.density, 4 * integral.density, integral.reach * integral.density):
            c = mp.mpf(k) / integral.density
            assert abs(mp.mpf(values[k]) / one - mp.erf(mp.sqrt(steep) * c)) < 1e-22
            assert abs(mp.mpf(slopes[k]) / one - 2 * mp.sqrt(steep / mp.pi) * mp.exp(-steep * c * c)) < 1e-22


def test_erf_at_the_ends():
    for found in (erf, partial(traced, erf)):
        np.testing.assert_array_equal(found(np.array([np.inf, -np.inf, 0.0, 1e300, -7])), [1, -1, 0, 1, -1])
        assert np.signbit(found(np.array([-0.0, 0.0]))).tolist() == [True, False]
        assert np.isnan(found(np.array([np.nan, -np.nan, 1.0]))).tolist() == [True, True, False]


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
