"""A `fill` (bptui.model.engine.fill) that is wanted for one use of an operation after the other: what the calls are, in
which order and over which scratch, is settled at the first, and said again for the arrays of the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from bptui.model.base.types import Array, Shape
from bptui.model.engine.calls import Emit
from bptui.model.engine.fill import Filling, lined, signed
from bptui.model.engine.trace import Standin
from bptui.model.engine.writing import emit_copied, emit_viewed, mask, plain, written


class Refill:
    """What fills arrays with `roots` (stand-ins or numbers), where the arrays of the stand-ins `given` are there, and
    keeps what `keep` names. All that is given to it at one use has to be of the shapes, dtypes and layout of the first.
    """

    def __init__(self, given: Sequence[Standin], roots: Sequence[Any], keep: Sequence[Standin] = ()) -> None:
        self._given, self._roots, self._keep = given, roots, keep
        self._recipe: _Recipe | None = None

    def __call__(self, emit: Emit, arrays: Sequence[Array], outs: Sequence[Any]) -> list[Array]:
        """Emit the calls; the arrays of `keep`."""
        if self._recipe is not None:
            return self._recipe.emit(emit, [*arrays, *outs])
        for standin, array in zip(self._given, arrays, strict=True):
            standin.array = array
        filling = Filling(emit, list(zip(self._roots, outs, strict=True)), set(self._keep))
        filling.run()
        kept = [filling.lies(item) for item in self._keep]
        if filling.whole:
            self._recipe = _Recipe(filling, self._given, outs, self._keep)
        filling.leave()
        for standin in self._given:
            standin.array = None
        return kept


class _Step(NamedTuple):
    """One call, over arrays that are named by number: `ufunc`, where that is all that is called, else what `write`
    emits."""

    ufunc: Any
    write: Callable[..., None]
    sources: tuple[int, ...]
    out: int


class _Scratch(NamedTuple):
    """A scratch array."""

    number: int
    shape: Shape
    dtype: np.dtype[Any]
    mask: bool


class _View(NamedTuple):
    """An array that is a view of another."""

    number: int
    view: Callable[[Array], Array]
    source: int


class _Recipe:
    """A fill that was run, over numbers in the place of its arrays: first those that are given and those that are asked
    for, then constants, scratch and views."""

    def __init__(
        self, filling: Filling, given: Sequence[Standin], outs: Sequence[Array], keep: Sequence[Standin]
    ) -> None:
        self._lies = filling.lies
        self._of_item: dict[Any, int] = {item: number for number, item in enumerate(given)}
        self._of_array = {id(array): number for number, array in enumerate(outs, len(given))}
        self._first = len(given) + len(outs)
        self._others: list[Array | None] = []
        self._lines: dict[int, int] = {}
        self.scratch: list[_Scratch] = []
        self.views: list[_View] = []
        self.steps: list[_Step] = []
        for done in filling.done:
            self._note(*done)
        for root, out in filling.copied:
            write = partial(written, emit_copied, ())
            self.steps.append(_Step(None, write, (self._source(root),), self._of_array[id(out)]))
        self.keep = tuple(map(self._source, keep))
        del self._lies

    def _note(self, item: Standin, out: Array, line: bool) -> None:
        """Note a call that was emitted."""
        sources = tuple(map(self._source, item.inputs))
        write = item.write
        if item.kind == "view":
            if not out.size or np.may_share_memory(out, self._lies(item.inputs[0])):
                self._of_item[item] = self._view(item.write, sources[0])
                return
            write = partial(written, emit_viewed, (item.write,))
        number = self._of_array.get(id(out))
        if number is None:
            number = self._of_array[id(out)] = self._new()
            masks = item.kind != "view" and item.dtype == np.bool_
            self.scratch.append(_Scratch(number, out.shape, out.dtype, masks))
        self._of_item[item] = number
        if line:
            arrays = map(self._lies, item.inputs)
            sources = tuple(self._line(n) if array.ndim else n for n, array in zip(sources, arrays, strict=True))
            number = self._line(number)
        self.steps.append(_Step(plain(write), write, sources, number))

    def _new(self, array: Array | None = None) -> int:
        self._others.append(array)
        return self._first + len(self._others) - 1

    def _source(self, item: Any) -> int:
        """The number of an operand; a constant is one array for all uses."""
        key = item if isinstance(item, Standin) else signed(item)
        if key not in self._of_item:
            self._of_item[key] = self._new(self._lies(item))
        return self._of_item[key]

    def _view(self, view: Callable[[Array], Array], source: int) -> int:
        number = self._new()
        self.views.append(_View(number, view, source))
        return number

    def _line(self, number: int) -> int:
        """An array as a line: one view, however often it is read."""
        if number not in self._lines:
            self._lines[number] = self._view(lined, number)
        return self._lines[number]

    def emit(self, emit: Emit, arrays: Sequence[Array]) -> list[Array]:
        """The calls, over these arrays: the given ones, those that are filled. Returns the arrays that are kept."""
        places: list[Any] = [*arrays, *self._others]
        for number, shape, dtype, masks in self.scratch:
            places[number] = mask(emit, shape) if masks else emit.temp(shape, dtype)
        for number, view, source in self.views:
            places[number] = view(places[source])
        for ufunc, write, sources, out in self.steps:
            operands = [places[number] for number in sources]
            if ufunc is None:
                write(emit, operands, places[out])
            else:
                emit(ufunc, *operands, places[out])
        return [places[number] for number in self.keep]
