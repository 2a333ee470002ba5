"""Which value each tensor of the running program holds: a new one for each version; views and aliases are followed."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch.autograd.function import BackwardCFunction
from torch.nn.modules._functions import BackwardHookFunction

from bptui.model.source.captured.record import Argument, Backward, Event
from bptui.torch.capturing.gradients import Border, Edge, Gradients, edge_of, node_of
from bptui.torch.capturing.journal import Journal
from bptui.torch.capturing.numbers import Numbers, dense, kind, version

FREED = "freed"
"""Stands for an autograd node whose graph is gone."""


LONGEST = 2**16
"""Of a `range` that stands for an index: so many of its numbers are written down."""


@dataclass(slots=True)
class Live:
    """A tensor of the running program, and the value that it holds. writes: see `Numbers.writes`; node: its autograd
    node; watched: is its gradient recorded?"""

    ref: weakref.ref[torch.Tensor]
    version: int
    writes: tuple[int, int]
    node: Any
    value: int
    watched: bool


class Values:
    """Tensors → values."""

    def __init__(self, journal: Journal, numbers: Numbers, gradients: Gradients) -> None:
        self.journal, self.numbers, self.gradients = journal, numbers, gradients
        self.step = journal.step
        self._live: dict[int, Live] = {}
        self._late: dict[Any, Event] = {}
        self._writers: dict[int, int] = {}
        self._gradients: dict[int, weakref.ref[torch.Tensor]] = {}

    def close(self) -> None:
        """Forget the running program."""
        self._live.clear()
        self._late.clear()
        self._writers.clear()
        self._gradients.clear()

    # ------------------------------------------------------------------------------------------------------- reading
    def use(self, tensor: torch.Tensor) -> int:
        """The value that a tensor holds now; a new one where it is not known, or was changed behind our back."""
        live = self._found(tensor)
        if live is None:
            return self._met(tensor)
        if self._changed(tensor, live):
            return self._stale(tensor, live)
        node = node_of(tensor)
        if live.node is not FREED and live.node is not node and node is not None:
            return self._unseen(tensor, live.value)
        value = self.step.values[live.value]
        if value.wants_grad != tensor.requires_grad:  # requires_grad_(): the same numbers, with a gradient or without
            if live.value in self.journal.read:  # what came before has its gradient, or none, and this the other
                return self.new(tensor, border=self.numbers.kept(live.value))
            value.wants_grad = tensor.requires_grad
        if value.wants_grad and not live.watched:
            live.watched = self.gradients.watch(tensor, live.value)
        if not value.name:  # it was seen before its model was
            value.name = self.journal.modules.name(tensor)
        return live.value

    def meet(self, tensor: torch.Tensor) -> None:
        """It is given to a module: the identity of a hook on the module that made it is seen here."""
        if getattr(tensor.grad_fn, "_forward_cls", None) is BackwardHookFunction:
            self.use(tensor)

    def known(self, tensor: torch.Tensor) -> int | None:
        """The value that a tensor holds, where it is known and as it was last seen."""
        live = self._found(tensor)
        return live.value if live is not None else None

    def is_stale(self, tensor: torch.Tensor) -> bool:
        """Has it been changed since it was last seen?"""
        live = self._found(tensor)
        return live is None or self._changed(tensor, live)

    def gradient(self, leaf: torch.Tensor) -> int | None:
        """The value of a leaf's `grad`, if it has one."""
        grad = leaf.grad
        if grad is None:
            return None
        if grad.layout is not torch.strided:
            return self.numbers.value(dense(grad), border=True).id
        self.is_gradient(grad)
        return self.use(grad)

    def is_gradient(self, grad: torch.Tensor) -> None:
        """It is the `grad` of a leaf: where it comes from, if it is read."""
        self._gradients[id(grad)] = weakref.ref(grad)

    def forget_gradients(self) -> None:
        """Autograd has written the gradients of leaves: what they hold is new."""
        for _, leaf in self.leaves():
            if leaf.grad is not None:
                self._live.pop(id(leaf.grad), None)

    def forget(self, tensor: torch.Tensor) -> None:
        """It may have been written without a new version: what it holds is new."""
        if tensor.layout is torch.strided:
            self.numbers.written(tensor)
            self._live.pop(id(tensor), None)

    def leaves(self) -> Iterable[tuple[int, torch.Tensor]]:
        """The leaves that have a gradient, and the values that they hold."""
        for live in list(self._live.values()):
            tensor = live.ref()
            if tensor is not None and live.node is None and tensor.requires_grad:
                yield live.value, tensor

    def forget_graph(self, backward: Backward) -> None:
        """Autograd has freed a graph: let go of its nodes, and of tensors that are gone."""
        self._live = {key: live for key, live in self._live.items() if live.ref() is not None}
        for live in self._live.values():
            if live.node is not None and live.value in backward.grads:
                live.node = FREED
        freed = [node for node, event in self._late.items() if all(out in backward.grads for out in event.outs)]
        for node in freed:
            del self._late[node]

    def encoded(self, item: Any) -> Argument:
        """An argument as a record has it."""
        if isinstance(item, torch.Tensor):
            return {"v": self.use(item)}
        if isinstance(item, list | tuple) or (isinstance(item, range) and len(item) <= LONGEST):
            return [self.encoded(part) for part in item]
        if isinstance(item, dict):
            return {str(key): self.encoded(part) for key, part in item.items()}
        if isinstance(item, slice):
            return {"slice": [self.encoded(part) for part in (item.start, item.stop, item.step)]}
        if item is Ellipsis:
            return {"...": True}
        if isinstance(item, torch.dtype):
            return {"dtype": kind(item)}
        if isinstance(item, float) and item - item != 0:
            return {"float": repr(float(item))}
        if item is None or isinstance(item, bool | str):
            return item
        if isinstance(item, int):
            return int(item)
        if isinstance(item, float):
            return float(item)
        return {"other": type(item).__name__}

    # ------------------------------------------------------------------------------------------------------- writing
    def new(self, tensor: torch.Tensor, *, border: bool = False, source: str = "") -> int:
        """A new value: what the tensor holds now."""
        name = self.journal.modules.name(tensor)
        value = self.numbers.value(tensor, border=border or bool(name))
        value.wants_grad, value.name, value.source = tensor.requires_grad, name, source
        return self._is(tensor, value.id)

    def change(self, tensor: torch.Tensor) -> int:
        """A new value of a tensor that was changed in place. (One that is a view is written into its base: `put`.)"""
        self.numbers.written(tensor)
        value = self.new(tensor) if not tensor._is_view() else self._part(tensor)
        self._writers[tensor.untyped_storage()._cdata] = value
        return value

    def _part(self, tensor: torch.Tensor) -> int:
        """A new value of a tensor that goes on holding the one that it had."""
        value = self.numbers.value(tensor)
        value.wants_grad = tensor.requires_grad
        return value.id

    def moved(self, parameter: torch.Tensor) -> int:
        """A new value of a parameter that an optimizer has moved."""
        if parameter._is_view():
            self.numbers.written(parameter)
            return self.use(parameter)
        return self.change(parameter)

    def renew(self, view: torch.Tensor) -> None:
        """A view is about to be changed in place: autograd reads its base for that. Not the view as it was read before,
        whose gradient is only that of those who read it; nor another view that it is one of."""
        if not (view._is_view() and view.requires_grad and torch.is_grad_enabled()):
            return
        base, held = self.use(view._base), self.use(view)
        maker = self.journal.made.get(held)
        if held in self.journal.read or maker is None or base not in maker.inputs:
            value = self._part(view)
            self.journal.artificial("view_again", [base], value)
            self._live[id(view)] = Live(
                weakref.ref(view), version(view), self.numbers.writes(view), view.grad_fn, value, True
            )

    def put(self, view: torch.Tensor, part: int, base: int) -> None:
        """A view was changed in place: as autograd has it, its base is changed, and it is a view of that."""
        whole = view._base
        after = self.new(whole)
        self.journal.artificial("put", [base, part], after)
        self._writers[whole.untyped_storage()._cdata] = after
        self.journal.artificial("view_again", [after], self.new(view))

    def _is(self, tensor: torch.Tensor, value: int) -> int:
        watched = tensor.requires_grad and self.gradients.watch(tensor, value)
        self._live[id(tensor)] = Live(
            weakref.ref(tensor), version(tensor), self.numbers.writes(tensor), node_of(tensor), value, watched
        )
        return value

    # ----------------------------------------------------------------------------------------------- what is not known
    def _changed(self, tensor: torch.Tensor, live: Live) -> bool:
        return live.version != version(tensor) or live.writes != self.numbers.writes(tensor)

    def _found(self, tensor: torch.Tensor) -> Live | None:
        live = self._live.get(id(tensor))
        return live if live is not None and live.ref() is tensor else None

    def _met(self, tensor: torch.Tensor) -> int:
        """A tensor that was not seen being made: it is given, or known by its place in autograd's graph."""
        if node_of(tensor) is None:
            gradient = self._gradients.get(id(tensor), lambda: None)() is tensor
            named = gradient or self.journal.modules.name(tensor)
            source = "torch.Tensor.grad" if gradient else "" if named else self.journal.sites.variable(tensor)
            return self.new(tensor, border=True, source=source)
        edge = edge_of(tensor)
        value = self.gradients.values.get(edge) if edge is not None else None
        if value is not None:
            known = self.step.values[value]
            if tuple(known.shape) == tuple(tensor.shape) and known.dtype == kind(tensor.dtype):
                return self._is(tensor, value)
        return self._unseen(tensor, None)

    def _stale(self, tensor: torch.Tensor, live: Live) -> int:
        """Its numbers have changed since it was last seen: through its base, through an alias of it (`.data`,
        `.detach()`), or by something unseen."""
        if tensor._is_view() and self.numbers.writes(tensor) == self.numbers.writes(tensor._base):
            base = self.use(tensor._base)
            value = self.new(tensor)
            self.journal.artificial("view_again", [base], value)
            return value
        writer = self._writers.get(tensor.untyped_storage()._cdata)
        value = self.new(tensor, border=True)
        values = self.step.values
        if tensor.grad_fn is not None and tensor.grad_fn is live.node:
            given = [live.value] if writer is None else [live.value, writer]
            event = self.journal.event("bptui.custom written", [{"v": v} for v in given], [value], given)
            self.gradients.onto(value, event.id, live.value)
        elif writer is not None and values[writer].place == values[value].place:
            self.journal.artificial("same", [writer], value, no_grad=True)
        elif writer is not None and self.numbers.writes(tensor)[1] == live.writes[1] + 1:
            self.journal.artificial("put", [live.value, writer], value, no_grad=True)
        elif 0 not in values[live.value].shape:  # (what was empty has been filled)
            name = values[value].name or f"value {live.value}"
            self.journal.warn(f"{name} was changed by something that was not seen")
        return value

    def _unseen(self, tensor: torch.Tensor, inside: int | None) -> int:
        """The result of something that is not called as a function of PyTorch: a custom one, compiled code, another
        thread. Its inputs are where its autograd nodes lead. inside: the value that was seen in its forward."""
        node = tensor.grad_fn
        value = self.new(tensor)
        function = getattr(node, "_forward_cls", None) if isinstance(node, BackwardCFunction) else None
        if function is BackwardHookFunction and self._identity(tensor, node, value):
            return value
        event = self._late.get(node)
        if event is None:
            inputs = self.gradients.reached(node, self.use)
            event = self._custom(node, function, list(inputs.values()))
            self.gradients.border(event.id, Border({(node, tensor.output_nr): value}, inputs))
            self._late[node] = event
        event.outs.append(value)
        if inside is not None:
            event.notes.setdefault("inside", []).append(inside)
        return value

    def _custom(self, node: Any, function: type | None, given: list[int]) -> Event:
        name = function.__name__ if function is not None else str(node.name())
        event = self.journal.event(f"bptui.custom {name}", [{"v": value} for value in given], [], given)
        if function is not None:
            event.notes["custom"] = name
        else:
            event.notes["traced"] = True
            if self.journal.phase == "forward":
                self.journal.warn(f"{name}: made by something that was not seen (scripted code, another thread)")
        return event

    def _identity(self, tensor: torch.Tensor, node: Any, value: int) -> bool:
        """Full backward hooks put an identity at the border of their module."""
        slot = tensor.output_nr
        edge: Edge = node.next_functions[slot]
        while edge not in self.gradients.values and getattr(edge[0], "_forward_cls", None) is BackwardHookFunction:
            edge = edge[0].next_functions[edge[1]]
        if edge[0] is not None and edge not in self.gradients.values and hasattr(edge[0], "variable"):
            self.use(edge[0].variable)
        source = self.gradients.values.get(edge)
        if source is None:
            return False
        event = self.journal.artificial("same", [source], value)
        self.gradients.identity(event, node, slot, ", ".join(self.journal.modules.hooks))
        return True
