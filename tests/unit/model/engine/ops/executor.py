"""A tiny executor for one operation: plan, run, hand back numbers. The engine's own is `bptui.model.engine.program`."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

from bptui.model.engine import ops
from bptui.model.engine.build import Builder
from bptui.model.engine.calls import Backward


class Calls:
    """An Emit that only collects."""

    def __init__(self, dtype="float64"):
        self.dtype = np.dtype(dtype)
        self.calls, self.noted = [], {}

    def __call__(self, function, /, *args, **kwargs):
        self.calls.append((function, args, kwargs))

    def temp(self, shape, dtype=None):
        return np.full(shape, 77, dtype or self.dtype)  # not zeros: a row must fill what it reads

    def const(self, value):
        return np.array(value, self.dtype)

    def run(self):
        with np.errstate(all="ignore"):
            for function, args, kwargs in self.calls:
                function(*args, **kwargs)


def attributes_of(row, given=None):
    """Normalised attributes with defaults, as the builder makes them."""
    given = dict(given or {})
    unknown = set(given) - set(row.attributes)
    assert not unknown, (row.name, unknown)
    assert all(name in given for name, attribute in row.attributes.items() if attribute.required), row.name
    return MappingProxyType({n: a.check(given[n]) if n in given else a.default for n, a in row.attributes.items()})


def choose(name, shapes, given=None):
    """The row that a use really is."""
    row = ops.OPS[name]
    other = row.dispatch and row.dispatch(shapes, attributes_of(row, given))
    return ops.OPS[other] if other else row


def unbroadcast(array, shape):
    """Sum over the axes that were stretched."""
    array = array.sum(tuple(range(array.ndim - len(shape))))
    axes = tuple(n for n, size in enumerate(shape) if size == 1 and array.shape[n] != 1)
    return array.sum(axes, keepdims=True) if axes else array


def arrays_of(row, inputs, dtype="float64"):
    """Inputs by name or in order → arrays in the row's order; whole numbers stay whole."""
    values = list(inputs.values()) if isinstance(inputs, dict) else list(inputs)
    return [np.array(value, np.int64 if row.input_names[n] in row.indices else dtype) for n, value in enumerate(values)]


def forward(row, inputs, attributes, dtype="float64"):
    """(emit, arrays, out, saved) after one run of forward."""
    emit = Calls(dtype)
    arrays = arrays_of(row, inputs, dtype)
    out = np.full(row.shape([a.shape for a in arrays], attributes), 55, dtype)
    saved = row.forward(emit, arrays, out, attributes)
    emit.run()
    return emit, arrays, out, saved


def run(row, inputs, given=None, upstream=None, wanted=None):
    """(output, gradients by position) of one operation; gradients are None for whole numbers and fixed inputs."""
    attributes = attributes_of(row, given)
    emit, arrays, out, saved = forward(row, inputs, attributes)
    g = np.ones(out.shape) if upstream is None else np.array(upstream, float)
    assert g.shape == out.shape, (row.name, g.shape, out.shape)
    shapes = [a.shape for a in arrays]
    into = []
    for n in range(len(arrays)):
        if not row.differentiable(n) or (wanted is not None and n not in wanted):
            into.append(None)
            continue
        into.append(np.full(row.contribution(n, shapes, out.shape), 66.0))
    back = Calls()
    given_arrays = None
    if any(array is not None for array in into):
        given_arrays = row.vjp(back, Backward(g, arrays, out, attributes, into, saved))
    for _ in range(2):  # twice: a step must not depend on what the step before left in a scratch array
        emit.run()
        back.run()
    gradients = []
    for n, (mine, other) in enumerate(zip(into, given_arrays or [None] * len(into), strict=True)):
        found = mine if other is None else other
        gradients.append(None if mine is None else unbroadcast(found, arrays[n].shape))
    return out, gradients


def run_graph(graph, output, given=None):
    """(value of `output`, gradients by name) of a whole graph, node by node; gradients are summed over all uses. given:
    leaves by name with other numbers than they were built with."""
    values, plans, total = {}, {}, {graph.loss: np.ones(())}
    for node in graph.nodes:
        if node.op is None:
            values[node.id] = np.array((given or {}).get(node.name, node.value))
            continue
        emit, out = Calls(), np.full(node.shape, 55.0)
        saved = node.op.forward(emit, [values[i] for i in node.inputs], out, node.attributes)
        emit.run()
        values[node.id], plans[node.id] = out, saved
    for node in reversed(graph.ops):
        if node.id not in total:
            continue
        arrays = [values[i] for i in node.inputs]
        shapes = [a.shape for a in arrays]
        into = [
            np.full(node.op.contribution(n, shapes, node.shape), 66.0)
            if graph.nodes[i].wants_grad and node.op.differentiable(n)
            else None
            for n, (i, array) in enumerate(zip(node.inputs, arrays, strict=True))
        ]
        emit = Calls()
        upstream = total[node.id]
        given = node.op.vjp(emit, Backward(upstream, arrays, values[node.id], node.attributes, into, plans[node.id]))
        emit.run()
        for i, mine, other in zip(node.inputs, into, given or [None] * len(into), strict=True):
            if mine is not None:
                found = unbroadcast(mine if other is None else other, values[i].shape)
                total[i] = total[i] + found if i in total else found.copy()
    return values[graph.by_name[output].id], {n.name: total[n.id] for n in graph.nodes if n.id in total}


def run_composite(name, inputs, given=None, upstream=None):
    """(output, gradients by input's name) of an operation that is a graph, through the builder."""
    return run_graph(graph_of_composite(name, inputs, given, upstream), "result")


def graph_of_composite(name, inputs, given=None, upstream=None):
    """The graph of one use, whose loss has this upstream; its leaves have the inputs' names, and `upstream`."""
    row = ops.COMPOSITES[name]
    build = Builder()
    leaves = [
        build.leaf(
            k,
            "input" if k in row.fixed else "param",
            np.array(v, np.int64 if k in row.indices else float),
            whole=k in row.indices,
        )
        for k, v in inputs.items()
    ]
    y = build.use(name, *leaves, name="result", **(given or {}))
    g = build.leaf("upstream", "const", np.ones(y.shape) if upstream is None else np.array(upstream, float))
    return build.finish(build.use("sum", build.use("mul", y, g), name="loss"))
