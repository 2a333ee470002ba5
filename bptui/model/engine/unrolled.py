"""A recurrent cell over the positions of a sequence, the same weights at each of them, made of operations.

Where samples end earlier, a state stays as it is from there on, and what comes out is 0: PyTorch's packed sequences.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bptui.model.base.types import Attributes

Use = Callable[..., Any]
"""`use(op, *inputs, name=…, symbol=…, **attributes)` makes an operation."""
JOIN = 8
"""How many tensors one concat takes."""


@dataclass(frozen=True)
class State:
    """h of a cell, and of an LSTM c; `both`: what the cell gave, h and c side by side, of which c is cut where it is
    read."""

    h: Any
    c: Any = None
    both: Any = None

    def cell(self, use: Use, name: str) -> Any:
        """c, called `name` where it is cut here; None where there is none."""
        if self.both is None:
            return self.c
        return use("slice", self.both, name=name, symbol="c", index=f"[:, {self.h.shape[1]}:]")


@dataclass(frozen=True)
class Cells:
    """A row of cells, one per position: which operation, with which weights and attributes; whether it starts at the
    last position; by position, which samples are there (none: all are); what the names of its nodes end with."""

    use: Use
    op: str
    weights: Sequence[Any]
    attributes: Attributes = field(default_factory=dict)
    reverse: bool = False
    there: Sequence[Any] = ()
    suffix: str = ""

    def run(self, inputs: Sequence[Any], state: State) -> tuple[list[Any], State]:
        """What comes out, by position, and the state in the end."""
        places, out = range(len(inputs)), []
        for t, place in enumerate(reversed(places) if self.reverse else places, 1):
            before, state = state, self._cell(inputs[place], state, t)
            out.append(state.h)
            if self.there:
                out[-1], state = self._kept(before, state, self.there[place], t)
        return out[::-1] if self.reverse else out, state

    def _cell(self, x: Any, state: State, t: int) -> State:
        cell, end = state.cell(self.use, f"c{t - 1}{self.suffix}"), f"{t}{self.suffix}"
        given: Mapping[str, Any] = self.attributes
        if cell is None:
            return State(self.use(self.op, x, state.h, *self.weights, name=f"h{end}", symbol="h", **given))
        both = self.use(self.op, x, state.h, cell, *self.weights, name=f"hc{end}", **given)
        index = f"[:, :{state.h.shape[1]}]"
        return State(self.use("slice", both, name=f"h{end}", symbol="h", index=index), both=both)

    def _kept(self, before: State, state: State, there: Any, t: int) -> tuple[Any, State]:
        """What comes out where samples may have ended, and the state: as before where they have."""
        use, end = self.use, f"{t}{self.suffix}"
        out = use("where", there, state.h, 0.0, name=f"out{end}", symbol="h")
        h = use("where", there, state.h, before.h, name=f"h{end}_kept", symbol="h")
        cell = state.cell(use, f"c{end}")
        if cell is None or before.c is None:
            return out, State(h)
        return out, State(h, use("where", there, cell, before.c, name=f"c{end}_kept", symbol="c"))


def over(cells: Cells, x: Any, state: State, there: Any = None) -> tuple[Any, State]:
    """(samples, positions, hidden) of x, (samples, positions, features), and the state in the end. there: (samples,
    positions), 1 where a sample has a position; what stands elsewhere is never read. Raises ValueError where one of
    them has not these axes."""
    if len(x.shape) != 3 or not x.shape[1]:
        raise ValueError(f"x has shape {x.shape}: it must be (samples, positions, features)")
    if there is not None and there.shape != x.shape[:2]:
        raise ValueError(f"there has shape {there.shape}: it must be {x.shape[:2]}")
    use, positions = cells.use, range(x.shape[1])
    if there is not None:
        seen = use("reshape", there, name="there_all", shape=(*there.shape, 1))
        x = use("where", seen, x, 0.0, name="x_there", symbol="x")
        columns = [use("slice", there, name=f"there{t + 1}", index=f"[:, {t}:{t + 1}]") for t in positions]
        cells = replace(cells, there=columns)
    inputs = [use("slice", x, name=f"x{t + 1}", symbol="x", index=f"[:, {t}]") for t in positions]
    out, state = cells.run(inputs, state)
    return joined(use, out, [f"h{t + 1}" for t in positions], 1), state


def joined(use: Use, tensors: Sequence[Any], names: Sequence[str], axis: int, name: str = "") -> Any:
    """Tensors of one shape along a new axis, a few at a time; the result may be called `name`. names: of the parts."""
    shape = list(tensors[0].shape)
    shape.insert(axis, 1)
    end, level = f"_{name}" if name else "_row", 0
    if len(tensors) == 1 and name:
        return use("reshape", tensors[0], name=name, shape=shape)
    parts = [use("reshape", x, name=f"{own}{end}", shape=shape) for x, own in zip(tensors, names, strict=True)]

    def concat(group: Sequence[Any], called: str) -> Any:
        return group[0] if len(group) == 1 else use("concat", *group, name=called, axis=axis)

    while len(parts) > JOIN:
        level += 1
        groups = [parts[i : i + JOIN] for i in range(0, len(parts), JOIN)]
        parts = [concat(group, f"{name or 'join'}{level}_{n}") for n, group in enumerate(groups, 1)]
    return concat(parts, name or f"join{level + 1}_1")
