"""bptui from Python: tensors with operators, every operation as a function, `debug` and `check`.

A Tensor does not compute: it remembers how it is made, and knows its shape, so that what does not fit is told where it
is written. `network(loss)` turns what leads to a loss into a Network, by the same way as a formula.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from keyword import iskeyword
from typing import TYPE_CHECKING, Any

import numpy as np

from bptui.model.base import unsupported
from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.base.schema import Table
from bptui.model.base.types import Array, Attributes, Shape
from bptui.model.engine import ops
from bptui.model.engine.arrays import array, shape_text
from bptui.model.engine.build import Builder
from bptui.model.engine.graph import Node
from bptui.model.engine.ops.base import Composite, Op
from bptui.model.engine.ops.spelling import nearest, spelled
from bptui.model.engine.optimizers import OPTIMIZERS, OPTIONS
from bptui.model.engine.use import arity, dispatched, output_shape, settle, signature
from bptui.model.source import custom_ops, lists
from bptui.model.source.network import Network
from bptui.model.source.optimizer_table import read_optimizer

if TYPE_CHECKING:
    from bptui.symbolic.types import CheckRow, Report

DTYPES = ("float64", "float32")
SETTINGS = ("name", "optimizer", "learning_rate", "dtype", "seed", *OPTIONS, "clip_norm", "clip_value", "schedule",
            "groups", "update", "states")  # fmt: skip
"""What `network`, and with it `debug` and `check`, may be told."""
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
    """Numbers that are given; whole ones may be labels or positions."""
    found = _numbers(value, "bptui.data", name)
    return Tensor(found.shape, value=found, name=name)


def _numbers(value: Any, where: str, name: str | None) -> Array:
    if isinstance(value, Tensor):
        raise UserError(where, "found a Tensor of bptui", "it takes numbers; a Tensor is used as it is")
    if hasattr(value, "detach") and hasattr(value, "is_floating_point"):  # PyTorch's, which is not imported for that
        value = value.detach().cpu()
        value = (value.double() if value.is_floating_point() else value).numpy()
    return array(value, f"{where} {name or ''}".strip())


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and name.isidentifier() and not iskeyword(name) and len(name) <= 64


def op(*text: str, name: str | None = None, inputs: Sequence[str] = (), **settings: float) -> Callable[..., Tensor]:
    """An operation of one's own from its definition (docs/definitions.md), with the defaults of its settings:

    swoosh = bptui.op("swoosh", "y = x/(1 + exp(-beta*x))", beta=1.0)     or without a name: bptui.op("y = …")
    """
    if not 1 <= len(text) <= 2 or not all(isinstance(part, str) for part in text):
        right = 'write bptui.op("swoosh", "y = …")'
        raise UserError("bptui.op", "takes a definition, or a name and a definition", right)
    called = name or (text[0] if len(text) == 2 else f"op{next(_serial)}")
    return _function(custom_ops.make(called, text[-1], "bptui.op", settings, tuple(inputs)))


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
    labels = [(item.name or "…") if isinstance(item, Tensor) else f"{item:g}" for item in given]
    shape = output_shape(row, labels, shapes, settled, where)
    return Tensor(shape, op=row, inputs=given, attributes=settled, name=name)


def _made_by_network(*_: Any) -> Any:
    raise TypeError("a derivative is made of the operations that lead to what is derived: network(loss) makes it")


_DERIVATIVE = Composite("d", ("u", "x"), _made_by_network, "", "A derivative, as operations.")


def d(u: Tensor, x: Tensor, name: str | None = None) -> Tensor:
    """The derivative of the sum of u by x, in the shape of x, as operations that the loss may be made of: with ux =
    bptui.d(u, x) and uxx = bptui.d(ux, x), mean((uxx + u)**2) is the loss of a differential equation. PyTorch's
    torch.autograd.grad(u.sum(), x, create_graph=True). Where no operation of u mixes samples, it is each one's own."""
    for given, role in ((u, "u"), (x, "x")):
        if not isinstance(given, Tensor):
            raise UserError("bptui.d", f"{role} is {_a(type(given).__name__)}", "a Tensor, as in bptui.d(u, x)")
    return Tensor(x.shape, op=_DERIVATIVE, inputs=(u, x), name=name)


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


def network(
    loss: Tensor,
    *,
    name: str = "python",
    optimizer: str = "sgd",
    learning_rate: float | None = None,
    dtype: str = "float64",
    seed: int = 0,
    **options: Any,
) -> Network:
    """What leads to `loss` as a Network. options: those of an [optimizer] table (momentum, clip_norm, schedule, groups,
    update with its states). learning_rate: 0.1 where none is said, of lbfgs 1."""
    if not isinstance(loss, Tensor):
        raise UserError(
            "bptui", f"the loss is {_a(type(loss).__name__)}", "a Tensor such as bptui.mse(prediction, target)"
        )
    if dtype not in DTYPES:
        raise UserError("bptui", f"there is no dtype {str(dtype)[:40]!r}", " or ".join(DTYPES))
    if "update" not in options and (wrong := next((key for key in options if key not in SETTINGS), None)):
        right = "learning_rate=0.1" if wrong == "lr" else did_you_mean(wrong, SETTINGS, ", ".join(SETTINGS))
        raise UserError("bptui", f"there is no setting {wrong[:40]!r}", right)
    tensors = _ancestors(loss)
    whole = {
        item.serial
        for tensor in tensors
        if tensor.op
        for role, item in zip(tensor.op.input_names, tensor.inputs, strict=False)
        if isinstance(item, Tensor) and role in tensor.op.indices
    }
    builder = Builder(dtype, where="bptui", reserved=[tensor.name for tensor in tensors if tensor.name])
    nodes: dict[int, Node] = {}
    counts = {"param": 0, "data": 0}
    for tensor in tensors:
        if tensor.op is None:
            kind = "param" if tensor.trained else "data"
            counts[kind] += 1
            called = tensor.name or f"{kind}{counts[kind]}"
            labels = tensor.serial in whole
            if labels and tensor.trained:
                raise UserError(f"bptui: {called}", "whole numbers cannot be trained", "give labels as bptui.data")
            role = "param" if tensor.trained else "input"
            nodes[tensor.serial] = builder.leaf(called, role, tensor.value, whole=labels)  # type: ignore[arg-type]
        else:
            inputs = [nodes[item.serial] if isinstance(item, Tensor) else item for item in tensor.inputs]
            called_or_not = tensor.name or ("loss" if tensor is loss else None)
            made: Callable[..., Node] = partial(builder.use, tensor.op)
            if tensor.op is _DERIVATIVE:
                made = builder.derivatives.of
            nodes[tensor.serial] = made(*inputs, name=called_or_not, **tensor.attributes)
    graph = builder.finish(nodes[loss.serial], aliases={} if loss.name == "loss" else {"loss": nodes[loss.serial]})
    content: dict[str, Any] = dict(options)
    if "update" not in options:
        content["kind"] = optimizer
    row = OPTIMIZERS.get(optimizer)
    if learning_rate is not None or row is None or row.room is None:
        content["learning_rate"] = 0.1 if learning_rate is None else learning_rate
    table = Table(content, "bptui", "optimizer")
    return Network(name, graph, read_optimizer(table, [node.name for node in graph.params]), dtype, seed)


def _a(word: str) -> str:
    """`an int`, `a float`."""
    return f"{'an' if word[:1].lower() in 'aeiou' else 'a'} {word}"


def _ancestors(loss: Tensor) -> list[Tensor]:
    """All tensors that lead to the loss, in the order in which they were made."""
    found = {loss.serial: loss}
    waiting = [loss]
    while waiting:
        for item in waiting.pop().inputs:
            if isinstance(item, Tensor) and item.serial not in found:
                found[item.serial] = item
                waiting.append(item)
    return [found[serial] for serial in sorted(found)]


def debug(loss: Tensor, **options: Any) -> None:
    """Open the debugger on the training step of `loss`; returns when it is closed. options: see `network`."""
    from bptui import cli

    made = network(loss, **options)
    cli.debug(made.name, lambda: made)


def check(
    loss: Tensor, *, against: Mapping[str, Any] | None = None, claims: Sequence[str] = (), **options: Any
) -> Report:
    """Check every derivative of the training step of `loss`; `.ok`, and the rows with their reasons.

    against  your own gradients by name, {"w": numbers}, or {"values": {…}, "grads": {…}}: arrays, lists, PyTorch's
             tensors. Rows "against" say whether they are equal, and what was forgotten where they are not
    claims   gradients as formulas, "w = -2*x*(y - w*x)": rows "claim" say whether SymPy proves them
    """
    from bptui.symbolic.against.claims import claim
    from bptui.symbolic.check import check_step

    made = network(loss, **options)
    recording = made.program().record()
    rows: list[CheckRow] = []
    if against is not None:
        from bptui.model.source.own_numbers import from_mapping
        from bptui.symbolic import against as own

        rows += own.against(recording, from_mapping(against, "against"), "against").rows
    rows += [claim(recording, text).row for text in ([claims] if isinstance(claims, str) else claims)]
    found = check_step(recording)
    return replace(found, rows=(*found.rows, *rows))


def grads(loss: Tensor, **options: Any) -> dict[str, Array]:
    """The gradients of `loss` by name, each an array of its own in the shape of its tensor: of all parameters and given
    numbers that have one, and of what has a name. Without a name they are called param1, data1, …, as `check` does."""
    made = network(loss, **options)
    recording = made.program().record()
    found: dict[str, Array] = {}
    for name, node in made.graph.by_name.items():
        grad = recording.grad(node)
        if grad is not None and (node.op is None or not re.fullmatch(r"(.+\.)?t\d+", name)) and node.role != "const":
            found[name] = np.array(grad)
    return found


PUBLIC: dict[str, Callable[..., Any] | type] = {
    "param": param, "data": data, "network": network, "debug": debug, "check": check, "grads": grads, "op": op,
    "d": d, "Tensor": Tensor, "UserError": UserError,
}  # fmt: skip


def find(name: str) -> Any:
    """What `bptui.NAME` is: one of PUBLIC, or an operation."""
    if name in PUBLIC:
        return PUBLIC[name]
    if name in unsupported.PYTHON:
        raise AttributeError(f"bptui.{name} {unsupported.NOT_YET} ({unsupported.PYTHON[name]})")
    if name not in names():
        near = nearest(name, names())
        raise AttributeError(f"module 'bptui' has no attribute '{name}'" + (f"; {near}" if near else ""))
    return _function(ops.get(name))


def _function(row: Op | Composite) -> Callable[..., Tensor]:
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


def names() -> list[str]:
    """Everything that `bptui.NAME` may be."""
    return [*PUBLIC, *ops.OPS, *ops.COMPOSITES]
