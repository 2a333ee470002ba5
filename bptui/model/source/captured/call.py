"""One recorded call, said in bptui's operations: what an entry of `known` is given to build with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple, NoReturn

import numpy as np

from bptui.model.base.errors import UserError
from bptui.model.base.types import Array, Shape
from bptui.model.engine.build import Builder
from bptui.model.engine.graph import Node
from bptui.model.source.captured.record import FLOATS, Event, Record

Read = Callable[[], Array]
"""Reads or makes the numbers of a leaf when they are looked at."""
Found = Callable[[], Array | None]
"""The same for everyone: None where they were not kept."""


NOT_FINITE = {"inf": "infinity", "-inf": "minus_infinity", "nan": "not_a_number"}
"""What a number in a call is named that has no digits."""


class Lacks(Exception):
    """bptui has no such operation, or not with these settings: the event stays opaque. The text says why."""


class Ref(NamedTuple):
    """A recorded value among the arguments; `place` and `complex` as in `record.Value`."""

    id: int
    shape: Shape
    dtype: str
    place: tuple[int, tuple[int, ...]]
    complex: bool = False


class Apart(NamedTuple):
    """PyTorch's derivative of an operation is not that of its definition: at most so far from it, relative to the
    largest number of each part, and why."""

    relative: float
    why: str


class Workshop:
    """The graph that is being built of a record: its Builder, which node holds which value, and how leaves are read.

    nodes   value → the node that holds it
    reads   node id → how its numbers are read, where they are not those of a value of the record (a mask as 0 and 1)
    apart   node id → by how much PyTorch's derivative of it is another number
    through gradients flow through what was recorded without: the forward of a custom function
    """

    def __init__(self, record: Record, builder: Builder, *, through: bool = False) -> None:
        self.record, self.builder, self.through = record, builder, through
        self.nodes: dict[int, Node] = {}
        self.reads: dict[int, Found] = {}
        self.apart: dict[int, Apart] = {}
        self._taken: dict[str, int] = {}

    def fresh(self, name: str, module: str = "") -> str:
        """The name inside of its module (`blocks.0.attn.softmax`), or `name#2`, `name#3` where it is taken."""
        name = f"{module}.{name}" if module else name
        count = self._taken[name] = self._taken.get(name, 0) + 1
        return name if count == 1 else f"{name}#{count}"

    def forget(self, count: int) -> None:
        """What is known of all nodes but the first `count`."""
        self.reads = {leaf: read for leaf, read in self.reads.items() if leaf < count}
        self.apart = {node: apart for node, apart in self.apart.items() if node < count}

    def called(self, value: int) -> str:
        """What the program calls a value: a parameter's name, a variable, the function that drew it; "" if nothing."""
        v = self.record.step.values[value]
        return v.name or short(v.source)

    def given(self, shape: Shape, read: Read, *, name: str, whole: bool = False) -> Node:
        """A leaf without a gradient whose numbers are made from the record when they are looked at."""
        node = self.builder.leaf(self.fresh(name), "input", shape=shape, whole=whole, wants_grad=False)
        self.reads[node.id] = partial(_found, read, shape)
        return node


@lru_cache(maxsize=4096)
def short(name: str) -> str:
    """`torch.Tensor.add_` → `add`, `torch.Tensor.mT.__get__` → `mT`, `torch.Tensor.__iadd__` → `__add__`."""
    parts = name.split(".")
    last = parts[-2] if parts[-1] == "__get__" else parts[-1]
    if last.startswith("__i") and last not in ("__invert__", "__index__", "__init__"):
        last = last.replace("__i", "__", 1)
    return last.rstrip("_") if last.endswith("_") and not last.endswith("__") else last


def _found(read: Read, shape: Shape) -> Array | None:
    """What is read; None where it was not recorded, or is not what the call was given: a file may hold anything."""
    try:
        found = np.asarray(read())
    except (Lacks, ValueError, IndexError, TypeError, OverflowError):
        return None
    return found if found.shape == tuple(shape) else None


class Call:
    """One event on its way into the graph.

    name     the function's short name: `add` for `torch.Tensor.add_`
    results  the values that it gave · masks: what a dropout in it kept, as values
    changed  argument → node, for what it changes beside its result
    Everything that takes a value takes a `Ref`, a Node, or a number.
    """

    def __init__(self, shop: Workshop, event: Event, name: str) -> None:
        self.shop, self.event, self.name = shop, event, name
        self.results = [self.ref(out) for out in event.notes.get("results", event.outs)]
        self.masks: list[int] = list(event.notes.get("masks", ()))
        self.changed: dict[int, Node] = {}
        low = [r.dtype for r in self.results if r.dtype in ("bfloat16", "float16")]
        self.low = low[0] if low and event.notes.get("autocast") else None
        """The kind of number to which an autocast region rounds what this event reads; None outside of one."""
        self._cast: dict[int, Node] = {}
        self._numbers: dict[int, Node] = {}

    # ---------------------------------------------------------------------------------------------------- arguments
    def ref(self, value: int) -> Ref:
        """A value of the record as an argument."""
        v = self.shop.record.step.values[value]
        return Ref(v.id, tuple(v.shape), v.dtype, v.place, v.complex)

    def decoded(self, item: Any) -> Any:
        """An argument as the function was given it (see `record`), values as `Ref`. A table of the program's own that
        only begins like one of ours stays a table."""
        match item:
            case {"v": int(value), **more} if not more:
                return self.ref(value)
            case {"slice": [start, stop, step], **more} if not more:
                return slice(*(self._number(self.decoded(part)) for part in (start, stop, step)))
            case {"...": True, **more} if not more:
                return Ellipsis
            case {"float": "inf" | "-inf" | "nan" as number, **more} if not more:
                return float(number)
            case list():
                return [self.decoded(part) for part in item]
        return item

    def _number(self, item: Any) -> Any:
        return int(self.array(item)) if isinstance(item, Ref) else item

    def array(self, x: Ref | int) -> Array:
        """The recorded numbers, read now: only what is small, and decides what is built (Lacks where not kept)."""
        found = self.shop.record.array(x if isinstance(x, int) else x.id)
        if found is None:
            raise Lacks(f"{self.name}: an index was not recorded")
        return found

    def reader(self, x: Ref | int) -> Read:
        """Reads the recorded numbers later: for `constant` and `whole`."""
        return lambda: self.array(x)

    def counted_nan(self, x: Any) -> bool:
        """Was NaN counted among the numbers of a recorded tensor?"""
        stats = self.shop.record.step.values[x.id].stats if isinstance(x, Ref) else None
        return stats is not None and stats.nan > 0

    def added(self, x: Ref) -> Read | None:
        """Reads what this event was seen to add to the gradient of a value; None where none arrived there. Lacks where
        that of other events came with it."""
        step = self.shop.record.step
        own = [part for b in step.backwards for part in b.parts.get((self.event.id, x.id), ())]
        all_of_it = [b.grads[x.id] for b in step.backwards if x.id in b.grads]
        if not own and all_of_it and sum(x.id in event.inputs for event in step.events) > 1:
            self.lacks(f"{self.name} of NaN: what it adds to the gradient was not recorded by itself")
        seen = own or all_of_it
        return (lambda: np.asarray(sum(self.array(part) for part in seen))) if seen else None

    # ------------------------------------------------------------------------------------------------------- building
    def node(self, x: Ref | Node | float) -> Node:
        """The node that holds x, as this call reads it."""
        if isinstance(x, Node):
            return x
        if isinstance(x, Ref):
            found = self.shop.nodes.get(x.id)
            if found is None:
                return self._counted(x)
            if self.low is not None and x.dtype == "float32":
                if x.id not in self._cast:
                    own = f"{(found.symbol or found.name).rpartition('.')[2].partition('#')[0]}_cast"
                    self._cast[x.id] = self._used("cast", (found,), {"dtype": self.low}, own)
                return self._cast[x.id]
            return found
        if isinstance(x, int | float | bool):
            return self.number(float(x))
        raise Lacks(f"{self.name} with {type(x).__name__}")

    def _counted(self, x: Ref) -> Node:
        """Whole numbers and truth values among what is computed with: numbers without a gradient."""
        if floating(x):
            raise Lacks(f"{self.name}: {x.dtype} numbers among what it computes with")
        if x.id not in self._numbers:
            self._numbers[x.id] = self.constant(
                x.shape, lambda: np.asarray(self.array(x), np.float64), self.shop.called(x.id) or "given"
            )
        return self._numbers[x.id]

    def number(self, x: float) -> Node:
        """A number in the call."""
        if np.isfinite(x):
            return self.shop.builder.number(x)
        return self.constant((), lambda: np.asarray(x), NOT_FINITE[str(float(x))])

    def use(self, op: str, *inputs: Ref | Node | float | None, **attributes: Any) -> Node:
        """One use of an operation of bptui; None at the end stands for inputs that are left out."""
        while inputs and inputs[-1] is None:
            inputs = inputs[:-1]
        nodes = tuple(self.node(x) for x in inputs if x is not None)
        if len(nodes) < len(inputs):
            raise Lacks(f"{self.name}: an input in the middle is left out")
        return self._used(op, nodes, attributes)

    def _used(self, op: str, nodes: Sequence[Node], attributes: dict[str, Any], own: str = "") -> Node:
        """own: what it is called, where that is not the name of the function."""
        symbol = own or self.name
        name = self.shop.fresh(symbol, self.event.module)
        try:
            return self.shop.builder.use(op, *nodes, name=name, scope=self.event.module, symbol=symbol, **attributes)
        except UserError as problem:
            raise Lacks(f"{self.name}: {problem.what}") from None

    def constant(self, shape: Shape, read: Read, name: str = "given") -> Node:
        """A leaf without a gradient: a mask as 0 and 1, weights of an interpolation."""
        return self.shop.given(shape, read, name=name)

    def whole(self, shape: Shape, read: Read, name: str = "index") -> Node:
        """The same of whole numbers: positions, labels."""
        return self.shop.given(shape, read, name=name, whole=True)

    def index(self, x: Ref) -> Node:
        """A recorded tensor of whole numbers as an index."""
        return self.whole(x.shape, self.reader(x), self.shop.called(x.id) or "index")

    def mask(self, x: Ref | Node | float) -> Node:
        """A recorded tensor as a condition: 0 or 1."""
        if not isinstance(x, Ref):
            return self.node(x)
        name = self.shop.called(x.id) or "mask"
        return self.constant(x.shape, lambda: np.asarray(self.array(x) != 0, np.float64), name)

    def same(self, x: Ref | Node) -> Node:
        """The result is the argument itself: no operation."""
        return self.shop.nodes[x.id] if isinstance(x, Ref) else x

    def places(self, x: Ref) -> Array:
        """Where in its storage each element lies, in elements: what two views share."""
        offset, strides = x.place
        found = np.full(x.shape, offset)
        for axis, (size, stride) in enumerate(zip(x.shape, strides, strict=True)):
            found += (np.arange(size) * stride).reshape([-1 if a == axis else 1 for a in range(len(x.shape))])
        return found

    def lacks(self, what: str) -> NoReturn:
        """Say that bptui has no such operation."""
        raise Lacks(what)


def floating(ref: Ref) -> bool:
    """Is it a kind of number that bptui computes with?"""
    return ref.dtype in FLOATS
