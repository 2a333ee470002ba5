"""`Op.forward` and `Op.vjp` of a row whose rules are mathematics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Attributes
from bptui.model.engine.calls import Backward, Emit
from bptui.model.engine.fill import BLOCK, MANY_BLOCKS, fill
from bptui.model.engine.trace import Standin, Trace, times


@dataclass
class _Noted:
    """A rule as it is noted for some shapes, once in a plan: its inputs, y, ∂L/∂y, each input's contribution, and what
    of the forward rule the contributions read again."""

    trace: Trace
    inputs: list[Standin]
    y: Any
    upstream: Standin
    parts: tuple[Any, ...]
    again: set[Standin]


@dataclass
class _Saved:
    """What a vjp gets from forward: what is noted, and where the numbers lie that it reads again."""

    noted: _Noted
    arrays: dict[Standin, Array | None]


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
        key = self, *((array.shape, array.dtype) for array in inputs), out.shape, *attributes.items()
        noted = emit.noted.get(key)
        if noted is None:
            noted = emit.noted[key] = self._note(emit, inputs, out, attributes)
        arrays: dict[Standin, Array | None] = dict(zip(noted.inputs, inputs, strict=True))
        _place(arrays)
        arrays |= fill(noted.trace, [(noted.y, out)], noted.again)
        _place(dict.fromkeys(arrays))
        return _Saved(noted, arrays)

    def _note(self, emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> _Noted:
        trace = Trace(emit)
        standins = [trace.awaited(array.shape, array.dtype) for array in inputs]
        y = self._forward(*standins, **attributes)
        upstream = trace.awaited(out.shape)
        parts: tuple[Any, ...] = ()
        if emit.dtype.kind != "c":  # a complex step asks for the value alone
            rules = self._vjps[: len(inputs)]
            parts = tuple(rule and rule(upstream, y, *standins, **attributes) for rule in rules)
        again = _slope(y, upstream, parts) or _read_again(y, parts)
        return _Noted(trace, standins, y, upstream, parts, again)

    def vjp(self, emit: Emit, ctx: Backward) -> list[Array | None]:
        """The calls that fill the contributions; an array that is one already is handed back."""
        noted, into = ctx.saved.noted, ctx.into
        noted.trace.emit, noted.upstream.array = emit, ctx.upstream
        _place(ctx.saved.arrays)
        ready: list[Array | None] = [None] * len(into)
        roots = []
        for at, (part, array) in enumerate(zip(noted.parts, into, strict=False)):
            if array is None:
                continue
            there = _there(part)
            if there is not None and there.shape == array.shape and there.flags.c_contiguous:
                ready[at] = there
            else:
                roots.append((part, array))
        fill(noted.trace, roots)
        _place(dict.fromkeys((*ctx.saved.arrays, noted.upstream)))
        return ready


def _place(arrays: Mapping[Standin, Array | None]) -> None:
    """Say where the numbers of stand-ins lie; None: the same expression stands for other numbers next."""
    for standin, array in arrays.items():
        standin.array = array


def _read_again(y: Any, parts: Sequence[Any]) -> set[Standin]:
    """What the forward rule computes and a vjp reads."""
    computed: set[Standin] = set()
    _collect(y, computed, set())
    again: set[Standin] = set()
    for part in parts:
        again |= _collect(part, set(), computed)
    return again


def _slope(y: Any, upstream: Standin, parts: Sequence[Any]) -> set[Standin]:
    """∂y/∂x of a large operation of one input, where the contribution is that times ∂L/∂y: computed block by block with
    y it saves reading again, from memory, all that it is made of. Empty where that is one array, or there is none."""
    if len(parts) != 1 or prod(upstream.shape) < MANY_BLOCKS * BLOCK:
        return set()
    slope = times(parts[0], upstream)
    if not isinstance(slope, Standin) or slope.kind != "elementwise" or slope.shape != upstream.shape:
        return set()
    computed, found = set[Standin](), set[Standin]()
    _collect(y, computed, set())
    read = _collect(slope, found, {item for item in computed if item.kind != "given"})
    given = {item for item in found if item.kind == "given"}
    return {slope} if len(read | given) > 1 and upstream not in given else set()


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


def _there(part: Any) -> Array | None:
    """The array of a stand-in that nothing has to compute: a given one, or a view of one."""
    if not isinstance(part, Standin) or part.array is not None or part.kind != "view":
        return part.array if isinstance(part, Standin) else None
    source = _there(part.inputs[0])
    found = None if source is None else part.write(source)
    return found if found is not None and np.may_share_memory(found, source) else None
