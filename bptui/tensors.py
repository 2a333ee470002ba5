"""Tensors: what is written with operators and functions in Python, before it is a graph.

A Tensor does not compute: it remembers how it is made, and knows its shape, so that what does not fit is told where it
is written. `bptui.python.network` makes a Network of what leads to a loss.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from keyword import iskeyword
from typing import Any

import numpy as np

from bptui.model.base.errors import UserError
from bptui.model.base.numbers import significant
from bptui.model.base.types import Array, Attributes, Shape
from bptui.model.engine import ops
from bptui.model.engine.arrays import array, shape_text
from bptui.model.engine.build import Builder
from bptui.model.engine.ops.base import Composite, Op
from bptui.model.engine.ops.spelling import spelled
from bptui.model.engine.use import arity, dispatched, output_shape, settle, signature
from bptui.model.source import custom_ops, lists

NO_NUMBER = "it has no number until the step is run: bptui.debug(loss) shows it, bptui.grads(loss) has all gradients"
_serial: Iterator[int] = itertools.count(1)


class Tensor:
    """A value of a training step: given (`param`, `data`), or an operation on others. Immutable."""

    __array_ufunc__ = None  # NumPy arrays leave their operators to us
    __iter__ = None  # x[0], x[1], … has no end

    def __init__(
        self,
        shape: Shape,
        *,
        value: Array | None = None,
        trained: bool = False,
        op: Op | Composite | None = None,
        inputs: tuple[Tensor | float, ...] = (),
        attributes: Attributes | None = None,
        name: str | None = None,
    ) -> None:
        if name is not None and not _is_name(name):
            raise UserError("bptui", f"{str(name)[:64]!r} is not a name", "letters, digits and _, as in name='w1'")
        self.shape, self.value, self.trained, self.op = shape, value, trained, op
        self.inputs, self.attributes, self.name = inputs, attributes or {}, name
        self.serial = next(_serial)

    def __repr__(self) -> str:
        made = self.op.name if self.op else "param" if self.trained else "data"
        return f"<{made}{f' {self.name}' if self.name else ''}: {shape_text(self.shape)}>"

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a single number has no length")
        return self.shape[0]

    def __bool__(self) -> bool:
        raise TypeError(NO_NUMBER)

    __float__ = __int__ = __bool__

    def __getattr__(self, name: str) -> Any:
        """What there is not, with the way to it: `x.sum()` is bptui.sum(x), and gradients are seen in the debugger."""
        if name in ops.OPS or name in ops.COMPOSITES:
            raise AttributeError(f"a Tensor has no '{name}': write bptui.{name}(x)")
        if name in ("backward", "grad", "item", "numpy", "detach", "data"):
            raise AttributeError(f"a Tensor has no '{name}'; {NO_NUMBER}")
        raise AttributeError(f"a Tensor has no '{name}'")

    @property
    def T(self) -> Tensor:
        """All axes in reverse order."""
        return apply("transpose", self)

    def __getitem__(self, index: Any) -> Tensor:
        entries = [part for item in (index if isinstance(index, tuple) else (index,)) for part in _entries(item)]
        try:
            kind, found, settings = lists.kind(entries, self.shape)
        except ValueError as problem:
            raise UserError("bptui", f"an index of shape {shape_text(self.shape)}: {problem}") from None
        places = [each.array if each.value is None else each.value for each in found]
        return apply(kind, self, *places, **settings)

    def __neg__(self) -> Tensor:
        return apply("neg", self)

    def __pos__(self) -> Tensor:
        return self

    def __add__(self, other: Any) -> Tensor:
        return apply("add", self, other)

    def __radd__(self, other: Any) -> Tensor:
        return apply("add", other, self)

    def __sub__(self, other: Any) -> Tensor:
        return apply("sub", self, other)

    def __rsub__(self, other: Any) -> Tensor:
        return apply("sub", other, self)

    def __mul__(self, other: Any) -> Tensor:
        return apply("mul", self, other)

    def __rmul__(self, other: Any) -> Tensor:
        return apply("mul", other, self)

    def __truediv__(self, other: Any) -> Tensor:
        return apply("div", self, other)

    def __rtruediv__(self, other: Any) -> Tensor:
        return apply("div", other, self)

    def __pow__(self, other: Any) -> Tensor:
        return apply("power", self, exponent=other) if _is_number(other) else apply("pow", self, other)

    def __rpow__(self, other: Any) -> Tensor:
        return apply("pow", other, self)

    def __gt__(self, other: Any) -> Tensor:
        return apply("greater", self, other)

    def __ge__(self, other: Any) -> Tensor:
        return apply("greater_equal", self, other)

    def __lt__(self, other: Any) -> Tensor:
        return apply("less", self, other)

    def __le__(self, other: Any) -> Tensor:
        return apply("less_equal", self, other)

    def __and__(self, other: Any) -> Tensor:
        return apply("logical_and", self, other)

    def __or__(self, other: Any) -> Tensor:
        return apply("logical_or", self, other)

    def __xor__(self, other: Any) -> Tensor:
        return apply("logical_xor", self, other)

    def __invert__(self) -> Tensor:
        return apply("logical_not", self)

    def __matmul__(self, other: Any) -> Tensor:
        return apply("matmul", self, other)

    def __rmatmul__(self, other: Any) -> Tensor:
        return apply("matmul", other, self)


def _entries(item: Any) -> list[Any]:
    """What an entry of an index is: a number, a slice, None, `...`, a list of places, or those of a mask."""
    if isinstance(item, Tensor):
        return [lists.Places(item.value, item.name or "a Tensor", item)]
    if not isinstance(item, np.ndarray | list):
        return [item]
    if lists.truths(item):
        return list(lists.of_mask(np.asarray(item), "mask"))
    found = array(item, "bptui: an index", whole=True)
    return [lists.Places(found, lists.written(found))]


def param(value: Any, name: str | None = None) -> Tensor:
    """Numbers that are trained: a number, nested lists, an array, or a PyTorch tensor."""
    found = _numbers(value, "bptui.param", name)
    return Tensor(found.shape, value=found, trained=True, name=name)


def data(value: Any, name: str | None = None) -> Tensor:
    """Numbers that are given; whole ones may be labels or positions, inf and -inf may stand among others (a bias that
    hides)."""
    found = _numbers(value, "bptui.data", name, masks=True)
    return Tensor(found.shape, value=found, name=name)


def _numbers(value: Any, where: str, name: str | None, masks: bool = False) -> Array:
    if isinstance(value, Tensor):
        raise UserError(where, "found a Tensor of bptui", "it takes numbers; a Tensor is used as it is")
    if hasattr(value, "detach") and hasattr(value, "is_floating_point"):  # PyTorch's, which is not imported for that
        value = value.detach().cpu()
        value = (value.double() if value.is_floating_point() else value).numpy()
    return array(value, f"{where} {name or ''}".strip(), masks=masks)


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and name.isidentifier() and not iskeyword(name) and len(name) <= 64


def function(row: Op | Composite) -> Callable[..., Tensor]:
    """An operation as a function of Tensors."""

    def operation(*inputs: Any, name: str | None = None, **attributes: Any) -> Any:
        if isinstance(row, Op) and row.results is not None and attributes.get("part") is None:
            return _parts(row, inputs, name, attributes)
        return apply(row, *inputs, name=name, **attributes)

    operation.__name__ = operation.__qualname__ = row.name
    operation.__doc__ = f"{row.doc}\n\n{row.name}({', '.join(row.inputs)})"
    return operation


def _parts(row: Op, inputs: Sequence[Any], name: str | None, attributes: dict[str, Any]) -> tuple[Tensor, ...]:
    """All parts, `a, b = bptui.split(x, size=2)`; with a name they are called name0, name1, …"""
    first = apply(row, *inputs, **attributes, part=0)
    assert row.results is not None
    count = row.results([item.shape for item in first.inputs if isinstance(item, Tensor)], first.attributes)
    rest = {key: value for key, value in first.attributes.items() if key != "part"}
    return tuple(
        apply(row, *first.inputs, name=None if name is None else f"{name}{part}", **rest, part=part)
        for part in range(count)
    )


def op(*text: str, name: str | None = None, inputs: Sequence[str] = (), **settings: float) -> Callable[..., Tensor]:
    """An operation of one's own from its definition (docs/definitions.md), with the defaults of its settings:

    swoosh = bptui.op("swoosh", "y = x/(1 + exp(-beta*x))", beta=1.0)     or without a name: bptui.op("y = …")
    """
    if not 1 <= len(text) <= 2 or not all(isinstance(part, str) for part in text):
        right = 'write bptui.op("swoosh", "y = …")'
        raise UserError("bptui.op", "takes a definition, or a name and a definition", right)
    called = name or (text[0] if len(text) == 2 else f"op{next(_serial)}")
    return function(custom_ops.make(called, text[-1], "bptui.op", settings, tuple(inputs)))


def apply(kind: str | Op | Composite, *inputs: Any, name: str | None = None, **attributes: Any) -> Tensor:
    """An operation, or the one of that name; arrays and lists among the inputs are `data`."""
    op = ops.get(kind) if isinstance(kind, str) else kind
    where = f"bptui.{op.name}"
    inputs, attributes = _by_name(op, inputs, attributes, where)
    arity(op, len(inputs), where)
    settled = settle(op, attributes, where)
    given = tuple(
        item if isinstance(item, Tensor) else float(item) if _is_number(item) else data(item) for item in inputs
    )
    shapes = [item.shape if isinstance(item, Tensor) else () for item in given]
    if isinstance(op, Composite):
        return Tensor(_shape_of_composite(op, shapes, settled), op=op, inputs=given, attributes=settled, name=name)
    row = dispatched(op, shapes, settled)
    settled = settled if row is op else settle(row, attributes, where)
    labels = [(item.name or "…") if isinstance(item, Tensor) else significant(item) for item in given]
    shape = output_shape(row, labels, shapes, settled, where)
    return Tensor(shape, op=row, inputs=given, attributes=settled, name=name)


def a_or_an(word: str) -> str:
    """`an int`, `a float`."""
    return f"{'an' if word[:1].lower() in 'aeiou' else 'a'} {word}"


def _made_by_network(*_: Any) -> Any:
    raise TypeError("a derivative is made of the operations that lead to what is derived: network(loss) makes it")


DERIVATIVE = Composite("d", ("u", "x"), _made_by_network, "", "A derivative, as operations.")


def d(u: Tensor, x: Tensor, name: str | None = None) -> Tensor:
    """The derivative of the sum of u by x, in the shape of x, as operations that the loss may be made of: with ux =
    bptui.d(u, x) and uxx = bptui.d(ux, x), mean((uxx + u)**2) is the loss of a differential equation. PyTorch's
    torch.autograd.grad(u.sum(), x, create_graph=True). Where no operation of u mixes samples, it is each one's own."""
    for given, role in ((u, "u"), (x, "x")):
        if not isinstance(given, Tensor):
            raise UserError("bptui.d", f"{role} is {a_or_an(type(given).__name__)}", "a Tensor, as in bptui.d(u, x)")
    return Tensor(x.shape, op=DERIVATIVE, inputs=(u, x), name=name)


def _by_name(
    op: Op | Composite, inputs: tuple[Any, ...], attributes: dict[str, Any], where: str
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Inputs that are given by name, `weight=w`, put behind the others; the attributes that are left."""
    known = [*op.attributes, *op.input_names]
    rest = {spelled(word, known): value for word, value in attributes.items()}
    for name in op.input_names[len(inputs) :]:
        if name not in rest:
            break
        inputs = (*inputs, rest.pop(name))
    for name in op.input_names:
        if name in rest:
            what = "is given twice" if op.input_names.index(name) < len(inputs) else "needs the inputs before it"
            raise UserError(where, f"'{name}' {what}", f"write {signature(op)}")
    return inputs, rest


def _shape_of_composite(op: Composite, shapes: list[Shape], attributes: Attributes) -> Shape:
    """The shape of a composite's result: its parts are made on the side, without numbers."""
    builder = Builder(where=f"bptui.{op.name}")
    leaves = [
        builder.leaf(role, "input", shape=shape, whole=role in op.indices)
        for role, shape in zip(op.input_names, shapes, strict=False)
    ]
    return builder.use(op, *leaves, name="result", **attributes).shape


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
