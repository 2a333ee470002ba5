"""What a call or an update was told beside its tensors, and where two runs were told something else."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import fields
from typing import Any, NamedTuple

from bptui.model.base.numbers import apart, scientific, significant
from bptui.model.base.printable import one_line
from bptui.model.debugger.diff.calls import Call, captured
from bptui.model.debugger.diff.rows import Row
from bptui.model.engine.composites import composite_of
from bptui.model.engine.optimizers import Optimizer
from bptui.model.engine.recording import NotRecorded, Recording
from bptui.model.source.captured.known import entry
from bptui.model.source.captured.record import Event
from bptui.model.source.captured.recording import CapturedRecording

Told = Mapping[str, Any]
NOTHING = "none"


class Setting(NamedTuple):
    """A setting that the runs do not share: its name, and what it is in either, as text."""

    name: str
    a: str
    b: str


def different(row: Row, a: Recording, b: Recording) -> tuple[Setting, ...]:
    """The settings that differ at a row."""
    if row.phase == "update":
        told = _update(row, a, b)
    elif row.pair.a is not None and row.pair.b is not None:
        told = _call(row.pair.a, row.pair.b, a, b)
    else:
        told = _around(row, a, b)
    return tuple(_apart(*told))


def _apart(a: Told, b: Told) -> Iterator[Setting]:
    for name in dict.fromkeys((*a, *b)):
        one, other = a.get(name), b.get(name)
        if one != other and not (one != one and other != other):  # NaN is itself
            yield Setting(one_line(name), *map(one_line, _texts(one, other)))


def _texts(one: Any, other: Any) -> tuple[str, str]:
    if _number(one) and _number(other):
        texts = apart(one, other)
        if any("e" in text for text in texts) and max(abs(one), abs(other)) < 0.1:  # 1e-5 and 1e-3, not 0.001
            return _power(one), _power(other)
        return texts
    return text(one), text(other)


def _power(x: float) -> str:
    mantissa, _, power = scientific(x, 5).partition("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{power}" if x else "0"


def _number(x: Any) -> bool:
    return isinstance(x, int | float) and not isinstance(x, bool)


def text(x: Any) -> str:
    """A setting as one reads it: `1e-5`, `yes`, `(16)`, `float32`."""
    if x is None:
        return NOTHING
    if isinstance(x, bool):
        return "yes" if x else "no"
    if _number(x):
        return str(x) if isinstance(x, int) else significant(x)
    if isinstance(x, list | tuple):
        return f"({', '.join(map(text, x))})"
    if isinstance(x, dict):
        return ", ".join(text(item) for item in x.values())
    return str(x)


# ------------------------------------------------------------------------------------------------------------- calls
def _around(row: Row, a: Recording, b: Recording) -> tuple[Told, Told]:
    """Of a call that only one run has: the modes of the modules in which it is, where the other has them too."""
    first, second = captured(a), captured(b)
    if first is None or second is None or row.call is None or row.call.event is None:
        return {}, {}
    told = [_training(row.call.event, run) for run in (first, second)]
    shared = told[0].keys() & told[1].keys()
    return {name: told[0][name] for name in shared}, {name: told[1][name] for name in shared}


def _call(one: Call, other: Call, a: Recording, b: Recording) -> tuple[Told, Told]:
    first, second = captured(a), captured(b)
    if first is None or second is None or one.event is None or other.event is None:
        return {**_attributes(one, a), **_kinds(one, a)}, {**_attributes(other, b), **_kinds(other, b)}
    return _event(one, one.event, first), _event(other, other.event, second)


def _kinds(call: Call, run: Recording) -> Told:
    """The kind of number of what it gives."""
    return {"kind of number": run.dtype(call.results[0])}


def _event(call: Call, event: Event, run: CapturedRecording) -> Told:
    """The arguments of an event that are no values, by PyTorch's names; the region and the module that it is in."""
    return {
        **({"function": event.name} if entry(event.name) is None else {}),
        **arguments(event),
        "autocast": event.notes.get("autocast"),
        "gradients": not event.notes.get("no_grad", False),
        **_kinds(call, run),
        **_training(event, run),
    }


def _training(event: Event, run: CapturedRecording) -> Told:
    """Whether the modules around an event were in training mode."""
    modules, path = run.record.step.modules, event.module.split(".")
    above = (".".join(path[: n + 1]) for n in range(len(path)))
    return {f"training of {name}": modules[name].training for name in above if name in modules}


def arguments(event: Event) -> dict[str, Any]:
    """What an event was given beside values, its defaults too; by position where bptui does not know the function."""
    found: dict[str, Any] = {f"argument {n}": item for n, item in enumerate(event.args, 1)} | event.kwargs
    make = entry(event.name)
    if make is not None:
        with suppress(TypeError):  # it is called in a way that bptui does not know
            found = _bound(inspect.signature(make), event)
    return {name: item for name, item in found.items() if not _has_value(item) and not name.startswith("_")}


def _bound(signature: inspect.Signature, event: Event) -> dict[str, Any]:
    """The arguments by the names of PyTorch's signature, which an entry has after its first parameter."""
    bound = signature.bind(None, *event.args, **event.kwargs)
    bound.apply_defaults()
    found: dict[str, Any] = {}
    for name, item in list(bound.arguments.items())[1:]:
        kind = signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_KEYWORD:
            found |= item
        elif kind is inspect.Parameter.VAR_POSITIONAL:
            found |= {f"{name} {n}": each for n, each in enumerate(item, 1)}
        else:
            found[name] = item
    return found


def _has_value(item: Any) -> bool:
    if isinstance(item, dict):
        return "v" in item or any(_has_value(part) for part in item.values())
    return isinstance(item, list | tuple) and any(_has_value(part) for part in item)


def _attributes(call: Call, run: Recording) -> Told:
    """The attributes of its operations, by bptui's names, and the numbers that are written in it."""
    graph = run.graph
    composite = composite_of(graph, graph.nodes[call.nodes[-1]])
    if composite is not None:
        return dict(composite.call.attributes)
    found: dict[str, Any] = {}
    for i in call.nodes:
        node = graph.nodes[i]
        found |= node.attributes
        for k in node.inputs:
            written = graph.nodes[k].value if graph.nodes[k].role == "const" else None
            if written is not None and written.size == 1:
                found["number"] = float(written)
    return found


# ----------------------------------------------------------------------------------------------------------- updates
def _update(row: Row, a: Recording, b: Recording) -> tuple[Told, Told]:
    (i, j), first, second = row.nodes[0] if row.nodes else (0, 0), captured(a), captured(b)
    if not row.nodes:
        return {}, {}
    if first is not None and second is not None:
        return _group(first, i, row.turn), _group(second, j, row.turn)
    return _rule(a, i, row.turn), _rule(b, j, row.turn)


def _group(run: CapturedRecording, node: int, turn: int) -> Told:
    found = run.turn(node, turn)
    if found is None:
        return {}
    update, group, moved = found
    carried = any(moved.value in backward.carried for backward in run.record.step.backwards)
    return {"optimizer": update.kind, "gradient carried over": carried, **group.options, "skipped": update.skipped}


def _rule(run: Recording, node: int, turn: int) -> Told:
    try:
        rule = run.update_rule(node, turn)
    except NotRecorded as why:
        return {"optimizer": str(why)}
    return {each.name: getattr(rule, each.name) for each in fields(Optimizer) if each.name != "first"}
