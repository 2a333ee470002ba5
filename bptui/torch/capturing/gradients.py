"""Gradients as they arrive: a hook on each value, hooks on the autograd nodes at the border of what is not known, and
what hooks of the user's own made of them.

No hook of the recorder raises: `Gradients.safely` is the recorder's own guard."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch.autograd.graph import get_gradient_edge

from bptui.model.source.captured.record import Backward, Event
from bptui.torch.capturing.journal import Journal
from bptui.torch.capturing.modules import name_of_hook
from bptui.torch.capturing.numbers import Numbers, dense

FAR = 10_000
"""So many autograd nodes are walked at most from an event's results to its inputs."""

REARRANGES = "TBackward", "TransposeBackward", "PermuteBackward", "ViewBackward", "UnsafeViewBackward", "ExpandBackward"

Edge = tuple[Any, int]
"""An autograd node and the number of its output: where the gradient of a value arrives."""


@dataclass(frozen=True)
class Border:
    """Where an event ends in autograd's graph.

    own     the edges of its results, and their values: one may be read for another, as c for h in an LSTM cell
    inputs  those of what it reads, taken before it was called
    known   bptui knows what it adds to its inputs: only what it adds to its own results is recorded
    since   nodes numbered up to this are inside of earlier events: a derivative reads `weight.t()` of a `linear`"""

    own: dict[Edge, int]
    inputs: dict[Edge, int]
    known: bool = False
    since: int = -1


class Gradients:
    """Watches values, and fills the backward pass that is running.

    values   edge → the value whose gradient arrives there
    running  the backward pass that is recorded now; None outside of one, and inside of one that is not recorded"""

    def __init__(self, journal: Journal, numbers: Numbers, safely: Callable[..., Any]) -> None:
        self.journal, self.numbers, self._safely = journal, numbers, safely
        self.values: dict[Edge, int] = {}
        self.running: Backward | None = None
        self._thread = threading.get_ident()
        self._handles: list[Any] = []
        self._leaves: dict[int, list[Any]] = {}
        self._mixed: set[int] = set()
        self._onto: dict[int, tuple[int, int]] = {}
        self._before: dict[int, torch.Tensor] = {}
        self._hooked: set[int] = set()

    def close(self) -> None:
        """Take all hooks off."""
        for handle in itertools.chain(self._handles, *self._leaves.values()):
            handle.remove()
        self._handles.clear()
        self._leaves.clear()
        self._before.clear()
        self.values.clear()

    def forget(self, backward: Backward) -> None:
        """Its graph is freed: let go of the nodes, and of what they hold."""
        self._mixed.clear()
        self.journal.waiting.clear()
        for edge in [
            e for e, value in self.values.items() if value in backward.grads and not hasattr(e[0], "variable")
        ]:
            del self.values[edge]

    # ------------------------------------------------------------------------------------------------------- values
    def watch(self, tensor: torch.Tensor, value: int) -> bool:
        """Record the gradient of a value when it arrives; False where that cannot be asked for yet."""
        edge = edge_of(tensor)
        if edge is None:
            return False
        earlier = self.values.get(edge)
        if earlier not in (None, value) and (earlier in self.journal.waiting or earlier in self._mixed):
            self._mixed |= {earlier, value}  # written behind autograd's back: it adds up what both were read for
        self.values[edge] = value
        arrived = partial(self._safely, self._arrived, value)
        if tensor.grad_fn is not None:
            self._handles.append(tensor.register_hook(arrived))
            return True
        # a leaf keeps its node when it is changed in place: the hook of its last version counts
        for handle in self._leaves.pop(id(tensor), ()):
            handle.remove()
        others = dict(tensor._backward_hooks or {})
        self._leaves[id(tensor)] = [tensor.register_hook(arrived)]
        for key, hook in others.items():  # hooks of the user's own: ours comes first, and one more after each
            tensor._backward_hooks[key] = tensor._backward_hooks.pop(key)
            self._leaves[id(tensor)].append(self._after(tensor, value, hook))
        return True

    def hooked(self, tensor: torch.Tensor, value: int, hook: Callable[..., Any]) -> None:
        """A hook of the user's own is on a value, too: look after it whether it has changed the gradient."""
        self._handles.append(self._after(tensor, value, hook))

    def _after(self, tensor: torch.Tensor, value: int, hook: Callable[..., Any]) -> Any:
        self._hooked.add(value)
        return tensor.register_hook(partial(self._safely, self._changed, value, name_of_hook(hook)))

    def _listens(self, grad: torch.Tensor | None) -> Backward | None:
        if grad is None:
            return None  # of several results of a function one may have none
        if grad.device.type == "cpu" and threading.get_ident() != self._thread:
            return None  # another thread's backward pass
        return self.running

    def _arrived(self, value: int, grad: torch.Tensor) -> None:
        backward = self._listens(grad)
        if backward is not None and value not in self._mixed:
            backward.grads[value] = self._keep(value, grad)
            if value in self._onto:
                backward.parts.setdefault(self._onto[value], []).append(backward.grads[value])
            if value in self._hooked:
                self._before[value] = grad.detach().clone()

    def _changed(self, value: int, name: str, grad: torch.Tensor) -> None:
        backward, before = self._listens(grad), self._before.get(value)
        if backward is not None and before is not None and not _same(before, grad):
            earlier = backward.hooked.get(value, ("", 0))[0]
            backward.hooked[value] = f"{earlier}, {name}" if earlier else name, self._keep(value, grad)
            self._before[value] = grad.detach().clone()

    def _keep(self, value: int, grad: torch.Tensor) -> int:
        return self.numbers.value(dense(grad), border=self.numbers.kept(value)).id

    def onto(self, value: int, event: int, earlier: int) -> None:
        """A value was written over behind autograd's back: what arrives at it goes on to what it was."""
        self._onto[value] = event, earlier

    # ------------------------------------------------------------------------------------------------------- events
    def border(self, event: int, border: Border) -> None:
        """Record what an event adds to the gradients of its inputs, and of its own results."""
        inputs, own, since = border.inputs, border.own, border.since
        waiting = list({node for node, _ in own})
        if not inputs or (border.known and len(waiting) < 2):
            return
        seen = set(waiting)
        while waiting and len(seen) < FAR:
            node = waiting.pop()
            leads: dict[int, tuple[int, list[Any]]] = {}
            for slot, edge in enumerate(node.next_functions):
                if edge[0] is None:
                    continue
                if edge in inputs:
                    if not border.known:
                        leads[slot] = inputs[edge], []
                elif edge in own:
                    leads[slot] = own[edge], []
                elif edge[0]._sequence_nr() <= since:
                    found = _through(edge, inputs)
                    if found is not None:
                        leads[slot] = found
                elif edge[0] not in seen and not hasattr(edge[0], "variable"):
                    seen.add(edge[0])
                    waiting.append(edge[0])
            if leads:
                self.leading(node, event, leads)

    def leading(self, node: Any, event: int, leads: dict[int, tuple[int, list[Any]]]) -> None:
        """An autograd node of an event leads out of it: slot → value of what it hands on, and the nodes of another
        event through which it does."""
        self._handles.append(node.register_hook(partial(self._safely, self._added, event, leads)))

    def identity(self, event: Event, node: Any, slot: int, names: str) -> None:
        """An identity that a full backward hook has put at the border of a module: `names` is noted where what it
        hands on, at a slot of its node, is not what arrived."""
        self._hooked.add(event.outs[0])
        self._handles.append(node.register_hook(partial(self._safely, self._passed, event, slot, names)))

    def _passed(self, event: Event, slot: int, names: str, handed: tuple[Any, ...], _: tuple[Any, ...]) -> None:
        self._added(event.id, {slot: (event.inputs[0], [])}, handed, _)
        before = self._before.get(event.outs[0])
        if handed[slot] is not None and before is not None and not _same(before, handed[slot]):
            event.notes["hook"] = names or "a full backward hook"

    def _added(
        self, event: int, leads: dict[int, tuple[int, list[Any]]], handed: tuple[Any, ...], _: tuple[Any, ...]
    ) -> None:
        for slot, (value, through) in leads.items():
            grad = handed[slot] if slot < len(handed) else None
            backward = self._listens(grad) if grad is not None else None
            if backward is not None:
                for node in through:
                    grad = node(grad)
                backward.parts.setdefault((event, value), []).append(self._keep(value, grad))

    def reached(self, node: Any, meet: Callable[[torch.Tensor], Any]) -> dict[Edge, int]:
        """The nearest known values that autograd leads to from a node, by their edges. meet: makes a leaf known."""
        found: dict[Edge, int] = {}
        waiting, seen = [node], {node}
        while waiting and len(seen) < FAR:
            for edge in waiting.pop(0).next_functions:
                after = edge[0]
                if after is None:
                    continue
                if edge not in self.values and hasattr(after, "variable"):
                    meet(after.variable)
                if edge in self.values:
                    found[edge] = self.values[edge]
                elif after not in seen:
                    seen.add(after)
                    waiting.append(after)
        return found


def node_of(tensor: torch.Tensor) -> Any:
    """Its autograd node; None where it has none. A view that was made while gradients were off, and written since, has
    none that autograd would name: to ask for it is an error."""
    try:
        return tensor.grad_fn
    except RuntimeError:
        return None


def edge_of(tensor: torch.Tensor) -> Edge | None:
    """Where its gradient arrives; None where it has none, and inside of a custom forward, which says it later."""
    if not tensor.requires_grad or torch.is_inference_mode_enabled():
        return None
    if tensor._is_view() and node_of(tensor) is None:
        return None
    try:
        with torch.enable_grad():  # a leaf's node must be asked for with gradients on
            edge = get_gradient_edge(tensor)
    except AssertionError:
        return None
    return edge.node, edge.output_nr


def _through(edge: Edge, inputs: dict[Edge, int]) -> tuple[int, list[Any]] | None:
    """The input that an edge leads to through nodes that only rearrange (transposed, viewed, expanded), and these."""
    nodes = []
    while edge not in inputs:
        node = edge[0]
        if node is None or len(node.next_functions) != 1 or not node.name().startswith(REARRANGES):
            return None
        nodes.append(node)
        edge = node.next_functions[0]
    return inputs[edge], nodes


def _same(a: torch.Tensor, b: torch.Tensor) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype or a.layout != b.layout:
        return False
    a, b = dense(a), dense(b)
    return bool(((a == b) | (a.isnan() & b.isnan())).all())
