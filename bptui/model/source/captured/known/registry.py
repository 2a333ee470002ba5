"""Which function of PyTorch an entry is for, and how a recorded call is given to it.

A function is known by its full name, as PyTorch's documentation has it: a library's own `linear` is not PyTorch's.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from bptui.model.engine.graph import Node
from bptui.model.source.captured.call import Call, Lacks, Ref, floating

Entry = Callable[..., Any]
E = TypeVar("E", bound=Entry)

KNOWN: dict[str, Entry] = {}
"""A full name, or a short one for the function of that name in each of `HOMES`."""

HOMES = ("torch", "torch.Tensor", "torch.functional", "torch.nn.functional")
"""Where PyTorch keeps what has one name and one signature as a function and as a method. Its other modules
(`torch.linalg`, `torch.special`) mean something else by some of these names: their functions are named in full."""

_ALIASES = {"axis": "dim", "keepdims": "keepdim", "x": "input", "a": "input", "x1": "input", "x2": "other"}
"""NumPy's names for arguments, which PyTorch takes in the place of its own."""
_DROPPED = ("out", "generator")
"""Arguments that say where the result goes, or by what it is drawn, not what it is."""


def known(*names: str) -> Callable[[E], E]:
    """Registers an entry under the names of its functions, without the underscore of what works in place."""

    def keep(make: E) -> E:
        for name in names:
            assert name not in KNOWN, name
            KNOWN[name] = make
        return make

    return keep


def short(name: str) -> str:
    """`torch.Tensor.add_` → `add`, `torch.Tensor.mT.__get__` → `mT`, `torch.Tensor.__iadd__` → `__add__`."""
    parts = name.split(".")
    last = parts[-2] if parts[-1] == "__get__" else parts[-1]
    if last.startswith("__i") and last not in ("__invert__", "__index__", "__init__"):
        last = last.replace("__i", "__", 1)
    return last.rstrip("_") if last.endswith("_") and not last.endswith("__") else last


def key(name: str) -> str | None:
    """Under which name of `KNOWN` a function is found by its full name; None where bptui does not know it."""
    home, last = name.removesuffix(".__get__").rpartition(".")[0], short(name)
    return next((k for k in (f"{home}.{last}", last if home in HOMES else "") if k in KNOWN), None)


def find(name: str) -> Entry | None:
    """The entry for a function by its full name; None where bptui does not know it."""
    found = key(name)
    return None if found is None else KNOWN[found]


def knows(name: str) -> bool:
    """Does a function stay one event? By its full name (`torch.nn.functional.linear`)."""
    return key(name) is not None


def nodes(call: Call) -> list[Node]:
    """The nodes of the call's results that have a kind of number with gradients, in their order (those of what it
    changes beside them are in `call.changed`). Lacks where bptui cannot say exactly what was called."""
    entry = find(call.event.name)
    if entry is None:
        call.lacks(f"{call.event.name} is not known")
    try:
        return _nodes(call, entry)
    except Lacks:
        raise
    except Exception as problem:  # arguments from a file may be anything: then nothing is said
        raise Lacks(f"{call.name}: {type(problem).__name__}: {problem}") from problem


def _nodes(call: Call, entry: Entry) -> list[Node]:
    event, names = call.event, inspect.signature(entry).parameters
    args = [call.decoded(item) for item in event.args]
    given = {key: call.decoded(item) for key, item in event.kwargs.items() if key not in _DROPPED}
    kwargs = {key if key in names else _ALIASES.get(key, key): item for key, item in given.items()}
    if any(r.dtype.startswith("complex") for r in (*call.results, *map(call.ref, event.inputs))):
        call.lacks(f"{call.name} of complex numbers")
    made = entry(call, *args, **kwargs)
    found: list[Node] = [call.node(x) for x in (made if isinstance(made, list) else [made])]
    wanted = results(call)
    if len(found) != len(wanted) or any(n.shape != r.shape for n, r in zip(found, wanted, strict=True)):
        shapes = f"{[n.shape for n in found]}, recorded {[r.shape for r in wanted]}"
        call.lacks(f"{call.name}: gives {shapes}")
    return found


def results(call: Call) -> list[Ref]:
    """The results that have a kind of number with gradients, but what is changed beside them."""
    beside = {call.event.changed[before] for before in call.changed if before in call.event.changed}
    return [r for r in call.results if floating(r) and r.id not in beside]
