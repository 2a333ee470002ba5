"""No false alarm: a part of what `python -m tests.faults.clean` runs over 20 seeds."""

from __future__ import annotations

import zlib
from collections import defaultdict

import pytest

from bptui.model.engine.ops import OPS
from tests.unit.model.engine.ops.samples import uses
from tests.unit.model.engine.ops.use import Use

from ..unit.symbolic import composites
from . import clean

USES: dict[str, list[Use | composites.Use]] = defaultdict(list)
for _use in (*uses(), *composites.uses()):
    USES[_use.op].append(_use)


@pytest.mark.corpus(rows=6)
@pytest.mark.parametrize("op", USES)
def test_no_use_is_rejected(op, full):
    """One use with numbers of one kind; in full each use, an operation's with two kinds, a composite's with one.
    What is derived for one is there for the other. (`python -m tests.faults.clean --every` takes all with all.)"""
    kinds = [kind for kind in clean.KINDS if full or op in OPS or kind != "wide"]  # seconds at 50 digits
    start, wrong = zlib.crc32(op.encode()), []
    for n, use in list(enumerate(USES[op], start))[:: 1 if full else len(USES[op])]:
        for kind in {kinds[k % len(kinds)] for k in ((n, n + 3) if full and op in OPS else (n,))}:
            wrong += [(str(use), kind, row) for row in clean.alarms(clean.recording(use, kind, 100))]
    assert wrong == []


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_gradients_that_vanish_or_cancel(dtype):
    wrong = [(name, row) for name, step in clean.networks(100, dtype) for row in clean.alarms(step)]
    assert wrong == []


def test_the_networks_do_what_they_are_for():
    """Their gradients are next to nothing where they should cancel."""
    nets = dict(clean.networks(0))
    key = nets["attention: the key's bias"]
    assert abs(key.grad("bk")).max() < 1e-12 < 1e-3 < abs(key.grad("bq")).max()
    before = nets["batch_norm: the bias before it"]
    assert abs(before.grad("b")).max() < 1e-12 < 1e-4 < abs(before.grad("w")).max()
    assert nets["a loss of nothing"].loss < 1e-6
    assert nets["certain"].loss < 1e-6


@pytest.mark.corpus(rows=3)  # each is a use of the sweep above, which takes others of its rows
@pytest.mark.parametrize(
    ("op", "kind", "seed"),
    [
        ("elu", "tiny", 0),  # exp(x) - 1 in float64
        ("log_softmax", "tiny", 0),  # of one class: exactly 0
        ("reciprocal", "tiny", 1),  # a pole nearer than any step
        ("div", "tied", 1),  # ∞ - ∞ in one order or another
        ("softplus", "wide", 0),  # a complex step with exp(1e6) in it
        ("norm", "tied", 0),  # of zeros: not analytic there
        ("prod", "tied", 0),  # of zeros: a complex step of higher order
        ("mae", "tiny", 0),  # corners 1e-9 apart
        ("sort", "tied", 100),  # equals that change places along a direction
        ("topk", "tied", 100),
        ("max_pool2d", "tied", 2),  # equals that are read by several windows, the first of them in some
    ],
)
def test_what_was_a_false_alarm_once(op, kind, seed):
    wrong = [row for use in uses() if use.op == op for row in clean.alarms(clean.recording(use, kind, seed))]
    assert wrong == []


@pytest.mark.parametrize(
    ("shapes", "seed"), [(((3, 4), (5, 4), (5, 2), (), (), (3, 5)), 100), (((3, 4), (5, 4), (5, 2)), 3)]
)
def test_an_attention_that_is_certain_is_no_false_alarm(shapes, seed):
    """Weights of 1 and of 1e-53: 1 - y has no digits, and stands on no path, for it is 0."""
    assert clean.alarms(clean.recording(composites.Use("scaled_dot_product_attention", shapes), "wide", seed)) == []


ENDLESS = ("bce", "correlate_transpose", "conv_transpose")
"""What differs there from its definition, and is PyTorch's or next to it: a logarithm with a floor, padding times ∞."""


def test_nan_and_inf_are_no_wrong_derivatives(full):
    some = [use for use in (*uses(), *composites.uses()) if use.op.rstrip("123d") not in ENDLESS][:: 24 if full else 96]
    wrong = [(str(use), row) for use in some for row in clean.alarms(clean.recording(use, "odd", 100))]
    assert wrong == []
