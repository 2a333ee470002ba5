"""Values and gradients of drawn uses are PyTorch's, within 1e-9: written as a formula, and built in Python."""

from __future__ import annotations

import json

import numpy as np
import pytest

import bptui
from bptui.model.base.errors import UserError
from bptui.model.engine.ops import COMPOSITES, OPS
from bptui.model.engine.program import Program
from bptui.model.source.formula import parse
from tests.paths import REFERENCE
from tests.unit.model.engine.ops.draws import DRAWS, Case

SEEDS, FULL_SEEDS = 6, 60
"""Draws of each operation."""

CASES_FILE = REFERENCE / "ops.json"


def drawn(op: str, seed: int) -> Case:
    return DRAWS[op](np.random.default_rng([seed, *op.encode()]))


def expected(torch, case, upstream_of):
    """PyTorch's output, the upstream gradient, and the gradients by name."""
    tensors = {
        name: torch.tensor(value, requires_grad=np.asarray(value).dtype.kind == "f")
        for name, value in case.inputs.items()
    }
    out = case.torch(torch, *tensors.values())
    upstream = upstream_of(tuple(out.shape))
    if out.requires_grad:
        (out * torch.tensor(upstream)).sum().backward()
    grads = {name: tensor.grad.numpy() for name, tensor in tensors.items() if tensor.grad is not None}
    return out.detach().numpy(), upstream, grads


def near(found, wanted, what):
    assert found.shape == wanted.shape, what
    scale = max(1.0, float(np.max(np.abs(wanted), initial=0, where=np.isfinite(wanted))))
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9 * scale, err_msg=what)


def by_formula(case, upstream):
    graph = parse(f"out = {case.call}; L = sum(out*upstream)", {**case.inputs, "upstream": upstream})
    recording = Program(graph).record()
    return recording.value(graph.by_name["out"].id), {
        name: recording.grad(graph.by_name[name].id) for name in case.inputs if graph.by_name[name].wants_grad
    }


def by_python(case, upstream):
    tensors = [bptui.data(value, name=name) for name, value in case.inputs.items()]
    out = getattr(bptui, case.op)(*tensors, name="out", **case.given)
    graph = bptui.network(bptui.sum(out * bptui.data(upstream, name="upstream"))).graph
    recording = Program(graph).record()
    return recording.value(graph.by_name["out"].id), {
        name: recording.grad(graph.by_name[name].id) for name in case.inputs if graph.by_name[name].wants_grad
    }


@pytest.mark.corpus(every=1, rows=4)
@pytest.mark.filterwarnings("ignore::UserWarning")  # PyTorch's, of reductions that are meant so
@pytest.mark.parametrize("op", DRAWS)
def test_as_pytorch(op, full):
    torch = pytest.importorskip("torch")
    for seed in range(FULL_SEEDS if full else SEEDS):
        case = drawn(op, seed)
        row = OPS.get(case.op) or COMPOSITES[case.op]
        random = np.random.default_rng([seed, 1])
        out, upstream, grads = expected(torch, case, lambda shape, random=random: random.normal(size=shape))
        for way in (by_formula, by_python):
            told = f"seed {seed}: {case}, {way.__name__}"
            try:
                value, found = way(case, upstream)
            except UserError as problem:
                raise AssertionError(f"{told}: {problem}") from None
            near(value, out, told)
            assert set(grads) - set(found) <= set(row.fixed), told
            for name in (found.keys() & grads.keys()) - set(row.fixed):
                near(found[name], grads[name], f"{told}: {name}")


def test_every_operation_of_the_reference_is_drawn():
    cases = json.loads(CASES_FILE.read_text())["cases"]
    assert {case["op"] for case in cases} <= set(DRAWS)
