"""Which module is running, and what modules, parameters and buffers are called."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Iterable

import torch

from bptui.model.source.captured.record import Module, Step
from bptui.torch.capturing.sites import HIDDEN


class Modules:
    """The models of a step (`roots`: given, or found when they are first called) and the stack of running modules.

    hooks  the names of the backward hooks of the module that was last entered or left and has some
    Every name begins with that of its model's variable until `finish` takes it off, where there is one model."""

    def __init__(self, step: Step, models: Iterable[torch.nn.Module] = ()) -> None:
        self.step = step
        self.running: list[str] = []
        self.hooks: list[str] = []
        self._roots: dict[str, torch.nn.Module] = {}
        self._owning: list[str] = []
        self._paths: dict[int, str] = {}
        self._tensors: dict[int, tuple[weakref.ref[torch.Tensor], str]] = {}
        for model in models:
            self.root(model)

    def root(self, model: torch.nn.Module) -> None:
        """Learn the names of a model; what has a name already keeps it (a wrapper around a model brings none)."""
        if id(model) in self._paths:
            return
        label = base = _variable(model) or type(model).__name__
        count = 1
        while label in self._roots:
            count += 1
            label = f"{base}{count}"
        self._roots[label] = model
        for name, module in model.named_modules():
            path = f"{label}.{name}" if name else label
            if self._paths.setdefault(id(module), path) == path:
                self.step.modules[path] = Module(type(module).__name__, module.training)
        owns = False
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            known = self._tensors.get(id(tensor))
            if known is None or known[0]() is not tensor:
                self._tensors[id(tensor)] = weakref.ref(tensor), f"{label}.{name}"
                owns = True
        if owns:
            self._owning.append(label)

    def name(self, tensor: torch.Tensor) -> str:
        """The name of a parameter or a buffer; "" for other tensors."""
        found = self._tensors.get(id(tensor))
        return found[1] if found is not None and found[0]() is tensor else ""

    @property
    def path(self) -> str:
        """The path of the innermost running module."""
        return self.running[-1] if self.running else ""

    def enter(self, module: torch.nn.Module) -> None:
        """A module is called. One that no model has is called by its class, inside of the module that calls it."""
        path = self._paths.get(id(module))
        if path is None and not self.running:
            self.root(module)
            path = self._paths[id(module)]
        if path is None:
            path = f"{self.path}.{type(module).__name__}"
        self.step.modules[path] = Module(type(module).__name__, module.training)
        self.running.append(path)
        self._look(module)

    def leave(self, module: torch.nn.Module) -> None:
        """The innermost module has returned, or failed."""
        if self.running:
            self.running.pop()
        self._look(module)

    def _look(self, module: torch.nn.Module) -> None:
        hooks = [*module._backward_pre_hooks.values(), *module._backward_hooks.values()]
        self.hooks = [name_of_hook(hook) for hook in hooks] or self.hooks

    def finish(self) -> None:
        """Give the step its names: of one model as the model calls them, of several with the variable in front."""
        step = self.step
        alone = self._owning[0] if len(self._owning) == 1 else ""

        def named(path: str) -> str:
            return "" if path == alone else path.removeprefix(f"{alone}.") if alone else path

        step.modules = {named(path): module for path, module in step.modules.items()}
        for event in step.events:
            event.module = named(event.module)
        for value in step.values:
            value.name = named(value.name)
            if value.name:
                step.parameters.setdefault(value.name, value.id)


def name_of_hook(hook: object) -> str:
    """What a function of the user's own is called."""
    return str(getattr(hook, "__qualname__", type(hook).__name__)).replace("<locals>.", "")


def _variable(model: torch.nn.Module) -> str:
    """The name that the calling program has for a model: of a local variable, an attribute of `self`, a global."""
    frame = sys._getframe(1)
    while frame is not None:
        if not frame.f_code.co_filename.startswith(HIDDEN):
            owner = frame.f_locals.get("self")
            attributes = getattr(owner, "__dict__", {})
            attributes = {**attributes, **attributes.get("_modules", {})} if isinstance(attributes, dict) else {}
            for names in (frame.f_locals, attributes, frame.f_globals):
                for name, item in list(names.items()):
                    if item is model and isinstance(name, str) and name.isidentifier() and name != "self":
                        return name
        frame = frame.f_back  # type: ignore[assignment]
    return ""
