"""The calls that fill arrays with what was noted (`bptui.model.engine.trace`): in which order, each into which array.

Elementwise calls on equal, contiguous arrays see them as 1-D, on which a ufunc is fastest; a chain of them on large
arrays runs block by block, so that what one call writes is still in the cache when the next one reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import prod
from typing import Any, NamedTuple

import numpy as np

from bptui.model.base.types import Array, Shape
from bptui.model.engine.calls import Emit
from bptui.model.engine.trace import Standin, Trace
from bptui.model.engine.writing import SLOW, Collected, called, mask, run_all, viewed

BLOCK = 32768
"""Elements of a block, of 8 bytes each: some arrays of them lie in a second-level cache of 1 MB; smaller ones cost more
calls. Of shorter numbers there are more."""

MANY_BLOCKS = 4
"""From so many blocks on they pay: smaller arrays lie in the cache as they are."""


def fill(trace: Trace, roots: Iterable[tuple[Any, Array]], keep: Iterable[Standin] = ()) -> dict[Standin, Array | None]:
    """Emit what fills each array with its stand-in (or number), which broadcasts to it. What is in `keep` stays for a
    later `fill` (of the vjp, after that of the forward rule), and is told; all else would be computed again."""
    filling = Filling(trace.emit, list(roots), set(keep))
    filling.run()
    found = {item: item.array for item in filling.keep}
    filling.leave()
    return found


class Done(NamedTuple):
    """A call that was emitted: what it computes, where, and whether its arrays are seen as lines there."""

    item: Standin
    out: Array
    line: bool


@dataclass
class Filling:
    """One `fill`: the order of the calls, who is read last where, and which scratch is free.

    done  the calls one by one, as far as they do not run block by block;  whole  are those all?
    """

    emit: Emit
    roots: list[tuple[Any, Array]]
    keep: set[Standin]
    order: list[Standin] = field(default_factory=list)
    uses: dict[Standin, int] = field(default_factory=dict)
    targets: dict[Standin, Array] = field(default_factory=dict)
    at: dict[Standin, int] = field(default_factory=dict)
    last: dict[Standin, int] = field(default_factory=dict)
    prefer: dict[Standin, Array] = field(default_factory=dict)
    free: list[Array] = field(default_factory=list)
    consts: dict[Any, Array] = field(default_factory=dict)
    done: list[Done] = field(default_factory=list)
    whole: bool = True

    def run(self) -> None:
        """Emit all of it. Afterwards each stand-in knows where its numbers lie, until `leave`."""
        for item in list(self.keep):
            while item.kind == "view":
                item = item.inputs[0]
                self.keep.add(item)
        self._arrange()
        at = 0
        while at < len(self.order):
            chain = self._chain(at)
            if chain:
                self.whole = False
                self._run_blocks(chain)
            else:
                self._run(self.order[at])
            at += max(1, len(chain))
        for root, out in self.copied:
            self.emit(np.copyto, out, self.lies(root))

    @property
    def block(self) -> int:
        """How many numbers of the program's kind are a block."""
        return BLOCK * 8 // self.emit.dtype.itemsize

    @property
    def copied(self) -> list[tuple[Any, Array]]:
        """What is copied to the array asked for after all calls."""
        return [
            (root, out)
            for root, out in self.roots
            if not isinstance(root, Standin) or self.targets.get(root) is not out
        ]

    def leave(self) -> None:
        """Forget where what was computed lies: the same stand-ins stand for other numbers next."""
        for item in self.order:
            item.array = None

    # -------------------------------------------------------------------------------------------------- the order
    def _arrange(self) -> None:
        for root, out in self.roots:
            if not isinstance(root, Standin):
                continue
            self._visit(root)
            if root in self.uses:
                self.uses[root] += 1
                mine = root.kind != "view" and root not in self.targets and root.dtype == out.dtype
                alone = root.kind == "elementwise" and self.uses[root] == 1 and not root.selects
                alone = alone and root not in self.keep  # what is read again is read in its own shape
                if mine and (root.shape == out.shape or alone):  # alone, its call broadcasts to a larger `out`
                    self.targets[root] = out
        for item in self.keep:
            self._visit(item)
            if item in self.uses and item not in self.targets and _leads(item, self.emit):
                self.targets[item] = self.emit.temp(item.shape)
        for at, item in enumerate(self.order):
            self.at[item] = at
            for source in item.inputs:
                while isinstance(source, Standin):
                    self.last[source] = at
                    source = source.inputs[0] if source.kind == "view" else None
        for root, out in self.roots:
            while isinstance(root, Standin) and self.targets.get(root) is not out:  # copied after all calls
                self.last[root] = len(self.order)
                root = root.inputs[0] if root.kind == "view" else None
        for root, out in reversed(self.targets.items()):
            self._lead(root, out)
        self.free += self.targets.values()

    def _visit(self, item: Standin) -> None:
        if item.array is not None or item in self.uses:
            return
        assert item.kind != "given", "a stand-in was awaited and never named"
        self.uses[item] = 0
        for source in item.inputs:
            if isinstance(source, Standin):
                self._visit(source)
                if source in self.uses:
                    self.uses[source] += 1
        self.order.append(item)

    def _lead(self, item: Standin, out: Array) -> None:
        """The array of a result is also the first choice for the operand that its call writes over. For what is kept of
        many numbers that ends at a division, which hides the time that memory takes in which nothing was."""
        slow = prod(item.shape) >= MANY_BLOCKS * BLOCK and all(item is not root for root, _ in self.roots)
        while item not in self.prefer:
            if self._until(item, out):
                self.prefer[item] = out
            if slow and item.write.args == (called, (np.divide,)):
                return
            operands = item.inputs[:0:-1] if item.selects and len(item.inputs) > 2 else item.inputs
            same = [s for s in _behind(operands) if s.array is None and s.shape == item.shape]
            same = [s for s in same if s.dtype == item.dtype and s.kind == item.kind == "elementwise"]
            if not same:
                return
            item = same[0]

    # ------------------------------------------------------------------------------------------------- the arrays
    def lies(self, item: Any) -> Any:
        """Where an operand's numbers lie; a number is a 0-d array that is never written to."""
        if isinstance(item, Standin):
            assert item.array is not None
            return item.array
        key = signed(item)
        if key not in self.consts:
            self.consts[key] = self.emit.const(item)
            self.consts[key].setflags(write=False)
        return self.consts[key]

    def _place(self, item: Standin, block: bool = False) -> Array:
        """The array that a call fills: elementwise, best one of those that it reads for the last time (what is written
        over is in the cache), but not the one that np.where chooses from first (the other one is written before).
        block: it is read within the chain alone, scratch of one block is enough unless it lies where the result will.
        """
        held = item.inputs[1] if item.selects else None
        over = item.kind == "elementwise"
        if over:
            self._release([source for source in item.inputs if source is not held])
        array = self.targets.get(item)
        shape = item.shape
        if array is not None:
            self.free = [other for other in self.free if other is not array]
        elif item not in self.keep:
            array, shape = self._take_free(item, block)
        self._release([source for source in item.inputs if not over or source is held])
        if array is not None:
            return array
        return mask(self.emit, shape) if item.dtype == np.bool_ else self.emit.temp(shape, item.dtype)

    def _take_free(self, item: Standin, block: bool) -> tuple[Array | None, Shape]:
        """The best of the arrays that are free, if any, and the shape of one that is not there."""
        wanted = self.prefer.get(item)
        fits = [n for n, a in enumerate(self.free) if a.dtype == item.dtype and self._until(item, a)]
        shape = (self.block,) if block and not any(self.free[n] is wanted for n in fits) else item.shape
        fits = [n for n in fits if self.free[n].shape == shape]
        if len(fits) < 2:
            return self.free.pop(fits[0]) if fits else None, shape
        own = [source.array for source in item.inputs if isinstance(source, Standin)]
        best = max(fits, key=lambda n: (self.free[n] is wanted, any(self.free[n] is array for array in own)))
        return self.free.pop(best), shape

    def _until(self, item: Standin, array: Array) -> bool:
        """Is `item` read for the last time before `array` is filled with a result, or by the call that fills it?"""
        for root, out in self.targets.items():
            if out is array:
                at = self.at[root]
                last = self.last.get(item, -1)
                over = root.kind == "elementwise" and not (root.selects and root.inputs[1] is item)
                return last < at or (last == at and over)
        return True

    def _release(self, sources: Iterable[Any]) -> None:
        """What a call was the last to read is free."""
        for source in sources:
            if isinstance(source, Standin) and source in self.uses:
                self.uses[source] -= 1
                if self.uses[source]:
                    continue
                if source.kind == "view":
                    self._release(source.inputs[:1])
                elif source not in self.keep and source.array is not None:
                    self.free.append(source.array)

    # -------------------------------------------------------------------------------------------------- the calls
    def _run(self, item: Standin) -> None:
        emit = self.emit
        arrays = [self.lies(source) for source in item.inputs]
        if item.kind == "view":
            item.array = item.write(arrays[0])
            if item.array.size and not np.may_share_memory(item.array, arrays[0]):
                item.array = emit.temp(item.shape, item.dtype)
                emit(viewed, item.write, arrays[0], item.array)
            self.done.append(Done(item, item.array, False))
            return
        item.array = out = self._place(item)
        if item.kind == "elementwise":
            arrays, out = _lines(arrays, out)
        item.write(emit, arrays, out)
        self.done.append(Done(item, item.array, out is not item.array))

    def _chain(self, at: int) -> list[Standin]:
        """The elementwise calls from here on that run block by block; none where that saves nothing."""
        shape = self.order[at].shape
        chain: list[Standin] = []
        if prod(shape) < MANY_BLOCKS * BLOCK:
            return []
        for item in self.order[at:]:
            if item.kind != "elementwise" or item.shape != shape:
                break
            if not all(_lies(source, shape, chain) for source in item.inputs):
                break
            out = self.targets.get(item)
            if out is not None and (out.shape != shape or not out.flags.c_contiguous):
                break
            chain.append(item)
        return [] if len(chain) == 1 and _plain(chain[0]) else chain

    def _run_blocks(self, chain: list[Standin]) -> None:
        """One call for all of them, a block at a time; what only the chain reads has scratch of one block."""
        inside = dict.fromkeys(chain, 0)
        for item in chain:
            for source in item.inputs:
                if isinstance(source, Standin) and source in inside:
                    inside[source] += 1
        steps = []
        for item in chain:
            short = item not in self.targets and item not in self.keep and inside[item] == self.uses[item]
            arrays = [self.lies(source) for source in item.inputs]
            item.array = self._place(item, short)
            steps.append((item.write, arrays, item.array))
        calls = Collected(self.emit)
        size = prod(chain[0].shape)
        for start in range(0, size, self.block):
            block = _once(partial(_block, slice(start, min(start + self.block, size)), self.block))
            for write, arrays, out in steps:
                write(calls, [block(array) for array in arrays], block(out))
        self.emit(run_all, tuple(calls.calls))


def signed(number: Any) -> tuple[Any, bool]:
    """A number as a key, for which 0 and -0 are two."""
    return number, bool(np.signbit(number.real))


def _once(view: Callable[[Array], Array]) -> Callable[[Any], Any]:
    """One view of each array; a 0-d array and a number stay. Two views of the same memory in one call are looked at for
    an overlap, which takes as long as the call."""
    made: dict[int, Array] = {}

    def of(array: Any) -> Any:
        if not isinstance(array, np.ndarray) or not array.ndim:
            return array
        return made[id(array)] if id(array) in made else made.setdefault(id(array), view(array))

    return of


def _block(part: slice, size: int, array: Array) -> Array:
    """A block of an array as a line; scratch has the size of one block."""
    line = array.reshape(-1)
    return line[: part.stop - part.start] if line.size == size else line[part]


def _leads(item: Standin, emit: Emit) -> bool:
    """Does what is kept have its place from the start, where what it is made of is computed, too? Of many numbers it
    saves an array in the cache."""
    return item.kind == "elementwise" and item.dtype == emit.dtype and prod(item.shape) >= MANY_BLOCKS * BLOCK


def _behind(operands: Iterable[Any]) -> Iterator[Standin]:
    """The stand-ins among operands; for a condition what it compares."""
    for item in operands:
        if isinstance(item, Standin):
            yield from _behind(item.inputs) if item.dtype == np.bool_ else (item,)


def _lies(item: Any, shape: Shape, chain: Sequence[Standin]) -> bool:
    """Can an operand be read block by block?"""
    if not isinstance(item, Standin):
        return True
    if item.array is None:
        return item.shape == shape and any(item is other for other in chain)
    return not item.shape or (item.shape == shape and item.array.flags.c_contiguous)


def _plain(item: Standin) -> bool:
    """Is it one call that gains nothing from blocks?"""
    function, options = item.write.args[:2]
    return function is called and options[0] not in SLOW


def _is_line(array: Array) -> bool:
    """Do its elements lie one after the other, all alike far apart?"""
    return array.flags.c_contiguous or (array.dtype == np.bool_ and np.may_share_memory(array, array.reshape(-1)))


def lined(array: Array) -> Array:
    """Its elements, one after the other."""
    return array.reshape(-1)


def _lines(arrays: Sequence[Any], out: Array) -> tuple[list[Any], Array]:
    """1-D views where all lie alike: a ufunc is fastest on those, a broadcasting one takes three times as long."""
    if out.ndim < 2:
        return list(arrays), out
    lying = [array for array in (*arrays, out) if isinstance(array, np.ndarray) and array.ndim]
    if all(array.shape == out.shape and _is_line(array) for array in lying):
        line = _once(lined)
        return [line(array) for array in arrays], line(out)
    return list(arrays), out
