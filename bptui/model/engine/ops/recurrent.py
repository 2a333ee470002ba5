"""The cells of recurrent networks, as graphs of primitives: rnn_cell, lstm_cell, gru_cell, with PyTorch's weights.

Weights are (gates·hidden, in), one block of rows for each gate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bptui.model.base.types import Attributes
from bptui.model.engine.ops.base import Attribute, Composite, Signature
from bptui.model.engine.ops.common import affine_map, at, choice, letters

Use = Callable[..., Any]


def _check(x: Any, h: Any, weights: Sequence[Any], gates: int, state: Any = None) -> int:
    """How many units there are, which is the size of `state` (by default h); raises where a shape does not fit."""
    if not x.shape or not h.shape or x.shape[:-1] != h.shape[:-1]:
        raise ValueError(f"x has shape {x.shape} and h has shape {h.shape}: all axes but the last must be equal")
    name, state = ("h", h) if state is None else ("c", state)
    units, hidden = state.shape[-1], h.shape[-1]
    wanted = {
        "w_ih": (gates * units, x.shape[-1]),
        "w_hh": (gates * units, hidden),
        "b_ih": (gates * units,),
        "b_hh": (gates * units,),
        "w_hr": (hidden, units),
    }
    for (weight, shape), given in zip(wanted.items(), weights, strict=False):
        if given.shape != shape and (weight[0] == "w" or given.shape):
            raise ValueError(
                f"{name} has shape {state.shape} and {weight} has shape {given.shape}: {weight} must have shape {shape}"
            )
    if len(weights) == 3:
        raise ValueError("b_ih is given without b_hh: give both or none")
    return int(units)


def _sums(use: Use, x: Any, h: Any, weights: Sequence[Any]) -> tuple[Any, Any]:
    """The two affine maps: of the input, and of the hidden state. A bias may be one number for all."""
    w_ih, w_hh, *biases = weights
    return affine_map(use, x, w_ih, biases[:1], "from_x"), affine_map(use, h, w_hh, biases[1:2], "from_h")


def _part(use: Use, x: Any, n: int, hidden: int, name: str) -> Any:
    return use("slice", x, name=name, index=f"[..., {n * hidden}:{(n + 1) * hidden}]")


def _lstm_cell(use: Use, inputs: Sequence[Any], attributes: Attributes) -> Any:
    x, h, c, *weights = inputs
    projected = len(weights) > 4
    if not h.shape or not c.shape or (c.shape[:-1] != h.shape[:-1] if projected else c.shape != h.shape):
        right = "all axes but the last must be equal" if projected else "they must be equal"
        raise ValueError(f"h has shape {h.shape} and c has shape {c.shape}: {right}")
    hidden = _check(x, h, weights, 4, c if projected else None)
    gates = use("add", *_sums(use, x, h, weights), name="gates")
    names = ("sigmoid", "i"), ("sigmoid", "f"), ("tanh", "g"), ("sigmoid", "o")
    i, f, g, o = (use(op, _part(use, gates, n, hidden, f"{name}_sum"), name=name) for n, (op, name) in enumerate(names))
    kept = use("mul", f, c, name="kept")
    added = use("mul", i, g, name="added")
    state = use("add", kept, added, name="c_next")
    h_next = use("mul", o, use("tanh", state, name="c_tanh"), name="h_whole" if projected else "h_next")
    if projected:
        h_next = use("linear", h_next, weights[4], name="h_next")
    return use("concat", h_next, state, name="y", axis=-1)


def _gru_cell(use: Use, inputs: Sequence[Any], attributes: Attributes) -> Any:
    x, h, *weights = inputs
    hidden = _check(x, h, weights, 3)
    from_x, from_h = _sums(use, x, h, weights)

    def gate(n: int, name: str) -> Any:
        parts = _part(use, from_x, n, hidden, f"{name}_x"), _part(use, from_h, n, hidden, f"{name}_h")
        return use("sigmoid", use("add", *parts, name=f"{name}_sum"), name=name)

    r, z = gate(0, "r"), gate(1, "z")
    inner = use("mul", r, _part(use, from_h, 2, hidden, "n_h"), name="n_reset")
    n = use("tanh", use("add", _part(use, from_x, 2, hidden, "n_x"), inner, name="n_sum"), name="n")
    new = use("mul", use("sub", 1.0, z, name="z_rest"), n, name="new")
    return use("add", new, use("mul", z, h, name="kept"), name="y")


def _rnn_cell(use: Use, inputs: Sequence[Any], attributes: Attributes) -> Any:
    x, h, *weights = inputs
    _check(x, h, weights, 1)
    total = use("add", *_sums(use, x, h, weights), name="sum")
    return use(attributes["nonlinearity"], total, name="y")


# ---------------------------------------------------------------------------------------- definitions of the whole
def _rows(signature: Signature) -> list[str]:
    """The indices of the samples: all axes but the last."""
    return letters(signature.out_rank - 1, start="bltpq")


def _affine(rows: Sequence[str], x: str, weight: str, index: str, bound: str) -> str:
    """`sum(x[b,k]*w_ih[j,k] for k in K)`."""
    return f"sum({at(x, [*rows, bound])}*{weight}[{index},{bound}] for {bound} in {bound.upper()})"


def _gates(signature: Signature, inputs: int, row: str = "j") -> tuple[str, str]:
    """What the gates get from x, and from h: the two affine maps, for one row of the weights."""
    rows = _rows(signature)
    from_x, from_h = (_affine(rows, x, f"w_{w}", row, k) for x, w, k in (("x", "ih", "k"), ("h", "hh", "m")))
    b_ih, b_hh = (
        (
            f" + {at(name, [row] * rank)}"
            for name, rank in zip(("b_ih", "b_hh"), signature.ranks[inputs + 2 : inputs + 4], strict=True)
        )
        if len(signature.ranks) > inputs + 2
        else ("", "")
    )
    return from_x + b_ih, from_h + b_hh


def _sigmoid(x: str) -> str:
    return f"1/(1 + exp(-{x}))"


def _rnn_definition(signature: Signature) -> str:
    """a: the sum that the nonlinearity gets."""
    rows = _rows(signature)
    a, y = at("a", [*rows, "j"]), at("y", [*rows, "j"])
    made = f"tanh({a})" if signature["nonlinearity"] == "tanh" else f"{a} if {a} > 0 else 0"
    return f"{a} = {' + '.join(_gates(signature, 2))}; {y} = {made}"


def _lstm_definition(signature: Signature) -> str:
    """a: the sums of all gates; i, f, g, o: the gates; s: the new state, which stands behind h' in the output; t: what
    is projected, where h is smaller than the state."""
    rows = _rows(signature)

    def unit(name: str, *index: str) -> str:
        return at(name, [*rows, *(index or ("u",))])

    i, f, g, o, s, c = map(unit, ("i", "f", "g", "o", "s", "c"))
    sums = [unit("a", index) for index in ("u", "U + u", "2*U + u", "3*U + u")]
    if len(signature.ranks) > 7:
        t = unit("t")
        made = [
            f"{t} = {o}*tanh({s})",
            f"{unit('y', 'j')} = sum(w_hr[j,u]*{t} for u in U) if j < M else {unit('s', 'j - M')}",
        ]
    else:
        made = [f"{unit('y', 'j')} = {unit('o', 'j')}*tanh({unit('s', 'j')}) if j < U else {unit('s', 'j - U')}"]
    return "; ".join(
        [
            f"{unit('a', 'r')} = {' + '.join(_gates(signature, 3, 'r'))}",
            f"{i} = {_sigmoid(sums[0])}",
            f"{f} = {_sigmoid(sums[1])}",
            f"{g} = tanh({sums[2]})",
            f"{o} = {_sigmoid(sums[3])}",
            f"{s} = {f}*{c} + {i}*{g}",
            *made,
        ]
    )


def _gru_definition(signature: Signature) -> str:
    """a, d: the sums from x and from h; r, z: reset and update gate; n: the candidate."""
    rows = _rows(signature)

    def unit(name: str, index: str = "u") -> str:
        return at(name, [*rows, index])

    r, z, n, h = map(unit, ("r", "z", "n", "h"))
    from_x, from_h = _gates(signature, 2)
    return "; ".join(
        [
            f"{unit('a', 'j')} = {from_x}",
            f"{unit('d', 'j')} = {from_h}",
            f"{r} = {_sigmoid('(' + unit('a') + ' + ' + unit('d') + ')')}",
            f"{z} = {_sigmoid('(' + unit('a', 'U + u') + ' + ' + unit('d', 'U + u') + ')')}",
            f"{n} = tanh({unit('a', '2*U + u')} + {r}*{unit('d', '2*U + u')})",
            f"{unit('y')} = (1 - {z})*{n} + {z}*{h}",
        ]
    )


COMPOSITES = (
    Composite(
        "rnn_cell",
        ("x", "h", "w_ih", "w_hh", "b_ih?", "b_hh?"),
        _rnn_cell,
        _rnn_definition,
        "One step of a simple recurrent network: tanh(x @ w_ihᵀ + b_ih + h @ w_hhᵀ + b_hh).",
        {"nonlinearity": Attribute("tanh", choice("tanh", "relu"))},
    ),
    Composite(
        "lstm_cell",
        ("x", "h", "c", "w_ih", "w_hh", "b_ih?", "b_hh?", "w_hr?"),
        _lstm_cell,
        _lstm_definition,
        "One step of an LSTM; gives h' and c' side by side along the last axis. With w_hr, h' is a projection of it, "
        "smaller than c'. A bias may be one number for all: 0 is none.",
        convention="gates in PyTorch's order i, f, g, o; the output is concat([h', c'])",
    ),
    Composite(
        "gru_cell",
        ("x", "h", "w_ih", "w_hh", "b_ih?", "b_hh?"),
        _gru_cell,
        _gru_definition,
        "One step of a gated recurrent unit; gives h'.",
        convention="gates in PyTorch's order r, z, n; the reset gate multiplies after the matrix product",
    ),
)
