"""Planning: a Graph becomes a flat list of calls, each bound once to views of one arena.

The arena, front to back:
    parameters | optimizer state | running state | the same three after the step | gradients of the parameters
    | clipped gradients | leaves that change with the batch | values | contributions and gradients of the rest
A training step is: copy `after` over `before`, fill the leaves, forward, backward, update into `after`. What never
changes (constants, a fixed batch) lies outside and is shared by all recordings.

Three things that no operation does are done here and in `BackwardPass`, and only there: undoing a broadcast, adding up
the contributions of several consumers, in the order of their arrival, and rounding what is of a kind with fewer digits
(`emit_rounded`): each value, each contribution and each sum of them, as PyTorch's kernels do.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from types import MappingProxyType
from typing import Any

import numpy as np

from bptui.model.base.errors import UserError
from bptui.model.base.types import Array
from bptui.model.engine.again import Again
from bptui.model.engine.arena import Arena, Clock, Slot, bounded, padded
from bptui.model.engine.arena_recording import ArenaLayout
from bptui.model.engine.backward_pass import BackwardPass, emit_rounded
from bptui.model.engine.batches import Batches, feeder, masker
from bptui.model.engine.blocks import Block, blocks
from bptui.model.engine.calls import Call, Calls
from bptui.model.engine.graph import Graph, Node
from bptui.model.engine.optimizers import Flat, Optimizer, emit_clip
from bptui.model.engine.schedules import NOTHING, Schedule, Seen, When
from bptui.model.engine.timeline import Timeline
from bptui.model.engine.update_rule import Whole


class Plan:
    """The calls of one training step of `graph`, the arena that they work in, and the ArenaLayout of that arena.

    calls   the whole step, in order · parts  how many calls each part has (begin, forward, backward, update)
    memory  the arena · whole  buffers of whole numbers that change with the batch, by node id
    Raises UserError where the step would take more memory than allowed.
    """

    def __init__(
        self,
        graph: Graph,
        optimizer: Optimizer,
        dtype: np.dtype[Any],
        seed: int,
        batches: Batches | None,
        clock: Clock,
    ) -> None:
        self.graph, self.optimizer, self.timeline = graph, optimizer, Timeline.of(graph)
        self._blocks = blocks(optimizer, graph.params)
        self._emit = Calls(dtype)
        self._seed, self._batches, self._clock = seed, batches, clock
        self._arena = Arena(self._capacity(dtype.itemsize), dtype)
        count = len(graph.nodes)
        self._places: list[Slot | Array | None] = [None] * count
        self._arrays: list[Array] = [np.empty(0)] * count
        self._saved: dict[int, Any] = {}
        self._back = BackwardPass(graph, self._arena, self._emit, self._arrays, self._saved)
        self.whole: dict[int, Array] = {}

        parts: dict[str, int] = {}
        self.parts: Mapping[str, int] = MappingProxyType(parts)
        self._state()
        for name, write in (
            ("begin", self._begin),
            ("forward", self._forward),
            ("backward", self._backward),
            ("update", self._update),
        ):
            before = len(self._emit.calls)
            write()
            parts[name] = len(self._emit.calls) - before
        self.calls: tuple[Call, ...] = tuple(self._emit.calls)
        self._emit.forget()
        self.memory = self._arena.memory
        self.layout = ArenaLayout(
            graph,
            self.timeline,
            optimizer,
            dtype,
            tuple(self._places),
            tuple(self._back.grads),
            MappingProxyType({(a.consumer, a.position): a.slot for arrived in self._back.arrivals for a in arrived}),
            self._length,
            MappingProxyType(self._moments),
            MappingProxyType(self._clipped),
            self._norm,
            MappingProxyType({node.id: block.rule for block in self._blocks for node in block.nodes}),
            self._seen,
            self._carried,
            self._search,
        )

    # ------------------------------------------------------------------------------------------------ memory
    def _capacity(self, itemsize: int) -> int:
        """An upper bound of the arena in elements, checked before anything is allocated."""
        graph, total = self.graph, 2 * padded(len(NOTHING))
        states = max((len(block.rule.states) for block in self._blocks), default=0)
        for node in graph.nodes:
            size = padded(prod(node.shape))
            total += size * (2 + len(graph.consumers[node.id]))
            if node.role in ("param", "state"):
                total += size * (3 + 2 * states)
        for block in self._blocks:
            if (room := block.rule.rule.room) is not None:
                carried, search = room(block.rule, block.size)
                total = 2 * (total + padded(carried)) + padded(search)  # all that a pass writes is kept beside it
        bounded(total, itemsize, "network")
        return total + 64

    def _state(self) -> None:
        """Parameters, optimizer state (what a schedule has seen last), running state; the same after the step; the
        parameters' gradients."""
        arena, graph = self._arena, self.graph
        running = [node for node in graph.nodes if node.role == "state"]
        self._carried: Slot | None = None
        self._search: Slot | None = None
        params = [node for block in self._blocks for node in block.nodes]
        for node in params:
            self._take_leaf(node, packed=True)
        size = sum(block.size for block in self._blocks)
        self._moments: dict[tuple[int, str], Slot] = {}
        for rule, nodes in self._blocks if size else ():
            for name, start in rule.at(rule.first).starts.items():
                for node in nodes:
                    place = self._moments[node.id, name] = arena.take(node.shape, packed=True)
                    arena.view(place)[...] = start
        for rule, nodes in self._blocks if size else ():
            if rule.rule.room is not None:
                count, _ = rule.rule.room(rule, Block(rule, nodes).size)
                self._carried = arena.take((count,), packed=True)
        looks = self.optimizer.schedule is not None and self.optimizer.schedule.looks
        self._seen = arena.take((len(NOTHING),), packed=True) if looks else None
        for node in running:
            self._take_leaf(node, packed=True)
        self._params = size
        self._length = arena.align()  # so that both copies of the state lie alike
        arena.take((self._length,))
        self._flat_grad = arena.take((size,))
        offset = self._flat_grad.offset
        for node in params:
            self._back.grads[node.id] = Slot(offset, prod(node.shape), node.shape)
            offset += prod(node.shape)
        self._clipped: dict[int, Slot] = {}
        self._norm: Slot | None = None

    def _take_leaf(self, node: Node, packed: bool = False) -> None:
        """Give a leaf of the arena its place and its first value."""
        place = self._arena.take(node.shape, packed=packed)
        self._places[node.id] = place
        self._arrays[node.id] = self._arena.view(place)
        if node.value is not None:
            self._arrays[node.id][...] = self._given(node)

    def _given(self, node: Node) -> Array:
        """A leaf's value in the dtype of the program and the shape that the graph says: itself, where it is that and
        never changes."""
        kind = np.int64 if node.whole else self._emit.dtype
        array = np.require(node.value, kind, ("C", "A"))
        if array is node.value and array.flags.writeable:
            array = array.copy()
        if array.shape != node.shape:
            raise UserError(node.name, f"shape {array.shape}", f"shape {node.shape}")
        return array

    # ------------------------------------------------------------------------------------------------- parts
    def _begin(self) -> None:
        """What a step starts with: the state, the batch, the masks."""
        memory, length = self._arena.memory, self._length
        if length:
            now, then = memory[:length].data, memory[length : 2 * length].data
            self._emit(now.__setitem__, slice(None), then)  # the fastest memcpy that Python has for small blocks
        batches = self._batches
        buffers: dict[str, Array] = {}
        for node in self.graph.nodes:
            i = node.id
            if node.role in ("op", "param", "state"):
                continue
            if node.role == "random":
                self._take_leaf(node)
                mask = masker(self._arrays[i], float(node.attributes["p"]), self._seed, i, self._clock)
                self._emit(mask)
            elif batches is not None and node.name in batches.arrays:
                if node.whole:
                    self.whole[i] = self._arrays[i] = np.zeros(node.shape, np.int64)
                else:
                    self._take_leaf(node)
                buffers[node.name] = self._arrays[i]
            elif node.value is None:
                raise UserError(node.name, "has no value", "give it one, or a batch that does")
            else:
                fixed = self._given(node)
                fixed.setflags(write=False)
                self._places[i] = self._arrays[i] = fixed
        if batches is not None and buffers:
            self._emit(feeder(batches, buffers, self._seed, self._clock))

    def _forward(self) -> None:
        """The values of all nodes that compute."""
        for node in self.graph.ops:
            assert node.op is not None
            place = self._arena.take(node.shape)
            self._places[node.id] = place
            out = self._arrays[node.id] = self._arena.view(place)
            inputs = [self._arrays[i] for i in node.inputs]
            self._saved[node.id] = node.op.forward(self._emit, inputs, out, node.attributes)
            if node.op.name != "cast":  # which rounds by itself
                emit_rounded(self._emit, node, out)

    def _backward(self) -> None:
        """The seed, then the contributions of each node to its inputs, last node first."""
        self._back.write(self.timeline.backward[1:])

    def _update(self) -> None:
        """The state after the step: running state from its nodes, parameters and optimizer state by the optimizer."""
        graph, memory, size, after = self.graph, self._arena.memory, self._params, self._length
        for node in graph.nodes:
            if node.role == "state":
                place = self._places[node.id]
                assert isinstance(place, Slot)
                source = self._arrays[node.attributes.get("next", node.id)]
                self._emit(np.copyto, self._arena.view(place.moved(after)), source)
        if not size:
            return
        grad = self._arena.view(self._flat_grad)
        if self.optimizer.clips:
            grad = self._clip(grad)
        at, kept = 0, size
        for block in self._blocks:
            size, count = block.size, len(block.rule.states)
            states, new = (memory[o + kept : o + kept + size * count].reshape(count, size) for o in (0, after))
            p, p_new = memory[at : at + size], memory[after + at : after + at + size]
            whole = self._together(block, p) if block.rule.rule.room is not None else None
            flat = Flat(p, grad[at : at + size], states, p_new, new, self._clock, self._rate(block.rule), whole)
            block.rule.emit(self._emit, flat)
            at, kept = at + size, kept + size * count
        if self._seen is not None and self.optimizer.schedule is not None:
            self._look(self.optimizer.schedule, self._seen)

    def _together(self, block: Block, p: Array) -> Whole:
        """What a rule of all parameters together has: its memory, and a pass that can be run again."""
        assert block.rule.rule.room is not None
        assert self._carried is not None
        arena, after = self._arena, self._length
        begun, rest = self.parts["begin"], arena.memory[2 * after :]
        passes = self._emit.calls[begun : begun + self.parts["forward"] + self.parts["backward"]]
        _, count = block.rule.rule.room(block.rule, block.size)
        self._search = arena.take((count,))
        again = Again(passes, p, rest, self._arrays[self.graph.loss].reshape(-1), self._clock)
        carried, carried_new = arena.view(self._carried), arena.view(self._carried.moved(after))
        return Whole(carried, carried_new, arena.view(self._search), again)

    def _clip(self, grad: Array) -> Array:
        """The gradient that the update uses; what is frozen has no part in its length."""
        live = sum(block.size for block in self._blocks if block.rule.kind != "frozen")
        clipped = self._arena.take((grad.size,))
        shift = clipped.offset - self._flat_grad.offset
        for node in self.graph.params:
            own = self._back.grads[node.id]
            assert own is not None
            self._clipped[node.id] = own.moved(shift)
        if self.optimizer.clip_norm is not None:
            self._norm = self._arena.take(())
        norm, used = None if self._norm is None else self._arena.view(self._norm), self._arena.view(clipped)
        emit_clip(self._emit, self.optimizer, grad[:live], used[:live], norm)
        if live < grad.size:
            self._emit(np.copyto, used[live:], grad[live:])
        return used

    def _rate(self, rule: Optimizer) -> Array | None:
        """Where the rate of a scheduled rule stands when its update runs."""
        schedule = rule.schedule
        if schedule is None:
            return None
        lr, clock, base = self._emit.temp(()), self._clock, rule.learning_rate
        seen = None if self._seen is None else self._arena.view(self._seen)

        def set_rate() -> None:
            known = NOTHING if seen is None else Seen(*seen.tolist())
            lr[()] = schedule.rate(When(base, clock.step, known))

        self._emit(set_rate)
        return lr

    def _look(self, schedule: Schedule, place: Slot) -> None:
        """What a schedule has seen after this step's loss."""
        seen, after = self._arena.view(place), self._arena.view(place.moved(self._length))
        loss = self._arrays[self.graph.loss].reshape(-1)

        def look() -> None:
            after[:] = schedule.after(Seen(*seen.tolist()), float(loss[0]))

        self._emit(look)
