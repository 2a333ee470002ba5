"""Rounding to a kind of number: as PyTorch's and NumPy's, the nearest, and what is rounded stays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bptui.model.base.kinds import KINDS, rounded
from bptui.model.engine.ops.discrete import cast_to

NUMBERS = st.floats(allow_subnormal=True)
EDGES = [
    0.0, -0.0, np.inf, -np.inf, np.nan, 65504, 65519.9, 65520, 2.0**-24, 2.0**-25, 3 * 2.0**-25, 2.0**-133, 2.0**-134,
    2.0**-126 * 0.999, 3.3895e38, 3.3961e38, 3.4028236e38, 1e308, 5e-324, 1 + 2.0**-8, 1 + 3 * 2.0**-8, 1 + 2.0**-24,
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@given(x=NUMBERS)
def test_what_is_rounded_stays_and_no_neighbour_is_nearer(kind, x):
    row, y = KINDS[kind], float(rounded(x, KINDS[kind]))
    np.testing.assert_equal(float(rounded(y, row)), y)
    if not np.isfinite(y) or not np.isfinite(x):
        return
    unit = 2.0 ** max(np.frexp(y)[1] - row.digits, row.least)
    for other in (float(rounded(y + unit, row)), float(rounded(y - unit / 2, row)), float(rounded(y - unit, row))):
        assert abs(y - x) <= abs(other - x)


@pytest.mark.parametrize("kind", ["float32", "float16"])
@given(x=NUMBERS)
def test_of_kinds_that_numpy_has(kind, x):
    with np.errstate(over="ignore"):
        np.testing.assert_equal(float(rounded(x, KINDS[kind])), float(np.float64(x).astype(kind)))


@pytest.mark.parametrize("kind", KINDS)
@given(x=NUMBERS)
def test_the_engine_rounds_as_the_definition(kind, x):
    with np.errstate(all="ignore"):
        np.testing.assert_equal(cast_to(np.array([x]), kind), rounded([x], KINDS[kind]))


@pytest.mark.parametrize("kind", KINDS)
def test_as_pytorch(kind):
    """From float32: from float64 PyTorch rounds twice, first to that."""
    torch = pytest.importorskip("torch")
    with np.errstate(all="ignore"):
        x = np.array(EDGES, np.float32)
        found = torch.tensor(x).to(getattr(torch, kind)).to(torch.float64).numpy()
        np.testing.assert_array_equal(rounded(x, KINDS[kind]), found)
        np.testing.assert_array_equal(cast_to(x, kind), found)
        number = ~np.isnan(x)
        np.testing.assert_array_equal(np.signbit(cast_to(x, kind))[number], np.signbit(found)[number])
