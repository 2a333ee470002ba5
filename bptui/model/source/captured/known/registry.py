"""Which function of PyTorch an entry is for, and how a recorded call is given to it.

A function is known by its full name, as PyTorch's documentation has it: a library's own `linear` is not PyTorch's.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from bptui.model.engine.graph import Node
from bptui.model.source.captured.call import Call, Lacks, Workshop, floating, short
from bptui.model.source.captured.record import FLOATS, Event, Step

Entry = Callable[..., Any]
E = TypeVar("E", bound=Entry)

KNOWN: dict[str, Entry] = {}
"""A full name, or a short one for the function of that name in each of `HOMES`."""

DERIVATIVE = "torch.autograd.grad"
"""A backward pass that can be derived again; any other is none of the events."""

COMPLEX: dict[str, Entry] = {}
"""The same for calls of which a value is complex: pairs of numbers on a last axis (`pairs`)."""

HOMES = ("torch", "torch.Tensor", "torch.functional", "torch.nn.functional")
"""Where PyTorch keeps what has one name and one signature as a function and as a method. Its other modules
(`torch.linalg`, `torch.special`) mean something else by some of these names: their functions are named in full."""

_ALIASES = {"axis": "dim", "keepdims": "keepdim", "x": "input", "a": "input", "x1": "input", "x2": "other"}
"""NumPy's names for arguments, which PyTorch takes in the place of its own."""
_ATTRIBUTES = {"dim": "axis", "keepdim": "keepdims", "dim1": "axis1", "dim2": "axis2"}
"""Settings that bptui's operations call otherwise."""
_IDLE = ("inplace", "check_errors", "return_indices", "cudnn_enable", "cudnn_enabled")
"""Settings that change no number."""
_UNSAID = ("out", "generator", "memory_format")
"""Arguments that say where a result lies, or by what it is drawn, and not what it is."""


def known(*names: str) -> Callable[[E], E]:
    """Registers an entry under the names of its functions, without the underscore of what works in place."""

    return _keep(KNOWN, names)


def complex_known(*names: str) -> Callable[[E], E]:
    """As `known`, for calls with complex numbers."""

    return _keep(COMPLEX, names)


def taking(make: Entry, *required: str, **settings: Any) -> Entry:
    """An entry that takes what is required, then settings with PyTorch's defaults, in PyTorch's order. `make` is given
    the former in order, the latter by name, without those that change no number."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(name, kind) for name in ("u", *required)]
    parameters += [inspect.Parameter(name, kind, default=given) for name, given in settings.items()]
    signature = inspect.Signature(parameters)

    def entry(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        given = bound.arguments
        return make(
            *(given[name] for name in ("u", *required)),
            **{name: given[name] for name in settings if name not in _IDLE},
        )

    entry.__signature__ = signature  # type: ignore[attr-defined]
    return entry


def uses(op: str, *required: str, **settings: Any) -> Entry:
    """An entry that is one operation: of what is required (`input` where nothing is named), with the settings."""

    def make(u: Call, *inputs: Any, **given: Any) -> Node:
        return u.use(op, *inputs, **{_ATTRIBUTES.get(name, name): value for name, value in given.items()})

    return taking(make, *(required or ("input",)), **settings)


def _keep(table: dict[str, Entry], names: Sequence[str]) -> Callable[[E], E]:
    def keep(make: E) -> E:
        for name in names:
            assert name not in table, name
            table[name] = make
        return make

    return keep


def key(name: str, table: Mapping[str, Entry] = KNOWN) -> str | None:
    """Under which name of `KNOWN` a function is found by its full name; None where bptui does not know it."""
    home, last = name.removesuffix(".__get__").rpartition(".")[0], short(name)
    return next((k for k in (f"{home}.{last}", last if home in HOMES else "") if k in table), None)


def entry_of(step: Step, event: Event) -> Entry | None:
    """The entry for an event: that for complex numbers where it has any."""
    values = step.values
    table = COMPLEX if any(values[v].complex for v in (*event.inputs, *event.outs)) else KNOWN
    found = key(event.name, table)
    return None if found is None else table[found]


def entry(name: str) -> Entry | None:
    """The entry for a function by its full name; None where bptui does not know it."""
    found = key(name)
    return None if found is None else KNOWN[found]


def knows(name: str) -> bool:
    """Does a function of this full name (`torch.nn.functional.linear`) stay one event?"""
    return key(name) is not None or key(name, COMPLEX) is not None


def said(shop: Workshop, event: Event) -> dict[int, Node]:
    """An event in bptui's operations: value → the node that holds it, of each of its results that has a kind of number
    with gradients. Lacks where bptui does not know it, or not so."""
    make = entry_of(shop.record.step, event)
    if make is None:
        complex_too = " with complex numbers" if entry(event.name) is not None else ""
        raise Lacks(f"bptui does not know {event.name}{complex_too}")
    call = Call(shop, event, short(event.name))
    try:
        return _said(call, make)
    except Lacks:
        raise
    except Exception as problem:  # arguments from a file may be anything: then nothing is said
        raise Lacks(f"{call.name}: {type(problem).__name__}: {problem}") from problem


@cache
def _parameters(make: Entry) -> Mapping[str, inspect.Parameter]:
    """What an entry takes: asked once, for there may be 10,000 calls of it."""
    return inspect.signature(make).parameters


def argument(event: Event, value: int) -> str:
    """As what a call reads a value: `target` of `mse_loss`; "" where bptui does not know the function, or the value is
    no argument of its own (it is one of a list)."""
    make = entry(event.name)
    named = (
        []
        if make is None
        else [p.name for p in list(_parameters(make).values())[1:] if p.kind is p.POSITIONAL_OR_KEYWORD]
    )
    read = [*zip(named, event.args, strict=False), *event.kwargs.items()]
    return next((name for name, item in read if item == {"v": value} and name.isidentifier()), "")


def _said(u: Call, make: Entry) -> dict[int, Node]:
    event, values, names = u.event, u.shop.record.step.values, _parameters(make)
    first = u.shop.builder.count
    args = [u.decoded(item) for item in event.args]
    given = {key: u.decoded(item) for key, item in event.kwargs.items() if key not in _UNSAID}
    made = make(u, *args, **{key if key in names else _ALIASES.get(key, key): item for key, item in given.items()})
    beside = [event.changed[value] for value in u.changed]
    wanted = [r for r in u.results if floating(r) and r.id not in beside]
    found = dict(zip(beside, u.changed.values(), strict=True))
    for result, node in zip(wanted, made if isinstance(made, list) else [made], strict=True):
        if result.id in event.outs:  # the others are its own arguments
            found[result.id] = node
    for value, node in found.items():
        if tuple(values[value].shape) != node.shape:
            u.lacks(f"{u.name}: shape {node.shape} where {tuple(values[value].shape)} was recorded")
        if node.id < first and node.wants_grad and not values[value].wants_grad and not u.shop.through:
            found[value] = u.use("detach", node)  # nothing flows back through this one, as it does through that
    if any(values[out].dtype in FLOATS and out not in found for out in event.outs):
        u.lacks(f"{u.name}: more results than bptui's")
    return found
