"""Local derivatives between single elements of a recorded step: ∂output[f]/∂input[e], from the operations' own vjps.

A vjp is linear in its upstream, so that one with a single 1 in it gives one row of the Jacobian, exactly: the way is
the same for every operation, and none is described a second time here. Which elements depend on which is asked of the
operation too, by running it on other numbers: what happens to be 0 at the recorded ones (a weight behind an input of 0)
is still a term, and NaN times 0 elsewhere is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from bptui.model.base.types import Array
from bptui.model.engine.graph import Node
from bptui.model.engine.opaque import SAID
from bptui.model.engine.probe import Probe, wide
from bptui.model.engine.recording import NotRecorded, Recording

MOVE = 8
"""Units of its last place by which a number that was rounded may be off."""
_MOVED = (1e-3, 1e3, -1e3, None)
"""By how much an input is moved to see what depends on it: what a maximum takes changes only where it is moved far, the
least size only where one is set to 0 (None)."""
_SCALES = (1.0, 1e3, 1e-3)
"""Sizes of the numbers on which an operation must move numbers to be one that only does that: a clamp shows in one."""


class Entries(NamedTuple):
    """Some elements (flat, rising) and a number for each."""

    at: Array
    values: Array


class Local:
    """One use of one operation in a recorded step. Elements are flat positions. Raises NotRecorded where the operation
    is opaque, or a number that it reads was not recorded."""

    def __init__(self, recording: Recording, node: Node) -> None:
        if node.op is None or node.op.opaque:
            raise NotRecorded(f"{node.name} is {SAID}" if node.op is not None else f"{node.name} is given")
        self.node, self.op = node, node.op
        self._given = [np.asarray(recording.required(i)) for i in node.inputs]
        kinds = {array.dtype for array in self._given if array.dtype.kind == "f"}
        self._dtype: Any = np.float32 if kinds == {np.dtype(np.float32)} else np.float64
        self._linear: dict[int, bool] = {}
        self._batch: dict[int, bool] = {}

    @cached_property
    def probe(self) -> Probe:
        """The operation at the recorded numbers, in their precision."""
        same = [array if array.dtype == self._dtype else wide(array) for array in self._given]
        return Probe(self.node, same, self._dtype)

    @cached_property
    def _others(self) -> tuple[Probe, ...]:
        """The operation at numbers in general position: of both signs, and between 0 and 1; and near the recorded ones
        where it has no value at either."""
        random, names = np.random.default_rng(0), self.op.input_names
        found = []
        for probability in (False, True):
            inputs = []
            for array, name in zip(self._given, names, strict=False):
                free = array.dtype.kind == "f" and name not in self.op.fixed
                shape = array.shape
                drawn = random.uniform(0.1, 0.9, shape) if probability else random.normal(size=shape)
                inputs.append(drawn if free else wide(array))
            found.append(Probe(self.node, inputs))
        if not np.any([np.isfinite(probe.forward()) for probe in found], 0).all():
            found.append(Probe(self.node, self._near(random)))
        return tuple(found)

    def _near(self, random: np.random.Generator) -> list[Array]:
        """Numbers near the recorded ones, for an operation that has no value at others: a Cholesky factor."""
        found = []
        for array, name in zip(self._given, self.op.input_names, strict=False):
            free = array.dtype.kind == "f" and name not in self.op.fixed and array.size
            away = 1e-3 * np.max(np.abs(array), initial=0) * random.normal(size=array.shape) if free else 0
            found.append(wide(array) + away if free else wide(array))
        return found

    @property
    def out_size(self) -> int:
        """Elements of the output."""
        return self.probe.out.size

    def in_size(self, position: int) -> int:
        """Elements of an input."""
        return self._given[position].size

    def aligned(self, position: int) -> Array:
        """Of an elementwise operation: which element of the input stands behind each of the output."""
        shape = self._given[position].shape
        own = np.arange(self._given[position].size).reshape(shape)
        return np.broadcast_to(own, self.node.shape).reshape(-1)

    @cached_property
    def diagonal(self) -> dict[int, Array]:
        """Of an elementwise operation: per input with a derivative the local derivative at each output element."""
        ones, found = np.ones(self.node.shape), {}
        for position in self.positions:
            made = self.probe.spread(position, ones)
            found[position] = np.broadcast_to(made, self.node.shape).reshape(-1)
        return found

    @property
    def positions(self) -> tuple[int, ...]:
        """The inputs with a derivative."""
        return tuple(i for i in range(len(self._given)) if self.op.differentiable(i))

    # ------------------------------------------------------------------------------------------------- which depend
    def reached(self, position: int, elements: Array) -> Array:
        """The elements of the output that depend on one of some elements of an input, whatever the numbers are."""
        if self.op.elementwise:
            return np.flatnonzero(np.isin(self.aligned(position), elements))
        found = np.zeros(self.node.shape, bool)
        random = np.random.default_rng(1)
        for probe in self._others:
            before = probe.forward().copy()
            for by in _MOVED:
                value = probe.inputs[position].copy()
                if by is None:
                    value.reshape(-1)[elements] = 0
                else:
                    value.reshape(-1)[elements] += by * random.uniform(1, 2, len(elements))
                after = probe.forward(position, value)
                found |= (after != before) & ~(np.isnan(after) & np.isnan(before))
        return np.flatnonzero(found)

    def linear(self, position: int) -> bool:
        """Is the output linear in an input? Then what its derivative is made of are other numbers than its own."""
        if position not in self._linear:
            random, (probe, other, *_) = np.random.default_rng(2), self._others
            upstream = random.normal(size=self.node.shape)
            first = probe.vjp(position, upstream)
            kept = [array.copy() for array in probe.inputs]
            probe.inputs[position][...] = other.inputs[position]
            again = probe.vjp(position, upstream)
            for buffer, array in zip(probe.inputs, kept, strict=True):
                buffer[...] = array
            self._linear[position] = bool(np.array_equal(first, again))
        return self._linear[position]

    # ------------------------------------------------------------------------------------------------- how strongly
    def row(self, position: int, element: int) -> Entries:
        """What one element of the output depends on: elements of an input, and the local derivative by each."""
        if self.op.elementwise:
            at = self.aligned(position)[element : element + 1]
            return Entries(at, self.diagonal[position][element : element + 1])
        values = self._finite(position, element)
        depends = (values != 0) & ~np.isnan(values)
        if self.linear(position) or np.isnan(values).any():
            there = self._depends(position, element)
            depends |= there if self.linear(position) else there & np.isnan(values)
        at = np.flatnonzero(depends)
        return Entries(at, values[at])

    def rows(self, position: int, outputs: Array) -> Iterator[tuple[int, Entries]]:
        """`row` of several elements of the output; of samples that do not depend on each other those that lie alike in
        theirs at once."""
        if self.op.elementwise or not self._apart(position):
            for output in map(int, outputs):
                yield output, self.row(position, output)
            return
        inner, inside = self.out_size // self.node.shape[0], self.in_size(position) // self.node.shape[0]
        for place in np.unique(outputs % inner):
            samples = outputs[outputs % inner == place] // inner
            values = self._at_once(self.probe, position, place + samples * inner)
            depends = values != 0
            if np.isnan(values).any():
                for output in map(int, place + samples * inner):
                    yield output, self.row(position, output)
                continue
            if self.linear(position):
                for probe in self._others:
                    depends = depends | (self._at_once(probe, position, place + samples * inner) != 0)
            for sample in map(int, samples):
                at = np.flatnonzero(depends[sample * inside : (sample + 1) * inside]) + sample * inside
                yield int(place) + sample * inner, Entries(at, values[at])

    def _apart(self, position: int) -> bool:
        """Does each sample (index of the first axis) of the output depend on the same sample of an input alone?"""
        if position not in self._batch:
            shape, own, count = self.node.shape, self._given[position].shape, 0
            self._batch[position] = bool(shape and own and shape[0] == own[0] > 1)
            for sample in {0, shape[0] // 2, shape[0] - 1} if self._batch[position] else ():
                for probe in self._others:
                    upstream = np.zeros(shape)
                    upstream[sample] = np.random.default_rng(count).normal(size=shape[1:])
                    passed = probe.vjp(position, upstream).reshape(own[0], -1)
                    passed[sample] = 0
                    self._batch[position] &= not passed.any()
                    count += 1
        return self._batch[position]

    def _at_once(self, probe: Probe, position: int, outputs: Array) -> Array:
        upstream = np.zeros(self.node.shape)
        upstream.reshape(-1)[outputs] = 1.0
        return np.asarray(probe.vjp(position, upstream), float).reshape(-1)

    def _depends(self, position: int, element: int) -> Array:
        """Which elements of an input one of the output depends on, at other numbers than the recorded ones."""
        return np.asarray(np.any([self._row(probe, position, element) != 0 for probe in self._others], axis=0))

    def _finite(self, position: int, element: int) -> Array:
        """A row of the Jacobian, without NaN that comes from numbers which that element of the output does not read:
        0 times NaN is NaN, too."""
        values = self._row(self.probe, position, element)
        if not np.isnan(values).any():
            return values
        kept = [array.copy() for array in self.probe.inputs]
        for at in self.positions:
            buffer = self.probe.inputs[at].reshape(-1)
            if buffer.dtype.kind == "f":
                buffer[~self._depends(at, element)] = 0.5
        values = self._row(self.probe, position, element)
        for buffer, array in zip(self.probe.inputs, kept, strict=True):
            buffer[...] = array
        return values

    def _row(self, probe: Probe, position: int, element: int) -> Array:
        return self._at_once(probe, position, np.array([element]))

    def unsure(self, position: int, output: int) -> Array:
        """How far the local derivatives of an element of the output, by each element of an input, are nothing but
        rounding: y*(1 - y) has lost what y has rounded. 0 where the rule compares numbers: what moves chooses anew."""
        if not self.op.analytic:
            return np.zeros(self.in_size(position))
        upstream = np.zeros(self.node.shape)
        upstream.reshape(-1)[output] = 1.0
        return self.probe.unsure(position, upstream, MOVE).reshape(-1)

    def column(self, position: int, element: int, outputs: Array) -> Array:
        """The local derivatives of some elements of the output by one of an input."""
        if self.op.elementwise:
            return self.diagonal[position][outputs]
        return np.array([self._finite(position, int(f))[element] for f in outputs])

    def elsewhere(self, position: int, element: int, output: int, changed: tuple[int, int], by: float) -> float:
        """A local derivative as it would be with `by` added to one number: (input position, element) of it."""
        at, flat = changed
        buffer = self.probe.inputs[at].reshape(-1)
        before = buffer[flat]
        try:
            with np.errstate(all="ignore"):
                buffer[flat] = before + by
            return float(self._row(self.probe, position, output)[element])
        finally:
            buffer[flat] = before

    def passed(self, position: int, element: int, upstream: Array) -> float:
        """What an element of an input gets of some ∂L/∂output: the sum over all outputs."""
        return float(self.probe.vjp(position, upstream.reshape(self.node.shape)).reshape(-1)[element])

    # ------------------------------------------------------------------------------------------------- what only moves
    @cached_property
    def moved(self) -> tuple[Array, Array] | None:
        """(input position, element there) of each element of the output, where the operation does nothing but put
        numbers elsewhere (reshape, transpose, slice, concat, pad …); position -1 where it fills in a number of its own.

        Found out by running it on numbers that are all different, of both signs and several sizes.
        """
        free = [n for n, array in enumerate(self._given) if array.dtype.kind == "f" and n in self.positions]
        sizes = [self._given[n].size for n in free]
        if not sum(sizes) or 0 in self.node.shape:
            return None
        known: tuple[Array, Array] | None = None
        random = np.random.default_rng(3)
        for scale in _SCALES:
            numbers = random.normal(size=sum(sizes)) * scale
            for drawn in (numbers, -numbers):  # each of both signs: a leaky relu moves a positive one
                made = self._run_on(free, sizes, drawn)
                order = np.argsort(drawn)
                place = np.clip(np.searchsorted(drawn[order], made), 0, len(drawn) - 1)
                hit = drawn[order][place] == made
                flat = np.where(hit, order[place], -1)
                if known is None:
                    known = flat, np.where(hit, 0.0, made)
                if not (np.array_equal(known[0], flat) and np.array_equal(known[1], np.where(hit, 0.0, made))):
                    return None
        assert known is not None
        if not (known[0] >= 0).any():
            return None
        ends = np.cumsum(sizes)
        which = np.searchsorted(ends, known[0], side="right")
        starts = np.concatenate([[0], ends[:-1]])
        inside = known[0] >= 0
        position = np.where(inside, np.array([*free, -1])[np.where(inside, which, -1)], -1)
        return position, np.where(inside, known[0] - starts[np.where(inside, which, 0)], 0)

    def _run_on(self, free: list[int], sizes: list[int], drawn: Array) -> Array:
        probe = Probe(self.node, [wide(array) for array in self._given])
        start = 0
        for n, size in zip(free, sizes, strict=True):
            probe.inputs[n][...] = drawn[start : start + size].reshape(probe.inputs[n].shape)
            start += size
        return probe.forward().reshape(-1).copy()


class Locals:
    """The operations of one recorded step, each taken apart once."""

    def __init__(self, recording: Recording) -> None:
        self.recording, self.graph = recording, recording.graph
        self._known: dict[int, Local] = {}

    def of(self, node: int) -> Local:
        """The operation of a node."""
        if node not in self._known:
            self._known[node] = Local(self.recording, self.graph.nodes[node])
        return self._known[node]
