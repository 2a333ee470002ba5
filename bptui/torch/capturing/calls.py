"""One call of a function on its way into the record: what it read, made, and changed in place."""

from __future__ import annotations

from typing import Any

import torch

from bptui.model.source.captured.record import Event
from bptui.torch.capturing.functions import full_name, silently, targets, tensors
from bptui.torch.capturing.gradients import Border, Edge, edge_of, node_of
from bptui.torch.capturing.journal import Journal
from bptui.torch.capturing.numbers import kind, version
from bptui.torch.capturing.values import Values


class Call:
    """What a function was given, from before it ran; `finish` writes the event.

    masks  what a dropout in it drew"""

    def __init__(self, journal: Journal, values: Values, function: Any, args: Any, kwargs: dict[str, Any]) -> None:
        self.journal, self.values, self.name = journal, values, full_name(function)
        self.masks: list[torch.Tensor] = []
        self.targets = targets(function, args, kwargs)
        for tensor in self.targets:
            values.renew(tensor)
        self.silently = {id(tensor) for tensor in silently(function, args, kwargs)}
        given = tensors(args) + tensors({key: item for key, item in kwargs.items() if key != "out"})
        self.read = [values.use(tensor) for tensor in given]
        written = tensors(kwargs.get("out"))
        self.before = [(tensor, values.use(tensor), version(tensor)) for tensor in given + written]
        self.edges: dict[Edge, int] = {}
        for tensor, value in zip(given, self.read, strict=True):
            edge = edge_of(tensor)
            if edge is not None:
                self.edges.setdefault(edge, value)
        self.args, self.kwargs = values.encoded(args), values.encoded(kwargs)
        self.bases = {id(tensor): values.use(tensor._base) for tensor in self.targets if tensor._is_view()}

    def finish(self, result: Any, known: bool) -> None:
        """Record what it made. known: does bptui know what it adds to gradients?"""
        outs = tensors(result)
        changed, views = self._changed()
        holds = {id(tensor): changed.get(value, value) for tensor, value, _ in self.before}
        fresh = [tensor for tensor in outs if id(tensor) not in holds]
        if not fresh and not changed:
            return  # nothing new: `x.contiguous()` of what is contiguous
        for tensor in fresh:
            if id(tensor) not in holds:
                source = "" if self.read or changed else self.name
                holds[id(tensor)] = self.values.new(tensor, border=bool(source), source=source)
        results = [holds[id(tensor)] for tensor in outs]
        if not self.read and not changed:
            return  # drawn or made of nothing: its value says by what
        unchanged = {value for _, value, _ in self.before if value not in changed}
        made = list(dict.fromkeys(value for value in [*results, *changed.values()] if value not in unchanged))
        # a leaf can only be changed where gradients are off: inside of `torch.nn.init.uniform_`, say
        leaf = any(value in changed and t.requires_grad and node_of(t) is None for t, value, _ in self.before)
        off = {"no_grad": True} if leaf or not torch.is_grad_enabled() else {}
        event = self.journal.event(self.name, self.args, made, self.read, **off)
        event.kwargs, event.changed = self.kwargs, changed
        for tensor, new in views:
            self.values.put(tensor, new, self.bases[id(tensor)])
        self._note(event, results)
        if not views:
            made_here = outs + [tensor for tensor, value, _ in self.before if value in changed]
            own = {(t.grad_fn, t.output_nr): holds[id(t)] for t in made_here if t.grad_fn is not None}
            self.values.gradients.border(event.id, Border(own, self.edges, known))

    def _changed(self) -> tuple[dict[int, int], list[tuple[torch.Tensor, int]]]:
        """What was changed in place: value before → after; and those of them that are views."""
        changed: dict[int, int] = {}
        views = []
        shared = {tensor.untyped_storage()._cdata for tensor in self.targets}
        said = {id(tensor) for tensor in self.targets}
        for tensor, value, before in self.before:
            # a call in place raises the version of every view: only what it says, or what shares nothing with that
            meant = id(tensor) in said or tensor.untyped_storage()._cdata not in shared
            if value in changed or not (id(tensor) in self.silently or (version(tensor) != before and meant)):
                continue
            changed[value] = self.values.change(tensor)
            if tensor._is_view():
                if id(tensor) not in self.bases:
                    self.bases[id(tensor)] = self.values.use(tensor._base)
                views.append((tensor, changed[value]))
        return changed, views

    def _note(self, event: Event, results: list[int]) -> None:
        if results != event.outs[: len(results)]:
            event.notes["results"] = results
        device = self.device()
        if torch.is_autocast_enabled(device):
            event.notes["autocast"] = kind(torch.get_autocast_dtype(device))
        if self.masks:
            event.notes["masks"] = [self.values.new(mask, border=True) for mask in self.masks]

    def device(self) -> str:
        """The kind of device that it runs on."""
        return self.before[0][0].device.type if self.before else "cpu"
