"""Definitions with enormous constants: what rounding leaves of them is not called wrong, what is wrong is."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from bptui.symbolic.check import check_node
from bptui.symbolic.custom import make
from tests.unit.symbolic.steps import graph_of, record

X, W = np.array([0.7, -1.3, 0.4]), np.array([1.9, 0.6, -0.8])


def rows(op, *inputs):
    recording = record(graph_of(op, inputs))
    return check_node(recording, recording.graph.by_name["made"])


def planted(op, position, wrong):
    """The operation, whose contribution to one input is another."""

    def vjp(emit, ctx):
        found = op.vjp(emit, ctx)
        for at, (made, into) in enumerate(zip(found, ctx.into, strict=True)):
            if at == position and into is not None:
                right = into if made is None else made
                emit(lambda right=right, into=into: np.copyto(into, wrong(right)))
                found[at] = None
        return found

    return dataclasses.replace(op, vjp=vjp)


HUGE = "{huge}"
TEXTS = (
    "y = sin(x)*{huge} + w",
    "y = (x*{huge} + w)/{huge} + w**2*x",
    "y[i] = x[i]*{huge} - sum(w[k]*x[k] for k in K)",
    "y[i] = (x[i] + w[i])*({huge} - 1) + x[i]*w[i]*{huge}",
    "y[i] = ({huge} if x[i] > 0 else w[i])*x[i]",
)
WRONG = {
    "a thousandth too large": lambda d: d * 1.001,
    "the other sign": np.negative,
    "of the element beside": lambda d: np.roll(d, 1, -1),
}


@pytest.mark.parametrize("huge", ["1e16", "1e20", "1e40"])
@pytest.mark.parametrize("text", TEXTS)
def test_a_wrong_rule_is_caught_beside_them(text, huge):
    op = make("s", text.replace(HUGE, huge))
    inputs = [{"x": X, "w": W}[name] for name in op.input_names]
    assert [row for row in rows(op, *inputs) if row.verdict == "FAIL"] == []
    for position, wrong in ((p, w) for p in range(2) for w in WRONG.values()):
        failed = [row for row in rows(planted(op, position, wrong), *inputs) if row.verdict == "FAIL"]
        assert failed
        assert {row.input for row in failed} == {op.input_names[position]}


@pytest.mark.parametrize("text", ["y = sin(1e20 + x)", "y = cos(1e20/x)", "y = floor(1e20*x) + x"])
def test_what_float64_does_not_show_is_said(text):
    found = rows(make("s", text), X)
    assert not [row for row in found if row.verdict == "FAIL"]
    assert {row.verdict for row in found if row.row in ("difference", "direction")} == {"skipped"}
