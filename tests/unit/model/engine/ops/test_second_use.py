"""A rule that is used again in a plan, for arrays of the same kind, emits the same calls over the arrays of its own."""

from __future__ import annotations

import numpy as np
import pytest

from bptui.model.engine.calls import Backward, Calls
from tests.unit.model.engine.ops.executor import attributes_of
from tests.unit.model.engine.ops.samples import uses

USES = list(uses())


def planned(emit, row, attributes, inputs):
    """(its calls, what they fill: the output, the contributions)."""
    begun = len(emit.calls)
    out = np.full(row.shape([array.shape for array in inputs], attributes), 55.0)
    saved = row.forward(emit, inputs, out, attributes)
    shapes = [array.shape for array in inputs]
    into = [
        np.full(row.contribution(n, shapes, out.shape), 66.0) if row.differentiable(n) else None
        for n in range(len(inputs))
    ]
    upstream = np.random.default_rng(3).normal(size=out.shape)
    ready = None
    if any(array is not None for array in into):
        ready = row.vjp(emit, Backward(upstream, inputs, out, attributes, into, saved))
    made = [mine if other is None else other for mine, other in zip(into, ready or [None] * len(into), strict=True)]
    return emit.calls[begun:], [out, *(array for array in made if array is not None)]


def name(call):
    """What is called, whatever it is called with."""
    function = getattr(call, "func", call)
    return getattr(getattr(function, "func", function), "__name__", "")


def run(calls):
    with np.errstate(all="ignore"):
        for _ in range(2):  # a step must not depend on what the step before left in a scratch array
            for call in calls:
                call()


@pytest.mark.corpus(rows=4)
@pytest.mark.parametrize("use", USES, ids=str)
def test_the_second_use_is_as_the_first(use):
    row, attributes = use.row, attributes_of(use.row, use.attributes)
    first, others, theirs = ([np.array(array) for array in use.inputs()] for _ in range(3))
    both = Calls(np.dtype(float))
    planned(both, row, attributes, first)
    calls, found = planned(both, row, attributes, others)
    alone, expected = planned(Calls(np.dtype(float)), row, attributes, theirs)
    for array in first:
        array[...] = 0 if array.dtype.kind in "iu" else np.nan  # nobody reads them
    assert [*map(name, calls)] == [*map(name, alone)]
    run(calls)
    run(alone)
    for mine, other in zip(found, expected, strict=True):
        assert mine.tobytes() == other.tobytes()
    for array, before in zip(others, use.inputs(), strict=True):
        np.testing.assert_array_equal(array, before)
