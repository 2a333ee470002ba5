"""Formulas with d(u, x) in them: their numbers, and PyTorch's."""

from __future__ import annotations

import ast

import numpy as np
import pytest

from bptui.model.engine.optimizers import Optimizer
from bptui.model.engine.program import Program
from bptui.model.source.formula import parse

DRAWN = np.random.default_rng(0)


def drawn(*shape):
    return DRAWN.normal(size=shape) * 0.7


NET = {"x": drawn(5, 1), "W1": drawn(1, 4), "b1": drawn(4), "W2": drawn(4, 1), "b2": drawn(1)}
GIVEN = {"x": drawn(3, 4), "y": drawn(3, 4), "w": drawn(4, 2), "s": np.array(0.7), "b": drawn(4)}
IMAGES = {"x": drawn(2, 3, 5, 6), "k": drawn(4, 3, 3, 2), "bk": drawn(4), "k2": drawn(2, 4, 2, 2)}


def read(text, values):
    """The graph of a formula with those of some values that it speaks of."""
    names = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    return parse(text, {name: value for name, value in values.items() if name in names})


def recorded(text, values):
    return Program(read(text, values), Optimizer("sgd", 0.1)).record()


def torch_functions(torch):
    """The operations by their names, as PyTorch has them."""

    def layer_norm(
        x, weight, bias
    ):  # PyTorch's own (2.x) has a wrong third derivative: that of these operations differs
        away = x - x.mean(-1, keepdim=True)
        return away * torch.rsqrt((away * away).mean(-1, keepdim=True) + 1e-5) * weight + bias

    functional = torch.nn.functional
    named = (
        "tanh",
        "sigmoid",
        "sin",
        "cos",
        "exp",
        "log",
        "sqrt",
        "erf",
        "atan",
        "sum",
        "mean",
        "tan",
        "square",
        "abs",
    )
    layers = ("softplus", "silu", "gelu", "relu", "elu", "mish", "selu", "leaky_relu", "linear", "cross_entropy")
    return {
        **{name: getattr(torch, name) for name in (*named, "maximum", "einsum", "where", "prod", "trace")},
        **{name: getattr(functional, name) for name in (*layers, "conv1d", "conv2d", "normalize")},
        "d": lambda u, x: torch.autograd.grad(u.sum(), x, create_graph=True)[0],
        "norm": lambda x, axis=None: torch.linalg.vector_norm(x, dim=axis),
        "softmax": lambda x: torch.softmax(x, -1),
        "log_softmax": lambda x: torch.log_softmax(x, -1),
        "log_sigmoid": functional.logsigmoid,
        "logsumexp": lambda x, axis: torch.logsumexp(x, axis),
        "cumsum": lambda x, axis: torch.cumsum(x, axis),
        "var": lambda x: x.var(unbiased=False),
        "concat": lambda *parts, axis=0: torch.cat(parts, axis),
        "affine": lambda x, w, b: x @ w + b,
        "layer_norm": layer_norm,
        "avg_pool2d": functional.avg_pool2d,
        "embedding": lambda table, i: functional.embedding(i, table),
        "pad": lambda x, pad_width: functional.pad(x, [n for pair in reversed(pad_width) for n in pair]),
        "reshape": lambda x, shape: x.reshape(shape),
    }


def same_as_torch(text, values, relative=1e-8):
    """The loss and every gradient are those of PyTorch's double backward."""
    torch = pytest.importorskip("torch")
    step = recorded(text, values)
    kinds = {"f": True, "i": False}
    given = {
        name: torch.tensor(value, requires_grad=kinds[np.asarray(value).dtype.kind]) for name, value in values.items()
    }
    scope = {**torch_functions(torch), **given}
    exec(text, {"__builtins__": {}}, scope)  # the formulas of this file, which are Python
    scope["L"].backward()
    assert step.loss == pytest.approx(scope["L"].item(), rel=relative)
    for name, node in step.graph.by_name.items():
        if node.op is None and name in given and given[name].requires_grad:
            expected, found = given[name].grad, step.grad(name)
            expected = np.zeros(node.shape) if expected is None else expected.numpy()
            found = np.zeros(node.shape) if found is None else found
            np.testing.assert_allclose(found, expected, rtol=relative, atol=relative * max(1.0, np.abs(expected).max()))
    return step
