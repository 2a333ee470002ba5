"""Operations made up for a test: only what a derivation reads of them."""

from __future__ import annotations

import numpy as np

from bptui.model.engine.ops.base import Attribute, Op
from bptui.symbolic.calculus.derive import derive
from bptui.symbolic.calculus.evaluate import bind_arrays, full_tensor, grid, value


def op(text, inputs=("x",), out=None, **more):
    """An operation from its text. `out(*shapes)` gives the output's shape; by default that of the broadcast inputs."""
    symbols = more.pop("parameters", {})
    attributes = {name: Attribute(default, float, static=False) for name, default in symbols.items()}
    shape = (lambda shapes, _: np.broadcast_shapes(*shapes)) if out is None else (lambda shapes, _: out(*shapes))

    def nothing(*_):
        raise AssertionError("the derivation does not run the engine")

    return Op("own", tuple(inputs), text, shape, nothing, nothing, attributes=attributes, **more)


def bound(row, *inputs, **attributes):
    """The operation with numbers."""
    given = {name: attributes.get(name, a.default) for name, a in row.attributes.items()}
    arrays = [
        np.asarray(a) if n in row.indices else np.asarray(a, float)
        for n, a in zip(row.input_names, inputs, strict=False)
    ]
    return bind_arrays(row, arrays, given)


def forward_all(definition, binding):
    """The output that a definition says."""
    return full_tensor(definition.body, binding, definition.out, binding.shape)


def vjp_all(derived, binding, upstream):
    """∂L/∂input that a derivation says, in the input's shape."""
    shape = np.shape(binding.tensors[derived.wrt])
    return full_tensor(derived.vjp, binding.upstream(upstream), derived.q, shape)


def run(row, *inputs, **attributes):
    """The output that the definition says."""
    binding = bound(row, *inputs, **attributes)
    return forward_all(binding.definition, binding)


def jacobian(row, wrt, *inputs, **attributes):
    """∂y[out]/∂input[q] of the raw derivation, in shape out + q."""
    binding = bound(row, *inputs, **attributes)
    derived = derive(binding.definition.signature, wrt, row)
    shape = (*binding.shape, *binding.tensors[wrt].shape)
    found = value(derived.raw, binding, grid((*binding.definition.out, *derived.q), shape))
    return np.broadcast_to(found, shape)


def gradient(row, wrt, upstream, *inputs, **attributes):
    """∂L/∂input of the derived backward rule."""
    binding = bound(row, *inputs, **attributes)
    return vjp_all(derive(binding.definition.signature, wrt, row), binding, upstream)


def differences(row, wrt, *inputs, h=1e-6, **attributes):
    """The Jacobian by central differences of the definition, in shape out + q."""
    at = row.input_names.index(wrt)
    arrays = [
        np.array(a, float) if n not in row.indices else np.asarray(a)
        for n, a in zip(row.input_names, inputs, strict=False)
    ]
    columns = []
    for place in np.ndindex(arrays[at].shape):
        ends = []
        for step in (h, -h):
            moved = [a.copy() for a in arrays]
            moved[at][place] += step
            ends.append(run(row, *moved, **attributes))
        columns.append(np.asarray((ends[0] - ends[1]) / (2 * h)))
    return np.stack(columns, -1).reshape((*columns[0].shape, *arrays[at].shape))
