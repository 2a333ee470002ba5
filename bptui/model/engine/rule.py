"""`Op.forward` and `Op.vjp` of a row whose rules are mathematics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, NamedTuple

import numpy as np

from bptui.model.base.types import Array, Attributes
from bptui.model.engine.calls import Backward, Emit
from bptui.model.engine.fill import BLOCK, MANY_BLOCKS
from bptui.model.engine.refill import Refill
from bptui.model.engine.trace import Standin, Trace

View = Callable[[Array], Array]


class _Back(NamedTuple):
    """A vjp for the inputs that want a gradient.

    filled  which of them are filled, by `refill`
    ready   those that are an array already: (which, the number of the array, the views of it)
    """

    filled: tuple[int, ...]
    refill: Refill
    ready: tuple[tuple[int, int, tuple[View, ...]], ...]


@dataclass
class _Noted:
    """A rule as it is noted for arrays of some kind, once in a plan.

    parts   each input's contribution;  forward  what fills y, and keeps what the contributions read again
    given   the stand-ins whose arrays a vjp has: the inputs, what is kept, ∂L/∂y
    back    by the arrays that are asked for: what fills them
    """

    parts: tuple[Any, ...]
    forward: Refill
    given: tuple[Standin, ...]
    back: dict[Any, _Back] = field(default_factory=dict)


class _Saved(NamedTuple):
    """What a vjp gets from forward: what is noted, and the arrays of `given` but for ∂L/∂y."""

    noted: _Noted
    arrays: list[Array]


class Rule:
    """`Op.forward` and `Op.vjp`, of functions that read like mathematics.

    forward  (*inputs, **attributes) → y
    vjps     by the input's position: (g, y, *inputs, **attributes) → the contribution g · ∂y/∂input, in the shape of y
             or of the input, or what broadcasts to it; None for an input that has none
    """

    def __init__(self, forward: Callable[..., Any], *vjps: Callable[..., Any] | None) -> None:
        self._forward, self._vjps = forward, vjps

    @property
    def pair(self) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """forward and vjp, as they stand in a row: `Op(name, inputs, definition, shape, *rule.pair, …)`."""
        return self.forward, self.vjp

    @property
    def mathematics(self) -> Callable[..., Any]:
        """The forward rule as it was written."""
        return self._forward

    def contribution(self, position: int, g: Any, y: Any, inputs: Sequence[Any], attributes: Attributes) -> Any:
        """g · ∂y/∂input over any arrays or stand-ins; 0 where no gradient passes."""
        rule = self._vjps[position]
        return 0 if rule is None else rule(g, y, *inputs, **attributes)

    def forward(self, emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> Any:
        """The calls that fill `out`; the vjps are noted, too, so that what they read again is kept."""
        key = self, *map(_kind, inputs), _kind(out), *attributes.items()
        noted = emit.noted.get(key)
        if noted is None:
            noted = emit.noted[key] = self._note(emit, inputs, out, attributes)
        return _Saved(noted, [*inputs, *noted.forward(emit, inputs, [out])])

    def _note(self, emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> _Noted:
        trace = Trace(emit)
        standins = [trace.awaited(array.shape, array.dtype) for array in inputs]
        y = self._forward(*standins, **attributes)
        upstream = trace.awaited(out.shape)
        parts: tuple[Any, ...] = ()
        if emit.dtype.kind != "c":  # a complex step asks for the value alone
            rules = self._vjps[: len(inputs)]
            parts = tuple(rule and rule(upstream, y, *standins, **attributes) for rule in rules)
        again = tuple(_slope(y, upstream, parts) or _read_again(y, parts))
        return _Noted(parts, Refill(standins, [y], again), (*standins, *again, upstream))

    def vjp(self, emit: Emit, ctx: Backward) -> list[Array | None]:
        """The calls that fill the contributions; an array that is one already is handed back."""
        noted, into = ctx.saved.noted, ctx.into
        arrays = [*ctx.saved.arrays, ctx.upstream]
        key = *(None if array is None else _kind(array) for array in into), _kind(ctx.upstream)
        back = noted.back.get(key)
        if back is None:
            back = noted.back[key] = _turned(noted, arrays, into)
        back.refill(emit, arrays, [into[at] for at in back.filled])
        ready: list[Array | None] = [None] * len(into)
        for at, number, views in back.ready:
            ready[at] = _seen(views, arrays[number])
        return ready


def _kind(array: Array) -> tuple[Any, ...]:
    """Of arrays of one kind the same calls are emitted."""
    return array.shape, array.dtype, array.flags.num


def _turned(noted: _Noted, arrays: Sequence[Array], into: Sequence[Array | None]) -> _Back:
    """What fills these contributions."""
    filled, ready = [], []
    for at, (part, array) in enumerate(zip(noted.parts, into, strict=False)):
        if array is None:
            continue
        number, views = _there(part, noted.given, arrays)
        if number >= 0:
            found = _seen(views, arrays[number])
            if found.shape == array.shape and found.flags.c_contiguous:
                ready.append((at, number, views))
                continue
        filled.append(at)
    return _Back(tuple(filled), Refill(noted.given, [noted.parts[at] for at in filled]), tuple(ready))


def _read_again(y: Any, parts: Sequence[Any]) -> set[Standin]:
    """What the forward rule computes and a vjp reads."""
    computed: set[Standin] = set()
    _collect(y, computed, set())
    again: set[Standin] = set()
    for part in parts:
        again |= _collect(part, set(), computed)
    return again


def _slope(y: Any, upstream: Standin, parts: Sequence[Any]) -> set[Standin]:
    """What of the contribution of a large operation of one input has no ∂L/∂y in it, where that is one array: ∂y/∂x, or
    what ∂L/∂y is divided by. Computed block by block with y it saves reading again, from memory, all that it is made
    of. Empty where that is one array, too."""
    if len(parts) != 1 or prod(upstream.shape) < MANY_BLOCKS * BLOCK:
        return set()
    free = _free_of(parts[0], upstream)
    if len(free) != 1:
        return set()
    (slope,) = free
    if slope.kind != "elementwise" or slope.shape != upstream.shape or slope.dtype != upstream.dtype:
        return set()
    computed, found = set[Standin](), set[Standin]()
    _collect(y, computed, set())
    read = _collect(slope, found, {item for item in computed if item.kind != "given"})
    given = {item for item in found if item.kind == "given"}
    return {slope} if len(read | given) > 1 else set()


def _free_of(root: Any, upstream: Standin) -> set[Standin]:
    """The largest parts of an expression in which ∂L/∂y does not stand."""
    if not isinstance(root, Standin) or root is upstream:
        return set()
    above: set[Standin] = set()
    _collect(root, above, set())
    if upstream not in above:
        return {root}
    return set().union(*(_free_of(item, upstream) for item in root.inputs))


def _collect(root: Any, found: set[Standin], known: set[Standin]) -> set[Standin]:
    """Add all that an expression is made of to `found`, up to what is known; returns the known that it reads."""
    read: set[Standin] = set()
    waiting = [root]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Standin) and item in known:
            read.add(item)
        elif isinstance(item, Standin) and item not in found:
            found.add(item)
            waiting += item.inputs
    return read


def _there(part: Any, given: Sequence[Standin], arrays: Sequence[Array]) -> tuple[int, tuple[View, ...]]:
    """Of a stand-in that nothing has to compute: the number of the array that it is, or that it is a view of, and the
    views; -1 for any other."""
    number = next((number for number, item in enumerate(given) if item is part), -1)
    if number >= 0 or not isinstance(part, Standin) or part.kind != "view":
        return number, ()
    number, views = _there(part.inputs[0], given, arrays)
    views = (*views, part.write)
    shares = number >= 0 and np.may_share_memory(_seen(views, arrays[number]), arrays[number])
    return (number, views) if shares else (-1, ())


def _seen(views: Sequence[View], array: Array) -> Array:
    """The view of a view of an array."""
    for view in views:
        array = view(array)
    return array
