"""How a mistake gets into a row, and what the check says of it."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal
from unittest import mock

import numpy as np

from bptui.model.engine import ops
from bptui.model.engine.build import Builder
from bptui.model.engine.ops.base import Op
from bptui.model.engine.optimizers import OPTIMIZERS, Flat, Optimizer
from bptui.model.engine.recording import Recording
from bptui.symbolic.card.update import follow
from bptui.symbolic.check import check_step
from bptui.symbolic.formula.read import from_text
from bptui.symbolic.types import Report

from ..unit.symbolic.steps import graph_of, record
from . import composites
from .data import ARENAS, Arena


@dataclasses.dataclass(frozen=True)
class Backward:
    """A wrong backward rule: what it passes on to one input.

    `wrong` names what it is made of: inputs and attributes by their names, `y` the output, `g` ∂L/∂y, `d` the right
    answer (in the shape that a row's vjp fills). What has another shape of the same size is reshaped.
    """

    op: str
    told: str
    input: str
    arena: str
    wrong: Callable[..., Any]


@dataclasses.dataclass(frozen=True)
class Definition:
    """A wrong definition beside a right forward and vjp."""

    op: str
    told: str
    arena: str
    text: str


@dataclasses.dataclass(frozen=True)
class Planned:
    """A forward or a vjp whose numbers may be right, but which does to others what it must not, or not what it must
    where little is asked: `wrong` takes the place of the row's `part`."""

    op: str
    told: str
    arena: str
    part: Literal["forward", "vjp"]
    wrong: Callable[..., Any]


@dataclasses.dataclass(frozen=True)
class Rule:
    """A wrong update: the engine runs the optimizer's text with `find` replaced by `put`, the row says what it said."""

    kind: str
    told: str
    options: dict[str, Any]
    find: str
    put: str
    also: dict[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Patch:
    """A wrong part of the training step that no text can say: `wrong` takes the place of `name` in the engine, or of
    the optimizer's `emit`."""

    kind: str
    told: str
    name: str
    wrong: Any
    options: dict[str, Any] = dataclasses.field(default_factory=dict)


def backward(fault: Backward) -> Op:
    """The row with its contribution to one input made wrong."""
    row = ops.OPS[fault.op]
    names = list(inspect.signature(fault.wrong).parameters)
    position = row.input_names.index(fault.input)

    def vjp(emit: Any, ctx: Any) -> Any:
        ready = row.vjp(emit, ctx)
        if ctx.into[position] is None:
            return ready
        right = ctx.into[position] if ready is None or ready[position] is None else ready[position]
        made = emit.temp(right.shape)
        known = {
            **ctx.attributes,
            **dict(zip(row.input_names, ctx.inputs, strict=False)),
            "y": ctx.out,
            "g": ctx.upstream,
            "d": right,
        }

        def run() -> None:
            found = np.asarray(fault.wrong(*(known[name] for name in names)))
            made[...] = found.reshape(made.shape)

        emit(run)
        return [made if n == position else None if ready is None else ready[n] for n in range(len(ctx.into))]

    return dataclasses.replace(row, vjp=vjp)


def definition(fault: Definition) -> Op:
    """The row with another definition."""
    return dataclasses.replace(ops.OPS[fault.op], definition=fault.text, hint=None)


def planned(fault: Planned) -> Op:
    """The row with another forward or vjp."""
    return dataclasses.replace(ops.OPS[fault.op], **{fault.part: fault.wrong})


def step(row: Op, arena: Arena) -> Recording:
    """A training step around one use of a row, called `made`; ∂L/∂made is random."""
    return record(graph_of(row, *arena))


Fault = Backward | Definition | Planned | Rule | Patch | composites.Composite
_said: dict[int, tuple[Fault, Report]] = {}


def said(fault: Fault) -> Report:
    """All that `bptui check` says of a training step with a fault in it; asked once."""
    if id(fault) not in _said:
        if isinstance(fault, Rule | Patch):
            with updating(fault) as optimizer:
                rows = [row for n in (0, 2) for row in check_step(trained(optimizer, step=n)).rows]
        elif isinstance(fault, composites.Composite):
            rows = [*check_step(composites.step(fault)).rows]
        else:
            make: Any = {Backward: backward, Definition: definition, Planned: planned}[type(fault)]
            rows = [*check_step(step(make(fault), ARENAS[fault.arena])).rows]
        _said[id(fault)] = fault, Report(tuple(rows))
    return _said[id(fault)][1]


@contextmanager
def updating(fault: Rule | Patch) -> Iterator[Optimizer]:
    """An optimizer under which the engine does a wrong thing while its row says the right one."""
    kind = fault.kind if fault.kind in OPTIMIZERS else "sgd"
    optimizer = Optimizer(kind, **{"learning_rate": 0.1, **fault.options})
    if isinstance(fault, Patch) and fault.name != "emit":
        with mock.patch(fault.name, fault.wrong):
            yield optimizer
        return
    emit = fault.wrong if isinstance(fault, Patch) else _emit(optimizer, fault)
    row = dataclasses.replace(OPTIMIZERS[kind], emit=emit)
    with mock.patch("bptui.model.engine.optimizers.OPTIMIZERS", {**OPTIMIZERS, kind: row}):
        yield optimizer


def _emit(optimizer: Optimizer, fault: Rule) -> Any:
    """The wrong text as calls of the engine."""
    text = optimizer.definition
    for find, put in {fault.find: fault.put, **fault.also}.items():
        assert find in text, text
        text = text.replace(find, put)
    rule = from_text(text)

    def emit(emit: Any, o: Optimizer, flat: Flat) -> None:
        before = {"p": flat.p, "g": flat.g, **dict(zip(o.states, flat.states, strict=True))}

        def run() -> None:
            made = follow(rule, {**before, **o.symbols(flat.clock.step)})
            flat.p_new[...] = made["p_new"]
            for name, state in zip(o.states, flat.new, strict=True):
                state[...] = made[f"{name}_new"]

        emit(run)

    return emit


def trained(optimizer: Optimizer, step: int) -> Recording:
    """A training step (at the first, averages are still 0) of a network with a bias that is stretched over the batch
    and a value that is read twice: sum((tanh(z)*z)*scale), z = x @ w + b; for an update of all parameters together,
    which goes far, the sum of the sines, which has a least value, and places where its slope falls."""
    random = np.random.default_rng(3)
    builder = Builder()
    x = builder.leaf("x", "input", random.normal(size=(3, 4)), wants_grad=False)
    w = builder.leaf("w", "param", random.normal(size=(4, 5)))
    b = builder.leaf("b", "param", random.normal(size=5))
    z = builder.use("add", builder.use("matmul", x, w, name="h"), b, name="z")
    scale = builder.leaf("scale", "const", random.normal(size=(3, 5)), wants_grad=False)
    product = builder.use("mul", builder.use("tanh", z, name="a"), z, name="product")
    scaled = builder.use("mul", product, scale, name="scaled")
    bounded = scaled if optimizer.rule.room is None else builder.use("sin", scaled, name="bounded")
    graph = builder.finish(builder.use("sum", bounded, name="loss"))
    return record(graph, optimizer, step=step)
