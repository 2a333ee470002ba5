"""Stand-ins that turn a rule into operations of a graph.

A rule is NumPy on stand-ins (`bptui.model.engine.trace`): there each call becomes a call of a plan. On the stand-ins
here each call becomes the operation that it is the forward rule of: `g * (1 - y*y)`, the rule of tanh, becomes `mul`,
`sub` and `mul` of nodes. So the backward pass of a graph is a graph, whose operations have their own definitions, rules
and derivations, and no derivative is typed in a second time (`bptui.model.engine.derivative`).

What NumPy's call is among the operations is read from their rows: `np.add` is the forward rule of `add`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from bptui.model.base.types import Array, Shape
from bptui.model.engine import ops
from bptui.model.engine.graph import Node
from bptui.model.engine.ops.base import Op
from bptui.model.engine.ops.common import many_axes
from bptui.model.engine.rule import Rule


class Making(NamedTuple):
    """What nodes are made with.

    use       `use(operation, *nodes and numbers, **attributes)` makes one
    constant  the one of an array of numbers
    known     what was made, by operation and inputs
    """

    use: Callable[..., Node]
    constant: Callable[[Array], Node]
    known: dict[Any, Node]


class NoOperation(TypeError):
    """A call that no operation of the graph is."""


class Lifted(NDArrayOperatorsMixin):
    """A node of the graph as a rule sees it; or one number in each element of a shape, which needs no node yet."""

    __slots__ = ("making", "shape", "what")

    def __init__(self, making: Making, what: Node | float, shape: Shape | None = None) -> None:
        self.making, self.what = making, what
        self.shape: Shape = what.shape if isinstance(what, Node) else () if shape is None else tuple(shape)

    __hash__ = object.__hash__

    # -------------------------------------------------------------------------------------------- as NumPy's arrays
    ndim = property(lambda self: len(self.shape))
    size = property(lambda self: prod(self.shape))
    dtype = np.dtype(np.float64)
    T = property(lambda self: np.transpose(self))
    real = property(lambda self: self)

    def __len__(self) -> int:
        return self.shape[0]

    def sum(self, axis: Any = None, keepdims: bool = False) -> Lifted:
        """The sum over axes."""
        return self.reduced("sum", axis, keepdims)

    def reshape(self, *shape: Any) -> Lifted:
        """The same numbers in another shape."""
        wanted = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
        wanted = np.empty(self.shape, np.bool_).reshape(wanted).shape if -1 in wanted else tuple(wanted)
        if wanted == self.shape:
            return self
        return self.made("reshape", self, shape=wanted) if self.node else self.number(self.what, wanted)

    def held(self) -> Lifted:
        """The same numbers, through which no gradient passes."""
        return self.made("detach", self) if self.node else self

    def dot(self, other: Any) -> Lifted:
        """The product of vectors and matrices."""
        return self.made("matmul", self, other)

    def __getitem__(self, key: Any) -> Lifted:
        if isinstance(key, np.ndarray | Lifted):
            return self.made("take", self, key, axis=0)
        parts = key if isinstance(key, tuple) else (key,)
        if not all(part is None or part is Ellipsis or isinstance(part, slice | int) for part in parts):
            raise NoOperation("an index of computed whole numbers")
        seen = np.broadcast_to(np.empty((), np.bool_), self.shape)
        if not self.node:
            return self.number(self.what, seen[key].shape)
        taken = self.made("slice", self, index=tuple(part for part in parts if part is not None))
        return taken.reshape(seen[key].shape)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if method == "reduce" and ufunc in _REDUCTIONS:
            return self.reduced(_REDUCTIONS[ufunc], options.get("axis", 0), options.get("keepdims", False))
        if method != "__call__" or any(value is not None for value in options.values()):
            return NotImplemented
        return self.call(ufunc, *inputs)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        known = _FUNCTIONS.get(function)
        if known is None:
            raise NoOperation(f"np.{function.__name__}")
        return known(*args, **options)

    # -------------------------------------------------------------------------------------------------- as operations
    @property
    def node(self) -> bool:
        """Is it a node, not just a number?"""
        return isinstance(self.what, Node)

    def number(self, value: Any, shape: Shape = ()) -> Lifted:
        """One number in each element."""
        return Lifted(self.making, float(value), shape)

    def lifted(self, item: Any) -> Lifted:
        """An operand: a node, or a number."""
        if isinstance(item, Lifted):
            return item
        if not np.ndim(item):
            return self.number(item)
        array = np.asarray(item)
        if array.size and (array == array.flat[0]).all():
            return self.number(array.flat[0], array.shape)
        return Lifted(self.making, self.making.constant(array))

    def settled(self) -> Node:
        """The node; of a number one that has it in each element."""
        if isinstance(self.what, Node):
            return self.what
        return self._use("broadcast_to", (self.what,), {"shape": self.shape})

    def made(self, kind: str | Op, *inputs: Any, **attributes: Any) -> Lifted:
        """One use of an operation; the one that is there already, where it is the same."""
        return Lifted(self.making, self._use(kind, [self.lifted(i).settled() for i in inputs], attributes))

    def call(self, function: Any, *inputs: Any, **attributes: Any) -> Lifted:
        """What a function of NumPy, or a forward rule, is among the operations."""
        items = [self.lifted(item) for item in inputs]
        if function is np.matmul:
            return self.made("matmul", *items)
        if function is np.power and not items[1].node and items[0].node:
            return self.made("power", items[0], exponent=float(items[1].what))  # type: ignore[arg-type]
        kind = forward_rules().get(function) or str(getattr(function, "__name__", ""))
        kind = "logical_not" if function is np.invert else kind
        if kind not in ops.OPS:
            raise NoOperation(f"the function {getattr(function, '__name__', 'of a rule')}")
        if not ops.OPS[kind].elementwise:
            return self.made(kind, *items, **attributes)
        return self._elementwise(kind, function, items, attributes)

    def _elementwise(self, kind: str, function: Any, items: list[Lifted], attributes: Mapping[str, Any]) -> Lifted:
        """Of broadcasting operands. What is a number in each element is computed at once: the seed of a backward pass
        is 1, and `1*x` is x."""
        shape = np.broadcast_shapes(*(item.shape for item in items))
        if not any(item.node for item in items):
            with np.errstate(all="ignore"):
                return self.number(function(*(np.float64(item.what) for item in items)), shape)  # type: ignore[arg-type]
        if kind in ("mul", "div") and items[-1].what == 1 and items[0].shape == shape:
            return items[0]
        if kind == "mul" and items[0].what == 1 and items[1].shape == shape:
            return items[1]
        if kind == "add" and any(item.what == 0 for item in items):
            rest = next(item for item in items if item.node)
            if rest.shape == shape:
                return rest
        bare = np.broadcast_shapes(*(item.shape for item in items if item.node)) == shape
        given = [item.what if bare and not item.node else item.settled() for item in items]
        return Lifted(self.making, self._use(kind, given, attributes))

    def reduced(self, kind: str, axis: Any, keepdims: Any) -> Lifted:
        """A reduction over axes."""
        axes = many_axes(axis, self.shape)
        if not axes:
            return self
        if kind == "sum" and not isinstance(self.what, Node):
            count = prod(self.shape[n] for n in axes)
            sizes = [1 if n in axes else size for n, size in enumerate(self.shape) if keepdims or n not in axes]
            return self.number(self.what * count, tuple(sizes))
        return self.made(kind, self, axis=axes, keepdims=bool(keepdims))

    def summed_to(self, shape: Shape) -> Lifted:
        """Summed over the axes along which `shape` was stretched to this one; stretched where it is smaller."""
        if self.shape == shape:
            return self
        full = np.broadcast_shapes(self.shape, shape)
        wide = self if self.shape == full else _broadcast_to(self, full)
        lead = len(full) - len(shape)
        axes = tuple(n for n, size in enumerate(full) if n < lead or shape[n - lead] != size)
        return (wide.reduced("sum", axes, False) if axes else wide).reshape(shape)

    def _use(self, kind: str | Op, inputs: Sequence[Any], attributes: Mapping[str, Any]) -> Node:
        name = kind if isinstance(kind, str) else id(kind)
        key = name, *(i.id if isinstance(i, Node) else ("number", i) for i in inputs), repr(sorted(attributes.items()))
        known = self.making.known
        if key not in known:
            known[key] = self.making.use(kind, *inputs, **attributes)
        return known[key]


@cache
def forward_rules() -> Mapping[Any, str]:
    """By a function, the operation whose forward rule it is."""
    found: dict[Any, str] = {}
    for name, op in ops.OPS.items():
        rule = getattr(op.vjp, "__self__", None)
        if isinstance(rule, Rule):
            found.setdefault(rule.mathematics, name)
    return found


def rule_of(op: Op) -> Rule | None:
    """The rule of a row that is written as mathematics, for arrays or for nodes alone."""
    if op.over_nodes:
        return Rule(op.forward, *op.over_nodes)
    rule = getattr(op.vjp, "__self__", None)
    return rule if isinstance(rule, Rule) else None


# --------------------------------------------------------------------------------------------------- NumPy's functions
def _where(condition: Any, a: Any, b: Any) -> Lifted:
    of = next(item for item in (condition, a, b) if isinstance(item, Lifted))
    items = [of.lifted(item) for item in (condition, a, b)]
    if not items[0].node:
        return items[1] if items[0].what else items[2]
    if not items[1].node and not items[2].node and items[1].what == items[2].what:
        return of.number(items[1].what, np.broadcast_shapes(*(item.shape for item in items)))
    return of._elementwise("where", np.where, items, {})


def _transpose(x: Lifted, axes: Any = None) -> Lifted:
    order = tuple(reversed(range(x.ndim))) if axes is None else tuple(axis % x.ndim for axis in axes)
    if order == tuple(range(x.ndim)):
        return x
    if not isinstance(x.what, Node):
        return x.number(x.what, tuple(x.shape[n] for n in order))
    known = x.making.known
    back = known.get(("turned", x.what.id, order))
    if back is not None:  # of what is turned already: that from which it was
        return Lifted(x.making, back)
    turned = x.made("transpose", x, axes=order)
    assert isinstance(turned.what, Node)
    known["turned", turned.what.id, tuple(order.index(n) for n in range(x.ndim))] = x.what
    return turned


def _ordered(function: Any) -> Callable[..., Lifted]:
    """A function that puts axes in another order, as a transposition: read off what it does to an array of as many."""

    def moved(x: Lifted, *rest: Any) -> Lifted:
        sizes = tuple(range(2, 2 + x.ndim))
        return _transpose(x, [size - 2 for size in function(np.broadcast_to(np.empty(()), sizes), *rest).shape])

    return moved


def _broadcast_to(x: Lifted, shape: Any) -> Lifted:
    if tuple(shape) == x.shape:
        return x
    return x.made("broadcast_to", x, shape=tuple(shape)) if x.node else x.number(x.what, tuple(shape))


def _expand_dims(x: Lifted, axis: Any) -> Lifted:
    return x.reshape(np.expand_dims(np.broadcast_to(np.empty(()), x.shape), axis).shape)


def _concatenate(parts: Sequence[Lifted], axis: int = 0) -> Lifted:
    first = next(part for part in parts if isinstance(part, Lifted))
    return first.made("concat", *parts, axis=axis)


def _place_of(kind: str) -> Callable[..., Lifted]:
    return lambda x, axis=None, keepdims=False: x.made(kind, x, axis=axis, keepdims=bool(keepdims))


def _reduction(kind: str) -> Callable[..., Lifted]:
    return lambda x, axis=None, keepdims=False: x.reduced(kind, axis, keepdims)


_FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.where: _where,
    np.sum: _reduction("sum"),
    np.prod: _reduction("prod"),
    np.max: _reduction("max"),
    np.min: _reduction("min"),
    np.argmax: _place_of("argmax"),
    np.argmin: _place_of("argmin"),
    np.take: lambda x, places, axis: x.made("take", x, places, axis=axis),
    np.transpose: _transpose,
    np.swapaxes: _ordered(np.swapaxes),
    np.moveaxis: _ordered(np.moveaxis),
    np.reshape: lambda x, shape: x.reshape(shape),
    np.expand_dims: _expand_dims,
    np.broadcast_to: _broadcast_to,
    np.concatenate: _concatenate,
    np.dot: lambda a, b: a.dot(b),
}
_REDUCTIONS = {np.add: "sum", np.multiply: "prod", np.maximum: "max", np.minimum: "min"}
