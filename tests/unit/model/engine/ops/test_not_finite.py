"""A place that takes no part is not touched by inf or NaN elsewhere: 0·∞ stands in no value and no gradient."""

from __future__ import annotations

import numpy as np
import pytest

from bptui.model.engine import ops
from bptui.model.engine.optimizers import Optimizer
from bptui.model.engine.program import Program
from bptui.model.source.formula import parse
from bptui.symbolic.calculus.derive import derive
from bptui.symbolic.calculus.evaluate import bind_arrays, full_tensor
from bptui.torch import reference
from bptui.torch.indexing import Unlike
from tests.unit.model.engine.ops.executor import attributes_of, graph_of_composite, run, run_graph
from tests.unit.model.engine.ops.samples import uses
from tests.unit.symbolic import composites

torch = pytest.importorskip("torch")

FINITE = (0.7, -1.3, 2e3, -5e3)
"""What is the same with each of these in the place of a number does not depend on it."""
NOT_FINITE = (np.inf, -np.inf, np.nan)
REFUSED = (Unlike, RuntimeError, ValueError, TypeError, IndexError, NotImplementedError)


class Asked:
    """One use of an operation, and what it gives for other numbers: the value as "", gradients by name."""

    def __init__(self, use):
        self.row, self.attributes = use.row, use.attributes
        self.inputs = [np.asarray(x) for x in use.inputs()]
        self.names = self.row.input_names[: len(self.inputs)]
        self.graph = None
        if use.op in ops.COMPOSITES:
            self.graph = graph_of_composite(use.op, dict(zip(self.names, self.inputs, strict=True)), use.attributes)
        shape = (
            self.graph.by_name["result"].shape if self.graph else run(self.row, self.inputs, use.attributes)[0].shape
        )
        self.upstream = np.random.default_rng(5).normal(size=shape)

    @property
    def floats(self):
        """The inputs that may hold any number: by their place, no masks and no targets of a kind."""
        pairs = enumerate(zip(self.names, self.inputs, strict=True))
        return [n for n, (name, x) in pairs if x.dtype.kind == "f" and x.size and name not in self.row.fixed]

    def with_number(self, position, number):
        """(inputs, ∂L/∂y) with it in one place of an input, or of ∂L/∂y at -1."""
        arrays = [np.array(x) for x in (*self.inputs, self.upstream)]
        arrays[position].reshape(-1)[arrays[position].size // 3] = number
        return arrays[:-1], arrays[-1]

    def ours(self, position, number):
        inputs, upstream = self.with_number(position, number)
        if self.graph is not None:
            given = {**dict(zip(self.names, inputs, strict=True)), "upstream": upstream}
            with np.errstate(all="ignore"):
                out, found = run_graph(self.graph, "result", given)
            gradients = {name: found[name] for name in self.names if name in found}
        else:
            out, found = run(self.row, inputs, self.attributes, upstream)
            gradients = {name: g for name, g in zip(self.names, found, strict=True) if g is not None}
        return {"": np.array(out), **gradients}

    def theirs(self, position, number):
        """PyTorch's; None where it has no such operation."""
        call = reference.CALLS.get(self.row.name)
        inputs, upstream = self.with_number(position, number)
        tensors = [torch.tensor(x, requires_grad=n in self.floats) for n, x in enumerate(inputs)]
        known = {name: value for name, value in self.attributes.items() if name in self.row.attributes}
        try:
            out = call(torch, tensors, attributes_of(self.row, known)) if call else None
        except REFUSED:
            return None
        if out is None or out.shape != upstream.shape:
            return None
        if out.requires_grad:
            out.backward(torch.tensor(upstream))
        found = {self.names[n]: tensors[n].grad for n in self.floats}
        return {"": out.detach().numpy(), **{name: 0.0 if g is None else g.numpy() for name, g in found.items()}}


@pytest.mark.corpus(rows=4)
@pytest.mark.parametrize("use", [*uses(), *composites.uses()], ids=str)
def test_what_does_not_depend_on_a_number_is_finite_where_that_is_not(use):
    """Or PyTorch's is not finite there either: it multiplies by the zeros of a mask, or of padding."""
    asked = Asked(use)
    for position in (*asked.floats, *([-1] if asked.upstream.size else [])):
        first, *others = [asked.ours(position, number) for number in FINITE]
        for number in NOT_FINITE:
            for name, found in asked.ours(position, number).items():
                free = np.all([first[name] == other[name] for other in others], axis=0)
                touched = free & np.isfinite(first[name]) & ~np.isfinite(found)
                if touched.any() and (theirs := asked.theirs(position, number)) is not None:
                    there = np.broadcast_to(theirs[name], found.shape)[touched]
                    assert not np.isfinite(there).any(), (name, position, number, found, there)


INF, NAN = np.inf, np.nan
RESIZED = [
    ({"size": size, "mode": mode, "align_corners": corners}, shape)
    for mode in ("nearest", "linear", "cubic")
    for corners in (False, True)
    for size, shape in (((5,), (4,)), ((3,), (7,)), ((4,), (4,)), ((3,), (1,)), ((5, 3), (3, 2)))
]


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("given", "shape"), RESIZED, ids=lambda item: item.get("mode") if isinstance(item, dict) else str(item)
)
def test_interpolate_reads_what_has_a_weight(given, shape):
    """The engine, the definition and the derived rule; which weights are not 0 is seen at finite numbers."""
    row, attributes = ops.OPS["interpolate"], attributes_of(ops.OPS["interpolate"], given)
    count = int(np.prod(shape))
    weights = [run(row, [one.reshape(1, 1, *shape)], given)[0] for one in np.eye(count)]
    weights = np.array(weights).reshape(count, -1)
    out = row.shape([(1, 1, *shape)], attributes)
    derived = derive(row.signature([(1, 1, *shape)], attributes), "x", row)

    def told(x, g):
        binding = bind_arrays(row, [x], attributes)
        upstream = full_tensor(derived.vjp, binding.upstream(g), derived.q, x.shape)
        return full_tensor(binding.definition.body, binding, binding.definition.out, out), [upstream]

    for place in range(count):
        x = np.where(np.arange(count) == place, INF, 1.0).reshape(1, 1, *shape)
        for y, _ in (run(row, [x], given), told(x, np.ones(out))):
            np.testing.assert_array_equal(np.isfinite(y).reshape(-1), weights[place] == 0)
    for place in range(int(np.prod(out))):
        g = np.where(np.arange(np.prod(out)) == place, INF, 1.0).reshape(out)
        x = np.ones((1, 1, *shape))
        for _, (d,) in (run(row, [x], given, g), told(x, g)):
            np.testing.assert_array_equal(np.isfinite(d).reshape(-1), weights[:, place] == 0)


def test_interpolate_inside_of_a_derivative():
    """d(u, x) of nodes, too: where g is infinite, the two places beside it."""
    text = "u = sum(interpolate(x, size=5, mode='linear')*g); v = d(u, x); L = sum(v*v*x)"
    graph = parse(text, {"x": np.ones((1, 1, 4)), "g": np.array([1.0, 1.0, INF, 1.0, 1.0])})
    step = Program(graph, Optimizer("sgd", 0.1)).record()
    np.testing.assert_array_equal(step.value("v")[0, 0], [1.3, INF, INF, 1.3])


EACH = {"reduction": "none"}
CASES = [  # operation, attributes, inputs, ∂L/∂y or None for ones, the value, the gradient of an input by its position
    ("kl_div", {"reduction": "sum"}, [[-INF, -1.0], [0.0, 1.0]], None, 1.0, (0, [0.0, -1.0])),
    ("margin_ranking", EACH, [[3.0, 1.0], [1.0, 3.0], [1.0, 1.0]], [INF, 1.0], [0.0, 2.0], (0, [0.0, -1.0])),
    ("hinge_embedding", EACH, [[3.0, 0.5], [-1.0, -1.0]], [INF, 1.0], [0.0, 0.5], (0, [0.0, -1.0])),
    ("embedding_bag", {"mode": "max"}, [[[1.0], [2.0]], [[0, 1]], INF], None, [[INF]], (0, [[0.0], [INF]])),
    ("embedding_bag", {"mode": "mean"}, [[[1.0], [-3.0]], [[0, 1]], INF], None, [[-INF]], (0, [[INF], [INF]])),
    ("embedding_bag", {"mode": "max"}, [[[-INF], [2.0]], [[0, 1]], 3.0], None, [[6.0]], (2, 2.0)),
    ("fft", {}, [[[INF, 1.0], [1.0, 1.0]]], None, [[INF, 2.0], [INF, 0.0]], (0, [[2.0, 2.0], [0.0, 0.0]])),
    ("fft", {}, [[[1, INF], [1, 1]]], [[1, 1], [INF, 1]], [[2, INF], [0, INF]], (0, [[INF, 2], [-INF, 0]])),
    ("det", {}, [[[NAN, 1.0], [2.0, 3.0]]], None, NAN, (0, [[3.0, -2.0], [-1.0, NAN]])),
    ("inv", {}, [[[NAN, 1.0], [0.0, 1.0]]], None, [[NAN] * 2] * 2, (0, [[NAN] * 2] * 2)),
    ("solve", {}, [[[NAN, 1.0], [0.0, 1.0]], [1.0, 1.0]], None, [NAN] * 2, (1, [NAN] * 2)),
    ("scatter_reduce", {"reduce": "amax"}, [[1.0, NAN], [0, 1], [2.0, 1.0]], None, [2.0, NAN], (2, [1.0, NAN])),
    ("correlate_transpose1d", {"stride": 2, "padding": 1}, [[[[1, 1]]], [[[INF, 1, 1]]]], None, [[[1, INF, 1]]],
     (0, [[[2, INF]]])),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}{case[1]}")
def test_right_values(case):
    name, attributes, inputs, upstream, right, (position, gradient) = case
    found, gradients = run(ops.OPS[name], inputs, attributes, upstream)
    np.testing.assert_allclose(found, right, rtol=1e-12)
    np.testing.assert_allclose(gradients[position], gradient, rtol=1e-12)


def test_nan_is_not_lost_in_a_distance():
    graph = graph_of_composite("pairwise_distance", {"a": np.ones((2, 3)), "b": np.zeros((2, 3))}, {"p": 3.0})
    found, _ = run_graph(graph, "result", {"a": np.array([[1.0, NAN, 1.0], [1.0, 1.0, 1.0]])})
    np.testing.assert_array_equal(np.isnan(found), [True, False])
