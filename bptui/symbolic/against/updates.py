"""Why somebody else's parameter after the update is another: the optimizer's rule with one thing done differently."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from bptui.model.base.numbers import significant
from bptui.model.base.types import Array
from bptui.model.engine.optimizers import FLAGS, OPTIMIZERS, Optimizer
from bptui.model.engine.recording import NotRecorded, Recording
from bptui.symbolic.against.causes import MOST, Cause, Why
from bptui.symbolic.against.compare import Compared
from bptui.symbolic.card.update import follow, inputs, statements
from bptui.symbolic.formula import tree as t
from bptui.symbolic.formula.read import from_text
from bptui.symbolic.formula.tree import Statement

Rule = tuple[Statement, ...]


def explained(recording: Recording, c: Compared, theirs: Array | None) -> Why:
    """What gives their parameter. `theirs`: their gradient of it, where they gave one that is another."""
    try:
        given = {name: np.asarray(x, np.float64) for name, x in inputs(recording, c.node).items()}
    except NotRecorded:
        return Why()
    causes: list[Cause] = []
    optimizer = recording.update_rule(c.node)
    if optimizer.rule.room is not None:  # of all parameters together: no rule of one element to be written otherwise
        same = c.agrees(given["p"])
        return Why(causes=[Cause("not updated", "that is the parameter before the update")] if same else [])
    for cause, rule, known in _variants(optimizer, given):
        with np.errstate(all="ignore"):
            made = follow(rule, known)["p_new"]
        if c.agrees(np.broadcast_to(made, c.ours.shape)):
            causes.append(cause)
    if theirs is not None:
        made = follow(statements(optimizer), {**given, "g": theirs})["p_new"]
        if c.agrees(np.broadcast_to(made, c.ours.shape)):
            return Why(follows=f"gradient of {c.node.name}")
    if c.agrees(given["p"]):
        causes.append(Cause("not updated", "that is the parameter before the update"))
    return Why(causes=causes[:MOST], others=max(0, len(causes) - MOST))


def _variants(o: Optimizer, given: dict[str, Array]) -> Iterator[tuple[Cause, Rule, dict[str, Array]]]:
    rule = statements(o)
    for hat in [s for s in rule if isinstance(s.target, t.Name) and s.target.name.endswith("_hat")]:
        assert isinstance(hat.target, t.Name)
        text = f"{hat.target.name} without its correction for the start at 0"
        yield Cause("not bias-corrected", text), _set(rule, hat.target.name, _corrected(hat)), given
    hats = [s for s in rule if isinstance(s.target, t.Name) and s.target.name.endswith("_hat")]
    if hats:
        plain = rule
        for hat in hats:
            assert isinstance(hat.target, t.Name)
            plain = _set(plain, hat.target.name, _corrected(hat))
        yield Cause("not bias-corrected", "m_hat and v_hat without their corrections for the start at 0"), plain, given
        early = {**given, "t": given["t"] - 1}
        if float(early["t"]) > 0:
            yield Cause("t from 0", "t counted from 0: it is 1 in the first update"), rule, early
        first = {**given, "t": np.asarray(1.0)}
        if float(given["t"]) > 1:
            yield Cause("missing power", "1 - beta for 1 - beta**t"), rule, first
    yield Cause("sign", "the sign: p + lr*… goes uphill"), rule, {**given, "lr": -given["lr"]}
    for other in _others(o):
        text = f"that is {_called(other)}, and the optimizer here is {_called(o)}"
        yield Cause("another rule", text), statements(other), _known(other, given)
    if "eps" in given:
        inside = from_text(o.definition.replace("(sqrt(v_hat) + eps)", "sqrt(v_hat + eps)").replace(
            "(sqrt(v_new) + eps)", "sqrt(v_new + eps)"))  # fmt: skip
        yield Cause("eps", "eps inside of the root"), inside, given
        for eps in (1e-3, 1e-5, 1e-6, 1e-7, 1e-8, 1e-10, 0.0):
            yield (
                Cause("eps", f"eps {significant(eps)} for {significant(float(given['eps']))}"),
                rule,
                {**given, "eps": np.asarray(eps)},
            )
    for factor in (2.0, 0.5, 10.0, 0.1):
        rate = float(given["lr"]) * factor
        yield Cause("rate", f"a learning rate of {significant(rate)}"), rule, {**given, "lr": np.asarray(rate)}


def _corrected(hat: Statement) -> t.Tree:
    """What is corrected: `m_new` of `m_hat = m_new/(1 - beta1**t)`."""
    assert isinstance(hat.value, t.Div)
    return hat.value.top


def _set(rule: Rule, name: str, value: t.Tree) -> Rule:
    return tuple(Statement(s.target, value) if s.target == t.Name(name) else s for s in rule)


def _others(o: Optimizer) -> Iterator[Optimizer]:
    """Other rules that one may have written: without momentum, nesterov, decay; decay coupled or not; other kinds."""
    for name in ("momentum", "dampening", "nesterov", "weight_decay", "maximize"):
        if getattr(o, name, None):
            off = {name: False if name in FLAGS else 0.0}
            off |= {"nesterov": False} if name == "momentum" and o.nesterov else {}
            yield replace(o, **off)  # type: ignore[arg-type]
    if o.momentum and not o.nesterov:
        yield replace(o, nesterov=True)
    for kind in OPTIMIZERS:
        if kind != o.kind and OPTIMIZERS[kind].room is None:
            kept = {n: getattr(o, n) for n in OPTIMIZERS[kind].options if n in o.rule.options}
            yield Optimizer(kind, o.learning_rate, **kept)


def _known(other: Optimizer, given: dict[str, Array]) -> dict[str, Array]:
    """The numbers of another rule: states that ours does not carry are as at first."""
    fresh = {name: np.full_like(given["p"], start) for name, start in other.starts.items() if name not in given}
    options = {name: np.asarray(x) for name, x in other.symbols(0).items() if name not in ("lr", "t")}
    return {**fresh, **given, **options}


def _called(o: Optimizer) -> str:
    """`sgd with momentum 0.9`."""
    options = [f"{n.replace('_', ' ')} {significant(float(x))}" for n in o.rule.options
               if (x := getattr(o, n)) and n in ("momentum", "weight_decay")]  # fmt: skip
    options += ["nesterov"] if o.nesterov else []
    return o.kind + (f" with {', '.join(options)}" if options else " alone" if o.kind == "sgd" else "")
