"""What an operation is: one row that the engine, the derivation, the check, the formulas and the documentation read.

A row holds the mathematics once as text (`definition`, for one output element, in index notation) and once as
NumPy (`forward`, `vjp`). The two are written apart on purpose: that they agree is what `bptui check` proves.

The NumPy side does not compute when it is called. It is called once, when a Graph is planned, with the arrays that
will hold the numbers, and says through `emit` which calls fill them; a training step is then nothing but those calls,
one after the other (see `bptui.model.engine.program`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, repeat
from typing import Any

from bptui.model.base.types import Array, Attributes, Shape
from bptui.model.engine.calls import Backward, Emit

Forward = Callable[[Emit, Sequence[Array], Array, Attributes], Any]
"""`forward(emit, inputs, out, attributes)`: emit the calls that fill `out`. What it returns is `vjp`'s `saved`."""

Vjp = Callable[[Emit, Backward], Sequence[Array | None] | None]
"""`vjp(emit, ctx)`: emit calls that fill `ctx.into[i]` with the contribution to input i, wherever it is wanted.
It may return, per input, an array that already is the contribution (a view of `ctx.upstream`, say), and then leaves
`ctx.into[i]` unwritten: None in its place, or None for all, means that it was filled."""


@dataclass(frozen=True)
class Signature:
    """What a derivation depends on. Never a size, never a node: `x @ W` of 3x4 and of 784x128 is one derivation.

    `stretched[i]` are the axes of input i that have size 1 while the output has more there (broadcasting inside equal
    rank); a missing leading axis is told by the ranks. `out_rank` is the rank of the output.
    """

    op: str
    attributes: tuple[tuple[str, Any], ...]
    ranks: tuple[int, ...]
    stretched: tuple[tuple[int, ...], ...]
    out_rank: int

    def __getitem__(self, attribute: str) -> Any:
        return dict(self.attributes)[attribute]


def stretched(shapes: Sequence[Shape], out: Shape, inner: Sequence[int] = ()) -> tuple[tuple[int, ...], ...]:
    """`Signature.stretched` of inputs that broadcast to `out`; `inner[i]` axes at the end of input i do not."""
    return tuple(
        tuple(
            axis
            for axis, size in enumerate(shape[: len(shape) - kept])
            if len(shape) <= len(out) and size == 1 != out[len(out) - len(shape) + axis]
        )
        for shape, kept in zip(shapes, chain(inner, repeat(0)), strict=False)
    )


@dataclass(frozen=True)
class Attribute:
    """A keyword argument of an operation.

    `static` attributes (axis, stride, an exponent) are part of the derivation's key; the others (eps, slope, p) are
    symbols of the definition under their own name, bound when a number is wanted. `check(value)` returns the value
    normalised (hashable) or raises ValueError with what would be right.
    """

    default: Any
    check: Callable[[Any], Any]
    static: bool = True
    required: bool = False


Bounds = Mapping[str, tuple[int, int] | tuple[int, int, int]]
"""By an input's name: the lowest whole number that is allowed, one past the highest, and perhaps one more that is."""

Definition = str | Callable[[Signature], str]
Hint = str | Mapping[str, str] | Callable[[Signature], str | Mapping[str, str]]


@dataclass(frozen=True)
class Compares:
    """What a loss compares, for whoever reads a network by its loss: findings, the list of predictions, the playground.

    prediction  what its first input is: "number"; "probability", "logit" (of one); "score" (its sign is the class);
                "scores" (of classes, of which the loss takes the softmax), "margins" (of classes, as they are), "logs"
                (of probabilities of classes); "rate" (of counts); "distance"
    target      what its second one is: "number", "amount" (that is not 0), "bit" (0 to 1), "sign" (-1 or 1), "class"
                (its number), "classes" (several), "distribution", "count"
    bounded     it is never below 0
    entropy     it is a cross-entropy: guessing costs the logarithm of the number of classes
    """

    prediction: str
    target: str
    bounded: bool = True
    entropy: bool = False


class Inputs:
    """What is asked of the inputs of an operation and of a composite alike."""

    inputs: tuple[str, ...]
    indices: tuple[str, ...]
    fixed: tuple[str, ...]
    compares: Compares | None

    @cached_property
    def input_names(self) -> tuple[str, ...]:
        """The inputs' names without the marks of optional ones."""
        return tuple(name.rstrip("?") for name in self.inputs)

    def differentiable(self, position: int) -> bool:
        """Has input `position` a gradient?"""
        name = self.input_names[position]
        return name not in self.indices and name not in self.fixed


@dataclass(frozen=True)
class Op(Inputs):
    """A kind of operation, declared once. See `bptui/model/engine/ops/__init__.py` for the registry `OPS`.

    name        as in formulas and reference/ops.json
    inputs      their names in order; a trailing `?` marks one that may be left out ("bias?")
    definition  text for one output element (docs/definitions.md), always named `y`; or a function of the Signature
    shape       output shape from input shapes and attributes; raises ValueError naming argument and both shapes
    forward, vjp see `Forward`, `Vjp`
    attributes  its keyword arguments
    hint        a display form of ∂y/∂input, in terms of inputs and `y`: for the first differentiable input, or by the
                input's name, or a function of the Signature (docs/definitions.md, "Hints"); shown only where SymPy
                proves it equal
    elementwise the definition is written without indices and holds for each element; inputs broadcast
    broadcasts  inputs broadcast against each other in some axes (elementwise, matmul's batch axes, a bias)
    inner       so many axes at the end of each input never broadcast (matmul's two)
    shape_before_unbroadcast  (input position, input shapes, output shape) → shape that the vjp fills for this input,
                where it may be larger than the input
    indices     names of the inputs that hold whole numbers (labels, positions); they have no gradient
    fixed       names of other inputs without a gradient (a mask, a condition)
    analytic    a complex step is a valid check (no abs, max, comparison of values)
    straight_through  its gradient passes otherwise than its value moves (a rounding, a row that is read and not
                trained): no difference of values is its derivative, so the check has the derived rule alone
    convention  what it does where there is a choice (relu'(0) = 0; ties; mean or sum), said on the screen
    symbol      how the formula line writes it, with `{0}`, `{1}` for the inputs ("{0} @ {1} + {2}") and `{exponent}`
                for an attribute; default "name({0}, {1})"
    doc         one line for the documentation
    complex     which of the inputs and of its result (`y`) are complex numbers, whose last axis is (real, imaginary)
    dispatch    (input shapes, attributes) → name of the row that this use is in truth, None for this row:
                cross_entropy with probabilities in the place of labels. Whoever makes a Node asks first
    bounds      (input shapes, attributes) → for inputs that hold whole numbers: which are allowed
    stretched_axes  (input shapes, attributes) → `Signature.stretched`, where other axes are stretched than those that
                broadcasting would
    results     (input shapes, attributes) → how many it has, of which one node is the one that its attribute `part`
                says: `a, b = split(x, 2)` is two nodes; None for one that has one result
    compares    of a loss: what it compares
    over_nodes  where vjp fills its arrays by calls that no operation is: by the input's position the same rule as
                mathematics, (g, y, *inputs, **attributes) → the contribution, for d(u, x), which runs it on nodes
                (`bptui.model.engine.lifted`)
    """

    name: str
    inputs: tuple[str, ...]
    definition: Definition
    shape: Callable[[Sequence[Shape], Attributes], Shape]
    forward: Forward
    vjp: Vjp
    doc: str = ""
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    hint: Hint | None = None
    elementwise: bool = False
    broadcasts: bool = False
    inner: int = 0
    shape_before_unbroadcast: Callable[[int, Sequence[Shape], Shape], Shape] | None = None
    indices: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    analytic: bool = True
    straight_through: bool = False
    convention: str = ""
    symbol: str = ""
    complex: tuple[str, ...] = ()
    dispatch: Callable[[Sequence[Shape], Attributes], str | None] | None = None
    bounds: Callable[[Sequence[Shape], Attributes], Bounds] | None = None
    results: Callable[[Sequence[Shape], Attributes], int] | None = None
    stretched_axes: Callable[[Sequence[Shape], Attributes], tuple[tuple[int, ...], ...]] | None = None
    compares: Compares | None = None
    over_nodes: tuple[Callable[..., Any] | None, ...] = ()

    def contribution(self, position: int, shapes: Sequence[Shape], out: Shape) -> Shape:
        """The shape that the vjp fills for an input, before broadcasting is undone."""
        wanted = self.shape_before_unbroadcast
        return shapes[position] if wanted is None else wanted(position, shapes, out)

    @property
    def opaque(self) -> bool:
        """Is nothing known but the numbers that were recorded of it? See `bptui.model.engine.opaque`."""
        return self.definition == ""

    def signature(self, shapes: Sequence[Shape], attributes: Attributes) -> Signature:
        """The key under which this use of the op is derived."""
        out = self.shape(shapes, attributes)
        axes: tuple[tuple[int, ...], ...] = tuple(() for _ in shapes)
        if self.broadcasts or self.elementwise:
            axes = stretched(shapes, out, (self.inner,) * len(shapes))
        elif self.stretched_axes is not None:
            axes = self.stretched_axes(shapes, attributes)
        known = self.attributes
        static = tuple(sorted((k, v) for k, v in attributes.items() if k in known and known[k].static))
        return Signature(self.name, static, tuple(len(s) for s in shapes), axes, len(out))

    def define(self, signature: Signature) -> str:
        """The definition's text for this signature."""
        return self.definition(signature) if callable(self.definition) else self.definition

    def hint_for(self, signature: Signature, wrt: str) -> str | None:
        """The display form of ∂y/∂wrt that this row suggests, if any. A suggestion: it has to be proved."""
        hint = self.hint(signature) if callable(self.hint) else self.hint
        if isinstance(hint, str):
            differentiable = [name for i, name in enumerate(self.input_names) if self.differentiable(i)]
            return hint if differentiable[:1] == [wrt] else None
        return hint.get(wrt) if hint else None


@dataclass(frozen=True)
class Composite(Inputs):
    """An operation that is a graph of others: it has no numbers of its own, its parts have (layer_norm, lstm_cell).

    `build(use, inputs, attributes)` makes the parts with `use(op name, *inputs, name=..., **attributes)` and returns
    the last one; inputs are handles as the caller of `use` gave them, with at least `.shape` (a Node has it); a number
    may stand for an input. The parts share a scope: they composite to one card. Raises ValueError as `Op.shape` does.

    definition  what all of it computes, in one go, as `Op.definition`: from it SymPy derives the backward rule of the
                whole, and the check proves that the parts do the same. Written apart from `build`, on purpose
    stretched   (input shapes) → `Signature.stretched`, where inputs broadcast against each other
    hint        as `Op.hint`
    complex     as `Op.complex`
    axes        what the last two axes of a part run over, by the part's name: `scores` over queries and keys
    states      inputs that are running states where they are given: no gradient reaches them
    following   `(use, inputs, attributes)` → what some of `states` become after the training step, by the input's name;
                `use` as in `build`. The Builder carries them (`Builder.carry`)
    compares    as `Op.compares`
    """

    name: str
    inputs: tuple[str, ...]
    build: Callable[..., Any]
    definition: Definition
    doc: str = ""
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    indices: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    convention: str = ""
    stretched: Callable[[Sequence[Shape]], tuple[tuple[int, ...], ...]] | None = None
    hint: Hint | None = None
    axes: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    states: tuple[str, ...] = ()
    following: Callable[..., Mapping[str, Any]] | None = None
    complex: tuple[str, ...] = ()
    compares: Compares | None = None
