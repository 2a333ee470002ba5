"""Small formulas drawn at random (values used twice, broadcasting, moves, kinks), for the laws of `why` and `paths`."""

import re

import numpy as np
from hypothesis import strategies as st

from bptui.model.source.network import Network, from_formula

SHAPES = {"a": (2, 3), "b": (3,), "c": (2, 1), "W": (3, 3), "s": ()}
UNARY = ("tanh({})", "relu({})", "sigmoid({})", "({})**2", "-({})", "exp(({})/4)", "abs({})")
MOVING = ("({}).T.T", "reshape(reshape({}, shape=6), shape=(2, 3))", "concat(({})[:, 1:], ({})[:, :1], axis=1)")
BINARY = ("({}) + ({})", "({}) * ({})", "({}) - ({})", "maximum({}, {})")
ROWS = ("({}) @ W", "softmax({})", "layer_norm({}, b, b)")


@st.composite
def networks(draw) -> Network:
    """A network of a few lines over `a` (2,3), with every name of SHAPES trained that is in it."""
    known, lines = ["a + b", "a * c", "a - s", "a"], []
    for n in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from((UNARY, MOVING, BINARY, ROWS)))
        form = draw(st.sampled_from(kind))
        parts = [draw(st.sampled_from(known)) for _ in range(2)]
        if kind is MOVING:
            parts = parts[:1] * 2
        lines.append(f"v{n} = " + form.format(*parts))
        known.append(f"v{n}")
    end = draw(st.sampled_from(("sum({}**2)", "mean({})", "mse({}, a)", "sum(max({}, axis=1))", "sum({} * c)")))
    lines.append("L = " + end.format(f"({known[-1]})"))
    text = "\n".join(lines)
    random = np.random.default_rng(draw(st.integers(0, 1000)))
    values = {name: random.choice([-1.0, -0.5, 0.0, 0.25, 1.0, 1.5], shape) for name, shape in SHAPES.items()}
    used = [name for name in SHAPES if _named(text, name)]
    return from_formula(text, {name: values[name].tolist() for name in used}, used)


def _named(text: str, name: str) -> bool:
    return re.search(rf"(?<![\w.]){name}(?![\w(])", text) is not None
