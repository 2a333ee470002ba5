"""What lies outside of a window, or is not looked at, has no part in it: no NaN, no inf, no padding."""

from __future__ import annotations

import numpy as np
import pytest

from bptui.model.engine import ops
from tests.unit.model.engine.ops.executor import run, run_composite

INF, NAN = np.inf, np.nan
ODD = [[0.5, INF, -1.0, 2.0, -INF, 0.25, 3.0], [NAN, 0.5, 1.0, 2.0, 3.0, -0.5, -INF], [-INF, -INF, -INF, 1, 2, 3, -INF]]
POOLS = [
    ("adaptive_avg_pool1d", {"output_size": 2}),
    ("adaptive_avg_pool1d", {"output_size": 5}),
    ("adaptive_avg_pool1d", {"output_size": 9}),
    ("avg_pool1d", {"kernel_size": 2}),
    ("avg_pool1d", {"kernel_size": 3, "stride": 2, "padding": 1}),
    ("max_pool1d", {"kernel_size": 2}),
    ("max_pool1d", {"kernel_size": 3, "stride": 1, "padding": 1}),
    ("max_pool1d", {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}),
    ("max_pool1d", {"kernel_size": 2, "stride": 2, "dilation": 2, "padding": 1}),
]


def test_infinity_stays_in_its_window():
    out, _ = run(ops.OPS["adaptive_avg_pool1d"], [[[INF, 2.0, 3.0, 4.0]]], {"output_size": 2})
    np.testing.assert_array_equal(out, [[INF, 3.5]])


def test_padding_never_wins():
    _, (d,) = run(ops.OPS["max_pool1d"], [[[-INF, -INF, 1.0]]], {"kernel_size": 2, "stride": 1, "padding": 1})
    np.testing.assert_array_equal(d, [[2, 0, 2]])  # the first window of two holds the padding and -inf


@pytest.mark.parametrize(("name", "given"), POOLS, ids=str)
def test_pools_of_odd_numbers_are_pytorchs(name, given):
    torch = pytest.importorskip("torch")
    for row in ODD:
        x = torch.tensor([row], dtype=torch.float64, requires_grad=True)
        expected = getattr(torch.nn.functional, name)(x, **given)
        upstream = np.arange(1.0, expected.shape[-1] + 1)[None]
        expected.backward(torch.tensor(upstream))
        out, (d,) = run(ops.OPS[name], [[row]], given, upstream)
        np.testing.assert_allclose(out, expected.detach().numpy())
        np.testing.assert_allclose(d, x.grad.numpy())


LOW = {"q": [[-1e6], [0.0]], "k": [[1e4], [2.0]], "v": [[5.0], [7.0]]}


def test_what_is_masked_has_no_weight_however_low_the_others_are():
    out, _ = run_composite("scaled_dot_product_attention", {**LOW, "mask": [[1.0, 0.0], [0.0, 0.0]]})
    np.testing.assert_array_equal(out, [[5.0], [0.0]])  # the second query sees no key


def test_attention_that_sees_nothing_passes_nothing_on():
    _, gradients = run_composite("scaled_dot_product_attention", {**LOW, "mask": [[1.0, 1.0], [0.0, 0.0]]})
    assert gradients["q"][1] == 0
    assert all(np.isfinite(gradients[name]).all() for name in "qkv")


def test_infinity_beside_the_mask_is_not_seen():
    out, (d, _) = run(ops.OPS["masked_softmax"], [[INF, 1.0, NAN], [0.0, 1.0, 0.0]], None, [INF, 1.0, NAN])
    np.testing.assert_array_equal(out, [0, 1, 0])
    np.testing.assert_array_equal(d, [0, 0, 0])
